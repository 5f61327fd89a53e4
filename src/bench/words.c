/* SPDX-License-Identifier: MIT */
/*
 * words.c - what bundling brings and costs, said from the figures of this run
 *
 * A difference counts only where the ranges of both sides do not overlap: the worst round of the one is better than the best of
 * the other. With n rounds each, chance does that in 2 of (2n over n) cases: 4 rounds 3 %, 5 rounds 0.8 %.
 */
#include "bench/report.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

/* What is looked at: which way is good, and what it is called. */
static const struct {
	enum sheaf_bench_metric metric;
	bool more_is_better;
	const char *name;
} measures[] = {
	{ SHEAF_BENCH_IOPS, true, "IOPS" },
	{ SHEAF_BENCH_CPU, false, "CPU per task" },
	{ SHEAF_BENCH_CALLS, false, "system calls per task" },
	{ SHEAF_BENCH_P99, false, "p99 latency" },
};
#define MEASURES (sizeof(measures) / sizeof(measures[0]))

__attribute__((format(printf, 3, 4))) static void append(char *text, size_t size,
							 const char *format, ...)
{
	size_t length = strlen(text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text + length, size - length, format, arguments);
	va_end(arguments);
}

/* Appends what is clearly better (@good), or clearly worse. Returns how many things that were. */
static unsigned list(char *text, size_t size, const struct sheaf_bench_cell *single,
		     const struct sheaf_bench_cell *bundled, bool good)
{
	unsigned n = 0;

	for (size_t i = 0; i < MEASURES; i++) {
		struct sheaf_bench_difference d = sheaf_bench_compare(
			&single->spread[measures[i].metric], &bundled->spread[measures[i].metric]);

		if (!d.clear || fabs(d.change) < 0.005 ||
		    (d.change > 0) != (measures[i].more_is_better == good))
			continue;
		append(text, size, "%s%s %+.0f %%", n ? ", " : "", measures[i].name,
		       d.change * 100);
		n++;
	}
	return n;
}

static void compare(const struct sheaf_bench_report *report, enum sheaf_bench_path path,
		    enum sheaf_bench_deployment deployment, const struct sheaf_bench_point *point,
		    sheaf_bench_line line, void *arg)
{
	const struct sheaf_bench_cell *single =
		sheaf_bench_report_cell(report, path, deployment, SHEAF_BENCH_SINGLE, point);
	const struct sheaf_bench_cell *bundled =
		sheaf_bench_report_cell(report, path, deployment, SHEAF_BENCH_AUTO, point);
	char text[512] = "", worse[256] = "";
	unsigned good, bad;

	if (!bundled)
		bundled = sheaf_bench_report_cell(report, path, deployment, SHEAF_BENCH_LIMIT_32,
						  point);
	if (!single || !bundled)
		return;
	append(text, sizeof(text), "%s, %s: ", sheaf_bench_path_titles[path],
	       sheaf_bench_deployment_names[deployment]);
	bad = list(worse, sizeof(worse), single, bundled, false);
	good = list(text, sizeof(text), single, bundled, true);
	if (good && bad)
		append(text, sizeof(text), "; at a cost: %s", worse);
	else if (bad)
		append(text, sizeof(text), "nothing gained; at a cost: %s", worse);
	else if (!good)
		append(text, sizeof(text), "nothing beyond the spread");
	append(text, sizeof(text), ". Mean bundle %.1f",
	       bundled->spread[SHEAF_BENCH_REQUEST_BUNDLE].median);
	line(arg, text);
}

static void compare_all(const struct sheaf_bench_report *report,
			const struct sheaf_bench_point *point, sheaf_bench_line line, void *arg)
{
	char text[160], size[16];

	snprintf(text, sizeof(text), "Bundles against single-task mode, %s %s, %u at a time:",
		 sheaf_bench_bytes_text(point->bytes, size), sheaf_bench_work_names[point->work],
		 point->depth);
	line(arg, text);
	for (unsigned p = 0; p < SHEAF_BENCH_PATHS; p++)
		for (unsigned d = 0; d < SHEAF_BENCH_DEPLOYMENTS; d++)
			compare(report, (enum sheaf_bench_path)p, (enum sheaf_bench_deployment)d,
				point, line, arg);
}

/* 32 and auto are the same settings today, so what differs between them says what differs by chance. */
static void say_noise(const struct sheaf_bench_report *report, sheaf_bench_line line, void *arg)
{
	const struct sheaf_bench_point *point = sheaf_bench_report_main(report);
	double most = 0, orders = 1;
	bool any = false;
	char text[320];

	for (unsigned p = 0; p < SHEAF_BENCH_PATHS; p++)
		for (unsigned d = 0; d < SHEAF_BENCH_DEPLOYMENTS; d++) {
			const struct sheaf_bench_cell *a = sheaf_bench_report_cell(
				report, (enum sheaf_bench_path)p, (enum sheaf_bench_deployment)d,
				SHEAF_BENCH_LIMIT_32, point);
			const struct sheaf_bench_cell *b = sheaf_bench_report_cell(
				report, (enum sheaf_bench_path)p, (enum sheaf_bench_deployment)d,
				SHEAF_BENCH_AUTO, point);

			if (!a || !b)
				continue;
			any = true;
			most = fmax(most, fabs(sheaf_bench_compare(&a->spread[SHEAF_BENCH_IOPS],
								   &b->spread[SHEAF_BENCH_IOPS])
						       .change));
		}
	if (report->rounds < SHEAF_BENCH_ROUNDS_CLEAR) {
		snprintf(
			text, sizeof(text),
			"Nothing is compared: it takes %u rounds to tell a difference from chance, "
			"and these were %u.",
			SHEAF_BENCH_ROUNDS_CLEAR, report->rounds);
		line(arg, text);
		return;
	}
	for (unsigned i = 1; i <= report->rounds; i++)
		orders = orders * (report->rounds + i) / i;
	snprintf(text, sizeof(text),
		 "How sure: what is named here was better, or worse, in every round of the one "
		 "than in any "
		 "of the other; of %u rounds, chance does that in %.1f %% of all comparisons.",
		 report->rounds, 200 / orders);
	line(arg, text);
	if (!any)
		return;
	snprintf(text, sizeof(text),
		 "A limit of 32 and auto are the same settings, and their median IOPS differ by up "
		 "to %.0f %% here; smaller differences mean nothing.",
		 ceil(most * 100));
	line(arg, text);
}

void sheaf_bench_words(const struct sheaf_bench_report *report, sheaf_bench_line line, void *arg)
{
	const struct sheaf_bench_point *main = sheaf_bench_report_main(report);
	int small = sheaf_bench_plan_find(report->plan, main->work, 512, main->depth);
	int shallow = sheaf_bench_plan_find(report->plan, main->work, main->bytes, 1);

	if (report->rounds < SHEAF_BENCH_ROUNDS_CLEAR) {
		say_noise(report, line, arg);
		return;
	}
	compare_all(report, main, line, arg);
	if (small >= 0 && main->bytes > 512)
		compare_all(report, &report->plan->points[small], line, arg);
	if (shallow >= 0 && main->depth > 1)
		compare_all(report, &report->plan->points[shallow], line, arg);
	say_noise(report, line, arg);
}
