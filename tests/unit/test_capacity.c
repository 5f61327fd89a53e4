/* SPDX-License-Identifier: MIT */
/* test_capacity.c - an LU gets another size while commands run: what is said, what is refused, what goes on */
#include <check.h>

#include "scsi_fixture.h"

#define BLOCK	    512u
#define BLOCKS	    64u
#define ATTENTION   ((unsigned)SHEAF_KEY_UNIT_ATTENTION << 16 | SHEAF_ASC_CAPACITY_DATA_HAS_CHANGED)
#define OUT_OF_RANGE ((unsigned)SHEAF_KEY_ILLEGAL_REQUEST << 16 | SHEAF_ASC_LBA_OUT_OF_RANGE)

static struct scsi_fixture f;

static void setup(void)
{
	fixture_open(&f, BLOCKS * BLOCK, BLOCK, false);
}

static void teardown(void)
{
	fixture_close(&f);
}

static unsigned test_unit_ready(void)
{
	fixture_run(&f, (const uint8_t[6]){ 0 }, 6, SHEAF_TRANSFER_NONE, NULL, 0);
	return fixture_sense(&f, NULL);
}

static void read_10(uint8_t cdb[10], uint32_t lba, uint16_t count)
{
	memset(cdb, 0, 10);
	cdb[0] = 0x28;
	sheaf_put_be32(cdb + 2, lba);
	sheaf_put_be16(cdb + 7, count);
}

static unsigned read_blocks(uint32_t lba, uint16_t count, struct sheaf_sense *ret)
{
	uint8_t cdb[10];

	read_10(cdb, lba, count);
	fixture_run(&f, cdb, 10, SHEAF_TRANSFER_FROM_TARGET, NULL, count * BLOCK);
	return fixture_sense(&f, ret);
}

/* The last block's address, by both commands. */
static uint64_t last_lba(void)
{
	static const uint8_t cdb_10[10] = { 0x25 };
	static const uint8_t cdb_16[16] = { 0x9e, 0x10, [13] = 32 };
	uint32_t narrow;

	fixture_run(&f, cdb_10, 10, SHEAF_TRANSFER_FROM_TARGET, NULL, 8);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	narrow = sheaf_get_be32(f.data);
	fixture_run(&f, cdb_16, 16, SHEAF_TRANSFER_FROM_TARGET, NULL, 32);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	ck_assert_uint_eq(sheaf_get_be64(f.data), narrow);
	return narrow;
}

/* EXTENDED SELF-TEST COMPLETION TIME in the control mode page, seconds at 256 MiB/s. */
static unsigned self_test_time(void)
{
	static const uint8_t cdb[6] = { 0x1a, 0x08, 0x0a, 0, 64 };

	fixture_run(&f, cdb, 6, SHEAF_TRANSFER_FROM_TARGET, NULL, 64);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	return sheaf_get_be16(f.data + 4 + 10);
}

START_TEST(self_test_time_follows_the_size)
{
	uint64_t size = UINT64_C(1) << 30;

	ck_assert_uint_eq(self_test_time(), 1);
	f.fake->store.size_bytes = size;
	ck_assert_int_eq(sheaf_lu_resize(f.lu, size / BLOCK), 0);
	ck_assert_uint_eq(test_unit_ready(), ATTENTION);
	ck_assert_uint_eq(self_test_time(), 5);
}
END_TEST

START_TEST(new_size_is_told_once_and_counts_at_once)
{
	struct sheaf_sense sense;

	ck_assert_int_eq(sheaf_lu_resize(f.lu, 16), 0);
	ck_assert_uint_eq(sheaf_lu_blocks(f.lu), 16);
	ck_assert_uint_eq(test_unit_ready(), ATTENTION);
	ck_assert_uint_eq(test_unit_ready(), 0);
	ck_assert_uint_eq(last_lba(), 15);
	ck_assert_uint_eq(read_blocks(15, 1, NULL), 0);
	ck_assert_uint_eq(read_blocks(15, 2, &sense), OUT_OF_RANGE);
	ck_assert_uint_eq(sense.information, 16);
	ck_assert_uint_eq(read_blocks(20, 1, &sense), OUT_OF_RANGE);
	ck_assert_uint_eq(sense.information, 20);
	ck_assert_int_eq(sheaf_lu_resize(f.lu, BLOCKS), 0);
	ck_assert_uint_eq(test_unit_ready(), ATTENTION);
	ck_assert_uint_eq(last_lba(), BLOCKS - 1);
	ck_assert_uint_eq(read_blocks(BLOCKS - 1, 1, NULL), 0);
}
END_TEST

START_TEST(same_size_is_no_news)
{
	ck_assert_int_eq(sheaf_lu_resize(f.lu, BLOCKS), 0);
	ck_assert_uint_eq(test_unit_ready(), 0);
}
END_TEST

START_TEST(size_that_the_store_has_not_is_refused)
{
	ck_assert_int_eq(sheaf_lu_resize(f.lu, 0), -EINVAL);
	ck_assert_int_eq(sheaf_lu_resize(f.lu, BLOCKS + 1), -EINVAL);
	ck_assert_int_eq(sheaf_lu_resize(f.lu, UINT64_MAX), -EINVAL);
	ck_assert_uint_eq(sheaf_lu_blocks(f.lu), BLOCKS);
	ck_assert_uint_eq(test_unit_ready(), 0);
}
END_TEST

/* INQUIRY, REPORT LUNS and REQUEST SENSE are answered as ever; REQUEST SENSE takes the news. */
START_TEST(commands_that_pass_attentions_leave_it)
{
	static const uint8_t inquiry[6] = { 0x12, 0, 0, 0, 36, 0 };
	static const uint8_t request_sense[6] = { 0x03, 0, 0, 0, 18, 0 };

	ck_assert_int_eq(sheaf_lu_resize(f.lu, 16), 0);
	fixture_run(&f, inquiry, 6, SHEAF_TRANSFER_FROM_TARGET, NULL, 36);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	fixture_run(&f, request_sense, 6, SHEAF_TRANSFER_FROM_TARGET, NULL, 18);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	ck_assert_uint_eq(f.data[2] & 0x0f, SHEAF_KEY_UNIT_ATTENTION);
	ck_assert_uint_eq(f.data[12], 0x2a);
	ck_assert_uint_eq(f.data[13], 0x09);
	ck_assert_uint_eq(test_unit_ready(), 0);
}
END_TEST

/* The store shrinks when it has ended, so it may. */
START_TEST(command_that_has_begun_ends_as_it_began)
{
	uint8_t cdb[10];

	read_10(cdb, BLOCKS - 4, 4);
	memset(f.fake->bytes + (BLOCKS - 4) * BLOCK, 0x77, 4 * BLOCK);
	fixture_start(&f, cdb, 10, SHEAF_TRANSFER_FROM_TARGET, 4 * BLOCK);
	fixture_go(&f);
	ck_assert_uint_eq(f.ended, 0);
	ck_assert_int_eq(sheaf_lu_resize(f.lu, 8), 0);
	fake_drain(f.fake);
	ck_assert_uint_eq(f.ended, 1);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	ck_assert_uint_eq(f.data[4 * BLOCK - 1], 0x77);
}
END_TEST

/* A READ that overlaps waits for COMPARE AND WRITE; INFORMATION is the first block of it that there is not any more. */
START_TEST(command_that_waits_is_checked_against_the_new_size)
{
	static const uint8_t compare_and_write[16] = { 0x89, [9] = 40, [13] = 1 };
	struct scsi_fixture other;
	struct sheaf_sense sense;
	uint8_t cdb[10];

	fixture_share(&other, &f);
	other.initiator = 1;
	fixture_start(&f, compare_and_write, 16, SHEAF_TRANSFER_TO_TARGET, 2 * BLOCK);
	memset(f.data, 0, 2 * BLOCK);
	fixture_go(&f);
	read_10(cdb, 40, 1);
	fixture_start(&other, cdb, 10, SHEAF_TRANSFER_FROM_TARGET, BLOCK);
	fixture_go(&other);
	ck_assert_int_eq(sheaf_lu_resize(f.lu, _i), 0);
	fake_drain(f.fake);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	ck_assert_uint_eq(other.ended, 1);
	ck_assert_uint_eq(fixture_sense(&other, &sense), OUT_OF_RANGE);
	ck_assert_uint_eq(sense.information, 40);
	free(other.data);
}
END_TEST

/* UNMAP of several ranges, and GET LBA STATUS over several extents, access after access. */
START_TEST(command_of_several_accesses_goes_on_past_the_new_end)
{
	uint8_t unmap[10] = { 0x42 }, list[8 + 2 * 16] = { 0 };

	memset(f.fake->mapped, true, BLOCKS * sizeof(bool));
	sheaf_put_be16(unmap + 7, sizeof(list));
	sheaf_put_be16(list, sizeof(list) - 2);
	sheaf_put_be16(list + 2, sizeof(list) - 8);
	sheaf_put_be64(list + 8, 0);
	sheaf_put_be32(list + 16, 4);
	sheaf_put_be64(list + 24, BLOCKS - 4);
	sheaf_put_be32(list + 32, 4);
	fixture_start(&f, unmap, 10, SHEAF_TRANSFER_TO_TARGET, sizeof(list));
	memcpy(f.data, list, sizeof(list));
	fixture_go(&f);
	ck_assert_uint_eq(f.fake->queued, 1);
	ck_assert_int_eq(sheaf_lu_resize(f.lu, 8), 0);
	fake_drain(f.fake);
	ck_assert_uint_eq(f.ended, 1);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	ck_assert(!f.fake->mapped[BLOCKS - 1]);
	ck_assert(f.fake->mapped[8]);
}
END_TEST

START_TEST(lba_status_in_flight_keeps_to_the_size_that_it_began_with)
{
	uint8_t status[16] = { 0x9e, 0x12, [13] = 8 + 3 * 16 };
	uint64_t blocks = 0;

	f.fake->mapped[1] = f.fake->mapped[30] = true;
	fixture_start(&f, status, 16, SHEAF_TRANSFER_FROM_TARGET, 8 + 3 * 16);
	fixture_go(&f);
	ck_assert_uint_eq(f.fake->queued, 1);
	ck_assert_int_eq(sheaf_lu_resize(f.lu, _i ? 2 : BLOCKS / 2), 0);
	fake_drain(f.fake);
	ck_assert_uint_eq(f.ended, 1);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_uint_eq(sheaf_get_be64(f.data + 8 + 16 * i), blocks);
		blocks += sheaf_get_be32(f.data + 8 + 16 * i + 8);
	}
	ck_assert_uint_eq(blocks, 30);
}
END_TEST

/* SANITIZE, BLOCK ERASE, with IMMED: no command is out, and all blocks are on their way. */
START_TEST(unit_that_is_sanitized_grows_and_does_not_shrink)
{
	static const uint8_t erase[10] = { 0x48, 0x82 };

	/* The LU is shorter than its store, so that it may grow. */
	ck_assert_int_eq(sheaf_lu_resize(f.lu, 16), 0);
	ck_assert_uint_eq(test_unit_ready(), ATTENTION);
	fixture_start(&f, erase, 10, SHEAF_TRANSFER_NONE, 0);
	fixture_go(&f);
	ck_assert_uint_eq(f.ended, 1);
	fake_keep_all(f.fake);
	ck_assert_uint_eq(f.fake->queued, 1);
	ck_assert_int_eq(sheaf_lu_resize(f.lu, 8), -EBUSY);
	ck_assert_uint_eq(sheaf_lu_blocks(f.lu), 16);
	ck_assert_int_eq(sheaf_lu_resize(f.lu, 16), 0);
	ck_assert_int_eq(sheaf_lu_resize(f.lu, BLOCKS), 0);
	memset(f.fake->mapped, true, BLOCKS * sizeof(bool));
	fake_drain(f.fake);
	/* What came meanwhile is erased as well. */
	ck_assert(!f.fake->mapped[0] && !f.fake->mapped[BLOCKS - 1]);
	ck_assert_int_eq(sheaf_lu_resize(f.lu, 8), 0);
}
END_TEST

/*
 * VERIFY and WRITE SAME of several pieces: the LU shrinks between two of them. They
 * end as they began; when they have ended nothing is in flight, so that the store may shrink, and the same again is out of range.
 */
static const struct {
	const char *name;
	uint8_t cdb[16];
	uint32_t data;
	uint8_t fill;
	bool refuses_to_clear;
	unsigned accesses;
} in_pieces[] = {
	{ "VERIFY", { 0x8f, [12] = 0x08, 0x00 }, 0, 0, false, 4 },
	{ "VERIFY, BYTCHK 3", { 0x8f, 0x06, [12] = 0x08, 0x00 }, BLOCK, 0x5a, false, 4 },
	{ "WRITE SAME", { 0x93, [12] = 0x08, 0x00 }, BLOCK, 0x5a, false, 4 },
	{ "WRITE SAME, UNMAP of what cannot be", { 0x93, 0x08, [12] = 0x08, 0x00 }, BLOCK, 0, true, 6 },
};

START_TEST(command_in_pieces_ends_as_it_began)
{
	enum sheaf_transfer_direction direction = in_pieces[_i].data ? SHEAF_TRANSFER_TO_TARGET : SHEAF_TRANSFER_NONE;
	struct sheaf_sense sense = { 0 };
	struct scsi_fixture g;
	unsigned accesses = 0;

	fixture_open(&g, 2048 * BLOCK, BLOCK, false); /* pieces of 512 blocks */
	if (in_pieces[_i].refuses_to_clear) {
		g.fake->fail[SHEAF_STORE_DISCARD] = -EOPNOTSUPP;
		g.fake->fail[SHEAF_STORE_ZERO] = -EOPNOTSUPP;
	}
	fixture_start(&g, in_pieces[_i].cdb, 16, direction, in_pieces[_i].data);
	if (g.data)
		memset(g.data, in_pieces[_i].fill, in_pieces[_i].data);
	memset(g.fake->bytes, in_pieces[_i].fill, 2048 * BLOCK);
	fixture_go(&g);
	for (; g.fake->queued; accesses++) {
		ck_assert_uint_eq(g.ended, 0);
		if (accesses == 1)
			ck_assert_int_eq(sheaf_lu_resize(g.lu, 16), 0);
		fake_complete(g.fake, 0);
	}
	ck_assert_msg(accesses == in_pieces[_i].accesses, "%s: %u accesses", in_pieces[_i].name, accesses);
	ck_assert_uint_eq(g.ended, 1);
	ck_assert_uint_eq(fixture_sense(&g, NULL), 0);
	ck_assert_uint_eq(g.response.bytes_transferred, in_pieces[_i].data);
	g.fake->store.size_bytes = 16 * BLOCK;
	sheaf_lu_take_attention(g.lu, 0);
	fixture_run(&g, in_pieces[_i].cdb, 16, direction, NULL, in_pieces[_i].data);
	ck_assert_uint_eq(fixture_sense(&g, &sense), OUT_OF_RANGE);
	ck_assert_uint_eq(sense.information, 16);
	fixture_close(&g);
}
END_TEST

/* One that waits in the gate has not begun: its range is looked at again. */
START_TEST(command_that_waited_is_out_of_range)
{
	static const uint8_t atomic[16] = { 0x9c, [13] = 64 }, verify[16] = { 0x8f, [13] = 64 };
	struct sheaf_sense sense = { 0 };
	struct scsi_fixture other;

	fixture_share(&other, &f);
	other.initiator = 1;
	fixture_start(&f, atomic, 16, SHEAF_TRANSFER_TO_TARGET, 64 * BLOCK);
	fixture_go(&f);
	fixture_start(&other, verify, 16, SHEAF_TRANSFER_NONE, 0);
	fixture_go(&other);
	ck_assert_uint_eq(f.fake->queued, 1);
	ck_assert_int_eq(sheaf_lu_resize(f.lu, 16), 0);
	fake_drain(f.fake);
	ck_assert_uint_eq(f.ended, 1);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	ck_assert_uint_eq(other.ended, 1);
	ck_assert_uint_eq(fixture_sense(&other, &sense), OUT_OF_RANGE);
	ck_assert_uint_eq(sense.information, 16);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_READ], 0);
	free(other.data);
}
END_TEST

/* FORMAT UNIT and SANITIZE, with IMMED and without, all along their way. */
static const struct {
	uint8_t cdb[10], size;
} upkeep[] = {
	{ { 0x04 }, 6 },
	{ { 0x48, 0x02 }, 10 },
	{ { 0x48, 0x82 }, 10 },
};

START_TEST(unit_that_is_gone_over_does_not_shrink_until_that_is_done)
{
	unsigned accesses = 0;

	fixture_start(&f, upkeep[_i].cdb, upkeep[_i].size, SHEAF_TRANSFER_NONE, 0);
	fixture_go(&f);
	ck_assert_int_eq(sheaf_lu_resize(f.lu, 8), -EBUSY);
	while (fake_keep_all(f.fake) || f.fake->queued) {
		if (!f.fake->queued)
			continue;
		ck_assert_int_eq(sheaf_lu_resize(f.lu, 8), -EBUSY);
		ck_assert_uint_eq(sheaf_lu_blocks(f.lu), BLOCKS);
		fake_complete(f.fake, 0);
		accesses++;
	}
	ck_assert_uint_eq(accesses, 2); /* and a flush */
	ck_assert_uint_eq(f.ended, 1);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	ck_assert_int_eq(sheaf_lu_resize(f.lu, 8), 0);
	f.fake->store.size_bytes = 8 * BLOCK;
	ck_assert_uint_eq(test_unit_ready(), ATTENTION);
	fixture_run(&f, upkeep[_i].cdb, upkeep[_i].size, SHEAF_TRANSFER_NONE, NULL, 0);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
}
END_TEST

/* SEND DIAGNOSTIC, foreground extended: a piece after another, to the end that it began with. */
START_TEST(self_test_goes_on_past_the_new_end)
{
	static const uint8_t test[6] = { 0x1d, 6 << 5 };

	fixture_start(&f, test, 6, SHEAF_TRANSFER_NONE, 0);
	fixture_go(&f);
	ck_assert_uint_eq(f.fake->queued, 1);
	ck_assert_int_eq(sheaf_lu_resize(f.lu, 1), 0);
	fake_drain(f.fake);
	ck_assert_uint_eq(f.ended, 1);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("capacity");
	TCase *tc = tcase_create("capacity");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, self_test_time_follows_the_size);
	tcase_add_test(tc, new_size_is_told_once_and_counts_at_once);
	tcase_add_test(tc, same_size_is_no_news);
	tcase_add_test(tc, size_that_the_store_has_not_is_refused);
	tcase_add_test(tc, commands_that_pass_attentions_leave_it);
	tcase_add_test(tc, command_that_has_begun_ends_as_it_began);
	tcase_add_loop_test(tc, command_that_waits_is_checked_against_the_new_size, 39, 41);
	tcase_add_test(tc, command_of_several_accesses_goes_on_past_the_new_end);
	tcase_add_loop_test(tc, lba_status_in_flight_keeps_to_the_size_that_it_began_with, 0, 2);
	tcase_add_test(tc, unit_that_is_sanitized_grows_and_does_not_shrink);
	tcase_add_loop_test(tc, command_in_pieces_ends_as_it_began, 0, (int)(sizeof(in_pieces) / sizeof(in_pieces[0])));
	tcase_add_test(tc, command_that_waited_is_out_of_range);
	tcase_add_loop_test(tc, unit_that_is_gone_over_does_not_shrink_until_that_is_done, 0,
			    (int)(sizeof(upkeep) / sizeof(upkeep[0])));
	tcase_add_test(tc, self_test_goes_on_past_the_new_end);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
