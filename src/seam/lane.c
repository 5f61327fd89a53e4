/* SPDX-License-Identifier: MIT */
/* lane.c - see lane.h; the numbers are its invariants. */
#include "seam/lane.h"

#include "base/sanitizer.h"

#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>

#include "seam/region.h"

struct sheaf_ring {
	alignas(64) _Atomic uint32_t tail; /* W: producer, release; R: consumer, acquire */
	alignas(64) _Atomic uint32_t head; /* W: consumer, release; R: producer, acquire */
	alignas(64) _Atomic uint32_t asleep; /* W: consumer 1, either 0; seq_cst */
};

struct bundle_entry {
	uint16_t count;
	uint16_t slots[SHEAF_BUNDLE_MAX];
	uint16_t padding[31];
};
struct task_entry {
	struct sheaf_task task;
	uint32_t action;
	uint32_t padding[15];
};
struct response_entry {
	struct sheaf_response response;
	uint32_t action;
	uint32_t padding[15];
};
static_assert(sizeof(struct bundle_entry) == 128, "two cache lines, a small bundle in one");
static_assert(sizeof(struct task_entry) == 192, "whole cache lines");
static_assert(sizeof(struct response_entry) == 448, "whole cache lines");

/* Both modes fit, as the mode is not known when the region is made. */
#define REQUEST_ENTRY_BYTES sizeof(struct task_entry)
#define COMPLETION_ENTRY_BYTES sizeof(struct response_entry)

/*
 * The two ends are at two addresses, so ThreadSanitizer cannot see that they are one ring; it is told by a key, which is
 * the same at both ends. Lanes that share a key only make it see less.
 */
#ifdef SHEAF_TSAN
#include <sanitizer/tsan_interface.h>
static char tsan_keys[256];
#define tsan_release(end) __tsan_release(&tsan_keys[(end)->key])
#define tsan_acquire(end) __tsan_acquire(&tsan_keys[(end)->key])
#else
#define tsan_release(end) ((void)(end))
#define tsan_acquire(end) ((void)(end))
#endif

static uint32_t capacity_for(uint32_t slots)
{
	uint32_t capacity = 1;

	while (capacity < slots)
		capacity *= 2;
	return capacity;
}

size_t sheaf_lane_bytes(uint32_t slots)
{
	return 2 * sizeof(struct sheaf_ring) +
	       capacity_for(slots) * (REQUEST_ENTRY_BYTES + COMPLETION_ENTRY_BYTES);
}

static uint8_t *open_end(struct sheaf_ring_end *end, uint8_t *at, uint32_t capacity, size_t entry_bytes,
			 uint32_t key)
{
	end->ring = (struct sheaf_ring *)at;
	end->entries = at + sizeof(struct sheaf_ring);
	end->mask = capacity - 1;
	end->entry_bytes = (uint32_t)entry_bytes;
	end->index = 0;
	end->key = (uint8_t)key;
	return end->entries + capacity * entry_bytes;
}

void sheaf_lane_open(struct sheaf_lane *lane, const struct sheaf_view *view, uint32_t index)
{
	const struct sheaf_region_geometry *g = &view->geometry;
	uint8_t *at = view->base + g->lanes_offset + index * g->lane_stride;

	assert(index < g->lanes);
	at = open_end(&lane->request, at, capacity_for(g->slots), REQUEST_ENTRY_BYTES, 2 * index);
	open_end(&lane->completion, at, capacity_for(g->slots), COMPLETION_ENTRY_BYTES, 2 * index + 1);
}

static void clear_ring(struct sheaf_ring *ring)
{
	atomic_store(&ring->tail, 0);
	atomic_store(&ring->head, 0);
	atomic_store(&ring->asleep, 0);
}

void sheaf_lane_reset(struct sheaf_lane *lane, const struct sheaf_view *view, uint32_t index)
{
	sheaf_lane_open(lane, view, index);
	clear_ring(lane->request.ring);
	clear_ring(lane->completion.ring);
}

/* Producer: where the next entry goes, NULL when there is no room. */
static void *reserve(struct sheaf_ring_end *end)
{
	uint32_t head = atomic_load_explicit(&end->ring->head, memory_order_acquire);

	if (end->index - head > end->mask)
		return NULL; /* full, or a head that cannot be */
	tsan_acquire(end);
	return end->entries + (end->index & end->mask) * end->entry_bytes;
}

static void publish(struct sheaf_ring_end *end)
{
	tsan_release(end);
	atomic_store(&end->ring->tail, ++end->index); /* (1) release, (2) seq_cst */
}

/* Consumer: the next entry, NULL with *ret_error 0 when there is none, or -EPROTO. */
static const void *peek(struct sheaf_ring_end *end, int *ret_error)
{
	uint32_t tail = atomic_load_explicit(&end->ring->tail, memory_order_acquire);

	*ret_error = 0;
	if (tail == end->index)
		return NULL;
	if (tail - end->index > end->mask + 1) {
		*ret_error = -EPROTO;
		return NULL;
	}
	tsan_acquire(end);
	return end->entries + (end->index & end->mask) * end->entry_bytes;
}

static void consume(struct sheaf_ring_end *end)
{
	tsan_release(end);
	atomic_store_explicit(&end->ring->head, ++end->index, memory_order_release);
}

int sheaf_ring_push_bundle(struct sheaf_ring_end *end, const uint16_t slots[], uint16_t n)
{
	struct bundle_entry *entry = reserve(end);

	assert(n >= 1 && n <= SHEAF_BUNDLE_MAX);
	if (!entry)
		return -EAGAIN;
	entry->count = n;
	memcpy(entry->slots, slots, n * sizeof(slots[0]));
	publish(end);
	return 0;
}

int sheaf_ring_pop_bundle(struct sheaf_ring_end *end, uint16_t slots[SHEAF_BUNDLE_MAX])
{
	int error;
	const struct bundle_entry *entry = peek(end, &error);

	if (!entry)
		return error;
	uint16_t n = *(const volatile uint16_t *)&entry->count; /* once */
	if (n >= 1 && n <= SHEAF_BUNDLE_MAX)
		memcpy(slots, entry->slots, n * sizeof(slots[0]));
	consume(end);
	return n >= 1 && n <= SHEAF_BUNDLE_MAX ? n : -EBADMSG;
}

int sheaf_ring_push_task(struct sheaf_ring_end *end, sheaf_action action,
			 const struct sheaf_task *task)
{
	struct task_entry *entry = reserve(end);

	if (!entry)
		return -EAGAIN;
	entry->task = *task;
	entry->action = action;
	publish(end);
	return 0;
}

int sheaf_ring_pop_task(struct sheaf_ring_end *end, sheaf_action *ret_action,
			struct sheaf_task *ret_task)
{
	int error;
	const struct task_entry *entry = peek(end, &error);

	if (!entry)
		return error;
	*ret_task = entry->task;
	*ret_action = entry->action;
	consume(end);
	return 1;
}

int sheaf_ring_push_response(struct sheaf_ring_end *end, sheaf_action action,
			     const struct sheaf_response *response)
{
	struct response_entry *entry = reserve(end);

	if (!entry)
		return -EAGAIN;
	entry->response = *response;
	entry->action = action;
	publish(end);
	return 0;
}

int sheaf_ring_pop_response(struct sheaf_ring_end *end, sheaf_action *ret_action,
			    struct sheaf_response *ret_response)
{
	int error;
	const struct response_entry *entry = peek(end, &error);

	if (!entry)
		return error;
	*ret_response = entry->response;
	*ret_action = entry->action;
	consume(end);
	return 1;
}

bool sheaf_ring_may_sleep(struct sheaf_ring_end *end)
{
	atomic_store(&end->ring->asleep, 1);
	return atomic_load(&end->ring->tail) == end->index;
}

void sheaf_ring_awake(struct sheaf_ring_end *end)
{
	atomic_store_explicit(&end->ring->asleep, 0, memory_order_relaxed);
}

bool sheaf_ring_wants_doorbell(struct sheaf_ring_end *end)
{
	/* The plain load first: most pushes find the far side awake, and need no exclusive access. */
	return atomic_load(&end->ring->asleep) && atomic_exchange(&end->ring->asleep, 0);
}
