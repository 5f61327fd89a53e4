/* SPDX-License-Identifier: MIT */
/**
 * drain.h - wait for the tasks that a controller has right now
 *
 * For changes that what has begun may not see, and what comes later does see: who changes something makes the change first, then
 * drains. Tasks that come meanwhile are not waited for, so that it ends under any load.
 */
#ifndef SHEAF_DRAIN_H
#define SHEAF_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

struct sheaf_host;

/**
 * sheaf_host_drain() - each task that the controller had at the call, one in quarantine too, is back
 * What the caller stored before is seen by all tasks that are not waited for.
 * @is_over: says that the wait makes no sense any more; NULL: it always does.
 * Thread: none of the loops'; sleeps. Return: 0; -ETIMEDOUT after @limit_ms; -ECANCELED; -ENOMEM.
 */
int sheaf_host_drain(struct sheaf_host *host, unsigned limit_ms, bool (*is_over)(void *arg), void *arg);

#endif
