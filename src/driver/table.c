/* SPDX-License-Identifier: MIT */
/* table.c - see table.h */
#include "driver/table.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"

/* More is cut off. */
#define MESSAGE_MAX 1024

const char *sheaf_controller_missing_hook(const struct sheaf_controller_ops *ops)
{
#define NEEDS(hook)                   \
	do {                          \
		if (!ops->hook)       \
			return #hook; \
	} while (0)
	NEEDS(initialize_controller);
	NEEDS(report_initiator_identifier);
	NEEDS(report_highest_supported_device_id);
	NEEDS(report_maximum_task_count);
	NEEDS(map_data_area);
	NEEDS(map_hba_data);
	NEEDS(start_controller);
	NEEDS(report_hba_highest_logical_unit_number);
	NEEDS(create_context);
	NEEDS(destroy_context);
	NEEDS(abort_task_request);
	NEEDS(abort_task_set_request);
	NEEDS(clear_aca_request);
	NEEDS(clear_task_set_request);
	NEEDS(logical_unit_reset_request);
	NEEDS(target_reset_request);
	NEEDS(stop);
	if (ops->map_bundled_parallel_task_command_and_response_buffers)
		NEEDS(process_bundled_parallel_tasks);
	else
		NEEDS(process_parallel_task);
#undef NEEDS
	return NULL;
}

/* One driver a process. */
static const char *driver_name = "driver";

void sheaf_driver_set_name(const char *name)
{
	driver_name = name;
}

void sheaf_driver_error(const char *format, ...)
{
	char text[MESSAGE_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sheaf_error("%s: %s", driver_name, text);
}
