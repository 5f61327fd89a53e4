/* SPDX-License-Identifier: MIT */
/*
 * test_unit.c - the state of the unit (scsi/unit.h): stopped, formatting, sanitizing, spoilt; and what formats and sanitizes it
 * (scsi/upkeep.h).
 *
 * f is one initiator's task, other another's. Nothing moves but when a test completes the store's accesses.
 */
#include <check.h>

#include "scsi/lu_impl.h"
#include "scsi_fixture.h"

#define BLOCKS 2048u
#define BLOCK  512u
#define NONE   SHEAF_TRANSFER_NONE
#define TO     SHEAF_TRANSFER_TO_TARGET
#define FROM   SHEAF_TRANSFER_FROM_TARGET

#define ILLEGAL_FIELD	  0x052400u
#define ILLEGAL_PARAMETER 0x052600u
#define LIST_LENGTH	  0x051a00u
#define SHORT_OUT	  0x0b4b0bu
#define PROTECTED	  0x072700u
#define STOPPED		  0x020402u
#define FORMATTING	  0x020404u
#define SANITIZING	  0x02041bu
#define FORMAT_CORRUPT	  0x033100u
#define FORMAT_FAILED	  0x033101u
#define SANITIZE_FAILED	  0x033103u

static struct scsi_fixture f, other;

static void open_two(void)
{
	fixture_open_two(&f, &other, BLOCKS * BLOCK, BLOCK, false);
	memset(f.fake->bytes, 'x', BLOCKS * BLOCK);
}

static void close_two(void)
{
	fixture_close_two(&f, &other);
}

/* A command that needs no access; nothing else moves. Its sense. */
static unsigned at_once(struct scsi_fixture *t, const uint8_t *cdb, unsigned size,
			enum sheaf_transfer_direction direction, uint64_t count,
			struct sheaf_sense *sense)
{
	unsigned queued = t->fake->queued;

	fixture_start(t, cdb, size, direction, count);
	fixture_go(t);
	ck_assert_uint_eq(t->ended, 1);
	ck_assert_uint_eq(t->fake->queued, queued);
	return fixture_sense(t, sense);
}

static unsigned test_unit_ready(struct scsi_fixture *t, struct sheaf_sense *sense)
{
	static const uint8_t cdb[6] = { 0x00 };

	return at_once(t, cdb, 6, NONE, 0, sense);
}

/* What REQUEST SENSE has as data. */
static unsigned request_sense(struct scsi_fixture *t, struct sheaf_sense *ret_sense)
{
	static const uint8_t cdb[6] = { 0x03, 0, 0, 0, 252 };
	struct sheaf_sense sense = { 0 };

	ck_assert_uint_eq(at_once(t, cdb, 6, FROM, 252, NULL), 0);
	ck_assert(sheaf_sense_parse(t->data, (unsigned)t->response.bytes_transferred, &sense));
	if (ret_sense)
		*ret_sense = sense;
	return (unsigned)sense.key << 16 | sense.asc;
}

static bool all_are(uint8_t value)
{
	for (size_t i = 0; i < BLOCKS * BLOCK; i++)
		if (f.fake->bytes[i] != value)
			return false;
	return true;
}

/* START STOP UNIT */

static const uint8_t start[6] = { 0x1b, 0, 0, 0, 0x01 }, stop[6] = { 0x1b };

START_TEST(a_stopped_unit_refuses_what_needs_the_medium_to_all_initiators)
{
	static const uint8_t read[10] = { 0x28, 0, 0, 0, 0, 0, 0, 0, 1 };
	static const uint8_t inquiry[6] = { 0x12, 0, 0, 0, 36 };
	static const uint8_t capacity[10] = { 0x25 };

	ck_assert_uint_eq(fixture_send(&f, stop, 6, NONE, NULL, 0), 0);
	ck_assert_uint_eq(at_once(&f, read, 10, FROM, BLOCK, NULL), STOPPED);
	ck_assert_uint_eq(at_once(&other, read, 10, FROM, BLOCK, NULL), STOPPED);
	ck_assert_uint_eq(test_unit_ready(&f, NULL), STOPPED);
	ck_assert_uint_eq(at_once(&f, capacity, 10, FROM, 8, NULL), STOPPED);
	ck_assert_uint_eq(at_once(&f, inquiry, 6, FROM, 36, NULL), 0);
	ck_assert_uint_eq(request_sense(&other, NULL), STOPPED);
	ck_assert_uint_eq(fixture_send(&other, start, 6, NONE, NULL, 0), 0);
	ck_assert_uint_eq(test_unit_ready(&f, NULL), 0);
	ck_assert_uint_eq(request_sense(&f, NULL), 0);
	ck_assert_uint_eq(fixture_send(&f, read, 10, FROM, NULL, BLOCK), 0);
}
END_TEST

START_TEST(stopping_flushes_but_with_no_flush)
{
	static const uint8_t write[10] = { 0x2a, 0, 0, 0, 0, 0, 0, 0, 1 };
	static const uint8_t stop_only[6] = { 0x1b, 0, 0, 0, 0x04 }, synchronize[10] = { 0x35 };
	uint8_t block[BLOCK] = { 0 };

	fixture_send(&f, write, 10, TO, block, BLOCK);
	ck_assert_uint_eq(fixture_send(&f, stop_only, 6, NONE, NULL, 0), 0);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_FLUSH], 0);
	ck_assert_uint_eq(fixture_send(&f, synchronize, 10, NONE, NULL, 0), STOPPED);
	fixture_send(&f, start, 6, NONE, NULL, 0);
	ck_assert_uint_eq(fixture_send(&f, stop, 6, NONE, NULL, 0), 0);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_FLUSH], 1);
	ck_assert_uint_eq(fixture_send(&f, synchronize, 10, NONE, NULL, 0), 0); /* there is nothing to do */
	/* It is stopped already. */
	ck_assert_uint_eq(fixture_send(&f, stop, 6, NONE, NULL, 0), 0);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_FLUSH], 1);
}
END_TEST

START_TEST(a_flush_that_fails_leaves_the_unit_started)
{
	static const uint8_t write[10] = { 0x2a, 0, 0, 0, 0, 0, 0, 0, 1 };
	uint8_t block[BLOCK] = { 0 };

	fixture_send(&f, write, 10, TO, block, BLOCK);
	f.fake->fail[SHEAF_STORE_FLUSH] = -EIO;
	ck_assert_uint_ne(fixture_send(&f, stop, 6, NONE, NULL, 0), 0);
	ck_assert_uint_eq(test_unit_ready(&f, NULL), 0);
}
END_TEST

START_TEST(stopping_waits_for_what_is_in_flight_and_refuses_what_waits_behind)
{
	static const uint8_t write[10] = { 0x2a, 0, 0, 0, 0, 0, 0, 0, 1 };
	struct scsi_fixture third;

	fixture_share(&third, &f);
	fixture_start(&f, write, 10, TO, BLOCK);
	fixture_go(&f);
	fixture_start(&other, stop, 6, NONE, 0);
	fixture_go(&other);
	fixture_start(&third, write, 10, TO, BLOCK);
	fixture_go(&third);
	ck_assert_uint_eq(f.fake->queued, 1);
	fake_complete(f.fake, 0);
	ck_assert_uint_eq(f.ended, 1);
	ck_assert_uint_eq(other.ended, 0); /* it flushes */
	fake_drain(f.fake);
	ck_assert_uint_eq(other.ended, 1);
	ck_assert_uint_eq(fixture_sense(&other, NULL), 0);
	ck_assert_uint_eq(third.ended, 1);
	ck_assert_uint_eq(fixture_sense(&third, NULL), STOPPED);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_WRITE], 1);
	free(third.data);
}
END_TEST

START_TEST(what_a_fixed_medium_without_power_conditions_has_not_is_refused)
{
	/* clang-format off */
	static const struct {
		uint8_t cdb[6];
		int byte, bit;
	} rows[] = {
		{ { 0x1b, 0, 0, 0, 0x02 }, 4, 1 }, { { 0x1b, 0, 0, 0, 0x03 }, 4, 1 },
		{ { 0x1b, 0, 0, 0, 0x10 }, 4, 4 }, { { 0x1b, 0, 0, 0, 0xf0 }, 4, 7 },
		{ { 0x1b, 0, 0, 1, 0x01 }, 3, 0 }, { { 0x1e, 0, 0, 0, 0x02 }, 4, 1 },
	};
	/* clang-format on */
	struct sheaf_sense sense = { 0 };

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_uint_eq(at_once(&f, rows[i].cdb, 6, NONE, 0, &sense), ILLEGAL_FIELD);
		ck_assert_int_eq(sense.field_byte, rows[i].byte);
		ck_assert_int_eq(sense.field_bit, rows[i].bit);
	}
	ck_assert_uint_eq(test_unit_ready(&f, NULL), 0);
}
END_TEST

START_TEST(removal_may_be_prevented_and_allowed)
{
	static const uint8_t prevent[6] = { 0x1e, 0, 0, 0, 1 }, allow[6] = { 0x1e };

	ck_assert_uint_eq(at_once(&f, prevent, 6, NONE, 0, NULL), 0);
	ck_assert_uint_eq(at_once(&other, prevent, 6, NONE, 0, NULL), 0);
	ck_assert_uint_eq(at_once(&f, allow, 6, NONE, 0, NULL), 0);
	/* A stopped unit takes it too. */
	fixture_send(&f, stop, 6, NONE, NULL, 0);
	ck_assert_uint_eq(at_once(&f, prevent, 6, NONE, 0, NULL), 0);
}
END_TEST

/* FORMAT UNIT */

static const uint8_t format[6] = { 0x04 };
static const uint8_t format_data[6] = { 0x04, 0x10 }, format_long[6] = { 0x04, 0x30 };

START_TEST(format_makes_all_blocks_zeros_and_durable)
{
	ck_assert_uint_eq(fixture_send(&f, format, 6, NONE, NULL, 0), 0);
	ck_assert(all_are(0));
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_DISCARD], 1);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_FLUSH], 1);
	ck_assert_uint_eq(test_unit_ready(&f, NULL), 0);
}
END_TEST

START_TEST(format_writes_zeros_where_the_store_cannot_clear)
{
	f.fake->fail[SHEAF_STORE_DISCARD] = -EOPNOTSUPP;
	f.fake->fail[SHEAF_STORE_ZERO] = -EOPNOTSUPP;
	ck_assert_uint_eq(fixture_send(&f, format, 6, NONE, NULL, 0), 0);
	ck_assert(all_are(0));
	ck_assert_uint_gt(f.fake->done[SHEAF_STORE_WRITE], 1);
}
END_TEST

START_TEST(format_with_immed_answers_at_once_and_goes_on)
{
	static const uint8_t list[4] = { 0, 0x02 };
	static const uint8_t read[10] = { 0x28, 0, 0, 0, 0, 0, 0, 0, 1 };
	static const uint8_t luns[12] = { 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16 };
	static const uint8_t opcodes[12] = { 0xa3, 0x0c, 0, 0, 0, 0, 0, 0, 0, 16 };
	static const uint8_t inquiry[6] = { 0x12, 0, 0, 0, 36 };
	struct sheaf_sense sense = { 0 };

	fixture_start(&f, format_data, 6, TO, 4);
	memcpy(f.data, list, 4);
	fixture_go(&f);
	ck_assert_uint_eq(f.ended, 1);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	ck_assert_uint_eq(f.response.bytes_transferred, 4);
	fake_keep_all(f.fake);
	ck_assert_uint_eq(f.fake->queued, 1);
	ck_assert_uint_eq(test_unit_ready(&other, &sense), FORMATTING);
	ck_assert(sense.progress_valid && sense.progress == 0);
	ck_assert_uint_eq(at_once(&other, read, 10, FROM, BLOCK, NULL), FORMATTING);
	ck_assert_uint_eq(at_once(&other, opcodes, 12, FROM, 16, NULL), FORMATTING);
	ck_assert_uint_eq(at_once(&other, start, 6, NONE, 0, NULL), FORMATTING);
	ck_assert_uint_eq(at_once(&other, format, 6, NONE, 0, NULL), FORMATTING);
	ck_assert_uint_eq(at_once(&other, inquiry, 6, FROM, 36, NULL), 0);
	ck_assert_uint_eq(at_once(&other, luns, 12, FROM, 16, NULL), 0);
	ck_assert_uint_eq(request_sense(&other, &sense), FORMATTING);
	ck_assert(sense.progress_valid);
	fake_complete(f.fake, 0); /* all blocks; the flush is left */
	ck_assert_uint_eq(request_sense(&other, &sense), FORMATTING);
	ck_assert_uint_eq(sense.progress, 65535);
	fake_drain(f.fake);
	ck_assert_uint_eq(test_unit_ready(&other, NULL), 0);
	ck_assert_uint_eq(request_sense(&other, NULL), 0);
	ck_assert(all_are(0));
	ck_assert_uint_eq(f.ended, 1);
}
END_TEST

START_TEST(progress_is_what_is_done_of_what_is_to_do)
{
	/* 1 MiB in pieces of 256 KiB. */
	static const uint8_t list[] = { 0, 0x8a, 0, 0, 0, 1, 0, 1, 0x5a };
	struct sheaf_sense sense = { 0 };

	fixture_start(&f, format_data, 6, TO, sizeof(list));
	memcpy(f.data, list, sizeof(list));
	fixture_go(&f);
	for (unsigned i = 0; i < 4; i++) {
		ck_assert_uint_eq(request_sense(&other, &sense), FORMATTING);
		ck_assert_uint_eq(sense.progress, i * 16384);
		fake_complete(f.fake, 0);
	}
	fake_drain(f.fake);
	ck_assert_uint_eq(test_unit_ready(&other, NULL), 0);
	ck_assert(all_are(0x5a));
}
END_TEST

START_TEST(format_without_immed_ends_when_all_is_done)
{
	fixture_start(&f, format, 6, NONE, 0);
	fixture_go(&f);
	ck_assert_uint_eq(f.ended, 0);
	ck_assert_uint_eq(test_unit_ready(&other, NULL), FORMATTING);
	fake_complete(f.fake, 0);
	ck_assert_uint_eq(f.ended, 0);
	fake_drain(f.fake);
	ck_assert_uint_eq(f.ended, 1);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
}
END_TEST

START_TEST(parameter_lists_are_checked_before_anything_is_done)
{
	/* clang-format off */
	static const struct {
		const char *name;
		uint8_t cdb[6];
		uint8_t list[16];
		unsigned bytes, sense;
		int byte;
	} rows[] = {
		{ "defect list format without a list", { 0x04, 0x03 }, { 0 }, 0, ILLEGAL_FIELD, 1 },
		{ "reserved defect list format", { 0x04, 0x17 }, { 0 }, 4, ILLEGAL_FIELD, 1 },
		{ "protection information", { 0x04, 0x80 }, { 0 }, 0, ILLEGAL_FIELD, 1 },
		{ "FFMT 10b", { 0x04, 0, 0, 0, 2 }, { 0 }, 0, ILLEGAL_FIELD, 4 },
		{ "FFMT with a pattern", { 0x04, 0x10, 0, 0, 1 }, { 0, 0x88 }, 8, ILLEGAL_FIELD, 4 },
		{ "no list", { 0x04, 0x10 }, { 0 }, 3, SHORT_OUT, -1 },
		{ "protection field usage", { 0x04, 0x10 }, { 1 }, 4, ILLEGAL_PARAMETER, 0 },
		{ "options without FOV", { 0x04, 0x10 }, { 0, 0x08 }, 8, ILLEGAL_PARAMETER, 1 },
		{ "DSP", { 0x04, 0x10 }, { 0, 0x84 }, 4, ILLEGAL_PARAMETER, 1 },
		{ "defects", { 0x04, 0x10 }, { 0, 0, 0, 4 }, 8, ILLEGAL_PARAMETER, 2 },
		{ "long header, too short", { 0x04, 0x30 }, { 0 }, 4, SHORT_OUT, -1 },
		{ "long header, reserved", { 0x04, 0x30 }, { 0, 0, 1 }, 8, ILLEGAL_PARAMETER, 2 },
		{ "long header, protection interval", { 0x04, 0x30 }, { 0, 0, 0, 1 }, 8, ILLEGAL_PARAMETER, 3 },
		{ "long header, defects", { 0x04, 0x30 }, { [7] = 8 }, 16, ILLEGAL_PARAMETER, 4 },
		{ "pattern, no descriptor", { 0x04, 0x10 }, { 0, 0x88 }, 7, SHORT_OUT, -1 },
		{ "pattern, modifier", { 0x04, 0x10 }, { 0, 0x88, 0, 0, 0x80 }, 8, ILLEGAL_PARAMETER, 4 },
		{ "pattern, type", { 0x04, 0x10 }, { 0, 0x88, 0, 0, 0, 2 }, 8, ILLEGAL_PARAMETER, 5 },
		{ "pattern, default with bytes", { 0x04, 0x10 }, { 0, 0x88, 0, 0, 0, 0, 0, 1 }, 9, ILLEGAL_PARAMETER, 6 },
		{ "pattern, none to repeat", { 0x04, 0x10 }, { 0, 0x88, 0, 0, 0, 1 }, 8, ILLEGAL_PARAMETER, 6 },
		{ "pattern, longer than a block", { 0x04, 0x10 }, { 0, 0x88, 0, 0, 0, 1, 2, 1 }, 16, ILLEGAL_PARAMETER, 6 },
		{ "pattern that is not there", { 0x04, 0x10 }, { 0, 0x88, 0, 0, 0, 1, 0, 9 }, 16, SHORT_OUT, -1 },
	};
	/* clang-format on */
	struct sheaf_sense sense = { 0 };

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t bytes[16];
		memcpy(bytes, rows[i].list, 16);
		fixture_start(&f, rows[i].cdb, 6, rows[i].bytes ? TO : NONE, rows[i].bytes);
		if (rows[i].bytes)
			memcpy(f.data, bytes, rows[i].bytes);
		fixture_go(&f);
		ck_assert_msg(f.ended == 1 && f.fake->queued == 0, "%s", rows[i].name);
		ck_assert_msg(fixture_sense(&f, &sense) == rows[i].sense, "%s: %x", rows[i].name,
			      fixture_sense(&f, NULL));
		ck_assert_msg(rows[i].byte < 0 || sense.field_byte == rows[i].byte, "%s: byte %u",
			      rows[i].name, sense.field_byte);
	}
	ck_assert(all_are('x'));
	ck_assert_uint_eq(test_unit_ready(&f, NULL), 0);
}
END_TEST

START_TEST(patterns_fill_each_block_from_its_start)
{
	static const uint8_t list[] = { 0, 0x88, 0, 0, 0, 0, 0, 0, 0, 1, 0, 3, 'a', 'b', 'c' };
	/* SI with the default pattern is really written. */
	static const uint8_t security[] = { 0, 0x88, 0, 0, 0x20, 0, 0, 0 };

	ck_assert_uint_eq(fixture_send(&f, format_long, 6, TO, list, sizeof(list)), 0);
	ck_assert_uint_eq(f.response.bytes_transferred, sizeof(list));
	for (size_t i = 0; i < BLOCKS * BLOCK; i++)
		ck_assert_uint_eq(f.fake->bytes[i], "abc"[i % BLOCK % 3]);
	ck_assert_uint_eq(fixture_send(&f, format_data, 6, TO, security, sizeof(security)), 0);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_DISCARD] + f.fake->done[SHEAF_STORE_ZERO], 0);
	ck_assert(all_are(0));
}
END_TEST

START_TEST(a_format_that_failed_spoils_the_medium_until_the_next_one)
{
	static const uint8_t read[10] = { 0x28, 0, 0, 0, 0, 0, 0, 0, 1 };
	static const uint8_t inquiry[6] = { 0x12, 0, 0, 0, 36 };

	f.fake->fail[SHEAF_STORE_DISCARD] = -EIO;
	ck_assert_uint_eq(fixture_send(&f, format, 6, NONE, NULL, 0), FORMAT_FAILED);
	ck_assert_uint_eq(at_once(&other, read, 10, FROM, BLOCK, NULL), FORMAT_CORRUPT);
	ck_assert_uint_eq(at_once(&other, inquiry, 6, FROM, 36, NULL), 0);
	ck_assert_uint_eq(request_sense(&other, NULL), FORMAT_CORRUPT);
	/* Starting it does not make it whole, nor does stopping it hide that. */
	ck_assert_uint_eq(fixture_send(&f, start, 6, NONE, NULL, 0), 0);
	ck_assert_uint_eq(fixture_send(&f, stop, 6, NONE, NULL, 0), 0);
	ck_assert_uint_eq(test_unit_ready(&f, NULL), FORMAT_CORRUPT);
	ck_assert_uint_eq(fixture_send(&other, format, 6, NONE, NULL, 0), 0);
	ck_assert_uint_eq(fixture_send(&f, read, 10, FROM, NULL, BLOCK), 0);
}
END_TEST

START_TEST(a_write_that_waited_behind_a_format_is_not_ready)
{
	static const uint8_t write[10] = { 0x2a, 0, 0, 0, 0, 0, 0, 0, 1 };
	struct scsi_fixture third;

	fixture_share(&third, &f);
	fixture_start(&f, write, 10, TO, BLOCK);
	fixture_go(&f);
	fixture_start(&other, format, 6, NONE, 0);
	fixture_go(&other);
	fixture_start(&third, write, 10, TO, BLOCK);
	fixture_go(&third);
	fake_complete(f.fake, 0);
	ck_assert_uint_eq(third.ended, 1);
	ck_assert_uint_eq(fixture_sense(&third, NULL), FORMATTING);
	fake_drain(f.fake);
	ck_assert_uint_eq(other.ended, 1);
	ck_assert(all_are(0));
	free(third.data);
}
END_TEST

/* SANITIZE */

static const uint8_t erase[10] = { 0x48, 0x02 }, leave[10] = { 0x48, 0x1f };

START_TEST(block_erase_unmaps_all)
{
	f.fake->mapped[7] = true;
	ck_assert_uint_eq(fixture_send(&f, erase, 10, NONE, NULL, 0), 0);
	ck_assert(all_are(0));
	ck_assert(!f.fake->mapped[7]);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_FLUSH], 1);
}
END_TEST

START_TEST(overwrite_writes_as_often_as_asked_and_the_pattern_last)
{
	/* INVERT: ~ then pattern; each pass is flushed. */
	static const uint8_t twice[] = { 0x82, 0, 0, 2, 0x12, 0x34 };
	static const uint8_t thrice[] = { 0x83, 0, 0, 1, 0xf0 };
	static const uint8_t overwrite_6[10] = { 0x48, 0x01, 0, 0, 0, 0, 0, 0, 6 };
	static const uint8_t overwrite_5[10] = { 0x48, 0x01, 0, 0, 0, 0, 0, 0, 5 };

	fixture_start(&f, overwrite_6, 10, TO, 6);
	memcpy(f.data, twice, 6);
	fixture_go(&f);
	memset(f.data, 0, 6); /* it was copied */
	while (f.fake->done[SHEAF_STORE_FLUSH] == 0)
		fake_complete(f.fake, 0);
	ck_assert_uint_eq(f.fake->bytes[0], 0xed);
	ck_assert_uint_eq(f.fake->bytes[BLOCKS * BLOCK - 1], 0xcb);
	fake_drain(f.fake);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_FLUSH], 2);
	ck_assert_uint_eq(f.fake->bytes[0], 0x12);
	ck_assert_uint_eq(f.fake->bytes[BLOCKS * BLOCK - 1], 0x34);
	ck_assert_uint_eq(fixture_send(&f, overwrite_5, 10, TO, thrice, 5), 0);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_FLUSH], 5);
	ck_assert(all_are(0xf0));
}
END_TEST

START_TEST(sanitize_checks_its_fields)
{
	/* clang-format off */
	static const struct {
		const char *name;
		uint8_t cdb[10];
		uint8_t list[8];
		unsigned bytes, sense;
		int byte;
	} rows[] = {
		{ "erase with a list", { 0x48, 0x02, [8] = 8 }, { 0 }, 8, ILLEGAL_FIELD, 7 },
		{ "exit with a list", { 0x48, 0x1f, [8] = 8 }, { 0 }, 8, ILLEGAL_FIELD, 7 },
		{ "cryptographic erase", { 0x48, 0x03 }, { 0 }, 0, ILLEGAL_FIELD, 1 },
		{ "service action 0", { 0x48, 0x00 }, { 0 }, 0, ILLEGAL_FIELD, 1 },
		{ "ZNR", { 0x48, 0x42 }, { 0 }, 0, ILLEGAL_FIELD, 1 },
		{ "overwrite, no list", { 0x48, 0x01 }, { 0 }, 0, ILLEGAL_FIELD, 7 },
		{ "overwrite, no pattern", { 0x48, 0x01, [8] = 4 }, { 1, 0, 0, 1 }, 4, ILLEGAL_FIELD, 7 },
		{ "overwrite, count 0", { 0x48, 0x01, [8] = 5 }, { 0, 0, 0, 1 }, 5, ILLEGAL_PARAMETER, 0 },
		{ "overwrite, TEST", { 0x48, 0x01, [8] = 5 }, { 0x21, 0, 0, 1 }, 5, ILLEGAL_PARAMETER, 0 },
		{ "overwrite, reserved", { 0x48, 0x01, [8] = 5 }, { 1, 1, 0, 1 }, 5, ILLEGAL_PARAMETER, 1 },
		{ "overwrite, length 0", { 0x48, 0x01, [8] = 5 }, { 1, 0, 0, 0 }, 5, ILLEGAL_PARAMETER, 2 },
		{ "overwrite, more than a block", { 0x48, 0x01, [8] = 5 }, { 1, 0, 2, 1 }, 5, ILLEGAL_PARAMETER, 2 },
		{ "overwrite, pattern cut", { 0x48, 0x01, [8] = 5 }, { 1, 0, 0, 2 }, 5, LIST_LENGTH, -1 },
	};
	/* clang-format on */
	struct sheaf_sense sense = { 0 };

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fixture_start(&f, rows[i].cdb, 10, rows[i].bytes ? TO : NONE, rows[i].bytes);
		if (rows[i].bytes)
			memcpy(f.data, rows[i].list, rows[i].bytes);
		fixture_go(&f);
		ck_assert_msg(f.ended == 1 && f.fake->queued == 0, "%s", rows[i].name);
		ck_assert_msg(fixture_sense(&f, &sense) == rows[i].sense, "%s: %x", rows[i].name,
			      fixture_sense(&f, NULL));
		ck_assert_msg(rows[i].byte < 0 || sense.field_byte == rows[i].byte, "%s: byte %u",
			      rows[i].name, sense.field_byte);
	}
	ck_assert(all_are('x'));
}
END_TEST

START_TEST(no_reset_and_no_abort_stops_a_sanitize)
{
	static const uint8_t immed[10] = { 0x48, 0x82 };
	static const uint8_t opcodes[12] = { 0xa3, 0x0c, 0, 0, 0, 0, 0, 0, 0, 16 };
	struct sheaf_sense sense = { 0 };

	ck_assert_uint_eq((fixture_start(&f, immed, 10, NONE, 0), fixture_go(&f), f.ended), 1);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	sheaf_lu_reset(f.lu);
	ck_assert_uint_eq(test_unit_ready(&other, NULL), 0x062903);
	ck_assert_uint_eq(test_unit_ready(&other, &sense), SANITIZING);
	ck_assert(sense.progress_valid);
	ck_assert_uint_eq(at_once(&other, erase, 10, NONE, 0, NULL), SANITIZING);
	ck_assert_uint_eq(at_once(&other, start, 6, NONE, 0, NULL), SANITIZING);
	ck_assert_uint_eq(at_once(&other, opcodes, 12, FROM, 16, NULL), 0);
	fake_drain(f.fake);
	ck_assert_uint_eq(test_unit_ready(&other, NULL), 0);
	ck_assert(all_are(0));
}
END_TEST

START_TEST(an_aborted_command_ends_and_what_it_began_goes_on)
{
	static const uint8_t list[] = { 1, 0, 0, 1, 0x5a };
	static const uint8_t overwrite[10] = { 0x48, 0x01, [8] = 5 };

	fixture_start(&f, overwrite, 10, TO, 5);
	memcpy(f.data, list, 5);
	fixture_go(&f);
	ck_assert_uint_eq(f.ended, 0);
	atomic_store(&f.lt.aborted_tag, 1);
	fake_complete(f.fake, 0);
	ck_assert_uint_eq(f.ended, 1);
	ck_assert_uint_eq(test_unit_ready(&other, NULL), SANITIZING);
	fake_drain(f.fake);
	ck_assert_uint_eq(f.ended, 1);
	ck_assert_uint_eq(test_unit_ready(&other, NULL), 0);
	ck_assert(all_are(0x5a));
}
END_TEST

START_TEST(a_restricted_sanitize_that_failed_is_left_by_one_that_succeeds)
{
	static const uint8_t unrestricted[10] = { 0x48, 0x22 };
	static const uint8_t read[10] = { 0x28, 0, 0, 0, 0, 0, 0, 0, 1 };
	static const uint8_t sense_6[6] = { 0x1a, 0, 0x3f, 0, 255 };
	struct sheaf_sense sense = { 0 };

	f.fake->fail[SHEAF_STORE_FLUSH] = -EIO;
	ck_assert_uint_eq(fixture_send(&f, erase, 10, NONE, NULL, 0), SANITIZE_FAILED);
	ck_assert_uint_eq(at_once(&other, read, 10, FROM, BLOCK, NULL), SANITIZE_FAILED);
	ck_assert_uint_eq(at_once(&other, sense_6, 6, FROM, 255, NULL), SANITIZE_FAILED);
	ck_assert_uint_eq(at_once(&other, format, 6, NONE, 0, NULL), SANITIZE_FAILED);
	ck_assert_uint_eq(request_sense(&other, NULL), SANITIZE_FAILED);
	ck_assert_uint_eq(at_once(&f, leave, 10, NONE, 0, &sense), ILLEGAL_FIELD);
	ck_assert(sense.field_byte == 1 && sense.field_bit == 4);
	ck_assert_uint_eq(at_once(&f, unrestricted, 10, NONE, 0, &sense), ILLEGAL_FIELD);
	ck_assert(sense.field_byte == 1 && sense.field_bit == 5);
	ck_assert_uint_eq(test_unit_ready(&f, NULL), SANITIZE_FAILED);
	ck_assert_uint_eq(fixture_send(&f, erase, 10, NONE, NULL, 0), 0);
	ck_assert_uint_eq(test_unit_ready(&f, NULL), 0);
}
END_TEST

START_TEST(an_unrestricted_sanitize_that_failed_can_be_left)
{
	static const uint8_t unrestricted[10] = { 0x48, 0x22 };

	/* None has failed: good, and nothing changes. */
	ck_assert_uint_eq(fixture_send(&f, leave, 10, NONE, NULL, 0), 0);
	f.fake->fail[SHEAF_STORE_DISCARD] = -EIO;
	ck_assert_uint_eq(fixture_send(&f, unrestricted, 10, NONE, NULL, 0), SANITIZE_FAILED);
	ck_assert_uint_eq(fixture_send(&other, leave, 10, NONE, NULL, 0), 0);
	ck_assert_uint_eq(test_unit_ready(&f, NULL), 0);
}
END_TEST

START_TEST(what_runs_when_the_lu_goes_is_dropped)
{
	static const uint8_t immed[10] = { 0x48, 0x82 };

	fixture_start(&f, immed, 10, NONE, 0);
	fixture_go(&f);
	ck_assert(fake_keep_all(f.fake));
	ck_assert_uint_eq(f.fake->queued, 1);
	/* close_two() frees the LU; leak and address checks watch. */
}
END_TEST

/* What the store has kept, to the next LU over it. */
static void come_again(void)
{
	const struct sheaf_lu_options options = { .block_size = BLOCK, .maximum_transfer_bytes = 256 << 10, .serial = "0" };

	sheaf_lu_free(f.lu);
	ck_assert_int_eq(sheaf_lu_create(&f.fake->store, &options, &f.lu), 0);
	other.lu = f.lu;
	for (uint32_t i = 0; i < 2; i++)
		sheaf_lu_take_attention(f.lu, i);
}

static const struct {
	const char *word;
	unsigned sense; /* of TEST UNIT READY */
	bool can_be_left;
} marks[] = {
	{ "", 0, true },
	{ "format", FORMAT_CORRUPT, false },
	{ "sanitize", SANITIZE_FAILED, false },
	{ "sanitize-unrestricted", SANITIZE_FAILED, true },
	{ "defragment", SANITIZE_FAILED, false }, /* of a later version */
	{ "sanitize-with-a-word-that-is-longer-than-any", SANITIZE_FAILED, false },
};

START_TEST(the_mark_of_what_was_cut_off_is_understood)
{
	struct fake_note *note = &f.fake->notes[SHEAF_NOTE_UNFINISHED];

	note->length = (int)strlen(marks[_i].word);
	memcpy(note->bytes, marks[_i].word, strlen(marks[_i].word));
	come_again();
	ck_assert_uint_eq(test_unit_ready(&f, NULL), marks[_i].sense);
	if (marks[_i].sense != SANITIZE_FAILED)
		return;
	ck_assert_uint_eq(fixture_send(&f, leave, 10, NONE, NULL, 0), marks[_i].can_be_left ? 0 : ILLEGAL_FIELD);
	ck_assert_int_eq(note->length, marks[_i].can_be_left ? 0 : (int)strlen(marks[_i].word));
	come_again();
	ck_assert_uint_eq(test_unit_ready(&f, NULL), marks[_i].can_be_left ? 0 : SANITIZE_FAILED);
}
END_TEST

START_TEST(the_mark_is_there_from_before_the_first_access_till_after_the_last)
{
	static const uint8_t cdbs[3][10] = { { 0x04 }, { 0x48, 0x82 }, { 0x48, 0xa2 } };
	struct fake_note *note = &f.fake->notes[SHEAF_NOTE_UNFINISHED];

	for (unsigned i = 0; i < 3; i++) {
		const char *word = marks[i + 1].word;

		note->length = 0;
		fixture_start(&f, cdbs[i], i ? 10 : 6, NONE, 0);
		fixture_go(&f);
		ck_assert_uint_eq(f.fake->queued, 0);
		ck_assert(fake_keep_all(f.fake));
		while (f.fake->queued) {
			ck_assert_int_eq(note->length, (int)strlen(word));
			ck_assert_mem_eq(note->bytes, word, strlen(word));
			fake_complete(f.fake, 0);
		}
		ck_assert_uint_ne(test_unit_ready(&other, NULL), 0);
		ck_assert(fake_keep_all(f.fake));
		ck_assert_int_eq(note->length, 0);
		ck_assert_uint_eq(test_unit_ready(&other, NULL), 0);
		ck_assert_uint_eq(f.ended, 1);
	}
}
END_TEST

START_TEST(a_mark_that_cannot_be_kept_stops_nothing)
{
	f.fake->keep_result = -ENOSPC;
	ck_assert_uint_eq(fixture_send(&f, format, 6, NONE, NULL, 0), 0);
	ck_assert(all_are(0));
	ck_assert_uint_eq(test_unit_ready(&other, NULL), 0);
}
END_TEST

START_TEST(a_read_only_unit_is_not_formatted_or_sanitized)
{
	fixture_close(&f);
	fixture_open(&f, BLOCKS * BLOCK, BLOCK, true);
	ck_assert_uint_eq(at_once(&f, format, 6, NONE, 0, NULL), PROTECTED);
	ck_assert_uint_eq(at_once(&f, erase, 10, NONE, 0, NULL), PROTECTED);
	ck_assert_uint_eq(fixture_send(&f, stop, 6, NONE, NULL, 0), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("unit");
	TCase *tc = tcase_create("unit");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, open_two, close_two);
	tcase_add_test(tc, a_stopped_unit_refuses_what_needs_the_medium_to_all_initiators);
	tcase_add_test(tc, stopping_flushes_but_with_no_flush);
	tcase_add_test(tc, a_flush_that_fails_leaves_the_unit_started);
	tcase_add_test(tc, stopping_waits_for_what_is_in_flight_and_refuses_what_waits_behind);
	tcase_add_test(tc, what_a_fixed_medium_without_power_conditions_has_not_is_refused);
	tcase_add_test(tc, removal_may_be_prevented_and_allowed);
	tcase_add_test(tc, format_makes_all_blocks_zeros_and_durable);
	tcase_add_test(tc, format_writes_zeros_where_the_store_cannot_clear);
	tcase_add_test(tc, format_with_immed_answers_at_once_and_goes_on);
	tcase_add_test(tc, progress_is_what_is_done_of_what_is_to_do);
	tcase_add_test(tc, format_without_immed_ends_when_all_is_done);
	tcase_add_test(tc, parameter_lists_are_checked_before_anything_is_done);
	tcase_add_test(tc, patterns_fill_each_block_from_its_start);
	tcase_add_test(tc, a_format_that_failed_spoils_the_medium_until_the_next_one);
	tcase_add_test(tc, a_write_that_waited_behind_a_format_is_not_ready);
	tcase_add_test(tc, block_erase_unmaps_all);
	tcase_add_test(tc, overwrite_writes_as_often_as_asked_and_the_pattern_last);
	tcase_add_test(tc, sanitize_checks_its_fields);
	tcase_add_test(tc, no_reset_and_no_abort_stops_a_sanitize);
	tcase_add_test(tc, an_aborted_command_ends_and_what_it_began_goes_on);
	tcase_add_test(tc, a_restricted_sanitize_that_failed_is_left_by_one_that_succeeds);
	tcase_add_test(tc, an_unrestricted_sanitize_that_failed_can_be_left);
	tcase_add_test(tc, what_runs_when_the_lu_goes_is_dropped);
	tcase_add_loop_test(tc, the_mark_of_what_was_cut_off_is_understood, 0, (int)(sizeof(marks) / sizeof(marks[0])));
	tcase_add_test(tc, the_mark_is_there_from_before_the_first_access_till_after_the_last);
	tcase_add_test(tc, a_mark_that_cannot_be_kept_stops_nothing);
	tcase_add_test(tc, a_read_only_unit_is_not_formatted_or_sanitized);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
