/* SPDX-License-Identifier: MIT */
/*
 * errno_sense.c - see errno_sense.h. The first row that fits counts; the last row fits all.
 */
#include "scsi/errno_sense.h"

#include <errno.h>
#include <stddef.h>

#define ANY   0xffff
#define READS (1u << SHEAF_STORE_READ | 1u << SHEAF_STORE_STATUS)

static const struct {
	int error;    /* positive; 0: any */
	uint16_t ops; /* 1 << enum sheaf_store_op */
	uint8_t key;
	uint16_t asc;
} sense_of_errno[] = {
	{ EIO, READS, SHEAF_KEY_MEDIUM_ERROR, SHEAF_ASC_UNRECOVERED_READ_ERROR },
	{ EIO, ANY, SHEAF_KEY_MEDIUM_ERROR, SHEAF_ASC_WRITE_ERROR },
	/* What a block device says of a medium error, of a checksum that is wrong. */
	{ ENODATA, READS, SHEAF_KEY_MEDIUM_ERROR, SHEAF_ASC_UNRECOVERED_READ_ERROR },
	{ ENODATA, ANY, SHEAF_KEY_MEDIUM_ERROR, SHEAF_ASC_WRITE_ERROR },
	{ EBADMSG, READS, SHEAF_KEY_MEDIUM_ERROR, SHEAF_ASC_UNRECOVERED_READ_ERROR },
	{ EUCLEAN, READS, SHEAF_KEY_MEDIUM_ERROR, SHEAF_ASC_UNRECOVERED_READ_ERROR },
	/* A thin LU out of space: SBC-4, thin provisioning. */
	{ ENOSPC, ANY, SHEAF_KEY_DATA_PROTECT, SHEAF_ASC_SPACE_ALLOCATION_FAILED },
	{ EDQUOT, ANY, SHEAF_KEY_DATA_PROTECT, SHEAF_ASC_SPACE_ALLOCATION_FAILED },
	{ EFBIG, ANY, SHEAF_KEY_DATA_PROTECT, SHEAF_ASC_SPACE_ALLOCATION_FAILED },
	{ EROFS, ANY, SHEAF_KEY_DATA_PROTECT, SHEAF_ASC_WRITE_PROTECTED },
	{ EACCES, ANY, SHEAF_KEY_DATA_PROTECT, SHEAF_ASC_WRITE_PROTECTED },
	{ EPERM, ANY, SHEAF_KEY_DATA_PROTECT, SHEAF_ASC_WRITE_PROTECTED },
	{ ENOMEM, ANY, SHEAF_KEY_ABORTED_COMMAND, SHEAF_ASC_INSUFFICIENT_RESOURCES },
	{ ETIMEDOUT, ANY, SHEAF_KEY_ABORTED_COMMAND, SHEAF_ASC_TIMEOUT_DURING_PROCESSING },
	{ ENODEV, ANY, SHEAF_KEY_NOT_READY, SHEAF_ASC_MEDIUM_NOT_PRESENT },
	{ ENXIO, ANY, SHEAF_KEY_NOT_READY, SHEAF_ASC_MEDIUM_NOT_PRESENT },
	{ 0, ANY, SHEAF_KEY_HARDWARE_ERROR, SHEAF_ASC_INTERNAL_TARGET_FAILURE },
};

void sheaf_errno_to_sense(int error, enum sheaf_store_op op, struct sheaf_sense *ret_sense)
{
	size_t i = 0;

	while (sense_of_errno[i].error != 0 &&
	       !(sense_of_errno[i].error == -error && (sense_of_errno[i].ops & 1u << op)))
		i++;
	*ret_sense = (struct sheaf_sense){ .key = sense_of_errno[i].key,
					   .asc = sense_of_errno[i].asc,
					   .field_bit = -1 };
}
