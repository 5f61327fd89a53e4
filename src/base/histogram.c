/* SPDX-License-Identifier: MIT */
/* histogram.c - see histogram.h */
#include "base/histogram.h"

#include <assert.h>

#define SUB_COUNT (1u << SHEAF_HISTOGRAM_SUB_BITS)

uint64_t sheaf_histogram_lower(unsigned index)
{
	assert(index < SHEAF_HISTOGRAM_BUCKETS);
	if (index < 2 * SUB_COUNT)
		return index;
	return (uint64_t)(SUB_COUNT + index % SUB_COUNT) << (index / SUB_COUNT - 1);
}

uint64_t sheaf_histogram_upper(unsigned index)
{
	return index + 1 < SHEAF_HISTOGRAM_BUCKETS ? sheaf_histogram_lower(index + 1) - 1
						   : SHEAF_HISTOGRAM_LIMIT - 1;
}

static void raise_max(struct sheaf_histogram_snapshot *snapshot, uint64_t max)
{
	if (max > snapshot->max)
		snapshot->max = max;
}

void sheaf_histogram_add(struct sheaf_histogram_snapshot *snapshot,
			 const struct sheaf_histogram *histogram)
{
	for (unsigned i = 0; i < SHEAF_HISTOGRAM_BUCKETS; i++) {
		uint64_t n = sheaf_count_get(&histogram->buckets[i]);

		snapshot->buckets[i] += n;
		snapshot->count += n;
	}
	snapshot->sum += sheaf_count_get(&histogram->sum);
	raise_max(snapshot, sheaf_count_get(&histogram->max));
}

void sheaf_histogram_merge(struct sheaf_histogram_snapshot *snapshot,
			   const struct sheaf_histogram_snapshot *other)
{
	for (unsigned i = 0; i < SHEAF_HISTOGRAM_BUCKETS; i++)
		snapshot->buckets[i] += other->buckets[i];
	snapshot->count += other->count;
	snapshot->sum += other->sum;
	raise_max(snapshot, other->max);
}

void sheaf_histogram_subtract(struct sheaf_histogram_snapshot *later,
			      const struct sheaf_histogram_snapshot *earlier)
{
	uint64_t highest = 0;

	later->count = 0;
	for (unsigned i = 0; i < SHEAF_HISTOGRAM_BUCKETS; i++) {
		if (later->buckets[i] >= earlier->buckets[i])
			later->buckets[i] -= earlier->buckets[i];
		later->count += later->buckets[i];
		if (later->buckets[i])
			highest = i + 1 < SHEAF_HISTOGRAM_BUCKETS ? sheaf_histogram_upper(i)
								  : UINT64_MAX;
	}
	if (later->sum >= earlier->sum)
		later->sum -= earlier->sum;
	if (later->max > highest)
		later->max = highest;
}

uint64_t sheaf_histogram_percentile(const struct sheaf_histogram_snapshot *snapshot, double part)
{
	double wanted = part * (double)snapshot->count;
	uint64_t seen = 0;

	for (unsigned i = 0; i < SHEAF_HISTOGRAM_BUCKETS; i++) {
		uint64_t middle;

		seen += snapshot->buckets[i];
		if (seen == 0 || (double)seen < wanted)
			continue;
		/* Nothing says how far beyond its limit the values of the last bucket are, but for the greatest. */
		if (i + 1 == SHEAF_HISTOGRAM_BUCKETS && snapshot->max >= SHEAF_HISTOGRAM_LIMIT)
			return snapshot->max;
		middle = sheaf_histogram_lower(i) +
			 (sheaf_histogram_upper(i) - sheaf_histogram_lower(i)) / 2;
		return middle < snapshot->max ? middle : snapshot->max;
	}
	return 0;
}

double sheaf_histogram_mean(const struct sheaf_histogram_snapshot *snapshot)
{
	return snapshot->count ? (double)snapshot->sum / (double)snapshot->count : 0;
}
