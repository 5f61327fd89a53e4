/* SPDX-License-Identifier: MIT */
/**
 * request.h - one FUSE request on a disk file: a small state machine that runs its tasks in its own slot
 *
 * A request lives in the slot that its transport put it in: head in private memory, payload in the slot's buffer. Hot
 * operations (READ, WRITE, FLUSH, FSYNC, FALLOCATE, LSEEK) run one task after another; request->next is the step that
 * follows the task in flight. It ends with one reply, by the transport.
 *
 *   1. The slot is the request's from the transport's take to its put, after the reply was sent.
 *   2. One task at a time; between tasks the buffer is the host's.
 *   3. A write is in its disk's gate from before its first task until after its last.
 */
#ifndef SHEAF_REQUEST_H
#define SHEAF_REQUEST_H

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/range_gate.h"
#include "fuse/disks.h"
#include "fuse/kernel.h"
#include "host/queue.h"

struct sheaf_caller;
struct sheaf_fuse_queue;
struct sheaf_ring_entry;

/** A request's place in one file's gate. */
struct sheaf_request_gate {
	struct sheaf_gate_entry entry;
	struct sheaf_request *request;
};

struct sheaf_request {
	struct sheaf_fuse_queue *fq;
	uint16_t slot;
	/* The request as the kernel sent it. */
	alignas(8) uint8_t head[SHEAF_FUSE_HEAD_BYTES];
	/* The reply. */
	struct fuse_out_header out;
	union {
		struct fuse_write_out write;
		struct fuse_lseek_out lseek;
		struct {
			struct fuse_ioctl_out ioctl;
			uint64_t value; /* of a well-formed one */
		} ioctl;
	} body;
	struct iovec out_iov[2];
	/* The transport's. */
	struct sheaf_op read_op, reply_op;
	struct iovec in_iov[2];
	bool reads;	 /* its read is out */
	bool taken_back; /* and was cancelled, if it is not too late */
	struct sheaf_ring_entry *entry; /* NULL: it came through /dev/fuse */
	/* The operation's. */
	struct sheaf_disk_file *file;
	void (*next)(struct sheaf_request *request, const struct sheaf_result *result);
	void (*after_gate)(struct sheaf_request *request);
	struct sheaf_op resume_op; /* posted by another thread: after_gate() */
	uint64_t offset, end; /* of the file, bytes: what is asked for */
	uint64_t from, to;    /* the same in whole blocks: outwards */
	uint64_t cursor;      /* bytes: what is done */
	uint64_t piece;	      /* bytes of the task in flight */
	uint64_t sync_mark;   /* written_count when the sync was issued */
	uint32_t mode;	      /* FALLOCATE's, LSEEK's whence */
	bool zeroing_edge;
	uint8_t retries;
	bool in_gate;
	bool passed_on; /* the command is somebody's, who is told how it ended, see sheaf_task_pass_on() */
	struct sheaf_caller *caller; /* the thread that does what a loop may not, see node.c; NULL: none */
	struct sheaf_request_gate *gates; /* one a file */
	uint8_t *edges; /* two blocks: parts of a payload while its blocks are read */
};

/** Is this an operation that runs here, and not in libfuse? Looks at the head only. */
bool sheaf_request_is_hot(struct sheaf_fuse_queue *fq, const struct sheaf_request *request);
/**
 * sheaf_request_begin() - run a hot request whose head and payload are in place
 * @payload_bytes: what came after the head.  Its reply comes through sheaf_transport_reply(), maybe at once.
 */
void sheaf_request_begin(struct sheaf_request *request, size_t payload_bytes);
/** The host's task of this request ended. */
void sheaf_request_ended(struct sheaf_request *request, const struct sheaf_result *result);

static inline const struct fuse_in_header *sheaf_request_header(const struct sheaf_request *request)
{
	return (const struct fuse_in_header *)request->head;
}

/** The fixed structure after the header. */
static inline const void *sheaf_request_args(const struct sheaf_request *request)
{
	return request->head + sizeof(struct fuse_in_header);
}

#endif
