/* SPDX-License-Identifier: MIT */
/*
 * test_lu.c - commands on an LU by table: bytes in; status, key, ASC/ASCQ, field pointer, data and
 * store accesses out.
 */
#include <check.h>

#include "scsi/lu_impl.h"
#include "scsi_fixture.h"

#define BLOCKS 2048u
#define NONE   SHEAF_TRANSFER_NONE
#define TO     SHEAF_TRANSFER_TO_TARGET
#define FROM   SHEAF_TRANSFER_FROM_TARGET

#define ILLEGAL_FIELD  0x052400u
#define ILLEGAL_OPCODE 0x052000u
#define OUT_OF_RANGE   0x052100u
#define PROTECTED      0x072700u
#define SHORT_IN       0x0b4b08u
#define SHORT_OUT      0x0b4b0bu
#define BAD_IU         0x050e03u
#define WRONG_WAY      0x0b4b00u
#define NO_SUCH_LU     0x052500u

static struct scsi_fixture f;

static void open_512(void)
{
	fixture_open(&f, BLOCKS * 512, 512, false);
}

static void close_fixture(void)
{
	fixture_close(&f);
}

/*
 * One row, one command on a fresh LU of 2048 blocks of 512 bytes. field: byte << 4 | bit, -1: no
 * field pointer.
 */
struct row {
	const char *name;
	uint8_t cdb[16];
	unsigned size;
	enum sheaf_transfer_direction direction;
	uint64_t count;
	unsigned sense; /* 0: GOOD */
	int field;
	uint64_t transferred;
};

/* clang-format off */
static const struct row rows[] = {
	{ "test unit ready is good", { 0x00 }, 6, NONE, 0, 0, -1, 0 },
	{ "LINK and FLAG are refused", { 0x00, 0, 0, 0, 0, 0x03 }, 6, NONE, 0, ILLEGAL_FIELD, 5 << 4 | 1, 0 },
	{ "unknown opcode", { 0xc1 }, 10, NONE, 0, ILLEGAL_OPCODE, -1, 0 },
	{ "known opcode, wrong length", { 0x28 }, 6, NONE, 0, ILLEGAL_OPCODE, -1, 0 },
	{ "length beyond 16", { 0x88 }, 255, NONE, 0, ILLEGAL_OPCODE, -1, 0 },
	{ "unknown service action", { 0x9e, 0x11 }, 16, NONE, 0, ILLEGAL_FIELD, 1 << 4 | 4, 0 },

	{ "read 10, one block", { 0x28, 0, 0, 0, 0, 1, 0, 0, 1 }, 10, FROM, 512, 0, -1, 512 },
	{ "read 10, DPO and FUA", { 0x28, 0x18, 0, 0, 0, 1, 0, 0, 1 }, 10, FROM, 512, 0, -1, 512 },
	{ "read 10, FUA_NV", { 0x28, 0x02, 0, 0, 0, 1, 0, 0, 1 }, 10, FROM, 512, 0, -1, 512 },
	{ "read 10, no blocks", { 0x28, 0, 0, 0, 0, 1 }, 10, NONE, 0, 0, -1, 0 },
	{ "read 10, no blocks at the end", { 0x28, 0, 0, 0, 8, 0 }, 10, NONE, 0, 0, -1, 0 },
	{ "read 10, no blocks past the end", { 0x28, 0, 0, 0, 8, 1 }, 10, NONE, 0, OUT_OF_RANGE, -1, 0 },
	{ "read 10, last block", { 0x28, 0, 0, 0, 7, 255, 0, 0, 1 }, 10, FROM, 512, 0, -1, 512 },
	{ "read 10, beyond the end", { 0x28, 0, 0, 0, 7, 255, 0, 0, 2 }, 10, FROM, 1024, OUT_OF_RANGE, -1, 0 },
	{ "read 10, LBA 2^32-1", { 0x28, 0, 255, 255, 255, 255, 0, 0, 1 }, 10, FROM, 512, OUT_OF_RANGE, -1, 0 },
	{ "read 10, RDPROTECT", { 0x28, 0x20, 0, 0, 0, 0, 0, 0, 1 }, 10, FROM, 512, ILLEGAL_FIELD, 1 << 4 | 5, 0 },
	{ "read 10, RARC", { 0x28, 0x04, 0, 0, 0, 0, 0, 0, 1 }, 10, FROM, 512, ILLEGAL_FIELD, 1 << 4 | 2, 0 },
	{ "read 10, group number", { 0x28, 0, 0, 0, 0, 0, 3, 0, 1 }, 10, FROM, 512, ILLEGAL_FIELD, 6 << 4 | 1, 0 },
	{ "read 10, longest", { 0x28, 0, 0, 0, 0, 0, 0, 2, 0 }, 10, FROM, 262144, 0, -1, 262144 },
	{ "read 10, longer than the maximum", { 0x28, 0, 0, 0, 0, 0, 0, 2, 1 }, 10, FROM, 262656,
	  ILLEGAL_FIELD, 7 << 4 | 7, 0 },
	{ "read 10, buffer too short", { 0x28, 0, 0, 0, 0, 0, 0, 0, 2 }, 10, FROM, 1023, SHORT_IN, -1, 0 },
	{ "read 10, buffer longer", { 0x28, 0, 0, 0, 0, 0, 0, 0, 2 }, 10, FROM, 4096, 0, -1, 1024 },
	{ "read 10, wrong way", { 0x28, 0, 0, 0, 0, 0, 0, 0, 2 }, 10, TO, 1024, WRONG_WAY, -1, 0 },
	{ "read 10, no way", { 0x28, 0, 0, 0, 0, 0, 0, 0, 2 }, 10, NONE, 0, WRONG_WAY, -1, 0 },
	{ "read 12", { 0xa8, 0, 0, 0, 0, 1, 0, 0, 0, 2 }, 12, FROM, 1024, 0, -1, 1024 },
	{ "read 16", { 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2 }, 16, FROM, 1024, 0, -1, 1024 },
	{ "read 16, LBA 2^64-1", { 0x88, 0, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 2 }, 16, FROM, 1024,
	  OUT_OF_RANGE, -1, 0 },
	{ "read 16, length 2^32-1", { 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255 }, 16, FROM, 1024,
	  OUT_OF_RANGE, -1, 0 },
	{ "read 6, 0 is 256 blocks", { 0x08 }, 6, FROM, 131072, 0, -1, 131072 },
	{ "read 6, 0 is 256 blocks, short", { 0x08 }, 6, FROM, 131071, SHORT_IN, -1, 0 },

	{ "write 10", { 0x2a, 0, 0, 0, 0, 1, 0, 0, 1 }, 10, TO, 512, 0, -1, 512 },
	{ "write 10, FUA", { 0x2a, 0x08, 0, 0, 0, 1, 0, 0, 1 }, 10, TO, 512, 0, -1, 512 },
	{ "write 10, WRPROTECT", { 0x2a, 0x80, 0, 0, 0, 1, 0, 0, 1 }, 10, TO, 512, ILLEGAL_FIELD, 1 << 4 | 7, 0 },
	{ "write 10, beyond the end", { 0x2a, 0, 0, 0, 8, 0, 0, 0, 1 }, 10, TO, 512, OUT_OF_RANGE, -1, 0 },
	{ "write 10, buffer too short", { 0x2a, 0, 0, 0, 0, 0, 0, 0, 2 }, 10, TO, 512, SHORT_OUT, -1, 0 },
	{ "write 10, wrong way", { 0x2a, 0, 0, 0, 0, 0, 0, 0, 2 }, 10, FROM, 1024, WRONG_WAY, -1, 0 },
	{ "write 12", { 0xaa, 0, 0, 0, 0, 1, 0, 0, 0, 2 }, 12, TO, 1024, 0, -1, 1024 },
	{ "write 16", { 0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2 }, 16, TO, 1024, 0, -1, 1024 },
	{ "write 6", { 0x0a, 0, 0, 1, 2 }, 6, TO, 1024, 0, -1, 1024 },
	{ "write 6, reserved bit", { 0x0a, 0x20, 0, 1, 2 }, 6, TO, 1024, ILLEGAL_FIELD, 1 << 4 | 5, 0 },

	{ "synchronize cache 10", { 0x35 }, 10, NONE, 0, 0, -1, 0 },
	{ "synchronize cache 10, IMMED", { 0x35, 0x02 }, 10, NONE, 0, 0, -1, 0 },
	{ "synchronize cache 10, range", { 0x35, 0, 0, 0, 7, 255, 0, 0, 1 }, 10, NONE, 0, 0, -1, 0 },
	{ "synchronize cache 10, beyond", { 0x35, 0, 0, 0, 7, 255, 0, 0, 2 }, 10, NONE, 0, OUT_OF_RANGE, -1, 0 },
	{ "synchronize cache 16", { 0x91 }, 16, NONE, 0, 0, -1, 0 },

	{ "pre-fetch 10 is good", { 0x34, 0x02, 0, 0, 7, 255, 0, 0, 1 }, 10, NONE, 0, 0, -1, 0 },
	{ "pre-fetch 10, to the end", { 0x34, 0, 0, 0, 8, 0 }, 10, NONE, 0, 0, -1, 0 },
	{ "pre-fetch 10, beyond", { 0x34, 0, 0, 0, 7, 255, 0, 0, 2 }, 10, NONE, 0, OUT_OF_RANGE, -1, 0 },
	{ "pre-fetch 16, beyond", { 0x90, 0, [2] = 0x80 }, 16, NONE, 0, OUT_OF_RANGE, -1, 0 },

	{ "verify 10, no data", { 0x2f, 0x10, 0, 0, 0, 1, 0, 0, 9 }, 10, NONE, 0, 0, -1, 0 },
	{ "verify 10, no blocks", { 0x2f, 0x02, 0, 0, 8, 0 }, 10, NONE, 0, 0, -1, 0 },
	{ "verify 10, no blocks past the end", { 0x2f, 0, 0, 0, 8, 1 }, 10, NONE, 0, OUT_OF_RANGE, -1, 0 },
	{ "verify 10, BYTCHK 10b", { 0x2f, 0x04, 0, 0, 0, 1, 0, 0, 1 }, 10, TO, 512, ILLEGAL_FIELD, 1 << 4 | 2, 0 },
	{ "verify 10, VRPROTECT", { 0x2f, 0x20, 0, 0, 0, 1, 0, 0, 1 }, 10, NONE, 0, ILLEGAL_FIELD, 1 << 4 | 5, 0 },
	{ "verify 10, short data", { 0x2f, 0x02, 0, 0, 0, 1, 0, 0, 2 }, 10, TO, 1023, SHORT_OUT, -1, 0 },
	{ "verify 10, short block", { 0x2f, 0x06, 0, 0, 0, 1, 0, 0, 2 }, 10, TO, 511, SHORT_OUT, -1, 0 },
	{ "verify 10, wrong way", { 0x2f, 0x02, 0, 0, 0, 1, 0, 0, 2 }, 10, FROM, 1024, WRONG_WAY, -1, 0 },
	{ "verify 10, more data than the maximum", { 0x2f, 0x02, 0, 0, 0, 0, 0, 2, 1 }, 10, TO, 262656,
	  ILLEGAL_FIELD, 7 << 4 | 7, 0 },
	{ "verify 10, the maximum is not of what is only read", { 0x2f, 0, 0, 0, 0, 0, 0, 2, 1 }, 10, NONE, 0, 0, -1, 0 },
	{ "verify 12, beyond", { 0xaf, 0, 0, 0, 7, 255, 0, 0, 0, 2 }, 12, NONE, 0, OUT_OF_RANGE, -1, 0 },
	{ "verify 16, length 2^32-1", { 0x8f, 0, [10] = 255, 255, 255, 255 }, 16, NONE, 0, OUT_OF_RANGE, -1, 0 },

	{ "write and verify 10", { 0x2e, 0x10, 0, 0, 0, 1, 0, 0, 1 }, 10, TO, 512, 0, -1, 512 },
	{ "write and verify 10, BYTCHK", { 0x2e, 0x02, 0, 0, 0, 1, 0, 0, 1 }, 10, TO, 512, 0, -1, 512 },
	{ "write and verify 10, BYTCHK 11b", { 0x2e, 0x06, 0, 0, 0, 1, 0, 0, 1 }, 10, TO, 512, ILLEGAL_FIELD, 1 << 4 | 2, 0 },
	{ "write and verify 10, no blocks", { 0x2e }, 10, NONE, 0, 0, -1, 0 },
	{ "write and verify 12, short", { 0xae, 0, 0, 0, 0, 1, 0, 0, 0, 2 }, 12, TO, 1023, SHORT_OUT, -1, 0 },
	{ "write and verify 16, beyond", { 0x8e, 0, 0, 0, 0, 0, 0, 0, 7, 255, 0, 0, 0, 2 }, 16, TO, 1024, OUT_OF_RANGE, -1, 0 },

	{ "write same 10", { 0x41, 0, 0, 0, 0, 1, 0, 0, 9 }, 10, TO, 512, 0, -1, 512 },
	{ "write same 10, unmap", { 0x41, 8, 0, 0, 0, 1, 0, 0, 9 }, 10, TO, 512, 0, -1, 512 },
	{ "write same 10, anchor", { 0x41, 0x18, 0, 0, 0, 1, 0, 0, 9 }, 10, TO, 512, ILLEGAL_FIELD, 1 << 4 | 4, 0 },
	{ "write same 10 has no NDOB", { 0x41, 1, 0, 0, 0, 1, 0, 0, 9 }, 10, NONE, 0, ILLEGAL_FIELD, 1 << 4 | 0, 0 },
	{ "write same 10, no blocks (WSNZ)", { 0x41 }, 10, TO, 512, ILLEGAL_FIELD, 7 << 4 | 7, 0 },
	{ "write same 10, short block", { 0x41, 0, 0, 0, 0, 1, 0, 0, 9 }, 10, TO, 511, BAD_IU, -1, 0 },
	{ "write same 16, NDOB", { 0x93, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9 }, 16, NONE, 0, 0, -1, 0 },
	{ "write same 16, no block", { 0x93, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9 }, 16, NONE, 0, WRONG_WAY, -1, 0 },
	{ "write same 16, beyond", { 0x93, 1, 0, 0, 0, 0, 0, 0, 7, 255, 0, 0, 0, 2 }, 16, NONE, 0, OUT_OF_RANGE, -1, 0 },

	{ "unmap, anchor", { 0x42, 1 }, 10, NONE, 0, ILLEGAL_FIELD, 1 << 4 | 0, 0 },
	{ "unmap, empty", { 0x42 }, 10, NONE, 0, 0, -1, 0 },
	{ "unmap, list too short", { 0x42, 0, 0, 0, 0, 0, 0, 0, 7 }, 10, TO, 7, 0x051a00, -1, 0 },
	{ "unmap, buffer too short", { 0x42, 0, 0, 0, 0, 0, 0, 0, 24 }, 10, TO, 23, SHORT_OUT, -1, 0 },

	{ "get LBA status", { 0x9e, 0x12, [13] = 24 }, 16, FROM, 24, 0, -1, 24 },
	{ "get LBA status, at the end", { 0x9e, 0x12, 0, 0, 0, 0, 0, 0, 8, 0, [13] = 24 }, 16, FROM, 24,
	  OUT_OF_RANGE, -1, 0 },
	{ "get LBA status, room for the header", { 0x9e, 0x12, [13] = 8 }, 16, FROM, 24, 0, -1, 8 },
	{ "get LBA status, no room", { 0x9e, 0x12 }, 16, NONE, 0, 0, -1, 0 },

	{ "read capacity 10", { 0x25 }, 10, FROM, 8, 0, -1, 8 },
	{ "read capacity 10, PMI", { 0x25, [8] = 1 }, 10, FROM, 8, ILLEGAL_FIELD, 8 << 4 | 0, 0 },
	{ "read capacity 10, short", { 0x25 }, 10, FROM, 7, SHORT_IN, -1, 0 },
	{ "read capacity 16, cut", { 0x9e, 0x10, [13] = 12 }, 16, FROM, 32, 0, -1, 12 },
	{ "read capacity 16, buffer shorter than allocation", { 0x9e, 0x10, [13] = 32 }, 16, FROM, 10, 0, -1, 10 },
	{ "read capacity 16, wrong way", { 0x9e, 0x10, [13] = 32 }, 16, TO, 32, WRONG_WAY, -1, 0 },

	{ "inquiry", { 0x12, 0, 0, 0, 96 }, 6, FROM, 96, 0, -1, 96 },
	{ "inquiry, 36 bytes", { 0x12, 0, 0, 0, 36 }, 6, FROM, 36, 0, -1, 36 },
	{ "inquiry, nothing", { 0x12 }, 6, NONE, 0, 0, -1, 0 },
	{ "inquiry, more than there is", { 0x12, 0, 0, 1, 0 }, 6, FROM, 256, 0, -1, 96 },
	{ "inquiry, page without EVPD", { 0x12, 0, 0x80, 0, 96 }, 6, FROM, 96, ILLEGAL_FIELD, 2 << 4 | 7, 0 },
	{ "inquiry, unknown page", { 0x12, 1, 0xb7, 0, 96 }, 6, FROM, 96, ILLEGAL_FIELD, 2 << 4 | 7, 0 },
	{ "inquiry, CMDDT", { 0x12, 2, 0, 0, 96 }, 6, FROM, 96, ILLEGAL_FIELD, 1 << 4 | 1, 0 },

	{ "request sense, fixed", { 0x03, 0, 0, 0, 252 }, 6, FROM, 252, 0, -1, 18 },
	{ "request sense, descriptor", { 0x03, 1, 0, 0, 252 }, 6, FROM, 252, 0, -1, 8 },

	{ "mode sense 6, saved", { 0x1a, 0, 0xc8, 0, 255 }, 6, FROM, 255, 0x053900, -1, 0 },
	{ "mode sense 6 has no LLBAA", { 0x1a, 0x10, 0x0a, 0, 255 }, 6, FROM, 255, ILLEGAL_FIELD, 1 << 4 | 4, 0 },
	{ "mode sense 6, caching", { 0x1a, 8, 0x08, 0, 255 }, 6, FROM, 255, 0, -1, 4 + 20 },
	{ "mode sense 6, cut", { 0x1a, 0, 0x3f, 0, 4 }, 6, FROM, 4, 0, -1, 4 },
	{ "mode sense 10, LLBAA", { 0x5a, 0x10, 0x0a, 0, 0, 0, 0, 1, 0 }, 10, FROM, 256, 0, -1, 8 + 16 + 12 },
	{ "mode sense 10, LLBAA and DBD", { 0x5a, 0x18, 0x0a, 0, 0, 0, 0, 1, 0 }, 10, FROM, 256, 0, -1, 8 + 12 },

	{ "report luns", { 0xa0, [9] = 16 }, 12, FROM, 16, 0, -1, 16 },
	{ "report luns, well known", { 0xa0, 0, 1, [9] = 16 }, 12, FROM, 16, 0, -1, 8 },
	{ "report luns, all", { 0xa0, 0, 2, [9] = 16 }, 12, FROM, 16, 0, -1, 16 },
	{ "supported opcodes, reserved option", { 0xa3, 0x0c, 4, [9] = 255 }, 12, FROM, 255, ILLEGAL_FIELD, 2 << 4 | 2, 0 },
	{ "supported opcodes, opcode with service actions", { 0xa3, 0x0c, 1, 0x9e, [9] = 255 }, 12, FROM, 255,
	  ILLEGAL_FIELD, 3 << 4 | 7, 0 },
	{ "supported opcodes, opcode without", { 0xa3, 0x0c, 2, 0x28, [9] = 255 }, 12, FROM, 255, ILLEGAL_FIELD, 3 << 4 | 7, 0 },
	{ "supported opcodes, opcode without and an action", { 0xa3, 0x0c, 2, 0x28, 0, 1, [9] = 255 }, 12, FROM, 255,
	  ILLEGAL_FIELD, 3 << 4 | 7, 0 },
	{ "supported opcodes, unknown opcode", { 0xa3, 0x0c, 1, 0xc1, [9] = 255 }, 12, FROM, 255, 0, -1, 4 },
	{ "supported opcodes, unknown opcode, timeouts", { 0xa3, 0x0c, 0x81, 0xc1, [9] = 255 }, 12, FROM, 255, 0, -1, 4 },
	{ "supported opcodes, read 10", { 0xa3, 0x0c, 3, 0x28, [9] = 255 }, 12, FROM, 255, 0, -1, 14 },
	{ "supported opcodes, cut", { 0xa3, 0x0c, [9] = 6 }, 12, FROM, 255, 0, -1, 6 },
	{ "supported TMFs", { 0xa3, 0x0d, [9] = 4 }, 12, FROM, 255, 0, -1, 4 },
	{ "supported TMFs, REPD", { 0xa3, 0x0d, 0x80, [9] = 255 }, 12, FROM, 255, 0, -1, 16 },
	{ "supported TMFs, no room", { 0xa3, 0x0d, [9] = 3 }, 12, FROM, 255, ILLEGAL_FIELD, 6 << 4 | 7, 0 },

	{ "report luns, unknown select", { 0xa0, 0, 3, [9] = 16 }, 12, FROM, 16, ILLEGAL_FIELD, 2 << 4 | 7, 0 },
};
/* clang-format on */
#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static void check_row(const struct row *row)
{
	struct sheaf_sense sense = { 0 };

	fixture_run(&f, row->cdb, row->size, row->direction, NULL, row->count);
	ck_assert_msg(fixture_sense(&f, &sense) == row->sense, "%s: sense %06x", row->name,
		      fixture_sense(&f, NULL));
	ck_assert_msg(f.response.bytes_transferred == row->transferred, "%s: %llu bytes", row->name,
		      (unsigned long long)f.response.bytes_transferred);
	ck_assert_msg(sense.field_valid == (row->field >= 0), "%s: field pointer", row->name);
	if (row->field >= 0)
		ck_assert_msg(sense.field_in_cdb && sense.field_byte << 4 == (row->field & ~15) &&
				      sense.field_bit == (row->field & 15),
			      "%s: field %u bit %d", row->name, sense.field_byte, sense.field_bit);
	/*
	 * What is refused has touched neither the store nor, but for data that came in, the
	 * buffer.
	 */
	if (row->sense)
		for (int op = 0; op <= SHEAF_STORE_STATUS; op++)
			ck_assert_msg(f.fake->done[op] == 0, "%s: store touched", row->name);
	for (uint64_t i = row->direction == FROM ? row->transferred : 0; i < row->count; i++)
		ck_assert_msg(f.data[i] == 0xee, "%s: byte %llu written", row->name,
			      (unsigned long long)i);
}

START_TEST(command_ends_as_its_row_says)
{
	check_row(&rows[_i]);
}
END_TEST

static void run10(uint8_t opcode, uint8_t byte_1, uint32_t lba, uint16_t count,
		  enum sheaf_transfer_direction direction, const void *out, uint64_t bytes)
{
	uint8_t cdb[10] = { opcode, byte_1 };

	sheaf_put_be32(cdb + 2, lba);
	sheaf_put_be16(cdb + 7, count);
	fixture_run(&f, cdb, 10, direction, out, bytes);
}

static void run16(uint8_t opcode, uint8_t byte_1, uint64_t lba, uint32_t count,
		  enum sheaf_transfer_direction direction, const void *out, uint64_t bytes)
{
	uint8_t cdb[16] = { opcode, byte_1 };

	sheaf_put_be64(cdb + 2, lba);
	sheaf_put_be32(cdb + 10, count);
	fixture_run(&f, cdb, 16, direction, out, bytes);
}

static void run6(uint8_t opcode, uint8_t b1, uint8_t b2, uint8_t b3, uint8_t b4)
{
	uint8_t cdb[6] = { opcode, b1, b2, b3, b4 };

	fixture_run(&f, cdb, 6, b4 ? FROM : NONE, NULL, b4);
}

START_TEST(write_protected_lu_refuses_every_write_and_says_so)
{
	uint8_t block[512] = { 0 };
	static const uint8_t writes[][2] = { { 0x0a, 6 },  { 0x2a, 10 }, { 0xaa, 12 }, { 0x8a, 16 },
					     { 0x41, 10 }, { 0x93, 16 }, { 0x42, 10 }, { 0x2e, 10 },
					     { 0xae, 12 }, { 0x8e, 16 } };

	close_fixture();
	fixture_open(&f, BLOCKS * 512, 512, true);
	for (int i = 0; i < COUNT(writes); i++) {
		uint8_t cdb[16] = { writes[i][0] };
		fixture_run(&f, cdb, writes[i][1], TO, block, sizeof(block));
		ck_assert_uint_eq(fixture_sense(&f, NULL), PROTECTED);
	}
	run6(0x1a, 8, 0x3f, 0, 255);
	ck_assert_uint_eq(f.data[2], SHEAF_MODE_WP | SHEAF_MODE_DPOFUA);
	run10(0x28, 0, 0, 1, FROM, NULL, 512);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	run10(0x35, 0, 0, 0, NONE, NULL, 0);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
}
END_TEST

START_TEST(out_of_range_names_the_first_lba_that_is)
{
	struct sheaf_sense sense;

	run10(0x28, 0, BLOCKS - 1, 3, FROM, NULL, 3 * 512);
	ck_assert_uint_eq(fixture_sense(&f, &sense), OUT_OF_RANGE);
	ck_assert(sense.information_valid && sense.information == BLOCKS);
	run10(0x28, 0, BLOCKS + 5, 3, FROM, NULL, 3 * 512);
	fixture_sense(&f, &sense);
	ck_assert(sense.information_valid && sense.information == BLOCKS + 5);
}
END_TEST

START_TEST(store_error_is_sense_with_the_block_in_error)
{
	struct sheaf_sense sense;
	uint8_t block[1024] = { 1 };

	f.fake->fail[SHEAF_STORE_READ] = -EIO;
	f.fake->fail_moved = 512;
	run10(0x28, 0, 7, 2, FROM, NULL, 1024);
	ck_assert_uint_eq(fixture_sense(&f, &sense), 0x031100);
	ck_assert(sense.information_valid && sense.information == 8);
	f.fake->fail[SHEAF_STORE_WRITE] = -ENOSPC;
	run10(0x2a, 0, 7, 2, TO, block, 1024);
	ck_assert_uint_eq(fixture_sense(&f, &sense), 0x072707);
	ck_assert(!sense.information_valid);
	f.fake->fail[SHEAF_STORE_FLUSH] = -EIO;
	run10(0x35, 0, 0, 0, NONE, NULL, 0);
	ck_assert_uint_eq(fixture_sense(&f, &sense), 0x030c00);
	ck_assert(!sense.information_valid);
}
END_TEST

START_TEST(fua_is_handed_to_the_store)
{
	uint8_t block[512] = { 1 };

	run10(0x2a, 0, 0, 1, TO, block, 512);
	ck_assert(!f.fake->last_fua);
	run10(0x2a, SHEAF_CDB_RW_FUA, 0, 1, TO, block, 512);
	ck_assert(f.fake->last_fua);
	/* A 6-byte CDB has no FUA. */
	close_fixture();
	fixture_open(&f, 15u << 20, 512, false);
	static const uint8_t cdb[6] = { 0x0a, 0, 0x08, 0, 1 };
	fixture_run(&f, cdb, 6, TO, block, 512);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	ck_assert(!f.fake->last_fua);
}
END_TEST

START_TEST(fua_read_flushes_what_was_written_first)
{
	uint8_t block[512] = { 1 };

	run10(0x28, SHEAF_CDB_RW_FUA, 0, 1, FROM, NULL, 512);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_FLUSH], 0);
	run10(0x2a, 0, 0, 1, TO, block, 512);
	run10(0x28, SHEAF_CDB_RW_FUA, 0, 1, FROM, NULL, 512);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_FLUSH], 1);
	ck_assert_mem_eq(f.data, block, 512);
	run10(0x28, 0, 0, 1, FROM, NULL, 512);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_FLUSH], 1);
}
END_TEST

static unsigned flushes(void)
{
	unsigned before = f.fake->done[SHEAF_STORE_FLUSH];

	run10(0x35, 0, 0, 0, NONE, NULL, 0);
	return f.fake->done[SHEAF_STORE_FLUSH] - before;
}

START_TEST(synchronize_cache_flushes_only_what_was_written_since)
{
	uint8_t block[512] = { 1 };

	ck_assert_uint_eq(flushes(), 0);
	run10(0x2a, 0, 0, 1, TO, block, 512);
	ck_assert_uint_eq(flushes(), 1);
	ck_assert_uint_eq(flushes(), 0);
	run10(0x2a, SHEAF_CDB_RW_FUA, 0, 1, TO, block, 512); /* durable already */
	ck_assert_uint_eq(flushes(), 0);
	run16(0x93, 1, 0, 1, NONE, NULL, 0);
	ck_assert_uint_eq(flushes(), 1);
	f.fake->fail[SHEAF_STORE_WRITE] = -EIO; /* who knows what it wrote */
	run10(0x2a, 0, 0, 1, TO, block, 512);
	ck_assert_uint_eq(flushes(), 1);
}
END_TEST

START_TEST(first_flush_of_what_somebody_else_wrote_is_not_left_out)
{
	const struct sheaf_lu_options options = { .block_size = 512,
						  .maximum_transfer_bytes = 65536,
						  .serial = "x",
						  .written = true };

	sheaf_lu_free(f.lu);
	ck_assert_int_eq(sheaf_lu_create(&f.fake->store, &options, &f.lu), 0);
	ck_assert_uint_eq(sheaf_lu_take_attention(f.lu, 0), SHEAF_ASC_POWER_ON);
	ck_assert_uint_eq(flushes(), 1);
	ck_assert_uint_eq(flushes(), 0);
}
END_TEST

START_TEST(failed_flush_is_flushed_again)
{
	uint8_t block[512] = { 1 };

	run10(0x2a, 0, 0, 1, TO, block, 512);
	f.fake->fail[SHEAF_STORE_FLUSH] = -EIO;
	ck_assert_uint_eq(flushes(), 1);
	ck_assert_uint_ne(fixture_sense(&f, NULL), 0);
	ck_assert_uint_eq(flushes(), 1);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	ck_assert_uint_eq(flushes(), 0);
}
END_TEST

/* Two tasks on one LU at once: a flush is in flight when a second one, or a write, comes. */
START_TEST(flush_in_flight_does_not_answer_for_another)
{
	struct scsi_fixture other = f;
	uint8_t block[512] = { 1 };
	static const uint8_t sync[10] = { 0x35 };

	other.data = NULL;
	run10(0x2a, 0, 0, 1, TO, block, 512);
	fixture_start(&f, sync, 10, NONE, 0);
	fixture_go(&f);
	ck_assert_uint_eq(f.fake->queued, 1);
	fixture_start(&other, sync, 10, NONE, 0);
	fixture_go(&other);
	ck_assert_uint_eq(other.ended, 0); /* not durable yet: it waits too */
	ck_assert_uint_eq(f.fake->queued, 2);
	fake_drain(f.fake);
	ck_assert_uint_eq(f.ended + other.ended, 2);
	ck_assert_uint_eq(flushes(), 0);
}
END_TEST

START_TEST(write_that_ends_during_a_flush_needs_another)
{
	struct scsi_fixture other = f;
	uint8_t block[512] = { 1 };
	static const uint8_t sync[10] = { 0x35 };
	static const uint8_t write[10] = { 0x2a, [8] = 1 };

	other.data = NULL;
	run10(0x2a, 0, 0, 1, TO, block, 512);
	fixture_start(&f, sync, 10, NONE, 0);
	fixture_go(&f);
	fixture_start(&other, write, 10, TO, 512);
	fixture_go(&other);
	fake_complete(f.fake, 1); /* the write, then the flush */
	fake_complete(f.fake, 0);
	ck_assert_uint_eq(f.ended + other.ended, 2);
	free(other.data);
	ck_assert_uint_eq(flushes(), 1);
	ck_assert_uint_eq(flushes(), 0);
}
END_TEST

START_TEST(standard_inquiry_data)
{
	run6(0x12, 0, 0, 0, 96);
	ck_assert_uint_eq(f.data[0], 0x00);
	ck_assert_uint_eq(f.data[2], 0x06);
	ck_assert_uint_eq(f.data[3], 0x32);
	ck_assert_uint_eq(f.data[4], 91);
	ck_assert_uint_eq(f.data[7], 0x02);
	ck_assert_mem_eq(f.data + 8, "SHEAF   VIRTUAL DISK    ", 24);
	static const uint8_t descriptors[16] = { 0x00, 0xa0, 0x04, 0x60, 0x06, 0x00, 0x04, 0xc0 };
	ck_assert_mem_eq(f.data + 58, descriptors, 16);
}
END_TEST

START_TEST(vpd_pages)
{
	static const uint8_t supported[] = { 0,	   0,	 0,    9,    0x00, 0x80, 0x83,
					     0x86, 0x87, 0x8f, 0xb0, 0xb1, 0xb2 };
	static const uint8_t provisioning[] = { 0, 0xb2, 0, 4, 0, 0xe4, 2, 0 };

	run6(0x12, 1, 0x00, 0, 255);
	ck_assert_uint_eq(f.response.bytes_transferred, sizeof(supported));
	ck_assert_mem_eq(f.data, supported, sizeof(supported));
	run6(0x12, 1, 0x80, 0, 255);
	ck_assert_mem_eq(f.data,
			 "\0\x80\0\x10"
			 "0123456789abcdef",
			 20);
	run6(0x12, 1, 0x83, 0, 255);
	ck_assert_uint_eq(sheaf_get_be16(f.data + 2), 4 + 24 + 12 + 8);
	ck_assert_mem_eq(f.data + 4,
			 "\x02\x01\0\x18"
			 "SHEAF   0123456789abcdef\x01\x03\0\x08",
			 32);
	ck_assert_uint_eq(f.data[36] >> 4, 3);
	run6(0x12, 1, 0xb1, 0, 255);
	ck_assert_uint_eq(f.response.bytes_transferred, 64);
	ck_assert_uint_eq(sheaf_get_be16(f.data + 4), 1);
	run6(0x12, 1, 0xb2, 0, 255);
	ck_assert_uint_eq(f.response.bytes_transferred, sizeof(provisioning));
	ck_assert_mem_eq(f.data, provisioning, sizeof(provisioning));
}
END_TEST

START_TEST(block_limits_are_those_that_are_kept)
{
	run6(0x12, 1, 0xb0, 0, 255);
	ck_assert_uint_eq(f.response.bytes_transferred, 64);
	ck_assert_uint_eq(sheaf_get_be16(f.data + 2), 60);
	ck_assert_uint_eq(f.data[4], 1);
	ck_assert_uint_eq(sheaf_get_be16(f.data + 6), 8);
	ck_assert_uint_eq(sheaf_get_be32(f.data + 8), 512);
	ck_assert_uint_eq(sheaf_get_be32(f.data + 20), SHEAF_LU_UNMAP_BLOCKS_MAX);
	ck_assert_uint_eq(sheaf_get_be32(f.data + 24), 256);
	ck_assert_uint_eq(sheaf_get_be64(f.data + 36), SHEAF_LU_WRITE_SAME_BLOCKS_MAX);
}
END_TEST

START_TEST(store_without_discard_is_fully_provisioned)
{
	static const uint8_t provisioning[] = { 0, 0xb2, 0, 4, 0, 0, 0, 0 };

	f.fake->store.can_discard = false;
	run6(0x12, 1, 0xb2, 0, 255);
	ck_assert_mem_eq(f.data, provisioning, sizeof(provisioning));
	run6(0x12, 1, 0xb0, 0, 255);
	ck_assert_uint_eq(sheaf_get_be32(f.data + 20), 0);
	run16(0x9e, 0x10, 0, 32, FROM, NULL, 32);
	ck_assert_uint_eq(f.data[14], 0);
	run10(0x42, 0, 0, 0, NONE, NULL, 0);
	ck_assert_uint_eq(fixture_sense(&f, NULL), ILLEGAL_OPCODE);
	run16(0x93, 0x09, 0, 1, NONE, NULL, 0);
	ck_assert_uint_eq(fixture_sense(&f, NULL), ILLEGAL_FIELD);
	run16(0x93, 0x01, 0, 1, NONE, NULL, 0);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
}
END_TEST

START_TEST(read_capacity_data)
{
	run10(0x25, 0, 0, 0, FROM, NULL, 8);
	ck_assert_uint_eq(sheaf_get_be32(f.data), BLOCKS - 1);
	ck_assert_uint_eq(sheaf_get_be32(f.data + 4), 512);
	run16(0x9e, 0x10, 0, 32, FROM, NULL, 32);
	ck_assert_uint_eq(sheaf_get_be64(f.data), BLOCKS - 1);
	ck_assert_uint_eq(sheaf_get_be32(f.data + 8), 512);
	ck_assert_uint_eq(f.data[13], 0);
	ck_assert_uint_eq(f.data[14], 0xc0);
}
END_TEST

START_TEST(large_lu_says_so)
{
	uint64_t blocks = 1ull << 33;

	close_fixture();
	fixture_open(&f, blocks * 512, 512, false);
	run10(0x25, 0, 0, 0, FROM, NULL, 8);
	ck_assert_uint_eq(sheaf_get_be32(f.data), UINT32_MAX);
	run6(0x1a, 0, 0x08, 0, 255);
	ck_assert_uint_eq(sheaf_get_be32(f.data + 4), UINT32_MAX);
	uint8_t cdb[10] = { 0x5a, 0x10, 0x08, 0, 0, 0, 0, 0, 255 };
	fixture_run(&f, cdb, 10, FROM, NULL, 255);
	ck_assert_uint_eq(sheaf_get_be64(f.data + 8), blocks);
	ck_assert_uint_eq(sheaf_get_be32(f.data + 20), 512);
	/* A hole of more than 2^32-1 blocks is several descriptors. */
	run16(0x9e, 0x12, 1, 8 + 32, FROM, NULL, 40);
	ck_assert_uint_eq(f.response.bytes_transferred, 40);
	ck_assert_uint_eq(sheaf_get_be64(f.data + 8), 1);
	ck_assert_uint_eq(sheaf_get_be32(f.data + 16), UINT32_MAX);
	ck_assert_uint_eq(sheaf_get_be64(f.data + 24), 1 + (uint64_t)UINT32_MAX);
	ck_assert_uint_eq(sheaf_get_be32(f.data + 32), UINT32_MAX);
	/* Limits of WRITE SAME and UNMAP. */
	run16(0x93, 1, 0, SHEAF_LU_WRITE_SAME_BLOCKS_MAX + 1, NONE, NULL, 0);
	ck_assert_uint_eq(fixture_sense(&f, NULL), ILLEGAL_FIELD);
}
END_TEST

START_TEST(luns_above_255_are_flat)
{
	uint8_t cdb[12] = { 0xa0 };

	f.lun_count = 300;
	sheaf_put_be32(cdb + 6, 8 + 300 * 8);
	fixture_run(&f, cdb, 12, FROM, NULL, 8 + 300 * 8);
	ck_assert_uint_eq(sheaf_get_be32(f.data), 2400);
	ck_assert_uint_eq(sheaf_get_be64(f.data + 8 + 255 * 8), 0x00ffull << 48);
	ck_assert_uint_eq(sheaf_get_be64(f.data + 8 + 256 * 8), 0x4100ull << 48);
	ck_assert_uint_eq(sheaf_get_be64(f.data + 8 + 299 * 8), 0x412bull << 48);
	sheaf_put_be32(cdb + 6, 20); /* cut in an entry; the length says all */
	fixture_run(&f, cdb, 12, FROM, NULL, 2000);
	ck_assert_uint_eq(f.response.bytes_transferred, 20);
	ck_assert_uint_eq(sheaf_get_be32(f.data), 2400);
	ck_assert_uint_eq(f.data[20], 0xee);
}
END_TEST

START_TEST(reset_is_a_unit_attention_for_one_command)
{
	sheaf_lu_reset(f.lu);
	run6(0x12, 0, 0, 0, 36); /* neither reports nor clears it */
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	uint8_t luns[12] = { 0xa0, [9] = 16 };
	fixture_run(&f, luns, 12, FROM, NULL, 16);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	run6(0, 0, 0, 0, 0);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0x062903);
	run6(0, 0, 0, 0, 0);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
}
END_TEST

START_TEST(request_sense_takes_the_unit_attention_as_data)
{
	struct sheaf_sense sense;

	for (uint8_t desc = 0; desc < 2; desc++) {
		sheaf_lu_reset(f.lu);
		run6(0x03, desc, 0, 0, 252);
		ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
		ck_assert_uint_eq(f.data[0], desc ? 0x72 : 0x70);
		ck_assert(
			sheaf_sense_parse(f.data, (unsigned)f.response.bytes_transferred, &sense));
		ck_assert(sense.key == 6 && sense.asc == 0x2903);
		run6(0x03, desc, 0, 0, 252);
		ck_assert(
			sheaf_sense_parse(f.data, (unsigned)f.response.bytes_transferred, &sense));
		ck_assert(sense.key == 0 && sense.asc == 0);
	}
}
END_TEST

START_TEST(each_initiator_is_told_of_power_on_once)
{
	const struct sheaf_lu_options options = { .block_size = 512,
						  .maximum_transfer_bytes = 65536,
						  .serial = "x" };

	sheaf_lu_free(f.lu);
	ck_assert_int_eq(sheaf_lu_create(&f.fake->store, &options, &f.lu), 0);
	for (f.initiator = 0; f.initiator < SHEAF_INITIATORS_MAX; f.initiator++) {
		run6(0, 0, 0, 0, 0);
		ck_assert_uint_eq(fixture_sense(&f, NULL), 0x062901);
		run6(0, 0, 0, 0, 0);
		ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	}
	f.initiator = 0;
}
END_TEST

/* Initiators that never come are never told: the fast path of those that do must not go round by theirs. */
START_TEST(attentions_of_others_do_not_stand_in_the_way)
{
	struct sheaf_lu *lu = f.lu;

	sheaf_lu_raise_attention_all_but(lu, 0, SHEAF_ASC_POWER_ON);
	ck_assert(sheaf_lu_is_unconditional(lu, 0));
	ck_assert(!sheaf_lu_is_unconditional(lu, 1));
	pthread_mutex_lock(&lu->lock);
	for (uint32_t bit = SHEAF_CONDITION_RESERVED; bit <= SHEAF_CONDITION_DEFERRED; bit <<= 1) {
		sheaf_lu_set_condition(lu, bit, true);
		ck_assert(!sheaf_lu_is_unconditional(lu, 0));
		sheaf_lu_set_condition(lu, bit, false);
		ck_assert(sheaf_lu_is_unconditional(lu, 0));
	}
	pthread_mutex_unlock(&lu->lock);
}
END_TEST

START_TEST(unit_attentions_wait_in_order_and_none_twice)
{
	static const uint16_t codes[] = { 0x2a01, 0x2a09, 0x3f0e };

	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < 3; i++)
			sheaf_lu_raise_attention_all_but(f.lu, 1, codes[i]);
	for (unsigned i = 0; i < 3; i++) {
		run6(0, 0, 0, 0, 0);
		ck_assert_uint_eq(fixture_sense(&f, NULL), 0x060000u | codes[i]);
	}
	run6(0, 0, 0, 0, 0);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	f.initiator = 1; /* all but this one */
	run6(0, 0, 0, 0, 0);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	f.initiator = 0;
}
END_TEST

START_TEST(reset_replaces_the_unit_attentions_before_it_and_too_many_become_one)
{
	sheaf_lu_raise_attention(f.lu, 0, 0x2a01);
	sheaf_lu_reset(f.lu);
	run6(0, 0, 0, 0, 0);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0x062903);
	run6(0, 0, 0, 0, 0);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	for (uint16_t i = 0; i <= SHEAF_ATTENTIONS_MAX; i++)
		sheaf_lu_raise_attention(f.lu, 0, (uint16_t)(0x2a00 + i));
	run6(0, 0, 0, 0, 0);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0x062900);
	run6(0, 0, 0, 0, 0);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
}
END_TEST

/* Accesses of two tasks at the same blocks, one of them ORDERED: the second starts when the first has ended. */
START_TEST(ordered_task_waits_for_all_before_it_and_keeps_those_after_it_waiting)
{
	static const uint8_t read_0[10] = { 0x28, [8] = 1 };
	struct scsi_fixture ordered, after;

	fixture_share(&ordered, &f);
	fixture_share(&after, &f);
	fixture_start(&f, read_0, 10, FROM, 512);
	fixture_go(&f);
	fixture_start(&ordered, read_0, 10, FROM, 512);
	ordered.lt.task.task_attribute = SHEAF_ATTRIBUTE_ORDERED;
	fixture_go(&ordered);
	fixture_start(&after, read_0, 10, FROM, 512);
	fixture_go(&after);
	ck_assert_uint_eq(f.fake->queued, 1);
	fake_complete(f.fake, 0);
	ck_assert_uint_eq(f.ended, 1);
	ck_assert_uint_eq(f.fake->queued, 1);
	ck_assert_ptr_eq(f.fake->queue[0], &ordered.lt.io);
	fake_complete(f.fake, 0);
	ck_assert_uint_eq(ordered.ended, 1);
	ck_assert_uint_eq(f.fake->queued, 1);
	fake_complete(f.fake, 0);
	ck_assert_uint_eq(after.ended, 1);
	free(ordered.data);
	free(after.data);
}
END_TEST

START_TEST(absent_lun_answers_as_spc_4_says)
{
	struct sheaf_sense sense;

	f.absent = true;
	run6(0x12, 0, 0, 0, 96);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	ck_assert_uint_eq(f.data[0], 0x7f);
	run6(0x12, 1, 0x00, 0, 96);
	ck_assert_uint_eq(f.response.bytes_transferred, 5);
	ck_assert_uint_eq(f.data[0], 0x7f);
	run6(0x12, 1, 0x80, 0, 96);
	ck_assert_uint_eq(fixture_sense(&f, NULL), ILLEGAL_FIELD);
	run6(0x03, 0, 0, 0, 252);
	ck_assert(sheaf_sense_parse(f.data, 18, &sense));
	ck_assert(sense.key == 5 && sense.asc == 0x2500);
	uint8_t luns[12] = { 0xa0, [9] = 16 };
	fixture_run(&f, luns, 12, FROM, NULL, 16);
	ck_assert_uint_eq(f.response.bytes_transferred, 16);
	for (unsigned i = 0; sheaf_cdb_row(i); i++) {
		const struct sheaf_cdb_command *command = sheaf_cdb_row(i);
		uint8_t cdb[16] = { command->opcode, command->service_action };
		if (command->flags & SHEAF_CDB_ANY_LUN)
			continue;
		fixture_run(&f, cdb, command->length, NONE, NULL, 0);
		ck_assert_msg(fixture_sense(&f, NULL) == NO_SUCH_LU, "%s", command->name);
	}
}
END_TEST

/* REPORT SUPPORTED OPERATION CODES */

static void run_supported(uint8_t option, uint8_t opcode, uint8_t action)
{
	uint8_t cdb[12] = { 0xa3, 0x0c, option, opcode, 0, action, [8] = 8 };

	fixture_run(&f, cdb, 12, FROM, NULL, 2048);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
}

START_TEST(supported_opcodes_are_the_rows_of_the_table)
{
	bool timeouts = _i;
	unsigned size = timeouts ? 20 : 8, n = 0;

	run_supported(timeouts ? 0x80 : 0, 0, 0);
	while (sheaf_cdb_row(n)) {
		const struct sheaf_cdb_command *command = sheaf_cdb_row(n);
		const uint8_t *d = f.data + 4 + size * n++;
		bool service = command->opcode == 0x48 || command->opcode == 0x83 || command->opcode == 0x84 ||
			       command->opcode == 0x9e || command->opcode == 0xa3 ||
			       command->opcode == 0x5e || command->opcode == 0x5f;

		ck_assert_uint_eq(d[0], command->opcode);
		ck_assert_uint_eq(sheaf_get_be16(d + 2), command->service_action);
		ck_assert_uint_eq(d[1] | d[4], 0);
		ck_assert_uint_eq(d[5], (unsigned)service | (timeouts ? 2 : 0));
		ck_assert_uint_eq(sheaf_get_be16(d + 6), command->length);
		if (!timeouts)
			continue;
		ck_assert_uint_eq(sheaf_get_be32(d + 8), 10 << 16);
		ck_assert_uint_gt(sheaf_get_be32(d + 12), 0);
		ck_assert_uint_gt(sheaf_get_be32(d + 16), sheaf_get_be32(d + 12));
	}
	ck_assert_uint_eq(sheaf_get_be32(f.data), size * n);
	ck_assert_uint_eq(f.response.bytes_transferred, 4 + size * n);
}
END_TEST

START_TEST(one_supported_opcode_has_its_usage_data)
{
	static const uint8_t read_10[] = { 0,	3,   0,	  10, 0x28, 0x1a, 255,
					   255, 255, 255, 0,  255,  255,  0x04 };
	static const uint8_t lba_status[] = { 0,   0x83, 0,   16,  0x9e, 0x12, 255, 255,
					      255, 255,	 255, 255, 255,	 255,  255, 255,
					      255, 255,	 0,   0x04, 0,	 10,   0,   0,
					      0,   0,	 0,   5,   0,	 0,    0,   30 };

	for (uint8_t option = 1; option <= 3; option += 2) {
		run_supported(option, 0x28, 0);
		ck_assert_uint_eq(f.response.bytes_transferred, sizeof(read_10));
		ck_assert_mem_eq(f.data, read_10, sizeof(read_10));
	}
	for (uint8_t option = 2; option <= 3; option++) {
		run_supported(0x80 | option, 0x9e, 0x12);
		ck_assert_uint_eq(f.response.bytes_transferred, sizeof(lba_status));
		ck_assert_mem_eq(f.data, lba_status, sizeof(lba_status));
		run_supported(option, 0x9e, 0x13);
		ck_assert_uint_eq(f.response.bytes_transferred, 4);
		ck_assert_uint_eq(f.data[1], 1);
	}
	run_supported(3, 0x28, 1); /* READ (10) has no service actions */
	ck_assert_uint_eq(f.data[1], 1);
	run_supported(1, 0x28, 1); /* not looked at */
	ck_assert_uint_eq(f.data[1], 3);
}
END_TEST

START_TEST(supported_tmfs_are_those_that_the_target_does)
{
	static const uint8_t cdb[12] = { 0xa3, 0x0d, 0x80, [9] = 16 };
	static const uint8_t data[16] = { 0xfa, 0, 0, 12 };

	fixture_run(&f, cdb, 12, FROM, NULL, 16);
	ck_assert_mem_eq(f.data, data, sizeof(data));
}
END_TEST

/* UNMAP */

struct unmap_list {
	uint8_t bytes[8 + 16 * 300];
	unsigned length;
};

static void unmap_add(struct unmap_list *list, uint64_t lba, uint32_t blocks)
{
	if (list->length == 0)
		list->length = 8;
	sheaf_put_be64(list->bytes + list->length, lba);
	sheaf_put_be32(list->bytes + list->length + 8, blocks);
	list->length += 16;
	sheaf_put_be16(list->bytes, (uint16_t)(list->length - 2));
	sheaf_put_be16(list->bytes + 2, (uint16_t)(list->length - 8));
}

static unsigned unmap_run(const struct unmap_list *list)
{
	uint8_t cdb[10] = { 0x42 };

	sheaf_put_be16(cdb + 7, (uint16_t)list->length);
	fixture_run(&f, cdb, 10, TO, list->bytes, list->length);
	return fixture_sense(&f, NULL);
}

START_TEST(unmap_runs_its_descriptors_one_after_another)
{
	struct unmap_list list = { 0 };

	memset(f.fake->bytes, 0x77, BLOCKS * 512);
	unmap_add(&list, 10, 5);
	unmap_add(&list, 100, 0);
	unmap_add(&list, BLOCKS - 1, 1);
	unmap_add(&list, 12, 8);
	ck_assert_uint_eq(unmap_run(&list), 0);
	ck_assert_uint_eq(f.response.bytes_transferred, list.length);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_DISCARD], 3);
	for (unsigned i = 0; i < BLOCKS; i++)
		ck_assert_uint_eq(f.fake->bytes[i * 512],
				  (i >= 10 && i < 20) || i == BLOCKS - 1 ? 0 : 0x77);
}
END_TEST

START_TEST(bad_unmap_list_changes_nothing)
{
	struct unmap_list good = { 0 }, list;

	unmap_add(&good, 1, 1);
	unmap_add(&good, 5, 1);
	list = good;
	sheaf_put_be64(list.bytes + 24, BLOCKS);
	ck_assert_uint_eq(unmap_run(&list), OUT_OF_RANGE);
	list = good;
	sheaf_put_be64(list.bytes + 24, UINT64_MAX);
	ck_assert_uint_eq(unmap_run(&list), OUT_OF_RANGE);
	list = good;
	sheaf_put_be32(list.bytes + 32, BLOCKS);
	ck_assert_uint_eq(unmap_run(&list), OUT_OF_RANGE);
	list = good;
	list.bytes[39] = 1; /* reserved */
	ck_assert_uint_eq(unmap_run(&list), 0x052600);
	list = good;
	list.bytes[4] = 1; /* reserved */
	ck_assert_uint_eq(unmap_run(&list), 0x052600);
	list = good;
	sheaf_put_be16(list.bytes + 2, 48); /* more descriptors than data */
	ck_assert_uint_eq(unmap_run(&list), 0x052600);
	list = good;
	sheaf_put_be16(list.bytes, 5); /* less than the header */
	ck_assert_uint_eq(unmap_run(&list), 0x052600);
	list = good;
	list.length -= 16; /* PARAMETER LIST LENGTH cuts a descriptor off */
	ck_assert_uint_eq(unmap_run(&list), 0x051a00);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_DISCARD], 0);
	list = good;
	sheaf_put_be16(list.bytes + 2, 31); /* the second one is not whole, and ignored */
	ck_assert_uint_eq(unmap_run(&list), 0);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_DISCARD], 1);
}
END_TEST

START_TEST(unmap_limits_are_those_of_block_limits)
{
	struct unmap_list list = { 0 };

	for (int i = 0; i < 256; i++)
		unmap_add(&list, 0, 1);
	ck_assert_uint_eq(unmap_run(&list), 0);
	unmap_add(&list, 0, 1);
	ck_assert_uint_eq(unmap_run(&list), 0x052600);
	close_fixture();
	fixture_open(&f, 1ull << 40, 512, false);
	list.length = 0;
	unmap_add(&list, 0, SHEAF_LU_UNMAP_BLOCKS_MAX);
	unmap_add(&list, 0, 1);
	ck_assert_uint_eq(unmap_run(&list), 0x052600);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_DISCARD], 0);
}
END_TEST

START_TEST(unmap_that_fails_stops_there)
{
	struct unmap_list list = { 0 };
	struct sheaf_sense sense;

	unmap_add(&list, 1, 1);
	unmap_add(&list, 5, 1);
	f.fake->fail[SHEAF_STORE_DISCARD] = -EIO;
	ck_assert_uint_eq(unmap_run(&list), 0x030c00);
	fixture_sense(&f, &sense);
	ck_assert_uint_eq(sense.information, 1);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_DISCARD], 1);
}
END_TEST

START_TEST(what_cannot_be_discarded_or_zeroed_is_written_with_zeros)
{
	struct unmap_list list = { 0 };

	memset(f.fake->bytes, 0x77, BLOCKS * 512);
	f.fake->fail[SHEAF_STORE_DISCARD] = f.fake->fail[SHEAF_STORE_ZERO] = -EOPNOTSUPP;
	f.fake->fail_always = true;
	unmap_add(&list, 0, 1);
	unmap_add(&list, 10, 1500); /* several pieces */
	ck_assert_uint_eq(unmap_run(&list), 0);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_WRITE], 1 + 3);
	for (unsigned i = 0; i < BLOCKS * 512; i++)
		ck_assert_uint_eq(f.fake->bytes[i],
				  i < 512 || (i >= 5120 && i < 1510 * 512) ? 0 : 0x77);
	run16(0x93, 1, 1600, 3, NONE, NULL, 0);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	ck_assert_uint_eq(f.fake->bytes[1600 * 512], 0);
}
END_TEST

START_TEST(write_same_writes_data_in_pieces_and_clears_zeros)
{
	uint8_t block[512];

	for (unsigned i = 0; i < 512; i++)
		block[i] = (uint8_t)i;
	run16(0x93, 8, 3, 1025, TO, block, 512); /* UNMAP: data that is not zero is written */
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	ck_assert_uint_eq(f.response.bytes_transferred, 512);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_WRITE], 3);
	for (unsigned i = 3; i < 1028; i++)
		ck_assert_mem_eq(f.fake->bytes + i * 512, block, 512);
	ck_assert_uint_eq(f.fake->bytes[1028 * 512 + 1] | f.fake->bytes[2 * 512 + 1], 0);
	memset(block, 0, 512);
	run16(0x93, 8, 3, 5, TO, block, 512);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_DISCARD], 1);
	run16(0x93, 0, 8, 5, TO, block, 512);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_ZERO], 1);
	block[511] = 1;
	run16(0x93, 0, 0, 1, TO, block, 512);
	ck_assert_uint_eq(f.fake->bytes[511], 1);
	f.fake->fail[SHEAF_STORE_WRITE] = -ENOSPC;
	run16(0x93, 0, 0, 1500, TO, block, 512);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0x072707);
}
END_TEST

/* VERIFY */

#define MISCOMPARE 0x0e1d00u
#define LONG	   1300u /* blocks: several pieces */

START_TEST(verify_compares_all_of_its_data)
{
	static uint8_t data[256 << 10];

	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = f.fake->bytes[5 * 512 + i] = (uint8_t)(i * 7 + i / 512);
	run10(0x2f, 0x02, 5, 512, TO, data, sizeof(data));
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	ck_assert_uint_eq(f.response.bytes_transferred, sizeof(data));
	for (unsigned at = 0; at < sizeof(data); at += at == 0 ? 511 : sizeof(data) - 512) {
		data[at] ^= 1;
		run10(0x2f, 0x02, 5, 512, TO, data, sizeof(data));
		ck_assert_uint_eq(fixture_sense(&f, NULL), MISCOMPARE);
		data[at] ^= 1;
		run10(0x2f, 0x00, 5, 512, NONE, NULL, 0);
		ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	}
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_WRITE], 0);
}
END_TEST

START_TEST(verify_compares_every_block_with_one)
{
	uint8_t block[512];

	memset(block, 0x3c, sizeof(block));
	memset(f.fake->bytes + 9 * 512, 0x3c, LONG * 512);
	run16(0x8f, 0x06, 9, LONG, TO, block, 512);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	ck_assert_uint_eq(f.response.bytes_transferred, 512);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_READ], 3);
	f.fake->bytes[(9 + LONG) * 512 - 1] = 0; /* in the last piece */
	run16(0x8f, 0x06, 9, LONG, TO, block, 512);
	ck_assert_uint_eq(fixture_sense(&f, NULL), MISCOMPARE);
	run16(0x8f, 0x06, 9, LONG - 1, TO, block, 512);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
}
END_TEST

START_TEST(verify_is_of_the_medium_not_of_a_cache)
{
	uint8_t block[512] = { 1 };
	struct sheaf_sense sense;

	run10(0x2a, 0, 3, 1, TO, block, 512);
	f.fake->fail[SHEAF_STORE_FLUSH] = -EIO;
	run10(0x2f, 0, 3, 1, NONE, NULL, 0);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0x030c00);
	run10(0x2f, 0x02, 3, 1, TO, block, 512);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_FLUSH], 2);
	f.fake->fail[SHEAF_STORE_READ] = -EIO;
	run10(0x2f, 0, 3, 1, NONE, NULL, 0);
	ck_assert_uint_eq(fixture_sense(&f, &sense), 0x031100);
	ck_assert(sense.information_valid && sense.information == 3);
}
END_TEST

START_TEST(write_and_verify_writes_flushes_and_reads_back)
{
	static const uint8_t cdb[16] = { 0x2e, 0x02, [5] = 3, [8] = 1 };
	uint8_t block[512] = { 1, 2, 3 };

	fixture_start(&f, cdb, 10, TO, 512);
	memcpy(f.data, block, 512);
	fixture_go(&f);
	fake_complete(f.fake, 0);
	ck_assert_mem_eq(f.fake->bytes + 3 * 512, block, 512);
	ck_assert_int_eq(f.fake->queue[0]->op, SHEAF_STORE_FLUSH);
	fake_complete(f.fake, 0);
	ck_assert_int_eq(f.fake->queue[0]->op, SHEAF_STORE_READ);
	f.fake->bytes[3 * 512 + 511] = 9; /* the medium did not keep it */
	fake_drain(f.fake);
	ck_assert_uint_eq(f.ended, 1);
	ck_assert_uint_eq(fixture_sense(&f, NULL), MISCOMPARE);
	f.fake->fail[SHEAF_STORE_WRITE] = -ENOSPC;
	run10(0x2e, 0, 3, 1, TO, block, 512);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0x072707);
	ck_assert_uint_eq(flushes(), 1); /* a failed write may have changed something */
}
END_TEST

START_TEST(verify_that_only_reads_has_a_limit_of_its_own)
{
	close_fixture();
	fixture_open(&f, 1ull << 40, 512, false);
	run16(0x8f, 0, 0, SHEAF_LU_VERIFY_BYTES_MAX / 512 + 1, NONE, NULL, 0);
	ck_assert_uint_eq(fixture_sense(&f, NULL), ILLEGAL_FIELD);
}
END_TEST

/* GET LBA STATUS */

static void check_status(unsigned i, uint64_t lba, uint32_t blocks, unsigned status)
{
	const uint8_t *d = f.data + 8 + 16 * i;

	ck_assert_uint_eq(sheaf_get_be64(d), lba);
	ck_assert_uint_eq(sheaf_get_be32(d + 8), blocks);
	ck_assert_uint_eq(d[12], status);
	ck_assert_uint_eq(d[13] | d[14] | d[15], 0);
}

START_TEST(lba_status_merges_and_goes_as_far_as_there_is_room)
{
	memset(f.fake->mapped + 100, 1, 50);
	f.fake->extent_max = 10 * 512;
	run16(0x9e, 0x12, 0, 8 + 48, FROM, NULL, 56);
	ck_assert_uint_eq(f.response.bytes_transferred, 56);
	ck_assert_uint_eq(sheaf_get_be32(f.data), 4 + 48);
	check_status(0, 0, 100, 1);
	check_status(1, 100, 50, 0);
	check_status(2, 150, BLOCKS - 150, 1);
	run16(0x9e, 0x12, 120, 8 + 16 + 15, FROM, NULL, 39);
	ck_assert_uint_eq(f.response.bytes_transferred, 24);
	check_status(0, 120, 30, 0);
	run16(0x9e, 0x12, BLOCKS - 1, 512, FROM, NULL, 512);
	ck_assert_uint_eq(f.response.bytes_transferred, 24);
	check_status(0, BLOCKS - 1, 1, 1);
}
END_TEST

START_TEST(lba_status_takes_a_bounded_number_of_accesses)
{
	f.fake->extent_max = 512;
	run16(0x9e, 0x12, 0, 24, FROM, NULL, 24);
	check_status(0, 0, SHEAF_LU_STATUS_ACCESSES_MAX, 1);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_STATUS], SHEAF_LU_STATUS_ACCESSES_MAX);
}
END_TEST

START_TEST(block_that_is_partly_data_is_mapped)
{
	close_fixture();
	fixture_open(&f, 256 * 4096, 4096, false);
	memset(f.fake->mapped + 20, 1, 1); /* block 2, its fifth sector */
	run16(0x9e, 0x12, 0, 8 + 64, FROM, NULL, 72);
	ck_assert_uint_eq(f.response.bytes_transferred, 8 + 48);
	check_status(0, 0, 2, 1);
	check_status(1, 2, 1, 0);
	check_status(2, 3, 253, 1);
}
END_TEST

START_TEST(lba_status_of_a_store_that_cannot_say_is_mapped)
{
	f.fake->fail[SHEAF_STORE_STATUS] = -EOPNOTSUPP;
	run16(0x9e, 0x12, 0, 24, FROM, NULL, 24);
	check_status(0, 0, BLOCKS, 0);
	f.fake->fail[SHEAF_STORE_STATUS] = -EIO;
	run16(0x9e, 0x12, 0, 24, FROM, NULL, 24);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0x031100);
}
END_TEST

START_TEST(bad_options_are_refused)
{
	struct sheaf_lu_options options = { .block_size = 512,
					    .maximum_transfer_bytes = 65536,
					    .serial = "x" };
	struct sheaf_lu *lu = NULL;

	options.block_size = 1024;
	ck_assert_int_eq(sheaf_lu_create(&f.fake->store, &options, &lu), -EINVAL);
	options.block_size = 4096;
	f.fake->store.size_bytes = 4096 + 512;
	ck_assert_int_eq(sheaf_lu_create(&f.fake->store, &options, &lu), -EINVAL);
	f.fake->store.size_bytes = 0;
	ck_assert_int_eq(sheaf_lu_create(&f.fake->store, &options, &lu), -EINVAL);
	f.fake->store.size_bytes = 4096;
	options.serial = "";
	ck_assert_int_eq(sheaf_lu_create(&f.fake->store, &options, &lu), -EINVAL);
	options.serial = "x";
	options.maximum_transfer_bytes = 4095;
	ck_assert_int_eq(sheaf_lu_create(&f.fake->store, &options, &lu), -EINVAL);
	ck_assert_ptr_null(lu);
	options.maximum_transfer_bytes = 4096;
	ck_assert_int_eq(sheaf_lu_create(&f.fake->store, &options, &lu), 0);
	ck_assert_uint_eq(sheaf_lu_blocks(lu), 1);
	ck_assert_uint_eq(sheaf_lu_block_size(lu), 4096);
	ck_assert_ptr_null(sheaf_lu_free(lu));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lu");
	TCase *tc = tcase_create("lu");

	tcase_add_checked_fixture(tc, open_512, close_fixture);
	tcase_add_loop_test(tc, command_ends_as_its_row_says, 0, COUNT(rows));
	tcase_add_test(tc, write_protected_lu_refuses_every_write_and_says_so);
	tcase_add_test(tc, out_of_range_names_the_first_lba_that_is);
	tcase_add_test(tc, store_error_is_sense_with_the_block_in_error);
	tcase_add_test(tc, fua_is_handed_to_the_store);
	tcase_add_test(tc, fua_read_flushes_what_was_written_first);
	tcase_add_test(tc, synchronize_cache_flushes_only_what_was_written_since);
	tcase_add_test(tc, first_flush_of_what_somebody_else_wrote_is_not_left_out);
	tcase_add_test(tc, failed_flush_is_flushed_again);
	tcase_add_test(tc, flush_in_flight_does_not_answer_for_another);
	tcase_add_test(tc, write_that_ends_during_a_flush_needs_another);
	tcase_add_test(tc, standard_inquiry_data);
	tcase_add_test(tc, vpd_pages);
	tcase_add_test(tc, block_limits_are_those_that_are_kept);
	tcase_add_test(tc, store_without_discard_is_fully_provisioned);
	tcase_add_test(tc, read_capacity_data);
	tcase_add_test(tc, large_lu_says_so);
	tcase_add_test(tc, luns_above_255_are_flat);
	tcase_add_test(tc, reset_is_a_unit_attention_for_one_command);
	tcase_add_test(tc, request_sense_takes_the_unit_attention_as_data);
	tcase_add_test(tc, each_initiator_is_told_of_power_on_once);
	tcase_add_test(tc, attentions_of_others_do_not_stand_in_the_way);
	tcase_add_test(tc, unit_attentions_wait_in_order_and_none_twice);
	tcase_add_test(tc, reset_replaces_the_unit_attentions_before_it_and_too_many_become_one);
	tcase_add_test(tc, ordered_task_waits_for_all_before_it_and_keeps_those_after_it_waiting);
	tcase_add_test(tc, absent_lun_answers_as_spc_4_says);
	tcase_add_loop_test(tc, supported_opcodes_are_the_rows_of_the_table, 0, 2);
	tcase_add_test(tc, one_supported_opcode_has_its_usage_data);
	tcase_add_test(tc, supported_tmfs_are_those_that_the_target_does);
	tcase_add_test(tc, unmap_runs_its_descriptors_one_after_another);
	tcase_add_test(tc, bad_unmap_list_changes_nothing);
	tcase_add_test(tc, unmap_limits_are_those_of_block_limits);
	tcase_add_test(tc, unmap_that_fails_stops_there);
	tcase_add_test(tc, what_cannot_be_discarded_or_zeroed_is_written_with_zeros);
	tcase_add_test(tc, write_same_writes_data_in_pieces_and_clears_zeros);
	tcase_add_test(tc, verify_compares_all_of_its_data);
	tcase_add_test(tc, verify_compares_every_block_with_one);
	tcase_add_test(tc, verify_is_of_the_medium_not_of_a_cache);
	tcase_add_test(tc, write_and_verify_writes_flushes_and_reads_back);
	tcase_add_test(tc, verify_that_only_reads_has_a_limit_of_its_own);
	tcase_add_test(tc, lba_status_merges_and_goes_as_far_as_there_is_room);
	tcase_add_test(tc, lba_status_takes_a_bounded_number_of_accesses);
	tcase_add_test(tc, block_that_is_partly_data_is_mapped);
	tcase_add_test(tc, lba_status_of_a_store_that_cannot_say_is_mapped);
	tcase_add_test(tc, bad_options_are_refused);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
