/* SPDX-License-Identifier: MIT */
/*
 * background.c - see background.h
 *
 * A flush that fails is not lost: synced stays where it was (block.c), so that the next flush is due, and the initiator
 * that was told GOOD is told a deferred error by its next command.
 */
#include "scsi/background.h"

#include "scsi/errno_sense.h"
#include "scsi/lu_impl.h"

static struct sheaf_lu *lu_of_io(struct sheaf_store_io *io)
{
	return (struct sheaf_lu *)((char *)io - offsetof(struct sheaf_lu, background.io));
}

static void flushed_behind(struct sheaf_store_io *io, int result)
{
	struct sheaf_lu *lu = lu_of_io(io);
	struct sheaf_background *b = &lu->background;

	if (result >= 0)
		sheaf_lu_note_flushed(lu, b->upto);
	pthread_mutex_lock(&lu->lock);
	if (result < 0) {
		sheaf_errno_to_sense(result, SHEAF_STORE_FLUSH, &b->deferred);
		b->deferred.deferred = true;
		b->waiting |= 1u << b->initiator;
		sheaf_lu_set_condition(lu, SHEAF_CONDITION_DEFERRED, true);
	}
	b->busy = false;
	pthread_mutex_unlock(&lu->lock);
}

bool sheaf_lu_flush_behind(struct sheaf_lu_task *lt)
{
	struct sheaf_lu *lu = lt->lu;
	struct sheaf_background *b = &lu->background;
	uint64_t upto;
	bool taken;

	if (!sheaf_lu_flush_is_due(lu, &upto)) {
		sheaf_lu_end_good(lt, 0);
		return true;
	}
	pthread_mutex_lock(&lu->lock);
	taken = !b->busy;
	b->busy = true;
	if (taken) {
		b->upto = upto;
		b->initiator = lt->task.initiator_index;
	}
	pthread_mutex_unlock(&lu->lock);
	if (!taken)
		return false;
	b->io = (struct sheaf_store_io){ .op = SHEAF_STORE_FLUSH, .done = flushed_behind };
	sheaf_store_submit(lu->store, lt->loop, &b->io);
	sheaf_lu_end_good(lt, 0);
	return true;
}

bool sheaf_lu_take_deferred(struct sheaf_lu *lu, uint32_t initiator, struct sheaf_sense *ret_sense)
{
	struct sheaf_background *b = &lu->background;
	uint32_t bit = 1u << initiator;
	bool waits;

	pthread_mutex_lock(&lu->lock);
	waits = b->waiting & bit;
	if (waits) {
		*ret_sense = b->deferred;
		b->waiting &= ~bit;
		sheaf_lu_set_condition(lu, SHEAF_CONDITION_DEFERRED, b->waiting != 0);
	}
	pthread_mutex_unlock(&lu->lock);
	return waits;
}
