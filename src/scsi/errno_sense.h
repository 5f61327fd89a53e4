/* SPDX-License-Identifier: MIT */
/**
 * errno_sense.h - what a store's errno is as sense data, and what a response is as an errno
 *
 * Two tables, tested row by row: the controller's side uses the first, the host's the second. Pure
 * functions.
 */
#ifndef SHEAF_ERRNO_SENSE_H
#define SHEAF_ERRNO_SENSE_H

#include <stdint.h>

#include "scsi/sense.h"
#include "store/store.h"

/**
 * The sense key and code for @error (a negative errno) of a store access; the rest of *ret_sense
 * is zeroed.
 */
void sheaf_errno_to_sense(int error, enum sheaf_store_op op, struct sheaf_sense *ret_sense);

#endif
