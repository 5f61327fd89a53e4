/* SPDX-License-Identifier: MIT */
/**
 * context.h - a loop that serves a controller: hands it what arrives, gathers what it completes
 *
 * Fused: the context lives on a host queue's loop; bundles come by the request port and go back by the completion
 * port, all on one thread. Worker: the context has a loop of its own and a lane from each host queue; what it
 * completes goes back in the lane of the queue that the slot belongs to, gathered until the turn ends or 32 are there.
 */
#ifndef SHEAF_CONTEXT_H
#define SHEAF_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include <sheaf/controller.h>

#include "loop/loop.h"
#include "seam/lane.h"
#include "seam/port.h"
#include "seam/region.h"

/** A worker's side of a lane from one host queue. */
struct sheaf_context_lane {
	struct sheaf_lane lane;
	int doorbell_fd; /* of the queue's loop */
	uint16_t first_slot;
	uint16_t slot_count;
	uint16_t done[SHEAF_BUNDLE_MAX]; /* completed, not yet pushed */
	uint16_t done_count;
};

struct sheaf_context {
	const struct sheaf_controller_ops *ops;
	void *controller;
	void *private_data; /* the controller's */
	const struct sheaf_view *view; /* the controller's */
	bool bundled;
	struct sheaf_loop *loop;
	struct sheaf_loop_hook hook;
	struct sheaf_completion_port port; /* fused */
	bool completed;			   /* fused: something, since the last flush */
	struct sheaf_context_lane *lanes;  /* worker */
	unsigned lane_count;
	_Atomic uint64_t refused; /* requests that no rule-abiding host sends */
	_Atomic uint64_t doorbells;
};

/**
 * sheaf_context_create() - make a context of @controller on @loop
 * Thread: the loop's, or any before the loop runs (create_context is called here).
 * Return: 0, or -errno of create_context.
 */
int sheaf_context_create(const struct sheaf_controller_ops *ops, void *controller,
			 const struct sheaf_view *view, bool bundled, struct sheaf_loop *loop,
			 struct sheaf_context **ret_context);
/** No task in flight. NULL is allowed; returns NULL. */
struct sheaf_context *sheaf_context_free(struct sheaf_context *context);

/** Fused: where completions go; and what requests come by. */
void sheaf_context_attach_port(struct sheaf_context *context, struct sheaf_completion_port port);
struct sheaf_request_port sheaf_context_request_port(struct sheaf_context *context);

/** Worker: @lanes host queues, each with @slots_per_queue slots. 0 or -ENOMEM. */
int sheaf_context_attach_lanes(struct sheaf_context *context, unsigned lanes);
/** Lane @i is lane @lane_index of the region, from the queue that owns @first_slot.. and wakes at @doorbell_fd. */
void sheaf_context_open_lane(struct sheaf_context *context, unsigned i, uint32_t lane_index,
			     uint16_t first_slot, uint16_t slot_count, int doorbell_fd);

#endif
