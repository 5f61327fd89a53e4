/* SPDX-License-Identifier: MIT */
/* null.c - a disk of zeros that forgets what is written: what is left to measure is everything else. */
#include "store/store.h"

#include "base/bits.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR_BYTES 512

static void report(struct sheaf_op *op, int result)
{
	struct sheaf_store_io *io =
		(struct sheaf_store_io *)((char *)op - offsetof(struct sheaf_store_io, loop_op));

	io->done(io, result);
}

static void submit(struct sheaf_store *store, struct sheaf_loop *loop, struct sheaf_store_io *io)
{
	if (io->op != SHEAF_STORE_FLUSH)
		assert(sheaf_range_within(io->offset, io->length, store->size_bytes));
	if (io->op == SHEAF_STORE_READ && io->length > 0)
		memset(io->data, 0, io->length);
	if (io->op == SHEAF_STORE_STATUS) {
		io->extent_hole = true;
		io->extent_bytes = io->length;
	}
	io->moved = io->length;
	io->loop_op.done = report;
	sheaf_loop_ready(loop, &io->loop_op, 0);
}

static struct sheaf_store *free_null(struct sheaf_store *store)
{
	free(store->name);
	free(store);
	return NULL;
}

static const struct sheaf_store_ops null_ops = {
	.name = "null",
	.submit = submit,
	.free = free_null,
};

int sheaf_null_store_create(uint64_t size_bytes, struct sheaf_store **ret_store)
{
	struct sheaf_store *store = calloc(1, sizeof(*store));
	char *name = strdup("null");

	if (!store || !name) {
		free(store);
		free(name);
		return -ENOMEM;
	}
	*store = (struct sheaf_store){
		.ops = &null_ops,
		.name = name,
		.size_bytes = size_bytes,
		.alignment_bytes = 1,
		.physical_block_bytes = SECTOR_BYTES,
		.can_discard = true,
	};
	*ret_store = store;
	return 0;
}
