/* SPDX-License-Identifier: MIT */
/* driver_image.c - see driver_image.h; the numbers are its points. */
#include "host/driver_image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* Far beyond any image, and beyond the bytes that QEMU and image_lock.c use. */
#define FENCE_BYTE INT64_C(0x7fffffffffff0000)

static struct flock fence_lock(short type)
{
	return (struct flock){
		.l_type = type, .l_whence = SEEK_SET, .l_start = FENCE_BYTE, .l_len = 1
	};
}

/* An open file description of its own, or -errno. */
static int open_anew(const struct sheaf_driver_file *file)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file->fd);
	fd = open(path, (file->read_only ? O_RDONLY : O_RDWR) | (file->direct ? O_DIRECT : 0) |
				O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

int sheaf_driver_file_open(struct sheaf_driver_file *file)
{
	struct flock lock = fence_lock(file->read_only ? F_RDLCK : F_WRLCK);
	int fd = open_anew(file);

	file->fenced = false;
	if (fd < 0) {
		sheaf_info("%s: the driver shares our descriptor (%s)", file->path, strerror(-fd));
		fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
		return fd < 0 ? -errno : fd;
	}
	/* What only reads need not be fenced off. */
	if (file->read_only)
		return fd;
	file->fenced = fcntl(fd, F_OFD_SETLK, &lock) == 0;
	if (!file->fenced)
		sheaf_info("%s: no lock tells when the driver's last write is over (%s)",
			   file->path, strerror(errno));
	return fd;
}

bool sheaf_driver_file_is_free(const struct sheaf_driver_file *file)
{
	struct flock lock = fence_lock(F_WRLCK);

	if (!file->fenced || fcntl(file->fd, F_OFD_GETLK, &lock) < 0)
		return true;
	return lock.l_type == F_UNLCK;
}

void sheaf_driver_file_look_for_errors(struct sheaf_driver_file *file)
{
	if (file->read_only || file->flush_error)
		return;
	if (sync_file_range(file->fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE) < 0 &&
	    (errno == EIO || errno == ENOSPC || errno == EDQUOT)) {
		file->flush_error = -errno;
		sheaf_error("%s: a write-back failed (%s); no flush of it succeeds until it is "
			    "served anew",
			    file->path, strerror(errno));
	}
}
