/* SPDX-License-Identifier: MIT */
/*
 * log_select.c - LOG SELECT, SPC-4 section 6.7
 *
 * Without a parameter list it resets what can be reset, by table 186. No parameter can be set to any other value ("Reset Only",
 * "Never"), so that a list is sound when it asks for what is so already, and changes nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "scsi/log_pages.h"
#include "scsi/lu_impl.h"

/* A parameter list: @length bytes at lt->scratch. */
struct list {
	struct sheaf_lu_task *lt;
	const uint8_t *bytes;
	unsigned length;
	const struct sheaf_log_page *page; /* that is looked at */
	struct sheaf_log_parameters is;	   /* what that page is */
};

static bool bad(const struct list *list, unsigned byte, int8_t bit)
{
	struct sheaf_sense sense = { .key = SHEAF_KEY_ILLEGAL_REQUEST,
				     .asc = SHEAF_ASC_INVALID_FIELD_IN_PARAMETER_LIST,
				     .field_valid = true,
				     .field_byte = (uint16_t)byte,
				     .field_bit = bit };

	sheaf_lu_end_sense(list->lt, &sense);
	return false;
}

/* The parameter with @code as it is now; NULL: the page has none. */
static const uint8_t *find_parameter(const struct sheaf_log_parameters *p, uint16_t code)
{
	const uint8_t *at = p->bytes;

	for (; at < p->bytes + p->length; at += SHEAF_LOG_PARAMETER_HEADER + at[3])
		if (sheaf_get_be16(at) == code)
			return at;
	return NULL;
}

/* The parameter control byte @given, where @is is. -1, or the first bit that cannot be served. TMC and what is obsolete: ignored. */
static int bad_control(uint8_t given, uint8_t is)
{
	uint8_t wrong = (given ^ is) & (SHEAF_LOG_DU | SHEAF_LOG_TSD | SHEAF_LOG_ETC | SHEAF_LOG_FORMAT_MASK);

	if ((is & SHEAF_LOG_FORMAT_MASK) == SHEAF_LOG_BINARY_LIST)
		wrong &= (uint8_t)~SHEAF_LOG_DU;
	if (!wrong)
		return -1;
	return wrong & SHEAF_LOG_FORMAT_MASK && !(wrong & ~SHEAF_LOG_FORMAT_MASK) ?
		       1 :
		       31 - __builtin_clz(wrong);
}

/* Parameters from @at to @end. False: the command has ended. */
static bool check_parameters(const struct list *list, unsigned at, unsigned end)
{
	unsigned size, page_length_at = at - 2;
	int before = -1;

	for (; at < end; at += size) {
		const uint8_t *given = list->bytes + at, *is;
		int bit;

		if (end - at < SHEAF_LOG_PARAMETER_HEADER)
			return bad(list, page_length_at, 7);
		size = SHEAF_LOG_PARAMETER_HEADER + given[3];
		is = find_parameter(&list->is, sheaf_get_be16(given));
		if (!is || sheaf_get_be16(given) <= before)
			return bad(list, at, 7);
		before = sheaf_get_be16(given);
		bit = bad_control(given[2], is[2]);
		if (bit >= 0)
			return bad(list, at + 2, (int8_t)bit);
		if (given[3] != is[3])
			return bad(list, at + 3, 7);
		if (end - at < size)
			return bad(list, page_length_at, 7);
		if (list->page->needs_space ||
		    memcmp(given + SHEAF_LOG_PARAMETER_HEADER, is + SHEAF_LOG_PARAMETER_HEADER, is[3]) != 0)
			return bad(list, at + SHEAF_LOG_PARAMETER_HEADER, 7);
	}
	return true;
}

/* What the page is; of what the store would have to be asked for only which parameters there may be. */
static void take_present(struct list *list, uint8_t pc)
{
	static const struct sheaf_store_space unknown;
	struct sheaf_lu *lu = list->lt->lu;

	memset(&list->is, 0, sizeof(list->is));
	list->is.defaults = pc == SHEAF_LOG_PC_DEFAULT_CUMULATIVE;
	list->is.space = &unknown;
	if (!list->page->put)
		return;
	pthread_mutex_lock(&lu->lock);
	list->page->put(lu, &list->is);
	pthread_mutex_unlock(&lu->lock);
}

/* The page header at @at. False: the command has ended. */
static bool check_page(struct list *list, unsigned at, int before)
{
	const uint8_t *cdb = list->lt->task.command_descriptor_block;
	uint8_t first = list->bytes[at], pc = cdb[SHEAF_CDB_LOG_PAGE] >> 6;

	list->page = sheaf_log_page_find(list->lt->lu, first & SHEAF_LOG_PAGE_MASK);
	if (!list->page || list->page->code <= before)
		return bad(list, at, 5);
	if (first & SHEAF_LOG_PAGE_SPF)
		return bad(list, at, 6);
	if (list->bytes[at + 1])
		return bad(list, at + 1, 7);
	/* Table 349: what is to be saved cannot be. */
	if (cdb[1] & SHEAF_CDB_LOG_SP && !(first & SHEAF_LOG_PAGE_DS) && !(pc & SHEAF_LOG_PC_DEFAULT))
		return bad(list, at, 7);
	if (list->page->counters && !(pc & SHEAF_LOG_PC_CUMULATIVE)) {
		sheaf_lu_end_bad_field(list->lt, SHEAF_CDB_LOG_PAGE, 7); /* thresholds */
		return false;
	}
	take_present(list, pc);
	return true;
}

static bool check_list(struct list *list)
{
	int before = -1;

	for (unsigned at = 0, end; at < list->length; at = end) {
		if (list->length - at < SHEAF_LOG_PAGE_HEADER) {
			sheaf_lu_end_check(list->lt, SHEAF_KEY_ILLEGAL_REQUEST,
					   SHEAF_ASC_PARAMETER_LIST_LENGTH_ERROR);
			return false;
		}
		if (!check_page(list, at, before))
			return false;
		before = list->page->code;
		end = at + SHEAF_LOG_PAGE_HEADER + sheaf_get_be16(list->bytes + at + 2);
		if (end > list->length)
			return bad(list, at + 2, 7);
		if (!check_parameters(list, at + SHEAF_LOG_PAGE_HEADER, end))
			return false;
	}
	return true;
}

static void select_list(struct sheaf_lu_task *lt)
{
	const uint8_t *cdb = lt->task.command_descriptor_block;
	struct list list = { .lt = lt, .length = lt->count_bytes };

	if (cdb[1] & SHEAF_CDB_LOG_PCR) {
		sheaf_lu_end_bad_field(lt, 1, 1);
		return;
	}
	if (cdb[SHEAF_CDB_LOG_PAGE] & SHEAF_LOG_PAGE_MASK) {
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_LOG_PAGE, 5);
		return;
	}
	if (cdb[SHEAF_CDB_LOG_SUBPAGE]) {
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_LOG_SUBPAGE, 7);
		return;
	}
	lt->scratch = malloc(lt->count_bytes);
	if (!lt->scratch) {
		sheaf_lu_end_check(lt, SHEAF_KEY_ABORTED_COMMAND, SHEAF_ASC_INSUFFICIENT_RESOURCES);
		return;
	}
	memcpy(lt->scratch, lt->data, lt->count_bytes);
	list.bytes = lt->scratch;
	if (check_list(&list))
		sheaf_lu_end_good(lt, lt->count_bytes);
}

/* Parameters of @only, or of all pages. Is anything different? */
static bool reset(struct sheaf_lu *lu, const struct sheaf_log_page *only, bool lists)
{
	bool changed = false;

	pthread_mutex_lock(&lu->lock);
	for (const struct sheaf_log_page *page = sheaf_log_pages; page < sheaf_log_pages + SHEAF_LOG_PAGES; page++)
		if ((!only || page == only) && page->reset && (lists || page->counters))
			changed = page->reset(lu) || changed;
	pthread_mutex_unlock(&lu->lock);
	return changed;
}

/** LOG SELECT. */
void sheaf_lu_log_select(struct sheaf_lu_task *lt)
{
	const uint8_t *cdb = lt->task.command_descriptor_block;
	uint8_t pc = cdb[SHEAF_CDB_LOG_PAGE] >> 6, subpage = cdb[SHEAF_CDB_LOG_SUBPAGE];
	uint8_t code = cdb[SHEAF_CDB_LOG_PAGE] & SHEAF_LOG_PAGE_MASK;
	const struct sheaf_log_page *page = sheaf_log_page_find(lt->lu, code);
	bool pcr = cdb[1] & SHEAF_CDB_LOG_PCR;

	if (lt->count_bytes) {
		select_list(lt);
		return;
	}
	/* Defaults are not saved, whatever SP is: table 186. */
	if (cdb[1] & SHEAF_CDB_LOG_SP && !(pc & SHEAF_LOG_PC_DEFAULT)) {
		sheaf_lu_end_bad_field(lt, 1, 0);
		return;
	}
	if (!page) {
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_LOG_PAGE, 5);
		return;
	}
	if (subpage && subpage != SHEAF_LOG_SUBPAGES) {
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_LOG_SUBPAGE, 7);
		return;
	}
	if ((pcr || pc == SHEAF_LOG_PC_DEFAULT_CUMULATIVE) &&
	    reset(lt->lu, code == 0 && subpage == 0 ? NULL : page, pcr))
		sheaf_lu_raise_attention_all_but(lt->lu, lt->task.initiator_index,
						 SHEAF_ASC_LOG_PARAMETERS_CHANGED);
	sheaf_lu_end_good(lt, 0);
}
