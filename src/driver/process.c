/* SPDX-License-Identifier: MIT */
/*
 * process.c - sheaf_driver_main(): a driver's process, from the first message of its host to the last
 *
 *   main thread     serves the channel (seam/channel.h): a request, a method of the driver's, an answer (session.h). So task
 *                   management is answered while the loops are busy.
 *   worker threads  a loop with a context each (workers.h): the tasks.
 *
 *   1. The end of the channel, and SIGTERM, end the process at once: what its tasks have become is not known here, and the host
 *      issues again what was not answered. Only after STOP are contexts and controller taken down in order.
 */
#include "driver/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "driver/session.h"
#include "driver/table.h"
#include "seam/channel.h"

/* 0: go on; 1: STOP was answered; a negative errno: the host is gone, or it is none. */
static int serve_message(struct sheaf_driver_session *session, int channel)
{
	struct sheaf_message m;
	int fd = -1, r = sheaf_channel_receive(channel, &m, &fd);

	if (r <= 0)
		return r;
	sheaf_driver_session_answer(session, &m, fd);
	r = sheaf_channel_send(channel, &m, -1);
	return r < 0 ? r : session->ended;
}

static int serve(struct sheaf_driver_session *session, int channel, int signal_fd)
{
	struct pollfd fds[] = { { .fd = channel, .events = POLLIN },
				{ .fd = signal_fd, .events = POLLIN } };
	int r = 0;

	while (r == 0) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (fds[1].revents)
			return -EINTR;
		if (fds[0].revents)
			r = serve_message(session, channel);
	}
	return r;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	return fd;
}

/* What `sheaf mount` left for us; it is not for our children. */
static int inherited_channel(void)
{
	const char *text = getenv(SHEAF_CHANNEL_VARIABLE);
	char *end;
	long fd;

	if (!text)
		return -ENOENT;
	fd = strtol(text, &end, 10);
	if (*end || fd < 3 || fd > 65535 || fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
		return -EBADF;
	unsetenv(SHEAF_CHANNEL_VARIABLE);
	return (int)fd;
}

static void print_help(const struct sheaf_driver *driver, FILE *out)
{
	fprintf(out,
		"%s - %s\n\n"
		"A driver of sheaf. It is started by:  sheaf mount --driver='%s ...' [IMAGE...] "
		"DIR\n"
		"or connects to a mount that waits for it (sheaf mount --driver-socket=PATH):\n"
		"  --connect=PATH\n",
		driver->name, driver->summary, program_invocation_name);
}

/* The channel, 0 (help was printed) or a negative errno; takes --connect out of what the driver sees. */
static int read_arguments(struct sheaf_driver_session *session, int argc, char **argv, char **kept)
{
	static const char word[] = "--connect=";
	const char *path = NULL;
	int n = 0;

	for (int i = 0; i < argc; i++) {
		if (i > 0 && strcmp(argv[i], "--help") == 0) {
			print_help(session->driver, stdout);
			return 0;
		}
		if (i > 0 && strcmp(argv[i], "--version") == 0) {
			printf("%s, interface %u\n", session->driver->name, session->driver->api);
			return 0;
		}
		if (i > 0 && strncmp(argv[i], word, sizeof(word) - 1) == 0)
			path = argv[i] + sizeof(word) - 1;
		else
			kept[n++] = argv[i];
	}
	session->start.argc = n;
	session->start.argv = kept;
	return path ? connect_to(path) : inherited_channel();
}

static int block_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int sheaf_driver_run(const struct sheaf_driver *driver, sheaf_driver_resize resize, int argc, char **argv)
{
	struct sheaf_driver_session session;
	CLEANUP_FREE char **kept = calloc((size_t)argc + 1, sizeof(char *));
	CLEANUP_CLOSE int channel = -1, signal_fd = -1;
	int r;

	sheaf_driver_session_init(&session, driver, resize);
	sheaf_driver_set_name(driver->name);
	if (!kept)
		return 1;
	r = read_arguments(&session, argc, argv, kept);
	if (r == 0)
		return 0;
	if (r < 0) {
		sheaf_driver_error(r == -ENOENT ? "is started by sheaf mount --driver; see --help"
						: "cannot reach its host: %s",
				   strerror(-r));
		return r == -ENOENT ? 2 : 1;
	}
	channel = r;
	signal_fd = block_signals();
	r = signal_fd < 0 ? signal_fd : serve(&session, channel, signal_fd);
	if (r != 1) {
		if (r != -ECONNRESET && r != -EPIPE && r != -EINTR)
			sheaf_driver_error("the channel to the host: %s", strerror(-r));
		_exit(r == -EPROTO ? 1 : 0); /* (1) */
	}
	sheaf_driver_session_deinit(&session);
	return 0;
}

int sheaf_driver_main(const struct sheaf_driver *driver, int argc, char **argv)
{
	return sheaf_driver_run(driver, NULL, argc, argv);
}
