/* SPDX-License-Identifier: MIT */
/**
 * sim_disk.h - the image of a simulated disk, and the model of what may be read from it
 *
 * Each block that a write brings has a value of its own. The model keeps, for each block, the values that a read may see: that of the
 * last write that was acknowledged, and those of all that may have landed since. A write may land from its start until nobody has it
 * any more (its task ended, and no driver owns its slot). One that was acknowledged hides what could not land any more when it began.
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include <stdbool.h>
#include <stdint.h>

#define SIM_LUS	      3
#define SIM_BLOCKS    48
#define SIM_VALUES_MAX 24

struct sim_value {
	uint64_t value;
	uint64_t start;	 /* moment in which its write began */
	uint64_t dead;	 /* and from which on it cannot land; 0: it may */
	uint64_t hidden; /* and from which on nobody may read it any more; 0: one may */
};

struct sim_block {
	struct sim_value values[SIM_VALUES_MAX];
	unsigned count;
	bool exclusive; /* a command that compares is under way */
};

struct sim_disk {
	uint64_t moment;
	uint64_t next_value;
	struct sim_block model[SIM_LUS][SIM_BLOCKS];
	/* The image: what was written, and what was flushed. */
	uint64_t written[SIM_LUS][SIM_BLOCKS], flushed[SIM_LUS][SIM_BLOCKS];
};

void sim_disk_init(struct sim_disk *disk);
/** May a write of @n blocks begin? @oldest: the earliest moment that a command under way began in. */
bool sim_disk_may_write(struct sim_disk *disk, unsigned lu, unsigned lba, unsigned n, uint64_t oldest);
/** It begins. Return: the value of its first block, the others follow. */
uint64_t sim_disk_begin(struct sim_disk *disk, unsigned lu, unsigned lba, unsigned n);
/** From now on it cannot land. */
void sim_disk_dead(struct sim_disk *disk, unsigned lu, unsigned lba, unsigned n, uint64_t value);
/** It was acknowledged. False: while it could still land. */
bool sim_disk_acknowledge(struct sim_disk *disk, unsigned lu, unsigned lba, unsigned n, uint64_t value);
/** May a command that began at @since find @value? */
bool sim_disk_may_be(const struct sim_disk *disk, unsigned lu, unsigned lba, uint64_t value, uint64_t since);
/** The one value that a block has for certain; 0: there are several. */
uint64_t sim_disk_certain(const struct sim_disk *disk, unsigned lu, unsigned lba);

#endif
