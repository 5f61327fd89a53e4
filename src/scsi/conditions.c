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

/* SWP, SPC-4 section 7.5.8. */
static bool is_write_protected(const struct sheaf_lu_task *lt)
{
	return (lt->command->flags & SHEAF_CDB_WRITES) &&
	       (atomic_load(&lt->lu->conditions) & SHEAF_CONDITION_WRITE_PROTECTED);
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
	if (is_write_protected(lt)) {
		sheaf_lu_end_check(lt, SHEAF_KEY_DATA_PROTECT, SHEAF_ASC_SOFTWARE_WRITE_PROTECTED);
		return false;
	}
	sheaf_lu_heed_write_through(lt);
	return true;
}
