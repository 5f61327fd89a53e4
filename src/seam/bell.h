/* SPDX-License-Identifier: MIT */
/**
 * bell.h - a doorbell that another process rings: an eventfd of its own, beside the loop's
 *
 * A loop's own eventfd stays in its process: who has it could not only ring but also swallow the wakes of others. The far
 * side gets this one instead, of which the loop has a read in flight all the time.
 */
#ifndef SHEAF_BELL_H
#define SHEAF_BELL_H

#include <stdint.h>
#include <sys/uio.h>

#include "loop/loop.h"

struct sheaf_bell {
	struct sheaf_loop *loop;
	struct sheaf_op op;
	struct iovec iov;
	uint64_t value;
	int fd; /* the eventfd; whoever rings gets it */
};

/** An eventfd to be rung by another process. Return: a descriptor or -errno. */
int sheaf_bell_make(void);
/**
 * sheaf_bell_listen() - wake @loop whenever @fd is rung
 * @bell: lives as long as the loop, as its operation is in flight until then.  @fd: stays the caller's.
 * Thread: the loop's.
 */
void sheaf_bell_listen(struct sheaf_bell *bell, struct sheaf_loop *loop, int fd);

#endif
