/* SPDX-License-Identifier: MIT */
/**
 * resize.h - the server's part of sheaf resize: a disk's image, logical unit, file and driver get another size
 *
 * A thread of its own does it, since all of it may wait: for the image's filesystem, for tasks, for the driver. Who asked looks
 * into stats.json for the end ("resize"), by the ticket that it came with.
 *
 *   growth:     image (durably), store, LU, file, kernel
 *   shrinking:  file, requests past the end, LU, tasks that are out, store, image, kernel; a step that fails undoes those before it
 *
 * At any moment the file is no longer than the LU, the LU than the store, the store than the image; so whatever is killed when,
 * nobody is promised blocks that are not there, and who comes next finds one size.
 */
#ifndef SHEAF_CLI_RESIZE_H
#define SHEAF_CLI_RESIZE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define SHEAF_RESIZE_MESSAGE 512

struct sheaf_engine;

/** What was asked for. */
struct sheaf_resize_wish {
	uint64_t ticket; /* whatever the asker takes */
	unsigned index;	 /* of the disk */
	uint64_t bytes;	 /* 0: what the image has */
	bool force;	 /* it may shrink */
};

struct sheaf_resize {
	struct sheaf_engine *engine;
	pthread_mutex_t lock; /* guards what follows */
	pthread_t thread;
	bool has_thread, running;
	struct sheaf_resize_wish wish; /* the last one */
	int result;
	char message[SHEAF_RESIZE_MESSAGE]; /* of one that failed */
};

void sheaf_resize_init(struct sheaf_resize *resize, struct sheaf_engine *engine);
/** Wait for one that runs; none begins any more that would be waited for. Before the loops have ended. */
void sheaf_resize_end(struct sheaf_resize *resize);

/** Is this line of .sheaf/control one for here? */
bool sheaf_resize_is_meant(const char *text);
/**
 * sheaf_resize_begin() - "resize TICKET DISK BYTES [force]", all in decimal
 * Thread: any; returns at once. Return: 0: it will be done; -EBUSY: one runs; -EINVAL: not such a line; -errno.
 */
int sheaf_resize_begin(struct sheaf_resize *resize, const char *text);

/** For stats.json: the last one. */
struct sheaf_resize_info {
	uint64_t ticket;
	const char *state; /* "none", "running", "done", "failed" */
	char message[SHEAF_RESIZE_MESSAGE];
};
void sheaf_resize_look(struct sheaf_resize *resize, struct sheaf_resize_info *ret);

#endif
