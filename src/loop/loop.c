/* SPDX-License-Identifier: MIT */
/**
 * loop.c - the turn, its hooks, the ready list and the timers; the same for both back ends
 *
 * A turn, in order:
 *   1. may_sleep() of each hook, if the turn may sleep and nothing is left to do;
 *   2. submit all that was started, and sleep if all said yes: one system call;
 *   3. awake() of each hook whose may_sleep() was called;
 *   4. done() of all that is complete; results of helpers and timers that are due go to the ready list;
 *   5. the ready list, then poll() of each hook;
 *   6. the ready list and flush() of each hook, until both are quiet or FLUSH_ROUNDS_MAX is reached.
 *
 * So a turn that ran a done() does not sleep after it: `while (!finished) sheaf_loop_turn(loop, true)` ends. Between
 * turns of sheaf_loop_run() nothing happens; who takes turns by hand may have given hooks work in between, therefore
 * such a turn asks flush() before it sleeps too. The thread that first starts an operation or takes a turn
 * owns the loop; every other call asserts that it comes from there.
 */
#include "loop_private.h"

#include "base/clock.h"
#include "base/counter.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* After so many rounds of flush a turn goes on to submit without sleeping, so that others get on too. */
#define FLUSH_ROUNDS_MAX 64

#define NS_PER_SECOND UINT64_C(1000000000)

/* Different in each thread that lives, never 0. */
static uintptr_t thread_token(void)
{
	static _Thread_local char token;

	return (uintptr_t)&token;
}

static bool owned(const struct sheaf_loop *loop)
{
	return atomic_load_explicit(&loop->owner, memory_order_relaxed) == thread_token();
}

static void arm_doorbell(struct sheaf_loop *loop)
{
	if (loop->doorbell_by_poll)
		sheaf_loop_readv_when_ready(loop, &loop->doorbell, loop->doorbell_fd,
					    &loop->doorbell_iov, 1);
	else
		sheaf_loop_readv(loop, &loop->doorbell, loop->doorbell_fd, &loop->doorbell_iov, 1,
				 UINT64_MAX, 0);
}

static void doorbell_done(struct sheaf_op *op, int result)
{
	struct sheaf_loop *loop =
		(struct sheaf_loop *)((char *)op - offsetof(struct sheaf_loop, doorbell));

	/* A ring whose READ does not wait for input on a non-blocking eventfd needs the poll before it. */
	if (result == -EAGAIN)
		loop->doorbell_by_poll = true;
	else if (result < 0 && result != -EINTR && !loop->fatal)
		loop->fatal = result;
	if (!loop->fatal)
		arm_doorbell(loop);
}

/* Make sure that the calling thread owns the loop, claim it if nobody does. */
static void own(struct sheaf_loop *loop)
{
	uintptr_t nobody = 0;

	if (owned(loop))
		return;
	bool claimed = atomic_compare_exchange_strong(&loop->owner, &nobody, thread_token());
	assert(claimed); /* the loop is another thread's */
	(void)claimed;

	loop->fatal = loop->backend->claim(loop);
	loop->now_ns = sheaf_clock_ns();
	loop->doorbell.done = doorbell_done;
	loop->doorbell_iov.iov_base = &loop->doorbell_value;
	loop->doorbell_iov.iov_len = sizeof(loop->doorbell_value);
	loop->doorbell_by_poll = loop->backend_kind == SHEAF_IO_SYNC;
	arm_doorbell(loop);
}

int sheaf_loop_probe(enum sheaf_io_backend wanted, const char **ret_reason)
{
	int err;

	if (wanted == SHEAF_IO_SYNC) {
		*ret_reason = "asked for";
		return SHEAF_IO_SYNC;
	}
	err = sheaf_loop_uring_probe(ret_reason);
	if (!err)
		return SHEAF_IO_URING;
	return wanted == SHEAF_IO_URING ? err : SHEAF_IO_SYNC;
}

int sheaf_loop_create(enum sheaf_io_backend backend, unsigned entries, struct sheaf_loop **ret_loop)
{
	struct sheaf_loop *loop;
	int err;

	if (backend != SHEAF_IO_URING && backend != SHEAF_IO_SYNC)
		return -EINVAL;
	loop = aligned_alloc(_Alignof(struct sheaf_loop), sizeof(*loop));
	if (!loop)
		return -ENOMEM;
	memset(loop, 0, sizeof(*loop));
	loop->backend_kind = backend;
	loop->backend =
		backend == SHEAF_IO_URING ? &sheaf_loop_backend_uring : &sheaf_loop_backend_sync;
	loop->now_ns = sheaf_clock_ns();
	loop->doorbell_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (loop->doorbell_fd < 0) {
		err = -errno;
		goto fail;
	}
	err = loop->backend->init(loop, entries);
	if (err)
		goto fail_eventfd;
	*ret_loop = loop;
	return 0;

fail_eventfd:
	close(loop->doorbell_fd);
fail:
	free(loop);
	return err;
}

struct sheaf_loop *sheaf_loop_free(struct sheaf_loop *loop)
{
	if (!loop)
		return NULL;
	assert(!loop->in_turn);
	loop->pool = sheaf_helper_pool_free(loop->pool);
	loop->backend->deinit(loop);
	close(loop->doorbell_fd);
	free(loop);
	return NULL;
}

void sheaf_loop_add_hook(struct sheaf_loop *loop, struct sheaf_loop_hook *hook)
{
	struct sheaf_loop_hook **at = &loop->hooks;

	assert(atomic_load(&loop->owner) == 0 || owned(loop));
	assert(!loop->in_hook);
	for (; *at; at = &(*at)->next)
		assert(*at != hook);
	hook->next = NULL;
	*at = hook;
	loop->busy = true; /* it may have work already */
}

void sheaf_loop_remove_hook(struct sheaf_loop *loop, struct sheaf_loop_hook *hook)
{
	struct sheaf_loop_hook **at = &loop->hooks;

	own(loop);
	assert(!loop->in_hook);
	for (; *at; at = &(*at)->next) {
		if (*at == hook) {
			*at = hook->next;
			hook->next = NULL;
			return;
		}
	}
	assert(!"the hook is the loop's");
}

/* Everything on the ready list now; what its handlers add waits for the next call. True if there was something. */
static bool run_ready(struct sheaf_loop *loop)
{
	struct sheaf_op_list batch = sheaf_op_list_take(&loop->ready);
	struct sheaf_op *op = sheaf_op_list_pop(&batch);

	if (!op)
		return false;
	for (; op; op = sheaf_op_list_pop(&batch))
		op->done(op, op->result);
	return true;
}

static void take_timers(struct sheaf_loop *loop)
{
	while (loop->timers && loop->timers->offset <= loop->now_ns) {
		struct sheaf_op *op = loop->timers;

		loop->timers = op->next;
		sheaf_loop_op_ready(loop, op, 0);
	}
}

static void take_helped(struct sheaf_loop *loop)
{
	struct sheaf_op_list helped;
	struct sheaf_op *op;

	if (!loop->pool)
		return;
	helped = sheaf_helper_pool_take(loop->pool);
	while ((op = sheaf_op_list_pop(&helped)))
		sheaf_op_list_append(&loop->ready, op);
}

/* True if a hook found something and cannot look again before the loop sleeps. */
static bool poll_hooks(struct sheaf_loop *loop)
{
	bool busy = false;

	loop->in_hook = true;
	for (struct sheaf_loop_hook *h = loop->hooks; h; h = h->next) {
		if (h->poll && h->poll(h) && !h->may_sleep)
			busy = true;
	}
	loop->in_hook = false;
	return busy;
}

static bool flush_hooks(struct sheaf_loop *loop)
{
	bool more = false;

	loop->in_hook = true;
	for (struct sheaf_loop_hook *h = loop->hooks; h; h = h->next) {
		if (h->flush && h->flush(h))
			more = true;
	}
	loop->in_hook = false;
	return more;
}

/* True if it got quiet within the bound. */
static bool work_until_quiet(struct sheaf_loop *loop)
{
	for (unsigned round = 0; round < FLUSH_ROUNDS_MAX; round++) {
		bool more = run_ready(loop);

		if (flush_hooks(loop))
			more = true;
		if (!more && sheaf_op_list_empty(&loop->ready))
			return true;
	}
	return false;
}

/* *ret_end is where awake_hooks() is to stop: behind the last hook that was asked. */
static bool hooks_may_sleep(struct sheaf_loop *loop, struct sheaf_loop_hook **ret_end)
{
	struct sheaf_loop_hook *h;
	bool yes = true;

	loop->in_hook = true;
	for (h = loop->hooks; h && yes; h = h->next)
		yes = !h->may_sleep || h->may_sleep(h);
	loop->in_hook = false;
	*ret_end = h;
	return yes && sheaf_op_list_empty(&loop->ready);
}

static void awake_hooks(struct sheaf_loop *loop, const struct sheaf_loop_hook *end)
{
	loop->in_hook = true;
	for (struct sheaf_loop_hook *h = loop->hooks; h != end; h = h->next) {
		if (h->awake)
			h->awake(h);
	}
	loop->in_hook = false;
}

/* Steps 1 to 3. */
static int submit_and_sleep(struct sheaf_loop *loop, bool may_sleep)
{
	struct sheaf_loop_hook *asked_end = NULL;
	bool asked = may_sleep;
	int err;

	if (asked)
		may_sleep = hooks_may_sleep(loop, &asked_end);
	err = loop->backend->submit(loop, may_sleep);
	if (asked)
		awake_hooks(loop, asked_end);
	return err;
}

/* What other threads posted, in their order. */
static void take_posted(struct sheaf_loop *loop)
{
	struct sheaf_op *op, *next, *in_order = NULL;

	if (!atomic_load_explicit(&loop->posted, memory_order_relaxed))
		return;
	op = atomic_exchange_explicit(&loop->posted, NULL, memory_order_acquire);
	for (; op; op = next) {
		next = op->next;
		op->next = in_order;
		in_order = op;
	}
	for (op = in_order; op; op = next) {
		next = op->next;
		sheaf_loop_op_ready(loop, op, 0);
	}
}

/* Steps 4 to 6. */
static void work(struct sheaf_loop *loop)
{
	bool more;

	loop->now_ns = sheaf_clock_ns();
	more = loop->backend->reap && loop->backend->reap(loop);
	take_helped(loop);
	take_posted(loop);
	take_timers(loop);
	run_ready(loop);
	loop->busy = poll_hooks(loop) || more;
	if (!work_until_quiet(loop))
		loop->busy = true;
}

static int turn(struct sheaf_loop *loop, bool may_sleep)
{
	int err;

	assert(!loop->in_turn);
	if (loop->fatal)
		return loop->fatal;
	loop->in_turn = true;
	sheaf_count_add(&loop->stats.turns, 1);
	may_sleep = may_sleep && !loop->busy && sheaf_op_list_empty(&loop->ready);
	err = submit_and_sleep(loop, may_sleep);
	if (err && !loop->fatal)
		loop->fatal = err;
	if (!loop->fatal)
		work(loop);
	loop->in_turn = false;
	return loop->fatal;
}

/* Flush without running the ready list; what stays keeps the next turn from sleeping. */
static void flush_before_turn(struct sheaf_loop *loop)
{
	unsigned round = 0;

	while (flush_hooks(loop)) {
		if (++round == FLUSH_ROUNDS_MAX) {
			loop->busy = true;
			break;
		}
	}
}

int sheaf_loop_turn(struct sheaf_loop *loop, bool may_sleep)
{
	own(loop);
	assert(!loop->in_turn);
	flush_before_turn(loop);
	return turn(loop, may_sleep);
}

int sheaf_loop_run(struct sheaf_loop *loop)
{
	int err = 0;

	own(loop);
	assert(!loop->in_turn);
	if (loop->backend->run_begin)
		loop->backend->run_begin(loop);
	flush_before_turn(loop);
	while (!err && !atomic_load(&loop->stop))
		err = turn(loop, true);
	/* What the last turn started, replies and doorbells, still goes out. */
	if (!err)
		err = loop->backend->submit(loop, false);
	/* Only now: a stop that came before the first turn counts as well. */
	atomic_store(&loop->stop, false);
	if (loop->backend->run_end)
		loop->backend->run_end(loop);
	return err;
}

void sheaf_loop_stop(struct sheaf_loop *loop)
{
	atomic_store(&loop->stop, true);
}

void sheaf_loop_wake(struct sheaf_loop *loop)
{
	static const uint64_t one = 1;
	ssize_t n;

	do {
		n = write(loop->doorbell_fd, &one, sizeof(one));
	} while (n < 0 && errno == EINTR);
	/* EAGAIN: the counter is at its end, so it is readable: awake. */
}

void sheaf_loop_post(struct sheaf_loop *loop, struct sheaf_op *op)
{
	struct sheaf_op *first = atomic_load_explicit(&loop->posted, memory_order_relaxed);

	op->code = SHEAF_OP_READY;
	if (owned(loop)) {
		sheaf_loop_op_ready(loop, op, 0);
		return;
	}
	do {
		op->next = first;
	} while (!atomic_compare_exchange_weak_explicit(&loop->posted, &first, op,
							memory_order_release,
							memory_order_relaxed));
	/* A loop that runs looks at what is posted after it was woken, and before it sleeps again. */
	sheaf_loop_wake(loop);
}

int sheaf_loop_doorbell_fd(const struct sheaf_loop *loop)
{
	return loop->doorbell_fd;
}

void sheaf_loop_ring_doorbell(struct sheaf_loop *loop, int doorbell_fd)
{
	own(loop);
	sheaf_count_add(&loop->stats.doorbells, 1);
	loop->backend->ring_doorbell(loop, doorbell_fd);
}

void sheaf_loop_write_doorbell(struct sheaf_loop *loop, int doorbell_fd)
{
	static const uint64_t one = 1;
	ssize_t n;

	do {
		sheaf_count_add(&loop->stats.other_calls, 1);
		n = write(doorbell_fd, &one, sizeof(one));
	} while (n < 0 && errno == EINTR);
	/* EAGAIN: the counter is at its end, so it is readable: rung. */
}

void sheaf_loop_ring_doorbell_now(struct sheaf_loop *loop, int doorbell_fd)
{
	own(loop);
	sheaf_count_add(&loop->stats.doorbells, 1);
	sheaf_loop_write_doorbell(loop, doorbell_fd);
}

static void start(struct sheaf_loop *loop, struct sheaf_op *op, enum sheaf_op_code code, int fd)
{
	own(loop);
	assert(op->done);
	op->code = code;
	op->fd = fd;
	sheaf_op_list_append(&loop->started, op);
}

void sheaf_loop_command(struct sheaf_loop *loop, struct sheaf_op *op, int fd, uint32_t operation,
			const void *command, size_t command_bytes, const void *address,
			uint32_t length)
{
	assert(loop->backend_kind == SHEAF_IO_URING);
	assert(command_bytes <= SHEAF_LOOP_COMMAND_MAX);
	op->flags = (int)operation;
	op->arg = (void *)(uintptr_t)command;
	op->length = command_bytes;
	op->offset = (uintptr_t)address;
	op->iov_count = length;
	start(loop, op, SHEAF_OP_COMMAND, fd);
}

void sheaf_loop_readv(struct sheaf_loop *loop, struct sheaf_op *op, int fd, const struct iovec *iov,
		      unsigned n, uint64_t offset, int rwf)
{
	op->iov = iov;
	op->iov_count = n;
	op->offset = offset;
	op->flags = rwf;
	start(loop, op, SHEAF_OP_READV, fd);
}

void sheaf_loop_writev(struct sheaf_loop *loop, struct sheaf_op *op, int fd,
		       const struct iovec *iov, unsigned n, uint64_t offset, int rwf)
{
	op->iov = iov;
	op->iov_count = n;
	op->offset = offset;
	op->flags = rwf;
	start(loop, op, SHEAF_OP_WRITEV, fd);
}

void sheaf_loop_readv_when_ready(struct sheaf_loop *loop, struct sheaf_op *op, int fd,
				 const struct iovec *iov, unsigned n)
{
	op->iov = iov;
	op->iov_count = n;
	op->offset = UINT64_MAX;
	op->flags = 0;
	start(loop, op, SHEAF_OP_READV_WHEN_READY, fd);
}

void sheaf_loop_fsync(struct sheaf_loop *loop, struct sheaf_op *op, int fd, bool datasync)
{
	op->flags = datasync;
	start(loop, op, SHEAF_OP_FSYNC, fd);
}

void sheaf_loop_fallocate(struct sheaf_loop *loop, struct sheaf_op *op, int fd, int mode,
			  uint64_t offset, uint64_t length)
{
	op->flags = mode;
	op->offset = offset;
	op->length = length;
	start(loop, op, SHEAF_OP_FALLOCATE, fd);
}

void sheaf_loop_poll_in(struct sheaf_loop *loop, struct sheaf_op *op, int fd)
{
	start(loop, op, SHEAF_OP_POLL_IN, fd);
}

void sheaf_loop_call(struct sheaf_loop *loop, struct sheaf_op *op, int (*call)(void *arg),
		     void *arg)
{
	op->call = call;
	op->arg = arg;
	start(loop, op, SHEAF_OP_CALL, -1);
}

void sheaf_loop_timer(struct sheaf_loop *loop, struct sheaf_op *op, uint64_t ns)
{
	struct sheaf_op **at = &loop->timers;
	uint64_t now = sheaf_clock_ns(); /* not the turn's: a timer is never early */

	own(loop);
	assert(op->done);
	op->code = SHEAF_OP_TIMER;
	op->fd = -1;
	op->offset = ns < UINT64_MAX - now ? now + ns : UINT64_MAX;
	while (*at && (*at)->offset <= op->offset)
		at = &(*at)->next;
	op->next = *at;
	*at = op;
}

void sheaf_loop_cancel(struct sheaf_loop *loop, struct sheaf_op *op)
{
	own(loop);
	if (loop->backend->cancel)
		loop->backend->cancel(loop, op);
}

void sheaf_loop_ready(struct sheaf_loop *loop, struct sheaf_op *op, int result)
{
	own(loop);
	assert(op->done);
	op->code = SHEAF_OP_READY;
	sheaf_loop_op_ready(loop, op, result);
}

void sheaf_loop_op_help(struct sheaf_loop *loop, struct sheaf_op *op)
{
	int err = 0;

	if (!loop->pool)
		loop->pool = sheaf_helper_pool_new(loop->doorbell_fd);
	if (!loop->pool)
		err = -ENOMEM;
	if (!err)
		err = sheaf_helper_pool_submit(loop->pool, op);
	sheaf_count_add(&loop->stats.other_calls, 1); /* the helper's; its waits are not counted */
	if (err)
		sheaf_loop_op_ready(loop, op, err);
}

bool sheaf_loop_time_left(const struct sheaf_loop *loop, struct timespec *ret_left)
{
	uint64_t now, left;

	if (!loop->timers)
		return false;
	now = sheaf_clock_ns();
	left = loop->timers->offset > now ? loop->timers->offset - now : 0;
	ret_left->tv_sec = (time_t)(left / NS_PER_SECOND);
	ret_left->tv_nsec = (long)(left % NS_PER_SECOND);
	return true;
}

bool sheaf_loop_is_still(const struct sheaf_loop *loop)
{
	assert(owned(loop));
	return sheaf_op_list_empty(&loop->started) && loop->backend->is_still(loop);
}

bool sheaf_loop_awaits_files(const struct sheaf_loop *loop)
{
	return loop->backend->awaits_files && loop->backend->awaits_files(loop);
}

void sheaf_loop_count_calls(struct sheaf_loop *loop, unsigned n)
{
	own(loop);
	sheaf_count_add(&loop->stats.other_calls, n);
}

uint64_t sheaf_loop_now(const struct sheaf_loop *loop)
{
	assert(atomic_load(&loop->owner) == 0 || owned(loop));
	return loop->now_ns;
}

const uint64_t *sheaf_loop_clock(const struct sheaf_loop *loop)
{
	return &loop->now_ns;
}

enum sheaf_io_backend sheaf_loop_backend(const struct sheaf_loop *loop)
{
	return loop->backend_kind;
}

const struct sheaf_loop_stats *sheaf_loop_stats(const struct sheaf_loop *loop)
{
	return &loop->stats;
}
