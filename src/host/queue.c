/* SPDX-License-Identifier: MIT */
/* queue.c - the request half of a queue: slots, bundles, hand-over; see queue.h. */
#include "host/queue.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/counter.h"
#include "base/log.h"
#include "host/recover.h"
#include "host/slot.h"

/* Deadlines are looked at this often, as parts of the timeout and of a grace, within these bounds. */
#define TICK_PARTS 8
#define TICK_GRACE_PARTS 2
#define TICK_MIN_NS 10000000ull
#define TICK_MAX_NS 1000000000ull

static void tick_done(struct sheaf_op *op, int result);
static bool hook_poll(struct sheaf_loop_hook *hook);
static bool hook_flush(struct sheaf_loop_hook *hook);
static bool hook_may_sleep(struct sheaf_loop_hook *hook);
static void hook_awake(struct sheaf_loop_hook *hook);

int sheaf_queue_create(struct sheaf_host *host, uint32_t index, struct sheaf_queue **ret_queue)
{
	struct sheaf_queue *queue = calloc(1, sizeof(*queue));
	uint32_t n = host->slots_per_queue;

	if (!queue)
		return -ENOMEM;
	*ret_queue = queue; /* sheaf_host_free() frees it, half made or not */
	queue->host = host;
	queue->index = index;
	queue->first_slot = (uint16_t)(index * n);
	queue->slot_count = (uint16_t)n;
	queue->timeout_ns = host->options.timeout_ms * 1000000ull;
	queue->grace_ns = host->options.grace_ms * 1000000ull;
	queue->blank = (struct sheaf_task){
		.version = SHEAF_TASK_VERSION,
		.task_attribute = SHEAF_ATTRIBUTE_SIMPLE,
		.timeout_in_milli_sec = host->options.timeout_ms,
	};
	/* With room for what others may give. */
	queue->free_slots = calloc(host->slots, sizeof(*queue->free_slots));
	queue->gathered = calloc(host->slots, sizeof(*queue->gathered));
	queue->lanes = calloc(host->workers + 1, sizeof(*queue->lanes));
	queue->flights = sheaf_flight_create(host->workers ? host->workers : 1);
	if (!queue->free_slots || !queue->gathered || !queue->lanes || !queue->flights ||
	    sheaf_tracer_init(&queue->tracer, host->slots) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		queue->free_slots[i] = (uint16_t)(queue->first_slot + n - 1 - i);
		atomic_init(&host->slot_states[queue->first_slot + i].queue, (uint16_t)index);
	}
	queue->free_count = (uint16_t)n;
	for (uint32_t w = 0; w < host->workers; w++)
		sheaf_lane_open(&queue->lanes[w].lane, &host->view,
				sheaf_host_lane_index(host, index, w));
	pthread_mutex_init(&queue->recover.lock, NULL);
	queue->tick.done = tick_done;
	queue->hook.flush = hook_flush;
	if (host->workers) {
		queue->hook.poll = hook_poll;
		queue->hook.may_sleep = hook_may_sleep;
		queue->hook.awake = hook_awake;
	}
	return 0;
}

void sheaf_queue_free(struct sheaf_queue *queue)
{
	if (!queue)
		return;
	pthread_mutex_destroy(&queue->recover.lock);
	sheaf_tracer_deinit(&queue->tracer);
	free(queue->free_slots);
	free(queue->gathered);
	free(queue->lanes);
	sheaf_flight_destroy(queue->flights, queue->host->workers ? queue->host->workers : 1);
	free(queue);
}

void sheaf_queue_attach(struct sheaf_queue *queue, struct sheaf_loop *loop,
			struct sheaf_queue_client *client, const struct sheaf_request_port *port)
{
	queue->loop = loop;
	queue->client = client;
	if (port)
		queue->port = *port;
	sheaf_loop_add_hook(loop, &queue->hook);
}

void sheaf_queue_attach_worker(struct sheaf_queue *queue, uint32_t worker, int doorbell_fd)
{
	queue->lanes[worker].doorbell_fd = doorbell_fd;
}

int sheaf_queue_take(struct sheaf_queue *queue)
{
	if (queue->free_count == 0)
		return -EAGAIN;
	uint16_t slot = queue->free_slots[--queue->free_count];

	sheaf_slot_set(queue, slot, SHEAF_SLOT_HOST);
	return slot;
}

void sheaf_queue_put(struct sheaf_queue *queue, uint16_t slot)
{
	struct sheaf_slot_state *state = sheaf_slot_state(queue, slot);

	if (state->owner == SHEAF_SLOT_QUARANTINED && !state->returned) {
		state->put = true; /* complete_slot() frees it when the controller lets go */
		return;
	}
	sheaf_slot_release(queue, slot);
}

bool sheaf_queue_reclaim(struct sheaf_queue *queue, uint16_t slot)
{
	struct sheaf_slot_state *state = sheaf_slot_state(queue, slot);

	assert(state->owner == SHEAF_SLOT_QUARANTINED);
	if (!state->returned)
		return false;
	sheaf_slot_leave_quarantine(queue, state);
	sheaf_slot_set(queue, slot, SHEAF_SLOT_HOST);
	return true;
}

void sheaf_queue_give_away(struct sheaf_queue *queue, uint16_t slot)
{
	struct sheaf_slot_state *state = sheaf_slot_state(queue, slot);

	assert(state->owner == SHEAF_SLOT_HOST && queue->host->workers == 0);
	atomic_store_explicit(&state->queue, SHEAF_SLOT_ON_THE_WAY, memory_order_relaxed);
}

void sheaf_queue_adopt(struct sheaf_queue *queue, uint16_t slot)
{
	struct sheaf_slot_state *state = &queue->host->slot_states[slot];

	assert(state->owner == SHEAF_SLOT_HOST);
	assert(atomic_load_explicit(&state->queue, memory_order_relaxed) == SHEAF_SLOT_ON_THE_WAY);
	atomic_store_explicit(&state->queue, (uint16_t)queue->index, memory_order_relaxed);
}

struct sheaf_task *sheaf_queue_command(struct sheaf_queue *queue, uint16_t slot)
{
	struct sheaf_task *task = &queue->host->view.commands[slot];

	assert(sheaf_slot_state(queue, slot)->owner == SHEAF_SLOT_HOST);
	*task = queue->blank;
	task->buffer_iovm_addr = sheaf_view_buffer_offset(&queue->host->view, slot);
	return task;
}

uint8_t *sheaf_queue_buffer(struct sheaf_queue *queue, uint16_t slot)
{
	assert(sheaf_slot_state(queue, slot)->owner == SHEAF_SLOT_HOST);
	return sheaf_view_buffer(&queue->host->view, slot);
}

static void arm_tick(struct sheaf_queue *queue)
{
	struct sheaf_host *host = queue->host;
	uint64_t ns = queue->timeout_ns / TICK_PARTS;

	if (queue->tick_armed || queue->timeout_ns == 0)
		return;
	if (queue->grace_ns && queue->grace_ns / TICK_GRACE_PARTS < ns)
		ns = queue->grace_ns / TICK_GRACE_PARTS;
	ns = ns < TICK_MIN_NS ? TICK_MIN_NS : ns > TICK_MAX_NS ? TICK_MAX_NS : ns;
	queue->tick_armed = true;
	atomic_store(&queue->tick_due_ns, sheaf_loop_now(queue->loop) + ns);
	/* Once an armed tick. Both sides store before they load, so that a watch is not missed. */
	if (host->on_busy && !atomic_load(&host->watched) && !atomic_exchange(&host->watched, true))
		host->on_busy(host->busy_arg);
	sheaf_loop_timer(queue->loop, &queue->tick, ns);
}

/* The tick goes on only while tasks are in flight, so an idle mount never wakes. */
static void tick_done(struct sheaf_op *op, int result)
{
	struct sheaf_queue *queue =
		(struct sheaf_queue *)((char *)op - offsetof(struct sheaf_queue, tick));

	(void)result;
	queue->tick_armed = false;
	atomic_store(&queue->tick_due_ns, 0);
	sheaf_queue_expire(queue, sheaf_loop_now(queue->loop));
	if (sheaf_count_get(&queue->stats.in_flight))
		arm_tick(queue);
}

void sheaf_queue_identify(struct sheaf_queue *queue, uint16_t slot)
{
	struct sheaf_slot_state *state = sheaf_slot_state(queue, slot);
	struct sheaf_task *task = &queue->host->view.commands[slot];

	uint64_t identifier = (uint64_t)++state->generation << 32 | queue->host->hba_ids[slot];

	atomic_store_explicit(&state->identifier, identifier, memory_order_relaxed);
	task->controller_task_identifier = identifier;
	task->task_tag_identifier = identifier;
}

void sheaf_queue_start(struct sheaf_queue *queue, uint16_t slot)
{
	struct sheaf_slot_state *state = sheaf_slot_state(queue, slot);
	struct sheaf_task *task = &queue->host->view.commands[slot];

	sheaf_queue_identify(queue, slot);
	if (queue->host->kept)
		queue->host->kept[slot] = *task;
	state->requested = task->requested_transfer_count;
	state->command = (uint8_t)sheaf_command_of(task->command_descriptor_block);
	state->opcode = task->command_descriptor_block[0];
	state->reissues = 0;
	state->extra_ms = 0;
	/* Its time begins when it is first handed over, or when it first waits for a driver. */
	atomic_store_explicit(&state->deadline_ns, 0, memory_order_relaxed);
	atomic_store_explicit(&state->step, SHEAF_STEP_NONE, memory_order_relaxed);
	if (__builtin_expect(queue->recover.state != SHEAF_QUEUE_SERVED, 0))
		sheaf_slot_begin_time(queue, state);
	sheaf_slot_set(queue, slot, SHEAF_SLOT_GATHERED);
	queue->gathered[queue->gathered_count++] = slot;
	sheaf_count_add(&queue->stats.started, 1);
	sheaf_count_add(&queue->stats.in_flight, 1);
	arm_tick(queue);
	if (sheaf_probe_wanted(task_start))
		sheaf_trace_started(queue, slot);
}

void sheaf_queue_start_within(struct sheaf_queue *queue, uint16_t slot, uint32_t timeout_ms)
{
	struct sheaf_slot_state *state = sheaf_slot_state(queue, slot);
	uint32_t usual_ms = queue->host->options.timeout_ms;

	if (timeout_ms > SHEAF_TASK_TIMEOUT_MAX_MS)
		timeout_ms = SHEAF_TASK_TIMEOUT_MAX_MS;
	sheaf_queue_start(queue, slot);
	if (usual_ms == 0 || timeout_ms <= usual_ms)
		return;
	state->extra_ms = timeout_ms - usual_ms;
	/* Its time runs already where there is no driver, see sheaf_queue_start(). */
	if (atomic_load_explicit(&state->deadline_ns, memory_order_relaxed))
		sheaf_slot_begin_time(queue, state);
}

void sheaf_queue_retry(struct sheaf_queue *queue, uint16_t slot)
{
	/* What the controller may do is what it was once told, whatever it has written there since. */
	if (queue->host->kept)
		queue->host->view.commands[slot] = queue->host->kept[slot];
	else
		queue->host->view.commands[slot].requested_transfer_count =
			sheaf_slot_state(queue, slot)->requested;
	sheaf_count_add(&queue->stats.retries, 1);
	sheaf_queue_start(queue, slot);
}

/* When tasks are handed over, in the turn in which they were started, and as what. */
struct hand_over {
	uint64_t start_ns, deadline_ns;
	uint64_t bundle;
	uint8_t size, index; /* of the next slot */
};

/* The tasks in @slots are about to be handed over to @worker; fused: 0. */
static void count_bundle(struct sheaf_queue *queue, const uint16_t slots[], uint16_t n,
			 uint32_t worker, struct hand_over *when)
{
	uint64_t bundle = sheaf_count_get(&queue->stats.requests.count);

	if (sheaf_trace_is_on(&queue->tracer))
		sheaf_trace_submit(queue, slots, n,
				   queue->host->workers ? (uint8_t)worker : SHEAF_RECORD_FUSED,
				   bundle, when->start_ns);
	when->bundle = bundle;
	when->size = (uint8_t)n;
	when->index = 0;
	SHEAF_PROBE4(bundle_submit, queue->index, worker, n, bundle);
	sheaf_count_add(&queue->stats.requests.count, 1);
	sheaf_count_add(&queue->stats.requests.tasks, n);
	sheaf_count_add(&queue->stats.requests.by_size[n], 1);
}

static bool is_better(const struct sheaf_queue_lane *lane, const struct sheaf_queue_lane *than)
{
	if (lane->broken != than->broken)
		return than->broken;
	return sheaf_count_get(&lane->in_flight) < sheaf_count_get(&than->in_flight);
}

/*
 * The worker with the least to do, 0 if fused; the first of equals, so that little load wakes one worker only. One whose lane
 * is broken only if all are.
 */
static uint32_t pick_worker(const struct sheaf_queue *queue)
{
	uint32_t best = 0;

	for (uint32_t w = 1; w < queue->host->workers; w++)
		if (is_better(&queue->lanes[w], &queue->lanes[best]))
			best = w;
	return best;
}

static void count_lane(struct sheaf_queue_lane *lane, uint16_t n)
{
	sheaf_count_add(&lane->in_flight, n);
	sheaf_count_add(&lane->bundles, 1);
	sheaf_count_add(&lane->tasks, n);
}

static void ring_if_asleep(struct sheaf_queue *queue, struct sheaf_queue_lane *lane)
{
	if (!sheaf_ring_wants_doorbell(&lane->lane.request))
		return;
	sheaf_loop_ring_doorbell(queue->loop, lane->doorbell_fd);
	sheaf_count_add(&queue->stats.doorbells, 1);
}

static struct hand_over hand_over_now(struct sheaf_queue *queue)
{
	uint64_t now_ns = sheaf_loop_now(queue->loop);

	return (struct hand_over){
		.start_ns = sheaf_observe_hand_over(&queue->observe, now_ns),
		.deadline_ns = queue->timeout_ns ? now_ns + queue->timeout_ns : 0,
	};
}

static void hand_over(struct sheaf_queue *queue, uint16_t slot, struct hand_over *when)
{
	struct sheaf_slot_state *state = sheaf_slot_state(queue, slot);

	state->place = sheaf_flight_place(when->bundle, slot, when->size, when->index++);
	/* One that is issued again after a driver's death goes on with the time and the step that it had. */
	if (!atomic_load_explicit(&state->deadline_ns, memory_order_relaxed)) {
		atomic_store_explicit(&state->step, SHEAF_STEP_NONE, memory_order_relaxed);
		atomic_store_explicit(&state->deadline_ns,
				      sheaf_slot_deadline(state, when->deadline_ns),
				      memory_order_relaxed);
		atomic_store_explicit(&state->start_ns, when->start_ns, memory_order_relaxed);
	}
	sheaf_slot_set(queue, slot, SHEAF_SLOT_CONTROLLER);
	sheaf_view_give(&queue->host->view, slot);
}

static void push_bundle(struct sheaf_queue *queue, const uint16_t slots[], uint16_t n)
{
	struct sheaf_queue_lane *lane = NULL;
	struct hand_over when = hand_over_now(queue);
	uint32_t worker = pick_worker(queue);

	count_bundle(queue, slots, n, worker, &when);
	for (uint16_t i = 0; i < n; i++)
		hand_over(queue, slots[i], &when);
	if (queue->host->workers == 0) {
		queue->port.bundle(queue->port.arg, slots, n);
		return;
	}
	lane = &queue->lanes[worker];
	for (uint16_t i = 0; i < n; i++)
		atomic_store_explicit(&sheaf_slot_state(queue, slots[i])->worker, worker,
				      memory_order_relaxed);
	count_lane(lane, n);
	if (lane->broken)
		return; /* their deadlines end them, or another driver gets them */
	if (sheaf_ring_push_bundle(&lane->lane.request, slots, n) < 0)
		sheaf_queue_lane_broke(queue, lane); /* the far side's head cannot be */
	else
		ring_if_asleep(queue, lane);
}

/* Single-task mode: by value, one call a task; through a lane with a doorbell a call, as nobody knows of the next. */
static void push_single(struct sheaf_queue *queue, uint16_t slot, struct hand_over *when)
{
	struct sheaf_task task = queue->host->view.commands[slot];
	uint32_t worker = pick_worker(queue);

	count_bundle(queue, &slot, 1, worker, when);
	hand_over(queue, slot, when);
	if (queue->host->workers == 0) {
		enum sheaf_service_response r = queue->port.single(queue->port.arg, &task, slot);

		if (r != SHEAF_REQUEST_IN_PROCESS)
			sheaf_queue_refused(queue, slot);
		return;
	}
	struct sheaf_queue_lane *lane = &queue->lanes[worker];

	atomic_store_explicit(&sheaf_slot_state(queue, slot)->worker, worker, memory_order_relaxed);
	count_lane(lane, 1);
	if (lane->broken)
		return;
	if (sheaf_ring_push_task(&lane->lane.request, slot, &task) < 0) {
		sheaf_queue_lane_broke(queue, lane);
		return;
	}
	sheaf_loop_ring_doorbell_now(queue->loop, lane->doorbell_fd);
	sheaf_count_add(&queue->stats.doorbells, 1);
}

bool sheaf_queue_flush(struct sheaf_queue *queue)
{
	uint16_t slots[SHEAF_BUNDLE_MAX];
	bool any = queue->gathered_count > 0;

	if (queue->recover.state != SHEAF_QUEUE_SERVED)
		return queue->recover.state == SHEAF_QUEUE_FAILED && sheaf_queue_end_gathered(queue);
	/* From the front, in bundles; what a controller's inline completion starts meanwhile is appended. */
	for (uint16_t done = 0; queue->gathered_count > 0;) {
		uint16_t n = queue->gathered_count;

		if (n > queue->host->options.bundle_max)
			n = queue->host->options.bundle_max;
		memcpy(slots, queue->gathered, n * sizeof(slots[0]));
		queue->gathered_count -= n;
		memmove(queue->gathered, queue->gathered + n,
			queue->gathered_count * sizeof(slots[0]));
		if (queue->host->bundled) {
			push_bundle(queue, slots, n);
		} else {
			struct hand_over when = hand_over_now(queue);

			for (uint16_t i = 0; i < n; i++)
				push_single(queue, slots[i], &when);
		}
		done += n;
		if (done >= queue->host->slots)
			break; /* the rest in the next round of the turn */
	}
	return any;
}

static struct sheaf_queue *hook_queue(struct sheaf_loop_hook *hook)
{
	return (struct sheaf_queue *)((char *)hook - offsetof(struct sheaf_queue, hook));
}

static bool hook_poll(struct sheaf_loop_hook *hook)
{
	struct sheaf_queue *queue = hook_queue(hook);

	if (atomic_load_explicit(&queue->recover.event, memory_order_relaxed))
		sheaf_queue_take_event(queue);
	return sheaf_queue_poll(queue);
}

static bool hook_flush(struct sheaf_loop_hook *hook)
{
	return sheaf_queue_flush(hook_queue(hook));
}

static bool hook_may_sleep(struct sheaf_loop_hook *hook)
{
	struct sheaf_queue *queue = hook_queue(hook);
	bool may = true;

	for (uint32_t w = 0; w < queue->host->workers; w++)
		may &= queue->lanes[w].broken ||
		       sheaf_ring_may_sleep(&queue->lanes[w].lane.completion);
	return may;
}

static void hook_awake(struct sheaf_loop_hook *hook)
{
	struct sheaf_queue *queue = hook_queue(hook);

	for (uint32_t w = 0; w < queue->host->workers; w++)
		sheaf_ring_awake(&queue->lanes[w].lane.completion);
}
