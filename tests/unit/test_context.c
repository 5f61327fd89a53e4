/* SPDX-License-Identifier: MIT */
/**
 * test_context.c - a controller's side of the seam: turns of a fused loop, and lanes from a host that may be hostile
 *
 * The controller is the fake one; worker tests play the host's end of a lane by hand.
 */
#include "driver/context.h"

#include <check.h>

#include <stdio.h>

#include "base/counter.h"
#include "base/log.h"
#include "fake_controller.h"

#define SLOTS 8u /* of two queues */
#define MINE 4u

static struct fake_controller fake;
static struct sheaf_host *host;
static struct sheaf_loop *loop;
static struct sheaf_context *context;

static struct sheaf_host_options options(bool single, uint32_t workers)
{
	return (struct sheaf_host_options){
		.ops = &fake_ops,
		.controller = &fake,
		.slots = SLOTS,
		.queues = 2,
		.workers = workers,
		.buffer_bytes = 4096,
		.bundle_max = SHEAF_BUNDLE_MAX,
		.single_mode = single,
	};
}

static void close_all(void)
{
	loop = sheaf_loop_free(loop);
	context = sheaf_context_free(context);
	sheaf_view_unmap(&fake.raw);
	host = sheaf_host_free(host);
}

/* Worker: both queues' lanes, whose ends of the host are in @lanes. */

static struct sheaf_lane lanes[2];

static void open_worker(int single)
{
	const struct sheaf_host_options o = options(single, 1);

	fake_init(&fake);
	ck_assert_int_eq(sheaf_host_create(&o, &host), 0);
	ck_assert_int_eq(sheaf_loop_create(SHEAF_IO_SYNC, 8, &loop), 0);
	ck_assert_int_eq(sheaf_view_map(&host->region, &fake.raw), 0);
	ck_assert_int_eq(sheaf_context_create(&fake_ops, &fake, &host->controller_view,
					      host->bundled, loop, &context),
			 0);
	ck_assert_int_eq(sheaf_context_attach_lanes(context, 2), 0);
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t index = sheaf_host_lane_index(host, i, 0);

		sheaf_lane_open(&lanes[i], &host->view, index);
		sheaf_context_open_lane(context, i, index, (uint16_t)(i * MINE), MINE,
					sheaf_loop_doorbell_fd(loop));
	}
}

static void turn(void)
{
	ck_assert_int_eq(sheaf_loop_turn(loop, false), 0);
}

static uint64_t refused(void)
{
	return sheaf_count_get(&context->refused);
}

START_TEST(bundle_arrives_whole_and_answers_go_back_in_their_queues_lane)
{
	const uint16_t first[] = { 1, 3 }, second[] = { 6 }, done[] = { 6, 3, 1 };
	uint16_t got[SHEAF_BUNDLE_MAX];

	open_worker(false);
	sheaf_ring_push_bundle(&lanes[0].request, first, 2);
	sheaf_ring_push_bundle(&lanes[1].request, second, 1);
	turn();
	ck_assert_uint_eq(fake.bundle_count, 2);
	ck_assert_uint_eq(fake.bundles[0].n, 2);
	sheaf_bundled_parallel_task_completion(context, done, 3);
	ck_assert_int_eq(sheaf_ring_pop_bundle(&lanes[0].completion, got), 0); /* gathered */
	turn();
	ck_assert_int_eq(sheaf_ring_pop_bundle(&lanes[0].completion, got), 2);
	ck_assert_uint_eq(got[0], 3);
	ck_assert_uint_eq(got[1], 1);
	ck_assert_int_eq(sheaf_ring_pop_bundle(&lanes[1].completion, got), 1);
	ck_assert_uint_eq(got[0], 6);
	ck_assert_uint_eq(refused(), 0);
	close_all();
}
END_TEST

START_TEST(slot_of_another_lane_never_reaches_the_controller)
{
	const uint16_t slots[] = { 0, MINE, SLOTS, UINT16_MAX, MINE - 1 };
	const struct sheaf_task task = { .version = SHEAF_TASK_VERSION };

	open_worker(_i);
	if (_i) {
		for (unsigned i = 0; i < 5; i++)
			sheaf_ring_push_task(&lanes[0].request, i < 4 ? slots[i] : 0x10001, &task);
		turn();
		turn();
		ck_assert_uint_eq(fake.bundle_count, 1);
		ck_assert_uint_eq(refused(), 4);
	} else {
		sheaf_ring_push_bundle(&lanes[0].request, slots, 5);
		sheaf_ring_push_bundle(&lanes[0].request, slots + 1, 3);
		turn();
		ck_assert_uint_eq(fake.bundle_count, 1);
		ck_assert_uint_eq(fake.bundles[0].n, 2);
		ck_assert_uint_eq(fake.bundles[0].slots[1], MINE - 1);
		ck_assert_uint_eq(refused(), 6);
	}
	close_all();
}
END_TEST

START_TEST(task_that_the_controller_refuses_is_answered_undelivered)
{
	const struct sheaf_task task = { .version = SHEAF_TASK_VERSION,
					 .target_id = 4,
					 .controller_task_identifier = 0x500000006 };
	struct sheaf_response response;
	sheaf_action action = 0;

	open_worker(true);
	fake.single_answer = SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE;
	sheaf_ring_push_task(&lanes[1].request, MINE + 1, &task);
	turn();
	ck_assert_int_eq(sheaf_ring_pop_response(&lanes[1].completion, &action, &response), 1);
	ck_assert_uint_eq(action, MINE + 1);
	ck_assert_uint_eq(response.version, SHEAF_TASK_VERSION);
	ck_assert_uint_eq(response.target_id, 4);
	ck_assert_uint_eq(response.controller_task_identifier, 0x500000006);
	ck_assert_uint_eq(response.service_response, SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE);
	close_all();
}
END_TEST

START_TEST(doorbell_of_a_queue_is_rung_when_it_sleeps_only)
{
	const uint16_t slots[] = { 0, 1 };

	open_worker(false);
	sheaf_ring_push_bundle(&lanes[0].request, slots, 2);
	turn();
	sheaf_bundled_parallel_task_completion(context, slots, 1);
	turn();
	ck_assert_uint_eq(sheaf_count_get(&context->doorbells), 0);
	uint16_t got[SHEAF_BUNDLE_MAX];

	sheaf_ring_pop_bundle(&lanes[0].completion, got);
	ck_assert(sheaf_ring_may_sleep(&lanes[0].completion));
	sheaf_bundled_parallel_task_completion(context, slots + 1, 1);
	turn();
	ck_assert_uint_eq(sheaf_count_get(&context->doorbells), 1);
	close_all();
}
END_TEST

/*
 * Fused, and the I/O of a task ends before the hooks of a turn run: what its end starts must not stay behind when the
 * queue's hook comes first.
 */
static struct sheaf_op slow_op; /* any that the kernel does */
static bool slow_over;

static void slow_done(struct sheaf_op *op, int result)
{
	(void)op, (void)result;
	slow_over = true;
}

static void slow_bundle(void *private_data, const uint16_t slots[], uint16_t n)
{
	fake_bundle(private_data, slots, n);
	sheaf_loop_fsync(loop, &slow_op, host->region.fd, true);
}

static enum sheaf_service_response slow_single(void *private_data, const struct sheaf_task *task,
					       sheaf_action action)
{
	sheaf_loop_fsync(loop, &slow_op, host->region.fd, true);
	return fake_single(private_data, task, action);
}

static void slow_end_of_turn(void *private_data)
{
	struct fake_controller *f = private_data;
	uint16_t slot = f->bundle_count ? f->bundles[f->bundle_count - 1].slots[0] : 0;

	if (!slow_over)
		return;
	slow_over = false;
	fake_answer(f, slot);
	if (f->bundled)
		sheaf_bundled_parallel_task_completion(context, &slot, 1);
	else
		sheaf_parallel_task_completion(context, slot, &f->single[slot]);
}

static struct sheaf_queue *queue;
static unsigned ended_count;

static void start(void)
{
	int slot = sheaf_queue_take(queue);

	sheaf_queue_command(queue, (uint16_t)slot);
	sheaf_queue_start(queue, (uint16_t)slot);
}

static void start_next(struct sheaf_queue_client *client, uint16_t slot,
		       const struct sheaf_result *result)
{
	(void)client;
	ck_assert(sheaf_result_good(result));
	sheaf_queue_put(queue, slot);
	if (++ended_count < 3)
		start();
	else
		sheaf_loop_stop(loop);
}

START_TEST(order_of_the_hooks_of_queue_and_context_does_not_matter)
{
	struct sheaf_queue_client client = { .ended = start_next };
	struct sheaf_controller_ops ops = fake_ops;
	struct sheaf_host_options o = options(_i & 1, 0);
	bool queue_first = _i & 2;
	enum sheaf_io_backend io = _i & 4 ? SHEAF_IO_URING : SHEAF_IO_SYNC;
	const char *reason;

	if (sheaf_loop_probe(io, &reason) < 0) {
		printf("# skipped on io_uring: %s\n", reason);
		return;
	}

	ops.process_bundled_parallel_tasks = slow_bundle;
	ops.process_parallel_task = slow_single;
	ops.end_of_turn = slow_end_of_turn;
	o.ops = &ops;
	slow_op.done = slow_done;
	fake_init(&fake);
	ck_assert_int_eq(sheaf_host_create(&o, &host), 0);
	fake.bundled = host->bundled;
	ck_assert_int_eq(sheaf_view_map(&host->region, &fake.raw), 0);
	ck_assert_int_eq(sheaf_loop_create(io, 8, &loop), 0);
	queue = host->queues[0];
	if (queue_first)
		sheaf_queue_attach(queue, loop, &client, NULL);
	ck_assert_int_eq(sheaf_context_create(&ops, &fake, &host->controller_view, host->bundled,
					      loop, &context),
			 0);
	struct sheaf_request_port port = sheaf_context_request_port(context);

	sheaf_context_attach_port(context, sheaf_queue_completion_port(queue));
	if (queue_first)
		queue->port = port;
	else
		sheaf_queue_attach(queue, loop, &client, &port);
	start();
	ck_assert_int_eq(sheaf_loop_run(loop), 0); /* no deadlines: it would sleep for ever */
	ck_assert_uint_eq(ended_count, 3);
	close_all();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("context");
	TCase *tc = tcase_create("worker");
	TCase *fused = tcase_create("fused");

	sheaf_log_set_level(SHEAF_LOG_ERROR);
	tcase_add_test(tc, bundle_arrives_whole_and_answers_go_back_in_their_queues_lane);
	tcase_add_loop_test(tc, slot_of_another_lane_never_reaches_the_controller, 0, 2);
	tcase_add_test(tc, task_that_the_controller_refuses_is_answered_undelivered);
	tcase_add_test(tc, doorbell_of_a_queue_is_rung_when_it_sleeps_only);
	suite_add_tcase(suite, tc);
	tcase_set_timeout(fused, 5);
	tcase_add_loop_test(fused, order_of_the_hooks_of_queue_and_context_does_not_matter, 0, 8);
	suite_add_tcase(suite, fused);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
