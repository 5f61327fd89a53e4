/* SPDX-License-Identifier: MIT */
/* sense_errno.c - see sense_errno.h. The first row that fits counts; the last row fits all. */
#include "scsi/sense_errno.h"

#include <errno.h>
#include <stddef.h>

#include <sheaf/task.h>

#include "scsi/sense.h"

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
