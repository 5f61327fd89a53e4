/* SPDX-License-Identifier: MIT */
/*
 * process.c - sheaf_driver_main(): a driver's process, from the first message of its host to the last
 *
 *   main thread     serves the channel (seam/channel.h): a request, a method of the driver's, an answer. So task management is
 *                   answered while the loops are busy.
 *   worker threads  a loop with a context each (context.h): the tasks.
 *
 *   1. The host says what comes next. What comes out of order is answered with -EPROTO and does nothing.
 *   2. The end of the channel, and SIGTERM, end the process at once: what its tasks have become is not known here, and the host
 *      issues again what was not answered. Only after STOP are contexts and controller taken down in order.
 *   3. Only what came from the host is used: descriptors of images, the region, doorbells. Nothing is opened.
 */
#include <sheaf/driver.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/counter.h"
#include "driver/context.h"
#include "driver/process.h"
#include "driver/sandbox.h"
#include "driver/table.h"
#include "loop/loop.h"
#include "loop/priority.h"
#include "seam/bell.h"
#include "seam/channel.h"
#include "seam/region.h"

#define QUEUES_MAX  64
#define WORKERS_MAX 64
#define IMAGES_MAX  256
/* Operations of a worker at a time: an image access a slot, and one more for a flush behind it. */
#define OPS_PER_SLOT 2

struct image {
	struct sheaf_driver_image image;
	char *path;
	char serial[17];
};

struct queue {
	int bell_fd; /* of the host's loop; -1: not there yet */
	uint16_t first_slot, slot_count;
};

struct process;

struct worker {
	struct process *process;
	unsigned index;
	int bell_fd; /* what the host rings */
	struct sheaf_bell bell;
	struct sheaf_loop *loop;
	struct sheaf_context *context;
	pthread_t thread;
	bool running;
};

struct process {
	const struct sheaf_driver *driver;
	sheaf_driver_resize resize; /* or NULL */
	int fd;			    /* the channel */
	struct sheaf_driver_start start;
	struct sheaf_driver_image *images; /* as the driver sees them */
	struct image *image_store;
	uint32_t images_here;
	enum sheaf_io_backend io;
	void *controller;
	bool started, created, initialized, mapped;
	struct sheaf_region region;
	struct sheaf_view view;
	struct queue queues[QUEUES_MAX];
	unsigned queue_count;
	struct worker *workers;
	unsigned worker_count, workers_here;
	_Atomic bool workers_stop;
	bool ended; /* by STOP */
};

/* --- the loops --- */

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

static void publish_stats(const struct worker *w, const uint64_t before[STATS])
{
	_Atomic uint64_t *shared = sheaf_view_worker_stats(&w->process->view, w->index);
	uint64_t own[STATS];

	read_stats((const _Atomic uint64_t *)sheaf_loop_stats(w->loop), own);
	for (unsigned i = 0; i < STATS; i++)
		atomic_store_explicit(&shared[i], before[i] + own[i], memory_order_relaxed);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct sheaf_priority priority;
	uint64_t before[STATS];
	char name[16];
	int r = 0;

	snprintf(name, sizeof(name), "sheaf-work-%u", w->index % 1000);
	pthread_setname_np(pthread_self(), name);
	sheaf_priority_init(&priority);
	sheaf_bell_listen(&w->bell, w->loop, w->bell_fd);
	read_stats(sheaf_view_worker_stats(&w->process->view, w->index), before);
	while (r == 0 && !atomic_load(&w->process->workers_stop)) {
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

static void stop_workers(struct process *p)
{
	atomic_store(&p->workers_stop, true);
	for (unsigned i = 0; i < p->workers_here; i++) {
		if (!p->workers[i].running)
			continue;
		sheaf_loop_wake(p->workers[i].loop);
		pthread_join(p->workers[i].thread, NULL);
		p->workers[i].running = false;
	}
	for (unsigned i = 0; i < p->workers_here; i++)
		p->workers[i].loop = sheaf_loop_free(p->workers[i].loop);
	for (unsigned i = 0; i < p->workers_here; i++)
		p->workers[i].context = sheaf_context_free(p->workers[i].context);
}

/* --- the calls; each returns the answer's result --- */

static int on_start(struct process *p, struct sheaf_message *m, int fd)
{
	const char *reason;
	int io;

	(void)fd;
	if (p->started || m->values[2] > IMAGES_MAX)
		return -EPROTO;
	if (m->values[0] != SHEAF_DRIVER_API)
		sheaf_driver_error("the host speaks version %llu of the interface, this driver %u",
				   (unsigned long long)m->values[0], p->driver->api);
	p->start.slots = (uint32_t)m->values[1];
	p->start.image_count = (uint32_t)m->values[2];
	p->images = calloc(p->start.image_count + 1, sizeof(*p->images));
	p->image_store = calloc(p->start.image_count + 1, sizeof(*p->image_store));
	if (!p->images || !p->image_store)
		return -ENOMEM;
	p->start.images = p->images;
	io = sheaf_loop_probe(m->values[3] == SHEAF_IO_SYNC ? SHEAF_IO_SYNC : SHEAF_IO_AUTO,
			      &reason);
	p->io = (enum sheaf_io_backend)io;
	p->started = true;
	m->values[0] = p->driver->api;
	m->values[4] = p->resize ? SHEAF_CAN_RESIZE : 0;
	snprintf(m->text, sizeof(m->text), "%s", p->driver->name);
	return 0;
}

/* text: the serial, a blank, the path. */
static int on_image(struct process *p, struct sheaf_message *m, int fd)
{
	struct image *image;

	if (!p->started || p->created || p->images_here >= p->start.image_count ||
	    m->values[0] != p->images_here || strnlen(m->text, 18) < 18 || m->text[16] != ' ') {
		close(fd);
		return -EPROTO;
	}
	image = &p->image_store[p->images_here];
	image->path = strdup(m->text + 17);
	if (!image->path) {
		close(fd);
		return -ENOMEM;
	}
	memcpy(image->serial, m->text, 16);
	p->images[p->images_here++] = (struct sheaf_driver_image){
		.path = image->path,
		.fd = fd,
		.read_only = m->values[4] & SHEAF_IMAGE_READ_ONLY,
		.direct = m->values[4] & SHEAF_IMAGE_DIRECT,
		.offset = m->values[1],
		.bytes = m->values[2],
		.block_size = (uint32_t)m->values[3],
		.serial = image->serial,
		.flush_error = (int)(int64_t)m->values[5],
	};
	return 0;
}

static int on_create(struct process *p, struct sheaf_message *m, int fd)
{
	int r;

	(void)m, (void)fd;
	if (!p->started || p->created || p->images_here != p->start.image_count)
		return -EPROTO;
	r = p->driver->create(&p->start, &p->controller);
	p->created = r >= 0;
	return r > 0 ? 0 : r;
}

static int on_initialize(struct process *p, struct sheaf_message *m, int fd)
{
	int r;

	(void)m, (void)fd;
	if (!p->created || p->initialized)
		return -EPROTO;
	r = p->driver->ops->initialize_controller(p->controller);
	p->initialized = r == 0;
	return r;
}

static int on_report_initiator(struct process *p, struct sheaf_message *m, int fd)
{
	(void)fd;
	return p->driver->ops->report_initiator_identifier(p->controller, &m->values[0]);
}

static int on_report_highest_id(struct process *p, struct sheaf_message *m, int fd)
{
	(void)fd;
	return p->driver->ops->report_highest_supported_device_id(p->controller, &m->values[0]);
}

static int on_report_tasks(struct process *p, struct sheaf_message *m, int fd)
{
	uint32_t count = 0;
	int r = p->driver->ops->report_maximum_task_count(p->controller, &count);

	(void)fd;
	m->values[0] = count;
	return r;
}

static int on_report_contexts(struct process *p, struct sheaf_message *m, int fd)
{
	uint32_t count = 1;
	int r = 0;

	(void)fd;
	if (p->driver->ops->report_maximum_context_count)
		r = p->driver->ops->report_maximum_context_count(p->controller, &count);
	m->values[0] = count;
	return r;
}

static int on_map_data_area(struct process *p, struct sheaf_message *m, int fd)
{
	const struct sheaf_region_geometry geometry = {
		.slots = m->values[0] <= SHEAF_SLOTS_MAX ? (uint32_t)m->values[0] : 0,
		.lanes = m->values[1] <= QUEUES_MAX * WORKERS_MAX ? (uint32_t)m->values[1] : 0,
		.buffer_bytes = m->values[2],
	};
	const struct sheaf_region_geometry *g = &p->region.geometry;
	int r;

	if (p->mapped || geometry.lanes == 0) {
		close(fd);
		return -EPROTO;
	}
	r = sheaf_region_adopt(fd, &geometry, &p->region);
	if (r == 0)
		r = sheaf_view_map(&p->region, &p->view);
	if (r < 0)
		return r;
	p->mapped = true;
	/* All slots are the host's at first. */
	for (uint32_t i = 0; i < g->slots; i++)
		sheaf_view_give(&p->view, i);
	return p->driver->ops->map_data_area(p->controller, p->view.data,
					     g->slots * g->buffer_stride, g->buffer_bytes);
}

static int on_map_hba_data(struct process *p, struct sheaf_message *m, int fd)
{
	uint32_t id = 0;
	int r = p->driver->ops->map_hba_data(p->controller, &id);

	(void)fd;
	m->values[0] = id;
	return r;
}

static int on_map_buffers(struct process *p, struct sheaf_message *m, int fd)
{
	const struct sheaf_controller_ops *ops = p->driver->ops;

	(void)fd;
	if (!p->mapped || m->values[0] != p->region.geometry.slots)
		return -EPROTO;
	if (!ops->map_bundled_parallel_task_command_and_response_buffers)
		return -EOPNOTSUPP;
	int r = ops->map_bundled_parallel_task_command_and_response_buffers(
		p->controller, p->view.commands, p->view.responses, (uint32_t)m->values[0]);

	return r > 0 ? -EOPNOTSUPP : r; /* any non-zero declines */
}

static int on_start_controller(struct process *p, struct sheaf_message *m, int fd)
{
	(void)m, (void)fd;
	return p->mapped ? p->driver->ops->start_controller(p->controller) : -EPROTO;
}

static int on_device_management(struct process *p, struct sheaf_message *m, int fd)
{
	bool answer = false;
	int r = 0;

	(void)fd;
	if (p->driver->ops->does_hba_perform_device_management)
		r = p->driver->ops->does_hba_perform_device_management(p->controller, &answer);
	m->values[0] = answer;
	return r;
}

static int on_highest_lun(struct process *p, struct sheaf_message *m, int fd)
{
	(void)fd;
	return p->driver->ops->report_hba_highest_logical_unit_number(p->controller, &m->values[0]);
}

static int on_feature(struct process *p, struct sheaf_message *m, int fd)
{
	bool answer = false;
	int r = 0;

	(void)fd;
	if (p->driver->ops->does_hba_support_scsi_parallel_feature)
		r = p->driver->ops->does_hba_support_scsi_parallel_feature(
			p->controller, (uint32_t)m->values[0], &answer);
	m->values[0] = answer;
	return r;
}

static int on_auto_sense(struct process *p, struct sheaf_message *m, int fd)
{
	bool answer = false;
	int r = 0;

	(void)fd;
	if (p->driver->ops->does_hba_perform_auto_sense)
		r = p->driver->ops->does_hba_perform_auto_sense(p->controller, &answer);
	m->values[0] = answer;
	return r;
}

static int on_multi_pathing(struct process *p, struct sheaf_message *m, int fd)
{
	bool answer = false;
	int r = 0;

	(void)fd;
	if (p->driver->ops->does_hba_support_multi_pathing)
		r = p->driver->ops->does_hba_support_multi_pathing(p->controller, &answer);
	m->values[0] = answer;
	return r;
}

static int on_initialize_target(struct process *p, struct sheaf_message *m, int fd)
{
	(void)fd;
	if (!p->driver->ops->initialize_target_for_id)
		return 0;
	return p->driver->ops->initialize_target_for_id(p->controller, m->values[0]);
}

static int on_queue(struct process *p, struct sheaf_message *m, int fd)
{
	uint32_t slots = p->region.geometry.slots;

	if (!p->mapped || p->workers || m->values[0] != p->queue_count ||
	    p->queue_count >= QUEUES_MAX || m->values[1] > slots || m->values[2] == 0 ||
	    m->values[2] > slots - m->values[1]) {
		close(fd);
		return -EPROTO;
	}
	p->queues[p->queue_count++] = (struct queue){
		.bell_fd = fd,
		.first_slot = (uint16_t)m->values[1],
		.slot_count = (uint16_t)m->values[2],
	};
	return 0;
}

static int make_worker(struct process *p, struct worker *w, bool bundled)
{
	int r = sheaf_loop_create(p->io, p->region.geometry.slots * OPS_PER_SLOT, &w->loop);

	if (r == 0)
		r = sheaf_context_create(p->driver->ops, p->controller, &p->view, bundled, w->loop,
					 &w->context);
	if (r == 0)
		r = sheaf_context_attach_lanes(w->context, p->queue_count);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < p->queue_count; i++)
		sheaf_context_open_lane(w->context, i, i * p->worker_count + w->index,
					p->queues[i].first_slot, p->queues[i].slot_count,
					p->queues[i].bell_fd);
	return 0;
}

static int on_worker(struct process *p, struct sheaf_message *m, int fd)
{
	struct worker *w;

	if (!p->workers && p->queue_count && p->region.geometry.lanes % p->queue_count == 0) {
		p->worker_count = p->region.geometry.lanes / p->queue_count;
		p->workers = calloc(p->worker_count, sizeof(*p->workers));
	}
	if (!p->workers || m->values[0] != p->workers_here || p->workers_here >= p->worker_count) {
		close(fd);
		return p->workers ? -EPROTO : -ENOMEM;
	}
	/* A host that cannot know takes the answer for it. */
	if (!m->values[1] && !p->driver->ops->process_parallel_task) {
		close(fd);
		return -EOPNOTSUPP;
	}
	w = &p->workers[p->workers_here];
	w->process = p;
	w->index = p->workers_here++;
	w->bell_fd = fd;
	return make_worker(p, w, m->values[1]);
}

static int on_run(struct process *p, struct sheaf_message *m, int fd)
{
	int r = 0;

	(void)fd;
	if (p->workers_here == 0 || p->workers_here != p->worker_count || p->workers[0].running)
		return -EPROTO;
	/* Before the threads, which inherit it. */
	r = sheaf_sandbox_enter((enum sheaf_sandbox)m->values[1]);
	for (unsigned i = 0; r == 0 && i < p->worker_count; i++) {
		r = -pthread_create(&p->workers[i].thread, NULL, worker_main, &p->workers[i]);
		p->workers[i].running = r == 0;
	}
	return r;
}

static int on_abort_task(struct process *p, struct sheaf_message *m, int fd)
{
	(void)fd;
	m->values[0] = p->driver->ops->abort_task_request(p->controller, m->values[0], m->values[1],
							  m->values[2]);
	return 0;
}

static int on_abort_task_set(struct process *p, struct sheaf_message *m, int fd)
{
	(void)fd;
	m->values[0] =
		p->driver->ops->abort_task_set_request(p->controller, m->values[0], m->values[1]);
	return 0;
}

static int on_clear_aca(struct process *p, struct sheaf_message *m, int fd)
{
	(void)fd;
	m->values[0] = p->driver->ops->clear_aca_request(p->controller, m->values[0], m->values[1]);
	return 0;
}

static int on_clear_task_set(struct process *p, struct sheaf_message *m, int fd)
{
	(void)fd;
	m->values[0] =
		p->driver->ops->clear_task_set_request(p->controller, m->values[0], m->values[1]);
	return 0;
}

static int on_lu_reset(struct process *p, struct sheaf_message *m, int fd)
{
	(void)fd;
	m->values[0] = p->driver->ops->logical_unit_reset_request(p->controller, m->values[0],
								  m->values[1]);
	return 0;
}

static int on_target_reset(struct process *p, struct sheaf_message *m, int fd)
{
	(void)fd;
	m->values[0] = p->driver->ops->target_reset_request(p->controller, m->values[0]);
	return 0;
}

static int on_resize(struct process *p, struct sheaf_message *m, int fd)
{
	struct sheaf_driver_image *image;
	int r;

	(void)fd;
	if (!p->resize)
		return -EOPNOTSUPP;
	if (m->values[0] >= p->images_here)
		return -EPROTO;
	image = &p->images[m->values[0]];
	if (m->values[1] == 0 || m->values[1] % image->block_size ||
	    m->values[1] > INT64_MAX - image->offset || m->values[2] == 0 ||
	    m->values[2] > (SHEAF_RESIZE_STORE | SHEAF_RESIZE_LU))
		return -EINVAL;
	r = p->resize(p->controller, (uint32_t)m->values[0], m->values[1], (unsigned)m->values[2]);
	if (r == 0)
		image->bytes = m->values[1];
	return r;
}

static int on_stop(struct process *p, struct sheaf_message *m, int fd)
{
	(void)m, (void)fd;
	if (p->workers)
		stop_workers(p);
	if (p->initialized)
		p->driver->ops->stop(p->controller);
	if (p->created)
		p->driver->destroy(p->controller);
	p->initialized = p->created = false;
	p->ended = true;
	return 0;
}

struct handler {
	int (*handle)(struct process *p, struct sheaf_message *m, int fd);
	bool initialized; /* only after initialize_controller (1) */
};

static const struct handler handlers[SHEAF_CALLS] = {
	[SHEAF_CALL_START] = { on_start, false },
	[SHEAF_CALL_IMAGE] = { on_image, false },
	[SHEAF_CALL_CREATE] = { on_create, false },
	[SHEAF_CALL_INITIALIZE_CONTROLLER] = { on_initialize, false },
	[SHEAF_CALL_REPORT_INITIATOR_IDENTIFIER] = { on_report_initiator, true },
	[SHEAF_CALL_REPORT_HIGHEST_SUPPORTED_DEVICE_ID] = { on_report_highest_id, true },
	[SHEAF_CALL_REPORT_MAXIMUM_TASK_COUNT] = { on_report_tasks, true },
	[SHEAF_CALL_REPORT_MAXIMUM_CONTEXT_COUNT] = { on_report_contexts, true },
	[SHEAF_CALL_MAP_DATA_AREA] = { on_map_data_area, true },
	[SHEAF_CALL_MAP_HBA_DATA] = { on_map_hba_data, true },
	[SHEAF_CALL_MAP_BUFFERS] = { on_map_buffers, true },
	[SHEAF_CALL_START_CONTROLLER] = { on_start_controller, true },
	[SHEAF_CALL_DOES_HBA_PERFORM_DEVICE_MANAGEMENT] = { on_device_management, true },
	[SHEAF_CALL_REPORT_HBA_HIGHEST_LOGICAL_UNIT_NUMBER] = { on_highest_lun, true },
	[SHEAF_CALL_DOES_HBA_SUPPORT_SCSI_PARALLEL_FEATURE] = { on_feature, true },
	[SHEAF_CALL_DOES_HBA_PERFORM_AUTO_SENSE] = { on_auto_sense, true },
	[SHEAF_CALL_DOES_HBA_SUPPORT_MULTI_PATHING] = { on_multi_pathing, true },
	[SHEAF_CALL_INITIALIZE_TARGET_FOR_ID] = { on_initialize_target, true },
	[SHEAF_CALL_QUEUE] = { on_queue, true },
	[SHEAF_CALL_WORKER] = { on_worker, true },
	[SHEAF_CALL_RUN] = { on_run, true },
	[SHEAF_CALL_ABORT_TASK_REQUEST] = { on_abort_task, true },
	[SHEAF_CALL_ABORT_TASK_SET_REQUEST] = { on_abort_task_set, true },
	[SHEAF_CALL_CLEAR_ACA_REQUEST] = { on_clear_aca, true },
	[SHEAF_CALL_CLEAR_TASK_SET_REQUEST] = { on_clear_task_set, true },
	[SHEAF_CALL_LOGICAL_UNIT_RESET_REQUEST] = { on_lu_reset, true },
	[SHEAF_CALL_TARGET_RESET_REQUEST] = { on_target_reset, true },
	[SHEAF_CALL_STOP] = { on_stop, false },
	[SHEAF_CALL_RESIZE] = { on_resize, true },
};

static int answer(struct process *p, struct sheaf_message *m, int fd)
{
	const struct handler *handler = &handlers[m->call];

	if (!handler->handle || (handler->initialized && !p->initialized)) {
		if (fd >= 0)
			close(fd);
		m->result = -EPROTO;
	} else {
		m->result = handler->handle(p, m, fd);
	}
	return sheaf_channel_send(p->fd, m, -1);
}

/* --- the process --- */

/* 0: go on; 1: STOP was answered; a negative errno: the host is gone, or it is none. */
static int serve_message(struct process *p)
{
	struct sheaf_message m;
	int fd = -1, r = sheaf_channel_receive(p->fd, &m, &fd);

	if (r <= 0)
		return r;
	r = answer(p, &m, fd);
	return r < 0 ? r : p->ended;
}

static int serve(struct process *p, int signal_fd)
{
	struct pollfd fds[] = { { .fd = p->fd, .events = POLLIN },
				{ .fd = signal_fd, .events = POLLIN } };
	int r = 0;

	while (r == 0) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (fds[1].revents)
			return -EINTR;
		if (fds[0].revents)
			r = serve_message(p);
	}
	return r;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	return fd;
}

/* What `sheaf mount` left for us; it is not for our children. */
static int inherited_channel(void)
{
	const char *text = getenv(SHEAF_CHANNEL_VARIABLE);
	char *end;
	long fd;

	if (!text)
		return -ENOENT;
	fd = strtol(text, &end, 10);
	if (*end || fd < 3 || fd > 65535 || fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
		return -EBADF;
	unsetenv(SHEAF_CHANNEL_VARIABLE);
	return (int)fd;
}

static void print_help(const struct sheaf_driver *driver, FILE *out)
{
	fprintf(out,
		"%s - %s\n\n"
		"A driver of sheaf. It is started by:  sheaf mount --driver='%s ...' [IMAGE...] "
		"DIR\n"
		"or connects to a mount that waits for it (sheaf mount --driver-socket=PATH):\n"
		"  --connect=PATH\n",
		driver->name, driver->summary, program_invocation_name);
}

/* The channel, 0 (help was printed) or a negative errno; takes --connect out of what the driver sees. */
static int read_arguments(struct process *p, int argc, char **argv, char **kept)
{
	static const char word[] = "--connect=";
	const char *path = NULL;
	int n = 0;

	for (int i = 0; i < argc; i++) {
		if (i > 0 && strcmp(argv[i], "--help") == 0) {
			print_help(p->driver, stdout);
			return 0;
		}
		if (i > 0 && strcmp(argv[i], "--version") == 0) {
			printf("%s, interface %u\n", p->driver->name, p->driver->api);
			return 0;
		}
		if (i > 0 && strncmp(argv[i], word, sizeof(word) - 1) == 0)
			path = argv[i] + sizeof(word) - 1;
		else
			kept[n++] = argv[i];
	}
	p->start.argc = n;
	p->start.argv = kept;
	return path ? connect_to(path) : inherited_channel();
}

static int block_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static void free_process(struct process *p)
{
	for (unsigned i = 0; i < p->workers_here; i++)
		close(p->workers[i].bell_fd);
	free(p->workers);
	for (unsigned i = 0; i < p->queue_count; i++)
		close(p->queues[i].bell_fd);
	for (uint32_t i = 0; i < p->images_here; i++) {
		close(p->images[i].fd);
		free(p->image_store[i].path);
	}
	free(p->images);
	free(p->image_store);
	sheaf_view_unmap(&p->view);
	sheaf_region_destroy(&p->region);
	close(p->fd);
}

int sheaf_driver_run(const struct sheaf_driver *driver, sheaf_driver_resize resize, int argc, char **argv)
{
	struct process p = { .driver = driver, .resize = resize, .fd = -1, .region.fd = -1 };
	CLEANUP_FREE char **kept = calloc((size_t)argc + 1, sizeof(char *));
	CLEANUP_CLOSE int signal_fd = -1;
	int r;

	sheaf_driver_set_name(driver->name);
	if (!kept)
		return 1;
	r = read_arguments(&p, argc, argv, kept);
	if (r == 0)
		return 0;
	if (r < 0) {
		sheaf_driver_error(r == -ENOENT ? "is started by sheaf mount --driver; see --help"
						: "cannot reach its host: %s",
				   strerror(-r));
		return r == -ENOENT ? 2 : 1;
	}
	p.fd = r;
	signal_fd = block_signals();
	r = signal_fd < 0 ? signal_fd : serve(&p, signal_fd);
	if (r != 1) {
		if (r != -ECONNRESET && r != -EPIPE && r != -EINTR)
			sheaf_driver_error("the channel to the host: %s", strerror(-r));
		_exit(r == -EPROTO ? 1 : 0); /* (2) */
	}
	free_process(&p);
	return 0;
}

int sheaf_driver_main(const struct sheaf_driver *driver, int argc, char **argv)
{
	return sheaf_driver_run(driver, NULL, argc, argv);
}
