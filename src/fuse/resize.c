/* SPDX-License-Identifier: MIT */
/* resize.c - see resize.h */
#include "fuse/resize.h"

#include <fuse_lowlevel.h>
#include <stddef.h>
#include <time.h>

#include "fuse/fuse.h"

void sheaf_disk_set_size(struct sheaf_disks *disks, struct sheaf_disk_file *file, uint64_t bytes)
{
	unsigned i = (unsigned)(file - disks->files);

	pthread_mutex_lock(&disks->lock);
	atomic_store(&file->size_bytes, bytes);
	clock_gettime(CLOCK_REALTIME, &disks->mtime[i]);
	disks->ctime[i] = disks->mtime[i];
	pthread_mutex_unlock(&disks->lock);
}

static_assert(offsetof(struct sheaf_disk_hold, entry) == 0, "granted() casts");

static void granted(struct sheaf_gate_entry *entry)
{
	sem_post(&((struct sheaf_disk_hold *)entry)->granted);
}

void sheaf_disk_enter(struct sheaf_disk_file *file, struct sheaf_disk_hold *hold, uint64_t begin,
		      uint64_t end)
{
	*hold = (struct sheaf_disk_hold){ .entry.granted = granted };
	sem_init(&hold->granted, 0, 0);
	if (sheaf_gate_enter_exclusive(&file->gate, &hold->entry, begin, end))
		return;
	while (sem_wait(&hold->granted) < 0)
		;
}

void sheaf_disk_leave(struct sheaf_disk_file *file, struct sheaf_disk_hold *hold)
{
	sheaf_gate_leave(&file->gate, &hold->entry);
	sem_destroy(&hold->granted);
}

void sheaf_disk_tell(struct sheaf_fuse *fuse, const struct sheaf_disk_file *file, uint64_t from)
{
	/* An inode that the kernel does not have is none of our business, nor is a connection that is gone. */
	(void)fuse_lowlevel_notify_inval_inode(
		fuse->session, SHEAF_NODE_DISK0 + (uint64_t)(file - fuse->disks.files), (off_t)from, 0);
}
