/* SPDX-License-Identifier: MIT */
/**
 * driver_spawn.h - a driver's process: starting it with few rights, and what the host keeps of it
 *
 * A started driver has /dev/null as input, a pipe to the host's log as output, its channel as descriptor 3, and nothing else
 * open; a session of its own, default signals, no_new_privs; SIGKILL when the host's thread that started it ends. Where permitted
 * (root, or user namespaces) it is the first process of a PID namespace, so that its children die with it, before its pidfd
 * becomes readable. With SHEAF_SANDBOX_CAPS or more it has no capability, and where permitted a mount namespace without the mount that
 * it serves and without what is mounted elsewhere.
 */
#ifndef SHEAF_DRIVER_SPAWN_H
#define SHEAF_DRIVER_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "seam/channel.h"

struct sheaf_driver_rights {
	bool has_user; /* then: */
	uid_t uid;
	gid_t gid;
	enum sheaf_sandbox sandbox;
};

struct sheaf_driver_process {
	pid_t pid;
	int pidfd;	 /* readable when all of its threads are gone */
	int channel;	 /* the host's end */
	int log_fd;	 /* what it prints, non-blocking; -1: a driver that connected by itself */
	bool child;	 /* ours to reap */
	bool namespaced; /* a PID namespace is around it */
	uint64_t log_second; /* of the lines that were logged in it: */
	unsigned log_lines;
};

#define SHEAF_DRIVER_PROCESS_NONE                                                                  \
	((struct sheaf_driver_process){ .pid = -1, .pidfd = -1, .channel = -1, .log_fd = -1 })

/**
 * sheaf_driver_spawn() - start @words[0], as a path or looked for in PATH
 * @words: the program's arguments; "disk" alone is this program's own driver.
 * Errors are reported here, with the program's name. Thread: one that outlives the driver.
 * Return: 0, or -errno: -ENOENT no such program, -EACCES not executable, -ENOEXEC, ...
 */
int sheaf_driver_spawn(char *const words[], const struct sheaf_driver_rights *rights,
		       struct sheaf_driver_process *ret);

/**
 * sheaf_driver_listen() - a socket at @path, mode 0600, for a driver to connect to. A dead socket there is replaced.
 * Return: a descriptor, or -errno (reported).
 */
int sheaf_driver_listen(const char *path);
/**
 * sheaf_driver_accept() - one driver that connected, of this user or of root
 * Return: 0; -EAGAIN: nobody there; -EACCES: somebody else's (reported, and closed).
 */
int sheaf_driver_accept(int listen_fd, struct sheaf_driver_process *ret);

/** Send @signal. */
void sheaf_driver_signal(const struct sheaf_driver_process *process, int signal);
/** Is its pidfd readable: are all of its threads gone? */
bool sheaf_driver_is_gone(const struct sheaf_driver_process *process);
/** Reap it and close what the host has of it. @how: receives how it ended, for people. The process is gone. */
void sheaf_driver_reap(struct sheaf_driver_process *process, char *how, size_t size);
/** Log what it printed, line by line; what is more than some lines a second is read and dropped. */
void sheaf_driver_read_log(struct sheaf_driver_process *process);

#endif
