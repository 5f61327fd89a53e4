/* SPDX-License-Identifier: MIT */
/**
 * target.h - a SCSI target for drivers that fill in their own controller table: logical units over media
 *
 * The driver keeps what the seam is about: slots, bundles, completions, the hooks of bring-up. The target runs a task: it finds the
 * logical unit, checks the buffer against the data area, decodes the CDB, calls the medium, fills in the response, and knows
 * which tasks are in flight, so that task management is one call each. examples/ramdisk.c is such a driver.
 *
 * It is target 0; logical unit i is medium i. Tasks have an index, 0..tasks-1, which the driver chooses and which is free again when
 * done() was called for it: the slot in bundled mode, the id that map_hba_data gave less 1 in single-task mode.
 */
#ifndef SHEAF_TARGET_H
#define SHEAF_TARGET_H

#include <stddef.h>
#include <stdint.h>

#include <sheaf/medium.h>
#include <sheaf/task.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct sheaf_target;

struct sheaf_target_options {
	const struct sheaf_medium *media; /* copied */
	uint32_t medium_count;		  /* 1 to 256 */
	uint32_t tasks;			  /* at a time */
	/**
	 * The task @index has ended, and its response is filled in: hand its slot back, now or at the end of the turn.
	 * @context: as given to sheaf_target_execute(). Thread: the loop of that call; may come from inside it.
	 */
	void (*done)(void *context, uint32_t index);
};

/**
 * sheaf_target_create() - a target over @options->media
 * Thread: any.  Ownership: the target is the caller's; what media's arg and names point to must outlive it.
 * Return: 0; -EINVAL: a medium that cannot be (size, block size, serial, a callback missing), no medium, no tasks; -ENOMEM.
 */
int sheaf_target_create(const struct sheaf_target_options *options, struct sheaf_target **ret_target);
/** Free a target with no task in flight; NULL is allowed. Returns NULL. */
struct sheaf_target *sheaf_target_free(struct sheaf_target *target);

/** The data area, as map_data_area gave it: a task's buffer is looked for in it. Before the first task; any thread. */
void sheaf_target_set_data_area(struct sheaf_target *target, uint8_t *data, size_t bytes);

/**
 * sheaf_target_execute() - run one task
 * @index: less than options.tasks, not in flight.  @task: copied once, before anything of it is looked at.
 * @response: written before done(), and not touched after it.  @loop: of the context that got the task, this thread's.
 * @context: for done().
 * Thread: @loop's; different loops may be in here at the same time with different indices.
 */
void sheaf_target_execute(struct sheaf_target *target, uint32_t index, const struct sheaf_task *task,
			  struct sheaf_response *response, struct sheaf_loop *loop, void *context);

/** All initiators that the host speaks for: what the hooks of controller.h, which name none, mean. */
#define SHEAF_INITIATOR_ANY UINT32_MAX

/*
 * Task management, for the hooks of the same name. What is in flight is marked, and ends as aborted when its access is over; each task
 * still ends exactly once. Thread: any. Return: SHEAF_FUNCTION_COMPLETE or SHEAF_FUNCTION_REJECTED (no such target, LU or initiator).
 */
enum sheaf_service_response sheaf_target_abort_task(struct sheaf_target *target, uint64_t target_id,
						    uint64_t lun, uint64_t tag);
enum sheaf_service_response sheaf_target_abort_task_set(struct sheaf_target *target,
							uint64_t target_id, uint64_t lun);
enum sheaf_service_response sheaf_target_logical_unit_reset(struct sheaf_target *target,
							    uint64_t target_id, uint64_t lun);
enum sheaf_service_response sheaf_target_reset(struct sheaf_target *target, uint64_t target_id);

/*
 * The same for one initiator (enum sheaf_initiator, or SHEAF_INITIATOR_ANY), SAM-5 section 7. ABORT TASK SET: its own tasks. CLEAR TASK
 * SET: those of all, where initiators share a task set (TST 000b), and the others are told by unit attention 2Fh/00h; else its own.
 * CLEAR ACA: its condition, and its task with the ACA attribute.
 */
enum sheaf_service_response sheaf_target_abort_task_set_of(struct sheaf_target *target, uint64_t target_id,
							   uint64_t lun, uint32_t initiator);
enum sheaf_service_response sheaf_target_clear_task_set(struct sheaf_target *target, uint64_t target_id,
							uint64_t lun, uint32_t initiator);
enum sheaf_service_response sheaf_target_clear_aca(struct sheaf_target *target, uint64_t target_id,
						   uint64_t lun, uint32_t initiator);
/**
 * sheaf_target_nexus_loss() - SAM-5 section 6.3.4: @initiator is not connected any more
 * Its tasks are aborted, its RESERVE and ACA conditions are over, and it is told by unit attention 29h/07h if it comes back.
 * Persistent registrations stay. Thread: any.  Return: as above.
 */
enum sheaf_service_response sheaf_target_nexus_loss(struct sheaf_target *target, uint64_t target_id,
						    uint32_t initiator);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
