/* SPDX-License-Identifier: MIT */
/* serve.c - see serve.h. The main thread waits for signals and for the end of the mount; loops do the rest. */
#include "cli/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/clock.h"
#include "cli/control.h"
#include "cli/engine.h"
#include "cli/engine_process.h"
#include "cli/images.h"
#include "cli/mount_table.h"
#include "cli/served.h"
#include "cli/watch.h"
#include "fuse/caller.h"
#include "fuse/fuse.h"
#include "fuse/node.h"

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57 /* linux/prctl.h, Linux 5.6 */
#endif

struct serving {
	const struct sheaf_serve_options *options;
	struct sheaf_images images;
	struct sheaf_engine engine;
	struct sheaf_fuse fuse;
	int end_fd; /* eventfd: the connection ended, or the main thread is to look */
	int control_fd; /* -1: none */
	struct sheaf_mount mount; /* its device only */
	struct sheaf_watch watch;
	_Atomic bool stuck; /* abort the connection */
};

static void wake_main(struct serving *s)
{
	uint64_t one = 1;

	if (write(s->end_fd, &one, sizeof(one)) < 0)
		return; /* full: it is set already */
}

/* Any loop's thread. */
static void on_end(void *arg)
{
	struct serving *s = arg;

	sheaf_engine_wake(&s->engine);
	wake_main(s);
}

/* Any loop's thread. */
static void on_stuck(void *arg)
{
	struct serving *s = arg;

	atomic_store(&s->stuck, true);
	wake_main(s);
}

/* Any loop's thread. */
static void on_busy(void *arg)
{
	wake_main(arg);
}

static bool user_allow_other(void)
{
	FILE *conf = fopen("/etc/fuse.conf", "re");
	char line[256];
	bool found = false;

	while (conf && !found && fgets(line, sizeof(line), conf)) {
		line[strcspn(line, " \t\n#")] = '\0';
		found = strcmp(line, "user_allow_other") == 0;
	}
	if (conf)
		fclose(conf);
	return found;
}

/* -errno when it is wanted and cannot be had. */
static int wants_allow_other(const struct sheaf_serve_options *options)
{
	bool allowed = geteuid() == 0 || user_allow_other();

	if (options->allow_other == SHEAF_ALLOW_OTHER_ON && !allowed) {
		sheaf_error("--allow-other=on: only root may, unless /etc/fuse.conf says user_allow_other");
		return -EPERM;
	}
	return options->allow_other != SHEAF_ALLOW_OTHER_OFF && allowed;
}

/* libfuse's option parser takes a backslash before a comma or a backslash. */
static void put_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == ',' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
}

/* What the mount table calls it. */
static const char *name_of(const struct serving *s)
{
	return s->options->image_count ? s->options->images[0].path : s->images.ops->name;
}

/* Never "ro": a disk that is read-only refuses writers itself, and its SCSI node and .sheaf/control are still opened for writing. */
static int make_mount_options(const struct serving *s, char **ret_text)
{
	const struct sheaf_serve_options *o = s->options;
	int allow_other = wants_allow_other(o);
	char *text = NULL;
	size_t size;
	FILE *out;

	if (allow_other < 0)
		return allow_other;
	out = open_memstream(&text, &size);
	if (!out)
		return -ENOMEM;
	fputs("default_permissions,subtype=sheaf,fsname=", out);
	put_escaped(out, name_of(s));
	if (allow_other)
		fputs(",allow_other", out);
	if (o->fuse_options && *o->fuse_options)
		fprintf(out, ",%s", o->fuse_options);
	fclose(out);
	*ret_text = text;
	return 0;
}

static bool all_read_only(const struct serving *s)
{
	for (unsigned i = 0; i < s->fuse.disks.count; i++)
		if (!s->fuse.disks.files[i].unit.read_only)
			return false;
	return true;
}

static int make_files(struct serving *s)
{
	const struct sheaf_serve_options *o = s->options;
	struct sheaf_disks *disks = &s->fuse.disks;
	unsigned count = (unsigned)s->engine.unit_count;
	int r = sheaf_disks_init(disks, s->engine.units, count, s->engine.host->slots);

	if (r < 0)
		return r;
	s->fuse.callers = sheaf_callers_new();
	s->fuse.helpers = sheaf_callers_new();
	if (!s->fuse.callers || !s->fuse.helpers)
		return -ENOMEM;
	disks->uid = o->uid < 0 ? getuid() : (uid_t)o->uid;
	disks->gid = o->gid < 0 ? getgid() : (gid_t)o->gid;
	for (unsigned i = 0; i < count; i++)
		disks->files[i].image = i < o->image_count ? o->images[i].path : s->images.ops->name;
	disks->mode = o->mode >= 0 ? (mode_t)o->mode & 0777 : all_read_only(s) ? 0444 : 0600;
	return 0;
}

/* What the user will do first must work: read each disk through the mount. */
static int first_read(struct serving *s)
{
	char name[32], *path;
	uint8_t block[512];
	int r = 0;

	for (unsigned i = 0; r == 0 && i < s->fuse.disks.count; i++) {
		sheaf_disks_name(&s->fuse.disks, i, name);
		if (asprintf(&path, "%s/%s", s->fuse.mountpoint, name) < 0)
			return -ENOMEM;
		CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd >= 0 && s->fuse.disks.files[i].unit.spoilt)
			; /* said where it was found; what mends it needs the mount */
		else if (fd >= 0 && pread(fd, block, sizeof(block), 0) != sizeof(block))
			r = errno ? -errno : -EIO;
		else if (fd < 0 && errno != EACCES) /* uid=, mode=: not ours to read */
			r = -errno;
		if (r < 0)
			sheaf_error("%s: the first read failed: %s", path, strerror(-r));
		free(path);
	}
	return r;
}

/* Out of the way of new users; who has it open goes on. */
static void detach(const struct serving *s)
{
	pid_t pid;

	if (geteuid() == 0 && umount2(s->fuse.mountpoint, MNT_DETACH) == 0)
		return;
	pid = fork();
	if (pid == 0) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		execlp("fusermount3", "fusermount3", "-u", "-z", "-q", s->fuse.mountpoint, (char *)NULL);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static void end_now(struct serving *s)
{
	if (!atomic_exchange(&s->fuse.ended, true))
		on_end(s);
}

/* The device of the mount, which names its connection and its socket. */
static void find_mount(struct serving *s)
{
	struct sheaf_mount_table table;
	const struct sheaf_mount *mount;

	if (sheaf_mount_table_read(&table) < 0)
		return;
	mount = sheaf_mount_at(&table, s->fuse.mountpoint);
	if (mount && mount->ours) {
		s->mount.major = mount->major;
		s->mount.minor = mount->minor;
	}
	sheaf_mount_table_free(&table);
}

static void open_control(struct serving *s)
{
	if (!s->mount.minor)
		return;
	s->control_fd = sheaf_control_listen(s->mount.minor);
	if (s->control_fd < 0)
		sheaf_info("%s: no socket for sheaf why: %s", s->fuse.mountpoint, strerror(-s->control_fd));
}

/* The last resort: callers get an error instead of waiting for ever. */
static void abort_connection(struct serving *s)
{
	int r = s->mount.minor ? sheaf_served_abort(&s->mount) : -ENOENT;

	if (r < 0)
		sheaf_error("%s: the connection cannot be aborted: %s; do it with: sheaf umount --force %s",
			    s->fuse.mountpoint, strerror(-r), s->fuse.mountpoint);
	else
		sheaf_error("%s: the connection was aborted", s->fuse.mountpoint);
}

static void look_after_loops(struct serving *s)
{
	int stuck;

	if (atomic_exchange(&s->stuck, false))
		abort_connection(s);
	if (!atomic_load(&s->engine.host->watched))
		return;
	stuck = sheaf_watch_look(&s->watch, sheaf_clock_ns());
	if (stuck < 0)
		return;
	uint64_t due_ns = s->watch.due_ns[stuck];

	s->watch.still_ns[stuck] = 0;
	sheaf_error("%s: front loop %d stands still, in the driver or in a call of its image; none of its tasks can be ended",
		    s->fuse.mountpoint, stuck);
	abort_connection(s);
	/*
	 * FUSE-over-io_uring hands requests over in the context of the loop's thread, so that an abort ends none that had got so far. What
	 * was written is with the kernel, or with a driver that does not return.
	 */
	poll(NULL, 0, SHEAF_WATCH_NAP_MS);
	if (!s->fuse.over_uring || atomic_load(&s->engine.host->queues[stuck]->tick_due_ns) != due_ns)
		return;
	sheaf_error("%s: it still stands still; the server ends", s->fuse.mountpoint);
	kill(getpid(), SIGKILL);
}

static void answer_control(struct serving *s)
{
	const struct sheaf_control_text texts[] = {
		{ "why.json", sheaf_engine_why, &s->engine },
		{ "stats.json", sheaf_engine_stats, &s->engine },
		{ "metrics", sheaf_engine_metrics, &s->engine },
		{ 0 },
	};

	sheaf_control_answer(s->control_fd, texts);
}

/* First signal: detach, serve until the last close. Second: end, flushed. */
static void wait_for_end(struct serving *s, int signal_fd)
{
	struct pollfd fds[] = { { .fd = s->end_fd, .events = POLLIN },
				{ .fd = signal_fd, .events = POLLIN },
				{ .fd = s->control_fd, .events = POLLIN } };
	struct signalfd_siginfo info;
	unsigned signals = 0;
	uint64_t count;

	while (!atomic_load(&s->fuse.ended)) {
		if (poll(fds, 3, s->watch.on ? SHEAF_WATCH_NAP_MS : -1) < 0 && errno != EINTR)
			break;
		if (fds[0].revents & POLLIN && read(s->end_fd, &count, sizeof(count)) < 0)
			continue; /* somebody else's wake-up */
		look_after_loops(s);
		if (fds[2].revents & POLLIN)
			answer_control(s);
		if (!(fds[1].revents & POLLIN) ||
		    read(signal_fd, &info, sizeof(info)) != sizeof(info))
			continue;
		sheaf_info("%s: signal %u, %s", s->fuse.mountpoint, info.ssi_signo,
			   signals ? "ending now" : "detached, serving until the last close");
		if (signals++ == 0)
			detach(s);
		else
			end_now(s);
	}
}

static int block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* an image that may not grow is an error, not the end */
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

static int serve_mounted(struct serving *s, int signal_fd)
{
	int r;

	find_mount(s);
	s->watch.host = s->engine.host;
	s->engine.host->on_busy = on_busy;
	s->engine.host->busy_arg = s;
	r = sheaf_engine_go(&s->engine);
	if (r < 0) {
		sheaf_error("cannot serve: %s", strerror(-r));
		s->engine.cancelled = true;
		return r;
	}
	open_control(s);
	r = first_read(s);
	if (r == 0 && s->options->ready)
		r = s->options->ready(s->options->ready_arg);
	if (r < 0) {
		detach(s);
		end_now(s);
	}
	wait_for_end(s, signal_fd);
	return r;
}

#define TURN_ON "echo Y > /sys/module/fuse/parameters/enable_uring"

/* After FUSE_INIT: what it has become, and why. */
static int check_transport(struct serving *s)
{
	struct sheaf_fuse *fuse = &s->fuse;

	if (fuse->over_uring) {
		fuse->transport_reason = s->options->transport == SHEAF_TRANSPORT_URING ?
						 "asked for" :
						 "the kernel offers it";
	} else if (s->options->transport == SHEAF_TRANSPORT_DEV) {
		fuse->transport_reason = "asked for";
	} else if (!fuse->transport_reason) {
		fuse->transport_reason =
			"the kernel does not offer FUSE-over-io_uring (Linux 6.14 and " TURN_ON ")";
	}
	sheaf_info("%s: transport %s: %s", fuse->mountpoint, fuse->over_uring ? "uring" : "dev",
		   fuse->transport_reason);
	if (fuse->over_uring || s->options->transport != SHEAF_TRANSPORT_URING)
		return 0;
	sheaf_error("--transport=uring: %s",
		    s->engine.io != SHEAF_IO_URING ?
			    "needs --io=uring" :
			    "the kernel does not offer it; Linux 6.14 does after: " TURN_ON);
	return -EOPNOTSUPP;
}

static int mount_and_serve(struct serving *s, int signal_fd)
{
	CLEANUP_FREE char *mount_options = NULL;
	int r = make_files(s);

	if (r == 0)
		r = make_mount_options(s, &mount_options);
	if (r == 0)
		r = sheaf_session_mount(&s->fuse, mount_options);
	if (r == 0)
		r = check_transport(s);
	if (r < 0) {
		s->engine.cancelled = true;
		return r;
	}
	return serve_mounted(s, signal_fd);
}

int sheaf_serve(const struct sheaf_serve_options *options)
{
	CLEANUP_CLOSE int signal_fd = block_signals();
	CLEANUP_CLOSE int end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	CLEANUP_FREE struct serving *s = calloc(1, sizeof(*s));
	int r, sync_result;

	if (signal_fd < 0 || end_fd < 0 || !s)
		return 1;
	s->options = options;
	s->end_fd = end_fd;
	s->control_fd = -1;
	s->fuse.mountpoint = options->mountpoint;
	s->fuse.cache = options->cache;
	s->fuse.make_stats = sheaf_engine_stats;
	s->fuse.make_metrics = sheaf_engine_metrics;
	s->fuse.control = sheaf_engine_control;
	s->fuse.make_why = sheaf_engine_why;
	s->fuse.stats_arg = &s->engine;
	s->fuse.on_end = on_end;
	s->fuse.on_stuck = on_stuck;
	s->fuse.end_arg = s;
	/* Write-back through a loop device on our disk must not wait for itself. Before any thread; needs
	 * CAP_SYS_RESOURCE, and without it all works but under memory pressure. */
	prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
	s->fuse.want_uring = options->transport != SHEAF_TRANSPORT_DEV;
	r = sheaf_images_open(options, &s->images);
	if (r < 0)
		return 1;
	r = sheaf_engine_start(&s->engine, options, &s->images, &s->fuse);
	if (r == 0) {
		s->fuse.host = s->engine.host;
		r = mount_and_serve(s, signal_fd);
		if (s->control_fd >= 0)
			close(s->control_fd);
		sync_result = sheaf_engine_finish(&s->engine);
		r = r < 0 ? r : sync_result;
		s->fuse.callers = sheaf_callers_free(s->fuse.callers);
		s->fuse.helpers = sheaf_callers_free(s->fuse.helpers);
		sheaf_nodes_close_all(&s->fuse);
		sheaf_session_destroy(&s->fuse);
		free(s->fuse.requests);
		sheaf_disks_deinit(&s->fuse.disks);
	}
	sheaf_images_close(&s->images);
	return r < 0 ? 1 : 0;
}
