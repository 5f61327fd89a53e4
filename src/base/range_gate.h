/* SPDX-License-Identifier: MIT */
/**
 * range_gate.h - exclusion of byte ranges: many plain writers, few exclusive ones
 *
 * A plain writer publishes its range in its entry and reads one word; while no exclusive access is pending,
 * that is all it pays. An exclusive access (read-modify-write) raises the word first, then looks at all
 * published ranges, and waits for those that overlap.
 *
 *   1. Entry published, then word read; word raised, then entries read; all four seq_cst. So of a plain and an
 *      exclusive access at the same time at least one sees the other.
 *   2. No plain range overlaps a held exclusive range; no two held exclusive ranges overlap.
 *   3. Accesses that overlap are granted in the order in which they came: an exclusive one waits behind all that
 *      came before it, a plain one behind exclusive ones (also those that wait), so none starves; but for those that
 *      enter first.
 *   4. Who has to wait gets entry->granted() once, from the thread that made way.
 */
#ifndef SHEAF_RANGE_GATE_H
#define SHEAF_RANGE_GATE_H

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/** One per request that may be in flight; embed it. */
struct sheaf_gate_entry {
	/* Set once: the wait is over. Called from the thread that left, no lock held. */
	void (*granted)(struct sheaf_gate_entry *entry);
	_Atomic uint64_t begin, end; /* published plain range; end 0: none */
	/* Guarded by the gate's lock: */
	uint64_t wanted_begin, wanted_end;
	bool exclusive, holding;
	struct sheaf_gate_entry *next;
};

struct sheaf_range_gate {
	_Atomic uint32_t exclusive_pending; /* exclusive accesses that wait or hold */
	pthread_mutex_t lock;		    /* guards all below */
	struct sheaf_gate_entry **entries;  /* all that may publish */
	unsigned entry_count, entry_limit;
	struct sheaf_gate_entry *queue; /* exclusive ones that wait or hold, plain ones that wait; by arrival */
};

/** Make a gate for up to @entry_limit entries. 0 or -ENOMEM. */
int sheaf_gate_init(struct sheaf_range_gate *gate, unsigned entry_limit);
/** Nothing waits or holds (asserted). */
void sheaf_gate_deinit(struct sheaf_range_gate *gate);
/** Make @entry known; before any access. Thread: any. Its granted() is set. */
void sheaf_gate_add(struct sheaf_range_gate *gate, struct sheaf_gate_entry *entry);
/*
 * What the inline functions below leave to range_gate.c: an exclusive access is pending. Entered with what @entry has published?
 */
bool sheaf_gate_enter_pending(struct sheaf_range_gate *gate, struct sheaf_gate_entry *entry, bool first);
void sheaf_gate_leave_pending(struct sheaf_range_gate *gate);
void sheaf_gate_leave_exclusive(struct sheaf_range_gate *gate, struct sheaf_gate_entry *entry);

/* In this order: see published_overlaps(). */
static inline void sheaf_gate_publish(struct sheaf_gate_entry *entry, uint64_t begin, uint64_t end)
{
	atomic_store_explicit(&entry->begin, begin, memory_order_release);
	atomic_store(&entry->end, end);
}

static inline bool sheaf_gate_enter_plain(struct sheaf_range_gate *gate, struct sheaf_gate_entry *entry,
					  uint64_t begin, uint64_t end, bool first)
{
	assert(begin < end);
	entry->exclusive = false;
	sheaf_gate_publish(entry, begin, end);
	return atomic_load(&gate->exclusive_pending) == 0 || sheaf_gate_enter_pending(gate, entry, first);
}

/**
 * Enter for [begin, end), end > begin. Return: true: entered; false: entry->granted() says when.
 */
static inline bool sheaf_gate_enter(struct sheaf_range_gate *gate, struct sheaf_gate_entry *entry,
				    uint64_t begin, uint64_t end)
{
	return sheaf_gate_enter_plain(gate, entry, begin, end, false);
}
bool sheaf_gate_enter_exclusive(struct sheaf_range_gate *gate, struct sheaf_gate_entry *entry,
				uint64_t begin, uint64_t end);
/** Enter before all that wait, also before others that entered so and wait: only those that are in are waited for. */
bool sheaf_gate_enter_first(struct sheaf_range_gate *gate, struct sheaf_gate_entry *entry, uint64_t begin,
			    uint64_t end, bool exclusive);
/** Leave what was entered or granted. */
static inline void sheaf_gate_leave(struct sheaf_range_gate *gate, struct sheaf_gate_entry *entry)
{
	if (entry->exclusive) {
		sheaf_gate_leave_exclusive(gate, entry);
		return;
	}
	assert(atomic_load_explicit(&entry->end, memory_order_relaxed));
	sheaf_gate_publish(entry, 0, 0);
	if (atomic_load(&gate->exclusive_pending) != 0)
		sheaf_gate_leave_pending(gate);
}

#endif
