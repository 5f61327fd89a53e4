/* SPDX-License-Identifier: MIT */
/* placement.c - see placement.h */
#include "cli/placement.h"

#include "base/counter.h"

/* Looked at once in so many turns. */
#define TURNS 64
/* Between the two nothing changes, so that a mixed load does not toggle. */
#define SHALLOW 1
#define DEEP 3
/* Others are at work when they have started at least this part of what this loop has. */
#define OTHERS_PART 4

void sheaf_placement_init(struct sheaf_placement *placement)
{
	*placement = (struct sheaf_placement){ .cpu = -1 };
	placement->fixed = sched_getaffinity(0, sizeof(placement->all), &placement->all) < 0;
}

/* @cpu: -1: to wherever the process may run. */
static void move(struct sheaf_placement *placement, struct sheaf_loop *loop, int cpu)
{
	cpu_set_t one;

	if (cpu == placement->cpu || cpu >= CPU_SETSIZE ||
	    (cpu >= 0 && !CPU_ISSET(cpu, &placement->all)))
		return;
	CPU_ZERO(&one);
	if (cpu >= 0)
		CPU_SET(cpu, &one);
	sheaf_loop_count_calls(loop, 1);
	if (sched_setaffinity(0, sizeof(one), cpu >= 0 ? &one : &placement->all) == 0)
		placement->cpu = cpu;
	else
		placement->fixed = true; /* a cpuset that changed: let it be */
}

/* Are other loops at work as well, since the last look? */
static bool others_work(struct sheaf_placement *placement, const struct sheaf_queue *queue)
{
	const struct sheaf_host *host = queue->host;
	uint64_t own = sheaf_count_get(&queue->stats.started), others = 0;
	bool work;

	for (uint32_t i = 0; i < host->options.queues; i++)
		if (host->queues[i] != queue)
			others += sheaf_count_get(&host->queues[i]->stats.started);
	work = (others - placement->others) * OTHERS_PART >= own - placement->own;
	placement->own = own;
	placement->others = others;
	return work;
}

void sheaf_placement_turn(struct sheaf_placement *placement, struct sheaf_fuse_queue *fq)
{
	unsigned peak = fq->active_peak;
	bool several;

	if (placement->fixed || ++placement->turns < TURNS)
		return;
	placement->turns = 0;
	fq->active_peak = fq->active;
	/* Over /dev/fuse any loop may take any request, so none has submitters of its own. */
	several = others_work(placement, fq->queue) && fq->fuse->over_uring;
	if (peak == SHALLOW || (peak >= DEEP && several))
		move(placement, fq->loop, sheaf_fuse_submitter_cpu(fq));
	else if (peak >= DEEP)
		move(placement, fq->loop, -1);
}
