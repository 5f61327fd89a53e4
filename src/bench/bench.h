/* SPDX-License-Identifier: MIT */
/**
 * bench.h - the words of `sheaf bench`: what is compared, at which points, and what is measured there
 *
 * A config is one way to serve: a path (no FUSE, or one of its transports), a deployment, and a limit of the bundles. A
 * point is a load: what, how much at a time, how many at a time. A cell is a config at a point; it is measured once a round.
 *
 *   cmd_bench.c   options, scratch image, rounds            plan.c      configs and points
 *   subject.c     one config, started: engine.c (no FUSE) or mount.c with load.c, each in a process of its own
 *   cost.c        what the serving process used             results.c   cells, medians and spread
 *   table.c, data.c (CSV, JSON), figures.c (on plot.c and svg.c), page.c (HTML), words.c (what it means)
 */
#ifndef SHEAF_BENCH_H
#define SHEAF_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include <sheaf/task.h>

#include "base/histogram.h"

enum sheaf_bench_path {
	SHEAF_BENCH_ENGINE, /* host, seam, driver, controller, store; no FUSE */
	SHEAF_BENCH_DEV,    /* a mounted file over /dev/fuse */
	SHEAF_BENCH_URING,  /* a mounted file over FUSE-over-io_uring */
	SHEAF_BENCH_PATHS,
};

enum sheaf_bench_deployment {
	SHEAF_BENCH_FUSED,
	SHEAF_BENCH_POOL,
	SHEAF_BENCH_PROCESS, /* the disk driver in a process of its own; mounts only */
	SHEAF_BENCH_DEPLOYMENTS,
};

enum sheaf_bench_work {
	SHEAF_BENCH_READ,
	SHEAF_BENCH_WRITE,
	SHEAF_BENCH_MIXED, /* SHEAF_BENCH_MIXED_READS of 100 are reads */
	SHEAF_BENCH_WORKS,
};
#define SHEAF_BENCH_MIXED_READS 70u

/** How the tasks are bundled. */
enum {
	SHEAF_BENCH_SINGLE, /* single-task mode */
	SHEAF_BENCH_LIMIT_1,
	SHEAF_BENCH_LIMIT_2,
	SHEAF_BENCH_LIMIT_4,
	SHEAF_BENCH_LIMIT_8,
	SHEAF_BENCH_LIMIT_16,
	SHEAF_BENCH_LIMIT_32,
	SHEAF_BENCH_AUTO, /* what `sheaf mount` does when nothing is said */
	SHEAF_BENCH_LIMITS,
};

extern const char *const sheaf_bench_path_names[SHEAF_BENCH_PATHS];
extern const char *const sheaf_bench_path_titles[SHEAF_BENCH_PATHS]; /* for people */
extern const char *const sheaf_bench_deployment_names[SHEAF_BENCH_DEPLOYMENTS];
extern const char *const sheaf_bench_work_names[SHEAF_BENCH_WORKS];
extern const char *const sheaf_bench_limit_names[SHEAF_BENCH_LIMITS];

/** The most tasks in a bundle with @limit; of single-task mode, 1. */
unsigned sheaf_bench_bundle_max(unsigned limit);

struct sheaf_bench_config {
	enum sheaf_bench_path path;
	enum sheaf_bench_deployment deployment;
	unsigned limit; /* SHEAF_BENCH_SINGLE ... */
};

struct sheaf_bench_point {
	enum sheaf_bench_work work;
	uint32_t bytes;	 /* of a request; a multiple of 512, at most 1 MiB */
	unsigned depth;	 /* requests at a time */
	unsigned limits; /* bit set: the limits that are measured here */
};

#define SHEAF_BENCH_DEPTH_MAX 128u
#define SHEAF_BENCH_BYTES_MAX (1u << 20)

/** What all configs of a run share. */
struct sheaf_bench_setup {
	const char *image; /* path */
	bool read_only;
	const char *directory; /* for mountpoints */
	unsigned workers;      /* of the pool, and of the driver's process */
	unsigned slots;
	uint64_t run_ns, warm_up_ns; /* a cell, a round */
	const char *observer;	     /* a command to run beside each cell, or NULL; see subject.c */
};

struct sheaf_bench_bundles {
	uint64_t count, tasks, by_size[SHEAF_BUNDLE_MAX + 1];
};

/** Counters of a server, or by how much they grew. */
struct sheaf_bench_counters {
	uint64_t tasks, errors, enters, calls, doorbells;
	struct sheaf_bench_bundles requests, completions;
};

/** What one run of a load saw. */
struct sheaf_bench_load {
	uint64_t requests, bytes, ns;
	int error;			/* errno of the first that failed, or 0 */
	struct sheaf_histogram latency; /* ns */
};

/** What the serving process has used since its start, or in between. */
struct sheaf_bench_cost {
	uint64_t cpu_ns;		   /* of all its threads, also those that ended */
	uint64_t user_ticks, system_ticks; /* the same by the kernel's clock tick, 10 ms each */
	uint64_t switches; /* voluntary and involuntary, of the threads that there are */
};

/** One round of one cell. */
struct sheaf_bench_sample {
	struct sheaf_bench_counters counters;
	struct sheaf_bench_cost cost;
	uint64_t requests, bytes, ns;
	uint64_t p50_ns, p99_ns, p999_ns;
};

/** Set by a signal: end early, in order. */
extern volatile int sheaf_bench_interrupted;

#endif
