/* SPDX-License-Identifier: MIT */
/**
 * loop_uring.c - the back end on io_uring: one io_uring_enter a turn
 *
 * A turn that may sleep submits and waits in the same call. Replies to a device (WRITEV without an offset) complete
 * while they are submitted; if the wait were for one completion, each reply would end it and cost another call. So
 * the wait is for one more than there are such replies.
 *
 *   1. Only descriptors that always complete inline are counted (inline_expected()): a counted write that waited for
 *      its peer could leave us waiting for two completions while the peer waits for what one of them brings.
 *      One that fails has a completion too.
 *   2. A ring that was full in this turn submitted in parts: then the turn does not sleep.
 *   3. A completion names its operation by user_data: the address, plus TAG_POLL for the poll in front of a
 *      READV_WHEN_READY; 0 is a doorbell or a cancellation. Poll and read go into one submission, linked. The poll has
 *      CQE_SKIP_SUCCESS: when it succeeds only the read completes; when it fails only the poll does, the kernel
 *      drops what is linked to it (REQ_F_SKIP_LINK_CQES). So each operation completes once.
 *   4. The ring is made disabled, by whoever makes the loop; the owner enables it and thereby becomes the single
 *      issuer.
 *   5. No completion is lost: the kernel keeps those that do not fit (IORING_FEAT_NODROP is required).
 *   6. A disk tells of its completions in batches. If a turn answered all of a batch before it submitted what came next, the
 *      disk would have nothing to do meanwhile, and so on in lock-step. So while operations of files are awaited, a turn
 *      takes a part of them only, and the next one does not sleep. What is done while it is submitted (page cache) leaves
 *      nothing to await, and its bundles are whole.
 */
#include "loop_private.h"

#include "base/counter.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define ENTRIES_MIN	    8
#define ENTRIES_MAX	    4096
#define CQ_FACTOR	    4
#define WORKERS_BOUNDED_MAX 8
#define CANCEL_SECONDS_MAX  2
#define FEATURES_NEEDED	    (IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_CQE_SKIP)

/* Of the operations that files still owe us, a turn takes this part, and this many at least (6). Measured on a virtual disk, 4k at
 * depth 32: 4 to 8 a turn were best, 16 half as good; smaller bundles cost more CPU. */
#define PACE_PARTS 4
#define PACE_MIN   8
/* Turns that stay short after files were awaited last: a batch that came as a whole is not the end of it. */
#define PACE_TURNS 64

#define TAG_POLL 1
#define TAG_MASK UINT64_C(7)

#define FUSE_MAJOR 10
#define FUSE_MINOR 229
#define MEM_MAJOR  1

/* Best first; each is tried when the kernel does not know the one before. */
static const unsigned setup_flags[] = {
	IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
		IORING_SETUP_SUBMIT_ALL,
	IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL,
	0,
};

static int make_ring(struct io_uring *ring, unsigned entries, unsigned *ret_features)
{
	const char *forbidden = getenv("SHEAF_TEST_NO_URING");
	int err = -EINVAL;

	if (forbidden && !strcmp(forbidden, "1"))
		return -EPERM;
	for (size_t i = 0; err == -EINVAL && i < sizeof(setup_flags) / sizeof(*setup_flags); i++) {
		struct io_uring_params params = {
			.flags = setup_flags[i] | IORING_SETUP_R_DISABLED | IORING_SETUP_CLAMP |
				 IORING_SETUP_CQSIZE | IORING_SETUP_SQE128,
			.cq_entries = entries * CQ_FACTOR,
		};

		memset(ring, 0, sizeof(*ring));
		err = io_uring_queue_init_params(entries, ring, &params);
		if (!err)
			*ret_features = params.features;
	}
	return err;
}

int sheaf_loop_uring_probe(const char **ret_reason)
{
	struct io_uring ring;
	unsigned features = 0;
	int err = make_ring(&ring, 2, &features);

	switch (err) {
	case 0:
		io_uring_queue_exit(&ring);
		if ((features & FEATURES_NEEDED) == FEATURES_NEEDED) {
			*ret_reason = "io_uring works here";
			return 0;
		}
		*ret_reason = "io_uring of this kernel is too old, 5.17 is needed";
		return -EOPNOTSUPP;
	case -EPERM:
	case -EACCES:
		*ret_reason = "io_uring is forbidden here (kernel.io_uring_disabled or seccomp): "
			      "Operation not permitted";
		return err;
	case -ENOSYS:
		*ret_reason = "io_uring is not in this kernel, or seccomp hides it: "
			      "Function not implemented";
		return err;
	case -ENOMEM:
		*ret_reason = "io_uring got no memory (ulimit -l): Cannot allocate memory";
		return err;
	case -EMFILE:
	case -ENFILE:
		*ret_reason = "io_uring got no descriptor (ulimit -n): Too many open files";
		return err;
	default:
		*ret_reason = "io_uring cannot be set up here";
		return err;
	}
}

static int init(struct sheaf_loop *loop, unsigned entries)
{
	struct sheaf_loop_uring *u = &loop->uring;
	unsigned features = 0;
	int err;

	if (entries < ENTRIES_MIN)
		entries = ENTRIES_MIN;
	if (entries > ENTRIES_MAX)
		entries = ENTRIES_MAX;
	err = make_ring(&u->ring, entries, &features);
	if (err)
		return err;
	if ((features & FEATURES_NEEDED) != FEATURES_NEEDED) {
		io_uring_queue_exit(&u->ring);
		return -EOPNOTSUPP;
	}
	u->inline_fd = -1;
	u->other_fd = -1;
	return 0;
}

static void deinit(struct sheaf_loop *loop)
{
	/* What is in flight writes to memory that its owner is about to free. The kernel stops it when its thread
	 * ends; if that is us, stop it now. From any other thread this fails, and is not needed. */
	struct io_uring_sync_cancel_reg all = {
		.fd = -1,
		.flags = IORING_ASYNC_CANCEL_ANY,
		.timeout = { .tv_sec = CANCEL_SECONDS_MAX },
	};

	(void)io_uring_register_sync_cancel(&loop->uring.ring, &all);
	io_uring_queue_exit(&loop->uring.ring);
}

static int claim(struct sheaf_loop *loop)
{
	unsigned workers[2] = { WORKERS_BOUNDED_MAX,
				0 }; /* bounded; 0 leaves the unbounded as they are */

	/* io_uring_enable_rings() is declared by liburing 2.3, but its shared library does not export it. */
	if (syscall(__NR_io_uring_register, loop->uring.ring.ring_fd, IORING_REGISTER_ENABLE_RINGS,
		    NULL, 0) < 0)
		return -errno;
	(void)io_uring_register_iowq_max_workers(&loop->uring.ring, workers); /* a wish */
	return 0;
}

/* A registered ring saves a look-up per enter; it is registered with the thread, so only while that is known. */
static void run_begin(struct sheaf_loop *loop)
{
	loop->uring.fd_registered = io_uring_register_ring_fd(&loop->uring.ring) == 1;
}

static void run_end(struct sheaf_loop *loop)
{
	if (loop->uring.fd_registered)
		io_uring_unregister_ring_fd(&loop->uring.ring);
	loop->uring.fd_registered = false;
}

/* Does a write to @fd always complete while it is submitted? /dev/fuse does, and /dev/null, which tests use. */
static bool inline_expected(struct sheaf_loop_uring *u, int fd)
{
	struct stat st;

	if (fd == u->inline_fd)
		return true;
	if (fd == u->other_fd)
		return false;
	if (fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) &&
	    (st.st_rdev == makedev(FUSE_MAJOR, FUSE_MINOR) || major(st.st_rdev) == MEM_MAJOR)) {
		u->inline_fd = fd;
		return true;
	}
	u->other_fd = fd;
	return false;
}

static bool is_of_a_file(const struct sheaf_op *op)
{
	switch (op->code) {
	case SHEAF_OP_READV:
	case SHEAF_OP_WRITEV:
		return op->offset != UINT64_MAX;
	case SHEAF_OP_FSYNC:
	case SHEAF_OP_FALLOCATE:
		return true;
	default:
		return false;
	}
}

static void complete(struct sheaf_loop_uring *u, const struct io_uring_cqe *cqe)
{
	struct sheaf_op *op = (struct sheaf_op *)(uintptr_t)(cqe->user_data & ~TAG_MASK);
	int result = cqe->res;

	if (!op)
		return; /* a doorbell that failed: its loop is gone; a cancellation that found nothing */
	if (is_of_a_file(op))
		u->file_ops--;
	if (cqe->user_data & TAG_POLL)
		assert(result < 0); /* see 3 */
	else if (op->code == SHEAF_OP_POLL_IN && result > 0)
		result = 0;
	op->done(op, result);
}

/* How many completions this turn takes, see 6. */
static unsigned choose_pace(struct sheaf_loop_uring *u)
{
	unsigned here = io_uring_cq_ready(&u->ring), part;

	if (u->file_ops > here)
		u->paced = PACE_TURNS;
	else if (u->paced)
		u->paced--;
	if (!u->paced)
		return UINT_MAX;
	part = u->file_ops / PACE_PARTS;
	return part > PACE_MIN ? part : PACE_MIN;
}

static bool reap(struct sheaf_loop *loop)
{
	struct io_uring *ring = &loop->uring.ring;
	unsigned most = choose_pace(&loop->uring);
	struct io_uring_cqe *cqe;
	unsigned head, n = 0;

	/* No handler enters the kernel: operations only go to `started`, doorbells to the submission queue. */
	io_uring_for_each_cqe(ring, head, cqe)
	{
		if (n == most)
			break;
		complete(&loop->uring, cqe);
		n++;
	}
	io_uring_cq_advance(ring, n);
	return n == most && io_uring_cq_ready(ring);
}

static bool awaits_files(const struct sheaf_loop *loop)
{
	return loop->uring.paced > 0;
}

/* Submit; wait for @wait completions if that is not 0. 0 or -errno: fatal. */
static int enter(struct sheaf_loop *loop, unsigned wait)
{
	struct io_uring *ring = &loop->uring.ring;
	unsigned flags = IO_URING_READ_ONCE(*ring->sq.kflags);
	struct io_uring_cqe *cqe;
	struct timespec left;
	unsigned before, came;
	int r;

	if (!wait && !io_uring_sq_ready(ring) &&
	    !(flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)))
		return 0;

	before = io_uring_cq_ready(ring);
	sheaf_count_add(&loop->stats.enters, 1);
	if (!wait) {
		r = io_uring_submit_and_get_events(ring);
	} else if (sheaf_loop_time_left(loop, &left)) {
		struct __kernel_timespec ts = { .tv_sec = left.tv_sec, .tv_nsec = left.tv_nsec };

		r = io_uring_submit_and_wait_timeout(ring, &cqe, wait, &ts, NULL);
	} else {
		r = io_uring_submit_and_wait(ring, wait);
	}
	came = io_uring_cq_ready(ring) - before;

	/* More than we waited for were there before the wait; of the others, the expected ones. */
	if (!wait || came > wait) {
		sheaf_count_add(&loop->stats.inline_completions, came);
	} else {
		sheaf_count_add(&loop->stats.inline_completions, came < wait ? came : wait - 1);
		sheaf_count_add(&loop->stats.sleeps, 1);
	}
	if (r < 0 && r != -ETIME && r != -EINTR && r != -EAGAIN && r != -EBUSY)
		return r;
	return 0;
}

static void prepare_rw(struct io_uring_sqe *sqe, const struct sheaf_op *op)
{
	const struct iovec *iov = op->iov;
	bool reads = op->code != SHEAF_OP_WRITEV;

	/* One buffer needs no vector; the kernel then has less to copy and check. */
	if (op->iov_count == 1 && iov->iov_len <= INT32_MAX) {
		if (reads)
			io_uring_prep_read(sqe, op->fd, iov->iov_base, (unsigned)iov->iov_len,
					   op->offset);
		else
			io_uring_prep_write(sqe, op->fd, iov->iov_base, (unsigned)iov->iov_len,
					    op->offset);
		sqe->rw_flags = op->flags;
	} else if (reads) {
		io_uring_prep_readv2(sqe, op->fd, iov, op->iov_count, op->offset, op->flags);
	} else {
		io_uring_prep_writev2(sqe, op->fd, iov, op->iov_count, op->offset, op->flags);
	}
}

/* io_uring_enter(2), IORING_OP_URING_CMD: the command lies at the SQE's end, 80 bytes of it with SQE128. */
static void prepare_command(struct io_uring_sqe *sqe, const struct sheaf_op *op)
{
	memset(sqe, 0, 2 * sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = op->fd;
	sqe->cmd_op = (uint32_t)op->flags;
	sqe->addr = op->offset;
	sqe->len = op->iov_count;
	memcpy(sqe->cmd, op->arg, op->length);
}

/* There is room for @op's entries. Returns the number of completions that will be there on return from submitting. */
static unsigned prepare(struct sheaf_loop *loop, struct sheaf_op *op)
{
	struct io_uring *ring = &loop->uring.ring;
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	unsigned expected = 0;

	switch (op->code) {
	case SHEAF_OP_READV_WHEN_READY:
		io_uring_prep_poll_add(sqe, op->fd, POLLIN | EPOLLEXCLUSIVE);
		io_uring_sqe_set_flags(sqe, IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS);
		io_uring_sqe_set_data64(sqe, (uintptr_t)op | TAG_POLL);
		sqe = io_uring_get_sqe(ring);
		prepare_rw(sqe, op);
		break;
	case SHEAF_OP_READV:
		prepare_rw(sqe, op);
		break;
	case SHEAF_OP_WRITEV:
		prepare_rw(sqe, op);
		if (op->offset == UINT64_MAX && inline_expected(&loop->uring, op->fd))
			expected = 1;
		break;
	case SHEAF_OP_FSYNC:
		io_uring_prep_fsync(sqe, op->fd, op->flags ? IORING_FSYNC_DATASYNC : 0);
		break;
	case SHEAF_OP_FALLOCATE:
		io_uring_prep_fallocate(sqe, op->fd, op->flags, (off_t)op->offset,
					(off_t)op->length);
		break;
	case SHEAF_OP_POLL_IN:
		io_uring_prep_poll_add(sqe, op->fd, POLLIN);
		break;
	case SHEAF_OP_COMMAND:
		prepare_command(sqe, op);
		break;
	case SHEAF_OP_TIMER:
	case SHEAF_OP_CALL:
	case SHEAF_OP_READY:
		assert(!"an operation for the ring");
	}
	if (is_of_a_file(op))
		loop->uring.file_ops++;
	io_uring_sqe_set_data64(sqe, (uintptr_t)op);
	return expected;
}

static int submit(struct sheaf_loop *loop, bool may_sleep)
{
	struct io_uring *ring = &loop->uring.ring;
	unsigned expected = 0;
	struct sheaf_op *op;
	int err;

	while ((op = loop->started.head)) {
		unsigned entries = op->code == SHEAF_OP_READV_WHEN_READY ? 2 : 1;

		if (op->code == SHEAF_OP_CALL) {
			sheaf_op_list_pop(&loop->started);
			sheaf_loop_op_help(loop, op);
			continue;
		}
		if (io_uring_sq_space_left(ring) < entries) {
			may_sleep = false;
			err = enter(loop, 0);
			if (err)
				return err;
			if (io_uring_sq_space_left(ring) < entries)
				break; /* the kernel is short of something; the next turn tries again */
		}
		sheaf_op_list_pop(&loop->started);
		expected += prepare(loop, op);
	}
	if (!sheaf_op_list_empty(&loop->ready)) /* a call that no helper took */
		may_sleep = false;
	return enter(loop, may_sleep ? expected + 1 : 0);
}

static void ring_doorbell(struct sheaf_loop *loop, int doorbell_fd)
{
	static const uint64_t one = 1;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&loop->uring.ring);

	if (sqe) {
		io_uring_prep_write(sqe, doorbell_fd, &one, sizeof(one), UINT64_MAX);
		io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
		io_uring_sqe_set_data64(sqe, 0);
		return;
	}
	sheaf_loop_write_doorbell(loop, doorbell_fd); /* full of doorbells; handlers do not submit */
}

static void cancel_entry(struct sheaf_loop *loop, uint64_t user_data)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&loop->uring.ring);

	if (!sqe)
		return;
	io_uring_prep_cancel64(sqe, user_data, 0);
	io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
	io_uring_sqe_set_data64(sqe, 0);
}

static void cancel(struct sheaf_loop *loop, struct sheaf_op *op)
{
	/* Either the poll waits, and the read goes with it (3), or the read does. */
	if (op->code == SHEAF_OP_READV_WHEN_READY)
		cancel_entry(loop, (uintptr_t)op | TAG_POLL);
	cancel_entry(loop, (uintptr_t)op);
}

/* With DEFER_TASKRUN the kernel copies and completes in our io_uring_enter() only. */
static bool is_still(const struct sheaf_loop *loop)
{
	const struct io_uring *ring = &loop->uring.ring;

	return (ring->flags & IORING_SETUP_DEFER_TASKRUN) && !io_uring_sq_ready(ring) &&
	       !io_uring_cq_ready(ring) &&
	       !(IO_URING_READ_ONCE(*ring->sq.kflags) & IORING_SQ_CQ_OVERFLOW);
}

const struct sheaf_loop_backend sheaf_loop_backend_uring = {
	.init = init,
	.deinit = deinit,
	.claim = claim,
	.run_begin = run_begin,
	.run_end = run_end,
	.reap = reap,
	.submit = submit,
	.ring_doorbell = ring_doorbell,
	.cancel = cancel,
	.is_still = is_still,
	.awaits_files = awaits_files,
};
