/* SPDX-License-Identifier: MIT */
/**
 * recover.h - a queue outlives its driver: what becomes of the tasks when the process at the other end of its lanes dies
 *
 *            HOLD              GONE                BACK
 *   SERVED --------> HELD ------------> GONE -----------------> SERVED
 *      |                                 ^ |                       ^
 *      +---------------------------------+ |   FAIL         BACK   |
 *                GONE                      +-----------> FAILED ---+
 *
 *   SERVED  tasks are handed over
 *   HELD    what is started gathers and is not handed over; what was handed over may still come back
 *   GONE    the driver is dead, and the fence is behind us; what it owned is GATHERED again or has ended; nothing is read
 *           from the lanes
 *   FAILED  there is not going to be a driver by itself: each task ends undelivered
 *
 *   1. GONE comes only when nothing of the old driver can run or write any more (driver_life.h has the fence). So its slots
 *      can be taken back, quarantined ones too, and lanes can be made fresh.
 *   2. What the driver completed before it died counts: lanes are read to their end first.
 *   3. A task is issued again only if to do it twice is the same as to do it once (sheaf_command_repeatable()), and at
 *      most SHEAF_REISSUES_MAX times: the command may be what kills drivers. It goes out as it was started: from the
 *      host's own copy, not from the slot, which the dead driver could write.
 *   4. Deadlines go on meanwhile (sheaf_queue_expire_held()).
 */
#ifndef SHEAF_RECOVER_H
#define SHEAF_RECOVER_H

#include <semaphore.h>

#include "host/queue.h"

#define SHEAF_REISSUES_MAX 8

/** May a command of this CDB be sent again when nobody knows whether it was done? */
bool sheaf_command_repeatable(const uint8_t cdb[16]);

/** The arrows. Thread: the queue's loop. */
void sheaf_queue_hold(struct sheaf_queue *queue);
void sheaf_queue_driver_gone(struct sheaf_queue *queue, const char *reason);
void sheaf_queue_driver_back(struct sheaf_queue *queue);
void sheaf_queue_driver_failed(struct sheaf_queue *queue);

/**
 * sheaf_queue_post() - let the queue's loop do @event; if the loop does not run, it is done here and now
 * @handled: posted once when it is done.  @reason: of GONE; a text that stays.
 * Thread: any one; the next only when this one is done.
 */
void sheaf_queue_post(struct sheaf_queue *queue, enum sheaf_queue_event event, const char *reason,
		      sem_t *handled);
/** What was posted and not handled is done here, if the loop has stopped running meanwhile. Thread: as for post. */
void sheaf_queue_post_again(struct sheaf_queue *queue);
/** All queues of @host do @event; returns when they have. Thread: none of the loops', one at a time. */
void sheaf_host_tell_queues(struct sheaf_host *host, enum sheaf_queue_event event, const char *reason);
/**
 * The queue's loop begins, or ceases, to take turns. A loop that has begun handles what is posted in its next turn. Thread: the
 * loop's.
 */
void sheaf_queue_set_running(struct sheaf_queue *queue, bool running);
/** From the loop's hook: do what was posted. */
void sheaf_queue_take_event(struct sheaf_queue *queue);

/** HELD, GONE: end gathered tasks whose time is up. Part of sheaf_queue_expire(). */
void sheaf_queue_expire_held(struct sheaf_queue *queue, uint64_t now_ns);
/** FAILED: end what gathered. True if there was something. Part of sheaf_queue_flush(). */
bool sheaf_queue_end_gathered(struct sheaf_queue *queue);

#endif
