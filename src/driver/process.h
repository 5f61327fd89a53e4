/* SPDX-License-Identifier: MIT */
/* process.h - sheaf_driver_main() for drivers that can more than <sheaf/driver.h> says; drivers of others know nothing of it */
#ifndef SHEAF_DRIVER_PROCESS_H
#define SHEAF_DRIVER_PROCESS_H

#include <stdint.h>

#include <sheaf/driver.h>

/**
 * The disk of image @index has @bytes from now on, which the image has and which are whole blocks; @parts: SHEAF_RESIZE_* of seam/channel.h.
 * Thread: the main one, while the loops run. 0 or a negative errno: nothing has changed.
 */
typedef int (*sheaf_driver_resize)(void *controller, uint32_t index, uint64_t bytes, unsigned parts);

/** As sheaf_driver_main(). @resize: NULL: the driver cannot. */
int sheaf_driver_run(const struct sheaf_driver *driver, sheaf_driver_resize resize, int argc, char **argv);

#endif
