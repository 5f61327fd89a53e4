/* SPDX-License-Identifier: MIT */
/* drain.c - see drain.h */
#include "host/drain.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "host/queue.h"

#define LOOK_MS	   1
#define SETTLE_MS  20
#define NOBODY	   0 /* an identifier is never 0: its low half is the driver's non-zero id */

/*
 * A loop marks its slot and then reads what the caller has changed, and neither is fenced: a task costs no locked instruction. So
 * the barrier is on this side, for all threads of the system, the driver's process too: what they mark later they read later.
 */
static void make_seen(void)
{
	atomic_thread_fence(memory_order_seq_cst);
	/* Where it is not permitted: no store waits that long to become visible. */
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) < 0)
		poll(NULL, 0, SETTLE_MS);
}

/* The task in @state that is the controller's, or NOBODY. */
static uint64_t task_out(const struct sheaf_slot_state *state)
{
	uint8_t owner = atomic_load(&state->owner);

	return owner == SHEAF_SLOT_CONTROLLER || owner == SHEAF_SLOT_QUARANTINED
		       ? atomic_load(&state->identifier)
		       : NOBODY;
}

int sheaf_host_drain(struct sheaf_host *host, unsigned limit_ms, bool (*is_over)(void *arg), void *arg)
{
	uint64_t until_ns = sheaf_clock_ns() + limit_ms * UINT64_C(1000000);
	CLEANUP_FREE uint64_t *out = calloc(host->slots, sizeof(*out));

	if (!out)
		return -ENOMEM;
	make_seen();
	for (uint32_t i = 0; i < host->slots; i++)
		out[i] = task_out(&host->slot_states[i]);
	for (uint32_t i = 0; i < host->slots;) {
		if (out[i] == NOBODY || task_out(&host->slot_states[i]) != out[i]) {
			i++;
			continue;
		}
		if (is_over && is_over(arg))
			return -ECANCELED;
		if (sheaf_clock_ns() >= until_ns)
			return -ETIMEDOUT;
		poll(NULL, 0, LOOK_MS);
	}
	return 0;
}
