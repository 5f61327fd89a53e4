/* SPDX-License-Identifier: MIT */
/**
 * histogram.h - how often which value came: log-scaled, with a bounded error
 *
 * Each power of two has 16 buckets, values below 16 one each. So a bucket is at most a 16th as wide as the least value in it,
 * and its middle is within 1/32 (3.2 %) of every value in it.
 *
 *   1. One thread records: plain loads and stores, no lock prefix. Any thread may take a snapshot meanwhile.
 *   2. A snapshot's count is the sum of its buckets, so that it always agrees with them. sum and max are read after
 *      them, and may be of a slightly later moment.
 *   3. Values of SHEAF_HISTOGRAM_LIMIT and above share the last bucket; max still tells them.
 */
#ifndef SHEAF_HISTOGRAM_H
#define SHEAF_HISTOGRAM_H

#include <stdint.h>

#include "base/counter.h"

#define SHEAF_HISTOGRAM_SUB_BITS 4 /* 16 buckets a power of two */
#define SHEAF_HISTOGRAM_BITS	 40
#define SHEAF_HISTOGRAM_LIMIT	 (UINT64_C(1) << SHEAF_HISTOGRAM_BITS) /* as nanoseconds: 18 minutes */
#define SHEAF_HISTOGRAM_BUCKETS                                                                    \
	((SHEAF_HISTOGRAM_BITS - SHEAF_HISTOGRAM_SUB_BITS + 1) << SHEAF_HISTOGRAM_SUB_BITS)

/** W: one thread; R: any, relaxed. All zero: empty. */
struct sheaf_histogram {
	_Atomic uint64_t buckets[SHEAF_HISTOGRAM_BUCKETS];
	_Atomic uint64_t sum, max;
};

/** One moment of one or more histograms; a plain value. All zero: empty. */
struct sheaf_histogram_snapshot {
	uint64_t buckets[SHEAF_HISTOGRAM_BUCKETS];
	uint64_t count, sum, max;
};

/** The bucket that @value counts in. */
static inline unsigned sheaf_histogram_index(uint64_t value)
{
	unsigned shift;

	if (value >= SHEAF_HISTOGRAM_LIMIT)
		return SHEAF_HISTOGRAM_BUCKETS - 1;
	/* The bits below the leading one and its four followers; none of values below 32. */
	shift = 63u - (unsigned)__builtin_clzll(value | 1u << SHEAF_HISTOGRAM_SUB_BITS) -
		SHEAF_HISTOGRAM_SUB_BITS;
	return (shift << SHEAF_HISTOGRAM_SUB_BITS) + (unsigned)(value >> shift);
}

/** Least and greatest value of bucket @index. */
uint64_t sheaf_histogram_lower(unsigned index);
uint64_t sheaf_histogram_upper(unsigned index);

/** Count @value. Thread: the writer. */
static inline void sheaf_histogram_record(struct sheaf_histogram *histogram, uint64_t value)
{
	sheaf_count_add(&histogram->buckets[sheaf_histogram_index(value)], 1);
	sheaf_count_add(&histogram->sum, value);
	if (value > sheaf_count_get(&histogram->max))
		atomic_store_explicit(&histogram->max, value, memory_order_relaxed);
}

/** Add what @histogram holds now to @snapshot. Thread: any. */
void sheaf_histogram_add(struct sheaf_histogram_snapshot *snapshot,
			 const struct sheaf_histogram *histogram);
/** Add @other to @snapshot. */
void sheaf_histogram_merge(struct sheaf_histogram_snapshot *snapshot,
			   const struct sheaf_histogram_snapshot *other);
/**
 * sheaf_histogram_subtract() - what came between two snapshots of the same histograms
 * @later: becomes the difference.  @earlier: where it counts more than @later in a bucket, it is another histogram's
 * (a server that was started anew), and the bucket stays as it is.
 * The difference's max is known as well as its highest bucket is: that one's greatest value, or @later's max if that is less.
 */
void sheaf_histogram_subtract(struct sheaf_histogram_snapshot *later,
			      const struct sheaf_histogram_snapshot *earlier);
/**
 * sheaf_histogram_percentile() - the value that a part of all do not exceed
 * @part: 0 to 1; 0.99 is the 99th percentile.
 * Return: the middle of the bucket that holds it, at most max; within 1/32 of the true one. 0 if nothing was counted.
 */
uint64_t sheaf_histogram_percentile(const struct sheaf_histogram_snapshot *snapshot, double part);
/** Sum by count; 0 if nothing was counted. */
double sheaf_histogram_mean(const struct sheaf_histogram_snapshot *snapshot);

#endif
