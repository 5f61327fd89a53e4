/* SPDX-License-Identifier: MIT */
/* holders.c - see holders.h */
#include "cli/holders.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/paths.h"

/* More lines than this help nobody. */
#define REPORT_MAX 10

static bool link_is_below(const char *path, const char *folder, char target[PATH_MAX])
{
	ssize_t n = readlink(path, target, PATH_MAX - 1);

	if (n <= 0)
		return false;
	target[n] = '\0';
	return sheaf_path_is_below(target, folder);
}

/* What of the mount a process has open; in @what for the message. */
static bool has_open(const char *pid, const char *folder, char what[PATH_MAX])
{
	char path[320];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%.16s/fd/%.32s", pid, entry->d_name);
		found = entry->d_name[0] != '.' && link_is_below(path, folder, what);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* A mapping outlives its descriptor: "address perms offset major:minor inode path". */
static bool has_mapped(const char *pid, const char *folder, char what[PATH_MAX])
{
	char path[64];
	CLEANUP_FREE char *line = NULL;
	size_t size = 0;
	bool found = false;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%.16s/maps", pid);
	maps = fopen(path, "re");
	while (maps && !found && getline(&line, &size, maps) > 0) {
		char *name = strchr(line, '/');

		line[strcspn(line, "\n")] = '\0';
		found = name && sheaf_path_is_below(name, folder);
		if (found)
			snprintf(what, PATH_MAX, "%s", name);
	}
	if (maps)
		fclose(maps);
	return found;
}

static const char *how_held(const char *pid, const char *folder, char what[PATH_MAX])
{
	static const struct {
		const char *name, *how;
	} links[] = { { "cwd", "works in" }, { "root", "has as its root" }, { "exe", "runs" } };
	char path[64];

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%.16s/%s", pid, links[i].name);
		if (link_is_below(path, folder, what))
			return links[i].how;
	}
	return has_open(pid, folder, what)     ? "has open"
	       : has_mapped(pid, folder, what) ? "has mapped"
					       : NULL;
}

static void read_command(const char *pid, char *command, size_t size)
{
	char path[64];
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
	in = fopen(path, "re");
	if (!in || !fgets(command, (int)size, in))
		snprintf(command, size, "?");
	command[strcspn(command, "\n")] = '\0';
	if (in)
		fclose(in);
}

static unsigned report_processes(const char *folder)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	unsigned found = 0;

	while (proc && (entry = readdir(proc))) {
		char what[PATH_MAX], command[64];
		const char *how;

		if (!isdigit((unsigned char)entry->d_name[0]) || atol(entry->d_name) == getpid())
			continue;
		how = how_held(entry->d_name, folder, what);
		if (!how || found++ >= REPORT_MAX)
			continue;
		read_command(entry->d_name, command, sizeof(command));
		sheaf_error("%s: process %s (%s) %s %s", folder, entry->d_name, command, how, what);
	}
	if (proc)
		closedir(proc);
	return found;
}

static const char *mounted_where(const struct sheaf_mount_table *table, const char *device)
{
	for (unsigned i = table->count; i-- > 0;)
		if (strcmp(table->mounts[i].source, device) == 0)
			return table->mounts[i].mountpoint;
	return NULL;
}

static unsigned report_loop_devices(const char *folder, const struct sheaf_mount_table *table)
{
	DIR *dir = opendir("/sys/block");
	struct dirent *entry;
	unsigned found = 0;

	while (dir && (entry = readdir(dir))) {
		char path[320], device[280], backing[PATH_MAX];
		FILE *in;

		if (strncmp(entry->d_name, "loop", 4) != 0)
			continue;
		snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file", entry->d_name);
		in = fopen(path, "re");
		if (!in)
			continue;
		if (!fgets(backing, sizeof(backing), in))
			*backing = '\0';
		fclose(in);
		backing[strcspn(backing, "\n")] = '\0';
		if (!sheaf_path_is_below(backing, folder))
			continue;
		snprintf(device, sizeof(device), "/dev/%s", entry->d_name);
		const char *where = mounted_where(table, device);

		sheaf_error("%s: loop device %s has %s%s%s%s", folder, device, backing,
			    where ? ", mounted at " : "; free it with: losetup -d ",
			    where ? where : device, where ? "; unmount that first" : "");
		found++;
	}
	if (dir)
		closedir(dir);
	return found;
}

static unsigned report_mounts(const char *folder, const struct sheaf_mount_table *table)
{
	unsigned found = 0;

	for (unsigned i = 0; i < table->count; i++) {
		const char *mountpoint = table->mounts[i].mountpoint;

		if (strcmp(mountpoint, folder) == 0 || !sheaf_path_is_below(mountpoint, folder))
			continue;
		sheaf_error("%s: %s is mounted below it, at %s", folder, table->mounts[i].source,
			    mountpoint);
		found++;
	}
	return found;
}

unsigned sheaf_holders_report(const struct sheaf_mount *mount,
			      const struct sheaf_mount_table *table)
{
	unsigned found = report_mounts(mount->mountpoint, table);

	found += report_loop_devices(mount->mountpoint, table);
	found += report_processes(mount->mountpoint);
	return found;
}
