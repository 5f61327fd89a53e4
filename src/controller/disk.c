/* SPDX-License-Identifier: MIT */
/*
 * disk.c - see disk.h
 *
 * A task's way: process_*() gives it to the target; task_done() notes the slot; end_of_turn() hands back what gathered, up to 32 a bundle.
 */
#include "controller/disk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/target.h"

/* More than a slot number can name, or a host would use. */
#define TASKS_MAX 4096

struct disk_context {
	struct sheaf_disk *disk;
	struct sheaf_context *context;
	struct sheaf_loop *loop;
	uint16_t done[SHEAF_BUNDLE_MAX];
	uint16_t done_count;
};

/* Of single-task mode, one a task. */
struct disk_single {
	sheaf_action action;
	struct sheaf_response response;
};

struct sheaf_disk {
	struct sheaf_target *target;
	uint32_t task_count;
	uint32_t mapped; /* ids given out */
	const struct sheaf_task *commands;
	struct sheaf_response *responses;
	struct disk_single *singles;
	void *owner;
};

static void task_done(void *context, uint32_t index);

/* Takes @target over. */
static int create_on(struct sheaf_target *target, uint32_t task_count, struct sheaf_disk **ret_disk)
{
	struct sheaf_disk *disk = calloc(1, sizeof(*disk));

	if (!disk) {
		sheaf_target_free(target);
		return -ENOMEM;
	}
	disk->target = target;
	disk->task_count = task_count;
	disk->singles = calloc(task_count, sizeof(*disk->singles));
	if (!disk->singles) {
		sheaf_disk_free(disk);
		return -ENOMEM;
	}
	*ret_disk = disk;
	return 0;
}

int sheaf_disk_create(struct sheaf_lu *const lus[], uint32_t lu_count, uint32_t maximum_task_count,
		      struct sheaf_disk **ret_disk)
{
	struct sheaf_target *target;
	int r = sheaf_target_create_on(lus, lu_count, maximum_task_count, task_done, &target);

	return r < 0 ? r : create_on(target, maximum_task_count, ret_disk);
}

int sheaf_disk_create_over(const struct sheaf_medium media[], uint32_t medium_count,
			   uint32_t maximum_task_count, struct sheaf_disk **ret_disk)
{
	const struct sheaf_target_options options = {
		.media = media,
		.medium_count = medium_count,
		.tasks = maximum_task_count,
		.done = task_done,
	};
	struct sheaf_target *target;
	int r = maximum_task_count > TASKS_MAX ? -EINVAL : sheaf_target_create(&options, &target);

	return r < 0 ? r : create_on(target, maximum_task_count, ret_disk);
}

struct sheaf_disk *sheaf_disk_free(struct sheaf_disk *disk)
{
	if (!disk)
		return NULL;
	sheaf_target_free(disk->target);
	free(disk->singles);
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
	(void)buffer_bytes;
	sheaf_target_set_data_area(((struct sheaf_disk *)controller)->target, data, bytes);
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
	*ret = sheaf_target_lu_count(((struct sheaf_disk *)controller)->target) - 1;
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

static void task_done(void *context, uint32_t index)
{
	struct disk_context *dc = context;

	if (!dc->disk->commands) {
		struct disk_single *single = &dc->disk->singles[index];

		sheaf_parallel_task_completion(dc->context, single->action, &single->response);
		return;
	}
	dc->done[dc->done_count++] = (uint16_t)index;
	if (dc->done_count == SHEAF_BUNDLE_MAX)
		flush_done(dc);
}

static void process_bundled_parallel_tasks(void *private_data, const uint16_t slots[], uint16_t count)
{
	struct disk_context *dc = private_data;
	struct sheaf_disk *disk = dc->disk;

	for (uint16_t i = 0; i < count; i++) {
		if (slots[i] >= disk->task_count)
			continue; /* no such slot: nothing to complete it with */
		sheaf_target_execute(disk->target, slots[i], &disk->commands[slots[i]],
				     &disk->responses[slots[i]], dc->loop, dc);
	}
}

static enum sheaf_service_response process_parallel_task(void *private_data,
							 const struct sheaf_task *task,
							 sheaf_action action)
{
	struct disk_context *dc = private_data;
	uint32_t id = (uint32_t)task->controller_task_identifier;
	struct disk_single *single;

	if (id < 1 || id > dc->disk->task_count)
		return SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE;
	single = &dc->disk->singles[id - 1];
	single->action = action;
	sheaf_target_execute(dc->disk->target, id - 1, task, &single->response, dc->loop, dc);
	return SHEAF_REQUEST_IN_PROCESS;
}

/* Task management */

static enum sheaf_service_response abort_task_request(void *controller, uint64_t target,
						      uint64_t lun, uint64_t tag)
{
	return sheaf_target_abort_task(((struct sheaf_disk *)controller)->target, target, lun, tag);
}

static enum sheaf_service_response abort_task_set_request(void *controller, uint64_t target,
							  uint64_t lun)
{
	return sheaf_target_abort_task_set(((struct sheaf_disk *)controller)->target, target, lun);
}

static enum sheaf_service_response clear_aca_request(void *controller, uint64_t target, uint64_t lun)
{
	return sheaf_target_clear_aca(((struct sheaf_disk *)controller)->target, target, lun,
				      SHEAF_INITIATOR_ANY);
}

static enum sheaf_service_response clear_task_set_request(void *controller, uint64_t target,
							  uint64_t lun)
{
	return sheaf_target_clear_task_set(((struct sheaf_disk *)controller)->target, target, lun,
					   SHEAF_INITIATOR_ANY);
}

static enum sheaf_service_response logical_unit_reset_request(void *controller, uint64_t target,
							      uint64_t lun)
{
	return sheaf_target_logical_unit_reset(((struct sheaf_disk *)controller)->target, target, lun);
}

static enum sheaf_service_response target_reset_request(void *controller, uint64_t target)
{
	return sheaf_target_reset(((struct sheaf_disk *)controller)->target, target);
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
	.clear_task_set_request = clear_task_set_request,
	.logical_unit_reset_request = logical_unit_reset_request,
	.target_reset_request = target_reset_request,
	.stop = stop,
};
