/* SPDX-License-Identifier: MIT */
/**
 * recover.h - a queue's part when its driver dies and when another one is there
 *
 * The deployment notices the death and waits for the fence (the old process is gone, with all that it had in flight); then each
 * queue is told on its own loop. Tasks that the driver owned and that may be sent again are gathered once more, under new
 * identifiers; the others end, as nobody can know how far they came. What is gathered waits until there is another driver.
 */
#ifndef SHEAF_RECOVER_H
#define SHEAF_RECOVER_H

#include <stdbool.h>
#include <stdint.h>

struct sheaf_queue;

/**
 * sheaf_queue_driver_gone() - the driver that had this queue's lanes is dead, and nothing of it can come any more
 * What it had completed before still counts. Slots in quarantine count as given back. The lanes are as new, both ends; the
 * next driver opens them after all queues were told. May be called again before sheaf_queue_driver_back().
 * @reason: for the message.  Thread: the queue's loop, in a turn, not from inside ended().
 */
void sheaf_queue_driver_gone(struct sheaf_queue *queue, const char *reason);
/** Another driver has opened its ends: what waits goes to it with this turn's bundle. Thread: the queue's loop. */
void sheaf_queue_driver_back(struct sheaf_queue *queue);

/** May a command be sent a second time when nobody knows whether the first one was carried out? By its operation code. */
bool sheaf_command_repeats(uint8_t opcode);

#endif
