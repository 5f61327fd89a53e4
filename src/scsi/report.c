/* SPDX-License-Identifier: MIT */
/*
 * report.c - small commands that tell about the LU: TEST UNIT READY, REQUEST SENSE, REPORT LUNS,
 * READ CAPACITY.
 */
#include <string.h>

#include "base/bits.h"
#include "scsi/lu_impl.h"

/** TEST UNIT READY, SPC-4 section 6.47: an image is always there. */
void sheaf_lu_test_unit_ready(struct sheaf_lu_task *lt)
{
	sheaf_lu_end_good(lt, 0);
}

/**
 * REQUEST SENSE, SPC-4 section 6.39: the pending unit attention, which it clears, or why the unit is not ready (with how far it
 * is), or how far a self-test is, or NO SENSE, as data.
 */
void sheaf_lu_request_sense(struct sheaf_lu_task *lt)
{
	uint8_t data[SHEAF_SENSE_BUILD_MAX];
	struct sheaf_sense sense = { .key = SHEAF_KEY_NO_SENSE };
	unsigned length;

	if (!lt->lu) {
		sense.key = SHEAF_KEY_ILLEGAL_REQUEST;
		sense.asc = SHEAF_ASC_LU_NOT_SUPPORTED;
	} else {
		sense.asc = sheaf_lu_take_attention(lt->lu, lt->task.initiator_index);
		if (sense.asc)
			sense.key = SHEAF_KEY_UNIT_ATTENTION;
		else
			sheaf_unit_describe(lt->lu, &sense);
		if (sense.key == SHEAF_KEY_NO_SENSE)
			sheaf_self_test_describe(lt->lu, &sense);
	}
	if (lt->task.command_descriptor_block[1] & SHEAF_CDB_REQUEST_SENSE_DESC)
		length = sheaf_sense_build_descriptor(&sense, data);
	else
		length = sheaf_sense_build_fixed(&sense, data);
	sheaf_lu_reply(lt, data, length);
}

/*
 * SAM-5 section 4.7.7: peripheral device addressing as far as it goes, then flat space addressing.
 */
static void put_lun(uint8_t *entry, uint32_t lun)
{
	memset(entry, 0, SHEAF_REPORT_LUNS_ENTRY);
	if (lun > SHEAF_LUN_PERIPHERAL_MAX)
		entry[0] = (uint8_t)(SHEAF_LUN_FLAT | lun >> 8);
	entry[1] = (uint8_t)lun;
}

/*
 * SELECT REPORT, SPC-4 section 6.33: there are neither well known nor administrative LUs, and none is in a conglomerate. False:
 * a reserved value.
 */
static bool select_luns(uint8_t select, uint32_t *count)
{
	switch (select) {
	case SHEAF_REPORT_LUNS_ADDRESSED:
	case SHEAF_REPORT_LUNS_ALL:
	case SHEAF_REPORT_LUNS_TOP:
		return true;
	case SHEAF_REPORT_LUNS_WELL_KNOWN:
	case SHEAF_REPORT_LUNS_ADMINISTRATIVE:
	case SHEAF_REPORT_LUNS_SUBSIDIARY:
		*count = 0;
		return true;
	default:
		return false;
	}
}

/** REPORT LUNS, SPC-4 section 6.33: 0 to lun_count - 1. */
void sheaf_lu_report_luns(struct sheaf_lu_task *lt)
{
	uint8_t select = lt->task.command_descriptor_block[SHEAF_CDB_REPORT_LUNS_SELECT];
	uint32_t count = (uint32_t)sheaf_min64(lt->lun_count, SHEAF_LUN_FLAT_MAX + 1);
	uint8_t part[SHEAF_REPORT_LUNS_HEADER] = { 0 };
	uint64_t room = sheaf_lu_reply_room(lt), at = SHEAF_REPORT_LUNS_HEADER;

	if (!select_luns(select, &count)) {
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_REPORT_LUNS_SELECT, 7);
		return;
	}
	sheaf_put_be32(part, count * SHEAF_REPORT_LUNS_ENTRY);
	sheaf_lu_reply_put(lt, 0, part, sizeof(part));
	for (uint32_t lun = 0; lun < count && at < room; lun++, at += SHEAF_REPORT_LUNS_ENTRY) {
		put_lun(part, lun);
		sheaf_lu_reply_put(lt, at, part, sizeof(part));
	}
	sheaf_lu_reply_end(lt,
			   SHEAF_REPORT_LUNS_HEADER + (uint64_t)count * SHEAF_REPORT_LUNS_ENTRY);
}

/** READ CAPACITY (10), SBC-4: the last LBA, or FFFFFFFFh when that takes READ CAPACITY (16). */
void sheaf_lu_read_capacity_10(struct sheaf_lu_task *lt)
{
	uint8_t data[SHEAF_READ_CAPACITY_10_LENGTH];

	if (!sheaf_lu_check_data(lt, sizeof(data)))
		return;
	sheaf_put_be32(data, (uint32_t)sheaf_min64(sheaf_lu_capacity(lt->lu) - 1, UINT32_MAX));
	sheaf_put_be32(data + 4, lt->lu->block_size);
	memcpy(lt->data, data, sizeof(data));
	sheaf_lu_end_good(lt, sizeof(data));
}

/**
 * READ CAPACITY (16), SBC-4. LOGICAL BLOCKS PER PHYSICAL BLOCK EXPONENT is 0: an image can be written, unmapped and asked for
 * (GET LBA STATUS) by single blocks. The size that the store prefers is a hint, and hints are in VPD page B0h.
 */
void sheaf_lu_read_capacity_16(struct sheaf_lu_task *lt)
{
	const struct sheaf_lu *lu = lt->lu;
	uint8_t data[SHEAF_READ_CAPACITY_16_LENGTH] = { 0 };

	sheaf_put_be64(data, sheaf_lu_capacity(lu) - 1);
	sheaf_put_be32(data + 8, lu->block_size);
	if (lu->store->can_discard)
		data[SHEAF_READ_CAPACITY_16_FLAGS] =
			SHEAF_READ_CAPACITY_16_LBPME | SHEAF_READ_CAPACITY_16_LBPRZ;
	sheaf_lu_reply(lt, data, sizeof(data));
}
