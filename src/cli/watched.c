/* SPDX-License-Identifier: MIT */
/* watched.c - see watched.h */
#include "cli/watched.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/control.h"
#include "cli/loop_device.h"

int sheaf_watched_find(struct sheaf_watched *watched, const char *dir)
{
	CLEANUP_FREE char *path = NULL;

	memset(watched, 0, sizeof(*watched));
	if (sheaf_mount_table_read(&watched->table) < 0) {
		sheaf_error("/proc/self/mountinfo: cannot be read");
		return -ENOENT;
	}
	watched->mount = sheaf_mount_find(&watched->table, dir, true, &path);
	if (watched->mount && !watched->mount->ours)
		watched->mount = sheaf_loop_server(&watched->table, watched->mount);
	if (watched->mount)
		return 0;
	sheaf_error("%s: nothing of sheaf is mounted here; see: findmnt -t %s", dir,
		    SHEAF_MOUNT_TYPE);
	sheaf_watched_free(watched);
	return -ENOENT;
}

void sheaf_watched_free(struct sheaf_watched *watched)
{
	sheaf_mount_table_free(&watched->table);
	watched->mount = NULL;
}

/* malloc'ed, NULL without memory. */
static char *explain(const struct sheaf_mount *mount, const char *name,
		     enum sheaf_served_state state, int error)
{
	const char *dir = mount->mountpoint;
	char *text = NULL;
	int n = -1;

	switch (state) {
	case SHEAF_SERVED_ALIVE:
		break;
	case SHEAF_SERVED_DEAD:
		n = asprintf(&text, "%s: the server is dead; clear the mount with: sheaf umount %s",
			     dir, dir);
		break;
	case SHEAF_SERVED_HUNG: {
		pid_t pid = sheaf_served_find_pid(mount);

		n = asprintf(&text, "%s: the server (process %d) %s", dir, pid,
			     sheaf_process_is_stopped(pid) ? "is stopped" : "does not answer");
		break;
	}
	case SHEAF_SERVED_SILENT:
		n = error == ENOENT || error == ENOTDIR
			    ? asprintf(&text, "%s: no longer mounted", dir)
			    : asprintf(&text, "%s/.sheaf/%s: %s", dir, name, strerror(error));
	}
	return n < 0 ? NULL : text;
}

char *sheaf_watched_read(struct sheaf_watched *watched, char **ret_problem)
{
	return sheaf_watched_read_file(watched, "stats.json", ret_problem);
}

char *sheaf_watched_read_file(struct sheaf_watched *watched, const char *name, char **ret_problem)
{
	const struct sheaf_mount *mount = watched->mount;
	enum sheaf_served_state state;
	char *text = NULL;
	int error = 0;

	state = sheaf_served_ask(mount->mountpoint, name, &text, &error, &watched->pending);
	if (state == SHEAF_SERVED_ALIVE)
		return text;
	if (state == SHEAF_SERVED_HUNG && sheaf_control_ask(mount, name, &text) == 0)
		return text;
	*ret_problem = explain(mount, name, state, error);
	return NULL;
}
