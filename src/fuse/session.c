/* SPDX-License-Identifier: MIT */
/*
 * session.c - mount and FUSE_INIT with libfuse, over custom I/O
 *
 * libfuse keeps mount, options, INIT and all metadata operations; data operations never reach it. Its replies come
 * through reply_writev(), which sends them on the device (or clone) that the request came from, and mends the
 * reply to INIT.
 */
#include "fuse/fuse.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "fuse/task.h"

/* FUSE_INIT comes at once with the mount; a kernel that does not send it is broken. */
#define INIT_TIMEOUT_MS 10000
#define INIT_BUFFER_BYTES (SHEAF_MAX_WRITE + 8192)

/* The request that this thread has given to libfuse: where its reply goes. */
static _Thread_local struct sheaf_fuse_queue *current_queue;
static _Thread_local struct sheaf_fuse *current_init;

/* The reply to INIT, fuse->over_uring included: what libfuse 3.14 has no field for, and what it sets and we do not want. */
static void mend_init_reply(const struct sheaf_fuse *fuse, struct fuse_init_out *out)
{
	/* The kernel would zero the size by itself. */
	out->flags &= ~(uint32_t)FUSE_ATOMIC_O_TRUNC;
	/* Nothing but us changes the data. */
	out->flags &= ~(uint32_t)FUSE_AUTO_INVAL_DATA;
	if (fuse->over_uring) {
		out->flags |= FUSE_INIT_EXT;
		out->flags2 |= SHEAF_FLAGS2_OVER_IO_URING;
	}
	if (!fuse->cache && fuse->init_flags2 & SHEAF_FLAGS2_DIRECT_IO_ALLOW_MMAP) {
		out->flags |= FUSE_INIT_EXT;
		out->flags2 |= SHEAF_FLAGS2_DIRECT_IO_ALLOW_MMAP;
	}
}

static ssize_t reply_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	struct fuse_init_out init;
	struct iovec mended[2];

	(void)userdata;
	if (current_init && count == 2 && iov[1].iov_len >= sizeof(init)) {
		memcpy(&init, iov[1].iov_base, sizeof(init));
		mend_init_reply(current_init, &init);
		mended[0] = iov[0];
		mended[1] = (struct iovec){ &init, sizeof(init) };
		struct fuse_out_header *header = iov[0].iov_base;
		header->len = (uint32_t)(iov[0].iov_len + sizeof(init));
		return writev(fd, mended, 2);
	}
	if (current_queue && current_queue->cold_request) {
		ssize_t length = 0;

		for (int i = 0; i < count; i++)
			length += (ssize_t)iov[i].iov_len;
		sheaf_fuse_ring_cold_reply(current_queue->cold_request, iov, count);
		return length;
	}
	/* Notifications have no request; they go to the session's own device. */
	return writev(current_queue ? current_queue->fd : fd, iov, count);
}

/* Never called: requests are read by the transport. Custom I/O must have it. */
static ssize_t refuse_read(int fd, void *buffer, size_t length, void *userdata)
{
	(void)fd, (void)buffer, (void)length, (void)userdata;
	errno = EINVAL;
	return -1;
}

void sheaf_session_process(struct sheaf_fuse_queue *fq, void *message, size_t length)
{
	struct fuse_buf buffer = { .size = length, .mem = message };

	current_queue = fq;
	fuse_session_process_buf(fq->fuse->session, &buffer);
	current_queue = NULL;
}

void *sheaf_session_scratch(void)
{
	const struct sheaf_fuse_queue *fq = current_queue;

	return fq->cold_request ? sheaf_request_buffer(fq->cold_request) :
				  fq->cold + SHEAF_FUSE_HEAD_BYTES;
}

/* Read FUSE_INIT and have it answered, before any loop runs. */
static int answer_init(struct sheaf_fuse *fuse)
{
	struct pollfd ready = { .fd = fuse->device_fd, .events = POLLIN };
	CLEANUP_FREE void *buffer = malloc(INIT_BUFFER_BYTES);
	ssize_t n;

	if (!buffer)
		return -ENOMEM;
	do {
		if (poll(&ready, 1, INIT_TIMEOUT_MS) <= 0)
			return -ETIMEDOUT;
		n = read(fuse->device_fd, buffer, INIT_BUFFER_BYTES);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT));
	if (n < 0)
		return -errno;
	const struct fuse_in_header *header = buffer;
	const struct fuse_init_in *init = (const void *)(header + 1);

	if ((size_t)n < sizeof(*header) || header->opcode != FUSE_INIT)
		return -EPROTO;
	if ((size_t)n >= sizeof(*header) + sizeof(*init) && init->flags & FUSE_INIT_EXT)
		fuse->init_flags2 = init->flags2;
	fuse->over_uring = fuse->want_uring && fuse->init_flags2 & SHEAF_FLAGS2_OVER_IO_URING;
	struct fuse_buf message = { .size = (size_t)n, .mem = buffer };

	current_init = fuse;
	fuse_session_process_buf(fuse->session, &message);
	current_init = NULL;
	return fuse_session_exited(fuse->session) ? -EPROTO : 0;
}

int sheaf_session_mount(struct sheaf_fuse *fuse, const char *options)
{
	static const struct fuse_custom_io io = { .writev = reply_writev, .read = refuse_read };
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	int r;

	if (fuse_opt_add_arg(&args, "sheaf") < 0 || fuse_opt_add_arg(&args, "-o") < 0 ||
	    fuse_opt_add_arg(&args, options) < 0)
		return -ENOMEM;
	fuse->session = fuse_session_new(&args, &sheaf_cold_ops, sizeof(sheaf_cold_ops), fuse);
	fuse_opt_free_args(&args);
	if (!fuse->session) {
		sheaf_error("libfuse does not take these mount options: %s", options);
		return -EINVAL;
	}
	if (fuse_session_mount(fuse->session, fuse->mountpoint) < 0) {
		r = errno ? -errno : -EIO;
		sheaf_error("%s: cannot mount here", fuse->mountpoint);
		fuse_session_destroy(fuse->session);
		fuse->session = NULL;
		return r;
	}
	fuse->device_fd = fuse_session_fd(fuse->session);
	r = fuse_session_custom_io(fuse->session, &io, fuse->device_fd);
	if (r == 0)
		r = fcntl(fuse->device_fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
	if (r == 0)
		r = answer_init(fuse);
	if (r < 0) {
		sheaf_error("%s: the kernel's FUSE did not start: %s", fuse->mountpoint,
			    strerror(-r));
		sheaf_session_destroy(fuse);
	}
	return r;
}

void sheaf_session_destroy(struct sheaf_fuse *fuse)
{
	if (!fuse->session)
		return;
	fuse_session_unmount(fuse->session);
	fuse_session_destroy(fuse->session);
	fuse->session = NULL;
}

int sheaf_session_clone(struct sheaf_fuse *fuse)
{
	CLEANUP_CLOSE int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	uint32_t from = (uint32_t)fuse->device_fd;

	if (fd < 0 || ioctl(fd, FUSE_DEV_IOC_CLONE, &from) < 0)
		return -errno;
	return sheaf_steal_fd(fd);
}
