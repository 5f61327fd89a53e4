/* SPDX-License-Identifier: MIT */
/* rules_scsi.c - what any disk answers (SPC-4, SBC-4), and what no CDB may do */
#include <stdlib.h>
#include <string.h>

#include <sheaf/scsi.h>

#include "base/bits.h"
#include "check/check.h"

/* A unit that reports attention or NOT READY this often in a row is not going to be ready. */
#define READY_TRIES 16
#define ANSWER_BYTES 255
#define ODD_EACH 4
#define ODD_BYTES_MAX 65536

#define IN  SHEAF_TRANSFER_FROM_TARGET
#define OUT SHEAF_TRANSFER_TO_TARGET
#define ILLEGAL_REQUEST 5
#define BIT(kind) (1u << (kind))

static const uint8_t test_unit_ready[6];

static struct check_answer ready(struct check *c)
{
	struct check_answer a;

	for (int i = 0; i < READY_TRIES; i++) {
		a = check_run(c, test_unit_ready, 6, SHEAF_TRANSFER_NONE, 0, 0);
		if (a.good)
			break;
	}
	return a;
}

static struct check_answer read_capacity_16(struct check *c)
{
	uint8_t cdb[16] = { SHEAF_SCSI_SERVICE_ACTION_IN_16, SHEAF_SCSI_SA_READ_CAPACITY_16,
			    [13] = 32 };

	return check_run(c, cdb, 16, IN, 32, 0);
}

static struct check_answer inquiry(struct check *c, int page, uint8_t allocation, uint32_t lun)
{
	uint8_t cdb[6] = { SHEAF_SCSI_INQUIRY, page >= 0, page >= 0 ? (uint8_t)page : 0, 0, allocation };

	return check_run(c, cdb, 6, IN, ANSWER_BYTES, lun);
}

void check_find_disk(struct check *c)
{
	uint8_t mode_sense[6] = { SHEAF_SCSI_MODE_SENSE_6, 0x08, 0x3f, 0, 4 };
	struct check_answer a = ready(c);

	c->blocks = 0;
	c->block_size = 512;
	if (!a.good && c->judges)
		return;
	if (!a.good)
		check_fail(c, "it does not become ready: %s", check_say(&a));
	a = read_capacity_16(c);
	if (a.good) {
		c->blocks = sheaf_get_be64(a.data) + 1;
		c->block_size = sheaf_get_be32(a.data + 8);
	}
	if (c->block_size != 512 && c->block_size != 4096) {
		c->blocks = 0;
		if (!c->judges)
			check_fail(c, "READ CAPACITY (16) says blocks of %u bytes, not 512 or 4096",
				   c->block_size);
		c->block_size = 512;
	}
	if (!a.good && !c->judges)
		check_fail(c, "READ CAPACITY (16): %s", check_say(&a));
	a = check_run(c, mode_sense, 6, IN, 4, 0);
	c->write_protected = a.good && a.data[2] & 0x80;
}

void check_rw_cdb(uint8_t cdb[16], bool write, uint64_t lba, uint32_t blocks)
{
	memset(cdb, 0, 16);
	cdb[0] = write ? SHEAF_SCSI_WRITE_16 : SHEAF_SCSI_READ_16;
	sheaf_put_be64(cdb + 2, lba);
	sheaf_put_be32(cdb + 10, blocks);
}

static void start_disk(struct check *c)
{
	check_start_driver(c);
	check_find_disk(c);
}

static void must_be_writable(struct check *c)
{
	if (c->write_protected)
		check_skip(c, "the disk is write-protected");
}

/* GOOD with at least @bytes, or the rule is broken. */
static void expect_good(struct check *c, const char *what, const struct check_answer *a,
			uint64_t bytes)
{
	if (!a->good)
		check_fail(c, "%s: %s", what, check_say(a));
	if (a->response.bytes_transferred < bytes)
		check_fail(c, "%s: %llu bytes were transferred, fewer than %llu", what,
			   (unsigned long long)a->response.bytes_transferred,
			   (unsigned long long)bytes);
}

/* CHECK CONDITION, ILLEGAL REQUEST, @asc. */
static void expect_illegal(struct check *c, const char *what, const struct check_answer *a, uint16_t asc)
{
	if (a->key == ILLEGAL_REQUEST && a->asc == asc)
		return;
	if (!c->auto_sense && a->response.completion_status == SHEAF_STATUS_CHECK_CONDITION)
		return;
	check_fail(c, "%s: %s, not CHECK CONDITION, sense 5/%02x/%02x", what, check_say(a), asc >> 8,
		   asc & 0xff);
}

static void is_ready(struct check *c)
{
	struct check_answer a;

	check_start_driver(c);
	a = ready(c);
	if (!a.good)
		check_fail(c, "TEST UNIT READY: %s, %d times in a row", check_say(&a), READY_TRIES);
}

static void inquiry_data(struct check *c)
{
	struct check_answer a;

	start_disk(c);
	a = inquiry(c, -1, 96, 0);
	expect_good(c, "INQUIRY", &a, 36);
	if (a.data[0] != 0)
		check_fail(c, "INQUIRY: qualifier and type %02x, not 00: a disk that is there", a.data[0]);
	if ((a.data[3] & 0x0f) != 2)
		check_fail(c, "INQUIRY: response data format %u, not 2", a.data[3] & 0x0f);
	if (a.data[4] < 31)
		check_fail(c, "INQUIRY: additional length %u, fewer than 31", a.data[4]);
}

static void allocation_length(struct check *c)
{
	struct check_answer a;

	start_disk(c);
	a = inquiry(c, -1, 5, 0);
	expect_good(c, "INQUIRY, ALLOCATION LENGTH 5", &a, 5);
	if (a.response.bytes_transferred != 5)
		check_fail(c, "INQUIRY, ALLOCATION LENGTH 5: %llu bytes came",
			   (unsigned long long)a.response.bytes_transferred);
	for (unsigned i = 5; i < ANSWER_BYTES; i++)
		if (a.data[i] != 0xa5)
			check_fail(c, "INQUIRY, ALLOCATION LENGTH 5: byte %u was written", i);
}

static void vital_product_data(struct check *c)
{
	uint8_t pages[ANSWER_BYTES];
	struct check_answer a;
	unsigned n;

	start_disk(c);
	a = inquiry(c, 0, ANSWER_BYTES, 0);
	expect_good(c, "INQUIRY, VPD page 00h", &a, 5);
	n = sheaf_get_be16(a.data + 2);
	if (a.data[1] != 0 || n < 1 || n > ANSWER_BYTES - 4 || a.data[4] != 0)
		check_fail(c, "INQUIRY, VPD page 00h: is not a list of pages that begins with itself");
	memcpy(pages, a.data + 4, n);
	for (unsigned i = 0; i < n; i++) {
		a = inquiry(c, pages[i], ANSWER_BYTES, 0);
		expect_good(c, "INQUIRY, a VPD page of the list", &a, 4);
		if (a.data[1] != pages[i])
			check_fail(c, "INQUIRY, VPD page %02xh: what came is page %02xh", pages[i],
				   a.data[1]);
	}
	a = inquiry(c, 0x7f, ANSWER_BYTES, 0);
	if (!memchr(pages, 0x7f, n))
		expect_illegal(c, "INQUIRY, VPD page 7fh, which is not in the list", &a, 0x2400);
}

static void capacity(struct check *c)
{
	static const uint8_t cdb[10] = { SHEAF_SCSI_READ_CAPACITY_10 };
	uint32_t last_10, last;
	struct check_answer a;

	start_disk(c);
	a = read_capacity_16(c);
	expect_good(c, "READ CAPACITY (16)", &a, 32);
	if (c->blocks == 0)
		check_fail(c, "READ CAPACITY (16): no blocks");
	a = check_run(c, cdb, 10, IN, 8, 0);
	expect_good(c, "READ CAPACITY (10)", &a, 8);
	last_10 = sheaf_get_be32(a.data);
	last = c->blocks > UINT32_MAX ? UINT32_MAX : (uint32_t)(c->blocks - 1);
	if (last_10 != last || sheaf_get_be32(a.data + 4) != c->block_size)
		check_fail(c, "READ CAPACITY (10) says last block %u of %u bytes, (16) %llu of %u", last_10,
			   sheaf_get_be32(a.data + 4), (unsigned long long)c->blocks - 1,
			   c->block_size);
}

static void report_luns(struct check *c)
{
	uint8_t cdb[12] = { SHEAF_SCSI_REPORT_LUNS, [8] = 16, [9] = 8 }; /* 1000h + 8 */
	static const uint8_t lun_0[8];
	struct check_answer a;
	uint32_t length;

	start_disk(c);
	a = check_run(c, cdb, 12, IN, 4104, 0);
	expect_good(c, "REPORT LUNS", &a, 16);
	length = sheaf_get_be32(a.data);
	if (length < 8 || length % 8)
		check_fail(c, "REPORT LUNS: LUN LIST LENGTH %u", length);
	if (a.response.bytes_transferred != sheaf_min64(length + 8, 4104))
		check_fail(c, "REPORT LUNS: LUN LIST LENGTH %u, and %llu bytes came", length,
			   (unsigned long long)a.response.bytes_transferred);
	for (uint32_t i = 8; i < length + 8 && i < 4104; i += 8)
		if (memcmp(a.data + i, lun_0, 8) == 0)
			return;
	check_fail(c, "REPORT LUNS: LUN 0 is not in the list");
}

static void mode_sense(struct check *c)
{
	static const uint8_t cdb_6[6] = { SHEAF_SCSI_MODE_SENSE_6, 0, 0x3f, 0, ANSWER_BYTES };
	static const uint8_t cdb_10[10] = { SHEAF_SCSI_MODE_SENSE_10, 0, 0x3f, [8] = ANSWER_BYTES };
	struct check_answer a;

	start_disk(c);
	a = check_run(c, cdb_6, 6, IN, ANSWER_BYTES, 0);
	expect_good(c, "MODE SENSE (6), all pages", &a, 4);
	if (a.data[0] + 1u != a.response.bytes_transferred)
		check_fail(c, "MODE SENSE (6): MODE DATA LENGTH %u, and %llu bytes came", a.data[0],
			   (unsigned long long)a.response.bytes_transferred);
	a = check_run(c, cdb_10, 10, IN, ANSWER_BYTES, 0);
	expect_good(c, "MODE SENSE (10), all pages", &a, 8);
	if (sheaf_get_be16(a.data) + 2u < a.response.bytes_transferred)
		check_fail(c, "MODE SENSE (10): MODE DATA LENGTH %u, and %llu bytes came",
			   sheaf_get_be16(a.data), (unsigned long long)a.response.bytes_transferred);
}

static void request_sense(struct check *c)
{
	static const uint8_t cdb[6] = { SHEAF_SCSI_REQUEST_SENSE, [4] = 252 };
	struct check_answer a;

	start_disk(c);
	a = check_run(c, cdb, 6, IN, 252, 0);
	expect_good(c, "REQUEST SENSE", &a, 8);
	if ((a.data[0] & 0x7e) != 0x70 || (a.data[0] & 0x7f) > 0x71)
		check_fail(c, "REQUEST SENSE: response code %02x, not 70 or 71", a.data[0] & 0x7f);
}

static void invalid_opcode(struct check *c)
{
	static const uint8_t cdb_6[6] = { 0x09 }, cdb_16[16] = { 0x99 };
	struct check_answer a;

	start_disk(c);
	a = check_run(c, cdb_6, 6, SHEAF_TRANSFER_NONE, 0, 0);
	expect_illegal(c, "operation code 09h, which no disk has", &a, 0x2000);
	a = check_run(c, cdb_16, 16, SHEAF_TRANSFER_NONE, 0, 0);
	expect_illegal(c, "operation code 99h, which no disk has", &a, 0x2000);
}

static void absent_unit(struct check *c)
{
	uint32_t absent = 250;
	struct check_answer a;

	start_disk(c);
	if (c->highest_lun >= absent)
		check_skip(c, "it has more than %u logical units", absent);
	a = inquiry(c, -1, 96, absent);
	if (a.good && a.data[0] >> 5 != 1 && a.data[0] >> 5 != 3)
		check_fail(c, "INQUIRY of LUN %u: qualifier %u says that it is there", absent,
			   a.data[0] >> 5);
	a = check_run(c, test_unit_ready, 6, SHEAF_TRANSFER_NONE, 0, absent);
	if (a.good)
		check_fail(c, "TEST UNIT READY of LUN %u: GOOD, and there is no such unit", absent);
	/* A transport may say it in its own way. */
	if (a.response.service_response == SHEAF_TASK_COMPLETE)
		expect_illegal(c, "TEST UNIT READY of a LUN that is not there", &a, 0x2500);
}

/* One READ or WRITE. */
static struct check_answer transfer(struct check *c, bool write, uint64_t lba, uint32_t blocks)
{
	uint8_t cdb[16];

	check_rw_cdb(cdb, write, lba, blocks);
	return check_run(c, cdb, 16, write ? OUT : IN, blocks * c->block_size, 0);
}

static void bytes_transferred(struct check *c)
{
	static const uint32_t counts[] = { 1, 2, 8, 17 };

	start_disk(c);
	for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]) && counts[i] <= c->blocks; i++) {
		struct check_answer a = transfer(c, false, 0, counts[i]);

		expect_good(c, "READ (16)", &a, 0);
		if (a.response.bytes_transferred != (uint64_t)counts[i] * c->block_size)
			check_fail(c, "READ (16) of %u blocks of %u bytes says %llu bytes", counts[i],
				   c->block_size, (unsigned long long)a.response.bytes_transferred);
	}
}

static void paint_blocks(uint8_t *data, uint32_t bytes, uint32_t seed)
{
	for (uint32_t i = 0; i < bytes; i++)
		data[i] = (uint8_t)((i * 7 + seed * 31) ^ (i >> 8));
}

static void data_is_kept(struct check *c)
{
	uint8_t flush[10] = { SHEAF_SCSI_SYNCHRONIZE_CACHE_10 };
	uint8_t *expected = malloc(CHECK_TRANSFER_MAX);
	struct check_answer a;
	uint64_t places[4];
	uint32_t count = 16;

	start_disk(c);
	must_be_writable(c);
	if (!expected || c->blocks < 64)
		check_skip(c, "the disk is too small");
	places[0] = 0;
	places[1] = 33;
	places[2] = c->blocks / 2;
	places[3] = c->blocks - count;
	for (uint32_t i = 0; i < 4; i++) {
		uint8_t cdb[16];

		check_rw_cdb(cdb, true, places[i], count);
		if (i % 2)
			cdb[1] = SHEAF_CDB_RW_FUA;
		paint_blocks(check_buffer(c, 0), count * c->block_size, i);
		a = check_run(c, cdb, 16, OUT, count * c->block_size, 0);
		expect_good(c, "WRITE (16)", &a, (uint64_t)count * c->block_size);
	}
	a = check_run(c, flush, 10, SHEAF_TRANSFER_NONE, 0, 0);
	expect_good(c, "SYNCHRONIZE CACHE (10)", &a, 0);
	for (uint32_t i = 0; i < 4; i++) {
		a = transfer(c, false, places[i], count);
		expect_good(c, "READ (16)", &a, 0);
		paint_blocks(expected, count * c->block_size, i);
		if (memcmp(expected, a.data, (size_t)count * c->block_size) != 0)
			check_fail(c, "block %llu and those behind it are not as they were written",
				   (unsigned long long)places[i]);
	}
	free(expected);
}

static void beyond_the_end(struct check *c)
{
	struct check_answer a;

	start_disk(c);
	for (int write = 0; write <= 1; write++) {
		if (write && (c->write_protected || c->options->read_only))
			break;
		a = transfer(c, write, c->blocks, 1);
		expect_illegal(c, "a transfer at the first block that is not there", &a, 0x2100);
		a = transfer(c, write, c->blocks - 1, 2);
		expect_illegal(c, "a transfer over the end", &a, 0x2100);
		a = transfer(c, write, UINT64_MAX, 1);
		expect_illegal(c, "a transfer at block 2^64 - 1", &a, 0x2100);
	}
	a = transfer(c, false, c->blocks - 1, 1);
	expect_good(c, "READ (16) of the last block", &a, c->block_size);
	a = transfer(c, false, 0, 0);
	expect_good(c, "READ (16) of no block", &a, 0);
}

/* The CDB asks for more than there is room for. */
static void short_buffer(struct check *c)
{
	uint8_t cdb[16];
	struct check_answer a;

	start_disk(c);
	check_rw_cdb(cdb, false, 0, 8);
	a = check_run(c, cdb, 16, IN, c->block_size, 0);
	check_noted(c, BIT(CHECK_BOUNDS) | BIT(CHECK_RESPONSE));
	if (a.good && a.response.bytes_transferred > c->block_size)
		check_fail(c, "READ (16) of 8 blocks into room for 1: GOOD");
	a = check_run(c, cdb, 16, SHEAF_TRANSFER_NONE, 0, 0);
	check_noted(c, BIT(CHECK_BOUNDS) | BIT(CHECK_RESPONSE));
}

static uint32_t draw(uint32_t *random, uint32_t n)
{
	*random = *random * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(*random >> 8) * n >> 24);
}

/* SPC-4 section 4.2.5: the operation code's group says how long the CDB is. */
static uint8_t length_of(uint8_t opcode)
{
	static const uint8_t lengths[8] = { 6, 10, 10, 16, 16, 12, 16, 16 };

	return lengths[opcode >> 5];
}

static void build_odd(struct check *c, uint16_t slot, uint8_t opcode, uint32_t *random)
{
	uint8_t cdb[16];
	uint8_t direction = (uint8_t)draw(random, 3);
	uint32_t bytes = draw(random, 4) ? draw(random, ODD_BYTES_MAX) : 0;
	/* Half of them are almost right: small numbers in the fields. */
	bool wild = draw(random, 2);

	for (unsigned i = 0; i < sizeof(cdb); i++)
		cdb[i] = (uint8_t)(wild ? draw(random, 256) : draw(random, 6) ? 0 : draw(random, 16));
	cdb[0] = opcode;
	check_build(c, slot, cdb, length_of(opcode), direction, bytes, draw(random, 8) ? 0 : 99);
}

static void odd_commands(struct check *c)
{
	uint32_t random = c->options->seed;
	uint16_t slots[SHEAF_BUNDLE_MAX];
	uint16_t most;

	start_disk(c);
	most = c->slots < SHEAF_BUNDLE_MAX ? (uint16_t)c->slots : SHEAF_BUNDLE_MAX;
	for (unsigned opcode = 0; opcode < 256;) {
		uint16_t n = 0;

		for (; opcode < 256 && n + ODD_EACH <= most; opcode++)
			for (unsigned i = 0; i < ODD_EACH; i++, n++) {
				slots[n] = n;
				build_odd(c, n, (uint8_t)opcode, &random);
			}
		if (n == 0) { /* fewer slots than that */
			slots[n] = n;
			build_odd(c, n++, (uint8_t)opcode++, &random);
		}
		check_hand_over(c, slots, n);
		check_all_end(c);
	}
	check_noted(c, BIT(CHECK_OWNER) | BIT(CHECK_BOUNDS) | BIT(CHECK_RESPONSE));
}

const struct check_rule check_rules_scsi[] = {
	{ .name = "TEST UNIT READY", .run = is_ready },
	{ .name = "INQUIRY says that it is a disk", .run = inquiry_data },
	{ .name = "no more comes than ALLOCATION LENGTH", .run = allocation_length },
	{ .name = "VPD pages are those of the list", .run = vital_product_data },
	{ .name = "READ CAPACITY (10) and (16) agree", .run = capacity },
	{ .name = "REPORT LUNS", .run = report_luns },
	{ .name = "MODE SENSE (6) and (10)", .run = mode_sense },
	{ .name = "REQUEST SENSE", .run = request_sense },
	{ .name = "an invalid operation code is ILLEGAL REQUEST", .run = invalid_opcode },
	{ .name = "a logical unit that is not there says so", .run = absent_unit },
	{ .name = "a transfer says how many bytes it moved", .run = bytes_transferred },
	{ .name = "what is written is read again", .run = data_is_kept, .writes = true },
	{ .name = "nothing is read or written beyond the end", .run = beyond_the_end },
	{ .name = "a buffer shorter than the transfer is not overrun", .run = short_buffer },
	{ .name = "odd CDBs are answered", .run = odd_commands, .writes = true },
	{ 0 },
};
