/* SPDX-License-Identifier: MIT */
/* handover.c - see handover.h */
#include "fuse/handover.h"

#include "base/counter.h"
#include "fuse/fuse.h"
#include "fuse/ring_entry.h"

/* Bytes from which on copying a request is most of its work: 64 KiB are copied twice in about 15 us, all else takes 3. */
#define LONG_BYTES 65536
/* Requests of a window; at 1 MiB, some milliseconds. */
#define WINDOW 8
/* A load that is older is none. */
#define STALE_NS UINT64_C(5000000)
/* Requests that one must have more than the other: with one more, the other would be the one who has more. */
#define DIFFERENCE 2

void sheaf_handover_init(struct sheaf_handover *handover)
{
	pthread_mutex_init(&handover->lock, NULL);
}

void sheaf_handover_deinit(struct sheaf_handover *handover)
{
	pthread_mutex_destroy(&handover->lock);
}

static void set_load(struct sheaf_handover *h, uint32_t load)
{
	atomic_store_explicit(&h->load, load, memory_order_relaxed);
}

static uint32_t get_load(const struct sheaf_handover *h)
{
	return atomic_load_explicit(&h->load, memory_order_relaxed);
}

void sheaf_handover_came(struct sheaf_fuse_queue *fq)
{
	struct sheaf_handover *h = &fq->handover;

	if (fq->active > h->peak)
		h->peak = fq->active;
	if (h->peak > get_load(h) || ++h->arrivals >= WINDOW) {
		set_load(h, h->peak);
		h->peak = fq->active;
		h->arrivals = 0;
	}
	atomic_store_explicit(&h->load_ns, sheaf_loop_now(fq->loop), memory_order_relaxed);
}

static uint32_t load_at(const struct sheaf_handover *h, uint64_t now_ns)
{
	uint64_t at = atomic_load_explicit(&h->load_ns, memory_order_relaxed);

	return at + STALE_NS < now_ns ? 0 : get_load(h);
}

static bool has_mail(const struct sheaf_fuse_queue *fq)
{
	return atomic_load_explicit(&fq->handover.any, memory_order_relaxed);
}

struct sheaf_fuse_queue *sheaf_handover_target(struct sheaf_fuse_queue *fq,
					       struct sheaf_fuse_queue *home, size_t bytes)
{
	const struct sheaf_fuse *fuse = fq->fuse;
	uint64_t now_ns = sheaf_loop_now(fq->loop);
	struct sheaf_fuse_queue *least = fq;
	uint32_t own = get_load(&fq->handover), lowest = own;

	if (fq->queue->host->workers || atomic_load_explicit(&fuse->ended, memory_order_relaxed))
		return fq;
	/* Who has not taken what it was given last gets no CPU: answers would wait there. */
	if (bytes < LONG_BYTES)
		return home != fq && has_mail(home) ? fq : home;
	for (unsigned i = 0; i < fuse->queue_count; i++) {
		uint32_t load = load_at(&fuse->queues[i]->handover, now_ns);

		if (fuse->queues[i] != fq && load < lowest && !has_mail(fuse->queues[i])) {
			lowest = load;
			least = fuse->queues[i];
		}
	}
	return own - lowest >= DIFFERENCE ? least : fq;
}

void sheaf_handover_give(struct sheaf_fuse_queue *fq, struct sheaf_fuse_queue *to,
			 struct sheaf_ring_entry *entry)
{
	uint64_t now_ns = sheaf_loop_now(fq->loop);
	struct sheaf_handover *own = &fq->handover, *h = &to->handover;

	if (get_load(own) > 0)
		set_load(own, get_load(own) - 1);
	own->peak = get_load(own);
	set_load(h, load_at(h, now_ns) + 1);
	atomic_store_explicit(&h->load_ns, now_ns, memory_order_relaxed);

	pthread_mutex_lock(&h->lock);
	entry->next_handed = h->inbox;
	h->inbox = entry;
	atomic_store_explicit(&h->any, true, memory_order_release);
	pthread_mutex_unlock(&h->lock);
	sheaf_loop_ring_doorbell(fq->loop, sheaf_loop_doorbell_fd(to->loop));
}

bool sheaf_handover_poll(struct sheaf_fuse_queue *fq)
{
	struct sheaf_handover *h = &fq->handover;
	struct sheaf_ring_entry *entry;

	if (!atomic_load_explicit(&h->any, memory_order_acquire))
		return false;
	pthread_mutex_lock(&h->lock);
	entry = h->inbox;
	h->inbox = NULL;
	atomic_store_explicit(&h->any, false, memory_order_relaxed);
	pthread_mutex_unlock(&h->lock);
	while (entry) {
		struct sheaf_ring_entry *next = entry->next_handed;

		sheaf_count_add(&h->taken, 1);
		sheaf_fuse_ring_adopt(fq, entry);
		entry = next;
	}
	return true;
}
