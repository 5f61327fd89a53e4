/* SPDX-License-Identifier: MIT */
/**
 * self_test.h - what the last self-tests found, for the Self-Test Results log page (SPC-4)
 */
#ifndef SHEAF_SELF_TEST_H
#define SHEAF_SELF_TEST_H

#include <stdint.h>

/** As many as the page has. */
#define SHEAF_SELF_TESTS_MAX 20

struct sheaf_self_test {
	uint8_t code;	/* SELF-TEST CODE as it was asked for */
	uint8_t result; /* SHEAF_SELF_TEST_PASSED or _FAILED */
	uint8_t number; /* of the step that failed, from 1; 0: none */
	uint16_t hours; /* since the LU was made */
	uint64_t lba;	/* of the first failure; UINT64_MAX: none */
	uint8_t key;
	uint16_t asc;
};

/** Guarded by the LU's lock. */
struct sheaf_self_tests {
	struct sheaf_self_test of[SHEAF_SELF_TESTS_MAX]; /* the newest first */
	unsigned count;
};

#endif
