/* SPDX-License-Identifier: MIT */
/* sim_client.c - who uses the queues: starts tasks, checks how each ends, and what it read; see sim.h. */
#include "sim.h"

#include <inttypes.h>
#include <string.h>

#include <sheaf/scsi.h>

#include "base/bits.h"
#include "host/recover.h"
#include "scsi/sense.h"

#define RETRIES_MAX 3

enum { COMPARE_AND_WRITE = 0x89, PERSISTENT_RESERVE_OUT = 0x5f };

const char *const sim_kind_names[] = { "READ", "WRITE", "SYNCHRONIZE CACHE", "COMPARE AND WRITE",
				       "PERSISTENT RESERVE OUT" };

static const uint8_t opcodes[] = {
	[SIM_READ] = SHEAF_SCSI_READ_16,
	[SIM_WRITE] = SHEAF_SCSI_WRITE_16,
	[SIM_FLUSH] = SHEAF_SCSI_SYNCHRONIZE_CACHE_16,
	[SIM_COMPARE] = COMPARE_AND_WRITE,
	[SIM_RESERVE] = PERSISTENT_RESERVE_OUT,
};

static bool writes(const struct sim_command *c)
{
	return c->kind == SIM_WRITE || c->kind == SIM_COMPARE;
}

uint64_t sim_oldest(const struct sim_world *w)
{
	uint64_t oldest = UINT64_MAX;

	for (unsigned i = 0; i < w->host->slots; i++)
		if (w->tasks[i].phase == SIM_ACTIVE && w->tasks[i].since < oldest)
			oldest = w->tasks[i].since;
	return oldest;
}

static void put(struct sim_client *client, uint16_t slot)
{
	client->world->tasks[slot].phase = SIM_IDLE;
	sheaf_queue_put(client->queue, slot);
}

/* What to do; false: nothing that may be done now. */
static bool choose(struct sim_world *w, struct sim_command *c)
{
	struct sim_random *r = &w->random;
	unsigned p = sim_below(r, 100);

	*c = (struct sim_command){ .lu = sim_below(r, SIM_LUS), .blocks = 1 };
	c->kind = p < 40 ? SIM_READ : p < 80 ? SIM_WRITE : p < 88 ? SIM_FLUSH : p < 96 ? SIM_COMPARE : SIM_RESERVE;
	if (c->kind == SIM_FLUSH || c->kind == SIM_RESERVE) {
		c->blocks = 0;
		return true;
	}
	if (c->kind != SIM_COMPARE)
		c->blocks = 1 + sim_below(r, SIM_TASK_BLOCKS);
	c->lba = sim_below(r, SIM_BLOCKS - c->blocks + 1);
	if (c->kind == SIM_READ)
		return true;
	if (!sim_disk_may_write(&w->disk, c->lu, c->lba, c->blocks, sim_oldest(w)))
		return false;
	if (c->kind == SIM_COMPARE) {
		c->expected = sim_disk_certain(&w->disk, c->lu, c->lba);
		if (!c->expected)
			return false;
		w->disk.model[c->lu][c->lba].exclusive = true;
	}
	c->value = sim_disk_begin(&w->disk, c->lu, c->lba, c->blocks);
	return true;
}

static void put_value(uint8_t *at, uint64_t value)
{
	uint64_t pair[2] = { value, ~value };

	memcpy(at, pair, sizeof(pair));
}

static void fill_buffer(struct sim_client *client, uint16_t slot, const struct sim_command *c)
{
	uint8_t *buffer = sheaf_queue_buffer(client->queue, slot);

	if (c->kind == SIM_READ)
		memset(buffer, 0xa5, c->blocks * SIM_BLOCK_BYTES);
	if (c->kind == SIM_COMPARE)
		put_value(buffer, c->expected);
	for (unsigned i = 0; writes(c) && i < c->blocks; i++)
		put_value(buffer + (c->kind == SIM_COMPARE ? 1 : i) * SIM_BLOCK_BYTES, c->value + i);
}

static unsigned transfer_blocks(const struct sim_command *c)
{
	return c->kind == SIM_COMPARE ? 2 : c->blocks;
}

/* The slot is the client's, without a task. */
static void start(struct sim_client *client, uint16_t slot, const struct sim_command *c)
{
	struct sim_world *w = client->world;
	struct sim_task *t = &w->tasks[slot];
	struct sheaf_task *task = sheaf_queue_command(client->queue, slot);

	task->logical_unit_bytes[1] = (uint8_t)c->lu;
	task->command_descriptor_block[0] = opcodes[c->kind];
	sheaf_put_be64(task->command_descriptor_block + SHEAF_CDB_16_LBA, c->lba);
	sheaf_put_be32(task->command_descriptor_block + SHEAF_CDB_16_TRANSFER_LENGTH, c->blocks);
	task->command_size = 16;
	task->transfer_direction = c->kind == SIM_READ ? SHEAF_TRANSFER_FROM_TARGET :
				   writes(c)	       ? SHEAF_TRANSFER_TO_TARGET :
							 SHEAF_TRANSFER_NONE;
	task->requested_transfer_count = transfer_blocks(c) * SIM_BLOCK_BYTES;
	fill_buffer(client, slot, c);
	*t = (struct sim_task){
		.phase = SIM_ACTIVE,
		.number = ++w->next_number,
		.command = *c,
		.queue = client->number,
		.since = ++w->disk.moment,
		.started_ns = client->loop->now_ns,
		.gone = client->gone,
	};
	sim_count(w, SIM_TASKS);
	sim_count(w, c->kind == SIM_READ  ? SIM_READS :
		     c->kind == SIM_WRITE ? SIM_WRITES :
		     c->kind == SIM_FLUSH ? SIM_FLUSHES :
					    SIM_COMPARES);
	sim_event(w, "queue %u: task %" PRIu64 ", slot %u: %s lu %u lba %u+%u value %" PRIu64, client->number,
		  t->number, slot, sim_kind_names[c->kind], c->lu, c->lba, c->blocks, c->value);
	sheaf_queue_start(client->queue, slot);
}

static void give_away(struct sim_client *client, uint16_t slot)
{
	struct sim_world *w = client->world;
	unsigned to = sim_below(&w->random, w->config.queues);
	struct sim_client *other = &w->clients[to];

	if (to == client->number) {
		put(client, slot);
		return;
	}
	sim_event(w, "queue %u: slot %u goes to queue %u", client->number, slot, to);
	sim_count(w, SIM_MOVES);
	sheaf_queue_give_away(client->queue, slot);
	other->inbox[other->inbox_count++] = slot;
	other->loop->rung = true;
}

/* A slot in HOST state, with nothing to do: another task, another queue, or back. */
static void next(struct sim_client *client, uint16_t slot)
{
	struct sim_world *w = client->world;
	struct sim_command c;

	w->tasks[slot].phase = SIM_HELD;
	if (!w->draining && sim_percent(&w->random, w->plan.restarts) && choose(w, &c))
		start(client, slot, &c);
	else if (!w->draining && w->config.workers == 0 && w->config.queues > 1 &&
		 sim_percent(&w->random, w->plan.moves))
		give_away(client, slot);
	else
		put(client, slot);
}

void sim_client_inbox(struct sim_client *client)
{
	while (client->inbox_count) {
		uint16_t slot = client->inbox[--client->inbox_count];

		sheaf_queue_adopt(client->queue, slot);
		next(client, slot);
	}
}

void sim_client_submit(struct sim_client *client, unsigned n)
{
	struct sim_world *w = client->world;

	for (unsigned i = 0; i < n; i++) {
		struct sim_command c;
		int slot = sheaf_queue_take(client->queue);

		if (slot < 0) {
			client->starved = true;
			sim_count(w, SIM_STARVED);
			return;
		}
		sim_check(w, w->tasks[slot].phase == SIM_IDLE, "slot %d was free, and a client's", slot);
		sim_check(w, w->plan.hostile || !w->held[slot].held,
			  "slot %d was free, and the driver has it: its memory would be used twice", slot);
		w->tasks[slot].phase = SIM_HELD;
		if (choose(w, &c))
			start(client, (uint16_t)slot, &c);
		else
			put(client, (uint16_t)slot);
	}
}

/* Ends */

static enum sim_answer answer_of(const struct sheaf_result *result)
{
	struct sheaf_sense sense;

	if (result->service_response != SHEAF_TASK_COMPLETE)
		return SIM_ANSWER_ABORTED;
	if (sheaf_result_good(result))
		return SIM_ANSWER_GOOD;
	if (result->status == SHEAF_STATUS_BUSY || result->status == SHEAF_STATUS_TASK_SET_FULL)
		return SIM_ANSWER_AGAIN;
	if (!sheaf_sense_parse(result->sense, result->sense_length, &sense))
		return SIM_ANSWER_NONE;
	switch (sense.key) {
	case SHEAF_KEY_UNIT_ATTENTION:
		return SIM_ANSWER_AGAIN;
	case SHEAF_KEY_MISCOMPARE:
		return SIM_ANSWER_MISCOMPARE;
	case SHEAF_KEY_MEDIUM_ERROR:
		return SIM_ANSWER_ERROR;
	default:
		return SIM_ANSWER_NONE;
	}
}

static bool is_aborted_command(const struct sheaf_result *result)
{
	struct sheaf_sense sense;

	return result->service_response == SHEAF_TASK_COMPLETE &&
	       result->status == SHEAF_STATUS_CHECK_CONDITION &&
	       sheaf_sense_parse(result->sense, result->sense_length, &sense) &&
	       sense.key == SHEAF_KEY_ABORTED_COMMAND;
}

/* The data of a READ, and what a SYNCHRONIZE CACHE promised. */
static void check_data(struct sim_client *client, uint16_t slot, const struct sim_task *t)
{
	struct sim_world *w = client->world;
	const struct sim_command *c = &t->command;

	for (unsigned i = 0; c->kind == SIM_READ && i < c->blocks; i++) {
		uint64_t pair[2];

		memcpy(pair, sheaf_queue_buffer(client->queue, slot) + i * SIM_BLOCK_BYTES, sizeof(pair));
		sim_check(w, pair[1] == ~pair[0], "task %" PRIu64 " read no value at lu %u lba %u",
			  t->number, c->lu, c->lba + i);
		sim_check(w, sim_disk_may_be(&w->disk, c->lu, c->lba + i, pair[0], t->since),
			  "task %" PRIu64 " read value %" PRIu64 " at lu %u lba %u, which is not there", t->number,
			  pair[0], c->lu, c->lba + i);
	}
	for (unsigned lba = 0; c->kind == SIM_FLUSH && lba < SIM_BLOCKS; lba++)
		sim_check(w, sim_disk_may_be(&w->disk, c->lu, lba, w->disk.flushed[c->lu][lba], t->since),
			  "task %" PRIu64 " was to flush lu %u, and lba %u is not", t->number, c->lu, lba);
}

/* No write of this task lands any more, unless the driver has it or will get it. */
static void check_write(struct sim_client *client, uint16_t slot, struct sim_task *t, bool good, bool quarantined)
{
	struct sim_world *w = client->world;
	const struct sim_command *c = &t->command;
	bool out = w->held[slot].held && w->held[slot].number == t->number;

	if (!writes(c))
		return;
	if (c->kind == SIM_COMPARE)
		w->disk.model[c->lu][c->lba].exclusive = false;
	t->lingers = quarantined;
	if (!out && !quarantined)
		sim_disk_dead(&w->disk, c->lu, c->lba, c->blocks, c->value);
	if (good)
		sim_check(w, sim_disk_acknowledge(&w->disk, c->lu, c->lba, c->blocks, c->value),
			  "task %" PRIu64 " ended well, and the driver still works on it", t->number);
}

/* May it end so? */
static void check_result(struct sim_client *client, uint16_t slot, struct sim_task *t,
			 const struct sheaf_result *result)
{
	struct sim_world *w = client->world;
	enum sim_answer answer = answer_of(result);

	if (answer == SIM_ANSWER_ABORTED && result->status == SHEAF_DELIVERY_TASK_TIMEOUT) {
		sim_count(w, SIM_TIMEOUTS);
		if (!result->quarantined)
			sim_count(w, SIM_WAITED_IN_VAIN);
		sim_check(w, client->loop->now_ns >= t->started_ns + SIM_TIMEOUT_NS,
			  "task %" PRIu64 " timed out too early", t->number);
		return;
	}
	sim_check(w, !result->quarantined, "task %" PRIu64 " is in quarantine without a timeout", t->number);
	if (is_aborted_command(result) && t->gone != client->gone) {
		sim_check(w, !sim_repeats(t->command.kind) || w->host->slot_states[slot].reissues == SHEAF_REISSUES_MAX,
			  "task %" PRIu64 " (%s) may be sent again, and ended as its driver died", t->number,
			  sim_kind_names[t->command.kind]);
		sim_count(w, SIM_ABORTED_BY_DEATH);
		return;
	}
	sim_check(w, answer != SIM_ANSWER_NONE && answer == t->answer,
		  "task %" PRIu64 " in slot %u ended with %d, its driver said %d", t->number, slot, answer, t->answer);
	sim_check(w, answer != SIM_ANSWER_MISCOMPARE,
		  "task %" PRIu64 " found another value than the one that was there", t->number);
	if (answer == SIM_ANSWER_GOOD) {
		sim_check(w, result->bytes_transferred == transfer_blocks(&t->command) * SIM_BLOCK_BYTES,
			  "task %" PRIu64 " transferred %" PRIu64 " bytes", t->number, result->bytes_transferred);
		check_data(client, slot, t);
	} else {
		sim_count(w, SIM_ERRORS);
	}
}

static void retry(struct sim_client *client, uint16_t slot, struct sim_task *t)
{
	struct sim_world *w = client->world;

	sim_count(w, SIM_RETRIES);
	t->retries++;
	t->number = ++w->next_number;
	t->answer = SIM_ANSWER_NONE;
	t->attempts = 0;
	t->started_ns = client->loop->now_ns;
	t->gone = client->gone;
	sim_event(w, "queue %u: slot %u: sent again as task %" PRIu64, client->number, slot, t->number);
	sheaf_queue_retry(client->queue, slot);
}

static void ended(struct sheaf_queue_client *c, uint16_t slot, const struct sheaf_result *result)
{
	struct sim_client *client = (struct sim_client *)c;
	struct sim_world *w = client->world;
	struct sim_task *t = &w->tasks[slot];
	bool again = answer_of(result) == SIM_ANSWER_AGAIN;

	sim_check(w, slot < w->host->slots && t->phase == SIM_ACTIVE && t->queue == client->number,
		  "slot %u ended on queue %u, and has no task there", slot, client->number);
	sim_event(w, "queue %u: task %" PRIu64 ", slot %u ended: response %u status %u%s", client->number,
		  t->number, slot, result->service_response, result->status,
		  result->quarantined ? ", quarantine" : "");
	sim_check(w, result->bytes_transferred <= transfer_blocks(&t->command) * SIM_BLOCK_BYTES,
		  "task %" PRIu64 " transferred more than it asked for", t->number);
	if (!w->plan.hostile)
		check_result(client, slot, t, result);
	if (again && t->retries < RETRIES_MAX) {
		retry(client, slot, t);
		return;
	}
	check_write(client, slot, t, !w->plan.hostile && answer_of(result) == SIM_ANSWER_GOOD,
		    result->quarantined);
	if (!result->quarantined) {
		next(client, slot);
	} else if (client->keeps) {
		t->phase = SIM_KEPT;
	} else {
		put(client, slot);
	}
}

static void slot_free(struct sheaf_queue_client *c)
{
	struct sim_client *client = (struct sim_client *)c;
	struct sim_world *w = client->world;

	client->starved = false;
	for (uint16_t slot = 0; slot < w->host->slots; slot++) {
		if (w->tasks[slot].phase != SIM_KEPT || w->tasks[slot].queue != client->number ||
		    !sheaf_queue_reclaim(client->queue, slot))
			continue;
		sim_count(w, SIM_RECLAIMS);
		sim_check(w, w->plan.hostile || !w->held[slot].held,
			  "slot %u came out of quarantine, and the driver has it", slot);
		put(client, slot);
	}
}

void sim_client_init(struct sim_client *client)
{
	client->client.ended = ended;
	client->client.slot_free = slot_free;
}

/* All slots in hand, then back in the order of a new queue: what a schedule left must not show in the next one. */
void sim_client_put_all(struct sim_client *client)
{
	struct sim_world *w = client->world;

	for (unsigned i = w->host->slots; i-- > 0;) {
		uint16_t slot = (uint16_t)i;

		if (w->tasks[slot].phase == SIM_HELD && sheaf_queue_owns(client->queue, slot))
			put(client, slot);
	}
}

/* A tick looks at deadlines; none is longer ago than it. */
void sim_client_check_deadlines(const struct sim_client *client)
{
	const struct sim_world *w = client->world;

	for (unsigned i = 0; i < w->host->slots; i++)
		sim_check(w, w->tasks[i].phase != SIM_ACTIVE || w->tasks[i].queue != client->number ||
				     client->loop->now_ns <=
					     w->tasks[i].started_ns + SIM_TIMEOUT_NS + SIM_TIMEOUT_NS / 8,
			  "task %" PRIu64 " should have ended by its deadline", w->tasks[i].number);
}

void sim_client_abort(struct sim_world *w)
{
	unsigned slot = sim_below(&w->random, w->host->slots);
	unsigned lu = w->tasks[slot].command.lu;
	/* Of a task that is over: none that there is. */
	uint64_t tag = w->tasks[slot].phase == SIM_ACTIVE ? w->host->slot_states[slot].identifier : UINT64_MAX;

	sim_count(w, SIM_ABORTS);
	switch (sim_below(&w->random, 4)) {
	case 0:
		sheaf_host_task_management(w->host, SHEAF_LOGICAL_UNIT_RESET, 0, lu, 0);
		break;
	case 1:
		sheaf_host_task_management(w->host, SHEAF_ABORT_TASK_SET, 0, lu, 0);
		break;
	default:
		sheaf_host_task_management(w->host, SHEAF_ABORT_TASK, 0, lu, tag);
	}
}
