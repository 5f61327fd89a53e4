/* SPDX-License-Identifier: MIT */
/**
 * session.h - what a driver's process has from its host, and its answers to the host's messages (seam/channel.h)
 *
 *   1. The host says what comes next. What comes out of order is answered with -EPROTO and does nothing.
 *   2. Only what came from the host is used: descriptors of images, the region, doorbells. Nothing is opened.
 *
 * Thread: the main one, for all of it.
 */
#ifndef SHEAF_DRIVER_SESSION_H
#define SHEAF_DRIVER_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include <sheaf/driver.h>

#include "driver/process.h"
#include "driver/workers.h"
#include "seam/channel.h"
#include "seam/region.h"

/** What the driver's struct sheaf_driver_image points to. */
struct sheaf_session_image {
	char *path;
	char serial[17];
};

struct sheaf_driver_session {
	const struct sheaf_driver *driver;
	sheaf_driver_resize resize; /* or NULL */
	struct sheaf_driver_start start;
	struct sheaf_driver_image *images; /* as the driver sees them */
	struct sheaf_session_image *image_store;
	uint32_t images_here;
	void *controller;
	bool started, created, initialized, mapped;
	struct sheaf_region region;
	struct sheaf_view view;
	struct sheaf_workers workers;
	bool ended; /* by STOP */
};

/** Nothing has come yet. start.argc and start.argv are set by the caller. */
void sheaf_driver_session_init(struct sheaf_driver_session *session, const struct sheaf_driver *driver,
			       sheaf_driver_resize resize);
/** Do what @m says, and make the answer of it. @fd: came with it, taken; -1: none did. */
void sheaf_driver_session_answer(struct sheaf_driver_session *session, struct sheaf_message *m, int fd);
/** After STOP. */
void sheaf_driver_session_deinit(struct sheaf_driver_session *session);

#endif
