/* SPDX-License-Identifier: MIT */
/*
 * mode_select.c - MODE SELECT, SPC-4 sections 6.11 and 6.12
 *
 * All of the parameter list is checked against the table of pages before anything changes; then all pages change at once. A bit
 * that cannot be changed has to have the value that MODE SENSE reports. Parameters are never saved (SP is not served),
 * and what other format PF 0 could mean is not served either.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "scsi/lu_impl.h"
#include "scsi/mode_pages.h"

/* Parameters that come into force: pages as they are to be, where @given says that the list has them. */
struct change {
	uint8_t next[SHEAF_MODES_BYTES];
	uint8_t given[SHEAF_MODES_BYTES]; /* of each page's first byte */
};

static bool bad_parameter(struct sheaf_lu_task *lt, unsigned byte, int8_t bit)
{
	struct sheaf_sense sense = { .key = SHEAF_KEY_ILLEGAL_REQUEST,
				     .asc = SHEAF_ASC_INVALID_FIELD_IN_PARAMETER_LIST,
				     .field_valid = true,
				     .field_byte = (uint16_t)byte,
				     .field_bit = bit };

	sheaf_lu_end_sense(lt, &sense);
	return false;
}

static bool bad_length(struct sheaf_lu_task *lt)
{
	sheaf_lu_end_check(lt, SHEAF_KEY_ILLEGAL_REQUEST, SHEAF_ASC_PARAMETER_LIST_LENGTH_ERROR);
	return false;
}

/*
 * SBC-4 clause 6.5: NUMBER OF LOGICAL BLOCKS 0, all that there are, or all ones; LOGICAL BLOCK LENGTH as it is. Another
 * capacity or block length is not to be had.
 */
static bool check_block_descriptor(struct sheaf_lu_task *lt, const uint8_t *list, unsigned at,
				   bool long_lba)
{
	uint8_t own[SHEAF_MODE_LONG_DESCRIPTOR] = { 0 };
	unsigned size = sheaf_lu_put_block_descriptor(lt->lu, own, long_lba);
	unsigned number = long_lba ? 8 : 4, length = long_lba ? 12 : 5;
	static const uint8_t none[8], most[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const uint8_t *d = list + at;

	if (memcmp(d, none, number) != 0 && memcmp(d, most, number) != 0 &&
	    memcmp(d, own, number) != 0)
		return bad_parameter(lt, at, 7);
	for (unsigned i = number; i < length; i++)
		if (d[i])
			return bad_parameter(lt, at + i, 7);
	if (memcmp(d + length, own + length, size - length) != 0)
		return bad_parameter(lt, at + length, 7);
	return true;
}

/* Header and block descriptor; *ret_at: where pages begin. False: the command has ended. */
static bool check_header(struct sheaf_lu_task *lt, const uint8_t *list, unsigned *ret_at)
{
	bool six = lt->command->length == 6;
	unsigned header = six ? SHEAF_MODE_6_HEADER : SHEAF_MODE_10_HEADER;
	unsigned medium_at = six ? SHEAF_MODE_6_MEDIUM_TYPE : SHEAF_MODE_10_MEDIUM_TYPE;
	unsigned length_at = six ? SHEAF_MODE_6_DESCRIPTOR_LENGTH : SHEAF_MODE_10_DESCRIPTOR_LENGTH;
	unsigned length;
	bool long_lba;

	if (lt->count_bytes < header)
		return bad_length(lt);
	length = six ? list[length_at] : sheaf_get_be16(list + length_at);
	long_lba = !six && (list[SHEAF_MODE_10_FLAGS] & SHEAF_MODE_LONGLBA);
	/* MODE DATA LENGTH and DEVICE-SPECIFIC PARAMETER are for MODE SENSE: SPC-4 section 7.5.5, SBC-4 clause 6.5. */
	if (list[medium_at])
		return bad_parameter(lt, medium_at, 7);
	if (length != 0 &&
	    length != (long_lba ? SHEAF_MODE_LONG_DESCRIPTOR : SHEAF_MODE_SHORT_DESCRIPTOR))
		return bad_parameter(lt, length_at, 7);
	if (lt->count_bytes < header + length)
		return bad_length(lt);
	*ret_at = header + length;
	return length == 0 || check_block_descriptor(lt, list, header, long_lba);
}

/* The first bit of the field that bit @bit of @byte is in. */
static bool bad_page_field(struct sheaf_lu_task *lt, const struct sheaf_mode_page *page,
			   unsigned at, unsigned byte, uint8_t bits)
{
	int8_t bit = (int8_t)(31 - __builtin_clz(bits));

	for (const struct sheaf_mode_field *field = page->fields; field->bytes; field++)
		if (byte >= field->byte && byte < (unsigned)field->byte + field->bytes &&
		    (byte > field->byte || (field->mask & 1u << bit)))
			return bad_parameter(lt, at + field->byte,
					     (int8_t)(31 - __builtin_clz(field->mask)));
	return bad_parameter(lt, at + byte, bit);
}

/* The page at @at, of which the header is there. NULL: it is none of ours, the command has ended. */
static const struct sheaf_mode_page *find_page(struct sheaf_lu_task *lt, const uint8_t *list,
					       unsigned at)
{
	uint8_t code = list[at] & 0x3f, subpage = 0;
	bool known = false;

	if (list[at] & SHEAF_MODE_PS) {
		bad_parameter(lt, at, 7);
		return NULL;
	}
	if (list[at] & SHEAF_MODE_SPF)
		subpage = list[at + 1];
	for (const struct sheaf_mode_page *page = sheaf_mode_pages; page->size; page++) {
		known = known || page->code == code;
		if (page->code == code && page->subpage == subpage && page->defaults[0] == list[at])
			return page;
	}
	if (!known)
		bad_parameter(lt, at, 5);
	else if (subpage)
		bad_parameter(lt, at + 1, 7);
	else
		bad_parameter(lt, at, 6); /* a page_0 in the subpage format */
	return NULL;
}

/* Contents of a whole page of ours. False: the command has ended. */
static bool check_page(struct sheaf_lu_task *lt, const struct sheaf_mode_page *page,
		       const uint8_t *list, unsigned at)
{
	uint8_t now[SHEAF_MODE_PAGE_MAX];

	memcpy(now, page->defaults, page->size);
	if (page->fill)
		page->fill(lt->lu, now);
	for (unsigned i = 0; i < page->size; i++) {
		uint8_t wrong = (list[at + i] ^ now[i]) & (uint8_t)~page->changeable[i];
		if (wrong)
			return bad_page_field(lt, page, at, i, wrong);
	}
	if (page->code == SHEAF_MODE_PAGE_CONTROL && page->subpage == 0 &&
	    (list[at + 2] & SHEAF_MODE_CONTROL_TST_MASK) > SHEAF_MODE_CONTROL_TST_EACH)
		return bad_parameter(lt, at + 2, 7);
	return true;
}

/* All pages from @at on. False: the command has ended. */
static bool check_pages(struct sheaf_lu_task *lt, const uint8_t *list, unsigned at,
			struct change *change)
{
	const uint8_t *cdb = lt->task.command_descriptor_block;

	if (at < lt->count_bytes && !(cdb[1] & SHEAF_CDB_MODE_SELECT_PF)) {
		sheaf_lu_end_bad_field(lt, 1, 4);
		return false;
	}
	while (at < lt->count_bytes) {
		unsigned left = lt->count_bytes - at, header, length;
		const struct sheaf_mode_page *page;

		header = list[at] & SHEAF_MODE_SPF ? SHEAF_MODE_SUBPAGE_HEADER
						   : SHEAF_MODE_PAGE_HEADER;
		if (left < header)
			return bad_length(lt);
		page = find_page(lt, list, at);
		if (!page)
			return false;
		length = header == SHEAF_MODE_PAGE_HEADER ? list[at + 1]
							  : sheaf_get_be16(list + at + 2);
		if (length != page->size - header)
			return bad_parameter(
				lt, at + header - (header == SHEAF_MODE_PAGE_HEADER ? 1 : 2), 7);
		if (left < page->size)
			return bad_length(lt);
		if (!check_page(lt, page, list, at))
			return false;
		memcpy(change->next + page->offset, list + at, page->size);
		change->given[page->offset] = 1;
		at += page->size;
	}
	return true;
}

/*
 * Put the change into force. *ret_flush: what is in the cache has to go to the medium now: WCE became 0, SBC-4 clause 6.5, or
 * SWP 1, SPC-4 section 7.5.8. Return: whether anything is different.
 */
static bool apply(struct sheaf_lu *lu, const struct change *change, bool *ret_flush)
{
	const uint32_t flushed = SHEAF_CONDITION_WRITE_THROUGH | SHEAF_CONDITION_WRITE_PROTECTED;
	uint8_t before[SHEAF_MODES_BYTES];
	uint32_t had, has;
	bool different;

	pthread_mutex_lock(&lu->lock);
	had = atomic_load(&lu->conditions);
	memcpy(before, lu->modes.current, sizeof(before));
	for (const struct sheaf_mode_page *page = sheaf_mode_pages; page->size; page++)
		if (change->given[page->offset])
			memcpy(lu->modes.current + page->offset, change->next + page->offset,
			       page->size);
	different = memcmp(before, lu->modes.current, sizeof(before)) != 0;
	sheaf_lu_heed_modes(lu);
	has = atomic_load(&lu->conditions);
	pthread_mutex_unlock(&lu->lock);
	*ret_flush = (has & ~had & flushed) != 0;
	return different;
}

static void applied(struct sheaf_lu_task *lt)
{
	sheaf_lu_end_good(lt, lt->count_bytes);
}

/** MODE SELECT (6) and (10). */
void sheaf_lu_mode_select(struct sheaf_lu_task *lt)
{
	struct change change = { .given = { 0 } };
	unsigned at = 0;
	bool flush = false;

	if (lt->count_bytes == 0) {
		sheaf_lu_end_good(lt, 0);
		return;
	}
	lt->scratch = malloc(lt->count_bytes);
	if (!lt->scratch) {
		sheaf_lu_end_check(lt, SHEAF_KEY_ABORTED_COMMAND, SHEAF_ASC_INSUFFICIENT_RESOURCES);
		return;
	}
	memcpy(lt->scratch, lt->data, lt->count_bytes);
	if (!check_header(lt, lt->scratch, &at) || !check_pages(lt, lt->scratch, at, &change))
		return;
	if (apply(lt->lu, &change, &flush))
		sheaf_lu_raise_attention_all_but(lt->lu, lt->task.initiator_index,
						 SHEAF_ASC_MODE_PARAMETERS_CHANGED);
	if (flush)
		sheaf_lu_flush_then(lt, applied);
	else
		applied(lt);
}
