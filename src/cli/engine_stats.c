/* SPDX-License-Identifier: MIT */
/* engine_stats.c - stats.json: the counters of all loops added up. Names are a contract: doc/architecture.md. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counter.h"
#include "cli/engine_process.h"
#include "cli/engine_sums.h"
#include "config.h"

static void put(json_t *object, const char *name, uint64_t value)
{
	json_object_set_new(object, name, json_integer((json_int_t)value));
}

/* A path need not be UTF-8. */
static void put_text(json_t *object, const char *name, const char *text)
{
	char *valid = sheaf_utf8(text);

	json_object_set_new(object, name, json_string(valid ? valid : ""));
	free(valid);
}

/* Of one queue, or of all (NULL), as in all that follows. */
static json_t *tasks(const struct sheaf_engine *engine, const struct sheaf_queue *queue)
{
	json_t *o = json_object();

	put(o, "started", SHEAF_ENGINE_COUNT(engine, queue, started));
	put(o, "ended", SHEAF_ENGINE_COUNT(engine, queue, ended));
	put(o, "in_flight", SHEAF_ENGINE_COUNT(engine, queue, in_flight));
	put(o, "errors", SHEAF_ENGINE_COUNT(engine, queue, errors));
	put(o, "timeouts", SHEAF_ENGINE_COUNT(engine, queue, timeouts));
	put(o, "aborted", SHEAF_ENGINE_COUNT(engine, queue, aborted));
	put(o, "reissued", SHEAF_ENGINE_COUNT(engine, queue, reissued));
	put(o, "retries", SHEAF_ENGINE_COUNT(engine, queue, retries));
	put(o, "quarantined", SHEAF_ENGINE_COUNT(engine, queue, quarantined));
	put(o, "late", SHEAF_ENGINE_COUNT(engine, queue, late));
	return o;
}

/* Steps of src/host/escalate.h. */
static json_t *escalation(const struct sheaf_engine *engine)
{
	json_t *o = json_object();

	put(o, "aborts", SHEAF_ENGINE_COUNT(engine, NULL, aborts));
	put(o, "lu_resets", SHEAF_ENGINE_COUNT(engine, NULL, lu_resets));
	put(o, "driver_restarts", SHEAF_ENGINE_COUNT(engine, NULL, driver_restarts));
	put(o, "failed", SHEAF_ENGINE_COUNT(engine, NULL, failed));
	return o;
}

/* @offset: of a struct sheaf_bundle_stats. */
static json_t *bundles(const struct sheaf_engine *engine, const struct sheaf_queue *queue,
		       size_t offset)
{
	uint64_t count = sheaf_engine_count(engine, queue,
					    offset + offsetof(struct sheaf_bundle_stats, count));
	uint64_t n = sheaf_engine_count(engine, queue,
					offset + offsetof(struct sheaf_bundle_stats, tasks));
	json_t *o = json_object(), *sizes = json_array();

	put(o, "count", count);
	put(o, "tasks", n);
	json_object_set_new(o, "mean", json_real(count ? (double)n / (double)count : 0));
	for (unsigned i = 0; i <= SHEAF_BUNDLE_MAX; i++) {
		size_t at = offset + offsetof(struct sheaf_bundle_stats, by_size) +
			    i * sizeof(_Atomic uint64_t);

		json_array_append_new(
			sizes, json_integer((json_int_t)sheaf_engine_count(engine, queue, at)));
	}
	json_object_set_new(o, "by_size", sizes);
	return o;
}

static void put_bundles(json_t *object, const struct sheaf_engine *engine,
			const struct sheaf_queue *queue)
{
	json_object_set_new(object, "request_bundles",
			    bundles(engine, queue, offsetof(struct sheaf_queue_stats, requests)));
	json_object_set_new(
		object, "completion_bundles",
		bundles(engine, queue, offsetof(struct sheaf_queue_stats, completions)));
}

/* Only those that count something: there are hundreds. */
static json_t *buckets(const struct sheaf_histogram_snapshot *latency)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < SHEAF_HISTOGRAM_BUCKETS; i++)
		if (latency->buckets[i])
			json_array_append_new(a, json_pack("[I,I]",
							   (json_int_t)sheaf_histogram_upper(i),
							   (json_int_t)latency->buckets[i]));
	return a;
}

static json_t *command(const struct sheaf_command_sum *sum)
{
	const struct sheaf_histogram_snapshot *latency = &sum->latency;
	json_t *o = json_object();

	put(o, "count", latency->count);
	put(o, "errors", sum->errors);
	put(o, "bytes", sum->bytes);
	put(o, "total_ns", latency->sum);
	put(o, "mean_ns", (uint64_t)sheaf_histogram_mean(latency));
	put(o, "p50_ns", sheaf_histogram_percentile(latency, 0.5));
	put(o, "p90_ns", sheaf_histogram_percentile(latency, 0.9));
	put(o, "p99_ns", sheaf_histogram_percentile(latency, 0.99));
	put(o, "p999_ns", sheaf_histogram_percentile(latency, 0.999));
	put(o, "max_ns", latency->max);
	json_object_set_new(o, "buckets", buckets(latency));
	return o;
}

static json_t *commands(const struct sheaf_engine *engine)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < SHEAF_COMMAND_KINDS; i++) {
		struct sheaf_command_sum sum = { 0 };

		sheaf_engine_add_command(engine, NULL, (enum sheaf_command)i, &sum);
		json_object_set_new(o, sheaf_command_names[i], command(&sum));
	}
	return o;
}

static json_t *lane(const struct sheaf_queue *queue, unsigned worker)
{
	const struct sheaf_queue_lane *l = &queue->lanes[worker];
	json_t *o = json_object();

	put(o, "worker", worker);
	put(o, "bundles", sheaf_count_get(&l->bundles));
	put(o, "tasks", sheaf_count_get(&l->tasks));
	put(o, "in_flight", sheaf_count_get(&l->in_flight));
	return o;
}

static json_t *queue_stats(const struct sheaf_engine *engine, const struct sheaf_queue *queue)
{
	struct sheaf_command_sum all = { 0 };
	json_t *o = json_object(), *lanes = json_array();

	put(o, "index", queue->index);
	put(o, "slots", queue->slot_count);
	json_object_set_new(o, "tasks", tasks(engine, queue));
	put_bundles(o, engine, queue);
	for (unsigned i = 0; i < SHEAF_COMMAND_KINDS; i++)
		sheaf_engine_add_command(engine, queue, (enum sheaf_command)i, &all);
	json_object_set_new(o, "latency", command(&all));
	for (unsigned w = 0; w < engine->host->workers; w++)
		json_array_append_new(lanes, lane(queue, w));
	json_object_set_new(o, "lanes", lanes);
	return o;
}

static json_t *violations(const struct sheaf_engine *engine)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < SHEAF_VIOLATION_KINDS; i++)
		put(o, sheaf_violation_names[i],
		    sheaf_engine_count(engine, NULL,
				       offsetof(struct sheaf_queue_stats, violations) +
					       i * sizeof(_Atomic uint64_t)));
	return o;
}

static json_t *resize(struct sheaf_resize *resize)
{
	struct sheaf_resize_info info;
	json_t *o = json_object();

	sheaf_resize_look(resize, &info);
	put(o, "ticket", info.ticket);
	put_text(o, "state", info.state);
	put_text(o, "message", info.message);
	return o;
}

static json_t *unit(const struct sheaf_disk_file *file)
{
	json_t *o = json_object();

	put(o, "lun", file->unit.lun);
	put_text(o, "image", file->image);
	put(o, "block_size", file->unit.block_size);
	put(o, "blocks", sheaf_disk_blocks(file));
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
	struct sheaf_life_info info = { 0 };
	json_t *o = json_object();

	if (engine->process)
		info = sheaf_life_info(engine->process->life);
	put_text(o, "name", engine->host->options.ops->name);
	/* null: it runs in this process, or none does right now */
	json_object_set_new(o, "pid", info.pid ? json_integer(info.pid) : json_null());
	put(o, "restarts", info.restarts);
	put(o, "last_restart_ms", info.last_restart_ms);
	put(o, "refused", info.refused);
	return o;
}

static uint64_t handovers(const struct sheaf_fuse *fuse)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < fuse->queue_count; i++)
		n += sheaf_count_get(&fuse->queues[i]->handover.taken);
	return n;
}

char *sheaf_engine_stats(void *arg, size_t *ret_length)
{
	const struct sheaf_engine *engine = arg;
	const struct sheaf_disks *disks = &engine->fuse->disks;
	json_t *o = json_object(), *lus = json_array(), *queues = json_array();
	char *text;

	put_text(o, "version", PACKAGE_VERSION);
	put(o, "pid", (uint64_t)getpid());
	put(o, "uptime_seconds", sheaf_engine_uptime_seconds(engine));
	put(o, "clock_ns", sheaf_clock_ns());
	put_text(o, "transport", engine->fuse->over_uring ? "uring" : "dev");
	put_text(o, "transport_reason", engine->fuse->transport_reason);
	put_text(o, "io", engine->io == SHEAF_IO_URING ? "uring" : "sync");
	put_text(o, "io_reason", engine->io_reason);
	put_text(o, "deployment", sheaf_engine_deployment(engine));
	put_text(o, "mode", engine->host->bundled ? "bundled" : "single");
	json_object_set_new(o, "driver", driver(engine));
	json_object_set_new(o, "resize", resize(&((struct sheaf_engine *)arg)->resize));
	put(o, "slots", engine->host->slots);
	put(o, "loops", engine->front_count);
	put(o, "workers", engine->host->workers);
	put(o, "lanes", engine->front_count * engine->host->workers);
	json_object_set_new(o, "tasks", tasks(engine, NULL));
	json_object_set_new(o, "escalation", escalation(engine));
	put_bundles(o, engine, NULL);
	put(o, "doorbells", SHEAF_ENGINE_LOOP_COUNT(engine, doorbells));
	put(o, "io_uring_enters", SHEAF_ENGINE_LOOP_COUNT(engine, enters));
	put(o, "system_calls",
	    SHEAF_ENGINE_LOOP_COUNT(engine, enters) + SHEAF_ENGINE_LOOP_COUNT(engine, other_calls));
	put(o, "inline_completions", SHEAF_ENGINE_LOOP_COUNT(engine, inline_completions));
	put(o, "turns", SHEAF_ENGINE_LOOP_COUNT(engine, turns));
	put(o, "sleeps", SHEAF_ENGINE_LOOP_COUNT(engine, sleeps));
	put(o, "handovers", handovers(engine->fuse));
	json_object_set_new(o, "violations", violations(engine));
	for (unsigned i = 0; i < disks->count; i++)
		json_array_append_new(lus, unit(&disks->files[i]));
	json_object_set_new(o, "lus", lus);
	json_object_set_new(o, "latency", commands(engine));
	for (unsigned i = 0; i < engine->front_count; i++)
		json_array_append_new(queues, queue_stats(engine, engine->host->queues[i]));
	json_object_set_new(o, "queues", queues);
	text = json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	json_decref(o);
	*ret_length = text ? strlen(text) : 0;
	return text;
}
