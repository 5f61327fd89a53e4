/* SPDX-License-Identifier: MIT */
/*
 * subject.c - the driver that is judged; see check.h. A shared object is loaded into this process, a program is started (far.c): what
 * differs between the two is in these two files, and turn() of harness.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "check/check.h"

#define TRY(hook, ...)                                                                   \
	do {                                                                             \
		int r_ = c->ops->hook(c->controller, __VA_ARGS__);                       \
		if (r_ < 0)                                                              \
			check_fail(c, "%s failed: %s", #hook, strerror(-r_));            \
		if (r_ > 0)                                                              \
			check_fail(c, "%s returned %d, neither 0 nor an error", #hook, r_); \
	} while (0)
#define TRY_ALONE(hook)                                                                  \
	do {                                                                             \
		int r_ = c->ops->hook(c->controller);                                    \
		if (r_ < 0)                                                              \
			check_fail(c, "%s failed: %s", #hook, strerror(-r_));            \
		if (r_ > 0)                                                              \
			check_fail(c, "%s returned %d, neither 0 nor an error", #hook, r_); \
	} while (0)

void check_load(struct check *c)
{
	const struct check_options *o = c->options;

	if (o->program) {
		check_far_start(c);
		return;
	}
	if (sheaf_loaded_driver_open(&c->loaded, o->words, o->image_count) < 0)
		check_fail(c, "it is no driver, see the message");
	c->ops = &c->loaded.ops;
	for (uint32_t i = 0; i < o->image_count; i++) {
		struct sheaf_driver_image *image = &c->loaded.images[i];
		struct stat st;
		int fd = open(o->images[i], (o->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);

		if (fd < 0 || fstat(fd, &st) < 0)
			check_fail(c, "%s: %s", o->images[i], strerror(errno));
		*image = (struct sheaf_driver_image){ .path = o->images[i],
						      .fd = fd,
						      .read_only = o->read_only,
						      .bytes = (uint64_t)st.st_size,
						      .block_size = o->block_size };
		c->loaded.image_count++;
	}
}

void check_create(struct check *c)
{
	if (c->options->program) {
		if (c->far.process.pidfd < 0)
			check_far_start(c);
		check_far_create(c);
		return;
	}
	if (sheaf_loaded_driver_create(&c->loaded, CHECK_SLOTS) < 0)
		check_fail(c, "create() failed, see the message");
	c->controller = c->loaded.controller;
}

void check_destroy(struct check *c)
{
	/* STOP has both: stop() and destroy(). */
	if (c->options->program) {
		check_far_stop(c);
		return;
	}
	/* The descriptors are still needed: create() may come again. */
	if (c->loaded.driver->destroy)
		c->loaded.driver->destroy(c->controller);
	c->loaded.created = false;
}

void check_identify(struct check *c)
{
	/* One that was stopped has ended. */
	if (c->options->program && c->far.process.pidfd < 0)
		check_create(c);
	TRY_ALONE(initialize_controller);
	TRY(report_initiator_identifier, &c->initiator_id);
	TRY(report_highest_supported_device_id, &c->highest_target_id);
	c->maximum_tasks = 0;
	TRY(report_maximum_task_count, &c->maximum_tasks);
	if (c->maximum_tasks == 0)
		check_fail(c, "report_maximum_task_count says 0: it takes no task");
	c->maximum_contexts = 1;
	if (c->ops->report_maximum_context_count)
		TRY(report_maximum_context_count, &c->maximum_contexts);
	if (c->maximum_contexts == 0)
		check_fail(c, "report_maximum_context_count says 0: no loop may serve it");
}

static void map_slots(struct check *c)
{
	for (uint32_t i = 0; i < c->slots; i++) {
		c->ids[i] = 0;
		TRY(map_hba_data, &c->ids[i]);
	}
}

static void ask_features(struct check *c)
{
	bool ignored = false;

	if (c->ops->initialize_target_for_id)
		TRY(initialize_target_for_id, 0);
	TRY(report_hba_highest_logical_unit_number, &c->highest_lun);
	for (uint32_t f = 0; f < SHEAF_PARALLEL_FEATURE_COUNT; f++)
		if (c->ops->does_hba_support_scsi_parallel_feature)
			TRY(does_hba_support_scsi_parallel_feature, f, &ignored);
	c->auto_sense = false;
	if (c->ops->does_hba_perform_auto_sense)
		TRY(does_hba_perform_auto_sense, &c->auto_sense);
	if (c->ops->does_hba_support_multi_pathing)
		TRY(does_hba_support_multi_pathing, &ignored);
}

static void make_context(struct check *c)
{
	int r = sheaf_context_create(c->ops, c->controller, &c->controller_view, c->bundled, c->loop,
				     &c->context);

	if (r < 0)
		check_fail(c, "create_context failed: %s", strerror(-r));
	sheaf_context_attach_port(c->context, check_harness_port(c));
	c->port = sheaf_context_request_port(c->context);
}

void check_bring_up(struct check *c)
{
	bool manages = false;
	int r;

	check_identify(c);
	r = check_harness_create(c);
	if (r < 0)
		check_skip(c, "no memory for the slots: %s", strerror(-r));
	if (c->options->program)
		sheaf_remote_use_region(c->controller, &c->region);
	TRY(map_data_area, c->controller_view.data,
	    c->slots * c->controller_view.geometry.buffer_stride,
	    c->controller_view.geometry.buffer_bytes);
	map_slots(c);
	c->bundled = !c->decline && c->ops->map_bundled_parallel_task_command_and_response_buffers &&
		     c->ops->map_bundled_parallel_task_command_and_response_buffers(
			     c->controller, c->controller_view.commands, c->controller_view.responses,
			     c->slots) == 0;
	if (!c->bundled && !c->ops->process_parallel_task)
		check_fail(c, "it declines the mapping and has no process_parallel_task");
	TRY_ALONE(start_controller);
	if (c->ops->does_hba_perform_device_management)
		TRY(does_hba_perform_device_management, &manages);
	if (manages)
		check_fail(c, "does_hba_perform_device_management says yes, and there is no way to announce a target here");
	if (c->options->program)
		check_far_connect(c);
	else
		make_context(c);
	ask_features(c);
}

void check_start_driver(struct check *c)
{
	check_load(c);
	check_create(c);
	check_bring_up(c);
}

void check_stop_driver(struct check *c)
{
	if (c->options->program)
		check_far_stop(c);
	check_harness_detach(c);
	if (!c->options->program)
		c->ops->stop(c->controller);
	check_harness_free(c);
}

void check_kill_driver(struct check *c)
{
	check_far_kill(c);
	check_harness_detach(c);
	check_harness_free(c);
}
