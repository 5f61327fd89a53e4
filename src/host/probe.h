/* SPDX-License-Identifier: MIT */
/**
 * probe.h - what a framework does with a new target: find its logical units by SCSI commands
 *
 * TEST UNIT READY (until pending unit attentions are gone), REPORT LUNS, and for each LU INQUIRY, READ CAPACITY(16),
 * MODE SENSE(6) for the write-protect bit, and VPD pages B0 and B2 for its limits. Runs before FUSE does, with turns
 * of the queue's loop.
 */
#ifndef SHEAF_PROBE_H
#define SHEAF_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "host/queue.h"

#define SHEAF_LUNS_MAX 256

/** A logical unit as the host found it. */
struct sheaf_unit {
	uint64_t target_id;
	uint32_t lun;
	uint64_t blocks;
	uint32_t block_size;
	uint32_t physical_block_bytes;
	bool read_only;
	bool spoilt; /* its blocks cannot be read until it is formatted or sanitized again, see scsi/unit.h */
	bool provisioned; /* LBPME: UNMAP is worth sending */
	uint64_t maximum_transfer_blocks;
	uint64_t maximum_unmap_blocks;
	uint64_t maximum_write_same_blocks;
};

/**
 * sheaf_probe() - find the units of target 0..highest
 * Thread: the queue's loop; its client is replaced meanwhile.
 * Return: the number of units in @units; -ENODEV when there is none; -EIO when one did not answer (reported here).
 */
int sheaf_probe(struct sheaf_queue *queue, struct sheaf_unit units[SHEAF_LUNS_MAX]);

/** SYNCHRONIZE CACHE of a whole unit, by whichever initiator may, waiting for it. Thread: the queue's loop. 0 or -EIO. */
int sheaf_synchronize_unit(struct sheaf_queue *queue, const struct sheaf_unit *unit);

/** The LUN field of a task for LU @lun: SAM-5 section 4.7.7.2 (below 256) and 4.7.7.3. */
void sheaf_put_lun(uint8_t lun_bytes[8], uint32_t lun);

#endif
