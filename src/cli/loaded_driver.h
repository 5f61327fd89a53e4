/* SPDX-License-Identifier: MIT */
/**
 * loaded_driver.h - a driver that is a shared object, in this process: --controller=FILE.so, and `sheaf check`
 *
 *   open: dlopen, the entry, checks of what it says of itself    create: its controller    close: both back, and its descriptors
 *
 * Thread: the main one. Errors are reported here, with the file's name.
 */
#ifndef SHEAF_LOADED_DRIVER_H
#define SHEAF_LOADED_DRIVER_H

#include <sheaf/driver.h>

struct sheaf_loaded_driver {
	void *handle; /* of dlopen() */
	char *text;   /* what argv points into */
	char **argv;  /* argv[0]: the file */
	int argc;
	const struct sheaf_driver *driver;
	struct sheaf_controller_ops ops; /* the driver's, under the driver's name */
	bool created;
	void *controller;
	struct sheaf_driver_image *images; /* room for as many as open was told; the caller fills them in */
	uint32_t image_count;
};

/**
 * sheaf_loaded_driver_find() - where the shared object is that @words names
 * @words: "FILE.so" or "FILE.so WORD..."; a FILE without '/' that is not in this folder is looked for where sheaf installs its own.
 * @ret_words: the same with an absolute path, malloc'ed, so that it can be opened from elsewhere.
 * Return: 0; -ENOENT, -EINVAL (a program), -ENOMEM: reported.
 */
int sheaf_loaded_driver_find(const char *words, char **ret_words);
/** @words: as found. Return: 0, or -errno; after both, close. */
int sheaf_loaded_driver_open(struct sheaf_loaded_driver *loaded, const char *words, uint32_t images);
/** @slots: tasks at a time that the host would like. 0, or -errno of create(). */
int sheaf_loaded_driver_create(struct sheaf_loaded_driver *loaded, uint32_t slots);
/** A zeroed one is allowed. No loop serves the controller any more, and it was stopped. */
void sheaf_loaded_driver_close(struct sheaf_loaded_driver *loaded);

#endif
