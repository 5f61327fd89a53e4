/* SPDX-License-Identifier: MIT */
/* host.c - bring-up and teardown of a controller; see host.h. The order is DriverKit's (controller.h). */
#include "host/host.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "host/escalate.h"
#include "host/queue.h"

/* Targets that are looked for, 0 to this one. */
#define TARGETS_MAX 255

static int failed(const struct sheaf_host *host, const char *method, int error)
{
	sheaf_error("controller %s: %s failed: %s", host->options.ops->name, method, strerror(-error));
	return error;
}

/* What the controller is, and how many tasks it takes. */
struct identity {
	uint64_t initiator_id, highest_target_id;
	uint32_t tasks;
};

static int initialize(struct sheaf_host *host)
{
	int r = host->options.ops->initialize_controller(host->options.controller);

	return r < 0 ? failed(host, "initialize_controller", r) : 0;
}

/* Steps 2 to 4. */
static int ask_identity(struct sheaf_host *host, struct identity *ret)
{
	const struct sheaf_controller_ops *ops = host->options.ops;
	void *c = host->options.controller;
	int r;

	r = ops->report_initiator_identifier(c, &ret->initiator_id);
	if (r < 0)
		return failed(host, "report_initiator_identifier", r);
	r = ops->report_highest_supported_device_id(c, &ret->highest_target_id);
	if (r == 0 && ret->highest_target_id > TARGETS_MAX)
		r = -EINVAL; /* the probe would take hours */
	if (r < 0)
		return failed(host, "report_highest_supported_device_id", r);
	r = ops->report_maximum_task_count(c, &ret->tasks);
	if (r == 0 && ret->tasks == 0)
		r = -EINVAL;
	return r < 0 ? failed(host, "report_maximum_task_count", r) : 0;
}

static int ask_context_count(struct sheaf_host *host, uint32_t *ret_contexts)
{
	const struct sheaf_controller_ops *ops = host->options.ops;
	int r = 0;

	*ret_contexts = 1;
	if (ops->report_maximum_context_count)
		r = ops->report_maximum_context_count(host->options.controller, ret_contexts);
	if (r == 0 && *ret_contexts == 0)
		r = -EINVAL;
	return r < 0 ? failed(host, "report_maximum_context_count", r) : 0;
}

/* Loops as many as the controller takes; those that nobody asked for are made fewer. */
static int fit_counts(struct sheaf_host *host, uint32_t tasks, uint32_t contexts)
{
	const struct sheaf_controller_ops *ops = host->options.ops;
	struct sheaf_host_options *o = &host->options;
	uint32_t needed;

	if (o->fit_queues && o->queues > tasks)
		o->queues = tasks;
	if (o->fit_queues && !host->workers && o->queues > contexts)
		o->queues = contexts;
	if (o->fit_workers && !host->workers && o->queues > contexts)
		host->workers = contexts < SHEAF_WORKERS_MAX ? contexts : SHEAF_WORKERS_MAX;
	if (tasks < o->queues) {
		sheaf_error("controller %s takes %u tasks, fewer than the %u loops; use --loops=%u",
			    ops->name, tasks, o->queues, tasks);
		return -EINVAL;
	}
	needed = host->workers ? host->workers : o->queues;
	if (needed > contexts) {
		sheaf_error("controller %s is served by at most %u loops, not %u; use --workers=%u",
			    ops->name, contexts, needed, contexts);
		return -EINVAL;
	}
	host->slots_per_queue = (tasks < o->slots ? tasks : o->slots) / o->queues;
	host->slots = host->slots_per_queue * o->queues;
	return 0;
}

static int make_region(struct sheaf_host *host)
{
	const struct sheaf_region_geometry geometry = {
		.slots = host->slots,
		.lanes = host->workers * host->options.queues,
		.buffer_bytes = host->options.buffer_bytes,
	};
	int r = sheaf_region_create(&geometry, &host->region);

	if (r == 0)
		r = sheaf_view_map(&host->region, &host->view);
	if (r == 0 && !host->options.use_region)
		r = sheaf_view_map(&host->region, &host->controller_view);
	if (r < 0) {
		sheaf_error("no memory for %u slots of %zu bytes: %s", host->slots,
			    host->options.buffer_bytes, strerror(-r));
		return r;
	}
	if (host->options.use_region)
		return 0;
	/* All slots are the host's at first. */
	for (uint32_t i = 0; i < host->slots; i++)
		sheaf_view_give(&host->controller_view, i);
	return 0;
}

/* What is needed when the driver dies, see recover.h. */
static int make_recovery(struct sheaf_host *host)
{
	host->next_hba_ids = calloc(host->slots, sizeof(*host->next_hba_ids));
	host->kept = calloc(host->slots, sizeof(*host->kept));
	return host->next_hba_ids && host->kept ? 0 : -ENOMEM;
}

static int make_slot_states(struct sheaf_host *host)
{
	host->hba_ids = calloc(host->slots, sizeof(*host->hba_ids));
	host->slot_states = aligned_alloc(_Alignof(struct sheaf_slot_state),
					  host->slots * sizeof(*host->slot_states));
	if (!host->hba_ids || !host->slot_states)
		return -ENOMEM;
	memset(host->slot_states, 0, host->slots * sizeof(*host->slot_states));
	return host->options.use_region || host->options.may_lose_driver ? make_recovery(host) : 0;
}

/* map_hba_data once a slot: ids that are unique and not 0, or a driver could not tell its tasks apart. */
static int map_slots(struct sheaf_host *host, uint32_t *ids)
{
	const struct sheaf_controller_ops *ops = host->options.ops;

	for (uint32_t i = 0; i < host->slots; i++) {
		int r = ops->map_hba_data(host->options.controller, &ids[i]);

		for (uint32_t j = 0; r == 0 && j < i; j++)
			if (ids[j] == ids[i])
				r = -EEXIST;
		if (r == 0 && ids[i] == 0)
			r = -EINVAL;
		if (r < 0)
			return failed(host, "map_hba_data", r);
	}
	return 0;
}

/* Targets here are 0..highest; a controller that announces them itself would have none. */
static int check_device_management(const struct sheaf_host *host)
{
	const struct sheaf_controller_ops *ops = host->options.ops;
	bool manages = false;
	int r = 0;

	if (ops->does_hba_perform_device_management)
		r = ops->does_hba_perform_device_management(host->options.controller, &manages);
	if (r == 0 && manages)
		r = -EOPNOTSUPP;
	return r < 0 ? failed(host, "does_hba_perform_device_management", r) : 0;
}

/* Steps 5 to 9. @ids: receives those of map_hba_data. */
static int bring_up_memory(struct sheaf_host *host, uint32_t *ids)
{
	const struct sheaf_controller_ops *ops = host->options.ops;
	void *c = host->options.controller;
	const struct sheaf_view *v = &host->controller_view;
	const struct sheaf_region_geometry *g = &host->region.geometry;
	bool bundled;
	int r;

	if (host->options.use_region)
		host->options.use_region(c, &host->region);
	r = ops->map_data_area(c, v->data, host->slots * g->buffer_stride, g->buffer_bytes);
	if (r < 0)
		return failed(host, "map_data_area", r);
	r = map_slots(host, ids);
	if (r < 0)
		return r;
	/* Declining is no error: single-task mode. */
	bundled = !host->options.single_mode &&
		  ops->map_bundled_parallel_task_command_and_response_buffers &&
		  ops->map_bundled_parallel_task_command_and_response_buffers(
			  c, v->commands, v->responses, host->slots) == 0;
	if (host->bundled != bundled)
		host->bundled = bundled;
	if (!host->bundled && !ops->process_parallel_task)
		return failed(host, "map_bundled_parallel_task_command_and_response_buffers",
			      -EOPNOTSUPP);
	r = ops->start_controller(c);
	if (r < 0)
		return failed(host, "start_controller", r);
	host->started = true;
	return check_device_management(host);
}

static int make_queues(struct sheaf_host *host)
{
	host->queues = calloc(host->options.queues, sizeof(struct sheaf_queue *));
	if (!host->queues)
		return -ENOMEM;
	for (uint32_t i = 0; i < host->options.queues; i++) {
		int r = sheaf_queue_create(host, i, &host->queues[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

int sheaf_host_create(const struct sheaf_host_options *options, struct sheaf_host **ret_host)
{
	struct identity identity = { 0 };
	struct sheaf_host *host;
	uint32_t contexts = 0;
	int r;

	if (options->queues < 1 || options->queues > SHEAF_QUEUES_MAX ||
	    options->workers > SHEAF_WORKERS_MAX || options->slots < options->queues ||
	    options->slots > SHEAF_SLOTS_MAX || options->bundle_max < 1 ||
	    options->bundle_max > SHEAF_BUNDLE_MAX)
		return -EINVAL;
	host = calloc(1, sizeof(*host));
	if (!host)
		return -ENOMEM;
	host->options = *options;
	host->workers = options->workers;
	host->region.fd = -1;
	r = initialize(host);
	if (r < 0) {
		free(host);
		return r;
	}
	r = ask_identity(host, &identity);
	host->initiator_id = identity.initiator_id;
	host->highest_target_id = identity.highest_target_id;
	if (r == 0)
		r = ask_context_count(host, &contexts);
	if (r == 0)
		r = fit_counts(host, identity.tasks, contexts);
	if (r == 0)
		r = make_region(host);
	if (r == 0)
		r = make_slot_states(host);
	if (r == 0)
		r = bring_up_memory(host, host->hba_ids);
	if (r == 0)
		r = sheaf_escalation_create(host, &host->escalation);
	if (r == 0)
		r = make_queues(host);
	if (r < 0) {
		sheaf_host_free(host);
		return r;
	}
	*ret_host = host;
	return 0;
}

static int check_fits(const struct sheaf_host *host, const struct identity *identity)
{
	if (identity->tasks < host->slots) {
		sheaf_error("controller %s takes %u tasks now, fewer than the %u slots in use; it cannot "
			    "take over here",
			    host->options.ops->name, identity->tasks, host->slots);
		return -ENOSPC;
	}
	if (identity->highest_target_id < host->highest_target_id ||
	    identity->initiator_id != host->initiator_id) {
		sheaf_error("controller %s has other targets than the one before it; it cannot take over "
			    "here",
			    host->options.ops->name);
		return -ENODEV;
	}
	return 0;
}

int sheaf_host_bring_up_again(struct sheaf_host *host)
{
	struct identity identity = { 0 };
	uint32_t contexts = 0;
	int r = initialize(host);

	if (r == 0)
		r = ask_identity(host, &identity);
	if (r == 0)
		r = check_fits(host, &identity);
	if (r == 0)
		r = ask_context_count(host, &contexts);
	if (r == 0 && contexts < host->workers) {
		sheaf_error("controller %s is served by at most %u loops now, not %u; it cannot take over here",
			    host->options.ops->name, contexts, host->workers);
		r = -ENOSPC;
	}
	return r < 0 ? r : bring_up_memory(host, host->next_hba_ids);
}

struct sheaf_host *sheaf_host_free(struct sheaf_host *host)
{
	if (!host || !sheaf_escalation_free(host->escalation))
		return NULL; /* what a driver works with stays; the process ends soon */
	for (uint32_t i = 0; host->queues && i < host->options.queues; i++)
		sheaf_queue_free(host->queues[i]);
	free(host->queues);
	host->options.ops->stop(host->options.controller);
	sheaf_view_unmap(&host->controller_view);
	sheaf_view_unmap(&host->view);
	sheaf_region_destroy(&host->region);
	free(host->hba_ids);
	free(host->next_hba_ids);
	free(host->kept);
	free(host->slot_states);
	free(host);
	return NULL;
}

/* SPI features and paths are asked for, as a driver may count on it; no task negotiates any. */
static int ask_features(struct sheaf_host *host)
{
	const struct sheaf_controller_ops *ops = host->options.ops;
	void *c = host->options.controller;
	bool ignored;
	int r = 0;

	for (uint32_t f = 0; f < SHEAF_PARALLEL_FEATURE_COUNT && r >= 0; f++)
		if (ops->does_hba_support_scsi_parallel_feature)
			r = ops->does_hba_support_scsi_parallel_feature(c, f, &ignored);
	if (r < 0)
		return failed(host, "does_hba_support_scsi_parallel_feature", r);
	host->auto_sense = false;
	if (ops->does_hba_perform_auto_sense)
		r = ops->does_hba_perform_auto_sense(c, &host->auto_sense);
	if (r < 0)
		return failed(host, "does_hba_perform_auto_sense", r);
	if (ops->does_hba_support_multi_pathing)
		r = ops->does_hba_support_multi_pathing(c, &ignored);
	return r < 0 ? failed(host, "does_hba_support_multi_pathing", r) : 0;
}

int sheaf_host_initialize_target(struct sheaf_host *host, uint64_t target_id)
{
	const struct sheaf_controller_ops *ops = host->options.ops;
	void *c = host->options.controller;
	int r;

	if (target_id > host->highest_target_id || target_id == host->initiator_id)
		return -EINVAL;
	r = ops->initialize_target_for_id ? ops->initialize_target_for_id(c, target_id) : 0;
	if (r < 0)
		return failed(host, "initialize_target_for_id", r);
	r = ops->report_hba_highest_logical_unit_number(c, &host->highest_lun);
	if (r < 0)
		return failed(host, "report_hba_highest_logical_unit_number", r);
	host->targets_initialized = true;
	return ask_features(host);
}

int sheaf_host_initialize_targets_again(struct sheaf_host *host)
{
	int r = 0;

	for (uint64_t t = 0; r == 0 && host->targets_initialized && t <= host->highest_target_id; t++)
		if (t != host->initiator_id)
			r = sheaf_host_initialize_target(host, t);
	return r;
}

enum sheaf_service_response sheaf_host_task_management(struct sheaf_host *host,
						       enum sheaf_task_management function,
						       uint64_t target, uint64_t lun, uint64_t tag)
{
	const struct sheaf_controller_ops *ops = host->options.ops;
	void *c = host->options.controller;

	switch (function) {
	case SHEAF_ABORT_TASK:
		return ops->abort_task_request(c, target, lun, tag);
	case SHEAF_ABORT_TASK_SET:
		return ops->abort_task_set_request(c, target, lun);
	case SHEAF_CLEAR_ACA:
		return ops->clear_aca_request(c, target, lun);
	case SHEAF_CLEAR_TASK_SET:
		return ops->clear_task_set_request(c, target, lun);
	case SHEAF_LOGICAL_UNIT_RESET:
		return ops->logical_unit_reset_request(c, target, lun);
	case SHEAF_TARGET_RESET:
		return ops->target_reset_request(c, target);
	}
	return SHEAF_FUNCTION_REJECTED;
}
