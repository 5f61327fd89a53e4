/* SPDX-License-Identifier: MIT */
/* rules_bring_up.c - a driver's life but for its tasks */
#include <string.h>

#include "check/check.h"

static void is_a_driver(struct check *c)
{
	check_load(c);
}

static void is_made_twice(struct check *c)
{
	check_load(c);
	for (int i = 0; i < 2; i++) {
		check_create(c);
		check_destroy(c);
	}
}

static void comes_up(struct check *c)
{
	check_start_driver(c);
	check_stop_driver(c);
	check_destroy(c);
}

static void identifiers(struct check *c)
{
	check_start_driver(c);
	for (uint32_t i = 0; i < c->slots; i++) {
		if (c->ids[i] == 0)
			check_fail(c, "map_hba_data gave 0 for slot %u", i);
		for (uint32_t j = 0; j < i; j++)
			if (c->ids[i] == c->ids[j])
				check_fail(c, "map_hba_data gave %u for slot %u and for slot %u", c->ids[i],
					   j, i);
	}
}

static void stops_half_way(struct check *c)
{
	check_load(c);
	check_create(c);
	check_identify(c);
	if (!c->options->program)
		c->ops->stop(c->controller);
	check_destroy(c);
}

static void comes_up_again(struct check *c)
{
	static const uint8_t test_unit_ready[6];

	check_load(c);
	check_create(c);
	for (int i = 0; i < 2; i++) {
		check_bring_up(c);
		check_run(c, test_unit_ready, 6, SHEAF_TRANSFER_NONE, 0, 0);
		check_stop_driver(c);
	}
	check_destroy(c);
}

const struct check_rule check_rules_bring_up[] = {
	{ .name = "it says which interface it was built for, its name, and has all hooks that must be there", .run = is_a_driver, .vital = true },
	{ .name = "a controller can be made, destroyed, and made again", .run = is_made_twice, .vital = true },
	{ .name = "it comes up in DriverKit's order, and stops", .run = comes_up, .vital = true },
	{ .name = "identifiers from map_hba_data are unique and never 0", .run = identifiers },
	{ .name = "it stops where bring-up ended half way", .run = stops_half_way },
	{ .name = "it comes up again after it was stopped", .run = comes_up_again },
	{ 0 },
};
