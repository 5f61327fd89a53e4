/* SPDX-License-Identifier: MIT */
/**
 * cdb.h - the table of commands: one row per operation code and service action
 *
 * A row says all that can be checked without knowing the LU: length, which bits may be set, where
 * LBA and count are, what the count counts, which way data goes. sheaf_lu_execute() does these
 * checks for all commands; a handler finds a sound CDB and decoded fields.
 */
#ifndef SHEAF_CDB_H
#define SHEAF_CDB_H

#include <stdbool.h>
#include <stdint.h>

#include <sheaf/scsi.h>
#include <sheaf/task.h>

struct sheaf_lu_task;

/** What the number in a CDB's count field is. */
enum sheaf_cdb_count {
	SHEAF_CDB_COUNT_NONE,
	SHEAF_CDB_COUNT_TRANSFER, /* blocks that are transferred: range, limit and data are checked */
	SHEAF_CDB_COUNT_BLOCKS,	  /* blocks without a transfer; range is checked */
	SHEAF_CDB_COUNT_ALLOCATION, /* bytes of room for an answer, SPC-4 section 4.2.5.6 */
	SHEAF_CDB_COUNT_PARAMETER,  /* bytes of a parameter list; data is checked */
};

enum sheaf_cdb_flags {
	SHEAF_CDB_WRITES = 1,	   /* changes the medium: refused where it is write-protected */
	SHEAF_CDB_PASSES_UA = 2,   /* runs with a unit attention pending, SPC-4 section 5.14 */
	SHEAF_CDB_ANY_LUN = 4,	   /* answers for a LUN that does not exist */
	SHEAF_CDB_ZERO_IS_256 = 8, /* TRANSFER LENGTH of READ(6) and WRITE(6) */
	SHEAF_CDB_SERVICE = 16,	   /* told apart by SERVICE ACTION */
	SHEAF_CDB_MEDIUM = 32,	   /* NOT READY while the medium is (stopped, being formatted) */
	/* In the range gate (task_set.h) while it runs, for its blocks; without blocks, for all of the LU. */
	SHEAF_CDB_SHARES = 64,	 /* with others that share */
	SHEAF_CDB_EXCLUDES = 128, /* alone: what it reads and writes is one step to everybody else */
	SHEAF_CDB_ALL_LUS = 4096, /* reaches other LUs of its target, and enters the gate for each access by itself */
};

/**
 * What a command may when another initiator holds a reservation, SPC-4 table 66 (persistent), SPC-2
 * table 9 (RESERVE) and SBC-4's own. The default is the strict one.
 */
enum sheaf_cdb_reserved {
	SHEAF_CDB_RESERVED_CONFLICT, /* RESERVATION CONFLICT */
	SHEAF_CDB_RESERVED_READS,    /* reads the medium: the write exclusive types let it through */
	SHEAF_CDB_RESERVED_ALLOWED,  /* always runs, or looks at the reservation itself */
	SHEAF_CDB_RESERVED_READINESS, /* TEST UNIT READY: persistent ones let it through, RESERVE does not */
	SHEAF_CDB_RESERVED_STARTS,   /* START STOP UNIT: with START 1 (and POWER CONDITION 0) as if allowed, else a conflict */
	SHEAF_CDB_RESERVED_PREVENTS, /* PREVENT ALLOW MEDIUM REMOVAL: with PREVENT 0 as if allowed, else a conflict */
};

struct sheaf_cdb_place {
	uint8_t byte, size; /* size 0: there is none */
};

struct sheaf_cdb_command {
	const char *name; /* as printed in the standard */
	uint8_t opcode, service_action;
	uint8_t length;
	uint8_t reserved; /* enum sheaf_cdb_reserved */
	uint16_t flags;	  /* enum sheaf_cdb_flags */
	uint8_t count_is;  /* enum sheaf_cdb_count */
	uint8_t direction; /* enum sheaf_transfer_direction */
	struct sheaf_cdb_place lba, count;
	/*
	 * CDB usage data as in REPORT SUPPORTED OPERATION CODES: bits that may be set; [0] opcode.
	 */
	uint8_t usage[SHEAF_CDB_MAX];
	uint32_t nominal_s, recommended_s; /* timeouts; 0: those of its kind, see sheaf_cdb_timeouts() */
	void (*run)(struct sheaf_lu_task *lt);
};

/** The rows by standard, each table ended by a row without a name; rows of one opcode stand together. */
extern const struct sheaf_cdb_command sheaf_cdb_block_rows[];	/* SBC-4: cdb_block.c */
extern const struct sheaf_cdb_command sheaf_cdb_primary_rows[]; /* SPC-4: cdb_primary.c */
extern const struct sheaf_cdb_command sheaf_cdb_reservation_rows[]; /* SPC-4, SPC-2: cdb_reservation.c */

/** How a lookup can end. */
enum sheaf_cdb_verdict {
	SHEAF_CDB_OK,
	SHEAF_CDB_BAD_OPCODE, /* unknown, or not of the length that it has */
	SHEAF_CDB_BAD_FIELD,  /* *ret_byte and *ret_bit say which */
};

/**
 * sheaf_cdb_find() - the row for a CDB of @size bytes; its service action must be known, other bits
 * are not looked at
 * Return: SHEAF_CDB_OK and *ret_command, or what is wrong; *ret_byte and *ret_bit are set with
 * SHEAF_CDB_BAD_FIELD.
 */
enum sheaf_cdb_verdict sheaf_cdb_find(const uint8_t *cdb, unsigned size,
				      const struct sheaf_cdb_command **ret_command,
				      uint16_t *ret_byte, int8_t *ret_bit);
/**
 * Whether only bits of the usage mask, and NACA in CONTROL, are set; *ret_byte and *ret_bit name the first (highest)
 * that is not. @cdb: SHEAF_CDB_MAX bytes can be read; those past the command's length count for nothing.
 */
bool sheaf_cdb_check_usage(const struct sheaf_cdb_command *command, const uint8_t *cdb,
			   uint16_t *ret_byte, int8_t *ret_bit);
/** LOGICAL BLOCK ADDRESS; 0 for commands without. */
uint64_t sheaf_cdb_lba(const struct sheaf_cdb_command *command, const uint8_t *cdb);
/**
 * TRANSFER LENGTH, NUMBER OF LOGICAL BLOCKS, ALLOCATION LENGTH or PARAMETER LIST LENGTH; 0 for
 * commands without.
 */
uint32_t sheaf_cdb_count(const struct sheaf_cdb_command *command, const uint8_t *cdb);
/**
 * Timeouts in seconds, SPC-4 section 6.35.4: after *ret_nominal it is worth asking how it goes, after *ret_recommended
 * something is wrong. A row that names none: 10 for what touches no blocks; else 30, the deadline that a mount gives its tasks by
 * default, whatever the blocks (limits are such that all of them end well before).
 */
void sheaf_cdb_timeouts(const struct sheaf_cdb_command *command, uint32_t *ret_nominal,
			uint32_t *ret_recommended);

/** Row @index of all tables, NULL after the last one; for tests and for lists of commands. */
const struct sheaf_cdb_command *sheaf_cdb_row(unsigned index);

#endif
