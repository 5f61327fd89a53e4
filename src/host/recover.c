/* SPDX-License-Identifier: MIT */
/* recover.c - see recover.h; the numbers are its invariants. */
#include "host/recover.h"

#include <string.h>
#include <time.h>

#include <sheaf/scsi.h>

#include "base/counter.h"
#include "base/log.h"
#include "host/slot.h"
#include "scsi/sense.h"

/* Events that a loop did not take are looked at again: it may have ended. */
#define EVENT_LOOK_MS 100

/*
 * SPC-4, SBC-4. A read, a write of given data at a given place, a flush, an unmap, an inquiry: twice is as good as once, as long as
 * nobody was told that the first one is over. So are commands that set what a dead driver took with it: a new one is to have it. What
 * reads and then changes, changes who may do what, tells other initiators something, or takes minutes, is not.
 */
bool sheaf_command_repeatable(const uint8_t cdb[16])
{
	switch (cdb[0]) {
	case 0x00: /* TEST UNIT READY */
	case 0x03: /* REQUEST SENSE */
	case 0x08: /* READ(6) */
	case 0x0a: /* WRITE(6) */
	case 0x12: /* INQUIRY */
	case 0x1a: /* MODE SENSE(6) */
	case 0x1b: /* START STOP UNIT */
	case 0x1c: /* RECEIVE DIAGNOSTIC RESULTS */
	case 0x1d: /* SEND DIAGNOSTIC */
	case 0x1e: /* PREVENT ALLOW MEDIUM REMOVAL */
	case 0x25: /* READ CAPACITY(10) */
	case 0x28: /* READ(10) */
	case 0x2a: /* WRITE(10) */
	case 0x2e: /* WRITE AND VERIFY(10) */
	case 0x2f: /* VERIFY(10) */
	case 0x34: /* PRE-FETCH(10) */
	case 0x35: /* SYNCHRONIZE CACHE(10) */
	case 0x37: /* READ DEFECT DATA(10) */
	case 0x3b: /* WRITE BUFFER */
	case 0x3c: /* READ BUFFER */
	case 0x41: /* WRITE SAME(10) */
	case 0x42: /* UNMAP */
	case 0x4d: /* LOG SENSE */
	case 0x5a: /* MODE SENSE(10) */
	case 0x5e: /* PERSISTENT RESERVE IN */
	case 0x84: /* RECEIVE COPY RESULTS */
	case 0x88: /* READ(16) */
	case 0x8a: /* WRITE(16) */
	case 0x8e: /* WRITE AND VERIFY(16) */
	case 0x8f: /* VERIFY(16) */
	case 0x90: /* PRE-FETCH(16) */
	case 0x91: /* SYNCHRONIZE CACHE(16) */
	case 0x93: /* WRITE SAME(16) */
	case 0x9c: /* WRITE ATOMIC(16) */
	case 0x9e: /* SERVICE ACTION IN(16): READ CAPACITY(16), GET LBA STATUS */
	case 0xa0: /* REPORT LUNS */
	case 0xa3: /* MAINTENANCE IN */
	case 0xa8: /* READ(12) */
	case 0xaa: /* WRITE(12) */
	case 0xae: /* WRITE AND VERIFY(12) */
	case 0xaf: /* VERIFY(12) */
	case 0xb7: /* READ DEFECT DATA(12) */
		return true;
	/* COMPARE AND WRITE 89h, ORWRITE 8Bh, EXTENDED COPY 83h; RESERVE 16h, 56h, RELEASE 17h, 57h, PERSISTENT RESERVE OUT 5Fh;
	 * MODE SELECT 15h, 55h, LOG SELECT 4Ch; FORMAT UNIT 04h, SANITIZE 48h; and what is not known here. */
	default:
		return false;
	}
}

/* 0Bh, 08h/00h LOGICAL UNIT COMMUNICATION FAILURE: it may have been done or not. */
static void end_aborted(struct sheaf_queue *queue, uint16_t slot)
{
	static const struct sheaf_sense sense = { .key = SHEAF_KEY_ABORTED_COMMAND,
						  .asc = SHEAF_ASC_COMMUNICATION_FAILURE };

	queue->result.service_response = SHEAF_TASK_COMPLETE;
	queue->result.status = SHEAF_STATUS_CHECK_CONDITION;
	queue->result.bytes_transferred = 0;
	queue->result.sense_length = (uint8_t)sheaf_sense_build_fixed(&sense, queue->result.sense);
	queue->result.quarantined = false;
	sheaf_count_add(&queue->stats.aborted, 1);
	sheaf_queue_end_task(queue, slot);
}

/* sheaf_queue_driver_back() writes its command, under an identifier that the old driver never saw. */
static void issue_again(struct sheaf_queue *queue, uint16_t slot)
{
	struct sheaf_slot_state *state = sheaf_slot_state(queue, slot);

	state->reissues++;
	sheaf_slot_set(queue, slot, SHEAF_SLOT_GATHERED);
	queue->gathered[queue->gathered_count++] = slot;
	sheaf_count_add(&queue->stats.reissued, 1);
}

static void take_from_dead(struct sheaf_queue *queue, uint16_t slot)
{
	struct sheaf_slot_state *state = sheaf_slot_state(queue, slot);
	const struct sheaf_task *kept = &queue->host->kept[slot];

	sheaf_view_take(&queue->host->view, slot);
	if (sheaf_command_repeatable(kept->command_descriptor_block) &&
	    state->reissues < SHEAF_REISSUES_MAX) {
		issue_again(queue, slot);
		return;
	}
	sheaf_warning(
		"controller %s: the task in slot %u (opcode %02x) ends with ABORTED COMMAND: %s",
		queue->host->options.ops->name, slot, state->opcode,
		state->reissues < SHEAF_REISSUES_MAX
			? "it may have been done, and is not to be done twice"
			: "it was with every driver that died of late");
	sheaf_slot_set(queue, slot, SHEAF_SLOT_HOST);
	end_aborted(queue, slot);
}

static void free_from_quarantine(struct sheaf_queue *queue, uint16_t slot)
{
	struct sheaf_slot_state *state = sheaf_slot_state(queue, slot);

	sheaf_view_take(&queue->host->view, slot);
	if (state->put || queue->recover.running)
		sheaf_slot_returned(queue, slot);
	else
		state->returned = true; /* its client has no loop to go on with */
}

static void take_all_back(struct sheaf_queue *queue)
{
	for (uint32_t i = 0; i < queue->host->slots; i++) {
		const struct sheaf_slot_state *state = &queue->host->slot_states[i];

		if (!sheaf_queue_owns(queue, (uint16_t)i))
			continue;
		if (state->owner == SHEAF_SLOT_CONTROLLER)
			take_from_dead(queue, (uint16_t)i);
		else if (state->owner == SHEAF_SLOT_QUARANTINED && !state->returned)
			free_from_quarantine(queue, (uint16_t)i);
	}
}

static void reset_lanes(struct sheaf_queue *queue)
{
	const struct sheaf_host *host = queue->host;

	for (uint32_t w = 0; w < host->workers; w++) {
		struct sheaf_queue_lane *lane = &queue->lanes[w];

		sheaf_lane_reset(&lane->lane, &host->view,
				 sheaf_host_lane_index(host, queue->index, w));
		sheaf_count_sub(&lane->in_flight, sheaf_count_get(&lane->in_flight));
		lane->broken = false;
	}
}

/* What gathered already, and is not going to be handed over soon, begins to wait. */
static void begin_to_wait(struct sheaf_queue *queue)
{
	for (uint16_t i = 0; i < queue->gathered_count; i++) {
		struct sheaf_slot_state *state = sheaf_slot_state(queue, queue->gathered[i]);

		if (!atomic_load_explicit(&state->deadline_ns, memory_order_relaxed))
			sheaf_slot_begin_time(queue, state);
	}
}

void sheaf_queue_hold(struct sheaf_queue *queue)
{
	if (queue->recover.state != SHEAF_QUEUE_SERVED)
		return;
	queue->recover.state = SHEAF_QUEUE_HELD;
	begin_to_wait(queue);
}

void sheaf_queue_driver_gone(struct sheaf_queue *queue, const char *reason)
{
	if (queue->recover.state == SHEAF_QUEUE_GONE || queue->recover.state == SHEAF_QUEUE_FAILED) {
		reset_lanes(queue); /* one that was never announced may have written there */
		return;
	}
	sheaf_queue_hold(queue); /* an end may start the next task at once, which is not to be handed over */
	sheaf_queue_poll(queue); /* (2) */
	queue->recover.state = SHEAF_QUEUE_GONE;
	reset_lanes(queue);
	take_all_back(queue);
	sheaf_debug("queue %u: the driver is gone (%s): %u tasks wait for the next one",
		    queue->index, reason ? reason : "", queue->gathered_count);
}

void sheaf_queue_driver_back(struct sheaf_queue *queue)
{
	struct sheaf_host *host = queue->host;

	if (queue->recover.state == SHEAF_QUEUE_GONE ||
	    queue->recover.state == SHEAF_QUEUE_FAILED) {
		for (uint32_t i = queue->first_slot; i < queue->first_slot + queue->slot_count; i++)
			host->hba_ids[i] = host->next_hba_ids[i];
		for (uint16_t i = 0; i < queue->gathered_count; i++) {
			host->view.commands[queue->gathered[i]] = host->kept[queue->gathered[i]];
			sheaf_queue_identify(queue, queue->gathered[i]);
		}
	}
	queue->recover.state = SHEAF_QUEUE_SERVED;
}

void sheaf_queue_driver_failed(struct sheaf_queue *queue)
{
	queue->recover.state = SHEAF_QUEUE_FAILED;
}

/* End those gathered whose deadline is not after @over_ns, 0: all, in order, each in HOST state with @status. */
static bool end_some(struct sheaf_queue *queue, uint64_t over_ns, enum sheaf_delivery_status status)
{
	uint16_t kept = 0, over = 0, n = queue->gathered_count;
	uint16_t *list = queue->gathered;

	/* Those that are over to the end of the list; an end may append new ones behind them. */
	for (uint16_t i = 0; i < n; i++) {
		const struct sheaf_slot_state *state = sheaf_slot_state(queue, list[i]);
		uint16_t slot = list[i];

		if (over_ns && state->deadline_ns > over_ns) {
			memmove(list + kept + 1, list + kept, (size_t)(i - kept) * sizeof(*list));
			list[kept++] = slot;
		} else {
			over++;
		}
	}
	for (uint16_t i = 0; i < over; i++) {
		uint16_t slot = list[kept];

		queue->gathered_count--;
		memmove(list + kept, list + kept + 1,
			(size_t)(queue->gathered_count - kept) * sizeof(*list));
		sheaf_slot_set(queue, slot, SHEAF_SLOT_HOST);
		if (status == SHEAF_DELIVERY_TASK_TIMEOUT)
			sheaf_count_add(&queue->stats.timeouts, 1);
		sheaf_queue_end_undelivered(queue, slot, status, false);
	}
	return over > 0;
}

void sheaf_queue_expire_held(struct sheaf_queue *queue, uint64_t now_ns)
{
	uint16_t ended;

	if (queue->recover.state == SHEAF_QUEUE_SERVED || !queue->timeout_ns)
		return;
	ended = queue->gathered_count;
	if (end_some(queue, now_ns, SHEAF_DELIVERY_TASK_TIMEOUT))
		sheaf_warning("controller %s: tasks ended by their deadline while there was no "
			      "driver; of %u",
			      queue->host->options.ops->name, ended);
}

bool sheaf_queue_end_gathered(struct sheaf_queue *queue)
{
	return end_some(queue, 0, SHEAF_DELIVERY_FAILURE);
}

/* Posting */

/* Lock held: by the loop, or by who posts while the loop does not run. */
static void handle(struct sheaf_queue *queue)
{
	struct sheaf_queue_recover *recover = &queue->recover;
	enum sheaf_queue_event event = (enum sheaf_queue_event)atomic_load(&recover->event);

	switch (event) {
	case SHEAF_QUEUE_EVENT_NONE:
		return;
	case SHEAF_QUEUE_EVENT_HOLD:
		sheaf_queue_hold(queue);
		break;
	case SHEAF_QUEUE_EVENT_GONE:
		sheaf_queue_driver_gone(queue, recover->reason);
		break;
	case SHEAF_QUEUE_EVENT_BACK:
		sheaf_queue_driver_back(queue);
		break;
	case SHEAF_QUEUE_EVENT_FAIL:
		sheaf_queue_driver_failed(queue);
		break;
	}
	atomic_store(&recover->event, SHEAF_QUEUE_EVENT_NONE);
	sem_post(recover->handled);
}

void sheaf_queue_take_event(struct sheaf_queue *queue)
{
	pthread_mutex_lock(&queue->recover.lock);
	handle(queue);
	pthread_mutex_unlock(&queue->recover.lock);
}

void sheaf_queue_post(struct sheaf_queue *queue, enum sheaf_queue_event event, const char *reason,
		      sem_t *handled)
{
	queue->recover.reason = reason;
	queue->recover.handled = handled;
	atomic_store(&queue->recover.event, event);
	sheaf_queue_post_again(queue);
}

void sheaf_queue_post_again(struct sheaf_queue *queue)
{
	pthread_mutex_lock(&queue->recover.lock);
	if (!queue->recover.running)
		handle(queue);
	pthread_mutex_unlock(&queue->recover.lock);
	if (queue->loop)
		sheaf_loop_wake(queue->loop);
}

static void wait_handled(struct sheaf_host *host, sem_t *handled)
{
	struct timespec until;

	for (;;) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += EVENT_LOOK_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		if (sem_timedwait(handled, &until) == 0)
			return;
		for (uint32_t i = 0; i < host->options.queues; i++)
			sheaf_queue_post_again(host->queues[i]);
	}
}

void sheaf_host_tell_queues(struct sheaf_host *host, enum sheaf_queue_event event, const char *reason)
{
	uint32_t n = host->options.queues;
	sem_t handled;

	sem_init(&handled, 0, 0);
	for (uint32_t i = 0; i < n; i++)
		sheaf_queue_post(host->queues[i], event, reason, &handled);
	for (uint32_t i = 0; i < n; i++)
		wait_handled(host, &handled);
	sem_destroy(&handled);
}

void sheaf_queue_set_running(struct sheaf_queue *queue, bool running)
{
	pthread_mutex_lock(&queue->recover.lock);
	queue->recover.running = running;
	pthread_mutex_unlock(&queue->recover.lock);
}
