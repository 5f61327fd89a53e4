/* SPDX-License-Identifier: MIT */
/*
 * log_pages.c - LOG SENSE (SPC-4) and its pages: a function each, which puts the page's parameters in ascending order
 *
 * What they tell lives as long as the LU does: nothing is saved. Nothing can be set either, so there are no thresholds, and values
 * other than the cumulative ones (PC 01b) are refused. A page that is not here is one that this LU does not have: an image has no
 * temperature, and no errors that would be corrected.
 */
#include <string.h>

#include "base/bits.h"
#include "scsi/lu_impl.h"

#define PARAMETERS_MAX (SHEAF_SELF_TESTS_MAX * (SHEAF_LOG_PARAMETER_HEADER + SHEAF_LOG_SELF_TEST))

/* Parameters as they are put; of one code after another. */
struct parameters {
	uint16_t from; /* PARAMETER POINTER: those below are left out */
	uint16_t last; /* the highest code that the page has */
	unsigned length;
	uint8_t bytes[PARAMETERS_MAX];
};

/* Room for the value of parameter @code, @length bytes of zeros. All are lists: DU 0, TSD 1 (it is not saved). */
static uint8_t *add(struct parameters *p, uint16_t code, uint8_t length, uint8_t spare[])
{
	uint8_t *at = p->bytes + p->length;

	p->last = code;
	if (code < p->from)
		return spare;
	sheaf_put_be16(at, code);
	at[2] = SHEAF_LOG_TSD | SHEAF_LOG_BINARY_LIST;
	at[3] = length;
	p->length += SHEAF_LOG_PARAMETER_HEADER + length;
	return at + SHEAF_LOG_PARAMETER_HEADER;
}

/* Start-Stop Cycle Counter, SPC-4: how often it was stopped. How often it may be is not limited. */
static void start_stop_page(struct sheaf_lu *lu, struct parameters *p)
{
	uint8_t spare[4];

	sheaf_put_be32(add(p, SHEAF_LOG_CYCLES_SPECIFIED, 4, spare), UINT32_MAX);
	sheaf_put_be32(add(p, SHEAF_LOG_CYCLES, 4, spare), lu->unit.cycles);
}

/* Self-Test Results, SPC-4: 20 parameters, the newest first; those that there are not yet are zeros. */
static void self_test_page(struct sheaf_lu *lu, struct parameters *p)
{
	uint8_t spare[SHEAF_LOG_SELF_TEST];

	for (unsigned i = 0; i < SHEAF_SELF_TESTS_MAX; i++) {
		uint8_t *d = add(p, (uint16_t)(i + 1), SHEAF_LOG_SELF_TEST, spare);
		const struct sheaf_self_test *test = &lu->self_tests.of[i];
		if (i >= lu->self_tests.count)
			continue;
		d[0] = (uint8_t)(test->code << 5 | test->result);
		d[1] = test->number;
		sheaf_put_be16(d + 2, test->hours);
		sheaf_put_be64(d + 4, test->lba);
		d[12] = test->key;
		sheaf_put_be16(d + 13, test->asc);
	}
}

/* Informational Exceptions, SPC-4: none; no temperature, and no threshold of one. */
static void exceptions_page(struct sheaf_lu *lu, struct parameters *p)
{
	uint8_t spare[4], *d = add(p, SHEAF_LOG_EXCEPTIONS, 4, spare);

	(void)lu;
	d[2] = SHEAF_LOG_NO_TEMPERATURE;
	d[3] = SHEAF_LOG_NO_TEMPERATURE;
}

/* In ascending order. put: lock held. */
static const struct {
	uint8_t code;
	void (*put)(struct sheaf_lu *lu, struct parameters *p);
} pages[] = {
	{ SHEAF_LOG_PAGE_SUPPORTED, NULL },
	{ SHEAF_LOG_PAGE_START_STOP, start_stop_page },
	{ SHEAF_LOG_PAGE_SELF_TEST, self_test_page },
	{ SHEAF_LOG_PAGE_EXCEPTIONS, exceptions_page },
};
#define PAGE_COUNT (sizeof(pages) / sizeof(pages[0]))

/* Log page format, SPC-4 section 7.3.2: header, then @length bytes. */
static void reply_page(struct sheaf_lu_task *lt, uint8_t code, uint8_t subpage,
		       const uint8_t *bytes, unsigned length)
{
	uint8_t header[SHEAF_LOG_PAGE_HEADER] = { 0 };

	header[0] = (uint8_t)(code | (subpage ? SHEAF_LOG_PAGE_SPF : 0));
	header[1] = subpage;
	sheaf_put_be16(header + 2, (uint16_t)length);
	sheaf_lu_reply_put(lt, 0, header, sizeof(header));
	sheaf_lu_reply_put(lt, sizeof(header), bytes, length);
	sheaf_lu_reply_end(lt, sizeof(header) + length);
}

/* Supported Log Pages, and with subpage FFh Supported Log Pages and Subpages. */
static void reply_supported(struct sheaf_lu_task *lt, uint8_t subpage)
{
	uint8_t list[2 * (PAGE_COUNT + 1)] = { 0 };
	unsigned length = 0;

	for (unsigned i = 0; i < PAGE_COUNT; i++) {
		list[length++] = pages[i].code;
		if (subpage)
			list[length++] = 0;
		if (subpage && pages[i].code == SHEAF_LOG_PAGE_SUPPORTED) {
			list[length++] = SHEAF_LOG_PAGE_SUPPORTED;
			list[length++] = SHEAF_LOG_SUBPAGES;
		}
	}
	reply_page(lt, SHEAF_LOG_PAGE_SUPPORTED, subpage, list, length);
}

/** LOG SENSE, SPC-4 section 6.9. */
void sheaf_lu_log_sense(struct sheaf_lu_task *lt)
{
	const uint8_t *cdb = lt->task.command_descriptor_block;
	uint8_t code = cdb[SHEAF_CDB_LOG_PAGE] & SHEAF_LOG_PAGE_MASK;
	uint8_t subpage = cdb[SHEAF_CDB_LOG_SUBPAGE];
	struct parameters p = { .from = sheaf_get_be16(cdb + SHEAF_CDB_LOG_POINTER) };
	unsigned i = 0;

	while (i < PAGE_COUNT && pages[i].code != code)
		i++;
	if (i == PAGE_COUNT) {
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_LOG_PAGE, 5);
		return;
	}
	if (subpage && !(code == SHEAF_LOG_PAGE_SUPPORTED && subpage == SHEAF_LOG_SUBPAGES)) {
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_LOG_SUBPAGE, 7);
		return;
	}
	/* The lists of pages have no values that PC could choose from. */
	if (pages[i].put && cdb[SHEAF_CDB_LOG_PAGE] >> 6 != SHEAF_LOG_PC_CUMULATIVE) {
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_LOG_PAGE, 7);
		return;
	}
	if (pages[i].put) {
		pthread_mutex_lock(&lt->lu->lock);
		pages[i].put(lt->lu, &p);
		pthread_mutex_unlock(&lt->lu->lock);
	}
	if (p.from > p.last)
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_LOG_POINTER, 7);
	else if (pages[i].put)
		reply_page(lt, code, subpage, p.bytes, p.length);
	else
		reply_supported(lt, subpage);
}
