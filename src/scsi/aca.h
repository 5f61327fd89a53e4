/* SPDX-License-Identifier: MIT */
/**
 * aca.h - auto contingent allegiance, SAM-5 section 5.9: a CHECK CONDITION of a command with NACA holds its nexus up until it is cleared
 *
 *   1. With a task set for each nexus (TST 001b, the default) only the nexus with the condition is held up; others notice nothing. With
 *      one for all (TST 000b) others get BUSY, or ACA ACTIVE where they set NACA.
 *   2. Commands that are in the task set already when the condition comes are too far on to be held: they end as they would.
 *   3. Guarded by the LU's lock; SHEAF_CONDITION_ACA is set while there is a condition.
 */
#ifndef SHEAF_ACA_H
#define SHEAF_ACA_H

#include <stdbool.h>
#include <stdint.h>

struct sheaf_lu;
struct sheaf_lu_task;

struct sheaf_aca {
	uint32_t faulted; /* initiators with a condition, a bit each */
	uint32_t busy;	  /* those that have a task with the ACA attribute in the set */
};

/** May @lt run, as far as this goes? An ACA task is counted as one. False: it has ended. */
bool sheaf_aca_check(struct sheaf_lu_task *lt);
/** @lt ends with CHECK CONDITION: a condition comes, goes or stays. */
void sheaf_aca_note_check_condition(struct sheaf_lu_task *lt);
/** An ACA task leaves the set. */
void sheaf_aca_leave(struct sheaf_lu_task *lt);
/** The conditions of @initiators, a bit each, are over. Lock held. */
void sheaf_aca_end(struct sheaf_lu *lu, uint32_t initiators);

#endif
