/* SPDX-License-Identifier: MIT */
/**
 * load.h - a load on a file: random requests with O_DIRECT, a fixed number at a time, by io_uring
 */
#ifndef SHEAF_BENCH_LOAD_H
#define SHEAF_BENCH_LOAD_H

#include <liburing.h>

#include "bench/worker.h"

/** Where the requests of a load go: random, or once over the disk. The same for a file and for the engine. */
struct sheaf_bench_source {
	uint64_t size; /* of the disk */
	uint64_t random;
	bool pass;   /* once over the first SHEAF_BENCH_PASS_MAX bytes, in order */
	uint64_t at; /* of a pass */
	uint64_t until_ns;
};
#define SHEAF_BENCH_PASS_MAX (UINT64_C(512) << 20)

struct sheaf_bench_request {
	uint64_t started_ns;
};

struct sheaf_bench_generator {
	const char *path;
	bool read_only;
	/* Its own, in the worker. */
	int fd;
	struct sheaf_bench_source source;
	struct io_uring ring;
	uint8_t *buffers;
	size_t buffer_bytes; /* of all together */
	struct sheaf_bench_request requests[SHEAF_BENCH_DEPTH_MAX];
};

/** For a worker whose argument is a struct sheaf_bench_generator with path and read_only set. */
extern const struct sheaf_bench_worker_ops sheaf_bench_load_ops;

/** xorshift64; @state is not 0. */
static inline uint64_t sheaf_bench_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/** A load of @ns nanoseconds from @now_ns on; with 0, a pass. */
static inline void sheaf_bench_source_begin(struct sheaf_bench_source *source, uint64_t now_ns,
					    uint64_t ns)
{
	source->pass = ns == 0;
	source->at = 0;
	source->until_ns = now_ns + ns;
}

/** Nothing more is to be started. */
static inline bool sheaf_bench_source_is_over(const struct sheaf_bench_source *source,
					      const struct sheaf_bench_point *point,
					      uint64_t now_ns)
{
	if (!source->pass)
		return now_ns >= source->until_ns;
	return source->at + point->bytes > source->size || source->at >= SHEAF_BENCH_PASS_MAX;
}

/** The next request's place, and whether it reads. */
static inline bool sheaf_bench_source_next(struct sheaf_bench_source *source,
					   const struct sheaf_bench_point *point,
					   uint64_t *ret_offset)
{
	if (source->pass) {
		*ret_offset = source->at;
		source->at += point->bytes;
	} else {
		*ret_offset = (sheaf_bench_random(&source->random) >> 16) %
			      (source->size / point->bytes) * point->bytes;
	}
	if (point->work == SHEAF_BENCH_MIXED)
		return (sheaf_bench_random(&source->random) >> 16) % 100 < SHEAF_BENCH_MIXED_READS;
	return point->work == SHEAF_BENCH_READ;
}

#endif
