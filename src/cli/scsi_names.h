/* SPDX-License-Identifier: MIT */
/* scsi_names.h - what SPC-4, SBC-4 and SAM-5 call statuses, sense keys, additional sense codes, commands, pages. Pure functions. */
#ifndef SHEAF_SCSI_NAMES_H
#define SHEAF_SCSI_NAMES_H

#include <stdint.h>

/** A number's name in a table; the last row has no name. */
struct sheaf_scsi_name {
	uint32_t number;
	const char *name;
};

/** The name of @number in @names, NULL if it has none. */
const char *sheaf_scsi_name(const struct sheaf_scsi_name names[], uint32_t number);

/* "CHECK CONDITION", … NULL: none has this number. */
const char *sheaf_scsi_status_name(uint32_t status);
const char *sheaf_scsi_service_response_name(uint32_t response);
const char *sheaf_scsi_delivery_name(uint32_t status);
/** "ILLEGAL REQUEST", …; each of the sixteen has one. */
const char *sheaf_scsi_key_name(unsigned key);
/** ASC << 8 | ASCQ: "INVALID FIELD IN CDB", …; NULL: not in SPC-4's annex, or not here. */
const char *sheaf_scsi_asc_name(uint16_t asc);
/** @action: SERVICE ACTION, where the opcode has them. "READ CAPACITY(16)"; NULL: unknown here. */
const char *sheaf_scsi_command_name(uint8_t opcode, uint16_t action);
/** Has the opcode service actions? In byte 1, for CDBs of up to 16 bytes. */
int sheaf_scsi_has_service_actions(uint8_t opcode);

extern const struct sheaf_scsi_name sheaf_scsi_device_types[];
extern const struct sheaf_scsi_name sheaf_scsi_versions[]; /* of INQUIRY's byte 2 */
extern const struct sheaf_scsi_name sheaf_scsi_version_descriptors[];
extern const struct sheaf_scsi_name sheaf_scsi_vpd_pages[];
extern const struct sheaf_scsi_name sheaf_scsi_mode_pages[]; /* page code << 8 | subpage */
extern const struct sheaf_scsi_name sheaf_scsi_log_pages[];
extern const struct sheaf_scsi_name sheaf_scsi_reservation_types[];

#endif
