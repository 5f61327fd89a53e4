/* SPDX-License-Identifier: MIT */
/* task_set.c - see task_set.h */
#include "scsi/task_set.h"

#include <assert.h>
#include <stddef.h>

#include "scsi/lu_impl.h"

static struct sheaf_lu_task *task_of_entry(struct sheaf_gate_entry *entry)
{
	return (struct sheaf_lu_task *)((char *)entry - offsetof(struct sheaf_lu_task, gate_entry));
}

static void granted(struct sheaf_gate_entry *entry)
{
	struct sheaf_lu_task *lt = task_of_entry(entry);

	lt->set->resume(lt);
}

int sheaf_task_set_init(struct sheaf_task_set *set, unsigned tasks,
			void (*resume)(struct sheaf_lu_task *lt))
{
	set->resume = resume;
	set->lus = NULL;
	set->lu_count = 0;
	return sheaf_gate_init(&set->gate, tasks);
}

void sheaf_task_set_deinit(struct sheaf_task_set *set)
{
	sheaf_gate_deinit(&set->gate);
}

void sheaf_task_set_add(struct sheaf_task_set *set, struct sheaf_lu_task *lt)
{
	lt->set = set;
	lt->held = 0;
	lt->tally = sheaf_tally_none();
	lt->gate_entry.granted = granted;
	sheaf_gate_add(&set->gate, &lt->gate_entry);
}

bool sheaf_task_set_enter_alone(struct sheaf_lu_task *lt)
{
	uint64_t begin = (uint64_t)lt->lu->lun << SHEAF_TASK_SET_LU_SHIFT;
	uint64_t end = begin + (UINT64_C(1) << SHEAF_TASK_SET_LU_SHIFT);

	if (lt->held & SHEAF_HELD_GATE)
		return true;
	if (lt->command->flags & SHEAF_CDB_ALL_LUS) {
		begin = 0;
		end = (uint64_t)SHEAF_TASK_SET_LUS_MAX << SHEAF_TASK_SET_LU_SHIFT;
	}
	lt->held |= SHEAF_HELD_GATE;
	return sheaf_gate_enter_exclusive(&lt->set->gate, &lt->gate_entry, begin, end);
}

/* By the blocks that it names, or all. @first: before all that wait. */
static bool enter_gate(struct sheaf_lu_task *lt, bool first)
{
	uint16_t flags = lt->command->flags;
	uint64_t begin = (uint64_t)lt->lu->lun << SHEAF_TASK_SET_LU_SHIFT;
	uint64_t end = begin + (UINT64_C(1) << SHEAF_TASK_SET_LU_SHIFT);
	bool named = lt->command->count_is == SHEAF_CDB_COUNT_TRANSFER ||
		     lt->command->count_is == SHEAF_CDB_COUNT_BLOCKS;

	if (!(flags & (SHEAF_CDB_SHARES | SHEAF_CDB_EXCLUDES)))
		return true;
	if (named) {
		if (lt->blocks == 0)
			return true;
		begin += lt->lba;
		end = begin + lt->blocks;
	}
	/* Before: who waits may be continued before enter has returned. */
	lt->held |= SHEAF_HELD_GATE;
	if (first)
		return sheaf_gate_enter_first(&lt->set->gate, &lt->gate_entry, begin, end,
					      flags & SHEAF_CDB_EXCLUDES);
	if (flags & SHEAF_CDB_EXCLUDES)
		return sheaf_gate_enter_exclusive(&lt->set->gate, &lt->gate_entry, begin, end);
	return sheaf_gate_enter(&lt->set->gate, &lt->gate_entry, begin, end);
}

/* SAM-5 section 8.6. */
static bool enter_by_attribute(struct sheaf_lu_task *lt)
{
	switch (lt->task.task_attribute) {
	case SHEAF_ATTRIBUTE_ORDERED:
		return sheaf_task_set_enter_alone(lt);
	case SHEAF_ATTRIBUTE_HEAD_OF_QUEUE:
		return enter_gate(lt, true);
	case SHEAF_ATTRIBUTE_ACA:
		if (lt->held & SHEAF_HELD_ACA)
			return enter_gate(lt, true);
		break; /* there is no ACA condition that it would be for */
	default:
		break;
	}
	sheaf_lu_end_check(lt, SHEAF_KEY_ILLEGAL_REQUEST, SHEAF_ASC_INVALID_MESSAGE);
	return false;
}

bool sheaf_task_set_enter(struct sheaf_lu_task *lt)
{
	return lt->task.task_attribute == SHEAF_ATTRIBUTE_SIMPLE ? enter_gate(lt, false)
								 : enter_by_attribute(lt);
}

bool sheaf_task_set_enter_blocks(struct sheaf_lu_task *lt, const struct sheaf_lu *lu, uint64_t lba,
				 uint64_t blocks)
{
	uint64_t begin = ((uint64_t)lu->lun << SHEAF_TASK_SET_LU_SHIFT) + lba;

	assert(!(lt->held & SHEAF_HELD_GATE));
	lt->held |= SHEAF_HELD_GATE;
	return sheaf_gate_enter(&lt->set->gate, &lt->gate_entry, begin, begin + blocks);
}

void sheaf_task_set_leave_gate(struct sheaf_lu_task *lt)
{
	if (!(lt->held & SHEAF_HELD_GATE))
		return;
	lt->held &= (uint8_t)~SHEAF_HELD_GATE;
	sheaf_gate_leave(&lt->set->gate, &lt->gate_entry);
}

void sheaf_task_set_leave(struct sheaf_lu_task *lt)
{
	uint8_t held = lt->held;

	if (!held)
		return;
	lt->held = 0;
	if (held & SHEAF_HELD_ACA)
		sheaf_aca_leave(lt);
	if (held & SHEAF_HELD_GATE)
		sheaf_gate_leave(&lt->set->gate, &lt->gate_entry);
}
