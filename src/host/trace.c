/* SPDX-License-Identifier: MIT */
/* trace.c - the loop's side of a recording, and the probes whose arguments cost something; see trace.h. */
#include "host/trace.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bits.h"
#include "base/counter.h"
#include "host/flight.h"
#include "host/slot.h"

#ifdef SHEAF_HAVE_SDT
#define SEMAPHORE(name) unsigned short sheaf_##name##_semaphore __attribute__((section(".probes")))
SEMAPHORE(task_start);
SEMAPHORE(task_end);
SEMAPHORE(bundle_submit);
SEMAPHORE(bundle_complete);
SEMAPHORE(task_timeout);
SEMAPHORE(task_error);
#endif

/* UNMAP's parameter list, SBC-4 section 5.35: a header, then descriptors. */
#define UNMAP_HEADER_BYTES     8
#define UNMAP_DESCRIPTOR_BYTES 16

int sheaf_tracer_init(struct sheaf_tracer *tracer, uint32_t slots)
{
	tracer->tasks = calloc(slots, sizeof(*tracer->tasks));
	return tracer->tasks ? 0 : -ENOMEM;
}

void sheaf_tracer_deinit(struct sheaf_tracer *tracer)
{
	struct sheaf_record *records = atomic_load(&tracer->records);

	if (records)
		munmap(records, SHEAF_TRACE_RECORDS * sizeof(*records));
	free(tracer->tasks);
}

static struct sheaf_traced *traced(struct sheaf_queue *queue, uint16_t slot)
{
	return &queue->tracer.tasks[slot];
}

/* What sheaf_put_lun() has put there: SAM-5 sections 4.7.7.2 and 4.7.7.3. */
static uint16_t get_lun(const uint8_t bytes[8])
{
	return sheaf_get_be16(bytes) & 0x3fff;
}

void sheaf_trace_started(struct sheaf_queue *queue, uint16_t slot)
{
	const struct sheaf_task *task = &queue->host->view.commands[slot];
	const uint8_t *cdb = task->command_descriptor_block;

	SHEAF_PROBE6(task_start, queue->index, slot, cdb[0], sheaf_flight_lba(cdb),
		     task->requested_transfer_count, get_lun(task->logical_unit_bytes));
}

/* The range of UNMAP is not in its CDB. The list is in the slot's buffer, which is the host's still. */
static void note_range(struct sheaf_queue *queue, uint16_t slot, struct sheaf_record *record)
{
	const struct sheaf_task *task = &queue->host->view.commands[slot];
	const uint8_t *list = sheaf_view_buffer(&queue->host->view, slot);
	unsigned bytes;

	if (task->requested_transfer_count < UNMAP_HEADER_BYTES + UNMAP_DESCRIPTOR_BYTES)
		return;
	bytes = sheaf_get_be16(list + 2);
	record->range_count = bytes / UNMAP_DESCRIPTOR_BYTES > UINT8_MAX
				      ? UINT8_MAX
				      : (uint8_t)(bytes / UNMAP_DESCRIPTOR_BYTES);
	record->range_lba = htole64(sheaf_get_be64(list + UNMAP_HEADER_BYTES));
	record->range_blocks = htole32(sheaf_get_be32(list + UNMAP_HEADER_BYTES + 8));
}

void sheaf_trace_submit(struct sheaf_queue *queue, const uint16_t slots[], uint16_t n, uint8_t lane,
			uint64_t bundle, uint64_t start_ns)
{
	uint32_t session = atomic_load_explicit(&queue->tracer.session, memory_order_relaxed);
	uint64_t begin_ns = atomic_load_explicit(&queue->tracer.begin_ns, memory_order_relaxed);

	/* The turn's time may be before an opening that came during the turn. */
	if (start_ns < begin_ns)
		start_ns = begin_ns;
	for (uint16_t i = 0; i < n; i++) {
		const struct sheaf_task *task = &queue->host->view.commands[slots[i]];
		struct sheaf_traced *t = traced(queue, slots[i]);
		uint8_t length =
			task->command_size > SHEAF_CDB_MAX ? SHEAF_CDB_MAX : task->command_size;

		t->identifier = sheaf_slot_state(queue, slots[i])->identifier;
		t->session = session;
		t->record = (struct sheaf_record){
			.kind = SHEAF_RECORD_TASK,
			.queue = (uint8_t)queue->index,
			.lane = lane,
			.bundle_size = (uint8_t)n,
			.bundle_index = (uint8_t)i,
			.cdb_length = length,
			.lun = htole16(get_lun(task->logical_unit_bytes)),
			.bundle = htole32((uint32_t)bundle),
			.start_ns = htole64(start_ns),
		};
		memcpy(t->record.cdb, task->command_descriptor_block, length);
		if (t->record.cdb[0] == SHEAF_SCSI_UNMAP)
			note_range(queue, slots[i], &t->record);
	}
}

static void push(struct sheaf_tracer *tracer, const struct sheaf_record *record)
{
	struct sheaf_record *records = atomic_load_explicit(&tracer->records, memory_order_relaxed);
	uint64_t head = atomic_load_explicit(&tracer->head, memory_order_relaxed);

	if (head - tracer->tail_seen >= SHEAF_TRACE_RECORDS)
		tracer->tail_seen = atomic_load_explicit(&tracer->tail, memory_order_acquire);
	if (head - tracer->tail_seen >= SHEAF_TRACE_RECORDS) {
		sheaf_count_add(&tracer->dropped, 1);
		return;
	}
	records[head % SHEAF_TRACE_RECORDS] = *record;
	atomic_store_explicit(&tracer->head, head + 1, memory_order_release);
}

/* SPC-4 section 4.5: descriptor format has all three together, fixed format apart. */
uint32_t sheaf_result_sense(const struct sheaf_result *result)
{
	const uint8_t *s = result->sense;

	if (result->sense_length >= 4 && (s[0] & 0x7f) >= 0x72)
		return (uint32_t)(s[1] & 0x0f) << 16 | (uint32_t)s[2] << 8 | s[3];
	if (result->sense_length >= 14)
		return (uint32_t)(s[2] & 0x0f) << 16 | (uint32_t)s[12] << 8 | s[13];
	return result->sense_length >= 3 ? (uint32_t)(s[2] & 0x0f) << 16 : 0;
}

void sheaf_trace_end(struct sheaf_queue *queue, uint16_t slot, const struct sheaf_result *result)
{
	struct sheaf_tracer *tracer = &queue->tracer;
	const struct sheaf_slot_state *state = sheaf_slot_state(queue, slot);
	struct sheaf_traced *t = traced(queue, slot);
	uint32_t session = atomic_load_explicit(&tracer->session, memory_order_relaxed);
	uint64_t now_ns = queue->observe.now_ns, start_ns = le64toh(t->record.start_ns);
	bool known = t->identifier == state->identifier;

	SHEAF_PROBE6(task_end, queue->index, slot, state->opcode,
		     known ? sheaf_flight_lba(t->record.cdb) : 0, result->status, now_ns - state->start_ns);
	if (!known || !session || t->session != session)
		return;
	t->record.latency_ns = htole64(now_ns > start_ns ? now_ns - start_ns : 0);
	t->record.service_response = (uint8_t)result->service_response;
	t->record.status = result->status > UINT8_MAX ? UINT8_MAX : (uint8_t)result->status;
	t->record.sense_key = (uint8_t)(sheaf_result_sense(result) >> 16);
	t->record.transferred = htole32((uint32_t)result->bytes_transferred);
	push(tracer, &t->record);
}

void sheaf_trace_error(struct sheaf_queue *queue, uint16_t slot, const struct sheaf_result *result)
{
	SHEAF_PROBE6(task_error, queue->index, slot, sheaf_slot_state(queue, slot)->opcode,
		     result->service_response, result->status, sheaf_result_sense(result));
}
