/* SPDX-License-Identifier: MIT */
/* range_gate.c - see range_gate.h; the numbers are its invariants. */
#include "base/range_gate.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int sheaf_gate_init(struct sheaf_range_gate *gate, unsigned entry_limit)
{
	gate->entries = calloc(entry_limit, sizeof(*gate->entries));
	if (!gate->entries)
		return -ENOMEM;
	gate->entry_limit = entry_limit;
	gate->entry_count = 0;
	gate->queue = NULL;
	atomic_init(&gate->exclusive_pending, 0);
	pthread_mutex_init(&gate->lock, NULL);
	return 0;
}

void sheaf_gate_deinit(struct sheaf_range_gate *gate)
{
	assert(!gate->queue);
	pthread_mutex_destroy(&gate->lock);
	free(gate->entries);
	gate->entries = NULL;
}

void sheaf_gate_add(struct sheaf_range_gate *gate, struct sheaf_gate_entry *entry)
{
	pthread_mutex_lock(&gate->lock);
	assert(gate->entry_count < gate->entry_limit && entry->granted);
	atomic_init(&entry->begin, 0);
	atomic_init(&entry->end, 0);
	gate->entries[gate->entry_count++] = entry;
	pthread_mutex_unlock(&gate->lock);
}

static bool overlaps(uint64_t a_begin, uint64_t a_end, uint64_t b_begin, uint64_t b_end)
{
	return a_begin < b_end && b_begin < a_end;
}

/*
 * Lock held. Does an access in the queue that is before @until (NULL: any), or that holds, keep a @plain or exclusive one waiting?
 * Behind @until one that overlaps it can hold only if @until went to the front.
 */
static bool earlier_overlaps(const struct sheaf_range_gate *gate, uint64_t begin, uint64_t end,
			     bool plain, const struct sheaf_gate_entry *until)
{
	bool before = true;

	for (const struct sheaf_gate_entry *e = gate->queue; e; e = e->next) {
		before = before && e != until;
		if ((before || (e != until && e->holding)) && !(plain && !e->exclusive) &&
		    overlaps(begin, end, e->wanted_begin, e->wanted_end))
			return true;
	}
	return false;
}

/* Lock held. */
static bool holder_overlaps(const struct sheaf_range_gate *gate, uint64_t begin, uint64_t end)
{
	for (const struct sheaf_gate_entry *e = gate->queue; e; e = e->next)
		if (e->holding && overlaps(begin, end, e->wanted_begin, e->wanted_end))
			return true;
	return false;
}

/* Lock held. A stale pair (end of one range, begin of the next) only makes us wait, or belongs to an access
 * that will see the raised word (1). */
static bool published_overlaps(const struct sheaf_range_gate *gate, uint64_t begin, uint64_t end)
{
	for (unsigned i = 0; i < gate->entry_count; i++) {
		uint64_t e = atomic_load(&gate->entries[i]->end);
		/* acquire: a begin of a later access says that the one before it has left */
		uint64_t b = atomic_load_explicit(&gate->entries[i]->begin, memory_order_acquire);

		if (e && overlaps(begin, end, b, e))
			return true;
	}
	return false;
}

static bool exclusive_may_hold(const struct sheaf_range_gate *gate,
			       const struct sheaf_gate_entry *entry)
{
	uint64_t begin = entry->wanted_begin, end = entry->wanted_end;

	return !earlier_overlaps(gate, begin, end, false, entry) &&
	       !published_overlaps(gate, begin, end);
}

/* At the end; or @first: before all that wait. */
static void enqueue(struct sheaf_range_gate *gate, struct sheaf_gate_entry *entry, bool exclusive,
		    uint64_t begin, uint64_t end, bool first)
{
	struct sheaf_gate_entry **link = &gate->queue;

	while (*link && !(first && !(*link)->holding))
		link = &(*link)->next;
	entry->next = *link;
	*link = entry;
	entry->exclusive = exclusive;
	entry->holding = false;
	entry->wanted_begin = begin;
	entry->wanted_end = end;
}

#define GRANT_BATCH 16

/* Lock held. Grants what can be granted now, up to a batch; returns how many are in @granted. */
static unsigned grant(struct sheaf_range_gate *gate, struct sheaf_gate_entry *granted[GRANT_BATCH])
{
	unsigned n = 0;

	for (struct sheaf_gate_entry **link = &gate->queue; *link && n < GRANT_BATCH;) {
		struct sheaf_gate_entry *e = *link;

		if (e->exclusive) {
			if (!e->holding && exclusive_may_hold(gate, e)) {
				e->holding = true;
				granted[n++] = e;
			}
			link = &e->next;
		} else if (earlier_overlaps(gate, e->wanted_begin, e->wanted_end, true, e)) {
			link = &e->next;
		} else {
			*link = e->next;
			sheaf_gate_publish(e, e->wanted_begin, e->wanted_end);
			granted[n++] = e;
		}
	}
	return n;
}

/* Lock held; released here. */
static void grant_and_unlock(struct sheaf_range_gate *gate)
{
	struct sheaf_gate_entry *granted[GRANT_BATCH];
	unsigned n;

	do {
		n = grant(gate, granted);
		pthread_mutex_unlock(&gate->lock);
		for (unsigned i = 0; i < n; i++)
			granted[i]->granted(granted[i]);
		if (n == GRANT_BATCH)
			pthread_mutex_lock(&gate->lock);
	} while (n == GRANT_BATCH);
}

bool sheaf_gate_enter_pending(struct sheaf_range_gate *gate, struct sheaf_gate_entry *entry, bool first)
{
	uint64_t begin = atomic_load_explicit(&entry->begin, memory_order_relaxed);
	uint64_t end = atomic_load_explicit(&entry->end, memory_order_relaxed);

	pthread_mutex_lock(&gate->lock);
	if (!(first ? holder_overlaps(gate, begin, end) : earlier_overlaps(gate, begin, end, true, NULL))) {
		pthread_mutex_unlock(&gate->lock);
		return true;
	}
	enqueue(gate, entry, false, begin, end, first);
	sheaf_gate_publish(entry, begin, 0);
	/* An exclusive access may have seen our range meanwhile, and wait for it. */
	grant_and_unlock(gate);
	return false;
}

static bool enter_exclusive(struct sheaf_range_gate *gate, struct sheaf_gate_entry *entry,
			    uint64_t begin, uint64_t end, bool first)
{
	bool holding;

	assert(begin < end);
	pthread_mutex_lock(&gate->lock);
	atomic_fetch_add(&gate->exclusive_pending, 1);
	enqueue(gate, entry, true, begin, end, first);
	entry->holding = holding = exclusive_may_hold(gate, entry);
	pthread_mutex_unlock(&gate->lock);
	return holding;
}

bool sheaf_gate_enter_exclusive(struct sheaf_range_gate *gate, struct sheaf_gate_entry *entry,
				uint64_t begin, uint64_t end)
{
	return enter_exclusive(gate, entry, begin, end, false);
}

bool sheaf_gate_enter_first(struct sheaf_range_gate *gate, struct sheaf_gate_entry *entry, uint64_t begin,
			    uint64_t end, bool exclusive)
{
	return exclusive ? enter_exclusive(gate, entry, begin, end, true)
			 : sheaf_gate_enter_plain(gate, entry, begin, end, true);
}

void sheaf_gate_leave_pending(struct sheaf_range_gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	grant_and_unlock(gate);
}

void sheaf_gate_leave_exclusive(struct sheaf_range_gate *gate, struct sheaf_gate_entry *entry)
{
	pthread_mutex_lock(&gate->lock);
	assert(entry->holding);
	for (struct sheaf_gate_entry **link = &gate->queue; *link; link = &(*link)->next) {
		if (*link == entry) {
			*link = entry->next;
			break;
		}
	}
	entry->holding = false;
	atomic_fetch_sub(&gate->exclusive_pending, 1);
	grant_and_unlock(gate);
}
