/* SPDX-License-Identifier: MIT */
/* test_observe.c - which command a CDB is, and when the time of a task is the turn's and when the clock's. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "host/observe.h"

static struct sheaf_observe observe;
static struct sheaf_histogram_snapshot reads;

static void begin(void)
{
	memset(&observe, 0, sizeof(observe));
}

static const struct {
	const char *name;
	uint8_t cdb[16];
	const char *command;
} rows[] = {
	{ "TEST UNIT READY", { 0x00 }, "other" },
	{ "READ(6)", { 0x08 }, "read" },
	{ "READ(10)", { 0x28 }, "read" },
	{ "READ(12)", { 0xa8 }, "read" },
	{ "READ(16)", { 0x88, 0x08 }, "read" },
	{ "WRITE(6)", { 0x0a }, "write" },
	{ "WRITE(10)", { 0x2a }, "write" },
	{ "WRITE(12)", { 0xaa }, "write" },
	{ "WRITE(16), FUA", { 0x8a, 0x08 }, "write" },
	{ "SYNCHRONIZE CACHE(10)", { 0x35 }, "flush" },
	{ "SYNCHRONIZE CACHE(16)", { 0x91 }, "flush" },
	{ "UNMAP", { 0x42 }, "unmap" },
	{ "WRITE SAME(10)", { 0x41 }, "write_same" },
	{ "WRITE SAME(16), NDOB", { 0x93, 0x01 }, "write_same" },
	{ "COMPARE AND WRITE", { 0x89 }, "compare_and_write" },
	{ "GET LBA STATUS", { 0x9e, 0x12 }, "get_lba_status" },
	{ "GET LBA STATUS, reserved bits", { 0x9e, 0xf2 }, "get_lba_status" },
	{ "READ CAPACITY(16)", { 0x9e, 0x10 }, "other" },
	{ "no such command", { 0xff }, "other" },
};

START_TEST(command_of_each_cdb)
{
	ck_assert_msg(
		strcmp(sheaf_command_names[sheaf_command_of(rows[_i].cdb)], rows[_i].command) == 0,
		"%s", rows[_i].name);
}
END_TEST

START_TEST(each_command_has_a_name)
{
	for (unsigned i = 0; i < SHEAF_COMMAND_KINDS; i++) {
		ck_assert_ptr_nonnull(sheaf_command_names[i]);
		for (unsigned j = 0; j < i; j++)
			ck_assert_str_ne(sheaf_command_names[i], sheaf_command_names[j]);
	}
}
END_TEST

static const struct sheaf_histogram_snapshot *of_reads(void)
{
	memset(&reads, 0, sizeof(reads));
	sheaf_histogram_add(&reads, &observe.commands[SHEAF_COMMAND_READ].latency);
	return &reads;
}

START_TEST(end_in_a_later_turn_is_timed_by_the_turns)
{
	uint64_t start_ns = sheaf_observe_hand_over(&observe, 1000);

	ck_assert_uint_eq(start_ns, 1000);
	sheaf_observe_bundle(&observe, 5000);
	sheaf_observe_task(&observe, SHEAF_COMMAND_READ, start_ns, 4096, true);
	sheaf_observe_task(&observe, SHEAF_COMMAND_READ, start_ns, 512, false);
	ck_assert_uint_eq(of_reads()->count, 2);
	ck_assert_uint_eq(reads.sum, 8000);
	ck_assert_uint_eq(reads.max, 4000);
	ck_assert_uint_eq(sheaf_count_get(&observe.commands[SHEAF_COMMAND_READ].bytes), 4608);
	ck_assert_uint_eq(sheaf_count_get(&observe.commands[SHEAF_COMMAND_READ].errors), 1);
}
END_TEST

START_TEST(end_in_the_same_turn_is_timed_by_the_clock_once_a_bundle)
{
	uint64_t turn_ns = sheaf_clock_ns() - 1000000, before_ns, after_ns, start_ns;

	start_ns = sheaf_observe_hand_over(&observe, turn_ns);
	sheaf_observe_bundle(&observe, turn_ns);
	before_ns = sheaf_clock_ns();
	sheaf_observe_task(&observe, SHEAF_COMMAND_READ, start_ns, 0, true);
	after_ns = sheaf_clock_ns();
	ck_assert_uint_ge(of_reads()->sum, before_ns - turn_ns);
	ck_assert_uint_le(reads.sum, after_ns - turn_ns);
	/* The next of the bundle: no other reading. */
	sheaf_observe_task(&observe, SHEAF_COMMAND_READ, start_ns, 0, true);
	ck_assert_uint_eq(of_reads()->sum, 2 * reads.max);
	/* The next bundle begins where that reading was, and has one of its own. */
	start_ns = sheaf_observe_hand_over(&observe, turn_ns);
	ck_assert_uint_eq(start_ns, turn_ns + reads.max);
	sheaf_observe_bundle(&observe, turn_ns);
	before_ns = sheaf_clock_ns();
	sheaf_observe_task(&observe, SHEAF_COMMAND_READ, start_ns, 0, true);
	ck_assert_uint_ge(observe.now_ns, before_ns);
}
END_TEST

START_TEST(reading_serves_single_tasks_for_a_while)
{
	uint64_t turn_ns = sheaf_clock_ns(), first_ns = 0;
	uint64_t start_ns = sheaf_observe_hand_over(&observe, turn_ns);

	for (unsigned i = 0; i < 2 * SHEAF_OBSERVE_READING_BYTES / SHEAF_OBSERVE_TASK_BYTES; i++) {
		sheaf_observe_single(&observe, turn_ns);
		sheaf_observe_task(&observe, SHEAF_COMMAND_READ, start_ns, 0, true);
		if (i == 0)
			first_ns = observe.now_ns;
		else if (i < SHEAF_OBSERVE_READING_BYTES / SHEAF_OBSERVE_TASK_BYTES)
			ck_assert_uint_eq(observe.now_ns, first_ns);
	}
	ck_assert_uint_gt(observe.now_ns, first_ns);
}
END_TEST

START_TEST(reading_serves_no_task_after_a_long_one)
{
	uint64_t turn_ns = sheaf_clock_ns(), first_ns;
	uint64_t start_ns = sheaf_observe_hand_over(&observe, turn_ns);

	sheaf_observe_single(&observe, turn_ns);
	sheaf_observe_task(&observe, SHEAF_COMMAND_READ, start_ns, 1 << 20, true);
	first_ns = observe.now_ns;
	while (sheaf_clock_ns() == first_ns)
		;
	sheaf_observe_single(&observe, turn_ns);
	sheaf_observe_task(&observe, SHEAF_COMMAND_READ, start_ns, 1 << 20, true);
	ck_assert_uint_gt(observe.now_ns, first_ns);
}
END_TEST

START_TEST(time_never_goes_back)
{
	uint64_t far_ns = sheaf_clock_ns() + UINT64_C(1000000000000);
	uint64_t start_ns = sheaf_observe_hand_over(&observe, far_ns);

	/* A turn that says it began before what is known already. */
	sheaf_observe_bundle(&observe, far_ns - 1000);
	sheaf_observe_task(&observe, SHEAF_COMMAND_READ, start_ns, 0, true);
	ck_assert_uint_eq(of_reads()->sum, 0);
	ck_assert_uint_eq(sheaf_observe_hand_over(&observe, far_ns - 500), far_ns);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("observe");
	TCase *commands = tcase_create("commands"), *times = tcase_create("times");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(commands, command_of_each_cdb, 0,
			    (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_test(commands, each_command_has_a_name);
	tcase_add_checked_fixture(times, begin, NULL);
	tcase_add_test(times, end_in_a_later_turn_is_timed_by_the_turns);
	tcase_add_test(times, end_in_the_same_turn_is_timed_by_the_clock_once_a_bundle);
	tcase_add_test(times, reading_serves_single_tasks_for_a_while);
	tcase_add_test(times, reading_serves_no_task_after_a_long_one);
	tcase_add_test(times, time_never_goes_back);
	suite_add_tcase(suite, commands);
	suite_add_tcase(suite, times);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
