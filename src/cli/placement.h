/* SPDX-License-Identifier: MIT */
/**
 * placement.h - where a front loop runs: placement follows the depth
 *
 * With one request at a time a front loop is best on the CPU of its submitter: no other CPU is woken. With many in flight from one
 * submitter it is best free to run elsewhere: serving and submitting then go in parallel. If it sleeps for a disk in
 * between, the scheduler tends to wake both on one CPU, so then it is kept off the submitter's. With several submitters, and so
 * several loops at work, no CPU is free: each is best beside its own. (One submitter that the scheduler moves about has several loops
 * at work as well; the requests' headers name the thread.)
 */
#ifndef SHEAF_PLACEMENT_H
#define SHEAF_PLACEMENT_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fuse/fuse.h"

/** What the loops of a mount tell each other. W: the loop of the index; R: all, relaxed. */
struct sheaf_placement_group {
	/* The thread that submitted all that came to a loop between its last two looks; 0: none, or several. */
	_Atomic int32_t submitters[SHEAF_QUEUES_MAX];
	/* Where a loop's submitter was last, for those that go where it goes; NO_CPU: it has not looked yet. */
	_Atomic int cpus[SHEAF_QUEUES_MAX];
};

/** Before the loops run. */
void sheaf_placement_group_init(struct sheaf_placement_group *group);

struct sheaf_placement {
	struct sheaf_placement_group *group;
	int32_t submitter; /* so far since the last look; -1: several */
	cpu_set_t all; /* what the process may use */
	int cpu;       /* pinned to it, or with @apart kept off it; -1: free */
	bool apart;
	bool fixed;    /* it cannot be pinned */
	unsigned turns;
	unsigned shallow_looks; /* in a row in which this loop was one too many */
	uint64_t own, others; /* tasks started by this loop and by the others, at the last look */
};

/** For the calling thread, which runs a front loop. */
void sheaf_placement_init(struct sheaf_placement *placement, struct sheaf_placement_group *group);
/** After each turn. System calls once in many turns, and only where it has a place. Thread: the loop's. */
void sheaf_placement_turn(struct sheaf_placement *placement, struct sheaf_fuse_queue *fq);

#endif
