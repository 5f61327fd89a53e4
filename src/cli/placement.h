/* SPDX-License-Identifier: MIT */
/**
 * placement.h - where a front loop runs: placement follows the depth
 *
 * FUSE-over-io_uring hands a request to the queue of the CPU that it was submitted on. With one request at a time the
 * loop of that queue is best on that very CPU: no wake-up of another one. With many in flight it is best free to run
 * elsewhere: serving and submitting then go in parallel. The mean size of request bundles tells the two apart.
 */
#ifndef SHEAF_PLACEMENT_H
#define SHEAF_PLACEMENT_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "host/queue.h"

struct sheaf_placement {
	int cpu; /* the queue's; -1: no place is better */
	cpu_set_t all; /* what the process may use */
	bool pinned;
	unsigned turns;
	uint64_t bundles, tasks; /* counters at the last look */
};

/** @cpu: of the loop's queue, or -1. Thread: the loop's. */
void sheaf_placement_init(struct sheaf_placement *placement, int cpu);
/** After each turn. A system call only when the load changes its kind. Thread: the loop's. */
void sheaf_placement_turn(struct sheaf_placement *placement, const struct sheaf_queue *queue);

#endif
