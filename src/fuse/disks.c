/* SPDX-License-Identifier: MIT */
/* disks.c - see disks.h */
#include "fuse/disks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Loop devices take their discard granularity from st_blksize and f_bsize. */
#define PREFERRED_BLOCK 4096

const struct sheaf_control_file sheaf_control_files[SHEAF_CONTROL_FILES] = {
	{ SHEAF_NODE_STATS, "stats.json", 0 },
	{ SHEAF_NODE_METRICS, "metrics", 0 },
	/* Who does what on the disk is nobody else's business, and there is one reader. */
	{ SHEAF_NODE_RECORD, "record", 0400 },
	{ SHEAF_NODE_COMMAND, "control", 0200 },
	{ SHEAF_NODE_WHY, "why.json", 0400 },
};

const struct sheaf_control_file *sheaf_control_find(uint64_t node)
{
	for (unsigned i = 0; i < SHEAF_CONTROL_FILES; i++)
		if (sheaf_control_files[i].node == node)
			return &sheaf_control_files[i];
	return NULL;
}

static uint64_t control_lookup(const struct sheaf_disks *disks, const char *name)
{
	char sg_name[32];

	for (unsigned i = 0; i < SHEAF_CONTROL_FILES; i++)
		if (strcmp(sheaf_control_files[i].name, name) == 0)
			return sheaf_control_files[i].node;
	for (unsigned i = 0; i < disks->count; i++) {
		snprintf(sg_name, sizeof(sg_name), "sg%u", i);
		if (strcmp(name, sg_name) == 0)
			return SHEAF_NODE_SG0 + i;
	}
	return 0;
}

int sheaf_disks_init(struct sheaf_disks *disks, const struct sheaf_unit units[], unsigned count,
		     unsigned entries)
{
	struct timespec now;

	memset(disks, 0, sizeof(*disks));
	pthread_mutex_init(&disks->lock, NULL);
	disks->files = calloc(count, sizeof(*disks->files));
	disks->atime = calloc(3 * (size_t)count, sizeof(*disks->atime));
	if (!disks->files || !disks->atime)
		return -ENOMEM;
	disks->mtime = disks->atime + count;
	disks->ctime = disks->mtime + count;
	clock_gettime(CLOCK_REALTIME, &now);
	for (unsigned i = 0; i < 3 * count; i++)
		disks->atime[i] = now;
	for (unsigned i = 0; i < count; i++) {
		struct sheaf_disk_file *file = &disks->files[i];

		file->unit = units[i];
		file->size_bytes = units[i].blocks * units[i].block_size;
		if (sheaf_gate_init(&file->gate, entries) < 0)
			return -ENOMEM;
		disks->count++;
	}
	return 0;
}

void sheaf_disks_deinit(struct sheaf_disks *disks)
{
	for (unsigned i = 0; i < disks->count; i++)
		sheaf_gate_deinit(&disks->files[i].gate);
	free(disks->files);
	free(disks->atime);
	pthread_mutex_destroy(&disks->lock);
	disks->files = NULL;
	disks->count = 0;
}

struct sheaf_disk_file *sheaf_disks_find(struct sheaf_disks *disks, uint64_t node)
{
	if (node < SHEAF_NODE_DISK0 || node - SHEAF_NODE_DISK0 >= disks->count)
		return NULL;
	return &disks->files[node - SHEAF_NODE_DISK0];
}

struct sheaf_disk_file *sheaf_disks_find_sg(struct sheaf_disks *disks, uint64_t node)
{
	if (node < SHEAF_NODE_SG0 || node - SHEAF_NODE_SG0 >= disks->count)
		return NULL;
	return &disks->files[node - SHEAF_NODE_SG0];
}

void sheaf_disks_name(const struct sheaf_disks *disks, unsigned i, char name[32])
{
	if (disks->count == 1)
		strcpy(name, "disk");
	else
		snprintf(name, 32, "disk%u", i);
}

uint64_t sheaf_disks_lookup(struct sheaf_disks *disks, uint64_t parent, const char *name)
{
	char disk_name[32];

	if (parent == SHEAF_NODE_CONTROL)
		return control_lookup(disks, name);
	if (parent != SHEAF_NODE_ROOT)
		return 0;
	if (strcmp(name, ".sheaf") == 0)
		return SHEAF_NODE_CONTROL;
	for (unsigned i = 0; i < disks->count; i++) {
		sheaf_disks_name(disks, i, disk_name);
		if (strcmp(name, disk_name) == 0)
			return SHEAF_NODE_DISK0 + i;
	}
	return 0;
}

bool sheaf_disks_stat(struct sheaf_disks *disks, uint64_t node, struct stat *ret)
{
	const struct sheaf_disk_file *file = sheaf_disks_find(disks, node);
	const struct sheaf_disk_file *sg = sheaf_disks_find_sg(disks, node);
	const struct sheaf_control_file *control = sheaf_control_find(node);

	if (!file && !sg && !control && node != SHEAF_NODE_ROOT && node != SHEAF_NODE_CONTROL)
		return false;
	memset(ret, 0, sizeof(*ret));
	pthread_mutex_lock(&disks->lock);
	ret->st_ino = node;
	ret->st_uid = disks->uid;
	ret->st_gid = disks->gid;
	ret->st_blksize = PREFERRED_BLOCK;
	ret->st_nlink = 1;
	if (file) {
		unsigned i = (unsigned)(file - disks->files);

		ret->st_mode = S_IFREG | disks->mode;
		if (file->unit.read_only)
			ret->st_mode &= (mode_t)~0222;
		ret->st_size = (off_t)file->size_bytes;
		ret->st_blocks = (blkcnt_t)(file->size_bytes / 512);
		ret->st_atim = disks->atime[i];
		ret->st_mtim = disks->mtime[i];
		ret->st_ctim = disks->ctime[i];
	} else if (sg) {
		/* Commands can do all that a disk can, so they are the owner's, whatever the disks' mode is. */
		ret->st_mode = S_IFREG | 0600;
		ret->st_atim = ret->st_mtim = ret->st_ctim = disks->ctime[sg - disks->files];
	} else {
		/* Who may look at the disks may look at the directories. */
		mode_t read_bits = disks->mode & 0444;

		ret->st_mode = control ?
				       S_IFREG | (control->owner_only ? control->owner_only : read_bits) :
				       (mode_t)(S_IFDIR | read_bits | read_bits >> 2);
		ret->st_nlink = node == SHEAF_NODE_ROOT ? 3 : node == SHEAF_NODE_CONTROL ? 2 : 1;
		ret->st_atim = ret->st_mtim = ret->st_ctim = disks->ctime[0];
	}
	pthread_mutex_unlock(&disks->lock);
	return true;
}
