/* SPDX-License-Identifier: MIT */
/* broken-exits.c - a program that ends after some tasks, those that it has unanswered */
#include <unistd.h>
#define LAST 100
#define BEFORE(disk, slot, task) ((void)(slot), count_down())
static inline void count_down(void)
{
	static unsigned tasks;

	if (++tasks == LAST)
		_exit(3);
}
#include "broken.h"
