/* SPDX-License-Identifier: MIT */
/*
 * cdb_block.c - the table's rows of SBC-4; see cdb.h
 *
 * Masks leave out what this LU does not do, so that asking for it is INVALID FIELD IN CDB:
 * protection information, RARC, ANCHOR (ANC_SUP is 0), ATOMIC BOUNDARY (MAXIMUM ATOMIC BOUNDARY SIZE is 0), GROUP NUMBER, and
 * everything reserved or obsolete, but for FUA_NV, which old hosts set and SBC-4 lets us ignore. PRE-FETCH, a hint as a whole,
 * takes a GROUP NUMBER.
 */
#include "scsi/cdb.h"
#include "scsi/lu_impl.h"

#define BE16	0xff, 0xff
#define BE32	BE16, BE16
#define BE64	BE32, BE32
#define RW_BITS (SHEAF_CDB_RW_DPO | SHEAF_CDB_RW_FUA | SHEAF_CDB_RW_FUA_NV)

#define WV_BITS (SHEAF_CDB_RW_DPO | SHEAF_CDB_BYTCHK_DATA)
#define V_BITS	(SHEAF_CDB_RW_DPO | SHEAF_CDB_BYTCHK_MASK)

#define GROUP 0x3f
/* IMMED, AUSE and the service action; ZNR is for zoned devices. */
#define SANITIZE_BITS (SHEAF_CDB_SANITIZE_IMMED | SHEAF_CDB_SANITIZE_AUSE | 0x1f)

#define FROM SHEAF_TRANSFER_FROM_TARGET
#define TO   SHEAF_TRANSFER_TO_TARGET

/* clang-format off */
const struct sheaf_cdb_command sheaf_cdb_block_rows[] = {
	{
		.name = "READ (16)", .opcode = SHEAF_SCSI_READ_16, .length = 16,
		.flags = SHEAF_CDB_MEDIUM | SHEAF_CDB_SHARES, .reserved = SHEAF_CDB_RESERVED_READS,
		.count_is = SHEAF_CDB_COUNT_TRANSFER, .direction = FROM,
		.lba = { SHEAF_CDB_16_LBA, 8 }, .count = { SHEAF_CDB_16_TRANSFER_LENGTH, 4 },
		.usage = { SHEAF_SCSI_READ_16, RW_BITS, BE64, BE32 },
		.run = sheaf_lu_read,
	},
	{
		.name = "WRITE (16)", .opcode = SHEAF_SCSI_WRITE_16, .length = 16,
		.flags = SHEAF_CDB_WRITES | SHEAF_CDB_MEDIUM | SHEAF_CDB_SHARES,
		.count_is = SHEAF_CDB_COUNT_TRANSFER, .direction = TO,
		.lba = { SHEAF_CDB_16_LBA, 8 }, .count = { SHEAF_CDB_16_TRANSFER_LENGTH, 4 },
		.usage = { SHEAF_SCSI_WRITE_16, RW_BITS, BE64, BE32 },
		.run = sheaf_lu_write,
	},
	{
		.name = "READ (10)", .opcode = SHEAF_SCSI_READ_10, .length = 10,
		.flags = SHEAF_CDB_MEDIUM | SHEAF_CDB_SHARES, .reserved = SHEAF_CDB_RESERVED_READS,
		.count_is = SHEAF_CDB_COUNT_TRANSFER, .direction = FROM,
		.lba = { SHEAF_CDB_10_LBA, 4 }, .count = { SHEAF_CDB_10_TRANSFER_LENGTH, 2 },
		.usage = { SHEAF_SCSI_READ_10, RW_BITS, BE32, 0, BE16 },
		.run = sheaf_lu_read,
	},
	{
		.name = "WRITE (10)", .opcode = SHEAF_SCSI_WRITE_10, .length = 10,
		.flags = SHEAF_CDB_WRITES | SHEAF_CDB_MEDIUM | SHEAF_CDB_SHARES,
		.count_is = SHEAF_CDB_COUNT_TRANSFER, .direction = TO,
		.lba = { SHEAF_CDB_10_LBA, 4 }, .count = { SHEAF_CDB_10_TRANSFER_LENGTH, 2 },
		.usage = { SHEAF_SCSI_WRITE_10, RW_BITS, BE32, 0, BE16 },
		.run = sheaf_lu_write,
	},
	{
		.name = "READ (12)", .opcode = SHEAF_SCSI_READ_12, .length = 12,
		.flags = SHEAF_CDB_MEDIUM | SHEAF_CDB_SHARES, .reserved = SHEAF_CDB_RESERVED_READS,
		.count_is = SHEAF_CDB_COUNT_TRANSFER, .direction = FROM,
		.lba = { SHEAF_CDB_12_LBA, 4 }, .count = { SHEAF_CDB_12_TRANSFER_LENGTH, 4 },
		.usage = { SHEAF_SCSI_READ_12, RW_BITS, BE32, BE32 },
		.run = sheaf_lu_read,
	},
	{
		.name = "WRITE (12)", .opcode = SHEAF_SCSI_WRITE_12, .length = 12,
		.flags = SHEAF_CDB_WRITES | SHEAF_CDB_MEDIUM | SHEAF_CDB_SHARES,
		.count_is = SHEAF_CDB_COUNT_TRANSFER, .direction = TO,
		.lba = { SHEAF_CDB_12_LBA, 4 }, .count = { SHEAF_CDB_12_TRANSFER_LENGTH, 4 },
		.usage = { SHEAF_SCSI_WRITE_12, RW_BITS, BE32, BE32 },
		.run = sheaf_lu_write,
	},
	{
		.name = "READ (6)", .opcode = SHEAF_SCSI_READ_6, .length = 6,
		.flags = SHEAF_CDB_ZERO_IS_256 | SHEAF_CDB_MEDIUM | SHEAF_CDB_SHARES,
		.reserved = SHEAF_CDB_RESERVED_READS, .count_is = SHEAF_CDB_COUNT_TRANSFER,
		.direction = FROM,
		.lba = { SHEAF_CDB_6_LBA, 3 }, .count = { SHEAF_CDB_6_TRANSFER_LENGTH, 1 },
		.usage = { SHEAF_SCSI_READ_6, 0x1f, BE16, 0xff },
		.run = sheaf_lu_read,
	},
	{
		.name = "WRITE (6)", .opcode = SHEAF_SCSI_WRITE_6, .length = 6,
		.flags = SHEAF_CDB_ZERO_IS_256 | SHEAF_CDB_WRITES | SHEAF_CDB_MEDIUM | SHEAF_CDB_SHARES,
		.count_is = SHEAF_CDB_COUNT_TRANSFER, .direction = TO,
		.lba = { SHEAF_CDB_6_LBA, 3 }, .count = { SHEAF_CDB_6_TRANSFER_LENGTH, 1 },
		.usage = { SHEAF_SCSI_WRITE_6, 0x1f, BE16, 0xff },
		.run = sheaf_lu_write,
	},
	{
		.name = "WRITE AND VERIFY (10)", .opcode = SHEAF_SCSI_WRITE_AND_VERIFY_10, .length = 10,
		.flags = SHEAF_CDB_WRITES | SHEAF_CDB_MEDIUM | SHEAF_CDB_EXCLUDES,
		.count_is = SHEAF_CDB_COUNT_TRANSFER, .direction = TO,
		.lba = { SHEAF_CDB_10_LBA, 4 }, .count = { SHEAF_CDB_10_TRANSFER_LENGTH, 2 },
		.usage = { SHEAF_SCSI_WRITE_AND_VERIFY_10, WV_BITS, BE32, 0, BE16 },
		.run = sheaf_lu_write_and_verify,
	},
	{
		.name = "WRITE AND VERIFY (12)", .opcode = SHEAF_SCSI_WRITE_AND_VERIFY_12, .length = 12,
		.flags = SHEAF_CDB_WRITES | SHEAF_CDB_MEDIUM | SHEAF_CDB_EXCLUDES,
		.count_is = SHEAF_CDB_COUNT_TRANSFER, .direction = TO,
		.lba = { SHEAF_CDB_12_LBA, 4 }, .count = { SHEAF_CDB_12_TRANSFER_LENGTH, 4 },
		.usage = { SHEAF_SCSI_WRITE_AND_VERIFY_12, WV_BITS, BE32, BE32 },
		.run = sheaf_lu_write_and_verify,
	},
	{
		.name = "WRITE AND VERIFY (16)", .opcode = SHEAF_SCSI_WRITE_AND_VERIFY_16, .length = 16,
		.flags = SHEAF_CDB_WRITES | SHEAF_CDB_MEDIUM | SHEAF_CDB_EXCLUDES,
		.count_is = SHEAF_CDB_COUNT_TRANSFER, .direction = TO,
		.lba = { SHEAF_CDB_16_LBA, 8 }, .count = { SHEAF_CDB_16_TRANSFER_LENGTH, 4 },
		.usage = { SHEAF_SCSI_WRITE_AND_VERIFY_16, WV_BITS, BE64, BE32 },
		.run = sheaf_lu_write_and_verify,
	},
	{
		.name = "VERIFY (10)", .opcode = SHEAF_SCSI_VERIFY_10, .length = 10,
		.flags = SHEAF_CDB_MEDIUM | SHEAF_CDB_SHARES, .reserved = SHEAF_CDB_RESERVED_READS,
		.count_is = SHEAF_CDB_COUNT_BLOCKS, .direction = TO,
		.lba = { SHEAF_CDB_10_LBA, 4 }, .count = { SHEAF_CDB_10_TRANSFER_LENGTH, 2 },
		.usage = { SHEAF_SCSI_VERIFY_10, V_BITS, BE32, 0, BE16 },
		.run = sheaf_lu_verify,
	},
	{
		.name = "VERIFY (12)", .opcode = SHEAF_SCSI_VERIFY_12, .length = 12,
		.flags = SHEAF_CDB_MEDIUM | SHEAF_CDB_SHARES, .reserved = SHEAF_CDB_RESERVED_READS,
		.count_is = SHEAF_CDB_COUNT_BLOCKS, .direction = TO,
		.lba = { SHEAF_CDB_12_LBA, 4 }, .count = { SHEAF_CDB_12_TRANSFER_LENGTH, 4 },
		.usage = { SHEAF_SCSI_VERIFY_12, V_BITS, BE32, BE32 },
		.run = sheaf_lu_verify,
	},
	{
		.name = "VERIFY (16)", .opcode = SHEAF_SCSI_VERIFY_16, .length = 16,
		.flags = SHEAF_CDB_MEDIUM | SHEAF_CDB_SHARES, .reserved = SHEAF_CDB_RESERVED_READS,
		.count_is = SHEAF_CDB_COUNT_BLOCKS, .direction = TO,
		.lba = { SHEAF_CDB_16_LBA, 8 }, .count = { SHEAF_CDB_16_TRANSFER_LENGTH, 4 },
		.usage = { SHEAF_SCSI_VERIFY_16, V_BITS, BE64, BE32 },
		.run = sheaf_lu_verify,
	},
	{
		.name = "PRE-FETCH (10)", .opcode = SHEAF_SCSI_PRE_FETCH_10, .length = 10,
		.flags = SHEAF_CDB_MEDIUM, .reserved = SHEAF_CDB_RESERVED_READS,
		.count_is = SHEAF_CDB_COUNT_BLOCKS,
		.lba = { SHEAF_CDB_10_LBA, 4 }, .count = { SHEAF_CDB_10_TRANSFER_LENGTH, 2 },
		.usage = { SHEAF_SCSI_PRE_FETCH_10, SHEAF_CDB_PRE_FETCH_IMMED, BE32, GROUP, BE16 },
		.run = sheaf_lu_pre_fetch,
	},
	{
		.name = "PRE-FETCH (16)", .opcode = SHEAF_SCSI_PRE_FETCH_16, .length = 16,
		.flags = SHEAF_CDB_MEDIUM, .reserved = SHEAF_CDB_RESERVED_READS,
		.count_is = SHEAF_CDB_COUNT_BLOCKS,
		.lba = { SHEAF_CDB_16_LBA, 8 }, .count = { SHEAF_CDB_16_TRANSFER_LENGTH, 4 },
		.usage = { SHEAF_SCSI_PRE_FETCH_16, SHEAF_CDB_PRE_FETCH_IMMED, BE64, BE32, GROUP },
		.run = sheaf_lu_pre_fetch,
	},
	{
		.name = "SYNCHRONIZE CACHE (10)", .opcode = SHEAF_SCSI_SYNCHRONIZE_CACHE_10,
		.length = 10,
		.flags = SHEAF_CDB_MEDIUM,
		.count_is = SHEAF_CDB_COUNT_BLOCKS,
		.lba = { SHEAF_CDB_10_LBA, 4 }, .count = { SHEAF_CDB_10_TRANSFER_LENGTH, 2 },
		.usage = { SHEAF_SCSI_SYNCHRONIZE_CACHE_10, SHEAF_CDB_SYNC_IMMED, BE32, 0, BE16 },
		.run = sheaf_lu_synchronize_cache,
	},
	{
		.name = "SYNCHRONIZE CACHE (16)", .opcode = SHEAF_SCSI_SYNCHRONIZE_CACHE_16,
		.length = 16,
		.flags = SHEAF_CDB_MEDIUM,
		.count_is = SHEAF_CDB_COUNT_BLOCKS,
		.lba = { SHEAF_CDB_16_LBA, 8 }, .count = { SHEAF_CDB_16_TRANSFER_LENGTH, 4 },
		.usage = { SHEAF_SCSI_SYNCHRONIZE_CACHE_16, SHEAF_CDB_SYNC_IMMED, BE64, BE32 },
		.run = sheaf_lu_synchronize_cache,
	},
	{
		.name = "UNMAP", .opcode = SHEAF_SCSI_UNMAP, .length = 10,
		.flags = SHEAF_CDB_WRITES | SHEAF_CDB_MEDIUM | SHEAF_CDB_SHARES,
		.count_is = SHEAF_CDB_COUNT_PARAMETER, .direction = TO,
		.count = { SHEAF_CDB_10_PARAMETER_LENGTH, 2 },
		.usage = { SHEAF_SCSI_UNMAP, [SHEAF_CDB_10_PARAMETER_LENGTH] = BE16 },
		.run = sheaf_lu_unmap,
	},
	{
		.name = "WRITE SAME (10)", .opcode = SHEAF_SCSI_WRITE_SAME_10, .length = 10,
		.flags = SHEAF_CDB_WRITES | SHEAF_CDB_MEDIUM | SHEAF_CDB_SHARES,
		.count_is = SHEAF_CDB_COUNT_BLOCKS, .direction = TO,
		.lba = { SHEAF_CDB_10_LBA, 4 }, .count = { SHEAF_CDB_10_TRANSFER_LENGTH, 2 },
		.usage = { SHEAF_SCSI_WRITE_SAME_10, SHEAF_CDB_WRITE_SAME_UNMAP, BE32, 0, BE16 },
		.run = sheaf_lu_write_same,
	},
	{
		.name = "WRITE SAME (16)", .opcode = SHEAF_SCSI_WRITE_SAME_16, .length = 16,
		.flags = SHEAF_CDB_WRITES | SHEAF_CDB_MEDIUM | SHEAF_CDB_SHARES,
		.count_is = SHEAF_CDB_COUNT_BLOCKS, .direction = TO,
		.lba = { SHEAF_CDB_16_LBA, 8 }, .count = { SHEAF_CDB_16_TRANSFER_LENGTH, 4 },
		.usage = { SHEAF_SCSI_WRITE_SAME_16,
			   SHEAF_CDB_WRITE_SAME_UNMAP | SHEAF_CDB_WRITE_SAME_16_NDOB, BE64, BE32 },
		.run = sheaf_lu_write_same,
	},
	{
		.name = "READ CAPACITY (16)", .opcode = SHEAF_SCSI_SERVICE_ACTION_IN_16,
		.service_action = SHEAF_SCSI_SA_READ_CAPACITY_16, .length = 16,
		.flags = SHEAF_CDB_SERVICE | SHEAF_CDB_MEDIUM, .reserved = SHEAF_CDB_RESERVED_ALLOWED,
		.count_is = SHEAF_CDB_COUNT_ALLOCATION, .direction = FROM,
		.count = { SHEAF_CDB_16_ALLOCATION_LENGTH, 4 },
		.usage = { SHEAF_SCSI_SERVICE_ACTION_IN_16, 0x1f,
			   [SHEAF_CDB_16_ALLOCATION_LENGTH] = BE32 },
		.run = sheaf_lu_read_capacity_16,
	},
	{
		.name = "GET LBA STATUS", .opcode = SHEAF_SCSI_SERVICE_ACTION_IN_16,
		.service_action = SHEAF_SCSI_SA_GET_LBA_STATUS, .length = 16,
		.flags = SHEAF_CDB_SERVICE | SHEAF_CDB_MEDIUM, .reserved = SHEAF_CDB_RESERVED_READS,
		.count_is = SHEAF_CDB_COUNT_ALLOCATION, .direction = FROM,
		.lba = { SHEAF_CDB_16_LBA, 8 }, .count = { SHEAF_CDB_16_ALLOCATION_LENGTH, 4 },
		.usage = { SHEAF_SCSI_SERVICE_ACTION_IN_16, 0x1f, BE64, BE32 },
		.run = sheaf_lu_get_lba_status,
	},
	{
		.name = "READ CAPACITY (10)", .opcode = SHEAF_SCSI_READ_CAPACITY_10, .length = 10,
		.flags = SHEAF_CDB_MEDIUM, .reserved = SHEAF_CDB_RESERVED_ALLOWED,
		.direction = FROM,
		.usage = { SHEAF_SCSI_READ_CAPACITY_10 },
		.run = sheaf_lu_read_capacity_10,
	},
	{
		.name = "COMPARE AND WRITE", .opcode = SHEAF_SCSI_COMPARE_AND_WRITE, .length = 16,
		.flags = SHEAF_CDB_WRITES | SHEAF_CDB_MEDIUM | SHEAF_CDB_EXCLUDES,
		.count_is = SHEAF_CDB_COUNT_BLOCKS, .direction = TO,
		.lba = { SHEAF_CDB_16_LBA, 8 }, .count = { SHEAF_CDB_COMPARE_AND_WRITE_BLOCKS, 1 },
		.usage = { SHEAF_SCSI_COMPARE_AND_WRITE, RW_BITS, BE64, 0, 0, 0, 0xff },
		.run = sheaf_lu_compare_and_write,
	},
	{
		.name = "ORWRITE (16)", .opcode = SHEAF_SCSI_ORWRITE_16, .length = 16,
		.flags = SHEAF_CDB_WRITES | SHEAF_CDB_MEDIUM | SHEAF_CDB_EXCLUDES,
		.count_is = SHEAF_CDB_COUNT_TRANSFER, .direction = TO,
		.lba = { SHEAF_CDB_16_LBA, 8 }, .count = { SHEAF_CDB_16_TRANSFER_LENGTH, 4 },
		.usage = { SHEAF_SCSI_ORWRITE_16, RW_BITS, BE64, BE32 },
		.run = sheaf_lu_orwrite,
	},
	{
		.name = "WRITE ATOMIC (16)", .opcode = SHEAF_SCSI_WRITE_ATOMIC_16, .length = 16,
		.flags = SHEAF_CDB_WRITES | SHEAF_CDB_MEDIUM | SHEAF_CDB_EXCLUDES,
		.count_is = SHEAF_CDB_COUNT_TRANSFER, .direction = TO,
		.lba = { SHEAF_CDB_16_LBA, 8 }, .count = { SHEAF_CDB_WRITE_ATOMIC_TRANSFER_LENGTH, 2 },
		.usage = { SHEAF_SCSI_WRITE_ATOMIC_16, SHEAF_CDB_RW_DPO | SHEAF_CDB_RW_FUA, BE64,
			   [SHEAF_CDB_WRITE_ATOMIC_TRANSFER_LENGTH] = BE16 },
		.run = sheaf_lu_write, /* see atomic.c */
	},
	{
		.name = "START STOP UNIT", .opcode = SHEAF_SCSI_START_STOP_UNIT, .length = 6,
		.flags = SHEAF_CDB_EXCLUDES, .reserved = SHEAF_CDB_RESERVED_STARTS,
		.usage = { SHEAF_SCSI_START_STOP_UNIT, SHEAF_CDB_START_STOP_IMMED,
			   [SHEAF_CDB_START_STOP_FLAGS] = SHEAF_START_STOP_NO_FLUSH |
							  SHEAF_START_STOP_START },
		.run = sheaf_lu_start_stop_unit,
	},
	{
		.name = "FORMAT UNIT", .opcode = SHEAF_SCSI_FORMAT_UNIT, .length = 6,
		.flags = SHEAF_CDB_WRITES | SHEAF_CDB_MEDIUM | SHEAF_CDB_EXCLUDES,
		.direction = TO,
		.usage = { SHEAF_SCSI_FORMAT_UNIT,
			   SHEAF_CDB_FORMAT_LONGLIST | SHEAF_CDB_FORMAT_FMTDATA |
				   SHEAF_CDB_FORMAT_CMPLST | SHEAF_CDB_FORMAT_DEFECT_FORMAT_MASK,
			   [SHEAF_CDB_FORMAT_FFMT] = 0x01 },
		.run = sheaf_lu_format_unit,
	},
	{
		.name = "SANITIZE, OVERWRITE", .opcode = SHEAF_SCSI_SANITIZE,
		.service_action = SHEAF_SCSI_SA_OVERWRITE, .length = 10,
		.flags = SHEAF_CDB_SERVICE | SHEAF_CDB_WRITES | SHEAF_CDB_MEDIUM | SHEAF_CDB_EXCLUDES,
		.count_is = SHEAF_CDB_COUNT_PARAMETER, .direction = TO,
		.count = { SHEAF_CDB_10_PARAMETER_LENGTH, 2 },
		.usage = { SHEAF_SCSI_SANITIZE, SANITIZE_BITS, [SHEAF_CDB_10_PARAMETER_LENGTH] = BE16 },
		.run = sheaf_lu_sanitize,
	},
	{
		.name = "SANITIZE, BLOCK ERASE", .opcode = SHEAF_SCSI_SANITIZE,
		.service_action = SHEAF_SCSI_SA_BLOCK_ERASE, .length = 10,
		.flags = SHEAF_CDB_SERVICE | SHEAF_CDB_WRITES | SHEAF_CDB_MEDIUM | SHEAF_CDB_EXCLUDES,
		.count_is = SHEAF_CDB_COUNT_PARAMETER, .direction = TO,
		.count = { SHEAF_CDB_10_PARAMETER_LENGTH, 2 },
		.usage = { SHEAF_SCSI_SANITIZE, SANITIZE_BITS, [SHEAF_CDB_10_PARAMETER_LENGTH] = BE16 },
		.run = sheaf_lu_sanitize,
	},
	{
		.name = "SANITIZE, EXIT FAILURE MODE", .opcode = SHEAF_SCSI_SANITIZE,
		.service_action = SHEAF_SCSI_SA_EXIT_FAILURE_MODE, .length = 10,
		.flags = SHEAF_CDB_SERVICE | SHEAF_CDB_WRITES | SHEAF_CDB_MEDIUM | SHEAF_CDB_EXCLUDES,
		.count_is = SHEAF_CDB_COUNT_PARAMETER, .direction = TO,
		.count = { SHEAF_CDB_10_PARAMETER_LENGTH, 2 },
		.usage = { SHEAF_SCSI_SANITIZE, SANITIZE_BITS, [SHEAF_CDB_10_PARAMETER_LENGTH] = BE16 },
		.run = sheaf_lu_sanitize,
	},
	{
		.name = "READ DEFECT DATA (10)", .opcode = SHEAF_SCSI_READ_DEFECT_DATA_10, .length = 10,
		.flags = SHEAF_CDB_MEDIUM, .reserved = SHEAF_CDB_RESERVED_READS,
		.count_is = SHEAF_CDB_COUNT_ALLOCATION, .direction = FROM,
		.count = { SHEAF_CDB_10_ALLOCATION_LENGTH, 2 },
		.usage = { SHEAF_SCSI_READ_DEFECT_DATA_10,
			   [SHEAF_CDB_DEFECTS_10] = SHEAF_DEFECTS_LISTS | SHEAF_DEFECTS_FORMAT_MASK,
			   [SHEAF_CDB_10_ALLOCATION_LENGTH] = BE16 },
		.run = sheaf_lu_read_defect_data_10,
	},
	{
		.name = "READ DEFECT DATA (12)", .opcode = SHEAF_SCSI_READ_DEFECT_DATA_12, .length = 12,
		.flags = SHEAF_CDB_MEDIUM, .reserved = SHEAF_CDB_RESERVED_READS,
		.count_is = SHEAF_CDB_COUNT_ALLOCATION, .direction = FROM,
		.count = { SHEAF_CDB_12_ALLOCATION_LENGTH, 4 },
		.usage = { SHEAF_SCSI_READ_DEFECT_DATA_12,
			   SHEAF_DEFECTS_LISTS | SHEAF_DEFECTS_FORMAT_MASK,
			   [SHEAF_CDB_DEFECTS_12_INDEX] = BE32, BE32 },
		.run = sheaf_lu_read_defect_data_12,
	},
	{ .name = NULL },
};
