/* SPDX-License-Identifier: MIT */
/* message.h - SCSI commands that are written to DIR/.sheaf/sg<i>, and answers that are read there; see scsi_message.h, message.c. */
#ifndef SHEAF_MESSAGE_H
#define SHEAF_MESSAGE_H

#include <stddef.h>

struct sheaf_fuse;
struct sheaf_node_handle;
struct sheaf_request;

/** Open nodes that may have memory for an answer at a time. */
#define SHEAF_MESSAGE_ANSWERS_MAX 64

enum sheaf_message_state {
	SHEAF_MESSAGE_IDLE,
	SHEAF_MESSAGE_RUNNING,	/* a pwrite() */
	SHEAF_MESSAGE_ANSWERED, /* the answer is to be read */
	SHEAF_MESSAGE_READING,	/* a pread() */
};

/** Run FUSE_WRITE or FUSE_READ on a node. Its reply comes through sheaf_transport_reply(), maybe at once. Thread: the loop's. */
void sheaf_message_begin(struct sheaf_request *request, size_t payload_bytes);
/** What request->caller did for it took too long: it is not the request's any more. Thread: the loop's. */
void sheaf_message_given_up(struct sheaf_request *request);
/** Free what the handle has. Nothing runs on it. */
void sheaf_message_close(struct sheaf_fuse *fuse, struct sheaf_node_handle *handle);

#endif
