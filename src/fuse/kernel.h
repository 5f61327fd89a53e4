/* SPDX-License-Identifier: MIT */
/*
 * kernel.h - the kernel's FUSE interface, and what headers older than it lack
 * Source: include/uapi/linux/fuse.h of Linux 6.18, each value as named there.
 */
#ifndef SHEAF_FUSE_KERNEL_H
#define SHEAF_FUSE_KERNEL_H

#include <assert.h>
#include <linux/fuse.h>

#ifndef FUSE_INIT_EXT
#define FUSE_INIT_EXT (1 << 30)
#endif
#ifndef FOPEN_PARALLEL_DIRECT_WRITES
#define FOPEN_PARALLEL_DIRECT_WRITES (1 << 6)
#endif
/* flags2 of FUSE_INIT holds bits 32 and up. */
#define SHEAF_FLAGS2_DIRECT_IO_ALLOW_MMAP (1u << (36 - 32))
#define SHEAF_FLAGS2_OVER_IO_URING (1u << (41 - 32))

/* A request as it comes: fuse_in_header, then at most one of the fixed structures of the hot operations. */
#define SHEAF_FUSE_HEAD_BYTES 80
static_assert(sizeof(struct fuse_in_header) + sizeof(struct fuse_write_in) == SHEAF_FUSE_HEAD_BYTES,
	      "a WRITE's payload lands in the slot's buffer, at its start");
static_assert(sizeof(struct fuse_read_in) == 40 && sizeof(struct fuse_fallocate_in) == 32 &&
		      sizeof(struct fuse_lseek_in) == 24,
	      "the hot operations fit the head");

#endif
