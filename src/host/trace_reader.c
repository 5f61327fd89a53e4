/* SPDX-License-Identifier: MIT */
/* trace_reader.c - see trace_reader.h; the rules of the rings are in trace.h. Rare, so a mutex is fine. */
#include "host/trace_reader.h"

#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/counter.h"
#include "host/queue.h"
#include "host/trace.h"

#define RING_BYTES (SHEAF_TRACE_RECORDS * sizeof(struct sheaf_record))

struct sheaf_trace_reader {
	struct sheaf_host *host;
	pthread_mutex_t lock; /* guards what follows and the rings' tails */
	uint32_t next_queue;  /* so that none is left behind when reads are full */
	uint64_t begin_ns;
	uint8_t *head; /* header and units */
	size_t head_bytes, head_read;
};

static uint64_t realtime_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static int make_head(struct sheaf_trace_reader *reader, const struct sheaf_unit *const units[],
		     unsigned count)
{
	const struct sheaf_host *host = reader->host;
	struct sheaf_record_header header = {
		.version = htole32(SHEAF_RECORD_VERSION),
		.record_bytes = htole32(sizeof(struct sheaf_record)),
		.unit_count = htole32(count),
		.monotonic_ns = htole64(reader->begin_ns),
		.realtime_ns = htole64(realtime_ns()),
		.queues = htole32(host->options.queues),
		.lanes = htole32(host->workers),
		.bundle_max = htole32(host->bundled ? host->options.bundle_max : 1),
		.flags = htole32(host->bundled ? 0 : SHEAF_RECORD_SINGLE),
	};

	memcpy(header.magic, SHEAF_RECORD_MAGIC, sizeof(header.magic));
	reader->head_bytes = sizeof(header) + count * sizeof(struct sheaf_record_unit);
	header.header_bytes = htole32((uint32_t)reader->head_bytes);
	reader->head = malloc(reader->head_bytes);
	if (!reader->head)
		return -ENOMEM;
	memcpy(reader->head, &header, sizeof(header));
	for (unsigned i = 0; i < count; i++) {
		const struct sheaf_record_unit unit = {
			.lun = htole32(units[i]->lun),
			.block_size = htole32(units[i]->block_size),
			.blocks = htole64(units[i]->blocks),
			.flags = htole32(units[i]->read_only ? SHEAF_RECORD_READ_ONLY : 0),
		};

		memcpy(reader->head + sizeof(header) + i * sizeof(unit), &unit, sizeof(unit));
	}
	return 0;
}

/* Before the first session of a queue; it stays until the queue goes. */
static int make_ring(struct sheaf_tracer *tracer)
{
	void *records;

	if (atomic_load(&tracer->records))
		return 0;
	records =
		mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (records == MAP_FAILED)
		return -ENOMEM;
	atomic_store(&tracer->records, records);
	return 0;
}

int sheaf_trace_open(struct sheaf_host *host, const struct sheaf_unit *const units[],
		     unsigned count, struct sheaf_trace_reader **ret_reader)
{
	struct sheaf_trace_reader *reader;
	int r = 0;

	if (atomic_exchange(&host->traced, true))
		return -EBUSY;
	reader = calloc(1, sizeof(*reader));
	if (!reader) {
		atomic_store(&host->traced, false);
		return -ENOMEM;
	}
	reader->host = host;
	reader->begin_ns = sheaf_clock_ns();
	pthread_mutex_init(&reader->lock, NULL);
	r = make_head(reader, units, count);
	for (uint32_t i = 0; r == 0 && i < host->options.queues; i++)
		r = make_ring(&host->queues[i]->tracer);
	if (r < 0) {
		sheaf_trace_close(reader);
		return r;
	}
	host->trace_sessions += host->trace_sessions == UINT32_MAX ? 2 : 1; /* never 0 */
	for (uint32_t i = 0; i < host->options.queues; i++) {
		struct sheaf_tracer *tracer = &host->queues[i]->tracer;

		/* What a late loop of the session before has left. */
		atomic_store(&tracer->tail, atomic_load(&tracer->head));
		tracer->dropped_said = sheaf_count_get(&tracer->dropped);
		atomic_store_explicit(&tracer->begin_ns, reader->begin_ns, memory_order_relaxed);
		atomic_store_explicit(&tracer->session, host->trace_sessions, memory_order_release);
	}
	*ret_reader = reader;
	return 0;
}

/* 1 if tasks were dropped, and there is room to say so. */
static size_t say_dropped(struct sheaf_tracer *tracer, uint32_t queue, struct sheaf_record *to,
			  size_t room)
{
	uint64_t dropped = sheaf_count_get(&tracer->dropped);

	if (dropped == tracer->dropped_said || room == 0)
		return 0;
	*to = (struct sheaf_record){
		.kind = SHEAF_RECORD_DROPPED,
		.queue = (uint8_t)queue,
		.range_lba = htole64(dropped - tracer->dropped_said),
	};
	tracer->dropped_said = dropped;
	return 1;
}

/* Up to @room records of one ring, and how many are missing behind them. @room: 1 or more. Return: how many. */
static size_t drain(struct sheaf_tracer *tracer, uint32_t queue, struct sheaf_record *to,
		    size_t room)
{
	uint64_t head = atomic_load_explicit(&tracer->head, memory_order_acquire);
	uint64_t tail = atomic_load_explicit(&tracer->tail, memory_order_relaxed);
	const struct sheaf_record *records = atomic_load(&tracer->records);
	size_t n = sheaf_min64(head - tail, room), at = tail % SHEAF_TRACE_RECORDS;
	size_t first = sheaf_min64(n, SHEAF_TRACE_RECORDS - at);

	memcpy(to, records + at, first * sizeof(*to));
	memcpy(to + first, records, (n - first) * sizeof(*to));
	atomic_store_explicit(&tracer->tail, tail + n, memory_order_release);
	return n + say_dropped(tracer, queue, to + n, room - n);
}

/* Lock held. */
static size_t read_records(struct sheaf_trace_reader *reader, struct sheaf_record *to, size_t room)
{
	struct sheaf_host *host = reader->host;
	size_t n = 0;

	for (uint32_t i = 0; i < host->options.queues && n < room; i++) {
		n += drain(&host->queues[reader->next_queue]->tracer, reader->next_queue, to + n,
			   room - n);
		reader->next_queue = (reader->next_queue + 1) % host->options.queues;
	}
	return n;
}

ssize_t sheaf_trace_read(struct sheaf_trace_reader *reader, void *buffer, size_t size)
{
	size_t n;

	size = sheaf_min64(size, SHEAF_TRACE_READ_BYTES);
	pthread_mutex_lock(&reader->lock);
	n = sheaf_min64(reader->head_bytes - reader->head_read, size);
	if (n) {
		memcpy(buffer, reader->head + reader->head_read, n);
		reader->head_read += n;
	} else if (size < sizeof(struct sheaf_record)) {
		pthread_mutex_unlock(&reader->lock);
		return -EINVAL;
	} else {
		n = sizeof(struct sheaf_record) *
		    read_records(reader, buffer, size / sizeof(struct sheaf_record));
	}
	pthread_mutex_unlock(&reader->lock);
	return (ssize_t)n;
}

void sheaf_trace_close(struct sheaf_trace_reader *reader)
{
	struct sheaf_host *host = reader->host;

	for (uint32_t i = 0; i < host->options.queues; i++) {
		struct sheaf_tracer *tracer = &host->queues[i]->tracer;
		struct sheaf_record *records = atomic_load(&tracer->records);

		atomic_store_explicit(&tracer->session, 0, memory_order_release);
		/* A loop that is late writes into an empty page. */
		if (records)
			madvise(records, RING_BYTES, MADV_DONTNEED);
	}
	pthread_mutex_destroy(&reader->lock);
	free(reader->head);
	free(reader);
	atomic_store(&host->traced, false);
}
