/* SPDX-License-Identifier: MIT */
/*
 * test_self_test.c - self-tests (SPC-4 section 5.14): what goes on beside them, what is told of them, and what ends them
 *
 * The LU has 16 pieces of 256 KiB. Nothing moves but when a test completes the store's accesses.
 */
#include <check.h>

#include "scsi/lu_impl.h"
#include "scsi_fixture.h"

#define PIECES 16u
#define PIECE  (256u << 10)
#define BLOCK  512u
#define NONE   SHEAF_TRANSFER_NONE
#define TO     SHEAF_TRANSFER_TO_TARGET
#define FROM   SHEAF_TRANSFER_FROM_TARGET

#define ILLEGAL_FIELD	 0x052400u
#define FAILED_SELF_TEST 0x043e03u
#define SELF_TEST	 0x020409u
#define FORMATTING	 0x020404u

enum { IN_PROGRESS = 0x0f };

/* SEND DIAGNOSTIC by SELF-TEST CODE, and by SELFTEST. */
static const uint8_t background_short[6] = { 0x1d, 1 << 5 }, background[6] = { 0x1d, 2 << 5 },
		     abort_background[6] = { 0x1d, 4 << 5 }, foreground_short[6] = { 0x1d, 5 << 5 },
		     foreground[6] = { 0x1d, 6 << 5 }, by_default[6] = { 0x1d, 0x04 };

static struct scsi_fixture f, other;

static void open_two(void)
{
	fixture_open(&f, PIECES * PIECE, BLOCK, false);
	fixture_share(&other, &f);
	other.initiator = 1;
}

static void close_two(void)
{
	free(other.data);
	fixture_close(&f);
}

/* It goes as far as it does by itself. */
static void begin(struct scsi_fixture *t, const uint8_t cdb[6])
{
	fixture_start(t, cdb, 6, NONE, 0);
	fixture_go(t);
}

/* A command that needs no access; nothing else moves. Its sense. */
static unsigned at_once(struct scsi_fixture *t, const uint8_t *cdb, unsigned size, uint64_t count)
{
	unsigned queued = t->fake->queued;

	fixture_start(t, cdb, size, count ? FROM : NONE, count);
	fixture_go(t);
	ck_assert_uint_eq(t->ended, 1);
	ck_assert_uint_eq(t->fake->queued, queued);
	return fixture_sense(t, NULL);
}

/* What REQUEST SENSE has as data. */
static unsigned request_sense(struct sheaf_sense *ret_sense)
{
	static const uint8_t cdb[6] = { 0x03, 0, 0, 0, 252 };
	struct sheaf_sense sense = { 0 };

	ck_assert_uint_eq(at_once(&other, cdb, 6, 252), 0);
	ck_assert(sheaf_sense_parse(other.data, (unsigned)other.response.bytes_transferred, &sense));
	if (ret_sense)
		*ret_sense = sense;
	return (unsigned)sense.key << 16 | sense.asc;
}

/* Parameter @index of the log page, 1 is the newest: SELF-TEST CODE and RESULTS and what follows. */
static const uint8_t *result(unsigned index)
{
	static const uint8_t cdb[10] = { 0x4d, 0, 0x50, [7] = 0x02 };

	ck_assert_uint_eq(at_once(&other, cdb, 10, 512), 0);
	ck_assert_uint_eq(sheaf_get_be16(other.data + 4 + (index - 1) * 20), index);
	return other.data + 4 + (index - 1) * 20 + 4;
}

static unsigned ready(void)
{
	static const uint8_t cdb[6] = { 0x00 };

	return at_once(&other, cdb, 6, 0);
}

static void reads_at_lba_0(void)
{
	static const uint8_t read[10] = { 0x28, [8] = 1 };

	fixture_start(&other, read, 10, FROM, BLOCK);
	fixture_go(&other);
	fake_complete(f.fake, f.fake->queued - 1);
	ck_assert_uint_eq(other.ended, 1);
	ck_assert_uint_eq(fixture_sense(&other, NULL), 0);
}

START_TEST(background_extended_reads_all_with_one_access_in_flight)
{
	struct sheaf_sense sense = { 0 };
	const uint8_t *r;

	begin(&f, background);
	ck_assert_uint_eq(f.ended, 1);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	ck_assert_uint_eq(f.fake->queue[0]->op, SHEAF_STORE_FLUSH);
	fake_complete(f.fake, 0);
	for (unsigned i = 0; i < PIECES; i++) {
		ck_assert_uint_eq(f.fake->queued, 1);
		ck_assert_uint_eq(f.fake->queue[0]->op, SHEAF_STORE_READ);
		ck_assert_uint_eq(f.fake->queue[0]->offset, i * PIECE);
		ck_assert_uint_eq(f.fake->queue[0]->length, PIECE);
		ck_assert_uint_eq(request_sense(&sense), SELF_TEST);
		ck_assert(sense.progress_valid);
		ck_assert_uint_eq(sense.progress, i * 65536 / PIECES);
		r = result(1);
		ck_assert_uint_eq(r[0], 2 << 5 | IN_PROGRESS);
		ck_assert_uint_eq(sheaf_get_be16(r + 2), 0);
		ck_assert_uint_eq(ready(), 0);
		reads_at_lba_0();
		fake_complete(f.fake, 0);
	}
	ck_assert_uint_eq(f.fake->queued, 0);
	r = result(1);
	ck_assert_uint_eq(r[0], 2 << 5);
	ck_assert_uint_eq(r[1], 0);
	ck_assert_uint_eq(sheaf_get_be64(r + 4), UINT64_MAX);
	ck_assert_uint_eq(request_sense(NULL), 0);
	ck_assert_uint_eq(f.ended, 1);
}
END_TEST

START_TEST(background_short_is_answered_before_it_is_done)
{
	begin(&f, background_short);
	ck_assert_uint_eq(f.ended, 1);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	ck_assert_uint_eq(result(1)[0], 1 << 5 | IN_PROGRESS);
	for (unsigned i = 0; i < 4; i++) {
		ck_assert_uint_eq(request_sense(NULL), SELF_TEST);
		fake_complete(f.fake, 0);
	}
	ck_assert_uint_eq(f.fake->queued, 0);
	ck_assert_uint_eq(request_sense(NULL), 0);
	ck_assert_uint_eq(result(1)[0], 1 << 5);
}
END_TEST

START_TEST(a_second_self_test_is_not_ready_with_progress)
{
	static const uint8_t *const cdbs[] = { background_short, background, foreground_short, foreground, by_default };
	struct sheaf_sense sense = { 0 };

	begin(&f, background);
	fake_complete(f.fake, 0);
	for (unsigned i = 0; i < PIECES / 2; i++)
		fake_complete(f.fake, 0);
	for (unsigned i = 0; i < sizeof(cdbs) / sizeof(cdbs[0]); i++) {
		ck_assert_uint_eq(at_once(&other, cdbs[i], 6, 0), SELF_TEST);
		fixture_sense(&other, &sense);
		ck_assert(sense.progress_valid);
		ck_assert_uint_eq(sense.progress, 0x8000);
	}
	ck_assert_uint_eq(result(2)[0], 0); /* none of them is in the log */
	fake_drain(f.fake);
	begin(&other, foreground_short);
	fake_drain(f.fake);
	ck_assert_uint_eq(fixture_sense(&other, NULL), 0);
	ck_assert_uint_eq(result(1)[0], 5 << 5);
	ck_assert_uint_eq(result(2)[0], 2 << 5);
}
END_TEST

START_TEST(abort_ends_one_in_the_background_and_nothing_else)
{
	struct sheaf_sense sense = { 0 };

	ck_assert_uint_eq(at_once(&other, abort_background, 6, 0), ILLEGAL_FIELD);
	fixture_sense(&other, &sense);
	ck_assert(sense.field_byte == 1 && sense.field_bit == 7);
	begin(&f, foreground);
	ck_assert_uint_eq(at_once(&other, abort_background, 6, 0), ILLEGAL_FIELD);
	fake_drain(f.fake);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	begin(&f, background);
	fake_complete(f.fake, 0);
	fake_complete(f.fake, 0);
	ck_assert_uint_eq(at_once(&other, abort_background, 6, 0), 0);
	/* At once, whatever is in flight; but that is waited for. */
	ck_assert_uint_eq(result(1)[0], 2 << 5 | 1);
	ck_assert_uint_eq(request_sense(NULL), 0);
	ck_assert_uint_eq(at_once(&other, abort_background, 6, 0), ILLEGAL_FIELD);
	ck_assert_uint_eq(at_once(&other, background, 6, 0), SELF_TEST);
	f.fake->fail[SHEAF_STORE_READ] = -EIO;
	fake_complete(f.fake, 0);
	ck_assert_uint_eq(f.fake->queued, 0);
	ck_assert_uint_eq(result(1)[0], 2 << 5 | 1);
	begin(&f, background);
	fake_drain(f.fake);
	ck_assert_uint_eq(result(1)[0], 2 << 5);
}
END_TEST

/* What ends a background test: the medium is no more what it was, or cannot be used, or the LU is reset. */
static const struct {
	const char *name;
	uint8_t cdb[10], size; /* 0: LOGICAL UNIT RESET */
} enders[] = {
	{ "FORMAT UNIT", { 0x04 }, 6 },	 { "SANITIZE", { 0x48, 0x82 }, 10 },
	{ "START STOP UNIT", { 0x1b }, 6 }, { "LOGICAL UNIT RESET", { 0 }, 0 },
};

START_TEST(what_takes_the_medium_away_ends_it)
{
	begin(&f, background);
	fake_complete(f.fake, 0);
	fake_complete(f.fake, 0);
	if (enders[_i].size) {
		fixture_start(&other, enders[_i].cdb, enders[_i].size, NONE, 0);
		fixture_go(&other);
		fake_drain(f.fake);
		ck_assert_uint_eq(other.ended, 1);
		ck_assert_uint_eq(fixture_sense(&other, NULL), 0);
	} else {
		sheaf_lu_reset(f.lu);
		sheaf_lu_take_attention(f.lu, 0);
		sheaf_lu_take_attention(f.lu, 1);
		fake_drain(f.fake);
	}
	ck_assert_msg(result(1)[0] == (2 << 5 | 2), "%s: %02x", enders[_i].name, result(1)[0]);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_READ], 2);
}
END_TEST

START_TEST(starting_a_unit_that_is_started_ends_nothing)
{
	static const uint8_t start[6] = { 0x1b, 0, 0, 0, 1 };

	begin(&f, background);
	ck_assert_uint_eq(at_once(&other, start, 6, 0), 0);
	fake_drain(f.fake);
	ck_assert_uint_eq(result(1)[0], 2 << 5);
}
END_TEST

START_TEST(one_that_fails_in_the_background_is_in_the_log_alone)
{
	const uint8_t *r;

	begin(&f, background);
	fake_complete(f.fake, 0);
	fake_complete(f.fake, 0);
	f.fake->fail[SHEAF_STORE_READ] = -EIO;
	f.fake->fail_moved = 1024;
	fake_drain(f.fake);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_READ], 2);
	r = result(1);
	ck_assert_uint_eq(r[0], 2 << 5 | 6);
	ck_assert_uint_eq(r[1], 2);
	ck_assert_uint_eq(sheaf_get_be64(r + 4), PIECE / BLOCK + 2);
	ck_assert_uint_eq(r[12], 3);
	ck_assert_uint_eq(sheaf_get_be16(r + 13), 0x1100);
	ck_assert_uint_eq(ready(), 0);
}
END_TEST

/* Segments: the flush, then the reads; SELF-TEST RESULTS 5h, 6h and 7h. */
START_TEST(each_segment_that_fails_has_its_result)
{
	static const uint8_t results[4] = { 5, 6, 7, 7 };

	begin(&f, foreground_short);
	for (int i = 0; i < _i; i++)
		fake_complete(f.fake, 0);
	f.fake->fail[_i ? SHEAF_STORE_READ : SHEAF_STORE_FLUSH] = -EIO;
	fake_drain(f.fake);
	ck_assert_uint_eq(fixture_sense(&f, NULL), FAILED_SELF_TEST);
	ck_assert_uint_eq(result(1)[0], 5 << 5 | results[_i]);
	ck_assert_uint_eq(result(1)[1], (unsigned)_i + 1);
}
END_TEST

START_TEST(a_foreground_test_ends_with_its_command)
{
	begin(&f, foreground);
	fake_complete(f.fake, 0);
	ck_assert_uint_eq(f.ended, 0);
	ck_assert_uint_eq(result(1)[0], 6 << 5 | IN_PROGRESS);
	ck_assert_uint_eq(request_sense(NULL), SELF_TEST);
	atomic_store(&f.lt.aborted_tag, f.lt.task.task_tag_identifier);
	fake_complete(f.fake, 0);
	ck_assert_uint_eq(f.ended, 1);
	ck_assert_uint_eq(f.fake->queued, 0);
	ck_assert_uint_eq(result(1)[0], 6 << 5 | 2);
}
END_TEST

/* No command is out that a shrinking disk would wait for. */
START_TEST(a_unit_that_is_tested_in_the_background_grows_and_does_not_shrink)
{
	uint64_t blocks = PIECES * PIECE / BLOCK;

	ck_assert_int_eq(sheaf_lu_resize(f.lu, blocks / 2), 0);
	sheaf_lu_take_attention(f.lu, 0);
	sheaf_lu_take_attention(f.lu, 1);
	begin(&f, background);
	ck_assert_int_eq(sheaf_lu_resize(f.lu, 8), -EBUSY);
	ck_assert_int_eq(sheaf_lu_resize(f.lu, blocks), 0);
	sheaf_lu_take_attention(f.lu, 1);
	ck_assert_uint_eq(at_once(&other, abort_background, 6, 0), 0);
	ck_assert_int_eq(sheaf_lu_resize(f.lu, 8), -EBUSY); /* an access may be in flight */
	fake_drain(f.fake);
	ck_assert_int_eq(sheaf_lu_resize(f.lu, 8), 0);
}
END_TEST

START_TEST(what_runs_when_the_lu_goes_is_dropped)
{
	begin(&f, background);
	fake_complete(f.fake, 0);
	ck_assert_uint_eq(f.fake->queued, 1);
	/* close_two() frees the LU; leak and address checks watch. */
}
END_TEST

/* 256 MiB a second, rounded up, in the control mode page; minutes in VPD page 86h. */
START_TEST(completion_time_goes_with_the_size)
{
	static const struct {
		uint64_t bytes;
		uint16_t seconds, minutes;
	} rows[] = {
		{ UINT64_C(1) << 20, 1, 1 },
		{ UINT64_C(64) << 30, 257, 5 },
		{ UINT64_C(64) << 40, 0xffff, 4370 },
	};
	static const uint8_t sense[6] = { 0x1a, 0x08, 0x0a, 0, 16 }, vpd[6] = { 0x12, 0x01, 0x86, 0, 64 };
	struct scsi_fixture g;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fixture_open(&g, rows[i].bytes, BLOCK, false);
		fixture_run(&g, sense, 6, FROM, NULL, 16);
		ck_assert_uint_eq(sheaf_get_be16(g.data + 4 + 10), rows[i].seconds);
		fixture_run(&g, vpd, 6, FROM, NULL, 64);
		ck_assert_uint_eq(sheaf_get_be16(g.data + 10), rows[i].minutes);
		fixture_close(&g);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("self_test");
	TCase *tc = tcase_create("self_test");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, open_two, close_two);
	tcase_add_test(tc, background_extended_reads_all_with_one_access_in_flight);
	tcase_add_test(tc, background_short_is_answered_before_it_is_done);
	tcase_add_test(tc, a_second_self_test_is_not_ready_with_progress);
	tcase_add_test(tc, abort_ends_one_in_the_background_and_nothing_else);
	tcase_add_loop_test(tc, what_takes_the_medium_away_ends_it, 0, (int)(sizeof(enders) / sizeof(enders[0])));
	tcase_add_test(tc, starting_a_unit_that_is_started_ends_nothing);
	tcase_add_test(tc, one_that_fails_in_the_background_is_in_the_log_alone);
	tcase_add_loop_test(tc, each_segment_that_fails_has_its_result, 0, 4);
	tcase_add_test(tc, a_foreground_test_ends_with_its_command);
	tcase_add_test(tc, a_unit_that_is_tested_in_the_background_grows_and_does_not_shrink);
	tcase_add_test(tc, what_runs_when_the_lu_goes_is_dropped);
	tcase_add_test(tc, completion_time_goes_with_the_size);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
