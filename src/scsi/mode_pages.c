/* SPDX-License-Identifier: MIT */
/*
 * mode_pages.c - see mode_pages.h
 *
 * A value is there for what the LU does: what it would have to pretend (retries, prefetching, predictions of its end)
 * is zero, and not changeable.
 */
#include "scsi/mode_pages.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "base/bits.h"
#include "scsi/lu_impl.h"

/* Where each page is in sheaf_modes.current. */
enum {
	AT_RECOVERY = 0,
	AT_CACHING = AT_RECOVERY + 12,
	AT_CONTROL = AT_CACHING + 20,
	AT_CONTROL_EXTENSION = AT_CONTROL + 12,
	AT_EXCEPTIONS = AT_CONTROL_EXTENSION + 32,
	AT_END = AT_EXCEPTIONS + 12,
};
static_assert(AT_END == SHEAF_MODES_BYTES, "all pages and nothing else");

static const struct sheaf_mode_field recovery_fields[] = {
	{ 3, 0xff, 1 },	 /* READ RETRY COUNT */
	{ 8, 0xff, 1 },	 /* WRITE RETRY COUNT */
	{ 10, 0xff, 2 }, /* RECOVERY TIME LIMIT */
	{ 0 },
};
static const struct sheaf_mode_field caching_fields[] = {
	{ 3, 0xf0, 1 },	 /* DEMAND READ RETENTION PRIORITY */
	{ 3, 0x0f, 1 },	 /* WRITE RETENTION PRIORITY */
	{ 4, 0xff, 2 },	 /* DISABLE PRE-FETCH TRANSFER LENGTH */
	{ 6, 0xff, 2 },	 /* MINIMUM PRE-FETCH */
	{ 8, 0xff, 2 },	 /* MAXIMUM PRE-FETCH */
	{ 10, 0xff, 2 }, /* MAXIMUM PRE-FETCH CEILING */
	{ 12, 0x06, 1 }, /* SYNC_PROG */
	{ 13, 0xff, 1 }, /* NUMBER OF CACHE SEGMENTS */
	{ 14, 0xff, 2 }, /* CACHE SEGMENT SIZE */
	{ 0 },
};
static const struct sheaf_mode_field control_fields[] = {
	{ 2, SHEAF_MODE_CONTROL_TST_MASK, 1 },
	{ 3, 0xf0, 1 },	 /* QUEUE ALGORITHM MODIFIER */
	{ 3, 0x06, 1 },	 /* QERR */
	{ 4, 0x30, 1 },	 /* UA_INTLCK_CTRL */
	{ 5, 0x07, 1 },	 /* AUTOLOAD MODE */
	{ 8, 0xff, 2 },	 /* BUSY TIMEOUT PERIOD */
	{ 10, 0xff, 2 }, /* EXTENDED SELF-TEST COMPLETION TIME */
	{ 0 },
};
static const struct sheaf_mode_field control_extension_fields[] = {
	{ 5, 0x0f, 1 }, /* INITIAL COMMAND PRIORITY */
	{ 6, 0xff, 1 }, /* MAXIMUM SENSE DATA LENGTH */
	{ 0 },
};
static const struct sheaf_mode_field exceptions_fields[] = {
	{ 3, 0x0f, 1 }, /* MRIE */
	{ 4, 0xff, 4 }, /* INTERVAL TIMER */
	{ 8, 0xff, 4 }, /* REPORT COUNT */
	{ 0 },
};

/* EXTENDED SELF-TEST COMPLETION TIME: FFFFh is that long or longer, and VPD page 86h knows. */
static void fill_control(const struct sheaf_lu *lu, uint8_t *page)
{
	sheaf_put_be16(page + SHEAF_MODE_CONTROL_SELF_TEST_S, (uint16_t)sheaf_min64(sheaf_self_test_seconds(lu), UINT16_MAX));
}

/* clang-format off */
const struct sheaf_mode_page sheaf_mode_pages[] = {
	{ /* Read-Write Error Recovery, SBC-4: no retries of its own, nothing reassigned, all errors are reported. */
		.code = SHEAF_MODE_PAGE_RECOVERY, .offset = AT_RECOVERY, .size = 12,
		.defaults = { SHEAF_MODE_PAGE_RECOVERY, 10 },
		.fields = recovery_fields,
	},
	{ /* Caching, SBC-4 clause 6.5: writes are in a volatile cache until they are synchronized. */
		.code = SHEAF_MODE_PAGE_CACHING, .offset = AT_CACHING, .size = 20,
		.defaults = { SHEAF_MODE_PAGE_CACHING, 18, SHEAF_MODE_CACHING_WCE },
		.changeable = { [2] = SHEAF_MODE_CACHING_WCE },
		.fields = caching_fields,
	},
	{ /* Control, SPC-4 section 7.5.8: tasks in any order; errors touch no other task; no log is saved. */
		.code = SHEAF_MODE_PAGE_CONTROL, .offset = AT_CONTROL, .size = 12,
		.defaults = { SHEAF_MODE_PAGE_CONTROL, 10,
			      SHEAF_MODE_CONTROL_TST_EACH | SHEAF_MODE_CONTROL_GLTSD,
			      SHEAF_MODE_CONTROL_UNRESTRICTED },
		.changeable = { [2] = SHEAF_MODE_CONTROL_TST_MASK | SHEAF_MODE_CONTROL_D_SENSE,
				[4] = SHEAF_MODE_CONTROL_SWP },
		.fill = fill_control,
		.fields = control_fields,
	},
	{ /* Control Extension, SPC-4 section 7.5.9: command priorities are not looked at; sense data is not cut. */
		.code = SHEAF_MODE_PAGE_CONTROL, .subpage = 1, .offset = AT_CONTROL_EXTENSION, .size = 32,
		.defaults = { SHEAF_MODE_PAGE_CONTROL | SHEAF_MODE_SPF, 1, 0, 28 },
		.fields = control_extension_fields,
	},
	{ /* Informational Exceptions Control, SBC-4: on request only; there are none. */
		.code = SHEAF_MODE_PAGE_EXCEPTIONS, .offset = AT_EXCEPTIONS, .size = 12,
		.defaults = { SHEAF_MODE_PAGE_EXCEPTIONS, 10, 0, SHEAF_MODE_EXCEPTIONS_ON_REQUEST },
		.fields = exceptions_fields,
	},
	{ .size = 0 },
};
/* clang-format on */

/* What other parts of the LU go by. Lock held. */
void sheaf_lu_heed_modes(struct sheaf_lu *lu)
{
	struct sheaf_modes *modes = &lu->modes;
	const uint8_t *caching = modes->current + AT_CACHING,
		      *control = modes->current + AT_CONTROL;

	atomic_store(&modes->task_set_shared, (control[2] & SHEAF_MODE_CONTROL_TST_MASK) == 0);
	atomic_store(&modes->descriptor_sense, (control[2] & SHEAF_MODE_CONTROL_D_SENSE) != 0);
	sheaf_lu_set_condition(lu, SHEAF_CONDITION_WRITE_PROTECTED,
			       control[4] & SHEAF_MODE_CONTROL_SWP);
	sheaf_lu_set_condition(lu, SHEAF_CONDITION_WRITE_THROUGH,
			       !(caching[2] & SHEAF_MODE_CACHING_WCE));
}

void sheaf_lu_fill_modes(struct sheaf_lu *lu)
{
	for (const struct sheaf_mode_page *page = sheaf_mode_pages; page->size; page++)
		if (page->fill)
			page->fill(lu, lu->modes.current + page->offset);
}

void sheaf_lu_reset_modes(struct sheaf_lu *lu)
{
	pthread_mutex_lock(&lu->lock);
	for (const struct sheaf_mode_page *page = sheaf_mode_pages; page->size; page++)
		memcpy(lu->modes.current + page->offset, page->defaults, page->size);
	sheaf_lu_fill_modes(lu);
	sheaf_lu_heed_modes(lu);
	pthread_mutex_unlock(&lu->lock);
}
