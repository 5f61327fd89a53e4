/* SPDX-License-Identifier: MIT */
/* cdb.c - see cdb.h. The rows are in cdb_block.c and cdb_primary.c. */
#include "scsi/cdb.h"

#include <string.h>

#include "base/bits.h"
#include "scsi/lu_impl.h"

/*
 * First row of each opcode; NULL: none. Made from the rows before anybody looks, and never changed: a
 * constructor, as the table is wanted in programs, in shared objects and in drivers alike.
 */
static const struct sheaf_cdb_command *first_row[256];

static const struct sheaf_cdb_command *const families[] = {
	sheaf_cdb_block_rows,
	sheaf_cdb_primary_rows,
	sheaf_cdb_reservation_rows,
};
#define FAMILIES (sizeof(families) / sizeof(families[0]))

__attribute__((constructor)) static void index_rows(void)
{
	for (unsigned i = 0; i < FAMILIES; i++)
		for (const struct sheaf_cdb_command *row = families[i]; row->name; row++)
			if (!first_row[row->opcode])
				first_row[row->opcode] = row;
}

enum sheaf_cdb_verdict sheaf_cdb_find(const uint8_t *cdb, unsigned size,
				      const struct sheaf_cdb_command **ret_command,
				      uint16_t *ret_byte, int8_t *ret_bit)
{
	uint8_t opcode = cdb[SHEAF_CDB_OPCODE];
	const struct sheaf_cdb_command *row = first_row[opcode];

	if (!row || row->length != size)
		return SHEAF_CDB_BAD_OPCODE;
	/* Rows of one opcode stand together; the last of a family has opcode 0 and no name. */
	for (; row->name && row->opcode == opcode; row++) {
		if (!(row->flags & SHEAF_CDB_SERVICE) ||
		    row->service_action == (cdb[SHEAF_CDB_SERVICE_ACTION] & 0x1f)) {
			*ret_command = row;
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
		/* CONTROL has NACA for all of them. */
		unsigned allowed = command->usage[i] | (i + 1u == command->length ? SHEAF_CDB_CONTROL_NACA : 0);
		unsigned wrong = cdb[i] & ~allowed;
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

void sheaf_cdb_timeouts(const struct sheaf_cdb_command *command, uint32_t *ret_nominal,
			uint32_t *ret_recommended)
{
	bool blocks = command->lba.size || (command->flags & (SHEAF_CDB_SHARES | SHEAF_CDB_EXCLUDES));
	/* Blocks that are named, not transferred: many more of them, or all. */
	bool many = blocks && command->count_is != SHEAF_CDB_COUNT_TRANSFER;

	*ret_nominal = command->nominal_s ? command->nominal_s : many ? 5 : 1;
	*ret_recommended = command->recommended_s ? command->recommended_s : blocks ? 30 : 10;
}

const struct sheaf_cdb_command *sheaf_cdb_row(unsigned index)
{
	for (unsigned i = 0; i < FAMILIES; i++)
		for (const struct sheaf_cdb_command *row = families[i]; row->name; row++)
			if (index-- == 0)
				return row;
	return NULL;
}
