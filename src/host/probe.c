/* SPDX-License-Identifier: MIT */
/* probe.c - see probe.h */
#include "host/probe.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <sheaf/scsi.h>

#include "base/bits.h"
#include "base/log.h"
#include "host/queue.h"
#include "scsi/sense.h"

/* A unit that reports attention or NOT READY this often in a row is not going to be ready. */
#define READY_TRIES 16
#define PROBE_DATA_BYTES 4096
#define PHYSICAL_BLOCK_BYTES_MAX 65536

struct probe {
	struct sheaf_queue_client client;
	struct sheaf_queue *queue;
	uint16_t slot; /* of the command */
	bool ended;
	struct sheaf_result result;
	uint8_t data[PROBE_DATA_BYTES];
};

static void probe_ended(struct sheaf_queue_client *client, uint16_t slot,
			const struct sheaf_result *result)
{
	struct probe *p = (struct probe *)((char *)client - offsetof(struct probe, client));

	if (slot != p->slot)
		return; /* a request that came while the connection ends; its answer is the kernel's */
	p->result = *result;
	if (!result->quarantined) {
		uint64_t n = sheaf_min64(result->bytes_transferred, sizeof(p->data));

		memcpy(p->data, sheaf_queue_buffer(p->queue, slot), n);
	}
	sheaf_queue_put(p->queue, slot);
	p->ended = true;
	sheaf_loop_wake(p->queue->loop); /* command() looks between turns: this one must not sleep */
}

void sheaf_put_lun(uint8_t lun_bytes[8], uint32_t lun)
{
	memset(lun_bytes, 0, 8);
	if (lun < 256)
		lun_bytes[1] = (uint8_t)lun;
	else
		sheaf_put_be16(lun_bytes, (uint16_t)(0x4000 | lun));
}

/* One command with data in. Return: bytes that came, or -EIO. */
static int command_by(struct probe *p, uint32_t initiator, uint64_t target, uint32_t lun,
		      const uint8_t *cdb, uint8_t cdb_length, uint32_t data_length)
{
	int slot = sheaf_queue_take(p->queue);
	struct sheaf_task *task;

	if (slot < 0)
		return slot;
	task = sheaf_queue_command(p->queue, (uint16_t)slot);
	task->target_id = target;
	task->initiator_index = initiator;
	sheaf_put_lun(task->logical_unit_bytes, lun);
	memcpy(task->command_descriptor_block, cdb, cdb_length);
	task->command_size = cdb_length;
	task->transfer_direction = data_length ? SHEAF_TRANSFER_FROM_TARGET : SHEAF_TRANSFER_NONE;
	task->requested_transfer_count = data_length;
	p->slot = (uint16_t)slot;
	p->ended = false;
	memset(p->data, 0, sizeof(p->data));
	sheaf_queue_start(p->queue, (uint16_t)slot);
	while (!p->ended) {
		int r = sheaf_loop_turn(p->queue->loop, true);

		if (r < 0)
			return r;
	}
	return sheaf_result_good(&p->result) ? (int)p->result.bytes_transferred : -EIO;
}

static int command(struct probe *p, uint64_t target, uint32_t lun, const uint8_t *cdb,
		   uint8_t cdb_length, uint32_t data_length)
{
	return command_by(p, SHEAF_INITIATOR_MOUNT, target, lun, cdb, cdb_length, data_length);
}

static bool is_spoilt(const struct sheaf_result *result)
{
	struct sheaf_sense sense;

	return result->service_response == SHEAF_TASK_COMPLETE &&
	       result->status == SHEAF_STATUS_CHECK_CONDITION &&
	       sheaf_sense_parse(result->sense, result->sense_length, &sense) &&
	       sense.key == SHEAF_KEY_MEDIUM_ERROR;
}

/*
 * Each initiator that the host speaks for has unit attentions of its own: POWER ON is read off here, as a kernel's scan does. By
 * REQUEST SENSE (SPC-4 section 6.39), so that it counts as no error; who does not know that command is asked all the same.
 * A unit whose medium is spoilt (MEDIUM ERROR: a format or sanitize was cut off) is there all the same, to have that done again.
 * Return: 0; 1: it is spoilt; -EIO.
 */
static int wait_ready(struct probe *p, uint32_t initiator, uint64_t target, uint32_t lun)
{
	static const uint8_t test_unit_ready[6] = { 0x00 };
	static const uint8_t request_sense[6] = { 0x03, [4] = 18 };

	for (int i = 0; i < READY_TRIES; i++)
		if (command_by(p, initiator, target, lun, request_sense, 6, 18) < 3 ||
		    (p->data[2] & 0x0f) != SHEAF_KEY_UNIT_ATTENTION)
			break;
	for (int i = 0; i < READY_TRIES; i++) {
		/* Only an answer is worth another question: each that is not answered takes a deadline and all graces. */
		if (p->result.service_response != SHEAF_TASK_COMPLETE)
			break;
		if (command_by(p, initiator, target, lun, test_unit_ready, 6, 0) >= 0)
			return 0;
		if (is_spoilt(&p->result))
			return 1;
	}
	return -EIO;
}

/* INQUIRY, SPC-4 section 6.6; a VPD page when @page is not negative. */
static int inquiry(struct probe *p, uint64_t target, uint32_t lun, int page)
{
	uint8_t cdb[6] = { 0x12, page >= 0, page >= 0 ? (uint8_t)page : 0, 0, 0xff, 0 };

	return command(p, target, lun, cdb, 6, 0xff);
}

static int read_capacity(struct probe *p, struct sheaf_unit *unit)
{
	/* SBC-4 section 5.21: SERVICE ACTION IN(16) / READ CAPACITY(16), 32 bytes. */
	static const uint8_t cdb[16] = { 0x9e, 0x10, [13] = 32 };

	if (command(p, unit->target_id, unit->lun, cdb, 16, 32) < 16)
		return -EIO;
	unit->blocks = sheaf_get_be64(p->data) + 1;
	unit->block_size = sheaf_get_be32(p->data + 8);
	unit->physical_block_bytes = unit->block_size << (p->data[13] & 0x0f);
	unit->provisioned = p->data[14] & 0x80;
	/* blocks 0: 2^64 of them. A block of ours is one that fits the margin of a slot's buffer. */
	if (unit->blocks == 0 || (unit->block_size != 512 && unit->block_size != 4096) ||
	    unit->blocks > INT64_MAX / unit->block_size)
		return -EIO;
	return 0;
}

static void read_limits(struct probe *p, struct sheaf_unit *unit)
{
	unit->maximum_transfer_blocks = 0;
	unit->maximum_unmap_blocks = 0;
	unit->maximum_write_same_blocks = 0;
	/* SBC-4 section 6.6.4, block limits. */
	if (inquiry(p, unit->target_id, unit->lun, 0xb0) >= 44) {
		uint32_t granularity = sheaf_get_be16(p->data + 6) * unit->block_size;

		/* Who says nothing of physical blocks may say what is best to be a multiple of. */
		if (unit->physical_block_bytes == unit->block_size && granularity > unit->block_size &&
		    granularity <= PHYSICAL_BLOCK_BYTES_MAX && (granularity & (granularity - 1)) == 0)
			unit->physical_block_bytes = granularity;
		unit->maximum_transfer_blocks = sheaf_get_be32(p->data + 8);
		unit->maximum_unmap_blocks = sheaf_get_be32(p->data + 20);
		unit->maximum_write_same_blocks = sheaf_get_be64(p->data + 36);
	}
	/* SBC-4 section 6.6.7, logical block provisioning: LBPU. */
	if (inquiry(p, unit->target_id, unit->lun, 0xb2) < 6 || !(p->data[5] & 0x80))
		unit->provisioned = false;
}

static int probe_unit(struct probe *p, struct sheaf_unit *unit)
{
	/* SPC-4 section 6.11, all pages are not needed: header only. */
	static const uint8_t mode_sense[6] = { 0x1a, 0x08, 0x3f, 0, 4, 0 };

	int r = wait_ready(p, SHEAF_INITIATOR_MOUNT, unit->target_id, unit->lun);

	if (r < 0 || wait_ready(p, SHEAF_INITIATOR_CALLERS, unit->target_id, unit->lun) < 0)
		return -EIO;
	unit->spoilt = r > 0;
	/* Peripheral qualifier 0, device type 0: a direct-access block device. */
	if (inquiry(p, unit->target_id, unit->lun, -1) < 36 || p->data[0] != 0)
		return -EIO;
	if (read_capacity(p, unit) < 0)
		return -EIO;
	unit->read_only =
		command(p, unit->target_id, unit->lun, mode_sense, 6, 4) >= 4 && p->data[2] & 0x80;
	read_limits(p, unit);
	return 0;
}

/* REPORT LUNS, SPC-4 section 6.33. */
static int report_luns(struct probe *p, uint64_t target, uint32_t luns[SHEAF_LUNS_MAX])
{
	uint8_t cdb[12] = { 0xa0 };
	int n, count;

	sheaf_put_be32(cdb + 6, 8 + 8 * SHEAF_LUNS_MAX);
	wait_ready(p, SHEAF_INITIATOR_MOUNT, target, 0);
	n = command(p, target, 0, cdb, 12, 8 + 8 * SHEAF_LUNS_MAX);
	if (n < 8)
		return -EIO;
	count = (n - 8) / 8;
	if ((uint32_t)count > sheaf_get_be32(p->data) / 8)
		count = (int)(sheaf_get_be32(p->data) / 8);
	for (int i = 0; i < count; i++) {
		const uint8_t *lun = p->data + 8 + 8 * i;

		luns[i] = lun[0] >> 6 == 1 ? sheaf_get_be16(lun) & 0x3fffu : lun[1];
	}
	return count;
}

static int probe_target(struct probe *p, uint64_t target, struct sheaf_unit units[], int found)
{
	uint32_t luns[SHEAF_LUNS_MAX];
	int count = report_luns(p, target, luns);

	for (int i = 0; i < count && found < SHEAF_LUNS_MAX; i++) {
		struct sheaf_unit unit = { .target_id = target, .lun = luns[i] };

		if (probe_unit(p, &unit) < 0) {
			sheaf_error("controller %s: LUN %u of target %llu does not answer as a disk",
				    p->queue->host->options.ops->name, luns[i],
				    (unsigned long long)target);
			return -EIO;
		}
		units[found++] = unit;
	}
	return found;
}

int sheaf_probe(struct sheaf_queue *queue, struct sheaf_unit units[SHEAF_LUNS_MAX])
{
	struct probe p = { .client.ended = probe_ended, .queue = queue };
	struct sheaf_queue_client *client = queue->client;
	int found = 0;

	queue->client = &p.client;
	for (uint64_t t = 0; t <= queue->host->highest_target_id && found >= 0; t++) {
		if (t == queue->host->initiator_id)
			continue;
		int r = sheaf_host_initialize_target(queue->host, t);

		found = r < 0 ? r : probe_target(&p, t, units, found);
	}
	queue->client = client;
	return found == 0 ? -ENODEV : found;
}

int sheaf_synchronize_unit(struct sheaf_queue *queue, const struct sheaf_unit *unit)
{
	static const uint8_t synchronize_cache[10] = { 0x35 };
	struct probe p = { .client.ended = probe_ended, .queue = queue };
	struct sheaf_queue_client *client = queue->client;
	int r;

	queue->client = &p.client;
	r = command(&p, unit->target_id, unit->lun, synchronize_cache, 10, 0);
	/* What is written is to be durable whoever has the unit reserved. */
	if (r < 0 && p.result.service_response == SHEAF_TASK_COMPLETE &&
	    p.result.status == SHEAF_STATUS_RESERVATION_CONFLICT)
		r = command_by(&p, SHEAF_INITIATOR_CALLERS, unit->target_id, unit->lun,
			       synchronize_cache, 10, 0);
	queue->client = client;
	return r < 0 ? -EIO : 0;
}
