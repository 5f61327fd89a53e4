/* SPDX-License-Identifier: MIT */
/**
 * engine.h - the engine without FUSE as a worker: host queue, seam, driver, disk controller, LU, file store
 */
#ifndef SHEAF_BENCH_ENGINE_H
#define SHEAF_BENCH_ENGINE_H

#include "bench/worker.h"

struct sheaf_bench_engine_options {
	const struct sheaf_bench_setup *setup;
	const struct sheaf_bench_config *config;
};

/** For a worker whose argument is a struct sheaf_bench_engine_options. */
extern const struct sheaf_bench_worker_ops sheaf_bench_engine_ops;

#endif
