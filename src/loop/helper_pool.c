/* SPDX-License-Identifier: MIT */
/**
 * helper_pool.c - a few threads for calls that block
 *
 *   1. `lock` guards all fields but `doorbell_fd`; results_waiting is also read without it.
 *   2. The doorbell rings when the list of results stops being empty, after the lock was left.
 *   3. Helpers run with all signals blocked; they never touch the loop.
 */
#include "helper_pool.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define HELPER_THREADS_MAX 4

struct sheaf_helper_pool {
	int doorbell_fd;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct sheaf_op_list queue;
	struct sheaf_op_list results;
	atomic_bool results_waiting; /* saves the loop the lock in most turns */
	unsigned queued_count;
	unsigned idle_count;
	unsigned thread_count;
	bool stopping;
	pthread_t threads[HELPER_THREADS_MAX];
};

static void ring(int doorbell_fd)
{
	static const uint64_t one = 1;
	ssize_t n;

	do {
		n = write(doorbell_fd, &one, sizeof(one));
	} while (n < 0 && errno == EINTR);
	/* EAGAIN: the counter is at its end, so it is readable: rung. */
}

static int do_call(const struct sheaf_op *op)
{
	int r;

	switch (op->code) {
	case SHEAF_OP_CALL:
		return op->call(op->arg);
	case SHEAF_OP_FSYNC:
		r = op->flags ? fdatasync(op->fd) : fsync(op->fd);
		return r < 0 ? -errno : 0;
	case SHEAF_OP_FALLOCATE:
		do {
			r = fallocate(op->fd, op->flags, (off_t)op->offset, (off_t)op->length);
		} while (r < 0 && errno == EINTR);
		return r < 0 ? -errno : 0;
	default:
		assert(!"an operation for helpers");
		return -EINVAL;
	}
}

static void *helper_main(void *arg)
{
	struct sheaf_helper_pool *pool = arg;
	const struct sched_param param = { 0 };

	/* A loop's thread may run under SCHED_IDLE, which is inherited. Who blocks in a filesystem needs no such favour. */
	sched_setscheduler(0, SCHED_OTHER, &param);
	pthread_mutex_lock(&pool->lock);
	for (;;) {
		struct sheaf_op *op;
		bool first;

		while (!pool->stopping && sheaf_op_list_empty(&pool->queue)) {
			pool->idle_count++;
			pthread_cond_wait(&pool->work, &pool->lock);
			pool->idle_count--;
		}
		if (pool->stopping)
			break;
		op = sheaf_op_list_pop(&pool->queue);
		pool->queued_count--;
		pthread_mutex_unlock(&pool->lock);

		op->result = do_call(op);

		pthread_mutex_lock(&pool->lock);
		first = sheaf_op_list_empty(&pool->results);
		sheaf_op_list_append(&pool->results, op);
		atomic_store(&pool->results_waiting, true);
		if (first) {
			pthread_mutex_unlock(&pool->lock);
			ring(pool->doorbell_fd);
			pthread_mutex_lock(&pool->lock);
		}
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

struct sheaf_helper_pool *sheaf_helper_pool_new(int doorbell_fd)
{
	struct sheaf_helper_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->doorbell_fd = doorbell_fd;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	return pool;
}

struct sheaf_helper_pool *sheaf_helper_pool_free(struct sheaf_helper_pool *pool)
{
	if (!pool)
		return NULL;
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned i = 0; i < pool->thread_count; i++)
		pthread_join(pool->threads[i], NULL);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
	return NULL;
}

/* Called locked. */
static int start_thread(struct sheaf_helper_pool *pool)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&pool->threads[pool->thread_count], NULL, helper_main, pool);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		return -err;
	pool->thread_count++;
	return 0;
}

int sheaf_helper_pool_submit(struct sheaf_helper_pool *pool, struct sheaf_op *op)
{
	int err = 0;

	pthread_mutex_lock(&pool->lock);
	if (pool->queued_count >= pool->idle_count && pool->thread_count < HELPER_THREADS_MAX)
		err = start_thread(pool);
	if (err && pool->thread_count > 0)
		err = 0; /* the threads there are will come to it */
	if (!err) {
		sheaf_op_list_append(&pool->queue, op);
		pool->queued_count++;
		pthread_cond_signal(&pool->work);
	}
	pthread_mutex_unlock(&pool->lock);
	return err;
}

struct sheaf_op_list sheaf_helper_pool_take(struct sheaf_helper_pool *pool)
{
	struct sheaf_op_list taken = { 0 };

	if (!atomic_load(&pool->results_waiting))
		return taken;
	pthread_mutex_lock(&pool->lock);
	taken = sheaf_op_list_take(&pool->results);
	atomic_store(&pool->results_waiting, false);
	pthread_mutex_unlock(&pool->lock);
	return taken;
}
