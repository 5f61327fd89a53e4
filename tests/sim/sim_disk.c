/* SPDX-License-Identifier: MIT */
/* sim_disk.c - see sim_disk.h */
#include "sim_disk.h"

#include <assert.h>
#include <string.h>

void sim_disk_init(struct sim_disk *disk)
{
	disk->moment = 1;
	disk->next_value = 1;
	for (unsigned lu = 0; lu < SIM_LUS; lu++) {
		for (unsigned lba = 0; lba < SIM_BLOCKS; lba++) {
			struct sim_block *b = &disk->model[lu][lba];

			b->count = 1;
			b->exclusive = false;
			b->values[0] = (struct sim_value){ .value = disk->next_value, .start = 1, .dead = 1 };
			disk->written[lu][lba] = disk->flushed[lu][lba] = disk->next_value++;
		}
	}
}

/* Forget what nobody that is under way may still find. */
static void forget(struct sim_block *b, uint64_t oldest)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < b->count; i++)
		if (!b->values[i].hidden || b->values[i].hidden > oldest)
			b->values[kept++] = b->values[i];
	b->count = kept;
}

bool sim_disk_may_write(struct sim_disk *disk, unsigned lu, unsigned lba, unsigned n, uint64_t oldest)
{
	for (unsigned i = 0; i < n; i++) {
		struct sim_block *b = &disk->model[lu][lba + i];

		if (b->count == SIM_VALUES_MAX)
			forget(b, oldest);
		if (b->count == SIM_VALUES_MAX || b->exclusive)
			return false;
	}
	return true;
}

uint64_t sim_disk_begin(struct sim_disk *disk, unsigned lu, unsigned lba, unsigned n)
{
	uint64_t value = disk->next_value;

	disk->moment++;
	disk->next_value += n;
	for (unsigned i = 0; i < n; i++) {
		struct sim_block *b = &disk->model[lu][lba + i];

		b->values[b->count++] = (struct sim_value){ .value = value + i, .start = disk->moment };
	}
	return value;
}

static struct sim_value *find(struct sim_disk *disk, unsigned lu, unsigned lba, uint64_t value)
{
	struct sim_block *b = &disk->model[lu][lba];

	for (unsigned i = 0; i < b->count; i++)
		if (b->values[i].value == value)
			return &b->values[i];
	return NULL;
}

void sim_disk_dead(struct sim_disk *disk, unsigned lu, unsigned lba, unsigned n, uint64_t value)
{
	disk->moment++;
	for (unsigned i = 0; i < n; i++) {
		struct sim_value *v = find(disk, lu, lba + i, value + i);

		if (v && !v->dead)
			v->dead = disk->moment;
	}
}

bool sim_disk_acknowledge(struct sim_disk *disk, unsigned lu, unsigned lba, unsigned n, uint64_t value)
{
	disk->moment++;
	for (unsigned i = 0; i < n; i++) {
		struct sim_block *b = &disk->model[lu][lba + i];
		struct sim_value *v = find(disk, lu, lba + i, value + i);

		if (!v)
			continue; /* hidden by a later one, and forgotten */
		if (!v->dead)
			return false;
		for (unsigned j = 0; j < b->count; j++)
			if (!b->values[j].hidden && b->values[j].dead && b->values[j].dead < v->start)
				b->values[j].hidden = disk->moment;
	}
	return true;
}

bool sim_disk_may_be(const struct sim_disk *disk, unsigned lu, unsigned lba, uint64_t value, uint64_t since)
{
	const struct sim_block *b = &disk->model[lu][lba];

	for (unsigned i = 0; i < b->count; i++)
		if (b->values[i].value == value)
			return !b->values[i].hidden || b->values[i].hidden > since;
	return false;
}

uint64_t sim_disk_certain(const struct sim_disk *disk, unsigned lu, unsigned lba)
{
	const struct sim_block *b = &disk->model[lu][lba];
	uint64_t certain = 0;

	for (unsigned i = 0; i < b->count; i++) {
		if (b->values[i].hidden)
			continue;
		if (certain || !b->values[i].dead)
			return 0;
		certain = b->values[i].value;
	}
	return certain;
}
