/* SPDX-License-Identifier: MIT */
/**
 * reservation.h - who may use an LU: persistent reservations (SPC-4 section 5.13) and RESERVE (SPC-2)
 *
 *   1. All of it is guarded by the LU's lock; SHEAF_CONDITION_RESERVED is set while somebody has the LU reserved.
 *   2. One PERSISTENT RESERVE OUT is worked on at a time: what it makes of the state is kept by the store first, where that is wanted
 *      (APTPL), and is true for everybody then, in one step with its unit attentions. Others wait for that. So who has the turn may
 *      read `persistent` without the lock.
 *   3. The two kinds exclude each other: while anybody is registered RESERVE and RELEASE conflict (CRH is 0, as reported); while
 *      somebody has the LU by RESERVE, PERSISTENT RESERVE IN and OUT do.
 */
#ifndef SHEAF_RESERVATION_H
#define SHEAF_RESERVATION_H

#include "scsi/cdb.h"
#include "scsi/persistent.h"

struct sheaf_lu;
struct sheaf_lu_task;
struct sheaf_reserve_out;

struct sheaf_reservations {
	struct sheaf_persistent persistent;
	bool can_keep;			   /* PTPL_C; constant */
	uint32_t reserved_by;		   /* RESERVE; SHEAF_INITIATOR_NONE */
	struct sheaf_lu_task *turn;	   /* the PERSISTENT RESERVE OUT that is worked on */
	struct sheaf_reserve_out *waiting; /* others, the first first */
};

/** For a new LU: what its store has kept is read and checked. Thread: the creator's; may block. */
void sheaf_reservations_init(struct sheaf_lu *lu);
/** LU reset: RESERVE ends, persistent reservations stay. */
void sheaf_reservations_reset(struct sheaf_lu *lu);
/** @initiator's nexus is lost: so is what it had by RESERVE. */
void sheaf_reservations_nexus_loss(struct sheaf_lu *lu, uint32_t initiator);
/** Must @lt's command, whose row is known, end with RESERVATION CONFLICT? Thread: any. */
bool sheaf_lu_is_reserved_against(const struct sheaf_lu_task *lt);
/** Set or clear SHEAF_CONDITION_RESERVED as it is now. Lock held. */
void sheaf_reservations_note(struct sheaf_lu *lu);

#endif
