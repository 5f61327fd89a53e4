/* SPDX-License-Identifier: MIT */
/**
 * test_escalate.c - what is done about a task that is past its deadline, step by step, with a controller that may hang
 *
 * The queue is driven by hand and by a clock of the test's; calls of task management come from the host's own thread, and the
 * controller stays in them for as long as a test wants. both(): in bundled and in single-task mode (_i = 0, 1).
 */
#include "host/escalate.h"

#include <check.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include <sheaf/scsi.h>

#include "base/counter.h"
#include "base/log.h"
#include "fake_controller.h"
#include "host/probe.h"

#define SLOTS	   16u
#define TIMEOUT_MS 30000u
#define GRACE_MS   5000u
#define BYTES	   4096u
#define LUN	   2u
#define NS_PER_MS  1000000ull

enum mode { BUNDLED, SINGLE };

static struct fake_controller fake;
static struct sheaf_host *host;
static struct sheaf_queue *queue;
static struct sheaf_loop *loop;
static uint64_t now_ns;

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool hangs; /* calls do not return */
	unsigned aborts, resets, inside;
	uint64_t target, lun, tag; /* of the last one */
} calls = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static struct {
	int result;
	unsigned count;
} restarts;

static struct client {
	struct sheaf_queue_client client; /* first */
	struct sheaf_result results[SLOTS * 2];
	unsigned count;
} client;

static enum sheaf_service_response called(unsigned *count, uint64_t target, uint64_t lun,
					  uint64_t tag)
{
	pthread_mutex_lock(&calls.lock);
	++*count;
	calls.inside++;
	calls.target = target;
	calls.lun = lun;
	calls.tag = tag;
	pthread_cond_broadcast(&calls.changed);
	while (calls.hangs)
		pthread_cond_wait(&calls.changed, &calls.lock);
	calls.inside--;
	pthread_mutex_unlock(&calls.lock);
	return SHEAF_FUNCTION_COMPLETE;
}

static enum sheaf_service_response abort_task(void *c, uint64_t target, uint64_t lun, uint64_t tag)
{
	(void)c;
	return called(&calls.aborts, target, lun, tag);
}

static enum sheaf_service_response reset_unit(void *c, uint64_t target, uint64_t lun)
{
	(void)c;
	return called(&calls.resets, target, lun, 0);
}

/* Until so many calls came; a test that waits in vain is ended by Check. */
static void await(const unsigned *count, unsigned wanted)
{
	pthread_mutex_lock(&calls.lock);
	while (*count < wanted)
		pthread_cond_wait(&calls.changed, &calls.lock);
	pthread_mutex_unlock(&calls.lock);
}

static unsigned count_of(const unsigned *count)
{
	pthread_mutex_lock(&calls.lock);
	unsigned n = *count;
	pthread_mutex_unlock(&calls.lock);
	return n;
}

static void set_hangs(bool hangs)
{
	pthread_mutex_lock(&calls.lock);
	calls.hangs = hangs;
	pthread_cond_broadcast(&calls.changed);
	pthread_mutex_unlock(&calls.lock);
}

static int replace_driver(void *arg, const char *why)
{
	ck_assert_ptr_eq(arg, &restarts);
	ck_assert_uint_gt(strlen(why), 0);
	restarts.count++;
	return restarts.result;
}

static void client_ended(struct sheaf_queue_client *c, uint16_t slot,
			 const struct sheaf_result *result)
{
	(void)c;
	ck_assert_uint_lt(client.count, SLOTS * 2);
	client.results[client.count++] = *result;
	sheaf_queue_put(queue, slot);
}

static void open_queue(int mode, bool may_restart)
{
	static struct sheaf_controller_ops ops;
	const struct sheaf_request_port port = { &fake, fake_bundle, fake_single };

	ops = fake_ops;
	ops.abort_task_request = abort_task;
	ops.logical_unit_reset_request = reset_unit;
	const struct sheaf_host_options o = {
		.ops = &ops,
		.controller = &fake,
		.slots = SLOTS,
		.queues = 1,
		.buffer_bytes = BYTES,
		.bundle_max = SHEAF_BUNDLE_MAX,
		.single_mode = mode == SINGLE,
		.timeout_ms = TIMEOUT_MS,
		.grace_ms = GRACE_MS,
		.violations_max = 10,
	};

	sheaf_log_set_level(SHEAF_LOG_ERROR);
	fake_init(&fake);
	memset(&client, 0, sizeof(client));
	memset(&restarts, 0, sizeof(restarts));
	client.client.ended = client_ended;
	ck_assert_int_eq(sheaf_host_create(&o, &host), 0);
	if (may_restart) {
		host->replace_driver = replace_driver;
		host->replace_arg = &restarts;
	}
	ck_assert_int_eq(sheaf_loop_create(SHEAF_IO_SYNC, 8, &loop), 0);
	ck_assert_int_eq(sheaf_view_map(&host->region, &fake.raw), 0);
	queue = host->queues[0];
	sheaf_queue_attach(queue, loop, &client.client, &port);
	fake.port = sheaf_queue_completion_port(queue);
	fake.bundled = host->bundled;
	ck_assert_int_eq(sheaf_loop_turn(loop, false), 0); /* its clock is ours from here on */
	now_ns = sheaf_loop_now(loop);
}

static void close_queue(void)
{
	set_hangs(false);
	sheaf_slots_check(queue);
	loop = sheaf_loop_free(loop);
	sheaf_view_unmap(&fake.raw);
	host = sheaf_host_free(host);
}

static uint16_t start_on(uint32_t lun)
{
	int slot = sheaf_queue_take(queue);
	struct sheaf_task *task;

	ck_assert_int_ge(slot, 0);
	task = sheaf_queue_command(queue, (uint16_t)slot);
	task->target_id = 1;
	sheaf_put_lun(task->logical_unit_bytes, lun);
	task->transfer_direction = SHEAF_TRANSFER_FROM_TARGET;
	task->requested_transfer_count = BYTES;
	task->command_size = 10;
	task->command_descriptor_block[0] = SHEAF_SCSI_READ_10;
	sheaf_queue_start(queue, (uint16_t)slot);
	sheaf_queue_flush(queue);
	return (uint16_t)slot;
}

static void pass_ms(uint64_t ms)
{
	now_ns += ms * NS_PER_MS;
	sheaf_queue_expire(queue, now_ns);
}

#define stat(name) sheaf_count_get(&queue->stats.name)

START_TEST(steps_come_in_order_each_after_its_grace)
{
	open_queue(_i, true);
	uint16_t slot = start_on(LUN);
	uint64_t identifier = host->slot_states[slot].identifier;

	pass_ms(TIMEOUT_MS - 1);
	ck_assert_uint_eq(stat(aborts), 0);
	pass_ms(1);
	await(&calls.aborts, 1);
	ck_assert_uint_eq(calls.target, 1);
	ck_assert_uint_eq(calls.lun, LUN);
	ck_assert_uint_eq(calls.tag, identifier);
	ck_assert_uint_eq(stat(aborts), 1);
	pass_ms(GRACE_MS - 1);
	ck_assert_uint_eq(stat(lu_resets), 0);
	pass_ms(1);
	await(&calls.resets, 1);
	ck_assert_uint_eq(calls.lun, LUN);
	ck_assert_uint_eq(stat(lu_resets), 1);
	ck_assert_uint_eq(restarts.count, 0);
	pass_ms(GRACE_MS);
	ck_assert_uint_eq(restarts.count, 1);
	ck_assert_uint_eq(stat(driver_restarts), 1);
	ck_assert_uint_eq(client.count, 0);
	pass_ms(GRACE_MS);
	ck_assert_uint_eq(client.count, 1);
	ck_assert_uint_eq(client.results[0].status, SHEAF_DELIVERY_TASK_TIMEOUT);
	ck_assert(client.results[0].quarantined);
	ck_assert_uint_eq(stat(failed), 1);
	ck_assert_uint_eq(stat(timeouts), 1);
	ck_assert_uint_eq(stat(quarantined), 1);
	/* It comes back after all: dropped by its generation, and the slot leaves quarantine. */
	fake_complete(&fake, slot);
	ck_assert_uint_eq(stat(late), 1);
	ck_assert_uint_eq(stat(quarantined), 0);
	ck_assert_uint_eq(client.count, 1);
	ck_assert_uint_eq(queue->free_count, SLOTS);
	close_queue();
}
END_TEST

START_TEST(driver_that_cannot_be_replaced_gets_no_grace_for_it)
{
	open_queue(_i, false);
	start_on(LUN);
	pass_ms(TIMEOUT_MS);
	pass_ms(GRACE_MS);
	ck_assert_uint_eq(client.count, 0);
	pass_ms(GRACE_MS);
	ck_assert_uint_eq(client.count, 1);
	ck_assert_uint_eq(stat(driver_restarts), 0);
	close_queue();
}
END_TEST

START_TEST(driver_that_says_so_cannot_be_replaced_either)
{
	open_queue(_i, true);
	restarts.result = -EOPNOTSUPP;
	start_on(LUN);
	pass_ms(TIMEOUT_MS);
	pass_ms(GRACE_MS);
	pass_ms(GRACE_MS);
	ck_assert_uint_eq(restarts.count, 1);
	ck_assert_uint_eq(stat(driver_restarts), 0);
	ck_assert_uint_eq(client.count, 1);
	close_queue();
}
END_TEST

START_TEST(task_that_completes_after_an_abort_is_served)
{
	open_queue(_i, false);
	uint16_t slot = start_on(LUN);

	pass_ms(TIMEOUT_MS);
	fake_complete(&fake, slot);
	ck_assert_uint_eq(client.count, 1);
	ck_assert(sheaf_result_good(&client.results[0]));
	ck_assert_uint_eq(stat(aborted), 0);
	ck_assert_uint_eq(stat(timeouts), 0);
	pass_ms(10 * GRACE_MS);
	ck_assert_uint_eq(client.count, 1);
	ck_assert_uint_eq(stat(lu_resets), 0);
	/* The next task in the slot begins at the first step. */
	ck_assert_uint_eq(start_on(LUN), slot);
	ck_assert_uint_eq(host->slot_states[slot].step, SHEAF_STEP_NONE);
	fake_complete(&fake, slot);
	close_queue();
}
END_TEST

START_TEST(task_that_an_abort_ended_is_counted_and_fails)
{
	open_queue(_i, false);
	uint16_t slot = start_on(LUN);
	struct sheaf_response *r;

	pass_ms(TIMEOUT_MS);
	r = fake_answer(&fake, slot);
	r->service_response = SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE;
	r->completion_status = SHEAF_DELIVERY_NO_STATUS;
	fake_give_back(&fake, &slot, 1);
	ck_assert_uint_eq(client.count, 1);
	ck_assert(!sheaf_result_good(&client.results[0]));
	ck_assert(!client.results[0].quarantined);
	ck_assert(!client.results[0].reset); /* it is to blame itself */
	ck_assert_uint_eq(stat(aborted), 1);
	ck_assert_uint_eq(stat(timeouts), 0);
	ck_assert_uint_eq(stat(failed), 0);
	close_queue();
}
END_TEST

START_TEST(unit_is_reset_once_for_all_its_tasks)
{
	open_queue(_i, true);
	for (unsigned i = 0; i < 8; i++)
		start_on(LUN);
	for (unsigned i = 0; i < 4; i++)
		start_on(LUN + 1);
	pass_ms(TIMEOUT_MS);
	await(&calls.aborts, 12);
	pass_ms(GRACE_MS);
	ck_assert_uint_eq(stat(lu_resets), 2);
	await(&calls.resets, 2);
	pass_ms(GRACE_MS);
	ck_assert_uint_eq(restarts.count, 1);
	ck_assert_uint_eq(stat(driver_restarts), 1);
	pass_ms(GRACE_MS);
	ck_assert_uint_eq(client.count, 12);
	ck_assert_uint_eq(stat(failed), 12);
	ck_assert_uint_eq(count_of(&calls.resets), 2);
	close_queue();
}
END_TEST

/* A task in time that a reset of its unit ended is told apart, so that it is sent again; one of another unit is not. */
START_TEST(victim_of_a_reset_is_told_apart)
{
	open_queue(_i, false);
	start_on(LUN);
	pass_ms(TIMEOUT_MS);
	ck_assert_int_eq(sheaf_loop_turn(loop, false), 0);
	uint16_t victims[2];

	victims[0] = start_on(LUN);
	victims[1] = start_on(LUN + 1);
	for (unsigned i = 0; i < 2; i++) {
		host->slot_states[victims[i]].deadline_ns = UINT64_MAX;
		host->slot_states[victims[i]].start_ns =
			sheaf_loop_now(loop); /* the test's clock is ahead */
	}
	pass_ms(GRACE_MS);
	await(&calls.resets, 1);
	for (unsigned i = 0; i < 2; i++) {
		struct sheaf_response *r = fake_answer(&fake, victims[i]);

		r->service_response = SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE;
		r->completion_status = SHEAF_DELIVERY_NO_STATUS;
		fake_give_back(&fake, &victims[i], 1);
	}
	ck_assert_uint_eq(client.count, 2);
	ck_assert(client.results[0].reset);
	ck_assert(!client.results[1].reset);
	close_queue();
}
END_TEST

/* A driver that hangs in abort_task_request(): nobody waits for it, and it is not called again meanwhile. */
START_TEST(driver_that_hangs_in_a_call_holds_up_nothing)
{
	open_queue(_i, true);
	set_hangs(true);
	for (unsigned i = 0; i < SLOTS; i++)
		start_on(LUN);
	pass_ms(TIMEOUT_MS);
	await(&calls.inside, 1);
	ck_assert_str_eq(sheaf_escalation_look(host->escalation).function, "ABORT TASK");
	ck_assert_uint_eq(sheaf_escalation_look(host->escalation).lun, LUN);
	pass_ms(GRACE_MS);
	pass_ms(GRACE_MS);
	ck_assert_uint_eq(restarts.count, 1);
	pass_ms(GRACE_MS);
	ck_assert_uint_eq(client.count, SLOTS);
	ck_assert_uint_eq(count_of(&calls.inside), 1);
	ck_assert_uint_eq(count_of(&calls.resets), 0);
	set_hangs(false);
	close_queue();
}
END_TEST

START_TEST(no_grace_fails_at_the_deadline)
{
	open_queue(_i, true);
	queue->grace_ns = 0;
	start_on(LUN);
	pass_ms(TIMEOUT_MS);
	ck_assert_uint_eq(client.count, 1);
	ck_assert_uint_eq(stat(aborts), 0);
	ck_assert_uint_eq(stat(failed), 1);
	close_queue();
}
END_TEST

/* With turns of a loop, and its clock: timeout, two graces, and a tick for each at most. */
START_TEST(tick_takes_all_steps_in_time)
{
	struct timespec begin, end;

	open_queue(_i, false);
	queue->timeout_ns = 200 * NS_PER_MS;
	queue->grace_ns = 40 * NS_PER_MS;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	start_on(LUN);
	while (client.count == 0)
		ck_assert_int_eq(sheaf_loop_turn(loop, true), 0);
	clock_gettime(CLOCK_MONOTONIC, &end);
	ck_assert_int_ge(
		(end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000, 279);
	ck_assert(!queue->tick_armed);
	ck_assert_uint_eq(stat(aborts), 1);
	ck_assert_uint_eq(stat(lu_resets), 1);
	ck_assert_uint_eq(stat(failed), 1);
	close_queue();
}
END_TEST

static void violate(unsigned n)
{
	uint16_t nowhere = UINT16_MAX;

	for (unsigned i = 0; i < n; i++)
		fake_give_back(&fake, &nowhere, 1);
}

START_TEST(too_many_violations_replace_the_driver_once_a_window)
{
	open_queue(_i, true);
	violate(10);
	ck_assert_uint_eq(restarts.count, 0);
	violate(1);
	ck_assert_uint_eq(restarts.count, 1);
	violate(100);
	ck_assert_uint_eq(restarts.count, 1);
	ck_assert_uint_eq(stat(violations[SHEAF_VIOLATION_INDEX]), 111);
	ck_assert_uint_eq(stat(driver_restarts), 1);
	close_queue();
}
END_TEST

START_TEST(driver_in_this_process_is_not_replaced_for_violations)
{
	open_queue(_i, false);
	sheaf_log_set_level(SHEAF_LOG_ERROR - 1);
	violate(100);
	ck_assert(host->violations_told);
	ck_assert_uint_eq(stat(driver_restarts), 0);
	close_queue();
}
END_TEST

START_TEST(any_number_of_violations_may_be_allowed)
{
	open_queue(_i, true);
	host->options.violations_max = 0;
	violate(1000);
	ck_assert_uint_eq(restarts.count, 0);
	close_queue();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("escalate");
	TCase *tc = tcase_create("escalate");

#define both(test) tcase_add_loop_test(tc, test, 0, 2)
	both(steps_come_in_order_each_after_its_grace);
	both(driver_that_cannot_be_replaced_gets_no_grace_for_it);
	both(driver_that_says_so_cannot_be_replaced_either);
	both(task_that_completes_after_an_abort_is_served);
	both(task_that_an_abort_ended_is_counted_and_fails);
	both(unit_is_reset_once_for_all_its_tasks);
	both(victim_of_a_reset_is_told_apart);
	both(driver_that_hangs_in_a_call_holds_up_nothing);
	both(no_grace_fails_at_the_deadline);
	both(tick_takes_all_steps_in_time);
	both(too_many_violations_replace_the_driver_once_a_window);
	both(driver_in_this_process_is_not_replaced_for_violations);
	both(any_number_of_violations_may_be_allowed);
	suite_add_tcase(suite, tc);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
