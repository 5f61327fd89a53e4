/* SPDX-License-Identifier: MIT */
/**
 * lu_impl.h - what the files of the LU share: its state, how a command ends, the commands
 *
 *   1. Any number of loops run commands on an LU: what the fast path looks at is constant or atomic, all else is under the lock.
 *   2. A command ends by exactly one call of a sheaf_lu_end_*() or sheaf_lu_reply*() function; lt
 *      is gone after it.
 *   3. What lt->data holds may change at any time: it is read once (copied before it is checked),
 *      and only bytes within requested_transfer_count are touched.
 *   4. All checks come before any change to the medium.
 */
#ifndef SHEAF_LU_IMPL_H
#define SHEAF_LU_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "scsi/aca.h"
#include "scsi/background.h"
#include "scsi/buffer.h"
#include "scsi/cdb.h"
#include "scsi/copy.h"
#include "scsi/lu.h"
#include "scsi/modes.h"
#include "scsi/nexus.h"
#include "scsi/reservation.h"
#include "scsi/self_test.h"
#include "scsi/sense.h"
#include "scsi/tally.h"
#include "scsi/unit.h"

/**
 * SBC-4, Block Limits: what one command may name. A task of this size ends well within a deadline, and tools that test with
 * commands of the longest size can read back in one transfer what they wrote.
 */
#define SHEAF_LU_UNMAP_BLOCKS_MAX      (1u << 20)
#define SHEAF_LU_UNMAP_DESCRIPTORS_MAX 256
#define SHEAF_LU_WRITE_SAME_BLOCKS_MAX (32u << 10)
/** NUMBER OF LOGICAL BLOCKS of COMPARE AND WRITE is a byte. */
#define SHEAF_LU_COMPARE_AND_WRITE_BLOCKS_MAX 255
/** Longest VERIFY; MAXIMUM TRANSFER LENGTH is for those that transfer what they verify. */
#define SHEAF_LU_VERIFY_BYTES_MAX (256ull << 20)
/** Piece in which WRITE SAME writes data, and VERIFY reads it. */
#define SHEAF_LU_PATTERN_BYTES (256u << 10)
/** STATUS accesses that one GET LBA STATUS may cost. */
#define SHEAF_LU_STATUS_ACCESSES_MAX 1024
#define SHEAF_LU_SERIAL_MAX	     64

/**
 * Bits of lu->conditions: why a command has to look further before it runs. Written under the lock.
 */
#define SHEAF_CONDITION_ATTENTION(initiator) (1u << (initiator)) /* bits 0..15, one an initiator */
#define SHEAF_CONDITION_RESERVED	     (1u << 16)
#define SHEAF_CONDITION_NOT_READY	     (1u << 17) /* the unit is not READY, see unit.h */
#define SHEAF_CONDITION_WRITE_PROTECTED	     (1u << 18) /* SWP */
#define SHEAF_CONDITION_ACA		     (1u << 19)
#define SHEAF_CONDITION_WRITE_THROUGH	     (1u << 20) /* WCE is 0: what a command writes is durable when it ends */
#define SHEAF_CONDITION_DEFERRED	     (1u << 21) /* an initiator is to be told of a flush that failed after its GOOD */
/** Those that every initiator's commands heed; the others are its own. */
#define SHEAF_CONDITIONS_FOR_ALL	     (0x3fu << 16)
/**
 * Reserved, not ready, write-protected, ACA, write through: an LU that has one of these is out of reach for another one's EXTENDED
 * COPY, which could not heed it.
 */
#define SHEAF_CONDITIONS_OUT_OF_REACH	     (0x1fu << 16)

/**
 * struct sheaf_lu - see rule 1
 * @blocks: changed by sheaf_lu_resize() only; who needs the same value twice loads it once.
 * @conditions: see above.
 * @lock: guards all that follows it; never held while a command ends or an access is started.
 * @written, @sampled, @synced: numbers that say whether a flush is due; see block.c.
 */
struct sheaf_lu {
	struct sheaf_store *store;
	uint32_t block_size;
	_Atomic uint64_t blocks; /* sheaf_lu_capacity() */
	uint64_t maximum_transfer_blocks;
	uint64_t maximum_unmap_blocks;
	uint64_t maximum_write_same_blocks;
	uint8_t maximum_compare_and_write_blocks;
	uint32_t lun;
	bool read_only;
	char serial[SHEAF_LU_SERIAL_MAX + 1];
	uint64_t born_ns; /* CLOCK_MONOTONIC */
	_Atomic uint32_t conditions;
	_Atomic uint64_t written, sampled, synced;
	struct sheaf_tallies *tallies;

	pthread_mutex_t lock;
	struct sheaf_nexus nexus[SHEAF_INITIATORS_MAX];
	struct sheaf_reservations reservations;
	struct sheaf_aca aca;
	struct sheaf_modes modes;
	struct sheaf_background background;
	struct sheaf_copies copies;
	struct sheaf_unit_status unit;
	struct sheaf_buffers buffers;
	struct sheaf_self_tests self_tests;
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

static inline bool sheaf_lu_is_aborted(const struct sheaf_lu_task *lt)
{
	return atomic_load_explicit(&lt->aborted_tag, memory_order_relaxed) ==
	       lt->task.task_tag_identifier;
}

/* How commands end (lu.c). */

/** GOOD; @bytes of lt->data were transferred. */
void sheaf_lu_end_good(struct sheaf_lu_task *lt, uint64_t bytes);
/** A status without sense data: RESERVATION CONFLICT, BUSY, … */
void sheaf_lu_end_status(struct sheaf_lu_task *lt, uint8_t status);
/** CHECK CONDITION with @sense, in the format that D_SENSE asks for. */
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
/** The CDB asks for exactly @bytes of data-out: false when lt->data has more or fewer; the command has then ended. */
bool sheaf_lu_check_data_out_is(struct sheaf_lu_task *lt, uint64_t bytes);
/** Bytes that an answer may take: ALLOCATION LENGTH and room in lt->data, whichever is less. */
uint64_t sheaf_lu_reply_room(const struct sheaf_lu_task *lt);
/** Put @length bytes at @offset of the answer, as far as there is room. */
void sheaf_lu_reply_put(struct sheaf_lu_task *lt, uint64_t offset, const uint8_t *data,
			uint64_t length);
/** GOOD, with an answer of @length bytes that is put already. */
void sheaf_lu_reply_end(struct sheaf_lu_task *lt, uint64_t length);
/** GOOD, with the answer @data. */
void sheaf_lu_reply(struct sheaf_lu_task *lt, const uint8_t *data, uint64_t length);

/* What stands in a command's way (conditions.c). */

/** Set or clear a bit of lu->conditions. Lock held. */
void sheaf_lu_set_condition(struct sheaf_lu *lu, uint32_t bit, bool on);
/** Does nothing at all stand in the way of @initiator's commands? As it mostly is: attentions of others do not count. A plain load. */
static inline bool sheaf_lu_is_unconditional(const struct sheaf_lu *lu, uint32_t initiator)
{
	uint32_t heeded = SHEAF_CONDITIONS_FOR_ALL | SHEAF_CONDITION_ATTENTION(initiator);

	return !(atomic_load_explicit(&lu->conditions, memory_order_acquire) & heeded);
}
/** It is not so: may the command run all the same? False: it has ended. */
bool sheaf_lu_check_conditions(struct sheaf_lu_task *lt);
/** The same after @lt waited in its task set: those that a command before it may have made. */
bool sheaf_lu_check_conditions_again(struct sheaf_lu_task *lt);

/** lu->modes.current has changed: the rest of lu->modes and lu->conditions follow (mode_pages.c). Lock held. */
void sheaf_lu_heed_modes(struct sheaf_lu *lu);
/** The values in mode pages that follow from the LU's size (mode_pages.c). Lock held. */
void sheaf_lu_fill_modes(struct sheaf_lu *lu);
/** Mode parameter block descriptor, as MODE SENSE reports it (mode.c); zeros at @d. Return: its bytes. */
unsigned sheaf_lu_put_block_descriptor(const struct sheaf_lu *lu, uint8_t *d, bool long_lba);

/** Start lt->io: @blocks at @lba; a task that was aborted ends here instead, so between two accesses as well. */
void sheaf_lu_submit(struct sheaf_lu_task *lt, enum sheaf_store_op op, uint64_t lba,
		     uint64_t blocks, void *data,
		     void (*done)(struct sheaf_store_io *io, int result));

/** sheaf_lu_synchronize_cache() with IMMED: GOOD now, the flush goes on. False: one goes on already, nothing was done. */
bool sheaf_lu_flush_behind(struct sheaf_lu_task *lt);
/** A flush is due, up to the change *ret_upto (block.c); when it is done well, sheaf_lu_note_flushed() says so. */
bool sheaf_lu_flush_is_due(struct sheaf_lu *lu, uint64_t *ret_upto);
void sheaf_lu_note_flushed(struct sheaf_lu *lu, uint64_t upto);
/** A change of the medium is done, well or not (block.c). */
void sheaf_lu_note_written(struct sheaf_lu *lu);
/** What was written goes to the medium, if a flush is due, then @resume. Uses lt->resume and lt->cursor. */
void sheaf_lu_flush_then(struct sheaf_lu_task *lt, void (*resume)(struct sheaf_lu_task *lt));
/** With WCE 0, a command that writes ends, if it ends well, only after a flush (where one is due). Before its handler runs. */
void sheaf_lu_heed_write_through(struct sheaf_lu_task *lt);

/**
 * THRESHOLD EXPONENT of VPD page B2h (inquiry.c): the log page counts in sets of two to the power of it blocks. 0: there is no such log
 * page, for the LU is not thin, or the store cannot tell.
 */
uint8_t sheaf_lu_threshold_exponent(const struct sheaf_lu *lu);
/** VPD pages 83h and 8Fh, in 256 zeroed bytes, past their first four. Return: their length with those. */
unsigned sheaf_lu_identification_page(const struct sheaf_lu *lu, uint8_t *page); /* inquiry.c */
unsigned sheaf_lu_third_party_copy_page(const struct sheaf_lu *lu, uint8_t *page); /* copy_results.c */

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
void sheaf_lu_mode_select(struct sheaf_lu_task *lt); /* mode_select.c */
void sheaf_lu_read(struct sheaf_lu_task *lt);	    /* block.c */
void sheaf_lu_write(struct sheaf_lu_task *lt);
void sheaf_lu_synchronize_cache(struct sheaf_lu_task *lt);
void sheaf_lu_pre_fetch(struct sheaf_lu_task *lt);
void sheaf_lu_verify(struct sheaf_lu_task *lt); /* verify.c */
void sheaf_lu_write_and_verify(struct sheaf_lu_task *lt);
void sheaf_lu_unmap(struct sheaf_lu_task *lt); /* provisioning.c */
void sheaf_lu_write_same(struct sheaf_lu_task *lt);
void sheaf_lu_get_lba_status(struct sheaf_lu_task *lt);
void sheaf_lu_reserve(struct sheaf_lu_task *lt); /* reservation.c */
void sheaf_lu_release(struct sheaf_lu_task *lt);
void sheaf_lu_persistent_reserve_in(struct sheaf_lu_task *lt);
void sheaf_lu_report_reservation_capabilities(struct sheaf_lu_task *lt);
void sheaf_lu_persistent_reserve_out(struct sheaf_lu_task *lt); /* reserve_out.c */
void sheaf_lu_compare_and_write(struct sheaf_lu_task *lt); /* atomic.c */
void sheaf_lu_orwrite(struct sheaf_lu_task *lt);
void sheaf_lu_extended_copy(struct sheaf_lu_task *lt); /* copy.c */
void sheaf_lu_copy_status(struct sheaf_lu_task *lt);   /* copy_results.c */
void sheaf_lu_copy_operating_parameters(struct sheaf_lu_task *lt);
void sheaf_lu_start_stop_unit(struct sheaf_lu_task *lt); /* unit.c */
void sheaf_lu_prevent_allow(struct sheaf_lu_task *lt);
void sheaf_lu_format_unit(struct sheaf_lu_task *lt); /* format.c */
void sheaf_lu_sanitize(struct sheaf_lu_task *lt);    /* sanitize.c */
void sheaf_lu_read_defect_data_10(struct sheaf_lu_task *lt); /* defects.c */
void sheaf_lu_read_defect_data_12(struct sheaf_lu_task *lt);
void sheaf_lu_read_buffer(struct sheaf_lu_task *lt); /* buffer.c */
void sheaf_lu_write_buffer(struct sheaf_lu_task *lt);
void sheaf_lu_send_diagnostic(struct sheaf_lu_task *lt); /* diagnostic.c */
void sheaf_lu_receive_diagnostic(struct sheaf_lu_task *lt);
void sheaf_lu_log_sense(struct sheaf_lu_task *lt); /* log_pages.c */
void sheaf_lu_log_select(struct sheaf_lu_task *lt); /* log_select.c */

#endif
