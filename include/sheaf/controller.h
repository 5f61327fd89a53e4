/* SPDX-License-Identifier: MIT */
/**
 * controller.h - the table that a controller (a driver, DriverKit's "dext") implements
 *
 * Methods have DriverKit's names without `User`, in snake case. The host calls them in DriverKit's order:
 *
 *   initialize_controller, report_initiator_identifier, report_highest_supported_device_id,
 *   report_maximum_task_count, map_data_area, map_hba_data (once a slot),
 *   map_bundled_parallel_task_command_and_response_buffers, start_controller,
 *   does_hba_perform_device_management, create_context (once a loop),
 *   then for each target initialize_target_for_id and the feature questions, then tasks;
 *   at the end destroy_context (once a loop) and stop.
 *
 * Rules:
 *   1. A slot belongs to one side at a time. process_bundled_parallel_tasks() hands over the command slot,
 *      the response slot and the data buffer of each index; sheaf_bundled_parallel_task_completion() hands
 *      them back. Nothing of a slot may be read or written outside that time.
 *   2. Every task is completed exactly once, aborted ones too, in the slot of its request. Completions may be
 *      partial, out of order, and may mix slots of several request bundles.
 *   3. Calls on one context never overlap; different contexts run at the same time on different threads.
 */
#ifndef SHEAF_CONTROLLER_H
#define SHEAF_CONTROLLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/task.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct sheaf_context; /* the host's handle of one loop that runs this controller */
struct sheaf_loop;    /* see src/loop/loop.h; opaque to drivers */

/** Names a task in single-task mode, as DriverKit's OSAction does; opaque to the controller. */
typedef uint32_t sheaf_action;

/**
 * struct sheaf_controller_ops - what a controller can do
 *
 * @controller arguments are the pointer registered with the table. Hooks return 0 or a negative errno unless
 * they say otherwise. A NULL hook marked "optional" counts as the default named there.
 * Thread: bring-up and stop are called from one thread with no task in flight; create_context,
 * process_*, end_of_turn and destroy_context from the loop that owns the context; task management from any
 * thread, while tasks are in flight.
 */
struct sheaf_controller_ops {
	const char *name; /* for messages and stats.json, a plain word */

	/** First call, once. */
	int (*initialize_controller)(void *controller);
	/** The controller's own SCSI identifier; no target may have it. */
	int (*report_initiator_identifier)(void *controller, uint64_t *ret_id);
	/** Last valid target identifier, inclusive. */
	int (*report_highest_supported_device_id)(void *controller, uint64_t *ret_id);
	/** Tasks that may be outstanding, at least 1. The host uses min(this, its own slots). */
	int (*report_maximum_task_count)(void *controller, uint32_t *ret_count);
	/** Most contexts (loops) that may serve this controller at once; optional, default 1. */
	int (*report_maximum_context_count)(void *controller, uint32_t *ret_count);
	/**
	 * The data area, in both modes: @data is the controller's view of it, @bytes long; a task's
	 * buffer_iovm_addr is an offset in it. Stands where DriverKit has UserGetDMASpecification and
	 * per-task DMA mappings. @buffer_bytes: longest transfer of one task.
	 */
	int (*map_data_area)(void *controller, uint8_t *data, size_t bytes, size_t buffer_bytes);
	/** Once a slot. *ret_id: unique in this controller and never 0; comes back in the tasks. */
	int (*map_hba_data)(void *controller, uint32_t *ret_id);
	/**
	 * Offer of bundled mode: @commands and @responses have @slots entries each, valid until stop().
	 * Non-zero declines, which is no error: the host then uses single-task mode for good.
	 * Optional, default: declines.
	 */
	int (*map_bundled_parallel_task_command_and_response_buffers)(
		void *controller, const struct sheaf_task *commands, struct sheaf_response *responses,
		uint32_t slots);
	/** Tasks may arrive after this returned 0. */
	int (*start_controller)(void *controller);

	/** true: the controller announces its targets itself; optional, default false: 0..highest. */
	int (*does_hba_perform_device_management)(void *controller, bool *ret);
	/** Highest logical unit number of a target. */
	int (*report_hba_highest_logical_unit_number)(void *controller, uint64_t *ret);
	/** SPI features; optional, default false. */
	int (*does_hba_support_scsi_parallel_feature)(void *controller, uint32_t feature, bool *ret);
	/** true: each CHECK CONDITION carries its sense data; optional, default false. */
	int (*does_hba_perform_auto_sense)(void *controller, bool *ret);
	/** Optional, default false. */
	int (*does_hba_support_multi_pathing)(void *controller, bool *ret);
	/** A target is about to be used. */
	int (*initialize_target_for_id)(void *controller, uint64_t target_id);

	/** A loop will serve this controller. *ret_private is passed to the hooks below. */
	int (*create_context)(void *controller, struct sheaf_context *context, void **ret_private);
	/** No task of this context is in flight any more. */
	void (*destroy_context)(void *private_data);

	/**
	 * 1..32 slots. There is no error return: a task that cannot be run is completed with a response
	 * that says so.
	 */
	void (*process_bundled_parallel_tasks)(void *private_data, const uint16_t slots[],
					       uint16_t count);
	/**
	 * One task by value, in single-task mode. Returns SHEAF_REQUEST_IN_PROCESS, then @action is
	 * completed exactly once; any other value: the task is over, and is not completed.
	 */
	enum sheaf_service_response (*process_parallel_task)(void *private_data,
							     const struct sheaf_task *task,
							     sheaf_action action);
	/** The loop's turn ends: complete what has gathered. Optional. */
	void (*end_of_turn)(void *private_data);

	/* Task management, SAM-5 section 7: FUNCTION COMPLETE or FUNCTION REJECTED. Synchronous. */
	enum sheaf_service_response (*abort_task_request)(void *controller, uint64_t target,
							  uint64_t lun, uint64_t tag);
	enum sheaf_service_response (*abort_task_set_request)(void *controller, uint64_t target,
							      uint64_t lun);
	enum sheaf_service_response (*clear_aca_request)(void *controller, uint64_t target,
							 uint64_t lun);
	enum sheaf_service_response (*clear_task_set_request)(void *controller, uint64_t target,
							      uint64_t lun);
	enum sheaf_service_response (*logical_unit_reset_request)(void *controller, uint64_t target,
								  uint64_t lun);
	enum sheaf_service_response (*target_reset_request)(void *controller, uint64_t target);

	/** Last call, once, if initialize_controller returned 0. */
	void (*stop)(void *controller);
};

/**
 * sheaf_bundled_parallel_task_completion() - hand slots back to the host
 * @context: as given to create_context.  @slots: 1..32 slots that this controller owns.
 * Thread: the context's loop; may be called from inside process_bundled_parallel_tasks().
 * Ownership: every slot is the host's when this returns.
 * Source: SCSIControllerDriverKit, BundledParallelTaskCompletion.
 */
void sheaf_bundled_parallel_task_completion(struct sheaf_context *context, const uint16_t slots[],
					    uint16_t count);

/**
 * sheaf_parallel_task_completion() - end a task of single-task mode
 * @action: as given to process_parallel_task.  @response: copied before this returns.
 * Thread: the context's loop.
 * Source: SCSIControllerDriverKit, ParallelTaskCompletion.
 */
void sheaf_parallel_task_completion(struct sheaf_context *context, sheaf_action action,
				    const struct sheaf_response *response);

/** sheaf_context_loop() - the loop that serves @context, for controllers that use src/loop */
struct sheaf_loop *sheaf_context_loop(struct sheaf_context *context);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
