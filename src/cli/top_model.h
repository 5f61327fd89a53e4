/* SPDX-License-Identifier: MIT */
/**
 * top_model.h - what `sheaf top` shows: stats.json as numbers, and the difference of two of them
 *
 * A difference is of the same type as what it is made of: counters become what came in between, what is a state (in flight, slots) stays
 * that of the later one. No terminal and no mount here.
 */
#ifndef SHEAF_TOP_MODEL_H
#define SHEAF_TOP_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/task.h>

#include "base/histogram.h"

#define SHEAF_TOP_NAME_MAX 32

struct sheaf_top_tasks {
	uint64_t ended, errors, retries, timeouts, late, aborted, reissued;
	uint64_t in_flight, quarantined; /* states */
};

/* Steps for tasks past their deadline. */
struct sheaf_top_escalation {
	uint64_t aborts, lu_resets, driver_restarts, failed;
};

struct sheaf_top_bundles {
	uint64_t count, tasks, by_size[SHEAF_BUNDLE_MAX + 1];
};

struct sheaf_top_command {
	char name[SHEAF_TOP_NAME_MAX];
	uint64_t total; /* tasks since the server's start; not made a difference */
	uint64_t errors, bytes;
	struct sheaf_histogram_snapshot latency; /* ns */
};

struct sheaf_top_queue {
	uint64_t index, slots;
	struct sheaf_top_tasks tasks;
	struct sheaf_top_bundles requests, completions;
	struct sheaf_top_command all; /* commands together */
};

struct sheaf_top_lane {
	uint64_t queue, worker, bundles, tasks;
	uint64_t in_flight; /* a state */
};

struct sheaf_top_lu {
	uint64_t lun;
	char *image;
	uint64_t reads, writes, read_bytes, written_bytes, flushes, unmaps;
};

struct sheaf_top {
	/* The server. */
	char version[SHEAF_TOP_NAME_MAX], transport[SHEAF_TOP_NAME_MAX], io[SHEAF_TOP_NAME_MAX];
	char deployment[SHEAF_TOP_NAME_MAX], mode[SHEAF_TOP_NAME_MAX], driver[SHEAF_TOP_NAME_MAX];
	uint64_t pid, uptime_seconds, slots;
	/* When this was; of a difference, how long. */
	uint64_t clock_ns;
	struct sheaf_top_tasks tasks;
	struct sheaf_top_escalation escalation;
	struct sheaf_top_bundles requests, completions;
	uint64_t doorbells, enters, inline_completions, violations;
	struct sheaf_top_command *commands;
	struct sheaf_top_queue *queues;
	struct sheaf_top_lane *lanes;
	struct sheaf_top_lu *lus;
	size_t command_count, queue_count, lane_count, lu_count;
};

/** Numbers out of stats.json's text. What is not there is 0. Return: 0; -EINVAL: no JSON object; -ENOMEM. */
int sheaf_top_parse(const char *text, struct sheaf_top **ret_top);
struct sheaf_top *sheaf_top_free(struct sheaf_top *top);
/**
 * sheaf_top_between() - what came from @earlier to @later
 * @ret_difference: the caller frees it.
 * Return: 0; -ESTALE: they are not of one server, or no time lies between; -ENOMEM.
 */
int sheaf_top_between(const struct sheaf_top *earlier, const struct sheaf_top *later,
		      struct sheaf_top **ret_difference);
/** @count a second, of a difference. */
double sheaf_top_rate(const struct sheaf_top *difference, uint64_t count);
/** Tasks in flight on average of those whose times are @latency (Little's law); of a difference. */
double sheaf_top_depth(const struct sheaf_top *difference,
		       const struct sheaf_histogram_snapshot *latency);
/** Tasks a bundle; 0 without one. */
double sheaf_top_mean(const struct sheaf_top_bundles *bundles);

#endif
