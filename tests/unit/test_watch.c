/* SPDX-License-Identifier: MIT */
/* test_watch.c - a loop that stands still is noticed, in time that the watch itself has seen pass */
#include "cli/watch.h"

#include <check.h>

#include <stdlib.h>
#include <string.h>

#include "host/queue.h"

#define TIMEOUT_MS 4000u
#define GRACE_MS   1000u
#define NAP_NS	   (SHEAF_WATCH_NAP_MS * 1000000ull)
#define NAPS	   7 /* of timeout + 3 graces */

static struct sheaf_host host;
static struct sheaf_queue queues[2];
static struct sheaf_queue *both[2] = { &queues[0], &queues[1] };
static struct sheaf_watch watch;
static uint64_t now_ns;

static void set_up(void)
{
	memset(&watch, 0, sizeof(watch));
	memset(queues, 0, sizeof(queues));
	host.options.queues = 2;
	host.options.timeout_ms = TIMEOUT_MS;
	host.options.grace_ms = GRACE_MS;
	host.queues = both;
	atomic_store(&host.watched, true); /* as the loop's arm_tick() left it */
	watch.host = &host;
	now_ns = 1000 * NAP_NS;
}

static int nap(void)
{
	now_ns += NAP_NS;
	return sheaf_watch_look(&watch, now_ns);
}

START_TEST(tick_that_nobody_takes_is_found_after_all_steps)
{
	atomic_store(&queues[1].tick_due_ns, now_ns);
	ck_assert_int_eq(sheaf_watch_look(&watch, now_ns), -1);
	for (unsigned i = 0; i + 1 < NAPS; i++)
		ck_assert_int_eq(nap(), -1);
	ck_assert_int_eq(nap(), 1);
	ck_assert(watch.on);
}
END_TEST

START_TEST(loop_that_takes_its_ticks_is_well)
{
	sheaf_watch_look(&watch, now_ns);
	for (unsigned i = 0; i < 10 * NAPS; i++) {
		atomic_store(&queues[0].tick_due_ns,
			     now_ns - 1); /* late, but another one each time */
		ck_assert_int_eq(nap(), -1);
	}
}
END_TEST

START_TEST(process_that_was_stopped_was_not_late)
{
	atomic_store(&queues[0].tick_due_ns, now_ns);
	sheaf_watch_look(&watch, now_ns);
	nap();
	now_ns += 1000 * NAP_NS;
	ck_assert_int_eq(sheaf_watch_look(&watch, now_ns), -1);
	atomic_store(&queues[0].tick_due_ns, now_ns + NAP_NS / 2);
	ck_assert_int_eq(nap(), -1);
	ck_assert_uint_eq(watch.still_ns[0], 0);
}
END_TEST

START_TEST(watch_ends_when_nothing_is_in_flight)
{
	atomic_store(&queues[0].tick_due_ns, now_ns + NAP_NS);
	sheaf_watch_look(&watch, now_ns);
	ck_assert(watch.on);
	ck_assert(atomic_load(&host.watched));
	atomic_store(&queues[0].tick_due_ns, 0);
	nap();
	ck_assert(!watch.on);
	ck_assert(!atomic_load(&host.watched)); /* the next that gets work calls again */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("watch");
	TCase *tc = tcase_create("watch");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, tick_that_nobody_takes_is_found_after_all_steps);
	tcase_add_test(tc, loop_that_takes_its_ticks_is_well);
	tcase_add_test(tc, process_that_was_stopped_was_not_late);
	tcase_add_test(tc, watch_ends_when_nothing_is_in_flight);
	suite_add_tcase(suite, tc);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
