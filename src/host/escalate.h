/* SPDX-License-Identifier: MIT */
/**
 * escalate.h - what is done about a task that is past its deadline, before it fails
 *
 * Steps of a task, each when the one before has not ended it within a grace (struct sheaf_host_options, grace_ms):
 *
 *   NONE --deadline--> ABORT --grace--> LU_RESET --grace--> RESTART --grace--> fails: EIO, its slot is quarantined
 *                                          |                                    ^
 *                                          +------- no driver to replace -------+
 *
 * So a task never takes longer than timeout + 3 graces (2 in one process), and a tick of its queue for each. The queue's loop goes
 * from step to step by its clock (sheaf_queue_expire()) and waits for nothing. ABORT TASK and LOGICAL UNIT RESET are synchronous
 * calls of the driver, which may hang in them: a thread of their own makes them, one a host, started by the first.
 *
 *   1. One call at a time. While the thread is stuck in one, tasks go on from step to step without it.
 *   2. A unit is reset once for all tasks that were handed over before; a driver is replaced once for them.
 *   3. A call that has waited for the thread longer than a grace is not made: the task went on to its next step, and a late reset
 *      would hit others.
 *   4. A mutex guards all of it. No task takes it that ends in time, or with GOOD.
 */
#ifndef SHEAF_ESCALATE_H
#define SHEAF_ESCALATE_H

#include <stdbool.h>
#include <stdint.h>

struct sheaf_host;
struct sheaf_escalation;

enum sheaf_escalation_step {
	SHEAF_STEP_NONE,
	SHEAF_STEP_ABORT,
	SHEAF_STEP_LU_RESET,
	SHEAF_STEP_RESTART,
	SHEAF_STEPS,
};
/** "none", "abort", "lu_reset", "driver_restart". Names in why.json; never changed. */
extern const char *const sheaf_step_names[SHEAF_STEPS];

/** For @host, whose slots are known. 0 or -ENOMEM. */
int sheaf_escalation_create(struct sheaf_host *host, struct sheaf_escalation **ret_escalation);
/**
 * sheaf_escalation_free() - end its thread, which a driver may hold
 * NULL is allowed. Waits for a call that is being made no longer than a grace, at least SHEAF_ESCALATION_END_MS.
 * Return: false: the driver did not return from the call; then nothing that it uses may be freed, nor is this.
 */
bool sheaf_escalation_free(struct sheaf_escalation *escalation);
#define SHEAF_ESCALATION_END_MS 1000

/* Thread of what follows: any; none waits for the driver. */

/** Ask for ABORT TASK of the task @tag. */
void sheaf_escalation_abort(struct sheaf_escalation *escalation, uint64_t target, uint64_t lun,
			    uint64_t tag);
/**
 * sheaf_escalation_reset() - ask for LOGICAL UNIT RESET on behalf of a task that was handed over at @start_ns
 * Return: false: it was asked for since then already.
 */
bool sheaf_escalation_reset(struct sheaf_escalation *escalation, uint64_t target, uint64_t lun,
			    uint64_t start_ns);
/** Was a reset of this unit asked for since @start_ns? Then a task that ended undelivered may have been its victim. */
bool sheaf_escalation_was_reset(struct sheaf_escalation *escalation, uint64_t target, uint64_t lun,
				uint64_t start_ns);
/**
 * sheaf_escalation_restart() - ask for another driver on behalf of a task that was handed over at @start_ns
 * @why: a sentence for the log.  Return: 1: asked; 0: it was asked for since then already; -EOPNOTSUPP: it cannot be replaced;
 * another errno of replace_driver().
 */
int sheaf_escalation_restart(struct sheaf_escalation *escalation, uint64_t start_ns,
			     const char *why);

/** The call that the thread is in. */
struct sheaf_escalation_call {
	const char *function; /* "ABORT TASK", … NULL: none */
	uint64_t target, lun, since_ns;
	unsigned waiting; /* for the thread */
};
struct sheaf_escalation_call sheaf_escalation_look(struct sheaf_escalation *escalation);

#endif
