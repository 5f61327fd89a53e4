/* SPDX-License-Identifier: MIT */
/* broken-more-bytes.c - says that it moved more than it was asked for */
#define RESPONSE(task, response) ((response)->bytes_transferred = (task)->requested_transfer_count + 512)
#include "broken.h"
