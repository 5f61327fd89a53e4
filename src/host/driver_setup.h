/* SPDX-License-Identifier: MIT */
/**
 * driver_setup.h - what a driver's process is told before tasks go to it, in the channel's order (seam/channel.h)
 *
 * START, IMAGE, CREATE before the host's bring-up; QUEUE, WORKER, RUN after it. The same for the first driver and for each that comes
 * after it. What fails is reported here.
 */
#ifndef SHEAF_DRIVER_SETUP_H
#define SHEAF_DRIVER_SETUP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "host/driver_bells.h"
#include "host/driver_image.h"
#include "host/driver_remote.h"
#include "host/driver_spawn.h"
#include "host/host.h"
#include "loop/loop.h"

struct sheaf_life_options {
	const char *command;	 /* --driver: words; NULL: one that connects to */
	const char *socket_path; /* --driver-socket */
	struct sheaf_driver_rights rights;
	unsigned restarts; /* in a row, without a task done */
	struct sheaf_driver_file *files;
	unsigned file_count;
	enum sheaf_io_backend io;
	uint32_t slots; /* that the host would like */
};

/** Thread: the one that starts drivers, but for what is atomic. */
struct sheaf_driver_setup {
	const struct sheaf_life_options *options;
	struct sheaf_remote remote;
	const char *called;	 /* what was started, until it has said its name */
	bool named;		 /* remote.name is that of the process that is there */
	_Atomic bool can_resize; /* the driver that is there */
};

void sheaf_driver_setup_init(struct sheaf_driver_setup *setup, const struct sheaf_life_options *options);
void sheaf_driver_setup_deinit(struct sheaf_driver_setup *setup);
/** For people: its name, or while it has not said that, what was started. */
const char *sheaf_driver_setup_name(const struct sheaf_driver_setup *setup);

/** Connect with @process and have it make its controller, ready for the host's bring-up. 0 or -errno. */
int sheaf_driver_setup_create(struct sheaf_driver_setup *setup, const struct sheaf_driver_process *process);
/** The host was brought up: lanes, doorbells, and the driver's loops run. 0 or -errno. */
int sheaf_driver_setup_run(struct sheaf_driver_setup *setup, const struct sheaf_host *host,
			   const struct sheaf_driver_bells *bells);

#endif
