/* SPDX-License-Identifier: MIT */
/*
 * late.c - a driver whose first WRITE is in a child's hands when it dies: sheaf's own disk, but that write is never completed, and
 * the child does it two seconds later. argv[1]: a file that is made when that has happened, so that the next driver is a
 * good one.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sheaf/driver.h>

#include "base/bits.h"
#include "driver/disk_driver.h"

#define LATE_SECONDS 2
#define WRITE_16     0x8a

static struct {
	const struct sheaf_driver_start *start;
	const struct sheaf_task *commands;
	const uint8_t *data;
	struct sheaf_controller_ops ops;
} late;

static int late_create(const struct sheaf_driver_start *start, void **ret_controller)
{
	if (start->argc != 2)
		return -22;
	late.start = start;
	return sheaf_disk_driver.create(start, ret_controller);
}

static int late_map_data_area(void *controller, uint8_t *data, size_t bytes, size_t buffer_bytes)
{
	late.data = data;
	return sheaf_disk_driver.ops->map_data_area(controller, data, bytes, buffer_bytes);
}

static int late_map_buffers(void *controller, const struct sheaf_task *commands,
			    struct sheaf_response *responses, uint32_t slots)
{
	late.commands = commands;
	return sheaf_disk_driver.ops->map_bundled_parallel_task_command_and_response_buffers(
		controller, commands, responses, slots);
}

/* The child: its copy of the data, and the image's descriptor. */
static void write_late(const struct sheaf_task *task)
{
	const struct sheaf_driver_image *image = &late.start->images[0];
	uint64_t offset = sheaf_get_be64(task->command_descriptor_block + 2) * image->block_size;
	size_t bytes = (size_t)task->requested_transfer_count;
	uint8_t *copy = malloc(bytes);

	if (!copy)
		_exit(1);
	memcpy(copy, late.data + task->buffer_iovm_addr, bytes);
	close(open(late.start->argv[1], O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	sleep(LATE_SECONDS);
	_exit(pwrite(image->fd, copy, bytes, (off_t)(image->offset + offset)) == (ssize_t)bytes
		      ? 0
		      : 1);
}

static bool is_the_one(const struct sheaf_task *task)
{
	return task->command_descriptor_block[0] == WRITE_16 &&
	       access(late.start->argv[1], F_OK) < 0;
}

static void late_process(void *private_data, const uint16_t slots[], uint16_t count)
{
	for (uint16_t i = 0; i < count; i++) {
		const struct sheaf_task *task = &late.commands[slots[i]];

		if (!is_the_one(task))
			sheaf_disk_driver.ops->process_bundled_parallel_tasks(private_data,
									      &slots[i], 1);
		else if (fork() == 0)
			write_late(task);
	}
}

int main(int argc, char **argv)
{
	struct sheaf_driver driver = sheaf_disk_driver;

	late.ops = *sheaf_disk_driver.ops;
	late.ops.map_data_area = late_map_data_area;
	late.ops.map_bundled_parallel_task_command_and_response_buffers = late_map_buffers;
	late.ops.process_bundled_parallel_tasks = late_process;
	driver.name = "late";
	driver.ops = &late.ops;
	driver.create = late_create;
	return sheaf_driver_main(&driver, argc, argv);
}
