/* SPDX-License-Identifier: MIT */
/**
 * engine.c - what the engine alone costs: tasks through host, seam, driver, disk controller and LU, without FUSE
 *
 * One front loop starts bursts of 4 KiB READ(16) or WRITE(16), builds each CDB as src/fuse/task.c does, and looks at each result.
 * Fused, the controller runs on the same loop; with a lane, on a worker loop on another CPU. A turn of the front loop starts
 * one burst if there are free slots for it, as a transport does that finds so many requests; so the cost of a turn is in
 * the figures, and at a burst of 1 it is half of them.
 *
 * Stores: `none` touches no data, `null` fills a READ's buffer with zeros, `memory` copies. What `none` costs is the
 * engine; the others show what 4 KiB of data add.
 *
 * Each row is the median round. ns/task is elapsed time, CPU ns/task that of all threads; `bundle` is the mean size of the request
 * bundles that the queue counted.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sheaf/scsi.h>

#include "base/bits.h"
#include "base/counter.h"
#include "controller/disk.h"
#include "driver/context.h"
#include "host/probe.h"
#include "host/queue.h"
#include "scsi/nexus.h"

#define TRANSFER_BYTES 4096u
#define BLOCK_BYTES    512u
#define MAX_WRITE                                                                                  \
	(1024u * 1024) /* as in src/fuse/fuse.h: buffers lie apart as they do in a mount */
#define DISK_BYTES    (64u << 20)
#define SLOTS_DEFAULT 64u /* of `sheaf mount` */
#define TIMEOUT_MS    30000u
#define WARM_UP	      20000u
#define ROUNDS_MAX    99u

enum { FUSED, LANE };
enum { STORE_NONE, STORE_NULL, STORE_MEMORY };
static const char *const deployment_names[] = { "fused", "lane" };
static const char *const mode_names[] = { "bundled", "single" };
static const char *const store_names[] = { "none", "null", "memory" };
static const char *const operation_names[] = { "read", "write" };
static const unsigned bursts[] = { 1, 2, 4, 8, 16, 32, 64 };

/* What is measured in one row. */
struct setup {
	unsigned deployment, single, store, write, burst;
};

struct figures {
	double ns, cpu_ns, bundle, enters, doorbells; /* per task, but for bundle */
};

struct bench {
	struct sheaf_queue_client client; /* first */
	struct setup setup;
	struct sheaf_store *store;
	struct sheaf_lu *lu;
	struct sheaf_disk *disk;
	struct sheaf_host *host;
	struct sheaf_queue *queue;
	struct sheaf_loop *loop;
	struct sheaf_loop_hook hook;
	struct sheaf_context *context;
	struct sheaf_loop *worker_loop; /* LANE */
	pthread_t worker;
	atomic_bool worker_stop;
	uint64_t random;
	uint64_t ended, bad;
	bool stop; /* start nothing more */
};

static struct {
	double seconds;
	unsigned rounds, slots;
	bool csv, pin;
	int cpus[2];
	int only[5]; /* deployment, single, store, write, burst; -1: all */
} options = { .seconds = 0.1,
	      .rounds = 5,
	      .slots = SLOTS_DEFAULT,
	      .pin = true,
	      .only = { -1, -1, -1, -1, -1 } };

static void must(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "engine: %s: %s\n", what, strerror(-r));
	exit(1);
}

/* A store that touches no data. */

static void none_done(struct sheaf_op *op, int result)
{
	struct sheaf_store_io *io =
		(struct sheaf_store_io *)((char *)op - offsetof(struct sheaf_store_io, loop_op));

	io->done(io, result);
}

static void none_submit(struct sheaf_store *store, struct sheaf_loop *loop,
			struct sheaf_store_io *io)
{
	(void)store;
	io->moved = io->length;
	io->loop_op.done = none_done;
	sheaf_loop_ready(loop, &io->loop_op, 0);
}

static struct sheaf_store *none_free(struct sheaf_store *store)
{
	(void)store;
	return NULL;
}

static const struct sheaf_store_ops none_ops = {
	.name = "none",
	.submit = none_submit,
	.free = none_free,
};

static struct sheaf_store *make_store(unsigned kind)
{
	static struct sheaf_store none = {
		.ops = &none_ops,
		.size_bytes = DISK_BYTES,
		.alignment_bytes = 1,
		.physical_block_bytes = BLOCK_BYTES,
	};
	struct sheaf_store *store = &none;

	if (kind == STORE_NULL)
		must(sheaf_null_store_create(DISK_BYTES, &store), "null store");
	if (kind == STORE_MEMORY) {
		must(sheaf_memory_store_create(DISK_BYTES, &store), "memory store");
		/* A page that nobody wrote would be read out of the cache of one zero page. */
		memset(sheaf_memory_store_bytes(store), 1, DISK_BYTES);
	}
	return store;
}

/* Tasks */

static uint64_t random_lba(struct bench *b)
{
	b->random ^= b->random << 13;
	b->random ^= b->random >> 7;
	b->random ^= b->random << 17;
	return (b->random >> 16) % (DISK_BYTES / TRANSFER_BYTES) * (TRANSFER_BYTES / BLOCK_BYTES);
}

static void start_task(struct bench *b)
{
	uint16_t slot = (uint16_t)sheaf_queue_take(b->queue);
	struct sheaf_task *task = sheaf_queue_command(b->queue, slot);
	uint8_t *cdb = task->command_descriptor_block;

	task->target_id = 0;
	sheaf_put_lun(task->logical_unit_bytes, 0);
	cdb[0] = b->setup.write ? SHEAF_SCSI_WRITE_16 : SHEAF_SCSI_READ_16;
	sheaf_put_be64(cdb + SHEAF_CDB_16_LBA, random_lba(b));
	sheaf_put_be32(cdb + SHEAF_CDB_16_TRANSFER_LENGTH, TRANSFER_BYTES / BLOCK_BYTES);
	task->command_size = 16;
	task->transfer_direction =
		b->setup.write ? SHEAF_TRANSFER_TO_TARGET : SHEAF_TRANSFER_FROM_TARGET;
	task->requested_transfer_count = TRANSFER_BYTES;
	sheaf_queue_start(b->queue, slot);
}

static void ended(struct sheaf_queue_client *client, uint16_t slot,
		  const struct sheaf_result *result)
{
	struct bench *b = (struct bench *)client;

	b->ended++;
	if (!sheaf_result_good(result) || result->bytes_transferred != TRANSFER_BYTES)
		b->bad++;
	sheaf_queue_put(b->queue, slot);
}

/* Once a turn. */
static bool start_burst(struct sheaf_loop_hook *hook)
{
	struct bench *b = (struct bench *)((char *)hook - offsetof(struct bench, hook));

	if (b->stop || b->queue->free_count < b->setup.burst)
		return false;
	for (unsigned i = 0; i < b->setup.burst; i++)
		start_task(b);
	return true;
}

/* Making the engine: as src/cli/engine.c does */

static void place(int cpu)
{
	const struct sched_param priority = { 0 };
	cpu_set_t cpus;

	sched_setscheduler(0, SCHED_BATCH, &priority);
	if (!options.pin || cpu < 0)
		return;
	CPU_ZERO(&cpus);
	CPU_SET((unsigned)cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0)
		must(-errno, "affinity");
}

static void *worker_main(void *arg)
{
	struct bench *b = arg;

	place(options.cpus[1]);
	while (!atomic_load(&b->worker_stop))
		must(sheaf_loop_turn(b->worker_loop, true), "worker");
	return NULL;
}

static void make_host(struct bench *b)
{
	static struct sheaf_lu *lus[1];
	const struct sheaf_lu_options lu_options = {
		.block_size = BLOCK_BYTES,
		.maximum_transfer_bytes = MAX_WRITE,
		.serial = "bench",
	};

	b->store = make_store(b->setup.store);
	must(sheaf_lu_create(b->store, &lu_options, &b->lu), "LU");
	sheaf_lu_take_attention(b->lu, SHEAF_INITIATOR_MOUNT); /* POWER ON */
	lus[0] = b->lu;
	must(sheaf_disk_create(lus, 1, options.slots, &b->disk), "controller");
	const struct sheaf_host_options host_options = {
		.ops = &sheaf_disk_ops,
		.controller = b->disk,
		.slots = options.slots,
		.queues = 1,
		.workers = b->setup.deployment == LANE,
		.buffer_bytes = MAX_WRITE + SHEAF_BUFFER_MARGIN,
		.bundle_max = SHEAF_BUNDLE_MAX,
		.single_mode = b->setup.single,
		.timeout_ms = TIMEOUT_MS,
	};

	must(sheaf_host_create(&host_options, &b->host), "host");
	b->queue = b->host->queues[0];
}

static void connect(struct bench *b)
{
	struct sheaf_loop *loop = b->setup.deployment == LANE ? b->worker_loop : b->loop;
	struct sheaf_request_port port;

	must(sheaf_context_create(&sheaf_disk_ops, b->disk, &b->host->controller_view,
				  b->host->bundled, loop, &b->context),
	     "context");
	if (b->setup.deployment == FUSED) {
		port = sheaf_context_request_port(b->context);
		sheaf_context_attach_port(b->context, sheaf_queue_completion_port(b->queue));
		sheaf_queue_attach(b->queue, b->loop, &b->client, &port);
		return;
	}
	sheaf_queue_attach(b->queue, b->loop, &b->client, NULL);
	must(sheaf_context_attach_lanes(b->context, 1), "lane");
	sheaf_context_open_lane(b->context, 0, sheaf_host_lane_index(b->host, 0, 0),
				b->queue->first_slot, b->queue->slot_count,
				sheaf_loop_doorbell_fd(b->loop));
	sheaf_queue_attach_worker(b->queue, 0, sheaf_loop_doorbell_fd(b->worker_loop));
}

static void make(struct bench *b, const struct setup *setup)
{
	const char *reason;
	int io = sheaf_loop_probe(SHEAF_IO_AUTO, &reason);

	memset(b, 0, sizeof(*b));
	b->setup = *setup;
	b->random = 88172645463325252u;
	b->client.ended = ended;
	b->hook.poll = start_burst;
	make_host(b);
	must(sheaf_loop_create((enum sheaf_io_backend)io, options.slots, &b->loop), "loop");
	if (setup->deployment == LANE)
		must(sheaf_loop_create((enum sheaf_io_backend)io, options.slots, &b->worker_loop),
		     "loop");
	connect(b);
	sheaf_loop_add_hook(b->loop, &b->hook);
	if (setup->deployment == LANE)
		must(-pthread_create(&b->worker, NULL, worker_main, b), "thread");
}

static void unmake(struct bench *b)
{
	b->stop = true;
	while (sheaf_count_get(&b->queue->stats.in_flight))
		must(sheaf_loop_turn(b->loop, true), "loop");
	if (b->setup.deployment == LANE) {
		atomic_store(&b->worker_stop, true);
		sheaf_loop_wake(b->worker_loop);
		pthread_join(b->worker, NULL);
	}
	if (b->bad) {
		fprintf(stderr, "engine: %lu tasks failed\n", b->bad);
		exit(1);
	}
	sheaf_loop_free(b->loop);
	sheaf_loop_free(b->worker_loop);
	sheaf_context_free(b->context);
	sheaf_host_free(b->host);
	sheaf_disk_free(b->disk);
	sheaf_lu_free(b->lu);
	sheaf_store_free(b->store);
}

/* Measuring */

static double clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint64_t enters_of(const struct bench *b)
{
	return sheaf_count_get(&sheaf_loop_stats(b->loop)->enters) +
	       (b->worker_loop ? sheaf_count_get(&sheaf_loop_stats(b->worker_loop)->enters) : 0);
}

static void run_until(struct bench *b, double deadline_ns, uint64_t tasks)
{
	do {
		for (int i = 0; i < 64; i++)
			must(sheaf_loop_turn(b->loop, true), "loop");
	} while (b->ended < tasks || clock_ns(CLOCK_MONOTONIC) < deadline_ns);
}

static struct figures measure_round(struct bench *b)
{
	const struct sheaf_queue_stats *s = &b->queue->stats;
	uint64_t tasks = b->ended, bundles = sheaf_count_get(&s->requests.count);
	uint64_t bundled = sheaf_count_get(&s->requests.tasks), enters = enters_of(b);
	uint64_t bells = sheaf_count_get(&s->doorbells) + sheaf_count_get(&b->context->doorbells);
	double wall = clock_ns(CLOCK_MONOTONIC), cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

	run_until(b, wall + options.seconds * 1e9, 0);
	wall = clock_ns(CLOCK_MONOTONIC) - wall;
	cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	double n = (double)(b->ended - tasks);

	bells = sheaf_count_get(&s->doorbells) + sheaf_count_get(&b->context->doorbells) - bells;
	bundled = sheaf_count_get(&s->requests.tasks) - bundled;
	bundles = sheaf_count_get(&s->requests.count) - bundles;
	return (struct figures){
		.ns = wall / n,
		.cpu_ns = cpu / n,
		.bundle = (double)bundled / (double)bundles,
		.enters = (double)(enters_of(b) - enters) / n,
		.doorbells = (double)bells / n,
	};
}

static int by_ns(const void *left, const void *right)
{
	const struct figures *l = left, *r = right;

	return (l->ns > r->ns) - (l->ns < r->ns);
}

static struct figures measure(const struct setup *setup)
{
	static struct bench b;
	struct figures rounds[ROUNDS_MAX];

	make(&b, setup);
	run_until(&b, 0, WARM_UP);
	for (unsigned i = 0; i < options.rounds; i++)
		rounds[i] = measure_round(&b);
	unmake(&b);
	qsort(rounds, options.rounds, sizeof(rounds[0]), by_ns);
	return rounds[options.rounds / 2];
}

static void print_head(void)
{
	if (options.csv)
		printf("deployment,mode,store,operation,slots,burst,bundle,ns_per_task,tasks_per_"
		       "second,"
		       "cpu_ns_per_task,enters_per_task,doorbells_per_task\n");
	else
		printf("%-7s %-8s %-7s %-6s %5s %5s %7s %8s %9s %12s %11s %14s\n", "", "mode",
		       "store", "op", "slots", "burst", "bundle", "ns/task", "Mtasks/s",
		       "CPU ns/task", "enters/task", "doorbells/task");
}

static void print_row(const struct setup *s, const struct figures *f)
{
	printf(options.csv ? "%s,%s,%s,%s,%u,%u,%.2f,%.1f,%.0f,%.1f,%.4f,%.4f\n"
			   : "%-7s %-8s %-7s %-6s %5u %5u %7.2f %8.1f %9.3f %12.1f %11.4f %14.4f\n",
	       deployment_names[s->deployment], mode_names[s->single], store_names[s->store],
	       operation_names[s->write], options.slots, s->burst, f->bundle, f->ns,
	       (options.csv ? 1e9 : 1e3) / f->ns, f->cpu_ns, f->enters, f->doorbells);
	fflush(stdout);
}

/* Options */

static void usage(void)
{
	fprintf(stderr, "usage: engine [--csv] [--seconds=S] [--rounds=N] [--slots=N] [--no-pin]\n"
			"              [--deployment=fused|lane] [--mode=bundled|single]\n"
			"              [--store=none|null|memory] [--op=read|write] [--burst=N]\n"
			"Of what the last five do not name, all is measured.\n");
	exit(2);
}

static int index_of(const char *const names[], int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return i;
	usage();
	return -1;
}

static void parse(int argc, char **argv)
{
	static const struct option table[] = {
		{ "csv", no_argument, NULL, 'c' },
		{ "seconds", required_argument, NULL, 's' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "slots", required_argument, NULL, 'n' },
		{ "no-pin", no_argument, NULL, 'p' },
		{ "deployment", required_argument, NULL, 0 },
		{ "mode", required_argument, NULL, 1 },
		{ "store", required_argument, NULL, 2 },
		{ "op", required_argument, NULL, 3 },
		{ "burst", required_argument, NULL, 4 },
		{ 0 },
	};
	static const struct {
		const char *const *names;
		int count;
	} lists[] = { { deployment_names, 2 },
		      { mode_names, 2 },
		      { store_names, 3 },
		      { operation_names, 2 } };
	int c;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == 'c')
			options.csv = true;
		else if (c == 's')
			options.seconds = strtod(optarg, NULL);
		else if (c == 'r')
			options.rounds = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 'n')
			options.slots = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 'p')
			options.pin = false;
		else if (c == 4)
			options.only[4] = (int)strtol(optarg, NULL, 10);
		else if (c >= 0 && c < 4)
			options.only[c] = index_of(lists[c].names, lists[c].count, optarg);
		else
			usage();
	}
	if (optind != argc || options.seconds <= 0 || options.rounds < 1 ||
	    options.rounds > ROUNDS_MAX || options.slots < 1 || options.slots > SHEAF_SLOTS_MAX ||
	    options.only[4] == 0 || options.only[4] > (int)options.slots)
		usage();
}

/* The first two CPUs that we may run on; the second is -1 if there is only one. */
static void find_cpus(void)
{
	cpu_set_t cpus;
	int found = 0;

	options.cpus[0] = options.cpus[1] = -1;
	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return;
	for (int i = 0; i < CPU_SETSIZE && found < 2; i++)
		if (CPU_ISSET((unsigned)i, &cpus))
			options.cpus[found++] = i;
}

static bool wanted(int which, unsigned value)
{
	return options.only[which] < 0 || options.only[which] == (int)value;
}

static void measure_bursts(struct setup s)
{
	struct figures f;

	if (options.only[4] > 0) {
		s.burst = (unsigned)options.only[4];
		f = measure(&s);
		print_row(&s, &f);
		return;
	}
	for (unsigned i = 0; i < sizeof(bursts) / sizeof(bursts[0]); i++) {
		s.burst = bursts[i];
		if (s.burst > options.slots)
			break;
		f = measure(&s);
		print_row(&s, &f);
	}
}

int main(int argc, char **argv)
{
	parse(argc, argv);
	find_cpus();
	place(options.cpus[0]);
	print_head();
	for (unsigned i = 0; i < 2 * 2 * 3 * 2; i++) {
		const struct setup s = { .deployment = i / 12,
					 .single = i / 6 % 2,
					 .store = i / 2 % 3,
					 .write = i % 2 };

		if (wanted(0, s.deployment) && wanted(1, s.single) && wanted(2, s.store) &&
		    wanted(3, s.write))
			measure_bursts(s);
	}
	return 0;
}
