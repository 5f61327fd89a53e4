/* SPDX-License-Identifier: MIT */
/* broken-command.c - writes to a command slot */
#define BEFORE(disk, slot, task) (((struct sheaf_task *)(uintptr_t)&(disk)->commands[slot])->timeout_in_milli_sec = 1)
#include "broken.h"
