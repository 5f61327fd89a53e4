/* SPDX-License-Identifier: MIT */
/* cdb_reservation.c - the table's rows of reservations: SPC-4, and SPC-2 for RESERVE and RELEASE; see cdb.h */
#include "scsi/cdb.h"
#include "scsi/lu_impl.h"

#define BE16 0xff, 0xff
#define BE32 BE16, BE16

#define FROM SHEAF_TRANSFER_FROM_TARGET
#define TO   SHEAF_TRANSFER_TO_TARGET

#define PERSISTENT_RESERVE_IN(what, action, handler)                                                \
	{                                                                                           \
		.name = "PERSISTENT RESERVE IN, " what, .opcode = SHEAF_SCSI_PERSISTENT_RESERVE_IN, \
		.service_action = (action), .length = 10, .flags = SHEAF_CDB_SERVICE,               \
		.reserved = SHEAF_CDB_RESERVED_ALLOWED, .count_is = SHEAF_CDB_COUNT_ALLOCATION,     \
		.direction = FROM, .count = { SHEAF_CDB_10_ALLOCATION_LENGTH, 2 },                  \
		.usage = { SHEAF_SCSI_PERSISTENT_RESERVE_IN, 0x1f,                                  \
			   [SHEAF_CDB_10_ALLOCATION_LENGTH] = BE16 },                               \
		.run = (handler),                                                                   \
	}

#define PERSISTENT_RESERVE_OUT(what, action)                                                          \
	{                                                                                             \
		.name = "PERSISTENT RESERVE OUT, " what, .opcode = SHEAF_SCSI_PERSISTENT_RESERVE_OUT, \
		.service_action = (action), .length = 10, .flags = SHEAF_CDB_SERVICE,                 \
		.reserved = SHEAF_CDB_RESERVED_ALLOWED, .count_is = SHEAF_CDB_COUNT_PARAMETER,        \
		.direction = TO, .count = { SHEAF_CDB_PROUT_PARAMETER_LENGTH, 4 },                    \
		.usage = { SHEAF_SCSI_PERSISTENT_RESERVE_OUT, 0x1f, 0xff,                             \
			   [SHEAF_CDB_PROUT_PARAMETER_LENGTH] = BE32 },                               \
		.run = sheaf_lu_persistent_reserve_out,                                               \
	}

/*
 * RESERVE and RELEASE: of the whole LU, for the initiator itself. Extents, third parties and identifications are refused by the
 * masks; with a reservation of another kind they look at it themselves.
 */
/* clang-format off */
const struct sheaf_cdb_command sheaf_cdb_reservation_rows[] = {
	{
		.name = "RESERVE (6)", .opcode = SHEAF_SCSI_RESERVE_6, .length = 6,
		.reserved = SHEAF_CDB_RESERVED_ALLOWED,
		.usage = { SHEAF_SCSI_RESERVE_6 },
		.run = sheaf_lu_reserve,
	},
	{
		.name = "RELEASE (6)", .opcode = SHEAF_SCSI_RELEASE_6, .length = 6,
		.reserved = SHEAF_CDB_RESERVED_ALLOWED,
		.usage = { SHEAF_SCSI_RELEASE_6 },
		.run = sheaf_lu_release,
	},
	{
		.name = "RESERVE (10)", .opcode = SHEAF_SCSI_RESERVE_10, .length = 10,
		.reserved = SHEAF_CDB_RESERVED_ALLOWED,
		.usage = { SHEAF_SCSI_RESERVE_10 },
		.run = sheaf_lu_reserve,
	},
	{
		.name = "RELEASE (10)", .opcode = SHEAF_SCSI_RELEASE_10, .length = 10,
		.reserved = SHEAF_CDB_RESERVED_ALLOWED,
		.usage = { SHEAF_SCSI_RELEASE_10 },
		.run = sheaf_lu_release,
	},
	PERSISTENT_RESERVE_IN("READ KEYS", SHEAF_SCSI_SA_READ_KEYS, sheaf_lu_persistent_reserve_in),
	PERSISTENT_RESERVE_IN("READ RESERVATION", SHEAF_SCSI_SA_READ_RESERVATION, sheaf_lu_persistent_reserve_in),
	PERSISTENT_RESERVE_IN("REPORT CAPABILITIES", SHEAF_SCSI_SA_REPORT_CAPABILITIES,
			      sheaf_lu_report_reservation_capabilities),
	PERSISTENT_RESERVE_IN("READ FULL STATUS", SHEAF_SCSI_SA_READ_FULL_STATUS, sheaf_lu_persistent_reserve_in),
	PERSISTENT_RESERVE_OUT("REGISTER", SHEAF_SCSI_SA_REGISTER),
	PERSISTENT_RESERVE_OUT("RESERVE", SHEAF_SCSI_SA_RESERVE),
	PERSISTENT_RESERVE_OUT("RELEASE", SHEAF_SCSI_SA_RELEASE),
	PERSISTENT_RESERVE_OUT("CLEAR", SHEAF_SCSI_SA_CLEAR),
	PERSISTENT_RESERVE_OUT("PREEMPT", SHEAF_SCSI_SA_PREEMPT),
	PERSISTENT_RESERVE_OUT("PREEMPT AND ABORT", SHEAF_SCSI_SA_PREEMPT_AND_ABORT),
	PERSISTENT_RESERVE_OUT("REGISTER AND IGNORE EXISTING KEY", SHEAF_SCSI_SA_REGISTER_AND_IGNORE),
	PERSISTENT_RESERVE_OUT("REGISTER AND MOVE", SHEAF_SCSI_SA_REGISTER_AND_MOVE),
	{ .name = NULL },
};
