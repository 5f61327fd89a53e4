/* SPDX-License-Identifier: MIT */
/*
 * test_served.c - what REPORT SUPPORTED OPERATION CODES says is served is served by this LU, bit by bit, and what it leaves out is
 * refused; what other initiators may do while it is reserved
 */
#include <check.h>

#include "scsi/cdb.h"
#include "scsi_fixture.h"

#define NONE SHEAF_TRANSFER_NONE
#define TO   SHEAF_TRANSFER_TO_TARGET
#define FROM SHEAF_TRANSFER_FROM_TARGET

#define BAD_OPCODE 0x052000u
#define BAD_FIELD  0x052400u

static struct scsi_fixture f;

static void setup(void)
{
	fixture_open(&f, 1 << 20, 512, false);
}

static void teardown(void)
{
	fixture_close(&f);
}

/* REPORTING OPTIONS 011b: the answer's SUPPORT, and its CDB usage data. */
static unsigned support(uint8_t opcode, uint8_t action, uint8_t usage[16])
{
	uint8_t cdb[12] = { 0xa3, 0x0c, 0x03, opcode, 0, action, 0, 0, 0, 64 };

	fixture_run(&f, cdb, 12, FROM, NULL, 64);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	memset(usage, 0, 16);
	memcpy(usage, f.data + 4, f.data[3]);
	return f.data[1] & 7;
}

/* Is it among all commands? */
static bool is_listed(uint8_t opcode)
{
	uint8_t cdb[12] = { 0xa3, 0x0c, [8] = 8 };
	uint32_t length;

	fixture_run(&f, cdb, 12, FROM, NULL, 2048);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	length = sheaf_get_be32(f.data);
	ck_assert_uint_le(length, 2048 - 4);
	ck_assert_uint_eq(length % 8, 0);
	for (uint32_t at = 4; at < 4 + length; at += 8)
		if (f.data[at] == opcode)
			return true;
	return false;
}

static unsigned unmap(void)
{
	uint8_t cdb[10] = { 0x42, [8] = 24 }, list[24] = { 0, 22, 0, 16, [19] = 1 };

	fixture_run(&f, cdb, 10, TO, list, sizeof(list));
	return fixture_sense(&f, NULL);
}

/* WRITE SAME (10) or (16) of a block, with UNMAP. */
static unsigned write_same(uint8_t opcode)
{
	uint8_t cdb[16] = { opcode, 0x08, [8] = opcode == 0x41, [13] = opcode == 0x93 }, block[512] = { 0 };

	fixture_run(&f, cdb, opcode == 0x41 ? 10 : 16, TO, block, 512);
	return fixture_sense(&f, NULL);
}

START_TEST(unmap_is_reported_where_it_is_served)
{
	bool can = _i;
	uint8_t usage[16];

	f.fake->store.can_discard = can;
	ck_assert_uint_eq(support(0x42, 0, usage), can ? 3 : 1);
	ck_assert_int_eq(is_listed(0x42), can);
	ck_assert(is_listed(0x41));
	ck_assert_uint_eq(unmap(), can ? 0 : BAD_OPCODE);
	for (unsigned i = 0; i < 2; i++) {
		uint8_t opcode = i ? 0x93 : 0x41;

		ck_assert_uint_eq(support(opcode, 0, usage), 3);
		ck_assert_uint_eq(usage[1] & 0x08, can ? 0x08 : 0);
		ck_assert_uint_eq(write_same(opcode), can ? 0 : BAD_FIELD);
	}
	ck_assert_uint_eq(usage[1] & 0x01, 0x01); /* NDOB stays */
}
END_TEST

/* A bit that usage data does not have is INVALID FIELD IN CDB, with that bit as the field; one that it has is not, for being set alone. */
START_TEST(bits_are_refused_as_reported)
{
	const struct sheaf_cdb_command *row;
	uint8_t usage[16];

	for (unsigned i = 0; (row = sheaf_cdb_row(i)); i++) {
		bool service = row->flags & SHEAF_CDB_SERVICE;

		ck_assert_uint_eq(support(row->opcode, service ? row->service_action : 0, usage), 3);
		for (unsigned bit = 8; bit < row->length * 8u; bit++) {
			uint8_t cdb[16] = { row->opcode, service ? row->service_action : 0 };
			uint8_t mask = (uint8_t)(1u << bit % 8);
			struct sheaf_sense sense = { 0 };
			bool refused;

			if (service && bit / 8 == 1 && mask & 0x1f)
				continue;
			if (usage[bit / 8] & mask)
				continue;
			cdb[bit / 8] |= mask;
			fixture_run(&f, cdb, row->length, NONE, NULL, 0);
			refused = fixture_sense(&f, &sense) == BAD_FIELD && sense.field_valid && sense.field_in_cdb &&
				  sense.field_byte == bit / 8 && sense.field_bit == (int8_t)(bit % 8);
			ck_assert_msg(refused, "%s: byte %u bit %u", row->name, bit / 8, bit % 8);
		}
	}
}
END_TEST

/* SPC-4 table 66: who only looks at buffers and diagnostic pages may, under another one's WRITE EXCLUSIVE; not under RESERVE. */
START_TEST(buffers_are_read_under_write_exclusive)
{
	static const uint8_t read_buffer[10] = { 0x3c, 0x02, [8] = 16 }, write_buffer[10] = { 0x3b, 0x02, [8] = 16 };
	static const uint8_t receive[6] = { 0x1c, 0x01, 0, 0, 16 }, reserve[6] = { 0x16 };
	uint8_t out[10] = { 0x5f, 0x00, 1, [8] = 24 }, list[24] = { [15] = 9 }, data[16] = { 0 };
	struct scsi_fixture other;

	fixture_share(&other, &f);
	other.initiator = 1;
	fixture_run(&f, out, 10, TO, list, 24);
	list[7] = 9;
	out[1] = 0x01;
	fixture_run(&f, out, 10, TO, list, 24);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	fixture_run(&other, read_buffer, 10, FROM, NULL, 16);
	ck_assert_uint_eq(fixture_sense(&other, NULL), 0);
	fixture_run(&other, receive, 6, FROM, NULL, 16);
	ck_assert_uint_eq(fixture_sense(&other, NULL), 0);
	fixture_run(&other, write_buffer, 10, TO, data, 16);
	ck_assert_uint_eq(other.response.completion_status, SHEAF_STATUS_RESERVATION_CONFLICT);
	out[1] = 0x03; /* CLEAR */
	fixture_run(&f, out, 10, TO, list, 24);
	sheaf_lu_take_attention(f.lu, 1);
	fixture_run(&f, reserve, 6, NONE, NULL, 0);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	fixture_run(&other, read_buffer, 10, FROM, NULL, 16);
	ck_assert_uint_eq(other.response.completion_status, SHEAF_STATUS_RESERVATION_CONFLICT);
	free(other.data);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("served");
	TCase *tc = tcase_create("reported");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, unmap_is_reported_where_it_is_served, 0, 2);
	tcase_add_test(tc, bits_are_refused_as_reported);
	tcase_add_test(tc, buffers_are_read_under_write_exclusive);
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
