/* SPDX-License-Identifier: MIT */
/**
 * cost.h - what a process has used so far, as its kernel counts it
 *
 * Exact while the process is at rest, which it is when it is asked here: between two loads.
 */
#ifndef SHEAF_BENCH_COST_H
#define SHEAF_BENCH_COST_H

#include <sys/types.h>

#include "bench/bench.h"

/** 0, or -errno: there is no such process. */
int sheaf_bench_cost_read(pid_t pid, struct sheaf_bench_cost *ret);
/** Two processes that serve together: @more is added to @cost. */
void sheaf_bench_cost_add(struct sheaf_bench_cost *cost, const struct sheaf_bench_cost *more);
/** What came between: @later becomes the difference. */
void sheaf_bench_cost_subtract(struct sheaf_bench_cost *later,
			       const struct sheaf_bench_cost *earlier);
/** The same of counters. */
void sheaf_bench_counters_subtract(struct sheaf_bench_counters *later,
				   const struct sheaf_bench_counters *earlier);

#endif
