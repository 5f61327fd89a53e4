/* SPDX-License-Identifier: MIT */
/* broken-odd.c - crashes when a CDB is odd */
#define BEFORE(disk, slot, task) ((task)->command_descriptor_block[0] > 0xc0 ? abort() : (void)0)
#include "broken.h"
