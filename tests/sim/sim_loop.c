/* SPDX-License-Identifier: MIT */
/* sim_loop.c - see sim_loop.h. Of loop.h what the seam uses; anything else that came to be called fails loudly. */
#include "sim_loop.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/counter.h"

/* As in loop.c. */
#define FLUSH_ROUNDS_MAX 64

void sim_loop_renew(struct sheaf_loop *loop)
{
	struct sim_loops *all = loop->all;
	int number = loop->number;

	memset(loop, 0, sizeof(*loop));
	loop->all = all;
	loop->number = number;
	loop->now_ns = all->clock_ns;
}

void sim_loops_init(struct sim_loops *all, int count)
{
	assert(count <= SIM_LOOPS_MAX);
	all->count = count;
	for (int i = 0; i < count; i++) {
		all->loops[i].all = all;
		all->loops[i].number = i;
		sim_loop_renew(&all->loops[i]);
	}
}

static bool timer_due(const struct sheaf_loop *loop)
{
	return loop->timers && loop->timers->offset <= loop->all->clock_ns;
}

bool sim_loop_runnable(const struct sheaf_loop *loop)
{
	return loop->state != SIM_LOOP_ASLEEP || loop->rung || timer_due(loop);
}

bool sim_loop_will_wake(const struct sheaf_loop *loop)
{
	bool will = sim_loop_runnable(loop);

	for (int i = 0; i < loop->all->count; i++)
		will |= loop->all->loops[i].rings[loop->number];
	return will;
}

static void awake_hooks(struct sheaf_loop *loop)
{
	for (struct sheaf_loop_hook *h = loop->hooks; h != loop->asked_end; h = h->next)
		if (h->awake)
			h->awake(h);
	loop->asked_end = loop->hooks;
}

void sim_loop_submit(struct sheaf_loop *loop)
{
	bool sleeps = !loop->busy && sheaf_op_list_empty(&loop->ready);
	struct sheaf_loop_hook *h = loop->hooks;

	assert(loop->state == SIM_LOOP_WORKED);
	if (sleeps)
		for (; h && sleeps; h = h->next)
			sleeps = !h->may_sleep || h->may_sleep(h);
	loop->asked_end = h;
	for (int i = 0; i < loop->all->count; i++) {
		loop->all->loops[i].rung |= loop->rings[i];
		loop->rings[i] = false;
	}
	loop->state = SIM_LOOP_ASLEEP;
	if (sleeps && sheaf_op_list_empty(&loop->ready))
		return;
	awake_hooks(loop);
	loop->state = SIM_LOOP_SUBMITTED;
}

static bool run_ready(struct sheaf_loop *loop)
{
	struct sheaf_op_list batch = sheaf_op_list_take(&loop->ready);
	bool any = !sheaf_op_list_empty(&batch);

	for (struct sheaf_op *op; (op = sheaf_op_list_pop(&batch));)
		op->done(op, op->result);
	return any;
}

static bool poll_hooks(struct sheaf_loop *loop)
{
	bool busy = false;

	for (struct sheaf_loop_hook *h = loop->hooks; h; h = h->next)
		if (h->poll && h->poll(h) && !h->may_sleep)
			busy = true;
	return busy;
}

static bool flush_hooks(struct sheaf_loop *loop)
{
	bool more = false;

	for (struct sheaf_loop_hook *h = loop->hooks; h; h = h->next)
		if (h->flush && h->flush(h))
			more = true;
	return more;
}

static bool work_until_quiet(struct sheaf_loop *loop)
{
	for (unsigned round = 0; round < FLUSH_ROUNDS_MAX; round++) {
		bool more = run_ready(loop);

		more |= flush_hooks(loop);
		if (!more && sheaf_op_list_empty(&loop->ready))
			return true;
	}
	return false;
}

void sim_loop_work(struct sheaf_loop *loop, void (*event)(void *arg), void *arg)
{
	assert(loop->state != SIM_LOOP_WORKED);
	if (loop->state == SIM_LOOP_ASLEEP)
		awake_hooks(loop);
	loop->rung = false;
	loop->now_ns = loop->all->clock_ns;
	while (timer_due(loop)) {
		struct sheaf_op *op = loop->timers;

		loop->timers = op->next;
		op->result = 0;
		sheaf_op_list_append(&loop->ready, op);
	}
	run_ready(loop);
	if (event)
		event(arg);
	loop->busy = poll_hooks(loop);
	loop->busy |= !work_until_quiet(loop);
	loop->state = SIM_LOOP_WORKED;
}

/* loop.h */

void sheaf_loop_add_hook(struct sheaf_loop *loop, struct sheaf_loop_hook *hook)
{
	struct sheaf_loop_hook **at = &loop->hooks;

	for (; *at; at = &(*at)->next)
		assert(*at != hook);
	hook->next = NULL;
	*at = hook;
	loop->busy = true;
}

void sheaf_loop_remove_hook(struct sheaf_loop *loop, struct sheaf_loop_hook *hook)
{
	struct sheaf_loop_hook **at = &loop->hooks;

	while (*at != hook)
		at = &(*at)->next;
	*at = hook->next;
}

void sheaf_loop_timer(struct sheaf_loop *loop, struct sheaf_op *op, uint64_t ns)
{
	struct sheaf_op **at = &loop->timers;

	op->offset = loop->all->clock_ns + ns;
	while (*at && (*at)->offset <= op->offset)
		at = &(*at)->next;
	op->next = *at;
	*at = op;
}

void sheaf_loop_ring_doorbell(struct sheaf_loop *loop, int doorbell_fd)
{
	assert(doorbell_fd >= 0 && doorbell_fd < loop->all->count);
	loop->rings[doorbell_fd] = true;
	sheaf_count_add(&loop->stats.doorbells, 1);
}

void sheaf_loop_ring_doorbell_now(struct sheaf_loop *loop, int doorbell_fd)
{
	sheaf_loop_ring_doorbell(loop, doorbell_fd);
}

int sheaf_loop_doorbell_fd(const struct sheaf_loop *loop)
{
	return loop->number;
}

void sheaf_loop_wake(struct sheaf_loop *loop)
{
	loop->rung = true;
}

void sheaf_loop_ready(struct sheaf_loop *loop, struct sheaf_op *op, int result)
{
	op->result = result;
	sheaf_op_list_append(&loop->ready, op);
}

uint64_t sheaf_loop_now(const struct sheaf_loop *loop)
{
	return loop->now_ns;
}

enum sheaf_io_backend sheaf_loop_backend(const struct sheaf_loop *loop)
{
	(void)loop;
	return SHEAF_IO_SYNC;
}

void sheaf_loop_count_calls(struct sheaf_loop *loop, unsigned n)
{
	sheaf_count_add(&loop->stats.other_calls, n);
}

const struct sheaf_loop_stats *sheaf_loop_stats(const struct sheaf_loop *loop)
{
	return &loop->stats;
}
