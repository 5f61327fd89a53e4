/* SPDX-License-Identifier: MIT */
/**
 * engine.h - the loops of a mount: their threads, and what runs on each
 *
 * A front loop has a host queue and a share of the mount; fused, the controller's context too. A worker loop has
 * a context only, and a lane from each front loop.
 *
 *   start: make loops, host and contexts; start threads; front loop 0 probes the disks. Then the caller mounts, and
 *   go:    front loops begin to read requests. They run until fuse.ended and nothing is in flight; then
 *          front loop 0 syncs what was written, and all end.
 */
#ifndef SHEAF_ENGINE_H
#define SHEAF_ENGINE_H

#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#include "cli/images.h"
#include "cli/placement.h"
#include "cli/resize.h"
#include "cli/serve.h"
#include "cli/trim.h"
#include "driver/context.h"
#include "fuse/fuse.h"
#include "host/host.h"

struct sheaf_engine;
struct sheaf_engine_process;

struct sheaf_engine_loop {
	struct sheaf_engine *engine;
	unsigned index;
	struct sheaf_loop *loop;
	struct sheaf_context *context; /* worker, or fused front loop */
	struct sheaf_fuse_queue *fq;   /* front loop */
	struct sheaf_trim trim;	       /* front loop */
	pthread_t thread;
	bool running;
};

struct sheaf_engine {
	const struct sheaf_serve_options *options;
	struct sheaf_images *images;
	struct sheaf_host *host;
	struct sheaf_fuse *fuse;
	enum sheaf_io_backend io;
	const char *io_reason;
	time_t start_seconds; /* CLOCK_MONOTONIC */
	unsigned front_count, worker_count; /* workers of this process */
	struct sheaf_engine_loop *fronts, *workers;
	struct sheaf_unit *units;
	int unit_count; /* or -errno of the probe */
	struct sheaf_trim_group trim_group;
	struct sheaf_placement_group placement_group;
	sem_t probed, go;
	pthread_barrier_t drained;
	struct sheaf_engine_process *process; /* the driver's, NULL: the controller runs in this process */
	struct sheaf_resize resize;
	bool cancelled;		    /* go was posted to end, not to serve */
	_Atomic bool workers_stop;
	_Atomic int sync_error; /* of the last sync */
};

/** Loops, host, threads; the disks are in engine->units when it returns 0. Errors are reported here. */
int sheaf_engine_start(struct sheaf_engine *engine, const struct sheaf_serve_options *options,
		       struct sheaf_images *images, struct sheaf_fuse *fuse);
/** After the mount: give each front loop its device and let it run. 0 or -errno. */
int sheaf_engine_go(struct sheaf_engine *engine);
/** The connection ended: wake all front loops. Thread: any. */
void sheaf_engine_wake(struct sheaf_engine *engine);
/** Wait for all threads and free. Return: 0, or -EIO when the last sync failed. */
int sheaf_engine_finish(struct sheaf_engine *engine);

/** Text of stats.json; malloc'ed. Thread: any, while the engine runs. */
char *sheaf_engine_stats(void *engine, size_t *ret_length);
/** Text of why.json, the same way; also while loops stand still. */
char *sheaf_engine_why(void *engine, size_t *ret_length);
/** Text of metrics, the same way. */
char *sheaf_engine_metrics(void *engine, size_t *ret_length);

#endif
