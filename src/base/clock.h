/* SPDX-License-Identifier: MIT */
/* clock.h - the clock that everything is timed by. A reading costs some 20 to 50 ns: not one a task, see sheaf_loop_now(). */
#ifndef SHEAF_CLOCK_H
#define SHEAF_CLOCK_H

#include <stdint.h>
#include <time.h>

/** CLOCK_MONOTONIC, nanoseconds. Thread: any. */
static inline uint64_t sheaf_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

#endif
