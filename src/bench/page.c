/* SPDX-License-Identifier: MIT */
/* page.c - results as an HTML page that needs nothing else: no script, no file, no network */
#include "bench/plot.h"
#include "bench/report.h"

#include <string.h>

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<meta name=\"color-scheme\" content=\"light dark\">\n"
	"<title>sheaf bench</title>\n<style>\n"
	":root{color-scheme:light dark}\n"
	"body{font:15px/1.5 sans-serif;margin:0 "
	"auto;max-width:1040px;padding:1em;background:#fff;color:#1c1f23}\n"
	"p.say{margin:.2em 0 .2em "
	"1em}h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}h3{font-size:1em;margin:1.4em 0 "
	".3em}\n"
	"svg{max-width:100%;height:auto;display:block;margin:1em 0}\n"
	".wide{overflow-x:auto}table{border-collapse:collapse;font-size:13px;font-variant-numeric:"
	"tabular-nums}\n"
	"th,td{padding:.2em .6em;text-align:right;border-bottom:1px solid "
	"#d9dde3;white-space:nowrap}\n"
	"th:first-child,td:first-child{text-align:left}td.range{color:#555c66}\n"
	"dl{display:grid;grid-template-columns:max-content 1fr;gap:.1em "
	"1em;margin:0}dd{margin:0}dt{color:#555c66}\n"
	"@media (prefers-color-scheme:dark){body{background:#16191d;color:#e6e9ed}\n"
	"th,td{border-color:#343a42}td.range,dt{color:#a7b0bb}}\n"
	"</style>\n</head>\n<body>\n";

static const char explanation[] = "<p>The same work on the same image, with only the bundling "
				  "changed. <b>single</b>: single-task mode, without a "
				  "mapping of the slots, one call and one completion a task. "
				  "<b>1</b> to <b>32</b>: at most so many tasks in a "
				  "bundle. <b>auto</b>: what <code>sheaf mount</code> does by "
				  "itself. <b>fused</b>: the driver runs on the loop "
				  "that takes the requests; <b>pool</b>: on a loop of its own; "
				  "<b>process</b>: in a process of its own. "
				  "Cells are measured in rounds, each in another "
				  "order; shown are medians, with the least and the greatest of "
				  "all rounds. Costs are those of the serving process "
				  "and its driver's, per task.</p>\n";

static void put_paragraph(void *arg, const char *text)
{
	FILE *out = arg;
	size_t length = strlen(text);
	bool heading = length && text[length - 1] == ':';

	fputs(heading ? "<p><b>" : "<p class=\"say\">", out);
	sheaf_plot_escape(out, text);
	fputs(heading ? "</b></p>\n" : "</p>\n", out);
}

static void put_facts(const struct sheaf_bench_report *report, FILE *out)
{
	fputs("<h2>Machine</h2>\n<dl>\n", out);
	for (unsigned i = 0; i < SHEAF_BENCH_FACTS; i++) {
		fprintf(out, "<dt>%s</dt><dd>", report->facts[i].name);
		sheaf_plot_escape(out, report->facts[i].value);
		fputs("</dd>\n", out);
	}
	fputs("</dl>\n", out);
}

static void put_row(const struct sheaf_bench_cell *cell, FILE *out)
{
	static const struct {
		enum sheaf_bench_metric metric;
		int digits;
	} columns[] = {
		{ SHEAF_BENCH_MB_S, 1 },
		{ SHEAF_BENCH_P50, 1 },
		{ SHEAF_BENCH_P99, 1 },
		{ SHEAF_BENCH_P999, 1 },
		{ SHEAF_BENCH_CPU_USER, 2 },
		{ SHEAF_BENCH_CPU_SYSTEM, 2 },
		{ SHEAF_BENCH_CALLS, 3 },
		{ SHEAF_BENCH_ENTERS, 3 },
		{ SHEAF_BENCH_DOORBELLS, 3 },
		{ SHEAF_BENCH_SWITCHES, 3 },
		{ SHEAF_BENCH_REQUEST_BUNDLE, 2 },
		{ SHEAF_BENCH_COMPLETION_BUNDLE, 2 },
	};
	const struct sheaf_bench_spread *s = &cell->spread[SHEAF_BENCH_IOPS];

	fprintf(out, "<tr><td>%s</td><td>%s</td><td>%.0f</td><td class=\"range\">%.0f..%.0f</td>",
		sheaf_bench_limit_names[cell->config.limit],
		sheaf_bench_deployment_names[cell->config.deployment], s->median, s->min, s->max);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		fprintf(out, "<td>%.*f</td>", columns[i].digits,
			cell->spread[columns[i].metric].median);
	fputs("</tr>\n", out);
}

static void put_table(const struct sheaf_bench_report *report, enum sheaf_bench_path path,
		      const struct sheaf_bench_point *point, FILE *out)
{
	bool any = false;
	char bytes[16];

	for (unsigned i = 0; i < SHEAF_BENCH_DEPLOYMENTS * SHEAF_BENCH_LIMITS; i++) {
		const struct sheaf_bench_cell *cell = sheaf_bench_report_cell(
			report, path, (enum sheaf_bench_deployment)(i / SHEAF_BENCH_LIMITS),
			i % SHEAF_BENCH_LIMITS, point);

		if (!cell)
			continue;
		if (!any)
			fprintf(out,
				"<h3>%s: %s %s, %u at a time</h3>\n<div "
				"class=\"wide\"><table>\n<tr><th>limit</th>"
				"<th></th><th>IOPS</th><th></th><th>MB/s</th><th>p50 "
				"us</th><th>p99 us</th>"
				"<th>p99.9 us</th><th>CPU user us</th><th>system us</th><th>system "
				"calls</th>"
				"<th>enters</th><th>doorbells</th><th>switches</th><th>bundle "
				"to</th>"
				"<th>from</th></tr>\n",
				sheaf_bench_path_titles[path],
				sheaf_bench_bytes_text(point->bytes, bytes),
				sheaf_bench_work_names[point->work], point->depth);
		any = true;
		put_row(cell, out);
	}
	if (any)
		fputs("</table></div>\n", out);
}

void sheaf_bench_page(const struct sheaf_bench_report *report, FILE *out)
{
	fputs(head, out);
	fputs("<h1>What bundles bring, measured by sheaf bench</h1>\n", out);
	fputs(explanation, out);
	fputs("<h2>In words</h2>\n", out);
	sheaf_bench_words(report, put_paragraph, out);
	for (unsigned i = 0; i < 4 && report->notes[i][0]; i++)
		put_paragraph(out, report->notes[i]);
	fputs("<h2>In pictures</h2>\n<p>Whiskers reach from the least to the greatest round.</p>\n",
	      out);
	for (unsigned i = 0; i < SHEAF_BENCH_FIGURES; i++)
		sheaf_bench_figures[i].draw(report, out);
	put_facts(report, out);
	fputs("<h2>All figures</h2>\n", out);
	for (unsigned p = 0; p < report->plan->point_count; p++)
		for (unsigned path = 0; path < SHEAF_BENCH_PATHS; path++)
			put_table(report, (enum sheaf_bench_path)path, &report->plan->points[p],
				  out);
	fputs("</body>\n</html>\n", out);
}
