/* SPDX-License-Identifier: MIT */
/* driver_setup.c - see driver_setup.h */
#include "host/driver_setup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sheaf/driver.h>

#include "base/log.h"
#include "host/queue.h"

void sheaf_driver_setup_init(struct sheaf_driver_setup *setup, const struct sheaf_life_options *options)
{
	setup->options = options;
	sheaf_remote_init(&setup->remote);
}

void sheaf_driver_setup_deinit(struct sheaf_driver_setup *setup)
{
	sheaf_remote_deinit(&setup->remote);
}

const char *sheaf_driver_setup_name(const struct sheaf_driver_setup *setup)
{
	return setup->named ? setup->remote.name : setup->called;
}

static int failed(struct sheaf_driver_setup *setup, enum sheaf_call call, int error)
{
	sheaf_error("driver %s: %s failed: %s", sheaf_driver_setup_name(setup), sheaf_call_name(call),
		    error == -ETIMEDOUT ? "no answer in time"
		    : error == -EPIPE	? "its process ended"
		    : error == -EPROTO	? "the answer is none"
					: strerror(-error));
	return error;
}

static int call(struct sheaf_driver_setup *setup, enum sheaf_call what, struct sheaf_message *m, int fd)
{
	int r = sheaf_remote_call(&setup->remote, what, m, fd);

	return r < 0 ? failed(setup, what, r) : 0;
}

static int say_start(struct sheaf_driver_setup *setup)
{
	struct sheaf_message m = { .values = { SHEAF_DRIVER_API, setup->options->slots,
					       setup->options->file_count,
					       (uint64_t)setup->options->io } };
	int r = call(setup, SHEAF_CALL_START, &m, -1);

	if (r < 0)
		return r;
	if (m.values[0] != SHEAF_DRIVER_API) {
		sheaf_error("driver %s was built for version %llu of the interface, this is %u",
			    sheaf_driver_setup_name(setup), (unsigned long long)m.values[0], SHEAF_DRIVER_API);
		return -EPROTO;
	}
	if (!sheaf_driver_name_is_plain(m.text))
		return failed(setup, SHEAF_CALL_START, -EPROTO);
	if (strcmp(setup->remote.name, m.text) != 0)
		strcpy(setup->remote.name, m.text);
	setup->named = true;
	atomic_store(&setup->can_resize, (m.values[4] & SHEAF_CAN_RESIZE) != 0);
	return 0;
}

static int say_image(struct sheaf_driver_setup *setup, unsigned index)
{
	struct sheaf_driver_file *file = &setup->options->files[index];
	struct sheaf_message m = {
		.values = { index, file->offset_bytes, file->size_bytes, file->block_size,
			    (file->read_only ? SHEAF_IMAGE_READ_ONLY : 0) |
				    (file->direct ? SHEAF_IMAGE_DIRECT : 0),
			    (uint64_t)(int64_t)file->flush_error },
	};
	int fd = sheaf_driver_file_open(file), r;

	if (fd < 0) {
		sheaf_error("%s: cannot be opened for the driver: %s", file->path, strerror(-fd));
		return fd;
	}
	snprintf(m.text, sizeof(m.text), "%s %s", file->serial, file->path);
	r = call(setup, SHEAF_CALL_IMAGE, &m, fd);
	close(fd); /* the driver's is the only one: see sheaf_driver_file_is_free() */
	return r;
}

int sheaf_driver_setup_create(struct sheaf_driver_setup *setup, const struct sheaf_driver_process *process)
{
	struct sheaf_message m = { 0 };
	int r;

	sheaf_remote_connect(&setup->remote, process->channel, process->pidfd);
	r = say_start(setup);
	for (unsigned i = 0; r == 0 && i < setup->options->file_count; i++)
		r = say_image(setup, i);
	return r < 0 ? r : call(setup, SHEAF_CALL_CREATE, &m, -1);
}

static int say_queues(struct sheaf_driver_setup *setup, const struct sheaf_host *host,
		      const struct sheaf_driver_bells *bells)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < host->options.queues; i++) {
		const struct sheaf_queue *queue = host->queues[i];
		struct sheaf_message m = { .values = { i, queue->first_slot, queue->slot_count } };

		r = call(setup, SHEAF_CALL_QUEUE, &m, bells->queues[i]);
	}
	return r;
}

int sheaf_driver_setup_run(struct sheaf_driver_setup *setup, const struct sheaf_host *host,
			   const struct sheaf_driver_bells *bells)
{
	struct sheaf_message m;
	int r = say_queues(setup, host, bells);

	for (uint32_t w = 0; r == 0 && w < host->workers; w++) {
		m = (struct sheaf_message){ .values = { w, host->bundled } };
		r = call(setup, SHEAF_CALL_WORKER, &m, bells->workers[w]);
	}
	m = (struct sheaf_message){ .values = { host->workers,
						setup->options->rights.sandbox } };
	return r < 0 ? r : call(setup, SHEAF_CALL_RUN, &m, -1);
}
