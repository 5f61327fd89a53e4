/* SPDX-License-Identifier: MIT */
/* complete.c - the completion half of a queue: the check of what comes back, and deadlines; see queue.h. */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "base/counter.h"
#include "base/log.h"
#include "host/recover.h"
#include "host/slot.h"

/* Messages about one kind of violation; the counters go on. */
#define VIOLATION_MESSAGES 8

const char *const sheaf_violation_names[SHEAF_VIOLATION_KINDS] = {
	[SHEAF_VIOLATION_COUNT] = "count",
	[SHEAF_VIOLATION_INDEX] = "index",
	[SHEAF_VIOLATION_OWNER] = "owner",
	[SHEAF_VIOLATION_VERSION] = "version",
	[SHEAF_VIOLATION_IDENTIFIER] = "identifier",
	[SHEAF_VIOLATION_RESPONSE] = "response",
	[SHEAF_VIOLATION_RING] = "ring",
};

void sheaf_queue_violation(struct sheaf_queue *queue, enum sheaf_violation kind)
{
	sheaf_count_add(&queue->stats.violations[kind], 1);
	if (sheaf_count_get(&queue->stats.violations[kind]) <= VIOLATION_MESSAGES)
		sheaf_warning("controller %s broke a rule of the seam (%s)",
			      queue->host->options.ops->name, sheaf_violation_names[kind]);
}

void sheaf_queue_end_task(struct sheaf_queue *queue, uint16_t slot)
{
	const struct sheaf_slot_state *state = sheaf_slot_state(queue, slot);
	bool good = sheaf_result_good(&queue->result);

	sheaf_count_add(&queue->stats.ended, 1);
	sheaf_count_sub(&queue->stats.in_flight, 1);
	if (!good)
		sheaf_count_add(&queue->stats.errors, 1);
	sheaf_observe_task(&queue->observe, (enum sheaf_command)state->command, state->start_ns,
			   queue->result.bytes_transferred, good);
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

/* The slot is the host's again. */
static void take_back(struct sheaf_queue *queue, uint16_t slot)
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
	take_back(queue, slot);
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
 * Copy a response once (the memory is shared), then check the copy. Return: false: it cannot be, @kind says how.
 */
static bool read_response(struct sheaf_result *result, const struct sheaf_response *shared,
			  const struct sheaf_slot_state *state, enum sheaf_violation *ret_kind)
{
	struct sheaf_response r;

	memcpy(&r, shared, offsetof(struct sheaf_response, sense_buffer));
	atomic_signal_fence(memory_order_seq_cst); /* nor may the compiler read it again, see XSA-155 */
	if (r.version != SHEAF_TASK_VERSION) {
		*ret_kind = SHEAF_VIOLATION_VERSION;
		return false;
	}
	if (r.controller_task_identifier != state->identifier) {
		*ret_kind = SHEAF_VIOLATION_IDENTIFIER;
		return false;
	}
	if (!status_known(r.service_response, r.completion_status) ||
	    r.bytes_transferred > state->requested) {
		*ret_kind = SHEAF_VIOLATION_RESPONSE;
		return false;
	}
	result->service_response = r.service_response;
	result->status = r.completion_status;
	result->bytes_transferred = r.bytes_transferred;
	result->sense_length = 0;
	result->quarantined = false;
	if (r.service_response == SHEAF_TASK_COMPLETE &&
	    r.completion_status == SHEAF_STATUS_CHECK_CONDITION) {
		result->sense_length = r.sense_length;
		memcpy(result->sense, shared->sense_buffer, r.sense_length);
	}
	return true;
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
	take_back(queue, s);
	if (state->owner == SHEAF_SLOT_QUARANTINED) {
		sheaf_count_add(&queue->stats.late, 1);
		state->returned = true;
		if (state->put)
			sheaf_slot_release(queue, s);
		else if (queue->client->slot_free)
			queue->client->slot_free(queue->client);
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

/* Everything in one lane; bounded, as a ring holds no more entries than there are slots. */
static bool poll_lane(struct sheaf_queue *queue, struct sheaf_queue_lane *lane)
{
	uint16_t slots[SHEAF_BUNDLE_MAX];
	struct sheaf_response response;
	sheaf_action action;
	bool any = false;

	for (uint32_t i = 0; i < queue->host->slots; i++) {
		int n = queue->host->bundled ?
				sheaf_ring_pop_bundle(&lane->lane.completion, slots) :
				sheaf_ring_pop_response(&lane->lane.completion, &action, &response);

		if (n == 0)
			break;
		any = n != -EPROTO;
		if (n == -EBADMSG)
			sheaf_queue_violation(queue, SHEAF_VIOLATION_COUNT);
		else if (n == -EPROTO)
			sheaf_queue_violation(queue, SHEAF_VIOLATION_RING);
		else if (queue->host->bundled)
			sheaf_queue_complete_bundle(queue, slots, (uint16_t)n);
		else
			sheaf_queue_complete_single(queue, action, &response);
		if (n == -EPROTO)
			break;
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

void sheaf_queue_expire(struct sheaf_queue *queue, uint64_t now_ns)
{
	sheaf_observe_bundle(&queue->observe, now_ns);
	for (uint32_t i = 0; i < queue->host->slots; i++) {
		struct sheaf_slot_state *state = &queue->host->slot_states[i];
		uint16_t slot = (uint16_t)i;

		if (!sheaf_queue_owns(queue, slot) || state->owner != SHEAF_SLOT_CONTROLLER || !state->deadline_ns ||
		    state->deadline_ns > now_ns)
			continue;
		sheaf_slot_set(queue, slot, SHEAF_SLOT_QUARANTINED);
		SHEAF_PROBE4(task_timeout, queue->index, slot, state->opcode,
			     now_ns - state->deadline_ns + queue->timeout_ns);
		sheaf_count_add(&queue->stats.timeouts, 1);
		sheaf_count_add(&queue->stats.quarantined, 1);
		sheaf_warning("controller %s: the task in slot %u was not completed within %u ms",
			      queue->host->options.ops->name, slot, queue->host->options.timeout_ms);
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
