/* SPDX-License-Identifier: MIT */
/* counter.h - a counter that one thread writes and any thread reads: plain loads and stores, no lock prefix. */
#ifndef SHEAF_COUNTER_H
#define SHEAF_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

static inline void sheaf_count_add(_Atomic uint64_t *counter, uint64_t n)
{
	uint64_t v = atomic_load_explicit(counter, memory_order_relaxed);
	atomic_store_explicit(counter, v + n, memory_order_relaxed);
}

/* For what goes up and down. */
static inline void sheaf_count_sub(_Atomic uint64_t *counter, uint64_t n)
{
	uint64_t v = atomic_load_explicit(counter, memory_order_relaxed);
	atomic_store_explicit(counter, v - n, memory_order_relaxed);
}

static inline uint64_t sheaf_count_get(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
