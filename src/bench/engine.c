/* SPDX-License-Identifier: MIT */
/*
 * engine.c - see engine.h. Put together as src/cli/engine.c does it, with one front loop.
 *
 * Once a turn the front loop starts tasks until as many as the point wants are in flight, as a transport does that finds so many
 * requests; so a turn is part of what a task costs. The clock is read once for all that a turn starts, and at the end of
 * one task in LATENCY_EVERY, since reading it costs as much as a third of a task.
 */
#include "bench/engine.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/scsi.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "bench/load.h"
#include "controller/disk.h"
#include "driver/context.h"
#include "host/probe.h"
#include "host/queue.h"
#include "scsi/nexus.h"

#define BLOCK_BYTES   512u
#define TIMEOUT_MS    30000u
#define LATENCY_EVERY 8u
#define SEED	      UINT64_C(88172645463325252)

struct engine_worker {
	struct engine *engine;
	unsigned index;
	struct sheaf_loop *loop;
	struct sheaf_context *context;
	pthread_t thread;
};

struct engine {
	struct sheaf_queue_client client; /* first */
	const struct sheaf_bench_engine_options *options;
	struct sheaf_store *store;
	struct sheaf_lu *lu;
	struct sheaf_disk *disk;
	struct sheaf_host *host;
	struct sheaf_queue *queue;
	struct sheaf_loop *loop;
	struct sheaf_loop_hook hook;
	struct sheaf_context *context; /* fused */
	unsigned worker_count;
	struct engine_worker *workers; /* pool */
	atomic_bool workers_stop;
	struct sheaf_bench_source source;
	uint64_t started_ns[SHEAF_SLOTS_MAX];
	/* The load that runs. */
	const struct sheaf_bench_point *point;
	struct sheaf_bench_load *load;
	unsigned in_flight, until_latency;
	bool over; /* start nothing more */
};

/* Tasks */

static void start_task(struct engine *e, uint64_t now)
{
	uint16_t slot = (uint16_t)sheaf_queue_take(e->queue);
	struct sheaf_task *task = sheaf_queue_command(e->queue, slot);
	uint8_t *cdb = task->command_descriptor_block;
	uint64_t offset;
	bool read = sheaf_bench_source_next(&e->source, e->point, &offset);

	e->started_ns[slot] = now;
	task->target_id = 0;
	sheaf_put_lun(task->logical_unit_bytes, 0);
	cdb[0] = read ? SHEAF_SCSI_READ_16 : SHEAF_SCSI_WRITE_16;
	sheaf_put_be64(cdb + SHEAF_CDB_16_LBA, offset / BLOCK_BYTES);
	sheaf_put_be32(cdb + SHEAF_CDB_16_TRANSFER_LENGTH, e->point->bytes / BLOCK_BYTES);
	task->command_size = 16;
	task->transfer_direction = read ? SHEAF_TRANSFER_FROM_TARGET : SHEAF_TRANSFER_TO_TARGET;
	task->requested_transfer_count = e->point->bytes;
	sheaf_queue_start(e->queue, slot);
	e->in_flight++;
}

static void ended(struct sheaf_queue_client *client, uint16_t slot,
		  const struct sheaf_result *result)
{
	struct engine *e = (struct engine *)client;

	e->in_flight--;
	e->load->requests++;
	if (sheaf_result_good(result) && result->bytes_transferred == e->point->bytes)
		e->load->bytes += e->point->bytes;
	else
		e->load->error = EIO;
	if (--e->until_latency == 0) {
		e->until_latency = LATENCY_EVERY;
		sheaf_histogram_record(&e->load->latency, sheaf_clock_ns() - e->started_ns[slot]);
	}
	sheaf_queue_put(e->queue, slot);
}

/* Once a turn. */
static bool start_tasks(struct sheaf_loop_hook *hook)
{
	struct engine *e = (struct engine *)((char *)hook - offsetof(struct engine, hook));
	uint64_t now;
	bool any = false;

	if (e->over || e->in_flight >= e->point->depth)
		return false;
	now = sheaf_clock_ns();
	while (e->in_flight < e->point->depth && e->queue->free_count) {
		e->over = sheaf_bench_source_is_over(&e->source, e->point, now) || e->load->error;
		if (e->over)
			break;
		start_task(e, now);
		any = true;
	}
	return any;
}

/* Making it */

static unsigned cpu_count(void)
{
	cpu_set_t cpus;

	return sched_getaffinity(0, sizeof(cpus), &cpus) < 0 ? 1 : (unsigned)CPU_COUNT(&cpus);
}

/* Each thread on a CPU of its own, if there are so many: where they land by chance would be measured too. */
static void place(const struct engine *e, unsigned thread)
{
	const struct sched_param priority = { 0 };
	cpu_set_t cpus, one;
	unsigned seen = 0;

	sched_setscheduler(0, SCHED_BATCH, &priority);
	if (cpu_count() <= e->worker_count || sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return;
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &cpus) || seen++ != thread)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
		return;
	}
}

static void *worker_main(void *arg)
{
	struct engine_worker *w = arg;

	place(w->engine, w->index + 1);
	while (!atomic_load(&w->engine->workers_stop) && sheaf_loop_turn(w->loop, true) == 0)
		;
	return NULL;
}

static int make_host(struct engine *e)
{
	const struct sheaf_bench_setup *setup = e->options->setup;
	unsigned limit = e->options->config->limit;
	const struct sheaf_file_store_options store_options = {
		.read_only = setup->read_only,
		.block_size = BLOCK_BYTES,
	};
	const struct sheaf_lu_options lu_options = {
		.block_size = BLOCK_BYTES,
		.maximum_transfer_bytes = SHEAF_BENCH_BYTES_MAX,
		.read_only = setup->read_only,
		.serial = "bench",
	};
	static struct sheaf_lu *lus[1];
	int r = sheaf_file_store_open(setup->image, &store_options, &e->store);

	if (r == 0)
		r = sheaf_lu_create(e->store, &lu_options, &e->lu);
	if (r == 0)
		sheaf_lu_take_attention(e->lu, SHEAF_INITIATOR_MOUNT); /* POWER ON, as nobody probes */
	lus[0] = e->lu;
	if (r == 0)
		r = sheaf_disk_create(lus, 1, setup->slots, &e->disk);
	if (r < 0)
		return r;
	const struct sheaf_host_options host_options = {
		.ops = &sheaf_disk_ops,
		.controller = e->disk,
		.slots = setup->slots,
		.queues = 1,
		.workers = e->worker_count,
		.buffer_bytes = SHEAF_BENCH_BYTES_MAX + SHEAF_BUFFER_MARGIN,
		.bundle_max = (uint16_t)sheaf_bench_bundle_max(limit),
		.single_mode = limit == SHEAF_BENCH_SINGLE,
		.timeout_ms = TIMEOUT_MS,
	};

	r = sheaf_host_create(&host_options, &e->host);
	if (r == 0)
		e->queue = e->host->queues[0];
	return r;
}

static int make_context(struct engine *e, struct sheaf_loop *loop, struct sheaf_context **ret)
{
	return sheaf_context_create(&sheaf_disk_ops, e->disk, &e->host->controller_view,
				    e->host->bundled, loop, ret);
}

static int connect_fused(struct engine *e)
{
	struct sheaf_request_port port;
	int r = make_context(e, e->loop, &e->context);

	if (r < 0)
		return r;
	port = sheaf_context_request_port(e->context);
	sheaf_context_attach_port(e->context, sheaf_queue_completion_port(e->queue));
	sheaf_queue_attach(e->queue, e->loop, &e->client, &port);
	return 0;
}

static int connect_worker(struct engine *e, enum sheaf_io_backend io, unsigned index)
{
	struct engine_worker *w = &e->workers[index];
	int r = sheaf_loop_create(io, e->options->setup->slots, &w->loop);

	w->engine = e;
	w->index = index;
	if (r == 0)
		r = make_context(e, w->loop, &w->context);
	if (r == 0)
		r = sheaf_context_attach_lanes(w->context, 1);
	if (r < 0)
		return r;
	sheaf_context_open_lane(w->context, 0, sheaf_host_lane_index(e->host, 0, index),
				e->queue->first_slot, e->queue->slot_count,
				sheaf_loop_doorbell_fd(e->loop));
	sheaf_queue_attach_worker(e->queue, index, sheaf_loop_doorbell_fd(w->loop));
	return -pthread_create(&w->thread, NULL, worker_main, w);
}

static int connect_pool(struct engine *e, enum sheaf_io_backend io)
{
	int r = 0;

	e->workers = calloc(e->worker_count, sizeof(*e->workers));
	if (!e->workers)
		return -ENOMEM;
	sheaf_queue_attach(e->queue, e->loop, &e->client, NULL);
	for (unsigned i = 0; r == 0 && i < e->worker_count; i++)
		r = connect_worker(e, io, i);
	return r;
}

/* The one of this process. */
static struct engine the_engine;

static int begin(void *arg)
{
	struct engine *e = &the_engine;
	const char *reason;
	int io = sheaf_loop_probe(SHEAF_IO_AUTO, &reason), r;

	e->options = arg;
	e->source.random = SEED;
	e->client.ended = ended;
	e->hook.poll = start_tasks;
	e->over = true;
	e->until_latency = LATENCY_EVERY;
	if (e->options->config->deployment == SHEAF_BENCH_POOL)
		e->worker_count = e->options->setup->workers;
	r = make_host(e);
	if (r == 0)
		r = sheaf_loop_create((enum sheaf_io_backend)io, e->options->setup->slots,
				      &e->loop);
	if (r == 0)
		r = e->worker_count ? connect_pool(e, (enum sheaf_io_backend)io) : connect_fused(e);
	if (r < 0) {
		sheaf_error("the engine cannot be started: %s", strerror(-r));
		return r;
	}
	e->source.size = e->store->size_bytes;
	sheaf_loop_add_hook(e->loop, &e->hook);
	place(e, 0);
	return 0;
}

/* Running a load */

static void add_loop(const struct sheaf_loop *loop, struct sheaf_bench_counters *counters)
{
	const struct sheaf_loop_stats *s = sheaf_loop_stats(loop);

	counters->enters += sheaf_count_get(&s->enters);
	counters->calls += sheaf_count_get(&s->enters) + sheaf_count_get(&s->other_calls);
	counters->doorbells += sheaf_count_get(&s->doorbells);
}

static void read_bundles(const struct sheaf_bundle_stats *stats, struct sheaf_bench_bundles *ret)
{
	ret->count = sheaf_count_get(&stats->count);
	ret->tasks = sheaf_count_get(&stats->tasks);
	for (unsigned i = 0; i <= SHEAF_BUNDLE_MAX; i++)
		ret->by_size[i] = sheaf_count_get(&stats->by_size[i]);
}

static void read_counters(const struct engine *e, struct sheaf_bench_counters *ret)
{
	const struct sheaf_queue_stats *s = &e->queue->stats;

	memset(ret, 0, sizeof(*ret));
	ret->tasks = sheaf_count_get(&s->ended);
	ret->errors = sheaf_count_get(&s->errors);
	read_bundles(&s->requests, &ret->requests);
	read_bundles(&s->completions, &ret->completions);
	add_loop(e->loop, ret);
	for (unsigned i = 0; i < e->worker_count; i++)
		add_loop(e->workers[i].loop, ret);
}

static int run(void *arg, const struct sheaf_bench_point *point, uint64_t ns,
	       struct sheaf_bench_shared *shared)
{
	struct engine *e = &the_engine;
	uint64_t began = sheaf_clock_ns();
	int r = 0;

	(void)arg;
	e->point = point;
	e->load = &shared->load;
	sheaf_bench_source_begin(&e->source, began, ns);
	e->over = false;
	while (r == 0 && (!e->over || e->in_flight))
		r = sheaf_loop_turn(e->loop, e->in_flight > 0);
	shared->load.ns = sheaf_clock_ns() - began;
	read_counters(e, &shared->counters);
	if (r < 0 || shared->load.error)
		sheaf_error("the engine: %s", strerror(r < 0 ? -r : shared->load.error));
	return r < 0 ? r : -shared->load.error;
}

/* Threads first: then nobody touches what goes away with the process. */
static void end(void *arg)
{
	struct engine *e = &the_engine;

	(void)arg;
	atomic_store(&e->workers_stop, true);
	for (unsigned i = 0; e->workers && i < e->worker_count; i++) {
		if (!e->workers[i].thread)
			continue;
		sheaf_loop_wake(e->workers[i].loop);
		pthread_join(e->workers[i].thread, NULL);
	}
}

const struct sheaf_bench_worker_ops sheaf_bench_engine_ops = {
	.begin = begin,
	.run = run,
	.end = end,
};
