/* SPDX-License-Identifier: MIT */
/**
 * lu_impl.h - what the files of the LU share: its state, how a command ends, the commands
 *
 *   1. An LU is immutable but for atomics, so that any number of loops run commands on it.
 *   2. A command ends by exactly one call of a sheaf_lu_end_*() or sheaf_lu_reply*() function; lt
 *      is gone after it.
 *   3. What lt->data holds may change at any time: it is read once (copied before it is checked),
 *      and only bytes within requested_transfer_count are touched.
 *   4. All checks come before any change to the medium.
 */
#ifndef SHEAF_LU_IMPL_H
#define SHEAF_LU_IMPL_H

#include <stdatomic.h>

#include "scsi/cdb.h"
#include "scsi/lu.h"
#include "scsi/sense.h"

/**
 * SBC-4, Block Limits: what one command may name. A task of this size ends well within a deadline.
 */
#define SHEAF_LU_UNMAP_BYTES_MAX       (2ull << 30)
#define SHEAF_LU_UNMAP_DESCRIPTORS_MAX 256
#define SHEAF_LU_WRITE_SAME_BYTES_MAX  (256ull << 20)
/** Longest VERIFY; MAXIMUM TRANSFER LENGTH is for those that transfer what they verify. */
#define SHEAF_LU_VERIFY_BYTES_MAX (256ull << 20)
/** Piece in which WRITE SAME writes data, and VERIFY reads it. */
#define SHEAF_LU_PATTERN_BYTES (256u << 10)
/** STATUS accesses that one GET LBA STATUS may cost. */
#define SHEAF_LU_STATUS_ACCESSES_MAX 1024
#define SHEAF_LU_SERIAL_MAX	     64

/**
 * struct sheaf_lu - see rule 1
 * @unit_attention: pending additional sense code, 0: none. Set by sheaf_lu_reset(), taken by the
 *                  command that reports it.
 * @blocks: changed by sheaf_lu_resize() only; who needs the same value twice loads it once.
 * @written, @sampled, @synced: numbers that say whether a flush is due; see block.c.
 */
struct sheaf_lu {
	struct sheaf_store *store;
	uint32_t block_size;
	_Atomic uint64_t blocks; /* sheaf_lu_capacity() */
	uint64_t maximum_transfer_blocks;
	uint64_t maximum_unmap_blocks;
	uint64_t maximum_write_same_blocks;
	bool read_only;
	char serial[SHEAF_LU_SERIAL_MAX + 1];
	_Atomic uint32_t unit_attention;
	_Atomic uint64_t written, sampled, synced;
};

/** Blocks right now. A plain load. */
static inline uint64_t sheaf_lu_capacity(const struct sheaf_lu *lu)
{
	return atomic_load_explicit(&lu->blocks, memory_order_relaxed);
}

static inline struct sheaf_lu_task *sheaf_lu_task_of_io(struct sheaf_store_io *io)
{
	return (struct sheaf_lu_task *)((char *)io - offsetof(struct sheaf_lu_task, io));
}

/* How commands end (lu.c). */

/** GOOD; @bytes of lt->data were transferred. */
void sheaf_lu_end_good(struct sheaf_lu_task *lt, uint64_t bytes);
/** CHECK CONDITION with @sense, fixed format (D_SENSE is 0). */
void sheaf_lu_end_sense(struct sheaf_lu_task *lt, const struct sheaf_sense *sense);
/** CHECK CONDITION with a key and code only. */
void sheaf_lu_end_check(struct sheaf_lu_task *lt, uint8_t key, uint16_t asc);
/**
 * ILLEGAL REQUEST, INVALID FIELD IN CDB. @bit: most significant bit of the field; -1: the whole
 * byte.
 */
void sheaf_lu_end_bad_field(struct sheaf_lu_task *lt, uint16_t byte, int8_t bit);
/** ILLEGAL REQUEST, INVALID FIELD IN PARAMETER LIST. */
void sheaf_lu_end_bad_parameter(struct sheaf_lu_task *lt, uint16_t byte);
/** LOGICAL BLOCK ADDRESS OUT OF RANGE; @lba: the first one that is. */
void sheaf_lu_end_out_of_range(struct sheaf_lu_task *lt, uint64_t lba);
/** What lt->io's negative @result is in sense data. */
void sheaf_lu_end_io_error(struct sheaf_lu_task *lt, int result);

/* Data (lu.c). */

/**
 * The CDB asks for @bytes: false when lt->data has fewer or goes the other way; the command has
 * then ended.
 */
bool sheaf_lu_check_data(struct sheaf_lu_task *lt, uint64_t bytes);
/** Bytes that an answer may take: ALLOCATION LENGTH and room in lt->data, whichever is less. */
uint64_t sheaf_lu_reply_room(const struct sheaf_lu_task *lt);
/** Put @length bytes at @offset of the answer, as far as there is room. */
void sheaf_lu_reply_put(struct sheaf_lu_task *lt, uint64_t offset, const uint8_t *data,
			uint64_t length);
/** GOOD, with an answer of @length bytes that is put already. */
void sheaf_lu_reply_end(struct sheaf_lu_task *lt, uint64_t length);
/** GOOD, with the answer @data. */
void sheaf_lu_reply(struct sheaf_lu_task *lt, const uint8_t *data, uint64_t length);

/** Take the pending unit attention; 0: none. */
uint32_t sheaf_lu_take_unit_attention(struct sheaf_lu *lu);
/** Start lt->io: @blocks at @lba. */
void sheaf_lu_submit(struct sheaf_lu_task *lt, enum sheaf_store_op op, uint64_t lba,
		     uint64_t blocks, void *data,
		     void (*done)(struct sheaf_store_io *io, int result));

/** A change of the medium is done, well or not (block.c). */
void sheaf_lu_note_written(struct sheaf_lu *lu);
/** What was written goes to the medium, if a flush is due, then @resume. Uses lt->resume and lt->cursor. */
void sheaf_lu_flush_then(struct sheaf_lu_task *lt, void (*resume)(struct sheaf_lu_task *lt));

/* The commands. */
void sheaf_lu_test_unit_ready(struct sheaf_lu_task *lt); /* report.c */
void sheaf_lu_request_sense(struct sheaf_lu_task *lt);
void sheaf_lu_report_luns(struct sheaf_lu_task *lt);
void sheaf_lu_read_capacity_10(struct sheaf_lu_task *lt);
void sheaf_lu_read_capacity_16(struct sheaf_lu_task *lt);
void sheaf_lu_report_supported_opcodes(struct sheaf_lu_task *lt); /* supported.c */
void sheaf_lu_report_supported_tmfs(struct sheaf_lu_task *lt);
void sheaf_lu_inquiry(struct sheaf_lu_task *lt);    /* inquiry.c */
void sheaf_lu_mode_sense(struct sheaf_lu_task *lt); /* mode.c */
void sheaf_lu_read(struct sheaf_lu_task *lt);	    /* block.c */
void sheaf_lu_write(struct sheaf_lu_task *lt);
void sheaf_lu_synchronize_cache(struct sheaf_lu_task *lt);
void sheaf_lu_pre_fetch(struct sheaf_lu_task *lt);
void sheaf_lu_verify(struct sheaf_lu_task *lt); /* verify.c */
void sheaf_lu_write_and_verify(struct sheaf_lu_task *lt);
void sheaf_lu_unmap(struct sheaf_lu_task *lt); /* provisioning.c */
void sheaf_lu_write_same(struct sheaf_lu_task *lt);
void sheaf_lu_get_lba_status(struct sheaf_lu_task *lt);

#endif
