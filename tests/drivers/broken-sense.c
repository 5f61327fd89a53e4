/* SPDX-License-Identifier: MIT */
/* broken-sense.c - says that it puts sense data into responses, and does not */
#define RESPONSE(task, response) ((response)->sense_length = 0)
#define BEFORE(disk, slot, task) ((task)->command_descriptor_block[0] = (task)->command_descriptor_block[0] == 0x12 ? 0x7f : (task)->command_descriptor_block[0])
#include "broken.h"
