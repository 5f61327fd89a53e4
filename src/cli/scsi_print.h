/* SPDX-License-Identifier: MIT */
/* scsi_print.h - what came of a SCSI command: as JSON, as text, as an exit code */
#ifndef SHEAF_SCSI_PRINT_H
#define SHEAF_SCSI_PRINT_H

#include <jansson.h>

#include "cli/scsi_port.h"

/** Exit codes: those of sg3_utils where it has one, but for NOT READY, as 2 is for command lines. */
enum sheaf_scsi_exit {
	SHEAF_SCSI_EXIT_MEDIUM = 3, /* MEDIUM ERROR, HARDWARE ERROR */
	SHEAF_SCSI_EXIT_NOT_READY = 4,
	SHEAF_SCSI_EXIT_ILLEGAL = 5,	 /* ILLEGAL REQUEST */
	SHEAF_SCSI_EXIT_ATTENTION = 6,	 /* UNIT ATTENTION */
	SHEAF_SCSI_EXIT_PROTECT = 7,	 /* DATA PROTECT */
	SHEAF_SCSI_EXIT_OPCODE = 9,	 /* ILLEGAL REQUEST: INVALID COMMAND OPERATION CODE */
	SHEAF_SCSI_EXIT_ABORTED = 11,	 /* ABORTED COMMAND */
	SHEAF_SCSI_EXIT_MISCOMPARE = 14, /* MISCOMPARE */
	SHEAF_SCSI_EXIT_CONFLICT = 24,	 /* RESERVATION CONFLICT */
	SHEAF_SCSI_EXIT_BUSY = 26,	 /* BUSY, TASK SET FULL, ACA ACTIVE */
	SHEAF_SCSI_EXIT_DELIVERY =
		33, /* not delivered, timed out, aborted; a function that was rejected */
	SHEAF_SCSI_EXIT_SENSE = 98,  /* another sense key */
	SHEAF_SCSI_EXIT_STATUS = 99, /* another status */
};

/** 0: GOOD, CONDITION MET, RECOVERED ERROR, FUNCTION COMPLETE; or enum sheaf_scsi_exit. */
int sheaf_scsi_exit_code(const struct sheaf_scsi_outcome *outcome);
/** Does it say UNIT ATTENTION? */
int sheaf_scsi_is_attention(const struct sheaf_scsi_outcome *outcome);
/** "ILLEGAL REQUEST: INVALID FIELD IN CDB, byte 2 of the CDB"; "GOOD". malloc'ed, NULL without memory. */
char *sheaf_scsi_outcome_text(const struct sheaf_scsi_outcome *outcome);
/** "READ(16)"; of a CDB that is not known "CDB 00"; or the function's name. @text: holds it if need be. */
const char *sheaf_scsi_title(const struct sheaf_scsi_command *command, char text[16]);
/** All of it, without data that are decoded. A new object. */
json_t *sheaf_scsi_outcome_json(const struct sheaf_scsi_command *command,
				const struct sheaf_scsi_outcome *outcome);

/** What a decoder made, as lines. */
void sheaf_scsi_print_tree(const json_t *object);
/** Bytes by 16, with their offsets and as ASCII. */
void sheaf_scsi_print_bytes(const uint8_t *bytes, uint32_t n);

#endif
