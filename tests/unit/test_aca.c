/* SPDX-License-Identifier: MIT */
/* test_aca.c - ACA (SAM-5 section 5.9) and task attributes (section 8.6), initiators against each other */
#include <check.h>

#include "scsi_fixture.h"
#include "scsi/lu_impl.h"

#define NONE SHEAF_TRANSFER_NONE
#define FROM SHEAF_TRANSFER_FROM_TARGET

#define ACA_ACTIVE 0x30u
#define BUSY	   0x08u
#define BAD_OPCODE 0x052000u
#define MESSAGE	   0x054900u

/* a and a2 are tasks of one initiator, b of another one. */
static struct scsi_fixture a, a2, b;

static void setup(void)
{
	fixture_open(&a, 1 << 20, 512, false);
	fixture_share(&a2, &a);
	fixture_share(&b, &a);
	b.initiator = 1;
}

static void teardown(void)
{
	free(a2.data);
	free(b.data);
	fixture_close(&a);
}

static unsigned outcome(const struct scsi_fixture *f)
{
	ck_assert_uint_eq(f->ended, 1);
	return f->response.completion_status == SHEAF_STATUS_CHECK_CONDITION ? fixture_sense(f, NULL)
									     : f->response.completion_status;
}

static void start(struct scsi_fixture *f, const uint8_t *cdb, unsigned size, uint64_t count, uint32_t attribute)
{
	fixture_start(f, cdb, size, count ? FROM : NONE, count);
	f->lt.task.task_attribute = attribute;
	fixture_go(f);
}

static unsigned ready_as(struct scsi_fixture *f, uint32_t attribute, bool naca)
{
	uint8_t cdb[6] = { 0x00, [5] = naca ? 0x04 : 0 };

	start(f, cdb, 6, 0, attribute);
	return outcome(f);
}

static unsigned ready(struct scsi_fixture *f)
{
	return ready_as(f, SHEAF_ATTRIBUTE_SIMPLE, false);
}

/* An opcode that there is not. */
static unsigned bad(struct scsi_fixture *f, uint32_t attribute, bool naca)
{
	uint8_t cdb[6] = { 0xff, [5] = naca ? 0x04 : 0 };

	start(f, cdb, 6, 0, attribute);
	return outcome(f);
}

START_TEST(naca_makes_a_condition_of_a_check_condition_alone)
{
	ck_assert_uint_eq(ready_as(&a, SHEAF_ATTRIBUTE_SIMPLE, true), 0);
	ck_assert_uint_eq(ready(&a), 0);
	ck_assert_uint_eq(bad(&a, SHEAF_ATTRIBUTE_SIMPLE, false), BAD_OPCODE);
	ck_assert_uint_eq(ready(&a), 0);
	ck_assert_uint_eq(bad(&a, SHEAF_ATTRIBUTE_SIMPLE, true), BAD_OPCODE);
	ck_assert_uint_eq(ready(&a), ACA_ACTIVE);
	ck_assert_uint_eq(ready_as(&a, SHEAF_ATTRIBUTE_ORDERED, false), ACA_ACTIVE);
	ck_assert_uint_eq(ready_as(&a, SHEAF_ATTRIBUTE_HEAD_OF_QUEUE, true), ACA_ACTIVE);
	static const uint8_t inquiry[6] = { 0x12, 0, 0, 0, 36 };
	start(&a, inquiry, 6, 36, SHEAF_ATTRIBUTE_SIMPLE);
	ck_assert_uint_eq(outcome(&a), ACA_ACTIVE);
}
END_TEST

START_TEST(with_a_task_set_for_each_nexus_others_notice_nothing)
{
	ck_assert(!sheaf_lu_task_set_is_shared(a.lu));
	bad(&a, SHEAF_ATTRIBUTE_SIMPLE, true);
	ck_assert_uint_eq(ready(&b), 0);
	ck_assert_uint_eq(ready_as(&b, SHEAF_ATTRIBUTE_SIMPLE, true), 0);
	bad(&b, SHEAF_ATTRIBUTE_SIMPLE, true);
	ck_assert_uint_eq(ready(&b), ACA_ACTIVE);
	sheaf_lu_clear_aca(a.lu, 1);
	ck_assert_uint_eq(ready(&b), 0);
	ck_assert_uint_eq(ready(&a), ACA_ACTIVE);
}
END_TEST

START_TEST(with_one_task_set_others_are_busy)
{
	static const uint8_t preempt_and_abort[10] = { 0x5f, 0x05 };

	atomic_store(&a.lu->modes.task_set_shared, true);
	bad(&a, SHEAF_ATTRIBUTE_SIMPLE, true);
	ck_assert_uint_eq(ready(&b), BUSY);
	ck_assert_uint_eq(ready_as(&b, SHEAF_ATTRIBUTE_SIMPLE, true), ACA_ACTIVE);
	ck_assert_uint_eq(ready_as(&b, SHEAF_ATTRIBUTE_ACA, false), BUSY);
	start(&b, preempt_and_abort, 10, 0, SHEAF_ATTRIBUTE_SIMPLE);
	ck_assert_uint_eq(outcome(&b), 0x051a00); /* it is let through, and has no parameters */
	sheaf_lu_clear_aca(a.lu, 1); /* not the one that has it */
	ck_assert_uint_eq(ready(&b), BUSY);
	sheaf_lu_clear_aca(a.lu, 0);
	ck_assert_uint_eq(ready(&b), 0);
	ck_assert_uint_eq(ready(&a), 0);
}
END_TEST

START_TEST(one_aca_task_at_a_time_runs_meanwhile)
{
	static const uint8_t read_10[10] = { 0x28, [8] = 1 };

	bad(&a, SHEAF_ATTRIBUTE_SIMPLE, true);
	ck_assert_uint_eq(ready_as(&a, SHEAF_ATTRIBUTE_ACA, false), 0);
	start(&a, read_10, 10, 512, SHEAF_ATTRIBUTE_ACA);
	ck_assert_uint_eq(a.fake->queued, 1);
	ck_assert_uint_eq(ready_as(&a2, SHEAF_ATTRIBUTE_ACA, false), ACA_ACTIVE);
	fake_drain(a.fake);
	ck_assert_uint_eq(outcome(&a), 0);
	ck_assert_uint_eq(ready_as(&a2, SHEAF_ATTRIBUTE_ACA, false), 0);
	ck_assert_uint_eq(ready(&a), ACA_ACTIVE);
}
END_TEST

/* _i: its NACA. */
START_TEST(aca_task_that_fails_ends_the_condition_or_makes_it_anew)
{
	const uint8_t beyond[10] = { 0x28, 0, 0xff, [8] = 1, [9] = _i ? 0x04 : 0 };

	bad(&a, SHEAF_ATTRIBUTE_SIMPLE, true);
	start(&a, beyond, 10, 512, SHEAF_ATTRIBUTE_ACA);
	ck_assert_uint_eq(outcome(&a), 0x052100);
	ck_assert_uint_eq(ready(&a), _i ? ACA_ACTIVE : 0);
}
END_TEST

START_TEST(resets_and_a_lost_nexus_end_it)
{
	bad(&a, SHEAF_ATTRIBUTE_SIMPLE, true);
	sheaf_lu_reset(a.lu);
	ck_assert_uint_eq(ready(&a), 0x062903);
	ck_assert_uint_eq(ready(&a), 0);
	bad(&a, SHEAF_ATTRIBUTE_SIMPLE, true);
	sheaf_lu_nexus_loss(a.lu, 1);
	ck_assert_uint_eq(ready(&a), ACA_ACTIVE);
	sheaf_lu_nexus_loss(a.lu, 0);
	ck_assert_uint_eq(ready(&a), 0x062907);
	ck_assert_uint_eq(ready(&a), 0);
}
END_TEST

/* A unit attention is a CHECK CONDITION too. */
START_TEST(unit_attention_comes_after_aca_and_can_make_it)
{
	sheaf_lu_raise_attention(a.lu, 0, SHEAF_ASC_POWER_ON);
	ck_assert_uint_eq(ready_as(&a, SHEAF_ATTRIBUTE_SIMPLE, true), 0x062901);
	sheaf_lu_raise_attention(a.lu, 0, SHEAF_ASC_BUS_DEVICE_RESET);
	ck_assert_uint_eq(ready(&a), ACA_ACTIVE);
	sheaf_lu_clear_aca(a.lu, SHEAF_INITIATOR_NONE);
	ck_assert_uint_eq(ready(&a), 0x062903);
}
END_TEST

START_TEST(attribute_that_cannot_be_is_refused)
{
	ck_assert_uint_eq(ready_as(&a, SHEAF_ATTRIBUTE_ACA, false), MESSAGE); /* no condition */
	for (uint32_t attribute = 4; attribute < 9; attribute++)
		ck_assert_uint_eq(ready_as(&a, attribute, false), MESSAGE);
	ck_assert_uint_eq(ready_as(&a, UINT32_MAX, false), MESSAGE);
	ck_assert_uint_eq(ready(&a), 0);
}
END_TEST

START_TEST(head_of_queue_passes_those_that_wait_but_not_those_at_work)
{
	static const uint8_t read_10[10] = { 0x28, [8] = 1 };

	start(&a, read_10, 10, 512, SHEAF_ATTRIBUTE_SIMPLE);
	start(&b, read_10, 10, 512, SHEAF_ATTRIBUTE_ORDERED);
	start(&a2, read_10, 10, 512, SHEAF_ATTRIBUTE_HEAD_OF_QUEUE);
	ck_assert_uint_eq(a.fake->queued, 2);
	ck_assert_ptr_eq(a.fake->queue[1], &a2.lt.io);
	fake_complete(a.fake, 0);
	ck_assert_uint_eq(a.fake->queued, 1); /* ORDERED waits for that one too */
	fake_complete(a.fake, 0);
	ck_assert_uint_eq(a.fake->queued, 1);
	ck_assert_ptr_eq(a.fake->queue[0], &b.lt.io);
	start(&a, read_10, 10, 512, SHEAF_ATTRIBUTE_HEAD_OF_QUEUE); /* it is at work */
	ck_assert_uint_eq(a.fake->queued, 1);
	fake_complete(a.fake, 0);
	ck_assert_uint_eq(outcome(&b), 0);
	ck_assert_uint_eq(a.fake->queued, 1);
	fake_drain(a.fake);
	ck_assert_uint_eq(outcome(&a), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("aca");
	TCase *tc = tcase_create("aca");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, naca_makes_a_condition_of_a_check_condition_alone);
	tcase_add_test(tc, with_a_task_set_for_each_nexus_others_notice_nothing);
	tcase_add_test(tc, with_one_task_set_others_are_busy);
	tcase_add_test(tc, one_aca_task_at_a_time_runs_meanwhile);
	tcase_add_loop_test(tc, aca_task_that_fails_ends_the_condition_or_makes_it_anew, 0, 2);
	tcase_add_test(tc, resets_and_a_lost_nexus_end_it);
	tcase_add_test(tc, unit_attention_comes_after_aca_and_can_make_it);
	tcase_add_test(tc, attribute_that_cannot_be_is_refused);
	tcase_add_test(tc, head_of_queue_passes_those_that_wait_but_not_those_at_work);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
