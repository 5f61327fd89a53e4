/* SPDX-License-Identifier: MIT */
/**
 * lu.h - a direct-access logical unit (SPC-4, SBC-4) over a store
 *
 * The LU decodes a task's CDB by table, runs it on a store, and fills in the response. It knows
 * nothing of slots, bundles or lanes: the disk controller calls sheaf_lu_execute() for each task
 * and hands slots back when done() comes.
 */
#ifndef SHEAF_LU_H
#define SHEAF_LU_H

#include <stdbool.h>
#include <stdint.h>

#include <sheaf/task.h>

#include "loop/loop.h"
#include "scsi/task_set.h"
#include "store/store.h"

struct sheaf_lu;
struct sheaf_tally;
struct sheaf_cdb_command;

struct sheaf_lu_options {
	uint32_t block_size; /* 512 or 4096 */
	/* VPD B0 MAXIMUM TRANSFER LENGTH; longer CDBs are refused */
	uint64_t maximum_transfer_bytes;
	bool read_only;	    /* write-protected: DATA PROTECT, WP in MODE SENSE */
	const char *serial; /* VPD 80 and 83; stable for an image */
	bool written; /* somebody else may have written before: the first flush is never left out */
};

/**
 * struct sheaf_lu_task - one command while the LU runs it; one per slot, embedded in the
 * controller's
 * @task:     a private copy of the command slot, made once by the controller.
 * @response: response slot in the controller's view; the LU writes all that a controller must
 *            write.
 * @data:     the task's buffer in the controller's view, requested_transfer_count bytes, checked by
 *            the controller. A CDB that asks for more is ABORTED COMMAND, DATA-IN or DATA-OUT
 *            BUFFER OVERFLOW, before anything is done; an answer to an ALLOCATION LENGTH is cut to
 *            what the buffer takes. The wrong direction is DATA PHASE ERROR.
 * @done:     called once, on the loop; may be called from inside sheaf_lu_execute().
 */
struct sheaf_lu_task {
	struct sheaf_task task; /* initiator_index: less than SHEAF_INITIATORS_MAX, checked by the controller */
	struct sheaf_response *response;
	uint8_t *data;
	struct sheaf_loop *loop;
	void (*done)(struct sheaf_lu_task *lt);
	/*
	 * W: task management, any thread; R: the LU and the controller. The tag of an aborted task: it makes no further access,
	 * and what its response says is the controller's business.
	 */
	_Atomic uint64_t aborted_tag;
	/* The task set's (task_set.c). */
	struct sheaf_task_set *set;
	struct sheaf_gate_entry gate_entry;
	uint8_t held; /* what it gives back when it ends: SHEAF_HELD_* */
	struct sheaf_tally *tally; /* this command's, and most likely the next one's */
	/* The LU's own. */
	struct sheaf_lu *lu; /* NULL: the LUN does not exist */
	const struct sheaf_cdb_command *command;
	uint64_t begun_ns; /* by the loop's clock, see tally.h */
	struct sheaf_store_io io;
	uint64_t lba, blocks; /* what the CDB names */
	uint32_t count_bytes; /* ALLOCATION LENGTH or PARAMETER LIST LENGTH */
	uint32_t lun_count;   /* for REPORT LUNS */
	uint32_t step, steps; /* descriptors of UNMAP and GET LBA STATUS: done, in all */
	uint32_t accesses;    /* GET LBA STATUS: store accesses so far */
	uint8_t provisioning; /* GET LBA STATUS: status of the blocks from lba to cursor */
	uint64_t cursor, end; /* blocks being worked on: from cursor to end */
	void (*resume)(struct sheaf_lu_task *lt); /* what comes when cursor reached end */
	void (*done_later)(struct sheaf_lu_task *lt); /* done, while a flush comes before it (block.c) */
	/* Allocated by rare commands (UNMAP, WRITE SAME, VERIFY), freed before done(). */
	uint8_t *scratch, *pattern;
};

/**
 * sheaf_lu_create() - make an LU over @store, which stays the caller's and must outlive it
 * Return: 0, -EINVAL (block size neither 512 nor 4096, size not a multiple of it, fewer than one
 * block, serial longer than 64 or empty, maximum transfer less than a block), -ENOMEM.
 */
int sheaf_lu_create(struct sheaf_store *store, const struct sheaf_lu_options *options,
		    struct sheaf_lu **ret_lu);
struct sheaf_lu *sheaf_lu_free(struct sheaf_lu *lu);

/** @lu is logical unit number @lun of its target, 0 until then. Before its first command. */
void sheaf_lu_set_lun(struct sheaf_lu *lu, uint32_t lun);

/** Run lt->task, a task of the set, on @lu. @lun_count: for REPORT LUNS, LUN numbers 0..lun_count-1 exist. */
void sheaf_lu_execute(struct sheaf_lu *lu, uint32_t lun_count, struct sheaf_lu_task *lt);
/**
 * A task for a LUN that does not exist: SPC-4 section 5.15 (INQUIRY, REPORT LUNS, REQUEST SENSE
 * answer, others LOGICAL UNIT NOT SUPPORTED).
 */
void sheaf_lu_execute_absent(uint32_t lun_count, struct sheaf_lu_task *lt);
/** A task that waited in its set goes on. Thread: lt->loop's. */
void sheaf_lu_continue(struct sheaf_lu_task *lt);
/**
 * LOGICAL UNIT RESET, SAM-5 section 6.3.3: unit attention 29h/03h for every initiator; RESERVE, ACA conditions and background
 * self-tests end, persistent reservations do not. Thread: any.
 */
void sheaf_lu_reset(struct sheaf_lu *lu);
/** @initiator's I_T nexus is lost, SAM-5 section 6.3.4: unit attention 29h/07h for it; its RESERVE and ACA condition end. Thread: any. */
void sheaf_lu_nexus_loss(struct sheaf_lu *lu, uint32_t initiator);
/** CLEAR ACA, SAM-5 section 7.4, by @initiator; SHEAF_INITIATOR_NONE: all conditions. Thread: any. */
void sheaf_lu_clear_aca(struct sheaf_lu *lu, uint32_t initiator);
/** Is there one task set for all initiators (TST 000b), or one for each nexus (001b)? Thread: any. */
bool sheaf_lu_task_set_is_shared(const struct sheaf_lu *lu);

uint64_t sheaf_lu_blocks(const struct sheaf_lu *lu);
/**
 * sheaf_lu_resize() - the LU has @blocks from now on (capacity.c)
 * Each I_T nexus is told by a unit attention, CAPACITY DATA HAS CHANGED, unless nothing changes. Commands that come later are checked
 * against the new size; those that have begun may still use the old one, so at growth the store grows before this, and at shrinking
 * it shrinks when they have ended.
 * Thread: any, one at a time. Return: 0, -EINVAL: no blocks, or more than the store has; -EBUSY: it is to
 * shrink while it is formatted, sanitized or tested in the background.
 */
int sheaf_lu_resize(struct sheaf_lu *lu, uint64_t blocks);
uint32_t sheaf_lu_block_size(const struct sheaf_lu *lu);

#endif
