/* SPDX-License-Identifier: MIT */
/* figures.c - which plots there are, and what of the results goes into each */
#include "bench/plot.h"
#include "bench/report.h"

#include <string.h>

#define PANELS_MAX (SHEAF_BENCH_PATHS * SHEAF_BENCH_DEPLOYMENTS)

static const char *const bundle_sizes[SHEAF_BUNDLE_MAX + 1] = {
	[1] = "1",   [4] = "4",	  [8] = "8",   [12] = "12", [16] = "16",
	[20] = "20", [24] = "24", [28] = "28", [32] = "32",
};

static void describe(const struct sheaf_bench_point *point, const char *what, char *text,
		     size_t size)
{
	char bytes[16];

	snprintf(text, size, "%s; %s %s, %u at a time", what,
		 sheaf_bench_bytes_text(point->bytes, bytes), sheaf_bench_work_names[point->work],
		 point->depth);
}

/* A line over all limits. */
static void add_limits(const struct sheaf_bench_report *report, enum sheaf_bench_path path,
		       enum sheaf_bench_deployment deployment, enum sheaf_bench_metric metric,
		       double scale, struct sheaf_plot_series *series)
{
	const struct sheaf_bench_point *point = sheaf_bench_report_main(report);

	*series = (struct sheaf_plot_series){ .name = sheaf_bench_deployment_names[deployment],
					      .colour = deployment };
	for (unsigned limit = 0; limit < SHEAF_BENCH_LIMITS; limit++) {
		const struct sheaf_bench_cell *cell =
			sheaf_bench_report_cell(report, path, deployment, limit, point);
		const struct sheaf_bench_spread *s = cell ? &cell->spread[metric] : NULL;

		if (s)
			sheaf_plot_add(series, limit, s->median * scale, s->min * scale,
				       s->max * scale, 0);
	}
}

static bool draw_limits(const struct sheaf_bench_report *report, const char *what,
			const char *y_label, enum sheaf_bench_metric metric, double scale,
			FILE *out)
{
	struct sheaf_plot_panel panels[SHEAF_BENCH_PATHS];
	unsigned n = 0;
	char title[160];

	for (unsigned p = 0; p < SHEAF_BENCH_PATHS; p++) {
		struct sheaf_plot_panel *panel = &panels[n];

		*panel = (struct sheaf_plot_panel){
			.title = sheaf_bench_path_titles[p],
			.x_label = "most tasks in a bundle",
			.y_label = y_label,
			.categories = sheaf_bench_limit_names,
			.category_count = SHEAF_BENCH_LIMITS,
		};
		for (unsigned d = 0; d < SHEAF_BENCH_DEPLOYMENTS; d++) {
			struct sheaf_plot_series *series = &panel->series[panel->series_count];

			add_limits(report, (enum sheaf_bench_path)p, (enum sheaf_bench_deployment)d,
				   metric, scale, series);
			panel->series_count += series->count > 0;
		}
		n += panel->series_count > 0;
	}
	if (!n)
		return false;
	describe(sheaf_bench_report_main(report), what, title, sizeof(title));
	sheaf_plot_figure(out, title, panels, n, SHEAF_BENCH_PATHS);
	return true;
}

static bool draw_iops(const struct sheaf_bench_report *report, FILE *out)
{
	return draw_limits(report, "Requests a second", "1000 IOPS", SHEAF_BENCH_IOPS, 1e-3, out);
}

static bool draw_cpu(const struct sheaf_bench_report *report, FILE *out)
{
	return draw_limits(report, "CPU time of the server", "us per task", SHEAF_BENCH_CPU, 1,
			   out);
}

/* A row a deployment, also where a path is left out. */
static unsigned columns(unsigned panels)
{
	return panels > SHEAF_BENCH_PATHS ?
		       (panels + SHEAF_BENCH_DEPLOYMENTS - 1) / SHEAF_BENCH_DEPLOYMENTS :
		       SHEAF_BENCH_PATHS;
}

/* A line over all depths. */
static void add_depths(const struct sheaf_bench_report *report, enum sheaf_bench_path path,
		       enum sheaf_bench_deployment deployment, unsigned limit,
		       struct sheaf_plot_series *series)
{
	const struct sheaf_bench_point *main = sheaf_bench_report_main(report);

	for (unsigned depth = 1; depth <= SHEAF_BENCH_DEPTH_MAX; depth++) {
		int i = sheaf_bench_plan_find(report->plan, main->work, main->bytes, depth);
		const struct sheaf_bench_cell *cell =
			i < 0 ? NULL
			      : sheaf_bench_report_cell(report, path, deployment, limit,
							&report->plan->points[i]);

		if (cell)
			sheaf_plot_add(series, cell->spread[SHEAF_BENCH_IOPS].median / 1e3,
				       cell->spread[SHEAF_BENCH_P99].median,
				       cell->spread[SHEAF_BENCH_P99].min,
				       cell->spread[SHEAF_BENCH_P99].max,
				       limit == SHEAF_BENCH_AUTO ? depth : 0);
	}
}

static bool draw_latency(const struct sheaf_bench_report *report, FILE *out)
{
	static const char *const names[] = { "fused, single", "fused, bundles",	 "pool, single",
					     "pool, bundles", "process, single", "process, bundles" };
	struct sheaf_plot_panel panels[PANELS_MAX];
	const struct sheaf_bench_point *main = sheaf_bench_report_main(report);
	char title[160], bytes[16];
	unsigned n = 0;

	for (unsigned p = 0; p < SHEAF_BENCH_PATHS * SHEAF_BENCH_DEPLOYMENTS; p++) {
		unsigned path = p % SHEAF_BENCH_PATHS, deployment = p / SHEAF_BENCH_PATHS;
		struct sheaf_plot_panel *panel = &panels[n];

		*panel = (struct sheaf_plot_panel){
			.title = sheaf_bench_path_titles[path],
			.x_label = "1000 IOPS",
			.y_label = "p99 latency, us",
			.log_y = true,
		};
		for (unsigned bundled = 0; bundled < 2; bundled++) {
			struct sheaf_plot_series *series = &panel->series[panel->series_count];

			*series = (struct sheaf_plot_series){
				.name = names[deployment * 2 + bundled],
				.colour = deployment,
				.dashed = !bundled,
			};
			add_depths(report, (enum sheaf_bench_path)path,
				   (enum sheaf_bench_deployment)deployment,
				   bundled ? SHEAF_BENCH_AUTO : SHEAF_BENCH_SINGLE, series);
			panel->series_count += series->count > 0;
		}
		n += panel->series_count > 0;
	}
	if (!n)
		return false;
	snprintf(title, sizeof(title),
		 "Latency against load; %s %s, numbers are requests at a time",
		 sheaf_bench_bytes_text(main->bytes, bytes), sheaf_bench_work_names[main->work]);
	sheaf_plot_figure(out, title, panels, n,
			  columns(n));
	return true;
}

/* Which part of the tasks went in bundles of each size. */
static void add_sizes(const struct sheaf_bench_bundles *bundles, struct sheaf_plot_series *series)
{
	for (unsigned size = 1; size <= SHEAF_BUNDLE_MAX && bundles->tasks; size++) {
		double part =
			100.0 * (double)(bundles->by_size[size] * size) / (double)bundles->tasks;

		sheaf_plot_add(series, size, part, part, part, 0);
	}
}

static bool draw_sizes(const struct sheaf_bench_report *report, FILE *out)
{
	static const char *const names[PANELS_MAX] = {
		"engine, fused", "/dev/fuse, fused", "FUSE over io_uring, fused",
		"engine, pool",	 "/dev/fuse, pool",  "FUSE over io_uring, pool",
		NULL, "/dev/fuse, process", "FUSE over io_uring, process",
	};
	const struct sheaf_bench_point *main = sheaf_bench_report_main(report);
	const char *categories[SHEAF_BUNDLE_MAX + 1];
	struct sheaf_plot_panel panels[PANELS_MAX];
	unsigned n = 0;
	char title[160];

	for (unsigned i = 0; i <= SHEAF_BUNDLE_MAX; i++)
		categories[i] = bundle_sizes[i] ? bundle_sizes[i] : "";
	for (unsigned p = 0; p < PANELS_MAX; p++) {
		const struct sheaf_bench_cell *cell = sheaf_bench_report_cell(
			report, (enum sheaf_bench_path)(p % SHEAF_BENCH_PATHS),
			(enum sheaf_bench_deployment)(p / SHEAF_BENCH_PATHS), SHEAF_BENCH_AUTO,
			main);
		struct sheaf_plot_panel *panel = &panels[n];

		if (!cell)
			continue;
		*panel = (struct sheaf_plot_panel){
			.title = names[p],
			.x_label = "tasks in the bundle",
			.y_label = "% of the tasks",
			.categories = categories,
			.category_count = SHEAF_BUNDLE_MAX + 1,
			.bars = true,
			.series_count = 2,
			.series = { { .name = "to the driver", .colour = 0 },
				    { .name = "back", .colour = 1 } },
		};
		add_sizes(&cell->counters.requests, &panel->series[0]);
		add_sizes(&cell->counters.completions, &panel->series[1]);
		n++;
	}
	if (!n)
		return false;
	describe(main, "Sizes of bundles, auto", title, sizeof(title));
	sheaf_plot_figure(out, title, panels, n,
			  columns(n));
	return true;
}

const struct sheaf_bench_figure sheaf_bench_figures[] = {
	{ "iops", "Requests a second against the limit of bundles", draw_iops },
	{ "cpu", "CPU time per task against the limit of bundles", draw_cpu },
	{ "latency", "Latency against load", draw_latency },
	{ "bundles", "Sizes of bundles", draw_sizes },
};
