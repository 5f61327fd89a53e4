/* SPDX-License-Identifier: MIT */
/* capacity.c - the LU's size changes while commands run; see sheaf_lu_resize() in lu.h */
#include "scsi/lu.h"

#include <errno.h>

#include "scsi/lu_impl.h"

int sheaf_lu_resize(struct sheaf_lu *lu, uint64_t blocks)
{
	if (blocks == 0 || blocks > lu->store->size_bytes / lu->block_size)
		return -EINVAL;
	/* SBC-4 section 4.10. */
	if (atomic_exchange(&lu->blocks, blocks) != blocks)
		sheaf_lu_raise_attention_all_but(lu, SHEAF_INITIATOR_NONE,
						 SHEAF_ASC_CAPACITY_DATA_HAS_CHANGED);
	return 0;
}
