/* SPDX-License-Identifier: MIT */
/**
 * test_channel.c - the control messages, with a hostile peer at either end: the host's remote table against a driver that answers
 * wrongly, late or never, and sheaf_driver_main() against a host that says what it should not
 */
#include "seam/channel.h"

#include <check.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver/disk_driver.h"
#include "driver/process.h"
#include "host/driver_remote.h"

#define LIMIT_MS 200

static int ends[2];
static struct sheaf_remote remote;

static void setup(void)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	sheaf_remote_init(&remote);
	remote.bring_up_ms = remote.management_ms = LIMIT_MS;
	sheaf_remote_connect(&remote, ends[0], -1);
}

static void teardown(void)
{
	close(ends[0]);
	close(ends[1]);
	sheaf_remote_deinit(&remote);
}

static struct sheaf_message message(enum sheaf_call call)
{
	return (struct sheaf_message){ .call = (uint16_t)call, .number = 1 };
}

static void send_raw(const void *data, size_t n)
{
	ck_assert_int_eq(send(ends[1], data, n, 0), (ssize_t)n);
}

static unsigned open_descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

START_TEST(message_comes_as_it_was_sent_with_its_descriptor)
{
	struct sheaf_message sent = message(SHEAF_CALL_IMAGE), got;
	int fd;

	sent.values[5] = 77;
	strcpy(sent.text, "text");
	ck_assert_int_eq(sheaf_channel_receive(ends[1], &got, &fd), 0);
	ck_assert_int_eq(sheaf_channel_send(ends[0], &sent, STDERR_FILENO), 0);
	ck_assert_int_eq(sheaf_channel_receive(ends[1], &got, &fd), 1);
	ck_assert_int_ge(fd, 0);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert_uint_eq(got.values[5], 77);
	ck_assert_str_eq(got.text, "text");
	close(fd);
	close(ends[0]);
	ck_assert_int_eq(sheaf_channel_receive(ends[1], &got, &fd), -ECONNRESET);
	ends[0] = dup(STDERR_FILENO);
}
END_TEST

/* What is no message, one a row of the switch. */
START_TEST(what_is_no_message_is_refused)
{
	struct sheaf_message m = message(SHEAF_CALL_CREATE), got;
	char longer[sizeof(m) + 1] = { 0 };
	int fd;

	m.magic = SHEAF_CHANNEL_MAGIC;
	m.version = SHEAF_CHANNEL_VERSION;
	switch (_i) {
	case 0:
		send_raw(&m, sizeof(m) - 1);
		break;
	case 1:
		memcpy(longer, &m, sizeof(m));
		send_raw(longer, sizeof(longer));
		break;
	case 2:
		m.magic++;
		break;
	case 3:
		m.version++;
		break;
	case 4:
		m.call = SHEAF_CALLS;
		break;
	case 5:
		m.call = SHEAF_CALL_NONE;
		break;
	case 6:
		memset(m.text, 'x', sizeof(m.text));
		break;
	case 7: /* the descriptor that belongs to it is missing */
		m.call = SHEAF_CALL_IMAGE;
		break;
	case 8:
		send_raw("", 1);
		break;
	}
	if (_i > 1 && _i < 8)
		send_raw(&m, sizeof(m));
	ck_assert_int_eq(sheaf_channel_receive(ends[0], &got, &fd), -EPROTO);
	ck_assert_int_eq(fd, -1);
}
END_TEST

START_TEST(descriptor_that_does_not_belong_there_is_closed)
{
	struct sheaf_message m = message(SHEAF_CALL_CREATE), got;
	unsigned before = open_descriptors();
	int fd;

	ck_assert_int_eq(sheaf_channel_send(ends[1], &m, STDERR_FILENO), 0);
	ck_assert_int_eq(sheaf_channel_receive(ends[0], &got, &fd), -EPROTO);
	m = message(SHEAF_CALL_IMAGE);
	ck_assert_int_eq(sheaf_channel_send(ends[1], &m, STDERR_FILENO), 0);
	ck_assert_int_eq(sheaf_channel_receive(ends[0], &got, NULL),
			 -EPROTO); /* an answer with one */
	ck_assert_uint_eq(open_descriptors(), before);
}
END_TEST

/* --- the host's side --- */

static struct sheaf_message answers[4];
static unsigned answer_count;
static bool echo_number;

/* Answers each request of the host with the next of @answers. */
static void *peer(void *arg)
{
	struct sheaf_message request;
	ssize_t n;

	(void)arg;
	for (unsigned i = 0; i < answer_count; i++) {
		if (i == 0 || echo_number) {
			n = recv(ends[1], &request, sizeof(request), 0);
			if (n != sizeof(request))
				return NULL;
		}
		if (echo_number)
			answers[i].number = request.number;
		if (sheaf_channel_send(ends[1], &answers[i], -1) < 0)
			return NULL;
	}
	return NULL;
}

static pthread_t start_peer(unsigned count, bool echo)
{
	pthread_t thread;

	answer_count = count;
	echo_number = echo;
	ck_assert_int_eq(pthread_create(&thread, NULL, peer, NULL), 0);
	return thread;
}

START_TEST(answer_is_the_methods_result)
{
	pthread_t thread;
	uint64_t id = 0;

	answers[0] = message(SHEAF_CALL_REPORT_INITIATOR_IDENTIFIER);
	answers[0].values[0] = 42;
	answers[1] = message(SHEAF_CALL_START_CONTROLLER);
	answers[1].result = -EBUSY;
	thread = start_peer(2, true);
	ck_assert_int_eq(remote.ops.report_initiator_identifier(&remote, &id), 0);
	ck_assert_uint_eq(id, 42);
	ck_assert_int_eq(remote.ops.start_controller(&remote), -EBUSY);
	pthread_join(thread, NULL);
}
END_TEST

START_TEST(answer_that_cannot_be_is_an_error)
{
	pthread_t thread;
	uint32_t count = 0;

	answers[0] = message(SHEAF_CALL_REPORT_MAXIMUM_TASK_COUNT);
	switch (_i) {
	case 0:
		answers[0].values[0] = UINT64_C(1) << 32;
		break;
	case 1:
		answers[0].result = 1;
		break;
	case 2:
		answers[0].result = INT32_MIN;
		break;
	}
	thread = start_peer(1, true);
	ck_assert_int_eq(remote.ops.report_maximum_task_count(&remote, &count), -EPROTO);
	ck_assert_uint_eq(count, 0);
	pthread_join(thread, NULL);
}
END_TEST

START_TEST(driver_that_does_not_answer_is_waited_for_no_longer_than_the_limit)
{
	ck_assert_int_eq(remote.ops.start_controller(&remote), -ETIMEDOUT);
	ck_assert_int_eq(remote.ops.abort_task_request(&remote, 0, 0, 1),
			 SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE);
}
END_TEST

START_TEST(late_answer_is_not_taken_for_the_next_one)
{
	pthread_t thread;
	uint64_t id = 0;

	ck_assert_int_eq(remote.ops.report_initiator_identifier(&remote, &id), -ETIMEDOUT);
	answers[0] = message(SHEAF_CALL_REPORT_INITIATOR_IDENTIFIER);
	answers[0].number = 1;
	answers[0].values[0] = 1;
	answers[1] = answers[0];
	answers[1].number = 2;
	answers[1].values[0] = 2;
	thread = start_peer(2, false);
	ck_assert_int_eq(remote.ops.report_initiator_identifier(&remote, &id), 0);
	ck_assert_uint_eq(id, 2);
	pthread_join(thread, NULL);
}
END_TEST

START_TEST(driver_that_goes_away_is_an_error_at_once)
{
	shutdown(ends[1], SHUT_RDWR);
	ck_assert_int_eq(remote.ops.start_controller(&remote), -EPIPE);
	sheaf_remote_connect(&remote, -1, -1);
	ck_assert_int_eq(remote.ops.start_controller(&remote), -EPIPE);
}
END_TEST

START_TEST(name_of_a_driver_is_a_plain_word)
{
	ck_assert(sheaf_driver_name_is_plain("my-driver_2.0"));
	ck_assert(!sheaf_driver_name_is_plain(""));
	ck_assert(!sheaf_driver_name_is_plain("a b"));
	ck_assert(!sheaf_driver_name_is_plain("\033[2J"));
	ck_assert(!sheaf_driver_name_is_plain("0123456789012345678901234567890123456789"));
}
END_TEST

/* --- the driver's side: its process is a child --- */

static pid_t driver;

static bool can_resize;

static void start_driver_process(void)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", ends[1]);
	driver = fork();
	if (driver == 0) {
		char *argv[] = { (char *)"disk", NULL };

		close(ends[0]);
		setenv(SHEAF_CHANNEL_VARIABLE, number, 1);
		if (can_resize)
			exit(sheaf_driver_run(&sheaf_disk_driver, sheaf_disk_driver_resize, 1, argv));
		exit(sheaf_driver_main(&sheaf_disk_driver, 1, argv));
	}
	ck_assert_int_gt(driver, 0);
	remote.bring_up_ms = 5000;
}

static int say(enum sheaf_call call, uint64_t v0, uint64_t v1, uint64_t v2, int fd)
{
	struct sheaf_message m = { .values = { v0, v1, v2, 0, 0, 0 } };

	return sheaf_remote_call(&remote, call, &m, fd);
}

/* It ends by itself when its host does. */
static void end_driver_process(void)
{
	int status;

	close(ends[0]);
	close(ends[1]);
	ck_assert_int_eq(waitpid(driver, &status, 0), driver);
	ck_assert(WIFEXITED(status));
	ends[0] = dup(STDERR_FILENO);
	ends[1] = dup(STDERR_FILENO);
}

START_TEST(request_out_of_order_does_nothing_and_is_answered)
{
	start_driver_process();
	for (int call = SHEAF_CALL_IMAGE; call < SHEAF_CALL_STOP; call++) {
		bool has_fd = call == SHEAF_CALL_IMAGE || call == SHEAF_CALL_MAP_DATA_AREA ||
			      call == SHEAF_CALL_QUEUE || call == SHEAF_CALL_WORKER;

		ck_assert_int_eq(say((enum sheaf_call)call, 0, 0, 0, has_fd ? STDERR_FILENO : -1),
				 -EPROTO);
	}
	ck_assert_int_eq(say(SHEAF_CALL_START, SHEAF_DRIVER_API, 8, 1, -1), 0);
	ck_assert_int_eq(say(SHEAF_CALL_START, SHEAF_DRIVER_API, 8, 1, -1), -EPROTO);
	ck_assert_int_eq(say(SHEAF_CALL_CREATE, 0, 0, 0, -1), -EPROTO); /* its image is missing */
	end_driver_process();
}
END_TEST

START_TEST(image_that_is_none_is_refused_by_the_driver)
{
	struct sheaf_message m = { .values = { 0, 0, 4096, 512, 0, 0 },
				   .text = "0123456789abcdef /dev/null" };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	start_driver_process();
	ck_assert_int_eq(say(SHEAF_CALL_START, SHEAF_DRIVER_API, 8, 1, -1), 0);
	ck_assert_int_eq(sheaf_remote_call(&remote, SHEAF_CALL_IMAGE, &m, null), 0);
	ck_assert_int_lt(say(SHEAF_CALL_CREATE, 0, 0, 0, -1), 0);
	ck_assert_int_eq(say(SHEAF_CALL_INITIALIZE_CONTROLLER, 0, 0, 0, -1), -EPROTO);
	close(null);
	end_driver_process();
}
END_TEST

/* A driver with a memory file as its image, past initialize_controller. */
static void initialized_driver(void)
{
	struct sheaf_message m = { .values = { 0, 0, 1 << 20, 512, 0, 0 },
				   .text = "0123456789abcdef image" };
	int image = memfd_create("image", MFD_CLOEXEC);

	ck_assert_int_eq(ftruncate(image, 1 << 20), 0);
	start_driver_process();
	ck_assert_int_eq(say(SHEAF_CALL_START, SHEAF_DRIVER_API, 8, 1, -1), 0);
	ck_assert_int_eq(sheaf_remote_call(&remote, SHEAF_CALL_IMAGE, &m, image), 0);
	ck_assert_int_eq(say(SHEAF_CALL_CREATE, 0, 0, 0, -1), 0);
	ck_assert_int_eq(say(SHEAF_CALL_INITIALIZE_CONTROLLER, 0, 0, 0, -1), 0);
	close(image);
}

START_TEST(region_that_does_not_fit_or_may_shrink_is_refused_by_the_driver)
{
	const struct sheaf_region_geometry geometry = { .slots = 8,
							.lanes = 1,
							.buffer_bytes = 4096 };
	struct sheaf_region region;
	int unsealed;

	ck_assert_int_eq(sheaf_region_create(&geometry, &region), 0);
	initialized_driver();
	unsealed = memfd_create("region", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_eq(ftruncate(unsealed, (off_t)region.geometry.bytes), 0);
	ck_assert_int_eq(say(SHEAF_CALL_MAP_DATA_AREA, 8, 1, 4096, unsealed), -EPERM);
	ck_assert_int_eq(say(SHEAF_CALL_MAP_DATA_AREA, 9, 1, 4096, region.fd), -EINVAL);
	ck_assert_int_eq(say(SHEAF_CALL_MAP_DATA_AREA, UINT64_MAX, 1, 4096, region.fd), -EINVAL);
	ck_assert_int_eq(say(SHEAF_CALL_MAP_DATA_AREA, 8, UINT64_MAX, 4096, region.fd), -EPROTO);
	ck_assert_int_eq(say(SHEAF_CALL_MAP_DATA_AREA, 8, 1, UINT64_MAX, region.fd), -EINVAL);
	ck_assert_int_eq(say(SHEAF_CALL_MAP_DATA_AREA, 8, 1, 4096, region.fd), 0);
	ck_assert_int_eq(say(SHEAF_CALL_MAP_DATA_AREA, 8, 1, 4096, region.fd), -EPROTO);
	ck_assert_int_eq(say(SHEAF_CALL_QUEUE, 0, 4, 5, STDERR_FILENO), -EPROTO);
	ck_assert_int_eq(say(SHEAF_CALL_QUEUE, 0, UINT64_MAX, 2, STDERR_FILENO), -EPROTO);
	ck_assert_int_eq(say(SHEAF_CALL_QUEUE, 1, 0, 8, STDERR_FILENO), -EPROTO);
	ck_assert_int_eq(say(SHEAF_CALL_WORKER, 0, 1, 0, STDERR_FILENO), -ENOMEM);
	close(unsealed);
	sheaf_region_destroy(&region);
	end_driver_process();
}
END_TEST

START_TEST(resize_is_for_images_that_are_there_and_in_its_order)
{
	uint64_t both = SHEAF_RESIZE_STORE | SHEAF_RESIZE_LU;

	can_resize = true;
	initialized_driver();
	ck_assert_int_eq(say(SHEAF_CALL_RESIZE, 1, 2 << 20, both, -1), -EPROTO);
	ck_assert_int_eq(say(SHEAF_CALL_RESIZE, UINT64_MAX, 2 << 20, both, -1), -EPROTO);
	ck_assert_int_eq(say(SHEAF_CALL_RESIZE, 0, 0, both, -1), -EINVAL);
	ck_assert_int_eq(say(SHEAF_CALL_RESIZE, 0, 513, both, -1), -EINVAL);
	ck_assert_int_eq(say(SHEAF_CALL_RESIZE, 0, UINT64_MAX - 511, both, -1), -EINVAL);
	ck_assert_int_eq(say(SHEAF_CALL_RESIZE, 0, 2 << 20, 0, -1), -EINVAL);
	ck_assert_int_eq(say(SHEAF_CALL_RESIZE, 0, 2 << 20, 4, -1), -EINVAL);
	/* The logical unit is never longer than its store. */
	ck_assert_int_eq(say(SHEAF_CALL_RESIZE, 0, 2 << 20, SHEAF_RESIZE_LU, -1), -EINVAL);
	ck_assert_int_eq(say(SHEAF_CALL_RESIZE, 0, 2 << 20, both, -1), 0);
	ck_assert_int_eq(say(SHEAF_CALL_RESIZE, 0, 2 << 20, SHEAF_RESIZE_LU, -1), 0);
	ck_assert_int_eq(say(SHEAF_CALL_RESIZE, 0, 512, SHEAF_RESIZE_LU, -1), 0);
	ck_assert_int_eq(say(SHEAF_CALL_RESIZE, 0, 512, SHEAF_RESIZE_STORE, -1), 0);
	ck_assert_int_eq(say(SHEAF_CALL_RESIZE, 0, 1024, SHEAF_RESIZE_LU, -1), -EINVAL);
	end_driver_process();
}
END_TEST

/* One of others knows nothing of it, and says so by what it echoes. */
START_TEST(driver_says_whether_it_can_resize)
{
	struct sheaf_message m = { .values = { SHEAF_DRIVER_API, 8, 1 } };

	can_resize = _i;
	start_driver_process();
	ck_assert_int_eq(say(SHEAF_CALL_RESIZE, 0, 512, SHEAF_RESIZE_LU, -1), -EPROTO);
	ck_assert_int_eq(sheaf_remote_call(&remote, SHEAF_CALL_START, &m, -1), 0);
	ck_assert_uint_eq(m.values[4], _i ? SHEAF_CAN_RESIZE : 0);
	end_driver_process();
	if (!_i)
		return;
	can_resize = false;
	teardown();
	setup();
	initialized_driver();
	ck_assert_int_eq(say(SHEAF_CALL_RESIZE, 0, 512, SHEAF_RESIZE_LU, -1), -EOPNOTSUPP);
	end_driver_process();
}
END_TEST

START_TEST(driver_ends_with_stop_and_with_sigterm)
{
	int status;

	initialized_driver();
	if (_i == 0)
		ck_assert_int_eq(say(SHEAF_CALL_STOP, 0, 0, 0, -1), 0);
	else
		kill(driver, SIGTERM);
	ck_assert_int_eq(waitpid(driver, &status, 0), driver);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

START_TEST(host_that_is_none_ends_the_driver)
{
	int status;

	start_driver_process();
	ck_assert_int_eq(send(ends[0], "nonsense", 8, 0), 8);
	ck_assert_int_eq(waitpid(driver, &status, 0), driver);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("channel");
	TCase *tc = tcase_create("channel");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, message_comes_as_it_was_sent_with_its_descriptor);
	tcase_add_loop_test(tc, what_is_no_message_is_refused, 0, 9);
	tcase_add_test(tc, descriptor_that_does_not_belong_there_is_closed);
	tcase_add_test(tc, answer_is_the_methods_result);
	tcase_add_loop_test(tc, answer_that_cannot_be_is_an_error, 0, 3);
	tcase_add_test(tc, driver_that_does_not_answer_is_waited_for_no_longer_than_the_limit);
	tcase_add_test(tc, late_answer_is_not_taken_for_the_next_one);
	tcase_add_test(tc, driver_that_goes_away_is_an_error_at_once);
	tcase_add_test(tc, name_of_a_driver_is_a_plain_word);
	tcase_add_test(tc, request_out_of_order_does_nothing_and_is_answered);
	tcase_add_test(tc, image_that_is_none_is_refused_by_the_driver);
	tcase_add_test(tc, region_that_does_not_fit_or_may_shrink_is_refused_by_the_driver);
	tcase_add_test(tc, resize_is_for_images_that_are_there_and_in_its_order);
	tcase_add_loop_test(tc, driver_says_whether_it_can_resize, 0, 2);
	tcase_add_loop_test(tc, driver_ends_with_stop_and_with_sigterm, 0, 2);
	tcase_add_test(tc, host_that_is_none_ends_the_driver);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
