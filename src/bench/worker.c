/* SPDX-License-Identifier: MIT */
/* worker.c - see worker.h. A command is a struct on a socket pair, the answer an int. */
#include "bench/worker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

/* To begin, and beyond the time of a load. The slowest thing is 128 MiB in flight on a slow disk, on a machine that has other work. */
#define GRACE_MS 60000
#define END_MS	 3000

struct command {
	struct sheaf_bench_point point;
	uint64_t ns;
};

volatile int sheaf_bench_interrupted;

static sigset_t signals_before;

static void on_signal(int signal)
{
	(void)signal;
	sheaf_bench_interrupted = 1;
}

void sheaf_bench_catch_signals(void)
{
	static const int caught[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++) {
		sigaction(caught[i], &action, NULL);
		sigaddset(&set, caught[i]);
	}
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, &signals_before);
}

void sheaf_bench_child(pid_t parent, int signal_number)
{
	/* A terminal's ^C is for the parent, which ends its children in order. */
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0);
	if (getppid() != parent)
		_exit(1);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &signals_before, NULL);
}

int sheaf_bench_wait(int fd, int timeout_ms)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	const struct timespec timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };
	int n;

	do {
		if (sheaf_bench_interrupted)
			return -EINTR;
		n = ppoll(&ready, 1, &timeout, &signals_before);
	} while (n < 0 && errno == EINTR);
	return n > 0 ? 0 : -ETIMEDOUT;
}

static void serve(int fd, struct sheaf_bench_shared *shared,
		  const struct sheaf_bench_worker_ops *ops, void *arg)
{
	struct command command;
	int answer = ops->begin(arg);

	while (write(fd, &answer, sizeof(answer)) == sizeof(answer) && answer == 0 &&
	       read(fd, &command, sizeof(command)) == sizeof(command)) {
		memset(&shared->load, 0, sizeof(shared->load));
		answer = ops->run(arg, &command.point, command.ns, shared);
	}
	ops->end(arg);
}

/* The worker's answer, or -errno. */
static int answer_of(const struct sheaf_bench_worker *worker, int timeout_ms)
{
	int answer, r = sheaf_bench_wait(worker->fd, timeout_ms);

	if (r < 0)
		return r;
	if (read(worker->fd, &answer, sizeof(answer)) == sizeof(answer))
		return answer;
	sheaf_error("a process of the benchmark ended before it was done");
	return -ECHILD;
}

int sheaf_bench_worker_start(struct sheaf_bench_worker *worker,
			     const struct sheaf_bench_worker_ops *ops, void *arg)
{
	pid_t parent = getpid();
	int ends[2], r;

	worker->shared = mmap(NULL, sizeof(*worker->shared), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (worker->shared == MAP_FAILED)
		return -errno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		r = -errno;
		munmap(worker->shared, sizeof(*worker->shared));
		return r;
	}
	fflush(NULL);
	worker->pid = fork();
	if (worker->pid == 0) {
		close(ends[0]);
		sheaf_bench_child(parent, SIGKILL);
		serve(ends[1], worker->shared, ops, arg);
		_exit(0);
	}
	r = worker->pid < 0 ? -errno : 0;
	close(ends[1]);
	worker->fd = ends[0];
	if (r == 0)
		r = answer_of(worker, GRACE_MS);
	else
		worker->pid = 0;
	return r;
}

int sheaf_bench_worker_run(struct sheaf_bench_worker *worker, const struct sheaf_bench_point *point,
			   uint64_t ns)
{
	const struct command command = { *point, ns };

	if (write(worker->fd, &command, sizeof(command)) != sizeof(command))
		return -errno;
	return answer_of(worker, (int)(ns / 1000000) + GRACE_MS);
}

void sheaf_bench_worker_kill(struct sheaf_bench_worker *worker)
{
	if (worker->pid > 0)
		kill(worker->pid, SIGKILL);
}

void sheaf_bench_worker_stop(struct sheaf_bench_worker *worker)
{
	struct pollfd end = { .fd = worker->fd, .events = POLLIN };

	if (worker->pid > 0) {
		shutdown(worker->fd, SHUT_WR);
		/* Its end of the socket closes when it ends. */
		if (poll(&end, 1, END_MS) <= 0)
			kill(worker->pid, SIGKILL);
		waitpid(worker->pid, NULL, 0);
	}
	if (worker->fd >= 0)
		close(worker->fd);
	if (worker->shared && worker->shared != MAP_FAILED)
		munmap(worker->shared, sizeof(*worker->shared));
	*worker = (struct sheaf_bench_worker){ .fd = -1 };
}
