/* SPDX-License-Identifier: MIT */
/**
 * medium.h - where a disk's bytes are: a driver's own callbacks
 *
 * A medium is what a logical unit of target.h or disk.h reads and writes. The logical unit does all of SCSI: it decodes CDBs, checks
 * ranges, builds sense data and INQUIRY pages. What is left for the driver is to move bytes.
 *
 * A callback gets one access, a struct sheaf_store_io, and answers it in one of three ways:
 *   0                 all of it is done
 *   -errno            it failed; becomes sense data (-ENOSPC, -EIO, -EROFS, -ETIMEDOUT, …; others are a medium or hardware error)
 *   SHEAF_IO_PENDING  sheaf_store_io_done() comes later, once
 *
 *   1. Offsets and lengths are bytes, multiples of the medium's block size, and within it: they were checked.
 *   2. Thread: a callback runs on the loop of the task's context, io->loop. Several loops may be in one medium at the same time, with one
 *      access each. sheaf_store_io_done() is called on that loop.
 *   3. Ownership: the access and its data are the driver's from the call to its answer; the fields of its second part are free for the
 *      driver's use in that time (an operation on the loop, a place in it, what it wants to remember).
 *   4. The data lie in memory that the host may write at any time. Who decides by what is in them copies it first.
 */
#ifndef SHEAF_MEDIUM_H
#define SHEAF_MEDIUM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include <sheaf/loop.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

enum sheaf_store_op {
	SHEAF_STORE_READ,
	SHEAF_STORE_WRITE,   /* fua: durable when done */
	SHEAF_STORE_FLUSH,   /* all writes done before it are durable when it is done */
	SHEAF_STORE_DISCARD, /* reads as zeros afterwards, and frees the space where that is possible */
	SHEAF_STORE_ZERO,    /* reads as zeros afterwards, and keeps (or takes) the space */
	SHEAF_STORE_STATUS,  /* is offset in data or in a hole, and to where: extent_bytes, extent_hole */
};

struct sheaf_store;

/** One access. */
struct sheaf_store_io {
	enum sheaf_store_op op;
	bool fua;
	uint64_t offset; /* bytes from the start of the medium */
	uint64_t length; /* bytes; STATUS: how far to look */
	void *data;	 /* READ, WRITE */
	/* The logical unit's; a driver calls sheaf_store_io_done(). */
	void (*done)(struct sheaf_store_io *io, int result);
	/* STATUS, the answer: the extent at offset, 1..length bytes. */
	uint64_t extent_bytes;
	bool extent_hole;
	struct sheaf_store *store; /* the library's */
	struct sheaf_loop *loop;   /* that serves this access; start operations there */
	/* The driver's while it has the access. */
	struct sheaf_op loop_op;
	struct iovec iov;
	uint64_t moved; /* bytes of length that are done: a medium error names the first block that is not */
};

/** What a callback returns when sheaf_store_io_done() comes later. */
#define SHEAF_IO_PENDING 1

/**
 * struct sheaf_medium - what a driver tells about its bytes; copied, but for what pointers point to
 * Callbacks that are NULL: flush: nothing is ever to be flushed. discard: the disk is not thinly provisioned. zero: zeros are written.
 * status: all is data. write may be NULL when it is read_only.
 */
struct sheaf_medium {
	void *arg;	  /* of the callbacks */
	const char *name; /* for messages; NULL: "medium" */
	/* 1 to 64 printable characters, the same whenever it is the same disk (VPD pages 80h, 83h); NULL: "0". */
	const char *serial;
	uint64_t bytes;			 /* a multiple of block_size */
	uint32_t block_size;		 /* 512 or 4096; 0: 512 */
	uint32_t physical_block_bytes;	 /* a hint, a power of two, at least block_size; 0: block_size */
	uint64_t maximum_transfer_bytes; /* of one READ or WRITE; 0: 1 MiB, which is the most that sheaf sends */
	bool read_only;			 /* then writes are refused with DATA PROTECT */
	int (*read)(void *arg, struct sheaf_store_io *io);
	int (*write)(void *arg, struct sheaf_store_io *io);
	int (*flush)(void *arg, struct sheaf_store_io *io);
	int (*discard)(void *arg, struct sheaf_store_io *io);
	int (*zero)(void *arg, struct sheaf_store_io *io);
	int (*status)(void *arg, struct sheaf_store_io *io);
};

/**
 * sheaf_store_io_done() - answer an access that SHEAF_IO_PENDING was returned for
 * @result: 0, all of it was done; or -errno.
 * Thread: io->loop.  Ownership: @io is gone when this returns; the next access may have come from inside it.
 */
void sheaf_store_io_done(struct sheaf_store_io *io, int result);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
