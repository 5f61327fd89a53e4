/* SPDX-License-Identifier: MIT */
/*
 * results.c - see results.h
 *
 * The kernel splits CPU time into user and system by ticks of 10 ms, too coarse for one round of a tenth of a second. So
 * the split is that of all rounds of a cell together, and the sum, which is exact, is each round's own.
 */
#include "bench/results.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const sheaf_bench_metric_names[] = {
	[SHEAF_BENCH_IOPS] = "iops",
	[SHEAF_BENCH_MB_S] = "mb_per_s",
	[SHEAF_BENCH_P50] = "latency_p50_us",
	[SHEAF_BENCH_P99] = "latency_p99_us",
	[SHEAF_BENCH_P999] = "latency_p99.9_us",
	[SHEAF_BENCH_CPU] = "cpu_us_per_task",
	[SHEAF_BENCH_CPU_USER] = "cpu_user_us_per_task",
	[SHEAF_BENCH_CPU_SYSTEM] = "cpu_system_us_per_task",
	[SHEAF_BENCH_CALLS] = "system_calls_per_task",
	[SHEAF_BENCH_ENTERS] = "io_uring_enters_per_task",
	[SHEAF_BENCH_DOORBELLS] = "doorbells_per_task",
	[SHEAF_BENCH_SWITCHES] = "context_switches_per_task",
	[SHEAF_BENCH_REQUEST_BUNDLE] = "request_bundle_mean",
	[SHEAF_BENCH_COMPLETION_BUNDLE] = "completion_bundle_mean",
};

int sheaf_bench_results_init(struct sheaf_bench_results *results,
			     const struct sheaf_bench_plan *plan)
{
	unsigned n = 0;

	results->cells = calloc(sheaf_bench_plan_cells(plan) + 1, sizeof(*results->cells));
	if (!results->cells)
		return -ENOMEM;
	for (unsigned c = 0; c < plan->config_count; c++)
		for (unsigned p = 0; p < plan->point_count; p++) {
			if (!(plan->points[p].limits >> plan->configs[c].limit & 1))
				continue;
			results->cells[n].config = plan->configs[c];
			results->cells[n++].point = plan->points[p];
		}
	results->cell_count = n;
	return 0;
}

void sheaf_bench_results_free(struct sheaf_bench_results *results)
{
	for (unsigned i = 0; i < results->cell_count; i++)
		free(results->cells[i].values);
	free(results->cells);
	memset(results, 0, sizeof(*results));
}

struct sheaf_bench_cell *sheaf_bench_results_find(const struct sheaf_bench_results *results,
						  const struct sheaf_bench_config *config,
						  const struct sheaf_bench_point *point)
{
	for (unsigned i = 0; i < results->cell_count; i++) {
		struct sheaf_bench_cell *cell = &results->cells[i];

		if (cell->config.path == config->path &&
		    cell->config.deployment == config->deployment &&
		    cell->config.limit == config->limit && cell->point.work == point->work &&
		    cell->point.bytes == point->bytes && cell->point.depth == point->depth)
			return cell;
	}
	return NULL;
}

static void add_bundles(struct sheaf_bench_bundles *sum, const struct sheaf_bench_bundles *more)
{
	sum->count += more->count;
	sum->tasks += more->tasks;
	for (unsigned i = 0; i <= SHEAF_BUNDLE_MAX; i++)
		sum->by_size[i] += more->by_size[i];
}

static double mean(const struct sheaf_bench_bundles *bundles)
{
	return bundles->count ? (double)bundles->tasks / (double)bundles->count : 0;
}

int sheaf_bench_results_add(struct sheaf_bench_cell *cell, const struct sheaf_bench_sample *s)
{
	double(*values)[SHEAF_BENCH_METRICS] =
		reallocarray(cell->values, cell->rounds + 1, sizeof(*values));
	double tasks = (double)s->counters.tasks, seconds = (double)s->ns / 1e9, *v;

	if (!values)
		return -ENOMEM;
	cell->values = values;
	v = values[cell->rounds++];
	v[SHEAF_BENCH_IOPS] = (double)s->requests / seconds;
	v[SHEAF_BENCH_MB_S] = (double)s->bytes / seconds / 1e6;
	v[SHEAF_BENCH_P50] = (double)s->p50_ns / 1e3;
	v[SHEAF_BENCH_P99] = (double)s->p99_ns / 1e3;
	v[SHEAF_BENCH_P999] = (double)s->p999_ns / 1e3;
	v[SHEAF_BENCH_CPU] = (double)s->cost.cpu_ns / 1e3 / tasks;
	v[SHEAF_BENCH_CPU_USER] = v[SHEAF_BENCH_CPU_SYSTEM] = 0; /* at the end */
	v[SHEAF_BENCH_CALLS] = (double)s->counters.calls / tasks;
	v[SHEAF_BENCH_ENTERS] = (double)s->counters.enters / tasks;
	v[SHEAF_BENCH_DOORBELLS] = (double)s->counters.doorbells / tasks;
	v[SHEAF_BENCH_SWITCHES] = (double)s->cost.switches / tasks;
	v[SHEAF_BENCH_REQUEST_BUNDLE] = mean(&s->counters.requests);
	v[SHEAF_BENCH_COMPLETION_BUNDLE] = mean(&s->counters.completions);
	cell->user_ticks += s->cost.user_ticks;
	cell->system_ticks += s->cost.system_ticks;
	cell->counters.tasks += s->counters.tasks;
	cell->counters.errors += s->counters.errors;
	cell->counters.enters += s->counters.enters;
	cell->counters.calls += s->counters.calls;
	cell->counters.doorbells += s->counters.doorbells;
	add_bundles(&cell->counters.requests, &s->counters.requests);
	add_bundles(&cell->counters.completions, &s->counters.completions);
	return 0;
}

static int by_value(const void *left, const void *right)
{
	double l = *(const double *)left, r = *(const double *)right;

	return (l > r) - (l < r);
}

struct sheaf_bench_spread sheaf_bench_spread_of(const double values[], unsigned n)
{
	double sorted[SHEAF_BENCH_ROUNDS_MAX];

	if (n > SHEAF_BENCH_ROUNDS_MAX)
		n = SHEAF_BENCH_ROUNDS_MAX;
	memcpy(sorted, values, n * sizeof(sorted[0]));
	qsort(sorted, n, sizeof(sorted[0]), by_value);
	return (struct sheaf_bench_spread){
		.median = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2,
		.min = sorted[0],
		.max = sorted[n - 1],
		.rounds = n,
	};
}

static void split_cpu(struct sheaf_bench_cell *cell)
{
	double ticks = (double)(cell->user_ticks + cell->system_ticks);
	double user = ticks > 0 ? (double)cell->user_ticks / ticks : 0;

	for (unsigned i = 0; i < cell->rounds; i++) {
		double *v = cell->values[i];

		v[SHEAF_BENCH_CPU_USER] = v[SHEAF_BENCH_CPU] * user;
		v[SHEAF_BENCH_CPU_SYSTEM] = v[SHEAF_BENCH_CPU] - v[SHEAF_BENCH_CPU_USER];
	}
}

void sheaf_bench_results_finish(struct sheaf_bench_results *results)
{
	for (unsigned i = 0; i < results->cell_count; i++) {
		struct sheaf_bench_cell *cell = &results->cells[i];

		split_cpu(cell);
		for (unsigned m = 0; cell->rounds && m < SHEAF_BENCH_METRICS; m++) {
			double column[SHEAF_BENCH_ROUNDS_MAX];
			unsigned n = 0;

			for (; n < cell->rounds && n < SHEAF_BENCH_ROUNDS_MAX; n++)
				column[n] = cell->values[n][m];
			cell->spread[m] = sheaf_bench_spread_of(column, n);
		}
	}
}

struct sheaf_bench_difference sheaf_bench_compare(const struct sheaf_bench_spread *base,
						  const struct sheaf_bench_spread *other)
{
	return (struct sheaf_bench_difference){
		.change = base->median > 0 ? other->median / base->median - 1 : 0,
		.clear = base->rounds >= SHEAF_BENCH_ROUNDS_CLEAR &&
			 other->rounds >= SHEAF_BENCH_ROUNDS_CLEAR &&
			 (other->min > base->max || other->max < base->min),
	};
}
