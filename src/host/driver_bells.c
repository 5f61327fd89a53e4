/* SPDX-License-Identifier: MIT */
/* driver_bells.c - see driver_bells.h */
#include "host/driver_bells.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/queue.h"

static int make(int **ret_bells, uint32_t *ret_count, uint32_t count)
{
	int *bells = calloc(count, sizeof(int));

	if (!bells)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		bells[i] = -1;
	*ret_bells = bells;
	*ret_count = count;
	for (uint32_t i = 0; i < count; i++) {
		bells[i] = sheaf_bell_make();
		if (bells[i] < 0)
			return bells[i];
	}
	return 0;
}

int sheaf_driver_bells_make(struct sheaf_driver_bells *bells, struct sheaf_host *host)
{
	uint32_t queues = host->options.queues;
	int r;

	bells->listening = calloc(queues, sizeof(*bells->listening));
	if (!bells->listening)
		return -ENOMEM;
	r = make(&bells->queues, &bells->queue_count, queues);
	if (r == 0)
		r = make(&bells->workers, &bells->worker_count, host->workers);
	for (uint32_t i = 0; r == 0 && i < queues; i++)
		for (uint32_t w = 0; w < host->workers; w++)
			sheaf_queue_attach_worker(host->queues[i], w, bells->workers[w]);
	return r;
}

void sheaf_driver_bells_listen(struct sheaf_driver_bells *bells, uint32_t queue, struct sheaf_loop *loop)
{
	sheaf_bell_listen(&bells->listening[queue], loop, bells->queues[queue]);
}

static void close_all(int *bells, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (bells[i] >= 0)
			close(bells[i]);
	free(bells);
}

void sheaf_driver_bells_close(struct sheaf_driver_bells *bells)
{
	close_all(bells->queues, bells->queue_count);
	close_all(bells->workers, bells->worker_count);
	free(bells->listening);
}
