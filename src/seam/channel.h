/* SPDX-License-Identifier: MIT */
/**
 * channel.h - the control messages between a host and a driver in a process of its own
 *
 * One SOCK_SEQPACKET socket. The host sends a request, the driver answers it with a message of the same call and number; the
 * driver says nothing by itself. All messages have one form and one length, so that there is nothing to parse:
 * what each call puts into values[] and text[] is in the list below. Tasks and completions never go this way.
 *
 *   1. A message of another length, magic or version, of an unknown call, or whose text does not end, is -EPROTO.
 *   2. A descriptor comes with the requests that have one in the table, never with an answer; any other is closed.
 *   3. Neither side waits in here: who waits does it with poll(2) and a limit of its own.
 *
 * Order: START, IMAGE (once an image), CREATE, the methods of struct sheaf_controller_ops in DriverKit's order, then
 * QUEUE (once a queue), WORKER (once a worker), RUN, the targets' methods; task management at any time; STOP.
 */
#ifndef SHEAF_CHANNEL_H
#define SHEAF_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#define SHEAF_CHANNEL_MAGIC   UINT32_C(0x66616873) /* "shaf" */
#define SHEAF_CHANNEL_VERSION 1
#define SHEAF_CHANNEL_TEXT    512
#define SHEAF_CHANNEL_VALUES  6

/** The variable of the environment that names the descriptor of a started driver's channel. */
#define SHEAF_CHANNEL_VARIABLE "SHEAF_DRIVER_FD"

/* What is in values[] (v0, v1, ...) and text[]: "->" of the request, "<-" of the answer. */
enum sheaf_call {
	SHEAF_CALL_NONE,
	SHEAF_CALL_START, /* -> v0 SHEAF_DRIVER_API, v1 slots, v2 images, v3 io back end; <- v0 api, v4 SHEAF_CAN_*, text: name */
	SHEAF_CALL_IMAGE, /* -> fd; v0 index, v1 offset, v2 bytes, v3 block size, v4 SHEAF_IMAGE_*, v5 flush error; text: serial, path */
	SHEAF_CALL_CREATE, /* struct sheaf_driver's create() */
	SHEAF_CALL_INITIALIZE_CONTROLLER,
	SHEAF_CALL_REPORT_INITIATOR_IDENTIFIER,	       /* <- v0 */
	SHEAF_CALL_REPORT_HIGHEST_SUPPORTED_DEVICE_ID, /* <- v0 */
	SHEAF_CALL_REPORT_MAXIMUM_TASK_COUNT,	       /* <- v0 */
	SHEAF_CALL_REPORT_MAXIMUM_CONTEXT_COUNT,       /* <- v0 */
	SHEAF_CALL_MAP_DATA_AREA, /* -> fd of the region; v0 slots, v1 lanes, v2 buffer bytes */
	SHEAF_CALL_MAP_HBA_DATA,  /* <- v0 id */
	SHEAF_CALL_MAP_BUFFERS,	  /* -> v0 slots */
	SHEAF_CALL_START_CONTROLLER,
	SHEAF_CALL_DOES_HBA_PERFORM_DEVICE_MANAGEMENT,	   /* <- v0 */
	SHEAF_CALL_REPORT_HBA_HIGHEST_LOGICAL_UNIT_NUMBER, /* <- v0 */
	SHEAF_CALL_DOES_HBA_SUPPORT_SCSI_PARALLEL_FEATURE, /* -> v0; <- v0 */
	SHEAF_CALL_DOES_HBA_PERFORM_AUTO_SENSE,		   /* <- v0 */
	SHEAF_CALL_DOES_HBA_SUPPORT_MULTI_PATHING,	   /* <- v0 */
	SHEAF_CALL_INITIALIZE_TARGET_FOR_ID,		   /* -> v0 */
	SHEAF_CALL_QUEUE, /* -> fd: the doorbell of its loop; v0 index, v1 first slot, v2 slots */
	SHEAF_CALL_WORKER, /* -> fd: the doorbell that the host rings; v0 index, v1 bundled. create_context() */
	SHEAF_CALL_RUN, /* -> v0 workers, v1 enum sheaf_sandbox: loops run from here on */
	SHEAF_CALL_ABORT_TASK_REQUEST, /* -> v0 target, v1 LUN, v2 tag; <- v0 service response, as all that follow */
	SHEAF_CALL_ABORT_TASK_SET_REQUEST,
	SHEAF_CALL_CLEAR_ACA_REQUEST,
	SHEAF_CALL_CLEAR_TASK_SET_REQUEST,
	SHEAF_CALL_LOGICAL_UNIT_RESET_REQUEST,
	SHEAF_CALL_TARGET_RESET_REQUEST,
	SHEAF_CALL_STOP, /* the driver ends after its answer */
	SHEAF_CALL_RESIZE, /* -> v0 index of the image, v1 bytes, v2 SHEAF_RESIZE_*. Only to a driver that can */
	SHEAF_CALLS,
};

/* What a driver can beyond the methods, in its answer to START; one that knows nothing of this answers 0, as it was asked. */
#define SHEAF_CAN_RESIZE 1u

/* What SHEAF_CALL_RESIZE is about: the store (its image is large enough), then, at growth, the logical unit; the other way at shrinking. */
#define SHEAF_RESIZE_STORE 1u
#define SHEAF_RESIZE_LU	   2u

/* Flags of SHEAF_CALL_IMAGE. */
#define SHEAF_IMAGE_READ_ONLY 1u
#define SHEAF_IMAGE_DIRECT    2u

/** What a driver gives up once it runs; each has what the ones before it have. */
enum sheaf_sandbox { SHEAF_SANDBOX_NONE, SHEAF_SANDBOX_CAPS, SHEAF_SANDBOX_SECCOMP };

struct sheaf_message {
	uint32_t magic;
	uint16_t version;
	uint16_t call;	 /* enum sheaf_call */
	uint32_t number; /* of the request, echoed */
	int32_t result;	 /* of an answer: 0 or a negative errno */
	uint64_t values[SHEAF_CHANNEL_VALUES];
	char text[SHEAF_CHANNEL_TEXT]; /* ends with 0 */
};

/** The method's name, for messages; never NULL. */
const char *sheaf_call_name(enum sheaf_call call);

/**
 * sheaf_channel_send() - send @message, whose call, number, result, values and text are set; the rest is filled in here
 * @passed_fd: goes with it and stays the caller's; -1: none.
 * Return: 0; -EPIPE, -ECONNRESET: the other side is gone; -EAGAIN: it does not read; another -errno.
 */
int sheaf_channel_send(int fd, struct sheaf_message *message, int passed_fd);
/**
 * sheaf_channel_receive() - take the next message, if one is there
 * @ret_fd: receives the descriptor that came along, the caller's from then on, or -1. NULL: none is expected.
 * Return: 1; 0: none there; -ECONNRESET: the other side is gone; -EPROTO: not a message (1); -errno.
 */
int sheaf_channel_receive(int fd, struct sheaf_message *message, int *ret_fd);

#endif
