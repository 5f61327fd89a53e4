/* SPDX-License-Identifier: MIT */
/*
 * engine_metrics.c - DIR/.sheaf/metrics: the same counters as Prometheus reads them
 *
 * Text format 0.0.4: of each family HELP, TYPE, then all its samples together. Counters end in _total, units are seconds and bytes. Names and
 * labels are a contract: doc/architecture.md. Labels: queue (a front loop's), worker, lun, image, command, direction, kind.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/counter.h"
#include "cli/engine_process.h"
#include "cli/engine_sums.h"
#include "config.h"

#define NS_PER_SECOND 1e9
/* le of latencies: two a power of two, from 1 us to 69 s; each is the greatest value of a bucket, so that counts are exact. */
#define LATENCY_FIRST_BIT 10
#define LATENCY_LAST_BIT  36

static const unsigned bundle_sizes[] = { 1, 2, 3, 4, 6, 8, 12, 16, 24, SHEAF_BUNDLE_MAX };

static void family(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP sheaf_%s %s\n# TYPE sheaf_%s %s\n", name, help, name, type);
}

/* A label's value: backslash, quote and newline are escaped, all else stands as it is. */
static void put_value(FILE *out, const char *text)
{
	char *valid = sheaf_utf8(text);

	for (const char *p = valid ? valid : ""; *p; p++) {
		if (*p == '\n')
			fputs("\\n", out);
		else if (*p == '\\' || *p == '"')
			fprintf(out, "\\%c", *p);
		else
			fputc(*p, out);
	}
	free(valid);
}

static void put_label(FILE *out, const char *before, const char *name, const char *text)
{
	fprintf(out, "%s%s=\"", before, name);
	put_value(out, text);
	fputc('"', out);
}

static void info(FILE *out, const struct sheaf_engine *engine)
{
	family(out, "info", "gauge", "What is running; always 1.");
	put_label(out, "sheaf_info{", "version", PACKAGE_VERSION);
	put_label(out, ",", "transport", engine->fuse->over_uring ? "uring" : "dev");
	put_label(out, ",", "io", engine->io == SHEAF_IO_URING ? "uring" : "sync");
	put_label(out, ",", "deployment", sheaf_engine_deployment(engine));
	put_label(out, ",", "mode", engine->host->bundled ? "bundled" : "single");
	put_label(out, ",", "driver", engine->host->options.ops->name);
	fputs("} 1\n", out);
}

static void single(FILE *out, const char *name, const char *type, const char *help, uint64_t value)
{
	family(out, name, type, help);
	fprintf(out, "sheaf_%s %" PRIu64 "\n", name, value);
}

/* Counters of each queue. */
static const struct queue_row {
	const char *name, *type, *help;
	size_t offset;
} queue_rows[] = {
#define ROW(name, type, field, help)                                                               \
	{                                                                                          \
		name, type, help, offsetof(struct sheaf_queue_stats, field)                        \
	}
	ROW("tasks_started_total", "counter", started, "Tasks that were started."),
	ROW("tasks_ended_total", "counter", ended, "Tasks that ended, however they did."),
	ROW("tasks_in_flight", "gauge", in_flight, "Tasks that were started and have not ended."),
	ROW("task_errors_total", "counter", errors,
	    "Tasks that ended with anything but GOOD or CONDITION MET."),
	ROW("task_timeouts_total", "counter", timeouts, "Tasks that their deadline ended."),
	ROW("tasks_aborted_total", "counter", aborted, "Tasks that were aborted."),
	ROW("tasks_reissued_total", "counter", reissued,
	    "Tasks that were given to a driver again after it was gone."),
	ROW("task_retries_total", "counter", retries,
	    "Tasks that were sent again after a unit attention, BUSY or TASK SET FULL."),
	ROW("late_completions_total", "counter", late,
	    "Completions that came after their task's deadline."),
	ROW("slots_quarantined", "gauge", quarantined,
	    "Slots that the controller has not given back after a timeout."),
	ROW("escalation_aborts_total", "counter", aborts, "ABORT TASK for a task past its deadline."),
	ROW("escalation_lu_resets_total", "counter", lu_resets,
	    "LOGICAL UNIT RESET, after an abort that did not help."),
	ROW("escalation_driver_restarts_total", "counter", driver_restarts,
	    "Drivers that were to be replaced, for a task that neither ended or for violations."),
	ROW("escalation_failed_total", "counter", failed,
	    "Tasks that failed as no step of escalation ended them."),
#undef ROW
};

static void queues(FILE *out, const struct sheaf_engine *engine)
{
	for (size_t r = 0; r < sizeof(queue_rows) / sizeof(queue_rows[0]); r++) {
		const struct queue_row *row = &queue_rows[r];

		family(out, row->name, row->type, row->help);
		for (unsigned i = 0; i < engine->front_count; i++)
			fprintf(out, "sheaf_%s{queue=\"%u\"} %" PRIu64 "\n", row->name, i,
				sheaf_engine_count(engine, engine->host->queues[i], row->offset));
	}
}

static void bundles_of(FILE *out, const struct sheaf_queue *queue, const char *direction,
		       const struct sheaf_bundle_stats *stats)
{
	uint64_t counts[SHEAF_BUNDLE_MAX + 1], seen = 0, tasks = 0;
	unsigned size = 0;

	/* One reading: buckets, sum and count of a histogram must agree. */
	for (unsigned i = 0; i <= SHEAF_BUNDLE_MAX; i++) {
		counts[i] = sheaf_count_get(&stats->by_size[i]);
		tasks += i * counts[i];
	}
	for (size_t b = 0; b < sizeof(bundle_sizes) / sizeof(bundle_sizes[0]); b++) {
		while (size <= bundle_sizes[b])
			seen += counts[size++];
		fprintf(out,
			"sheaf_bundle_tasks_bucket{queue=\"%u\",direction=\"%s\",le=\"%u\"} "
			"%" PRIu64 "\n",
			queue->index, direction, bundle_sizes[b], seen);
	}
	fprintf(out,
		"sheaf_bundle_tasks_bucket{queue=\"%u\",direction=\"%s\",le=\"+Inf\"} %" PRIu64 "\n"
		"sheaf_bundle_tasks_sum{queue=\"%u\",direction=\"%s\"} %" PRIu64 "\n"
		"sheaf_bundle_tasks_count{queue=\"%u\",direction=\"%s\"} %" PRIu64 "\n",
		queue->index, direction, seen, queue->index, direction, tasks, queue->index,
		direction, seen);
}

static void bundles(FILE *out, const struct sheaf_engine *engine)
{
	family(out, "bundle_tasks", "histogram",
	       "Tasks in a bundle, on the way to the controller and back.");
	for (unsigned i = 0; i < engine->front_count; i++) {
		const struct sheaf_queue *queue = engine->host->queues[i];

		bundles_of(out, queue, "request", &queue->stats.requests);
		bundles_of(out, queue, "completion", &queue->stats.completions);
	}
}

static void lane_family(FILE *out, const struct sheaf_engine *engine, const char *name,
			const char *type, const char *help, size_t offset)
{
	family(out, name, type, help);
	for (unsigned i = 0; i < engine->front_count; i++)
		for (unsigned w = 0; w < engine->host->workers; w++) {
			const char *lane = (const char *)&engine->host->queues[i]->lanes[w];

			fprintf(out, "sheaf_%s{queue=\"%u\",worker=\"%u\"} %" PRIu64 "\n", name, i,
				w, sheaf_count_get((const _Atomic uint64_t *)(lane + offset)));
		}
}

/* A pool's only: fused, there is none. */
static void lanes(FILE *out, const struct sheaf_engine *engine)
{
	if (engine->host->workers == 0)
		return;
	lane_family(out, engine, "lane_bundles_total", "counter", "Bundles pushed into a lane.",
		    offsetof(struct sheaf_queue_lane, bundles));
	lane_family(out, engine, "lane_tasks_total", "counter", "Tasks pushed into a lane.",
		    offsetof(struct sheaf_queue_lane, tasks));
	lane_family(out, engine, "lane_tasks_in_flight", "gauge",
		    "Tasks pushed into a lane that have not come back.",
		    offsetof(struct sheaf_queue_lane, in_flight));
}

static void violations(FILE *out, const struct sheaf_engine *engine)
{
	family(out, "violations_total", "counter", "What the controller did that it may not.");
	for (unsigned i = 0; i < SHEAF_VIOLATION_KINDS; i++)
		fprintf(out, "sheaf_violations_total{kind=\"%s\"} %" PRIu64 "\n",
			sheaf_violation_names[i],
			sheaf_engine_count(engine, NULL,
					   offsetof(struct sheaf_queue_stats, violations) +
						   i * sizeof(_Atomic uint64_t)));
}

static void latency_bucket(FILE *out, const char *command, uint64_t upper_ns, uint64_t seen)
{
	fprintf(out,
		"sheaf_task_duration_seconds_bucket{command=\"%s\",le=\"%.12g\"} %" PRIu64 "\n",
		command, (double)upper_ns / NS_PER_SECOND, seen);
}

static void latency(FILE *out, const char *command, const struct sheaf_histogram_snapshot *h)
{
	uint64_t seen = 0;
	unsigned i = 0;

	for (unsigned bit = LATENCY_FIRST_BIT; bit <= LATENCY_LAST_BIT; bit++) {
		const uint64_t limits[] = { UINT64_C(1) << bit, UINT64_C(3) << (bit - 1) };

		for (unsigned half = 0; half < 2; half++) {
			while (i < SHEAF_HISTOGRAM_BUCKETS &&
			       sheaf_histogram_upper(i) < limits[half])
				seen += h->buckets[i++];
			latency_bucket(out, command, limits[half] - 1, seen);
		}
	}
	fprintf(out,
		"sheaf_task_duration_seconds_bucket{command=\"%s\",le=\"+Inf\"} %" PRIu64 "\n"
		"sheaf_task_duration_seconds_sum{command=\"%s\"} %.9f\n"
		"sheaf_task_duration_seconds_count{command=\"%s\"} %" PRIu64 "\n",
		command, h->count, command, (double)h->sum / NS_PER_SECOND, command, h->count);
}

/* Of all queues; a family's samples stand together, so what is read once is kept. */
static bool commands(FILE *out, const struct sheaf_engine *engine)
{
	struct sheaf_command_sum *sums = calloc(SHEAF_COMMAND_KINDS, sizeof(*sums));

	if (!sums)
		return false;
	for (unsigned i = 0; i < SHEAF_COMMAND_KINDS; i++)
		sheaf_engine_add_command(engine, NULL, (enum sheaf_command)i, &sums[i]);
	family(out, "task_duration_seconds", "histogram",
	       "From the hand-over of a task's bundle to the task's end.");
	for (unsigned i = 0; i < SHEAF_COMMAND_KINDS; i++)
		latency(out, sheaf_command_names[i], &sums[i].latency);
	family(out, "command_errors_total", "counter",
	       "Tasks that ended with anything but GOOD or CONDITION MET, by command.");
	for (unsigned i = 0; i < SHEAF_COMMAND_KINDS; i++)
		fprintf(out, "sheaf_command_errors_total{command=\"%s\"} %" PRIu64 "\n",
			sheaf_command_names[i], sums[i].errors);
	family(out, "command_bytes_total", "counter", "Bytes that tasks transferred, by command.");
	for (unsigned i = 0; i < SHEAF_COMMAND_KINDS; i++)
		fprintf(out, "sheaf_command_bytes_total{command=\"%s\"} %" PRIu64 "\n",
			sheaf_command_names[i], sums[i].bytes);
	free(sums);
	return true;
}

/* Counters of each disk. */
static const struct disk_row {
	const char *name, *help;
	size_t offset;
} disk_rows[] = {
#define ROW(name, field, help)                                                                     \
	{                                                                                          \
		name, help, offsetof(struct sheaf_disk_stats, field)                               \
	}
	ROW("lu_reads_total", reads, "FUSE reads that succeeded."),
	ROW("lu_writes_total", writes, "FUSE writes that succeeded."),
	ROW("lu_read_bytes_total", read_bytes, "Bytes of FUSE reads that succeeded."),
	ROW("lu_written_bytes_total", written_bytes, "Bytes of FUSE writes that succeeded."),
	ROW("lu_flushes_total", flushes, "SYNCHRONIZE CACHE commands that succeeded."),
	ROW("lu_unmaps_total", unmaps, "FALLOCATE requests that punch a hole."),
#undef ROW
};

static void disk_sample(FILE *out, const char *name, const struct sheaf_disk_file *file,
			uint64_t value)
{
	fprintf(out, "sheaf_%s{lun=\"%u\"", name, file->unit.lun);
	put_label(out, ",", "image", file->image);
	fprintf(out, "} %" PRIu64 "\n", value);
}

static void disks(FILE *out, const struct sheaf_engine *engine)
{
	const struct sheaf_disks *all = &engine->fuse->disks;

	family(out, "lu_size_bytes", "gauge", "Size of the disk.");
	for (unsigned i = 0; i < all->count; i++)
		disk_sample(out, "lu_size_bytes", &all->files[i], sheaf_disk_size(&all->files[i]));
	family(out, "lu_read_only", "gauge", "1: the disk is never written.");
	for (unsigned i = 0; i < all->count; i++)
		disk_sample(out, "lu_read_only", &all->files[i], all->files[i].unit.read_only);
	for (size_t r = 0; r < sizeof(disk_rows) / sizeof(disk_rows[0]); r++) {
		family(out, disk_rows[r].name, "counter", disk_rows[r].help);
		for (unsigned i = 0; i < all->count; i++) {
			const char *stats = (const char *)&all->files[i].stats;

			disk_sample(
				out, disk_rows[r].name, &all->files[i],
				sheaf_count_get(
					(const _Atomic uint64_t *)(stats + disk_rows[r].offset)));
		}
	}
}

char *sheaf_engine_metrics(void *arg, size_t *ret_length)
{
	const struct sheaf_engine *engine = arg;
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_length);
	bool whole;

	if (!out)
		return NULL;
	info(out, engine);
	single(out, "uptime_seconds", "gauge", "Since the start of the server.",
	       sheaf_engine_uptime_seconds(engine));
	single(out, "slots", "gauge", "Tasks that can be in flight, spares included.",
	       engine->host->slots);
	single(out, "loops", "gauge", "Loops that read requests.", engine->front_count);
	single(out, "workers", "gauge", "Loops that only run the driver.", engine->host->workers);
	single(out, "driver_restarts_total", "counter",
	       "Drivers in a process of their own that another one took over from.",
	       engine->process ? sheaf_life_info(engine->process->life).restarts : 0);
	queues(out, engine);
	bundles(out, engine);
	lanes(out, engine);
	single(out, "doorbells_total", "counter", "Doorbells that loops rang.",
	       SHEAF_ENGINE_LOOP_COUNT(engine, doorbells));
	single(out, "io_uring_enters_total", "counter", "Calls of io_uring_enter.",
	       SHEAF_ENGINE_LOOP_COUNT(engine, enters));
	single(out, "inline_completions_total", "counter",
	       "Operations that were done when their submission returned.",
	       SHEAF_ENGINE_LOOP_COUNT(engine, inline_completions));
	single(out, "turns_total", "counter", "Turns of all loops.",
	       SHEAF_ENGINE_LOOP_COUNT(engine, turns));
	single(out, "sleeps_total", "counter", "Turns in which a loop slept.",
	       SHEAF_ENGINE_LOOP_COUNT(engine, sleeps));
	violations(out, engine);
	whole = commands(out, engine);
	disks(out, engine);
	if (fclose(out) != 0 || !whole) {
		free(text);
		return NULL;
	}
	return text;
}
