/* SPDX-License-Identifier: MIT */
/**
 * handover.h - entries of FUSE-over-io_uring go from loop to loop, so that long transfers are copied by all of them
 *
 * The kernel gives a request to the queue of its submitter's CPU, and there to the entry that was answered last. So one submitter's
 * requests all come to one loop, which copies all their bytes, while other loops have nothing to do. An entry is served by whoever
 * answers it: COMMIT_AND_FETCH may come from any ring, and the next request in the entry then comes to that ring. So a loop that
 * has at least two requests more than another lets the other send an answer that it has made, and from then on the two share. With
 * the entry goes its slot, which is the host's at that moment.
 *
 *   1. Only long transfers are worth it: with short ones a bundle more is worth more than a loop more. A short request's entry goes
 *      back to the loop that registered it, which is beside its submitter.
 *   2. A loop's load is the most requests that it had at a time, of late; a loop that has taken none for a while has none.
 *      It is a hint: relaxed, and a lost update only costs a hand-over.
 *   3. An entry is in one place: with the kernel, with one loop, or in one inbox.
 */
#ifndef SHEAF_HANDOVER_H
#define SHEAF_HANDOVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sheaf_fuse_queue;
struct sheaf_ring_entry;

struct sheaf_handover {
	/* W: the loop, and a giver; R: all; relaxed. */
	_Atomic uint32_t load;
	_Atomic uint64_t load_ns; /* when it last took a request, of loop time */
	uint32_t peak, arrivals;  /* of the present window */
	/* What others gave. */
	pthread_mutex_t lock;
	struct sheaf_ring_entry *inbox;
	_Atomic bool any;
	_Atomic uint64_t taken; /* entries; W: the loop; R: any, relaxed */
};

void sheaf_handover_init(struct sheaf_handover *handover);
void sheaf_handover_deinit(struct sheaf_handover *handover);
/** A request came to @fq. Thread: the loop's. */
void sheaf_handover_came(struct sheaf_fuse_queue *fq);
/**
 * sheaf_handover_target() - who is to send an answer of @bytes in an entry that @home registered
 * Return: @fq itself, most often. Thread: the loop's.
 */
struct sheaf_fuse_queue *sheaf_handover_target(struct sheaf_fuse_queue *fq,
					       struct sheaf_fuse_queue *home, size_t bytes);
/** Give @entry, whose slot was given away, to @to. Thread: @fq's loop. */
void sheaf_handover_give(struct sheaf_fuse_queue *fq, struct sheaf_fuse_queue *to,
			 struct sheaf_ring_entry *entry);
/** Take what others gave; true if there was something. Thread: the loop's. */
bool sheaf_handover_poll(struct sheaf_fuse_queue *fq);

#endif
