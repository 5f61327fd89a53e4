/* SPDX-License-Identifier: MIT */
/**
 * nexus.h - what an LU keeps for each initiator (I_T nexus): its queue of unit attentions, SAM-5 section 5.14
 *
 * Initiators are numbered by task.initiator_index: 0 is the mount, 1 are the callers of .sheaf/sgN; others are free for
 * front ends to come. All functions: thread any.
 */
#ifndef SHEAF_NEXUS_H
#define SHEAF_NEXUS_H

#include <stdbool.h>
#include <stdint.h>

#include <sheaf/task.h>

struct sheaf_lu;

/** Unit attentions that wait for an initiator; more of them become one, POWER ON, RESET, OR BUS DEVICE RESET OCCURRED. */
#define SHEAF_ATTENTIONS_MAX 8
/** "All but" nobody. */
#define SHEAF_INITIATOR_NONE UINT32_MAX

/** Guarded by the LU's lock. */
struct sheaf_nexus {
	uint16_t attention[SHEAF_ATTENTIONS_MAX]; /* enum sheaf_asc; the oldest first, none twice */
	uint8_t attention_count;
};

/** @initiator is told @asc, once, by the next command that reports unit attentions. A reset (29h) replaces what waits. */
void sheaf_lu_raise_attention(struct sheaf_lu *lu, uint32_t initiator, uint16_t asc);
/** The same with the LU's lock held. */
void sheaf_lu_raise_attention_locked(struct sheaf_lu *lu, uint32_t initiator, uint16_t asc);
/** All initiators but @but are. */
void sheaf_lu_raise_attention_all_but(struct sheaf_lu *lu, uint32_t but, uint16_t asc);
/** Take the oldest that waits for @initiator; 0: none. */
uint16_t sheaf_lu_take_attention(struct sheaf_lu *lu, uint32_t initiator);

#endif
