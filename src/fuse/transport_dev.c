/* SPDX-License-Identifier: MIT */
/*
 * transport_dev.c - requests and replies through /dev/fuse
 *
 * Each loop reads from its own clone of the device: the head into private memory, a WRITE's payload into the
 * buffer of the slot that was taken for it. A round of reads is issued at the end of a turn when none is out, so that a burst is
 * taken in one submission. The last of a round waits by an exclusive poll, the others as the kernel likes: older ones
 * fail at once when no request waits, Linux 6.18 arms a poll for each. A round is twice as long as the last one if none
 * failed, else as long as it was successful. A reply goes to the device that its request came from.
 */
#include "fuse/fuse.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/counter.h"
#include "base/log.h"
#include "fuse/finish.h"
#include "fuse/node.h"
#include "fuse/task.h"

#define BATCH_MAX 16
#define EDGES_BYTES (2 * 4096)
#define COLD_BYTES (SHEAF_FUSE_HEAD_BYTES + SHEAF_MAX_WRITE + SHEAF_BUFFER_MARGIN)

static void read_done(struct sheaf_op *op, int result);
static void reply_done(struct sheaf_op *op, int result);

static struct sheaf_request *op_request(struct sheaf_op *op, size_t member)
{
	return (struct sheaf_request *)((char *)op - member);
}

void sheaf_transport_stop(struct sheaf_fuse_queue *fq)
{
	fq->stopped = true;
	atomic_store(&fq->fuse->gone, true);
	if (!atomic_exchange(&fq->fuse->ended, true) && fq->fuse->on_end)
		fq->fuse->on_end(fq->fuse->end_arg);
}

/* Reading */

static void issue_reads(struct sheaf_fuse_queue *fq)
{
	unsigned n = 0;
	int slots[BATCH_MAX];

	while (n < fq->batch && (slots[n] = sheaf_queue_take(fq->queue)) >= 0)
		n++;
	fq->reads_out = fq->reads_wanted = n;
	fq->reads_failed = 0;
	for (unsigned i = 0; i < n; i++) {
		struct sheaf_request *request = sheaf_fuse_request(fq, (uint16_t)slots[i]);

		request->reads = true;
		request->taken_back = false;
		request->in_iov[0] = (struct iovec){ request->head, sizeof(request->head) };
		request->in_iov[1] = (struct iovec){ sheaf_request_buffer(request),
						     SHEAF_MAX_WRITE + SHEAF_BUFFER_MARGIN };
		if (i + 1 < n)
			sheaf_loop_readv(fq->loop, &request->read_op, fq->fd, request->in_iov, 2,
					 (uint64_t)-1, 0);
		else
			sheaf_loop_readv_when_ready(fq->loop, &request->read_op, fq->fd,
						    request->in_iov, 2);
		fq->waits = request;
	}
}

static void take_back_reads(struct sheaf_fuse_queue *fq, const struct sheaf_request *but)
{
	for (unsigned i = 0; i < fq->queue->host->slots; i++) {
		struct sheaf_request *request = fq->fuse->requests[i];

		if (!sheaf_queue_owns(fq->queue, (uint16_t)i) || !request->reads || request == but)
			continue;
		request->taken_back = true;
		sheaf_loop_cancel(fq->loop, &request->read_op);
	}
}

void sheaf_transport_rest(struct sheaf_fuse_queue *fq)
{
	take_back_reads(fq, fq->waits);
}

void sheaf_transport_pause(struct sheaf_fuse_queue *fq)
{
	atomic_store(&fq->paused, true);
	take_back_reads(fq, NULL);
}

void sheaf_transport_resume(struct sheaf_fuse_queue *fq)
{
	if (atomic_load(&fq->paused) && atomic_exchange(&fq->paused, false))
		sheaf_loop_wake(fq->loop);
}

static void adapt_batch(struct sheaf_fuse_queue *fq)
{
	unsigned got = fq->reads_wanted - fq->reads_failed;

	if (fq->reads_failed == 0)
		fq->batch = fq->ring ? 1 : fq->batch * 2 > BATCH_MAX ? BATCH_MAX : fq->batch * 2;
	else
		fq->batch = got ? got : 1;
}

/* libfuse wants a request in one piece, and in private memory: the slot's is shared with a driver. */
void sheaf_transport_cold(struct sheaf_request *request, size_t length)
{
	struct sheaf_fuse_queue *fq = request->fq;
	size_t fixed = SHEAF_FUSE_HEAD_BYTES;

	memcpy(fq->cold, request->head, fixed);
	if (length > fixed)
		memcpy(fq->cold + fixed, sheaf_request_buffer(request), length - fixed);
	sheaf_session_process(fq, fq->cold, length);
	sheaf_queue_put(fq->queue, request->slot);
}

static void dispatch(struct sheaf_request *request, size_t length)
{
	const struct fuse_in_header *header = sheaf_request_header(request);

	if (length < sizeof(*header) || header->len != length) {
		sheaf_error("/dev/fuse: a request of %zu bytes says that it has %u", length,
			    header->len);
		sheaf_queue_put(request->fq->queue, request->slot);
		return;
	}
	if (header->opcode == FUSE_INTERRUPT || sheaf_request_is_hot(request->fq, request))
		sheaf_fuse_came(request); /* until reply_done() */
	if (header->opcode == FUSE_INTERRUPT)
		sheaf_transport_reply(request, -ENOSYS, NULL, 0); /* no more, please */
	else if (sheaf_request_is_hot(request->fq, request))
		sheaf_request_begin(request, length > SHEAF_FUSE_HEAD_BYTES ?
						     length - SHEAF_FUSE_HEAD_BYTES :
						     0);
	else
		sheaf_transport_cold(request, length);
}

static void read_done(struct sheaf_op *op, int result)
{
	struct sheaf_request *request = op_request(op, offsetof(struct sheaf_request, read_op));
	struct sheaf_fuse_queue *fq = request->fq;

	fq->reads_out--;
	request->reads = false;
	if (result == -ECANCELED && request->taken_back)
		result = -EAGAIN;
	if (result >= 0 && atomic_load_explicit(&fq->fuse->ended, memory_order_relaxed)) {
		/* Not served: the last flush would miss it. The kernel ends it with the connection. */
		sheaf_queue_put(fq->queue, request->slot);
	} else if (result >= 0) {
		dispatch(request, (size_t)result);
	} else {
		fq->reads_failed++;
		sheaf_queue_put(fq->queue, request->slot);
		/* EAGAIN: nothing there, or another loop took it. ENOENT: it was interrupted. */
		if (result != -EAGAIN && result != -ENOENT && result != -EINTR) {
			if (result != -ENODEV && result != -ECANCELED && !fq->stopped)
				sheaf_error("/dev/fuse: reading: %s", strerror(-result));
			sheaf_transport_stop(fq);
		}
	}
	if (fq->reads_out == 0)
		adapt_batch(fq);
}

/* Replying */

void sheaf_transport_reply(struct sheaf_request *request, int error, const void *body,
			   size_t body_bytes)
{
	if (error)
		body_bytes = 0;
	if (request->entry) {
		sheaf_fuse_ring_reply(request, error, body, body_bytes);
		return;
	}
	request->out = (struct fuse_out_header){
		.len = (uint32_t)(sizeof(request->out) + body_bytes),
		.error = error,
		.unique = sheaf_request_header(request)->unique,
	};
	request->out_iov[0] = (struct iovec){ &request->out, sizeof(request->out) };
	request->out_iov[1] = (struct iovec){ (void *)(uintptr_t)body, body_bytes };
	request->fq->replies_out++;
	sheaf_loop_writev(request->fq->loop, &request->reply_op, request->fq->fd, request->out_iov,
			  body_bytes ? 2 : 1, (uint64_t)-1, 0);
}

static void reply_done(struct sheaf_op *op, int result)
{
	struct sheaf_request *request = op_request(op, offsetof(struct sheaf_request, reply_op));

	/* ENOENT: the caller was killed meanwhile. ENODEV: the connection is gone; the next read sees it. */
	if (result < 0 && result != -ENOENT && result != -ENODEV)
		sheaf_error("/dev/fuse: replying: %s", strerror(-result));
	request->fq->replies_out--;
	if (--request->fq->active == 0 && atomic_load(&request->fq->fuse->ended))
		sheaf_loop_wake(request->fq->loop); /* whoever waits for the last looks between turns */
	sheaf_queue_put(request->fq->queue, request->slot);
}

/* Who submits */

#define THREAD_CPU_CALLS 5 /* open, fstat of stdio, two reads, close */

/* The thread's last CPU, or -1: proc(5), field 39 of stat; the name in field 2 may hold spaces and brackets. */
static int thread_cpu(uint32_t tid)
{
	char path[32], text[1024], *at;
	FILE *in;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%u/stat", tid);
	in = fopen(path, "re");
	if (!in)
		return -1;
	n = fread(text, 1, sizeof(text) - 1, in);
	fclose(in);
	text[n] = '\0';
	at = strrchr(text, ')');
	for (int field = 2; at && field < 39; field++)
		at = strchr(at + 1, ' ');
	return at ? atoi(at) : -1;
}

int sheaf_fuse_submitter_cpu(const struct sheaf_fuse_queue *fq)
{
	/* The header's pid is a thread's id; 0 where its PID namespace is not ours. */
	if (fq->last_cpu >= 0 || fq->last_pid <= 0)
		return fq->last_cpu;
	sheaf_loop_count_calls(fq->loop, THREAD_CPU_CALLS);
	return thread_cpu(fq->last_pid);
}

/* The loop's hook */

static struct sheaf_fuse_queue *hook_fq(struct sheaf_loop_hook *hook)
{
	return (struct sheaf_fuse_queue *)((char *)hook - offsetof(struct sheaf_fuse_queue, hook));
}

static bool take_from_others(struct sheaf_loop_hook *hook)
{
	return sheaf_handover_poll(hook_fq(hook));
}

static void arm_patience(struct sheaf_fuse_queue *fq)
{
	if (fq->patience_armed || fq->queue->timeout_ns == 0)
		return;
	fq->patience_armed = true;
	sheaf_loop_timer(fq->loop, &fq->patience, fq->queue->timeout_ns);
}

/* Every slot of this queue is in quarantine: requests stay in the kernel, unless another loop reads them. */
static void note_starvation(struct sheaf_fuse_queue *fq)
{
	struct sheaf_fuse *fuse = fq->fuse;
	bool starved = fq->reads_out == 0 && fq->active == 0 &&
		       sheaf_count_get(&fq->queue->stats.quarantined) > 0;

	if (!starved) {
		if (atomic_load_explicit(&fq->starved_ns, memory_order_relaxed))
			atomic_store(&fq->starved_ns, 0);
		return;
	}
	if (!atomic_load_explicit(&fq->starved_ns, memory_order_relaxed))
		atomic_store(&fq->starved_ns, sheaf_loop_now(fq->loop));
	arm_patience(fq);
	for (unsigned i = 0; i < fuse->queue_count; i++)
		sheaf_transport_resume(fuse->queues[i]);
}

/* As long as a task may take, no loop has read a request: who waits there is let go of. */
static void patience_over(struct sheaf_op *op, int result)
{
	struct sheaf_fuse_queue *fq =
		(struct sheaf_fuse_queue *)((char *)op - offsetof(struct sheaf_fuse_queue, patience));
	struct sheaf_fuse *fuse = fq->fuse;
	uint64_t now_ns = sheaf_loop_now(fq->loop);

	(void)result;
	fq->patience_armed = false;
	if (!atomic_load(&fq->starved_ns) || atomic_load(&fuse->ended))
		return;
	for (unsigned i = 0; i < fuse->queue_count; i++) {
		uint64_t since_ns = atomic_load(&fuse->queues[i]->starved_ns);

		if (!since_ns || now_ns - since_ns < fq->queue->timeout_ns) {
			arm_patience(fq);
			return;
		}
	}
	sheaf_error("%s: the driver has had all slots for longer than a task may take", fuse->mountpoint);
	if (fuse->on_stuck)
		fuse->on_stuck(fuse->end_arg);
}

static bool flush(struct sheaf_loop_hook *hook)
{
	struct sheaf_fuse_queue *fq = hook_fq(hook);

	if (atomic_load_explicit(&fq->fuse->ended, memory_order_relaxed)) {
		fq->stopped = true;
		sheaf_fuse_ring_ended(fq);
	}
	if (fq->reads_out == 0 && !fq->stopped && fq->fd >= 0 &&
	    !atomic_load_explicit(&fq->paused, memory_order_relaxed)) {
		issue_reads(fq);
		if (!fq->ring)
			note_starvation(fq);
	}
	return false;
}

/*
 * A sleep outlasts the completions of replies, which are expected at once. When no read is out for want of a slot, it
 * is those that make one free, so they must not be slept over.
 */
static bool may_sleep(struct sheaf_loop_hook *hook)
{
	const struct sheaf_fuse_queue *fq = hook_fq(hook);

	return fq->reads_out > 0 || fq->replies_out == 0 || fq->fd < 0 || (fq->stopped && fq->active == 0);
}

static void task_ended(struct sheaf_queue_client *client, uint16_t slot,
		       const struct sheaf_result *result)
{
	struct sheaf_fuse_queue *fq =
		(struct sheaf_fuse_queue *)((char *)client -
					    offsetof(struct sheaf_fuse_queue, client));

	sheaf_request_ended(sheaf_fuse_request(fq, slot), result);
}

int sheaf_fuse_queue_create(struct sheaf_fuse *fuse, struct sheaf_queue *queue,
			    struct sheaf_loop *loop, struct sheaf_fuse_queue **ret_queue)
{
	struct sheaf_fuse_queue *fq = calloc(1, sizeof(*fq));

	if (!fq)
		return -ENOMEM;
	fq->fuse = fuse;
	fq->queue = queue;
	fq->loop = loop;
	fq->fd = -1;
	fq->batch = 1;
	fq->last_cpu = -1;
	fq->client.ended = task_ended;
	fq->patience.done = patience_over;
	sheaf_handover_init(&fq->handover);
	if (!fuse->requests)
		fuse->requests = calloc(queue->host->slots, sizeof(*fuse->requests));
	fq->requests = calloc(queue->slot_count, sizeof(*fq->requests));
	fq->gates = calloc((size_t)queue->slot_count * fuse->disks.count, sizeof(*fq->gates));
	/* Mapped, not allocated: most of it is never touched. */
	fq->edges = mmap(NULL, (size_t)queue->slot_count * EDGES_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fq->cold = mmap(NULL, COLD_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!fuse->requests || !fq->requests || !fq->gates || fq->edges == MAP_FAILED || fq->cold == MAP_FAILED) {
		sheaf_fuse_queue_free(fq);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < queue->slot_count; i++) {
		struct sheaf_request *request = &fq->requests[i];

		request->fq = fq;
		request->slot = (uint16_t)(queue->first_slot + i);
		fuse->requests[request->slot] = request;
		request->edges = fq->edges + i * EDGES_BYTES;
		request->read_op.done = read_done;
		request->reply_op.done = reply_done;
		sheaf_request_init(request, fq->gates + i * fuse->disks.count);
	}
	sheaf_node_init(fq);
	fq->hook.poll = take_from_others;
	fq->hook.flush = flush;
	fq->hook.may_sleep = may_sleep;
	queue->client = &fq->client;
	fuse->queues[fuse->queue_count++] = fq;
	*ret_queue = fq;
	return 0;
}

void sheaf_fuse_queue_start(struct sheaf_fuse_queue *fq)
{
	sheaf_loop_add_hook(fq->loop, &fq->hook);
	if (fq->ring)
		sheaf_fuse_ring_start(fq);
}

struct sheaf_fuse_queue *sheaf_fuse_queue_free(struct sheaf_fuse_queue *fq)
{
	if (!fq)
		return NULL;
	sheaf_fuse_ring_free(fq->ring);
	if (fq->edges && fq->edges != MAP_FAILED)
		munmap(fq->edges, (size_t)fq->queue->slot_count * EDGES_BYTES);
	if (fq->cold && fq->cold != MAP_FAILED)
		munmap(fq->cold, COLD_BYTES);
	if (fq->fd >= 0 && fq->fd != fq->fuse->device_fd)
		close(fq->fd);
	sheaf_handover_deinit(&fq->handover);
	free(fq->requests);
	free(fq->gates);
	free(fq);
	return NULL;
}
