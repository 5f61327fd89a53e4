/* SPDX-License-Identifier: MIT */
/* machine.c - see machine.h */
#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include "bench/machine.h"

#include <inttypes.h>
#include <liburing.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "config.h"

static void read_cpu_model(char *value, size_t size)
{
	FILE *in = fopen("/proc/cpuinfo", "re");
	char line[256], *at;

	snprintf(value, size, "unknown");
	while (in && fgets(line, sizeof(line), in)) {
		at = strchr(line, ':');
		/* x86, ARM and others name it differently, or not at all. */
		if (!at || !at[1] ||
		    (strncmp(line, "model name", 10) && strncmp(line, "Model", 5) &&
		     strncmp(line, "cpu model", 9)))
			continue;
		at[strcspn(at, "\n")] = '\0';
		snprintf(value, size, "%s", at + 2);
		break;
	}
	if (in)
		fclose(in);
}

static const char *filesystem(const char *path)
{
	static const struct {
		long magic;
		const char *name;
	} known[] = { { 0x01021994, "tmpfs" },
		      { 0xef53, "ext4" },
		      { 0x58465342, "xfs" },
		      { 0x9123683e, "btrfs" },
		      { 0x794c7630, "overlayfs" } };
	struct statfs fs;

	if (statfs(path, &fs) == 0)
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (fs.f_type == known[i].magic)
				return known[i].name;
	return "a filesystem of another kind";
}

static void describe_image(const struct sheaf_bench_setup *setup, bool scratch, char *value,
			   size_t size)
{
	struct stat st = { 0 };

	if (stat(setup->image, &st) == 0 && S_ISBLK(st.st_mode)) {
		snprintf(value, size, "block device%s", setup->read_only ? ", read only" : "");
		return;
	}
	snprintf(value, size, "%s%" PRIu64 " MiB on %s%s", scratch ? "scratch, " : "",
		 (uint64_t)st.st_size >> 20, filesystem(setup->image),
		 setup->read_only ? ", read only" : "");
}

void sheaf_bench_machine(const struct sheaf_bench_setup *setup, bool scratch, unsigned rounds,
			 struct sheaf_bench_fact facts[SHEAF_BENCH_FACTS])
{
	static const char *const names[SHEAF_BENCH_FACTS] = { "cpu",	"cpus",	    "memory",
							      "kernel", "versions", "image",
							      "server", "measured" };
	const size_t size = sizeof(facts[0].value);
	struct utsname system;
	time_t now = time(NULL);
	struct tm day;

	for (unsigned i = 0; i < SHEAF_BENCH_FACTS; i++)
		facts[i].name = names[i];
	read_cpu_model(facts[0].value, size);
	snprintf(facts[1].value, size, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
	snprintf(facts[2].value, size, "%.1f GiB",
		 (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / (1 << 30));
	uname(&system);
	snprintf(facts[3].value, size, "%s %s %s", system.sysname, system.release, system.machine);
#ifdef IO_URING_VERSION_MAJOR
	snprintf(facts[4].value, size, "sheaf %s, libfuse %s, liburing %d.%d", PACKAGE_VERSION,
		 fuse_pkgversion(), IO_URING_VERSION_MAJOR, IO_URING_VERSION_MINOR);
#else
	snprintf(facts[4].value, size, "sheaf %s, libfuse %s", PACKAGE_VERSION, fuse_pkgversion());
#endif
	describe_image(setup, scratch, facts[5].value, size);
	snprintf(facts[6].value, size, "%u slots; pool and process: %u worker%s", setup->slots, setup->workers,
		 setup->workers == 1 ? "" : "s");
	localtime_r(&now, &day);
	snprintf(facts[7].value, size, "%04d-%02d-%02d, %u rounds of %.2f s", day.tm_year + 1900,
		 day.tm_mon + 1, day.tm_mday, rounds, (double)setup->run_ns / 1e9);
}
