/* SPDX-License-Identifier: MIT */
/* sg_io.c - see sg_io.h */
#include "fuse/sg_io.h"

#include <assert.h>
#include <errno.h>
#include <scsi/sg.h>
#include <string.h>

#include <sheaf/scsi.h>

/* The narrow layout: struct compat_sg_io_hdr of the kernel's drivers/scsi/sg.c. */
enum {
	NARROW_BYTES = 64,
	NARROW_OUTCOME = 44,
	NARROW_ELEMENT = 8,
};
/* Flags and results that glibc's header lacks: include/scsi/sg.h of the kernel. */
#define FLAG_MMAP_IO	    0x04
#define DIRECTION_UNKNOWN   (-5)
#define INFO_CHECK	    0x01
#define DRIVER_STATUS_SENSE 0x08
enum host_status {
	HOST_OK = 0x00,
	HOST_NO_CONNECT = 0x01,
	HOST_TIME_OUT = 0x03,
	HOST_ERROR = 0x07,
};

/* Where the fields lie that the two layouts have in different places. */
struct layout {
	uint8_t data, cdb, sense, timeout, flags, address_bytes;
};
static const struct layout layouts[] = {
	[false] = { .data = 16,
		    .cdb = 24,
		    .sense = 32,
		    .timeout = 40,
		    .flags = 44,
		    .address_bytes = 8 },
	[true] = { .data = 16,
		   .cdb = 20,
		   .sense = 24,
		   .timeout = 28,
		   .flags = 32,
		   .address_bytes = 4 },
};
#if UINTPTR_MAX > UINT32_MAX
static_assert(sizeof(struct sg_io_hdr) == SHEAF_SG_HEADER_MAX, "the native layout");
static_assert(offsetof(struct sg_io_hdr, dxferp) == 16 && offsetof(struct sg_io_hdr, cmdp) == 24 &&
		      offsetof(struct sg_io_hdr, sbp) == 32 &&
		      offsetof(struct sg_io_hdr, timeout) == 40 &&
		      offsetof(struct sg_io_hdr, flags) == 44 &&
		      offsetof(struct sg_io_hdr, status) == 64,
	      "the native layout");
#endif
static_assert(offsetof(struct sg_io_hdr, cmd_len) == 8 &&
		      offsetof(struct sg_io_hdr, iovec_count) == 10 &&
		      offsetof(struct sg_io_hdr, dxfer_len) == 12,
	      "what both layouts have in the same place");

size_t sheaf_sg_header_bytes(bool narrow)
{
	return narrow ? NARROW_BYTES : SHEAF_SG_HEADER_MAX;
}

size_t sheaf_sg_outcome_offset(bool narrow)
{
	return narrow ? NARROW_OUTCOME : 64;
}

static uint32_t get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint64_t get_address(const uint8_t *at, unsigned bytes)
{
	uint64_t wide;

	if (bytes == sizeof(uint32_t))
		return get32(at);
	memcpy(&wide, at, sizeof(wide));
	return wide;
}

/* What is not known is "none", as for the kernel's sg: libiscsi sends 0 for it. */
static enum sheaf_transfer_direction direction_of(int32_t dxfer_direction)
{
	switch (dxfer_direction) {
	case SG_DXFER_NONE:
		return SHEAF_TRANSFER_NONE;
	case SG_DXFER_TO_DEV:
		return SHEAF_TRANSFER_TO_TARGET;
	case SG_DXFER_FROM_DEV:
	case SG_DXFER_TO_FROM_DEV:
	case DIRECTION_UNKNOWN:
		return SHEAF_TRANSFER_FROM_TARGET;
	default:
		return SHEAF_TRANSFER_NONE;
	}
}

int sheaf_sg_decode(const uint8_t header[], bool narrow, uint32_t longest,
		    struct sheaf_sg_command *ret_command)
{
	const struct layout *l = &layouts[narrow];
	uint32_t flags = get32(header + l->flags), length = get32(header + 12);
	enum sheaf_transfer_direction direction = direction_of((int32_t)get32(header + 4));
	uint16_t vector_count;

	memcpy(&vector_count, header + 10, sizeof(vector_count));
	if (get32(header) != 'S' || flags & FLAG_MMAP_IO)
		return -EINVAL;
	if (header[8] < 6 || header[8] > SHEAF_SG_CDB_MAX)
		return -EMSGSIZE;
	if (direction == SHEAF_TRANSFER_NONE)
		length = 0;
	if (length == 0)
		direction = SHEAF_TRANSFER_NONE;
	if (length > longest || (length && vector_count > SHEAF_SG_VECTOR_MAX))
		return -EINVAL;
	*ret_command = (struct sheaf_sg_command){
		.narrow = narrow,
		.cdb_length = header[8],
		.direction = (uint8_t)direction,
		.moves = length > 0 && !(flags & SG_FLAG_NO_DXFER),
		.sense_room = header[9],
		.vector_count = length ? vector_count : 0,
		.length = length,
		.timeout_ms = get32(header + l->timeout),
		.data = get_address(header + l->data, l->address_bytes),
		.cdb = get_address(header + l->cdb, l->address_bytes),
		.sense = get_address(header + l->sense, l->address_bytes),
	};
	return 0;
}

uint32_t sheaf_sg_decode_vector(const uint8_t bytes[], unsigned count, bool narrow, uint32_t length,
				struct iovec out[], unsigned *ret_count)
{
	unsigned address_bytes = narrow ? NARROW_ELEMENT / 2 : SHEAF_SG_VECTOR_ELEMENT / 2;
	uint32_t total = 0;
	unsigned used = 0;

	for (unsigned i = 0; i < count && total < length; i++) {
		const uint8_t *element = bytes + (size_t)i * 2 * address_bytes;
		uint64_t n = get_address(element + address_bytes, address_bytes);

		if (n > length - total)
			n = length - total;
		if (n == 0)
			continue;
		out[used++] =
			(struct iovec){ (void *)(uintptr_t)get_address(element, address_bytes),
					(size_t)n };
		total += (uint32_t)n;
	}
	*ret_count = used;
	return total;
}

void sheaf_sg_encode(const struct sheaf_sg_outcome *outcome, uint8_t out[SHEAF_SG_OUTCOME_BYTES])
{
	uint16_t driver_status = outcome->sense_valid ? DRIVER_STATUS_SENSE : 0;
	uint32_t info = outcome->status || outcome->host_status || driver_status ? INFO_CHECK : 0;

	out[0] = outcome->status;
	out[1] = outcome->status >> 1 & 0x1f; /* masked_status */
	out[2] = 0;			      /* msg_status */
	out[3] = outcome->sense_length;
	memcpy(out + 4, &outcome->host_status, sizeof(outcome->host_status));
	memcpy(out + 6, &driver_status, sizeof(driver_status));
	memcpy(out + 8, &outcome->resid, sizeof(outcome->resid));
	memcpy(out + 12, &outcome->duration_ms, sizeof(outcome->duration_ms));
	memcpy(out + 16, &info, sizeof(info));
}

bool sheaf_sg_may_write(const uint8_t cdb[])
{
	switch (cdb[0]) {
	case SHEAF_SCSI_TEST_UNIT_READY:
	case SHEAF_SCSI_REQUEST_SENSE:
	case SHEAF_SCSI_READ_6:
	case SHEAF_SCSI_INQUIRY:
	case SHEAF_SCSI_MODE_SENSE_6:
	case SHEAF_SCSI_RECEIVE_DIAGNOSTIC_RESULTS:
	case SHEAF_SCSI_READ_CAPACITY_10:
	case SHEAF_SCSI_READ_10:
	case SHEAF_SCSI_READ_DEFECT_DATA_10:
	case SHEAF_SCSI_READ_BUFFER:
	case SHEAF_SCSI_LOG_SENSE:
	case SHEAF_SCSI_MODE_SENSE_10:
	case SHEAF_SCSI_PERSISTENT_RESERVE_IN:
	case SHEAF_SCSI_RECEIVE_COPY_RESULTS:
	case SHEAF_SCSI_READ_16:
	case SHEAF_SCSI_SERVICE_ACTION_IN_16:
	case SHEAF_SCSI_REPORT_LUNS:
	case SHEAF_SCSI_MAINTENANCE_IN:
	case SHEAF_SCSI_READ_12:
	case SHEAF_SCSI_READ_DEFECT_DATA_12:
		return false;
	default:
		return true;
	}
}

uint16_t sheaf_sg_host_status(uint32_t service_response, uint32_t status)
{
	if (service_response == SHEAF_TASK_COMPLETE)
		return HOST_OK;
	if (service_response != SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE)
		return HOST_ERROR;
	switch (status) {
	case SHEAF_DELIVERY_TASK_TIMEOUT:
	case SHEAF_DELIVERY_PROTOCOL_TIMEOUT:
		return HOST_TIME_OUT;
	case SHEAF_DELIVERY_NOT_RESPONDING:
	case SHEAF_DELIVERY_NOT_PRESENT:
		return HOST_NO_CONNECT;
	default:
		return HOST_ERROR;
	}
}
