/* SPDX-License-Identifier: MIT */
/**
 * driver_wishes.h - what others ask of the thread that watches over a driver: another driver, a disk of another size
 *
 * One wish of each kind at a time. A wish wakes the thread; so does sheaf_wishes_wake(), for flags that are kept elsewhere.
 */
#ifndef SHEAF_DRIVER_WISHES_H
#define SHEAF_DRIVER_WISHES_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

struct sheaf_wish_replace {
	bool there, drain;
	char *command; /* or NULL */
	char why[128];
};

struct sheaf_wish_resize {
	bool there;
	unsigned index, parts;
	uint64_t bytes;
	int result;
	sem_t *done;
};

struct sheaf_wishes {
	int event_fd;	      /* readable: look */
	pthread_mutex_t lock; /* guards what follows */
	struct sheaf_wish_replace replace;
	struct sheaf_wish_resize resize;
	bool ended; /* nobody looks at wishes any more */
};

/** 0 or -errno; deinit after both. */
int sheaf_wishes_init(struct sheaf_wishes *wishes);
void sheaf_wishes_deinit(struct sheaf_wishes *wishes);
/** Thread: any. */
void sheaf_wishes_wake(struct sheaf_wishes *wishes);

/** As sheaf_life_replace(). Thread: any. */
int sheaf_wishes_replace(struct sheaf_wishes *wishes, const char *command, const char *why, bool drain);
/** As sheaf_life_resize(): waits until it is answered. Thread: any but the one that answers, one at a time. */
int sheaf_wishes_resize(struct sheaf_wishes *wishes, unsigned index, uint64_t bytes, unsigned parts);

/* The thread's: */

/** True: there was one. @ret->command is the caller's. */
bool sheaf_wishes_take_replace(struct sheaf_wishes *wishes, struct sheaf_wish_replace *ret);
/** True: there was one, to be answered. */
bool sheaf_wishes_take_resize(struct sheaf_wishes *wishes, struct sheaf_wish_resize *ret);
void sheaf_wishes_answer_resize(struct sheaf_wishes *wishes, const struct sheaf_wish_resize *wish, int result);
/** From here on a resize is -ECANCELED; one that waits is still to be taken. */
void sheaf_wishes_end(struct sheaf_wishes *wishes);

#endif
