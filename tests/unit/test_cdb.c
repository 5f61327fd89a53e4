/* SPDX-License-Identifier: MIT */
/*
 * test_cdb.c - the table of commands against layouts written down here a second time, as SPC-4 and
 * SBC-4 print them.
 */
#include <check.h>
#include <string.h>

#include "scsi/cdb.h"

/*
 * A CDB in letters, two a byte: the opcode; L LBA; C count; u may be set; h its bit 7; o its bits 7 and 2..0; g its bits 5..0; s its bits 2
 * and 0; b its bit 0; d its bits 4..0; . reserved, or not supported by this LU. byte_1: bits of byte 1 that may be set; for 48h, 5Eh, 5Fh,
 * 83h, 84h, 9Eh and A3h the service action too.
 */
/* clang-format off */
static const struct {
	const char *name;
	const char *layout;
	unsigned size;
	unsigned byte_1;
} rows[] = {
	{ "TEST UNIT READY", "00..........", 6, 0 },
	{ "REQUEST SENSE", "03......CC..", 6, 0x01 },
	{ "FORMAT UNIT", "04......bb..", 6, 0x3f },
	{ "READ (6)", "08..LLLLCC..", 6, 0x1f },
	{ "WRITE (6)", "0a..LLLLCC..", 6, 0x1f },
	{ "INQUIRY", "12..uuCCCC..", 6, 0x01 },
	{ "MODE SELECT (6)", "15......CC..", 6, 0x10 },
	{ "MODE SENSE (6)", "1a..uuuuCC..", 6, 0x08 },
	{ "START STOP UNIT", "1b......ss..", 6, 0x01 },
	{ "RECEIVE DIAGNOSTIC RESULTS", "1c..uuCCCC..", 6, 0x01 },
	{ "SEND DIAGNOSTIC", "1d....CCCC..", 6, 0xf7 },
	{ "PREVENT ALLOW MEDIUM REMOVAL", "1e......bb..", 6, 0 },
	{ "READ CAPACITY (10)", "25..................", 10, 0 },
	{ "READ (10)", "28..LLLLLLLL..CCCC..", 10, 0x1a },
	{ "WRITE (10)", "2a..LLLLLLLL..CCCC..", 10, 0x1a },
	{ "WRITE AND VERIFY (10)", "2e..LLLLLLLL..CCCC..", 10, 0x12 },
	{ "VERIFY (10)", "2f..LLLLLLLL..CCCC..", 10, 0x16 },
	{ "PRE-FETCH (10)", "34..LLLLLLLLggCCCC..", 10, 0x02 },
	{ "SYNCHRONIZE CACHE (10)", "35..LLLLLLLL..CCCC..", 10, 0x02 },
	{ "READ DEFECT DATA (10)", "37..dd........CCCC..", 10, 0 },
	{ "WRITE BUFFER", "3b..uuuuuuuuCCCCCC..", 10, 0x1f },
	{ "READ BUFFER", "3c..uuuuuuuuCCCCCC..", 10, 0x1f },
	{ "WRITE SAME (10)", "41..LLLLLLLL..CCCC..", 10, 0x08 },
	{ "UNMAP", "42............CCCC..", 10, 0 },
	{ "MODE SELECT (10)", "55............CCCC..", 10, 0x10 },
	{ "SANITIZE, OVERWRITE", "48............CCCC..", 10, 0xa1 },
	{ "SANITIZE, BLOCK ERASE", "48............CCCC..", 10, 0xa2 },
	{ "SANITIZE, EXIT FAILURE MODE", "48............CCCC..", 10, 0xbf },
	{ "LOG SELECT", "4c..uuuu......CCCC..", 10, 0x03 },
	{ "LOG SENSE", "4d..uuuu..uuuuCCCC..", 10, 0 },
	{ "MODE SENSE (10)", "5a..uuuu......CCCC..", 10, 0x18 },
	{ "EXTENDED COPY (LID1)", "83..................CCCCCCCC....", 16, 0x00 },
	{ "RECEIVE COPY STATUS (LID1)", "84..uu..............CCCCCCCC....", 16, 0x00 },
	{ "RECEIVE COPY OPERATING PARAMETERS", "84..................CCCCCCCC....", 16, 0x03 },
	{ "READ (16)", "88..LLLLLLLLLLLLLLLLCCCCCCCC....", 16, 0x1a },
	{ "WRITE (16)", "8a..LLLLLLLLLLLLLLLLCCCCCCCC....", 16, 0x1a },
	{ "WRITE AND VERIFY (16)", "8e..LLLLLLLLLLLLLLLLCCCCCCCC....", 16, 0x12 },
	{ "VERIFY (16)", "8f..LLLLLLLLLLLLLLLLCCCCCCCC....", 16, 0x16 },
	{ "PRE-FETCH (16)", "90..LLLLLLLLLLLLLLLLCCCCCCCCgg..", 16, 0x02 },
	{ "SYNCHRONIZE CACHE (16)", "91..LLLLLLLLLLLLLLLLCCCCCCCC....", 16, 0x02 },
	{ "COMPARE AND WRITE", "89..LLLLLLLLLLLLLLLL......CC....", 16, 0x1a },
	{ "ORWRITE (16)", "8b..LLLLLLLLLLLLLLLLCCCCCCCC....", 16, 0x1a },
	{ "WRITE ATOMIC (16)", "9c..LLLLLLLLLLLLLLLL....CCCC....", 16, 0x18 },
	{ "WRITE SAME (16)", "93..LLLLLLLLLLLLLLLLCCCCCCCC....", 16, 0x09 },
	{ "READ CAPACITY (16)", "9e..................CCCCCCCC....", 16, 0x10 },
	{ "GET LBA STATUS", "9e..LLLLLLLLLLLLLLLLCCCCCCCC....", 16, 0x12 },
	{ "REPORT LUNS", "a0..uu......CCCCCCCC....", 12, 0 },
	{ "REPORT SUPPORTED OPERATION CODES", "a3..ouuuuuuuCCCCCCCC....", 12, 0x0c },
	{ "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS", "a3..h.......CCCCCCCC....", 12, 0x0d },
	{ "READ (12)", "a8..LLLLLLLLCCCCCCCC....", 12, 0x1a },
	{ "WRITE (12)", "aa..LLLLLLLLCCCCCCCC....", 12, 0x1a },
	{ "WRITE AND VERIFY (12)", "ae..LLLLLLLLCCCCCCCC....", 12, 0x12 },
	{ "VERIFY (12)", "af..LLLLLLLLCCCCCCCC....", 12, 0x16 },
	{ "RESERVE (6)", "16..........", 6, 0 },
	{ "RELEASE (6)", "17..........", 6, 0 },
	{ "RESERVE (10)", "56..................", 10, 0 },
	{ "RELEASE (10)", "57..................", 10, 0 },
	{ "PERSISTENT RESERVE IN, READ KEYS", "5e............CCCC..", 10, 0x00 },
	{ "PERSISTENT RESERVE IN, READ RESERVATION", "5e............CCCC..", 10, 0x01 },
	{ "PERSISTENT RESERVE IN, REPORT CAPABILITIES", "5e............CCCC..", 10, 0x02 },
	{ "PERSISTENT RESERVE IN, READ FULL STATUS", "5e............CCCC..", 10, 0x03 },
	{ "PERSISTENT RESERVE OUT, REGISTER", "5f..uu....CCCCCCCC..", 10, 0x00 },
	{ "PERSISTENT RESERVE OUT, RESERVE", "5f..uu....CCCCCCCC..", 10, 0x01 },
	{ "PERSISTENT RESERVE OUT, RELEASE", "5f..uu....CCCCCCCC..", 10, 0x02 },
	{ "PERSISTENT RESERVE OUT, CLEAR", "5f..uu....CCCCCCCC..", 10, 0x03 },
	{ "PERSISTENT RESERVE OUT, PREEMPT", "5f..uu....CCCCCCCC..", 10, 0x04 },
	{ "PERSISTENT RESERVE OUT, PREEMPT AND ABORT", "5f..uu....CCCCCCCC..", 10, 0x05 },
	{ "PERSISTENT RESERVE OUT, REGISTER AND IGNORE EXISTING KEY", "5f..uu....CCCCCCCC..", 10, 0x06 },
	{ "PERSISTENT RESERVE OUT, REGISTER AND MOVE", "5f..uu....CCCCCCCC..", 10, 0x07 },
	{ "READ DEFECT DATA (12)", "b7..uuuuuuuuCCCCCCCC....", 12, 0x1f },
};
/* clang-format on */
#define ROWS ((int)(sizeof(rows) / sizeof(rows[0])))

static unsigned hex(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static bool has_service_actions(uint8_t opcode)
{
	return opcode == 0x48 || opcode == 0x5e || opcode == 0x5f || opcode == 0x83 || opcode == 0x84 || opcode == 0x9e ||
	       opcode == 0xa3;
}

static bool may_be_set(char letter, int bit)
{
	if (letter == 'h')
		return bit == 7;
	if (letter == 'o')
		return bit == 7 || bit <= 2;
	if (letter == 'g')
		return bit <= 5;
	if (letter == 's')
		return bit == 2 || bit == 0;
	if (letter == 'd')
		return bit <= 4;
	if (letter == 'b')
		return bit == 0;
	return letter != '.';
}

/* A CDB with LBA bytes 11 12 13 …, count bytes a1 a2 …; what LBA and count are then. */
static void make(unsigned i, uint8_t *cdb, uint64_t *lba, uint32_t *count)
{
	unsigned l = 0x11, c = 0xa1;

	memset(cdb, 0, 16);
	*lba = *count = 0;
	cdb[0] = (uint8_t)(hex(rows[i].layout[0]) << 4 | hex(rows[i].layout[1]));
	if (has_service_actions(cdb[0]))
		cdb[1] = (uint8_t)rows[i].byte_1;
	for (unsigned b = 2; b < rows[i].size; b++) {
		if (rows[i].layout[2 * b] == 'L')
			*lba = *lba << 8 | (cdb[b] = (uint8_t)l++);
		if (rows[i].layout[2 * b] == 'C')
			*count = *count << 8 | (cdb[b] = (uint8_t)c++);
	}
	if (rows[i].byte_1 == 0x1f && rows[i].size == 6) {
		cdb[1] = 0x1f;
		*lba |= 0x1f0000;
	}
}

START_TEST(command_is_found_and_decoded_as_the_standard_lays_it_out)
{
	const struct sheaf_cdb_command *command = NULL;
	uint8_t cdb[16];
	uint64_t lba;
	uint32_t count;
	uint16_t byte;
	int8_t bit;

	make((unsigned)_i, cdb, &lba, &count);
	ck_assert_uint_eq(strlen(rows[_i].layout), 2 * rows[_i].size);
	ck_assert_int_eq(sheaf_cdb_find(cdb, rows[_i].size, &command, &byte, &bit), SHEAF_CDB_OK);
	ck_assert_str_eq(command->name, rows[_i].name);
	ck_assert_uint_eq(command->length, rows[_i].size);
	ck_assert_uint_eq(sheaf_cdb_lba(command, cdb), lba);
	ck_assert_uint_eq(sheaf_cdb_count(command, cdb), count);
	ck_assert(sheaf_cdb_check_usage(command, cdb, &byte, &bit));
	ck_assert_ptr_nonnull(command->run);
}
END_TEST

START_TEST(every_bit_is_allowed_or_refused_as_laid_out)
{
	const struct sheaf_cdb_command *command = NULL;
	uint8_t cdb[16];
	uint64_t lba;
	uint32_t count;
	uint16_t byte;
	int8_t bit;

	make((unsigned)_i, cdb, &lba, &count);
	sheaf_cdb_find(cdb, rows[_i].size, &command, &byte, &bit);
	for (unsigned b = 1; b < rows[_i].size; b++) {
		for (int k = 0; k < 8; k++) {
			bool allowed = b == 1 ? rows[_i].byte_1 >> k & 1
					      : may_be_set(rows[_i].layout[2 * b], k);
			allowed |= b + 1 == rows[_i].size && k == 2; /* CONTROL: NACA */
			uint8_t was = cdb[b];
			if (has_service_actions(cdb[0]) && b == 1 && k < 5)
				continue; /* another service action */
			cdb[b] = (uint8_t)(was | 1u << k);
			byte = 99;
			ck_assert_msg(sheaf_cdb_check_usage(command, cdb, &byte, &bit) == allowed,
				      "%s byte %u bit %d", rows[_i].name, b, k);
			if (!allowed) {
				ck_assert_uint_eq(byte, b);
				ck_assert_int_eq(bit, k);
			}
			cdb[b] = was;
		}
	}
}
END_TEST

START_TEST(bytes_past_the_length_count_for_nothing)
{
	const struct sheaf_cdb_command *command = NULL;
	uint8_t cdb[16];
	uint64_t lba;
	uint32_t count;
	uint16_t byte;
	int8_t bit;

	make((unsigned)_i, cdb, &lba, &count);
	memset(cdb + rows[_i].size, 0xff, sizeof(cdb) - rows[_i].size);
	ck_assert_int_eq(sheaf_cdb_find(cdb, rows[_i].size, &command, &byte, &bit), SHEAF_CDB_OK);
	ck_assert_uint_eq(sheaf_cdb_lba(command, cdb), lba);
	ck_assert_uint_eq(sheaf_cdb_count(command, cdb), count);
	ck_assert(sheaf_cdb_check_usage(command, cdb, &byte, &bit));
}
END_TEST

START_TEST(another_length_is_no_such_command)
{
	const struct sheaf_cdb_command *command = NULL;
	uint8_t cdb[16];
	uint64_t lba;
	uint32_t count;
	uint16_t byte;
	int8_t bit;

	make((unsigned)_i, cdb, &lba, &count);
	for (unsigned size = 0; size < 256; size++)
		if (size != rows[_i].size)
			ck_assert_int_eq(sheaf_cdb_find(cdb, size, &command, &byte, &bit),
					 SHEAF_CDB_BAD_OPCODE);
	ck_assert_ptr_null(command);
}
END_TEST

START_TEST(opcodes_beyond_the_table_are_refused)
{
	static const unsigned sizes[] = { 6, 10, 12, 16 };
	const struct sheaf_cdb_command *command = NULL;
	uint16_t byte;
	int8_t bit;

	for (unsigned opcode = 0; opcode < 256; opcode++) {
		uint8_t cdb[16] = { (uint8_t)opcode };
		bool known = false;
		for (int i = 0; i < ROWS; i++)
			known |= opcode == (hex(rows[i].layout[0]) << 4 | hex(rows[i].layout[1]));
		for (unsigned s = 0; s < 4 && !known; s++)
			ck_assert_int_eq(sheaf_cdb_find(cdb, sizes[s], &command, &byte, &bit),
					 SHEAF_CDB_BAD_OPCODE);
	}
}
END_TEST

START_TEST(unknown_service_action_is_a_bad_field)
{
	const struct sheaf_cdb_command *command = NULL;
	uint16_t byte;
	int8_t bit;

	/* Opcode, length, the actions that there are. */
	static const struct {
		uint8_t opcode, length;
		uint32_t known;
	} of[] = { { 0x9e, 16, 1u << 0x10 | 1u << 0x12 },
		   { 0xa3, 12, 1u << 0x0c | 1u << 0x0d },
		   { 0x5e, 10, 0x0f },
		   { 0x5f, 10, 0xff },
		   { 0x48, 10, 1u << 0x01 | 1u << 0x02 | 1u << 0x1f } };

	for (unsigned action = 0; action < 160; action++) {
		unsigned i = action / 32;
		uint8_t cdb[16] = { of[i].opcode, (uint8_t)(action % 32) };
		bool known = of[i].known >> action % 32 & 1;
		byte = 99;
		ck_assert_int_eq(sheaf_cdb_find(cdb, of[i].length, &command, &byte, &bit),
				 known ? SHEAF_CDB_OK : SHEAF_CDB_BAD_FIELD);
		if (!known)
			ck_assert(byte == 1 && bit == 4);
	}
}
END_TEST

START_TEST(transfer_length_zero_is_256_for_6_byte_cdbs_alone)
{
	static const uint8_t opcodes[][2] = { { 0x08, 6 },  { 0x0a, 6 },  { 0x28, 10 },
					      { 0x2a, 10 }, { 0xa8, 12 }, { 0x88, 16 },
					      { 0x12, 6 } };
	const struct sheaf_cdb_command *command = NULL;
	uint16_t byte;
	int8_t bit;

	for (unsigned i = 0; i < 7; i++) {
		uint8_t cdb[16] = { opcodes[i][0] };
		sheaf_cdb_find(cdb, opcodes[i][1], &command, &byte, &bit);
		ck_assert_uint_eq(sheaf_cdb_count(command, cdb), i < 2 ? 256 : 0);
	}
}
END_TEST

START_TEST(table_and_layouts_have_the_same_rows)
{
	unsigned n = 0;

	while (sheaf_cdb_row(n)) {
		const struct sheaf_cdb_command *command = sheaf_cdb_row(n++);
		bool found = false;
		for (int i = 0; i < ROWS; i++)
			found |= strcmp(rows[i].name, command->name) == 0;
		ck_assert_msg(found, "%s", command->name);
		ck_assert_uint_eq(command->usage[0], command->opcode);
		for (unsigned b = command->length; b < 16; b++)
			ck_assert_uint_eq(command->usage[b], 0);
		ck_assert_uint_eq(command->usage[command->length - 1], 0); /* CONTROL */
	}
	ck_assert_int_eq((int)n, ROWS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cdb");
	TCase *tc = tcase_create("cdb");

	tcase_add_loop_test(tc, command_is_found_and_decoded_as_the_standard_lays_it_out, 0, ROWS);
	tcase_add_loop_test(tc, every_bit_is_allowed_or_refused_as_laid_out, 0, ROWS);
	tcase_add_loop_test(tc, bytes_past_the_length_count_for_nothing, 0, ROWS);
	tcase_add_loop_test(tc, another_length_is_no_such_command, 0, ROWS);
	tcase_add_test(tc, opcodes_beyond_the_table_are_refused);
	tcase_add_test(tc, unknown_service_action_is_a_bad_field);
	tcase_add_test(tc, transfer_length_zero_is_256_for_6_byte_cdbs_alone);
	tcase_add_test(tc, table_and_layouts_have_the_same_rows);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
