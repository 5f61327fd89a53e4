/* SPDX-License-Identifier: MIT */
/* watch.c - see watch.h */
#include "cli/watch.h"

#include "host/queue.h"

#define NS_PER_MS 1000000ull
#define STEPS	  3

static uint64_t limit_ns(const struct sheaf_host *host)
{
	return (host->options.timeout_ms + (uint64_t)STEPS * host->options.grace_ms) * NS_PER_MS;
}

static bool any_armed(const struct sheaf_host *host)
{
	for (uint32_t i = 0; i < host->options.queues; i++)
		if (atomic_load(&host->queues[i]->tick_due_ns))
			return true;
	return false;
}

int sheaf_watch_look(struct sheaf_watch *watch, uint64_t now_ns)
{
	struct sheaf_host *host = watch->host;
	uint64_t passed_ns = watch->on ? now_ns - watch->looked_ns : 0;
	int stuck = -1;

	/* More than a nap: this process was stopped. */
	if (passed_ns > SHEAF_WATCH_NAP_MS * NS_PER_MS)
		passed_ns = SHEAF_WATCH_NAP_MS * NS_PER_MS;
	watch->looked_ns = now_ns;
	watch->on = true;
	for (uint32_t i = 0; i < host->options.queues; i++) {
		uint64_t due_ns = atomic_load(&host->queues[i]->tick_due_ns);

		watch->still_ns[i] = due_ns && due_ns == watch->due_ns[i] && due_ns < now_ns
					     ? watch->still_ns[i] + passed_ns
					     : 0;
		watch->due_ns[i] = due_ns;
		if (watch->still_ns[i] >= limit_ns(host))
			stuck = (int)i;
	}
	if (any_armed(host))
		return stuck;
	atomic_store(&host->watched, false);
	watch->on = any_armed(host) && !atomic_exchange(&host->watched, true);
	return stuck;
}
