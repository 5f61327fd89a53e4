/* SPDX-License-Identifier: MIT */
/**
 * serve.h - a mount from its options to its end
 */
#ifndef SHEAF_SERVE_H
#define SHEAF_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "host/driver_spawn.h"
#include "loop/loop.h"
#include "store/store.h"

struct sheaf_serve_image {
	char *path;
};

enum sheaf_transport { SHEAF_TRANSPORT_AUTO, SHEAF_TRANSPORT_DEV, SHEAF_TRANSPORT_URING };
enum sheaf_allow_other { SHEAF_ALLOW_OTHER_AUTO, SHEAF_ALLOW_OTHER_ON, SHEAF_ALLOW_OTHER_OFF };

struct sheaf_serve_options {
	struct sheaf_serve_image *images;
	unsigned image_count;
	char *controller; /* a shared object, as an absolute path, and words for it; NULL: our own */
	char *mountpoint;
	bool read_only;
	enum sheaf_io_backend io;
	int workers;	     /* -1 auto, 0 fused, N pool */
	unsigned loops;	     /* 0 auto */
	unsigned slots;	     /* default 64 */
	unsigned bundle_max; /* default 32 */
	bool single_mode;
	enum sheaf_transport transport;
	bool cache;
	enum sheaf_direct direct;
	uint32_t block_size; /* default 512 */
	uint64_t offset, sizelimit;
	int uid, gid;		     /* -1: the caller's */
	int mode;		     /* -1: 0600, read-only 0444 */
	enum sheaf_allow_other allow_other;
	uint32_t timeout_ms; /* default 30000 */
	int grace_ms;	     /* -1: a part of timeout_ms */
	unsigned violations_max; /* default 100 */
	bool force_share;
	const char *driver;	   /* a command: the controller runs in a process of its own; "disk": ours */
	const char *driver_socket; /* or one that connects to this path */
	unsigned driver_restarts;  /* in a row without a task done; default 8 */
	struct sheaf_driver_rights driver_rights;
	char *fuse_options; /* more options for libfuse, comma-separated, or NULL */
	/* Called once, after the mount's first successful READ. */
	int (*ready)(void *arg);
	void *ready_arg;
};

/**
 * sheaf_serve() - serve until unmounted
 * Errors are reported by it. Thread: the process's main thread; makes all others.
 * Return: exit code, 0 or 1.
 */
int sheaf_serve(const struct sheaf_serve_options *options);

#endif
