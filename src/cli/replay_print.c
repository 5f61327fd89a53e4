/* SPDX-License-Identifier: MIT */
/* replay_print.c - a recording for people, and for fio; see replay.h */
#include "cli/replay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"

/* Sizes are counted by powers of two, from 512 bytes. */
#define SIZE_SHIFT   9
#define SIZE_CLASSES 24
/* fio drops waits that are shorter. */
#define FIO_WAIT_MIN_NS 100000

/* Tasks of one command. */
struct group {
	const char *name;
	size_t count, errors, next; /* next: where its latencies go */
	uint64_t bytes;
	uint64_t *latencies;
};
#define GROUPS_MAX 64

static int by_latency(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

static struct group *group_of(struct group groups[], unsigned *count,
			      const struct sheaf_recorded *task)
{
	const char *name = sheaf_recorded_name(task);

	for (unsigned i = 0; i < *count; i++)
		if (strcmp(groups[i].name, name) == 0)
			return &groups[i];
	if (*count == GROUPS_MAX) /* the table of commands is shorter */
		return &groups[GROUPS_MAX - 1];
	groups[*count].name = name;
	return &groups[(*count)++];
}

/* In us; @q of 1000. */
static double quantile(const struct group *g, unsigned q)
{
	return (double)g->latencies[(g->count - 1) * q / 1000] / 1000;
}

static void print_groups(struct group groups[], unsigned count)
{
	printf("%-22s %10s %10s %8s %9s %9s %9s %9s %9s\n", "command", "tasks", "MiB", "errors",
	       "p50 us", "p90", "p99", "p99.9", "max");
	for (unsigned i = 0; i < count; i++) {
		struct group *g = &groups[i];

		qsort(g->latencies, g->count, sizeof(*g->latencies), by_latency);
		printf("%-22s %10zu %10.1f %8zu %9.1f %9.1f %9.1f %9.1f %9.1f\n", g->name, g->count,
		       (double)g->bytes / (1 << 20), g->errors, quantile(g, 500), quantile(g, 900),
		       quantile(g, 990), quantile(g, 999), quantile(g, 1000));
	}
}

static int summarise_commands(const struct sheaf_recording *r)
{
	CLEANUP_FREE uint64_t *latencies = calloc(r->count + 1, sizeof(*latencies));
	struct group groups[GROUPS_MAX] = { 0 };
	unsigned count = 0;
	size_t at = 0;

	if (!latencies)
		return -ENOMEM;
	for (size_t i = 0; i < r->count; i++) {
		struct group *g = group_of(groups, &count, &r->tasks[i]);

		g->count++;
		g->bytes += r->tasks[i].record.transferred;
		g->errors += !sheaf_recorded_good(&r->tasks[i]);
	}
	for (unsigned i = 0; i < count; i++) {
		groups[i].latencies = latencies + at;
		at += groups[i].count;
	}
	for (size_t i = 0; i < r->count; i++) {
		struct group *g = group_of(groups, &count, &r->tasks[i]);

		g->latencies[g->next++] = r->tasks[i].record.latency_ns;
	}
	print_groups(groups, count);
	return 0;
}

static unsigned size_class(uint64_t bytes)
{
	unsigned c = 0;

	while (c < SIZE_CLASSES - 1 && bytes >> (SIZE_SHIFT + c + 1))
		c++;
	return c;
}

static void summarise_sizes(const struct sheaf_recording *r)
{
	size_t count[SIZE_CLASSES] = { 0 };
	bool any = false;

	for (size_t i = 0; i < r->count; i++)
		if (r->tasks[i].length)
			count[size_class(r->tasks[i].length)]++;
	printf("sizes        ");
	for (unsigned c = 0; c < SIZE_CLASSES; c++) {
		if (!count[c])
			continue;
		if (c + SIZE_SHIFT < 10)
			printf(" 512: %zu", count[c]);
		else if (c + SIZE_SHIFT < 20)
			printf(" %uK: %zu", 1u << (c + SIZE_SHIFT - 10), count[c]);
		else
			printf(" %uM: %zu", 1u << (c + SIZE_SHIFT - 20), count[c]);
		any = true;
	}
	printf("%s\n", any ? " (and up to the next)" : " none");
}

/* Bundles by the tasks that they had, also those whose other tasks are not in the recording. */
static void summarise_bundles(const struct sheaf_recording *r)
{
	size_t by_size[SHEAF_BUNDLE_MAX + 1] = { 0 }, bundles = 0;
	uint64_t tasks = 0;

	for (size_t i = 0; i < r->count; i++) {
		const struct sheaf_record *t = &r->tasks[i].record;
		const struct sheaf_record *before = i ? &r->tasks[i - 1].record : NULL;

		if (before && before->queue == t->queue && before->bundle == t->bundle &&
		    before->start_ns == t->start_ns)
			continue;
		by_size[t->bundle_size]++;
		bundles++;
		tasks += t->bundle_size;
	}
	printf("bundles       %zu, mean %.2f tasks;", bundles,
	       bundles ? (double)tasks / (double)bundles : 0);
	for (unsigned n = 1; n <= SHEAF_BUNDLE_MAX; n++)
		if (by_size[n])
			printf(" %u: %zu", n, by_size[n]);
	printf("\n");
}

static void print_begin(const struct sheaf_recording *r)
{
	time_t seconds = (time_t)(r->header.realtime_ns / 1000000000);
	char text[64] = "?";
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %Z", &tm);
	printf("began         %s; %u queues, %s, %s\n", text, r->header.queues,
	       r->header.lanes ? "pool" : "fused",
	       r->header.flags & SHEAF_RECORD_SINGLE ? "single" : "bundled");
	for (uint32_t i = 0; i < r->header.unit_count; i++)
		printf("lun %-9u %.1f MiB in blocks of %u%s\n", r->units[i].lun,
		       (double)(r->units[i].blocks * r->units[i].block_size) / (1 << 20),
		       r->units[i].block_size,
		       r->units[i].flags & SHEAF_RECORD_READ_ONLY ? ", read-only" : "");
}

int sheaf_replay_summary(const char *name, const struct sheaf_recording *r)
{
	uint64_t end = 0, begin = r->count ? r->tasks[0].record.start_ns : 0;
	double seconds;

	for (size_t i = 0; i < r->count; i++)
		if (r->tasks[i].record.start_ns + r->tasks[i].record.latency_ns > end)
			end = r->tasks[i].record.start_ns + r->tasks[i].record.latency_ns;
	seconds = (double)(end - begin) / 1e9;
	printf("%s: %zu tasks in %.3f s", name, r->count, r->count ? seconds : 0);
	if (r->count && seconds > 0)
		printf(" (%.0f a second)", (double)r->count / seconds);
	printf(", %" PRIu64 " more that were dropped\n", r->dropped);
	print_begin(r);
	if (r->count == 0)
		return 0;
	printf("depth         %u at most\n", sheaf_recording_depth(r));
	summarise_bundles(r);
	summarise_sizes(r);
	if (summarise_commands(r) < 0) {
		sheaf_error("out of memory");
		return -ENOMEM;
	}
	return 0;
}

void sheaf_replay_print(const struct sheaf_recording *r)
{
	printf("%14s %10s %5s %4s %10s %5s %3s %-22s %12s %9s %9s %6s  %s\n", "start_us",
	       "latency_us", "queue", "lane", "bundle", "of", "lun", "command", "offset", "length",
	       "moved", "status", "cdb");
	for (size_t i = 0; i < r->count; i++) {
		const struct sheaf_recorded *task = &r->tasks[i];
		const struct sheaf_record *t = &task->record;
		char lane[8] = "-", status[16];

		if (t->lane != SHEAF_RECORD_FUSED)
			snprintf(lane, sizeof(lane), "%u", t->lane);
		if (t->service_response != SHEAF_TASK_COMPLETE)
			snprintf(status, sizeof(status), "lost%x", t->status);
		else
			snprintf(status, sizeof(status), "%02x/%x", t->status, t->sense_key);
		printf("%14.3f %10.3f %5u %4s %10u %2u/%-2u %3u %-22s %12" PRIu64 " %9" PRIu64
		       " %9u %6s  ",
		       (double)(t->start_ns - r->header.monotonic_ns) / 1000,
		       (double)t->latency_ns / 1000, t->queue, lane, t->bundle, t->bundle_index + 1,
		       t->bundle_size, t->lun, sheaf_recorded_name(task), task->offset,
		       task->length, t->transferred, status);
		for (unsigned b = 0; b < t->cdb_length; b++)
			printf("%02x", t->cdb[b]);
		printf("\n");
	}
}

/* fio's HOWTO, "Trace file format v2". Files are named for their LUN; fio's replay_redirect puts another name there. */
static size_t print_iolog(const struct sheaf_recording *r, FILE *out)
{
	static const char *const action[] = {
		[SHEAF_DEED_READ] = "read",
		[SHEAF_DEED_WRITE] = "write",
		[SHEAF_DEED_FLUSH] = "datasync",
		[SHEAF_DEED_DISCARD] = "trim",
	};
	uint64_t last = r->count ? r->tasks[0].record.start_ns : 0;
	size_t left_out = 0;

	fprintf(out, "fio version 2 iolog\n");
	for (uint32_t i = 0; i < r->header.unit_count; i++)
		fprintf(out, "lun%u add\nlun%u open\n", r->units[i].lun, r->units[i].lun);
	for (size_t i = 0; i < r->count; i++) {
		const struct sheaf_recorded *task = &r->tasks[i];
		uint64_t gap = task->record.start_ns - last;

		if (task->deed == SHEAF_DEED_NONE || task->deed == SHEAF_DEED_ZERO) {
			left_out++;
			continue;
		}
		if (gap >= FIO_WAIT_MIN_NS) {
			fprintf(out, "lun%u wait %" PRIu64 " 0\n", task->record.lun, gap / 1000);
			last = task->record.start_ns;
		}
		fprintf(out, "lun%u %s %" PRIu64 " %" PRIu64 "\n", task->record.lun,
			action[task->deed], task->offset, task->length);
	}
	for (uint32_t i = 0; i < r->header.unit_count; i++)
		fprintf(out, "lun%u close\n", r->units[i].lun);
	return left_out;
}

int sheaf_replay_fio(const struct sheaf_recording *recording, const char *path)
{
	FILE *out = fopen(path, "we");
	size_t left_out;
	bool failed;

	if (!out) {
		int r = -errno;

		sheaf_error("%s: %s", path, strerror(-r));
		return r;
	}
	left_out = print_iolog(recording, out);
	failed = ferror(out);
	if (fclose(out) == EOF || failed) {
		sheaf_error("%s: cannot be written: %s", path, strerror(errno));
		return -EIO;
	}
	if (left_out)
		sheaf_warning("%s: %zu tasks are left out, which fio has no word for", path,
			      left_out);
	return 0;
}
