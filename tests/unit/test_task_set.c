/* SPDX-License-Identifier: MIT */
/*
 * test_task_set.c - COMPARE AND WRITE from several loops at a time is one step to everybody: no increment of a counter in a block is
 * lost, and no WRITE beside it is torn by one
 *
 * Each thread has a loop and a task of one target. It reads the block of counters, and swaps it for one with its own counter a step
 * further; who comes too late hears MISCOMPARE and reads again. Another thread writes to the block beside it, in one command with a part of
 * the counters' block left out, so that ranges overlap in all ways that there are.
 */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/scsi.h>

#include "base/bits.h"
#include "controller/target.h"
#include "scsi/nexus.h"
#include "scsi/sense.h"
#include "store/store.h"

#define THREADS	 4u
#define BLOCK	 512u
#define BLOCKS	 64u
#define LBA	 7u
#define AREA	 (8 * BLOCK)
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define STEPS 300u
#else
#define STEPS 3000u
#endif

static struct sheaf_store *store;
static struct sheaf_lu *lus[1];
static struct sheaf_target *target;
static uint8_t data[THREADS + 1][AREA];

struct runner {
	unsigned index;
	struct sheaf_loop *loop;
	struct sheaf_response response;
	bool ended;
	uint64_t tag;
	unsigned misses;
	pthread_t thread;
};

static void task_ended(void *context, uint32_t index)
{
	struct runner *r = context;

	(void)index;
	r->ended = true;
}

/* A command with data from or to this runner's part of the data area. Key of the sense data; 0: GOOD. */
static unsigned run(struct runner *r, const uint8_t cdb[16], enum sheaf_transfer_direction direction,
		    uint32_t bytes)
{
	struct sheaf_task task = { .version = SHEAF_TASK_VERSION };
	struct sheaf_sense sense;

	task.task_tag_identifier = ++r->tag * (THREADS + 1) + r->index;
	task.buffer_iovm_addr = (uint64_t)r->index * AREA;
	task.requested_transfer_count = bytes;
	task.transfer_direction = (uint8_t)direction;
	task.command_size = 16;
	memcpy(task.command_descriptor_block, cdb, 16);
	r->ended = false;
	sheaf_target_execute(target, r->index, &task, &r->response, r->loop, r);
	while (!r->ended)
		ck_assert_int_eq(sheaf_loop_turn(r->loop, true), 0);
	if (r->response.completion_status == SHEAF_STATUS_GOOD)
		return 0;
	ck_assert_uint_eq(r->response.completion_status, SHEAF_STATUS_CHECK_CONDITION);
	ck_assert(sheaf_sense_parse(r->response.sense_buffer, r->response.sense_length, &sense));
	return sense.key;
}

static void *count(void *arg)
{
	struct runner *r = arg;
	uint8_t read[16] = { 0x88, [13] = 1 }, swap[16] = { 0x89, [13] = 1 };
	uint8_t *block = data[r->index];

	sheaf_put_be64(read + 2, LBA);
	sheaf_put_be64(swap + 2, LBA);
	for (unsigned done = 0; done < STEPS;) {
		unsigned key;

		ck_assert_uint_eq(run(r, read, SHEAF_TRANSFER_FROM_TARGET, BLOCK), 0);
		memcpy(block + BLOCK, block, BLOCK);
		sheaf_put_be32(block + BLOCK + 4 * (size_t)r->index,
			       sheaf_get_be32(block + 4 * (size_t)r->index) + 1);
		key = run(r, swap, SHEAF_TRANSFER_TO_TARGET, 2 * BLOCK);
		ck_assert(key == 0 || key == SHEAF_KEY_MISCOMPARE);
		if (key == 0)
			done++;
		else
			r->misses++;
	}
	return NULL;
}

/* Blocks on both sides of the counters, alternately; never the counters. */
static void *disturb(void *arg)
{
	struct runner *r = arg;
	uint8_t write[16] = { 0x8a, [13] = 3 };

	for (unsigned i = 0; i < STEPS; i++) {
		sheaf_put_be64(write + 2, i % 2 ? LBA + 1 : LBA - 3);
		memset(data[r->index], (int)i, 3 * BLOCK);
		ck_assert_uint_eq(run(r, write, SHEAF_TRANSFER_TO_TARGET, 3 * BLOCK), 0);
	}
	return NULL;
}

static void open_target(void)
{
	const struct sheaf_lu_options options = { .block_size = BLOCK,
						  .maximum_transfer_bytes = AREA,
						  .serial = "set" };

	ck_assert_int_eq(sheaf_memory_store_create((uint64_t)BLOCKS * BLOCK, &store), 0);
	ck_assert_int_eq(sheaf_lu_create(store, &options, &lus[0]), 0);
	sheaf_lu_take_attention(lus[0], SHEAF_INITIATOR_MOUNT);
	ck_assert_int_eq(sheaf_target_create_on(lus, 1, THREADS + 1, task_ended, &target), 0);
	sheaf_target_set_data_area(target, data[0], sizeof(data));
}

static void close_target(void)
{
	sheaf_target_free(target);
	sheaf_lu_free(lus[0]);
	sheaf_store_free(store);
}

START_TEST(no_step_of_a_counter_is_lost)
{
	static struct runner runners[THREADS + 1];
	const uint8_t *block;

	memset(runners, 0, sizeof(runners));
	for (unsigned i = 0; i <= THREADS; i++) {
		runners[i].index = i;
		ck_assert_int_eq(sheaf_loop_create(_i ? SHEAF_IO_SYNC : SHEAF_IO_URING, 8, &runners[i].loop), 0);
		ck_assert_int_eq(pthread_create(&runners[i].thread, NULL,
						i < THREADS ? count : disturb, &runners[i]),
				 0);
	}
	for (unsigned i = 0; i <= THREADS; i++) {
		pthread_join(runners[i].thread, NULL);
		sheaf_loop_free(runners[i].loop);
	}
	block = sheaf_memory_store_bytes(store) + (size_t)LBA * BLOCK;
	for (unsigned i = 0; i < THREADS; i++)
		ck_assert_uint_eq(sheaf_get_be32(block + 4 * (size_t)i), STEPS);
	printf("misses: %u %u %u %u\n", runners[0].misses, runners[1].misses, runners[2].misses,
	       runners[3].misses);
}
END_TEST

int main(void)
{
	const char *reason;
	Suite *suite = suite_create("task_set");
	TCase *tc = tcase_create("threads");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, open_target, close_target);
	tcase_add_loop_test(tc, no_step_of_a_counter_is_lost,
			    sheaf_loop_probe(SHEAF_IO_URING, &reason) == SHEAF_IO_URING ? 0 : 1, 2);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
