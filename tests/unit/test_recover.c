/* SPDX-License-Identifier: MIT */
/**
 * test_recover.c - a queue whose driver dies: what is issued again, what ends, and that nothing of the old driver counts any more
 *
 * The driver is the test: it opens the lane at its other end, on a view of its own, as a process would. Both modes (_i = 0, 1).
 */
#include "host/recover.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

#include "base/counter.h"
#include "base/log.h"
#include "fake_controller.h"
#include "host/driver_words.h"
#include "scsi/sense.h"

#define SLOTS	   8u
#define TIMEOUT_MS 1000u
#define MS	   UINT64_C(1000000)

static struct fake_controller fake;
static struct sheaf_host *host;
static struct sheaf_queue *queue;
static struct sheaf_loop *loop;
static struct sheaf_lane far_end; /* the driver's */
static sem_t handled;

static struct client {
	struct sheaf_queue_client client; /* first */
	struct sheaf_result results[64];
	unsigned ends[SLOTS];
	unsigned count, slot_free_calls;
} client;

static void client_ended(struct sheaf_queue_client *c, uint16_t slot,
			 const struct sheaf_result *result)
{
	(void)c;
	ck_assert_uint_lt(client.count, 64);
	client.results[client.count++] = *result;
	client.ends[slot]++;
	if (!result->quarantined)
		sheaf_queue_put(queue, slot);
}

static void client_slot_free(struct sheaf_queue_client *c)
{
	(void)c;
	client.slot_free_calls++;
}

static void no_region(void *controller, const struct sheaf_region *region)
{
	(void)controller, (void)region;
}

static void open_queue(int mode)
{
	const struct sheaf_host_options o = {
		.ops = &fake_ops,
		.controller = &fake,
		.slots = SLOTS,
		.queues = 1,
		.workers = 1,
		.buffer_bytes = 4096,
		.bundle_max = SHEAF_BUNDLE_MAX,
		.single_mode = mode == 1,
		.timeout_ms = TIMEOUT_MS,
		.use_region = no_region,
	};

	sheaf_log_set_level(SHEAF_LOG_ERROR);
	fake_init(&fake);
	fake.elsewhere = true;
	ck_assert_int_eq(sheaf_host_create(&o, &host), 0);
	ck_assert_int_eq(sheaf_loop_create(SHEAF_IO_SYNC, 8, &loop), 0);
	ck_assert_int_eq(sheaf_view_map(&host->region, &fake.raw), 0);
	memset(&client, 0, sizeof(client));
	client.client.ended = client_ended;
	client.client.slot_free = client_slot_free;
	queue = host->queues[0];
	sheaf_queue_attach(queue, loop, &client.client, NULL);
	sheaf_queue_attach_worker(queue, 0, sheaf_loop_doorbell_fd(loop));
	sheaf_lane_open(&far_end, &fake.raw, 0);
	sem_init(&handled, 0, 0);
}

static void close_queue(void)
{
	sheaf_slots_check(queue);
	sheaf_view_unmap(&fake.raw);
	sheaf_host_free(host);
	sheaf_loop_free(loop);
	sem_destroy(&handled);
}

/* Start a task of @opcode at @lba; it is handed over by the next flush. */
static uint16_t start(uint8_t opcode, uint8_t lba)
{
	int slot = sheaf_queue_take(queue);
	struct sheaf_task *task;

	ck_assert_int_ge(slot, 0);
	task = sheaf_queue_command(queue, (uint16_t)slot);
	task->transfer_direction = SHEAF_TRANSFER_TO_TARGET;
	task->requested_transfer_count = 512;
	task->command_size = 16;
	task->command_descriptor_block[0] = opcode;
	task->command_descriptor_block[9] = lba;
	sheaf_queue_start(queue, (uint16_t)slot);
	return (uint16_t)slot;
}

/* What the driver finds in its lane: slots, and a copy of their commands. */
static unsigned take_requests(uint16_t slots[SHEAF_BUNDLE_MAX],
			      struct sheaf_task tasks[SHEAF_BUNDLE_MAX])
{
	unsigned n = 0;
	sheaf_action action;

	if (host->bundled) {
		uint16_t part[SHEAF_BUNDLE_MAX];
		int m;

		while ((m = sheaf_ring_pop_bundle(&far_end.request, part)) > 0)
			for (int i = 0; i < m; i++) {
				slots[n] = part[i];
				tasks[n++] = fake.raw.commands[part[i]];
			}
	} else {
		while (sheaf_ring_pop_task(&far_end.request, &action, &tasks[n]) > 0)
			slots[n++] = (uint16_t)action;
	}
	return n;
}

static void answer(uint16_t slot, const struct sheaf_task *task)
{
	const struct sheaf_response response = {
		.version = SHEAF_TASK_VERSION,
		.controller_task_identifier = task->controller_task_identifier,
		.service_response = SHEAF_TASK_COMPLETE,
		.completion_status = SHEAF_STATUS_GOOD,
		.bytes_transferred = task->requested_transfer_count,
	};

	if (host->bundled) {
		fake.raw.responses[slot] = response;
		ck_assert_int_eq(sheaf_ring_push_bundle(&far_end.completion, &slot, 1), 0);
	} else {
		ck_assert_int_eq(sheaf_ring_push_response(&far_end.completion, slot, &response), 0);
	}
}

/* A new driver: fresh ends, and the host's ids for it. */
static void new_driver(void)
{
	sheaf_lane_open(&far_end, &fake.raw, 0);
	ck_assert_int_eq(sheaf_host_bring_up_again(host), 0);
	sheaf_queue_driver_back(queue);
}

START_TEST(task_of_a_dead_driver_is_issued_again_under_another_identifier)
{
	struct sheaf_task first[SHEAF_BUNDLE_MAX], again[SHEAF_BUNDLE_MAX];
	uint16_t slots[SHEAF_BUNDLE_MAX], slot;

	open_queue(_i);
	slot = start(0x8a, 3);
	sheaf_queue_flush(queue);
	ck_assert_uint_eq(take_requests(slots, first), 1);
	sheaf_queue_driver_gone(queue, "test");
	sheaf_slots_check(queue);
	sheaf_queue_flush(queue);
	ck_assert_uint_eq(client.count, 0);
	fake.first_id = 5000;
	fake.ids = 0;
	new_driver();
	sheaf_queue_flush(queue);
	ck_assert_uint_eq(take_requests(slots, again), 1);
	ck_assert_uint_eq(slots[0], slot);
	ck_assert_uint_eq(again[0].command_descriptor_block[9], 3);
	ck_assert_uint_ne(again[0].controller_task_identifier >> 32,
			  first[0].controller_task_identifier >> 32);
	ck_assert_uint_eq((uint32_t)again[0].controller_task_identifier, host->hba_ids[slot]);
	answer(slot, &again[0]);
	sheaf_queue_poll(queue);
	ck_assert_uint_eq(client.ends[slot], 1);
	ck_assert(sheaf_result_good(&client.results[0]));
	ck_assert_uint_eq(sheaf_count_get(&queue->stats.reissued), 1);
	close_queue();
}
END_TEST

START_TEST(command_goes_out_as_it_was_started_whatever_the_dead_driver_wrote)
{
	struct sheaf_task tasks[SHEAF_BUNDLE_MAX];
	uint16_t slots[SHEAF_BUNDLE_MAX], slot;

	open_queue(_i);
	slot = start(0x8a, 3);
	sheaf_queue_flush(queue);
	take_requests(slots, tasks);
	memset(&fake.raw.commands[slot], 0x55, sizeof(struct sheaf_task));
	sheaf_queue_driver_gone(queue, "test");
	fake.ids = 0;
	new_driver();
	sheaf_queue_flush(queue);
	ck_assert_uint_eq(take_requests(slots, tasks), 1);
	ck_assert_uint_eq(tasks[0].command_descriptor_block[0], 0x8a);
	ck_assert_uint_eq(tasks[0].command_descriptor_block[9], 3);
	ck_assert_uint_eq(tasks[0].requested_transfer_count, 512);
	close_queue();
}
END_TEST

static const struct {
	uint8_t opcode;
	bool repeatable;
} opcodes[] = {
	{ 0x00, true },	 { 0x28, true },  { 0x2a, true },  { 0x35, true },  { 0x41, true },
	{ 0x42, true },	 { 0x88, true },  { 0x8a, true },  { 0x91, true },  { 0x93, true },
	{ 0x9e, true },	 { 0xa0, true },  { 0x5e, true },  { 0x89, false }, { 0x8b, false },
	{ 0x5f, false }, { 0x16, false }, { 0x17, false }, { 0x56, false }, { 0x57, false },
	{ 0x15, false }, { 0x55, false }, { 0x53, false }, { 0x1b, true },  { 0xff, false },
	{ 0x83, false }, { 0x84, true },  { 0x9c, true },  { 0xae, true },  { 0xaf, true },
	{ 0x04, false }, { 0x48, false }, { 0x4c, false }, { 0x4d, true },  { 0x1e, true },
	{ 0x1d, true },	 { 0x3b, true },  { 0x37, true },  { 0xb7, true },
};

START_TEST(command_that_must_not_be_done_twice_ends_with_aborted_command)
{
	struct sheaf_task tasks[SHEAF_BUNDLE_MAX];
	uint16_t slots[SHEAF_BUNDLE_MAX];
	struct sheaf_sense sense;
	uint8_t cdb[16] = { opcodes[_i].opcode };

	ck_assert(sheaf_command_repeatable(cdb) == opcodes[_i].repeatable);
	open_queue(0);
	start(opcodes[_i].opcode, 0);
	sheaf_queue_flush(queue);
	take_requests(slots, tasks);
	sheaf_queue_driver_gone(queue, "test");
	ck_assert_uint_eq(client.count, opcodes[_i].repeatable ? 0 : 1);
	if (!opcodes[_i].repeatable) {
		ck_assert_uint_eq(client.results[0].status, SHEAF_STATUS_CHECK_CONDITION);
		ck_assert(sheaf_sense_parse(client.results[0].sense, client.results[0].sense_length,
					    &sense));
		ck_assert_uint_eq(sense.key, SHEAF_KEY_ABORTED_COMMAND);
	}
	close_queue();
}
END_TEST

START_TEST(what_was_completed_before_the_death_counts)
{
	struct sheaf_task tasks[SHEAF_BUNDLE_MAX];
	uint16_t slots[SHEAF_BUNDLE_MAX], slot;

	open_queue(_i);
	slot = start(0x89, 0); /* COMPARE AND WRITE: once */
	sheaf_queue_flush(queue);
	take_requests(slots, tasks);
	answer(slot, &tasks[0]);
	sheaf_queue_driver_gone(queue, "test");
	ck_assert_uint_eq(client.count, 1);
	ck_assert(sheaf_result_good(&client.results[0]));
	close_queue();
}
END_TEST

START_TEST(completion_with_the_old_identifier_is_refused)
{
	struct sheaf_task old[SHEAF_BUNDLE_MAX], tasks[SHEAF_BUNDLE_MAX];
	uint16_t slots[SHEAF_BUNDLE_MAX], slot;

	open_queue(_i);
	slot = start(0x8a, 0);
	sheaf_queue_flush(queue);
	take_requests(slots, old);
	sheaf_queue_driver_gone(queue, "test");
	fake.ids = 0;
	new_driver();
	sheaf_queue_flush(queue);
	take_requests(slots, tasks);
	answer(slot, &old[0]);
	sheaf_queue_poll(queue);
	ck_assert_uint_eq(client.count, 0);
	ck_assert_uint_eq(sheaf_count_get(&queue->stats.violations[SHEAF_VIOLATION_IDENTIFIER]), 1);
	answer(slot, &tasks[0]);
	sheaf_queue_poll(queue);
	ck_assert_uint_eq(client.ends[slot], 1);
	close_queue();
}
END_TEST

START_TEST(command_that_kills_every_driver_is_given_up)
{
	struct sheaf_task tasks[SHEAF_BUNDLE_MAX];
	uint16_t slots[SHEAF_BUNDLE_MAX];

	open_queue(_i);
	start(0x8a, 0);
	for (unsigned i = 0; i <= SHEAF_REISSUES_MAX; i++) {
		ck_assert_uint_eq(client.count, 0);
		sheaf_queue_flush(queue);
		ck_assert_uint_eq(take_requests(slots, tasks), 1);
		sheaf_queue_driver_gone(queue, "test");
		fake.ids = 0;
		fake.call_count = 0;
		new_driver();
	}
	ck_assert_uint_eq(client.count, 1);
	ck_assert_uint_eq(client.results[0].status, SHEAF_STATUS_CHECK_CONDITION);
	close_queue();
}
END_TEST

START_TEST(slot_in_quarantine_comes_back_with_the_drivers_death)
{
	struct sheaf_task tasks[SHEAF_BUNDLE_MAX];
	uint16_t slots[SHEAF_BUNDLE_MAX], slot;

	open_queue(_i);
	sheaf_queue_set_running(queue, true);
	slot = start(0x8a, 0);
	sheaf_queue_flush(queue);
	take_requests(slots, tasks);
	sheaf_queue_expire(queue, sheaf_loop_now(loop) + 2 * TIMEOUT_MS * MS);
	ck_assert_uint_eq(client.count, 1);
	ck_assert(client.results[0].quarantined);
	ck_assert(!sheaf_queue_reclaim(queue, slot));
	sheaf_queue_driver_gone(queue, "test");
	ck_assert_uint_eq(client.slot_free_calls, 1);
	ck_assert(sheaf_queue_reclaim(queue, slot));
	sheaf_queue_put(queue, slot);
	ck_assert_uint_eq(sheaf_count_get(&queue->stats.quarantined), 0);
	close_queue();
}
END_TEST

START_TEST(deadlines_go_on_while_there_is_no_driver)
{
	struct sheaf_task tasks[SHEAF_BUNDLE_MAX];
	uint16_t slots[SHEAF_BUNDLE_MAX];
	uint64_t now;

	open_queue(_i);
	start(0x8a, 0);
	sheaf_queue_flush(queue);
	take_requests(slots, tasks);
	now = sheaf_loop_now(loop);
	sheaf_queue_driver_gone(queue, "test");
	start(0x88, 1); /* while there is none */
	sheaf_queue_expire(queue, now + TIMEOUT_MS * MS / 2);
	ck_assert_uint_eq(client.count, 0);
	sheaf_queue_expire(queue, now + TIMEOUT_MS * MS);
	ck_assert_uint_eq(client.count, 2); /* the second's began when it was started, not when it was looked at */
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_uint_eq(client.results[i].status, SHEAF_DELIVERY_TASK_TIMEOUT);
		ck_assert(!client.results[i].quarantined);
	}
	close_queue();
}
END_TEST

START_TEST(held_queue_hands_nothing_over_and_still_takes_completions)
{
	struct sheaf_task tasks[SHEAF_BUNDLE_MAX];
	uint16_t slots[SHEAF_BUNDLE_MAX], slot;

	open_queue(_i);
	slot = start(0x8a, 0);
	sheaf_queue_flush(queue);
	ck_assert_uint_eq(take_requests(slots, tasks), 1);
	sheaf_queue_hold(queue);
	start(0x88, 1);
	sheaf_queue_flush(queue);
	answer(slot, &tasks[0]);
	sheaf_queue_poll(queue);
	ck_assert_uint_eq(client.count, 1);
	ck_assert_uint_eq(take_requests(slots, tasks), 0);
	sheaf_queue_driver_back(queue); /* it was not replaced after all */
	sheaf_queue_flush(queue);
	ck_assert_uint_eq(take_requests(slots, tasks), 1);
	close_queue();
}
END_TEST

START_TEST(without_a_driver_for_good_each_task_ends_and_a_mended_one_serves)
{
	struct sheaf_task tasks[SHEAF_BUNDLE_MAX];
	uint16_t slots[SHEAF_BUNDLE_MAX];

	open_queue(_i);
	start(0x8a, 0);
	sheaf_queue_flush(queue);
	take_requests(slots, tasks);
	sheaf_queue_driver_gone(queue, "test");
	sheaf_queue_driver_failed(queue);
	sheaf_queue_flush(queue);
	ck_assert_uint_eq(client.count, 1);
	ck_assert_uint_eq(client.results[0].service_response,
			  SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE);
	start(0x88, 0);
	sheaf_queue_flush(queue);
	ck_assert_uint_eq(client.count, 2);
	fake.ids = 0;
	new_driver();
	start(0x88, 0);
	sheaf_queue_flush(queue);
	ck_assert_uint_eq(take_requests(slots, tasks), 1);
	close_queue();
}
END_TEST

START_TEST(new_driver_with_fewer_slots_or_targets_is_refused)
{
	open_queue(0);
	sheaf_log_set_level(SHEAF_LOG_ERROR - 1);
	sheaf_queue_driver_gone(queue, "test");
	fake.ids = 0;
	fake.maximum_tasks = SLOTS - 1;
	ck_assert_int_eq(sheaf_host_bring_up_again(host), -ENOSPC);
	fake.maximum_tasks = SLOTS;
	ck_assert_int_eq(sheaf_host_bring_up_again(host), 0);
	close_queue();
}
END_TEST

START_TEST(event_is_handled_by_the_loop_that_runs_and_else_at_once)
{
	open_queue(0);
	sheaf_queue_post(queue, SHEAF_QUEUE_EVENT_HOLD, NULL, &handled);
	ck_assert_int_eq(sem_trywait(&handled), 0);
	ck_assert_int_eq(queue->recover.state, SHEAF_QUEUE_HELD);
	sheaf_queue_set_running(queue, true);
	sheaf_queue_post(queue, SHEAF_QUEUE_EVENT_BACK, NULL, &handled);
	ck_assert_int_ne(sem_trywait(&handled), 0);
	ck_assert_int_eq(sheaf_loop_turn(loop, true), 0);
	ck_assert_int_eq(sem_trywait(&handled), 0);
	ck_assert_int_eq(queue->recover.state, SHEAF_QUEUE_SERVED);
	/* One that ended without having seen it. */
	sheaf_queue_post(queue, SHEAF_QUEUE_EVENT_HOLD, NULL, &handled);
	sheaf_queue_set_running(queue, false);
	sheaf_queue_post_again(queue);
	ck_assert_int_eq(sem_trywait(&handled), 0);
	close_queue();
}
END_TEST

static const struct {
	const char *text;
	int count; /* or -EINVAL */
	const char *words[3];
} lines[] = {
	{ "disk", 1, { "disk" } },
	{ "  ./ramdisk\tsize=64M ", 2, { "./ramdisk", "size=64M" } },
	{ "a 'b c' \"d 'e\"", 3, { "a", "b c", "d 'e" } },
	{ "a\\ b \"c\\\"d\" 'e\\f'", 3, { "a b", "c\"d", "e\\f" } },
	{ "a''b \"\"", 2, { "ab", "" } },
	{ "$HOME `x`", 2, { "$HOME", "`x`" } },
	{ "", -EINVAL, { 0 } },
	{ "  ", -EINVAL, { 0 } },
	{ "a 'b", -EINVAL, { 0 } },
	{ "a \"b", -EINVAL, { 0 } },
};

START_TEST(driver_command_is_cut_as_a_shell_cuts_simple_words)
{
	char **words = NULL;

	ck_assert_int_eq(sheaf_driver_words_split(lines[_i].text, &words), lines[_i].count);
	for (int i = 0; i < lines[_i].count; i++)
		ck_assert_str_eq(words[i], lines[_i].words[i]);
	if (lines[_i].count > 0)
		ck_assert_ptr_null(words[lines[_i].count]);
	sheaf_driver_words_free(words);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("recover");
	TCase *tc = tcase_create("recover");
	SRunner *runner = srunner_create(suite);
	int failed;

#define both(test) tcase_add_loop_test(tc, test, 0, 2)
	both(task_of_a_dead_driver_is_issued_again_under_another_identifier);
	both(command_goes_out_as_it_was_started_whatever_the_dead_driver_wrote);
	tcase_add_loop_test(tc, command_that_must_not_be_done_twice_ends_with_aborted_command, 0,
			    sizeof(opcodes) / sizeof(opcodes[0]));
	both(what_was_completed_before_the_death_counts);
	both(completion_with_the_old_identifier_is_refused);
	both(command_that_kills_every_driver_is_given_up);
	both(slot_in_quarantine_comes_back_with_the_drivers_death);
	both(deadlines_go_on_while_there_is_no_driver);
	both(held_queue_hands_nothing_over_and_still_takes_completions);
	both(without_a_driver_for_good_each_task_ends_and_a_mended_one_serves);
	tcase_add_test(tc, new_driver_with_fewer_slots_or_targets_is_refused);
	tcase_add_test(tc, event_is_handled_by_the_loop_that_runs_and_else_at_once);
	tcase_add_loop_test(tc, driver_command_is_cut_as_a_shell_cuts_simple_words, 0,
			    sizeof(lines) / sizeof(lines[0]));
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
