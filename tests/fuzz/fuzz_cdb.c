/* SPDX-License-Identifier: MIT */
/*
 * fuzz_cdb.c - commands of all kinds, by two initiators and several at a time, on a small LU: each is answered once, within its buffer
 *
 * Input, for each command: CDB (16); a byte: bits 5..0 its size, bit 6: others may start while it is in flight, bit 7: by the second
 * initiator; a byte: bits 5..0 the direction, bits 7..6 the task attribute; requested bytes (2); data (2 bytes say how many). The last
 * byte of the CDB says how tasks in flight go on: which access of the store is done next, a reset, an abort.
 */
#include "fuzz.h"

#include "../unit/scsi_fixture.h"
#include "scsi/cdb.h"

#define BLOCKS	     64u
#define BLOCK	     512u
#define TRANSFER_MAX 8192u
#define COMMANDS_MAX 32
#define TASKS	     4

struct fuzz_task {
	struct sheaf_lu_task lt; /* first */
	struct sheaf_response response;
	uint8_t *data;
	bool busy;
	unsigned answers;
};

static struct {
	struct fake_store *store;
	struct sheaf_lu *lu;
	struct sheaf_task_set set;
	struct fuzz_task tasks[TASKS];
	uint64_t tag;
} f;

/* Done: the answer belongs to the task, and says nothing that cannot be. */
static void take_answer(struct sheaf_lu_task *lt)
{
	struct fuzz_task *task = (struct fuzz_task *)lt;
	const struct sheaf_response *response = &task->response;

	fuzz_check(task->busy && task->answers++ == 0, "a command was answered twice");
	fuzz_check(response->version == SHEAF_TASK_VERSION &&
			   response->controller_task_identifier == 77,
		   "a response without its task");
	fuzz_check(response->bytes_transferred <= lt->task.requested_transfer_count,
		   "more was transferred than asked for");
	fuzz_check(response->completion_status != SHEAF_STATUS_CHECK_CONDITION ||
			   response->sense_length >= 8,
		   "CHECK CONDITION without sense data");
	task->busy = false;
}

static void look_up(const struct sheaf_task *task)
{
	const struct sheaf_cdb_command *command;
	uint16_t byte = 0;
	int8_t bit = 0;

	if (sheaf_cdb_find(task->command_descriptor_block, task->command_size, &command, &byte,
			   &bit) != SHEAF_CDB_OK)
		return;
	if (!sheaf_cdb_check_usage(command, task->command_descriptor_block, &byte, &bit))
		fuzz_check(byte < command->length && bit <= 7, "a bit outside the CDB");
	sheaf_cdb_lba(command, task->command_descriptor_block);
	sheaf_cdb_count(command, task->command_descriptor_block);
}

static void drain(void)
{
	fake_drain(f.store);
	for (unsigned i = 0; i < TASKS; i++)
		fuzz_check(!f.tasks[i].busy, "a command was not answered");
}

static struct fuzz_task *free_task(void)
{
	for (unsigned i = 0; i < TASKS; i++)
		if (!f.tasks[i].busy)
			return &f.tasks[i];
	drain();
	return &f.tasks[0];
}

/* What happens to those in flight, by a number that the input chose. */
static void go_on(uint8_t how)
{
	struct fuzz_task *other = &f.tasks[how % TASKS];

	switch (how >> 4 & 3) {
	case 0:
		if (f.store->queued)
			fake_complete(f.store, how % f.store->queued);
		else
			fake_keep_all(f.store);
		break;
	case 1:
		if (other->busy)
			atomic_store(&other->lt.aborted_tag, other->lt.task.task_tag_identifier);
		break;
	case 2:
		sheaf_lu_reset(f.lu);
		break;
	default:
		if (f.store->queued) {
			f.store->fail[f.store->queue[0]->op] = -EIO;
			fake_complete(f.store, 0);
		}
	}
}

static void run(struct fuzz_input *in)
{
	struct fuzz_task *task = free_task();
	struct sheaf_lu_task *lt = &task->lt;
	uint8_t size, direction;
	size_t bytes, filled;

	memset(&lt->task, 0, sizeof(lt->task));
	fuzz_bytes(in, lt->task.command_descriptor_block, sizeof(lt->task.command_descriptor_block));
	size = (uint8_t)fuzz_number(in, 1);
	direction = (uint8_t)fuzz_number(in, 1);
	bytes = fuzz_number(in, 2) % (TRANSFER_MAX + 1);
	filled = fuzz_number(in, 2) % (bytes + 1);
	lt->task.version = SHEAF_TASK_VERSION;
	lt->task.command_size = size & 0x3f;
	lt->task.initiator_index = size >> 7;
	lt->task.transfer_direction = direction & 0x3f;
	lt->task.task_attribute = direction >> 6;
	lt->task.task_tag_identifier = ++f.tag;
	lt->task.controller_task_identifier = 77;
	lt->task.requested_transfer_count = bytes;
	/* Of its own size, so that a byte too many shows. */
	free(task->data);
	lt->data = task->data = calloc(1, bytes ? bytes : 1);
	if (!task->data)
		abort();
	fuzz_bytes(in, lt->data, filled);
	memset(&task->response, 0, sizeof(task->response));
	lt->response = &task->response;
	lt->done = take_answer;
	task->answers = 0;
	task->busy = true;
	look_up(&lt->task);
	if (lt->task.command_descriptor_block[15] == 0xff)
		sheaf_lu_execute_absent(1, lt);
	else
		sheaf_lu_execute(f.lu, 1, lt);
	if (size & 0x40)
		go_on(lt->task.command_descriptor_block[15]);
	else
		drain();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct sheaf_lu_options options = {
		.block_size = BLOCK,
		.maximum_transfer_bytes = TRANSFER_MAX,
		.serial = "fuzz",
	};
	struct fuzz_input in = { data, size };

	memset(&f, 0, sizeof(f));
	f.store = fake_create(BLOCKS * BLOCK);
	for (unsigned i = 0; i < SHEAF_STORE_NOTES; i++)
		f.store->notes[i].length = 0; /* something can be kept */
	if (sheaf_lu_create(&f.store->store, &options, &f.lu) < 0 ||
	    sheaf_task_set_init(&f.set, TASKS, sheaf_lu_continue) < 0)
		abort();
	for (unsigned i = 0; i < TASKS; i++)
		sheaf_task_set_add(&f.set, &f.tasks[i].lt);
	/* The first command is to be run, not to hear of POWER ON. */
	sheaf_lu_take_attention(f.lu, 0);
	sheaf_lu_take_attention(f.lu, 1);
	for (unsigned i = 0; in.left && i < COMMANDS_MAX; i++)
		run(&in);
	drain();
	for (unsigned i = 0; i < TASKS; i++)
		free(f.tasks[i].data);
	sheaf_task_set_deinit(&f.set);
	sheaf_lu_free(f.lu);
	fake_free(&f.store->store);
	return 0;
}
