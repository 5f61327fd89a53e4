/* SPDX-License-Identifier: MIT */
/*
 * self_test.c - see self_test.h
 *
 * The default self-test and the short ones do what a user of the disk would notice: what was written goes to the medium, and the
 * first, the middle and the last blocks are read. The extended ones read all blocks, of which each piece is a part of the second step.
 */
#include "scsi/self_test.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/clock.h"
#include "scsi/errno_sense.h"
#include "scsi/lu_impl.h"

#define NS_AN_HOUR (UINT64_C(3600) * 1000000000)
/* A guess, as images are on media of all speeds. */
#define BYTES_A_SECOND (UINT64_C(256) << 20)

/* SELF-TEST NUMBER. */
enum step { STEP_FLUSH = 1, STEP_FIRST, STEP_MIDDLE, STEP_LAST, STEPS = STEP_LAST };

static struct sheaf_self_tests *tests_of(struct sheaf_store_io *io)
{
	return (struct sheaf_self_tests *)((char *)io - offsetof(struct sheaf_self_tests, io));
}

uint64_t sheaf_self_test_seconds(const struct sheaf_lu *lu)
{
	return sheaf_lu_capacity(lu) * lu->block_size / BYTES_A_SECOND + 1;
}

static uint16_t hours_of(const struct sheaf_lu *lu)
{
	return (uint16_t)sheaf_min64((sheaf_clock_ns() - lu->born_ns) / NS_AN_HOUR, UINT16_MAX);
}

/* Lock held. */
static void push(struct sheaf_self_tests *tests, uint8_t code)
{
	memmove(tests->of + 1, tests->of, (SHEAF_SELF_TESTS_MAX - 1) * sizeof(tests->of[0]));
	tests->of[0] = (struct sheaf_self_test){ .code = code, .result = SHEAF_SELF_TEST_IN_PROGRESS, .lba = UINT64_MAX };
	tests->count += tests->count < SHEAF_SELF_TESTS_MAX;
}

/* What the log page is to say of the one that runs. Lock held. */
static void note(struct sheaf_self_tests *tests, uint8_t result, const struct sheaf_sense *sense)
{
	struct sheaf_self_test *test = &tests->of[0];

	if (!tests->logged || test->result != SHEAF_SELF_TEST_IN_PROGRESS)
		return;
	test->result = result;
	test->hours = hours_of(tests->lu);
	if (!sense)
		return;
	test->number = (uint8_t)tests->step;
	test->key = sense->key;
	test->asc = sense->asc;
	if (sense->information_valid)
		test->lba = sense->information;
}

/* Nothing of the test is looked at after this: the next one may begin. */
static void finish(struct sheaf_self_tests *tests, uint8_t result, const struct sheaf_sense *sense)
{
	struct sheaf_lu *lu = tests->lu;
	struct sheaf_lu_task *waiter;
	uint8_t *buffer;

	pthread_mutex_lock(&lu->lock);
	note(tests, result, sense);
	waiter = tests->waiter;
	buffer = tests->buffer;
	tests->waiter = NULL;
	tests->buffer = NULL;
	tests->busy = false;
	pthread_mutex_unlock(&lu->lock);
	free(buffer);
	if (waiter && sense)
		sheaf_lu_end_check(waiter, SHEAF_KEY_HARDWARE_ERROR, SHEAF_ASC_FAILED_SELF_TEST);
	else if (waiter)
		sheaf_lu_end_good(waiter, 0);
}

/* SPC-4, SELF-TEST RESULTS: the first and the second segment have results of their own. */
static uint8_t result_of_failed(const struct sheaf_self_tests *tests)
{
	switch (tests->step) {
	case STEP_FLUSH:
		return SHEAF_SELF_TEST_FAILED_FIRST;
	case STEP_FIRST:
		return SHEAF_SELF_TEST_FAILED_SECOND;
	default:
		return SHEAF_SELF_TEST_FAILED;
	}
}

/* The io failed with @result. */
static void failed(struct sheaf_self_tests *tests, int result)
{
	struct sheaf_sense sense;

	sheaf_errno_to_sense(result, tests->io.op, &sense);
	if (tests->io.op == SHEAF_STORE_READ) {
		sense.information_valid = true;
		sense.information = (tests->io.offset + tests->io.moved) / tests->lu->block_size;
	}
	finish(tests, result_of_failed(tests), &sense);
}

/* SELF-TEST RESULTS if it is not to go on; 0: it is. */
static uint8_t is_stopped(struct sheaf_self_tests *tests)
{
	struct sheaf_lu_task *waiter = tests->waiter;
	uint8_t stop;

	pthread_mutex_lock(&tests->lu->lock);
	stop = tests->stop;
	pthread_mutex_unlock(&tests->lu->lock);
	if (stop == 0 && waiter && sheaf_lu_is_aborted(waiter))
		stop = SHEAF_SELF_TEST_ABORTED;
	return stop;
}

static void next(struct sheaf_self_tests *tests);

static void accessed(struct sheaf_store_io *io, int result)
{
	struct sheaf_self_tests *tests = tests_of(io);
	uint64_t done = atomic_load_explicit(&tests->done, memory_order_relaxed);
	uint8_t stop = is_stopped(tests);

	if (stop) {
		finish(tests, stop, NULL);
		return;
	}
	if (result < 0) {
		failed(tests, result);
		return;
	}
	tests->cursor += io->length / tests->lu->block_size;
	done = tests->extended ? tests->cursor : done + 1;
	atomic_store_explicit(&tests->done, done, memory_order_relaxed);
	next(tests);
}

static void submit(struct sheaf_self_tests *tests, enum sheaf_store_op op, uint64_t lba, uint64_t blocks)
{
	uint32_t block_size = tests->lu->block_size;

	tests->io = (struct sheaf_store_io){
		.op = op,
		.offset = lba * block_size,
		.length = blocks * block_size,
		.data = op == SHEAF_STORE_READ ? tests->buffer : NULL,
		.done = accessed,
	};
	sheaf_store_submit(tests->lu->store, tests->loop, &tests->io);
}

/* A piece at its place, as far as there are blocks. */
static void read_at(struct sheaf_self_tests *tests, uint64_t lba)
{
	submit(tests, SHEAF_STORE_READ, lba,
	       sheaf_min64(tests->end - lba, SHEAF_LU_PATTERN_BYTES / tests->lu->block_size));
}

/* tests->step: the one that is done. tests->end: as many blocks as there were at the beginning. */
static void next(struct sheaf_self_tests *tests)
{
	uint64_t piece = sheaf_min64(tests->end, SHEAF_LU_PATTERN_BYTES / tests->lu->block_size);

	if (tests->extended) {
		tests->step = STEP_FIRST;
		if (tests->cursor < tests->end)
			read_at(tests, tests->cursor);
		else
			finish(tests, SHEAF_SELF_TEST_PASSED, NULL);
		return;
	}
	switch (++tests->step) {
	case STEP_FIRST:
		read_at(tests, 0);
		break;
	case STEP_MIDDLE:
		read_at(tests, (tests->end - piece) / 2);
		break;
	case STEP_LAST:
		read_at(tests, tests->end - piece);
		break;
	default:
		finish(tests, SHEAF_SELF_TEST_PASSED, NULL);
	}
}

/* Lock held; none runs. False: there is no memory. */
static bool take(struct sheaf_lu_task *lt, uint8_t code)
{
	struct sheaf_self_tests *tests = &lt->lu->self_tests;

	tests->buffer = aligned_alloc(4096, SHEAF_LU_PATTERN_BYTES);
	if (!tests->buffer)
		return false;
	tests->busy = true;
	tests->stop = 0;
	tests->waiter = lt;
	tests->logged = code != 0; /* of the default one the status says all */
	tests->extended = code == SHEAF_SELF_TEST_BACKGROUND_EXTENDED || code == SHEAF_SELF_TEST_FOREGROUND_EXTENDED;
	tests->lu = lt->lu;
	tests->loop = lt->loop;
	tests->step = STEP_FLUSH;
	tests->cursor = 0;
	tests->end = sheaf_lu_capacity(lt->lu);
	atomic_store_explicit(&tests->done, 0, memory_order_relaxed);
	atomic_store_explicit(&tests->total, tests->extended ? tests->end : STEPS, memory_order_relaxed);
	if (tests->logged)
		push(tests, code);
	return true;
}

/* Lock held. */
static void describe(const struct sheaf_self_tests *tests, struct sheaf_sense *ret_sense)
{
	uint64_t done = atomic_load_explicit(&tests->done, memory_order_relaxed);
	uint64_t total = atomic_load_explicit(&tests->total, memory_order_relaxed);

	*ret_sense = (struct sheaf_sense){
		.key = SHEAF_KEY_NOT_READY,
		.asc = SHEAF_ASC_SELF_TEST_IN_PROGRESS,
		.progress_valid = true,
		.progress = done >= total ? UINT16_MAX : (uint16_t)((unsigned __int128)done * 65536 / total),
	};
}

void sheaf_self_test_begin(struct sheaf_lu_task *lt, uint8_t code)
{
	struct sheaf_lu *lu = lt->lu;
	struct sheaf_self_tests *tests = &lu->self_tests;
	bool background = code == SHEAF_SELF_TEST_BACKGROUND_SHORT || code == SHEAF_SELF_TEST_BACKGROUND_EXTENDED;
	struct sheaf_sense sense = { .key = SHEAF_KEY_ABORTED_COMMAND, .asc = SHEAF_ASC_INSUFFICIENT_RESOURCES };
	bool taken = false;

	pthread_mutex_lock(&lu->lock);
	if (tests->busy)
		describe(tests, &sense);
	else
		taken = take(lt, code);
	if (taken && background)
		tests->waiter = NULL;
	pthread_mutex_unlock(&lu->lock);
	if (!taken) {
		sheaf_lu_end_sense(lt, &sense);
		return;
	}
	submit(tests, SHEAF_STORE_FLUSH, 0, 0);
	if (background)
		sheaf_lu_end_good(lt, 0);
}

bool sheaf_self_test_in_background(const struct sheaf_lu *lu)
{
	return lu->self_tests.busy && !lu->self_tests.waiter;
}

bool sheaf_self_test_stop(struct sheaf_lu *lu, uint8_t result)
{
	bool stops;

	pthread_mutex_lock(&lu->lock);
	stops = sheaf_self_test_in_background(lu) && lu->self_tests.stop == 0;
	if (stops) {
		lu->self_tests.stop = result;
		note(&lu->self_tests, result, NULL);
	}
	pthread_mutex_unlock(&lu->lock);
	return stops;
}

bool sheaf_self_test_describe(struct sheaf_lu *lu, struct sheaf_sense *ret_sense)
{
	bool runs;

	pthread_mutex_lock(&lu->lock);
	runs = lu->self_tests.busy && lu->self_tests.stop == 0;
	if (runs)
		describe(&lu->self_tests, ret_sense);
	pthread_mutex_unlock(&lu->lock);
	return runs;
}

void sheaf_self_tests_deinit(struct sheaf_self_tests *tests)
{
	free(tests->buffer);
}
