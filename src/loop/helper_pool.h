/* SPDX-License-Identifier: MIT */
/**
 * helper_pool.h - a few threads for calls that block (CALL; in the sync back end also FSYNC and FALLOCATE)
 *
 * A pool belongs to one loop. Threads are started when there is work and none is idle, and stay until the end.
 */
#ifndef SHEAF_LOOP_HELPER_POOL_H
#define SHEAF_LOOP_HELPER_POOL_H

#include "op_list.h"

struct sheaf_helper_pool;

/**
 * sheaf_helper_pool_new() - an empty pool, no thread yet
 * @doorbell_fd: eventfd to ring when results are there to be taken; stays the caller's.
 * Return: the pool, or NULL without memory.
 */
struct sheaf_helper_pool *sheaf_helper_pool_new(int doorbell_fd);
/**
 * sheaf_helper_pool_free() - wait for the calls that run, forget the others; returns NULL
 * Thread: any, while nobody else uses the pool. A NULL pool is fine.
 */
struct sheaf_helper_pool *sheaf_helper_pool_free(struct sheaf_helper_pool *pool);
/**
 * sheaf_helper_pool_submit() - let a thread do @op
 * Thread: the loop's.  Ownership: on 0 the pool's until sheaf_helper_pool_take() returns it.
 * Return: 0, or -errno when there is no thread and none can be started.
 */
int sheaf_helper_pool_submit(struct sheaf_helper_pool *pool, struct sheaf_op *op);
/** All that is done, with op->result set. Thread: the loop's. */
struct sheaf_op_list sheaf_helper_pool_take(struct sheaf_helper_pool *pool);

#endif
