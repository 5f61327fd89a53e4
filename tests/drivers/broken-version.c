/* SPDX-License-Identifier: MIT */
/* broken-version.c - responds with version 2 */
#define RESPONSE(task, response) ((response)->version = 2)
#include "broken.h"
