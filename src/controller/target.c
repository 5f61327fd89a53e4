/* SPDX-License-Identifier: MIT */
/*
 * target.c - see sheaf/target.h
 *
 * A task's way: sheaf_target_execute() copies the command slot once, finds LU and buffer, and lets the LU run it; task_done() says
 * that it is over.
 */
#include "controller/target.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/scsi.h>

#include "base/bits.h"
#include "scsi/nexus.h"

/* LUN structures that name no LU of ours, see lun_number(). */
#define NO_LUN UINT64_MAX
#define MEDIA_MAX 256
#define IS_ACA_TASK (1u << 31)
#define MAXIMUM_TRANSFER_BYTES (UINT64_C(1) << 20)

/*
 * One an index. Task management looks at the atomics from other threads: it acquires tag, so that lun and whose are of that task or a later
 * one. A tag that it sees too late is of a task that it need not know yet; an abort that the context sees too late
 * is of a task that ended meanwhile. So no order with other memory is wanted, which would cost each task three locked instructions.
 */
struct target_task {
	struct sheaf_lu_task lt;
	struct sheaf_target *target;
	void *context;
	_Atomic uint64_t tag; /* W: context, release; R: task management, acquire; 0: not in flight */
	_Atomic uint64_t lun; /* W: context; R: task management */
	_Atomic uint32_t whose; /* the same; initiator, and IS_ACA_TASK */
	struct sheaf_op resume; /* on the task's loop, after it waited in the task set */
};

struct sheaf_target {
	struct sheaf_lu *const *lus;
	uint32_t lu_count;
	uint32_t task_count;
	uint8_t *data;
	size_t data_bytes;
	void (*done)(void *context, uint32_t index);
	struct target_task *tasks;
	struct sheaf_task_set set;
	/* Made by us, over media; NULL: the LUs are somebody else's. */
	struct sheaf_lu **own_lus;
	struct sheaf_store **own_stores;
};

static void resumed(struct sheaf_op *op, int result)
{
	(void)result;
	sheaf_lu_continue(&((struct target_task *)((char *)op - offsetof(struct target_task, resume)))->lt);
}

/* From any thread. */
static void resume(struct sheaf_lu_task *lt)
{
	struct target_task *t = (struct target_task *)((char *)lt - offsetof(struct target_task, lt));

	sheaf_loop_post(lt->loop, &t->resume);
}

static void abort_preempted(struct sheaf_task_set *set, const struct sheaf_lu_task *but, uint32_t initiators);

int sheaf_target_create_on(struct sheaf_lu *const lus[], uint32_t lu_count, uint32_t tasks,
			   void (*done)(void *context, uint32_t index), struct sheaf_target **ret_target)
{
	struct sheaf_target *target = calloc(1, sizeof(*target));

	if (!target)
		return -ENOMEM;
	target->lus = lus;
	target->lu_count = lu_count;
	target->task_count = tasks;
	target->done = done;
	target->tasks = calloc(tasks, sizeof(*target->tasks));
	if (!target->tasks || sheaf_task_set_init(&target->set, tasks, resume) < 0) {
		free(target->tasks);
		free(target);
		return -ENOMEM;
	}
	target->set.abort = abort_preempted;
	target->set.lus = lus;
	target->set.lu_count = lu_count;
	for (uint32_t i = 0; i < tasks; i++) {
		target->tasks[i].target = target;
		target->tasks[i].resume.done = resumed;
		sheaf_task_set_add(&target->set, &target->tasks[i].lt);
	}
	for (uint32_t i = 0; i < lu_count; i++)
		if (lus[i])
			sheaf_lu_set_lun(lus[i], i);
	*ret_target = target;
	return 0;
}

static int make_lu(const struct sheaf_medium *medium, struct sheaf_store **ret_store, uint32_t lun,
		   struct sheaf_lu **ret_lu)
{
	const struct sheaf_lu_options options = {
		.block_size = medium->block_size ? medium->block_size : 512,
		.maximum_transfer_bytes = medium->maximum_transfer_bytes ?
						  medium->maximum_transfer_bytes :
						  MAXIMUM_TRANSFER_BYTES,
		.read_only = medium->read_only,
		.serial = medium->serial ? medium->serial : "0",
	};
	int r = sheaf_medium_store_create(medium, ret_store);

	r = r < 0 ? r : sheaf_lu_create(*ret_store, &options, ret_lu);
	if (r == 0)
		sheaf_lu_set_lun(*ret_lu, lun);
	return r;
}

int sheaf_target_create(const struct sheaf_target_options *options, struct sheaf_target **ret_target)
{
	uint32_t count = options->medium_count;
	struct sheaf_lu **lus;
	struct sheaf_target *target;
	int r;

	if (count < 1 || count > MEDIA_MAX || options->tasks < 1 || !options->done)
		return -EINVAL;
	lus = calloc(count, sizeof(struct sheaf_lu *));
	r = lus ? sheaf_target_create_on(lus, count, options->tasks, options->done, &target) : -ENOMEM;
	if (r < 0) {
		free(lus);
		return r;
	}
	target->own_lus = lus;
	target->own_stores = calloc(count, sizeof(struct sheaf_store *));
	r = target->own_stores ? 0 : -ENOMEM;
	for (uint32_t i = 0; r == 0 && i < count; i++)
		r = make_lu(&options->media[i], &target->own_stores[i], i, &lus[i]);
	if (r < 0) {
		sheaf_target_free(target);
		return r;
	}
	*ret_target = target;
	return 0;
}

struct sheaf_target *sheaf_target_free(struct sheaf_target *target)
{
	if (!target)
		return NULL;
	for (uint32_t i = 0; target->own_stores && i < target->lu_count; i++) {
		sheaf_lu_free(target->own_lus[i]);
		sheaf_store_free(target->own_stores[i]);
	}
	free(target->own_lus);
	free(target->own_stores);
	sheaf_task_set_deinit(&target->set);
	free(target->tasks);
	free(target);
	return NULL;
}

void sheaf_target_set_data_area(struct sheaf_target *target, uint8_t *data, size_t bytes)
{
	target->data = data;
	target->data_bytes = bytes;
}

uint32_t sheaf_target_lu_count(const struct sheaf_target *target)
{
	return target->lu_count;
}

/* Tasks */

/* SAM-5 section 4.7.7: peripheral device addressing (bus 0) and flat space addressing, single level. */
static uint64_t lun_number(const uint8_t lun[8])
{
	static const uint8_t rest[6];

	if (memcmp(lun + 2, rest, sizeof(rest)) != 0)
		return NO_LUN;
	switch (lun[0] >> 6) {
	case 0:
		return lun[0] == 0 ? lun[1] : NO_LUN;
	case 1:
		return sheaf_get_be16(lun) & 0x3fff;
	default:
		return NO_LUN;
	}
}

static void respond_aborted(struct sheaf_response *response)
{
	response->service_response = SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE;
	response->completion_status = SHEAF_DELIVERY_NO_STATUS;
	response->bytes_transferred = 0;
	response->sense_length = 0;
}

static bool was_aborted(const struct sheaf_lu_task *lt)
{
	return atomic_load_explicit(&lt->aborted_tag, memory_order_relaxed) == lt->task.task_tag_identifier;
}

static void task_done(struct sheaf_lu_task *lt)
{
	struct target_task *t = (struct target_task *)((char *)lt - offsetof(struct target_task, lt));
	struct sheaf_target *target = t->target;

	atomic_store_explicit(&t->tag, 0, memory_order_relaxed);
	if (was_aborted(lt))
		respond_aborted(lt->response);
	target->done(t->context, (uint32_t)(t - target->tasks));
}

static void respond_undelivered(struct target_task *t)
{
	struct sheaf_response *r = t->lt.response;

	r->version = SHEAF_TASK_VERSION;
	r->target_id = t->lt.task.target_id;
	r->controller_task_identifier = t->lt.task.controller_task_identifier;
	r->service_response = SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE;
	r->completion_status = SHEAF_DELIVERY_FAILURE;
	r->bytes_transferred = 0;
	r->sense_length = 0;
	task_done(&t->lt);
}

void sheaf_target_execute(struct sheaf_target *target, uint32_t index, const struct sheaf_task *task,
			  struct sheaf_response *response, struct sheaf_loop *loop, void *context)
{
	struct target_task *t = &target->tasks[index];
	struct sheaf_lu_task *lt = &t->lt;
	uint64_t lun;

	lt->task = *task;
	lt->response = response;
	lt->loop = loop;
	lt->done = task_done;
	t->context = context;
	/* Hosts may use a tag again: what was aborted under it before is over. */
	if (was_aborted(lt))
		atomic_store_explicit(&lt->aborted_tag, 0, memory_order_relaxed);
	lun = lun_number(lt->task.logical_unit_bytes);
	atomic_store_explicit(&t->lun, lun, memory_order_relaxed);
	atomic_store_explicit(&t->whose,
			      lt->task.initiator_index |
				      (lt->task.task_attribute == SHEAF_ATTRIBUTE_ACA ? IS_ACA_TASK : 0),
			      memory_order_relaxed);
	atomic_store_explicit(&t->tag, lt->task.task_tag_identifier, memory_order_release);
	if (lt->task.target_id != 0 || lt->task.initiator_index >= SHEAF_INITIATORS_MAX ||
	    !sheaf_range_within(lt->task.buffer_iovm_addr, lt->task.requested_transfer_count,
				target->data_bytes)) {
		respond_undelivered(t);
		return;
	}
	lt->data = target->data + lt->task.buffer_iovm_addr;
	if (lun < target->lu_count)
		sheaf_lu_execute(target->lus[lun], target->lu_count, lt);
	else
		sheaf_lu_execute_absent(target->lu_count, lt);
}

/* Task management */

/* What an abort is for. */
struct match {
	uint64_t lun;	     /* NO_LUN: any */
	uint64_t tag;	     /* 0: any */
	uint32_t initiators; /* a bit each */
	bool aca_only;	     /* with the ACA attribute */
	const struct sheaf_lu_task *but;
};

static bool matches(struct target_task *t, uint64_t tag, uint32_t whose, const struct match *match)
{
	uint32_t initiator = whose & ~IS_ACA_TASK;

	return tag != 0 && (match->tag == 0 || tag == match->tag) && &t->lt != match->but &&
	       (match->lun == NO_LUN || atomic_load(&t->lun) == match->lun) &&
	       initiator < SHEAF_INITIATORS_MAX && match->initiators & UINT32_C(1) << initiator &&
	       (!match->aca_only || whose & IS_ACA_TASK);
}

/* Initiators that had such tasks, a bit each. */
static uint32_t abort_matching(struct sheaf_target *target, const struct match *match)
{
	uint32_t hit = 0;

	for (uint32_t i = 0; i < target->task_count; i++) {
		struct target_task *t = &target->tasks[i];
		uint64_t tag = atomic_load(&t->tag);
		uint32_t whose = atomic_load(&t->whose);

		if (!matches(t, tag, whose, match))
			continue;
		hit |= UINT32_C(1) << (whose & ~IS_ACA_TASK);
		atomic_store(&t->lt.aborted_tag, tag);
	}
	return hit;
}

static uint32_t bits_of(uint32_t initiator)
{
	return initiator == SHEAF_INITIATOR_ANY ? UINT32_MAX : UINT32_C(1) << initiator;
}

/* From PREEMPT AND ABORT. */
static void abort_preempted(struct sheaf_task_set *set, const struct sheaf_lu_task *but, uint32_t initiators)
{
	struct sheaf_target *target =
		(struct sheaf_target *)((char *)set - offsetof(struct sheaf_target, set));
	const struct target_task *t =
		(const struct target_task *)((const char *)but - offsetof(struct target_task, lt));

	abort_matching(target, &(struct match){ .lun = atomic_load(&t->lun), .initiators = initiators, .but = but });
}

static bool lu_exists(const struct sheaf_target *target, uint64_t target_id, uint64_t lun)
{
	return target_id == 0 && lun < target->lu_count;
}

static bool initiator_exists(uint32_t initiator)
{
	return initiator == SHEAF_INITIATOR_ANY || initiator < SHEAF_INITIATORS_MAX;
}

enum sheaf_service_response sheaf_target_abort_task(struct sheaf_target *target, uint64_t target_id,
						    uint64_t lun, uint64_t tag)
{
	if (!lu_exists(target, target_id, lun) || tag == 0)
		return SHEAF_FUNCTION_REJECTED;
	abort_matching(target, &(struct match){ .lun = lun, .tag = tag, .initiators = UINT32_MAX });
	return SHEAF_FUNCTION_COMPLETE;
}

enum sheaf_service_response sheaf_target_abort_task_set(struct sheaf_target *target,
							uint64_t target_id, uint64_t lun)
{
	return sheaf_target_abort_task_set_of(target, target_id, lun, SHEAF_INITIATOR_ANY);
}

enum sheaf_service_response sheaf_target_abort_task_set_of(struct sheaf_target *target, uint64_t target_id,
							   uint64_t lun, uint32_t initiator)
{
	if (!lu_exists(target, target_id, lun) || !initiator_exists(initiator))
		return SHEAF_FUNCTION_REJECTED;
	abort_matching(target, &(struct match){ .lun = lun, .initiators = bits_of(initiator) });
	return SHEAF_FUNCTION_COMPLETE;
}

enum sheaf_service_response sheaf_target_clear_task_set(struct sheaf_target *target, uint64_t target_id,
							uint64_t lun, uint32_t initiator)
{
	struct match match = { .lun = lun, .initiators = UINT32_MAX };
	uint32_t hit;

	if (!lu_exists(target, target_id, lun) || !initiator_exists(initiator))
		return SHEAF_FUNCTION_REJECTED;
	if (!sheaf_lu_task_set_is_shared(target->lus[lun]))
		match.initiators = bits_of(initiator);
	hit = abort_matching(target, &match) & ~bits_of(initiator);
	for (uint32_t i = 0; i < SHEAF_INITIATORS_MAX; i++)
		if (hit & UINT32_C(1) << i)
			sheaf_lu_raise_attention(target->lus[lun], i, SHEAF_ASC_COMMANDS_CLEARED);
	return SHEAF_FUNCTION_COMPLETE;
}

enum sheaf_service_response sheaf_target_clear_aca(struct sheaf_target *target, uint64_t target_id,
						   uint64_t lun, uint32_t initiator)
{
	if (!lu_exists(target, target_id, lun) || !initiator_exists(initiator))
		return SHEAF_FUNCTION_REJECTED;
	abort_matching(target, &(struct match){ .lun = lun, .initiators = bits_of(initiator), .aca_only = true });
	sheaf_lu_clear_aca(target->lus[lun],
			   initiator == SHEAF_INITIATOR_ANY ? SHEAF_INITIATOR_NONE : initiator);
	return SHEAF_FUNCTION_COMPLETE;
}

enum sheaf_service_response sheaf_target_logical_unit_reset(struct sheaf_target *target,
							    uint64_t target_id, uint64_t lun)
{
	if (!lu_exists(target, target_id, lun))
		return SHEAF_FUNCTION_REJECTED;
	abort_matching(target, &(struct match){ .lun = lun, .initiators = UINT32_MAX });
	sheaf_lu_reset(target->lus[lun]);
	return SHEAF_FUNCTION_COMPLETE;
}

enum sheaf_service_response sheaf_target_reset(struct sheaf_target *target, uint64_t target_id)
{
	if (target_id != 0)
		return SHEAF_FUNCTION_REJECTED;
	abort_matching(target, &(struct match){ .lun = NO_LUN, .initiators = UINT32_MAX });
	for (uint32_t i = 0; i < target->lu_count; i++)
		sheaf_lu_reset(target->lus[i]);
	return SHEAF_FUNCTION_COMPLETE;
}

enum sheaf_service_response sheaf_target_nexus_loss(struct sheaf_target *target, uint64_t target_id,
						    uint32_t initiator)
{
	if (target_id != 0 || initiator >= SHEAF_INITIATORS_MAX)
		return SHEAF_FUNCTION_REJECTED;
	abort_matching(target, &(struct match){ .lun = NO_LUN, .initiators = bits_of(initiator) });
	for (uint32_t i = 0; i < target->lu_count; i++)
		sheaf_lu_nexus_loss(target->lus[i], initiator);
	return SHEAF_FUNCTION_COMPLETE;
}
