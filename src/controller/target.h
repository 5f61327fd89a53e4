/* SPDX-License-Identifier: MIT */
/* target.h - sheaf/target.h, and a target over logical units that somebody else has made. */
#ifndef SHEAF_CONTROLLER_TARGET_H
#define SHEAF_CONTROLLER_TARGET_H

#include <sheaf/target.h>

#include "scsi/lu.h"

/** As sheaf_target_create(); @lus stay the caller's and must outlive the target. 0 or -ENOMEM. */
int sheaf_target_create_on(struct sheaf_lu *const lus[], uint32_t lu_count, uint32_t tasks,
			   void (*done)(void *context, uint32_t index), struct sheaf_target **ret_target);

uint32_t sheaf_target_lu_count(const struct sheaf_target *target);

#endif
