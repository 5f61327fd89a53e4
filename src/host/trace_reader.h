/* SPDX-License-Identifier: MIT */
/**
 * trace_reader.h - the other side of a recording: one reader of all queues' rings, as a stream of bytes
 *
 * The stream is a file of record.h: header, units, records as they come. Within a queue they are in the order in which tasks ended.
 */
#ifndef SHEAF_TRACE_READER_H
#define SHEAF_TRACE_READER_H

#include <stddef.h>
#include <sys/types.h>

#include "host/probe.h"

struct sheaf_host;
struct sheaf_trace_reader;

/** Most bytes of one read, so that a loop which serves it is not away for long. */
#define SHEAF_TRACE_READ_BYTES (256u * 1024)

/**
 * sheaf_trace_open() - begin a session
 * @units: what the header says of the disks; copied.  Thread: any.
 * Return: 0; -EBUSY: there is a reader; -ENOMEM.
 */
int sheaf_trace_open(struct sheaf_host *host, const struct sheaf_unit *const units[], unsigned count,
		     struct sheaf_trace_reader **ret_reader);
/**
 * sheaf_trace_read() - what there is of the stream, never waiting for more
 * Thread: any, one after another or at once.  Return: bytes, at most SHEAF_TRACE_READ_BYTES; 0: nothing now; -EINVAL: @size is less
 * than a record.
 */
ssize_t sheaf_trace_read(struct sheaf_trace_reader *reader, void *buffer, size_t size);
/** End the session. Thread: any; nobody reads any more. */
void sheaf_trace_close(struct sheaf_trace_reader *reader);

#endif
