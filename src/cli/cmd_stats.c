/* SPDX-License-Identifier: MIT */
/* cmd_stats.c - sheaf stats: DIR/.sheaf/stats.json as it is, or for people. DIR may be a filesystem of `sheaf attach`. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/loop_device.h"
#include "cli/mount_table.h"
#include "cli/served.h"

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
	printf("              timeouts %.0f, aborted %.0f, reissued %.0f, quarantined %.0f\n",
	       number(stats, "tasks", "timeouts"), number(stats, "tasks", "aborted"),
	       number(stats, "tasks", "reissued"), number(stats, "tasks", "quarantined"));
	print_bundles(stats, "request       bundles", "request_bundles");
	print_bundles(stats, "completion    bundles", "completion_bundles");
	printf("system calls  io_uring_enter %.0f (%.2f a task), doorbells %.0f, completed inline "
	       "%.0f\n",
	       number(stats, "io_uring_enters", NULL),
	       ended > 0 ? number(stats, "io_uring_enters", NULL) / ended : 0,
	       number(stats, "doorbells", NULL), number(stats, "inline_completions", NULL));
	print_violations(stats);
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

static int show(const struct sheaf_mount *mount, bool as_json)
{
	CLEANUP_FREE char *stats_text = NULL;
	int error;

	switch (sheaf_served_read(mount->mountpoint, &stats_text, &error)) {
	case SHEAF_SERVED_ALIVE:
		return print(mount->mountpoint, stats_text, as_json);
	case SHEAF_SERVED_DEAD:
		sheaf_error("%s: the server is dead; clear the mount with: sheaf umount %s",
			    mount->mountpoint, mount->mountpoint);
		break;
	case SHEAF_SERVED_HUNG: {
		pid_t pid = sheaf_served_find_pid(mount);

		sheaf_error("%s: the server (process %d) %s", mount->mountpoint, pid,
			    sheaf_process_is_stopped(pid) ? "is stopped" : "does not answer");
		break;
	}
	case SHEAF_SERVED_SILENT:
		sheaf_error("%s/.sheaf/stats.json: %s", mount->mountpoint, strerror(error));
	}
	return SHEAF_EXIT_FAILED;
}

static int stats(const char *dir, bool as_json)
{
	struct sheaf_mount_table table;
	CLEANUP_FREE char *path = NULL;
	const struct sheaf_mount *mount;
	int code = SHEAF_EXIT_FAILED;

	if (sheaf_mount_table_read(&table) < 0) {
		sheaf_error("/proc/self/mountinfo: cannot be read");
		return code;
	}
	mount = sheaf_mount_find(&table, dir, true, &path);
	if (mount && !mount->ours)
		mount = sheaf_loop_server(&table, mount);
	if (mount)
		code = show(mount, as_json);
	else
		sheaf_error("%s: nothing of sheaf is mounted here; see: findmnt -t %s", dir,
			    SHEAF_MOUNT_TYPE);
	sheaf_mount_table_free(&table);
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
