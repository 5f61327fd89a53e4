/* SPDX-License-Identifier: MIT */
/**
 * scsi_fixture.h - an LU over a store made of an array, with no loop and no thread
 *
 * The store queues each io and does it when the test drains the queue: first in first out, or in an
 * order that the test picks. The next io of an op can be made to fail. Holes are kept per 512
 * bytes.
 */
#ifndef SHEAF_TEST_SCSI_FIXTURE_H
#define SHEAF_TEST_SCSI_FIXTURE_H

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/scsi.h>

#include "base/bits.h"
#include "scsi/lu.h"
#include "scsi/nexus.h"
#include "scsi/sense.h"

#define FAKE_QUEUE_MAX 64
#define FAKE_SECTOR    512
#define FIXTURE_TASKS_MAX 16

struct fake_note {
	uint8_t bytes[SHEAF_STORE_KEPT_MAX];
	int length;			/* negative: what kept() says; -EOPNOTSUPP at first */
	struct sheaf_store_io *keeping; /* until the next access is done, or the next drain */
};

struct fake_store {
	struct sheaf_store store; /* first */
	uint8_t *bytes;
	bool *mapped; /* per sector */
	struct sheaf_store_io *queue[FAKE_QUEUE_MAX];
	unsigned queued;
	int fail[SHEAF_STORE_STATUS + 1]; /* negative errno for the next io of this op, once */
	bool fail_always;
	uint64_t fail_moved; /* what a failing io had moved */
	unsigned done[SHEAF_STORE_STATUS + 1];
	uint64_t extent_max; /* STATUS says at most this much; 0: no limit */
	bool last_fua;
	struct fake_note notes[SHEAF_STORE_NOTES];
	int keep_result;
	struct sheaf_store_space space;
	struct sheaf_store_io *measuring; /* until the next drain */
	int measure_result;
};

static inline struct fake_store *fake_of(struct sheaf_store *store)
{
	return (struct fake_store *)store;
}

static void fake_submit(struct sheaf_store *store, struct sheaf_loop *loop,
			struct sheaf_store_io *io)
{
	struct fake_store *fake = fake_of(store);

	(void)loop;
	assert(fake->queued < FAKE_QUEUE_MAX);
	assert(io->op == SHEAF_STORE_FLUSH || io->length > 0);
	assert(io->offset % 512 == 0 && io->length % 512 == 0);
	assert(sheaf_range_within(io->offset, io->length, store->size_bytes));
	fake->queue[fake->queued++] = io;
}

static struct sheaf_store *fake_free(struct sheaf_store *store)
{
	struct fake_store *fake = fake_of(store);

	free(fake->bytes);
	free(fake->mapped);
	free(fake);
	return NULL;
}

static void fake_keep(struct sheaf_store *store, struct sheaf_loop *loop, struct sheaf_store_io *io)
{
	struct fake_note *note = &fake_of(store)->notes[io->offset];

	(void)loop;
	assert(io->offset < SHEAF_STORE_NOTES && !note->keeping && io->length <= SHEAF_STORE_KEPT_MAX);
	note->keeping = io;
}

static int fake_kept(struct sheaf_store *store, enum sheaf_store_note which, void *data, size_t room)
{
	const struct fake_note *note = &fake_of(store)->notes[which];

	if (note->length < 0)
		return note->length;
	if ((size_t)note->length > room)
		return -E2BIG;
	memcpy(data, note->bytes, (size_t)note->length);
	return note->length;
}

static inline void fake_measure(struct sheaf_store *store, struct sheaf_loop *loop, struct sheaf_store_io *io)
{
	(void)loop;
	assert(store->can_measure && !fake_of(store)->measuring);
	fake_of(store)->measuring = io;
}

static const struct sheaf_store_ops fake_ops = {
	.name = "fake",
	.submit = fake_submit,
	.keep = fake_keep,
	.kept = fake_kept,
	.measure = fake_measure,
	.free = fake_free,
};

static inline struct fake_store *fake_create(uint64_t size)
{
	struct fake_store *fake = calloc(1, sizeof(*fake));

	fake->store.ops = &fake_ops;
	fake->store.size_bytes = size;
	fake->store.alignment_bytes = 1;
	fake->store.physical_block_bytes = 4096;
	fake->store.can_discard = true;
	for (unsigned i = 0; i < SHEAF_STORE_NOTES; i++)
		fake->notes[i].length = -EOPNOTSUPP;
	/* Large stores are for addresses only. */
	fake->bytes = calloc(1, size < (16u << 20) ? size : 1);
	fake->mapped = calloc(size < (16u << 20) ? size / FAKE_SECTOR : 1, sizeof(bool));
	return fake;
}

static inline void fake_status(struct fake_store *fake, struct sheaf_store_io *io)
{
	uint64_t first = io->offset / FAKE_SECTOR, n = 1;

	if (fake->store.size_bytes >= (16u << 20)) {
		io->extent_hole = true;
		io->extent_bytes = io->length;
		return;
	}
	while (n < io->length / FAKE_SECTOR && fake->mapped[first + n] == fake->mapped[first])
		n++;
	io->extent_hole = !fake->mapped[first];
	io->extent_bytes = n * FAKE_SECTOR;
	if (fake->extent_max && io->extent_bytes > fake->extent_max)
		io->extent_bytes = fake->extent_max;
}

static inline void fake_mark(struct fake_store *fake, const struct sheaf_store_io *io, bool mapped)
{
	for (uint64_t i = 0; i < io->length / FAKE_SECTOR; i++)
		fake->mapped[io->offset / FAKE_SECTOR + i] = mapped;
}

/* What is to be kept is. Did anything wait for that? */
static inline bool fake_keep_all(struct fake_store *fake)
{
	bool any = false;

	for (unsigned i = 0; i < SHEAF_STORE_NOTES; i++) {
		struct fake_note *note = &fake->notes[i];
		struct sheaf_store_io *io = note->keeping;

		if (!io)
			continue;
		any = true;
		note->keeping = NULL;
		if (fake->keep_result == 0) {
			memcpy(note->bytes, io->data, io->length);
			note->length = (int)io->length;
		}
		io->done(io, fake->keep_result);
	}
	return any;
}

/* Do the io at place @index of the queue, after what is to be kept before it. */
static inline void fake_complete(struct fake_store *fake, unsigned index)
{
	struct sheaf_store_io *io;
	int result;

	fake_keep_all(fake);
	io = fake->queue[index];
	result = fake->fail[io->op];

	memmove(fake->queue + index, fake->queue + index + 1,
		(fake->queued - index - 1) * sizeof(fake->queue[0]));
	fake->queued--;
	fake->done[io->op]++;
	fake->last_fua = io->fua;
	if (result) {
		if (!fake->fail_always)
			fake->fail[io->op] = 0;
		io->moved = fake->fail_moved;
		io->done(io, result);
		return;
	}
	switch (io->op) {
	case SHEAF_STORE_READ:
		memcpy(io->data, fake->bytes + io->offset, io->length);
		break;
	case SHEAF_STORE_WRITE:
		memcpy(fake->bytes + io->offset, io->data, io->length);
		fake_mark(fake, io, true);
		break;
	case SHEAF_STORE_DISCARD:
	case SHEAF_STORE_ZERO:
		memset(fake->bytes + io->offset, 0, io->length);
		fake_mark(fake, io, io->op == SHEAF_STORE_ZERO);
		break;
	case SHEAF_STORE_STATUS:
		fake_status(fake, io);
		break;
	case SHEAF_STORE_FLUSH:
		break;
	}
	io->done(io, 0);
}

static inline void fake_complete_measure(struct fake_store *fake)
{
	struct sheaf_store_io *io = fake->measuring;

	fake->measuring = NULL;
	if (fake->measure_result == 0)
		*(struct sheaf_store_space *)io->data = fake->space;
	io->done(io, fake->measure_result);
}

static inline void fake_drain(struct fake_store *fake)
{
	while (fake_keep_all(fake) || fake->measuring || fake->queued)
		if (fake->measuring)
			fake_complete_measure(fake);
		else if (fake->queued)
			fake_complete(fake, 0);
}

/* One task, by one initiator, on an LU that is its own or another fixture's. */
struct scsi_fixture {
	struct fake_store *fake;
	struct sheaf_lu *lu;
	struct sheaf_task_set set; /* not of one that shares another's */
	uint32_t initiator;
	struct sheaf_loop *loop; /* NULL: none, and then the LU has no time */
	struct sheaf_lu_task lt;
	struct sheaf_response response;
	uint8_t *
		data; /* exactly requested_transfer_count bytes, so that ASan sees a touch beyond */
	uint32_t lun_count;
	bool absent;
	unsigned ended;
};

/* Tasks say where they belong by this. */
static inline void fixture_done(struct sheaf_lu_task *lt)
{
	struct scsi_fixture *f =
		(struct scsi_fixture *)((char *)lt - offsetof(struct scsi_fixture, lt));
	f->ended++;
}

/* There is one thread, so who waited goes on at once. */
static inline void fixture_resume(struct sheaf_lu_task *lt)
{
	sheaf_lu_continue(lt);
}

/* A second task (and initiator) on the LU of @with, which is closed last. */
static inline void fixture_share(struct scsi_fixture *f, struct scsi_fixture *with)
{
	memset(f, 0, sizeof(*f));
	f->fake = with->fake;
	f->lu = with->lu;
	f->lun_count = 1;
	sheaf_task_set_add(&with->set, &f->lt);
}

static inline void fixture_open(struct scsi_fixture *f, uint64_t size, uint32_t block_size,
				bool read_only)
{
	struct sheaf_lu_options options = { .block_size = block_size,
					    .maximum_transfer_bytes = 256 << 10,
					    .read_only = read_only,
					    .serial = "0123456789abcdef" };

	memset(f, 0, sizeof(*f));
	f->fake = fake_create(size);
	f->lun_count = 1;
	int r = sheaf_lu_create(&f->fake->store, &options, &f->lu);
	assert(r == 0);
	r = sheaf_task_set_init(&f->set, FIXTURE_TASKS_MAX, fixture_resume);
	assert(r == 0);
	(void)r;
	sheaf_task_set_add(&f->set, &f->lt);
	/* POWER ON is for the tests that ask for it. */
	for (uint32_t i = 0; i < SHEAF_INITIATORS_MAX; i++)
		sheaf_lu_take_attention(f->lu, i);
}

static inline void fixture_close(struct scsi_fixture *f)
{
	free(f->data);
	sheaf_task_set_deinit(&f->set);
	sheaf_lu_free(f->lu);
	sheaf_store_free(&f->fake->store);
}

/* Initiators 0 (@f) and 1 (@other) on one LU. */
static inline void fixture_open_two(struct scsi_fixture *f, struct scsi_fixture *other, uint64_t size,
				    uint32_t block_size, bool read_only)
{
	fixture_open(f, size, block_size, read_only);
	fixture_share(other, f);
	other->initiator = 1;
}

static inline void fixture_close_two(struct scsi_fixture *f, struct scsi_fixture *other)
{
	free(other->data);
	fixture_close(f);
}

/* Start a command without draining; data of the last command is gone. */
static inline void fixture_start(struct scsi_fixture *f, const uint8_t *cdb, unsigned size,
				 enum sheaf_transfer_direction direction, uint64_t count)
{
	uint8_t *data = malloc(count ? count : 1);

	memset(data, 0xee, count ? count : 1);
	if (count == 0) {
		free(data);
		data = NULL;
	}
	free(f->data);
	f->data = data;
	/* But for what the task set keeps in it. */
	memset(&f->lt.lu, 0xa5, sizeof(f->lt) - offsetof(struct sheaf_lu_task, lu));
	memset(&f->lt.task, 0, sizeof(f->lt.task));
	f->lt.task.task_tag_identifier = 1;
	f->lt.task.initiator_index = f->initiator;
	memset(&f->response, 0x5a, sizeof(f->response));
	f->lt.task.version = SHEAF_TASK_VERSION;
	f->lt.task.target_id = 77;
	f->lt.task.controller_task_identifier = 0x1122334455667788;
	f->lt.task.command_size = (uint8_t)size;
	memcpy(f->lt.task.command_descriptor_block, cdb, size < 16 ? size : 16);
	f->lt.task.transfer_direction = (uint8_t)direction;
	f->lt.task.requested_transfer_count = count;
	f->lt.response = &f->response;
	f->lt.data = data;
	f->lt.loop = f->loop;
	f->lt.done = fixture_done;
	f->ended = 0;
}

static inline void fixture_go(struct scsi_fixture *f)
{
	if (f->absent)
		sheaf_lu_execute_absent(f->lun_count, &f->lt);
	else
		sheaf_lu_execute(f->lu, f->lun_count, &f->lt);
}

/* A command from start to end. @out: data of a TO_TARGET command, count bytes. */
static inline void fixture_run(struct scsi_fixture *f, const uint8_t *cdb, unsigned size,
			       enum sheaf_transfer_direction direction, const void *out,
			       uint64_t count)
{
	fixture_start(f, cdb, size, direction, count);
	if (out)
		memcpy(f->data, out, count);
	fixture_go(f);
	fake_drain(f->fake);
	assert(f->ended == 1);
	assert(f->response.version == SHEAF_TASK_VERSION && f->response.target_id == 77);
	assert(f->response.controller_task_identifier == 0x1122334455667788);
	assert(f->response.service_response == SHEAF_TASK_COMPLETE);
	assert(f->response.bytes_transferred <= count);
}

/* key << 16 | asc << 8 | ascq; 0 when the status is GOOD. */
static inline unsigned fixture_sense(const struct scsi_fixture *f, struct sheaf_sense *ret_sense)
{
	struct sheaf_sense sense = { 0 };

	if (f->response.completion_status == SHEAF_STATUS_GOOD) {
		assert(f->response.sense_length == 0);
		return 0;
	}
	assert(f->response.completion_status == SHEAF_STATUS_CHECK_CONDITION);
	bool valid = sheaf_sense_parse(f->response.sense_buffer, f->response.sense_length, &sense);
	assert(valid);
	(void)valid;
	if (ret_sense)
		*ret_sense = sense;
	return (unsigned)sense.key << 16 | sense.asc;
}

/* fixture_run(), and its sense. */
static inline unsigned fixture_send(struct scsi_fixture *f, const uint8_t *cdb, unsigned size,
				    enum sheaf_transfer_direction direction, const void *out,
				    uint64_t count)
{
	fixture_run(f, cdb, size, direction, out, count);
	return fixture_sense(f, NULL);
}

#endif
