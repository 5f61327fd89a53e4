/* SPDX-License-Identifier: MIT */
/* file_space.c - what a file store's image takes of its filesystem, and what is left there */
#include "store/file_store.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/bits.h"

/* On a helper thread: a network's filesystem may take long. */
static int measure_now(void *arg)
{
	struct sheaf_store_io *io = arg;
	const struct sheaf_file_store *file = (const struct sheaf_file_store *)io->store;
	struct sheaf_store_space *space = io->data;
	struct statvfs fs;
	struct stat st;

	if (fstat(file->fd, &st) < 0 || fstatvfs(file->fd, &fs) < 0)
		return -errno;
	/* What a filesystem needs for its own account (extents) is not the disk's. */
	space->used_bytes = sheaf_min64((uint64_t)st.st_blocks * 512, file->store.size_bytes);
	space->available_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	return 0;
}

static void measured(struct sheaf_op *op, int result)
{
	struct sheaf_store_io *io =
		(struct sheaf_store_io *)((char *)op - offsetof(struct sheaf_store_io, loop_op));

	io->done(io, result);
}

void sheaf_file_measure(struct sheaf_store *store, struct sheaf_loop *loop, struct sheaf_store_io *io)
{
	(void)store;
	io->loop_op.done = measured;
	sheaf_loop_count_calls(loop, 1); /* the call is the other one */
	sheaf_loop_call(loop, &io->loop_op, measure_now, io);
}
