/* SPDX-License-Identifier: MIT */
/* far.c - see far.h */
#include "check/far.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "check/check.h"
#include "host/driver_words.h"

#define FENCE_LOOK_MS 1

static const char *why(int error)
{
	return error == -ETIMEDOUT ? "no answer in time"
	       : error == -EPIPE   ? "its process ended"
	       : error == -EPROTO  ? "the answer is none"
				   : strerror(-error);
}

static void must(struct check *c, enum sheaf_call call, int r)
{
	sheaf_driver_read_log(&c->far.process);
	if (r < 0)
		check_fail(c, "%s failed: %s", sheaf_call_name(call), why(r));
	if (r > 0)
		check_fail(c, "%s returned %d, neither 0 nor an error", sheaf_call_name(call), r);
}

/* It must succeed. */
static void say(struct check *c, enum sheaf_call call, struct sheaf_message *m, int fd)
{
	must(c, call, sheaf_remote_call(&c->far.remote, call, m, fd));
}

static void open_images(struct check *c)
{
	const struct check_options *o = c->options;
	struct check_far *far = &c->far;

	if (far->files)
		return;
	far->files = calloc((size_t)o->image_count + 1, sizeof(*far->files));
	if (!far->files)
		check_skip(c, "no memory");
	for (uint32_t i = 0; i < o->image_count; i++) {
		struct stat st;
		int fd = open(o->images[i], (o->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);

		if (fd < 0 || fstat(fd, &st) < 0)
			check_fail(c, "%s: %s", o->images[i], strerror(errno));
		far->files[i] = (struct sheaf_driver_file){ .fd = fd,
							    .path = o->images[i],
							    .read_only = o->read_only,
							    .size_bytes = (uint64_t)st.st_size,
							    .block_size = o->block_size };
		snprintf(far->files[i].serial, sizeof(far->files[i].serial), "%016x", i + 1);
	}
	far->file_count = o->image_count;
}

static void start_process(struct check *c)
{
	static const struct sheaf_driver_rights rights = { .sandbox = SHEAF_SANDBOX_NONE };
	struct check_far *far = &c->far;
	char **words;

	if (sheaf_driver_words_split(c->options->words, &words) < 0)
		check_fail(c, "no command, or a quote that does not end");
	if (sheaf_driver_spawn(words, &rights, &far->process) < 0)
		check_fail(c, "it cannot be started, see the message");
	sheaf_driver_words_free(words);
}

void check_far_start(struct check *c)
{
	struct check_far *far = &c->far;
	struct sheaf_message m = { .values = { SHEAF_DRIVER_API, CHECK_SLOTS,
					       c->options->image_count, SHEAF_IO_AUTO } };

	if (!far->remote.ops.name) {
		sheaf_remote_init(&far->remote);
		far->remote.bring_up_ms = far->remote.management_ms =
			(int)(c->patience_ns / 1000000);
	}
	far->asked_to_end = false;
	far->queue_bell = far->worker_bell = -1;
	open_images(c);
	start_process(c);
	sheaf_remote_connect(&far->remote, far->process.channel, far->process.pidfd);
	say(c, SHEAF_CALL_START, &m, -1);
	if (m.values[0] != SHEAF_DRIVER_API)
		check_fail(c, "it was built for version %llu of the interface, and this is %u",
			   (unsigned long long)m.values[0], SHEAF_DRIVER_API);
	if (!sheaf_driver_name_is_plain(m.text))
		check_fail(c, "its name is no plain word");
	c->ops = &far->remote.ops;
	c->controller = &far->remote;
}

void check_far_create(struct check *c)
{
	struct check_far *far = &c->far;
	struct sheaf_message m = { 0 };

	for (uint32_t i = 0; i < far->file_count; i++) {
		struct sheaf_driver_file *file = &far->files[i];
		struct sheaf_message image = {
			.values = { i, 0, file->size_bytes, file->block_size,
				    file->read_only ? SHEAF_IMAGE_READ_ONLY : 0, 0 },
		};
		int fd = sheaf_driver_file_open(file);

		if (fd < 0)
			check_skip(c, "%s: %s", file->path, strerror(-fd));
		snprintf(image.text, sizeof(image.text), "%s %s", file->serial, file->path);
		say(c, SHEAF_CALL_IMAGE, &image, fd);
		close(fd); /* the driver's is the only one, see driver_image.h */
	}
	say(c, SHEAF_CALL_CREATE, &m, -1);
}

/* --- tasks --- */

static void ring(struct check *c)
{
	if (sheaf_ring_wants_doorbell(&c->far.lane.request))
		sheaf_loop_ring_doorbell_now(
			c->loop, c->far.worker_bell); /* a crash rule does not turn the loop */
}

static void push_bundle(void *arg, const uint16_t slots[], uint16_t n)
{
	struct check *c = arg;

	if (sheaf_ring_push_bundle(&c->far.lane.request, slots, n) < 0)
		check_fail(c, "the request ring has no room: its head was moved back");
	ring(c);
}

static enum sheaf_service_response push_single(void *arg, const struct sheaf_task *task,
					       sheaf_action action)
{
	struct check *c = arg;

	if (sheaf_ring_push_task(&c->far.lane.request, action, task) < 0)
		check_fail(c, "the request ring has no room: its head was moved back");
	ring(c);
	return SHEAF_REQUEST_IN_PROCESS;
}

void check_far_connect(struct check *c)
{
	struct check_far *far = &c->far;
	struct sheaf_message queue = { .values = { 0, 0, c->slots } };
	struct sheaf_message worker = { .values = { 0, c->bundled } };
	struct sheaf_message run = { .values = { 1, SHEAF_SANDBOX_NONE } };
	int r;

	sheaf_lane_open(&far->lane, &c->view, 0);
	far->queue_bell = sheaf_bell_make();
	far->worker_bell = sheaf_bell_make();
	if (far->queue_bell < 0 || far->worker_bell < 0)
		check_skip(c, "no doorbell");
	say(c, SHEAF_CALL_QUEUE, &queue, far->queue_bell);
	r = sheaf_remote_call(&far->remote, SHEAF_CALL_WORKER, &worker, far->worker_bell);
	if (r == -EOPNOTSUPP && c->decline)
		check_skip(
			c,
			"it has no process_parallel_task, so sheaf mount --single cannot have it");
	must(c, SHEAF_CALL_WORKER, r);
	say(c, SHEAF_CALL_RUN, &run, -1);
	sheaf_bell_listen(&far->bell, c->loop, far->queue_bell);
	c->port = (struct sheaf_request_port){ c, push_bundle, push_single };
}

/* True: there was something. */
static bool take_one(struct check *c)
{
	struct sheaf_completion_port port = check_harness_port(c);
	struct sheaf_ring_end *end = &c->far.lane.completion;
	uint16_t slots[SHEAF_BUNDLE_MAX];
	struct sheaf_response response;
	sheaf_action action;
	int n = c->bundled ? sheaf_ring_pop_bundle(end, slots)
			   : sheaf_ring_pop_response(end, &action, &response);

	if (n == -EPROTO)
		check_fail(c, "the tail of the completion ring is one that cannot be");
	if (n == -EBADMSG)
		port.bundle(port.arg, slots, 0);
	else if (n > 0 && c->bundled)
		port.bundle(port.arg, slots, (uint16_t)n);
	else if (n > 0)
		port.single(port.arg, action, &response);
	return n != 0;
}

bool check_far_may_sleep(struct check *c)
{
	return sheaf_ring_may_sleep(&c->far.lane.completion);
}

void check_far_take(struct check *c)
{
	char how[96];
	bool gone = sheaf_driver_is_gone(&c->far.process);

	sheaf_ring_awake(&c->far.lane.completion);
	sheaf_driver_read_log(&c->far.process);
	while (take_one(c))
		;
	if (!gone)
		return;
	sheaf_driver_reap(&c->far.process, how, sizeof(how));
	check_fail(c, "crash: %s", how);
}

void check_far_disconnect(struct check *c)
{
	struct check_far *far = &c->far;

	if (far->queue_bell >= 0)
		close(far->queue_bell);
	if (far->worker_bell >= 0)
		close(far->worker_bell);
	far->queue_bell = far->worker_bell = -1;
}

/* --- its end --- */

/* False: it is there when the time is over. */
static bool wait_gone(struct check *c)
{
	uint64_t end_ns = sheaf_clock_ns() + c->patience_ns;
	struct sheaf_driver_process *process = &c->far.process;

	while (!sheaf_driver_is_gone(process)) {
		struct pollfd fd = { .fd = process->pidfd, .events = POLLIN };

		if (sheaf_clock_ns() >= end_ns)
			return false;
		sheaf_driver_read_log(process);
		poll(&fd, 1, 10);
	}
	return true;
}

static bool wait_fence(struct check *c)
{
	uint64_t end_ns = sheaf_clock_ns() + c->patience_ns;

	for (uint32_t i = 0; i < c->far.file_count; i++)
		while (!sheaf_driver_file_is_free(&c->far.files[i])) {
			if (sheaf_clock_ns() >= end_ns)
				return false;
			poll(NULL, 0, FENCE_LOOK_MS);
		}
	return true;
}

void check_far_stop(struct check *c)
{
	struct check_far *far = &c->far;
	struct sheaf_message m = { 0 };
	char how[96];

	if (far->process.pidfd < 0)
		return;
	if (!far->asked_to_end)
		say(c, SHEAF_CALL_STOP, &m, -1);
	far->asked_to_end = true;
	if (!wait_gone(c))
		check_fail(c, "its process does not end after it was stopped");
	sheaf_remote_connect(&far->remote, -1, -1);
	sheaf_driver_reap(&far->process, how, sizeof(how));
	if (strcmp(how, "it ended with 0") != 0)
		check_fail(c, "crash after it was stopped: %s", how);
	wait_fence(c);
}

void check_far_kill(struct check *c)
{
	struct check_far *far = &c->far;
	char how[96];

	if (sheaf_driver_is_gone(&far->process)) {
		sheaf_driver_reap(&far->process, how, sizeof(how));
		check_fail(c, "crash: %s", how);
	}
	sheaf_driver_signal(&far->process, SIGKILL);
	if (!wait_gone(c))
		check_fail(c, "its process is there after SIGKILL");
	sheaf_remote_connect(&far->remote, -1, -1);
	sheaf_driver_reap(&far->process, how, sizeof(how));
	if (!wait_fence(c))
		check_fail(c, "its process is gone, and somebody has the images that it got");
}

void check_far_put_down(struct check *c)
{
	char how[96];

	if (c->far.process.pidfd < 0)
		return;
	sheaf_driver_signal(&c->far.process, SIGKILL);
	if (wait_gone(c))
		sheaf_driver_reap(&c->far.process, how, sizeof(how));
	wait_fence(c);
}
