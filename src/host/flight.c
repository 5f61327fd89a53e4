/* SPDX-License-Identifier: MIT */
/* flight.c - see flight.h; the readers' side */
#include "host/flight.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>

#include "base/bits.h"
#include "host/observe.h"

struct sheaf_flight *sheaf_flight_create(unsigned count)
{
	/* Mapped: a lane that is never used costs no memory. */
	void *p = mmap(NULL, count * sizeof(struct sheaf_flight), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void sheaf_flight_destroy(struct sheaf_flight *flights, unsigned count)
{
	if (flights)
		munmap(flights, count * sizeof(struct sheaf_flight));
}

/* SPC-4 section 4.2.5.1: the length by the group of the operation code. */
static uint8_t cdb_length(uint8_t opcode)
{
	static const uint8_t lengths[] = { 6, 10, 10, 16, 16, 12, 16, 16 };

	return lengths[opcode >> 5];
}

/* SAM-5 section 4.7.7: peripheral and flat space addressing, as sheaf_put_lun() has put it. */
static uint16_t lun_of(const uint8_t bytes[2])
{
	return sheaf_get_be16(bytes) & 0x3fff;
}

static void decode(const struct sheaf_flight_record *record, struct sheaf_flight_task *ret)
{
	uint64_t w[SHEAF_FLIGHT_WORDS];
	uint16_t lun;

	for (unsigned i = 0; i < SHEAF_FLIGHT_WORDS; i++)
		w[i] = atomic_load_explicit(&record->words[i], memory_order_acquire);
	*ret = (struct sheaf_flight_task){
		.start_ns = w[SHEAF_FLIGHT_START],
		.latency_ns = w[SHEAF_FLIGHT_LATENCY],
		.bundle = (uint32_t)w[SHEAF_FLIGHT_PLACE],
		.slot = (uint16_t)(w[SHEAF_FLIGHT_PLACE] >> 32),
		.bundle_size = (uint8_t)(w[SHEAF_FLIGHT_PLACE] >> 48),
		.bundle_index = (uint8_t)(w[SHEAF_FLIGHT_PLACE] >> 56),
		.generation = (uint32_t)(w[SHEAF_FLIGHT_IDENTIFIER] >> 32),
		.transferred = (uint32_t)w[SHEAF_FLIGHT_BYTES],
		.requested = (uint32_t)(w[SHEAF_FLIGHT_BYTES] >> 32),
		.service_response = (uint8_t)(w[SHEAF_FLIGHT_RESULT] >> 16),
		.status = (uint8_t)(w[SHEAF_FLIGHT_RESULT] >> 24),
		.sense_key = (uint8_t)(w[SHEAF_FLIGHT_RESULT] >> 32),
		.step = (uint8_t)(w[SHEAF_FLIGHT_RESULT] >> 40),
	};
	lun = (uint16_t)w[SHEAF_FLIGHT_RESULT];
	ret->lun = lun_of((const uint8_t *)&lun);
	memcpy(ret->cdb, &w[SHEAF_FLIGHT_CDB_LOW], 8);
	memcpy(ret->cdb + 8, &w[SHEAF_FLIGHT_CDB_HIGH], 8);
	ret->cdb_length = cdb_length(ret->cdb[0]);
}

unsigned sheaf_flight_read(const struct sheaf_flight *flight, struct sheaf_flight_task tasks[])
{
	uint64_t head = atomic_load_explicit(&flight->head, memory_order_acquire), begun;
	uint64_t first = head > SHEAF_FLIGHT_TASKS ? head - SHEAF_FLIGHT_TASKS : 0, whole;
	unsigned n = (unsigned)(head - first);

	for (unsigned i = 0; i < n; i++)
		decode(&flight->records[(first + i) % SHEAF_FLIGHT_TASKS], &tasks[i]);
	begun = atomic_load_explicit(&flight->begun, memory_order_acquire);
	whole = begun > SHEAF_FLIGHT_TASKS ? begun - SHEAF_FLIGHT_TASKS : 0; /* (2) */
	if (whole <= first)
		return n;
	if (whole >= head)
		return 0;
	n = (unsigned)(head - whole);
	memmove(tasks, tasks + (whole - first), n * sizeof(tasks[0]));
	return n;
}

bool sheaf_flight_peek(const struct sheaf_region *region, uint16_t slot,
		       struct sheaf_flight_task *ret_task, uint64_t *ret_target)
{
	struct sheaf_task task;

	if (!sheaf_region_peek(region, slot, &task))
		return false;
	*ret_task = (struct sheaf_flight_task){
		.slot = slot,
		.lun = lun_of(task.logical_unit_bytes),
		.requested = (uint32_t)task.requested_transfer_count,
		.cdb_length = cdb_length(task.command_descriptor_block[0]),
	};
	memcpy(ret_task->cdb, task.command_descriptor_block, SHEAF_CDB_MAX);
	*ret_target = task.target_id;
	return true;
}

uint64_t sheaf_flight_lba(const uint8_t *cdb)
{
	switch (cdb[0] >> 5) {
	case 0:
		return sheaf_get_be24(cdb + SHEAF_CDB_6_LBA) & 0x1fffff;
	case 4:
		return sheaf_get_be64(cdb + SHEAF_CDB_16_LBA);
	default:
		return sheaf_get_be32(cdb + SHEAF_CDB_10_LBA);
	}
}

void sheaf_flight_describe(const struct sheaf_flight_task *task, char *out, size_t size)
{
	int n = snprintf(out, size, "%s, LUN %u, LBA %" PRIu64 ", %" PRIu32 " bytes, CDB ",
			 sheaf_command_names[sheaf_command_of(task->cdb)], task->lun,
			 sheaf_flight_lba(task->cdb), task->requested);

	for (unsigned i = 0; n > 0 && (size_t)n < size && i < task->cdb_length; i++)
		n += snprintf(out + n, size - (size_t)n, "%02x", task->cdb[i]);
}
