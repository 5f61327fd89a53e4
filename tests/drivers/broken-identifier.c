/* SPDX-License-Identifier: MIT */
/* broken-identifier.c - echoes the low half of an identifier only */
#define RESPONSE(task, response) ((response)->controller_task_identifier &= 0xffffffff)
#include "broken.h"
