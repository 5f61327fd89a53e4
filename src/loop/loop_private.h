/* SPDX-License-Identifier: MIT */
/**
 * loop_private.h - what loop.c and its two back ends share
 *
 * loop.c owns the turn, the hooks, the timers and three lists; a back end turns the list of started operations
 * into system calls and brings results back. The way of an operation:
 *
 *   started --submit()--> with the kernel, the poll set or the helper pool --> its result
 *   result --reap()--> done()                     (io_uring: a completion entry)
 *   result --> ready --run_ready() in loop.c--> done()   (sync back end, helpers, timers, sheaf_loop_ready())
 *
 *   1. An operation is on one list at most, by its `next`.
 *   2. `started` is first in, first out; what a full ring refuses stays on it and keeps the loop awake.
 *   3. All here belongs to the loop's thread, but for `owner` and `stop` (atomic) and the pool (helper_pool.c).
 */
#ifndef SHEAF_LOOP_PRIVATE_H
#define SHEAF_LOOP_PRIVATE_H

#include "loop.h"

#include "helper_pool.h"
#include "op_list.h"

#include <liburing.h>
#include <poll.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

/* Room for a file's own command in an SQE of 128 bytes. */
#define SHEAF_LOOP_COMMAND_MAX 80

struct sheaf_loop_backend {
	int (*init)(struct sheaf_loop *loop, unsigned entries);
	void (*deinit)(struct sheaf_loop *loop);
	/* By the thread that owns the loop from now on. */
	int (*claim)(struct sheaf_loop *loop);
	/* Around sheaf_loop_run(), by the owner. Optional. */
	void (*run_begin)(struct sheaf_loop *loop);
	void (*run_end)(struct sheaf_loop *loop);
	/* Run done() of what is complete; true if some of it is left for the next turn. Optional. */
	bool (*reap)(struct sheaf_loop *loop);
	/* Submit `started`; then, with @may_sleep, wait for a completion or the first timer. 0 or -errno: fatal. */
	int (*submit)(struct sheaf_loop *loop, bool may_sleep);
	void (*ring_doorbell)(struct sheaf_loop *loop, int doorbell_fd);
	/* Optional. */
	void (*cancel)(struct sheaf_loop *loop, struct sheaf_op *op);
	/* Nothing waits to be submitted or reaped, and nothing comes before the next submit(). */
	bool (*is_still)(const struct sheaf_loop *loop);
	/* Of late, files' operations took longer than their submission. Optional. */
	bool (*awaits_files)(const struct sheaf_loop *loop);
};

struct sheaf_loop_uring {
	struct io_uring ring;
	bool fd_registered;
	/* The last descriptors that inline_expected() looked at, one of each kind; -1: none. */
	int inline_fd;
	int other_fd;
	unsigned file_ops; /* reads, writes and the like of files: submitted, and not completed */
	unsigned paced;	   /* reaps that are still to be short, see loop_uring.c, 6 */
};

struct sheaf_loop_sync {
	struct sheaf_op_list waiting; /* POLL_IN and READV_WHEN_READY, in the order of pollfds */
	unsigned waiting_count;
	struct pollfd *pollfds;
	unsigned pollfd_capacity;
};

struct sheaf_loop {
	const struct sheaf_loop_backend *backend;
	enum sheaf_io_backend backend_kind;
	int doorbell_fd;
	_Atomic uintptr_t owner; /* 0: nobody yet */
	atomic_bool stop;
	bool in_turn;
	bool in_hook;
	bool busy; /* the next turn does not sleep */
	int fatal; /* -errno that every turn returns from now on */
	uint64_t now_ns;

	struct sheaf_op_list started;
	struct sheaf_op_list ready;
	struct sheaf_op *timers; /* sorted; op->offset is the deadline */
	struct sheaf_loop_hook *hooks;
	struct sheaf_helper_pool *pool; /* NULL until the first use */
	_Atomic(struct sheaf_op *) posted; /* by other threads, the last one first */

	struct sheaf_op doorbell; /* reads doorbell_fd, always in flight */
	struct iovec doorbell_iov;
	uint64_t doorbell_value;
	bool doorbell_by_poll;

	union {
		struct sheaf_loop_uring uring;
		struct sheaf_loop_sync sync;
	};
	_Alignas(64) struct sheaf_loop_stats stats;
};

extern const struct sheaf_loop_backend sheaf_loop_backend_uring;
extern const struct sheaf_loop_backend sheaf_loop_backend_sync;

/* 0 where a ring with all we need can be made, else -errno and why. */
int sheaf_loop_uring_probe(const char **ret_reason);

/* For the back ends: a result that is here already; done() comes from the ready list. */
static inline void sheaf_loop_op_ready(struct sheaf_loop *loop, struct sheaf_op *op, int result)
{
	op->result = result;
	sheaf_op_list_append(&loop->ready, op);
}

/* For the back ends: hand @op to the helper pool. Its result may be here at once when there is no thread to be had. */
void sheaf_loop_op_help(struct sheaf_loop *loop, struct sheaf_op *op);

/* For the back ends: ring a doorbell by a call. */
void sheaf_loop_write_doorbell(struct sheaf_loop *loop, int doorbell_fd);

/* True if there is a timer; *ret_left is the time from now to it, or zero. */
bool sheaf_loop_time_left(const struct sheaf_loop *loop, struct timespec *ret_left);

#endif
