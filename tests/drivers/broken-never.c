/* SPDX-License-Identifier: MIT */
/* broken-never.c - never completes a read of more than 4 blocks */
#define SWALLOW(disk, task, place) ((task)->command_descriptor_block[0] == 0x88 && (task)->command_descriptor_block[13] > 4)
#include "broken.h"
