/* SPDX-License-Identifier: MIT */
/*
 * test_log.c - LOG SENSE and LOG SELECT: byte layouts and rules as SPC-4 (sections 6.7, 6.8, 7.3) and SBC-4 (6.4.5, 6.6.7) print them
 *
 * Loops are only what the LU sees of them: a time, and how often they slept.
 */
#include <check.h>
#include <stdio.h>

#include "scsi/lu_impl.h"
#include "scsi_fixture.h"

#define BLOCKS 4096u
#define BLOCK  512u
#define NONE   SHEAF_TRANSFER_NONE
#define TO     SHEAF_TRANSFER_TO_TARGET
#define FROM   SHEAF_TRANSFER_FROM_TARGET
#define US     UINT64_C(1000)
#define MS     UINT64_C(1000000)

#define ILLEGAL_FIELD	  0x052400u
#define ILLEGAL_PARAMETER 0x052600u
#define LIST_LENGTH	  0x051a00u
#define LOG_CHANGED	  0x062a02u

struct fake_loop {
	uint64_t now_ns;
	struct sheaf_loop_stats stats;
};

static struct fake_loop loops[2];
static struct scsi_fixture f, other;

const uint64_t *__wrap_sheaf_loop_clock(const struct sheaf_loop *loop);
const struct sheaf_loop_stats *__wrap_sheaf_loop_stats(const struct sheaf_loop *loop);

const uint64_t *__wrap_sheaf_loop_clock(const struct sheaf_loop *loop)
{
	return &((const struct fake_loop *)loop)->now_ns;
}

const struct sheaf_loop_stats *__wrap_sheaf_loop_stats(const struct sheaf_loop *loop)
{
	return &((const struct fake_loop *)loop)->stats;
}

/* The next turn of all loops, after a sleep. */
static void pass(uint64_t ns)
{
	for (unsigned i = 0; i < 2; i++) {
		loops[i].now_ns += ns;
		sheaf_count_add(&loops[i].stats.sleeps, 1);
	}
}

static void open_two(void)
{
	fixture_open(&f, BLOCKS * BLOCK, BLOCK, false);
	f.fake->store.can_measure = true;
	f.fake->space = (struct sheaf_store_space){ 3 << 20, 5 << 20 };
	fixture_share(&other, &f);
	other.initiator = 1;
	for (unsigned i = 0; i < 2; i++)
		loops[i].now_ns = f.lu->born_ns;
	f.loop = (struct sheaf_loop *)&loops[0];
	other.loop = (struct sheaf_loop *)&loops[1];
}

static void close_two(void)
{
	free(other.data);
	fixture_close(&f);
}

static unsigned in(struct scsi_fixture *t, const uint8_t *cdb, unsigned size, uint64_t count)
{
	fixture_run(t, cdb, size, count ? FROM : NONE, NULL, count);
	return fixture_sense(t, NULL);
}

static unsigned out(struct scsi_fixture *t, const uint8_t *cdb, unsigned size, const void *data,
		    uint64_t count)
{
	fixture_run(t, cdb, size, count ? TO : NONE, data, count);
	return fixture_sense(t, NULL);
}

/* The last command was refused, and the field is named. */
static void refused(unsigned as, uint16_t byte, int8_t bit, const char *what)
{
	struct sheaf_sense sense = { 0 };

	ck_assert_msg(fixture_sense(&f, &sense) == as, "%s: %x", what, fixture_sense(&f, NULL));
	ck_assert_msg(sense.field_byte == byte && sense.field_bit == bit, "%s: %u, %d", what,
		      sense.field_byte, sense.field_bit);
}

static void refuses(const uint8_t *cdb, unsigned size, enum sheaf_transfer_direction direction,
		    uint64_t count, uint16_t byte, int8_t bit)
{
	char what[32];

	snprintf(what, sizeof(what), "%02x %02x %02x %02x", cdb[0], cdb[1], cdb[2], cdb[3]);
	fixture_run(&f, cdb, size, count ? direction : NONE, NULL, count);
	refused(ILLEGAL_FIELD, byte, bit, what);
}

static void answered(const struct scsi_fixture *t, const uint8_t *bytes, uint64_t length)
{
	ck_assert_uint_eq(t->response.bytes_transferred, length);
	ck_assert_mem_eq(t->data, bytes, length);
}

/* A number of page 19h: the first parameter's eight, the idle time as the ninth. */
static uint64_t statistic(unsigned index)
{
	static const uint8_t cdb[10] = { 0x4d, 0, 0x59, [8] = 96 };

	ck_assert_uint_eq(in(&f, cdb, 10, 96), 0);
	return sheaf_get_be64(f.data + (index < 8 ? 8 + 8 * index : 76));
}

enum { READS, WRITES, RECEIVED, TRANSMITTED, READ_TIME, WRITE_TIME, WEIGHTED, WEIGHTED_TIME, IDLE };

static const uint8_t read_2[10] = { 0x28, [5] = 16, [8] = 2 };

START_TEST(log_pages_are_listed)
{
	static const uint8_t list[10] = { 0x4d, 0, 0x40, [8] = 64 };
	static const uint8_t with_subpages[10] = { 0x4d, 0, 0x40, 0xff, [8] = 64 };
	static const uint8_t is[10] = { 0, 0, 0, 6, 0x00, 0x0c, 0x0e, 0x10, 0x19, 0x2f };
	static const uint8_t is_with[18] = { 0x40, 0xff, 0,	 14, 0,	   0, 0,    0xff, 0x0c,
					     0,	   0x0e, 0, 0x10, 0,  0x19, 0,	  0x2f, 0 };

	ck_assert_uint_eq(in(&f, list, 10, 64), 0);
	answered(&f, is, 10);
	ck_assert_uint_eq(in(&f, with_subpages, 10, 64), 0);
	answered(&f, is_with, 18);
}
END_TEST

START_TEST(log_pages_have_their_parameters)
{
	static const uint8_t cycles[10] = { 0x4d, 0, 0x4e, [8] = 64 };
	static const uint8_t exceptions[10] = { 0x4d, 0, 0x6f, [8] = 64 };
	static const uint8_t are[20] = { 0x8e, 0,    0, 16, 0,	  3, 0x23, 4, 0xff, 0xff,
					 0xff, 0xff, 0, 4,  0x23, 4, 0,	   0, 0,    1 };
	static const uint8_t none[12] = { 0xaf, 0, 0, 8, 0, 0, 0x23, 4, 0, 0, 0xff, 0xff };
	static const uint8_t stop[6] = { 0x1b };

	out(&f, stop, 6, NULL, 0);
	ck_assert_uint_eq(in(&f, cycles, 10, 64), 0); /* also while it is stopped */
	answered(&f, are, 20);
	ck_assert_uint_eq(in(&f, exceptions, 10, 64), 0);
	answered(&f, none, 12);
}
END_TEST

START_TEST(parameter_pointer_and_allocation_length_cut_a_page)
{
	static const uint8_t from_4[10] = { 0x4d, 0, 0x4e, 0, 0, 0, 4, 0, 64 };
	static const uint8_t from_5[10] = { 0x4d, 0, 0x4e, 0, 0, 0, 5, 0, 64 };
	static const uint8_t list_from_1[10] = { 0x4d, 0, 0x40, 0, 0, 0, 1, 0, 64 };
	static const uint8_t of_6[10] = { 0x4d, 0, 0x4e, [8] = 6 };
	static const uint8_t are[12] = { 0x8e, 0, 0, 8, 0, 4, 0x23, 4, 0, 0, 0, 0 };
	static const uint8_t cut[6] = { 0x8e, 0, 0, 16, 0, 3 };

	ck_assert_uint_eq(in(&f, from_4, 10, 64), 0);
	answered(&f, are, 12);
	refuses(from_5, 10, FROM, 64, 5, 7);
	refuses(list_from_1, 10, FROM, 64, 5, 7);
	ck_assert_uint_eq(in(&f, of_6, 10, 64), 0);
	answered(&f, cut, 6);
}
END_TEST

START_TEST(log_pages_and_values_that_there_are_not_are_refused)
{
	static const struct {
		uint8_t cdb[10];
		uint16_t byte;
		int8_t bit;
	} rows[] = {
		{ { 0x4d, 0, 0x4d, [8] = 64 }, 2, 5 }, /* temperature */
		{ { 0x4d, 0, 0x7f, 0xff, [8] = 64 }, 2, 5 },
		{ { 0x4d, 0, 0x4e, 0x01, [8] = 64 }, 3, 7 },
		{ { 0x4d, 0, 0x40, 0x01, [8] = 64 }, 3, 7 },
		{ { 0x4d, 0, 0x19, [8] = 64 }, 2, 7 },	  /* thresholds of counters */
		{ { 0x4d, 0, 0x99, [8] = 64 }, 2, 7 },
		{ { 0x4d, 0, 0x59, 0x01, [8] = 64 }, 3, 7 }, /* of a group of commands */
		{ { 0x4d, 0x01, 0x4e, [8] = 64 }, 1, 0 }, /* SP */
		{ { 0x4d, 0x02, 0x4e, [8] = 64 }, 1, 1 }, /* PPC, obsolete */
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		refuses(rows[i].cdb, 10, FROM, 64, rows[i].byte, rows[i].bit);
}
END_TEST

START_TEST(pc_is_ignored_for_lists_and_chooses_default_counters)
{
	static const uint8_t pcs[4] = { 0x0e, 0x4e, 0x8e, 0xce };
	static const uint8_t defaults[10] = { 0x4d, 0, 0xd9, [8] = 96 };
	static const uint8_t zeros[64];

	for (unsigned i = 0; i < 4; i++) {
		const uint8_t cdb[10] = { 0x4d, 0, pcs[i], [8] = 64 };

		ck_assert_uint_eq(in(&f, cdb, 10, 64), 0);
		ck_assert_uint_eq(f.response.bytes_transferred, 20);
	}
	in(&f, read_2, 10, 1024);
	ck_assert_uint_eq(statistic(READS), 1);
	ck_assert_uint_eq(in(&f, defaults, 10, 96), 0);
	ck_assert_mem_eq(f.data + 8, zeros, 64);
}
END_TEST

/* Threshold sets of 8 blocks: 4 KiB. */
START_TEST(provisioning_page_counts_threshold_sets)
{
	static const uint8_t vpd[6] = { 0x12, 1, 0xb2, 0, 64 };
	static const uint8_t cdb[10] = { 0x4d, 0, 0x4c, [8] = 64 };
	static const uint8_t is[28] = { 0x8c, 0, 0, 24, 0, 1, 0x23, 8, 0, 0, 5, 0, 2, 0, 0, 0,
					0,    2, 0x23, 8, 0, 0, 3, 1, 1, 0, 0, 0 };
	static const uint8_t used_only[16] = { 0x8c, 0, 0, 12, 0, 2, 0x23, 8, 0, 0, 0, 0, 1, 0, 0, 0 };

	ck_assert_uint_eq(in(&f, vpd, 6, 64), 0);
	ck_assert_uint_eq(f.data[4], 3);
	/* Used up to the last set that is begun; of what is free, whole ones. */
	f.fake->space = (struct sheaf_store_space){ (3 << 20) + 512, (5 << 20) + 4095 };
	ck_assert_uint_eq(in(&f, cdb, 10, 64), 0);
	answered(&f, is, 28);
	f.fake->space = (struct sheaf_store_space){ 0, SHEAF_STORE_SPACE_UNKNOWN };
	ck_assert_uint_eq(in(&f, cdb, 10, 64), 0);
	answered(&f, used_only, 16);
	f.fake->space.available_bytes = UINT64_MAX - 1;
	ck_assert_uint_eq(in(&f, cdb, 10, 64), 0);
	ck_assert_uint_eq(sheaf_get_be32(f.data + 8), UINT32_MAX);
	f.fake->measure_result = -EIO;
	ck_assert_uint_eq(in(&f, cdb, 10, 64), 0x031100);
}
END_TEST

START_TEST(provisioning_page_is_there_where_the_store_can_tell)
{
	static const uint8_t vpd[6] = { 0x12, 1, 0xb2, 0, 64 };
	static const uint8_t cdb[10] = { 0x4d, 0, 0x4c, [8] = 64 };
	static const uint8_t list[10] = { 0x4d, 0, 0x40, [8] = 64 };
	static const uint8_t is[9] = { 0, 0, 0, 5, 0x00, 0x0e, 0x10, 0x19, 0x2f };

	for (unsigned i = 0; i < 2; i++) {
		f.fake->store.can_measure = i != 0;
		f.fake->store.can_discard = i == 0; /* not thin */
		ck_assert_uint_eq(in(&f, vpd, 6, 64), 0);
		ck_assert_uint_eq(f.data[4], 0);
		ck_assert_uint_eq(in(&f, list, 10, 64), 0);
		answered(&f, is, 9);
		refuses(cdb, 10, FROM, 64, 2, 5);
	}
}
END_TEST

/* SBC-4 section 6.6.7: capacity / 2^exponent < 2^32; not 0. */
START_TEST(threshold_exponent_fits_the_capacity)
{
	static const struct {
		uint64_t bytes;
		uint32_t block;
		uint8_t exponent;
	} rows[] = {
		{ 512, 512, 3 },
		{ (UINT64_C(1) << 44) - 512, 512, 3 },
		{ UINT64_C(1) << 44, 512, 4 },
		{ 4096, 4096, 1 },
		{ (UINT64_C(1) << 45) - 4096, 4096, 1 },
		{ UINT64_C(1) << 45, 4096, 2 },
		{ UINT64_C(1) << 54, 512, 14 },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scsi_fixture g;

		fixture_open(&g, rows[i].bytes, rows[i].block, false);
		g.fake->store.can_measure = true;
		ck_assert_msg(sheaf_lu_threshold_exponent(g.lu) == rows[i].exponent, "row %u: %u", i,
			      sheaf_lu_threshold_exponent(g.lu));
		fixture_close(&g);
	}
}
END_TEST

START_TEST(statistics_page_has_its_layout)
{
	static const uint8_t cdb[10] = { 0x4d, 0, 0x59, [8] = 200 };
	static const uint8_t idle[10] = { 0x4d, 0, 0x59, 0, 0, 0, 2, 0, 200 };
	/* Header, then three parameters; the first has 8 fields of 8 bytes. */
	static const uint8_t is[96] = { 0x99, 0,    0,	92, 0,	1, 0x22, 0x40, [72] = 0, 2,
					0x22, 8,    [84] = 0, 3, 0x23, 8, 0, 0, 0, 6, 0, 0, 0, 1 };

	ck_assert_uint_eq(in(&f, cdb, 10, 200), 0);
	answered(&f, is, 96);
	ck_assert_uint_eq(in(&f, idle, 10, 200), 0);
	ck_assert_uint_eq(f.response.bytes_transferred, 28);
	ck_assert_mem_eq(f.data + 4, is + 72, 24);
}
END_TEST

/* SPC-4 table 375. */
START_TEST(only_commands_of_the_table_count)
{
	static const struct {
		uint8_t cdb[16];
		uint8_t size;
		uint64_t in, out;
		uint64_t reads, writes, received, transmitted;
	} rows[] = {
		{ { 0x28, [8] = 2 }, 10, 1024, 0, 1, 0, 0, 2 },
		{ { 0xa8, [9] = 2 }, 12, 1024, 0, 1, 0, 0, 2 },
		{ { 0x88, [13] = 2 }, 16, 1024, 0, 1, 0, 0, 2 },
		{ { 0x2a, [8] = 3 }, 10, 0, 1536, 0, 1, 3, 0 },
		{ { 0xaa, [9] = 3 }, 12, 0, 1536, 0, 1, 3, 0 },
		{ { 0x8a, [13] = 3 }, 16, 0, 1536, 0, 1, 3, 0 },
		{ { 0x2e, [8] = 3 }, 10, 0, 1536, 0, 1, 3, 0 },
		{ { 0xae, [9] = 3 }, 12, 0, 1536, 0, 1, 3, 0 },
		{ { 0x8e, [13] = 3 }, 16, 0, 1536, 0, 1, 3, 0 },
		{ { 0x42, [8] = 24 }, 10, 0, 24, 0, 1, 0, 0 },
		{ { 0x08, [4] = 2 }, 6, 1024, 0, 0, 0, 0, 0 },
		{ { 0x0a, [4] = 2 }, 6, 0, 1024, 0, 0, 0, 0 },
		{ { 0x2f, [8] = 2 }, 10, 0, 0, 0, 0, 0, 0 },
		{ { 0x35 }, 10, 0, 0, 0, 0, 0, 0 },
		{ { 0x00 }, 6, 0, 0, 0, 0, 0, 0 },
		/* Received, and refused: no blocks. */
		{ { 0x28, [2] = 1, [8] = 2 }, 10, 1024, 0, 1, 0, 0, 0 },
		{ { 0x2a, [2] = 1, [8] = 2 }, 10, 0, 1024, 0, 1, 0, 0 },
	};
	static const uint8_t data[1536] = { [1] = 22, [3] = 16, [15] = 1 };
	uint64_t sums[4] = { 0 };

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scsi_fixture *t = i % 2 ? &f : &other; /* two loops, one LU */

		if (rows[i].in || !rows[i].out)
			in(t, rows[i].cdb, rows[i].size, rows[i].in);
		else
			out(t, rows[i].cdb, rows[i].size, data, rows[i].out);
		sums[0] += rows[i].reads;
		sums[1] += rows[i].writes;
		sums[2] += rows[i].received;
		sums[3] += rows[i].transmitted;
		for (unsigned n = 0; n < 4; n++)
			ck_assert_msg(statistic(n) == sums[n], "row %u, field %u: %lu, not %lu", i, n,
				      (unsigned long)statistic(n), (unsigned long)sums[n]);
	}
	ck_assert_uint_eq(statistic(WEIGHTED), 0);
	ck_assert_uint_eq(statistic(WEIGHTED_TIME), 0);
}
END_TEST

START_TEST(a_write_that_a_failed_flush_ends_again_counts_once)
{
	static const uint8_t write_2[10] = { 0x2a, [8] = 2 };
	static const uint8_t clear_wce[6] = { 0x15, 0x10, 0, 0, 24 };
	static const uint8_t unmap[10] = { 0x42, [8] = 24 };
	static const uint8_t list[24] = { 0, 22, 0, 16, [19] = 1 };
	uint8_t page[24] = { 0, 0, 0, 0, 0x08, 0x12 };

	out(&f, write_2, 10, (uint8_t[1024]){ 0 }, 1024);
	ck_assert_uint_eq(out(&f, clear_wce, 6, page, 24), 0);
	f.fake->fail[SHEAF_STORE_FLUSH] = -EIO;
	ck_assert_uint_ne(out(&f, unmap, 10, list, 24), 0);
	ck_assert_uint_eq(statistic(WRITES), 2);
	pass(5 * MS);
	ck_assert_uint_ge(statistic(IDLE), 5000); /* nothing is thought to be in flight */
}
END_TEST

START_TEST(time_is_from_turn_to_turn)
{
	static const uint8_t write_2[10] = { 0x2a, [8] = 2 };

	fixture_start(&f, read_2, 10, FROM, 1024);
	fixture_go(&f);
	fixture_start(&other, write_2, 10, TO, 1024);
	fixture_go(&other);
	pass(70 * US);
	fake_complete(f.fake, 0);
	pass(30 * US);
	fake_drain(f.fake);
	ck_assert_uint_eq(statistic(READ_TIME), 70);
	ck_assert_uint_eq(statistic(WRITE_TIME), 100);
	in(&f, read_2, 10, 1024); /* in one turn */
	ck_assert_uint_eq(statistic(READ_TIME), 70);
}
END_TEST

START_TEST(idle_time_of_one_loop_is_all_that_is_between_commands)
{
	pass(10 * US); /* since the LU was made */
	ck_assert_uint_eq(statistic(IDLE), 10);
	fixture_start(&f, read_2, 10, FROM, 1024);
	fixture_go(&f);
	pass(1000 * US);
	fake_drain(f.fake);
	ck_assert_uint_eq(statistic(IDLE), 10);
	pass(7 * US);
	ck_assert_uint_eq(statistic(IDLE), 17);
	/* From turn to turn without a sleep, after commands that ended in theirs. */
	loops[0].now_ns += 20 * US;
	ck_assert_uint_eq(statistic(IDLE), 17);
}
END_TEST

START_TEST(idle_time_of_two_loops_is_when_neither_has_commands)
{
	uint64_t before;

	in(&other, read_2, 10, 1024);
	before = statistic(IDLE);
	pass(2 * MS);
	fixture_start(&other, read_2, 10, FROM, 1024); /* ends a span of 2 ms */
	fixture_go(&other);
	pass(3 * MS);
	ck_assert_uint_eq(statistic(IDLE), before + 2000); /* other is at work */
	fake_drain(f.fake);
	pass(4 * MS);
	in(&other, read_2, 10, 1024);
	ck_assert_uint_eq(statistic(IDLE), before + 6000); /* the same span, counted once */
	pass(500 * US);
	ck_assert_uint_eq(statistic(IDLE), before + 6000); /* too short to look for */
}
END_TEST

START_TEST(log_select_resets_counters_and_tells_the_others)
{
	static const uint8_t sense[6] = { 0 };
	static const uint8_t cdbs[][10] = {
		{ 0x4c, 0, 0xd9 }, /* PC 11b: default cumulative values */
		{ 0x4c, 0, 0xc0 }, /* of all pages */
		{ 0x4c, 2, 0x59 }, /* PCR */
		{ 0x4c, 2, 0x00 },
		{ 0x4c, 2, 0x19, 0xff }, /* all subpages, which is the page */
		{ 0x4c, 3, 0xd9 },	 /* SP: there is nothing to save */
		{ 0x4c, 1, 0xd9 },
	};

	for (unsigned i = 0; i < sizeof(cdbs) / sizeof(cdbs[0]); i++) {
		in(&f, read_2, 10, 1024);
		ck_assert_uint_eq(statistic(READS), 1);
		ck_assert_uint_eq(out(&f, cdbs[i], 10, NULL, 0), 0);
		ck_assert_uint_eq(statistic(READS), 0);
		ck_assert_uint_eq(statistic(TRANSMITTED), 0);
		ck_assert_msg(in(&other, sense, 6, 0) == LOG_CHANGED, "row %u", i);
		ck_assert_uint_eq(in(&other, sense, 6, 0), 0);
	}
	/* Nothing is different: nobody is told. */
	ck_assert_uint_eq(out(&f, cdbs[0], 10, NULL, 0), 0);
	ck_assert_uint_eq(in(&other, sense, 6, 0), 0);
}
END_TEST

START_TEST(log_select_leaves_what_it_is_not_about)
{
	static const uint8_t sense[6] = { 0 }, self_test[6] = { 0x1d, 0x20 };
	static const uint8_t results[10] = { 0x4d, 0, 0x50, [8] = 24 };
	static const uint8_t cdbs[][10] = {
		{ 0x4c, 0, 0x00 }, { 0x4c, 0, 0x40 }, { 0x4c, 0, 0x59 }, { 0x4c, 0, 0x99 },
		{ 0x4c, 2, 0x0e }, { 0x4c, 2, 0x2f }, { 0x4c, 2, 0x0c }, { 0x4c, 2, 0x00, 0xff },
		{ 0x4c, 0, 0xd0 }, /* a list: PC does not reset it */
	};
	static const uint8_t reset_results[10] = { 0x4c, 2, 0x10 };

	in(&f, read_2, 10, 1024);
	ck_assert_uint_eq(out(&f, self_test, 6, NULL, 0), 0);
	for (unsigned i = 0; i < sizeof(cdbs) / sizeof(cdbs[0]); i++)
		ck_assert_uint_eq(out(&f, cdbs[i], 10, NULL, 0), 0);
	ck_assert_uint_eq(statistic(READS), 1);
	ck_assert_uint_eq(in(&f, results, 10, 24), 0);
	ck_assert_uint_eq(f.data[8] >> 5, 1);
	ck_assert_uint_eq(in(&other, sense, 6, 0), 0);
	ck_assert_uint_eq(out(&f, reset_results, 10, NULL, 0), 0);
	ck_assert_uint_eq(in(&f, results, 10, 24), 0);
	ck_assert_uint_eq(f.data[8], 0);
	ck_assert_uint_eq(statistic(READS), 1);
	ck_assert_uint_eq(in(&other, sense, 6, 0), LOG_CHANGED);
}
END_TEST

START_TEST(log_select_refuses_what_cannot_be)
{
	static const struct {
		uint8_t cdb[10];
		uint64_t bytes;
		uint16_t byte;
		int8_t bit;
	} rows[] = {
		{ { 0x4c, 1, 0x00 }, 0, 1, 0 }, /* SP: nothing can be saved */
		{ { 0x4c, 1, 0x40 }, 0, 1, 0 },
		{ { 0x4c, 3, 0x00 }, 0, 1, 0 },
		{ { 0x4c, 3, 0x40 }, 0, 1, 0 },
		{ { 0x4c, 0, 0x4d }, 0, 2, 5 }, /* no such page */
		{ { 0x4c, 2, 0x3f, 0xff }, 0, 2, 5 },
		{ { 0x4c, 2, 0x19, 0x01 }, 0, 3, 7 },
		{ { 0x4c, 2, 0x00, 0x01 }, 0, 3, 7 },
		{ { 0x4c, 4, 0x40 }, 0, 1, 2 },
		{ { 0x4c, 0, 0x40, 0, 1 }, 0, 4, 0 },
		/* With a list: table 349, and the page is in the list. */
		{ { 0x4c, 2, 0x40, [8] = 4 }, 4, 1, 1 },
		{ { 0x4c, 0, 0x59, [8] = 4 }, 4, 2, 5 },
		{ { 0x4c, 0, 0x40, 0xff, [8] = 4 }, 4, 3, 7 },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		refuses(rows[i].cdb, 10, TO, rows[i].bytes, rows[i].byte, rows[i].bit);
}
END_TEST

START_TEST(a_list_is_sound_when_it_asks_for_what_is)
{
	static const struct {
		const char *what;
		uint8_t flags, pc, length;
		uint8_t list[32];
		unsigned sense;
		uint16_t byte;
		int8_t bit;
	} rows[] = {
		{ "as it is", 0, 1, 8, { 0x8e, 0, 0, 0, 0xaf }, 0, 0, 0 },
		{ "a parameter as it is", 0, 1, 12, { 0x8e, 0, 0, 8, 0, 4, 0x23, 4, 0, 0, 0, 0 }, 0, 0, 0 },
		{ "DU and TMC of a list", 0, 1, 12, { 0x8e, 0, 0, 8, 0, 4, 0xaf, 4 }, 0, 0, 0 },
		{ "default counters", 0, 3, 16, { 0x99, 0, 0, 12, 0, 2, 0x22, 8 }, 0, 0, 0 },
		{ "SP with DS", 1, 1, 4, { 0x8e }, 0, 0, 0 },
		{ "SP without DS", 1, 1, 4, { 0x0e }, ILLEGAL_PARAMETER, 0, 7 },
		{ "SP of defaults", 1, 3, 4, { 0x0e }, 0, 0, 0 },
		{ "half a header", 0, 1, 3, { 0x8e }, LIST_LENGTH, 0, 0 },
		{ "a page that is not", 0, 1, 4, { 0x8d }, ILLEGAL_PARAMETER, 0, 5 },
		{ "pages out of order", 0, 1, 8, { 0x99, 0, 0, 0, 0x8e }, ILLEGAL_PARAMETER, 4, 5 },
		{ "SPF", 0, 1, 4, { 0xce }, ILLEGAL_PARAMETER, 0, 6 },
		{ "a subpage", 0, 1, 4, { 0x8e, 1 }, ILLEGAL_PARAMETER, 1, 7 },
		{ "page longer than the list", 0, 1, 4, { 0x8e, 0, 0, 1 }, ILLEGAL_PARAMETER, 2, 7 },
		{ "half a parameter's header", 0, 1, 6, { 0x8e, 0, 0, 2 }, ILLEGAL_PARAMETER, 2, 7 },
		{ "half a parameter", 0, 1, 10, { 0x8e, 0, 0, 6, 0, 4, 0x23, 4 }, ILLEGAL_PARAMETER, 2, 7 },
		{ "no such parameter", 0, 1, 8, { 0x8e, 0, 0, 4, 0, 5, 0x23, 0 }, ILLEGAL_PARAMETER, 4, 7 },
		{ "another length", 0, 1, 8, { 0x8e, 0, 0, 4, 0, 4, 0x23, 0 }, ILLEGAL_PARAMETER, 7, 7 },
		{ "another value", 0, 1, 12, { 0x8e, 0, 0, 8, 0, 4, 0x23, 4, 0, 0, 0, 1 }, ILLEGAL_PARAMETER, 8, 7 },
		{ "TSD 0", 0, 1, 12, { 0x8e, 0, 0, 8, 0, 4, 0x03, 4 }, ILLEGAL_PARAMETER, 6, 5 },
		{ "ETC", 0, 1, 12, { 0x8e, 0, 0, 8, 0, 4, 0x33, 4 }, ILLEGAL_PARAMETER, 6, 4 },
		{ "another format", 0, 1, 12, { 0x8e, 0, 0, 8, 0, 4, 0x22, 4 }, ILLEGAL_PARAMETER, 6, 1 },
		{ "DU of a counter", 0, 3, 16, { 0x99, 0, 0, 12, 0, 2, 0xa2, 8 }, ILLEGAL_PARAMETER, 6, 7 },
		{ "thresholds", 0, 0, 4, { 0x99 }, ILLEGAL_FIELD, 2, 7 },
		{ "parameters out of order", 0, 1, 20,
		  { 0x8e, 0, 0, 16, 0, 4, 0x23, 4, 0, 0, 0, 0, 0, 3, 0x23, 4, 0xff, 0xff, 0xff, 0xff },
		  ILLEGAL_PARAMETER, 12, 7 },
		{ "a value that nobody sets", 0, 1, 16, { 0x8c, 0, 0, 12, 0, 2, 0x23, 8 }, ILLEGAL_PARAMETER, 8, 7 },
	};
	static const uint8_t sense[6] = { 0 };

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t cdb[10] = { 0x4c, rows[i].flags, (uint8_t)(rows[i].pc << 6), [8] = rows[i].length };

		out(&f, cdb, 10, rows[i].list, rows[i].length);
		if (rows[i].sense == 0 || rows[i].sense == LIST_LENGTH)
			ck_assert_msg(fixture_sense(&f, NULL) == rows[i].sense, "%s: %x", rows[i].what,
				      fixture_sense(&f, NULL));
		else
			refused(rows[i].sense, rows[i].byte, rows[i].bit, rows[i].what);
		ck_assert_uint_eq(in(&other, sense, 6, 0), 0);
	}
}
END_TEST

/* SPC-4 table 66: LOG SENSE is allowed, LOG SELECT conflicts. */
START_TEST(reservations_keep_others_from_resetting)
{
	static const uint8_t reserve[6] = { 0x16 }, reset[10] = { 0x4c, 2, 0x00 };
	static const uint8_t list[10] = { 0x4d, 0, 0x40, [8] = 64 };

	ck_assert_uint_eq(out(&other, reserve, 6, NULL, 0), 0);
	ck_assert_uint_eq(in(&f, list, 10, 64), 0);
	fixture_run(&f, reset, 10, NONE, NULL, 0);
	ck_assert_uint_eq(f.response.completion_status, SHEAF_STATUS_RESERVATION_CONFLICT);
	ck_assert_uint_eq(out(&other, reset, 10, NULL, 0), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *tc = tcase_create("log");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, open_two, close_two);
	tcase_add_test(tc, log_pages_are_listed);
	tcase_add_test(tc, log_pages_have_their_parameters);
	tcase_add_test(tc, parameter_pointer_and_allocation_length_cut_a_page);
	tcase_add_test(tc, log_pages_and_values_that_there_are_not_are_refused);
	tcase_add_test(tc, pc_is_ignored_for_lists_and_chooses_default_counters);
	tcase_add_test(tc, provisioning_page_counts_threshold_sets);
	tcase_add_test(tc, provisioning_page_is_there_where_the_store_can_tell);
	tcase_add_test(tc, threshold_exponent_fits_the_capacity);
	tcase_add_test(tc, statistics_page_has_its_layout);
	tcase_add_test(tc, only_commands_of_the_table_count);
	tcase_add_test(tc, a_write_that_a_failed_flush_ends_again_counts_once);
	tcase_add_test(tc, time_is_from_turn_to_turn);
	tcase_add_test(tc, idle_time_of_one_loop_is_all_that_is_between_commands);
	tcase_add_test(tc, idle_time_of_two_loops_is_when_neither_has_commands);
	tcase_add_test(tc, log_select_resets_counters_and_tells_the_others);
	tcase_add_test(tc, log_select_leaves_what_it_is_not_about);
	tcase_add_test(tc, log_select_refuses_what_cannot_be);
	tcase_add_test(tc, a_list_is_sound_when_it_asks_for_what_is);
	tcase_add_test(tc, reservations_keep_others_from_resetting);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
