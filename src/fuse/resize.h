/* SPDX-License-Identifier: MIT */
/**
 * resize.h - a disk file gets another size while it is in use
 *
 *   growth:     image, LU; then sheaf_disk_set_size(), sheaf_disk_tell()
 *   shrinking:  sheaf_disk_set_size(), sheaf_disk_enter(), LU, tasks that are out, image; then sheaf_disk_leave(), sheaf_disk_tell()
 *
 * Thread of all: one that serves no requests, one at a time; all may sleep.
 */
#ifndef SHEAF_RESIZE_H
#define SHEAF_RESIZE_H

#include <semaphore.h>

#include "base/range_gate.h"
#include "fuse/disks.h"

struct sheaf_fuse;

/** Requests that come from now on are checked against @bytes. */
void sheaf_disk_set_size(struct sheaf_disks *disks, struct sheaf_disk_file *file, uint64_t bytes);

/** What goes away, for oneself. */
struct sheaf_disk_hold {
	struct sheaf_gate_entry entry; /* first */
	sem_t granted;
};

/** Requests that change [begin, end) of @file have ended when it returns, and no others begin. */
void sheaf_disk_enter(struct sheaf_disk_file *file, struct sheaf_disk_hold *hold, uint64_t begin,
		      uint64_t end);
void sheaf_disk_leave(struct sheaf_disk_file *file, struct sheaf_disk_hold *hold);

/** The kernel forgets the size, and what it has cached from @from on; who asks next gets the new one. */
void sheaf_disk_tell(struct sheaf_fuse *fuse, const struct sheaf_disk_file *file, uint64_t from);

#endif
