/* SPDX-License-Identifier: MIT */
/* engine_stats.c - stats.json: the counters of all loops added up. Names are a contract: doc/architecture.md. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/counter.h"
#include "cli/engine.h"
#include "config.h"

static void put(json_t *object, const char *name, uint64_t value)
{
	json_object_set_new(object, name, json_integer((json_int_t)value));
}

/* A path need not be UTF-8; what is not becomes '?'. */
static void put_text(json_t *object, const char *name, const char *text)
{
	json_t *value = json_string(text);

	if (!value) {
		char *ascii = strdup(text);

		for (char *p = ascii; p && *p; p++)
			if (*p & 0x80)
				*p = '?';
		value = json_string(ascii ? ascii : "");
		free(ascii);
	}
	json_object_set_new(object, name, value);
}

/* Sum of one counter over all queues; offset of it in struct sheaf_queue_stats. */
static uint64_t sum(const struct sheaf_engine *engine, size_t offset)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < engine->front_count; i++) {
		const char *stats = (const char *)&engine->host->queues[i]->stats;

		total += sheaf_count_get((const _Atomic uint64_t *)(stats + offset));
	}
	return total;
}
#define SUM(field) sum(engine, offsetof(struct sheaf_queue_stats, field))

static json_t *tasks(const struct sheaf_engine *engine)
{
	json_t *o = json_object();

	put(o, "started", SUM(started));
	put(o, "ended", SUM(ended));
	put(o, "in_flight", SUM(in_flight));
	put(o, "errors", SUM(errors));
	put(o, "timeouts", SUM(timeouts));
	put(o, "aborted", SUM(aborted));
	put(o, "reissued", SUM(reissued));
	put(o, "quarantined", SUM(quarantined));
	put(o, "late", SUM(late));
	return o;
}

/* @offset: of a struct sheaf_bundle_stats. */
static json_t *bundles(const struct sheaf_engine *engine, size_t offset)
{
	uint64_t count = sum(engine, offset + offsetof(struct sheaf_bundle_stats, count));
	uint64_t n = sum(engine, offset + offsetof(struct sheaf_bundle_stats, tasks));
	json_t *o = json_object(), *sizes = json_array();

	put(o, "count", count);
	put(o, "tasks", n);
	json_object_set_new(o, "mean", json_real(count ? (double)n / (double)count : 0));
	for (unsigned i = 0; i <= SHEAF_BUNDLE_MAX; i++) {
		size_t at = offset + offsetof(struct sheaf_bundle_stats, by_size) +
			    i * sizeof(_Atomic uint64_t);

		json_array_append_new(sizes, json_integer((json_int_t)sum(engine, at)));
	}
	json_object_set_new(o, "by_size", sizes);
	return o;
}

static uint64_t sum_loops(const struct sheaf_engine *engine, size_t offset)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < engine->front_count + engine->worker_count; i++) {
		const struct sheaf_engine_loop *l =
			i < engine->front_count ? &engine->fronts[i] :
						  &engine->workers[i - engine->front_count];
		const char *stats = (const char *)sheaf_loop_stats(l->loop);

		total += sheaf_count_get((const _Atomic uint64_t *)(stats + offset));
	}
	return total;
}
#define SUM_LOOPS(field) sum_loops(engine, offsetof(struct sheaf_loop_stats, field))

static json_t *violations(const struct sheaf_engine *engine)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < SHEAF_VIOLATION_KINDS; i++)
		put(o, sheaf_violation_names[i],
		    sum(engine, offsetof(struct sheaf_queue_stats, violations) +
					i * sizeof(_Atomic uint64_t)));
	return o;
}

static json_t *unit(const struct sheaf_disk_file *file)
{
	json_t *o = json_object();

	put(o, "lun", file->unit.lun);
	put_text(o, "image", file->image);
	put(o, "block_size", file->unit.block_size);
	put(o, "blocks", file->unit.blocks);
	json_object_set_new(o, "read_only", json_boolean(file->unit.read_only));
	put(o, "reads", sheaf_count_get(&file->stats.reads));
	put(o, "writes", sheaf_count_get(&file->stats.writes));
	put(o, "read_bytes", sheaf_count_get(&file->stats.read_bytes));
	put(o, "written_bytes", sheaf_count_get(&file->stats.written_bytes));
	put(o, "flushes", sheaf_count_get(&file->stats.flushes));
	put(o, "unmaps", sheaf_count_get(&file->stats.unmaps));
	return o;
}

static json_t *driver(const struct sheaf_engine *engine)
{
	json_t *o = json_object();

	put_text(o, "name", engine->host->options.ops->name);
	json_object_set_new(o, "pid", json_null()); /* it runs in this process */
	put(o, "restarts", 0);
	put(o, "last_restart_ms", 0);
	return o;
}

static uint64_t uptime_seconds(const struct sheaf_engine *engine)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)(now.tv_sec - engine->start_seconds);
}

char *sheaf_engine_stats(void *arg, size_t *ret_length)
{
	const struct sheaf_engine *engine = arg;
	const struct sheaf_disks *disks = &engine->fuse->disks;
	json_t *o = json_object(), *lus = json_array();
	char *text;

	put_text(o, "version", PACKAGE_VERSION);
	put(o, "pid", (uint64_t)getpid());
	put(o, "uptime_seconds", uptime_seconds(engine));
	put_text(o, "transport", engine->fuse->over_uring ? "uring" : "dev");
	put_text(o, "transport_reason", engine->fuse->transport_reason);
	put_text(o, "io", engine->io == SHEAF_IO_URING ? "uring" : "sync");
	put_text(o, "io_reason", engine->io_reason);
	put_text(o, "deployment", engine->worker_count ? "pool" : "fused");
	put_text(o, "mode", engine->host->bundled ? "bundled" : "single");
	json_object_set_new(o, "driver", driver(engine));
	put(o, "slots", engine->host->slots);
	put(o, "loops", engine->front_count);
	put(o, "workers", engine->worker_count);
	put(o, "lanes", engine->front_count * engine->worker_count);
	json_object_set_new(o, "tasks", tasks(engine));
	json_object_set_new(o, "request_bundles",
			    bundles(engine, offsetof(struct sheaf_queue_stats, requests)));
	json_object_set_new(o, "completion_bundles",
			    bundles(engine, offsetof(struct sheaf_queue_stats, completions)));
	put(o, "doorbells", SUM_LOOPS(doorbells));
	put(o, "io_uring_enters", SUM_LOOPS(enters));
	put(o, "system_calls", SUM_LOOPS(enters) + SUM_LOOPS(other_calls));
	put(o, "inline_completions", SUM_LOOPS(inline_completions));
	json_object_set_new(o, "violations", violations(engine));
	for (unsigned i = 0; i < disks->count; i++)
		json_array_append_new(lus, unit(&disks->files[i]));
	json_object_set_new(o, "lus", lus);
	text = json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	json_decref(o);
	*ret_length = text ? strlen(text) : 0;
	return text;
}
