/* SPDX-License-Identifier: MIT */
/**
 * priority.h - a loop's thread gives way to whom it serves
 *
 * Under SCHED_IDLE a CPU on which only we run counts as free: the scheduler leaves a submitter where it is when we answer it,
 * and lets it run at once, so it submits what it has before we look. Bundles are larger, no other CPU is woken. The price
 * is that a machine with other work leaves us next to no time. So how long the thread waits for a CPU is watched, and while it
 * waits long it runs under SCHED_BATCH, which has its fair share, and lets bursts gather too as it preempts nobody.
 */
#ifndef SHEAF_PRIORITY_H
#define SHEAF_PRIORITY_H

#include <stdbool.h>
#include <stdint.h>

#include "loop/loop.h"

struct sheaf_priority {
	int schedstat_fd; /* of the thread; -1: never give way */
	bool gives_way;
	uint64_t looked_ns;	   /* when schedstat was read last */
	uint64_t waited_ns, waits; /* as of then */
	uint64_t
		back_at_ns; /* not giving way: until then. Giving way: since then it has been right. */
	uint64_t back_off_ns;
	unsigned starved_looks; /* in a row */
};

/** For the calling thread, which runs under SCHED_BATCH or SCHED_IDLE from now on. */
void sheaf_priority_init(struct sheaf_priority *priority);
/** After each turn of the thread's loop. A system call at most once a millisecond. */
void sheaf_priority_turn(struct sheaf_priority *priority, struct sheaf_loop *loop);
void sheaf_priority_finish(struct sheaf_priority *priority);

/**
 * sheaf_priority_judge() - the rule by itself, for tests
 * @waited_ns, @waits: time that the thread was ready but not running and how often, since it began; proc(5), schedstat.
 * Return: whether the thread is to give way from now on.
 */
bool sheaf_priority_judge(struct sheaf_priority *priority, uint64_t now_ns, uint64_t waited_ns,
			  uint64_t waits);

#endif
