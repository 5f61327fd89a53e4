/* SPDX-License-Identifier: MIT */
/** progress.h - how far it is and how long it still takes: a bar on a terminal, a line a round elsewhere */
#ifndef SHEAF_BENCH_PROGRESS_H
#define SHEAF_BENCH_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct sheaf_bench_progress {
	bool bar;
	uint64_t began_ns, shown_ns;
	unsigned done, total; /* cells */
};

void sheaf_bench_progress_begin(struct sheaf_bench_progress *progress, unsigned total);
/** One cell more is done. */
void sheaf_bench_progress_step(struct sheaf_bench_progress *progress);
/** Round @round of @rounds is done. */
void sheaf_bench_progress_round(struct sheaf_bench_progress *progress, unsigned round,
				unsigned rounds);
void sheaf_bench_progress_end(struct sheaf_bench_progress *progress);

#endif
