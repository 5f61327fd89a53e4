/* SPDX-License-Identifier: MIT */
/* progress.c - see progress.h. On standard error, so that the table can be piped. */
#include "bench/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

#define BAR_WIDTH 40
#define SHOW_NS	  UINT64_C(200000000)

static unsigned seconds_left(const struct sheaf_bench_progress *p, uint64_t now)
{
	double so_far = (double)(now - p->began_ns) / 1e9;

	return p->done ? (unsigned)(so_far / p->done * (p->total - p->done) + 0.5) : 0;
}

static void show(struct sheaf_bench_progress *p, uint64_t now)
{
	char bar[BAR_WIDTH + 1];
	unsigned full = p->total ? p->done * BAR_WIDTH / p->total : 0, left = seconds_left(p, now);

	for (unsigned i = 0; i < BAR_WIDTH; i++)
		bar[i] = i < full ? '#' : '.';
	bar[BAR_WIDTH] = '\0';
	fprintf(stderr, "\r[%s] %3u %%  %u:%02u left ", bar,
		p->total ? p->done * 100 / p->total : 0, left / 60, left % 60);
	p->shown_ns = now;
}

void sheaf_bench_progress_begin(struct sheaf_bench_progress *p, unsigned total)
{
	*p = (struct sheaf_bench_progress){ .bar = isatty(STDERR_FILENO),
					    .began_ns = sheaf_clock_ns(),
					    .total = total };
}

void sheaf_bench_progress_step(struct sheaf_bench_progress *p)
{
	uint64_t now = sheaf_clock_ns();

	if (p->done < p->total)
		p->done++;
	if (p->bar && now - p->shown_ns >= SHOW_NS)
		show(p, now);
}

void sheaf_bench_progress_round(struct sheaf_bench_progress *p, unsigned round, unsigned rounds)
{
	uint64_t now = sheaf_clock_ns();
	unsigned left = seconds_left(p, now);

	if (!p->bar)
		fprintf(stderr, "round %u of %u done, %u:%02u left\n", round, rounds, left / 60,
			left % 60);
}

void sheaf_bench_progress_end(struct sheaf_bench_progress *p)
{
	if (p->bar)
		fprintf(stderr, "\r%*s\r", BAR_WIDTH + 24, "");
}
