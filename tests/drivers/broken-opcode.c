/* SPDX-License-Identifier: MIT */
/* broken-opcode.c - answers GOOD to what it does not know */
#define RESPONSE(task, response) ((response)->completion_status = SHEAF_STATUS_GOOD)
#include "broken.h"
