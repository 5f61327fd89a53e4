/* SPDX-License-Identifier: MIT */
/*
 * sim_driver.c - the driver of the simulation: carries tasks out on the image when the schedule says so; see sim.h.
 *
 * It checks what it gets, as the host must not hand over a slot that the driver has, nor anything but what a client has started.
 * In hostile schedules it does not: there it writes into the region what it likes.
 */
#include "sim.h"

#include <assert.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <string.h>

#include <sheaf/scsi.h>

#include "base/bits.h"
#include "base/counter.h"
#include "scsi/sense.h"

static int initialize_controller(void *controller)
{
	((struct sim_world *)controller)->mapped_ids = 0;
	return 0;
}

static int report_initiator_identifier(void *controller, uint64_t *ret_id)
{
	(void)controller;
	*ret_id = 7;
	return 0;
}

static int report_highest_supported_device_id(void *controller, uint64_t *ret_id)
{
	(void)controller;
	*ret_id = 0;
	return 0;
}

static int report_maximum_task_count(void *controller, uint32_t *ret_count)
{
	(void)controller;
	*ret_count = SIM_SLOTS_MAX;
	return 0;
}

static int report_maximum_context_count(void *controller, uint32_t *ret_count)
{
	(void)controller;
	*ret_count = UINT32_MAX;
	return 0;
}

static int map_data_area(void *controller, uint8_t *data, size_t bytes, size_t buffer_bytes)
{
	(void)controller, (void)data, (void)bytes, (void)buffer_bytes;
	return 0;
}

static int map_hba_data(void *controller, uint32_t *ret_id)
{
	*ret_id = ++((struct sim_world *)controller)->mapped_ids;
	return 0;
}

static int map_buffers(void *controller, const struct sheaf_task *commands, struct sheaf_response *responses,
		       uint32_t slots)
{
	(void)controller, (void)commands, (void)responses, (void)slots;
	return 0;
}

static int start_controller(void *controller)
{
	(void)controller;
	return 0;
}

static int report_highest_lun(void *controller, uint64_t *ret)
{
	(void)controller;
	*ret = SIM_LUS - 1;
	return 0;
}

static int create_context(void *controller, struct sheaf_context *context, void **ret_private)
{
	struct sim_world *w = controller;

	(void)context;
	for (unsigned i = 0; i < w->context_count; i++)
		if (w->contexts[i].loop == sheaf_context_loop(context))
			*ret_private = &w->contexts[i];
	return 0;
}

static void destroy_context(void *private_data)
{
	((struct sim_context *)private_data)->done_count = 0;
}

static void stop(void *controller)
{
	(void)controller;
}

unsigned sim_context_of(const struct sim_world *w, unsigned slot)
{
	const struct sheaf_slot_state *state = &w->host->slot_states[slot];

	return w->config.workers ? state->worker : atomic_load(&state->queue);
}

unsigned sim_driver_held(const struct sim_world *w, unsigned context)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->host->slots; i++)
		n += w->held[i].held && sim_context_of(w, i) == context;
	return n;
}

/* Requests */

/* What came is what a client started, in the order in which it did. */
static void check_task(struct sim_context *c, uint16_t slot, const struct sheaf_task *task)
{
	struct sim_world *w = c->world;
	struct sim_task *t = &w->tasks[slot];
	const uint8_t *cdb = task->command_descriptor_block;

	sim_check(w, slot < w->host->slots && !w->held[slot].held, "slot %u was handed over, and the driver has it",
		  slot);
	if (w->plan.hostile)
		return; /* its command may be what the hostile driver has written there */
	sim_check(w, t->phase == SIM_ACTIVE || w->host->slot_states[slot].owner == SHEAF_SLOT_QUARANTINED, "slot %u was handed over, and nobody started a task in it", slot);
	sim_check(w, task->controller_task_identifier == w->host->slot_states[slot].identifier &&
			     task->controller_task_identifier != w->last_identifier[slot],
		  "slot %u came again with the identifier of the task before", slot);
	sim_check(w, task->logical_unit_bytes[1] == t->command.lu &&
			     sheaf_get_be64(cdb + SHEAF_CDB_16_LBA) == t->command.lba &&
			     sheaf_get_be32(cdb + SHEAF_CDB_16_TRANSFER_LENGTH) == t->command.blocks &&
			     task->buffer_iovm_addr == sheaf_view_buffer_offset(&w->host->view, slot),
		  "the command in slot %u is not that of its task", slot);
	t->attempts++;
	sim_check(w, t->attempts == 1 || sim_repeats(t->command.kind),
		  "task %" PRIu64 " (%s) was given to a driver twice", t->number, sim_kind_names[t->command.kind]);
	if (t->attempts == 1 && t->gone == w->clients[t->queue].gone) {
		sim_check(w, t->number > c->last_number[t->queue], "task %" PRIu64 " came before an earlier one",
			  t->number);
		c->last_number[t->queue] = t->number;
	}
}

static void hold(struct sim_context *c, uint16_t slot, const struct sheaf_task *task)
{
	struct sim_world *w = c->world;

	w->last_identifier[slot] = task->controller_task_identifier;
	w->held[slot] = (struct sim_held){
		.held = true,
		.number = w->tasks[slot].number,
		.command = w->tasks[slot].command,
		.identifier = task->controller_task_identifier,
	};
	if (w->plan.hostile) {
		/* The hostile driver before it may have written anything into the command slot; it is not carried out. */
		w->held[slot].command.kind = SIM_RESERVE;
		w->held[slot].identifier = w->host->slot_states[slot].identifier;
	}
	sim_event(w, "driver %u: got slot %u", c->number, slot);
}

static uint8_t *buffer_of(struct sim_world *w, unsigned slot)
{
	return sheaf_view_buffer(&w->host->controller_view, slot);
}

/* The value of block @i of a write, from the slot's memory, which must still be as the client filled it. */
static uint64_t value_in_buffer(struct sim_world *w, unsigned slot, unsigned i, uint64_t expected)
{
	uint64_t pair[2];

	memcpy(pair, buffer_of(w, slot) + i * SIM_BLOCK_BYTES, sizeof(pair));
	sim_check(w, pair[0] == expected && pair[1] == ~expected,
		  "the memory of slot %u was written to while the driver had it", slot);
	return pair[0];
}

static void land(struct sim_world *w, unsigned slot, unsigned upto)
{
	struct sim_held *h = &w->held[slot];

	for (; h->command.kind == SIM_WRITE && h->landed < upto && h->landed < h->command.blocks; h->landed++)
		w->disk.written[h->command.lu][h->command.lba + h->landed] =
			value_in_buffer(w, slot, h->landed, h->command.value + h->landed);
}

static enum sim_answer carry_out(struct sim_world *w, unsigned slot)
{
	struct sim_held *h = &w->held[slot];
	const struct sim_command *c = &h->command;
	uint64_t *block = &w->disk.written[c->lu][c->lba];

	switch (c->kind) {
	case SIM_READ:
		for (unsigned i = 0; i < c->blocks; i++) {
			uint64_t pair[2] = { block[i], ~block[i] };

			memcpy(buffer_of(w, slot) + i * SIM_BLOCK_BYTES, pair, sizeof(pair));
		}
		break;
	case SIM_WRITE:
		land(w, slot, c->blocks);
		break;
	case SIM_FLUSH:
		memcpy(w->disk.flushed[c->lu], w->disk.written[c->lu], sizeof(w->disk.flushed[c->lu]));
		break;
	case SIM_COMPARE:
		if (*block != value_in_buffer(w, slot, 0, c->expected))
			return SIM_ANSWER_MISCOMPARE;
		*block = value_in_buffer(w, slot, 1, c->value);
		break;
	case SIM_RESERVE:
		break;
	}
	return SIM_ANSWER_GOOD;
}

static void respond(struct sheaf_response *r, const struct sim_held *h, enum sim_answer answer, bool busy)
{
	struct sheaf_sense sense = { .key = SHEAF_KEY_MEDIUM_ERROR, .asc = SHEAF_ASC_WRITE_ERROR };
	const struct sim_command *c = &h->command;

	memset(r, 0, offsetof(struct sheaf_response, sense_buffer));
	r->version = SHEAF_TASK_VERSION;
	r->controller_task_identifier = h->identifier;
	r->service_response = SHEAF_TASK_COMPLETE;
	r->completion_status = SHEAF_STATUS_GOOD;
	switch (answer) {
	case SIM_ANSWER_GOOD:
		r->bytes_transferred = (c->kind == SIM_COMPARE ? 2 : c->blocks) * SIM_BLOCK_BYTES;
		return;
	case SIM_ANSWER_ABORTED:
		r->service_response = SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE;
		r->completion_status = SHEAF_DELIVERY_NO_STATUS;
		return;
	case SIM_ANSWER_AGAIN:
		if (busy) {
			r->completion_status = SHEAF_STATUS_BUSY;
			return;
		}
		sense.key = SHEAF_KEY_UNIT_ATTENTION;
		sense.asc = SHEAF_ASC_POWER_ON;
		break;
	case SIM_ANSWER_MISCOMPARE:
		sense.key = SHEAF_KEY_MISCOMPARE;
		sense.asc = SHEAF_ASC_MISCOMPARE_DURING_VERIFY;
		break;
	default:
		break;
	}
	r->completion_status = SHEAF_STATUS_CHECK_CONDITION;
	r->sense_length = (uint8_t)sheaf_sense_build_fixed(&sense, r->sense_buffer);
}

/* The I/O of a task is over, in one way or another. Return: what the driver will say. */
static enum sim_answer end_io(struct sim_world *w, unsigned slot)
{
	struct sim_held *h = &w->held[slot];
	struct sim_random *r = &w->random;

	if (w->plan.hostile)
		return SIM_ANSWER_ABORTED;
	if (h->aborted) {
		land(w, slot, sim_below(r, SIM_TASK_BLOCKS));
		return SIM_ANSWER_ABORTED;
	}
	if (!w->draining && sim_percent(r, w->plan.errors)) {
		land(w, slot, sim_below(r, SIM_TASK_BLOCKS));
		return SIM_ANSWER_ERROR;
	}
	if (!w->draining && h->landed == 0 && sim_percent(r, w->plan.again))
		return SIM_ANSWER_AGAIN;
	return carry_out(w, slot);
}

/* It does not have the slot any more. */
static void let_go(struct sim_world *w, unsigned slot)
{
	struct sim_held *h = &w->held[slot];
	struct sim_task *t = &w->tasks[slot];

	h->held = false;
	t->lingers = false;
	if ((h->command.kind == SIM_WRITE || h->command.kind == SIM_COMPARE) &&
	    !(t->phase == SIM_ACTIVE && t->number == h->number))
		sim_disk_dead(&w->disk, h->command.lu, h->command.lba, h->command.blocks, h->command.value);
}

/*
 * Shall this completion be given twice? Not where the completion ring might have no room for it: what is lost there is the
 * driver's own loss, and its tasks would only end by their deadline.
 */
static bool is_sloppy(struct sim_context *c, unsigned slot)
{
	struct sim_world *w = c->world;
	unsigned queue = atomic_load(&w->host->slot_states[slot].queue);
	struct sheaf_ring_end *end;
	uint32_t room;

	if (!sim_percent(&w->random, w->plan.sloppy))
		return false;
	if (!w->config.workers)
		return true;
	end = &c->context->lanes[queue].lane.completion;
	/* head begins the second cache line of a ring (lane.c). */
	room = end->mask + 1 - (end->index - atomic_load((_Atomic uint32_t *)end->ring + 16));
	return room >= 2 + sheaf_count_get(&w->host->queues[queue]->lanes[c->number].in_flight);
}

/* In single-task mode a response travels by value, so it is completed at once; bundled, it is gathered. */
static void finish(struct sim_context *c, uint16_t slot)
{
	struct sim_world *w = c->world;
	struct sim_held h = w->held[slot];
	struct sheaf_response by_value, *response = &w->host->controller_view.responses[slot];
	enum sim_answer answer = end_io(w, slot);

	if (w->tasks[slot].number == h.number)
		w->tasks[slot].answer = answer;
	sim_event(w, "driver %u: slot %u is done, answer %d", c->number, slot, answer);
	respond(w->host->bundled ? response : &by_value, &h, answer, sim_percent(&w->random, 50));
	let_go(w, slot);
	if (w->host->bundled) {
		c->done[c->done_count++] = slot;
		return;
	}
	sheaf_parallel_task_completion(c->context, slot, &by_value);
	if (is_sloppy(c, slot)) {
		w->injected++;
		sheaf_parallel_task_completion(c->context, slot, &by_value);
	}
}

static void complete(struct sim_context *c)
{
	struct sim_world *w = c->world;

	while (c->done_count) {
		uint16_t slots[SHEAF_BUNDLE_MAX];
		uint16_t n = 0;
		uint16_t most = (uint16_t)(1 + sim_below(&w->random, SHEAF_BUNDLE_MAX));

		/* In any order. */
		for (; n < most && c->done_count; n++) {
			unsigned i = sim_below(&w->random, c->done_count);

			slots[n] = c->done[i];
			c->done[i] = c->done[--c->done_count];
		}
		if (n < SHEAF_BUNDLE_MAX && is_sloppy(c, slots[0])) {
			w->injected++;
			slots[n++] = w->config.workers || sim_percent(&w->random, 50) ?
					     slots[0] :
					     (uint16_t)(w->host->slots + sim_below(&w->random, 100));
		}
		sim_event(w, "driver %u: completes %u", c->number, n);
		sheaf_bundled_parallel_task_completion(c->context, slots, n);
	}
}

static void process_bundled_parallel_tasks(void *private_data, const uint16_t slots[], uint16_t count)
{
	struct sim_context *c = private_data;
	struct sim_world *w = c->world;

	if (w->hostile_now)
		return;
	sim_check(w, count >= 1 && count <= w->config.bundle_max, "a bundle of %u", count);
	for (uint16_t i = 0; i < count; i++) {
		const struct sheaf_task *task = &w->host->controller_view.commands[slots[i]];

		check_task(c, slots[i], task);
		hold(c, slots[i], task);
		if (sim_percent(&w->random, w->plan.answers_inline)) {
			sim_count(w, SIM_INLINE);
			finish(c, slots[i]);
		}
	}
	if (sim_percent(&w->random, 50))
		complete(c);
}

static enum sheaf_service_response process_parallel_task(void *private_data, const struct sheaf_task *task,
							 sheaf_action action)
{
	struct sim_context *c = private_data;
	struct sim_world *w = c->world;

	if (w->hostile_now)
		return (enum sheaf_service_response)sim_below(&w->random, 6);
	check_task(c, (uint16_t)action, task);
	if (!w->draining && sim_percent(&w->random, w->plan.refuses)) {
		w->tasks[action].answer = SIM_ANSWER_ABORTED;
		return SHEAF_SERVICE_DELIVERY_OR_TARGET_FAILURE;
	}
	hold(c, (uint16_t)action, task);
	if (sim_percent(&w->random, w->plan.answers_inline)) {
		sim_count(w, SIM_INLINE);
		finish(c, (uint16_t)action);
	}
	return SHEAF_REQUEST_IN_PROCESS;
}

static void end_of_turn(void *private_data)
{
	complete(private_data);
}

/* Give back a slot once more that was given back before, with what was its answer then. */
static void complete_again(struct sim_context *c)
{
	struct sim_world *w = c->world;
	uint16_t slot = (uint16_t)sim_below(&w->random, w->host->slots);
	struct sim_held h = { .identifier = w->last_identifier[slot] };
	struct sheaf_response by_value;

	/* Behind its first answer: in another lane it might be before it, and taken for it. */
	if (!w->last_identifier[slot] || w->held[slot].held || sim_context_of(w, slot) != c->number ||
	    !is_sloppy(c, slot))
		return;
	w->injected++;
	sim_event(w, "driver %u: completes slot %u again", c->number, slot);
	respond(&by_value, &h, SIM_ANSWER_GOOD, false);
	if (w->host->bundled)
		sheaf_bundled_parallel_task_completion(c->context, &slot, 1);
	else
		sheaf_parallel_task_completion(c->context, slot, &by_value);
}

/* I/O */

void sim_driver_io(struct sim_context *c, unsigned n)
{
	struct sim_world *w = c->world;
	unsigned slots = w->host->slots, at = sim_below(&w->random, slots);

	for (unsigned i = 0; i < slots && n; i++) {
		uint16_t slot = (uint16_t)((at + i) % slots);

		if (!w->held[slot].held || sim_context_of(w, slot) != c->number ||
		    (!w->draining && sim_percent(&w->random, w->plan.stuck)))
			continue;
		finish(c, slot);
		n--;
	}
	if (w->draining || sim_percent(&w->random, 50))
		complete(c);
	if (!w->draining)
		complete_again(c);
}

void sim_driver_land(struct sim_world *w)
{
	unsigned slot = sim_below(&w->random, w->host->slots);
	struct sim_held *h = &w->held[slot];

	if (h->held && h->command.kind == SIM_WRITE && h->command.blocks > 1 && !h->aborted)
		land(w, slot, 1 + sim_below(&w->random, h->command.blocks - 1));
}

void sim_driver_fence(struct sim_world *w)
{
	for (unsigned i = 0; i < w->host->slots; i++) {
		const struct sim_command *c = &w->tasks[i].command;

		if (w->held[i].held)
			let_go(w, i);
		/* It was still in a lane. */
		if (w->tasks[i].lingers)
			sim_disk_dead(&w->disk, c->lu, c->lba, c->blocks, c->value);
		w->tasks[i].lingers = false;
	}
}

/* Task management: marks, as a driver does; the tasks are still completed. */

static void abort_matching(struct sim_world *w, uint64_t lun, uint64_t tag)
{
	for (unsigned i = 0; i < w->host->slots; i++)
		if (w->held[i].held && w->held[i].command.lu == lun && (!tag || w->held[i].identifier == tag))
			w->held[i].aborted = true;
}

static enum sheaf_service_response abort_task_request(void *controller, uint64_t target, uint64_t lun, uint64_t tag)
{
	(void)target;
	abort_matching(controller, lun, tag);
	return SHEAF_FUNCTION_COMPLETE;
}

static enum sheaf_service_response abort_lun_request(void *controller, uint64_t target, uint64_t lun)
{
	(void)target;
	abort_matching(controller, lun, 0);
	return SHEAF_FUNCTION_COMPLETE;
}

static enum sheaf_service_response target_reset_request(void *controller, uint64_t target)
{
	(void)target;
	for (unsigned lun = 0; lun < SIM_LUS; lun++)
		abort_matching(controller, lun, 0);
	return SHEAF_FUNCTION_COMPLETE;
}

const struct sheaf_controller_ops sim_driver_ops = {
	.name = "simulated",
	.initialize_controller = initialize_controller,
	.report_initiator_identifier = report_initiator_identifier,
	.report_highest_supported_device_id = report_highest_supported_device_id,
	.report_maximum_task_count = report_maximum_task_count,
	.report_maximum_context_count = report_maximum_context_count,
	.map_data_area = map_data_area,
	.map_hba_data = map_hba_data,
	.map_bundled_parallel_task_command_and_response_buffers = map_buffers,
	.start_controller = start_controller,
	.report_hba_highest_logical_unit_number = report_highest_lun,
	.create_context = create_context,
	.destroy_context = destroy_context,
	.process_bundled_parallel_tasks = process_bundled_parallel_tasks,
	.process_parallel_task = process_parallel_task,
	.end_of_turn = end_of_turn,
	.abort_task_request = abort_task_request,
	.abort_task_set_request = abort_lun_request,
	.clear_aca_request = abort_lun_request,
	.clear_task_set_request = abort_lun_request,
	.logical_unit_reset_request = abort_lun_request,
	.target_reset_request = target_reset_request,
	.stop = stop,
};

/* Hostile */

/* Something that is nearly right more often than not, so that it gets past the first check. */
static void spoil_response(struct sim_world *w, unsigned slot, struct sheaf_response *r)
{
	struct sim_random *random = &w->random;
	const struct sheaf_slot_state *state = &w->host->slot_states[slot];

	memset(r, 0, sizeof(*r));
	r->version = sim_percent(random, 90) ? SHEAF_TASK_VERSION : sim_next(random);
	r->controller_task_identifier =
		state->identifier - (sim_percent(random, 80) ? 0 : sim_next(random) >> sim_below(random, 64));
	r->service_response = sim_percent(random, 80) ? SHEAF_TASK_COMPLETE : sim_below(random, 8);
	r->completion_status = sim_percent(random, 60) ? SHEAF_STATUS_GOOD :
			       sim_percent(random, 50) ? SHEAF_STATUS_BUSY :
							 sim_below(random, 0x30);
	r->bytes_transferred = sim_percent(random, 70) ? state->requested : sim_next(random);
	r->sense_length = (uint8_t)sim_next(random);
	for (unsigned i = 0; i < SHEAF_SENSE_MAX; i += 8) {
		uint64_t any = sim_next(random);

		memcpy(r->sense_buffer + i, &any, sizeof(any));
	}
}

static void hostile_completion(struct sim_world *w, unsigned queue)
{
	struct sim_random *random = &w->random;
	struct sheaf_queue *q = w->host->queues[queue];
	struct sheaf_completion_port port = sheaf_queue_completion_port(q);
	struct sheaf_lane *far = w->config.workers ?
					 &w->far[queue * w->config.workers + sim_below(random, w->config.workers)] :
					 NULL;
	uint16_t slots[SHEAF_BUNDLE_MAX];
	uint16_t n = (uint16_t)(1 + sim_below(random, SHEAF_BUNDLE_MAX));

	if (far && sim_percent(random, 50)) {
		struct sheaf_task task;
		uint16_t ignored[SHEAF_BUNDLE_MAX];
		sheaf_action action;

		for (unsigned i = 0; i < 4; i++)
			if (w->host->bundled)
				sheaf_ring_pop_bundle(&far->request, ignored);
			else
				sheaf_ring_pop_task(&far->request, &action, &task);
	}
	for (uint16_t i = 0; i < n; i++) {
		slots[i] = (uint16_t)(sim_percent(random, 95) ? sim_below(random, w->host->slots) : sim_next(random));
		if (slots[i] < w->host->slots)
			spoil_response(w, slots[i], &w->raw.responses[slots[i]]);
	}
	if (w->host->bundled && far) {
		sheaf_ring_push_bundle(&far->completion, slots, n);
	} else if (w->host->bundled) {
		/* Counts that cannot be, too; nothing is read of more than 32. */
		port.bundle(port.arg, slots, sim_percent(random, 90) ? n : (uint16_t)(sim_below(random, 2) * 33));
	} else {
		struct sheaf_response r;
		uint32_t slot = slots[0];

		spoil_response(w, slot % w->host->slots, &r);
		if (sim_percent(random, 5))
			slot |= 0x10000;
		if (far)
			sheaf_ring_push_response(&far->completion, slot, &r);
		else
			port.single(port.arg, slot, &r);
	}
	if (far)
		w->clients[queue].loop->rung |= sim_percent(random, 80);
}

/* Anywhere that host or rings look at, but the data. */
static void hostile_write(struct sim_world *w, unsigned queue)
{
	struct sim_random *random = &w->random;
	unsigned lanes = w->config.queues * w->config.workers;
	size_t end = w->raw.geometry.data_offset;
	unsigned words = 1 + sim_below(random, 8);

	for (unsigned i = 0; i < words; i++) {
		uint64_t any = sim_percent(random, 50) ? sim_below(random, 80) : sim_next(random);
		uint8_t *at = w->raw.base + (sim_next(random) % (end - sizeof(any)) & ~UINT64_C(7));

		/* Half of the time an index of a ring, which chance alone would hardly meet: tail, head, asleep. */
		if (lanes && sim_percent(random, 50)) {
			struct sheaf_lane *far = &w->far[queue * w->config.workers];
			struct sheaf_ring_end *ring = sim_percent(random, 50) ? &far->completion : &far->request;

			at = (uint8_t *)ring->ring + 64 * sim_below(random, 3);
			any = sim_percent(random, 70) ? ring->index + sim_below(random, 4) : any;
		}
		/* And what a task asks for, which the check of its answer must not go by. */
		if (sim_percent(random, 20))
			at = (uint8_t *)&w->raw.commands[sim_below(random, w->host->slots)].requested_transfer_count;
		memcpy(at, &any, sizeof(any));
	}
}

void sim_driver_hostile(struct sim_world *w, unsigned queue)
{
	if (w->driver == SIM_FENCED)
		return;
	sim_count(w, SIM_HOSTILE);
	if (sim_percent(&w->random, 60))
		hostile_completion(w, queue);
	else
		hostile_write(w, queue);
	if (w->config.workers && sim_percent(&w->random, 3))
		w->clients[queue].loop->rung = true;
}

void sim_driver_repent(struct sim_world *w, unsigned queue)
{
	struct sheaf_completion_port port = sheaf_queue_completion_port(w->host->queues[queue]);

	for (uint16_t slot = 0; slot < w->host->slots; slot++) {
		const struct sheaf_slot_state *state = &w->host->slot_states[slot];
		struct sim_held h = { .identifier = state->identifier };
		struct sheaf_response r;

		if (!sheaf_queue_owns(w->host->queues[queue], slot) ||
		    (state->owner != SHEAF_SLOT_CONTROLLER &&
		     (state->owner != SHEAF_SLOT_QUARANTINED || state->returned)))
			continue;
		respond(w->host->bundled ? &w->raw.responses[slot] : &r, &h, SIM_ANSWER_ABORTED, false);
		if (w->host->bundled)
			port.bundle(port.arg, &slot, 1);
		else
			port.single(port.arg, slot, &r);
	}
}
