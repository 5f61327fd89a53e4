/* SPDX-License-Identifier: MIT */
/*
 * upkeep.c - see upkeep.h
 *
 *	begin → mark → step → piece_done → step … → flush, at the end of each pass → flushed → step, or mark → finish
 */
#include "scsi/upkeep.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/log.h"
#include "scsi/lu_impl.h"

/* So that progress is seen and each access ends soon. */
#define DISCARD_BYTES (UINT64_C(2) << 30)
#define ZERO_BYTES    (UINT64_C(256) << 20)
#define WRITE_BYTES   SHEAF_LU_PATTERN_BYTES

static void step(struct sheaf_upkeep *upkeep);

static struct sheaf_upkeep *upkeep_of(struct sheaf_store_io *io)
{
	return (struct sheaf_upkeep *)((char *)io - offsetof(struct sheaf_upkeep, io));
}

static void release(struct sheaf_upkeep *upkeep)
{
	free(upkeep->buffer);
	upkeep->buffer = NULL;
}

static int take_buffer(struct sheaf_upkeep *upkeep)
{
	if (!upkeep->buffer)
		upkeep->buffer = aligned_alloc(4096, WRITE_BYTES);
	return upkeep->buffer ? 0 : -ENOMEM;
}

/* The pattern begins anew in each block. */
static void fill_buffer(struct sheaf_upkeep *upkeep, const struct sheaf_upkeep_plan *plan)
{
	size_t block = upkeep->lu->block_size;

	for (size_t i = 0; i < block; i++)
		upkeep->buffer[i] = plan->pattern ? plan->pattern[i % plan->pattern_bytes] : 0;
	for (size_t at = block; at < WRITE_BYTES; at += block)
		memcpy(upkeep->buffer + at, upkeep->buffer, block);
}

static void invert_buffer(struct sheaf_upkeep *upkeep)
{
	for (size_t i = 0; i < WRITE_BYTES; i++)
		upkeep->buffer[i] = (uint8_t)~upkeep->buffer[i];
}

int sheaf_upkeep_prepare(struct sheaf_lu *lu, const struct sheaf_upkeep_plan *plan)
{
	struct sheaf_upkeep *upkeep = &lu->unit.upkeep;

	assert(plan->passes > 0 && (!plan->pattern || plan->pattern_bytes > 0));
	upkeep->lu = lu;
	upkeep->op = !plan->clear	      ? SHEAF_STORE_WRITE
		     : lu->store->can_discard ? SHEAF_STORE_DISCARD
					      : SHEAF_STORE_ZERO;
	/* Also to clear: a store may turn out not to be able to. */
	if (take_buffer(upkeep) < 0)
		return -ENOMEM;
	fill_buffer(upkeep, plan);
	upkeep->pass = 0;
	upkeep->passes = plan->passes;
	upkeep->invert = plan->invert;
	/* The last pass writes the pattern as it is. */
	if (plan->invert && plan->passes % 2 == 0)
		invert_buffer(upkeep);
	upkeep->cursor = 0;
	atomic_store_explicit(&upkeep->done_blocks, 0, memory_order_relaxed);
	atomic_store_explicit(&upkeep->total_blocks, sheaf_lu_capacity(lu) * plan->passes,
			      memory_order_relaxed);
	return 0;
}

uint16_t sheaf_upkeep_progress(const struct sheaf_upkeep *upkeep)
{
	uint64_t done = atomic_load_explicit(&upkeep->done_blocks, memory_order_relaxed);
	uint64_t total = atomic_load_explicit(&upkeep->total_blocks, memory_order_relaxed);

	if (total == 0 || done >= total)
		return total ? UINT16_MAX : 0;
	return (uint16_t)((unsigned __int128)done * 65536 / total);
}

void sheaf_upkeep_deinit(struct sheaf_upkeep *upkeep)
{
	release(upkeep);
}

/*
 * All is done, or it failed. The next command may begin another one as soon as the state is set, so nothing of upkeep is looked at
 * after that.
 */
static void finish(struct sheaf_upkeep *upkeep, int result)
{
	struct sheaf_lu *lu = upkeep->lu;
	struct sheaf_lu_task *waiter = upkeep->waiter;
	uint64_t bytes = upkeep->waiter_bytes;
	bool formats;

	release(upkeep);
	upkeep->waiter = NULL;
	pthread_mutex_lock(&lu->lock);
	formats = lu->unit.state == SHEAF_UNIT_FORMATTING;
	if (result == 0)
		sheaf_unit_set(lu, SHEAF_UNIT_READY);
	else
		sheaf_unit_set(lu, formats ? SHEAF_UNIT_FORMAT_FAILED : SHEAF_UNIT_SANITIZE_FAILED);
	pthread_mutex_unlock(&lu->lock);
	if (!waiter)
		return;
	if (result == 0)
		sheaf_lu_end_good(waiter, bytes);
	else
		sheaf_lu_end_check(waiter, SHEAF_KEY_MEDIUM_ERROR,
				   formats ? SHEAF_ASC_FORMAT_FAILED : SHEAF_ASC_SANITIZE_FAILED);
}

/* Its command was aborted: that ends, what it began does not. */
static void look_at_waiter(struct sheaf_upkeep *upkeep)
{
	struct sheaf_lu_task *waiter = upkeep->waiter;

	if (!waiter || !sheaf_lu_is_aborted(waiter))
		return;
	upkeep->waiter = NULL;
	sheaf_lu_end_good(waiter, 0);
}

static void submit(struct sheaf_upkeep *upkeep, enum sheaf_store_op op, uint64_t blocks,
		   void (*done)(struct sheaf_store_io *io, int result))
{
	uint32_t block_size = upkeep->lu->block_size;

	upkeep->io = (struct sheaf_store_io){
		.op = op,
		.offset = op == SHEAF_STORE_FLUSH ? 0 : upkeep->cursor * block_size,
		.length = blocks * block_size,
		.data = op == SHEAF_STORE_WRITE ? upkeep->buffer : NULL,
		.done = done,
	};
	sheaf_store_submit(upkeep->lu->store, upkeep->loop, &upkeep->io);
}

/* What the store keeps of an operation: words, so that people can read them too. */
static const char *const words[] = {
	[SHEAF_UNFINISHED_FORMAT] = "format",
	[SHEAF_UNFINISHED_SANITIZE] = "sanitize",
	[SHEAF_UNFINISHED_SANITIZE_UNRESTRICTED] = "sanitize-unrestricted",
};
#define WORDS	 (sizeof(words) / sizeof(words[0]))
#define WORD_MAX 32

/* A word that is not ours was put there by a later sheaf: that the image is spoilt is the safe reading. */
enum sheaf_unfinished sheaf_upkeep_unfinished(const struct sheaf_lu *lu)
{
	char word[WORD_MAX];
	int length = sheaf_store_kept(lu->store, SHEAF_NOTE_UNFINISHED, word, sizeof(word));

	if (length == 0 || length == -EOPNOTSUPP)
		return SHEAF_UNFINISHED_NOTHING;
	for (unsigned i = SHEAF_UNFINISHED_FORMAT; i < WORDS; i++)
		if (length == (int)strlen(words[i]) && memcmp(word, words[i], (size_t)length) == 0)
			return (enum sheaf_unfinished)i;
	return SHEAF_UNFINISHED_SANITIZE;
}

/* Then @then, on this loop, now or later. No access is in flight. */
static void set_mark(struct sheaf_upkeep *upkeep, enum sheaf_unfinished what,
		     void (*then)(struct sheaf_store_io *io, int result))
{
	const char *word = what == SHEAF_UNFINISHED_NOTHING ? "" : words[what];

	upkeep->io = (struct sheaf_store_io){ .data = (void *)word, .length = strlen(word), .done = then };
	if (sheaf_store_has_notes(upkeep->lu->store))
		sheaf_store_keep(upkeep->lu->store, SHEAF_NOTE_UNFINISHED, upkeep->loop, &upkeep->io);
	else
		then(&upkeep->io, 0);
}

/* A mark that cannot be had is no reason not to do what was asked for. */
static void marked(struct sheaf_store_io *io, int result)
{
	struct sheaf_upkeep *upkeep = upkeep_of(io);

	if (result < 0)
		sheaf_warning(
			"%s: that it is being formatted or sanitized cannot be kept with it (%s): "
			"if this is cut off, nobody will know",
			upkeep->lu->store->name, strerror(-result));
	step(upkeep);
}

static void warn_of_mark_that_stays(const struct sheaf_upkeep *upkeep, int result)
{
	sheaf_warning("%s: the mark that it is being formatted or sanitized cannot be removed: %s",
		      upkeep->lu->store->name, strerror(-result));
}

/* One that stays makes the next LU ask for the operation again: it is done all the same. */
static void unmarked(struct sheaf_store_io *io, int result)
{
	struct sheaf_upkeep *upkeep = upkeep_of(io);

	if (result < 0)
		warn_of_mark_that_stays(upkeep, result);
	finish(upkeep, 0);
}

static void flushed(struct sheaf_store_io *io, int result)
{
	struct sheaf_upkeep *upkeep = upkeep_of(io);

	look_at_waiter(upkeep);
	if (result < 0) {
		finish(upkeep, result); /* and the mark stays */
		return;
	}
	if (++upkeep->pass == upkeep->passes) {
		set_mark(upkeep, SHEAF_UNFINISHED_NOTHING, unmarked);
		return;
	}
	if (upkeep->invert)
		invert_buffer(upkeep);
	upkeep->cursor = 0;
	step(upkeep);
}

/* What a store cannot do after all is done by the next best: it is then a WRITE of the buffer, which has zeros. */
static bool fall_back(struct sheaf_upkeep *upkeep)
{
	if (upkeep->op == SHEAF_STORE_WRITE)
		return false;
	upkeep->op = upkeep->op == SHEAF_STORE_DISCARD ? SHEAF_STORE_ZERO : SHEAF_STORE_WRITE;
	return true;
}

static void piece_done(struct sheaf_store_io *io, int result)
{
	struct sheaf_upkeep *upkeep = upkeep_of(io);
	uint64_t blocks = io->length / upkeep->lu->block_size;

	look_at_waiter(upkeep);
	if (result == -EOPNOTSUPP && fall_back(upkeep)) {
		step(upkeep);
		return;
	}
	sheaf_lu_note_written(upkeep->lu);
	if (result < 0) {
		finish(upkeep, result);
		return;
	}
	upkeep->cursor += blocks;
	atomic_store_explicit(&upkeep->done_blocks,
			      atomic_load_explicit(&upkeep->done_blocks, memory_order_relaxed) +
				      blocks,
			      memory_order_relaxed);
	step(upkeep);
}

static void step(struct sheaf_upkeep *upkeep)
{
	const struct sheaf_lu *lu = upkeep->lu;
	uint64_t most = upkeep->op == SHEAF_STORE_DISCARD ? DISCARD_BYTES
			: upkeep->op == SHEAF_STORE_ZERO  ? ZERO_BYTES
							  : WRITE_BYTES;
	uint64_t blocks = sheaf_lu_capacity(lu); /* may have grown, see sheaf_lu_resize() */

	if (upkeep->cursor >= blocks)
		submit(upkeep, SHEAF_STORE_FLUSH, 0, flushed);
	else
		submit(upkeep, upkeep->op,
		       sheaf_min64(blocks - upkeep->cursor, most / lu->block_size), piece_done);
}

/* Nobody changes the state but the operation's end. */
static enum sheaf_unfinished mark_of(const struct sheaf_lu *lu)
{
	if (lu->unit.state == SHEAF_UNIT_FORMATTING)
		return SHEAF_UNFINISHED_FORMAT;
	return lu->unit.unrestricted ? SHEAF_UNFINISHED_SANITIZE_UNRESTRICTED : SHEAF_UNFINISHED_SANITIZE;
}

void sheaf_upkeep_begin(struct sheaf_lu_task *lt, bool immed, uint64_t bytes)
{
	struct sheaf_upkeep *upkeep = &lt->lu->unit.upkeep;

	upkeep->loop = lt->loop;
	upkeep->waiter = immed ? NULL : lt;
	upkeep->waiter_bytes = bytes;
	/* What waits behind it is told that the unit is not ready, rather than kept waiting until it is. */
	sheaf_task_set_leave_gate(lt);
	set_mark(upkeep, mark_of(lt->lu), marked);
	if (immed)
		sheaf_lu_end_good(lt, bytes);
}

static void forgiven(struct sheaf_store_io *io, int result)
{
	struct sheaf_upkeep *upkeep = upkeep_of(io);
	struct sheaf_lu_task *waiter = upkeep->waiter;

	upkeep->waiter = NULL;
	if (result < 0)
		warn_of_mark_that_stays(upkeep, result);
	pthread_mutex_lock(&waiter->lu->lock);
	sheaf_unit_set(waiter->lu, SHEAF_UNIT_READY);
	pthread_mutex_unlock(&waiter->lu->lock);
	sheaf_lu_end_good(waiter, 0);
}

void sheaf_upkeep_forgive(struct sheaf_lu_task *lt)
{
	struct sheaf_upkeep *upkeep = &lt->lu->unit.upkeep;

	upkeep->lu = lt->lu;
	upkeep->loop = lt->loop;
	upkeep->waiter = lt;
	set_mark(upkeep, SHEAF_UNFINISHED_NOTHING, forgiven);
}
