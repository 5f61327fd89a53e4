/* SPDX-License-Identifier: MIT */
/* watched.h - the mount that `sheaf stats`, `sheaf top` and `sheaf record` look at: found by a name, asked without a chance to hang. */
#ifndef SHEAF_WATCHED_H
#define SHEAF_WATCHED_H

#include "cli/mount_table.h"
#include "cli/served.h"

struct sheaf_watched {
	struct sheaf_mount_table table;
	const struct sheaf_mount *mount; /* in the table */
	pid_t pending; /* a question that was not answered; no other is asked before it ends */
};

/**
 * sheaf_watched_find() - the server that the user means with @dir
 * A mount of ours, something in it, or a filesystem that `sheaf attach` mounted. Return: 0, or -ENOENT, reported.
 */
int sheaf_watched_find(struct sheaf_watched *watched, const char *dir);
void sheaf_watched_free(struct sheaf_watched *watched);
/**
 * sheaf_watched_read() - stats.json as it is now; sheaf_watched_read_file(): a file of .sheaf by its name
 * Where the mount does not answer, as a driver has all its slots, its socket is asked (control.h).
 * @ret_problem: without a text, a sentence that says why; malloc'ed, as the text is.
 * Return: the text, or NULL. Thread: any, one at a time. Takes at most SHEAF_SERVED_TIMEOUT_MS, and some seconds at the socket.
 */
char *sheaf_watched_read(struct sheaf_watched *watched, char **ret_problem);
char *sheaf_watched_read_file(struct sheaf_watched *watched, const char *name, char **ret_problem);

#endif
