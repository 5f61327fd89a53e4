/* SPDX-License-Identifier: MIT */
/**
 * record.h - the format of a recording: what .sheaf/record gives and `sheaf replay` reads
 *
 * A header, an entry for each logical unit, then records of 64 bytes to the end. All numbers are little-endian, on every machine;
 * CDBs are bytes as SCSI has them. doc/record-format.md says what the fields mean. Layouts only, no behaviour.
 */
#ifndef SHEAF_RECORD_H
#define SHEAF_RECORD_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/scsi.h>

#define SHEAF_RECORD_MAGIC "SHEAFREC"
#define SHEAF_RECORD_VERSION 1

/** Bits of sheaf_record_header.flags. */
enum {
	SHEAF_RECORD_SINGLE = 1, /* single-task mode: each bundle is of one */
};

struct sheaf_record_header {
	uint8_t magic[8];      /* SHEAF_RECORD_MAGIC */
	uint32_t version;      /* SHEAF_RECORD_VERSION */
	uint32_t header_bytes; /* this and the units' entries: where the records begin */
	uint32_t record_bytes; /* 64 */
	uint32_t unit_count;
	uint64_t monotonic_ns; /* CLOCK_MONOTONIC of the host when the recording began; the clock of start_ns */
	uint64_t realtime_ns;  /* CLOCK_REALTIME of the same moment */
	uint32_t queues;       /* that make tasks */
	uint32_t lanes;	       /* a queue has: worker loops; 0: fused */
	uint32_t bundle_max;
	uint32_t flags;
	uint64_t reserved; /* 0 */
};

/** Bits of sheaf_record_unit.flags. */
enum {
	SHEAF_RECORD_READ_ONLY = 1,
};

struct sheaf_record_unit {
	uint32_t lun;
	uint32_t block_size; /* bytes */
	uint64_t blocks;
	uint32_t flags;
	uint32_t reserved[3]; /* 0 */
};

enum sheaf_record_kind {
	SHEAF_RECORD_NOTHING, /* to be skipped */
	SHEAF_RECORD_TASK,
	SHEAF_RECORD_DROPPED, /* range_lba: so many tasks of .queue ended here and are not in the recording */
};

#define SHEAF_RECORD_FUSED 0xff /* lane, where there is none */

/** A task that ended. */
struct sheaf_record {
	uint8_t kind; /* enum sheaf_record_kind */
	uint8_t queue;
	uint8_t lane;	      /* the worker that it went to, or SHEAF_RECORD_FUSED */
	uint8_t bundle_size;  /* tasks in its request bundle, 1..32 */
	uint8_t bundle_index; /* its place there, from 0 */
	uint8_t cdb_length;
	uint8_t service_response; /* enum sheaf_service_response */
	uint8_t status;		  /* enum sheaf_task_status or sheaf_delivery_status */
	uint8_t sense_key;
	uint8_t range_count; /* of UNMAP: block descriptors; the first is in range_lba and range_blocks */
	uint16_t lun;
	uint32_t bundle;      /* number of the request bundle in its queue, modulo 2^32 */
	uint64_t start_ns;    /* when its bundle was handed to the controller, by the clock of observe.h */
	uint64_t latency_ns;  /* until its end, as the histograms have it */
	uint32_t transferred; /* bytes */
	uint32_t range_blocks;
	uint64_t range_lba;
	uint8_t cdb[SHEAF_CDB_MAX]; /* zeros after cdb_length */
};

static_assert(sizeof(struct sheaf_record_header) == 64, "record-format.md");
static_assert(offsetof(struct sheaf_record_header, unit_count) == 20, "record-format.md");
static_assert(offsetof(struct sheaf_record_header, monotonic_ns) == 24, "record-format.md");
static_assert(offsetof(struct sheaf_record_header, queues) == 40, "record-format.md");
static_assert(offsetof(struct sheaf_record_header, flags) == 52, "record-format.md");
static_assert(sizeof(struct sheaf_record_unit) == 32, "record-format.md");
static_assert(offsetof(struct sheaf_record_unit, blocks) == 8, "record-format.md");
static_assert(offsetof(struct sheaf_record_unit, flags) == 16, "record-format.md");
static_assert(sizeof(struct sheaf_record) == 64, "record-format.md");
static_assert(offsetof(struct sheaf_record, cdb_length) == 5, "record-format.md");
static_assert(offsetof(struct sheaf_record, range_count) == 9, "record-format.md");
static_assert(offsetof(struct sheaf_record, lun) == 10, "record-format.md");
static_assert(offsetof(struct sheaf_record, bundle) == 12, "record-format.md");
static_assert(offsetof(struct sheaf_record, start_ns) == 16, "record-format.md");
static_assert(offsetof(struct sheaf_record, latency_ns) == 24, "record-format.md");
static_assert(offsetof(struct sheaf_record, transferred) == 32, "record-format.md");
static_assert(offsetof(struct sheaf_record, range_lba) == 40, "record-format.md");
static_assert(offsetof(struct sheaf_record, cdb) == 48, "record-format.md");

#endif
