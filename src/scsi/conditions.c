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

	if (!(lt->command->flags & SHEAF_CDB_PASSES_UA)) {
		attention = sheaf_lu_take_attention(lt->lu, lt->task.initiator_index);
		if (attention) {
			sheaf_lu_end_check(lt, SHEAF_KEY_UNIT_ATTENTION, attention);
			return false;
		}
		if (!check_deferred(lt))
			return false;
	}
	return true;
}
