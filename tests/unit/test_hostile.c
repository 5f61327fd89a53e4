/* SPDX-License-Identifier: MIT */
/**
 * test_hostile.c - a driver that writes whatever it likes, whenever it likes, from a thread of its own
 *
 * It has a view of the region and both ends of the lanes, as a hostile process would: it writes into ring indices, counts, slots, responses,
 * commands and data at any moment, answers twice, for slots that it does not own or that do not exist, nearly right or not at all, and
 * floods the rings. The host's loop runs a queue with tasks all the time. Whatever comes: each task ends exactly once, a turn's work is
 * bounded, nothing is lost, and every kind of violation is counted. A ring index that cannot be has the driver replaced: it is stopped (the
 * fence), the queue recovers, and it begins again.
 *
 * test_hostile [SECONDS]; SHEAF_SEED=N repeats its choices, though not the moments of them.
 */
#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "fake_controller.h"
#include "host/recover.h"
#include "loop/loop.h"

#define SLOTS	   48u
#define LANES	   2u
#define TIMEOUT_MS 80u
#define BYTES	   4096u
#define DEFAULT_SECONDS 2.0
/* A turn takes microseconds; one that takes so long hangs. */
#define TURN_SECONDS_MAX 10
/* So long at most between two replacements, so that there are many. */
#define LIFE_NS 200000000ull

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "test_hostile: %s\n", what);
	abort();
}

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint32_t below(uint64_t *state, uint32_t n)
{
	return (uint32_t)((next_random(state) >> 32) * n >> 32);
}

/* The driver's side */

static struct hostile {
	struct sheaf_view view;
	struct sheaf_lane lanes[LANES];
	bool bundled;
	int doorbell_fd;
	uint64_t random, acts;
	atomic_bool pause, paused, end;
} hostile;

/* As it should be, but for one thing in four. */
static void write_response(struct hostile *h, uint32_t slot, struct sheaf_response *r)
{
	const struct sheaf_task *task = &h->view.commands[slot];

	r->version = SHEAF_TASK_VERSION;
	r->controller_task_identifier = task->controller_task_identifier;
	r->service_response = SHEAF_TASK_COMPLETE;
	r->completion_status = SHEAF_STATUS_GOOD;
	r->bytes_transferred = task->requested_transfer_count;
	switch (below(&h->random, 24)) {
	case 0:
		r->version = next_random(&h->random);
		break;
	case 1:
		r->controller_task_identifier -= (uint64_t)1 << below(&h->random, 64);
		break;
	case 2:
		r->service_response = (uint32_t)next_random(&h->random);
		break;
	case 3:
		r->completion_status = below(&h->random, 64);
		break;
	case 4:
		r->bytes_transferred = next_random(&h->random);
		break;
	case 5:
		r->completion_status = SHEAF_STATUS_CHECK_CONDITION;
		r->sense_length = (uint8_t)next_random(&h->random);
		for (unsigned i = 0; i < SHEAF_SENSE_MAX; i++)
			r->sense_buffer[i] = (uint8_t)next_random(&h->random);
		break;
	case 6:
		r->completion_status = SHEAF_STATUS_BUSY;
		break;
	default:
		break;
	}
}

static void answer(struct hostile *h, struct sheaf_lane *lane)
{
	static const uint16_t counts[] = { 0, 33, 1000, UINT16_MAX };
	uint16_t slots[SHEAF_BUNDLE_MAX];
	struct sheaf_response r;
	uint16_t n = (uint16_t)(1 + below(&h->random, SHEAF_BUNDLE_MAX));
	uint32_t at = lane->completion.index;

	if (!h->bundled) {
		uint32_t slot = below(&h->random, SLOTS);

		memset(&r, 0, sizeof(r));
		write_response(h, slot, &r);
		if (below(&h->random, 50) == 0)
			slot = (uint32_t)next_random(&h->random);
		sheaf_ring_push_response(&lane->completion, slot, &r);
		return;
	}
	for (uint16_t i = 0; i < n; i++) {
		slots[i] = (uint16_t)below(&h->random, SLOTS);
		write_response(h, slots[i], &h->view.responses[slots[i]]);
		if (below(&h->random, 100) == 0)
			slots[i] = (uint16_t)next_random(&h->random);
	}
	/* A count that cannot be: of the entry that is pushed, which the host may be reading by now. */
	if (sheaf_ring_push_bundle(&lane->completion, slots, n) == 0 && below(&h->random, 20) == 0)
		*(volatile uint16_t *)(lane->completion.entries +
				       (at & lane->completion.mask) * lane->completion.entry_bytes) =
			counts[below(&h->random, 4)];
}

/* Take requests, so that the ring has room; what they say does not matter. */
static void take(struct hostile *h, struct sheaf_lane *lane)
{
	uint16_t slots[SHEAF_BUNDLE_MAX];
	struct sheaf_task task;
	sheaf_action action;

	for (unsigned i = 0; i < SLOTS; i++)
		if ((h->bundled ? sheaf_ring_pop_bundle(&lane->request, slots) :
				  sheaf_ring_pop_task(&lane->request, &action, &task)) == 0)
			return;
}

static void write_anything(struct hostile *h, uint64_t offset, uint64_t value)
{
	*(volatile uint64_t *)(h->view.base + (offset & ~UINT64_C(7))) = value;
}

static void write_anywhere(struct hostile *h)
{
	const struct sheaf_region_geometry *g = &h->view.geometry;
	uint64_t any = below(&h->random, 2) ? below(&h->random, 100) : next_random(&h->random);

	/* Commands and responses more often than data, which nobody looks at. Rings are for write_index(). */
	if (below(&h->random, 8))
		write_anything(h, next_random(&h->random) % g->lanes_offset, any);
	else
		write_anything(h, g->data_offset + next_random(&h->random) % (g->bytes - g->data_offset), any);
}

/* tail, head and asleep begin the first three cache lines of a ring (lane.c). */
static void write_index(struct hostile *h, struct sheaf_lane *lane)
{
	struct sheaf_ring_end *end = below(&h->random, 2) ? &lane->request : &lane->completion;
	volatile uint32_t *word = (volatile uint32_t *)end->ring + 16 * below(&h->random, 3);

	*word = below(&h->random, 3) ? end->index + below(&h->random, SLOTS) : (uint32_t)next_random(&h->random);
}

static void act(struct hostile *h)
{
	struct sheaf_lane *lane = &h->lanes[below(&h->random, LANES)];
	uint32_t what = below(&h->random, 10000);

	/* Seldom, as it is mostly the last thing that it does. */
	if (what == 0 && below(&h->random, 8) == 0)
		write_index(h, lane);
	else if (what < 5000)
		answer(h, lane);
	else if (what < 6000)
		take(h, lane);
	else if (what < 9900)
		write_anywhere(h);
	else if (write(h->doorbell_fd, &(uint64_t){ 1 }, sizeof(uint64_t)) < 0)
		sched_yield();
	/* In bursts, so that also what needs some quiet happens: tasks that wait, time out, come back. */
	if (below(&h->random, 2000) == 0)
		usleep(below(&h->random, 3000));
	h->acts++;
}

static void *hostile_main(void *arg)
{
	struct hostile *h = arg;

	while (!atomic_load(&h->end)) {
		if (atomic_load(&h->pause)) {
			atomic_store(&h->paused, true);
			sched_yield();
			continue;
		}
		atomic_store(&h->paused, false);
		act(h);
	}
	atomic_store(&h->paused, true);
	return NULL;
}

/* The host's side */

static struct side {
	struct sheaf_queue_client client; /* first */
	struct sheaf_host *host;
	struct sheaf_queue *queue;
	struct sheaf_loop *loop;
	struct sheaf_op pulse;
	bool started[SLOTS], kept[SLOTS];
	uint64_t starts, ends, timeouts, replacements;
	bool replace, stops, keeps;
	uint64_t random;
} side;

static void start(uint16_t slot)
{
	static const uint8_t opcodes[] = { 0x28, 0x2a, 0x89, 0x35, 0x5f };
	struct sheaf_task *task = sheaf_queue_command(side.queue, slot);

	check(!side.started[slot], "a slot was given out that has a task");
	task->transfer_direction = SHEAF_TRANSFER_FROM_TARGET;
	task->requested_transfer_count = BYTES;
	task->command_size = 10;
	task->command_descriptor_block[0] = opcodes[below(&side.random, sizeof(opcodes))];
	memset(sheaf_queue_buffer(side.queue, slot), 0x5a, 64);
	side.started[slot] = true;
	side.starts++;
	sheaf_queue_start(side.queue, slot);
}

static void start_some(void)
{
	int slot;

	for (unsigned n = below(&side.random, 8); n && !side.stops; n--) {
		slot = sheaf_queue_take(side.queue);
		if (slot < 0)
			return;
		start((uint16_t)slot);
	}
}

static void ended(struct sheaf_queue_client *client, uint16_t slot, const struct sheaf_result *result)
{
	(void)client;
	check(slot < SLOTS && side.started[slot], "a task ended that was not started, or twice");
	side.started[slot] = false;
	side.ends++;
	side.timeouts += result->quarantined;
	if (result->quarantined && side.keeps)
		side.kept[slot] = true;
	else if (!result->quarantined && !side.stops && below(&side.random, 4) == 0)
		start(slot);
	else if (!result->quarantined && !side.stops && result->status == SHEAF_STATUS_BUSY) {
		side.started[slot] = true;
		side.starts++;
		sheaf_queue_retry(side.queue, slot);
	} else
		sheaf_queue_put(side.queue, slot);
}

static void slot_free(struct sheaf_queue_client *client)
{
	(void)client;
	for (uint16_t slot = 0; slot < SLOTS; slot++) {
		if (!side.kept[slot] || !sheaf_queue_reclaim(side.queue, slot))
			continue;
		side.kept[slot] = false;
		sheaf_queue_put(side.queue, slot);
	}
}

/* The loop wakes often enough, also while the driver rings nobody. */
static void pulse_done(struct sheaf_op *op, int result)
{
	(void)result;
	start_some();
	sheaf_loop_timer(side.loop, op, 1000000);
}

static int replace(void *arg, const char *why)
{
	(void)why;
	((struct side *)arg)->replace = true;
	return 0;
}

static void open_lanes(void)
{
	for (uint32_t i = 0; i < LANES; i++)
		sheaf_lane_open(&hostile.lanes[i], &hostile.view, i);
}

/* Stopped, which is the fence; the queue recovers; and it begins again. */
static void replace_driver(void)
{
	atomic_store(&hostile.paused, false);
	atomic_store(&hostile.pause, true);
	while (!atomic_load(&hostile.paused))
		sched_yield();
	sheaf_queue_driver_gone(side.queue, "replaced");
	check(sheaf_slots_check(side.queue) == 0 || side.keeps, "the driver has slots after its death");
	open_lanes();
	sheaf_queue_driver_back(side.queue);
	side.replace = false;
	side.replacements++;
	atomic_store(&hostile.pause, false);
}

static void open_side(bool single, uint64_t seed)
{
	static struct fake_controller fake;
	const struct sheaf_host_options options = {
		.ops = &fake_ops,
		.controller = &fake,
		.slots = SLOTS,
		.queues = 1,
		.workers = LANES,
		.buffer_bytes = BYTES,
		.bundle_max = SHEAF_BUNDLE_MAX,
		.single_mode = single,
		.timeout_ms = TIMEOUT_MS,
		.may_lose_driver = true,
	};
	const char *reason;
	int backend = sheaf_loop_probe(SHEAF_IO_AUTO, &reason);

	fake_init(&fake);
	memset(&side, 0, sizeof(side));
	memset(&hostile, 0, sizeof(hostile));
	check(sheaf_host_create(&options, &side.host) == 0, "no host");
	check(sheaf_loop_create((enum sheaf_io_backend)backend, 8, &side.loop) == 0, "no loop");
	check(sheaf_view_map(&side.host->region, &hostile.view) == 0, "no view");
	side.random = seed;
	side.keeps = seed & 1;
	side.client.ended = ended;
	side.client.slot_free = slot_free;
	side.queue = side.host->queues[0];
	sheaf_queue_set_running(side.queue, true);
	for (uint32_t i = 0; i < side.host->slots; i++)
		side.host->next_hba_ids[i] = side.host->hba_ids[i]; /* a new driver gives the same */
	side.host->replace_driver = replace;
	side.host->replace_arg = &side;
	sheaf_queue_attach(side.queue, side.loop, &side.client, NULL);
	hostile.bundled = side.host->bundled;
	hostile.random = ~seed;
	hostile.doorbell_fd = sheaf_loop_doorbell_fd(side.loop);
	for (uint32_t i = 0; i < LANES; i++)
		sheaf_queue_attach_worker(side.queue, i, hostile.doorbell_fd);
	open_lanes();
}

static void run_turns(double seconds)
{
	uint64_t now = sheaf_clock_ns(), end = now + (uint64_t)(seconds * 1e9), life = now + LIFE_NS;
	const struct sheaf_queue_stats *s = &side.queue->stats;

	side.pulse.done = pulse_done;
	sheaf_loop_timer(side.loop, &side.pulse, 1000000);
	while (now < end) {
		uint64_t before = sheaf_count_get(&s->completions.count);

		alarm(TURN_SECONDS_MAX);
		check(sheaf_loop_turn(side.loop, true) == 0, "the loop failed");
		/* What a turn takes out of a lane is bounded, however fast it is filled. */
		check(sheaf_count_get(&s->completions.count) - before <= LANES * SLOTS, "a turn without bound");
		sheaf_slots_check(side.queue);
		now = sheaf_clock_ns();
		if (side.replace || now >= life) {
			replace_driver();
			life = now + LIFE_NS;
		}
	}
	alarm(0);
}

static uint64_t seen[SHEAF_VIOLATION_KINDS];

/* Everything ends, and every slot comes back. */
static void close_side(pthread_t thread)
{
	const struct sheaf_queue_stats *s = &side.queue->stats;

	side.stops = true;
	atomic_store(&hostile.end, true);
	pthread_join(thread, NULL);
	sheaf_queue_driver_gone(side.queue, "ended");
	sheaf_queue_expire(side.queue, UINT64_MAX);
	check(sheaf_slots_check(side.queue) == 0, "slots are lost");
	check(side.queue->free_count == SLOTS, "not all slots are free");
	check(side.starts == side.ends, "not all tasks ended");
	check(side.starts == sheaf_count_get(&s->started) && side.ends == sheaf_count_get(&s->ended),
	      "counters are wrong");
	for (int i = 0; i < SHEAF_VIOLATION_KINDS; i++)
		seen[i] += sheaf_count_get(&s->violations[i]);
	printf("%s: %" PRIu64 " tasks, %" PRIu64 " timeouts, %" PRIu64 " sent again, %" PRIu64
	       " drivers replaced, %" PRIu64 " acts\n",
	       side.host->bundled ? "bundled" : "single", side.ends, side.timeouts,
	       sheaf_count_get(&s->reissued), side.replacements, hostile.acts);
	side.loop = sheaf_loop_free(side.loop);
	sheaf_view_unmap(&hostile.view);
	side.host = sheaf_host_free(side.host);
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : DEFAULT_SECONDS;
	const char *wanted = getenv("SHEAF_SEED");
	uint64_t seed = wanted ? strtoull(wanted, NULL, 0) : sheaf_clock_ns();
	bool all = true;

	printf("SHEAF_SEED=%" PRIu64 "\n", seed);
	fflush(stdout);
	sheaf_log_set_level(SHEAF_LOG_ERROR);
	for (unsigned part = 0; part < 4; part++) {
		pthread_t thread;

		open_side(part & 1, seed + part / 2);
		check(pthread_create(&thread, NULL, hostile_main, &hostile) == 0, "no thread");
		run_turns(seconds / 4);
		close_side(thread);
	}
	for (int i = 0; i < SHEAF_VIOLATION_KINDS; i++) {
		printf("%12" PRIu64 " violations: %s\n", seen[i], sheaf_violation_names[i]);
		all &= seen[i] > 0;
	}
	check(all, "a kind of violation never came");
	return 0;
}
