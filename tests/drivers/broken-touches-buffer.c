/* SPDX-License-Identifier: MIT */
/* broken-touches-buffer.c - reads a buffer that it has given back */
#define COMPLETED(disk, slot) (*(volatile uint8_t *)&(disk)->data[(disk)->tasks[slot].buffer_iovm_addr])
#include "broken.h"
