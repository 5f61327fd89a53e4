/* SPDX-License-Identifier: MIT */
/*
 * extent.c - see extent.h
 *
 * FALLOCATE runs along its range with request->cursor: partial blocks at the ends are read, zeroed in part and written; the
 * whole blocks between are unmapped (punch hole), zeroed (zero range), or, where they have no space yet, given some.
 */
#include "fuse/extent.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "fuse/finish.h"
#include "fuse/fuse.h"
#include "fuse/task.h"

static void fallocate_more(struct sheaf_request *request);

static void piece_done(struct sheaf_request *request, const struct sheaf_result *result)
{
	atomic_fetch_add_explicit(&request->file->written_count, 1, memory_order_relaxed);
	if (sheaf_failed(request, result))
		return;
	request->cursor += request->piece;
	fallocate_more(request);
}

/* The part of the block at the cursor that lies in the range becomes zeros. */
static void edge_read(struct sheaf_request *request, const struct sheaf_result *result)
{
	uint32_t block = request->file->unit.block_size;
	uint64_t begin = request->cursor;
	uint64_t from = begin > request->offset ? begin : request->offset;
	uint64_t to = sheaf_min64(begin + block, request->end);

	if (sheaf_failed(request, result))
		return;
	memset(sheaf_request_buffer(request) + (from - begin), 0, to - from);
	sheaf_task_write(request, begin, block, 0, false, piece_done);
}

/* Whole blocks from the cursor on, as many as @limit allows (0: no limit but the CDB's). */
static uint64_t whole_piece(const struct sheaf_request *request, uint64_t end, uint64_t limit_blocks)
{
	uint32_t block = request->file->unit.block_size;
	uint64_t most = limit_blocks ? limit_blocks : UINT32_MAX;

	return sheaf_min64(end - request->cursor, sheaf_min64(most, UINT32_MAX) * block);
}

static void zero_piece(struct sheaf_request *request, uint64_t end)
{
	sheaf_task_zero(request, request->cursor,
			whole_piece(request, end, request->file->unit.maximum_write_same_blocks),
			piece_done);
}

/* Plain allocation: what is a hole gets space, what has data is left alone. */
static void status_read(struct sheaf_request *request, const struct sheaf_result *result)
{
	struct sheaf_lba_extent extent;

	if (sheaf_failed(request, result))
		return;
	if (!sheaf_lba_extent(request, result, request->cursor, &extent)) {
		/* The disk is about to shrink: the file does first. */
		sheaf_finish(request, request->to > sheaf_disk_size(request->file) ? -ENOSPC : -EIO, NULL, 0);
		return;
	}
	extent.end = sheaf_min64(extent.end, request->to);
	if (!extent.mapped) {
		zero_piece(request, extent.end);
		return;
	}
	request->cursor = extent.end;
	fallocate_more(request);
}

static void fallocate_more(struct sheaf_request *request)
{
	uint32_t block = request->file->unit.block_size;
	const struct sheaf_unit *unit = &request->file->unit;
	uint64_t cursor = request->cursor;

	if (cursor >= request->to) {
		sheaf_finish(request, 0, NULL, 0);
		return;
	}
	if (!(request->mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))) {
		sheaf_task_lba_status(request, cursor, status_read);
		return;
	}
	if (cursor < request->offset || cursor + block > request->end) {
		sheaf_task_read(request, cursor, block, 0, edge_read);
		return;
	}
	uint64_t end = sheaf_round_down(request->end, block);

	if (request->mode & FALLOC_FL_PUNCH_HOLE && unit->provisioned)
		sheaf_task_unmap(request, cursor,
				 whole_piece(request, end, unit->maximum_unmap_blocks), piece_done);
	else
		zero_piece(request, end);
}

/* The modes that a block device has, and plain allocation; fallocate(2). */
static bool mode_known(uint32_t mode)
{
	switch (mode) {
	case 0:
	case FALLOC_FL_KEEP_SIZE:
	case FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE:
	case FALLOC_FL_ZERO_RANGE:
	case FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE:
		return true;
	default:
		return false;
	}
}

/* The disk may have shrunk while the request waited at the gate. */
static void fallocate_entered(struct sheaf_request *request)
{
	if (request->end > sheaf_disk_size(request->file))
		sheaf_finish(request, -ENOSPC, NULL, 0);
	else
		fallocate_more(request);
}

void sheaf_begin_fallocate(struct sheaf_request *request)
{
	const struct fuse_fallocate_in *in = sheaf_request_args(request);
	uint64_t size = sheaf_disk_size(request->file);
	uint64_t length = in->length;
	uint32_t block = request->file->unit.block_size;
	int error = 0;

	if (!mode_known(in->mode))
		error = -EOPNOTSUPP;
	else if (request->file->unit.read_only)
		error = -EROFS;
	else if (in->offset >= size)
		error = in->mode & FALLOC_FL_KEEP_SIZE ? -EINVAL : -ENOSPC;
	else if (!sheaf_range_within(in->offset, length, size) && !(in->mode & FALLOC_FL_KEEP_SIZE))
		error = -ENOSPC; /* it would grow, and a disk does not */
	if (error || length == 0) {
		sheaf_finish(request, error, NULL, 0);
		return;
	}
	request->mode = in->mode;
	request->offset = in->offset;
	request->end = in->offset + sheaf_min64(length, size - in->offset);
	request->from = request->cursor = sheaf_round_down(request->offset, block);
	request->to = sheaf_round_up(request->end, block);
	if (in->mode & FALLOC_FL_PUNCH_HOLE)
		atomic_fetch_add_explicit(&request->file->stats.unmaps, 1, memory_order_relaxed);
	/* Reading before writing needs the range for itself. */
	sheaf_enter_gate(request,
			 request->offset != request->from || request->end != request->to ||
				 !(in->mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)),
			 fallocate_entered);
}

/* LSEEK */

static void seek_done(struct sheaf_request *request, const struct sheaf_result *result)
{
	uint64_t size = sheaf_disk_size(request->file), found;
	struct sheaf_lba_extent extent;

	/* The disk has shrunk meanwhile: what is asked for may be past its end. */
	if (request->cursor >= size) {
		sheaf_begin_lseek(request);
		return;
	}
	if (sheaf_failed(request, result))
		return;
	if (!sheaf_lba_extent(request, result, request->cursor, &extent)) {
		sheaf_finish(request, -EIO, NULL, 0);
		return;
	}
	if (extent.mapped == (request->mode == SEEK_DATA)) {
		found = request->cursor > request->offset ? request->cursor : request->offset;
	} else if (extent.end < size) {
		request->cursor = extent.end;
		sheaf_task_lba_status(request, request->cursor, seek_done);
		return;
	} else if (request->mode == SEEK_HOLE) {
		found = size; /* the end of a file is a hole */
	} else {
		sheaf_finish(request, -ENXIO, NULL, 0);
		return;
	}
	request->body.lseek = (struct fuse_lseek_out){ .offset = found };
	sheaf_finish(request, 0, &request->body.lseek, sizeof(request->body.lseek));
}

void sheaf_begin_lseek(struct sheaf_request *request)
{
	const struct fuse_lseek_in *in = sheaf_request_args(request);

	if (in->whence != SEEK_DATA && in->whence != SEEK_HOLE) {
		sheaf_finish(request, -EINVAL, NULL, 0);
		return;
	}
	if (in->offset >= sheaf_disk_size(request->file)) {
		sheaf_finish(request, -ENXIO, NULL, 0);
		return;
	}
	request->mode = in->whence;
	request->offset = in->offset;
	request->cursor = sheaf_round_down(in->offset, request->file->unit.block_size);
	sheaf_task_lba_status(request, request->cursor, seek_done);
}
