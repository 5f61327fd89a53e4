/* SPDX-License-Identifier: MIT */
/* broken-twice.c - completes each task twice */
#define COMPLETE(context, slots, n)                                     \
	do {                                                            \
		sheaf_bundled_parallel_task_completion(context, slots, n); \
		sheaf_bundled_parallel_task_completion(context, slots, n); \
	} while (0)
#include "broken.h"
