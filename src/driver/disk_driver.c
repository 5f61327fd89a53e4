/* SPDX-License-Identifier: MIT */
/* disk_driver.c - see disk_driver.h */
#include "driver/disk_driver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/disk.h"
#include "seam/channel.h"

/* What the host's buffers take of a transfer (max_write of FUSE). */
#define TRANSFER_BYTES_MAX (UINT64_C(1) << 20)

struct disk_driver {
	struct sheaf_disk *disk; /* what the table gets; its owner is this */
	struct sheaf_store **stores;
	struct sheaf_lu **lus;
	uint32_t count;
};

static int add_image(struct disk_driver *d, const struct sheaf_driver_image *image)
{
	const struct sheaf_file_image file = {
		.fd = fcntl(image->fd, F_DUPFD_CLOEXEC, 0), /* the store closes it by itself */
		.read_only = image->read_only,
		.direct = image->direct,
		.flush_error = image->flush_error,
		.offset_bytes = image->offset,
		.size_bytes = image->bytes,
		.block_size = image->block_size,
	};
	const struct sheaf_lu_options options = {
		.block_size = image->block_size,
		.maximum_transfer_bytes = TRANSFER_BYTES_MAX,
		.read_only = image->read_only,
		.written = !image->read_only, /* by the driver before this one */
		.serial = image->serial,
	};
	uint32_t i = d->count;
	int r = file.fd < 0 ? -errno : sheaf_file_store_adopt(image->path, &file, &d->stores[i]);

	if (r < 0)
		return r;
	d->count++;
	return sheaf_lu_create(d->stores[i], &options, &d->lus[i]);
}

static void free_driver(struct disk_driver *d)
{
	sheaf_disk_free(d->disk);
	for (uint32_t i = 0; i < d->count; i++) {
		sheaf_lu_free(d->lus[i]);
		sheaf_store_free(d->stores[i]);
	}
	free(d->lus);
	free(d->stores);
	free(d);
}

static int create(const struct sheaf_driver_start *start, void **ret_controller)
{
	struct disk_driver *d = calloc(1, sizeof(*d));
	int r = 0;

	if (!d)
		return -ENOMEM;
	d->stores = calloc(start->image_count + 1, sizeof(struct sheaf_store *));
	d->lus = calloc(start->image_count + 1, sizeof(struct sheaf_lu *));
	if (!d->stores || !d->lus)
		r = -ENOMEM;
	if (r == 0 && start->image_count == 0) {
		sheaf_driver_error("needs an image");
		r = -EINVAL;
	}
	for (uint32_t i = 0; r == 0 && i < start->image_count; i++)
		r = add_image(d, &start->images[i]);
	if (r == 0)
		r = sheaf_disk_create(d->lus, d->count, start->slots ? start->slots : 1, &d->disk);
	if (r < 0) {
		free_driver(d);
		return r;
	}
	sheaf_disk_set_owner(d->disk, d);
	*ret_controller = d->disk;
	return 0;
}

static void destroy(void *controller)
{
	free_driver(sheaf_disk_owner(controller));
}

int sheaf_disk_driver_resize(void *controller, uint32_t index, uint64_t bytes, unsigned parts)
{
	struct disk_driver *d = sheaf_disk_owner(controller);
	int r = 0;

	if (index >= d->count)
		return -EINVAL;
	if (parts & SHEAF_RESIZE_STORE)
		r = sheaf_store_set_size(d->stores[index], bytes);
	if (r == 0 && parts & SHEAF_RESIZE_LU)
		r = sheaf_lu_resize(d->lus[index], bytes / sheaf_lu_block_size(d->lus[index]));
	return r;
}

const struct sheaf_driver sheaf_disk_driver = {
	.api = SHEAF_DRIVER_API,
	.name = "disk",
	.summary = "disk images, as sheaf serves them by itself",
	.ops = &sheaf_disk_ops,
	.create = create,
	.destroy = destroy,
};
