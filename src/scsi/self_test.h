/* SPDX-License-Identifier: MIT */
/**
 * self_test.h - self-tests (SPC-4 section 5.14): the one that runs, and what the last ones found
 *
 *   1. One runs at a time, on the loop of the command that began it, one access at a time; it holds no command up, and is in nobody's
 *      way in the range gate. What asks for a second one is NOT READY, SELF-TEST IN PROGRESS.
 *   2. One in the foreground has a command that waits for its end; when that is aborted, so is the test. One in the background has
 *      none: it ends by itself, by SEND DIAGNOSTIC with SELF-TEST CODE 100b, by what spoils or stops the medium (FORMAT UNIT, SANITIZE,
 *      START STOP UNIT) or by an LU reset, at once as far as anybody can tell; an access in flight is waited for before the next test.
 *   3. If its loop ends before, the access in flight is dropped, and with it the test (sheaf/loop.h, rule 5).
 */
#ifndef SHEAF_SELF_TEST_H
#define SHEAF_SELF_TEST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "scsi/sense.h"
#include "store/store.h"

struct sheaf_lu;
struct sheaf_lu_task;

/** As many as the Self-Test Results log page has. */
#define SHEAF_SELF_TESTS_MAX 20

struct sheaf_self_test {
	uint8_t code;	/* SELF-TEST CODE as it was asked for */
	uint8_t result; /* SELF-TEST RESULTS, enum sheaf_diagnostic */
	uint8_t number; /* of the step that failed, from 1; 0: none */
	uint16_t hours; /* since the LU was made; 0 while it runs */
	uint64_t lba;	/* of the first failure; UINT64_MAX: none */
	uint8_t key;
	uint16_t asc;
};

/**
 * struct sheaf_self_tests - guarded by the LU's lock; from busy on fields without a word are the test's own
 * @of: the newest first; with busy and logged, [0] is the one that runs.
 * @stop: SELF-TEST RESULTS of a test that was told to end; 0: none was.
 * @waiter: its command; NULL: it is in the background.
 * @buffer: the LU's, freed at the end or with it.
 * @done, @total: of its steps or blocks. W: its loop; R: any, relaxed.
 */
struct sheaf_self_tests {
	struct sheaf_self_test of[SHEAF_SELF_TESTS_MAX];
	unsigned count;
	bool busy;
	uint8_t stop;
	struct sheaf_lu_task *waiter;
	bool logged, extended;
	struct sheaf_lu *lu;
	struct sheaf_loop *loop;
	struct sheaf_store_io io;
	uint8_t *buffer;
	unsigned step;
	uint64_t cursor, end; /* in blocks */
	_Atomic uint64_t done, total;
};

/**
 * sheaf_self_test_begin() - the test that @code (SELF-TEST CODE; 0: the default one) asks for, in place of @lt's handler
 * @lt ends now, when the test ends, or because one runs already.
 */
void sheaf_self_test_begin(struct sheaf_lu_task *lt, uint8_t code);
/** A background test ends with @result, SELF-TEST RESULTS. Thread: any. False: there is none. */
bool sheaf_self_test_stop(struct sheaf_lu *lu, uint8_t result);
/** Does one run in the background? Lock held. */
bool sheaf_self_test_in_background(const struct sheaf_lu *lu);
/** While one runs: NOT READY, SELF-TEST IN PROGRESS, and how far it is. False: none does; *ret_sense is as it was. Thread: any. */
bool sheaf_self_test_describe(struct sheaf_lu *lu, struct sheaf_sense *ret_sense);
/** Seconds that an extended one is said to take when nothing else is done; 1 at least. */
uint64_t sheaf_self_test_seconds(const struct sheaf_lu *lu);
void sheaf_self_tests_deinit(struct sheaf_self_tests *tests);

#endif
