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

static int open_one(const struct sheaf_serve_options *options, const char *path,
		    struct sheaf_images *images)
{
	const struct sheaf_file_store_options file_options = {
		.direct = options->direct,
		.read_only = options->read_only,
		.read_only_auto = true,
		.force_share = options->force_share,
		.offset_bytes = options->offset,
		.sizelimit_bytes = options->sizelimit,
		.block_size = options->block_size,
		.for_another_process = options->driver || options->driver_socket,
	};
	unsigned i = images->count;
	char serial[17];
	int r = sheaf_file_store_open(path, &file_options, &images->stores[i]);

	if (r < 0)
		return r;
	images->count++;
	if (images->stores[i]->read_only && !options->read_only)
		sheaf_warning("%s: not writable here, so the disk is read-only", path);
	if (file_options.for_another_process)
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

int sheaf_images_open(const struct sheaf_serve_options *options, struct sheaf_images *ret)
{
	struct sheaf_images images = { 0 };
	int r = 0;

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
	*ret = images;
	return 0;
}

void sheaf_images_close(struct sheaf_images *images)
{
	sheaf_disk_free(images->disk);
	for (unsigned i = 0; i < images->count; i++) {
		sheaf_lu_free(images->lus[i]);
		sheaf_store_free(images->stores[i]);
	}
	free(images->lus);
	free(images->stores);
	memset(images, 0, sizeof(*images));
}
