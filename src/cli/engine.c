/* SPDX-License-Identifier: MIT */
/* engine.c - see engine.h */
#include "cli/engine.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/counter.h"
#include "base/log.h"
#include "cli/engine_process.h"
#include "cli/placement.h"
#include "host/recover.h"
#include "loop/priority.h"

/* More front loops than this compete for requests more than they serve. */
#define FRONTS_AUTO_MAX 4
/* Operations of a front loop at a time: a read, a reply and an image access a slot. */
#define OPS_PER_SLOT 2
/* At the end reads are taken back, which is a wish (see sheaf_loop_cancel()), so it is waited for a second and not for ever. */
#define REST_TRIES   1000
#define REST_WAIT_US 1000
/* What each step of escalation gets, if the user does not say: a part of the timeout. */
#define GRACE_PARTS 6

static void name_thread(const char *kind, unsigned index)
{
	char name[16];

	snprintf(name, sizeof(name), "%s-%u", kind, index % 1000);
	pthread_setname_np(pthread_self(), name);
}

static void *worker_main(void *arg)
{
	struct sheaf_engine_loop *w = arg;
	struct sheaf_priority priority;
	int r = 0;

	name_thread("sheaf-work", w->index);
	sheaf_priority_init(&priority);
	while (r == 0 && !atomic_load(&w->engine->workers_stop)) {
		r = sheaf_loop_turn(w->loop, true);
		sheaf_priority_turn(&priority, w->loop);
	}
	sheaf_priority_finish(&priority);
	if (r < 0)
		sheaf_error("worker %u: %s", w->index, strerror(-r));
	return NULL;
}

/* What was written since the last sync, before the process goes. */
static void final_sync(struct sheaf_engine *engine, struct sheaf_queue *queue)
{
	struct sheaf_disks *disks = &engine->fuse->disks;

	for (unsigned i = 0; i < disks->count; i++) {
		struct sheaf_disk_file *file = &disks->files[i];

		if (file->unit.read_only ||
		    atomic_load(&file->written_count) == atomic_load(&file->synced_count))
			continue;
		if (sheaf_synchronize_unit(queue, &file->unit) < 0) {
			sheaf_error("%s: the last flush failed", file->image);
			atomic_store(&engine->sync_error, -EIO);
		}
	}
}

/* What was answered in the last turn is sent, and no read of /dev/fuse holds a slot any more. 0 or -errno: the loop is broken. */
static int come_to_rest(struct sheaf_engine_loop *f)
{
	int r = sheaf_loop_turn(f->loop, false);

	sheaf_transport_pause(f->fq);
	for (unsigned tries = 0; r == 0 && f->fq->reads_out > 0 && tries < REST_TRIES; tries++) {
		r = sheaf_loop_turn(f->loop, false);
		if (tries > 0)
			usleep(REST_WAIT_US);
	}
	return r;
}

static void *front_main(void *arg)
{
	struct sheaf_engine_loop *f = arg;
	struct sheaf_engine *engine = f->engine;
	struct sheaf_queue *queue = engine->host->queues[f->index];
	struct sheaf_placement placement;
	struct sheaf_priority priority;
	int r = 0;

	name_thread("sheaf-front", f->index);
	if (engine->process)
		sheaf_life_listen(engine->process->life, f->index, f->loop);
	if (f->index == 0) {
		sheaf_queue_set_running(queue, true);
		engine->unit_count = sheaf_probe(queue, engine->units);
		sheaf_queue_set_running(queue, false);
		sem_post(&engine->probed);
	}
	while (sem_wait(&engine->go) < 0)
		;
	if (engine->cancelled)
		return NULL;
	sheaf_placement_init(&placement, &engine->placement_group);
	sheaf_priority_init(&priority);
	sheaf_trim_init(&f->trim, &engine->trim_group, f->fq);
	sheaf_fuse_queue_start(f->fq);
	sheaf_queue_set_running(queue, true);
	while (r == 0 && !(atomic_load(&engine->fuse->ended) && f->fq->active == 0)) {
		r = sheaf_loop_turn(f->loop, true);
		sheaf_trim_turn(&f->trim);
		sheaf_placement_turn(&placement, f->fq);
		sheaf_priority_turn(&priority, f->loop);
	}
	if (r == 0)
		r = come_to_rest(f);
	sheaf_queue_set_running(queue, false);
	sheaf_priority_finish(&priority);
	if (r < 0) {
		sheaf_error("front loop %u: %s", f->index, strerror(-r));
		atomic_store(&engine->fuse->ended, true);
		sheaf_engine_wake(engine);
	}
	pthread_barrier_wait(&engine->drained);
	if (f->index != 0)
		return NULL;
	sheaf_queue_set_running(queue, true);
	final_sync(engine, queue);
	sheaf_queue_set_running(queue, false);
	return NULL;
}

static int start_thread(struct sheaf_engine_loop *l, void *(*run)(void *))
{
	int r = pthread_create(&l->thread, NULL, run, l);

	l->running = r == 0;
	return -r;
}

static unsigned online_cpus(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : (unsigned)n;
}

static void choose_counts(struct sheaf_engine *engine)
{
	const struct sheaf_serve_options *o = engine->options;
	unsigned cpus = online_cpus();

	engine->front_count = o->loops ? o->loops : cpus < FRONTS_AUTO_MAX ? cpus : FRONTS_AUTO_MAX;
	if (engine->front_count > o->slots)
		engine->front_count = o->slots;
	/* Fused measured faster for files (doc/results): no hand-over, and one io_uring for all. */
	engine->worker_count = o->workers < 0 || sheaf_engine_wants_process(o) ? 0 : (unsigned)o->workers;
}

static int make_loops(struct sheaf_engine *engine, struct sheaf_engine_loop *loops, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		int r = sheaf_loop_create(engine->io, engine->options->slots * OPS_PER_SLOT,
					  &loops[i].loop);

		loops[i].engine = engine;
		loops[i].index = i;
		if (r < 0) {
			sheaf_error("cannot make a loop: %s", strerror(-r));
			return r;
		}
	}
	return 0;
}

static int make_context(struct sheaf_engine *engine, struct sheaf_engine_loop *l)
{
	struct sheaf_host *host = engine->host;
	int r = sheaf_context_create(host->options.ops, host->options.controller,
				     &host->controller_view, host->bundled, l->loop, &l->context);

	if (r < 0)
		sheaf_error("controller %s: create_context failed: %s", host->options.ops->name,
			    strerror(-r));
	return r;
}

static int connect_fused(struct sheaf_engine *engine)
{
	for (unsigned i = 0; i < engine->front_count; i++) {
		struct sheaf_engine_loop *f = &engine->fronts[i];
		struct sheaf_queue *queue = engine->host->queues[i];
		int r = make_context(engine, f);

		if (r < 0)
			return r;
		struct sheaf_request_port port = sheaf_context_request_port(f->context);

		sheaf_context_attach_port(f->context, sheaf_queue_completion_port(queue));
		sheaf_queue_attach(queue, f->loop, NULL, &port);
	}
	return 0;
}

static int connect_pool(struct sheaf_engine *engine)
{
	struct sheaf_host *host = engine->host;

	for (unsigned i = 0; i < engine->front_count; i++)
		sheaf_queue_attach(host->queues[i], engine->fronts[i].loop, NULL, NULL);
	for (unsigned w = 0; w < engine->worker_count; w++) {
		struct sheaf_engine_loop *worker = &engine->workers[w];
		int r = make_context(engine, worker);

		if (r == 0)
			r = sheaf_context_attach_lanes(worker->context, engine->front_count);
		if (r < 0)
			return r;
		for (unsigned i = 0; i < engine->front_count; i++) {
			struct sheaf_queue *queue = host->queues[i];

			sheaf_context_open_lane(worker->context, i,
						sheaf_host_lane_index(host, i, w),
						queue->first_slot, queue->slot_count,
						sheaf_loop_doorbell_fd(engine->fronts[i].loop));
			sheaf_queue_attach_worker(queue, w, sheaf_loop_doorbell_fd(worker->loop));
		}
	}
	return 0;
}

/* Entries of FUSE-over-io_uring keep their slots, so those that stand in for a slot in quarantine come on top. */
static unsigned spare_slots(const struct sheaf_engine *engine)
{
	unsigned spares = sheaf_fuse_ring_spares(engine->options->slots) + engine->front_count;

	if (!engine->fuse->want_uring || engine->options->slots + spares > SHEAF_SLOTS_MAX)
		return 0;
	return spares;
}

static int make_host(struct sheaf_engine *engine)
{
	const struct sheaf_serve_options *o = engine->options;
	struct sheaf_host_options host_options = {
		.ops = engine->images->ops,
		.controller = engine->images->controller,
		.slots = o->slots + spare_slots(engine),
		.queues = engine->front_count,
		.workers = engine->worker_count,
		.fit_queues = o->loops == 0,
		.fit_workers = o->workers < 0,
		.buffer_bytes = SHEAF_MAX_WRITE + SHEAF_BUFFER_MARGIN,
		.bundle_max = (uint16_t)o->bundle_max,
		.single_mode = o->single_mode,
		.timeout_ms = o->timeout_ms,
		.grace_ms = o->grace_ms < 0 ? o->timeout_ms / GRACE_PARTS : (uint32_t)o->grace_ms,
		.violations_max = o->violations_max,
	};

	int r = sheaf_engine_wants_process(o) ? sheaf_engine_start_process(engine, &host_options) : 0;

	if (r == 0)
		r = sheaf_host_create(&host_options, &engine->host);

	if (r < 0)
		return r;
	/* A controller may take fewer loops and slots than we would have. */
	engine->front_count = engine->host->options.queues;
	engine->worker_count = engine->host->workers;
	if (engine->fuse->want_uring && o->transport == SHEAF_TRANSPORT_AUTO &&
	    !sheaf_fuse_ring_fits(engine->host->slots, engine->front_count)) {
		engine->fuse->want_uring = false;
		engine->fuse->transport_reason =
			"FUSE-over-io_uring wants a slot for each CPU, more than the driver takes";
	}
	return 0;
}

/* What there is one of for each loop. */
static int make_arrays(struct sheaf_engine *engine)
{
	sheaf_trim_group_init(&engine->trim_group, engine->images, engine->front_count);
	pthread_barrier_init(&engine->drained, NULL, engine->front_count);
	engine->fronts = calloc(engine->front_count, sizeof(*engine->fronts));
	engine->workers = calloc(engine->worker_count + 1, sizeof(*engine->workers));
	engine->units = calloc(SHEAF_LUNS_MAX, sizeof(*engine->units));
	return engine->fronts && engine->workers && engine->units ? 0 : -ENOMEM;
}

static int connect_loops(struct sheaf_engine *engine)
{
	if (engine->process)
		return sheaf_engine_connect_process(engine);
	return engine->worker_count ? connect_pool(engine) : connect_fused(engine);
}

static int start_and_probe(struct sheaf_engine *engine)
{
	int r = 0;

	for (unsigned w = 0; r == 0 && w < engine->worker_count; w++)
		r = start_thread(&engine->workers[w], worker_main);
	for (unsigned i = 0; r == 0 && i < engine->front_count; i++)
		r = start_thread(&engine->fronts[i], front_main);
	if (r < 0) {
		sheaf_error("cannot start a thread: %s", strerror(-r));
		return r;
	}
	while (sem_wait(&engine->probed) < 0)
		;
	if (engine->unit_count < 0) {
		sheaf_error("controller %s: no disk answered", engine->host->options.ops->name);
		return engine->unit_count;
	}
	return 0;
}

/* What rules FUSE-over-io_uring out before the kernel is asked. Whoever asked for it gets the error later. */
static void choose_transport(struct sheaf_engine *engine)
{
	struct sheaf_fuse *fuse = engine->fuse;

	if (engine->io == SHEAF_IO_SYNC) {
		fuse->want_uring = false;
		fuse->transport_reason = "no io_uring";
	} else if (fuse->want_uring && engine->options->transport == SHEAF_TRANSPORT_AUTO &&
		   !sheaf_fuse_ring_fits(engine->options->slots, engine->front_count)) {
		fuse->want_uring = false;
		fuse->transport_reason =
			"FUSE-over-io_uring wants a slot for each CPU, see --slots";
	}
}

int sheaf_engine_start(struct sheaf_engine *engine, const struct sheaf_serve_options *options,
		       struct sheaf_images *images, struct sheaf_fuse *fuse)
{
	struct timespec now;
	int r;

	memset(engine, 0, sizeof(*engine));
	clock_gettime(CLOCK_MONOTONIC, &now);
	engine->start_seconds = now.tv_sec;
	engine->options = options;
	engine->images = images;
	engine->fuse = fuse;
	sheaf_resize_init(&engine->resize, engine);
	sem_init(&engine->probed, 0, 0);
	sem_init(&engine->go, 0, 0);
	choose_counts(engine);
	sheaf_placement_group_init(&engine->placement_group);
	r = sheaf_loop_probe(options->io, &engine->io_reason);
	if (r < 0) {
		sheaf_error("--io=uring: %s", engine->io_reason);
	} else {
		engine->io = (enum sheaf_io_backend)r;
		choose_transport(engine);
		if (options->io == SHEAF_IO_AUTO && engine->io == SHEAF_IO_SYNC)
			sheaf_warning("%s; going on with synchronous calls", engine->io_reason);
		r = make_host(engine);
	}
	if (r == 0)
		r = make_arrays(engine);
	if (r == 0)
		r = make_loops(engine, engine->fronts, engine->front_count);
	if (r == 0)
		r = make_loops(engine, engine->workers, engine->worker_count);
	if (r == 0)
		r = connect_loops(engine);
	if (r == 0)
		r = start_and_probe(engine);
	if (r < 0) {
		engine->cancelled = true;
		sheaf_engine_finish(engine);
	}
	return r;
}

/* Each loop reads its own clone; over io_uring only loop 0 reads, what does not come through the ring. */
static void open_device(struct sheaf_fuse *fuse, struct sheaf_fuse_queue *fq, unsigned index)
{
	if (index == 0) {
		fq->fd = fuse->device_fd;
		return;
	}
	if (fuse->over_uring)
		return;
	fq->fd = sheaf_session_clone(fuse);
	if (fq->fd < 0) {
		/* No right to open the device (mounted by fusermount3): share one. */
		sheaf_debug("/dev/fuse: no clone for loop %u: %s", index, strerror(-fq->fd));
		fq->fd = fuse->device_fd;
	}
}

int sheaf_engine_go(struct sheaf_engine *engine)
{
	struct sheaf_fuse *fuse = engine->fuse;

	for (unsigned i = 0; i < engine->front_count; i++) {
		struct sheaf_engine_loop *f = &engine->fronts[i];
		int r = sheaf_fuse_queue_create(fuse, engine->host->queues[i], f->loop, &f->fq);

		if (r == 0 && fuse->over_uring)
			r = sheaf_fuse_ring_create(f->fq, i, engine->front_count);
		if (r < 0)
			return r;
		open_device(fuse, f->fq, i);
	}
	for (unsigned i = 0; i < engine->front_count; i++)
		sem_post(&engine->go);
	return 0;
}

void sheaf_engine_wake(struct sheaf_engine *engine)
{
	for (unsigned i = 0; i < engine->front_count; i++)
		sheaf_loop_wake(engine->fronts[i].loop);
}

static void join(struct sheaf_engine_loop *loops, unsigned count)
{
	for (unsigned i = 0; loops && i < count; i++)
		if (loops[i].running)
			pthread_join(loops[i].thread, NULL);
}

static void free_loops(struct sheaf_engine_loop *loops, unsigned count)
{
	/* All loops first: what one has in flight may point into another's share of the mount. */
	for (unsigned i = 0; loops && i < count; i++)
		sheaf_loop_free(loops[i].loop);
	for (unsigned i = 0; loops && i < count; i++) {
		sheaf_context_free(loops[i].context);
		sheaf_fuse_queue_free(loops[i].fq);
	}
	free(loops);
}

int sheaf_engine_finish(struct sheaf_engine *engine)
{
	if (engine->cancelled)
		for (unsigned i = 0; i < engine->front_count; i++)
			sem_post(&engine->go);
	sheaf_resize_end(&engine->resize); /* what it waits for is what loops and driver still do */
	join(engine->fronts, engine->front_count);
	atomic_store(&engine->workers_stop, true);
	for (unsigned w = 0; engine->workers && w < engine->worker_count; w++)
		if (engine->workers[w].running)
			sheaf_loop_wake(engine->workers[w].loop);
	join(engine->workers, engine->worker_count);
	sheaf_engine_end_process(engine);
	free_loops(engine->fronts, engine->front_count);
	free_loops(engine->workers, engine->worker_count);
	sheaf_host_free(engine->host);
	sheaf_engine_free_process(engine);
	free(engine->units);
	sem_destroy(&engine->probed);
	sem_destroy(&engine->go);
	if (engine->fronts)
		pthread_barrier_destroy(&engine->drained);
	return atomic_load(&engine->sync_error);
}
