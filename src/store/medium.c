/* SPDX-License-Identifier: MIT */
/*
 * medium.c - a store over a driver's callbacks, see sheaf/medium.h
 *
 * A callback that answers at once is reported by the loop in the same turn, as nobody may be called back from inside the submit. Where
 * there is no zero callback, zeros are written in pieces, one after another, by an access of our own.
 */
#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

#define ZEROS_BYTES (UINT32_C(256) << 10)

struct medium_store {
	struct sheaf_store store; /* first */
	struct sheaf_medium medium;
};

/* A ZERO that becomes writes. */
struct zeroing {
	struct sheaf_store_io piece;
	struct sheaf_store_io *io; /* the ZERO */
	uint8_t *zeros;
};

static void report(struct sheaf_op *op, int result)
{
	struct sheaf_store_io *io =
		(struct sheaf_store_io *)((char *)op - offsetof(struct sheaf_store_io, loop_op));

	io->done(io, result);
}

void sheaf_store_io_done(struct sheaf_store_io *io, int result)
{
	assert(result <= 0);
	if (result == 0)
		io->moved = io->length;
	io->done(io, result);
}

static int end_zeroing(struct zeroing *z, int result)
{
	free(z->zeros);
	free(z);
	return result;
}

/* Write pieces for as long as they are done at once. Return: as a callback; anything but SHEAF_IO_PENDING: @z is gone. */
static int write_zeros(struct zeroing *z)
{
	const struct sheaf_medium *medium = &((struct medium_store *)z->io->store)->medium;
	int r = 0;

	while (r == 0 && z->io->moved < z->io->length) {
		z->piece.offset = z->io->offset + z->io->moved;
		z->piece.length = sheaf_min64(ZEROS_BYTES, z->io->length - z->io->moved);
		z->piece.moved = 0;
		r = medium->write(medium->arg, &z->piece);
		if (r == 0)
			z->io->moved += z->piece.length;
	}
	return r == SHEAF_IO_PENDING ? r : end_zeroing(z, r);
}

static void piece_done(struct sheaf_store_io *piece, int result)
{
	struct zeroing *z = (struct zeroing *)((char *)piece - offsetof(struct zeroing, piece));
	struct sheaf_store_io *io = z->io;

	if (result == 0) {
		io->moved += piece->length;
		result = write_zeros(z);
	} else {
		end_zeroing(z, result);
	}
	if (result != SHEAF_IO_PENDING)
		io->done(io, result);
}

static int start_zeroing(struct sheaf_store_io *io)
{
	struct zeroing *z = calloc(1, sizeof(*z));

	if (!z)
		return -ENOMEM;
	z->zeros = calloc(1, ZEROS_BYTES);
	if (!z->zeros)
		return end_zeroing(z, -ENOMEM);
	z->io = io;
	z->piece = (struct sheaf_store_io){ .op = SHEAF_STORE_WRITE,
					    .data = z->zeros,
					    .done = piece_done,
					    .store = io->store,
					    .loop = io->loop };
	return write_zeros(z);
}

static int status_unknown(struct sheaf_store_io *io)
{
	io->extent_hole = false;
	io->extent_bytes = io->length;
	return 0;
}

/* What the callback says, or what stands in for it. */
static int call(const struct sheaf_medium *m, struct sheaf_store_io *io)
{
	switch (io->op) {
	case SHEAF_STORE_READ:
		return m->read(m->arg, io);
	case SHEAF_STORE_WRITE:
		return m->write(m->arg, io);
	case SHEAF_STORE_FLUSH:
		return m->flush ? m->flush(m->arg, io) : 0;
	case SHEAF_STORE_DISCARD:
		if (m->discard)
			return m->discard(m->arg, io);
		/* fall through */
	case SHEAF_STORE_ZERO:
		return m->zero ? m->zero(m->arg, io) : start_zeroing(io);
	case SHEAF_STORE_STATUS:
		return m->status ? m->status(m->arg, io) : status_unknown(io);
	}
	return -EINVAL;
}

static void submit(struct sheaf_store *store, struct sheaf_loop *loop, struct sheaf_store_io *io)
{
	int r;

	if (io->op != SHEAF_STORE_FLUSH)
		assert(sheaf_range_within(io->offset, io->length, store->size_bytes));
	io->moved = 0;
	r = io->length > 0 || io->op == SHEAF_STORE_FLUSH ?
		    call(&((struct medium_store *)store)->medium, io) :
		    0;
	if (r == SHEAF_IO_PENDING)
		return;
	if (r == 0)
		io->moved = io->length;
	io->loop_op.done = report;
	sheaf_loop_ready(loop, &io->loop_op, r > 0 ? -EIO : r);
}

static struct sheaf_store *free_medium(struct sheaf_store *store)
{
	free(store->name);
	free(store);
	return NULL;
}

static const struct sheaf_store_ops medium_ops = {
	.name = "medium",
	.submit = submit,
	.free = free_medium,
};

static bool is_power_of_two(uint32_t n)
{
	return n && !(n & (n - 1));
}

int sheaf_medium_store_create(const struct sheaf_medium *medium, struct sheaf_store **ret_store)
{
	uint32_t block = medium->block_size ? medium->block_size : 512;
	uint32_t physical = medium->physical_block_bytes ? medium->physical_block_bytes : block;
	struct medium_store *m;

	if ((block != 512 && block != 4096) || medium->bytes < block || medium->bytes % block ||
	    medium->bytes > INT64_MAX || physical < block || !is_power_of_two(physical) ||
	    !medium->read || (!medium->write && !medium->read_only))
		return -EINVAL;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->medium = *medium;
	m->store = (struct sheaf_store){
		.ops = &medium_ops,
		.name = strdup(medium->name ? medium->name : "medium"),
		.size_bytes = medium->bytes,
		.alignment_bytes = 1,
		.physical_block_bytes = physical,
		.read_only = medium->read_only,
		.can_discard = medium->discard,
	};
	if (!m->store.name) {
		free(m);
		return -ENOMEM;
	}
	*ret_store = &m->store;
	return 0;
}
