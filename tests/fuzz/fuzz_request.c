/* SPDX-License-Identifier: MIT */
/*
 * fuzz_request.c - a hot FUSE request with any head and payload length, on a disk that gives any answers: it is replied to once, and
 * nothing but its own slot is touched
 *
 * The transport is replaced: its reply is noted here. Input: head (80), payload bytes (4), then for each task what is answered: a
 * byte that says how, and 24 bytes of data (which are a descriptor of GET LBA STATUS).
 * Bit 8 of the node's number: it is a SCSI node, whose requests are WRITE and READ, one after another on one open file. Then each has a
 * byte that says what is mended in it, and a WRITE the header of its message (64), before the answers.
 */
#include "fuzz.h"

#include <pthread.h>
#include <stdlib.h>

#include "../unit/fake_controller.h"
#include "base/log.h"
#include "fuse/finish.h"
#include "fuse/fuse.h"
#include "fuse/message.h"
#include "fuse/node.h"
#include "loop/loop.h"

#define DISKS	 2u
#define SLOTS	 2u
#define TASKS_MAX 3000
#define ON_NODE	  0x100
#define MESSAGES  6

static struct {
	struct sheaf_fuse fuse;
	struct sheaf_fuse_queue fq;
	struct fake_controller fake;
	struct sheaf_request request;
	struct sheaf_request_gate gates[DISKS];
	unsigned replies;
	struct fuzz_input in;
	unsigned tasks;
} f;

void sheaf_transport_reply(struct sheaf_request *request, int error, const void *body, size_t body_bytes)
{
	const uint8_t *buffer = f.fuse.host->view.data;
	const uint8_t *bytes = body;
	unsigned sum = 0;

	fuzz_check(error <= 0 && error > -4096, "an error that is none");
	fuzz_check(body_bytes <= SHEAF_MAX_WRITE, "a reply that is too long");
	for (size_t i = 0; i < body_bytes; i += 512)
		sum += bytes[i];
	if (body_bytes)
		sum += bytes[body_bytes - 1];
	if (body_bytes > sizeof(request->body))
		fuzz_check(bytes >= buffer + request->slot * f.fuse.host->view.geometry.buffer_stride &&
				   bytes + body_bytes <=
					   buffer + (request->slot + 1) * f.fuse.host->view.geometry.buffer_stride,
			   "a reply from outside the slot");
	fuzz_check(sum <= UINT32_MAX, "");
	f.replies++;
}

/* Of the transport too, which the reply above stands for. */
unsigned sheaf_fuse_ring_depth(const struct sheaf_fuse_ring *ring)
{
	(void)ring;
	return SLOTS;
}

static void ended(struct sheaf_queue_client *client, uint16_t slot, const struct sheaf_result *result)
{
	(void)client;
	fuzz_check(slot == f.request.slot, "another slot's task ended");
	sheaf_request_ended(&f.request, result);
}

static void open_all(void)
{
	static uint8_t edges[2 * 4096];
	static const struct sheaf_unit units[DISKS] = {
		{ .lun = 0, .block_size = 512, .blocks = 4001, .maximum_transfer_blocks = 128, .provisioned = true,
		  .maximum_unmap_blocks = 100, .maximum_write_same_blocks = 100 },
		{ .lun = 1, .block_size = 4096, .blocks = 1000 },
	};
	const struct sheaf_request_port port = { &f.fake, fake_bundle, fake_single };
	struct sheaf_host_options options = {
		.ops = &fake_ops,
		.controller = &f.fake,
		.slots = SLOTS,
		.queues = 1,
		.buffer_bytes = SHEAF_MAX_WRITE + SHEAF_BUFFER_MARGIN,
		.bundle_max = SHEAF_BUNDLE_MAX,
	};

	sheaf_log_set_level(SHEAF_LOG_ERROR);
	fake_init(&f.fake);
	f.fake.maximum_tasks = SLOTS;
	if (sheaf_host_create(&options, &f.fuse.host) < 0 || sheaf_loop_create(SHEAF_IO_SYNC, 8, &f.fq.loop) < 0 ||
	    sheaf_view_map(&f.fuse.host->region, &f.fake.raw) < 0 ||
	    sheaf_disks_init(&f.fuse.disks, units, DISKS, SLOTS) < 0)
		abort();
	f.fq.fuse = &f.fuse;
	f.fq.queue = f.fuse.host->queues[0];
	f.fq.client.ended = ended;
	sheaf_queue_attach(f.fq.queue, f.fq.loop, &f.fq.client, &port);
	f.fake.port = sheaf_queue_completion_port(f.fq.queue);
	f.fake.bundled = f.fuse.host->bundled;
	f.request.fq = &f.fq;
	f.request.edges = edges;
	sheaf_request_init(&f.request, f.gates);
}

/* The driver's answer to the task in the slot. */
static void answer(uint16_t slot)
{
	struct sheaf_response *r = fake_answer(&f.fake, slot);
	uint8_t data[24];
	uint64_t at = f.fake.tasks[slot].buffer_iovm_addr;
	uint64_t bytes = f.fake.tasks[slot].requested_transfer_count;
	uint8_t how = (uint8_t)fuzz_number(&f.in, 1);

	fuzz_check(at + bytes <= f.fake.raw.geometry.buffer_stride * SLOTS &&
			   at / f.fake.raw.geometry.buffer_stride == slot,
		   "a task outside its slot's buffer");
	fuzz_bytes(&f.in, data, sizeof(data));
	memcpy(f.fake.raw.data + at, data, bytes < sizeof(data) ? bytes : sizeof(data));
	if (how & 1)
		r->completion_status = how & 2 ? SHEAF_STATUS_BUSY : SHEAF_STATUS_CHECK_CONDITION;
	if (how & 1) {
		r->sense_length = 18;
		memcpy(r->sense_buffer, data, 18);
	}
	if (how & 4)
		r->bytes_transferred = bytes * (how >> 3) / 31;
	fake_give_back(&f.fake, &slot, 1);
}

/* The request in f.request, from its begin to its reply. */
static void run(size_t payload)
{
	int slot = sheaf_queue_take(f.fq.queue);

	fuzz_check(slot >= 0 && slot == f.request.slot && sheaf_request_is_hot(&f.fq, &f.request), "not ready for a request");
	f.replies = 0;
	f.tasks = 0;
	sheaf_request_begin(&f.request, payload);
	while (!f.replies) {
		f.fake.bundle_count = 0;
		fuzz_check(sheaf_queue_flush(f.fq.queue), "neither a task nor a reply");
		/* The rest of a long one, once the input has nothing more to say. */
		if (++f.tasks > TASKS_MAX)
			fuzz_check(f.in.left == 0, "a request of too many tasks");
		answer((uint16_t)slot);
		if (f.tasks > TASKS_MAX)
			f.in.left = 0;
		fuzz_check(f.tasks < 10 * TASKS_MAX, "a request that does not end");
	}
	fuzz_check(f.replies == 1 && !f.request.in_gate && !f.request.caller, "not replied to once");
	sheaf_queue_put(f.fq.queue, (uint16_t)slot);
	fuzz_check(sheaf_slots_check(f.fq.queue) == 0, "slots are out");
}

/* Bits of what is mended: without, few messages would get past their length. */
enum { MEND_HEADER = 1, MEND_LENGTH = 2, MEND_OWNER = 4, MEND_READ = 8 };

static size_t put_message(uint8_t how, size_t payload)
{
	struct fuse_write_in *in = (struct fuse_write_in *)(f.request.head + sizeof(struct fuse_in_header));
	struct sheaf_scsi_request m;

	fuzz_bytes(&f.in, &m, sizeof(m));
	if (how & MEND_HEADER) {
		m.magic = SHEAF_SCSI_MAGIC;
		m.version = SHEAF_SCSI_VERSION;
		m.header_bytes = sizeof(m);
		memset(m.zero, 0, sizeof(m.zero));
		memset(m.zero_56, 0, sizeof(m.zero_56));
	}
	if (how & MEND_LENGTH) {
		m.data_out_bytes %= SHEAF_SCSI_DATA_MAX + 1;
		m.data_in_bytes = m.data_out_bytes ? 0 : m.data_in_bytes % (SHEAF_SCSI_DATA_MAX + 1);
		payload = m.data_out_bytes ? SHEAF_SCSI_DATA_OFFSET + m.data_out_bytes : sizeof(m);
		*in = (struct fuse_write_in){ .fh = in->fh, .size = (uint32_t)payload };
	}
	memcpy(f.fake.raw.data + f.request.slot * f.fake.raw.geometry.buffer_stride, &m, sizeof(m));
	return payload;
}

static void run_on_node(size_t payload)
{
	struct fuse_in_header *header = (struct fuse_in_header *)f.request.head;
	struct fuse_write_in *in = (struct fuse_write_in *)(header + 1);
	struct sheaf_node_handle *handle = sheaf_node_open(&f.fuse);

	header->nodeid = SHEAF_NODE_SG0 + header->nodeid % DISKS;
	for (unsigned i = 0; handle && i < MESSAGES; i++) {
		uint8_t how = (uint8_t)fuzz_number(&f.in, 1);

		header->opcode = how & MEND_READ ? FUSE_READ : FUSE_WRITE;
		if (how & MEND_OWNER)
			header->uid = 0;
		if (how & MEND_READ && how & MEND_LENGTH)
			*(struct fuse_read_in *)(header + 1) = (struct fuse_read_in){ .size = SHEAF_MAX_WRITE };
		in->fh = (uintptr_t)handle;
		run(how & MEND_READ ? 0 : put_message(how, payload));
		fuzz_check(how & MEND_READ || !(in->write_flags & FUSE_WRITE_CACHE) || f.tasks == 0,
			   "a command out of the page cache, which has nobody's credentials");
		fuzz_check(handle->message_state == SHEAF_MESSAGE_IDLE || handle->message_state == SHEAF_MESSAGE_ANSWERED,
			   "a file that stays busy");
	}
	if (handle)
		sheaf_node_close(&f.fuse, handle);
	fuzz_check(f.fuse.node_answers == 0, "memory of an answer is left");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t opcodes[] = { FUSE_READ, FUSE_WRITE, FUSE_FLUSH, FUSE_FSYNC, FUSE_FALLOCATE, FUSE_LSEEK };
	struct fuse_in_header *header = (struct fuse_in_header *)f.request.head;
	size_t payload;

	if (!f.fuse.host)
		open_all();
	f.in = (struct fuzz_input){ data, size };
	fuzz_bytes(&f.in, f.request.head, sizeof(f.request.head));
	payload = fuzz_number(&f.in, 4) % (SHEAF_MAX_WRITE + 1);
	f.request.slot = (uint16_t)sheaf_queue_take(f.fq.queue);
	sheaf_queue_put(f.fq.queue, f.request.slot); /* last in, first out: run() gets it again */
	if (header->nodeid & ON_NODE) {
		run_on_node(payload);
		return 0;
	}
	/* What is not hot goes to libfuse. */
	header->opcode = opcodes[header->opcode % 6];
	header->nodeid = SHEAF_NODE_DISK0 + header->nodeid % DISKS;
	run(payload);
	return 0;
}
