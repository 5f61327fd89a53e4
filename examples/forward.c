/* SPDX-License-Identifier: MIT */
/*
 * forward.c - passes its tasks on to a real SCSI device, by SG_IO, as a driver
 *
 *   sheaf mount --controller='forward.so dev=/dev/sg3' DIR
 *   sheaf mount --controller=forward.so /dev/sdb DIR            a block device, opened and locked by sheaf
 *
 * The device does SCSI: a CDB goes to it as it came, and its status and sense data come back. One logical unit is one node, so REPORT LUNS
 * and other LUNs are answered here. An ioctl blocks, so each runs on a helper thread of its loop.
 *
 * Everything that goes to the device goes through `device_ioctl`, which tests/unit/test_forward.c replaces.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <scsi/sg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <sheaf/driver.h>
#include <sheaf/loop.h>
#include <sheaf/scsi.h>

#define TASKS 64
/* Of linux/scsi: why the host adapter did not bring a command through. */
#define HOST_NO_CONNECT 0x01
#define HOST_TIME_OUT	0x03
/* SG_SCSI_RESET_TARGET, which the C library's header lacks. */
#define RESET_TARGET 4

static int device_ioctl_real(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg);
}

static int (*device_ioctl)(int fd, unsigned long request, void *arg) = device_ioctl_real;

struct forward_task {
	struct sheaf_op op;
	struct forward_context *context;
	struct sheaf_task task; /* a copy: the slot is shared memory */
	struct sheaf_response *response;
	struct sheaf_response single; /* single-task mode */
	sheaf_action action;
};

struct forward {
	int fd;
	bool own_fd;
	uint8_t *data;
	size_t data_bytes;
	uint32_t mapped;
	const struct sheaf_task *commands;
	struct sheaf_response *responses;
	struct forward_task tasks[TASKS];
};

struct forward_context {
	struct forward *forward;
	struct sheaf_context *host;
	uint16_t done[SHEAF_BUNDLE_MAX];
	uint16_t done_count;
};

/* A task's end */

static void end_of_turn(void *private_data)
{
	struct forward_context *context = private_data;
	uint16_t slots[SHEAF_BUNDLE_MAX];
	uint16_t n = context->done_count;

	if (n == 0)
		return;
	memcpy(slots, context->done, n * sizeof(slots[0]));
	context->done_count = 0;
	sheaf_bundled_parallel_task_completion(context->host, slots, n);
}

/* The rest of the response is filled in. */
static void complete(struct forward_task *t)
{
	struct forward_context *context = t->context;

	t->response->version = SHEAF_TASK_VERSION;
	t->response->target_id = t->task.target_id;
	t->response->controller_task_identifier = t->task.controller_task_identifier;
	t->response->scsi_parallel_feature_request_result_count = 0;
	if (!context->forward->commands) {
		sheaf_parallel_task_completion(context->host, t->action, t->response);
		return;
	}
	context->done[context->done_count++] = (uint16_t)(t - context->forward->tasks);
	if (context->done_count == SHEAF_BUNDLE_MAX)
		end_of_turn(context);
}

static void respond(struct forward_task *t, uint32_t service_response, uint32_t status, uint64_t bytes)
{
	t->response->service_response = service_response;
	t->response->completion_status = status;
	t->response->bytes_transferred = bytes;
	t->response->sense_length = 0;
}

/* SPC-4 section 4.5.3: fixed format. */
static void respond_illegal(struct forward_task *t, uint8_t asc)
{
	uint8_t *sense = t->response->sense_buffer;

	respond(t, SHEAF_TASK_COMPLETE, SHEAF_STATUS_CHECK_CONDITION, 0);
	memset(sense, 0, 18);
	sense[0] = 0x70;
	sense[2] = 0x05; /* ILLEGAL REQUEST */
	sense[7] = 10;
	sense[12] = asc;
	t->response->sense_length = 18;
}

/* From and to SG_IO */

static void fill_in(const struct forward_task *t, struct sg_io_hdr *hdr)
{
	const struct sheaf_task *task = &t->task;

	memset(hdr, 0, sizeof(*hdr));
	hdr->interface_id = 'S';
	hdr->dxfer_direction = task->transfer_direction == SHEAF_TRANSFER_TO_TARGET   ? SG_DXFER_TO_DEV :
			       task->transfer_direction == SHEAF_TRANSFER_FROM_TARGET ? SG_DXFER_FROM_DEV :
											SG_DXFER_NONE;
	hdr->cmd_len = task->command_size;
	hdr->cmdp = (unsigned char *)(uintptr_t)task->command_descriptor_block;
	hdr->dxfer_len = hdr->dxfer_direction == SG_DXFER_NONE ? 0 : (unsigned)task->requested_transfer_count;
	hdr->dxferp = t->context->forward->data + task->buffer_iovm_addr;
	hdr->sbp = t->response->sense_buffer;
	hdr->mx_sb_len = 252;
	hdr->timeout = task->timeout_in_milli_sec ? task->timeout_in_milli_sec : UINT_MAX;
}

static void read_back(struct forward_task *t, const struct sg_io_hdr *hdr)
{
	uint64_t moved = hdr->resid >= 0 && (unsigned)hdr->resid <= hdr->dxfer_len ?
				 hdr->dxfer_len - (unsigned)hdr->resid :
				 0;

	if (hdr->host_status) {
		respond(t, SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE,
			hdr->host_status == HOST_NO_CONNECT ? SHEAF_DELIVERY_NOT_PRESENT :
			hdr->host_status == HOST_TIME_OUT   ? SHEAF_DELIVERY_TASK_TIMEOUT :
							      SHEAF_DELIVERY_FAILURE,
			0);
		return;
	}
	respond(t, SHEAF_TASK_COMPLETE, hdr->status & 0x3e, moved);
	if (t->response->completion_status == SHEAF_STATUS_CHECK_CONDITION)
		t->response->sense_length = hdr->sb_len_wr;
}

/* On a helper thread; the task is its alone. */
static int pass_on(void *arg)
{
	struct forward_task *t = arg;
	struct sg_io_hdr hdr;

	fill_in(t, &hdr);
	if (device_ioctl(t->context->forward->fd, SG_IO, &hdr) < 0)
		return -errno;
	read_back(t, &hdr);
	return 0;
}

static void passed_on(struct sheaf_op *op, int result)
{
	struct forward_task *t = (struct forward_task *)((char *)op - offsetof(struct forward_task, op));

	if (result < 0)
		respond(t, SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE,
			result == -ENODEV || result == -ENXIO ? SHEAF_DELIVERY_NOT_PRESENT :
								SHEAF_DELIVERY_FAILURE,
			0);
	complete(t);
}

/* One LUN, 0; the device may have others, which are not ours. */
static void report_luns(struct forward_task *t)
{
	static const uint8_t list[16] = { [3] = 8 };
	const uint8_t *cdb = t->task.command_descriptor_block;
	uint32_t allocation = (uint32_t)cdb[6] << 24 | (uint32_t)cdb[7] << 16 | (uint32_t)cdb[8] << 8 | cdb[9];
	uint64_t n = sizeof(list);

	n = n < allocation ? n : allocation;
	n = n < t->task.requested_transfer_count ? n : t->task.requested_transfer_count;
	memcpy(t->context->forward->data + t->task.buffer_iovm_addr, list, n);
	respond(t, SHEAF_TASK_COMPLETE, SHEAF_STATUS_GOOD, n);
}

static void execute(struct forward_context *context, struct forward_task *t)
{
	static const uint8_t lun_0[8];
	struct forward *forward = context->forward;
	const struct sheaf_task *task = &t->task;

	t->context = context;
	if (task->target_id != 0 || task->buffer_iovm_addr > forward->data_bytes ||
	    task->requested_transfer_count > forward->data_bytes - task->buffer_iovm_addr ||
	    task->command_size > sizeof(task->command_descriptor_block)) {
		respond(t, SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE, SHEAF_DELIVERY_FAILURE, 0);
		complete(t);
	} else if (memcmp(task->logical_unit_bytes, lun_0, sizeof(lun_0)) != 0) {
		respond_illegal(t, 0x25); /* LOGICAL UNIT NOT SUPPORTED */
		complete(t);
	} else if (task->command_descriptor_block[0] == SHEAF_SCSI_REPORT_LUNS) {
		report_luns(t);
		complete(t);
	} else {
		t->op.done = passed_on;
		sheaf_loop_call(sheaf_context_loop(context->host), &t->op, pass_on, t);
	}
}

static void process_bundled_parallel_tasks(void *private_data, const uint16_t slots[], uint16_t count)
{
	struct forward_context *context = private_data;
	struct forward *forward = context->forward;

	for (uint16_t i = 0; i < count; i++) {
		struct forward_task *t = &forward->tasks[slots[i]];

		t->task = forward->commands[slots[i]];
		t->response = &forward->responses[slots[i]];
		execute(context, t);
	}
}

static enum sheaf_service_response process_parallel_task(void *private_data,
							 const struct sheaf_task *task,
							 sheaf_action action)
{
	struct forward_context *context = private_data;
	uint32_t index = (uint32_t)task->controller_task_identifier - 1;
	struct forward_task *t;

	if (index >= TASKS)
		return SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE;
	t = &context->forward->tasks[index];
	t->task = *task;
	t->response = &t->single;
	t->action = action;
	execute(context, t);
	return SHEAF_REQUEST_IN_PROCESS;
}

/* Task management. SG_IO cannot be taken back: what was passed on ends by itself, or by its timeout. */

static enum sheaf_service_response abort_task_request(void *controller, uint64_t target,
						      uint64_t lun, uint64_t tag)
{
	(void)controller, (void)target, (void)lun, (void)tag;
	return SHEAF_FUNCTION_REJECTED;
}

static enum sheaf_service_response reject_for_unit(void *controller, uint64_t target, uint64_t lun)
{
	(void)controller, (void)target, (void)lun;
	return SHEAF_FUNCTION_REJECTED;
}

static enum sheaf_service_response reset(struct forward *forward, int what)
{
	return device_ioctl(forward->fd, SG_SCSI_RESET, &what) < 0 ? SHEAF_FUNCTION_REJECTED :
								     SHEAF_FUNCTION_COMPLETE;
}

static enum sheaf_service_response logical_unit_reset_request(void *controller, uint64_t target,
							      uint64_t lun)
{
	return target || lun ? SHEAF_FUNCTION_REJECTED : reset(controller, SG_SCSI_RESET_DEVICE);
}

static enum sheaf_service_response target_reset_request(void *controller, uint64_t target)
{
	return target ? SHEAF_FUNCTION_REJECTED : reset(controller, RESET_TARGET);
}

/* Bring-up */

static int initialize_controller(void *controller)
{
	((struct forward *)controller)->mapped = 0;
	((struct forward *)controller)->commands = NULL;
	return 0;
}

static int report_initiator_identifier(void *controller, uint64_t *ret_id)
{
	(void)controller;
	*ret_id = 7;
	return 0;
}

static int report_nothing_higher(void *controller, uint64_t *ret)
{
	(void)controller;
	*ret = 0; /* target 0, LUN 0 */
	return 0;
}

static int report_maximum_task_count(void *controller, uint32_t *ret_count)
{
	(void)controller;
	*ret_count = TASKS;
	return 0;
}

static int report_maximum_context_count(void *controller, uint32_t *ret_count)
{
	(void)controller;
	*ret_count = TASKS; /* a context touches nothing but its tasks */
	return 0;
}

static int map_data_area(void *controller, uint8_t *data, size_t bytes, size_t buffer_bytes)
{
	(void)buffer_bytes;
	((struct forward *)controller)->data = data;
	((struct forward *)controller)->data_bytes = bytes;
	return 0;
}

static int map_hba_data(void *controller, uint32_t *ret_id)
{
	struct forward *forward = controller;

	if (forward->mapped == TASKS)
		return -ENOSPC;
	*ret_id = ++forward->mapped;
	return 0;
}

static int map_buffers(void *controller, const struct sheaf_task *commands,
		       struct sheaf_response *responses, uint32_t slots)
{
	struct forward *forward = controller;

	if (slots > TASKS)
		return -EINVAL;
	forward->commands = commands;
	forward->responses = responses;
	return 0;
}

static int start_controller(void *controller)
{
	(void)controller;
	return 0;
}

static int performs_auto_sense(void *controller, bool *ret)
{
	(void)controller;
	*ret = true;
	return 0;
}

static int create_context(void *controller, struct sheaf_context *host, void **ret_private)
{
	struct forward_context *context = calloc(1, sizeof(*context));

	if (!context)
		return -ENOMEM;
	context->forward = controller;
	context->host = host;
	*ret_private = context;
	return 0;
}

static void destroy_context(void *private_data)
{
	free(private_data);
}

static void stop(void *controller)
{
	(void)controller;
}

static const struct sheaf_controller_ops forward_ops = {
	.name = "forward",
	.initialize_controller = initialize_controller,
	.report_initiator_identifier = report_initiator_identifier,
	.report_highest_supported_device_id = report_nothing_higher,
	.report_maximum_task_count = report_maximum_task_count,
	.report_maximum_context_count = report_maximum_context_count,
	.map_data_area = map_data_area,
	.map_hba_data = map_hba_data,
	.map_bundled_parallel_task_command_and_response_buffers = map_buffers,
	.start_controller = start_controller,
	.report_hba_highest_logical_unit_number = report_nothing_higher,
	.does_hba_perform_auto_sense = performs_auto_sense,
	.create_context = create_context,
	.destroy_context = destroy_context,
	.process_bundled_parallel_tasks = process_bundled_parallel_tasks,
	.process_parallel_task = process_parallel_task,
	.end_of_turn = end_of_turn,
	.abort_task_request = abort_task_request,
	.abort_task_set_request = reject_for_unit,
	.clear_aca_request = reject_for_unit,
	.clear_task_set_request = reject_for_unit,
	.logical_unit_reset_request = logical_unit_reset_request,
	.target_reset_request = target_reset_request,
	.stop = stop,
};

/* Making one */

static int open_device(struct forward *forward, const struct sheaf_driver_start *start)
{
	const char *name = NULL;
	int version = 0;

	for (int i = 1; i < start->argc; i++) {
		if (strncmp(start->argv[i], "dev=", 4) != 0) {
			sheaf_driver_error("%s: not understood; say dev=/dev/sgN", start->argv[i]);
			return -EINVAL;
		}
		name = start->argv[i] + 4;
	}
	if ((name != NULL) + start->image_count != 1) {
		sheaf_driver_error("takes one device: dev=/dev/sgN, or a block device in place of an image");
		return -EINVAL;
	}
	forward->own_fd = name != NULL;
	forward->fd = name ? open(name, O_RDWR | O_CLOEXEC) : start->images[0].fd;
	name = name ? name : start->images[0].path;
	if (forward->fd < 0) {
		sheaf_driver_error("%s: %s", name, strerror(errno));
		return -errno;
	}
	if (device_ioctl(forward->fd, SG_GET_VERSION_NUM, &version) < 0 || version < 30000) {
		sheaf_driver_error("%s: is no SCSI device (it does not know SG_IO)", name);
		return -ENOTTY;
	}
	return 0;
}

static void destroy(void *controller)
{
	struct forward *forward = controller;

	if (forward->own_fd && forward->fd >= 0)
		close(forward->fd);
	free(forward);
}

static int create(const struct sheaf_driver_start *start, void **ret_controller)
{
	struct forward *forward = calloc(1, sizeof(*forward));
	int r;

	if (!forward)
		return -ENOMEM;
	r = open_device(forward, start);
	if (r < 0) {
		destroy(forward);
		return r;
	}
	*ret_controller = forward;
	return 0;
}

static const struct sheaf_driver driver = {
	.api = SHEAF_DRIVER_API,
	.name = "forward",
	.summary = "passes its tasks on to a SCSI device, by SG_IO",
	.ops = &forward_ops,
	.create = create,
	.destroy = destroy,
};
SHEAF_DRIVER(driver)

#ifdef SHEAF_DRIVER_PROGRAM
int main(int argc, char **argv)
{
	return sheaf_driver_main(&driver, argc, argv);
}
#endif
