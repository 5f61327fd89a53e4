/* SPDX-License-Identifier: MIT */
/*
 * cmd_create.c - sheaf create: an image of zeros, sparse or with all its space taken
 *
 * Nothing is lost: an existing file is refused, or with --force locked first, so that a served image stays as it is;
 * a file that this command made and could not finish is removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/commands.h"
#include "store/image_lock.h"

#define DEFAULT_SIZE (UINT64_C(10) << 30)
/* Between two looks at the progress, and at an interrupt. */
#define PIECE_BYTES (UINT64_C(64) << 20)
#define BAR_WIDTH   40

struct create_args {
	uint64_t size;
	bool preallocate, force;
};

static const struct sheaf_option create_options[] = {
	{ "size", 's', SHEAF_OPTION_SIZE, offsetof(struct create_args, size), .value = "SIZE",
	  .help = "of the disk: 512M, 10G, 2T; 10G if not given" },
	{ "preallocate", 'p', SHEAF_OPTION_FLAG, offsetof(struct create_args, preallocate),
	  .help = "take all the space now; else it is taken as the disk is written" },
	{ "force", 'f', SHEAF_OPTION_FLAG, offsetof(struct create_args, force),
	  .help = "make an existing image empty; one that is in use is refused" },
	{ .kind = SHEAF_OPTION_END },
};
static const char *const create_operands[] = { "IMAGE" };
static const struct sheaf_command_line create_line = {
	.usage = "create [--size SIZE] [--preallocate] IMAGE",
	.summary = "Make a disk image of zeros.",
	.options = create_options,
	.operands_min = 1,
	.operands_max = 1,
	.operand_names = create_operands,
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
	(void)signal_number;
	interrupted = 1;
}

static void show_progress(uint64_t done, uint64_t size, bool end)
{
	char bar[BAR_WIDTH + 1];
	unsigned filled = (unsigned)(done / 512 * BAR_WIDTH / (size / 512));

	memset(bar, '.', BAR_WIDTH);
	memset(bar, '#', filled);
	bar[BAR_WIDTH] = '\0';
	fprintf(stderr, "\r[%s] %3u %%  %" PRIu64 " of %" PRIu64 " MiB%s", bar,
		(unsigned)(done / 512 * 100 / (size / 512)), done >> 20, size >> 20,
		end ? "\n" : "");
}

static int take_space(int fd, uint64_t size)
{
	const struct sigaction action = { .sa_handler = on_interrupt };
	bool terminal = isatty(STDERR_FILENO);
	time_t start = time(NULL);
	bool shown = false;
	int r = 0;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	for (uint64_t at = 0; r == 0 && at < size; at += PIECE_BYTES) {
		uint64_t piece = size - at < PIECE_BYTES ? size - at : PIECE_BYTES;

		r = -posix_fallocate(fd, (off_t)at, (off_t)piece);
		if (interrupted)
			r = -EINTR;
		if (r == 0 && terminal && (shown || time(NULL) - start >= 1)) {
			shown = true;
			show_progress(at + piece, size, at + piece == size);
		}
	}
	if (shown && r < 0)
		fputc('\n', stderr);
	return r;
}

static void report(const char *path, const struct create_args *args, int r)
{
	if (r == -ENOSPC || r == -EDQUOT)
		sheaf_error("%s: no space for %" PRIu64
			    " bytes; make room, or a smaller disk, or leave out --preallocate",
			    path, args->size);
	else if (r == -EFBIG || r == -EINVAL)
		sheaf_error("%s: this filesystem has no files of %" PRIu64 " bytes", path,
			    args->size);
	else if (r == -EEXIST)
		sheaf_error("%s: exists; choose another name, or --force to make it empty", path);
	else if (r == -EINTR)
		sheaf_error("%s: interrupted", path);
	else
		sheaf_error("%s: cannot be created: %s", path, strerror(-r));
}

/* The file, locked when it was there before. -EALREADY: reported. */
static int open_image(const char *path, bool force, bool *ret_made)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	struct stat st;

	*ret_made = fd >= 0;
	if (fd >= 0 || errno != EEXIST || !force)
		return fd < 0 ? -errno : fd;
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		sheaf_error("%s: is not a regular file; --force makes only files empty", path);
		return -EALREADY;
	}
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (sheaf_image_lock(fd, path, true) < 0 || ftruncate(fd, 0) < 0) {
		close(fd);
		return -EALREADY;
	}
	return fd;
}

static int create(const char *path, const struct create_args *args)
{
	bool made;
	CLEANUP_CLOSE int fd = open_image(path, args->force, &made);
	int r = fd < 0 ? fd : 0;

	if (r == -EALREADY)
		return SHEAF_EXIT_FAILED;
	if (r == 0 && ftruncate(fd, (off_t)args->size) < 0)
		r = -errno;
	if (r == 0 && args->preallocate)
		r = take_space(fd, args->size);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r < 0) {
		if (made)
			unlink(path);
		report(path, args, r);
		return SHEAF_EXIT_FAILED;
	}
	return SHEAF_EXIT_OK;
}

int sheaf_cmd_create(int argc, char **argv)
{
	struct create_args args = { .size = DEFAULT_SIZE };
	struct sheaf_operands operands;
	int r = sheaf_options_parse(&create_line, argc, argv, &args, &operands);

	if (r != SHEAF_OPTIONS_RUN)
		return sheaf_options_exit(r);
	if (args.size == 0 || args.size % 512) {
		sheaf_error("--size: %" PRIu64 " is not a multiple of a block, 512 bytes",
			    args.size);
		r = SHEAF_EXIT_USAGE;
	} else {
		r = create(operands.words[0], &args);
	}
	sheaf_options_free(&create_line, &args, &operands);
	return r;
}
