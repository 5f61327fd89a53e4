/* SPDX-License-Identifier: MIT */
/**
 * provisioning.c - UNMAP, WRITE SAME, GET LBA STATUS (SBC-4, logical block provisioning)
 *
 * UNMAP and WRITE SAME come down to two jobs over [cursor, end), both of which go on with
 * lt->resume: clear_range(), which falls back from DISCARD to ZERO to writing zeros where a store
 * says -EOPNOTSUPP, so that LBPRZ holds everywhere, and write_pattern(), piece by piece from a
 * buffer that holds the block many times.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "scsi/lu_impl.h"

static void out_of_memory(struct sheaf_lu_task *lt)
{
	sheaf_lu_end_check(lt, SHEAF_KEY_ABORTED_COMMAND, SHEAF_ASC_INSUFFICIENT_RESOURCES);
}

static void write_piece(struct sheaf_lu_task *lt);

static void piece_done(struct sheaf_store_io *io, int result)
{
	struct sheaf_lu_task *lt = sheaf_lu_task_of_io(io);

	sheaf_lu_note_written(lt->lu);
	if (result < 0) {
		sheaf_lu_end_io_error(lt, result);
		return;
	}
	lt->cursor += io->length / lt->lu->block_size;
	if (lt->cursor == lt->end)
		lt->resume(lt);
	else
		write_piece(lt);
}

static void write_piece(struct sheaf_lu_task *lt)
{
	uint64_t blocks =
		sheaf_min64(lt->end - lt->cursor, SHEAF_LU_PATTERN_BYTES / lt->lu->block_size);

	sheaf_lu_submit(lt, SHEAF_STORE_WRITE, lt->cursor, blocks, lt->pattern, piece_done);
}

/* Write @block (NULL: zeros), of which nothing is kept, to all blocks from cursor to end. */
static void write_pattern(struct sheaf_lu_task *lt, const uint8_t *block)
{
	size_t block_size = lt->lu->block_size;
	size_t bytes = sheaf_min64((lt->end - lt->cursor) * block_size, SHEAF_LU_PATTERN_BYTES);

	if (!lt->pattern)
		lt->pattern = aligned_alloc(4096, SHEAF_LU_PATTERN_BYTES);
	if (!lt->pattern) {
		out_of_memory(lt);
		return;
	}
	if (block) {
		memcpy(lt->pattern, block, block_size);
		for (size_t at = block_size; at < bytes; at += block_size)
			memcpy(lt->pattern + at, lt->pattern, block_size);
	} else {
		/* All of it: UNMAP may need it again, for a longer range. */
		memset(lt->pattern, 0, SHEAF_LU_PATTERN_BYTES);
	}
	write_piece(lt);
}

static void clear_done(struct sheaf_store_io *io, int result)
{
	struct sheaf_lu_task *lt = sheaf_lu_task_of_io(io);

	if (result == -EOPNOTSUPP) {
		if (io->op == SHEAF_STORE_DISCARD)
			sheaf_lu_submit(lt, SHEAF_STORE_ZERO, lt->cursor, lt->end - lt->cursor,
					NULL, clear_done);
		else
			write_pattern(lt, NULL);
		return;
	}
	sheaf_lu_note_written(lt->lu);
	if (result < 0)
		sheaf_lu_end_io_error(lt, result);
	else
		lt->resume(lt);
}

/* Make all blocks from cursor to end (one at least) read as zeros. */
static void clear_range(struct sheaf_lu_task *lt, enum sheaf_store_op op)
{
	sheaf_lu_submit(lt, op, lt->cursor, lt->end - lt->cursor, NULL, clear_done);
}

/* UNMAP */

static uint64_t descriptor_lba(const uint8_t *d)
{
	return sheaf_get_be64(d + SHEAF_UNMAP_DESCRIPTOR_LBA);
}

static uint32_t descriptor_blocks(const uint8_t *d)
{
	return sheaf_get_be32(d + SHEAF_UNMAP_DESCRIPTOR_BLOCKS);
}

/* The next descriptor that names blocks; after the last one the command ends. */
static void unmap_next(struct sheaf_lu_task *lt)
{
	while (lt->step < lt->steps) {
		const uint8_t *d = lt->scratch + (size_t)SHEAF_UNMAP_DESCRIPTOR * lt->step++;
		if (descriptor_blocks(d) == 0)
			continue;
		lt->cursor = descriptor_lba(d);
		lt->end = lt->cursor + descriptor_blocks(d);
		clear_range(lt, SHEAF_STORE_DISCARD);
		return;
	}
	sheaf_lu_end_good(lt, lt->count_bytes);
}

/* All descriptors are in range, and not too much in all. False: the command has ended. */
static bool check_descriptors(struct sheaf_lu_task *lt)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < lt->steps; i++) {
		const uint8_t *d = lt->scratch + (size_t)SHEAF_UNMAP_DESCRIPTOR * i;
		uint16_t at = (uint16_t)(SHEAF_UNMAP_HEADER + SHEAF_UNMAP_DESCRIPTOR * i);
		if (!sheaf_range_within(descriptor_lba(d), descriptor_blocks(d), lt->lu->blocks)) {
			sheaf_lu_end_out_of_range(lt, descriptor_lba(d) < lt->lu->blocks
							      ? lt->lu->blocks
							      : descriptor_lba(d));
			return false;
		}
		if (sheaf_get_be32(d + 12)) {
			sheaf_lu_end_bad_parameter(lt, (uint16_t)(at + 12));
			return false;
		}
		total += descriptor_blocks(d);
		if (total > lt->lu->maximum_unmap_blocks) {
			sheaf_lu_end_bad_parameter(lt,
						   (uint16_t)(at + SHEAF_UNMAP_DESCRIPTOR_BLOCKS));
			return false;
		}
	}
	return true;
}

/* Header of the parameter list → lt->steps. False: the command has ended. */
static bool check_unmap_header(struct sheaf_lu_task *lt)
{
	uint8_t header[SHEAF_UNMAP_HEADER];
	uint32_t data_length, descriptors_length;

	if (lt->count_bytes < sizeof(header)) {
		sheaf_lu_end_check(lt, SHEAF_KEY_ILLEGAL_REQUEST,
				   SHEAF_ASC_PARAMETER_LIST_LENGTH_ERROR);
		return false;
	}
	memcpy(header, lt->data, sizeof(header));
	data_length = sheaf_get_be16(header + SHEAF_UNMAP_DATA_LENGTH);
	descriptors_length = sheaf_get_be16(header + SHEAF_UNMAP_DESCRIPTORS_LENGTH);
	if (data_length < sizeof(header) - 2 ||
	    descriptors_length > data_length - (sizeof(header) - 2)) {
		sheaf_lu_end_bad_parameter(lt, SHEAF_UNMAP_DESCRIPTORS_LENGTH);
		return false;
	}
	if (sheaf_get_be32(header + 4)) {
		sheaf_lu_end_bad_parameter(lt, 4);
		return false;
	}
	if (descriptors_length + sizeof(header) > lt->count_bytes) {
		sheaf_lu_end_check(lt, SHEAF_KEY_ILLEGAL_REQUEST,
				   SHEAF_ASC_PARAMETER_LIST_LENGTH_ERROR);
		return false;
	}
	/* A last descriptor that is not whole is ignored, SBC-4, UNMAP parameter list. */
	lt->steps = descriptors_length / SHEAF_UNMAP_DESCRIPTOR;
	if (lt->steps > SHEAF_LU_UNMAP_DESCRIPTORS_MAX) {
		sheaf_lu_end_bad_parameter(lt, SHEAF_UNMAP_DESCRIPTORS_LENGTH);
		return false;
	}
	return true;
}

/** UNMAP, SBC-4: all of the parameter list is checked before the first block is unmapped. */
void sheaf_lu_unmap(struct sheaf_lu_task *lt)
{
	if (!lt->lu->store->can_discard) {
		sheaf_lu_end_check(lt, SHEAF_KEY_ILLEGAL_REQUEST, SHEAF_ASC_INVALID_OPCODE);
		return;
	}
	if (lt->count_bytes == 0) {
		sheaf_lu_end_good(lt, 0);
		return;
	}
	if (!check_unmap_header(lt))
		return;
	lt->step = 0;
	lt->resume = unmap_next;
	if (lt->steps > 0) {
		size_t bytes = (size_t)SHEAF_UNMAP_DESCRIPTOR * lt->steps;
		lt->scratch = malloc(bytes);
		if (!lt->scratch) {
			out_of_memory(lt);
			return;
		}
		memcpy(lt->scratch, lt->data + SHEAF_UNMAP_HEADER, bytes);
		if (!check_descriptors(lt))
			return;
	}
	unmap_next(lt);
}

/* WRITE SAME */

static bool has_block(const struct sheaf_lu_task *lt)
{
	return lt->command->length == 10 ||
	       !(lt->task.command_descriptor_block[1] & SHEAF_CDB_WRITE_SAME_16_NDOB);
}

static void write_same_end(struct sheaf_lu_task *lt)
{
	sheaf_lu_end_good(lt, has_block(lt) ? lt->lu->block_size : 0);
}

/*
 * The block is looked at where it is and copied after that; one that changes meanwhile gives the
 * one or the other content, as a WRITE of it would.
 */
static bool is_zero(const uint8_t *block, size_t size)
{
	return block[0] == 0 && memcmp(block, block + 1, size - 1) == 0;
}

/**
 * WRITE SAME (10), (16), SBC-4. Zeros are cleared, with UNMAP set by a discard; other data is
 * written, UNMAP or not, since LBPRZ says that unmapped blocks would not read as it.
 */
void sheaf_lu_write_same(struct sheaf_lu_task *lt)
{
	const struct sheaf_lu *lu = lt->lu;
	bool unmap = lt->task.command_descriptor_block[1] & SHEAF_CDB_WRITE_SAME_UNMAP;

	if (unmap && !lu->store->can_discard) {
		sheaf_lu_end_bad_field(lt, 1, 3);
		return;
	}
	/* WSNZ is 1: zero does not mean "to the end". */
	if (lt->blocks == 0 || lt->blocks > lu->maximum_write_same_blocks) {
		sheaf_lu_end_bad_field(lt, lt->command->count.byte, 7);
		return;
	}
	if (has_block(lt) && !sheaf_lu_check_data_out_is(lt, lu->block_size))
		return;
	lt->cursor = lt->lba;
	lt->end = lt->lba + lt->blocks;
	lt->resume = write_same_end;
	if (!has_block(lt) || is_zero(lt->data, lu->block_size))
		clear_range(lt, unmap ? SHEAF_STORE_DISCARD : SHEAF_STORE_ZERO);
	else
		write_pattern(lt, lt->data);
}

/*
 * GET LBA STATUS: [lba, cursor) is the descriptor being made, of status provisioning; step
 * descriptors are put, steps is how many there is room for (one at least).
 */

static void status_step(struct sheaf_lu_task *lt);

static void put_status(struct sheaf_lu_task *lt)
{
	uint8_t d[SHEAF_LBA_STATUS_DESCRIPTOR] = { 0 };

	sheaf_put_be64(d + SHEAF_LBA_STATUS_LBA, lt->lba);
	sheaf_put_be32(d + SHEAF_LBA_STATUS_BLOCKS, (uint32_t)(lt->cursor - lt->lba));
	d[SHEAF_LBA_STATUS_PROVISIONING] = lt->provisioning;
	sheaf_lu_reply_put(lt, SHEAF_LBA_STATUS_HEADER + (uint64_t)lt->step * sizeof(d), d,
			   sizeof(d));
	lt->step++;
	lt->lba = lt->cursor;
}

static void end_status(struct sheaf_lu_task *lt)
{
	uint8_t header[SHEAF_LBA_STATUS_HEADER] = { 0 };
	uint64_t length;

	if (lt->cursor > lt->lba && lt->step < lt->steps)
		put_status(lt);
	length = SHEAF_LBA_STATUS_HEADER + (uint64_t)lt->step * SHEAF_LBA_STATUS_DESCRIPTOR;
	sheaf_put_be32(header, (uint32_t)(length - 4));
	sheaf_lu_reply_put(lt, 0, header, sizeof(header));
	sheaf_lu_reply_end(lt, length);
}

/* Take @blocks of @status at the cursor into the descriptor, or finish that and begin another. */
static void add_extent(struct sheaf_lu_task *lt, uint8_t status, uint64_t blocks)
{
	while (blocks > 0 && lt->step < lt->steps) {
		uint64_t have = lt->cursor - lt->lba;
		if (have > 0 && (status != lt->provisioning || have == UINT32_MAX)) {
			put_status(lt);
			continue;
		}
		uint64_t take = sheaf_min64(blocks, UINT32_MAX - have);
		lt->provisioning = status;
		lt->cursor += take;
		blocks -= take;
	}
}

static void status_done(struct sheaf_store_io *io, int result)
{
	struct sheaf_lu_task *lt = sheaf_lu_task_of_io(io);
	uint64_t block_size = lt->lu->block_size;
	uint64_t asked = io->length / block_size, blocks;
	bool hole;

	if (result < 0 && result != -EOPNOTSUPP) {
		sheaf_lu_end_io_error(lt, result);
		return;
	}
	/* A block that is partly data is mapped. */
	hole = result == 0 && io->extent_hole && io->extent_bytes >= block_size;
	if (result < 0)
		blocks = asked;
	else if (hole)
		blocks = io->extent_bytes / block_size;
	else
		blocks = io->extent_hole ? 1
					 : io->extent_bytes / block_size +
						   (io->extent_bytes % block_size != 0);
	add_extent(lt, hole ? SHEAF_LBA_STATUS_DEALLOCATED : SHEAF_LBA_STATUS_MAPPED,
		   sheaf_min64(blocks ? blocks : 1, asked));
	status_step(lt);
}

static void status_step(struct sheaf_lu_task *lt)
{
	if (lt->step == lt->steps || lt->cursor == lt->lu->blocks ||
	    lt->accesses++ == SHEAF_LU_STATUS_ACCESSES_MAX)
		end_status(lt);
	else
		sheaf_lu_submit(lt, SHEAF_STORE_STATUS, lt->cursor, lt->lu->blocks - lt->cursor,
				NULL, status_done);
}

/**
 * GET LBA STATUS, SBC-4: holes are deallocated, all else is mapped. As many descriptors as there is
 * room for; neighbours of one status are one descriptor, up to SHEAF_LU_STATUS_ACCESSES_MAX extents
 * in all.
 */
void sheaf_lu_get_lba_status(struct sheaf_lu_task *lt)
{
	uint64_t room = sheaf_lu_reply_room(lt);

	if (lt->lba >= lt->lu->blocks) {
		sheaf_lu_end_out_of_range(lt, lt->lba);
		return;
	}
	lt->step = 0;
	lt->steps = 1;
	if (room >= SHEAF_LBA_STATUS_HEADER + SHEAF_LBA_STATUS_DESCRIPTOR)
		lt->steps =
			(uint32_t)((room - SHEAF_LBA_STATUS_HEADER) / SHEAF_LBA_STATUS_DESCRIPTOR);
	lt->accesses = 0;
	lt->cursor = lt->lba;
	status_step(lt);
}
