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

/*
 * FUSE-over-io_uring, Linux 6.14: struct fuse_uring_ent_in_out, fuse_uring_req_header, fuse_uring_cmd_req and enum
 * fuse_uring_cmd of the same header, under our own names, as Debian's headers are older.
 */
struct sheaf_uring_in_out {
	uint64_t flags;
	uint64_t commit_id;    /* W: kernel; names the request in the answer */
	uint32_t payload_bytes; /* in the payload buffer; W: kernel with a request, we with an answer */
	uint32_t padding;
	uint64_t reserved;
};
struct sheaf_uring_headers {
	uint8_t in_out[128]; /* fuse_in_header; fuse_out_header in the answer */
	uint8_t operation[128]; /* the operation's own fixed structure */
	struct sheaf_uring_in_out entry;
};
struct sheaf_uring_command {
	uint64_t flags;
	uint64_t commit_id;
	uint16_t queue_id; /* a CPU's number */
	uint8_t padding[6];
};
static_assert(sizeof(struct sheaf_uring_headers) == 288, "fuse_uring_req_header");
static_assert(sizeof(struct sheaf_uring_command) == 24, "fuse_uring_cmd_req");
enum {
	SHEAF_URING_REGISTER = 1,
	SHEAF_URING_COMMIT_AND_FETCH = 2,
	SHEAF_URING_IOVECS = 2, /* headers, payload */
};

/* A request as it comes: fuse_in_header, then at most one of the fixed structures of the hot operations. */
#define SHEAF_FUSE_HEAD_BYTES 80
static_assert(sizeof(struct fuse_in_header) + sizeof(struct fuse_write_in) == SHEAF_FUSE_HEAD_BYTES,
	      "a WRITE's payload lands in the slot's buffer, at its start");
static_assert(sizeof(struct fuse_read_in) == 40 && sizeof(struct fuse_fallocate_in) == 32 &&
		      sizeof(struct fuse_lseek_in) == 24,
	      "the hot operations fit the head");

#endif
