/* SPDX-License-Identifier: MIT */
/*
 * test_report.c - what the LU tells of itself: INQUIRY data and VPD pages, REPORT LUNS, timeouts, as SPC-4 prints them
 */
#include <check.h>
#include <stdio.h>

#include "config.h"

#include "scsi/lu_impl.h"
#include "scsi_fixture.h"

#define FROM SHEAF_TRANSFER_FROM_TARGET

static struct scsi_fixture f;

static void open_fixture(void)
{
	fixture_open(&f, 1 << 20, 512, false);
}

static void close_fixture(void)
{
	fixture_close(&f);
}

static void inquiry(uint8_t evpd, uint8_t page)
{
	uint8_t cdb[6] = { 0x12, evpd, page, 0, 255 };

	ck_assert_uint_eq(fixture_send(&f, cdb, 6, FROM, NULL, 255), 0);
}

START_TEST(revision_is_the_version)
{
	unsigned major, minor;
	char revision[16];

	ck_assert_int_eq(sscanf(PACKAGE_VERSION, "%u.%u", &major, &minor), 2);
	snprintf(revision, sizeof(revision), "%u.%u    ", major, minor);
	inquiry(0, 0);
	ck_assert_mem_eq(f.data + 32, revision, 4);
}
END_TEST

START_TEST(page_00_lists_every_page_once_in_ascending_order)
{
	uint8_t codes[255];
	unsigned count;

	inquiry(1, 0);
	count = sheaf_get_be16(f.data + 2);
	memcpy(codes, f.data + 4, count);
	for (unsigned i = 1; i < count; i++)
		ck_assert_uint_gt(codes[i], codes[i - 1]);
	for (unsigned page = 0, at = 0; page < 256; page++) {
		uint8_t cdb[6] = { 0x12, 1, (uint8_t)page, 0, 255 };
		bool listed = at < count && codes[at] == page;
		ck_assert_uint_eq(fixture_send(&f, cdb, 6, FROM, NULL, 255), listed ? 0 : 0x052400);
		at += listed;
		if (!listed)
			continue;
		ck_assert_uint_eq(f.data[0], 0);
		ck_assert_uint_eq(f.data[1], page);
		ck_assert_uint_eq(sheaf_get_be16(f.data + 2), f.response.bytes_transferred - 4);
	}
}
END_TEST

START_TEST(identification)
{
	/* A descriptor: code set, association and type, reserved, length. */
	static const uint8_t t10[] = { 2, 1, 0, 24, 'S', 'H', 'E', 'A', 'F', ' ', ' ', ' ' };
	static const uint8_t naa[] = { 1, 3, 0, 8 }, port[] = { 1, 0x14, 0, 4, 0, 0, 0, 1 };

	inquiry(1, 0x83);
	ck_assert_uint_eq(sheaf_get_be16(f.data + 2), 28 + 12 + 8);
	ck_assert_mem_eq(f.data + 4, t10, sizeof(t10));
	ck_assert_mem_eq(f.data + 4 + 12, "0123456789abcdef", 16);
	ck_assert_mem_eq(f.data + 4 + 28, naa, sizeof(naa));
	ck_assert_uint_eq(f.data[4 + 28 + 4] >> 4, 3);
	ck_assert_mem_eq(f.data + 4 + 28 + 12, port, sizeof(port));
}
END_TEST

START_TEST(extended_inquiry)
{
	uint8_t page[64] = { 0, 0x86, 0, 60, 0, 0x07, 0x01, [11] = 1, [13] = SHEAF_SENSE_BUILD_MAX };

	inquiry(1, 0x86);
	ck_assert_uint_eq(f.response.bytes_transferred, sizeof(page));
	ck_assert_mem_eq(f.data, page, sizeof(page));
}
END_TEST

START_TEST(mode_page_policy)
{
	static const uint8_t page[] = { 0, 0x87, 0, 4, 0x3f, 0xff, 0, 0 };

	inquiry(1, 0x87);
	ck_assert_uint_eq(f.response.bytes_transferred, sizeof(page));
	ck_assert_mem_eq(f.data, page, sizeof(page));
}
END_TEST

START_TEST(absent_lun)
{
	static const uint8_t pages[] = { 0x7f, 0, 0, 1, 0 };
	uint8_t cdb[6] = { 0x12, 1, 0x83, 0, 255 };

	f.absent = true;
	inquiry(0, 0);
	ck_assert_uint_eq(f.data[0], 0x7f);
	ck_assert_uint_eq(f.data[2], 6);
	inquiry(1, 0);
	ck_assert_uint_eq(f.response.bytes_transferred, sizeof(pages));
	ck_assert_mem_eq(f.data, pages, sizeof(pages));
	ck_assert_uint_eq(fixture_send(&f, cdb, 6, FROM, NULL, 255), 0x052400);
}
END_TEST

START_TEST(report_luns_selects)
{
	f.lun_count = 3;
	for (unsigned select = 0; select < 256; select++) {
		uint8_t cdb[12] = { 0xa0, 0, (uint8_t)select, [9] = 255 };
		bool all = select == 0 || select == 2 || select == 0x11;
		bool none = select == 1 || select == 0x10 || select == 0x12;
		ck_assert_uint_eq(fixture_send(&f, cdb, 12, FROM, NULL, 255), all || none ? 0 : 0x052400);
		if (all || none)
			ck_assert_uint_eq(sheaf_get_be32(f.data), all ? 24 : 0);
		if (all)
			ck_assert_uint_eq(sheaf_get_be64(f.data + 24), UINT64_C(2) << 48);
	}
}
END_TEST

START_TEST(timeouts_are_by_kind_or_by_row)
{
	struct sheaf_cdb_command row = { .name = "X" };
	uint32_t nominal, recommended;

	sheaf_cdb_timeouts(&row, &nominal, &recommended);
	ck_assert(nominal == 1 && recommended == 10);
	row.flags = SHEAF_CDB_MEDIUM;
	sheaf_cdb_timeouts(&row, &nominal, &recommended);
	ck_assert(nominal == 1 && recommended == 10);
	row.lba.size = 8;
	row.count_is = SHEAF_CDB_COUNT_TRANSFER;
	sheaf_cdb_timeouts(&row, &nominal, &recommended);
	ck_assert(nominal == 1 && recommended == 30);
	row.count_is = SHEAF_CDB_COUNT_BLOCKS;
	sheaf_cdb_timeouts(&row, &nominal, &recommended);
	ck_assert(nominal == 5 && recommended == 30);
	row.nominal_s = 60;
	row.recommended_s = 3600;
	sheaf_cdb_timeouts(&row, &nominal, &recommended);
	ck_assert(nominal == 60 && recommended == 3600);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("report");
	TCase *tc = tcase_create("report");
	int failed;

	tcase_add_checked_fixture(tc, open_fixture, close_fixture);
	tcase_add_test(tc, revision_is_the_version);
	tcase_add_test(tc, page_00_lists_every_page_once_in_ascending_order);
	tcase_add_test(tc, identification);
	tcase_add_test(tc, extended_inquiry);
	tcase_add_test(tc, mode_page_policy);
	tcase_add_test(tc, absent_lun);
	tcase_add_test(tc, report_luns_selects);
	tcase_add_test(tc, timeouts_are_by_kind_or_by_row);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
