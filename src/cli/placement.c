/* SPDX-License-Identifier: MIT */
/* placement.c - see placement.h */
#include "cli/placement.h"

#include "base/counter.h"

/* Looked at once in so many turns. */
#define TURNS 64
/* Between the two nothing changes, so that a mixed load does not toggle. */
#define SHALLOW 1
#define DEEP 3
/* So often in a row, as two loops that share two requests have one each. */
#define SHALLOW_LOOKS 4
/* Others are at work when they have started at least this part of what this loop has. */
#define OTHERS_PART 4

#define MIXED -1
#define NO_CPU -1

void sheaf_placement_group_init(struct sheaf_placement_group *group)
{
	for (unsigned i = 0; i < SHEAF_QUEUES_MAX; i++) {
		atomic_init(&group->submitters[i], 0);
		atomic_init(&group->cpus[i], NO_CPU);
	}
}

void sheaf_placement_init(struct sheaf_placement *placement, struct sheaf_placement_group *group)
{
	*placement = (struct sheaf_placement){ .cpu = -1, .group = group };
	placement->fixed = sched_getaffinity(0, sizeof(placement->all), &placement->all) < 0;
}

/* To @cpu; with @apart to all others; with -1 to wherever the process may run. */
static void move(struct sheaf_placement *placement, struct sheaf_loop *loop, int cpu, bool apart)
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
	sheaf_loop_count_calls(loop, 1);
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

enum company { ALONE, ONE_SUBMITTER, SEVERAL_SUBMITTERS };

/* Since the last look: are other loops at work as well, and for whom? *ret_first: the first loop with our submitter. */
static enum company look_around(struct sheaf_placement *placement, const struct sheaf_queue *queue,
				uint32_t *ret_first)
{
	const struct sheaf_host *host = queue->host;
	uint64_t own = sheaf_count_get(&queue->stats.started), others = 0;
	int32_t submitter = placement->submitter == MIXED ? 0 : placement->submitter;
	bool one = submitter != 0, work;

	*ret_first = queue->index;
	for (uint32_t i = 0; i < host->options.queues; i++) {
		if (host->queues[i] == queue)
			continue;
		others += sheaf_count_get(&host->queues[i]->stats.started);
		if (atomic_load_explicit(&placement->group->submitters[i], memory_order_relaxed) !=
		    submitter)
			one = false;
		else if (i < *ret_first)
			*ret_first = i;
	}
	work = (others - placement->others) * OTHERS_PART >= own - placement->own;
	placement->own = own;
	placement->others = others;
	placement->submitter = 0;
	atomic_store_explicit(&placement->group->submitters[queue->index], submitter,
			      memory_order_relaxed);
	return !work ? ALONE : one ? ONE_SUBMITTER : SEVERAL_SUBMITTERS;
}

/*
 * One submitter's requests come to all loops in turn over /dev/fuse. Each would follow it to where another one's answer took it, so
 * all go where the first of them goes.
 */
static int agree(struct sheaf_placement_group *group, uint32_t index, uint32_t first, int cpu)
{
	int agreed;

	atomic_store_explicit(&group->cpus[index], cpu, memory_order_relaxed);
	agreed = atomic_load_explicit(&group->cpus[first], memory_order_relaxed);
	return agreed == NO_CPU ? cpu : agreed;
}

/*
 * Over /dev/fuse each request wakes a loop of each clone, of which one gets it; at depth 1, beside their submitter, the vain switch
 * to the other is a third of a request's time. So one loop reads alone while there is one submitter with one request at a time;
 * with @more work than that the others read again.
 */
static void pause_or_resume(struct sheaf_placement *placement, struct sheaf_fuse_queue *fq,
			    bool one_too_many, bool more)
{
	const struct sheaf_fuse *fuse = fq->fuse;

	placement->shallow_looks = one_too_many ? placement->shallow_looks + 1 : 0;
	if (placement->shallow_looks >= SHALLOW_LOOKS) {
		placement->shallow_looks = 0;
		sheaf_transport_pause(fq);
	}
	for (unsigned i = 0; more && i < fuse->queue_count; i++)
		if (fuse->queues[i] != fq)
			sheaf_transport_resume(fuse->queues[i]);
}

void sheaf_placement_turn(struct sheaf_placement *placement, struct sheaf_fuse_queue *fq)
{
	bool over_uring = fq->fuse->over_uring, mixed;
	unsigned peak = fq->active_peak;
	enum company company;
	uint32_t first;
	int cpu;

	if (placement->fixed)
		return;
	note_submitter(placement, fq);
	if (++placement->turns < TURNS)
		return;
	placement->turns = 0;
	fq->active_peak = fq->active;
	mixed = placement->submitter == MIXED;
	company = look_around(placement, fq->queue, &first);
	if (!over_uring)
		pause_or_resume(placement, fq,
				peak == SHALLOW && company == ONE_SUBMITTER && first != fq->queue->index &&
					fq->queue->slot_count > 1,
				peak > SHALLOW || mixed);
	if (peak != SHALLOW && peak < DEEP)
		return;
	cpu = sheaf_fuse_submitter_cpu(fq);
	if (peak == SHALLOW && !over_uring)
		cpu = agree(placement->group, fq->queue->index,
			    company == ONE_SUBMITTER ? first : fq->queue->index, cpu);
	/* Over /dev/fuse any loop may take any request, so none has submitters of its own. */
	if (peak == SHALLOW || (company == SEVERAL_SUBMITTERS && over_uring))
		move(placement, fq->loop, cpu, false);
	else if (sheaf_loop_awaits_files(fq->loop))
		move(placement, fq->loop, cpu, true);
	else
		move(placement, fq->loop, -1, false);
}
