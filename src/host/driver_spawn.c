/* SPDX-License-Identifier: MIT */
/*
 * driver_spawn.c - see driver_spawn.h
 *
 * Between clone() and execve() the child is a copy of one thread of many: it makes system calls and nothing else, no malloc(), no
 * lock, and not glibc's setuid() and the like, which would look for the other threads. What it needs is prepared before.
 */
#include "host/driver_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

/* linux/sched.h, sys/socket.h, for older headers. */
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

#define CHANNEL_FD 3
#define REPORT_FD  4
/* Above the descriptors that the child puts in place. */
#define SAFE_FD		   16
#define MOUNTS_MAX	   512
#define LOG_LINE	   512
#define LOG_READS_MAX	   16
#define LOG_LINES_A_SECOND 20
#define CAPABILITIES	   64

extern char **environ;

/* All that the child needs. */
struct child {
	const char *program;
	char *const *words;
	char **environment;
	int null_fd, log_fd, channel_fd, report_fd;
	const struct sheaf_driver_rights *rights;
	const char *user_map, *group_map; /* of a user namespace */
	char *mounts[MOUNTS_MAX];	  /* to be left, the last one first */
	unsigned mount_count;
};

/* --- the child; system calls only --- */

static void report_and_exit(int fd, int error)
{
	if (write(fd, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return; /* the user namespace then has no names for its users, which harms nobody */
	close(fd);
}

static void map_user(const struct child *c)
{
	write_text("/proc/self/setgroups", "deny");
	write_text("/proc/self/uid_map", c->user_map);
	write_text("/proc/self/gid_map", c->group_map);
}

/* In a mount namespace of our own: nothing that is done here or later on either side is seen on the other. */
static void leave_mounts(const struct child *c)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return;
	for (unsigned i = c->mount_count; i > 0; i--)
		umount2(c->mounts[i - 1], MNT_DETACH | UMOUNT_NOFOLLOW);
}

/* What is not in the bounding set is not given back by execve() either. While we still may: before the change of user. */
static void bound_capabilities(void)
{
	for (int i = 0; i < CAPABILITIES; i++)
		prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &header, none) < 0 ? errno : 0;
}

static int become_user(const struct sheaf_driver_rights *rights)
{
	if (!rights->has_user)
		return 0;
	if (syscall(SYS_setgroups, 0, NULL) < 0 ||
	    syscall(SYS_setresgid, rights->gid, rights->gid, rights->gid) < 0 ||
	    syscall(SYS_setresuid, rights->uid, rights->uid, rights->uid) < 0)
		return errno;
	return 0;
}

static void reset_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void run_child(const struct child *c, unsigned long flags)
{
	int error = 0;

	if (flags & CLONE_NEWUSER)
		map_user(c);
	if (flags & CLONE_NEWNS)
		leave_mounts(c);
	setsid();
	reset_signals();
	if (dup2(c->null_fd, STDIN_FILENO) < 0 || dup2(c->log_fd, STDOUT_FILENO) < 0 ||
	    dup2(c->log_fd, STDERR_FILENO) < 0 || dup2(c->channel_fd, CHANNEL_FD) < 0 ||
	    dup3(c->report_fd, REPORT_FD, O_CLOEXEC) < 0 ||
	    syscall(SYS_close_range, REPORT_FD + 1, ~0U, 0) < 0)
		report_and_exit(c->report_fd, errno);
	if (c->rights->sandbox >= SHEAF_SANDBOX_CAPS)
		bound_capabilities();
	error = become_user(c->rights);
	if (!error && c->rights->sandbox >= SHEAF_SANDBOX_CAPS)
		error = drop_capabilities();
	/* After the change of user, which clears it. */
	if (!error && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		       prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0))
		error = errno;
	if (!error) {
		execve(c->program, c->words, c->environment);
		error = errno;
	}
	report_and_exit(REPORT_FD, error);
}

/* --- the host --- */

/* What need not be seen by a driver: all but the root, the system's own folders and where the program lies. */
static bool is_to_be_left(const char *point, const char *program)
{
	static const char *const kept[] = { "/proc",  "/sys", "/dev",  "/usr", "/lib",
					    "/lib64", "/bin", "/sbin", "/etc", "/nix" };
	size_t n = strlen(point);

	if (strcmp(point, "/") == 0 || (strncmp(program, point, n) == 0 && program[n] == '/'))
		return false;
	for (unsigned i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		size_t length = strlen(kept[i]);

		if (strncmp(point, kept[i], length) == 0 &&
		    (point[length] == '\0' || point[length] == '/'))
			return false;
	}
	return true;
}

/* Of mountinfo: "\040" is a blank. */
static void unescape(char *text)
{
	char *out = text;

	for (; *text; text++) {
		unsigned code;

		if (*text == '\\' && sscanf(text + 1, "%3o", &code) == 1) {
			*out++ = (char)code;
			text += 3;
		} else {
			*out++ = *text;
		}
	}
	*out = '\0';
}

static void list_mounts(struct child *c)
{
	FILE *in = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, *point;
	size_t size = 0;

	while (in && c->mount_count < MOUNTS_MAX && getline(&line, &size, in) > 0) {
		if (sscanf(line, "%*s %*s %*s %*s %ms", &point) != 1)
			continue;
		unescape(point);
		if (is_to_be_left(point, c->program))
			c->mounts[c->mount_count++] = point;
		else
			free(point);
	}
	free(line);
	if (in)
		fclose(in);
}

/* The program's path, malloc'ed, or NULL. */
static char *find_program(const char *word)
{
	const char *path = getenv("PATH");
	CLEANUP_FREE char *folders = strdup(path ? path : "/usr/local/bin:/usr/bin:/bin");
	char *found = NULL, *rest = folders, *folder;

	if (strchr(word, '/'))
		return strdup(word);
	while (rest && !found && (folder = strsep(&rest, ":"))) {
		if (asprintf(&found, "%s/%s", *folder ? folder : ".", word) < 0)
			return NULL;
		if (access(found, X_OK) < 0) {
			free(found);
			found = NULL;
		}
	}
	return found;
}

static char **make_environment(void)
{
	static char channel[] = SHEAF_CHANNEL_VARIABLE "=3";
	size_t n = 0, kept = 0;
	char **environment;

	_Static_assert(CHANNEL_FD == 3, "as the text says");
	while (environ[n])
		n++;
	environment = calloc(n + 2, sizeof(char *));
	if (!environment)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (strncmp(environ[i], SHEAF_CHANNEL_VARIABLE "=", sizeof(channel) - 2) != 0 &&
		    strncmp(environ[i], "NOTIFY_SOCKET=", 14) != 0)
			environment[kept++] = environ[i];
	environment[kept] = channel;
	return environment;
}

static pid_t clone_child(const struct child *c, unsigned long flags, int *ret_pidfd)
{
	/* The order of the arguments behind the third differs by architecture, and they are all 0. */
	long pid = syscall(SYS_clone, flags | CLONE_PIDFD | SIGCHLD, NULL, ret_pidfd, NULL, 0);

	if (pid == 0)
		run_child(c, flags);
	return pid < 0 ? -errno : (pid_t)pid;
}

/* The most that is permitted: namespaces as we are, in a user namespace, none. */
static int clone_with_rights(struct child *c, struct sheaf_driver_process *ret)
{
	unsigned long space = CLONE_NEWPID;
	pid_t pid;

	if (c->rights->sandbox >= SHEAF_SANDBOX_CAPS)
		space |= CLONE_NEWNS;
	pid = clone_child(c, space, &ret->pidfd);
	if (pid < 0 && !c->rights->has_user)
		pid = clone_child(c, space | CLONE_NEWUSER, &ret->pidfd);
	ret->namespaced = pid > 0;
	if (pid < 0) {
		sheaf_info("the driver has no namespaces of its own (%s)", strerror(-pid));
		pid = clone_child(c, 0, &ret->pidfd);
	}
	if (pid < 0)
		return pid;
	fcntl(ret->pidfd, F_SETFD, FD_CLOEXEC);
	ret->pid = pid;
	ret->child = true;
	return 0;
}

/* A descriptor out of the way of those that the child puts in place. */
static int move_up(int fd)
{
	int moved = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, SAFE_FD);

	if (fd >= 0)
		close(fd);
	return moved;
}

/* errno of the child's exec, 0 when it runs. */
static int read_report(int fd)
{
	int error = 0;
	ssize_t n;

	do
		n = read(fd, &error, sizeof(error));
	while (n < 0 && errno == EINTR);
	return n == sizeof(error) ? error : 0;
}

struct ends {
	int channel[2], log[2], report[2], null_fd;
};

static void close_ends(struct ends *e)
{
	int *all[] = { &e->channel[0], &e->channel[1], &e->log[0], &e->log[1],
		       &e->report[0],  &e->report[1],  &e->null_fd };

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (*all[i] >= 0)
			close(*all[i]);
		*all[i] = -1;
	}
}

static int make_ends(struct ends *e)
{
	*e = (struct ends){ { -1, -1 }, { -1, -1 }, { -1, -1 }, -1 };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, e->channel) < 0 ||
	    pipe2(e->log, O_CLOEXEC | O_NONBLOCK) < 0 || pipe2(e->report, O_CLOEXEC) < 0)
		return -errno;
	e->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	e->channel[1] = move_up(e->channel[1]);
	e->log[1] = move_up(e->log[1]);
	e->report[1] = move_up(e->report[1]);
	e->null_fd = move_up(e->null_fd);
	return e->channel[1] < 0 || e->log[1] < 0 || e->report[1] < 0 || e->null_fd < 0 ? -EMFILE
											: 0;
}

static int start(struct child *c, struct ends *e, struct sheaf_driver_process *process)
{
	char how[64];
	int r;

	c->null_fd = e->null_fd;
	c->log_fd = e->log[1];
	c->channel_fd = e->channel[1];
	c->report_fd = e->report[1];
	r = clone_with_rights(c, process);
	if (r < 0)
		return r;
	close(e->report[1]);
	e->report[1] = -1;
	r = -read_report(e->report[0]);
	process->channel = e->channel[0];
	process->log_fd = e->log[0];
	e->channel[0] = e->log[0] = -1;
	if (r < 0) {
		struct pollfd gone = { .fd = process->pidfd, .events = POLLIN };

		poll(&gone, 1, -1); /* it has called _exit() */
		sheaf_driver_reap(process, how, sizeof(how));
	}
	return r;
}

int sheaf_driver_spawn(char *const words[], const struct sheaf_driver_rights *rights,
		       struct sheaf_driver_process *ret)
{
	static char self[] = "/proc/self/exe", sheaf[] = "sheaf", driver[] = "driver",
		    disk[] = "disk";
	static char *const disk_words[] = { sheaf, driver, disk, NULL };
	bool own = strcmp(words[0], "disk") == 0 && !words[1];
	CLEANUP_FREE struct child *c = calloc(1, sizeof(*c));
	CLEANUP_FREE char *program = own ? strdup(self) : find_program(words[0]);
	CLEANUP_FREE char **environment = make_environment();
	char user_map[64], group_map[64];
	struct ends ends;
	int r;

	*ret = SHEAF_DRIVER_PROCESS_NONE;
	if (!program) {
		sheaf_error("driver %s: no such program, neither here (./%s) nor in PATH", words[0],
			    words[0]);
		return -ENOENT;
	}
	if (!c || !environment)
		return -ENOMEM;
	snprintf(user_map, sizeof(user_map), "%u %u 1\n", getuid(), getuid());
	snprintf(group_map, sizeof(group_map), "%u %u 1\n", getgid(), getgid());
	c->program = program;
	c->words = own ? disk_words : words;
	c->environment = environment;
	c->rights = rights;
	c->user_map = user_map;
	c->group_map = group_map;
	if (rights->sandbox >= SHEAF_SANDBOX_CAPS)
		list_mounts(c);
	r = make_ends(&ends);
	if (r == 0)
		r = start(c, &ends, ret);
	close_ends(&ends);
	for (unsigned i = 0; i < c->mount_count; i++)
		free(c->mounts[i]);
	if (r < 0)
		sheaf_error("driver %s: cannot be started: %s", words[0], strerror(-r));
	return r;
}

/* --- a driver that connects --- */

int sheaf_driver_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	CLEANUP_CLOSE int fd = -1;
	struct stat st;
	int listening;

	if (strlen(path) >= sizeof(address.sun_path)) {
		sheaf_error("%s: a socket's path has at most %zu characters", path,
			    sizeof(address.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) &&
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 && errno == ECONNREFUSED)
		unlink(path); /* its server is dead */
	/* The mode before the name is there: on the socket itself, which bind() takes over. */
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    chmod(path, 0600) < 0 || listen(fd, 1) < 0) {
		int r = -errno;

		sheaf_error("%s: cannot wait for a driver there: %s", path, strerror(-r));
		return r;
	}
	listening = fd;
	fd = -1;
	return listening;
}

static int pidfd_of_peer(int fd, pid_t pid)
{
	socklen_t length = sizeof(int);
	int pidfd;

	/* Linux 6.5; before that the number may be of another process by now, which the channel's end would tell. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) == 0)
		return pidfd;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return pidfd < 0 ? -errno : pidfd;
}

int sheaf_driver_accept(int listen_fd, struct sheaf_driver_process *ret)
{
	CLEANUP_CLOSE int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	struct ucred peer = { 0 };
	socklen_t length = sizeof(peer);
	int pidfd;

	*ret = SHEAF_DRIVER_PROCESS_NONE;
	if (fd < 0)
		return errno == EAGAIN ? -EAGAIN : -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return -errno;
	if (peer.uid != geteuid() && peer.uid != 0) {
		sheaf_warning("a driver of user %u connected, and is refused", peer.uid);
		return -EACCES;
	}
	pidfd = pidfd_of_peer(fd, peer.pid);
	if (pidfd < 0)
		return pidfd;
	ret->pid = peer.pid;
	ret->pidfd = pidfd;
	ret->channel = fd;
	fd = -1;
	return 0;
}

/* --- a process that is there --- */

void sheaf_driver_signal(const struct sheaf_driver_process *process, int signal_number)
{
	if (process->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, process->pidfd, signal_number, NULL, 0);
}

bool sheaf_driver_is_gone(const struct sheaf_driver_process *process)
{
	struct pollfd fd = { .fd = process->pidfd, .events = POLLIN };

	return process->pidfd < 0 || poll(&fd, 1, 0) == 1;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void sheaf_driver_reap(struct sheaf_driver_process *process, char *how, size_t size)
{
	int status = 0;

	snprintf(how, size, "it ended");
	if (process->child && waitpid(process->pid, &status, 0) == process->pid) {
		if (WIFSIGNALED(status))
			snprintf(how, size, "killed by signal %d (%s)", WTERMSIG(status),
				 strsignal(WTERMSIG(status)));
		else
			snprintf(how, size, "it ended with %d", WEXITSTATUS(status));
	}
	sheaf_driver_read_log(process);
	close_fd(&process->pidfd);
	close_fd(&process->channel);
	close_fd(&process->log_fd);
	process->pid = -1;
}

static void log_line(struct sheaf_driver_process *process, char *line)
{
	uint64_t second = sheaf_clock_ns() / 1000000000;

	if (!*line)
		return;
	if (second != process->log_second)
		process->log_lines = 0;
	process->log_second = second;
	if (++process->log_lines > LOG_LINES_A_SECOND)
		return;
	for (char *p = line; *p; p++)
		if ((unsigned char)*p < ' ' && *p != '\t')
			*p = '?'; /* no escape sequences into anybody's terminal */
	sheaf_warning("driver: %s%s", line,
		      process->log_lines == LOG_LINES_A_SECOND ? " (and more)" : "");
}

void sheaf_driver_read_log(struct sheaf_driver_process *process)
{
	char text[LOG_LINE + 1], *rest, *line;
	ssize_t n;

	for (unsigned i = 0; process->log_fd >= 0 && i < LOG_READS_MAX; i++) {
		n = read(process->log_fd, text, LOG_LINE);
		if (n <= 0)
			return;
		text[n] = '\0';
		for (ssize_t k = 0; k < n; k++)
			if (!text[k])
				text[k] = '?';
		rest = text;
		while ((line = strsep(&rest, "\n")))
			log_line(process, line);
	}
}
