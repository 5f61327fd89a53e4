/* SPDX-License-Identifier: MIT */
/* top_text.c - see top_text.h */
#include "cli/top_text.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#define BAR_WIDTH	24
#define NAME_WIDTH	17
#define IMAGE_WIDTH_MAX 200

const char *sheaf_top_duration(uint64_t ns, char out[16])
{
	static const char *const units[] = { "us", "ms", "s" };
	double value = (double)ns / 1000;
	unsigned unit = 0;

	if (ns < 1000) {
		snprintf(out, 16, "%" PRIu64 "ns", ns);
		return out;
	}
	/* 999.5 would be printed as 1000. */
	for (; value >= 999.5 && unit < 2; unit++)
		value /= 1000;
	snprintf(out, 16, "%.*f%s", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value, units[unit]);
	return out;
}

static double megabytes(const struct sheaf_top *top, uint64_t bytes)
{
	return sheaf_top_rate(top, bytes) / 1e6;
}

static double per_task(const struct sheaf_top *top, uint64_t count)
{
	return top->tasks.ended ? (double)count / (double)top->tasks.ended : 0;
}

/* A line of its own kind; without marks only its text. */
static void begin(FILE *out, const struct sheaf_top_page *page, char mark)
{
	if (page->marks)
		fputc(mark, out);
}

/* Of all commands together. */
static double depth(const struct sheaf_top *top)
{
	double sum = 0;

	for (size_t i = 0; i < top->command_count; i++)
		sum += sheaf_top_depth(top, &top->commands[i].latency);
	return sum;
}

static void print_server(FILE *out, const struct sheaf_top_page *page, const struct sheaf_top *top)
{
	uint64_t read = 0, written = 0;

	for (size_t i = 0; i < top->lu_count; i++) {
		read += top->lus[i].read_bytes;
		written += top->lus[i].written_bytes;
	}
	begin(out, page, SHEAF_TOP_MARK_HEADING);
	fprintf(out, "%s  sheaf top %s: sheaf %s, process %" PRIu64 ", up %" PRIu64 " s\n",
		page->when, page->dir, top->version, top->pid, top->uptime_seconds);
	fprintf(out, "transport %s, io %s, %s, %s, driver %s, %" PRIu64 " slots, over %.2f s\n",
		top->transport, top->io, top->deployment, top->mode, top->driver, top->slots,
		(double)top->clock_ns / 1e9);
	fprintf(out,
		"%.0f tasks/s, %.1f MB/s read, %.1f MB/s written, mean depth %.2f, %" PRIu64
		" in flight\n",
		sheaf_top_rate(top, top->tasks.ended), megabytes(top, read),
		megabytes(top, written), depth(top), top->tasks.in_flight);
	fprintf(out, "a task: %.3f io_uring_enter, %.3f doorbells, %.2f done inline\n",
		per_task(top, top->enters), per_task(top, top->doorbells),
		per_task(top, top->inline_completions));
}

/* Seldom anything: a line only then. */
static void print_escalation(FILE *out, const struct sheaf_top_page *page, const struct sheaf_top *top)
{
	const struct sheaf_top_escalation *e = &top->escalation;

	if (!e->aborts && !e->lu_resets && !e->driver_restarts && !e->failed)
		return;
	begin(out, page, SHEAF_TOP_MARK_TROUBLE);
	fprintf(out,
		"late tasks: aborts %" PRIu64 ", LU resets %" PRIu64 ", driver restarts %" PRIu64
		", failed %" PRIu64 "; see: sheaf why\n",
		e->aborts, e->lu_resets, e->driver_restarts, e->failed);
}

static void print_trouble(FILE *out, const struct sheaf_top_page *page, const struct sheaf_top *top)
{
	const struct sheaf_top_tasks *t = &top->tasks;

	if (t->errors || t->timeouts || t->late || t->quarantined || top->violations)
		begin(out, page, SHEAF_TOP_MARK_TROUBLE);
	fprintf(out,
		"errors %" PRIu64 ", retries %" PRIu64 ", timeouts %" PRIu64 ", late %" PRIu64
		", quarantined %" PRIu64 ", violations %" PRIu64 "\n",
		t->errors, t->retries, t->timeouts, t->late, t->quarantined, top->violations);
}

/* Of no task there is none: "-". */
static const char *percentile(const struct sheaf_histogram_snapshot *latency, double part,
			      char out[16])
{
	return latency->count ? sheaf_top_duration(sheaf_histogram_percentile(latency, part), out)
			      : "-";
}

static void print_percentiles(FILE *out, const struct sheaf_histogram_snapshot *latency)
{
	static const double parts[] = { 0.5, 0.9, 0.99, 0.999 };
	char text[16];

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		fprintf(out, " %7s", percentile(latency, parts[i], text));
	fprintf(out, " %7s", latency->count ? sheaf_top_duration(latency->max, text) : "-");
}

/* Those that ever came: rows do not jump while one pauses. */
static void print_commands(FILE *out, const struct sheaf_top_page *page,
			   const struct sheaf_top *top)
{
	fputc('\n', out);
	begin(out, page, SHEAF_TOP_MARK_HEADING);
	fprintf(out, "%-*s %8s %7s %7s %7s %7s %7s %7s %5s\n", NAME_WIDTH, "command", "tasks/s",
		"MB/s", "p50", "p90", "p99", "p99.9", "max", "error");
	for (size_t i = 0; i < top->command_count; i++) {
		const struct sheaf_top_command *c = &top->commands[i];

		if (c->total == 0)
			continue;
		fprintf(out, "%-*s %8.0f %7.1f", NAME_WIDTH, c->name,
			sheaf_top_rate(top, c->latency.count), megabytes(top, c->bytes));
		print_percentiles(out, &c->latency);
		fprintf(out, " %5" PRIu64 "\n", c->errors);
	}
}

static void print_bar(FILE *out, uint64_t count, uint64_t all, bool pad)
{
	double part = all ? (double)count / (double)all : 0;
	int length = (int)(part * BAR_WIDTH + 0.5);

	/* What is there is seen. */
	if (count && length == 0)
		length = 1;
	fprintf(out, "%5.1f %%%s", part * 100, pad || length ? " " : "");
	for (int i = 0; i < (pad ? BAR_WIDTH : length); i++)
		fputc(i < length ? '#' : ' ', out);
}

static uint64_t in_range(const struct sheaf_top_bundles *bundles, unsigned from, unsigned to)
{
	uint64_t n = 0;

	for (unsigned i = from; i <= to; i++)
		n += bundles->by_size[i];
	return n;
}

static void print_bundles(FILE *out, const struct sheaf_top_page *page, const struct sheaf_top *top)
{
	static const struct {
		const char *name;
		unsigned from, to;
	} rows[] = {
		{ "1", 1, 1 },	   { "2", 2, 2 },	{ "3-4", 3, 4 },  { "5-8", 5, 8 },
		{ "9-16", 9, 16 }, { "17-31", 17, 31 }, { "32", 32, 32 },
	};

	fputc('\n', out);
	begin(out, page, SHEAF_TOP_MARK_HEADING);
	fprintf(out, "bundles of   request, mean %5.2f%*s completion, mean %5.2f\n",
		sheaf_top_mean(&top->requests), BAR_WIDTH + 8 - 19, "",
		sheaf_top_mean(&top->completions));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fprintf(out, "%10s  ", rows[i].name);
		print_bar(out, in_range(&top->requests, rows[i].from, rows[i].to),
			  top->requests.count, true);
		fputs("  ", out);
		print_bar(out, in_range(&top->completions, rows[i].from, rows[i].to),
			  top->completions.count, false);
		fputc('\n', out);
	}
}

static void print_queues(FILE *out, const struct sheaf_top_page *page, const struct sheaf_top *top)
{
	char median[16], high[16];

	fputc('\n', out);
	begin(out, page, SHEAF_TOP_MARK_HEADING);
	fprintf(out, "%-*s %8s %7s %9s %8s %8s %7s %7s %5s\n", 10, "queue", "tasks/s", "MB/s",
		"depth", "req.size", "com.size", "p50", "p99", "error");
	for (size_t i = 0; i < top->queue_count; i++) {
		const struct sheaf_top_queue *q = &top->queues[i];
		const struct sheaf_histogram_snapshot *latency = &q->all.latency;

		fprintf(out, "%-10" PRIu64 " %8.0f %7.1f %9.2f %8.2f %8.2f %7s %7s %5" PRIu64 "\n",
			q->index, sheaf_top_rate(top, q->tasks.ended), megabytes(top, q->all.bytes),
			sheaf_top_depth(top, latency), sheaf_top_mean(&q->requests),
			sheaf_top_mean(&q->completions), percentile(latency, 0.5, median),
			percentile(latency, 0.99, high), q->tasks.errors);
	}
}

static void print_lanes(FILE *out, const struct sheaf_top_page *page, const struct sheaf_top *top)
{
	if (top->lane_count == 0)
		return;
	fputc('\n', out);
	begin(out, page, SHEAF_TOP_MARK_HEADING);
	fprintf(out, "%-10s %8s %17s %8s\n", "lane", "tasks/s", "in flight", "req.size");
	for (size_t i = 0; i < top->lane_count; i++) {
		const struct sheaf_top_lane *l = &top->lanes[i];
		char name[48];

		snprintf(name, sizeof(name), "%" PRIu64 " > %" PRIu64, l->queue, l->worker);
		fprintf(out, "%-10s %8.0f %17" PRIu64 " %8.2f\n", name,
			sheaf_top_rate(top, l->tasks), l->in_flight,
			l->bundles ? (double)l->tasks / (double)l->bundles : 0);
	}
}

/* The end of a path tells more than its beginning: "..sk.img". @out: @width and 1 bytes. Return: @out. */
static const char *cut(const char *text, size_t width, char *out)
{
	size_t length = strlen(text);

	if (length <= width)
		return strcpy(out, text);
	snprintf(out, width + 1, "..%s", text + length - (width - 2));
	return out;
}

static void print_lus(FILE *out, const struct sheaf_top_page *page, const struct sheaf_top *top)
{
	int width = (int)page->width - 63;
	char image[IMAGE_WIDTH_MAX + 1];

	width = width < 17 ? 17 : width > IMAGE_WIDTH_MAX ? IMAGE_WIDTH_MAX : width;
	fputc('\n', out);
	begin(out, page, SHEAF_TOP_MARK_HEADING);
	fprintf(out, "%3s %-*s %8s %8s %9s %11s %8s %7s\n", "lun", width, "image", "reads/s",
		"writes/s", "MB/s read", "MB/s writ.", "flush/s", "unmap/s");
	for (size_t i = 0; i < top->lu_count; i++) {
		const struct sheaf_top_lu *lu = &top->lus[i];

		fprintf(out, "%3" PRIu64 " %-*s %8.0f %8.0f %9.1f %11.1f %8.0f %7.0f\n", lu->lun,
			width, cut(lu->image, (size_t)width, image), sheaf_top_rate(top, lu->reads),
			sheaf_top_rate(top, lu->writes), megabytes(top, lu->read_bytes),
			megabytes(top, lu->written_bytes), sheaf_top_rate(top, lu->flushes),
			sheaf_top_rate(top, lu->unmaps));
	}
}

void sheaf_top_print(FILE *out, const struct sheaf_top_page *page, const struct sheaf_top *top)
{
	print_server(out, page, top);
	print_trouble(out, page, top);
	print_escalation(out, page, top);
	print_commands(out, page, top);
	print_bundles(out, page, top);
	print_queues(out, page, top);
	print_lanes(out, page, top);
	print_lus(out, page, top);
}

/* JSON: rates a second, latencies in ns, sizes in bytes */

static void put(json_t *object, const char *name, uint64_t value)
{
	json_object_set_new(object, name, json_integer((json_int_t)value));
}

static void put_real(json_t *object, const char *name, double value)
{
	json_object_set_new(object, name, json_real(value));
}

static json_t *json_tasks(const struct sheaf_top *top, const struct sheaf_top_tasks *tasks)
{
	json_t *o = json_object();

	put_real(o, "per_second", sheaf_top_rate(top, tasks->ended));
	put(o, "in_flight", tasks->in_flight);
	put(o, "errors", tasks->errors);
	put(o, "retries", tasks->retries);
	put(o, "timeouts", tasks->timeouts);
	put(o, "late", tasks->late);
	put(o, "quarantined", tasks->quarantined);
	return o;
}

static json_t *json_escalation(const struct sheaf_top_escalation *escalation)
{
	json_t *o = json_object();

	put(o, "aborts", escalation->aborts);
	put(o, "lu_resets", escalation->lu_resets);
	put(o, "driver_restarts", escalation->driver_restarts);
	put(o, "failed", escalation->failed);
	return o;
}

static json_t *json_command(const struct sheaf_top *top, const struct sheaf_top_command *command)
{
	const struct sheaf_histogram_snapshot *latency = &command->latency;
	json_t *o = json_object();

	put_real(o, "per_second", sheaf_top_rate(top, latency->count));
	put_real(o, "bytes_per_second", sheaf_top_rate(top, command->bytes));
	put_real(o, "mean_depth", sheaf_top_depth(top, latency));
	put(o, "errors", command->errors);
	put(o, "mean_ns", (uint64_t)sheaf_histogram_mean(latency));
	put(o, "p50_ns", sheaf_histogram_percentile(latency, 0.5));
	put(o, "p90_ns", sheaf_histogram_percentile(latency, 0.9));
	put(o, "p99_ns", sheaf_histogram_percentile(latency, 0.99));
	put(o, "p999_ns", sheaf_histogram_percentile(latency, 0.999));
	put(o, "max_ns", latency->max);
	return o;
}

static json_t *json_bundles(const struct sheaf_top_bundles *bundles)
{
	json_t *o = json_object(), *sizes = json_array();

	put(o, "count", bundles->count);
	put_real(o, "mean", sheaf_top_mean(bundles));
	for (unsigned i = 0; i <= SHEAF_BUNDLE_MAX; i++)
		json_array_append_new(sizes, json_integer((json_int_t)bundles->by_size[i]));
	json_object_set_new(o, "by_size", sizes);
	return o;
}

static json_t *json_queue(const struct sheaf_top *top, const struct sheaf_top_queue *queue)
{
	json_t *o = json_object();

	put(o, "index", queue->index);
	json_object_set_new(o, "tasks", json_tasks(top, &queue->tasks));
	json_object_set_new(o, "request_bundles", json_bundles(&queue->requests));
	json_object_set_new(o, "completion_bundles", json_bundles(&queue->completions));
	json_object_set_new(o, "latency", json_command(top, &queue->all));
	return o;
}

static json_t *json_lane(const struct sheaf_top *top, const struct sheaf_top_lane *lane)
{
	json_t *o = json_object();

	put(o, "queue", lane->queue);
	put(o, "worker", lane->worker);
	put_real(o, "tasks_per_second", sheaf_top_rate(top, lane->tasks));
	put_real(o, "bundles_per_second", sheaf_top_rate(top, lane->bundles));
	put(o, "in_flight", lane->in_flight);
	return o;
}

static json_t *json_lu(const struct sheaf_top *top, const struct sheaf_top_lu *lu)
{
	json_t *o = json_object();

	put(o, "lun", lu->lun);
	json_object_set_new(o, "image", json_string(lu->image));
	put_real(o, "reads_per_second", sheaf_top_rate(top, lu->reads));
	put_real(o, "writes_per_second", sheaf_top_rate(top, lu->writes));
	put_real(o, "read_bytes_per_second", sheaf_top_rate(top, lu->read_bytes));
	put_real(o, "written_bytes_per_second", sheaf_top_rate(top, lu->written_bytes));
	put_real(o, "flushes_per_second", sheaf_top_rate(top, lu->flushes));
	put_real(o, "unmaps_per_second", sheaf_top_rate(top, lu->unmaps));
	return o;
}

char *sheaf_top_json(const struct sheaf_top_page *page, const struct sheaf_top *top)
{
	json_t *o = json_object(), *commands = json_object(), *queues = json_array();
	json_t *lanes = json_array(), *lus = json_array();
	char *text;

	json_object_set_new(o, "when", json_string(page->when));
	put(o, "pid", top->pid);
	put_real(o, "seconds", (double)top->clock_ns / 1e9);
	json_object_set_new(o, "tasks", json_tasks(top, &top->tasks));
	json_object_set_new(o, "escalation", json_escalation(&top->escalation));
	put_real(o, "mean_depth", depth(top));
	put_real(o, "enters_per_task", per_task(top, top->enters));
	put_real(o, "doorbells_per_task", per_task(top, top->doorbells));
	put(o, "violations", top->violations);
	json_object_set_new(o, "request_bundles", json_bundles(&top->requests));
	json_object_set_new(o, "completion_bundles", json_bundles(&top->completions));
	for (size_t i = 0; i < top->command_count; i++)
		json_object_set_new(commands, top->commands[i].name,
				    json_command(top, &top->commands[i]));
	for (size_t i = 0; i < top->queue_count; i++)
		json_array_append_new(queues, json_queue(top, &top->queues[i]));
	for (size_t i = 0; i < top->lane_count; i++)
		json_array_append_new(lanes, json_lane(top, &top->lanes[i]));
	for (size_t i = 0; i < top->lu_count; i++)
		json_array_append_new(lus, json_lu(top, &top->lus[i]));
	json_object_set_new(o, "latency", commands);
	json_object_set_new(o, "queues", queues);
	json_object_set_new(o, "lanes", lanes);
	json_object_set_new(o, "lus", lus);
	text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(9));
	json_decref(o);
	return text;
}
