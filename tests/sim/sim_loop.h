/* SPDX-License-Identifier: MIT */
/**
 * sim_loop.h - loops on a virtual clock, linked in place of src/loop: no thread, no system call
 *
 * A turn has the order of loop.c's, in two steps, between which other loops may do theirs:
 *
 *   sim_loop_submit()  doorbells that were rung go out; then the loop sleeps, if no hook says that there is work
 *   sim_loop_work()    awake; timers that are due, the caller's events (what I/O would have brought), poll, flush until quiet
 */
#ifndef SIM_LOOP_H
#define SIM_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "loop/loop.h"
#include "loop/op_list.h"

#define SIM_LOOPS_MAX 8

enum sim_loop_state {
	SIM_LOOP_WORKED,    /* next: submit */
	SIM_LOOP_SUBMITTED, /* and did not sleep; next: work */
	SIM_LOOP_ASLEEP,    /* next: work, when something wakes it */
};

struct sim_loops;

struct sheaf_loop {
	struct sim_loops *all;
	int number; /* also that of its doorbell */
	enum sim_loop_state state;
	bool rung; /* its eventfd is readable */
	bool busy;
	struct sheaf_loop_hook *hooks, *asked_end;
	struct sheaf_op_list ready;
	struct sheaf_op *timers; /* sorted */
	uint64_t now_ns;	 /* of its turn */
	bool rings[SIM_LOOPS_MAX]; /* doorbells that go out with the next submission */
	struct sheaf_loop_stats stats;
};

struct sim_loops {
	uint64_t clock_ns;
	int count;
	struct sheaf_loop loops[SIM_LOOPS_MAX];
};

/** @count loops, awake, without hooks; the clock stays. */
void sim_loops_init(struct sim_loops *all, int count);
/** As new: its thread is gone, and what it had rung but not sent as well. */
void sim_loop_renew(struct sheaf_loop *loop);
/** Would its thread run? */
bool sim_loop_runnable(const struct sheaf_loop *loop);
void sim_loop_submit(struct sheaf_loop *loop);
/** @event: runs where done() of I/O would; may be NULL. */
void sim_loop_work(struct sheaf_loop *loop, void (*event)(void *arg), void *arg);
/** Is a doorbell of this loop on its way, or there? */
bool sim_loop_will_wake(const struct sheaf_loop *loop);

#endif
