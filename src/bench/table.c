/* SPDX-License-Identifier: MIT */
/* table.c - results for a terminal: a block a path and deployment, a row a limit, at the point that says most. */
#include "bench/report.h"

#include <string.h>

const struct sheaf_bench_cell *sheaf_bench_report_cell(const struct sheaf_bench_report *report,
						       enum sheaf_bench_path path,
						       enum sheaf_bench_deployment deployment,
						       unsigned limit,
						       const struct sheaf_bench_point *point)
{
	const struct sheaf_bench_config config = { path, deployment, limit };
	const struct sheaf_bench_cell *cell =
		sheaf_bench_results_find(report->results, &config, point);

	return cell && cell->rounds ? cell : NULL;
}

const struct sheaf_bench_point *sheaf_bench_report_main(const struct sheaf_bench_report *report)
{
	const struct sheaf_bench_plan *plan = report->plan;
	int wanted = sheaf_bench_plan_find(plan, SHEAF_BENCH_READ, 4096, 32);
	const struct sheaf_bench_point *deepest = &plan->points[0];

	if (wanted >= 0)
		return &plan->points[wanted];
	for (unsigned i = 1; i < plan->point_count; i++)
		if (plan->points[i].depth > deepest->depth)
			deepest = &plan->points[i];
	return deepest;
}

/* "+23 %", "=" within the spread, "-" of the base itself. */
static void put_gain(char text[16], const struct sheaf_bench_cell *base,
		     const struct sheaf_bench_cell *cell)
{
	struct sheaf_bench_difference d;

	if (!base || base == cell) {
		strcpy(text, "-");
		return;
	}
	d = sheaf_bench_compare(&base->spread[SHEAF_BENCH_IOPS], &cell->spread[SHEAF_BENCH_IOPS]);
	if (d.clear)
		snprintf(text, 16, "%+.0f %%", d.change * 100);
	else
		strcpy(text, "=");
}

static void print_row(const struct sheaf_bench_cell *cell, const struct sheaf_bench_cell *base,
		      FILE *out)
{
	const struct sheaf_bench_spread *s = cell->spread;
	char range[32], gain[16], bundles[24];

	snprintf(range, sizeof(range), "(%.1f..%.1f)", s[SHEAF_BENCH_IOPS].min / 1e3,
		 s[SHEAF_BENCH_IOPS].max / 1e3);
	snprintf(bundles, sizeof(bundles), "%.1f/%.1f", s[SHEAF_BENCH_REQUEST_BUNDLE].median,
		 s[SHEAF_BENCH_COMPLETION_BUNDLE].median);
	put_gain(gain, base, cell);
	fprintf(out, "%-6s %8.1f %-17s %6s %7.0f %6.2f %6.3f %6.3f %9s\n",
		sheaf_bench_limit_names[cell->config.limit], s[SHEAF_BENCH_IOPS].median / 1e3,
		range, gain, s[SHEAF_BENCH_P99].median, s[SHEAF_BENCH_CPU].median,
		s[SHEAF_BENCH_CALLS].median, s[SHEAF_BENCH_SWITCHES].median, bundles);
}

static void print_block(const struct sheaf_bench_report *report, enum sheaf_bench_path path,
			enum sheaf_bench_deployment deployment,
			const struct sheaf_bench_point *point, FILE *out)
{
	const struct sheaf_bench_cell *base =
		sheaf_bench_report_cell(report, path, deployment, SHEAF_BENCH_SINGLE, point);
	bool any = false;

	for (unsigned limit = 0; limit < SHEAF_BENCH_LIMITS; limit++) {
		const struct sheaf_bench_cell *cell =
			sheaf_bench_report_cell(report, path, deployment, limit, point);

		if (!cell)
			continue;
		if (!any)
			fprintf(out, "\n%s, %s\n", sheaf_bench_path_titles[path],
				sheaf_bench_deployment_names[deployment]);
		any = true;
		print_row(cell, base, out);
	}
}

static void print_line(void *arg, const char *text)
{
	FILE *out = arg;
	size_t column = 0;

	/* Broken between words, at 79 columns. */
	while (*text) {
		size_t word = strcspn(text, " ");

		if (column && column + 1 + word > 79) {
			fputs("\n   ", out);
			column = 3;
		} else if (column) {
			fputc(' ', out);
			column++;
		}
		fprintf(out, "%.*s", (int)word, text);
		column += word;
		text += word;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

void sheaf_bench_table(const struct sheaf_bench_report *report, FILE *out)
{
	const struct sheaf_bench_point *point = sheaf_bench_report_main(report);
	char size[16];

	fprintf(out, "%s %s, %u at a time; medians of %u rounds (least..most)\n\n",
		sheaf_bench_bytes_text(point->bytes, size), sheaf_bench_work_names[point->work],
		point->depth, report->rounds);
	fprintf(out, "%-6s %8s %-17s %6s %7s %6s %6s %6s %9s\n", "limit", "kIOPS", "", "gain",
		"p99", "CPU", "system", "ctx", "bundle,");
	fprintf(out, "%-6s %8s %-17s %6s %7s %6s %6s %6s %9s\n", "", "", "", "", "us", "us",
		"calls", "switch", "to/from");
	for (unsigned p = 0; p < SHEAF_BENCH_PATHS; p++)
		for (unsigned d = 0; d < SHEAF_BENCH_DEPLOYMENTS; d++)
			print_block(report, (enum sheaf_bench_path)p,
				    (enum sheaf_bench_deployment)d, point, out);
	fputs("\ngain: IOPS over single-task mode; =: within the spread. CPU, system calls\n"
	      "and context switches are the server's, a task. auto: what sheaf mount does.\n\n",
	      out);
	sheaf_bench_words(report, print_line, out);
	for (unsigned i = 0; i < 4 && report->notes[i][0]; i++)
		print_line(out, report->notes[i]);
}
