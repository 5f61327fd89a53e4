/* SPDX-License-Identifier: MIT */
/* rules_management.c - task management (SAM-5 section 7): what is aborted still ends, once */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "check/check.h"

#define BIT(kind) (1u << (kind))
#define ROUNDS 8
#define BLOCKS 8
#define PRESSING_NS 200000

static void must_answer(struct check *c, const char *what, enum sheaf_service_response r)
{
	if (r == SHEAF_FUNCTION_COMPLETE || r == SHEAF_FUNCTION_REJECTED)
		return;
	if (c->options->program)
		check_far_take(c); /* it may have ended, which is the better finding */
	check_fail(c, "%s was answered %d, neither FUNCTION COMPLETE (%d) nor FUNCTION REJECTED (%d)",
		   what, (int)r, SHEAF_FUNCTION_COMPLETE, SHEAF_FUNCTION_REJECTED);
}

/* Reads in as many slots as a bundle takes. */
static uint16_t hand_over_reads(struct check *c)
{
	uint16_t slots[SHEAF_BUNDLE_MAX];
	uint16_t n = c->slots < SHEAF_BUNDLE_MAX ? (uint16_t)c->slots : SHEAF_BUNDLE_MAX;
	uint8_t cdb[16];

	for (uint16_t i = 0; i < n; i++) {
		uint32_t blocks = c->blocks < BLOCKS ? 1 : BLOCKS;

		slots[i] = i;
		check_rw_cdb(cdb, false, c->blocks > 64 * BLOCKS ? i * BLOCKS : 0, blocks);
		check_build(c, i, cdb, 16, SHEAF_TRANSFER_FROM_TARGET, blocks * c->block_size, 0);
	}
	check_hand_over(c, slots, n);
	return n;
}

static void start_disk(struct check *c)
{
	check_start_driver(c);
	check_find_disk(c);
}

static void ends_once(struct check *c)
{
	check_all_end(c);
	check_linger(c);
	check_noted(c, BIT(CHECK_OWNER) | BIT(CHECK_IDENTIFIER) | BIT(CHECK_RESPONSE));
}

static void abort_task(struct check *c)
{
	start_disk(c);
	for (int round = 0; round < ROUNDS; round++) {
		uint16_t n = hand_over_reads(c);

		for (uint16_t i = 0; i < n; i++)
			must_answer(c, "ABORT TASK",
				    c->ops->abort_task_request(c->controller, 0, 0,
							       c->slot[i].sent.task_tag_identifier));
		ends_once(c);
	}
}

static void abort_sets(struct check *c)
{
	start_disk(c);
	for (int round = 0; round < ROUNDS; round++) {
		hand_over_reads(c);
		if (round % 2)
			must_answer(c, "ABORT TASK SET",
				    c->ops->abort_task_set_request(c->controller, 0, 0));
		else
			must_answer(c, "CLEAR TASK SET",
				    c->ops->clear_task_set_request(c->controller, 0, 0));
		ends_once(c);
	}
	must_answer(c, "CLEAR ACA", c->ops->clear_aca_request(c->controller, 0, 0));
}

static void resets(struct check *c)
{
	start_disk(c);
	for (int round = 0; round < ROUNDS; round++) {
		hand_over_reads(c);
		if (round % 2)
			must_answer(c, "LOGICAL UNIT RESET",
				    c->ops->logical_unit_reset_request(c->controller, 0, 0));
		else
			must_answer(c, "TARGET RESET", c->ops->target_reset_request(c->controller, 0));
		ends_once(c);
	}
	check_find_disk(c); /* it is ready again, unit attentions aside */
}

static void unknown(struct check *c)
{
	const struct sheaf_controller_ops *ops;

	start_disk(c);
	ops = c->ops;
	must_answer(c, "ABORT TASK of no task", ops->abort_task_request(c->controller, 0, 0, UINT64_MAX));
	must_answer(c, "ABORT TASK of LUN 250", ops->abort_task_request(c->controller, 0, 250, 1));
	must_answer(c, "ABORT TASK of target 250", ops->abort_task_request(c->controller, 250, 0, 1));
	must_answer(c, "LOGICAL UNIT RESET of LUN 250",
		    ops->logical_unit_reset_request(c->controller, 0, 250));
	must_answer(c, "TARGET RESET of target 250", ops->target_reset_request(c->controller, 250));
	hand_over_reads(c);
	ends_once(c);
}

struct presser {
	struct check *c;
	_Atomic bool over;
	enum sheaf_service_response wrong; /* REQUEST IN PROCESS: none was */
};

static void *press(void *arg)
{
	struct presser *p = arg;
	struct check *c = p->c;

	while (!atomic_load(&p->over)) {
		struct timespec pause = { .tv_nsec = PRESSING_NS };
		enum sheaf_service_response r = c->ops->abort_task_set_request(c->controller, 0, 0);

		if (r != SHEAF_FUNCTION_COMPLETE && r != SHEAF_FUNCTION_REJECTED)
			p->wrong = r;
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static void from_another_thread(struct check *c)
{
	struct presser p = { .c = c };
	pthread_t thread;

	start_disk(c);
	if (pthread_create(&thread, NULL, press, &p) != 0)
		check_skip(c, "no thread");
	for (int round = 0; round < 10 * ROUNDS; round++) {
		hand_over_reads(c);
		check_all_end(c);
	}
	atomic_store(&p.over, true);
	pthread_join(thread, NULL);
	must_answer(c, "ABORT TASK SET",
		    p.wrong == SHEAF_REQUEST_IN_PROCESS ? SHEAF_FUNCTION_COMPLETE : p.wrong);
	ends_once(c);
}

const struct check_rule check_rules_management[] = {
	{ .name = "ABORT TASK is answered, and the task still ends once", .run = abort_task },
	{ .name = "ABORT TASK SET and CLEAR TASK SET are answered, and all tasks still end once", .run = abort_sets },
	{ .name = "resets are answered, all tasks still end once, and it is ready again", .run = resets },
	{ .name = "task management of what is not there is answered", .run = unknown },
	{ .name = "task management comes from another thread while tasks run", .run = from_another_thread },
	{ 0 },
};
