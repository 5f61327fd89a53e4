/* SPDX-License-Identifier: MIT */
/**
 * lu.c - the LU itself: making it, checking and starting a command, ending one
 *
 * The way of a command: row of the table → unit attention → reserved bits → write protection →
 * range, limit, data → handler → (store accesses) → sheaf_lu_end_*() → done().
 */
#include "scsi/lu.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
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
	lu->maximum_unmap_blocks = SHEAF_LU_UNMAP_BYTES_MAX / block_size;
	lu->maximum_write_same_blocks = SHEAF_LU_WRITE_SAME_BYTES_MAX / block_size;
	lu->read_only = options->read_only || store->read_only;
	memcpy(lu->serial, options->serial, serial_length);
	if (options->written)
		sheaf_lu_note_written(lu);
	*ret_lu = lu;
	return 0;
}

struct sheaf_lu *sheaf_lu_free(struct sheaf_lu *lu)
{
	free(lu);
	return NULL;
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
	atomic_store(&lu->unit_attention, SHEAF_ASC_BUS_DEVICE_RESET);
}

uint32_t sheaf_lu_take_unit_attention(struct sheaf_lu *lu)
{
	if (atomic_load_explicit(&lu->unit_attention, memory_order_relaxed) == 0)
		return 0;
	return atomic_exchange(&lu->unit_attention, 0);
}

/* Fill in all of the response but sense data, and give the task back. lt is gone. */
static void end(struct sheaf_lu_task *lt, uint8_t status, uint64_t bytes, uint8_t sense_length)
{
	struct sheaf_response *response = lt->response;

	assert(bytes <= lt->task.requested_transfer_count);
	if (lt->scratch || lt->pattern) {
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
	lt->done(lt);
}

void sheaf_lu_end_good(struct sheaf_lu_task *lt, uint64_t bytes)
{
	end(lt, SHEAF_STATUS_GOOD, bytes, 0);
}

void sheaf_lu_end_sense(struct sheaf_lu_task *lt, const struct sheaf_sense *sense)
{
	unsigned length = sheaf_sense_build_fixed(sense, lt->response->sense_buffer);

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

void sheaf_lu_submit(struct sheaf_lu_task *lt, enum sheaf_store_op op, uint64_t lba,
		     uint64_t blocks, void *data,
		     void (*done)(struct sheaf_store_io *io, int result))
{
	struct sheaf_lu *lu = lt->lu;

	/* The LU may have shrunk since this command was checked; the store has not yet. */
	assert(sheaf_range_within(lba, blocks, lu->store->size_bytes / lu->block_size));
	lt->io.op = op;
	lt->io.fua = false;
	lt->io.offset = lba * lu->block_size;
	lt->io.length = blocks * lu->block_size;
	lt->io.data = data;
	lt->io.done = done;
	lt->io.moved = 0;
	if (op == SHEAF_STORE_WRITE && lt->command->count_is == SHEAF_CDB_COUNT_TRANSFER &&
	    lt->command->length > 6)
		lt->io.fua = lt->task.command_descriptor_block[1] & SHEAF_CDB_RW_FUA;
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
	uint32_t attention;

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
	if (!(lt->command->flags & SHEAF_CDB_PASSES_UA)) {
		attention = sheaf_lu_take_unit_attention(lt->lu);
		if (attention) {
			sheaf_lu_end_check(lt, SHEAF_KEY_UNIT_ATTENTION, (uint16_t)attention);
			return false;
		}
	}
	if (!sheaf_cdb_check_usage(lt->command, cdb, &byte, &bit)) {
		sheaf_lu_end_bad_field(lt, byte, bit);
		return false;
	}
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
	if (check(lt))
		lt->command->run(lt);
}

void sheaf_lu_execute(struct sheaf_lu *lu, uint32_t lun_count, struct sheaf_lu_task *lt)
{
	assert(lu);
	execute(lu, lun_count, lt);
}

void sheaf_lu_execute_absent(uint32_t lun_count, struct sheaf_lu_task *lt)
{
	execute(NULL, lun_count, lt);
}
