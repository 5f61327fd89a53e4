/* SPDX-License-Identifier: MIT */
/*
 * test_scsi_command.c - sheaf scsi without a mount: CDBs as the standards lay them out, what answers and sense say, exit codes; and
 * answers that are cut short at any byte
 */
#include <check.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/scsi.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/scsi_decode.h"
#include "cli/scsi_mode.h"
#include "cli/scsi_names.h"
#include "cli/scsi_print.h"
#include "cli/scsi_verbs.h"

static struct sheaf_scsi_args args;
static char *word_list[4];
static uint8_t out[SHEAF_SCSI_DATA_MAX];

static void reset_args(void)
{
	args = (struct sheaf_scsi_args){
		.vpd = -1,
		.page = -1,
		.subpage = -1,
		.page_control = -1,
		.opcode = -1,
		.service_action = -1,
		.lba = UINT64_MAX,
		.count = UINT64_MAX,
		.in_bytes = UINT64_MAX,
		.block_size = 512,
		.words = word_list,
	};
	memset(out, 0, sizeof(out));
}

static int build(const char *name, const char *word, struct sheaf_scsi_command *c)
{
	static char text[64];

	memset(c, 0, sizeof(*c));
	args.word_count = word ? 1 : 0;
	word_list[0] = text;
	snprintf(text, sizeof(text), "%s", word ? word : "");
	return sheaf_scsi_verb_find(name)->build(&args, out, c);
}

static const uint8_t *bytes_of(const char *hex, unsigned *ret_n)
{
	static uint8_t bytes[512];
	unsigned n = 0;
	char *end;

	while (*hex) {
		bytes[n++] = (uint8_t)strtoul(hex, &end, 16);
		hex = *end == ' ' ? end + 1 : end;
	}
	*ret_n = n;
	return bytes;
}

static void ck_bytes(const char *what, const uint8_t *got, unsigned n, const char *wanted)
{
	CLEANUP_FREE char *text = sheaf_scsi_hex(got, n);

	ck_assert_msg(strcmp(text, wanted) == 0, "%s: %s, not %s", what, text, wanted);
}

/* The CDB, data in, data out of each command, SPC-4 clause 6 and SBC-4 clause 5. */
static void vpd_83(void)
{
	args.vpd = 0x83;
}
static void in_36(void)
{
	args.in_bytes = 36;
}
static void descriptor(void)
{
	args.descriptor = true;
}
static void opcode_12(void)
{
	args.opcode = 0x12;
}
static void opcode_9e_12(void)
{
	args.opcode = 0x9e, args.service_action = 0x12;
}
static void page_8_default(void)
{
	args.page = 8, args.page_control = SHEAF_MODE_PC_DEFAULT;
}
static void page_a_1(void)
{
	args.page = 0xa, args.subpage = 1;
}
static void page_d(void)
{
	args.page = 0x0d;
}
static void range(void)
{
	args.lba = 0x0102030405060708, args.count = 0x10;
}
static void range_immed(void)
{
	range(), args.immed = true;
}
static void range_bytchk_1(void)
{
	range(), args.bytchk = 1;
}
static void range_bytchk_3(void)
{
	range(), args.bytchk = 3;
}
static void range_ndob_unmap(void)
{
	range(), args.ndob = args.unmap = true;
}
static void range_anchor(void)
{
	range(), args.anchor = true;
}
static void range_fua(void)
{
	range(), args.fua = true;
}
static void type_5(void)
{
	args.type = 5, args.key = 0x11, args.sa_key = 0x22;
}
static void immed(void)
{
	args.immed = true;
}
static void nothing(void)
{
}

static const struct {
	const char *verb, *word;
	void (*set)(void);
	const char *cdb;
	uint32_t in, out;
} cdbs[] = {
	{ "tur", NULL, nothing, "00 00 00 00 00 00", 0, 0 },
	{ "inquiry", NULL, nothing, "12 00 00 00 fc 00", 252, 0 },
	{ "inquiry", NULL, in_36, "12 00 00 00 24 00", 36, 0 },
	{ "inquiry", NULL, vpd_83, "12 01 83 10 00 00", 4096, 0 },
	{ "request-sense", NULL, nothing, "03 00 00 00 fc 00", 252, 0 },
	{ "request-sense", NULL, descriptor, "03 01 00 00 fc 00", 252, 0 },
	{ "readcap", NULL, nothing, "9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00", 32, 0 },
	{ "luns", NULL, in_36, "a0 00 00 00 00 00 00 00 00 24 00 00", 36, 0 },
	{ "opcodes", NULL, nothing, "a3 0c 00 00 00 00 00 00 ff fc 00 00", 0xfffc, 0 },
	{ "opcodes", NULL, opcode_12, "a3 0c 01 12 00 00 00 00 ff fc 00 00", 0xfffc, 0 },
	{ "opcodes", NULL, opcode_9e_12, "a3 0c 02 9e 00 12 00 00 ff fc 00 00", 0xfffc, 0 },
	{ "tmfs", NULL, nothing, "a3 0d 00 00 00 00 00 00 00 04 00 00", 4, 0 },
	{ "modes", NULL, nothing, "5a 00 3f 00 00 00 00 10 00 00", 4096, 0 },
	{ "modes", NULL, page_8_default, "5a 00 88 00 00 00 00 10 00 00", 4096, 0 },
	{ "modes", NULL, page_a_1, "5a 00 0a 01 00 00 00 10 00 00", 4096, 0 },
	{ "set", "wce=0", nothing, "5a 08 08 00 00 00 00 04 00 00", 1024, 0 },
	{ "set", "TCMOS=0", nothing, "5a 08 0a 01 00 00 00 04 00 00", 1024, 0 },
	{ "logs", NULL, nothing, "4d 00 40 00 00 00 00 ff fc 00", 0xfffc, 0 },
	{ "logs", NULL, page_d, "4d 00 4d 00 00 00 00 ff fc 00", 0xfffc, 0 },
	{ "verify", NULL, range, "8f 00 01 02 03 04 05 06 07 08 00 00 00 10 00 00", 0, 0 },
	{ "verify", NULL, range_bytchk_1, "8f 02 01 02 03 04 05 06 07 08 00 00 00 10 00 00", 0,
	  8192 },
	{ "verify", NULL, range_bytchk_3, "8f 06 01 02 03 04 05 06 07 08 00 00 00 10 00 00", 0,
	  512 },
	{ "sync", NULL, nothing, "91 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00", 0, 0 },
	{ "sync", NULL, range_immed, "91 02 01 02 03 04 05 06 07 08 00 00 00 10 00 00", 0, 0 },
	{ "unmap", NULL, range, "42 00 00 00 00 00 00 00 18 00", 0, 24 },
	{ "unmap", NULL, range_anchor, "42 01 00 00 00 00 00 00 18 00", 0, 24 },
	{ "write-same", NULL, range, "93 00 01 02 03 04 05 06 07 08 00 00 00 10 00 00", 0, 512 },
	{ "write-same", NULL, range_ndob_unmap, "93 09 01 02 03 04 05 06 07 08 00 00 00 10 00 00",
	  0, 0 },
	{ "compare-and-write", NULL, range, "89 00 01 02 03 04 05 06 07 08 00 00 00 10 00 00", 0,
	  16384 },
	{ "compare-and-write", NULL, range_fua, "89 08 01 02 03 04 05 06 07 08 00 00 00 10 00 00",
	  0, 16384 },
	{ "lba-status", NULL, range, "9e 12 01 02 03 04 05 06 07 08 00 00 10 08 00 00", 4104, 0 },
	{ "persist", "read-keys", nothing, "5e 00 00 00 00 00 00 ff fc 00", 0xfffc, 0 },
	{ "persist", "read-full-status", nothing, "5e 03 00 00 00 00 00 ff fc 00", 0xfffc, 0 },
	{ "persist", "register", type_5, "5f 00 00 00 00 00 00 00 18 00", 0, 24 },
	{ "persist", "reserve", type_5, "5f 01 05 00 00 00 00 00 18 00", 0, 24 },
	{ "persist", "preempt-and-abort", type_5, "5f 05 05 00 00 00 00 00 18 00", 0, 24 },
	{ "start", NULL, nothing, "1b 00 00 00 01 00", 0, 0 },
	{ "stop", NULL, immed, "1b 01 00 00 00 00", 0, 0 },
	{ "prevent", NULL, nothing, "1e 00 00 00 01 00", 0, 0 },
	{ "allow", NULL, nothing, "1e 00 00 00 00 00", 0, 0 },
	{ "self-test", NULL, nothing, "1d 04 00 00 00 00", 0, 0 },
	{ "format", NULL, nothing, "04 00 00 00 00 00", 0, 0 },
	{ "format", NULL, immed, "04 10 00 00 00 00", 0, 4 },
	{ "sanitize", "overwrite", immed, "48 81 00 00 00 00 00 00 08 00", 0, 8 },
	{ "sanitize", "block-erase", nothing, "48 02 00 00 00 00 00 00 00 00", 0, 0 },
	{ "raw", "12 0 0 0 24 0", nothing, "12 00 00 00 24 00", 0, 0 },
	{ "raw", "120000002400", in_36, "12 00 00 00 24 00", 36, 0 },
};

START_TEST(cdb_is_as_the_standard_has_it)
{
	struct sheaf_scsi_command c;

	reset_args();
	cdbs[_i].set();
	ck_assert_msg(build(cdbs[_i].verb, cdbs[_i].word, &c) == 0, "%s", cdbs[_i].verb);
	ck_bytes(cdbs[_i].verb, c.cdb, c.cdb_length, cdbs[_i].cdb);
	ck_assert_uint_eq(c.data_in_bytes, cdbs[_i].in);
	ck_assert_uint_eq(c.data_out_bytes, cdbs[_i].out);
	ck_assert_uint_eq(c.function, SHEAF_SCSI_COMMAND);
}
END_TEST

START_TEST(parameter_lists_are_as_the_standard_has_them)
{
	struct sheaf_scsi_command c;

	reset_args();
	range();
	build("unmap", NULL, &c);
	ck_bytes("UNMAP", out, 24,
		 "00 16 00 10 00 00 00 00 01 02 03 04 05 06 07 08 00 00 00 10 00 00 00 00");
	reset_args();
	type_5();
	args.aptpl = args.all_ports = true;
	build("persist", "preempt", &c);
	ck_bytes("PR OUT", out, 24,
		 "00 00 00 00 00 00 00 11 00 00 00 00 00 00 00 22 00 00 00 00 05 00 00 00");
	reset_args();
	build("sanitize", "overwrite", &c);
	ck_bytes("SANITIZE", out, 8, "01 00 00 04 00 00 00 00");
	reset_args();
	immed();
	build("format", NULL, &c);
	ck_bytes("FORMAT UNIT", out, 4, "00 02 00 00");
}
END_TEST

START_TEST(reads_and_writes_are_of_16_bytes)
{
	struct sheaf_scsi_command c = { 0 };

	sheaf_scsi_build_read(&c, 0x1122334455, 7, 4096, true);
	ck_bytes("READ", c.cdb, 16, "88 08 00 00 00 11 22 33 44 55 00 00 00 07 00 00");
	ck_assert_uint_eq(c.data_in_bytes, 7 * 4096);
	memset(&c, 0, sizeof(c));
	sheaf_scsi_build_write(&c, 1, 2, 512, false);
	ck_bytes("WRITE", c.cdb, 16, "8a 00 00 00 00 00 00 00 00 01 00 00 00 02 00 00");
	ck_assert_uint_eq(c.data_out_bytes, 1024);
	memset(&c, 0, sizeof(c));
	sheaf_scsi_build_mode_select(&c, 28, true);
	ck_bytes("MODE SELECT", c.cdb, 10, "55 11 00 00 00 00 00 00 1c 00");
}
END_TEST

START_TEST(functions_are_no_cdb)
{
	static const struct {
		const char *verb;
		bool target;
		uint32_t function;
	} rows[] = {
		{ "reset", false, SHEAF_SCSI_LOGICAL_UNIT_RESET },
		{ "reset", true, SHEAF_SCSI_TARGET_RESET },
		{ "abort-task-set", false, SHEAF_SCSI_ABORT_TASK_SET },
		{ "clear-task-set", false, SHEAF_SCSI_CLEAR_TASK_SET },
		{ "clear-aca", false, SHEAF_SCSI_CLEAR_ACA },
	};
	struct sheaf_scsi_command c;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		reset_args();
		args.target = rows[i].target;
		ck_assert_int_eq(build(rows[i].verb, NULL, &c), 0);
		ck_assert_uint_eq(c.function, rows[i].function);
		ck_assert_uint_eq(c.cdb_length, 0);
	}
}
END_TEST

/* What no CDB can say, or no command of ours hold. */
static void count_too_long(void)
{
	args.count = UINT64_C(1) << 32;
}
static void count_256(void)
{
	args.lba = 0, args.count = 256;
}
static void blocks_too_long(void)
{
	args.count = 4096, args.bytchk = 1;
}
static void in_256(void)
{
	args.in_bytes = 256;
}
static void in_too_long(void)
{
	args.in_bytes = SHEAF_SCSI_DATA_MAX + 1;
}
static void only_service_action(void)
{
	args.service_action = 1;
}
static void type_2(void)
{
	args.type = 2;
}
static void in_and_out(void)
{
	args.in_bytes = 1, args.out = (char *)(uintptr_t) "file";
}

START_TEST(what_cannot_be_is_refused)
{
	static const struct {
		const char *verb, *word;
		void (*set)(void);
	} rows[] = {
		{ "verify", NULL, count_too_long },
		{ "unmap", NULL, count_too_long },
		{ "compare-and-write", NULL, count_256 },
		{ "verify", NULL, blocks_too_long },
		{ "request-sense", NULL, in_256 },
		{ "luns", NULL, in_too_long },
		{ "opcodes", NULL, only_service_action },
		{ "persist", "reserve", type_2 },
		{ "persist", "frob", nothing },
		{ "persist", NULL, nothing },
		{ "sanitize", "overwrites", nothing },
		{ "set", "nosuch=1", nothing },
		{ "set", "wce", nothing },
		{ "raw", "12 00", nothing },
		{ "raw", "1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7", nothing },
		{ "raw", "12 00 00 00 zz 00", nothing },
		{ "raw", "12 00 00 00 24 00", in_and_out },
		{ "raw", "12 00 00 00 24 00", in_too_long },
	};
	struct sheaf_scsi_command c;

	reset_args();
	rows[_i].set();
	ck_assert_msg(build(rows[_i].verb, rows[_i].word, &c) == -EINVAL, "%s %s", rows[_i].verb,
		      rows[_i].word ? rows[_i].word : "");
}
END_TEST

/* Answers */

/* "a.b.0.c" */
static const json_t *at(const json_t *o, const char *path)
{
	char name[64];

	while (*path) {
		size_t n = strcspn(path, ".");

		snprintf(name, sizeof(name), "%.*s", (int)n, path);
		o = json_is_array(o) ? json_array_get(o, strtoul(name, NULL, 10))
				     : json_object_get(o, name);
		path += path[n] ? n + 1 : n;
	}
	return o;
}

/* CDB, answer, then what must be where. */
static const struct {
	const char *cdb, *data;
	struct {
		const char *path, *value; /* as text; booleans are true and false */
	} wanted[6];
} answers[] = {
	{ "12 00 00 00 60 00",
	  "00 00 06 12 5b 00 00 02 53 48 45 41 46 20 20 20 56 49 52 54 55 41 4c 20 44 49 53 4b 20 "
	  "20 20 20 30 30 30 31",
	  { { "vendor", "SHEAF" },
	    { "product", "VIRTUAL DISK" },
	    { "revision", "0001" },
	    { "cmdque", "true" },
	    { "version.name", "SPC-4" },
	    { "peripheral_device_type.value", "0" } } },
	{ "12 01 00 00 ff 00",
	  "00 00 00 03 00 80 b0",
	  { { "page", "00" }, { "pages.0.page", "00" }, { "pages.2.name", "Block Limits" } } },
	{ "12 01 80 00 ff 00", "00 80 00 04 41 42 43 20", { { "unit_serial_number", "ABC" } } },
	{ "12 01 83 00 ff 00",
	  "00 83 00 18 01 03 00 08 3f 03 e8 0d 15 03 ce df 02 01 00 08 53 48 45 41 46 20 20 20",
	  { { "designators.0.designator_type.name", "NAA" },
	    { "designators.0.designator", "3f 03 e8 0d 15 03 ce df" },
	    { "designators.1.designator", "SHEAF" },
	    { "designators.1.association.name", "logical unit" } } },
	{ "12 01 86 00 ff 00",
	  "00 86 00 3c 00 07 01 00 00 00 00 02",
	  { { "simpsup", "1" },
	    { "headsup", "1" },
	    { "v_sup", "1" },
	    { "extended_self_test_completion_minutes", "2" } } },
	{ "12 01 b0 00 ff 00",
	  "00 b0 00 3c 01 08 00 08 00 00 08 00 00 00 08 00 00 00 00 00 00 40 00 00 00 00 01 00 00 "
	  "00 00 08 80 00 00 05 "
	  "00 00 00 00 00 08 00 00",
	  { { "wsnz", "1" },
	    { "maximum_compare_and_write_length", "8" },
	    { "maximum_transfer_length", "2048" },
	    { "unmap_granularity_alignment", "5" },
	    { "maximum_write_same_length", "524288" },
	    { "ugavalid", "1" } } },
	{ "12 01 b1 00 ff 00",
	  "00 b1 00 3c 00 01",
	  { { "medium_rotation_rate.name", "non-rotating medium" } } },
	{ "12 01 b2 00 ff 00",
	  "00 b2 00 04 00 e4 02 00",
	  { { "lbpu", "1" },
	    { "lbpws10", "1" },
	    { "lbprz", "1" },
	    { "provisioning_type.name", "thin provisioned" } } },
	{ "12 01 c0 00 ff 00",
	  "00 c0 00 02 ab cd",
	  { { "name", "unknown" }, { "bytes", "00 c0 00 02 ab cd" } } },
	{ "25 00 00 00 00 00 00 00 00 00",
	  "00 00 7f ff 00 00 02 00",
	  { { "returned_logical_block_address", "32767" }, { "logical_block_length", "512" } } },
	{ "9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00",
	  "00 00 00 00 00 00 7f ff 00 00 02 00 00 03 c0 07",
	  { { "bytes", "16777216" },
	    { "lbpme", "true" },
	    { "lbprz", "true" },
	    { "logical_blocks_per_physical_block_exponent", "3" },
	    { "lowest_aligned_logical_block_address", "7" } } },
	{ "9e 12 00 00 00 00 00 00 00 00 00 00 00 28 00 00",
	  "00 00 00 24 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00 00 00 "
	  "00 00 08 00 00 7f f8 01 "
	  "00 00 00",
	  { { "descriptors.0.provisioning_status.name", "mapped" },
	    { "descriptors.1.lba", "8" },
	    { "descriptors.1.blocks", "32760" },
	    { "descriptors.1.provisioning_status.name", "deallocated" } } },
	{ "a0 00 00 00 00 00 00 00 00 18 00 00",
	  "00 00 00 10 00 00 00 00 00 01 00 00 00 00 00 00 41 00 00 00 00 00 00 00",
	  { { "luns.0.lun", "1" },
	    { "luns.1.lun", "256" },
	    { "luns.1.bytes", "41 00 00 00 00 00 00 00" } } },
	{ "a3 0c 00 00 00 00 00 00 ff fc 00 00",
	  "00 00 00 10 88 00 00 00 00 00 00 10 9e 00 00 12 00 01 00 10",
	  { { "commands.0.name", "READ(16)" },
	    { "commands.1.opcode", "9e,12" },
	    { "commands.1.name", "GET LBA STATUS" },
	    { "commands.1.cdb_length", "16" } } },
	{ "a3 0c 01 12 00 00 00 00 ff fc 00 00",
	  "00 03 00 06 12 01 ff ff ff 00",
	  { { "support.value", "3" }, { "cdb_usage", "12 01 ff ff ff 00" } } },
	{ "a3 0d 00 00 00 00 00 00 00 04 00 00",
	  "da 00 00 00",
	  { { "ats", "true" }, { "cacas", "false" }, { "lurs", "true" }, { "trs", "true" } } },
	{ "5a 00 08 00 00 00 00 10 00 00",
	  "00 22 00 90 00 00 00 08 00 00 80 00 00 00 02 00 88 12 04 00 ff ff 00 00 00 00 00 00 00 "
	  "00 00 00 00 00 00 00",
	  { { "wp", "true" },
	    { "number_of_logical_blocks", "32768" },
	    { "pages.0.wce", "1" },
	    { "pages.0.ps", "true" },
	    { "pages.0.disable_pre_fetch_transfer_length", "65535" },
	    { "pages.0.name", "Caching" } } },
	{ "1a 08 0a 00 ff 00",
	  "0f 00 10 00 0a 0a 04 12 00 00 00 00 00 00 00 00",
	  { { "dpofua", "true" },
	    { "pages.0.d_sense", "1" },
	    { "pages.0.queue_algorithm_modifier", "1" },
	    { "pages.0.qerr", "1" } } },
	{ "5a 08 0a 01 00 00 00 10 00 00",
	  "00 0e 00 00 00 00 00 00 4a 01 00 04 04 03 00 00",
	  { { "pages.0.page", "0a,01" },
	    { "pages.0.name", "Control Extension" },
	    { "pages.0.tcmos", "1" },
	    { "pages.0.initial_command_priority", "3" } } },
	{ "5e 00 00 00 00 00 00 ff fc 00",
	  "00 00 00 07 00 00 00 10 00 00 00 00 00 00 00 11 ff 00 00 00 00 00 00 22",
	  { { "prgeneration", "7" }, { "keys.0", "0x11" }, { "keys.1", "0xff00000000000022" } } },
	{ "5e 01 00 00 00 00 00 ff fc 00",
	  "00 00 00 07 00 00 00 10 00 00 00 00 00 00 00 11 00 00 00 00 00 05 00 00",
	  { { "reserved", "true" },
	    { "key", "0x11" },
	    { "type.name", "Write Exclusive - Registrants Only" } } },
	{ "5e 01 00 00 00 00 00 ff fc 00", "00 00 00 07 00 00 00 00", { { "reserved", "false" } } },
	{ "5e 02 00 00 00 00 00 ff fc 00",
	  "00 08 11 81 ea 01 00 00",
	  { { "ptpl_c", "true" },
	    { "ptpl_a", "true" },
	    { "wr_ex", "true" },
	    { "ex_ac_ar", "true" },
	    { "atp_c", "false" } } },
	{ "5e 03 00 00 00 00 00 ff fc 00",
	  "00 00 00 01 00 00 00 20 00 00 00 00 00 00 00 11 00 00 00 00 01 05 00 00 00 00 00 01 00 "
	  "00 00 08 05 00 00 00 00 "
	  "00 00 00",
	  { { "full_status.0.key", "0x11" },
	    { "full_status.0.r_holder", "true" },
	    { "full_status.0.relative_target_port_identifier", "1" },
	    { "full_status.0.transportid", "05 00 00 00 00 00 00 00" } } },
	{ "4d 00 40 00 00 00 00 ff fc 00",
	  "00 00 00 03 00 0c 19",
	  { { "pages.1.name", "Logical Block Provisioning" }, { "pages.2.page", "19" } } },
	{ "4d 00 4e 00 00 00 00 ff fc 00",
	  "0e 00 00 08 00 04 03 04 00 00 00 2a",
	  { { "parameters.0.accumulated_start_stop_cycles", "42" },
	    { "parameters.0.bytes", "00 00 00 2a" } } },
	{ "4d 00 59 00 00 00 00 ff fc 00",
	  "19 00 00 44 00 01 03 40 00 00 00 00 00 00 00 05 00 00 00 00 00 00 00 06 00 00 00 00 00 "
	  "00 00 00 00 00 00 00 00 00 00 "
	  "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
	  "00 00 00 00",
	  { { "parameters.0.number_of_read_commands", "5" },
	    { "parameters.0.number_of_write_commands", "6" } } },
	{ "03 00 00 00 fc 00",
	  "70 00 02 00 00 00 00 0a 00 00 00 00 04 1b 00 80 80 00",
	  { { "key_name", "NOT READY" },
	    { "asc_name", "LOGICAL UNIT NOT READY, SANITIZE IN PROGRESS" },
	    { "progress_percent", "50.0" } } },
};
#define ANSWERS (sizeof(answers) / sizeof(answers[0]))

static json_t *decode(unsigned i, unsigned cut)
{
	uint8_t cdb[16] = { 0 };
	unsigned n;
	const uint8_t *bytes = bytes_of(answers[i].cdb, &n);
	uint8_t *data;
	json_t *o;

	memcpy(cdb, bytes, n);
	bytes = bytes_of(answers[i].data, &n);
	n = n < cut ? n : cut;
	data = malloc(n ? n : 1); /* of its own size, so that a read past its end shows */
	memcpy(data, bytes, n);
	o = sheaf_scsi_decode(cdb, (struct sheaf_scsi_data){ data, n });
	free(data);
	return o;
}

START_TEST(answer_is_decoded)
{
	json_t *o = decode((unsigned)_i, UINT32_MAX);

	ck_assert_msg(o != NULL, "%s: not decoded", answers[_i].cdb);
	for (unsigned k = 0; k < 6 && answers[_i].wanted[k].path; k++) {
		const json_t *value = at(o, answers[_i].wanted[k].path);
		char text[128] = "nothing";

		if (json_is_string(value))
			snprintf(text, sizeof(text), "%s", json_string_value(value));
		else if (json_is_integer(value))
			snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(value));
		else if (json_is_real(value))
			snprintf(text, sizeof(text), "%.1f", json_real_value(value));
		else if (json_is_boolean(value))
			snprintf(text, sizeof(text), "%s", json_is_true(value) ? "true" : "false");
		ck_assert_msg(strcmp(text, answers[_i].wanted[k].value) == 0,
			      "%s: %s is %s, not %s", answers[_i].cdb, answers[_i].wanted[k].path,
			      text, answers[_i].wanted[k].value);
	}
	json_decref(o);
}
END_TEST

START_TEST(answer_that_is_cut_is_decoded_as_far_as_it_goes)
{
	unsigned n;

	bytes_of(answers[_i].data, &n);
	for (unsigned cut = 0; cut <= n; cut++)
		json_decref(decode((unsigned)_i, cut));
}
END_TEST

/* Lengths in it that are longer than it is, and any other bytes. */
START_TEST(answer_of_any_bytes_is_harmless)
{
	uint8_t cdb[16] = { 0 };
	unsigned n;

	memcpy(cdb, bytes_of(answers[_i].cdb, &n), 16);
	for (unsigned fill = 0; fill < 256; fill++) {
		uint8_t *data = malloc(61);

		memset(data, (int)fill, 61);
		json_decref(sheaf_scsi_decode(cdb, (struct sheaf_scsi_data){ data, 61 }));
		free(data);
	}
}
END_TEST

/* Outcomes */

static const struct {
	uint32_t response, status;
	const char *sense;
	int code;
	const char *text;
} outcomes[] = {
	{ SHEAF_TASK_COMPLETE, SHEAF_STATUS_GOOD, "", 0, "GOOD" },
	{ SHEAF_TASK_COMPLETE, SHEAF_STATUS_CONDITION_MET, "", 0, "CONDITION MET" },
	{ SHEAF_FUNCTION_COMPLETE, 0, "", 0, "FUNCTION COMPLETE" },
	{ SHEAF_FUNCTION_REJECTED, 0, "", 33, "FUNCTION REJECTED" },
	{ SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE, SHEAF_DELIVERY_TASK_TIMEOUT, "", 33,
	  "SERVICE DELIVERY OR TARGET FAILURE: the command took too long" },
	{ SHEAF_TASK_COMPLETE, SHEAF_STATUS_RESERVATION_CONFLICT, "", 24, "RESERVATION CONFLICT" },
	{ SHEAF_TASK_COMPLETE, SHEAF_STATUS_BUSY, "", 26, "BUSY" },
	{ SHEAF_TASK_COMPLETE, SHEAF_STATUS_TASK_SET_FULL, "", 26, "TASK SET FULL" },
	{ SHEAF_TASK_COMPLETE, SHEAF_STATUS_ACA_ACTIVE, "", 26, "ACA ACTIVE" },
	{ SHEAF_TASK_COMPLETE, 0x22, "", 99, "status 22h" },
	{ SHEAF_TASK_COMPLETE, SHEAF_STATUS_CHECK_CONDITION, "", 98,
	  "CHECK CONDITION, without sense data that make sense" },
	{ SHEAF_TASK_COMPLETE, SHEAF_STATUS_CHECK_CONDITION,
	  "70 00 05 00 00 00 00 0a 00 00 00 00 20 00 00 00 00 00", 9,
	  "ILLEGAL REQUEST: INVALID COMMAND OPERATION CODE" },
	{ SHEAF_TASK_COMPLETE, SHEAF_STATUS_CHECK_CONDITION,
	  "70 00 05 00 00 00 00 0a 00 00 00 00 24 00 00 cf 00 02", 5,
	  "ILLEGAL REQUEST: INVALID FIELD IN CDB, byte 2 bit 7 of the CDB" },
	{ SHEAF_TASK_COMPLETE, SHEAF_STATUS_CHECK_CONDITION,
	  "70 00 05 00 00 00 00 0a 00 00 00 00 26 00 00 80 00 14", 5,
	  "ILLEGAL REQUEST: INVALID FIELD IN PARAMETER LIST, byte 20 of the parameter list" },
	{ SHEAF_TASK_COMPLETE, SHEAF_STATUS_CHECK_CONDITION,
	  "f0 00 05 00 00 80 00 0a 00 00 00 00 21 00 00 00 00 00", 5,
	  "ILLEGAL REQUEST: LOGICAL BLOCK ADDRESS OUT OF RANGE, information 32768" },
	{ SHEAF_TASK_COMPLETE, SHEAF_STATUS_CHECK_CONDITION,
	  "72 0e 1d 00 00 00 00 0c 00 0a 80 00 00 00 00 01 00 00 00 00", 14,
	  "MISCOMPARE: MISCOMPARE DURING VERIFY OPERATION, information 4294967296" },
	{ SHEAF_TASK_COMPLETE, SHEAF_STATUS_CHECK_CONDITION,
	  "70 00 06 00 00 00 00 0a 00 00 00 00 29 01 00 00 00 00", 6,
	  "UNIT ATTENTION: POWER ON OCCURRED" },
	{ SHEAF_TASK_COMPLETE, SHEAF_STATUS_CHECK_CONDITION,
	  "70 00 02 00 00 00 00 0a 00 00 00 00 04 02 00 00 00 00", 4,
	  "NOT READY: LOGICAL UNIT NOT READY, INITIALIZING COMMAND REQUIRED" },
	{ SHEAF_TASK_COMPLETE, SHEAF_STATUS_CHECK_CONDITION,
	  "71 00 03 00 00 00 00 0a 00 00 00 00 0c 00 00 00 00 00", 3,
	  "deferred MEDIUM ERROR: WRITE ERROR" },
	{ SHEAF_TASK_COMPLETE, SHEAF_STATUS_CHECK_CONDITION,
	  "70 00 07 00 00 00 00 0a 00 00 00 00 27 00 00 00 00 00", 7,
	  "DATA PROTECT: WRITE PROTECTED" },
	{ SHEAF_TASK_COMPLETE, SHEAF_STATUS_CHECK_CONDITION,
	  "70 00 0b 00 00 00 00 0a 00 00 00 00 55 03 00 00 00 00", 11,
	  "ABORTED COMMAND: INSUFFICIENT RESOURCES" },
	{ SHEAF_TASK_COMPLETE, SHEAF_STATUS_CHECK_CONDITION,
	  "70 00 0a 00 00 00 00 0a 00 00 00 00 99 98 00 00 00 00", 98,
	  "COPY ABORTED: additional sense 99/98" },
	{ SHEAF_TASK_COMPLETE, SHEAF_STATUS_CHECK_CONDITION,
	  "70 00 01 00 00 00 00 0a 00 00 00 00 17 00 00 00 00 00", 0,
	  "RECOVERED ERROR: RECOVERED DATA WITH NO ERROR CORRECTION APPLIED" },
};

START_TEST(outcome_has_its_text_and_exit_code)
{
	struct sheaf_scsi_command c = { .cdb = { 0x12 }, .cdb_length = 6 };
	struct sheaf_scsi_outcome o = { .service_response = outcomes[_i].response,
					.status = outcomes[_i].status };
	const uint8_t *sense = bytes_of(outcomes[_i].sense, &o.sense_bytes);
	CLEANUP_FREE char *text = NULL;
	json_t *json;

	memcpy(o.sense, sense, o.sense_bytes);
	text = sheaf_scsi_outcome_text(&o);
	ck_assert_str_eq(text, outcomes[_i].text);
	ck_assert_int_eq(sheaf_scsi_exit_code(&o), outcomes[_i].code);
	ck_assert_int_eq(sheaf_scsi_is_attention(&o), outcomes[_i].code == 6);
	json = sheaf_scsi_outcome_json(&c, &o);
	ck_assert_str_eq(json_string_value(json_object_get(json, "outcome")), text);
	ck_assert_str_eq(json_string_value(json_object_get(json, "command")), "INQUIRY");
	ck_assert_int_eq(json_is_null(json_object_get(json, "sense")), o.sense_bytes == 0);
	json_decref(json);
}
END_TEST

/* include/sheaf/scsi.h, which the LU's sense is made of. */
START_TEST(asc_that_sheaf_sends_has_a_name)
{
	static const uint16_t ascs[] = {
		SHEAF_ASC_NONE,
		SHEAF_ASC_OPERATION_IN_PROGRESS,
		SHEAF_ASC_NOT_READY,
		SHEAF_ASC_INITIALIZING_COMMAND_REQUIRED,
		SHEAF_ASC_FORMAT_IN_PROGRESS,
		SHEAF_ASC_SANITIZE_IN_PROGRESS,
		SHEAF_ASC_COMMUNICATION_FAILURE,
		SHEAF_ASC_WRITE_ERROR,
		SHEAF_ASC_THIRD_PARTY_DEVICE_FAILURE,
		SHEAF_ASC_COPY_TARGET_NOT_REACHABLE,
		SHEAF_ASC_INVALID_FIELD_IN_COMMAND_IU,
		SHEAF_ASC_UNRECOVERED_READ_ERROR,
		SHEAF_ASC_PARAMETER_LIST_LENGTH_ERROR,
		SHEAF_ASC_MISCOMPARE_DURING_VERIFY,
		SHEAF_ASC_INVALID_OPCODE,
		SHEAF_ASC_LBA_OUT_OF_RANGE,
		SHEAF_ASC_INVALID_FIELD_IN_CDB,
		SHEAF_ASC_LU_NOT_SUPPORTED,
		SHEAF_ASC_INVALID_FIELD_IN_PARAMETER_LIST,
		SHEAF_ASC_INVALID_RELEASE,
		SHEAF_ASC_TOO_MANY_TARGET_DESCRIPTORS,
		SHEAF_ASC_UNSUPPORTED_TARGET_DESCRIPTOR,
		SHEAF_ASC_TOO_MANY_SEGMENT_DESCRIPTORS,
		SHEAF_ASC_UNSUPPORTED_SEGMENT_DESCRIPTOR,
		SHEAF_ASC_UNEXPECTED_INEXACT_SEGMENT,
		SHEAF_ASC_INLINE_DATA_LENGTH_EXCEEDED,
		SHEAF_ASC_WRITE_PROTECTED,
		SHEAF_ASC_SOFTWARE_WRITE_PROTECTED,
		SHEAF_ASC_SPACE_ALLOCATION_FAILED,
		SHEAF_ASC_POWER_ON_OR_RESET,
		SHEAF_ASC_POWER_ON,
		SHEAF_ASC_BUS_DEVICE_RESET,
		SHEAF_ASC_NEXUS_LOSS,
		SHEAF_ASC_MODE_PARAMETERS_CHANGED,
		SHEAF_ASC_RESERVATIONS_PREEMPTED,
		SHEAF_ASC_RESERVATIONS_RELEASED,
		SHEAF_ASC_REGISTRATIONS_PREEMPTED,
		SHEAF_ASC_TIMEOUT_DURING_PROCESSING,
		SHEAF_ASC_COMMANDS_CLEARED,
		SHEAF_ASC_COMMAND_SEQUENCE_ERROR,
		SHEAF_ASC_MEDIUM_FORMAT_CORRUPTED,
		SHEAF_ASC_FORMAT_FAILED,
		SHEAF_ASC_SANITIZE_FAILED,
		SHEAF_ASC_SAVING_NOT_SUPPORTED,
		SHEAF_ASC_MEDIUM_NOT_PRESENT,
		SHEAF_ASC_FAILED_SELF_TEST,
		SHEAF_ASC_INTERNAL_TARGET_FAILURE,
		SHEAF_ASC_INVALID_MESSAGE,
		SHEAF_ASC_DATA_PHASE_ERROR,
		SHEAF_ASC_DATA_IN_BUFFER_OVERFLOW,
		SHEAF_ASC_DATA_OUT_BUFFER_OVERFLOW,
		SHEAF_ASC_INSUFFICIENT_RESOURCES,
		SHEAF_ASC_INSUFFICIENT_REGISTRATION_RESOURCES,
	};

	for (unsigned i = 0; i < sizeof(ascs) / sizeof(ascs[0]); i++)
		ck_assert_msg(sheaf_scsi_asc_name(ascs[i]) != NULL, "%04x", ascs[i]);
	ck_assert_ptr_null(sheaf_scsi_asc_name(0x9999));
}
END_TEST

/* Mode pages */

START_TEST(field_of_a_mode_page_is_changed_and_nothing_else)
{
	uint8_t data[36];
	unsigned n;

	memcpy(data,
	       bytes_of("00 22 00 90 00 00 00 08 00 00 80 00 00 00 02 00 88 12 04 0f ff fe 00 00 "
			"00 00 00 00 00 00 00 00 00 00 00 00",
			&n),
	       sizeof(data));
	ck_assert_int_eq(sheaf_mode_select_list(data, n, sheaf_mode_field_find("WCE"), 0), 36);
	ck_bytes("wce", data, 36,
		 "00 00 00 00 00 00 00 08 00 00 80 00 00 00 02 00 08 12 00 0f ff fe 00 00 00 00 00 "
		 "00 00 00 00 00 00 00 00 00");
	data[1] = 0x22;
	ck_assert_int_eq(
		sheaf_mode_select_list(
			data, n, sheaf_mode_field_find("demand_read_retention_priority"), 0xa),
		36);
	ck_assert_uint_eq(data[19], 0xaf);
	data[1] = 0x22;
	ck_assert_int_eq(
		sheaf_mode_select_list(data, n,
				       sheaf_mode_field_find("disable_pre_fetch_transfer_length"),
				       0x1234),
		36);
	ck_bytes("16 bits", data + 16, 8, "08 12 00 af 12 34 00 00");
	data[1] = 0x22;
	ck_assert_int_eq(sheaf_mode_select_list(data, n, sheaf_mode_field_find("wce"), 2), -ERANGE);
	ck_assert_int_eq(sheaf_mode_select_list(data, n, sheaf_mode_field_find("d_sense"), 1),
			 -EINVAL);
	for (unsigned cut = 0; cut < 36; cut++)
		ck_assert_int_eq(sheaf_mode_select_list(data, cut, sheaf_mode_field_find("wce"), 1),
				 -EINVAL);
	ck_assert_ptr_null(sheaf_mode_field_find("nosuch"));
}
END_TEST

/* A name stands for one field, or `set` would change another than one thinks. */
START_TEST(names_of_fields_are_unique)
{
	for (const struct sheaf_mode_field *f = sheaf_mode_fields; f->name; f++) {
		ck_assert_ptr_eq(sheaf_mode_field_find(f->name), f);
		ck_assert_uint_le(f->shift + f->bits, 8u * f->bytes);
	}
	for (const struct sheaf_scsi_verb *v = sheaf_scsi_verbs; v->name; v++)
		ck_assert_ptr_eq(sheaf_scsi_verb_find(v->name), v);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("scsi command");
	TCase *c = tcase_create("cdb");

	sheaf_log_set_level(SHEAF_LOG_ERROR);
	tcase_add_loop_test(c, cdb_is_as_the_standard_has_it, 0, sizeof(cdbs) / sizeof(cdbs[0]));
	tcase_add_test(c, parameter_lists_are_as_the_standard_has_them);
	tcase_add_test(c, reads_and_writes_are_of_16_bytes);
	tcase_add_test(c, functions_are_no_cdb);
	tcase_add_loop_test(c, what_cannot_be_is_refused, 0, 18);
	suite_add_tcase(suite, c);
	c = tcase_create("answer");
	tcase_add_loop_test(c, answer_is_decoded, 0, ANSWERS);
	tcase_add_loop_test(c, answer_that_is_cut_is_decoded_as_far_as_it_goes, 0, ANSWERS);
	tcase_add_loop_test(c, answer_of_any_bytes_is_harmless, 0, ANSWERS);
	suite_add_tcase(suite, c);
	c = tcase_create("outcome");
	tcase_add_loop_test(c, outcome_has_its_text_and_exit_code, 0,
			    sizeof(outcomes) / sizeof(outcomes[0]));
	tcase_add_test(c, asc_that_sheaf_sends_has_a_name);
	suite_add_tcase(suite, c);
	c = tcase_create("mode");
	tcase_add_test(c, field_of_a_mode_page_is_changed_and_nothing_else);
	tcase_add_test(c, names_of_fields_are_unique);
	suite_add_tcase(suite, c);

	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
