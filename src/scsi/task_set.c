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
	lt->in_gate = false;
	lt->gate_entry.granted = granted;
	sheaf_gate_add(&set->gate, &lt->gate_entry);
}

bool sheaf_task_set_enter(struct sheaf_lu_task *lt)
{
	bool ordered = lt->task.task_attribute == SHEAF_ATTRIBUTE_ORDERED;
	uint16_t flags = lt->command->flags;
	uint64_t begin = (uint64_t)lt->lu->lun << SHEAF_TASK_SET_LU_SHIFT;
	uint64_t end = begin + (UINT64_C(1) << SHEAF_TASK_SET_LU_SHIFT);
	bool named = lt->command->count_is == SHEAF_CDB_COUNT_TRANSFER ||
		     lt->command->count_is == SHEAF_CDB_COUNT_BLOCKS;

	if (!ordered && !(flags & (SHEAF_CDB_SHARES | SHEAF_CDB_EXCLUDES)))
		return true;
	if (!ordered && named) {
		if (lt->blocks == 0)
			return true;
		begin += lt->lba;
		end = begin + lt->blocks;
	}
	if (ordered && (flags & SHEAF_CDB_ALL_LUS)) {
		begin = 0;
		end = (uint64_t)SHEAF_TASK_SET_LUS_MAX << SHEAF_TASK_SET_LU_SHIFT;
	}
	/* Before: who waits may be continued before enter has returned. */
	lt->in_gate = true;
	if (ordered || (flags & SHEAF_CDB_EXCLUDES))
		return sheaf_gate_enter_exclusive(&lt->set->gate, &lt->gate_entry, begin, end);
	return sheaf_gate_enter(&lt->set->gate, &lt->gate_entry, begin, end);
}

bool sheaf_task_set_enter_blocks(struct sheaf_lu_task *lt, const struct sheaf_lu *lu, uint64_t lba,
				 uint64_t blocks)
{
	uint64_t begin = ((uint64_t)lu->lun << SHEAF_TASK_SET_LU_SHIFT) + lba;

	assert(!lt->in_gate);
	lt->in_gate = true;
	return sheaf_gate_enter(&lt->set->gate, &lt->gate_entry, begin, begin + blocks);
}

void sheaf_task_set_leave(struct sheaf_lu_task *lt)
{
	if (!lt->in_gate)
		return;
	lt->in_gate = false;
	sheaf_gate_leave(&lt->set->gate, &lt->gate_entry);
}
