/* SPDX-License-Identifier: MIT */
/*
 * transport_uring.c - requests and replies through FUSE-over-io_uring (Linux 6.14, fs/fuse/dev_uring.c)
 *
 * The kernel has a queue a CPU; each needs entries of ours before any request comes. An entry has a block of headers
 * and a payload address; the kernel fills both with a request and completes the entry's command; our answer and the request
 * for the next are one command, COMMIT_AND_FETCH. So a reply costs no completion and no call of its own.
 *
 *   1. An entry owns a payload *address* (its place in the window, a mapping of its own); the buffer of the slot
 *      that it is bound to is mapped there. The slot is taken for good, and the buffer moves nowhere.
 *   2. When a task was ended by its deadline, the driver may still write its slot. Then a spare slot's buffer is mapped
 *      at the address and bound to the entry before it is answered: the kernel copies by address when it
 *      takes the answer. With no spare left the answer waits until a slot comes back, but no longer than a task may take:
 *      then the connection is aborted, as nothing else lets go of the caller.
 *   3. The kernel wants an answer's data at the payload's start: what an odd read has further on is moved there.
 *   4. FORGET, INTERRUPT and the end of the connection come through /dev/fuse still; loop 0 reads it.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "fuse/fuse.h"
#include "fuse/ring_entry.h"
#include "fuse/task.h"

#define SPARE_PARTS 8
#define SPARES_MIN 4
#define CPUS_MAX 4096

struct sheaf_fuse_ring {
	struct sheaf_ring_entry *entries;
	unsigned entry_count;
	unsigned kernel_queues; /* that its entries are shared among */
	struct sheaf_uring_headers *headers;
	uint8_t *window;
	size_t window_bytes;
	struct sheaf_ring_entry *waiting; /* answered, but for a slot to go on with */
	bool serving_waiting;
	struct sheaf_fuse_queue *fq;
	bool patience_armed;
	struct sheaf_op patience; /* runs while an entry waits */
};

unsigned sheaf_fuse_ring_spares(unsigned slots)
{
	return slots / SPARE_PARTS > SPARES_MIN ? slots / SPARE_PARTS : SPARES_MIN;
}

/* Queues are numbered by possible CPU, online or not: num_possible_cpus(). */
static unsigned possible_cpus(void)
{
	FILE *in = fopen("/sys/devices/system/cpu/possible", "re");
	unsigned first, last, n = 1;
	int fields = in ? fscanf(in, "%u-%u", &first, &last) : 0;

	if (fields == 2 && last < CPUS_MAX)
		n = last + 1;
	if (in)
		fclose(in);
	return n;
}

unsigned sheaf_fuse_ring_depth(const struct sheaf_fuse_ring *ring)
{
	return ring->kernel_queues ? ring->entry_count / ring->kernel_queues : 0;
}

bool sheaf_fuse_ring_fits(unsigned slots, unsigned loops)
{
	return slots / loops >= possible_cpus() / loops + 1;
}

int sheaf_fuse_ring_cpu(const struct sheaf_ring_entry *entry)
{
	return entry->queue_id;
}

/* Map the buffer of @request's slot at the entry's address. */
static int bind_slot(struct sheaf_ring_entry *entry, struct sheaf_request *request)
{
	const struct sheaf_host *host = entry->fq->queue->host;
	const struct sheaf_region_geometry *g = &host->view.geometry;
	off_t offset = (off_t)(g->data_offset + request->slot * g->buffer_stride);

	if (mmap(entry->payload, g->buffer_stride, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		 host->region.fd, offset) == MAP_FAILED)
		return -errno;
	entry->request = request;
	request->entry = entry;
	return 0;
}

static void command(struct sheaf_ring_entry *entry, uint32_t operation)
{
	bool registers = operation == SHEAF_URING_REGISTER;

	sheaf_loop_command(entry->fq->loop, &entry->op, entry->fq->fuse->device_fd, operation,
			   &entry->command, sizeof(entry->command), registers ? entry->iov : NULL,
			   registers ? SHEAF_URING_IOVECS : 0);
}

/* Requests */

/* In one piece for libfuse: header, fixed structure, payload. The fixed part is what the payload is not. */
static void process_cold(struct sheaf_ring_entry *entry, const struct fuse_in_header *header,
			 size_t payload)
{
	struct sheaf_fuse_queue *fq = entry->fq;
	size_t fixed = header->len - sizeof(*header) - payload;

	memcpy(fq->cold, header, sizeof(*header));
	memcpy(fq->cold + sizeof(*header), entry->headers->operation, fixed);
	memcpy(fq->cold + sizeof(*header) + fixed, sheaf_request_buffer(entry->request), payload);
	fq->cold_request = entry->request;
	sheaf_session_process(fq, fq->cold, header->len);
	/* Every operation that comes through the ring has a reply; libfuse gave none, so it knows none. */
	if (fq->cold_request)
		sheaf_fuse_ring_reply(entry->request, -ENOSYS, NULL, 0);
	fq->cold_request = NULL;
}

static void dispatch(struct sheaf_ring_entry *entry)
{
	struct sheaf_request *request = entry->request;
	const struct fuse_in_header *header = (const void *)request->head;
	size_t payload = entry->headers->entry.payload_bytes;

	memcpy(request->head, entry->headers->in_out, sizeof(*header));
	memcpy(request->head + sizeof(*header), entry->headers->operation,
	       sizeof(request->head) - sizeof(*header));
	entry->command.commit_id = entry->headers->entry.commit_id;
	sheaf_fuse_came(request);
	sheaf_handover_came(entry->fq);
	if (payload > SHEAF_MAX_WRITE + SHEAF_BUFFER_MARGIN ||
	    header->len < sizeof(*header) + payload ||
	    header->len - sizeof(*header) - payload > sizeof(entry->headers->operation))
		sheaf_fuse_ring_reply(request, -EIO, NULL, 0);
	else if (sheaf_request_is_hot(request->fq, request))
		sheaf_request_begin(request, payload);
	else
		process_cold(entry, header, payload);
}

static void command_done(struct sheaf_op *op, int result)
{
	struct sheaf_ring_entry *entry =
		(struct sheaf_ring_entry *)((char *)op - offsetof(struct sheaf_ring_entry, op));
	struct sheaf_fuse_queue *fq = entry->fq;

	if (result == 0) {
		entry->registered = true;
		/* What comes after the end is not served: the last flush would miss it. The kernel ends it with the connection. */
		if (!atomic_load_explicit(&fq->fuse->ended, memory_order_relaxed))
			dispatch(entry);
		return;
	}
	/* The connection is gone, or goes: each entry comes back once. All else is a refusal. */
	if (result != -ENOTCONN && result != -ECANCELED && result != -ENODEV && result != -EINTR)
		sheaf_error("FUSE-over-io_uring: %s%s", strerror(-result),
			    entry->registered ? "" : "; mount with --transport=dev");
	sheaf_transport_stop(fq);
}

/* Answers */

static void commit(struct sheaf_ring_entry *entry, int error, size_t payload_bytes)
{
	const struct fuse_out_header out = {
		.len = (uint32_t)(sizeof(out) + payload_bytes),
		.error = error,
		.unique = sheaf_request_header(entry->request)->unique,
	};
	struct sheaf_fuse_queue *fq = entry->fq, *to;
	size_t came = entry->headers->entry.payload_bytes;

	memcpy(entry->headers->in_out, &out, sizeof(out));
	entry->headers->entry.payload_bytes = (uint32_t)payload_bytes;
	entry->headers->entry.flags = 0;
	to = sheaf_handover_target(fq, entry->home, came > payload_bytes ? came : payload_bytes);
	if (to == fq) {
		command(entry, SHEAF_URING_COMMIT_AND_FETCH);
	} else {
		sheaf_queue_give_away(fq->queue, entry->request->slot);
		sheaf_handover_give(fq, to, entry);
	}
	if (--fq->active == 0 && atomic_load(&fq->fuse->ended))
		sheaf_loop_wake(fq->loop);
}

void sheaf_fuse_ring_adopt(struct sheaf_fuse_queue *fq, struct sheaf_ring_entry *entry)
{
	sheaf_queue_adopt(fq->queue, entry->request->slot);
	entry->fq = fq;
	entry->request->fq = fq;
	command(entry, SHEAF_URING_COMMIT_AND_FETCH);
}

static bool is_quarantined(const struct sheaf_request *request)
{
	const struct sheaf_queue *queue = request->fq->queue;

	return queue->host->slot_states[request->slot].owner == SHEAF_SLOT_QUARANTINED;
}

/*
 * (2) The request's slot stays with the driver; the entry goes on with another, or with its own if that has come
 * back meanwhile. False: there is none now.
 */
static bool rebind(struct sheaf_ring_entry *entry)
{
	struct sheaf_queue *queue = entry->fq->queue;
	struct sheaf_request *old = entry->request;
	struct sheaf_request *spare;
	int slot;

	if (sheaf_queue_reclaim(queue, old->slot))
		return true;
	slot = sheaf_queue_take(queue);
	if (slot < 0)
		return false;
	spare = sheaf_fuse_request(entry->fq, (uint16_t)slot);
	if (bind_slot(entry, spare) < 0) {
		sheaf_queue_put(queue, (uint16_t)slot);
		return false;
	}
	memcpy(spare->head, old->head, sizeof(spare->head)); /* commit() names the request by it */
	old->entry = NULL;
	sheaf_queue_put(queue, old->slot);
	return true;
}

static void arm_patience(struct sheaf_fuse_ring *ring, uint64_t ns)
{
	if (ring->patience_armed)
		return;
	ring->patience_armed = true;
	sheaf_loop_timer(ring->fq->loop, &ring->patience, ns);
}

static uint64_t patience_ns(const struct sheaf_fuse_ring *ring)
{
	return ring->fq->queue->timeout_ns; /* an answer waits because of a timeout, so there is one */
}

static void patience_over(struct sheaf_op *op, int result)
{
	struct sheaf_fuse_ring *ring =
		(struct sheaf_fuse_ring *)((char *)op - offsetof(struct sheaf_fuse_ring, patience));
	uint64_t now_ns = sheaf_loop_now(ring->fq->loop), longest_ns = 0;
	struct sheaf_fuse *fuse = ring->fq->fuse;

	(void)result;
	ring->patience_armed = false;
	for (const struct sheaf_ring_entry *e = ring->waiting; e; e = e->next_waiting)
		if (now_ns - e->waiting_ns > longest_ns)
			longest_ns = now_ns - e->waiting_ns;
	if (!ring->waiting || atomic_load(&fuse->ended))
		return;
	if (longest_ns < patience_ns(ring)) {
		arm_patience(ring, patience_ns(ring) - longest_ns);
		return;
	}
	sheaf_error("%s: the driver has all slots, also those that were kept for this, for %.1f s more than it may",
		    fuse->mountpoint, (double)longest_ns / 1e9);
	if (fuse->on_stuck)
		fuse->on_stuck(fuse->end_arg);
}

/* Nobody waits for this answer any more. */
static void give_up(struct sheaf_ring_entry *entry)
{
	if (--entry->fq->active == 0)
		sheaf_loop_wake(entry->fq->loop);
}

void sheaf_fuse_ring_ended(struct sheaf_fuse_queue *fq)
{
	while (fq->ring && fq->ring->waiting) {
		struct sheaf_ring_entry *entry = fq->ring->waiting;

		fq->ring->waiting = entry->next_waiting;
		give_up(entry);
	}
}

static void wait_for_slot(struct sheaf_ring_entry *entry, int error)
{
	struct sheaf_fuse_ring *ring = entry->fq->ring;

	if (atomic_load(&entry->fq->fuse->ended)) {
		give_up(entry);
		return;
	}
	entry->waiting_error = error;
	entry->waiting_ns = sheaf_loop_now(entry->fq->loop);
	entry->next_waiting = ring->waiting;
	ring->waiting = entry;
	arm_patience(ring, patience_ns(ring));
}

void sheaf_fuse_ring_reply(struct sheaf_request *request, int error, const void *body,
			   size_t body_bytes)
{
	struct sheaf_ring_entry *entry = request->entry;

	if (is_quarantined(request)) {
		/* Of what is in the slot nothing is good; a command's sender is told how it ended by what is not. */
		bool apart = body_bytes && body_bytes <= sizeof(request->body) &&
			     body == &request->body;

		if (!rebind(entry)) {
			wait_for_slot(entry, error ? error : -EIO);
			return;
		}
		if (apart)
			memcpy(sheaf_request_buffer(entry->request), body, body_bytes);
		commit(entry, error || apart ? error : -EIO, apart ? body_bytes : 0);
		return;
	}
	if (body_bytes) {
		uint8_t *start = sheaf_request_buffer(request);

		if (body != start)
			memmove(start, body, body_bytes); /* (3) */
	}
	commit(entry, error, body_bytes);
}

void sheaf_fuse_ring_cold_reply(struct sheaf_request *request, const struct iovec iov[], int count)
{
	const struct fuse_out_header *out = iov[0].iov_base;
	uint8_t *at = sheaf_request_buffer(request);
	size_t room = SHEAF_MAX_WRITE + SHEAF_BUFFER_MARGIN, length = 0;

	request->fq->cold_request = NULL; /* answered */
	for (int i = 1; i < count; i++) {
		if (iov[i].iov_len > room - length) {
			commit(request->entry, -EIO, 0);
			return;
		}
		if (at + length != iov[i].iov_base) /* sheaf_session_scratch() */
			memcpy(at + length, iov[i].iov_base, iov[i].iov_len);
		length += iov[i].iov_len;
	}
	commit(request->entry, out->error, length);
}

/* A slot came back: who waits for one is answered now. */
static void slot_free(struct sheaf_queue_client *client)
{
	struct sheaf_fuse_queue *fq =
		(struct sheaf_fuse_queue *)((char *)client -
					    offsetof(struct sheaf_fuse_queue, client));
	struct sheaf_ring_entry **link = &fq->ring->waiting;

	if (fq->ring->serving_waiting) /* a slot that rebind() took in vain */
		return;
	fq->ring->serving_waiting = true;
	while (*link) {
		struct sheaf_ring_entry *entry = *link;

		if (!rebind(entry)) {
			link = &entry->next_waiting;
			continue;
		}
		*link = entry->next_waiting;
		commit(entry, entry->waiting_error, 0);
	}
	fq->ring->serving_waiting = false;
}

/* Making them */

static int make_entry(struct sheaf_fuse_queue *fq, struct sheaf_ring_entry *entry, unsigned i,
		      uint16_t queue_id)
{
	struct sheaf_fuse_ring *ring = fq->ring;
	size_t stride = fq->queue->host->view.geometry.buffer_stride;
	int slot = sheaf_queue_take(fq->queue);

	if (slot < 0)
		return slot;
	entry->fq = entry->home = fq;
	entry->headers = &ring->headers[i];
	entry->payload = ring->window + i * stride;
	entry->queue_id = queue_id;
	entry->command.queue_id = queue_id;
	entry->iov[0] = (struct iovec){ entry->headers, sizeof(*entry->headers) };
	entry->iov[1] = (struct iovec){ entry->payload, stride };
	entry->op.done = command_done;
	return bind_slot(entry, sheaf_fuse_request(fq, (uint16_t)slot));
}

/* One slot of loop 0 is for what comes through /dev/fuse. */
static unsigned count_entries(const struct sheaf_fuse_queue *fq, unsigned index, unsigned spares)
{
	unsigned kept = spares + (index == 0);

	return fq->queue->slot_count > kept ? fq->queue->slot_count - kept : 0;
}

int sheaf_fuse_ring_create(struct sheaf_fuse_queue *fq, unsigned index, unsigned loops)
{
	unsigned cpus = possible_cpus();
	unsigned queues = cpus / loops + (index < cpus % loops);
	unsigned spares = sheaf_fuse_ring_spares(fq->queue->host->slots) / loops;
	struct sheaf_fuse_ring *ring = calloc(1, sizeof(*ring));
	int r = 0;

	if (!ring)
		return -ENOMEM;
	fq->ring = ring;
	ring->fq = fq;
	ring->patience.done = patience_over;
	ring->kernel_queues = queues;
	fq->client.slot_free = slot_free;
	ring->entry_count = count_entries(fq, index, spares ? spares : 1);
	if (ring->entry_count < queues) {
		sheaf_error("FUSE-over-io_uring wants an entry for each of %u CPUs; use --slots=%u or more",
			    cpus, 2 * cpus + sheaf_fuse_ring_spares(0));
		return -ENOSPC;
	}
	if (queues == 0)
		ring->entry_count = 0; /* more loops than CPUs: this one has nothing to take */
	ring->entries = calloc(ring->entry_count + 1, sizeof(*ring->entries));
	ring->headers = calloc(ring->entry_count + 1, sizeof(*ring->headers));
	ring->window_bytes = (ring->entry_count + 1) * fq->queue->host->view.geometry.buffer_stride;
	ring->window = mmap(NULL, ring->window_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!ring->entries || !ring->headers || ring->window == MAP_FAILED)
		return -ENOMEM;
	for (unsigned i = 0; r == 0 && i < ring->entry_count; i++)
		r = make_entry(fq, &ring->entries[i], i, (uint16_t)(index + i % queues * loops));
	return r;
}

void sheaf_fuse_ring_free(struct sheaf_fuse_ring *ring)
{
	if (!ring)
		return;
	if (ring->window && ring->window != MAP_FAILED)
		munmap(ring->window, ring->window_bytes);
	free(ring->headers);
	free(ring->entries);
	free(ring);
}

void sheaf_fuse_ring_start(struct sheaf_fuse_queue *fq)
{
	for (unsigned i = 0; i < fq->ring->entry_count; i++)
		command(&fq->ring->entries[i], SHEAF_URING_REGISTER);
}
