/* SPDX-License-Identifier: MIT */
/**
 * unit.h - whether the medium can be used: started or stopped, being formatted or sanitized, or spoilt by one of these
 *
 *                    START STOP UNIT, START 0
 *             READY ----------------------------> STOPPED
 *               |   <----------------------------
 *               |    START STOP UNIT, START 1
 *               |
 *               |  FORMAT UNIT                    done                   FORMAT UNIT, SANITIZE
 *               +---------------> FORMATTING -----------> READY     +-----------------------------> …
 *               |                      +-- failed --> FORMAT_FAILED
 *               |  SANITIZE                       done
 *               +---------------> SANITIZING -----------> READY          SANITIZE, EXIT FAILURE MODE
 *                                      +-- failed --> SANITIZE_FAILED ----------------------------> READY
 *
 * sheaf_unit_set() is each arrow's, but for the beginning (sheaf_unit_init()): READY, or a failed state. All but READY is SHEAF_CONDITION_NOT_READY in lu->conditions.
 *
 *   1. A change of state is made under the LU's lock, by a command that is alone on the medium (SHEAF_CDB_EXCLUDES): what was in
 *      flight has ended; what waited behind it is looked at again (sheaf_lu_continue()).
 *   2. A command of another loop may have been found good just before and start just after. That is two commands at the same time,
 *      whose order is free (SAM-5, SIMPLE): it counts as the later one.
 *   3. Formatting and sanitizing outlive the command that asked for them: upkeep.h.
 */
#ifndef SHEAF_UNIT_H
#define SHEAF_UNIT_H

#include <stdbool.h>
#include <stdint.h>

#include "scsi/sense.h"
#include "scsi/upkeep.h"

struct sheaf_lu;
struct sheaf_lu_task;
struct sheaf_cdb_command;

enum sheaf_unit_state {
	SHEAF_UNIT_READY,
	SHEAF_UNIT_STOPPED,
	SHEAF_UNIT_FORMATTING,
	SHEAF_UNIT_FORMAT_FAILED, /* contents are not what they were, nor what they should be */
	SHEAF_UNIT_SANITIZING,
	SHEAF_UNIT_SANITIZE_FAILED, /* something of what was to go may still be there */
};

/** Guarded by the LU's lock, but for upkeep. */
struct sheaf_unit_status {
	enum sheaf_unit_state state;
	bool unrestricted; /* AUSE of the last SANITIZE: EXIT FAILURE MODE leaves SANITIZE_FAILED */
	uint32_t cycles;   /* times that it was stopped */
	struct sheaf_upkeep upkeep;
};

/** The state that a new LU begins in: what its store's mark says was cut off has failed. */
void sheaf_unit_init(struct sheaf_lu *lu);
/** The one setter; asserts that the arrow is in the picture. Lock held. */
void sheaf_unit_set(struct sheaf_lu *lu, enum sheaf_unit_state state);
/**
 * sheaf_unit_refuses() - may @command run in the unit's state; only asked with SHEAF_CONDITION_NOT_READY
 * Return: true: no, and *ret_sense says why. Thread: any.
 */
bool sheaf_unit_refuses(struct sheaf_lu *lu, const struct sheaf_cdb_command *command,
			struct sheaf_sense *ret_sense);
/**
 * sheaf_unit_take() - @lt's command begins to format or sanitize: the unit is in @state, and upkeep is prepared for @plan
 * @unrestricted: AUSE. SBC-4, restricted completion mode: without it in the one that failed there is none in the next.
 * Return: false: it may not (any more), and has ended. sheaf_upkeep_begin() comes next.
 */
bool sheaf_unit_take(struct sheaf_lu_task *lt, enum sheaf_unit_state state,
		     const struct sheaf_upkeep_plan *plan, bool unrestricted);
/** What REQUEST SENSE says of the state: NO SENSE when it is READY. Thread: any. */
void sheaf_unit_describe(struct sheaf_lu *lu, struct sheaf_sense *ret_sense);

#endif
