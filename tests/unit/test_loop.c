/* SPDX-License-Identifier: MIT */
/**
 * test_loop.c - the loop's contract, the same tests on both back ends
 *
 * Loop tests run with _i = SHEAF_IO_URING and SHEAF_IO_SYNC. Where io_uring is forbidden, its half passes without
 * a look, and says so. A turn that should have slept for ever is ended by Check's timeout.
 */
#include "loop/loop.h"

#include "base/counter.h"

#include <check.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MS	  UINT64_C(1000000)
#define TURNS_MAX 1000
#define MANY	  300
#define NOT_DONE  INT32_MIN

struct test_op {
	struct sheaf_op op;
	int result;
	int count;
	unsigned order;
};

static unsigned order_next;

static void note_done(struct sheaf_op *op, int result)
{
	struct test_op *t = (struct test_op *)op;

	t->result = result;
	t->count++;
	t->order = order_next++;
}

#define TEST_OP                                                                                    \
	{                                                                                          \
		.op.done = note_done, .result = NOT_DONE                                           \
	}

/* NULL where there is no such back end. */
static struct sheaf_loop *make_loop(int backend, unsigned entries)
{
	struct sheaf_loop *loop = NULL;
	const char *reason;

	if (sheaf_loop_probe((enum sheaf_io_backend)backend, &reason) < 0) {
		printf("# skipped on io_uring: %s\n", reason);
		return NULL;
	}
	ck_assert_int_eq(sheaf_loop_create((enum sheaf_io_backend)backend, entries, &loop), 0);
	ck_assert_int_eq(sheaf_loop_backend(loop), backend);
	return loop;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 * MS + (uint64_t)ts.tv_nsec;
}

static void turns_until_done(struct sheaf_loop *loop, const struct test_op *t)
{
	for (int i = 0; t->count == 0; i++) {
		ck_assert_int_lt(i, TURNS_MAX);
		ck_assert_int_eq(sheaf_loop_turn(loop, true), 0);
	}
	ck_assert_int_eq(t->count, 1);
}

/* Turns that do not sleep: enough for all that is there to come out. */
static void quick_turns(struct sheaf_loop *loop)
{
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(sheaf_loop_turn(loop, false), 0);
}

static int make_file(void)
{
	char name[] = "/tmp/test_loop_XXXXXX";
	int fd = mkstemp(name);

	ck_assert_int_ge(fd, 0);
	unlink(name);
	return fd;
}

static void make_pipe(int fds[2])
{
	ck_assert_int_eq(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
}

START_TEST(file_is_written_read_synced_and_allocated)
{
	struct sheaf_loop *loop = make_loop(_i, 8);
	struct test_op w = TEST_OP, s = TEST_OP, f = TEST_OP, r = TEST_OP, d = TEST_OP;
	char a[4] = "abc", b[4] = "def", in[8] = "";
	struct iovec out[2] = { { a, 3 }, { b, 3 } }, one = { in, sizeof(in) };
	struct stat st;
	int fd;

	if (!loop)
		return;
	fd = make_file();
	sheaf_loop_writev(loop, &w.op, fd, out, 2, 4096, 0);
	turns_until_done(loop, &w);
	ck_assert_int_eq(w.result, 6);
	sheaf_loop_writev(loop, &d.op, fd, out, 1, 4099, RWF_DSYNC);
	turns_until_done(loop, &d);
	ck_assert_int_eq(d.result, 3);
	sheaf_loop_fsync(loop, &s.op, fd, true);
	turns_until_done(loop, &s);
	ck_assert_int_eq(s.result, 0);
	sheaf_loop_fallocate(loop, &f.op, fd, 0, 0, 65536);
	turns_until_done(loop, &f);
	ck_assert(f.result == 0 || f.result == -EOPNOTSUPP);
	if (f.result == 0) {
		ck_assert_int_eq(fstat(fd, &st), 0);
		ck_assert_int_eq(st.st_size, 65536);
	}
	sheaf_loop_readv(loop, &r.op, fd, &one, 1, 4096, 0);
	turns_until_done(loop, &r);
	ck_assert_int_ge(r.result, 6);
	ck_assert_mem_eq(in, "abcabc", 6);
	close(fd);
	sheaf_loop_free(loop);
}
END_TEST

START_TEST(errors_are_results)
{
	struct sheaf_loop *loop = make_loop(_i, 8);
	struct test_op r = TEST_OP, w = TEST_OP, s = TEST_OP, f = TEST_OP, p = TEST_OP;
	char c;
	struct iovec iov = { &c, 1 };
	int closed;

	if (!loop)
		return;
	/* A number that nobody has. */
	closed = fcntl(0, F_DUPFD, 500);
	ck_assert_int_ge(closed, 0);
	close(closed);
	sheaf_loop_readv(loop, &r.op, closed, &iov, 1, 0, 0);
	sheaf_loop_fsync(loop, &s.op, closed, false);
	sheaf_loop_fallocate(loop, &f.op, closed, 0, 0, 1);
	sheaf_loop_poll_in(loop, &p.op, closed);
	sheaf_loop_readv_when_ready(loop, &w.op, closed, &iov, 1);
	turns_until_done(loop, &r);
	turns_until_done(loop, &s);
	turns_until_done(loop, &f);
	turns_until_done(loop, &p);
	turns_until_done(loop, &w);
	quick_turns(loop);
	ck_assert_int_eq(r.result, -EBADF);
	ck_assert_int_eq(s.result, -EBADF);
	ck_assert_int_eq(f.result, -EBADF);
	ck_assert_int_eq(p.result, -EBADF);
	ck_assert_int_eq(w.result, -EBADF);
	ck_assert_int_eq(w.count, 1);
	sheaf_loop_free(loop);
}
END_TEST

START_TEST(readv_when_ready_waits_for_input)
{
	struct sheaf_loop *loop = make_loop(_i, 8);
	struct test_op r = TEST_OP;
	char in[2][4];
	struct iovec iov[2] = { { in[0], 2 }, { in[1], 4 } };
	int fds[2];

	if (!loop)
		return;
	make_pipe(fds);
	sheaf_loop_readv_when_ready(loop, &r.op, fds[0], iov, 2);
	quick_turns(loop);
	ck_assert_int_eq(r.count, 0);
	ck_assert_int_eq(write(fds[1], "hello", 5), 5);
	turns_until_done(loop, &r);
	ck_assert_int_eq(r.result, 5);
	ck_assert_mem_eq(in[0], "he", 2);
	ck_assert_mem_eq(in[1], "llo", 3);

	/* The end of input is input. */
	r = (struct test_op)TEST_OP;
	sheaf_loop_readv_when_ready(loop, &r.op, fds[0], iov, 2);
	close(fds[1]);
	turns_until_done(loop, &r);
	ck_assert_int_eq(r.result, 0);
	close(fds[0]);
	sheaf_loop_free(loop);
}
END_TEST

/* One byte for two readers: the second gets -EAGAIN, or (io_uring, files that can wait) the next byte. */
START_TEST(readv_when_ready_gives_eagain_or_waits_when_another_took_it)
{
	struct sheaf_loop *loop = make_loop(_i, 8);
	struct test_op r[2] = { TEST_OP, TEST_OP };
	char in[2] = "";
	struct iovec iov[2] = { { &in[0], 1 }, { &in[1], 1 } };
	int fds[2];

	if (!loop)
		return;
	make_pipe(fds);
	for (int i = 0; i < 2; i++)
		sheaf_loop_readv_when_ready(loop, &r[i].op, fds[0], &iov[i], 1);
	quick_turns(loop);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	quick_turns(loop);
	ck_assert_int_ge(r[0].count + r[1].count, 1);
	ck_assert((r[0].result == 1) != (r[1].result == 1));
	ck_assert_int_eq(write(fds[1], "y", 1), 1);
	turns_until_done(loop, &r[0]);
	turns_until_done(loop, &r[1]);
	for (int i = 0; i < 2; i++)
		ck_assert(r[i].result == 1 || r[i].result == -EAGAIN);
	if (_i == SHEAF_IO_SYNC)
		ck_assert_int_eq(r[1].result, -EAGAIN);
	close(fds[0]);
	close(fds[1]);
	sheaf_loop_free(loop);
}
END_TEST

START_TEST(read_that_waits_can_be_taken_back)
{
	struct sheaf_loop *loop = make_loop(_i, 8);
	struct test_op r[3] = { TEST_OP, TEST_OP, TEST_OP };
	struct iovec iov[3];
	char text[3];
	int fds[2];

	if (!loop)
		return;
	make_pipe(fds);
	for (unsigned i = 0; i < 3; i++) {
		iov[i] = (struct iovec){ &text[i], 1 };
		sheaf_loop_readv(loop, &r[i].op, fds[0], &iov[i], 1, UINT64_MAX, 0);
	}
	quick_turns(loop);
	sheaf_loop_cancel(loop, &r[0].op);
	sheaf_loop_cancel(loop, &r[2].op);
	turns_until_done(loop, &r[0]);
	turns_until_done(loop, &r[2]);
	if (_i == SHEAF_IO_SYNC) { /* there such reads do not wait */
		ck_assert_int_eq(r[0].result, -EAGAIN);
	} else {
		ck_assert_int_eq(r[0].result, -ECANCELED);
		ck_assert_int_eq(r[2].result, -ECANCELED);
		ck_assert_int_eq(r[1].count, 0);
		sheaf_loop_cancel(loop, &r[0].op); /* too late, and nothing comes of it */
		ck_assert_int_eq(write(fds[1], "x", 1), 1);
		turns_until_done(loop, &r[1]);
		ck_assert_int_eq(r[1].result, 1);
	}
	quick_turns(loop);
	ck_assert_int_eq(r[0].count, 1);
	sheaf_loop_free(loop);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

/* On either back end: what waits by a poll, in the middle of others. */
START_TEST(read_when_ready_can_be_taken_back)
{
	struct sheaf_loop *loop = make_loop(_i, 8);
	struct test_op r[3] = { TEST_OP, TEST_OP, TEST_OP };
	struct iovec iov[3];
	char text[3];
	int fds[2];

	if (!loop)
		return;
	make_pipe(fds);
	for (unsigned i = 0; i < 3; i++) {
		iov[i] = (struct iovec){ &text[i], 1 };
		sheaf_loop_readv_when_ready(loop, &r[i].op, fds[0], &iov[i], 1);
	}
	quick_turns(loop);
	sheaf_loop_cancel(loop, &r[1].op);
	turns_until_done(loop, &r[1]);
	ck_assert_int_eq(r[1].result, -ECANCELED);
	ck_assert_int_eq(r[0].count + r[2].count, 0);
	sheaf_loop_cancel(loop, &r[1].op); /* too late, and nothing comes of it */
	/* The polls are exclusive: each byte wakes one, and the sync back end both, of which one gets it. */
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(write(fds[1], "x", 1), 1);
		quick_turns(loop);
	}
	turns_until_done(loop, &r[0]);
	turns_until_done(loop, &r[2]);
	ck_assert(r[0].result == 1 || r[2].result == 1);
	quick_turns(loop);
	ck_assert_int_eq(r[1].count, 1);
	sheaf_loop_free(loop);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

/* Is it, when a handler asks? */
static struct sheaf_loop *still_loop;
static bool was_still;

static void note_still(struct sheaf_op *op, int result)
{
	was_still = sheaf_loop_is_still(still_loop);
	note_done(op, result);
}

START_TEST(loop_is_still_when_all_is_submitted_and_delivered)
{
	struct sheaf_loop *loop = make_loop(_i, 8);
	struct test_op r = TEST_OP, t = TEST_OP;
	struct iovec iov;
	char text;
	int fds[2];

	if (!loop)
		return;
	still_loop = loop;
	make_pipe(fds);
	iov = (struct iovec){ &text, 1 };
	sheaf_loop_readv_when_ready(loop, &r.op, fds[0], &iov, 1);
	ck_assert(!sheaf_loop_is_still(loop));
	t.op.done = note_still;
	sheaf_loop_timer(loop, &t.op, MS);
	turns_until_done(loop, &t);
	if (!was_still)
		printf("# not looked at: a kernel without IORING_SETUP_DEFER_TASKRUN\n");
	/* What came since is seen in a turn at the earliest. */
	text = 0;
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	ck_assert(!was_still || (sheaf_loop_is_still(loop) && text == 0));
	turns_until_done(loop, &r);
	ck_assert_int_eq(text, 'x');
	sheaf_loop_ring_doorbell(loop, sheaf_loop_doorbell_fd(loop));
	ck_assert(_i == SHEAF_IO_SYNC || !sheaf_loop_is_still(loop));
	quick_turns(loop);
	sheaf_loop_free(loop);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(poll_in_is_one_shot_and_takes_nothing)
{
	struct sheaf_loop *loop = make_loop(_i, 8);
	struct test_op p = TEST_OP;
	char c;
	int fds[2];

	if (!loop)
		return;
	make_pipe(fds);
	sheaf_loop_poll_in(loop, &p.op, fds[0]);
	quick_turns(loop);
	ck_assert_int_eq(p.count, 0);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	turns_until_done(loop, &p);
	quick_turns(loop);
	ck_assert_int_eq(p.count, 1);
	ck_assert_int_eq(p.result, 0);
	ck_assert_int_eq(read(fds[0], &c, 1), 1);
	close(fds[0]);
	close(fds[1]);
	sheaf_loop_free(loop);
}
END_TEST

START_TEST(timers_come_in_order_of_time_and_never_early)
{
	struct sheaf_loop *loop = make_loop(_i, 8);
	struct test_op t[4] = { TEST_OP, TEST_OP, TEST_OP, TEST_OP };
	uint64_t begin = now_ns();

	if (!loop)
		return;
	order_next = 0;
	sheaf_loop_timer(loop, &t[0].op, 30 * MS);
	sheaf_loop_timer(loop, &t[1].op, 10 * MS);
	sheaf_loop_timer(loop, &t[2].op, 0);
	sheaf_loop_timer(loop, &t[3].op, UINT64_MAX);
	turns_until_done(loop, &t[2]);
	turns_until_done(loop, &t[1]);
	ck_assert_uint_ge(now_ns() - begin, 10 * MS);
	ck_assert_int_eq(t[0].count, 0);
	turns_until_done(loop, &t[0]);
	ck_assert_uint_ge(now_ns() - begin, 30 * MS);
	ck_assert_uint_eq(t[2].order, 0);
	ck_assert_uint_eq(t[1].order, 1);
	ck_assert_uint_eq(t[0].order, 2);
	ck_assert_int_eq(t[0].result, 0);
	ck_assert_int_eq(t[3].count, 0);
	/* It slept meanwhile. */
	ck_assert_uint_lt(sheaf_count_get(&sheaf_loop_stats(loop)->turns), 20);
	sheaf_loop_free(loop);
}
END_TEST

static int slow_double(void *arg)
{
	int *n = arg;

	usleep(2000);
	return *n * 2;
}

START_TEST(calls_run_beside_the_loop_and_all_return)
{
	struct sheaf_loop *loop = make_loop(_i, 8);
	static struct test_op calls[20];
	int n[20];

	if (!loop)
		return;
	for (int i = 0; i < 20; i++) {
		calls[i] = (struct test_op)TEST_OP;
		n[i] = i;
		sheaf_loop_call(loop, &calls[i].op, slow_double, &n[i]);
		ck_assert_int_eq(calls[i].count, 0);
	}
	for (int i = 0; i < 20; i++) {
		turns_until_done(loop, &calls[i]);
		ck_assert_int_eq(calls[i].result, 2 * i);
	}
	sheaf_loop_free(loop);
}
END_TEST

START_TEST(loop_with_calls_in_flight_can_be_freed)
{
	struct sheaf_loop *loop = make_loop(_i, 8);
	static struct test_op calls[20];
	static int n = 1;

	if (!loop)
		return;
	for (int i = 0; i < 20; i++) {
		calls[i] = (struct test_op)TEST_OP;
		sheaf_loop_call(loop, &calls[i].op, slow_double, &n);
	}
	quick_turns(loop);
	sheaf_loop_free(loop);
}
END_TEST

START_TEST(ready_comes_in_order_in_the_same_turn)
{
	struct sheaf_loop *loop = make_loop(_i, 8);
	struct test_op r[3] = { TEST_OP, TEST_OP, TEST_OP };

	if (!loop)
		return;
	order_next = 0;
	for (int i = 0; i < 3; i++)
		sheaf_loop_ready(loop, &r[i].op, 10 + i);
	ck_assert_int_eq(r[0].count, 0);
	ck_assert_int_eq(sheaf_loop_turn(loop, true), 0);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(r[i].count, 1);
		ck_assert_int_eq(r[i].result, (int)(10 + i));
		ck_assert_uint_eq(r[i].order, i);
	}
	sheaf_loop_free(loop);
}
END_TEST

/* Starts itself again from its done(), in every way that is complete at once. */
struct chain {
	struct sheaf_op op;
	struct sheaf_loop *loop;
	int null_fd;
	int left;
	bool in_start;
};

static void chain_done(struct sheaf_op *op, int result)
{
	static char buf[1];
	static const struct iovec iov = { buf, 1 };
	struct chain *c = (struct chain *)op;

	ck_assert(!c->in_start);
	ck_assert_int_eq(result, 0);
	if (--c->left <= 0)
		return;
	c->in_start = true;
	switch (c->left % 3) {
	case 0:
		sheaf_loop_ready(c->loop, op, 0);
		break;
	case 1:
		sheaf_loop_timer(c->loop, op, 0);
		break;
	case 2:
		sheaf_loop_readv(c->loop, op, c->null_fd, &iov, 1, 0, 0);
		break;
	}
	c->in_start = false;
}

START_TEST(done_never_runs_inside_the_start)
{
	struct sheaf_loop *loop = make_loop(_i, 8);
	struct chain c = { .op.done = chain_done, .loop = loop, .left = 200 };

	if (!loop)
		return;
	c.null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	sheaf_loop_ready(loop, &c.op, 0);
	for (int i = 0; c.left > 0; i++) {
		ck_assert_int_lt(i, TURNS_MAX);
		ck_assert_int_eq(sheaf_loop_turn(loop, true), 0);
	}
	close(c.null_fd);
	sheaf_loop_free(loop);
}
END_TEST

static void *wake_later(void *arg)
{
	usleep(10000);
	sheaf_loop_wake(arg);
	return NULL;
}

START_TEST(wake_ends_a_sleep_each_time)
{
	struct sheaf_loop *loop = make_loop(_i, 8);
	pthread_t thread;

	if (!loop)
		return;
	quick_turns(loop);
	for (int i = 0; i < 3; i++) {
		uint64_t begin = now_ns();

		ck_assert_int_eq(pthread_create(&thread, NULL, wake_later, loop), 0);
		ck_assert_int_eq(sheaf_loop_turn(loop, true), 0);
		ck_assert_uint_ge(now_ns() - begin, 5 * MS);
		quick_turns(loop); /* take the doorbell's completion and arm it again */
		pthread_join(thread, NULL);
	}
	sheaf_loop_free(loop);
}
END_TEST

static void *run_loop(void *arg)
{
	ck_assert_int_eq(sheaf_loop_run(arg), 0);
	return NULL;
}

START_TEST(idle_loop_takes_no_turns_and_stops)
{
	struct sheaf_loop *loop = make_loop(_i, 8);
	const struct sheaf_loop_stats *stats;
	pthread_t thread;
	uint64_t turns;

	if (!loop)
		return;
	stats = sheaf_loop_stats(loop);
	ck_assert_int_eq(pthread_create(&thread, NULL, run_loop, loop), 0);
	usleep(50000);
	turns = sheaf_count_get(&stats->turns);
	ck_assert_uint_ge(turns, 1);
	ck_assert_uint_le(turns, 3);
	usleep(200000);
	ck_assert_uint_eq(sheaf_count_get(&stats->turns), turns);
	sheaf_loop_stop(loop);
	sheaf_loop_wake(loop);
	pthread_join(thread, NULL);
	sheaf_loop_free(loop);
}
END_TEST

START_TEST(stop_before_run_counts)
{
	struct sheaf_loop *loop = make_loop(_i, 8);

	if (!loop)
		return;
	sheaf_loop_stop(loop);
	ck_assert_int_eq(sheaf_loop_run(loop), 0);
	sheaf_loop_free(loop);
}
END_TEST

/* Two loops throw a ball through memory, and wake each other by doorbells. */
#define THROWS 2000

struct player {
	struct sheaf_loop_hook hook;
	struct sheaf_loop *loop;
	struct player *other;
	_Atomic unsigned ball; /* W: the other player adds, this one compares */
	unsigned taken;
	_Atomic bool asleep;
};

static bool player_poll(struct sheaf_loop_hook *hook)
{
	struct player *p = (struct player *)hook;

	if (atomic_load(&p->ball) == p->taken)
		return false;
	p->taken++;
	if (p->taken == THROWS)
		sheaf_loop_stop(p->loop);
	atomic_fetch_add(&p->other->ball, 1);
	if (atomic_load(&p->other->asleep))
		sheaf_loop_ring_doorbell(p->loop, sheaf_loop_doorbell_fd(p->other->loop));
	return true;
}

static bool player_may_sleep(struct sheaf_loop_hook *hook)
{
	struct player *p = (struct player *)hook;

	atomic_store(&p->asleep, true);
	return atomic_load(&p->ball) == p->taken;
}

static void player_awake(struct sheaf_loop_hook *hook)
{
	atomic_store(&((struct player *)hook)->asleep, false);
}

START_TEST(doorbells_wake_across_threads_and_none_is_lost)
{
	struct player p[2] = { 0 };
	pthread_t threads[2];

	for (int i = 0; i < 2; i++) {
		p[i].loop = make_loop(_i, 8);
		if (!p[i].loop)
			return;
		p[i].other = &p[!i];
		p[i].hook.poll = player_poll;
		p[i].hook.may_sleep = player_may_sleep;
		p[i].hook.awake = player_awake;
		sheaf_loop_add_hook(p[i].loop, &p[i].hook);
	}
	atomic_store(&p[0].ball, 1);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, run_loop, p[i].loop), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(p[i].taken, THROWS);
		ck_assert_uint_le(sheaf_count_get(&sheaf_loop_stats(p[i].loop)->doorbells), THROWS);
	}
	for (int i = 0; i < 2; i++)
		sheaf_loop_free(p[i].loop);
}
END_TEST

START_TEST(more_operations_than_entries_are_all_done)
{
	struct sheaf_loop *loop = make_loop(_i, 8);
	static struct test_op ops[MANY];
	static uint32_t values[MANY];
	static struct iovec iovs[MANY];
	int fds[2], fd, done = 0;
	struct test_op bell = TEST_OP;

	if (!loop)
		return;
	fd = make_file();
	make_pipe(fds);
	for (uint32_t i = 0; i < MANY; i++) {
		ops[i] = (struct test_op)TEST_OP;
		values[i] = i;
		iovs[i] = (struct iovec){ &values[i], sizeof(values[i]) };
		if (i % 3 == 0)
			sheaf_loop_poll_in(loop, &ops[i].op, fds[0]);
		else if (i % 3 == 1)
			sheaf_loop_readv_when_ready(loop, &ops[i].op, fds[0], &iovs[i], 1);
		else
			sheaf_loop_writev(loop, &ops[i].op, fd, &iovs[i], 1, i * 4, 0);
	}
	quick_turns(loop);
	for (int i = 0; i < MANY; i++)
		ck_assert(ops[i].count == 0 || i % 3 == 2);
	for (int i = 0; i < MANY; i++)
		ck_assert_int_eq(write(fds[1], "abcd", 4), 4);
	sheaf_loop_timer(loop, &bell.op, 5000 * MS);
	for (int turn = 0; done < MANY; turn++) {
		ck_assert_int_lt(turn, TURNS_MAX);
		ck_assert_int_eq(bell.count, 0);
		ck_assert_int_eq(sheaf_loop_turn(loop, true), 0);
		done = 0;
		for (int i = 0; i < MANY; i++)
			done += ops[i].count;
	}
	quick_turns(loop);
	for (int i = 0; i < MANY; i++) {
		ck_assert_int_eq(ops[i].count, 1);
		ck_assert_int_eq(ops[i].result, i % 3 ? 4 : 0);
	}
	close(fd);
	close(fds[0]);
	close(fds[1]);
	sheaf_loop_free(loop);
}
END_TEST

START_TEST(many_doorbells_in_one_turn_all_ring)
{
	struct sheaf_loop *loop = make_loop(_i, 8);
	uint64_t value = 0;
	int bell;

	if (!loop)
		return;
	bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	for (int i = 0; i < 100; i++)
		sheaf_loop_ring_doorbell(loop, bell);
	quick_turns(loop);
	ck_assert_int_eq(read(bell, &value, sizeof(value)), sizeof(value));
	ck_assert_uint_eq(value, 100);
	ck_assert_uint_eq(sheaf_count_get(&sheaf_loop_stats(loop)->doorbells), 100);
	close(bell);
	sheaf_loop_free(loop);
}
END_TEST

/* Replies to a device and a sleep cost one enter. */
START_TEST(replies_do_not_end_the_sleep_they_were_submitted_with)
{
	struct sheaf_loop *loop = make_loop(_i, 8);
	const struct sheaf_loop_stats *stats;
	struct test_op w[4] = { TEST_OP, TEST_OP, TEST_OP, TEST_OP }, t = TEST_OP;
	char out[1] = "x";
	struct iovec iov = { out, 1 };
	uint64_t enters, begin;
	int null;

	if (!loop)
		return;
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(null, 0);
	stats = sheaf_loop_stats(loop);
	quick_turns(loop);
	enters = sheaf_count_get(&stats->enters);
	begin = now_ns();
	for (int i = 0; i < 4; i++)
		sheaf_loop_writev(loop, &w[i].op, null, &iov, 1, UINT64_MAX, 0);
	sheaf_loop_timer(loop, &t.op, 20 * MS);
	ck_assert_int_eq(sheaf_loop_turn(loop, true), 0);
	if (_i == SHEAF_IO_URING) {
		ck_assert_uint_ge(now_ns() - begin, 20 * MS);
		ck_assert_uint_eq(sheaf_count_get(&stats->enters), enters + 1);
	}
	turns_until_done(loop, &t);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(w[i].count, 1);
		ck_assert_int_eq(w[i].result, 1);
	}
	ck_assert_uint_ge(sheaf_count_get(&stats->inline_completions), 4);
	close(null);
	sheaf_loop_free(loop);
}
END_TEST

/* The pipe is full until we handle another completion: waiting for both would last for ever. */
START_TEST(a_reply_that_waits_for_us_does_not_hold_up_the_loop)
{
	struct sheaf_loop *loop = make_loop(_i, 8);
	struct test_op w = TEST_OP, r = TEST_OP;
	static char fill[65536];
	struct iovec iov = { fill, 1 }, in = { &fill[1], 1 };
	int full[2], other[2];

	if (!loop)
		return;
	make_pipe(full);
	make_pipe(other);
	while (write(full[1], fill, sizeof(fill)) > 0)
		continue;
	sheaf_loop_writev(loop, &w.op, full[1], &iov, 1, UINT64_MAX, 0);
	sheaf_loop_readv_when_ready(loop, &r.op, other[0], &in, 1);
	ck_assert_int_eq(write(other[1], "x", 1), 1);
	turns_until_done(loop, &r);
	while (read(full[0], fill, sizeof(fill)) > 0)
		continue;
	turns_until_done(loop, &w);
	ck_assert(w.result == 1 || w.result == -EAGAIN);
	for (int i = 0; i < 2; i++) {
		close(full[i]);
		close(other[i]);
	}
	sheaf_loop_free(loop);
}
END_TEST

/* A failed write to a device is a completion too; the loop does not miss it. */
START_TEST(a_failed_reply_is_counted_as_well)
{
	struct sheaf_loop *loop = make_loop(_i, 8);
	struct test_op w = TEST_OP, t = TEST_OP;
	char out[1] = "x";
	struct iovec iov = { out, 1 };
	int full;

	if (!loop)
		return;
	full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(full, 0);
	sheaf_loop_writev(loop, &w.op, full, &iov, 1, UINT64_MAX, 0);
	sheaf_loop_timer(loop, &t.op, 10 * MS);
	turns_until_done(loop, &t);
	ck_assert_int_eq(w.count, 1);
	ck_assert_int_eq(w.result, -ENOSPC);
	close(full);
	sheaf_loop_free(loop);
}
END_TEST

struct hook_log {
	struct sheaf_loop_hook hook;
	char log[256];
	size_t n;
	int flush_more;
	bool poll_found;
	bool sleep_ok;
};

static void log_char(struct sheaf_loop_hook *hook, char c)
{
	struct hook_log *h = (struct hook_log *)hook;

	if (h->n < sizeof(h->log) - 1)
		h->log[h->n++] = c;
	h->log[h->n] = '\0';
}

static bool log_poll(struct sheaf_loop_hook *hook)
{
	log_char(hook, 'p');
	return ((struct hook_log *)hook)->poll_found;
}

static bool log_flush(struct sheaf_loop_hook *hook)
{
	log_char(hook, 'f');
	return ((struct hook_log *)hook)->flush_more-- > 0;
}

static bool log_may_sleep(struct sheaf_loop_hook *hook)
{
	log_char(hook, 's');
	return ((struct hook_log *)hook)->sleep_ok;
}

static void log_awake(struct sheaf_loop_hook *hook)
{
	log_char(hook, 'a');
}

START_TEST(hooks_come_in_the_order_of_a_turn)
{
	struct sheaf_loop *loop = make_loop(_i, 8);
	struct hook_log h = { .hook = { .poll = log_poll,
					.flush = log_flush,
					.may_sleep = log_may_sleep,
					.awake = log_awake } };
	struct hook_log no_sleep = { .hook = { .poll = log_poll }, .poll_found = true };

	if (!loop)
		return;
	sheaf_loop_add_hook(loop, &h.hook);
	h.flush_more = 2;
	ck_assert_int_eq(sheaf_loop_turn(loop, true), 0); /* it is new: does not sleep */
	ck_assert_str_eq(h.log, "fffpf");
	h.n = 0;
	h.flush_more = 0;
	ck_assert_int_eq(sheaf_loop_turn(loop, true), 0); /* it says no: does not sleep */
	ck_assert_str_eq(h.log, "fsapf");
	h.n = 0;
	h.flush_more = 0;
	ck_assert_int_eq(sheaf_loop_turn(loop, false), 0);
	ck_assert_str_eq(h.log, "fpf");
	/* A flush that never ends is left, without a sleep. */
	h.n = 0;
	h.sleep_ok = true;
	h.flush_more = INT32_MAX;
	ck_assert_int_eq(sheaf_loop_turn(loop, true), 0);
	ck_assert_uint_eq(h.n, 64 + 1 + 64);
	/* One that found something and cannot look again keeps the loop awake. */
	h.n = 0;
	h.flush_more = 0;
	sheaf_loop_add_hook(loop, &no_sleep.hook);
	ck_assert_int_eq(sheaf_loop_turn(loop, true), 0);
	ck_assert_str_eq(h.log, "fpf");
	ck_assert_str_eq(no_sleep.log, "p");
	sheaf_loop_remove_hook(loop, &no_sleep.hook);
	sheaf_loop_remove_hook(loop, &h.hook);
	h.n = 0;
	quick_turns(loop);
	ck_assert_uint_eq(h.n, 0);
	sheaf_loop_free(loop);
}
END_TEST

START_TEST(probe_says_which_and_why)
{
	const char *reason = NULL;
	struct sheaf_loop *loop = NULL;
	int r = sheaf_loop_probe(SHEAF_IO_AUTO, &reason);

	ck_assert(r == SHEAF_IO_URING || r == SHEAF_IO_SYNC);
	ck_assert_ptr_nonnull(reason);
	ck_assert_int_eq(sheaf_loop_probe(SHEAF_IO_SYNC, &reason), SHEAF_IO_SYNC);

	setenv("SHEAF_TEST_NO_URING", "1", 1);
	ck_assert_int_eq(sheaf_loop_probe(SHEAF_IO_AUTO, &reason), SHEAF_IO_SYNC);
	ck_assert_ptr_nonnull(strstr(reason, "kernel.io_uring_disabled"));
	ck_assert_int_eq(sheaf_loop_probe(SHEAF_IO_URING, &reason), -EPERM);
	ck_assert_int_eq(sheaf_loop_create(SHEAF_IO_URING, 8, &loop), -EPERM);
	ck_assert_ptr_null(loop);
	unsetenv("SHEAF_TEST_NO_URING");
	ck_assert_int_eq(sheaf_loop_create(SHEAF_IO_AUTO, 8, &loop), -EINVAL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("loop");
	TCase *tc = tcase_create("both_back_ends");
	TCase *probe = tcase_create("probe");
	SRunner *runner;
	int failed;

#define BOTH(test) tcase_add_loop_test(tc, test, SHEAF_IO_URING, SHEAF_IO_SYNC + 1)
	BOTH(file_is_written_read_synced_and_allocated);
	BOTH(errors_are_results);
	BOTH(readv_when_ready_waits_for_input);
	BOTH(readv_when_ready_gives_eagain_or_waits_when_another_took_it);
	BOTH(read_that_waits_can_be_taken_back);
	BOTH(read_when_ready_can_be_taken_back);
	BOTH(loop_is_still_when_all_is_submitted_and_delivered);
	BOTH(poll_in_is_one_shot_and_takes_nothing);
	BOTH(timers_come_in_order_of_time_and_never_early);
	BOTH(calls_run_beside_the_loop_and_all_return);
	BOTH(loop_with_calls_in_flight_can_be_freed);
	BOTH(ready_comes_in_order_in_the_same_turn);
	BOTH(done_never_runs_inside_the_start);
	BOTH(wake_ends_a_sleep_each_time);
	BOTH(idle_loop_takes_no_turns_and_stops);
	BOTH(stop_before_run_counts);
	BOTH(doorbells_wake_across_threads_and_none_is_lost);
	BOTH(more_operations_than_entries_are_all_done);
	BOTH(many_doorbells_in_one_turn_all_ring);
	BOTH(replies_do_not_end_the_sleep_they_were_submitted_with);
	BOTH(a_reply_that_waits_for_us_does_not_hold_up_the_loop);
	BOTH(a_failed_reply_is_counted_as_well);
	BOTH(hooks_come_in_the_order_of_a_turn);
	tcase_set_timeout(tc, 5);
	suite_add_tcase(suite, tc);
	tcase_add_test(probe, probe_says_which_and_why);
	suite_add_tcase(suite, probe);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
