/* SPDX-License-Identifier: MIT */
/*
 * images.h - from image paths to the controller that serves them: stores, logical units, disk controller; or a driver of somebody
 * else's (--controller), which gets the images open and locked.
 */
#ifndef SHEAF_IMAGES_H
#define SHEAF_IMAGES_H

#include "cli/loaded_driver.h"
#include "cli/serve.h"
#include "controller/disk.h"

struct sheaf_images {
	const struct sheaf_controller_ops *ops;
	void *controller;
	struct sheaf_loaded_driver loaded;
	/* Of our own controller; a loaded driver has none of it. */
	unsigned count;
	struct sheaf_store **stores;
	struct sheaf_lu **lus;
	struct sheaf_disk *disk;
};

/**
 * Open and lock all images, make the controller; errors are reported here, with the path. 0 or -errno; undone on failure.
 * @ret: not moved afterwards.
 */
int sheaf_images_open(const struct sheaf_serve_options *options, struct sheaf_images *ret);
/** Stable for an image as long as it is the same file: 16 hexadecimal digits of its real path. */
void sheaf_image_serial(const char *path, char serial[17]);
void sheaf_images_close(struct sheaf_images *images);

#endif
