/* SPDX-License-Identifier: MIT */
/* complete.c - the completion half of a queue: the check of what comes back, and deadlines; see queue.h. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <sheaf/scsi.h>

#include "base/counter.h"
#include "base/log.h"
#include "host/recover.h"
#include "host/slot.h"

/* Messages of a queue, a second; the counters go on. */
#define MESSAGES_LENGTH_NS 1000000000ull
#define MESSAGES_MAX	   5
#define DUMP_MAX	   256

const char *const sheaf_violation_names[SHEAF_VIOLATION_KINDS] = {
	[SHEAF_VIOLATION_COUNT] = "count",
	[SHEAF_VIOLATION_INDEX] = "index",
	[SHEAF_VIOLATION_OWNER] = "owner",
	[SHEAF_VIOLATION_VERSION] = "version",
	[SHEAF_VIOLATION_IDENTIFIER] = "identifier",
	[SHEAF_VIOLATION_RESPONSE] = "response",
	[SHEAF_VIOLATION_RING] = "ring",
};

/* Once a window. */
static void too_many_violations(struct sheaf_queue *queue, uint64_t now_ns)
{
	struct sheaf_host *host = queue->host;
	char why[96];
	int r;

	snprintf(why, sizeof(why), "it broke rules of the seam more than %u times within %u s",
		 host->options.violations_max, SHEAF_VIOLATION_WINDOW_MS / 1000);
	/* Asked for since this window began, it counts for it. */
	r = sheaf_escalation_restart(host->escalation, queue->violation_window.window_ns, why);
	if (r > 0)
		sheaf_count_add(&queue->stats.driver_restarts, 1);
	queue->violation_window.window_ns = now_ns;
	queue->violation_window.count = 0;
	if (r >= 0 || atomic_exchange(&host->violations_told, true))
		return;
	sheaf_error("controller %s: %s, and cannot be replaced; nothing that it says is believed without a check, but "
		    "its disk is not to be relied on: unmount it, and have the driver mended",
		    host->options.ops->name, why);
}

void sheaf_queue_violation(struct sheaf_queue *queue, enum sheaf_violation kind)
{
	uint64_t now_ns = sheaf_loop_now(queue->loop), left_out, before;

	sheaf_count_add(&queue->stats.violations[kind], 1);
	if (sheaf_rate_allows(&queue->violation_rate, now_ns, MESSAGES_LENGTH_NS, MESSAGES_MAX, &left_out))
		sheaf_warning("controller %s broke a rule of the seam (%s); and %llu more before",
			      queue->host->options.ops->name, sheaf_violation_names[kind],
			      (unsigned long long)left_out);
	if (queue->host->options.violations_max &&
	    !sheaf_rate_allows(&queue->violation_window, now_ns, SHEAF_VIOLATION_WINDOW_MS * 1000000ull,
			       queue->host->options.violations_max, &before))
		too_many_violations(queue, now_ns);
}

/* What may be told of the task in @slot, which the controller has. */
static void look_at(struct sheaf_queue *queue, uint16_t slot, struct sheaf_flight_task *ret_task,
		    uint64_t *ret_target)
{
	*ret_target = 0;
	if (!sheaf_flight_peek(&queue->host->region, slot, ret_task, ret_target))
		memset(ret_task, 0, sizeof(*ret_task));
}

/* Like a disk's log: the task, how old it is, who has it, and what happens now. */
static void dump(struct sheaf_queue *queue, uint16_t slot, uint64_t now_ns, const char *what)
{
	const struct sheaf_slot_state *state = sheaf_slot_state(queue, slot);
	const char *name = queue->host->options.ops->name;
	struct sheaf_flight_task task;
	char text[DUMP_MAX], owner[32] = "the driver, on this loop";
	uint64_t left_out, target;

	if (!sheaf_rate_allows(&queue->stuck_rate, now_ns, MESSAGES_LENGTH_NS, MESSAGES_MAX, &left_out))
		return;
	if (left_out)
		sheaf_warning("controller %s: and %llu messages more about late tasks", name,
			      (unsigned long long)left_out);
	look_at(queue, slot, &task, &target);
	sheaf_flight_describe(&task, text, sizeof(text));
	if (queue->host->workers)
		snprintf(owner, sizeof(owner), "worker %u", state->worker);
	sheaf_warning("controller %s: not completed after %.1f s, and with %s: slot %u of queue %u, generation %u, %s; %s",
		      name, (double)(now_ns - state->start_ns) / 1e9, owner, slot, queue->index,
		      state->generation, text, what);
}

/* The task in @slot ended badly: of its own, or for another one's sake? */
static void judge_failure(struct sheaf_queue *queue, uint16_t slot)
{
	const struct sheaf_slot_state *state = sheaf_slot_state(queue, slot);
	struct sheaf_result *result = &queue->result;
	struct sheaf_flight_task task;
	uint64_t target;

	if (result->quarantined)
		return;
	if (state->step != SHEAF_STEP_NONE) {
		sheaf_count_add(&queue->stats.aborted, 1);
		return;
	}
	/* A reset ends all tasks of its unit, SAM-5 section 6.3.3; those that were in time may be sent again. */
	if (!queue->grace_ns || (result->service_response != SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE &&
				 sheaf_result_sense(result) >> 16 != SHEAF_KEY_ABORTED_COMMAND))
		return;
	look_at(queue, slot, &task, &target);
	result->reset = sheaf_escalation_was_reset(queue->host->escalation, target, task.lun,
						   state->start_ns);
	if (result->reset)
		sheaf_count_add(&queue->stats.aborted, 1);
}

/* After sheaf_observe_task(), which knows the time. */
static inline void record_flight(struct sheaf_queue *queue, uint16_t slot,
				 const struct sheaf_slot_state *state, uint64_t start_ns, bool good)
{
	const struct sheaf_result *result = &queue->result;
	const struct sheaf_task *task = &queue->host->view.commands[slot];
	struct sheaf_flight *flight = queue->flights;
	struct sheaf_flight_end end = {
		.start_ns = start_ns,
		.latency_ns = queue->observe.now_ns - start_ns,
		.place = state->place,
		.identifier = atomic_load_explicit(&state->identifier, memory_order_relaxed),
		.requested = (uint32_t)state->requested,
		.transferred = (uint32_t)result->bytes_transferred,
		.service_response = (uint8_t)result->service_response,
		.status = (uint8_t)result->status,
	};
	struct sheaf_task copy;

	if (queue->host->workers)
		flight += state->worker;
	if (__builtin_expect(!good, 0)) {
		end.sense_key = (uint8_t)(sheaf_result_sense(result) >> 16);
		end.step = state->step;
		if (result->quarantined) { /* not ours to touch */
			if (!sheaf_region_peek(&queue->host->region, slot, &copy))
				return;
			task = &copy;
		}
	}
	sheaf_flight_record(flight, task, &end);
}

void sheaf_queue_end_task(struct sheaf_queue *queue, uint16_t slot)
{
	const struct sheaf_slot_state *state = sheaf_slot_state(queue, slot);
	uint64_t start_ns = atomic_load_explicit(&state->start_ns, memory_order_relaxed);
	bool good = sheaf_result_good(&queue->result);
	bool error = !good && !sheaf_result_unit_attention(&queue->result);

	sheaf_count_add(&queue->stats.ended, 1);
	sheaf_count_sub(&queue->stats.in_flight, 1);
	if (error)
		sheaf_count_add(&queue->stats.errors, 1);
	sheaf_observe_task(&queue->observe, (enum sheaf_command)state->command, start_ns,
			   queue->result.bytes_transferred, !error);
	queue->result.reset = false;
	if (!good)
		judge_failure(queue, slot);
	record_flight(queue, slot, state, start_ns, good);
	if (!good && sheaf_probe_wanted(task_error))
		sheaf_trace_error(queue, slot, &queue->result);
	if (sheaf_trace_is_on(&queue->tracer))
		sheaf_trace_end(queue, slot, &queue->result);
	queue->client->ended(queue->client, slot, &queue->result);
}

void sheaf_queue_end_undelivered(struct sheaf_queue *queue, uint16_t slot,
				 enum sheaf_delivery_status status, bool quarantined)
{
	queue->result.service_response = SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE;
	queue->result.status = status;
	queue->result.bytes_transferred = 0;
	queue->result.sense_length = 0;
	queue->result.quarantined = quarantined;
	sheaf_queue_end_task(queue, slot);
}

void sheaf_slot_take_back(struct sheaf_queue *queue, uint16_t slot)
{
	sheaf_view_take(&queue->host->view, slot);
	if (queue->host->workers)
		sheaf_count_sub(&queue->lanes[sheaf_slot_state(queue, slot)->worker].in_flight, 1);
}

void sheaf_queue_refused(struct sheaf_queue *queue, uint16_t slot)
{
	/* Completed inline, its slot may even be another queue's by now. */
	if (!sheaf_queue_owns(queue, slot) ||
	    sheaf_slot_state(queue, slot)->owner != SHEAF_SLOT_CONTROLLER) {
		sheaf_queue_violation(queue, SHEAF_VIOLATION_OWNER); /* completed and refused */
		return;
	}
	sheaf_slot_take_back(queue, slot);
	sheaf_slot_set(queue, slot, SHEAF_SLOT_HOST);
	sheaf_queue_end_undelivered(queue, slot, SHEAF_DELIVERY_NO_STATUS, false);
}

static bool status_known(uint32_t service_response, uint32_t status)
{
	if (service_response == SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE)
		return true; /* whatever it says, it was not delivered */
	switch (status) {
	case SHEAF_STATUS_GOOD:
	case SHEAF_STATUS_CHECK_CONDITION:
	case SHEAF_STATUS_CONDITION_MET:
	case SHEAF_STATUS_BUSY:
	case SHEAF_STATUS_RESERVATION_CONFLICT:
	case SHEAF_STATUS_TASK_SET_FULL:
	case SHEAF_STATUS_ACA_ACTIVE:
		return service_response == SHEAF_TASK_COMPLETE;
	default:
		return false;
	}
}

/*
 * The memory is shared, so each field is read once (see XSA-155), and what is checked is what was read. One by one: a copy of the
 * whole that is read right after stalls (no store forwarding from two stores). Return: false: it cannot be, @kind says how.
 */
static bool read_response(struct sheaf_result *result, const struct sheaf_response *shared,
			  const struct sheaf_slot_state *state, enum sheaf_violation *ret_kind)
{
	const volatile struct sheaf_response *once = shared;
	uint32_t service_response = once->service_response, status = once->completion_status;
	uint64_t bytes_transferred = once->bytes_transferred;

	if (once->version != SHEAF_TASK_VERSION) {
		*ret_kind = SHEAF_VIOLATION_VERSION;
		return false;
	}
	if (once->controller_task_identifier != state->identifier) {
		*ret_kind = SHEAF_VIOLATION_IDENTIFIER;
		return false;
	}
	if (!status_known(service_response, status) || bytes_transferred > state->requested) {
		*ret_kind = SHEAF_VIOLATION_RESPONSE;
		return false;
	}
	result->service_response = service_response;
	result->status = status;
	result->bytes_transferred = bytes_transferred;
	result->sense_length = 0;
	result->quarantined = false;
	if (service_response == SHEAF_TASK_COMPLETE && status == SHEAF_STATUS_CHECK_CONDITION) {
		result->sense_length = once->sense_length;
		memcpy(result->sense, shared->sense_buffer, result->sense_length);
	}
	return true;
}

void sheaf_slot_returned(struct sheaf_queue *queue, uint16_t slot)
{
	struct sheaf_slot_state *state = sheaf_slot_state(queue, slot);

	state->returned = true;
	if (state->put)
		sheaf_slot_release(queue, slot);
	else if (queue->client->slot_free)
		queue->client->slot_free(queue->client);
}

/* One entry of a completion: refused and counted, or the end of its task, or dropped because it came late. */
static bool complete_slot(struct sheaf_queue *queue, uint32_t slot,
			  const struct sheaf_response *response)
{
	enum sheaf_violation kind;

	if (slot >= queue->host->slots || !sheaf_queue_owns(queue, (uint16_t)slot)) {
		sheaf_queue_violation(queue, SHEAF_VIOLATION_INDEX);
		return false;
	}
	uint16_t s = (uint16_t)slot;
	struct sheaf_slot_state *state = sheaf_slot_state(queue, s);

	if (state->owner != SHEAF_SLOT_CONTROLLER &&
	    (state->owner != SHEAF_SLOT_QUARANTINED || state->returned)) {
		sheaf_queue_violation(queue, SHEAF_VIOLATION_OWNER);
		return false;
	}
	sheaf_view_take(&queue->host->view, s);
	if (!response)
		response = &queue->host->view.responses[s];
	if (!read_response(&queue->result, response, state, &kind)) {
		sheaf_view_give(&queue->host->view, s);
		sheaf_queue_violation(queue, kind);
		return false;
	}
	sheaf_slot_take_back(queue, s);
	if (state->owner == SHEAF_SLOT_QUARANTINED) {
		sheaf_count_add(&queue->stats.late, 1);
		sheaf_slot_returned(queue, s);
		return true;
	}
	sheaf_slot_set(queue, s, SHEAF_SLOT_HOST);
	sheaf_queue_end_task(queue, s);
	return true;
}

static void count_completions(struct sheaf_queue *queue, uint16_t n)
{
	sheaf_count_add(&queue->stats.completions.count, 1);
	sheaf_count_add(&queue->stats.completions.tasks, n);
	sheaf_count_add(&queue->stats.completions.by_size[n], 1);
	SHEAF_PROBE2(bundle_complete, queue->index, n);
}

void sheaf_queue_complete_bundle(struct sheaf_queue *queue, const uint16_t slots[], uint16_t n)
{
	if (n < 1 || n > SHEAF_BUNDLE_MAX) {
		sheaf_queue_violation(queue, SHEAF_VIOLATION_COUNT);
		return;
	}
	count_completions(queue, n);
	sheaf_observe_bundle(&queue->observe, sheaf_loop_now(queue->loop));
	for (uint16_t i = 0; i < n; i++)
		complete_slot(queue, slots[i], NULL);
}

void sheaf_queue_complete_single(struct sheaf_queue *queue, sheaf_action action,
				 const struct sheaf_response *response)
{
	count_completions(queue, 1);
	sheaf_observe_single(&queue->observe, sheaf_loop_now(queue->loop));
	complete_slot(queue, action, response);
}

static void port_bundle(void *arg, const uint16_t slots[], uint16_t n)
{
	sheaf_queue_complete_bundle(arg, slots, n);
}

static void port_single(void *arg, sheaf_action action, const struct sheaf_response *response)
{
	sheaf_queue_complete_single(arg, action, response);
}

struct sheaf_completion_port sheaf_queue_completion_port(struct sheaf_queue *queue)
{
	return (struct sheaf_completion_port){ queue, port_bundle, port_single };
}

void sheaf_queue_lane_broke(struct sheaf_queue *queue, struct sheaf_queue_lane *lane)
{
	struct sheaf_host *host = queue->host;

	/* First, as whom it asks may look. */
	lane->broken = true;
	sheaf_queue_violation(queue, SHEAF_VIOLATION_RING);
	if (host->replace_driver)
		host->replace_driver(host->replace_arg, "it wrote a ring index that cannot be");
}

/*
 * Everything in one lane; bounded: a ring holds no more entries than there are slots, and a driver that goes on writing while
 * it is read has its next ones taken in the next turn.
 */
static bool poll_lane(struct sheaf_queue *queue, struct sheaf_queue_lane *lane)
{
	uint16_t slots[SHEAF_BUNDLE_MAX];
	struct sheaf_response response;
	sheaf_action action;
	bool any = false;

	for (uint32_t i = 0; i < queue->host->slots && !lane->broken; i++) {
		int n = queue->host->bundled ?
				sheaf_ring_pop_bundle(&lane->lane.completion, slots) :
				sheaf_ring_pop_response(&lane->lane.completion, &action, &response);

		if (n == 0)
			break;
		any = true;
		if (n == -EBADMSG)
			sheaf_queue_violation(queue, SHEAF_VIOLATION_COUNT);
		else if (n == -EPROTO)
			sheaf_queue_lane_broke(queue, lane);
		else if (queue->host->bundled)
			sheaf_queue_complete_bundle(queue, slots, (uint16_t)n);
		else
			sheaf_queue_complete_single(queue, action, &response);
	}
	return any;
}

bool sheaf_queue_poll(struct sheaf_queue *queue)
{
	bool any = false;

	if (queue->recover.state == SHEAF_QUEUE_GONE)
		return false;
	for (uint32_t w = 0; w < queue->host->workers; w++)
		any |= poll_lane(queue, &queue->lanes[w]);
	return any;
}

/*
 * A task is past its deadline, or the step before has not ended it: the next one. True: a grace begins; false: there is none left.
 */
static bool next_step(struct sheaf_queue *queue, uint16_t slot, uint64_t now_ns)
{
	struct sheaf_escalation *escalation = queue->host->escalation;
	struct sheaf_slot_state *state = sheaf_slot_state(queue, slot);
	struct sheaf_flight_task task;
	uint64_t target;
	int r;

	if (!queue->grace_ns)
		return false;
	look_at(queue, slot, &task, &target);
	switch ((enum sheaf_escalation_step)state->step) {
	case SHEAF_STEP_NONE:
		sheaf_count_add(&queue->stats.aborts, 1);
		dump(queue, slot, now_ns, "it is aborted");
		sheaf_escalation_abort(escalation, target, task.lun, state->identifier);
		break;
	case SHEAF_STEP_ABORT:
		if (sheaf_escalation_reset(escalation, target, task.lun, state->start_ns)) {
			sheaf_count_add(&queue->stats.lu_resets, 1);
			dump(queue, slot, now_ns, "the logical unit is reset");
		}
		break;
	case SHEAF_STEP_LU_RESET:
		r = sheaf_escalation_restart(escalation, state->start_ns,
					     "neither abort nor reset ended a task");
		if (r < 0)
			return false;
		if (r > 0) {
			sheaf_count_add(&queue->stats.driver_restarts, 1);
			dump(queue, slot, now_ns, "the driver is replaced");
		}
		break;
	default:
		return false;
	}
	atomic_store_explicit(&state->step, (uint8_t)(state->step + 1), memory_order_relaxed);
	atomic_store_explicit(&state->deadline_ns,
			      now_ns < UINT64_MAX - queue->grace_ns ? now_ns + queue->grace_ns : now_ns,
			      memory_order_relaxed);
	return true;
}

/* Nobody else would say that there was more, once it has stopped. */
static void tell_left_out(struct sheaf_queue *queue, uint64_t now_ns)
{
	uint64_t n = sheaf_rate_rest(&queue->stuck_rate, now_ns, MESSAGES_LENGTH_NS);

	if (n)
		sheaf_warning("controller %s: and %llu messages more about late tasks",
			      queue->host->options.ops->name, (unsigned long long)n);
	n = sheaf_rate_rest(&queue->violation_rate, now_ns, MESSAGES_LENGTH_NS);
	if (n)
		sheaf_warning("controller %s broke a rule of the seam %llu times more",
			      queue->host->options.ops->name, (unsigned long long)n);
}

void sheaf_queue_expire(struct sheaf_queue *queue, uint64_t now_ns)
{
	sheaf_observe_bundle(&queue->observe, now_ns);
	tell_left_out(queue, now_ns);
	for (uint32_t i = 0; i < queue->host->slots; i++) {
		struct sheaf_slot_state *state = &queue->host->slot_states[i];
		uint16_t slot = (uint16_t)i;

		if (!sheaf_queue_owns(queue, slot) || state->owner != SHEAF_SLOT_CONTROLLER || !state->deadline_ns ||
		    state->deadline_ns > now_ns || next_step(queue, slot, now_ns))
			continue;
		sheaf_slot_set(queue, slot, SHEAF_SLOT_QUARANTINED);
		SHEAF_PROBE4(task_timeout, queue->index, slot, state->opcode,
			     now_ns - state->start_ns);
		sheaf_count_add(&queue->stats.timeouts, 1);
		sheaf_count_add(&queue->stats.quarantined, 1);
		sheaf_count_add(&queue->stats.failed, 1);
		dump(queue, slot, now_ns, "it fails with EIO, and its slot is quarantined");
		sheaf_queue_end_undelivered(queue, slot, SHEAF_DELIVERY_TASK_TIMEOUT, true);
	}
	sheaf_queue_expire_held(queue, now_ns);
}

unsigned sheaf_slots_check(const struct sheaf_queue *queue)
{
	unsigned count[SHEAF_SLOT_QUARANTINED + 1] = { 0 };

	for (uint32_t i = 0; i < queue->host->slots; i++)
		if (sheaf_queue_owns(queue, (uint16_t)i))
			count[queue->host->slot_states[i].owner]++;
	assert(count[SHEAF_SLOT_FREE] == queue->free_count);
	assert(count[SHEAF_SLOT_GATHERED] == queue->gathered_count);
	assert(count[SHEAF_SLOT_QUARANTINED] == sheaf_count_get(&queue->stats.quarantined));
	assert(count[SHEAF_SLOT_GATHERED] + count[SHEAF_SLOT_CONTROLLER] ==
	       sheaf_count_get(&queue->stats.in_flight));
	return count[SHEAF_SLOT_CONTROLLER] + count[SHEAF_SLOT_QUARANTINED];
}
