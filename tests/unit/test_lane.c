/* SPDX-License-Identifier: MIT */
/**
 * test_lane.c - rings between two loops: order, limits, a hostile far side, sleeping and doorbells
 *
 * The test includes lane.c to be the hostile far side: it writes the indices and counts that lane.h says are not
 * to be believed. Producer and consumer have views of their own, as in every deployment.
 */
#include "seam/lane.c"

#include <check.h>

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define HAMMER_ENTRIES 100000u
#else
#define HAMMER_ENTRIES 2000000u
#endif
#define SLOTS 8u
#define LANES 3u

static struct sheaf_region region;
static struct sheaf_view host_view, controller_view;
static struct sheaf_lane host, controller;

static void open_lane(void)
{
	const struct sheaf_region_geometry geometry = {
		.slots = SLOTS, .lanes = LANES, .buffer_bytes = 4096
	};

	ck_assert_int_eq(sheaf_region_create(&geometry, &region), 0);
	ck_assert_int_eq(sheaf_view_map(&region, &host_view), 0);
	ck_assert_int_eq(sheaf_view_map(&region, &controller_view), 0);
	sheaf_lane_open(&host, &host_view, 1);
	sheaf_lane_open(&controller, &controller_view, 1);
}

static void close_lane(void)
{
	sheaf_view_unmap(&controller_view);
	sheaf_view_unmap(&host_view);
	sheaf_region_destroy(&region);
}

static int push(uint16_t first, uint16_t n)
{
	uint16_t slots[SHEAF_BUNDLE_MAX + 1];

	for (uint16_t i = 0; i < n; i++)
		slots[i] = (uint16_t)(first + i);
	return sheaf_ring_push_bundle(&host.request, slots, n);
}

static void pop_expect(uint16_t first, uint16_t n)
{
	uint16_t slots[SHEAF_BUNDLE_MAX];

	ck_assert_int_eq(sheaf_ring_pop_bundle(&controller.request, slots), n);
	for (uint16_t i = 0; i < n; i++)
		ck_assert_uint_eq(slots[i], first + i);
}

static void pop_expect_error(int error)
{
	uint16_t slots[SHEAF_BUNDLE_MAX];

	ck_assert_int_eq(sheaf_ring_pop_bundle(&controller.request, slots), error);
}

START_TEST(bundles_come_out_in_the_order_they_went_in)
{
	pop_expect_error(0);
	push(0, 1);
	push(100, 32);
	push(200, 2);
	pop_expect(0, 1);
	pop_expect(100, 32);
	pop_expect(200, 2);
	pop_expect_error(0);
}
END_TEST

START_TEST(bundle_holds_1_to_32_slots)
{
	for (uint16_t n = 1; n <= SHEAF_BUNDLE_MAX; n++) {
		ck_assert_int_eq(push(n, n), 0);
		pop_expect(n, n);
	}
}
END_TEST

START_TEST(pushing_0_or_33_is_our_own_mistake)
{
	push(0, _i ? SHEAF_BUNDLE_MAX + 1 : 0); /* SIGABRT */
}
END_TEST

START_TEST(popped_count_out_of_range_is_dropped_and_the_next_entry_comes)
{
	static const uint16_t counts[] = { 0, 33, 0x100, 0xffff };

	for (unsigned i = 0; i < 4; i++) {
		struct bundle_entry *entry =
			(void *)(host.request.entries +
				 (host.request.index & host.request.mask) * REQUEST_ENTRY_BYTES);
		push(7, 1);
		entry->count = counts[i];
		push(9, 3);
		pop_expect_error(-EBADMSG);
		pop_expect(9, 3);
		pop_expect_error(0);
	}
}
END_TEST

START_TEST(full_ring_refuses_and_takes_again_after_one_pop)
{
	for (uint16_t i = 0; i < SLOTS; i++)
		ck_assert_int_eq(push(i, 1), 0);
	ck_assert_int_eq(push(SLOTS, 1), -EAGAIN);
	pop_expect(0, 1);
	ck_assert_int_eq(push(SLOTS, 1), 0);
	for (uint16_t i = 1; i <= SLOTS; i++)
		pop_expect(i, 1);
	pop_expect_error(0);
}
END_TEST

/* As if the lane had run for 2^32 - 3 entries. */
START_TEST(indices_wrap_at_2_to_the_32)
{
	uint32_t start = UINT32_MAX - 2;

	host.request.index = controller.request.index = start;
	atomic_store(&host.request.ring->tail, start);
	atomic_store(&host.request.ring->head, start);
	for (uint16_t round = 0; round < 3; round++) {
		for (uint16_t i = 0; i < SLOTS; i++)
			ck_assert_int_eq(push((uint16_t)(round * 50 + i), 1), 0);
		ck_assert_int_eq(push(0, 1), -EAGAIN);
		for (uint16_t i = 0; i < SLOTS; i++)
			pop_expect((uint16_t)(round * 50 + i), 1);
		pop_expect_error(0);
	}
	ck_assert_uint_eq(host.request.index, start + 3 * SLOTS);
}
END_TEST

START_TEST(tail_that_cannot_be_takes_nothing)
{
	struct sheaf_ring *ring = host.request.ring;
	struct sheaf_response response;
	struct sheaf_task task;
	sheaf_action action;

	push(3, 1);
	pop_expect(3, 1);
	atomic_store(&ring->tail, 1 + SLOTS + 1); /* one more than fits */
	pop_expect_error(-EPROTO);
	atomic_store(&ring->tail, 0); /* back before what was taken */
	pop_expect_error(-EPROTO);
	ck_assert_int_eq(sheaf_ring_pop_task(&controller.request, &action, &task), -EPROTO);
	atomic_store(&host.completion.ring->tail, SLOTS + 1);
	ck_assert_int_eq(sheaf_ring_pop_response(&host.completion, &action, &response), -EPROTO);
	ck_assert_uint_eq(controller.request.index, 1);
	/* The bounds themselves are fine. */
	atomic_store(&ring->tail, 1);
	pop_expect_error(0);
	atomic_store(&ring->tail, 1 + SLOTS);
	for (uint32_t i = 0; i < SLOTS; i++) {
		uint16_t slots[SHEAF_BUNDLE_MAX];

		ck_assert_int_ne(sheaf_ring_pop_bundle(&controller.request, slots), -EPROTO);
	}
	pop_expect_error(0);
}
END_TEST

START_TEST(head_that_cannot_be_counts_as_full)
{
	struct sheaf_ring *ring = host.request.ring;
	const struct sheaf_response response = { .version = 1 };
	const struct sheaf_task task = { .version = 1 };

	atomic_store(&ring->head, 1); /* more taken than was pushed */
	ck_assert_int_eq(push(0, 1), -EAGAIN);
	ck_assert_int_eq(sheaf_ring_push_task(&host.request, 0, &task), -EAGAIN);
	atomic_store(&controller.completion.ring->head, 0u - SLOTS);
	ck_assert_int_eq(sheaf_ring_push_response(&controller.completion, 0, &response), -EAGAIN);
	ck_assert_uint_eq(atomic_load(&ring->tail), 0);
	atomic_store(&ring->head, 0);
	ck_assert_int_eq(push(0, 1), 0);
}
END_TEST

/* Private indices: what the far side does to our own index in the ring changes nothing. */
START_TEST(own_index_is_never_read_back)
{
	push(1, 1);
	atomic_store(&host.request.ring->tail, 77);
	push(2, 1);
	ck_assert_uint_eq(atomic_load(&host.request.ring->tail), 2);
	pop_expect(1, 1);
	atomic_store(&host.request.ring->head, 77);
	pop_expect(2, 1);
	ck_assert_uint_eq(atomic_load(&host.request.ring->head), 2);
}
END_TEST

START_TEST(task_and_response_go_by_value_with_their_action)
{
	struct sheaf_task task = { .version = 1, .task_tag_identifier = 0x1234 }, got_task;
	struct sheaf_response response = { .version = 1, .bytes_transferred = 77 }, got_response;
	sheaf_action action = 0;

	memset(response.sense_buffer, 0xab, sizeof(response.sense_buffer));
	ck_assert_int_eq(sheaf_ring_push_task(&host.request, 5, &task), 0);
	ck_assert_int_eq(sheaf_ring_push_response(&controller.completion, 6, &response), 0);
	task.task_tag_identifier = 0;
	response.bytes_transferred = 0;
	ck_assert_int_eq(sheaf_ring_pop_task(&controller.request, &action, &got_task), 1);
	ck_assert_uint_eq(action, 5);
	ck_assert_uint_eq(got_task.task_tag_identifier, 0x1234);
	ck_assert_int_eq(sheaf_ring_pop_response(&host.completion, &action, &got_response), 1);
	ck_assert_uint_eq(action, 6);
	ck_assert_uint_eq(got_response.bytes_transferred, 77);
	ck_assert_uint_eq(got_response.sense_buffer[255], 0xab);
	ck_assert_int_eq(sheaf_ring_pop_task(&controller.request, &action, &got_task), 0);
	ck_assert_int_eq(sheaf_ring_pop_response(&host.completion, &action, &got_response), 0);
}
END_TEST

START_TEST(lanes_do_not_touch_each_other)
{
	struct sheaf_lane lanes[LANES], far_lanes[LANES];
	uint16_t slots[SHEAF_BUNDLE_MAX] = { 0 };

	for (uint32_t i = 0; i < LANES; i++) {
		sheaf_lane_open(&lanes[i], &host_view, i);
		sheaf_lane_open(&far_lanes[i], &controller_view, i);
	}
	for (uint32_t i = 0; i < LANES; i++) {
		for (uint32_t n = 0; n < SLOTS; n++) {
			uint16_t slot = (uint16_t)(i * 100 + n);
			struct sheaf_response response = { .bytes_transferred = slot };

			ck_assert_int_eq(sheaf_ring_push_bundle(&lanes[i].request, &slot, 1), 0);
			ck_assert_int_eq(sheaf_ring_push_response(&far_lanes[i].completion, slot,
								  &response),
					 0);
		}
	}
	for (uint32_t i = 0; i < LANES; i++) {
		for (uint32_t n = 0; n < SLOTS; n++) {
			struct sheaf_response response;
			sheaf_action action;

			ck_assert_int_eq(sheaf_ring_pop_bundle(&far_lanes[i].request, slots), 1);
			ck_assert_uint_eq(slots[0], i * 100 + n);
			ck_assert_int_eq(sheaf_ring_pop_response(&lanes[i].completion, &action,
								 &response),
					 1);
			ck_assert_uint_eq(action, i * 100 + n);
			ck_assert_uint_eq(response.bytes_transferred, action);
		}
	}
}
END_TEST

START_TEST(doorbell_is_wanted_once_a_sleep_and_only_then)
{
	push(0, 1);
	ck_assert(!sheaf_ring_wants_doorbell(&host.request)); /* awake */
	pop_expect(0, 1);

	ck_assert(sheaf_ring_may_sleep(&controller.request));
	push(1, 1);
	ck_assert(sheaf_ring_wants_doorbell(&host.request));
	push(2, 1);
	ck_assert(!sheaf_ring_wants_doorbell(&host.request)); /* rung already */
	sheaf_ring_awake(&controller.request);
	pop_expect(1, 1);
	pop_expect(2, 1);

	ck_assert(sheaf_ring_may_sleep(&controller.request));
	sheaf_ring_awake(&controller.request); /* woken by something else */
	push(3, 1);
	ck_assert(!sheaf_ring_wants_doorbell(&host.request));
}
END_TEST

START_TEST(who_announces_sleep_is_told_of_an_entry)
{
	push(0, 1);
	ck_assert(!sheaf_ring_may_sleep(&controller.request));
	sheaf_ring_awake(&controller.request);
	pop_expect(0, 1);
	ck_assert(sheaf_ring_may_sleep(&controller.request));
}
END_TEST

/* Two threads; each sleeps on its semaphore when its ring is empty. */

struct hammer {
	sem_t consumer_bell, producer_bell;
	uint64_t sleeps;    /* W: consumer */
	uint64_t doorbells; /* W: producer */
	unsigned credits;	    /* slots that the producer owns */
	uint64_t seen;
	uint64_t wrong;
};

static void wait_for(sem_t *bell)
{
	while (sem_wait(bell) < 0)
		;
}

/* Takes bundles, checks their numbers, gives each back as it is. */
static void *consumer_main(void *arg)
{
	struct hammer *h = arg;
	uint16_t slots[SHEAF_BUNDLE_MAX];

	while (h->seen < HAMMER_ENTRIES) {
		int n = sheaf_ring_pop_bundle(&controller.request, slots);

		if (n == 0) {
			if (sheaf_ring_may_sleep(&controller.request)) {
				h->sleeps++;
				wait_for(&h->consumer_bell);
			}
			sheaf_ring_awake(&controller.request);
			continue;
		}
		if (n != (int)(h->seen % SHEAF_BUNDLE_MAX) + 1)
			h->wrong++;
		for (int i = 0; i < n; i++)
			h->wrong += slots[i] != (uint16_t)(h->seen + (unsigned)i);
		h->seen++;
		if (sheaf_ring_push_bundle(&controller.completion, slots, (uint16_t)n) < 0)
			h->wrong++;
		if (sheaf_ring_wants_doorbell(&controller.completion))
			sem_post(&h->producer_bell);
	}
	return NULL;
}

START_TEST(two_threads_lose_nothing_and_never_sleep_over_an_entry)
{
	struct hammer h = { .credits = SLOTS };
	uint64_t pushed = 0, back = 0;
	pthread_t thread;

	sem_init(&h.consumer_bell, 0, 0);
	sem_init(&h.producer_bell, 0, 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, consumer_main, &h), 0);
	while (back < HAMMER_ENTRIES) {
		uint16_t slots[SHEAF_BUNDLE_MAX];

		while (h.credits && pushed < HAMMER_ENTRIES) {
			ck_assert_int_eq(push((uint16_t)pushed,
					      (uint16_t)(pushed % SHEAF_BUNDLE_MAX + 1)),
					 0);
			pushed++;
			h.credits--;
			if (sheaf_ring_wants_doorbell(&host.request)) {
				h.doorbells++;
				sem_post(&h.consumer_bell);
			}
		}
		int n = sheaf_ring_pop_bundle(&host.completion, slots);

		if (n == 0) {
			if (sheaf_ring_may_sleep(&host.completion))
				wait_for(&h.producer_bell);
			sheaf_ring_awake(&host.completion);
			continue;
		}
		ck_assert_int_eq(n, (int)(back % SHEAF_BUNDLE_MAX) + 1);
		ck_assert_uint_eq(slots[n - 1], (uint16_t)(back + (unsigned)n - 1));
		back++;
		h.credits++;
	}
	pthread_join(thread, NULL);
	ck_assert_uint_eq(h.seen, HAMMER_ENTRIES);
	ck_assert_uint_eq(h.wrong, 0);
	/* At most one a sleep, and one more for an announcement that found an entry after all. */
	ck_assert_uint_le(h.doorbells, pushed);
	printf("# %u bundles each way, %llu sleeps, %llu doorbells\n", HAMMER_ENTRIES,
	       (unsigned long long)h.sleeps, (unsigned long long)h.doorbells);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lane");
	TCase *tc = tcase_create("lane");
	TCase *hammer = tcase_create("hammer");

	tcase_add_checked_fixture(tc, open_lane, close_lane);
	tcase_add_test(tc, bundles_come_out_in_the_order_they_went_in);
	tcase_add_test(tc, bundle_holds_1_to_32_slots);
	tcase_add_loop_test_raise_signal(tc, pushing_0_or_33_is_our_own_mistake, SIGABRT, 0, 2);
	tcase_add_test(tc, popped_count_out_of_range_is_dropped_and_the_next_entry_comes);
	tcase_add_test(tc, full_ring_refuses_and_takes_again_after_one_pop);
	tcase_add_test(tc, indices_wrap_at_2_to_the_32);
	tcase_add_test(tc, tail_that_cannot_be_takes_nothing);
	tcase_add_test(tc, head_that_cannot_be_counts_as_full);
	tcase_add_test(tc, own_index_is_never_read_back);
	tcase_add_test(tc, task_and_response_go_by_value_with_their_action);
	tcase_add_test(tc, lanes_do_not_touch_each_other);
	tcase_add_test(tc, doorbell_is_wanted_once_a_sleep_and_only_then);
	tcase_add_test(tc, who_announces_sleep_is_told_of_an_entry);
	tcase_add_checked_fixture(hammer, open_lane, close_lane);
	tcase_set_timeout(hammer, 60);
	tcase_add_test(hammer, two_threads_lose_nothing_and_never_sleep_over_an_entry);
	suite_add_tcase(suite, tc);
	suite_add_tcase(suite, hammer);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
