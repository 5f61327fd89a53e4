/* SPDX-License-Identifier: MIT */
/**
 * driver.h - what makes a controller a driver: its name, how it is made, and how its process runs
 *
 * One source serves both ways. Built as a program it runs in a process of its own (`sheaf mount --driver=./my_driver`):
 *
 *	static const struct sheaf_driver my_driver = { .api = SHEAF_DRIVER_API, .name = "my-driver", … };
 *	SHEAF_DRIVER(my_driver)
 *	int main(int argc, char **argv) { return sheaf_driver_main(&my_driver, argc, argv); }
 *
 * Built as a shared object it runs inside the server (`sheaf mount --controller=my_driver.so`); main() is not called then.
 */
#ifndef SHEAF_DRIVER_H
#define SHEAF_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include <sheaf/controller.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/** Of this header and controller.h; grows when a driver that was built before could no longer run. */
#define SHEAF_DRIVER_API 1

/** An image that the host opened, checked and locked; the driver gets a descriptor and opens nothing. */
struct sheaf_driver_image {
	const char *path; /* as the user named it, for messages only */
	int fd;		  /* the driver's own from here on; closed for it after destroy() */
	bool read_only;	  /* then fd is as well */
	bool direct;	  /* fd has O_DIRECT */
	uint64_t offset;  /* bytes into the file where the disk begins */
	uint64_t bytes;	  /* of the disk */
	uint32_t block_size; /* that the user wants: 512 or 4096 */
	const char *serial;  /* 16 characters, the same for the image whoever serves it; for VPD page 80h */
	/* A flush of the image failed with this negative errno, so none may succeed any more; 0: none did. */
	int flush_error;
};

/** How a driver is started. All pointers are valid until destroy() returns. */
struct sheaf_driver_start {
	int argc; /* what the user gave it: --driver='./ramdisk size=64M' has argv[0] "./ramdisk", argv[1] "size=64M" */
	char *const *argv;
	const struct sheaf_driver_image *images;
	uint32_t image_count;
	uint32_t slots; /* tasks at a time that the host would like; see report_maximum_task_count */
};

struct sheaf_driver {
	uint32_t api;	     /* SHEAF_DRIVER_API */
	const char *name;    /* a plain word, for messages and stats.json */
	const char *summary; /* one line, for --help */
	const struct sheaf_controller_ops *ops;
	/**
	 * Make a controller: *ret_controller is what ops get. Called once a start, before initialize_controller; may report errors
	 * by sheaf_driver_error(). Thread: the main one. Return: 0 or a negative errno.
	 */
	int (*create)(const struct sheaf_driver_start *start, void **ret_controller);
	/** After stop(), or where bring-up failed. */
	void (*destroy)(void *controller);
};

/**
 * sheaf_driver_main() - run @driver in this process until its host ends
 * The host's channel is what `sheaf mount` left in the environment, or the socket that --connect=PATH names; it may be called
 * from a shell only with --help, --version or --connect.
 * Thread: the process's main thread; makes all others.
 * Return: an exit code: 0 the host ended it, 1 an error that was reported, 2 a mistake on the command line.
 */
int sheaf_driver_main(const struct sheaf_driver *driver, int argc, char **argv);

/** A message to standard error (the server's log), with the driver's name. Thread: any. */
void sheaf_driver_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** What --controller=FILE.so looks for. */
#define SHEAF_DRIVER_SYMBOL "sheaf_driver_entry"
#define SHEAF_DRIVER(driver)                                                                       \
	__attribute__((visibility("default"))) const struct sheaf_driver *sheaf_driver_entry(void) \
	{                                                                                          \
		return &(driver);                                                                  \
	}
const struct sheaf_driver *sheaf_driver_entry(void);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
