/* SPDX-License-Identifier: MIT */
/* mode.c - MODE SENSE, SPC-4 sections 6.13 and 6.14 */
#include <string.h>

#include "base/bits.h"
#include "scsi/lu_impl.h"
#include "scsi/mode_pages.h"

#define DATA_MAX (SHEAF_MODE_10_HEADER + SHEAF_MODE_LONG_DESCRIPTOR + SHEAF_MODES_BYTES)

unsigned sheaf_lu_put_block_descriptor(const struct sheaf_lu *lu, uint8_t *d, bool long_lba)
{
	if (long_lba) {
		sheaf_put_be64(d, sheaf_lu_capacity(lu));
		sheaf_put_be32(d + 12, lu->block_size);
		return SHEAF_MODE_LONG_DESCRIPTOR;
	}
	sheaf_put_be32(d, (uint32_t)sheaf_min64(sheaf_lu_capacity(lu), UINT32_MAX));
	sheaf_put_be24(d + 5, lu->block_size);
	return SHEAF_MODE_SHORT_DESCRIPTOR;
}

/* Mode parameter header, SPC-4 section 7.5.5; WP says that writes are refused, whatever for. */
static void put_header(struct sheaf_lu_task *lt, uint8_t *data, unsigned length,
		       unsigned descriptor_length)
{
	uint8_t specific = SHEAF_MODE_DPOFUA;

	if (lt->lu->read_only ||
	    (atomic_load(&lt->lu->conditions) & SHEAF_CONDITION_WRITE_PROTECTED))
		specific |= SHEAF_MODE_WP;
	if (lt->command->length == 6) {
		data[0] = (uint8_t)(length - 1);
		data[2] = specific;
		data[3] = (uint8_t)descriptor_length;
	} else {
		sheaf_put_be16(data, (uint16_t)(length - 2));
		data[3] = specific;
		data[4] = descriptor_length == SHEAF_MODE_LONG_DESCRIPTOR ? SHEAF_MODE_LONGLBA : 0;
		sheaf_put_be16(data + 6, (uint16_t)descriptor_length);
	}
}

/* SPC-4 table 166: which pages PAGE CODE and SUBPAGE CODE ask for. */
static bool is_asked_for(const struct sheaf_mode_page *page, uint8_t code, uint8_t subpage)
{
	if (code == SHEAF_MODE_PAGE_ALL)
		return subpage == SHEAF_MODE_SUBPAGE_ALL || (subpage == 0 && page->subpage == 0);
	return code == page->code &&
	       (subpage == SHEAF_MODE_SUBPAGE_ALL || subpage == page->subpage);
}

static void put_page(struct sheaf_lu *lu, const struct sheaf_mode_page *page, uint8_t control,
		     uint8_t *out)
{
	if (control == SHEAF_MODE_PC_CURRENT) {
		pthread_mutex_lock(&lu->lock);
		memcpy(out, lu->modes.current + page->offset, page->size);
		pthread_mutex_unlock(&lu->lock);
	} else {
		memcpy(out, page->defaults, page->size);
	}
	if (page->fill)
		page->fill(lu, out);
	if (control == SHEAF_MODE_PC_CHANGEABLE) {
		unsigned header =
			page->subpage ? SHEAF_MODE_SUBPAGE_HEADER : SHEAF_MODE_PAGE_HEADER;
		memcpy(out + header, page->changeable + header, page->size - header);
	}
}

/** MODE SENSE (6) and (10). */
void sheaf_lu_mode_sense(struct sheaf_lu_task *lt)
{
	const uint8_t *cdb = lt->task.command_descriptor_block;
	uint8_t control = cdb[SHEAF_CDB_MODE_SENSE_PAGE] >> 6;
	uint8_t code = cdb[SHEAF_CDB_MODE_SENSE_PAGE] & 0x3f;
	uint8_t subpage = cdb[SHEAF_CDB_MODE_SENSE_SUBPAGE];
	uint8_t data[DATA_MAX] = { 0 };
	unsigned header = lt->command->length == 6 ? SHEAF_MODE_6_HEADER : SHEAF_MODE_10_HEADER;
	unsigned length = header, pages_from;
	bool known = code == SHEAF_MODE_PAGE_ALL;

	if (control == SHEAF_MODE_PC_SAVED) {
		sheaf_lu_end_check(lt, SHEAF_KEY_ILLEGAL_REQUEST, SHEAF_ASC_SAVING_NOT_SUPPORTED);
		return;
	}
	if (!(cdb[1] & SHEAF_CDB_MODE_SENSE_DBD))
		length += sheaf_lu_put_block_descriptor(lt->lu, data + length,
							cdb[1] & SHEAF_CDB_MODE_SENSE_10_LLBAA);
	pages_from = length;
	for (const struct sheaf_mode_page *page = sheaf_mode_pages; page->size; page++) {
		known = known || page->code == code;
		if (!is_asked_for(page, code, subpage))
			continue;
		put_page(lt->lu, page, control, data + length);
		length += page->size;
	}
	if (length == pages_from) {
		if (known)
			sheaf_lu_end_bad_field(lt, SHEAF_CDB_MODE_SENSE_SUBPAGE, 7);
		else
			sheaf_lu_end_bad_field(lt, SHEAF_CDB_MODE_SENSE_PAGE, 5);
		return;
	}
	put_header(lt, data, length, pages_from - header);
	sheaf_lu_reply(lt, data, length);
}
