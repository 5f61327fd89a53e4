/* SPDX-License-Identifier: MIT */
/*
 * conditions.c - what keeps a sound command from running: looked at only while sheaf_lu_is_unconditional() says no
 *
 * In the order of SAM-5 section 5.3 (status precedence): ACA, unit attention, then reservations, then the medium's state, then write
 * protection.
 */
#include "scsi/lu_impl.h"

void sheaf_lu_set_condition(struct sheaf_lu *lu, uint32_t bit, bool on)
{
	if (on)
		atomic_fetch_or(&lu->conditions, bit);
	else
		atomic_fetch_and(&lu->conditions, ~bit);
}

/* SPC-4 section 5.13.1, SPC-2 section 5.5.1. */
static bool check_reservation(struct sheaf_lu_task *lt)
{
	if (!sheaf_lu_is_reserved_against(lt))
		return true;
	sheaf_lu_end_status(lt, SHEAF_STATUS_RESERVATION_CONFLICT);
	return false;
}

static bool check_ready(struct sheaf_lu_task *lt)
{
	struct sheaf_sense sense;

	if (!(atomic_load_explicit(&lt->lu->conditions, memory_order_relaxed) &
	      SHEAF_CONDITION_NOT_READY) ||
	    !sheaf_unit_refuses(lt->lu, lt->command, &sense))
		return true;
	sheaf_lu_end_sense(lt, &sense);
	return false;
}

/* SWP, SPC-4 section 7.5.8. */
static bool check_protection(struct sheaf_lu_task *lt)
{
	if (!(lt->command->flags & SHEAF_CDB_WRITES) ||
	    !(atomic_load_explicit(&lt->lu->conditions, memory_order_relaxed) &
	      SHEAF_CONDITION_WRITE_PROTECTED))
		return true;
	sheaf_lu_end_check(lt, SHEAF_KEY_DATA_PROTECT, SHEAF_ASC_SOFTWARE_WRITE_PROTECTED);
	return false;
}

bool sheaf_lu_check_conditions_again(struct sheaf_lu_task *lt)
{
	/* Reservations: see reserve_out.c (3). */
	if (!check_reservation(lt) || !check_ready(lt) || !check_protection(lt))
		return false;
	sheaf_lu_heed_write_through(lt);
	return true;
}

/* SPC-4 section 4.5.7: a deferred error is told instead of running the command. */
static bool check_deferred(struct sheaf_lu_task *lt)
{
	struct sheaf_sense sense;

	if (!sheaf_lu_take_deferred(lt->lu, lt->task.initiator_index, &sense))
		return true;
	sheaf_lu_end_sense(lt, &sense);
	return false;
}

bool sheaf_lu_check_conditions(struct sheaf_lu_task *lt)
{
	uint16_t attention;

	if (atomic_load_explicit(&lt->lu->conditions, memory_order_acquire) & SHEAF_CONDITION_ACA &&
	    !sheaf_aca_check(lt))
		return false;
	if (!(lt->command->flags & SHEAF_CDB_PASSES_UA)) {
		attention = sheaf_lu_take_attention(lt->lu, lt->task.initiator_index);
		if (attention) {
			sheaf_lu_end_check(lt, SHEAF_KEY_UNIT_ATTENTION, attention);
			return false;
		}
		if (!check_deferred(lt))
			return false;
	}
	return sheaf_lu_check_conditions_again(lt);
}
