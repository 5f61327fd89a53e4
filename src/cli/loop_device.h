/* SPDX-License-Identifier: MIT */
/* loop_device.h - a block device over a disk file of ours: loop(4), and from a device back to the server. */
#ifndef SHEAF_LOOP_DEVICE_H
#define SHEAF_LOOP_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/mount_table.h"

/**
 * sheaf_loop_attach() - a free loop device with @file, by direct I/O where the kernel can
 * It clears itself at its last close.  @block_size: 512, 4096, or 0 for the kernel's choice.
 * @ret_device: "/dev/loopN", malloc'ed. Return: the device open, or -errno; reported.
 */
int sheaf_loop_attach(const char *file, bool read_only, uint32_t block_size, char **ret_device);
/** The file behind "/dev/loopN", malloc'ed; NULL if it is none, or free. */
char *sheaf_loop_backing_file(const char *device);
/**
 * sheaf_loop_update_size() - tell each loop device over @file that the file has another size
 * @told: with its name, for each; @error: 0, or a negative errno, -EPERM or -EACCES without the right.
 * Return: how many there are.
 */
unsigned sheaf_loop_update_size(const char *file, void (*told)(const char *device, int error));
/** Wait until nothing is behind @device any more; false when the time is over. */
bool sheaf_loop_wait_clear(const char *device, int timeout_ms);
/** The mount of ours whose disk is behind @mount (a filesystem on a loop device), or NULL. */
const struct sheaf_mount *sheaf_loop_server(const struct sheaf_mount_table *table,
					    const struct sheaf_mount *mount);

#endif
