/* SPDX-License-Identifier: MIT */
/**
 * scsi_port.h - the client's end of DIR/.sheaf/sg<i>: send a command, get its outcome
 *
 * By messages (fuse/scsi_message.h), which need nothing but the open file; where the mount is read-only, so that nothing can be
 * written into it, by ioctl(SG_IO).
 */
#ifndef SHEAF_SCSI_PORT_H
#define SHEAF_SCSI_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "fuse/scsi_message.h"

struct sheaf_scsi_command {
	uint32_t
		function; /* enum sheaf_scsi_function; with another than a command the rest is not looked at */
	uint8_t cdb[SHEAF_SCSI_CDB_MAX];
	uint8_t cdb_length;
	uint8_t attribute;			/* enum sheaf_task_attribute */
	uint32_t data_in_bytes, data_out_bytes; /* one is 0; at most SHEAF_SCSI_DATA_MAX */
	uint32_t timeout_ms;			/* 0: the mount's */
};

/** What became of it. */
struct sheaf_scsi_outcome {
	uint32_t service_response, status; /* as in struct sheaf_scsi_answer */
	uint32_t residual, duration_us;
	uint32_t data_in_bytes;
	const uint8_t *data_in; /* in the port, until the next command */
	uint32_t sense_bytes;
	uint8_t sense[SHEAF_SENSE_MAX];
};

struct sheaf_scsi_port {
	int fd;
	bool by_ioctl;
	uint8_t *request; /* of SHEAF_SCSI_MESSAGE_MAX bytes */
	uint8_t *answer;  /* the same */
	uint64_t tag;
};

/** @path: of the node. 0 or -errno. */
int sheaf_scsi_port_open(struct sheaf_scsi_port *port, const char *path);
void sheaf_scsi_port_close(struct sheaf_scsi_port *port);
/** Where the data of the next command for the disk are put: SHEAF_SCSI_DATA_MAX bytes. */
uint8_t *sheaf_scsi_port_data(struct sheaf_scsi_port *port);
/** Return: 0, and then there is an outcome, good or bad; -errno: it was not sent, or is not known how it ended. -EPROTO: no answer of ours. */
int sheaf_scsi_port_send(struct sheaf_scsi_port *port, const struct sheaf_scsi_command *command,
			 struct sheaf_scsi_outcome *ret_outcome);

#endif
