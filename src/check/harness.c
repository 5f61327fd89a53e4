/* SPDX-License-Identifier: MIT */
/**
 * harness.c - plays the host towards one context, and notes what the driver does that it may not
 *
 *   HERE --- check_hand_over() ---> OUT --- take_back() ---> HERE, ended
 *
 * What it looks at when a slot comes back: the slot was OUT; the response fits the task; the command slot is as it was; nothing was
 * written around the buffer. Then response and buffer are painted, and check_untouched() looks whether the paint is whole; with `guard`
 * the driver's mapping of the buffer is taken away as well, so that a touch is a crash; that of a program is not ours, so its buffers are
 * painted too.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <sheaf/scsi.h>

#include "base/clock.h"
#include "check/check.h"
#include "scsi/sense.h"

#define PAINT	     0xa5
#define TICK_NS	     2000000
#define LINGER_TURNS 8
/* Of a buffer, from the start of the slot's memory: CHECK_MARGIN, the data, CHECK_MARGIN. */
#define BUFFER_BYTES (CHECK_TRANSFER_MAX + 2 * CHECK_MARGIN)

__attribute__((format(printf, 3, 4))) static void note(struct check *c, enum check_misdeed kind,
						       const char *format, ...)
{
	va_list args;

	if (c->noted[kind][0])
		return;
	va_start(args, format);
	vsnprintf(c->noted[kind], sizeof(c->noted[kind]), format, args);
	va_end(args);
}

static uint8_t *slot_memory(struct check *c, uint16_t slot)
{
	return sheaf_view_buffer(&c->view, slot);
}

uint8_t *check_buffer(struct check *c, uint16_t slot)
{
	return slot_memory(c, slot) + CHECK_MARGIN;
}

static bool is_painted(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[i] != PAINT)
			return false;
	return true;
}

/* The driver may touch the buffer, or not. Only with guard. */
static void open_buffer(struct check *c, uint16_t slot, bool open)
{
	if (c->guard && !c->options->program)
		mprotect(sheaf_view_buffer(&c->controller_view, slot),
			 c->controller_view.geometry.buffer_stride,
			 open ? PROT_READ | PROT_WRITE : PROT_NONE);
}

static bool status_can_be(const struct sheaf_response *r)
{
	static const uint8_t known[] = { SHEAF_STATUS_GOOD,	  SHEAF_STATUS_CHECK_CONDITION,
					 SHEAF_STATUS_CONDITION_MET, SHEAF_STATUS_BUSY,
					 SHEAF_STATUS_RESERVATION_CONFLICT,
					 SHEAF_STATUS_TASK_SET_FULL, SHEAF_STATUS_ACA_ACTIVE };

	if (r->service_response == SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE)
		return true;
	for (size_t i = 0; i < sizeof(known); i++)
		if (r->completion_status == known[i])
			return r->service_response == SHEAF_TASK_COMPLETE;
	return false;
}

static void look_at_response(struct check *c, uint16_t slot)
{
	const struct check_slot *s = &c->slot[slot];
	const struct sheaf_response *r = &s->response;
	struct sheaf_sense sense;

	if (r->version != SHEAF_TASK_VERSION)
		note(c, CHECK_VERSION, "slot %u: version %llu, not %u", slot,
		     (unsigned long long)r->version, SHEAF_TASK_VERSION);
	if (r->controller_task_identifier != s->sent.controller_task_identifier)
		note(c, CHECK_IDENTIFIER, "slot %u: identifier %#llx, and the task has %#llx", slot,
		     (unsigned long long)r->controller_task_identifier,
		     (unsigned long long)s->sent.controller_task_identifier);
	else if (r->target_id != s->sent.target_id)
		note(c, CHECK_IDENTIFIER, "slot %u: target %llu, and the task is for %llu", slot,
		     (unsigned long long)r->target_id, (unsigned long long)s->sent.target_id);
	if (!status_can_be(r))
		note(c, CHECK_RESPONSE, "slot %u: service response %u with status %#x", slot,
		     r->service_response, r->completion_status);
	else if (r->bytes_transferred > s->requested)
		note(c, CHECK_RESPONSE, "slot %u: %llu bytes were transferred of %u", slot,
		     (unsigned long long)r->bytes_transferred, s->requested);
	else if (r->service_response == SHEAF_TASK_COMPLETE &&
		 r->completion_status == SHEAF_STATUS_CHECK_CONDITION && c->auto_sense &&
		 !sheaf_sense_parse(r->sense_buffer, r->sense_length, &sense))
		note(c, CHECK_RESPONSE,
		     "slot %u: CHECK CONDITION, does_hba_perform_auto_sense says yes, and there is no sense data",
		     slot);
}

static void look_at_memory(struct check *c, uint16_t slot)
{
	const struct check_slot *s = &c->slot[slot];

	if (memcmp(&c->view.commands[slot], &s->sent, sizeof(s->sent)) != 0)
		note(c, CHECK_COMMAND, "slot %u: the command is not as it was", slot);
	if (!is_painted(slot_memory(c, slot), CHECK_MARGIN))
		note(c, CHECK_BOUNDS, "slot %u, opcode %02x: bytes before the buffer were written", slot,
		     s->sent.command_descriptor_block[0]);
	else if (!is_painted(check_buffer(c, slot) + s->requested, CHECK_MARGIN))
		note(c, CHECK_BOUNDS, "slot %u, opcode %02x: bytes behind the buffer, %u long, were written",
		     slot, s->sent.command_descriptor_block[0], s->requested);
}

/* One slot of a completion. @response: of single-task mode, else the slot's. */
static void take_back(struct check *c, uint32_t index, const struct sheaf_response *response)
{
	uint16_t slot = (uint16_t)index;
	struct check_slot *s;

	if (index >= c->slots) {
		note(c, CHECK_OWNER, "slot %u was given back, and there are %u", index, c->slots);
		return;
	}
	s = &c->slot[slot];
	if (!s->out) {
		note(c, CHECK_OWNER, "slot %u was given back and is not the driver's%s", slot,
		     s->ended ? ", it has given it back already" : "");
		return;
	}
	s->response = response ? *response : c->view.responses[slot];
	s->out = false;
	s->ended = true;
	c->out--;
	look_at_response(c, slot);
	look_at_memory(c, slot);
	memset(&c->view.responses[slot], PAINT, sizeof(c->view.responses[slot]));
	if (c->guard && c->options->program)
		memset(check_buffer(c, slot), PAINT, s->requested);
	open_buffer(c, slot, false);
	if (c->on_end)
		c->on_end(c, slot);
}

static void port_bundle(void *arg, const uint16_t slots[], uint16_t n)
{
	struct check *c = arg;

	if (n < 1 || n > SHEAF_BUNDLE_MAX) {
		note(c, CHECK_COUNT, "a completion of %u slots", n);
		return;
	}
	if (!c->bundled)
		note(c, CHECK_COUNT, "a bundle was completed in single-task mode");
	for (uint16_t i = 0; i < n; i++)
		take_back(c, slots[i], NULL);
}

static void port_single(void *arg, sheaf_action action, const struct sheaf_response *response)
{
	struct check *c = arg;

	if (c->bundled)
		note(c, CHECK_COUNT, "a single task was completed in bundled mode");
	take_back(c, action, response);
}

struct sheaf_completion_port check_harness_port(struct check *c)
{
	return (struct sheaf_completion_port){ c, port_bundle, port_single };
}

int check_harness_create(struct check *c)
{
	struct sheaf_region_geometry geometry = { .buffer_bytes = BUFFER_BYTES };
	const char *reason;
	int r;

	c->slots = c->maximum_tasks < CHECK_SLOTS ? c->maximum_tasks : CHECK_SLOTS;
	geometry.slots = c->slots;
	geometry.lanes = c->options->program ? 1 : 0;
	c->region.fd = -1;
	memset(c->slot, 0, sizeof(c->slot));
	c->out = 0;
	c->tick_armed = false;
	r = sheaf_region_create(&geometry, &c->region);
	if (r == 0)
		r = sheaf_view_map(&c->region, &c->view);
	if (r == 0)
		r = sheaf_view_map(&c->region, &c->controller_view);
	if (r == 0)
		r = sheaf_loop_probe(SHEAF_IO_AUTO, &reason);
	if (r >= 0)
		r = sheaf_loop_create((enum sheaf_io_backend)r, 4 * CHECK_SLOTS, &c->loop);
	for (uint32_t i = 0; r == 0 && i < c->slots; i++)
		sheaf_view_give(&c->controller_view, i);
	return r;
}

void check_harness_detach(struct check *c)
{
	/* In this order, as the host does: what is in flight on the loop may be the context's. */
	c->loop = sheaf_loop_free(c->loop);
	c->context = sheaf_context_free(c->context);
	if (c->options->program)
		check_far_disconnect(c);
}

void check_harness_free(struct check *c)
{
	sheaf_view_unmap(&c->controller_view);
	sheaf_view_unmap(&c->view);
	sheaf_region_destroy(&c->region);
}

static void put_lun(uint8_t lun_bytes[8], uint32_t lun)
{
	memset(lun_bytes, 0, 8);
	lun_bytes[0] = lun < 256 ? 0 : (uint8_t)(0x40 | lun >> 8);
	lun_bytes[1] = (uint8_t)lun;
}

struct sheaf_task *check_build(struct check *c, uint16_t slot, const uint8_t *cdb, uint8_t length,
			       uint8_t direction, uint32_t bytes, uint32_t lun)
{
	struct check_slot *s = &c->slot[slot];
	struct sheaf_task *task = &c->view.commands[slot];

	s->requested = bytes;
	s->generation++;
	memset(task, 0, sizeof(*task));
	task->version = SHEAF_TASK_VERSION;
	task->controller_task_identifier = (uint64_t)s->generation << 32 | c->ids[slot];
	task->requested_transfer_count = bytes;
	task->buffer_iovm_addr = sheaf_view_buffer_offset(&c->view, slot) + CHECK_MARGIN;
	task->task_tag_identifier = ++c->tag;
	put_lun(task->logical_unit_bytes, lun);
	memcpy(task->command_descriptor_block, cdb, length);
	task->command_size = length;
	task->transfer_direction = bytes ? direction : SHEAF_TRANSFER_NONE;
	task->timeout_in_milli_sec = (uint32_t)(c->patience_ns / 1000000);
	return task;
}

void check_hand_over(struct check *c, const uint16_t slots[], uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		struct check_slot *s = &c->slot[slots[i]];

		s->sent = c->view.commands[slots[i]];
		memset(&c->view.responses[slots[i]], PAINT, sizeof(struct sheaf_response));
		memset(slot_memory(c, slots[i]), PAINT, CHECK_MARGIN);
		memset(check_buffer(c, slots[i]) + s->requested, PAINT, CHECK_MARGIN);
		open_buffer(c, slots[i], true);
		s->out = true;
		s->ended = false;
		c->out++;
	}
	if (c->bundled) {
		c->port.bundle(c->port.arg, slots, n);
		return;
	}
	for (uint16_t i = 0; i < n; i++) {
		struct check_slot *s = &c->slot[slots[i]];
		struct sheaf_task task = s->sent;

		if (c->port.single(c->port.arg, &task, slots[i]) != SHEAF_REQUEST_IN_PROCESS && s->out) {
			/* Over, and not to be completed. */
			sheaf_view_give(&c->controller_view, slots[i]);
			s->response = (struct sheaf_response){
				.version = SHEAF_TASK_VERSION,
				.service_response = SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE,
				.completion_status = SHEAF_DELIVERY_NO_STATUS,
			};
			s->out = false;
			s->ended = true;
			c->out--;
		}
	}
}

static void tick_done(struct sheaf_op *op, int result)
{
	struct check *c = (struct check *)((char *)op - offsetof(struct check, tick));

	(void)result;
	c->tick_armed = false;
}

static void turn(struct check *c)
{
	int r;

	if (!c->tick_armed) {
		c->tick_armed = true;
		c->tick.done = tick_done;
		sheaf_loop_timer(c->loop, &c->tick, TICK_NS);
	}
	r = sheaf_loop_turn(c->loop, !c->options->program || check_far_may_sleep(c));
	if (r < 0)
		check_skip(c, "the loop failed: %s", strerror(-r));
	if (c->options->program)
		check_far_take(c);
}

bool check_wait(struct check *c)
{
	uint64_t end = sheaf_clock_ns() + c->patience_ns;

	do
		turn(c);
	while (c->out && sheaf_clock_ns() < end);
	return c->out == 0;
}

void check_all_end(struct check *c)
{
	if (check_wait(c))
		return;
	if (c->judges) {
		check_noted(c, c->judges);
		check_skip(c, "tasks do not end");
	}
	for (uint16_t i = 0; i < c->slots; i++)
		if (c->slot[i].out)
			check_stuck(c, "%u of the tasks did not end within %llu ms, the first in slot %u, opcode %02x%s%s",
				    c->out, (unsigned long long)(c->patience_ns / 1000000), i,
				    c->slot[i].sent.command_descriptor_block[0],
				    c->noted[CHECK_OWNER][0] ? "; " : "", c->noted[CHECK_OWNER]);
}

void check_linger(struct check *c)
{
	for (unsigned i = 0; i < LINGER_TURNS; i++)
		turn(c);
}

void check_noted(struct check *c, unsigned kinds)
{
	for (unsigned i = 0; i < CHECK_MISDEEDS; i++)
		if (kinds & 1u << i && c->noted[i][0])
			check_fail(c, "%s", c->noted[i]);
}

void check_untouched(struct check *c)
{
	for (uint16_t i = 0; i < c->slots; i++) {
		const struct check_slot *s = &c->slot[i];

		if (!s->ended)
			continue;
		if (c->bundled && !is_painted((const uint8_t *)&c->view.responses[i],
					      sizeof(struct sheaf_response)))
			note(c, CHECK_TOUCHED, "slot %u: the response was written after it was given back", i);
		if (memcmp(&c->view.commands[i], &s->sent, sizeof(s->sent)) != 0)
			note(c, CHECK_TOUCHED, "slot %u: the command was written after it was given back", i);
		if (c->guard && c->options->program &&
		    !is_painted(check_buffer(c, i), s->requested))
			note(c, CHECK_TOUCHED, "slot %u: the buffer was written after it was given back", i);
	}
}

struct check_answer check_answer_of(struct check *c, uint16_t slot)
{
	struct check_answer a = { .response = c->slot[slot].response,
				  .data = check_buffer(c, slot),
				  .key = 0xff };
	const struct sheaf_response *r = &a.response;
	struct sheaf_sense sense;

	a.good = r->service_response == SHEAF_TASK_COMPLETE &&
		 r->completion_status == SHEAF_STATUS_GOOD;
	if (r->service_response == SHEAF_TASK_COMPLETE &&
	    r->completion_status == SHEAF_STATUS_CHECK_CONDITION &&
	    sheaf_sense_parse(r->sense_buffer, r->sense_length, &sense)) {
		a.key = sense.key;
		a.asc = sense.asc;
	}
	return a;
}

struct check_answer check_run(struct check *c, const uint8_t *cdb, uint8_t length,
			      uint8_t direction, uint32_t bytes, uint32_t lun)
{
	static const uint16_t slot;

	check_build(c, slot, cdb, length, direction, bytes, lun);
	if (direction == SHEAF_TRANSFER_FROM_TARGET)
		memset(check_buffer(c, slot), PAINT, bytes);
	check_hand_over(c, &slot, 1);
	check_all_end(c);
	return check_answer_of(c, slot);
}

const char *check_say(const struct check_answer *a)
{
	static char text[80];
	const struct sheaf_response *r = &a->response;

	if (r->service_response != SHEAF_TASK_COMPLETE)
		snprintf(text, sizeof(text), "service response %u, status %#x", r->service_response,
			 r->completion_status);
	else if (r->completion_status == SHEAF_STATUS_GOOD)
		snprintf(text, sizeof(text), "GOOD");
	else if (r->completion_status == SHEAF_STATUS_CHECK_CONDITION && a->key != 0xff)
		snprintf(text, sizeof(text), "CHECK CONDITION, sense %x/%02x/%02x", a->key,
			 a->asc >> 8, a->asc & 0xff);
	else
		snprintf(text, sizeof(text), "status %#x", r->completion_status);
	return text;
}
