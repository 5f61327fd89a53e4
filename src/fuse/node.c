/* SPDX-License-Identifier: MIT */
/*
 * node.c - ioctl() on DIR/.sheaf/sg<i> (SG_IO and its kin), and what block devices answer on the disk files
 *
 * The kernel passes on the number, the raw argument and the caller's thread id. The way of a command:
 *
 *   loop      begin_call()     may this caller, is there room
 *   caller's  read_command()   header, CDB, scatter list and data out of the caller's memory
 *   loop      send_command()   a task in the request's own slot, with the bundles; in the gate, against read-modify-writes
 *   caller's  write_outcome()  data, sense and status into the caller's memory
 *   loop      end_call()       the reply, in the entry that the request came in
 *
 *   1. A loop never touches a caller's memory, and a caller's thread (caller.h) never a slot.
 *   2. At most SHEAF_CALLERS_MAX calls at a time, and of a queue's entries a quarter, but one: a stalled caller holds its entry.
 *      More are EBUSY at once.
 *   3. A caller's thread that makes no progress for STALLED_NS is left to itself, and its ioctl() fails.
 *   4. All that a process_vm_*() call reads or writes is done before the reply; the thread id is good until then, or until the
 *      connection ends: then no further call begins.
 */
#include "fuse/node.h"

#include <assert.h>
#include <errno.h>
#include <fuse_lowlevel.h>
#include <linux/fs.h>
#include <pthread.h>
#include <scsi/scsi_ioctl.h>
#include <scsi/sg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/log.h"
#include "fuse/caller.h"
#include "fuse/finish.h"
#include "fuse/fuse.h"
#include "fuse/message.h"
#include "fuse/task.h"

#define STALLED_NS    UINT64_C(10000000000)
#define TICK_NS	      UINT64_C(1000000000)
#define REFUSALS_SAID 8
#define VERSION_NUMBER	  30536 /* as the kernel's sg has it; tools want 30000 or more */
#define TICKS_A_SECOND	  100	/* USER_HZ */
#define TIMEOUT_DEFAULT	  (60 * TICKS_A_SECOND)
/* Source: the kernel's include/scsi/scsi_ioctl.h and include/uapi/linux/fs.h, where glibc's headers lack them. */
#ifndef SCSI_IOCTL_GET_BUS_NUMBER
#define SCSI_IOCTL_GET_BUS_NUMBER 0x5386
#endif
#ifndef SCSI_IOCTL_GET_IDLUN
#define SCSI_IOCTL_GET_IDLUN 0x5382
#endif
#ifndef SG_SCSI_RESET_TARGET
#define SG_SCSI_RESET_TARGET 4
#endif
#define RESET_NO_ESCALATE 0x100

static_assert(SHEAF_CALLER_BUFFER_BYTES == SHEAF_MAX_WRITE,
	      "what a slot takes is what a caller may send");

/* Guards the list of open nodes. */
static pthread_mutex_t nodes_lock = PTHREAD_MUTEX_INITIALIZER;

struct sheaf_node_handle *sheaf_node_open(struct sheaf_fuse *fuse)
{
	struct sheaf_node_handle *handle = calloc(1, sizeof(*handle));

	if (!handle)
		return NULL;
	atomic_init(&handle->timeout, TIMEOUT_DEFAULT);
	pthread_mutex_lock(&nodes_lock);
	handle->next = fuse->nodes;
	handle->link = &fuse->nodes;
	if (handle->next)
		handle->next->link = &handle->next;
	fuse->nodes = handle;
	pthread_mutex_unlock(&nodes_lock);
	return handle;
}

void sheaf_node_close(struct sheaf_fuse *fuse, struct sheaf_node_handle *handle)
{
	pthread_mutex_lock(&nodes_lock);
	*handle->link = handle->next;
	if (handle->next)
		handle->next->link = handle->link;
	pthread_mutex_unlock(&nodes_lock);
	sheaf_message_close(fuse, handle);
	free(handle);
}

void sheaf_nodes_close_all(struct sheaf_fuse *fuse)
{
	while (fuse->nodes)
		sheaf_node_close(fuse, fuse->nodes);
}

static const struct fuse_ioctl_in *args_of(const struct sheaf_request *request)
{
	return sheaf_request_args(request);
}

static bool is_narrow(const struct sheaf_request *request)
{
	return sizeof(void *) == sizeof(uint32_t) || args_of(request)->flags & FUSE_IOCTL_32BIT;
}

/* Ends */

static void reply(struct sheaf_request *request, int error, int32_t result)
{
	request->body.ioctl.ioctl = (struct fuse_ioctl_out){ .result = result };
	sheaf_finish(request, error, &request->body.ioctl.ioctl, sizeof(request->body.ioctl.ioctl));
}

static void end_call(struct sheaf_request *request, int error)
{
	struct sheaf_caller *caller = request->caller;

	request->caller = NULL;
	request->fq->node_calls--;
	sheaf_caller_release(caller);
	reply(request, error, 0);
}

/* Who may */

static void say_refusal(struct sheaf_request *request, const char *why)
{
	const struct fuse_in_header *header = sheaf_request_header(request);

	if (atomic_fetch_add_explicit(&request->fq->fuse->node_refusals, 1, memory_order_relaxed) >=
	    REFUSALS_SAID)
		return;
	if (header->opcode == FUSE_IOCTL)
		sheaf_warning("ioctl 0x%x by thread %u of user %u is refused: %s",
			      args_of(request)->cmd, header->pid, header->uid, why);
	else
		sheaf_warning("a SCSI command by thread %u of user %u is refused: %s", header->pid,
			      header->uid, why);
}

bool sheaf_node_may(struct sheaf_request *request)
{
	const struct fuse_in_header *header = sheaf_request_header(request);

	/* The file's mode is not enough: a descriptor can be passed on. */
	if (header->uid == 0 || header->uid == request->fq->fuse->disks.uid ||
	    header->uid == geteuid())
		return true;
	say_refusal(request, "only the owner of the mount and root may");
	return false;
}

static bool may_call(struct sheaf_request *request)
{
	if (!sheaf_node_may(request))
		return false;
	if (sheaf_request_header(request)->pid == 0) {
		say_refusal(request,
			    "its process is not visible in the PID namespace of the mount");
		return false;
	}
	return true;
}

/* What a quarter of the entries is, of those that one submitter's requests can come in. */
static unsigned calls_max(const struct sheaf_request *request)
{
	const struct sheaf_fuse_queue *fq = request->fq;
	unsigned entries = request->entry ? sheaf_fuse_ring_depth(fq->ring) : fq->queue->slot_count;

	return entries / 4 ? entries / 4 : 1;
}

/* Caller's threads */

static void came_back(void *arg)
{
	sheaf_request_resume(arg);
}

static void arm_tick(struct sheaf_fuse_queue *fq)
{
	if (fq->node_tick_armed)
		return;
	fq->node_tick_armed = true;
	sheaf_loop_timer(fq->loop, &fq->node_tick, TICK_NS);
}

void sheaf_node_run(struct sheaf_request *request, int (*work)(struct sheaf_caller *caller),
		    void (*then)(struct sheaf_request *request))
{
	request->after_gate = then;
	request->fq->node_working++;
	arm_tick(request->fq);
	sheaf_caller_run(request->caller, work, came_back, request);
}

int sheaf_node_worked(struct sheaf_request *request)
{
	int result = request->caller->result;

	request->fq->node_working--;
	if (result == -EPERM && sheaf_request_header(request)->opcode == FUSE_IOCTL)
		say_refusal(request,
			    "the system does not let this server (its user, without "
			    "CAP_SYS_PTRACE) at the "
			    "memory of that process; run it as the user and group of the mount");
	return result;
}

/* (3) */
static void tick_done(struct sheaf_op *op, int result)
{
	struct sheaf_fuse_queue *fq =
		(struct sheaf_fuse_queue *)((char *)op -
					    offsetof(struct sheaf_fuse_queue, node_tick));

	(void)result;
	fq->node_tick_armed = false;
	for (unsigned i = 0; fq->node_working && i < fq->queue->host->slots; i++) {
		struct sheaf_request *request = fq->fuse->requests[i];

		if (!sheaf_queue_owns(fq->queue, (uint16_t)i) || !request->caller ||
		    !sheaf_caller_abandon(request->caller, STALLED_NS))
			continue;
		request->caller = NULL;
		fq->node_working--;
		if (sheaf_request_header(request)->opcode != FUSE_IOCTL) {
			sheaf_message_given_up(request);
			continue;
		}
		say_refusal(request, "its memory could not be reached in time");
		fq->node_calls--;
		reply(request, -ETIMEDOUT, 0);
	}
	if (fq->node_working)
		arm_tick(fq);
}

void sheaf_node_init(struct sheaf_fuse_queue *fq)
{
	fq->node_tick.done = tick_done;
}

/* Claim a caller's thread; false: the request was answered. */
static bool begin_call(struct sheaf_request *request)
{
	struct sheaf_fuse_queue *fq = request->fq;
	struct sheaf_caller *caller = NULL;

	if (!may_call(request)) {
		reply(request, -EPERM, 0);
		return false;
	}
	if (fq->fuse->callers && fq->node_calls < calls_max(request))
		caller = sheaf_callers_claim(fq->fuse->callers,
					     (pid_t)sheaf_request_header(request)->pid);
	if (!caller) {
		reply(request, -EBUSY, 0);
		return false;
	}
	fq->node_calls++;
	caller->argument = args_of(request)->arg;
	caller->stale_session = NULL;
	request->caller = caller;
	return true;
}

/* SG_IO: on the caller's thread */

static int copy_data(struct sheaf_caller *caller, bool read, uint32_t bytes)
{
	const struct sheaf_sg_command *c = &caller->command;
	struct iovec vector[SHEAF_SG_VECTOR_MAX];
	uint8_t raw[SHEAF_SG_VECTOR_MAX * SHEAF_SG_VECTOR_ELEMENT];
	unsigned count = 0;
	int r;

	if (c->vector_count == 0)
		return read ? sheaf_caller_read(caller, c->data, caller->buffer, bytes)
			    : sheaf_caller_write(caller, c->data, caller->buffer, bytes);
	r = sheaf_caller_read(caller, c->data, raw,
			      c->vector_count * (c->narrow ? SHEAF_SG_VECTOR_ELEMENT / 2u
							   : SHEAF_SG_VECTOR_ELEMENT));
	if (r < 0)
		return r;
	/* A list that has shrunk since it was measured is a fault of the caller's. */
	if (sheaf_sg_decode_vector(raw, c->vector_count, c->narrow, bytes, vector, &count) < bytes)
		return -EFAULT;
	return read ? sheaf_caller_read_vector(caller, vector, count, caller->buffer, bytes)
		    : sheaf_caller_write_vector(caller, vector, count, caller->buffer, bytes);
}

/* A scatter list that is shorter than dxfer_len is the transfer's length. */
static int measure_vector(struct sheaf_caller *caller)
{
	struct sheaf_sg_command *c = &caller->command;
	struct iovec vector[SHEAF_SG_VECTOR_MAX];
	uint8_t raw[SHEAF_SG_VECTOR_MAX * SHEAF_SG_VECTOR_ELEMENT];
	unsigned count;
	int r = sheaf_caller_read(caller, c->data, raw,
				  c->vector_count * (c->narrow ? SHEAF_SG_VECTOR_ELEMENT / 2u
							       : SHEAF_SG_VECTOR_ELEMENT));

	if (r < 0)
		return r;
	c->length =
		sheaf_sg_decode_vector(raw, c->vector_count, c->narrow, c->length, vector, &count);
	return c->length ? 0 : -EINVAL;
}

static int read_command(struct sheaf_caller *caller)
{
	struct sheaf_sg_command *c = &caller->command;
	uint8_t header[SHEAF_SG_HEADER_MAX];
	bool narrow = c->narrow;
	int r = sheaf_caller_read(caller, caller->argument, header, sheaf_sg_header_bytes(narrow));

	if (r == 0)
		r = sheaf_sg_decode(header, narrow, SHEAF_CALLER_BUFFER_BYTES, c);
	memset(caller->cdb, 0, sizeof(caller->cdb));
	if (r == 0)
		r = sheaf_caller_read(caller, c->cdb, caller->cdb, c->cdb_length);
	if (r == 0 && c->vector_count)
		r = measure_vector(caller);
	if (r < 0)
		return r;
	if (c->direction == SHEAF_TRANSFER_TO_TARGET) {
		if (c->moves)
			r = copy_data(caller, true, c->length);
		else
			memset(caller->buffer, 0, c->length);
	}
	return r;
}

static int write_outcome(struct sheaf_caller *caller)
{
	const struct sheaf_sg_command *c = &caller->command;
	uint8_t bytes[SHEAF_SG_OUTCOME_BYTES];
	int r = 0;

	/* The page cache first: who sees the outcome reads the new data. Never on a loop, which the pages may be waiting for. */
	if (caller->stale_session)
		fuse_lowlevel_notify_inval_inode(caller->stale_session, caller->stale_node, 0, 0);
	if (c->moves && caller->moved)
		r = copy_data(caller, false, caller->moved);
	if (r == 0)
		r = sheaf_caller_write(caller, c->sense, caller->sense,
				       caller->outcome.sense_length);
	sheaf_sg_encode(&caller->outcome, bytes);
	if (r == 0)
		r = sheaf_caller_write(caller,
				       caller->argument + sheaf_sg_outcome_offset(c->narrow), bytes,
				       sizeof(bytes));
	return r;
}

/* SG_IO: on the loop */

/* (4) With the connection the ioctl() has ended, and its memory is its owner's again, or its thread id somebody else's. */
static bool end_if_gone(struct sheaf_request *request)
{
	if (!atomic_load(&request->fq->fuse->gone))
		return false;
	end_call(request, -ENOTCONN);
	return true;
}

static void wrote_outcome(struct sheaf_request *request)
{
	end_call(request, sheaf_node_worked(request));
}

static void command_ended(struct sheaf_request *request, const struct sheaf_result *result)
{
	struct sheaf_caller *caller = request->caller;
	const struct sheaf_sg_command *c = &caller->command;
	struct sheaf_fuse *fuse = request->fq->fuse;
	bool writes = !request->file->unit.read_only && sheaf_sg_may_write(caller->cdb);
	bool complete = result->service_response == SHEAF_TASK_COMPLETE;
	uint8_t sense = complete && result->status == SHEAF_STATUS_CHECK_CONDITION
				? result->sense_length
				: 0;

	sheaf_leave_gate(request);
	if (writes)
		atomic_fetch_add_explicit(&request->file->written_count, 1, memory_order_relaxed);
	if (end_if_gone(request))
		return;
	if (sense > SHEAF_SG_SENSE_MAX)
		sense = SHEAF_SG_SENSE_MAX;
	caller->outcome = (struct sheaf_sg_outcome){
		.status = complete ? (uint8_t)result->status : 0,
		.host_status = sheaf_sg_host_status(result->service_response, result->status),
		.sense_valid = sense > 0,
		.sense_length = !c->sense		? 0
				: sense < c->sense_room ? sense
							: c->sense_room,
		.resid = (int32_t)(c->length - (complete ? result->bytes_transferred : 0)),
		.duration_ms =
			(uint32_t)((sheaf_loop_now(request->fq->loop) - request->cursor) / 1000000),
	};
	memcpy(caller->sense, result->sense, sense);
	caller->moved = 0;
	if (c->direction == SHEAF_TRANSFER_FROM_TARGET && complete && !result->quarantined) {
		caller->moved = (uint32_t)result->bytes_transferred;
		memcpy(caller->buffer, sheaf_request_buffer(request), caller->moved);
	}
	if (fuse->cache && writes) {
		caller->stale_session = fuse->session;
		caller->stale_node =
			SHEAF_NODE_DISK0 + (uint64_t)(request->file - fuse->disks.files);
	}
	sheaf_node_run(request, write_outcome, wrote_outcome);
}

static void send_command(struct sheaf_request *request)
{
	const struct sheaf_caller *caller = request->caller;
	const struct sheaf_sg_command *c = &caller->command;

	if (c->direction == SHEAF_TRANSFER_TO_TARGET)
		memcpy(sheaf_request_buffer(request), caller->buffer, c->length);
	request->cursor = sheaf_loop_now(request->fq->loop);
	sheaf_task_pass_on(request,
			   &(struct sheaf_passed_on){
				   .cdb = caller->cdb,
				   .cdb_length = c->cdb_length,
				   .direction = c->direction,
				   .bytes = c->length,
				   .timeout_ms = c->timeout_ms,
			   },
			   command_ended);
}

static void got_command(struct sheaf_request *request)
{
	int r = sheaf_node_worked(request);

	if (r < 0) {
		end_call(request, r);
		return;
	}
	if (end_if_gone(request))
		return;
	/* Whatever the command does, no read-modify-write of the mount's is half done meanwhile. */
	request->from = 0;
	request->to = sheaf_disk_size(request->file);
	sheaf_enter_gate(request, false, send_command);
}

static void begin_sg_io(struct sheaf_request *request)
{
	if (!begin_call(request))
		return;
	request->caller->command.narrow = is_narrow(request);
	sheaf_node_run(request, read_command, got_command);
}

/* The others: an answer that is written where the argument points to, or an int that is read there. */

static int write_answer(struct sheaf_caller *caller)
{
	return sheaf_caller_write(caller, caller->argument, caller->buffer, caller->moved);
}

static void answered(struct sheaf_request *request)
{
	end_call(request, sheaf_node_worked(request));
}

static void answer(struct sheaf_request *request, const void *value, size_t bytes)
{
	if (!begin_call(request))
		return;
	memcpy(request->caller->buffer, value, bytes);
	request->caller->moved = (uint32_t)bytes;
	sheaf_node_run(request, write_answer, answered);
}

static void answer_int(struct sheaf_request *request, int value)
{
	answer(request, &value, sizeof(value));
}

static void answer_short(struct sheaf_request *request, uint64_t value)
{
	uint16_t bounded = value > UINT16_MAX ? UINT16_MAX : (uint16_t)value;

	answer(request, &bounded, sizeof(bounded));
}

static int read_int(struct sheaf_caller *caller)
{
	return sheaf_caller_read(caller, caller->argument, caller->buffer, sizeof(int));
}

static int int_of(const struct sheaf_caller *caller)
{
	int value;

	memcpy(&value, caller->buffer, sizeof(value));
	return value;
}

static void got_timeout(struct sheaf_request *request)
{
	struct sheaf_node_handle *handle =
		(struct sheaf_node_handle *)(uintptr_t)args_of(request)->fh;
	int r = sheaf_node_worked(request), timeout = int_of(request->caller);

	if (r == 0 && timeout < 0)
		r = -EIO; /* as the kernel's sg */
	if (r == 0)
		atomic_store(&handle->timeout, timeout);
	end_call(request, r);
}

static void got_reserved_size(struct sheaf_request *request)
{
	int r = sheaf_node_worked(request);

	/* Any size is taken, as by the kernel's sg, and the one that there is stays. */
	end_call(request, r == 0 && int_of(request->caller) < 0 ? -EINVAL : r);
}

/* Task management may wait for others, so it is the caller's thread that asks for it. */
static int reset(struct sheaf_caller *caller)
{
	enum sheaf_service_response response;
	int what;
	int r = read_int(caller);

	if (r < 0)
		return r;
	what = int_of(caller) & ~RESET_NO_ESCALATE;
	switch (what) {
	case SG_SCSI_RESET_NOTHING:
		return 0;
	case SG_SCSI_RESET_DEVICE:
		response = sheaf_host_task_management(caller->host, SHEAF_LOGICAL_UNIT_RESET,
						      caller->target_id, caller->lun, 0);
		break;
	case SG_SCSI_RESET_BUS:
	case SG_SCSI_RESET_HOST:
	case SG_SCSI_RESET_TARGET:
		response = sheaf_host_task_management(caller->host, SHEAF_TARGET_RESET,
						      caller->target_id, caller->lun, 0);
		break;
	default:
		return -EINVAL;
	}
	return response == SHEAF_FUNCTION_COMPLETE ? 0 : -EIO;
}

static void begin_reset(struct sheaf_request *request)
{
	if (!begin_call(request))
		return;
	request->caller->host = request->fq->fuse->host;
	request->caller->target_id = request->file->unit.target_id;
	request->caller->lun = request->file->unit.lun;
	sheaf_node_run(request, reset, answered);
}

static void begin_read_int(struct sheaf_request *request,
			   void (*then)(struct sheaf_request *request))
{
	if (begin_call(request))
		sheaf_node_run(request, read_int, then);
}

static void answer_scsi_id(struct sheaf_request *request)
{
	const struct sheaf_unit *unit = &request->file->unit;
	struct sg_scsi_id id = {
		.scsi_id = (int)unit->target_id,
		.lun = (int)unit->lun,
		.d_queue_depth = (short)sheaf_min64(request->fq->fuse->host->slots, INT16_MAX),
		.h_cmd_per_lun = (short)sheaf_min64(request->fq->fuse->host->slots, INT16_MAX),
	};

	answer(request, &id, sizeof(id));
}

static void answer_idlun(struct sheaf_request *request)
{
	const struct sheaf_unit *unit = &request->file->unit;
	const uint32_t idlun[2] = { (uint32_t)(unit->target_id & 0xff) | (unit->lun & 0xff) << 8,
				    0 };

	answer(request, idlun, sizeof(idlun));
}

static void begin_on_node(struct sheaf_request *request)
{
	const struct sheaf_node_handle *handle =
		(const struct sheaf_node_handle *)(uintptr_t)args_of(request)->fh;

	switch (args_of(request)->cmd) {
	case SG_IO:
		begin_sg_io(request);
		break;
	case SG_GET_VERSION_NUM:
		answer_int(request, VERSION_NUMBER);
		break;
	case SG_GET_SCSI_ID:
		answer_scsi_id(request);
		break;
	case SCSI_IOCTL_GET_IDLUN:
		answer_idlun(request);
		break;
	case SCSI_IOCTL_GET_BUS_NUMBER:
		answer_int(request, 0); /* of SG_GET_SCSI_ID too */
		break;
	case SG_SET_TIMEOUT:
		begin_read_int(request, got_timeout);
		break;
	case SG_GET_TIMEOUT:
		reply(request, 0, atomic_load(&handle->timeout));
		break;
	case SG_GET_RESERVED_SIZE:
		answer_int(request, SHEAF_CALLER_BUFFER_BYTES);
		break;
	case SG_SET_RESERVED_SIZE:
		begin_read_int(request, got_reserved_size);
		break;
	case SG_EMULATED_HOST:
		answer_int(request, 1);
		break;
	case SG_SCSI_RESET:
		begin_reset(request);
		break;
	case BLKSECTGET: /* two bytes, in sectors: as block devices do */
		answer_short(request, SHEAF_CALLER_BUFFER_BYTES / 512);
		break;
	default:
		reply(request, -EINVAL, 0); /* as the kernel's sg */
	}
}

static void begin_on_disk(struct sheaf_request *request)
{
	const struct sheaf_disk_file *file = request->file;

	switch (args_of(request)->cmd) {
	case BLKGETSIZE64: /* well-formed: the kernel copies */
		if (args_of(request)->out_size < sizeof(uint64_t)) {
			reply(request, -EINVAL, 0);
			break;
		}
		memset(&request->body.ioctl, 0, sizeof(request->body.ioctl));
		request->body.ioctl.value = sheaf_disk_size(file);
		sheaf_finish(request, 0, &request->body.ioctl,
			     sizeof(struct fuse_ioctl_out) + sizeof(uint64_t));
		break;
	case BLKSSZGET:
		answer_int(request, (int)file->unit.block_size);
		break;
	case BLKPBSZGET:
		answer_int(request, (int)file->unit.physical_block_bytes);
		break;
	default:
		reply(request, -ENOTTY, 0);
	}
}

void sheaf_node_begin(struct sheaf_request *request)
{
	struct sheaf_disks *disks = &request->fq->fuse->disks;
	uint64_t node = sheaf_request_header(request)->nodeid;

	request->file = sheaf_disks_find_sg(disks, node);
	assert(!request->caller);
	if (request->file) {
		begin_on_node(request);
		return;
	}
	request->file = sheaf_disks_find(disks, node);
	if (args_of(request)->flags & FUSE_IOCTL_DIR || !request->file)
		reply(request, -ENOTTY, 0);
	else
		begin_on_disk(request);
}
