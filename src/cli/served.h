/* SPDX-License-Identifier: MIT */
/**
 * served.h - questions to a mount of ours that may be dead or stopped; none of them can hang the one who asks
 *
 * A process that waits for a stopped FUSE server cannot even be killed, so a child asks, and is left behind if need be.
 */
#ifndef SHEAF_SERVED_H
#define SHEAF_SERVED_H

#include <errno.h>
#include <stdbool.h>
#include <sys/types.h>

#include "cli/mount_table.h"

#define SHEAF_SERVED_TIMEOUT_MS 5000

enum sheaf_served_state {
	SHEAF_SERVED_ALIVE,  /* the text is there */
	SHEAF_SERVED_DEAD,   /* sheaf_served_is_gone(): the server is gone, the mount is not */
	SHEAF_SERVED_HUNG,   /* no answer in time */
	SHEAF_SERVED_SILENT, /* it answers, but stats.json cannot be read: ret_error says why */
};

/** Does @error of a call on a mount say that its server is gone? Requests that were out when it went get ECONNABORTED. */
static inline bool sheaf_served_is_gone(int error)
{
	return error == ENOTCONN || error == ECONNABORTED;
}

/** Read .sheaf/stats.json. @ret_text: malloc'ed when ALIVE. @ret_error: an errno when SILENT. */
enum sheaf_served_state sheaf_served_read(const char *mountpoint, char **ret_text, int *ret_error);
/**
 * sheaf_served_ask() - the same, of any file in .sheaf, by somebody who asks again and again
 * @pending: 0 at first. The child of a question without an answer, which may not be to be killed: while it is there, the
 * answer is HUNG at once, so that there is never more than one.
 */
enum sheaf_served_state sheaf_served_ask(const char *mountpoint, const char *name, char **ret_text,
					 int *ret_error, pid_t *pending);
/** A number in stats.json's outermost object, or -1. */
long long sheaf_served_number(const char *text, const char *name);
/** The process that serves @mount, without asking the mount; 0 if it cannot be found. */
pid_t sheaf_served_find_pid(const struct sheaf_mount *mount);
/** Does SIGSTOP (or a debugger) hold it? */
bool sheaf_process_is_stopped(pid_t pid);

/** Unmount at @mountpoint, by umount2() or fusermount3. Return: 0, -EBUSY, or -errno. Nothing is reported. */
int sheaf_served_unmount(const char *mountpoint, bool lazy);
/** End all waits on the connection, as if its server were dead. 0 or -errno. */
int sheaf_served_abort(const struct sheaf_mount *served);
/**
 * sheaf_served_kill() - end a server that does not answer, and all waits for it
 * Aborts the connection, gives the server a moment to end by itself, then kills it. A stopped one is killed at once: with
 * FUSE-over-io_uring the kernel hands a request over in the server's own context, so that an abort alone ends
 * nothing that had got so far.
 * @ret_pid: the server, 0 if it could not be found. Return: false if it is still there.
 */
bool sheaf_served_kill(const struct sheaf_mount *served, pid_t *ret_pid);
/** Wait for a process by its pidfd; true when it has ended, or @pidfd is -1. */
bool sheaf_process_wait(int pidfd, int timeout_ms);
/** A pidfd of @pid; -1 if there is no such process. */
int sheaf_process_open(pid_t pid);
/** Take away a mount whose server is dead. 0 or -errno; reported. */
int sheaf_served_clear(const struct sheaf_mount *mount);

#endif
