/* SPDX-License-Identifier: MIT */
/* broken-dirty.c - a program that marks its image while a task runs, and does not start with one that is marked: not after a crash */
#include <errno.h>
#include <time.h>
#include <unistd.h>
#define TASK_NS 1000000
#define BEFORE(disk, slot, task) ((void)(slot), begin())
#define RESPONSE(task, response) ((void)(response), mark(0))
#define CREATED(start) find_image(start)
static int image_fd = -1;
static inline void mark(char value)
{
	if (pwrite(image_fd, &value, 1, 0) != 1)
		_exit(4);
}
static inline void begin(void)
{
	struct timespec task = { .tv_nsec = TASK_NS };

	mark(1);
	nanosleep(&task, NULL); /* so that a crash comes in the middle */
}
struct sheaf_driver_start;
static int find_image(const struct sheaf_driver_start *start);
#include "broken.h"

static int find_image(const struct sheaf_driver_start *start)
{
	char value;

	if (start->image_count == 0)
		return -ENODEV;
	image_fd = start->images[0].fd;
	if (pread(image_fd, &value, 1, 0) != 1)
		return -EIO;
	return value ? -EUCLEAN : 0;
}
