/* SPDX-License-Identifier: MIT */
/* scratch.c - see scratch.h */
#include "bench/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "bench/load.h"

#define IMAGE_BYTES (256u << 20)
#define PIECE_BYTES (1u << 20)
/* What a benchmark takes beside the image: buffers of the server and of the load. */
#define MEMORY_BYTES  (UINT64_C(768) << 20)
#define TMPFS_MAGIC   0x01021994
#define SHARED_MEMORY "/dev/shm"

static uint64_t memory_available(void)
{
	FILE *in = fopen("/proc/meminfo", "re");
	unsigned long long kib = 0;
	char line[128];

	while (in && fgets(line, sizeof(line), in))
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			break;
	if (in)
		fclose(in);
	return (uint64_t)kib << 10;
}

static bool has_room(const char *directory, bool in_memory)
{
	struct statfs fs;

	if (statfs(directory, &fs) < 0 || access(directory, W_OK) < 0 ||
	    (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize < IMAGE_BYTES + PIECE_BYTES)
		return false;
	return !in_memory ||
	       (fs.f_type == TMPFS_MAGIC && memory_available() > IMAGE_BYTES + MEMORY_BYTES);
}

static const char *choose_place(bool for_image)
{
	const char *place = getenv("TMPDIR");

	if (for_image && has_room(SHARED_MEMORY, true))
		return SHARED_MEMORY;
	return place && *place ? place : "/tmp";
}

/* No page of zeros that the kernel could share, and no hole. */
static int fill(int fd)
{
	CLEANUP_FREE uint64_t *piece = malloc(PIECE_BYTES);
	uint64_t random = 1;

	if (!piece)
		return -ENOMEM;
	for (size_t i = 0; i < PIECE_BYTES / sizeof(*piece); i++)
		piece[i] = sheaf_bench_random(&random);
	for (uint64_t at = 0; at < IMAGE_BYTES; at += PIECE_BYTES) {
		piece[0] = at;
		if (pwrite(fd, piece, PIECE_BYTES, (off_t)at) != PIECE_BYTES)
			return errno ? -errno : -ENOSPC;
	}
	return 0;
}

static int make_image(struct sheaf_bench_scratch *scratch)
{
	CLEANUP_CLOSE int fd = -1;

	scratch->own_image = true;
	if (asprintf(&scratch->image, "%s/disk.img", scratch->directory) < 0) {
		scratch->image = NULL;
		return -ENOMEM;
	}
	fd = open(scratch->image, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fill(fd);
}

int sheaf_bench_scratch_make(struct sheaf_bench_scratch *scratch, const char *image)
{
	const char *place = choose_place(!image);
	int r = 0;

	*scratch = (struct sheaf_bench_scratch){ 0 };
	if (!image && !has_room(place, false)) {
		sheaf_error(
			"%s: no room for a scratch image of %u MiB; set TMPDIR, or name an image",
			place, IMAGE_BYTES >> 20);
		return -ENOSPC;
	}
	if (image && !(scratch->image = realpath(image, NULL))) {
		r = -errno;
		sheaf_error("%s: %s", image, strerror(-r));
		return r;
	}
	if (asprintf(&scratch->directory, "%s/sheaf-bench.XXXXXX", place) < 0) {
		scratch->directory = NULL;
		r = -ENOMEM;
	} else if (!mkdtemp(scratch->directory)) {
		r = -errno;
		free(scratch->directory);
		scratch->directory = NULL;
	}
	if (r == 0 && !image)
		r = make_image(scratch);
	if (r < 0) {
		sheaf_error("%s: a scratch folder cannot be made: %s", place, strerror(-r));
		sheaf_bench_scratch_remove(scratch);
	}
	return r;
}

void sheaf_bench_scratch_remove(struct sheaf_bench_scratch *scratch)
{
	if (scratch->own_image && scratch->image)
		unlink(scratch->image);
	if (scratch->directory && rmdir(scratch->directory) < 0)
		sheaf_error("%s: cannot be removed: %s", scratch->directory, strerror(errno));
	free(scratch->image);
	free(scratch->directory);
	*scratch = (struct sheaf_bench_scratch){ 0 };
}
