/* SPDX-License-Identifier: MIT */
/**
 * disk.h - the disk controller: target 0 with one logical unit per image
 *
 * Implements struct sheaf_controller_ops over a target (sheaf/target.h, target.c). Contexts share nothing but the target's array of
 * tasks, in which a context touches only the slots that it was handed. What drivers see of it is in sheaf/disk.h.
 */
#ifndef SHEAF_DISK_H
#define SHEAF_DISK_H

#include <sheaf/controller.h>
#include <sheaf/disk.h>

#include "scsi/lu.h"

/** @lus stay the caller's and must outlive the disk. @maximum_task_count: 1 or more. 0 or -ENOMEM. */
int sheaf_disk_create(struct sheaf_lu *const lus[], uint32_t lu_count, uint32_t maximum_task_count,
		      struct sheaf_disk **ret_disk);
/** A pointer of who made the disk, NULL at first. */
void sheaf_disk_set_owner(struct sheaf_disk *disk, void *owner);
void *sheaf_disk_owner(const struct sheaf_disk *disk);

#endif
