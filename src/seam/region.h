/* SPDX-License-Identifier: MIT */
/**
 * region.h - the shared memory between host and controller, and a side's view of it
 *
 * One memfd: command slots, response slots, the rings of all lanes, counters of worker loops that are in another process, the data area. It holds offsets and indices,
 * never a pointer. Each side maps it for itself (a view), within one process too, so that neither side can come
 * to depend on the other's addresses, and so that AddressSanitizer can guard the slots of each side apart.
 *
 *   1. Slot i: commands[i], responses[i], and buffer_bytes from data + i * buffer_stride.
 *   2. The geometry is the host's, fixed when the region is made; nobody reads it from shared memory.
 *   3. The file is sealed: it neither grows nor shrinks.
 */
#ifndef SHEAF_REGION_H
#define SHEAF_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/task.h>

#include "base/sanitizer.h"

/** Room around a slot's payload: a partial block before and one after, of the largest block size. */
#define SHEAF_BUFFER_MARGIN (2 * 4096)
#define SHEAF_SLOTS_MAX 4096

/** Counters of a worker loop: W: its process, relaxed; R: the host, for people to look at only. */
#define SHEAF_REGION_WORKERS_MAX 64
#define SHEAF_REGION_STATS_BYTES 128

struct sheaf_region_geometry {
	uint32_t slots;
	uint32_t lanes;
	size_t buffer_bytes; /* longest transfer of a task, margin included */
	/* Filled in by sheaf_region_create(): */
	size_t buffer_stride, commands_offset, responses_offset, lanes_offset, lane_stride, stats_offset,
		data_offset, bytes;
};

struct sheaf_region {
	int fd;
	struct sheaf_region_geometry geometry;
};

struct sheaf_view {
	uint8_t *base;
	struct sheaf_region_geometry geometry;
	struct sheaf_task *commands;
	struct sheaf_response *responses;
	uint8_t *data;
};

/** Where worker @worker's counters are, SHEAF_REGION_STATS_BYTES of them. */
static inline void *sheaf_view_worker_stats(const struct sheaf_view *view, unsigned worker)
{
	return view->base + view->geometry.stats_offset + (size_t)worker * SHEAF_REGION_STATS_BYTES;
}

/** Make a region. @geometry: slots 1..SHEAF_SLOTS_MAX, lanes, buffer_bytes. 0, -EINVAL, -ENOMEM, -errno. */
int sheaf_region_create(const struct sheaf_region_geometry *geometry, struct sheaf_region *ret);
/**
 * sheaf_region_adopt() - use a region that another process made
 * @fd: as it came from there; the region's from here on, also on failure.  @geometry: slots, lanes, buffer_bytes, as the other
 * process says; the rest is computed here, and the file must have the size that follows.
 * Return: 0; -EINVAL: out of range, or the file does not fit; -EPERM: it could shrink under us; -errno.
 */
int sheaf_region_adopt(int fd, const struct sheaf_region_geometry *geometry,
		       struct sheaf_region *ret);
void sheaf_region_destroy(struct sheaf_region *region);
/**
 * sheaf_region_release() - give the memory behind the buffers of @count slots from @first on back; they read as zeros then
 * Thread: the owner of all of them, on either side. None may be registered with io_uring or pinned otherwise: the kernel
 * would go on with pages that no view sees any more.
 */
void sheaf_region_release(const struct sheaf_region *region, uint32_t first, uint32_t count);
/**
 * sheaf_region_peek() - the command in @slot, whoever owns it: a copy through the file, for who looks in from outside
 * Thread: any. It may be torn, and hostile. False: the file cannot be read.
 */
bool sheaf_region_peek(const struct sheaf_region *region, uint32_t slot, struct sheaf_task *ret_task);
/** Map @region as one side's view. 0 or -errno. */
int sheaf_view_map(const struct sheaf_region *region, struct sheaf_view *ret);
void sheaf_view_unmap(struct sheaf_view *view);

static inline uint64_t sheaf_view_buffer_offset(const struct sheaf_view *view, uint32_t slot)
{
	return (uint64_t)slot * view->geometry.buffer_stride;
}

static inline uint8_t *sheaf_view_buffer(const struct sheaf_view *view, uint32_t slot)
{
	return view->data + sheaf_view_buffer_offset(view, slot);
}

/**
 * sheaf_view_give() - this side no longer owns @slot; sheaf_view_take() - it does
 * Under AddressSanitizer a touch outside ownership is then reported; otherwise they cost nothing.
 */
#ifdef SHEAF_ASAN
void sheaf_view_give(const struct sheaf_view *view, uint32_t slot);
void sheaf_view_take(const struct sheaf_view *view, uint32_t slot);
#else
static inline void sheaf_view_give(const struct sheaf_view *view, uint32_t slot)
{
	(void)view, (void)slot;
}
static inline void sheaf_view_take(const struct sheaf_view *view, uint32_t slot)
{
	(void)view, (void)slot;
}
#endif

#endif
