/* SPDX-License-Identifier: MIT */
/**
 * daemonize.h - into the background, and the parent leaves only when the work is done that it was asked for
 *
 *   parent   waits for one byte: exit 0. Without it, the child's exit code.
 *   child    a session of its own, in `/`, with nothing inherited open but stdin, stdout and stderr, which go at ready.
 */
#ifndef SHEAF_DAEMONIZE_H
#define SHEAF_DAEMONIZE_H

struct sheaf_daemon {
	int report_fd; /* the child's; -1: in the foreground */
};

/**
 * sheaf_daemonize() - fork; returns in the child only, the parent exits
 * Before any thread starts. Return: 0, or -errno (reported) in the one process that there is.
 */
int sheaf_daemonize(struct sheaf_daemon *ret_daemon);
/** The parent may go. From here messages go to syslog. 0, or -errno when nobody waits any more. */
int sheaf_daemon_ready(struct sheaf_daemon *daemon);
/** READY=1 to the service manager that set NOTIFY_SOCKET, if one did. */
void sheaf_notify_ready(void);

#endif
