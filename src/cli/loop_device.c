/* SPDX-License-Identifier: MIT */
/* loop_device.c - see loop_device.h */
#include "cli/loop_device.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

/* Others take free devices between our question and our use of the answer. */
#define ATTEMPTS_MAX 32
#define POLL_NS	     (20 * 1000 * 1000)

static int configure(int device_fd, int file_fd, const char *file, bool read_only,
		     uint32_t block_size)
{
	struct loop_config config = { .fd = (uint32_t)file_fd, .block_size = block_size };
	int r;

	config.info.lo_flags =
		LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO | (read_only ? LO_FLAGS_READ_ONLY : 0U);
	snprintf((char *)config.info.lo_file_name, LO_NAME_SIZE, "%s", file);
	r = ioctl(device_fd, LOOP_CONFIGURE, &config) < 0 ? -errno : 0;
	if (r == -EINVAL) { /* a kernel that does not do direct I/O on such a file */
		config.info.lo_flags &= ~(uint32_t)LO_FLAGS_DIRECT_IO;
		r = ioctl(device_fd, LOOP_CONFIGURE, &config) < 0 ? -errno : 0;
	}
	return r;
}

/* -EBUSY: somebody else was faster. */
static int try_attach(int control, int file_fd, const char *file, bool read_only,
		      uint32_t block_size, char **ret_device)
{
	CLEANUP_FREE char *device = NULL;
	int number = ioctl(control, LOOP_CTL_GET_FREE), r;

	if (number < 0)
		return -errno;
	if (asprintf(&device, "/dev/loop%d", number) < 0)
		return -ENOMEM;
	CLEANUP_CLOSE int fd = open(device, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);

	if (fd < 0) {
		sheaf_error("%s: cannot be opened: %s; in a container it takes --privileged",
			    device, strerror(errno));
		return -EALREADY;
	}
	r = configure(fd, file_fd, file, read_only, block_size);
	if (r < 0)
		return r;
	*ret_device = device;
	device = NULL;
	return sheaf_steal_fd(fd);
}

int sheaf_loop_attach(const char *file, bool read_only, uint32_t block_size, char **ret_device)
{
	CLEANUP_CLOSE int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	CLEANUP_CLOSE int file_fd = -1;
	int r = -EBUSY;

	if (control < 0) {
		r = -errno;
		sheaf_error("/dev/loop-control: %s; load loop devices with: modprobe loop",
			    strerror(-r));
		return r;
	}
	file_fd = open(file, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (file_fd < 0) {
		r = -errno;
		sheaf_error("%s: cannot be opened: %s", file, strerror(-r));
		return r;
	}
	for (int i = 0; r == -EBUSY && i < ATTEMPTS_MAX; i++)
		r = try_attach(control, file_fd, file, read_only, block_size, ret_device);
	if (r < 0 && r != -EALREADY)
		sheaf_error("%s: no loop device for it: %s", file, strerror(-r));
	return r;
}

char *sheaf_loop_backing_file(const char *device)
{
	CLEANUP_FREE char *path = NULL;
	char *line = NULL;
	size_t size = 0;
	FILE *in;

	if (strncmp(device, "/dev/loop", 9) != 0 ||
	    asprintf(&path, "/sys/block/%s/loop/backing_file", device + 5) < 0)
		return NULL;
	in = fopen(path, "re");
	if (!in)
		return NULL;
	if (getline(&line, &size, in) <= 0) {
		free(line);
		line = NULL;
	} else {
		line[strcspn(line, "\n")] = '\0';
	}
	fclose(in);
	return line;
}

bool sheaf_loop_wait_clear(const char *device, int timeout_ms)
{
	const struct timespec pause = { .tv_nsec = POLL_NS };
	int polls = timeout_ms / (POLL_NS / 1000000);

	for (int i = 0; i <= polls; i++) {
		CLEANUP_FREE char *file = sheaf_loop_backing_file(device);

		if (!file)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

const struct sheaf_mount *sheaf_loop_server(const struct sheaf_mount_table *table,
					    const struct sheaf_mount *mount)
{
	CLEANUP_FREE char *file = sheaf_loop_backing_file(mount->source);
	const struct sheaf_mount *server = file ? sheaf_mount_containing(table, file) : NULL;

	return server && server->ours ? server : NULL;
}

static int update_size(const char *device)
{
	CLEANUP_CLOSE int fd = open(device, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return ioctl(fd, LOOP_SET_CAPACITY) < 0 ? -errno : 0;
}

unsigned sheaf_loop_update_size(const char *file, void (*told)(const char *device, int error))
{
	glob_t found;
	unsigned count = 0;

	if (glob("/sys/block/loop*", 0, NULL, &found) != 0)
		return 0;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		CLEANUP_FREE char *device = NULL;
		CLEANUP_FREE char *behind = NULL;

		if (asprintf(&device, "/dev/%s", strrchr(found.gl_pathv[i], '/') + 1) < 0)
			break;
		behind = sheaf_loop_backing_file(device);
		if (!behind || strcmp(behind, file) != 0)
			continue;
		count++;
		told(device, update_size(device));
	}
	globfree(&found);
	return count;
}
