/* SPDX-License-Identifier: MIT */
/*
 * unit.c - see unit.h; START STOP UNIT and PREVENT ALLOW MEDIUM REMOVAL
 */
#include "scsi/unit.h"

#include <assert.h>

#include "base/log.h"
#include "scsi/lu_impl.h"

void sheaf_unit_set(struct sheaf_lu *lu, enum sheaf_unit_state state)
{
	/* From which states; those that begin an operation take a failed one's place too. */
	static const uint8_t allowed_from[] = {
		[SHEAF_UNIT_READY] = 1 << SHEAF_UNIT_STOPPED | 1 << SHEAF_UNIT_FORMATTING |
				     1 << SHEAF_UNIT_SANITIZING | 1 << SHEAF_UNIT_SANITIZE_FAILED,
		[SHEAF_UNIT_STOPPED] = 1 << SHEAF_UNIT_READY,
		[SHEAF_UNIT_FORMATTING] = 1 << SHEAF_UNIT_READY | 1 << SHEAF_UNIT_FORMAT_FAILED,
		[SHEAF_UNIT_FORMAT_FAILED] = 1 << SHEAF_UNIT_FORMATTING,
		[SHEAF_UNIT_SANITIZING] = 1 << SHEAF_UNIT_READY | 1 << SHEAF_UNIT_FORMAT_FAILED |
					  1 << SHEAF_UNIT_SANITIZE_FAILED,
		[SHEAF_UNIT_SANITIZE_FAILED] = 1 << SHEAF_UNIT_SANITIZING,
	};

	assert(allowed_from[state] & 1 << lu->unit.state);
	lu->unit.state = state;
	sheaf_lu_set_condition(lu, SHEAF_CONDITION_NOT_READY, state != SHEAF_UNIT_READY);
}

void sheaf_unit_init(struct sheaf_lu *lu)
{
	enum sheaf_unfinished mark = sheaf_upkeep_unfinished(lu);

	lu->unit.state = mark == SHEAF_UNFINISHED_NOTHING  ? SHEAF_UNIT_READY
			 : mark == SHEAF_UNFINISHED_FORMAT ? SHEAF_UNIT_FORMAT_FAILED
							   : SHEAF_UNIT_SANITIZE_FAILED;
	lu->unit.unrestricted = mark == SHEAF_UNFINISHED_SANITIZE_UNRESTRICTED;
	if (mark == SHEAF_UNFINISHED_NOTHING)
		return;
	sheaf_lu_set_condition(lu, SHEAF_CONDITION_NOT_READY, true);
	sheaf_warning("%s: %s of it was cut off, so its blocks are not read or written until %s "
		      "has ended well",
		      lu->store->name, mark == SHEAF_UNFINISHED_FORMAT ? "FORMAT UNIT" : "SANITIZE",
		      mark == SHEAF_UNFINISHED_FORMAT ? "another one (sg_format), or SANITIZE,"
						: "another one (sg_sanitize)");
}

/* Lock held. */
static void describe(struct sheaf_lu *lu, struct sheaf_sense *sense)
{
	static const struct {
		uint8_t key;
		uint16_t asc;
		bool progress;
	} of[] = {
		[SHEAF_UNIT_READY] = { SHEAF_KEY_NO_SENSE, SHEAF_ASC_NONE, false },
		[SHEAF_UNIT_STOPPED] = { SHEAF_KEY_NOT_READY,
					 SHEAF_ASC_INITIALIZING_COMMAND_REQUIRED, false },
		[SHEAF_UNIT_FORMATTING] = { SHEAF_KEY_NOT_READY, SHEAF_ASC_FORMAT_IN_PROGRESS,
					    true },
		[SHEAF_UNIT_FORMAT_FAILED] = { SHEAF_KEY_MEDIUM_ERROR,
					       SHEAF_ASC_MEDIUM_FORMAT_CORRUPTED, false },
		[SHEAF_UNIT_SANITIZING] = { SHEAF_KEY_NOT_READY, SHEAF_ASC_SANITIZE_IN_PROGRESS,
					    true },
		[SHEAF_UNIT_SANITIZE_FAILED] = { SHEAF_KEY_MEDIUM_ERROR, SHEAF_ASC_SANITIZE_FAILED,
						 false },
	};

	*sense = (struct sheaf_sense){
		.key = of[lu->unit.state].key,
		.asc = of[lu->unit.state].asc,
		.progress_valid = of[lu->unit.state].progress,
		.progress = sheaf_upkeep_progress(&lu->unit.upkeep),
	};
}

void sheaf_unit_describe(struct sheaf_lu *lu, struct sheaf_sense *ret_sense)
{
	pthread_mutex_lock(&lu->lock);
	describe(lu, ret_sense);
	pthread_mutex_unlock(&lu->lock);
}

/* SBC-4, sanitize operations: what is processed while one runs, or after one has failed. */
static bool passes_sanitize(const struct sheaf_cdb_command *command)
{
	return (command->flags & SHEAF_CDB_PASSES_UA) ||
	       command->opcode == SHEAF_SCSI_MAINTENANCE_IN;
}

/*
 * The size of an image is what it is, whatever became of its blocks: without it nobody could mount a unit whose formatting or sanitizing
 * was cut off, to have that done again.
 */
static bool reads_capacity(const struct sheaf_cdb_command *command)
{
	return command->opcode == SHEAF_SCSI_READ_CAPACITY_10 ||
	       (command->opcode == SHEAF_SCSI_SERVICE_ACTION_IN_16 &&
		command->service_action == SHEAF_SCSI_SA_READ_CAPACITY_16);
}

/*
 * A SYNCHRONIZE CACHE that finds nothing to do needs no medium: who stopped the unit with a flush can close and unmount it. After
 * NO_FLUSH it is NOT READY, as what was written last may be lost.
 */
static bool has_nothing_to_flush(const struct sheaf_lu *lu, const struct sheaf_cdb_command *command)
{
	return (command->opcode == SHEAF_SCSI_SYNCHRONIZE_CACHE_10 ||
		command->opcode == SHEAF_SCSI_SYNCHRONIZE_CACHE_16) &&
	       atomic_load(&lu->written) <= atomic_load(&lu->synced);
}

/* Lock held. */
static bool allows(const struct sheaf_lu *lu, const struct sheaf_cdb_command *command)
{
	switch (lu->unit.state) {
	case SHEAF_UNIT_STOPPED:
		return !(command->flags & SHEAF_CDB_MEDIUM) || has_nothing_to_flush(lu, command);
	case SHEAF_UNIT_FORMATTING:
		/* SBC-4, FORMAT UNIT: INQUIRY, REPORT LUNS and REQUEST SENSE, which are those. */
		return command->flags & SHEAF_CDB_PASSES_UA;
	case SHEAF_UNIT_FORMAT_FAILED:
		return !(command->flags & SHEAF_CDB_MEDIUM) || reads_capacity(command) ||
		       command->opcode == SHEAF_SCSI_FORMAT_UNIT ||
		       command->opcode == SHEAF_SCSI_SANITIZE;
	case SHEAF_UNIT_SANITIZING:
		return passes_sanitize(command);
	case SHEAF_UNIT_SANITIZE_FAILED:
		return passes_sanitize(command) || reads_capacity(command) ||
		       command->opcode == SHEAF_SCSI_SANITIZE;
	default:
		return true;
	}
}

bool sheaf_unit_refuses(struct sheaf_lu *lu, const struct sheaf_cdb_command *command,
			struct sheaf_sense *ret_sense)
{
	bool refuses;

	pthread_mutex_lock(&lu->lock);
	refuses = !allows(lu, command);
	if (refuses)
		describe(lu, ret_sense);
	pthread_mutex_unlock(&lu->lock);
	return refuses;
}

bool sheaf_unit_take(struct sheaf_lu_task *lt, enum sheaf_unit_state state,
		     const struct sheaf_upkeep_plan *plan, bool unrestricted)
{
	struct sheaf_lu *lu = lt->lu;
	struct sheaf_sense sense = { .key = SHEAF_KEY_ABORTED_COMMAND,
				     .asc = SHEAF_ASC_INSUFFICIENT_RESOURCES };
	bool restricted = false, taken = false;

	pthread_mutex_lock(&lu->lock);
	if (!allows(lu, lt->command)) {
		describe(lu, &sense);
	} else if (state == SHEAF_UNIT_SANITIZING && unrestricted &&
		   lu->unit.state == SHEAF_UNIT_SANITIZE_FAILED && !lu->unit.unrestricted) {
		restricted = true;
	} else if (sheaf_upkeep_prepare(lu, plan) == 0) {
		taken = true;
		sheaf_unit_set(lu, state);
		lu->unit.unrestricted = unrestricted;
	}
	pthread_mutex_unlock(&lu->lock);
	if (taken)
		sheaf_self_test_stop(lu, SHEAF_SELF_TEST_ABORTED);
	else if (restricted)
		sheaf_lu_end_bad_field(lt, 1, 5);
	else
		sheaf_lu_end_sense(lt, &sense);
	return taken;
}

static void turn(struct sheaf_lu_task *lt, enum sheaf_unit_state state)
{
	struct sheaf_lu *lu = lt->lu;

	pthread_mutex_lock(&lu->lock);
	/* One whose contents are spoilt stays that. */
	if (lu->unit.state ==
	    (state == SHEAF_UNIT_STOPPED ? SHEAF_UNIT_READY : SHEAF_UNIT_STOPPED)) {
		sheaf_unit_set(lu, state);
		lu->unit.cycles += state == SHEAF_UNIT_STOPPED;
	}
	pthread_mutex_unlock(&lu->lock);
	if (state == SHEAF_UNIT_STOPPED)
		sheaf_self_test_stop(lu, SHEAF_SELF_TEST_ABORTED);
	sheaf_lu_end_good(lt, 0);
}

/* The command is alone. */
static void stop(struct sheaf_lu_task *lt)
{
	turn(lt, SHEAF_UNIT_STOPPED);
}

/**
 * START STOP UNIT, SBC-4, of a unit with a fixed medium and without power conditions. IMMED waits too. A unit that is stopped keeps
 * all that it has; nobody starts it but this command.
 */
void sheaf_lu_start_stop_unit(struct sheaf_lu_task *lt)
{
	const uint8_t *cdb = lt->task.command_descriptor_block;
	bool start = cdb[SHEAF_CDB_START_STOP_FLAGS] & SHEAF_START_STOP_START;
	bool flush = !(cdb[SHEAF_CDB_START_STOP_FLAGS] & SHEAF_START_STOP_NO_FLUSH);

	pthread_mutex_lock(&lt->lu->lock);
	bool stopped = lt->lu->unit.state == SHEAF_UNIT_STOPPED;
	pthread_mutex_unlock(&lt->lu->lock);
	if (start)
		turn(lt, SHEAF_UNIT_READY);
	else if (flush && !stopped)
		sheaf_lu_flush_then(lt, stop);
	else
		stop(lt);
}

/**
 * PREVENT ALLOW MEDIUM REMOVAL, SPC-4: there is no way to remove the medium, so it is prevented for every initiator at all times, and
 * nothing has to be kept of who asked.
 */
void sheaf_lu_prevent_allow(struct sheaf_lu_task *lt)
{
	sheaf_lu_end_good(lt, 0);
}
