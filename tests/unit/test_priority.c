/* SPDX-License-Identifier: MIT */
/* test_priority.c - when a thread gives way and when it does not, by made-up waits; and that its policy follows. */
#include <check.h>
#include <sched.h>
#include <stdlib.h>

#include "base/counter.h"
#include "loop/priority.h"

#define MS UINT64_C(1000000)

static struct sheaf_priority priority;
static uint64_t now, waited, waits;

static void begin(void)
{
	priority = (struct sheaf_priority){ .gives_way = true, .back_off_ns = 1000 * MS };
	now = 5000 * MS;
	waited = waits = 0;
}

/* After @ms more: @n waits of @each_ns. */
static bool look(uint64_t ms, uint64_t n, uint64_t each_ns)
{
	now += ms * MS;
	waits += n;
	waited += n * each_ns;
	priority.gives_way = sheaf_priority_judge(&priority, now, waited, waits);
	return priority.gives_way;
}

START_TEST(short_waits_change_nothing)
{
	for (int i = 0; i < 100; i++)
		ck_assert(look(1, 20, 30000));
	ck_assert(look(1, 0, 0));
}
END_TEST

/* Three looks in a row with long waits, and what the third said. */
static bool starve(void)
{
	ck_assert(look(4, 1, 3 * MS));
	ck_assert(look(4, 1, 3 * MS));
	return look(4, 1, 3 * MS);
}

START_TEST(long_waits_in_a_row_are_enough)
{
	ck_assert(look(1, 20, 30000));
	ck_assert(!starve());
}
END_TEST

START_TEST(single_long_waits_are_not)
{
	for (int i = 0; i < 100; i++) {
		ck_assert(look(4, 1, 3 * MS));
		ck_assert(look(4, 1, 3 * MS));
		ck_assert(look(1, 20, 30000));
	}
	ck_assert(look(4, 1, 3 * MS));
	ck_assert(look(1, 0, 0)); /* it did not run: says nothing */
	ck_assert(look(4, 1, 3 * MS));
	ck_assert(!look(4, 1, 3 * MS));
}
END_TEST

START_TEST(it_tries_again_ever_more_seldom)
{
	for (uint64_t seconds = 1; seconds <= 64; seconds *= 2) {
		ck_assert(!starve());
		ck_assert(!look(seconds * 1000 - 1, 10, 3 * MS));
		ck_assert(look(1, 10, 3 * MS)); /* not giving way: waits say nothing */
	}
	ck_assert(!starve());
	ck_assert(!look(63999, 0, 0)); /* no more seldom than that */
	ck_assert(look(1, 0, 0));
}
END_TEST

START_TEST(a_good_while_forgets)
{
	ck_assert(!starve());
	ck_assert(look(1000, 0, 0));
	ck_assert(!starve()); /* 2 s now */
	ck_assert(look(2000, 0, 0));
	ck_assert(look(4001, 1000, 20000)); /* longer than the next would be */
	ck_assert(!starve());
	ck_assert(look(1000, 0, 0));
}
END_TEST

START_TEST(the_policy_follows)
{
	struct sheaf_priority mine;
	struct sheaf_loop *loop;
	uint64_t calls;

	ck_assert_int_eq(sheaf_loop_create(SHEAF_IO_SYNC, 1, &loop), 0);
	ck_assert_int_eq(sheaf_loop_turn(loop, false), 0);
	calls = sheaf_count_get(&sheaf_loop_stats(loop)->other_calls);
	sheaf_priority_init(&mine);
	/* Who may not come back to SCHED_BATCH never leaves it. */
	ck_assert_int_eq(sched_getscheduler(0), mine.schedstat_fd >= 0 ? SCHED_IDLE : SCHED_BATCH);
	sheaf_priority_turn(&mine, loop);
	sheaf_priority_turn(&mine, loop); /* too soon for another look */
	calls = sheaf_count_get(&sheaf_loop_stats(loop)->other_calls) - calls;
	ck_assert_uint_eq(calls, mine.schedstat_fd >= 0);
	sheaf_priority_finish(&mine);
	ck_assert_int_eq(sched_getscheduler(0), SCHED_BATCH);
	ck_assert_int_eq(mine.schedstat_fd, -1);
	sheaf_loop_free(loop);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("priority");
	TCase *rule = tcase_create("rule");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(rule, begin, NULL);
	tcase_add_test(rule, short_waits_change_nothing);
	tcase_add_test(rule, long_waits_in_a_row_are_enough);
	tcase_add_test(rule, single_long_waits_are_not);
	tcase_add_test(rule, it_tries_again_ever_more_seldom);
	tcase_add_test(rule, a_good_while_forgets);
	tcase_add_test(rule, the_policy_follows);
	suite_add_tcase(suite, rule);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
