/* SPDX-License-Identifier: MIT */
/*
 * file_mark.c - an image's mark (enum sheaf_store_mark), in an extended attribute of its file, as a word that people can read
 *
 * "user.sheaf.unfinished", and for an image that does not begin with the file "user.sheaf.unfinished.OFFSET". Device nodes and some
 * file systems take none: then set_mark() fails, and whoever serves the image next is not told.
 */
#include "store/file_store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define NAME_MAX_BYTES 64
#define WORD_MAX       32

static const char *const words[] = {
	[SHEAF_MARK_FORMAT] = "format",
	[SHEAF_MARK_SANITIZE] = "sanitize",
	[SHEAF_MARK_SANITIZE_UNRESTRICTED] = "sanitize-unrestricted",
};
#define WORDS (sizeof(words) / sizeof(words[0]))

static void make_name(const struct sheaf_file_store *file, char name[NAME_MAX_BYTES])
{
	int n = snprintf(name, NAME_MAX_BYTES, "user.sheaf.unfinished");

	if (file->offset)
		snprintf(name + n, NAME_MAX_BYTES - (size_t)n, ".%" PRIu64, file->offset);
}

/* A word that is not ours was put there by a later sheaf: that the image is spoilt is the safe reading. */
enum sheaf_store_mark sheaf_file_get_mark(const struct sheaf_store *store)
{
	const struct sheaf_file_store *file = (const struct sheaf_file_store *)store;
	char name[NAME_MAX_BYTES], word[WORD_MAX];
	ssize_t n;

	make_name(file, name);
	n = fgetxattr(file->fd, name, word, sizeof(word));
	if (n < 0)
		return errno == ERANGE ? SHEAF_MARK_SANITIZE : SHEAF_MARK_NONE;
	for (unsigned i = SHEAF_MARK_FORMAT; i < WORDS; i++)
		if ((size_t)n == strlen(words[i]) && memcmp(word, words[i], (size_t)n) == 0)
			return (enum sheaf_store_mark)i;
	return SHEAF_MARK_SANITIZE;
}

int sheaf_file_set_mark(struct sheaf_store *store, enum sheaf_store_mark mark)
{
	const struct sheaf_file_store *file = (const struct sheaf_file_store *)store;
	char name[NAME_MAX_BYTES];
	int r;

	make_name(file, name);
	if (mark == SHEAF_MARK_NONE) {
		r = fremovexattr(file->fd, name);
		if (r < 0 && (errno == ENODATA || errno == EOPNOTSUPP || errno == EPERM))
			return 0; /* there was none */
	} else {
		r = fsetxattr(file->fd, name, words[mark], strlen(words[mark]), 0);
	}
	return r < 0 || fsync(file->fd) < 0 ? -errno : 0;
}
