/* SPDX-License-Identifier: MIT */
/**
 * lu.c - the LU itself: making it, checking and starting a command, ending one
 *
 * The way of a command: row of the table → reserved bits → conditions (unit attention, …) → write protection →
 * range, limit, data → task set → handler → (store accesses) → sheaf_lu_end_*() → done().
 */
#include "scsi/lu.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/clock.h"
#include "scsi/errno_sense.h"
#include "scsi/lu_impl.h"

int sheaf_lu_create(struct sheaf_store *store, const struct sheaf_lu_options *options,
		    struct sheaf_lu **ret_lu)
{
	uint32_t block_size = options->block_size;
	size_t serial_length = options->serial ? strlen(options->serial) : 0;

	if ((block_size != 512 && block_size != 4096) || store->size_bytes < block_size ||
	    store->size_bytes % block_size != 0 || options->maximum_transfer_bytes < block_size ||
	    serial_length == 0 || serial_length > SHEAF_LU_SERIAL_MAX)
		return -EINVAL;
	struct sheaf_lu *lu = calloc(1, sizeof(*lu));
	if (!lu)
		return -ENOMEM;
	lu->store = store;
	lu->block_size = block_size;
	atomic_init(&lu->blocks, store->size_bytes / block_size);
	lu->maximum_transfer_blocks =
		sheaf_min64(options->maximum_transfer_bytes / block_size, UINT32_MAX);
	lu->maximum_unmap_blocks = SHEAF_LU_UNMAP_BLOCKS_MAX;
	lu->maximum_write_same_blocks = SHEAF_LU_WRITE_SAME_BLOCKS_MAX;
	/* Its data is twice as long as what it writes. */
	lu->maximum_compare_and_write_blocks =
		(uint8_t)sheaf_min64(lu->maximum_transfer_blocks > 1 ? lu->maximum_transfer_blocks / 2 : 1,
				     SHEAF_LU_COMPARE_AND_WRITE_BLOCKS_MAX);
	lu->read_only = options->read_only || store->read_only;
	lu->born_ns = sheaf_clock_ns();
	lu->tallies = sheaf_tallies_create();
	if (!lu->tallies) {
		free(lu);
		return -ENOMEM;
	}
	memcpy(lu->serial, options->serial, serial_length);
	if (options->written)
		sheaf_lu_note_written(lu);
	pthread_mutex_init(&lu->lock, NULL);
	sheaf_lu_reset_modes(lu);
	sheaf_unit_init(lu);
	sheaf_lu_raise_attention_all_but(lu, SHEAF_INITIATOR_NONE, SHEAF_ASC_POWER_ON);
	sheaf_reservations_init(lu);
	*ret_lu = lu;
	return 0;
}

struct sheaf_lu *sheaf_lu_free(struct sheaf_lu *lu)
{
	if (lu) {
		sheaf_upkeep_deinit(&lu->unit.upkeep);
		sheaf_self_tests_deinit(&lu->self_tests);
		sheaf_buffers_deinit(&lu->buffers);
		free(lu->tallies);
		pthread_mutex_destroy(&lu->lock);
	}
	free(lu);
	return NULL;
}

void sheaf_lu_set_lun(struct sheaf_lu *lu, uint32_t lun)
{
	assert(lun < SHEAF_TASK_SET_LUS_MAX);
	lu->lun = lun;
}

uint64_t sheaf_lu_blocks(const struct sheaf_lu *lu)
{
	return sheaf_lu_capacity(lu);
}

uint32_t sheaf_lu_block_size(const struct sheaf_lu *lu)
{
	return lu->block_size;
}

void sheaf_lu_reset(struct sheaf_lu *lu)
{
	sheaf_reservations_reset(lu);
	sheaf_lu_clear_aca(lu, SHEAF_INITIATOR_NONE);
	sheaf_lu_reset_modes(lu);
	sheaf_lu_forget_copies(lu);
	sheaf_buffers_reset(lu);
	sheaf_self_test_stop(lu, SHEAF_SELF_TEST_ABORTED);
	sheaf_lu_raise_attention_all_but(lu, SHEAF_INITIATOR_NONE, SHEAF_ASC_BUS_DEVICE_RESET);
}

void sheaf_lu_nexus_loss(struct sheaf_lu *lu, uint32_t initiator)
{
	sheaf_reservations_nexus_loss(lu, initiator);
	sheaf_lu_clear_aca(lu, initiator);
	sheaf_lu_raise_attention(lu, initiator, SHEAF_ASC_NEXUS_LOSS);
}

/* Fill in all of the response but sense data, and give the task back. lt is gone. */
static void end(struct sheaf_lu_task *lt, uint8_t status, uint64_t bytes, uint8_t sense_length)
{
	struct sheaf_response *response = lt->response;

	assert(bytes <= lt->task.requested_transfer_count);
	if (lt->scratch || lt->pattern) {
		sheaf_lu_copy_ended(lt, status == SHEAF_STATUS_GOOD && !sheaf_lu_is_aborted(lt));
		free(lt->scratch);
		free(lt->pattern);
		lt->scratch = lt->pattern = NULL;
	}
	response->version = SHEAF_TASK_VERSION;
	response->target_id = lt->task.target_id;
	memset(response->scsi_parallel_feature_result, 0,
	       sizeof(response->scsi_parallel_feature_result));
	response->scsi_parallel_feature_request_result_count = 0;
	response->controller_task_identifier = lt->task.controller_task_identifier;
	response->completion_status = status;
	response->service_response = SHEAF_TASK_COMPLETE;
	response->bytes_transferred = bytes;
	response->sense_length = sense_length;
	sheaf_tally_end(lt, bytes);
	sheaf_task_set_leave(lt);
	lt->done(lt);
}

void sheaf_lu_end_good(struct sheaf_lu_task *lt, uint64_t bytes)
{
	end(lt, SHEAF_STATUS_GOOD, bytes, 0);
}

void sheaf_lu_end_status(struct sheaf_lu_task *lt, uint8_t status)
{
	end(lt, status, 0, 0);
}

void sheaf_lu_end_sense(struct sheaf_lu_task *lt, const struct sheaf_sense *sense)
{
	unsigned length;

	if (lt->lu)
		sheaf_aca_note_check_condition(lt);
	if (lt->lu && sheaf_modes_sense_is_descriptor(&lt->lu->modes))
		length = sheaf_sense_build_descriptor(sense, lt->response->sense_buffer);
	else
		length = sheaf_sense_build_fixed(sense, lt->response->sense_buffer);
	end(lt, SHEAF_STATUS_CHECK_CONDITION, 0, (uint8_t)length);
}

void sheaf_lu_end_check(struct sheaf_lu_task *lt, uint8_t key, uint16_t asc)
{
	struct sheaf_sense sense = { .key = key, .asc = asc };

	sheaf_lu_end_sense(lt, &sense);
}

void sheaf_lu_end_bad_field(struct sheaf_lu_task *lt, uint16_t byte, int8_t bit)
{
	struct sheaf_sense sense = { .key = SHEAF_KEY_ILLEGAL_REQUEST,
				     .asc = SHEAF_ASC_INVALID_FIELD_IN_CDB,
				     .field_valid = true,
				     .field_in_cdb = true,
				     .field_byte = byte,
				     .field_bit = bit };

	sheaf_lu_end_sense(lt, &sense);
}

void sheaf_lu_end_bad_parameter(struct sheaf_lu_task *lt, uint16_t byte)
{
	struct sheaf_sense sense = { .key = SHEAF_KEY_ILLEGAL_REQUEST,
				     .asc = SHEAF_ASC_INVALID_FIELD_IN_PARAMETER_LIST,
				     .field_valid = true,
				     .field_byte = byte,
				     .field_bit = -1 };

	sheaf_lu_end_sense(lt, &sense);
}

void sheaf_lu_end_out_of_range(struct sheaf_lu_task *lt, uint64_t lba)
{
	struct sheaf_sense sense = { .key = SHEAF_KEY_ILLEGAL_REQUEST,
				     .asc = SHEAF_ASC_LBA_OUT_OF_RANGE,
				     .information_valid = true,
				     .information = lba };

	sheaf_lu_end_sense(lt, &sense);
}

void sheaf_lu_end_io_error(struct sheaf_lu_task *lt, int result)
{
	struct sheaf_sense sense;

	sheaf_errno_to_sense(result, lt->io.op, &sense);
	if (sense.key == SHEAF_KEY_MEDIUM_ERROR && lt->io.op != SHEAF_STORE_FLUSH) {
		/*
		 * SPC-4 section 4.5.3: INFORMATION is the first block in error, as far as we know
		 * it.
		 */
		sense.information_valid = true;
		sense.information = (lt->io.offset + lt->io.moved) / lt->lu->block_size;
	}
	sheaf_lu_end_sense(lt, &sense);
}

bool sheaf_lu_check_data(struct sheaf_lu_task *lt, uint64_t bytes)
{
	bool in = lt->command->direction == SHEAF_TRANSFER_FROM_TARGET;

	if (bytes == 0)
		return true;
	if (lt->task.transfer_direction != lt->command->direction) {
		sheaf_lu_end_check(lt, SHEAF_KEY_ABORTED_COMMAND, SHEAF_ASC_DATA_PHASE_ERROR);
		return false;
	}
	if (bytes > lt->task.requested_transfer_count) {
		sheaf_lu_end_check(lt, SHEAF_KEY_ABORTED_COMMAND,
				   in ? SHEAF_ASC_DATA_IN_BUFFER_OVERFLOW
				      : SHEAF_ASC_DATA_OUT_BUFFER_OVERFLOW);
		return false;
	}
	return true;
}

bool sheaf_lu_check_data_out_is(struct sheaf_lu_task *lt, uint64_t bytes)
{
	if (lt->task.transfer_direction == SHEAF_TRANSFER_TO_TARGET &&
	    lt->task.requested_transfer_count != bytes) {
		/* Not the CDB is wrong, but the size that came beside it. */
		sheaf_lu_end_check(lt, SHEAF_KEY_ILLEGAL_REQUEST, SHEAF_ASC_INVALID_FIELD_IN_COMMAND_IU);
		return false;
	}
	return sheaf_lu_check_data(lt, bytes);
}

uint64_t sheaf_lu_reply_room(const struct sheaf_lu_task *lt)
{
	return sheaf_min64(lt->count_bytes, lt->task.requested_transfer_count);
}

void sheaf_lu_reply_put(struct sheaf_lu_task *lt, uint64_t offset, const uint8_t *data,
			uint64_t length)
{
	uint64_t room = sheaf_lu_reply_room(lt);

	if (offset < room)
		memcpy(lt->data + offset, data, sheaf_min64(length, room - offset));
}

void sheaf_lu_reply_end(struct sheaf_lu_task *lt, uint64_t length)
{
	sheaf_lu_end_good(lt, sheaf_min64(length, sheaf_lu_reply_room(lt)));
}

void sheaf_lu_reply(struct sheaf_lu_task *lt, const uint8_t *data, uint64_t length)
{
	sheaf_lu_reply_put(lt, 0, data, length);
	sheaf_lu_reply_end(lt, length);
}

/* FUA, or WCE is 0. Of other commands that write, all pieces are flushed at once at the end. */
static bool wants_fua(const struct sheaf_lu_task *lt)
{
	uint32_t conditions = atomic_load_explicit(&lt->lu->conditions, memory_order_relaxed);

	return (conditions & SHEAF_CONDITION_WRITE_THROUGH) ||
	       (lt->command->length > 6 &&
		(lt->task.command_descriptor_block[1] & SHEAF_CDB_RW_FUA));
}

void sheaf_lu_submit(struct sheaf_lu_task *lt, enum sheaf_store_op op, uint64_t lba,
		     uint64_t blocks, void *data,
		     void (*done)(struct sheaf_store_io *io, int result))
{
	struct sheaf_lu *lu = lt->lu;

	/* The LU may have shrunk since this command was checked; the store has not yet. */
	assert((lba + blocks) * lu->block_size <= lu->store->size_bytes);
	if (sheaf_lu_is_aborted(lt)) {
		sheaf_lu_end_good(lt, 0);
		return;
	}
	lt->io.op = op;
	lt->io.offset = lba * lu->block_size;
	lt->io.length = blocks * lu->block_size;
	lt->io.data = data;
	lt->io.done = done;
	lt->io.moved = 0;
	lt->io.fua = op == SHEAF_STORE_WRITE && lt->command->count_is == SHEAF_CDB_COUNT_TRANSFER &&
		     wants_fua(lt);
	sheaf_store_submit(lu->store, lt->loop, &lt->io);
}

/* LBA and count by their kind. False: the command has ended. */
static bool decode_and_check(struct sheaf_lu_task *lt)
{
	const struct sheaf_cdb_command *command = lt->command;
	const uint8_t *cdb = lt->task.command_descriptor_block;
	uint32_t count = sheaf_cdb_count(command, cdb);
	uint64_t capacity;

	lt->lba = sheaf_cdb_lba(command, cdb);
	lt->blocks = 0;
	lt->count_bytes = 0;
	switch (command->count_is) {
	case SHEAF_CDB_COUNT_TRANSFER:
	case SHEAF_CDB_COUNT_BLOCKS:
		lt->blocks = count;
		capacity = sheaf_lu_capacity(lt->lu);
		if (!sheaf_range_within(lt->lba, count, capacity)) {
			sheaf_lu_end_out_of_range(lt, lt->lba < capacity ? capacity : lt->lba);
			return false;
		}
		if (command->count_is == SHEAF_CDB_COUNT_BLOCKS)
			return true;
		if (count > lt->lu->maximum_transfer_blocks) {
			sheaf_lu_end_bad_field(lt, command->count.byte, 7);
			return false;
		}
		return sheaf_lu_check_data(lt, lt->blocks * lt->lu->block_size);
	case SHEAF_CDB_COUNT_PARAMETER:
		lt->count_bytes = count;
		return sheaf_lu_check_data(lt, count);
	case SHEAF_CDB_COUNT_ALLOCATION:
		lt->count_bytes = count;
		/* How much it will be is not known yet; the way that it goes is. */
		return sheaf_lu_check_data(lt, sheaf_lu_reply_room(lt));
	default:
		return true;
	}
}

/*
 * Everything that SPC-4 wants checked before a command is processed. False: the command has ended.
 */
static bool check(struct sheaf_lu_task *lt)
{
	const uint8_t *cdb = lt->task.command_descriptor_block;
	uint16_t byte = 0;
	int8_t bit = 0;

	switch (sheaf_cdb_find(cdb, lt->task.command_size, &lt->command, &byte, &bit)) {
	case SHEAF_CDB_OK:
		break;
	case SHEAF_CDB_BAD_FIELD:
		sheaf_lu_end_bad_field(lt, byte, bit);
		return false;
	case SHEAF_CDB_BAD_OPCODE:
		sheaf_lu_end_check(lt, SHEAF_KEY_ILLEGAL_REQUEST, SHEAF_ASC_INVALID_OPCODE);
		return false;
	}
	if (!lt->lu && !(lt->command->flags & SHEAF_CDB_ANY_LUN)) {
		sheaf_lu_end_check(lt, SHEAF_KEY_ILLEGAL_REQUEST, SHEAF_ASC_LU_NOT_SUPPORTED);
		return false;
	}
	if (!sheaf_cdb_check_usage(lt->command, cdb, &byte, &bit)) {
		sheaf_lu_end_bad_field(lt, byte, bit);
		return false;
	}
	if (lt->lu && !sheaf_lu_is_unconditional(lt->lu, lt->task.initiator_index) &&
	    !sheaf_lu_check_conditions(lt))
		return false;
	if ((lt->command->flags & SHEAF_CDB_WRITES) && lt->lu->read_only) {
		sheaf_lu_end_check(lt, SHEAF_KEY_DATA_PROTECT, SHEAF_ASC_WRITE_PROTECTED);
		return false;
	}
	return decode_and_check(lt);
}

static void execute(struct sheaf_lu *lu, uint32_t lun_count, struct sheaf_lu_task *lt)
{
	lt->lu = lu;
	lt->lun_count = lun_count;
	lt->scratch = NULL;
	lt->pattern = NULL;
	if (check(lt) && (!lu || sheaf_task_set_enter(lt)))
		lt->command->run(lt);
}

void sheaf_lu_continue(struct sheaf_lu_task *lt)
{
	uint64_t capacity = sheaf_lu_capacity(lt->lu);

	if (sheaf_lu_is_aborted(lt))
		sheaf_lu_end_good(lt, 0);
	else if (!sheaf_range_within(lt->lba, lt->blocks, capacity)) /* the LU has shrunk while it waited */
		sheaf_lu_end_out_of_range(lt, lt->lba < capacity ? capacity : lt->lba);
	else if (sheaf_lu_check_conditions_again(lt))
		lt->command->run(lt);
}

void sheaf_lu_execute(struct sheaf_lu *lu, uint32_t lun_count, struct sheaf_lu_task *lt)
{
	assert(lu);
	sheaf_tally_begin(lt, lu);
	execute(lu, lun_count, lt);
}

void sheaf_lu_execute_absent(uint32_t lun_count, struct sheaf_lu_task *lt)
{
	lt->tally = sheaf_tally_none();
	execute(NULL, lun_count, lt);
}
