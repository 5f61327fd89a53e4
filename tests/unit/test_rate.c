/* SPDX-License-Identifier: MIT */
/* test_rate.c - messages are limited, and what was left out is told once */
#include "base/rate.h"

#include <check.h>

#include <stdlib.h>

#define LENGTH 1000u
#define LIMIT  3u

static uint64_t left_out;

static bool allows(struct sheaf_rate *rate, uint64_t now_ns)
{
	return sheaf_rate_allows(rate, now_ns, LENGTH, LIMIT, &left_out);
}

START_TEST(so_many_within_a_window_and_the_rest_is_counted)
{
	struct sheaf_rate rate = { 0 };

	for (unsigned i = 0; i < LIMIT; i++) {
		ck_assert(allows(&rate, 5000 + i));
		ck_assert_uint_eq(left_out, 0);
	}
	for (unsigned i = 0; i < 7; i++)
		ck_assert(!allows(&rate, 5000 + LENGTH - 1));
	ck_assert(allows(&rate, 5000 + LENGTH));
	ck_assert_uint_eq(left_out, 7);
	ck_assert(allows(&rate, 5000 + LENGTH));
	ck_assert_uint_eq(left_out, 0);
}
END_TEST

START_TEST(rest_is_told_once_and_after_its_window)
{
	struct sheaf_rate rate = { 0 };

	for (unsigned i = 0; i < LIMIT + 2; i++)
		allows(&rate, 5000);
	ck_assert_uint_eq(sheaf_rate_rest(&rate, 5000 + LENGTH - 1, LENGTH), 0);
	ck_assert_uint_eq(sheaf_rate_rest(&rate, 5000 + LENGTH, LENGTH), 2);
	ck_assert_uint_eq(sheaf_rate_rest(&rate, 5000 + LENGTH, LENGTH), 0);
}
END_TEST

START_TEST(clock_that_went_back_begins_a_window)
{
	struct sheaf_rate rate = { 0 };

	for (unsigned i = 0; i < LIMIT; i++)
		ck_assert(allows(&rate, 5000));
	ck_assert(allows(&rate, 4000));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rate");
	TCase *tc = tcase_create("rate");

	tcase_add_test(tc, so_many_within_a_window_and_the_rest_is_counted);
	tcase_add_test(tc, rest_is_told_once_and_after_its_window);
	tcase_add_test(tc, clock_that_went_back_begins_a_window);
	suite_add_tcase(suite, tc);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
