/* SPDX-License-Identifier: MIT */
/*
 * errno_sense.c - see errno_sense.h. The first row that fits counts; the last row of a table fits
 * all.
 */
#include "scsi/errno_sense.h"

#include <errno.h>
#include <stddef.h>

#include <sheaf/task.h>

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

#define ANY_ASC 0xffff
#define ANY_KEY 0xff

/*
 * ILLEGAL REQUEST but for the rows named is our own mistake: EIO, since EINVAL would blame the
 * caller.
 */
static const struct {
	uint8_t key;
	uint16_t asc;
	int error;
} errno_of_sense[] = {
	{ SHEAF_KEY_RECOVERED_ERROR, ANY_ASC, 0 },
	{ SHEAF_KEY_COMPLETED, ANY_ASC, 0 },
	{ SHEAF_KEY_DATA_PROTECT, SHEAF_ASC_SPACE_ALLOCATION_FAILED, ENOSPC },
	{ SHEAF_KEY_DATA_PROTECT, ANY_ASC, EROFS },
	{ SHEAF_KEY_ILLEGAL_REQUEST, SHEAF_ASC_INVALID_OPCODE, EOPNOTSUPP },
	{ SHEAF_KEY_ILLEGAL_REQUEST, SHEAF_ASC_LU_NOT_SUPPORTED, ENXIO },
	{ SHEAF_KEY_NOT_READY, SHEAF_ASC_MEDIUM_NOT_PRESENT, ENXIO },
	{ SHEAF_KEY_ABORTED_COMMAND, SHEAF_ASC_INSUFFICIENT_RESOURCES, ENOMEM },
	{ ANY_KEY, ANY_ASC, EIO },
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

static int errno_of_check_condition(const uint8_t *data, unsigned length)
{
	struct sheaf_sense sense;
	size_t i = 0;

	/*
	 * A deferred error is of an earlier command, and this one did not run: SPC-4 section
	 * 4.5.5.
	 */
	if (!sheaf_sense_parse(data, length, &sense) || sense.deferred)
		return EIO;
	while (errno_of_sense[i].key != ANY_KEY &&
	       !(errno_of_sense[i].key == sense.key &&
		 (errno_of_sense[i].asc == ANY_ASC || errno_of_sense[i].asc == sense.asc)))
		i++;
	return errno_of_sense[i].error;
}

int sheaf_sense_to_errno(uint32_t service_response, uint32_t status, const uint8_t *sense,
			 unsigned length)
{
	if (service_response == SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE &&
	    status == SHEAF_DELIVERY_NOT_PRESENT)
		return ENXIO;
	if (service_response != SHEAF_TASK_COMPLETE)
		return EIO;
	switch (status) {
	case SHEAF_STATUS_GOOD:
	case SHEAF_STATUS_CONDITION_MET:
		return 0;
	case SHEAF_STATUS_CHECK_CONDITION:
		return errno_of_check_condition(sense, length);
	case SHEAF_STATUS_RESERVATION_CONFLICT:
		return EBADE; /* as Linux says it of a real disk */
	default:	      /* BUSY, TASK SET FULL: whoever could try again has done so */
		return EIO;
	}
}
