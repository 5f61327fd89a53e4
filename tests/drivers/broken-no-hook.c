/* SPDX-License-Identifier: MIT */
/* broken-no-hook.c - its table has no stop() */
#define STOP NULL
#include "broken.h"
