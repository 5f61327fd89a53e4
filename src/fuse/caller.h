/* SPDX-License-Identifier: MIT */
/**
 * caller.h - a few threads that reach into the memory of who calls ioctl()
 *
 * The kernel passes SG_IO on as the caller's thread id and a pointer. Reading through it may fault into a mapping of this very
 * mount, and then waits for a loop to serve that; or into memory that the caller never fills in (userfaultfd). So it is never done
 * on a loop, nor by the loops' helpers, who have images' work to do. A request claims one of these threads for its whole life, so none
 * waits behind one that is stalled, and who finds none is told so.
 *
 *   FREE --claim()--> HELD --run()--> WORKING --done()--> HELD --release()--> FREE
 *                                        \--abandon()--> ABANDONED --(its thread comes back)--> FREE
 *
 *   1. `lock` guards all states. done() is called by the thread, with the lock held; it only tells a loop.
 *   2. While WORKING or ABANDONED all else of a caller is its thread's; otherwise the request's.
 *   3. A thread id stands for the caller until its ioctl() is answered, and not longer. A thread is abandoned only when it has been
 *      inside one process_vm_*() call for long, which found its process at its begin; it makes no further one.
 */
#ifndef SHEAF_CALLER_H
#define SHEAF_CALLER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "fuse/sg_io.h"

/* Commands of callers in flight at a time. */
#define SHEAF_CALLERS_MAX 8

struct fuse_session;
struct sheaf_callers;
struct sheaf_host;

enum sheaf_caller_state {
	SHEAF_CALLER_FREE,
	SHEAF_CALLER_HELD,
	SHEAF_CALLER_WORKING,
	SHEAF_CALLER_ABANDONED,
};

struct sheaf_caller {
	struct sheaf_callers *pool;
	enum sheaf_caller_state state;
	bool has_thread;
	pthread_t thread;
	pthread_cond_t work_is_there;
	int (*work)(struct sheaf_caller *caller);
	void (*done)(void *arg);
	void *arg;
	int result;	   /* of work() */
	uint64_t begun_ns; /* monotonic: when its last call began; guarded by the lock */
	/* What the work is about; filled in by the request. */
	pid_t tid;
	uint64_t argument; /* of ioctl(): an address in the caller */
	uint8_t *buffer;   /* of SHEAF_CALLER_BUFFER_BYTES */
	struct sheaf_sg_command command;
	struct sheaf_sg_outcome outcome;
	uint8_t cdb[SHEAF_SG_CDB_MAX];
	uint8_t sense[SHEAF_SG_SENSE_MAX];
	uint32_t moved; /* bytes in buffer for the caller */
	struct fuse_session
		*stale_session; /* the page cache of stale_node is out of date; NULL: it is not */
	uint64_t stale_node;
	struct sheaf_host *host; /* of task management */
	int function;		 /* enum sheaf_task_management */
	uint64_t target_id, lun;
};

/** Bytes of data of one command. */
#define SHEAF_CALLER_BUFFER_BYTES (1024 * 1024)

/** No thread yet. NULL without memory. */
struct sheaf_callers *sheaf_callers_new(void);
/** All requests have ended. A thread that is stalled for good is left behind, with what it uses: the process ends soon. NULL. */
struct sheaf_callers *sheaf_callers_free(struct sheaf_callers *pool);

/** One for the thread @tid of another process, HELD; NULL: all are taken, or no thread can be started. Thread: any. */
struct sheaf_caller *sheaf_callers_claim(struct sheaf_callers *pool, pid_t tid);
/** Let its thread do @work; then @done(@arg), on that thread. */
void sheaf_caller_run(struct sheaf_caller *caller, int (*work)(struct sheaf_caller *caller),
		      void (*done)(void *arg), void *arg);
/**
 * sheaf_caller_abandon() - do not wait for it, if it has been in one call for @stalled_ns
 * Return: true: done() will not come, and the caller is not the request's any more; false: it was called, or is worth waiting for.
 */
bool sheaf_caller_abandon(struct sheaf_caller *caller, uint64_t stalled_ns);
/** HELD to FREE. */
void sheaf_caller_release(struct sheaf_caller *caller);

/* For work(). 0; -EFAULT: not all of it is there; -EPERM, -ESRCH: as process_vm_readv(2); -ECANCELED: abandoned. */
int sheaf_caller_read(struct sheaf_caller *caller, uint64_t address, void *to, size_t bytes);
int sheaf_caller_write(struct sheaf_caller *caller, uint64_t address, const void *from,
		       size_t bytes);
/** The same with a list of addresses. @bytes: their sum. */
int sheaf_caller_read_vector(struct sheaf_caller *caller, const struct iovec remote[],
			     unsigned count, void *to, size_t bytes);
int sheaf_caller_write_vector(struct sheaf_caller *caller, const struct iovec remote[],
			      unsigned count, const void *from, size_t bytes);

#endif
