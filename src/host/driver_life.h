/* SPDX-License-Identifier: MIT */
/**
 * driver_life.h - the life of a driver in a process of its own: started, watched, fenced off, replaced
 *
 *             start_driver()              it dies, or is to be replaced              the fence
 *   STARTING ---------------> UP ------------------------------------> DYING ---------------------+
 *      ^                                                                                          |
 *      |   again, after a while, up to --driver-restarts times without a task done                v
 *      +----------------------------------------------------------------------------------- RESTARTING
 *                                                                        that often          |
 *                                                        FAILED <----------------------------+
 *
 * A thread of its own does all of it. The host's queues are told by events (recover.h).
 *
 *   1. The fence. Nothing of a driver is taken back, and no other one started, before its pidfd is readable (all threads are
 *      gone) and every image's open file description that it had is gone (driver_image.h). The end of its socket says nothing.
 *      A driver that does not die keeps what it has; its tasks end by their deadlines.
 *   2. The thread starts the driver and is there until it is gone: the driver is killed when its parent thread ends.
 *   3. A driver that dies without having completed a task since it came counts against the limit; one that has worked does not.
 *   4. Region, queues and slots stay. Lanes are fresh, and the driver gets everything anew; it may have other ids, not fewer slots.
 */
#ifndef SHEAF_DRIVER_LIFE_H
#define SHEAF_DRIVER_LIFE_H

#include "host/driver_setup.h"
#include "host/host.h"
#include "loop/loop.h"

struct sheaf_life;

enum sheaf_life_state {
	SHEAF_LIFE_STARTING,
	SHEAF_LIFE_UP,
	SHEAF_LIFE_DYING,
	SHEAF_LIFE_RESTARTING,
	SHEAF_LIFE_FAILED,
};

/** For stats.json; a moment's. */
struct sheaf_life_info {
	enum sheaf_life_state state;
	int pid; /* 0: none right now */
	uint64_t restarts, last_restart_ms;
	uint64_t
		refused; /* new drivers that did not take over, so that the one before came again */
};

/**
 * sheaf_life_create() - start the driver and make its controller, so that the host can bring it up
 * @options: stays the caller's and must outlive the life, but command, which is copied.
 * Errors are reported here. Return: 0; -errno: the driver is not there.
 */
int sheaf_life_create(const struct sheaf_life_options *options, struct sheaf_life **ret_life);
/** What struct sheaf_host_options wants: controller, and its table. */
struct sheaf_remote *sheaf_life_remote(struct sheaf_life *life);

/**
 * sheaf_life_connect() - after sheaf_host_create(): doorbells, contexts, and the driver's loops run; from here on it is watched
 * Return: 0 or -errno, reported.
 */
int sheaf_life_connect(struct sheaf_life *life, struct sheaf_host *host);
/** Wake @loop, of queue @queue, when the driver rings. Thread: the loop's. */
void sheaf_life_listen(struct sheaf_life *life, uint32_t queue, struct sheaf_loop *loop);

/**
 * sheaf_life_replace() - another driver, please; returns at once
 * @command: from now on; NULL: the same.  @why: for the log.
 * @drain: by a user's wish: no task is handed over any more, and those that are out may end first, for a limited time.
 * Thread: any. Return: 0 it will be done; -EBUSY: it is being done; -EINVAL, -ENOMEM.
 */
int sheaf_life_replace(struct sheaf_life *life, const char *command, const char *why, bool drain);

/** Can the driver that is there right now have an image of another size? True while there is none. Thread: any. */
bool sheaf_life_can_resize(struct sheaf_life *life);
/**
 * sheaf_life_resize() - the disk of image @index has @bytes from now on, with this driver and with all that come after it
 * @parts: SHEAF_RESIZE_* of seam/channel.h, in the order that is said there.
 * While a driver is being replaced it waits; one that dies over it, or does not answer, is replaced by one that begins with the new size.
 * Thread: none of the loops'; one at a time. Return: 0; -EOPNOTSUPP: this driver cannot; -ECANCELED: the mount ends; another
 * -errno of the driver's. All but 0: the size is as it was.
 */
int sheaf_life_resize(struct sheaf_life *life, unsigned index, uint64_t bytes, unsigned parts);

struct sheaf_life_info sheaf_life_info(struct sheaf_life *life);

/** The queues' loops have ended: stop the driver, or kill it; no new one is started. Waits for it. */
void sheaf_life_end(struct sheaf_life *life);
/** After sheaf_life_end() and sheaf_host_free(), and when no loop listens any more. NULL is allowed; returns NULL. */
struct sheaf_life *sheaf_life_free(struct sheaf_life *life);

#endif
