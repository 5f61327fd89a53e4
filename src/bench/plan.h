/* SPDX-License-Identifier: MIT */
/**
 * plan.h - which configs are measured at which points, and in which order
 */
#ifndef SHEAF_BENCH_PLAN_H
#define SHEAF_BENCH_PLAN_H

#include "bench/bench.h"

#define SHEAF_BENCH_LIST_MAX	16
#define SHEAF_BENCH_POINTS_MAX	(SHEAF_BENCH_WORKS * SHEAF_BENCH_LIST_MAX * SHEAF_BENCH_LIST_MAX)
#define SHEAF_BENCH_CONFIGS_MAX (SHEAF_BENCH_PATHS * SHEAF_BENCH_DEPLOYMENTS * SHEAF_BENCH_LIMITS)

/** What the user wants; texts are lists with commas, NULL: not said. */
struct sheaf_bench_wishes {
	bool full;
	bool may_write;
	char *paths, *deployments, *limits, *works, *sizes, *depths;
};

struct sheaf_bench_plan {
	unsigned config_count, point_count;
	struct sheaf_bench_config configs[SHEAF_BENCH_CONFIGS_MAX];
	struct sheaf_bench_point points[SHEAF_BENCH_POINTS_MAX];
	bool left_out_writes; /* there were points that write, and may_write is not set */
};

/**
 * sheaf_bench_plan_make() - configs and points
 * The points of --quick or --full; with works, sizes or depths in @wishes, all combinations of these instead, and where one
 * of them is not said: read; 4 KiB; 1 and 32.
 * Return: 0, or -EINVAL: a list, reported; or nothing is left to measure, reported.
 */
int sheaf_bench_plan_make(const struct sheaf_bench_wishes *wishes, struct sheaf_bench_plan *ret);

/** Take all configs of @path out. */
void sheaf_bench_plan_drop_path(struct sheaf_bench_plan *plan, enum sheaf_bench_path path);
/** Cells of a round. */
unsigned sheaf_bench_plan_cells(const struct sheaf_bench_plan *plan);
/** A random order of the configs, another one each round: order[0..config_count - 1]. */
void sheaf_bench_plan_shuffle(const struct sheaf_bench_plan *plan, unsigned round,
			      unsigned order[]);
/** The point with these, or -1. */
int sheaf_bench_plan_find(const struct sheaf_bench_plan *plan, enum sheaf_bench_work work,
			  uint32_t bytes, unsigned depth);

/** "4 KiB", "512 B". */
const char *sheaf_bench_bytes_text(uint32_t bytes, char text[16]);

#endif
