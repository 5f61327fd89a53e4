/* SPDX-License-Identifier: MIT */
/**
 * loop_sync.c - the back end without io_uring: synchronous reads and writes, poll(2) to wait
 *
 * Reads and writes run when the turn submits; their results go to the ready list, so that done() comes in the next
 * turn. FSYNC, FALLOCATE and CALL may take long and go to the helper pool. The rest waits in the poll set.
 */
#include "loop_private.h"

#include "base/counter.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define POLLFDS_MIN 8

static int init(struct sheaf_loop *loop, unsigned entries)
{
	struct sheaf_loop_sync *sync = &loop->sync;

	sync->pollfd_capacity = entries < POLLFDS_MIN ? POLLFDS_MIN : entries;
	sync->pollfds = calloc(sync->pollfd_capacity, sizeof(*sync->pollfds));
	return sync->pollfds ? 0 : -ENOMEM;
}

static void deinit(struct sheaf_loop *loop)
{
	free(loop->sync.pollfds);
}

static int claim(struct sheaf_loop *loop)
{
	(void)loop;
	return 0;
}

static int do_rw(struct sheaf_loop *loop, const struct sheaf_op *op)
{
	bool writes = op->code == SHEAF_OP_WRITEV;
	ssize_t n;

	/* An offset of -1 means to the kernel what it means to us. */
	do {
		if (writes)
			n = pwritev2(op->fd, op->iov, (int)op->iov_count, (off_t)op->offset,
				     op->flags);
		else
			n = preadv2(op->fd, op->iov, (int)op->iov_count, (off_t)op->offset,
				    op->flags);
		sheaf_count_add(&loop->stats.other_calls, 1);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : (int)n;
}

static void submit_op(struct sheaf_loop *loop, struct sheaf_op *op)
{
	switch (op->code) {
	case SHEAF_OP_READV:
	case SHEAF_OP_WRITEV:
		sheaf_count_add(&loop->stats.inline_completions, 1);
		sheaf_loop_op_ready(loop, op, do_rw(loop, op));
		break;
	case SHEAF_OP_READV_WHEN_READY:
	case SHEAF_OP_POLL_IN:
		sheaf_op_list_append(&loop->sync.waiting, op);
		loop->sync.waiting_count++;
		break;
	case SHEAF_OP_FSYNC:
	case SHEAF_OP_FALLOCATE:
	case SHEAF_OP_CALL:
		sheaf_loop_op_help(loop, op);
		break;
	case SHEAF_OP_TIMER:
	case SHEAF_OP_READY:
	case SHEAF_OP_COMMAND:
		assert(!"on the list of started operations");
	}
}

/* Write the poll set anew from the list of those who wait. */
static int fill_pollfds(struct sheaf_loop_sync *sync)
{
	unsigned i = 0;

	if (sync->waiting_count > sync->pollfd_capacity) {
		unsigned capacity = sync->waiting_count * 2;
		struct pollfd *grown = reallocarray(sync->pollfds, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		sync->pollfds = grown;
		sync->pollfd_capacity = capacity;
	}
	for (struct sheaf_op *op = sync->waiting.head; op; op = op->next)
		sync->pollfds[i++] = (struct pollfd){ .fd = op->fd, .events = POLLIN };
	assert(i == sync->waiting_count);
	return 0;
}

static void take_polled(struct sheaf_loop *loop)
{
	struct sheaf_loop_sync *sync = &loop->sync;
	struct sheaf_op_list before = sheaf_op_list_take(&sync->waiting);
	struct sheaf_op *op;
	unsigned i = 0;

	sync->waiting_count = 0;
	while ((op = sheaf_op_list_pop(&before))) {
		short events = sync->pollfds[i++].revents;

		if (!events) {
			sheaf_op_list_append(&sync->waiting, op);
			sync->waiting_count++;
		} else if (events & POLLNVAL) {
			sheaf_loop_op_ready(loop, op, -EBADF);
		} else if (op->code == SHEAF_OP_POLL_IN) {
			sheaf_loop_op_ready(loop, op, 0);
		} else {
			sheaf_loop_op_ready(loop, op, do_rw(loop, op));
		}
	}
}

static int submit(struct sheaf_loop *loop, bool may_sleep)
{
	struct timespec timeout = { 0 };
	bool has_timeout = true;
	struct sheaf_op *op;
	int n, err;

	while ((op = sheaf_op_list_pop(&loop->started)))
		submit_op(loop, op);

	err = fill_pollfds(&loop->sync);
	if (err)
		return err;
	if (may_sleep && sheaf_op_list_empty(&loop->ready)) {
		sheaf_count_add(&loop->stats.sleeps, 1);
		has_timeout = sheaf_loop_time_left(loop, &timeout);
	}
	sheaf_count_add(&loop->stats.other_calls, 1);
	n = ppoll(loop->sync.pollfds, loop->sync.waiting_count, has_timeout ? &timeout : NULL,
		  NULL);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	if (n > 0)
		take_polled(loop);
	return 0;
}

static bool take_out(struct sheaf_op_list *list, const struct sheaf_op *op)
{
	struct sheaf_op_list before = sheaf_op_list_take(list);
	struct sheaf_op *at;
	bool found = false;

	while ((at = sheaf_op_list_pop(&before))) {
		if (at == op)
			found = true;
		else
			sheaf_op_list_append(list, at);
	}
	return found;
}

/* Only what waits in the poll set: all else is done already, or will be in this turn. */
static void cancel(struct sheaf_loop *loop, struct sheaf_op *op)
{
	if (!take_out(&loop->sync.waiting, op))
		return;
	loop->sync.waiting_count--;
	sheaf_loop_op_ready(loop, op, -ECANCELED);
}

/* All system calls are made by submit(). */
static bool is_still(const struct sheaf_loop *loop)
{
	(void)loop;
	return true;
}

const struct sheaf_loop_backend sheaf_loop_backend_sync = {
	.init = init,
	.deinit = deinit,
	.claim = claim,
	.submit = submit,
	.ring_doorbell = sheaf_loop_write_doorbell,
	.cancel = cancel,
	.is_still = is_still,
};
