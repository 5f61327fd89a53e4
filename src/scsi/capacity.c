/* SPDX-License-Identifier: MIT */
/* capacity.c - the LU's size changes while commands run; see sheaf_lu_resize() in lu.h */
#include "scsi/lu.h"

#include <errno.h>

#include "scsi/lu_impl.h"

/* They go along all blocks behind the back of any command, see upkeep.h and self_test.h. Lock held. */
static bool is_gone_over(const struct sheaf_lu *lu)
{
	return lu->unit.state == SHEAF_UNIT_FORMATTING || lu->unit.state == SHEAF_UNIT_SANITIZING ||
	       sheaf_self_test_in_background(lu);
}

int sheaf_lu_resize(struct sheaf_lu *lu, uint64_t blocks)
{
	uint64_t before;
	bool refused;

	if (blocks == 0 || blocks > lu->store->size_bytes / lu->block_size)
		return -EINVAL;
	pthread_mutex_lock(&lu->lock);
	before = sheaf_lu_capacity(lu);
	refused = blocks < before && is_gone_over(lu);
	if (!refused) {
		atomic_store(&lu->blocks, blocks);
		sheaf_lu_fill_modes(lu);
	}
	pthread_mutex_unlock(&lu->lock);
	if (refused)
		return -EBUSY;
	/* SBC-4 section 4.10. */
	if (blocks != before)
		sheaf_lu_raise_attention_all_but(lu, SHEAF_INITIATOR_NONE,
						 SHEAF_ASC_CAPACITY_DATA_HAS_CHANGED);
	return 0;
}
