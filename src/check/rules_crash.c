/* SPDX-License-Identifier: MIT */
/*
 * rules_crash.c - crash and restart: a driver's process is killed, and the next one has to serve
 *
 * All but the last are for programs: a shared object that is killed takes its host along.
 */
#include <string.h>

#include <sheaf/scsi.h>

#include "check/check.h"

#define ROUNDS 4
#define BLOCKS 8
/* What is written and flushed, in commands of BLOCKS. */
#define KEPT 16

static void must_be_program(struct check *c)
{
	if (!c->options->program)
		check_skip(c, "a shared object crashes with its host; see its program");
}

static void must_have_room(struct check *c)
{
	if (c->blocks < 2 * KEPT * BLOCKS)
		check_skip(c, "the disk has %llu blocks", (unsigned long long)c->blocks);
}

static uint16_t fill(const struct check *c)
{
	return c->slots < SHEAF_BUNDLE_MAX ? (uint16_t)c->slots : SHEAF_BUNDLE_MAX;
}

/* All of a bundle's slots: reads, or writes behind what is kept, and it does not wait. */
static void leave_tasks_out(struct check *c, bool write)
{
	uint16_t slots[SHEAF_BUNDLE_MAX], n = fill(c);
	uint32_t bytes = BLOCKS * c->block_size;
	uint8_t cdb[16];

	for (uint16_t i = 0; i < n; i++) {
		slots[i] = i;
		check_rw_cdb(cdb, write, (uint64_t)(KEPT + i % KEPT) * BLOCKS, BLOCKS);
		check_build(c, i, cdb, 16,
			    write ? SHEAF_TRANSFER_TO_TARGET : SHEAF_TRANSFER_FROM_TARGET, bytes,
			    0);
		if (write)
			memset(check_buffer(c, i), 0x11, bytes);
	}
	check_hand_over(c, slots, n);
}

/* A new process, and the whole of bring-up. */
static void start_again(struct check *c)
{
	check_create(c);
	check_bring_up(c);
	check_find_disk(c);
}

static void must_read(struct check *c, const char *when)
{
	struct check_answer a;
	uint8_t cdb[16];

	check_rw_cdb(cdb, false, 0, BLOCKS);
	a = check_run(c, cdb, 16, SHEAF_TRANSFER_FROM_TARGET, BLOCKS * c->block_size, 0);
	if (!a.good)
		check_fail(c, "READ %s: %s", when, check_say(&a));
}

static void killed_at_work(struct check *c)
{
	must_be_program(c);
	check_start_driver(c);
	check_find_disk(c);
	must_have_room(c);
	for (unsigned round = 0; round < ROUNDS; round++) {
		bool write = round % 2 && !c->write_protected && !c->options->read_only;

		leave_tasks_out(c, write);
		if (round > 1)
			check_linger(c); /* in the middle of them, or after */
		check_kill_driver(c);
		start_again(c);
		must_read(c, "after the driver was killed and started again");
	}
	check_stop_driver(c);
}

static void killed_half_way(struct check *c)
{
	must_be_program(c);
	check_load(c);
	check_create(c);
	check_identify(c);
	check_far_kill(c);
	start_again(c);
	check_stop_driver(c);
}

static uint8_t kept_byte(uint32_t command, uint32_t at)
{
	return (uint8_t)(command * 31 + at * 7 + (at >> 9) + 1);
}

static void write_and_flush(struct check *c)
{
	static const uint8_t synchronize[10] = { SHEAF_SCSI_SYNCHRONIZE_CACHE_10 };
	uint32_t bytes = BLOCKS * c->block_size;
	struct check_answer a;
	uint8_t cdb[16];

	for (uint32_t i = 0; i < KEPT; i++) {
		uint8_t *buffer = check_buffer(c, 0);

		for (uint32_t at = 0; at < bytes; at++)
			buffer[at] = kept_byte(i, at);
		check_rw_cdb(cdb, true, (uint64_t)i * BLOCKS, BLOCKS);
		a = check_run(c, cdb, 16, SHEAF_TRANSFER_TO_TARGET, bytes, 0);
		if (!a.good)
			check_fail(c, "WRITE: %s", check_say(&a));
	}
	a = check_run(c, synchronize, sizeof(synchronize), SHEAF_TRANSFER_NONE, 0, 0);
	if (!a.good)
		check_fail(c, "SYNCHRONIZE CACHE: %s", check_say(&a));
}

static void look_at_kept(struct check *c)
{
	uint32_t bytes = BLOCKS * c->block_size;
	struct check_answer a;
	uint8_t cdb[16];

	for (uint32_t i = 0; i < KEPT; i++) {
		check_rw_cdb(cdb, false, (uint64_t)i * BLOCKS, BLOCKS);
		a = check_run(c, cdb, 16, SHEAF_TRANSFER_FROM_TARGET, bytes, 0);
		if (!a.good)
			check_fail(c, "READ after a crash: %s", check_say(&a));
		for (uint32_t at = 0; at < bytes; at++)
			if (a.data[at] != kept_byte(i, at))
				check_fail(c,
					   "block %u: byte %u is %02x, and %02x was written and "
					   "flushed before the crash",
					   i * BLOCKS + at / c->block_size, at % c->block_size,
					   a.data[at], kept_byte(i, at));
	}
}

static void flushed_is_kept(struct check *c)
{
	must_be_program(c);
	if (!c->options->image_count)
		check_skip(c, "it has no image to keep data in, see --images");
	check_start_driver(c);
	check_find_disk(c);
	must_have_room(c);
	if (c->write_protected)
		check_skip(c, "the disk is write-protected");
	write_and_flush(c);
	leave_tasks_out(c, true);
	check_kill_driver(c);
	start_again(c);
	look_at_kept(c);
	check_stop_driver(c);
}

/* For a shared object what restart is to a program: all of it once more. */
static void lives_twice(struct check *c)
{
	if (c->options->program)
		check_skip(c, "a program has one life a process");
	check_load(c);
	for (unsigned life = 0; life < 2; life++) {
		check_create(c);
		check_bring_up(c);
		check_find_disk(c);
		if (c->blocks >= BLOCKS)
			must_read(c, life ? "in its second life" : "in its first life");
		check_stop_driver(c);
		check_destroy(c);
	}
}

const struct check_rule check_rules_crash[] = {
	{ .name = "killed while tasks are out, it is started again and serves",
	  .run = killed_at_work },
	{ .name = "killed half way through its bring-up, it comes up again",
	  .run = killed_half_way },
	{ .name = "what was written and flushed is there after a crash",
	  .run = flushed_is_kept,
	  .writes = true },
	{ .name = "all of its life, from create to destroy, can be had twice in one process",
	  .run = lives_twice },
	{ 0 },
};
