/* SPDX-License-Identifier: MIT */
/**
 * file_open.c - open, check, lock and measure an image, and find out what its filesystem can do
 *
 * The type is looked at before the open, so that no device is touched, and again after it; O_NONBLOCK keeps a FIFO
 * that slipped in between from hanging us. The lock comes before the size is read. Nothing here is on a hot path.
 * Each failure is reported where it is found, with the path, the cause and what to do.
 */
#include "store/file_store.h"

#include "base/bits.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "store/image_lock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define SECTOR_BYTES  512
#define ALIGNMENT_MAX 65536 /* larger ones are not believed */

struct opening {
	const char *path;
	const struct sheaf_file_store_options *options;
	struct sheaf_file_store *file;
	struct stat st;
	uint64_t image_bytes;
};

static bool is_block_device(const struct opening *o)
{
	return S_ISBLK(o->st.st_mode);
}

/* --- the file --- */

static int check_type(const char *path, mode_t mode)
{
	const char *is;

	if (S_ISREG(mode) || S_ISBLK(mode))
		return 0;
	if (S_ISDIR(mode)) {
		sheaf_error("%s: is a directory; name an image file in it", path);
		return -EISDIR;
	}
	is = S_ISFIFO(mode)   ? "FIFO"
	     : S_ISSOCK(mode) ? "socket"
	     : S_ISCHR(mode)  ? "character device"
			      : "special file";
	sheaf_error("%s: is a %s; an image is a regular file or a block device", path, is);
	return -ENOTSUP;
}

static int report_open_error(const char *path, int error, bool write)
{
	const char *to = write ? "write" : "read";

	switch (error) {
	case ENOENT:
		sheaf_error("%s: no such image; create it with: sheaf create --size 10G %s", path,
			    path);
		break;
	case EACCES:
	case EPERM:
		sheaf_error(
			"%s: user %u may not %s it (%s); look at its permissions with: ls -l %s%s",
			path, (unsigned)geteuid(), to, strerror(error), path,
			write ? ", or serve it read-only" : "");
		break;
	case EROFS:
		sheaf_error("%s: cannot be written (%s); serve it read-only", path,
			    strerror(error));
		break;
	case ETXTBSY:
		sheaf_error("%s: cannot be written, it is a program that runs or a swap file; "
			    "serve it read-only, or "
			    "end its use first",
			    path);
		break;
	case EBUSY:
		sheaf_error("%s: the device is in use (mounted, or part of a RAID or volume group; "
			    "see lsblk); end that "
			    "first, or serve it read-only",
			    path);
		break;
	default:
		sheaf_error("%s: cannot be opened to %s: %s", path, to, strerror(error));
	}
	return -error;
}

/* A block device that says it is read-only lets itself be opened for writing all the same. */
static bool is_read_only_device(int fd)
{
	struct stat st;
	int read_only = 0;

	return fstat(fd, &st) == 0 && S_ISBLK(st.st_mode) && ioctl(fd, BLKROGET, &read_only) == 0 &&
	       read_only;
}

/* A descriptor or -errno. O_EXCL: a block device that the kernel itself uses is not written behind its back. */
static int open_as(const char *path, mode_t mode, bool write)
{
	int flags = O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (write ? O_RDWR : O_RDONLY);
	int fd;

	if (write && S_ISBLK(mode))
		flags |= O_EXCL;
	do {
		fd = open(path, flags);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return -errno;
	if (write && is_read_only_device(fd)) {
		close(fd);
		return -EROFS;
	}
	return fd;
}

static bool means_not_writable(int error)
{
	return error == EACCES || error == EPERM || error == EROFS || error == ETXTBSY;
}

static int open_image(struct opening *o)
{
	bool write = !o->options->read_only && !o->options->force_share;
	struct stat before;
	int fd, err;

	if (stat(o->path, &before) < 0)
		return report_open_error(o->path, errno, write);
	err = check_type(o->path, before.st_mode);
	if (err)
		return err;
	fd = open_as(o->path, before.st_mode, write);
	if (fd < 0 && write && o->options->read_only_auto && means_not_writable(-fd)) {
		sheaf_info("%s: cannot be written (%s), so it is opened read-only", o->path,
			   strerror(-fd));
		write = false;
		fd = open_as(o->path, before.st_mode, write);
	}
	if (fd < 0)
		return report_open_error(o->path, -fd, write);
	o->file->fd = fd;
	o->file->store.read_only = !write;
	if (fstat(fd, &o->st) < 0)
		return report_open_error(o->path, errno, write);
	err = check_type(o->path, o->st.st_mode);
	if (err)
		return err;
	/* io_uring would fail what does not complete at once. */
	if (fcntl(fd, F_SETFL, 0) < 0)
		return report_open_error(o->path, errno, write);
	return 0;
}

/* --- the size --- */

/* The lock is held, so the size stays: ask again. */
static int measure(struct opening *o)
{
	int err = 0;

	if (is_block_device(o))
		err = ioctl(o->file->fd, BLKGETSIZE64, &o->image_bytes);
	else if ((err = fstat(o->file->fd, &o->st)) == 0)
		o->image_bytes = (uint64_t)o->st.st_size;
	if (err < 0) {
		err = -errno;
		sheaf_error("%s: its size cannot be read: %s", o->path, strerror(-err));
	}
	return err;
}

static int check_empty(const struct opening *o)
{
	if (o->image_bytes > 0)
		return 0;
	if (is_block_device(o))
		sheaf_error("%s: the device has no size; is there a medium in it?", o->path);
	else
		sheaf_error("%s: is empty; give it a size with: truncate -s 10G %s", o->path,
			    o->path);
	return -EINVAL;
}

static int check_offset(const struct opening *o)
{
	uint64_t offset = o->options->offset_bytes, limit = o->options->sizelimit_bytes;

	if (offset % SECTOR_BYTES) {
		sheaf_error("%s: offset %" PRIu64 " is not a multiple of %d", o->path, offset,
			    SECTOR_BYTES);
		return -EINVAL;
	}
	if (offset >= o->image_bytes) {
		sheaf_error("%s: offset %" PRIu64 " is not inside the image, which has %" PRIu64
			    " bytes",
			    o->path, offset, o->image_bytes);
		return -EINVAL;
	}
	if (limit > o->image_bytes - offset) {
		sheaf_error("%s: %" PRIu64 " bytes from offset %" PRIu64
			    " reach past the end of the image, which has %" PRIu64 " bytes",
			    o->path, limit, offset, o->image_bytes);
		return -EINVAL;
	}
	return 0;
}

static int report_odd_size(const struct opening *o, uint64_t size)
{
	uint32_t block_size = o->options->block_size;
	bool partial =
		o->options->offset_bytes || o->options->sizelimit_bytes || is_block_device(o);
	const char *smaller = size % SECTOR_BYTES == 0 ? "; blocks of 512 bytes would do" : "";

	if (partial)
		sheaf_error("%s: the size, %" PRIu64
			    " bytes, is not a multiple of the block size, %" PRIu32 "%s",
			    o->path, size, block_size, smaller);
	else
		sheaf_error("%s: the size, %" PRIu64
			    " bytes, is not a multiple of the block size, %" PRIu32
			    "%s; to fill up the last block: truncate -s %%%" PRIu32 " %s",
			    o->path, size, block_size, smaller, block_size, o->path);
	return -EINVAL;
}

static int choose_range(struct opening *o)
{
	uint64_t offset = o->options->offset_bytes, size;
	int err = check_empty(o);

	if (!err)
		err = check_offset(o);
	if (err)
		return err;
	size = o->options->sizelimit_bytes ? o->options->sizelimit_bytes : o->image_bytes - offset;
	if (size % o->options->block_size)
		return report_odd_size(o, size);
	o->file->offset = offset;
	o->file->store.size_bytes = size;
	return 0;
}

static bool is_alignment(uint64_t bytes)
{
	return bytes > 0 && bytes <= ALIGNMENT_MAX && (bytes & (bytes - 1)) == 0;
}

/* A hint: what the device says, or a filesystem's block; less where offset_bytes is in the middle of one. */
static void choose_physical_block(struct opening *o)
{
	unsigned bytes = 0;

	if (!is_block_device(o))
		bytes = (unsigned)sheaf_min64((uint64_t)o->st.st_blksize, 4096);
	else if (ioctl(o->file->fd, BLKPBSZGET, &bytes) < 0)
		bytes = 0;
	if (!is_alignment(bytes) || bytes < SECTOR_BYTES)
		bytes = SECTOR_BYTES;
	while (o->file->offset % bytes)
		bytes /= 2;
	o->file->store.physical_block_bytes = bytes;
}

/* --- direct I/O --- */

/* A read of one sector or block at the store's begin: bytes or -errno. */
static int probe_read(const struct opening *o, uint32_t bytes, int flags)
{
	CLEANUP_FREE void *buffer = NULL;
	struct iovec iov = { .iov_len = bytes };
	ssize_t n;

	if (posix_memalign(&buffer, ALIGNMENT_MAX, bytes))
		return -ENOMEM;
	iov.iov_base = buffer;
	n = preadv2(o->file->fd, &iov, 1, (off_t)o->file->offset, flags);
	return n < 0 ? -errno : (int)n;
}

struct alignment {
	uint32_t memory, offset;
};

/* Does the kernel say? False: an old one, or a filesystem that does not. */
static bool read_alignment(int fd, struct alignment *ret)
{
#ifdef STATX_DIOALIGN
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) < 0 ||
	    !(stx.stx_mask & STATX_DIOALIGN))
		return false;
	*ret = (struct alignment){ .memory = stx.stx_dio_mem_align,
				   .offset = stx.stx_dio_offset_align };
	return true;
#else
	(void)fd;
	(void)ret;
	return false;
#endif
}

/* Without the kernel's word: a device's sector, or the smallest read that works; memory alike, to be safe. */
static bool guess_alignment(const struct opening *o, struct alignment *ret)
{
	int sector = 0;

	if (is_block_device(o) && ioctl(o->file->fd, BLKSSZGET, &sector) == 0 && sector > 0) {
		*ret = (struct alignment){ .memory = (uint32_t)sector, .offset = (uint32_t)sector };
		return true;
	}
	for (uint32_t bytes = SECTOR_BYTES; bytes <= 4096; bytes *= 2) {
		if (o->file->offset % bytes == 0 && probe_read(o, bytes, 0) >= 0) {
			*ret = (struct alignment){ .memory = bytes, .offset = bytes };
			return true;
		}
	}
	return false;
}

/* NULL, or why direct I/O is not possible. O_DIRECT may then be left on. */
static const char *try_direct(const struct opening *o, struct alignment *ret)
{
	struct alignment a;

	if (fcntl(o->file->fd, F_SETFL, O_DIRECT) < 0)
		return "its filesystem has no direct I/O";
	if (!read_alignment(o->file->fd, &a) && !guess_alignment(o, &a))
		return "direct reads fail";
	if (!is_alignment(a.memory) || !is_alignment(a.offset))
		return "the filesystem has no direct I/O for this file";
	if (o->options->block_size % a.offset)
		return "it would need larger blocks than the disk has";
	if (o->file->offset % a.offset)
		return "the offset is not aligned to its blocks";
	if (probe_read(o, o->options->block_size, 0) < 0)
		return "direct reads fail";
	*ret = a;
	return NULL;
}

static void use_direct(struct sheaf_file_store *file, struct alignment a)
{
	file->store.direct = true;
	file->memory_alignment = a.memory;
	file->store.alignment_bytes = a.memory > a.offset ? a.memory : a.offset;
}

static int choose_direct(struct opening *o)
{
	enum sheaf_direct wanted = o->options->direct;
	struct alignment a = { 1, 1 };
	const char *reason;

	o->file->memory_alignment = 1;
	o->file->store.alignment_bytes = 1;
	if (wanted == SHEAF_DIRECT_OFF || (wanted == SHEAF_DIRECT_AUTO && !is_block_device(o)))
		return 0;
	reason = try_direct(o, &a);
	if (!reason) {
		use_direct(o->file, a);
		return 0;
	}
	if (wanted == SHEAF_DIRECT_ON) {
		sheaf_error("%s: direct I/O is not possible: %s; serve it without", o->path,
			    reason);
		return -EINVAL;
	}
	sheaf_info("%s: no direct I/O: %s", o->path, reason);
	if (fcntl(o->file->fd, F_SETFL, 0) < 0)
		return -errno;
	return 0;
}

/* --- what the filesystem can do --- */

/*
 * Without non-blocking reads io_uring hands each one to a worker thread. Where the bytes are in memory that is
 * all cost and no gain; elsewhere (network filesystems) the worker's wait is what it is for.
 */
static bool is_in_memory(const struct opening *o)
{
	struct statfs fs;

	if (is_block_device(o) || fstatfs(o->file->fd, &fs) < 0)
		return false;
	return (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC) &&
	       probe_read(o, o->options->block_size, RWF_NOWAIT) == -EOPNOTSUPP;
}

/* ext4_buffered_write_iter() in fs/ext4/file.c refuses IOCB_NOWAIT, which is how io_uring asks first; so do ext2 and ext3. */
static bool are_writes_punted(const struct opening *o)
{
	struct statfs fs;

	return !is_block_device(o) && !o->file->store.direct && fstatfs(o->file->fd, &fs) == 0 &&
	       fs.f_type == EXT4_SUPER_MAGIC;
}

/* Partitions have their queue in the whole device's folder. */
static bool device_can_discard(dev_t device)
{
	static const char *const folders[] = { "", "../" };
	unsigned long long bytes = 0;

	for (unsigned i = 0; i < 2; i++) {
		char path[96];
		FILE *f;

		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%squeue/write_zeroes_max_bytes",
			 major(device), minor(device), folders[i]);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fscanf(f, "%llu", &bytes) != 1)
			bytes = 0;
		fclose(f);
		break;
	}
	return bytes > 0;
}

/* A hole behind the end changes nothing. */
static bool can_discard(const struct opening *o)
{
	if (o->file->store.read_only)
		return false;
	if (is_block_device(o))
		return device_can_discard(o->st.st_rdev);
	return fallocate(o->file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 (off_t)sheaf_round_up(o->image_bytes, 4096), 4096) == 0;
}

static int map_zeros(struct sheaf_file_store *file)
{
	void *zeros =
		mmap(NULL, SHEAF_FILE_ZEROS_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (zeros == MAP_FAILED)
		return -ENOMEM;
	file->zeros = zeros;
	return 0;
}

/* An image in memory is copied from and to where it is, if it can be mapped. Direct I/O was asked for: then not. */
static void map_image(const struct opening *o)
{
	struct sheaf_file_store *file = o->file;
	int err;

	if (!file->in_memory || file->store.direct)
		return;
	err = sheaf_file_map_create(file->fd, file->offset, file->store.size_bytes,
				    !file->store.read_only, &file->map);
	file->store.can_trim = err == 0;
	if (err)
		sheaf_debug("%s: not mapped: %s", o->path, strerror(-err));
}

static int learn(struct opening *o)
{
	int err = map_zeros(o->file);

	if (err) {
		sheaf_error("%s: %s", o->path, strerror(-err));
		return err;
	}
	choose_physical_block(o);
	err = choose_direct(o);
	if (err)
		return err;
	o->file->in_memory = is_in_memory(o);
	o->file->writes_punted = are_writes_punted(o);
	if (!o->options->for_another_process)
		map_image(o);
	o->file->store.can_discard = can_discard(o);
	/* What a part of a file takes cannot be told, nor what a device does. */
	o->file->store.can_measure = !is_block_device(o) && o->file->offset == 0 &&
				     o->file->store.size_bytes == o->image_bytes;
	return 0;
}

static int open_steps(struct opening *o)
{
	int err = open_image(o);

	if (!err && !o->options->force_share)
		err = sheaf_image_lock(o->file->fd, o->path, !o->file->store.read_only);
	if (!err)
		err = measure(o);
	if (!err)
		err = choose_range(o);
	return err ? err : learn(o);
}

/* The lock came with the descriptor, and so did O_DIRECT. */
static int adopt_steps(struct opening *o, const struct sheaf_file_image *image)
{
	int err = 0;

	o->file->store.read_only = image->read_only;
	atomic_init(&o->file->flush_error, image->flush_error);
	if (fstat(o->file->fd, &o->st) < 0)
		err = -errno;
	if (!err)
		err = check_type(o->path, o->st.st_mode);
	if (!err)
		err = measure(o);
	if (!err)
		err = choose_range(o);
	return err ? err : learn(o);
}

static int make_file(struct opening *o, int fd)
{
	o->file = calloc(1, sizeof(*o->file));
	if (!o->file) {
		sheaf_error("%s: %s", o->path, strerror(ENOMEM));
		return -ENOMEM;
	}
	o->file->fd = fd;
	o->file->store.ops = &sheaf_file_store_ops;
	o->file->store.name = strdup(o->path);
	return 0;
}

static int finish(struct opening *o, int err, struct sheaf_store **ret_store)
{
	if (err) {
		sheaf_store_free(&o->file->store);
		return err;
	}
	*ret_store = &o->file->store;
	return 0;
}

void sheaf_file_store_describe(const struct sheaf_store *store, struct sheaf_file_image *ret)
{
	const struct sheaf_file_store *file = (const struct sheaf_file_store *)store;

	*ret = (struct sheaf_file_image){
		.fd = file->fd,
		.read_only = store->read_only,
		.direct = store->direct,
		.flush_error = atomic_load(&file->flush_error),
		.offset_bytes = file->offset,
		.size_bytes = store->size_bytes,
	};
}

int sheaf_file_store_adopt(const char *name, const struct sheaf_file_image *image,
			   struct sheaf_store **ret_store)
{
	const struct sheaf_file_store_options options = {
		.direct = image->direct ? SHEAF_DIRECT_ON : SHEAF_DIRECT_OFF,
		.offset_bytes = image->offset_bytes,
		.sizelimit_bytes = image->size_bytes,
		.block_size = image->block_size,
	};
	struct opening o = { .path = name, .options = &options };
	int err = make_file(&o, image->fd);

	if (err) {
		close(image->fd);
		return err;
	}
	if (image->size_bytes == 0 || (image->block_size != 512 && image->block_size != 4096))
		err = -EINVAL;
	if (!err && !o.file->store.name)
		err = -ENOMEM;
	return finish(&o, err ? err : adopt_steps(&o, image), ret_store);
}

int sheaf_file_store_open(const char *path, const struct sheaf_file_store_options *options,
			  struct sheaf_store **ret_store)
{
	struct opening o = { .path = path, .options = options };
	int err;

	if (options->block_size != 512 && options->block_size != 4096) {
		sheaf_error("%s: a block has 512 or 4096 bytes, not %" PRIu32, path,
			    options->block_size);
		return -EINVAL;
	}
	err = make_file(&o, -1);
	if (err)
		return err;
	return finish(&o, o.file->store.name ? open_steps(&o) : -ENOMEM, ret_store);
}

int sheaf_file_store_dup(const struct sheaf_store *store)
{
	int fd;

	assert(store->ops == &sheaf_file_store_ops);
	fd = fcntl(((const struct sheaf_file_store *)store)->fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}
