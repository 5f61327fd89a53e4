/* SPDX-License-Identifier: MIT */
/* cmd_top.c - sheaf top: what a mount does right now, on a terminal or as text (--batch, --json). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/top_screen.h"
#include "cli/top_text.h"
#include "cli/watched.h"
#include "config.h"

struct top_args {
	bool batch, json;
	int count; /* 0: without end */
	int interval_ms;
};

static const struct sheaf_option top_options[] = {
	{ "batch", 'b', SHEAF_OPTION_FLAG, offsetof(struct top_args, batch),
	  .help = "print text, a page each time; no keys, no terminal needed" },
	{ "json", 'j', SHEAF_OPTION_FLAG, offsetof(struct top_args, json),
	  .help = "print a line of JSON each time" },
	{ "count", 'n', SHEAF_OPTION_NUMBER, offsetof(struct top_args, count), 1, 1000000000,
	  .value = "N", .help = "end after so many times; with --batch or --json" },
	{ "interval", 'd', SHEAF_OPTION_DURATION, offsetof(struct top_args, interval_ms),
	  SHEAF_TOP_INTERVAL_MIN_MS, SHEAF_TOP_INTERVAL_MAX_MS, .value = "TIME",
	  .help = "between two times, 1 s by default; 500ms, 2s" },
	{ .kind = SHEAF_OPTION_END },
};
static const char *const top_operands[] = { "DIR" };
static const struct sheaf_command_line top_line = {
	.usage = "top [OPTION]... DIR",
	.summary = "What the server of DIR does right now.",
	.options = top_options,
	.operands_min = 1,
	.operands_max = 1,
	.operand_names = top_operands,
	.epilogue = "Keys: q ends, p or space pauses, + and - change the interval, arrows scroll, "
		    "h helps.\n",
};

/* The numbers of now, or NULL, reported. */
static struct sheaf_top *look(struct sheaf_watched *watched)
{
	CLEANUP_FREE char *problem = NULL;
	CLEANUP_FREE char *text = sheaf_watched_read(watched, &problem);
	struct sheaf_top *top = NULL;

	if (!text)
		sheaf_error("%s", problem ? problem : strerror(ENOMEM));
	else if (sheaf_top_parse(text, &top) < 0)
		sheaf_error("%s/.sheaf/stats.json: cannot be understood",
			    watched->mount->mountpoint);
	return top;
}

/* False when nobody reads any more. */
static bool print(const struct sheaf_watched *watched, const struct sheaf_top *difference,
		  bool as_json)
{
	time_t now = time(NULL);
	struct tm local;
	char when[32];
	struct sheaf_top_page page = {
		.dir = watched->mount->mountpoint,
		.when = when,
		.width = SHEAF_TOP_WIDTH,
	};

	localtime_r(&now, &local);
	strftime(when, sizeof(when), as_json ? "%Y-%m-%dT%H:%M:%S%z" : "%H:%M:%S", &local);
	if (as_json) {
		CLEANUP_FREE char *line = sheaf_top_json(&page, difference);

		printf("%s\n", line ? line : "{}");
	} else {
		sheaf_top_print(stdout, &page, difference);
		printf("\n");
	}
	return fflush(stdout) == 0;
}

static void add_ms(struct timespec *t, int ms)
{
	t->tv_sec += ms / 1000;
	t->tv_nsec += ms % 1000 * 1000000L;
	if (t->tv_nsec >= 1000000000L) {
		t->tv_sec++;
		t->tv_nsec -= 1000000000L;
	}
}

static int batch(struct sheaf_watched *watched, const struct top_args *args)
{
	struct sheaf_top *earlier = look(watched), *later, *difference;
	int printed = 0, code;
	struct timespec next;

	clock_gettime(CLOCK_MONOTONIC, &next);
	while (earlier && (args->count == 0 || printed < args->count)) {
		add_ms(&next, args->interval_ms);
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL) == EINTR)
			;
		later = look(watched);
		/* Another server at the same place: from it on. */
		if (later && sheaf_top_between(earlier, later, &difference) == 0) {
			bool more = print(watched, difference, args->json);

			sheaf_top_free(difference);
			if (!more) {
				sheaf_top_free(later);
				later = NULL;
			}
			printed++;
		}
		sheaf_top_free(earlier);
		earlier = later;
	}
	code = earlier ? SHEAF_EXIT_OK : SHEAF_EXIT_FAILED;
	sheaf_top_free(earlier);
	return code;
}

#ifdef HAVE_NCURSES
static int screen(struct sheaf_watched *watched, const struct top_args *args)
{
	int r;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		sheaf_error("this is no terminal; use --batch or --json");
		return SHEAF_EXIT_USAGE;
	}
	r = sheaf_top_screen(watched, args->interval_ms);
	if (r == -ENOTTY)
		sheaf_error("the terminal (TERM) is not known; use --batch");
	else if (r < 0)
		sheaf_error("top: %s", strerror(-r));
	return r < 0 ? SHEAF_EXIT_FAILED : SHEAF_EXIT_OK;
}
#else
static int screen(struct sheaf_watched *watched, const struct top_args *args)
{
	(void)watched, (void)args;
	sheaf_error("this sheaf was built without ncurses; use --batch or --json");
	return SHEAF_EXIT_USAGE;
}
#endif

int sheaf_cmd_top(int argc, char **argv)
{
	struct top_args args = { .interval_ms = 1000 };
	struct sheaf_operands operands;
	/* A question that was not answered may still use it when this returns. */
	static struct sheaf_watched watched;
	int r = sheaf_options_parse(&top_line, argc, argv, &args, &operands);

	if (r != SHEAF_OPTIONS_RUN)
		return sheaf_options_exit(r);
	if (args.count && !args.batch && !args.json) {
		sheaf_error("--count needs --batch or --json");
		r = SHEAF_EXIT_USAGE;
	} else if (sheaf_watched_find(&watched, operands.words[0]) < 0) {
		r = SHEAF_EXIT_FAILED;
	} else if (args.batch || args.json) {
		r = batch(&watched, &args);
		sheaf_watched_free(&watched);
	} else {
		r = screen(&watched, &args);
	}
	sheaf_options_free(&top_line, &args, &operands);
	return r;
}
