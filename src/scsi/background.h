/* SPDX-License-Identifier: MIT */
/**
 * background.h - the flush of a SYNCHRONIZE CACHE that was answered at once (IMMED), and what is to be told if it fails
 *
 * One at a time: while one goes on, IMMED waits for its own flush as it would without the bit. So nobody can pile up flushes,
 * and a flush whose loop has ended costs nothing but that.
 */
#ifndef SHEAF_BACKGROUND_H
#define SHEAF_BACKGROUND_H

#include <stdbool.h>
#include <stdint.h>

#include "scsi/nexus.h"
#include "scsi/sense.h"
#include "store/store.h"

/**
 * struct sheaf_background - guarded by the LU's lock, but for io, which belongs to the flush while busy
 * @upto: the changes that the flush covers, see block.c.
 * @initiator: that asked for it.
 * @waiting: initiators (1 << index) that have not been told of @deferred yet.
 */
struct sheaf_background {
	struct sheaf_store_io io;
	bool busy;
	uint64_t upto;
	uint32_t initiator;
	uint32_t waiting;
	struct sheaf_sense deferred;
};

/** What @initiator is to be told of a flush that failed behind its back, once. False: nothing. Thread: any. */
bool sheaf_lu_take_deferred(struct sheaf_lu *lu, uint32_t initiator, struct sheaf_sense *ret_sense);

#endif
