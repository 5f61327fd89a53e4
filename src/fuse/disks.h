/* SPDX-License-Identifier: MIT */
/**
 * disks.h - the files of a mount: DIR/disk (or disk0, disk1, …) and DIR/.sheaf/
 *
 * A disk file is a unit that the host found, with the gate that keeps its read-modify-writes apart, and what
 * a file has: owner, mode, times. Its size changes by sheaf resize only (resize.h).
 */
#ifndef SHEAF_DISKS_H
#define SHEAF_DISKS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/range_gate.h"
#include "host/probe.h"

/* Node numbers. */
enum {
	SHEAF_NODE_ROOT = 1, /* FUSE_ROOT_ID */
	SHEAF_NODE_CONTROL = 2, /* .sheaf */
	SHEAF_NODE_STATS = 3,	/* .sheaf/stats.json */
	SHEAF_NODE_METRICS = 4, /* .sheaf/metrics */
	SHEAF_NODE_RECORD = 5,	/* .sheaf/record */
	SHEAF_NODE_COMMAND = 6, /* .sheaf/control */
	SHEAF_NODE_WHY = 7,	/* .sheaf/why.json */
	SHEAF_NODE_DISK0 = 16,	/* disk i is SHEAF_NODE_DISK0 + i */
	SHEAF_NODE_SG0 = 0x10000, /* .sheaf/sg<i> */
};

/** W: any loop, relaxed. */
struct sheaf_disk_stats {
	_Atomic uint64_t reads, writes, read_bytes, written_bytes, flushes, unmaps;
};

struct sheaf_disk_file {
	struct sheaf_unit unit; /* as it was found; its blocks change: sheaf_disk_blocks() */
	_Atomic uint64_t size_bytes; /* W: resize.c; R: any, by sheaf_disk_size() */
	const char *image; /* for stats.json */
	struct sheaf_range_gate gate;
	/* FLUSH is free unless something was written since the last sync that succeeded. */
	_Atomic uint64_t written_count, synced_count;
	struct sheaf_disk_stats stats;
};

/** Bytes and blocks right now. Plain loads; who needs the same value twice loads it once. */
static inline uint64_t sheaf_disk_size(const struct sheaf_disk_file *file)
{
	return atomic_load_explicit(&file->size_bytes, memory_order_relaxed);
}

static inline uint64_t sheaf_disk_blocks(const struct sheaf_disk_file *file)
{
	return sheaf_disk_size(file) / file->unit.block_size;
}

/** A file of DIR/.sheaf/: text that is made when it is opened; but SHEAF_NODE_RECORD is a stream, SHEAF_NODE_COMMAND is written. */
struct sheaf_control_file {
	uint64_t node;
	const char *name;
	mode_t owner_only; /* its mode, 0400 or 0200; 0: as the disks may be read */
};
extern const struct sheaf_control_file sheaf_control_files[];
#define SHEAF_CONTROL_FILES 5
/** The row of @node, NULL if it is none. */
const struct sheaf_control_file *sheaf_control_find(uint64_t node);

struct sheaf_disks {
	struct sheaf_disk_file *files;
	unsigned count;
	pthread_mutex_t lock; /* guards what follows */
	uid_t uid;
	gid_t gid;
	mode_t mode; /* permission bits of disk files */
	struct timespec *atime, *mtime, *ctime; /* per file */
};

/** @entries: requests that may be in a gate at once. 0 or -ENOMEM. */
int sheaf_disks_init(struct sheaf_disks *disks, const struct sheaf_unit units[], unsigned count,
		     unsigned entries);
void sheaf_disks_deinit(struct sheaf_disks *disks);
/** The disk of @node, NULL if it is none. */
struct sheaf_disk_file *sheaf_disks_find(struct sheaf_disks *disks, uint64_t node);
/** The disk whose SCSI node @node is, NULL if it is none. */
struct sheaf_disk_file *sheaf_disks_find_sg(struct sheaf_disks *disks, uint64_t node);
/** Node of @name in directory @parent, 0 if there is none. */
uint64_t sheaf_disks_lookup(struct sheaf_disks *disks, uint64_t parent, const char *name);
/** Name of disk @i. */
void sheaf_disks_name(const struct sheaf_disks *disks, unsigned i, char name[32]);
/** Attributes of @node; false if there is none. */
bool sheaf_disks_stat(struct sheaf_disks *disks, uint64_t node, struct stat *ret);

#endif
