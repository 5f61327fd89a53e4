/* SPDX-License-Identifier: MIT */
/*
 * diagnostic.c - SEND DIAGNOSTIC and RECEIVE DIAGNOSTIC RESULTS (SPC-4)
 *
 * The default self-test and the short ones do what a user of the disk would notice: what was written goes to the medium, and the
 * first, the middle and the last blocks are read. The extended one reads all blocks. The short test takes no time worth a
 * background, so in background mode it has ended, too, when the command does; only its result is in the log page alone.
 *
 * There are no diagnostic pages but the list of them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/clock.h"
#include "scsi/errno_sense.h"
#include "scsi/lu_impl.h"

#define NS_AN_HOUR (UINT64_C(3600) * 1000000000)

enum step { STEP_FLUSH = 1, STEP_FIRST, STEP_MIDDLE, STEP_LAST };

static uint8_t code_of(const struct sheaf_lu_task *lt)
{
	return lt->task.command_descriptor_block[1] >> 5;
}

static void note(struct sheaf_lu_task *lt, const struct sheaf_sense *sense)
{
	struct sheaf_lu *lu = lt->lu;
	struct sheaf_self_tests *tests = &lu->self_tests;
	struct sheaf_self_test test = {
		.code = code_of(lt),
		.hours = (uint16_t)sheaf_min64((sheaf_clock_ns() - lu->born_ns) / NS_AN_HOUR,
					       UINT16_MAX),
		.lba = UINT64_MAX,
	};

	if (sense) {
		test.result = SHEAF_SELF_TEST_FAILED;
		test.number = (uint8_t)lt->step;
		test.key = sense->key;
		test.asc = sense->asc;
		if (sense->information_valid)
			test.lba = sense->information;
	}
	pthread_mutex_lock(&lu->lock);
	memmove(tests->of + 1, tests->of, (SHEAF_SELF_TESTS_MAX - 1) * sizeof(tests->of[0]));
	tests->of[0] = test;
	tests->count += tests->count < SHEAF_SELF_TESTS_MAX;
	pthread_mutex_unlock(&lu->lock);
}

static bool in_background(const struct sheaf_lu_task *lt)
{
	return code_of(lt) == SHEAF_SELF_TEST_BACKGROUND_SHORT;
}

/* Of the default one the status says all; the log page is of the others, SPC-4 section 5.14. */
static bool is_logged(const struct sheaf_lu_task *lt)
{
	return code_of(lt) != 0;
}

static void passed(struct sheaf_lu_task *lt)
{
	if (is_logged(lt))
		note(lt, NULL);
	sheaf_lu_end_good(lt, 0);
}

/* lt->io failed with @result. */
static void failed(struct sheaf_lu_task *lt, int result)
{
	struct sheaf_sense sense;

	sheaf_errno_to_sense(result, lt->io.op, &sense);
	if (lt->io.op == SHEAF_STORE_READ) {
		sense.information_valid = true;
		sense.information = (lt->io.offset + lt->io.moved) / lt->lu->block_size;
	}
	if (is_logged(lt))
		note(lt, &sense);
	if (in_background(lt))
		sheaf_lu_end_good(lt, 0);
	else
		sheaf_lu_end_check(lt, SHEAF_KEY_HARDWARE_ERROR, SHEAF_ASC_FAILED_SELF_TEST);
}

static void next_step(struct sheaf_lu_task *lt);

static void step_done(struct sheaf_store_io *io, int result)
{
	struct sheaf_lu_task *lt = sheaf_lu_task_of_io(io);

	if (result < 0) {
		failed(lt, result);
		return;
	}
	lt->cursor += io->length / lt->lu->block_size;
	next_step(lt);
}

/* What is read of a step: a piece at its place, as far as there are blocks. */
static void read_at(struct sheaf_lu_task *lt, uint64_t lba)
{
	uint64_t blocks =
		sheaf_min64(lt->lu->blocks - lba, SHEAF_LU_PATTERN_BYTES / lt->lu->block_size);

	sheaf_lu_submit(lt, SHEAF_STORE_READ, lba, blocks, lt->pattern, step_done);
}

/* lt->step: the one that is being done; the extended test reads from lt->cursor on in one of them. */
static void next_step(struct sheaf_lu_task *lt)
{
	uint64_t blocks = lt->lu->blocks;
	uint64_t piece = sheaf_min64(blocks, SHEAF_LU_PATTERN_BYTES / lt->lu->block_size);

	if (code_of(lt) == SHEAF_SELF_TEST_FOREGROUND_EXTENDED) {
		lt->step = STEP_FIRST;
		if (lt->cursor < blocks)
			read_at(lt, lt->cursor);
		else
			passed(lt);
		return;
	}
	switch (++lt->step) {
	case STEP_FIRST:
		read_at(lt, 0);
		break;
	case STEP_MIDDLE:
		read_at(lt, (blocks - piece) / 2);
		break;
	case STEP_LAST:
		read_at(lt, blocks - piece);
		break;
	default:
		passed(lt);
	}
}

static void self_test(struct sheaf_lu_task *lt)
{
	lt->pattern = aligned_alloc(4096, SHEAF_LU_PATTERN_BYTES);
	if (!lt->pattern) {
		sheaf_lu_end_check(lt, SHEAF_KEY_ABORTED_COMMAND, SHEAF_ASC_INSUFFICIENT_RESOURCES);
		return;
	}
	lt->step = STEP_FLUSH;
	lt->cursor = 0;
	sheaf_lu_submit(lt, SHEAF_STORE_FLUSH, 0, 0, NULL, step_done);
}

/* A parameter list: the request for the list of pages, which RECEIVE DIAGNOSTIC RESULTS answers with anyway. */
static void take_page(struct sheaf_lu_task *lt)
{
	uint8_t page[SHEAF_DIAGNOSTIC_PAGE_HEADER];

	if (!(lt->task.command_descriptor_block[1] & SHEAF_CDB_DIAGNOSTIC_PF)) {
		sheaf_lu_end_bad_field(lt, 1, 4);
		return;
	}
	if (lt->count_bytes < sizeof(page)) {
		sheaf_lu_end_check(lt, SHEAF_KEY_ILLEGAL_REQUEST,
				   SHEAF_ASC_PARAMETER_LIST_LENGTH_ERROR);
		return;
	}
	memcpy(page, lt->data, sizeof(page));
	for (uint16_t i = 0; i < sizeof(page); i++) {
		if (page[i]) {
			sheaf_lu_end_bad_parameter(lt, i);
			return;
		}
	}
	sheaf_lu_end_good(lt, lt->count_bytes);
}

/** SEND DIAGNOSTIC, SPC-4. */
void sheaf_lu_send_diagnostic(struct sheaf_lu_task *lt)
{
	uint8_t flags = lt->task.command_descriptor_block[1];
	uint8_t code = code_of(lt);
	bool by_default = flags & SHEAF_CDB_DIAGNOSTIC_SELFTEST;

	/* There is never one in background that could be aborted. */
	if (code && (by_default || (code != SHEAF_SELF_TEST_BACKGROUND_SHORT &&
				    code != SHEAF_SELF_TEST_FOREGROUND_SHORT &&
				    code != SHEAF_SELF_TEST_FOREGROUND_EXTENDED)))
		sheaf_lu_end_bad_field(lt, 1, 7);
	else if ((code || by_default) && lt->count_bytes)
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_DIAGNOSTIC_LENGTH, 7);
	else if (code || by_default)
		self_test(lt);
	else if (lt->count_bytes)
		take_page(lt);
	else
		sheaf_lu_end_good(lt, 0);
}

/** RECEIVE DIAGNOSTIC RESULTS, SPC-4: the Supported Diagnostic Pages page, which is the only one. */
void sheaf_lu_receive_diagnostic(struct sheaf_lu_task *lt)
{
	static const uint8_t supported[] = { 0, 0, 0, 1, 0 };
	const uint8_t *cdb = lt->task.command_descriptor_block;

	if ((cdb[1] & SHEAF_CDB_DIAGNOSTIC_PCV) && cdb[SHEAF_CDB_DIAGNOSTIC_PAGE])
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_DIAGNOSTIC_PAGE, 7);
	else
		sheaf_lu_reply(lt, supported, sizeof(supported));
}
