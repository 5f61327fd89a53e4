/* SPDX-License-Identifier: MIT */
/* session.c - see session.h; the numbers are its invariants. */
#include "driver/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver/methods.h"
#include "driver/sandbox.h"

#define IMAGES_MAX 256

/* The calls that are more than a method; each returns the answer's result. */

static int on_start(struct sheaf_driver_session *s, struct sheaf_message *m, int fd)
{
	const char *reason;
	int io;

	(void)fd;
	if (s->started || m->values[2] > IMAGES_MAX)
		return -EPROTO;
	if (m->values[0] != SHEAF_DRIVER_API)
		sheaf_driver_error("the host speaks version %llu of the interface, this driver %u",
				   (unsigned long long)m->values[0], s->driver->api);
	s->start.slots = (uint32_t)m->values[1];
	s->start.image_count = (uint32_t)m->values[2];
	s->images = calloc(s->start.image_count + 1, sizeof(*s->images));
	s->image_store = calloc(s->start.image_count + 1, sizeof(*s->image_store));
	if (!s->images || !s->image_store)
		return -ENOMEM;
	s->start.images = s->images;
	io = sheaf_loop_probe(m->values[3] == SHEAF_IO_SYNC ? SHEAF_IO_SYNC : SHEAF_IO_AUTO,
			      &reason);
	s->workers.io = (enum sheaf_io_backend)io;
	s->started = true;
	m->values[0] = s->driver->api;
	m->values[4] = s->resize ? SHEAF_CAN_RESIZE : 0;
	snprintf(m->text, sizeof(m->text), "%s", s->driver->name);
	return 0;
}

/* text: the serial, a blank, the path. */
static int on_image(struct sheaf_driver_session *s, struct sheaf_message *m, int fd)
{
	struct sheaf_session_image *image;

	if (!s->started || s->created || s->images_here >= s->start.image_count ||
	    m->values[0] != s->images_here || strnlen(m->text, 18) < 18 || m->text[16] != ' ') {
		close(fd);
		return -EPROTO;
	}
	image = &s->image_store[s->images_here];
	image->path = strdup(m->text + 17);
	if (!image->path) {
		close(fd);
		return -ENOMEM;
	}
	memcpy(image->serial, m->text, 16);
	s->images[s->images_here++] = (struct sheaf_driver_image){
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

static int on_create(struct sheaf_driver_session *s, struct sheaf_message *m, int fd)
{
	int r;

	(void)m, (void)fd;
	if (!s->started || s->created || s->images_here != s->start.image_count)
		return -EPROTO;
	r = s->driver->create(&s->start, &s->controller);
	s->created = r >= 0;
	s->workers.controller = s->controller;
	return r > 0 ? 0 : r;
}

static int on_initialize(struct sheaf_driver_session *s, struct sheaf_message *m, int fd)
{
	int r;

	(void)m, (void)fd;
	if (!s->created || s->initialized)
		return -EPROTO;
	r = s->driver->ops->initialize_controller(s->controller);
	s->initialized = r == 0;
	return r;
}

static int on_map_data_area(struct sheaf_driver_session *s, struct sheaf_message *m, int fd)
{
	const struct sheaf_region_geometry geometry = {
		.slots = m->values[0] <= SHEAF_SLOTS_MAX ? (uint32_t)m->values[0] : 0,
		.lanes = m->values[1] <= SHEAF_FAR_QUEUES_MAX * SHEAF_FAR_WORKERS_MAX ? (uint32_t)m->values[1] : 0,
		.buffer_bytes = m->values[2],
	};
	const struct sheaf_region_geometry *g = &s->region.geometry;
	int r;

	if (s->mapped || geometry.lanes == 0) {
		close(fd);
		return -EPROTO;
	}
	r = sheaf_region_adopt(fd, &geometry, &s->region);
	if (r == 0)
		r = sheaf_view_map(&s->region, &s->view);
	if (r < 0)
		return r;
	s->mapped = true;
	/* All slots are the host's at first. */
	for (uint32_t i = 0; i < g->slots; i++)
		sheaf_view_give(&s->view, i);
	return s->driver->ops->map_data_area(s->controller, s->view.data,
					     g->slots * g->buffer_stride, g->buffer_bytes);
}

static int on_map_buffers(struct sheaf_driver_session *s, struct sheaf_message *m, int fd)
{
	const struct sheaf_controller_ops *ops = s->driver->ops;

	(void)fd;
	if (!s->mapped || m->values[0] != s->region.geometry.slots)
		return -EPROTO;
	if (!ops->map_bundled_parallel_task_command_and_response_buffers)
		return -EOPNOTSUPP;
	int r = ops->map_bundled_parallel_task_command_and_response_buffers(
		s->controller, s->view.commands, s->view.responses, (uint32_t)m->values[0]);

	return r > 0 ? -EOPNOTSUPP : r; /* any non-zero declines */
}

static int on_start_controller(struct sheaf_driver_session *s, struct sheaf_message *m, int fd)
{
	(void)m, (void)fd;
	return s->mapped ? s->driver->ops->start_controller(s->controller) : -EPROTO;
}

static int on_queue(struct sheaf_driver_session *s, struct sheaf_message *m, int fd)
{
	if (s->mapped)
		return sheaf_workers_add_queue(&s->workers, m->values[0], m->values[1], m->values[2], fd);
	close(fd);
	return -EPROTO;
}

static int on_worker(struct sheaf_driver_session *s, struct sheaf_message *m, int fd)
{
	return sheaf_workers_add(&s->workers, m->values[0], m->values[1], fd);
}

static int on_run(struct sheaf_driver_session *s, struct sheaf_message *m, int fd)
{
	int r;

	(void)fd;
	if (!sheaf_workers_can_run(&s->workers))
		return -EPROTO;
	/* Before the threads, which inherit it. */
	r = sheaf_sandbox_enter((enum sheaf_sandbox)m->values[1]);
	return r < 0 ? r : sheaf_workers_run(&s->workers);
}

static int on_resize(struct sheaf_driver_session *s, struct sheaf_message *m, int fd)
{
	struct sheaf_driver_image *image;
	int r;

	(void)fd;
	if (!s->resize)
		return -EOPNOTSUPP;
	if (m->values[0] >= s->images_here)
		return -EPROTO;
	image = &s->images[m->values[0]];
	if (m->values[1] == 0 || m->values[1] % image->block_size ||
	    m->values[1] > INT64_MAX - image->offset || m->values[2] == 0 ||
	    m->values[2] > (SHEAF_RESIZE_STORE | SHEAF_RESIZE_LU))
		return -EINVAL;
	r = s->resize(s->controller, (uint32_t)m->values[0], m->values[1], (unsigned)m->values[2]);
	if (r == 0)
		image->bytes = m->values[1];
	return r;
}

static int on_stop(struct sheaf_driver_session *s, struct sheaf_message *m, int fd)
{
	(void)m, (void)fd;
	sheaf_workers_stop(&s->workers);
	if (s->initialized)
		s->driver->ops->stop(s->controller);
	if (s->created)
		s->driver->destroy(s->controller);
	s->initialized = s->created = false;
	s->ended = true;
	return 0;
}

/* All others are methods. */
struct handler {
	int (*handle)(struct sheaf_driver_session *s, struct sheaf_message *m, int fd);
	bool early; /* also before initialize_controller (1) */
};

static const struct handler handlers[SHEAF_CALLS] = {
	[SHEAF_CALL_START] = { on_start, true },
	[SHEAF_CALL_IMAGE] = { on_image, true },
	[SHEAF_CALL_CREATE] = { on_create, true },
	[SHEAF_CALL_INITIALIZE_CONTROLLER] = { on_initialize, true },
	[SHEAF_CALL_MAP_DATA_AREA] = { on_map_data_area, false },
	[SHEAF_CALL_MAP_BUFFERS] = { on_map_buffers, false },
	[SHEAF_CALL_START_CONTROLLER] = { on_start_controller, false },
	[SHEAF_CALL_QUEUE] = { on_queue, false },
	[SHEAF_CALL_WORKER] = { on_worker, false },
	[SHEAF_CALL_RUN] = { on_run, false },
	[SHEAF_CALL_STOP] = { on_stop, true },
	[SHEAF_CALL_RESIZE] = { on_resize, false },
};

void sheaf_driver_session_answer(struct sheaf_driver_session *s, struct sheaf_message *m, int fd)
{
	const struct handler *handler = &handlers[m->call];
	sheaf_driver_method method = sheaf_driver_methods[m->call];

	if (handler->handle && (handler->early || s->initialized)) {
		m->result = handler->handle(s, m, fd);
		return;
	}
	if (fd >= 0)
		close(fd);
	m->result = method && s->initialized ? method(s->driver->ops, s->controller, m->values) : -EPROTO;
}

void sheaf_driver_session_init(struct sheaf_driver_session *s, const struct sheaf_driver *driver,
			       sheaf_driver_resize resize)
{
	*s = (struct sheaf_driver_session){ .driver = driver, .resize = resize, .region.fd = -1 };
	s->workers.ops = driver->ops;
	s->workers.view = &s->view;
}

void sheaf_driver_session_deinit(struct sheaf_driver_session *s)
{
	sheaf_workers_deinit(&s->workers);
	for (uint32_t i = 0; i < s->images_here; i++) {
		close(s->images[i].fd);
		free(s->image_store[i].path);
	}
	free(s->images);
	free(s->image_store);
	sheaf_view_unmap(&s->view);
	sheaf_region_destroy(&s->region);
}
