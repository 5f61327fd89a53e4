/* SPDX-License-Identifier: MIT */
/* broken-single.c - completes twice in single-task mode */
#define SINGLE_TWICE
#include "broken.h"
