/* SPDX-License-Identifier: MIT */
/*
 * sim_world.c - who runs when: the scheduler of the simulation, the driver's death and return, and what must hold; see sim.h.
 *
 * After every step: states and counters agree (sheaf_slots_check()), and no loop sleeps over work. At the end of a schedule all that
 * was started has ended and every slot is free, without any help of the clock, so that a lost wake-up shows.
 */
#include "sim.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/counter.h"
#include "host/recover.h"

/* Turns in which a schedule must come to its end. */
#define DRAIN_ROUNDS_MAX 20000
/* Late enough that no clock of the machine (sheaf_observe_task() looks at one) is ahead of it. */
#define CLOCK_BEGIN_NS (UINT64_C(1) << 60)
#define MS	       UINT64_C(1000000)

const char *const sim_count_names[SIM_COUNTS] = {
	[SIM_TASKS] = "tasks",
	[SIM_READS] = "reads",
	[SIM_WRITES] = "writes",
	[SIM_FLUSHES] = "flushes",
	[SIM_COMPARES] = "not repeatable",
	[SIM_INLINE] = "completed inline",
	[SIM_ERRORS] = "ended with an error",
	[SIM_ABORTS] = "aborts",
	[SIM_RETRIES] = "sent again",
	[SIM_TIMEOUTS] = "timeouts",
	[SIM_LATE] = "late completions",
	[SIM_RECLAIMS] = "slots reclaimed",
	[SIM_STARVED] = "found no slot",
	[SIM_MOVES] = "slots given away",
	[SIM_DOORBELLS] = "doorbells",
	[SIM_DEATHS] = "deaths of the driver",
	[SIM_REISSUES] = "tasks issued again",
	[SIM_ABORTED_BY_DEATH] = "tasks aborted by a death",
	[SIM_WAITED_IN_VAIN] = "tasks that waited for a driver in vain",
	[SIM_VIOLATIONS] = "violations",
	[SIM_HOSTILE] = "hostile acts",
	[SIM_BROKEN_LANES] = "broken lanes",
};

void sim_say(const struct sim_world *w, const char *format, ...)
{
	va_list args;

	printf("%5u %9" PRIu64 "us  ", w->step, (w->loops.clock_ns - w->begin_ns) / 1000);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

void sim_fail(const struct sim_world *w, const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "seed %" PRIu64 ", step %u: ", w->seed, w->step);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	abort(); /* the handler in main.c says how to repeat it */
}

static uint64_t violations(const struct sheaf_queue *queue)
{
	uint64_t n = 0;

	for (int i = 0; i < SHEAF_VIOLATION_KINDS; i++)
		n += sheaf_count_get(&queue->stats.violations[i]);
	return n;
}

static void run_until_quiet(struct sim_world *w);

/* Making a world */

static int want_replacement(void *arg, const char *why)
{
	struct sim_world *w = arg;

	sim_event(w, "the host wants another driver: %s", why);
	sim_count(w, SIM_BROKEN_LANES);
	sim_check(w, ++w->broken_lanes <= w->config.queues * w->config.workers, "a broken lane was used again");
	return 0;
}

static struct sheaf_loop *worker_loop(struct sim_world *w, unsigned worker)
{
	return &w->loops.loops[w->config.queues + worker];
}

static void make_context(struct sim_world *w, unsigned i)
{
	struct sim_context *c = &w->contexts[i];
	int r = sheaf_context_create(&sim_driver_ops, w, &w->host->controller_view, w->host->bundled, c->loop,
				     &c->context);

	sim_check(w, r == 0, "no context");
	memset(c->last_number, 0, sizeof(c->last_number));
}

/* A driver's process begins: its contexts open their ends of the lanes. */
static void open_workers(struct sim_world *w)
{
	for (unsigned i = 0; i < w->config.workers; i++) {
		struct sim_context *c = &w->contexts[i];

		sim_loop_renew(c->loop);
		make_context(w, i);
		sim_check(w, sheaf_context_attach_lanes(c->context, w->config.queues) == 0, "no memory");
		for (unsigned q = 0; q < w->config.queues; q++) {
			const struct sheaf_queue *queue = w->host->queues[q];

			sheaf_context_open_lane(c->context, q, sheaf_host_lane_index(w->host, q, i),
						queue->first_slot, queue->slot_count, (int)q);
		}
	}
}

struct sim_world *sim_world_create(const struct sim_config *config, uint64_t counts[SIM_COUNTS])
{
	struct sim_world *w = calloc(1, sizeof(*w));
	const struct sheaf_host_options options = {
		.ops = &sim_driver_ops,
		.controller = w,
		.slots = config->slots,
		.queues = config->queues,
		.workers = config->workers,
		.buffer_bytes = SIM_TASK_BLOCKS * SIM_BLOCK_BYTES,
		.bundle_max = config->bundle_max,
		.single_mode = config->single,
		.timeout_ms = (uint32_t)(SIM_TIMEOUT_NS / MS),
		.may_lose_driver = config->workers > 0,
	};

	if (!w)
		return NULL;
	w->config = *config;
	w->counts = counts;
	w->loops.clock_ns = CLOCK_BEGIN_NS;
	sim_loops_init(&w->loops, (int)(config->queues + config->workers));
	if (sheaf_host_create(&options, &w->host) < 0 || sheaf_view_map(&w->host->region, &w->raw) < 0)
		sim_fail(w, "no host");
	for (unsigned i = 0; config->workers && i < w->host->slots; i++)
		w->host->next_hba_ids[i] = w->host->hba_ids[i]; /* a new driver gives the same */
	w->host->replace_driver = want_replacement;
	w->host->replace_arg = w;
	w->context_count = config->workers ? config->workers : config->queues;
	for (unsigned i = 0; i < w->context_count; i++)
		w->contexts[i] = (struct sim_context){
			.world = w,
			.number = i,
			.loop = config->workers ? worker_loop(w, i) : &w->loops.loops[i],
		};
	for (unsigned q = 0; q < config->queues; q++) {
		struct sim_client *client = &w->clients[q];
		struct sheaf_queue *queue = w->host->queues[q];
		struct sheaf_request_port port;

		client->world = w;
		client->queue = queue;
		client->loop = &w->loops.loops[q];
		client->number = q;
		sim_client_init(client);
		sheaf_queue_set_running(queue, true);
		if (config->workers) {
			sheaf_queue_attach(queue, client->loop, &client->client, NULL);
			for (unsigned i = 0; i < config->workers; i++)
				sheaf_queue_attach_worker(queue, i, (int)(config->queues + i));
			continue;
		}
		make_context(w, q);
		port = sheaf_context_request_port(w->contexts[q].context);
		sheaf_context_attach_port(w->contexts[q].context, sheaf_queue_completion_port(queue));
		sheaf_queue_attach(queue, client->loop, &client->client, &port);
	}
	open_workers(w);
	run_until_quiet(w); /* all asleep, as after a schedule */
	return w;
}

void sim_world_free(struct sim_world *w)
{
	for (unsigned i = 0; i < w->context_count; i++)
		sheaf_context_free(w->contexts[i].context);
	sheaf_view_unmap(&w->raw);
	sheaf_host_free(w->host);
	free(w);
}

/* Turns */

struct event {
	struct sim_client *client; /* the loop's queue, if it has one */
	struct sim_context *context; /* the driver's on this loop, if it lives */
	unsigned submits, io;
	bool hostile, repent;
};

static void run_event(void *arg)
{
	const struct event *e = arg;
	struct sim_client *client = e->client;

	if (client && client->must_tell_gone) {
		client->must_tell_gone = false;
		client->gone++;
		sim_event(client->world, "queue %u: the driver is gone", client->number);
		sheaf_queue_driver_gone(client->queue, "died");
	}
	if (client && client->must_tell_back) {
		client->must_tell_back = false;
		sim_event(client->world, "queue %u: the driver is back", client->number);
		sheaf_queue_driver_back(client->queue);
	}
	if (client && client->inbox_count)
		sim_client_inbox(client);
	if (client && e->submits)
		sim_client_submit(client, e->submits);
	if (e->context && e->io)
		sim_driver_io(e->context, e->io);
	if (client && e->hostile)
		sim_driver_hostile(client->world, client->number);
	if (client && e->repent)
		sim_driver_repent(client->world, client->number);
}

static struct sim_context *context_on(struct sim_world *w, const struct sheaf_loop *loop)
{
	for (unsigned i = 0; i < w->context_count; i++)
		if (w->contexts[i].loop == loop && w->contexts[i].context)
			return &w->contexts[i];
	return NULL;
}

/* Loops of a driver's process run while it lives. */
static bool is_alive(const struct sim_world *w, const struct sheaf_loop *loop)
{
	return loop->number < (int)w->config.queues ||
	       ((w->driver == SIM_ALIVE || w->driver == SIM_BACK) && !w->hostile_now);
}

/* What the loop would do next, with an event. One that is between turns takes only the first half of the next one. */
static void step_loop(struct sim_world *w, struct sheaf_loop *loop, struct event e)
{
	if (loop->state == SIM_LOOP_WORKED) {
		sim_loop_submit(loop);
		if (!e.submits && !e.io && !e.hostile && !e.repent)
			return;
	}
	e.client = loop->number < (int)w->config.queues ? &w->clients[loop->number] : NULL;
	e.context = context_on(w, loop);
	sim_loop_work(loop, run_event, &e);
	if (!e.client)
		return;
	sheaf_slots_check(e.client->queue);
	sim_client_check_deadlines(e.client);
}

/* The driver's life */

static void wake_all_queues(struct sim_world *w)
{
	for (unsigned q = 0; q < w->config.queues; q++)
		w->clients[q].loop->rung = true;
}

static bool told(const struct sim_world *w)
{
	for (unsigned q = 0; q < w->config.queues; q++)
		if (w->clients[q].must_tell_gone || w->clients[q].must_tell_back)
			return false;
	return true;
}

static void die(struct sim_world *w)
{
	sim_event(w, "the driver is killed");
	sim_count(w, SIM_DEATHS);
	w->deaths++;
	w->driver = SIM_DYING;
	for (unsigned i = 0; i < w->config.workers; i++) {
		w->contexts[i].context = sheaf_context_free(w->contexts[i].context);
		sim_loop_renew(w->contexts[i].loop);
	}
}

static void fence(struct sim_world *w)
{
	sim_event(w, "nothing of the driver is left");
	sim_driver_fence(w);
	w->driver = SIM_FENCED;
	for (unsigned q = 0; q < w->config.queues; q++) {
		w->clients[q].must_tell_gone = true;
		w->clients[q].must_tell_back = false;
	}
	wake_all_queues(w);
}

static void open_hostile(struct sim_world *w)
{
	const struct sheaf_region_geometry *g = &w->raw.geometry;

	/* What a schedule before has left there must not show in this one. */
	memset(w->raw.base + g->responses_offset, 0, g->data_offset - g->responses_offset);
	for (unsigned i = 0; i < w->config.queues * w->config.workers; i++)
		sheaf_lane_open(&w->far[i], &w->raw, i);
}

static void come_back(struct sim_world *w)
{
	sim_event(w, "there is another driver");
	for (unsigned i = 0; i < w->host->slots; i++)
		sheaf_view_give(&w->host->controller_view, i);
	if (w->hostile_now)
		open_hostile(w);
	else
		open_workers(w);
	w->broken_lanes = 0;
	w->driver = SIM_BACK;
	for (unsigned q = 0; q < w->config.queues; q++)
		w->clients[q].must_tell_back = true;
	wake_all_queues(w);
}

/* One step of a death. True if there was one to do. */
static bool step_death(struct sim_world *w, bool may_die)
{
	switch (w->driver) {
	case SIM_ALIVE:
		if (may_die)
			die(w);
		return may_die;
	case SIM_DYING:
		fence(w);
		return true;
	case SIM_FENCED:
		if (told(w))
			come_back(w);
		return told(w);
	case SIM_BACK:
		if (told(w))
			w->driver = SIM_ALIVE;
		else if (may_die)
			die(w);
		else
			return false;
		return true;
	}
	return false;
}

/* What must hold after every step. */

/* tail is the first word of a ring (lane.c). */
static bool ring_has_something(const struct sheaf_ring_end *end)
{
	return atomic_load((_Atomic uint32_t *)end->ring) != end->index;
}

static bool has_work(const struct sim_world *w, const struct sheaf_loop *loop)
{
	unsigned queues = w->config.queues;
	bool has = false;

	if (loop->number < (int)queues) {
		const struct sheaf_queue *queue = w->clients[loop->number].queue;

		for (unsigned i = 0; i < w->config.workers && w->driver == SIM_ALIVE; i++)
			has |= ring_has_something(&queue->lanes[i].lane.completion);
		return has || (queue->gathered_count && queue->recover.state == SHEAF_QUEUE_SERVED);
	}
	const struct sheaf_context *context = w->contexts[loop->number - (int)queues].context;

	for (unsigned q = 0; q < queues; q++)
		has |= ring_has_something(&context->lanes[q].lane.request) || context->lanes[q].done_count;
	return has;
}

static void check_sleepers(const struct sim_world *w)
{
	for (int i = 0; i < w->loops.count; i++) {
		const struct sheaf_loop *loop = &w->loops.loops[i];

		if (loop->state == SIM_LOOP_ASLEEP && is_alive(w, loop) && !sim_loop_will_wake(loop) &&
		    !w->hostile_now)
			sim_check(w, !has_work(w, loop), "loop %d sleeps over work, and nobody will wake it", i);
	}
}

/* Steps */

static void random_step(struct sim_world *w)
{
	struct sim_random *r = &w->random;
	const struct sim_plan *p = &w->plan;
	unsigned weights[] = { p->submit, p->work, p->io, p->land, p->tick, p->jump, p->abort, p->death };
	unsigned sum = 0, at, what = 0;
	struct sheaf_loop *loop = &w->loops.loops[sim_below(r, (uint32_t)w->loops.count)];
	struct sim_context *context = &w->contexts[sim_below(r, w->context_count)];

	for (unsigned i = 0; i < 8; i++)
		sum += weights[i];
	at = sim_below(r, sum);
	while (at >= weights[what])
		at -= weights[what++];
	switch (what) {
	case 0:
		loop = w->clients[sim_below(r, w->config.queues)].loop;
		step_loop(w, loop, (struct event){ .submits = 1 + sim_below(r, p->batch) });
		break;
	case 1:
		if (is_alive(w, loop) && sim_loop_runnable(loop))
			step_loop(w, loop, (struct event){ 0 });
		break;
	case 2:
		if (w->hostile_now)
			step_loop(w, w->clients[sim_below(r, w->config.queues)].loop,
				  (struct event){ .hostile = true });
		else if (context->context && is_alive(w, context->loop) && sim_driver_held(w, context->number))
			step_loop(w, context->loop, (struct event){ .io = 1 + sim_below(r, p->batch) });
		break;
	case 3:
		/* Another process writes when it likes; a fused driver only in its loop's turns. */
		if (w->hostile_now && w->config.workers)
			sim_driver_hostile(w, sim_below(r, w->config.queues));
		else if (!w->hostile_now)
			sim_driver_land(w);
		break;
	case 4:
		w->loops.clock_ns += 1 + sim_below(r, 30000) * UINT64_C(1000);
		break;
	case 5:
		w->loops.clock_ns += (100 + sim_below(r, 1100)) * MS;
		sim_event(w, "time goes by");
		break;
	case 6:
		sim_client_abort(w);
		break;
	case 7:
		step_death(w, true);
		break;
	}
}

/* Everybody does what there is to do, the driver all it has, until nobody has anything. */
static void run_until_quiet(struct sim_world *w)
{
	for (unsigned round = 0;; round++) {
		bool any = false;

		sim_check(w, round < DRAIN_ROUNDS_MAX, "it does not come to an end");
		any |= step_death(w, false);
		for (int i = 0; i < w->loops.count; i++) {
			struct sheaf_loop *loop = &w->loops.loops[i];

			if (is_alive(w, loop) && sim_loop_runnable(loop)) {
				step_loop(w, loop, (struct event){ 0 });
				any = true;
			}
		}
		for (unsigned i = 0; i < w->context_count; i++) {
			struct sim_context *c = &w->contexts[i];

			if (c->context && is_alive(w, c->loop) && !w->hostile_now && sim_driver_held(w, i)) {
				step_loop(w, c->loop, (struct event){ .io = UINT_MAX });
				any = true;
			}
		}
		if (!any)
			return;
	}
}

static void end_hostility(struct sim_world *w)
{
	if (w->config.workers) {
		/* Killed in whatever state; its lanes are as it left them. */
		if (w->driver == SIM_BACK || w->driver == SIM_ALIVE)
			die(w);
		w->hostile_now = false;
		return;
	}
	w->hostile_now = false;
	for (unsigned q = 0; q < w->config.queues; q++)
		step_loop(w, w->clients[q].loop, (struct event){ .repent = true });
}

static void check_queue_end(struct sim_world *w, unsigned q)
{
	struct sheaf_queue *queue = w->host->queues[q];
	const struct sheaf_queue_stats *s = &queue->stats;
	uint64_t tasks = 0, bundles = 0;

	sim_check(w, sheaf_slots_check(queue) == 0, "queue %u: the driver has slots at the end", q);
	sim_check(w, sheaf_count_get(&s->started) == sheaf_count_get(&s->ended) && !sheaf_count_get(&s->in_flight),
		  "queue %u: started %" PRIu64 ", ended %" PRIu64, q, sheaf_count_get(&s->started),
		  sheaf_count_get(&s->ended));
	sim_check(w, !w->clients[q].starved || queue->free_count == 0,
		  "queue %u: its client found no slot, and was not told of one", q);
	for (unsigned n = 0; n <= SHEAF_BUNDLE_MAX; n++) {
		bundles += sheaf_count_get(&s->requests.by_size[n]);
		tasks += n * sheaf_count_get(&s->requests.by_size[n]);
	}
	sim_check(w, bundles == sheaf_count_get(&s->requests.count) && tasks == sheaf_count_get(&s->requests.tasks),
		  "queue %u: bundles by size do not add up", q);
	for (unsigned i = 0; i < w->config.workers; i++)
		sim_check(w, sheaf_count_get(&queue->lanes[i].in_flight) == 0, "queue %u: lane %u is not empty", q, i);
}

static void check_end(struct sim_world *w)
{
	uint64_t found = 0, started = 0;
	unsigned free_slots = 0;

	for (unsigned q = 0; q < w->config.queues; q++) {
		check_queue_end(w, q);
		found += violations(w->host->queues[q]) - w->begin_violations[q];
		started += sheaf_count_get(&w->host->queues[q]->stats.started) - w->begin_started[q];
		free_slots += w->host->queues[q]->free_count;
	}
	for (unsigned i = 0; i < w->host->slots; i++)
		sim_check(w, w->tasks[i].phase == SIM_IDLE && !w->held[i].held,
			  "slot %u is not free at the end: nobody works on it, and nobody sleeps over it", i);
	sim_check(w, free_slots == w->host->slots, "%u of %u slots are free at the end", free_slots, w->host->slots);
	sim_check(w, started == w->next_number, "%" PRIu64 " tasks were started, the queues say %" PRIu64,
		  w->next_number, started);
	/* What a driver did wrong is counted once each; some of it may have died with its driver. */
	if (!w->plan.hostile)
		sim_check(w, w->deaths ? found <= w->injected : found == w->injected,
			  "%" PRIu64 " violations were counted, %" PRIu64 " committed", found, w->injected);
	w->counts[SIM_VIOLATIONS] += found;
}

static void add_stats(struct sim_world *w, int sign)
{
	for (unsigned q = 0; q < w->config.queues; q++) {
		const struct sheaf_queue_stats *s = &w->host->queues[q]->stats;

		w->counts[SIM_LATE] += (uint64_t)sign * sheaf_count_get(&s->late);
		w->counts[SIM_REISSUES] += (uint64_t)sign * sheaf_count_get(&s->reissued);
		w->counts[SIM_DOORBELLS] += (uint64_t)sign * sheaf_count_get(&s->doorbells);
	}
}

/* Ticks that were armed go off, so that the next schedule begins without any. */
static void let_timers_end(struct sim_world *w)
{
	for (unsigned i = 0; i < w->config.queues; i++) {
		while (w->loops.loops[i].timers) {
			w->loops.clock_ns = w->loops.loops[i].timers->offset;
			run_until_quiet(w);
		}
	}
}

/* Where the slots began, by the ways that slots have: taken, given away, adopted, put. */
static void put_slots_in_order(struct sim_world *w)
{
	for (unsigned q = 0; q < w->config.queues; q++) {
		int slot;

		while ((slot = sheaf_queue_take(w->host->queues[q])) >= 0)
			w->tasks[slot].phase = SIM_HELD;
	}
	for (uint16_t slot = 0; slot < w->host->slots; slot++) {
		struct sheaf_queue *home = w->host->queues[slot / w->host->slots_per_queue];

		sim_check(w, w->tasks[slot].phase == SIM_HELD, "slot %u is lost", slot);
		for (unsigned q = 0; q < w->config.queues; q++) {
			if (w->host->queues[q] == home || !sheaf_queue_owns(w->host->queues[q], slot))
				continue;
			sheaf_queue_give_away(w->host->queues[q], slot);
			sheaf_queue_adopt(home, slot);
		}
	}
	for (unsigned q = 0; q < w->config.queues; q++)
		sim_client_put_all(&w->clients[q]);
}

/* A plan in which each kind of event has some weight, and often enough none: schedules without time, without deaths, ... */
static void make_plan(struct sim_world *w, unsigned steps)
{
	struct sim_random *r = &w->random;
	struct sim_plan *p = &w->plan;
	unsigned own_steps = 20 + sim_below(r, 300);

#define some(percent, most) (sim_percent(r, percent) ? 1 + sim_below(r, most) : 0)
	*p = (struct sim_plan){
		.steps = steps ? steps : own_steps,
		.submit = 1 + sim_below(r, 30),
		.work = 10 + sim_below(r, 60),
		.io = 1 + sim_below(r, 40),
		.land = some(60, 10),
		.tick = some(70, 10),
		.jump = some(30, 3),
		.abort = some(40, 5),
		.death = w->config.workers ? some(50, 6) : 0,
		.answers_inline = some(50, 100),
		.batch = 1 + sim_below(r, 12),
		.errors = some(40, 30),
		.again = some(40, 30),
		.refuses = some(30, 20),
		.sloppy = some(20, 30),
		.stuck = some(40, 90),
		.moves = some(60, 60),
		.restarts = some(60, 60),
		.keeps = some(60, 100),
		.hostile = sim_percent(r, 10),
	};
#undef some
}

static void begin(struct sim_world *w, uint64_t seed, unsigned steps, bool verbose)
{
	w->seed = seed;
	w->random.state = seed * UINT64_C(0xd1342543de82ef95) + 1;
	w->step = 0;
	w->verbose = verbose;
	w->draining = false;
	w->next_number = w->injected = 0;
	w->deaths = 0;
	w->loops.clock_ns = (w->loops.clock_ns / SIM_TIMEOUT_NS + 2) * SIM_TIMEOUT_NS;
	w->begin_ns = w->loops.clock_ns;
	sim_disk_init(&w->disk);
	make_plan(w, steps);
	memset(w->tasks, 0, sizeof(w->tasks));
	memset(w->held, 0, sizeof(w->held));
	memset(w->last_identifier, 0, sizeof(w->last_identifier));
	for (unsigned i = 0; i < w->context_count; i++)
		memset(w->contexts[i].last_number, 0, sizeof(w->contexts[i].last_number));
	for (unsigned q = 0; q < w->config.queues; q++) {
		struct sim_client *client = &w->clients[q];

		client->starved = false;
		client->gone = 0;
		client->keeps = sim_percent(&w->random, w->plan.keeps);
		w->begin_started[q] = sheaf_count_get(&client->queue->stats.started);
		w->begin_violations[q] = violations(client->queue);
	}
	add_stats(w, -1);
	sim_event(w, "%s, %u queues, %u workers, %u slots, bundles of %u%s", w->config.single ? "single" : "bundled",
		  w->config.queues, w->config.workers, w->host->slots, w->config.bundle_max,
		  w->plan.hostile ? ", hostile" : "");
	if (!w->plan.hostile)
		return;
	w->hostile_now = true;
	if (w->config.workers) {
		die(w);
		run_until_quiet(w);
	}
}

void sim_world_run(struct sim_world *w, uint64_t seed, unsigned steps, bool verbose)
{
	begin(w, seed, steps, verbose);
	for (w->step = 1; w->step <= w->plan.steps; w->step++) {
		random_step(w);
		check_sleepers(w);
	}
	w->draining = true;
	sim_event(w, "the end: all that is under way is finished");
	if (w->hostile_now)
		end_hostility(w);
	run_until_quiet(w);
	check_end(w);
	let_timers_end(w);
	put_slots_in_order(w);
	check_end(w);
	add_stats(w, 1);
	for (unsigned i = 0; w->plan.hostile && i < w->host->slots; i++)
		sheaf_view_give(&w->host->controller_view, i);
}
