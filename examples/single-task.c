/* SPDX-License-Identifier: MIT */
/*
 * single-task.c - a driver that knows no bundles: it declines the mapping, and lives on process_parallel_task
 *
 *   sheaf mount --controller=single-task.so disk.img DIR
 *
 * As every public DriverKit extension does it. A task comes by value, with an action; the response goes back by value, with that
 * action. There is one context, so the host serves it with one loop. Reads and writes are calls that block.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <sheaf/driver.h>
#include <sheaf/target.h>

#define TASKS 32

struct single {
	struct sheaf_target *target;
	const struct sheaf_driver_image *image;
	struct sheaf_context *context; /* the only one */
	uint32_t mapped;
	struct {
		sheaf_action action;
		struct sheaf_response response;
	} tasks[TASKS];
};

/* The medium */

static int move(struct single *s, struct sheaf_store_io *io)
{
	while (io->moved < io->length) {
		uint8_t *data = (uint8_t *)io->data + io->moved;
		off_t at = (off_t)(s->image->offset + io->offset + io->moved);
		size_t left = io->length - io->moved;
		ssize_t n = io->op == SHEAF_STORE_READ ? pread(s->image->fd, data, left, at) :
							 pwrite(s->image->fd, data, left, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		io->moved += (uint64_t)n;
	}
	return io->fua && fdatasync(s->image->fd) < 0 ? -errno : 0;
}

static int medium_move(void *arg, struct sheaf_store_io *io)
{
	io->moved = 0;
	return move(arg, io);
}

static int medium_flush(void *arg, struct sheaf_store_io *io)
{
	(void)io;
	return fdatasync(((struct single *)arg)->image->fd) < 0 ? -errno : 0;
}

/* Bring-up */

static int initialize_controller(void *controller)
{
	((struct single *)controller)->mapped = 0;
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

static int map_data_area(void *controller, uint8_t *data, size_t bytes, size_t buffer_bytes)
{
	(void)buffer_bytes;
	sheaf_target_set_data_area(((struct single *)controller)->target, data, bytes);
	return 0;
}

static int map_hba_data(void *controller, uint32_t *ret_id)
{
	struct single *s = controller;

	if (s->mapped == TASKS)
		return -ENOSPC;
	*ret_id = ++s->mapped;
	return 0;
}

/* The answer of all public dexts: no error, the host goes on in single-task mode. */
static int decline(void *controller, const struct sheaf_task *commands,
		   struct sheaf_response *responses, uint32_t slots)
{
	(void)controller, (void)commands, (void)responses, (void)slots;
	return -EOPNOTSUPP;
}

/* The host calls it only after a mapping that was not declined. */
static void process_no_bundle(void *private_data, const uint16_t slots[], uint16_t count)
{
	(void)private_data, (void)slots, (void)count;
	sheaf_driver_error("a bundle of %u tasks came, and the mapping was declined", count);
	abort();
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

static int create_context(void *controller, struct sheaf_context *context, void **ret_private)
{
	((struct single *)controller)->context = context;
	*ret_private = controller;
	return 0;
}

static void destroy_context(void *private_data)
{
	((struct single *)private_data)->context = NULL;
}

static void stop(void *controller)
{
	(void)controller;
}

/* Tasks */

static void task_done(void *private_data, uint32_t index)
{
	struct single *s = private_data;

	sheaf_parallel_task_completion(s->context, s->tasks[index].action, &s->tasks[index].response);
}

static enum sheaf_service_response process_parallel_task(void *private_data,
							 const struct sheaf_task *task,
							 sheaf_action action)
{
	struct single *s = private_data;
	uint32_t index = (uint32_t)task->controller_task_identifier - 1;

	if (index >= TASKS)
		return SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE;
	s->tasks[index].action = action;
	sheaf_target_execute(s->target, index, task, &s->tasks[index].response,
			     sheaf_context_loop(s->context), s);
	return SHEAF_REQUEST_IN_PROCESS;
}

static enum sheaf_service_response abort_task_request(void *controller, uint64_t target,
						      uint64_t lun, uint64_t tag)
{
	return sheaf_target_abort_task(((struct single *)controller)->target, target, lun, tag);
}

static enum sheaf_service_response abort_task_set_request(void *controller, uint64_t target,
							  uint64_t lun)
{
	return sheaf_target_abort_task_set(((struct single *)controller)->target, target, lun);
}

static enum sheaf_service_response clear_aca_request(void *controller, uint64_t target, uint64_t lun)
{
	return sheaf_target_clear_aca(((struct single *)controller)->target, target, lun,
				      SHEAF_INITIATOR_ANY);
}

static enum sheaf_service_response clear_task_set_request(void *controller, uint64_t target,
							  uint64_t lun)
{
	return sheaf_target_clear_task_set(((struct single *)controller)->target, target, lun,
					   SHEAF_INITIATOR_ANY);
}

static enum sheaf_service_response logical_unit_reset_request(void *controller, uint64_t target,
							      uint64_t lun)
{
	return sheaf_target_logical_unit_reset(((struct single *)controller)->target, target, lun);
}

static enum sheaf_service_response target_reset_request(void *controller, uint64_t target)
{
	return sheaf_target_reset(((struct single *)controller)->target, target);
}

static const struct sheaf_controller_ops single_ops = {
	.name = "single-task",
	.initialize_controller = initialize_controller,
	.report_initiator_identifier = report_initiator_identifier,
	.report_highest_supported_device_id = report_nothing_higher,
	.report_maximum_task_count = report_maximum_task_count,
	.map_data_area = map_data_area,
	.map_hba_data = map_hba_data,
	.map_bundled_parallel_task_command_and_response_buffers = decline,
	.start_controller = start_controller,
	.report_hba_highest_logical_unit_number = report_nothing_higher,
	.does_hba_perform_auto_sense = performs_auto_sense,
	.create_context = create_context,
	.destroy_context = destroy_context,
	.process_bundled_parallel_tasks = process_no_bundle,
	.process_parallel_task = process_parallel_task,
	.abort_task_request = abort_task_request,
	.abort_task_set_request = abort_task_set_request,
	.clear_aca_request = clear_aca_request,
	.clear_task_set_request = clear_task_set_request,
	.logical_unit_reset_request = logical_unit_reset_request,
	.target_reset_request = target_reset_request,
	.stop = stop,
};

static void destroy(void *controller)
{
	struct single *s = controller;

	sheaf_target_free(s->target);
	free(s);
}

static int create(const struct sheaf_driver_start *start, void **ret_controller)
{
	struct single *s;
	int r;

	if (start->image_count != 1 || start->argc > 1) {
		sheaf_driver_error("takes one image, and no words: sheaf mount --controller=single-task.so disk.img DIR");
		return -EINVAL;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->image = start->images;
	const struct sheaf_medium medium = {
		.arg = s,
		.name = s->image->path,
		.bytes = s->image->bytes,
		.block_size = s->image->block_size,
		.read_only = s->image->read_only,
		.read = medium_move,
		.write = medium_move,
		.flush = medium_flush,
	};
	const struct sheaf_target_options options = {
		.media = &medium,
		.medium_count = 1,
		.tasks = TASKS,
		.done = task_done,
	};

	/* Buffers are not aligned for O_DIRECT. */
	r = s->image->direct && fcntl(s->image->fd, F_SETFL, 0) < 0 ? -errno : 0;
	if (r == 0)
		r = sheaf_target_create(&options, &s->target);
	if (r < 0) {
		destroy(s);
		return r;
	}
	*ret_controller = s;
	return 0;
}

static const struct sheaf_driver driver = {
	.api = SHEAF_DRIVER_API,
	.name = "single-task",
	.summary = "one image, one task a call",
	.ops = &single_ops,
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
