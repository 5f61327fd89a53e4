/* SPDX-License-Identifier: MIT */
/**
 * test_deployments.c - the disk controller over a memory store, through the host: every deployment, mode and back end
 *
 * Two front loops with a part of the disk each send random commands, several in flight, none of which overlap, and
 * compare all that comes back with an array. At the end the store is that array. The seed is printed; SHEAF_SEED sets it.
 */
#include <check.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sheaf/scsi.h>

#include "base/bits.h"
#include "base/counter.h"
#include "base/log.h"
#include "controller/disk.h"
#include "driver/context.h"
#include "host/probe.h"
#include "host/queue.h"
#include "scsi/sense.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define TASKS 4000u
#else
#define TASKS 30000u
#endif
#define FRONTS 2u
#define WORKERS_MAX 2u
#define SLOTS 32u
#define BLOCK 512u
#define PART_BLOCKS 2048u /* of each front */
#define DISK_BLOCKS (FRONTS * PART_BLOCKS)
#define TRANSFER_BLOCKS 64u
#define BUFFER_BYTES (TRANSFER_BLOCKS * BLOCK + SHEAF_BUFFER_MARGIN)
#define DESCRIPTORS_MAX 3u

/* A command in flight: what it covers, and what is to come of it. */
struct command {
	bool reads;
	uint32_t lba[DESCRIPTORS_MAX], blocks[DESCRIPTORS_MAX]; /* in the front's part */
	unsigned ranges;
	uint32_t sense; /* key << 16 | asc, 0: GOOD */
	uint64_t bytes;
};

struct front {
	struct sheaf_queue_client client; /* first */
	struct sheaf_queue *queue;
	struct sheaf_loop *loop;
	struct sheaf_context *context; /* fused */
	pthread_t thread;
	uint64_t random;
	uint32_t first_block;
	uint8_t *model; /* of its part */
	bool busy[PART_BLOCKS];
	struct command commands[SLOTS]; /* by slot */
	unsigned started, ended, in_flight;
	struct sheaf_loop_hook hook;
	int units;
};

struct worker {
	struct sheaf_loop *loop;
	struct sheaf_context *context;
	pthread_t thread;
};

static struct front fronts[FRONTS];
static struct worker workers[WORKERS_MAX];
static struct sheaf_store *store;
static struct sheaf_lu *lu;
static struct sheaf_disk *disk;
static struct sheaf_host *host;
static uint8_t model[DISK_BLOCKS * BLOCK];
static atomic_bool workers_stop;
static pthread_barrier_t probed;

static uint32_t random_below(struct front *f, uint32_t n)
{
	f->random ^= f->random << 13;
	f->random ^= f->random >> 7;
	f->random ^= f->random << 17;
	return (uint32_t)((f->random >> 16) % n);
}

/* A range of the front's part that nothing in flight touches; false if none was found. */
static bool pick_range(struct front *f, struct command *c, uint32_t most)
{
	for (int tries = 0; tries < 20; tries++) {
		uint32_t n = 1 + random_below(f, random_below(f, 2) ? most : 8);
		uint32_t lba = random_below(f, PART_BLOCKS - n + 1);

		if (memchr(f->busy + lba, true, n))
			continue;
		memset(f->busy + lba, true, n);
		c->lba[c->ranges] = lba;
		c->blocks[c->ranges++] = n;
		return true;
	}
	return false;
}

static uint8_t *model_at(const struct front *f, uint32_t lba)
{
	return f->model + (size_t)lba * BLOCK;
}

/* READ and WRITE of all lengths of CDB that can name the range. */
static void put_rw_cdb(struct front *f, struct sheaf_task *task, bool write, uint32_t lba, uint32_t n)
{
	uint8_t *cdb = task->command_descriptor_block;
	uint8_t fua = write && random_below(f, 4) == 0 ? SHEAF_CDB_RW_FUA : 0;

	switch (random_below(f, 4)) {
	case 0:
		cdb[0] = write ? SHEAF_SCSI_WRITE_6 : SHEAF_SCSI_READ_6;
		sheaf_put_be24(cdb + SHEAF_CDB_6_LBA, lba);
		cdb[SHEAF_CDB_6_TRANSFER_LENGTH] = (uint8_t)n;
		task->command_size = 6;
		break;
	case 1:
		cdb[0] = write ? SHEAF_SCSI_WRITE_10 : SHEAF_SCSI_READ_10;
		cdb[1] = fua;
		sheaf_put_be32(cdb + SHEAF_CDB_10_LBA, lba);
		sheaf_put_be16(cdb + SHEAF_CDB_10_TRANSFER_LENGTH, (uint16_t)n);
		task->command_size = 10;
		break;
	case 2:
		cdb[0] = write ? SHEAF_SCSI_WRITE_12 : SHEAF_SCSI_READ_12;
		cdb[1] = fua;
		sheaf_put_be32(cdb + SHEAF_CDB_12_LBA, lba);
		sheaf_put_be32(cdb + SHEAF_CDB_12_TRANSFER_LENGTH, n);
		task->command_size = 12;
		break;
	default:
		cdb[0] = write ? SHEAF_SCSI_WRITE_16 : SHEAF_SCSI_READ_16;
		cdb[1] = fua;
		sheaf_put_be64(cdb + SHEAF_CDB_16_LBA, lba);
		sheaf_put_be32(cdb + SHEAF_CDB_16_TRANSFER_LENGTH, n);
		task->command_size = 16;
	}
}

static void fill_random(struct front *f, uint8_t *p, size_t bytes)
{
	for (size_t i = 0; i + 8 <= bytes; i += 8) {
		random_below(f, 1);
		memcpy(p + i, &f->random, 8);
	}
}

static void set_transfer(struct sheaf_task *task, struct command *c, bool to_target, uint64_t bytes)
{
	task->transfer_direction = to_target ? SHEAF_TRANSFER_TO_TARGET : SHEAF_TRANSFER_FROM_TARGET;
	task->requested_transfer_count = bytes;
	c->bytes = bytes;
}

static bool make_read(struct front *f, struct sheaf_task *task, struct command *c, uint8_t *data)
{
	if (!pick_range(f, c, TRANSFER_BLOCKS))
		return false;
	c->reads = true;
	put_rw_cdb(f, task, false, f->first_block + c->lba[0], c->blocks[0]);
	set_transfer(task, c, false, (uint64_t)c->blocks[0] * BLOCK);
	memset(data, 0xee, c->bytes);
	return true;
}

static bool make_write(struct front *f, struct sheaf_task *task, struct command *c, uint8_t *data)
{
	if (!pick_range(f, c, TRANSFER_BLOCKS))
		return false;
	put_rw_cdb(f, task, true, f->first_block + c->lba[0], c->blocks[0]);
	set_transfer(task, c, true, (uint64_t)c->blocks[0] * BLOCK);
	fill_random(f, data, c->bytes);
	memcpy(model_at(f, c->lba[0]), data, c->bytes);
	return true;
}

static bool make_unmap(struct front *f, struct sheaf_task *task, struct command *c, uint8_t *data)
{
	uint32_t wanted = 1 + random_below(f, DESCRIPTORS_MAX);
	uint16_t bytes;

	for (uint32_t i = 0; i < wanted; i++)
		if (!pick_range(f, c, 256))
			break;
	if (c->ranges == 0)
		return false;
	bytes = (uint16_t)(SHEAF_UNMAP_HEADER + SHEAF_UNMAP_DESCRIPTOR * c->ranges);
	memset(data, 0, bytes);
	sheaf_put_be16(data, (uint16_t)(bytes - 2));
	sheaf_put_be16(data + 2, (uint16_t)(bytes - SHEAF_UNMAP_HEADER));
	for (unsigned i = 0; i < c->ranges; i++) {
		uint8_t *d = data + SHEAF_UNMAP_HEADER + SHEAF_UNMAP_DESCRIPTOR * i;

		sheaf_put_be64(d, f->first_block + c->lba[i]);
		sheaf_put_be32(d + 8, c->blocks[i]);
		memset(model_at(f, c->lba[i]), 0, (size_t)c->blocks[i] * BLOCK);
	}
	task->command_descriptor_block[0] = SHEAF_SCSI_UNMAP;
	sheaf_put_be16(task->command_descriptor_block + SHEAF_CDB_10_PARAMETER_LENGTH, bytes);
	task->command_size = 10;
	set_transfer(task, c, true, bytes);
	return true;
}

static bool make_write_same(struct front *f, struct sheaf_task *task, struct command *c, uint8_t *data)
{
	uint8_t *cdb = task->command_descriptor_block;
	bool zeros = random_below(f, 2);

	if (!pick_range(f, c, 512))
		return false;
	cdb[0] = SHEAF_SCSI_WRITE_SAME_16;
	sheaf_put_be64(cdb + SHEAF_CDB_16_LBA, f->first_block + c->lba[0]);
	sheaf_put_be32(cdb + SHEAF_CDB_16_TRANSFER_LENGTH, c->blocks[0]);
	task->command_size = 16;
	set_transfer(task, c, true, BLOCK);
	if (zeros) {
		memset(data, 0, BLOCK);
		cdb[1] = random_below(f, 2) ? SHEAF_CDB_WRITE_SAME_UNMAP : 0;
	} else {
		fill_random(f, data, BLOCK);
	}
	for (uint32_t i = 0; i < c->blocks[0]; i++)
		memcpy(model_at(f, c->lba[0] + i), data, BLOCK);
	return true;
}

static bool make_synchronize(struct front *f, struct sheaf_task *task)
{
	bool ten = random_below(f, 2);

	task->command_descriptor_block[0] =
		ten ? SHEAF_SCSI_SYNCHRONIZE_CACHE_10 : SHEAF_SCSI_SYNCHRONIZE_CACHE_16;
	task->command_size = ten ? 10 : 16;
	return true;
}

/* Commands that must fail, and leave everything as it is. */
static bool make_bad(struct front *f, struct sheaf_task *task, struct command *c, uint8_t *data)
{
	bool write = random_below(f, 2);
	uint32_t n = 1 + random_below(f, TRANSFER_BLOCKS);

	memset(data, 0xbb, n * BLOCK);
	set_transfer(task, c, write, n * BLOCK);
	switch (random_below(f, 4)) {
	case 0: /* a block past the end */
		put_rw_cdb(f, task, write, DISK_BLOCKS - n + 1, n);
		c->sense = SHEAF_KEY_ILLEGAL_REQUEST << 16 | SHEAF_ASC_LBA_OUT_OF_RANGE;
		break;
	case 1: /* less room than blocks */
		put_rw_cdb(f, task, write, 0, n);
		task->requested_transfer_count -= 1;
		c->sense = (uint32_t)SHEAF_KEY_ABORTED_COMMAND << 16 |
			   (write ? SHEAF_ASC_DATA_OUT_BUFFER_OVERFLOW :
				    SHEAF_ASC_DATA_IN_BUFFER_OVERFLOW);
		break;
	case 2: /* LUN 1 does not exist */
		put_rw_cdb(f, task, write, 0, n);
		task->logical_unit_bytes[1] = 1;
		c->sense = SHEAF_KEY_ILLEGAL_REQUEST << 16 | SHEAF_ASC_LU_NOT_SUPPORTED;
		break;
	default:
		task->command_descriptor_block[0] = 0xff;
		task->command_size = 10;
		c->sense = SHEAF_KEY_ILLEGAL_REQUEST << 16 | SHEAF_ASC_INVALID_OPCODE;
	}
	return true;
}

static bool start_random(struct front *f)
{
	int slot = sheaf_queue_take(f->queue);
	bool made;

	if (slot < 0)
		return false;
	struct sheaf_task *task = sheaf_queue_command(f->queue, (uint16_t)slot);
	struct command *c = &f->commands[slot];
	uint8_t *data = sheaf_queue_buffer(f->queue, (uint16_t)slot);

	memset(c, 0, sizeof(*c));
	switch (random_below(f, 12)) {
	case 0: case 1: case 2: case 3:
		made = make_read(f, task, c, data);
		break;
	case 4: case 5: case 6: case 7:
		made = make_write(f, task, c, data);
		break;
	case 8:
		made = make_unmap(f, task, c, data);
		break;
	case 9:
		made = make_write_same(f, task, c, data);
		break;
	case 10:
		made = make_synchronize(f, task);
		break;
	default:
		made = make_bad(f, task, c, data);
	}
	if (!made) {
		sheaf_queue_put(f->queue, (uint16_t)slot);
		return false;
	}
	f->started++;
	f->in_flight++;
	sheaf_queue_start(f->queue, (uint16_t)slot);
	return true;
}

static void check_failure(const struct command *c, const struct sheaf_result *result)
{
	struct sheaf_sense sense = { 0 };

	ck_assert_uint_eq(result->service_response, SHEAF_TASK_COMPLETE);
	ck_assert_uint_eq(result->status, SHEAF_STATUS_CHECK_CONDITION);
	ck_assert(sheaf_sense_parse(result->sense, result->sense_length, &sense));
	ck_assert_uint_eq((uint32_t)sense.key << 16 | sense.asc, c->sense);
}

static void ended(struct sheaf_queue_client *client, uint16_t slot, const struct sheaf_result *result)
{
	struct front *f = (struct front *)client;
	struct command *c = &f->commands[slot];

	f->ended++;
	f->in_flight--;
	if (c->sense) {
		check_failure(c, result);
	} else {
		ck_assert_uint_eq(result->service_response, SHEAF_TASK_COMPLETE);
		ck_assert_uint_eq(result->status, SHEAF_STATUS_GOOD);
		ck_assert_uint_eq(result->bytes_transferred, c->bytes);
	}
	if (c->reads)
		ck_assert_mem_eq(sheaf_queue_buffer(f->queue, slot), model_at(f, c->lba[0]), c->bytes);
	for (unsigned i = 0; i < c->ranges; i++)
		memset(f->busy + c->lba[i], false, c->blocks[i]);
	sheaf_queue_put(f->queue, slot);
	/* The other half is started from here, in the middle of a completion bundle. */
	if (f->started < TASKS && random_below(f, 2))
		start_random(f);
}

static struct front *hook_front(struct sheaf_loop_hook *hook)
{
	return (struct front *)((char *)hook - offsetof(struct front, hook));
}

/* Half of all commands are started from here, in the turn, as a FUSE queue does. */
static bool hook_flush(struct sheaf_loop_hook *hook)
{
	struct front *f = hook_front(hook);
	uint32_t depth = 1 + random_below(f, SLOTS / FRONTS);
	bool any = false;

	while (f->started < TASKS && f->in_flight < depth && start_random(f))
		any = true;
	return any;
}

/* There is no deadline in this test: who sleeps while nothing is going to wake it hangs, and that is a failure. */
static bool hook_may_sleep(struct sheaf_loop_hook *hook)
{
	return hook_front(hook)->in_flight > 0;
}

static void *front_main(void *arg)
{
	struct front *f = arg;
	static struct sheaf_unit units[SHEAF_LUNS_MAX];

	if (f == &fronts[0])
		f->units = sheaf_probe(f->queue, units);
	pthread_barrier_wait(&probed);
	f->hook.flush = hook_flush;
	f->hook.may_sleep = hook_may_sleep;
	sheaf_loop_add_hook(f->loop, &f->hook);
	while (f->started < TASKS || f->in_flight)
		if (sheaf_loop_turn(f->loop, true) < 0)
			break;
	sheaf_loop_remove_hook(f->loop, &f->hook);
	return NULL;
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	while (!atomic_load(&workers_stop))
		if (sheaf_loop_turn(w->loop, true) < 0)
			break;
	return NULL;
}

struct deployment {
	const char *name;
	uint32_t workers;
	bool single;
	enum sheaf_io_backend io;
};

#define DEPLOYMENT(workers, mode, io) { #workers " workers, " #mode ", " #io, workers, mode, io }
enum { BUNDLED, SINGLE };
static const struct deployment deployments[] = {
	DEPLOYMENT(0, BUNDLED, SHEAF_IO_SYNC), DEPLOYMENT(0, BUNDLED, SHEAF_IO_URING),
	DEPLOYMENT(0, SINGLE, SHEAF_IO_SYNC),  DEPLOYMENT(0, SINGLE, SHEAF_IO_URING),
	DEPLOYMENT(1, BUNDLED, SHEAF_IO_SYNC), DEPLOYMENT(1, BUNDLED, SHEAF_IO_URING),
	DEPLOYMENT(1, SINGLE, SHEAF_IO_SYNC),  DEPLOYMENT(1, SINGLE, SHEAF_IO_URING),
	DEPLOYMENT(2, BUNDLED, SHEAF_IO_SYNC), DEPLOYMENT(2, BUNDLED, SHEAF_IO_URING),
	DEPLOYMENT(2, SINGLE, SHEAF_IO_SYNC),  DEPLOYMENT(2, SINGLE, SHEAF_IO_URING),
};
#define DEPLOYMENTS ((int)(sizeof(deployments) / sizeof(deployments[0])))

static void make_context(struct sheaf_loop *loop, struct sheaf_context **ret_context)
{
	ck_assert_int_eq(sheaf_context_create(&sheaf_disk_ops, disk, &host->controller_view,
					      host->bundled, loop, ret_context),
			 0);
}

static void connect_fused(struct front *f, bool queue_first)
{
	struct sheaf_request_port port = { 0 };

	/* The order of the two hooks on the loop must make no difference. */
	if (queue_first)
		sheaf_queue_attach(f->queue, f->loop, &f->client, NULL);
	make_context(f->loop, &f->context);
	port = sheaf_context_request_port(f->context);
	sheaf_context_attach_port(f->context, sheaf_queue_completion_port(f->queue));
	if (queue_first)
		f->queue->port = port;
	else
		sheaf_queue_attach(f->queue, f->loop, &f->client, &port);
}

static void connect_worker(struct worker *w, uint32_t index)
{
	make_context(w->loop, &w->context);
	ck_assert_int_eq(sheaf_context_attach_lanes(w->context, FRONTS), 0);
	for (uint32_t i = 0; i < FRONTS; i++) {
		struct sheaf_queue *queue = fronts[i].queue;

		sheaf_context_open_lane(w->context, i, sheaf_host_lane_index(host, i, index),
					queue->first_slot, queue->slot_count,
					sheaf_loop_doorbell_fd(fronts[i].loop));
		sheaf_queue_attach_worker(queue, index, sheaf_loop_doorbell_fd(w->loop));
	}
}

static void make_disk(const struct deployment *d)
{
	static struct sheaf_lu *lus[1];
	const struct sheaf_lu_options lu_options = {
		.block_size = BLOCK,
		.maximum_transfer_bytes = TRANSFER_BLOCKS * BLOCK,
		.serial = "deployments",
	};

	ck_assert_int_eq(sheaf_memory_store_create(sizeof(model), &store), 0);
	ck_assert_int_eq(sheaf_lu_create(store, &lu_options, &lu), 0);
	lus[0] = lu;
	ck_assert_int_eq(sheaf_disk_create(lus, 1, SLOTS, &disk), 0);
	const struct sheaf_host_options o = {
		.ops = &sheaf_disk_ops,
		.controller = disk,
		.slots = SLOTS,
		.queues = FRONTS,
		.workers = d->workers,
		.buffer_bytes = BUFFER_BYTES,
		.bundle_max = SHEAF_BUNDLE_MAX,
		.single_mode = d->single,
	};

	ck_assert_int_eq(sheaf_host_create(&o, &host), 0);
}

static void make_engine(const struct deployment *d, uint64_t seed)
{
	make_disk(d);
	memset(fronts, 0, sizeof(fronts));
	memset(workers, 0, sizeof(workers));
	for (uint32_t i = 0; i < FRONTS; i++) {
		struct front *f = &fronts[i];

		f->client.ended = ended;
		f->queue = host->queues[i];
		f->random = seed + i;
		f->first_block = i * PART_BLOCKS;
		f->model = model + (size_t)f->first_block * BLOCK;
		ck_assert_int_eq(sheaf_loop_create(d->io, SLOTS, &f->loop), 0);
		if (d->workers == 0)
			connect_fused(f, i == 1);
		else
			sheaf_queue_attach(f->queue, f->loop, &f->client, NULL);
	}
	for (uint32_t w = 0; w < d->workers; w++) {
		ck_assert_int_eq(sheaf_loop_create(d->io, SLOTS, &workers[w].loop), 0);
		connect_worker(&workers[w], w);
	}
}

static void run_engine(const struct deployment *d)
{
	atomic_store(&workers_stop, false);
	pthread_barrier_init(&probed, NULL, FRONTS);
	for (uint32_t w = 0; w < d->workers; w++)
		ck_assert_int_eq(
			pthread_create(&workers[w].thread, NULL, worker_main, &workers[w]), 0);
	for (uint32_t i = 0; i < FRONTS; i++)
		ck_assert_int_eq(pthread_create(&fronts[i].thread, NULL, front_main, &fronts[i]), 0);
	for (uint32_t i = 0; i < FRONTS; i++)
		pthread_join(fronts[i].thread, NULL);
	atomic_store(&workers_stop, true);
	for (uint32_t w = 0; w < d->workers; w++) {
		sheaf_loop_wake(workers[w].loop);
		pthread_join(workers[w].thread, NULL);
	}
	pthread_barrier_destroy(&probed);
}

static void check_queue(const struct deployment *d, const struct sheaf_queue *queue)
{
	const struct sheaf_queue_stats *s = &queue->stats;

	ck_assert_uint_ge(sheaf_count_get(&s->started), TASKS);
	ck_assert_uint_eq(sheaf_count_get(&s->started), sheaf_count_get(&s->ended));
	ck_assert_uint_eq(sheaf_count_get(&s->started), sheaf_count_get(&s->requests.tasks));
	ck_assert_uint_eq(sheaf_count_get(&s->started), sheaf_count_get(&s->completions.tasks));
	for (int i = 0; i < SHEAF_VIOLATION_KINDS; i++)
		ck_assert_uint_eq(sheaf_count_get(&s->violations[i]), 0);
	ck_assert_uint_eq(sheaf_slots_check(queue), 0);
	ck_assert_uint_eq(queue->free_count, queue->slot_count);
	ck_assert_uint_eq(sheaf_count_get(&s->timeouts), 0);
	if (d->single)
		ck_assert_uint_eq(sheaf_count_get(&s->requests.count),
				  sheaf_count_get(&s->requests.tasks));
	else
		ck_assert_uint_lt(sheaf_count_get(&s->requests.count),
				  sheaf_count_get(&s->requests.tasks));
}

static void free_engine(const struct deployment *d)
{
	for (uint32_t i = 0; i < FRONTS; i++) {
		sheaf_loop_free(fronts[i].loop);
		sheaf_context_free(fronts[i].context);
	}
	for (uint32_t w = 0; w < d->workers; w++) {
		sheaf_loop_free(workers[w].loop);
		ck_assert_uint_eq(sheaf_count_get(&workers[w].context->refused), 0);
		sheaf_context_free(workers[w].context);
	}
	sheaf_host_free(host);
	sheaf_disk_free(disk);
	sheaf_lu_free(lu);
	sheaf_store_free(store);
}

static uint64_t pick_seed(void)
{
	const char *env = getenv("SHEAF_SEED");
	uint64_t seed = env ? strtoull(env, NULL, 0) : (uint64_t)time(NULL) * 2654435761u;

	return seed ? seed : 1;
}

START_TEST(random_commands_do_what_an_array_does)
{
	const struct deployment *d = &deployments[_i];
	uint64_t seed = pick_seed();
	const char *reason;

	printf("# %s: SHEAF_SEED=%llu\n", d->name, (unsigned long long)seed);
	fflush(stdout);
	if (sheaf_loop_probe(d->io, &reason) < 0) {
		printf("# skipped: %s\n", reason);
		return;
	}
	make_engine(d, seed);
	run_engine(d);
	ck_assert_int_eq(fronts[0].units, 1);
	for (uint32_t i = 0; i < FRONTS; i++) {
		ck_assert_uint_eq(fronts[i].ended, TASKS);
		check_queue(d, fronts[i].queue);
	}
	ck_assert_mem_eq(sheaf_memory_store_bytes(store), model, sizeof(model));
	free_engine(d);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("deployments");
	TCase *tc = tcase_create("deployments");

	sheaf_log_set_level(SHEAF_LOG_WARNING);
	tcase_add_loop_test(tc, random_commands_do_what_an_array_does, 0, DEPLOYMENTS);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
