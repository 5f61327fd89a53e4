/* SPDX-License-Identifier: MIT */
/* broken-api.c - was built for another version of the interface */
#define API 99
#include "broken.h"
