/* SPDX-License-Identifier: MIT */
/**
 * modes.h - an LU's mode parameters: one set for all initiators, SPC-4 section 5.12; nothing is saved
 *
 * What other parts of the LU go by is atomic and may be read by any thread at any time; the pages themselves are mode.c's.
 * WCE and SWP are bits of lu->conditions.
 */
#ifndef SHEAF_MODES_H
#define SHEAF_MODES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct sheaf_lu;

/** Bytes of all pages that an LU has, one after the other. */
#define SHEAF_MODES_BYTES 88

/**
 * struct sheaf_modes - written under the LU's lock
 * @task_set_shared: TST is 000b: one task set for all initiators; false (001b, the default): one for each I_T nexus.
 * @descriptor_sense: D_SENSE: sense data is in descriptor format.
 * @current: the pages' current values; lock held.
 */
struct sheaf_modes {
	_Atomic bool task_set_shared;
	_Atomic bool descriptor_sense;
	uint8_t current[SHEAF_MODES_BYTES];
};

/** All parameters get their default values; for a new LU and for LOGICAL UNIT RESET. Thread: any. */
void sheaf_lu_reset_modes(struct sheaf_lu *lu);

static inline bool sheaf_modes_task_set_is_shared(const struct sheaf_modes *modes)
{
	return atomic_load_explicit(&modes->task_set_shared, memory_order_relaxed);
}

static inline bool sheaf_modes_sense_is_descriptor(const struct sheaf_modes *modes)
{
	return atomic_load_explicit(&modes->descriptor_sense, memory_order_relaxed);
}

#endif
