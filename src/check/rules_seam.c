/* SPDX-License-Identifier: MIT */
/*
 * rules_seam.c - slots, bundles, responses
 *
 * Most rules judge the same work: some hundreds of commands in bundles of all sizes, slots in no order, completions mixed as they come.
 */
#include <string.h>

#include <sheaf/scsi.h>

#include "check/check.h"

#define WORK_BUNDLES 60
#define BLOCKS_MAX 16
#define REUSES 200

#define BIT(kind) (1u << (kind))
#define EVERY_KIND (BIT(CHECK_MISDEEDS) - 1)

static uint32_t draw(uint32_t *random, uint32_t n)
{
	*random = *random * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(*random >> 8) * n >> 24);
}

/* A command that any disk knows. */
static void build_some(struct check *c, uint16_t slot, uint32_t *random)
{
	static const uint8_t test_unit_ready[6];
	static const uint8_t inquiry[6] = { SHEAF_SCSI_INQUIRY, [4] = 36 };
	uint32_t kind = draw(random, 8);
	uint8_t cdb[16];

	if (kind == 0 || c->blocks <= BLOCKS_MAX) {
		check_build(c, slot, test_unit_ready, 6, SHEAF_TRANSFER_NONE, 0, 0);
	} else if (kind == 1) {
		check_build(c, slot, inquiry, 6, SHEAF_TRANSFER_FROM_TARGET, 36, 0);
	} else {
		bool write = kind > 4 && !c->write_protected && !c->options->read_only;
		uint32_t blocks = 1 + draw(random, BLOCKS_MAX);
		uint32_t far = c->blocks > UINT32_MAX ? UINT32_MAX : (uint32_t)c->blocks;

		check_rw_cdb(cdb, write, draw(random, far - BLOCKS_MAX), blocks);
		check_build(c, slot, cdb, 16,
			    write ? SHEAF_TRANSFER_TO_TARGET : SHEAF_TRANSFER_FROM_TARGET,
			    blocks * c->block_size, 0);
	}
}

/* Slots that are here, shuffled. */
static uint16_t free_slots(struct check *c, uint16_t slots[CHECK_SLOTS], uint32_t *random)
{
	uint16_t n = 0;

	for (uint16_t i = 0; i < c->slots; i++)
		if (!c->slot[i].out)
			slots[n++] = i;
	for (uint16_t i = 0; i + 1 < n; i++) {
		uint16_t j = (uint16_t)(i + draw(random, n - i)), kept = slots[i];

		slots[i] = slots[j];
		slots[j] = kept;
	}
	return n;
}

static void work(struct check *c)
{
	static const uint16_t sizes[] = { 1, 1, 2, 3, 7, 16, 31, 32 };
	uint32_t random = c->options->seed;
	uint16_t slots[CHECK_SLOTS];

	check_find_disk(c);
	for (int i = 0; i < WORK_BUNDLES; i++) {
		uint16_t here = free_slots(c, slots, &random);
		uint16_t n = sizes[draw(&random, sizeof(sizes) / sizeof(sizes[0]))];

		if (here == 0) {
			check_all_end(c);
			continue;
		}
		n = n < here ? n : here;
		for (uint16_t s = 0; s < n; s++)
			build_some(c, slots[s], &random);
		check_hand_over(c, slots, n);
		if (draw(&random, 3) == 0)
			check_all_end(c);
	}
	check_all_end(c);
	check_linger(c);
}

static void judge(struct check *c, unsigned kinds)
{
	c->judges = kinds;
	check_start_driver(c);
	work(c);
	check_untouched(c);
	check_noted(c, kinds);
}

static void all_end_once(struct check *c)
{
	check_start_driver(c);
	work(c);
	check_noted(c, BIT(CHECK_OWNER));
}

static void counts(struct check *c)
{
	judge(c, BIT(CHECK_COUNT));
}

static void versions(struct check *c)
{
	judge(c, BIT(CHECK_VERSION));
}

static void echoes(struct check *c)
{
	judge(c, BIT(CHECK_IDENTIFIER));
}

static void responses(struct check *c)
{
	judge(c, BIT(CHECK_RESPONSE));
}

static void commands_are_read(struct check *c)
{
	judge(c, BIT(CHECK_COMMAND));
}

static void bounds(struct check *c)
{
	judge(c, BIT(CHECK_BOUNDS));
}

static void nothing_after(struct check *c)
{
	c->guard = true;
	judge(c, BIT(CHECK_TOUCHED));
}

/* As many as a bundle takes, highest slot first; then each alone. */
static void one_and_many(struct check *c)
{
	uint32_t random = c->options->seed;
	uint16_t slots[SHEAF_BUNDLE_MAX];
	uint16_t n;

	check_start_driver(c);
	check_find_disk(c);
	n = c->slots < SHEAF_BUNDLE_MAX ? (uint16_t)c->slots : SHEAF_BUNDLE_MAX;
	for (uint16_t i = 0; i < n; i++) {
		slots[i] = (uint16_t)(c->slots - 1 - i);
		build_some(c, slots[i], &random);
	}
	check_hand_over(c, slots, n);
	check_all_end(c);
	for (uint16_t i = 0; i < n; i++) {
		build_some(c, slots[i], &random);
		check_hand_over(c, &slots[i], 1);
		if (i % 2)
			check_all_end(c);
	}
	check_all_end(c);
	check_noted(c, BIT(CHECK_OWNER) | BIT(CHECK_IDENTIFIER));
}

static void hand_over_again(struct check *c, uint16_t slot)
{
	uint32_t random = c->options->seed + c->started;

	if (c->started == REUSES)
		return;
	c->started++;
	build_some(c, slot, &random);
	check_hand_over(c, &slot, 1);
}

static void reuse_at_once(struct check *c)
{
	uint32_t random = c->options->seed;
	uint16_t slots[4];
	uint16_t n;

	check_start_driver(c);
	check_find_disk(c);
	n = c->slots < 4 ? (uint16_t)c->slots : 4;
	for (uint16_t i = 0; i < n; i++) {
		slots[i] = i;
		build_some(c, i, &random);
	}
	c->on_end = hand_over_again;
	check_hand_over(c, slots, n);
	check_all_end(c);
	check_noted(c, BIT(CHECK_OWNER) | BIT(CHECK_IDENTIFIER));
}

static void single_too(struct check *c)
{
	c->decline = true;
	check_load(c);
	if (!c->ops->process_parallel_task)
		check_skip(c, "it has no process_parallel_task, so sheaf mount --single cannot have it");
	if (!c->ops->map_bundled_parallel_task_command_and_response_buffers)
		check_skip(c, "it has no other mode");
	check_create(c);
	check_bring_up(c);
	work(c);
	check_noted(c, EVERY_KIND & ~BIT(CHECK_TOUCHED));
}

const struct check_rule check_rules_seam[] = {
	{ .name = "every task ends exactly once, in its own slot", .run = all_end_once },
	{ .name = "a completion has 1 to 32 slots", .run = counts },
	{ .name = "responses have version 1", .run = versions },
	{ .name = "responses carry the identifier and the target of their task", .run = echoes },
	{ .name = "responses say what can be", .run = responses },
	{ .name = "command slots are only read", .run = commands_are_read },
	{ .name = "nothing is written around a buffer", .run = bounds },
	{ .name = "nothing of a slot is touched after it was given back", .run = nothing_after },
	{ .name = "bundles of 1 and of 32, slots in any order", .run = one_and_many },
	{ .name = "a slot may be used again from inside its completion", .run = reuse_at_once },
	{ .name = "all of this holds in single-task mode", .run = single_too },
	{ 0 },
};
