/* SPDX-License-Identifier: MIT */
/**
 * test_counters.c - what a task may cost, in things that can be counted: allocations, bundles, turns, system calls
 *
 * Time is nobody's pass condition; these counters are. The disk controller serves bursts of READ and WRITE from a store that
 * is done at once, fused and through a lane, in both modes. The linker sends every allocation of ours and of the engine
 * through here (--wrap, see tests.am); while a test measures, each is counted. Nothing in between may allocate, so
 * assertions, which do, come after.
 */
#include <check.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <sheaf/scsi.h>

#include "base/bits.h"
#include "base/counter.h"
#include "base/log.h"
#include "controller/disk.h"
#include "driver/context.h"
#include "host/queue.h"

#define SLOTS	       64u
#define BLOCK	       512u
#define TRANSFER_BYTES 4096u
#define DISK_BYTES     (1u << 20)
#define BUFFER_BYTES   (TRANSFER_BYTES + SHEAF_BUFFER_MARGIN)
#define BURSTS	       500u
#define WARM_UP_BURSTS 20u
#define TIMEOUT_MS     30000u

/* Allocations */

static atomic_bool counting;
static atomic_uint allocations;

static void count_allocation(void)
{
	if (atomic_load_explicit(&counting, memory_order_relaxed))
		atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
}

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t n, size_t bytes);
void *__real_realloc(void *was, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
int __real_posix_memalign(void **ret, size_t alignment, size_t bytes);
char *__real_strdup(const char *text);
void *__real_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);

void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t n, size_t bytes);
void *__wrap_realloc(void *was, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);
int __wrap_posix_memalign(void **ret, size_t alignment, size_t bytes);
char *__wrap_strdup(const char *text);
void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);

void *__wrap_malloc(size_t bytes)
{
	count_allocation();
	return __real_malloc(bytes);
}

void *__wrap_calloc(size_t n, size_t bytes)
{
	count_allocation();
	return __real_calloc(n, bytes);
}

void *__wrap_realloc(void *was, size_t bytes)
{
	count_allocation();
	return __real_realloc(was, bytes);
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
	count_allocation();
	return __real_aligned_alloc(alignment, bytes);
}

int __wrap_posix_memalign(void **ret, size_t alignment, size_t bytes)
{
	count_allocation();
	return __real_posix_memalign(ret, alignment, bytes);
}

char *__wrap_strdup(const char *text)
{
	count_allocation();
	return __real_strdup(text);
}

void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	count_allocation();
	return __real_mmap(at, bytes, protection, flags, fd, offset);
}

/* The engine */

enum { FUSED, LANE };
enum { NULL_STORE, MEMORY_STORE };

static const struct deployment {
	unsigned workers, store;
	bool single;
} deployments[] = {
	{ FUSED, NULL_STORE, false }, { FUSED, MEMORY_STORE, false }, { FUSED, NULL_STORE, true },
	{ LANE, NULL_STORE, false },  { LANE, MEMORY_STORE, false },  { LANE, NULL_STORE, true },
};
#define DEPLOYMENTS	  ((int)(sizeof(deployments) / sizeof(deployments[0])))
#define FUSED_DEPLOYMENTS 3 /* the first of them */

static const unsigned bursts[] = { 1, 2, 7, 31, 32, 33, 64 };
#define BURST_SIZES (sizeof(bursts) / sizeof(bursts[0]))

static struct engine {
	struct sheaf_queue_client client; /* first */
	const struct deployment *deployment;
	struct sheaf_store *store;
	struct sheaf_lu *lu;
	struct sheaf_disk *disk;
	struct sheaf_host *host;
	struct sheaf_queue *queue;
	struct sheaf_loop *loop, *worker_loop;
	struct sheaf_context *context;
	pthread_t worker;
	atomic_bool worker_stop;
	unsigned sent, ended, good;
} engine;

/* What counters said, and then by how much they grew. */
struct counts {
	uint64_t requests, request_tasks, request_sizes[SHEAF_BUNDLE_MAX + 1];
	uint64_t completions, completion_tasks, completion_sizes[SHEAF_BUNDLE_MAX + 1];
	uint64_t turns, enters, doorbells; /* of the front loop */
	uint64_t worker_turns, worker_enters, worker_doorbells;
	unsigned allocations, ended, good;
};

static void ended(struct sheaf_queue_client *client, uint16_t slot,
		  const struct sheaf_result *result)
{
	(void)client;
	engine.ended++;
	if (sheaf_result_good(result) && result->bytes_transferred == TRANSFER_BYTES)
		engine.good++;
	sheaf_queue_put(engine.queue, slot);
}

static void *worker_main(void *arg)
{
	while (!atomic_load(&engine.worker_stop))
		if (sheaf_loop_turn(engine.worker_loop, true) < 0)
			break;
	return arg;
}

static void make_host(const struct deployment *d)
{
	static struct sheaf_lu *lus[1];
	const struct sheaf_lu_options lu_options = {
		.block_size = BLOCK,
		.maximum_transfer_bytes = TRANSFER_BYTES,
		.serial = "counters",
	};

	ck_assert_int_eq(d->store == NULL_STORE
				 ? sheaf_null_store_create(DISK_BYTES, &engine.store)
				 : sheaf_memory_store_create(DISK_BYTES, &engine.store),
			 0);
	ck_assert_int_eq(sheaf_lu_create(engine.store, &lu_options, &engine.lu), 0);
	lus[0] = engine.lu;
	ck_assert_int_eq(sheaf_disk_create(lus, 1, SLOTS, &engine.disk), 0);
	const struct sheaf_host_options options = {
		.ops = &sheaf_disk_ops,
		.controller = engine.disk,
		.slots = SLOTS,
		.queues = 1,
		.workers = d->workers,
		.buffer_bytes = BUFFER_BYTES,
		.bundle_max = SHEAF_BUNDLE_MAX,
		.single_mode = d->single,
		.timeout_ms = TIMEOUT_MS,
	};

	ck_assert_int_eq(sheaf_host_create(&options, &engine.host), 0);
	engine.queue = engine.host->queues[0];
}

static void connect_fused(void)
{
	struct sheaf_request_port port = sheaf_context_request_port(engine.context);

	sheaf_context_attach_port(engine.context, sheaf_queue_completion_port(engine.queue));
	sheaf_queue_attach(engine.queue, engine.loop, &engine.client, &port);
}

static void connect_lane(void)
{
	sheaf_queue_attach(engine.queue, engine.loop, &engine.client, NULL);
	ck_assert_int_eq(sheaf_context_attach_lanes(engine.context, 1), 0);
	sheaf_context_open_lane(engine.context, 0, sheaf_host_lane_index(engine.host, 0, 0),
				engine.queue->first_slot, engine.queue->slot_count,
				sheaf_loop_doorbell_fd(engine.loop));
	sheaf_queue_attach_worker(engine.queue, 0, sheaf_loop_doorbell_fd(engine.worker_loop));
	ck_assert_int_eq(pthread_create(&engine.worker, NULL, worker_main, NULL), 0);
}

static void open_engine(const struct deployment *d)
{
	const char *reason;
	enum sheaf_io_backend io = (enum sheaf_io_backend)sheaf_loop_probe(SHEAF_IO_AUTO, &reason);

	memset(&engine, 0, sizeof(engine));
	engine.client.ended = ended;
	engine.deployment = d;
	make_host(d);
	ck_assert_int_eq(sheaf_loop_create(io, SLOTS, &engine.loop), 0);
	if (d->workers)
		ck_assert_int_eq(sheaf_loop_create(io, SLOTS, &engine.worker_loop), 0);
	ck_assert_int_eq(sheaf_context_create(&sheaf_disk_ops, engine.disk,
					      &engine.host->controller_view, engine.host->bundled,
					      d->workers ? engine.worker_loop : engine.loop,
					      &engine.context),
			 0);
	if (d->workers)
		connect_lane();
	else
		connect_fused();
}

static void close_engine(void)
{
	if (engine.worker_loop) {
		atomic_store(&engine.worker_stop, true);
		sheaf_loop_wake(engine.worker_loop);
		pthread_join(engine.worker, NULL);
	}
	sheaf_loop_free(engine.loop);
	sheaf_loop_free(engine.worker_loop);
	sheaf_context_free(engine.context);
	sheaf_host_free(engine.host);
	sheaf_disk_free(engine.disk);
	sheaf_lu_free(engine.lu);
	sheaf_store_free(engine.store);
}

/* Tasks */

/* Every other one writes. */
static void start_task(void)
{
	bool write = engine.sent % 2;
	uint64_t lba = engine.sent++ * 8u % (DISK_BYTES / BLOCK);
	uint16_t slot = (uint16_t)sheaf_queue_take(engine.queue);
	struct sheaf_task *task = sheaf_queue_command(engine.queue, slot);
	uint8_t *cdb = task->command_descriptor_block;

	cdb[0] = write ? SHEAF_SCSI_WRITE_16 : SHEAF_SCSI_READ_16;
	sheaf_put_be64(cdb + SHEAF_CDB_16_LBA, lba);
	sheaf_put_be32(cdb + SHEAF_CDB_16_TRANSFER_LENGTH, TRANSFER_BYTES / BLOCK);
	task->command_size = 16;
	task->transfer_direction = write ? SHEAF_TRANSFER_TO_TARGET : SHEAF_TRANSFER_FROM_TARGET;
	task->requested_transfer_count = TRANSFER_BYTES;
	sheaf_queue_start(engine.queue, slot);
}

/* As a transport does that found @burst requests in its turn; the next when all are answered. */
static void run_bursts(unsigned n, unsigned burst)
{
	for (unsigned i = 0; i < n; i++) {
		for (unsigned k = 0; k < burst; k++)
			start_task();
		while (engine.ended < engine.sent)
			if (sheaf_loop_turn(engine.loop, true) < 0)
				return;
	}
}

static struct counts read_counters(void)
{
	const struct sheaf_queue_stats *q = &engine.queue->stats;
	const struct sheaf_loop_stats *l = sheaf_loop_stats(engine.loop);
	const struct sheaf_loop_stats *w =
		engine.worker_loop ? sheaf_loop_stats(engine.worker_loop) : NULL;
	struct counts c = {
		.requests = sheaf_count_get(&q->requests.count),
		.request_tasks = sheaf_count_get(&q->requests.tasks),
		.completions = sheaf_count_get(&q->completions.count),
		.completion_tasks = sheaf_count_get(&q->completions.tasks),
		.turns = sheaf_count_get(&l->turns),
		.enters = sheaf_count_get(&l->enters),
		.doorbells = sheaf_count_get(&l->doorbells),
		.worker_turns = w ? sheaf_count_get(&w->turns) : 0,
		.worker_enters = w ? sheaf_count_get(&w->enters) : 0,
		.worker_doorbells = w ? sheaf_count_get(&w->doorbells) : 0,
		.allocations = atomic_load(&allocations),
		.ended = engine.ended,
		.good = engine.good,
	};

	for (int i = 0; i <= SHEAF_BUNDLE_MAX; i++) {
		c.request_sizes[i] = sheaf_count_get(&q->requests.by_size[i]);
		c.completion_sizes[i] = sheaf_count_get(&q->completions.by_size[i]);
	}
	return c;
}

static struct counts difference(const struct counts *now, const struct counts *before)
{
	struct counts d = {
		.requests = now->requests - before->requests,
		.request_tasks = now->request_tasks - before->request_tasks,
		.completions = now->completions - before->completions,
		.completion_tasks = now->completion_tasks - before->completion_tasks,
		.turns = now->turns - before->turns,
		.enters = now->enters - before->enters,
		.doorbells = now->doorbells - before->doorbells,
		.worker_turns = now->worker_turns - before->worker_turns,
		.worker_enters = now->worker_enters - before->worker_enters,
		.worker_doorbells = now->worker_doorbells - before->worker_doorbells,
		.allocations = now->allocations - before->allocations,
		.ended = now->ended - before->ended,
		.good = now->good - before->good,
	};

	for (int i = 0; i <= SHEAF_BUNDLE_MAX; i++) {
		d.request_sizes[i] = now->request_sizes[i] - before->request_sizes[i];
		d.completion_sizes[i] = now->completion_sizes[i] - before->completion_sizes[i];
	}
	return d;
}

/* BURSTS bursts after a warm-up, which arms what stays armed. All tasks end well. */
static struct counts measure(const struct deployment *d, unsigned burst)
{
	struct counts before, now;

	open_engine(d);
	run_bursts(WARM_UP_BURSTS, burst);
	before = read_counters();
	atomic_store(&counting, true);
	run_bursts(BURSTS, burst);
	atomic_store(&counting, false);
	now = read_counters();
	close_engine();
	now = difference(&now, &before);
	ck_assert_uint_eq(now.ended, BURSTS * burst);
	ck_assert_uint_eq(now.good, now.ended);
	return now;
}

START_TEST(allocations_are_counted)
{
	void *volatile p;

	atomic_store(&counting, true);
	p = malloc(1);
	free(p);
	p = calloc(1, 1);
	p = realloc(p, 100);
	free(p);
	atomic_store(&counting, false);
	ck_assert_uint_eq(atomic_load(&allocations), 3);
}
END_TEST

/* Neither the loop's thread nor the worker's. */
START_TEST(task_allocates_nothing)
{
	for (unsigned i = 0; i < BURST_SIZES; i++)
		ck_assert_uint_eq(measure(&deployments[_i], bursts[i]).allocations, 0);
}
END_TEST

/* Bundles of 32 and one with the rest; in single mode each task alone. */
static void check_sizes(const struct deployment *d, unsigned burst, const uint64_t sizes[],
			bool exact)
{
	unsigned full = burst / SHEAF_BUNDLE_MAX, rest = burst % SHEAF_BUNDLE_MAX;
	uint64_t tasks = 0;

	for (unsigned n = 0; n <= SHEAF_BUNDLE_MAX; n++) {
		uint64_t expected = n == SHEAF_BUNDLE_MAX ? BURSTS * full
				    : n && n == rest	  ? BURSTS
							  : 0;

		if (d->single)
			expected = n == 1 ? BURSTS * burst : 0;
		if (exact)
			ck_assert_msg(sizes[n] == expected, "%llu bundles of %u, not %llu",
				      (unsigned long long)sizes[n], n,
				      (unsigned long long)expected);
		tasks += n * sizes[n];
	}
	ck_assert_uint_eq(tasks, BURSTS * burst);
}

/* What came in one turn goes as one bundle; and, fused, comes back as one. */
START_TEST(bundle_is_what_a_turn_found)
{
	const struct deployment *d = &deployments[_i];

	for (unsigned i = 0; i < BURST_SIZES; i++) {
		struct counts c = measure(d, bursts[i]);

		check_sizes(d, bursts[i], c.request_sizes, true);
		/* A worker that finds one of two bundles gives it back by itself; with one there is one. */
		check_sizes(d, bursts[i], c.completion_sizes,
			    !d->workers || bursts[i] <= SHEAF_BUNDLE_MAX);
		ck_assert_uint_eq(c.request_tasks, c.completion_tasks);
	}
}
END_TEST

/* The store is done at once, so a burst is over in the turn that it came in, and the kernel has no part in it. */
START_TEST(fused_burst_takes_one_turn_and_no_system_call)
{
	for (unsigned i = 0; i < BURST_SIZES; i++) {
		struct counts c = measure(&deployments[_i], bursts[i]);

		ck_assert_uint_eq(c.turns, BURSTS);
		ck_assert_uint_eq(c.enters, 0);
		ck_assert_uint_eq(c.doorbells, 0);
	}
}
END_TEST

/* Counters of a loop that runs may be of slightly different moments. */
/* In single-task mode each call has its own. */
START_TEST(lane_costs_a_doorbell_a_bundle_and_an_enter_a_turn_at_most)
{
	for (unsigned i = 0; i < BURST_SIZES; i++) {
		struct counts c = measure(&deployments[_i], bursts[i]);

		if (!deployments[_i].single) {
			ck_assert_uint_le(c.doorbells, c.requests);
			/* Counted after the push. */
			ck_assert_uint_le(c.worker_doorbells, c.completions + 1);
		} else {
			ck_assert_uint_eq(c.doorbells, c.requests);
			ck_assert_uint_ge(c.worker_doorbells + 1, c.completions);
		}
		ck_assert_uint_le(c.enters, c.turns);
		ck_assert_uint_le(c.worker_enters, c.worker_turns + 1); /* and may be in one */
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("counters");
	TCase *tc = tcase_create("counters");

	sheaf_log_set_level(SHEAF_LOG_WARNING);
	tcase_add_test(tc, allocations_are_counted);
	tcase_add_loop_test(tc, task_allocates_nothing, 0, DEPLOYMENTS);
	tcase_add_loop_test(tc, bundle_is_what_a_turn_found, 0, DEPLOYMENTS);
	tcase_add_loop_test(tc, fused_burst_takes_one_turn_and_no_system_call, 0,
			    FUSED_DEPLOYMENTS);
	tcase_add_loop_test(tc, lane_costs_a_doorbell_a_bundle_and_an_enter_a_turn_at_most,
			    FUSED_DEPLOYMENTS, DEPLOYMENTS);
	suite_add_tcase(suite, tc);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
