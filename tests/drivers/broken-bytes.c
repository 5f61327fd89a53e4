/* SPDX-License-Identifier: MIT */
/* broken-bytes.c - says that it moved nothing */
#define RESPONSE(task, response) ((response)->bytes_transferred = 0)
#include "broken.h"
