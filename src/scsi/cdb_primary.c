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
		.flags = SHEAF_CDB_MEDIUM, .reserved = SHEAF_CDB_RESERVED_READINESS,
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
		.reserved = SHEAF_CDB_RESERVED_READS,
		.count_is = SHEAF_CDB_COUNT_ALLOCATION, .direction = FROM,
		.count = { SHEAF_CDB_6_ALLOCATION_LENGTH, 1 },
		.usage = { SHEAF_SCSI_MODE_SENSE_6, SHEAF_CDB_MODE_SENSE_DBD, BE16, 0xff },
		.run = sheaf_lu_mode_sense,
	},
	{
		.name = "MODE SENSE (10)", .opcode = SHEAF_SCSI_MODE_SENSE_10, .length = 10,
		.reserved = SHEAF_CDB_RESERVED_READS,
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
		.flags = SHEAF_CDB_SERVICE, .reserved = SHEAF_CDB_RESERVED_READS,
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
		.flags = SHEAF_CDB_SERVICE, .reserved = SHEAF_CDB_RESERVED_READS,
		.count_is = SHEAF_CDB_COUNT_ALLOCATION, .direction = FROM,
		.count = { SHEAF_CDB_12_ALLOCATION_LENGTH, 4 },
		.usage = { SHEAF_SCSI_MAINTENANCE_IN, 0x1f, SHEAF_RSTMF_REPD,
			   [SHEAF_CDB_12_ALLOCATION_LENGTH] = BE32 },
		.run = sheaf_lu_report_supported_tmfs,
	},
	/* They wait for all that reads or writes: with WCE 0 or SWP 1, no write begun before is left when they end. */
	{
		.name = "MODE SELECT (6)", .opcode = SHEAF_SCSI_MODE_SELECT_6, .length = 6,
		.flags = SHEAF_CDB_EXCLUDES,
		.count_is = SHEAF_CDB_COUNT_PARAMETER, .direction = TO,
		.count = { SHEAF_CDB_6_PARAMETER_LENGTH, 1 },
		.usage = { SHEAF_SCSI_MODE_SELECT_6, SHEAF_CDB_MODE_SELECT_PF,
			   [SHEAF_CDB_6_PARAMETER_LENGTH] = 0xff },
		.run = sheaf_lu_mode_select,
	},
	{
		.name = "MODE SELECT (10)", .opcode = SHEAF_SCSI_MODE_SELECT_10, .length = 10,
		.flags = SHEAF_CDB_EXCLUDES,
		.count_is = SHEAF_CDB_COUNT_PARAMETER, .direction = TO,
		.count = { SHEAF_CDB_10_PARAMETER_LENGTH, 2 },
		.usage = { SHEAF_SCSI_MODE_SELECT_10, SHEAF_CDB_MODE_SELECT_PF,
			   [SHEAF_CDB_10_PARAMETER_LENGTH] = BE16 },
		.run = sheaf_lu_mode_select,
	},
	{
		.name = "EXTENDED COPY (LID1)", .opcode = SHEAF_SCSI_EXTENDED_COPY,
		.service_action = SHEAF_SCSI_SA_EXTENDED_COPY_LID1, .length = 16,
		.flags = SHEAF_CDB_SERVICE | SHEAF_CDB_WRITES | SHEAF_CDB_MEDIUM | SHEAF_CDB_ALL_LUS,
		.count_is = SHEAF_CDB_COUNT_PARAMETER, .direction = SHEAF_TRANSFER_TO_TARGET,
		.count = { SHEAF_CDB_16_PARAMETER_LENGTH, 4 },
		.usage = { SHEAF_SCSI_EXTENDED_COPY, 0x1f, [SHEAF_CDB_16_PARAMETER_LENGTH] = BE32 },
		.run = sheaf_lu_extended_copy,
	},
	{
		.name = "RECEIVE COPY STATUS (LID1)", .opcode = SHEAF_SCSI_RECEIVE_COPY_RESULTS,
		.service_action = SHEAF_SCSI_SA_COPY_STATUS_LID1, .length = 16,
		.flags = SHEAF_CDB_SERVICE,
		.count_is = SHEAF_CDB_COUNT_ALLOCATION, .direction = FROM,
		.count = { SHEAF_CDB_16_ALLOCATION_LENGTH, 4 },
		.usage = { SHEAF_SCSI_RECEIVE_COPY_RESULTS, 0x1f, [SHEAF_CDB_COPY_LIST_IDENTIFIER] = 0xff,
			   [SHEAF_CDB_16_ALLOCATION_LENGTH] = BE32 },
		.run = sheaf_lu_copy_status,
	},
	{
		.name = "RECEIVE COPY OPERATING PARAMETERS", .opcode = SHEAF_SCSI_RECEIVE_COPY_RESULTS,
		.service_action = SHEAF_SCSI_SA_COPY_OPERATING_PARAMETERS, .length = 16,
		.flags = SHEAF_CDB_SERVICE,
		.count_is = SHEAF_CDB_COUNT_ALLOCATION, .direction = FROM,
		.count = { SHEAF_CDB_16_ALLOCATION_LENGTH, 4 },
		.usage = { SHEAF_SCSI_RECEIVE_COPY_RESULTS, 0x1f,
			   [SHEAF_CDB_16_ALLOCATION_LENGTH] = BE32 },
		.run = sheaf_lu_copy_operating_parameters,
	},
	{ .name = NULL },
};
