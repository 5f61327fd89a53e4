/* SPDX-License-Identifier: MIT */
/* nexus.c - see nexus.h. Lock held: the LU's. */
#include "scsi/nexus.h"

#include <string.h>

#include "scsi/lu_impl.h"

static bool is_reset(uint16_t asc)
{
	return asc >> 8 == SHEAF_ASC_POWER_ON_OR_RESET >> 8;
}

void sheaf_lu_raise_attention_locked(struct sheaf_lu *lu, uint32_t initiator, uint16_t asc)
{
	struct sheaf_nexus *nexus = &lu->nexus[initiator];

	for (unsigned i = 0; i < nexus->attention_count; i++)
		if (nexus->attention[i] == asc ||
		    (asc == SHEAF_ASC_NEXUS_LOSS && is_reset(nexus->attention[i]))) /* SAM-5 section 5.14: resets say more */
			return;
	if (is_reset(asc)) {
		nexus->attention_count = 0; /* what happened before it does not matter any more */
	} else if (nexus->attention_count == SHEAF_ATTENTIONS_MAX) {
		nexus->attention_count = 0;
		asc = SHEAF_ASC_POWER_ON_OR_RESET;
	}
	nexus->attention[nexus->attention_count++] = asc;
	sheaf_lu_set_condition(lu, SHEAF_CONDITION_ATTENTION(initiator), true);
}

void sheaf_lu_raise_attention(struct sheaf_lu *lu, uint32_t initiator, uint16_t asc)
{
	pthread_mutex_lock(&lu->lock);
	sheaf_lu_raise_attention_locked(lu, initiator, asc);
	pthread_mutex_unlock(&lu->lock);
}

void sheaf_lu_raise_attention_all_but(struct sheaf_lu *lu, uint32_t but, uint16_t asc)
{
	pthread_mutex_lock(&lu->lock);
	for (uint32_t i = 0; i < SHEAF_INITIATORS_MAX; i++)
		if (i != but)
			sheaf_lu_raise_attention_locked(lu, i, asc);
	pthread_mutex_unlock(&lu->lock);
}

uint16_t sheaf_lu_take_attention(struct sheaf_lu *lu, uint32_t initiator)
{
	struct sheaf_nexus *nexus = &lu->nexus[initiator];
	uint16_t asc = 0;

	if (!(atomic_load_explicit(&lu->conditions, memory_order_acquire) &
	      SHEAF_CONDITION_ATTENTION(initiator)))
		return 0;
	pthread_mutex_lock(&lu->lock);
	if (nexus->attention_count) {
		asc = nexus->attention[0];
		nexus->attention_count--;
		memmove(nexus->attention, nexus->attention + 1,
			nexus->attention_count * sizeof(nexus->attention[0]));
	}
	if (nexus->attention_count == 0)
		sheaf_lu_set_condition(lu, SHEAF_CONDITION_ATTENTION(initiator), false);
	pthread_mutex_unlock(&lu->lock);
	return asc;
}
