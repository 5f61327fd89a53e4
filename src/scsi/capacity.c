/* SPDX-License-Identifier: MIT */
/* capacity.c - the LU's size changes while commands run; see sheaf_lu_resize() in lu.h */
#include "scsi/lu.h"

#include <errno.h>

#include "scsi/lu_impl.h"

/* SPC-4 section 5.14, SBC-4 section 4.10: the next command of each nexus reports it. */
static void raise_capacity_changed(struct sheaf_lu *lu)
{
	atomic_store(&lu->unit_attention, SHEAF_ASC_CAPACITY_DATA_HAS_CHANGED);
}

int sheaf_lu_resize(struct sheaf_lu *lu, uint64_t blocks)
{
	if (blocks == 0 || blocks > lu->store->size_bytes / lu->block_size)
		return -EINVAL;
	if (atomic_exchange(&lu->blocks, blocks) != blocks)
		raise_capacity_changed(lu);
	return 0;
}
