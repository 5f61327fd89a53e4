/* SPDX-License-Identifier: MIT */
/*
 * stripe.c - one disk over several images, chunk by chunk in turns (RAID 0), as a driver
 *
 *   sheaf mount --controller=stripe.so a.img b.img c.img DIR
 *   sheaf mount --controller='stripe.so chunk=16K' a.img b.img DIR
 *
 * Byte i of the disk is in image (i / chunk) % images. The controller is the library's (sheaf/disk.h), so what is here is the medium: it
 * reads and writes on the loop of the task, one piece of an access after another.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/disk.h>
#include <sheaf/driver.h>

#define CHUNK_DEFAULT (64 << 10)

struct stripe {
	struct sheaf_disk *disk;
	const struct sheaf_driver_image *images;
	uint32_t count;
	uint64_t chunk;
};

/* One driver, one disk: destroy() gets the disk and not the stripe. */
static struct stripe stripe;

static struct sheaf_store_io *io_of(struct sheaf_op *op)
{
	return (struct sheaf_store_io *)((char *)op - offsetof(struct sheaf_store_io, loop_op));
}

static void start_piece(struct stripe *s, struct sheaf_store_io *io);

static void piece_done(struct sheaf_op *op, int result)
{
	struct sheaf_store_io *io = io_of(op);

	if (result <= 0) {
		sheaf_store_io_done(io, result < 0 ? result : -EIO);
		return;
	}
	io->moved += (uint64_t)result;
	if (io->moved == io->length)
		sheaf_store_io_done(io, 0);
	else
		start_piece(&stripe, io);
}

/* From what is done to the end of its chunk. */
static void start_piece(struct stripe *s, struct sheaf_store_io *io)
{
	uint64_t at = io->offset + io->moved;
	uint64_t chunk = at / s->chunk, within = at % s->chunk;
	const struct sheaf_driver_image *image = &s->images[chunk % s->count];
	uint64_t place = image->offset + chunk / s->count * s->chunk + within;
	uint64_t left = io->length - io->moved;

	io->iov.iov_base = (uint8_t *)io->data + io->moved;
	io->iov.iov_len = left < s->chunk - within ? left : s->chunk - within;
	io->loop_op.done = piece_done;
	if (io->op == SHEAF_STORE_READ)
		sheaf_loop_readv(io->loop, &io->loop_op, image->fd, &io->iov, 1, place, 0);
	else
		sheaf_loop_writev(io->loop, &io->loop_op, image->fd, &io->iov, 1, place,
				  io->fua ? RWF_DSYNC : 0);
}

static int transfer(void *arg, struct sheaf_store_io *io)
{
	io->moved = 0;
	start_piece(arg, io);
	return SHEAF_IO_PENDING;
}

/* Image after image; `moved` counts them. */
static void image_synced(struct sheaf_op *op, int result)
{
	struct sheaf_store_io *io = io_of(op);

	if (result < 0 || ++io->moved == stripe.count)
		sheaf_store_io_done(io, result);
	else
		sheaf_loop_fsync(io->loop, &io->loop_op, stripe.images[io->moved].fd, true);
}

static int flush(void *arg, struct sheaf_store_io *io)
{
	struct stripe *s = arg;

	io->moved = 0;
	io->loop_op.done = image_synced;
	sheaf_loop_fsync(io->loop, &io->loop_op, s->images[0].fd, true);
	return SHEAF_IO_PENDING;
}

/* Words: chunk=BYTES, with K or M. 0 or -EINVAL. */
static int read_words(const struct sheaf_driver_start *start, uint64_t *chunk)
{
	for (int i = 1; i < start->argc; i++) {
		const char *word = start->argv[i];
		char *end = NULL;

		if (strncmp(word, "chunk=", 6) == 0 && word[6] >= '1' && word[6] <= '9') {
			*chunk = strtoull(word + 6, &end, 10);
			if (*end == 'K' || *end == 'M')
				*chunk <<= *end++ == 'K' ? 10 : 20;
		}
		if (!end || *end || *chunk % 4096 || *chunk > (1 << 30)) {
			sheaf_driver_error("%s: not understood; say chunk=64K (a multiple of 4096 bytes)", word);
			return -EINVAL;
		}
	}
	return 0;
}

/* Whole chunks of the shortest image, from each. */
static int measure(const struct sheaf_driver_start *start, struct sheaf_medium *medium)
{
	uint64_t least = UINT64_MAX;

	if (start->image_count == 0) {
		sheaf_driver_error("needs images to stripe over: sheaf mount --controller=stripe.so A.img B.img DIR");
		return -EINVAL;
	}
	for (uint32_t i = 0; i < start->image_count; i++) {
		const struct sheaf_driver_image *image = &start->images[i];

		least = image->bytes < least ? image->bytes : least;
		medium->read_only |= image->read_only;
		/* Buffers are not aligned for O_DIRECT. */
		if (image->direct && fcntl(image->fd, F_SETFL, 0) < 0)
			return -errno;
	}
	medium->bytes = least / stripe.chunk * stripe.chunk * start->image_count;
	if (medium->bytes == 0) {
		sheaf_driver_error("the shortest image has less than a chunk, %llu bytes",
				   (unsigned long long)stripe.chunk);
		return -EINVAL;
	}
	return 0;
}

static int create(const struct sheaf_driver_start *start, void **ret_controller)
{
	struct sheaf_medium medium = {
		.arg = &stripe,
		.name = "stripe",
		.serial = "stripe",
		.block_size = start->image_count ? start->images[0].block_size : 0,
		.physical_block_bytes = 4096,
		.read = transfer,
		.write = transfer,
		.flush = flush,
	};
	int r;

	stripe = (struct stripe){ .images = start->images, .count = start->image_count, .chunk = CHUNK_DEFAULT };
	r = read_words(start, &stripe.chunk);
	if (r == 0)
		r = measure(start, &medium);
	if (r == 0)
		r = sheaf_disk_create_over(&medium, 1, start->slots, &stripe.disk);
	if (r == 0)
		*ret_controller = stripe.disk;
	return r;
}

static void destroy(void *controller)
{
	sheaf_disk_free(controller);
}

static const struct sheaf_driver driver = {
	.api = SHEAF_DRIVER_API,
	.name = "stripe",
	.summary = "one disk over several images, chunk by chunk",
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
