/* SPDX-License-Identifier: MIT */
/**
 * worker.h - a process that runs loads on command, and dies with its parent
 *
 * The load generator is one, so that it shares nothing with the server, and the engine without FUSE is one, so that what it
 * costs can be told in the same way as for a mount. Between commands a worker has nothing in flight.
 */
#ifndef SHEAF_BENCH_WORKER_H
#define SHEAF_BENCH_WORKER_H

#include <sys/types.h>

#include "bench/bench.h"

/** What a worker and its parent share. W: the worker while a command runs, then R: the parent. */
struct sheaf_bench_shared {
	struct sheaf_bench_load load;
	struct sheaf_bench_counters counters; /* engine: since its start */
};

struct sheaf_bench_worker_ops {
	/** In the worker, once. 0, or -errno, reported. */
	int (*begin)(void *arg);
	/** One load of @ns nanoseconds, or with 0 once over the disk; all of it has ended on return. 0, or -errno, reported. */
	int (*run)(void *arg, const struct sheaf_bench_point *point, uint64_t ns,
		   struct sheaf_bench_shared *shared);
	/** Once, before it ends. */
	void (*end)(void *arg);
};

struct sheaf_bench_worker {
	pid_t pid; /* 0: none */
	int fd;
	struct sheaf_bench_shared *shared;
};

/** Start one; it has begun on return. 0, or -errno. */
int sheaf_bench_worker_start(struct sheaf_bench_worker *worker,
			     const struct sheaf_bench_worker_ops *ops, void *arg);
/**
 * sheaf_bench_worker_run() - one load of @ns nanoseconds, or with 0 once over the disk; the result is in worker->shared
 * Return: 0; -EINTR: a signal came, end it all; -ETIMEDOUT: it hangs; another -errno: of the worker, reported.
 * After an error the worker is only good for sheaf_bench_worker_kill().
 */
int sheaf_bench_worker_run(struct sheaf_bench_worker *worker, const struct sheaf_bench_point *point,
			   uint64_t ns);
/** Let it end; one that does not end soon is killed. */
void sheaf_bench_worker_stop(struct sheaf_bench_worker *worker);
/** Kill it. One that waits for a server that does not answer ends when that is dealt with: stop it then. */
void sheaf_bench_worker_kill(struct sheaf_bench_worker *worker);

/**
 * sheaf_bench_wait() - wait for input on @fd; the one place where a signal ends a wait
 * Return: 0: there is some, or its end; -ETIMEDOUT; -EINTR: a signal came.
 */
int sheaf_bench_wait(int fd, int timeout_ms);
/** Block the signals that end a benchmark outside of sheaf_bench_wait(), and take note of them in it. */
void sheaf_bench_catch_signals(void);
/** In a new child: the signals as they were, a process group of its own, and @signal when the parent is gone. */
void sheaf_bench_child(pid_t parent, int signal);

#endif
