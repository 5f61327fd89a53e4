/* SPDX-License-Identifier: MIT */
/* test_top_model.c - what sheaf top makes of two readings of stats.json, and how it says it. */
#include <check.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/top_model.h"
#include "cli/top_text.h"

/* stats.json of a pool of one queue and one worker. */
static const char form[] =
	"{\"version\":\"9\",\"pid\":%d,\"clock_ns\":%lld,\"transport\":\"dev\",\"io\":\"sync\","
	"\"deployment\":\"pool\",\"mode\":\"bundled\",\"driver\":{\"name\":\"disk\"},\"slots\":64,"
	"\"uptime_seconds\":7,\"doorbells\":%d,\"io_uring_enters\":%d,"
	"\"tasks\":{\"ended\":%d,\"errors\":%d,\"in_flight\":3},"
	"\"request_bundles\":{\"count\":%d,\"tasks\":%d,\"by_size\":[0,%d,%d]},"
	"\"violations\":{\"index\":%d,\"ring\":1},"
	"\"escalation\":{\"aborts\":%d,\"lu_resets\":%d,\"driver_restarts\":0,\"failed\":1},"
	"\"latency\":{\"read\":{\"count\":%d,\"errors\":%d,\"bytes\":%d,\"total_ns\":%d,\"max_ns\":"
	"9000000,"
	"\"buckets\":[[1023,%d],[8388607,4]]},\"unmap\":{\"count\":0,\"buckets\":[]}},"
	"\"queues\":[{\"index\":0,\"slots\":64,\"tasks\":{\"ended\":%d,\"in_flight\":3},"
	"\"latency\":{\"count\":%d,\"buckets\":[[1023,%d]]},"
	"\"lanes\":[{\"worker\":0,\"bundles\":%d,\"tasks\":%d,\"in_flight\":2}]}],"
	"\"lus\":[{\"lun\":0,\"image\":\"/some/where/disk.img\",\"reads\":%d,\"read_bytes\":%d}]}";

/* After @n units of work of @pid, at @clock_ns. A unit: 10 reads in 5 bundles of two, 4 of them bad. */
static struct sheaf_top *reading(int pid, long long clock_ns, int n)
{
	struct sheaf_top *top = NULL;
	char text[4096];

	snprintf(text, sizeof(text), form, pid, clock_ns, 5 * n, 2 * n, 10 * n, 4 * n, 5 * n,
		 10 * n, 0, 5 * n, n, 4 * n, 2 * n, 10 * n + 4, 4 * n, 40960 * n, 10000 * n, 10 * n, 10 * n,
		 10 * n, 10 * n, 5 * n, 10 * n, 10 * n, 40960 * n);
	ck_assert_int_eq(sheaf_top_parse(text, &top), 0);
	return top;
}

static struct sheaf_top *between(int n_before, int n_after, long long ns)
{
	struct sheaf_top *earlier = reading(5, 1000, n_before);
	struct sheaf_top *later = reading(5, 1000 + ns, n_after), *difference;

	ck_assert_int_eq(sheaf_top_between(earlier, later, &difference), 0);
	sheaf_top_free(earlier);
	sheaf_top_free(later);
	return difference;
}

START_TEST(difference_is_what_came_in_between)
{
	struct sheaf_top *d = between(100, 103, 2000000000);

	ck_assert_uint_eq(d->clock_ns, 2000000000);
	ck_assert_uint_eq(d->tasks.ended, 30);
	ck_assert_uint_eq(d->tasks.errors, 12);
	ck_assert_double_eq_tol(sheaf_top_rate(d, d->tasks.ended), 15, 1e-9);
	ck_assert_uint_eq(d->requests.count, 15);
	ck_assert_uint_eq(d->requests.by_size[2], 15);
	ck_assert_double_eq_tol(sheaf_top_mean(&d->requests), 2, 1e-9);
	ck_assert_uint_eq(d->violations, 3);
	ck_assert_uint_eq(d->lanes[0].tasks, 30);
	ck_assert_uint_eq(d->lus[0].read_bytes, 3 * 40960);
	ck_assert_uint_eq(d->queues[0].tasks.ended, 30);
	sheaf_top_free(d);
}
END_TEST

START_TEST(states_are_those_of_the_later_reading)
{
	struct sheaf_top *d = between(1, 2, 1000);

	ck_assert_uint_eq(d->tasks.in_flight, 3);
	ck_assert_uint_eq(d->lanes[0].in_flight, 2);
	ck_assert_uint_eq(d->slots, 64);
	ck_assert_uint_eq(d->commands[0].total, 24);
	ck_assert_str_eq(d->lus[0].image, "/some/where/disk.img");
	sheaf_top_free(d);
}
END_TEST

/* The four slow ones were there before. */
START_TEST(latencies_are_those_of_the_interval)
{
	struct sheaf_top *d = between(1, 3, 1000000);
	const struct sheaf_histogram_snapshot *latency = &d->commands[0].latency;

	ck_assert_str_eq(d->commands[0].name, "read");
	ck_assert_uint_eq(latency->count, 20);
	ck_assert_uint_le(sheaf_histogram_percentile(latency, 1), 1023);
	ck_assert_uint_ge(sheaf_histogram_percentile(latency, 0), 991);
	ck_assert_uint_eq(latency->max, 1023);
	/* 20 us of tasks in 1 ms. */
	ck_assert_double_eq_tol(sheaf_top_depth(d, latency), 0.02, 1e-9);
	sheaf_top_free(d);
}
END_TEST

START_TEST(readings_of_two_servers_make_no_difference)
{
	struct sheaf_top *first = reading(5, 1000, 10), *other = reading(6, 2000, 20);
	struct sheaf_top *same_time = reading(5, 1000, 20), *fewer = reading(5, 2000, 9);
	struct sheaf_top *difference = NULL;

	ck_assert_int_eq(sheaf_top_between(first, other, &difference), -ESTALE);
	ck_assert_int_eq(sheaf_top_between(first, same_time, &difference), -ESTALE);
	ck_assert_int_eq(sheaf_top_between(first, fewer, &difference), -ESTALE);
	ck_assert_ptr_null(difference);
	sheaf_top_free(first);
	sheaf_top_free(other);
	sheaf_top_free(same_time);
	sheaf_top_free(fewer);
}
END_TEST

START_TEST(text_that_is_no_object_is_refused)
{
	struct sheaf_top *top = NULL;

	ck_assert_int_eq(sheaf_top_parse("", &top), -EINVAL);
	ck_assert_int_eq(sheaf_top_parse("[1]", &top), -EINVAL);
	ck_assert_int_eq(sheaf_top_parse("{\"pid\":1", &top), -EINVAL);
	ck_assert_ptr_null(top);
}
END_TEST

/* An older server's, or nonsense: zeros, not a crash. */
START_TEST(what_is_missing_or_of_another_type_is_zero)
{
	static const char *const texts[] = {
		"{}",
		"{\"tasks\":7,\"latency\":[1],\"queues\":{},\"lus\":\"x\",\"violations\":null}",
		"{\"tasks\":{\"ended\":-3},\"queues\":[1,{\"lanes\":[[]]}],\"lus\":[null]}",
		"{\"latency\":{\"read\":{\"buckets\":[1,[],[-1,2],[5,-2],[\"a\",1]]}}}",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct sheaf_top *top = NULL;

		ck_assert_msg(sheaf_top_parse(texts[i], &top) == 0, "%s", texts[i]);
		ck_assert_uint_eq(top->tasks.ended, 0);
		sheaf_top_free(top);
	}
}
END_TEST

static const struct {
	uint64_t ns;
	const char *text;
} durations[] = {
	{ 0, "0ns" },
	{ 999, "999ns" },
	{ 1000, "1.00us" },
	{ 9994, "9.99us" },
	{ 9996, "10.0us" },
	{ 99940, "99.9us" },
	{ 99960, "100us" },
	{ 999400, "999us" },
	{ 999600, "1.00ms" },
	{ 30000000000, "30.0s" },
	{ 999499999, "999ms" },
	{ 999600000, "1.00s" },
	{ 7200000000000, "7200s" },
};

START_TEST(duration_fits_its_column)
{
	char out[16];

	ck_assert_str_eq(sheaf_top_duration(durations[_i].ns, out), durations[_i].text);
	ck_assert_uint_le(strlen(out), 7);
}
END_TEST

static char *printed(const struct sheaf_top *top, unsigned width, bool marks)
{
	const struct sheaf_top_page page = {
		.dir = "/mnt",
		.when = "12:00:00",
		.width = width,
		.marks = marks,
	};
	size_t length;
	char *text;
	FILE *out = open_memstream(&text, &length);

	sheaf_top_print(out, &page, top);
	fclose(out);
	return text;
}

START_TEST(page_has_what_came_and_fits_its_width)
{
	struct sheaf_top *d = between(100, 103, 2000000000);
	char *text = printed(d, 80, false), *at = text, *line;

	ck_assert_ptr_nonnull(strstr(text, "15 tasks/s"));
	ck_assert_ptr_nonnull(strstr(text, "errors 12"));
	ck_assert_ptr_nonnull(strstr(text, "violations 3"));
	ck_assert_ptr_nonnull(strstr(text, "aborts 12, LU resets 6, driver restarts 0, failed 0"));
	ck_assert_ptr_nonnull(strstr(text, "\nread "));
	ck_assert_ptr_null(strstr(text, "\nunmap ")); /* never came */
	ck_assert_ptr_nonnull(strstr(text, "\n0 > 0 "));
	while ((line = strsep(&at, "\n")))
		ck_assert_msg(strlen(line) <= 80, "%s", line);
	free(text);
	sheaf_top_free(d);
}
END_TEST

START_TEST(trouble_is_marked_and_nothing_else)
{
	struct sheaf_top *d = between(100, 103, 2000000000);
	char *text = printed(d, 80, true);

	ck_assert_ptr_nonnull(strchr(text, SHEAF_TOP_MARK_TROUBLE));
	free(text);
	memset(&d->tasks, 0, sizeof(d->tasks));
	d->violations = 0;
	memset(&d->escalation, 0, sizeof(d->escalation));
	text = printed(d, 80, true);
	ck_assert_ptr_null(strchr(text, SHEAF_TOP_MARK_TROUBLE));
	free(text);
	sheaf_top_free(d);
}
END_TEST

START_TEST(json_is_one_line_of_the_same_numbers)
{
	const struct sheaf_top_page page = { .dir = "/mnt", .when = "then", .width = 80 };
	struct sheaf_top *d = between(100, 103, 2000000000);
	char *line = sheaf_top_json(&page, d);
	json_t *o = json_loads(line, 0, NULL);

	ck_assert_ptr_null(strchr(line, '\n'));
	ck_assert_ptr_nonnull(o);
	ck_assert_double_eq_tol(
		json_number_value(json_object_get(json_object_get(o, "tasks"), "per_second")), 15,
		1e-6);
	ck_assert_double_eq_tol(json_number_value(json_object_get(o, "seconds")), 2, 1e-6);
	json_decref(o);
	free(line);
	sheaf_top_free(d);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("top_model");
	TCase *model = tcase_create("model"), *text = tcase_create("text");
	SRunner *runner;
	int failed;

	tcase_add_test(model, difference_is_what_came_in_between);
	tcase_add_test(model, states_are_those_of_the_later_reading);
	tcase_add_test(model, latencies_are_those_of_the_interval);
	tcase_add_test(model, readings_of_two_servers_make_no_difference);
	tcase_add_test(model, text_that_is_no_object_is_refused);
	tcase_add_test(model, what_is_missing_or_of_another_type_is_zero);
	tcase_add_loop_test(text, duration_fits_its_column, 0,
			    (int)(sizeof(durations) / sizeof(durations[0])));
	tcase_add_test(text, page_has_what_came_and_fits_its_width);
	tcase_add_test(text, trouble_is_marked_and_nothing_else);
	tcase_add_test(text, json_is_one_line_of_the_same_numbers);
	suite_add_tcase(suite, model);
	suite_add_tcase(suite, text);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
