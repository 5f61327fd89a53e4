/* SPDX-License-Identifier: MIT */
/**
 * loop.h - a thread's loop: one io_uring (or poll with synchronous calls) that does all its work in turns
 *
 * A turn: submit everything once, sleep only when nothing came inline, take all completions that are there and run
 * their handlers, ask the hooks for work, let hooks flush what gathered into bundles.
 *
 *   1. Everything here but sheaf_loop_wake() and sheaf_loop_post() is called by the loop's own thread (asserted).
 *   2. An operation (struct sheaf_op) is as sheaf/loop.h says, which is the part that drivers see.
 */
#ifndef SHEAF_LOOP_H
#define SHEAF_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <sheaf/loop.h> /* struct sheaf_op, and the operations that drivers start too */

enum sheaf_io_backend {
	SHEAF_IO_AUTO, /* io_uring where allowed, else sync */
	SHEAF_IO_URING,
	SHEAF_IO_SYNC,
};

enum sheaf_op_code {
	SHEAF_OP_READV,
	SHEAF_OP_WRITEV,
	SHEAF_OP_READV_WHEN_READY,
	SHEAF_OP_FSYNC,
	SHEAF_OP_FALLOCATE,
	SHEAF_OP_POLL_IN,
	SHEAF_OP_TIMER,
	SHEAF_OP_CALL,
	SHEAF_OP_READY,
	SHEAF_OP_COMMAND,
};

/**
 * struct sheaf_loop_hook - somebody who brings work to a loop's turns
 * @poll: take what waits (a lane's bundles); true if there was something. Optional.
 * @flush: the turn's work is done, push what gathered (bundles); true if that made more work for this turn.
 *         Called again until all hooks say false. Optional.
 * @may_sleep: the loop is about to sleep. Announce it (sleeping flags) and look once more; false if there is
 *         work after all. Optional.
 * @awake: the sleep is over, or did not happen; take the announcement back. Optional.
 */
struct sheaf_loop_hook {
	bool (*poll)(struct sheaf_loop_hook *hook);
	bool (*flush)(struct sheaf_loop_hook *hook);
	bool (*may_sleep)(struct sheaf_loop_hook *hook);
	void (*awake)(struct sheaf_loop_hook *hook);
	struct sheaf_loop_hook *next;
};

/** Counters of a loop: W: the loop's thread; R: any, relaxed. */
struct sheaf_loop_stats {
	_Atomic uint64_t turns;
	_Atomic uint64_t enters; /* io_uring_enter calls */
	_Atomic uint64_t
		inline_completions; /* done when the submission returned, without a sleep */
	_Atomic uint64_t sleeps;
	_Atomic uint64_t doorbells; /* rung by this loop */
	_Atomic uint64_t other_calls; /* system calls but io_uring_enter, see sheaf_loop_count_calls() */
};

/**
 * sheaf_loop_probe() - which back end a loop would get
 * @wanted: as on the command line.  @ret_reason: a static text that says why (never NULL).
 * Return: SHEAF_IO_URING or SHEAF_IO_SYNC; -errno when @wanted is SHEAF_IO_URING and that is not possible.
 */
int sheaf_loop_probe(enum sheaf_io_backend wanted, const char **ret_reason);

/**
 * sheaf_loop_create() - make a loop; the thread that first runs it owns it
 * @backend: SHEAF_IO_URING or SHEAF_IO_SYNC.  @entries: operations that may be in flight, a hint (rings grow
 *           to the next power of two; more are queued, never lost).
 * Thread: any; nothing but sheaf_loop_wake() and sheaf_loop_add_hook() may be called before the owner runs it.
 * Return: 0, or -errno.
 */
int sheaf_loop_create(enum sheaf_io_backend backend, unsigned entries,
		      struct sheaf_loop **ret_loop);
/** Free a loop that is not running; returns NULL. Operations in flight are dropped without done(). */
struct sheaf_loop *sheaf_loop_free(struct sheaf_loop *loop);

/** Add a hook; before the loop runs, or by its thread. */
void sheaf_loop_add_hook(struct sheaf_loop *loop, struct sheaf_loop_hook *hook);
/** Take a hook out again; by the loop's thread, not from inside a hook. */
void sheaf_loop_remove_hook(struct sheaf_loop *loop, struct sheaf_loop_hook *hook);

/**
 * sheaf_loop_turn() - one turn
 * @may_sleep: false: return after what is there.
 * Return: 0, or -errno when the kernel refused the loop itself (fatal).
 */
int sheaf_loop_turn(struct sheaf_loop *loop, bool may_sleep);
/** Turns until sheaf_loop_stop(); claims the loop for the calling thread. 0 or -errno as of a turn. */
int sheaf_loop_run(struct sheaf_loop *loop);
/** End sheaf_loop_run() after this turn. Thread: the loop's own, or any other followed by a wake. */
void sheaf_loop_stop(struct sheaf_loop *loop);
/** Make a sleeping loop take a turn. Thread: any. One system call. */
void sheaf_loop_wake(struct sheaf_loop *loop);
/**
 * sheaf_loop_post() - done(@op, 0) is called in one of the loop's next turns
 * Thread: any; from another one than the loop's it costs a system call.  Ownership: as with every start of an operation.
 */
void sheaf_loop_post(struct sheaf_loop *loop, struct sheaf_op *op);
/** Where the loop keeps sheaf_loop_now(), for as long as it lives; to be read by its thread. Thread: any. */
const uint64_t *sheaf_loop_clock(const struct sheaf_loop *loop);
/** The eventfd that wakes the loop; who writes to it need not have the loop. */
int sheaf_loop_doorbell_fd(const struct sheaf_loop *loop);
/** Ring @doorbell_fd of another loop as an entry of this loop's next submission. */
void sheaf_loop_ring_doorbell(struct sheaf_loop *loop, int doorbell_fd);
/** Ring it now, by a system call of its own: for a call that stands alone, as all do in single-task mode. */
void sheaf_loop_ring_doorbell_now(struct sheaf_loop *loop, int doorbell_fd);

/* More operations, started as those of sheaf/loop.h. */
/** Poll a non-blocking fd for input, then readv: one completion for both. -EAGAIN when somebody else took it. */
void sheaf_loop_readv_when_ready(struct sheaf_loop *loop, struct sheaf_op *op, int fd,
				 const struct iovec *iov, unsigned n);
/**
 * A command of the file's own (IORING_OP_URING_CMD). io_uring only (asserted). @command: up to 80 bytes, copied when it
 * is submitted.  @address, @length: the SQE's addr and len.
 */
void sheaf_loop_command(struct sheaf_loop *loop, struct sheaf_op *op, int fd, uint32_t operation,
			const void *command, size_t command_bytes, const void *address,
			uint32_t length);
/**
 * sheaf_loop_cancel() - take @op back, a read that waits: it ends with -ECANCELED, or with what it got
 * A wish: a read that has not been submitted yet, or that a kernel thread runs, goes on.
 */
void sheaf_loop_cancel(struct sheaf_loop *loop, struct sheaf_op *op);

/**
 * sheaf_loop_is_still() - will the kernel leave alone what waits (commands, reads when ready) until this turn ends?
 * True: what was started is submitted, what was completed was delivered, and the kernel goes on with such operations only
 * while this loop submits (IORING_SETUP_DEFER_TASKRUN). Reads and writes of files may be with a kernel thread all the same.
 */
bool sheaf_loop_is_still(const struct sheaf_loop *loop);

/**
 * sheaf_loop_awaits_files() - has this loop, of late, waited for files' operations?
 * True for an image on a disk; false when what is asked of files is done while it is submitted (page cache, tmpfs), and with
 * SHEAF_IO_SYNC. Thread: the loop's.
 */
bool sheaf_loop_awaits_files(const struct sheaf_loop *loop);

/**
 * sheaf_loop_count_calls() - @n system calls were made by the loop's thread, or by a helper for it
 * So that what a task costs in system calls can be told without strace. Who makes one while requests are served counts it;
 * what is done once, at the beginning and the end of a mount, does not matter.
 */
void sheaf_loop_count_calls(struct sheaf_loop *loop, unsigned n);

enum sheaf_io_backend sheaf_loop_backend(const struct sheaf_loop *loop);
const struct sheaf_loop_stats *sheaf_loop_stats(const struct sheaf_loop *loop);

#endif
