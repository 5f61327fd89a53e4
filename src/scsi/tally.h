/* SPDX-License-Identifier: MIT */
/**
 * tally.h - what an LU counts of its commands, for the General Statistics and Performance log page (SPC-4 section 7.3.6)
 *
 * Each loop that runs commands of an LU has a tally of it, which nobody else writes; LOG SENSE adds them up. They only grow: a LOG
 * SELECT that resets them takes down what they are, and that is taken off from then on.
 *
 *   1. No lock, system call, locked instruction or reading of the clock for a command. Time is that of the loop's turn, which stands
 *      still while the turn lasts: a command that ends in the turn that it came in (an image in memory) takes no time.
 *   2. The LU is idle while it has no command on any loop. A span of it ends with the command that comes first, on whose loop it is
 *      counted. When several loops have run commands, that loop has to look at the others' tallies; so it does after
 *      SHEAF_TALLY_IDLE_NS without a command of its own only, and shorter spans may be left out.
 *   3. What ended in the turn that it came in was at work for some of that turn. A loop that took the next command without a sleep in
 *      between had no idle time.
 */
#ifndef SHEAF_TALLY_H
#define SHEAF_TALLY_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/counter.h"
#include "scsi/lu.h"

/** Loops that may run an LU's commands: the 64 of a host's queues or workers. Commands on any more would not be counted. */
#define SHEAF_TALLIES_MAX 64
#define SHEAF_TALLY_IDLE_NS UINT64_C(1000000)

/** SPC-4 table 375. */
enum sheaf_tally_kind {
	SHEAF_TALLY_OTHER, /* READ (6) and WRITE (6) among them */
	SHEAF_TALLY_READ,
	SHEAF_TALLY_WRITE,
	SHEAF_TALLY_UNMAP, /* a write command, whose data are no blocks */
	SHEAF_TALLY_KINDS,
};

struct sheaf_lu;

/** Of commands that have ended. W: the loop's thread; R: any, relaxed. */
struct sheaf_tally_of_kind {
	_Atomic uint64_t commands;
	_Atomic uint64_t bytes; /* transferred */
	_Atomic uint64_t ns;
};

/** W: the loop's thread, but for the first four, which are set once; R: any, relaxed where nothing else is said. */
struct sheaf_tally {
	_Alignas(128) const struct sheaf_lu *lu; /* NULL: of none */
	const struct sheaf_loop *loop;
	const uint64_t *clock; /* the loop's; for its thread only */
	const _Atomic uint64_t *sleeps; /* the loop's counter */
	uint64_t turn_ns; /* of the last command that came: when that turn began; for the loop's thread only */
	uint64_t turn_sleeps;
	_Atomic uint64_t begun; /* commands of all kinds */
	_Atomic uint64_t ended_ns; /* the last one that ended; release, acquire by other loops: the counts are at least as new */
	struct sheaf_tally_of_kind kinds[SHEAF_TALLY_KINDS];
	_Atomic uint64_t idle_ns;
};
static_assert(sizeof(struct sheaf_tally) % 128 == 0, "no two loops write to one cache line, or one and its neighbour");

struct sheaf_tally_sums {
	uint64_t reads, writes;
	uint64_t bytes_transmitted, bytes_received; /* of reads; of writes */
	uint64_t read_ns, write_ns, idle_ns;
};

struct sheaf_tallies {
	struct sheaf_tally of[SHEAF_TALLIES_MAX];
	_Atomic uint32_t count;	     /* W: under the LU's lock, release; R: any, acquire */
	_Atomic uint64_t idle_until; /* spans of idle time are counted up to here */
	struct sheaf_tally_sums base; /* taken off. Lock of the LU held */
};

extern const uint8_t sheaf_tally_kinds[256]; /* enum sheaf_tally_kind by operation code */
extern const struct sheaf_tally sheaf_tally_zero;

/** For tasks that are not counted; never written. */
static inline struct sheaf_tally *sheaf_tally_none(void)
{
	return (struct sheaf_tally *)&sheaf_tally_zero;
}


/** NULL: no memory. Thread: any. */
struct sheaf_tallies *sheaf_tallies_create(void);
/** @lu's tally for @loop, made if there is none. Thread: the loop's. sheaf_tally_none: there is no room, or no @loop. */
__attribute__((cold)) struct sheaf_tally *sheaf_tally_find(struct sheaf_lu *lu, const struct sheaf_loop *loop);
/** The first command of a turn that began at @now_ns comes. Thread: the loop's. */
__attribute__((cold)) void sheaf_tally_turn(struct sheaf_tally *tally, uint64_t now_ns);
/** Since the LU was made or the tallies were reset. Lock of the LU held; thread: any. */
struct sheaf_tally_sums sheaf_tallies_sum(const struct sheaf_tallies *all);
/** Lock of the LU held; thread: any. */
void sheaf_tallies_reset(struct sheaf_tallies *all);

/** A command comes for @lu. */
static inline void sheaf_tally_begin(struct sheaf_lu_task *lt, struct sheaf_lu *lu)
{
	struct sheaf_tally *tally = lt->tally;
	uint64_t now_ns;

	if (tally->lu != lu || tally->loop != lt->loop) {
		tally = lt->tally = sheaf_tally_find(lu, lt->loop);
		if (tally == sheaf_tally_none())
			return;
	}
	now_ns = *tally->clock;
	lt->begun_ns = now_ns;
	if (now_ns != tally->turn_ns)
		sheaf_tally_turn(tally, now_ns);
	sheaf_count_add(&tally->begun, 1);
}

/** It has ended; @bytes were transferred. */
static inline void sheaf_tally_end(const struct sheaf_lu_task *lt, uint64_t bytes)
{
	struct sheaf_tally *tally = lt->tally;
	struct sheaf_tally_of_kind *kind;
	uint64_t now_ns;

	if (tally == sheaf_tally_none())
		return;
	now_ns = *tally->clock;
	kind = &tally->kinds[sheaf_tally_kinds[lt->task.command_descriptor_block[0]]];
	sheaf_count_add(&kind->commands, 1);
	sheaf_count_add(&kind->bytes, bytes);
	sheaf_count_add(&kind->ns, now_ns - lt->begun_ns);
	atomic_store_explicit(&tally->ended_ns, now_ns, memory_order_release);
}

#endif
