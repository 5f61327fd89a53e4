/* SPDX-License-Identifier: MIT */
/**
 * test_trace.c - a recording from the queue's rings to the stream: what is in it, what is dropped, whose it is
 *
 * A queue driven by hand against a controller that answers when it is told; the reader is called between. Tests that are named in both()
 * run in bundled and in single-task mode (_i = 0, 1).
 */
#include "host/trace_reader.h"

#include <check.h>

#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/counter.h"
#include "base/log.h"
#include "fake_controller.h"

#define SLOTS	     64u
#define BYTES	     4096u
#define TIMEOUT_MS   1000u
#define HEAD_BYTES   (sizeof(struct sheaf_record_header) + sizeof(struct sheaf_record_unit))
#define RECORDS_ROOM (SHEAF_TRACE_READ_BYTES / sizeof(struct sheaf_record))

static struct fake_controller fake;
static struct sheaf_host *host;
static struct sheaf_queue *queue;
static struct sheaf_loop *loop;
static struct sheaf_trace_reader *reader;
static struct sheaf_record records[RECORDS_ROOM];

static void ended(struct sheaf_queue_client *client, uint16_t slot,
		  const struct sheaf_result *result)
{
	(void)client, (void)result;
	sheaf_queue_put(queue, slot);
}
static struct sheaf_queue_client client = { .ended = ended };

static void open_queues(uint32_t queues, int single)
{
	const struct sheaf_request_port port = { &fake, fake_bundle, fake_single };
	const struct sheaf_host_options options = {
		.ops = &fake_ops,
		.controller = &fake,
		.slots = SLOTS,
		.queues = queues,
		.buffer_bytes = BYTES,
		.bundle_max = SHEAF_BUNDLE_MAX,
		.single_mode = single,
		.timeout_ms = TIMEOUT_MS,
	};

	fake_init(&fake);
	ck_assert_int_eq(sheaf_host_create(&options, &host), 0);
	ck_assert_int_eq(sheaf_loop_create(SHEAF_IO_SYNC, 8, &loop), 0);
	ck_assert_int_eq(sheaf_view_map(&host->region, &fake.raw), 0);
	for (uint32_t i = 0; i < queues; i++)
		sheaf_queue_attach(host->queues[i], loop, &client, &port);
	queue = host->queues[0];
	fake.port = sheaf_queue_completion_port(queue);
	fake.bundled = host->bundled;
}

static void open_queue(int single)
{
	open_queues(1, single);
}

static void close_queue(void)
{
	sheaf_slots_check(queue);
	loop = sheaf_loop_free(loop);
	sheaf_view_unmap(&fake.raw);
	host = sheaf_host_free(host);
}

static const struct sheaf_unit disk = {
	.lun = 3, .block_size = 4096, .blocks = 1000, .read_only = true
};

static void open_reader(void)
{
	const struct sheaf_unit *units[] = { &disk };

	ck_assert_int_eq(sheaf_trace_open(host, units, 1, &reader), 0);
}

/* With the header out of the way. */
static void open_reader_at_records(void)
{
	open_reader();
	ck_assert_int_eq(sheaf_trace_read(reader, records, sizeof(records)), HEAD_BYTES);
}

static size_t read_records(void)
{
	ssize_t n = sheaf_trace_read(reader, records, sizeof(records));

	ck_assert_int_ge(n, 0);
	ck_assert_uint_eq((size_t)n % sizeof(records[0]), 0);
	return (size_t)n / sizeof(records[0]);
}

static uint16_t start(uint8_t opcode, uint64_t lba)
{
	uint16_t slot = (uint16_t)sheaf_queue_take(queue);
	struct sheaf_task *task = sheaf_queue_command(queue, slot);

	sheaf_put_lun(task->logical_unit_bytes, disk.lun);
	task->command_descriptor_block[0] = opcode;
	sheaf_put_be64(task->command_descriptor_block + SHEAF_CDB_16_LBA, lba);
	task->command_size = 16;
	task->transfer_direction = SHEAF_TRANSFER_FROM_TARGET;
	task->requested_transfer_count = BYTES;
	sheaf_queue_start(queue, slot);
	return slot;
}

static void flush(void)
{
	fake.bundle_count = 0; /* it has no room for them all */
	sheaf_queue_flush(queue);
}

/* @n tasks, with LBAs from @lba on; they have ended when it returns. */
static void run_tasks(unsigned n, uint64_t lba)
{
	fake.answers_inline = true;
	while (n) {
		for (unsigned i = 0; n && i < SHEAF_BUNDLE_MAX; i++, n--)
			start(SHEAF_SCSI_READ_16, lba++);
		flush();
	}
	fake.answers_inline = false;
}

static uint64_t lba_of(const struct sheaf_record *record)
{
	return sheaf_get_be64(record->cdb + SHEAF_CDB_16_LBA);
}

START_TEST(stream_begins_with_the_header_also_in_parts)
{
	struct sheaf_record_header header;
	struct sheaf_record_unit unit;
	uint8_t bytes[HEAD_BYTES];

	open_queue(_i);
	open_reader();
	run_tasks(1, 0);
	for (size_t at = 0; at < sizeof(bytes); at += 48)
		ck_assert_int_eq(sheaf_trace_read(reader, bytes + at, 48), 48);
	memcpy(&header, bytes, sizeof(header));
	memcpy(&unit, bytes + sizeof(header), sizeof(unit));
	ck_assert_mem_eq(header.magic, "SHEAFREC", 8);
	ck_assert_uint_eq(le32toh(header.version), 1);
	ck_assert_uint_eq(le32toh(header.header_bytes), sizeof(bytes));
	ck_assert_uint_eq(le32toh(header.record_bytes), 64);
	ck_assert_uint_eq(le32toh(header.unit_count), 1);
	ck_assert_uint_eq(le32toh(header.queues), 1);
	ck_assert_uint_eq(le32toh(header.lanes), 0);
	ck_assert_uint_eq(le32toh(header.bundle_max), _i ? 1 : 32);
	ck_assert_uint_eq(le32toh(header.flags), _i ? SHEAF_RECORD_SINGLE : 0);
	ck_assert_uint_eq(le32toh(unit.lun), 3);
	ck_assert_uint_eq(le32toh(unit.block_size), 4096);
	ck_assert_uint_eq(le64toh(unit.blocks), 1000);
	ck_assert_uint_eq(le32toh(unit.flags), SHEAF_RECORD_READ_ONLY);
	ck_assert_int_eq(sheaf_trace_read(reader, records, 63), -EINVAL);
	ck_assert_uint_eq(read_records(), 1);
	ck_assert_uint_le(le64toh(header.monotonic_ns), le64toh(records[0].start_ns));
	sheaf_trace_close(reader);
	close_queue();
}
END_TEST

START_TEST(task_is_written_down_when_it_ends)
{
	open_queue(_i);
	open_reader_at_records();
	uint16_t a = start(SHEAF_SCSI_READ_16, 0x123456789a), b = start(SHEAF_SCSI_WRITE_16, 7);

	flush();
	ck_assert_uint_eq(read_records(), 0);
	struct sheaf_response *answer = fake_answer(&fake, b);

	answer->completion_status = SHEAF_STATUS_CHECK_CONDITION;
	answer->bytes_transferred = 512;
	answer->sense_length = 18;
	answer->sense_buffer[0] = 0x70;
	answer->sense_buffer[2] = 0x03;
	fake_give_back(&fake, &b, 1);
	fake_complete(&fake, a);
	ck_assert_uint_eq(read_records(), 2);
	const struct sheaf_record *first = &records[0], *second = &records[1];

	ck_assert_uint_eq(first->kind, SHEAF_RECORD_TASK);
	ck_assert_uint_eq(first->cdb[0], SHEAF_SCSI_WRITE_16);
	ck_assert_uint_eq(first->status, SHEAF_STATUS_CHECK_CONDITION);
	ck_assert_uint_eq(first->service_response, SHEAF_TASK_COMPLETE);
	ck_assert_uint_eq(first->sense_key, 3);
	ck_assert_uint_eq(le32toh(first->transferred), 512);
	ck_assert_uint_eq(first->bundle_index, _i ? 0 : 1);
	ck_assert_uint_eq(first->bundle_size, _i ? 1 : 2);
	ck_assert_uint_eq(le32toh(first->bundle), _i ? 1 : 0);
	ck_assert_uint_eq(second->cdb[0], SHEAF_SCSI_READ_16);
	ck_assert_uint_eq(lba_of(second), 0x123456789a);
	ck_assert_uint_eq(second->cdb_length, 16);
	ck_assert_uint_eq(second->status, 0);
	ck_assert_uint_eq(second->sense_key, 0);
	ck_assert_uint_eq(le16toh(second->lun), 3);
	ck_assert_uint_eq(second->lane, SHEAF_RECORD_FUSED);
	ck_assert_uint_eq(le32toh(second->bundle), 0);
	ck_assert_uint_ge(le64toh(second->start_ns) + le64toh(second->latency_ns),
			  le64toh(first->start_ns) + le64toh(first->latency_ns));
	ck_assert_uint_eq(read_records(), 0);
	sheaf_trace_close(reader);
	close_queue();
}
END_TEST

/* No clock but that of the histograms. */
START_TEST(latency_is_that_of_the_histogram)
{
	const struct sheaf_histogram *reads;

	open_queue(_i);
	open_reader_at_records();
	run_tasks(1, 0); /* takes the time past the opening, before which the turn began */
	ck_assert_uint_eq(read_records(), 1);
	reads = &queue->observe.commands[SHEAF_COMMAND_READ].latency;
	for (unsigned i = 0; i < 100; i++) {
		uint64_t start_ns = queue->observe.now_ns, sum = atomic_load(&reads->sum);

		run_tasks(1, i);
		ck_assert_uint_eq(read_records(), 1);
		ck_assert_uint_eq(le64toh(records[0].start_ns), start_ns);
		ck_assert_uint_eq(le64toh(records[0].latency_ns), atomic_load(&reads->sum) - sum);
	}
	sheaf_trace_close(reader);
	close_queue();
}
END_TEST

/* A slot keeps its number where it goes to, beyond those that the queue began with. */
START_TEST(slot_of_another_queue_is_written_down)
{
	open_queues(2, _i);
	open_reader_at_records();
	struct sheaf_queue *first = host->queues[0], *second = host->queues[1];

	for (unsigned i = 0; i < SLOTS / 2; i++) {
		uint16_t slot = (uint16_t)sheaf_queue_take(first);

		sheaf_queue_give_away(first, slot);
		sheaf_queue_adopt(second, slot);
		sheaf_queue_put(second, slot);
	}
	queue = second;
	fake.port = sheaf_queue_completion_port(second);
	for (unsigned i = 0; i < SLOTS; i++)
		start(SHEAF_SCSI_READ_16, i);
	fake.answers_inline = true;
	flush();
	ck_assert_uint_eq(read_records(), SLOTS);
	for (unsigned i = 0; i < SLOTS; i++) {
		ck_assert_uint_eq(records[i].queue, 1);
		ck_assert_uint_eq(lba_of(&records[i]), i);
	}
	sheaf_trace_close(reader);
	sheaf_slots_check(first);
	close_queue();
}
END_TEST

START_TEST(range_of_unmap_is_written_down)
{
	open_queue(_i);
	open_reader_at_records();
	uint16_t slot = (uint16_t)sheaf_queue_take(queue);
	uint8_t *list = sheaf_queue_buffer(queue, slot);
	struct sheaf_task *task = sheaf_queue_command(queue, slot);

	memset(list, 0, 40);
	sheaf_put_be16(list, 38);
	sheaf_put_be16(list + 2, 32);
	sheaf_put_be64(list + 8, 0x1122334455);
	sheaf_put_be32(list + 16, 77);
	task->command_descriptor_block[0] = SHEAF_SCSI_UNMAP;
	task->command_size = 10;
	task->transfer_direction = SHEAF_TRANSFER_TO_TARGET;
	task->requested_transfer_count = 40;
	sheaf_queue_start(queue, slot);
	flush();
	memset(fake.raw.data + slot * fake.raw.geometry.buffer_stride, 0xff,
	       40); /* the controller's now */
	fake_complete(&fake, slot);
	ck_assert_uint_eq(read_records(), 1);
	ck_assert_uint_eq(records[0].range_count, 2);
	ck_assert_uint_eq(le64toh(records[0].range_lba), 0x1122334455);
	ck_assert_uint_eq(le32toh(records[0].range_blocks), 77);
	ck_assert_uint_eq(records[0].cdb_length, 10);
	sheaf_trace_close(reader);
	close_queue();
}
END_TEST

START_TEST(timeout_is_written_down_once)
{
	open_queue(_i);
	open_reader_at_records();
	uint16_t slot = start(SHEAF_SCSI_READ_16, 5);

	flush();
	sheaf_queue_expire(queue, UINT64_MAX);
	fake_complete(&fake, slot); /* late */
	ck_assert_uint_eq(read_records(), 1);
	ck_assert_uint_eq(records[0].service_response, SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE);
	ck_assert_uint_eq(records[0].status, SHEAF_DELIVERY_TASK_TIMEOUT);
	ck_assert_uint_eq(lba_of(&records[0]), 5);
	sheaf_trace_close(reader);
	close_queue();
}
END_TEST

START_TEST(there_is_one_reader)
{
	const struct sheaf_unit *units[] = { &disk };
	struct sheaf_trace_reader *second = NULL;

	open_queue(0);
	open_reader();
	ck_assert_int_eq(sheaf_trace_open(host, units, 1, &second), -EBUSY);
	sheaf_trace_close(reader);
	open_reader();
	sheaf_trace_close(reader);
	close_queue();
}
END_TEST

/* What began before the session or after it, and what the session before has left unread, is not in it. */
START_TEST(session_has_its_own_tasks_only)
{
	open_queue(_i);
	run_tasks(3, 100);
	uint16_t before = start(SHEAF_SCSI_READ_16, 200);

	flush();
	open_reader_at_records();
	fake_complete(&fake, before);
	ck_assert_uint_eq(read_records(), 0);
	run_tasks(5, 300);
	uint16_t during = start(SHEAF_SCSI_READ_16, 400);

	flush();
	sheaf_trace_close(reader);
	run_tasks(2, 500);
	open_reader_at_records();
	fake_complete(&fake, during);
	run_tasks(1, 600);
	ck_assert_uint_eq(read_records(), 1);
	ck_assert_uint_eq(lba_of(&records[0]), 600);
	sheaf_trace_close(reader);
	close_queue();
}
END_TEST

/* A full ring keeps what it has; what came after is counted, once, where it is missing. */
START_TEST(full_ring_drops_and_says_how_many)
{
	uint64_t next = 0, dropped = 0, told = 0;
	size_t n;

	open_queue(0);
	open_reader_at_records();
	run_tasks(SHEAF_TRACE_RECORDS + 77, 0);
	while ((n = read_records()) > 0)
		for (size_t i = 0; i < n; i++) {
			if (records[i].kind == SHEAF_RECORD_DROPPED) {
				dropped += le64toh(records[i].range_lba);
				told++;
			} else {
				ck_assert_uint_eq(lba_of(&records[i]), next++);
			}
		}
	ck_assert_uint_eq(next, SHEAF_TRACE_RECORDS);
	ck_assert_uint_eq(dropped, 77);
	ck_assert_uint_eq(told, 1);
	run_tasks(1, 9);
	ck_assert_uint_eq(read_records(), 1);
	ck_assert_uint_eq(records[0].kind, SHEAF_RECORD_TASK);
	sheaf_trace_close(reader);
	close_queue();
}
END_TEST

/* Beside the loop: all that ended is read or counted, in order, whole; around the ring many times. */
static atomic_bool stop_reading;
static uint64_t seen, missing;

static void *read_beside(void *arg)
{
	static struct sheaf_record got[512];
	bool last;

	do {
		last = atomic_load(&stop_reading);
		ssize_t n;

		while ((n = sheaf_trace_read(reader, got, sizeof(got))) > 0)
			for (size_t i = 0; i < (size_t)n / sizeof(got[0]); i++) {
				if (got[i].kind == SHEAF_RECORD_DROPPED) {
					missing += le64toh(got[i].range_lba);
					continue;
				}
				/* Tasks are dropped at the end of what is read: a record says so before others come. */
				ck_assert_uint_le(seen, lba_of(&got[i]));
				ck_assert_uint_eq(got[i].cdb[0], SHEAF_SCSI_READ_16);
				seen++;
			}
	} while (!last);
	return arg;
}

START_TEST(reader_beside_the_loop_loses_nothing_unsaid)
{
	const unsigned tasks = 3 * SHEAF_TRACE_RECORDS + 11;
	pthread_t thread;

	open_queue(0);
	open_reader_at_records();
	ck_assert_int_eq(pthread_create(&thread, NULL, read_beside, NULL), 0);
	run_tasks(tasks, 0);
	atomic_store(&stop_reading, true);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(seen + missing, tasks);
	ck_assert_uint_eq(missing, sheaf_count_get(&queue->tracer.dropped));
	sheaf_trace_close(reader);
	close_queue();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("trace");
	TCase *tc = tcase_create("trace");

	sheaf_log_set_level(SHEAF_LOG_ERROR);
	tcase_add_loop_test(tc, stream_begins_with_the_header_also_in_parts, 0, 2);
	tcase_add_loop_test(tc, task_is_written_down_when_it_ends, 0, 2);
	tcase_add_loop_test(tc, latency_is_that_of_the_histogram, 0, 2);
	tcase_add_loop_test(tc, slot_of_another_queue_is_written_down, 0, 2);
	tcase_add_loop_test(tc, range_of_unmap_is_written_down, 0, 2);
	tcase_add_loop_test(tc, timeout_is_written_down_once, 0, 2);
	tcase_add_test(tc, there_is_one_reader);
	tcase_add_loop_test(tc, session_has_its_own_tasks_only, 0, 2);
	tcase_add_test(tc, full_ring_drops_and_says_how_many);
	tcase_add_test(tc, reader_beside_the_loop_loses_nothing_unsaid);
	suite_add_tcase(suite, tc);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
