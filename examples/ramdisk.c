/* SPDX-License-Identifier: MIT */
/*
 * ramdisk.c - a disk in memory, as a driver; doc/writing-a-driver.md leads through it
 *
 *   sheaf mount --controller=ramdisk.so DIR                 64 MiB
 *   sheaf mount --controller='ramdisk.so size=2G' DIR
 *
 * The controller table is filled in by hand, in bundled and in single-task mode. SCSI is the library's: a target (sheaf/target.h) over a
 * medium, whose bytes are a mapping that takes memory as it is written.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <sheaf/driver.h>
#include <sheaf/target.h>

#define SIZE_DEFAULT (UINT64_C(64) << 20)
/* Bundles are for depth: as many tasks at a time as a host is likely to want. */
#define TASKS 256

struct ramdisk {
	struct sheaf_target *target;
	uint8_t *bytes;
	uint64_t size;
	uint32_t mapped; /* ids given out */
	const struct sheaf_task *commands; /* NULL: single-task mode */
	struct sheaf_response *responses;
	struct { /* single-task mode: what is in flight */
		sheaf_action action;
		struct sheaf_response response;
	} singles[TASKS];
};

/* What a loop needs to serve us; several loops may, each with one of these. */
struct context {
	struct ramdisk *disk;
	struct sheaf_context *host;
	uint16_t done[SHEAF_BUNDLE_MAX];
	uint16_t done_count;
};

/* The medium: all is done when the call returns. */

static int medium_read(void *arg, struct sheaf_store_io *io)
{
	memcpy(io->data, ((struct ramdisk *)arg)->bytes + io->offset, io->length);
	return 0;
}

static int medium_write(void *arg, struct sheaf_store_io *io)
{
	memcpy(((struct ramdisk *)arg)->bytes + io->offset, io->data, io->length);
	return 0;
}

/* Whole pages go back to the system. */
static int medium_discard(void *arg, struct sheaf_store_io *io)
{
	uint8_t *begin = ((struct ramdisk *)arg)->bytes + io->offset;

	memset(begin, 0, io->length % 4096);
	begin += io->length % 4096;
	if ((uintptr_t)begin % 4096 || madvise(begin, io->length / 4096 * 4096, MADV_DONTNEED) < 0)
		memset(begin, 0, io->length / 4096 * 4096);
	return 0;
}

/* Bring-up, in the order in which the host asks. */

static int initialize_controller(void *controller)
{
	struct ramdisk *disk = controller;

	disk->mapped = 0;
	disk->commands = NULL;
	return 0;
}

static int report_initiator_identifier(void *controller, uint64_t *ret_id)
{
	(void)controller;
	*ret_id = 7;
	return 0;
}

static int report_highest_supported_device_id(void *controller, uint64_t *ret_id)
{
	(void)controller;
	*ret_id = 0; /* target 0 is the only one */
	return 0;
}

static int report_maximum_task_count(void *controller, uint32_t *ret_count)
{
	(void)controller;
	*ret_count = TASKS;
	return 0;
}

static int report_maximum_context_count(void *controller, uint32_t *ret_count)
{
	(void)controller;
	*ret_count = UINT32_MAX; /* reads and writes share nothing but the bytes */
	return 0;
}

static int map_data_area(void *controller, uint8_t *data, size_t bytes, size_t buffer_bytes)
{
	(void)buffer_bytes;
	sheaf_target_set_data_area(((struct ramdisk *)controller)->target, data, bytes);
	return 0;
}

static int map_hba_data(void *controller, uint32_t *ret_id)
{
	struct ramdisk *disk = controller;

	if (disk->mapped == TASKS)
		return -ENOSPC;
	*ret_id = ++disk->mapped; /* never 0 */
	return 0;
}

static int map_buffers(void *controller, const struct sheaf_task *commands,
		       struct sheaf_response *responses, uint32_t slots)
{
	struct ramdisk *disk = controller;

	if (slots > TASKS)
		return -EINVAL;
	disk->commands = commands;
	disk->responses = responses;
	return 0;
}

static int start_controller(void *controller)
{
	(void)controller;
	return 0;
}

static int report_highest_lun(void *controller, uint64_t *ret)
{
	(void)controller;
	*ret = 0;
	return 0;
}

static int performs_auto_sense(void *controller, bool *ret)
{
	(void)controller;
	*ret = true; /* the target puts sense data into each CHECK CONDITION */
	return 0;
}

static int create_context(void *controller, struct sheaf_context *host, void **ret_private)
{
	struct context *context = calloc(1, sizeof(*context));

	if (!context)
		return -ENOMEM;
	context->disk = controller;
	context->host = host;
	*ret_private = context;
	return 0;
}

static void destroy_context(void *private_data)
{
	free(private_data);
}

static void stop(void *controller)
{
	(void)controller;
}

/* Tasks */

static void end_of_turn(void *private_data)
{
	struct context *context = private_data;
	uint16_t slots[SHEAF_BUNDLE_MAX];
	uint16_t n = context->done_count;

	if (n == 0)
		return;
	/* Copied, as the host may hand over new tasks from inside the completion. */
	memcpy(slots, context->done, n * sizeof(slots[0]));
	context->done_count = 0;
	sheaf_bundled_parallel_task_completion(context->host, slots, n);
}

/* Of the target: the response is filled in. */
static void task_done(void *private_data, uint32_t index)
{
	struct context *context = private_data;
	struct ramdisk *disk = context->disk;

	if (!disk->commands) {
		sheaf_parallel_task_completion(context->host, disk->singles[index].action,
					       &disk->singles[index].response);
		return;
	}
	context->done[context->done_count++] = (uint16_t)index;
	if (context->done_count == SHEAF_BUNDLE_MAX)
		end_of_turn(context);
}

static void process_bundled_parallel_tasks(void *private_data, const uint16_t slots[], uint16_t count)
{
	struct context *context = private_data;
	struct ramdisk *disk = context->disk;

	for (uint16_t i = 0; i < count; i++)
		sheaf_target_execute(disk->target, slots[i], &disk->commands[slots[i]],
				     &disk->responses[slots[i]], sheaf_context_loop(context->host),
				     context);
}

static enum sheaf_service_response process_parallel_task(void *private_data,
							 const struct sheaf_task *task,
							 sheaf_action action)
{
	struct context *context = private_data;
	struct ramdisk *disk = context->disk;
	uint32_t index = (uint32_t)task->controller_task_identifier - 1;

	if (index >= TASKS)
		return SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE;
	disk->singles[index].action = action;
	sheaf_target_execute(disk->target, index, task, &disk->singles[index].response,
			     sheaf_context_loop(context->host), context);
	return SHEAF_REQUEST_IN_PROCESS;
}

/* Task management: the target knows what is in flight. */

static enum sheaf_service_response abort_task_request(void *controller, uint64_t target,
						      uint64_t lun, uint64_t tag)
{
	return sheaf_target_abort_task(((struct ramdisk *)controller)->target, target, lun, tag);
}

static enum sheaf_service_response abort_task_set_request(void *controller, uint64_t target,
							  uint64_t lun)
{
	return sheaf_target_abort_task_set(((struct ramdisk *)controller)->target, target, lun);
}

static enum sheaf_service_response clear_aca_request(void *controller, uint64_t target, uint64_t lun)
{
	return sheaf_target_clear_aca(((struct ramdisk *)controller)->target, target, lun,
				      SHEAF_INITIATOR_ANY);
}

static enum sheaf_service_response clear_task_set_request(void *controller, uint64_t target,
							  uint64_t lun)
{
	return sheaf_target_clear_task_set(((struct ramdisk *)controller)->target, target, lun,
					   SHEAF_INITIATOR_ANY);
}

static enum sheaf_service_response logical_unit_reset_request(void *controller, uint64_t target,
							      uint64_t lun)
{
	return sheaf_target_logical_unit_reset(((struct ramdisk *)controller)->target, target, lun);
}

static enum sheaf_service_response target_reset_request(void *controller, uint64_t target)
{
	return sheaf_target_reset(((struct ramdisk *)controller)->target, target);
}

static const struct sheaf_controller_ops ramdisk_ops = {
	.name = "ramdisk",
	.initialize_controller = initialize_controller,
	.report_initiator_identifier = report_initiator_identifier,
	.report_highest_supported_device_id = report_highest_supported_device_id,
	.report_maximum_task_count = report_maximum_task_count,
	.report_maximum_context_count = report_maximum_context_count,
	.map_data_area = map_data_area,
	.map_hba_data = map_hba_data,
	.map_bundled_parallel_task_command_and_response_buffers = map_buffers,
	.start_controller = start_controller,
	.report_hba_highest_logical_unit_number = report_highest_lun,
	.does_hba_perform_auto_sense = performs_auto_sense,
	.create_context = create_context,
	.destroy_context = destroy_context,
	.process_bundled_parallel_tasks = process_bundled_parallel_tasks,
	.process_parallel_task = process_parallel_task,
	.end_of_turn = end_of_turn,
	.abort_task_request = abort_task_request,
	.abort_task_set_request = abort_task_set_request,
	.clear_aca_request = clear_aca_request,
	.clear_task_set_request = clear_task_set_request,
	.logical_unit_reset_request = logical_unit_reset_request,
	.target_reset_request = target_reset_request,
	.stop = stop,
};

/* The driver: how a controller is made. */

static void destroy(void *controller)
{
	struct ramdisk *disk = controller;

	sheaf_target_free(disk->target);
	if (disk->bytes)
		munmap(disk->bytes, disk->size);
	free(disk);
}

/* Words: size=BYTES, with K, M, G or T. 0 or -EINVAL. */
static int read_words(const struct sheaf_driver_start *start, uint64_t *size)
{
	static const char units[] = "KMGT";

	for (int i = 1; i < start->argc; i++) {
		const char *word = start->argv[i];
		char *end = NULL;
		const char *unit;

		if (strncmp(word, "size=", 5) == 0 && word[5] >= '0' && word[5] <= '9') {
			*size = strtoull(word + 5, &end, 10);
			unit = *end ? strchr(units, *end) : NULL;
			if (unit) {
				*size <<= 10 * (unit - units + 1);
				end++;
			}
		}
		if (!end || *end || *size < 4096 || *size % 4096) {
			sheaf_driver_error("%s: not understood; say size=64M (a multiple of 4096 bytes)", word);
			return -EINVAL;
		}
	}
	return 0;
}

static int create(const struct sheaf_driver_start *start, void **ret_controller)
{
	struct ramdisk *disk = calloc(1, sizeof(*disk));
	struct sheaf_medium medium = {
		.arg = disk,
		.name = "ramdisk",
		.serial = "ramdisk",
		.physical_block_bytes = 4096,
		.read = medium_read,
		.write = medium_write,
		.discard = medium_discard,
	};
	const struct sheaf_target_options options = {
		.media = &medium,
		.medium_count = 1,
		.tasks = TASKS,
		.done = task_done,
	};
	int r;

	if (!disk)
		return -ENOMEM;
	disk->size = SIZE_DEFAULT;
	r = read_words(start, &disk->size);
	if (r == 0) {
		void *bytes = mmap(NULL, disk->size, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		disk->bytes = bytes == MAP_FAILED ? NULL : bytes;
		r = disk->bytes ? 0 : -ENOMEM;
	}
	medium.bytes = disk->size;
	if (r == 0)
		r = sheaf_target_create(&options, &disk->target);
	if (r < 0) {
		destroy(disk);
		return r;
	}
	*ret_controller = disk;
	return 0;
}

static const struct sheaf_driver ramdisk = {
	.api = SHEAF_DRIVER_API,
	.name = "ramdisk",
	.summary = "a disk in memory",
	.ops = &ramdisk_ops,
	.create = create,
	.destroy = destroy,
};
SHEAF_DRIVER(ramdisk)

#ifdef SHEAF_DRIVER_PROGRAM
int main(int argc, char **argv)
{
	return sheaf_driver_main(&ramdisk, argc, argv);
}
#endif
