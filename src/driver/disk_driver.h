/* SPDX-License-Identifier: MIT */
/* disk_driver.h - sheaf's own disk as a driver: the disk controller over the images whose descriptors the host passes */
#ifndef SHEAF_DISK_DRIVER_H
#define SHEAF_DISK_DRIVER_H

#include <sheaf/driver.h>

extern const struct sheaf_driver sheaf_disk_driver;

#endif
