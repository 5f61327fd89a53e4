/* SPDX-License-Identifier: MIT */
/*
 * file_keep.c - the notes that a file store keeps beside its image: extended attributes of the image itself, one for each
 *
 * So they need no other name or directory than the descriptor that there is (a driver process can open nothing), go where the image
 * is moved to, and are set as a whole. An image that begins elsewhere in the file has attributes of its own, with the offset in their
 * names. Block devices have no attributes for users, nor have some filesystems: there nothing can be kept. Nothing can be changed
 * of an image that is opened read-only, but what it has is read.
 */
#include "store/file_store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define NAME_BYTES 64

static const char *const names[SHEAF_STORE_NOTES] = {
	[SHEAF_NOTE_RESERVATIONS] = "user.sheaf.reservations",
	[SHEAF_NOTE_UNFINISHED] = "user.sheaf.unfinished",
};

static void name_of(const struct sheaf_file_store *file, enum sheaf_store_note note, char name[NAME_BYTES])
{
	if (file->offset)
		snprintf(name, NAME_BYTES, "%s.%" PRIu64, names[note], file->offset);
	else
		snprintf(name, NAME_BYTES, "%s", names[note]);
}

static int set(const struct sheaf_file_store *file, enum sheaf_store_note note, const void *data, size_t length)
{
	char name[NAME_BYTES];

	name_of(file, note, name);
	return fsetxattr(file->fd, name, data, length, 0) < 0 ? -errno : 0;
}

/* 0 also where there is none, or can be none; *ret_removed says whether there was. */
static int unset(const struct sheaf_file_store *file, enum sheaf_store_note note, bool *ret_removed)
{
	char name[NAME_BYTES];

	name_of(file, note, name);
	*ret_removed = fremovexattr(file->fd, name) == 0;
	return *ret_removed || errno == ENODATA || errno == EOPNOTSUPP || errno == EPERM ? 0 : -errno;
}

/* On a helper thread. fsync, as fdatasync need not write attributes. */
static int keep_now(void *arg)
{
	struct sheaf_store_io *io = arg;
	struct sheaf_file_store *file = (struct sheaf_file_store *)io->store;
	enum sheaf_store_note note = (enum sheaf_store_note)io->offset;
	bool changed = true;
	int r = io->length > 0 ? set(file, note, io->data, io->length) : unset(file, note, &changed);

	if (r == 0 && changed && fsync(file->fd) < 0) {
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

int sheaf_file_kept(struct sheaf_store *store, enum sheaf_store_note note, void *data, size_t room)
{
	const struct sheaf_file_store *file = (const struct sheaf_file_store *)store;
	char name[NAME_BYTES];
	struct stat st;
	ssize_t n;

	if (fstat(file->fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -EOPNOTSUPP;
	name_of(file, note, name);
	n = fgetxattr(file->fd, name, data, room);
	if (n >= 0)
		return (int)n;
	if (errno == ENODATA)
		return 0;
	return errno == ERANGE ? -E2BIG : -EOPNOTSUPP;
}
