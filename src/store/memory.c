/* SPDX-License-Identifier: MIT */
/**
 * memory.c - bytes in memory, for tests and for measuring: takes memory as it is written, gives it back at DISCARD
 *
 * `written` has a bit for each unit of 4096 bytes; a unit without it is a hole, which reads as zeros.
 *   1. WRITE and ZERO set the bits after the bytes, DISCARD takes them back before the memory goes: whatever runs at
 *      the same time, a unit with bytes other than zero has its bit.
 * All is done in the submit, and reported by the loop in the same turn.
 */
#include "store/store.h"

#include "base/bits.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define UNIT_BYTES 4096
#define WORD_BITS  64

struct memory_store {
	struct sheaf_store store; /* first */
	uint8_t *bytes;
	uint64_t mapped_bytes;
	uint64_t page_bytes;
	_Atomic uint64_t *written; /* W, R: any loop, see 1 */
	struct {
		uint8_t bytes[SHEAF_STORE_KEPT_MAX];
		size_t length;
	} notes[SHEAF_STORE_NOTES]; /* each by one at a time */
};

static const struct sheaf_store_ops memory_ops;

static uint64_t unit_bit(uint64_t unit)
{
	return UINT64_C(1) << (unit % WORD_BITS);
}

static bool is_written(const struct memory_store *memory, uint64_t unit)
{
	return atomic_load(&memory->written[unit / WORD_BITS]) & unit_bit(unit);
}

static void set_written(struct memory_store *memory, uint64_t offset, uint64_t length)
{
	for (uint64_t unit = offset / UNIT_BYTES; unit * UNIT_BYTES < offset + length; unit++) {
		if (!is_written(memory, unit))
			atomic_fetch_or(&memory->written[unit / WORD_BITS], unit_bit(unit));
	}
}

/* Only units that lie in the range as a whole. */
static void clear_written(struct memory_store *memory, uint64_t offset, uint64_t length)
{
	uint64_t end = (offset + length) / UNIT_BYTES;

	if (offset + length == memory->store.size_bytes)
		end = sheaf_round_up(offset + length, UNIT_BYTES) / UNIT_BYTES;
	for (uint64_t unit = sheaf_round_up(offset, UNIT_BYTES) / UNIT_BYTES; unit < end; unit++)
		atomic_fetch_and(&memory->written[unit / WORD_BITS], ~unit_bit(unit));
}

/* Whole pages go back to the system, which gives zeros in their place. */
static void release(struct memory_store *memory, uint64_t offset, uint64_t length)
{
	uint64_t end = offset + length;
	uint64_t first = sheaf_round_up(offset, memory->page_bytes);
	uint64_t last = sheaf_round_down(end, memory->page_bytes);

	if (first >= last || madvise(memory->bytes + first, last - first, MADV_DONTNEED) < 0) {
		memset(memory->bytes + offset, 0, length);
		return;
	}
	memset(memory->bytes + offset, 0, first - offset);
	memset(memory->bytes + last, 0, end - last);
}

static void put_status(const struct memory_store *memory, struct sheaf_store_io *io)
{
	uint64_t unit = io->offset / UNIT_BYTES;
	bool written = is_written(memory, unit);
	uint64_t end = io->offset + io->length;

	do {
		unit++;
	} while (unit * UNIT_BYTES < end && is_written(memory, unit) == written);
	io->extent_hole = !written;
	io->extent_bytes = sheaf_min64(unit * UNIT_BYTES, end) - io->offset;
}

static void work(struct memory_store *memory, struct sheaf_store_io *io)
{
	uint8_t *bytes = memory->bytes + io->offset;

	switch (io->op) {
	case SHEAF_STORE_READ:
		memcpy(io->data, bytes, io->length);
		break;
	case SHEAF_STORE_WRITE:
		memcpy(bytes, io->data, io->length);
		set_written(memory, io->offset, io->length);
		break;
	case SHEAF_STORE_FLUSH:
		break;
	case SHEAF_STORE_DISCARD:
		clear_written(memory, io->offset, io->length);
		release(memory, io->offset, io->length);
		break;
	case SHEAF_STORE_ZERO:
		memset(bytes, 0, io->length);
		set_written(memory, io->offset, io->length);
		break;
	case SHEAF_STORE_STATUS:
		put_status(memory, io);
		break;
	}
}

static void report(struct sheaf_op *op, int result)
{
	struct sheaf_store_io *io =
		(struct sheaf_store_io *)((char *)op - offsetof(struct sheaf_store_io, loop_op));

	io->done(io, result);
}

static void submit(struct sheaf_store *store, struct sheaf_loop *loop, struct sheaf_store_io *io)
{
	if (io->op != SHEAF_STORE_FLUSH) {
		assert(sheaf_range_within(io->offset, io->length, store->size_bytes));
		if (io->length > 0)
			work((struct memory_store *)store, io);
	}
	io->moved = io->length;
	io->loop_op.done = report;
	sheaf_loop_ready(loop, &io->loop_op, 0);
}

static void keep(struct sheaf_store *store, struct sheaf_loop *loop, struct sheaf_store_io *io)
{
	struct memory_store *memory = (struct memory_store *)store;

	assert(io->offset < SHEAF_STORE_NOTES && io->length <= SHEAF_STORE_KEPT_MAX);
	memcpy(memory->notes[io->offset].bytes, io->data, io->length);
	memory->notes[io->offset].length = io->length;
	io->loop_op.done = report;
	sheaf_loop_ready(loop, &io->loop_op, 0);
}

static int kept(struct sheaf_store *store, enum sheaf_store_note note, void *data, size_t room)
{
	const struct memory_store *memory = (const struct memory_store *)store;

	if (memory->notes[note].length > room)
		return -E2BIG;
	memcpy(data, memory->notes[note].bytes, memory->notes[note].length);
	return (int)memory->notes[note].length;
}

/* What the system has left for it nobody can tell. */
static void measure(struct sheaf_store *store, struct sheaf_loop *loop, struct sheaf_store_io *io)
{
	struct memory_store *memory = (struct memory_store *)store;
	struct sheaf_store_space *space = io->data;
	uint64_t words = store->size_bytes / UNIT_BYTES / WORD_BITS + 1, units = 0;

	for (uint64_t i = 0; i < words; i++)
		units += (uint64_t)__builtin_popcountll(atomic_load(&memory->written[i]));
	space->used_bytes = sheaf_min64(units * UNIT_BYTES, store->size_bytes);
	space->available_bytes = SHEAF_STORE_SPACE_UNKNOWN;
	io->loop_op.done = report;
	sheaf_loop_ready(loop, &io->loop_op, 0);
}

static struct sheaf_store *free_memory(struct sheaf_store *store)
{
	struct memory_store *memory = (struct memory_store *)store;

	if (memory->bytes)
		munmap(memory->bytes, memory->mapped_bytes);
	free(memory->written);
	free(store->name);
	free(memory);
	return NULL;
}

/* mmap() of nothing would fail, so the smallest store maps a page. */
static int map_bytes(struct memory_store *memory)
{
	uint64_t size = memory->store.size_bytes;
	void *bytes;

	if (size > SIZE_MAX / 2)
		return -ENOMEM;
	memory->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	memory->mapped_bytes = sheaf_round_up(size ? size : 1, memory->page_bytes);
	bytes = mmap(NULL, memory->mapped_bytes, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (bytes == MAP_FAILED)
		return -ENOMEM;
	memory->bytes = bytes;
	return 0;
}

int sheaf_memory_store_create(uint64_t size_bytes, struct sheaf_store **ret_store)
{
	struct memory_store *memory = calloc(1, sizeof(*memory));

	if (!memory)
		return -ENOMEM;
	memory->store = (struct sheaf_store){
		.ops = &memory_ops,
		.name = strdup("memory"),
		.size_bytes = size_bytes,
		.alignment_bytes = 1,
		.physical_block_bytes = UNIT_BYTES,
		.can_discard = true,
		.can_measure = true,
	};
	memory->written = calloc(size_bytes / UNIT_BYTES / WORD_BITS + 1, sizeof(*memory->written));
	if (!memory->store.name || !memory->written || map_bytes(memory) < 0) {
		free_memory(&memory->store);
		return -ENOMEM;
	}
	*ret_store = &memory->store;
	return 0;
}

uint8_t *sheaf_memory_store_bytes(struct sheaf_store *store)
{
	assert(store->ops == &memory_ops);
	return ((struct memory_store *)store)->bytes;
}

static const struct sheaf_store_ops memory_ops = {
	.name = "memory",
	.submit = submit,
	.keep = keep,
	.kept = kept,
	.measure = measure,
	.free = free_memory,
};
