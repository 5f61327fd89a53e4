/* SPDX-License-Identifier: MIT */
/*
 * cmd_resize.c - sheaf resize: ask a server for another size of a disk, wait for it, and tell loop devices
 *
 * The server does it (resize.h). It is asked at .sheaf/control, and says in stats.json what became of it. The kernel learns the new size
 * by the question that is asked here afterwards, so that a loop device takes the right one.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/loop_device.h"
#include "cli/mount_table.h"
#include "cli/served.h"

#define WAIT_MS 180000
#define LOOK_MS 20
/* For the kernel to look at the new size. */
#define TAKE_MS 10000

struct resize_args {
	bool force;
};

static const struct sheaf_option resize_options[] = {
	{ "force", 'f', SHEAF_OPTION_FLAG, offsetof(struct resize_args, force),
	  .help = "shrink, too; what is beyond the new end is lost" },
	{ .kind = SHEAF_OPTION_END },
};
static const char *const resize_operands[] = { "DIR" };
static const struct sheaf_command_line resize_line = {
	.usage = "resize [--force] DIR[/DISK] [[+|-]SIZE]",
	.summary = "Give a disk of a mount another size while it is in use.",
	.options = resize_options,
	.operands_min = 1,
	.operands_max = 2,
	.operand_names = resize_operands,
	.epilogue =
		"SIZE: 512M, 10G, 2T; +1G is that much more (and -- -1G that much less); left out, it is what\n"
		"the image, or the device, has by now. DIR may be where sheaf attach has mounted the filesystem.\n",
};

/* The disk that is meant, and what its server says of it. */
struct disk {
	char *dir;  /* of the mount */
	char *path; /* of the file */
	unsigned index;
	uint64_t bytes;
	uint32_t block_size;
};

static void free_disk(struct disk *d)
{
	free(d->dir);
	free(d->path);
}

/* --- which disk --- */

/* "disk", "disk3": 0, 3. Or -EINVAL. */
static int disk_number(const char *name, unsigned *ret)
{
	char *end;

	*ret = 0;
	if (strncmp(name, "disk", 4) != 0)
		return -EINVAL;
	if (!name[4])
		return 0;
	*ret = (unsigned)strtoul(name + 4, &end, 10);
	return *end ? -EINVAL : 0;
}

/* The mount of ours at @path, around it, or behind the filesystem at it; *ret_name: what follows the mount's folder, or "". */
static int find_mount(const char *path, char **ret_dir, char **ret_name)
{
	struct sheaf_mount_table table;
	CLEANUP_FREE char *absolute = NULL;
	CLEANUP_FREE char *backing = NULL;
	const struct sheaf_mount *mount, *server = NULL;
	const char *file;

	if (sheaf_mount_table_read(&table) < 0)
		return -EIO;
	mount = sheaf_mount_find(&table, path, true, &absolute);
	file = absolute;
	if (mount && mount->ours) {
		server = mount;
	} else if (mount && (server = sheaf_loop_server(&table, mount))) {
		backing = sheaf_loop_backing_file(mount->source);
		file = backing;
	}
	if (server) {
		size_t n = strlen(server->mountpoint);

		*ret_dir = strdup(server->mountpoint);
		*ret_name = strdup(file && strncmp(file, server->mountpoint, n) == 0 && file[n] == '/' ? file + n + 1 : "");
	} else {
		sheaf_error("%s: no mount of sheaf, nor a filesystem on a disk of one", absolute ? absolute : path);
	}
	sheaf_mount_table_free(&table);
	return !server ? -ENOENT : *ret_dir && *ret_name ? 0 : -ENOMEM;
}

/* Who it is that cannot be asked: reported. */
static int report_silent(const char *dir, enum sheaf_served_state state, int error)
{
	sheaf_error("%s: no answer: %s", dir,
		    state == SHEAF_SERVED_DEAD	 ? "its server is gone; take the mount away with sheaf umount"
		    : state == SHEAF_SERVED_HUNG ? "its server stands still, see sheaf why"
						 : strerror(error));
	return -ENOTCONN;
}

static int read_stats(const char *dir, json_t **ret)
{
	CLEANUP_FREE char *text = NULL;
	int error = 0;
	enum sheaf_served_state state = sheaf_served_read(dir, &text, &error);

	if (state != SHEAF_SERVED_ALIVE)
		return report_silent(dir, state, error);
	*ret = json_loads(text, 0, NULL);
	return *ret ? 0 : report_silent(dir, SHEAF_SERVED_SILENT, EPROTO);
}

static int look_up(struct disk *d, const char *name)
{
	json_t *stats, *lus, *lu;
	size_t count;
	int r = read_stats(d->dir, &stats);

	if (r < 0)
		return r;
	lus = json_object_get(stats, "lus");
	count = json_array_size(lus);
	if (*name && (disk_number(name, &d->index) < 0 || d->index >= count)) {
		sheaf_error("%s/%s: is no disk of this mount", d->dir, name);
		r = -ENOENT;
	} else if (!*name && count > 1) {
		sheaf_error("%s: has %zu disks; name one: sheaf resize %s/disk1 SIZE", d->dir, count, d->dir);
		r = -EINVAL;
	} else {
		lu = json_array_get(lus, d->index);
		d->block_size = (uint32_t)json_integer_value(json_object_get(lu, "block_size"));
		d->bytes = (uint64_t)json_integer_value(json_object_get(lu, "blocks")) * d->block_size;
		r = count == 1 ? asprintf(&d->path, "%s/disk", d->dir)
			       : asprintf(&d->path, "%s/disk%u", d->dir, d->index);
		r = r < 0 ? -ENOMEM : 0;
	}
	json_decref(stats);
	return r;
}

/* 0, or -errno; -EINVAL: a mistake on the command line. Reported. */
static int find_disk(const char *path, struct disk *d)
{
	CLEANUP_FREE char *name = NULL;
	int r = find_mount(path, &d->dir, &name);

	return r < 0 ? r : look_up(d, name);
}

/* --- which size --- */

/* NULL: 0, which is the image's. -EINVAL: reported. */
static int wanted_size(const struct disk *d, const char *text, uint64_t *ret)
{
	int sign = !text ? 0 : *text == '+' ? 1 : *text == '-' ? -1 : 0;
	uint64_t size = 0;
	int r = text ? sheaf_parse_size(text + (sign != 0), &size) : 0;

	if (r < 0) {
		sheaf_error("%s: no size; write 512M, 10G, 2T, or +1G for that much more", text);
		return -EINVAL;
	}
	*ret = size;
	if (sign > 0)
		*ret = d->bytes + size;
	if (sign < 0 && size < d->bytes)
		*ret = d->bytes - size;
	if (text && (*ret == 0 || *ret > INT64_MAX || (sign < 0 && size >= d->bytes))) {
		sheaf_error("%s: the disk has %" PRIu64 " bytes, so that is no size for it", text, d->bytes);
		return -EINVAL;
	}
	if (*ret % d->block_size) {
		sheaf_error("%s: %" PRIu64 " bytes are not a multiple of a block, %" PRIu32 " bytes", text, *ret,
			    d->block_size);
		return -EINVAL;
	}
	return 0;
}

/* --- asking --- */

static int send_wish(const struct disk *d, uint64_t ticket, uint64_t bytes, bool force)
{
	CLEANUP_FREE char *path = NULL;
	CLEANUP_CLOSE int fd = -1;
	char text[96];
	int n = snprintf(text, sizeof(text), "resize %" PRIu64 " %u %" PRIu64 "%s\n", ticket, d->index, bytes,
			 force ? " force" : "");
	int r = 0;

	if (asprintf(&path, "%s/.sheaf/control", d->dir) < 0)
		return -ENOMEM;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, (size_t)n) < 0)
		r = -errno;
	if (r == -EBUSY)
		sheaf_error("%s: another resize is under way; wait for its end", d->dir);
	else if (r == -EINVAL || r == -EOPNOTSUPP)
		sheaf_error("%s: its server is of another version, and cannot resize", d->dir);
	else if (r == -EROFS)
		sheaf_error("%s: is served read-only, so its size stays; mount it for writing first", d->path);
	else if (r == -EACCES || r == -EPERM)
		sheaf_error("%s: %s; only the owner of the mount may", path, strerror(-r));
	else if (r < 0)
		sheaf_error("%s: %s", path, strerror(-r));
	return r == -EINVAL ? -EOPNOTSUPP : r;
}

/* 1: it runs; 0: done; -errno: failed, reported. */
static int look(const struct disk *d, uint64_t ticket)
{
	json_t *stats, *resize;
	const char *state, *message;
	int r = read_stats(d->dir, &stats);

	if (r < 0)
		return r;
	resize = json_object_get(stats, "resize");
	state = json_string_value(json_object_get(resize, "state"));
	message = json_string_value(json_object_get(resize, "message"));
	if (!state || (uint64_t)json_integer_value(json_object_get(resize, "ticket")) != ticket) {
		sheaf_error("%s: somebody else has resized it since; sheaf stats %s says what it has", d->path, d->dir);
		r = -ESTALE;
	} else if (strcmp(state, "failed") == 0) {
		sheaf_error("%s", message && *message ? message : "it failed; the server's log says why");
		r = -EIO;
	} else {
		r = strcmp(state, "running") == 0;
	}
	json_decref(stats);
	return r;
}

static int wait_for_end(const struct disk *d, uint64_t ticket)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000 };
	uint64_t until_ns = sheaf_clock_ns() + WAIT_MS * UINT64_C(1000000);
	int r;

	while ((r = look(d, ticket)) > 0) {
		if (sheaf_clock_ns() >= until_ns) {
			sheaf_error("%s: it has not ended within %d s, and goes on; see: sheaf why %s", d->path,
				    WAIT_MS / 1000, d->dir);
			return -ETIMEDOUT;
		}
		nanosleep(&pause, NULL);
	}
	return r;
}

/* Not 0, and not that of a process which had this one's number before. */
static uint64_t make_ticket(void)
{
	return (sheaf_clock_ns() >> 10 << 22 | ((uint64_t)getpid() & 0x3fffff)) & INT64_MAX;
}

/* --- afterwards --- */

static void told_loop(const char *device, int error)
{
	if (error == 0)
		printf("%s: has the new size too\n", device);
	else
		sheaf_warning("%s: still has the old size (%s); as root: losetup --set-capacity %s", device,
			      strerror(-error), device);
}

/*
 * The kernel asks the server for the size, and drops the answer if a write has ended meanwhile, which may have made the file longer as far as it
 * knows (fuse_change_attributes() in fs/fuse/inode.c). Asynchronous direct reads, a loop device's, are judged by the size that it has. So
 * it is asked until it has taken the new one: SEEK_END says which that is, and stat() does not.
 */
static void make_kernel_take(const struct disk *d, off_t size)
{
	const struct timespec pause = { .tv_nsec = 100000 };
	uint64_t until_ns = sheaf_clock_ns() + TAKE_MS * UINT64_C(1000000);
	CLEANUP_CLOSE int fd = open(d->path, O_RDONLY | O_CLOEXEC);

	while (fd >= 0 && lseek(fd, 0, SEEK_END) != size) {
		if (sheaf_clock_ns() >= until_ns) {
			sheaf_warning("%s: under this load the kernel does not look at the new size; what has it open sees it later",
				      d->path);
			return;
		}
		nanosleep(&pause, NULL);
	}
}

static int report(const struct disk *d)
{
	struct stat st;

	if (stat(d->path, &st) < 0) {
		sheaf_error("%s: %s", d->path, strerror(errno));
		return -EIO;
	}
	make_kernel_take(d, st.st_size);
	printf("%s: %lld bytes, %" PRIu64 " before\n", d->path, (long long)st.st_size, d->bytes);
	fflush(stdout);
	sheaf_loop_update_size(d->path, told_loop);
	return 0;
}

static int resize(const char *path, const char *size, bool force)
{
	uint64_t ticket = make_ticket(), bytes = 0;
	struct disk d = { 0 };
	int r = find_disk(path, &d);

	if (r == 0)
		r = wanted_size(&d, size, &bytes);
	if (r == 0)
		r = send_wish(&d, ticket, bytes, force);
	if (r == 0)
		r = wait_for_end(&d, ticket);
	if (r == 0)
		r = report(&d);
	free_disk(&d);
	return r;
}

int sheaf_cmd_resize(int argc, char **argv)
{
	struct resize_args args = { 0 };
	struct sheaf_operands operands;
	int r = sheaf_options_parse(&resize_line, argc, argv, &args, &operands);

	if (r != SHEAF_OPTIONS_RUN)
		return sheaf_options_exit(r);
	r = resize(operands.words[0], operands.count > 1 ? operands.words[1] : NULL, args.force);
	sheaf_options_free(&resize_line, &args, &operands);
	return r == 0 ? SHEAF_EXIT_OK : r == -EINVAL ? SHEAF_EXIT_USAGE : SHEAF_EXIT_FAILED;
}
