/* SPDX-License-Identifier: MIT */
/*
 * main.c - runs schedules of the simulation (sim.h), from one to many millions, on all CPUs
 *
 * A seed names a configuration and a schedule. Processes share the seeds among them; each keeps a world for each configuration.
 */
#include "sim.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define CONFIGS 48
#define JOBS_MAX 256
/* A schedule takes milliseconds; one that takes so long hangs. */
#define SCHEDULE_SECONDS 60
#define PROGRESS_SECONDS 10

struct shared { /* one a process */
	_Atomic uint64_t done;
	uint64_t counts[SIM_COUNTS];
};

struct options {
	uint64_t seed, schedules;
	unsigned steps, jobs;
	bool verbose, shrink, all;
	const char *program;
};

static struct sim_world *worlds[CONFIGS];
static uint64_t current_seed;
static unsigned current_steps;
static char repeat_with[256];

static struct sim_config config_of(unsigned i)
{
	struct sim_random r = { .state = i };
	uint32_t queues = 1 + i / 8 % SIM_QUEUES_MAX;
	uint32_t slots = sim_percent(&r, 50) ? 1 + sim_below(&r, 8) : 1 + sim_below(&r, SIM_SLOTS_MAX);

	return (struct sim_config){
		.single = i % 2,
		.workers = i / 2 % 4,
		.queues = queues,
		.slots = slots < queues ? queues : slots,
		.bundle_max = (uint16_t)(sim_percent(&r, 40) ? SHEAF_BUNDLE_MAX : 1 + sim_below(&r, SHEAF_BUNDLE_MAX)),
	};
}

static void say_how_to_repeat(void)
{
	char line[400];
	int n = current_steps ? snprintf(line, sizeof(line), "repeat it with: %s --seed=%" PRIu64 " --steps=%u -v\n",
					 repeat_with, current_seed, current_steps) :
				snprintf(line, sizeof(line), "repeat it with: %s --seed=%" PRIu64 " -v\n", repeat_with,
					 current_seed);

	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}

static void on_signal(int number)
{
	say_how_to_repeat();
	signal(number, SIG_DFL);
	raise(number);
}

#ifdef SHEAF_ASAN
void __sanitizer_set_death_callback(void (*callback)(void));
#endif

static void watch(void)
{
	const int fatal[] = { SIGABRT, SIGALRM, SIGFPE, SIGILL,
#ifndef SHEAF_ASAN
			      SIGSEGV, SIGBUS
#endif
	};

	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		signal(fatal[i], on_signal);
#ifdef SHEAF_ASAN
	__sanitizer_set_death_callback(say_how_to_repeat);
#endif
}

static void run_seed(uint64_t seed, unsigned steps, bool verbose, uint64_t counts[SIM_COUNTS])
{
	unsigned i = (unsigned)(seed % CONFIGS);

	current_seed = seed;
	current_steps = steps;
	if (!worlds[i]) {
		struct sim_config config = config_of(i);

		worlds[i] = sim_world_create(&config, counts);
	}
	sim_world_run(worlds[i], seed, steps, verbose);
}

/* Process @job of @o->jobs: every o->jobs'th seed. */
static void run_job(const struct options *o, unsigned job, struct shared *shared)
{
	for (uint64_t i = job; i < o->schedules; i += o->jobs) {
		if (atomic_load(&shared->done) % 1024 == 0)
			alarm(SCHEDULE_SECONDS);
		run_seed(o->seed + i, o->steps, o->verbose, shared->counts);
		atomic_fetch_add_explicit(&shared->done, 1, memory_order_relaxed);
	}
	alarm(0);
	for (unsigned i = 0; i < CONFIGS; i++)
		if (worlds[i])
			sim_world_free(worlds[i]);
}

static uint64_t sum(const struct shared *shared, unsigned jobs)
{
	uint64_t n = 0;

	for (unsigned j = 0; j < jobs; j++)
		n += atomic_load(&shared[j].done);
	return n;
}

/* Return: true: all is well, and with --all everything that schedules may meet was met. */
static bool report(const struct options *o, struct shared *shared, double seconds)
{
	bool met = true;

	printf("%" PRIu64 " schedules hold, %.0f a minute\n", sum(shared, o->jobs),
	       (double)sum(shared, o->jobs) * 60 / seconds);
	for (int c = 0; c < SIM_COUNTS; c++) {
		uint64_t n = 0;

		for (unsigned j = 0; j < o->jobs; j++)
			n += shared[j].counts[c];
		printf("%12" PRIu64 " %s\n", n, sim_count_names[c]);
		if (o->all && n == 0) {
			fprintf(stderr, "no schedule met this: %s\n", sim_count_names[c]);
			met = false;
		}
	}
	return met;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The first child that fails ends the others. Return: 0 or 1. */
static int wait_for(const struct options *o, struct shared *shared, const pid_t pids[], double begin)
{
	unsigned left = o->jobs;
	int code = 0, status;
	double said = begin;

	while (left) {
		pid_t pid = waitpid(-1, &status, WNOHANG);

		if (pid > 0) {
			left--;
			if (status != 0 && code == 0) {
				code = 1;
				for (unsigned j = 0; j < o->jobs; j++)
					if (pids[j] != pid)
						kill(pids[j], SIGKILL);
			}
			continue;
		}
		if (pid < 0 && errno == ECHILD)
			break;
		usleep(20000);
		if (now() - said >= PROGRESS_SECONDS) {
			said = now();
			fprintf(stderr, "%" PRIu64 " of %" PRIu64 " schedules, %.0f a minute\n",
				sum(shared, o->jobs), o->schedules,
				(double)sum(shared, o->jobs) * 60 / (said - begin));
		}
	}
	return code;
}

static int run(const struct options *o)
{
	size_t bytes = o->jobs * sizeof(struct shared);
	struct shared *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pids[JOBS_MAX];
	double begin = now();
	int code = 0;

	if (shared == MAP_FAILED)
		return 1;
	if (o->jobs == 1) {
		run_job(o, 0, shared);
	} else {
		for (unsigned j = 0; j < o->jobs; j++) {
			pids[j] = fork();
			if (pids[j] == 0) {
				prctl(PR_SET_PDEATHSIG, SIGKILL);
				run_job(o, j, &shared[j]);
				exit(0);
			}
			if (pids[j] < 0)
				return 1;
		}
		code = wait_for(o, shared, pids, begin);
	}
	if (code == 0 && !report(o, shared, now() - begin))
		code = 1;
	munmap(shared, bytes);
	return code;
}

/* Does the seed fail with so many steps? In a process of its own, silently. */
static bool fails(const struct options *o, unsigned steps)
{
	static uint64_t counts[SIM_COUNTS];
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int null = dup(STDERR_FILENO);

		if (null < 0 || !freopen("/dev/null", "w", stderr) || !freopen("/dev/null", "w", stdout))
			_exit(2);
		run_seed(o->seed, steps, false, counts);
		_exit(0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status != 0;
}

/* The fewest steps with which the seed fails. */
static int shrink(struct options *o)
{
	unsigned most = o->steps ? o->steps : 320, steps;

	for (steps = 1; steps <= most && !fails(o, steps); steps++)
		;
	if (steps > most) {
		printf("seed %" PRIu64 " holds\n", o->seed);
		return 0;
	}
	printf("seed %" PRIu64 " fails with %u steps\n", o->seed, steps);
	fflush(stdout);
	o->steps = steps;
	o->verbose = true;
	o->schedules = 1;
	o->jobs = 1;
	return run(o);
}

static void usage(const char *program)
{
	printf("usage: %s [--seed=N] [--schedules=M] [--steps=K] [--jobs=J] [--all] [--shrink] [-v]\n"
	       "  --seed=N       of the first schedule, default 1\n"
	       "  --schedules=M  so many, one a seed; default 1\n"
	       "  --steps=K      of each schedule; default: its seed says\n"
	       "  --jobs=J       processes; 0: one a CPU; default 1\n"
	       "  --all          fail if no schedule met some event (a death, a timeout, ...)\n"
	       "  --shrink       find the fewest steps with which the seed fails, and show them\n"
	       "  -v             print what happens\n",
	       program);
}

/* The whole word is a number. */
static bool number(const char *word, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(word, &end, 0);
	return errno == 0 && *word && !*end;
}

int main(int argc, char **argv)
{
	static const struct option table[] = {
		{ "seed", required_argument, NULL, 's' },   { "schedules", required_argument, NULL, 'n' },
		{ "steps", required_argument, NULL, 'k' },  { "jobs", required_argument, NULL, 'j' },
		{ "all", no_argument, NULL, 'a' },	    { "shrink", no_argument, NULL, 'r' },
		{ "verbose", no_argument, NULL, 'v' },	    { "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct options o = { .seed = 1, .schedules = 1, .jobs = 1, .program = argv[0] };
	uint64_t n = 0;
	int c;

	while ((c = getopt_long(argc, argv, "vh", table, NULL)) >= 0) {
		if (strchr("snkj", c) && !number(optarg, &n)) {
			fprintf(stderr, "%s: not a number: %s\n", argv[0], optarg);
			return 2;
		}
		switch (c) {
		case 's':
			o.seed = n;
			break;
		case 'n':
			o.schedules = n;
			break;
		case 'k':
			o.steps = (unsigned)n;
			break;
		case 'j':
			o.jobs = n ? (unsigned)n : (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
			break;
		case 'a':
			o.all = true;
			break;
		case 'r':
			o.shrink = true;
			break;
		case 'v':
			o.verbose = true;
			break;
		case 'h':
			usage(argv[0]);
			return 0;
		default:
			return 2;
		}
	}
	if (o.jobs < 1 || o.jobs > JOBS_MAX)
		o.jobs = JOBS_MAX;
	snprintf(repeat_with, sizeof(repeat_with), "%s", argv[0]);
	sheaf_log_set_level(SHEAF_LOG_ERROR);
	watch();
	return o.shrink ? shrink(&o) : run(&o);
}
