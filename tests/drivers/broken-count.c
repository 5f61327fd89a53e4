/* SPDX-License-Identifier: MIT */
/* broken-count.c - completes a bundle of none */
#define COMPLETE(context, slots, n)                                     \
	do {                                                            \
		sheaf_bundled_parallel_task_completion(context, slots, n); \
		sheaf_bundled_parallel_task_completion(context, slots, 0); \
	} while (0)
#include "broken.h"
