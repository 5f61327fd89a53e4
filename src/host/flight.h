/* SPDX-License-Identifier: MIT */
/**
 * flight.h - the flight recorder: the last 256 tasks of each lane, always on
 *
 * When a task ends, its record goes into the ring of its lane (fused: of its queue). Whoever wants to know what happened reads the
 * rings from outside, also while the loop stands still in a driver. The CDB is that of the command slot, which is the host's again when the task
 * ends; what a driver wrote over it is what the record has.
 *
 *   1. W: the queue's loop; R: any thread. Words of 64 bits, stored with release and loaded with acquire: plain stores on x86, no lock
 *      prefix, no fence, no system call, no clock but that of observe.h.
 *   2. A ring's record i was whole when it was read if `begun`, loaded after it, is at most i + SHEAF_FLIGHT_TASKS: no later one took its place.
 *   3. Of a task that has not ended, sheaf_flight_peek() reads the command slot through the region's file: the memory is the
 *      controller's, and this reader has no part in who owns it.
 */
#ifndef SHEAF_FLIGHT_H
#define SHEAF_FLIGHT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sheaf/scsi.h>
#include <sheaf/task.h>

#include "seam/region.h"

/** Tasks in a ring, a power of two. */
#define SHEAF_FLIGHT_TASKS 256u
#define SHEAF_FLIGHT_WORDS 8
/* Words of a record. */
enum {
	SHEAF_FLIGHT_START,   /* ns */
	SHEAF_FLIGHT_LATENCY, /* ns */
	SHEAF_FLIGHT_CDB_LOW,
	SHEAF_FLIGHT_CDB_HIGH, /* as they stand in memory */
	SHEAF_FLIGHT_PLACE,    /* as sheaf_flight_place() has it */
	SHEAF_FLIGHT_IDENTIFIER,
	SHEAF_FLIGHT_BYTES,  /* transferred: 32 bits; requested: 32 */
	SHEAF_FLIGHT_RESULT, /* first two bytes of the LUN, as in memory: 16; service response, status, sense key, step: 8 each */
};

struct sheaf_flight_record {
	_Alignas(64) _Atomic uint64_t words[SHEAF_FLIGHT_WORDS];
};

struct sheaf_flight {
	_Alignas(64) _Atomic uint64_t head; /* tasks so far */
	_Atomic uint64_t begun; /* head + 1 while a record is being written, head otherwise */
	struct sheaf_flight_record records[SHEAF_FLIGHT_TASKS];
};

/** A record for people. */
struct sheaf_flight_task {
	uint64_t start_ns, latency_ns;
	uint8_t cdb[SHEAF_CDB_MAX];
	uint32_t bundle; /* number of its request bundle in its queue, modulo 2^32 */
	uint16_t slot, lun;
	uint32_t generation;
	uint8_t bundle_size, bundle_index;
	uint8_t cdb_length; /* by its group of operation codes; 16 where that says nothing */
	uint32_t requested; /* bytes */
	/* Of one that ended. */
	uint32_t transferred;
	uint8_t service_response, status, sense_key;
	uint8_t step; /* of one that failed: enum sheaf_escalation_step, what was done before */
};

/** Number of a task's bundle in its queue, the bundle's size, the task's place in it, its slot: one word. */
static inline uint64_t sheaf_flight_place(uint64_t bundle, uint16_t slot, uint8_t size,
					  uint8_t index)
{
	return (uint32_t)bundle | (uint64_t)slot << 32 | (uint64_t)size << 48 |
	       (uint64_t)index << 56;
}

/** What the queue knows of a task that is not in its command slot. */
struct sheaf_flight_end {
	uint64_t start_ns, latency_ns, place, identifier;
	uint32_t requested, transferred; /* bytes */
	uint8_t service_response, status, sense_key, step;
};

static inline void sheaf_flight_put(_Atomic uint64_t words[], unsigned word, uint64_t value)
{
	atomic_store_explicit(&words[word], value, memory_order_release);
}

/** The task in @task, in memory of the host's, ended. Thread: the loop's. */
static inline void sheaf_flight_record(struct sheaf_flight *flight, const struct sheaf_task *task,
				       const struct sheaf_flight_end *end)
{
	uint64_t head = atomic_load_explicit(&flight->head, memory_order_relaxed);
	_Atomic uint64_t *words = flight->records[head % SHEAF_FLIGHT_TASKS].words;
	uint64_t low, high;
	uint16_t lun;

	memcpy(&lun, task->logical_unit_bytes, sizeof(lun));
	memcpy(&low, task->command_descriptor_block, sizeof(low));
	memcpy(&high, task->command_descriptor_block + sizeof(low), sizeof(high));
	atomic_store_explicit(&flight->begun, head + 1, memory_order_release);
	sheaf_flight_put(words, SHEAF_FLIGHT_START, end->start_ns);
	sheaf_flight_put(words, SHEAF_FLIGHT_LATENCY, end->latency_ns);
	sheaf_flight_put(words, SHEAF_FLIGHT_CDB_LOW, low);
	sheaf_flight_put(words, SHEAF_FLIGHT_CDB_HIGH, high);
	sheaf_flight_put(words, SHEAF_FLIGHT_PLACE, end->place);
	sheaf_flight_put(words, SHEAF_FLIGHT_IDENTIFIER, end->identifier);
	sheaf_flight_put(words, SHEAF_FLIGHT_BYTES,
			 end->transferred | (uint64_t)end->requested << 32);
	sheaf_flight_put(words, SHEAF_FLIGHT_RESULT,
			 lun | (uint64_t)end->service_response << 16 | (uint64_t)end->status << 24 |
				 (uint64_t)end->sense_key << 32 | (uint64_t)end->step << 40);
	atomic_store_explicit(&flight->head, head + 1, memory_order_release);
}

/** One ring for each of @count lanes, zeroed; NULL without memory. */
struct sheaf_flight *sheaf_flight_create(unsigned count);
void sheaf_flight_destroy(struct sheaf_flight *flights, unsigned count);
/**
 * sheaf_flight_read() - the last tasks of a lane that are whole, in the order in which they ended
 * @tasks: room for SHEAF_FLIGHT_TASKS.  Thread: any.  Return: how many.
 */
unsigned sheaf_flight_read(const struct sheaf_flight *flight, struct sheaf_flight_task tasks[]);
/**
 * sheaf_flight_peek() - CDB, LUN and target of the command in @slot of @region, whoever owns it; the rest of @ret_task is zeros
 * Thread: any. False: the file could not be read.
 */
bool sheaf_flight_peek(const struct sheaf_region *region, uint16_t slot,
		       struct sheaf_flight_task *ret_task, uint64_t *ret_target);
/** LOGICAL BLOCK ADDRESS by the group of the operation code, SPC-4 section 4.2.5.1; of a command without one, anything. */
uint64_t sheaf_flight_lba(const uint8_t *cdb);
/** "read, LBA 128, LUN 0, 4096 bytes, CDB 8800…" for the log. */
void sheaf_flight_describe(const struct sheaf_flight_task *task, char *out, size_t size);

#endif
