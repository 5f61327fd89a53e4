/* SPDX-License-Identifier: MIT */
/* test_bench.c - sheaf bench without a measurement: its statistics, its plan, and that what it writes is well-formed. */
#include <check.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "bench/cost.h"
#include "bench/plot.h"
#include "bench/report.h"

/* Statistics */

START_TEST(median_is_the_middle_or_between_the_two)
{
	const double odd[] = { 3, 1, 2 }, even[] = { 4, 1, 3, 2 }, one[] = { 7 };
	struct sheaf_bench_spread s = sheaf_bench_spread_of(odd, 3);

	ck_assert(s.median == 2 && s.min == 1 && s.max == 3);
	s = sheaf_bench_spread_of(even, 4);
	ck_assert(s.median == 2.5 && s.min == 1 && s.max == 4);
	s = sheaf_bench_spread_of(one, 1);
	ck_assert(s.median == 7 && s.min == 7 && s.max == 7);
}
END_TEST

START_TEST(a_difference_counts_when_ranges_are_apart)
{
	const double low[] = { 10, 11, 12, 13 }, high[] = { 14, 15, 16, 17 };
	const double across[] = { 12, 15, 16, 17 };
	struct sheaf_bench_spread a = sheaf_bench_spread_of(low, 4);
	struct sheaf_bench_spread b = sheaf_bench_spread_of(high, 4);
	struct sheaf_bench_spread c = sheaf_bench_spread_of(across, 4);
	struct sheaf_bench_difference d = sheaf_bench_compare(&a, &b);

	ck_assert(d.clear);
	ck_assert(fabs(d.change - (15.5 / 11.5 - 1)) < 1e-9);
	ck_assert(sheaf_bench_compare(&b, &a).clear);
	ck_assert(!sheaf_bench_compare(&a, &c).clear);
	ck_assert(!sheaf_bench_compare(&a, &a).clear);
	/* Three rounds are too few. */
	a = sheaf_bench_spread_of(low, 3);
	ck_assert(!sheaf_bench_compare(&a, &b).clear);
}
END_TEST

START_TEST(differences_of_counters)
{
	struct sheaf_bench_counters before = { .tasks = 5, .requests = { .count = 2, .tasks = 5 } };
	struct sheaf_bench_counters after = { .tasks = 50,
					      .requests = { .count = 4, .tasks = 50 } };

	before.requests.by_size[1] = 1;
	after.requests.by_size[1] = 3;
	sheaf_bench_counters_subtract(&after, &before);
	ck_assert_uint_eq(after.tasks, 45);
	ck_assert_uint_eq(after.requests.count, 2);
	ck_assert_uint_eq(after.requests.by_size[1], 2);
}
END_TEST

START_TEST(our_own_cost_grows)
{
	struct sheaf_bench_cost before, after;

	ck_assert_int_eq(sheaf_bench_cost_read(getpid(), &before), 0);
	clock_t until = clock() + CLOCKS_PER_SEC / 50;

	while (clock() < until)
		;
	ck_assert_int_eq(sheaf_bench_cost_read(getpid(), &after), 0);
	sheaf_bench_cost_subtract(&after, &before);
	ck_assert_uint_ge(after.cpu_ns, 10000000);
	ck_assert_int_lt(sheaf_bench_cost_read(0x7ffffff0, &after), 0);
}
END_TEST

/* The plan */

static struct sheaf_bench_plan plan;

/* The engine without FUSE has no driver in a process of its own. */
#define CONFIGS (SHEAF_BENCH_CONFIGS_MAX - SHEAF_BENCH_LIMITS)

START_TEST(standard_plans_cover_what_they_should)
{
	for (int full = 0; full < 2; full++) {
		const struct sheaf_bench_wishes wishes = { .full = full, .may_write = true };

		ck_assert_int_eq(sheaf_bench_plan_make(&wishes, &plan), 0);
		ck_assert_uint_eq(plan.config_count, CONFIGS);
		/* Depth 32 and depth 1 with every limit. */
		for (unsigned depth = 1; depth <= 32; depth += 31) {
			int i = sheaf_bench_plan_find(&plan, SHEAF_BENCH_READ, 4096, depth);

			ck_assert_int_ge(i, 0);
			ck_assert_uint_eq(plan.points[i].limits, (1u << SHEAF_BENCH_LIMITS) - 1);
		}
		ck_assert_int_ge(sheaf_bench_plan_find(&plan, SHEAF_BENCH_WRITE, 4096, 32), 0);
		ck_assert(!plan.left_out_writes);
	}
	ck_assert_int_ge(sheaf_bench_plan_find(&plan, SHEAF_BENCH_READ, 512, 32), 0);
	ck_assert_int_ge(sheaf_bench_plan_find(&plan, SHEAF_BENCH_READ, 1 << 20, 32), 0);
	ck_assert_int_ge(sheaf_bench_plan_find(&plan, SHEAF_BENCH_MIXED, 4096, 32), 0);
	for (unsigned depth = 1; depth <= 128; depth *= 2)
		ck_assert_int_ge(sheaf_bench_plan_find(&plan, SHEAF_BENCH_READ, 4096, depth), 0);
}
END_TEST

START_TEST(an_image_of_the_users_is_not_written)
{
	const struct sheaf_bench_wishes wishes = { .full = true };
	struct sheaf_bench_wishes writes = { .works = "write" };

	ck_assert_int_eq(sheaf_bench_plan_make(&wishes, &plan), 0);
	ck_assert(plan.left_out_writes);
	for (unsigned i = 0; i < plan.point_count; i++)
		ck_assert_int_eq(plan.points[i].work, SHEAF_BENCH_READ);
	ck_assert_int_lt(sheaf_bench_plan_make(&writes, &plan), 0);
	writes.may_write = true;
	ck_assert_int_eq(sheaf_bench_plan_make(&writes, &plan), 0);
}
END_TEST

START_TEST(lists_make_all_combinations)
{
	struct sheaf_bench_wishes wishes = { .may_write = true,
					     .paths = "engine",
					     .deployments = "pool",
					     .limits = "single,auto",
					     .works = "read,mixed",
					     .sizes = "512,4K,1M",
					     .depths = "1,128" };

	ck_assert_int_eq(sheaf_bench_plan_make(&wishes, &plan), 0);
	ck_assert_uint_eq(plan.config_count, 2);
	ck_assert_uint_eq(plan.point_count, 12);
	ck_assert_uint_eq(sheaf_bench_plan_cells(&plan), 24);
	ck_assert_int_ge(sheaf_bench_plan_find(&plan, SHEAF_BENCH_MIXED, 1 << 20, 128), 0);
}
END_TEST

static const struct sheaf_bench_wishes refused[] = {
	{ .paths = "engin" }, { .paths = "" },
	{ .limits = "3" },    { .limits = "single,64" },
	{ .works = "trim" },  { .sizes = "513" },
	{ .sizes = "2M" },    { .sizes = "0" },
	{ .depths = "0" },    { .depths = "129" },
	{ .depths = "one" },  { .deployments = "threads" },
	{ .sizes = "4K," },   { .depths = "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17" },
};

START_TEST(wrong_lists_are_refused)
{
	ck_assert_int_lt(sheaf_bench_plan_make(&refused[_i], &plan), 0);
}
END_TEST

START_TEST(a_path_can_be_taken_out)
{
	const struct sheaf_bench_wishes wishes = { .full = true };

	ck_assert_int_eq(sheaf_bench_plan_make(&wishes, &plan), 0);
	sheaf_bench_plan_drop_path(&plan, SHEAF_BENCH_URING);
	ck_assert_uint_eq(plan.config_count, CONFIGS - SHEAF_BENCH_DEPLOYMENTS * SHEAF_BENCH_LIMITS);
	for (unsigned i = 0; i < plan.config_count; i++)
		ck_assert_int_ne(plan.configs[i].path, SHEAF_BENCH_URING);
}
END_TEST

START_TEST(each_round_has_all_configs_in_another_order)
{
	const struct sheaf_bench_wishes wishes = { 0 };
	unsigned orders[2][SHEAF_BENCH_CONFIGS_MAX];

	ck_assert_int_eq(sheaf_bench_plan_make(&wishes, &plan), 0);
	for (unsigned round = 0; round < 2; round++) {
		bool seen[SHEAF_BENCH_CONFIGS_MAX] = { false };

		sheaf_bench_plan_shuffle(&plan, round, orders[round]);
		for (unsigned i = 0; i < plan.config_count; i++) {
			ck_assert(!seen[orders[round][i]]);
			seen[orders[round][i]] = true;
		}
	}
	ck_assert(memcmp(orders[0], orders[1], sizeof(orders[0])) != 0);
}
END_TEST

START_TEST(a_limit_is_what_its_name_says)
{
	for (unsigned i = SHEAF_BENCH_LIMIT_1; i < SHEAF_BENCH_AUTO; i++)
		ck_assert_uint_eq(sheaf_bench_bundle_max(i),
				  (unsigned)atoi(sheaf_bench_limit_names[i]));
}
END_TEST

/* Reports */

static struct sheaf_bench_results results;
static struct sheaf_bench_report report;

/* Of four rounds; auto has @gain of the IOPS of single-task mode. */
static void make_report(double gain)
{
	const struct sheaf_bench_wishes wishes = { .may_write = true };

	ck_assert_int_eq(sheaf_bench_plan_make(&wishes, &plan), 0);
	ck_assert_int_eq(sheaf_bench_results_init(&results, &plan), 0);
	for (unsigned i = 0; i < results.cell_count; i++)
		for (unsigned round = 0; round < 4; round++) {
			bool is_auto = results.cells[i].config.limit == SHEAF_BENCH_AUTO;
			struct sheaf_bench_sample sample = {
				.requests = 1000,
				.bytes = 4096000,
				.p50_ns = 1000,
				.p99_ns = 2000,
				.ns = (uint64_t)((1e7 + round * 1e5) / (is_auto ? gain : 1)),
				.cost = { .cpu_ns = 1000000, .user_ticks = 1, .system_ticks = 3 },
				.counters = { .tasks = 1000,
					      .calls = 100,
					      .requests = { .count = 100, .tasks = 1000 } },
			};

			sample.counters.requests.by_size[10] = 100;
			ck_assert_int_eq(sheaf_bench_results_add(&results.cells[i], &sample), 0);
		}
	sheaf_bench_results_finish(&results);
	report = (struct sheaf_bench_report){ .plan = &plan, .results = &results, .rounds = 4 };
	for (unsigned i = 0; i < SHEAF_BENCH_FACTS; i++)
		report.facts[i].name = "fact";
	strcpy(report.facts[0].value, "<&\">");
}

static void free_report(void)
{
	sheaf_bench_results_free(&results);
}

START_TEST(values_are_per_second_and_per_task)
{
	const struct sheaf_bench_spread *s;

	make_report(1);
	s = results.cells[0].spread;
	ck_assert(fabs(s[SHEAF_BENCH_IOPS].max - 100000) < 1);
	ck_assert(fabs(s[SHEAF_BENCH_MB_S].max - 409.6) < 0.1);
	ck_assert(fabs(s[SHEAF_BENCH_CPU].median - 1) < 1e-9);
	ck_assert(fabs(s[SHEAF_BENCH_CPU_SYSTEM].median - 0.75) < 1e-9);
	ck_assert(fabs(s[SHEAF_BENCH_CALLS].median - 0.1) < 1e-9);
	ck_assert(fabs(s[SHEAF_BENCH_REQUEST_BUNDLE].median - 10) < 1e-9);
}
END_TEST

static char said[16384];

static void say(void *arg, const char *text)
{
	(void)arg;
	strncat(said, text, sizeof(said) - strlen(said) - 2);
	strcat(said, "\n");
}

START_TEST(words_follow_the_figures)
{
	make_report(1.25);
	said[0] = '\0';
	sheaf_bench_words(&report, say, NULL);
	ck_assert_ptr_nonnull(strstr(said, "engine, no FUSE, fused: IOPS +25 %"));
	ck_assert_ptr_null(strstr(said, "nothing beyond the spread"));
	free_report();
	make_report(1.001);
	said[0] = '\0';
	sheaf_bench_words(&report, say, NULL);
	ck_assert_ptr_null(strstr(said, "IOPS +"));
	ck_assert_ptr_nonnull(strstr(said, "nothing beyond the spread"));
	free_report();
	make_report(0.5);
	said[0] = '\0';
	sheaf_bench_words(&report, say, NULL);
	ck_assert_ptr_nonnull(strstr(said, "nothing gained; at a cost: IOPS -50 %"));
}
END_TEST

/* Elements are closed in the order they were opened, and there is no bare < or &. */
static void check_well_formed(const char *text, bool html)
{
	char open[32][16];
	unsigned depth = 0;

	for (const char *p = text; *p; p++) {
		char name[16];

		if (*p == '&')
			ck_assert(strchr(p, ';') && strchr(p, ';') - p < 7);
		if (*p != '<')
			continue;
		p++;
		const char *end = strchr(p, '>');

		ck_assert_ptr_nonnull(end);
		if (*p == '!') {
			p = end;
			continue;
		}
		ck_assert_int_eq(sscanf(p + (*p == '/'), "%15[a-z0-9]", name), 1);
		if (*p == '/') {
			ck_assert_uint_gt(depth, 0);
			ck_assert_str_eq(open[--depth], name);
		} else if (end[-1] != '/' && !(html && strcmp(name, "meta") == 0)) {
			ck_assert_uint_lt(depth, 32);
			strcpy(open[depth++], name);
		}
		p = end;
	}
	ck_assert_uint_eq(depth, 0);
}

START_TEST(plots_and_page_are_well_formed)
{
	make_report(1.5);
	for (unsigned i = 0; i <= SHEAF_BENCH_FIGURES; i++) {
		char *text = NULL;
		size_t size;
		FILE *out = open_memstream(&text, &size);

		ck_assert_ptr_nonnull(out);
		if (i < SHEAF_BENCH_FIGURES)
			ck_assert(sheaf_bench_figures[i].draw(&report, out));
		else
			sheaf_bench_page(&report, out);
		fclose(out);
		check_well_formed(text, i == SHEAF_BENCH_FIGURES);
		ck_assert_ptr_null(strstr(text, "nan"));
		ck_assert_ptr_null(strstr(text, "inf"));
		if (i == SHEAF_BENCH_FIGURES) {
			ck_assert_ptr_nonnull(strstr(text, "&lt;&amp;&quot;&gt;"));
			ck_assert_ptr_null(strstr(text, "<script"));
		}
		free(text);
	}
}
END_TEST

START_TEST(the_table_fits_80_columns)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	make_report(1.5);
	strcpy(report.notes[0], "a note that is long enough that it has to be broken between its "
				"words into two lines, at least");
	sheaf_bench_table(&report, out);
	fclose(out);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		ck_assert_uint_le(strlen(line), 80);
	free(text);
}
END_TEST

START_TEST(steps_of_axes_are_round)
{
	ck_assert(sheaf_plot_step(100, 5) == 20);
	ck_assert(sheaf_plot_step(7, 5) == 2);
	ck_assert(fabs(sheaf_plot_step(0.3, 5) - 0.1) < 1e-12);
	ck_assert(sheaf_plot_step(2600000, 5) == 1000000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bench");
	TCase *statistics = tcase_create("statistics"), *plans = tcase_create("plan");
	TCase *reports = tcase_create("report");
	SRunner *runner;
	int failed;

	sheaf_log_set_level(SHEAF_LOG_ERROR);
	tcase_add_test(statistics, median_is_the_middle_or_between_the_two);
	tcase_add_test(statistics, a_difference_counts_when_ranges_are_apart);
	tcase_add_test(statistics, differences_of_counters);
	tcase_add_test(statistics, our_own_cost_grows);
	suite_add_tcase(suite, statistics);
	tcase_add_test(plans, standard_plans_cover_what_they_should);
	tcase_add_test(plans, an_image_of_the_users_is_not_written);
	tcase_add_test(plans, lists_make_all_combinations);
	tcase_add_loop_test(plans, wrong_lists_are_refused, 0,
			    (int)(sizeof(refused) / sizeof(refused[0])));
	tcase_add_test(plans, a_path_can_be_taken_out);
	tcase_add_test(plans, each_round_has_all_configs_in_another_order);
	tcase_add_test(plans, a_limit_is_what_its_name_says);
	suite_add_tcase(suite, plans);
	tcase_add_checked_fixture(reports, NULL, free_report);
	tcase_add_test(reports, values_are_per_second_and_per_task);
	tcase_add_test(reports, words_follow_the_figures);
	tcase_add_test(reports, plots_and_page_are_well_formed);
	tcase_add_test(reports, the_table_fits_80_columns);
	tcase_add_test(reports, steps_of_axes_are_round);
	suite_add_tcase(suite, reports);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
