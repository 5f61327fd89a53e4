/* SPDX-License-Identifier: MIT */
/**
 * fuse.h - the FUSE side of a mount, and its queue on each loop
 */
#ifndef SHEAF_FUSE_H
#define SHEAF_FUSE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fuse/disks.h"
#include "fuse/handover.h"
#include "fuse/request.h"
#include "host/queue.h"

struct fuse_session;

#define SHEAF_MAX_WRITE (1024 * 1024)

struct sheaf_fuse {
	struct sheaf_disks disks;
	struct sheaf_host *host;
	struct fuse_session *session;
	int device_fd; /* the session's; libfuse closes it */
	char *mountpoint;
	bool cache;	    /* --cache=on */
	bool read_only;
	bool over_uring; /* FUSE-over-io_uring was agreed on in FUSE_INIT */
	bool want_uring;
	const char *transport_reason;
	uint32_t init_flags2; /* what the kernel offered in FUSE_INIT */
	/* Text of stats.json, of metrics and of why.json, allocated; set by who assembles the mount. Thread: any loop. */
	char *(*make_stats)(void *arg, size_t *ret_length);
	char *(*make_metrics)(void *arg, size_t *ret_length);
	char *(*make_why)(void *arg, size_t *ret_length);
	/* A line that was written to .sheaf/control; 0 or a negative errno. Optional. */
	int (*control)(void *arg, const char *text);
	void *stats_arg; /* of all these */
	_Atomic bool ended; /* the connection is gone, or the server ends by itself; then it answers what it has */
	_Atomic bool gone;  /* the kernel says that it is: callers have got an error, and do not wait any more */
	void (*on_end)(void *arg); /* called when it is, once or more; thread: any loop */
	/* A request can neither be answered nor wait any longer: the connection must be aborted. Thread: any loop. */
	void (*on_stuck)(void *arg);
	void *end_arg;
	/* A loop's each; set before the loops run. */
	struct sheaf_fuse_queue *queues[SHEAF_QUEUES_MAX];
	unsigned queue_count;
	struct sheaf_callers *callers; /* NULL: without memory for it; then there is no SG_IO */
	struct sheaf_callers *helpers; /* the same, but never in a caller's memory: for message.c */
	struct sheaf_node_handle *nodes; /* that are open; node.c's */
	_Atomic uint32_t node_answers; /* open nodes that have memory for one */
	_Atomic uint32_t node_refusals; /* what was said about them is bounded */
	struct sheaf_request **requests; /* of each slot, wherever it is; made with the first queue */
};

/** A loop's share of the mount: requests in this loop's slots. */
struct sheaf_fuse_queue {
	struct sheaf_fuse *fuse;
	struct sheaf_queue *queue;
	struct sheaf_loop *loop;
	struct sheaf_queue_client client;
	struct sheaf_request *requests; /* one for each slot that the queue began with */
	struct sheaf_request_gate *gates; /* one for each of these and file */
	uint8_t *edges;
	/* The /dev/fuse transport's: */
	int fd; /* a clone of the session's, or the session's */
	unsigned reads_out; /* reads in flight */
	unsigned replies_out;
	unsigned reads_wanted, reads_failed; /* of the last round */
	unsigned batch;			     /* reads to issue in a round */
	struct sheaf_request *waits;	     /* the last read of the round */
	_Atomic bool paused;		     /* no new reads */
	_Atomic uint64_t starved_ns; /* since when a driver has all slots, so that none can be read into; 0: no */
	bool patience_armed;
	struct sheaf_op patience; /* runs while starved */
	unsigned active; /* requests that are not answered yet */
	unsigned active_peak; /* the most at a time since placement.c looked last */
	int32_t last_pid; /* of the last request that came: the thread that submitted it, or 0 */
	int last_cpu;	  /* and where; -1: the transport does not say */
	bool stopped;
	uint8_t *cold; /* a request for libfuse, laid out linearly */
	/* FUSE-over-io_uring's: */
	struct sheaf_fuse_ring *ring;
	struct sheaf_handover handover;
	struct sheaf_request *cold_request; /* libfuse answers it right now */
	struct sheaf_loop_hook hook;
	/* Requests of callers of the SCSI node; see node.c. */
	unsigned node_calls, node_working;
	bool node_tick_armed;
	struct sheaf_op node_tick;
};

/** One a loop, after the disks are known; becomes the queue's client. fq->fd is set by the caller. 0 or -ENOMEM. */
int sheaf_fuse_queue_create(struct sheaf_fuse *fuse, struct sheaf_queue *queue,
			    struct sheaf_loop *loop, struct sheaf_fuse_queue **ret_queue);
/** Begin to take requests. Thread: the loop's. */
void sheaf_fuse_queue_start(struct sheaf_fuse_queue *fq);
struct sheaf_fuse_queue *sheaf_fuse_queue_free(struct sheaf_fuse_queue *fq);

/** The CPU that the last request was submitted on, as far as is known; -1: not. Thread: the queue's loop. */
int sheaf_fuse_submitter_cpu(const struct sheaf_fuse_queue *fq);

static inline struct sheaf_request *sheaf_fuse_request(struct sheaf_fuse_queue *fq, uint16_t slot)
{
	return fq->fuse->requests[slot];
}

/** transport_uring.c: the CPU of the kernel's queue that @entry's requests come from. */
int sheaf_fuse_ring_cpu(const struct sheaf_ring_entry *entry);

/** For the transports: a request came that is to be answered. */
static inline void sheaf_fuse_came(struct sheaf_request *request)
{
	struct sheaf_fuse_queue *fq = request->fq;

	fq->last_pid = (int32_t)sheaf_request_header(request)->pid;
	fq->last_cpu = request->entry ? sheaf_fuse_ring_cpu(request->entry) : -1;
	if (++fq->active > fq->active_peak)
		fq->active_peak = fq->active;
}

/** Send request's reply: error 0 or a negative errno; out_iov[1] holds @body_bytes. Then its slot is free. */
void sheaf_transport_reply(struct sheaf_request *request, int error, const void *body,
			   size_t body_bytes);

/** Give a request that is not hot to libfuse, in one piece; its slot is the transport's again when it returns. */
void sheaf_transport_cold(struct sheaf_request *request, size_t length);
/**
 * sheaf_transport_rest() - nothing has come for a while: take back the reads that wait, but for one
 * Their slots are free within a turn or two; in the kernel a waiting read may write its buffer at any time. Thread: the loop's.
 */
void sheaf_transport_rest(struct sheaf_fuse_queue *fq);
/**
 * sheaf_transport_pause() - take back all reads of /dev/fuse, and make no new ones until sheaf_transport_resume()
 * For a loop that is woken by each request and comes too late for it. Another loop must read. What was read already is served. Thread:
 * the loop's; resume: any.
 */
void sheaf_transport_pause(struct sheaf_fuse_queue *fq);
void sheaf_transport_resume(struct sheaf_fuse_queue *fq);
/** The connection is gone: tell the others. */
void sheaf_transport_stop(struct sheaf_fuse_queue *fq);

/* transport_uring.c */

/** Make this loop's entries: its share of the kernel's queues. Before sheaf_fuse_queue_start(). 0 or -errno. */
int sheaf_fuse_ring_create(struct sheaf_fuse_queue *fq, unsigned index, unsigned loops);
void sheaf_fuse_ring_free(struct sheaf_fuse_ring *ring);
/** The other loop's answer to @entry, which came here by a hand-over: send it. Thread: the loop's. */
void sheaf_fuse_ring_adopt(struct sheaf_fuse_queue *fq, struct sheaf_ring_entry *entry);
/** The connection is gone: answers that wait for a slot are nobody's any more. Thread: the loop's. */
void sheaf_fuse_ring_ended(struct sheaf_fuse_queue *fq);
/** Hand the entries to the kernel. Thread: the loop's. */
void sheaf_fuse_ring_start(struct sheaf_fuse_queue *fq);
/** Answer @request and ask for the next in its entry. */
void sheaf_fuse_ring_reply(struct sheaf_request *request, int error, const void *body,
			   size_t body_bytes);
/** libfuse's reply to the request that this thread gave it: header and body. */
void sheaf_fuse_ring_cold_reply(struct sheaf_request *request, const struct iovec iov[], int count);
/** How many requests the kernel may have with this loop at a time, of one submitter. */
unsigned sheaf_fuse_ring_depth(const struct sheaf_fuse_ring *ring);
/** Are @slots (spares not counted) enough for an entry on each of the kernel's queues? */
bool sheaf_fuse_ring_fits(unsigned slots, unsigned loops);
/** Slots beyond those of entries, so that one may take the place of a slot that a stuck driver still has. */
unsigned sheaf_fuse_ring_spares(unsigned slots);

/* session.c */

/**
 * sheaf_session_mount() - mount, with libfuse, and answer FUSE_INIT
 * @options: for libfuse, comma-separated (fsname, subtype, allow_other, …).
 * Errors are reported here or by libfuse. 0 or -errno.
 */
int sheaf_session_mount(struct sheaf_fuse *fuse, const char *options);
/** Unmount if it is still mounted, and free. */
void sheaf_session_destroy(struct sheaf_fuse *fuse);
/** Give libfuse a request; its reply goes to @fq->cold_request's entry, or to @fq->fd. Thread: the queue's loop. */
void sheaf_session_process(struct sheaf_fuse_queue *fq, void *message, size_t length);
/**
 * sheaf_session_scratch() - room for the answer of the request that libfuse has right now, SHEAF_MAX_WRITE bytes of it
 * Where the answer goes through the ring it is the slot's buffer, so that it need not be copied there. Not for a request with
 * a payload, which may lie there. Thread: the queue's loop, from inside one of sheaf_cold_ops.
 */
void *sheaf_session_scratch(void);
/** A clone of the device for one more loop, or -errno. The caller closes it. */
int sheaf_session_clone(struct sheaf_fuse *fuse);

/* cold.c */
struct fuse_lowlevel_ops;
/** Everything but the hot operations, for libfuse. */
extern const struct fuse_lowlevel_ops sheaf_cold_ops;

#endif
