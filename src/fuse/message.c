/* SPDX-License-Identifier: MIT */
/*
 * message.c - commands that are written to DIR/.sheaf/sg<i>; their bytes are those of scsi_message.h
 *
 *             pwrite()                 the command ended              pread()
 *   IDLE ---begin_write()---> RUNNING ---keep_answer()---> ANSWERED ---begin_read()---> READING ---> IDLE
 *     ^                          |                            ^                           |
 *     +-------refuse()-----------+                            +------- EMSGSIZE ----------+
 *
 *   1. The state is of the open file. Who brings it to RUNNING or READING, by compare and exchange, has the handle to itself until it
 *      leaves that state; so two threads, on two loops, cannot meet in it.
 *   2. A request is copied once out of the slot, which a driver in another process may write, and then checked.
 *   3. The command is a task in the slot of its write, with its data where the kernel put it. Its answer is copied into the handle, and from there
 *      into the slot of the read: replies are sent when the handle may be closed already.
 *   4. The kernel writes back shared mappings in nobody's name, which looks like root's. Such writes are no messages.
 *   5. Task management, and what is done about the page cache, may wait: a helper (caller.h) does it, which is claimed before the command
 *      is sent. No helper reaches into a caller's memory, so these are never stuck with those of SG_IO.
 */
#include "fuse/message.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "fuse/caller.h"
#include "fuse/finish.h"
#include "fuse/fuse.h"
#include "fuse/node.h"
#include "fuse/scsi_message.h"
#include "fuse/task.h"
#include "host/host.h"

static_assert(SHEAF_SCSI_MESSAGE_MAX == SHEAF_MAX_WRITE, "a message is one write, or one read");
static_assert(SHEAF_SCSI_CDB_MAX == sizeof(((struct sheaf_task *)0)->command_descriptor_block),
	      "what a task carries");
static_assert(SHEAF_SCSI_TARGET_RESET - SHEAF_SCSI_ABORT_TASK_SET == 4, "functions[]");

static const enum sheaf_task_management functions[SHEAF_SCSI_FUNCTIONS] = {
	[SHEAF_SCSI_ABORT_TASK_SET] = SHEAF_ABORT_TASK_SET,
	[SHEAF_SCSI_CLEAR_TASK_SET] = SHEAF_CLEAR_TASK_SET,
	[SHEAF_SCSI_CLEAR_ACA] = SHEAF_CLEAR_ACA,
	[SHEAF_SCSI_LOGICAL_UNIT_RESET] = SHEAF_LOGICAL_UNIT_RESET,
	[SHEAF_SCSI_TARGET_RESET] = SHEAF_TARGET_RESET,
};

static struct sheaf_node_handle *handle_of(const struct sheaf_request *request)
{
	/* fuse_read_in and fuse_write_in begin alike; it is what open answered. */
	const struct fuse_write_in *in = sheaf_request_args(request);

	return (struct sheaf_node_handle *)(uintptr_t)in->fh;
}

static bool enter(struct sheaf_node_handle *handle, int from, int to)
{
	return atomic_compare_exchange_strong(&handle->message_state, &from, to);
}

static void leave(struct sheaf_node_handle *handle, int to)
{
	atomic_store(&handle->message_state, to);
}

/* A message that was refused: the handle is as if it had not come. */
static void refuse(struct sheaf_request *request, int error)
{
	struct sheaf_caller *helper = request->caller;

	request->caller = NULL;
	if (helper)
		sheaf_caller_release(helper);
	leave(handle_of(request), SHEAF_MESSAGE_IDLE);
	sheaf_finish(request, error, NULL, 0);
}

void sheaf_message_given_up(struct sheaf_request *request)
{
	leave(handle_of(request), SHEAF_MESSAGE_IDLE);
	sheaf_finish(request, -ETIMEDOUT, NULL, 0);
}

/* Once a handle. */
static int make_room(struct sheaf_fuse *fuse, struct sheaf_node_handle *handle)
{
	void *room;

	if (handle->answer)
		return 0;
	if (atomic_fetch_add(&fuse->node_answers, 1) >= SHEAF_MESSAGE_ANSWERS_MAX) {
		atomic_fetch_sub(&fuse->node_answers, 1);
		return -EBUSY;
	}
	room = mmap(NULL, SHEAF_SCSI_MESSAGE_MAX, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (room == MAP_FAILED) {
		atomic_fetch_sub(&fuse->node_answers, 1);
		return -ENOMEM;
	}
	handle->answer = room;
	return 0;
}

void sheaf_message_close(struct sheaf_fuse *fuse, struct sheaf_node_handle *handle)
{
	if (!handle->answer)
		return;
	munmap(handle->answer, SHEAF_SCSI_MESSAGE_MAX);
	atomic_fetch_sub(&fuse->node_answers, 1);
}

/* Writes */

static bool is_zero(const void *bytes, size_t n)
{
	const uint8_t *at = bytes;

	while (n && *at == 0)
		at++, n--;
	return n == 0;
}

/* (2) Everything about it that does not depend on anything else. */
static int check(const struct sheaf_scsi_request *m, size_t payload_bytes)
{
	uint64_t bytes = m->data_out_bytes ? SHEAF_SCSI_DATA_OFFSET + (uint64_t)m->data_out_bytes
					   : sizeof(*m);

	if (m->magic != SHEAF_SCSI_MAGIC)
		return -EINVAL;
	if (m->version != SHEAF_SCSI_VERSION || m->header_bytes != sizeof(*m))
		return -EPROTONOSUPPORT;
	if (payload_bytes != bytes || m->data_in_bytes > SHEAF_SCSI_DATA_MAX ||
	    (m->data_in_bytes && m->data_out_bytes) || !is_zero(m->zero, sizeof(m->zero)) ||
	    !is_zero(m->zero_56, sizeof(m->zero_56)))
		return -EINVAL;
	if (m->function >= SHEAF_SCSI_FUNCTIONS)
		return -EINVAL;
	if (m->function != SHEAF_SCSI_COMMAND)
		return m->data_out_bytes || m->data_in_bytes || m->cdb_length || m->attribute ||
				       !is_zero(m->cdb, sizeof(m->cdb))
			       ? -EINVAL
			       : 0;
	if (m->cdb_length < 6 || m->cdb_length > SHEAF_SCSI_CDB_MAX ||
	    m->attribute > SHEAF_ATTRIBUTE_ACA)
		return -EINVAL;
	return 0;
}

/* To be read; the write was as long as it said. */
static void answer(struct sheaf_request *request)
{
	const struct fuse_write_in *in = sheaf_request_args(request);
	struct sheaf_caller *helper = request->caller;

	request->caller = NULL;
	if (helper)
		sheaf_caller_release(helper);
	request->body.write = (struct fuse_write_out){ .size = in->size };
	leave(handle_of(request), SHEAF_MESSAGE_ANSWERED);
	sheaf_finish(request, 0, &request->body.write, sizeof(request->body.write));
}

/* @data: of m->data_in_bytes; NULL: there are none. */
static void keep_answer(struct sheaf_node_handle *handle, struct sheaf_scsi_answer *m,
			const void *data)
{
	m->magic = SHEAF_SCSI_MAGIC;
	m->version = SHEAF_SCSI_VERSION;
	m->header_bytes = sizeof(*m);
	m->tag = handle->message.tag;
	memcpy(handle->answer, m, sizeof(*m));
	if (data)
		memcpy(handle->answer + sizeof(*m), data, m->data_in_bytes);
	handle->answer_bytes = (uint32_t)sizeof(*m) + m->data_in_bytes;
}

/* The message is a command. */
static bool may_write(struct sheaf_request *request)
{
	return !request->file->unit.read_only && sheaf_sg_may_write(handle_of(request)->message.cdb);
}

static int forget_pages(struct sheaf_caller *helper)
{
	fuse_lowlevel_notify_inval_inode(helper->stale_session, helper->stale_node, 0, 0);
	return 0;
}

static void pages_forgotten(struct sheaf_request *request)
{
	sheaf_node_worked(request);
	answer(request);
}

static void command_ended(struct sheaf_request *request, const struct sheaf_result *result)
{
	struct sheaf_fuse *fuse = request->fq->fuse;
	struct sheaf_caller *helper = request->caller;
	bool complete = result->service_response == SHEAF_TASK_COMPLETE;
	bool reads = handle_of(request)->message.data_in_bytes && complete && !result->quarantined;
	struct sheaf_scsi_answer m = {
		.service_response = result->service_response,
		.status = result->status,
		.data_in_bytes = reads ? (uint32_t)result->bytes_transferred : 0,
		.residual = (uint32_t)(request->piece - (complete ? result->bytes_transferred : 0)),
		.duration_us = (uint32_t)((sheaf_clock_ns() - request->cursor) / 1000),
	};

	sheaf_leave_gate(request);
	if (may_write(request))
		atomic_fetch_add_explicit(&request->file->written_count, 1, memory_order_relaxed);
	if (complete && result->status == SHEAF_STATUS_CHECK_CONDITION) {
		m.sense_bytes = result->sense_length;
		memcpy(m.sense, result->sense, result->sense_length);
	}
	keep_answer(handle_of(request), &m, reads ? sheaf_request_buffer(request) : NULL);
	if (!helper) {
		answer(request);
		return;
	}
	helper->stale_session = fuse->session;
	helper->stale_node = SHEAF_NODE_DISK0 + (uint64_t)(request->file - fuse->disks.files);
	sheaf_node_run(request, forget_pages, pages_forgotten);
}

static void send_command(struct sheaf_request *request)
{
	const struct sheaf_scsi_request *m = &handle_of(request)->message;
	const struct sheaf_passed_on command = {
		.cdb = m->cdb,
		.cdb_length = m->cdb_length,
		.direction = m->data_out_bytes	? SHEAF_TRANSFER_TO_TARGET
			     : m->data_in_bytes ? SHEAF_TRANSFER_FROM_TARGET
						: SHEAF_TRANSFER_NONE,
		.attribute = m->attribute,
		.bytes = m->data_out_bytes + m->data_in_bytes,
		.at = m->data_out_bytes ? SHEAF_SCSI_DATA_OFFSET : 0,
		.timeout_ms = m->timeout_ms,
	};

	request->cursor = sheaf_clock_ns();
	sheaf_task_pass_on(request, &command, command_ended);
}

static void begin_command(struct sheaf_request *request)
{
	/* As for SG_IO: no read-modify-write of the mount's is half done meanwhile. */
	request->from = 0;
	request->to = sheaf_disk_size(request->file);
	sheaf_enter_gate(request, false, send_command);
}

static int manage(struct sheaf_caller *helper)
{
	return (int)sheaf_host_task_management(helper->host, helper->function, helper->target_id,
					       helper->lun, 0);
}

static void managed(struct sheaf_request *request)
{
	struct sheaf_scsi_answer m = {
		.service_response = (uint32_t)sheaf_node_worked(request),
		.duration_us = (uint32_t)((sheaf_clock_ns() - request->cursor) / 1000),
	};

	keep_answer(handle_of(request), &m, NULL);
	answer(request);
}

static void begin_management(struct sheaf_request *request)
{
	struct sheaf_caller *helper = request->caller;

	helper->host = request->fq->fuse->host;
	helper->function = functions[handle_of(request)->message.function];
	helper->target_id = request->file->unit.target_id;
	helper->lun = request->file->unit.lun;
	request->cursor = sheaf_clock_ns();
	sheaf_node_run(request, manage, managed);
}

/* The handle is in RUNNING. 0, or what who wrote is told. */
static int take_message(struct sheaf_request *request, size_t payload_bytes)
{
	struct sheaf_fuse *fuse = request->fq->fuse;
	struct sheaf_node_handle *handle = handle_of(request);
	struct sheaf_scsi_request *m = &handle->message;
	int r;

	if (payload_bytes < sizeof(*m))
		return -EINVAL;
	memcpy(m, sheaf_request_buffer(request), sizeof(*m));
	r = check(m, payload_bytes);
	if (r == 0)
		r = make_room(fuse, handle);
	if (r < 0)
		return r;
	if (m->function != SHEAF_SCSI_COMMAND || (fuse->cache && may_write(request))) {
		request->caller = fuse->helpers ? sheaf_callers_claim(fuse->helpers, 0) : NULL;
		if (!request->caller)
			return -EBUSY;
	}
	return 0;
}

static void begin_write(struct sheaf_request *request, size_t payload_bytes)
{
	const struct fuse_write_in *in = sheaf_request_args(request);
	struct sheaf_node_handle *handle = handle_of(request);
	int r;

	/* (4) */
	if (in->write_flags & FUSE_WRITE_CACHE || in->offset != 0 || in->size != payload_bytes ||
	    payload_bytes > SHEAF_SCSI_MESSAGE_MAX) {
		sheaf_finish(request, -EINVAL, NULL, 0);
		return;
	}
	if (!enter(handle, SHEAF_MESSAGE_IDLE, SHEAF_MESSAGE_RUNNING)) {
		sheaf_finish(request, -EBUSY, NULL, 0);
		return;
	}
	r = take_message(request, payload_bytes);
	if (r < 0)
		refuse(request, r);
	else if (handle->message.function == SHEAF_SCSI_COMMAND)
		begin_command(request);
	else
		begin_management(request);
}

/* Reads */

static void begin_read(struct sheaf_request *request)
{
	const struct fuse_read_in *in = sheaf_request_args(request);
	struct sheaf_node_handle *handle = handle_of(request);
	uint32_t bytes;

	if (in->offset != 0) {
		sheaf_finish(request, -EINVAL, NULL, 0);
		return;
	}
	if (!enter(handle, SHEAF_MESSAGE_ANSWERED, SHEAF_MESSAGE_READING)) {
		sheaf_finish(request,
			     atomic_load(&handle->message_state) == SHEAF_MESSAGE_IDLE ? 0 : -EBUSY,
			     NULL, 0);
		return;
	}
	bytes = handle->answer_bytes;
	if (in->size < bytes) {
		leave(handle, SHEAF_MESSAGE_ANSWERED);
		sheaf_finish(request, -EMSGSIZE, NULL, 0);
		return;
	}
	memcpy(sheaf_request_buffer(request), handle->answer, bytes);
	leave(handle, SHEAF_MESSAGE_IDLE);
	sheaf_finish(request, 0, sheaf_request_buffer(request), bytes);
}

void sheaf_message_begin(struct sheaf_request *request, size_t payload_bytes)
{
	const struct fuse_in_header *header = sheaf_request_header(request);

	request->file = sheaf_disks_find_sg(&request->fq->fuse->disks, header->nodeid);
	assert(!request->caller && !request->in_gate);
	if (!sheaf_node_may(request))
		sheaf_finish(request, -EPERM, NULL, 0);
	else if (header->opcode == FUSE_WRITE)
		begin_write(request, payload_bytes);
	else
		begin_read(request);
}
