/* SPDX-License-Identifier: MIT */
/*
 * test_target.c - task management by initiator, on a target without a host; and against loops that run tasks meanwhile
 *
 * By hand: a store that holds every access until the test lets it go. Over threads: loops with a memory store.
 */
#include "controller/target.h"

#include <check.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include <sheaf/scsi.h>

#include "base/bits.h"
#include "scsi/lu_impl.h"

#define TASKS	   16u
#define LUNS	   2u
#define BLOCK	   512u
#define BLOCKS	   64u
#define HELD_MAX   32u
#define DATA_BYTES (TASKS * BLOCK)

static struct held_store {
	struct sheaf_store store; /* first */
	struct sheaf_store_io *held[HELD_MAX];
	unsigned count;
} held;

static struct sheaf_lu *lus[LUNS];
static struct sheaf_target *target;
static struct sheaf_loop *loop;
static struct sheaf_response responses[TASKS];
static unsigned ends[TASKS];
static uint8_t data[DATA_BYTES];
static _Atomic uint64_t tags;

static void hold(struct sheaf_store *store, struct sheaf_loop *l, struct sheaf_store_io *io)
{
	(void)store, (void)l;
	ck_assert_uint_lt(held.count, HELD_MAX);
	held.held[held.count++] = io;
}

static const struct sheaf_store_ops held_ops = { .name = "held", .submit = hold };

static void note_done(void *context, uint32_t index)
{
	ck_assert_ptr_eq(context, &held);
	ends[index]++;
}

static void let_go(void)
{
	while (held.count) {
		struct sheaf_store_io *io = held.held[--held.count];

		io->done(io, 0);
	}
	ck_assert_int_eq(sheaf_loop_turn(loop, false), 0);
}

static void make_lu(struct sheaf_store *store, struct sheaf_lu **ret_lu)
{
	const struct sheaf_lu_options options = { .block_size = BLOCK,
						  .maximum_transfer_bytes = 8 * BLOCK,
						  .serial = "target" };

	ck_assert_int_eq(sheaf_lu_create(store, &options, ret_lu), 0);
	for (uint32_t n = 0; n < SHEAF_INITIATORS_MAX; n++)
		sheaf_lu_take_attention(*ret_lu, n);
}

static void setup(void)
{
	memset(&held, 0, sizeof(held));
	memset(ends, 0, sizeof(ends));
	held.store = (struct sheaf_store){ .ops = &held_ops, .size_bytes = BLOCKS * BLOCK };
	for (unsigned i = 0; i < LUNS; i++)
		make_lu(&held.store, &lus[i]);
	ck_assert_int_eq(sheaf_target_create_on(lus, LUNS, TASKS, note_done, &target), 0);
	sheaf_target_set_data_area(target, data, sizeof(data));
	ck_assert_int_eq(sheaf_loop_create(SHEAF_IO_SYNC, 8, &loop), 0);
}

static void teardown(void)
{
	sheaf_target_free(target);
	sheaf_loop_free(loop);
	for (unsigned i = 0; i < LUNS; i++)
		sheaf_lu_free(lus[i]);
}

static struct sheaf_task read_by(uint32_t index, uint32_t initiator, uint32_t lun)
{
	struct sheaf_task task = {
		.version = SHEAF_TASK_VERSION,
		.task_tag_identifier = atomic_fetch_add(&tags, 1) + 1,
		.initiator_index = initiator,
		/* Each its own block: the store is no arbiter of races. */
		.command_descriptor_block = { SHEAF_SCSI_READ_10, [5] = (uint8_t)index, [8] = 1 },
		.command_size = 10,
		.transfer_direction = SHEAF_TRANSFER_FROM_TARGET,
		.requested_transfer_count = BLOCK,
		.buffer_iovm_addr = (uint64_t)index * BLOCK,
		.logical_unit_bytes = { 0, (uint8_t)lun },
	};

	return task;
}

static void execute(uint32_t index, const struct sheaf_task *task)
{
	ends[index] = 0;
	sheaf_target_execute(target, index, task, &responses[index], loop, &held);
}

static void start(uint32_t index, uint32_t initiator, uint32_t lun)
{
	struct sheaf_task task = read_by(index, initiator, lun);

	execute(index, &task);
}

static bool good(uint32_t index)
{
	return ends[index] == 1 && responses[index].service_response == SHEAF_TASK_COMPLETE &&
	       responses[index].completion_status == SHEAF_STATUS_GOOD;
}

static bool was_aborted(uint32_t index)
{
	return ends[index] == 1 &&
	       responses[index].service_response == SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE;
}

/* Initiator 0 has tasks 0 and 1, initiator 1 has 2 and 3; the second of each is of LUN 1. */
static void start_four(void)
{
	for (uint32_t i = 0; i < 4; i++)
		start(i, i / 2, i % 2);
	ck_assert_uint_eq(held.count, 4);
}

/* @fates: of each of the four, a(borted) or g(ood). */
static void end_four(const char *fates)
{
	for (unsigned i = 0; i < 4; i++)
		ck_assert_uint_eq(ends[i], 0); /* what is at work is waited for */
	let_go();
	for (unsigned i = 0; i < 4; i++)
		ck_assert_msg(fates[i] == 'a' ? was_aborted(i) : good(i), "task %u of %s", i, fates);
}

#define DONE SHEAF_FUNCTION_COMPLETE

START_TEST(abort_task_set_is_for_ones_own_tasks)
{
	start_four();
	ck_assert_int_eq(sheaf_target_abort_task_set_of(target, 0, 0, 1), DONE);
	end_four("ggag");
	start_four();
	ck_assert_int_eq(sheaf_target_abort_task_set_of(target, 0, 1, SHEAF_INITIATOR_ANY), DONE);
	end_four("gaga");
	ck_assert_uint_eq(sheaf_lu_take_attention(lus[0], 0) | sheaf_lu_take_attention(lus[0], 1), 0);
}
END_TEST

START_TEST(clear_task_set_of_a_shared_one_is_for_all_and_tells_the_others)
{
	start_four();
	ck_assert_int_eq(sheaf_target_clear_task_set(target, 0, 0, 1), DONE);
	end_four("ggag"); /* each has a task set of its own */
	ck_assert_uint_eq(sheaf_lu_take_attention(lus[0], 0), 0);
	atomic_store(&lus[0]->modes.task_set_shared, true);
	start_four();
	ck_assert_int_eq(sheaf_target_clear_task_set(target, 0, 0, 1), DONE);
	end_four("agag");
	ck_assert_uint_eq(sheaf_lu_take_attention(lus[0], 0), 0x2f00);
	ck_assert_uint_eq(sheaf_lu_take_attention(lus[0], 1), 0);
	ck_assert_uint_eq(sheaf_lu_take_attention(lus[0], 2), 0); /* had no tasks */
	ck_assert_uint_eq(sheaf_lu_take_attention(lus[1], 0), 0);
	start_four();
	ck_assert_int_eq(sheaf_target_clear_task_set(target, 0, 0, SHEAF_INITIATOR_ANY), DONE);
	end_four("agag");
	ck_assert_uint_eq(sheaf_lu_take_attention(lus[0], 0), 0); /* they did it themselves */
}
END_TEST

START_TEST(nexus_loss_ends_what_the_nexus_has_on_all_luns)
{
	start_four();
	ck_assert_int_eq(sheaf_target_nexus_loss(target, 0, 1), DONE);
	end_four("ggaa");
	for (unsigned i = 0; i < LUNS; i++) {
		ck_assert_uint_eq(sheaf_lu_take_attention(lus[i], 1), 0x2907);
		ck_assert_uint_eq(sheaf_lu_take_attention(lus[i], 0), 0);
	}
}
END_TEST

START_TEST(resets_are_for_everybody)
{
	start_four();
	ck_assert_int_eq(sheaf_target_logical_unit_reset(target, 0, 0), DONE);
	end_four("agag");
	ck_assert_uint_eq(sheaf_lu_take_attention(lus[0], 1), 0x2903);
	ck_assert_uint_eq(sheaf_lu_take_attention(lus[0], 0), 0x2903);
	ck_assert_uint_eq(sheaf_lu_take_attention(lus[1], 0), 0);
	start_four();
	ck_assert_int_eq(sheaf_target_reset(target, 0), DONE);
	end_four("aaaa");
}
END_TEST

static void naca_that_fails(uint32_t index, uint32_t attribute, bool naca)
{
	struct sheaf_task task = read_by(index, 0, 0);

	task.command_descriptor_block[2] = 0xff; /* beyond the end */
	task.command_descriptor_block[9] = naca ? 0x04 : 0;
	task.task_attribute = attribute;
	execute(index, &task);
}

START_TEST(clear_aca_ends_the_condition_and_its_task)
{
	struct sheaf_task task = read_by(1, 0, 0);

	naca_that_fails(0, SHEAF_ATTRIBUTE_SIMPLE, true);
	ck_assert_uint_eq(responses[0].completion_status, SHEAF_STATUS_CHECK_CONDITION);
	start(0, 0, 0);
	ck_assert_uint_eq(responses[0].completion_status, SHEAF_STATUS_ACA_ACTIVE);
	task.task_attribute = SHEAF_ATTRIBUTE_ACA;
	execute(1, &task);
	start(2, 1, 0); /* another's */
	ck_assert_uint_eq(held.count, 2);
	ck_assert_int_eq(sheaf_target_clear_aca(target, 0, 0, 1), DONE); /* not the one that has it */
	start(0, 0, 0);
	ck_assert_uint_eq(responses[0].completion_status, SHEAF_STATUS_ACA_ACTIVE);
	ck_assert_int_eq(sheaf_target_clear_aca(target, 0, 0, 0), DONE);
	start(0, 0, 0);
	let_go();
	ck_assert(good(0));
	ck_assert(was_aborted(1));
	ck_assert(good(2));
}
END_TEST

/* An aborted task that waits in the task set makes no access, and is not in the way of the next. */
START_TEST(aborted_task_that_waits_makes_no_access)
{
	struct sheaf_task ordered = read_by(1, 1, 0);

	start(0, 0, 0);
	ordered.task_attribute = SHEAF_ATTRIBUTE_ORDERED;
	execute(1, &ordered);
	start(2, 0, 0);
	ck_assert_uint_eq(held.count, 1);
	ck_assert_int_eq(sheaf_target_abort_task_set_of(target, 0, 0, 1), DONE);
	let_go();
	ck_assert(good(0));
	ck_assert(was_aborted(1));
	let_go();
	let_go();
	ck_assert(good(2));
}
END_TEST

static void send_out(uint32_t index, uint32_t initiator, uint8_t action, uint8_t type, uint64_t key, uint64_t new_key)
{
	struct sheaf_task task = read_by(index, initiator, 0);

	memset(task.command_descriptor_block, 0, sizeof(task.command_descriptor_block));
	task.command_descriptor_block[0] = SHEAF_SCSI_PERSISTENT_RESERVE_OUT;
	task.command_descriptor_block[1] = action;
	task.command_descriptor_block[2] = type;
	task.command_descriptor_block[8] = 24;
	task.transfer_direction = SHEAF_TRANSFER_TO_TARGET;
	memset(data + index * BLOCK, 0, 24);
	sheaf_put_be64(data + index * BLOCK, key);
	sheaf_put_be64(data + index * BLOCK + 8, new_key);
	execute(index, &task);
}

START_TEST(preempt_and_abort_ends_the_tasks_of_the_preempted)
{
	send_out(8, 0, SHEAF_SCSI_SA_REGISTER, 0, 0, 1);
	send_out(9, 1, SHEAF_SCSI_SA_REGISTER, 0, 0, 2);
	send_out(8, 0, SHEAF_SCSI_SA_RESERVE, 5, 1, 0);
	ck_assert(good(8) && good(9));
	start_four();
	send_out(9, 1, SHEAF_SCSI_SA_PREEMPT_AND_ABORT, 5, 2, 1);
	ck_assert_uint_eq(ends[9], 0);
	end_four("aggg"); /* on its LUN */
	let_go();
	ck_assert(good(9));
	ck_assert_uint_eq(sheaf_lu_take_attention(lus[0], 0), 0x2a05);
}
END_TEST

/* Initiators have few tags, and use each of them again and again. */
START_TEST(a_tag_of_an_aborted_task_can_be_used_again)
{
	struct sheaf_task task = read_by(0, 0, 0);

	execute(0, &task);
	ck_assert_int_eq(sheaf_target_abort_task(target, 0, 0, task.task_tag_identifier), DONE);
	let_go();
	ck_assert(was_aborted(0));
	execute(0, &task);
	ck_assert_uint_eq(held.count, 1);
	let_go();
	ck_assert(good(0));
}
END_TEST

START_TEST(what_does_not_exist_is_rejected)
{
	ck_assert_int_eq(sheaf_target_abort_task_set_of(target, 1, 0, 0), SHEAF_FUNCTION_REJECTED);
	ck_assert_int_eq(sheaf_target_abort_task_set_of(target, 0, LUNS, 0), SHEAF_FUNCTION_REJECTED);
	ck_assert_int_eq(sheaf_target_abort_task_set_of(target, 0, 0, 16), SHEAF_FUNCTION_REJECTED);
	ck_assert_int_eq(sheaf_target_clear_task_set(target, 0, 0, 16), SHEAF_FUNCTION_REJECTED);
	ck_assert_int_eq(sheaf_target_clear_aca(target, 0, 0, 16), SHEAF_FUNCTION_REJECTED);
	ck_assert_int_eq(sheaf_target_nexus_loss(target, 1, 0), SHEAF_FUNCTION_REJECTED);
	ck_assert_int_eq(sheaf_target_nexus_loss(target, 0, SHEAF_INITIATOR_ANY), SHEAF_FUNCTION_REJECTED);
}
END_TEST

/* Over threads */

#define LOOPS 3u
#define ROUNDS 3000u

struct runner {
	pthread_t thread;
	struct sheaf_loop *loop;
	uint32_t first; /* of its tasks */
	uint32_t left;	/* rounds */
	uint32_t out;	/* tasks in flight */
	uint64_t random;
	uint32_t again[TASKS], again_count;
	unsigned ended, aborted, conflicts;
};

static void note_round(void *context, uint32_t index)
{
	struct runner *r = context;

	r->ended++;
	r->out--;
	r->aborted += responses[index].service_response == SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE;
	r->conflicts += responses[index].service_response == SHEAF_TASK_COMPLETE &&
			responses[index].completion_status == SHEAF_STATUS_RESERVATION_CONFLICT;
	r->again[r->again_count++] = index;
}

static uint32_t next_random(struct runner *r)
{
	r->random = r->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(r->random >> 33);
}

static void next_command(struct runner *r, uint32_t index)
{
	uint32_t x = next_random(r), initiator = x % 3;
	struct sheaf_task task = read_by(index, initiator, x / 3 % LUNS);
	static const uint8_t actions[] = { SHEAF_SCSI_SA_REGISTER_AND_IGNORE, SHEAF_SCSI_SA_RESERVE,
					   SHEAF_SCSI_SA_PREEMPT_AND_ABORT, SHEAF_SCSI_SA_CLEAR };
	uint8_t *cdb = task.command_descriptor_block;

	task.task_attribute = x / 8 % 8 == 0 ? SHEAF_ATTRIBUTE_ORDERED :
			      x / 8 % 8 == 1 ? SHEAF_ATTRIBUTE_HEAD_OF_QUEUE : SHEAF_ATTRIBUTE_SIMPLE;
	if (x / 64 % 4 == 0) {
		memset(cdb, 0, SHEAF_CDB_MAX);
		cdb[0] = SHEAF_SCSI_PERSISTENT_RESERVE_OUT;
		cdb[1] = actions[x / 256 % 4];
		cdb[2] = 5;
		cdb[8] = 24;
		task.transfer_direction = SHEAF_TRANSFER_TO_TARGET;
		memset(data + index * BLOCK, 0, 24);
		sheaf_put_be64(data + index * BLOCK, initiator + 1);
		/* Registers its own key, preempts somebody's; with APTPL, so that it takes a turn of the loop. */
		sheaf_put_be64(data + index * BLOCK + 8, cdb[1] == SHEAF_SCSI_SA_REGISTER_AND_IGNORE ?
								 initiator + 1 : 1 + x / 1024 % 3);
		data[index * BLOCK + 20] = 1;
	} else if (x / 64 % 4 == 1) {
		cdb[0] = SHEAF_SCSI_WRITE_10;
		task.transfer_direction = SHEAF_TRANSFER_TO_TARGET;
	}
	r->out++;
	r->left--;
	sheaf_target_execute(target, index, &task, &responses[index], r->loop, r);
}

static void *run_tasks(void *arg)
{
	struct runner *r = arg;

	while (r->left || r->out) {
		uint32_t again[TASKS], n = r->again_count;

		memcpy(again, r->again, n * sizeof(again[0]));
		r->again_count = 0;
		for (uint32_t i = 0; i < n && r->left; i++)
			next_command(r, again[i]);
		sheaf_loop_turn(r->loop, r->out > 0 && r->again_count == 0);
	}
	return NULL;
}

static _Atomic bool over;

static void *manage(void *arg)
{
	struct timespec pause = { .tv_nsec = 50000 };

	(void)arg;
	for (unsigned n = 0; !atomic_load(&over); n++) {
		switch (n % 6) {
		case 0:
			sheaf_target_abort_task_set_of(target, 0, n / 6 % LUNS, n / 12 % 3);
			break;
		case 1:
			sheaf_target_clear_task_set(target, 0, n / 6 % LUNS, n / 12 % 3);
			break;
		case 2:
			sheaf_target_nexus_loss(target, 0, n / 6 % 3);
			break;
		case 3:
			sheaf_target_logical_unit_reset(target, 0, n / 6 % LUNS);
			break;
		case 4:
			sheaf_target_clear_aca(target, 0, n / 6 % LUNS, SHEAF_INITIATOR_ANY);
			break;
		default:
			sheaf_target_abort_task(target, 0, n / 6 % LUNS, atomic_load(&tags));
		}
		nanosleep(&pause, NULL);
	}
	return NULL;
}

START_TEST(every_task_ends_once_whatever_is_managed_meanwhile)
{
	static struct runner runners[LOOPS];
	struct sheaf_store *stores[LUNS];
	unsigned aborted = 0, conflicts = 0;
	pthread_t manager;

	for (unsigned i = 0; i < LUNS; i++) {
		ck_assert_int_eq(sheaf_memory_store_create(BLOCKS * BLOCK, &stores[i]), 0);
		make_lu(stores[i], &lus[i]);
	}
	ck_assert_int_eq(sheaf_target_create_on(lus, LUNS, TASKS, note_round, &target), 0);
	sheaf_target_set_data_area(target, data, sizeof(data));
	for (unsigned i = 0; i < LOOPS; i++) {
		struct runner *r = &runners[i];

		r->first = i * (TASKS / LOOPS);
		r->left = ROUNDS;
		r->random = 77 + i;
		for (uint32_t n = 0; n < TASKS / LOOPS; n++)
			r->again[r->again_count++] = r->first + n;
		ck_assert_int_eq(sheaf_loop_create(SHEAF_IO_SYNC, 8, &r->loop), 0);
	}
	for (unsigned i = 0; i < LOOPS; i++)
		ck_assert_int_eq(pthread_create(&runners[i].thread, NULL, run_tasks, &runners[i]), 0);
	ck_assert_int_eq(pthread_create(&manager, NULL, manage, NULL), 0);
	for (unsigned i = 0; i < LOOPS; i++) {
		pthread_join(runners[i].thread, NULL);
		ck_assert_uint_eq(runners[i].ended, ROUNDS);
		aborted += runners[i].aborted;
		conflicts += runners[i].conflicts;
	}
	atomic_store(&over, true);
	pthread_join(manager, NULL);
	/* Else it was no test. */
	ck_assert_uint_gt(aborted, 0);
	ck_assert_uint_gt(conflicts, 0);
	sheaf_target_free(target);
	for (unsigned i = 0; i < LOOPS; i++)
		sheaf_loop_free(runners[i].loop);
	for (unsigned i = 0; i < LUNS; i++) {
		sheaf_lu_free(lus[i]);
		sheaf_store_free(stores[i]);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("target");
	TCase *tc = tcase_create("by_hand");
	TCase *threads = tcase_create("threads");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, abort_task_set_is_for_ones_own_tasks);
	tcase_add_test(tc, clear_task_set_of_a_shared_one_is_for_all_and_tells_the_others);
	tcase_add_test(tc, nexus_loss_ends_what_the_nexus_has_on_all_luns);
	tcase_add_test(tc, resets_are_for_everybody);
	tcase_add_test(tc, clear_aca_ends_the_condition_and_its_task);
	tcase_add_test(tc, aborted_task_that_waits_makes_no_access);
	tcase_add_test(tc, preempt_and_abort_ends_the_tasks_of_the_preempted);
	tcase_add_test(tc, a_tag_of_an_aborted_task_can_be_used_again);
	tcase_add_test(tc, what_does_not_exist_is_rejected);
	tcase_set_timeout(threads, 120);
	tcase_add_test(threads, every_task_ends_once_whatever_is_managed_meanwhile);
	suite_add_tcase(suite, tc);
	suite_add_tcase(suite, threads);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
