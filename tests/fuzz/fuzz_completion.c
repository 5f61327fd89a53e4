/* SPDX-License-Identifier: MIT */
/*
 * fuzz_completion.c - what a controller may write into responses, bundles and rings: each task ends once, nothing else happens
 *
 * The first byte says how: bundled or single, through lanes or fused. Then acts, one byte each with what it needs after it.
 */
#include "fuzz.h"

#include "../unit/fake_controller.h"
#include "base/counter.h"
#include "base/log.h"
#include "host/recover.h"
#include "loop/loop.h"

#define SLOTS 8u
#define BYTES 512u
#define ACTS_MAX 256

struct harness { /* one a way */
	struct sheaf_queue_client client; /* first */
	struct sheaf_host *host;
	struct sheaf_queue *queue;
	struct sheaf_loop *loop;
	struct sheaf_view raw;
	struct sheaf_lane far;
	struct sheaf_completion_port port;
	bool started[SLOTS];
	uint64_t starts, ends;
};

static void ended(struct sheaf_queue_client *client, uint16_t slot, const struct sheaf_result *result)
{
	struct harness *h = (struct harness *)client;

	fuzz_check(slot < SLOTS && h->started[slot], "a task ended that was not started, or twice");
	fuzz_check(result->bytes_transferred <= BYTES, "more was transferred than asked for");
	h->started[slot] = false;
	h->ends++;
	sheaf_queue_put(h->queue, slot);
}

static void request_bundle(void *arg, const uint16_t slots[], uint16_t n)
{
	(void)arg, (void)slots, (void)n;
}

static enum sheaf_service_response request_single(void *arg, const struct sheaf_task *task, sheaf_action action)
{
	(void)arg, (void)task, (void)action;
	return SHEAF_REQUEST_IN_PROCESS;
}

static struct harness *open_harness(unsigned way)
{
	static struct fake_controller fakes[4];
	const struct sheaf_request_port port = { NULL, request_bundle, request_single };
	struct harness *h = calloc(1, sizeof(*h));
	const struct sheaf_host_options options = {
		.ops = &fake_ops,
		.controller = &fakes[way],
		.slots = SLOTS,
		.queues = 1,
		.workers = way & 1,
		.buffer_bytes = BYTES,
		.bundle_max = SHEAF_BUNDLE_MAX,
		.single_mode = way & 2,
		.timeout_ms = 1000,
		.may_lose_driver = true,
	};

	fake_init(&fakes[way]);
	if (!h || sheaf_host_create(&options, &h->host) < 0 ||
	    sheaf_loop_create(SHEAF_IO_SYNC, 8, &h->loop) < 0 || sheaf_view_map(&h->host->region, &h->raw) < 0)
		abort();
	sheaf_log_set_level(SHEAF_LOG_ERROR);
	h->client.ended = ended;
	h->queue = h->host->queues[0];
	for (uint32_t i = 0; i < SLOTS; i++)
		h->host->next_hba_ids[i] = h->host->hba_ids[i]; /* a new driver gives the same */
	sheaf_queue_set_running(h->queue, true);
	sheaf_queue_attach(h->queue, h->loop, &h->client, &port);
	if (way & 1)
		sheaf_queue_attach_worker(h->queue, 0, sheaf_loop_doorbell_fd(h->loop));
	h->port = sheaf_queue_completion_port(h->queue);
	return h;
}

static void start(struct harness *h)
{
	int slot = sheaf_queue_take(h->queue);
	struct sheaf_task *task;

	if (slot < 0)
		return;
	task = sheaf_queue_command(h->queue, (uint16_t)slot);
	task->requested_transfer_count = BYTES;
	task->command_size = 10;
	task->command_descriptor_block[0] = 0x28;
	h->started[slot] = true;
	h->starts++;
	sheaf_queue_start(h->queue, (uint16_t)slot);
	sheaf_queue_flush(h->queue);
}

/* A right response to the task in a slot, as a beginning. */
static void right_response(struct harness *h, unsigned slot, struct sheaf_response *r)
{
	memset(r, 0, sizeof(*r));
	r->version = SHEAF_TASK_VERSION;
	r->controller_task_identifier = h->host->slot_states[slot].identifier;
	r->service_response = SHEAF_TASK_COMPLETE;
	r->bytes_transferred = BYTES;
}

static void complete_bundle(struct harness *h, struct fuzz_input *in)
{
	uint16_t slots[SHEAF_BUNDLE_MAX], n = (uint16_t)fuzz_number(in, 1);
	uint16_t have = n < SHEAF_BUNDLE_MAX ? n : SHEAF_BUNDLE_MAX;

	for (uint16_t i = 0; i < have; i++)
		slots[i] = (uint16_t)(fuzz_number(in, 1) * 0x0101 % 0x200);
	if (!h->host->workers)
		h->port.bundle(h->port.arg, slots, n);
	else if (have)
		sheaf_ring_push_bundle(&h->far.completion, slots, have);
}

static void complete_single(struct harness *h, struct fuzz_input *in)
{
	uint32_t slot = (uint32_t)fuzz_number(in, 1);
	struct sheaf_response r;
	uint8_t at;

	right_response(h, slot % SLOTS, &r);
	at = (uint8_t)fuzz_number(in, 1);
	if (at)
		fuzz_bytes(in, (uint8_t *)&r + at % 80, 4);
	if (slot & 0x80)
		slot = (uint32_t)fuzz_number(in, 4);
	if (h->host->workers)
		sheaf_ring_push_response(&h->far.completion, slot, &r);
	else
		h->port.single(h->port.arg, slot, &r);
}

static void act(struct harness *h, struct fuzz_input *in)
{
	uint32_t slot;
	uint8_t at;

	switch (fuzz_number(in, 1) % 9) {
	case 0:
	case 1:
		start(h);
		break;
	case 2: /* a right response, for what comes next */
		slot = fuzz_number(in, 1) % SLOTS;
		right_response(h, slot, &h->raw.responses[slot]);
		break;
	case 3: /* some bytes of a response */
		slot = fuzz_number(in, 1) % SLOTS;
		at = (uint8_t)fuzz_number(in, 1);
		fuzz_bytes(in, (uint8_t *)&h->raw.responses[slot] + at, 8);
		break;
	case 4:
	case 5:
		if (h->host->bundled)
			complete_bundle(h, in);
		else
			complete_single(h, in);
		break;
	case 6: /* some bytes of the rings */
		if (h->host->workers)
			fuzz_bytes(in, h->raw.base + h->raw.geometry.lanes_offset +
					       fuzz_number(in, 2) % (h->raw.geometry.lane_stride - 8),
				   4);
		break;
	case 7:
		sheaf_queue_poll(h->queue);
		break;
	case 8:
		sheaf_queue_expire(h->queue, UINT64_MAX);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct harness *harnesses[4];
	struct fuzz_input in = { data, size };
	unsigned way = (unsigned)fuzz_number(&in, 1) % 4;
	struct harness *h;

	if (!harnesses[way])
		harnesses[way] = open_harness(way);
	h = harnesses[way];
	if (h->host->workers)
		sheaf_lane_open(&h->far, &h->raw, 0);
	for (unsigned i = 0; in.left && i < ACTS_MAX; i++) {
		act(h, &in);
		sheaf_slots_check(h->queue);
	}
	/* The driver dies; what it had waits, and ends. */
	sheaf_queue_driver_gone(h->queue, "the input ended");
	sheaf_queue_expire(h->queue, UINT64_MAX);
	sheaf_queue_driver_back(h->queue);
	fuzz_check(sheaf_slots_check(h->queue) == 0 && h->queue->free_count == SLOTS, "slots are lost");
	fuzz_check(h->starts == h->ends, "not all tasks ended");
	return 0;
}
