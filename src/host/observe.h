/* SPDX-License-Identifier: MIT */
/**
 * observe.h - how long tasks take, by command: what a queue measures of each task
 *
 * A task is timed from the hand-over of its bundle to its end. The clock is that of the loop's turn, which costs nothing: a task
 * that ends in a later turn is timed from the beginning of the one turn to the beginning of the other. Only when a bundle
 * comes back in the turn that handed it over (a store that is done at once) is the clock read, once for the bundle. What is handed over later in
 * that turn begins at that reading. In single-task mode, where every task comes back alone, a reading serves the next ones too, until
 * they make up SHEAF_OBSERVE_READING_BYTES (some microseconds).
 *
 *   1. Every task that ends is recorded once, however it ended, so that the counts of all commands add up to `ended`.
 *   2. No lock, allocation, system call or locked instruction. W: the queue's loop; R: any, relaxed.
 */
#ifndef SHEAF_OBSERVE_H
#define SHEAF_OBSERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/histogram.h"

/** What a CDB asks for, as far as anybody wants to tell it apart. */
enum sheaf_command {
	SHEAF_COMMAND_OTHER, /* 0: what no row of the table names */
	SHEAF_COMMAND_READ,
	SHEAF_COMMAND_WRITE,
	SHEAF_COMMAND_FLUSH, /* SYNCHRONIZE CACHE */
	SHEAF_COMMAND_UNMAP,
	SHEAF_COMMAND_WRITE_SAME,
	SHEAF_COMMAND_COMPARE_AND_WRITE,
	SHEAF_COMMAND_GET_LBA_STATUS,
	SHEAF_COMMAND_KINDS,
};

/* In bytes: a task takes as long as moving its own and so many more, roughly. */
#define SHEAF_OBSERVE_TASK_BYTES    4096
#define SHEAF_OBSERVE_READING_BYTES (16 * SHEAF_OBSERVE_TASK_BYTES)

/** "read", "write_same", … Names in stats.json and metrics; never changed. */
extern const char *const sheaf_command_names[SHEAF_COMMAND_KINDS];

/** The command of a CDB of 16 bytes (left-aligned). */
enum sheaf_command sheaf_command_of(const uint8_t *cdb);

struct sheaf_command_stats {
	struct sheaf_histogram latency; /* ns */
	_Atomic uint64_t errors;	/* ended with anything but GOOD, CONDITION MET or a unit attention */
	_Atomic uint64_t bytes;		/* transferred */
};

struct sheaf_observe {
	uint64_t turn_ns;     /* when this turn began */
	uint64_t now_ns;      /* the latest time that is known; never goes back */
	bool fresh;	      /* it was read in this turn, and serves what is coming back */
	int64_t serves_bytes; /* single-task mode: until so many more have come back */
	struct sheaf_command_stats commands[SHEAF_COMMAND_KINDS];
};

/** Tasks are handed over in a turn that began at @turn_ns. Return: the time of it. */
static inline uint64_t sheaf_observe_hand_over(struct sheaf_observe *observe, uint64_t turn_ns)
{
	observe->turn_ns = turn_ns;
	if (turn_ns > observe->now_ns) {
		observe->now_ns = turn_ns;
		observe->fresh = false;
	}
	return observe->now_ns;
}

/** A bundle comes back, in a turn that began at @turn_ns; its tasks follow. */
static inline void sheaf_observe_bundle(struct sheaf_observe *observe, uint64_t turn_ns)
{
	sheaf_observe_hand_over(observe, turn_ns);
	observe->fresh = false;
}

/** The same of a task that comes back alone. */
static inline void sheaf_observe_single(struct sheaf_observe *observe, uint64_t turn_ns)
{
	sheaf_observe_hand_over(observe, turn_ns);
	if (observe->serves_bytes <= 0)
		observe->fresh = false;
}

/**
 * sheaf_observe_task() - a task ended
 * @start_ns: what sheaf_observe_hand_over() said.  @bytes: transferred.
 */
static inline void sheaf_observe_task(struct sheaf_observe *observe, enum sheaf_command command,
				      uint64_t start_ns, uint64_t bytes, bool good)
{
	struct sheaf_command_stats *stats = &observe->commands[command];

	if (start_ns >= observe->turn_ns && !observe->fresh) {
		uint64_t now_ns = sheaf_clock_ns();

		if (now_ns > observe->now_ns)
			observe->now_ns = now_ns;
		observe->fresh = true;
		observe->serves_bytes = SHEAF_OBSERVE_READING_BYTES;
	}
	observe->serves_bytes -= SHEAF_OBSERVE_TASK_BYTES + (int64_t)bytes;
	sheaf_histogram_record(&stats->latency, observe->now_ns - start_ns);
	sheaf_count_add(&stats->bytes, bytes);
	if (!good)
		sheaf_count_add(&stats->errors, 1);
}

#endif
