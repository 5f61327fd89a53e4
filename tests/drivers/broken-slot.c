/* SPDX-License-Identifier: MIT */
/* broken-slot.c - completes in another slot than it was asked in */
#define COMPLETE(context, slots, n) (slots[0] ^= 1, sheaf_bundled_parallel_task_completion(context, slots, n))
#include "broken.h"
