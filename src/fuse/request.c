/* SPDX-License-Identifier: MIT */
/* request.c - the hot operations, step by step; see request.h. FALLOCATE and LSEEK are in extent.c. */
#include "fuse/request.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#include "base/bits.h"
#include "fuse/extent.h"
#include "fuse/finish.h"
#include "fuse/fuse.h"
#include "fuse/message.h"
#include "fuse/node.h"
#include "fuse/task.h"
#include "scsi/sense_errno.h"

/* A unit attention is news, not a failure, nor is another task's reset: the task is sent again, but not for ever. */
#define ATTENTION_RETRIES 5

static void add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

bool sheaf_request_is_hot(struct sheaf_fuse_queue *fq, const struct sheaf_request *request)
{
	const struct fuse_in_header *header = sheaf_request_header(request);

	switch (header->opcode) {
	case FUSE_IOCTL:
	case FUSE_READ:
	case FUSE_WRITE:
		return sheaf_disks_find(&fq->fuse->disks, header->nodeid) ||
		       sheaf_disks_find_sg(&fq->fuse->disks, header->nodeid);
	case FUSE_FLUSH:
	case FUSE_FSYNC:
	case FUSE_FALLOCATE:
	case FUSE_LSEEK:
		return sheaf_disks_find(&fq->fuse->disks, header->nodeid) != NULL;
	default:
		return false;
	}
}

static struct sheaf_gate_entry *gate_entry(struct sheaf_request *request)
{
	return &request->gates[request->file - request->fq->fuse->disks.files].entry;
}

/* Ends: the gate first, then the reply. */

void sheaf_leave_gate(struct sheaf_request *request)
{
	if (request->in_gate) {
		request->in_gate = false;
		sheaf_gate_leave(&request->file->gate, gate_entry(request));
	}
}

void sheaf_finish(struct sheaf_request *request, int error, const void *body, size_t body_bytes)
{
	sheaf_leave_gate(request);
	sheaf_transport_reply(request, error, body, body_bytes);
}

bool sheaf_failed(struct sheaf_request *request, const struct sheaf_result *result)
{
	int error = -sheaf_sense_to_errno(result->service_response, result->status, result->sense,
					 result->sense_length);

	if (error)
		sheaf_finish(request, error, NULL, 0);
	return error != 0;
}

static bool is_busy(const struct sheaf_result *result)
{
	return result->service_response == SHEAF_TASK_COMPLETE &&
	       (result->status == SHEAF_STATUS_BUSY || result->status == SHEAF_STATUS_TASK_SET_FULL);
}

void sheaf_request_ended(struct sheaf_request *request, const struct sheaf_result *result)
{
	/* Who sent the command himself wants to know. */
	if (!request->passed_on &&
	    (sheaf_result_unit_attention(result) || is_busy(result) || result->reset) &&
	    !result->quarantined && request->retries++ < ATTENTION_RETRIES) {
		sheaf_queue_retry(request->fq->queue, request->slot);
		return;
	}
	request->next(request, result);
}

/* Gate */

void sheaf_request_resume(struct sheaf_request *request)
{
	sheaf_loop_post(request->fq->loop, &request->resume_op);
}

static void resumed(struct sheaf_op *op, int result)
{
	struct sheaf_request *request =
		(struct sheaf_request *)((char *)op - offsetof(struct sheaf_request, resume_op));

	(void)result;
	request->after_gate(request);
}

/* From whichever thread made way: the request goes on on its own loop. */
static void granted(struct sheaf_gate_entry *entry)
{
	sheaf_request_resume(((struct sheaf_request_gate *)entry)->request);
}

static_assert(offsetof(struct sheaf_request_gate, entry) == 0, "granted() casts");

void sheaf_request_init(struct sheaf_request *request, struct sheaf_request_gate gates[])
{
	struct sheaf_disks *disks = &request->fq->fuse->disks;

	request->resume_op.done = resumed;
	request->gates = gates;
	for (unsigned i = 0; i < disks->count; i++) {
		gates[i].request = request;
		gates[i].entry.granted = granted;
		sheaf_gate_add(&disks->files[i].gate, &gates[i].entry);
	}
}

void sheaf_enter_gate(struct sheaf_request *request, bool exclusive,
		      void (*then)(struct sheaf_request *request))
{
	struct sheaf_range_gate *gate = &request->file->gate;
	struct sheaf_gate_entry *entry = gate_entry(request);

	request->in_gate = true;
	request->after_gate = then;
	if (exclusive ? sheaf_gate_enter_exclusive(gate, entry, request->from, request->to) :
			sheaf_gate_enter(gate, entry, request->from, request->to))
		then(request);
}

/* READ: whole blocks around what is asked for, in tasks of the longest length; the reply picks its part. */

static void read_done(struct sheaf_request *request, const struct sheaf_result *result);
static void begin_read(struct sheaf_request *request);

static void read_more(struct sheaf_request *request)
{
	uint64_t at = request->cursor - request->from;
	uint64_t n = sheaf_min64(request->to - request->cursor, sheaf_task_longest(request));

	sheaf_task_read(request, request->cursor, n, at, read_done);
}

static void read_done(struct sheaf_request *request, const struct sheaf_result *result)
{
	/* The disk has shrunk since the request came, so it is one for less. */
	if (!sheaf_result_good(result) && request->end > sheaf_disk_size(request->file)) {
		begin_read(request);
		return;
	}
	if (sheaf_failed(request, result))
		return;
	if (result->bytes_transferred != request->piece) {
		sheaf_finish(request, -EIO, NULL, 0);
		return;
	}
	request->cursor += request->piece;
	if (request->cursor < request->to) {
		read_more(request);
		return;
	}
	add(&request->file->stats.reads, 1);
	add(&request->file->stats.read_bytes, request->end - request->offset);
	sheaf_finish(request, 0,
		     sheaf_request_buffer(request) + (request->offset - request->from),
		     request->end - request->offset);
}

/* [offset, offset + length) outwards to whole blocks. */
static void set_range(struct sheaf_request *request, uint64_t offset, uint64_t length)
{
	uint32_t block = request->file->unit.block_size;

	request->offset = offset;
	request->end = offset + length;
	request->from = sheaf_round_down(offset, block);
	request->to = sheaf_round_up(request->end, block);
	request->cursor = request->from;
}

static void begin_read(struct sheaf_request *request)
{
	const struct fuse_read_in *in = sheaf_request_args(request);
	uint64_t size = sheaf_disk_size(request->file);
	uint64_t length = sheaf_min64(in->size, SHEAF_MAX_WRITE);

	/* Reads past the end are short. */
	if (in->offset >= size || length == 0) {
		sheaf_finish(request, 0, NULL, 0);
		return;
	}
	set_range(request, in->offset, sheaf_min64(length, size - in->offset));
	read_more(request);
}

/* WRITE */

static bool wants_fua(const struct sheaf_request *request)
{
	/* The flags of the open file; O_SYNC has the bit of O_DSYNC. */
	const struct fuse_write_in *in = sheaf_request_args(request);

	return in->flags & O_DSYNC;
}

static void write_done(struct sheaf_request *request, const struct sheaf_result *result);

static void write_more(struct sheaf_request *request)
{
	uint64_t n = sheaf_min64(request->to - request->cursor, sheaf_task_longest(request));

	sheaf_task_write(request, request->cursor, n, request->cursor - request->from,
			 wants_fua(request), write_done);
}

static void write_done(struct sheaf_request *request, const struct sheaf_result *result)
{
	/* Counted in any case: a failed write may have written something. */
	add(&request->file->written_count, 1);
	if (sheaf_failed(request, result))
		return;
	if (result->bytes_transferred != request->piece) { /* GOOD, and not all of it */
		sheaf_finish(request, -EIO, NULL, 0);
		return;
	}
	request->cursor += request->piece;
	if (request->cursor < request->to) {
		write_more(request);
		return;
	}
	request->body.write = (struct fuse_write_out){
		.size = (uint32_t)(request->end - request->offset),
	};
	add(&request->file->stats.writes, 1);
	add(&request->file->stats.written_bytes, request->body.write.size);
	sheaf_finish(request, 0, &request->body.write, sizeof(request->body.write));
}

/*
 * An odd write: its blocks at both ends are read first, under the gate. The payload is moved to its place once; the parts
 * of it that share a block with bytes to be read wait in request->edges meanwhile.
 */

static bool odd_head(const struct sheaf_request *request)
{
	return request->offset != request->from ||
	       (request->end != request->to &&
		request->to - request->from == request->file->unit.block_size);
}

static bool odd_tail(const struct sheaf_request *request)
{
	return request->end != request->to &&
	       request->to - request->from > request->file->unit.block_size;
}

static void tail_read(struct sheaf_request *request, const struct sheaf_result *result);

static void read_tail(struct sheaf_request *request)
{
	uint32_t block = request->file->unit.block_size;
	uint64_t last = request->to - block;

	if (!odd_tail(request)) {
		write_more(request);
		return;
	}
	memcpy(request->edges + block, sheaf_request_buffer(request) + (last - request->from), block);
	sheaf_task_read(request, last, block, last - request->from, tail_read);
}

static void tail_read(struct sheaf_request *request, const struct sheaf_result *result)
{
	uint32_t block = request->file->unit.block_size;
	uint64_t last = request->to - block;

	if (sheaf_failed(request, result))
		return;
	memcpy(sheaf_request_buffer(request) + (last - request->from), request->edges + block,
	       request->end - last);
	write_more(request);
}

static void head_read(struct sheaf_request *request, const struct sheaf_result *result)
{
	uint32_t block = request->file->unit.block_size;
	uint64_t head = request->offset - request->from;

	if (sheaf_failed(request, result))
		return;
	memcpy(sheaf_request_buffer(request) + head, request->edges + head,
	       sheaf_min64(block - head, request->end - request->offset));
	read_tail(request);
}

static void begin_odd_write(struct sheaf_request *request)
{
	uint32_t block = request->file->unit.block_size;
	uint8_t *buffer = sheaf_request_buffer(request);

	memmove(buffer + (request->offset - request->from), buffer, request->end - request->offset);
	if (!odd_head(request)) {
		read_tail(request);
		return;
	}
	memcpy(request->edges, buffer, block);
	sheaf_task_read(request, request->from, block, 0, head_read);
}

/* The disk may have shrunk while the request waited at the gate. True if the write goes on. */
static bool still_fits(struct sheaf_request *request)
{
	bool fits = request->end <= sheaf_disk_size(request->file);

	if (!fits)
		sheaf_finish(request, -ENOSPC, NULL, 0);
	return fits;
}

static void write_entered(struct sheaf_request *request)
{
	if (still_fits(request))
		write_more(request);
}

static void odd_write_entered(struct sheaf_request *request)
{
	if (still_fits(request))
		begin_odd_write(request);
}

static void begin_write(struct sheaf_request *request, size_t payload_bytes)
{
	const struct fuse_write_in *in = sheaf_request_args(request);

	if (in->size != payload_bytes || in->size > SHEAF_MAX_WRITE) {
		sheaf_finish(request, -EINVAL, NULL, 0);
		return;
	}
	if (request->file->unit.read_only) {
		sheaf_finish(request, -EROFS, NULL, 0);
		return;
	}
	/* As a whole: a short answer to asynchronous direct I/O becomes EIO in the kernel. */
	if (!sheaf_range_within(in->offset, in->size, sheaf_disk_size(request->file))) {
		sheaf_finish(request, -ENOSPC, NULL, 0);
		return;
	}
	set_range(request, in->offset, in->size);
	if (in->size == 0)
		sheaf_finish(request, 0, memset(&request->body.write, 0, sizeof(request->body.write)),
			     sizeof(request->body.write));
	else if (request->offset == request->from && request->end == request->to)
		sheaf_enter_gate(request, false, write_entered);
	else
		sheaf_enter_gate(request, true, odd_write_entered);
}

/* FLUSH and FSYNC: durable is what was answered before they came. */

static void sync_done(struct sheaf_request *request, const struct sheaf_result *result)
{
	struct sheaf_disk_file *file = request->file;
	uint64_t synced = atomic_load(&file->synced_count);

	if (sheaf_failed(request, result))
		return;
	while (synced < request->sync_mark &&
	       !atomic_compare_exchange_weak(&file->synced_count, &synced, request->sync_mark))
		;
	add(&file->stats.flushes, 1);
	sheaf_finish(request, 0, NULL, 0);
}

static void begin_sync(struct sheaf_request *request, bool only_if_written)
{
	struct sheaf_disk_file *file = request->file;

	request->sync_mark = atomic_load(&file->written_count);
	if (file->unit.read_only ||
	    (only_if_written && request->sync_mark == atomic_load(&file->synced_count))) {
		sheaf_finish(request, 0, NULL, 0);
		return;
	}
	sheaf_task_synchronize(request, sync_done);
}

void sheaf_request_begin(struct sheaf_request *request, size_t payload_bytes)
{
	const struct fuse_in_header *header = sheaf_request_header(request);

	request->file = sheaf_disks_find(&request->fq->fuse->disks, header->nodeid);
	request->retries = 0;
	request->passed_on = false;
	if (header->opcode == FUSE_IOCTL) {
		sheaf_node_begin(request);
		return;
	}
	if (!request->file) {
		sheaf_message_begin(request, payload_bytes);
		return;
	}
	assert(request->file && !request->in_gate);
	switch (header->opcode) {
	case FUSE_READ:
		begin_read(request);
		break;
	case FUSE_WRITE:
		begin_write(request, payload_bytes);
		break;
	case FUSE_FLUSH:
		begin_sync(request, true);
		break;
	case FUSE_FSYNC:
		begin_sync(request, false);
		break;
	case FUSE_FALLOCATE:
		sheaf_begin_fallocate(request);
		break;
	case FUSE_LSEEK:
		sheaf_begin_lseek(request);
		break;
	default:
		sheaf_finish(request, -ENOSYS, NULL, 0);
	}
}
