/* SPDX-License-Identifier: MIT */
/**
 * copy.c - EXTENDED COPY (LID1), SPC-4: blocks from one LU of the target to another, or the same
 *
 * All of the parameter list is checked before the first segment is processed, as far as it does not depend on the LUs. Then,
 * segment by segment, pieces are read into lt->pattern and written. Each of these accesses is like a READ or WRITE of somebody
 * else: it is in the range gate by itself (with the ORDERED attribute the command is in it as a whole), so that a COMPARE AND
 * WRITE has its blocks for itself, and does not wait for a whole copy.
 *
 * lt->scratch is the struct copy. sheaf_lu_continue() calls the handler again when an access waited: it is then set.
 */
#include "scsi/copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "scsi/lu_impl.h"

struct side {
	struct sheaf_lu *lu;
	uint64_t lba;
};

/**
 * struct copy
 * @lus: of the CSCD descriptors; NULL: out of reach.
 * @bytes, @done: of the segment that is being processed.  @piece: bytes of the access in flight, which begins at byte @at of it.
 * @backwards: the last piece first, as source and destination overlap.
 */
struct copy {
	bool ordered, writing, backwards;
	uint16_t segment, segments;
	struct sheaf_lu *lus[SHEAF_COPY_CSCDS_MAX];
	uint32_t lu_count;
	uint64_t bytes, done, piece, at;
	struct side source, destination;
	uint8_t list[SHEAF_COPY_SEGMENTS_MAX * SHEAF_COPY_SEGMENT];
};

static struct copy *copy_of(const struct sheaf_lu_task *lt)
{
	return (struct copy *)lt->scratch;
}

static void end_copy_aborted(struct sheaf_lu_task *lt, uint16_t asc)
{
	struct sheaf_sense sense = { .key = SHEAF_KEY_COPY_ABORTED,
				     .asc = asc,
				     .segment_valid = true,
				     .segment = copy_of(lt)->segment };

	sheaf_lu_end_sense(lt, &sense);
}

/* Of an LU that is not the command's own: it cannot be asked whether this initiator may, so it is asked whether anybody at all may. */
static bool is_out_of_reach(const struct sheaf_lu *lu)
{
	return atomic_load(&lu->conditions) & SHEAF_CONDITIONS_OUT_OF_REACH;
}

static void begin_segment(struct sheaf_lu_task *lt);
static void begin_piece(struct sheaf_lu_task *lt);
static void begin_access(struct sheaf_lu_task *lt);

static void accessed(struct sheaf_store_io *io, int result)
{
	struct sheaf_lu_task *lt = sheaf_lu_task_of_io(io);
	struct copy *c = copy_of(lt);

	if (!c->ordered)
		sheaf_task_set_leave_gate(lt);
	if (c->writing)
		sheaf_lu_note_written(c->destination.lu);
	if (result < 0) {
		end_copy_aborted(lt, SHEAF_ASC_THIRD_PARTY_DEVICE_FAILURE);
		return;
	}
	c->writing = !c->writing;
	if (c->writing) {
		begin_access(lt);
		return;
	}
	c->done += c->piece;
	sheaf_lu_note_copied(lt, c->segment, (uint32_t)c->piece);
	begin_piece(lt);
}

/*
 * Between two accesses the LU belongs to others, who may have stopped, sanitized, reserved or write-protected it. Of its own LU the
 * command is told what any other would be. False: it has ended.
 */
static bool may_access(struct sheaf_lu_task *lt, const struct sheaf_lu *lu)
{
	if (lu == lt->lu)
		return sheaf_lu_is_unconditional(lu, lt->task.initiator_index) || sheaf_lu_check_conditions_again(lt);
	if (!is_out_of_reach(lu))
		return true;
	end_copy_aborted(lt, SHEAF_ASC_COPY_TARGET_NOT_REACHABLE);
	return false;
}

/* The access is in the gate: who stops, formats or write-protects the LU after this look waits till it is done. */
static void access_now(struct sheaf_lu_task *lt)
{
	struct copy *c = copy_of(lt);
	const struct side *side = c->writing ? &c->destination : &c->source;

	if (sheaf_lu_is_aborted(lt)) {
		sheaf_lu_end_good(lt, 0);
		return;
	}
	if (!may_access(lt, side->lu))
		return;
	lt->io.op = c->writing ? SHEAF_STORE_WRITE : SHEAF_STORE_READ;
	lt->io.fua = false;
	lt->io.offset = side->lba * side->lu->block_size + c->at;
	lt->io.length = c->piece;
	lt->io.data = lt->pattern;
	lt->io.done = accessed;
	lt->io.moved = 0;
	sheaf_store_submit(side->lu->store, lt->loop, &lt->io);
}

static void begin_access(struct sheaf_lu_task *lt)
{
	struct copy *c = copy_of(lt);
	const struct side *side = c->writing ? &c->destination : &c->source;
	uint32_t block = side->lu->block_size;

	if (c->ordered ||
	    sheaf_task_set_enter_blocks(lt, side->lu, side->lba + c->at / block, c->piece / block))
		access_now(lt);
}

static void begin_piece(struct sheaf_lu_task *lt)
{
	struct copy *c = copy_of(lt);
	uint64_t left = c->bytes - c->done;

	if (left == 0) {
		c->segment++;
		sheaf_lu_note_copied(lt, c->segment, 0);
		begin_segment(lt);
		return;
	}
	c->piece = sheaf_min64(left, SHEAF_LU_PATTERN_BYTES);
	c->at = c->backwards ? left - c->piece : c->done;
	begin_access(lt);
}

/* A CSCD descriptor's LU that can be used for @write or not; NULL: it is out of reach. */
static struct sheaf_lu *reach(const struct sheaf_lu_task *lt, unsigned index, bool write)
{
	const struct copy *c = copy_of(lt);
	struct sheaf_lu *lu = index < c->lu_count ? c->lus[index] : NULL;

	if (!lu || (write && lu->read_only))
		return NULL;
	if (lu != lt->lu && is_out_of_reach(lu))
		return NULL;
	return lu;
}

/* Also past the last one. */
static void begin_segment(struct sheaf_lu_task *lt)
{
	struct copy *c = copy_of(lt);
	const uint8_t *s = c->list + (size_t)c->segment * SHEAF_COPY_SEGMENT;
	struct side *from = &c->source, *to = &c->destination;

	if (c->segment == c->segments) {
		sheaf_lu_end_good(lt, lt->count_bytes);
		return;
	}
	from->lu = reach(lt, sheaf_get_be16(s + SHEAF_COPY_SEGMENT_SOURCE), false);
	to->lu = reach(lt, sheaf_get_be16(s + SHEAF_COPY_SEGMENT_DESTINATION), true);
	if (!from->lu || !to->lu) {
		end_copy_aborted(lt, SHEAF_ASC_COPY_TARGET_NOT_REACHABLE);
		return;
	}
	from->lba = sheaf_get_be64(s + SHEAF_COPY_SEGMENT_SOURCE_LBA);
	to->lba = sheaf_get_be64(s + SHEAF_COPY_SEGMENT_DESTINATION_LBA);
	c->bytes = (uint64_t)sheaf_get_be16(s + SHEAF_COPY_SEGMENT_BLOCKS) *
		   (s[1] & SHEAF_COPY_SEGMENT_DC ? to->lu->block_size : from->lu->block_size);
	c->done = 0;
	if (c->bytes > SHEAF_COPY_SEGMENT_BYTES_MAX) {
		end_copy_aborted(lt, SHEAF_ASC_INVALID_FIELD_IN_PARAMETER_LIST);
		return;
	}
	if (c->bytes % from->lu->block_size != 0 || c->bytes % to->lu->block_size != 0) {
		/* Neither PAD nor CAT is there for blocks of different sizes. */
		end_copy_aborted(lt, SHEAF_ASC_UNEXPECTED_INEXACT_SEGMENT);
		return;
	}
	if (!sheaf_range_within(from->lba, c->bytes / from->lu->block_size, sheaf_lu_capacity(from->lu)) ||
	    !sheaf_range_within(to->lba, c->bytes / to->lu->block_size, sheaf_lu_capacity(to->lu))) {
		/* What is asked of that LU is not there; the additional code that tools know. */
		end_copy_aborted(lt, SHEAF_ASC_COPY_TARGET_NOT_REACHABLE);
		return;
	}
	c->backwards = from->lu == to->lu && to->lba > from->lba;
	c->writing = false;
	begin_piece(lt);
}

/* Does @d, a CSCD descriptor, name @lu by one of the designators of its VPD page 83h? */
static bool is_named(const struct sheaf_lu *lu, const uint8_t *d)
{
	uint8_t page[256] = { 0 };
	unsigned length = sheaf_lu_identification_page(lu, page);
	uint8_t bytes = d[SHEAF_COPY_CSCD_DESIGNATOR_LENGTH];

	for (unsigned at = 4; at + 4 <= length; at += 4u + page[at + 3])
		/* CODE SET, then ASSOCIATION (of the LU) and DESIGNATOR TYPE. */
		if ((page[at] & 0x0f) == (d[SHEAF_COPY_CSCD_CODE_SET] & 0x0f) &&
		    (page[at + 1] & 0x3f) == (d[SHEAF_COPY_CSCD_CODE_SET + 1] & 0x3f) &&
		    (page[at + 1] & 0x30) == 0 && page[at + 3] == bytes &&
		    memcmp(page + at + 4, d + SHEAF_COPY_CSCD_DESIGNATOR, bytes) == 0)
			return true;
	return false;
}

static struct sheaf_lu *find_lu(const struct sheaf_lu_task *lt, const uint8_t *d)
{
	const struct sheaf_task_set *set = lt->set;

	if ((d[1] & SHEAF_COPY_CSCD_NUL) ||
	    d[SHEAF_COPY_CSCD_DESIGNATOR_LENGTH] > SHEAF_COPY_CSCD_DESIGNATOR_MAX)
		return NULL;
	if (is_named(lt->lu, d))
		return lt->lu;
	for (uint32_t i = 0; set->lus && i < set->lu_count; i++)
		if (set->lus[i] && is_named(set->lus[i], d))
			return set->lus[i];
	return NULL;
}

/* @bytes of CSCD descriptors at @list, right after the parameter list's header. False: the command has ended. */
static bool take_cscds(struct sheaf_lu_task *lt, const uint8_t *list, uint32_t bytes)
{
	struct copy *c = copy_of(lt);

	for (c->lu_count = 0; c->lu_count < bytes / SHEAF_COPY_CSCD; c->lu_count++) {
		uint32_t at = c->lu_count * SHEAF_COPY_CSCD;
		const uint8_t *d = list + at;
		struct sheaf_lu *lu;

		if (d[0] != SHEAF_COPY_CSCD_IDENTIFICATION) {
			sheaf_lu_end_check(lt, SHEAF_KEY_ILLEGAL_REQUEST,
					   SHEAF_ASC_UNSUPPORTED_TARGET_DESCRIPTOR);
			return false;
		}
		lu = find_lu(lt, d);
		if (lu && sheaf_get_be24(d + SHEAF_COPY_CSCD_BLOCK_LENGTH) != lu->block_size) {
			sheaf_lu_end_bad_parameter(lt, (uint16_t)(SHEAF_COPY_LIST_HEADER + at +
								  SHEAF_COPY_CSCD_BLOCK_LENGTH));
			return false;
		}
		c->lus[c->lu_count] = lu;
	}
	return true;
}

/* @bytes of segment descriptors at @list, byte @at of the parameter list. False: the command has ended. */
static bool take_segments(struct sheaf_lu_task *lt, const uint8_t *list, uint32_t bytes,
			  uint32_t at)
{
	struct copy *c = copy_of(lt);

	for (c->segments = 0; c->segments < bytes / SHEAF_COPY_SEGMENT; c->segments++) {
		uint32_t offset = (uint32_t)c->segments * SHEAF_COPY_SEGMENT;
		const uint8_t *s = list + offset;

		if (s[0] != SHEAF_COPY_SEGMENT_BLOCK_TO_BLOCK) {
			sheaf_lu_end_check(lt, SHEAF_KEY_ILLEGAL_REQUEST,
					   SHEAF_ASC_UNSUPPORTED_SEGMENT_DESCRIPTOR);
			return false;
		}
		if (sheaf_get_be16(s + SHEAF_COPY_SEGMENT_LENGTH) != SHEAF_COPY_SEGMENT - 4) {
			sheaf_lu_end_bad_parameter(
				lt, (uint16_t)(at + offset + SHEAF_COPY_SEGMENT_LENGTH));
			return false;
		}
	}
	memcpy(c->list, list, bytes / SHEAF_COPY_SEGMENT * SHEAF_COPY_SEGMENT);
	return true;
}

static bool refuse(struct sheaf_lu_task *lt, uint16_t asc)
{
	sheaf_lu_end_check(lt, SHEAF_KEY_ILLEGAL_REQUEST, asc);
	return false;
}

/*
 * The header, of which the lengths are. A segment descriptor of another kind may have another length, so that only its first byte
 * must be there. False: the command has ended.
 */
static bool check_lengths(struct sheaf_lu_task *lt, const uint8_t *list, uint64_t *ret_cscds,
			  uint64_t *ret_segments)
{
	uint64_t cscds = sheaf_get_be16(list + SHEAF_COPY_LIST_CSCD_LENGTH);
	uint64_t segments = sheaf_get_be32(list + SHEAF_COPY_LIST_SEGMENT_LENGTH);

	if (cscds + segments > SHEAF_COPY_LIST_BYTES_MAX ||
	    cscds + segments + SHEAF_COPY_LIST_HEADER > lt->count_bytes)
		return refuse(lt, SHEAF_ASC_PARAMETER_LIST_LENGTH_ERROR);
	if (sheaf_get_be32(list + SHEAF_COPY_LIST_INLINE_LENGTH))
		return refuse(lt, SHEAF_ASC_INLINE_DATA_LENGTH_EXCEEDED);
	if (cscds % SHEAF_COPY_CSCD != 0) {
		sheaf_lu_end_bad_parameter(lt, SHEAF_COPY_LIST_CSCD_LENGTH);
		return false;
	}
	if (cscds > SHEAF_COPY_CSCDS_MAX * SHEAF_COPY_CSCD)
		return refuse(lt, SHEAF_ASC_TOO_MANY_TARGET_DESCRIPTORS);
	if (segments > SHEAF_COPY_SEGMENTS_MAX * SHEAF_COPY_SEGMENT)
		return refuse(lt, SHEAF_ASC_TOO_MANY_SEGMENT_DESCRIPTORS);
	*ret_cscds = cscds;
	*ret_segments = segments;
	return true;
}

/* LIST IDENTIFIER and LIST ID USAGE. False: the command has ended. */
static bool begin(struct sheaf_lu_task *lt, const uint8_t *list)
{
	uint8_t usage = (list[SHEAF_COPY_LIST_USAGE] >> SHEAF_COPY_LIST_USAGE_SHIFT) & 3;
	bool identified = usage != SHEAF_COPY_LIST_USAGE_NO_IDENTIFIER;

	if (usage == 1 || (list[SHEAF_COPY_LIST_USAGE] & 0xc0)) {
		sheaf_lu_end_bad_parameter(lt, SHEAF_COPY_LIST_USAGE);
		return false;
	}
	if (!identified && list[0] != 0) {
		sheaf_lu_end_bad_parameter(lt, 0);
		return false;
	}
	switch (sheaf_lu_begin_copy(lt, identified, list[0], usage == SHEAF_COPY_LIST_USAGE_HOLD)) {
	case -EALREADY:
		return refuse(lt, SHEAF_ASC_OPERATION_IN_PROGRESS);
	case -EBUSY:
		sheaf_lu_end_check(lt, SHEAF_KEY_ABORTED_COMMAND, SHEAF_ASC_INSUFFICIENT_RESOURCES);
		return false;
	default:
		return true;
	}
}

/* A private copy of the parameter list is checked and taken apart. False: the command has ended. */
static bool take_list(struct sheaf_lu_task *lt)
{
	uint8_t list[SHEAF_COPY_LIST_HEADER + SHEAF_COPY_LIST_BYTES_MAX + SHEAF_COPY_SEGMENT] = {
		0
	};
	uint64_t cscds, segments;

	memcpy(list, lt->data,
	       sheaf_min64(lt->count_bytes, SHEAF_COPY_LIST_HEADER + SHEAF_COPY_LIST_BYTES_MAX));
	if (!check_lengths(lt, list, &cscds, &segments) ||
	    !take_cscds(lt, list + SHEAF_COPY_LIST_HEADER, (uint32_t)cscds))
		return false;
	/* One that is not whole is looked at, too: it may be of another kind. */
	if (!take_segments(lt, list + SHEAF_COPY_LIST_HEADER + cscds,
			   (uint32_t)(segments + SHEAF_COPY_SEGMENT - 1),
			   (uint32_t)(SHEAF_COPY_LIST_HEADER + cscds)))
		return false;
	if (segments % SHEAF_COPY_SEGMENT != 0) {
		sheaf_lu_end_bad_parameter(lt, SHEAF_COPY_LIST_SEGMENT_LENGTH);
		return false;
	}
	return begin(lt, list);
}

/** EXTENDED COPY (LID1), SPC-4. */
void sheaf_lu_extended_copy(struct sheaf_lu_task *lt)
{
	if (lt->scratch) {
		access_now(lt);
		return;
	}
	if (lt->count_bytes == 0) {
		sheaf_lu_end_good(lt, 0);
		return;
	}
	if (lt->count_bytes < SHEAF_COPY_LIST_HEADER) {
		refuse(lt, SHEAF_ASC_PARAMETER_LIST_LENGTH_ERROR);
		return;
	}
	lt->scratch = calloc(1, sizeof(struct copy));
	lt->pattern = aligned_alloc(4096, SHEAF_LU_PATTERN_BYTES);
	if (!lt->scratch || !lt->pattern) {
		sheaf_lu_end_check(lt, SHEAF_KEY_ABORTED_COMMAND, SHEAF_ASC_INSUFFICIENT_RESOURCES);
		return;
	}
	copy_of(lt)->ordered = lt->held & SHEAF_HELD_GATE;
	if (take_list(lt))
		begin_segment(lt);
}
