/* SPDX-License-Identifier: MIT */
/* scsi_names.c - see scsi_names.h. Sources: SPC-4 annexes E and F, SBC-4, SAM-5. */
#include "cli/scsi_names.h"

#include <stddef.h>

#include <sheaf/task.h>

#define COMMAND(opcode, action) ((uint32_t)(opcode) << 16 | (action))

const char *sheaf_scsi_name(const struct sheaf_scsi_name names[], uint32_t number)
{
	for (; names->name; names++)
		if (names->number == number)
			return names->name;
	return NULL;
}

const char *sheaf_scsi_status_name(uint32_t status)
{
	static const struct sheaf_scsi_name names[] = {
		{ SHEAF_STATUS_GOOD, "GOOD" },
		{ SHEAF_STATUS_CHECK_CONDITION, "CHECK CONDITION" },
		{ SHEAF_STATUS_CONDITION_MET, "CONDITION MET" },
		{ SHEAF_STATUS_BUSY, "BUSY" },
		{ SHEAF_STATUS_RESERVATION_CONFLICT, "RESERVATION CONFLICT" },
		{ SHEAF_STATUS_TASK_SET_FULL, "TASK SET FULL" },
		{ SHEAF_STATUS_ACA_ACTIVE, "ACA ACTIVE" },
		{ 0x40, "TASK ABORTED" },
		{ 0, NULL },
	};

	return sheaf_scsi_name(names, status);
}

const char *sheaf_scsi_service_response_name(uint32_t response)
{
	static const struct sheaf_scsi_name names[] = {
		{ SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE, "SERVICE DELIVERY OR TARGET FAILURE" },
		{ SHEAF_TASK_COMPLETE, "TASK COMPLETE" },
		{ SHEAF_FUNCTION_COMPLETE, "FUNCTION COMPLETE" },
		{ SHEAF_FUNCTION_REJECTED, "FUNCTION REJECTED" },
		{ 0, NULL },
	};

	return sheaf_scsi_name(names, response);
}

const char *sheaf_scsi_delivery_name(uint32_t status)
{
	static const struct sheaf_scsi_name names[] = {
		{ SHEAF_DELIVERY_TASK_TIMEOUT, "the command took too long" },
		{ SHEAF_DELIVERY_PROTOCOL_TIMEOUT, "the driver's protocol timed out" },
		{ SHEAF_DELIVERY_NOT_RESPONDING, "the unit does not respond" },
		{ SHEAF_DELIVERY_NOT_PRESENT, "the unit is not there" },
		{ SHEAF_DELIVERY_FAILURE, "the driver could not deliver it" },
		{ SHEAF_DELIVERY_NO_STATUS, "it was aborted" },
		{ 0, NULL },
	};

	return sheaf_scsi_name(names, status);
}

const char *sheaf_scsi_key_name(unsigned key)
{
	static const char *const names[16] = {
		"NO SENSE",	   "RECOVERED ERROR", "NOT READY",	"MEDIUM ERROR",
		"HARDWARE ERROR",  "ILLEGAL REQUEST", "UNIT ATTENTION", "DATA PROTECT",
		"BLANK CHECK",	   "VENDOR SPECIFIC", "COPY ABORTED",	"ABORTED COMMAND",
		"RESERVED KEY Ch", "VOLUME OVERFLOW", "MISCOMPARE",	"COMPLETED",
	};

	return names[key & 15];
}

/* In ascending order, so that a double shows. */
static const struct sheaf_scsi_name ascs[] = {
	{ 0x0000, "NO ADDITIONAL SENSE INFORMATION" },
	{ 0x0016, "OPERATION IN PROGRESS" },
	{ 0x001e, "CONFLICTING SA CREATION REQUEST" },
	{ 0x0400, "LOGICAL UNIT NOT READY, CAUSE NOT REPORTABLE" },
	{ 0x0401, "LOGICAL UNIT IS IN PROCESS OF BECOMING READY" },
	{ 0x0402, "LOGICAL UNIT NOT READY, INITIALIZING COMMAND REQUIRED" },
	{ 0x0403, "LOGICAL UNIT NOT READY, MANUAL INTERVENTION REQUIRED" },
	{ 0x0404, "LOGICAL UNIT NOT READY, FORMAT IN PROGRESS" },
	{ 0x0407, "LOGICAL UNIT NOT READY, OPERATION IN PROGRESS" },
	{ 0x0409, "LOGICAL UNIT NOT READY, SELF-TEST IN PROGRESS" },
	{ 0x0411, "LOGICAL UNIT NOT READY, NOTIFY (ENABLE SPINUP) REQUIRED" },
	{ 0x0412, "LOGICAL UNIT NOT READY, OFFLINE" },
	{ 0x0414, "LOGICAL UNIT NOT READY, SPACE ALLOCATION IN PROGRESS" },
	{ 0x041b, "LOGICAL UNIT NOT READY, SANITIZE IN PROGRESS" },
	{ 0x0500, "LOGICAL UNIT DOES NOT RESPOND TO SELECTION" },
	{ 0x0800, "LOGICAL UNIT COMMUNICATION FAILURE" },
	{ 0x0801, "LOGICAL UNIT COMMUNICATION TIME-OUT" },
	{ 0x0a00, "ERROR LOG OVERFLOW" },
	{ 0x0b00, "WARNING" },
	{ 0x0b01, "WARNING - SPECIFIED TEMPERATURE EXCEEDED" },
	{ 0x0c00, "WRITE ERROR" },
	{ 0x0c02, "WRITE ERROR - AUTO REALLOCATION FAILED" },
	{ 0x0c03, "WRITE ERROR - RECOMMEND REASSIGNMENT" },
	{ 0x0d00, "ERROR DETECTED BY THIRD PARTY TEMPORARY INITIATOR" },
	{ 0x0d01, "THIRD PARTY DEVICE FAILURE" },
	{ 0x0d02, "COPY TARGET DEVICE NOT REACHABLE" },
	{ 0x0d03, "INCORRECT COPY TARGET DEVICE TYPE" },
	{ 0x0d04, "COPY TARGET DEVICE DATA UNDERRUN" },
	{ 0x0d05, "COPY TARGET DEVICE DATA OVERRUN" },
	{ 0x0e00, "INVALID INFORMATION UNIT" },
	{ 0x0e03, "INVALID FIELD IN COMMAND INFORMATION UNIT" },
	{ 0x1000, "ID CRC OR ECC ERROR" },
	{ 0x1001, "LOGICAL BLOCK GUARD CHECK FAILED" },
	{ 0x1002, "LOGICAL BLOCK APPLICATION TAG CHECK FAILED" },
	{ 0x1003, "LOGICAL BLOCK REFERENCE TAG CHECK FAILED" },
	{ 0x1100, "UNRECOVERED READ ERROR" },
	{ 0x1101, "READ RETRIES EXHAUSTED" },
	{ 0x1104, "UNRECOVERED READ ERROR - AUTO REALLOCATE FAILED" },
	{ 0x1114, "READ ERROR - LBA MARKED BAD BY APPLICATION CLIENT" },
	{ 0x1700, "RECOVERED DATA WITH NO ERROR CORRECTION APPLIED" },
	{ 0x1800, "RECOVERED DATA WITH ERROR CORRECTION APPLIED" },
	{ 0x1900, "DEFECT LIST ERROR" },
	{ 0x1a00, "PARAMETER LIST LENGTH ERROR" },
	{ 0x1b00, "SYNCHRONOUS DATA TRANSFER ERROR" },
	{ 0x1c00, "DEFECT LIST NOT FOUND" },
	{ 0x1d00, "MISCOMPARE DURING VERIFY OPERATION" },
	{ 0x1d01, "MISCOMPARE VERIFY OF UNMAPPED LBA" },
	{ 0x2000, "INVALID COMMAND OPERATION CODE" },
	{ 0x2100, "LOGICAL BLOCK ADDRESS OUT OF RANGE" },
	{ 0x2400, "INVALID FIELD IN CDB" },
	{ 0x2401, "CDB DECRYPTION ERROR" },
	{ 0x2500, "LOGICAL UNIT NOT SUPPORTED" },
	{ 0x2600, "INVALID FIELD IN PARAMETER LIST" },
	{ 0x2601, "PARAMETER NOT SUPPORTED" },
	{ 0x2602, "PARAMETER VALUE INVALID" },
	{ 0x2603, "THRESHOLD PARAMETERS NOT SUPPORTED" },
	{ 0x2604, "INVALID RELEASE OF PERSISTENT RESERVATION" },
	{ 0x2606, "TOO MANY TARGET DESCRIPTORS" },
	{ 0x2607, "UNSUPPORTED TARGET DESCRIPTOR TYPE CODE" },
	{ 0x2608, "TOO MANY SEGMENT DESCRIPTORS" },
	{ 0x2609, "UNSUPPORTED SEGMENT DESCRIPTOR TYPE CODE" },
	{ 0x260a, "UNEXPECTED INEXACT SEGMENT" },
	{ 0x260b, "INLINE DATA LENGTH EXCEEDED" },
	{ 0x260c, "INVALID OPERATION FOR COPY SOURCE OR DESTINATION" },
	{ 0x2700, "WRITE PROTECTED" },
	{ 0x2701, "HARDWARE WRITE PROTECTED" },
	{ 0x2702, "LOGICAL UNIT SOFTWARE WRITE PROTECTED" },
	{ 0x2707, "SPACE ALLOCATION FAILED WRITE PROTECT" },
	{ 0x2800, "NOT READY TO READY CHANGE, MEDIUM MAY HAVE CHANGED" },
	{ 0x2900, "POWER ON, RESET, OR BUS DEVICE RESET OCCURRED" },
	{ 0x2901, "POWER ON OCCURRED" },
	{ 0x2902, "SCSI BUS RESET OCCURRED" },
	{ 0x2903, "BUS DEVICE RESET FUNCTION OCCURRED" },
	{ 0x2904, "DEVICE INTERNAL RESET" },
	{ 0x2907, "I_T NEXUS LOSS OCCURRED" },
	{ 0x2a00, "PARAMETERS CHANGED" },
	{ 0x2a01, "MODE PARAMETERS CHANGED" },
	{ 0x2a02, "LOG PARAMETERS CHANGED" },
	{ 0x2a03, "RESERVATIONS PREEMPTED" },
	{ 0x2a04, "RESERVATIONS RELEASED" },
	{ 0x2a05, "REGISTRATIONS PREEMPTED" },
	{ 0x2a09, "CAPACITY DATA HAS CHANGED" },
	{ 0x2b00, "COPY CANNOT EXECUTE SINCE HOST CANNOT DISCONNECT" },
	{ 0x2c00, "COMMAND SEQUENCE ERROR" },
	{ 0x2c0b, "NOT RESERVED" },
	{ 0x2e00, "INSUFFICIENT TIME FOR OPERATION" },
	{ 0x2e01, "COMMAND TIMEOUT BEFORE PROCESSING" },
	{ 0x2e02, "COMMAND TIMEOUT DURING PROCESSING" },
	{ 0x2f00, "COMMANDS CLEARED BY ANOTHER INITIATOR" },
	{ 0x2f02, "COMMANDS CLEARED BY DEVICE SERVER" },
	{ 0x3000, "INCOMPATIBLE MEDIUM INSTALLED" },
	{ 0x3100, "MEDIUM FORMAT CORRUPTED" },
	{ 0x3101, "FORMAT COMMAND FAILED" },
	{ 0x3103, "SANITIZE COMMAND FAILED" },
	{ 0x3200, "NO DEFECT SPARE LOCATION AVAILABLE" },
	{ 0x3700, "ROUNDED PARAMETER" },
	{ 0x3802, "ESN - POWER MANAGEMENT CLASS EVENT" },
	{ 0x3807, "THIN PROVISIONING SOFT THRESHOLD REACHED" },
	{ 0x3900, "SAVING PARAMETERS NOT SUPPORTED" },
	{ 0x3a00, "MEDIUM NOT PRESENT" },
	{ 0x3d00, "INVALID BITS IN IDENTIFY MESSAGE" },
	{ 0x3e00, "LOGICAL UNIT HAS NOT SELF-CONFIGURED YET" },
	{ 0x3e01, "LOGICAL UNIT FAILURE" },
	{ 0x3e02, "TIMEOUT ON LOGICAL UNIT" },
	{ 0x3e03, "LOGICAL UNIT FAILED SELF-TEST" },
	{ 0x3f00, "TARGET OPERATING CONDITIONS HAVE CHANGED" },
	{ 0x3f01, "MICROCODE HAS BEEN CHANGED" },
	{ 0x3f03, "INQUIRY DATA HAS CHANGED" },
	{ 0x3f0e, "REPORTED LUNS DATA HAS CHANGED" },
	{ 0x4000, "RAM FAILURE" },
	{ 0x4300, "MESSAGE ERROR" },
	{ 0x4400, "INTERNAL TARGET FAILURE" },
	{ 0x4500, "SELECT OR RESELECT FAILURE" },
	{ 0x4700, "SCSI PARITY ERROR" },
	{ 0x4800, "INITIATOR DETECTED ERROR MESSAGE RECEIVED" },
	{ 0x4900, "INVALID MESSAGE ERROR" },
	{ 0x4a00, "COMMAND PHASE ERROR" },
	{ 0x4b00, "DATA PHASE ERROR" },
	{ 0x4b08, "DATA-IN BUFFER OVERFLOW - DATA BUFFER SIZE" },
	{ 0x4b0b, "DATA-OUT BUFFER OVERFLOW - DATA BUFFER SIZE" },
	{ 0x4c00, "LOGICAL UNIT FAILED SELF-CONFIGURATION" },
	{ 0x4e00, "OVERLAPPED COMMANDS ATTEMPTED" },
	{ 0x5300, "MEDIA LOAD OR EJECT FAILED" },
	{ 0x5302, "MEDIUM REMOVAL PREVENTED" },
	{ 0x5500, "SYSTEM RESOURCE FAILURE" },
	{ 0x5502, "INSUFFICIENT RESERVATION RESOURCES" },
	{ 0x5503, "INSUFFICIENT RESOURCES" },
	{ 0x5504, "INSUFFICIENT REGISTRATION RESOURCES" },
	{ 0x5505, "INSUFFICIENT ACCESS CONTROL RESOURCES" },
	{ 0x5d00, "FAILURE PREDICTION THRESHOLD EXCEEDED" },
	{ 0x5dff, "FAILURE PREDICTION THRESHOLD EXCEEDED (FALSE)" },
	{ 0x5e00, "LOW POWER CONDITION ON" },
	{ 0, NULL },
};

const char *sheaf_scsi_asc_name(uint16_t asc)
{
	return sheaf_scsi_name(ascs, asc);
}

static const struct sheaf_scsi_name commands[] = {
	{ COMMAND(0x00, 0), "TEST UNIT READY" },
	{ COMMAND(0x03, 0), "REQUEST SENSE" },
	{ COMMAND(0x04, 0), "FORMAT UNIT" },
	{ COMMAND(0x07, 0), "REASSIGN BLOCKS" },
	{ COMMAND(0x08, 0), "READ(6)" },
	{ COMMAND(0x0a, 0), "WRITE(6)" },
	{ COMMAND(0x12, 0), "INQUIRY" },
	{ COMMAND(0x15, 0), "MODE SELECT(6)" },
	{ COMMAND(0x16, 0), "RESERVE(6)" },
	{ COMMAND(0x17, 0), "RELEASE(6)" },
	{ COMMAND(0x1a, 0), "MODE SENSE(6)" },
	{ COMMAND(0x1b, 0), "START STOP UNIT" },
	{ COMMAND(0x1c, 0), "RECEIVE DIAGNOSTIC RESULTS" },
	{ COMMAND(0x1d, 0), "SEND DIAGNOSTIC" },
	{ COMMAND(0x1e, 0), "PREVENT ALLOW MEDIUM REMOVAL" },
	{ COMMAND(0x25, 0), "READ CAPACITY(10)" },
	{ COMMAND(0x28, 0), "READ(10)" },
	{ COMMAND(0x2a, 0), "WRITE(10)" },
	{ COMMAND(0x2e, 0), "WRITE AND VERIFY(10)" },
	{ COMMAND(0x2f, 0), "VERIFY(10)" },
	{ COMMAND(0x34, 0), "PRE-FETCH(10)" },
	{ COMMAND(0x35, 0), "SYNCHRONIZE CACHE(10)" },
	{ COMMAND(0x37, 0), "READ DEFECT DATA(10)" },
	{ COMMAND(0x3b, 0), "WRITE BUFFER" },
	{ COMMAND(0x3c, 0), "READ BUFFER" },
	{ COMMAND(0x41, 0), "WRITE SAME(10)" },
	{ COMMAND(0x42, 0), "UNMAP" },
	{ COMMAND(0x48, 0x01), "SANITIZE, OVERWRITE" },
	{ COMMAND(0x48, 0x02), "SANITIZE, BLOCK ERASE" },
	{ COMMAND(0x48, 0x03), "SANITIZE, CRYPTOGRAPHIC ERASE" },
	{ COMMAND(0x48, 0x1f), "SANITIZE, EXIT FAILURE MODE" },
	{ COMMAND(0x4c, 0), "LOG SELECT" },
	{ COMMAND(0x4d, 0), "LOG SENSE" },
	{ COMMAND(0x55, 0), "MODE SELECT(10)" },
	{ COMMAND(0x56, 0), "RESERVE(10)" },
	{ COMMAND(0x57, 0), "RELEASE(10)" },
	{ COMMAND(0x5a, 0), "MODE SENSE(10)" },
	{ COMMAND(0x5e, 0), "PERSISTENT RESERVE IN, READ KEYS" },
	{ COMMAND(0x5e, 1), "PERSISTENT RESERVE IN, READ RESERVATION" },
	{ COMMAND(0x5e, 2), "PERSISTENT RESERVE IN, REPORT CAPABILITIES" },
	{ COMMAND(0x5e, 3), "PERSISTENT RESERVE IN, READ FULL STATUS" },
	{ COMMAND(0x5f, 0), "PERSISTENT RESERVE OUT, REGISTER" },
	{ COMMAND(0x5f, 1), "PERSISTENT RESERVE OUT, RESERVE" },
	{ COMMAND(0x5f, 2), "PERSISTENT RESERVE OUT, RELEASE" },
	{ COMMAND(0x5f, 3), "PERSISTENT RESERVE OUT, CLEAR" },
	{ COMMAND(0x5f, 4), "PERSISTENT RESERVE OUT, PREEMPT" },
	{ COMMAND(0x5f, 5), "PERSISTENT RESERVE OUT, PREEMPT AND ABORT" },
	{ COMMAND(0x5f, 6), "PERSISTENT RESERVE OUT, REGISTER AND IGNORE EXISTING KEY" },
	{ COMMAND(0x5f, 7), "PERSISTENT RESERVE OUT, REGISTER AND MOVE" },
	{ COMMAND(0x83, 0x00), "EXTENDED COPY(LID1)" },
	{ COMMAND(0x83, 0x01), "EXTENDED COPY(LID4)" },
	{ COMMAND(0x83, 0x1c), "COPY OPERATION ABORT" },
	{ COMMAND(0x84, 0x00), "RECEIVE COPY STATUS(LID1)" },
	{ COMMAND(0x84, 0x01), "RECEIVE COPY DATA(LID1)" },
	{ COMMAND(0x84, 0x03), "RECEIVE COPY OPERATING PARAMETERS" },
	{ COMMAND(0x84, 0x04), "RECEIVE COPY FAILURE DETAILS(LID1)" },
	{ COMMAND(0x84, 0x05), "RECEIVE COPY STATUS(LID4)" },
	{ COMMAND(0x88, 0), "READ(16)" },
	{ COMMAND(0x89, 0), "COMPARE AND WRITE" },
	{ COMMAND(0x8a, 0), "WRITE(16)" },
	{ COMMAND(0x8b, 0), "ORWRITE(16)" },
	{ COMMAND(0x8e, 0), "WRITE AND VERIFY(16)" },
	{ COMMAND(0x8f, 0), "VERIFY(16)" },
	{ COMMAND(0x90, 0), "PRE-FETCH(16)" },
	{ COMMAND(0x91, 0), "SYNCHRONIZE CACHE(16)" },
	{ COMMAND(0x93, 0), "WRITE SAME(16)" },
	{ COMMAND(0x9c, 0), "WRITE ATOMIC(16)" },
	{ COMMAND(0x9e, 0x10), "READ CAPACITY(16)" },
	{ COMMAND(0x9e, 0x12), "GET LBA STATUS" },
	{ COMMAND(0xa0, 0), "REPORT LUNS" },
	{ COMMAND(0xa3, 0x05), "REPORT IDENTIFYING INFORMATION" },
	{ COMMAND(0xa3, 0x0a), "REPORT TARGET PORT GROUPS" },
	{ COMMAND(0xa3, 0x0c), "REPORT SUPPORTED OPERATION CODES" },
	{ COMMAND(0xa3, 0x0d), "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS" },
	{ COMMAND(0xa3, 0x0f), "REPORT TIMESTAMP" },
	{ COMMAND(0xa8, 0), "READ(12)" },
	{ COMMAND(0xaa, 0), "WRITE(12)" },
	{ COMMAND(0xae, 0), "WRITE AND VERIFY(12)" },
	{ COMMAND(0xaf, 0), "VERIFY(12)" },
	{ COMMAND(0xb7, 0), "READ DEFECT DATA(12)" },
	{ 0, NULL },
};

int sheaf_scsi_has_service_actions(uint8_t opcode)
{
	switch (opcode) {
	case 0x48:
	case 0x5e:
	case 0x5f:
	case 0x83:
	case 0x84:
	case 0x9e:
	case 0x9f:
	case 0xa3:
	case 0xa4:
	case 0xa9:
	case 0xab:
		return 1;
	default:
		return 0;
	}
}

const char *sheaf_scsi_command_name(uint8_t opcode, uint16_t action)
{
	return sheaf_scsi_name(
		commands, COMMAND(opcode, sheaf_scsi_has_service_actions(opcode) ? action : 0));
}

const struct sheaf_scsi_name sheaf_scsi_device_types[] = {
	{ 0x00, "direct access block device" },
	{ 0x01, "sequential-access device" },
	{ 0x03, "processor device" },
	{ 0x05, "CD/DVD device" },
	{ 0x07, "optical memory device" },
	{ 0x08, "medium changer device" },
	{ 0x0c, "storage array controller device" },
	{ 0x0d, "enclosure services device" },
	{ 0x0e, "simplified direct-access device" },
	{ 0x11, "object-based storage device" },
	{ 0x14, "host managed zoned block device" },
	{ 0x1e, "well known logical unit" },
	{ 0x1f, "unknown or no device type" },
	{ 0, NULL },
};

const struct sheaf_scsi_name sheaf_scsi_versions[] = {
	{ 0x00, "no standard" }, { 0x03, "SPC" },   { 0x04, "SPC-2" }, { 0x05, "SPC-3" },
	{ 0x06, "SPC-4" },	 { 0x07, "SPC-5" }, { 0, NULL },
};

/* SPC-4 table E.7, those without a revision. */
const struct sheaf_scsi_name sheaf_scsi_version_descriptors[] = {
	{ 0x0040, "SAM-2" }, { 0x0060, "SAM-3" }, { 0x0080, "SAM-4" }, { 0x00a0, "SAM-5" },
	{ 0x0180, "SBC" },   { 0x0260, "SPC-2" }, { 0x0300, "SPC-3" }, { 0x0320, "SBC-2" },
	{ 0x0460, "SPC-4" }, { 0x04c0, "SBC-3" }, { 0x05c0, "SPC-5" }, { 0x0600, "SBC-4" },
	{ 0x0960, "iSCSI" }, { 0x1740, "UAS" },	  { 0, NULL },
};

const struct sheaf_scsi_name sheaf_scsi_vpd_pages[] = {
	{ 0x00, "Supported VPD Pages" },
	{ 0x80, "Unit Serial Number" },
	{ 0x83, "Device Identification" },
	{ 0x85, "Management Network Addresses" },
	{ 0x86, "Extended INQUIRY Data" },
	{ 0x87, "Mode Page Policy" },
	{ 0x88, "SCSI Ports" },
	{ 0x8d, "Power Consumption" },
	{ 0x8f, "Third-party Copy" },
	{ 0xb0, "Block Limits" },
	{ 0xb1, "Block Device Characteristics" },
	{ 0xb2, "Logical Block Provisioning" },
	{ 0xb3, "Referrals" },
	{ 0xb4, "Supported Block Lengths And Protection Types" },
	{ 0xb5, "Block Device Characteristics Extension" },
	{ 0xb7, "Block Limits Extension" },
	{ 0, NULL },
};

const struct sheaf_scsi_name sheaf_scsi_mode_pages[] = {
	{ 0x0100, "Read-Write Error Recovery" },
	{ 0x0200, "Disconnect-Reconnect" },
	{ 0x0700, "Verify Error Recovery" },
	{ 0x0800, "Caching" },
	{ 0x0a00, "Control" },
	{ 0x0a01, "Control Extension" },
	{ 0x0a02, "Application Tag" },
	{ 0x1800, "Protocol Specific Logical Unit" },
	{ 0x1900, "Protocol Specific Port" },
	{ 0x1a00, "Power Condition" },
	{ 0x1c00, "Informational Exceptions Control" },
	{ 0x1c01, "Background Control" },
	{ 0x1c02, "Logical Block Provisioning" },
	{ 0, NULL },
};

const struct sheaf_scsi_name sheaf_scsi_log_pages[] = {
	{ 0x00, "Supported Log Pages" },
	{ 0x02, "Write Error Counters" },
	{ 0x03, "Read Error Counters" },
	{ 0x05, "Verify Error Counters" },
	{ 0x06, "Non-Medium Error" },
	{ 0x0c, "Logical Block Provisioning" },
	{ 0x0d, "Temperature" },
	{ 0x0e, "Start-Stop Cycle Counter" },
	{ 0x0f, "Application Client" },
	{ 0x10, "Self-Test Results" },
	{ 0x11, "Solid State Media" },
	{ 0x15, "Background Scan Results" },
	{ 0x18, "Protocol Specific Port" },
	{ 0x19, "General Statistics and Performance" },
	{ 0x1a, "Power Condition Transitions" },
	{ 0x2f, "Informational Exceptions" },
	{ 0, NULL },
};

const struct sheaf_scsi_name sheaf_scsi_reservation_types[] = {
	{ 1, "Write Exclusive" },
	{ 3, "Exclusive Access" },
	{ 5, "Write Exclusive - Registrants Only" },
	{ 6, "Exclusive Access - Registrants Only" },
	{ 7, "Write Exclusive - All Registrants" },
	{ 8, "Exclusive Access - All Registrants" },
	{ 0, NULL },
};
