/* SPDX-License-Identifier: MIT */
/* escalate.c - see escalate.h */
#include "host/escalate.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "host/host.h"

#define NS_PER_MS 1000000ull
/* A slot has at most an abort and a reset waiting; what a driver that is stuck for long leaves behind is dropped. */
#define CALLS_PER_SLOT 2

const char *const sheaf_step_names[SHEAF_STEPS] = {
	[SHEAF_STEP_NONE] = "none",
	[SHEAF_STEP_ABORT] = "abort",
	[SHEAF_STEP_LU_RESET] = "lu_reset",
	[SHEAF_STEP_RESTART] = "driver_restart",
};

struct call {
	enum sheaf_task_management function;
	uint64_t target, lun, tag;
	uint64_t asked_ns;
};

/* The last reset of a unit that was asked for. */
struct reset {
	uint64_t target, lun, asked_ns;
};

struct sheaf_escalation {
	struct sheaf_host *host;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed;
	pthread_t thread;
	bool started, stop;
	struct call *calls; /* a ring */
	unsigned first, count, capacity;
	bool in_call;
	struct call current;
	uint64_t current_ns;
	struct reset *resets; /* by unit; grows with those that were ever reset */
	unsigned reset_count;
	uint64_t restart_ns; /* when another driver was asked for; 0: never */
};

static const char *function_name(enum sheaf_task_management function)
{
	return function == SHEAF_ABORT_TASK ? "ABORT TASK" : "LOGICAL UNIT RESET";
}

int sheaf_escalation_create(struct sheaf_host *host, struct sheaf_escalation **ret_escalation)
{
	struct sheaf_escalation *e = calloc(1, sizeof(*e));
	pthread_condattr_t attr;

	if (!e)
		return -ENOMEM;
	e->host = host;
	e->capacity = CALLS_PER_SLOT * host->slots;
	e->calls = calloc(e->capacity, sizeof(*e->calls));
	if (!e->calls) {
		free(e);
		return -ENOMEM;
	}
	pthread_mutex_init(&e->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&e->changed, &attr);
	pthread_condattr_destroy(&attr);
	*ret_escalation = e;
	return 0;
}

/* Lock held. Until the thread is in no call, or the time is over. */
static void wait_for_call(struct sheaf_escalation *e)
{
	uint64_t ms = e->host->options.grace_ms;
	uint64_t end_ns;
	struct timespec end;

	if (ms < SHEAF_ESCALATION_END_MS)
		ms = SHEAF_ESCALATION_END_MS;
	end_ns = sheaf_clock_ns() + ms * NS_PER_MS;
	end.tv_sec = (time_t)(end_ns / (1000 * NS_PER_MS));
	end.tv_nsec = (long)(end_ns % (1000 * NS_PER_MS));
	while (e->in_call && pthread_cond_timedwait(&e->changed, &e->lock, &end) != ETIMEDOUT)
		;
}

bool sheaf_escalation_free(struct sheaf_escalation *e)
{
	bool stuck;

	if (!e)
		return true;
	pthread_mutex_lock(&e->lock);
	e->stop = true;
	pthread_cond_broadcast(&e->changed);
	wait_for_call(e);
	stuck = e->in_call;
	pthread_mutex_unlock(&e->lock);
	if (stuck) {
		sheaf_error("controller %s: %s does not return", e->host->options.ops->name,
			    function_name(e->current.function));
		pthread_detach(e->thread);
		return false;
	}
	if (e->started)
		pthread_join(e->thread, NULL);
	pthread_cond_destroy(&e->changed);
	pthread_mutex_destroy(&e->lock);
	free(e->calls);
	free(e->resets);
	free(e);
	return true;
}

/* Lock held, and let go of during the call. */
static void make_call(struct sheaf_escalation *e)
{
	struct call call = e->calls[e->first];
	enum sheaf_service_response r;
	uint64_t now_ns = sheaf_clock_ns();

	e->first = (e->first + 1) % e->capacity;
	e->count--;
	if (now_ns - call.asked_ns > e->host->options.grace_ms * NS_PER_MS)
		return; /* (3) */
	e->in_call = true;
	e->current = call;
	e->current_ns = now_ns;
	pthread_mutex_unlock(&e->lock);
	r = sheaf_host_task_management(e->host, call.function, call.target, call.lun, call.tag);
	if (r != SHEAF_FUNCTION_COMPLETE)
		sheaf_info("controller %s: %s was not done (%u)", e->host->options.ops->name,
			   function_name(call.function), r);
	pthread_mutex_lock(&e->lock);
	e->in_call = false;
	pthread_cond_broadcast(&e->changed);
}

static void *thread_main(void *arg)
{
	struct sheaf_escalation *e = arg;

	pthread_setname_np(pthread_self(), "sheaf-escalate");
	pthread_mutex_lock(&e->lock);
	while (!e->stop) {
		if (e->count)
			make_call(e);
		else
			pthread_cond_wait(&e->changed, &e->lock);
	}
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

/* Lock held. */
static void ask(struct sheaf_escalation *e, const struct call *call)
{
	if (!e->started) {
		int r = pthread_create(&e->thread, NULL, thread_main, e);

		if (r != 0) {
			sheaf_warning("no thread for task management: %s", strerror(r));
			return; /* tasks go on to the next step without it */
		}
		e->started = true;
	}
	if (e->count == e->capacity)
		return; /* behind a call that does not return */
	e->calls[(e->first + e->count++) % e->capacity] = *call;
	pthread_cond_broadcast(&e->changed);
}

void sheaf_escalation_abort(struct sheaf_escalation *e, uint64_t target, uint64_t lun, uint64_t tag)
{
	const struct call call = {
		.function = SHEAF_ABORT_TASK,
		.target = target,
		.lun = lun,
		.tag = tag,
		.asked_ns = sheaf_clock_ns(),
	};

	pthread_mutex_lock(&e->lock);
	ask(e, &call);
	pthread_mutex_unlock(&e->lock);
}

/* Lock held. NULL: never. */
static struct reset *find_reset(const struct sheaf_escalation *e, uint64_t target, uint64_t lun)
{
	for (unsigned i = 0; i < e->reset_count; i++)
		if (e->resets[i].target == target && e->resets[i].lun == lun)
			return &e->resets[i];
	return NULL;
}

/* Lock held. Without memory a unit is reset once more than needed. */
static void note_reset(struct sheaf_escalation *e, const struct call *call)
{
	struct reset *reset = find_reset(e, call->target, call->lun);

	if (!reset) {
		struct reset *grown = realloc(e->resets, (e->reset_count + 1) * sizeof(*grown));

		if (!grown)
			return;
		e->resets = grown;
		reset = &grown[e->reset_count++];
	}
	*reset = (struct reset){ call->target, call->lun, call->asked_ns };
}

bool sheaf_escalation_reset(struct sheaf_escalation *e, uint64_t target, uint64_t lun,
			    uint64_t start_ns)
{
	const struct call call = {
		.function = SHEAF_LOGICAL_UNIT_RESET,
		.target = target,
		.lun = lun,
		.asked_ns = sheaf_clock_ns(),
	};
	const struct reset *last;
	bool needed;

	pthread_mutex_lock(&e->lock);
	last = find_reset(e, target, lun);
	needed = !last || last->asked_ns < start_ns;
	if (needed) {
		note_reset(e, &call);
		ask(e, &call);
	}
	pthread_mutex_unlock(&e->lock);
	return needed;
}

bool sheaf_escalation_was_reset(struct sheaf_escalation *e, uint64_t target, uint64_t lun,
				uint64_t start_ns)
{
	const struct reset *last;
	bool was;

	pthread_mutex_lock(&e->lock);
	last = find_reset(e, target, lun);
	was = last && last->asked_ns >= start_ns;
	pthread_mutex_unlock(&e->lock);
	return was;
}

int sheaf_escalation_restart(struct sheaf_escalation *e, uint64_t start_ns, const char *why)
{
	struct sheaf_host *host = e->host;
	uint64_t before_ns;
	int r;

	if (!host->replace_driver)
		return -EOPNOTSUPP;
	pthread_mutex_lock(&e->lock);
	before_ns = e->restart_ns;
	if (before_ns < start_ns || before_ns == 0)
		e->restart_ns = sheaf_clock_ns();
	pthread_mutex_unlock(&e->lock);
	if (before_ns != 0 && before_ns >= start_ns)
		return 0;
	r = host->replace_driver(host->replace_arg, why);
	if (r < 0) {
		pthread_mutex_lock(&e->lock);
		e->restart_ns = before_ns;
		pthread_mutex_unlock(&e->lock);
	}
	return r < 0 ? r : 1;
}

struct sheaf_escalation_call sheaf_escalation_look(struct sheaf_escalation *e)
{
	struct sheaf_escalation_call ret = { 0 };

	pthread_mutex_lock(&e->lock);
	ret.waiting = e->count;
	if (e->in_call) {
		ret.function = function_name(e->current.function);
		ret.target = e->current.target;
		ret.lun = e->current.lun;
		ret.since_ns = e->current_ns;
	}
	pthread_mutex_unlock(&e->lock);
	return ret;
}
