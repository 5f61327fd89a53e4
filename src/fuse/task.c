/* SPDX-License-Identifier: MIT */
/* task.c - see task.h */
#include "fuse/task.h"

#include <string.h>

#include <sheaf/scsi.h>

#include "base/bits.h"
#include "fuse/fuse.h"

/* SBC-4: the 16-byte CDBs, so that one form serves every size. */
enum {
	OPCODE_UNMAP = 0x42,		    /* 5.35 */
	OPCODE_READ_16 = 0x88,		    /* 5.16 */
	OPCODE_WRITE_16 = 0x8a,		    /* 5.40 */
	OPCODE_SYNCHRONIZE_CACHE_10 = 0x35, /* 5.33 */
	OPCODE_WRITE_SAME_16 = 0x93,	    /* 5.53 */
	OPCODE_SERVICE_ACTION_IN_16 = 0x9e,
	SERVICE_ACTION_GET_LBA_STATUS = 0x12, /* 5.6 */
};
#define CDB_FUA 0x08
#define CDB_NDOB 0x01
#define UNMAP_LIST_BYTES 24
#define LBA_STATUS_BYTES (8 + 16)

/* A disk whose VPD page names no limit takes what a slot holds. */
uint64_t sheaf_task_longest(const struct sheaf_request *request)
{
	const struct sheaf_unit *unit = &request->file->unit;
	uint64_t longest = SHEAF_MAX_WRITE;

	if (unit->maximum_transfer_blocks)
		longest = sheaf_min64(longest, unit->maximum_transfer_blocks * unit->block_size);
	return longest;
}

uint8_t *sheaf_request_buffer(struct sheaf_request *request)
{
	return sheaf_queue_buffer(request->fq->queue, request->slot);
}

static struct sheaf_task *new_task(struct sheaf_request *request, uint8_t opcode, uint8_t size,
				   enum sheaf_transfer_direction direction, uint64_t bytes)
{
	struct sheaf_task *task = sheaf_queue_command(request->fq->queue, request->slot);

	task->target_id = request->file->unit.target_id;
	sheaf_put_lun(task->logical_unit_bytes, request->file->unit.lun);
	task->command_descriptor_block[0] = opcode;
	task->command_size = size;
	task->transfer_direction = (uint8_t)direction;
	task->requested_transfer_count = bytes;
	return task;
}

static void start(struct sheaf_request *request, uint64_t piece, sheaf_step *next)
{
	request->piece = piece;
	request->next = next;
	sheaf_queue_start(request->fq->queue, request->slot);
}

static void put_range(const struct sheaf_request *request, uint8_t *cdb, uint64_t offset,
		      uint64_t length)
{
	uint32_t block = request->file->unit.block_size;

	sheaf_put_be64(cdb + 2, offset / block);
	sheaf_put_be32(cdb + 10, (uint32_t)(length / block));
}

void sheaf_task_read(struct sheaf_request *request, uint64_t offset, uint64_t length, uint64_t at,
		     sheaf_step *next)
{
	struct sheaf_task *task =
		new_task(request, OPCODE_READ_16, 16, SHEAF_TRANSFER_FROM_TARGET, length);

	task->buffer_iovm_addr += at;
	put_range(request, task->command_descriptor_block, offset, length);
	start(request, length, next);
}

void sheaf_task_write(struct sheaf_request *request, uint64_t offset, uint64_t length, uint64_t at,
		      bool fua, sheaf_step *next)
{
	struct sheaf_task *task =
		new_task(request, OPCODE_WRITE_16, 16, SHEAF_TRANSFER_TO_TARGET, length);

	task->buffer_iovm_addr += at;
	task->command_descriptor_block[1] = fua ? CDB_FUA : 0;
	put_range(request, task->command_descriptor_block, offset, length);
	start(request, length, next);
}

void sheaf_task_synchronize(struct sheaf_request *request, sheaf_step *next)
{
	/* LBA 0, 0 blocks: the whole medium. */
	new_task(request, OPCODE_SYNCHRONIZE_CACHE_10, 10, SHEAF_TRANSFER_NONE, 0);
	start(request, 0, next);
}

void sheaf_task_unmap(struct sheaf_request *request, uint64_t offset, uint64_t length,
		      sheaf_step *next)
{
	uint32_t block = request->file->unit.block_size;
	uint8_t *list = sheaf_request_buffer(request);
	struct sheaf_task *task = new_task(request, OPCODE_UNMAP, 10, SHEAF_TRANSFER_TO_TARGET,
					   UNMAP_LIST_BYTES);

	memset(list, 0, UNMAP_LIST_BYTES);
	sheaf_put_be16(list, UNMAP_LIST_BYTES - 2);
	sheaf_put_be16(list + 2, 16);
	sheaf_put_be64(list + 8, offset / block);
	sheaf_put_be32(list + 16, (uint32_t)(length / block));
	sheaf_put_be16(task->command_descriptor_block + 7, UNMAP_LIST_BYTES);
	start(request, length, next);
}

void sheaf_task_zero(struct sheaf_request *request, uint64_t offset, uint64_t length,
		     sheaf_step *next)
{
	struct sheaf_task *task = new_task(request, OPCODE_WRITE_SAME_16, 16, SHEAF_TRANSFER_NONE, 0);

	task->command_descriptor_block[1] = CDB_NDOB;
	put_range(request, task->command_descriptor_block, offset, length);
	start(request, length, next);
}

void sheaf_task_lba_status(struct sheaf_request *request, uint64_t offset, sheaf_step *next)
{
	struct sheaf_task *task = new_task(request, OPCODE_SERVICE_ACTION_IN_16, 16,
					   SHEAF_TRANSFER_FROM_TARGET, LBA_STATUS_BYTES);
	uint8_t *cdb = task->command_descriptor_block;

	cdb[1] = SERVICE_ACTION_GET_LBA_STATUS;
	sheaf_put_be64(cdb + 2, offset / request->file->unit.block_size);
	sheaf_put_be32(cdb + 10, LBA_STATUS_BYTES);
	start(request, 0, next);
}

/* What may take as long as the medium is large, so that the caller's timeout counts, not the mount's. */
static bool goes_over_the_medium(const uint8_t cdb[])
{
	return cdb[0] == SHEAF_SCSI_FORMAT_UNIT || cdb[0] == SHEAF_SCSI_SANITIZE ||
	       cdb[0] == SHEAF_SCSI_SEND_DIAGNOSTIC;
}

void sheaf_task_pass_on(struct sheaf_request *request, const struct sheaf_passed_on *command,
			sheaf_step *next)
{
	struct sheaf_task *task = new_task(request, command->cdb[0], command->cdb_length,
					   command->direction, command->bytes);

	memcpy(task->command_descriptor_block, command->cdb, sizeof(task->command_descriptor_block));
	task->buffer_iovm_addr += command->at;
	task->task_attribute = command->attribute;
	task->initiator_index = SHEAF_INITIATOR_CALLERS;
	if (command->timeout_ms && (!task->timeout_in_milli_sec ||
				    command->timeout_ms < task->timeout_in_milli_sec))
		task->timeout_in_milli_sec = command->timeout_ms;
	request->passed_on = true;
	request->piece = command->bytes;
	request->next = next;
	if (goes_over_the_medium(command->cdb) && task->timeout_in_milli_sec &&
	    command->timeout_ms > task->timeout_in_milli_sec) {
		task->timeout_in_milli_sec =
			(uint32_t)sheaf_min64(command->timeout_ms, SHEAF_TASK_TIMEOUT_MAX_MS);
		sheaf_queue_start_within(request->fq->queue, request->slot,
					 task->timeout_in_milli_sec);
	} else {
		sheaf_queue_start(request->fq->queue, request->slot);
	}
}

bool sheaf_lba_extent(struct sheaf_request *request, const struct sheaf_result *result,
		      uint64_t offset, struct sheaf_lba_extent *ret)
{
	const uint8_t *descriptor = sheaf_request_buffer(request) + 8;
	uint32_t block = request->file->unit.block_size;
	uint64_t lba, blocks;

	if (result->bytes_transferred < LBA_STATUS_BYTES)
		return false;
	lba = sheaf_get_be64(descriptor);
	blocks = sheaf_get_be32(descriptor + 8);
	/* It must hold the block that was asked for, and so make progress. */
	if (lba > offset / block || blocks == 0 || offset / block - lba >= blocks ||
	    lba >= request->file->unit.blocks)
		return false;
	ret->begin = lba * block;
	ret->end = sheaf_min64(lba + blocks, request->file->unit.blocks) * block;
	ret->mapped = (descriptor[12] & 0x0f) == 0; /* SBC-4 table 72: 0 mapped, 1 deallocated */
	return true;
}
