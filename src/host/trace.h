/* SPDX-License-Identifier: MIT */
/**
 * trace.h - what a queue writes down of each task while somebody reads .sheaf/record, or a tracer looks
 *
 * A queue has a ring of records that its loop writes and one reader empties (trace_reader.h): no lock, no allocation, no system call
 * a task, and no clock but that of observe.h, so that a recording says what the histograms say. When the ring is full a task's record is
 * dropped and counted, and the reader puts the count into the stream. While nobody reads, a task costs one branch at each end.
 *
 *   1. Records lie in [tail, head). The loop stores head with release after it has written the record; the reader loads it
 *      with acquire. The reader stores tail with release after it has copied; the loop loads it with acquire.
 *   2. A session is one opening. A task is written down if it started and ended in the same one.
 *   3. The ring's memory stays from its first session to the end of the queue, so that a loop may be late to see the end of a session.
 */
#ifndef SHEAF_TRACE_H
#define SHEAF_TRACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/probes.h"
#include "host/record.h"

struct sheaf_queue;
struct sheaf_result;

/** Records in a ring, a power of two: 2 MiB, a sixth of a second of 200,000 tasks a second. */
#define SHEAF_TRACE_RECORDS 32768u

/** A task that was handed over: what is not known any more when it ends, since the slot's memory may be the controller's. */
struct sheaf_traced {
	uint64_t identifier; /* of the task; another: this is of a task before it */
	uint32_t session;
	struct sheaf_record record; /* filled in but for its end */
};

struct sheaf_tracer {
	_Atomic uint32_t session; /* W: reader, release; R: loop, acquire. 0: nobody reads */
	_Atomic uint64_t begin_ns; /* of the session; W: reader, before it; R: loop */
	struct sheaf_traced *tasks; /* one a slot of the host, since slots go from queue to queue; loop only */
	_Atomic(struct sheaf_record *) records; /* W: reader, before its first session; NULL until then */
	uint64_t tail_seen;	  /* loop only */
	_Atomic uint64_t head;	  /* W: loop */
	_Atomic uint64_t dropped; /* W: loop; R: reader */
	uint8_t apart[64];	  /* a cache line between the two writers */
	_Atomic uint64_t tail;	  /* W: reader */
	uint64_t dropped_said;	  /* reader only */
};

/** For the queue: @slots of the host. 0 or -ENOMEM. */
int sheaf_tracer_init(struct sheaf_tracer *tracer, uint32_t slots);
void sheaf_tracer_deinit(struct sheaf_tracer *tracer);

/** Is there anything to write down? Thread: the queue's loop. */
static inline bool sheaf_trace_is_on(struct sheaf_tracer *tracer)
{
	return __builtin_expect(atomic_load_explicit(&tracer->session, memory_order_acquire) != 0, 0) ||
	       sheaf_probe_wanted(task_end);
}

/* What follows is called only if it is on, or the probe is wanted. Thread: the queue's loop. */

/** For the probe: a task was started; its slot is still the host's. */
void sheaf_trace_started(struct sheaf_queue *queue, uint16_t slot);
/** The tasks in @slots are about to be handed over, still GATHERED, as bundle number @bundle to @lane, at @start_ns. */
void sheaf_trace_submit(struct sheaf_queue *queue, const uint16_t slots[], uint16_t n, uint8_t lane,
			uint64_t bundle, uint64_t start_ns);
/** The task in @slot ended, in HOST or QUARANTINED state, and sheaf_observe_task() has timed it. */
void sheaf_trace_end(struct sheaf_queue *queue, uint16_t slot, const struct sheaf_result *result);
/** Sense key, ASC and ASCQ in three bytes; 0 of a result without sense data. */
uint32_t sheaf_result_sense(const struct sheaf_result *result);
/** For the probe: it ended with anything but GOOD. */
void sheaf_trace_error(struct sheaf_queue *queue, uint16_t slot, const struct sheaf_result *result);

#endif
