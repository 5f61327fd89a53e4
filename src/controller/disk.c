/* SPDX-License-Identifier: MIT */
/*
 * disk.c - see disk.h
 *
 * A task's way: process_*() copies the command slot once, finds LU and buffer, and lets the LU run it;
 * task_done() notes the slot; end_of_turn() hands back what gathered, up to 32 a bundle.
 */
#include "controller/disk.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

/* LUN structures that name no LU of ours, see lun_number(). */
#define NO_LUN UINT64_MAX

struct disk_context {
	struct sheaf_disk *disk;
	struct sheaf_context *context;
	struct sheaf_loop *loop;
	uint16_t done[SHEAF_BUNDLE_MAX];
	uint16_t done_count;
};

/*
 * One a slot. Task management looks at the atomics from other threads: it acquires tag, so that lun is of that task or a later
 * one. A tag that it sees too late is of a task that it need not know yet; an abort that the context sees too late
 * is of a task that ended meanwhile. So no order with other memory is wanted, which would cost each task three locked instructions.
 */
struct disk_task {
	struct sheaf_lu_task lt;
	struct disk_context *context;
	_Atomic uint64_t tag; /* W: context, release; R: task management, acquire; 0: not in flight */
	_Atomic uint64_t lun; /* W: context; R: task management */
	_Atomic uint64_t aborted_tag; /* W: task management; R: context */
	sheaf_action action; /* single-task mode */
	struct sheaf_response response; /* single-task mode */
};

struct sheaf_disk {
	struct sheaf_lu *const *lus;
	uint32_t lu_count;
	uint32_t task_count;
	uint32_t mapped; /* ids given out */
	const struct sheaf_task *commands;
	struct sheaf_response *responses;
	uint8_t *data;
	size_t data_bytes;
	struct disk_task *tasks;
	void *owner;
};

int sheaf_disk_create(struct sheaf_lu *const lus[], uint32_t lu_count, uint32_t maximum_task_count,
		      struct sheaf_disk **ret_disk)
{
	struct sheaf_disk *disk = calloc(1, sizeof(*disk));

	if (!disk)
		return -ENOMEM;
	disk->lus = lus;
	disk->lu_count = lu_count;
	disk->task_count = maximum_task_count;
	disk->tasks = calloc(maximum_task_count, sizeof(*disk->tasks));
	if (!disk->tasks) {
		free(disk);
		return -ENOMEM;
	}
	*ret_disk = disk;
	return 0;
}

struct sheaf_disk *sheaf_disk_free(struct sheaf_disk *disk)
{
	if (disk)
		free(disk->tasks);
	free(disk);
	return NULL;
}

void sheaf_disk_set_owner(struct sheaf_disk *disk, void *owner)
{
	disk->owner = owner;
}

void *sheaf_disk_owner(const struct sheaf_disk *disk)
{
	return disk->owner;
}

/* Bring-up */

static int initialize_controller(void *controller)
{
	struct sheaf_disk *disk = controller;

	disk->mapped = 0;
	disk->commands = NULL;
	disk->responses = NULL;
	return 0;
}

static int report_initiator_identifier(void *controller, uint64_t *ret_id)
{
	(void)controller;
	*ret_id = 7; /* as a host adapter has by custom; the only target is 0 */
	return 0;
}

static int report_highest_supported_device_id(void *controller, uint64_t *ret_id)
{
	(void)controller;
	*ret_id = 0;
	return 0;
}

static int report_maximum_task_count(void *controller, uint32_t *ret_count)
{
	*ret_count = ((struct sheaf_disk *)controller)->task_count;
	return 0;
}

static int report_maximum_context_count(void *controller, uint32_t *ret_count)
{
	(void)controller;
	*ret_count = UINT32_MAX;
	return 0;
}

static int map_data_area(void *controller, uint8_t *data, size_t bytes, size_t buffer_bytes)
{
	struct sheaf_disk *disk = controller;

	(void)buffer_bytes;
	disk->data = data;
	disk->data_bytes = bytes;
	return 0;
}

/* Ids are slot + 1, which is how single-task mode finds the slot's memory again. */
static int map_hba_data(void *controller, uint32_t *ret_id)
{
	struct sheaf_disk *disk = controller;

	if (disk->mapped >= disk->task_count)
		return -ENOSPC;
	*ret_id = ++disk->mapped;
	return 0;
}

static int map_buffers(void *controller, const struct sheaf_task *commands,
		       struct sheaf_response *responses, uint32_t slots)
{
	struct sheaf_disk *disk = controller;

	if (slots > disk->task_count)
		return -EINVAL;
	disk->commands = commands;
	disk->responses = responses;
	return 0;
}

static int start_controller(void *controller)
{
	(void)controller;
	return 0;
}

static int report_highest_lun(void *controller, uint64_t *ret)
{
	*ret = ((struct sheaf_disk *)controller)->lu_count - 1;
	return 0;
}

static int performs_auto_sense(void *controller, bool *ret)
{
	(void)controller;
	*ret = true;
	return 0;
}

static int create_context(void *controller, struct sheaf_context *context, void **ret_private)
{
	struct disk_context *dc = calloc(1, sizeof(*dc));

	if (!dc)
		return -ENOMEM;
	dc->disk = controller;
	dc->context = context;
	dc->loop = sheaf_context_loop(context);
	*ret_private = dc;
	return 0;
}

static void destroy_context(void *private_data)
{
	struct disk_context *dc = private_data;

	assert(dc->done_count == 0);
	free(dc);
}

static void stop(void *controller)
{
	(void)controller;
}

/* Tasks */

/* SAM-5 section 4.7.7: peripheral device addressing (bus 0) and flat space addressing, single level. */
static uint64_t lun_number(const uint8_t lun[8])
{
	static const uint8_t rest[6];

	if (memcmp(lun + 2, rest, sizeof(rest)) != 0)
		return NO_LUN;
	switch (lun[0] >> 6) {
	case 0:
		return lun[0] == 0 ? lun[1] : NO_LUN;
	case 1:
		return sheaf_get_be16(lun) & 0x3fff;
	default:
		return NO_LUN;
	}
}

static void complete_aborted(struct sheaf_response *response)
{
	response->service_response = SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE;
	response->completion_status = SHEAF_DELIVERY_NO_STATUS;
	response->bytes_transferred = 0;
	response->sense_length = 0;
}

static void flush_done(struct disk_context *dc)
{
	uint16_t slots[SHEAF_BUNDLE_MAX];
	uint16_t n = dc->done_count;

	if (n == 0)
		return;
	/* Copied, as what the completion starts may complete at once and gather again. */
	memcpy(slots, dc->done, n * sizeof(slots[0]));
	dc->done_count = 0;
	sheaf_bundled_parallel_task_completion(dc->context, slots, n);
}

static void end_of_turn(void *private_data)
{
	flush_done(private_data);
}

static void task_done(struct sheaf_lu_task *lt)
{
	struct disk_task *t = (struct disk_task *)((char *)lt - offsetof(struct disk_task, lt));
	struct disk_context *dc = t->context;

	atomic_store_explicit(&t->tag, 0, memory_order_relaxed);
	if (atomic_load_explicit(&t->aborted_tag, memory_order_relaxed) ==
	    lt->task.task_tag_identifier)
		complete_aborted(lt->response);
	if (!dc->disk->commands) {
		sheaf_parallel_task_completion(dc->context, t->action, lt->response);
		return;
	}
	dc->done[dc->done_count++] = (uint16_t)(t - dc->disk->tasks);
	if (dc->done_count == SHEAF_BUNDLE_MAX)
		flush_done(dc);
}

static void respond_undelivered(struct disk_task *t)
{
	struct sheaf_response *r = t->lt.response;

	r->version = SHEAF_TASK_VERSION;
	r->target_id = t->lt.task.target_id;
	r->controller_task_identifier = t->lt.task.controller_task_identifier;
	r->service_response = SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE;
	r->completion_status = SHEAF_DELIVERY_FAILURE;
	r->bytes_transferred = 0;
	r->sense_length = 0;
	task_done(&t->lt);
}

/* lt.task and lt.response are set. */
static void execute(struct disk_context *dc, struct disk_task *t)
{
	struct sheaf_disk *disk = dc->disk;
	struct sheaf_lu_task *lt = &t->lt;
	uint64_t lun = lun_number(lt->task.logical_unit_bytes);

	t->context = dc;
	atomic_store_explicit(&t->lun, lun, memory_order_relaxed);
	atomic_store_explicit(&t->tag, lt->task.task_tag_identifier, memory_order_release);
	lt->loop = dc->loop;
	lt->done = task_done;
	if (lt->task.target_id != 0 ||
	    !sheaf_range_within(lt->task.buffer_iovm_addr, lt->task.requested_transfer_count,
				disk->data_bytes)) {
		respond_undelivered(t);
		return;
	}
	lt->data = disk->data + lt->task.buffer_iovm_addr;
	if (lun < disk->lu_count)
		sheaf_lu_execute(disk->lus[lun], disk->lu_count, lt);
	else
		sheaf_lu_execute_absent(disk->lu_count, lt);
}

static void process_bundled_parallel_tasks(void *private_data, const uint16_t slots[], uint16_t count)
{
	struct disk_context *dc = private_data;

	for (uint16_t i = 0; i < count; i++) {
		struct disk_task *t;

		if (slots[i] >= dc->disk->task_count)
			continue; /* no such slot: nothing to complete it with */
		t = &dc->disk->tasks[slots[i]];
		t->lt.task = dc->disk->commands[slots[i]];
		t->lt.response = &dc->disk->responses[slots[i]];
		execute(dc, t);
	}
}

static enum sheaf_service_response process_parallel_task(void *private_data,
							 const struct sheaf_task *task,
							 sheaf_action action)
{
	struct disk_context *dc = private_data;
	uint32_t id = (uint32_t)task->controller_task_identifier;
	struct disk_task *t;

	if (id < 1 || id > dc->disk->task_count)
		return SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE;
	t = &dc->disk->tasks[id - 1];
	t->lt.task = *task;
	t->lt.response = &t->response;
	t->action = action;
	execute(dc, t);
	return SHEAF_REQUEST_IN_PROCESS;
}

/* Task management: what is in flight is marked, and completed as aborted when its I/O is over. */

static void abort_matching(struct sheaf_disk *disk, uint64_t lun, uint64_t tag)
{
	for (uint32_t i = 0; i < disk->task_count; i++) {
		struct disk_task *t = &disk->tasks[i];
		uint64_t current = atomic_load(&t->tag);

		if (current != 0 && (tag == 0 || current == tag) &&
		    (lun == NO_LUN || atomic_load(&t->lun) == lun))
			atomic_store(&t->aborted_tag, current);
	}
}

static bool lu_exists(const struct sheaf_disk *disk, uint64_t target, uint64_t lun)
{
	return target == 0 && lun < disk->lu_count;
}

static enum sheaf_service_response abort_task_request(void *controller, uint64_t target,
						      uint64_t lun, uint64_t tag)
{
	if (!lu_exists(controller, target, lun) || tag == 0)
		return SHEAF_FUNCTION_REJECTED;
	abort_matching(controller, lun, tag);
	return SHEAF_FUNCTION_COMPLETE;
}

static enum sheaf_service_response abort_task_set_request(void *controller, uint64_t target,
							  uint64_t lun)
{
	if (!lu_exists(controller, target, lun))
		return SHEAF_FUNCTION_REJECTED;
	abort_matching(controller, lun, 0);
	return SHEAF_FUNCTION_COMPLETE;
}

static enum sheaf_service_response clear_aca_request(void *controller, uint64_t target, uint64_t lun)
{
	(void)controller, (void)target, (void)lun;
	return SHEAF_FUNCTION_REJECTED; /* NACA is refused, so there is never an ACA condition */
}

static enum sheaf_service_response logical_unit_reset_request(void *controller, uint64_t target,
							      uint64_t lun)
{
	struct sheaf_disk *disk = controller;

	if (!lu_exists(disk, target, lun))
		return SHEAF_FUNCTION_REJECTED;
	abort_matching(disk, lun, 0);
	sheaf_lu_reset(disk->lus[lun]);
	return SHEAF_FUNCTION_COMPLETE;
}

static enum sheaf_service_response target_reset_request(void *controller, uint64_t target)
{
	struct sheaf_disk *disk = controller;

	if (target != 0)
		return SHEAF_FUNCTION_REJECTED;
	abort_matching(disk, NO_LUN, 0);
	for (uint32_t i = 0; i < disk->lu_count; i++)
		sheaf_lu_reset(disk->lus[i]);
	return SHEAF_FUNCTION_COMPLETE;
}

const struct sheaf_controller_ops sheaf_disk_ops = {
	.name = "disk",
	.initialize_controller = initialize_controller,
	.report_initiator_identifier = report_initiator_identifier,
	.report_highest_supported_device_id = report_highest_supported_device_id,
	.report_maximum_task_count = report_maximum_task_count,
	.report_maximum_context_count = report_maximum_context_count,
	.map_data_area = map_data_area,
	.map_hba_data = map_hba_data,
	.map_bundled_parallel_task_command_and_response_buffers = map_buffers,
	.start_controller = start_controller,
	.report_hba_highest_logical_unit_number = report_highest_lun,
	.does_hba_perform_auto_sense = performs_auto_sense,
	.create_context = create_context,
	.destroy_context = destroy_context,
	.process_bundled_parallel_tasks = process_bundled_parallel_tasks,
	.process_parallel_task = process_parallel_task,
	.end_of_turn = end_of_turn,
	.abort_task_request = abort_task_request,
	.abort_task_set_request = abort_task_set_request,
	.clear_aca_request = clear_aca_request,
	.clear_task_set_request = abort_task_set_request,
	.logical_unit_reset_request = logical_unit_reset_request,
	.target_reset_request = target_reset_request,
	.stop = stop,
};
