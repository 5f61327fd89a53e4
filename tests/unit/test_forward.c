/* SPDX-License-Identifier: MIT */
/**
 * test_forward.c - examples/forward.c, over an ioctl of our own: what SG_IO is asked, and what becomes of its answers
 *
 * The whole source is included, so that device_ioctl can be replaced and a task be looked at before and behind it.
 */
#include "../../examples/forward.c"

#include <check.h>

static struct sg_io_hdr asked;
static uint8_t asked_cdb[16];
/* What the device answers. */
static struct sg_io_hdr answer;
static int answer_errno;

static int fake_ioctl(int fd, unsigned long request, void *arg)
{
	struct sg_io_hdr *hdr = arg;

	ck_assert_int_eq(fd, 42);
	ck_assert_uint_eq(request, SG_IO);
	asked = *hdr;
	memcpy(asked_cdb, hdr->cmdp, hdr->cmd_len);
	if (answer_errno) {
		errno = answer_errno;
		return -1;
	}
	hdr->status = answer.status;
	hdr->host_status = answer.host_status;
	hdr->resid = answer.resid;
	hdr->sb_len_wr = answer.sb_len_wr;
	memset(hdr->sbp, 0x70, answer.sb_len_wr);
	return 0;
}

static struct forward forward;
static struct forward_context context;
static struct forward_task *task;
static struct sheaf_response response;
static uint8_t data[8192];

static void setup(void)
{
	memset(&forward, 0, sizeof(forward));
	memset(&answer, 0, sizeof(answer));
	memset(&response, 0xee, sizeof(response));
	answer_errno = 0;
	device_ioctl = fake_ioctl;
	forward.fd = 42;
	forward.data = data;
	forward.data_bytes = sizeof(data);
	context.forward = &forward;
	task = &forward.tasks[3];
	task->context = &context;
	task->response = &response;
	task->task = (struct sheaf_task){
		.requested_transfer_count = 1024,
		.buffer_iovm_addr = 4096,
		.transfer_direction = SHEAF_TRANSFER_FROM_TARGET,
		.command_size = 10,
		.command_descriptor_block = { 0x28, 0, 0, 0, 0, 7, 0, 0, 2, 0 },
		.timeout_in_milli_sec = 1500,
	};
}

START_TEST(a_task_goes_to_the_device_as_it_is)
{
	ck_assert_int_eq(pass_on(task), 0);
	ck_assert_int_eq(asked.interface_id, 'S');
	ck_assert_int_eq(asked.dxfer_direction, SG_DXFER_FROM_DEV);
	ck_assert_uint_eq(asked.dxfer_len, 1024);
	ck_assert_ptr_eq(asked.dxferp, data + 4096);
	ck_assert_uint_eq(asked.cmd_len, 10);
	ck_assert_mem_eq(asked_cdb, task->task.command_descriptor_block, 10);
	ck_assert_uint_eq(asked.timeout, 1500);
}
END_TEST

START_TEST(direction_and_no_limit_are_translated)
{
	task->task.transfer_direction = SHEAF_TRANSFER_TO_TARGET;
	task->task.timeout_in_milli_sec = 0;
	pass_on(task);
	ck_assert_int_eq(asked.dxfer_direction, SG_DXFER_TO_DEV);
	ck_assert_uint_eq(asked.timeout, UINT_MAX);
	task->task.transfer_direction = SHEAF_TRANSFER_NONE;
	pass_on(task);
	ck_assert_int_eq(asked.dxfer_direction, SG_DXFER_NONE);
	ck_assert_uint_eq(asked.dxfer_len, 0);
}
END_TEST

START_TEST(what_the_residual_leaves_was_transferred)
{
	static const struct {
		int resid;
		uint64_t bytes;
	} rows[] = { { 0, 1024 }, { 512, 512 }, { 1024, 0 }, { 1025, 0 }, { -1, 0 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		answer.resid = rows[i].resid;
		pass_on(task);
		ck_assert_uint_eq(response.service_response, SHEAF_TASK_COMPLETE);
		ck_assert_uint_eq(response.completion_status, SHEAF_STATUS_GOOD);
		ck_assert_uint_eq(response.bytes_transferred, rows[i].bytes);
	}
}
END_TEST

START_TEST(sense_data_come_back)
{
	answer.status = SHEAF_STATUS_CHECK_CONDITION;
	answer.sb_len_wr = 18;
	pass_on(task);
	ck_assert_uint_eq(response.completion_status, SHEAF_STATUS_CHECK_CONDITION);
	ck_assert_uint_eq(response.sense_length, 18);
	ck_assert_uint_eq(response.sense_buffer[17], 0x70);
}
END_TEST

START_TEST(what_the_adapter_did_not_deliver_says_why)
{
	static const struct {
		unsigned short host_status;
		uint32_t status;
	} rows[] = { { 0x01, SHEAF_DELIVERY_NOT_PRESENT },
		     { 0x03, SHEAF_DELIVERY_TASK_TIMEOUT },
		     { 0x07, SHEAF_DELIVERY_FAILURE } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		answer.host_status = rows[i].host_status;
		pass_on(task);
		ck_assert_uint_eq(response.service_response, SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE);
		ck_assert_uint_eq(response.completion_status, rows[i].status);
		ck_assert_uint_eq(response.bytes_transferred, 0);
	}
}
END_TEST

START_TEST(an_ioctl_that_fails_is_its_errno)
{
	answer_errno = ENODEV;
	ck_assert_int_eq(pass_on(task), -ENODEV);
}
END_TEST

START_TEST(report_luns_has_one_lun_and_is_cut)
{
	static const uint8_t list[16] = { [3] = 8 };

	task->task.command_descriptor_block[0] = SHEAF_SCSI_REPORT_LUNS;
	memset(task->task.command_descriptor_block + 1, 0, 15);
	task->task.command_descriptor_block[9] = 12;
	memset(data, 0xee, sizeof(data));
	report_luns(task);
	ck_assert_uint_eq(response.bytes_transferred, 12);
	ck_assert_mem_eq(data + 4096, list, 12);
	ck_assert_uint_eq(data[4096 + 12], 0xee);
}
END_TEST

START_TEST(another_lun_is_not_supported)
{
	respond_illegal(task, 0x25);
	ck_assert_uint_eq(response.completion_status, SHEAF_STATUS_CHECK_CONDITION);
	ck_assert_uint_eq(response.sense_length, 18);
	ck_assert_uint_eq(response.sense_buffer[2], 5);
	ck_assert_uint_eq(response.sense_buffer[12], 0x25);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("forward");
	TCase *tc = tcase_create("forward");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_task_goes_to_the_device_as_it_is);
	tcase_add_test(tc, direction_and_no_limit_are_translated);
	tcase_add_test(tc, what_the_residual_leaves_was_transferred);
	tcase_add_test(tc, sense_data_come_back);
	tcase_add_test(tc, what_the_adapter_did_not_deliver_says_why);
	tcase_add_test(tc, an_ioctl_that_fails_is_its_errno);
	tcase_add_test(tc, report_luns_has_one_lun_and_is_cut);
	tcase_add_test(tc, another_lun_is_not_supported);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
