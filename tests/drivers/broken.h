/* SPDX-License-Identifier: MIT */
/**
 * broken.h - a small disk that keeps all rules, with a place for each rule that a broken-*.c breaks
 *
 * A broken-*.c defines one of the macros below and includes this; a macro that it does not define does what is right. `sheaf check` must
 * find each (tests/integration/test-check-broken.sh, which says by which rule).
 *
 *   BEFORE(disk, slot, task)     a task comes, before it is run
 *   SWALLOW(disk, task, place)   true: it is never run, and never ends; place in its bundle
 *   RESPONSE(task, response)     the response is filled in
 *   COMPLETED(disk, slot)        it was handed back
 *   COMPLETE(context, slots, n)  hand back
 *   CREATED(start)               in create(): 0, or what it fails with
 *   ID(n)                        what map_hba_data gives for slot n
 *   SETTINGS                     fields of the table, or of the driver in DRIVER_SETTINGS, that are not as below
 */
#ifndef BROKEN_H
#define BROKEN_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/driver.h>
#include <sheaf/target.h>

#ifndef BEFORE
#define BEFORE(disk, slot, task) ((void)(slot))
#endif
#ifndef SWALLOW
#define SWALLOW(disk, task, place) false
#endif
#ifndef RESPONSE
#define RESPONSE(task, response) ((void)(response))
#endif
#ifndef COMPLETED
#define COMPLETED(disk, slot) ((void)(slot))
#endif
#ifndef COMPLETE
#define COMPLETE(context, slots, n) sheaf_bundled_parallel_task_completion(context, slots, n)
#endif
#ifndef CREATED
#define CREATED(start) ((void)(start), 0)
#endif
#ifndef ID
#define ID(n) ((n) + 1)
#endif
#ifndef SETTINGS
#define SETTINGS
#endif
#ifndef DRIVER_SETTINGS
#define DRIVER_SETTINGS
#endif

#define TASKS 64
#define BYTES (UINT64_C(8) << 20)

struct disk {
	struct sheaf_target *target;
	uint8_t *bytes;
	uint8_t *data; /* the data area */
	uint32_t mapped;
	const struct sheaf_task *commands;
	struct sheaf_response *responses;
	struct sheaf_task tasks[TASKS]; /* copies */
	sheaf_action actions[TASKS];
	struct sheaf_response single_responses[TASKS];
	unsigned bring_ups, resets;
};

struct context {
	struct disk *disk;
	struct sheaf_context *host;
	uint16_t done[SHEAF_BUNDLE_MAX + 1];
	uint16_t done_count;
};

#ifndef MEDIUM_READ
#define MEDIUM_READ medium_read
static int medium_read(void *arg, struct sheaf_store_io *io)
{
	memcpy(io->data, ((struct disk *)arg)->bytes + io->offset, io->length);
	return 0;
}
#endif

#ifndef MEDIUM_WRITE
#define MEDIUM_WRITE medium_write
static int medium_write(void *arg, struct sheaf_store_io *io)
{
	memcpy(((struct disk *)arg)->bytes + io->offset, io->data, io->length);
	return 0;
}
#endif

static int initialize_controller(void *controller)
{
	((struct disk *)controller)->mapped = 0;
	((struct disk *)controller)->commands = NULL;
	((struct disk *)controller)->bring_ups++;
	return 0;
}

static int report_zero(void *controller, uint64_t *ret)
{
	(void)controller;
	*ret = 0;
	return 0;
}

static int report_seven(void *controller, uint64_t *ret)
{
	(void)controller;
	*ret = 7;
	return 0;
}

static int report_maximum_task_count(void *controller, uint32_t *ret_count)
{
	(void)controller;
	*ret_count = TASKS;
	return 0;
}

static int map_data_area(void *controller, uint8_t *data, size_t bytes, size_t buffer_bytes)
{
	struct disk *disk = controller;

	(void)buffer_bytes;
	disk->data = data;
	sheaf_target_set_data_area(disk->target, data, bytes);
	return 0;
}

static int map_hba_data(void *controller, uint32_t *ret_id)
{
	*ret_id = (uint32_t)ID(((struct disk *)controller)->mapped);
	((struct disk *)controller)->mapped++;
	return 0;
}

static int map_buffers(void *controller, const struct sheaf_task *commands,
		       struct sheaf_response *responses, uint32_t slots)
{
	struct disk *disk = controller;

	if (slots > TASKS)
		return -EINVAL;
	disk->commands = commands;
	disk->responses = responses;
	return 0;
}

static int succeed(void *controller)
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
	struct context *context = calloc(1, sizeof(*context));

	if (!context)
		return -ENOMEM;
	context->disk = controller;
	context->host = host;
	*ret_private = context;
	return 0;
}

static void stop(void *controller)
{
	(void)controller;
}

static void end_of_turn(void *private_data)
{
	struct context *context = private_data;
	uint16_t slots[SHEAF_BUNDLE_MAX + 1];
	uint16_t n = context->done_count;

	if (n == 0)
		return;
	memcpy(slots, context->done, sizeof(slots));
	context->done_count = 0;
	COMPLETE(context->host, slots, n);
	for (uint16_t i = 0; i < n; i++)
		COMPLETED(context->disk, slots[i]);
}

static void task_done(void *private_data, uint32_t index)
{
	struct context *context = private_data;
	struct disk *disk = context->disk;

	if (!disk->commands) {
		RESPONSE(&disk->tasks[index], &disk->single_responses[index]);
#ifdef SINGLE_TWICE
		sheaf_parallel_task_completion(context->host, disk->actions[index],
					       &disk->single_responses[index]);
#endif
		sheaf_parallel_task_completion(context->host, disk->actions[index],
					       &disk->single_responses[index]);
		return;
	}
	RESPONSE(&disk->tasks[index], &disk->responses[index]);
	context->done[context->done_count++] = (uint16_t)index;
	if (context->done_count == SHEAF_BUNDLE_MAX)
		end_of_turn(context);
}

static void process_bundled_parallel_tasks(void *private_data, const uint16_t slots[], uint16_t count)
{
	struct context *context = private_data;
	struct disk *disk = context->disk;

	for (uint16_t i = 0; i < count; i++) {
		disk->tasks[slots[i]] = disk->commands[slots[i]];
		BEFORE(disk, slots[i], &disk->tasks[slots[i]]);
		if (!SWALLOW(disk, &disk->tasks[slots[i]], i))
			sheaf_target_execute(disk->target, slots[i], &disk->tasks[slots[i]],
					     &disk->responses[slots[i]],
					     sheaf_context_loop(context->host), context);
	}
}

static enum sheaf_service_response process_parallel_task(void *private_data,
							 const struct sheaf_task *task,
							 sheaf_action action)
{
	struct context *context = private_data;
	struct disk *disk = context->disk;

	disk->tasks[action] = *task;
	disk->actions[action] = action;
	if (!SWALLOW(disk, task, 0))
		sheaf_target_execute(disk->target, action, task, &disk->single_responses[action],
				     sheaf_context_loop(context->host), context);
	return SHEAF_REQUEST_IN_PROCESS;
}

static enum sheaf_service_response abort_task_request(void *controller, uint64_t target,
						      uint64_t lun, uint64_t tag)
{
	return sheaf_target_abort_task(((struct disk *)controller)->target, target, lun, tag);
}

static enum sheaf_service_response abort_task_set_request(void *controller, uint64_t target,
							  uint64_t lun)
{
	return sheaf_target_abort_task_set(((struct disk *)controller)->target, target, lun);
}

static enum sheaf_service_response clear_aca_request(void *controller, uint64_t target, uint64_t lun)
{
	(void)controller, (void)target, (void)lun;
	return SHEAF_FUNCTION_REJECTED;
}

static enum sheaf_service_response logical_unit_reset_request(void *controller, uint64_t target,
							      uint64_t lun)
{
	((struct disk *)controller)->resets++;
	return sheaf_target_logical_unit_reset(((struct disk *)controller)->target, target, lun);
}

static enum sheaf_service_response target_reset_request(void *controller, uint64_t target)
{
	return sheaf_target_reset(((struct disk *)controller)->target, target);
}

#ifdef OVERRIDES
OVERRIDES
#endif

static const struct sheaf_controller_ops broken_ops = {
	.name = "broken",
	.report_initiator_identifier = report_seven,
	.report_highest_supported_device_id = report_zero,
	.report_maximum_task_count = report_maximum_task_count,
	.map_data_area = map_data_area,
	.map_hba_data = map_hba_data,
	.map_bundled_parallel_task_command_and_response_buffers = map_buffers,
	.report_hba_highest_logical_unit_number = report_zero,
	.does_hba_perform_auto_sense = performs_auto_sense,
	.create_context = create_context,
	.destroy_context = free,
	.process_bundled_parallel_tasks = process_bundled_parallel_tasks,
	.process_parallel_task = process_parallel_task,
	.end_of_turn = end_of_turn,
	.abort_task_set_request = abort_task_set_request,
	.clear_aca_request = clear_aca_request,
	.clear_task_set_request = abort_task_set_request,
	.target_reset_request = target_reset_request,
#ifndef INITIALIZE
#define INITIALIZE initialize_controller
#endif
	.initialize_controller = INITIALIZE,
#ifndef START
#define START succeed
#endif
	.start_controller = START,
#ifndef ABORT
#define ABORT abort_task_request
#endif
	.abort_task_request = ABORT,
#ifndef RESET
#define RESET logical_unit_reset_request
#endif
	.logical_unit_reset_request = RESET,
#ifndef STOP
#define STOP stop
#endif
	.stop = STOP,
};

static void destroy(void *controller)
{
	struct disk *disk = controller;

	sheaf_target_free(disk->target);
	free(disk->bytes);
	free(disk);
}

static int create(const struct sheaf_driver_start *start, void **ret_controller)
{
	struct disk *disk = calloc(1, sizeof(*disk));
	const struct sheaf_medium medium = { .arg = disk,
					     .bytes = BYTES,
					     .read = MEDIUM_READ,
					     .write = MEDIUM_WRITE };
	const struct sheaf_target_options options = { .media = &medium,
						      .medium_count = 1,
						      .tasks = TASKS,
						      .done = task_done };
	int r = -ENOMEM;

	if (!disk)
		return r;
	disk->bytes = calloc(1, BYTES);
	if (disk->bytes)
		r = CREATED(start);
	if (disk->bytes && r == 0)
		r = sheaf_target_create(&options, &disk->target);
	if (r < 0) {
		destroy(disk);
		return r;
	}
	*ret_controller = disk;
	return 0;
}

#ifndef API
#define API SHEAF_DRIVER_API
#endif
static const struct sheaf_driver broken = {
	.api = API,
	.name = "broken",
	.summary = "breaks a rule",
	.ops = &broken_ops,
	.create = create,
	.destroy = destroy,
};
SHEAF_DRIVER(broken)

#ifdef SHEAF_DRIVER_PROGRAM
int main(int argc, char **argv)
{
	return sheaf_driver_main(&broken, argc, argv);
}
#endif

/* Those that a broken-*.c does without. */
static inline void use_all(void)
{
	(void)initialize_controller, (void)succeed, (void)abort_task_request;
	(void)logical_unit_reset_request, (void)stop;
}

#endif
