/* SPDX-License-Identifier: MIT */
/*
 * cmd_why.c - sheaf why: what is in flight, since when, who has it, and the last tasks of each lane
 *
 * Asks at the server's socket (control.h) first, as the mount may not answer, and reads DIR/.sheaf/why.json where there is none.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/control.h"
#include "cli/top_text.h"
#include "cli/watched.h"

#include <sheaf/task.h>

#define LAST_MAX     256
#define LAST_DEFAULT 8

struct why_args {
	bool json;
	int last;
};
#define AT(field) offsetof(struct why_args, field)

static const struct sheaf_option why_options[] = {
	{ "json", 'j', SHEAF_OPTION_FLAG, AT(json),
	  .help = "as the server gives it, with all it remembers; the names do not change" },
	{ "last", 'n', SHEAF_OPTION_NUMBER, AT(last), 0, LAST_MAX, .value = "N",
	  .help = "tasks of each lane that ended; 8, at most 256" },
	{ .kind = SHEAF_OPTION_END },
};
static const char *const why_operands[] = { "DIR" };
static const struct sheaf_command_line why_line = {
	.usage = "why [--json] [--last=N] DIR",
	.summary = "What DIR waits for: tasks in flight, since when, who has them; and the last "
		   "that ended.",
	.options = why_options,
	.operands_min = 1,
	.operands_max = 1,
	.operand_names = why_operands,
};

static json_int_t number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static const char *text(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	return value ? value : "?";
}

/* "1.2s", "-30ms"; "-" of what is not there. */
static const char *duration(const json_t *object, const char *name, char out[17])
{
	const json_t *value = json_object_get(object, name);
	json_int_t ns = json_integer_value(value);

	if (!json_is_integer(value))
		return "-";
	if (ns >= 0)
		return sheaf_top_duration((uint64_t)ns, out);
	out[0] = '-';
	sheaf_top_duration((uint64_t)-ns, out + 1);
	return out;
}

static const char *worker(const json_t *object, char out[16])
{
	const json_t *value = json_object_get(object, "worker");

	if (!json_is_integer(value))
		return "-";
	snprintf(out, 16, "%lld", (long long)json_integer_value(value));
	return out;
}

static const char *optional(const json_t *object, const char *name, char out[24])
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_integer(value))
		return "-";
	snprintf(out, 24, "%lld", (long long)json_integer_value(value));
	return out;
}

/* What the kernel has for the server: waiting to be read, or read and not answered. -1: it does not say. */
static long kernel_waits(const struct sheaf_mount *mount)
{
	char path[64];
	long n = -1;
	FILE *in;

	snprintf(path, sizeof(path), "/sys/fs/fuse/connections/%u/waiting", mount->minor);
	in = fopen(path, "re");
	if (in && fscanf(in, "%ld", &n) != 1)
		n = -1;
	if (in)
		fclose(in);
	return n;
}

static void print_head(const struct sheaf_mount *mount, const json_t *why)
{
	const json_t *slots = json_object_get(why, "slots");
	const json_t *steps = json_object_get(why, "escalation");
	const json_t *call = json_object_get(why, "management");
	const json_t *queues = json_object_get(why, "queues"), *queue;
	long waits = kernel_waits(mount);
	char age[17];
	size_t i;

	printf("%s: process %lld, driver %s, %s; timeout %.3g s, grace of each step after it %.3g "
	       "s\n",
	       mount->mountpoint, (long long)number(why, "pid"), text(why, "driver"),
	       text(why, "deployment"), (double)number(why, "timeout_ms") / 1000,
	       (double)number(why, "grace_ms") / 1000);
	if (waits >= 0)
		printf("requests      %ld in the kernel, waiting or not answered\n", waits);
	printf("slots         %lld: free %lld, host %lld, gathered %lld, controller %lld, "
	       "quarantined %lld\n",
	       (long long)number(slots, "total"), (long long)number(slots, "free"),
	       (long long)number(slots, "host"), (long long)number(slots, "gathered"),
	       (long long)number(slots, "controller"), (long long)number(slots, "quarantined"));
	printf("late tasks    aborts %lld, LU resets %lld, driver restarts %lld, failed %lld\n",
	       (long long)number(steps, "aborts"), (long long)number(steps, "lu_resets"),
	       (long long)number(steps, "driver_restarts"), (long long)number(steps, "failed"));
	if (json_is_object(call))
		printf("driver        is in %s of LUN %lld for %s; %lld calls wait\n",
		       text(call, "function"), (long long)number(call, "lun"),
		       duration(call, "age_ns", age), (long long)number(call, "waiting"));
	json_array_foreach(queues, i, queue)
	{
		/* A busy loop is late by some ms all the time. */
		if (number(queue, "stands_still_ns") > 1000000000)
			printf("loop %-8lld stands still for %s, with %lld tasks in flight\n",
			       (long long)number(queue, "index"),
			       duration(queue, "stands_still_ns", age),
			       (long long)number(queue, "in_flight"));
	}
}

static int by_age(const void *left, const void *right)
{
	json_int_t l = number(*(json_t *const *)left, "age_ns"),
		   r = number(*(json_t *const *)right, "age_ns");

	return (l < r) - (l > r);
}

/* Oldest first. */
static int print_tasks(const json_t *why)
{
	const json_t *tasks = json_object_get(why, "tasks");
	size_t count = json_array_size(tasks);
	CLEANUP_FREE json_t **sorted = calloc(count + 1, sizeof(*sorted));

	if (!sorted)
		return -ENOMEM;
	if (count == 0) {
		printf("in flight     nothing\n");
		return 0;
	}
	for (size_t i = 0; i < count; i++)
		sorted[i] = json_array_get(tasks, i);
	qsort(sorted, count, sizeof(*sorted), by_age);
	printf("\nin flight\n%8s %8s %-14s %-11s %6s %5s %4s %-20s %12s %7s  %s\n", "age", "due",
	       "step", "owner", "worker", "queue", "slot", "command", "lba", "blocks", "lun, cdb");
	for (size_t i = 0; i < count; i++) {
		const json_t *t = sorted[i];
		char age[17], due[17], lane[16], lba[24], blocks[24];

		printf("%8s %8s %-14s %-11s %6s %5lld %4lld %-20s %12s %7s  %lld, %s\n",
		       duration(t, "age_ns", age), duration(t, "due_ns", due), text(t, "step"),
		       text(t, "owner"), worker(t, lane), (long long)number(t, "queue"),
		       (long long)number(t, "slot"), text(t, "command"), optional(t, "lba", lba),
		       optional(t, "blocks", blocks), (long long)number(t, "lun"), text(t, "cdb"));
	}
	return 0;
}

static void print_ended(const json_t *t)
{
	char age[17], latency[17], lba[24], blocks[24], status[16];

	if (number(t, "service_response") == SHEAF_TASK_COMPLETE)
		snprintf(status, sizeof(status), "%02llx/%llx", (long long)number(t, "status"),
			 (long long)number(t, "sense_key"));
	else
		snprintf(status, sizeof(status), "lost%llx", (long long)number(t, "status"));
	printf("%8s %8s %6s %4lld %10lld %2lld/%-2lld %-20s %12s %7s  %lld, %s\n",
	       duration(t, "age_ns", age), duration(t, "latency_ns", latency), status,
	       (long long)number(t, "slot"), (long long)number(t, "bundle"),
	       (long long)number(t, "bundle_index") + 1, (long long)number(t, "bundle_size"),
	       text(t, "command"), optional(t, "lba", lba), optional(t, "blocks", blocks),
	       (long long)number(t, "lun"), text(t, "cdb"));
}

static void print_lanes(const json_t *why, size_t wanted)
{
	const json_t *lanes = json_object_get(why, "lanes"), *lane;
	size_t i;

	json_array_foreach(lanes, i, lane)
	{
		const json_t *last = json_object_get(lane, "last");
		size_t count = json_array_size(last);
		char name[16];

		if (count == 0 || wanted == 0)
			continue;
		printf("\nlast of queue %lld", (long long)number(lane, "queue"));
		if (json_is_integer(json_object_get(lane, "worker")))
			printf(", worker %s", worker(lane, name));
		printf("\n%8s %8s %6s %4s %10s %5s %-20s %12s %7s  %s\n", "age", "latency",
		       "status", "slot", "bundle", "of", "command", "lba", "blocks", "lun, cdb");
		for (size_t t = count > wanted ? count - wanted : 0; t < count; t++)
			print_ended(json_array_get(last, t));
	}
}

static int print(const struct sheaf_mount *mount, const char *answer, const struct why_args *args)
{
	json_error_t error;
	json_t *why;
	int r;

	if (args->json) {
		printf("%s\n", answer);
		return SHEAF_EXIT_OK;
	}
	why = json_loads(answer, 0, &error);
	if (!why) {
		sheaf_error("%s: what its server says is no JSON: line %d: %s", mount->mountpoint,
			    error.line, error.text);
		return SHEAF_EXIT_FAILED;
	}
	print_head(mount, why);
	r = print_tasks(why);
	if (r == 0)
		print_lanes(why, (size_t)args->last);
	json_decref(why);
	return r < 0 ? SHEAF_EXIT_FAILED : SHEAF_EXIT_OK;
}

static int why(const char *dir, const struct why_args *args)
{
	CLEANUP_FREE char *answer = NULL, *problem = NULL;
	struct sheaf_watched watched;
	int code = SHEAF_EXIT_FAILED;

	if (sheaf_watched_find(&watched, dir) < 0)
		return code;
	if (sheaf_control_ask(watched.mount, "why.json", &answer) < 0)
		answer = sheaf_watched_read_file(&watched, "why.json", &problem);
	if (answer)
		code = print(watched.mount, answer, args);
	else
		sheaf_error("%s", problem ? problem : strerror(ENOMEM));
	sheaf_watched_free(&watched);
	return code;
}

int sheaf_cmd_why(int argc, char **argv)
{
	struct why_args args = { .last = LAST_DEFAULT };
	struct sheaf_operands operands;
	int r = sheaf_options_parse(&why_line, argc, argv, &args, &operands);

	if (r != SHEAF_OPTIONS_RUN)
		return sheaf_options_exit(r);
	r = why(operands.words[0], &args);
	sheaf_options_free(&why_line, &args, &operands);
	return r;
}
