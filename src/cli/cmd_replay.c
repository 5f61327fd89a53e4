/* SPDX-License-Identifier: MIT */
/* cmd_replay.c - sheaf replay: what a recording says, and the same again elsewhere; see replay.h */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/replay.h"

struct replay_args {
	bool print, write, direct;
	char *fio, *to, *speed;
	int depth, lun;
};
#define AT(field) offsetof(struct replay_args, field)

/* Or a number, as help says; parse_speed() reads them. */
static const struct sheaf_choice speeds[] = { { "original", 1 }, { "full", 0 }, { 0 } };

static const struct sheaf_option replay_options[] = {
	{ "print", 'p', SHEAF_OPTION_FLAG, AT(print), .help = "a line a task" },
	{ "fio", 0, SHEAF_OPTION_TEXT, AT(fio), .value = "OUT",
	  .help = "write an iolog that fio can run" },
	{ "to", 't', SHEAF_OPTION_TEXT, AT(to), .value = "PATH",
	  .help = "do the tasks to an image, a device, or a disk of a mount" },
	{ "speed", 's', SHEAF_OPTION_TEXT, AT(speed), 0, 1, .choices = speeds,
	  .help = "as it was (default), as fast as it goes, or N times as fast" },
	{ "depth", 'd', SHEAF_OPTION_NUMBER, AT(depth), 1, SHEAF_REPLAY_DEPTH_MAX, .value = "N",
	  .help = "tasks at a time; as many as there were by default" },
	{ "write", 'w', SHEAF_OPTION_FLAG, AT(write),
	  .help = "tasks that write may, which destroys what is in PATH" },
	{ "direct", 0, SHEAF_OPTION_FLAG, AT(direct), .help = "open PATH with O_DIRECT" },
	{ "lun", 'l', SHEAF_OPTION_NUMBER, AT(lun), 0, 16383, .value = "N",
	  .help = "tasks of this logical unit only" },
	{ .kind = SHEAF_OPTION_END },
};
static const char *const replay_operands[] = { "FILE" };
static const struct sheaf_command_line replay_line = {
	.usage = "replay [--print] [--fio OUT] [--to PATH [OPTION]...] FILE",
	.summary =
		"Sum up a recording of sheaf record, convert it, or do the same again elsewhere.",
	.options = replay_options,
	.operands_min = 1,
	.operands_max = 1,
	.operand_names = replay_operands,
};

/* 0: as fast as it goes; -EINVAL: reported. */
static int parse_speed(const char *text, double *ret_speed)
{
	char *end;

	if (!text || strcmp(text, "original") == 0) {
		*ret_speed = 1;
		return 0;
	}
	if (strcmp(text, "full") == 0) {
		*ret_speed = 0;
		return 0;
	}
	*ret_speed = strtod(text, &end);
	if (end != text && !*end && isfinite(*ret_speed) && *ret_speed >= 0.001 &&
	    *ret_speed <= 1e6)
		return 0;
	sheaf_error("--speed: '%s' is not original, full, or a number from 0.001 to 1000000", text);
	return -EINVAL;
}

static bool one_unit(const struct sheaf_recording *recording)
{
	for (size_t i = 1; i < recording->count; i++)
		if (recording->tasks[i].record.lun != recording->tasks[0].record.lun)
			return false;
	return true;
}

static int play(const struct sheaf_recording *recording, const struct replay_args *args)
{
	struct sheaf_replay_options options = {
		.path = args->to,
		.depth = (unsigned)args->depth,
		.write = args->write,
		.direct = args->direct,
	};

	if (parse_speed(args->speed, &options.speed) < 0)
		return -EINVAL;
	if (!one_unit(recording)) {
		sheaf_error("the recording has tasks of several disks; choose one with --lun");
		return -EINVAL;
	}
	return sheaf_replay_play(recording, &options);
}

static int replay(const char *file, const struct replay_args *args)
{
	struct sheaf_recording recording;
	int r = sheaf_recording_load(file, &recording);

	if (r < 0)
		return SHEAF_EXIT_FAILED;
	if (args->lun >= 0 && !sheaf_recording_keep_unit(&recording, (uint32_t)args->lun)) {
		sheaf_error("%s: there is no LUN %d in it", file, args->lun);
		r = -EINVAL;
	}
	if (r == 0 && args->print)
		sheaf_replay_print(&recording);
	if (r == 0 && args->fio)
		r = sheaf_replay_fio(&recording, args->fio);
	if (r == 0 && args->to)
		r = play(&recording, args);
	if (r == 0 && !args->print && !args->fio && !args->to)
		r = sheaf_replay_summary(file, &recording);
	sheaf_recording_free(&recording);
	return r < 0 ? SHEAF_EXIT_FAILED : SHEAF_EXIT_OK;
}

int sheaf_cmd_replay(int argc, char **argv)
{
	struct replay_args args = { .lun = -1 };
	struct sheaf_operands operands;
	int r = sheaf_options_parse(&replay_line, argc, argv, &args, &operands);

	if (r != SHEAF_OPTIONS_RUN)
		return sheaf_options_exit(r);
	r = replay(operands.words[0], &args);
	sheaf_options_free(&replay_line, &args, &operands);
	return r;
}
