/* SPDX-License-Identifier: MIT */
/* broken-id-zero.c - gives an identifier of 0 */
#define ID(n) (n)
#include "broken.h"
