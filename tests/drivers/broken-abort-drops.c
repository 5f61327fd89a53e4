/* SPDX-License-Identifier: MIT */
/* broken-abort-drops.c - forgets what it had when something is aborted */
#include <stdbool.h>

static bool dropping;
#define ABORT drop
#define OVERRIDES                                                                              \
	static enum sheaf_service_response drop(void *controller, uint64_t target, uint64_t lun, \
						uint64_t tag)                                  \
	{                                                                                      \
		(void)controller, (void)target, (void)lun, (void)tag;                          \
		dropping = true;                                                               \
		return SHEAF_FUNCTION_COMPLETE;                                                \
	}
#define COMPLETE(context, slots, n) \
	(dropping ? (void)0 : sheaf_bundled_parallel_task_completion(context, slots, n))
#include "broken.h"
