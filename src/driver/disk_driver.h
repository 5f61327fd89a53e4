/* SPDX-License-Identifier: MIT */
/* disk_driver.h - sheaf's own disk as a driver: the disk controller over the images whose descriptors the host passes */
#ifndef SHEAF_DISK_DRIVER_H
#define SHEAF_DISK_DRIVER_H

#include <stdint.h>

#include <sheaf/driver.h>

extern const struct sheaf_driver sheaf_disk_driver;

/** A sheaf_driver_resize (process.h) for it. */
int sheaf_disk_driver_resize(void *controller, uint32_t index, uint64_t bytes, unsigned parts);

#endif
