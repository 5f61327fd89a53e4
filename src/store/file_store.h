/* SPDX-License-Identifier: MIT */
/* file_store.h - what file_open.c makes and file.c works with. Set at open, but for what is marked. */
#ifndef SHEAF_FILE_STORE_H
#define SHEAF_FILE_STORE_H

#include "store/file_map.h"
#include "store/store.h"

#include <stdatomic.h>

/* Zeros are written in pieces of this size where the image cannot be told to be zero. */
#define SHEAF_FILE_ZEROS_BYTES (UINT32_C(1) << 20)

struct sheaf_file_store {
	struct sheaf_store store; /* first */
	int fd;			  /* has the lock too */
	uint64_t offset;	  /* where the store begins in the image */
	/* In memory and without non-blocking reads (tmpfs): a call is faster than any ring, and never waits. */
	bool in_memory;
	struct sheaf_file_map *map; /* of an image in memory; NULL: none */
	/* io_uring gives each write to a thread of its own, as the filesystem takes none without leave to wait (ext4). */
	bool writes_punted;
	/* W, R: any loop, relaxed. */
	_Atomic int waits;		 /* of calls, of late: see write_by_call() */
	_Atomic uint64_t no_calls_until; /* CLOCK_MONOTONIC, ns */
	uint32_t memory_alignment; /* of data pointers with O_DIRECT; a power of two, 1 without */
	void *zeros; /* SHEAF_FILE_ZEROS_BYTES that are never written: no memory is behind them */
	/* What the image's filesystem refused once. W, R: any loop, relaxed: who comes late tries once more. */
	atomic_bool punch_refused;
	atomic_bool zero_range_refused;
	atomic_bool dsync_refused;
	/* A flush failed with this, 0: none did. W, R: any loop, relaxed; set once and for good, see flushed(). */
	atomic_int flush_error;
};

extern const struct sheaf_store_ops sheaf_file_store_ops;
/** The table's (file_size.c). */
void sheaf_file_store_set_size(struct sheaf_store *store, uint64_t size_bytes);

/** An fsync() or fdatasync() of the image ended with @result: does any flush succeed from here on? Thread: any. */
void sheaf_file_note_sync(struct sheaf_file_store *file, int result);
/** Of sheaf_file_store_ops (file_keep.c). */
void sheaf_file_keep(struct sheaf_store *store, struct sheaf_loop *loop, struct sheaf_store_io *io);
int sheaf_file_kept(struct sheaf_store *store, enum sheaf_store_note note, void *data, size_t room);
void sheaf_file_measure(struct sheaf_store *store, struct sheaf_loop *loop, struct sheaf_store_io *io); /* file_space.c */

#endif
