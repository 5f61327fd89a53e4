/* SPDX-License-Identifier: MIT */
/*
 * supported.c - REPORT SUPPORTED OPERATION CODES, REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS (SPC-4)
 *
 * The first answers from the table that dispatches commands (cdb.c), so that it cannot say
 * anything else than what is done. What the table does not know is whether the medium can discard.
 */
#include <string.h>

#include "base/bits.h"
#include "scsi/lu_impl.h"

/* See sheaf_lu_unmap(). */
static bool is_served(const struct sheaf_lu *lu, const struct sheaf_cdb_command *command)
{
	return command->run != sheaf_lu_unmap || lu->store->can_discard;
}

/* CDB usage data at @out; see sheaf_lu_write_same(). */
static void put_usage(const struct sheaf_lu *lu, const struct sheaf_cdb_command *command, uint8_t *out)
{
	memcpy(out, command->usage, command->length);
	out[command->length - 1] = SHEAF_CDB_CONTROL_NACA; /* of all commands, see cdb.c */
	if (command->flags & SHEAF_CDB_SERVICE)
		out[SHEAF_CDB_SERVICE_ACTION] =
			(uint8_t)((out[SHEAF_CDB_SERVICE_ACTION] & ~0x1f) | command->service_action);
	if (command->run == sheaf_lu_write_same && !lu->store->can_discard)
		out[1] &= (uint8_t)~SHEAF_CDB_WRITE_SAME_UNMAP;
}

/* Command timeouts descriptor, SPC-4 section 6.35.4. */
static void put_timeouts(const struct sheaf_cdb_command *command, uint8_t *out)
{
	uint32_t nominal, recommended;

	sheaf_cdb_timeouts(command, &nominal, &recommended);
	memset(out, 0, SHEAF_RSOC_TIMEOUTS);
	sheaf_put_be16(out, SHEAF_RSOC_TIMEOUTS - 2);
	sheaf_put_be32(out + SHEAF_RSOC_TIMEOUTS_NOMINAL, nominal);
	sheaf_put_be32(out + SHEAF_RSOC_TIMEOUTS_RECOMMENDED, recommended);
}

static void report_all(struct sheaf_lu_task *lt, bool timeouts)
{
	uint8_t part[SHEAF_RSOC_DESCRIPTOR + SHEAF_RSOC_TIMEOUTS] = { 0 };
	unsigned size = SHEAF_RSOC_DESCRIPTOR + (timeouts ? SHEAF_RSOC_TIMEOUTS : 0);
	uint64_t length = SHEAF_RSOC_HEADER;
	const struct sheaf_cdb_command *command;

	for (unsigned i = 0; (command = sheaf_cdb_row(i)); i++) {
		if (!is_served(lt->lu, command))
			continue;
		memset(part, 0, sizeof(part));
		part[0] = command->opcode;
		if (command->flags & SHEAF_CDB_SERVICE) {
			sheaf_put_be16(part + 2, command->service_action);
			part[SHEAF_RSOC_DESCRIPTOR_FLAGS] = SHEAF_RSOC_SERVACTV;
		}
		if (timeouts) {
			part[SHEAF_RSOC_DESCRIPTOR_FLAGS] |= SHEAF_RSOC_CTDP;
			put_timeouts(command, part + SHEAF_RSOC_DESCRIPTOR);
		}
		sheaf_put_be16(part + 6, command->length);
		sheaf_lu_reply_put(lt, length, part, size);
		length += size;
	}
	sheaf_put_be32(part, (uint32_t)(length - SHEAF_RSOC_HEADER));
	sheaf_lu_reply_put(lt, 0, part, SHEAF_RSOC_HEADER);
	sheaf_lu_reply_end(lt, length);
}

/* @command: NULL: there is none. */
static void report_one(struct sheaf_lu_task *lt, const struct sheaf_cdb_command *command,
		       bool timeouts)
{
	uint8_t data[SHEAF_RSOC_HEADER + SHEAF_CDB_MAX + SHEAF_RSOC_TIMEOUTS] = { 0 };
	unsigned length = SHEAF_RSOC_HEADER;

	data[1] = command ? SHEAF_RSOC_ONE_STANDARD : SHEAF_RSOC_ONE_NOT_SUPPORTED;
	if (command) {
		sheaf_put_be16(data + 2, command->length);
		put_usage(lt->lu, command, data + length);
		length += command->length;
		if (timeouts) {
			data[1] |= SHEAF_RSOC_ONE_CTDP;
			put_timeouts(command, data + length);
			length += SHEAF_RSOC_TIMEOUTS;
		}
	}
	sheaf_lu_reply(lt, data, length);
}

/*
 * The row of @opcode and @action, which is 0 where there are none. *ret_known: the opcode has rows;
 * *ret_service: told apart by service action.
 */
static const struct sheaf_cdb_command *find(uint8_t opcode, uint16_t action, bool *ret_known,
					    bool *ret_service)
{
	const struct sheaf_cdb_command *command, *found = NULL;

	*ret_known = *ret_service = false;
	for (unsigned i = 0; (command = sheaf_cdb_row(i)); i++) {
		if (command->opcode != opcode)
			continue;
		*ret_known = true;
		*ret_service = command->flags & SHEAF_CDB_SERVICE;
		if (action == (*ret_service ? command->service_action : 0))
			found = command;
	}
	return found;
}

/** REPORT SUPPORTED OPERATION CODES, SPC-4 section 6.35. */
void sheaf_lu_report_supported_opcodes(struct sheaf_lu_task *lt)
{
	const uint8_t *cdb = lt->task.command_descriptor_block;
	uint8_t option = cdb[SHEAF_CDB_RSOC_OPTIONS] & SHEAF_RSOC_OPTIONS_MASK;
	uint8_t opcode = cdb[SHEAF_CDB_RSOC_OPCODE];
	uint16_t action = sheaf_get_be16(cdb + SHEAF_CDB_RSOC_SERVICE_ACTION);
	bool timeouts = cdb[SHEAF_CDB_RSOC_OPTIONS] & SHEAF_RSOC_RCTD;
	const struct sheaf_cdb_command *command;
	bool known, service;

	if (option == SHEAF_RSOC_ALL) {
		report_all(lt, timeouts);
		return;
	}
	if (option > SHEAF_RSOC_EITHER) {
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_RSOC_OPTIONS, 2);
		return;
	}
	/* Option 1 does not look at REQUESTED SERVICE ACTION. */
	command = find(opcode, option == SHEAF_RSOC_OPCODE ? 0 : action, &known, &service);
	if (command && !is_served(lt->lu, command))
		command = NULL;
	if (known && ((option == SHEAF_RSOC_OPCODE && service) ||
		      (option == SHEAF_RSOC_SERVICE_ACTION && !service)))
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_RSOC_OPCODE, 7);
	else
		report_one(lt, command, timeouts);
}

/** REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS, SPC-4 section 6.36: what controller/target.c does. */
void sheaf_lu_report_supported_tmfs(struct sheaf_lu_task *lt)
{
	bool extended = lt->task.command_descriptor_block[SHEAF_CDB_RSTMF_REPD] & SHEAF_RSTMF_REPD;
	uint8_t data[SHEAF_RSTMF_EXTENDED_LENGTH] = { 0 };

	if (lt->count_bytes < SHEAF_RSTMF_LENGTH) {
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_12_ALLOCATION_LENGTH, 7);
		return;
	}
	data[0] = SHEAF_RSTMF_ATS | SHEAF_RSTMF_ATSS | SHEAF_RSTMF_CACAS | SHEAF_RSTMF_CTSS |
		  SHEAF_RSTMF_LURS | SHEAF_RSTMF_TRS;
	data[3] = extended ? SHEAF_RSTMF_EXTENDED_LENGTH - SHEAF_RSTMF_LENGTH : 0;
	sheaf_lu_reply(lt, data, extended ? SHEAF_RSTMF_EXTENDED_LENGTH : SHEAF_RSTMF_LENGTH);
}
