/* SPDX-License-Identifier: MIT */
/*
 * cmd_attach.c - sheaf attach and detach: from an image to a mounted filesystem, and back
 *
 *   attach   /run/sheaf/NAME ── sheaf mount ── loop device ── [mkfs] ── mount at DIR
 *   detach   syncfs, umount DIR ── the loop device clears itself ── sheaf umount ── rmdir
 *
 * A step that fails undoes those before it. No file keeps track: detach finds its way from DIR's device to the file
 * behind it and to the mount of ours which that file is in.
 */
#include "cli/commands.h"

#include "base/log.h"
#include "config.h"

#ifndef HAVE_LIBMOUNT

static int report_missing(void)
{
	sheaf_error("attach and detach: built without libmount; install libmount-dev and "
		    "libblkid-dev, and configure again");
	return SHEAF_EXIT_FAILED;
}

int sheaf_cmd_attach(int argc, char **argv)
{
	(void)argc, (void)argv;
	return report_missing();
}

int sheaf_cmd_detach(int argc, char **argv)
{
	(void)argc, (void)argv;
	return report_missing();
}

#else

#include <blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <libmount.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/holders.h"
#include "cli/loop_device.h"
#include "cli/mount_table.h"
#include "cli/paths.h"
#include "cli/served.h"

#define RUN_DIR	      "/run/sheaf"
#define NAMES_MAX     100
#define CLEAR_MS      30000
#define BUSY_RETRIES  5
#define BUSY_RETRY_NS (100 * 1000 * 1000)

struct attach_args {
	char *type, *mkfs;
	bool read_only, force;
	char *words; /* -o: for the filesystem, or for sheaf mount */
};

static const struct sheaf_option attach_options[] = {
	{ "type", 't', SHEAF_OPTION_TEXT, offsetof(struct attach_args, type), .value = "TYPE",
	  .help = "of the filesystem; found out if not given" },
	{ "mkfs", 0, SHEAF_OPTION_TEXT, offsetof(struct attach_args, mkfs), .value = "TYPE",
	  .help = "make one first, with mkfs.TYPE" },
	{ "force", 'f', SHEAF_OPTION_FLAG, offsetof(struct attach_args, force),
	  .help = "--mkfs: over what is in the image already" },
	{ "read-only", 'r', SHEAF_OPTION_FLAG, offsetof(struct attach_args, read_only),
	  .help = "neither filesystem nor image is written" },
	{ "ro", .kind = SHEAF_OPTION_FLAG, .offset = offsetof(struct attach_args, read_only) },
	{ .kind = SHEAF_OPTION_END },
};
static const char *const attach_operands[] = { "IMAGE", "DIR" };
static const struct sheaf_command_line attach_line = {
	.usage = "attach [-t TYPE] [--mkfs TYPE] [-r] [-o WORD[,WORD]...] IMAGE DIR",
	.summary = "Serve IMAGE and mount the filesystem in it at DIR. For root.",
	.options = attach_options,
	.operands_min = 2,
	.operands_max = 2,
	.operand_names = attach_operands,
	.collect_unknown = true,
	.unknown_offset = offsetof(struct attach_args, words),
	.passed_on = &sheaf_mount_line,
	.epilogue = "Options of sheaf mount, as --io=sync, are handed on to it. End it with: sheaf "
		    "detach DIR\n",
};

struct detach_args {
	bool force;
};

static const struct sheaf_option detach_options[] = {
	{ "force", 'f', SHEAF_OPTION_FLAG, offsetof(struct detach_args, force),
	  .help = "end a server that does not answer; what was not flushed is lost" },
	{ .kind = SHEAF_OPTION_END },
};
static const char *const detach_operands[] = { "DIR" };
static const struct sheaf_command_line detach_line = {
	.usage = "detach [--force] DIR",
	.summary = "Unmount what sheaf attach mounted; returns when the last byte is durable.",
	.options = detach_options,
	.operands_min = 1,
	.operands_max = 1,
	.operand_names = detach_operands,
};

/* What attach has done so far; NULL and -1: not yet. */
struct attachment {
	char *target; /* DIR */
	char *folder; /* RUN_DIR/NAME */
	bool served;
	char *device;
	int device_fd;
};

/* Options of sheaf mount that mean something else here: to the filesystem, or nothing. */
static bool is_for_server(const char *word)
{
	static const char *const others[] = { "uid",	 "gid",	      "mode",	    "allow-other",
					      "pidfile", "debug",     "foreground", "verbose",
					      "quiet",	 "read-only", "ro" };
	const struct sheaf_option *o =
		sheaf_options_find(&sheaf_mount_line, word, strcspn(word, "="));

	for (size_t i = 0; o && i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(o->name, others[i]) == 0)
			return false;
	return o != NULL;
}

/* 0 or -ENOMEM. @words is used up. */
static int divide_words(char *words, char **ret_server, char **ret_filesystem)
{
	char *word;
	int r = 0;

	while (r == 0 && (word = sheaf_options_next_word(&words)))
		if (*word)
			r = sheaf_options_append_word(
				is_for_server(word) ? ret_server : ret_filesystem, word);
	return r;
}

/* Run a program and wait; its output goes to stderr. Exit code, or -errno. */
static int run(char *const argv[])
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execvp(argv[0], argv);
		_exit(errno == ENOENT ? 127 : 126);
	}
	if (pid < 0)
		return -errno;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* A device of 512-byte blocks on a disk of 4096 would have it read, change and write. 0: the kernel's choice. */
static uint32_t device_block_size(const char *server_words)
{
	CLEANUP_FREE char *copy = server_words ? strdup(server_words) : NULL;
	char *rest = copy, *word;
	uint32_t size = 0;

	while ((word = sheaf_options_next_word(&rest)))
		if (strcmp(word, "block-size=4096") == 0 || strcmp(word, "block_size=4096") == 0)
			size = 4096;
	return size;
}

/* RUN_DIR/mnt-data for /mnt/data; a number after it if that is taken. */
static char *make_folder(const char *target)
{
	char name[NAME_MAX - 8];
	char *path;

	snprintf(name, sizeof(name), "%s", target[1] ? target + 1 : "root");
	for (char *p = name; *p; p++)
		if (*p == '/')
			*p = '-';
	if (mkdir(RUN_DIR, 0700) < 0 && errno != EEXIST) {
		sheaf_error("%s: cannot be made: %s", RUN_DIR, strerror(errno));
		return NULL;
	}
	for (int i = 0; i < NAMES_MAX; i++) {
		if (i == 0 ? asprintf(&path, RUN_DIR "/%s", name) < 0
			   : asprintf(&path, RUN_DIR "/%s.%d", name, i) < 0)
			return NULL;
		if (mkdir(path, 0700) == 0)
			return path;
		/* Left behind by a crash: rmdir() takes only what is empty and no mountpoint. */
		if (errno == EEXIST && rmdir(path) == 0 && mkdir(path, 0700) == 0)
			return path;
		int error = errno;

		if (error != EBUSY && error != ENOTEMPTY && error != EEXIST && error != ENOTCONN) {
			sheaf_error("%s: cannot be made: %s", path, strerror(error));
			free(path);
			return NULL;
		}
		free(path);
	}
	sheaf_error("%s: holds too many names like %s", RUN_DIR, name);
	return NULL;
}

/* By this very program. The error was reported by it. */
static int serve(const char *image, const char *folder, bool read_only, char *words)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *argv[10], **arg = argv;

	if (n < 0)
		return -errno;
	self[n] = '\0';
	*arg++ = self;
	*arg++ = (char *)"mount";
	if (read_only)
		*arg++ = (char *)"-r";
	if (words) {
		*arg++ = (char *)"-o";
		*arg++ = words;
	}
	*arg++ = (char *)"--";
	*arg++ = (char *)image;
	*arg++ = (char *)folder;
	*arg = NULL;
	return run(argv) == 0 ? 0 : -EIO;
}

/* A new filesystem must not take the place of an old one by a slip. */
static int check_empty(const char *device, const char *image)
{
	blkid_probe probe = blkid_new_probe_from_filename(device);
	const char *type = NULL;
	int r;

	if (!probe)
		return 0; /* mkfs will say what is wrong with it */
	blkid_probe_enable_partitions(probe, 1);
	r = blkid_do_safeprobe(probe);
	if (r == 0 && blkid_probe_lookup_value(probe, "TYPE", &type, NULL) < 0)
		blkid_probe_lookup_value(probe, "PTTYPE", &type, NULL);
	if (r == 0 || r == -2)
		sheaf_error("%s: holds %s already; --force to write over it, or leave out --mkfs",
			    image, type ? type : "a filesystem");
	blkid_free_probe(probe);
	return r == 0 || r == -2 ? -EEXIST : 0;
}

static int make_filesystem(const char *device, const char *image, const struct attach_args *args)
{
	char program[64];
	char *argv[6], **arg = argv;
	const char *type = args->mkfs;
	int r = args->force ? 0 : check_empty(device, image);

	if (r < 0)
		return r;
	snprintf(program, sizeof(program), "mkfs.%s", type);
	*arg++ = program;
	if (strncmp(type, "ext", 3) == 0) {
		*arg++ = (char *)"-q";
		*arg++ = (char *)"-F";
	} else if (strcmp(type, "xfs") == 0 || strcmp(type, "btrfs") == 0) {
		*arg++ = (char *)"-q";
		*arg++ = (char *)"-f";
	}
	*arg++ = (char *)device;
	*arg = NULL;
	r = run(argv);
	if (r == 127)
		sheaf_error("%s: no such program; install what makes %s", program, type);
	else if (r != 0)
		sheaf_error("%s: %s failed with %d", image, program, r);
	return r == 0 ? 0 : -EIO;
}

static int mount_filesystem(const struct attachment *a, const char *image,
			    const struct attach_args *args, const char *words)
{
	struct libmnt_context *context = mnt_new_context();
	const char *type = args->type ? args->type : args->mkfs;
	char message[512] = "";
	int r = context ? 0 : -ENOMEM;

	if (r == 0)
		r = mnt_context_set_source(context, a->device);
	if (r == 0)
		r = mnt_context_set_target(context, a->target);
	if (r == 0 && type)
		r = mnt_context_set_fstype(context, type);
	if (r == 0 && words)
		r = mnt_context_set_options(context, words);
	if (r == 0 && args->read_only)
		r = mnt_context_append_options(context, "ro");
	if (r == 0) {
		r = mnt_context_mount(context);
		if (mnt_context_get_excode(context, r, message, sizeof(message)) == 0)
			r = 0;
		else
			r = r == 0 ? -EIO : r;
	}
	if (r != 0)
		sheaf_error("%s: cannot be mounted at %s: %s%s", image, a->target,
			    *message ? message : strerror(r < 0 ? -r : r),
			    type ? "" : "; an empty image gets a filesystem with --mkfs TYPE");
	mnt_free_context(context);
	return r != 0 ? -EIO : 0;
}

/* A disk that is read-only refuses it, root too; who it is refused for another reason hears of that from the loop device. */
static bool opens_for_writing(const char *disk)
{
	int fd = open(disk, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return errno != EROFS && errno != EACCES;
	close(fd);
	return true;
}

/* The steps in order; 0 or -errno, reported. */
static int attach_steps(struct attachment *a, const char *image, struct attach_args *args)
{
	CLEANUP_FREE char *server_words = NULL;
	CLEANUP_FREE char *filesystem_words = NULL;
	CLEANUP_FREE char *disk = NULL;
	int r = divide_words(args->words, &server_words, &filesystem_words);

	if (r == 0)
		r = (a->folder = make_folder(a->target)) ? 0 : -EIO;
	if (r == 0)
		r = serve(image, a->folder, args->read_only, server_words);
	if (r < 0)
		return r;
	a->served = true;
	if (asprintf(&disk, "%s/disk", a->folder) < 0)
		return -ENOMEM;
	/* An image that is not writable is served read-only; then so is the device. */
	bool read_only = args->read_only || !opens_for_writing(disk);

	r = sheaf_loop_attach(disk, read_only, device_block_size(server_words), &a->device);
	if (r < 0)
		return r;
	a->device_fd = r;
	r = args->mkfs ? make_filesystem(a->device, image, args) : 0;
	if (r == 0)
		r = mount_filesystem(a, image, args, filesystem_words);
	return r;
}

static void undo(struct attachment *a)
{
	if (a->device) {
		close(a->device_fd);
		a->device_fd = -1;
		sheaf_loop_wait_clear(a->device, CLEAR_MS);
	}
	if (a->served)
		sheaf_umount(a->folder, false);
	if (a->folder)
		rmdir(a->folder);
}

static int check_target(const char *image, const char *dir, char **ret_target)
{
	struct sheaf_mount_table table;
	CLEANUP_FREE char *path = NULL;
	const struct sheaf_mount *mount;
	struct stat st;
	bool taken;

	if (sheaf_mount_table_read(&table) < 0)
		return -EIO;
	mount = sheaf_mount_find(&table, dir, false, &path);
	taken = mount && (mount->ours || sheaf_loop_server(&table, mount));
	if (taken)
		sheaf_error("%s: %s is mounted here already; take it away with: sheaf %s %s", path,
			    mount->source, mount->ours ? "umount" : "detach", path);
	sheaf_mount_table_free(&table);
	if (taken)
		return -EBUSY;
	if (stat(dir, &st) < 0) {
		sheaf_error("%s: cannot be the mountpoint: %s", dir, strerror(errno));
		return -errno;
	}
	if (!S_ISDIR(st.st_mode)) {
		sheaf_error(
			"%s: is not a directory; the mountpoint comes last: sheaf attach IMAGE DIR",
			dir);
		return -ENOTDIR;
	}
	*ret_target = realpath(dir, NULL);
	CLEANUP_FREE char *real = realpath(image, NULL);

	if (*ret_target && real && sheaf_path_is_below(real, *ret_target)) {
		sheaf_error("%s: lies below its own mountpoint %s; mount elsewhere", image,
			    *ret_target);
		return -EINVAL;
	}
	return *ret_target ? 0 : -errno;
}

static bool is_root(const char *command)
{
	if (geteuid() == 0)
		return true;
	sheaf_error("%s: only root may use loop devices and mount; without root, sheaf mount gives "
		    "you the disk as a file",
		    command);
	return false;
}

int sheaf_cmd_attach(int argc, char **argv)
{
	struct attach_args args = { 0 };
	struct attachment a = { .device_fd = -1 };
	struct sheaf_operands operands;
	int r = sheaf_options_parse(&attach_line, argc, argv, &args, &operands);

	if (r != SHEAF_OPTIONS_RUN)
		return sheaf_options_exit(r);
	if (args.mkfs && args.read_only) {
		sheaf_error("--mkfs: not with -r");
		sheaf_options_free(&attach_line, &args, &operands);
		return SHEAF_EXIT_USAGE;
	}
	r = is_root("attach") ? check_target(operands.words[0], operands.words[1], &a.target)
			      : -EPERM;
	if (r == 0) {
		r = attach_steps(&a, operands.words[0], &args);
		if (r < 0)
			undo(&a);
		else
			close(a.device_fd); /* the mount keeps the device from here on */
	}
	free(a.target);
	free(a.folder);
	free(a.device);
	sheaf_options_free(&attach_line, &args, &operands);
	return r < 0 ? SHEAF_EXIT_FAILED : SHEAF_EXIT_OK;
}

/* False when data may be lost; reported. */
static bool sync_filesystem(const char *target)
{
	CLEANUP_CLOSE int fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && syncfs(fd) == 0)
		return true;
	sheaf_error("%s: the flush failed, what was written last may be lost: %s", target,
		    strerror(errno));
	return false;
}

static int unmount_filesystem(const struct sheaf_mount *mount,
			      const struct sheaf_mount_table *table)
{
	const struct timespec pause = { .tv_nsec = BUSY_RETRY_NS };
	int r = -EBUSY;

	for (int i = 0; r == -EBUSY && i <= BUSY_RETRIES; i++) {
		if (i > 0)
			nanosleep(&pause, NULL);
		r = umount2(mount->mountpoint, UMOUNT_NOFOLLOW) < 0 ? -errno : 0;
	}
	if (r == -EBUSY) {
		sheaf_error("%s: is busy, and stays mounted", mount->mountpoint);
		sheaf_holders_report(mount, table);
	} else if (r < 0) {
		sheaf_error("%s: cannot be unmounted: %s", mount->mountpoint, strerror(-r));
	}
	return r;
}

/* The filesystem on it is gone: its last writes, then the device itself. False when one failed. */
static bool release_device(const char *device, int fd, const char *target)
{
	bool flushed = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0 && !flushed)
		sheaf_error("%s: the flush of %s failed, what was written last may be lost: %s",
			    target, device, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (!sheaf_loop_wait_clear(device, CLEAR_MS)) {
		sheaf_error("%s: %s is still in use by somebody; see: lsof %s", target, device,
			    device);
		return false;
	}
	return flushed;
}

/* An answer of the server before anything waits for it without a limit. 0, or -errno, reported. */
static int check_server(const struct sheaf_mount *server, const char *target, bool force)
{
	CLEANUP_FREE char *text = NULL;
	int error;

	if (sheaf_served_read(server->mountpoint, &text, &error) != SHEAF_SERVED_HUNG)
		return 0;
	pid_t pid;

	if (force) {
		/* What waits for it then fails, and the rest of the way is free. */
		if (sheaf_served_kill(server, &pid))
			return 0;
		sheaf_error("%s: its server (process %d) does not end", target, pid);
		return -ETIMEDOUT;
	}
	pid = sheaf_served_find_pid(server);

	sheaf_error("%s: its server (process %d) %s; lose what is not flushed with: sheaf detach "
		    "--force %s",
		    target, pid,
		    sheaf_process_is_stopped(pid) ? "is stopped, kill -CONT lets it go on"
						  : "does not answer",
		    target);
	return -ETIMEDOUT;
}

static int detach(const struct sheaf_mount_table *table, const struct sheaf_mount *mount,
		  const struct sheaf_mount *server, bool force)
{
	bool in_run_dir = sheaf_path_is_below(server->mountpoint, RUN_DIR);
	bool flushed;
	int fd, code;

	if (check_server(server, mount->mountpoint, force) < 0)
		return SHEAF_EXIT_FAILED;
	flushed = sync_filesystem(mount->mountpoint);
	/* Held open over the unmount: its cache is flushed, and errors show, before it clears itself. */
	fd = open(mount->source, O_RDONLY | O_CLOEXEC);
	if (unmount_filesystem(mount, table) < 0) {
		if (fd >= 0)
			close(fd);
		return SHEAF_EXIT_FAILED;
	}
	if (!release_device(mount->source, fd, mount->mountpoint))
		flushed = false;
	/* What `sheaf mount` mounted is for `sheaf umount`. */
	if (!in_run_dir)
		return flushed ? SHEAF_EXIT_OK : SHEAF_EXIT_FAILED;
	code = sheaf_umount(server->mountpoint, force);
	rmdir(server->mountpoint);
	return flushed ? code : SHEAF_EXIT_FAILED;
}

static int find_and_detach(const char *dir, bool force)
{
	struct sheaf_mount_table table;
	CLEANUP_FREE char *path = NULL;
	const struct sheaf_mount *mount, *server;
	int code = SHEAF_EXIT_FAILED;

	if (sheaf_mount_table_read(&table) < 0) {
		sheaf_error("/proc/self/mountinfo: cannot be read");
		return code;
	}
	mount = sheaf_mount_find(&table, dir, false, &path);
	server = mount ? sheaf_loop_server(&table, mount) : NULL;
	if (server)
		code = detach(&table, mount, server, force);
	else if (mount && mount->ours)
		sheaf_error("%s: comes from sheaf mount; take it away with: sheaf umount %s", dir,
			    dir);
	else
		sheaf_error("%s: no filesystem of sheaf attach is mounted here", dir);
	sheaf_mount_table_free(&table);
	return code;
}

int sheaf_cmd_detach(int argc, char **argv)
{
	struct detach_args args = { 0 };
	struct sheaf_operands operands;
	int r = sheaf_options_parse(&detach_line, argc, argv, &args, &operands);

	if (r != SHEAF_OPTIONS_RUN)
		return sheaf_options_exit(r);
	r = is_root("detach") ? find_and_detach(operands.words[0], args.force) : SHEAF_EXIT_FAILED;
	sheaf_options_free(&detach_line, &args, &operands);
	return r;
}

#endif
