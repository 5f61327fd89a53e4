/* SPDX-License-Identifier: MIT */
/* caller.c - see caller.h */
#include "fuse/caller.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>

struct sheaf_callers {
	pthread_mutex_t lock;
	bool stopping;
	struct sheaf_caller callers[SHEAF_CALLERS_MAX];
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct sheaf_callers *sheaf_callers_new(void)
{
	struct sheaf_callers *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pthread_mutex_init(&pool->lock, NULL);
	for (unsigned i = 0; i < SHEAF_CALLERS_MAX; i++) {
		pool->callers[i].pool = pool;
		pthread_cond_init(&pool->callers[i].work_is_there, NULL);
	}
	return pool;
}

static void *caller_main(void *arg)
{
	struct sheaf_caller *caller = arg;
	struct sheaf_callers *pool = caller->pool;
	const struct sched_param param = { 0 };

	/* A loop's thread may run under SCHED_IDLE, which is inherited. */
	sched_setscheduler(0, SCHED_OTHER, &param);
	pthread_mutex_lock(&pool->lock);
	for (;;) {
		int result;

		while (!pool->stopping && caller->state != SHEAF_CALLER_WORKING)
			pthread_cond_wait(&caller->work_is_there, &pool->lock);
		if (pool->stopping)
			break;
		pthread_mutex_unlock(&pool->lock);
		result = caller->work(caller);
		pthread_mutex_lock(&pool->lock);
		if (caller->state == SHEAF_CALLER_ABANDONED) {
			caller->state = SHEAF_CALLER_FREE;
			continue;
		}
		assert(caller->state == SHEAF_CALLER_WORKING);
		caller->result = result;
		caller->state = SHEAF_CALLER_HELD;
		caller->done(caller->arg);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

struct sheaf_callers *sheaf_callers_free(struct sheaf_callers *pool)
{
	bool stalled = false;

	if (!pool)
		return NULL;
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	for (unsigned i = 0; i < SHEAF_CALLERS_MAX; i++) {
		assert(pool->callers[i].state == SHEAF_CALLER_FREE ||
		       pool->callers[i].state == SHEAF_CALLER_ABANDONED);
		stalled |= pool->callers[i].state == SHEAF_CALLER_ABANDONED;
		pthread_cond_signal(&pool->callers[i].work_is_there);
	}
	pthread_mutex_unlock(&pool->lock);
	if (stalled)
		return NULL;
	for (unsigned i = 0; i < SHEAF_CALLERS_MAX; i++) {
		struct sheaf_caller *caller = &pool->callers[i];

		if (caller->has_thread)
			pthread_join(caller->thread, NULL);
		if (caller->buffer)
			munmap(caller->buffer, SHEAF_CALLER_BUFFER_BYTES);
		pthread_cond_destroy(&caller->work_is_there);
	}
	pthread_mutex_destroy(&pool->lock);
	free(pool);
	return NULL;
}

/* Lock held. Thread and buffer, at its first use; both stay. */
static bool make_ready(struct sheaf_caller *caller)
{
	sigset_t all, before;

	if (!caller->buffer) {
		uint8_t *buffer = mmap(NULL, SHEAF_CALLER_BUFFER_BYTES, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (buffer == MAP_FAILED)
			return false;
		caller->buffer = buffer;
	}
	if (caller->has_thread)
		return true;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	caller->has_thread = pthread_create(&caller->thread, NULL, caller_main, caller) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return caller->has_thread;
}

struct sheaf_caller *sheaf_callers_claim(struct sheaf_callers *pool, pid_t tid)
{
	struct sheaf_caller *claimed = NULL;

	pthread_mutex_lock(&pool->lock);
	for (unsigned i = 0; !claimed && i < SHEAF_CALLERS_MAX; i++)
		if (pool->callers[i].state == SHEAF_CALLER_FREE)
			claimed = &pool->callers[i];
	if (claimed && make_ready(claimed)) {
		claimed->state = SHEAF_CALLER_HELD;
		claimed->tid = tid;
	} else {
		claimed = NULL;
	}
	pthread_mutex_unlock(&pool->lock);
	return claimed;
}

void sheaf_caller_run(struct sheaf_caller *caller, int (*work)(struct sheaf_caller *caller),
		      void (*done)(void *arg), void *arg)
{
	pthread_mutex_lock(&caller->pool->lock);
	assert(caller->state == SHEAF_CALLER_HELD);
	caller->work = work;
	caller->done = done;
	caller->arg = arg;
	caller->begun_ns = now_ns();
	caller->state = SHEAF_CALLER_WORKING;
	pthread_cond_signal(&caller->work_is_there);
	pthread_mutex_unlock(&caller->pool->lock);
}

bool sheaf_caller_abandon(struct sheaf_caller *caller, uint64_t stalled_ns)
{
	bool stalled;

	pthread_mutex_lock(&caller->pool->lock);
	stalled =
		caller->state == SHEAF_CALLER_WORKING && now_ns() - caller->begun_ns >= stalled_ns;
	if (stalled)
		caller->state = SHEAF_CALLER_ABANDONED;
	pthread_mutex_unlock(&caller->pool->lock);
	return stalled;
}

void sheaf_caller_release(struct sheaf_caller *caller)
{
	pthread_mutex_lock(&caller->pool->lock);
	assert(caller->state == SHEAF_CALLER_HELD);
	caller->state = SHEAF_CALLER_FREE;
	pthread_mutex_unlock(&caller->pool->lock);
}

/* (3) The call is on its way within moments; it is not abandoned before it has lasted. */
static bool begin_call(struct sheaf_caller *caller)
{
	bool wanted;

	pthread_mutex_lock(&caller->pool->lock);
	wanted = caller->state == SHEAF_CALLER_WORKING;
	caller->begun_ns = now_ns();
	pthread_mutex_unlock(&caller->pool->lock);
	return wanted;
}

typedef ssize_t transfer(pid_t pid, const struct iovec *local, unsigned long local_count,
			 const struct iovec *remote, unsigned long remote_count,
			 unsigned long flags);

static int move(struct sheaf_caller *caller, transfer *call, const struct iovec remote[],
		unsigned count, void *local_at, size_t bytes)
{
	const struct iovec local = { local_at, bytes };
	ssize_t n;

	if (bytes == 0)
		return 0;
	if (!begin_call(caller))
		return -ECANCELED;
	n = call(caller->tid, &local, 1, remote, count, 0);
	if (n < 0)
		return -errno;
	return (size_t)n == bytes ? 0 : -EFAULT;
}

int sheaf_caller_read_vector(struct sheaf_caller *caller, const struct iovec remote[],
			     unsigned count, void *to, size_t bytes)
{
	return move(caller, process_vm_readv, remote, count, to, bytes);
}

int sheaf_caller_write_vector(struct sheaf_caller *caller, const struct iovec remote[],
			      unsigned count, const void *from, size_t bytes)
{
	return move(caller, process_vm_writev, remote, count, (void *)(uintptr_t)from, bytes);
}

int sheaf_caller_read(struct sheaf_caller *caller, uint64_t address, void *to, size_t bytes)
{
	const struct iovec remote = { (void *)(uintptr_t)address, bytes };

	return sheaf_caller_read_vector(caller, &remote, 1, to, bytes);
}

int sheaf_caller_write(struct sheaf_caller *caller, uint64_t address, const void *from,
		       size_t bytes)
{
	const struct iovec remote = { (void *)(uintptr_t)address, bytes };

	return sheaf_caller_write_vector(caller, &remote, 1, from, bytes);
}
