/* SPDX-License-Identifier: MIT */
/**
 * verify.c - VERIFY and WRITE AND VERIFY (SBC-4)
 *
 * What was written goes to the medium first. Then the blocks are read, piece by piece, into a
 * buffer of the task's own and compared with the task's data as BYTCHK says; without comparison it
 * is enough that they can be read.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "scsi/lu_impl.h"

static uint8_t bytchk(const struct sheaf_lu_task *lt)
{
	return lt->task.command_descriptor_block[1] & SHEAF_CDB_BYTCHK_MASK;
}

/* The piece at the cursor is in lt->pattern. What the host changes meanwhile only changes what it is told. */
static bool matches(const struct sheaf_lu_task *lt, uint64_t blocks)
{
	size_t block_size = lt->lu->block_size;

	if (bytchk(lt) == SHEAF_CDB_BYTCHK_DATA)
		return memcmp(lt->pattern, lt->data + (lt->cursor - lt->lba) * block_size,
			      blocks * block_size) == 0;
	if (bytchk(lt) == SHEAF_CDB_BYTCHK_BLOCK)
		for (uint64_t i = 0; i < blocks; i++)
			if (memcmp(lt->pattern + i * block_size, lt->data, block_size) != 0)
				return false;
	return true;
}

/* What the data-out buffer had for us. */
static uint64_t transferred(const struct sheaf_lu_task *lt)
{
	if (lt->command->count_is == SHEAF_CDB_COUNT_TRANSFER ||
	    bytchk(lt) == SHEAF_CDB_BYTCHK_DATA)
		return lt->blocks * lt->lu->block_size;
	return bytchk(lt) == SHEAF_CDB_BYTCHK_BLOCK ? lt->lu->block_size : 0;
}

static void read_piece(struct sheaf_lu_task *lt);

static void piece_read(struct sheaf_store_io *io, int result)
{
	struct sheaf_lu_task *lt = sheaf_lu_task_of_io(io);
	uint64_t blocks = io->length / lt->lu->block_size;

	if (result < 0) {
		sheaf_lu_end_io_error(lt, result);
		return;
	}
	if (!matches(lt, blocks)) {
		sheaf_lu_end_check(lt, SHEAF_KEY_MISCOMPARE, SHEAF_ASC_MISCOMPARE_DURING_VERIFY);
		return;
	}
	lt->cursor += blocks;
	if (lt->cursor == lt->end)
		sheaf_lu_end_good(lt, transferred(lt));
	else
		read_piece(lt);
}

static void read_piece(struct sheaf_lu_task *lt)
{
	uint64_t blocks =
		sheaf_min64(lt->end - lt->cursor, SHEAF_LU_PATTERN_BYTES / lt->lu->block_size);

	sheaf_lu_submit(lt, SHEAF_STORE_READ, lt->cursor, blocks, lt->pattern, piece_read);
}

static void read_all(struct sheaf_lu_task *lt)
{
	lt->cursor = lt->lba;
	lt->end = lt->lba + lt->blocks;
	read_piece(lt);
}

/* Memory comes before any change to the medium. False: the command has ended. */
static bool take_buffer(struct sheaf_lu_task *lt)
{
	lt->pattern = aligned_alloc(4096, SHEAF_LU_PATTERN_BYTES);
	if (lt->pattern)
		return true;
	sheaf_lu_end_check(lt, SHEAF_KEY_ABORTED_COMMAND, SHEAF_ASC_INSUFFICIENT_RESOURCES);
	return false;
}

/** VERIFY (10), (12), (16), SBC-4: BYTCHK 00b, 01b and 11b. */
void sheaf_lu_verify(struct sheaf_lu_task *lt)
{
	const struct sheaf_lu *lu = lt->lu;
	bool compares = bytchk(lt) == SHEAF_CDB_BYTCHK_DATA;
	uint64_t most =
		compares ? lu->maximum_transfer_blocks : SHEAF_LU_VERIFY_BYTES_MAX / lu->block_size;

	if (bytchk(lt) && !compares && bytchk(lt) != SHEAF_CDB_BYTCHK_BLOCK) {
		sheaf_lu_end_bad_field(lt, 1, 2);
		return;
	}
	if (lt->blocks > most) {
		sheaf_lu_end_bad_field(lt, lt->command->count.byte, 7);
		return;
	}
	if (lt->blocks == 0) {
		sheaf_lu_end_good(lt, 0);
		return;
	}
	if (sheaf_lu_check_data(lt, transferred(lt)) && take_buffer(lt))
		sheaf_lu_flush_then(lt, read_all);
}

static void written(struct sheaf_store_io *io, int result)
{
	struct sheaf_lu_task *lt = sheaf_lu_task_of_io(io);

	sheaf_lu_note_written(lt->lu);
	if (result < 0)
		sheaf_lu_end_io_error(lt, result);
	else
		sheaf_lu_flush_then(lt, read_all);
}

/** WRITE AND VERIFY (10), (12), (16), SBC-4: BYTCHK 00b and 01b. */
void sheaf_lu_write_and_verify(struct sheaf_lu_task *lt)
{
	if (lt->blocks == 0)
		sheaf_lu_end_good(lt, 0);
	else if (take_buffer(lt))
		sheaf_lu_submit(lt, SHEAF_STORE_WRITE, lt->lba, lt->blocks, lt->data, written);
}
