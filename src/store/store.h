/* SPDX-License-Identifier: MIT */
/**
 * store.h - where an image's bytes are, as a table that file, memory and null stores fill in
 *
 * Asynchronous: sheaf_store_submit() starts an io on a loop and io->done() is called once, later, on that loop.
 * Offsets and lengths are bytes, and multiples of 512. A store checks nothing that the LU has checked
 * (bounds), and asserts it. Several loops may use one store at once, one sheaf_store_io each.
 */
#ifndef SHEAF_STORE_H
#define SHEAF_STORE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <sheaf/medium.h> /* struct sheaf_store_io, and a medium that a driver brings */

#include "loop/loop.h"

/** What can be kept beside an image, for who serves it next: a few bytes each. */
enum sheaf_store_note {
	SHEAF_NOTE_RESERVATIONS, /* who is registered (APTPL): persistent.h */
	SHEAF_NOTE_UNFINISHED,	 /* a word: what was begun on all of the image and not finished: upkeep.h */
	SHEAF_STORE_NOTES,
};

struct sheaf_store_ops {
	const char *name;
	void (*submit)(struct sheaf_store *store, struct sheaf_loop *loop, struct sheaf_store_io *io);
	/* Optional: see sheaf_store_set_size(). */
	void (*set_size)(struct sheaf_store *store, uint64_t size_bytes);
	/* Optional: nobody uses the store for a while, give memory back that can be had again. Thread: any, at any time. */
	void (*trim)(struct sheaf_store *store);
	/*
	 * A note beside the image that survives the server and the machine. Both or none: such a store keeps nothing.
	 * keep: io->data and io->length, which is at most SHEAF_STORE_KEPT_MAX, become the note io->offset (enum sheaf_store_note); 0:
	 * there is none any more. As a whole or not at all; durable when io->done(io, 0 or -errno) comes, later, on @loop. One at a
	 * time of each note.
	 * kept: read it. Blocks; thread: any. Return: bytes, 0: there is none; -E2BIG: more than @room; -EOPNOTSUPP: nothing can be
	 * kept here.
	 */
	void (*keep)(struct sheaf_store *store, struct sheaf_loop *loop, struct sheaf_store_io *io);
	int (*kept)(struct sheaf_store *store, enum sheaf_store_note note, void *data, size_t room);
	/*
	 * How much of the image there is, a struct sheaf_store_space at io->data; only where store->can_measure. io->done(io, 0 or
	 * -errno) comes later, on @loop. No io->op is meant. Any number at a time.
	 */
	void (*measure)(struct sheaf_store *store, struct sheaf_loop *loop, struct sheaf_store_io *io);
	struct sheaf_store *(*free)(struct sheaf_store *store);
};

struct sheaf_store_space {
	uint64_t used_bytes;	  /* that the image takes */
	uint64_t available_bytes; /* that it, and others beside it, may take yet; SHEAF_STORE_SPACE_UNKNOWN */
};
#define SHEAF_STORE_SPACE_UNKNOWN UINT64_MAX

#define SHEAF_STORE_KEPT_MAX 1024

/** First member of each store. */
struct sheaf_store {
	const struct sheaf_store_ops *ops;
	char *name;	     /* the image as the user named it; for messages */
	_Atomic uint64_t size_bytes; /* a multiple of 512; sheaf_store_set_size() changes it */
	uint32_t alignment_bytes; /* of data pointers, offsets and lengths (O_DIRECT); 1 if any will do */
	uint32_t physical_block_bytes; /* hint for VPD and READ CAPACITY: at least 512 */
	bool read_only;
	bool direct; /* O_DIRECT is on */
	bool can_discard;
	bool can_measure; /* sheaf_store_measure() says something */
	bool can_trim; /* sheaf_store_trim() has something to do */
};

struct sheaf_file_store_options {
	enum sheaf_direct { SHEAF_DIRECT_AUTO, SHEAF_DIRECT_ON, SHEAF_DIRECT_OFF } direct;
	bool read_only;	    /* never opened for writing */
	bool read_only_auto; /* fall back to read_only where writing is not permitted */
	bool force_share;   /* read_only without a lock */
	uint64_t offset_bytes;
	uint64_t sizelimit_bytes; /* 0: to the end */
	uint32_t block_size;	  /* 512 or 4096: the size must be a multiple of it */
	bool for_another_process; /* only opened, locked and checked here; see sheaf_file_store_describe() */
};

/** An image that one process opened, for another one to serve. */
struct sheaf_file_image {
	int fd;
	bool read_only;
	bool direct;	 /* fd has O_DIRECT, and that works */
	int flush_error; /* a flush of it failed with this negative errno, so none succeeds any more; 0: none did */
	uint64_t offset_bytes, size_bytes;
	uint32_t block_size;
};

/**
 * sheaf_file_store_open() - a store over a raw image file or a block device
 * @path: opened and locked here (OFD locks at the byte offsets that QEMU uses).
 * Errors are reported here, once, with path, cause and what to do.
 * Return: 0, or -errno: -EISDIR, -ENOTSUP (neither file nor block device), -EAGAIN (served already), -EINVAL (size), …
 */
int sheaf_file_store_open(const char *path, const struct sheaf_file_store_options *options,
			  struct sheaf_store **ret_store);
/** Another descriptor of a file store's image, which keeps the image locked when the store is gone. The descriptor, or -errno. */
int sheaf_file_store_dup(const struct sheaf_store *store);
/** Bytes that the image behind a file store has for it right now: all from the store's offset on. 0 or -errno. */
int sheaf_file_store_measure(const struct sheaf_store *store, uint64_t *ret_bytes);
/** Is the image a device, whose size is not ours to choose? */
bool sheaf_file_store_is_device(const struct sheaf_store *store);
/**
 * sheaf_file_store_cut_image() - give a file store's image the length that a store of @bytes needs, durably
 * Growth is sparse. The store keeps its own size: see sheaf_store_set_size().
 * Thread: any, may wait. Return: 0; -errno: the image is as it was; -ENOTTY: a device.
 */
int sheaf_file_store_cut_image(const struct sheaf_store *store, uint64_t bytes);
/** What another process needs to serve @store, which is a file store; the descriptor stays the store's. */
void sheaf_file_store_describe(const struct sheaf_store *store, struct sheaf_file_image *ret);
/**
 * sheaf_file_store_adopt() - a store over an image that another process opened, checked and locked
 * @name: for messages.  @image: fd is the store's from here on, also on failure.
 * Errors are reported here. Return: 0, -EINVAL: the range is not in the image; -errno.
 */
int sheaf_file_store_adopt(const char *name, const struct sheaf_file_image *image,
			   struct sheaf_store **ret_store);
/** Bytes in memory, zero at first. 0 or -ENOMEM. */
int sheaf_memory_store_create(uint64_t size_bytes, struct sheaf_store **ret_store);
/** The bytes of a memory store, for tests. */
uint8_t *sheaf_memory_store_bytes(struct sheaf_store *store);
/** Reads zeros, forgets writes; for measuring everything else. 0 or -ENOMEM. */
int sheaf_null_store_create(uint64_t size_bytes, struct sheaf_store **ret_store);

/**
 * sheaf_medium_store_create() - a store over a driver's callbacks
 * @medium: copied, but for what arg points to.  Return: 0, -EINVAL (a medium that cannot be), -ENOMEM.
 */
int sheaf_medium_store_create(const struct sheaf_medium *medium, struct sheaf_store **ret_store);

/** Start @io on @loop (its thread); io->done() comes once, later, for every outcome. */
static inline void sheaf_store_submit(struct sheaf_store *store, struct sheaf_loop *loop,
				      struct sheaf_store_io *io)
{
	io->store = store;
	io->loop = loop;
	store->ops->submit(store, loop, io);
}

/** A note that the store keeps beside the image, see sheaf_store_ops. May block; thread: any. */
static inline int sheaf_store_kept(struct sheaf_store *store, enum sheaf_store_note note, void *data, size_t room)
{
	return store->ops->kept ? store->ops->kept(store, note, data, room) : -EOPNOTSUPP;
}

/** Has the store notes at all? Whether one can be kept is known when that was tried. */
static inline bool sheaf_store_has_notes(const struct sheaf_store *store)
{
	return store->ops->keep != NULL;
}

/**
 * sheaf_store_keep() - @io's data is kept as @note; only where sheaf_store_has_notes()
 * @io: data, length (0: the note goes) and done are set; done() comes once, later, with 0 or -errno.
 */
static inline void sheaf_store_keep(struct sheaf_store *store, enum sheaf_store_note note, struct sheaf_loop *loop,
				    struct sheaf_store_io *io)
{
	io->store = store;
	io->loop = loop;
	io->offset = note;
	store->ops->keep(store, loop, io);
}

/** What the store takes: see sheaf_store_ops. Only where @store->can_measure. */
static inline void sheaf_store_measure(struct sheaf_store *store, struct sheaf_loop *loop,
				       struct sheaf_store_io *io)
{
	io->store = store;
	io->loop = loop;
	store->ops->measure(store, loop, io);
}

/**
 * sheaf_store_set_size() - @store ends at @size_bytes, a multiple of 512, from now on
 * Its image has that much already, and still has what a shrunk store leaves: no access beyond the smaller of both sizes is in flight.
 * Thread: any, one at a time. 0, or -EOPNOTSUPP: not this kind.
 */
static inline int sheaf_store_set_size(struct sheaf_store *store, uint64_t size_bytes)
{
	if (!store->ops->set_size)
		return -EOPNOTSUPP;
	store->ops->set_size(store, size_bytes);
	return 0;
}

/** A good moment to give memory back: nobody has used @store for a while. Thread: any, at any time. */
static inline void sheaf_store_trim(struct sheaf_store *store)
{
	if (store->ops->trim)
		store->ops->trim(store);
}

/** Free a store with no io in flight; NULL is allowed. Returns NULL. */
static inline struct sheaf_store *sheaf_store_free(struct sheaf_store *store)
{
	return store ? store->ops->free(store) : NULL;
}

#endif
