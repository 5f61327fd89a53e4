/* SPDX-License-Identifier: MIT */
/*
 * subject.c - see subject.h
 *
 *   start, read the disk once (its pages are then where the server looks for them)
 *   warm up, all has ended -> counters, cost -> the load, all has ended -> cost, counters
 *
 * Nothing is in flight when counters and cost are read, so they are of exactly these requests; beside them a mount has served
 * the question for its counters, which is a handful of requests of other kinds.
 *
 * setup->observer is a command that watches the server meanwhile (strace, perf), for tests/bench/bench-agrees: `sh -c COMMAND`
 * with SHEAF_BENCH_PID, SHEAF_BENCH_DRIVER_PID (the same where the driver has no process) and SHEAF_BENCH_CELL set. It has to write a line to its standard output when it is ready, and
 * ends at its standard input's end.
 */
#include "bench/subject.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "bench/cost.h"

#define OBSERVER_MS 10000

struct observer {
	pid_t pid; /* 0: none */
	int in, out;
};

static bool is_engine(const struct sheaf_bench_subject *subject)
{
	return subject->config.path == SHEAF_BENCH_ENGINE;
}

static int start_loader(struct sheaf_bench_subject *subject)
{
	if (asprintf(&subject->disk, "%s/disk", subject->mount.directory) < 0) {
		subject->disk = NULL;
		return -ENOMEM;
	}
	subject->generator = (struct sheaf_bench_generator){
		.path = subject->disk,
		.read_only = subject->setup->read_only,
	};
	return sheaf_bench_worker_start(&subject->worker, &sheaf_bench_load_ops,
					&subject->generator);
}

int sheaf_bench_subject_start(struct sheaf_bench_subject *subject,
			      const struct sheaf_bench_setup *setup,
			      const struct sheaf_bench_config *config, bool quiet)
{
	static const struct sheaf_bench_point pass = { .work = SHEAF_BENCH_READ,
						       .bytes = SHEAF_BENCH_BYTES_MAX,
						       .depth = 8 };
	int r;

	*subject =
		(struct sheaf_bench_subject){ .setup = setup, .config = *config, .worker.fd = -1 };
	subject->engine =
		(struct sheaf_bench_engine_options){ .setup = setup, .config = &subject->config };
	if (is_engine(subject)) {
		r = sheaf_bench_worker_start(&subject->worker, &sheaf_bench_engine_ops,
					     &subject->engine);
	} else {
		r = sheaf_bench_mount_start(&subject->mount, setup, config, quiet);
		if (r < 0 && r != -EINTR && !quiet)
			sheaf_error("the mount to measure did not start: %s", strerror(-r));
		if (r == 0)
			r = start_loader(subject);
	}
	if (r == 0)
		r = sheaf_bench_worker_run(&subject->worker, &pass, 0);
	if (r == -ETIMEDOUT && !is_engine(subject) && subject->worker.pid > 0)
		sheaf_bench_mount_abort(&subject->mount);
	if (r < 0)
		sheaf_bench_subject_stop(subject);
	return r;
}

int sheaf_bench_subject_stop(struct sheaf_bench_subject *subject)
{
	int r = 0;

	/* Who waits for a mount ends before it, so that it is not busy. */
	sheaf_bench_worker_stop(&subject->worker);
	if (subject->mount.directory)
		r = sheaf_bench_mount_stop(&subject->mount);
	free(subject->disk);
	subject->disk = NULL;
	return r;
}

/* An observer */

static void run_observer(const struct sheaf_bench_subject *subject,
			 const struct sheaf_bench_point *point, pid_t pid, int in, int out)
{
	char text[128];

	snprintf(text, sizeof(text), "%d", pid);
	setenv("SHEAF_BENCH_PID", text, 1);
	snprintf(text, sizeof(text), "%d", subject->mount.driver ? subject->mount.driver : pid);
	setenv("SHEAF_BENCH_DRIVER_PID", text, 1);
	snprintf(text, sizeof(text), "%s-%s-%s-%s-%u-%u",
		 sheaf_bench_path_names[subject->config.path],
		 sheaf_bench_deployment_names[subject->config.deployment],
		 sheaf_bench_limit_names[subject->config.limit],
		 sheaf_bench_work_names[point->work], point->bytes, point->depth);
	setenv("SHEAF_BENCH_CELL", text, 1);
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	execl("/bin/sh", "sh", "-c", subject->setup->observer, (char *)NULL);
	_exit(127);
}

static int start_observer(const struct sheaf_bench_subject *subject,
			  const struct sheaf_bench_point *point, pid_t pid,
			  struct observer *observer)
{
	int to[2], from[2];
	pid_t parent = getpid();

	*observer = (struct observer){ 0 };
	if (!subject->setup->observer)
		return 0;
	if (pipe2(to, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(from, O_CLOEXEC) < 0) {
		close(to[0]);
		close(to[1]);
		return -errno;
	}
	fflush(NULL);
	observer->pid = fork();
	if (observer->pid == 0) {
		sheaf_bench_child(parent, SIGTERM);
		run_observer(subject, point, pid, to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	observer->in = to[1];
	observer->out = from[0];
	return sheaf_bench_wait(observer->out, OBSERVER_MS);
}

static void stop_observer(struct observer *observer)
{
	char text[256];

	if (observer->pid <= 0)
		return;
	close(observer->in);
	while (read(observer->out, text, sizeof(text)) > 0)
		;
	close(observer->out);
	waitpid(observer->pid, NULL, 0);
	observer->pid = 0;
}

/* Measuring */

static pid_t server_pid(const struct sheaf_bench_subject *subject)
{
	return is_engine(subject) ? subject->worker.pid : subject->mount.pid;
}

/* Of the server, and of its driver where that is a process of its own. After counters_of(). */
static int cost_of(const struct sheaf_bench_subject *subject, struct sheaf_bench_cost *ret)
{
	struct sheaf_bench_cost driver;
	int r = sheaf_bench_cost_read(server_pid(subject), ret);

	if (r < 0 || is_engine(subject) || subject->mount.driver == 0)
		return r;
	r = sheaf_bench_cost_read(subject->mount.driver, &driver);
	if (r == 0)
		sheaf_bench_cost_add(ret, &driver);
	return r;
}

static int counters_of(struct sheaf_bench_subject *subject, struct sheaf_bench_counters *ret)
{
	if (!is_engine(subject))
		return sheaf_bench_mount_counters(&subject->mount, ret);
	*ret = subject->worker.shared->counters;
	return 0;
}

static void fill_in(const struct sheaf_bench_load *load, struct sheaf_bench_sample *ret)
{
	struct sheaf_histogram_snapshot latency = { 0 };

	sheaf_histogram_add(&latency, &load->latency);
	ret->requests = load->requests;
	ret->bytes = load->bytes;
	ret->ns = load->ns;
	ret->p50_ns = sheaf_histogram_percentile(&latency, 0.5);
	ret->p99_ns = sheaf_histogram_percentile(&latency, 0.99);
	ret->p999_ns = sheaf_histogram_percentile(&latency, 0.999);
}

static int measure(struct sheaf_bench_subject *subject, const struct sheaf_bench_point *point,
		   struct sheaf_bench_sample *ret)
{
	struct sheaf_bench_counters before;
	struct sheaf_bench_cost cost;
	int r = counters_of(subject, &before);

	if (r == 0)
		r = cost_of(subject, &cost);
	if (r == 0)
		r = sheaf_bench_worker_run(&subject->worker, point, subject->setup->run_ns);
	if (r == 0)
		r = cost_of(subject, &ret->cost);
	if (r == 0)
		r = counters_of(subject, &ret->counters);
	if (r < 0)
		return r;
	sheaf_bench_cost_subtract(&ret->cost, &cost);
	sheaf_bench_counters_subtract(&ret->counters, &before);
	fill_in(&subject->worker.shared->load, ret);
	return 0;
}

int sheaf_bench_subject_measure(struct sheaf_bench_subject *subject,
				const struct sheaf_bench_point *point,
				struct sheaf_bench_sample *ret)
{
	struct observer observer;
	int r = sheaf_bench_worker_run(&subject->worker, point, subject->setup->warm_up_ns);

	if (r == 0) {
		r = start_observer(subject, point, server_pid(subject), &observer);
		if (r == -ETIMEDOUT) {
			sheaf_error("the observer says nothing");
			r = -ECHILD;
		}
		if (r == 0)
			r = measure(subject, point, ret);
		stop_observer(&observer);
	}
	if (r == 0 && (ret->requests == 0 || ret->counters.tasks == 0 || ret->ns == 0)) {
		sheaf_error("nothing was done in %llu ms: try a longer --seconds",
			    (unsigned long long)subject->setup->run_ns / 1000000);
		r = -EIO;
	}
	if (r < 0)
		sheaf_bench_worker_kill(&subject->worker);
	if (r == -ETIMEDOUT && is_engine(subject))
		sheaf_error("the engine hangs");
	else if (r == -ETIMEDOUT)
		sheaf_bench_mount_abort(&subject->mount);
	return r;
}
