/* SPDX-License-Identifier: MIT */
/* daemonize.c - see daemonize.h */
#include "cli/daemonize.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

/* The parent: to the child's first word, or its end. */
static void wait_and_exit(pid_t pid, int fd)
{
	char word;
	ssize_t n;
	int status = 0;

	do
		n = read(fd, &word, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		_exit(0);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		sheaf_error("the server was killed by signal %d (%s) before it was ready",
			    WTERMSIG(status), strsignal(WTERMSIG(status)));
	_exit(WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : 1);
}

int sheaf_daemonize(struct sheaf_daemon *ret_daemon)
{
	const int report_fd = STDERR_FILENO + 1;
	int ends[2];
	pid_t pid;

	fflush(NULL);
	if (pipe2(ends, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		sheaf_error("cannot go into the background: %s", strerror(errno));
		return -errno;
	}
	if (pid > 0) {
		close(ends[1]);
		wait_and_exit(pid, ends[0]);
	}
	setsid();
	/* What the caller's shell has open is not ours to keep open for days. */
	if (chdir("/") < 0 || (ends[1] != report_fd && dup3(ends[1], report_fd, O_CLOEXEC) < 0)) {
		sheaf_error("cannot go into the background: %s", strerror(errno));
		return -errno;
	}
	close_range((unsigned)report_fd + 1, ~0U, 0);
	ret_daemon->report_fd = report_fd;
	return 0;
}

int sheaf_daemon_ready(struct sheaf_daemon *daemon)
{
	CLEANUP_CLOSE int null = -1;
	int r = 0;

	if (daemon->report_fd < 0)
		return 0;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return -errno;
	sheaf_log_to_syslog();
	/* Before the word: who reads our output to its end must see the end when the parent is gone. */
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	if (write(daemon->report_fd, "", 1) != 1)
		r = -errno;
	close(daemon->report_fd);
	daemon->report_fd = -1;
	return r;
}

void sheaf_notify_ready(void)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = name ? strlen(name) : 0;
	char text[64];

	/* A path, or with '@' a name in the abstract space; vsock is for virtual machines. */
	if (length < 2 || length >= sizeof(address.sun_path) || (*name != '/' && *name != '@'))
		return;
	CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, name, length);
	if (*name == '@')
		address.sun_path[0] = '\0';
	int n = snprintf(text, sizeof(text), "READY=1\nMAINPID=%d", getpid());

	if (fd < 0 || sendto(fd, text, (size_t)n, MSG_NOSIGNAL, (struct sockaddr *)&address,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0)
		sheaf_warning("NOTIFY_SOCKET %s: %s", name, strerror(errno));
}
