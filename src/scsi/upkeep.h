/* SPDX-License-Identifier: MIT */
/**
 * upkeep.h - what goes over all of the medium for FORMAT UNIT and SANITIZE, piece by piece
 *
 *   1. It runs on the loop of the command that began it, one access at a time, and goes on when that command ends: at once with
 *      IMMED, or because it was aborted. No task management stops it.
 *   2. While it runs, the unit is FORMATTING or SANITIZING (unit.h). That is over when the last access is, and what was written
 *      is durable.
 *   3. If its loop ends before, the access in flight is dropped (sheaf/loop.h, rule 5) and the rest is not done. The mark that
 *      the store keeps (SHEAF_NOTE_UNFINISHED) from before the first access till after the last then says so to the next LU over
 *      it, which begins as FORMAT_FAILED or SANITIZE_FAILED: what was cut off never looks like what was done.
 */
#ifndef SHEAF_UPKEEP_H
#define SHEAF_UPKEEP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

struct sheaf_lu;
struct sheaf_lu_task;

/** What was begun on all of an image and not finished, as its mark says. */
enum sheaf_unfinished {
	SHEAF_UNFINISHED_NOTHING,
	SHEAF_UNFINISHED_FORMAT,
	SHEAF_UNFINISHED_SANITIZE,
	SHEAF_UNFINISHED_SANITIZE_UNRESTRICTED, /* SBC-4: AUSE */
};

/** What is to become of the blocks. */
struct sheaf_upkeep_plan {
	bool clear; /* they read as zeros, by DISCARD or ZERO where the store can; else they are written */
	const uint8_t *pattern; /* written: repeated to fill each block; NULL: zeros */
	uint32_t pattern_bytes; /* 1 to a block */
	unsigned passes;	/* 1 at least; each is made durable before the next */
	bool invert; /* the last but one, and each second before it, writes the inverse */
};

/** Fields without a word: the loop's that it runs on. */
struct sheaf_upkeep {
	struct sheaf_lu *lu;
	struct sheaf_loop *loop;
	struct sheaf_lu_task *
		waiter; /* its command, if that did not ask for IMMED and was not aborted; NULL: nobody */
	uint64_t waiter_bytes;
	struct sheaf_store_io io;
	enum sheaf_store_op op; /* DISCARD, ZERO or WRITE: what is tried */
	uint8_t *buffer;	/* of WRITE: the LU's, freed at the end or with it */
	unsigned pass, passes;
	bool invert;
	uint64_t cursor;			    /* in blocks */
	_Atomic uint64_t done_blocks, total_blocks; /* W: its loop; R: any, relaxed */
};

/**
 * sheaf_upkeep_prepare() - memory for @plan, which is copied
 * Before the unit's state is changed; none is running. The LU's lock is held. Return: 0 or -ENOMEM.
 */
int sheaf_upkeep_prepare(struct sheaf_lu *lu, const struct sheaf_upkeep_plan *plan);
/**
 * sheaf_upkeep_begin() - go; the unit's state says what for
 * @immed: the command ends now, GOOD; otherwise when all is done, or when it is aborted. lt is gone after it in either case.
 * @bytes: that the command transferred.
 */
void sheaf_upkeep_begin(struct sheaf_lu_task *lt, bool immed, uint64_t bytes);
/** SANITIZE, EXIT FAILURE MODE, in SANITIZE_FAILED: the mark goes, the unit is READY, and @lt's command ends, GOOD. */
void sheaf_upkeep_forgive(struct sheaf_lu_task *lt);
/** 65536ths that are done, 65535 at most. Thread: any. */
uint16_t sheaf_upkeep_progress(const struct sheaf_upkeep *upkeep);
/** What was begun on the image before this LU was there. Thread: the creator's; may block. */
enum sheaf_unfinished sheaf_upkeep_unfinished(const struct sheaf_lu *lu);
void sheaf_upkeep_deinit(struct sheaf_upkeep *upkeep);

#endif
