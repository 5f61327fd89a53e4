/* SPDX-License-Identifier: MIT */
/*
 * fuzz_cdb.c - commands of all kinds, one after the other, on a small LU: each is answered once, within its buffer
 *
 * Input, for each command: CDB (16), its size, direction, requested bytes (2), data (2 bytes say how many).
 */
#include "fuzz.h"

#include "../unit/scsi_fixture.h"
#include "scsi/cdb.h"

#define BLOCKS	      64u
#define BLOCK	      512u
#define TRANSFER_MAX  8192u
#define COMMANDS_MAX  32

static unsigned answers;

static void count_answer(struct sheaf_lu_task *lt)
{
	(void)lt;
	answers++;
}

static void look_up(const struct sheaf_task *task)
{
	const struct sheaf_cdb_command *command;
	uint16_t byte = 0;
	int8_t bit = 0;

	if (sheaf_cdb_find(task->command_descriptor_block, task->command_size, &command, &byte, &bit) !=
	    SHEAF_CDB_OK)
		return;
	if (!sheaf_cdb_check_usage(command, task->command_descriptor_block, &byte, &bit))
		fuzz_check(byte < command->length && bit <= 7, "a bit outside the CDB");
	sheaf_cdb_lba(command, task->command_descriptor_block);
	sheaf_cdb_count(command, task->command_descriptor_block);
}

static void run(struct sheaf_lu *lu, struct fake_store *store, struct fuzz_input *in)
{
	struct sheaf_response response = { 0 };
	struct sheaf_lu_task lt = { .response = &response, .done = count_answer };
	struct sheaf_task_set set;
	size_t bytes, filled;

	fuzz_bytes(in, lt.task.command_descriptor_block, sizeof(lt.task.command_descriptor_block));
	lt.task.command_size = (uint8_t)fuzz_number(in, 1);
	lt.task.transfer_direction = (uint8_t)fuzz_number(in, 1);
	bytes = fuzz_number(in, 2) % (TRANSFER_MAX + 1);
	filled = fuzz_number(in, 2) % (bytes + 1);
	lt.task.version = SHEAF_TASK_VERSION;
	lt.task.task_tag_identifier = 1;
	lt.task.controller_task_identifier = 77;
	lt.task.requested_transfer_count = bytes;
	/* Of its own size, so that a byte too many shows. */
	lt.data = calloc(1, bytes ? bytes : 1);
	if (!lt.data)
		return;
	fuzz_bytes(in, lt.data, filled);
	look_up(&lt.task);
	if (sheaf_task_set_init(&set, 1, sheaf_lu_continue) < 0)
		abort();
	sheaf_task_set_add(&set, &lt);
	answers = 0;
	if (lt.task.command_descriptor_block[15] == 0xff)
		sheaf_lu_execute_absent(1, &lt);
	else
		sheaf_lu_execute(lu, 1, &lt);
	fake_drain(store);
	fuzz_check(answers == 1, "a command was not answered once");
	fuzz_check(response.version == SHEAF_TASK_VERSION && response.controller_task_identifier == 77,
		   "a response without its task");
	fuzz_check(response.bytes_transferred <= bytes, "more was transferred than asked for");
	sheaf_task_set_deinit(&set);
	free(lt.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct sheaf_lu_options options = {
		.block_size = BLOCK,
		.maximum_transfer_bytes = TRANSFER_MAX,
		.serial = "fuzz",
	};
	struct fuzz_input in = { data, size };
	struct fake_store *store = fake_create(BLOCKS * BLOCK);
	struct sheaf_lu *lu;

	store->kept_length = 0; /* something can be kept */

	if (sheaf_lu_create(&store->store, &options, &lu) < 0)
		abort();
	for (unsigned i = 0; in.left && i < COMMANDS_MAX; i++)
		run(lu, store, &in);
	sheaf_lu_free(lu);
	fake_free(&store->store);
	return 0;
}
