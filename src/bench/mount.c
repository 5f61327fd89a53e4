/* SPDX-License-Identifier: MIT */
/*
 * mount.c - see mount.h
 *
 * The server is our own program in the foreground, as a child, so that its end is seen and it does not outlive us. That it is
 * ready it says as services do (NOTIFY_SOCKET).
 */
#include "bench/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "bench/worker.h"
#include "cli/commands.h"
#include "cli/mount_table.h"
#include "cli/served.h"

#define READY_STEP_MS 50
#define READY_STEPS   600
#define END_MS	      20000
#define ARGUMENTS_MAX 16

/* A socket with a name in the abstract space that is ours. */
static int notify_socket(char name[32])
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int length = snprintf(name, 32, "@sheaf-bench-%d", getpid());
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, name, (size_t)length);
	address.sun_path[0] = '\0';
	if (fd >= 0 &&
	    bind(fd, (struct sockaddr *)&address,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length)) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	return fd < 0 ? -errno : fd;
}

/* Does not return. */
static void run_server(const struct sheaf_bench_mount *mount, const struct sheaf_bench_setup *setup,
		       const struct sheaf_bench_config *config, bool quiet)
{
	char slots[32], bundle[32], workers[32], transport[32];
	const char *argv[ARGUMENTS_MAX] = { "sheaf", "mount", "--foreground", "--quiet",
					    slots,   workers, transport };
	unsigned n = 7;

	snprintf(slots, sizeof(slots), "--slots=%u", setup->slots);
	snprintf(transport, sizeof(transport), "--transport=%s",
		 sheaf_bench_path_names[config->path]);
	if (config->deployment == SHEAF_BENCH_FUSED)
		snprintf(workers, sizeof(workers), "--workers=fused");
	else
		snprintf(workers, sizeof(workers), "--workers=%u", setup->workers);
	if (config->deployment == SHEAF_BENCH_PROCESS)
		argv[n++] = "--driver=disk";
	if (config->limit == SHEAF_BENCH_SINGLE) {
		argv[n++] = "--single";
	} else if (config->limit != SHEAF_BENCH_AUTO) {
		snprintf(bundle, sizeof(bundle), "--bundle=%u",
			 sheaf_bench_bundle_max(config->limit));
		argv[n++] = bundle;
	}
	if (setup->read_only)
		argv[n++] = "--read-only";
	argv[n++] = "--";
	argv[n++] = setup->image;
	argv[n++] = mount->directory;
	argv[n] = NULL;
	if (quiet) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, STDERR_FILENO);
	}
	execv("/proc/self/exe", (char *const *)argv);
	_exit(127);
}

static int await_ready(const struct sheaf_bench_mount *mount, int fd)
{
	CLEANUP_CLOSE int pidfd = sheaf_process_open(mount->pid);
	int r = -ETIMEDOUT;

	for (int i = 0; r == -ETIMEDOUT && i < READY_STEPS; i++) {
		r = sheaf_bench_wait(fd, READY_STEP_MS);
		if (r == -ETIMEDOUT && pidfd >= 0 && sheaf_process_wait(pidfd, 0))
			r = -EOPNOTSUPP;
	}
	return r;
}

int sheaf_bench_mount_start(struct sheaf_bench_mount *mount, const struct sheaf_bench_setup *setup,
			    const struct sheaf_bench_config *config, bool quiet)
{
	pid_t parent = getpid();
	char name[32];
	CLEANUP_CLOSE int fd = notify_socket(name);
	int r = fd < 0 ? fd : 0;

	*mount = (struct sheaf_bench_mount){ 0 };
	if (r == 0 && asprintf(&mount->directory, "%s/mnt", setup->directory) < 0) {
		mount->directory = NULL;
		r = -ENOMEM;
	}
	if (r == 0 && mkdir(mount->directory, 0700) < 0 && errno != EEXIST)
		r = -errno;
	if (r < 0) {
		free(mount->directory);
		*mount = (struct sheaf_bench_mount){ 0 };
		return r;
	}
	fflush(NULL);
	mount->pid = fork();
	if (mount->pid == 0) {
		sheaf_bench_child(parent, SIGTERM);
		setenv("NOTIFY_SOCKET", name, 1);
		run_server(mount, setup, config, quiet);
	}
	if (mount->pid < 0) {
		r = -errno;
		mount->pid = 0;
	}
	if (r == 0)
		r = await_ready(mount, fd);
	if (r < 0)
		sheaf_bench_mount_stop(mount);
	return r;
}

static uint64_t number(const json_t *object, const char *outer, const char *inner)
{
	const json_t *value = json_object_get(object, outer);

	if (inner)
		value = json_object_get(value, inner);
	return (uint64_t)json_integer_value(value);
}

static void read_bundles(const json_t *stats, const char *name, struct sheaf_bench_bundles *ret)
{
	const json_t *sizes = json_object_get(json_object_get(stats, name), "by_size");

	ret->count = number(stats, name, "count");
	ret->tasks = number(stats, name, "tasks");
	for (unsigned i = 0; i <= SHEAF_BUNDLE_MAX; i++)
		ret->by_size[i] = (uint64_t)json_integer_value(json_array_get(sizes, i));
}

int sheaf_bench_mount_counters(struct sheaf_bench_mount *mount,
			       struct sheaf_bench_counters *ret)
{
	CLEANUP_FREE char *text = NULL;
	json_t *stats;
	int error;

	if (sheaf_served_read(mount->directory, &text, &error) != SHEAF_SERVED_ALIVE) {
		sheaf_error("%s: stats.json cannot be read", mount->directory);
		return -EIO;
	}
	stats = json_loads(text, 0, NULL);
	if (!stats) {
		sheaf_error("%s: stats.json is not JSON", mount->directory);
		return -EIO;
	}
	mount->driver = (pid_t)number(stats, "driver", "pid"); /* null: 0 */
	ret->tasks = number(stats, "tasks", "ended");
	ret->errors = number(stats, "tasks", "errors");
	ret->enters = number(stats, "io_uring_enters", NULL);
	ret->calls = number(stats, "system_calls", NULL);
	ret->doorbells = number(stats, "doorbells", NULL);
	read_bundles(stats, "request_bundles", &ret->requests);
	read_bundles(stats, "completion_bundles", &ret->completions);
	json_decref(stats);
	return 0;
}

void sheaf_bench_mount_abort(const struct sheaf_bench_mount *mount)
{
	struct sheaf_mount_table table;
	const struct sheaf_mount *served;
	pid_t pid;

	if (!mount->directory || sheaf_mount_table_read(&table) < 0)
		return;
	served = sheaf_mount_at(&table, mount->directory);
	if (served && served->ours) {
		sheaf_error("%s: the mount hangs; ending it by force", mount->directory);
		sheaf_served_kill(served, &pid);
	}
	sheaf_mount_table_free(&table);
}

static bool is_mounted(const char *directory)
{
	struct sheaf_mount_table table;
	bool mounted;

	if (sheaf_mount_table_read(&table) < 0)
		return false;
	mounted = sheaf_mount_at(&table, directory) != NULL;
	sheaf_mount_table_free(&table);
	return mounted;
}

int sheaf_bench_mount_stop(struct sheaf_bench_mount *mount)
{
	CLEANUP_CLOSE int pidfd = sheaf_process_open(mount->pid);
	int r = 0;

	if (mount->directory && is_mounted(mount->directory) &&
	    sheaf_umount(mount->directory, false) != SHEAF_EXIT_OK)
		r = -EIO;
	if (r < 0 && is_mounted(mount->directory))
		sheaf_umount(mount->directory, true);
	if (mount->pid > 0) {
		/* Never ready, or never mounted: nothing of it is left to flush. */
		if (!sheaf_process_wait(pidfd, 0))
			kill(mount->pid, SIGTERM);
		if (!sheaf_process_wait(pidfd, END_MS))
			kill(mount->pid, SIGKILL);
		waitpid(mount->pid, NULL, 0);
	}
	if (mount->directory)
		rmdir(mount->directory);
	free(mount->directory);
	*mount = (struct sheaf_bench_mount){ 0 };
	return r;
}
