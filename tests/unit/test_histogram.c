/* SPDX-License-Identifier: MIT */
/* test_histogram.c - buckets without gaps, the error that is promised, and what snapshots of histograms add up to. */
#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/histogram.h"

/* Half a bucket by the least value in it. */
#define ERROR_BOUND (1.0 / 32)

static struct sheaf_histogram histogram;
static struct sheaf_histogram_snapshot snapshot, other;

static void begin(void)
{
	memset(&histogram, 0, sizeof(histogram));
	memset(&snapshot, 0, sizeof(snapshot));
	memset(&other, 0, sizeof(other));
}

static uint64_t random_state = UINT64_C(0x9e3779b97f4a7c15);

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void check_near(uint64_t have, uint64_t wanted, const char *what)
{
	uint64_t apart = have > wanted ? have - wanted : wanted - have;

	ck_assert_msg((double)apart <= (double)wanted * ERROR_BOUND,
		      "%s: %" PRIu64 ", %" PRIu64 " wanted", what, have, wanted);
}

START_TEST(buckets_lie_side_by_side)
{
	ck_assert_uint_eq(sheaf_histogram_lower(0), 0);
	for (unsigned i = 0; i < SHEAF_HISTOGRAM_BUCKETS; i++) {
		ck_assert_uint_eq(sheaf_histogram_index(sheaf_histogram_lower(i)), i);
		ck_assert_uint_eq(sheaf_histogram_index(sheaf_histogram_upper(i)), i);
		if (i)
			ck_assert_uint_eq(sheaf_histogram_lower(i),
					  sheaf_histogram_upper(i - 1) + 1);
	}
	ck_assert_uint_eq(sheaf_histogram_upper(SHEAF_HISTOGRAM_BUCKETS - 1),
			  SHEAF_HISTOGRAM_LIMIT - 1);
}
END_TEST

START_TEST(bucket_is_no_wider_than_a_16th)
{
	for (unsigned i = 0; i < SHEAF_HISTOGRAM_BUCKETS; i++) {
		uint64_t lower = sheaf_histogram_lower(i);
		uint64_t width = sheaf_histogram_upper(i) - lower + 1;

		ck_assert_msg(width == 1 || width * 16 <= lower, "bucket %u", i);
	}
}
END_TEST

START_TEST(value_beyond_the_limit_is_in_the_last_bucket_and_max_tells_it)
{
	sheaf_histogram_record(&histogram, SHEAF_HISTOGRAM_LIMIT);
	sheaf_histogram_record(&histogram, UINT64_MAX / 4);
	sheaf_histogram_add(&snapshot, &histogram);
	ck_assert_uint_eq(snapshot.count, 2);
	ck_assert_uint_eq(snapshot.buckets[SHEAF_HISTOGRAM_BUCKETS - 1], 2);
	ck_assert_uint_eq(snapshot.max, UINT64_MAX / 4);
	ck_assert_uint_eq(sheaf_histogram_percentile(&snapshot, 0.5), UINT64_MAX / 4);
}
END_TEST

/* Of values that are spread over all magnitudes, and of such that lie close together. */
START_TEST(percentile_is_within_its_error)
{
	enum { COUNT = 20000 };
	static const double parts[] = { 0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1 };
	uint64_t *values = malloc(COUNT * sizeof(*values));
	double sum = 0;

	ck_assert_ptr_nonnull(values);
	for (int i = 0; i < COUNT; i++) {
		values[i] = _i ? 100000 + next_random() % 5000
			       : next_random() >> (24 + next_random() % 40);
		sheaf_histogram_record(&histogram, values[i]);
		sum += (double)values[i];
	}
	qsort(values, COUNT, sizeof(*values), compare);
	sheaf_histogram_add(&snapshot, &histogram);
	ck_assert_uint_eq(snapshot.count, COUNT);
	ck_assert_uint_eq(snapshot.max, values[COUNT - 1]);
	ck_assert_double_eq_tol(sheaf_histogram_mean(&snapshot), sum / COUNT, sum / COUNT / 1e6);
	for (size_t p = 0; p < sizeof(parts) / sizeof(parts[0]); p++) {
		double rank = parts[p] * COUNT;
		size_t at = (size_t)rank;

		if ((double)at < rank)
			at++;
		check_near(sheaf_histogram_percentile(&snapshot, parts[p]), values[at ? at - 1 : 0],
			   "percentile");
	}
	free(values);
}
END_TEST

START_TEST(percentile_of_one_value_is_no_more_than_it)
{
	sheaf_histogram_record(&histogram, 1024); /* the least of its bucket */
	sheaf_histogram_add(&snapshot, &histogram);
	ck_assert_uint_eq(sheaf_histogram_percentile(&snapshot, 0), 1024);
	ck_assert_uint_eq(sheaf_histogram_percentile(&snapshot, 0.5), 1024);
	ck_assert_uint_eq(sheaf_histogram_percentile(&snapshot, 1), 1024);
}
END_TEST

START_TEST(empty_has_nothing)
{
	sheaf_histogram_add(&snapshot, &histogram);
	ck_assert_uint_eq(snapshot.count, 0);
	ck_assert_uint_eq(sheaf_histogram_percentile(&snapshot, 0.99), 0);
	ck_assert_double_eq(sheaf_histogram_mean(&snapshot), 0);
}
END_TEST

START_TEST(merged_is_as_if_recorded_in_one)
{
	static struct sheaf_histogram second, both;
	static struct sheaf_histogram_snapshot whole;

	memset(&second, 0, sizeof(second));
	memset(&both, 0, sizeof(both));
	memset(&whole, 0, sizeof(whole));
	for (int i = 0; i < 1000; i++) {
		uint64_t value = next_random() >> (next_random() % 64);

		sheaf_histogram_record(i % 3 ? &histogram : &second, value);
		sheaf_histogram_record(&both, value);
	}
	sheaf_histogram_add(&snapshot, &histogram);
	sheaf_histogram_add(&other, &second);
	sheaf_histogram_merge(&snapshot, &other);
	sheaf_histogram_add(&whole, &both);
	ck_assert_mem_eq(&snapshot, &whole, sizeof(whole));
	/* Adding a second histogram to a snapshot is the same as merging its snapshot. */
	memset(&other, 0, sizeof(other));
	sheaf_histogram_add(&other, &histogram);
	sheaf_histogram_add(&other, &second);
	ck_assert_mem_eq(&other, &whole, sizeof(whole));
}
END_TEST

START_TEST(difference_is_what_came_in_between)
{
	static struct sheaf_histogram_snapshot later;

	memset(&later, 0, sizeof(later));
	sheaf_histogram_record(&histogram, 5000000); /* slow, and long ago */
	sheaf_histogram_record(&histogram, 300);
	sheaf_histogram_add(&snapshot, &histogram);
	for (int i = 0; i < 10; i++)
		sheaf_histogram_record(&histogram, 300);
	sheaf_histogram_record(&histogram, 7000);
	sheaf_histogram_add(&later, &histogram);
	sheaf_histogram_subtract(&later, &snapshot);
	ck_assert_uint_eq(later.count, 11);
	ck_assert_uint_eq(later.sum, 10 * 300 + 7000);
	ck_assert_uint_eq(later.buckets[sheaf_histogram_index(300)], 10);
	ck_assert_uint_eq(later.buckets[sheaf_histogram_index(5000000)], 0);
	/* The slow one is not of this interval. */
	ck_assert_uint_eq(later.max, sheaf_histogram_upper(sheaf_histogram_index(7000)));
}
END_TEST

START_TEST(difference_to_another_server_is_what_the_new_one_has)
{
	static struct sheaf_histogram anew;

	memset(&anew, 0, sizeof(anew));
	for (int i = 0; i < 100; i++)
		sheaf_histogram_record(&histogram, 300);
	sheaf_histogram_record(&anew, 300);
	sheaf_histogram_record(&anew, 400);
	sheaf_histogram_add(&snapshot, &histogram);
	sheaf_histogram_add(&other, &anew);
	sheaf_histogram_subtract(&other, &snapshot);
	ck_assert_uint_eq(other.count, 2);
	ck_assert_uint_eq(other.sum, 700);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("histogram");
	TCase *buckets = tcase_create("buckets"), *sums = tcase_create("sums");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(buckets, begin, NULL);
	tcase_add_checked_fixture(sums, begin, NULL);
	tcase_add_test(buckets, buckets_lie_side_by_side);
	tcase_add_test(buckets, bucket_is_no_wider_than_a_16th);
	tcase_add_test(buckets, value_beyond_the_limit_is_in_the_last_bucket_and_max_tells_it);
	tcase_add_loop_test(sums, percentile_is_within_its_error, 0, 2);
	tcase_add_test(sums, percentile_of_one_value_is_no_more_than_it);
	tcase_add_test(sums, empty_has_nothing);
	tcase_add_test(sums, merged_is_as_if_recorded_in_one);
	tcase_add_test(sums, difference_is_what_came_in_between);
	tcase_add_test(sums, difference_to_another_server_is_what_the_new_one_has);
	suite_add_tcase(suite, buckets);
	suite_add_tcase(suite, sums);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
