/* SPDX-License-Identifier: MIT */
/**
 * driver_remote.h - a controller table whose methods are messages to a driver in another process
 *
 * So that the host's bring-up is one code path: host.c calls the table, and what a method of the far side answers is checked by
 * host.c as every controller's answers are. A method that is not answered in time fails with -ETIMEDOUT, one whose process
 * is gone with -EPIPE, one that is answered with what cannot be with -EPROTO.
 *
 *   1. One request at a time: the lock guards the channel. It is never taken for a task.
 *   2. Every wait has a limit: bring_up_ms, for task management management_ms. An answer that comes later is dropped by its number.
 *   3. Methods that run on loops (process_*, end_of_turn, create_context) are not here: they run in the other process.
 */
#ifndef SHEAF_DRIVER_REMOTE_H
#define SHEAF_DRIVER_REMOTE_H

#include <pthread.h>

#include <sheaf/controller.h>

#include "seam/channel.h"
#include "seam/region.h"

#define SHEAF_DRIVER_NAME_MAX 32

struct sheaf_remote {
	struct sheaf_controller_ops ops; /* the table; its name is the driver's */
	char name[SHEAF_DRIVER_NAME_MAX];
	pthread_mutex_t lock; /* guards what follows */
	int fd;		      /* of the channel; -1: there is no driver */
	int pidfd;	      /* readable: nobody is going to answer any more; -1: unknown */
	uint32_t number;
	const struct sheaf_region *region;
	int bring_up_ms, management_ms;
};

void sheaf_remote_init(struct sheaf_remote *remote);
void sheaf_remote_deinit(struct sheaf_remote *remote);
/** A driver is at the other end of @fd, or (-1, -1) is not any more. Both descriptors stay the caller's. Thread: any. */
void sheaf_remote_connect(struct sheaf_remote *remote, int fd, int pidfd);

/**
 * sheaf_remote_call() - one request and its answer
 * @message: values and text are the request's, then the answer's.  @passed_fd: goes along, stays the caller's; -1: none.
 * Thread: any but one that must not wait for bring_up_ms.
 * Return: the answer's result (0 or a negative errno), or as above.
 */
int sheaf_remote_call(struct sheaf_remote *remote, enum sheaf_call call,
		      struct sheaf_message *message, int passed_fd);

/** For struct sheaf_host_options: @controller is the remote. */
void sheaf_remote_use_region(void *controller, const struct sheaf_region *region);
/** Is @name a plain word that may stand in messages and stats.json? */
bool sheaf_driver_name_is_plain(const char *name);

#endif
