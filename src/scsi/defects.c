/* SPDX-License-Identifier: MIT */
/*
 * defects.c - READ DEFECT DATA (10) and (12) (SBC-4): an image has no defects, so both lists are there, and empty
 *
 * Which address descriptor format was asked for is repeated, as the format of no address fits any.
 */
#include "scsi/lu_impl.h"

/* False: the command has ended. */
static bool check_format(struct sheaf_lu_task *lt, uint16_t byte, uint8_t format)
{
	if (format < SHEAF_DEFECTS_FORMAT_VENDOR)
		return true;
	sheaf_lu_end_bad_field(lt, byte, 2);
	return false;
}

void sheaf_lu_read_defect_data_10(struct sheaf_lu_task *lt)
{
	uint8_t asked = lt->task.command_descriptor_block[SHEAF_CDB_DEFECTS_10];
	const uint8_t data[SHEAF_DEFECTS_10_HEADER] = { [1] = asked };

	if (check_format(lt, SHEAF_CDB_DEFECTS_10, asked & SHEAF_DEFECTS_FORMAT_MASK))
		sheaf_lu_reply(lt, data, sizeof(data));
}

/** The list ends before any ADDRESS DESCRIPTOR INDEX. */
void sheaf_lu_read_defect_data_12(struct sheaf_lu_task *lt)
{
	uint8_t asked = lt->task.command_descriptor_block[SHEAF_CDB_DEFECTS_12];
	const uint8_t data[SHEAF_DEFECTS_12_HEADER] = { [1] = asked };

	if (check_format(lt, SHEAF_CDB_DEFECTS_12, asked & SHEAF_DEFECTS_FORMAT_MASK))
		sheaf_lu_reply(lt, data, sizeof(data));
}
