/* SPDX-License-Identifier: MIT */
/*
 * cost.c - see cost.h
 *
 * CPU time is the process's clock (clock_getcpuclockid(3)): nanoseconds of all its threads, also of those that ended. How much
 * of it was the kernel's is known by ticks only (proc(5), stat). Context switches are those in /proc/PID/task/TID/status,
 * which is what `perf stat -e context-switches -p PID` counts.
 */
#include "bench/cost.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

static uint64_t difference(uint64_t later, uint64_t earlier)
{
	return later > earlier ? later - earlier : 0; /* a thread ended in between */
}

static int read_text(const char *path, char *text, size_t size)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	if (n < 0)
		return -errno;
	text[n] = '\0';
	return 0;
}

/* Fields 14 and 15; the name in field 2 may hold spaces and brackets. */
static int read_ticks(pid_t pid, struct sheaf_bench_cost *cost)
{
	char path[64], text[1024], *at;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	r = read_text(path, text, sizeof(text));
	if (r < 0)
		return r;
	at = strrchr(text, ')');
	for (int field = 2; at && field < 14; field++)
		at = strchr(at + 1, ' ');
	if (!at || sscanf(at, "%" SCNu64 " %" SCNu64, &cost->user_ticks, &cost->system_ticks) != 2)
		return -EIO;
	return 0;
}

static uint64_t number_after(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static uint64_t thread_switches(pid_t pid, const char *tid)
{
	char path[96], text[4096];

	snprintf(path, sizeof(path), "/proc/%d/task/%.16s/status", pid, tid);
	if (read_text(path, text, sizeof(text)) < 0)
		return 0;
	return number_after(text, "\nvoluntary_ctxt_switches:") +
	       number_after(text, "\nnonvoluntary_ctxt_switches:");
}

static int read_switches(pid_t pid, struct sheaf_bench_cost *cost)
{
	char path[64];
	struct dirent *entry;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	if (!tasks)
		return -errno;
	cost->switches = 0;
	while ((entry = readdir(tasks)))
		if (entry->d_name[0] != '.')
			cost->switches += thread_switches(pid, entry->d_name);
	closedir(tasks);
	return 0;
}

int sheaf_bench_cost_read(pid_t pid, struct sheaf_bench_cost *ret)
{
	struct timespec t;
	clockid_t clock;
	int r = clock_getcpuclockid(pid, &clock);

	if (r != 0)
		return -r;
	if (clock_gettime(clock, &t) < 0)
		return -errno;
	ret->cpu_ns = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
	r = read_ticks(pid, ret);
	return r < 0 ? r : read_switches(pid, ret);
}

void sheaf_bench_cost_add(struct sheaf_bench_cost *cost, const struct sheaf_bench_cost *more)
{
	cost->cpu_ns += more->cpu_ns;
	cost->user_ticks += more->user_ticks;
	cost->system_ticks += more->system_ticks;
	cost->switches += more->switches;
}

void sheaf_bench_cost_subtract(struct sheaf_bench_cost *later,
			       const struct sheaf_bench_cost *earlier)
{
	later->cpu_ns = difference(later->cpu_ns, earlier->cpu_ns);
	later->user_ticks = difference(later->user_ticks, earlier->user_ticks);
	later->system_ticks = difference(later->system_ticks, earlier->system_ticks);
	later->switches = difference(later->switches, earlier->switches);
}

static void subtract_bundles(struct sheaf_bench_bundles *later,
			     const struct sheaf_bench_bundles *earlier)
{
	later->count = difference(later->count, earlier->count);
	later->tasks = difference(later->tasks, earlier->tasks);
	for (unsigned i = 0; i <= SHEAF_BUNDLE_MAX; i++)
		later->by_size[i] = difference(later->by_size[i], earlier->by_size[i]);
}

void sheaf_bench_counters_subtract(struct sheaf_bench_counters *later,
				   const struct sheaf_bench_counters *earlier)
{
	later->tasks = difference(later->tasks, earlier->tasks);
	later->errors = difference(later->errors, earlier->errors);
	later->enters = difference(later->enters, earlier->enters);
	later->calls = difference(later->calls, earlier->calls);
	later->doorbells = difference(later->doorbells, earlier->doorbells);
	subtract_bundles(&later->requests, &earlier->requests);
	subtract_bundles(&later->completions, &earlier->completions);
}
