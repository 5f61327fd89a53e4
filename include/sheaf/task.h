/* SPDX-License-Identifier: MIT */
/**
 * task.h - what a command slot and a response slot hold
 *
 * The two structures have the size and the offsets of DriverKit's SCSIUserParallelTask and
 * SCSIUserParallelResponse, so that a driver's logic can move between the two unchanged. They lie in
 * memory that host and controller share: whoever reads one that the other side wrote loads a field
 * once, checks it, and uses the copy.
 *
 * Source: SCSIControllerDriverKit, IOUserSCSIParallelInterfaceController.iig; SAM-5 for the values.
 */
#ifndef SHEAF_TASK_H
#define SHEAF_TASK_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Most slots that one bundle holds, either way (kMaxBundledParallelTasks). */
#define SHEAF_BUNDLE_MAX 32
/** Bytes of the sense buffer in a response (kMaxSenseBufferSize). */
#define SHEAF_SENSE_MAX 256
/** Value of `version` in tasks and responses. */
#define SHEAF_TASK_VERSION 1
/** SPI features that a task may negotiate; always SHEAF_FEATURE_NO_NEGOTIATION here. */
#define SHEAF_PARALLEL_FEATURE_COUNT 5

/** SAM-5 section 8.9, with DriverKit's numbers. */
enum sheaf_task_attribute {
	SHEAF_ATTRIBUTE_SIMPLE = 0,
	SHEAF_ATTRIBUTE_ORDERED = 1,
	SHEAF_ATTRIBUTE_HEAD_OF_QUEUE = 2,
	SHEAF_ATTRIBUTE_ACA = 3,
};

/** Initiators that a host speaks for; a logical unit keeps unit attentions and reservations for each. */
enum sheaf_initiator {
	SHEAF_INITIATOR_MOUNT = 0,   /* the disk files */
	SHEAF_INITIATOR_CALLERS = 1, /* who sends commands by DIR/.sheaf/sgN */
	SHEAF_INITIATORS_MAX = 16,   /* the others: for front ends to come */
};

/** Which way the data of a task goes. */
enum sheaf_transfer_direction {
	SHEAF_TRANSFER_NONE = 0,
	SHEAF_TRANSFER_TO_TARGET = 1,	/* a write */
	SHEAF_TRANSFER_FROM_TARGET = 2, /* a read */
};

/** SAM-5 section 5.1 (service response), with DriverKit's numbers. */
enum sheaf_service_response {
	SHEAF_REQUEST_IN_PROCESS = 0,
	SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE = 1,
	SHEAF_TASK_COMPLETE = 2,
	SHEAF_LINK_COMMAND_COMPLETE = 3,
	SHEAF_FUNCTION_COMPLETE = 4,
	SHEAF_FUNCTION_REJECTED = 5,
};

/** SAM-5 table 33; meaningful with SHEAF_TASK_COMPLETE. */
enum sheaf_task_status {
	SHEAF_STATUS_GOOD = 0x00,
	SHEAF_STATUS_CHECK_CONDITION = 0x02,
	SHEAF_STATUS_CONDITION_MET = 0x04,
	SHEAF_STATUS_BUSY = 0x08,
	SHEAF_STATUS_RESERVATION_CONFLICT = 0x18,
	SHEAF_STATUS_TASK_SET_FULL = 0x28,
	SHEAF_STATUS_ACA_ACTIVE = 0x30,
};

/** Why a task was not delivered; meaningful with SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE. */
enum sheaf_delivery_status {
	SHEAF_DELIVERY_TASK_TIMEOUT = 0x01,
	SHEAF_DELIVERY_PROTOCOL_TIMEOUT = 0x02,
	SHEAF_DELIVERY_NOT_RESPONDING = 0x03,
	SHEAF_DELIVERY_NOT_PRESENT = 0x04,
	SHEAF_DELIVERY_FAILURE = 0x05,
	SHEAF_DELIVERY_NO_STATUS = 0xff,
};

/**
 * struct sheaf_task - a command slot: one SCSI command for the controller (SCSIUserParallelTask)
 *
 * Written by the host before the slot is handed over; the controller only reads it.
 */
struct sheaf_task {
	uint64_t version; /* SHEAF_TASK_VERSION */
	uint64_t target_id;
	uint32_t scsi_parallel_feature_request[SHEAF_PARALLEL_FEATURE_COUNT];
	uint32_t padding_36;
	uint64_t scsi_parallel_feature_request_count;
	/* Low 32 bits: what map_hba_data returned; high 32: the host's generation. Echoed whole. */
	uint64_t controller_task_identifier;
	uint64_t requested_transfer_count; /* bytes */
	/* Byte offset of the data in the data area (DriverKit: the IOVM address of one segment). */
	uint64_t buffer_iovm_addr;
	uint32_t task_attribute; /* enum sheaf_task_attribute */
	uint32_t padding_76;
	uint64_t task_tag_identifier; /* never 0 */
	uint8_t logical_unit_bytes[8]; /* SAM-5 section 4.7, big-endian LUN structure */
	uint8_t command_descriptor_block[16]; /* left-aligned */
	uint8_t command_size;		      /* 6, 10, 12 or 16 */
	uint8_t transfer_direction;	      /* enum sheaf_transfer_direction */
	uint8_t padding_114[2];
	uint32_t timeout_in_milli_sec; /* 0 means no limit */
	uint32_t initiator_index; /* enum sheaf_initiator: whose I_T nexus it comes by; reserved in DriverKit */
	uint8_t reserved[2];
	uint8_t padding_126[2];
};

/**
 * struct sheaf_response - a response slot: what became of the task (SCSIUserParallelResponse)
 *
 * Written by the controller before the slot is handed back. A GOOD completion needs the first 72 bytes.
 */
struct sheaf_response {
	uint64_t version;   /* SHEAF_TASK_VERSION */
	uint64_t target_id; /* echo */
	uint32_t scsi_parallel_feature_result[SHEAF_PARALLEL_FEATURE_COUNT];
	uint32_t padding_36;
	uint64_t scsi_parallel_feature_request_result_count;
	uint64_t controller_task_identifier; /* echo */
	uint32_t completion_status;	     /* enum sheaf_task_status or sheaf_delivery_status */
	uint32_t service_response;	     /* enum sheaf_service_response */
	uint64_t bytes_transferred;
	uint8_t sense_length;
	uint8_t sense_buffer[SHEAF_SENSE_MAX]; /* SPC-4 section 4.5 */
	uint8_t reserved[51];
	uint8_t padding_380[4];
};

static_assert(sizeof(struct sheaf_task) == 128, "SCSIUserParallelTask");
static_assert(offsetof(struct sheaf_task, scsi_parallel_feature_request_count) == 40, "task");
static_assert(offsetof(struct sheaf_task, controller_task_identifier) == 48, "task");
static_assert(offsetof(struct sheaf_task, buffer_iovm_addr) == 64, "task");
static_assert(offsetof(struct sheaf_task, logical_unit_bytes) == 88, "task");
static_assert(offsetof(struct sheaf_task, command_descriptor_block) == 96, "task");
static_assert(offsetof(struct sheaf_task, command_size) == 112, "task");
static_assert(offsetof(struct sheaf_task, timeout_in_milli_sec) == 116, "task");
static_assert(offsetof(struct sheaf_task, initiator_index) == 120, "task");
static_assert(sizeof(struct sheaf_response) == 384, "SCSIUserParallelResponse");
static_assert(offsetof(struct sheaf_response, controller_task_identifier) == 48, "response");
static_assert(offsetof(struct sheaf_response, completion_status) == 56, "response");
static_assert(offsetof(struct sheaf_response, bytes_transferred) == 64, "response");
static_assert(offsetof(struct sheaf_response, sense_buffer) == 73, "response");

#ifdef __cplusplus
}
#endif

#endif
