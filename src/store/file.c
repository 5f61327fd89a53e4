/* SPDX-License-Identifier: MIT */
/**
 * file.c - the work of a file store: each io is a few operations on the loop, one after another
 *
 *   READ, WRITE:    transfer ... transfer   (short ones go on)  [-> fdatasync, where RWF_DSYNC is refused] -> done
 *                   or, where the image is mapped: copy -> done
 *   DISCARD, ZERO:  fallocate -> done, or, refused: transfer of zeros, as for WRITE
 *   FLUSH:          fdatasync -> done          STATUS: lseek on a helper thread -> done
 *
 *   1. io->moved counts what is done, io->iov is the rest, or a piece of it; iov_base - moved is where the data
 *      begins, except for zeros.
 *   2. Where that is not io->data, it is a bounce buffer: with O_DIRECT, for a pointer that is not aligned.
 *   3. Offsets and lengths need no such care: file_open.c allows O_DIRECT only where blocks are aligned.
 *   4. io->done() is the last thing that touches an io.
 *   5. After a flush that failed none succeeds.
 *
 * Thread: the loop of the io. Several loops share a store; only the *_refused flags change.
 */
#include "store/file_store.h"

#include "base/bits.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* Results are ints. */
#define TRANSFER_BYTES_MAX (UINT64_C(1) << 30)
#define SECTOR_BYTES	   512
/* A write that took longer had to wait; of 1 MiB it takes 0.3 ms without. */
#define CALL_LONG_NS UINT64_C(2000000)
#define NO_CALLS_NS  UINT64_C(500000000)
#define WAIT_WEIGHT  32 /* calls until one wait is forgotten */

static struct sheaf_store_io *io_of(struct sheaf_op *op)
{
	return (struct sheaf_store_io *)((char *)op - offsetof(struct sheaf_store_io, loop_op));
}

static struct sheaf_file_store *file_of(const struct sheaf_store_io *io)
{
	return (struct sheaf_file_store *)io->store;
}

static bool is_refusal(int result)
{
	return result == -EOPNOTSUPP || result == -ENOSYS;
}

static bool flag_get(const atomic_bool *flag)
{
	return atomic_load_explicit(flag, memory_order_relaxed);
}

static void flag_set(atomic_bool *flag)
{
	atomic_store_explicit(flag, true, memory_order_relaxed);
}

static uint64_t image_offset(const struct sheaf_store_io *io)
{
	return file_of(io)->offset + io->offset + io->moved;
}

static void finished(struct sheaf_op *op, int result)
{
	struct sheaf_store_io *io = io_of(op);

	io->done(io, result);
}

/* Report @result in this turn, but not from inside the submit. */
static void finish_later(struct sheaf_store_io *io, int result)
{
	io->loop_op.done = finished;
	sheaf_loop_ready(io->loop, &io->loop_op, result);
}

/*
 * The kernel tells a failed write-back once, to the next fdatasync, and may have dropped the data: the one after it
 * succeeds, and proves nothing. So no flush of this image succeeds again. Direct I/O left nothing in the cache to lose.
 */
void sheaf_file_note_sync(struct sheaf_file_store *file, int result)
{
	if ((result == -EIO || result == -ENOSPC || result == -EDQUOT) && !file->store.direct)
		atomic_store_explicit(&file->flush_error, result, memory_order_relaxed);
}

static void flushed(struct sheaf_op *op, int result)
{
	sheaf_file_note_sync(file_of(io_of(op)), result);
	finished(op, result);
}

static int sync_now(const struct sheaf_file_store *file)
{
	int err = fdatasync(file->fd) < 0 ? -errno : 0;

	return err || !file->map ? err : sheaf_file_map_settle(file->map);
}

/* fdatasync, then done. */
static void sync_and_finish(struct sheaf_store_io *io)
{
	struct sheaf_file_store *file = file_of(io);
	int lost = atomic_load_explicit(&file->flush_error, memory_order_relaxed);

	if (lost) {
		finish_later(io, lost);
		return;
	}
	io->loop_op.done = flushed;
	if (file->in_memory) {
		sheaf_loop_count_calls(io->loop, 1);
		sheaf_loop_ready(io->loop, &io->loop_op, sync_now(file));
	} else {
		sheaf_loop_fsync(io->loop, &io->loop_op, file->fd, true);
	}
}

/* --- READ, WRITE, and zeros in place of fallocate --- */

static bool is_data_transfer(const struct sheaf_store_io *io)
{
	return io->op == SHEAF_STORE_READ || io->op == SHEAF_STORE_WRITE;
}

/* Where the data is during the transfer: io->data, or a bounce buffer. */
static uint8_t *transfer_base(const struct sheaf_store_io *io)
{
	return (uint8_t *)io->iov.iov_base - io->moved;
}

static int bounce_begin(struct sheaf_store_io *io)
{
	size_t alignment = file_of(io)->memory_alignment;
	void *bounce;

	if (((uintptr_t)io->data & (alignment - 1)) == 0)
		return 0;
	if (alignment < sizeof(void *))
		alignment = sizeof(void *);
	if (posix_memalign(&bounce, alignment, io->length))
		return -ENOMEM;
	if (io->op == SHEAF_STORE_WRITE)
		memcpy(bounce, io->data, io->length);
	io->iov.iov_base = bounce;
	return 0;
}

static void bounce_end(struct sheaf_store_io *io, int result)
{
	uint8_t *base = transfer_base(io);

	if (base == io->data)
		return;
	if (io->op == SHEAF_STORE_READ && result == 0)
		memcpy(io->data, base, io->length);
	free(base);
}

static void transfer_end(struct sheaf_store_io *io, int result)
{
	if (is_data_transfer(io))
		bounce_end(io, result);
	if (result == 0 && io->fua && flag_get(&file_of(io)->dsync_refused) &&
	    io->op != SHEAF_STORE_READ)
		sync_and_finish(io);
	else
		io->done(io, result);
}

static int transfer_flags(const struct sheaf_store_io *io)
{
	return io->op != SHEAF_STORE_READ && io->fua && !flag_get(&file_of(io)->dsync_refused)
		       ? RWF_DSYNC
		       : 0;
}

/* A system call for what could not be copied; the map learns from it. */
static int transfer_now(const struct sheaf_store_io *io, int flags)
{
	struct sheaf_file_map *map = file_of(io)->map;
	uint64_t watched = map ? sheaf_file_map_watch(map) : 0;
	int fd = file_of(io)->fd;
	uint64_t offset = image_offset(io);
	ssize_t n;

	if (io->op == SHEAF_STORE_READ)
		n = preadv2(fd, &io->iov, 1, (off_t)offset, flags);
	else
		n = pwritev2(fd, &io->iov, 1, (off_t)offset, flags);
	sheaf_loop_count_calls(io->loop, 1);
	if (n < 0)
		return -errno;
	if (map && n > 0 && io->op == SHEAF_STORE_READ)
		sheaf_loop_count_calls(io->loop, sheaf_file_map_look(map, offset, (size_t)n));
	else if (map && n > 0)
		sheaf_file_map_wrote(map, watched, offset, (size_t)n);
	return (int)n;
}

static uint64_t clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* True if a call that took @ns is the one too many that had to wait, and not just been preempted. */
static bool waits_too_often(struct sheaf_file_store *file, uint64_t ns)
{
	int waits = atomic_load_explicit(&file->waits, memory_order_relaxed);
	bool waited = ns > CALL_LONG_NS;

	if (waited || waits > 0)
		atomic_store_explicit(&file->waits, waited ? waits + WAIT_WEIGHT : waits - 1,
				      memory_order_relaxed);
	return waited && waits > 0;
}

/*
 * Into the page cache, where a call takes microseconds, unless it has to wait: for the journal, or because too much is
 * dirty. When that happens twice within few calls, the next are io_uring's for a while, whose threads may wait without
 * holding up the loop. (Measured: doc/architecture.md, "The logical unit and its stores".)
 */
static bool write_by_call(struct sheaf_store_io *io, int flags)
{
	struct sheaf_file_store *file = file_of(io);
	uint64_t begun, now;

	if (!file->writes_punted || flags || io->op != SHEAF_STORE_WRITE)
		return false;
	begun = clock_now();
	if (begun < atomic_load_explicit(&file->no_calls_until, memory_order_relaxed))
		return false;
	sheaf_loop_ready(io->loop, &io->loop_op, transfer_now(io, flags));
	now = clock_now();
	if (waits_too_often(file, now - begun)) {
		atomic_store_explicit(&file->waits, 0, memory_order_relaxed);
		atomic_store_explicit(&file->no_calls_until, now + NO_CALLS_NS, memory_order_relaxed);
	}
	return true;
}

/* One operation, for as much of the rest as one operation may move. */
static void transfer(struct sheaf_store_io *io)
{
	struct sheaf_file_store *file = file_of(io);
	uint64_t piece_max = is_data_transfer(io) ? TRANSFER_BYTES_MAX : SHEAF_FILE_ZEROS_BYTES;
	int flags = transfer_flags(io);

	io->iov.iov_len = sheaf_min64(io->length - io->moved, piece_max);
	if (file->in_memory)
		sheaf_loop_ready(io->loop, &io->loop_op, transfer_now(io, flags));
	else if (io->op == SHEAF_STORE_READ)
		sheaf_loop_readv(io->loop, &io->loop_op, file->fd, &io->iov, 1, image_offset(io),
				 flags);
	else if (!write_by_call(io, flags))
		sheaf_loop_writev(io->loop, &io->loop_op, file->fd, &io->iov, 1, image_offset(io),
				  flags);
}

/* What to make of a transfer's result: bytes that count (> 0), 0: again, or a negative errno. */
static int judge_transfer(struct sheaf_store_io *io, int result)
{
	struct sheaf_file_store *file = file_of(io);

	if (result == -EINTR)
		return 0;
	if (is_refusal(result) && io->fua && !flag_get(&file->dsync_refused)) {
		flag_set(&file->dsync_refused);
		return 0;
	}
	/* The image ends where it should not: somebody cut it. Direct I/O gives what is left first, then nothing
	 * or EINVAL. */
	if (result == 0)
		return -EIO;
	if (result > 0 && file->store.direct && (uint64_t)result < io->iov.iov_len &&
	    result % file->store.alignment_bytes != 0)
		return -EIO;
	return result;
}

static void transferred(struct sheaf_op *op, int result)
{
	struct sheaf_store_io *io = io_of(op);
	int moved = judge_transfer(io, result);

	if (moved < 0) {
		transfer_end(io, moved);
		return;
	}
	assert((size_t)moved <= io->iov.iov_len);
	io->moved += (uint64_t)moved;
	if (is_data_transfer(io))
		io->iov.iov_base = (uint8_t *)io->iov.iov_base + moved;
	if (io->moved == io->length)
		transfer_end(io, 0);
	else
		transfer(io);
}

/* True if the image's mapping could serve it. */
static bool copy(const struct sheaf_store_io *io)
{
	struct sheaf_file_map *map = file_of(io)->map;

	if (!map || io->fua)
		return false;
	if (io->op == SHEAF_STORE_READ)
		return sheaf_file_map_read(map, image_offset(io), io->data, io->length);
	return sheaf_file_map_write(map, image_offset(io), io->data, io->length);
}

static void read_or_write(struct sheaf_store_io *io)
{
	int err;

	if (copy(io)) {
		io->moved = io->length;
		finish_later(io, 0);
		return;
	}
	io->iov.iov_base = io->data;
	err = bounce_begin(io);
	if (err) {
		finish_later(io, err);
		return;
	}
	io->loop_op.done = transferred;
	transfer(io);
}

static void write_zeros(struct sheaf_store_io *io)
{
	io->iov.iov_base = file_of(io)->zeros;
	io->loop_op.done = transferred;
	transfer(io);
}

/* --- DISCARD, ZERO --- */

static void clear_range(struct sheaf_store_io *io);

static atomic_bool *clear_refused(const struct sheaf_store_io *io)
{
	struct sheaf_file_store *file = file_of(io);

	return io->op == SHEAF_STORE_DISCARD ? &file->punch_refused : &file->zero_range_refused;
}

static void cleared(struct sheaf_op *op, int result)
{
	struct sheaf_store_io *io = io_of(op);
	struct sheaf_file_map *map = file_of(io)->map;

	if (map)
		sheaf_file_map_clear_end(map);
	if (result == -EINTR) {
		clear_range(io);
		return;
	}
	if (is_refusal(result))
		flag_set(clear_refused(io));
	/* EINVAL: not for this range (a device with larger blocks); another may do. */
	if (is_refusal(result) || result == -EINVAL)
		write_zeros(io);
	else
		io->done(io, result);
}

static void clear_range(struct sheaf_store_io *io)
{
	int mode = FALLOC_FL_KEEP_SIZE |
		   (io->op == SHEAF_STORE_DISCARD ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);

	if (flag_get(clear_refused(io))) {
		write_zeros(io);
		return;
	}
	if (file_of(io)->map)
		sheaf_file_map_clear_begin(file_of(io)->map, image_offset(io), io->length);
	io->loop_op.done = cleared;
	sheaf_loop_fallocate(io->loop, &io->loop_op, file_of(io)->fd, mode, image_offset(io),
			     io->length);
}

/* --- STATUS --- */

/* Whole sectors, of which one that is partly data is data; at least one, at most what was asked. */
static void put_extent(struct sheaf_store_io *io, bool hole, uint64_t bytes)
{
	bytes = hole ? sheaf_round_down(bytes, SECTOR_BYTES) : sheaf_round_up(bytes, SECTOR_BYTES);
	if (bytes == 0) { /* a hole of less than a sector */
		hole = false;
		bytes = SECTOR_BYTES;
	}
	io->extent_hole = hole;
	io->extent_bytes = sheaf_min64(bytes, io->length);
}

/* On a helper thread. The file offset that lseek() moves is used by nobody. */
static int find_extent(void *arg)
{
	struct sheaf_store_io *io = arg;
	int fd = file_of(io)->fd;
	off_t at = (off_t)image_offset(io);
	off_t data = lseek(fd, at, SEEK_DATA);
	off_t hole;

	if (data < 0 && errno == ENXIO) /* no data from here on */
		put_extent(io, true, io->length);
	else if (data > at)
		put_extent(io, true, (uint64_t)(data - at));
	else if (data == at && (hole = lseek(fd, at, SEEK_HOLE)) > at)
		put_extent(io, false, (uint64_t)(hole - at));
	else /* the filesystem cannot tell */
		put_extent(io, false, io->length);
	return 0;
}

/* --- the table --- */

static void start(struct sheaf_store_io *io)
{
	switch (io->op) {
	case SHEAF_STORE_READ:
	case SHEAF_STORE_WRITE:
		read_or_write(io);
		break;
	case SHEAF_STORE_FLUSH:
		sync_and_finish(io);
		break;
	case SHEAF_STORE_DISCARD:
	case SHEAF_STORE_ZERO:
		clear_range(io);
		break;
	case SHEAF_STORE_STATUS:
		io->loop_op.done = finished;
		sheaf_loop_call(io->loop, &io->loop_op, find_extent, io);
		break;
	}
}

static bool changes(enum sheaf_store_op op)
{
	return op == SHEAF_STORE_WRITE || op == SHEAF_STORE_DISCARD || op == SHEAF_STORE_ZERO;
}

static void submit(struct sheaf_store *store, struct sheaf_loop *loop, struct sheaf_store_io *io)
{
	(void)loop;
	io->moved = 0;
	if (io->op != SHEAF_STORE_FLUSH)
		assert(sheaf_range_within(io->offset, io->length, store->size_bytes));
	if (changes(io->op) && store->read_only)
		finish_later(io, -EROFS);
	else if (io->length == 0 && io->op != SHEAF_STORE_FLUSH)
		finish_later(io, 0);
	else
		start(io);
}

static void trim(struct sheaf_store *store)
{
	struct sheaf_file_map *map = ((struct sheaf_file_store *)store)->map;

	if (map)
		sheaf_file_map_trim(map);
}

static struct sheaf_store *free_file(struct sheaf_store *store)
{
	struct sheaf_file_store *file = (struct sheaf_file_store *)store;

	sheaf_file_map_free(file->map);
	if (file->zeros)
		munmap(file->zeros, SHEAF_FILE_ZEROS_BYTES);
	if (file->fd >= 0)
		close(file->fd);
	free(store->name);
	free(file);
	return NULL;
}

const struct sheaf_store_ops sheaf_file_store_ops = {
	.name = "file",
	.submit = submit,
	.set_size = sheaf_file_store_set_size,
	.trim = trim,
	.keep = sheaf_file_keep,
	.kept = sheaf_file_kept,
	.measure = sheaf_file_measure,
	.free = free_file,
};
