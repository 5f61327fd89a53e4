/* SPDX-License-Identifier: MIT */
/* region.c - see region.h */
#include "seam/region.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "seam/lane.h"

#ifdef SHEAF_ASAN
#include <sanitizer/asan_interface.h>
#endif

#define PAGE 4096
/* More than anybody has; so that no size overflows. */
#define LANES_MAX	 4096
#define BUFFER_BYTES_MAX (UINT32_C(1) << 30)

/* Where everything lies, from slots, lanes and buffer_bytes; both sides compute it for themselves. */
static int lay_out(struct sheaf_region_geometry *g)
{
	if (g->slots == 0 || g->slots > SHEAF_SLOTS_MAX || g->lanes > LANES_MAX ||
	    g->buffer_bytes == 0 || g->buffer_bytes > BUFFER_BYTES_MAX)
		return -EINVAL;
	g->buffer_stride = sheaf_round_up(g->buffer_bytes, PAGE);
	g->lane_stride = sheaf_round_up(sheaf_lane_bytes(g->slots), PAGE);
	g->commands_offset = 0;
	g->responses_offset = sheaf_round_up(g->slots * sizeof(struct sheaf_task), PAGE);
	g->lanes_offset = g->responses_offset +
			  sheaf_round_up(g->slots * sizeof(struct sheaf_response), PAGE);
	g->stats_offset = g->lanes_offset + g->lanes * g->lane_stride;
	g->data_offset = g->stats_offset +
			 sheaf_round_up(SHEAF_REGION_WORKERS_MAX * SHEAF_REGION_STATS_BYTES, PAGE);
	g->bytes = g->data_offset + g->slots * g->buffer_stride;
	return 0;
}

int sheaf_region_create(const struct sheaf_region_geometry *geometry, struct sheaf_region *ret)
{
	struct sheaf_region_geometry g = *geometry;
	int r = lay_out(&g);

	if (r < 0)
		return r;

	int fd = memfd_create("sheaf-region", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)g.bytes) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	ret->fd = fd;
	ret->geometry = g;
	return 0;
}

int sheaf_region_adopt(int fd, const struct sheaf_region_geometry *geometry,
		       struct sheaf_region *ret)
{
	struct sheaf_region_geometry g = *geometry;
	int r = lay_out(&g), seals;
	struct stat st;

	if (r == 0 && fstat(fd, &st) < 0)
		r = -errno;
	if (r == 0 && (uint64_t)st.st_size != g.bytes)
		r = -EINVAL;
	seals = r == 0 ? fcntl(fd, F_GET_SEALS) : 0;
	if (r == 0 && (seals < 0 || !(seals & F_SEAL_SHRINK)))
		r = -EPERM;
	if (r < 0) {
		close(fd);
		return r;
	}
	ret->fd = fd;
	ret->geometry = g;
	return 0;
}

void sheaf_region_destroy(struct sheaf_region *region)
{
	if (region->fd >= 0)
		close(region->fd);
	region->fd = -1;
}

void sheaf_region_release(const struct sheaf_region *region, uint32_t first, uint32_t count)
{
	const struct sheaf_region_geometry *g = &region->geometry;

	/* Without success the memory stays: nothing that anybody needs to know. */
	(void)fallocate(region->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			(off_t)(g->data_offset + first * g->buffer_stride),
			(off_t)(count * g->buffer_stride));
}

bool sheaf_region_peek(const struct sheaf_region *region, uint32_t slot, struct sheaf_task *ret_task)
{
	off_t at = (off_t)(region->geometry.commands_offset + slot * sizeof(*ret_task));

	return pread(region->fd, ret_task, sizeof(*ret_task), at) == sizeof(*ret_task);
}

int sheaf_view_map(const struct sheaf_region *region, struct sheaf_view *ret)
{
	const struct sheaf_region_geometry *g = &region->geometry;
	uint8_t *base = mmap(NULL, g->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, region->fd, 0);

	if (base == MAP_FAILED)
		return -errno;
	ret->base = base;
	ret->geometry = *g;
	ret->commands = (struct sheaf_task *)(base + g->commands_offset);
	ret->responses = (struct sheaf_response *)(base + g->responses_offset);
	ret->data = base + g->data_offset;
	return 0;
}

void sheaf_view_unmap(struct sheaf_view *view)
{
	if (!view->base)
		return;
#ifdef SHEAF_ASAN
	__asan_unpoison_memory_region(view->base, view->geometry.bytes);
#endif
	munmap(view->base, view->geometry.bytes);
	view->base = NULL;
}

#ifdef SHEAF_ASAN
void sheaf_view_give(const struct sheaf_view *view, uint32_t slot)
{
	__asan_poison_memory_region(&view->commands[slot], sizeof(struct sheaf_task));
	__asan_poison_memory_region(&view->responses[slot], sizeof(struct sheaf_response));
	__asan_poison_memory_region(sheaf_view_buffer(view, slot), view->geometry.buffer_stride);
}

void sheaf_view_take(const struct sheaf_view *view, uint32_t slot)
{
	__asan_unpoison_memory_region(&view->commands[slot], sizeof(struct sheaf_task));
	__asan_unpoison_memory_region(&view->responses[slot], sizeof(struct sheaf_response));
	__asan_unpoison_memory_region(sheaf_view_buffer(view, slot), view->geometry.buffer_stride);
}
#endif
