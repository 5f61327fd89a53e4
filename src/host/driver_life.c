/* SPDX-License-Identifier: MIT */
/* driver_life.c - see driver_life.h; the numbers are its invariants. */
#include "host/driver_life.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <sheaf/driver.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "host/driver_words.h"
#include "host/queue.h"
#include "host/recover.h"
#include "seam/bell.h"

#define MS UINT64_C(1000000)

/* How long a driver may take... */
#define CONNECT_MS 60000 /* to connect to --driver-socket */
#define DRAIN_MS   2000	 /* to end what it has, when a user wants another one */
#define TERM_MS	   1000	 /* to end after SIGTERM */
#define STOP_MS	   3000	 /* to end after STOP */
#define KILLED_MS  5000	 /* to be gone after SIGKILL, before somebody is told */
/* Before the next try: at once after one that had worked for a while. */
#define BACK_OFF_MS	100
#define BACK_OFF_MAX_MS 5000
#define WORKED_MS	1000
/* The fence of the images is looked at this often. */
#define FENCE_LOOK_MIN_MS 1
#define FENCE_LOOK_MAX_MS 50
/* Events that a loop did not take are looked at again: it may have ended. */
#define EVENT_LOOK_MS 100

struct wish {
	bool there, drain;
	char *command; /* or NULL */
	char why[128];
};

struct resize_wish {
	bool there;
	unsigned index, parts;
	uint64_t bytes;
	int result;
	sem_t *done;
};

struct sheaf_life {
	const struct sheaf_life_options *options;
	struct sheaf_remote remote;
	struct sheaf_host *host;
	pthread_t thread;
	bool has_thread;
	sem_t started, handled;
	int start_result;
	int event_fd; /* wakes the thread */
	int listen_fd;
	/* The thread's: */
	struct sheaf_driver_process process;
	char *command, *last_good_command;
	bool named;	    /* remote.name is that of the process that is there */
	unsigned fruitless; /* starts in a row */
	uint64_t up_ns, completed_before;
	/* Any thread's: */
	_Atomic bool watching, ending;
	_Atomic int state, pid;
	_Atomic uint64_t restarts, last_restart_ms, refused;
	_Atomic bool can_resize; /* the driver that is there */
	pthread_mutex_t lock;	 /* guards wish and resize */
	struct wish wish;
	struct resize_wish resize;
	bool ended; /* nobody looks at wishes any more */
	int *queue_bells, *worker_bells;
	uint32_t queue_count, worker_count;
	struct sheaf_bell *bells; /* one a queue; its loop's */
};

static void set_state(struct sheaf_life *life, enum sheaf_life_state state)
{
	atomic_store(&life->state, (int)state);
	atomic_store(&life->pid, life->process.pid > 0 ? life->process.pid : 0);
}

static void wake(struct sheaf_life *life)
{
	uint64_t one = 1;

	if (write(life->event_fd, &one, sizeof(one)) < 0)
		return; /* full: it is going to wake */
}

/* Wait for the driver's end, what it prints, a driver that connects, or somebody's wish; at most @ms, -1: no limit. */
static void look(struct sheaf_life *life, int ms)
{
	struct pollfd fds[] = { { .fd = life->event_fd, .events = POLLIN },
				{ .fd = life->process.pidfd, .events = POLLIN },
				{ .fd = life->process.log_fd, .events = POLLIN },
				{ .fd = life->process.pidfd < 0 ? life->listen_fd : -1,
				  .events = POLLIN } };
	uint64_t value;

	if (poll(fds, 4, ms) <= 0)
		return;
	if (fds[0].revents && read(life->event_fd, &value, sizeof(value)) < 0)
		return;
	sheaf_driver_read_log(&life->process);
	/* The write end is closed, and it lives: nothing more to hear. */
	if (fds[2].revents == POLLHUP) {
		close(life->process.log_fd);
		life->process.log_fd = -1;
	}
}

/* Until @ms are over, or until @is_over says so. True if it did. */
static bool look_until(struct sheaf_life *life, uint64_t ms, bool (*is_over)(struct sheaf_life *))
{
	uint64_t until_ns = sheaf_clock_ns() + ms * MS;

	for (;;) {
		uint64_t now_ns = sheaf_clock_ns();

		if (is_over(life))
			return true;
		if (now_ns >= until_ns)
			return false;
		look(life, (int)((until_ns - now_ns) / MS) + 1);
	}
}

static bool is_gone(struct sheaf_life *life)
{
	return sheaf_driver_is_gone(&life->process);
}

static bool is_ending(struct sheaf_life *life)
{
	return atomic_load(&life->ending);
}

/* --- the queues --- */

static void wait_handled(struct sheaf_life *life)
{
	struct timespec until;

	for (;;) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += (long)(EVENT_LOOK_MS * MS);
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		if (sem_timedwait(&life->handled, &until) == 0)
			return;
		for (uint32_t i = 0; i < life->host->options.queues; i++)
			sheaf_queue_post_again(life->host->queues[i]);
	}
}

/* Returns when all of them have done it. */
static void tell_queues(struct sheaf_life *life, enum sheaf_queue_event event, const char *reason)
{
	uint32_t n = life->host->options.queues;

	for (uint32_t i = 0; i < n; i++)
		sheaf_queue_post(life->host->queues[i], event, reason, &life->handled);
	for (uint32_t i = 0; i < n; i++)
		wait_handled(life);
}

static uint64_t tasks_completed(const struct sheaf_life *life)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; life->host && i < life->host->options.queues; i++)
		sum += sheaf_count_get(&life->host->queues[i]->stats.completions.tasks);
	return sum;
}

static uint64_t tasks_out(const struct sheaf_life *life)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < life->host->options.queues; i++)
		for (uint32_t w = 0; w < life->host->workers; w++)
			sum += sheaf_count_get(&life->host->queues[i]->lanes[w].in_flight);
	return sum;
}

/* --- starting --- */

/* For people: its name, or while it has not said that, what was started. */
static const char *name_of(const struct sheaf_life *life)
{
	if (life->named)
		return life->remote.name;
	return life->command ? life->command : life->options->socket_path;
}

static int failed(struct sheaf_life *life, enum sheaf_call call, int error)
{
	sheaf_error("driver %s: %s failed: %s", name_of(life), sheaf_call_name(call),
		    error == -ETIMEDOUT ? "no answer in time"
		    : error == -EPIPE	? "its process ended"
		    : error == -EPROTO	? "the answer is none"
					: strerror(-error));
	return error;
}

static int call(struct sheaf_life *life, enum sheaf_call what, struct sheaf_message *m, int fd)
{
	int r = sheaf_remote_call(&life->remote, what, m, fd);

	return r < 0 ? failed(life, what, r) : 0;
}

static int say_start(struct sheaf_life *life)
{
	struct sheaf_message m = { .values = { SHEAF_DRIVER_API, life->options->slots,
					       life->options->file_count,
					       (uint64_t)life->options->io } };
	int r = call(life, SHEAF_CALL_START, &m, -1);

	if (r < 0)
		return r;
	if (m.values[0] != SHEAF_DRIVER_API) {
		sheaf_error("driver %s was built for version %llu of the interface, this is %u",
			    name_of(life), (unsigned long long)m.values[0], SHEAF_DRIVER_API);
		return -EPROTO;
	}
	if (!sheaf_driver_name_is_plain(m.text))
		return failed(life, SHEAF_CALL_START, -EPROTO);
	if (strcmp(life->remote.name, m.text) != 0)
		strcpy(life->remote.name, m.text);
	life->named = true;
	atomic_store(&life->can_resize, (m.values[4] & SHEAF_CAN_RESIZE) != 0);
	return 0;
}

static int say_image(struct sheaf_life *life, unsigned index)
{
	struct sheaf_driver_file *file = &life->options->files[index];
	struct sheaf_message m = {
		.values = { index, file->offset_bytes, file->size_bytes, file->block_size,
			    (file->read_only ? SHEAF_IMAGE_READ_ONLY : 0) |
				    (file->direct ? SHEAF_IMAGE_DIRECT : 0),
			    (uint64_t)(int64_t)file->flush_error },
	};
	int fd = sheaf_driver_file_open(file), r;

	if (fd < 0) {
		sheaf_error("%s: cannot be opened for the driver: %s", file->path, strerror(-fd));
		return fd;
	}
	snprintf(m.text, sizeof(m.text), "%s %s", file->serial, file->path);
	r = call(life, SHEAF_CALL_IMAGE, &m, fd);
	close(fd); /* the driver's is the only one: see sheaf_driver_file_is_free() */
	return r;
}

static int say_create(struct sheaf_life *life)
{
	struct sheaf_message m = { 0 };
	int r = say_start(life);

	for (unsigned i = 0; r == 0 && i < life->options->file_count; i++)
		r = say_image(life, i);
	return r < 0 ? r : call(life, SHEAF_CALL_CREATE, &m, -1);
}

static bool has_connected(struct sheaf_life *life)
{
	int r = -EAGAIN;

	if (!is_ending(life))
		r = sheaf_driver_accept(life->listen_fd, &life->process);
	return r == 0 || is_ending(life);
}

static int get_process(struct sheaf_life *life)
{
	char **words;
	int r;

	if (life->listen_fd >= 0) {
		sheaf_info("waiting for a driver at %s", life->options->socket_path);
		if (look_until(life, CONNECT_MS, has_connected) && !is_ending(life))
			return 0;
		sheaf_error("no driver connected to %s within %d s", life->options->socket_path,
			    CONNECT_MS / 1000);
		return -ETIMEDOUT;
	}
	r = sheaf_driver_words_split(life->command, &words);
	if (r < 0) {
		sheaf_error("--driver=%s: no command, or a quote that does not end", life->command);
		return r;
	}
	r = sheaf_driver_spawn(words, &life->options->rights, &life->process);
	sheaf_driver_words_free(words);
	return r;
}

/* A process with a controller, ready for the host's bring-up. */
static int start_driver(struct sheaf_life *life)
{
	int r;

	life->named = false;
	r = get_process(life);
	if (r < 0)
		return r;
	set_state(life, SHEAF_LIFE_STARTING);
	sheaf_remote_connect(&life->remote, life->process.channel, life->process.pidfd);
	return say_create(life);
}

static int say_queues(struct sheaf_life *life)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < life->host->options.queues; i++) {
		const struct sheaf_queue *queue = life->host->queues[i];
		struct sheaf_message m = { .values = { i, queue->first_slot, queue->slot_count } };

		r = call(life, SHEAF_CALL_QUEUE, &m, life->queue_bells[i]);
	}
	return r;
}

static int say_run(struct sheaf_life *life)
{
	struct sheaf_message m;
	int r = say_queues(life);

	for (uint32_t w = 0; r == 0 && w < life->host->workers; w++) {
		m = (struct sheaf_message){ .values = { w, life->host->bundled } };
		r = call(life, SHEAF_CALL_WORKER, &m, life->worker_bells[w]);
	}
	m = (struct sheaf_message){ .values = { life->host->workers,
						life->options->rights.sandbox } };
	return r < 0 ? r : call(life, SHEAF_CALL_RUN, &m, -1);
}

/* --- ending --- */

/* (1). False: it is not gone, and we are to end. */
static bool wait_for_fence(struct sheaf_life *life)
{
	unsigned ms = FENCE_LOOK_MIN_MS;
	bool told = false;

	while (!look_until(life, KILLED_MS, is_gone)) {
		if (!told)
			sheaf_error("driver %s (process %d) does not die, though it was killed: it "
				    "waits in the "
				    "kernel, for a disk perhaps; its tasks end by their deadlines, "
				    "and no "
				    "other driver is started before it is gone",
				    life->remote.name, life->process.pid);
		told = true;
		if (is_ending(life))
			return false;
	}
	for (unsigned i = 0; i < life->options->file_count;) {
		if (sheaf_driver_file_is_free(&life->options->files[i])) {
			ms = FENCE_LOOK_MIN_MS;
			i++;
			continue;
		}
		/* Nothing tells of it; the wait is for a write that the disk has. */
		poll(NULL, 0, (int)ms);
		ms = ms * 2 < FENCE_LOOK_MAX_MS ? ms * 2 : FENCE_LOOK_MAX_MS;
		if (is_ending(life))
			return false;
	}
	return true;
}

/* Kill what is there and wait until nothing of it is left. False as above. */
static bool put_down(struct sheaf_life *life, char *how, size_t size)
{
	snprintf(how, size, "it was not there");
	if (life->process.pidfd < 0)
		return true;
	set_state(life, SHEAF_LIFE_DYING);
	sheaf_driver_signal(&life->process, SIGKILL);
	if (!wait_for_fence(life))
		return false;
	sheaf_remote_connect(&life->remote, -1, -1);
	sheaf_driver_reap(&life->process, how, size);
	set_state(life, SHEAF_LIFE_DYING);
	for (unsigned i = 0; i < life->options->file_count; i++)
		sheaf_driver_file_look_for_errors(&life->options->files[i]);
	return true;
}

/* --- replacing --- */

/* One try. */
static int try_restart(struct sheaf_life *life)
{
	int r = start_driver(life);

	if (r == 0)
		r = sheaf_host_bring_up_again(life->host);
	if (r == 0)
		r = say_run(life);
	return r < 0 ? r : sheaf_host_initialize_targets_again(life->host);
}

static uint64_t back_off_ms(const struct sheaf_life *life, uint64_t lived_ms)
{
	uint64_t ms = BACK_OFF_MS;

	if (life->fruitless == 0)
		return lived_ms >= WORKED_MS ? 0 : BACK_OFF_MS;
	for (unsigned i = 1; i < life->fruitless && ms < BACK_OFF_MAX_MS; i++)
		ms *= 2;
	return ms < BACK_OFF_MAX_MS ? ms : BACK_OFF_MAX_MS;
}

static void give_up(struct sheaf_life *life)
{
	sheaf_error("driver %s: it died or did not start %u times in a row, which is more than "
		    "--driver-restarts=%u; all tasks end with an error. Once it is mended: sheaf "
		    "driver "
		    "restart DIR",
		    life->remote.name, life->fruitless, life->options->restarts);
	tell_queues(life, SHEAF_QUEUE_EVENT_FAIL, NULL);
	set_state(life, SHEAF_LIFE_FAILED);
}

/* A new command that does not do is left for the one that did. */
static void fall_back(struct sheaf_life *life)
{
	if (!life->last_good_command || strcmp(life->command, life->last_good_command) == 0)
		return;
	sheaf_error("driver '%s' does not take over; going back to '%s'", life->command,
		    life->last_good_command);
	free(life->command);
	life->command = strdup(life->last_good_command);
	atomic_fetch_add(&life->refused, 1);
}

static void note_up(struct sheaf_life *life, uint64_t since_ns)
{
	life->up_ns = sheaf_clock_ns();
	life->completed_before = tasks_completed(life);
	if (life->command) {
		free(life->last_good_command);
		life->last_good_command = strdup(life->command);
	}
	set_state(life, SHEAF_LIFE_UP);
	if (!since_ns)
		return;
	atomic_fetch_add(&life->restarts, 1);
	atomic_store(&life->last_restart_ms, (life->up_ns - since_ns) / MS);
	sheaf_warning("driver %s: a new one serves, process %d, after %llu ms", life->remote.name,
		      life->process.pid, (unsigned long long)((life->up_ns - since_ns) / MS));
}

/* From a driver that is gone, or is to go, to one that serves; or to FAILED. */
static void replace(struct sheaf_life *life, const char *why)
{
	uint64_t since_ns = sheaf_clock_ns();
	uint64_t lived_ms = (since_ns - life->up_ns) / MS;
	char how[96];
	int r = -1;

	if (!put_down(life, how, sizeof(how)))
		return;
	sheaf_warning("driver %s: %s%s%s; what it had goes to a new one", life->remote.name, how,
		      why ? ", " : "", why ? why : "");
	tell_queues(life, SHEAF_QUEUE_EVENT_GONE, how);
	life->fruitless = tasks_completed(life) > life->completed_before ? 0 : life->fruitless + 1;
	while (r < 0) {
		if (life->fruitless > life->options->restarts || life->options->restarts == 0) {
			give_up(life);
			return;
		}
		set_state(life, SHEAF_LIFE_RESTARTING);
		look_until(life, why ? 0 : back_off_ms(life, lived_ms), is_ending);
		if (is_ending(life))
			return;
		r = try_restart(life);
		if (r == 0)
			break;
		if (!put_down(life, how, sizeof(how)))
			return;
		tell_queues(life, SHEAF_QUEUE_EVENT_GONE, how);
		fall_back(life);
		life->fruitless++;
		why = NULL;
	}
	tell_queues(life, SHEAF_QUEUE_EVENT_BACK, NULL);
	note_up(life, since_ns);
}

static bool has_drained(struct sheaf_life *life)
{
	return tasks_out(life) == 0 || is_gone(life) || is_ending(life);
}

static struct wish take_wish(struct sheaf_life *life)
{
	struct wish wish;

	pthread_mutex_lock(&life->lock);
	wish = life->wish;
	life->wish = (struct wish){ 0 };
	pthread_mutex_unlock(&life->lock);
	return wish;
}

/* The driver has nothing to do any more, if that can be had. */
static void drain(struct sheaf_life *life)
{
	uint64_t until_ns = sheaf_clock_ns() + DRAIN_MS * MS;

	tell_queues(life, SHEAF_QUEUE_EVENT_HOLD, NULL);
	while (!has_drained(life) && sheaf_clock_ns() < until_ns)
		look(life, 1);
	sheaf_driver_signal(&life->process, SIGTERM);
	look_until(life, TERM_MS, is_gone);
}

static void fulfil(struct sheaf_life *life)
{
	struct wish wish = take_wish(life);

	if (!wish.there)
		return;
	if (wish.command) {
		free(life->command);
		life->command = wish.command;
	}
	life->fruitless = 0;
	if (wish.drain && life->process.pidfd >= 0)
		drain(life);
	replace(life, *wish.why ? wish.why : "another one was asked for");
}

/* --- resizing --- */

static bool take_resize(struct sheaf_life *life, struct resize_wish *ret)
{
	pthread_mutex_lock(&life->lock);
	*ret = life->resize;
	life->resize.there = false;
	pthread_mutex_unlock(&life->lock);
	return ret->there;
}

/* This driver, or the one that comes after it. */
static int resize(struct sheaf_life *life, const struct resize_wish *wish)
{
	struct sheaf_driver_file *file = &life->options->files[wish->index];
	struct sheaf_message m = { .values = { wish->index, wish->bytes, wish->parts } };
	uint64_t before = file->size_bytes;
	int r = 0;

	if (life->process.pidfd >= 0 && !atomic_load(&life->can_resize))
		return -EOPNOTSUPP;
	file->size_bytes = wish->bytes;
	if (life->process.pidfd >= 0)
		r = sheaf_remote_call(&life->remote, SHEAF_CALL_RESIZE, &m, -1);
	if (r == -ETIMEDOUT || r == -EPROTO) {
		sheaf_error("driver %s: resize failed: %s; it is replaced", name_of(life),
			    r == -EPROTO ? "the answer is none" : "no answer in time");
		sheaf_driver_signal(&life->process, SIGKILL);
		r = 0;
	}
	if (r == -EPIPE) /* it died; its end is seen in the next round */
		r = 0;
	if (r < 0)
		file->size_bytes = before;
	return r;
}

static void fulfil_resize(struct sheaf_life *life)
{
	struct resize_wish wish;
	int r;

	if (!take_resize(life, &wish))
		return;
	r = is_ending(life) ? -ECANCELED : resize(life, &wish);
	pthread_mutex_lock(&life->lock);
	life->resize.result = r;
	pthread_mutex_unlock(&life->lock);
	sem_post(wish.done);
}

/* Who wished for something and is not served any more is told. */
static void end_wishes(struct sheaf_life *life)
{
	pthread_mutex_lock(&life->lock);
	life->ended = true;
	pthread_mutex_unlock(&life->lock);
	fulfil_resize(life);
}

/* --- the thread --- */

static void end_driver(struct sheaf_life *life)
{
	struct sheaf_message m = { 0 };
	char how[96];

	if (life->process.pidfd < 0)
		return;
	life->remote.bring_up_ms = STOP_MS;
	if (!is_gone(life) && sheaf_remote_call(&life->remote, SHEAF_CALL_STOP, &m, -1) == 0)
		look_until(life, STOP_MS, is_gone);
	if (!put_down(life, how, sizeof(how)))
		sheaf_error("driver %s: process %d is left behind", life->remote.name,
			    life->process.pid);
}

static void *life_main(void *arg)
{
	struct sheaf_life *life = arg;

	pthread_setname_np(pthread_self(), "sheaf-driver");
	life->start_result = start_driver(life);
	sem_post(&life->started);
	while (!is_ending(life)) {
		bool watching = atomic_load(&life->watching);

		if (watching && life->process.pidfd >= 0 && is_gone(life))
			replace(life, NULL);
		else if (watching)
			fulfil(life);
		if (watching && !(life->process.pidfd >= 0 && is_gone(life)))
			fulfil_resize(life);
		if (!is_ending(life))
			look(life, watching ? -1 : EVENT_LOOK_MS);
	}
	end_wishes(life);
	end_driver(life);
	return NULL;
}

static int replace_driver(void *arg, const char *why)
{
	int r = sheaf_life_replace(arg, NULL, why, false);

	return r == -EBUSY ? 0 : r;
}

/* --- what others call --- */

static int prepare(struct sheaf_life *life)
{
	const struct sheaf_life_options *o = life->options;

	life->process = SHEAF_DRIVER_PROCESS_NONE;
	life->listen_fd = -1;
	sheaf_remote_init(&life->remote);
	sem_init(&life->started, 0, 0);
	sem_init(&life->handled, 0, 0);
	pthread_mutex_init(&life->lock, NULL);
	life->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (life->event_fd < 0)
		return -errno;
	if (o->command && !(life->command = strdup(o->command)))
		return -ENOMEM;
	if (!o->command) {
		life->listen_fd = sheaf_driver_listen(o->socket_path);
		if (life->listen_fd < 0)
			return life->listen_fd;
	}
	return 0;
}

int sheaf_life_create(const struct sheaf_life_options *options, struct sheaf_life **ret_life)
{
	struct sheaf_life *life = calloc(1, sizeof(*life));
	int r;

	if (!life)
		return -ENOMEM;
	life->options = options;
	r = prepare(life);
	if (r == 0) {
		r = -pthread_create(&life->thread, NULL, life_main, life);
		life->has_thread = r == 0;
	}
	if (r == 0) {
		while (sem_wait(&life->started) < 0)
			;
		r = life->start_result;
	}
	if (r < 0) {
		sheaf_life_end(life);
		sheaf_life_free(life);
		return r;
	}
	*ret_life = life;
	return 0;
}

struct sheaf_remote *sheaf_life_remote(struct sheaf_life *life)
{
	return &life->remote;
}

static int make_bells(int **ret_bells, uint32_t count)
{
	int *bells = calloc(count, sizeof(int));

	if (!bells)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		bells[i] = -1;
	*ret_bells = bells;
	for (uint32_t i = 0; i < count; i++) {
		bells[i] = sheaf_bell_make();
		if (bells[i] < 0)
			return bells[i];
	}
	return 0;
}

int sheaf_life_connect(struct sheaf_life *life, struct sheaf_host *host)
{
	uint32_t queues = host->options.queues;
	int r = make_bells(&life->queue_bells, queues);

	life->queue_count = queues;
	life->worker_count = host->workers;
	life->bells = calloc(queues, sizeof(*life->bells));
	if (r == 0)
		r = life->bells ? make_bells(&life->worker_bells, host->workers) : -ENOMEM;
	if (r < 0)
		return r;
	life->host = host;
	for (uint32_t i = 0; i < queues; i++)
		for (uint32_t w = 0; w < host->workers; w++)
			sheaf_queue_attach_worker(host->queues[i], w, life->worker_bells[w]);
	r = say_run(life);
	if (r < 0)
		return r;
	host->replace_arg = life;
	host->replace_driver = replace_driver;
	note_up(life, 0);
	atomic_store(&life->watching, true);
	wake(life);
	return 0;
}

void sheaf_life_listen(struct sheaf_life *life, uint32_t queue, struct sheaf_loop *loop)
{
	sheaf_bell_listen(&life->bells[queue], loop, life->queue_bells[queue]);
}

int sheaf_life_replace(struct sheaf_life *life, const char *command, const char *why,
		       bool drain_first)
{
	struct wish wish = { .there = true, .drain = drain_first };
	int r = 0;

	if (command && life->listen_fd >= 0)
		return -EINVAL; /* it is not us who starts it */
	if (command && !(wish.command = strdup(command)))
		return -ENOMEM;
	snprintf(wish.why, sizeof(wish.why), "%s", why ? why : "");
	pthread_mutex_lock(&life->lock);
	if (life->wish.there)
		r = -EBUSY;
	else
		life->wish = wish;
	pthread_mutex_unlock(&life->lock);
	if (r < 0)
		free(wish.command);
	wake(life);
	return r;
}

bool sheaf_life_can_resize(struct sheaf_life *life)
{
	return atomic_load(&life->pid) == 0 || atomic_load(&life->can_resize);
}

int sheaf_life_resize(struct sheaf_life *life, unsigned index, uint64_t bytes, unsigned parts)
{
	sem_t done;
	int r = 0;

	sem_init(&done, 0, 0);
	pthread_mutex_lock(&life->lock);
	if (life->ended)
		r = -ECANCELED;
	else
		life->resize = (struct resize_wish){
			.there = true, .index = index, .parts = parts, .bytes = bytes, .done = &done
		};
	pthread_mutex_unlock(&life->lock);
	if (r == 0) {
		wake(life);
		while (sem_wait(&done) < 0)
			;
		pthread_mutex_lock(&life->lock);
		r = life->resize.result;
		pthread_mutex_unlock(&life->lock);
	}
	sem_destroy(&done);
	return r;
}

struct sheaf_life_info sheaf_life_info(struct sheaf_life *life)
{
	return (struct sheaf_life_info){
		.state = (enum sheaf_life_state)atomic_load(&life->state),
		.pid = atomic_load(&life->pid),
		.restarts = atomic_load(&life->restarts),
		.last_restart_ms = atomic_load(&life->last_restart_ms),
		.refused = atomic_load(&life->refused),
	};
}

void sheaf_life_end(struct sheaf_life *life)
{
	atomic_store(&life->ending, true);
	wake(life);
	if (life->has_thread)
		pthread_join(life->thread, NULL);
	life->has_thread = false;
}

static void close_bells(int *bells, uint32_t count)
{
	for (uint32_t i = 0; bells && i < count; i++)
		if (bells[i] >= 0)
			close(bells[i]);
	free(bells);
}

struct sheaf_life *sheaf_life_free(struct sheaf_life *life)
{
	if (!life)
		return NULL;
	close_bells(life->queue_bells, life->queue_count);
	close_bells(life->worker_bells, life->worker_count);
	free(life->bells);
	if (life->listen_fd >= 0) {
		close(life->listen_fd);
		unlink(life->options->socket_path);
	}
	if (life->event_fd >= 0)
		close(life->event_fd);
	free(life->wish.command);
	free(life->command);
	free(life->last_good_command);
	sheaf_remote_deinit(&life->remote);
	sem_destroy(&life->started);
	sem_destroy(&life->handled);
	pthread_mutex_destroy(&life->lock);
	free(life);
	return NULL;
}
