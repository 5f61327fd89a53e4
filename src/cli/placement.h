/* SPDX-License-Identifier: MIT */
/**
 * placement.h - where a front loop runs: placement follows the depth
 *
 * With one request at a time a front loop is best on the CPU of its submitter: no other CPU is woken. With many in flight from one
 * submitter it is best free to run elsewhere: serving and submitting then go in parallel. With several submitters, and so
 * several loops at work, no CPU is free: each is best beside its own.
 */
#ifndef SHEAF_PLACEMENT_H
#define SHEAF_PLACEMENT_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "fuse/fuse.h"

struct sheaf_placement {
	cpu_set_t all; /* what the process may use */
	int cpu;       /* pinned to it; -1: not pinned */
	bool fixed;    /* it cannot be pinned */
	unsigned turns;
	uint64_t own, others; /* tasks started by this loop and by the others, at the last look */
};

/** For the calling thread, which runs a front loop. */
void sheaf_placement_init(struct sheaf_placement *placement);
/** After each turn. System calls once in many turns, and only where it has a place. Thread: the loop's. */
void sheaf_placement_turn(struct sheaf_placement *placement, struct sheaf_fuse_queue *fq);

#endif
