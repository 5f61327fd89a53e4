/* SPDX-License-Identifier: MIT */
/*
 * cmd_mount.c - sheaf mount: options, a look at the mountpoint, then into the background and serve
 *
 * The mountpoint is checked by the mount table first: a dead or stopped mount there must not be touched by a stat().
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/daemonize.h"
#include "cli/loaded_driver.h"
#include "cli/mount_table.h"
#include "cli/paths.h"
#include "cli/served.h"
#include "cli/serve.h"
#include "host/host.h"
#include "host/probe.h"

#define SLOTS_MAX      1024
#define TIMEOUT_MS_MAX (24 * 3600 * 1000)
#define DRIVER_RESTARTS_MAX 1000000

struct mount_args {
	struct sheaf_serve_options serve;
	bool foreground, debug, quiet;
	int verbose;
	char *pidfile;
	char *controller; /* as given */
	char *driver, *driver_socket, *driver_user;
	int driver_sandbox;
	struct sheaf_daemon daemon;
};

static const struct sheaf_choice io_choices[] = {
	{ "auto", SHEAF_IO_AUTO }, { "uring", SHEAF_IO_URING }, { "sync", SHEAF_IO_SYNC }, { 0 }
};
static const struct sheaf_choice worker_choices[] = { { "auto", -1 }, { "fused", 0 }, { 0 } };
static const struct sheaf_choice auto_choice[] = { { "auto", 0 }, { 0 } };
static const struct sheaf_choice transport_choices[] = { { "auto", SHEAF_TRANSPORT_AUTO },
							 { "dev", SHEAF_TRANSPORT_DEV },
							 { "uring", SHEAF_TRANSPORT_URING },
							 { 0 } };
static const struct sheaf_choice direct_choices[] = {
	{ "auto", SHEAF_DIRECT_AUTO }, { "on", SHEAF_DIRECT_ON }, { "off", SHEAF_DIRECT_OFF }, { 0 }
};
static const struct sheaf_choice block_choices[] = { { "512", 512 }, { "4096", 4096 }, { 0 } };
static const struct sheaf_choice allow_choices[] = { { "auto", SHEAF_ALLOW_OTHER_AUTO },
						     { "on", SHEAF_ALLOW_OTHER_ON },
						     { "off", SHEAF_ALLOW_OTHER_OFF },
						     { 0 } };

static const struct sheaf_choice sandbox_choices[] = { { "none", SHEAF_SANDBOX_NONE },
						       { "caps", SHEAF_SANDBOX_CAPS },
						       { "seccomp", SHEAF_SANDBOX_SECCOMP },
						       { 0 } };

/* clang-format off */
#define AT(field) offsetof(struct mount_args, field)
static const struct sheaf_option mount_options[] = {
	{ "read-only", 'r', SHEAF_OPTION_FLAG, AT(serve.read_only),
	  .help = "never write to the image; also -o ro" },
	{ "ro", .kind = SHEAF_OPTION_FLAG, .offset = AT(serve.read_only) },
	{ "block-size", 'b', SHEAF_OPTION_NUMBER, AT(serve.block_size), .choices = block_choices,
	  .help = "of the disk; 512" },
	{ "offset", 0, SHEAF_OPTION_SIZE, AT(serve.offset), .value = "SIZE",
	  .help = "where in the image the disk begins" },
	{ "sizelimit", 0, SHEAF_OPTION_SIZE, AT(serve.sizelimit), .value = "SIZE",
	  .help = "how long the disk is; to the image's end if not given" },
	{ "cache", 0, SHEAF_OPTION_FLAG, AT(serve.cache), .value = "on|off",
	  .help = "keep data in the kernel's page cache; off: it would be there twice" },
	{ "direct", 0, SHEAF_OPTION_NUMBER, AT(serve.direct), .choices = direct_choices,
	  .help = "open the image with O_DIRECT" },
	{ "force-share", 'U', SHEAF_OPTION_FLAG, AT(serve.force_share),
	  .help = "with -r: without a lock, though somebody may write to the image" },
	{ "uid", 0, SHEAF_OPTION_NUMBER, AT(serve.uid), 0, INT32_MAX, .value = "UID",
	  .help = "owner of the disk files; yours" },
	{ "gid", 0, SHEAF_OPTION_NUMBER, AT(serve.gid), 0, INT32_MAX, .value = "GID",
	  .help = "group of the disk files; yours" },
	{ "mode", 0, SHEAF_OPTION_MODE, AT(serve.mode), .value = "MODE",
	  .help = "of the disk files; 0600, and 0444 if they are read-only" },
	{ "allow-other", 0, SHEAF_OPTION_NUMBER, AT(serve.allow_other), .choices = allow_choices,
	  .help = "may other users look in; auto: if that is permitted" },
	{ "io", 0, SHEAF_OPTION_NUMBER, AT(serve.io), .choices = io_choices,
	  .help = "how the image is read and written" },
	{ "controller", 0, SHEAF_OPTION_TEXT, AT(controller), .value = "FILE.so",
	  .help = "a driver of your own, in the server; 'FILE.so WORD...': with words for it" },
	{ "workers", 0, SHEAF_OPTION_NUMBER, AT(serve.workers), 1, SHEAF_WORKERS_MAX, worker_choices,
	  "N", "on the loops that read requests (fused), or on N of their own" },
	{ "loops", 0, SHEAF_OPTION_NUMBER, AT(serve.loops), 1, SHEAF_QUEUES_MAX, auto_choice, "N",
	  "loops that read requests" },
	{ "slots", 0, SHEAF_OPTION_NUMBER, AT(serve.slots), 1, SLOTS_MAX, .value = "N",
	  .help = "requests at a time; 64" },
	{ "bundle", 0, SHEAF_OPTION_NUMBER, AT(serve.bundle_max), 1, SHEAF_BUNDLE_MAX, .value = "N",
	  .help = "tasks in a bundle, at most; 32" },
	{ "single", 0, SHEAF_OPTION_FLAG, AT(serve.single_mode),
	  .help = "one task at a time, without bundles" },
	{ "transport", 0, SHEAF_OPTION_NUMBER, AT(serve.transport), .choices = transport_choices,
	  .help = "how requests come from the kernel" },
	{ "timeout", 0, SHEAF_OPTION_DURATION, AT(serve.timeout_ms), 0, TIMEOUT_MS_MAX, .value = "TIME",
	  .help = "for a task: 30s, 500ms; 0: none" },
	{ "grace", 0, SHEAF_OPTION_DURATION, AT(serve.grace_ms), 0, TIMEOUT_MS_MAX, .value = "TIME",
	  .help = "then for abort, reset, and a new driver, each; a sixth of --timeout; 0: none" },
	{ "violations", 0, SHEAF_OPTION_NUMBER, AT(serve.violations_max), 0, INT32_MAX, .value = "N",
	  .help = "of the driver's, within 10 s, before it is replaced; 100; 0: any number" },
	{ "driver", 0, SHEAF_OPTION_TEXT, AT(driver), .value = "COMMAND",
	  .help = "the controller in a process of its own; disk: sheaf's own" },
	{ "driver-socket", 0, SHEAF_OPTION_TEXT, AT(driver_socket), .value = "PATH",
	  .help = "the same, and the driver connects to PATH" },
	{ "driver-restarts", 0, SHEAF_OPTION_NUMBER, AT(serve.driver_restarts), 0, DRIVER_RESTARTS_MAX,
	  .value = "N", .help = "of a driver that gets nothing done, in a row; 8" },
	{ "driver-user", 0, SHEAF_OPTION_TEXT, AT(driver_user), .value = "NAME",
	  .help = "the driver runs as this user" },
	{ "driver-sandbox", 0, SHEAF_OPTION_NUMBER, AT(driver_sandbox), .choices = sandbox_choices,
	  .help = "what the driver's process may not" },
	{ "pidfile", 0, SHEAF_OPTION_TEXT, AT(pidfile), .value = "FILE",
	  .help = "write the server's process number there" },
	{ "foreground", 'f', SHEAF_OPTION_FLAG, AT(foreground),
	  .help = "do not go into the background" },
	{ "debug", 'd', SHEAF_OPTION_FLAG, AT(debug), .help = "say much, in the foreground" },
	{ "verbose", 'v', SHEAF_OPTION_COUNT, AT(verbose), .help = "say more; -vv: still more" },
	{ "quiet", 'q', SHEAF_OPTION_FLAG, AT(quiet), .help = "errors only" },
	{ .kind = SHEAF_OPTION_END },
};
/* clang-format on */

static const char *const mount_operands[] = { "IMAGE or DIR" };
const struct sheaf_command_line sheaf_mount_line = {
	.usage = "mount [OPTION]... [IMAGE]... DIR",
	.summary = "Serve disk images as DIR/disk (several: DIR/disk0, DIR/disk1, ...).",
	.options = mount_options,
	.operands_min = 1, /* with a driver that needs no image; see check_operands() */
	.operands_max = SHEAF_LUNS_MAX + 1,
	.operand_names = mount_operands,
	.mount_options = true,
	.fuse_options_offset = offsetof(struct mount_args, serve.fuse_options),
	.epilogue = "It returns when the disk can be read. End it with: sheaf umount DIR\n",
};

/* What is mounted at @path already. 0: nothing any more; or -errno, reported. */
static int check_mounted(const struct sheaf_mount *mount)
{
	CLEANUP_FREE char *text = NULL;
	int error, r;

	if (!mount->ours)
		return 0; /* on top of it, as any mount */
	switch (sheaf_served_read(mount->mountpoint, &text, &error)) {
	case SHEAF_SERVED_DEAD:
		r = sheaf_served_clear(mount);
		if (r == 0)
			sheaf_warning(
				"%s: a dead mount of %s was here, its server is gone; cleared",
				mount->mountpoint, mount->source);
		return r;
	case SHEAF_SERVED_HUNG:
		sheaf_error("%s: %s is mounted here, and its server (process %d) does not answer; "
			    "see: sheaf umount %s",
			    mount->mountpoint, mount->source, sheaf_served_find_pid(mount),
			    mount->mountpoint);
		return -EBUSY;
	default:
		sheaf_error("%s: %s is mounted here already; unmount it with: sheaf umount %s",
			    mount->mountpoint, mount->source, mount->mountpoint);
		return -EBUSY;
	}
}

/* 0 and where to mount, or -errno, reported. */
static int check_mountpoint(const char *dir, char **ret_path)
{
	struct sheaf_mount_table table;
	CLEANUP_FREE char *path = NULL;
	const struct sheaf_mount *mount;
	struct stat st;
	int r = sheaf_mount_table_read(&table);

	if (r < 0) {
		sheaf_error("/proc/self/mountinfo: %s", strerror(-r));
		return r;
	}
	mount = sheaf_mount_find(&table, dir, false, &path);
	if (mount)
		r = check_mounted(mount);
	sheaf_mount_table_free(&table);
	if (r < 0)
		return r;
	if (stat(dir, &st) < 0) {
		r = -errno;
		if (r == -ENOENT)
			sheaf_error("%s: no such directory; make it with: mkdir -p %s", dir, dir);
		else
			sheaf_error("%s: cannot be the mountpoint: %s", dir, strerror(-r));
		return r;
	}
	if (!S_ISDIR(st.st_mode)) {
		sheaf_error(
			"%s: is not a directory; the mountpoint comes last: sheaf mount IMAGE DIR",
			dir);
		return -ENOTDIR;
	}
	*ret_path = realpath(dir, NULL);
	return *ret_path ? 0 : -errno;
}

/* The daemon works in `/`, so names are made absolute. 0 or -errno, reported. */
static int check_images(struct mount_args *args, const struct sheaf_operands *operands)
{
	struct sheaf_serve_options *serve = &args->serve;
	unsigned count = operands->count - 1;

	serve->images = calloc((size_t)count + 1, sizeof(*serve->images));
	if (!serve->images)
		return -ENOMEM;
	for (; serve->image_count < count; serve->image_count++) {
		const char *word = operands->words[serve->image_count];
		CLEANUP_FREE char *real = realpath(word, NULL);

		if (real && sheaf_path_is_below(real, serve->mountpoint)) {
			sheaf_error("%s: lies below its own mountpoint %s, where nobody could "
				    "reach it; mount elsewhere",
				    word, serve->mountpoint);
			return -EINVAL;
		}
		serve->images[serve->image_count].path = sheaf_path_absolute(word);
		if (!serve->images[serve->image_count].path) {
			sheaf_error("%s: %s", word, strerror(errno));
			return -EINVAL;
		}
	}
	return 0;
}

/* What libfuse and fusermount3 (which opens it as the user) would say less clearly. */
static int check_fuse(void)
{
	CLEANUP_CLOSE int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	int r = fd < 0 ? -errno : 0;

	if (r == -ENOENT || r == -ENODEV || r == -ENXIO)
		sheaf_error("/dev/fuse: %s; load the kernel's FUSE with: modprobe fuse (in a "
			    "container: --device /dev/fuse)",
			    strerror(-r));
	else if (r == -EACCES && geteuid() != 0)
		sheaf_error("/dev/fuse: %s; root lets everybody use it with: chmod 666 /dev/fuse",
			    strerror(-r));
	else if (r < 0)
		sheaf_error("/dev/fuse: cannot be opened: %s; in a container it takes --device "
			    "/dev/fuse and --cap-add SYS_ADMIN",
			    strerror(-r));
	return r;
}

/* What is wrong with an image is said before what is wrong with the system. */
static bool may_read_images(const struct mount_args *args)
{
	for (unsigned i = 0; i < args->serve.image_count; i++)
		if (access(args->serve.images[i].path, R_OK) < 0)
			return false;
	return true;
}

static int write_pidfile(const char *path)
{
	FILE *out = fopen(path, "we");

	if (!out || fprintf(out, "%d\n", getpid()) < 0 || fclose(out) != 0) {
		int r = -errno;

		sheaf_error("%s: cannot be written: %s", path, strerror(-r));
		return r;
	}
	return 0;
}

static int on_ready(void *arg)
{
	struct mount_args *args = arg;
	int r = args->pidfile ? write_pidfile(args->pidfile) : 0;

	if (r == 0)
		r = sheaf_daemon_ready(&args->daemon);
	if (r == 0)
		sheaf_notify_ready();
	return r;
}

/* A driver may need no image; all else does. Exit code, 0: go on. */
static int check_operands(const struct mount_args *args, const struct sheaf_operands *operands)
{
	if (args->controller || args->driver_socket || operands->count > 1 ||
	    (args->driver && strcmp(args->driver, "disk") != 0))
		return SHEAF_EXIT_OK;
	sheaf_error("IMAGE or DIR is missing; see: sheaf mount --help");
	return SHEAF_EXIT_USAGE;
}

/* A program named by its path is found from `/` too, where the daemon works. */
int sheaf_driver_command_absolute(const char *command, char **ret_command)
{
	size_t n = strcspn(command, " \t\n'\"\\");
	CLEANUP_FREE char *word = strndup(command, n), *absolute = NULL;

	if (!word)
		return -ENOMEM;
	if (!strchr(word, '/')) {
		*ret_command = strdup(command);
		return *ret_command ? 0 : -ENOMEM;
	}
	absolute = sheaf_path_absolute(word);
	if (!absolute || asprintf(ret_command, "%s%s", absolute, command + n) < 0)
		return -ENOMEM;
	return 0;
}

static int find_user(const char *name, struct sheaf_driver_rights *rights)
{
	const struct passwd *user = getpwnam(name);

	if (!user) {
		sheaf_error("--driver-user=%s: no such user", name);
		return -ENOENT;
	}
	if (geteuid() != 0 && user->pw_uid != geteuid()) {
		sheaf_error("--driver-user=%s: only root may start a driver as another user", name);
		return -EPERM;
	}
	rights->has_user = geteuid() == 0;
	rights->uid = user->pw_uid;
	rights->gid = user->pw_gid;
	return 0;
}

static int check_driver(struct mount_args *args)
{
	struct sheaf_serve_options *serve = &args->serve;
	char *made;
	int r = 0;

	if (args->driver && args->driver_socket) {
		sheaf_error("--driver and --driver-socket: one or the other");
		return -EINVAL;
	}
	if (args->controller && (args->driver || args->driver_socket)) {
		sheaf_error("--controller is for a driver in this process, %s for one in its own: one or the other",
			    args->driver ? "--driver" : "--driver-socket");
		return -EINVAL;
	}
	if (args->driver) {
		r = sheaf_driver_command_absolute(args->driver, &made);
		if (r < 0)
			return r;
		free(args->driver);
		args->driver = made;
	}
	if (args->driver_socket) {
		made = sheaf_path_absolute(args->driver_socket);
		free(args->driver_socket);
		args->driver_socket = made;
		r = made ? 0 : -ENOMEM;
	}
	serve->driver = args->driver;
	serve->driver_socket = args->driver_socket;
	serve->driver_rights.sandbox = (enum sheaf_sandbox)args->driver_sandbox;
	if (r == 0 && args->driver_user)
		r = find_user(args->driver_user, &serve->driver_rights);
	return r;
}

static int set_up(struct mount_args *args, const struct sheaf_operands *operands)
{
	const char *dir = operands->words[operands->count - 1];
	int r;

	if (args->serve.force_share && !args->serve.read_only) {
		sheaf_error("--force-share: only together with -r; two writers would destroy the "
			    "image");
		return -EINVAL;
	}
	r = check_mountpoint(dir, &args->serve.mountpoint);
	if (r == 0 && args->controller)
		r = sheaf_loaded_driver_find(args->controller, &args->serve.controller);
	if (r == 0)
		r = check_images(args, operands);
	if (r == 0)
		r = check_driver(args);
	if (r == 0 && may_read_images(args))
		r = check_fuse();
	if (r == 0 && args->pidfile) {
		char *absolute = sheaf_path_absolute(args->pidfile);

		free(args->pidfile);
		args->pidfile = absolute;
		r = absolute ? 0 : -ENOMEM;
	}
	return r;
}

static void set_level(const struct mount_args *args)
{
	sheaf_log_set_level(args->debug || args->verbose > 1 ? SHEAF_LOG_DEBUG
			    : args->verbose		     ? SHEAF_LOG_INFO
			    : args->quiet		     ? SHEAF_LOG_ERROR
							     : SHEAF_LOG_WARNING);
}

static void free_args(struct mount_args *args)
{
	for (unsigned i = 0; args->serve.images && i < args->serve.image_count; i++)
		free(args->serve.images[i].path);
	free(args->serve.images);
	free(args->serve.mountpoint);
	free(args->serve.controller);
}

int sheaf_cmd_mount(int argc, char **argv)
{
	struct mount_args args = {
		.serve = { .workers = -1,
			   .slots = 64,
			   .bundle_max = SHEAF_BUNDLE_MAX,
			   .block_size = 512,
			   .uid = -1,
			   .gid = -1,
			   .mode = -1,
			   .timeout_ms = 30000,
			   .grace_ms = -1,
			   .violations_max = 100,
			   .driver_restarts = 8,
			   .ready = on_ready },
		.daemon = { .report_fd = -1 },
	};
	struct sheaf_operands operands;
	int r = sheaf_options_parse(&sheaf_mount_line, argc, argv, &args, &operands);

	if (r != SHEAF_OPTIONS_RUN)
		return sheaf_options_exit(r);
	set_level(&args);
	args.serve.ready_arg = &args;
	r = check_operands(&args, &operands);
	if (r != SHEAF_EXIT_OK) {
		sheaf_options_free(&sheaf_mount_line, &args, &operands);
		return r;
	}
	r = set_up(&args, &operands);
	if (r == 0 && !args.foreground && !args.debug)
		r = sheaf_daemonize(&args.daemon);
	int code = r == 0 ? sheaf_serve(&args.serve) : SHEAF_EXIT_FAILED;

	if (r == 0 && args.pidfile)
		unlink(args.pidfile);
	free_args(&args);
	sheaf_options_free(&sheaf_mount_line, &args, &operands);
	return code;
}
