/* SPDX-License-Identifier: MIT */
/* test_options.c - command lines by table: each kind of value at both sides of its limits, and what is said of a slip. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/options.h"

struct target {
	bool flag, other;
	char *text;
	uint64_t size;
	int number, choice, mode, duration, count, page;
	uint64_t lba;
	char *fuse, *unknown;
};

static const struct sheaf_choice choices[] = { { "auto", -1 }, { "none", 0 }, { 0 } };
#define AT(field) offsetof(struct target, field)
static const struct sheaf_option options[] = {
	{ "flag", 'f', SHEAF_OPTION_FLAG, AT(flag), .help = "a flag" },
	{ "other-flag", 'g', SHEAF_OPTION_FLAG, AT(other), .help = "another" },
	{ "text", 't', SHEAF_OPTION_TEXT, AT(text), .value = "TEXT", .help = "a text" },
	{ "block-size", 's', SHEAF_OPTION_SIZE, AT(size), .value = "SIZE", .help = "a size" },
	{ "number", 'n', SHEAF_OPTION_NUMBER, AT(number), 1, 32, .help = "a number" },
	{ "choice", 0, SHEAF_OPTION_NUMBER, AT(choice), 1, 9, choices, "N", "a choice" },
	{ "word", 0, SHEAF_OPTION_NUMBER, AT(choice), .choices = choices, .help = "a word" },
	{ "mode", 0, SHEAF_OPTION_MODE, AT(mode), .help = "a mode" },
	{ "page", 0, SHEAF_OPTION_HEX, AT(page), 0, 0x3f, .value = "PAGE", .help = "a page" },
	{ "lba", 0, SHEAF_OPTION_LONG, AT(lba), .value = "N", .help = "a block" },
	{ "time", 0, SHEAF_OPTION_DURATION, AT(duration), 1, 60000, .help = "a time" },
	{ "verbose", 'v', SHEAF_OPTION_COUNT, AT(count), .help = "more" },
	{ .kind = SHEAF_OPTION_END },
};
static const char *const operand_names[] = { "IMAGE", "DIR" };
static const struct sheaf_command_line line = {
	.usage = "test [OPTION]... IMAGE DIR",
	.summary = "A test.",
	.options = options,
	.operands_min = 0,
	.operands_max = 2,
	.operand_names = operand_names,
	.mount_options = true,
	.fuse_options_offset = AT(fuse),
};

/* One parse of words in one string, split at spaces, with what it said on stderr. */
struct run {
	struct target target;
	struct sheaf_operands operands;
	int result;
	char said[1024];
	char words[512];
	char *argv[32];
};

static void parse(struct run *run, const struct sheaf_command_line *l, const char *words)
{
	FILE *said = tmpfile();
	int saved = dup(STDERR_FILENO), argc = 0;
	char *save = NULL;
	size_t n;

	memset(run, 0, sizeof(*run));
	snprintf(run->words, sizeof(run->words), "%s", words);
	for (char *word = strtok_r(run->words, " ", &save); word; word = strtok_r(NULL, " ", &save))
		run->argv[argc++] = word;
	dup2(fileno(said), STDERR_FILENO);
	run->result = sheaf_options_parse(l, argc, run->argv, &run->target, &run->operands);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(said);
	n = fread(run->said, 1, sizeof(run->said) - 1, said);
	run->said[n] = '\0';
	fclose(said);
}

static void done(struct run *run)
{
	sheaf_options_free(&line, &run->target, &run->operands);
	free(run->target.unknown);
}

START_TEST(an_option_is_the_same_in_all_its_forms)
{
	static const char *const forms[] = { "--block-size=4096",
					     "--block-size 4096",
					     "--block_size=4K",
					     "-s 4096",
					     "-s4096",
					     "-fs 4096",
					     "-o block_size=4096",
					     "-oblock-size=4KiB",
					     "a -o nofail,block_size=4k b" };
	struct run run;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		parse(&run, &line, forms[i]);
		ck_assert_msg(run.result == 0 && run.target.size == 4096, "%s: %d, %s", forms[i],
			      run.result, run.said);
		done(&run);
	}
}
END_TEST

static const struct {
	const char *words;
	bool flag;
} flags[] = { { "", false },
	      { "-f", true },
	      { "--flag", true },
	      { "--flag=on", true },
	      { "-f --flag=off", false },
	      { "-o flag", true },
	      { "-o flag=yes", true },
	      { "-o flag,flag=no", false },
	      { "-gf", true } };

START_TEST(a_flag_needs_no_value_and_takes_on_and_off)
{
	struct run run;

	parse(&run, &line, flags[_i].words);
	ck_assert_int_eq(run.result, 0);
	ck_assert_int_eq(run.target.flag, flags[_i].flag);
	done(&run);
}
END_TEST

static const struct {
	const char *words;
	int result, page;
	uint64_t lba;
} wide_numbers[] = {
	{ "--page=3f", 0, 0x3f, 0 },
	{ "--page=0x0A", 0, 0x0a, 0 },
	{ "--page=40", -EINVAL, 0, 0 },
	{ "--page=-1", -EINVAL, 0, 0 },
	{ "--page=g", -EINVAL, 0, 0 },
	{ "--page=3z", -EINVAL, 0, 0 },
	{ "--page=", -EINVAL, 0, 0 },
	{ "--lba=18446744073709551615", 0, 0, UINT64_MAX },
	{ "--lba=18446744073709551616", -EINVAL, 0, 0 },
	{ "--lba=0xffffffffffffffff", 0, 0, UINT64_MAX },
	{ "--lba=010", 0, 0, 10 },
	{ "--lba=0x", -EINVAL, 0, 0 },
	{ "--lba=-1", -EINVAL, 0, 0 },
	{ "--lba=1k", -EINVAL, 0, 0 },
};

START_TEST(hexadecimal_and_long_numbers)
{
	struct run run;

	parse(&run, &line, wide_numbers[_i].words);
	ck_assert_msg(run.result == wide_numbers[_i].result, "%s: %s", wide_numbers[_i].words, run.said);
	ck_assert_int_eq(run.target.page, wide_numbers[_i].page);
	ck_assert(run.target.lba == wide_numbers[_i].lba);
	done(&run);
}
END_TEST

START_TEST(a_flag_does_not_swallow_the_next_word)
{
	struct run run;

	parse(&run, &line, "--flag a -v b -v");
	ck_assert_int_eq(run.result, 0);
	ck_assert_uint_eq(run.operands.count, 2);
	ck_assert_str_eq(run.operands.words[0], "a");
	ck_assert_str_eq(run.operands.words[1], "b");
	ck_assert_int_eq(run.target.count, 2);
	done(&run);
}
END_TEST

START_TEST(two_dashes_end_the_options)
{
	struct run run;

	parse(&run, &line, "-f -- -g --text");
	ck_assert_int_eq(run.result, 0);
	ck_assert_uint_eq(run.operands.count, 2);
	ck_assert_str_eq(run.operands.words[0], "-g");
	ck_assert(!run.target.other);
	done(&run);
}
END_TEST

static const struct {
	const char *text;
	int result;
	uint64_t bytes;
} sizes[] = { { "0", 0, 0 },
	      { "512", 0, 512 },
	      { "4k", 0, 4096 },
	      { "512M", 0, UINT64_C(512) << 20 },
	      { "10G", 0, UINT64_C(10) << 30 },
	      { "10GiB", 0, UINT64_C(10) << 30 },
	      { "2T", 0, UINT64_C(2) << 40 },
	      { "9223372036854775807", 0, INT64_MAX },
	      { "9223372036854775808", -ERANGE, 0 },
	      { "8191P", 0, UINT64_C(8191) << 50 },
	      { "8192P", -ERANGE, 0 },
	      { "18446744073709551616", -ERANGE, 0 },
	      { "", -EINVAL, 0 },
	      { "G", -EINVAL, 0 },
	      { "-1", -EINVAL, 0 },
	      { " 1", -EINVAL, 0 },
	      { "1X", -EINVAL, 0 },
	      { "1GB", -EINVAL, 0 },
	      { "1.5G", -EINVAL, 0 },
	      { "0x10", -EINVAL, 0 } };

START_TEST(sizes_have_binary_suffixes_and_limits)
{
	uint64_t bytes = 42;

	ck_assert_msg(sheaf_parse_size(sizes[_i].text, &bytes) == sizes[_i].result, "%s",
		      sizes[_i].text);
	ck_assert_uint_eq(bytes, sizes[_i].result ? 42 : sizes[_i].bytes);
}
END_TEST

static const struct {
	const char *words;
	size_t offset;
	int value;
} numbers[] = { { "-n 1", AT(number), 1 },
		{ "-n 32", AT(number), 32 },
		{ "--choice=auto", AT(choice), -1 },
		{ "--choice=none", AT(choice), 0 },
		{ "--choice=9", AT(choice), 9 },
		{ "--word=none", AT(choice), 0 },
		{ "--mode=0640", AT(mode), 0640 },
		{ "--mode=777", AT(mode), 0777 },
		{ "--time=60", AT(duration), 60000 },
		{ "--time=30s", AT(duration), 30000 },
		{ "--time=1ms", AT(duration), 1 },
		{ "--time=1m", AT(duration), 60000 },
		{ "-vvv", AT(count), 3 } };

START_TEST(values_in_range_are_taken)
{
	struct run run;

	parse(&run, &line, numbers[_i].words);
	ck_assert_msg(run.result == 0, "%s", run.said);
	ck_assert_int_eq(*(int *)((char *)&run.target + numbers[_i].offset), numbers[_i].value);
	done(&run);
}
END_TEST

/* What is refused, and what the message must name. */
static const struct {
	const char *words, *says;
} refused[] = { { "-n 0", "-n: 0 is out of range; from 1 to 32" },
		{ "-n 33", "out of range" },
		{ "-n x", "'x' is not a number" },
		{ "-n 99999999999999999999", "out of range" },
		{ "-n", "-n: the value is missing" },
		{ "--number", "--number: the value is missing" },
		{ "--choice=10", "out of range" },
		{ "--choice=never", "auto|none|N" },
		{ "--word=1", "auto|none" },
		{ "--mode=1000", "out of range" },
		{ "--mode=rw", "octal" },
		{ "--time=0", "out of range" },
		{ "--time=2m", "out of range" },
		{ "--time=1h", "no time" },
		{ "--flag=maybe", "neither on nor off" },
		{ "--verbose=3", "takes no value" },
		{ "--text=", "value is missing" },
		{ "-o block_size=1q", "-o block_size: '1q' is no size" },
		{ "-o block_size", "-o block_size: the value is missing" },
		{ "-o blok_size=1", "did you mean -o block-size?" },
		{ "--flga", "did you mean --flag?" },
		{ "--hlep", "did you mean --help?" },
		{ "--xyzzy", "--xyzzy: no such option; see: sheaf test --help" },
		{ "-x", "-x: no such option" },
		{ "-o flag,,xyzzy", "-o xyzzy: no such option" },
		{ "a b c", "test: c is one too many" } };

START_TEST(a_slip_is_named_and_refused)
{
	struct run run;

	parse(&run, &line, refused[_i].words);
	ck_assert_int_eq(run.result, -EINVAL);
	ck_assert_msg(strstr(run.said, refused[_i].says) != NULL, "%s: said %s", refused[_i].words,
		      run.said);
	ck_assert_ptr_null(run.target.text);
}
END_TEST

START_TEST(a_missing_operand_is_named)
{
	struct sheaf_command_line two = line;
	struct run run;

	two.operands_min = 2;
	parse(&run, &two, "image");
	ck_assert_int_eq(run.result, -EINVAL);
	ck_assert_ptr_nonnull(strstr(run.said, "test: DIR is missing"));
}
END_TEST

START_TEST(words_of_mount_and_fstab_are_taken_quietly)
{
	struct run run;

	parse(&run, &line,
	      "-o "
	      "_netdev,nofail,x-systemd.automount,X-mount.mkdir=0755,user,noauto,defaults,rw,auto,"
	      "owner a b");
	ck_assert_msg(run.result == 0 && run.said[0] == '\0', "%s", run.said);
	ck_assert_ptr_null(run.target.fuse);
	done(&run);
}
END_TEST

START_TEST(words_for_libfuse_are_handed_on_in_order)
{
	struct run run;

	parse(&run, &line, "-o nodev,flag,fsname=a\\,b\\\\c,nofail -o noexec");
	ck_assert_int_eq(run.result, 0);
	ck_assert_str_eq(run.target.fuse, "nodev,fsname=a\\,b\\\\c,noexec");
	ck_assert(run.target.flag);
	done(&run);
}
END_TEST

START_TEST(only_a_command_for_fstab_has_lists)
{
	struct sheaf_command_line plain = line;
	struct run run;

	plain.mount_options = false;
	parse(&run, &plain, "-o flag");
	ck_assert_int_eq(run.result, -EINVAL);
}
END_TEST

START_TEST(unknown_words_are_collected_where_a_command_wants_them)
{
	struct sheaf_command_line collecting = line;
	struct run run;

	collecting.mount_options = false;
	collecting.collect_unknown = true;
	collecting.unknown_offset = AT(unknown);
	collecting.passed_on = &sheaf_mount_line;
	parse(&run, &collecting, "-o noatime,flag,nofail --io=sync --slots 8 -o data=journal");
	ck_assert_msg(run.result == 0, "%s", run.said);
	ck_assert_str_eq(run.target.unknown, "noatime,nofail,io=sync,slots=8,data=journal");
	ck_assert(run.target.flag);
	sheaf_options_free(&collecting, &run.target, &run.operands);
}
END_TEST

START_TEST(a_list_is_cut_at_commas_without_a_backslash)
{
	char list[] = "a,b=1\\,2,,c\\\\,d\\e";
	static const char *const words[] = { "a", "b=1,2", "", "c\\", "d\\e" };
	char *rest = list;

	for (size_t i = 0; i < 5; i++)
		ck_assert_str_eq(sheaf_options_next_word(&rest), words[i]);
	ck_assert_ptr_null(sheaf_options_next_word(&rest));
}
END_TEST

START_TEST(a_suggestion_is_at_most_two_slips_away)
{
	static const char *const names[] = { "offset", "io", "block-size", NULL };

	ck_assert_str_eq(sheaf_suggest("ofset", 5, names), "offset");
	ck_assert_str_eq(sheaf_suggest("offste=3", 6, names), "offset");
	ck_assert_str_eq(sheaf_suggest("blok_sise", 9, names), "block-size");
	ck_assert_ptr_null(sheaf_suggest("blo_sise", 8, names));
	ck_assert_ptr_null(sheaf_suggest("oi", 2, names));
	ck_assert_ptr_null(sheaf_suggest("", 0, names));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("options");
	TCase *tcase = tcase_create("options");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, an_option_is_the_same_in_all_its_forms);
	tcase_add_loop_test(tcase, a_flag_needs_no_value_and_takes_on_and_off, 0,
			    (int)(sizeof(flags) / sizeof(flags[0])));
	tcase_add_loop_test(tcase, hexadecimal_and_long_numbers, 0, sizeof(wide_numbers) / sizeof(wide_numbers[0]));
	tcase_add_test(tcase, a_flag_does_not_swallow_the_next_word);
	tcase_add_test(tcase, two_dashes_end_the_options);
	tcase_add_loop_test(tcase, sizes_have_binary_suffixes_and_limits, 0,
			    (int)(sizeof(sizes) / sizeof(sizes[0])));
	tcase_add_loop_test(tcase, values_in_range_are_taken, 0,
			    (int)(sizeof(numbers) / sizeof(numbers[0])));
	tcase_add_loop_test(tcase, a_slip_is_named_and_refused, 0,
			    (int)(sizeof(refused) / sizeof(refused[0])));
	tcase_add_test(tcase, a_missing_operand_is_named);
	tcase_add_test(tcase, words_of_mount_and_fstab_are_taken_quietly);
	tcase_add_test(tcase, words_for_libfuse_are_handed_on_in_order);
	tcase_add_test(tcase, only_a_command_for_fstab_has_lists);
	tcase_add_test(tcase, unknown_words_are_collected_where_a_command_wants_them);
	tcase_add_test(tcase, a_list_is_cut_at_commas_without_a_backslash);
	tcase_add_test(tcase, a_suggestion_is_at_most_two_slips_away);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
