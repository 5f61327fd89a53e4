/* SPDX-License-Identifier: MIT */
/**
 * block.c - READ, WRITE, SYNCHRONIZE CACHE, PRE-FETCH
 *
 * A flush costs nothing unless something was written since the last one. Three numbers say so,
 * without a store to shared memory per write:
 *
 *   1. Whoever changed the medium, when that is done and before it is reported, makes written >
 *      sampled hold (or finds it holding).
 *   2. A flush takes the value f of written, raises sampled to at least f, and only then starts;
 *      when it succeeded, synced is raised to at least f. All seq_cst.
 *   3. So a change that was reported is durable when written <= synced: one that found written >
 *      sampled did so before the flush that took that value started, and that flush covers it.
 *   4. All three only grow.
 */
#include "scsi/lu_impl.h"

static void raise_to(_Atomic uint64_t *number, uint64_t to)
{
	uint64_t was = atomic_load(number);

	while (was < to && !atomic_compare_exchange_weak(number, &was, to))
		;
}

void sheaf_lu_note_written(struct sheaf_lu *lu)
{
	uint64_t written = atomic_load(&lu->written);

	if (written <= atomic_load(&lu->sampled))
		raise_to(&lu->written, written + 1);
}

bool sheaf_lu_flush_is_due(struct sheaf_lu *lu, uint64_t *ret_upto)
{
	uint64_t written = atomic_load(&lu->written);

	if (written <= atomic_load(&lu->synced))
		return false;
	raise_to(&lu->sampled, written);
	*ret_upto = written;
	return true;
}

void sheaf_lu_note_flushed(struct sheaf_lu *lu, uint64_t upto)
{
	raise_to(&lu->synced, upto);
}

static void read_done(struct sheaf_store_io *io, int result)
{
	struct sheaf_lu_task *lt = sheaf_lu_task_of_io(io);

	if (result < 0)
		sheaf_lu_end_io_error(lt, result);
	else
		sheaf_lu_end_good(lt, io->length);
}

static void flushed(struct sheaf_store_io *io, int result)
{
	struct sheaf_lu_task *lt = sheaf_lu_task_of_io(io);

	if (result < 0) {
		sheaf_lu_end_io_error(lt, result);
		return;
	}
	sheaf_lu_note_flushed(lt->lu, lt->cursor);
	lt->resume(lt);
}

void sheaf_lu_flush_then(struct sheaf_lu_task *lt, void (*resume)(struct sheaf_lu_task *lt))
{
	lt->resume = resume;
	if (sheaf_lu_flush_is_due(lt->lu, &lt->cursor))
		sheaf_lu_submit(lt, SHEAF_STORE_FLUSH, 0, 0, NULL, flushed);
	else
		resume(lt);
}

static void finish(struct sheaf_lu_task *lt)
{
	lt->done(lt);
}

/* In the place of lt->done: the response is filled in. A flush that fails writes it anew. */
static void flush_before_done(struct sheaf_lu_task *lt)
{
	lt->done = lt->done_later;
	lt->tally = sheaf_tally_none(); /* it has ended once, whatever comes */
	if (lt->response->completion_status == SHEAF_STATUS_GOOD)
		sheaf_lu_flush_then(lt, finish);
	else
		finish(lt);
}

void sheaf_lu_heed_write_through(struct sheaf_lu_task *lt)
{
	if (!(lt->command->flags & SHEAF_CDB_WRITES) || lt->done == flush_before_done ||
	    !(atomic_load_explicit(&lt->lu->conditions, memory_order_relaxed) &
	      SHEAF_CONDITION_WRITE_THROUGH))
		return;
	lt->done_later = lt->done;
	lt->done = flush_before_done;
}

static void read_now(struct sheaf_lu_task *lt)
{
	sheaf_lu_submit(lt, SHEAF_STORE_READ, lt->lba, lt->blocks, lt->data, read_done);
}

/** READ (6), (10), (12), (16), SBC-4. FUA: what is in the cache goes to the medium first. */
void sheaf_lu_read(struct sheaf_lu_task *lt)
{
	bool fua = lt->command->length > 6 &&
		   (lt->task.command_descriptor_block[1] & SHEAF_CDB_RW_FUA);

	if (lt->blocks == 0)
		sheaf_lu_end_good(lt, 0);
	else if (fua)
		sheaf_lu_flush_then(lt, read_now);
	else
		read_now(lt);
}

static void write_done(struct sheaf_store_io *io, int result)
{
	struct sheaf_lu_task *lt = sheaf_lu_task_of_io(io);

	/* FUA has made this one durable; a failed one may have changed something. */
	if (result < 0 || !io->fua)
		sheaf_lu_note_written(lt->lu);
	if (result < 0)
		sheaf_lu_end_io_error(lt, result);
	else
		sheaf_lu_end_good(lt, io->length);
}

/** WRITE (6), (10), (12), (16), SBC-4. */
void sheaf_lu_write(struct sheaf_lu_task *lt)
{
	if (lt->blocks == 0)
		sheaf_lu_end_good(lt, 0);
	else
		sheaf_lu_submit(lt, SHEAF_STORE_WRITE, lt->lba, lt->blocks, lt->data, write_done);
}

static void synchronized(struct sheaf_lu_task *lt)
{
	sheaf_lu_end_good(lt, 0);
}

/** SYNCHRONIZE CACHE (10), (16), SBC-4: all blocks, whatever range is named. */
void sheaf_lu_synchronize_cache(struct sheaf_lu_task *lt)
{
	if (!(lt->task.command_descriptor_block[1] & SHEAF_CDB_SYNC_IMMED) || !sheaf_lu_flush_behind(lt))
		sheaf_lu_flush_then(lt, synchronized);
}

/**
 * PRE-FETCH (10), (16), SBC-4. The LU has no cache of its own to fill, so GOOD says what is so: the blocks are not
 * all in the cache. CONDITION MET would promise that they are.
 */
void sheaf_lu_pre_fetch(struct sheaf_lu_task *lt)
{
	sheaf_lu_end_good(lt, 0);
}
