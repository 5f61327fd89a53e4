/* SPDX-License-Identifier: MIT */
/**
 * control.h - a mount's own socket: stats.json and why.json where the mount cannot give them
 *
 * What DIR/.sheaf/ has comes by FUSE requests, and each of these needs a free slot and a loop that turns. When the driver has all slots, or
 * a loop stands still in it, nobody reads these files. So the server's main thread, which serves no requests, answers at a socket as well: an
 * abstract one, "sheaf-mount-" and the minor number of the mount's device.
 *
 *   1. One question a connection: the name of a file of .sheaf and a newline; the answer is its text, to the end.
 *   2. Only the server's user and root are answered (SO_PEERCRED). Who asks believes only the process that serves the mount.
 *   3. Abstract names belong to a network namespace: from another one, and before the mount is there, there is no socket.
 */
#ifndef SHEAF_CONTROL_H
#define SHEAF_CONTROL_H

#include <stddef.h>

#include "cli/mount_table.h"

/** A text that the socket gives. The table ends with a row without name. */
struct sheaf_control_text {
	const char *name;
	char *(*make)(void *arg, size_t *ret_length); /* malloc'ed; NULL without memory */
	void *arg;
};

/** Listen for the mount with @minor. Return: a descriptor, the caller closes it; -errno. */
int sheaf_control_listen(unsigned minor);
/** Somebody connected: answer. Takes some seconds at most, whatever they do. Thread: one at a time. */
void sheaf_control_answer(int listen_fd, const struct sheaf_control_text texts[]);
/**
 * sheaf_control_ask() - the text of @name from the server of @mount
 * @ret_text: malloc'ed.  Return: 0; -ENOENT: no socket; -EACCES: not ours to ask, or it is not the server who listens;
 * -ETIMEDOUT: no answer; -errno. Nothing is reported.
 */
int sheaf_control_ask(const struct sheaf_mount *mount, const char *name, char **ret_text);

#endif
