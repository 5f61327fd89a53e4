/* SPDX-License-Identifier: MIT */
/* slot.h - what the two halves of a queue (queue.c, complete.c) share; nobody else includes it. */
#ifndef SHEAF_SLOT_H
#define SHEAF_SLOT_H

#include <assert.h>

#include "base/counter.h"
#include "host/queue.h"

static inline struct sheaf_slot_state *sheaf_slot_state(struct sheaf_queue *queue, uint16_t slot)
{
	assert(slot < queue->host->slots && sheaf_queue_owns(queue, slot));
	return &queue->host->slot_states[slot];
}

/* The one setter; the arrows are those of the picture in queue.h. */
static inline void sheaf_slot_set(struct sheaf_queue *queue, uint16_t slot, enum sheaf_slot_owner to)
{
	static const uint8_t allowed_from[] = {
		[SHEAF_SLOT_FREE] = 1 << SHEAF_SLOT_HOST | 1 << SHEAF_SLOT_QUARANTINED,
		[SHEAF_SLOT_HOST] = 1 << SHEAF_SLOT_FREE | 1 << SHEAF_SLOT_CONTROLLER |
				    1 << SHEAF_SLOT_QUARANTINED | 1 << SHEAF_SLOT_GATHERED,
		[SHEAF_SLOT_GATHERED] = 1 << SHEAF_SLOT_HOST | 1 << SHEAF_SLOT_CONTROLLER,
		[SHEAF_SLOT_CONTROLLER] = 1 << SHEAF_SLOT_GATHERED,
		[SHEAF_SLOT_QUARANTINED] = 1 << SHEAF_SLOT_CONTROLLER,
	};
	struct sheaf_slot_state *state = sheaf_slot_state(queue, slot);

	assert(allowed_from[to] & 1 << atomic_load_explicit(&state->owner, memory_order_relaxed));
	atomic_store_explicit(&state->owner, (uint8_t)to, memory_order_release); /* see flight.h, 3 */
}

/* What the deadline of the task in @state is where others have @usual_ns; 0: none. */
static inline uint64_t sheaf_slot_deadline(const struct sheaf_slot_state *state, uint64_t usual_ns)
{
	return usual_ns ? usual_ns + state->extra_ms * UINT64_C(1000000) : 0;
}

/* The time of the task in @state begins now, not with its hand-over: there is no driver. */
static inline void sheaf_slot_begin_time(struct sheaf_queue *queue, struct sheaf_slot_state *state)
{
	uint64_t now_ns = sheaf_loop_now(queue->loop);

	atomic_store_explicit(&state->start_ns, sheaf_observe_hand_over(&queue->observe, now_ns),
			      memory_order_relaxed);
	atomic_store_explicit(
		&state->deadline_ns,
		sheaf_slot_deadline(state, queue->timeout_ns ? now_ns + queue->timeout_ns : 0),
		memory_order_relaxed);
}

static inline void sheaf_slot_leave_quarantine(struct sheaf_queue *queue,
					       struct sheaf_slot_state *state)
{
	state->returned = state->put = false;
	atomic_store_explicit(&queue->stats.quarantined,
			      sheaf_count_get(&queue->stats.quarantined) - 1, memory_order_relaxed);
}

/* HOST or QUARANTINED to FREE; tells a client that had run out. */
static inline void sheaf_slot_release(struct sheaf_queue *queue, uint16_t slot)
{
	if (sheaf_slot_state(queue, slot)->owner == SHEAF_SLOT_QUARANTINED)
		sheaf_slot_leave_quarantine(queue, sheaf_slot_state(queue, slot));
	sheaf_slot_set(queue, slot, SHEAF_SLOT_FREE);
	queue->free_slots[queue->free_count++] = slot;
	if (queue->free_count == 1 && queue->client->slot_free)
		queue->client->slot_free(queue->client);
}

/* The slot came back from the controller: in the host's view, and in its lane's count. */
void sheaf_slot_take_back(struct sheaf_queue *queue, uint16_t slot);
/* A quarantined slot was given back, or its driver is dead. */
void sheaf_slot_returned(struct sheaf_queue *queue, uint16_t slot);
/* The one place where a task ends: queue->result is filled in, the slot is in HOST or QUARANTINED state. */
void sheaf_queue_end_task(struct sheaf_queue *queue, uint16_t slot);
/* The same for one that no controller answered. */
void sheaf_queue_end_undelivered(struct sheaf_queue *queue, uint16_t slot,
				 enum sheaf_delivery_status status, bool quarantined);
/* Give the task in @slot a new generation, and its command slot the identifier. */
void sheaf_queue_identify(struct sheaf_queue *queue, uint16_t slot);
/* Count a violation, and say so, but not more than a few times a second; too many, and the driver is to be replaced. */
void sheaf_queue_violation(struct sheaf_queue *queue, enum sheaf_violation kind);
/* A ring of @lane has an index that cannot be: counted, and the lane is not used any more. */
void sheaf_queue_lane_broke(struct sheaf_queue *queue, struct sheaf_queue_lane *lane);
/* process_parallel_task did not accept the task in @slot. */
void sheaf_queue_refused(struct sheaf_queue *queue, uint16_t slot);

#endif
