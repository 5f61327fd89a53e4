/* SPDX-License-Identifier: MIT */
/*
 * trim.c - see trim.h
 *
 * A buffer is released as a whole, and with its neighbours in one call. Keeping the first pages of each for the small
 * requests that come next would take a call a slot, and save one fault and one page of zeros, about 1 us, a slot.
 */
#include "cli/trim.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/log.h"

/* Looked at this often while there is work; so memory goes back after one to two of it without. */
#define PERIOD_NS UINT64_C(1000000000)
/* Released at a time, so that a request that comes now does not wait for all of it. */
#define SLOTS_A_STEP 16
#define STEP_NS	     UINT64_C(1000000)
/* A loop that was not still so often has a ring that never is, or is not idle. */
#define TRIES_MAX 16

static void arm(struct sheaf_trim *trim, uint64_t ns)
{
	sheaf_loop_timer(trim->fq->loop, &trim->timer, ns);
}

/* Invariants 2 and 3. */
static bool may_release(const struct sheaf_fuse_queue *fq, unsigned slot, bool still)
{
	if (!sheaf_queue_owns(fq->queue, (uint16_t)slot))
		return false;
	switch ((enum sheaf_slot_owner)fq->queue->host->slot_states[slot].owner) {
	case SHEAF_SLOT_FREE:
		return true;
	case SHEAF_SLOT_HOST:
		return still && fq->fuse->requests[slot]->entry;
	default:
		return false;
	}
}

static void release_slots(const struct sheaf_fuse_queue *fq, unsigned first, unsigned end,
			  bool still)
{
	const struct sheaf_region *region = &fq->queue->host->region;

	for (unsigned i = first; i < end; i++) {
		unsigned run = 0;

		while (i + run < end && may_release(fq, i + run, still))
			run++;
		if (run) {
			sheaf_region_release(region, i, run);
			sheaf_loop_count_calls(fq->loop, 1);
		}
		i += run;
	}
}

static int trim_stores(void *arg)
{
	const struct sheaf_images *images = arg;

	for (unsigned i = 0; i < images->count; i++)
		sheaf_store_trim(images->stores[i]);
	return 0;
}

static void stores_trimmed(struct sheaf_op *op, int result)
{
	struct sheaf_trim *trim =
		(struct sheaf_trim *)((char *)op - offsetof(struct sheaf_trim, call));

	trim->calling = false;
	if (result < 0)
		sheaf_debug("images keep their memory: %s", strerror(-result));
}

static bool stores_have_something(const struct sheaf_images *images)
{
	for (unsigned i = 0; i < images->count; i++) {
		if (images->stores[i]->can_trim)
			return true;
	}
	return false;
}

static void come_to_rest(struct sheaf_trim *trim)
{
	struct sheaf_trim_group *group = trim->group;

	trim->state = SHEAF_TRIM_AT_REST;
	if (atomic_fetch_add(&group->at_rest, 1) + 1 < group->fronts || trim->calling ||
	    !stores_have_something(group->images))
		return;
	trim->calling = true;
	sheaf_loop_call(trim->fq->loop, &trim->call, trim_stores, group->images);
}

static void watch(struct sheaf_trim *trim)
{
	trim->state = SHEAF_TRIM_WATCHING;
	trim->started = sheaf_trim_activity(trim);
	arm(trim, PERIOD_NS);
}

static void trim_a_part(struct sheaf_trim *trim)
{
	struct sheaf_fuse_queue *fq = trim->fq;
	unsigned count = fq->queue->host->slots, end;
	bool still = sheaf_loop_is_still(fq->loop);

	if (!still && fq->ring && trim->tries++ < TRIES_MAX) {
		arm(trim, STEP_NS);
		return;
	}
	end = count - trim->next > SLOTS_A_STEP ? trim->next + SLOTS_A_STEP : count;
	release_slots(fq, trim->next, end, still);
	trim->next = end;
	if (end < count)
		arm(trim, STEP_NS);
	else
		come_to_rest(trim);
}

static void timer_done(struct sheaf_op *op, int result)
{
	struct sheaf_trim *trim =
		(struct sheaf_trim *)((char *)op - offsetof(struct sheaf_trim, timer));

	(void)result;
	if (sheaf_trim_activity(trim) != trim->started || trim->fq->active) {
		watch(trim);
		return;
	}
	if (trim->state == SHEAF_TRIM_WATCHING) {
		trim->state = SHEAF_TRIM_TRIMMING;
		trim->next = trim->tries = 0;
		sheaf_transport_rest(trim->fq); /* more slots are free then */
		arm(trim, STEP_NS);
		return;
	}
	trim_a_part(trim);
}

void sheaf_trim_group_init(struct sheaf_trim_group *group, struct sheaf_images *images,
			   unsigned fronts)
{
	group->images = images;
	group->fronts = fronts;
	atomic_init(&group->at_rest, fronts);
}

void sheaf_trim_init(struct sheaf_trim *trim, struct sheaf_trim_group *group,
		     struct sheaf_fuse_queue *fq)
{
	*trim = (struct sheaf_trim){
		.group = group,
		.fq = fq,
		.timer.done = timer_done,
		.call.done = stores_trimmed,
	};
	trim->started = sheaf_trim_activity(trim);
}

void sheaf_trim_wake(struct sheaf_trim *trim)
{
	atomic_fetch_sub(&trim->group->at_rest, 1);
	watch(trim);
}
