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
#include <unistd.h>

#include <sheaf/driver.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "host/driver_bells.h"
#include "host/driver_wishes.h"
#include "host/driver_words.h"
#include "host/queue.h"
#include "host/recover.h"

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
/* While the driver is brought up nobody wakes the thread. */
#define START_LOOK_MS 100

struct sheaf_life {
	const struct sheaf_life_options *options;
	struct sheaf_driver_setup setup;
	struct sheaf_driver_bells bells;
	struct sheaf_host *host;
	pthread_t thread;
	bool has_thread;
	sem_t started;
	int start_result;
	int listen_fd;
	/* The thread's: */
	struct sheaf_driver_process process;
	char *command, *last_good_command;
	unsigned fruitless; /* starts in a row */
	uint64_t up_ns, completed_before;
	/* Any thread's: */
	_Atomic bool watching, ending;
	_Atomic int state, pid;
	_Atomic uint64_t restarts, last_restart_ms, refused;
	struct sheaf_wishes wishes;
};

static void set_state(struct sheaf_life *life, enum sheaf_life_state state)
{
	atomic_store(&life->state, (int)state);
	atomic_store(&life->pid, life->process.pid > 0 ? life->process.pid : 0);
}

/* Wait for the driver's end, what it prints, a driver that connects, or somebody's wish; at most @ms, -1: no limit. */
static void look(struct sheaf_life *life, int ms)
{
	struct pollfd fds[] = { { .fd = life->wishes.event_fd, .events = POLLIN },
				{ .fd = life->process.pidfd, .events = POLLIN },
				{ .fd = life->process.log_fd, .events = POLLIN },
				{ .fd = life->process.pidfd < 0 ? life->listen_fd : -1,
				  .events = POLLIN } };
	uint64_t value;

	if (poll(fds, 4, ms) <= 0)
		return;
	if (fds[0].revents && read(life->wishes.event_fd, &value, sizeof(value)) < 0)
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

/* --- what the queues have done --- */

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

	life->setup.named = false;
	life->setup.called = life->command ? life->command : life->options->socket_path;
	r = get_process(life);
	if (r < 0)
		return r;
	set_state(life, SHEAF_LIFE_STARTING);
	return sheaf_driver_setup_create(&life->setup, &life->process);
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
				    life->setup.remote.name, life->process.pid);
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
	sheaf_remote_connect(&life->setup.remote, -1, -1);
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
		r = sheaf_driver_setup_run(&life->setup, life->host, &life->bells);
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
		    life->setup.remote.name, life->fruitless, life->options->restarts);
	sheaf_host_tell_queues(life->host, SHEAF_QUEUE_EVENT_FAIL, NULL);
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
	sheaf_warning("driver %s: a new one serves, process %d, after %llu ms", life->setup.remote.name,
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
	sheaf_warning("driver %s: %s%s%s; what it had goes to a new one", life->setup.remote.name, how,
		      why ? ", " : "", why ? why : "");
	sheaf_host_tell_queues(life->host, SHEAF_QUEUE_EVENT_GONE, how);
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
		sheaf_host_tell_queues(life->host, SHEAF_QUEUE_EVENT_GONE, how);
		fall_back(life);
		life->fruitless++;
		why = NULL;
	}
	sheaf_host_tell_queues(life->host, SHEAF_QUEUE_EVENT_BACK, NULL);
	note_up(life, since_ns);
}

static bool has_drained(struct sheaf_life *life)
{
	return tasks_out(life) == 0 || is_gone(life) || is_ending(life);
}

/* The driver has nothing to do any more, if that can be had. */
static void drain(struct sheaf_life *life)
{
	uint64_t until_ns = sheaf_clock_ns() + DRAIN_MS * MS;

	sheaf_host_tell_queues(life->host, SHEAF_QUEUE_EVENT_HOLD, NULL);
	while (!has_drained(life) && sheaf_clock_ns() < until_ns)
		look(life, 1);
	sheaf_driver_signal(&life->process, SIGTERM);
	look_until(life, TERM_MS, is_gone);
}

static void fulfil(struct sheaf_life *life)
{
	struct sheaf_wish_replace wish;

	if (!sheaf_wishes_take_replace(&life->wishes, &wish))
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

/* This driver, or the one that comes after it. */
static int resize(struct sheaf_life *life, const struct sheaf_wish_resize *wish)
{
	struct sheaf_driver_file *file = &life->options->files[wish->index];
	struct sheaf_message m = { .values = { wish->index, wish->bytes, wish->parts } };
	uint64_t before = file->size_bytes;
	int r = 0;

	if (life->process.pidfd >= 0 && !atomic_load(&life->setup.can_resize))
		return -EOPNOTSUPP;
	file->size_bytes = wish->bytes;
	if (life->process.pidfd >= 0)
		r = sheaf_remote_call(&life->setup.remote, SHEAF_CALL_RESIZE, &m, -1);
	if (r == -ETIMEDOUT || r == -EPROTO) {
		sheaf_error("driver %s: resize failed: %s; it is replaced", sheaf_driver_setup_name(&life->setup),
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
	struct sheaf_wish_resize wish;

	if (sheaf_wishes_take_resize(&life->wishes, &wish))
		sheaf_wishes_answer_resize(&life->wishes, &wish,
					   is_ending(life) ? -ECANCELED : resize(life, &wish));
}

/* --- the thread --- */

static void end_driver(struct sheaf_life *life)
{
	struct sheaf_message m = { 0 };
	char how[96];

	if (life->process.pidfd < 0)
		return;
	life->setup.remote.bring_up_ms = STOP_MS;
	if (!is_gone(life) && sheaf_remote_call(&life->setup.remote, SHEAF_CALL_STOP, &m, -1) == 0)
		look_until(life, STOP_MS, is_gone);
	if (!put_down(life, how, sizeof(how)))
		sheaf_error("driver %s: process %d is left behind", life->setup.remote.name,
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
			look(life, watching ? -1 : START_LOOK_MS);
	}
	sheaf_wishes_end(&life->wishes);
	fulfil_resize(life); /* who waits is told */
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
	int r;

	life->process = SHEAF_DRIVER_PROCESS_NONE;
	life->listen_fd = -1;
	sheaf_driver_setup_init(&life->setup, o);
	sem_init(&life->started, 0, 0);
	r = sheaf_wishes_init(&life->wishes);
	if (r < 0)
		return r;
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
	return &life->setup.remote;
}

int sheaf_life_connect(struct sheaf_life *life, struct sheaf_host *host)
{
	int r = sheaf_driver_bells_make(&life->bells, host);

	if (r < 0)
		return r;
	life->host = host;
	r = sheaf_driver_setup_run(&life->setup, host, &life->bells);
	if (r < 0)
		return r;
	host->replace_arg = life;
	host->replace_driver = replace_driver;
	note_up(life, 0);
	atomic_store(&life->watching, true);
	sheaf_wishes_wake(&life->wishes);
	return 0;
}

void sheaf_life_listen(struct sheaf_life *life, uint32_t queue, struct sheaf_loop *loop)
{
	sheaf_driver_bells_listen(&life->bells, queue, loop);
}

int sheaf_life_replace(struct sheaf_life *life, const char *command, const char *why,
		       bool drain_first)
{
	if (command && life->listen_fd >= 0)
		return -EINVAL; /* it is not us who starts it */
	return sheaf_wishes_replace(&life->wishes, command, why, drain_first);
}

bool sheaf_life_can_resize(struct sheaf_life *life)
{
	return atomic_load(&life->pid) == 0 || atomic_load(&life->setup.can_resize);
}

int sheaf_life_resize(struct sheaf_life *life, unsigned index, uint64_t bytes, unsigned parts)
{
	return sheaf_wishes_resize(&life->wishes, index, bytes, parts);
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
	sheaf_wishes_wake(&life->wishes);
	if (life->has_thread)
		pthread_join(life->thread, NULL);
	life->has_thread = false;
}

struct sheaf_life *sheaf_life_free(struct sheaf_life *life)
{
	if (!life)
		return NULL;
	sheaf_driver_bells_close(&life->bells);
	if (life->listen_fd >= 0) {
		close(life->listen_fd);
		unlink(life->options->socket_path);
	}
	sheaf_wishes_deinit(&life->wishes);
	free(life->command);
	free(life->last_good_command);
	sheaf_driver_setup_deinit(&life->setup);
	sem_destroy(&life->started);
	free(life);
	return NULL;
}
