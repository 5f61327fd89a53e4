/* SPDX-License-Identifier: MIT */
/**
 * mount_table.h - what is mounted, from /proc/self/mountinfo
 *
 * Reading it asks no filesystem anything, so it is right about a mount whose server is dead or stopped too.
 */
#ifndef SHEAF_MOUNT_TABLE_H
#define SHEAF_MOUNT_TABLE_H

#include <stdbool.h>

#define SHEAF_MOUNT_TYPE "fuse.sheaf"

struct sheaf_mount {
	char *mountpoint;
	char *source;
	char *type;
	unsigned major, minor; /* of st_dev; a FUSE mount's minor is its connection's number */
	bool ours;
};

struct sheaf_mount_table {
	struct sheaf_mount *mounts; /* in the kernel's order: later ones cover earlier ones */
	unsigned count;
};

/** 0 or -errno. */
int sheaf_mount_table_read(struct sheaf_mount_table *ret);
void sheaf_mount_table_free(struct sheaf_mount_table *table);

/** The uppermost mount with this mountpoint exactly (absolute); NULL if there is none. */
const struct sheaf_mount *sheaf_mount_at(const struct sheaf_mount_table *table, const char *path);
/** The mount that @path (absolute) is in. */
const struct sheaf_mount *sheaf_mount_containing(const struct sheaf_mount_table *table,
						 const char *path);
/**
 * sheaf_mount_find() - the mount that the user means with @path
 * Exactly there, or with @inside also the one of ours that it lies in. Relative names and links are resolved,
 * without a question to the mount itself.
 * @ret_path: malloc'ed, for messages; set on success and failure, NULL only without memory.
 */
const struct sheaf_mount *sheaf_mount_find(const struct sheaf_mount_table *table, const char *path,
					   bool inside, char **ret_path);

#endif
