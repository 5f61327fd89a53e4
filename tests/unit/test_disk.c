/* SPDX-License-Identifier: MIT */
/**
 * test_disk.c - the disk controller: LUNs, task management, and what it answers to a host that breaks the rules
 *
 * Fused, in both modes (_i = 0, 1), over a store that holds every read until the test lets it go, so that there is
 * something in flight to abort.
 */
#include "controller/disk.h"

#include <check.h>

#include <stdatomic.h>
#include <string.h>

#include <sheaf/scsi.h>

#include "base/bits.h"
#include "base/log.h"
#include "driver/context.h"
#include "host/probe.h"
#include "host/queue.h"
#include "scsi/nexus.h"
#include "scsi/sense.h"

#define SLOTS 8u
#define LUNS 2u
#define BLOCK 512u
#define HELD_MAX 16u

static struct held_store {
	struct sheaf_store store; /* first */
	struct sheaf_store_io *held[HELD_MAX];
	unsigned count;
} held;

static struct sheaf_lu *lus[LUNS];
static struct sheaf_disk *disk;
static struct sheaf_host *host;
static struct sheaf_queue *queue;
static struct sheaf_loop *loop;
static struct sheaf_context *context;

static struct sheaf_result results[SLOTS];
static unsigned ends[SLOTS];

static void hold(struct sheaf_store *store, struct sheaf_loop *l, struct sheaf_store_io *io)
{
	(void)store, (void)l;
	ck_assert_uint_lt(held.count, HELD_MAX);
	held.held[held.count++] = io;
}

static const struct sheaf_store_ops held_ops = { .name = "held", .submit = hold };

static void turn(void)
{
	ck_assert_int_eq(sheaf_loop_turn(loop, false), 0);
}

/* All that is held ends, the last first. */
static void let_go(void)
{
	while (held.count) {
		struct sheaf_store_io *io = held.held[--held.count];

		io->done(io, 0);
	}
	turn();
}

static void note_ended(struct sheaf_queue_client *client, uint16_t slot,
		       const struct sheaf_result *result)
{
	(void)client;
	results[slot] = *result;
	ends[slot]++;
	sheaf_queue_put(queue, slot);
}

static struct sheaf_queue_client client = { .ended = note_ended };

static void open_disk(int single)
{
	const struct sheaf_lu_options lu_options = { .block_size = BLOCK,
						     .maximum_transfer_bytes = 8 * BLOCK,
						     .serial = "disk" };

	memset(&held, 0, sizeof(held));
	memset(ends, 0, sizeof(ends));
	held.store = (struct sheaf_store){ .ops = &held_ops,
					   .size_bytes = 64 * BLOCK,
					   .alignment_bytes = 1,
					   .physical_block_bytes = BLOCK };
	for (unsigned i = 0; i < LUNS; i++) {
		ck_assert_int_eq(sheaf_lu_create(&held.store, &lu_options, &lus[i]), 0);
		ck_assert_uint_eq(sheaf_lu_take_attention(lus[i], 0), SHEAF_ASC_POWER_ON);
	}
	ck_assert_int_eq(sheaf_disk_create(lus, LUNS, SLOTS, &disk), 0);
	const struct sheaf_host_options o = {
		.ops = &sheaf_disk_ops, .controller = disk, .slots = SLOTS, .queues = 1,
		.buffer_bytes = 16 * BLOCK, .bundle_max = 32, .single_mode = single,
	};

	ck_assert_int_eq(sheaf_host_create(&o, &host), 0);
	ck_assert_int_eq(sheaf_loop_create(SHEAF_IO_SYNC, 8, &loop), 0);
	ck_assert_int_eq(sheaf_context_create(&sheaf_disk_ops, disk, &host->controller_view,
					      host->bundled, loop, &context),
			 0);
	struct sheaf_request_port port = sheaf_context_request_port(context);

	queue = host->queues[0];
	sheaf_context_attach_port(context, sheaf_queue_completion_port(queue));
	sheaf_queue_attach(queue, loop, &client, &port);
}

static void close_disk(void)
{
	ck_assert_uint_eq(sheaf_slots_check(queue), 0);
	for (int i = 0; i < SHEAF_VIOLATION_KINDS; i++)
		ck_assert_uint_eq(atomic_load(&queue->stats.violations[i]), 0);
	sheaf_loop_free(loop);
	sheaf_context_free(context);
	sheaf_host_free(host);
	sheaf_disk_free(disk);
	for (unsigned i = 0; i < LUNS; i++)
		sheaf_lu_free(lus[i]);
}

/* READ(10) of one block. The slot. */
static uint16_t start_read(uint32_t lun)
{
	int slot = sheaf_queue_take(queue);
	struct sheaf_task *task = sheaf_queue_command(queue, (uint16_t)slot);

	sheaf_put_lun(task->logical_unit_bytes, lun);
	task->command_descriptor_block[0] = SHEAF_SCSI_READ_10;
	task->command_descriptor_block[8] = 1;
	task->command_size = 10;
	task->transfer_direction = SHEAF_TRANSFER_FROM_TARGET;
	task->requested_transfer_count = BLOCK;
	sheaf_queue_start(queue, (uint16_t)slot);
	return (uint16_t)slot;
}

static uint64_t tag_of(uint16_t slot)
{
	return queue->host->slot_states[slot].identifier;
}

static bool good(uint16_t slot)
{
	return ends[slot] == 1 && sheaf_result_good(&results[slot]);
}

static bool was_aborted(uint16_t slot)
{
	return ends[slot] == 1 &&
	       results[slot].service_response == SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE &&
	       results[slot].status == SHEAF_DELIVERY_NO_STATUS &&
	       results[slot].bytes_transferred == 0;
}

static uint32_t sense_of(uint16_t slot)
{
	struct sheaf_sense sense = { 0 };

	if (results[slot].status != SHEAF_STATUS_CHECK_CONDITION ||
	    !sheaf_sense_parse(results[slot].sense, results[slot].sense_length, &sense))
		return 0;
	return (uint32_t)sense.key << 16 | sense.asc;
}

static enum sheaf_service_response manage(enum sheaf_task_management function, uint64_t target,
					  uint64_t lun, uint64_t tag)
{
	return sheaf_host_task_management(host, function, target, lun, tag);
}

START_TEST(aborted_task_is_still_completed_and_no_other_is_touched)
{
	open_disk(_i);
	uint16_t a = start_read(0), b = start_read(0), c = start_read(1);

	turn();
	ck_assert_uint_eq(held.count, 3);
	ck_assert_int_eq(manage(SHEAF_ABORT_TASK, 0, 0, tag_of(b)), SHEAF_FUNCTION_COMPLETE);
	ck_assert_uint_eq(ends[b], 0); /* its I/O is not over: the buffer may still be written */
	let_go();
	ck_assert(good(a));
	ck_assert(was_aborted(b));
	ck_assert(good(c));
	close_disk();
}
END_TEST

/* The abort names a task, not a slot. */
START_TEST(abort_of_a_task_that_is_over_leaves_the_next_one_of_its_slot_alone)
{
	open_disk(_i);
	uint16_t a = start_read(0);
	uint64_t tag = tag_of(a);

	turn();
	let_go();
	ends[a] = 0;
	ck_assert_uint_eq(start_read(0), a);
	turn();
	ck_assert_int_eq(manage(SHEAF_ABORT_TASK, 0, 0, tag), SHEAF_FUNCTION_COMPLETE);
	let_go();
	ck_assert(good(a));
	/* And the mark of an aborted task is not the next one's. */
	ends[a] = 0;
	ck_assert_uint_eq(start_read(0), a);
	turn();
	manage(SHEAF_ABORT_TASK, 0, 0, tag_of(a));
	let_go();
	ck_assert(was_aborted(a));
	ends[a] = 0;
	ck_assert_uint_eq(start_read(0), a);
	turn();
	let_go();
	ck_assert(good(a));
	close_disk();
}
END_TEST

START_TEST(abort_task_set_and_clear_task_set_end_all_of_one_lun)
{
	static const enum sheaf_task_management functions[] = { SHEAF_ABORT_TASK_SET,
								SHEAF_CLEAR_TASK_SET };

	for (unsigned i = 0; i < 2; i++) {
		open_disk(_i);
		uint16_t a = start_read(1), b = start_read(0), c = start_read(1);

		turn();
		ck_assert_int_eq(manage(functions[i], 0, 1, 0), SHEAF_FUNCTION_COMPLETE);
		let_go();
		ck_assert(was_aborted(a));
		ck_assert(good(b));
		ck_assert(was_aborted(c));
		close_disk();
	}
}
END_TEST

START_TEST(reset_ends_what_is_in_flight_and_is_reported_by_unit_attention_once)
{
	for (unsigned i = 0; i < 2; i++) {
		enum sheaf_task_management function =
			i ? SHEAF_TARGET_RESET : SHEAF_LOGICAL_UNIT_RESET;

		open_disk(_i);
		uint16_t a = start_read(0), b = start_read(1);

		turn();
		ck_assert_int_eq(manage(function, 0, 0, 0), SHEAF_FUNCTION_COMPLETE);
		let_go();
		ck_assert(was_aborted(a));
		ck_assert(i ? was_aborted(b) : good(b));
		memset(ends, 0, sizeof(ends));
		a = start_read(0);
		turn();
		let_go();
		ck_assert_uint_eq(sense_of(a), SHEAF_KEY_UNIT_ATTENTION << 16 |
						       SHEAF_ASC_BUS_DEVICE_RESET);
		memset(ends, 0, sizeof(ends));
		a = start_read(0);
		turn();
		let_go();
		ck_assert(good(a));
		close_disk();
	}
}
END_TEST

START_TEST(task_management_of_what_does_not_exist_is_rejected)
{
	open_disk(_i);
	for (int f = SHEAF_ABORT_TASK; f <= SHEAF_TARGET_RESET; f++) {
		ck_assert_int_eq(manage((enum sheaf_task_management)f, 1, 0, 1),
				 SHEAF_FUNCTION_REJECTED);
		if (f != SHEAF_TARGET_RESET)
			ck_assert_int_eq(manage((enum sheaf_task_management)f, 0, LUNS, 1),
					 SHEAF_FUNCTION_REJECTED);
	}
	ck_assert_int_eq(manage(SHEAF_ABORT_TASK, 0, 0, 0), SHEAF_FUNCTION_REJECTED); /* no tag */
	ck_assert_int_eq(manage(SHEAF_CLEAR_ACA, 0, 0, 0), SHEAF_FUNCTION_COMPLETE);
	close_disk();
}
END_TEST

START_TEST(lun_is_read_as_sam_5_lays_it_out)
{
	static const struct {
		uint8_t lun[8];
		bool exists;
	} rows[] = {
		{ { 0, 0 }, true },		 { { 0, 1 }, true },
		{ { 0, 2 }, false },		 { { 0, 255 }, false },
		{ { 0x40, 0 }, true },		 { { 0x40, 1 }, true },
		{ { 0x40, 2 }, false },		 { { 0x41, 0 }, false },
		{ { 1, 0 }, false },		 { { 0x80, 0 }, false },
		{ { 0xc1, 1 }, false },		 { { 0, 0, 0, 1 }, false },
		{ { 0, 0, 0, 0, 0, 0, 0, 1 }, false },
	};

	open_disk(_i);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint16_t slot = start_read(0);

		memcpy(host->view.commands[slot].logical_unit_bytes, rows[i].lun, 8);
		memset(ends, 0, sizeof(ends));
		turn();
		let_go();
		ck_assert_msg(good(slot) == rows[i].exists, "row %u", i);
		if (!rows[i].exists)
			ck_assert_uint_eq(sense_of(slot), SHEAF_KEY_ILLEGAL_REQUEST << 16 |
								  SHEAF_ASC_LU_NOT_SUPPORTED);
	}
	close_disk();
}
END_TEST

/* A buffer outside the data area, or a target that is none: undelivered, and nothing is touched. */
START_TEST(task_that_cannot_be_run_is_answered_undelivered)
{
	open_disk(_i);
	uint64_t area = SLOTS * host->view.geometry.buffer_stride;
	const struct {
		uint64_t target, buffer, count;
	} rows[] = {
		{ 1, 0, BLOCK },	     { UINT64_MAX, 0, BLOCK },
		{ 0, area, BLOCK },	     { 0, area - BLOCK + 1, BLOCK },
		{ 0, 0, area + 1 },	     { 0, UINT64_MAX, BLOCK },
		{ 0, BLOCK, UINT64_MAX },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint16_t slot = start_read(0);
		struct sheaf_task *task = &host->view.commands[slot];

		task->target_id = rows[i].target;
		task->buffer_iovm_addr = rows[i].buffer;
		task->requested_transfer_count = rows[i].count;
		memset(ends, 0, sizeof(ends));
		turn();
		turn();
		ck_assert_uint_eq(held.count, 0);
		ck_assert_uint_eq(ends[slot], 1);
		ck_assert_uint_eq(results[slot].service_response,
				  SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE);
		ck_assert_uint_eq(results[slot].status, SHEAF_DELIVERY_FAILURE);
	}
	close_disk();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("disk");
	TCase *tc = tcase_create("both_modes");

	sheaf_log_set_level(SHEAF_LOG_ERROR);
#define both(test) tcase_add_loop_test(tc, test, 0, 2)
	both(aborted_task_is_still_completed_and_no_other_is_touched);
	both(abort_of_a_task_that_is_over_leaves_the_next_one_of_its_slot_alone);
	both(abort_task_set_and_clear_task_set_end_all_of_one_lun);
	both(reset_ends_what_is_in_flight_and_is_reported_by_unit_attention_once);
	both(task_management_of_what_does_not_exist_is_rejected);
	both(lun_is_read_as_sam_5_lays_it_out);
	both(task_that_cannot_be_run_is_answered_undelivered);
	suite_add_tcase(suite, tc);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
