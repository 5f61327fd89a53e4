/* SPDX-License-Identifier: MIT */
/* node.h - ioctl() on DIR/.sheaf/sg<i> and on the disk files; see node.c. */
#ifndef SHEAF_NODE_H
#define SHEAF_NODE_H

#include <stdatomic.h>

struct sheaf_fuse_queue;
struct sheaf_request;

/** An open node. Allocated; free() it. */
struct sheaf_node_handle {
	_Atomic int
		timeout; /* SG_SET_TIMEOUT, in ticks of a hundredth of a second; SG_IO has its own */
};

/** NULL without memory. */
struct sheaf_node_handle *sheaf_node_open(void);
/** Once, before the loop runs. */
void sheaf_node_init(struct sheaf_fuse_queue *fq);
/** Run FUSE_IOCTL. Its reply comes through sheaf_transport_reply(), maybe at once. Thread: the loop's. */
void sheaf_node_begin(struct sheaf_request *request);

#endif
