/* SPDX-License-Identifier: MIT */
/**
 * workers.h - the loops of a driver's process, each a thread with a context, and the host's queues at the other ends of their lanes
 *
 *   1. Queues first, then workers: the first worker fixes how many there are, lanes / queues.
 *   2. All workers are there before one runs.
 *
 * Thread: the main one, for all calls here.
 */
#ifndef SHEAF_DRIVER_WORKERS_H
#define SHEAF_DRIVER_WORKERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <sheaf/controller.h>

#include "loop/loop.h"
#include "seam/region.h"

#define SHEAF_FAR_QUEUES_MAX  64
#define SHEAF_FAR_WORKERS_MAX 64

/** A queue of the host. */
struct sheaf_far_queue {
	int bell_fd; /* of its loop */
	uint16_t first_slot, slot_count;
};

struct sheaf_worker;

/** Zeroed, then ops, controller, io and view are set by who has it, before the first queue comes. */
struct sheaf_workers {
	const struct sheaf_controller_ops *ops;
	void *controller;
	enum sheaf_io_backend io;
	const struct sheaf_view *view;
	struct sheaf_far_queue queues[SHEAF_FAR_QUEUES_MAX];
	unsigned queue_count;
	struct sheaf_worker *list;
	unsigned count, here; /* lanes for; added */
	bool running;
	_Atomic bool stop;
};

/** Queue @index, the next one, has @count slots from @first on. @bell_fd: taken, also on failure. 0 or -EPROTO. */
int sheaf_workers_add_queue(struct sheaf_workers *workers, uint64_t index, uint64_t first, uint64_t count, int bell_fd);
/**
 * sheaf_workers_add() - worker @index, the next one, with a loop, a context and a lane from each queue
 * @bell_fd: what the host rings; taken, also on failure.
 * Return: 0; -EPROTO: not the next; -ENOMEM, also without queues; -EOPNOTSUPP: not @bundled, and the driver has no method for that;
 * -errno of the loop or of create_context().
 */
int sheaf_workers_add(struct sheaf_workers *workers, uint64_t index, bool bundled, int bell_fd);
/** Are all there, and none runs? */
bool sheaf_workers_can_run(const struct sheaf_workers *workers);
/** 0 or -errno of a thread; those that it has begun run then. A loop that fails ends the process. */
int sheaf_workers_run(struct sheaf_workers *workers);
/** Loops end, and their contexts are destroyed. Without workers it does nothing. */
void sheaf_workers_stop(struct sheaf_workers *workers);
/** After sheaf_workers_stop(). */
void sheaf_workers_deinit(struct sheaf_workers *workers);

#endif
