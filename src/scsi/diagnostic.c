/* SPDX-License-Identifier: MIT */
/*
 * diagnostic.c - SEND DIAGNOSTIC and RECEIVE DIAGNOSTIC RESULTS (SPC-4); the self-tests themselves are in self_test.c
 *
 * There are no diagnostic pages but the list of them.
 */
#include <string.h>

#include "scsi/lu_impl.h"

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

static bool is_self_test(uint8_t code)
{
	return code == SHEAF_SELF_TEST_BACKGROUND_SHORT || code == SHEAF_SELF_TEST_BACKGROUND_EXTENDED ||
	       code == SHEAF_SELF_TEST_FOREGROUND_SHORT || code == SHEAF_SELF_TEST_FOREGROUND_EXTENDED;
}

/* SPC-4: only valid while there is one in the background. */
static void abort_self_test(struct sheaf_lu_task *lt)
{
	if (sheaf_self_test_stop(lt->lu, SHEAF_SELF_TEST_ABORTED_BY_DIAGNOSTIC))
		sheaf_lu_end_good(lt, 0);
	else
		sheaf_lu_end_bad_field(lt, 1, 7);
}

/** SEND DIAGNOSTIC, SPC-4. */
void sheaf_lu_send_diagnostic(struct sheaf_lu_task *lt)
{
	uint8_t flags = lt->task.command_descriptor_block[1];
	uint8_t code = flags >> 5;
	bool by_default = flags & SHEAF_CDB_DIAGNOSTIC_SELFTEST;

	if (code && (by_default || (code != SHEAF_SELF_TEST_ABORT && !is_self_test(code))))
		sheaf_lu_end_bad_field(lt, 1, 7);
	else if ((code || by_default) && lt->count_bytes)
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_DIAGNOSTIC_LENGTH, 7);
	else if (code == SHEAF_SELF_TEST_ABORT)
		abort_self_test(lt);
	else if (code || by_default)
		sheaf_self_test_begin(lt, code);
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
