/* SPDX-License-Identifier: MIT */
/**
 * image_lock.c - OFD locks at the byte offsets of QEMU's raw driver (block/file-posix.c)
 *
 * A user of an image has permissions, and permissions that it does not grant to others. It puts a shared lock on
 * byte 100 + n for each permission n it has, and on byte 200 + n for each it denies. Shared locks never collide, so
 * then it looks whether anybody else
 *   1. denies one that it has (a lock on 200 + n), or
 *   2. has one that it denies (a lock on 100 + n).
 * Lock first, look second: of two who come at the same time at least one sees the other.
 *
 * OFD locks belong to the open file description: they survive fork(), and go with the last close. The price is that
 * the kernel does not say whose a lock is; find_holder() looks for it in /proc.
 *
 * A server that was killed is gone before its lock is: io_uring lets go of its files by work that the kernel does later. So when no
 * process is found that has the lock, it is asked for again for a while.
 */
#include "store/image_lock.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How long a lock is waited for that no process has. A kernel that is busy takes some ten milliseconds. */
#define GONE_WAIT_NS  UINT64_C(3000000000)
#define GONE_LOOK_US 10000

#define PERMISSION_BASE 100
#define DENIED_BASE	200

/* QEMU's permission numbers (include/block/block-common.h). */
enum {
	PERMISSION_CONSISTENT_READ,
	PERMISSION_WRITE,
	PERMISSION_WRITE_UNCHANGED,
	PERMISSION_RESIZE,
	PERMISSIONS
};

/* Readers and writers alike: nobody else writes or resizes. Others may read if they want no consistent image (-U). */
#define DENIED (1u << PERMISSION_WRITE | 1u << PERMISSION_RESIZE)

struct holder {
	long pid; /* 0: not found */
	char name[32];
};

static struct flock byte_lock(int type, int byte)
{
	return (struct flock){
		.l_type = (short)type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1
	};
}

static int lock_bytes(int fd, int base, unsigned bits)
{
	for (int n = 0; n < PERMISSIONS; n++) {
		struct flock lock = byte_lock(F_RDLCK, base + n);

		if ((bits & 1u << n) && fcntl(fd, F_OFD_SETLK, &lock) < 0)
			return errno == EACCES ? -EAGAIN : -errno;
	}
	return 0;
}

/* Has anybody else a lock on one of the bytes? Shared ones count. *ret_pid: whose, -1 for OFD locks. */
static int look_at_bytes(int fd, int base, unsigned bits, pid_t *ret_pid)
{
	for (int n = 0; n < PERMISSIONS; n++) {
		struct flock lock = byte_lock(F_WRLCK, base + n);

		if (!(bits & 1u << n))
			continue;
		if (fcntl(fd, F_OFD_GETLK, &lock) < 0)
			return -errno;
		if (lock.l_type != F_UNLCK) {
			*ret_pid = lock.l_pid;
			return -EAGAIN;
		}
	}
	return 0;
}

/* A line of fdinfo that shows a lock of ours or QEMU's: "lock: 1: OFDLCK ADVISORY READ -1 fe:00:17 101 101". */
static bool shows_image_lock(const char *line)
{
	unsigned long long first;

	return strncmp(line, "lock:", strlen("lock:")) == 0 &&
	       sscanf(line, "lock: %*s %*s %*s %*s %*s %*s %llu", &first) == 1 &&
	       first >= PERMISSION_BASE && first < DENIED_BASE + PERMISSIONS;
}

static bool fd_has_image_lock(int proc_fd, const char *pid, const char *fd)
{
	char path[64], line[256];
	bool found = false;

	snprintf(path, sizeof(path), "%.20s/fdinfo/%.20s", pid, fd);
	int info = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	FILE *f = info < 0 ? NULL : fdopen(info, "r");

	if (!f) {
		sheaf_cleanup_close(&info);
		return false;
	}
	while (!found && fgets(line, sizeof(line), f))
		found = shows_image_lock(line);
	fclose(f);
	return found;
}

/* Does process @pid have @image open with such a lock? */
static bool process_holds(int proc_fd, const char *pid, const struct stat *image, int except_fd)
{
	char path[64];
	bool found = false;
	struct dirent *entry;
	struct stat st;

	snprintf(path, sizeof(path), "%.20s/fd", pid);
	int fds_fd = openat(proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *fds = fds_fd < 0 ? NULL : fdopendir(fds_fd);

	if (!fds) {
		sheaf_cleanup_close(&fds_fd);
		return false;
	}
	while (!found && (entry = readdir(fds))) {
		if (!isdigit((unsigned char)entry->d_name[0]) || atoi(entry->d_name) == except_fd ||
		    fstatat(dirfd(fds), entry->d_name, &st, 0) < 0)
			continue;
		if (st.st_dev == image->st_dev && st.st_ino == image->st_ino)
			found = fd_has_image_lock(proc_fd, pid, entry->d_name);
	}
	closedir(fds);
	return found;
}

static void read_name(long pid, char name[32])
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, name, 31);

	name[n > 0 ? n : 0] = '\0';
	name[strcspn(name, "\n")] = '\0';
}

/* As far as we may look into other processes. @fd, the descriptor that wanted the lock, does not count. */
static struct holder find_holder(int fd)
{
	struct holder holder = { 0 };
	struct dirent *entry;
	struct stat image;
	DIR *proc = opendir("/proc");

	if (!proc)
		return holder;
	while (fstat(fd, &image) == 0 && !holder.pid && (entry = readdir(proc))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		long pid = atol(entry->d_name);

		if (process_holds(dirfd(proc), entry->d_name, &image, pid == getpid() ? fd : -1))
			holder.pid = pid;
	}
	closedir(proc);
	return holder;
}

static void report_in_use(const char *path, bool write, struct holder *holder)
{
	const char *advice = write ? "unmount it there first, or serve it read-only at both places"
				   : "unmount it there first, or serve it read-only there too";

	if (!holder->pid) {
		sheaf_error(
			"%s: served already, by another process (qemu-img sees the same lock); %s",
			path, advice);
		return;
	}
	read_name(holder->pid, holder->name);
	sheaf_error("%s: served already, by pid %ld (%s); %s", path, holder->pid,
		    holder->name[0] ? holder->name : "unknown", advice);
}

static void unlock(int fd)
{
	struct flock lock = {
		.l_type = F_UNLCK,
		.l_whence = SEEK_SET,
		.l_start = PERMISSION_BASE,
		.l_len = DENIED_BASE + PERMISSIONS - PERMISSION_BASE,
	};

	fcntl(fd, F_OFD_SETLK, &lock);
}

/* 0; -EAGAIN: another one has it, and nothing is locked; other -errno: there are no locks. *ret_holder: as far as it is known. */
static int try_lock(int fd, unsigned permissions, struct holder *ret_holder)
{
	pid_t pid = -1;
	int err;

	err = lock_bytes(fd, PERMISSION_BASE, permissions);
	if (!err)
		err = lock_bytes(fd, DENIED_BASE, DENIED);
	if (!err)
		err = look_at_bytes(fd, DENIED_BASE, permissions, &pid);
	if (!err)
		err = look_at_bytes(fd, PERMISSION_BASE, DENIED, &pid);
	if (err == -EAGAIN) {
		*ret_holder = pid > 0 ? (struct holder){ .pid = pid } : find_holder(fd);
		unlock(fd);
	}
	return err;
}

int sheaf_image_lock(int fd, const char *path, bool write)
{
	unsigned permissions =
		1u << PERMISSION_CONSISTENT_READ | (write ? 1u << PERMISSION_WRITE : 0);
	uint64_t give_up_ns = sheaf_clock_ns() + GONE_WAIT_NS;
	struct holder holder = { 0 };
	int err;

	while ((err = try_lock(fd, permissions, &holder)) == -EAGAIN && !holder.pid &&
	       sheaf_clock_ns() < give_up_ns)
		usleep(GONE_LOOK_US);
	if (err == -EAGAIN) {
		report_in_use(path, write, &holder);
		return err;
	}
	if (err)
		sheaf_warning("%s: cannot be locked (%s); make sure that nothing else uses it",
			      path, strerror(-err));
	return 0;
}
