/* SPDX-License-Identifier: MIT */
/**
 * scsi_decode.h - what data and sense of a SCSI command say, as JSON
 *
 * Names of members are the standards', in lower case; numbers that have a name are { value, name }. Text is made of the same
 * tree (scsi_print.h), so the two cannot differ. Pure: any bytes may come in.
 */
#ifndef SHEAF_SCSI_DECODE_H
#define SHEAF_SCSI_DECODE_H

#include "cli/scsi_json.h"

/** What came for @cdb (16 bytes). A new object, or NULL: not known here, or too short to be it. */
json_t *sheaf_scsi_decode(const uint8_t *cdb, struct sheaf_scsi_data data);
/** Sense data of either format. A new object, or NULL: it is none. */
json_t *sheaf_scsi_decode_sense(const uint8_t *sense, unsigned bytes);

/* One each; scsi_inquiry.c, scsi_mode.c, scsi_logs.c. */
json_t *sheaf_scsi_decode_inquiry(struct sheaf_scsi_data data);
json_t *sheaf_scsi_decode_vpd(struct sheaf_scsi_data data);
/** @long_header: MODE SENSE(10)'s. */
json_t *sheaf_scsi_decode_mode(struct sheaf_scsi_data data, bool long_header);
json_t *sheaf_scsi_decode_log(struct sheaf_scsi_data data);

#endif
