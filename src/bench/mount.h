/* SPDX-License-Identifier: MIT */
/**
 * mount.h - a mount of our own program to measure, in a process of its own
 */
#ifndef SHEAF_BENCH_MOUNT_H
#define SHEAF_BENCH_MOUNT_H

#include <sys/types.h>

#include "bench/bench.h"

struct sheaf_bench_mount {
	char *directory; /* the mountpoint; NULL: none */
	pid_t pid;	 /* of the server, our child; 0: none */
	pid_t driver;	 /* of its driver's process; 0: it has none, or was not asked yet */
};

/**
 * sheaf_bench_mount_start() - `sheaf mount` with what @config says; its disk can be read on return
 * What the server has to say goes to our standard error, unless @quiet.
 * Return: 0; -EINTR: a signal came; -EOPNOTSUPP: it ended before it was ready; -ETIMEDOUT; another -errno. On failure
 * nothing is left.
 */
int sheaf_bench_mount_start(struct sheaf_bench_mount *mount, const struct sheaf_bench_setup *setup,
			    const struct sheaf_bench_config *config, bool quiet);
/** Its counters, and its driver, out of stats.json. 0, or -EIO: no answer, reported. */
int sheaf_bench_mount_counters(struct sheaf_bench_mount *mount,
			       struct sheaf_bench_counters *ret);
/** Flush, unmount, wait for the server; by force if it does not answer. 0, or -EIO: reported. */
int sheaf_bench_mount_stop(struct sheaf_bench_mount *mount);
/** It hangs: abort the connection and kill the server, so that who waits for it goes on. Then stop it. */
void sheaf_bench_mount_abort(const struct sheaf_bench_mount *mount);

#endif
