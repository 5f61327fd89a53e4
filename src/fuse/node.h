/* SPDX-License-Identifier: MIT */
/* node.h - DIR/.sheaf/sg<i>, and ioctl() on it and on the disk files; see node.c. What is written to it: message.h. */
#ifndef SHEAF_NODE_H
#define SHEAF_NODE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fuse/scsi_message.h"

struct sheaf_caller;
struct sheaf_fuse;
struct sheaf_fuse_queue;
struct sheaf_request;

/** An open node. */
struct sheaf_node_handle {
	_Atomic int
		timeout; /* SG_SET_TIMEOUT, in ticks of a hundredth of a second; SG_IO has its own */
	/* Of message.c. What follows is whose who brought the state to RUNNING or READING. */
	_Atomic int message_state; /* enum sheaf_message_state */
	uint8_t *answer;	   /* mapped by the first message; NULL: there was none */
	uint32_t answer_bytes;
	struct sheaf_scsi_request message; /* the one that runs */
	/* The list of the mount's open nodes; *link is this one. */
	struct sheaf_node_handle *next, **link;
};

/** NULL without memory. Thread: any. */
struct sheaf_node_handle *sheaf_node_open(struct sheaf_fuse *fuse);
/** Nothing runs on it. */
void sheaf_node_close(struct sheaf_fuse *fuse, struct sheaf_node_handle *handle);
/** Those whose RELEASE did not come, as the connection was aborted. The loops have ended. */
void sheaf_nodes_close_all(struct sheaf_fuse *fuse);
/** Once, before the loop runs. */
void sheaf_node_init(struct sheaf_fuse_queue *fq);
/** Run FUSE_IOCTL. Its reply comes through sheaf_transport_reply(), maybe at once. Thread: the loop's. */
void sheaf_node_begin(struct sheaf_request *request);

/* For message.c. Thread: the loop's. */

/** May who made @request send commands? If not, that was said. */
bool sheaf_node_may(struct sheaf_request *request);
/** Let request->caller do @work on its thread, then @then on the loop, which calls sheaf_node_worked() first: the work's result. */
void sheaf_node_run(struct sheaf_request *request, int (*work)(struct sheaf_caller *caller),
		    void (*then)(struct sheaf_request *request));
int sheaf_node_worked(struct sheaf_request *request);

#endif
