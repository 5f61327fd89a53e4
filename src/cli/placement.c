/* SPDX-License-Identifier: MIT */
/* placement.c - see placement.h */
#include "cli/placement.h"

/* Looked at once in so many turns. */
#define TURNS 64
/* Between the two nothing changes, so that a mixed load does not toggle. */
#define SHALLOW 1
#define DEEP 3

void sheaf_placement_init(struct sheaf_placement *placement)
{
	*placement = (struct sheaf_placement){ .cpu = -1 };
	placement->fixed = sched_getaffinity(0, sizeof(placement->all), &placement->all) < 0;
}

/* @cpu: -1: to wherever the process may run. */
static void move(struct sheaf_placement *placement, int cpu)
{
	cpu_set_t one;

	if (cpu == placement->cpu || cpu >= CPU_SETSIZE ||
	    (cpu >= 0 && !CPU_ISSET(cpu, &placement->all)))
		return;
	CPU_ZERO(&one);
	if (cpu >= 0)
		CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), cpu >= 0 ? &one : &placement->all) == 0)
		placement->cpu = cpu;
	else
		placement->fixed = true; /* a cpuset that changed: let it be */
}

void sheaf_placement_turn(struct sheaf_placement *placement, struct sheaf_fuse_queue *fq)
{
	unsigned peak = fq->active_peak;

	if (placement->fixed || ++placement->turns < TURNS)
		return;
	placement->turns = 0;
	fq->active_peak = fq->active;
	if (peak >= DEEP)
		move(placement, -1);
	else if (peak == SHALLOW)
		move(placement, sheaf_fuse_submitter_cpu(fq));
}
