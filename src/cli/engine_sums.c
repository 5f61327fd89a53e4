/* SPDX-License-Identifier: MIT */
/* engine_sums.c - see engine_sums.h */
#include "cli/engine_sums.h"

#include <jansson.h>
#include <string.h>

#include "base/clock.h"
#include "base/counter.h"

static uint64_t count_at(const void *stats, size_t offset)
{
	return sheaf_count_get((const _Atomic uint64_t *)((const char *)stats + offset));
}

uint64_t sheaf_engine_count(const struct sheaf_engine *engine, const struct sheaf_queue *queue,
			    size_t offset)
{
	uint64_t total = 0;

	if (queue)
		return count_at(&queue->stats, offset);
	for (unsigned i = 0; i < engine->front_count; i++)
		total += count_at(&engine->host->queues[i]->stats, offset);
	return total;
}

uint64_t sheaf_engine_loop_count(const struct sheaf_engine *engine, size_t offset)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < engine->front_count; i++)
		total += count_at(sheaf_loop_stats(engine->fronts[i].loop), offset);
	for (unsigned i = 0; i < engine->worker_count; i++)
		total += count_at(sheaf_loop_stats(engine->workers[i].loop), offset);
	/* Loops in a driver's process say it themselves. */
	for (unsigned i = 0; engine->process && i < engine->host->workers; i++)
		total += count_at(sheaf_view_worker_stats(&engine->host->view, i), offset);
	return total;
}

const char *sheaf_engine_deployment(const struct sheaf_engine *engine)
{
	return engine->process ? "process" : engine->worker_count ? "pool" : "fused";
}

uint64_t sheaf_engine_uptime_seconds(const struct sheaf_engine *engine)
{
	return sheaf_clock_ns() / 1000000000 - (uint64_t)engine->start_seconds;
}

static void add_command(const struct sheaf_queue *queue, enum sheaf_command command,
			struct sheaf_command_sum *sum)
{
	const struct sheaf_command_stats *stats = &queue->observe.commands[command];

	sheaf_histogram_add(&sum->latency, &stats->latency);
	sum->errors += sheaf_count_get(&stats->errors);
	sum->bytes += sheaf_count_get(&stats->bytes);
}

void sheaf_engine_add_command(const struct sheaf_engine *engine, const struct sheaf_queue *queue,
			      enum sheaf_command command, struct sheaf_command_sum *sum)
{
	if (queue) {
		add_command(queue, command, sum);
		return;
	}
	for (unsigned i = 0; i < engine->front_count; i++)
		add_command(engine->host->queues[i], command, sum);
}

char *sheaf_utf8(const char *text)
{
	json_t *valid = json_string(text);
	char *copy = strdup(text);

	for (char *p = copy; !valid && p && *p; p++)
		if (*p & 0x80)
			*p = '?';
	json_decref(valid);
	return copy;
}
