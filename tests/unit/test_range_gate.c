/* SPDX-License-Identifier: MIT */
/* test_range_gate.c - who waits for whom, in which order, and that exclusion holds with many threads */
#include "base/range_gate.h"

#include <check.h>

#include <semaphore.h>
#include <stdlib.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define HAMMER_ACCESSES 20000u
#else
#define HAMMER_ACCESSES 200000u
#endif
#define THREADS 4u
#define CELLS 16u
#define ENTRIES 64u

/* An access that a test drives by hand. */
struct access {
	struct sheaf_gate_entry entry; /* first */
	unsigned granted;
	unsigned order;
};

static struct sheaf_range_gate gate;
static struct access a[ENTRIES];
static unsigned granted_total;

static void note_granted(struct sheaf_gate_entry *entry)
{
	struct access *access = (struct access *)entry;

	access->granted++;
	access->order = ++granted_total;
}

static void open_gate(void)
{
	ck_assert_int_eq(sheaf_gate_init(&gate, ENTRIES), 0);
	for (unsigned i = 0; i < ENTRIES; i++) {
		a[i].entry.granted = note_granted;
		sheaf_gate_add(&gate, &a[i].entry);
	}
}

static void close_gate(void)
{
	ck_assert_uint_eq(atomic_load(&gate.exclusive_pending), 0);
	sheaf_gate_deinit(&gate);
}

static bool plain(unsigned i, uint64_t begin, uint64_t end)
{
	return sheaf_gate_enter(&gate, &a[i].entry, begin, end);
}

static bool exclusive(unsigned i, uint64_t begin, uint64_t end)
{
	return sheaf_gate_enter_exclusive(&gate, &a[i].entry, begin, end);
}

static void leave(unsigned i)
{
	sheaf_gate_leave(&gate, &a[i].entry);
}

START_TEST(plain_accesses_never_wait_for_each_other)
{
	ck_assert(plain(0, 0, 100));
	ck_assert(plain(1, 0, 100));
	ck_assert(plain(2, 50, 60));
	leave(1);
	leave(0);
	leave(2);
	ck_assert_uint_eq(granted_total, 0);
}
END_TEST

START_TEST(exclusive_waits_for_plain_that_overlaps)
{
	ck_assert(plain(0, 0, 100));
	ck_assert(plain(1, 90, 110));
	ck_assert(!exclusive(2, 99, 101));
	leave(0);
	ck_assert_uint_eq(a[2].granted, 0); /* there is another */
	leave(1);
	ck_assert_uint_eq(a[2].granted, 1);
	leave(2);
	ck_assert_uint_eq(a[2].granted, 1);
}
END_TEST

START_TEST(plain_waits_for_exclusive_that_overlaps)
{
	ck_assert(exclusive(0, 0, 100));
	ck_assert(!plain(1, 50, 60));
	ck_assert(!plain(2, 99, 200));
	leave(0);
	ck_assert_uint_eq(a[1].granted, 1);
	ck_assert_uint_eq(a[2].granted, 1);
	ck_assert(plain(3, 0, 100)); /* no trace is left */
	leave(1);
	leave(2);
	leave(3);
}
END_TEST

/* Ranges are half open. */
START_TEST(ranges_that_touch_do_not_overlap)
{
	ck_assert(exclusive(0, 100, 200));
	ck_assert(exclusive(1, 200, 300));
	ck_assert(plain(2, 0, 100));
	ck_assert(plain(3, 300, 301));
	ck_assert(exclusive(4, 50, 51) == false);
	ck_assert(exclusive(5, 301, UINT64_MAX));
	ck_assert(!plain(6, 199, 200));
	ck_assert(!plain(7, 100, 101));
	for (unsigned i = 0; i <= 7; i++)
		leave(i);
}
END_TEST

START_TEST(exclusives_that_overlap_are_granted_in_order_of_arrival)
{
	ck_assert(exclusive(0, 0, 100));
	for (unsigned i = 1; i < 8; i++)
		ck_assert(!exclusive(i, 10 * i, 100));
	for (unsigned i = 0; i < 7; i++) {
		leave(i);
		ck_assert_uint_eq(a[i + 1].granted, 1);
		ck_assert_uint_eq(granted_total, i + 1);
	}
	leave(7);
}
END_TEST

START_TEST(exclusives_apart_run_together)
{
	ck_assert(exclusive(0, 0, 10));
	ck_assert(exclusive(1, 10, 20));
	ck_assert(!exclusive(2, 5, 15)); /* for both */
	ck_assert(exclusive(3, 20, 30));
	leave(1);
	ck_assert_uint_eq(a[2].granted, 0);
	leave(0);
	ck_assert_uint_eq(a[2].granted, 1);
	leave(2);
	leave(3);
}
END_TEST

START_TEST(plain_waits_behind_a_waiting_exclusive)
{
	ck_assert(plain(0, 0, 100));
	ck_assert(!exclusive(1, 0, 100));
	for (unsigned i = 2; i < 10; i++)
		ck_assert(!plain(i, 0, 100));
	leave(0);
	ck_assert_uint_eq(a[1].granted, 1);
	ck_assert_uint_eq(granted_total, 1);
	leave(1);
	ck_assert_uint_eq(granted_total, 9);
	for (unsigned i = 2; i < 10; i++)
		leave(i);
}
END_TEST

START_TEST(exclusive_waits_behind_a_waiting_plain)
{
	ck_assert(exclusive(0, 0, 100));
	ck_assert(!plain(1, 0, 100));
	ck_assert(!exclusive(2, 0, 100));
	ck_assert(!plain(3, 0, 100));
	leave(0);
	ck_assert_uint_eq(a[1].order, 1);
	ck_assert_uint_eq(granted_total, 1);
	leave(1);
	ck_assert_uint_eq(a[2].order, 2);
	ck_assert_uint_eq(granted_total, 2);
	leave(2);
	ck_assert_uint_eq(a[3].order, 3);
	leave(3);
}
END_TEST

/* A stream of exclusive accesses in which there is always a next one must not hold up a plain one for ever. */
START_TEST(no_plain_starves_behind_a_stream_of_exclusives)
{
	ck_assert(exclusive(0, 0, 10));
	ck_assert(!exclusive(1, 0, 10));
	ck_assert(!plain(2, 0, 10));
	for (unsigned i = 0; i < 100 && !a[2].granted; i++) {
		unsigned holds = i % 2, next = 1 - holds;

		leave(holds);
		if (a[2].granted)
			break;
		ck_assert_uint_ge(a[next].granted, 1);
		ck_assert(!exclusive(holds, 0, 10));
	}
	ck_assert_uint_eq(a[2].granted, 1);
	leave(2);
	for (unsigned i = 0; i < 2; i++)
		if (a[i].entry.holding)
			leave(i);
	for (unsigned i = 0; i < 2; i++)
		if (a[i].entry.holding)
			leave(i);
}
END_TEST

/* More than one batch of grants at a time. */
START_TEST(who_waits_is_granted_once)
{
	ck_assert(exclusive(0, 0, 1000));
	for (unsigned i = 1; i < ENTRIES; i++)
		ck_assert(i % 3 ? !plain(i, i, i + 1) : !exclusive(i, i, i + 1));
	ck_assert_uint_eq(granted_total, 0);
	leave(0);
	ck_assert_uint_eq(granted_total, ENTRIES - 1);
	for (unsigned i = 1; i < ENTRIES; i++) {
		ck_assert_uint_eq(a[i].granted, 1);
		leave(i);
	}
	ck_assert_uint_eq(granted_total, ENTRIES - 1);
}
END_TEST

/* An access that never waits: the word is zero, so the lock is not touched. */
START_TEST(plain_pays_no_lock_while_nothing_exclusive_is_pending)
{
	pthread_mutex_lock(&gate.lock);
	ck_assert(plain(0, 0, 10)); /* would hang */
	leave(0);
	pthread_mutex_unlock(&gate.lock);
}
END_TEST

static bool first(unsigned i, uint64_t begin, uint64_t end, bool is_exclusive)
{
	return sheaf_gate_enter_first(&gate, &a[i].entry, begin, end, is_exclusive);
}

START_TEST(first_passes_those_that_wait)
{
	ck_assert(plain(0, 0, 10));
	ck_assert(!exclusive(1, 0, 10)); /* waits for 0 */
	ck_assert(!plain(2, 0, 10));	 /* and this one for 1 */
	ck_assert(first(3, 0, 10, false));
	leave(0);
	ck_assert_uint_eq(granted_total, 0); /* 1 waits for 3 as well */
	leave(3);
	ck_assert(a[1].granted == 1 && granted_total == 1);
	leave(1);
	ck_assert_uint_eq(a[2].granted, 1);
	leave(2);
}
END_TEST

START_TEST(first_waits_for_those_that_are_in_and_is_the_next)
{
	ck_assert(exclusive(0, 0, 10));
	ck_assert(!exclusive(1, 0, 10));
	ck_assert(exclusive(2, 10, 20)); /* behind one that waits, in the queue */
	ck_assert(!first(3, 5, 15, false));
	ck_assert(!first(4, 5, 15, true)); /* before that one too */
	leave(0);
	ck_assert_uint_eq(granted_total, 0); /* 2 is in, and 1 is behind 3 and 4 */
	leave(2);
	ck_assert(a[4].granted == 1 && granted_total == 1);
	leave(4);
	ck_assert(a[3].granted == 1 && granted_total == 2);
	leave(3);
	ck_assert(a[1].granted == 1);
	leave(1);
}
END_TEST

/* Threads: each has a few accesses in flight, granted over a semaphore. Cells say who is inside. */

struct runner {
	struct sheaf_gate_entry entry; /* first */
	sem_t granted;
	uint64_t grants, waits, random;
	pthread_t thread;
};

static _Atomic int cell_plain[CELLS], cell_exclusive[CELLS];
/* Not atomic: with TSan this also says that the gate orders memory. */
static uint64_t cell_writes[CELLS];
static _Atomic unsigned broken;

static void note_hammer_granted(struct sheaf_gate_entry *entry)
{
	struct runner *r = (struct runner *)entry;

	r->grants++;
	sem_post(&r->granted);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void inside(bool is_exclusive, unsigned begin, unsigned end)
{
	for (unsigned c = begin; c < end; c++) {
		if (is_exclusive) {
			if (atomic_fetch_add(&cell_exclusive[c], 1) || atomic_load(&cell_plain[c]))
				atomic_fetch_add(&broken, 1);
			cell_writes[c]++;
		} else {
			atomic_fetch_add(&cell_plain[c], 1);
			if (atomic_load(&cell_exclusive[c]))
				atomic_fetch_add(&broken, 1);
			if (cell_writes[c] == UINT64_MAX)
				atomic_fetch_add(&broken, 1);
		}
	}
	for (unsigned c = begin; c < end; c++)
		atomic_fetch_sub(is_exclusive ? &cell_exclusive[c] : &cell_plain[c], 1);
}

static void *hammer_main(void *arg)
{
	struct runner *r = arg;

	for (unsigned i = 0; i < HAMMER_ACCESSES; i++) {
		uint64_t x = next_random(&r->random);
		unsigned begin = (unsigned)(x % CELLS);
		unsigned end = begin + 1 + (unsigned)((x >> 8) % (CELLS - begin));
		bool is_exclusive = (x >> 16) % 4 == 0;
		bool goes_first = (x >> 20) % 8 == 0;
		bool entered = goes_first ? sheaf_gate_enter_first(&gate, &r->entry, begin, end, is_exclusive) :
			       is_exclusive ?
				       sheaf_gate_enter_exclusive(&gate, &r->entry, begin, end) :
				       sheaf_gate_enter(&gate, &r->entry, begin, end);

		if (!entered) {
			r->waits++;
			while (sem_wait(&r->granted) < 0)
				;
		}
		inside(is_exclusive, begin, end);
		sheaf_gate_leave(&gate, &r->entry);
	}
	return NULL;
}

START_TEST(with_many_threads_exclusion_holds_and_every_wait_ends)
{
	static struct runner runners[THREADS];
	uint64_t exclusive_cells = 0;

	ck_assert_int_eq(sheaf_gate_init(&gate, THREADS), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		runners[i].entry.granted = note_hammer_granted;
		runners[i].random = 88172645463325252ull + i;
		sem_init(&runners[i].granted, 0, 0);
		sheaf_gate_add(&gate, &runners[i].entry);
	}
	for (unsigned i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&runners[i].thread, NULL, hammer_main, &runners[i]),
				 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(runners[i].thread, NULL);
	for (unsigned i = 0; i < THREADS; i++)
		ck_assert_uint_eq(runners[i].grants, runners[i].waits);
	for (unsigned c = 0; c < CELLS; c++)
		exclusive_cells += cell_writes[c];
	ck_assert_uint_gt(exclusive_cells, 0);
	ck_assert_uint_eq(atomic_load(&broken), 0);
	close_gate();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("range_gate");
	TCase *tc = tcase_create("by_hand");
	TCase *hammer = tcase_create("hammer");

	tcase_add_checked_fixture(tc, open_gate, close_gate);
	tcase_add_test(tc, plain_accesses_never_wait_for_each_other);
	tcase_add_test(tc, exclusive_waits_for_plain_that_overlaps);
	tcase_add_test(tc, plain_waits_for_exclusive_that_overlaps);
	tcase_add_test(tc, ranges_that_touch_do_not_overlap);
	tcase_add_test(tc, exclusives_that_overlap_are_granted_in_order_of_arrival);
	tcase_add_test(tc, exclusives_apart_run_together);
	tcase_add_test(tc, plain_waits_behind_a_waiting_exclusive);
	tcase_add_test(tc, exclusive_waits_behind_a_waiting_plain);
	tcase_add_test(tc, no_plain_starves_behind_a_stream_of_exclusives);
	tcase_add_test(tc, who_waits_is_granted_once);
	tcase_add_test(tc, plain_pays_no_lock_while_nothing_exclusive_is_pending);
	tcase_add_test(tc, first_passes_those_that_wait);
	tcase_add_test(tc, first_waits_for_those_that_are_in_and_is_the_next);
	tcase_set_timeout(hammer, 60);
	tcase_add_test(hammer, with_many_threads_exclusion_holds_and_every_wait_ends);
	suite_add_tcase(suite, tc);
	suite_add_tcase(suite, hammer);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
