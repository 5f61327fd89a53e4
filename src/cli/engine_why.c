/* SPDX-License-Identifier: MIT */
/*
 * engine_why.c - why.json: what is in flight, since when, who has it, and the last tasks of each lane. Names: doc/architecture.md.
 *
 * Made from outside the loops, any of which may stand still in a driver: it reads atomics, the flight recorder, and command slots
 * through the region's file (host/flight.h). What changes under it is left out.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/engine_sums.h"
#include "config.h"
#include "host/escalate.h"
#include "host/flight.h"
#include "scsi/cdb.h"

static const char *const owner_names[] = {
	[SHEAF_SLOT_FREE] = "free",
	[SHEAF_SLOT_HOST] = "host",
	[SHEAF_SLOT_GATHERED] = "gathered",
	[SHEAF_SLOT_CONTROLLER] = "controller",
	[SHEAF_SLOT_QUARANTINED] = "quarantined",
};
#define OWNERS (sizeof(owner_names) / sizeof(owner_names[0]))

static void put(json_t *object, const char *name, int64_t value)
{
	json_object_set_new(object, name, json_integer((json_int_t)value));
}

static void put_text(json_t *object, const char *name, const char *text)
{
	json_object_set_new(object, name, json_string(text));
}

/* Name as the standard prints it, LBA and blocks, where the table knows the command. */
static void put_command(json_t *o, const struct sheaf_flight_task *task)
{
	const struct sheaf_cdb_command *command = NULL;
	char hex[2 * SHEAF_CDB_MAX + 1];
	uint16_t byte;
	int8_t bit;

	if (sheaf_cdb_find(task->cdb, task->cdb_length, &command, &byte, &bit) == SHEAF_CDB_OK) {
		put_text(o, "command", command->name);
		if (command->lba.size)
			put(o, "lba", (int64_t)sheaf_cdb_lba(command, task->cdb));
		if (command->count_is == SHEAF_CDB_COUNT_TRANSFER ||
		    command->count_is == SHEAF_CDB_COUNT_BLOCKS)
			put(o, "blocks", sheaf_cdb_count(command, task->cdb));
	} else {
		put_text(o, "command", "?");
	}
	for (unsigned i = 0; i < task->cdb_length; i++)
		snprintf(hex + 2 * i, 3, "%02x", task->cdb[i]);
	put_text(o, "cdb", task->cdb_length ? hex : "");
	put(o, "lun", task->lun);
	put(o, "bytes", task->requested);
}

static void put_worker(json_t *o, const struct sheaf_engine *engine, uint32_t worker)
{
	json_object_set_new(o, "worker", engine->worker_count ? json_integer(worker) : json_null());
}

/* NULL: it has changed meanwhile, or there is no task in it. */
static json_t *slot_task(const struct sheaf_engine *engine, uint32_t slot, uint64_t now_ns)
{
	const struct sheaf_slot_state *state = &engine->host->slot_states[slot];
	uint8_t owner = atomic_load_explicit(&state->owner, memory_order_acquire);
	uint64_t identifier = state->identifier, start_ns = state->start_ns;
	uint64_t deadline_ns = state->deadline_ns, target;
	struct sheaf_flight_task task;
	unsigned step = owner == SHEAF_SLOT_GATHERED ? SHEAF_STEP_NONE : state->step;
	json_t *o;

	if (owner < SHEAF_SLOT_GATHERED || step >= SHEAF_STEPS ||
	    !sheaf_flight_peek(&engine->host->region, (uint16_t)slot, &task, &target) ||
	    state->identifier != identifier || state->owner != owner)
		return NULL;
	o = json_object();
	put(o, "slot", slot);
	put(o, "queue", state->queue);
	put_text(o, "owner", owner_names[owner]);
	put_worker(o, engine, state->worker);
	put(o, "generation", (int64_t)(identifier >> 32));
	if (owner != SHEAF_SLOT_GATHERED)
		put(o, "age_ns", (int64_t)(now_ns - start_ns));
	if (owner == SHEAF_SLOT_CONTROLLER && deadline_ns)
		put(o, "due_ns",
		    (int64_t)(deadline_ns - now_ns)); /* to its next step; late: below 0 */
	put_text(o, "step", sheaf_step_names[step]);
	put(o, "target", (int64_t)target);
	put_command(o, &task);
	return o;
}

static json_t *tasks(const struct sheaf_engine *engine, uint64_t now_ns)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < engine->host->slots; i++) {
		json_t *o = slot_task(engine, i, now_ns);

		if (o)
			json_array_append_new(a, o);
	}
	return a;
}

/* How many are whose. */
static json_t *slots(const struct sheaf_engine *engine)
{
	unsigned count[OWNERS] = { 0 };
	json_t *o = json_object();

	for (uint32_t i = 0; i < engine->host->slots; i++) {
		uint8_t owner = engine->host->slot_states[i].owner;

		if (owner < OWNERS)
			count[owner]++;
	}
	put(o, "total", engine->host->slots);
	for (unsigned i = 0; i < OWNERS; i++)
		put(o, owner_names[i], count[i]);
	return o;
}

/* A loop that does not turn: its timer is due, and nobody took it. */
static json_t *queues(const struct sheaf_engine *engine, uint64_t now_ns)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < engine->front_count; i++) {
		const struct sheaf_queue *queue = engine->host->queues[i];
		uint64_t due_ns = queue->tick_due_ns;
		json_t *o = json_object();

		put(o, "index", i);
		put(o, "in_flight", (int64_t)sheaf_count_get(&queue->stats.in_flight));
		put(o, "stands_still_ns",
		    due_ns && now_ns > due_ns ? (int64_t)(now_ns - due_ns) : 0);
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *ended_task(const struct sheaf_flight_task *task, uint64_t now_ns)
{
	json_t *o = json_object();

	put(o, "slot", task->slot);
	put(o, "generation", task->generation);
	put(o, "age_ns", (int64_t)(now_ns - task->start_ns));
	put(o, "latency_ns", (int64_t)task->latency_ns);
	put(o, "bundle", task->bundle);
	put(o, "bundle_size", task->bundle_size);
	put(o, "bundle_index", task->bundle_index);
	put(o, "service_response", task->service_response);
	put(o, "status", task->status);
	put(o, "sense_key", task->sense_key);
	put_text(o, "step", task->step < SHEAF_STEPS ? sheaf_step_names[task->step] : "?");
	put(o, "transferred", task->transferred);
	put_command(o, task);
	return o;
}

static json_t *lanes(const struct sheaf_engine *engine, uint64_t now_ns)
{
	struct sheaf_flight_task *tasks_of = calloc(SHEAF_FLIGHT_TASKS, sizeof(*tasks_of));
	unsigned count = engine->worker_count ? engine->worker_count : 1;
	json_t *a = json_array();

	for (unsigned i = 0; tasks_of && i < engine->front_count; i++)
		for (unsigned w = 0; w < count; w++) {
			const struct sheaf_queue *queue = engine->host->queues[i];
			unsigned n = sheaf_flight_read(&queue->flights[w], tasks_of);
			json_t *o = json_object(), *last = json_array();

			put(o, "queue", i);
			put_worker(o, engine, w);
			for (unsigned t = 0; t < n; t++)
				json_array_append_new(last, ended_task(&tasks_of[t], now_ns));
			json_object_set_new(o, "last", last);
			json_array_append_new(a, o);
		}
	free(tasks_of);
	return a;
}

static json_t *escalation(const struct sheaf_engine *engine)
{
	json_t *o = json_object();

	put(o, "aborts", (int64_t)SHEAF_ENGINE_COUNT(engine, NULL, aborts));
	put(o, "lu_resets", (int64_t)SHEAF_ENGINE_COUNT(engine, NULL, lu_resets));
	put(o, "driver_restarts", (int64_t)SHEAF_ENGINE_COUNT(engine, NULL, driver_restarts));
	put(o, "failed", (int64_t)SHEAF_ENGINE_COUNT(engine, NULL, failed));
	return o;
}

/* The call that the driver is in. */
static json_t *management(const struct sheaf_engine *engine, uint64_t now_ns)
{
	struct sheaf_escalation_call call = sheaf_escalation_look(engine->host->escalation);
	json_t *o;

	if (!call.function)
		return json_null();
	o = json_object();
	put_text(o, "function", call.function);
	put(o, "target", (int64_t)call.target);
	put(o, "lun", (int64_t)call.lun);
	put(o, "age_ns", (int64_t)(now_ns - call.since_ns));
	put(o, "waiting", call.waiting);
	return o;
}

char *sheaf_engine_why(void *arg, size_t *ret_length)
{
	const struct sheaf_engine *engine = arg;
	const struct sheaf_host_options *options = &engine->host->options;
	uint64_t now_ns = sheaf_clock_ns();
	json_t *o = json_object();
	char *text;

	put_text(o, "version", PACKAGE_VERSION);
	put(o, "pid", getpid());
	put(o, "clock_ns", (int64_t)now_ns);
	put_text(o, "driver", options->ops->name);
	put_text(o, "deployment", sheaf_engine_deployment(engine));
	put(o, "timeout_ms", options->timeout_ms);
	put(o, "grace_ms", options->grace_ms);
	json_object_set_new(o, "escalation", escalation(engine));
	json_object_set_new(o, "management", management(engine, now_ns));
	json_object_set_new(o, "slots", slots(engine));
	json_object_set_new(o, "queues", queues(engine, now_ns));
	json_object_set_new(o, "tasks", tasks(engine, now_ns));
	json_object_set_new(o, "lanes", lanes(engine, now_ns));
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	*ret_length = text ? strlen(text) : 0;
	return text;
}
