/* SPDX-License-Identifier: MIT */
/**
 * log_pages.h - the log pages of an LU, SPC-4 section 7.3: what LOG SENSE reports and LOG SELECT goes by
 *
 * Nothing is saved, so pages have DS 1 and their parameters TSD 1, and nothing has thresholds.
 */
#ifndef SHEAF_LOG_PAGES_H
#define SHEAF_LOG_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#include <sheaf/scsi.h>

#include "scsi/self_test.h"

struct sheaf_lu;
struct sheaf_store_space;

#define SHEAF_LOG_PARAMETERS_MAX \
	(SHEAF_SELF_TESTS_MAX * (SHEAF_LOG_PARAMETER_HEADER + SHEAF_LOG_SELF_TEST))

/** Parameters as they are put, in ascending order of their codes. */
struct sheaf_log_parameters {
	uint16_t from; /* PARAMETER POINTER: those below are left out */
	bool defaults; /* what counters are at first, not what they are */
	const struct sheaf_store_space *space; /* for pages that say so */
	uint16_t last; /* the highest code that the page has */
	unsigned length;
	uint8_t bytes[SHEAF_LOG_PARAMETERS_MAX];
};

struct sheaf_log_page {
	uint8_t code;
	bool counters;	  /* its values are counters, which PC chooses from; PC is ignored for lists */
	bool needs_space; /* the LU has it where the store can tell; put() needs @space */
	/* The page's parameters. Lock held. NULL: the page is a list of pages. */
	void (*put)(struct sheaf_lu *lu, struct sheaf_log_parameters *p);
	/* Set what can be reset to its default; whether that changed something. Lock held. NULL: nothing can be. */
	bool (*reset)(struct sheaf_lu *lu);
};

/** In ascending order. */
#define SHEAF_LOG_PAGES 6
extern const struct sheaf_log_page sheaf_log_pages[SHEAF_LOG_PAGES];

/** NULL: @lu has no such page. */
const struct sheaf_log_page *sheaf_log_page_find(const struct sheaf_lu *lu, uint8_t code);

#endif
