/* SPDX-License-Identifier: MIT */
/**
 * engine_sums.h - the counters of an engine's loops added up, for stats.json and metrics
 *
 * Thread: any, while the engine runs. Counters are read relaxed, one after another: two of them may be of slightly different
 * moments.
 */
#ifndef SHEAF_ENGINE_SUMS_H
#define SHEAF_ENGINE_SUMS_H

#include <stddef.h>
#include <stdint.h>

#include "cli/engine.h"
#include "host/observe.h"
#include "host/queue.h"

/** One counter of @queue, or of all queues together (NULL). @offset: of it in struct sheaf_queue_stats. */
uint64_t sheaf_engine_count(const struct sheaf_engine *engine, const struct sheaf_queue *queue,
			    size_t offset);
#define SHEAF_ENGINE_COUNT(engine, queue, field)                                                   \
	sheaf_engine_count(engine, queue, offsetof(struct sheaf_queue_stats, field))

/** One counter of all loops together, workers too. @offset: of it in struct sheaf_loop_stats. */
uint64_t sheaf_engine_loop_count(const struct sheaf_engine *engine, size_t offset);
#define SHEAF_ENGINE_LOOP_COUNT(engine, field)                                                     \
	sheaf_engine_loop_count(engine, offsetof(struct sheaf_loop_stats, field))

/** "fused", "pool" or "process". */
const char *sheaf_engine_deployment(const struct sheaf_engine *engine);
uint64_t sheaf_engine_uptime_seconds(const struct sheaf_engine *engine);

struct sheaf_command_sum {
	struct sheaf_histogram_snapshot latency; /* ns */
	uint64_t errors, bytes;
};

/** Add what @queue, or all queues (NULL), did of @command to @sum. */
void sheaf_engine_add_command(const struct sheaf_engine *engine, const struct sheaf_queue *queue,
			      enum sheaf_command command, struct sheaf_command_sum *sum);

/** @text itself, or where it is not UTF-8 a copy whose bytes above 7Fh are '?'. malloc'ed; NULL without memory. */
char *sheaf_utf8(const char *text);

#endif
