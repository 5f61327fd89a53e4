/* SPDX-License-Identifier: MIT */
/* broken-touches-response.c - writes to a response that it has given back */
#define COMPLETED(disk, slot) ((disk)->responses[slot].bytes_transferred = 0)
#include "broken.h"
