/* SPDX-License-Identifier: MIT */
/**
 * copy.h - EXTENDED COPY (SPC-4, third-party copy): its limits, and what is remembered of copies for RECEIVE COPY STATUS
 *
 * A copy that runs, and a result that is held, take one of SHEAF_COPIES_MAX places of the LU that got the command. The result of a
 * copy that was done is held until its initiator has read it or begins another copy with that LIST IDENTIFIER, the LU is reset, or
 * its place is wanted. Of a copy that failed the sense data have told all, and nothing is held.
 */
#ifndef SHEAF_COPY_H
#define SHEAF_COPY_H

#include <stdbool.h>
#include <stdint.h>

struct sheaf_lu;
struct sheaf_lu_task;

/* RECEIVE COPY OPERATING PARAMETERS. All segments together are done well within a deadline. */
#define SHEAF_COPIES_MAX	     8
#define SHEAF_COPY_CSCDS_MAX	     16
#define SHEAF_COPY_SEGMENTS_MAX	     16
#define SHEAF_COPY_LIST_BYTES_MAX    1024
#define SHEAF_COPY_SEGMENT_BYTES_MAX (32u << 20)

enum sheaf_copy_state {
	SHEAF_COPY_FREE,
	SHEAF_COPY_RUNS,
	SHEAF_COPY_DONE,
};

/**
 * struct sheaf_copy_place
 * @task: of a copy that runs.  @held: its result is kept.  @identified: it has a LIST IDENTIFIER.
 * @segments, @bytes: done so far.  @age: more than those of all that ended before.
 */
struct sheaf_copy_place {
	enum sheaf_copy_state state;
	const struct sheaf_lu_task *task;
	bool identified, held;
	uint8_t list_identifier;
	uint32_t initiator;
	uint16_t segments;
	uint32_t bytes;
	uint64_t age;
};

/** Guarded by the LU's lock. */
struct sheaf_copies {
	struct sheaf_copy_place places[SHEAF_COPIES_MAX];
	uint64_t ended;
};

/** LOGICAL UNIT RESET: results are gone. Those that run are aborted by others. */
void sheaf_lu_forget_copies(struct sheaf_lu *lu);

/**
 * sheaf_lu_begin_copy() - @lt's copy takes a place
 * Return: 0; -EALREADY: its initiator has one with that LIST IDENTIFIER that runs; -EBUSY: all places have copies that run.
 */
int sheaf_lu_begin_copy(struct sheaf_lu_task *lt, bool identified, uint8_t list_identifier,
			bool held);
/** So much is done of @lt's copy. */
void sheaf_lu_note_copied(struct sheaf_lu_task *lt, uint16_t segments, uint32_t bytes);
/** @lt ends, by whatever; nothing, if it is no copy or has no place. */
void sheaf_lu_copy_ended(struct sheaf_lu_task *lt, bool good);

#endif
