/* SPDX-License-Identifier: MIT */
/**
 * results.h - what was measured: cells, each with a value a round, and what of them is reported
 */
#ifndef SHEAF_BENCH_RESULTS_H
#define SHEAF_BENCH_RESULTS_H

#include "bench/plan.h"

#define SHEAF_BENCH_ROUNDS_MAX 99

enum sheaf_bench_metric {
	SHEAF_BENCH_IOPS,
	SHEAF_BENCH_MB_S,
	SHEAF_BENCH_P50, /* us */
	SHEAF_BENCH_P99,
	SHEAF_BENCH_P999,
	SHEAF_BENCH_CPU, /* us a task, of the serving process; so all below */
	SHEAF_BENCH_CPU_USER,
	SHEAF_BENCH_CPU_SYSTEM,
	SHEAF_BENCH_CALLS, /* a task; so all below */
	SHEAF_BENCH_ENTERS,
	SHEAF_BENCH_DOORBELLS,
	SHEAF_BENCH_SWITCHES,
	SHEAF_BENCH_REQUEST_BUNDLE, /* tasks in a bundle, mean */
	SHEAF_BENCH_COMPLETION_BUNDLE,
	SHEAF_BENCH_METRICS,
};
/** As in the CSV and JSON files, with the unit. */
extern const char *const sheaf_bench_metric_names[SHEAF_BENCH_METRICS];

/** Fewer say nothing: with 4, chance keeps two ranges apart in 3 % of all cases, with 3 in 10 %. */
#define SHEAF_BENCH_ROUNDS_CLEAR 4

/** Median and range of some rounds. */
struct sheaf_bench_spread {
	double median, min, max;
	unsigned rounds;
};

struct sheaf_bench_cell {
	struct sheaf_bench_config config;
	struct sheaf_bench_point point;
	unsigned rounds;
	double (*values)[SHEAF_BENCH_METRICS]; /* [round] */
	/* Of all rounds together. */
	uint64_t user_ticks, system_ticks;
	struct sheaf_bench_counters counters;
	struct sheaf_bench_spread spread[SHEAF_BENCH_METRICS]; /* by sheaf_bench_results_finish() */
};

struct sheaf_bench_results {
	unsigned cell_count;
	struct sheaf_bench_cell *cells;
};

/** A cell for each config and point of @plan that belong together. 0 or -ENOMEM. */
int sheaf_bench_results_init(struct sheaf_bench_results *results,
			     const struct sheaf_bench_plan *plan);
void sheaf_bench_results_free(struct sheaf_bench_results *results);
/** The cell, or NULL. */
struct sheaf_bench_cell *sheaf_bench_results_find(const struct sheaf_bench_results *results,
						  const struct sheaf_bench_config *config,
						  const struct sheaf_bench_point *point);
/** One more round of @cell. 0 or -ENOMEM. */
int sheaf_bench_results_add(struct sheaf_bench_cell *cell, const struct sheaf_bench_sample *sample);
/** After the last round: spreads. Cells that were never measured have rounds == 0. */
void sheaf_bench_results_finish(struct sheaf_bench_results *results);

/** Median, least and greatest of n > 0 values. */
struct sheaf_bench_spread sheaf_bench_spread_of(const double values[], unsigned n);

/** How two cells differ: beyond their spread only where there were enough rounds and their ranges do not overlap. */
struct sheaf_bench_difference {
	double change; /* of the medians: 0.25 is 25 % more than the base */
	bool clear;
};

struct sheaf_bench_difference sheaf_bench_compare(const struct sheaf_bench_spread *base,
						  const struct sheaf_bench_spread *other);

#endif
