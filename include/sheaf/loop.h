/* SPDX-License-Identifier: MIT */
/**
 * loop.h - timers and asynchronous I/O on the loop that serves a driver's context
 *
 * A loop is a thread with one io_uring (or poll and synchronous calls) that does all its work in turns. sheaf_context_loop() gives a
 * driver the loop of its context; what it starts there is submitted once a turn, together with everybody's, and ends on the same thread.
 *
 *   1. Thread: each function here is called by the loop's own thread: in the hooks of a context, in done().
 *   2. Ownership: a struct sheaf_op belongs to the loop from its start until its done() is entered, and so do iov and data. done() runs
 *      once for each start, during a turn, never inside the call that started the operation.
 *   3. Nothing is allocated per operation: embed the struct sheaf_op in what it works for.
 *   4. There is no error return: what goes wrong is done()'s result, a negative errno.
 *   5. An operation in flight when its context is destroyed is dropped without done(). The host destroys a context when none of its
 *      tasks is in flight; a driver that starts operations of its own beside the tasks must not need their ends.
 *
 * struct sheaf_op has a size and so is part of the binary interface: SHEAF_DRIVER_API grows when it changes.
 */
#ifndef SHEAF_PUBLIC_LOOP_H
#define SHEAF_PUBLIC_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct sheaf_loop;

/**
 * struct sheaf_op - one operation in flight; embed it in what it works for
 * @done: set by the caller before the start. @result: bytes or 0, or a negative errno. It may start the next operation.
 * The other fields are the loop's.
 */
struct sheaf_op {
	void (*done)(struct sheaf_op *op, int result);
	struct sheaf_op *next;
	uint32_t code;
	int fd;
	int flags;
	int result;
	unsigned iov_count;
	const struct iovec *iov;
	uint64_t offset;
	uint64_t length;
	int (*call)(void *arg);
	void *arg;
};

/**
 * sheaf_loop_readv(), sheaf_loop_writev() - a read or a write of @fd
 * @op: op->done is set; all else is filled in here.  @iov: @n of them, the caller's, with their data, until done().
 * @offset: bytes; UINT64_MAX: none (devices, sockets).  @rwf: RWF_DSYNC or 0.
 * Result: bytes that were moved, maybe fewer than asked for; or -errno.
 */
void sheaf_loop_readv(struct sheaf_loop *loop, struct sheaf_op *op, int fd, const struct iovec *iov,
		      unsigned n, uint64_t offset, int rwf);
void sheaf_loop_writev(struct sheaf_loop *loop, struct sheaf_op *op, int fd,
		       const struct iovec *iov, unsigned n, uint64_t offset, int rwf);
/** What was written to @fd and has ended becomes durable. @datasync: fdatasync(2), else fsync(2). Result: 0 or -errno. */
void sheaf_loop_fsync(struct sheaf_loop *loop, struct sheaf_op *op, int fd, bool datasync);
/** fallocate(2): @mode as there, @offset and @length in bytes. Result: 0 or -errno. */
void sheaf_loop_fallocate(struct sheaf_loop *loop, struct sheaf_op *op, int fd, int mode,
			  uint64_t offset, uint64_t length);
/** One shot, when @fd has input. Result: 0, or -errno. */
void sheaf_loop_poll_in(struct sheaf_loop *loop, struct sheaf_op *op, int fd);
/** One shot, after @ns nanoseconds, not before. Result: 0. */
void sheaf_loop_timer(struct sheaf_loop *loop, struct sheaf_op *op, uint64_t ns);
/**
 * sheaf_loop_call() - run @call(@arg) on a helper thread, where it may block (ioctl, lseek, anything)
 * @call: runs at the same time as the loop, so what @arg points to is its alone until done(). Result: what it returned.
 */
void sheaf_loop_call(struct sheaf_loop *loop, struct sheaf_op *op, int (*call)(void *arg),
		     void *arg);
/** The work is done already: done(op, @result) comes later in this turn. */
void sheaf_loop_ready(struct sheaf_loop *loop, struct sheaf_op *op, int result);
/** CLOCK_MONOTONIC in nanoseconds, read once a turn. */
uint64_t sheaf_loop_now(const struct sheaf_loop *loop);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
