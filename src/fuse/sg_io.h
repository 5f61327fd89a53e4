/* SPDX-License-Identifier: MIT */
/**
 * sg_io.h - the header of ioctl(SG_IO): from the caller's bytes to a command, and the outcome back to bytes
 *
 * Pure: no memory but the arguments is touched. The bytes are another process's: hostile until decoded. There are two layouts, the
 * native one and the narrow one of a 32-bit caller under a 64-bit kernel. Source: <scsi/sg.h>, struct sg_io_hdr (version 3).
 */
#ifndef SHEAF_SG_IO_H
#define SHEAF_SG_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <sheaf/task.h>

enum {
	SHEAF_SG_CDB_MAX = 16,	      /* what a task carries */
	SHEAF_SG_HEADER_MAX = 88,     /* bytes of the wider layout */
	SHEAF_SG_VECTOR_MAX = 1024,   /* UIO_MAXIOV: elements of a scatter list */
	SHEAF_SG_VECTOR_ELEMENT = 16, /* bytes of an element, at most */
	SHEAF_SG_OUTCOME_BYTES = 20,  /* status to info: what is written back of a header */
	SHEAF_SG_SENSE_MAX = 252,     /* sb_len_wr is a byte; SPC-4 section 4.5.1 */
};

/** A header that makes sense. Addresses are the caller's, and may be anything. */
struct sheaf_sg_command {
	bool narrow;
	uint8_t cdb_length; /* 6..16 */
	uint8_t direction;  /* enum sheaf_transfer_direction */
	bool moves; /* data is copied between the caller and us; not with SG_FLAG_NO_DXFER */
	uint8_t sense_room;
	uint16_t vector_count; /* 0: one piece */
	uint32_t length;       /* bytes of data, dxfer_len; 0 without */
	uint32_t timeout_ms;
	uint64_t data, cdb, sense;
};

struct sheaf_sg_outcome {
	uint8_t status;
	uint8_t sense_length; /* what the caller got */
	bool sense_valid;
	uint16_t host_status; /* DID_... */
	int32_t resid;
	uint32_t duration_ms;
};

/** Bytes of a header. */
size_t sheaf_sg_header_bytes(bool narrow);
/**
 * sheaf_sg_decode() - check @header
 * @longest: bytes of data that a command may have.
 * Return: 0; -EINVAL: no version 3 header, a flag (SG_FLAG_MMAP_IO) or length that is not served; -EMSGSIZE: the CDB's length.
 */
int sheaf_sg_decode(const uint8_t header[], bool narrow, uint32_t longest,
		    struct sheaf_sg_command *ret_command);
/**
 * sheaf_sg_decode_vector() - @count elements of a scatter list at @bytes, cut where @length bytes are reached
 * @ret_count: elements used; empty ones are left out.  Return: bytes in all, no more than @length.
 */
uint32_t sheaf_sg_decode_vector(const uint8_t bytes[], unsigned count, bool narrow, uint32_t length,
				struct iovec out[], unsigned *ret_count);
/** What is written back: @out goes to offset sheaf_sg_outcome_offset() of the caller's header. */
void sheaf_sg_encode(const struct sheaf_sg_outcome *outcome, uint8_t out[SHEAF_SG_OUTCOME_BYTES]);
size_t sheaf_sg_outcome_offset(bool narrow);
/**
 * May a command with the operation code cdb[0] change what is on the medium? Where it is not known that it does not, yes: then what
 * the kernel has cached of the disk is out of date.
 */
bool sheaf_sg_may_write(const uint8_t cdb[]);
/** host_status of a task that ended with @service_response and @status. */
uint16_t sheaf_sg_host_status(uint32_t service_response, uint32_t status);

#endif
