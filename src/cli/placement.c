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

#define MIXED -1

void sheaf_placement_init(struct sheaf_placement *placement, struct sheaf_placement_group *group)
{
	*placement = (struct sheaf_placement){ .cpu = -1, .group = group };
	placement->fixed = sched_getaffinity(0, sizeof(placement->all), &placement->all) < 0;
}

/* To @cpu; with @apart to all others; with -1 to wherever the process may run. */
static void move(struct sheaf_placement *placement, int cpu, bool apart)
{
	cpu_set_t to = placement->all;

	if ((cpu == placement->cpu && apart == placement->apart) || cpu >= CPU_SETSIZE ||
	    (cpu >= 0 && !CPU_ISSET(cpu, &placement->all)))
		return;
	if (cpu >= 0 && apart) {
		CPU_CLR(cpu, &to);
	} else if (cpu >= 0) {
		CPU_ZERO(&to);
		CPU_SET(cpu, &to);
	}
	if (CPU_COUNT(&to) == 0)
		return; /* there is one only */
	if (sched_setaffinity(0, sizeof(to), &to) == 0) {
		placement->cpu = cpu;
		placement->apart = apart;
	} else {
		placement->fixed = true; /* a cpuset that changed: let it be */
	}
}

/* A sample a turn: who submits? */
static void note_submitter(struct sheaf_placement *placement, const struct sheaf_fuse_queue *fq)
{
	int32_t pid = fq->last_pid;

	if (placement->submitter == 0)
		placement->submitter = pid;
	else if (placement->submitter != pid)
		placement->submitter = MIXED;
}

/* Since the last look: are other loops at work as well, for others than this loop's submitter? */
static bool others_work(struct sheaf_placement *placement, const struct sheaf_queue *queue)
{
	const struct sheaf_host *host = queue->host;
	uint64_t own = sheaf_count_get(&queue->stats.started), others = 0;
	int32_t submitter = placement->submitter == MIXED ? 0 : placement->submitter;
	bool one = submitter != 0, work;

	for (uint32_t i = 0; i < host->options.queues; i++) {
		if (host->queues[i] == queue)
			continue;
		others += sheaf_count_get(&host->queues[i]->stats.started);
		one &= atomic_load_explicit(&placement->group->submitters[i], memory_order_relaxed) ==
		       submitter;
	}
	work = (others - placement->others) * OTHERS_PART >= own - placement->own;
	placement->own = own;
	placement->others = others;
	placement->submitter = 0;
	atomic_store_explicit(&placement->group->submitters[queue->index], submitter,
			      memory_order_relaxed);
	return work && !one;
}

void sheaf_placement_turn(struct sheaf_placement *placement, struct sheaf_fuse_queue *fq)
{
	unsigned peak = fq->active_peak;
	bool several;

	if (placement->fixed)
		return;
	note_submitter(placement, fq);
	if (++placement->turns < TURNS)
		return;
	placement->turns = 0;
	fq->active_peak = fq->active;
	/* Over /dev/fuse any loop may take any request, so none has submitters of its own. */
	several = others_work(placement, fq->queue) && fq->fuse->over_uring;
	if (peak == SHALLOW || (peak >= DEEP && several))
		move(placement, sheaf_fuse_submitter_cpu(fq), false);
	else if (peak >= DEEP && sheaf_loop_awaits_files(fq->loop))
		move(placement, sheaf_fuse_submitter_cpu(fq), true);
	else if (peak >= DEEP)
		move(placement, -1, false);
}
