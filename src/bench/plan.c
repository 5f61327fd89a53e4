/* SPDX-License-Identifier: MIT */
/*
 * plan.c - see plan.h
 *
 * Not every load at every size and depth, which would take hours: from one point in the middle, 4 KiB reads at depth 32, the depth
 * varies, then the size, then the work.
 */
#include "bench/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/options.h"

const char *const sheaf_bench_path_names[] = { "engine", "dev", "uring" };
const char *const sheaf_bench_path_titles[] = { "engine, no FUSE", "mount, /dev/fuse",
						"mount, FUSE over io_uring" };
const char *const sheaf_bench_deployment_names[] = { "fused", "pool", "process" };
const char *const sheaf_bench_work_names[] = { "read", "write", "mixed" };
const char *const sheaf_bench_limit_names[] = { "single", "1", "2", "4", "8", "16", "32", "auto" };

#define ALL_LIMITS ((1u << SHEAF_BENCH_LIMITS) - 1)
#define ENDS	   (1u << SHEAF_BENCH_SINGLE | 1u << SHEAF_BENCH_AUTO)
#define KIB	   1024u
#define BASE_BYTES (4 * KIB)

static const struct sheaf_bench_point quick_points[] = {
	{ SHEAF_BENCH_READ, BASE_BYTES, 32, ALL_LIMITS },
	{ SHEAF_BENCH_READ, BASE_BYTES, 1, ALL_LIMITS },
	{ SHEAF_BENCH_READ, BASE_BYTES, 8, ENDS },
	{ SHEAF_BENCH_READ, BASE_BYTES, 128, ENDS },
	{ SHEAF_BENCH_READ, 512, 32, ENDS },
	{ SHEAF_BENCH_WRITE, BASE_BYTES, 32, ENDS },
};

static const struct sheaf_bench_point full_points[] = {
	{ SHEAF_BENCH_READ, BASE_BYTES, 1, ALL_LIMITS },
	{ SHEAF_BENCH_READ, BASE_BYTES, 2, ALL_LIMITS },
	{ SHEAF_BENCH_READ, BASE_BYTES, 4, ALL_LIMITS },
	{ SHEAF_BENCH_READ, BASE_BYTES, 8, ALL_LIMITS },
	{ SHEAF_BENCH_READ, BASE_BYTES, 16, ALL_LIMITS },
	{ SHEAF_BENCH_READ, BASE_BYTES, 32, ALL_LIMITS },
	{ SHEAF_BENCH_READ, BASE_BYTES, 64, ALL_LIMITS },
	{ SHEAF_BENCH_READ, BASE_BYTES, 128, ALL_LIMITS },
	{ SHEAF_BENCH_READ, 512, 32, ALL_LIMITS },
	{ SHEAF_BENCH_READ, 16 * KIB, 32, ALL_LIMITS },
	{ SHEAF_BENCH_READ, 64 * KIB, 32, ALL_LIMITS },
	{ SHEAF_BENCH_READ, 256 * KIB, 32, ALL_LIMITS },
	{ SHEAF_BENCH_READ, 1024 * KIB, 32, ALL_LIMITS },
	{ SHEAF_BENCH_WRITE, BASE_BYTES, 1, ALL_LIMITS },
	{ SHEAF_BENCH_WRITE, BASE_BYTES, 32, ALL_LIMITS },
	{ SHEAF_BENCH_WRITE, 64 * KIB, 32, ALL_LIMITS },
	{ SHEAF_BENCH_MIXED, BASE_BYTES, 1, ALL_LIMITS },
	{ SHEAF_BENCH_MIXED, BASE_BYTES, 32, ALL_LIMITS },
};

unsigned sheaf_bench_bundle_max(unsigned limit)
{
	static const uint8_t most[SHEAF_BENCH_LIMITS] = { 1, 1, 2, 4, 8, 16, 32, SHEAF_BUNDLE_MAX };

	return most[limit];
}

const char *sheaf_bench_bytes_text(uint32_t bytes, char text[16])
{
	if (bytes % (KIB * KIB) == 0)
		snprintf(text, 16, "%u MiB", bytes / (KIB * KIB));
	else if (bytes % KIB == 0)
		snprintf(text, 16, "%u KiB", bytes / KIB);
	else
		snprintf(text, 16, "%u B", bytes);
	return text;
}

/* Lists */

static int report(const char *option, const char *word, const char *wanted)
{
	sheaf_error("--%s: '%s' is %s", option, word, wanted);
	return -EINVAL;
}

/* Names to a mask. */
static int parse_names(const char *option, const char *list, const char *const names[],
		       unsigned count, unsigned *ret_mask)
{
	CLEANUP_FREE char *copy = NULL;
	char *rest, *word;

	if (!list) {
		*ret_mask = (1u << count) - 1;
		return 0;
	}
	copy = rest = strdup(list);
	*ret_mask = 0;
	while ((word = strsep(&rest, ","))) {
		unsigned i = 0;

		while (i < count && strcmp(names[i], word) != 0)
			i++;
		if (i == count)
			return report(option, word, "not known; see: sheaf bench --help");
		*ret_mask |= 1u << i;
	}
	return 0;
}

/* Sizes to numbers, of which @count there are already. */
static int parse_numbers(const char *option, const char *list, uint64_t min, uint64_t max,
			 uint64_t multiple, uint32_t numbers[], unsigned *count)
{
	CLEANUP_FREE char *copy = list ? strdup(list) : NULL;
	char *rest = copy, *word;

	if (list)
		*count = 0;
	while ((word = strsep(&rest, ","))) {
		uint64_t n;

		if (sheaf_parse_size(word, &n) < 0)
			return report(option, word, "not a number");
		if (n < min || n > max || n % multiple != 0)
			return report(option, word, "out of range");
		if (*count == SHEAF_BENCH_LIST_MAX)
			return report(option, word, "one too many");
		numbers[(*count)++] = (uint32_t)n;
	}
	return 0;
}

/* Points */

static void add_point(struct sheaf_bench_plan *plan, const struct sheaf_bench_wishes *wishes,
		      const struct sheaf_bench_point *point, unsigned limits)
{
	struct sheaf_bench_point *added = &plan->points[plan->point_count];

	if (point->work != SHEAF_BENCH_READ && !wishes->may_write) {
		plan->left_out_writes = true;
		return;
	}
	if (sheaf_bench_plan_find(plan, point->work, point->bytes, point->depth) >= 0)
		return;
	*added = *point;
	added->limits &= limits;
	plan->point_count += added->limits != 0;
}

static int add_product(struct sheaf_bench_plan *plan, const struct sheaf_bench_wishes *wishes,
		       unsigned limits)
{
	uint32_t sizes[SHEAF_BENCH_LIST_MAX] = { BASE_BYTES };
	uint32_t depths[SHEAF_BENCH_LIST_MAX] = { 1, 32 };
	unsigned works, size_count = 1, depth_count = 2;
	int r = parse_names("works", wishes->works ? wishes->works : "read", sheaf_bench_work_names,
			    SHEAF_BENCH_WORKS, &works);

	if (r == 0)
		r = parse_numbers("sizes", wishes->sizes, 512, SHEAF_BENCH_BYTES_MAX, 512, sizes,
				  &size_count);
	if (r == 0)
		r = parse_numbers("depths", wishes->depths, 1, SHEAF_BENCH_DEPTH_MAX, 1, depths,
				  &depth_count);
	if (r < 0)
		return r;
	for (unsigned w = 0; w < SHEAF_BENCH_WORKS; w++)
		for (unsigned s = 0; works & 1u << w && s < size_count; s++)
			for (unsigned d = 0; d < depth_count; d++) {
				const struct sheaf_bench_point point = { (enum sheaf_bench_work)w,
									 sizes[s], depths[d],
									 ALL_LIMITS };

				add_point(plan, wishes, &point, limits);
			}
	return 0;
}

static void add_standard(struct sheaf_bench_plan *plan, const struct sheaf_bench_wishes *wishes,
			 unsigned limits)
{
	const struct sheaf_bench_point *points = wishes->full ? full_points : quick_points;
	size_t count = wishes->full ? sizeof(full_points) / sizeof(full_points[0])
				    : sizeof(quick_points) / sizeof(quick_points[0]);

	for (size_t i = 0; i < count; i++)
		add_point(plan, wishes, &points[i], limits);
}

static void add_configs(struct sheaf_bench_plan *plan, unsigned paths, unsigned deployments,
			unsigned limits)
{
	for (unsigned p = 0; p < SHEAF_BENCH_PATHS; p++)
		for (unsigned d = 0; d < SHEAF_BENCH_DEPLOYMENTS; d++)
			for (unsigned l = 0; l < SHEAF_BENCH_LIMITS; l++)
				if (paths & 1u << p && deployments & 1u << d && limits & 1u << l &&
				    (p != SHEAF_BENCH_ENGINE || d != SHEAF_BENCH_PROCESS))
					plan->configs[plan->config_count++] =
						(struct sheaf_bench_config){
							(enum sheaf_bench_path)p,
							(enum sheaf_bench_deployment)d, l
						};
}

int sheaf_bench_plan_make(const struct sheaf_bench_wishes *wishes, struct sheaf_bench_plan *ret)
{
	unsigned paths, deployments, limits;
	int r = parse_names("paths", wishes->paths, sheaf_bench_path_names, SHEAF_BENCH_PATHS,
			    &paths);

	memset(ret, 0, sizeof(*ret));
	if (r == 0)
		r = parse_names("deployments", wishes->deployments, sheaf_bench_deployment_names,
				SHEAF_BENCH_DEPLOYMENTS, &deployments);
	if (r == 0)
		r = parse_names("limits", wishes->limits, sheaf_bench_limit_names,
				SHEAF_BENCH_LIMITS, &limits);
	if (r < 0)
		return r;
	if (wishes->works || wishes->sizes || wishes->depths)
		r = add_product(ret, wishes, limits);
	else
		add_standard(ret, wishes, limits);
	add_configs(ret, paths, deployments, limits);
	if (r == 0 && ret->config_count == 0) {
		sheaf_error("the engine without FUSE has no driver in a process of its own; add dev or uring to --paths");
		return -EINVAL;
	}
	if (r == 0 && ret->point_count == 0) {
		sheaf_error("nothing is left to measure%s",
			    ret->left_out_writes ? "; writes to an image of yours need --write"
						 : "");
		r = -EINVAL;
	}
	return r;
}

void sheaf_bench_plan_drop_path(struct sheaf_bench_plan *plan, enum sheaf_bench_path path)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < plan->config_count; i++)
		if (plan->configs[i].path != path)
			plan->configs[kept++] = plan->configs[i];
	plan->config_count = kept;
}

unsigned sheaf_bench_plan_cells(const struct sheaf_bench_plan *plan)
{
	unsigned cells = 0;

	for (unsigned c = 0; c < plan->config_count; c++)
		for (unsigned p = 0; p < plan->point_count; p++)
			cells += plan->points[p].limits >> plan->configs[c].limit & 1;
	return cells;
}

void sheaf_bench_plan_shuffle(const struct sheaf_bench_plan *plan, unsigned round, unsigned order[])
{
	uint64_t state = UINT64_C(0x9e3779b97f4a7c15) * (round + 1);

	for (unsigned i = 0; i < plan->config_count; i++)
		order[i] = i;
	for (unsigned i = plan->config_count; i > 1; i--) {
		unsigned j, moved = order[i - 1];

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		j = (unsigned)((state >> 16) % i);
		order[i - 1] = order[j];
		order[j] = moved;
	}
}

int sheaf_bench_plan_find(const struct sheaf_bench_plan *plan, enum sheaf_bench_work work,
			  uint32_t bytes, unsigned depth)
{
	for (unsigned i = 0; i < plan->point_count; i++)
		if (plan->points[i].work == work && plan->points[i].bytes == bytes &&
		    plan->points[i].depth == depth)
			return (int)i;
	return -1;
}
