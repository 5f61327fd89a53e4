/* SPDX-License-Identifier: MIT */
/*
 * test_modes.c - MODE SENSE and MODE SELECT: pages as SPC-4 and SBC-4 print them, each way to get a parameter list
 * wrong, and what the parameters do
 */
#include <check.h>

#include "scsi/lu_impl.h"
#include "scsi_fixture.h"

#define BLOCKS 2048
#define FROM   SHEAF_TRANSFER_FROM_TARGET
#define TO     SHEAF_TRANSFER_TO_TARGET
#define NONE   SHEAF_TRANSFER_NONE

#define BAD_CDB_FIELD  0x052400
#define BAD_PARAMETER  0x052600
#define BAD_LENGTH     0x051a00
#define MODES_CHANGED  0x062a01
#define SOFT_PROTECTED 0x072702

/* Pages as they are by default. */
#define RECOVERY 0x01, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define CACHING	 0x08, 18, 0x04, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define CONTROL	 0x0a, 10, 0x22, 0x10, 0, 0, 0, 0, 0, 0, 0, 1 /* EXTENDED SELF-TEST COMPLETION TIME: a second */
#define EXTENSION                                                                                  \
	0x4a, 1, 0, 28, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
		0, 0, 0
#define EXCEPTIONS 0x1c, 10, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0

static struct scsi_fixture f, other;

static void open_fixture(void)
{
	fixture_open_two(&f, &other, BLOCKS * 512, 512, false);
}

static void close_fixture(void)
{
	fixture_close_two(&f, &other);
}

static void sense6(struct scsi_fixture *by, uint8_t page, uint8_t subpage)
{
	uint8_t cdb[6] = { 0x1a, 8, page, subpage, 255 };

	fixture_run(by, cdb, 6, FROM, NULL, 255);
}

static unsigned select6(struct scsi_fixture *by, const uint8_t *list, uint8_t length)
{
	uint8_t cdb[6] = { 0x15, 0x10, 0, 0, length };

	return fixture_send(by, cdb, 6, length ? TO : NONE, length ? list : NULL, length);
}

/* One byte of a page becomes @value. */
static unsigned set_byte(struct scsi_fixture *by, uint8_t page, unsigned byte, uint8_t value)
{
	uint8_t list[36] = { 0 };

	sense6(by, page, 0);
	ck_assert_uint_eq(fixture_sense(by, NULL), 0);
	memcpy(list + 4, by->data + 4, by->response.bytes_transferred - 4);
	list[4 + byte] = value;
	return select6(by, list, (uint8_t)by->response.bytes_transferred);
}

static unsigned test_unit_ready(struct scsi_fixture *by)
{
	static const uint8_t cdb[6] = { 0 };

	return fixture_send(by, cdb, 6, NONE, NULL, 0);
}

static unsigned write10(struct scsi_fixture *by, uint32_t lba)
{
	uint8_t block[512] = { 1 }, cdb[10] = { 0x2a, [8] = 1 };

	sheaf_put_be32(cdb + 2, lba);
	return fixture_send(by, cdb, 10, TO, block, sizeof(block));
}

/* MODE SENSE */

START_TEST(all_pages)
{
	static const uint8_t all[] = { 67, 0, 0x10, 8, 0,	 0,	  8,	   0,
				       0,  0, 2,    0, RECOVERY, CACHING, CONTROL, EXCEPTIONS };
	static const uint8_t with_subpages[] = { 91,	  0,	   0x10,      0,	 RECOVERY,
						 CACHING, CONTROL, EXTENSION, EXCEPTIONS };
	static const uint8_t cdb[6] = { 0x1a, 0, 0x3f, 0, 255 };

	fixture_run(&f, cdb, 6, FROM, NULL, 255);
	ck_assert_uint_eq(f.response.bytes_transferred, sizeof(all));
	ck_assert_mem_eq(f.data, all, sizeof(all));
	sense6(&f, 0x3f, 0xff);
	ck_assert_uint_eq(f.response.bytes_transferred, sizeof(with_subpages));
	ck_assert_mem_eq(f.data, with_subpages, sizeof(with_subpages));
	sense6(&f, 0xbf, 0xff); /* default values */
	ck_assert_mem_eq(f.data, with_subpages, sizeof(with_subpages));
}
END_TEST

START_TEST(changeable_values)
{
	uint8_t mask[92 - 4] = { 0x01, 10,   [12] = 0x08, 18, 0x04, [32] = 0x0a, 10,	      0xe4,
				 0,    0x08, [44] = 0x4a, 1,  0,    28,		 [76] = 0x1c, 10 };

	sense6(&f, 0x7f, 0xff);
	ck_assert_uint_eq(f.response.bytes_transferred, 92);
	ck_assert_mem_eq(f.data + 4, mask, sizeof(mask));
}
END_TEST

START_TEST(one_page_and_its_subpages)
{
	static const uint8_t both[] = { CONTROL, EXTENSION }, one[] = { EXTENSION };

	sense6(&f, 0x0a, 0xff);
	ck_assert_uint_eq(f.response.bytes_transferred, 4 + sizeof(both));
	ck_assert_mem_eq(f.data + 4, both, sizeof(both));
	sense6(&f, 0x0a, 1);
	ck_assert_uint_eq(f.response.bytes_transferred, 4 + sizeof(one));
	ck_assert_mem_eq(f.data + 4, one, sizeof(one));
	sense6(&f, 0x08, 0xff);
	ck_assert_uint_eq(f.response.bytes_transferred, 24);
}
END_TEST

START_TEST(mode_sense_refuses)
{
	static const struct {
		uint8_t page, subpage;
		unsigned sense, byte;
		int bit;
	} rows[] = {
		{ 0x02, 0, BAD_CDB_FIELD, 2, 5 }, { 0x02, 0xff, BAD_CDB_FIELD, 2, 5 },
		{ 0x0a, 2, BAD_CDB_FIELD, 3, 7 }, { 0x08, 1, BAD_CDB_FIELD, 3, 7 },
		{ 0x3f, 1, BAD_CDB_FIELD, 3, 7 }, { 0x00, 0, BAD_CDB_FIELD, 2, 5 },
		{ 0xc8, 0, 0x053900, 0, 0 },	  { 0xff, 0, 0x053900, 0, 0 },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sheaf_sense sense = { 0 };
		sense6(&f, rows[i].page, rows[i].subpage);
		ck_assert_uint_eq(fixture_sense(&f, &sense), rows[i].sense);
		if (rows[i].sense != BAD_CDB_FIELD)
			continue;
		ck_assert(sense.field_valid && sense.field_in_cdb);
		ck_assert_uint_eq(sense.field_byte, rows[i].byte);
		ck_assert_int_eq(sense.field_bit, rows[i].bit);
	}
}
END_TEST

START_TEST(mode_sense_10_has_its_own_header)
{
	static const uint8_t short_lba[] = { 0, 26, 0, 0x10, 0, 0, 0, 8,      0,
					     0, 8,  0, 0,    0, 2, 0, CONTROL };
	static const uint8_t long_lba[] = { 0, 34, 0, 0x10, 1, 0, 0, 16, 0, 0, 0, 0,	  0,
					    0, 8,  0, 0,    0, 0, 0, 0,	 0, 2, 0, CONTROL };
	uint8_t cdb[10] = { 0x5a, 0, 0x0a, [8] = 255 };

	fixture_run(&f, cdb, 10, FROM, NULL, 255);
	ck_assert_uint_eq(f.response.bytes_transferred, sizeof(short_lba));
	ck_assert_mem_eq(f.data, short_lba, sizeof(short_lba));
	cdb[1] = 0x10;
	fixture_run(&f, cdb, 10, FROM, NULL, 255);
	ck_assert_uint_eq(f.response.bytes_transferred, sizeof(long_lba));
	ck_assert_mem_eq(f.data, long_lba, sizeof(long_lba));
}
END_TEST

/* MODE SELECT */

/* @byte and @bit: the field pointer, in the CDB for BAD_CDB_FIELD; bit -1: the byte. */
struct list_row {
	const char *name;
	uint8_t cdb[10];
	unsigned length;
	uint8_t list[64];
	unsigned sense, byte;
	int bit;
};

#define S6(length)                                                                                 \
	{                                                                                          \
		0x15, 0x10, 0, 0, length                                                           \
	}
#define S10(length)                                                                                \
	{                                                                                          \
		0x55, 0x10, [8] = length                                                           \
	}

/* clang-format off */
static const struct list_row list_rows[] = {
	{ "nothing", S6(0), 0, { 0 }, 0, 0, 0 },
	{ "nothing, PF 0", { 0x15 }, 0, { 0 }, 0, 0, 0 },
	{ "header", S6(4), 4, { 0 }, 0, 0, 0 },
	{ "header, PF 0", { 0x15, 0, 0, 0, 4 }, 4, { 0 }, 0, 0, 0 },
	{ "header, what MODE SENSE has in it", S6(4), 4, { 67, 0, 0x90, 0 }, 0, 0, 0 },
	{ "no whole header", S6(3), 3, { 0 }, BAD_LENGTH, 0, 0 },
	{ "no whole header 10", S10(7), 7, { 0 }, BAD_LENGTH, 0, 0 },
	{ "header 10", S10(8), 8, { 0 }, 0, 0, 0 },
	{ "medium type", S6(4), 4, { 0, 1 }, BAD_PARAMETER, 1, 7 },
	{ "medium type 10", S10(8), 8, { 0, 0, 1 }, BAD_PARAMETER, 2, 7 },
	{ "SP", { 0x15, 0x11, 0, 0, 4 }, 4, { 0 }, BAD_CDB_FIELD, 1, 0 },
	{ "RTD", { 0x15, 0x12, 0, 0, 4 }, 4, { 0 }, BAD_CDB_FIELD, 1, 1 },
	{ "PF 0 with pages", { 0x15, 0, 0, 0, 16 }, 16, { 0, 0, 0, 0, CONTROL }, BAD_CDB_FIELD, 1, 4 },

	{ "block descriptor, 0 blocks", S6(12), 12, { 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 2, 0 }, 0, 0, 0 },
	{ "block descriptor, as it is", S6(12), 12, { 0, 0, 0, 8, 0, 0, 8, 0, 0, 0, 2, 0 }, 0, 0, 0 },
	{ "block descriptor, all", S6(12), 12, { 0, 0, 0, 8, 255, 255, 255, 255, 0, 0, 2, 0 }, 0, 0, 0 },
	{ "block descriptor, other number", S6(12), 12, { 0, 0, 0, 8, 0, 0, 7, 255, 0, 0, 2, 0 }, BAD_PARAMETER, 4, 7 },
	{ "block descriptor, reserved", S6(12), 12, { 0, 0, 0, 8, 0, 0, 0, 0, 1, 0, 2, 0 }, BAD_PARAMETER, 8, 7 },
	{ "block descriptor, other length", S6(12), 12, { 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 16, 0 }, BAD_PARAMETER, 9, 7 },
	{ "block descriptor, no length", S6(12), 12, { 0, 0, 0, 8 }, BAD_PARAMETER, 9, 7 },
	{ "block descriptor, cut", S6(11), 11, { 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 2 }, BAD_LENGTH, 0, 0 },
	{ "two block descriptors", S6(20), 20, { 0, 0, 0, 16 }, BAD_PARAMETER, 3, 7 },
	{ "block descriptor of 7", S6(12), 12, { 0, 0, 0, 7 }, BAD_PARAMETER, 3, 7 },
	{ "long in MODE SELECT (6)", S6(20), 20, { 0, 0, 0, 16 }, BAD_PARAMETER, 3, 7 },
	{ "block descriptor 10", S10(16), 16, { [7] = 8, [14] = 2 }, 0, 0, 0 },
	{ "long block descriptor", S10(24), 24, { [4] = 1, [7] = 16, [14] = 8, [22] = 2 }, 0, 0, 0 },
	{ "long block descriptor, other number", S10(24), 24, { [4] = 1, [7] = 16, [8] = 1, [22] = 2 }, BAD_PARAMETER, 8, 7 },
	{ "long block descriptor, reserved", S10(24), 24, { [4] = 1, [7] = 16, [17] = 1, [22] = 2 }, BAD_PARAMETER, 17, 7 },
	{ "long block descriptor, other length", S10(24), 24, { [4] = 1, [7] = 16, [22] = 4 }, BAD_PARAMETER, 20, 7 },
	{ "long block descriptor without LONGLBA", S10(24), 24, { [7] = 16 }, BAD_PARAMETER, 6, 7 },
	{ "short block descriptor with LONGLBA", S10(16), 16, { [4] = 1, [7] = 8 }, BAD_PARAMETER, 6, 7 },
	{ "long block descriptor, cut", S10(23), 23, { [4] = 1, [7] = 16 }, BAD_LENGTH, 0, 0 },

	{ "page as it is", S6(16), 16, { 0, 0, 0, 0, CONTROL }, 0, 0, 0 },
	{ "subpage as it is", S6(36), 36, { 0, 0, 0, 0, EXTENSION }, 0, 0, 0 },
	{ "three pages as they are", S6(48), 48, { 0, 0, 0, 0, RECOVERY, CACHING, EXCEPTIONS }, 0, 0, 0 },
	{ "page after a block descriptor", S10(28), 28, { [7] = 8, [14] = 2, 0, CONTROL }, 0, 0, 0 },
	{ "one byte of a page", S6(5), 5, { [4] = 0x0a }, BAD_LENGTH, 0, 0 },
	{ "header of a page", S6(6), 6, { [4] = 0x0a, 10 }, BAD_LENGTH, 0, 0 },
	{ "all of a page but a byte", S6(15), 15, { 0, 0, 0, 0, CONTROL }, BAD_LENGTH, 0, 0 },
	{ "three bytes of a subpage", S6(7), 7, { 0, 0, 0, 0, 0x4a, 1, 0 }, BAD_LENGTH, 0, 0 },
	{ "second page is cut", S6(24), 24, { 0, 0, 0, 0, CONTROL, 0x01, 10 }, BAD_LENGTH, 0, 0 },
	{ "PS", S6(16), 16, { 0, 0, 0, 0, 0x8a, 10, 0x22, 0x10 }, BAD_PARAMETER, 4, 7 },
	{ "unknown page", S6(16), 16, { 0, 0, 0, 0, 0x02, 10 }, BAD_PARAMETER, 4, 5 },
	{ "unknown subpage", S6(36), 36, { 0, 0, 0, 0, 0x4a, 2, 0, 28 }, BAD_PARAMETER, 5, 7 },
	{ "page_0 in the subpage format", S6(16), 16, { 0, 0, 0, 0, 0x4a, 0, 0, 8 }, BAD_PARAMETER, 4, 6 },
	{ "page too short", S6(15), 15, { 0, 0, 0, 0, 0x0a, 9, 0x22, 0x10 }, BAD_PARAMETER, 5, 7 },
	{ "page too long", S6(17), 17, { 0, 0, 0, 0, 0x0a, 11, 0x22, 0x10 }, BAD_PARAMETER, 5, 7 },
	{ "subpage too long", S6(37), 37, { 0, 0, 0, 0, 0x4a, 1, 0, 29 }, BAD_PARAMETER, 6, 7 },
	{ "second page is wrong", S6(28), 28, { 0, 0, 0, 0, CONTROL, 0x02, 10 }, BAD_PARAMETER, 16, 5 },

	{ "TST 010b", S6(16), 16, { 0, 0, 0, 0, 0x0a, 10, 0x42, 0x10, [15] = 1 }, BAD_PARAMETER, 6, 7 },
	{ "GLTSD", S6(16), 16, { 0, 0, 0, 0, 0x0a, 10, 0x20, 0x10 }, BAD_PARAMETER, 6, 1 },
	{ "QUEUE ALGORITHM MODIFIER", S6(16), 16, { 0, 0, 0, 0, 0x0a, 10, 0x22, 0x00 }, BAD_PARAMETER, 7, 7 },
	{ "QERR", S6(16), 16, { 0, 0, 0, 0, 0x0a, 10, 0x22, 0x12 }, BAD_PARAMETER, 7, 2 },
	{ "NUAR", S6(16), 16, { 0, 0, 0, 0, 0x0a, 10, 0x22, 0x18 }, BAD_PARAMETER, 7, 3 },
	{ "UA_INTLCK_CTRL", S6(16), 16, { 0, 0, 0, 0, 0x0a, 10, 0x22, 0x10, 0x10 }, BAD_PARAMETER, 8, 5 },
	{ "TAS", S6(16), 16, { 0, 0, 0, 0, 0x0a, 10, 0x22, 0x10, 0, 0x40 }, BAD_PARAMETER, 9, 6 },
	{ "BUSY TIMEOUT PERIOD", S6(16), 16, { 0, 0, 0, 0, 0x0a, 10, 0x22, 0x10, [13] = 1 }, BAD_PARAMETER, 12, 7 },
	{ "EXTENDED SELF-TEST COMPLETION TIME", S6(16), 16, { 0, 0, 0, 0, 0x0a, 10, 0x22, 0x10, [15] = 2 }, BAD_PARAMETER, 14, 7 },
	{ "RCD", S6(24), 24, { 0, 0, 0, 0, 0x08, 18, 0x05 }, BAD_PARAMETER, 6, 0 },
	{ "DRA", S6(24), 24, { 0, 0, 0, 0, 0x08, 18, 0x04, [16] = 0x20 }, BAD_PARAMETER, 16, 5 },
	{ "WRITE RETENTION PRIORITY", S6(24), 24, { 0, 0, 0, 0, 0x08, 18, 0x04, 1 }, BAD_PARAMETER, 7, 3 },
	{ "CACHE SEGMENT SIZE", S6(24), 24, { 0, 0, 0, 0, 0x08, 18, 0x04, [19] = 1 }, BAD_PARAMETER, 18, 7 },
	{ "AWRE", S6(16), 16, { 0, 0, 0, 0, 0x01, 10, 0x80 }, BAD_PARAMETER, 6, 7 },
	{ "RECOVERY TIME LIMIT", S6(16), 16, { 0, 0, 0, 0, 0x01, 10, [15] = 1 }, BAD_PARAMETER, 14, 7 },
	{ "DEXCPT", S6(16), 16, { 0, 0, 0, 0, 0x1c, 10, 8, 6 }, BAD_PARAMETER, 6, 3 },
	{ "MRIE", S6(16), 16, { 0, 0, 0, 0, 0x1c, 10, 0, 4 }, BAD_PARAMETER, 7, 3 },
	{ "INTERVAL TIMER", S6(16), 16, { 0, 0, 0, 0, 0x1c, 10, 0, 6, [11] = 1 }, BAD_PARAMETER, 8, 7 },
	{ "MAXIMUM SENSE DATA LENGTH", S6(36), 36, { 0, 0, 0, 0, 0x4a, 1, 0, 28, [10] = 252 }, BAD_PARAMETER, 10, 7 },
};
/* clang-format on */

START_TEST(list_ends_as_its_row_says)
{
	const struct list_row *row = &list_rows[_i];
	struct sheaf_sense sense = { 0 };

	fixture_run(&f, row->cdb, row->cdb[0] == 0x15 ? 6 : 10, row->length ? TO : NONE,
		    row->length ? row->list : NULL, row->length);
	ck_assert_msg(fixture_sense(&f, &sense) == row->sense, "%s: sense %06x", row->name,
		      fixture_sense(&f, NULL));
	ck_assert_uint_eq(f.response.bytes_transferred, row->sense ? 0 : row->length);
	if (row->sense == BAD_CDB_FIELD || row->sense == BAD_PARAMETER) {
		ck_assert(sense.field_valid);
		ck_assert(sense.field_in_cdb == (row->sense == BAD_CDB_FIELD));
		ck_assert_msg(sense.field_byte == row->byte && sense.field_bit == row->bit,
			      "%s: byte %u bit %d", row->name, sense.field_byte, sense.field_bit);
	}
	/* None of them changes anything, so nobody is told. */
	ck_assert_uint_eq(test_unit_ready(&other), 0);
	sense6(&f, 0x3f, 0xff);
	ck_assert_mem_eq(f.data + 4,
			 ((const uint8_t[]){ RECOVERY, CACHING, CONTROL, EXTENSION, EXCEPTIONS }),
			 SHEAF_MODES_BYTES);
}
END_TEST

START_TEST(any_cut_is_a_length_error_and_changes_nothing)
{
	/* Everything that can be changed, is; wherever the list is cut but between pages. */
	static const uint8_t list[] = { 0,    0, 0, 8, 0, 0, 0, 0, 0, 0,    2,	0, 0x0a, 10, 0x06,
					0x10, 8, 0, 0, 0, 0, 0, 0, 1, 0x08, 18, 0, 0,	 0,  0,
					0,    0, 0, 0, 0, 0, 0, 0, 0, 0,    0,	0, 0,	 0 };

	for (uint8_t length = 1; length < sizeof(list); length++) {
		if (length == 12 || length == 24)
			continue;
		ck_assert_uint_eq(select6(&f, list, length), BAD_LENGTH);
		sense6(&f, 0x0a, 0);
		ck_assert_uint_eq(f.data[6], 0x22);
	}
	ck_assert_uint_eq(test_unit_ready(&other), 0);
	ck_assert_uint_eq(select6(&f, list, sizeof(list)), 0);
	sense6(&f, 0x0a, 0);
	ck_assert_uint_eq(f.data[6], 0x06);
	ck_assert_uint_eq(f.data[8], 0x08);
	sense6(&f, 0x08, 0);
	ck_assert_uint_eq(f.data[6], 0);
}
END_TEST

START_TEST(others_are_told_of_a_change_and_of_no_other)
{
	ck_assert_uint_eq(set_byte(&f, 0x08, 2, 0), 0);
	ck_assert_uint_eq(test_unit_ready(&f), 0);
	ck_assert_uint_eq(test_unit_ready(&other), MODES_CHANGED);
	ck_assert_uint_eq(test_unit_ready(&other), 0);
	ck_assert_uint_eq(set_byte(&f, 0x08, 2, 0), 0);
	ck_assert_uint_eq(test_unit_ready(&other), 0);
	ck_assert_uint_eq(set_byte(&other, 0x08, 2, 4), 0);
	ck_assert_uint_eq(test_unit_ready(&other), 0);
	ck_assert_uint_eq(test_unit_ready(&f), MODES_CHANGED);
}
END_TEST

START_TEST(reset_brings_the_defaults_back)
{
	uint8_t cdb[10] = { 0x28, [8] = 1 };

	ck_assert_uint_eq(set_byte(&f, 0x0a, 2, 0x06), 0); /* TST 000b, D_SENSE */
	ck_assert_uint_eq(set_byte(&f, 0x0a, 4, 0x08), 0); /* SWP */
	ck_assert_uint_eq(set_byte(&f, 0x08, 2, 0), 0);
	ck_assert(sheaf_modes_task_set_is_shared(&f.lu->modes));
	sheaf_lu_reset(f.lu);
	ck_assert(!sheaf_modes_task_set_is_shared(&f.lu->modes));
	ck_assert_uint_eq(test_unit_ready(&f), 0x062903);
	ck_assert_uint_eq(f.response.sense_buffer[0], 0x70);
	ck_assert_uint_eq(test_unit_ready(&other), 0x062903); /* the reset replaces what waited */
	ck_assert_uint_eq(write10(&f, 1), 0);
	ck_assert(!f.fake->last_fua);
	fixture_run(&f, cdb, 10, FROM, NULL, 512);
	sense6(&f, 0x0a, 0);
	ck_assert_mem_eq(f.data + 4, ((const uint8_t[]){ CONTROL }), 12);
}
END_TEST

/* What they do */

START_TEST(d_sense_is_descriptor_format)
{
	uint8_t cdb[16] = { 0x88, [2] = 0x12, [9] = 0x34, [13] = 1 },
		request[6] = { 0x03, 0, 0, 0, 252 };
	struct sheaf_sense sense = { 0 };

	/* Fixed format has no room for this LBA. */
	fixture_run(&f, cdb, 16, FROM, NULL, 512);
	ck_assert_uint_eq(fixture_sense(&f, &sense), 0x052100);
	ck_assert_uint_eq(f.response.sense_buffer[0], 0x70);
	ck_assert(!sense.information_valid);

	ck_assert_uint_eq(set_byte(&f, 0x0a, 2, 0x26), 0);
	fixture_run(&f, cdb, 16, FROM, NULL, 512);
	ck_assert_uint_eq(fixture_sense(&f, &sense), 0x052100);
	ck_assert_uint_eq(f.response.sense_buffer[0], 0x72);
	ck_assert(sense.information_valid && sense.information == 0x1200000000000034);
	ck_assert_uint_eq(test_unit_ready(&other), MODES_CHANGED);
	ck_assert_uint_eq(other.response.sense_buffer[0], 0x72);
	/* REQUEST SENSE says in its CDB which format it wants: SPC-4 section 6.39. */
	fixture_run(&f, request, 6, FROM, NULL, 252);
	ck_assert_uint_eq(f.data[0], 0x70);
	request[1] = 1;
	fixture_run(&f, request, 6, FROM, NULL, 252);
	ck_assert_uint_eq(f.data[0], 0x72);
	/* MODE SELECT takes it back. */
	ck_assert_uint_eq(set_byte(&f, 0x0a, 2, 0x22), 0);
	fixture_run(&f, cdb, 16, FROM, NULL, 512);
	ck_assert_uint_eq(f.response.sense_buffer[0], 0x70);
}
END_TEST

START_TEST(software_write_protection_is_for_all)
{
	uint8_t same[16] = { 0x93, 1, [13] = 1 }, unmap[10] = { 0x42 }, sync[10] = { 0x35 },
		read[10] = { 0x28, [8] = 1 };

	ck_assert_uint_eq(write10(&f, 1), 0);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_FLUSH], 0);
	ck_assert_uint_eq(set_byte(&f, 0x0a, 4, 0x08), 0);
	/* SPC-4 section 7.5.8: after writing all that is in the cache. */
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_FLUSH], 1);
	ck_assert_uint_eq(write10(&f, 1), SOFT_PROTECTED);
	ck_assert_uint_eq(write10(&other, 1), MODES_CHANGED);
	ck_assert_uint_eq(write10(&other, 1), SOFT_PROTECTED);
	ck_assert_uint_eq(fixture_send(&f, same, 16, NONE, NULL, 0), SOFT_PROTECTED);
	ck_assert_uint_eq(fixture_send(&f, unmap, 10, NONE, NULL, 0), SOFT_PROTECTED);
	sense6(&other, 0x0a, 0);
	ck_assert_uint_eq(other.data[2], 0x90); /* WP, DPOFUA */
	ck_assert_uint_eq(fixture_send(&f, sync, 10, NONE, NULL, 0), 0);
	ck_assert_uint_eq(fixture_send(&f, read, 10, FROM, NULL, 512), 0);
	ck_assert_uint_eq(set_byte(&other, 0x0a, 4, 0), 0);
	ck_assert_uint_eq(write10(&other, 1), 0);
	ck_assert_uint_eq(write10(&f, 1), MODES_CHANGED);
	ck_assert_uint_eq(write10(&f, 1), 0);
	sense6(&f, 0x0a, 0);
	ck_assert_uint_eq(f.data[2], 0x10);
}
END_TEST

START_TEST(read_only_lu_has_modes_too)
{
	close_fixture();
	fixture_open(&f, BLOCKS * 512, 512, true);
	fixture_share(&other, &f);
	ck_assert_uint_eq(set_byte(&f, 0x0a, 4, 0x08), 0);
	ck_assert_uint_eq(set_byte(&f, 0x0a, 4, 0), 0);
	ck_assert_uint_eq(write10(&f, 1), 0x072700);
	sense6(&f, 0x08, 0);
	ck_assert_uint_eq(f.data[2], 0x90);
}
END_TEST

static unsigned flushes(void)
{
	unsigned n = f.fake->done[SHEAF_STORE_FLUSH];

	f.fake->done[SHEAF_STORE_FLUSH] = 0;
	return n;
}

START_TEST(without_write_back_every_write_is_durable_when_it_ends)
{
	uint8_t block[512] = { 1 }, cdb6[6] = { 0x0a, 0, 0, 1, 1 }, same[10] = { 0x41, [8] = 9 },
		verify[10] = { 0x2e, [8] = 1 }, unmap[10] = { 0x42, [8] = 24 },
		list[24] = { 0, 22, 0, 16, [19] = 1 }, read[10] = { 0x28, [8] = 1 };

	list[19] = 1;
	ck_assert_uint_eq(write10(&f, 1), 0);
	ck_assert(!f.fake->last_fua);
	ck_assert_uint_eq(flushes(), 0);
	ck_assert_uint_eq(set_byte(&f, 0x08, 2, 0), 0);
	ck_assert_uint_eq(flushes(), 1); /* what was in the cache */
	/* WRITE: forced unit access, and no flush. */
	ck_assert_uint_eq(write10(&f, 1), 0);
	ck_assert(f.fake->last_fua);
	ck_assert_uint_eq(flushes(), 0);
	ck_assert_uint_eq(fixture_send(&f, cdb6, 6, TO, block, 512), 0);
	ck_assert(f.fake->last_fua);
	ck_assert_uint_eq(flushes(), 0);
	/* All else: a flush before it ends. */
	ck_assert_uint_eq(fixture_send(&f, same, 10, TO, block, 512), 0);
	ck_assert_uint_eq(f.response.bytes_transferred, 512);
	ck_assert_uint_eq(flushes(), 1);
	memset(block, 0, sizeof(block));
	fixture_run(&f, same, 10, TO, block, 512);
	ck_assert_uint_eq(flushes(), 1);
	ck_assert_uint_eq(fixture_send(&f, unmap, 10, TO, list, 24), 0);
	ck_assert_uint_eq(f.response.bytes_transferred, 24);
	ck_assert_uint_eq(flushes(), 1);
	ck_assert_uint_eq(fixture_send(&f, verify, 10, TO, block, 512), 0);
	ck_assert_uint_eq(flushes(), 1);
	/* What writes nothing does not flush. */
	fixture_run(&f, read, 10, FROM, NULL, 512);
	ck_assert(!f.fake->last_fua);
	ck_assert_uint_eq(flushes(), 0);
	/* With the cache on again, nothing of that is left. */
	ck_assert_uint_eq(set_byte(&f, 0x08, 2, 4), 0);
	ck_assert_uint_eq(flushes(), 0);
	ck_assert_uint_eq(write10(&f, 1), 0);
	ck_assert(!f.fake->last_fua);
	fixture_run(&f, same, 10, TO, block, 512);
	ck_assert_uint_eq(flushes(), 0);
}
END_TEST

START_TEST(flush_that_fails_fails_the_command)
{
	uint8_t block[512] = { 1 }, same[10] = { 0x41, [8] = 9 };

	ck_assert_uint_eq(set_byte(&f, 0x08, 2, 0), 0);
	f.fake->fail[SHEAF_STORE_FLUSH] = -EIO;
	fixture_run(&f, same, 10, TO, block, 512);
	ck_assert_uint_eq(fixture_sense(&f, NULL) >> 16, SHEAF_KEY_MEDIUM_ERROR);
	ck_assert_uint_eq(f.response.bytes_transferred, 0);
	/* It is not forgotten: the next one flushes again. */
	ck_assert_uint_eq(flushes(), 1);
	ck_assert_uint_eq(fixture_send(&f, same, 10, TO, block, 512), 0);
	ck_assert_uint_eq(flushes(), 1);
	/* A write that fails is not flushed. */
	f.fake->fail[SHEAF_STORE_WRITE] = -EIO;
	ck_assert_uint_eq(fixture_send(&f, same, 10, TO, block, 512), 0x030c00);
	ck_assert_uint_eq(flushes(), 0);
	/* MODE SELECT that has to flush says so as well. */
	ck_assert_uint_eq(set_byte(&f, 0x08, 2, 4), 0);
	ck_assert_uint_eq(write10(&f, 1), 0);
	f.fake->fail[SHEAF_STORE_FLUSH] = -EIO;
	ck_assert_uint_eq(set_byte(&f, 0x08, 2, 0) >> 16, SHEAF_KEY_MEDIUM_ERROR);
}
END_TEST

START_TEST(mode_select_waits_for_writes_before_it)
{
	uint8_t cdb[10] = { 0x2a, [8] = 1 }, select[6] = { 0x15, 0x10, 0, 0, 24 },
		same[10] = { 0x41, [8] = 9 };
	uint8_t list[24] = { [4] = 0x08, 18 };
	struct scsi_fixture third;

	fixture_share(&third, &f);
	fixture_start(&f, cdb, 10, TO, 512);
	fixture_go(&f);
	fixture_start(&other, select, 6, TO, 24);
	memcpy(other.data, list, 24);
	fixture_go(&other);
	/* One that is checked while the cache was on, and runs when it is off. */
	fixture_start(&third, same, 10, TO, 512);
	fixture_go(&third);
	ck_assert_uint_eq(f.ended + other.ended + third.ended, 0);
	ck_assert_uint_eq(f.fake->queued, 1);
	fake_complete(f.fake, 0);
	ck_assert_uint_eq(f.ended, 1);
	ck_assert_uint_eq(f.fake->queued, 1);
	fake_complete(f.fake, 0);
	ck_assert_uint_eq(flushes(), 1);
	ck_assert_uint_eq(other.ended, 1);
	ck_assert_uint_eq(fixture_sense(&other, NULL), 0);
	fake_drain(f.fake);
	ck_assert_uint_eq(third.ended, 1);
	ck_assert_uint_eq(flushes(), 1);
	free(third.data);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("modes");
	TCase *tc = tcase_create("modes");
	int failed;

	tcase_add_checked_fixture(tc, open_fixture, close_fixture);
	tcase_add_test(tc, all_pages);
	tcase_add_test(tc, changeable_values);
	tcase_add_test(tc, one_page_and_its_subpages);
	tcase_add_test(tc, mode_sense_refuses);
	tcase_add_test(tc, mode_sense_10_has_its_own_header);
	tcase_add_loop_test(tc, list_ends_as_its_row_says, 0,
			    (int)(sizeof(list_rows) / sizeof(list_rows[0])));
	tcase_add_test(tc, any_cut_is_a_length_error_and_changes_nothing);
	tcase_add_test(tc, others_are_told_of_a_change_and_of_no_other);
	tcase_add_test(tc, reset_brings_the_defaults_back);
	tcase_add_test(tc, d_sense_is_descriptor_format);
	tcase_add_test(tc, software_write_protection_is_for_all);
	tcase_add_test(tc, read_only_lu_has_modes_too);
	tcase_add_test(tc, without_write_back_every_write_is_durable_when_it_ends);
	tcase_add_test(tc, flush_that_fails_fails_the_command);
	tcase_add_test(tc, mode_select_waits_for_writes_before_it);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
