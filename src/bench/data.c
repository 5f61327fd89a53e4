/* SPDX-License-Identifier: MIT */
/* data.c - results as CSV and JSON, and all files of a report */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "bench/report.h"

static void put_cell(const struct sheaf_bench_cell *cell, FILE *out)
{
	fprintf(out, "%s,%s,%s,%s,%u,%u", sheaf_bench_path_names[cell->config.path],
		sheaf_bench_deployment_names[cell->config.deployment],
		sheaf_bench_limit_names[cell->config.limit],
		sheaf_bench_work_names[cell->point.work], cell->point.bytes, cell->point.depth);
}

void sheaf_bench_csv(const struct sheaf_bench_report *report, FILE *out)
{
	fputs("path,deployment,limit,work,bytes,depth,rounds", out);
	for (unsigned m = 0; m < SHEAF_BENCH_METRICS; m++)
		fprintf(out, ",%s,%s_min,%s_max", sheaf_bench_metric_names[m],
			sheaf_bench_metric_names[m], sheaf_bench_metric_names[m]);
	fputc('\n', out);
	for (unsigned i = 0; i < report->results->cell_count; i++) {
		const struct sheaf_bench_cell *cell = &report->results->cells[i];

		if (!cell->rounds)
			continue;
		put_cell(cell, out);
		fprintf(out, ",%u", cell->rounds);
		for (unsigned m = 0; m < SHEAF_BENCH_METRICS; m++)
			fprintf(out, ",%.6g,%.6g,%.6g", cell->spread[m].median, cell->spread[m].min,
				cell->spread[m].max);
		fputc('\n', out);
	}
}

void sheaf_bench_csv_rounds(const struct sheaf_bench_report *report, FILE *out)
{
	fputs("path,deployment,limit,work,bytes,depth,round", out);
	for (unsigned m = 0; m < SHEAF_BENCH_METRICS; m++)
		fprintf(out, ",%s", sheaf_bench_metric_names[m]);
	fputc('\n', out);
	for (unsigned i = 0; i < report->results->cell_count; i++) {
		const struct sheaf_bench_cell *cell = &report->results->cells[i];

		for (unsigned r = 0; r < cell->rounds; r++) {
			put_cell(cell, out);
			fprintf(out, ",%u", r + 1);
			for (unsigned m = 0; m < SHEAF_BENCH_METRICS; m++)
				fprintf(out, ",%.6g", cell->values[r][m]);
			fputc('\n', out);
		}
	}
}

static json_t *sizes(const struct sheaf_bench_bundles *bundles)
{
	json_t *array = json_array();

	for (unsigned i = 0; i <= SHEAF_BUNDLE_MAX; i++)
		json_array_append_new(array, json_integer((json_int_t)bundles->by_size[i]));
	return array;
}

static json_t *metric(const struct sheaf_bench_cell *cell, unsigned m)
{
	json_t *rounds = json_array();

	for (unsigned r = 0; r < cell->rounds; r++)
		json_array_append_new(rounds, json_real(cell->values[r][m]));
	return json_pack("{s:f,s:f,s:f,s:o}", "median", cell->spread[m].median, "min",
			 cell->spread[m].min, "max", cell->spread[m].max, "rounds", rounds);
}

static json_t *cell_object(const struct sheaf_bench_cell *cell)
{
	json_t *o = json_pack(
		"{s:s,s:s,s:s,s:s,s:i,s:i,s:I,s:I,s:I,s:I,s:o,s:o}", "path",
		sheaf_bench_path_names[cell->config.path], "deployment",
		sheaf_bench_deployment_names[cell->config.deployment], "limit",
		sheaf_bench_limit_names[cell->config.limit], "work",
		sheaf_bench_work_names[cell->point.work], "bytes", (int)cell->point.bytes, "depth",
		(int)cell->point.depth, "tasks", (json_int_t)cell->counters.tasks, "errors",
		(json_int_t)cell->counters.errors, "system_calls", (json_int_t)cell->counters.calls,
		"io_uring_enters", (json_int_t)cell->counters.enters, "request_bundles_by_size",
		sizes(&cell->counters.requests), "completion_bundles_by_size",
		sizes(&cell->counters.completions));

	for (unsigned m = 0; m < SHEAF_BENCH_METRICS; m++)
		json_object_set_new(o, sheaf_bench_metric_names[m], metric(cell, m));
	return o;
}

static void add_words(void *arg, const char *text)
{
	json_array_append_new(arg, json_string(text));
}

int sheaf_bench_json(const struct sheaf_bench_report *report, FILE *out)
{
	json_t *machine = json_object(), *words = json_array(), *cells = json_array();
	json_t *notes = json_array(), *o;
	int r;

	for (unsigned i = 0; i < SHEAF_BENCH_FACTS; i++)
		json_object_set_new(machine, report->facts[i].name,
				    json_string(report->facts[i].value));
	sheaf_bench_words(report, add_words, words);
	for (unsigned i = 0; i < 4 && report->notes[i][0]; i++)
		json_array_append_new(notes, json_string(report->notes[i]));
	for (unsigned i = 0; i < report->results->cell_count; i++)
		if (report->results->cells[i].rounds)
			json_array_append_new(cells, cell_object(&report->results->cells[i]));
	o = json_pack("{s:o,s:i,s:o,s:o,s:o}", "machine", machine, "rounds", (int)report->rounds,
		      "words", words, "notes", notes, "cells", cells);
	r = o && json_dumpf(o, out, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) == 0 ? 0 : -ENOMEM;
	json_decref(o);
	fputc('\n', out);
	return r;
}

/* Files */

static FILE *open_file(const char *directory, const char *name, const char *suffix, char **ret_path)
{
	FILE *out;

	if (asprintf(ret_path, "%s/%s%s", directory, name, suffix) < 0) {
		*ret_path = NULL;
		return NULL;
	}
	out = fopen(*ret_path, "we");
	if (!out)
		sheaf_error("%s: %s", *ret_path, strerror(errno));
	return out;
}

static int close_file(FILE *out, const char *path)
{
	bool failed = ferror(out);

	if (fclose(out) != 0 || failed) {
		sheaf_error("%s: cannot be written", path);
		return -EIO;
	}
	return 0;
}

static int json_file(const struct sheaf_bench_report *report, FILE *out)
{
	return sheaf_bench_json(report, out);
}

static int csv_file(const struct sheaf_bench_report *report, FILE *out)
{
	sheaf_bench_csv(report, out);
	return 0;
}

static int rounds_file(const struct sheaf_bench_report *report, FILE *out)
{
	sheaf_bench_csv_rounds(report, out);
	return 0;
}

static int page_file(const struct sheaf_bench_report *report, FILE *out)
{
	sheaf_bench_page(report, out);
	return 0;
}

static int write_figure(const struct sheaf_bench_report *report, const char *directory,
			const struct sheaf_bench_figure *figure)
{
	CLEANUP_FREE char *path = NULL;
	FILE *out = open_file(directory, figure->name, ".svg", &path);
	bool drawn;
	int r;

	if (!out)
		return -EIO;
	drawn = figure->draw(report, out);
	r = close_file(out, path);
	if (!drawn)
		remove(path); /* an old one would say something else */
	return r;
}

int sheaf_bench_report_write(const struct sheaf_bench_report *report, const char *directory)
{
	static const struct {
		const char *name, *suffix;
		int (*write)(const struct sheaf_bench_report *report, FILE *out);
	} files[] = { { "bench", ".csv", csv_file },
		      { "rounds", ".csv", rounds_file },
		      { "bench", ".json", json_file },
		      { "bench", ".html", page_file } };
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(files) / sizeof(files[0]); i++) {
		CLEANUP_FREE char *path = NULL;
		FILE *out = open_file(directory, files[i].name, files[i].suffix, &path);
		int closed;

		if (!out)
			return -EIO;
		r = files[i].write(report, out);
		closed = close_file(out, path);
		r = r < 0 ? r : closed;
	}
	for (unsigned i = 0; r == 0 && i < SHEAF_BENCH_FIGURES; i++)
		r = write_figure(report, directory, &sheaf_bench_figures[i]);
	return r;
}
