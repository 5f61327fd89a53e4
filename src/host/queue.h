/* SPDX-License-Identifier: MIT */
/**
 * queue.h - the tasks of one loop: slots, bundles, deadlines, and the check of all that comes back
 *
 * States of a slot (owner), with the function of each arrow:
 *
 *          take()            start()            flush()
 *   FREE ---------> HOST ------------> GATHERED ---------> CONTROLLER
 *     ^              | ^                                    |      |
 *     |    put()     | |          complete_slot()           |      | expire()
 *     +--------------+ +------------------------------------+      v
 *     ^                       complete_slot(), late           QUARANTINED
 *     +----------------------------------------------------------- +
 *
 *   and when a driver in a process of its own has died (recover.h): CONTROLLER back to GATHERED, GATHERED to HOST.
 *
 *   FREE         nobody's work, the host's memory
 *   HOST         a client builds a task in it, or looks at what became of one
 *   GATHERED     started, waits for the end of the turn
 *   CONTROLLER   handed over; the host touches neither slot nor buffer
 *   QUARANTINED  its task was ended by its deadline, but the controller still has it: memory that may still be written;
 *                free when both the controller has given it back and the client has put it
 *
 *   1. ended() is called once for each started task, on this loop, in HOST or QUARANTINED state.
 *   2. Nothing that the controller wrote is believed: see complete_slot().
 *   3. All functions: the queue's loop only, but for reading the counters.
 *   4. A slot is one queue's at a time. Between two it is ON_THE_WAY: what a controller says of it then is refused.
 */
#ifndef SHEAF_QUEUE_H
#define SHEAF_QUEUE_H

#include <assert.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/rate.h"
#include "host/escalate.h"
#include "host/flight.h"
#include "host/host.h"
#include "host/observe.h"
#include "host/trace.h"
#include "loop/loop.h"
#include "seam/port.h"

#define SHEAF_SLOT_ON_THE_WAY UINT16_MAX

/** A day: no task has a longer deadline, whoever asks for it. */
#define SHEAF_TASK_TIMEOUT_MAX_MS 86400000u

/** Violations are counted within so long for sheaf_host_options.violations_max. */
#define SHEAF_VIOLATION_WINDOW_MS 10000u

enum sheaf_slot_owner {
	SHEAF_SLOT_FREE,
	SHEAF_SLOT_HOST,
	SHEAF_SLOT_GATHERED,
	SHEAF_SLOT_CONTROLLER,
	SHEAF_SLOT_QUARANTINED,
};

/** What a controller did that it may not; refused and counted. */
enum sheaf_violation {
	SHEAF_VIOLATION_COUNT,	    /* a bundle of 0 or more than 32 */
	SHEAF_VIOLATION_INDEX,	    /* no such slot, or another queue's */
	SHEAF_VIOLATION_OWNER,	    /* a slot that the controller does not own; also one given back twice */
	SHEAF_VIOLATION_VERSION,    /* version is not 1 */
	SHEAF_VIOLATION_IDENTIFIER, /* not the identifier of the task in this slot */
	SHEAF_VIOLATION_RESPONSE,   /* status, service response, count or sense length that cannot be */
	SHEAF_VIOLATION_RING,	    /* a ring index that cannot be */
	SHEAF_VIOLATION_KINDS,
};
extern const char *const sheaf_violation_names[SHEAF_VIOLATION_KINDS];

/** The host's private copy of a response, checked. */
struct sheaf_result {
	uint32_t service_response; /* enum sheaf_service_response */
	uint32_t status;	   /* enum sheaf_task_status or sheaf_delivery_status */
	uint64_t bytes_transferred; /* no more than requested */
	uint8_t sense_length;
	uint8_t sense[SHEAF_SENSE_MAX];
	bool quarantined; /* the slot's memory must not be touched any more; put() it */
	bool reset;	  /* it was not delivered, as its unit was reset for another task's sake: send it again */
};

static inline bool sheaf_result_good(const struct sheaf_result *result)
{
	return result->service_response == SHEAF_TASK_COMPLETE &&
	       (result->status == SHEAF_STATUS_GOOD || result->status == SHEAF_STATUS_CONDITION_MET);
}

/** Is it a unit attention (SAM-5 section 5.14)? News, not a failure: the command was not run, and may be sent again. */
static inline bool sheaf_result_unit_attention(const struct sheaf_result *result)
{
	if (result->service_response != SHEAF_TASK_COMPLETE ||
	    result->status != SHEAF_STATUS_CHECK_CONDITION || result->sense_length < 3)
		return false;
	/* SPC-4 section 4.5: descriptor format 72h/73h has the key in byte 1, fixed format in byte 2. */
	return (result->sense[(result->sense[0] & 0x7f) >= 0x72 ? 1 : 2] & 0x0f) == 0x06;
}

/** Who uses the queue. */
struct sheaf_queue_client {
	void (*ended)(struct sheaf_queue_client *client, uint16_t slot, const struct sheaf_result *result);
	/** A slot came back while none was free, or a quarantined one that was not put. Optional. */
	void (*slot_free)(struct sheaf_queue_client *client);
};

struct sheaf_bundle_stats {
	_Atomic uint64_t count, tasks, by_size[SHEAF_BUNDLE_MAX + 1];
};

/** W: the queue's loop; R: any, relaxed. */
struct sheaf_queue_stats {
	_Atomic uint64_t started, ended, errors, timeouts, aborted, reissued, quarantined;
	_Atomic uint64_t retries; /* sent again by the client, see sheaf_queue_retry() */
	_Atomic uint64_t in_flight, late;
	struct sheaf_bundle_stats requests, completions;
	_Atomic uint64_t violations[SHEAF_VIOLATION_KINDS];
	_Atomic uint64_t doorbells;
	/* Steps of escalation that this queue's tasks made necessary, see escalate.h. */
	_Atomic uint64_t aborts, lu_resets, driver_restarts, failed;
};

/** W: the loop of the queue that has it. Atomic is what others look at (sheaf why). */
struct sheaf_slot_state {
	_Alignas(64) _Atomic uint16_t queue; /* whose it is: its index, or SHEAF_SLOT_ON_THE_WAY; all else is for its loop only */
	_Atomic uint8_t owner;	 /* enum sheaf_slot_owner */
	_Atomic uint8_t step;	 /* enum sheaf_escalation_step */
	uint8_t command;	 /* enum sheaf_command */
	uint8_t opcode;		 /* of its last task, for who looks in */
	uint8_t reissues;	 /* of its task, after a driver's death */
	/* QUARANTINED: what of the two that end it has happened. */
	bool returned; /* the controller gave it back */
	bool put;      /* the client is done with it */
	uint32_t generation;
	_Atomic uint32_t worker; /* whose lane it went to */
	uint32_t extra_ms;	 /* that its task may take beyond the queue's timeout */
	_Atomic uint64_t identifier;
	uint64_t requested; /* bytes */
	_Atomic uint64_t deadline_ns; /* since it was handed over; 0: none. Then of the next step */
	_Atomic uint64_t start_ns; /* when it was handed over, see observe.h */
	uint64_t place; /* see sheaf_flight_place() */
};
static_assert(sizeof(struct sheaf_slot_state) == 64, "a cache line a slot");

/** What a driver's death makes of a queue; see recover.h. */
enum sheaf_queue_state { SHEAF_QUEUE_SERVED, SHEAF_QUEUE_HELD, SHEAF_QUEUE_GONE, SHEAF_QUEUE_FAILED };
enum sheaf_queue_event {
	SHEAF_QUEUE_EVENT_NONE,
	SHEAF_QUEUE_EVENT_HOLD,
	SHEAF_QUEUE_EVENT_GONE,
	SHEAF_QUEUE_EVENT_BACK,
	SHEAF_QUEUE_EVENT_FAIL,
};

struct sheaf_queue_recover {
	enum sheaf_queue_state state; /* the loop's */
	_Atomic int event;	      /* enum sheaf_queue_event; W: who posts, then the loop, NONE */
	pthread_mutex_t lock;	      /* guards running, and the handling of an event; never taken per task */
	bool running;		      /* the loop takes turns */
	const char *reason;
	sem_t *handled;
};

struct sheaf_queue_lane {
	struct sheaf_lane lane;
	int doorbell_fd;
	/* Its rings had an index that cannot be: nothing is taken from it or put into it until there is another driver. */
	bool broken;
	/* W: the queue's loop; R: any, relaxed. */
	_Atomic uint64_t in_flight;
	_Atomic uint64_t bundles, tasks; /* handed over */
};

struct sheaf_queue {
	struct sheaf_host *host;
	struct sheaf_loop *loop;
	uint32_t index;
	uint16_t first_slot, slot_count; /* those that it began with */
	struct sheaf_queue_client *client;
	struct sheaf_request_port port; /* fused */
	struct sheaf_queue_lane *lanes; /* pool: one a worker */
	uint16_t *free_slots;		/* last in, first out: the warmest buffer next */
	uint16_t free_count;
	uint16_t *gathered;
	uint16_t gathered_count;
	uint64_t timeout_ns, grace_ns;
	struct sheaf_task blank; /* what a command is before its CDB; copying it is quicker than zeroing */
	bool tick_armed;
	_Atomic uint64_t tick_due_ns; /* 0: it is not armed; W: the loop; R: who watches whether it turns */
	struct sheaf_rate stuck_rate, violation_rate; /* of messages */
	struct sheaf_rate violation_window;
	struct sheaf_op tick;
	struct sheaf_loop_hook hook;
	struct sheaf_result result; /* the one being delivered */
	struct sheaf_tracer tracer;
	struct sheaf_flight *flights; /* pool: one a worker; fused: one */
	struct sheaf_queue_recover recover;
	struct sheaf_queue_stats stats;
	struct sheaf_observe observe;
};

int sheaf_queue_create(struct sheaf_host *host, uint32_t index, struct sheaf_queue **ret_queue);
void sheaf_queue_free(struct sheaf_queue *queue);
/** Give the queue its loop, its client and, fused, the controller's port. Before the loop runs. */
void sheaf_queue_attach(struct sheaf_queue *queue, struct sheaf_loop *loop,
			struct sheaf_queue_client *client, const struct sheaf_request_port *port);
/** Pool: the doorbell of worker @worker. Before the loop runs. */
void sheaf_queue_attach_worker(struct sheaf_queue *queue, uint32_t worker, int doorbell_fd);
/** The port that a fused context completes to. */
struct sheaf_completion_port sheaf_queue_completion_port(struct sheaf_queue *queue);

/** A free slot for the client to build tasks in, or -EAGAIN. */
int sheaf_queue_take(struct sheaf_queue *queue);
/** The client is done with @slot (also a quarantined one, which then becomes free by itself). */
void sheaf_queue_put(struct sheaf_queue *queue, uint16_t slot);
/**
 * sheaf_queue_reclaim() - a client that keeps a quarantined slot gets it back, if the controller has let go of it
 * Return: true: HOST state again; false: still in quarantine. client->slot_free() says when to ask again.
 */
bool sheaf_queue_reclaim(struct sheaf_queue *queue, uint16_t slot);
/**
 * sheaf_queue_give_away() - @slot, in HOST state, goes to another queue of the fused deployment
 * The client tells the other loop, whose sheaf_queue_adopt() then makes it that queue's, in HOST state. What the client has of it
 * (its request, its buffer) is the other loop's with the message.
 */
void sheaf_queue_give_away(struct sheaf_queue *queue, uint16_t slot);
void sheaf_queue_adopt(struct sheaf_queue *queue, uint16_t slot);
/** Is @slot this queue's? Thread: the queue's loop, or before the loops run. */
static inline bool sheaf_queue_owns(const struct sheaf_queue *queue, uint16_t slot)
{
	return atomic_load_explicit(&queue->host->slot_states[slot].queue, memory_order_relaxed) ==
	       queue->index;
}
/** The slot's command, zeroed and filled in but for LUN, CDB, direction and count. HOST state. */
struct sheaf_task *sheaf_queue_command(struct sheaf_queue *queue, uint16_t slot);
/** The slot's buffer in the host's view. HOST state. */
uint8_t *sheaf_queue_buffer(struct sheaf_queue *queue, uint16_t slot);
/** Start the task in @slot: it goes with this turn's bundle, and ended() comes once. */
void sheaf_queue_start(struct sheaf_queue *queue, uint16_t slot);
/** The same, for a task that may take @timeout_ms, up to SHEAF_TASK_TIMEOUT_MAX_MS, where that is more than the queue's timeout. */
void sheaf_queue_start_within(struct sheaf_queue *queue, uint16_t slot, uint32_t timeout_ms);
/** Start the task in @slot once more; its command slot still holds it. HOST state. */
void sheaf_queue_retry(struct sheaf_queue *queue, uint16_t slot);
/** Hand over what gathered. True if there was something. The loop's hook calls it at the end of a turn. */
bool sheaf_queue_flush(struct sheaf_queue *queue);

/** A completion bundle, or a single response, that came from the controller; hostile until checked. */
void sheaf_queue_complete_bundle(struct sheaf_queue *queue, const uint16_t slots[], uint16_t n);
void sheaf_queue_complete_single(struct sheaf_queue *queue, sheaf_action action,
				 const struct sheaf_response *response);
/**
 * sheaf_queue_expire() - the next step of escalation for what is past its deadline at @now_ns; the last step ends it
 * Called by the queue's tick; by tests with their own clock.
 */
void sheaf_queue_expire(struct sheaf_queue *queue, uint64_t now_ns);
/** Walk all slots and assert what the states promise; returns the slots in CONTROLLER or QUARANTINED state. */
unsigned sheaf_slots_check(const struct sheaf_queue *queue);
/** Take completions from the lanes; the loop's hook calls it. True if there was something. */
bool sheaf_queue_poll(struct sheaf_queue *queue);

#endif
