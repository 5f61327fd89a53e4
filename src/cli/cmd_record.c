/* SPDX-License-Identifier: MIT */
/*
 * cmd_record.c - sheaf record: DIR/.sheaf/record into a file, until a signal or the end of the time
 *
 * The file is the stream as the server gives it, byte for byte. A read returns what there is, which may be nothing, so reads are spaced:
 * seldom while little comes, more often before the server's rings fill up.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/served.h"
#include "cli/watched.h"
#include "host/record.h"
#include "host/trace_reader.h"

#define PAUSE_MIN_NS 1000000ull
#define PAUSE_MAX_NS 32000000ull
/* Reads after the end, for what is in the rings; more would follow a load that goes on. */
#define LAST_READS 256

struct record_args {
	int seconds_ms;
	bool force, quiet;
};

static const struct sheaf_option record_options[] = {
	{ "seconds", 's', SHEAF_OPTION_DURATION, offsetof(struct record_args, seconds_ms), .min = 1,
	  .max = INT32_MAX, .value = "TIME",
	  .help = "stop by itself after so long; 10, 500ms, 2m" },
	{ "force", 'f', SHEAF_OPTION_FLAG, offsetof(struct record_args, force),
	  .help = "replace FILE if there is one" },
	{ "quiet", 'q', SHEAF_OPTION_FLAG, offsetof(struct record_args, quiet),
	  .help = "errors only" },
	{ .kind = SHEAF_OPTION_END },
};
static const char *const record_operands[] = { "DIR", "FILE" };
static const struct sheaf_command_line record_line = {
	.usage = "record [--seconds TIME] [--force] DIR FILE",
	.summary =
		"Write down each task of the mount DIR in FILE, until Ctrl-C; see: sheaf replay.",
	.options = record_options,
	.operands_min = 2,
	.operands_max = 2,
	.operand_names = record_operands,
};

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

static void stop_at_signals(void)
{
	/* Without SA_RESTART: a signal ends a pause. */
	const struct sigaction action = { .sa_handler = stop };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

struct recording {
	int from, to;
	const char *dir, *file;
	uint8_t buffer[SHEAF_TRACE_READ_BYTES];
	uint64_t bytes;
	uint64_t tasks, dropped;
};

/* The first read is the header and nothing else. */
static void count(struct recording *r, size_t n)
{
	for (size_t at = r->bytes ? 0 : n; at + sizeof(struct sheaf_record) <= n;
	     at += sizeof(struct sheaf_record)) {
		struct sheaf_record record;

		memcpy(&record, r->buffer + at, sizeof(record));
		r->tasks += record.kind == SHEAF_RECORD_TASK;
		if (record.kind == SHEAF_RECORD_DROPPED)
			r->dropped += le64toh(record.range_lba);
	}
}

static int write_all(const struct recording *r, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t w = write(r->to, r->buffer + at, n - at);

		if (w < 0 && errno != EINTR) {
			sheaf_error("%s: %s", r->file, strerror(errno));
			return -errno;
		}
		at += w > 0 ? (size_t)w : 0;
	}
	return 0;
}

/* One read into the file. Bytes, or -errno; reported. */
static ssize_t copy(struct recording *r)
{
	ssize_t n = read(r->from, r->buffer, sizeof(r->buffer));

	if (n < 0 && errno == EINTR)
		return 0;
	if (n < 0) {
		int error = errno;

		sheaf_error("%s: %s", r->dir,
			    sheaf_served_is_gone(error) ? "the server is gone" : strerror(error));
		return -error;
	}
	if (n > 0 && write_all(r, (size_t)n) < 0)
		return -EIO;
	count(r, (size_t)n);
	r->bytes += (uint64_t)n;
	return n;
}

static void pause_for(uint64_t ns)
{
	const struct timespec t = { .tv_nsec = (long)ns };

	nanosleep(&t, NULL);
}

/* 0, or the error that ended it. */
static int run(struct recording *r, int limit_ms)
{
	uint64_t pause = PAUSE_MIN_NS, start = sheaf_clock_ns(),
		 limit = (uint64_t)limit_ms * 1000000;
	ssize_t n;

	while (!stopped && (!limit || sheaf_clock_ns() - start < limit)) {
		n = copy(r);
		if (n < 0)
			return (int)n;
		/* A read of half a buffer is worth its two switches; more means that the rings fill up. */
		if ((size_t)n < sizeof(r->buffer) / 2)
			pause = pause * 2 > PAUSE_MAX_NS ? PAUSE_MAX_NS : pause * 2;
		else if ((size_t)n == sizeof(r->buffer))
			pause = pause / 2 < PAUSE_MIN_NS ? PAUSE_MIN_NS : pause / 2;
		if ((size_t)n < sizeof(r->buffer))
			pause_for(pause);
	}
	n = 1;
	for (int i = 0; i < LAST_READS && n > 0; i++)
		n = copy(r);
	return n < 0 ? (int)n : 0;
}

static int open_stream(const char *dir)
{
	char *path = NULL;
	int fd;

	if (asprintf(&path, "%s/.sheaf/record", dir) < 0)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == EBUSY)
		sheaf_error("%s: somebody records it already", dir);
	else if (fd < 0 && errno == EACCES)
		sheaf_error("%s: only the owner of the mount and root may record it", dir);
	else if (fd < 0)
		sheaf_error("%s: %s", path, strerror(errno));
	free(path);
	return fd;
}

static int record_to(struct recording *r, const struct record_args *args)
{
	int error;

	r->to = open(r->file, O_WRONLY | O_CREAT | O_CLOEXEC | (args->force ? O_TRUNC : O_EXCL),
		     0600);
	if (r->to < 0) {
		sheaf_error("%s: %s", r->file,
			    errno == EEXIST ? "there is such a file; --force replaces it"
					    : strerror(errno));
		return SHEAF_EXIT_FAILED;
	}
	stop_at_signals();
	error = run(r, args->seconds_ms);
	if (close(r->to) < 0 && !error) {
		error = -errno;
		sheaf_error("%s: %s", r->file, strerror(errno));
	}
	if (!args->quiet)
		printf("%s: %llu tasks, %llu more that were dropped\n", r->file,
		       (unsigned long long)r->tasks, (unsigned long long)r->dropped);
	return error ? SHEAF_EXIT_FAILED : SHEAF_EXIT_OK;
}

static int record_mount(struct sheaf_watched *watched, const char *file,
			const struct record_args *args)
{
	CLEANUP_FREE struct recording *r = calloc(1, sizeof(*r));
	CLEANUP_FREE char *problem = NULL;
	CLEANUP_FREE char *text = NULL;
	int code;

	if (!r)
		return SHEAF_EXIT_FAILED;
	/* A server that does not answer would hold us where no signal reaches. */
	text = sheaf_watched_read(watched, &problem);
	if (!text) {
		sheaf_error("%s", problem ? problem : strerror(ENOMEM));
		return SHEAF_EXIT_FAILED;
	}
	r->dir = watched->mount->mountpoint;
	r->file = file;
	r->from = open_stream(r->dir);
	if (r->from < 0)
		return SHEAF_EXIT_FAILED;
	code = record_to(r, args);
	close(r->from);
	return code;
}

static int record(const char *dir, const char *file, const struct record_args *args)
{
	struct sheaf_watched watched;
	int code;

	if (sheaf_watched_find(&watched, dir) < 0)
		return SHEAF_EXIT_FAILED;
	code = record_mount(&watched, file, args);
	sheaf_watched_free(&watched);
	return code;
}

int sheaf_cmd_record(int argc, char **argv)
{
	struct record_args args = { 0 };
	struct sheaf_operands operands;
	int r = sheaf_options_parse(&record_line, argc, argv, &args, &operands);

	if (r != SHEAF_OPTIONS_RUN)
		return sheaf_options_exit(r);
	r = record(operands.words[0], operands.words[1], &args);
	sheaf_options_free(&record_line, &args, &operands);
	return r;
}
