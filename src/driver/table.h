/* SPDX-License-Identifier: MIT */
/* table.h - what is asked of a driver's table before any of it is called, and whose messages are a driver's. */
#ifndef SHEAF_TABLE_H
#define SHEAF_TABLE_H

#include <sheaf/driver.h>

/** The name of a hook that must be there and is not, or NULL. */
const char *sheaf_controller_missing_hook(const struct sheaf_controller_ops *ops);

/** Whose messages sheaf_driver_error() writes; @name outlives them. Thread: the main one, before create(). */
void sheaf_driver_set_name(const char *name);

#endif
