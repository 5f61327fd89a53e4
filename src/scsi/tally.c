/* SPDX-License-Identifier: MIT */
/* tally.c - see tally.h */
#include "scsi/tally.h"

#include <stdlib.h>
#include <string.h>

#include "loop/loop.h"
#include "scsi/lu_impl.h"

const uint8_t sheaf_tally_kinds[256] = {
	[SHEAF_SCSI_READ_10] = SHEAF_TALLY_READ,
	[SHEAF_SCSI_READ_12] = SHEAF_TALLY_READ,
	[SHEAF_SCSI_READ_16] = SHEAF_TALLY_READ,
	[SHEAF_SCSI_WRITE_10] = SHEAF_TALLY_WRITE,
	[SHEAF_SCSI_WRITE_12] = SHEAF_TALLY_WRITE,
	[SHEAF_SCSI_WRITE_16] = SHEAF_TALLY_WRITE,
	[SHEAF_SCSI_WRITE_AND_VERIFY_10] = SHEAF_TALLY_WRITE,
	[SHEAF_SCSI_WRITE_AND_VERIFY_12] = SHEAF_TALLY_WRITE,
	[SHEAF_SCSI_WRITE_AND_VERIFY_16] = SHEAF_TALLY_WRITE,
	[SHEAF_SCSI_UNMAP] = SHEAF_TALLY_UNMAP,
};

const struct sheaf_tally sheaf_tally_zero;

struct sheaf_tallies *sheaf_tallies_create(void)
{
	struct sheaf_tallies *all = aligned_alloc(_Alignof(struct sheaf_tallies), sizeof(*all));

	if (!all)
		return NULL;
	memset(all, 0, sizeof(*all));
	return all;
}

/* Lock held. */
static struct sheaf_tally *find_or_make(const struct sheaf_lu *lu, const struct sheaf_loop *loop)
{
	struct sheaf_tallies *all = lu->tallies;
	uint32_t count = atomic_load_explicit(&all->count, memory_order_relaxed);
	struct sheaf_tally *tally = all->of;

	for (; tally < all->of + count; tally++)
		if (tally->loop == loop)
			return tally;
	if (count == SHEAF_TALLIES_MAX)
		return sheaf_tally_none();
	tally->lu = lu;
	tally->loop = loop;
	tally->clock = sheaf_loop_clock(loop);
	tally->sleeps = &sheaf_loop_stats(loop)->sleeps;
	/* It has had no command since the LU was made. */
	atomic_init(&tally->ended_ns, lu->born_ns);
	atomic_store_explicit(&all->count, count + 1, memory_order_release);
	return tally;
}

struct sheaf_tally *sheaf_tally_find(struct sheaf_lu *lu, const struct sheaf_loop *loop)
{
	struct sheaf_tallies *all = lu->tallies;
	uint32_t count = atomic_load_explicit(&all->count, memory_order_acquire);
	struct sheaf_tally *tally;

	if (!loop)
		return sheaf_tally_none();
	/* With several LUs a task is now of the one, now of the other: without the lock. */
	for (tally = all->of; tally < all->of + count; tally++)
		if (tally->loop == loop)
			return tally;
	pthread_mutex_lock(&lu->lock);
	tally = find_or_make(lu, loop);
	pthread_mutex_unlock(&lu->lock);
	return tally;
}

/* The idle time that ends at @now_ns and began at *from_ns, as far as nobody has counted it. False: nothing is left. */
static bool claim(struct sheaf_tallies *all, uint64_t *from_ns, uint64_t now_ns)
{
	uint64_t until = atomic_load_explicit(&all->idle_until, memory_order_relaxed);

	do {
		if (until >= now_ns)
			return false;
	} while (!atomic_compare_exchange_weak(&all->idle_until, &until, now_ns));
	if (until > *from_ns)
		*from_ns = until;
	return true;
}

static uint64_t ended(const struct sheaf_tally *tally)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < SHEAF_TALLY_KINDS; i++)
		n += sheaf_count_get(&tally->kinds[i].commands);
	return n;
}

/* Has the loop no command, and had none since before @now_ns? *ret_from_ns: since when. */
static bool was_idle(const struct sheaf_tally *tally, uint64_t now_ns, uint64_t *ret_from_ns)
{
	*ret_from_ns = atomic_load_explicit(&tally->ended_ns, memory_order_acquire);
	return ended(tally) == sheaf_count_get(&tally->begun) && *ret_from_ns < now_ns;
}

static void count_idle(struct sheaf_tally *tally, uint64_t from_ns, uint64_t now_ns)
{
	struct sheaf_tallies *all = tally->lu->tallies;
	uint32_t count = atomic_load_explicit(&all->count, memory_order_acquire);

	if (count == 1) {
		atomic_store_explicit(&all->idle_until, now_ns, memory_order_relaxed);
		sheaf_count_add(&tally->idle_ns, now_ns - from_ns);
		return;
	}
	if (now_ns - from_ns < SHEAF_TALLY_IDLE_NS)
		return;
	for (const struct sheaf_tally *other = all->of; other < all->of + count; other++) {
		uint64_t other_from_ns;

		if (other == tally)
			continue;
		if (!was_idle(other, now_ns, &other_from_ns))
			return;
		if (other_from_ns > from_ns)
			from_ns = other_from_ns;
	}
	if (claim(all, &from_ns, now_ns))
		sheaf_count_add(&tally->idle_ns, now_ns - from_ns);
}

void sheaf_tally_turn(struct sheaf_tally *tally, uint64_t now_ns)
{
	uint64_t sleeps = sheaf_count_get(tally->sleeps), from_ns;

	if (was_idle(tally, now_ns, &from_ns) &&
	    (from_ns != tally->turn_ns || sleeps != tally->turn_sleeps))
		count_idle(tally, from_ns, now_ns);
	tally->turn_ns = now_ns;
	tally->turn_sleeps = sleeps;
}

static struct sheaf_tally_sums sum(const struct sheaf_tallies *all)
{
	uint32_t count = atomic_load_explicit(&all->count, memory_order_relaxed);
	struct sheaf_tally_sums s = { 0 };

	for (const struct sheaf_tally *tally = all->of; tally < all->of + count; tally++) {
		const struct sheaf_tally_of_kind *read = &tally->kinds[SHEAF_TALLY_READ];
		const struct sheaf_tally_of_kind *write = &tally->kinds[SHEAF_TALLY_WRITE];
		const struct sheaf_tally_of_kind *unmap = &tally->kinds[SHEAF_TALLY_UNMAP];

		s.reads += sheaf_count_get(&read->commands);
		s.writes += sheaf_count_get(&write->commands) + sheaf_count_get(&unmap->commands);
		s.bytes_transmitted += sheaf_count_get(&read->bytes);
		s.bytes_received += sheaf_count_get(&write->bytes);
		s.read_ns += sheaf_count_get(&read->ns);
		s.write_ns += sheaf_count_get(&write->ns) + sheaf_count_get(&unmap->ns);
		s.idle_ns += sheaf_count_get(&tally->idle_ns);
	}
	return s;
}

struct sheaf_tally_sums sheaf_tallies_sum(const struct sheaf_tallies *all)
{
	struct sheaf_tally_sums s = sum(all);

	s.reads -= all->base.reads;
	s.writes -= all->base.writes;
	s.bytes_transmitted -= all->base.bytes_transmitted;
	s.bytes_received -= all->base.bytes_received;
	s.read_ns -= all->base.read_ns;
	s.write_ns -= all->base.write_ns;
	s.idle_ns -= all->base.idle_ns;
	return s;
}

void sheaf_tallies_reset(struct sheaf_tallies *all)
{
	all->base = sum(all);
}
