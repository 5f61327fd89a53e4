/* SPDX-License-Identifier: MIT */
/* methods.c - see methods.h */
#include "driver/methods.h"

#include <stdbool.h>

static int report_initiator(const struct sheaf_controller_ops *ops, void *controller, uint64_t v[])
{
	return ops->report_initiator_identifier(controller, &v[0]);
}

static int report_highest_id(const struct sheaf_controller_ops *ops, void *controller, uint64_t v[])
{
	return ops->report_highest_supported_device_id(controller, &v[0]);
}

static int report_tasks(const struct sheaf_controller_ops *ops, void *controller, uint64_t v[])
{
	uint32_t count = 0;
	int r = ops->report_maximum_task_count(controller, &count);

	v[0] = count;
	return r;
}

static int report_contexts(const struct sheaf_controller_ops *ops, void *controller, uint64_t v[])
{
	uint32_t count = 1;
	int r = 0;

	if (ops->report_maximum_context_count)
		r = ops->report_maximum_context_count(controller, &count);
	v[0] = count;
	return r;
}

static int map_hba_data(const struct sheaf_controller_ops *ops, void *controller, uint64_t v[])
{
	uint32_t id = 0;
	int r = ops->map_hba_data(controller, &id);

	v[0] = id;
	return r;
}

/* What it does not say is no. */
static int ask(int (*does)(void *controller, bool *ret_answer), void *controller, uint64_t v[])
{
	bool answer = false;
	int r = does ? does(controller, &answer) : 0;

	v[0] = answer;
	return r;
}

static int device_management(const struct sheaf_controller_ops *ops, void *controller, uint64_t v[])
{
	return ask(ops->does_hba_perform_device_management, controller, v);
}

static int auto_sense(const struct sheaf_controller_ops *ops, void *controller, uint64_t v[])
{
	return ask(ops->does_hba_perform_auto_sense, controller, v);
}

static int multi_pathing(const struct sheaf_controller_ops *ops, void *controller, uint64_t v[])
{
	return ask(ops->does_hba_support_multi_pathing, controller, v);
}

static int feature(const struct sheaf_controller_ops *ops, void *controller, uint64_t v[])
{
	bool answer = false;
	int r = 0;

	if (ops->does_hba_support_scsi_parallel_feature)
		r = ops->does_hba_support_scsi_parallel_feature(controller, (uint32_t)v[0], &answer);
	v[0] = answer;
	return r;
}

static int highest_lun(const struct sheaf_controller_ops *ops, void *controller, uint64_t v[])
{
	return ops->report_hba_highest_logical_unit_number(controller, &v[0]);
}

static int initialize_target(const struct sheaf_controller_ops *ops, void *controller, uint64_t v[])
{
	return ops->initialize_target_for_id ? ops->initialize_target_for_id(controller, v[0]) : 0;
}

/* Task management: the answer is the service response. */

static int abort_task(const struct sheaf_controller_ops *ops, void *controller, uint64_t v[])
{
	v[0] = ops->abort_task_request(controller, v[0], v[1], v[2]);
	return 0;
}

static int abort_task_set(const struct sheaf_controller_ops *ops, void *controller, uint64_t v[])
{
	v[0] = ops->abort_task_set_request(controller, v[0], v[1]);
	return 0;
}

static int clear_aca(const struct sheaf_controller_ops *ops, void *controller, uint64_t v[])
{
	v[0] = ops->clear_aca_request(controller, v[0], v[1]);
	return 0;
}

static int clear_task_set(const struct sheaf_controller_ops *ops, void *controller, uint64_t v[])
{
	v[0] = ops->clear_task_set_request(controller, v[0], v[1]);
	return 0;
}

static int lu_reset(const struct sheaf_controller_ops *ops, void *controller, uint64_t v[])
{
	v[0] = ops->logical_unit_reset_request(controller, v[0], v[1]);
	return 0;
}

static int target_reset(const struct sheaf_controller_ops *ops, void *controller, uint64_t v[])
{
	v[0] = ops->target_reset_request(controller, v[0]);
	return 0;
}

const sheaf_driver_method sheaf_driver_methods[SHEAF_CALLS] = {
	[SHEAF_CALL_REPORT_INITIATOR_IDENTIFIER] = report_initiator,
	[SHEAF_CALL_REPORT_HIGHEST_SUPPORTED_DEVICE_ID] = report_highest_id,
	[SHEAF_CALL_REPORT_MAXIMUM_TASK_COUNT] = report_tasks,
	[SHEAF_CALL_REPORT_MAXIMUM_CONTEXT_COUNT] = report_contexts,
	[SHEAF_CALL_MAP_HBA_DATA] = map_hba_data,
	[SHEAF_CALL_DOES_HBA_PERFORM_DEVICE_MANAGEMENT] = device_management,
	[SHEAF_CALL_REPORT_HBA_HIGHEST_LOGICAL_UNIT_NUMBER] = highest_lun,
	[SHEAF_CALL_DOES_HBA_SUPPORT_SCSI_PARALLEL_FEATURE] = feature,
	[SHEAF_CALL_DOES_HBA_PERFORM_AUTO_SENSE] = auto_sense,
	[SHEAF_CALL_DOES_HBA_SUPPORT_MULTI_PATHING] = multi_pathing,
	[SHEAF_CALL_INITIALIZE_TARGET_FOR_ID] = initialize_target,
	[SHEAF_CALL_ABORT_TASK_REQUEST] = abort_task,
	[SHEAF_CALL_ABORT_TASK_SET_REQUEST] = abort_task_set,
	[SHEAF_CALL_CLEAR_ACA_REQUEST] = clear_aca,
	[SHEAF_CALL_CLEAR_TASK_SET_REQUEST] = clear_task_set,
	[SHEAF_CALL_LOGICAL_UNIT_RESET_REQUEST] = lu_reset,
	[SHEAF_CALL_TARGET_RESET_REQUEST] = target_reset,
};
