/* SPDX-License-Identifier: MIT */
/* served.c - see served.h */
#include "cli/served.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

#define STATS_MAX_BYTES (16 << 20)
/* An aborted server ends by itself; one that cannot is killed, and that takes as long as its last system call. */
#define KILL_AFTER_MS 3000
#define KILL_WAIT_MS  30000
#define CONNECTIONS   "/sys/fs/fuse/connections"

/* The child: an errno, then the text. */
static void ask(const char *mountpoint, const char *name, int out)
{
	CLEANUP_FREE char *path = NULL;
	static char buffer[65536];
	int error = 0;
	int fd = -1;
	ssize_t n;

	if (asprintf(&path, "%s/.sheaf/%s", mountpoint, name) >= 0)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		error = errno;
	if (write(out, &error, sizeof(error)) != sizeof(error) || error)
		return;
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		if (write(out, buffer, (size_t)n) != n)
			return;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* All that comes until the end of file, at most @size. Length, or -ETIMEDOUT. */
static ssize_t read_until(int fd, char *out, size_t size, int64_t deadline_ms)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	size_t length = 0;

	while (length < size) {
		int64_t left = deadline_ms - now_ms();
		ssize_t n;

		if (left <= 0 || poll(&ready, 1, (int)left) == 0)
			return -ETIMEDOUT;
		n = read(fd, out + length, size - length);
		if (n == 0 || (n < 0 && errno != EINTR))
			break;
		length += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)length;
}

enum sheaf_served_state sheaf_served_read(const char *mountpoint, char **ret_text, int *ret_error)
{
	pid_t pending = 0;

	return sheaf_served_ask(mountpoint, "stats.json", ret_text, ret_error, &pending);
}

enum sheaf_served_state sheaf_served_ask(const char *mountpoint, const char *name, char **ret_text,
					 int *ret_error, pid_t *pending)
{
	CLEANUP_FREE char *buffer = malloc(STATS_MAX_BYTES + 1);
	int ends[2], error = ENOMEM;
	ssize_t n;
	pid_t pid;

	*ret_error = ENOMEM;
	if (*pending > 0 && waitpid(*pending, NULL, WNOHANG) == 0)
		return SHEAF_SERVED_HUNG;
	*pending = 0;
	if (!buffer || pipe2(ends, O_CLOEXEC) < 0)
		return SHEAF_SERVED_SILENT;
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		ask(mountpoint, name, ends[1]);
		_exit(0);
	}
	close(ends[1]);
	n = pid < 0 ? 0
		    : read_until(ends[0], buffer, STATS_MAX_BYTES,
				 now_ms() + SHEAF_SERVED_TIMEOUT_MS);
	close(ends[0]);
	if (n < 0)
		kill(pid, SIGKILL);
	if (pid > 0 && waitpid(pid, NULL, n < 0 ? WNOHANG : 0) == 0)
		*pending = pid;
	if (n < 0)
		return SHEAF_SERVED_HUNG;
	if ((size_t)n >= sizeof(error))
		memcpy(&error, buffer, sizeof(error));
	if (sheaf_served_is_gone(error))
		return SHEAF_SERVED_DEAD;
	*ret_error = error;
	if (error)
		return SHEAF_SERVED_SILENT;
	buffer[n] = '\0';
	*ret_text = strdup(buffer + sizeof(error));
	return *ret_text ? SHEAF_SERVED_ALIVE : SHEAF_SERVED_SILENT;
}

long long sheaf_served_number(const char *text, const char *name)
{
	json_t *stats = text ? json_loads(text, 0, NULL) : NULL;
	json_t *value = json_object_get(stats, name);
	long long n = json_is_integer(value) ? (long long)json_integer_value(value) : -1;

	json_decref(stats);
	return n;
}

static bool read_small(const char *path, char *out, size_t size)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);

	if (n < 0)
		return false;
	out[n] = '\0';
	return true;
}

/* fdinfo of an open /dev/fuse names its connection (Linux 6.16). 1 yes, 0 no, -1 it does not say. */
static int has_connection(const char *pid, const char *fd, unsigned minor)
{
	char path[96], text[1024];
	const char *at;

	snprintf(path, sizeof(path), "/proc/%.16s/fdinfo/%.16s", pid, fd);
	if (!read_small(path, text, sizeof(text)))
		return -1;
	at = strstr(text, "fuse_connection:");
	if (!at)
		return -1;
	return strtoul(at + strlen("fuse_connection:"), NULL, 10) == minor;
}

/* The last argument of the command names the mountpoint, if only its end when it was relative. */
static bool names_mountpoint(const char *pid, const char *mountpoint)
{
	char path[64], text[8192];
	CLEANUP_CLOSE int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%.16s/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	for (const char *p = text; p < text + n; p += strlen(p) + 1) {
		const char *word = strncmp(p, "./", 2) == 0 ? p + 2 : p;
		size_t length = strlen(word), whole = strlen(mountpoint);

		while (length > 1 && word[length - 1] == '/')
			length--;
		if (length && length <= whole &&
		    strncmp(mountpoint + whole - length, word, length) == 0 &&
		    (length == whole || mountpoint[whole - length - 1] == '/'))
			return true;
	}
	return false;
}

static bool serves(const char *pid, const struct sheaf_mount *mount)
{
	char path[320], target[64], comm[32];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
	if (!read_small(path, comm, sizeof(comm)) || strcmp(comm, "sheaf\n") != 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%.16s/fd/%.16s", pid, entry->d_name);
		ssize_t n = readlink(path, target, sizeof(target) - 1);

		if (n <= 0)
			continue;
		target[n] = '\0';
		if (strcmp(target, "/dev/fuse") != 0)
			continue;
		int known = has_connection(pid, entry->d_name, mount->minor);

		found = known > 0 || (known < 0 && names_mountpoint(pid, mount->mountpoint));
	}
	if (dir)
		closedir(dir);
	return found;
}

pid_t sheaf_served_find_pid(const struct sheaf_mount *mount)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	pid_t pid = 0;

	while (proc && !pid && (entry = readdir(proc)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		    serves(entry->d_name, mount))
			pid = (pid_t)atol(entry->d_name);
	if (proc)
		closedir(proc);
	return pid;
}

bool sheaf_process_is_stopped(pid_t pid)
{
	char path[64], text[512];
	const char *state;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (pid <= 0 || !read_small(path, text, sizeof(text)))
		return false;
	state = strrchr(text, ')');
	return state && state[1] && (state[2] == 'T' || state[2] == 't');
}

/* 0, or -EIO: fusermount3 refused. Its own words would repeat ours. */
static int run_fusermount(const char *mountpoint, bool lazy)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, STDERR_FILENO);
		execlp("fusermount3", "fusermount3", lazy ? "-uz" : "-u", "--", mountpoint,
		       (char *)NULL);
		_exit(127);
	}
	if (pid < 0)
		return -errno;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status == 0 ? 0 : WIFEXITED(status) && WEXITSTATUS(status) == 127 ? -ENOENT : -EBUSY;
}

int sheaf_served_unmount(const char *mountpoint, bool lazy)
{
	if (umount2(mountpoint, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0)
		return 0;
	return errno == EPERM ? run_fusermount(mountpoint, lazy) : -errno;
}

static int write_abort(unsigned minor)
{
	char path[64];

	snprintf(path, sizeof(path), CONNECTIONS "/%u/abort", minor);
	CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, "1", 1) != 1 ? -errno : 0;
}

int sheaf_served_abort(const struct sheaf_mount *served)
{
	int r = write_abort(served->minor);

	/* Where nothing has mounted it, root can, for as long as it takes. */
	if (r == -ENOENT &&
	    mount("fusectl", CONNECTIONS, "fusectl", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0) {
		r = write_abort(served->minor);
		umount2(CONNECTIONS, MNT_DETACH);
	}
	return r;
}

int sheaf_process_open(pid_t pid)
{
	return pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
}

bool sheaf_process_wait(int pidfd, int timeout_ms)
{
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };

	return pidfd < 0 || poll(&ended, 1, timeout_ms) > 0;
}

bool sheaf_served_kill(const struct sheaf_mount *served, pid_t *ret_pid)
{
	pid_t pid = sheaf_served_find_pid(served);
	CLEANUP_CLOSE int pidfd = sheaf_process_open(pid);
	int r = sheaf_served_abort(served);

	if (r < 0)
		sheaf_warning("%s: the connection cannot be aborted: %s", served->mountpoint,
			      strerror(-r));
	if (pidfd >= 0 &&
	    (sheaf_process_is_stopped(pid) || !sheaf_process_wait(pidfd, KILL_AFTER_MS)))
		syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	*ret_pid = pid;
	return sheaf_process_wait(pidfd, KILL_WAIT_MS);
}

int sheaf_served_clear(const struct sheaf_mount *mount)
{
	int r = sheaf_served_unmount(mount->mountpoint, true);

	if (r < 0)
		sheaf_error("%s: its server is gone, and the dead mount cannot be taken away: %s; "
			    "try: fusermount3 -uz %s",
			    mount->mountpoint, strerror(-r), mount->mountpoint);
	return r;
}
