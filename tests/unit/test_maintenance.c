/* SPDX-License-Identifier: MIT */
/*
 * test_maintenance.c - READ DEFECT DATA, READ and WRITE BUFFER, SEND DIAGNOSTIC and RECEIVE DIAGNOSTIC RESULTS: byte layouts
 * as SPC-4 and SBC-4 print them
 */
#include <check.h>

#include "scsi/lu_impl.h"
#include "scsi_fixture.h"

#define BLOCKS 4096u
#define BLOCK  512u
#define NONE   SHEAF_TRANSFER_NONE
#define TO     SHEAF_TRANSFER_TO_TARGET
#define FROM   SHEAF_TRANSFER_FROM_TARGET

#define ILLEGAL_FIELD	  0x052400u
#define ILLEGAL_PARAMETER 0x052600u
#define LIST_LENGTH	  0x051a00u
#define SEQUENCE	  0x052c00u
#define FAILED_SELF_TEST  0x043e03u
#define STOPPED		  0x020402u

static struct scsi_fixture f, other;

static void open_two(void)
{
	fixture_open_two(&f, &other, BLOCKS * BLOCK, BLOCK, false);
}

static void close_two(void)
{
	fixture_close_two(&f, &other);
}

static unsigned in(struct scsi_fixture *t, const uint8_t *cdb, unsigned size, uint64_t count)
{
	return fixture_send(t, cdb, size, count ? FROM : NONE, NULL, count);
}

static unsigned out(struct scsi_fixture *t, const uint8_t *cdb, unsigned size, const void *data,
		    uint64_t count)
{
	return fixture_send(t, cdb, size, count ? TO : NONE, data, count);
}

/* Refused, and the field is named. */
static void refuses(const uint8_t *cdb, unsigned size, enum sheaf_transfer_direction direction,
		    uint64_t count, uint16_t byte, int8_t bit)
{
	struct sheaf_sense sense = { 0 };

	fixture_run(&f, cdb, size, count ? direction : NONE, NULL, count);
	ck_assert_msg(fixture_sense(&f, &sense) == ILLEGAL_FIELD, "%02x %02x %02x: %x", cdb[0],
		      cdb[1], cdb[2], fixture_sense(&f, NULL));
	ck_assert_msg(sense.field_byte == byte && sense.field_bit == bit, "%02x %02x %02x: %u, %d",
		      cdb[0], cdb[1], cdb[2], sense.field_byte, sense.field_bit);
}

static void answered(const struct scsi_fixture *t, const uint8_t *bytes, uint64_t length)
{
	ck_assert_uint_eq(t->response.bytes_transferred, length);
	ck_assert_mem_eq(t->data, bytes, length);
}

START_TEST(defect_lists_are_there_and_empty)
{
	static const uint8_t read_10[10] = { 0x37, 0, 0x1d, [8] = 64 };
	static const uint8_t read_12[12] = { 0xb7, 0x0b, 0, 0, 0, 9, [9] = 64 };
	static const uint8_t lists_10[4] = { 0, 0x1d, 0, 0 };
	static const uint8_t lists_12[8] = { 0, 0x0b };
	static const uint8_t vendor_10[10] = { 0x37, 0, 0x06, [8] = 64 };
	static const uint8_t reserved_12[12] = { 0xb7, 0x07, [9] = 64 };

	ck_assert_uint_eq(in(&f, read_10, 10, 64), 0);
	answered(&f, lists_10, 4);
	ck_assert_uint_eq(in(&f, read_12, 12, 64), 0);
	answered(&f, lists_12, 8);
	refuses(vendor_10, 10, FROM, 64, 2, 2);
	refuses(reserved_12, 12, FROM, 64, 1, 2);
}
END_TEST

START_TEST(the_data_buffer_is_one_for_all)
{
	static const uint8_t descriptor[10] = { 0x3c, 0x03, [8] = 4 },
			     none[10] = { 0x3c, 0x03, 7, [8] = 4 };
	static const uint8_t is[4] = { 0, 1, 0, 0 }, is_none[4] = { 0 };
	static const uint8_t write[10] = { 0x3b, 0x02, 0, 0, 0, 2, 0, 0, 3 };
	static const uint8_t read[10] = { 0x3c, 0x02, [8] = 8 };
	static const uint8_t past[10] = { 0x3c, 0x02, 0, 0, 0xff, 0xfc, 0, 0, 8 };

	ck_assert_uint_eq(in(&f, descriptor, 10, 4), 0);
	answered(&f, is, 4);
	ck_assert_uint_eq(in(&f, none, 10, 4), 0);
	answered(&f, is_none, 4);
	ck_assert_uint_eq(in(&f, read, 10, 8), 0);
	answered(&f, (const uint8_t[8]){ 0 }, 8);
	ck_assert_uint_eq(out(&f, write, 10, "abc", 3), 0);
	ck_assert_uint_eq(in(&other, read, 10, 8), 0);
	answered(&other, (const uint8_t *)"\0\0abc\0\0", 8);
	ck_assert_uint_eq(in(&f, past, 10, 8), 0);
	ck_assert_uint_eq(f.response.bytes_transferred, 4);
}
END_TEST

START_TEST(each_initiator_has_an_echo_buffer_until_a_reset)
{
	static const uint8_t descriptor[10] = { 0x3c, 0x0b, [8] = 4 };
	static const uint8_t is[4] = { 1, 0, 0x10, 0 };
	static const uint8_t write[10] = { 0x3b, 0x0a, [8] = 3 },
			     read[10] = { 0x3c, 0x0a, [8] = 16 };

	ck_assert_uint_eq(in(&f, descriptor, 10, 4), 0);
	answered(&f, is, 4);
	ck_assert_uint_eq(in(&f, read, 10, 16), SEQUENCE);
	ck_assert_uint_eq(out(&f, write, 10, "abc", 3), 0);
	ck_assert_uint_eq(in(&other, read, 10, 16), SEQUENCE);
	ck_assert_uint_eq(out(&other, write, 10, "xyz", 3), 0);
	ck_assert_uint_eq(in(&f, read, 10, 16), 0);
	answered(&f, (const uint8_t *)"abc", 3);
	ck_assert_uint_eq(in(&other, read, 10, 16), 0);
	answered(&other, (const uint8_t *)"xyz", 3);
	sheaf_lu_reset(f.lu);
	ck_assert_uint_eq(in(&f, read, 10, 16), 0x062903);
	ck_assert_uint_eq(in(&f, read, 10, 16), SEQUENCE);
}
END_TEST

START_TEST(buffers_have_ends_and_no_microcode)
{
	static const uint8_t longest[10] = { 0x3b, 0x0a, 0, 0, 0, 0, 0, 0x10, 0 };
	static const uint8_t longer[10] = { 0x3b, 0x0a, 0, 0, 0, 0, 0, 0x10, 1 };
	static const uint8_t microcode[10] = { 0x3b, 0x05, [8] = 4 };
	static const uint8_t specific[10] = { 0x3b, 0xe2, [8] = 4 };
	static const uint8_t number[10] = { 0x3b, 0x02, 1, [8] = 4 };
	static const uint8_t beyond[10] = { 0x3b, 0x02, 0, 0, 0xff, 0xff, 0, 0, 2 };
	static const uint8_t offset[10] = { 0x3b, 0x02, 0, 1, 0, 1, 0, 0, 2 };
	static const uint8_t combined[10] = { 0x3c, 0x00, [8] = 4 };
	static const uint8_t no_bytes[10] = { 0x3b, 0x02 };
	uint8_t data[4097] = { 0 };

	ck_assert_uint_eq(out(&f, longest, 10, data, 4096), 0);
	refuses(longer, 10, TO, 4097, 6, 7);
	refuses(microcode, 10, TO, 4, 1, 4);
	refuses(specific, 10, TO, 4, 1, 7);
	refuses(number, 10, TO, 4, 2, 7);
	refuses(beyond, 10, TO, 2, 6, 7);
	refuses(offset, 10, TO, 2, 3, 7);
	refuses(combined, 10, FROM, 4, 1, 4);
	ck_assert_uint_eq(out(&f, no_bytes, 10, NULL, 0), 0);
}
END_TEST

/* Self-test results: parameter @index, 1 is the newest. */
static const uint8_t *result(unsigned index)
{
	static const uint8_t cdb[10] = { 0x4d, 0, 0x50, [7] = 0x02 };

	ck_assert_uint_eq(in(&f, cdb, 10, 512), 0);
	ck_assert_uint_eq(f.response.bytes_transferred, 4 + 20 * 20);
	ck_assert_uint_eq(f.data[0], 0x90);
	ck_assert_uint_eq(sheaf_get_be16(f.data + 2), 400);
	const uint8_t *p = f.data + 4 + (index - 1) * 20;
	ck_assert_uint_eq(sheaf_get_be16(p), index);
	ck_assert_uint_eq(p[2], 0x23);
	ck_assert_uint_eq(p[3], 0x10);
	return p + 4;
}

START_TEST(the_short_self_test_flushes_and_reads_both_ends_and_the_middle)
{
	static const uint8_t by_default[6] = { 0x1d, 0x04 }, foreground[6] = { 0x1d, 0xa0 };

	ck_assert_uint_eq(out(&f, by_default, 6, NULL, 0), 0);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_FLUSH], 1);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_READ], 3);
	ck_assert_uint_eq(sheaf_get_be64(result(1) + 4), 0); /* it is not in the log page */
	ck_assert_uint_eq(out(&f, foreground, 6, NULL, 0), 0);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_READ], 6);
	ck_assert_uint_eq(result(1)[0], 0xa0);
	ck_assert_uint_eq(sheaf_get_be64(result(1) + 4), UINT64_MAX);
	f.fake->fail[SHEAF_STORE_READ] = -EIO;
	ck_assert_uint_eq(out(&f, by_default, 6, NULL, 0), FAILED_SELF_TEST);
}
END_TEST

START_TEST(the_extended_self_test_reads_all)
{
	static const uint8_t extended[6] = { 0x1d, 0xc0 };

	ck_assert_uint_eq(out(&f, extended, 6, NULL, 0), 0);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_READ], BLOCKS * BLOCK / (256u << 10));
	ck_assert_uint_eq(result(1)[0], 0xc0);
}
END_TEST

START_TEST(a_self_test_that_failed_says_where)
{
	static const uint8_t foreground[6] = { 0x1d, 0xa0 }, background[6] = { 0x1d, 0x20 };
	const uint8_t *r;

	f.fake->fail[SHEAF_STORE_READ] = -EIO;
	f.fake->fail_moved = 512;
	ck_assert_uint_eq(out(&f, foreground, 6, NULL, 0), FAILED_SELF_TEST);
	r = result(1);
	ck_assert_uint_eq(r[0], 0xa6);
	ck_assert_uint_eq(r[1], 2);
	ck_assert_uint_eq(sheaf_get_be64(r + 4), 1);
	ck_assert_uint_eq(r[12], 3);
	ck_assert_uint_eq(sheaf_get_be16(r + 13), 0x1100);
	f.fake->fail[SHEAF_STORE_FLUSH] = -EIO;
	ck_assert_uint_eq(out(&f, background, 6, NULL, 0), 0);
	r = result(1);
	ck_assert_uint_eq(r[0], 0x25);
	ck_assert_uint_eq(r[1], 1);
	ck_assert_uint_eq(result(2)[0], 0xa6);
}
END_TEST

START_TEST(twenty_results_are_kept)
{
	static const uint8_t background[6] = { 0x1d, 0x20 }, foreground[6] = { 0x1d, 0xa0 };

	out(&f, foreground, 6, NULL, 0);
	for (unsigned i = 0; i < 19; i++)
		out(&f, background, 6, NULL, 0);
	ck_assert_uint_eq(result(20)[0], 0xa0);
	out(&f, background, 6, NULL, 0);
	ck_assert_uint_eq(result(20)[0], 0x20);
}
END_TEST

START_TEST(diagnostics_that_there_are_not_are_refused)
{
	static const uint8_t nothing[6] = { 0x1d }, pages[6] = { 0x1d, 0x10, 0, 0, 4 };
	static const uint8_t list[4] = { 0 }, enclosure[4] = { 2, 0, 0, 0 };
	static const uint8_t rows[][8] = {
		/* CDB; byte and bit */
		{ 0x1d, 0x60, 0, 0, 0, 0, 1, 7 }, { 0x1d, 0x80, 0, 0, 0, 0, 1, 7 },
		{ 0x1d, 0xe0, 0, 0, 0, 0, 1, 7 }, { 0x1d, 0x24, 0, 0, 0, 0, 1, 7 },
		{ 0x1d, 0x04, 0, 0, 4, 0, 3, 7 }, { 0x1d, 0x00, 0, 0, 4, 0, 1, 4 },
		{ 0x1d, 0x08, 0, 0, 0, 0, 1, 3 }, { 0x1c, 0x01, 2, 0, 4, 0, 2, 7 },
	};
	static const uint8_t receive[6] = { 0x1c, 0x01, 0, 0, 64 }, last[6] = { 0x1c, 0, 0, 0, 64 };
	static const uint8_t supported[5] = { 0, 0, 0, 1, 0 }, cut[6] = { 0x1d, 0x10, 0, 0, 3 };

	ck_assert_uint_eq(out(&f, nothing, 6, NULL, 0), 0);
	ck_assert_uint_eq(out(&f, pages, 6, list, 4), 0);
	ck_assert_uint_eq(out(&f, pages, 6, enclosure, 4), ILLEGAL_PARAMETER);
	ck_assert_uint_eq(out(&f, cut, 6, list, 3), LIST_LENGTH);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		refuses(rows[i], 6, rows[i][0] == 0x1c ? FROM : TO, rows[i][4], rows[i][6],
			(int8_t)rows[i][7]);
	ck_assert_uint_eq(in(&f, receive, 6, 64), 0);
	answered(&f, supported, 5);
	ck_assert_uint_eq(in(&f, last, 6, 64), 0);
	answered(&f, supported, 5);
}
END_TEST

START_TEST(a_stopped_unit_tests_nothing)
{
	static const uint8_t stop[6] = { 0x1b }, by_default[6] = { 0x1d, 0x04 };

	out(&f, stop, 6, NULL, 0);
	ck_assert_uint_eq(out(&f, by_default, 6, NULL, 0), STOPPED);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("maintenance");
	TCase *tc = tcase_create("maintenance");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, open_two, close_two);
	tcase_add_test(tc, defect_lists_are_there_and_empty);
	tcase_add_test(tc, the_data_buffer_is_one_for_all);
	tcase_add_test(tc, each_initiator_has_an_echo_buffer_until_a_reset);
	tcase_add_test(tc, buffers_have_ends_and_no_microcode);
	tcase_add_test(tc, the_short_self_test_flushes_and_reads_both_ends_and_the_middle);
	tcase_add_test(tc, the_extended_self_test_reads_all);
	tcase_add_test(tc, a_self_test_that_failed_says_where);
	tcase_add_test(tc, twenty_results_are_kept);
	tcase_add_test(tc, diagnostics_that_there_are_not_are_refused);
	tcase_add_test(tc, a_stopped_unit_tests_nothing);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
