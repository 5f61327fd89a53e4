/* SPDX-License-Identifier: MIT */
/* images.c - see images.h */
#include "cli/images.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "fuse/fuse.h"
#include "seam/region.h"

/* FNV-1a. */
void sheaf_image_serial(const char *path, char serial[17])
{
	CLEANUP_FREE char *real = realpath(path, NULL);
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (const char *p = real ? real : path; *p; p++)
		hash = (hash ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
	snprintf(serial, 17, "%016" PRIx64, hash);
}

static struct sheaf_file_store_options file_options(const struct sheaf_serve_options *options)
{
	return (struct sheaf_file_store_options){
		.direct = options->direct,
		.read_only = options->read_only,
		.read_only_auto = true,
		.force_share = options->force_share,
		.offset_bytes = options->offset,
		.sizelimit_bytes = options->sizelimit,
		.block_size = options->block_size,
		.for_another_process = options->driver || options->driver_socket,
	};
}

static void tell_read_only(const struct sheaf_serve_options *options, const struct sheaf_store *store,
			   const char *path)
{
	if (store->read_only && !options->read_only)
		sheaf_warning("%s: not writable here, so the disk is read-only", path);
}

static int open_one(const struct sheaf_serve_options *options, const char *path,
		    struct sheaf_images *images)
{
	const struct sheaf_file_store_options file = file_options(options);
	unsigned i = images->count;
	char serial[17];
	int r = sheaf_file_store_open(path, &file, &images->stores[i]);

	if (r < 0)
		return r;
	images->count++;
	tell_read_only(options, images->stores[i], path);
	if (file.for_another_process)
		return 0; /* logical units and controller are the driver's */
	sheaf_image_serial(path, serial);
	const struct sheaf_lu_options lu_options = {
		.block_size = options->block_size,
		.maximum_transfer_bytes = SHEAF_MAX_WRITE,
		.read_only = images->stores[i]->read_only,
		.serial = serial,
	};
	r = sheaf_lu_create(images->stores[i], &lu_options, &images->lus[i]);
	if (r < 0)
		sheaf_error("%s: cannot be a disk of %u-byte blocks: %s", path, options->block_size,
			    strerror(-r));
	return r;
}

/* The driver's own descriptor; it shares the lock with the one that the store opened, and keeps it. */
static int open_for_driver(const struct sheaf_serve_options *options, const char *path,
			   struct sheaf_driver_image *image)
{
	const struct sheaf_file_store_options file = file_options(options);
	struct sheaf_store *store;
	int r = sheaf_file_store_open(path, &file, &store);

	if (r < 0)
		return r;
	tell_read_only(options, store, path);
	*image = (struct sheaf_driver_image){
		.path = path,
		.fd = sheaf_file_store_dup(store),
		.read_only = store->read_only,
		.direct = store->direct,
		.offset = options->offset,
		.bytes = store->size_bytes,
		.block_size = options->block_size,
	};
	sheaf_store_free(store);
	return image->fd < 0 ? image->fd : 0;
}

static int load_driver(const struct sheaf_serve_options *options, struct sheaf_images *images)
{
	struct sheaf_loaded_driver *loaded = &images->loaded;
	int r = sheaf_loaded_driver_open(loaded, options->controller, options->image_count);

	for (unsigned i = 0; r == 0 && i < options->image_count; i++) {
		r = open_for_driver(options, options->images[i].path, &loaded->images[i]);
		loaded->image_count += r == 0;
	}
	if (r == 0)
		r = sheaf_loaded_driver_create(loaded, options->slots);
	if (r < 0) {
		sheaf_loaded_driver_close(loaded);
		return r;
	}
	images->ops = &loaded->ops;
	images->controller = loaded->controller;
	return 0;
}

int sheaf_images_open(const struct sheaf_serve_options *options, struct sheaf_images *ret)
{
	struct sheaf_images images = { .ops = &sheaf_disk_ops };
	int r = 0;

	if (options->controller)
		return load_driver(options, ret);
	images.stores = calloc(options->image_count + 1, sizeof(struct sheaf_store *));
	images.lus = calloc(options->image_count + 1, sizeof(struct sheaf_lu *));
	if (!images.stores || !images.lus)
		r = -ENOMEM;
	for (unsigned i = 0; r == 0 && i < options->image_count; i++)
		r = open_one(options, options->images[i].path, &images);
	if (r == 0 && !options->driver && !options->driver_socket)
		r = sheaf_disk_create(images.lus, images.count, SHEAF_SLOTS_MAX, &images.disk);
	if (r < 0) {
		sheaf_images_close(&images);
		return r;
	}
	images.controller = images.disk;
	*ret = images;
	return 0;
}

void sheaf_images_close(struct sheaf_images *images)
{
	sheaf_loaded_driver_close(&images->loaded);
	sheaf_disk_free(images->disk);
	for (unsigned i = 0; i < images->count; i++) {
		sheaf_lu_free(images->lus[i]);
		sheaf_store_free(images->stores[i]);
	}
	free(images->lus);
	free(images->stores);
	memset(images, 0, sizeof(*images));
}
