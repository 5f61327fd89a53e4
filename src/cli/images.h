/* SPDX-License-Identifier: MIT */
/* images.h - from image paths to the disk controller that serves them: stores, logical units, controller. */
#ifndef SHEAF_IMAGES_H
#define SHEAF_IMAGES_H

#include "cli/serve.h"
#include "controller/disk.h"

struct sheaf_images {
	unsigned count;
	struct sheaf_store **stores;
	struct sheaf_lu **lus;
	struct sheaf_disk *disk;
};

/** Open and lock all images; errors are reported here, with the path. 0 or -errno; undone on failure. */
int sheaf_images_open(const struct sheaf_serve_options *options, struct sheaf_images *ret);
/** Stable for an image as long as it is the same file: 16 hexadecimal digits of its real path. */
void sheaf_image_serial(const char *path, char serial[17]);
void sheaf_images_close(struct sheaf_images *images);

#endif
