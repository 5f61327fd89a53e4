/* SPDX-License-Identifier: MIT */
/* observe.c - see observe.h */
#include "host/observe.h"

#include <sheaf/scsi.h>

/* SBC-4 section 5.3; nobody of ours sends it yet, others' controllers may get it from elsewhere. */
#define OPCODE_COMPARE_AND_WRITE 0x89
#define SERVICE_ACTION_MASK	 0x1f

const char *const sheaf_command_names[SHEAF_COMMAND_KINDS] = {
	[SHEAF_COMMAND_READ] = "read",
	[SHEAF_COMMAND_WRITE] = "write",
	[SHEAF_COMMAND_FLUSH] = "flush",
	[SHEAF_COMMAND_UNMAP] = "unmap",
	[SHEAF_COMMAND_WRITE_SAME] = "write_same",
	[SHEAF_COMMAND_COMPARE_AND_WRITE] = "compare_and_write",
	[SHEAF_COMMAND_GET_LBA_STATUS] = "get_lba_status",
	[SHEAF_COMMAND_OTHER] = "other",
};

static const uint8_t by_opcode[256] = {
	[SHEAF_SCSI_READ_6] = SHEAF_COMMAND_READ,
	[SHEAF_SCSI_READ_10] = SHEAF_COMMAND_READ,
	[SHEAF_SCSI_READ_12] = SHEAF_COMMAND_READ,
	[SHEAF_SCSI_READ_16] = SHEAF_COMMAND_READ,
	[SHEAF_SCSI_WRITE_6] = SHEAF_COMMAND_WRITE,
	[SHEAF_SCSI_WRITE_10] = SHEAF_COMMAND_WRITE,
	[SHEAF_SCSI_WRITE_12] = SHEAF_COMMAND_WRITE,
	[SHEAF_SCSI_WRITE_16] = SHEAF_COMMAND_WRITE,
	[SHEAF_SCSI_SYNCHRONIZE_CACHE_10] = SHEAF_COMMAND_FLUSH,
	[SHEAF_SCSI_SYNCHRONIZE_CACHE_16] = SHEAF_COMMAND_FLUSH,
	[SHEAF_SCSI_UNMAP] = SHEAF_COMMAND_UNMAP,
	[SHEAF_SCSI_WRITE_SAME_10] = SHEAF_COMMAND_WRITE_SAME,
	[SHEAF_SCSI_WRITE_SAME_16] = SHEAF_COMMAND_WRITE_SAME,
	[OPCODE_COMPARE_AND_WRITE] = SHEAF_COMMAND_COMPARE_AND_WRITE,
	[SHEAF_SCSI_SERVICE_ACTION_IN_16] = SHEAF_COMMAND_GET_LBA_STATUS,
};

enum sheaf_command sheaf_command_of(const uint8_t *cdb)
{
	enum sheaf_command command = (enum sheaf_command)by_opcode[cdb[SHEAF_CDB_OPCODE]];

	/* The one opcode with several meanings. */
	if (command == SHEAF_COMMAND_GET_LBA_STATUS &&
	    (cdb[SHEAF_CDB_SERVICE_ACTION] & SERVICE_ACTION_MASK) != SHEAF_SCSI_SA_GET_LBA_STATUS)
		return SHEAF_COMMAND_OTHER;
	return command;
}
