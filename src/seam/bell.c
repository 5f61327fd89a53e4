/* SPDX-License-Identifier: MIT */
/* bell.c - see bell.h */
#include "seam/bell.h"

#include <errno.h>
#include <stddef.h>
#include <sys/eventfd.h>

int sheaf_bell_make(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static void listen_again(struct sheaf_bell *bell)
{
	sheaf_loop_readv_when_ready(bell->loop, &bell->op, bell->fd, &bell->iov, 1);
}

/* The wake is all: the hooks look into their lanes in this turn. What is wrong with an eventfd is wrong for good. */
static void rung(struct sheaf_op *op, int result)
{
	struct sheaf_bell *bell =
		(struct sheaf_bell *)((char *)op - offsetof(struct sheaf_bell, op));

	if (result >= 0 || result == -EAGAIN || result == -EINTR)
		listen_again(bell);
}

void sheaf_bell_listen(struct sheaf_bell *bell, struct sheaf_loop *loop, int fd)
{
	bell->loop = loop;
	bell->fd = fd;
	bell->iov = (struct iovec){ .iov_base = &bell->value, .iov_len = sizeof(bell->value) };
	bell->op.done = rung;
	listen_again(bell);
}
