/* SPDX-License-Identifier: MIT */
/**
 * fake_controller.h - a controller that does what a test tells it, also what it may not
 *
 * It has no thread and no context: requests come by its port and stay until the test answers. It notes the order of the
 * calls and fails the one that the test names. Answers are written through a third view of the region, which has no guard,
 * as a hostile process would have it.
 */
#ifndef SHEAF_TEST_FAKE_CONTROLLER_H
#define SHEAF_TEST_FAKE_CONTROLLER_H

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "host/host.h"
#include "host/queue.h"
#include "seam/port.h"

#define FAKE_SLOTS_MAX 128
#define FAKE_BUNDLES_MAX 256
#define FAKE_CALLS_MAX 256
#define FAKE_INITIATOR 7

struct fake_controller {
	/* What the test wants. */
	const char *fail; /* this method returns fail_error */
	int fail_error;
	uint32_t maximum_tasks, maximum_contexts;
	uint32_t first_id;
	bool ids_repeat, ids_zero; /* what the third map_hba_data returns */
	bool declines;
	bool elsewhere; /* it is in another process: what it maps has no address here */
	bool manages_devices;
	bool answers_inline;
	bool answers_another_first; /* inline; once */
	uint16_t another;
	enum sheaf_service_response single_answer;
	/* What came. */
	const char *calls[FAKE_CALLS_MAX];
	unsigned call_count;
	uint32_t ids;
	uint8_t *data;
	size_t data_bytes, buffer_bytes;
	uint32_t mapped_slots;
	struct {
		uint16_t slots[SHEAF_BUNDLE_MAX];
		uint16_t n;
	} bundles[FAKE_BUNDLES_MAX];
	unsigned bundle_count;
	struct sheaf_task tasks[FAKE_SLOTS_MAX]; /* the last one in each slot */
	uint64_t features_asked;
	/* For answers. */
	bool bundled;
	struct sheaf_view raw;
	struct sheaf_completion_port port;
	struct sheaf_response single[FAKE_SLOTS_MAX];
};

static inline int fake_called(void *controller, const char *method)
{
	struct fake_controller *f = controller;

	assert(f->call_count < FAKE_CALLS_MAX);
	f->calls[f->call_count++] = method;
	return f->fail && strcmp(f->fail, method) == 0 ? f->fail_error : 0;
}

static inline unsigned fake_call_count(const struct fake_controller *f, const char *method)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f->call_count; i++)
		n += strcmp(f->calls[i], method) == 0;
	return n;
}

static int fake_initialize_controller(void *c)
{
	return fake_called(c, "initialize_controller");
}

static int fake_report_initiator_identifier(void *c, uint64_t *ret_id)
{
	*ret_id = FAKE_INITIATOR;
	return fake_called(c, "report_initiator_identifier");
}

static int fake_report_highest_supported_device_id(void *c, uint64_t *ret_id)
{
	*ret_id = FAKE_INITIATOR + 1;
	return fake_called(c, "report_highest_supported_device_id");
}

static int fake_report_maximum_task_count(void *c, uint32_t *ret_count)
{
	*ret_count = ((struct fake_controller *)c)->maximum_tasks;
	return fake_called(c, "report_maximum_task_count");
}

static int fake_report_maximum_context_count(void *c, uint32_t *ret_count)
{
	*ret_count = ((struct fake_controller *)c)->maximum_contexts;
	return fake_called(c, "report_maximum_context_count");
}

static int fake_map_data_area(void *c, uint8_t *data, size_t bytes, size_t buffer_bytes)
{
	struct fake_controller *f = c;

	f->data = data;
	f->data_bytes = bytes;
	f->buffer_bytes = buffer_bytes;
	return fake_called(c, "map_data_area");
}

static int fake_map_hba_data(void *c, uint32_t *ret_id)
{
	struct fake_controller *f = c;

	*ret_id = f->first_id + f->ids++;
	if (f->ids == 3 && f->ids_repeat)
		*ret_id = f->first_id;
	if (f->ids == 3 && f->ids_zero)
		*ret_id = 0;
	return fake_called(c, "map_hba_data");
}

static int fake_map_buffers(void *c, const struct sheaf_task *commands,
			    struct sheaf_response *responses, uint32_t slots)
{
	struct fake_controller *f = c;
	int r = fake_called(c, "map_bundled_parallel_task_command_and_response_buffers");

	assert((commands && responses) != f->elsewhere);
	f->mapped_slots = slots;
	return f->declines ? -EOPNOTSUPP : r;
}

static int fake_start_controller(void *c)
{
	return fake_called(c, "start_controller");
}

static int fake_does_hba_perform_device_management(void *c, bool *ret)
{
	*ret = ((struct fake_controller *)c)->manages_devices;
	return fake_called(c, "does_hba_perform_device_management");
}

static int fake_report_hba_highest_logical_unit_number(void *c, uint64_t *ret)
{
	*ret = 3;
	return fake_called(c, "report_hba_highest_logical_unit_number");
}

static int fake_does_hba_support_scsi_parallel_feature(void *c, uint32_t feature, bool *ret)
{
	((struct fake_controller *)c)->features_asked |= UINT64_C(1) << feature;
	*ret = false;
	return fake_called(c, "does_hba_support_scsi_parallel_feature");
}

static int fake_does_hba_perform_auto_sense(void *c, bool *ret)
{
	*ret = true;
	return fake_called(c, "does_hba_perform_auto_sense");
}

static int fake_does_hba_support_multi_pathing(void *c, bool *ret)
{
	*ret = false;
	return fake_called(c, "does_hba_support_multi_pathing");
}

static int fake_initialize_target_for_id(void *c, uint64_t target_id)
{
	(void)target_id;
	return fake_called(c, "initialize_target_for_id");
}

static int fake_create_context(void *c, struct sheaf_context *context, void **ret_private)
{
	(void)context;
	*ret_private = c;
	return fake_called(c, "create_context");
}

static void fake_destroy_context(void *c)
{
	fake_called(c, "destroy_context");
}

static void fake_stop(void *c)
{
	fake_called(c, "stop");
}

/* Answers */

/* A response that is right in all, for the test to spoil: GOOD, all bytes. */
static inline struct sheaf_response *fake_answer(struct fake_controller *f, uint16_t slot)
{
	const struct sheaf_task *task = &f->tasks[slot];
	struct sheaf_response *r = f->bundled ? &f->raw.responses[slot] : &f->single[slot];

	memset(r, 0, sizeof(*r));
	r->version = SHEAF_TASK_VERSION;
	r->target_id = task->target_id;
	r->controller_task_identifier = task->controller_task_identifier;
	r->service_response = SHEAF_TASK_COMPLETE;
	r->completion_status = SHEAF_STATUS_GOOD;
	r->bytes_transferred = task->requested_transfer_count;
	return r;
}

/* Give slots back with the responses as they are: in one bundle, or one after the other in single-task mode. */
static inline void fake_give_back(struct fake_controller *f, const uint16_t slots[], uint16_t n)
{
	static const struct sheaf_response nothing;

	if (f->bundled) {
		f->port.bundle(f->port.arg, slots, n);
		return;
	}
	for (uint16_t i = 0; i < n; i++)
		f->port.single(f->port.arg, slots[i],
			       slots[i] < FAKE_SLOTS_MAX ? &f->single[slots[i]] : &nothing);
}

static inline void fake_complete(struct fake_controller *f, uint16_t slot)
{
	fake_answer(f, slot);
	fake_give_back(f, &slot, 1);
}

/* Requests */

static inline void fake_answer_inline(struct fake_controller *f, uint16_t slot)
{
	if (f->answers_another_first) {
		f->answers_another_first = false;
		fake_complete(f, f->another);
	}
	if (f->answers_inline)
		fake_complete(f, slot);
}

static void fake_bundle(void *arg, const uint16_t slots[], uint16_t n)
{
	struct fake_controller *f = arg;

	assert(n >= 1 && n <= SHEAF_BUNDLE_MAX && f->bundle_count < FAKE_BUNDLES_MAX);
	memcpy(f->bundles[f->bundle_count].slots, slots, n * sizeof(slots[0]));
	f->bundles[f->bundle_count++].n = n;
	for (uint16_t i = 0; i < n; i++)
		f->tasks[slots[i]] = f->raw.commands[slots[i]];
	for (uint16_t i = 0; i < n; i++)
		fake_answer_inline(f, slots[i]);
}

static enum sheaf_service_response fake_single(void *arg, const struct sheaf_task *task,
					       sheaf_action action)
{
	struct fake_controller *f = arg;

	assert(f->bundle_count < FAKE_BUNDLES_MAX);
	f->bundles[f->bundle_count].slots[0] = (uint16_t)action;
	f->bundles[f->bundle_count++].n = 1;
	f->tasks[action] = *task;
	fake_answer_inline(f, (uint16_t)action);
	return f->single_answer;
}

static enum sheaf_service_response fake_process_parallel_task(void *private_data,
							      const struct sheaf_task *task,
							      sheaf_action action)
{
	return fake_single(private_data, task, action);
}

static void fake_process_bundled_parallel_tasks(void *private_data, const uint16_t slots[],
						uint16_t n)
{
	fake_bundle(private_data, slots, n);
}

static enum sheaf_service_response fake_abort_task_request(void *c, uint64_t target, uint64_t lun,
							   uint64_t tag)
{
	fake_called(c, "abort_task_request");
	return target == 1 && lun == 2 && tag == 3 ? SHEAF_FUNCTION_COMPLETE : SHEAF_FUNCTION_REJECTED;
}

#define FAKE_LUN_FUNCTION(name)                                                                    \
	static enum sheaf_service_response fake_##name(void *c, uint64_t target, uint64_t lun)     \
	{                                                                                          \
		fake_called(c, #name);                                                             \
		return target == 1 && lun == 2 ? SHEAF_FUNCTION_COMPLETE :                         \
						 SHEAF_FUNCTION_REJECTED;                          \
	}
FAKE_LUN_FUNCTION(abort_task_set_request)
FAKE_LUN_FUNCTION(clear_aca_request)
FAKE_LUN_FUNCTION(clear_task_set_request)
FAKE_LUN_FUNCTION(logical_unit_reset_request)

static enum sheaf_service_response fake_target_reset_request(void *c, uint64_t target)
{
	fake_called(c, "target_reset_request");
	return target == 1 ? SHEAF_FUNCTION_COMPLETE : SHEAF_FUNCTION_REJECTED;
}

static const struct sheaf_controller_ops fake_ops = {
	.name = "fake",
	.initialize_controller = fake_initialize_controller,
	.report_initiator_identifier = fake_report_initiator_identifier,
	.report_highest_supported_device_id = fake_report_highest_supported_device_id,
	.report_maximum_task_count = fake_report_maximum_task_count,
	.report_maximum_context_count = fake_report_maximum_context_count,
	.map_data_area = fake_map_data_area,
	.map_hba_data = fake_map_hba_data,
	.map_bundled_parallel_task_command_and_response_buffers = fake_map_buffers,
	.start_controller = fake_start_controller,
	.does_hba_perform_device_management = fake_does_hba_perform_device_management,
	.report_hba_highest_logical_unit_number = fake_report_hba_highest_logical_unit_number,
	.does_hba_support_scsi_parallel_feature = fake_does_hba_support_scsi_parallel_feature,
	.does_hba_perform_auto_sense = fake_does_hba_perform_auto_sense,
	.does_hba_support_multi_pathing = fake_does_hba_support_multi_pathing,
	.initialize_target_for_id = fake_initialize_target_for_id,
	.create_context = fake_create_context,
	.destroy_context = fake_destroy_context,
	.process_bundled_parallel_tasks = fake_process_bundled_parallel_tasks,
	.process_parallel_task = fake_process_parallel_task,
	.abort_task_request = fake_abort_task_request,
	.abort_task_set_request = fake_abort_task_set_request,
	.clear_aca_request = fake_clear_aca_request,
	.clear_task_set_request = fake_clear_task_set_request,
	.logical_unit_reset_request = fake_logical_unit_reset_request,
	.target_reset_request = fake_target_reset_request,
	.stop = fake_stop,
};

static inline void fake_init(struct fake_controller *f)
{
	memset(f, 0, sizeof(*f));
	f->maximum_tasks = FAKE_SLOTS_MAX;
	f->maximum_contexts = UINT32_MAX;
	f->first_id = 1000;
	f->single_answer = SHEAF_REQUEST_IN_PROCESS;
}

#endif
