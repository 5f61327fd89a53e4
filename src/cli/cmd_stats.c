/* SPDX-License-Identifier: MIT */
/* cmd_stats.c - sheaf stats: DIR/.sheaf/stats.json as it is, or for people. DIR may be a filesystem of `sheaf attach`. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/top_text.h"
#include "cli/watched.h"

struct stats_args {
	bool json;
};

static const struct sheaf_option stats_options[] = {
	{ "json", 'j', SHEAF_OPTION_FLAG, offsetof(struct stats_args, json),
	  .help = "as the server gives it; the names do not change" },
	{ .kind = SHEAF_OPTION_END },
};
static const char *const stats_operands[] = { "DIR" };
static const struct sheaf_command_line stats_line = {
	.usage = "stats [--json] DIR",
	.summary = "What the server of DIR has done so far.",
	.options = stats_options,
	.operands_min = 1,
	.operands_max = 1,
	.operand_names = stats_operands,
};

/* A number at "a" or "a.b"; 0 if it is not there. */
static double number(const json_t *object, const char *outer, const char *inner)
{
	const json_t *value = json_object_get(object, outer);

	if (inner)
		value = json_object_get(value, inner);
	return json_number_value(value);
}

static const char *text(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	return value ? value : "?";
}

static double mib(double bytes)
{
	return bytes / (1 << 20);
}

/* Of the commands that came. */
static void print_latency(const json_t *stats)
{
	static const char *const columns[] = { "mean_ns", "p50_ns",  "p90_ns",
					       "p99_ns",  "p999_ns", "max_ns" };
	json_t *commands = json_object_get(stats, "latency"), *command;
	const char *name;

	printf("latency       %-18s %10s %8s %8s %8s %8s %8s %8s\n", "command", "tasks", "mean",
	       "p50", "p90", "p99", "p99.9", "max");
	json_object_foreach(commands, name, command)
	{
		if (number(command, "count", NULL) == 0)
			continue;
		printf("              %-18s %10.0f", name, number(command, "count", NULL));
		for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
			char duration[16];

			printf(" %8s",
			       sheaf_top_duration((uint64_t)number(command, columns[i], NULL),
						  duration));
		}
		printf("\n");
	}
}

/* Where there is more than one. */
static void print_queues(const json_t *stats)
{
	const json_t *queues = json_object_get(stats, "queues");

	for (size_t i = 0; i < json_array_size(queues) && json_array_size(queues) > 1; i++) {
		const json_t *queue = json_array_get(queues, i);
		char median[16], high[16];

		printf("queue %-7.0f tasks %.0f, in flight %.0f, errors %.0f, bundles of %.2f and "
		       "%.2f, p50 %s, p99 %s\n",
		       number(queue, "index", NULL), number(queue, "tasks", "ended"),
		       number(queue, "tasks", "in_flight"), number(queue, "tasks", "errors"),
		       number(queue, "request_bundles", "mean"),
		       number(queue, "completion_bundles", "mean"),
		       sheaf_top_duration((uint64_t)number(queue, "latency", "p50_ns"), median),
		       sheaf_top_duration((uint64_t)number(queue, "latency", "p99_ns"), high));
	}
}

static void print_bundles(const json_t *stats, const char *title, const char *name)
{
	printf("%s %.0f with %.0f tasks, mean %.2f\n", title, number(stats, name, "count"),
	       number(stats, name, "tasks"), number(stats, name, "mean"));
}

static void print_violations(const json_t *stats)
{
	json_t *violations = json_object_get(stats, "violations"), *count;
	const char *kind;
	bool any = false;

	printf("violations    ");
	json_object_foreach(violations, kind, count)
	{
		if (json_integer_value(count) == 0)
			continue;
		printf("%s%s %lld", any ? ", " : "", kind, (long long)json_integer_value(count));
		any = true;
	}
	printf("%s\n", any ? "" : "none");
}

static void print_unit(const json_t *unit)
{
	double block = number(unit, "block_size", NULL);

	printf("lun %-9.0f %s: %.1f MiB in blocks of %.0f%s\n", number(unit, "lun", NULL),
	       text(unit, "image"), mib(number(unit, "blocks", NULL) * block), block,
	       json_is_true(json_object_get(unit, "read_only")) ? ", read-only" : "");
	printf("              read %.1f MiB in %.0f, written %.1f MiB in %.0f, flushes %.0f, "
	       "unmaps %.0f\n",
	       mib(number(unit, "read_bytes", NULL)), number(unit, "reads", NULL),
	       mib(number(unit, "written_bytes", NULL)), number(unit, "writes", NULL),
	       number(unit, "flushes", NULL), number(unit, "unmaps", NULL));
}

static void print_text(const char *dir, const json_t *stats)
{
	const json_t *units = json_object_get(stats, "lus");
	double ended = number(stats, "tasks", "ended");

	printf("%s: sheaf %s, process %.0f, up %.0f s\n", dir, text(stats, "version"),
	       number(stats, "pid", NULL), number(stats, "uptime_seconds", NULL));
	printf("transport     %s (%s)\n", text(stats, "transport"),
	       text(stats, "transport_reason"));
	printf("io            %s (%s)\n", text(stats, "io"), text(stats, "io_reason"));
	printf("deployment    %s, %s, %.0f slots, %.0f lanes\n", text(stats, "deployment"),
	       text(stats, "mode"), number(stats, "slots", NULL), number(stats, "lanes", NULL));
	printf("driver        %s, restarts %.0f\n", text(json_object_get(stats, "driver"), "name"),
	       number(stats, "driver", "restarts"));
	printf("tasks         started %.0f, ended %.0f, in flight %.0f, errors %.0f\n",
	       number(stats, "tasks", "started"), ended, number(stats, "tasks", "in_flight"),
	       number(stats, "tasks", "errors"));
	printf("              timeouts %.0f, aborted %.0f, reissued %.0f, retries %.0f, "
	       "quarantined %.0f\n",
	       number(stats, "tasks", "timeouts"), number(stats, "tasks", "aborted"),
	       number(stats, "tasks", "reissued"), number(stats, "tasks", "retries"),
	       number(stats, "tasks", "quarantined"));
	printf("escalation    aborts %.0f, LU resets %.0f, driver restarts %.0f, failed %.0f\n",
	       number(stats, "escalation", "aborts"), number(stats, "escalation", "lu_resets"),
	       number(stats, "escalation", "driver_restarts"),
	       number(stats, "escalation", "failed"));
	print_bundles(stats, "request       bundles", "request_bundles");
	print_bundles(stats, "completion    bundles", "completion_bundles");
	printf("system calls  io_uring_enter %.0f (%.2f a task), doorbells %.0f, completed inline "
	       "%.0f\n",
	       number(stats, "io_uring_enters", NULL),
	       ended > 0 ? number(stats, "io_uring_enters", NULL) / ended : 0,
	       number(stats, "doorbells", NULL), number(stats, "inline_completions", NULL));
	print_violations(stats);
	print_latency(stats);
	print_queues(stats);
	for (size_t i = 0; i < json_array_size(units); i++)
		print_unit(json_array_get(units, i));
}

static int print(const char *dir, const char *stats_text, bool as_json)
{
	json_error_t error;
	json_t *stats;

	if (as_json) {
		printf("%s\n", stats_text);
		return SHEAF_EXIT_OK;
	}
	stats = json_loads(stats_text, 0, &error);
	if (!stats) {
		sheaf_error("%s/.sheaf/stats.json: line %d: %s", dir, error.line, error.text);
		return SHEAF_EXIT_FAILED;
	}
	print_text(dir, stats);
	json_decref(stats);
	return SHEAF_EXIT_OK;
}

static int stats(const char *dir, bool as_json)
{
	CLEANUP_FREE char *stats_text = NULL, *problem = NULL;
	struct sheaf_watched watched;
	int code = SHEAF_EXIT_FAILED;

	if (sheaf_watched_find(&watched, dir) < 0)
		return code;
	stats_text = sheaf_watched_read(&watched, &problem);
	if (stats_text)
		code = print(watched.mount->mountpoint, stats_text, as_json);
	else
		sheaf_error("%s", problem ? problem : strerror(ENOMEM));
	sheaf_watched_free(&watched);
	return code;
}

int sheaf_cmd_stats(int argc, char **argv)
{
	struct stats_args args = { 0 };
	struct sheaf_operands operands;
	int r = sheaf_options_parse(&stats_line, argc, argv, &args, &operands);

	if (r != SHEAF_OPTIONS_RUN)
		return sheaf_options_exit(r);
	r = stats(operands.words[0], args.json);
	sheaf_options_free(&stats_line, &args, &operands);
	return r;
}
