/* SPDX-License-Identifier: MIT */
/* cdb_primary.c - the table's rows of SPC-4; see cdb.h. What masks leave out is said in cdb_block.c. */
#include "scsi/cdb.h"
#include "scsi/lu_impl.h"

#define BE16 0xff, 0xff
#define BE32 BE16, BE16

#define FROM SHEAF_TRANSFER_FROM_TARGET
#define TO   SHEAF_TRANSFER_TO_TARGET

/* clang-format off */
const struct sheaf_cdb_command sheaf_cdb_primary_rows[] = {
	{
		.name = "TEST UNIT READY", .opcode = SHEAF_SCSI_TEST_UNIT_READY, .length = 6,
		.flags = SHEAF_CDB_MEDIUM, .reserved = SHEAF_CDB_RESERVED_ALLOWED,
		.usage = { SHEAF_SCSI_TEST_UNIT_READY },
		.run = sheaf_lu_test_unit_ready,
	},
	{
		.name = "REQUEST SENSE", .opcode = SHEAF_SCSI_REQUEST_SENSE, .length = 6,
		.flags = SHEAF_CDB_PASSES_UA | SHEAF_CDB_ANY_LUN, .reserved = SHEAF_CDB_RESERVED_ALLOWED,
		.count_is = SHEAF_CDB_COUNT_ALLOCATION, .direction = FROM,
		.count = { SHEAF_CDB_6_ALLOCATION_LENGTH, 1 },
		.usage = { SHEAF_SCSI_REQUEST_SENSE, SHEAF_CDB_REQUEST_SENSE_DESC, 0, 0, 0xff },
		.run = sheaf_lu_request_sense,
	},
	{
		.name = "INQUIRY", .opcode = SHEAF_SCSI_INQUIRY, .length = 6,
		.flags = SHEAF_CDB_PASSES_UA | SHEAF_CDB_ANY_LUN, .reserved = SHEAF_CDB_RESERVED_ALLOWED,
		.count_is = SHEAF_CDB_COUNT_ALLOCATION, .direction = FROM,
		.count = { SHEAF_CDB_INQUIRY_ALLOCATION_LENGTH, 2 },
		.usage = { SHEAF_SCSI_INQUIRY, SHEAF_CDB_INQUIRY_EVPD, 0xff, BE16 },
		.run = sheaf_lu_inquiry,
	},
	{
		.name = "MODE SENSE (6)", .opcode = SHEAF_SCSI_MODE_SENSE_6, .length = 6,
		.count_is = SHEAF_CDB_COUNT_ALLOCATION, .direction = FROM,
		.count = { SHEAF_CDB_6_ALLOCATION_LENGTH, 1 },
		.usage = { SHEAF_SCSI_MODE_SENSE_6, SHEAF_CDB_MODE_SENSE_DBD, BE16, 0xff },
		.run = sheaf_lu_mode_sense,
	},
	{
		.name = "MODE SENSE (10)", .opcode = SHEAF_SCSI_MODE_SENSE_10, .length = 10,
		.count_is = SHEAF_CDB_COUNT_ALLOCATION, .direction = FROM,
		.count = { SHEAF_CDB_10_ALLOCATION_LENGTH, 2 },
		.usage = { SHEAF_SCSI_MODE_SENSE_10,
			   SHEAF_CDB_MODE_SENSE_DBD | SHEAF_CDB_MODE_SENSE_10_LLBAA, BE16,
			   [SHEAF_CDB_10_ALLOCATION_LENGTH] = BE16 },
		.run = sheaf_lu_mode_sense,
	},
	{
		.name = "REPORT LUNS", .opcode = SHEAF_SCSI_REPORT_LUNS, .length = 12,
		.flags = SHEAF_CDB_PASSES_UA | SHEAF_CDB_ANY_LUN, .reserved = SHEAF_CDB_RESERVED_ALLOWED,
		.count_is = SHEAF_CDB_COUNT_ALLOCATION, .direction = FROM,
		.count = { SHEAF_CDB_12_ALLOCATION_LENGTH, 4 },
		.usage = { SHEAF_SCSI_REPORT_LUNS, [SHEAF_CDB_REPORT_LUNS_SELECT] = 0xff,
			   [SHEAF_CDB_12_ALLOCATION_LENGTH] = BE32 },
		.run = sheaf_lu_report_luns,
	},
	{
		.name = "REPORT SUPPORTED OPERATION CODES", .opcode = SHEAF_SCSI_MAINTENANCE_IN,
		.service_action = SHEAF_SCSI_SA_REPORT_SUPPORTED_OPCODES, .length = 12,
		.flags = SHEAF_CDB_SERVICE,
		.count_is = SHEAF_CDB_COUNT_ALLOCATION, .direction = FROM,
		.count = { SHEAF_CDB_12_ALLOCATION_LENGTH, 4 },
		.usage = { SHEAF_SCSI_MAINTENANCE_IN, 0x1f, SHEAF_RSOC_RCTD | SHEAF_RSOC_OPTIONS_MASK,
			   0xff, BE16, BE32 },
		.run = sheaf_lu_report_supported_opcodes,
	},
	{
		.name = "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS",
		.opcode = SHEAF_SCSI_MAINTENANCE_IN,
		.service_action = SHEAF_SCSI_SA_REPORT_SUPPORTED_TMFS, .length = 12,
		.flags = SHEAF_CDB_SERVICE,
		.count_is = SHEAF_CDB_COUNT_ALLOCATION, .direction = FROM,
		.count = { SHEAF_CDB_12_ALLOCATION_LENGTH, 4 },
		.usage = { SHEAF_SCSI_MAINTENANCE_IN, 0x1f, SHEAF_RSTMF_REPD,
			   [SHEAF_CDB_12_ALLOCATION_LENGTH] = BE32 },
		.run = sheaf_lu_report_supported_tmfs,
	},
	{
		.name = "PREVENT ALLOW MEDIUM REMOVAL",
		.opcode = SHEAF_SCSI_PREVENT_ALLOW_MEDIUM_REMOVAL, .length = 6,
		.usage = { SHEAF_SCSI_PREVENT_ALLOW_MEDIUM_REMOVAL, 0, 0, 0, 0x01 },
		.run = sheaf_lu_prevent_allow,
	},
	{
		.name = "WRITE BUFFER", .opcode = SHEAF_SCSI_WRITE_BUFFER, .length = 10,
		.count_is = SHEAF_CDB_COUNT_PARAMETER, .direction = TO,
		.count = { SHEAF_CDB_BUFFER_LENGTH, 3 },
		.usage = { SHEAF_SCSI_WRITE_BUFFER, SHEAF_BUFFER_MODE_MASK, 0xff, BE16, 0xff, BE16, 0xff },
		.run = sheaf_lu_write_buffer,
	},
	{
		.name = "READ BUFFER", .opcode = SHEAF_SCSI_READ_BUFFER, .length = 10,
		.count_is = SHEAF_CDB_COUNT_ALLOCATION, .direction = FROM,
		.count = { SHEAF_CDB_BUFFER_LENGTH, 3 },
		.usage = { SHEAF_SCSI_READ_BUFFER, SHEAF_BUFFER_MODE_MASK, 0xff, BE16, 0xff, BE16, 0xff },
		.run = sheaf_lu_read_buffer,
	},
	{
		.name = "SEND DIAGNOSTIC", .opcode = SHEAF_SCSI_SEND_DIAGNOSTIC, .length = 6,
		.flags = SHEAF_CDB_MEDIUM,
		.count_is = SHEAF_CDB_COUNT_PARAMETER, .direction = TO,
		.count = { SHEAF_CDB_DIAGNOSTIC_LENGTH, 2 },
		.usage = { SHEAF_SCSI_SEND_DIAGNOSTIC, 0xf7, 0, BE16 },
		.run = sheaf_lu_send_diagnostic,
	},
	{
		.name = "RECEIVE DIAGNOSTIC RESULTS", .opcode = SHEAF_SCSI_RECEIVE_DIAGNOSTIC_RESULTS,
		.length = 6,
		.count_is = SHEAF_CDB_COUNT_ALLOCATION, .direction = FROM,
		.count = { SHEAF_CDB_DIAGNOSTIC_LENGTH, 2 },
		.usage = { SHEAF_SCSI_RECEIVE_DIAGNOSTIC_RESULTS, SHEAF_CDB_DIAGNOSTIC_PCV, 0xff, BE16 },
		.run = sheaf_lu_receive_diagnostic,
	},
	{
		.name = "LOG SENSE", .opcode = SHEAF_SCSI_LOG_SENSE, .length = 10,
		.reserved = SHEAF_CDB_RESERVED_ALLOWED,
		.count_is = SHEAF_CDB_COUNT_ALLOCATION, .direction = FROM,
		.count = { SHEAF_CDB_10_ALLOCATION_LENGTH, 2 },
		.usage = { SHEAF_SCSI_LOG_SENSE, 0, BE16, 0, BE16, BE16 },
		.run = sheaf_lu_log_sense,
	},
	{ .name = NULL },
};
