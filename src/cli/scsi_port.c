/* SPDX-License-Identifier: MIT */
/* scsi_port.c - see scsi_port.h */
#include "cli/scsi_port.h"

#include <errno.h>
#include <fcntl.h>
#include <scsi/scsi_ioctl.h>
#include <scsi/sg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef SG_SCSI_RESET_TARGET
#define SG_SCSI_RESET_TARGET 4
#endif
#define SENSE_ROOM 252

int sheaf_scsi_port_open(struct sheaf_scsi_port *port, const char *path)
{
	memset(port, 0, sizeof(*port));
	port->fd = open(path, O_RDWR | O_CLOEXEC);
	if (port->fd < 0 && errno == EROFS) {
		port->by_ioctl = true;
		port->fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (port->fd < 0)
		return -errno;
	/* In whole pages: the kernel cuts the longest messages otherwise. */
	port->request = mmap(NULL, SHEAF_SCSI_MESSAGE_MAX, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	port->answer = mmap(NULL, SHEAF_SCSI_MESSAGE_MAX, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (port->request == MAP_FAILED || port->answer == MAP_FAILED) {
		sheaf_scsi_port_close(port);
		return -ENOMEM;
	}
	return 0;
}

void sheaf_scsi_port_close(struct sheaf_scsi_port *port)
{
	if (port->request && port->request != MAP_FAILED)
		munmap(port->request, SHEAF_SCSI_MESSAGE_MAX);
	if (port->answer && port->answer != MAP_FAILED)
		munmap(port->answer, SHEAF_SCSI_MESSAGE_MAX);
	if (port->fd >= 0)
		close(port->fd);
	port->fd = -1;
}

uint8_t *sheaf_scsi_port_data(struct sheaf_scsi_port *port)
{
	return port->request + SHEAF_SCSI_DATA_OFFSET;
}

/* Messages */

static void put_request(struct sheaf_scsi_port *port, const struct sheaf_scsi_command *command)
{
	struct sheaf_scsi_request m = {
		.magic = SHEAF_SCSI_MAGIC,
		.version = SHEAF_SCSI_VERSION,
		.header_bytes = sizeof(m),
		.tag = ++port->tag,
		.function = command->function,
	};

	if (command->function == SHEAF_SCSI_COMMAND) {
		m.timeout_ms = command->timeout_ms;
		m.data_out_bytes = command->data_out_bytes;
		m.data_in_bytes = command->data_in_bytes;
		m.cdb_length = command->cdb_length;
		m.attribute = command->attribute;
		memcpy(m.cdb, command->cdb, sizeof(m.cdb));
	}
	memcpy(port->request, &m, sizeof(m));
}

static int take_answer(struct sheaf_scsi_port *port, const struct sheaf_scsi_command *command,
		       struct sheaf_scsi_outcome *ret)
{
	struct sheaf_scsi_answer m;
	ssize_t n = pread(port->fd, port->answer, SHEAF_SCSI_MESSAGE_MAX, 0);

	if (n < 0)
		return -errno;
	if ((size_t)n < sizeof(m))
		return -EPROTO;
	memcpy(&m, port->answer, sizeof(m));
	if (m.magic != SHEAF_SCSI_MAGIC || m.version != SHEAF_SCSI_VERSION ||
	    m.header_bytes != sizeof(m) || m.tag != port->tag || m.sense_bytes > sizeof(m.sense) ||
	    m.data_in_bytes > command->data_in_bytes || (size_t)n != sizeof(m) + m.data_in_bytes)
		return -EPROTO;
	*ret = (struct sheaf_scsi_outcome){
		.service_response = m.service_response,
		.status = m.status,
		.residual = m.residual,
		.duration_us = m.duration_us,
		.data_in_bytes = m.data_in_bytes,
		.data_in = port->answer + sizeof(m),
		.sense_bytes = m.sense_bytes,
	};
	memcpy(ret->sense, m.sense, sizeof(m.sense));
	return 0;
}

static int send_message(struct sheaf_scsi_port *port, const struct sheaf_scsi_command *command,
			struct sheaf_scsi_outcome *ret)
{
	size_t bytes = sizeof(struct sheaf_scsi_request);
	ssize_t n;

	if (command->function == SHEAF_SCSI_COMMAND && command->data_out_bytes)
		bytes = SHEAF_SCSI_DATA_OFFSET + (size_t)command->data_out_bytes;
	put_request(port, command);
	n = pwrite(port->fd, port->request, bytes, 0);
	if (n < 0)
		return -errno;
	return (size_t)n == bytes ? take_answer(port, command, ret) : -EPROTO;
}

/* SG_IO */

static int send_reset(struct sheaf_scsi_port *port, uint32_t function,
		      struct sheaf_scsi_outcome *ret)
{
	int what = function == SHEAF_SCSI_LOGICAL_UNIT_RESET ? SG_SCSI_RESET_DEVICE
		   : function == SHEAF_SCSI_TARGET_RESET     ? SG_SCSI_RESET_TARGET
							     : -1;

	if (what < 0)
		return -EOPNOTSUPP;
	if (ioctl(port->fd, SG_SCSI_RESET, &what) < 0)
		return -errno;
	*ret = (struct sheaf_scsi_outcome){ .service_response = SHEAF_FUNCTION_COMPLETE };
	return 0;
}

/* DID_NO_CONNECT, DID_TIME_OUT, others: include/scsi/scsi_status.h of the kernel. */
static uint32_t delivery_status(unsigned host_status)
{
	return host_status == 1	  ? SHEAF_DELIVERY_NOT_PRESENT
	       : host_status == 3 ? SHEAF_DELIVERY_TASK_TIMEOUT
				  : SHEAF_DELIVERY_FAILURE;
}

static int send_by_ioctl(struct sheaf_scsi_port *port, const struct sheaf_scsi_command *command,
			 struct sheaf_scsi_outcome *ret)
{
	uint32_t bytes = command->data_in_bytes + command->data_out_bytes;
	struct sg_io_hdr header = {
		.interface_id = 'S',
		.dxfer_direction = command->data_in_bytes    ? SG_DXFER_FROM_DEV
				   : command->data_out_bytes ? SG_DXFER_TO_DEV
							     : SG_DXFER_NONE,
		.cmd_len = command->cdb_length,
		.mx_sb_len = SENSE_ROOM,
		.dxfer_len = bytes,
		.dxferp = command->data_in_bytes ? port->answer : sheaf_scsi_port_data(port),
		.cmdp = (unsigned char *)(uintptr_t)command->cdb,
		.timeout = command->timeout_ms,
	};

	memset(ret, 0, sizeof(*ret));
	if (command->function != SHEAF_SCSI_COMMAND)
		return send_reset(port, command->function, ret);
	header.sbp = ret->sense;
	if (ioctl(port->fd, SG_IO, &header) < 0)
		return -errno;
	ret->service_response =
		header.host_status ? SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE : SHEAF_TASK_COMPLETE;
	ret->status = header.host_status ? delivery_status(header.host_status) : header.status;
	ret->sense_bytes = header.sb_len_wr;
	ret->residual = header.resid > 0 ? (uint32_t)header.resid : 0;
	ret->duration_us = header.duration * 1000;
	if (command->data_in_bytes && ret->residual <= bytes) {
		ret->data_in = port->answer;
		ret->data_in_bytes = bytes - ret->residual;
	}
	return 0;
}

int sheaf_scsi_port_send(struct sheaf_scsi_port *port, const struct sheaf_scsi_command *command,
			 struct sheaf_scsi_outcome *ret)
{
	return port->by_ioctl ? send_by_ioctl(port, command, ret)
			      : send_message(port, command, ret);
}
