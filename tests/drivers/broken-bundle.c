/* SPDX-License-Identifier: MIT */
/* broken-bundle.c - takes no more than 31 tasks of a bundle */
#define SWALLOW(disk, task, place) ((place) == 31)
#include "broken.h"
