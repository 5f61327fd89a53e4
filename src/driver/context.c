/* SPDX-License-Identifier: MIT */
/* context.c - see context.h */
#include "driver/context.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/counter.h"

static struct sheaf_context *hook_context(struct sheaf_loop_hook *hook)
{
	return (struct sheaf_context *)((char *)hook - offsetof(struct sheaf_context, hook));
}

/* Requests */

static void receive_bundle(struct sheaf_context *context, const uint16_t slots[], uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		sheaf_view_take(context->view, slots[i]);
	context->ops->process_bundled_parallel_tasks(context->private_data, slots, n);
}

static void port_bundle(void *arg, const uint16_t slots[], uint16_t n)
{
	receive_bundle(arg, slots, n);
}

static enum sheaf_service_response port_single(void *arg, const struct sheaf_task *task,
					       sheaf_action action)
{
	struct sheaf_context *context = arg;

	sheaf_view_take(context->view, action);
	return context->ops->process_parallel_task(context->private_data, task, action);
}

struct sheaf_request_port sheaf_context_request_port(struct sheaf_context *context)
{
	return (struct sheaf_request_port){ context, port_bundle, port_single };
}

static bool lane_owns(const struct sheaf_context_lane *lane, uint32_t slot)
{
	return slot >= lane->first_slot && slot - lane->first_slot < lane->slot_count;
}

/* A driver need not trust its host either: a slot of another lane is dropped. */
static void receive_from_lane(struct sheaf_context *context, const struct sheaf_context_lane *lane,
			      uint16_t slots[], uint16_t n)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < n; i++) {
		if (lane_owns(lane, slots[i]))
			slots[kept++] = slots[i];
		else
			sheaf_count_add(&context->refused, 1);
	}
	if (kept)
		receive_bundle(context, slots, kept);
}

static void receive_single(struct sheaf_context *context, const struct sheaf_context_lane *lane,
			   const struct sheaf_task *task, sheaf_action action)
{
	struct sheaf_response response = {
		.version = SHEAF_TASK_VERSION,
		.target_id = task->target_id,
		.controller_task_identifier = task->controller_task_identifier,
		.service_response = SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE,
		.completion_status = SHEAF_DELIVERY_NO_STATUS,
	};

	if (!lane_owns(lane, action)) {
		sheaf_count_add(&context->refused, 1);
		return;
	}
	/* A refusal cannot be returned through a lane, so it becomes a response. */
	if (port_single(context, task, action) != SHEAF_REQUEST_IN_PROCESS)
		sheaf_parallel_task_completion(context, action, &response);
}

static bool poll_lane(struct sheaf_context *context, struct sheaf_context_lane *lane)
{
	uint16_t slots[SHEAF_BUNDLE_MAX];
	struct sheaf_task task;
	sheaf_action action;
	bool any = false;

	for (uint32_t i = 0; i < lane->slot_count; i++) {
		int n = context->bundled ? sheaf_ring_pop_bundle(&lane->lane.request, slots) :
					   sheaf_ring_pop_task(&lane->lane.request, &action, &task);

		if (n == 0 || n == -EPROTO)
			break;
		any = true;
		if (n < 0)
			sheaf_count_add(&context->refused, 1);
		else if (context->bundled)
			receive_from_lane(context, lane, slots, (uint16_t)n);
		else
			receive_single(context, lane, &task, action);
	}
	return any;
}

static bool hook_poll(struct sheaf_loop_hook *hook)
{
	struct sheaf_context *context = hook_context(hook);
	bool any = false;

	for (unsigned i = 0; i < context->lane_count; i++)
		any |= poll_lane(context, &context->lanes[i]);
	return any;
}

/* Completions */

static void ring_if_asleep(struct sheaf_context *context, struct sheaf_context_lane *lane)
{
	if (!sheaf_ring_wants_doorbell(&lane->lane.completion))
		return;
	sheaf_loop_ring_doorbell(context->loop, lane->doorbell_fd);
	sheaf_count_add(&context->doorbells, 1);
}

static void push_done(struct sheaf_context *context, struct sheaf_context_lane *lane)
{
	int r;

	if (lane->done_count == 0)
		return;
	r = sheaf_ring_push_bundle(&lane->lane.completion, lane->done, lane->done_count);
	lane->done_count = 0;
	if (r < 0)
		sheaf_count_add(&context->refused, 1); /* a host that moved its head: its loss */
	else
		ring_if_asleep(context, lane);
}

static struct sheaf_context_lane *lane_of(struct sheaf_context *context, uint32_t slot)
{
	for (unsigned i = 0; i < context->lane_count; i++)
		if (lane_owns(&context->lanes[i], slot))
			return &context->lanes[i];
	return NULL;
}

void sheaf_bundled_parallel_task_completion(struct sheaf_context *context, const uint16_t slots[],
					    uint16_t count)
{
	if (!context->lane_count) {
		context->completed = true;
		/* In this process what is out of range must not reach the poisoning; the host counts it. */
		for (uint16_t i = 0; i < count && count <= SHEAF_BUNDLE_MAX; i++)
			if (slots[i] < context->view->geometry.slots)
				sheaf_view_give(context->view, slots[i]);
		context->port.bundle(context->port.arg, slots, count);
		return;
	}
	for (uint16_t i = 0; i < count; i++) {
		struct sheaf_context_lane *lane = lane_of(context, slots[i]);

		if (!lane) {
			sheaf_count_add(&context->refused, 1);
			continue;
		}
		sheaf_view_give(context->view, slots[i]);
		lane->done[lane->done_count++] = slots[i];
		if (lane->done_count == SHEAF_BUNDLE_MAX)
			push_done(context, lane);
	}
}

void sheaf_parallel_task_completion(struct sheaf_context *context, sheaf_action action,
				    const struct sheaf_response *response)
{
	if (!context->lane_count) {
		context->completed = true;
		if (action < context->view->geometry.slots)
			sheaf_view_give(context->view, action);
		context->port.single(context->port.arg, action, response);
		return;
	}
	struct sheaf_context_lane *lane = lane_of(context, action);

	if (!lane) {
		sheaf_count_add(&context->refused, 1);
		return;
	}
	sheaf_view_give(context->view, action);
	if (sheaf_ring_push_response(&lane->lane.completion, action, response) < 0) {
		sheaf_count_add(&context->refused, 1);
		return;
	}
	/* Each call by itself, as the one before it. */
	sheaf_loop_ring_doorbell_now(context->loop, lane->doorbell_fd);
	sheaf_count_add(&context->doorbells, 1);
}

struct sheaf_loop *sheaf_context_loop(struct sheaf_context *context)
{
	return context->loop;
}

static bool hook_flush(struct sheaf_loop_hook *hook)
{
	struct sheaf_context *context = hook_context(hook);

	if (context->ops->end_of_turn)
		context->ops->end_of_turn(context->private_data);
	for (unsigned i = 0; i < context->lane_count; i++)
		push_done(context, &context->lanes[i]);
	/* Fused: what an end has started may have to wait for the queue's hook of the next round. */
	bool completed = context->completed;

	context->completed = false;
	return completed;
}

static bool hook_may_sleep(struct sheaf_loop_hook *hook)
{
	struct sheaf_context *context = hook_context(hook);
	bool may = true;

	for (unsigned i = 0; i < context->lane_count; i++)
		may &= sheaf_ring_may_sleep(&context->lanes[i].lane.request);
	return may;
}

static void hook_awake(struct sheaf_loop_hook *hook)
{
	struct sheaf_context *context = hook_context(hook);

	for (unsigned i = 0; i < context->lane_count; i++)
		sheaf_ring_awake(&context->lanes[i].lane.request);
}

/* Making one */

int sheaf_context_create(const struct sheaf_controller_ops *ops, void *controller,
			 const struct sheaf_view *view, bool bundled, struct sheaf_loop *loop,
			 struct sheaf_context **ret_context)
{
	struct sheaf_context *context = calloc(1, sizeof(*context));
	int r;

	if (!context)
		return -ENOMEM;
	context->ops = ops;
	context->controller = controller;
	context->view = view;
	context->bundled = bundled;
	context->loop = loop;
	r = ops->create_context(controller, context, &context->private_data);
	if (r < 0) {
		free(context);
		return r;
	}
	context->hook.flush = hook_flush;
	sheaf_loop_add_hook(loop, &context->hook);
	*ret_context = context;
	return 0;
}

struct sheaf_context *sheaf_context_free(struct sheaf_context *context)
{
	if (!context)
		return NULL;
	context->ops->destroy_context(context->private_data);
	free(context->lanes);
	free(context);
	return NULL;
}

void sheaf_context_attach_port(struct sheaf_context *context, struct sheaf_completion_port port)
{
	context->port = port;
}

int sheaf_context_attach_lanes(struct sheaf_context *context, unsigned lanes)
{
	context->lanes = calloc(lanes, sizeof(*context->lanes));
	if (!context->lanes)
		return -ENOMEM;
	context->lane_count = lanes;
	context->hook.poll = hook_poll;
	context->hook.may_sleep = hook_may_sleep;
	context->hook.awake = hook_awake;
	return 0;
}

void sheaf_context_open_lane(struct sheaf_context *context, unsigned i, uint32_t lane_index,
			     uint16_t first_slot, uint16_t slot_count, int doorbell_fd)
{
	struct sheaf_context_lane *lane = &context->lanes[i];

	assert(i < context->lane_count);
	sheaf_lane_open(&lane->lane, context->view, lane_index);
	lane->first_slot = first_slot;
	lane->slot_count = slot_count;
	lane->doorbell_fd = doorbell_fd;
}
