/* SPDX-License-Identifier: MIT */
/*
 * replay_play.c - the tasks of a recording, done again to a file, on a loop of our own; see replay.h
 *
 * Tasks start in the order of the recording, up to @depth at a time, each not before its time. READ is pread, WRITE pwrite of a
 * pattern (each 8 bytes hold their own offset), with FUA through a descriptor with O_DSYNC; SYNCHRONIZE CACHE is fdatasync, UNMAP
 * fallocate that punches a hole, WRITE SAME of zeros one that zeroes.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/replay.h"
#include "loop/loop.h"
#include "store/image_lock.h"

/* No server has tasks as long as this; a file that says so is not believed with memory. */
#define LENGTH_MAX	 (16u << 20)
#define BUFFER_ALIGNMENT 4096

struct player;

struct playing {
	struct sheaf_op op;
	struct player *player;
	const struct sheaf_recorded *task;
	struct iovec iov;
	uint8_t *buffer;
	size_t buffer_bytes;
	struct playing *next_free;
};

struct player {
	const struct sheaf_recording *recording;
	const struct sheaf_replay_options *options;
	struct sheaf_loop *loop;
	int fd, durable_fd;
	struct playing *slots, *free;
	size_t next; /* task */
	unsigned in_flight;
	uint64_t base_ns; /* when the first one started */
	struct sheaf_op timer;
	bool timer_armed;
	size_t played, left_out, failed;
	int first_error;
	uint64_t bytes;
};

static bool changes(const struct sheaf_recorded *task)
{
	return task->deed == SHEAF_DEED_WRITE || task->deed == SHEAF_DEED_DISCARD ||
	       task->deed == SHEAF_DEED_ZERO;
}

static bool playable(const struct sheaf_recorded *task)
{
	bool data = task->deed == SHEAF_DEED_READ || task->deed == SHEAF_DEED_WRITE;

	return task->deed != SHEAF_DEED_NONE && (!data || task->length <= LENGTH_MAX);
}

static void done(struct sheaf_op *op, int result)
{
	struct playing *p = (struct playing *)((char *)op - offsetof(struct playing, op));
	struct player *player = p->player;
	bool data = p->task->deed == SHEAF_DEED_READ || p->task->deed == SHEAF_DEED_WRITE;

	if (result >= 0 && data && (uint64_t)result != p->task->length)
		result = -EIO;
	if (result < 0) {
		player->failed++;
		if (!player->first_error)
			player->first_error = result;
	} else if (data) {
		player->bytes += p->task->length;
	}
	player->played++;
	player->in_flight--;
	p->next_free = player->free;
	player->free = p;
}

static void timer_done(struct sheaf_op *op, int result)
{
	struct player *player = (struct player *)((char *)op - offsetof(struct player, timer));

	(void)result;
	player->timer_armed = false;
}

/* Bytes that say where they belong. */
static void fill(uint8_t *buffer, uint64_t offset, uint64_t length)
{
	for (uint64_t i = 0; i < length; i += sizeof(uint64_t)) {
		uint64_t word = htole64(offset + i);

		memcpy(buffer + i, &word, sizeof(word));
	}
}

static int make_buffer(struct playing *p, uint64_t length)
{
	void *buffer;

	if (p->buffer_bytes >= length)
		return 0;
	if (posix_memalign(&buffer, BUFFER_ALIGNMENT, length))
		return -ENOMEM;
	free(p->buffer);
	p->buffer = buffer;
	p->buffer_bytes = length;
	return 0;
}

static void start(struct player *player, struct playing *p, const struct sheaf_recorded *task)
{
	struct sheaf_loop *loop = player->loop;

	p->task = task;
	player->in_flight++;
	switch (task->deed) {
	case SHEAF_DEED_READ:
	case SHEAF_DEED_WRITE:
		if (make_buffer(p, task->length) < 0) {
			sheaf_loop_ready(loop, &p->op, -ENOMEM);
			break;
		}
		p->iov = (struct iovec){ p->buffer, task->length };
		if (task->deed == SHEAF_DEED_READ) {
			sheaf_loop_readv(loop, &p->op, player->fd, &p->iov, 1, task->offset, 0);
			break;
		}
		fill(p->buffer, task->offset, task->length);
		sheaf_loop_writev(loop, &p->op, task->durable ? player->durable_fd : player->fd,
				  &p->iov, 1, task->offset, 0);
		break;
	case SHEAF_DEED_FLUSH:
		sheaf_loop_fsync(loop, &p->op, player->fd, true);
		break;
	case SHEAF_DEED_DISCARD:
		sheaf_loop_fallocate(loop, &p->op, player->fd,
				     FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, task->offset,
				     task->length);
		break;
	case SHEAF_DEED_ZERO:
		sheaf_loop_fallocate(loop, &p->op, player->fd,
				     FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, task->offset,
				     task->length);
		break;
	case SHEAF_DEED_NONE:
		sheaf_loop_ready(loop, &p->op, 0); /* playable() keeps it away */
		break;
	}
}

/* Nanoseconds until the time of @task; 0: it has come. */
static uint64_t time_left(const struct player *player, const struct sheaf_recorded *task)
{
	double speed = player->options->speed;
	uint64_t after = task->record.start_ns - player->recording->tasks[0].record.start_ns;
	uint64_t elapsed = sheaf_clock_ns() - player->base_ns;
	double at = speed > 0 ? (double)after / speed : 0;

	return at > (double)elapsed ? (uint64_t)(at - (double)elapsed) + 1 : 0;
}

/* As many as there is room for, and time. */
static void start_some(struct player *player)
{
	while (player->free && player->next < player->recording->count) {
		const struct sheaf_recorded *task = &player->recording->tasks[player->next];
		struct playing *p = player->free;
		uint64_t left;

		if (!playable(task)) {
			player->left_out++;
			player->next++;
			continue;
		}
		left = time_left(player, task);
		if (left) {
			if (!player->timer_armed)
				sheaf_loop_timer(player->loop, &player->timer, left);
			player->timer_armed = true;
			return;
		}
		player->free = p->next_free;
		player->next++;
		start(player, p, task);
	}
}

static int run(struct player *player)
{
	int r = 0;

	player->base_ns = sheaf_clock_ns();
	while (r == 0) {
		start_some(player);
		if (!player->in_flight && player->next == player->recording->count)
			break;
		r = sheaf_loop_turn(player->loop, true);
	}
	if (r < 0)
		sheaf_error("replay: %s", strerror(-r));
	return r;
}

static int size_of(int fd, const char *path, uint64_t *ret_bytes)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISBLK(st.st_mode))
		return ioctl(fd, BLKGETSIZE64, ret_bytes) < 0 ? -errno : 0;
	if (!S_ISREG(st.st_mode)) {
		sheaf_error("%s: neither a file nor a block device", path);
		return -EINVAL;
	}
	*ret_bytes = (uint64_t)st.st_size;
	return 0;
}

static int check_target(const struct player *player, const struct sheaf_record_unit *unit)
{
	const char *path = player->options->path;
	uint64_t wanted = unit->blocks * unit->block_size, bytes = 0;
	int r = size_of(player->fd, path, &bytes);

	if (r == 0 && bytes != wanted) {
		sheaf_error("%s has %" PRIu64 " bytes, and the disk of the recording %" PRIu64
			    "; nothing was done",
			    path, bytes, wanted);
		return -EINVAL;
	}
	return r;
}

static int open_target(struct player *player, const struct sheaf_record_unit *unit)
{
	const struct sheaf_replay_options *o = player->options;
	int flags = O_CLOEXEC | (o->direct ? O_DIRECT : 0);
	size_t writers = 0;
	int r;

	for (size_t i = 0; i < player->recording->count; i++)
		writers += changes(&player->recording->tasks[i]);
	if (writers && !o->write) {
		sheaf_error("%zu tasks of the recording write, and would destroy what is in %s; "
			    "with --write they may",
			    writers, o->path);
		return -EPERM;
	}
	player->fd = open(o->path, flags | (writers ? O_RDWR : O_RDONLY));
	if (player->fd >= 0 && writers)
		player->durable_fd = open(o->path, flags | O_WRONLY | O_DSYNC);
	if (player->fd < 0 || (writers && player->durable_fd < 0)) {
		r = -errno;
		sheaf_error("%s: %s", o->path, strerror(-r));
		return r;
	}
	r = check_target(player, unit);
	return r < 0 ? r : sheaf_image_lock(player->fd, o->path, writers > 0);
}

static int make_slots(struct player *player)
{
	unsigned depth = player->options->depth;

	if (!depth)
		depth = sheaf_recording_depth(player->recording);
	if (depth > SHEAF_REPLAY_DEPTH_MAX)
		depth = SHEAF_REPLAY_DEPTH_MAX;
	player->slots = calloc(depth, sizeof(*player->slots));
	if (!player->slots || !depth)
		return -ENOMEM;
	for (unsigned i = depth; i-- > 0;) {
		struct playing *p = &player->slots[i];

		p->player = player;
		p->op.done = done;
		p->next_free = player->free;
		player->free = p;
	}
	player->timer.done = timer_done;
	const char *reason;
	int io = sheaf_loop_probe(SHEAF_IO_AUTO, &reason);

	return sheaf_loop_create((enum sheaf_io_backend)io, depth + 1, &player->loop);
}

static void report(const struct player *player, uint64_t ns)
{
	double seconds = (double)ns / 1e9;

	printf("%s: %zu tasks in %.3f s (%.0f a second, %.1f MiB/s)", player->options->path,
	       player->played, seconds, seconds > 0 ? (double)player->played / seconds : 0,
	       seconds > 0 ? (double)player->bytes / (1 << 20) / seconds : 0);
	if (player->left_out)
		printf(", %zu left out that do nothing to a file", player->left_out);
	printf("\n");
	if (player->failed)
		sheaf_error("%s: %zu tasks failed, the first with: %s", player->options->path,
			    player->failed, strerror(-player->first_error));
}

int sheaf_replay_play(const struct sheaf_recording *recording,
		      const struct sheaf_replay_options *options)
{
	struct player player = {
		.recording = recording, .options = options, .fd = -1, .durable_fd = -1
	};
	const struct sheaf_record_unit *unit =
		recording->count ? recording->tasks[0].unit : &recording->units[0];
	int r = -EINVAL;

	if (unit)
		r = open_target(&player, unit);
	else
		sheaf_error("the recording does not say how large the disk is");
	if (r == 0) {
		r = make_slots(&player);
		if (r < 0)
			sheaf_error("replay: %s", strerror(-r));
	}
	if (r == 0) {
		r = run(&player);
		report(&player, sheaf_clock_ns() - player.base_ns);
	}
	if (r == 0 && player.failed)
		r = -EIO;
	sheaf_loop_free(player.loop);
	for (struct playing *p = player.free; p; p = p->next_free)
		free(p->buffer);
	free(player.slots);
	sheaf_cleanup_close(&player.durable_fd);
	sheaf_cleanup_close(&player.fd);
	return r;
}
