/* SPDX-License-Identifier: MIT */
/*
 * file_keep.c - what a file store keeps beside its image: an extended attribute of the image itself
 *
 * So it needs no other name or directory than the descriptor that there is (a driver process can open nothing), goes where the image
 * is moved to, and is set as a whole. An image that begins elsewhere in the file has an attribute of its own. Block devices have no
 * attributes for users, nor have some filesystems, and a read-only image is left alone: there nothing can be kept.
 */
#include "store/file_store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define NAME_BYTES 64

static void name_of(const struct sheaf_file_store *file, char name[NAME_BYTES])
{
	if (file->offset)
		snprintf(name, NAME_BYTES, "user.sheaf.reservations.%" PRIu64, file->offset);
	else
		snprintf(name, NAME_BYTES, "user.sheaf.reservations");
}

static int set(const struct sheaf_file_store *file, const void *data, size_t length)
{
	char name[NAME_BYTES];

	name_of(file, name);
	if (length > 0)
		return fsetxattr(file->fd, name, data, length, 0) < 0 ? -errno : 0;
	return fremovexattr(file->fd, name) < 0 && errno != ENODATA ? -errno : 0;
}

/* On a helper thread. fsync, as fdatasync need not write attributes. */
static int keep_now(void *arg)
{
	struct sheaf_store_io *io = arg;
	struct sheaf_file_store *file = (struct sheaf_file_store *)io->store;
	int r = set(file, io->data, io->length);

	if (r == 0 && fsync(file->fd) < 0) {
		r = -errno;
		sheaf_file_note_sync(file, r);
	}
	return r;
}

static void kept_it(struct sheaf_op *op, int result)
{
	struct sheaf_store_io *io =
		(struct sheaf_store_io *)((char *)op - offsetof(struct sheaf_store_io, loop_op));

	io->done(io, result);
}

void sheaf_file_keep(struct sheaf_store *store, struct sheaf_loop *loop, struct sheaf_store_io *io)
{
	(void)store;
	io->loop_op.done = kept_it;
	sheaf_loop_count_calls(loop, 2);
	sheaf_loop_call(loop, &io->loop_op, keep_now, io);
}

int sheaf_file_kept(struct sheaf_store *store, void *data, size_t room)
{
	const struct sheaf_file_store *file = (const struct sheaf_file_store *)store;
	char name[NAME_BYTES];
	struct stat st;
	ssize_t n;

	if (store->read_only || fstat(file->fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -EOPNOTSUPP;
	name_of(file, name);
	n = fgetxattr(file->fd, name, data, room);
	if (n >= 0)
		return (int)n;
	if (errno == ENODATA)
		return 0;
	return errno == ERANGE ? -E2BIG : -EOPNOTSUPP;
}
