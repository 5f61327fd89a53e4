/* SPDX-License-Identifier: MIT */
/* test_errno_sense.c - both tables row by row, and the way there and back. */
#include <check.h>
#include <errno.h>

#include <sheaf/task.h>

#include "scsi/errno_sense.h"
#include "scsi/sense_errno.h"

#define R SHEAF_STORE_READ
#define W SHEAF_STORE_WRITE
#define F SHEAF_STORE_FLUSH
#define D SHEAF_STORE_DISCARD
#define Z SHEAF_STORE_ZERO
#define S SHEAF_STORE_STATUS

/* clang-format off */
/* back: what the application sees in the end. */
static const struct {
	int error;
	enum sheaf_store_op op;
	unsigned key, asc;
	int back;
} errors[] = {
	{ EIO, R, 3, 0x1100, EIO },	   { EIO, S, 3, 0x1100, EIO },
	{ EIO, W, 3, 0x0c00, EIO },	   { EIO, F, 3, 0x0c00, EIO },
	{ EIO, D, 3, 0x0c00, EIO },	   { EIO, Z, 3, 0x0c00, EIO },
	{ ENODATA, R, 3, 0x1100, EIO },	   { ENODATA, W, 3, 0x0c00, EIO },
	{ EBADMSG, R, 3, 0x1100, EIO },	   { EUCLEAN, R, 3, 0x1100, EIO },
	{ EBADMSG, W, 4, 0x4400, EIO },	   { ENOSPC, W, 7, 0x2707, ENOSPC },
	{ ENOSPC, F, 7, 0x2707, ENOSPC },  { ENOSPC, Z, 7, 0x2707, ENOSPC },
	{ EDQUOT, W, 7, 0x2707, ENOSPC },  { EFBIG, W, 7, 0x2707, ENOSPC },
	{ EROFS, W, 7, 0x2700, EROFS },	   { EACCES, W, 7, 0x2700, EROFS },
	{ EPERM, D, 7, 0x2700, EROFS },	   { ENOMEM, R, 0xb, 0x5503, ENOMEM },
	{ ETIMEDOUT, R, 0xb, 0x2e02, EIO }, { ENODEV, W, 2, 0x3a00, ENXIO },
	{ ENXIO, R, 2, 0x3a00, ENXIO },	   { EINVAL, R, 4, 0x4400, EIO },
	{ EINTR, W, 4, 0x4400, EIO },	   { EBADF, F, 4, 0x4400, EIO },
};
/* clang-format on */

START_TEST(store_error_becomes_sense_and_comes_back_as_an_errno)
{
	struct sheaf_sense sense;
	uint8_t data[SHEAF_SENSE_BUILD_MAX];
	unsigned length;

	sheaf_errno_to_sense(-errors[_i].error, errors[_i].op, &sense);
	ck_assert_uint_eq(sense.key, errors[_i].key);
	ck_assert_uint_eq(sense.asc, errors[_i].asc);
	ck_assert(!sense.information_valid && !sense.field_valid && !sense.deferred);
	length = sheaf_sense_build_fixed(&sense, data);
	ck_assert_int_eq(sheaf_sense_to_errno(SHEAF_TASK_COMPLETE, 2, data, length),
			 errors[_i].back);
	length = sheaf_sense_build_descriptor(&sense, data);
	ck_assert_int_eq(sheaf_sense_to_errno(SHEAF_TASK_COMPLETE, 2, data, length),
			 errors[_i].back);
}
END_TEST

/* clang-format off */
static const struct {
	unsigned key, asc;
	int error;
} senses[] = {
	{ 0x0, 0x0000, EIO },	 { 0x1, 0x1701, 0 },	  { 0x2, 0x0400, EIO },
	{ 0x2, 0x3a00, ENXIO },	 { 0x3, 0x1100, EIO },	  { 0x3, 0x0c00, EIO },
	{ 0x4, 0x4400, EIO },	 { 0x5, 0x2000, EOPNOTSUPP }, { 0x5, 0x2100, EIO },
	{ 0x5, 0x2400, EIO },	 { 0x5, 0x2500, ENXIO },  { 0x5, 0x2600, EIO },
	{ 0x6, 0x2900, EIO },	 { 0x6, 0x2903, EIO },	  { 0x7, 0x2700, EROFS },
	{ 0x7, 0x2707, ENOSPC }, { 0x7, 0x2702, EROFS },  { 0x8, 0x0000, EIO },
	{ 0x9, 0x8000, EIO },	 { 0xa, 0x0000, EIO },	  { 0xb, 0x4b00, EIO },
	{ 0xb, 0x5503, ENOMEM }, { 0xd, 0x0000, EIO },	  { 0xe, 0x1d00, EIO },
	{ 0xf, 0x0000, 0 },
};
/* clang-format on */

START_TEST(sense_becomes_an_errno)
{
	struct sheaf_sense sense = { .key = (uint8_t)senses[_i].key,
				     .asc = (uint16_t)senses[_i].asc };
	uint8_t data[SHEAF_SENSE_BUILD_MAX];

	unsigned length = sheaf_sense_build_fixed(&sense, data);
	ck_assert_int_eq(sheaf_sense_to_errno(SHEAF_TASK_COMPLETE, 2, data, length),
			 senses[_i].error);
	sense.deferred = true;
	length = sheaf_sense_build_fixed(&sense, data);
	ck_assert_int_eq(sheaf_sense_to_errno(SHEAF_TASK_COMPLETE, 2, data, length), EIO);
}
END_TEST

static const struct {
	unsigned service_response, status;
	int error;
} statuses[] = {
	{ SHEAF_TASK_COMPLETE, SHEAF_STATUS_GOOD, 0 },
	{ SHEAF_TASK_COMPLETE, SHEAF_STATUS_CONDITION_MET, 0 },
	{ SHEAF_TASK_COMPLETE, SHEAF_STATUS_CHECK_CONDITION, EIO }, /* no sense data */
	{ SHEAF_TASK_COMPLETE, SHEAF_STATUS_BUSY, EIO },
	{ SHEAF_TASK_COMPLETE, SHEAF_STATUS_TASK_SET_FULL, EIO },
	{ SHEAF_TASK_COMPLETE, SHEAF_STATUS_ACA_ACTIVE, EIO },
	{ SHEAF_TASK_COMPLETE, SHEAF_STATUS_RESERVATION_CONFLICT, EBADE },
	{ SHEAF_TASK_COMPLETE, 0x12345678, EIO },
	{ SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE, SHEAF_DELIVERY_TASK_TIMEOUT, EIO },
	{ SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE, SHEAF_DELIVERY_NOT_PRESENT, ENXIO },
	{ SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE, SHEAF_DELIVERY_FAILURE, EIO },
	{ SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE, 0, EIO },
	{ SHEAF_REQUEST_IN_PROCESS, 0, EIO },
	{ SHEAF_FUNCTION_REJECTED, 0, EIO },
	{ 99, 0, EIO },
};

START_TEST(status_without_sense_becomes_an_errno)
{
	ck_assert_int_eq(
		sheaf_sense_to_errno(statuses[_i].service_response, statuses[_i].status, NULL, 0),
		statuses[_i].error);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
	Suite *suite = suite_create("errno_sense");
	TCase *tc = tcase_create("errno_sense");

	tcase_add_loop_test(tc, store_error_becomes_sense_and_comes_back_as_an_errno, 0,
			    COUNT(errors));
	tcase_add_loop_test(tc, sense_becomes_an_errno, 0, COUNT(senses));
	tcase_add_loop_test(tc, status_without_sense_becomes_an_errno, 0, COUNT(statuses));
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
