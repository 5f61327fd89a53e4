/* SPDX-License-Identifier: MIT */
/*
 * test_atomic.c - COMPARE AND WRITE, ORWRITE, WRITE ATOMIC, WRITE AND VERIFY: what they do, what they refuse, and that nobody else
 * gets between their steps; SYNCHRONIZE CACHE that does not wait
 */
#include <check.h>

#include "scsi/lu_impl.h"
#include "scsi_fixture.h"

#define BLOCKS 2048u
#define NONE   SHEAF_TRANSFER_NONE
#define TO     SHEAF_TRANSFER_TO_TARGET
#define FROM   SHEAF_TRANSFER_FROM_TARGET

#define ILLEGAL_FIELD 0x052400u
#define OUT_OF_RANGE  0x052100u
#define PROTECTED     0x072700u
#define WRONG_WAY     0x0b4b00u
#define MISCOMPARE    0x0e1d00u
#define WRITE_ERROR   0x030c00u
#define READ_ERROR    0x031100u
#define NO_SPACE      0x072707u

static struct scsi_fixture f, other;
static uint8_t data[256 * 2 * 512];

static void open_512(void)
{
	fixture_open_two(&f, &other, BLOCKS * 512, 512, false);
	for (unsigned i = 0; i < BLOCKS * 512; i++)
		f.fake->bytes[i] = (uint8_t)(i / 512 + i % 512);
}

static void close_fixture(void)
{
	fixture_close_two(&f, &other);
}

static void cdb16(uint8_t *cdb, uint8_t opcode, uint8_t bits, uint64_t lba)
{
	memset(cdb, 0, 16);
	cdb[0] = opcode;
	cdb[1] = bits;
	sheaf_put_be64(cdb + 2, lba);
}

/* COMPARE AND WRITE with data of @bytes. */
static unsigned compare_and_write(uint8_t bits, uint64_t lba, uint8_t blocks, uint64_t bytes)
{
	uint8_t cdb[16];

	cdb16(cdb, 0x89, bits, lba);
	cdb[13] = blocks;
	return fixture_send(&f, cdb, 16, bytes ? TO : NONE, bytes ? data : NULL, bytes);
}

/* Data that compares, and @fill to write. */
static void expect(uint64_t lba, unsigned blocks, uint8_t fill)
{
	memcpy(data, f.fake->bytes + lba * 512, blocks * 512u);
	memset(data + blocks * 512u, fill, blocks * 512u);
}

START_TEST(compare_and_write_writes_what_compares)
{
	static const uint8_t counts[] = { 1, 2, 7, 8, 9, 255 };

	for (unsigned i = 0; i < sizeof(counts); i++) {
		uint64_t lba = BLOCKS - counts[i];
		expect(lba, counts[i], 0xb0);
		ck_assert_uint_eq(compare_and_write(0, lba, counts[i], counts[i] * 1024u), 0);
		ck_assert_uint_eq(f.response.bytes_transferred, counts[i] * 1024u);
		ck_assert_mem_eq(f.fake->bytes + lba * 512, data + counts[i] * 512u,
				 counts[i] * 512u);
	}
	ck_assert_uint_eq(f.fake->bytes[(BLOCKS - 256) * 512], (BLOCKS - 256) & 0xff);
	ck_assert_uint_eq(compare_and_write(0, 0, 0, 0), 0);
	ck_assert_uint_eq(compare_and_write(0, BLOCKS, 0, 0), 0);
}
END_TEST

START_TEST(compare_and_write_tells_where_it_miscompares)
{
	static const unsigned at[] = { 0, 1, 511, 512, 2047 };
	struct sheaf_sense sense = { 0 };

	for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		expect(9, 4, 0xb0);
		data[2047] ^= 0x80; /* a later one does not count */
		data[at[i]] ^= 0x01;
		ck_assert_uint_eq(compare_and_write(0, 9, 4, 4096), MISCOMPARE);
		fixture_sense(&f, &sense);
		ck_assert(sense.information_valid);
		ck_assert_uint_eq(sense.information, at[i]);
		ck_assert_uint_eq(f.fake->done[SHEAF_STORE_WRITE], 0);
	}
}
END_TEST

START_TEST(compare_and_write_with_fua_is_on_the_medium)
{
	expect(3, 1, 1);
	ck_assert_uint_eq(compare_and_write(0x12, 3, 1, 1024), 0); /* DPO, FUA_NV */
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_FLUSH], 0);
	expect(3, 1, 2);
	ck_assert_uint_eq(compare_and_write(0x08, 3, 1, 1024), 0);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_FLUSH], 1);
	expect(3, 1, 3);
	f.fake->fail[SHEAF_STORE_FLUSH] = -EIO;
	ck_assert_uint_eq(compare_and_write(0x08, 3, 1, 1024), WRITE_ERROR);
}
END_TEST

START_TEST(compare_and_write_refuses)
{
	struct sheaf_sense sense = { 0 };

	expect(0, 2, 0xb0);
	ck_assert_uint_eq(compare_and_write(0, BLOCKS - 1, 2, 2048), OUT_OF_RANGE);
	ck_assert_uint_eq(compare_and_write(0, UINT64_MAX, 1, 1024), OUT_OF_RANGE);
	/* More data than the CDB names, and less. */
	ck_assert_uint_eq(compare_and_write(0, 0, 1, 2048), ILLEGAL_FIELD);
	ck_assert_uint_eq(compare_and_write(0, 0, 3, 2048), ILLEGAL_FIELD);
	ck_assert_uint_eq(compare_and_write(0, 0, 0, 256 * 1024),
			  ILLEGAL_FIELD); /* 256 blocks, cut to a byte */
	fixture_sense(&f, &sense);
	ck_assert_uint_eq(sense.field_byte, 13);
	ck_assert_uint_eq(compare_and_write(0, 0, 1, 0), WRONG_WAY);
	ck_assert_uint_eq(compare_and_write(0x20, 0, 1, 1024), ILLEGAL_FIELD); /* WRPROTECT */
	fixture_sense(&f, &sense);
	ck_assert(sense.field_byte == 1 && sense.field_bit == 5);
	f.fake->fail[SHEAF_STORE_READ] = -EIO;
	ck_assert_uint_eq(compare_and_write(0, 0, 2, 2048), READ_ERROR);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_WRITE], 0);
	f.fake->fail[SHEAF_STORE_WRITE] = -ENOSPC;
	ck_assert_uint_eq(compare_and_write(0, 0, 2, 2048), NO_SPACE);
}
END_TEST

START_TEST(compare_and_write_limit_is_that_of_block_limits)
{
	uint8_t cdb[16] = { 0x12, 1, 0xb0, 0, 255 };
	struct sheaf_sense sense = { 0 };

	fixture_run(&f, cdb, 6, FROM, NULL, 255);
	ck_assert_uint_eq(f.data[5], 255);
	/* A longest transfer of 256 KiB has room for 32 blocks of 4096 bytes twice. */
	close_fixture();
	fixture_open(&f, BLOCKS * 4096, 4096, false);
	fixture_share(&other, &f);
	fixture_run(&f, cdb, 6, FROM, NULL, 255);
	ck_assert_uint_eq(f.data[5], 32);
	memset(f.fake->bytes, 0, BLOCKS * 4096);
	cdb16(cdb, 0x89, 0, 0);
	cdb[13] = 32;
	ck_assert_uint_eq(fixture_send(&f, cdb, 16, TO, NULL, 2 * 32 * 4096), MISCOMPARE); /* 0xee */
	cdb[13] = 33;
	fixture_run(&f, cdb, 16, TO, NULL, 2 * 33 * 4096);
	ck_assert_uint_eq(fixture_sense(&f, &sense), ILLEGAL_FIELD);
	ck_assert_uint_eq(sense.field_byte, 13);
}
END_TEST

START_TEST(data_that_changes_after_the_copy_is_not_what_is_compared_and_written)
{
	uint8_t cdb[16];

	expect(5, 1, 0x11);
	cdb16(cdb, 0x89, 0, 5);
	cdb[13] = 1;
	fixture_start(&f, cdb, 16, TO, 1024);
	memcpy(f.data, data, 1024);
	fixture_go(&f);
	memset(f.data, 0xff, 1024);
	fake_drain(f.fake);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	ck_assert_uint_eq(f.fake->bytes[5 * 512], 0x11);
}
END_TEST

/* Two initiators: f's command is between its accesses when other's overlapping one comes, which has to wait. */
START_TEST(others_wait_until_an_atomic_command_has_ended)
{
	static const struct {
		uint8_t opcode, count_byte, times;
	} commands[] = {
		{ 0x89, 13, 2 }, /* COMPARE AND WRITE */
		{ 0x8b, 13, 1 }, /* ORWRITE */
		{ 0x9c, 13, 1 }, /* WRITE ATOMIC */
		{ 0x8e, 13, 1 }, /* WRITE AND VERIFY */
	};
	static const uint8_t accesses[] = { 0x88, 0x8a };
	uint8_t cdb[16], access[16];
	unsigned i = (unsigned)_i / 2;
	bool write = _i % 2;

	cdb16(cdb, commands[i].opcode, 0, 10);
	cdb[commands[i].count_byte] = 2;
	fixture_start(&f, cdb, 16, TO, 1024u * commands[i].times);
	memset(f.data, 0x80, 1024u * commands[i].times);
	if (commands[i].opcode == 0x89)
		memcpy(f.data, f.fake->bytes + 10 * 512, 1024);
	fixture_go(&f);
	ck_assert_uint_eq(f.fake->queued, 1);

	cdb16(access, accesses[write], 0, 11);
	access[13] = 1;
	fixture_start(&other, access, 16, write ? TO : FROM, 512);
	if (write)
		memset(other.data, 0x01, 512);
	fixture_go(&other);
	ck_assert_uint_eq(f.fake->queued, 1);
	while (!f.ended) {
		ck_assert_uint_eq(other.ended, 0);
		fake_complete(f.fake, 0);
	}
	fake_drain(f.fake);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	ck_assert_uint_eq(other.ended, 1);
	ck_assert_uint_eq(fixture_sense(&other, NULL), 0);
	if (write)
		ck_assert_uint_eq(f.fake->bytes[11 * 512], 0x01);
	else
		ck_assert_mem_eq(other.data, f.fake->bytes + 11 * 512, 512);
	/* And beside it nobody waits. */
	access[9] = 12;
	fixture_start(&f, cdb, 16, TO, 1024u * commands[i].times);
	fixture_go(&f);
	fixture_start(&other, access, 16, write ? TO : FROM, 512);
	fixture_go(&other);
	ck_assert_uint_eq(f.fake->queued, 2);
	fake_drain(f.fake);
}
END_TEST

/* ORWRITE */

START_TEST(orwrite_sets_bits_in_pieces)
{
	static uint8_t was[520 * 512];
	uint8_t cdb[16];

	memcpy(was, f.fake->bytes + 3 * 512, sizeof(was));
	cdb16(cdb, 0x8b, 0x08, 3);
	sheaf_put_be32(cdb + 10, 512);
	fixture_start(&f, cdb, 16, TO, 512 * 512);
	for (unsigned i = 0; i < 512 * 512; i++)
		f.data[i] = (uint8_t)(i * 31);
	fixture_go(&f);
	fake_drain(f.fake);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	ck_assert_uint_eq(f.response.bytes_transferred, 512 * 512);
	ck_assert(f.fake->last_fua);
	for (unsigned i = 0; i < 512 * 512; i++)
		ck_assert_uint_eq(f.fake->bytes[3 * 512 + i], was[i] | (uint8_t)(i * 31));
	ck_assert_mem_eq(f.fake->bytes + 515 * 512, was + 512 * 512, 8 * 512);
}
END_TEST

START_TEST(orwrite_refuses)
{
	uint8_t cdb[16];

	cdb16(cdb, 0x8b, 0, BLOCKS);
	ck_assert_uint_eq(fixture_send(&f, cdb, 16, NONE, NULL, 0), 0); /* no blocks */
	cdb[13] = 1;
	ck_assert_uint_eq(fixture_send(&f, cdb, 16, TO, NULL, 512), OUT_OF_RANGE);
	cdb16(cdb, 0x8b, 0, 0);
	cdb[13] = 1;
	f.fake->fail[SHEAF_STORE_READ] = -EIO;
	ck_assert_uint_eq(fixture_send(&f, cdb, 16, TO, NULL, 512), READ_ERROR);
	f.fake->fail[SHEAF_STORE_WRITE] = -EIO;
	ck_assert_uint_eq(fixture_send(&f, cdb, 16, TO, NULL, 512), WRITE_ERROR);
}
END_TEST

/* WRITE ATOMIC */

START_TEST(write_atomic_is_one_access_within_its_limits)
{
	uint8_t cdb[16] = { 0x12, 1, 0xb0, 0, 255 };
	struct sheaf_sense sense = { 0 };
	uint32_t longest;

	fixture_run(&f, cdb, 6, FROM, NULL, 255);
	longest = sheaf_get_be32(f.data + 44); /* MAXIMUM ATOMIC TRANSFER LENGTH */
	ck_assert_uint_eq(longest, 512);
	for (unsigned at = 48; at < 64;
	     at += 4) /* ALIGNMENT, GRANULARITY, …WITH BOUNDARY, BOUNDARY SIZE */
		ck_assert_uint_eq(sheaf_get_be32(f.data + at), 0);
	cdb16(cdb, 0x9c, 0x08, 7);
	sheaf_put_be16(cdb + 12, (uint16_t)longest);
	ck_assert_uint_eq(fixture_send(&f, cdb, 16, TO, NULL, longest * 512u), 0);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_WRITE], 1);
	ck_assert(f.fake->last_fua);
	ck_assert_uint_eq(f.fake->bytes[7 * 512], 0xee);
	sheaf_put_be16(cdb + 12, (uint16_t)(longest + 1));
	fixture_run(&f, cdb, 16, TO, NULL, (longest + 1) * 512u);
	ck_assert_uint_eq(fixture_sense(&f, &sense), ILLEGAL_FIELD);
	ck_assert_uint_eq(sense.field_byte, 12);
	/* ATOMIC BOUNDARY: MAXIMUM ATOMIC BOUNDARY SIZE is 0. */
	cdb16(cdb, 0x9c, 0, 0);
	cdb[11] = 8;
	cdb[13] = 8;
	fixture_run(&f, cdb, 16, TO, NULL, 8 * 512);
	ck_assert_uint_eq(fixture_sense(&f, &sense), ILLEGAL_FIELD);
	ck_assert(sense.field_byte == 11 && sense.field_bit == 3);
	cdb16(cdb, 0x9c, 0, BLOCKS + 1);
	ck_assert_uint_eq(fixture_send(&f, cdb, 16, NONE, NULL, 0), OUT_OF_RANGE);
}
END_TEST

START_TEST(write_protected_refuses_them_all)
{
	static const uint8_t opcodes[] = { 0x89, 0x8b, 0x9c };
	uint8_t cdb[16];

	close_fixture();
	fixture_open(&f, BLOCKS * 512, 512, true);
	fixture_share(&other, &f);
	cdb16(cdb, opcodes[_i], 0, 0);
	cdb[13] = 1;
	ck_assert_uint_eq(fixture_send(&f, cdb, 16, TO, NULL, 1024), PROTECTED);
}
END_TEST

START_TEST(aborted_between_its_accesses_it_writes_nothing)
{
	uint8_t cdb[16];

	expect(5, 1, 0x11);
	cdb16(cdb, 0x89, 0, 5);
	cdb[13] = 1;
	fixture_start(&f, cdb, 16, TO, 1024);
	memcpy(f.data, data, 1024);
	fixture_go(&f);
	atomic_store(&f.lt.aborted_tag, f.lt.task.task_tag_identifier);
	fake_drain(f.fake);
	ck_assert_uint_eq(f.ended, 1);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_WRITE], 0);
	atomic_store(&f.lt.aborted_tag, 0);
}
END_TEST

/* SYNCHRONIZE CACHE with IMMED */

static void write_one(struct scsi_fixture *who)
{
	uint8_t cdb[16] = { 0x2a, 0, 0, 0, 0, 0, 0, 0, 1 };

	ck_assert_uint_eq(fixture_send(who, cdb, 10, TO, NULL, 512), 0);
}

static void start_immed(struct scsi_fixture *who)
{
	static const uint8_t cdb[16] = { 0x35, 0x02 };

	fixture_start(who, cdb, 10, NONE, 0);
	fixture_go(who);
}

START_TEST(immed_is_good_at_once_and_the_flush_goes_on)
{
	uint8_t cdb[16] = { 0x35 };

	start_immed(&f); /* nothing to flush */
	ck_assert(f.ended == 1 && f.fake->queued == 0);
	write_one(&f);
	start_immed(&f);
	ck_assert_uint_eq(f.ended, 1);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	ck_assert_uint_eq(f.fake->queued, 1);
	/* A second one, while it goes on, waits for a flush of its own. */
	start_immed(&other);
	ck_assert_uint_eq(other.ended, 0);
	ck_assert_uint_eq(f.fake->queued, 2);
	fake_drain(f.fake);
	ck_assert_uint_eq(other.ended, 1);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_FLUSH], 2);
	fixture_run(&f, cdb, 10, NONE, NULL, 0); /* all is on the medium */
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_FLUSH], 2);
}
END_TEST

START_TEST(immed_that_fails_is_told_later_and_flushed_again)
{
	static const uint8_t tur[16] = { 0 }, inquiry[16] = { 0x12, 0, 0, 0, 5 },
			     sync[16] = { 0x35 };
	struct sheaf_sense sense = { 0 };

	write_one(&f);
	f.fake->fail[SHEAF_STORE_FLUSH] = -EIO;
	start_immed(&other);
	ck_assert_uint_eq(fixture_sense(&other, NULL), 0);
	fake_drain(f.fake);
	/* Only who asked is told, by a command that can tell, once. */
	ck_assert_uint_eq(fixture_send(&f, tur, 6, NONE, NULL, 0), 0);
	ck_assert_uint_eq(fixture_send(&other, inquiry, 6, FROM, NULL, 5), 0);
	fixture_run(&other, tur, 6, NONE, NULL, 0);
	ck_assert_uint_eq(fixture_sense(&other, &sense), WRITE_ERROR);
	ck_assert(sense.deferred);
	ck_assert_uint_eq(other.response.sense_buffer[0] & 0x7f, 0x71);
	ck_assert_uint_eq(fixture_send(&other, tur, 6, NONE, NULL, 0), 0);
	/* What was not flushed is still due. */
	ck_assert_uint_eq(fixture_send(&f, sync, 10, NONE, NULL, 0), 0);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_FLUSH], 2);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("atomic");
	TCase *tc = tcase_create("atomic");

	tcase_add_checked_fixture(tc, open_512, close_fixture);
	tcase_add_test(tc, compare_and_write_writes_what_compares);
	tcase_add_test(tc, compare_and_write_tells_where_it_miscompares);
	tcase_add_test(tc, compare_and_write_with_fua_is_on_the_medium);
	tcase_add_test(tc, compare_and_write_refuses);
	tcase_add_test(tc, compare_and_write_limit_is_that_of_block_limits);
	tcase_add_test(tc, data_that_changes_after_the_copy_is_not_what_is_compared_and_written);
	tcase_add_loop_test(tc, others_wait_until_an_atomic_command_has_ended, 0, 8);
	tcase_add_test(tc, orwrite_sets_bits_in_pieces);
	tcase_add_test(tc, orwrite_refuses);
	tcase_add_test(tc, write_atomic_is_one_access_within_its_limits);
	tcase_add_loop_test(tc, write_protected_refuses_them_all, 0, 3);
	tcase_add_test(tc, aborted_between_its_accesses_it_writes_nothing);
	tcase_add_test(tc, immed_is_good_at_once_and_the_flush_goes_on);
	tcase_add_test(tc, immed_that_fails_is_told_later_and_flushed_again);
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
