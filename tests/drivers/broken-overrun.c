/* SPDX-License-Identifier: MIT */
/* broken-overrun.c - writes a byte behind the buffer */
#define BEFORE(disk, slot, task) ((disk)->data[(task)->buffer_iovm_addr + (task)->requested_transfer_count] = 1)
#include "broken.h"
