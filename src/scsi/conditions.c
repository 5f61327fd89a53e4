/* SPDX-License-Identifier: MIT */
/*
 * conditions.c - what keeps a sound command from running: looked at only while lu->conditions is not zero
 *
 * In the order of SAM-5 section 5.3 (status precedence): unit attention, then reservations, then the medium's state, then write
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

bool sheaf_lu_check_still_ready(struct sheaf_lu_task *lt)
{
	return check_ready(lt);
}

bool sheaf_lu_check_conditions(struct sheaf_lu_task *lt)
{
	uint16_t attention;

	if (!(lt->command->flags & SHEAF_CDB_PASSES_UA)) {
		attention = sheaf_lu_take_attention(lt->lu, lt->task.initiator_index);
		if (attention) {
			sheaf_lu_end_check(lt, SHEAF_KEY_UNIT_ATTENTION, attention);
			return false;
		}
	}
	return check_ready(lt);
}
