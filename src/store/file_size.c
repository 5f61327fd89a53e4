/* SPDX-License-Identifier: MIT */
/*
 * file_size.c - a file store's image grows and shrinks while it is served
 *
 *   growth:  the image, durably; then the store          shrinking:  the store; then the image
 *
 * So nothing in between, a crash included, leaves a store that is longer than its image.
 */
#include "store/file_store.h"

#include <assert.h>
#include <errno.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

static const struct sheaf_file_store *file_of(const struct sheaf_store *store)
{
	assert(store->ops == &sheaf_file_store_ops);
	return (const struct sheaf_file_store *)store;
}

bool sheaf_file_store_is_device(const struct sheaf_store *store)
{
	struct stat st;

	return fstat(file_of(store)->fd, &st) == 0 && S_ISBLK(st.st_mode);
}

int sheaf_file_store_measure(const struct sheaf_store *store, uint64_t *ret_bytes)
{
	const struct sheaf_file_store *file = file_of(store);
	uint64_t bytes = 0;
	struct stat st;

	if (fstat(file->fd, &st) < 0)
		return -errno;
	if (!S_ISBLK(st.st_mode))
		bytes = (uint64_t)st.st_size;
	else if (ioctl(file->fd, BLKGETSIZE64, &bytes) < 0)
		return -errno;
	*ret_bytes = bytes > file->offset ? bytes - file->offset : 0;
	return 0;
}

int sheaf_file_store_cut_image(const struct sheaf_store *store, uint64_t bytes)
{
	const struct sheaf_file_store *file = file_of(store);
	uint64_t before;
	int r;

	if (sheaf_file_store_is_device(store))
		return -ENOTTY;
	if (store->read_only)
		return -EROFS;
	if (bytes > (uint64_t)INT64_MAX - file->offset)
		return -EFBIG;
	r = sheaf_file_store_measure(store, &before);
	if (r == 0 && ftruncate(file->fd, (off_t)(file->offset + bytes)) < 0)
		r = -errno;
	if (r < 0 || fsync(file->fd) == 0)
		return r;
	r = -errno;
	if (bytes <= before) {
		/* What is gone is gone; after a loss of power the image may be as long as it was. */
		sheaf_warning("%s: its new length may not be durable: %s", store->name, strerror(-r));
		return 0;
	}
	if (ftruncate(file->fd, (off_t)(file->offset + before)) < 0)
		sheaf_warning("%s: is longer than the disk now: %s", store->name, strerror(errno));
	return r;
}

void sheaf_file_store_set_size(struct sheaf_store *store, uint64_t size_bytes)
{
	struct sheaf_file_store *file = (struct sheaf_file_store *)store;

	if (file->map)
		sheaf_file_map_set_end(file->map, file->offset + size_bytes);
	store->size_bytes = size_bytes;
}
