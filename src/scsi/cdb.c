/* SPDX-License-Identifier: MIT */
/**
 * cdb.c - see cdb.h
 *
 * Masks leave out what this LU does not do, so that asking for it is INVALID FIELD IN CDB:
 * protection information, RARC, ANCHOR, GROUP NUMBER, the whole CONTROL byte (NACA among it), and
 * everything reserved or obsolete, but for FUA_NV, which old hosts set and SBC-4 lets us ignore.
 */
#include "scsi/cdb.h"

#include <string.h>

#include "base/bits.h"
#include "scsi/lu_impl.h"

#define BE16	0xff, 0xff
#define BE32	BE16, BE16
#define BE64	BE32, BE32
#define RW_BITS (SHEAF_CDB_RW_DPO | SHEAF_CDB_RW_FUA | SHEAF_CDB_RW_FUA_NV)

#define WV_BITS (SHEAF_CDB_RW_DPO | SHEAF_CDB_BYTCHK_DATA)
#define V_BITS	(SHEAF_CDB_RW_DPO | SHEAF_CDB_BYTCHK_MASK)

#define FROM SHEAF_TRANSFER_FROM_TARGET
#define TO   SHEAF_TRANSFER_TO_TARGET

enum row {
	ROW_READ_16,
	ROW_WRITE_16,
	ROW_READ_10,
	ROW_WRITE_10,
	ROW_READ_12,
	ROW_WRITE_12,
	ROW_READ_6,
	ROW_WRITE_6,
	ROW_WRITE_AND_VERIFY_10,
	ROW_WRITE_AND_VERIFY_12,
	ROW_WRITE_AND_VERIFY_16,
	ROW_VERIFY_10,
	ROW_VERIFY_12,
	ROW_VERIFY_16,
	ROW_PRE_FETCH_10,
	ROW_PRE_FETCH_16,
	ROW_SYNCHRONIZE_CACHE_10,
	ROW_SYNCHRONIZE_CACHE_16,
	ROW_UNMAP,
	ROW_WRITE_SAME_10,
	ROW_WRITE_SAME_16,
	ROW_READ_CAPACITY_16, /* rows of one opcode stand together */
	ROW_GET_LBA_STATUS,
	ROW_READ_CAPACITY_10,
	ROW_TEST_UNIT_READY,
	ROW_REQUEST_SENSE,
	ROW_INQUIRY,
	ROW_MODE_SENSE_6,
	ROW_MODE_SENSE_10,
	ROW_REPORT_LUNS,
	ROW_REPORT_SUPPORTED_OPCODES,
	ROW_REPORT_SUPPORTED_TMFS,
	ROW_COUNT,
};

/* clang-format off */
static const struct sheaf_cdb_command commands[ROW_COUNT] = {
	[ROW_READ_16] = {
		.name = "READ (16)", .opcode = SHEAF_SCSI_READ_16, .length = 16,
		.count_is = SHEAF_CDB_COUNT_TRANSFER, .direction = FROM,
		.lba = { SHEAF_CDB_16_LBA, 8 }, .count = { SHEAF_CDB_16_TRANSFER_LENGTH, 4 },
		.usage = { SHEAF_SCSI_READ_16, RW_BITS, BE64, BE32 },
		.run = sheaf_lu_read,
	},
	[ROW_WRITE_16] = {
		.name = "WRITE (16)", .opcode = SHEAF_SCSI_WRITE_16, .length = 16,
		.flags = SHEAF_CDB_WRITES, .count_is = SHEAF_CDB_COUNT_TRANSFER, .direction = TO,
		.lba = { SHEAF_CDB_16_LBA, 8 }, .count = { SHEAF_CDB_16_TRANSFER_LENGTH, 4 },
		.usage = { SHEAF_SCSI_WRITE_16, RW_BITS, BE64, BE32 },
		.run = sheaf_lu_write,
	},
	[ROW_READ_10] = {
		.name = "READ (10)", .opcode = SHEAF_SCSI_READ_10, .length = 10,
		.count_is = SHEAF_CDB_COUNT_TRANSFER, .direction = FROM,
		.lba = { SHEAF_CDB_10_LBA, 4 }, .count = { SHEAF_CDB_10_TRANSFER_LENGTH, 2 },
		.usage = { SHEAF_SCSI_READ_10, RW_BITS, BE32, 0, BE16 },
		.run = sheaf_lu_read,
	},
	[ROW_WRITE_10] = {
		.name = "WRITE (10)", .opcode = SHEAF_SCSI_WRITE_10, .length = 10,
		.flags = SHEAF_CDB_WRITES, .count_is = SHEAF_CDB_COUNT_TRANSFER, .direction = TO,
		.lba = { SHEAF_CDB_10_LBA, 4 }, .count = { SHEAF_CDB_10_TRANSFER_LENGTH, 2 },
		.usage = { SHEAF_SCSI_WRITE_10, RW_BITS, BE32, 0, BE16 },
		.run = sheaf_lu_write,
	},
	[ROW_READ_12] = {
		.name = "READ (12)", .opcode = SHEAF_SCSI_READ_12, .length = 12,
		.count_is = SHEAF_CDB_COUNT_TRANSFER, .direction = FROM,
		.lba = { SHEAF_CDB_12_LBA, 4 }, .count = { SHEAF_CDB_12_TRANSFER_LENGTH, 4 },
		.usage = { SHEAF_SCSI_READ_12, RW_BITS, BE32, BE32 },
		.run = sheaf_lu_read,
	},
	[ROW_WRITE_12] = {
		.name = "WRITE (12)", .opcode = SHEAF_SCSI_WRITE_12, .length = 12,
		.flags = SHEAF_CDB_WRITES, .count_is = SHEAF_CDB_COUNT_TRANSFER, .direction = TO,
		.lba = { SHEAF_CDB_12_LBA, 4 }, .count = { SHEAF_CDB_12_TRANSFER_LENGTH, 4 },
		.usage = { SHEAF_SCSI_WRITE_12, RW_BITS, BE32, BE32 },
		.run = sheaf_lu_write,
	},
	[ROW_READ_6] = {
		.name = "READ (6)", .opcode = SHEAF_SCSI_READ_6, .length = 6,
		.flags = SHEAF_CDB_ZERO_IS_256, .count_is = SHEAF_CDB_COUNT_TRANSFER,
		.direction = FROM,
		.lba = { SHEAF_CDB_6_LBA, 3 }, .count = { SHEAF_CDB_6_TRANSFER_LENGTH, 1 },
		.usage = { SHEAF_SCSI_READ_6, 0x1f, BE16, 0xff },
		.run = sheaf_lu_read,
	},
	[ROW_WRITE_6] = {
		.name = "WRITE (6)", .opcode = SHEAF_SCSI_WRITE_6, .length = 6,
		.flags = SHEAF_CDB_ZERO_IS_256 | SHEAF_CDB_WRITES,
		.count_is = SHEAF_CDB_COUNT_TRANSFER, .direction = TO,
		.lba = { SHEAF_CDB_6_LBA, 3 }, .count = { SHEAF_CDB_6_TRANSFER_LENGTH, 1 },
		.usage = { SHEAF_SCSI_WRITE_6, 0x1f, BE16, 0xff },
		.run = sheaf_lu_write,
	},
	[ROW_WRITE_AND_VERIFY_10] = {
		.name = "WRITE AND VERIFY (10)", .opcode = SHEAF_SCSI_WRITE_AND_VERIFY_10, .length = 10,
		.flags = SHEAF_CDB_WRITES, .count_is = SHEAF_CDB_COUNT_TRANSFER, .direction = TO,
		.lba = { SHEAF_CDB_10_LBA, 4 }, .count = { SHEAF_CDB_10_TRANSFER_LENGTH, 2 },
		.usage = { SHEAF_SCSI_WRITE_AND_VERIFY_10, WV_BITS, BE32, 0, BE16 },
		.run = sheaf_lu_write_and_verify,
	},
	[ROW_WRITE_AND_VERIFY_12] = {
		.name = "WRITE AND VERIFY (12)", .opcode = SHEAF_SCSI_WRITE_AND_VERIFY_12, .length = 12,
		.flags = SHEAF_CDB_WRITES, .count_is = SHEAF_CDB_COUNT_TRANSFER, .direction = TO,
		.lba = { SHEAF_CDB_12_LBA, 4 }, .count = { SHEAF_CDB_12_TRANSFER_LENGTH, 4 },
		.usage = { SHEAF_SCSI_WRITE_AND_VERIFY_12, WV_BITS, BE32, BE32 },
		.run = sheaf_lu_write_and_verify,
	},
	[ROW_WRITE_AND_VERIFY_16] = {
		.name = "WRITE AND VERIFY (16)", .opcode = SHEAF_SCSI_WRITE_AND_VERIFY_16, .length = 16,
		.flags = SHEAF_CDB_WRITES, .count_is = SHEAF_CDB_COUNT_TRANSFER, .direction = TO,
		.lba = { SHEAF_CDB_16_LBA, 8 }, .count = { SHEAF_CDB_16_TRANSFER_LENGTH, 4 },
		.usage = { SHEAF_SCSI_WRITE_AND_VERIFY_16, WV_BITS, BE64, BE32 },
		.run = sheaf_lu_write_and_verify,
	},
	[ROW_VERIFY_10] = {
		.name = "VERIFY (10)", .opcode = SHEAF_SCSI_VERIFY_10, .length = 10,
		.count_is = SHEAF_CDB_COUNT_BLOCKS, .direction = TO,
		.lba = { SHEAF_CDB_10_LBA, 4 }, .count = { SHEAF_CDB_10_TRANSFER_LENGTH, 2 },
		.usage = { SHEAF_SCSI_VERIFY_10, V_BITS, BE32, 0, BE16 },
		.run = sheaf_lu_verify,
	},
	[ROW_VERIFY_12] = {
		.name = "VERIFY (12)", .opcode = SHEAF_SCSI_VERIFY_12, .length = 12,
		.count_is = SHEAF_CDB_COUNT_BLOCKS, .direction = TO,
		.lba = { SHEAF_CDB_12_LBA, 4 }, .count = { SHEAF_CDB_12_TRANSFER_LENGTH, 4 },
		.usage = { SHEAF_SCSI_VERIFY_12, V_BITS, BE32, BE32 },
		.run = sheaf_lu_verify,
	},
	[ROW_VERIFY_16] = {
		.name = "VERIFY (16)", .opcode = SHEAF_SCSI_VERIFY_16, .length = 16,
		.count_is = SHEAF_CDB_COUNT_BLOCKS, .direction = TO,
		.lba = { SHEAF_CDB_16_LBA, 8 }, .count = { SHEAF_CDB_16_TRANSFER_LENGTH, 4 },
		.usage = { SHEAF_SCSI_VERIFY_16, V_BITS, BE64, BE32 },
		.run = sheaf_lu_verify,
	},
	[ROW_PRE_FETCH_10] = {
		.name = "PRE-FETCH (10)", .opcode = SHEAF_SCSI_PRE_FETCH_10, .length = 10,
		.count_is = SHEAF_CDB_COUNT_BLOCKS,
		.lba = { SHEAF_CDB_10_LBA, 4 }, .count = { SHEAF_CDB_10_TRANSFER_LENGTH, 2 },
		.usage = { SHEAF_SCSI_PRE_FETCH_10, SHEAF_CDB_PRE_FETCH_IMMED, BE32, 0, BE16 },
		.run = sheaf_lu_pre_fetch,
	},
	[ROW_PRE_FETCH_16] = {
		.name = "PRE-FETCH (16)", .opcode = SHEAF_SCSI_PRE_FETCH_16, .length = 16,
		.count_is = SHEAF_CDB_COUNT_BLOCKS,
		.lba = { SHEAF_CDB_16_LBA, 8 }, .count = { SHEAF_CDB_16_TRANSFER_LENGTH, 4 },
		.usage = { SHEAF_SCSI_PRE_FETCH_16, SHEAF_CDB_PRE_FETCH_IMMED, BE64, BE32 },
		.run = sheaf_lu_pre_fetch,
	},
	[ROW_SYNCHRONIZE_CACHE_10] = {
		.name = "SYNCHRONIZE CACHE (10)", .opcode = SHEAF_SCSI_SYNCHRONIZE_CACHE_10,
		.length = 10,
		.count_is = SHEAF_CDB_COUNT_BLOCKS,
		.lba = { SHEAF_CDB_10_LBA, 4 }, .count = { SHEAF_CDB_10_TRANSFER_LENGTH, 2 },
		.usage = { SHEAF_SCSI_SYNCHRONIZE_CACHE_10, SHEAF_CDB_SYNC_IMMED, BE32, 0, BE16 },
		.run = sheaf_lu_synchronize_cache,
	},
	[ROW_SYNCHRONIZE_CACHE_16] = {
		.name = "SYNCHRONIZE CACHE (16)", .opcode = SHEAF_SCSI_SYNCHRONIZE_CACHE_16,
		.length = 16,
		.count_is = SHEAF_CDB_COUNT_BLOCKS,
		.lba = { SHEAF_CDB_16_LBA, 8 }, .count = { SHEAF_CDB_16_TRANSFER_LENGTH, 4 },
		.usage = { SHEAF_SCSI_SYNCHRONIZE_CACHE_16, SHEAF_CDB_SYNC_IMMED, BE64, BE32 },
		.run = sheaf_lu_synchronize_cache,
	},
	[ROW_UNMAP] = {
		.name = "UNMAP", .opcode = SHEAF_SCSI_UNMAP, .length = 10,
		.flags = SHEAF_CDB_WRITES, .count_is = SHEAF_CDB_COUNT_PARAMETER, .direction = TO,
		.count = { SHEAF_CDB_10_PARAMETER_LENGTH, 2 },
		.usage = { SHEAF_SCSI_UNMAP, [SHEAF_CDB_10_PARAMETER_LENGTH] = BE16 },
		.run = sheaf_lu_unmap,
	},
	[ROW_WRITE_SAME_10] = {
		.name = "WRITE SAME (10)", .opcode = SHEAF_SCSI_WRITE_SAME_10, .length = 10,
		.flags = SHEAF_CDB_WRITES, .count_is = SHEAF_CDB_COUNT_BLOCKS, .direction = TO,
		.lba = { SHEAF_CDB_10_LBA, 4 }, .count = { SHEAF_CDB_10_TRANSFER_LENGTH, 2 },
		.usage = { SHEAF_SCSI_WRITE_SAME_10, SHEAF_CDB_WRITE_SAME_UNMAP, BE32, 0, BE16 },
		.run = sheaf_lu_write_same,
	},
	[ROW_WRITE_SAME_16] = {
		.name = "WRITE SAME (16)", .opcode = SHEAF_SCSI_WRITE_SAME_16, .length = 16,
		.flags = SHEAF_CDB_WRITES, .count_is = SHEAF_CDB_COUNT_BLOCKS, .direction = TO,
		.lba = { SHEAF_CDB_16_LBA, 8 }, .count = { SHEAF_CDB_16_TRANSFER_LENGTH, 4 },
		.usage = { SHEAF_SCSI_WRITE_SAME_16,
			   SHEAF_CDB_WRITE_SAME_UNMAP | SHEAF_CDB_WRITE_SAME_16_NDOB, BE64, BE32 },
		.run = sheaf_lu_write_same,
	},
	[ROW_READ_CAPACITY_16] = {
		.name = "READ CAPACITY (16)", .opcode = SHEAF_SCSI_SERVICE_ACTION_IN_16,
		.service_action = SHEAF_SCSI_SA_READ_CAPACITY_16, .length = 16,
		.flags = SHEAF_CDB_SERVICE,
		.count_is = SHEAF_CDB_COUNT_ALLOCATION, .direction = FROM,
		.count = { SHEAF_CDB_16_ALLOCATION_LENGTH, 4 },
		.usage = { SHEAF_SCSI_SERVICE_ACTION_IN_16, 0x1f,
			   [SHEAF_CDB_16_ALLOCATION_LENGTH] = BE32 },
		.run = sheaf_lu_read_capacity_16,
	},
	[ROW_GET_LBA_STATUS] = {
		.name = "GET LBA STATUS", .opcode = SHEAF_SCSI_SERVICE_ACTION_IN_16,
		.service_action = SHEAF_SCSI_SA_GET_LBA_STATUS, .length = 16,
		.flags = SHEAF_CDB_SERVICE,
		.count_is = SHEAF_CDB_COUNT_ALLOCATION, .direction = FROM,
		.lba = { SHEAF_CDB_16_LBA, 8 }, .count = { SHEAF_CDB_16_ALLOCATION_LENGTH, 4 },
		.usage = { SHEAF_SCSI_SERVICE_ACTION_IN_16, 0x1f, BE64, BE32 },
		.run = sheaf_lu_get_lba_status,
	},
	[ROW_READ_CAPACITY_10] = {
		.name = "READ CAPACITY (10)", .opcode = SHEAF_SCSI_READ_CAPACITY_10, .length = 10,
		.direction = FROM,
		.usage = { SHEAF_SCSI_READ_CAPACITY_10 },
		.run = sheaf_lu_read_capacity_10,
	},
	[ROW_TEST_UNIT_READY] = {
		.name = "TEST UNIT READY", .opcode = SHEAF_SCSI_TEST_UNIT_READY, .length = 6,
		.usage = { SHEAF_SCSI_TEST_UNIT_READY },
		.run = sheaf_lu_test_unit_ready,
	},
	[ROW_REQUEST_SENSE] = {
		.name = "REQUEST SENSE", .opcode = SHEAF_SCSI_REQUEST_SENSE, .length = 6,
		.flags = SHEAF_CDB_PASSES_UA | SHEAF_CDB_ANY_LUN,
		.count_is = SHEAF_CDB_COUNT_ALLOCATION, .direction = FROM,
		.count = { SHEAF_CDB_6_ALLOCATION_LENGTH, 1 },
		.usage = { SHEAF_SCSI_REQUEST_SENSE, SHEAF_CDB_REQUEST_SENSE_DESC, 0, 0, 0xff },
		.run = sheaf_lu_request_sense,
	},
	[ROW_INQUIRY] = {
		.name = "INQUIRY", .opcode = SHEAF_SCSI_INQUIRY, .length = 6,
		.flags = SHEAF_CDB_PASSES_UA | SHEAF_CDB_ANY_LUN,
		.count_is = SHEAF_CDB_COUNT_ALLOCATION, .direction = FROM,
		.count = { SHEAF_CDB_INQUIRY_ALLOCATION_LENGTH, 2 },
		.usage = { SHEAF_SCSI_INQUIRY, SHEAF_CDB_INQUIRY_EVPD, 0xff, BE16 },
		.run = sheaf_lu_inquiry,
	},
	[ROW_MODE_SENSE_6] = {
		.name = "MODE SENSE (6)", .opcode = SHEAF_SCSI_MODE_SENSE_6, .length = 6,
		.count_is = SHEAF_CDB_COUNT_ALLOCATION, .direction = FROM,
		.count = { SHEAF_CDB_6_ALLOCATION_LENGTH, 1 },
		.usage = { SHEAF_SCSI_MODE_SENSE_6, SHEAF_CDB_MODE_SENSE_DBD, BE16, 0xff },
		.run = sheaf_lu_mode_sense,
	},
	[ROW_MODE_SENSE_10] = {
		.name = "MODE SENSE (10)", .opcode = SHEAF_SCSI_MODE_SENSE_10, .length = 10,
		.count_is = SHEAF_CDB_COUNT_ALLOCATION, .direction = FROM,
		.count = { SHEAF_CDB_10_ALLOCATION_LENGTH, 2 },
		.usage = { SHEAF_SCSI_MODE_SENSE_10,
			   SHEAF_CDB_MODE_SENSE_DBD | SHEAF_CDB_MODE_SENSE_10_LLBAA, BE16,
			   [SHEAF_CDB_10_ALLOCATION_LENGTH] = BE16 },
		.run = sheaf_lu_mode_sense,
	},
	[ROW_REPORT_LUNS] = {
		.name = "REPORT LUNS", .opcode = SHEAF_SCSI_REPORT_LUNS, .length = 12,
		.flags = SHEAF_CDB_PASSES_UA | SHEAF_CDB_ANY_LUN,
		.count_is = SHEAF_CDB_COUNT_ALLOCATION, .direction = FROM,
		.count = { SHEAF_CDB_12_ALLOCATION_LENGTH, 4 },
		.usage = { SHEAF_SCSI_REPORT_LUNS, [SHEAF_CDB_REPORT_LUNS_SELECT] = 0xff,
			   [SHEAF_CDB_12_ALLOCATION_LENGTH] = BE32 },
		.run = sheaf_lu_report_luns,
	},
	[ROW_REPORT_SUPPORTED_OPCODES] = {
		.name = "REPORT SUPPORTED OPERATION CODES", .opcode = SHEAF_SCSI_MAINTENANCE_IN,
		.service_action = SHEAF_SCSI_SA_REPORT_SUPPORTED_OPCODES, .length = 12,
		.flags = SHEAF_CDB_SERVICE,
		.count_is = SHEAF_CDB_COUNT_ALLOCATION, .direction = FROM,
		.count = { SHEAF_CDB_12_ALLOCATION_LENGTH, 4 },
		.usage = { SHEAF_SCSI_MAINTENANCE_IN, 0x1f, SHEAF_RSOC_RCTD | SHEAF_RSOC_OPTIONS_MASK,
			   0xff, BE16, BE32 },
		.run = sheaf_lu_report_supported_opcodes,
	},
	[ROW_REPORT_SUPPORTED_TMFS] = {
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
};

/* clang-format on */

/* First row of an opcode, + 1; 0: none. tests/unit/test_cdb.c compares it with the table. */
static const uint8_t row_of_opcode[256] = {
	[SHEAF_SCSI_READ_16] = ROW_READ_16 + 1,
	[SHEAF_SCSI_WRITE_16] = ROW_WRITE_16 + 1,
	[SHEAF_SCSI_READ_10] = ROW_READ_10 + 1,
	[SHEAF_SCSI_WRITE_10] = ROW_WRITE_10 + 1,
	[SHEAF_SCSI_READ_12] = ROW_READ_12 + 1,
	[SHEAF_SCSI_WRITE_12] = ROW_WRITE_12 + 1,
	[SHEAF_SCSI_READ_6] = ROW_READ_6 + 1,
	[SHEAF_SCSI_WRITE_6] = ROW_WRITE_6 + 1,
	[SHEAF_SCSI_WRITE_AND_VERIFY_10] = ROW_WRITE_AND_VERIFY_10 + 1,
	[SHEAF_SCSI_WRITE_AND_VERIFY_12] = ROW_WRITE_AND_VERIFY_12 + 1,
	[SHEAF_SCSI_WRITE_AND_VERIFY_16] = ROW_WRITE_AND_VERIFY_16 + 1,
	[SHEAF_SCSI_VERIFY_10] = ROW_VERIFY_10 + 1,
	[SHEAF_SCSI_VERIFY_12] = ROW_VERIFY_12 + 1,
	[SHEAF_SCSI_VERIFY_16] = ROW_VERIFY_16 + 1,
	[SHEAF_SCSI_PRE_FETCH_10] = ROW_PRE_FETCH_10 + 1,
	[SHEAF_SCSI_PRE_FETCH_16] = ROW_PRE_FETCH_16 + 1,
	[SHEAF_SCSI_SYNCHRONIZE_CACHE_10] = ROW_SYNCHRONIZE_CACHE_10 + 1,
	[SHEAF_SCSI_SYNCHRONIZE_CACHE_16] = ROW_SYNCHRONIZE_CACHE_16 + 1,
	[SHEAF_SCSI_UNMAP] = ROW_UNMAP + 1,
	[SHEAF_SCSI_WRITE_SAME_10] = ROW_WRITE_SAME_10 + 1,
	[SHEAF_SCSI_WRITE_SAME_16] = ROW_WRITE_SAME_16 + 1,
	[SHEAF_SCSI_SERVICE_ACTION_IN_16] = ROW_READ_CAPACITY_16 + 1,
	[SHEAF_SCSI_READ_CAPACITY_10] = ROW_READ_CAPACITY_10 + 1,
	[SHEAF_SCSI_TEST_UNIT_READY] = ROW_TEST_UNIT_READY + 1,
	[SHEAF_SCSI_REQUEST_SENSE] = ROW_REQUEST_SENSE + 1,
	[SHEAF_SCSI_INQUIRY] = ROW_INQUIRY + 1,
	[SHEAF_SCSI_MODE_SENSE_6] = ROW_MODE_SENSE_6 + 1,
	[SHEAF_SCSI_MODE_SENSE_10] = ROW_MODE_SENSE_10 + 1,
	[SHEAF_SCSI_REPORT_LUNS] = ROW_REPORT_LUNS + 1,
	[SHEAF_SCSI_MAINTENANCE_IN] = ROW_REPORT_SUPPORTED_OPCODES + 1,
};

enum sheaf_cdb_verdict sheaf_cdb_find(const uint8_t *cdb, unsigned size,
				      const struct sheaf_cdb_command **ret_command,
				      uint16_t *ret_byte, int8_t *ret_bit)
{
	unsigned row = row_of_opcode[cdb[SHEAF_CDB_OPCODE]];

	if (row == 0 || commands[row - 1].length != size)
		return SHEAF_CDB_BAD_OPCODE;
	for (row--; row < ROW_COUNT && commands[row].opcode == cdb[SHEAF_CDB_OPCODE]; row++) {
		if (!(commands[row].flags & SHEAF_CDB_SERVICE) ||
		    commands[row].service_action == (cdb[SHEAF_CDB_SERVICE_ACTION] & 0x1f)) {
			*ret_command = &commands[row];
			return SHEAF_CDB_OK;
		}
	}
	*ret_byte = SHEAF_CDB_SERVICE_ACTION;
	*ret_bit = 4;
	return SHEAF_CDB_BAD_FIELD;
}

/*
 * In two words, as this runs for every command. Bytes past the command's length may make it say yes; then
 * sheaf_cdb_check_usage() looks closer.
 */
static bool may_be_forbidden(const struct sheaf_cdb_command *command, const uint8_t *cdb)
{
	uint64_t set[2], allowed[2];

	memcpy(set, cdb, sizeof(set));
	memcpy(allowed, command->usage, sizeof(allowed));
	return (set[0] & ~allowed[0]) | (set[1] & ~allowed[1]);
}

bool sheaf_cdb_check_usage(const struct sheaf_cdb_command *command, const uint8_t *cdb,
			   uint16_t *ret_byte, int8_t *ret_bit)
{
	if (!may_be_forbidden(command, cdb))
		return true;
	for (unsigned i = 1; i < command->length; i++) {
		unsigned wrong = cdb[i] & (uint8_t)~command->usage[i];
		if (wrong) {
			*ret_byte = (uint16_t)i;
			*ret_bit = (int8_t)(31 - __builtin_clz(wrong));
			return false;
		}
	}
	return true;
}

static uint64_t field(const uint8_t *cdb, struct sheaf_cdb_place place)
{
	const uint8_t *p = cdb + place.byte;

	switch (place.size) {
	case 8:
		return sheaf_get_be64(p);
	case 4:
		return sheaf_get_be32(p);
	case 3:
		return sheaf_get_be24(p);
	case 2:
		return sheaf_get_be16(p);
	case 1:
		return *p;
	default:
		return 0;
	}
}

uint64_t sheaf_cdb_lba(const struct sheaf_cdb_command *command, const uint8_t *cdb)
{
	uint64_t lba = field(cdb, command->lba);

	return command->lba.size == 3 ? lba & 0x1fffff : lba;
}

uint32_t sheaf_cdb_count(const struct sheaf_cdb_command *command, const uint8_t *cdb)
{
	uint32_t count = (uint32_t)field(cdb, command->count);

	return count == 0 && (command->flags & SHEAF_CDB_ZERO_IS_256) ? 256 : count;
}

const struct sheaf_cdb_command *sheaf_cdb_row(unsigned index)
{
	return index < ROW_COUNT ? &commands[index] : NULL;
}
