/* SPDX-License-Identifier: MIT */
/**
 * trim.h - memory goes back after a burst: what a front loop does once it has had nothing to do for a while
 *
 *                 a task                   a period without one              the last part is done
 *   AT_REST ------------------> WATCHING ----------------------> TRIMMING ------------------------> AT_REST
 *                                  ^  a task meanwhile              |
 *                                  +--------------------------------+
 *
 *   1. The timer runs in WATCHING and TRIMMING only, so that an idle mount makes no system call.
 *   2. Of a loop's slots the buffers of those are released that are FREE, or bound to a ring entry that waits in the
 *      kernel for a request. Nothing else: a slot in any other state has an owner (host/queue.h).
 *   3. A ring entry's buffer is released only while the loop is still (sheaf_loop_is_still()): the kernel copies a WRITE's
 *      payload into it before we learn of the request, but then it does so inside the loop's own submission; and a
 *      READ's reply is in it until it is submitted. On kernels where the loop is never still those buffers stay.
 *   4. When the last loop comes to rest, the stores let go of what they mapped, on a helper thread.
 */
#ifndef SHEAF_TRIM_H
#define SHEAF_TRIM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/counter.h"
#include "cli/images.h"
#include "fuse/fuse.h"

/** Shared by the front loops. */
struct sheaf_trim_group {
	struct sheaf_images *images;
	unsigned fronts;
	atomic_uint at_rest; /* loops that are; W, R: any front loop */
};

struct sheaf_trim {
	struct sheaf_trim_group *group;
	struct sheaf_fuse_queue *fq;
	enum sheaf_trim_state {
		SHEAF_TRIM_AT_REST,
		SHEAF_TRIM_WATCHING,
		SHEAF_TRIM_TRIMMING,
	} state;
	uint64_t started; /* tasks, when we looked last */
	unsigned next;	  /* TRIMMING: slots that were looked at */
	unsigned tries;	  /* TRIMMING: times that the loop was not still */
	bool calling;	  /* trim_stores() is out */
	struct sheaf_op timer, call;
};

/** Before any loop runs. */
void sheaf_trim_group_init(struct sheaf_trim_group *group, struct sheaf_images *images,
			   unsigned fronts);
/** @trim: lives as long as the loop, since its operations may be in flight to the loop's end. Thread: the loop's. */
void sheaf_trim_init(struct sheaf_trim *trim, struct sheaf_trim_group *group,
		     struct sheaf_fuse_queue *fq);
void sheaf_trim_wake(struct sheaf_trim *trim);

/* Tasks, and slots that came from other loops: both leave memory behind. */
static inline uint64_t sheaf_trim_activity(const struct sheaf_trim *trim)
{
	return sheaf_count_get(&trim->fq->queue->stats.started) +
	       sheaf_count_get(&trim->fq->handover.taken);
}

/** After each turn. Thread: the loop's. */
static inline void sheaf_trim_turn(struct sheaf_trim *trim)
{
	if (trim->state == SHEAF_TRIM_AT_REST &&
	    sheaf_trim_activity(trim) != trim->started)
		sheaf_trim_wake(trim);
}

#endif
