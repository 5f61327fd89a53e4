/* SPDX-License-Identifier: MIT */
/* task.h - a request's tasks: CDBs built into its slot. SBC-4 sections in task.c. */
#ifndef SHEAF_FUSE_TASK_H
#define SHEAF_FUSE_TASK_H

#include "fuse/request.h"

typedef void sheaf_step(struct sheaf_request *request, const struct sheaf_result *result);

/** Start a task whose end goes to @next. offsets and lengths: bytes, whole blocks; @at: offset in the slot's buffer. */
void sheaf_task_read(struct sheaf_request *request, uint64_t offset, uint64_t length, uint64_t at,
		     sheaf_step *next);
void sheaf_task_write(struct sheaf_request *request, uint64_t offset, uint64_t length, uint64_t at,
		      bool fua, sheaf_step *next);
void sheaf_task_synchronize(struct sheaf_request *request, sheaf_step *next);
void sheaf_task_unmap(struct sheaf_request *request, uint64_t offset, uint64_t length,
		      sheaf_step *next);
/** WRITE SAME(16) without data: zeros that keep, or get, their space. */
void sheaf_task_zero(struct sheaf_request *request, uint64_t offset, uint64_t length,
		     sheaf_step *next);
/** GET LBA STATUS; the answer is in the buffer, see sheaf_lba_extent(). */
void sheaf_task_lba_status(struct sheaf_request *request, uint64_t offset, sheaf_step *next);

/** A command that came from outside, as it is, for I_T nexus 1. */
struct sheaf_passed_on {
	const uint8_t *cdb; /* SHEAF_CDB_MAX bytes */
	uint8_t cdb_length, direction, attribute;
	uint64_t bytes, at; /* of data, and where in the slot's buffer */
	uint32_t
		timeout_ms; /* what the driver is told, if it is less than the mount's; 0: the mount's */
};
/** It is not repeated after a unit attention or BUSY: who sent it wants to know. The caller is in the gate. */
void sheaf_task_pass_on(struct sheaf_request *request, const struct sheaf_passed_on *command,
			sheaf_step *next);

struct sheaf_lba_extent {
	uint64_t begin, end; /* bytes */
	bool mapped;
};
/** The first extent of GET LBA STATUS's answer, clipped to the disk; false: the answer makes no sense. */
bool sheaf_lba_extent(struct sheaf_request *request, const struct sheaf_result *result,
		      uint64_t offset, struct sheaf_lba_extent *ret);

/** Longest transfer of one task, bytes. */
uint64_t sheaf_task_longest(const struct sheaf_request *request);
/** The slot's buffer, between tasks. */
uint8_t *sheaf_request_buffer(struct sheaf_request *request);

#endif
