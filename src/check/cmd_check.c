/* SPDX-License-Identifier: MIT */
/*
 * cmd_check.c - sheaf check: a driver against each rule, one line a rule
 *
 * A driver that needs images gets scratch ones, made here and gone afterwards: what somebody keeps is never written.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "check/check.h"
#include "cli/commands.h"

#define IMAGES_MAX 16
#define IMAGE_BYTES (INT64_C(64) << 20)
#define TIME_MS_DEFAULT 60000
#define TIME_MS_MAX (3600 * 1000)
/* Of one rule, and of a task in it: parts of all the time, but no more than this. */
#define RULE_PARTS 4
#define RULE_MS_MAX 15000
#define PATIENCE_PARTS 12
#define PATIENCE_MS_MAX 5000
/* Once tasks did not end. */
#define STUCK_PATIENCE_MS 300

struct check_args {
	int time_ms;
	int images;
	int seed;
	int block_size;
	bool read_only;
};

static const struct sheaf_choice block_choices[] = { { "512", 512 }, { "4096", 4096 }, { 0 } };

/* clang-format off */
#define AT(field) offsetof(struct check_args, field)
static const struct sheaf_option check_options[] = {
	{ "time", 't', SHEAF_OPTION_DURATION, AT(time_ms), 1000, TIME_MS_MAX, .value = "TIME",
	  .help = "for all of it: 60s, 5m; 60s" },
	{ "images", 'i', SHEAF_OPTION_NUMBER, AT(images), 0, IMAGES_MAX, .value = "N",
	  .help = "scratch images of 64M that the driver gets; 0" },
	{ "block-size", 'b', SHEAF_OPTION_NUMBER, AT(block_size), .choices = block_choices,
	  .help = "that it is asked for; 512" },
	{ "read-only", 'r', SHEAF_OPTION_FLAG, AT(read_only),
	  .help = "send nothing that writes; for a driver of a disk that somebody uses" },
	{ "seed", 0, SHEAF_OPTION_NUMBER, AT(seed), 1, INT32_MAX, .value = "N",
	  .help = "of what is random; 1" },
	{ .kind = SHEAF_OPTION_END },
};
/* clang-format on */
static const char *const check_operands[] = { "DRIVER" };
static const struct sheaf_command_line check_line = {
	.usage = "check [OPTION]... DRIVER",
	.summary = "Judge a driver by the rules of the seam and of SCSI, before it meets data.",
	.options = check_options,
	.operands_min = 1,
	.operands_max = 1,
	.operand_names = check_operands,
	.epilogue = "DRIVER is FILE.so, or a program as --driver takes it; with words: 'FILE.so WORD...'. The disk that it makes is written to. One line a rule;\n"
		    "exit code 0: it keeps them all, 1: it breaks one.\n",
};

struct images {
	char *paths[IMAGES_MAX];
	unsigned count;
};

static void remove_images(struct images *images)
{
	for (unsigned i = 0; i < images->count; i++) {
		unlink(images->paths[i]);
		free(images->paths[i]);
	}
}

static int make_images(struct images *images, unsigned count)
{
	const char *dir = getenv("TMPDIR");

	while (images->count < count) {
		char *path;
		int fd, r = 0;

		if (asprintf(&path, "%s/sheaf-check.XXXXXX", dir && *dir ? dir : "/tmp") < 0)
			return -ENOMEM;
		fd = mkstemp(path);
		if (fd < 0 || ftruncate(fd, IMAGE_BYTES) < 0) {
			r = -errno;
			sheaf_error("%s: no scratch image: %s", path, strerror(-r));
		}
		if (fd >= 0)
			images->paths[images->count++] = path;
		else
			free(path);
		if (fd >= 0)
			close(fd);
		if (r < 0)
			return r;
	}
	return 0;
}

struct session {
	const struct check_options *options;
	uint64_t end_ms;
	unsigned rule_ms, patience_ms;
	unsigned number, broken, skipped;
	bool stuck, hopeless;
};

static void judge_one(struct session *s, const struct check_rule *rule)
{
	uint64_t now = sheaf_clock_ns() / 1000000;
	struct check_judgement j = { .verdict = CHECK_SKIPPED };

	if (s->hopeless)
		snprintf(j.text, sizeof(j.text), "a driver that does not come up has no other rules");
	else if (now >= s->end_ms)
		snprintf(j.text, sizeof(j.text), "the time is over, see --time");
	else
		check_judge(rule, s->options,
			    s->end_ms - now < s->rule_ms ? (unsigned)(s->end_ms - now) : s->rule_ms,
			    s->stuck && s->patience_ms > STUCK_PATIENCE_MS ? STUCK_PATIENCE_MS :
									     s->patience_ms,
			    &j);
	s->stuck |= j.stuck;
	s->hopeless |= rule->vital && j.verdict == CHECK_BROKEN;
	s->broken += j.verdict == CHECK_BROKEN;
	s->skipped += j.verdict == CHECK_SKIPPED;
	printf("%s %u %s%s%s\n", j.verdict == CHECK_BROKEN ? "not ok" : "ok", ++s->number, rule->name,
	       j.verdict == CHECK_OK	  ? "" :
	       j.verdict == CHECK_SKIPPED ? " # skip: " :
					    ": ",
	       j.text);
	fflush(stdout);
}

static unsigned part_of(int time_ms, int parts, unsigned most)
{
	unsigned part = (unsigned)(time_ms / parts);

	return part < most ? part : most;
}

static int judge_all(const struct check_args *args, const struct check_options *options)
{
	static const struct check_rule *const tables[] = { check_rules_bring_up, check_rules_seam,
							   check_rules_scsi, check_rules_management,
							   check_rules_crash };
	struct session s = { .options = options,
			     .end_ms = sheaf_clock_ns() / 1000000 + (uint64_t)args->time_ms,
			     .rule_ms = part_of(args->time_ms, RULE_PARTS, RULE_MS_MAX),
			     .patience_ms = part_of(args->time_ms, PATIENCE_PARTS, PATIENCE_MS_MAX) };
	bool out_of_time;

	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (const struct check_rule *rule = tables[t]; rule->name; rule++)
			judge_one(&s, rule);
	out_of_time = sheaf_clock_ns() / 1000000 >= s.end_ms;
	printf("%u rules, %u broken, %u not looked at\n", s.number, s.broken, s.skipped);
	return s.broken || out_of_time ? SHEAF_EXIT_FAILED : SHEAF_EXIT_OK;
}

/* By its name, NAME.so or NAME.so.N, as the file may not be there: that is then told of the right kind. */
static bool is_shared_object(const char *words)
{
	size_t length = strcspn(words, " \t\n");

	for (size_t i = 0; i + 3 <= length; i++)
		if (memcmp(words + i, ".so", 3) == 0 && !memchr(words + i, '/', length - i) &&
		    (i + 3 == length || words[i + 3] == '.'))
			return true;
	return false;
}

int sheaf_cmd_check(int argc, char **argv)
{
	struct check_args args = { .time_ms = TIME_MS_DEFAULT, .seed = 1, .block_size = 512 };
	struct sheaf_operands operands;
	struct images images = { .count = 0 };
	char *words = NULL;
	bool program;
	int r = sheaf_options_parse(&check_line, argc, argv, &args, &operands);

	if (r != SHEAF_OPTIONS_RUN)
		return sheaf_options_exit(r);
	program = !is_shared_object(operands.words[0]);
	if (!program)
		r = sheaf_loaded_driver_find(operands.words[0], &words);
	else
		r = (words = strdup(operands.words[0])) ? 0 : -ENOMEM;
	if (r == 0)
		r = make_images(&images, (unsigned)args.images);
	if (r == 0) {
		const struct check_options options = {
			.words = words,
			.program = program,
			.images = images.paths,
			.image_count = images.count,
			.read_only = args.read_only,
			.seed = (uint32_t)args.seed,
			.block_size = (uint32_t)args.block_size,
		};

		r = judge_all(&args, &options);
	} else {
		r = SHEAF_EXIT_FAILED;
	}
	remove_images(&images);
	free(words);
	sheaf_options_free(&check_line, &args, &operands);
	return r;
}
