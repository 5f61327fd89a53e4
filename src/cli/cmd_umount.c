/* SPDX-License-Identifier: MIT */
/*
 * cmd_umount.c - sheaf umount: when it returns 0, the last byte is durable and the server is gone
 *
 *   ask stats.json (bounded)   dead: clear the mount.  No answer: say why, or with --force abort
 *   fsync DIR/disk*            the one place where a flush that failed shows; unmounted all the same
 *   unmount                    busy: name who holds it
 *   wait for the server        by pidfd, bounded
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/holders.h"
#include "cli/loop_device.h"
#include "cli/mount_table.h"
#include "cli/served.h"

/* Who has just closed a file may still be on its way out. */
#define BUSY_RETRIES  5
#define BUSY_RETRY_NS (100 * 1000 * 1000)
#define NOTE_MS	      5000
#define WAIT_MS	      60000

struct umount_args {
	bool force, quiet;
};

static const struct sheaf_option umount_options[] = {
	{ "force", 'f', SHEAF_OPTION_FLAG, offsetof(struct umount_args, force),
	  .help = "end a server that does not answer; what was not flushed is lost" },
	{ "quiet", 'q', SHEAF_OPTION_FLAG, offsetof(struct umount_args, quiet),
	  .help = "errors only" },
	{ .kind = SHEAF_OPTION_END },
};
static const char *const umount_operands[] = { "DIR" };
static const struct sheaf_command_line umount_line = {
	.usage = "umount [--force] DIR",
	.summary =
		"Flush and unmount; returns when the last byte is durable and the server is gone.",
	.options = umount_options,
	.operands_min = 1,
	.operands_max = 1,
	.operand_names = umount_operands,
};

static bool is_disk(const char *name)
{
	return strncmp(name, "disk", 4) == 0 && name[4 + strspn(name + 4, "0123456789")] == '\0';
}

static bool flush_disk(int dir_fd, const char *dir, const char *name)
{
	CLEANUP_CLOSE int fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == EACCES) {
		sheaf_warning("%s/%s: not yours to open; its server flushes it as it ends", dir,
			      name);
		return true;
	}
	if (fd >= 0 && fsync(fd) == 0)
		return true;
	if (fd >= 0 && errno == EBADE) {
		sheaf_warning("%s/%s: is reserved by another initiator; its server flushes it as it ends", dir,
			      name);
		return true;
	}
	sheaf_error("%s/%s: the flush failed, what was written last may be lost: %s", dir, name,
		    strerror(errno));
	return false;
}

/* 0; -EIO when a flush failed, which is reported; -ENOTCONN when the server has gone meanwhile. */
static int flush_disks(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int r = 0;

	if (!dir && sheaf_served_is_gone(errno))
		return -ENOTCONN;

	if (!dir && errno == EACCES) {
		sheaf_warning("%s: not yours to look into; its server flushes as it ends", path);
		return 0;
	}
	if (!dir) {
		sheaf_error("%s: cannot be flushed: %s", path, strerror(errno));
		return -EIO;
	}
	while ((entry = readdir(dir)))
		if (is_disk(entry->d_name) && !flush_disk(dirfd(dir), path, entry->d_name))
			r = -EIO;
	closedir(dir);
	return r;
}

static int unmount(const struct sheaf_mount *mount, const struct sheaf_mount_table *table)
{
	const struct timespec pause = { .tv_nsec = BUSY_RETRY_NS };
	int r = sheaf_served_unmount(mount->mountpoint, false);

	for (int i = 0; r == -EBUSY && i < BUSY_RETRIES; i++) {
		nanosleep(&pause, NULL);
		r = sheaf_served_unmount(mount->mountpoint, false);
	}
	if (r == -EBUSY) {
		sheaf_error("%s: is busy, and stays mounted", mount->mountpoint);
		if (sheaf_holders_report(mount, table) == 0)
			sheaf_error("%s: who holds it cannot be seen from here; root may see more",
				    mount->mountpoint);
	} else if (r == -ENOENT) {
		sheaf_error("%s: fusermount3 was not found; install it with: apt-get install fuse3",
			    mount->mountpoint);
	} else if (r < 0) {
		sheaf_error("%s: cannot be unmounted: %s", mount->mountpoint, strerror(-r));
	}
	return r;
}

/* False if it is still there. */
static bool wait_for_exit(int pidfd, pid_t pid)
{
	if (sheaf_process_wait(pidfd, NOTE_MS))
		return true;
	sheaf_warning("the server (process %d) is still writing; waiting for up to %d s", pid,
		      (WAIT_MS - NOTE_MS) / 1000);
	return sheaf_process_wait(pidfd, WAIT_MS - NOTE_MS);
}

static int clear_dead(const struct sheaf_mount *mount)
{
	if (sheaf_served_clear(mount) < 0)
		return SHEAF_EXIT_FAILED;
	sheaf_warning("%s: the server was dead already; what had not been flushed may be lost",
		      mount->mountpoint);
	return SHEAF_EXIT_OK;
}

static int end_by_force(const struct sheaf_mount *mount)
{
	pid_t pid;
	bool ended = sheaf_served_kill(mount, &pid);

	if (sheaf_served_clear(mount) < 0)
		return SHEAF_EXIT_FAILED;
	sheaf_warning("%s: ended by force; what had not been flushed may be lost",
		      mount->mountpoint);
	if (!ended)
		sheaf_error("%s: the server (process %d) does not end", mount->mountpoint, pid);
	return ended ? SHEAF_EXIT_OK : SHEAF_EXIT_FAILED;
}

static int report_hung(const struct sheaf_mount *mount)
{
	pid_t pid = sheaf_served_find_pid(mount);

	if (sheaf_process_is_stopped(pid))
		sheaf_error("%s: its server (process %d) is stopped; let it go on with: kill -CONT "
			    "%d, or lose what is not flushed with: sheaf umount --force %s",
			    mount->mountpoint, pid, pid, mount->mountpoint);
	else
		sheaf_error("%s: its server (process %d) gave no answer in %d s; try again, or "
			    "lose what is not flushed with: sheaf umount --force %s",
			    mount->mountpoint, pid, SHEAF_SERVED_TIMEOUT_MS / 1000,
			    mount->mountpoint);
	return SHEAF_EXIT_FAILED;
}

static int end_alive(const struct sheaf_mount *mount, const struct sheaf_mount_table *table,
		     const char *stats)
{
	long long from_stats = sheaf_served_number(stats, "pid");
	pid_t pid = from_stats > 0 ? (pid_t)from_stats : sheaf_served_find_pid(mount);
	CLEANUP_CLOSE int pidfd = sheaf_process_open(pid);
	int flushed = flush_disks(mount->mountpoint);

	if (flushed == -ENOTCONN)
		return clear_dead(mount);
	if (unmount(mount, table) < 0)
		return SHEAF_EXIT_FAILED;
	if (!wait_for_exit(pidfd, pid)) {
		sheaf_error("%s: unmounted, but the server (process %d) is still there after %d s",
			    mount->mountpoint, pid, WAIT_MS / 1000);
		return SHEAF_EXIT_FAILED;
	}
	return flushed == 0 ? SHEAF_EXIT_OK : SHEAF_EXIT_FAILED;
}

static int report_none(const struct sheaf_mount_table *table, const struct sheaf_mount *mount,
		       const char *path)
{
	if (mount && sheaf_loop_server(table, mount))
		sheaf_error("%s: is a filesystem on a disk of ours; take both away with: sheaf "
			    "detach %s",
			    path, path);
	else if (mount)
		sheaf_error("%s: is a mount of %s, not of sheaf; use umount", path, mount->type);
	else
		sheaf_error("%s: nothing of sheaf is mounted here; see: findmnt -t %s", path,
			    SHEAF_MOUNT_TYPE);
	return SHEAF_EXIT_FAILED;
}

int sheaf_umount(const char *dir, bool force)
{
	struct sheaf_mount_table table;
	CLEANUP_FREE char *path = NULL;
	CLEANUP_FREE char *stats = NULL;
	const struct sheaf_mount *mount;
	int error, code;

	if (sheaf_mount_table_read(&table) < 0) {
		sheaf_error("/proc/self/mountinfo: cannot be read");
		return SHEAF_EXIT_FAILED;
	}
	mount = sheaf_mount_find(&table, dir, false, &path);
	if (!mount || !mount->ours) {
		code = report_none(&table, mount, path ? path : dir);
	} else {
		switch (sheaf_served_read(mount->mountpoint, &stats, &error)) {
		case SHEAF_SERVED_DEAD:
			code = clear_dead(mount);
			break;
		case SHEAF_SERVED_HUNG:
			code = force ? end_by_force(mount) : report_hung(mount);
			break;
		default:
			code = end_alive(mount, &table, stats);
		}
	}
	sheaf_mount_table_free(&table);
	return code;
}

int sheaf_cmd_umount(int argc, char **argv)
{
	struct umount_args args = { 0 };
	struct sheaf_operands operands;
	int r = sheaf_options_parse(&umount_line, argc, argv, &args, &operands);

	if (r != SHEAF_OPTIONS_RUN)
		return sheaf_options_exit(r);
	if (args.quiet)
		sheaf_log_set_level(SHEAF_LOG_ERROR);
	r = sheaf_umount(operands.words[0], args.force);
	sheaf_options_free(&umount_line, &args, &operands);
	return r;
}
