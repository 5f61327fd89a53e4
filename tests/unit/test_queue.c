/* SPDX-License-Identifier: MIT */
/**
 * test_queue.c - the rules of the seam, as a host's queue keeps them against a controller that need not
 *
 * All is driven by hand: no thread, no turn of a loop, deadlines by a clock of the test's. Tests named in both() run in
 * bundled and in single-task mode (_i = 0, 1). Two queues share the region, so that there are slots of another one.
 */
#include "host/queue.h"

#include <check.h>

#include <pthread.h>
#include <stdio.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/counter.h"
#include "base/log.h"
#include "fake_controller.h"
#include "host/probe.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

#define SLOTS 80u  /* of two queues */
#define MINE 40u   /* of the first, which is tested */
#define TIMEOUT_MS 1000u
#define BYTES 4096u

enum mode { BUNDLED, SINGLE };

static struct fake_controller fake;
static struct sheaf_host *host;
static struct sheaf_queue *queue;
static struct sheaf_loop *loop;

static struct client {
	struct sheaf_queue_client client; /* first */
	struct {
		uint16_t slot;
		struct sheaf_result result;
	} ends[FAKE_SLOTS_MAX * 4];
	unsigned count;
	unsigned slot_free_calls;
	unsigned restarts;	/* so many ended tasks are followed by another one at once */
	bool keeps;		/* does not put() */
	bool gives_away;	/* nor this: the slot goes to another queue */
	bool overwrites;	/* spoils the shared response in ended() */
} client;

static void build_task(int slot)
{
	struct sheaf_task *task = sheaf_queue_command(queue, (uint16_t)slot);

	task->transfer_direction = SHEAF_TRANSFER_FROM_TARGET;
	task->requested_transfer_count = BYTES;
	task->command_size = 10;
	task->command_descriptor_block[0] = 0x28;
}

static void start_task(int slot)
{
	build_task(slot);
	sheaf_queue_start(queue, (uint16_t)slot);
}

static uint16_t start(void)
{
	int slot = sheaf_queue_take(queue);

	ck_assert_int_ge(slot, 0);
	start_task(slot);
	return (uint16_t)slot;
}

static uint16_t start_and_flush(void)
{
	uint16_t slot = start();

	sheaf_queue_flush(queue);
	return slot;
}

static void client_ended(struct sheaf_queue_client *c, uint16_t slot,
			 const struct sheaf_result *result)
{
	(void)c;
	ck_assert_uint_lt(client.count, FAKE_SLOTS_MAX * 4);
	if (client.overwrites) {
		memset(&fake.raw.responses[slot], 0xff, sizeof(struct sheaf_response));
		memset(&fake.single[slot], 0xff, sizeof(struct sheaf_response));
	}
	client.ends[client.count].slot = slot;
	client.ends[client.count++].result = *result;
	if (client.gives_away)
		sheaf_queue_give_away(queue, slot);
	else if (!client.keeps)
		sheaf_queue_put(queue, slot);
	if (client.restarts && !client.keeps) {
		client.restarts--;
		start();
	}
}

static void client_slot_free(struct sheaf_queue_client *c)
{
	(void)c;
	client.slot_free_calls++;
}

static void open_with(const struct sheaf_host_options *o)
{
	const struct sheaf_request_port port = { &fake, fake_bundle, fake_single };

	ck_assert_int_eq(sheaf_host_create(o, &host), 0);
	ck_assert_int_eq(sheaf_loop_create(SHEAF_IO_SYNC, 8, &loop), 0);
	ck_assert_int_eq(sheaf_view_map(&host->region, &fake.raw), 0);
	memset(&client, 0, sizeof(client));
	client.client.ended = client_ended;
	client.client.slot_free = client_slot_free;
	queue = host->queues[0];
	sheaf_queue_attach(queue, loop, &client.client, &port);
	fake.port = sheaf_queue_completion_port(queue);
	fake.bundled = host->bundled;
}

static struct sheaf_host_options options(enum mode mode)
{
	return (struct sheaf_host_options){
		.ops = &fake_ops,
		.controller = &fake,
		.slots = SLOTS,
		.queues = 2,
		.buffer_bytes = BYTES,
		.bundle_max = SHEAF_BUNDLE_MAX,
		.single_mode = mode == SINGLE,
		.timeout_ms = TIMEOUT_MS,
	};
}

static void open_queue(int mode)
{
	const struct sheaf_host_options o = options((enum mode)mode);

	fake_init(&fake);
	open_with(&o);
	ck_assert(host->bundled == (mode == BUNDLED));
}

static void close_queue(void)
{
	sheaf_slots_check(queue);
	loop = sheaf_loop_free(loop);
	sheaf_view_unmap(&fake.raw);
	host = sheaf_host_free(host);
}

static uint64_t violations(enum sheaf_violation kind)
{
	return sheaf_count_get(&queue->stats.violations[kind]);
}

static uint64_t all_violations(void)
{
	uint64_t n = 0;

	for (int i = 0; i < SHEAF_VIOLATION_KINDS; i++)
		n += violations((enum sheaf_violation)i);
	return n;
}

#define stat(name) sheaf_count_get(&queue->stats.name)

static bool good(unsigned end)
{
	return sheaf_result_good(&client.ends[end].result);
}

static uint64_t deadline_of(uint16_t slot)
{
	return queue->host->slot_states[slot].deadline_ns;
}

/* Rule 1: one slot, one task */

START_TEST(task_arrives_in_its_slot_with_its_buffer)
{
	open_queue(_i);
	for (unsigned n = 0; n < MINE; n++) {
		int slot = sheaf_queue_take(queue);

		sheaf_queue_buffer(queue, (uint16_t)slot)[BYTES - 1] = (uint8_t)(slot + 1);
		start_task(slot);
	}
	sheaf_queue_flush(queue);
	for (uint16_t slot = 0; slot < MINE; slot++) {
		const struct sheaf_task *task = &fake.tasks[slot];

		ck_assert_uint_eq(task->version, SHEAF_TASK_VERSION);
		ck_assert_uint_eq(task->buffer_iovm_addr, slot * host->view.geometry.buffer_stride);
		ck_assert_uint_eq(fake.raw.data[task->buffer_iovm_addr + BYTES - 1], slot + 1);
		ck_assert_uint_eq(task->requested_transfer_count, BYTES);
		ck_assert_uint_eq(task->timeout_in_milli_sec, TIMEOUT_MS);
		ck_assert_uint_ne(task->task_tag_identifier, 0);
	}
	close_queue();
}
END_TEST

START_TEST(answer_ends_the_task_of_its_slot)
{
	open_queue(_i);
	uint16_t a = start_and_flush(), b = start_and_flush();
	struct sheaf_response *r = fake_answer(&fake, b);

	ck_assert_uint_ne(a, b);
	r->completion_status = SHEAF_STATUS_CHECK_CONDITION;
	r->bytes_transferred = 512;
	r->sense_length = 255;
	memset(r->sense_buffer, 0x70, 255);
	fake_give_back(&fake, &b, 1);
	ck_assert_uint_eq(client.count, 1);
	ck_assert_uint_eq(client.ends[0].slot, b);
	ck_assert_uint_eq(client.ends[0].result.status, SHEAF_STATUS_CHECK_CONDITION);
	ck_assert_uint_eq(client.ends[0].result.service_response, SHEAF_TASK_COMPLETE);
	ck_assert_uint_eq(client.ends[0].result.bytes_transferred, 512);
	ck_assert_uint_eq(client.ends[0].result.sense_length, 255);
	ck_assert_uint_eq(client.ends[0].result.sense[254], 0x70);
	ck_assert(!client.ends[0].result.quarantined);
	fake_complete(&fake, a);
	ck_assert_uint_eq(client.ends[1].slot, a);
	ck_assert(good(1));
	ck_assert_uint_eq(client.ends[1].result.sense_length, 0); /* not the one before */
	ck_assert_uint_eq(stat(errors), 1);
	ck_assert_uint_eq(all_violations(), 0);
	close_queue();
}
END_TEST

/* Rule 2: bundles */

START_TEST(bundle_holds_no_more_than_its_limit)
{
	static const uint16_t limits[] = { 1, 2, 31, 32 };

	for (unsigned i = 0; i < 4; i++) {
		struct sheaf_host_options o = options(BUNDLED);

		fake_init(&fake);
		o.bundle_max = limits[i];
		open_with(&o);
		for (unsigned n = 0; n < MINE; n++)
			start();
		ck_assert_uint_eq(fake.bundle_count, 0); /* all wait for the end of the turn */
		ck_assert(sheaf_queue_flush(queue));
		ck_assert(!sheaf_queue_flush(queue));
		ck_assert_uint_eq(fake.bundle_count, (MINE + limits[i] - 1) / limits[i]);
		ck_assert_uint_eq(fake.bundles[0].n, limits[i]);
		ck_assert_uint_eq(stat(requests.count), fake.bundle_count);
		ck_assert_uint_eq(stat(requests.tasks), MINE);
		ck_assert_uint_eq(stat(requests.by_size[limits[i]]), MINE / limits[i]);
		close_queue();
	}
}
END_TEST

START_TEST(single_task_mode_is_one_call_a_task_in_order)
{
	open_queue(SINGLE);
	uint16_t first = start();

	for (unsigned n = 1; n < MINE; n++)
		start();
	sheaf_queue_flush(queue);
	ck_assert_uint_eq(fake.bundle_count, MINE);
	ck_assert_uint_eq(fake.bundles[0].slots[0], first);
	ck_assert_uint_eq(stat(requests.by_size[1]), MINE);
	close_queue();
}
END_TEST

START_TEST(completion_may_be_partial_out_of_order_and_mixed)
{
	uint16_t s[6], back[3];

	open_queue(_i);
	for (unsigned i = 0; i < 3; i++)
		s[i] = start();
	sheaf_queue_flush(queue);
	for (unsigned i = 3; i < 6; i++)
		s[i] = start();
	sheaf_queue_flush(queue);
	for (unsigned i = 0; i < 6; i++)
		fake_answer(&fake, s[i]);
	back[0] = s[4], back[1] = s[0], back[2] = s[2];
	fake_give_back(&fake, back, 3);
	ck_assert_uint_eq(client.count, 3);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_eq(client.ends[i].slot, back[i]);
	ck_assert_uint_eq(stat(in_flight), 3);
	back[0] = s[5], back[1] = s[3], back[2] = s[1];
	fake_give_back(&fake, back, 3);
	ck_assert_uint_eq(client.count, 6);
	ck_assert_uint_eq(stat(in_flight), 0);
	ck_assert_uint_eq(all_violations(), 0);
	close_queue();
}
END_TEST

START_TEST(returned_slot_may_be_reused_at_once)
{
	open_queue(_i);
	client.restarts = 100;
	uint16_t slot = start_and_flush();

	for (unsigned n = 1; n <= 100; n++) {
		fake_complete(&fake, slot); /* starts the next one in ended() */
		ck_assert_uint_eq(client.count, n);
		ck_assert_uint_eq(client.ends[n - 1].slot, slot);
		sheaf_queue_flush(queue);
		ck_assert_uint_eq(fake.bundle_count, n + 1);
	}
	fake_complete(&fake, slot);
	ck_assert_uint_eq(stat(ended), 101);
	ck_assert_uint_eq(all_violations(), 0);
	close_queue();
}
END_TEST

START_TEST(answers_from_inside_the_call_are_fine)
{
	open_queue(_i);
	fake.answers_inline = true;
	client.restarts = 50;
	for (unsigned n = 0; n < MINE; n++)
		start();
	while (sheaf_queue_flush(queue))
		sheaf_slots_check(queue);
	ck_assert_uint_eq(client.count, MINE + 50);
	ck_assert_uint_eq(stat(in_flight), 0);
	ck_assert_uint_eq(all_violations(), 0);
	close_queue();
}
END_TEST

START_TEST(client_that_ran_out_of_slots_is_told_when_one_is_back)
{
	uint16_t slots[MINE];

	open_queue(_i);
	for (unsigned n = 0; n < MINE; n++)
		slots[n] = start();
	ck_assert_int_eq(sheaf_queue_take(queue), -EAGAIN);
	sheaf_queue_flush(queue);
	fake_complete(&fake, slots[3]);
	ck_assert_uint_eq(client.slot_free_calls, 1);
	fake_complete(&fake, slots[4]);
	ck_assert_uint_eq(client.slot_free_calls, 1); /* there was one free */
	ck_assert_int_ge(sheaf_queue_take(queue), 0);
	close_queue();
}
END_TEST

/* Rule 3: nothing is trusted */

struct bad_row {
	const char *name;
	enum sheaf_violation kind;
	void (*spoil)(struct sheaf_response *r);
};

#define SPOIL(name, statement)                                                                     \
	static void name(struct sheaf_response *r)                                                 \
	{                                                                                          \
		statement;                                                                         \
	}
SPOIL(version_0, r->version = 0)
SPOIL(version_2, r->version = 2)
SPOIL(version_high, r->version |= UINT64_C(1) << 32)
SPOIL(identifier_0, r->controller_task_identifier = 0)
SPOIL(identifier_next, r->controller_task_identifier++)
SPOIL(identifier_low_only, r->controller_task_identifier &= UINT32_MAX)
SPOIL(generation_before, r->controller_task_identifier -= UINT64_C(1) << 32)
SPOIL(generation_after, r->controller_task_identifier += UINT64_C(1) << 32)
SPOIL(status_unknown, r->completion_status = 0x01)
SPOIL(status_high, r->completion_status = 0x100)
SPOIL(status_delivery, r->completion_status = SHEAF_DELIVERY_NO_STATUS)
SPOIL(service_in_process, r->service_response = SHEAF_REQUEST_IN_PROCESS)
SPOIL(service_function, r->service_response = SHEAF_FUNCTION_COMPLETE)
SPOIL(service_unknown, r->service_response = 6)
SPOIL(service_high, r->service_response = UINT32_MAX)
SPOIL(too_many_bytes, r->bytes_transferred = BYTES + 1)
SPOIL(far_too_many_bytes, r->bytes_transferred = UINT64_MAX)
SPOIL(too_many_bytes_undelivered, r->service_response = SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE;
      r->bytes_transferred = UINT64_MAX)

#define ROW(kind, spoil) { #spoil, SHEAF_VIOLATION_##kind, spoil }
static const struct bad_row bad_rows[] = {
	ROW(VERSION, version_0),
	ROW(VERSION, version_2),
	ROW(VERSION, version_high),
	ROW(IDENTIFIER, identifier_0),
	ROW(IDENTIFIER, identifier_next),
	ROW(IDENTIFIER, identifier_low_only),
	ROW(IDENTIFIER, generation_before),
	ROW(IDENTIFIER, generation_after),
	ROW(RESPONSE, status_unknown),
	ROW(RESPONSE, status_high),
	ROW(RESPONSE, status_delivery),
	ROW(RESPONSE, service_in_process),
	ROW(RESPONSE, service_function),
	ROW(RESPONSE, service_unknown),
	ROW(RESPONSE, service_high),
	ROW(RESPONSE, too_many_bytes),
	ROW(RESPONSE, far_too_many_bytes),
	ROW(RESPONSE, too_many_bytes_undelivered),
};
#define BAD_ROWS (sizeof(bad_rows) / sizeof(bad_rows[0]))

START_TEST(bad_response_is_refused_and_the_rest_of_its_bundle_goes_on)
{
	for (unsigned i = 0; i < BAD_ROWS; i++) {
		const struct bad_row *row = &bad_rows[i];
		uint16_t s[3];

		open_queue(_i);
		/* Not the first tasks of their slots, so that there is a generation before. */
		for (unsigned n = 0; n < 3; n++)
			fake_complete(&fake, start_and_flush());
		for (unsigned n = 0; n < 3; n++)
			s[n] = start();
		sheaf_queue_flush(queue);
		client.count = 0;
		for (unsigned n = 0; n < 3; n++)
			fake_answer(&fake, s[n]);
		row->spoil(fake_answer(&fake, s[1]));
		fake_give_back(&fake, s, 3);
		ck_assert_msg(client.count == 2, "%s", row->name);
		ck_assert_uint_eq(client.ends[0].slot, s[0]);
		ck_assert_uint_eq(client.ends[1].slot, s[2]);
		ck_assert(good(0) && good(1));
		ck_assert_msg(violations(row->kind) == 1, "%s", row->name);
		ck_assert_uint_eq(all_violations(), 1);
		/* The controller still has the slot, and can do better. */
		ck_assert_uint_eq(sheaf_slots_check(queue), 1);
		fake_complete(&fake, s[1]);
		ck_assert_uint_eq(client.count, 3);
		ck_assert_uint_eq(client.ends[2].slot, s[1]);
		close_queue();
	}
}
END_TEST

START_TEST(every_status_of_sam_5_and_every_failed_delivery_is_an_end)
{
	static const uint8_t statuses[] = { 0x00, 0x02, 0x04, 0x08, 0x18, 0x28, 0x30 };
	static const uint32_t failures[] = { 1, 2, 3, 4, 5, 0xff, 0, 0x28, UINT32_MAX };

	open_queue(_i);
	for (unsigned i = 0; i < sizeof(statuses); i++) {
		uint16_t slot = start_and_flush();

		fake_answer(&fake, slot)->completion_status = statuses[i];
		fake_give_back(&fake, &slot, 1);
		ck_assert_uint_eq(client.ends[client.count - 1].result.status, statuses[i]);
		ck_assert(good(client.count - 1) == (statuses[i] == 0 || statuses[i] == 4));
	}
	for (unsigned i = 0; i < 9; i++) {
		uint16_t slot = start_and_flush();
		struct sheaf_response *r = fake_answer(&fake, slot);

		r->service_response = SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE;
		r->completion_status = failures[i];
		fake_give_back(&fake, &slot, 1);
		ck_assert(!good(client.count - 1));
	}
	ck_assert_uint_eq(client.count, 16);
	ck_assert_uint_eq(all_violations(), 0);
	close_queue();
}
END_TEST

static void expect_refused(uint16_t bad, enum sheaf_violation kind)
{
	uint64_t before = violations(kind), all = all_violations();
	unsigned ended = client.count;
	uint16_t slots[3];

	slots[0] = start();
	slots[2] = start();
	slots[1] = bad;
	sheaf_queue_flush(queue);
	fake_answer(&fake, slots[0]);
	fake_answer(&fake, slots[2]);
	if (bad < FAKE_SLOTS_MAX && bad != slots[0] && bad != slots[2] &&
	    (bad < queue->first_slot || bad >= queue->first_slot + MINE ||
	     queue->host->slot_states[bad].owner != SHEAF_SLOT_HOST))
		fake_answer(&fake, bad);
	fake_give_back(&fake, slots, 3);
	ck_assert_uint_eq(client.count, ended + 2);
	ck_assert_uint_eq(violations(kind), before + 1);
	ck_assert_uint_eq(all_violations(), all + 1);
	sheaf_slots_check(queue);
}

START_TEST(index_beyond_all_slots_is_refused)
{
	open_queue(_i);
	expect_refused(SLOTS, SHEAF_VIOLATION_INDEX);
	expect_refused(UINT16_MAX, SHEAF_VIOLATION_INDEX);
	close_queue();
}
END_TEST

START_TEST(slot_of_another_queue_is_refused)
{
	struct sheaf_queue *first;

	open_queue(_i);
	expect_refused(MINE, SHEAF_VIOLATION_INDEX);
	expect_refused(SLOTS - 1, SHEAF_VIOLATION_INDEX);
	/* And the other way: the second queue knows nothing of the first one's. */
	first = queue;
	queue = host->queues[1];
	sheaf_queue_attach(queue, loop, &client.client,
			   &(struct sheaf_request_port){ &fake, fake_bundle, fake_single });
	fake.port = sheaf_queue_completion_port(queue);
	ck_assert_uint_eq(queue->first_slot, MINE);
	expect_refused(MINE - 1, SHEAF_VIOLATION_INDEX);
	expect_refused(0, SHEAF_VIOLATION_INDEX);
	ck_assert_uint_eq(sheaf_count_get(&first->stats.violations[SHEAF_VIOLATION_INDEX]), 2);
	close_queue();
}
END_TEST

/* A slot that goes to another queue is, on the way, nobody's, and there like any other. */
START_TEST(slot_given_away_is_refused_here_and_serves_there)
{
	const struct sheaf_request_port port = { &fake, fake_bundle, fake_single };
	struct sheaf_queue *first, *second;
	uint16_t slot;

	open_queue(_i);
	first = queue;
	second = host->queues[1];
	sheaf_queue_attach(second, loop, &client.client, &port);
	slot = (uint16_t)sheaf_queue_take(first);
	sheaf_queue_give_away(first, slot);
	ck_assert(!sheaf_queue_owns(first, slot) && !sheaf_queue_owns(second, slot));
	expect_refused(slot, SHEAF_VIOLATION_INDEX);
	ck_assert_uint_eq(sheaf_slots_check(second), 0);

	sheaf_queue_adopt(second, slot);
	ck_assert(sheaf_queue_owns(second, slot));
	expect_refused(slot, SHEAF_VIOLATION_INDEX);
	queue = second;
	fake.port = sheaf_queue_completion_port(second);
	fake.bundle_count = 0;
	client.count = 0;
	client.keeps = false;
	sheaf_queue_command(second, slot);
	sheaf_queue_start(second, slot);
	sheaf_queue_flush(second);
	fake_complete(&fake, slot);
	ck_assert_uint_eq(client.count, 1);
	ck_assert_uint_eq(second->free_count, SLOTS - MINE + 1);
	/* Its deadline is this queue's business too. */
	ck_assert_int_eq(sheaf_queue_take(second), slot);
	sheaf_queue_command(second, slot);
	sheaf_queue_start(second, slot);
	sheaf_queue_flush(second);
	sheaf_queue_expire(first, UINT64_MAX);
	ck_assert_uint_eq(client.count, 1);
	sheaf_queue_expire(second, UINT64_MAX);
	ck_assert_uint_eq(client.count, 2);
	fake_complete(&fake, slot);
	ck_assert_uint_eq(second->free_count, SLOTS - MINE + 1);
	sheaf_slots_check(first);
	close_queue();
}
END_TEST

/* 2^16 + slot is no name of the slot. */
START_TEST(action_is_not_cut_to_a_slot)
{
	open_queue(SINGLE);
	uint16_t slot = start_and_flush();

	fake_answer(&fake, slot);
	fake.port.single(fake.port.arg, 0x10000u + slot, &fake.single[slot]);
	fake.port.single(fake.port.arg, UINT32_MAX, &fake.single[slot]);
	ck_assert_uint_eq(client.count, 0);
	ck_assert_uint_eq(violations(SHEAF_VIOLATION_INDEX), 2);
	fake_complete(&fake, slot);
	ck_assert_uint_eq(client.count, 1);
	close_queue();
}
END_TEST

START_TEST(completion_of_slot_not_owned_is_refused)
{
	open_queue(_i);
	/* FREE: the last to be taken. */
	expect_refused(queue->free_slots[0], SHEAF_VIOLATION_OWNER);
	/* HOST */
	int held = sheaf_queue_take(queue);

	expect_refused((uint16_t)held, SHEAF_VIOLATION_OWNER);
	/* GATHERED: started, not handed over. */
	uint16_t gathered = start();

	fake_answer(&fake, gathered);
	fake_give_back(&fake, &gathered, 1);
	ck_assert_uint_eq(violations(SHEAF_VIOLATION_OWNER), 3);
	sheaf_queue_flush(queue);
	fake_complete(&fake, gathered);
	ck_assert_uint_eq(client.ends[client.count - 1].slot, gathered);
	sheaf_queue_put(queue, (uint16_t)held);
	close_queue();
}
END_TEST

START_TEST(slot_given_back_twice_is_refused_once)
{
	uint16_t twice[2];

	open_queue(_i);
	twice[0] = twice[1] = start_and_flush();
	fake_answer(&fake, twice[0]);
	fake_give_back(&fake, twice, 2);
	ck_assert_uint_eq(client.count, 1);
	ck_assert_uint_eq(violations(SHEAF_VIOLATION_OWNER), 1);
	/* Again, in a later bundle. */
	fake_give_back(&fake, twice, 1);
	ck_assert_uint_eq(client.count, 1);
	ck_assert_uint_eq(violations(SHEAF_VIOLATION_OWNER), 2);
	/* Again, after the slot was taken for another task: the generation tells them apart. */
	ck_assert_uint_eq(start_and_flush(), twice[0]);
	fake_give_back(&fake, twice, 1);
	ck_assert_uint_eq(client.count, 1);
	ck_assert_uint_eq(violations(SHEAF_VIOLATION_IDENTIFIER), 1);
	fake_complete(&fake, twice[0]);
	ck_assert_uint_eq(client.count, 2);
	close_queue();
}
END_TEST

START_TEST(bundle_count_out_of_range_is_refused_as_a_whole)
{
	static const uint16_t counts[] = { 0, 33, UINT16_MAX };
	uint16_t slots[SHEAF_BUNDLE_MAX + 1];

	open_queue(BUNDLED);
	for (unsigned i = 0; i <= SHEAF_BUNDLE_MAX; i++)
		slots[i] = start();
	sheaf_queue_flush(queue);
	for (unsigned i = 0; i <= SHEAF_BUNDLE_MAX; i++)
		fake_answer(&fake, slots[i]);
	for (unsigned i = 0; i < 3; i++) {
		fake_give_back(&fake, slots, counts[i]);
		ck_assert_uint_eq(violations(SHEAF_VIOLATION_COUNT), i + 1);
	}
	ck_assert_uint_eq(client.count, 0);
	ck_assert_uint_eq(stat(completions.count), 0);
	fake_give_back(&fake, slots, 1);
	fake_give_back(&fake, slots + 1, 32);
	ck_assert_uint_eq(client.count, 33);
	ck_assert_uint_eq(stat(completions.by_size[1]), 1);
	ck_assert_uint_eq(stat(completions.by_size[32]), 1);
	ck_assert_uint_eq(all_violations(), 3);
	close_queue();
}
END_TEST

/* The client changes the shared one and looks at its own. */
START_TEST(result_is_a_copy_of_the_response)
{
	open_queue(_i);
	client.overwrites = true;
	uint16_t slot = start_and_flush();
	struct sheaf_response *r = fake_answer(&fake, slot);

	r->completion_status = SHEAF_STATUS_CHECK_CONDITION;
	r->sense_length = 18;
	r->sense_buffer[2] = 5;
	fake_give_back(&fake, &slot, 1);
	ck_assert_uint_eq(client.ends[0].result.status, SHEAF_STATUS_CHECK_CONDITION);
	ck_assert_uint_eq(client.ends[0].result.bytes_transferred, BYTES);
	ck_assert_uint_eq(client.ends[0].result.sense_length, 18);
	ck_assert_uint_eq(client.ends[0].result.sense[2], 5);
	close_queue();
}
END_TEST

static atomic_bool flip_end;

/* A hostile process that writes while the host reads. */
static void *flip_main(void *arg)
{
	volatile uint64_t *bytes = &fake.raw.responses[*(uint16_t *)arg].bytes_transferred;

	while (!atomic_load(&flip_end)) {
		*bytes = UINT64_MAX;
		*bytes = 1;
	}
	return NULL;
}

START_TEST(what_is_checked_is_what_is_used)
{
	pthread_t thread;
	unsigned refused = 0;

	open_queue(BUNDLED);
	uint16_t slot = start_and_flush();

	fake_answer(&fake, slot);
	atomic_store(&flip_end, false);
	ck_assert_int_eq(pthread_create(&thread, NULL, flip_main, &slot), 0);
	for (unsigned i = 0; i < 20000; i++) {
		fake.raw.responses[slot].controller_task_identifier =
			queue->host->slot_states[slot].identifier;
		client.count = 0;
		fake_give_back(&fake, &slot, 1);
		if (client.count == 0) {
			refused++;
			continue;
		}
		ck_assert_uint_le(client.ends[0].result.bytes_transferred, BYTES);
		ck_assert_uint_eq(start_and_flush(), slot);
		fake.bundle_count = 0;
	}
	atomic_store(&flip_end, true);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(violations(SHEAF_VIOLATION_RESPONSE), refused);
	close_queue();
}
END_TEST

/* Rule 4: identifiers */

START_TEST(identifier_is_the_hba_id_below_and_a_generation_above)
{
	uint32_t generation = 0;

	open_queue(_i);
	for (unsigned i = 0; i < 5; i++) {
		uint16_t slot = start_and_flush();
		uint64_t id = fake.tasks[slot].controller_task_identifier;

		ck_assert_uint_eq((uint32_t)id, fake.first_id + slot);
		ck_assert_uint_gt((uint32_t)(id >> 32), generation);
		generation = (uint32_t)(id >> 32);
		fake_complete(&fake, slot);
	}
	close_queue();
}
END_TEST

/* Rule 5: single-task mode */

START_TEST(task_that_process_parallel_task_refuses_ends_undelivered)
{
	open_queue(SINGLE);
	fake.single_answer = SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE;
	uint16_t slot = start_and_flush();

	ck_assert_uint_eq(client.count, 1);
	ck_assert_uint_eq(client.ends[0].slot, slot);
	ck_assert_uint_eq(client.ends[0].result.service_response,
			  SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE);
	ck_assert(!client.ends[0].result.quarantined);
	ck_assert_uint_eq(queue->free_count, MINE);
	/* It is over: an answer after all is refused. */
	fake_complete(&fake, slot);
	ck_assert_uint_eq(client.count, 1);
	ck_assert_uint_eq(violations(SHEAF_VIOLATION_OWNER), 1);
	close_queue();
}
END_TEST

START_TEST(task_that_is_completed_and_refused_ends_once)
{
	open_queue(SINGLE);
	fake.single_answer = SHEAF_TASK_COMPLETE;
	fake.answers_inline = true;
	client.restarts = 1; /* the slot is another task's when the refusal comes */
	start_and_flush();
	ck_assert_uint_eq(client.count, 2);
	ck_assert(good(0) && good(1));
	ck_assert_uint_eq(violations(SHEAF_VIOLATION_OWNER), 2);
	ck_assert_uint_eq(stat(started), 2);
	ck_assert_uint_eq(stat(ended), 2);
	close_queue();
}
END_TEST

/* As an entry of the ring does: answered, its slot goes to another queue, and the refusal comes after that. */
START_TEST(task_that_is_completed_and_refused_when_its_slot_has_moved_ends_once)
{
	open_queue(SINGLE);
	fake.single_answer = SHEAF_TASK_COMPLETE;
	fake.answers_inline = true;
	client.gives_away = true;
	uint16_t slot = start_and_flush();

	ck_assert_uint_eq(client.count, 1);
	ck_assert(good(0));
	ck_assert(!sheaf_queue_owns(queue, slot));
	ck_assert_uint_eq(violations(SHEAF_VIOLATION_OWNER), 1);
	ck_assert_uint_eq(stat(ended), 1);
	ck_assert_uint_eq(stat(in_flight), 0);
	sheaf_queue_adopt(host->queues[1], slot); /* and there it is whole */
	sheaf_queue_attach(host->queues[1], loop, &client.client, NULL);
	sheaf_queue_put(host->queues[1], slot);
	sheaf_slots_check(host->queues[1]);
	close_queue();
}
END_TEST

/* The last flush */

/* The end of a request that was in flight is not taken for the flush's, and its slot is put by nobody. */
START_TEST(flush_does_not_take_another_tasks_end_for_its_own)
{
	static const struct sheaf_unit unit = { .lun = 1 };

	open_queue(_i);
	fake.another = start_and_flush();
	fake.answers_another_first = true;
	fake.answers_inline = true;
	ck_assert_int_eq(sheaf_synchronize_unit(queue, &unit), 0);
	ck_assert_uint_eq(stat(ended), 2);
	ck_assert_uint_eq(client.count, 0);
	ck_assert_uint_eq(queue->free_count, MINE - 1);
	sheaf_queue_put(queue, fake.another);
	close_queue();
}
END_TEST

/* A driver that answers nothing is given up after one deadline a question, not after sixteen. */
START_TEST(probe_gives_a_driver_up_that_answers_nothing)
{
	static struct sheaf_unit units[SHEAF_LUNS_MAX];
	struct sheaf_host_options o = options(BUNDLED);

	fake_init(&fake);
	o.timeout_ms = 20;
	open_with(&o);
	ck_assert_int_lt(sheaf_probe(queue, units), 0);
	ck_assert_uint_le(stat(started), 2 * (FAKE_INITIATOR + 1)); /* of each target but the initiator */
	ck_assert_uint_eq(stat(started), stat(timeouts));
	close_queue();
}
END_TEST

/* Rules 6 and 8: deadlines and quarantine */

/* The tasks of all commands that were timed. */
static uint64_t timed_tasks(void)
{
	static struct sheaf_histogram_snapshot all;

	memset(&all, 0, sizeof(all));
	for (unsigned c = 0; c < SHEAF_COMMAND_KINDS; c++)
		sheaf_histogram_add(&all, &queue->observe.commands[c].latency);
	return all.count;
}

START_TEST(task_that_is_sent_again_is_counted_and_is_a_task_of_its_own)
{
	open_queue(_i);
	client.keeps = true;
	uint16_t slot = start_and_flush();
	uint64_t first = queue->host->slot_states[slot].identifier;

	fake_complete(&fake, slot);
	sheaf_queue_retry(queue, slot);
	sheaf_queue_flush(queue);
	ck_assert_uint_eq(stat(retries), 1);
	ck_assert_uint_eq(stat(started), 2);
	ck_assert_uint_ne(queue->host->slot_states[slot].identifier, first);
	fake_complete(&fake, slot);
	ck_assert_uint_eq(client.count, 2);
	ck_assert_uint_eq(timed_tasks(), 2);
	sheaf_queue_put(queue, slot);
	close_queue();
}
END_TEST

START_TEST(task_ends_at_its_deadline_and_not_before)
{
	open_queue(_i);
	ck_assert_int_eq(sheaf_loop_turn(loop, false), 0); /* its clock is ours from here on */
	uint16_t slot = start_and_flush();
	uint64_t deadline = deadline_of(slot);

	ck_assert_uint_eq(deadline, sheaf_loop_now(loop) + TIMEOUT_MS * 1000000ull);
	sheaf_queue_expire(queue, deadline - 1);
	ck_assert_uint_eq(client.count, 0);
	sheaf_queue_expire(queue, deadline);
	ck_assert_uint_eq(client.count, 1);
	ck_assert_uint_eq(client.ends[0].result.service_response,
			  SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE);
	ck_assert_uint_eq(client.ends[0].result.status, SHEAF_DELIVERY_TASK_TIMEOUT);
	ck_assert(client.ends[0].result.quarantined);
	sheaf_queue_expire(queue, UINT64_MAX);
	ck_assert_uint_eq(client.count, 1);
	ck_assert_uint_eq(stat(timeouts), 1);
	ck_assert_uint_eq(stat(quarantined), 1);
	ck_assert_uint_eq(stat(in_flight), 0);
	close_queue();
}
END_TEST

/* Asked for, in ms; what it gets. A slot's next task has the usual one again. */
START_TEST(task_may_ask_for_a_longer_deadline_up_to_a_day)
{
	static const uint64_t rows[][2] = {
		{ TIMEOUT_MS - 1, TIMEOUT_MS },
		{ TIMEOUT_MS + 1, TIMEOUT_MS + 1 },
		{ SHEAF_TASK_TIMEOUT_MAX_MS, SHEAF_TASK_TIMEOUT_MAX_MS },
		{ UINT32_MAX, SHEAF_TASK_TIMEOUT_MAX_MS },
		{ 0, TIMEOUT_MS },
	};

	open_queue(_i);
	ck_assert_int_eq(sheaf_loop_turn(loop, false), 0);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int slot = sheaf_queue_take(queue);

		ck_assert_int_ge(slot, 0);
		build_task(slot);
		sheaf_queue_start_within(queue, (uint16_t)slot, (uint32_t)rows[i][0]);
		sheaf_queue_flush(queue);
		ck_assert_uint_eq(deadline_of((uint16_t)slot),
				  sheaf_loop_now(loop) + rows[i][1] * 1000000u);
		fake_complete(&fake, (uint16_t)slot);
		ck_assert_uint_eq(client.count, i + 1);
	}
	close_queue();
}
END_TEST

START_TEST(task_without_a_limit_has_no_deadline)
{
	struct sheaf_host_options o = options(_i ? SINGLE : BUNDLED);

	fake_init(&fake);
	o.timeout_ms = 0;
	open_with(&o);
	uint16_t slot = start_and_flush();

	sheaf_queue_expire(queue, UINT64_MAX);
	ck_assert_uint_eq(client.count, 0);
	fake_complete(&fake, slot);
	ck_assert_uint_eq(client.count, 1);
	close_queue();
}
END_TEST

START_TEST(deadline_is_kept_for_tasks_that_were_handed_over_only)
{
	open_queue(_i);
	int held = sheaf_queue_take(queue);

	start(); /* gathered: goes with this turn */
	sheaf_queue_expire(queue, UINT64_MAX);
	ck_assert_uint_eq(client.count, 0);
	sheaf_queue_put(queue, (uint16_t)held);
	close_queue();
}
END_TEST

START_TEST(quarantined_slot_is_free_only_when_the_controller_gives_it_back)
{
	uint16_t stuck;

	open_queue(_i);
	stuck = start_and_flush();
	sheaf_queue_expire(queue, UINT64_MAX); /* the client puts it in ended() */
	ck_assert_uint_eq(queue->free_count, MINE - 1);
	for (unsigned n = 0; n < MINE - 1; n++)
		ck_assert_int_ne(sheaf_queue_take(queue), stuck);
	ck_assert_int_eq(sheaf_queue_take(queue), -EAGAIN);

	/* Late: dropped, and the slot is free. */
	fake_complete(&fake, stuck);
	ck_assert_uint_eq(client.count, 1);
	ck_assert_uint_eq(stat(ended), 1);
	ck_assert_uint_eq(stat(late), 1);
	ck_assert_uint_eq(stat(quarantined), 0);
	ck_assert_uint_eq(all_violations(), 0);
	ck_assert_uint_eq(client.slot_free_calls, 1);
	ck_assert_int_eq(sheaf_queue_take(queue), stuck);
	/* And once more is one too many. */
	fake_give_back(&fake, &stuck, 1);
	ck_assert_uint_eq(violations(SHEAF_VIOLATION_OWNER), 1);
	close_queue();
}
END_TEST

START_TEST(quarantined_slot_is_not_free_before_its_client_put_it)
{
	uint16_t stuck;

	open_queue(_i);
	client.keeps = true;
	stuck = start_and_flush();
	sheaf_queue_expire(queue, UINT64_MAX);
	ck_assert(!sheaf_queue_reclaim(queue, stuck));
	fake_complete(&fake, stuck);
	ck_assert_uint_eq(stat(late), 1);
	ck_assert_uint_eq(client.slot_free_calls, 1);
	ck_assert_uint_eq(queue->free_count, MINE - 1);
	/* It was given back already. */
	fake_give_back(&fake, &stuck, 1);
	ck_assert_uint_eq(violations(SHEAF_VIOLATION_OWNER), 1);
	sheaf_queue_put(queue, stuck);
	ck_assert_uint_eq(queue->free_count, MINE);
	ck_assert_uint_eq(stat(quarantined), 0);
	close_queue();
}
END_TEST

START_TEST(quarantined_slot_may_be_reclaimed_when_it_came_back)
{
	uint16_t stuck;

	open_queue(_i);
	client.keeps = true;
	stuck = start_and_flush();
	sheaf_queue_expire(queue, UINT64_MAX);
	fake_complete(&fake, stuck);
	ck_assert(sheaf_queue_reclaim(queue, stuck));
	ck_assert_uint_eq(stat(quarantined), 0);
	memset(sheaf_queue_buffer(queue, stuck), 1, 16); /* ours again, for AddressSanitizer too */
	sheaf_queue_put(queue, stuck);
	ck_assert_uint_eq(queue->free_count, MINE);
	close_queue();
}
END_TEST

START_TEST(bad_answer_does_not_end_a_quarantine)
{
	open_queue(_i);
	uint16_t slot = start_and_flush();

	sheaf_queue_expire(queue, UINT64_MAX);
	for (unsigned i = 0; i < BAD_ROWS; i++) {
		bad_rows[i].spoil(fake_answer(&fake, slot));
		fake_give_back(&fake, &slot, 1);
	}
	ck_assert_uint_eq(all_violations(), BAD_ROWS);
	ck_assert_uint_eq(stat(late), 0);
	ck_assert_uint_eq(stat(quarantined), 1);
	fake_complete(&fake, slot);
	ck_assert_uint_eq(stat(quarantined), 0);
	ck_assert_uint_eq(client.count, 1);
	close_queue();
}
END_TEST

/* The clock of the loop, with real turns: the tick is armed by a start, and ends what is due. */
START_TEST(tick_ends_what_is_due)
{
	struct sheaf_host_options o = options(_i ? SINGLE : BUNDLED);

	fake_init(&fake);
	o.timeout_ms = 20;
	open_with(&o);
	start();
	while (client.count == 0)
		ck_assert_int_eq(sheaf_loop_turn(loop, true), 0);
	ck_assert_uint_eq(client.ends[0].result.status, SHEAF_DELIVERY_TASK_TIMEOUT);
	ck_assert(!queue->tick_armed); /* an idle queue never wakes */
	close_queue();
}
END_TEST

/* Rule 7 */

START_TEST(handed_over_slot_is_poisoned_in_the_hosts_view)
{
#if defined(__SANITIZE_ADDRESS__)
	open_queue(_i);
	client.keeps = true;
	uint16_t slot = start();
	const struct sheaf_view *v = &host->view;

	ck_assert(!__asan_address_is_poisoned(&v->commands[slot]));
	sheaf_queue_flush(queue);
	ck_assert(__asan_address_is_poisoned(&v->commands[slot]));
	ck_assert(__asan_address_is_poisoned(&v->responses[slot]));
	ck_assert(__asan_address_is_poisoned(sheaf_view_buffer(v, slot)));
	/* Still after an answer that was refused, and in quarantine. */
	version_0(fake_answer(&fake, slot));
	fake_give_back(&fake, &slot, 1);
	ck_assert(__asan_address_is_poisoned(&v->responses[slot]));
	sheaf_queue_expire(queue, UINT64_MAX);
	sheaf_queue_put(queue, slot);
	ck_assert(__asan_address_is_poisoned(sheaf_view_buffer(v, slot)));
	fake_complete(&fake, slot);
	ck_assert(!__asan_address_is_poisoned(&v->commands[slot]));
	ck_assert(!__asan_address_is_poisoned(&v->responses[slot]));
	ck_assert(!__asan_address_is_poisoned(sheaf_view_buffer(v, slot)));
	close_queue();
#else
	printf("# not built with AddressSanitizer: nothing to see\n");
#endif
}
END_TEST

/* All at random, against a model: each task ends once, each slot is one side's. */

static uint64_t random_state;

static uint32_t random_below(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 16) % n);
}

static uint64_t seed(void)
{
	const char *env = getenv("SHEAF_SEED");
	uint64_t s = env ? strtoull(env, NULL, 0) : (uint64_t)time(NULL) * 2654435761u;

	printf("# SHEAF_SEED=%llu\n", (unsigned long long)s);
	fflush(stdout);
	return s ? s : 1;
}

static unsigned ends_of_slot[SLOTS], starts_of_slot[SLOTS];

static void count_ended(struct sheaf_queue_client *c, uint16_t slot,
			const struct sheaf_result *result)
{
	(void)c;
	ends_of_slot[slot]++;
	ck_assert_uint_eq(ends_of_slot[slot], starts_of_slot[slot]);
	ck_assert_uint_le(result->bytes_transferred, BYTES);
	sheaf_queue_put(queue, slot);
}

static void random_start(void)
{
	int slot = sheaf_queue_take(queue);

	if (slot < 0)
		return;
	/* A slot in quarantine is not to be had. */
	ck_assert_uint_eq(ends_of_slot[slot], starts_of_slot[slot]);
	starts_of_slot[slot]++;
	start_task(slot);
}

static void random_completion(void)
{
	uint16_t slots[SHEAF_BUNDLE_MAX];
	uint16_t n = (uint16_t)(1 + random_below(SHEAF_BUNDLE_MAX));

	for (uint16_t i = 0; i < n; i++) {
		slots[i] = (uint16_t)random_below(SLOTS + 4);
		if (slots[i] < SLOTS && random_below(8)) {
			struct sheaf_response *r = fake_answer(&fake, slots[i]);

			if (random_below(4) == 0)
				bad_rows[random_below(BAD_ROWS)].spoil(r);
		}
	}
	fake_give_back(&fake, slots, n);
}

START_TEST(whatever_comes_each_task_ends_once)
{
	open_queue(_i);
	random_state = seed();
	client.client.ended = count_ended;
	memset(ends_of_slot, 0, sizeof(ends_of_slot));
	memset(starts_of_slot, 0, sizeof(starts_of_slot));
	for (unsigned step = 0; step < 20000; step++) {
		switch (random_below(8)) {
		case 0: case 1: case 2:
			random_start();
			break;
		case 3: case 4:
			fake.bundle_count = 0;
			sheaf_queue_flush(queue);
			break;
		case 5: case 6:
			random_completion();
			break;
		default:
			if (random_below(20) == 0)
				sheaf_queue_expire(queue, UINT64_MAX);
		}
		sheaf_slots_check(queue);
	}
	/* All that is left comes back. */
	fake.bundle_count = 0;
	sheaf_queue_flush(queue);
	for (uint16_t slot = 0; slot < MINE; slot++) {
		enum sheaf_slot_owner owner = queue->host->slot_states[slot].owner;

		if (owner == SHEAF_SLOT_CONTROLLER || owner == SHEAF_SLOT_QUARANTINED)
			fake_complete(&fake, slot);
	}
	ck_assert_uint_eq(sheaf_slots_check(queue), 0);
	ck_assert_uint_eq(queue->free_count, MINE);
	ck_assert_uint_eq(stat(started), stat(ended));
	ck_assert_uint_eq(timed_tasks(), stat(ended));
	for (uint16_t slot = 0; slot < MINE; slot++)
		ck_assert_uint_eq(starts_of_slot[slot], ends_of_slot[slot]);
	ck_assert_uint_gt(stat(late), 0);
	close_queue();
}
END_TEST

/* Lanes: the same rules, with the far side played by hand */

static struct sheaf_lane far[2];

static void open_pool(int mode)
{
	struct sheaf_host_options o = options((enum mode)mode);

	fake_init(&fake);
	o.workers = 2;
	open_with(&o);
	for (uint32_t w = 0; w < 2; w++) {
		sheaf_lane_open(&far[w], &fake.raw, sheaf_host_lane_index(host, 0, w));
		sheaf_queue_attach_worker(queue, w, sheaf_loop_doorbell_fd(loop));
	}
}

/* Take one request entry of worker @w; the number of tasks in it. */
static int far_take(uint32_t w, uint16_t slots[SHEAF_BUNDLE_MAX])
{
	struct sheaf_task task;
	sheaf_action action;
	int n;

	if (host->bundled) {
		n = sheaf_ring_pop_bundle(&far[w].request, slots);
		for (int i = 0; i < n; i++)
			fake.tasks[slots[i]] = fake.raw.commands[slots[i]];
		return n;
	}
	n = sheaf_ring_pop_task(&far[w].request, &action, &task);
	if (n == 1) {
		slots[0] = (uint16_t)action;
		fake.tasks[action] = task;
	}
	return n;
}

static void far_give_back(uint32_t w, uint16_t slot)
{
	fake_answer(&fake, slot);
	if (host->bundled)
		ck_assert_int_eq(sheaf_ring_push_bundle(&far[w].completion, &slot, 1), 0);
	else
		ck_assert_int_eq(sheaf_ring_push_response(&far[w].completion, slot,
							  &fake.single[slot]),
				 0);
}

START_TEST(tasks_go_to_the_worker_with_the_least_to_do)
{
	uint16_t a[SHEAF_BUNDLE_MAX], b[SHEAF_BUNDLE_MAX];

	open_pool(_i);
	start_and_flush();
	ck_assert_int_eq(far_take(0, a), 1); /* the first of equals */
	start_and_flush();
	ck_assert_int_eq(far_take(1, b), 1);
	ck_assert_int_eq(far_take(0, b), 0);
	far_give_back(1, b[0]);
	ck_assert(sheaf_queue_poll(queue));
	ck_assert(!sheaf_queue_poll(queue));
	ck_assert_uint_eq(client.ends[0].slot, b[0]);
	start_and_flush();
	ck_assert_int_eq(far_take(1, b), 1);
	far_give_back(0, a[0]);
	far_give_back(1, b[0]);
	sheaf_queue_poll(queue);
	ck_assert_uint_eq(client.count, 3);
	ck_assert_uint_eq(queue->lanes[0].in_flight + queue->lanes[1].in_flight, 0);
	close_queue();
}
END_TEST

/* In single-task mode nothing is said of the next task, so each call wakes by itself. */
START_TEST(single_task_mode_rings_a_doorbell_a_call)
{
	uint16_t a[SHEAF_BUNDLE_MAX];

	open_pool(SINGLE);
	start(), start(), start();
	sheaf_queue_flush(queue);
	ck_assert_uint_eq(stat(doorbells), 3);
	ck_assert_int_eq(far_take(0, a), 1);
	ck_assert_int_eq(far_take(1, a), 1);
	ck_assert_int_eq(far_take(0, a), 1);
	close_queue();
}
END_TEST

START_TEST(doorbell_is_rung_for_a_worker_that_sleeps_only)
{
	open_pool(BUNDLED);
	start_and_flush();
	ck_assert_uint_eq(stat(doorbells), 0);
	ck_assert(!sheaf_ring_may_sleep(&far[0].request)); /* there is something */
	ck_assert(sheaf_ring_may_sleep(&far[1].request));
	start_and_flush();
	ck_assert_uint_eq(stat(doorbells), 1);
	close_queue();
}
END_TEST

START_TEST(bad_entry_of_a_lane_is_counted_and_the_next_one_comes)
{
	uint16_t slots[SHEAF_BUNDLE_MAX];

	open_pool(BUNDLED);
	start();
	start_and_flush();
	ck_assert_int_eq(far_take(0, slots), 2);
	uint16_t *count = (uint16_t *)far[0].completion.entries;

	far_give_back(0, slots[0]);
	*count = 33;
	far_give_back(0, slots[1]);
	sheaf_queue_poll(queue);
	ck_assert_uint_eq(client.count, 1);
	ck_assert_uint_eq(client.ends[0].slot, slots[1]);
	ck_assert_uint_eq(violations(SHEAF_VIOLATION_COUNT), 1);
	close_queue();
}
END_TEST

START_TEST(ring_index_that_cannot_be_is_counted_and_tasks_end_by_their_deadline)
{
	open_pool(_i);
	/* tail is the first word of a ring, head starts its second cache line (lane.c). */
	_Atomic uint32_t *tail = (_Atomic uint32_t *)far[0].completion.ring;
	_Atomic uint32_t *head = (_Atomic uint32_t *)far[1].request.ring + 16;

	atomic_store(tail, 1u << 20);
	sheaf_queue_poll(queue);
	ck_assert_uint_eq(violations(SHEAF_VIOLATION_RING), 1);
	atomic_store(head, 1u << 20);
	start_and_flush();
	ck_assert_uint_eq(violations(SHEAF_VIOLATION_RING), 2);
	start_and_flush();
	ck_assert_uint_eq(client.count, 0);
	sheaf_queue_expire(queue, UINT64_MAX);
	ck_assert_uint_eq(client.count, 2);
	ck_assert_uint_eq(violations(SHEAF_VIOLATION_RING), 2);
	close_queue();
}
END_TEST

static unsigned replaced;

static int count_replace(void *arg, const char *why)
{
	ck_assert_ptr_eq(arg, &fake);
	ck_assert_ptr_nonnull(why);
	replaced++;
	return 0;
}

START_TEST(broken_lane_is_left_alone_and_another_driver_is_asked_for_once)
{
	open_pool(_i);
	_Atomic uint32_t *tail = (_Atomic uint32_t *)far[0].completion.ring;

	host->replace_driver = count_replace;
	host->replace_arg = &fake;
	replaced = 0;
	atomic_store(tail, UINT32_MAX);
	sheaf_queue_poll(queue);
	ck_assert_uint_eq(replaced, 1);
	/* A loop may sleep over it, and does not look again, whatever it says. */
	ck_assert(queue->hook.may_sleep(&queue->hook));
	queue->hook.awake(&queue->hook);
	ck_assert(!sheaf_queue_poll(queue));
	atomic_store(tail, 1);
	ck_assert(!sheaf_queue_poll(queue));
	/* What comes goes by the other lane. */
	for (unsigned i = 0; i < 3; i++)
		start_and_flush();
	ck_assert_uint_eq(queue->lanes[0].tasks, 0);
	ck_assert_uint_eq(queue->lanes[1].tasks, 3);
	ck_assert_uint_eq(violations(SHEAF_VIOLATION_RING), 1);
	ck_assert_uint_eq(replaced, 1);
	sheaf_queue_expire(queue, UINT64_MAX);
	close_queue();
}
END_TEST

START_TEST(task_that_is_sent_again_asks_for_what_it_was_told_at_first)
{
	open_queue(_i);
	client.keeps = true;
	uint16_t slot = start_and_flush();

	fake_answer(&fake, slot)->completion_status = SHEAF_STATUS_BUSY;
	fake.raw.commands[slot].requested_transfer_count = UINT64_MAX;
	fake_give_back(&fake, &slot, 1);
	sheaf_queue_retry(queue, slot);
	sheaf_queue_flush(queue);
	ck_assert_uint_eq(fake.tasks[slot].requested_transfer_count, BYTES);
	fake_answer(&fake, slot)->bytes_transferred = BYTES + 1;
	fake_give_back(&fake, &slot, 1);
	ck_assert_uint_eq(violations(SHEAF_VIOLATION_RESPONSE), 1);
	fake_complete(&fake, slot);
	ck_assert_uint_eq(client.count, 2);
	client.keeps = false;
	sheaf_queue_put(queue, slot);
	close_queue();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("queue");
	TCase *tc = tcase_create("rules");

	sheaf_log_set_level(SHEAF_LOG_ERROR);
#define both(test) tcase_add_loop_test(tc, test, BUNDLED, SINGLE + 1)
	both(task_arrives_in_its_slot_with_its_buffer);
	both(answer_ends_the_task_of_its_slot);
	tcase_add_test(tc, bundle_holds_no_more_than_its_limit);
	tcase_add_test(tc, single_task_mode_is_one_call_a_task_in_order);
	both(completion_may_be_partial_out_of_order_and_mixed);
	both(returned_slot_may_be_reused_at_once);
	both(answers_from_inside_the_call_are_fine);
	both(client_that_ran_out_of_slots_is_told_when_one_is_back);
	both(bad_response_is_refused_and_the_rest_of_its_bundle_goes_on);
	both(every_status_of_sam_5_and_every_failed_delivery_is_an_end);
	both(index_beyond_all_slots_is_refused);
	both(slot_of_another_queue_is_refused);
	both(slot_given_away_is_refused_here_and_serves_there);
	tcase_add_test(tc, action_is_not_cut_to_a_slot);
	both(completion_of_slot_not_owned_is_refused);
	both(slot_given_back_twice_is_refused_once);
	tcase_add_test(tc, bundle_count_out_of_range_is_refused_as_a_whole);
	both(result_is_a_copy_of_the_response);
	tcase_add_test(tc, what_is_checked_is_what_is_used);
	both(identifier_is_the_hba_id_below_and_a_generation_above);
	tcase_add_test(tc, task_that_process_parallel_task_refuses_ends_undelivered);
	tcase_add_test(tc, task_that_is_completed_and_refused_ends_once);
	tcase_add_test(tc, task_that_is_completed_and_refused_when_its_slot_has_moved_ends_once);
	both(flush_does_not_take_another_tasks_end_for_its_own);
	tcase_add_test(tc, probe_gives_a_driver_up_that_answers_nothing);
	both(task_that_is_sent_again_is_counted_and_is_a_task_of_its_own);
	both(task_ends_at_its_deadline_and_not_before);
	both(task_may_ask_for_a_longer_deadline_up_to_a_day);
	both(task_without_a_limit_has_no_deadline);
	both(deadline_is_kept_for_tasks_that_were_handed_over_only);
	both(quarantined_slot_is_free_only_when_the_controller_gives_it_back);
	both(quarantined_slot_is_not_free_before_its_client_put_it);
	both(quarantined_slot_may_be_reclaimed_when_it_came_back);
	both(bad_answer_does_not_end_a_quarantine);
	both(tick_ends_what_is_due);
	both(handed_over_slot_is_poisoned_in_the_hosts_view);
	both(whatever_comes_each_task_ends_once);
	both(tasks_go_to_the_worker_with_the_least_to_do);
	tcase_add_test(tc, doorbell_is_rung_for_a_worker_that_sleeps_only);
	tcase_add_test(tc, single_task_mode_rings_a_doorbell_a_call);
	tcase_add_test(tc, bad_entry_of_a_lane_is_counted_and_the_next_one_comes);
	both(ring_index_that_cannot_be_is_counted_and_tasks_end_by_their_deadline);
	both(broken_lane_is_left_alone_and_another_driver_is_asked_for_once);
	both(task_that_is_sent_again_asks_for_what_it_was_told_at_first);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
