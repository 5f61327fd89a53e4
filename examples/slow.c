/* SPDX-License-Identifier: MIT */
/*
 * slow.c - a disk that takes its time, as a driver: latency by a distribution
 *
 *   sheaf mount --controller='slow.so latency=2ms' DIR                         2 ms each
 *   sheaf mount --controller='slow.so latency=uniform:1ms,5ms' DIR             between 1 and 5 ms
 *   sheaf mount --controller='slow.so latency=exponential:2ms seed=7' DIR      mean 2 ms
 *   sheaf mount --controller='slow.so latency=lognormal:2ms,0.5' disk.img DIR  median 2 ms, sigma 0.5; over an image
 *
 * Without an image it is a disk in memory, of size=SIZE MiB. Each read, write and flush first waits on a timer of its loop, then is done.
 * With the same seed and one task at a time the same latencies come again.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <sheaf/disk.h>
#include <sheaf/driver.h>

#define SIZE_DEFAULT_MIB 64
/* Of a long tail: no task waits longer. */
#define LATENCY_MAX_NS 10e9

enum shape { CONSTANT, UNIFORM, EXPONENTIAL, LOGNORMAL };

struct slow {
	struct sheaf_disk *disk;
	const struct sheaf_driver_image *image; /* NULL: in memory */
	uint8_t *bytes;
	uint64_t size;
	enum shape shape;
	double a, b; /* ns; LOGNORMAL: b is sigma */
	/* Any loop adds to it: a step of splitmix64 is an addition, and the rest of it is a function of the sum. */
	_Atomic uint64_t random;
};

/* One driver, one disk. */
static struct slow slow;

/* 0 < n < 1 */
static double draw(struct slow *s)
{
	uint64_t z = atomic_fetch_add_explicit(&s->random, UINT64_C(0x9e3779b97f4a7c15), memory_order_relaxed);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return ((double)(z >> 11) + 0.5) / 9007199254740992.0; /* 2^53 */
}

static uint64_t latency_ns(struct slow *s)
{
	double ns = s->a;

	if (s->shape == UNIFORM)
		ns = s->a + (s->b - s->a) * draw(s);
	else if (s->shape == EXPONENTIAL)
		ns = -s->a * log(draw(s));
	else if (s->shape == LOGNORMAL) /* Box and Muller */
		ns = s->a * exp(s->b * sqrt(-2 * log(draw(s))) * cos(2 * M_PI * draw(s)));
	return (uint64_t)(ns < LATENCY_MAX_NS ? ns : LATENCY_MAX_NS);
}

static struct sheaf_store_io *io_of(struct sheaf_op *op)
{
	return (struct sheaf_store_io *)((char *)op - offsetof(struct sheaf_store_io, loop_op));
}

static void start_transfer(struct sheaf_store_io *io);

static void moved(struct sheaf_op *op, int result)
{
	struct sheaf_store_io *io = io_of(op);

	if (io->op == SHEAF_STORE_FLUSH || result < 0) {
		sheaf_store_io_done(io, result);
		return;
	}
	io->moved += (uint64_t)result;
	if (io->moved == io->length)
		sheaf_store_io_done(io, 0);
	else if (result == 0)
		sheaf_store_io_done(io, -EIO);
	else
		start_transfer(io);
}

static void start_transfer(struct sheaf_store_io *io)
{
	uint64_t place = slow.image->offset + io->offset + io->moved;

	io->iov.iov_base = (uint8_t *)io->data + io->moved;
	io->iov.iov_len = io->length - io->moved;
	io->loop_op.done = moved;
	if (io->op == SHEAF_STORE_FLUSH)
		sheaf_loop_fsync(io->loop, &io->loop_op, slow.image->fd, true);
	else if (io->op == SHEAF_STORE_READ)
		sheaf_loop_readv(io->loop, &io->loop_op, slow.image->fd, &io->iov, 1, place, 0);
	else
		sheaf_loop_writev(io->loop, &io->loop_op, slow.image->fd, &io->iov, 1, place,
				  io->fua ? RWF_DSYNC : 0);
}

static void time_is_over(struct sheaf_op *op, int result)
{
	struct sheaf_store_io *io = io_of(op);

	(void)result;
	if (slow.image) {
		start_transfer(io);
		return;
	}
	if (io->op == SHEAF_STORE_READ)
		memcpy(io->data, slow.bytes + io->offset, io->length);
	else if (io->op == SHEAF_STORE_WRITE)
		memcpy(slow.bytes + io->offset, io->data, io->length);
	sheaf_store_io_done(io, 0);
}

static int wait_first(void *arg, struct sheaf_store_io *io)
{
	io->moved = 0;
	io->loop_op.done = time_is_over;
	sheaf_loop_timer(io->loop, &io->loop_op, latency_ns(arg));
	return SHEAF_IO_PENDING;
}

/* "2ms", "300us", "1s" in ns; *end behind it. Negative: not a time. */
static double read_time(const char *text, char **end)
{
	double n = strtod(text, end);

	if (*end == text || n < 0)
		return -1;
	if (strncmp(*end, "us", 2) == 0 || strncmp(*end, "ms", 2) == 0) {
		n *= **end == 'u' ? 1e3 : 1e6;
		*end += 2;
		return n;
	}
	if (**end != 's')
		return n == 0 ? n : -1;
	++*end;
	return n * 1e9;
}

static int read_latency(struct slow *s, const char *text)
{
	static const struct {
		const char *name;
		enum shape shape;
		bool second; /* there is a second number, which for LOGNORMAL is none of time */
	} shapes[] = { { "uniform:", UNIFORM, true },
		       { "exponential:", EXPONENTIAL, false },
		       { "lognormal:", LOGNORMAL, true },
		       { "", CONSTANT, false } };
	unsigned i = 0;
	char *end;

	while (strncmp(text, shapes[i].name, strlen(shapes[i].name)) != 0)
		i++;
	s->shape = shapes[i].shape;
	s->a = read_time(text + strlen(shapes[i].name), &end);
	if (s->a >= 0 && shapes[i].second) {
		const char *second = end + 1;

		if (*end != ',')
			return -EINVAL;
		s->b = s->shape == LOGNORMAL ? strtod(second, &end) : read_time(second, &end);
		if (end == second || s->b < 0 || (s->shape == UNIFORM && s->b < s->a))
			return -EINVAL;
	}
	return s->a < 0 || *end ? -EINVAL : 0;
}

static int read_words(struct slow *s, const struct sheaf_driver_start *start)
{
	for (int i = 1; i < start->argc; i++) {
		const char *word = start->argv[i];
		char *end = NULL;
		int r = -EINVAL;

		if (strncmp(word, "latency=", 8) == 0) {
			r = read_latency(s, word + 8);
		} else if (strncmp(word, "seed=", 5) == 0) {
			atomic_store(&s->random, strtoull(word + 5, &end, 10));
			r = *end || !word[5] ? -EINVAL : 0;
		} else if (strncmp(word, "size=", 5) == 0) {
			s->size = strtoull(word + 5, &end, 10) << 20;
			r = *end || s->size == 0 || s->size > INT64_MAX ? -EINVAL : 0;
		}
		if (r < 0) {
			sheaf_driver_error("%s: not understood; say latency=2ms, latency=uniform:1ms,5ms, latency=exponential:2ms, "
					   "latency=lognormal:2ms,0.5, seed=N, size=MEBIBYTES",
					   word);
			return r;
		}
	}
	return 0;
}

static int open_bytes(struct slow *s, const struct sheaf_driver_start *start)
{
	void *bytes;

	if (start->image_count > 1) {
		sheaf_driver_error("takes one image, or none");
		return -EINVAL;
	}
	if (start->image_count == 1) {
		s->image = start->images;
		s->size = s->image->bytes;
		/* Buffers are not aligned for O_DIRECT. */
		return s->image->direct && fcntl(s->image->fd, F_SETFL, 0) < 0 ? -errno : 0;
	}
	bytes = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	s->bytes = bytes == MAP_FAILED ? NULL : bytes;
	return s->bytes ? 0 : -ENOMEM;
}

static void destroy(void *controller)
{
	sheaf_disk_free(controller);
	if (slow.bytes)
		munmap(slow.bytes, slow.size);
	slow.bytes = NULL;
}

static int create(const struct sheaf_driver_start *start, void **ret_controller)
{
	struct sheaf_medium medium = {
		.arg = &slow,
		.name = "slow",
		.serial = "slow",
		.physical_block_bytes = 4096,
		.read = wait_first,
		.write = wait_first,
		.flush = wait_first,
	};
	int r;

	slow.image = NULL;
	slow.size = (uint64_t)SIZE_DEFAULT_MIB << 20;
	slow.shape = CONSTANT;
	slow.a = 1e6;
	atomic_store(&slow.random, 1);
	r = read_words(&slow, start);
	if (r == 0)
		r = open_bytes(&slow, start);
	medium.bytes = slow.size;
	medium.read_only = slow.image && slow.image->read_only;
	medium.block_size = slow.image ? slow.image->block_size : 0;
	if (r == 0)
		r = sheaf_disk_create_over(&medium, 1, start->slots, &slow.disk);
	if (r == 0)
		*ret_controller = slow.disk;
	else
		destroy(NULL);
	return r;
}

static const struct sheaf_driver driver = {
	.api = SHEAF_DRIVER_API,
	.name = "slow",
	.summary = "a disk that takes its time: latency by a distribution",
	.ops = &sheaf_disk_ops,
	.create = create,
	.destroy = destroy,
};
SHEAF_DRIVER(driver)

#ifdef SHEAF_DRIVER_PROGRAM
int main(int argc, char **argv)
{
	return sheaf_driver_main(&driver, argc, argv);
}
#endif
