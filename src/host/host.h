/* SPDX-License-Identifier: MIT */
/**
 * host.h - the framework side of one controller: bring-up, the region, and its queues
 *
 * A host brings a controller up in DriverKit's order, decides the mode (bundled, or single-task when the controller
 * declines the mapping), and has one queue (queue.h) for each loop that makes tasks. Slots are divided among
 * the queues; fused, one may go to another queue later (sheaf_queue_give_away()).
 */
#ifndef SHEAF_HOST_H
#define SHEAF_HOST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <sheaf/controller.h>

#include "seam/lane.h"
#include "seam/region.h"

struct sheaf_queue;
struct sheaf_slot_state;
struct sheaf_escalation;

#define SHEAF_QUEUES_MAX 64
#define SHEAF_WORKERS_MAX 64

struct sheaf_host_options {
	const struct sheaf_controller_ops *ops;
	void *controller;
	uint32_t slots;	       /* of all queues together */
	uint32_t queues;       /* loops that make tasks */
	uint32_t workers;      /* 0: fused */
	bool fit_queues;       /* fewer queues, where the controller takes fewer tasks or contexts */
	bool fit_workers;      /* workers, where it takes fewer contexts than there are queues */
	size_t buffer_bytes;   /* longest transfer, margin included */
	uint16_t bundle_max;   /* 1..32 */
	bool single_mode;      /* never offer the mapping */
	uint32_t timeout_ms;   /* per task; 0: none */
	uint32_t grace_ms;     /* then for each step of escalate.h; 0: it fails at its deadline */
	uint32_t violations_max; /* of a queue within SHEAF_VIOLATION_WINDOW_MS before the driver is replaced; 0: any number */
	/*
	 * A controller in another process: where it has to map the region from, before map_data_area, whose pointer is NULL then,
	 * as are those of the mapping's offer. The host keeps a copy of each command that it can issue again. Optional.
	 */
	void (*use_region)(void *controller, const struct sheaf_region *region);
	bool may_lose_driver; /* the same copy of a controller in this process, for tests that have drivers die */
};

struct sheaf_host {
	struct sheaf_host_options options; /* queues as they are */
	struct sheaf_region region;
	struct sheaf_view view;		   /* the host's */
	struct sheaf_view controller_view; /* the controller's, when it runs in this process */
	uint32_t slots;			   /* in use: a multiple of queues */
	uint32_t slots_per_queue;
	uint32_t workers;
	bool bundled;
	bool started;
	bool auto_sense;
	uint64_t initiator_id, highest_target_id, highest_lun;
	uint32_t *hba_ids; /* per slot, from map_hba_data */
	uint32_t *next_hba_ids; /* those of a new driver, until sheaf_queue_driver_back() */
	struct sheaf_task *kept; /* per slot: the command as it was started; of a controller in another process */
	bool targets_initialized;
	struct sheaf_slot_state *slot_states; /* per slot */
	struct sheaf_queue **queues;
	struct sheaf_escalation *escalation;
	/*
	 * Another driver in the place of this one: asks for it and returns at once. NULL: it cannot be had. Thread: any loop.
	 * 0: it will be done; -EOPNOTSUPP: the controller runs in this process.
	 */
	int (*replace_driver)(void *arg, const char *why);
	void *replace_arg;
	/*
	 * There is work while nobody watches: called by the loop that got it, once, with `watched` set. Who watches looks at the queues'
	 * tick_due_ns, and takes `watched` back, and looks once more, when all are 0. Optional.
	 */
	void (*on_busy)(void *arg);
	void *busy_arg;
	_Atomic bool watched;
	_Atomic bool violations_told; /* that it cannot be replaced, though it ought to */
	_Atomic bool traced;	 /* somebody reads .sheaf/record; see trace_reader.c */
	uint32_t trace_sessions; /* that one's */
};

/**
 * sheaf_host_create() - bring a controller up, up to start_controller
 * Errors are reported here with the method's name. Thread: any, no loop runs yet.
 * Return: 0; -errno of the method that failed; -EINVAL: an option, or an answer of the controller out of range.
 */
int sheaf_host_create(const struct sheaf_host_options *options, struct sheaf_host **ret_host);
/** Stop the controller and free everything; no loop runs any more. Slots may still be out after a timeout. NULL. */
struct sheaf_host *sheaf_host_free(struct sheaf_host *host);

/**
 * sheaf_host_bring_up_again() - the same lifecycle with a new driver behind the same table, up to start_controller
 * Its answers must fit what is there: no fewer tasks and targets than before. All queues are GONE (recover.h), and get the new
 * ids with sheaf_queue_driver_back(). Errors are reported here. Thread: any one.
 * Return: 0; -ENOSPC: fewer tasks than slots in use; -errno of the method that failed.
 */
int sheaf_host_bring_up_again(struct sheaf_host *host);
/** After create_context: the targets that were initialized are initialized once more. 0 or -errno, reported. */
int sheaf_host_initialize_targets_again(struct sheaf_host *host);

/** Targets are about to be used: initialize_target_for_id and the feature questions. 0 or -errno. */
int sheaf_host_initialize_target(struct sheaf_host *host, uint64_t target_id);

/** The lane between queue @queue and worker @worker. */
static inline uint32_t sheaf_host_lane_index(const struct sheaf_host *host, uint32_t queue,
					     uint32_t worker)
{
	return queue * host->workers + worker;
}

enum sheaf_task_management {
	SHEAF_ABORT_TASK,
	SHEAF_ABORT_TASK_SET,
	SHEAF_CLEAR_ACA,
	SHEAF_CLEAR_TASK_SET,
	SHEAF_LOGICAL_UNIT_RESET,
	SHEAF_TARGET_RESET,
};

/**
 * sheaf_host_task_management() - SAM-5 section 7, one function
 * @tag: of ABORT TASK.  Thread: any.  Aborted tasks are still completed, in their slots.
 */
enum sheaf_service_response sheaf_host_task_management(struct sheaf_host *host,
						       enum sheaf_task_management function,
						       uint64_t target, uint64_t lun, uint64_t tag);

#endif
