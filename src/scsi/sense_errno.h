/* SPDX-License-Identifier: MIT */
/**
 * sense_errno.h - what a response is as an errno
 *
 * A table, tested row by row. A pure function of the format that both sides of the seam speak, as sense.h is: the host's side
 * includes these two of src/scsi, and no others.
 */
#ifndef SHEAF_SENSE_ERRNO_H
#define SHEAF_SENSE_ERRNO_H

#include <stdint.h>

/**
 * sheaf_sense_to_errno() - what a response means to who called read() or write()
 * @service_response: enum sheaf_service_response.  @status: completion_status.  @sense, @length: as
 *                    received;
 * may be garbage.
 * Return: 0 when the command did its work (GOOD, CONDITION MET, RECOVERED ERROR), else a positive
 * errno.
 */
int sheaf_sense_to_errno(uint32_t service_response, uint32_t status, const uint8_t *sense,
			 unsigned length);

#endif
