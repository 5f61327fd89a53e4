/* SPDX-License-Identifier: MIT */
/**
 * task_set.h - the commands in flight of a target, as far as they must keep out of each other's way
 *
 * COMPARE AND WRITE, ORWRITE and tasks with the ORDERED attribute are one step to everybody else. What they exclude each other
 * and all other accesses of the medium by is the range gate of base/range_gate.h, over the blocks of all of a target's LUs.
 *
 *   1. A task is in the gate from before its command's handler runs until the command ends.
 *   2. HEAD OF QUEUE does not wait behind those that wait, only behind those that are at work.
 *   3. A task that has to wait is continued on its own loop, by resume(), from whichever thread made way.
 */
#ifndef SHEAF_TASK_SET_H
#define SHEAF_TASK_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/range_gate.h"

struct sheaf_lu_task;

/** LUs that a set has addresses for: LUN n's blocks are at n << SHEAF_TASK_SET_LU_SHIFT. */
#define SHEAF_TASK_SET_LUS_MAX	256
#define SHEAF_TASK_SET_LU_SHIFT 55

struct sheaf_task_set {
	struct sheaf_range_gate gate;
	/* The target's, for commands that name others of its LUs; NULL: there are none. Entries may be NULL. Set once. */
	struct sheaf_lu *const *lus;
	uint32_t lu_count;
	/** Call sheaf_lu_continue(@lt) on lt->loop. Thread: any. */
	void (*resume)(struct sheaf_lu_task *lt);
	/**
	 * Abort the tasks of @initiators, a bit each, on the LU of @but, but for @but itself: PREEMPT AND ABORT. NULL: none is
	 * marked, and they end as they would. Thread: any.
	 */
	void (*abort)(struct sheaf_task_set *set, const struct sheaf_lu_task *but, uint32_t initiators);
};

/** What a task gives back when it ends, bits of lt->held. */
enum sheaf_held {
	SHEAF_HELD_GATE = 1,
	SHEAF_HELD_ACA = 2, /* it is the task with the ACA attribute, see aca.h */
};

/** A set for up to @tasks tasks. Thread: any. Return: 0 or -ENOMEM. */
int sheaf_task_set_init(struct sheaf_task_set *set, unsigned tasks,
			void (*resume)(struct sheaf_lu_task *lt));
/** No task of the set is in flight. */
void sheaf_task_set_deinit(struct sheaf_task_set *set);
/** Make @lt one of the set's, for good; before its first command. Thread: any. */
void sheaf_task_set_add(struct sheaf_task_set *set, struct sheaf_lu_task *lt);

/**
 * sheaf_task_set_enter() - what lt->command and lt's attribute ask for; lt->blocks and lt->lba are decoded
 * Return: false: it has to wait, set->resume() comes, and lt is not the caller's any more; or it has ended (a task attribute that
 * cannot be).
 */
bool sheaf_task_set_enter(struct sheaf_lu_task *lt);
/** As an ORDERED task, from a handler: false: the handler is called again when all that was in the gate before is over. */
bool sheaf_task_set_enter_alone(struct sheaf_lu_task *lt);
/**
 * sheaf_task_set_enter_blocks() - for one access of a command that runs without being in the gate: @blocks, not 0, at @lba of @lu
 * Return: as of sheaf_task_set_enter(). sheaf_task_set_leave_gate() follows when the access is done.
 */
bool sheaf_task_set_enter_blocks(struct sheaf_lu_task *lt, const struct sheaf_lu *lu, uint64_t lba,
				 uint64_t blocks);
/** It makes way before the command ends. What has the ACA attribute stays the ACA task. */
void sheaf_task_set_leave_gate(struct sheaf_lu_task *lt);
/** The command ends. */
void sheaf_task_set_leave(struct sheaf_lu_task *lt);

#endif
