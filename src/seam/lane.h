/* SPDX-License-Identifier: MIT */
/**
 * lane.h - one request ring and one completion ring between two loops
 *
 * A ring has one producer and one consumer and entries of fixed size: a bundle of slot numbers, or in single-task
 * mode a task or a response by value. It has room for as many entries as there are slots, and a slot is in at most
 * one entry, so it is never full unless the far side breaks the rules.
 *
 *   1. tail: W producer (release), R consumer (acquire). head: W consumer (release), R producer (acquire).
 *   2. asleep: the consumer stores 1, then reads tail once more, then sleeps; the producer stores tail, then
 *      exchanges asleep with 0 and rings the doorbell if it was 1. All four are seq_cst, so no entry is slept over,
 *      and a doorbell is rung at most once a sleep.
 *   3. Each side keeps its own index in private memory and never reads it back: the far side may be hostile.
 *      What it reads of the far side's (index, count, slots) is loaded once and checked.
 */
#ifndef SHEAF_LANE_H
#define SHEAF_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include <sheaf/controller.h>
#include <sheaf/task.h>

struct sheaf_view;
struct sheaf_ring; /* in the region */

/** One side's end of one ring; private memory. */
struct sheaf_ring_end {
	struct sheaf_ring *ring;
	uint8_t *entries;
	uint32_t mask;
	uint32_t entry_bytes;
	uint32_t index; /* producer: next tail; consumer: next head */
	uint8_t key;	/* of the ring, for ThreadSanitizer */
};

/** Both rings of a lane as one side sees them. */
struct sheaf_lane {
	struct sheaf_ring_end request, completion;
};

/** Bytes of a lane in the region, for @slots. */
size_t sheaf_lane_bytes(uint32_t slots);
/** Open lane @index of a fresh region in @view; each end by its own side, once. */
void sheaf_lane_open(struct sheaf_lane *lane, const struct sheaf_view *view, uint32_t index);
/** Make lane @index fresh and open it again. Nobody is at its other end: that side is dead, and a new one opens it later. */
void sheaf_lane_reset(struct sheaf_lane *lane, const struct sheaf_view *view, uint32_t index);

/**
 * sheaf_ring_push_bundle() - hand a bundle to the far side
 * @slots: owned by the caller.  @n: 1..32 (asserted: our own mistake).
 * Thread: the producer's loop.
 * Return: 0: every slot is the far side's; -EAGAIN: no room (the far side broke the rules), nothing was pushed.
 */
int sheaf_ring_push_bundle(struct sheaf_ring_end *end, const uint16_t slots[], uint16_t n);
/**
 * sheaf_ring_pop_bundle() - take a bundle
 * @slots: receives what the far side wrote, unchecked but for the count.
 * Return: 1..32; 0: none there; -EBADMSG: an entry with a count out of range was dropped;
 *         -EPROTO: the far side's index is impossible, nothing was taken.
 */
int sheaf_ring_pop_bundle(struct sheaf_ring_end *end, uint16_t slots[SHEAF_BUNDLE_MAX]);
/** The same for single-task mode. Pop: 1, 0 or -EPROTO. */
int sheaf_ring_push_task(struct sheaf_ring_end *end, sheaf_action action,
			 const struct sheaf_task *task);
int sheaf_ring_pop_task(struct sheaf_ring_end *end, sheaf_action *ret_action,
			struct sheaf_task *ret_task);
int sheaf_ring_push_response(struct sheaf_ring_end *end, sheaf_action action,
			     const struct sheaf_response *response);
int sheaf_ring_pop_response(struct sheaf_ring_end *end, sheaf_action *ret_action,
			    struct sheaf_response *ret_response);

/** Consumer: announce a sleep; false: something is there, do not sleep. */
bool sheaf_ring_may_sleep(struct sheaf_ring_end *end);
/** Consumer: awake again. */
void sheaf_ring_awake(struct sheaf_ring_end *end);
/** Producer, after a push: must the doorbell be rung? Takes the announcement back. */
bool sheaf_ring_wants_doorbell(struct sheaf_ring_end *end);

#endif
