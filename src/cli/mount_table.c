/* SPDX-License-Identifier: MIT */
/* mount_table.c - see mount_table.h; the format is in proc_pid_mountinfo(5) */
#include "cli/mount_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/paths.h"

/* Spaces, tabs, newlines and backslashes come as \ooo. */
static void unescape(char *text)
{
	char *out = text;

	for (char *in = text; *in; in++) {
		unsigned code;

		if (in[0] == '\\' && in[1] && in[2] && in[3] && sscanf(in + 1, "%3o", &code) == 1) {
			*out++ = (char)code;
			in += 3;
		} else {
			*out++ = *in;
		}
	}
	*out = '\0';
}

/* False for a line that is none. */
static bool parse_line(char *line, struct sheaf_mount *ret)
{
	struct sheaf_mount mount = { 0 };
	char *mountpoint = NULL, *type = NULL, *source = NULL;
	char *rest = strstr(line, " - ");

	if (!rest)
		return false;
	*rest = '\0';
	if (sscanf(line, "%*s %*s %u:%u %*s %ms", &mount.major, &mount.minor, &mountpoint) == 3 &&
	    sscanf(rest + 3, "%ms %ms", &type, &source) == 2) {
		unescape(mountpoint);
		unescape(source);
		mount.mountpoint = mountpoint;
		mount.type = type;
		mount.source = source;
		mount.ours = strcmp(type, SHEAF_MOUNT_TYPE) == 0;
		*ret = mount;
		return true;
	}
	free(mountpoint);
	free(type);
	free(source);
	return false;
}

int sheaf_mount_table_read(struct sheaf_mount_table *ret)
{
	struct sheaf_mount_table table = { 0 };
	CLEANUP_FREE char *line = NULL;
	size_t size = 0;
	FILE *in = fopen("/proc/self/mountinfo", "re");
	int r = in ? 0 : -errno;

	while (in && r == 0 && getline(&line, &size, in) > 0) {
		struct sheaf_mount *more =
			reallocarray(table.mounts, table.count + 1, sizeof(*more));

		if (!more) {
			r = -ENOMEM;
			break;
		}
		table.mounts = more;
		if (parse_line(line, &table.mounts[table.count]))
			table.count++;
	}
	if (in)
		fclose(in);
	if (r < 0)
		sheaf_mount_table_free(&table);
	*ret = table;
	return r;
}

void sheaf_mount_table_free(struct sheaf_mount_table *table)
{
	for (unsigned i = 0; i < table->count; i++) {
		free(table->mounts[i].mountpoint);
		free(table->mounts[i].source);
		free(table->mounts[i].type);
	}
	free(table->mounts);
	table->mounts = NULL;
	table->count = 0;
}

const struct sheaf_mount *sheaf_mount_at(const struct sheaf_mount_table *table, const char *path)
{
	for (unsigned i = table->count; i-- > 0;)
		if (strcmp(table->mounts[i].mountpoint, path) == 0)
			return &table->mounts[i];
	return NULL;
}

const struct sheaf_mount *sheaf_mount_containing(const struct sheaf_mount_table *table,
						 const char *path)
{
	const struct sheaf_mount *best = NULL;

	for (unsigned i = 0; i < table->count; i++) {
		const struct sheaf_mount *m = &table->mounts[i];

		if (sheaf_path_is_below(path, m->mountpoint) &&
		    (!best || strlen(m->mountpoint) >= strlen(best->mountpoint)))
			best = m;
	}
	return best;
}

static const struct sheaf_mount *look(const struct sheaf_mount_table *table, const char *path,
				      bool inside)
{
	const struct sheaf_mount *m = sheaf_mount_at(table, path);

	if (!m && inside) {
		m = sheaf_mount_containing(table, path);
		m = m && m->ours ? m : NULL;
	}
	return m;
}

const struct sheaf_mount *sheaf_mount_find(const struct sheaf_mount_table *table, const char *path,
					   bool inside, char **ret_path)
{
	char *name = sheaf_path_absolute(path);
	const struct sheaf_mount *m = name ? look(table, name, inside) : NULL;

	/* The parent's links first: only when no mount is there may the last part be looked at. */
	for (int links = 0; name && !m && links < 2; links++) {
		char *resolved = links == 0 ? sheaf_path_resolved(name) : realpath(name, NULL);

		if (!resolved)
			break;
		free(name);
		name = resolved;
		m = look(table, name, inside);
	}
	*ret_path = name;
	return m;
}
