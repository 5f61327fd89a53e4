/* SPDX-License-Identifier: MIT */
/* workers.c - see workers.h; the numbers are its invariants. */
#include "driver/workers.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sheaf/driver.h>

#include "base/counter.h"
#include "driver/context.h"
#include "loop/priority.h"
#include "seam/bell.h"

/* Operations of a worker at a time: an image access a slot, and one more for a flush behind it. */
#define OPS_PER_SLOT 2

struct sheaf_worker {
	struct sheaf_workers *workers;
	unsigned index;
	int bell_fd; /* what the host rings */
	struct sheaf_bell bell;
	struct sheaf_loop *loop;
	struct sheaf_context *context;
	pthread_t thread;
	bool has_thread;
};

/*
 * What the host shows of this loop: its counters on top of those that the driver before this one left there. They are all of one type,
 * and nobody decides anything by them.
 */
static_assert(sizeof(struct sheaf_loop_stats) <= SHEAF_REGION_STATS_BYTES, "room for all");
#define STATS (sizeof(struct sheaf_loop_stats) / sizeof(uint64_t))

static void read_stats(const _Atomic uint64_t *from, uint64_t to[STATS])
{
	for (unsigned i = 0; i < STATS; i++)
		to[i] = sheaf_count_get(&from[i]);
}

static void publish_stats(const struct sheaf_worker *w, const uint64_t before[STATS])
{
	_Atomic uint64_t *shared = sheaf_view_worker_stats(w->workers->view, w->index);
	uint64_t own[STATS];

	read_stats((const _Atomic uint64_t *)sheaf_loop_stats(w->loop), own);
	for (unsigned i = 0; i < STATS; i++)
		atomic_store_explicit(&shared[i], before[i] + own[i], memory_order_relaxed);
}

static void *worker_main(void *arg)
{
	struct sheaf_worker *w = arg;
	struct sheaf_priority priority;
	uint64_t before[STATS];
	char name[16];
	int r = 0;

	snprintf(name, sizeof(name), "sheaf-work-%u", w->index % 1000);
	pthread_setname_np(pthread_self(), name);
	sheaf_priority_init(&priority);
	sheaf_bell_listen(&w->bell, w->loop, w->bell_fd);
	read_stats(sheaf_view_worker_stats(w->workers->view, w->index), before);
	while (r == 0 && !atomic_load(&w->workers->stop)) {
		r = sheaf_loop_turn(w->loop, true);
		sheaf_priority_turn(&priority, w->loop);
		publish_stats(w, before);
	}
	sheaf_priority_finish(&priority);
	if (r < 0) {
		sheaf_driver_error("worker %u: %s", w->index, strerror(-r));
		_exit(1); /* the host starts another one; half a driver would leave its tasks to their deadlines */
	}
	return NULL;
}

int sheaf_workers_add_queue(struct sheaf_workers *ws, uint64_t index, uint64_t first, uint64_t count, int bell_fd)
{
	uint32_t slots = ws->view->geometry.slots;

	if (ws->list || index != ws->queue_count || index >= SHEAF_FAR_QUEUES_MAX || first > slots ||
	    count == 0 || count > slots - first) {
		close(bell_fd);
		return -EPROTO;
	}
	ws->queues[ws->queue_count++] = (struct sheaf_far_queue){
		.bell_fd = bell_fd,
		.first_slot = (uint16_t)first,
		.slot_count = (uint16_t)count,
	};
	return 0;
}

/* (1) */
static void make_list(struct sheaf_workers *ws)
{
	uint32_t lanes = ws->view->geometry.lanes;

	if (ws->list || ws->queue_count == 0 || lanes % ws->queue_count)
		return;
	ws->count = lanes / ws->queue_count;
	ws->list = calloc(ws->count, sizeof(*ws->list));
}

static int make_worker(struct sheaf_worker *w, bool bundled)
{
	const struct sheaf_workers *ws = w->workers;
	int r = sheaf_loop_create(ws->io, ws->view->geometry.slots * OPS_PER_SLOT, &w->loop);

	if (r == 0)
		r = sheaf_context_create(ws->ops, ws->controller, ws->view, bundled, w->loop, &w->context);
	if (r == 0)
		r = sheaf_context_attach_lanes(w->context, ws->queue_count);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < ws->queue_count; i++)
		sheaf_context_open_lane(w->context, i, i * ws->count + w->index, ws->queues[i].first_slot,
					ws->queues[i].slot_count, ws->queues[i].bell_fd);
	return 0;
}

int sheaf_workers_add(struct sheaf_workers *ws, uint64_t index, bool bundled, int bell_fd)
{
	struct sheaf_worker *w;

	make_list(ws);
	if (!ws->list || index != ws->here || index >= ws->count) {
		close(bell_fd);
		return ws->list ? -EPROTO : -ENOMEM;
	}
	/* A host that cannot know takes the answer for it. */
	if (!bundled && !ws->ops->process_parallel_task) {
		close(bell_fd);
		return -EOPNOTSUPP;
	}
	w = &ws->list[ws->here];
	w->workers = ws;
	w->index = ws->here++;
	w->bell_fd = bell_fd;
	return make_worker(w, bundled);
}

bool sheaf_workers_can_run(const struct sheaf_workers *ws)
{
	return ws->here > 0 && ws->here == ws->count && !ws->running;
}

int sheaf_workers_run(struct sheaf_workers *ws)
{
	int r = 0;

	assert(sheaf_workers_can_run(ws));
	ws->running = true;
	for (unsigned i = 0; r == 0 && i < ws->count; i++) {
		r = -pthread_create(&ws->list[i].thread, NULL, worker_main, &ws->list[i]);
		ws->list[i].has_thread = r == 0;
	}
	return r;
}

void sheaf_workers_stop(struct sheaf_workers *ws)
{
	atomic_store(&ws->stop, true);
	for (unsigned i = 0; i < ws->here; i++) {
		if (!ws->list[i].has_thread)
			continue;
		sheaf_loop_wake(ws->list[i].loop);
		pthread_join(ws->list[i].thread, NULL);
		ws->list[i].has_thread = false;
	}
	for (unsigned i = 0; i < ws->here; i++)
		ws->list[i].loop = sheaf_loop_free(ws->list[i].loop);
	for (unsigned i = 0; i < ws->here; i++)
		ws->list[i].context = sheaf_context_free(ws->list[i].context);
}

void sheaf_workers_deinit(struct sheaf_workers *ws)
{
	for (unsigned i = 0; i < ws->here; i++)
		close(ws->list[i].bell_fd);
	free(ws->list);
	for (unsigned i = 0; i < ws->queue_count; i++)
		close(ws->queues[i].bell_fd);
}
