/* SPDX-License-Identifier: MIT */
/* channel.c - see channel.h */
#include "seam/channel.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for more than the one that is allowed, so that those too many arrive, and are closed. */
#define FDS_MAX 4

static_assert(sizeof(struct sheaf_message) == 16 + 8 * SHEAF_CHANNEL_VALUES + SHEAF_CHANNEL_TEXT,
	      "no padding: the whole message goes out");

struct call_row {
	const char *name;
	bool has_fd;
};

static const struct call_row calls[SHEAF_CALLS] = {
	[SHEAF_CALL_NONE] = { "none", false },
	[SHEAF_CALL_START] = { "start", false },
	[SHEAF_CALL_IMAGE] = { "image", true },
	[SHEAF_CALL_CREATE] = { "create", false },
	[SHEAF_CALL_INITIALIZE_CONTROLLER] = { "initialize_controller", false },
	[SHEAF_CALL_REPORT_INITIATOR_IDENTIFIER] = { "report_initiator_identifier", false },
	[SHEAF_CALL_REPORT_HIGHEST_SUPPORTED_DEVICE_ID] = { "report_highest_supported_device_id",
							    false },
	[SHEAF_CALL_REPORT_MAXIMUM_TASK_COUNT] = { "report_maximum_task_count", false },
	[SHEAF_CALL_REPORT_MAXIMUM_CONTEXT_COUNT] = { "report_maximum_context_count", false },
	[SHEAF_CALL_MAP_DATA_AREA] = { "map_data_area", true },
	[SHEAF_CALL_MAP_HBA_DATA] = { "map_hba_data", false },
	[SHEAF_CALL_MAP_BUFFERS] = { "map_bundled_parallel_task_command_and_response_buffers",
				     false },
	[SHEAF_CALL_START_CONTROLLER] = { "start_controller", false },
	[SHEAF_CALL_DOES_HBA_PERFORM_DEVICE_MANAGEMENT] = { "does_hba_perform_device_management",
							    false },
	[SHEAF_CALL_REPORT_HBA_HIGHEST_LOGICAL_UNIT_NUMBER] = { "report_hba_highest_logical_unit_"
								"number",
								false },
	[SHEAF_CALL_DOES_HBA_SUPPORT_SCSI_PARALLEL_FEATURE] = { "does_hba_support_scsi_parallel_"
								"feature",
								false },
	[SHEAF_CALL_DOES_HBA_PERFORM_AUTO_SENSE] = { "does_hba_perform_auto_sense", false },
	[SHEAF_CALL_DOES_HBA_SUPPORT_MULTI_PATHING] = { "does_hba_support_multi_pathing", false },
	[SHEAF_CALL_INITIALIZE_TARGET_FOR_ID] = { "initialize_target_for_id", false },
	[SHEAF_CALL_QUEUE] = { "queue", true },
	[SHEAF_CALL_WORKER] = { "create_context", true },
	[SHEAF_CALL_RUN] = { "run", false },
	[SHEAF_CALL_ABORT_TASK_REQUEST] = { "abort_task_request", false },
	[SHEAF_CALL_ABORT_TASK_SET_REQUEST] = { "abort_task_set_request", false },
	[SHEAF_CALL_CLEAR_ACA_REQUEST] = { "clear_aca_request", false },
	[SHEAF_CALL_CLEAR_TASK_SET_REQUEST] = { "clear_task_set_request", false },
	[SHEAF_CALL_LOGICAL_UNIT_RESET_REQUEST] = { "logical_unit_reset_request", false },
	[SHEAF_CALL_TARGET_RESET_REQUEST] = { "target_reset_request", false },
	[SHEAF_CALL_STOP] = { "stop", false },
	[SHEAF_CALL_RESIZE] = { "resize", false },
};

const char *sheaf_call_name(enum sheaf_call call)
{
	return (unsigned)call < SHEAF_CALLS ? calls[call].name : "unknown";
}

int sheaf_channel_send(int fd, struct sheaf_message *message, int passed_fd)
{
	struct iovec iov = { .iov_base = message, .iov_len = sizeof(*message) };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	message->magic = SHEAF_CHANNEL_MAGIC;
	message->version = SHEAF_CHANNEL_VERSION;
	if (passed_fd >= 0) {
		memset(&control, 0, sizeof(control));
		header.msg_control = &control;
		header.msg_controllen = sizeof(control.bytes);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &passed_fd, sizeof(int));
	}
	do
		n = sendmsg(fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* The first descriptor that came, or -1; all others are closed. */
static int take_fds(struct msghdr *header, unsigned *ret_count)
{
	int taken = -1;

	*ret_count = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if ((*ret_count)++ == 0)
				taken = fd;
			else
				close(fd);
		}
	}
	return taken;
}

static bool is_message(const struct sheaf_message *m, ssize_t n, const struct msghdr *header)
{
	return n == sizeof(*m) && !(header->msg_flags & MSG_TRUNC) &&
	       m->magic == SHEAF_CHANNEL_MAGIC && m->version == SHEAF_CHANNEL_VERSION &&
	       m->call > SHEAF_CALL_NONE && m->call < SHEAF_CALLS &&
	       m->text[SHEAF_CHANNEL_TEXT - 1] == '\0';
}

int sheaf_channel_receive(int fd, struct sheaf_message *message, int *ret_fd)
{
	struct iovec iov = { .iov_base = message, .iov_len = sizeof(*message) };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct msghdr header = { .msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control.bytes) };
	unsigned fds;
	ssize_t n;
	int passed;

	if (ret_fd)
		*ret_fd = -1;
	do
		n = recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	passed = take_fds(&header, &fds);
	if (n == 0 && fds == 0)
		return -ECONNRESET;
	if (!is_message(message, n, &header) || (header.msg_flags & MSG_CTRUNC) ||
	    fds != (ret_fd && calls[message->call].has_fd ? 1u : 0u)) {
		if (passed >= 0)
			close(passed);
		return -EPROTO;
	}
	if (ret_fd)
		*ret_fd = passed;
	return 1;
}
