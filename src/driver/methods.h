/* SPDX-License-Identifier: MIT */
/* methods.h - the calls of the channel that are one method of the controller's table, and nothing else */
#ifndef SHEAF_DRIVER_METHODS_H
#define SHEAF_DRIVER_METHODS_H

#include <stdint.h>

#include <sheaf/controller.h>

#include "seam/channel.h"

/**
 * A method with its arguments from @values, as seam/channel.h says where they are, and its answers to @values.
 * Thread: the main one, while the loops run. Return: what it returns; 0 with the answer "no" for one that is optional and not there.
 */
typedef int (*sheaf_driver_method)(const struct sheaf_controller_ops *ops, void *controller, uint64_t values[]);

/** NULL: the call is none of these. */
extern const sheaf_driver_method sheaf_driver_methods[SHEAF_CALLS];

#endif
