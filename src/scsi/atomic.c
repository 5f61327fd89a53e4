/* SPDX-License-Identifier: MIT */
/**
 * atomic.c - COMPARE AND WRITE, ORWRITE, WRITE ATOMIC (SBC-4)
 *
 * One step to everybody else: their rows say SHEAF_CDB_EXCLUDES, so that from before the handler runs until the command ends
 * no other command of any initiator is at these blocks.
 *
 * That is also all that WRITE ATOMIC promises, and so it is WRITE's handler with that flag. When power fails, or the server is
 * killed, before the command has ended, an image in a file keeps what the file's own medium has got: the whole data, none, or a
 * part in units of that medium. VPD page B0h has no field to say so; ATOMIC ALIGNMENT and GRANULARITY are about what the command
 * accepts.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "scsi/lu_impl.h"

static bool take_buffer(struct sheaf_lu_task *lt, uint64_t bytes)
{
	lt->pattern = aligned_alloc(4096, sheaf_round_up(bytes, 4096));
	if (lt->pattern)
		return true;
	sheaf_lu_end_check(lt, SHEAF_KEY_ABORTED_COMMAND, SHEAF_ASC_INSUFFICIENT_RESOURCES);
	return false;
}

/*
 * COMPARE AND WRITE: lt->pattern has what was read and a copy of both halves of the data, each from a page boundary on, as direct
 * writes want it. The copy is what is compared and written: the data itself may change at any time.
 */

struct halves {
	uint64_t bytes; /* of one */
	uint8_t *read, *compare, *write;
};

static struct halves halves_of(const struct sheaf_lu_task *lt)
{
	uint64_t bytes = lt->blocks * lt->lu->block_size, step = sheaf_round_up(bytes, 4096);

	return (struct halves){ bytes, lt->pattern, lt->pattern + step, lt->pattern + 2 * step };
}

static void compare_and_write_end(struct sheaf_lu_task *lt)
{
	sheaf_lu_end_good(lt, 2 * lt->blocks * lt->lu->block_size);
}

static void compared_written(struct sheaf_store_io *io, int result)
{
	struct sheaf_lu_task *lt = sheaf_lu_task_of_io(io);

	sheaf_lu_note_written(lt->lu);
	if (result < 0)
		sheaf_lu_end_io_error(lt, result);
	else if (lt->task.command_descriptor_block[1] & SHEAF_CDB_RW_FUA)
		sheaf_lu_flush_then(lt, compare_and_write_end);
	else
		compare_and_write_end(lt);
}

/* INFORMATION is the offset of the first byte of data that differs. */
static void end_miscompare(struct sheaf_lu_task *lt, const struct halves *h)
{
	struct sheaf_sense sense = { .key = SHEAF_KEY_MISCOMPARE,
				     .asc = SHEAF_ASC_MISCOMPARE_DURING_VERIFY,
				     .information_valid = true };

	while (h->read[sense.information] == h->compare[sense.information])
		sense.information++;
	sheaf_lu_end_sense(lt, &sense);
}

static void compared_read(struct sheaf_store_io *io, int result)
{
	struct sheaf_lu_task *lt = sheaf_lu_task_of_io(io);
	struct halves h = halves_of(lt);

	if (result < 0)
		sheaf_lu_end_io_error(lt, result);
	else if (memcmp(h.read, h.compare, h.bytes) != 0)
		end_miscompare(lt, &h);
	else
		sheaf_lu_submit(lt, SHEAF_STORE_WRITE, lt->lba, lt->blocks, h.write,
				compared_written);
}

/** COMPARE AND WRITE, SBC-4: data is what is expected, then what is to be written. */
void sheaf_lu_compare_and_write(struct sheaf_lu_task *lt)
{
	uint64_t bytes = lt->blocks * lt->lu->block_size;
	struct halves h;

	if (lt->blocks > lt->lu->maximum_compare_and_write_blocks) {
		sheaf_lu_end_bad_field(lt, lt->command->count.byte, 7);
		return;
	}
	/* A count that is not half of the data: one of 256 has come as zero. */
	if (lt->task.transfer_direction == SHEAF_TRANSFER_TO_TARGET &&
	    lt->task.requested_transfer_count != 2 * bytes) {
		sheaf_lu_end_bad_field(lt, lt->command->count.byte, 7);
		return;
	}
	if (lt->blocks == 0) {
		sheaf_lu_end_good(lt, 0);
		return;
	}
	if (!sheaf_lu_check_data(lt, 2 * bytes) ||
	    !take_buffer(lt, 3 * sheaf_round_up(bytes, 4096)))
		return;
	h = halves_of(lt);
	memcpy(h.compare, lt->data, h.bytes);
	memcpy(h.write, lt->data + h.bytes, h.bytes);
	sheaf_lu_submit(lt, SHEAF_STORE_READ, lt->lba, lt->blocks, h.read, compared_read);
}

/* ORWRITE: piece by piece through lt->pattern. */

static void orwrite_piece(struct sheaf_lu_task *lt);

static void ored_written(struct sheaf_store_io *io, int result)
{
	struct sheaf_lu_task *lt = sheaf_lu_task_of_io(io);

	sheaf_lu_note_written(lt->lu);
	if (result < 0) {
		sheaf_lu_end_io_error(lt, result);
		return;
	}
	lt->cursor += io->length / lt->lu->block_size;
	if (lt->cursor == lt->end)
		sheaf_lu_end_good(lt, lt->blocks * lt->lu->block_size);
	else
		orwrite_piece(lt);
}

static void ored_read(struct sheaf_store_io *io, int result)
{
	struct sheaf_lu_task *lt = sheaf_lu_task_of_io(io);
	const uint8_t *data = lt->data + (lt->cursor - lt->lba) * lt->lu->block_size;

	if (result < 0) {
		sheaf_lu_end_io_error(lt, result);
		return;
	}
	for (uint64_t i = 0; i < io->length; i++)
		lt->pattern[i] |= data[i];
	sheaf_lu_submit(lt, SHEAF_STORE_WRITE, lt->cursor, io->length / lt->lu->block_size,
			lt->pattern, ored_written);
}

static void orwrite_piece(struct sheaf_lu_task *lt)
{
	uint64_t blocks =
		sheaf_min64(lt->end - lt->cursor, SHEAF_LU_PATTERN_BYTES / lt->lu->block_size);

	sheaf_lu_submit(lt, SHEAF_STORE_READ, lt->cursor, blocks, lt->pattern, ored_read);
}

/** ORWRITE (16), SBC-4: bits that are set in the data are set on the medium. */
void sheaf_lu_orwrite(struct sheaf_lu_task *lt)
{
	lt->cursor = lt->lba;
	lt->end = lt->lba + lt->blocks;
	if (lt->blocks == 0)
		sheaf_lu_end_good(lt, 0);
	else if (take_buffer(lt, SHEAF_LU_PATTERN_BYTES))
		orwrite_piece(lt);
}
