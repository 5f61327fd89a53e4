/* SPDX-License-Identifier: MIT */
/*
 * sanitize.c - SANITIZE (SBC-4): OVERWRITE, BLOCK ERASE, EXIT FAILURE MODE
 *
 * What is said of the medium is what can be said of an image: OVERWRITE writes each block in its place, as often as asked for, and
 * BLOCK ERASE gives the blocks back to the image's file system. What that keeps of them (snapshots, copies on write, the
 * device below) is out of the LU's reach. There are no keys, so no CRYPTOGRAPHIC ERASE.
 */
#include <string.h>

#include "base/bits.h"
#include "scsi/lu_impl.h"

static bool bit_of(const struct sheaf_lu_task *lt, uint8_t bit)
{
	return lt->task.command_descriptor_block[1] & bit;
}

static void run(struct sheaf_lu_task *lt, const struct sheaf_upkeep_plan *plan)
{
	if (sheaf_unit_take(lt, SHEAF_UNIT_SANITIZING, plan, bit_of(lt, SHEAF_CDB_SANITIZE_AUSE)))
		sheaf_upkeep_begin(lt, bit_of(lt, SHEAF_CDB_SANITIZE_IMMED), lt->count_bytes);
}

static void overwrite(struct sheaf_lu_task *lt)
{
	uint32_t block_size = lt->lu->block_size;
	uint8_t header[SHEAF_OVERWRITE_HEADER];
	uint16_t length;

	if (lt->count_bytes <= sizeof(header) || lt->count_bytes > sizeof(header) + block_size) {
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_10_PARAMETER_LENGTH, 7);
		return;
	}
	memcpy(header, lt->data, sizeof(header));
	length = sheaf_get_be16(header + SHEAF_OVERWRITE_PATTERN_LENGTH);
	if ((header[0] & SHEAF_OVERWRITE_TEST) || !(header[0] & SHEAF_OVERWRITE_COUNT)) {
		sheaf_lu_end_bad_parameter(lt, 0);
		return;
	}
	if (header[1]) {
		sheaf_lu_end_bad_parameter(lt, 1);
		return;
	}
	if (length == 0 || length > block_size) {
		sheaf_lu_end_bad_parameter(lt, SHEAF_OVERWRITE_PATTERN_LENGTH);
		return;
	}
	if (length > lt->count_bytes - sizeof(header)) {
		sheaf_lu_end_check(lt, SHEAF_KEY_ILLEGAL_REQUEST,
				   SHEAF_ASC_PARAMETER_LIST_LENGTH_ERROR);
		return;
	}
	const struct sheaf_upkeep_plan plan = {
		.pattern = lt->data + sizeof(header),
		.pattern_bytes = length,
		.passes = header[0] & SHEAF_OVERWRITE_COUNT,
		.invert = header[0] & SHEAF_OVERWRITE_INVERT,
	};
	run(lt, &plan);
}

/* SBC-4: it is good when none has failed, too. */
static void exit_failure_mode(struct sheaf_lu_task *lt)
{
	struct sheaf_lu *lu = lt->lu;
	bool has_failed, unrestricted;

	pthread_mutex_lock(&lu->lock);
	has_failed = lu->unit.state == SHEAF_UNIT_SANITIZE_FAILED;
	unrestricted = lu->unit.unrestricted;
	pthread_mutex_unlock(&lu->lock);
	/* It is alone on the medium till it ends, so no other SANITIZE begins meanwhile. */
	if (!has_failed)
		sheaf_lu_end_good(lt, 0);
	else if (unrestricted)
		sheaf_upkeep_forgive(lt);
	else
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_SERVICE_ACTION, 4);
}

/** SANITIZE, SBC-4. */
void sheaf_lu_sanitize(struct sheaf_lu_task *lt)
{
	static const struct sheaf_upkeep_plan erase = { .clear = true, .passes = 1 };

	if (lt->command->service_action == SHEAF_SCSI_SA_OVERWRITE)
		overwrite(lt);
	else if (lt->count_bytes)
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_10_PARAMETER_LENGTH, 7);
	else if (lt->command->service_action == SHEAF_SCSI_SA_BLOCK_ERASE)
		run(lt, &erase);
	else
		exit_failure_mode(lt);
}
