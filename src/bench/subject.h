/* SPDX-License-Identifier: MIT */
/**
 * subject.h - one config, started, and measured at one point after another
 */
#ifndef SHEAF_BENCH_SUBJECT_H
#define SHEAF_BENCH_SUBJECT_H

#include "bench/engine.h"
#include "bench/load.h"
#include "bench/mount.h"

struct sheaf_bench_subject {
	const struct sheaf_bench_setup *setup;
	struct sheaf_bench_config config;
	struct sheaf_bench_mount mount; /* not of the engine */
	char *disk;			/* the file that is read and written; not of the engine */
	struct sheaf_bench_generator generator;
	struct sheaf_bench_engine_options engine;
	struct sheaf_bench_worker worker; /* the engine, or who loads the mount */
};

/** 0; -EINTR; another -errno, reported, but for a mount that is not to be had (-EOPNOTSUPP) if @quiet. */
int sheaf_bench_subject_start(struct sheaf_bench_subject *subject,
			      const struct sheaf_bench_setup *setup,
			      const struct sheaf_bench_config *config, bool quiet);
/** Warm up, then measure. Return: 0; -EINTR; -ETIMEDOUT: it hangs, reported; another -errno, reported. */
int sheaf_bench_subject_measure(struct sheaf_bench_subject *subject,
				const struct sheaf_bench_point *point,
				struct sheaf_bench_sample *ret);
/** 0, or -EIO: the mount could not be ended in order, reported. */
int sheaf_bench_subject_stop(struct sheaf_bench_subject *subject);

#endif
