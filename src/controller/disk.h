/* SPDX-License-Identifier: MIT */
/**
 * disk.h - the disk controller: target 0 with one logical unit per image
 *
 * Implements struct sheaf_controller_ops over src/scsi. Contexts share nothing but the array of tasks, in which a
 * context touches only the slots that it was handed.
 */
#ifndef SHEAF_DISK_H
#define SHEAF_DISK_H

#include <sheaf/controller.h>

#include "scsi/lu.h"

struct sheaf_disk;

/** @lus stay the caller's and must outlive the disk. @maximum_task_count: 1 or more. 0 or -ENOMEM. */
int sheaf_disk_create(struct sheaf_lu *const lus[], uint32_t lu_count, uint32_t maximum_task_count,
		      struct sheaf_disk **ret_disk);
struct sheaf_disk *sheaf_disk_free(struct sheaf_disk *disk);
/** A pointer of who made the disk, NULL at first. */
void sheaf_disk_set_owner(struct sheaf_disk *disk, void *owner);
void *sheaf_disk_owner(const struct sheaf_disk *disk);

extern const struct sheaf_controller_ops sheaf_disk_ops;

#endif
