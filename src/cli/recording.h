/* SPDX-License-Identifier: MIT */
/**
 * recording.h - a file of `sheaf record` in memory: checked, in the machine's byte order, sorted by start
 *
 * The file may come from anywhere, so each field that anything depends on is checked here, once; a file that cannot be what a server
 * wrote is refused as a whole.
 */
#ifndef SHEAF_RECORDING_H
#define SHEAF_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/record.h"
#include "scsi/cdb.h"

/** What a task does to the bytes of its disk, for those who do it again. */
enum sheaf_deed {
	SHEAF_DEED_NONE, /* nothing that a file could: INQUIRY, GET LBA STATUS, a range that the disk does not have */
	SHEAF_DEED_READ,
	SHEAF_DEED_WRITE,
	SHEAF_DEED_FLUSH,
	SHEAF_DEED_DISCARD,
	SHEAF_DEED_ZERO,
};

struct sheaf_recorded {
	struct sheaf_record record;
	const struct sheaf_cdb_command *command; /* NULL: not one that sheaf knows */
	const struct sheaf_record_unit *unit;	 /* NULL: no such LUN */
	enum sheaf_deed deed;
	bool durable;		 /* a write with FUA */
	uint64_t offset, length; /* bytes, in the unit */
};

struct sheaf_recording {
	struct sheaf_record_header header;
	struct sheaf_record_unit *units;
	struct sheaf_recorded *tasks; /* by start, then queue, bundle and place in it */
	size_t count;
	uint64_t dropped;
};

/**
 * sheaf_recording_parse() - check and sort @n bytes
 * @ret_problem: what is wrong, and @ret_at: at which byte, with -EINVAL. Nothing is reported.
 * Return: 0, the caller frees; -EINVAL; -ENOMEM.
 */
int sheaf_recording_parse(const uint8_t *bytes, size_t n, struct sheaf_recording *ret,
			  const char **ret_problem, size_t *ret_at);
/** The same from a file; reported. 0 or -errno. */
int sheaf_recording_load(const char *path, struct sheaf_recording *ret);
/** Keep the tasks of one unit. Return: false: there is no such LUN. */
bool sheaf_recording_keep_unit(struct sheaf_recording *recording, uint32_t lun);
void sheaf_recording_free(struct sheaf_recording *recording);

/** Name of a task's command, as printed in the standard; "?" if it is not known. */
const char *sheaf_recorded_name(const struct sheaf_recorded *task);
/** Ended with GOOD or CONDITION MET. */
bool sheaf_recorded_good(const struct sheaf_recorded *task);
/** The most tasks that were with the controller at one time, at least 1. 0: no memory. */
unsigned sheaf_recording_depth(const struct sheaf_recording *recording);

#endif
