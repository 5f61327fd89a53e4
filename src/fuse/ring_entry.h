/* SPDX-License-Identifier: MIT */
/**
 * ring_entry.h - an entry of FUSE-over-io_uring; what transport_uring.c and handover.c share, nobody else includes it
 */
#ifndef SHEAF_RING_ENTRY_H
#define SHEAF_RING_ENTRY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "fuse/kernel.h"
#include "loop/loop.h"

struct sheaf_fuse_queue;
struct sheaf_request;

/** States: with the kernel; ours, while its request runs; waiting for a slot to be answered with; in another loop's inbox. */
struct sheaf_ring_entry {
	struct sheaf_fuse_queue *fq;   /* whose ring it is in */
	struct sheaf_fuse_queue *home; /* who registered it, and has its memory */
	struct sheaf_uring_headers *headers;
	uint8_t *payload; /* address in the window */
	uint16_t queue_id;
	struct sheaf_request *request; /* of the slot that is bound to it */
	struct iovec iov[SHEAF_URING_IOVECS];
	struct sheaf_uring_command command;
	struct sheaf_op op;
	bool registered;
	int waiting_error; /* of the answer that waits for a slot */
	uint64_t waiting_ns; /* since */
	struct sheaf_ring_entry *next_waiting;
	struct sheaf_ring_entry *next_handed;
};

#endif
