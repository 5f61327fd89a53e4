/* SPDX-License-Identifier: MIT */
/* top_model.c - see top_model.h */
#include "cli/top_model.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Numbers */

/* Nothing in stats.json is negative; what is, or is no number, is 0. */
static uint64_t number(const json_t *object, const char *name)
{
	json_int_t value = json_integer_value(json_object_get(object, name));

	return value < 0 ? 0 : (uint64_t)value;
}

static void copy_name(char out[SHEAF_TOP_NAME_MAX], const char *name)
{
	strncpy(out, name ? name : "?", SHEAF_TOP_NAME_MAX - 1);
	out[SHEAF_TOP_NAME_MAX - 1] = '\0';
}

static void read_name(char out[SHEAF_TOP_NAME_MAX], const json_t *object, const char *name)
{
	copy_name(out, json_string_value(json_object_get(object, name)));
}

static void read_tasks(struct sheaf_top_tasks *tasks, const json_t *o)
{
	tasks->ended = number(o, "ended");
	tasks->errors = number(o, "errors");
	tasks->retries = number(o, "retries");
	tasks->timeouts = number(o, "timeouts");
	tasks->late = number(o, "late");
	tasks->aborted = number(o, "aborted");
	tasks->reissued = number(o, "reissued");
	tasks->in_flight = number(o, "in_flight");
	tasks->quarantined = number(o, "quarantined");
}

static void read_escalation(struct sheaf_top_escalation *escalation, const json_t *o)
{
	escalation->aborts = number(o, "aborts");
	escalation->lu_resets = number(o, "lu_resets");
	escalation->driver_restarts = number(o, "driver_restarts");
	escalation->failed = number(o, "failed");
}

/* "count" and "tasks" were read a moment before the sizes; their sums agree with them. */
static void read_bundles(struct sheaf_top_bundles *bundles, const json_t *o)
{
	const json_t *sizes = json_object_get(o, "by_size");

	for (size_t i = 0; i <= SHEAF_BUNDLE_MAX; i++) {
		json_int_t n = json_integer_value(json_array_get(sizes, i));

		bundles->by_size[i] = n < 0 ? 0 : (uint64_t)n;
		bundles->count += bundles->by_size[i];
		bundles->tasks += bundles->by_size[i] * i;
	}
}

static void read_command(struct sheaf_top_command *command, const char *name, const json_t *o)
{
	struct sheaf_histogram_snapshot *latency = &command->latency;
	const json_t *buckets = json_object_get(o, "buckets");

	copy_name(command->name, name);
	command->total = number(o, "count");
	command->errors = number(o, "errors");
	command->bytes = number(o, "bytes");
	latency->sum = number(o, "total_ns");
	latency->max = number(o, "max_ns");
	for (size_t i = 0; i < json_array_size(buckets); i++) {
		const json_t *bucket = json_array_get(buckets, i);
		json_int_t upper = json_integer_value(json_array_get(bucket, 0));
		json_int_t n = json_integer_value(json_array_get(bucket, 1));

		if (upper < 0 || n < 0)
			continue;
		latency->buckets[sheaf_histogram_index((uint64_t)upper)] += (uint64_t)n;
		latency->count += (uint64_t)n;
	}
}

static void read_lu(struct sheaf_top_lu *lu, const json_t *o)
{
	const char *image = json_string_value(json_object_get(o, "image"));

	lu->lun = number(o, "lun");
	lu->image = strdup(image ? image : "?");
	lu->reads = number(o, "reads");
	lu->writes = number(o, "writes");
	lu->read_bytes = number(o, "read_bytes");
	lu->written_bytes = number(o, "written_bytes");
	lu->flushes = number(o, "flushes");
	lu->unmaps = number(o, "unmaps");
}

static void read_lane(struct sheaf_top_lane *lane, uint64_t queue, const json_t *o)
{
	lane->queue = queue;
	lane->worker = number(o, "worker");
	lane->bundles = number(o, "bundles");
	lane->tasks = number(o, "tasks");
	lane->in_flight = number(o, "in_flight");
}

/* Arrays; false without memory. */

static bool read_commands(struct sheaf_top *top, json_t *commands)
{
	const char *name;
	json_t *o;

	top->commands = calloc(json_object_size(commands) + 1, sizeof(*top->commands));
	if (!top->commands)
		return false;
	json_object_foreach(commands, name, o)
		read_command(&top->commands[top->command_count++], name, o);
	return true;
}

static bool read_queues(struct sheaf_top *top, const json_t *queues)
{
	size_t lanes = 0;

	for (size_t i = 0; i < json_array_size(queues); i++)
		lanes += json_array_size(json_object_get(json_array_get(queues, i), "lanes"));
	top->queues = calloc(json_array_size(queues) + 1, sizeof(*top->queues));
	top->lanes = calloc(lanes + 1, sizeof(*top->lanes));
	if (!top->queues || !top->lanes)
		return false;
	for (size_t i = 0; i < json_array_size(queues); i++) {
		const json_t *o = json_array_get(queues, i), *of = json_object_get(o, "lanes");
		struct sheaf_top_queue *queue = &top->queues[top->queue_count++];

		queue->index = number(o, "index");
		queue->slots = number(o, "slots");
		read_tasks(&queue->tasks, json_object_get(o, "tasks"));
		read_bundles(&queue->requests, json_object_get(o, "request_bundles"));
		read_bundles(&queue->completions, json_object_get(o, "completion_bundles"));
		read_command(&queue->all, "all", json_object_get(o, "latency"));
		for (size_t w = 0; w < json_array_size(of); w++)
			read_lane(&top->lanes[top->lane_count++], queue->index,
				  json_array_get(of, w));
	}
	return true;
}

static bool read_lus(struct sheaf_top *top, const json_t *lus)
{
	top->lus = calloc(json_array_size(lus) + 1, sizeof(*top->lus));
	if (!top->lus)
		return false;
	for (size_t i = 0; i < json_array_size(lus); i++) {
		read_lu(&top->lus[top->lu_count++], json_array_get(lus, i));
		if (!top->lus[i].image)
			return false;
	}
	return true;
}

static uint64_t read_violations(json_t *violations)
{
	uint64_t total = 0;
	const char *kind;
	json_t *count;

	json_object_foreach(violations, kind, count) total += number(violations, kind);
	return total;
}

int sheaf_top_parse(const char *text, struct sheaf_top **ret_top)
{
	json_t *o = json_loads(text, 0, NULL);
	struct sheaf_top *top;
	bool whole;

	if (!json_is_object(o)) {
		json_decref(o);
		return -EINVAL;
	}
	top = calloc(1, sizeof(*top));
	if (!top) {
		json_decref(o);
		return -ENOMEM;
	}
	read_name(top->version, o, "version");
	read_name(top->transport, o, "transport");
	read_name(top->io, o, "io");
	read_name(top->deployment, o, "deployment");
	read_name(top->mode, o, "mode");
	read_name(top->driver, json_object_get(o, "driver"), "name");
	top->pid = number(o, "pid");
	top->uptime_seconds = number(o, "uptime_seconds");
	top->slots = number(o, "slots");
	top->clock_ns = number(o, "clock_ns");
	read_tasks(&top->tasks, json_object_get(o, "tasks"));
	read_escalation(&top->escalation, json_object_get(o, "escalation"));
	read_bundles(&top->requests, json_object_get(o, "request_bundles"));
	read_bundles(&top->completions, json_object_get(o, "completion_bundles"));
	top->doorbells = number(o, "doorbells");
	top->enters = number(o, "io_uring_enters");
	top->inline_completions = number(o, "inline_completions");
	top->violations = read_violations(json_object_get(o, "violations"));
	whole = read_commands(top, json_object_get(o, "latency")) &&
		read_queues(top, json_object_get(o, "queues")) &&
		read_lus(top, json_object_get(o, "lus"));
	json_decref(o);
	if (!whole) {
		sheaf_top_free(top);
		return -ENOMEM;
	}
	*ret_top = top;
	return 0;
}

struct sheaf_top *sheaf_top_free(struct sheaf_top *top)
{
	if (!top)
		return NULL;
	for (size_t i = 0; i < top->lu_count; i++)
		free(top->lus[i].image);
	free(top->commands);
	free(top->queues);
	free(top->lanes);
	free(top->lus);
	free(top);
	return NULL;
}

/* Differences */

/* Counters never go back; two that were read at slightly different moments may seem to. */
static void less(uint64_t *later, uint64_t earlier)
{
	*later = *later > earlier ? *later - earlier : 0;
}

static void less_tasks(struct sheaf_top_tasks *later, const struct sheaf_top_tasks *earlier)
{
	less(&later->ended, earlier->ended);
	less(&later->errors, earlier->errors);
	less(&later->retries, earlier->retries);
	less(&later->timeouts, earlier->timeouts);
	less(&later->late, earlier->late);
	less(&later->aborted, earlier->aborted);
	less(&later->reissued, earlier->reissued);
}

static void less_escalation(struct sheaf_top_escalation *later,
			    const struct sheaf_top_escalation *earlier)
{
	less(&later->aborts, earlier->aborts);
	less(&later->lu_resets, earlier->lu_resets);
	less(&later->driver_restarts, earlier->driver_restarts);
	less(&later->failed, earlier->failed);
}

static void less_bundles(struct sheaf_top_bundles *later, const struct sheaf_top_bundles *earlier)
{
	less(&later->count, earlier->count);
	less(&later->tasks, earlier->tasks);
	for (size_t i = 0; i <= SHEAF_BUNDLE_MAX; i++)
		less(&later->by_size[i], earlier->by_size[i]);
}

static void less_command(struct sheaf_top_command *later, const struct sheaf_top_command *earlier)
{
	less(&later->errors, earlier->errors);
	less(&later->bytes, earlier->bytes);
	sheaf_histogram_subtract(&later->latency, &earlier->latency);
}

static void less_lu(struct sheaf_top_lu *later, const struct sheaf_top_lu *earlier)
{
	less(&later->reads, earlier->reads);
	less(&later->writes, earlier->writes);
	less(&later->read_bytes, earlier->read_bytes);
	less(&later->written_bytes, earlier->written_bytes);
	less(&later->flushes, earlier->flushes);
	less(&later->unmaps, earlier->unmaps);
}

/* An array of @count; never of no bytes. */
static void *copy_array(const void *array, size_t count, size_t size)
{
	void *copy = calloc(count + 1, size);

	if (copy && count)
		memcpy(copy, array, count * size);
	return copy;
}

static struct sheaf_top *copy_of(const struct sheaf_top *top)
{
	struct sheaf_top *copy = malloc(sizeof(*copy));
	bool whole;

	if (!copy)
		return NULL;
	*copy = *top;
	copy->commands = copy_array(top->commands, top->command_count, sizeof(*top->commands));
	copy->queues = copy_array(top->queues, top->queue_count, sizeof(*top->queues));
	copy->lanes = copy_array(top->lanes, top->lane_count, sizeof(*top->lanes));
	copy->lus = copy_array(top->lus, top->lu_count, sizeof(*top->lus));
	whole = copy->commands && copy->queues && copy->lanes && copy->lus;
	copy->lu_count = copy->lus ? top->lu_count : 0;
	for (size_t i = 0; i < copy->lu_count; i++) {
		copy->lus[i].image = strdup(top->lus[i].image);
		whole = whole && copy->lus[i].image;
	}
	return whole ? copy : sheaf_top_free(copy);
}

/* One server's arrays are always the same, in order and length. */
static bool of_one_server(const struct sheaf_top *earlier, const struct sheaf_top *later)
{
	return later->pid == earlier->pid && later->clock_ns > earlier->clock_ns &&
	       later->tasks.ended >= earlier->tasks.ended &&
	       later->command_count == earlier->command_count &&
	       later->queue_count == earlier->queue_count &&
	       later->lane_count == earlier->lane_count && later->lu_count == earlier->lu_count;
}

int sheaf_top_between(const struct sheaf_top *earlier, const struct sheaf_top *later,
		      struct sheaf_top **ret_difference)
{
	struct sheaf_top *d;

	if (!of_one_server(earlier, later))
		return -ESTALE;
	d = copy_of(later);
	if (!d)
		return -ENOMEM;
	less(&d->clock_ns, earlier->clock_ns);
	less_tasks(&d->tasks, &earlier->tasks);
	less_escalation(&d->escalation, &earlier->escalation);
	less_bundles(&d->requests, &earlier->requests);
	less_bundles(&d->completions, &earlier->completions);
	less(&d->doorbells, earlier->doorbells);
	less(&d->enters, earlier->enters);
	less(&d->inline_completions, earlier->inline_completions);
	less(&d->violations, earlier->violations);
	for (size_t i = 0; i < d->command_count; i++)
		less_command(&d->commands[i], &earlier->commands[i]);
	for (size_t i = 0; i < d->queue_count; i++) {
		less_tasks(&d->queues[i].tasks, &earlier->queues[i].tasks);
		less_bundles(&d->queues[i].requests, &earlier->queues[i].requests);
		less_bundles(&d->queues[i].completions, &earlier->queues[i].completions);
		less_command(&d->queues[i].all, &earlier->queues[i].all);
	}
	for (size_t i = 0; i < d->lane_count; i++) {
		less(&d->lanes[i].bundles, earlier->lanes[i].bundles);
		less(&d->lanes[i].tasks, earlier->lanes[i].tasks);
	}
	for (size_t i = 0; i < d->lu_count; i++)
		less_lu(&d->lus[i], &earlier->lus[i]);
	*ret_difference = d;
	return 0;
}

double sheaf_top_rate(const struct sheaf_top *difference, uint64_t count)
{
	return difference->clock_ns ? (double)count * 1e9 / (double)difference->clock_ns : 0;
}

double sheaf_top_depth(const struct sheaf_top *difference,
		       const struct sheaf_histogram_snapshot *latency)
{
	return difference->clock_ns ? (double)latency->sum / (double)difference->clock_ns : 0;
}

double sheaf_top_mean(const struct sheaf_top_bundles *bundles)
{
	return bundles->count ? (double)bundles->tasks / (double)bundles->count : 0;
}
