/* SPDX-License-Identifier: MIT */
/* placement.c - see placement.h */
#include "cli/placement.h"

#include "base/counter.h"

/* Looked at once in so many turns; between the two means nothing changes, so that a mixed load does not toggle. */
#define TURNS 64
#define MEAN_SHALLOW 1.25
#define MEAN_DEEP 2.0

void sheaf_placement_init(struct sheaf_placement *placement, int cpu)
{
	*placement = (struct sheaf_placement){ .cpu = cpu };
	if (sched_getaffinity(0, sizeof(placement->all), &placement->all) < 0 ||
	    (cpu >= 0 && (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &placement->all))))
		placement->cpu = -1;
}

static void move(struct sheaf_placement *placement, bool pin)
{
	cpu_set_t own;

	CPU_ZERO(&own);
	CPU_SET(placement->cpu, &own);
	if (sched_setaffinity(0, sizeof(own), pin ? &own : &placement->all) == 0)
		placement->pinned = pin;
	else
		placement->cpu = -1; /* a cpuset that changed: let it be */
}

void sheaf_placement_turn(struct sheaf_placement *placement, const struct sheaf_queue *queue)
{
	uint64_t bundles, tasks;
	double mean;

	if (placement->cpu < 0 || ++placement->turns < TURNS)
		return;
	bundles = sheaf_count_get(&queue->stats.requests.count) - placement->bundles;
	tasks = sheaf_count_get(&queue->stats.requests.tasks) - placement->tasks;
	placement->turns = 0;
	placement->bundles += bundles;
	placement->tasks += tasks;
	if (bundles == 0)
		return;
	mean = (double)tasks / (double)bundles;
	if (placement->pinned ? mean > MEAN_DEEP : mean < MEAN_SHALLOW)
		move(placement, !placement->pinned);
}
