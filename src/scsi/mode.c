/* SPDX-License-Identifier: MIT */
/*
 * mode.c - MODE SENSE, SPC-4 sections 6.13 and 6.14. Nothing can be changed, so current is
 * default.
 */
#include <string.h>

#include "base/bits.h"
#include "scsi/lu_impl.h"

#define DATA_MAX 96

/* Caching, SBC-4 clause 6.5: writes are in a volatile cache until they are synchronized. */
static unsigned caching_page(uint8_t *page, bool changeable)
{
	page[0] = SHEAF_MODE_PAGE_CACHING;
	page[1] = 18;
	if (!changeable)
		page[2] = SHEAF_MODE_CACHING_WCE;
	return 20;
}

/* Control, SPC-4 section 7.5.8: tasks in any order, fixed format sense. */
static unsigned control_page(uint8_t *page, bool changeable)
{
	page[0] = SHEAF_MODE_PAGE_CONTROL;
	page[1] = 10;
	if (!changeable) {
		page[2] = SHEAF_MODE_CONTROL_GLTSD;
		page[3] = SHEAF_MODE_CONTROL_UNRESTRICTED;
	}
	return 12;
}

/* In ascending order; all of them have subpage 00h only. */
static const struct {
	uint8_t code;
	unsigned (*build)(uint8_t *page, bool changeable);
} pages[] = {
	{ SHEAF_MODE_PAGE_CACHING, caching_page },
	{ SHEAF_MODE_PAGE_CONTROL, control_page },
};

/*
 * Mode parameter block descriptor of direct-access LUs, SBC-4 clause 6.5: short, or long with
 * LLBAA.
 */
static unsigned block_descriptor(const struct sheaf_lu *lu, uint8_t *d, bool long_lba)
{
	if (long_lba) {
		sheaf_put_be64(d, sheaf_lu_capacity(lu));
		sheaf_put_be32(d + 12, lu->block_size);
		return 16;
	}
	sheaf_put_be32(d, (uint32_t)sheaf_min64(sheaf_lu_capacity(lu), UINT32_MAX));
	sheaf_put_be24(d + 5, lu->block_size);
	return 8;
}

/* Mode parameter header, SPC-4 section 7.5.5. */
static void put_header(struct sheaf_lu_task *lt, uint8_t *data, unsigned length,
		       unsigned descriptor_length)
{
	uint8_t specific = SHEAF_MODE_DPOFUA;

	if (lt->lu->read_only)
		specific |= SHEAF_MODE_WP;
	if (lt->command->length == 6) {
		data[0] = (uint8_t)(length - 1);
		data[2] = specific;
		data[3] = (uint8_t)descriptor_length;
	} else {
		sheaf_put_be16(data, (uint16_t)(length - 2));
		data[3] = specific;
		data[4] = descriptor_length == 16;
		sheaf_put_be16(data + 6, (uint16_t)descriptor_length);
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

	if (control == SHEAF_MODE_PC_SAVED) {
		sheaf_lu_end_check(lt, SHEAF_KEY_ILLEGAL_REQUEST, SHEAF_ASC_SAVING_NOT_SUPPORTED);
		return;
	}
	if (subpage != 0 && subpage != SHEAF_MODE_SUBPAGE_ALL) {
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_MODE_SENSE_SUBPAGE, 7);
		return;
	}
	if (!(cdb[1] & SHEAF_CDB_MODE_SENSE_DBD))
		length += block_descriptor(lt->lu, data + length,
					   cdb[1] & SHEAF_CDB_MODE_SENSE_10_LLBAA);
	pages_from = length;
	for (unsigned i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (code == SHEAF_MODE_PAGE_ALL || code == pages[i].code)
			length +=
				pages[i].build(data + length, control == SHEAF_MODE_PC_CHANGEABLE);
	if (length == pages_from) {
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_MODE_SENSE_PAGE, 5);
		return;
	}
	put_header(lt, data, length, pages_from - header);
	sheaf_lu_reply(lt, data, length);
}
