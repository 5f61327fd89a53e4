/* SPDX-License-Identifier: MIT */
/* recover.c - see recover.h */
#include "host/recover.h"

#include <string.h>

#include "base/counter.h"
#include "base/log.h"
#include "host/slot.h"
#include "scsi/sense.h"

/*
 * What must not be carried out twice: it compares, combines or reserves, so that a second time differs from the first.
 * SBC-4 clause 5, SPC-4 clause 6.
 */
enum {
	RESERVE_6 = 0x16,
	RELEASE_6 = 0x17,
	WRITE_BUFFER = 0x3b,
	XDWRITEREAD_10 = 0x53,
	RESERVE_10 = 0x56,
	RELEASE_10 = 0x57,
	PERSISTENT_RESERVE_OUT = 0x5f,
	VARIABLE_LENGTH = 0x7f, /* among them XDWRITEREAD (32) and those of other sets */
	EXTENDED_COPY = 0x83,
	COMPARE_AND_WRITE = 0x89,
	ORWRITE_16 = 0x8b,
};

bool sheaf_command_repeats(uint8_t opcode)
{
	switch (opcode) {
	case RESERVE_6:
	case RELEASE_6:
	case WRITE_BUFFER:
	case XDWRITEREAD_10:
	case RESERVE_10:
	case RELEASE_10:
	case PERSISTENT_RESERVE_OUT:
	case VARIABLE_LENGTH:
	case EXTENDED_COPY:
	case COMPARE_AND_WRITE:
	case ORWRITE_16:
		return false;
	default:
		return opcode < 0xc0; /* from there on they are vendors' own, SPC-4 section 4.2.5.1 */
	}
}

static void end_aborted(struct sheaf_queue *queue, uint16_t slot)
{
	const struct sheaf_sense sense = { .key = SHEAF_KEY_ABORTED_COMMAND, .asc = SHEAF_ASC_NONE };

	queue->result = (struct sheaf_result){
		.service_response = SHEAF_TASK_COMPLETE,
		.status = SHEAF_STATUS_CHECK_CONDITION,
	};
	queue->result.sense_length =
		(uint8_t)sheaf_sense_build_fixed(&sense, queue->result.sense);
	sheaf_count_add(&queue->stats.aborted, 1);
	sheaf_slot_end_task(queue, slot);
}

static void recover_slot(struct sheaf_queue *queue, uint16_t slot)
{
	struct sheaf_slot_state *state = sheaf_slot_state(queue, slot);

	if (state->owner == SHEAF_SLOT_CONTROLLER) {
		sheaf_slot_take_back(queue, slot);
		sheaf_slot_set(queue, slot, SHEAF_SLOT_HOST);
		if (sheaf_command_repeats(state->opcode))
			sheaf_slot_reissue(queue, slot);
		else
			end_aborted(queue, slot);
	} else if (state->owner == SHEAF_SLOT_QUARANTINED && !state->returned) {
		sheaf_slot_take_back(queue, slot);
		sheaf_slot_returned(queue, slot);
	} else if (state->owner == SHEAF_SLOT_GATHERED && !state->timed) {
		sheaf_slot_begin_time(queue, state);
	}
}

void sheaf_queue_driver_gone(struct sheaf_queue *queue, const char *reason)
{
	struct sheaf_host *host = queue->host;

	sheaf_info("controller %s is gone (%s)", host->options.ops->name, reason);
	sheaf_queue_poll(queue);
	queue->held = true;
	for (uint32_t w = 0; w < host->workers; w++) {
		sheaf_lane_reset(&queue->lanes[w].lane);
		queue->lanes[w].broken = false;
	}
	for (uint32_t i = 0; i < host->slots; i++)
		if (sheaf_queue_owns(queue, (uint16_t)i))
			recover_slot(queue, (uint16_t)i);
}

void sheaf_queue_driver_back(struct sheaf_queue *queue)
{
	queue->held = false;
}
