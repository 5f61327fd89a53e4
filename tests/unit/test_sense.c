/* SPDX-License-Identifier: MIT */
/* test_sense.c - sense data: bytes out, bytes in, bytes that are no sense data. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "scsi/sense.h"

static const struct sheaf_sense invalid_field = { .key = 5,
						  .asc = 0x2400,
						  .field_valid = true,
						  .field_in_cdb = true,
						  .field_byte = 2,
						  .field_bit = 5 };
static const struct sheaf_sense medium_error = { .key = 3,
						 .asc = 0x1100,
						 .information_valid = true,
						 .information = 0x12345678,
						 .field_bit = -1 };
static const struct sheaf_sense far_medium_error = { .key = 3,
						     .asc = 0x0c00,
						     .information_valid = true,
						     .information = 0x123456789a,
						     .field_bit = -1 };
static const struct sheaf_sense in_progress = { .key = 2,
						.asc = 0x0404,
						.progress_valid = true,
						.progress = 0x8001,
						.field_bit = -1 };

START_TEST(fixed_format_is_as_spc_4_says)
{
	static const uint8_t field[18] = { 0x70, 0, 5, 0,    0, 0, 0,	 10, 0,
					   0,	 0, 0, 0x24, 0, 0, 0xcd, 0,  2 };
	static const uint8_t medium[18] = { 0xf0, 0, 3, 0x12, 0x34, 0x56, 0x78,
					    10,	  0, 0, 0,    0,    0x11, 0 };
	static const uint8_t progress[18] = { 0x70, 0, 2, 0, 0, 0, 0, 10, 0, 0, 0,
					      0, 0x04, 0x04, 0, 0x80, 0x80, 0x01 };
	uint8_t out[SHEAF_SENSE_BUILD_MAX];

	ck_assert_uint_eq(sheaf_sense_build_fixed(&invalid_field, out), 18);
	ck_assert_mem_eq(out, field, 18);
	ck_assert_uint_eq(sheaf_sense_build_fixed(&medium_error, out), 18);
	ck_assert_mem_eq(out, medium, 18);
	ck_assert_uint_eq(sheaf_sense_build_fixed(&in_progress, out), 18);
	ck_assert_mem_eq(out, progress, 18);
}
END_TEST

START_TEST(information_that_does_not_fit_fixed_format_is_not_valid)
{
	uint8_t out[SHEAF_SENSE_BUILD_MAX];

	sheaf_sense_build_fixed(&far_medium_error, out);
	ck_assert_uint_eq(out[0], 0x70);
	ck_assert_uint_eq(out[3] | out[4] | out[5] | out[6], 0);
}
END_TEST

START_TEST(descriptor_format_is_as_spc_4_says)
{
	static const uint8_t field[16] = {
		0x72, 5, 0x24, 0, 0, 0, 0, 8, 2, 6, 0, 0, 0xcd, 0, 2, 0
	};
	static const uint8_t medium[20] = { 0x72, 3, 0x0c, 0, 0, 0,    0,    12,   0,	 10,
					    0x80, 0, 0,	   0, 0, 0x12, 0x34, 0x56, 0x78, 0x9a };
	static const uint8_t progress[16] = {
		0x72, 2, 0x04, 0x04, 0, 0, 0, 8, 2, 6, 0, 0, 0x80, 0x80, 0x01, 0
	};
	uint8_t out[SHEAF_SENSE_BUILD_MAX];

	ck_assert_uint_eq(sheaf_sense_build_descriptor(&invalid_field, out), 16);
	ck_assert_mem_eq(out, field, 16);
	ck_assert_uint_eq(sheaf_sense_build_descriptor(&far_medium_error, out), 20);
	ck_assert_mem_eq(out, medium, 20);
	ck_assert_uint_eq(sheaf_sense_build_descriptor(&in_progress, out), 16);
	ck_assert_mem_eq(out, progress, 16);
}
END_TEST

static void check_same(const struct sheaf_sense *a, const struct sheaf_sense *b)
{
	ck_assert_uint_eq(a->key, b->key);
	ck_assert_uint_eq(a->asc, b->asc);
	ck_assert_int_eq(a->deferred, b->deferred);
	ck_assert_int_eq(a->information_valid, b->information_valid);
	ck_assert_uint_eq(a->information, b->information);
	ck_assert_int_eq(a->field_valid, b->field_valid);
	if (a->field_valid) {
		ck_assert_int_eq(a->field_in_cdb, b->field_in_cdb);
		ck_assert_int_eq(a->field_bit, b->field_bit);
		ck_assert_uint_eq(a->field_byte, b->field_byte);
	}
	ck_assert_int_eq(a->progress_valid, b->progress_valid);
	if (a->progress_valid)
		ck_assert_uint_eq(a->progress, b->progress);
}

START_TEST(what_was_built_is_what_is_parsed)
{
	const struct sheaf_sense whole_byte = { .key = 5,
						.asc = 0x2600,
						.deferred = true,
						.field_valid = true,
						.field_byte = 300,
						.field_bit = -1 };
	const struct sheaf_sense *all[] = { &invalid_field, &medium_error, &whole_byte, &in_progress };
	uint8_t out[SHEAF_SENSE_BUILD_MAX];
	struct sheaf_sense back;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		ck_assert(sheaf_sense_parse(out, sheaf_sense_build_fixed(all[i], out), &back));
		check_same(all[i], &back);
		ck_assert(sheaf_sense_parse(out, sheaf_sense_build_descriptor(all[i], out), &back));
		check_same(all[i], &back);
	}
	ck_assert(sheaf_sense_parse(out, sheaf_sense_build_descriptor(&far_medium_error, out),
				    &back));
	check_same(&far_medium_error, &back);
}
END_TEST

START_TEST(cut_sense_data_loses_fields_and_reads_nothing_beyond)
{
	uint8_t out[SHEAF_SENSE_BUILD_MAX];

	for (int descriptor = 0; descriptor < 2; descriptor++) {
		unsigned whole = descriptor ? sheaf_sense_build_descriptor(&invalid_field, out)
					    : sheaf_sense_build_fixed(&invalid_field, out);
		for (unsigned n = 0; n < whole; n++) {
			uint8_t *cut = malloc(n ? n : 1); /* ASan watches its end */
			struct sheaf_sense back = { .key = 0xaa };
			memcpy(cut, out, n);
			bool valid = sheaf_sense_parse(cut, n, &back);
			ck_assert_int_eq(valid, n >= (descriptor ? 4u : 3u));
			ck_assert_uint_eq(back.key, valid ? 5 : 0xaa);
			ck_assert_uint_eq(back.field_valid, !descriptor && n >= 18);
			free(cut);
		}
	}
}
END_TEST

START_TEST(bytes_that_are_no_sense_data_are_refused)
{
	struct sheaf_sense back;
	uint8_t data[18] = { 0 };

	for (unsigned code = 0; code < 256; code++) {
		data[0] = (uint8_t)code;
		ck_assert_int_eq(sheaf_sense_parse(data, sizeof(data), &back),
				 (code & 0x7f) >= 0x70 && (code & 0x7f) <= 0x73);
	}
}
END_TEST

START_TEST(random_bytes_are_parsed_within_their_length)
{
	unsigned seed = 1;

	for (unsigned i = 0; i < 20000; i++) {
		unsigned n = (unsigned)rand_r(&seed) % 64;
		uint8_t *data = malloc(n ? n : 1);
		struct sheaf_sense back;
		for (unsigned k = 0; k < n; k++)
			data[k] = (uint8_t)rand_r(&seed);
		if (n)
			data[0] = (uint8_t)(0x70 | (data[0] & 0x83));
		sheaf_sense_parse(data, n, &back);
		free(data);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sense");
	TCase *tc = tcase_create("sense");

	tcase_add_test(tc, fixed_format_is_as_spc_4_says);
	tcase_add_test(tc, information_that_does_not_fit_fixed_format_is_not_valid);
	tcase_add_test(tc, descriptor_format_is_as_spc_4_says);
	tcase_add_test(tc, what_was_built_is_what_is_parsed);
	tcase_add_test(tc, cut_sense_data_loses_fields_and_reads_nothing_beyond);
	tcase_add_test(tc, bytes_that_are_no_sense_data_are_refused);
	tcase_add_test(tc, random_bytes_are_parsed_within_their_length);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
