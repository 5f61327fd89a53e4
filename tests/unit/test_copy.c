/* SPDX-License-Identifier: MIT */
/*
 * test_copy.c - EXTENDED COPY and RECEIVE COPY RESULTS: lists byte by byte, LUs of one target, what is refused and how, results
 */
#include <check.h>

#include "scsi/lu_impl.h"
#include "scsi_fixture.h"

#define BLOCKS 2048u
#define NONE   SHEAF_TRANSFER_NONE
#define TO     SHEAF_TRANSFER_TO_TARGET
#define FROM   SHEAF_TRANSFER_FROM_TARGET

#define LENGTH_ERROR	  0x051a00u
#define BAD_PARAMETER	  0x052600u
#define BAD_FIELD	  0x052400u
#define TOO_MANY_CSCDS	  0x052606u
#define ODD_CSCD	  0x052607u
#define TOO_MANY_SEGMENTS 0x052608u
#define ODD_SEGMENT	  0x052609u
#define INLINE_DATA	  0x05260bu
#define IN_PROGRESS	  0x050016u
#define NO_RESOURCES	  0x0b5503u
#define PROTECTED	  0x072700u
#define UNREACHABLE	  0x0a0d02u
#define DEVICE_FAILURE	  0x0a0d01u
#define INEXACT		  0x0a260au
#define TOO_LONG	  0x0a2600u
#define MISCOMPARE	  0x0e1d00u

/* f: LUN 0, 512-byte blocks; other: a second initiator's task on it; big: LUN 1, blocks of 4096 bytes. */
static struct scsi_fixture f, other, big;
static struct sheaf_lu *lus[3]; /* there is no LUN 2 */

static uint8_t list[4096];
static unsigned cscds, segments;

static void open_lus(void)
{
	struct sheaf_lu_options options = { .block_size = 4096,
					    .maximum_transfer_bytes = 256 << 10,
					    .serial = "big" };

	fixture_open_two(&f, &other, BLOCKS * 512, 512, false);
	memset(&big, 0, sizeof(big));
	big.fake = fake_create(256 * 4096);
	ck_assert_int_eq(sheaf_lu_create(&big.fake->store, &options, &big.lu), 0);
	for (uint32_t i = 0; i < SHEAF_INITIATORS_MAX; i++)
		sheaf_lu_take_attention(big.lu, i);
	sheaf_lu_set_lun(big.lu, 1);
	sheaf_task_set_add(&f.set, &big.lt);
	lus[0] = f.lu;
	lus[1] = big.lu;
	f.set.lus = lus;
	f.set.lu_count = 3;
	for (unsigned i = 0; i < BLOCKS * 512; i++)
		f.fake->bytes[i] = (uint8_t)(i / 512 * 3 + i % 512);
	memset(list, 0, sizeof(list));
	cscds = segments = 0;
}

static void close_lus(void)
{
	free(big.data);
	sheaf_lu_free(big.lu);
	sheaf_store_free(&big.fake->store);
	fixture_close_two(&f, &other);
}

/* An identification CSCD descriptor by the NAA designator of VPD page 83h (the second one there). */
static void add_cscd(const struct sheaf_lu *lu, uint32_t block_size)
{
	uint8_t *d = list + 16 + cscds++ * 32, page[256] = { 0 };
	unsigned at = 4;

	sheaf_lu_identification_page(lu, page);
	at += 4u + page[at + 3];
	d[0] = 0xe4;
	d[4] = page[at];
	d[5] = page[at + 1];
	d[7] = page[at + 3];
	ck_assert_uint_eq(d[7], 8);
	memcpy(d + 8, page + at + 4, d[7]);
	d[30] = (uint8_t)(block_size >> 8);
	d[31] = (uint8_t)block_size;
	sheaf_put_be16(list + 2, (uint16_t)(cscds * 32));
}

/* After the last CSCD descriptor. */
static uint8_t *add_segment(uint16_t from, uint16_t to, uint16_t blocks, uint64_t from_lba,
			    uint64_t to_lba)
{
	uint8_t *s = list + 16 + cscds * 32 + segments++ * 28;

	s[0] = 0x02;
	sheaf_put_be16(s + 2, 0x18);
	sheaf_put_be16(s + 4, from);
	sheaf_put_be16(s + 6, to);
	sheaf_put_be16(s + 10, blocks);
	sheaf_put_be64(s + 12, from_lba);
	sheaf_put_be64(s + 20, to_lba);
	sheaf_put_be32(list + 8, segments * 28);
	return s;
}

static uint32_t list_bytes(void)
{
	return 16 + cscds * 32 + segments * 28;
}

static void start_copy(struct scsi_fixture *who, uint32_t bytes)
{
	uint8_t cdb[16] = { 0x83 };

	sheaf_put_be32(cdb + 10, bytes);
	fixture_start(who, cdb, 16, bytes ? TO : NONE, bytes);
	if (bytes)
		memcpy(who->data, list, bytes);
	fixture_go(who);
}

static void drain(void)
{
	while (f.fake->queued || big.fake->queued) {
		fake_drain(f.fake);
		fake_drain(big.fake);
	}
}

static unsigned copy_of_bytes(uint32_t bytes)
{
	start_copy(&f, bytes);
	drain();
	ck_assert_uint_eq(f.ended, 1);
	return fixture_sense(&f, NULL);
}

static unsigned copy(void)
{
	unsigned sense = copy_of_bytes(list_bytes());

	if (sense == 0)
		ck_assert_uint_eq(f.response.bytes_transferred, list_bytes());
	return sense;
}

static void new_list(void)
{
	memset(list, 0, sizeof(list));
	cscds = segments = 0;
	add_cscd(f.lu, 512);
	add_cscd(big.lu, 4096);
}

/* COPY STATUS of @list_identifier for @who: its sense. */
static unsigned status(struct scsi_fixture *who, uint8_t list_identifier)
{
	uint8_t cdb[16] = { 0x84, 0, list_identifier, [13] = 64 };

	fixture_start(who, cdb, 16, FROM, 64);
	fixture_go(who);
	ck_assert_uint_eq(who->ended, 1);
	return fixture_sense(who, NULL);
}

START_TEST(blocks_are_copied_within_a_lu_and_to_another)
{
	static uint8_t was[BLOCKS * 512];

	memcpy(was, f.fake->bytes, sizeof(was));
	new_list();
	add_segment(0, 0, 700, 3, 1100);   /* several pieces */
	add_segment(0, 1, 16, 8, 5);	   /* 16 blocks of the source: 2 there */
	add_segment(0, 1, 3, 0, 9)[1] = 2; /* DC: 3 blocks of the destination */
	add_segment(1, 0, 1, 9, 2040);
	add_segment(0, 0, 0, 2048, 0); /* nothing, at the end */
	ck_assert_uint_eq(copy(), 0);
	ck_assert_mem_eq(f.fake->bytes + 1100 * 512, was + 3 * 512, 700 * 512);
	ck_assert_mem_eq(f.fake->bytes, was, 1100 * 512);
	ck_assert_mem_eq(f.fake->bytes + 1800 * 512, was + 1800 * 512, 240 * 512);
	ck_assert_mem_eq(big.fake->bytes + 5 * 4096, was + 8 * 512, 2 * 4096);
	ck_assert_mem_eq(big.fake->bytes + 9 * 4096, was, 3 * 4096);
	ck_assert_mem_eq(f.fake->bytes + 2040 * 512, was, 4096);
	ck_assert_uint_eq(big.fake->bytes[4 * 4096 + 4095] | big.fake->bytes[7 * 4096 + 1], 0);
}
END_TEST

START_TEST(overlapping_blocks_are_copied_as_they_were)
{
	static uint8_t was[BLOCKS * 512];
	uint64_t from = _i ? 100 : 0, to = _i ? 0 : 100;

	memcpy(was, f.fake->bytes, sizeof(was));
	new_list();
	add_segment(0, 0, 1300, from, to);
	ck_assert_uint_eq(copy(), 0);
	ck_assert_mem_eq(f.fake->bytes + to * 512, was + from * 512, 1300 * 512);
}
END_TEST

START_TEST(t10_designators_name_lus_too)
{
	uint8_t *d = list + 16;

	cscds = 1;
	d[0] = 0xe4;
	d[4] = 2; /* ASCII */
	d[5] = 1; /* T10 vendor ID */
	d[7] = 11;
	memcpy(d + 8, "SHEAF   big", 11);
	d[30] = 0x10;
	sheaf_put_be16(list + 2, 32);
	add_segment(0, 0, 1, 0, 1);
	big.fake->bytes[17] = 0x17;
	ck_assert_uint_eq(copy(), 0);
	ck_assert_uint_eq(big.fake->bytes[4096 + 17], 0x17);
	d[5] = 0x11; /* of a port */
	ck_assert_uint_eq(copy(), UNREACHABLE);
	d[5] = 1;
	d[7] = 10;
	ck_assert_uint_eq(copy(), UNREACHABLE);
	d[7] = 255;
	ck_assert_uint_eq(copy(), UNREACHABLE);
	d[7] = 11;
	d[1] = 0x20; /* NUL */
	ck_assert_uint_eq(copy(), UNREACHABLE);
}
END_TEST

START_TEST(lists_that_are_too_short_or_too_long_are_refused)
{
	new_list();
	add_segment(0, 0, 1, 0, 1);
	ck_assert_uint_eq(copy_of_bytes(0), 0);
	ck_assert_uint_eq(copy_of_bytes(15), LENGTH_ERROR);
	ck_assert_uint_eq(copy_of_bytes(16), LENGTH_ERROR);
	ck_assert_uint_eq(copy_of_bytes(16 + 31), LENGTH_ERROR);
	ck_assert_uint_eq(copy_of_bytes(list_bytes() - 1), LENGTH_ERROR);
	ck_assert_uint_eq(copy_of_bytes(list_bytes() + 100), 0);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_WRITE], 1);
	list[15] = 1;
	ck_assert_uint_eq(copy_of_bytes(list_bytes() + 1), INLINE_DATA);
	list[15] = 0;
	list[3] = 33;
	ck_assert_uint_eq(copy_of_bytes(4000), BAD_PARAMETER);
	sheaf_put_be16(list + 2, 1000);
	sheaf_put_be32(list + 8, 28);
	ck_assert_uint_eq(copy_of_bytes(4000), LENGTH_ERROR);
	sheaf_put_be32(list + 8, UINT32_MAX);
	ck_assert_uint_eq(copy_of_bytes(4000), LENGTH_ERROR);
	new_list();
	add_segment(0, 0, 1, 0, 1);
	list[11] = 27;
	ck_assert_uint_eq(copy_of_bytes(4000), BAD_PARAMETER);
	/* Nothing to do is fine. */
	new_list();
	ck_assert_uint_eq(copy(), 0);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_WRITE], 1);
}
END_TEST

START_TEST(descriptors_are_counted_and_known)
{
	struct sheaf_sense sense = { 0 };

	for (int i = 0; i < 16; i++)
		add_cscd(f.lu, 512);
	add_segment(15, 0, 1, 0, 1);
	ck_assert_uint_eq(copy(), 0);
	memset(list, 0, sizeof(list));
	cscds = segments = 0;
	for (int i = 0; i < 17; i++)
		add_cscd(f.lu, 512);
	add_segment(0, 0, 1, 0, 1);
	ck_assert_uint_eq(copy(), TOO_MANY_CSCDS);
	new_list();
	for (int i = 0; i < 16; i++)
		add_segment(0, 0, 1, 0, 1);
	ck_assert_uint_eq(copy(), 0);
	add_segment(0, 0, 1, 0, 1);
	ck_assert_uint_eq(copy(), TOO_MANY_SEGMENTS);

	new_list();
	uint8_t *s = add_segment(0, 0, 1, 0, 1);
	list[16] = 0xe0;
	ck_assert_uint_eq(copy(), ODD_CSCD);
	list[16] = 0xe4;
	s[0] = 0x03;
	ck_assert_uint_eq(copy(), ODD_SEGMENT);
	sheaf_put_be32(list + 8, 20); /* one of another kind, and shorter */
	ck_assert_uint_eq(copy(), ODD_SEGMENT);
	sheaf_put_be32(list + 8, 28);
	s[0] = 0x02;
	s[3] = 0x14;
	ck_assert_uint_eq(copy(), BAD_PARAMETER);
	ck_assert_uint_eq(fixture_sense(&f, &sense), BAD_PARAMETER);
	ck_assert_uint_eq(sense.field_byte, 16 + 2 * 32 + 2);
	ck_assert(!sense.field_in_cdb);
	s[3] = 0x18;
	list[16 + 32 + 30] = 0x02; /* DISK BLOCK LENGTH 512 of the other LU */
	ck_assert_uint_eq(copy(), BAD_PARAMETER);
	fixture_sense(&f, &sense);
	ck_assert_uint_eq(sense.field_byte, 16 + 32 + 29);
}
END_TEST

/* COMMAND-SPECIFIC INFORMATION: the segment in its third and fourth byte. */
static void is_segment(unsigned segment)
{
	ck_assert_uint_eq(sheaf_get_be32(f.response.sense_buffer + 8), segment);
}

START_TEST(segments_that_fail_abort_the_copy_and_say_which)
{
	new_list();
	add_segment(0, 0, 1, 0, 2000);
	add_segment(0, 2, 1, 0, 1);
	ck_assert_uint_eq(copy(), UNREACHABLE);
	is_segment(1);
	ck_assert_mem_eq(f.fake->bytes + 2000 * 512, f.fake->bytes,
			 512); /* the one before was done */
	new_list();
	add_segment(0, 0, 2, 0, BLOCKS - 1);
	ck_assert_uint_eq(copy(), UNREACHABLE);
	is_segment(0);
	new_list();
	add_segment(0, 0, 1, UINT64_MAX, 0);
	ck_assert_uint_eq(copy(), UNREACHABLE);
	new_list();
	add_segment(0, 1, 7, 0, 0);
	ck_assert_uint_eq(copy(), INEXACT);
	new_list();
	add_segment(1, 1, 8193, 0, 0);
	ck_assert_uint_eq(copy(), TOO_LONG);
	new_list();
	add_segment(0, 0, 1, 0, 1);
	add_segment(0, 1, 8, 0, 0);
	f.fake->fail[SHEAF_STORE_READ] = -EIO;
	ck_assert_uint_eq(copy(), DEVICE_FAILURE);
	is_segment(0);
	big.fake->fail[SHEAF_STORE_WRITE] = -ENOSPC;
	ck_assert_uint_eq(copy(), DEVICE_FAILURE);
	is_segment(1);
}
END_TEST

START_TEST(lus_that_may_not_be_written_or_are_not_ready_are_not)
{
	new_list();
	add_segment(0, 1, 8, 0, 0);
	big.lu->read_only = true;
	ck_assert_uint_eq(copy(), UNREACHABLE);
	ck_assert_uint_eq(big.fake->done[SHEAF_STORE_WRITE], 0);
	new_list();
	add_segment(1, 0, 1, 0, 0); /* to read it is fine */
	ck_assert_uint_eq(copy(), 0);
	big.lu->read_only = false;
	for (int bit = 16; bit < 20; bit++) {
		sheaf_lu_set_condition(big.lu, 1u << bit, true);
		ck_assert_uint_eq(copy(), UNREACHABLE);
		sheaf_lu_set_condition(big.lu, 1u << bit, false);
	}
	/* Another initiator's news are not in the way. */
	sheaf_lu_raise_attention(big.lu, 0, SHEAF_ASC_POWER_ON);
	ck_assert_uint_eq(copy(), 0);
	f.lu->read_only = true;
	ck_assert_uint_eq(copy(), PROTECTED);
	f.lu->read_only = false;
}
END_TEST

/* Results */

static void put_identifier(uint8_t list_identifier, unsigned usage)
{
	list[0] = list_identifier;
	list[1] = (uint8_t)(usage << 3);
}

START_TEST(results_are_held_for_who_asked_and_told_once)
{
	new_list();
	add_segment(0, 0, 1000, 0, 1000);
	add_segment(0, 0, 2, 0, 5);
	put_identifier(7, 0);
	ck_assert_uint_eq(status(&f, 7), BAD_FIELD);
	ck_assert_uint_eq(copy(), 0);
	ck_assert_uint_eq(status(&other, 7), BAD_FIELD);
	ck_assert_uint_eq(status(&f, 8), BAD_FIELD);
	ck_assert_uint_eq(status(&f, 7), 0);
	ck_assert_uint_eq(f.response.bytes_transferred, 12);
	ck_assert_uint_eq(sheaf_get_be32(f.data), 8);
	ck_assert_uint_eq(f.data[4], 1);
	ck_assert_uint_eq(sheaf_get_be16(f.data + 5), 2);
	ck_assert_uint_eq(f.data[7], 0);
	ck_assert_uint_eq(sheaf_get_be32(f.data + 8), 1002 * 512);
	ck_assert_uint_eq(status(&f, 7), BAD_FIELD);
	/* Discarded, without an identifier, failed, reset: nothing is held. */
	put_identifier(7, 2);
	ck_assert_uint_eq(copy(), 0);
	ck_assert_uint_eq(status(&f, 7), BAD_FIELD);
	put_identifier(0, 3);
	ck_assert_uint_eq(copy(), 0);
	ck_assert_uint_eq(status(&f, 0), BAD_FIELD);
	put_identifier(7, 0);
	f.fake->fail[SHEAF_STORE_WRITE] = -EIO;
	ck_assert_uint_eq(copy(), DEVICE_FAILURE);
	ck_assert_uint_eq(status(&f, 7), BAD_FIELD);
	ck_assert_uint_eq(copy(), 0);
	sheaf_lu_reset(f.lu);
	sheaf_lu_take_attention(f.lu, 0);
	ck_assert_uint_eq(status(&f, 7), BAD_FIELD);
	put_identifier(7, 1);
	ck_assert_uint_eq(copy(), BAD_PARAMETER);
	put_identifier(7, 3);
	ck_assert_uint_eq(copy(), BAD_PARAMETER);
}
END_TEST

/*
 * The LU that is the source (0) or the destination (1) shrinks in the middle of a segment, as sheaf resize does it: the LU first, and
 * the store when no command is in flight any more. What has begun was checked and ends as it began, with no access that the store has
 * not; the next segment is checked by the new size.
 */
START_TEST(a_unit_that_shrinks_ends_a_copy_at_its_next_segment)
{
	bool writes = _i;

	new_list();
	for (unsigned i = 0; i < 2; i++) {
		if (writes)
			add_segment(0, 1, 1024, 512, 128);
		else
			add_segment(1, 0, 128, 128, 512);
	}
	for (unsigned i = 0; i < 256 * 4096; i++)
		big.fake->bytes[i] = (uint8_t)(i / 512 * 5 + i % 512);
	start_copy(&f, list_bytes());
	/* One piece is read and written, the next one is being read. */
	for (unsigned i = 0; i < 2; i++)
		fake_complete((i ^ writes) ? f.fake : big.fake, 0);
	ck_assert_uint_eq(f.fake->queued + big.fake->queued, 1);
	ck_assert_int_eq(sheaf_lu_resize(big.lu, 64), 0);
	drain();
	ck_assert_uint_eq(f.ended, 1);
	ck_assert_uint_eq(fixture_sense(&f, NULL), UNREACHABLE);
	is_segment(1);
	ck_assert_uint_eq(f.response.bytes_transferred, 0);
	ck_assert_mem_eq(f.fake->bytes + 512 * 512, big.fake->bytes + 128 * 4096, 512 << 10);
	/* Nothing is left that would reach beyond: the store may shrink, and asserts it. */
	ck_assert_uint_eq(f.fake->queued + big.fake->queued, 0);
	big.fake->store.size_bytes = 64 * 4096;
	ck_assert_uint_eq(copy(), UNREACHABLE);
	new_list();
	add_segment(0, 1, 512, 0, 0);
	sheaf_lu_take_attention(big.lu, 0);
	ck_assert_uint_eq(copy(), 0);
}
END_TEST

/* The command's own LU, as source and destination, backwards as they overlap. */
START_TEST(a_copy_within_a_unit_that_shrinks_ends_as_it_began)
{
	new_list();
	add_segment(0, 0, 1024, 512, 1024);
	add_segment(0, 0, 16, 0, 32);
	add_segment(0, 0, 1, 0, 64);
	start_copy(&f, list_bytes());
	fake_complete(f.fake, 0);
	ck_assert_int_eq(sheaf_lu_resize(f.lu, 64), 0);
	drain();
	ck_assert_uint_eq(fixture_sense(&f, NULL), UNREACHABLE);
	is_segment(2); /* what is within the new size is done */
	ck_assert_uint_eq(f.fake->bytes[2047 * 512], (uint8_t)(1535 * 3));
	ck_assert_mem_eq(f.fake->bytes + 32 * 512, f.fake->bytes, 16 * 512);
}
END_TEST

START_TEST(a_copy_that_runs_can_be_asked_for)
{
	new_list();
	add_segment(0, 0, 1000, 0, 1000);
	add_segment(0, 0, 2, 0, 5);
	put_identifier(7, 0);
	start_copy(&f, list_bytes());
	fake_complete(f.fake, 0);
	fake_complete(f.fake, 0); /* one piece */
	ck_assert_uint_eq(status(&other, 7), BAD_FIELD);
	other.initiator = 0;
	ck_assert_uint_eq(status(&other, 7), 0);
	ck_assert_uint_eq(other.data[4], 0);
	ck_assert_uint_eq(sheaf_get_be16(other.data + 5), 0);
	ck_assert_uint_eq(sheaf_get_be32(other.data + 8), 256 << 10);
	ck_assert_uint_eq(status(&other, 7), 0);
	/* Its identifier is taken; another initiator's is not the same. */
	start_copy(&other, list_bytes());
	ck_assert_uint_eq(fixture_sense(&other, NULL), IN_PROGRESS);
	other.initiator = 1;
	start_copy(&other, list_bytes());
	ck_assert_uint_eq(other.ended, 0);
	drain();
	ck_assert(f.ended == 1 && other.ended == 1);
	ck_assert_uint_eq(status(&other, 7), 0);
	ck_assert_uint_eq(status(&f, 7), 0);
}
END_TEST

START_TEST(places_of_results_are_taken_again_those_of_running_copies_are_not)
{
	new_list();
	add_segment(0, 0, 1, 0, 5);
	for (uint8_t i = 1; i <= SHEAF_COPIES_MAX + 1; i++) {
		put_identifier(i, 0);
		ck_assert_uint_eq(copy(), 0);
	}
	ck_assert_uint_eq(status(&f, 1), BAD_FIELD); /* the oldest */
	ck_assert_uint_eq(status(&f, 2), 0);
	for (unsigned i = 0; i < SHEAF_COPIES_MAX; i++)
		f.lu->copies.places[i] = (struct sheaf_copy_place){ .state = SHEAF_COPY_RUNS };
	ck_assert_uint_eq(copy(), NO_RESOURCES);
}
END_TEST

START_TEST(aborted_copies_end_and_free_their_place)
{
	new_list();
	add_segment(0, 0, 1000, 0, 1000);
	put_identifier(7, 0);
	start_copy(&f, list_bytes());
	fake_complete(f.fake, 0);
	atomic_store(&f.lt.aborted_tag, f.lt.task.task_tag_identifier);
	drain();
	ck_assert_uint_eq(f.ended, 1);
	ck_assert_uint_eq(f.fake->done[SHEAF_STORE_WRITE], 1);
	ck_assert_uint_eq(status(&f, 7), BAD_FIELD);
	atomic_store(&f.lt.aborted_tag, 0);
}
END_TEST

/* The destination is COMPARE AND WRITE's between its two accesses: the copy's write waits for that, on another LU as well. */
START_TEST(a_copy_waits_for_atomic_commands_and_they_for_its_accesses)
{
	uint8_t cdb[16] = { 0x89, [9] = 3, [13] = 1 };

	fixture_start(&big, cdb, 16, TO, 2 * 4096);
	memset(big.data, 0, 4096);
	memset(big.data + 4096, 0x22, 4096);
	fixture_go(&big);
	ck_assert_uint_eq(big.fake->queued, 1);
	memset(f.fake->bytes, 0x11, 8 * 512);
	new_list();
	add_segment(0, 1, 8, 0, 3);
	start_copy(&f, list_bytes());
	fake_drain(f.fake);
	ck_assert_uint_eq(big.fake->queued, 1); /* no write of the copy */
	fake_complete(big.fake, 0);		/* read; it compares */
	ck_assert_uint_eq(big.fake->queued, 1);
	fake_complete(big.fake, 0); /* written */
	ck_assert_uint_eq(big.ended, 1);
	ck_assert_uint_eq(fixture_sense(&big, NULL), 0);
	ck_assert_uint_eq(big.fake->queued, 1);
	/* And now the other way round. */
	fixture_start(&big, cdb, 16, TO, 2 * 4096);
	memset(big.data, 0x22, 4096);
	fixture_go(&big);
	ck_assert_uint_eq(big.fake->queued, 1);
	drain();
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	ck_assert_uint_eq(fixture_sense(&big, NULL), MISCOMPARE);
	ck_assert_uint_eq(big.fake->bytes[3 * 4096], 0x11);
}
END_TEST

START_TEST(an_ordered_copy_has_all_lus_for_itself)
{
	static const uint8_t read[16] = { 0x28, [8] = 1 };

	new_list();
	add_segment(0, 1, 8, 0, 0);
	uint8_t cdb[16] = { 0x83, [13] = (uint8_t)list_bytes() };
	fixture_start(&f, cdb, 16, TO, list_bytes());
	memcpy(f.data, list, list_bytes());
	f.lt.task.task_attribute = SHEAF_ATTRIBUTE_ORDERED;
	fixture_go(&f);
	fixture_start(&big, read, 10, FROM, 4096);
	fixture_go(&big);
	ck_assert_uint_eq(big.fake->queued, 0);
	drain();
	ck_assert_uint_eq(f.ended, 1);
	ck_assert_uint_eq(big.ended, 1);
	ck_assert_uint_eq(fixture_sense(&f, NULL), 0);
	ck_assert_mem_eq(big.data, f.fake->bytes, 4096);
}
END_TEST

START_TEST(operating_parameters_and_vpd_page)
{
	/* clang-format off */
	static const uint8_t expected[46] = {
		0,  0, 0, 42, 1, 0, 0, 0, 0, 16, 0, 16, 0, 0, 4, 0, 2, 0, 0, 0, /* 32 MiB */
		[35] = 8, [36] = 8, [37] = 9, [43] = 2, 0x02, 0xe4,
	};
	static const uint8_t page[] = {
		0, 0x8f, 0, 88,
		0x00, 0x01, 0, 8, 7, 0x83, 1, 0, 0x84, 2, 0, 3,
		0x00, 0x04, 0, 28, 0, 0, 0, 0, 0, 16, 0, 16, 0, 0, 4, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0x00, 0x08, 0, 4, 2, 0x02, 0xe4, 0,
		0x80, 0x01, 0, 32, 0, 0, 0, 8, 0, 0, 0, 8, 2, 0, 0, 0, 9,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	};
	/* clang-format on */
	uint8_t cdb[16] = { 0x84, 3, [13] = 200 };

	ck_assert_uint_eq(fixture_send(&f, cdb, 16, FROM, NULL, 200), 0);
	ck_assert_uint_eq(f.response.bytes_transferred, sizeof(expected));
	ck_assert_mem_eq(f.data, expected, sizeof(expected));
	static const uint8_t inquiry[16] = { 0x12, 1, 0x8f, 0, 255 },
			     standard[16] = { 0x12, 0, 0, 0, 255 };
	fixture_run(&f, inquiry, 6, FROM, NULL, 255);
	ck_assert_uint_eq(f.response.bytes_transferred, sizeof(page));
	ck_assert_mem_eq(f.data, page, sizeof(page));
	fixture_run(&f, standard, 6, FROM, NULL, 255);
	ck_assert_uint_eq(f.data[5] & 0x08, 0x08); /* 3PC */
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("copy");
	TCase *tc = tcase_create("copy");

	tcase_add_checked_fixture(tc, open_lus, close_lus);
	tcase_add_test(tc, blocks_are_copied_within_a_lu_and_to_another);
	tcase_add_loop_test(tc, overlapping_blocks_are_copied_as_they_were, 0, 2);
	tcase_add_test(tc, t10_designators_name_lus_too);
	tcase_add_test(tc, lists_that_are_too_short_or_too_long_are_refused);
	tcase_add_test(tc, descriptors_are_counted_and_known);
	tcase_add_test(tc, segments_that_fail_abort_the_copy_and_say_which);
	tcase_add_test(tc, lus_that_may_not_be_written_or_are_not_ready_are_not);
	tcase_add_test(tc, results_are_held_for_who_asked_and_told_once);
	tcase_add_loop_test(tc, a_unit_that_shrinks_ends_a_copy_at_its_next_segment, 0, 2);
	tcase_add_test(tc, a_copy_within_a_unit_that_shrinks_ends_as_it_began);
	tcase_add_test(tc, a_copy_that_runs_can_be_asked_for);
	tcase_add_test(tc, places_of_results_are_taken_again_those_of_running_copies_are_not);
	tcase_add_test(tc, aborted_copies_end_and_free_their_place);
	tcase_add_test(tc, a_copy_waits_for_atomic_commands_and_they_for_its_accesses);
	tcase_add_test(tc, an_ordered_copy_has_all_lus_for_itself);
	tcase_add_test(tc, operating_parameters_and_vpd_page);
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
