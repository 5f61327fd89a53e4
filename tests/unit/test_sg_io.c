/* SPDX-License-Identifier: MIT */
/* test_sg_io.c - headers of SG_IO as a caller may send them, sound and hostile, in both layouts */
#include "fuse/sg_io.h"

#include <check.h>

#include <errno.h>
#include <scsi/sg.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST 1048576u

/* A sound READ of 4096 bytes in either layout, to be spoiled. Offsets are those of the kernel's two structures. */
static uint8_t header[SHEAF_SG_HEADER_MAX];
static bool narrow;

static void put(unsigned at, uint64_t value, unsigned bytes)
{
	memcpy(header + at, &value, bytes);
}

static void put32(unsigned at, uint32_t value)
{
	memcpy(header + at, &value, sizeof(value));
}

static void put16(unsigned at, uint16_t value)
{
	memcpy(header + at, &value, sizeof(value));
}

static void put_address(unsigned wide_at, unsigned narrow_at, uint64_t value)
{
	if (narrow)
		put32(narrow_at, (uint32_t)value);
	else
		put(wide_at, value, sizeof(value));
}

static void sound(bool is_narrow)
{
	narrow = is_narrow;
	memset(header, 0, sizeof(header));
	put32(0, 'S');
	put32(4, (uint32_t)SG_DXFER_FROM_DEV);
	header[8] = 10;
	header[9] = 32;
	put32(12, 4096);
	put_address(16, 16, 0x11223344);
	put_address(24, 20, 0x55667788);
	put_address(32, 24, 0x99aabbcc);
	put32(narrow ? 28 : 40, 20000);
}

static int decode(struct sheaf_sg_command *ret)
{
	return sheaf_sg_decode(header, narrow, LONGEST, ret);
}

START_TEST(sound_header_is_decoded)
{
	struct sheaf_sg_command c;

	sound(_i);
	ck_assert_int_eq(decode(&c), 0);
	ck_assert_uint_eq(c.narrow, narrow);
	ck_assert_uint_eq(c.cdb_length, 10);
	ck_assert_uint_eq(c.sense_room, 32);
	ck_assert_uint_eq(c.length, 4096);
	ck_assert_uint_eq(c.direction, SHEAF_TRANSFER_FROM_TARGET);
	ck_assert(c.moves);
	ck_assert_uint_eq(c.vector_count, 0);
	ck_assert_uint_eq(c.data, 0x11223344);
	ck_assert_uint_eq(c.cdb, 0x55667788);
	ck_assert_uint_eq(c.sense, 0x99aabbcc);
	ck_assert_uint_eq(c.timeout_ms, 20000);
}
END_TEST

static const struct direction_row {
	int32_t dxfer_direction;
	uint32_t length;
	int result;
	uint8_t direction;
	uint32_t taken;
} directions[] = {
	{ -1, 4096, 0, SHEAF_TRANSFER_NONE, 0 }, /* NONE: a length counts for nothing */
	{ -2, 4096, 0, SHEAF_TRANSFER_TO_TARGET, 4096 },
	{ -3, 4096, 0, SHEAF_TRANSFER_FROM_TARGET, 4096 },
	{ -4, 4096, 0, SHEAF_TRANSFER_FROM_TARGET, 4096 }, /* TO_FROM */
	{ -5, 4096, 0, SHEAF_TRANSFER_FROM_TARGET, 4096 }, /* UNKNOWN */
	{ -3, 0, 0, SHEAF_TRANSFER_NONE, 0 },
	{ -2, LONGEST, 0, SHEAF_TRANSFER_TO_TARGET, LONGEST },
	{ -2, LONGEST + 1, -EINVAL, 0, 0 },
	{ -3, UINT32_MAX, -EINVAL, 0, 0 },
	{ -1, UINT32_MAX, 0, SHEAF_TRANSFER_NONE, 0 },
	{ -6, 4096, 0, SHEAF_TRANSFER_NONE, 0 }, /* what sg does not know is none */
	{ 0, 4096, 0, SHEAF_TRANSFER_NONE, 0 },
	{ 1, 4096, 0, SHEAF_TRANSFER_NONE, 0 },
	{ INT32_MIN, 4096, 0, SHEAF_TRANSFER_NONE, 0 },
	{ INT32_MAX, UINT32_MAX, 0, SHEAF_TRANSFER_NONE, 0 },
};

START_TEST(directions_and_lengths)
{
	for (unsigned i = 0; i < sizeof(directions) / sizeof(directions[0]); i++) {
		const struct direction_row *row = &directions[i];
		struct sheaf_sg_command c;

		sound(_i);
		put32(4, (uint32_t)row->dxfer_direction);
		put32(12, row->length);
		ck_assert_msg(decode(&c) == row->result, "row %u", i);
		if (row->result < 0)
			continue;
		ck_assert_msg(c.direction == row->direction && c.length == row->taken &&
				      c.moves == (row->taken > 0),
			      "row %u", i);
	}
}
END_TEST

START_TEST(cdb_lengths)
{
	struct sheaf_sg_command c;

	for (unsigned n = 0; n <= UINT8_MAX; n++) {
		sound(_i);
		header[8] = (uint8_t)n;
		ck_assert_int_eq(decode(&c), n >= 6 && n <= 16 ? 0 : -EMSGSIZE);
	}
}
END_TEST

START_TEST(only_version_3_is_taken)
{
	struct sheaf_sg_command c;
	const uint32_t ids[] = { 0, 'Q', 'S' << 8, 'S' | 1u << 31, UINT32_MAX };

	for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		sound(_i);
		put32(0, ids[i]);
		ck_assert_int_eq(decode(&c), -EINVAL);
	}
}
END_TEST

START_TEST(flags)
{
	struct sheaf_sg_command c;
	unsigned at = _i ? 32 : 44;

	sound(_i);
	put32(at, 0x04); /* SG_FLAG_MMAP_IO: there is no reserved buffer to map */
	ck_assert_int_eq(decode(&c), -EINVAL);
	put32(at, SG_FLAG_NO_DXFER);
	ck_assert_int_eq(decode(&c), 0);
	ck_assert(!c.moves && c.length == 4096);
	put32(at, SG_FLAG_DIRECT_IO | SG_FLAG_LUN_INHIBIT | 0x30); /* at tail, at head */
	ck_assert_int_eq(decode(&c), 0);
	ck_assert(c.moves);
}
END_TEST

START_TEST(scatter_list_counts)
{
	struct sheaf_sg_command c;

	sound(_i);
	put16(10, SHEAF_SG_VECTOR_MAX);
	ck_assert_int_eq(decode(&c), 0);
	ck_assert_uint_eq(c.vector_count, SHEAF_SG_VECTOR_MAX);
	put16(10, SHEAF_SG_VECTOR_MAX + 1);
	ck_assert_int_eq(decode(&c), -EINVAL);
	put16(10, UINT16_MAX);
	ck_assert_int_eq(decode(&c), -EINVAL);
	put32(12, 0); /* nothing to scatter */
	ck_assert_int_eq(decode(&c), 0);
	ck_assert_uint_eq(c.vector_count, 0);
}
END_TEST

static void put_element(uint8_t *list, unsigned i, uint64_t address, uint64_t length)
{
	if (narrow) {
		const uint32_t element[2] = { (uint32_t)address, (uint32_t)length };

		memcpy(list + i * sizeof(element), element, sizeof(element));
	} else {
		const uint64_t element[2] = { address, length };

		memcpy(list + i * sizeof(element), element, sizeof(element));
	}
}

START_TEST(scatter_list_is_cut_at_the_length)
{
	uint8_t list[4 * SHEAF_SG_VECTOR_ELEMENT];
	struct iovec out[4];
	unsigned count;

	narrow = _i;
	put_element(list, 0, 0x1000, 100);
	put_element(list, 1, 0x2000, 0);
	put_element(list, 2, 0x3000, UINT64_MAX); /* narrow: 2^32 - 1 */
	put_element(list, 3, 0x4000, 1);
	ck_assert_uint_eq(sheaf_sg_decode_vector(list, 4, narrow, 300, out, &count), 300);
	ck_assert_uint_eq(count, 2);
	ck_assert_uint_eq(out[0].iov_len, 100);
	ck_assert_ptr_eq(out[1].iov_base, (void *)0x3000);
	ck_assert_uint_eq(out[1].iov_len, 200);
	/* A short list. */
	ck_assert_uint_eq(sheaf_sg_decode_vector(list, 2, narrow, 300, out, &count), 100);
	ck_assert_uint_eq(count, 1);
	ck_assert_uint_eq(sheaf_sg_decode_vector(list, 0, narrow, 300, out, &count), 0);
	ck_assert_uint_eq(count, 0);
}
END_TEST

/* What is decoded keeps the bounds that others rely on, whatever the bytes are. */
START_TEST(random_headers_keep_the_bounds)
{
	const char *text = getenv("SHEAF_SEED");
	unsigned seed = text ? (unsigned)strtoul(text, NULL, 0) : 7;

	srandom(seed);
	for (unsigned i = 0; i < 200000; i++) {
		struct sheaf_sg_command c;

		sound(_i);
		for (unsigned n = (unsigned)random() % 6; n > 0; n--)
			header[(unsigned)random() % sizeof(header)] = (uint8_t)random();
		if (decode(&c) < 0)
			continue;
		ck_assert_msg(c.cdb_length >= 6 && c.cdb_length <= SHEAF_SG_CDB_MAX &&
				      c.length <= LONGEST &&
				      c.vector_count <= SHEAF_SG_VECTOR_MAX &&
				      (c.length > 0) == (c.direction != SHEAF_TRANSFER_NONE) &&
				      (!c.moves || c.length),
			      "seed %u, header %u", seed, i);
	}
}
END_TEST

START_TEST(outcome_lies_where_the_caller_looks)
{
	const struct sheaf_sg_outcome outcome = {
		.status = 0x02,
		.sense_length = 18,
		.sense_valid = true,
		.host_status = 3,
		.resid = -5,
		.duration_ms = 77,
	};
	struct sg_io_hdr native = { 0 };
	uint8_t bytes[SHEAF_SG_OUTCOME_BYTES];

	ck_assert_uint_eq(sheaf_sg_outcome_offset(true), 44);
	ck_assert_uint_eq(sheaf_sg_outcome_offset(true) + SHEAF_SG_OUTCOME_BYTES,
			  sheaf_sg_header_bytes(true));
	sheaf_sg_encode(&outcome, bytes);
	memcpy(&native.status, bytes, sizeof(bytes));
	ck_assert_uint_eq(native.status, 0x02);
	ck_assert_uint_eq(native.masked_status, 0x01);
	ck_assert_uint_eq(native.msg_status, 0);
	ck_assert_uint_eq(native.sb_len_wr, 18);
	ck_assert_uint_eq(native.host_status, 3);
	ck_assert_uint_eq(native.driver_status, 8);
	ck_assert_int_eq(native.resid, -5);
	ck_assert_uint_eq(native.duration, 77);
	ck_assert_uint_eq(native.info, SG_INFO_CHECK);
}
END_TEST

START_TEST(a_good_outcome_is_all_zero_but_its_counts)
{
	const struct sheaf_sg_outcome outcome = { .resid = 0 };
	const uint8_t zero[SHEAF_SG_OUTCOME_BYTES] = { 0 };
	uint8_t bytes[SHEAF_SG_OUTCOME_BYTES];

	memset(bytes, 0xff, sizeof(bytes));
	sheaf_sg_encode(&outcome, bytes);
	ck_assert_mem_eq(bytes, zero, sizeof(zero));
}
END_TEST

START_TEST(host_statuses)
{
	ck_assert_uint_eq(sheaf_sg_host_status(SHEAF_TASK_COMPLETE, SHEAF_STATUS_CHECK_CONDITION),
			  0);
	ck_assert_uint_eq(sheaf_sg_host_status(SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE,
					       SHEAF_DELIVERY_TASK_TIMEOUT),
			  3);
	ck_assert_uint_eq(sheaf_sg_host_status(SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE,
					       SHEAF_DELIVERY_NOT_PRESENT),
			  1);
	ck_assert_uint_eq(sheaf_sg_host_status(SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE,
					       SHEAF_DELIVERY_FAILURE),
			  7);
	ck_assert_uint_eq(sheaf_sg_host_status(SHEAF_FUNCTION_REJECTED, 0), 7);
}
END_TEST

START_TEST(only_what_surely_reads_leaves_the_page_cache_alone)
{
	/* TEST UNIT READY, INQUIRY, LOG SENSE, READ CAPACITY (16), READ (10), MODE SENSE (10) */
	static const uint8_t reads[] = { 0x00, 0x12, 0x4d, 0x9e, 0x28, 0x5a };
	/* FORMAT UNIT, WRITE (10), UNMAP, SANITIZE, EXTENDED COPY, COMPARE AND WRITE, WRITE SAME (16), a vendor's */
	static const uint8_t writes[] = { 0x04, 0x2a, 0x42, 0x48, 0x83, 0x89, 0x93, 0xc0 };

	for (unsigned i = 0; i < sizeof(reads); i++)
		ck_assert_msg(!sheaf_sg_may_write(&reads[i]), "%02x", reads[i]);
	for (unsigned i = 0; i < sizeof(writes); i++)
		ck_assert_msg(sheaf_sg_may_write(&writes[i]), "%02x", writes[i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sg_io");
	TCase *both = tcase_create("header"), *out = tcase_create("outcome");
	SRunner *runner;
	int failed;

	/* 0: the native layout, 1: the narrow one */
	tcase_add_loop_test(both, sound_header_is_decoded, 0, 2);
	tcase_add_loop_test(both, directions_and_lengths, 0, 2);
	tcase_add_loop_test(both, cdb_lengths, 0, 2);
	tcase_add_loop_test(both, only_version_3_is_taken, 0, 2);
	tcase_add_loop_test(both, flags, 0, 2);
	tcase_add_loop_test(both, scatter_list_counts, 0, 2);
	tcase_add_loop_test(both, scatter_list_is_cut_at_the_length, 0, 2);
	tcase_add_loop_test(both, random_headers_keep_the_bounds, 0, 2);
	tcase_add_test(out, outcome_lies_where_the_caller_looks);
	tcase_add_test(out, a_good_outcome_is_all_zero_but_its_counts);
	tcase_add_test(out, host_statuses);
	tcase_add_test(out, only_what_surely_reads_leaves_the_page_cache_alone);
	suite_add_tcase(suite, both);
	suite_add_tcase(suite, out);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
