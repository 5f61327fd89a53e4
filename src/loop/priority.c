/* SPDX-License-Identifier: MIT */
/* priority.c - see priority.h */
#include "loop/priority.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define MS UINT64_C(1000000)

#define LOOK_NS (1 * MS)
/*
 * The mean wait that says that others than our submitters have the CPU. A submitter that fills its queue runs for some
 * tens of microseconds before it waits for us; a thread that just computes has slices of milliseconds.
 */
#define STARVED_NS (MS / 2)
/*
 * So many looks in a row: a single long wait comes of a kernel thread, a program that starts, a neighbour's virtual CPU, and a second without
 * giving way for each would be worse than it. Over /dev/fuse at depth 1, of a machine at rest, there is one in a second or two.
 */
#define STARVED_LOOKS 3
/* The first wrong guess costs some long waits; then it is made ever more seldom. */
#define BACK_OFF_MIN_NS (1000 * MS)
#define BACK_OFF_MAX_NS (64000 * MS)

static int set_policy(bool gives_way)
{
	const struct sched_param param = { 0 };

	return sched_setscheduler(0, gives_way ? SCHED_IDLE : SCHED_BATCH, &param) < 0 ? -errno : 0;
}

/*
 * Without CAP_SYS_NICE, or an RLIMIT_NICE of 20, a thread does not get out of SCHED_IDLE again (sched(7)). A thread that does
 * nothing else tries.
 */
static void *try_there_and_back(void *arg)
{
	bool *possible = arg;

	*possible = set_policy(true) == 0 && set_policy(false) == 0;
	return NULL;
}

static bool may_come_back(void)
{
	bool possible = false;
	pthread_t thread;

	if (pthread_create(&thread, NULL, try_there_and_back, &possible) == 0)
		pthread_join(thread, NULL);
	return possible;
}

void sheaf_priority_init(struct sheaf_priority *priority)
{
	*priority = (struct sheaf_priority){ .schedstat_fd = -1, .back_off_ns = BACK_OFF_MIN_NS };
	if (may_come_back())
		priority->schedstat_fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	if (priority->schedstat_fd < 0)
		sheaf_debug("thread %d does not give way to its submitters: %s", gettid(),
			    "that takes CAP_SYS_NICE, or an RLIMIT_NICE of 20, and "
			    "/proc/thread-self/schedstat");
	priority->gives_way = priority->schedstat_fd >= 0;
	set_policy(priority->gives_way);
}

void sheaf_priority_finish(struct sheaf_priority *priority)
{
	if (priority->schedstat_fd < 0)
		return;
	close(priority->schedstat_fd);
	priority->schedstat_fd = -1;
	set_policy(false); /* for what is left to do: the last flush */
}

bool sheaf_priority_judge(struct sheaf_priority *priority, uint64_t now_ns, uint64_t waited_ns,
			  uint64_t waits)
{
	uint64_t n = waits - priority->waits, ns = waited_ns - priority->waited_ns;

	priority->looked_ns = now_ns;
	priority->waits = waits;
	priority->waited_ns = waited_ns;
	if (!priority->gives_way)
		return now_ns >= priority->back_at_ns;
	if (n == 0)
		return true;
	priority->starved_looks = ns / n > STARVED_NS ? priority->starved_looks + 1 : 0;
	if (priority->starved_looks < STARVED_LOOKS) {
		if (!priority->starved_looks && now_ns - priority->back_at_ns > priority->back_off_ns)
			priority->back_off_ns = BACK_OFF_MIN_NS;
		return true;
	}
	priority->starved_looks = 0;
	priority->back_at_ns = now_ns + priority->back_off_ns;
	priority->back_off_ns *= 2;
	if (priority->back_off_ns > BACK_OFF_MAX_NS)
		priority->back_off_ns = BACK_OFF_MAX_NS;
	return false;
}

/* The name that the kernel gives io_uring's workers of thread @tid (io_uring/io-wq.c: create_io_worker()). */
static bool is_io_worker(pid_t worker, pid_t tid)
{
	char path[64], name[32] = "", wanted[32];
	FILE *in;

	snprintf(path, sizeof(path), "/proc/self/task/%d/comm", worker);
	snprintf(wanted, sizeof(wanted), "iou-wrk-%d\n", tid);
	in = fopen(path, "re");
	if (!in)
		return false;
	if (!fgets(name, sizeof(name), in))
		name[0] = '\0';
	fclose(in);
	return strcmp(name, wanted) == 0;
}

/* They inherit the policy of the thread, and may have a lock of the filesystem now. */
static void free_io_workers(void)
{
	const struct sched_param param = { 0 };
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;

	while (tasks && (entry = readdir(tasks))) {
		pid_t tid = atoi(entry->d_name);

		if (tid > 0 && is_io_worker(tid, gettid()))
			sched_setscheduler(tid, SCHED_BATCH, &param);
	}
	if (tasks)
		closedir(tasks);
}

void sheaf_priority_turn(struct sheaf_priority *priority, struct sheaf_loop *loop)
{
	uint64_t now_ns = sheaf_loop_now(loop), ran_ns, waited_ns, waits;
	char text[80];
	ssize_t n;
	bool gives_way;

	if (priority->schedstat_fd < 0 || now_ns - priority->looked_ns < LOOK_NS)
		return;
	sheaf_loop_count_calls(loop, 1);
	n = pread(priority->schedstat_fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	/* proc(5): time on the CPU, time spent waiting for one, how often it ran. */
	if (sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64, &ran_ns, &waited_ns, &waits) != 3)
		return;
	gives_way = sheaf_priority_judge(priority, now_ns, waited_ns, waits);
	if (gives_way == priority->gives_way)
		return;
	sheaf_debug("thread %d %s", gettid(),
		    gives_way ? "gives way to its submitters again"
			      : "waited long for a CPU: it takes its share for a while");
	if (set_policy(gives_way) == 0)
		priority->gives_way = gives_way;
	if (!priority->gives_way)
		free_io_workers();
}
