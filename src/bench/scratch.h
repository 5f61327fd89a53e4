/* SPDX-License-Identifier: MIT */
/** scratch.h - a folder for mountpoints, and an image in it if the user named none */
#ifndef SHEAF_BENCH_SCRATCH_H
#define SHEAF_BENCH_SCRATCH_H

#include <stdbool.h>

struct sheaf_bench_scratch {
	char *directory; /* ours, with all that is in it */
	char *image;	 /* ours or the user's */
	bool own_image;
};

/** @image: the user's, or NULL: make one without holes, in memory if there is room. 0, or -errno, reported. */
int sheaf_bench_scratch_make(struct sheaf_bench_scratch *scratch, const char *image);
void sheaf_bench_scratch_remove(struct sheaf_bench_scratch *scratch);

#endif
