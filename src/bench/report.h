/* SPDX-License-Identifier: MIT */
/**
 * report.h - the ways in which results are shown
 */
#ifndef SHEAF_BENCH_REPORT_H
#define SHEAF_BENCH_REPORT_H

#include <stdio.h>

#include "bench/machine.h"
#include "bench/results.h"

struct sheaf_bench_report {
	const struct sheaf_bench_plan *plan;
	const struct sheaf_bench_results *results;
	struct sheaf_bench_fact facts[SHEAF_BENCH_FACTS];
	unsigned rounds;
	char notes[4][200]; /* what was not measured, and why; empty ones last */
};

/** A cell that was measured, or NULL. @limit: SHEAF_BENCH_SINGLE ... */
const struct sheaf_bench_cell *sheaf_bench_report_cell(const struct sheaf_bench_report *report,
						       enum sheaf_bench_path path,
						       enum sheaf_bench_deployment deployment,
						       unsigned limit,
						       const struct sheaf_bench_point *point);
/** The point that says most: 4 KiB reads at depth 32, or what comes next to that. */
const struct sheaf_bench_point *sheaf_bench_report_main(const struct sheaf_bench_report *report);

/** In 80 columns. */
void sheaf_bench_table(const struct sheaf_bench_report *report, FILE *out);

/** What the figures say, line by line, each without a newline; words.c. */
typedef void (*sheaf_bench_line)(void *arg, const char *text);
void sheaf_bench_words(const struct sheaf_bench_report *report, sheaf_bench_line line, void *arg);

/** A row a cell, with median, least and greatest; and a row a round. */
void sheaf_bench_csv(const struct sheaf_bench_report *report, FILE *out);
void sheaf_bench_csv_rounds(const struct sheaf_bench_report *report, FILE *out);
/** Everything. 0 or -ENOMEM. */
int sheaf_bench_json(const struct sheaf_bench_report *report, FILE *out);

/** The plots, as SVG; figures.c. False: there is nothing to show, nothing was written. */
struct sheaf_bench_figure {
	const char *name; /* of the file, without .svg */
	const char *title;
	bool (*draw)(const struct sheaf_bench_report *report, FILE *out);
};
#define SHEAF_BENCH_FIGURES 4
extern const struct sheaf_bench_figure sheaf_bench_figures[SHEAF_BENCH_FIGURES];

/** A page with all of it, that needs nothing else. */
void sheaf_bench_page(const struct sheaf_bench_report *report, FILE *out);

/**
 * sheaf_bench_report_write() - bench.csv, rounds.csv, bench.json, bench.html and the plots into @directory
 * Return: 0, or -errno, reported.
 */
int sheaf_bench_report_write(const struct sheaf_bench_report *report, const char *directory);

#endif
