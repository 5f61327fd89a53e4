/* SPDX-License-Identifier: MIT */
/*
 * test_copy_between.c - EXTENDED COPY is in the gate for each access by itself: what other commands do to its LUs between two of
 * them stops it, and a task with the ACA attribute stays one till its command ends
 */
#include <check.h>

#include "scsi/lu_impl.h"
#include "scsi_fixture.h"

#define NONE SHEAF_TRANSFER_NONE
#define TO   SHEAF_TRANSFER_TO_TARGET

#define PIECE	    (SHEAF_LU_PATTERN_BYTES / 512)
#define BLOCKS	    (8u * PIECE)
#define CONFLICT    0x18u
#define ACA_ACTIVE  0x30u
#define SANITIZING  0x02041bu
#define PROTECTED   0x072702u
#define UNREACHABLE 0x0a0d02u
#define FAILED	    0x0a0d01u

/* a copies within LUN 0, or to LUN 1 (far); b is another initiator's task on LUN 0, b_far on LUN 1. */
static struct scsi_fixture a, a2, b, far, b_far;
static struct sheaf_lu *lus[2];

static void setup(void)
{
	const struct sheaf_lu_options options = { .block_size = 512,
						  .maximum_transfer_bytes = 256 << 10,
						  .serial = "far" };

	fixture_open(&a, BLOCKS * 512, 512, false);
	fixture_share(&a2, &a);
	fixture_share(&b, &a);
	b.initiator = 1;
	memset(&far, 0, sizeof(far));
	far.fake = fake_create(BLOCKS * 512);
	ck_assert_int_eq(sheaf_lu_create(&far.fake->store, &options, &far.lu), 0);
	for (uint32_t i = 0; i < SHEAF_INITIATORS_MAX; i++)
		sheaf_lu_take_attention(far.lu, i);
	sheaf_lu_set_lun(far.lu, 1);
	fixture_share(&b_far, &a);
	b_far.fake = far.fake;
	b_far.lu = far.lu;
	b_far.initiator = 1;
	lus[0] = a.lu;
	lus[1] = far.lu;
	a.set.lus = lus;
	a.set.lu_count = 2;
	for (unsigned i = 0; i < BLOCKS * 512; i++)
		a.fake->bytes[i] = (uint8_t)(i / 512 + 1);
}

static void teardown(void)
{
	free(a2.data);
	free(b.data);
	free(b_far.data);
	sheaf_lu_free(far.lu);
	sheaf_store_free(&far.fake->store);
	fixture_close(&a);
}

/* GOOD: 0; a status without sense data; or key and code. */
static unsigned outcome(const struct scsi_fixture *f)
{
	ck_assert_uint_eq(f->ended, 1);
	return f->response.completion_status == SHEAF_STATUS_CHECK_CONDITION ? fixture_sense(f, NULL)
									     : f->response.completion_status;
}

/* The second designator of VPD page 83h, as an identification CSCD descriptor. */
static void put_cscd(uint8_t *d, const struct sheaf_lu *lu)
{
	uint8_t page[256] = { 0 };
	unsigned at = 4;

	sheaf_lu_identification_page(lu, page);
	at += 4u + page[at + 3];
	d[0] = 0xe4;
	d[4] = page[at];
	d[5] = page[at + 1];
	d[7] = page[at + 3];
	memcpy(d + 8, page + at + 4, d[7]);
	d[30] = 0x02;
}

/* a begins to copy three pieces: blocks 0 on of LUN 0 to the second half of it, or of LUN 1. */
static void start_copy(bool to_far, uint32_t attribute)
{
	uint8_t cdb[16] = { 0x83 }, list[16 + 2 * 32 + 28] = { 0 }, *s = list + 16 + 2 * 32;

	sheaf_put_be16(list + 2, 2 * 32);
	sheaf_put_be32(list + 8, 28);
	put_cscd(list + 16, a.lu);
	put_cscd(list + 16 + 32, far.lu);
	s[0] = 0x02;
	s[3] = 0x18;
	s[7] = to_far;
	sheaf_put_be16(s + 10, 3 * PIECE);
	sheaf_put_be64(s + 20, BLOCKS / 2);
	sheaf_put_be32(cdb + 10, sizeof(list));
	fixture_start(&a, cdb, 16, TO, sizeof(list));
	a.lt.task.task_attribute = attribute;
	memcpy(a.data, list, sizeof(list));
	fixture_go(&a);
	ck_assert_uint_eq(a.fake->queued, 1); /* reads the first piece */
}

static bool is_keeping(const struct fake_store *fake)
{
	for (unsigned i = 0; i < SHEAF_STORE_NOTES; i++)
		if (fake->notes[i].keeping)
			return true;
	return false;
}

static void drain(void)
{
	while (a.fake->queued || far.fake->queued || is_keeping(a.fake) || is_keeping(far.fake)) {
		fake_drain(a.fake);
		fake_drain(far.fake);
	}
}

static bool is_zero(const struct fake_store *fake, unsigned from, unsigned blocks)
{
	for (unsigned i = from * 512; i < (from + blocks) * 512; i++)
		if (fake->bytes[i])
			return false;
	return true;
}

static void begin_sanitize(struct scsi_fixture *f)
{
	static const uint8_t erase[10] = { 0x48, 0x82 }; /* BLOCK ERASE, IMMED */

	fixture_start(f, erase, 10, NONE, 0);
	fixture_go(f);
}

/* The sanitize operation waits for the access, begins, and then has the LU for itself. */
START_TEST(a_copy_does_not_go_on_in_a_unit_that_is_sanitized)
{
	start_copy(false, SHEAF_ATTRIBUTE_SIMPLE);
	begin_sanitize(&b);
	ck_assert_uint_eq(b.ended, 0);
	drain();
	ck_assert_uint_eq(outcome(&b), 0);
	ck_assert_uint_eq(outcome(&a), SANITIZING);
	ck_assert(is_zero(a.fake, 0, BLOCKS));
}
END_TEST

START_TEST(a_copy_does_not_go_on_to_another_unit_that_is_sanitized)
{
	start_copy(true, SHEAF_ATTRIBUTE_SIMPLE);
	fake_complete(a.fake, 0);
	ck_assert_uint_eq(far.fake->queued, 1); /* writes the first piece */
	begin_sanitize(&b_far);
	fake_complete(far.fake, 0);
	ck_assert_uint_eq(outcome(&b_far), 0); /* and goes on, as IMMED */
	fake_complete(a.fake, 0);
	ck_assert_uint_eq(outcome(&a), UNREACHABLE);
	drain();
	ck_assert(is_zero(far.fake, 0, BLOCKS));
}
END_TEST

static void write_protect(struct scsi_fixture *f)
{
	static const uint8_t cdb[6] = { 0x15, 0x10, 0, 0, 16 };
	static const uint8_t list[16] = { 0, 0, 0, 0, 0x0a, 10, 0x22, 0x10, 0x08, [15] = 1 };

	fixture_start(f, cdb, 6, TO, sizeof(list));
	memcpy(f->data, list, sizeof(list));
	fixture_go(f);
}

START_TEST(a_copy_does_not_write_what_is_write_protected_meanwhile)
{
	start_copy(false, SHEAF_ATTRIBUTE_SIMPLE);
	write_protect(&b);
	drain();
	ck_assert_uint_eq(outcome(&b), 0);
	ck_assert_uint_eq(outcome(&a), PROTECTED);
	ck_assert(a.fake->bytes[BLOCKS / 2 * 512] == (uint8_t)(BLOCKS / 2 + 1)); /* it had only read */
}
END_TEST

static unsigned persistent_out(struct scsi_fixture *f, uint8_t action, uint8_t type, uint64_t key, uint64_t new_key)
{
	uint8_t cdb[10] = { 0x5f, action, type, [8] = 24 }, list[24] = { 0 };

	sheaf_put_be64(list, key);
	sheaf_put_be64(list + 8, new_key);
	fixture_start(f, cdb, 10, TO, sizeof(list));
	memcpy(f->data, list, sizeof(list));
	fixture_go(f);
	return outcome(f);
}

START_TEST(a_copy_does_not_go_on_in_what_another_one_reserves)
{
	start_copy(false, SHEAF_ATTRIBUTE_SIMPLE);
	ck_assert_uint_eq(persistent_out(&b, 0x00, 0, 0, 7), 0);
	ck_assert_uint_eq(persistent_out(&b, 0x01, 1, 7, 0), 0);
	drain();
	ck_assert_uint_eq(outcome(&a), CONFLICT);
}
END_TEST

START_TEST(a_copy_does_not_go_on_to_another_unit_that_is_reserved)
{
	start_copy(true, SHEAF_ATTRIBUTE_SIMPLE);
	ck_assert_uint_eq(persistent_out(&b_far, 0x00, 0, 0, 7), 0);
	ck_assert_uint_eq(persistent_out(&b_far, 0x01, 1, 7, 0), 0);
	drain();
	ck_assert_uint_eq(outcome(&a), UNREACHABLE);
	ck_assert(is_zero(far.fake, 0, BLOCKS));
}
END_TEST

/* With WCE 0, the copy's own LU is flushed when it ends, also if it was 1 when it began. */
START_TEST(a_copy_notices_that_there_is_no_write_cache_any_more)
{
	static const uint8_t cdb[6] = { 0x15, 0x10, 0, 0, 24 };
	static const uint8_t list[24] = { 0, 0, 0, 0, 0x08, 18 };

	start_copy(false, SHEAF_ATTRIBUTE_SIMPLE);
	fixture_start(&b, cdb, 6, TO, sizeof(list));
	memcpy(b.data, list, sizeof(list));
	fixture_go(&b);
	drain();
	ck_assert_uint_eq(outcome(&b), 0);
	ck_assert_uint_eq(outcome(&a), 0);
	ck_assert_uint_eq(atomic_load(&a.lu->written), atomic_load(&a.lu->synced));
}
END_TEST

static void make_condition(void)
{
	static const uint8_t bad[6] = { 0xff, [5] = 0x04 }; /* NACA */

	fixture_start(&a2, bad, 6, NONE, 0);
	fixture_go(&a2);
	ck_assert_uint_eq(outcome(&a2), 0x052000u);
}

static unsigned ready_as(uint32_t attribute)
{
	static const uint8_t ready[6];

	fixture_start(&a2, ready, 6, NONE, 0);
	a2.lt.task.task_attribute = attribute;
	fixture_go(&a2);
	return outcome(&a2);
}

/* SAM-5 section 5.9.2: one ACA task at a time, and the condition is over when it ends with CHECK CONDITION and without NACA. */
START_TEST(a_copy_with_the_aca_attribute_is_one_till_it_ends)
{
	make_condition();
	start_copy(true, SHEAF_ATTRIBUTE_ACA);
	fake_complete(a.fake, 0);
	ck_assert_uint_eq(ready_as(SHEAF_ATTRIBUTE_ACA), ACA_ACTIVE);
	far.fake->fail[SHEAF_STORE_WRITE] = -EIO;
	drain();
	ck_assert_uint_eq(outcome(&a), FAILED);
	ck_assert_uint_eq(ready_as(SHEAF_ATTRIBUTE_SIMPLE), 0);
}
END_TEST

START_TEST(formatting_with_the_aca_attribute_is_one_till_it_ends)
{
	static const uint8_t format[6] = { 0x04 };

	make_condition();
	fixture_start(&a, format, 6, NONE, 0);
	a.lt.task.task_attribute = SHEAF_ATTRIBUTE_ACA;
	fixture_go(&a);
	ck_assert_uint_eq(ready_as(SHEAF_ATTRIBUTE_ACA), ACA_ACTIVE);
	a.fake->fail[SHEAF_STORE_DISCARD] = -EIO;
	drain();
	ck_assert_uint_eq(outcome(&a), 0x033101u);
	/* Not ACA ACTIVE. */
	ck_assert_uint_eq(ready_as(SHEAF_ATTRIBUTE_SIMPLE), 0x033100u);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("copy_between");
	TCase *tc = tcase_create("accesses");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_copy_does_not_go_on_in_a_unit_that_is_sanitized);
	tcase_add_test(tc, a_copy_does_not_go_on_to_another_unit_that_is_sanitized);
	tcase_add_test(tc, a_copy_does_not_write_what_is_write_protected_meanwhile);
	tcase_add_test(tc, a_copy_does_not_go_on_in_what_another_one_reserves);
	tcase_add_test(tc, a_copy_does_not_go_on_to_another_unit_that_is_reserved);
	tcase_add_test(tc, a_copy_notices_that_there_is_no_write_cache_any_more);
	tcase_add_test(tc, a_copy_with_the_aca_attribute_is_one_till_it_ends);
	tcase_add_test(tc, formatting_with_the_aca_attribute_is_one_till_it_ends);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(suite());

	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
