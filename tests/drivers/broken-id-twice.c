/* SPDX-License-Identifier: MIT */
/* broken-id-twice.c - gives an identifier twice */
#define ID(n) ((n) / 2 + 1)
#include "broken.h"
