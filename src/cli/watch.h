/* SPDX-License-Identifier: MIT */
/**
 * watch.h - do the front loops turn? Where the driver runs on them and does not return, nobody else would notice
 *
 * A queue's tick is due while it has tasks in flight (host/queue.h). A loop whose tick stays due for timeout + 3 graces stands
 * still in a driver, or in a system call of its image: none of its deadlines works, and only the end of the connection lets go of the
 * callers. Time is counted in naps of the watch's own, so that a process that was stopped as a whole has not been late.
 *
 *   1. Thread: the main one. It watches only while something is in flight, a look a second.
 *   2. With --timeout=0 there is no tick, and nothing is watched.
 */
#ifndef SHEAF_WATCH_H
#define SHEAF_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "host/host.h"

#define SHEAF_WATCH_NAP_MS 1000

struct sheaf_watch {
	struct sheaf_host *host;
	bool on;
	uint64_t looked_ns;
	uint64_t due_ns[SHEAF_QUEUES_MAX];   /* as of the last look */
	uint64_t still_ns[SHEAF_QUEUES_MAX]; /* how long it has been overdue since */
};

/**
 * sheaf_watch_look() - look at all queues at @now_ns
 * Return: the index of a queue whose loop stands still for too long; -1: none. watch->on says whether to look again.
 */
int sheaf_watch_look(struct sheaf_watch *watch, uint64_t now_ns);

#endif
