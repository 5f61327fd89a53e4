/* SPDX-License-Identifier: MIT */
/* test_host.c - bring-up in DriverKit's order, what a host refuses, and that each failure unwinds */
#include "host/host.h"

#include <check.h>

#include "base/log.h"
#include "fake_controller.h"

#define SLOTS 6u

static struct fake_controller fake;
static struct sheaf_host *host;

static struct sheaf_host_options options(void)
{
	return (struct sheaf_host_options){
		.ops = &fake_ops,
		.controller = &fake,
		.slots = SLOTS,
		.queues = 2,
		.workers = 0,
		.buffer_bytes = 8192,
		.bundle_max = SHEAF_BUNDLE_MAX,
	};
}

static void open_fake(void)
{
	fake_init(&fake);
	host = NULL;
}

static void close_host(void)
{
	host = sheaf_host_free(host);
}

static int create(const struct sheaf_host_options *o)
{
	return sheaf_host_create(o, &host);
}

static int create_default(void)
{
	const struct sheaf_host_options o = options();

	return create(&o);
}

static void expect_calls(const char *const expected[], unsigned n)
{
	for (unsigned i = 0; i < n && i < fake.call_count; i++)
		ck_assert_str_eq(fake.calls[i], expected[i]);
	ck_assert_uint_eq(fake.call_count, n);
}

START_TEST(methods_are_called_in_driverkits_order)
{
	static const char *const expected[] = {
		"initialize_controller",
		"report_initiator_identifier",
		"report_highest_supported_device_id",
		"report_maximum_task_count",
		"report_maximum_context_count",
		"map_data_area",
		"map_hba_data", "map_hba_data", "map_hba_data",
		"map_hba_data", "map_hba_data", "map_hba_data",
		"map_bundled_parallel_task_command_and_response_buffers",
		"start_controller",
		"does_hba_perform_device_management",
	};
	static const char *const target[] = {
		"initialize_target_for_id",
		"report_hba_highest_logical_unit_number",
		"does_hba_support_scsi_parallel_feature",
		"does_hba_support_scsi_parallel_feature",
		"does_hba_support_scsi_parallel_feature",
		"does_hba_support_scsi_parallel_feature",
		"does_hba_support_scsi_parallel_feature",
		"does_hba_perform_auto_sense",
		"does_hba_support_multi_pathing",
	};
	static const char *const end[] = { "stop" };

	ck_assert_int_eq(create_default(), 0);
	expect_calls(expected, sizeof(expected) / sizeof(expected[0]));
	fake.call_count = 0;
	ck_assert_int_eq(sheaf_host_initialize_target(host, 0), 0);
	expect_calls(target, sizeof(target) / sizeof(target[0]));
	ck_assert(host->auto_sense);
	ck_assert_uint_eq(host->highest_lun, 3);
	ck_assert_uint_eq(fake.features_asked, (1u << SHEAF_PARALLEL_FEATURE_COUNT) - 1);
	fake.call_count = 0;
	close_host();
	expect_calls(end, 1);
}
END_TEST

static const char *const failing[] = {
	"report_initiator_identifier", "report_highest_supported_device_id",
	"report_maximum_task_count",   "report_maximum_context_count",
	"map_data_area",	       "map_hba_data",
	"start_controller",	       "does_hba_perform_device_management",
};
#define FAILING ((int)(sizeof(failing) / sizeof(failing[0])))

/* ASan sees that all is freed as well. */
START_TEST(failure_of_a_method_ends_with_stop_and_its_error)
{
	fake.fail = failing[_i];
	fake.fail_error = -EHOSTDOWN;
	ck_assert_int_eq(create_default(), -EHOSTDOWN);
	ck_assert_ptr_null(host);
	ck_assert_uint_ge(fake.call_count, 2);
	ck_assert_str_eq(fake.calls[fake.call_count - 1], "stop");
	ck_assert_str_eq(fake.calls[fake.call_count - 2], failing[_i]);
	ck_assert_uint_eq(fake_call_count(&fake, "stop"), 1);
}
END_TEST

START_TEST(failure_of_initialize_controller_needs_no_stop)
{
	fake.fail = "initialize_controller";
	fake.fail_error = -ENODEV;
	ck_assert_int_eq(create_default(), -ENODEV);
	ck_assert_uint_eq(fake.call_count, 1);
}
END_TEST

START_TEST(hba_id_0_is_refused)
{
	fake.ids_zero = true;
	ck_assert_int_eq(create_default(), -EINVAL);
	ck_assert_uint_eq(fake_call_count(&fake, "stop"), 1);
}
END_TEST

START_TEST(hba_id_given_twice_is_refused)
{
	fake.ids_repeat = true;
	ck_assert_int_eq(create_default(), -EEXIST);
	ck_assert_uint_eq(fake_call_count(&fake, "stop"), 1);
}
END_TEST

START_TEST(maximum_task_count_0_is_refused)
{
	fake.maximum_tasks = 0;
	ck_assert_int_eq(create_default(), -EINVAL);
	ck_assert_str_eq(fake.calls[fake.call_count - 2], "report_maximum_task_count");
	ck_assert_str_eq(fake.calls[fake.call_count - 1], "stop");
}
END_TEST

START_TEST(slots_are_no_more_than_the_controller_takes_and_alike_for_all_queues)
{
	static const uint32_t rows[][3] = {
		/* maximum tasks, slots in use, a queue's */
		{ 2, 2, 1 }, { 3, 2, 1 }, { 5, 4, 2 }, { 6, 6, 3 }, { 100, 6, 3 },
	};

	for (unsigned i = 0; i < 5; i++) {
		fake_init(&fake);
		fake.maximum_tasks = rows[i][0];
		ck_assert_int_eq(create_default(), 0);
		ck_assert_uint_eq(host->slots, rows[i][1]);
		ck_assert_uint_eq(host->slots_per_queue, rows[i][2]);
		ck_assert_uint_eq(fake_call_count(&fake, "map_hba_data"), rows[i][1]);
		ck_assert_uint_eq(fake.mapped_slots, rows[i][1]);
		ck_assert_uint_eq(host->queues[1]->first_slot, rows[i][2]);
		ck_assert_uint_ge(fake.buffer_bytes, 8192);
		ck_assert_uint_ge(fake.data_bytes, rows[i][1] * fake.buffer_bytes);
		close_host();
	}
	fake_init(&fake);
	fake.maximum_tasks = 1; /* fewer than queues */
	ck_assert_int_eq(create_default(), -EINVAL);
}
END_TEST

START_TEST(controller_that_declines_the_mapping_runs_in_single_task_mode)
{
	fake.declines = true;
	ck_assert_int_eq(create_default(), 0);
	ck_assert(!host->bundled);
	/* The data area is mapped in both modes. */
	ck_assert_uint_eq(fake_call_count(&fake, "map_data_area"), 1);
	ck_assert_ptr_nonnull(fake.data);
}
END_TEST

START_TEST(controller_without_the_mapping_runs_in_single_task_mode)
{
	struct sheaf_controller_ops ops = fake_ops;
	struct sheaf_host_options o = options();

	ops.map_bundled_parallel_task_command_and_response_buffers = NULL;
	o.ops = &ops;
	ck_assert_int_eq(create(&o), 0);
	ck_assert(!host->bundled);
	close_host();

	fake_init(&fake);
	ops.process_parallel_task = NULL; /* then there is no mode at all */
	ck_assert_int_eq(create(&o), -EOPNOTSUPP);
	ck_assert_uint_eq(fake_call_count(&fake, "stop"), 1);
}
END_TEST

START_TEST(single_mode_option_never_offers_the_mapping)
{
	struct sheaf_host_options o = options();

	o.single_mode = true;
	ck_assert_int_eq(create(&o), 0);
	ck_assert(!host->bundled);
	ck_assert_uint_eq(
		fake_call_count(&fake, "map_bundled_parallel_task_command_and_response_buffers"), 0);
}
END_TEST

START_TEST(controller_is_served_by_no_more_loops_than_it_allows)
{
	struct sheaf_host_options o = options();

	fake.maximum_contexts = 1;
	ck_assert_int_eq(create(&o), -EINVAL); /* fused: a context a queue */
	ck_assert_uint_eq(fake_call_count(&fake, "stop"), 1);

	fake_init(&fake);
	fake.maximum_contexts = 1;
	o.workers = 1;
	ck_assert_int_eq(create(&o), 0);
	close_host();

	struct sheaf_controller_ops ops = fake_ops;

	fake_init(&fake);
	ops.report_maximum_context_count = NULL; /* 1 */
	o.ops = &ops;
	o.workers = 2;
	ck_assert_int_eq(create(&o), -EINVAL);
	o.workers = 1;
	ck_assert_int_eq(create(&o), 0);
	close_host();
}
END_TEST

START_TEST(optional_methods_may_be_absent)
{
	struct sheaf_controller_ops ops = fake_ops;
	struct sheaf_host_options o = options();

	ops.report_maximum_context_count = NULL;
	ops.does_hba_perform_device_management = NULL;
	ops.does_hba_support_scsi_parallel_feature = NULL;
	ops.does_hba_perform_auto_sense = NULL;
	ops.does_hba_support_multi_pathing = NULL;
	ops.initialize_target_for_id = NULL;
	o.ops = &ops;
	o.queues = 1;
	ck_assert_int_eq(create(&o), 0);
	ck_assert_int_eq(sheaf_host_initialize_target(host, 0), 0);
	ck_assert(!host->auto_sense);
	close_host();
}
END_TEST

START_TEST(controller_that_manages_its_devices_is_refused)
{
	fake.manages_devices = true;
	ck_assert_int_eq(create_default(), -EOPNOTSUPP);
	ck_assert_uint_eq(fake_call_count(&fake, "stop"), 1);
}
END_TEST

START_TEST(options_out_of_range_are_refused_before_any_call)
{
	struct sheaf_host_options o[10];

	for (unsigned i = 0; i < 10; i++)
		o[i] = options();
	o[0].queues = 0;
	o[1].queues = SHEAF_QUEUES_MAX + 1;
	o[2].workers = SHEAF_WORKERS_MAX + 1;
	o[3].slots = 0;
	o[4].slots = 1; /* of two queues */
	o[5].slots = SHEAF_SLOTS_MAX + 1;
	o[6].bundle_max = 0;
	o[7].bundle_max = SHEAF_BUNDLE_MAX + 1;
	for (unsigned i = 0; i < 8; i++) {
		ck_assert_int_eq(create(&o[i]), -EINVAL);
		ck_assert_uint_eq(fake.call_count, 0);
	}
	o[8].buffer_bytes = 0;
	ck_assert_int_eq(create(&o[8]), -EINVAL);
	o[9].bundle_max = 1;
	ck_assert_int_eq(create(&o[9]), 0);
}
END_TEST

START_TEST(target_is_no_initiator_and_not_beyond_the_highest)
{
	ck_assert_int_eq(create_default(), 0);
	fake.call_count = 0;
	ck_assert_int_eq(sheaf_host_initialize_target(host, FAKE_INITIATOR), -EINVAL);
	ck_assert_int_eq(sheaf_host_initialize_target(host, FAKE_INITIATOR + 2), -EINVAL);
	ck_assert_uint_eq(fake.call_count, 0);
	ck_assert_int_eq(sheaf_host_initialize_target(host, FAKE_INITIATOR + 1), 0); /* inclusive */
}
END_TEST

START_TEST(failure_of_a_target_question_is_its_error)
{
	static const char *const questions[] = {
		"initialize_target_for_id",	 "report_hba_highest_logical_unit_number",
		"does_hba_support_scsi_parallel_feature", "does_hba_perform_auto_sense",
		"does_hba_support_multi_pathing",
	};

	ck_assert_int_eq(create_default(), 0);
	fake.fail_error = -ENOTCONN;
	for (unsigned i = 0; i < 5; i++) {
		fake.fail = questions[i];
		ck_assert_int_eq(sheaf_host_initialize_target(host, 0), -ENOTCONN);
		ck_assert_str_eq(fake.calls[fake.call_count - 1], questions[i]);
	}
}
END_TEST

START_TEST(task_management_reaches_its_method)
{
	static const char *const methods[] = {
		[SHEAF_ABORT_TASK] = "abort_task_request",
		[SHEAF_ABORT_TASK_SET] = "abort_task_set_request",
		[SHEAF_CLEAR_ACA] = "clear_aca_request",
		[SHEAF_CLEAR_TASK_SET] = "clear_task_set_request",
		[SHEAF_LOGICAL_UNIT_RESET] = "logical_unit_reset_request",
		[SHEAF_TARGET_RESET] = "target_reset_request",
	};

	ck_assert_int_eq(create_default(), 0);
	for (int i = SHEAF_ABORT_TASK; i <= SHEAF_TARGET_RESET; i++) {
		enum sheaf_task_management function = (enum sheaf_task_management)i;

		ck_assert_int_eq(sheaf_host_task_management(host, function, 1, 2, 3),
				 SHEAF_FUNCTION_COMPLETE);
		ck_assert_str_eq(fake.calls[fake.call_count - 1], methods[i]);
		ck_assert_int_eq(sheaf_host_task_management(host, function, 5, 2, 3),
				 SHEAF_FUNCTION_REJECTED);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("host");
	TCase *tc = tcase_create("bring_up");

	sheaf_log_set_level(SHEAF_LOG_ERROR);
	tcase_add_checked_fixture(tc, open_fake, close_host);
	tcase_add_test(tc, methods_are_called_in_driverkits_order);
	tcase_add_loop_test(tc, failure_of_a_method_ends_with_stop_and_its_error, 0, FAILING);
	tcase_add_test(tc, failure_of_initialize_controller_needs_no_stop);
	tcase_add_test(tc, hba_id_0_is_refused);
	tcase_add_test(tc, hba_id_given_twice_is_refused);
	tcase_add_test(tc, maximum_task_count_0_is_refused);
	tcase_add_test(tc, slots_are_no_more_than_the_controller_takes_and_alike_for_all_queues);
	tcase_add_test(tc, controller_that_declines_the_mapping_runs_in_single_task_mode);
	tcase_add_test(tc, controller_without_the_mapping_runs_in_single_task_mode);
	tcase_add_test(tc, single_mode_option_never_offers_the_mapping);
	tcase_add_test(tc, controller_is_served_by_no_more_loops_than_it_allows);
	tcase_add_test(tc, optional_methods_may_be_absent);
	tcase_add_test(tc, controller_that_manages_its_devices_is_refused);
	tcase_add_test(tc, options_out_of_range_are_refused_before_any_call);
	tcase_add_test(tc, target_is_no_initiator_and_not_beyond_the_highest);
	tcase_add_test(tc, failure_of_a_target_question_is_its_error);
	tcase_add_test(tc, task_management_reaches_its_method);
	suite_add_tcase(suite, tc);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
