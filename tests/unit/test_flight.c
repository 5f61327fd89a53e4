/* SPDX-License-Identifier: MIT */
/**
 * test_flight.c - the flight recorder: what it keeps of each task, how much, and that a reader never sees half a record
 */
#include "host/flight.h"

#include <check.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/bits.h"
#include "fake_controller.h"
#include "host/probe.h"

#define SLOTS	   4u
#define BYTES	   4096u
#define TIMEOUT_MS 1000u

static struct fake_controller fake;
static struct sheaf_host *host;
static struct sheaf_queue *queue;
static struct sheaf_loop *loop;
static struct sheaf_queue_client client;
static struct sheaf_flight_task tasks[SHEAF_FLIGHT_TASKS];

static void client_ended(struct sheaf_queue_client *c, uint16_t slot,
			 const struct sheaf_result *result)
{
	(void)c, (void)result;
	sheaf_queue_put(queue, slot);
}

static void open_queue(int single)
{
	const struct sheaf_request_port port = { &fake, fake_bundle, fake_single };
	const struct sheaf_host_options o = {
		.ops = &fake_ops,
		.controller = &fake,
		.slots = SLOTS,
		.queues = 1,
		.buffer_bytes = BYTES,
		.bundle_max = SHEAF_BUNDLE_MAX,
		.single_mode = single,
		.timeout_ms = TIMEOUT_MS,
	};

	fake_init(&fake);
	client.ended = client_ended;
	ck_assert_int_eq(sheaf_host_create(&o, &host), 0);
	ck_assert_int_eq(sheaf_loop_create(SHEAF_IO_SYNC, 8, &loop), 0);
	ck_assert_int_eq(sheaf_view_map(&host->region, &fake.raw), 0);
	queue = host->queues[0];
	sheaf_queue_attach(queue, loop, &client, &port);
	fake.port = sheaf_queue_completion_port(queue);
	fake.bundled = host->bundled;
}

static void close_queue(void)
{
	sheaf_slots_check(queue);
	loop = sheaf_loop_free(loop);
	sheaf_view_unmap(&fake.raw);
	host = sheaf_host_free(host);
}

static uint16_t start(uint64_t lba)
{
	int slot = sheaf_queue_take(queue);
	struct sheaf_task *task = sheaf_queue_command(queue, (uint16_t)slot);

	ck_assert_int_ge(slot, 0);
	sheaf_put_lun(task->logical_unit_bytes, 300);
	task->transfer_direction = SHEAF_TRANSFER_FROM_TARGET;
	task->requested_transfer_count = BYTES;
	task->command_size = 16;
	task->command_descriptor_block[0] = SHEAF_SCSI_READ_16;
	sheaf_put_be64(task->command_descriptor_block + SHEAF_CDB_16_LBA, lba);
	sheaf_queue_start(queue, (uint16_t)slot);
	return (uint16_t)slot;
}

static void run_one(uint64_t lba)
{
	uint16_t slot = start(lba);

	sheaf_queue_flush(queue);
	fake.bundle_count = 0;
	fake_complete(&fake, slot);
}

START_TEST(record_says_what_became_of_a_task)
{
	open_queue(_i);
	uint16_t first = start(0x1234567890), second = start(7);
	uint16_t slots[] = { second, first };

	sheaf_queue_flush(queue);
	fake_answer(&fake, first);
	fake_answer(&fake, second)->bytes_transferred = 512;
	fake_give_back(&fake, slots, 2);
	ck_assert_uint_eq(sheaf_flight_read(queue->flights, tasks), 2);
	/* In the order in which they ended. */
	ck_assert_uint_eq(tasks[0].slot, second);
	ck_assert_uint_eq(tasks[0].transferred, 512);
	ck_assert_uint_eq(tasks[1].slot, first);
	ck_assert_uint_eq(sheaf_flight_lba(tasks[1].cdb), 0x1234567890);
	ck_assert_uint_eq(tasks[1].cdb_length, 16);
	ck_assert_uint_eq(tasks[1].lun, 300);
	ck_assert_uint_eq(tasks[1].requested, BYTES);
	ck_assert_uint_eq(tasks[1].transferred, BYTES);
	ck_assert_uint_eq(tasks[1].service_response, SHEAF_TASK_COMPLETE);
	ck_assert_uint_eq(tasks[1].status, SHEAF_STATUS_GOOD);
	ck_assert_uint_eq(tasks[1].generation, 1);
	ck_assert_uint_eq(tasks[1].bundle_size, _i ? 1 : 2);
	ck_assert_uint_eq(tasks[0].bundle_index, _i ? 0 : 1);
	ck_assert_uint_eq(tasks[0].bundle, _i ? 1 : 0);
	ck_assert_uint_eq(tasks[1].start_ns, sheaf_loop_now(loop));
	close_queue();
}
END_TEST

START_TEST(last_256_are_kept)
{
	open_queue(_i);
	for (unsigned n = 1; n <= 3 * SHEAF_FLIGHT_TASKS + 5; n++) {
		unsigned expected = n < SHEAF_FLIGHT_TASKS ? n : SHEAF_FLIGHT_TASKS;

		run_one(n);
		if (n > 3 && n < SHEAF_FLIGHT_TASKS - 1)
			continue;
		ck_assert_uint_eq(sheaf_flight_read(queue->flights, tasks), expected);
		for (unsigned i = 0; i < expected; i++)
			ck_assert_uint_eq(sheaf_flight_lba(tasks[i].cdb), n - expected + 1 + i);
	}
	close_queue();
}
END_TEST

/* Its slot is not the host's: the command comes through the region's file. */
START_TEST(task_that_timed_out_is_recorded_once)
{
	open_queue(_i);
	uint16_t slot = start(99);

	sheaf_queue_flush(queue);
	sheaf_queue_expire(queue, UINT64_MAX);
	fake_complete(&fake, slot); /* late */
	ck_assert_uint_eq(sheaf_flight_read(queue->flights, tasks), 1);
	ck_assert_uint_eq(tasks[0].service_response, SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE);
	ck_assert_uint_eq(tasks[0].status, SHEAF_DELIVERY_TASK_TIMEOUT);
	ck_assert_uint_eq(sheaf_flight_lba(tasks[0].cdb), 99);
	close_queue();
}
END_TEST

START_TEST(task_in_flight_can_be_looked_at)
{
	struct sheaf_flight_task task;
	uint64_t target;
	char text[256];

	open_queue(_i);
	uint16_t slot = start(99);

	sheaf_queue_flush(queue);
	ck_assert(sheaf_flight_peek(&host->region, slot, &task, &target));
	ck_assert_uint_eq(sheaf_flight_lba(task.cdb), 99);
	ck_assert_uint_eq(task.lun, 300);
	ck_assert_uint_eq(target, 0);
	sheaf_flight_describe(&task, text, sizeof(text));
	ck_assert_str_eq(text,
			 "read, LUN 300, LBA 99, 4096 bytes, CDB 88000000000000000063000000000000");
	sheaf_flight_describe(&task, text, 12); /* cut, not overrun */
	ck_assert_str_eq(text, "read, LUN 3");
	fake_complete(&fake, slot);
	close_queue();
}
END_TEST

/* Records whose words all belong together, as fast as they go. */

static struct sheaf_flight *flight;
static atomic_bool stop;

static void write_record(uint64_t n)
{
	struct sheaf_task task = { .command_size = 16 };
	const struct sheaf_flight_end end = {
		.start_ns = n,
		.latency_ns = n,
		.place = sheaf_flight_place(n, (uint16_t)n, 1, 0),
		.identifier = n << 32,
		.requested = (uint32_t)n,
		.transferred = (uint32_t)n,
	};

	sheaf_put_be64(task.command_descriptor_block, n);
	sheaf_put_be64(task.command_descriptor_block + 8, n);
	sheaf_flight_record(flight, &task, &end);
}

static void *writer(void *arg)
{
	for (uint64_t n = 1; !atomic_load(&stop); n++)
		write_record(n);
	return arg;
}

/* All words of one record, and the next after @before. */
static bool is_whole(const struct sheaf_flight_task *task, const struct sheaf_flight_task *before)
{
	uint64_t n = task->start_ns;

	return task->latency_ns == n && sheaf_get_be64(task->cdb) == n &&
	       sheaf_get_be64(task->cdb + 8) == n && task->bundle == (uint32_t)n &&
	       task->slot == (uint16_t)n && task->generation == (uint32_t)n &&
	       task->transferred == (uint32_t)n && task->requested == (uint32_t)n &&
	       (n == 0 || !before || n == before->start_ns + 1);
}

START_TEST(reader_beside_the_writer_sees_whole_records_in_order)
{
	unsigned seen = 0, bad = 0;
	pthread_t thread;

	flight = sheaf_flight_create(1);
	ck_assert_ptr_nonnull(flight);
	for (uint64_t n = 1; n <= SHEAF_FLIGHT_TASKS; n++)
		write_record(0);
	ck_assert_int_eq(pthread_create(&thread, NULL, writer, NULL), 0);
	for (unsigned round = 0; round < 3000; round++) {
		unsigned count = sheaf_flight_read(flight, tasks);

		for (unsigned i = 0; i < count; i++)
			bad += !is_whole(&tasks[i], i ? &tasks[i - 1] : NULL);
		seen += count;
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	ck_assert_uint_gt(seen, 0);
	ck_assert_uint_eq(bad, 0);
	sheaf_flight_destroy(flight, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("flight");
	TCase *tc = tcase_create("flight");

	tcase_add_loop_test(tc, record_says_what_became_of_a_task, 0, 2);
	tcase_add_loop_test(tc, last_256_are_kept, 0, 2);
	tcase_add_loop_test(tc, task_that_timed_out_is_recorded_once, 0, 2);
	tcase_add_loop_test(tc, task_in_flight_can_be_looked_at, 0, 2);
	tcase_add_test(tc, reader_beside_the_writer_sees_whole_records_in_order);
	suite_add_tcase(suite, tc);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
