/* SPDX-License-Identifier: MIT */
/**
 * disk.h - a whole controller over media, for drivers that have nothing to say about slots and bundles
 *
 *	static const struct sheaf_driver my_driver = { .api = SHEAF_DRIVER_API, .name = "my-driver", .ops = &sheaf_disk_ops, … };
 *
 * and a create() that makes the media and calls sheaf_disk_create_over(). Bundled and single-task mode, any number of contexts, task
 * management: all is there, it is the controller that serves sheaf's own images. examples/stripe.c and examples/slow.c use it.
 */
#ifndef SHEAF_PUBLIC_DISK_H
#define SHEAF_PUBLIC_DISK_H

#include <stdint.h>

#include <sheaf/controller.h>
#include <sheaf/medium.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct sheaf_disk;

/** The table; its controller is a struct sheaf_disk. */
extern const struct sheaf_controller_ops sheaf_disk_ops;

/**
 * sheaf_disk_create_over() - a controller with logical unit i over @media[i]
 * @media: copied; what arg and names point to must outlive the disk.  @medium_count: 1 to 256.
 * @maximum_task_count: tasks at a time, 1 to 4096; struct sheaf_driver_start has what the host would like.
 * Thread: any.  Return: 0; -EINVAL: a medium that cannot be, see sheaf_target_create(); -ENOMEM.
 */
int sheaf_disk_create_over(const struct sheaf_medium media[], uint32_t medium_count,
			   uint32_t maximum_task_count, struct sheaf_disk **ret_disk);
/** After stop(); NULL is allowed. Returns NULL. */
struct sheaf_disk *sheaf_disk_free(struct sheaf_disk *disk);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
