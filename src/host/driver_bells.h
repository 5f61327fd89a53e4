/* SPDX-License-Identifier: MIT */
/* driver_bells.h - the doorbells between the host's queues and the workers of a driver in another process; one set for all drivers */
#ifndef SHEAF_DRIVER_BELLS_H
#define SHEAF_DRIVER_BELLS_H

#include "host/host.h"
#include "loop/loop.h"
#include "seam/bell.h"

/** Zeroed: none. */
struct sheaf_driver_bells {
	int *queues, *workers; /* rung by the driver; by the queues */
	uint32_t queue_count, worker_count;
	struct sheaf_bell *listening; /* one a queue; its loop's */
};

/** Make a bell for each queue and worker of @host, and have its queues ring the workers'. 0 or -errno; close after both. */
int sheaf_driver_bells_make(struct sheaf_driver_bells *bells, struct sheaf_host *host);
/** Wake @loop, of queue @queue, when the driver rings. Thread: the loop's. */
void sheaf_driver_bells_listen(struct sheaf_driver_bells *bells, uint32_t queue, struct sheaf_loop *loop);
/** No loop listens or rings any more. */
void sheaf_driver_bells_close(struct sheaf_driver_bells *bells);

#endif
