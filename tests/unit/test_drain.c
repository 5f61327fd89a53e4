/* SPDX-License-Identifier: MIT */
/* test_drain.c - tasks that are out are waited for, others are not, and not for ever */
#include "host/drain.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "host/queue.h"

#define SLOTS 4

static struct sheaf_host host;
static struct sheaf_slot_state states[SLOTS];

static void setup(void)
{
	memset(&host, 0, sizeof(host));
	memset(states, 0, sizeof(states));
	host.slots = SLOTS;
	host.slot_states = states;
}

static void put(unsigned slot, enum sheaf_slot_owner owner, uint64_t identifier)
{
	atomic_store(&states[slot].identifier, identifier);
	atomic_store(&states[slot].owner, (uint8_t)owner);
}

static void *end_one(void *arg)
{
	poll(NULL, 0, 50);
	put(*(unsigned *)arg, SHEAF_SLOT_HOST, 7);
	return NULL;
}

/* A new task in the slot is another one. */
static void *replace_one(void *arg)
{
	poll(NULL, 0, 50);
	put(*(unsigned *)arg, SHEAF_SLOT_CONTROLLER, 8);
	return NULL;
}

static bool is_over(void *arg)
{
	return *(bool *)arg;
}

START_TEST(nothing_out_is_not_waited_for)
{
	put(1, SHEAF_SLOT_HOST, 5);
	put(2, SHEAF_SLOT_GATHERED, 6);
	ck_assert_int_eq(sheaf_host_drain(&host, 0, NULL, NULL), 0);
}
END_TEST

START_TEST(task_that_is_out_is_waited_for)
{
	unsigned slot = 3;
	pthread_t thread;

	put(slot, _i & 1 ? SHEAF_SLOT_QUARANTINED : SHEAF_SLOT_CONTROLLER, 7);
	ck_assert_int_eq(sheaf_host_drain(&host, 20, NULL, NULL), -ETIMEDOUT);
	ck_assert_int_eq(pthread_create(&thread, NULL, _i & 2 ? replace_one : end_one, &slot), 0);
	ck_assert_int_eq(sheaf_host_drain(&host, 20000, NULL, NULL), 0);
	ck_assert(atomic_load(&states[slot].owner) != SHEAF_SLOT_QUARANTINED);
	ck_assert(_i & 2 || atomic_load(&states[slot].owner) == SHEAF_SLOT_HOST);
	pthread_join(thread, NULL);
}
END_TEST

START_TEST(wait_can_be_called_off)
{
	bool over = true;

	put(0, SHEAF_SLOT_CONTROLLER, 7);
	ck_assert_int_eq(sheaf_host_drain(&host, 20000, is_over, &over), -ECANCELED);
	over = false;
	ck_assert_int_eq(sheaf_host_drain(&host, 20, is_over, &over), -ETIMEDOUT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("drain");
	TCase *tc = tcase_create("drain");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, nothing_out_is_not_waited_for);
	tcase_add_loop_test(tc, task_that_is_out_is_waited_for, 0, 4);
	tcase_add_test(tc, wait_can_be_called_off);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
