/* SPDX-License-Identifier: MIT */
/**
 * scsi_message.h - a command as bytes that are written to DIR/.sheaf/sg<i>, and its answer that is read there
 *
 * The way to the disk for who may open the node but whose memory the server may not reach into, as ioctl(SG_IO) needs it: pwrite(2) a
 * request at offset 0 of the node, opened for reading and writing; it returns when the command has ended. Then pread(2) the answer at
 * offset 0. Only layouts are here: the server's part is message.c, `sheaf scsi` is the other.
 *
 *   request   struct sheaf_scsi_request. With data for the disk it is at offset SHEAF_SCSI_DATA_OFFSET behind it, so that
 *             it lies in whole pages; what is between is not looked at. One pwrite() has all of it and nothing more, from memory
 *             that begins with a page (the kernel would cut the longest ones otherwise).
 *   answer    struct sheaf_scsi_answer, and right behind it the data from the disk. One pread() takes all of it.
 *
 *   1. An open file has one command at a time, and its answer is read before the next.
 *   2. The server believes nothing in a request. All numbers are in the byte order of the machine, which both ends are on.
 *   3. Who sees another magic or version than it knows leaves the rest alone.
 *
 * pwrite: EPERM: not the owner of the mount, nor root. EINVAL: no such request (length, magic, a field that cannot be; an
 * offset). EPROTONOSUPPORT: another version. EBUSY: the file's last command runs or its answer was not read, or too many files with
 * answers. ETIMEDOUT: a reset that the driver does not do. EIO: as for any file.
 * pread: EMSGSIZE: the answer is longer than the buffer; it stays. EBUSY: the command runs. 0 bytes: there is none.
 */
#ifndef SHEAF_SCSI_MESSAGE_H
#define SHEAF_SCSI_MESSAGE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/task.h>

#define SHEAF_SCSI_MAGIC   0x53435348u /* "HSCS" */
#define SHEAF_SCSI_VERSION 1
#define SHEAF_SCSI_CDB_MAX 16
/** Where the data of a request begins, and the longest message either way. */
#define SHEAF_SCSI_DATA_OFFSET 4096
#define SHEAF_SCSI_MESSAGE_MAX (1024 * 1024)
/** Bytes of data of a command, either way. */
#define SHEAF_SCSI_DATA_MAX (SHEAF_SCSI_MESSAGE_MAX - SHEAF_SCSI_DATA_OFFSET)

/** What a request asks for: a command, or a task management function of SAM-5 clause 7 on the node's unit. */
enum sheaf_scsi_function {
	SHEAF_SCSI_COMMAND = 0,
	SHEAF_SCSI_ABORT_TASK_SET = 1,
	SHEAF_SCSI_CLEAR_TASK_SET = 2,
	SHEAF_SCSI_CLEAR_ACA = 3,
	SHEAF_SCSI_LOGICAL_UNIT_RESET = 4,
	SHEAF_SCSI_TARGET_RESET = 5,
	SHEAF_SCSI_FUNCTIONS = 6,
};

struct sheaf_scsi_request {
	uint32_t magic;	       /* SHEAF_SCSI_MAGIC */
	uint16_t version;      /* SHEAF_SCSI_VERSION */
	uint16_t header_bytes; /* of this structure */
	uint64_t tag;	       /* the answer has it too */
	uint32_t function; /* enum sheaf_scsi_function; if it is no command, what follows is 0 */
	uint32_t
		timeout_ms; /* what the driver is told, if it is less than the mount's; 0: the mount's */
	uint32_t data_out_bytes; /* one of the two is 0 */
	uint32_t data_in_bytes;
	uint8_t cdb_length; /* 6..16 */
	uint8_t attribute;  /* enum sheaf_task_attribute */
	uint8_t zero[6];
	uint8_t cdb[SHEAF_SCSI_CDB_MAX];
	uint8_t zero_56[8];
};

struct sheaf_scsi_answer {
	uint32_t magic;
	uint16_t version;
	uint16_t header_bytes;
	uint64_t tag;
	uint32_t service_response; /* enum sheaf_service_response */
	uint32_t
		status; /* enum sheaf_task_status, or sheaf_delivery_status with a failed delivery */
	uint32_t data_in_bytes; /* behind this structure */
	uint32_t residual;	/* of what was asked for, what was not transferred */
	uint32_t duration_us;
	uint32_t sense_bytes;
	uint8_t sense[SHEAF_SENSE_MAX];
	uint8_t zero[24];
};

static_assert(sizeof(struct sheaf_scsi_request) == 64, "no padding");
static_assert(offsetof(struct sheaf_scsi_request, cdb) == 40, "no padding");
static_assert(sizeof(struct sheaf_scsi_answer) == 320, "no padding");
static_assert(offsetof(struct sheaf_scsi_answer, sense) == 40, "no padding");
static_assert(sizeof(struct sheaf_scsi_answer) <= SHEAF_SCSI_DATA_OFFSET, "the longest answer");

#endif
