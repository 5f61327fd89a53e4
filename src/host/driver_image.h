/* SPDX-License-Identifier: MIT */
/**
 * driver_image.h - the images that a driver in another process serves, and the fence behind its last write
 *
 * The host opens, checks and locks an image; each driver gets an open file description of its own (opened anew through
 * /proc/self/fd). Three things come of that:
 *
 *   1. The lock on the image is the host's; a driver cannot give it up.
 *   2. The fence. When a process is gone, what it gave to the kernel may not be: io_uring's direct writes to a disk outlive
 *      the ring's owner (io_ring_exit_work() runs later), and children may have inherited the descriptor. All of them
 *      hold the open file description. So it carries an OFD lock on a byte that nobody else uses, and the lock goes when the last reference
 *      to the description goes: then, and not before, nothing of the old driver can reach the image any more.
 *   3. A write-back error that only the old driver was told of is not lost: the host's description still has it to report.
 *
 * Where /proc is not there or a filesystem has no locks, the driver gets a duplicate, and its process' end is the whole fence.
 */
#ifndef SHEAF_DRIVER_IMAGE_H
#define SHEAF_DRIVER_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

struct sheaf_driver_file {
	int fd; /* the host's; has the lock on the image */
	const char *path;
	char serial[17];
	bool read_only, direct;
	uint64_t offset_bytes;
	uint64_t size_bytes; /* changed by sheaf_life_resize(), on the life's thread */
	uint32_t block_size;
	int flush_error; /* a write-back failed while a driver had it, see (3) */
	bool fenced;	 /* the driver's description has the lock of (2) */
};

/** A descriptor for a new driver, the caller's; @file->fenced says whether its end can be told. Return: a descriptor or -errno. */
int sheaf_driver_file_open(struct sheaf_driver_file *file);
/** Is the description of the driver before gone, with all that was in flight? True also where that cannot be told. */
bool sheaf_driver_file_is_free(const struct sheaf_driver_file *file);
/** Note a write-back error that nobody but a dead driver has seen. Waits for write-back that is under way. */
void sheaf_driver_file_look_for_errors(struct sheaf_driver_file *file);

#endif
