/* SPDX-License-Identifier: MIT */
/* driver_remote.c - see driver_remote.h; the numbers are its invariants. */
#include "host/driver_remote.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>

#include "base/clock.h"

#define BRING_UP_MS   10000
#define MANAGEMENT_MS 1000
/* Answers to earlier requests that may lie in the socket. */
#define STALE_MAX 16
#define ERRNO_MAX 4095

/* 0 when something is to be read. */
static int wait_for_answer(const struct sheaf_remote *remote, uint64_t until_ns)
{
	struct pollfd fds[] = { { .fd = remote->fd, .events = POLLIN },
				{ .fd = remote->pidfd, .events = POLLIN } };

	for (;;) {
		uint64_t now_ns = sheaf_clock_ns();
		int n;

		if (now_ns >= until_ns)
			return -ETIMEDOUT;
		n = poll(fds, 2, (int)((until_ns - now_ns) / 1000000) + 1);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && fds[0].revents)
			return 0;
		if (n > 0 && fds[1].revents)
			return -EPIPE;
	}
}

static int take_answer(const struct sheaf_remote *remote, uint16_t call,
		       struct sheaf_message *message, uint64_t until_ns)
{
	unsigned stale = 0;

	for (;;) {
		int r = wait_for_answer(remote, until_ns);

		if (r < 0)
			return r;
		r = sheaf_channel_receive(remote->fd, message, NULL);
		if (r == 0)
			continue;
		if (r < 0)
			return r == -ECONNRESET ? -EPIPE : r;
		if (message->number == remote->number && message->call == call)
			break;
		if (++stale > STALE_MAX)
			return -EPROTO;
	}
	return message->result > 0 || message->result < -ERRNO_MAX ? -EPROTO : message->result;
}

/* Lock held. */
static int call_locked(struct sheaf_remote *remote, enum sheaf_call call,
		       struct sheaf_message *message, int passed_fd, int limit_ms)
{
	uint64_t until_ns = sheaf_clock_ns() + (uint64_t)limit_ms * 1000000;
	int r;

	if (remote->fd < 0)
		return -EPIPE;
	message->call = (uint16_t)call;
	message->number = ++remote->number;
	message->result = 0;
	r = sheaf_channel_send(remote->fd, message, passed_fd);
	if (r == -EAGAIN)
		return -ETIMEDOUT; /* it has not read what came before */
	if (r < 0)
		return r == -ECONNRESET ? -EPIPE : r;
	return take_answer(remote, (uint16_t)call, message, until_ns);
}

int sheaf_remote_call(struct sheaf_remote *remote, enum sheaf_call call,
		      struct sheaf_message *message, int passed_fd)
{
	bool manages = call >= SHEAF_CALL_ABORT_TASK_REQUEST && call <= SHEAF_CALL_STOP;
	int limit_ms = manages ? remote->management_ms : remote->bring_up_ms;
	int r;

	pthread_mutex_lock(&remote->lock);
	r = call_locked(remote, call, message, passed_fd, limit_ms);
	pthread_mutex_unlock(&remote->lock);
	return r;
}

/* A request without arguments and an answer without values. */
static int call_plain(void *controller, enum sheaf_call call)
{
	struct sheaf_message m = { 0 };

	return sheaf_remote_call(controller, call, &m, -1);
}

/* A request with up to one argument, and one value that is no larger than @max. */
static int call_value(void *controller, enum sheaf_call call, uint64_t argument, uint64_t max,
		      uint64_t *ret)
{
	struct sheaf_message m = { .values[0] = argument };
	int r = sheaf_remote_call(controller, call, &m, -1);

	if (r == 0 && m.values[0] > max)
		r = -EPROTO;
	if (r == 0)
		*ret = m.values[0];
	return r;
}

static int call_u32(void *controller, enum sheaf_call call, uint32_t *ret)
{
	uint64_t value = 0;
	int r = call_value(controller, call, 0, UINT32_MAX, &value);

	if (r == 0)
		*ret = (uint32_t)value;
	return r;
}

static int call_bool(void *controller, enum sheaf_call call, uint64_t argument, bool *ret)
{
	uint64_t value = 0;
	int r = call_value(controller, call, argument, 1, &value);

	if (r == 0)
		*ret = value;
	return r;
}

/* The methods, in the table's order */

static int initialize_controller(void *controller)
{
	return call_plain(controller, SHEAF_CALL_INITIALIZE_CONTROLLER);
}

static int report_initiator_identifier(void *controller, uint64_t *ret)
{
	return call_value(controller, SHEAF_CALL_REPORT_INITIATOR_IDENTIFIER, 0, UINT64_MAX, ret);
}

static int report_highest_supported_device_id(void *controller, uint64_t *ret)
{
	return call_value(controller, SHEAF_CALL_REPORT_HIGHEST_SUPPORTED_DEVICE_ID, 0, UINT64_MAX,
			  ret);
}

static int report_maximum_task_count(void *controller, uint32_t *ret)
{
	return call_u32(controller, SHEAF_CALL_REPORT_MAXIMUM_TASK_COUNT, ret);
}

static int report_maximum_context_count(void *controller, uint32_t *ret)
{
	return call_u32(controller, SHEAF_CALL_REPORT_MAXIMUM_CONTEXT_COUNT, ret);
}

static int map_data_area(void *controller, uint8_t *data, size_t bytes, size_t buffer_bytes)
{
	struct sheaf_remote *remote = controller;
	const struct sheaf_region_geometry *g = &remote->region->geometry;
	struct sheaf_message m = { .values = { g->slots, g->lanes, g->buffer_bytes } };

	(void)data, (void)bytes, (void)buffer_bytes;
	return sheaf_remote_call(remote, SHEAF_CALL_MAP_DATA_AREA, &m, remote->region->fd);
}

static int map_hba_data(void *controller, uint32_t *ret)
{
	return call_u32(controller, SHEAF_CALL_MAP_HBA_DATA, ret);
}

static int map_buffers(void *controller, const struct sheaf_task *commands,
		       struct sheaf_response *responses, uint32_t slots)
{
	struct sheaf_message m = { .values[0] = slots };

	(void)commands, (void)responses;
	return sheaf_remote_call(controller, SHEAF_CALL_MAP_BUFFERS, &m, -1);
}

static int start_controller(void *controller)
{
	return call_plain(controller, SHEAF_CALL_START_CONTROLLER);
}

static int does_hba_perform_device_management(void *controller, bool *ret)
{
	return call_bool(controller, SHEAF_CALL_DOES_HBA_PERFORM_DEVICE_MANAGEMENT, 0, ret);
}

static int report_hba_highest_logical_unit_number(void *controller, uint64_t *ret)
{
	return call_value(controller, SHEAF_CALL_REPORT_HBA_HIGHEST_LOGICAL_UNIT_NUMBER, 0,
			  UINT64_MAX, ret);
}

static int does_hba_support_scsi_parallel_feature(void *controller, uint32_t feature, bool *ret)
{
	return call_bool(controller, SHEAF_CALL_DOES_HBA_SUPPORT_SCSI_PARALLEL_FEATURE, feature,
			 ret);
}

static int does_hba_perform_auto_sense(void *controller, bool *ret)
{
	return call_bool(controller, SHEAF_CALL_DOES_HBA_PERFORM_AUTO_SENSE, 0, ret);
}

static int does_hba_support_multi_pathing(void *controller, bool *ret)
{
	return call_bool(controller, SHEAF_CALL_DOES_HBA_SUPPORT_MULTI_PATHING, 0, ret);
}

static int initialize_target_for_id(void *controller, uint64_t target_id)
{
	struct sheaf_message m = { .values[0] = target_id };

	return sheaf_remote_call(controller, SHEAF_CALL_INITIALIZE_TARGET_FOR_ID, &m, -1);
}

/* What is not answered is not done. */
static enum sheaf_service_response manage(void *controller, enum sheaf_call call, uint64_t target,
					  uint64_t lun, uint64_t tag)
{
	struct sheaf_message m = { .values = { target, lun, tag } };

	if (sheaf_remote_call(controller, call, &m, -1) < 0)
		return SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE;
	return m.values[0] == SHEAF_FUNCTION_COMPLETE ? SHEAF_FUNCTION_COMPLETE
						      : SHEAF_FUNCTION_REJECTED;
}

static enum sheaf_service_response abort_task_request(void *controller, uint64_t target,
						      uint64_t lun, uint64_t tag)
{
	return manage(controller, SHEAF_CALL_ABORT_TASK_REQUEST, target, lun, tag);
}

static enum sheaf_service_response abort_task_set_request(void *controller, uint64_t target,
							  uint64_t lun)
{
	return manage(controller, SHEAF_CALL_ABORT_TASK_SET_REQUEST, target, lun, 0);
}

static enum sheaf_service_response clear_aca_request(void *controller, uint64_t target,
						     uint64_t lun)
{
	return manage(controller, SHEAF_CALL_CLEAR_ACA_REQUEST, target, lun, 0);
}

static enum sheaf_service_response clear_task_set_request(void *controller, uint64_t target,
							  uint64_t lun)
{
	return manage(controller, SHEAF_CALL_CLEAR_TASK_SET_REQUEST, target, lun, 0);
}

static enum sheaf_service_response logical_unit_reset_request(void *controller, uint64_t target,
							      uint64_t lun)
{
	return manage(controller, SHEAF_CALL_LOGICAL_UNIT_RESET_REQUEST, target, lun, 0);
}

static enum sheaf_service_response target_reset_request(void *controller, uint64_t target)
{
	return manage(controller, SHEAF_CALL_TARGET_RESET_REQUEST, target, 0, 0);
}

static void stop(void *controller)
{
	call_plain(controller, SHEAF_CALL_STOP);
}

/* Never called here: both run beside the lanes, in the other process; that they are there says that both modes are possible. */
static enum sheaf_service_response
process_elsewhere(void *private_data, const struct sheaf_task *task, sheaf_action action)
{
	(void)private_data, (void)task, (void)action;
	return SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE;
}

static const struct sheaf_controller_ops remote_ops = {
	.name = "driver",
	.initialize_controller = initialize_controller,
	.report_initiator_identifier = report_initiator_identifier,
	.report_highest_supported_device_id = report_highest_supported_device_id,
	.report_maximum_task_count = report_maximum_task_count,
	.report_maximum_context_count = report_maximum_context_count,
	.map_data_area = map_data_area,
	.map_hba_data = map_hba_data,
	.map_bundled_parallel_task_command_and_response_buffers = map_buffers,
	.start_controller = start_controller,
	.does_hba_perform_device_management = does_hba_perform_device_management,
	.report_hba_highest_logical_unit_number = report_hba_highest_logical_unit_number,
	.does_hba_support_scsi_parallel_feature = does_hba_support_scsi_parallel_feature,
	.does_hba_perform_auto_sense = does_hba_perform_auto_sense,
	.does_hba_support_multi_pathing = does_hba_support_multi_pathing,
	.initialize_target_for_id = initialize_target_for_id,
	.process_parallel_task = process_elsewhere,
	.abort_task_request = abort_task_request,
	.abort_task_set_request = abort_task_set_request,
	.clear_aca_request = clear_aca_request,
	.clear_task_set_request = clear_task_set_request,
	.logical_unit_reset_request = logical_unit_reset_request,
	.target_reset_request = target_reset_request,
	.stop = stop,
};

void sheaf_remote_init(struct sheaf_remote *remote)
{
	memset(remote, 0, sizeof(*remote));
	pthread_mutex_init(&remote->lock, NULL);
	remote->ops = remote_ops;
	strcpy(remote->name, remote_ops.name);
	remote->ops.name = remote->name;
	remote->fd = remote->pidfd = -1;
	remote->bring_up_ms = BRING_UP_MS;
	remote->management_ms = MANAGEMENT_MS;
}

void sheaf_remote_deinit(struct sheaf_remote *remote)
{
	pthread_mutex_destroy(&remote->lock);
}

void sheaf_remote_connect(struct sheaf_remote *remote, int fd, int pidfd)
{
	pthread_mutex_lock(&remote->lock);
	remote->fd = fd;
	remote->pidfd = pidfd;
	pthread_mutex_unlock(&remote->lock);
}

void sheaf_remote_use_region(void *controller, const struct sheaf_region *region)
{
	((struct sheaf_remote *)controller)->region = region;
}

bool sheaf_driver_name_is_plain(const char *name)
{
	size_t n = strnlen(name, SHEAF_DRIVER_NAME_MAX);

	if (n == 0 || n == SHEAF_DRIVER_NAME_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("-_.", name[i]))
			return false;
	return true;
}
