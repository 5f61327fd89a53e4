/* SPDX-License-Identifier: MIT */
/*
 * test_lu_model.c - thousands of random commands, several in flight, against a plain array of bytes
 *
 * Each of TASKS tasks keeps to its own part of the LU, so that the result does not depend on the
 * order; the store completes in random order. The seed is printed; SHEAF_SEED repeats a run.
 */
#include <check.h>
#include <stdio.h>
#include <time.h>

#include "scsi_fixture.h"

#define TASKS	    4
#define PART_BLOCKS 512u
#define STEPS	    40000
#define MAX_BLOCKS  40u

enum kind { READ, WRITE, SAME, UNMAP, STATUS, SYNC, BEYOND, FAIL, KINDS };

struct model {
	uint32_t block_size;
	uint8_t *bytes;
	bool *mapped; /* per block */
	unsigned seed;
	struct fake_store *fake;
	struct sheaf_lu *lu;
	unsigned ended[KINDS];
};

/* One task; `fixture` is what scsi_fixture.h needs, its LU is the model's. */
struct lane {
	struct scsi_fixture fixture;
	struct model *model;
	bool busy;
	enum kind kind;
	uint64_t lba;
	uint32_t blocks;
};

static unsigned roll(struct model *m, unsigned n)
{
	return (unsigned)rand_r(&m->seed) % n;
}

static void put_cdb(struct lane *lane, uint8_t *cdb, unsigned *size, bool write, bool fua)
{
	static const uint8_t read_codes[] = { 0x08, 0x28, 0xa8, 0x88 };
	static const uint8_t write_codes[] = { 0x0a, 0x2a, 0xaa, 0x8a };
	static const uint8_t sizes[] = { 6, 10, 12, 16 };
	unsigned form = roll(lane->model, 4);

	*size = sizes[form];
	cdb[0] = (write ? write_codes : read_codes)[form];
	switch (form) {
	case 0:
		sheaf_put_be24(cdb + 1, (uint32_t)lane->lba);
		cdb[4] = (uint8_t)lane->blocks;
		return;
	case 1:
		sheaf_put_be32(cdb + 2, (uint32_t)lane->lba);
		sheaf_put_be16(cdb + 7, (uint16_t)lane->blocks);
		break;
	case 2:
		sheaf_put_be32(cdb + 2, (uint32_t)lane->lba);
		sheaf_put_be32(cdb + 6, lane->blocks);
		break;
	default:
		sheaf_put_be64(cdb + 2, lane->lba);
		sheaf_put_be32(cdb + 10, lane->blocks);
	}
	cdb[1] = (uint8_t)(fua ? SHEAF_CDB_RW_FUA : 0);
}

static void apply(struct model *m, uint64_t lba, uint32_t blocks, const uint8_t *data, bool mapped)
{
	for (uint32_t i = 0; i < blocks; i++) {
		uint8_t *to = m->bytes + (lba + i) * m->block_size;
		if (data)
			memcpy(to, data + (size_t)i * m->block_size, m->block_size);
		else
			memset(to, 0, m->block_size);
		m->mapped[lba + i] = mapped;
	}
}

static void start_read(struct lane *lane)
{
	uint8_t cdb[16] = { 0 };
	unsigned size;

	put_cdb(lane, cdb, &size, false, roll(lane->model, 8) == 0);
	fixture_start(&lane->fixture, cdb, size, SHEAF_TRANSFER_FROM_TARGET,
		      (uint64_t)lane->blocks * lane->model->block_size);
}

static void start_write(struct lane *lane)
{
	struct model *m = lane->model;
	uint64_t bytes = (uint64_t)lane->blocks * m->block_size;
	uint8_t cdb[16] = { 0 };
	unsigned size;

	put_cdb(lane, cdb, &size, true, roll(m, 8) == 0);
	fixture_start(&lane->fixture, cdb, size, SHEAF_TRANSFER_TO_TARGET, bytes);
	for (uint64_t i = 0; i < bytes; i++)
		lane->fixture.data[i] = (uint8_t)roll(m, 256);
	apply(m, lane->lba, lane->blocks, lane->fixture.data, true);
}

static void start_same(struct lane *lane)
{
	struct model *m = lane->model;
	bool unmap = roll(m, 2), ndob = roll(m, 2), zero = roll(m, 2);
	uint8_t cdb[16] = { 0x93, (uint8_t)(unmap << 3 | ndob) };

	sheaf_put_be64(cdb + 2, lane->lba);
	sheaf_put_be32(cdb + 10, lane->blocks);
	fixture_start(&lane->fixture, cdb, 16,
		      ndob ? SHEAF_TRANSFER_NONE : SHEAF_TRANSFER_TO_TARGET,
		      ndob ? 0 : m->block_size);
	if (ndob || zero) {
		if (!ndob)
			memset(lane->fixture.data, 0, m->block_size);
		apply(m, lane->lba, lane->blocks, NULL, !unmap);
		return;
	}
	for (uint32_t i = 0; i < m->block_size; i++)
		lane->fixture.data[i] = (uint8_t)(1 + roll(m, 255));
	for (uint32_t i = 0; i < lane->blocks; i++)
		apply(m, lane->lba + i, 1, lane->fixture.data, true);
}

static void start_unmap(struct lane *lane)
{
	struct model *m = lane->model;
	uint8_t cdb[10] = { 0x42, [8] = 8 + 32 };
	uint32_t first = roll(m, lane->blocks + 1);
	uint8_t *list;

	fixture_start(&lane->fixture, cdb, 10, SHEAF_TRANSFER_TO_TARGET, 40);
	list = lane->fixture.data;
	memset(list, 0, 40);
	sheaf_put_be16(list, 38);
	sheaf_put_be16(list + 2, 32);
	sheaf_put_be64(list + 8, lane->lba);
	sheaf_put_be32(list + 16, first);
	sheaf_put_be64(list + 24, lane->lba + first);
	sheaf_put_be32(list + 32, lane->blocks - first);
	apply(m, lane->lba, lane->blocks, NULL, false);
}

static void start_status(struct lane *lane)
{
	uint8_t cdb[16] = { 0x9e, 0x12 };

	sheaf_put_be64(cdb + 2, lane->lba);
	sheaf_put_be32(cdb + 10, 24);
	fixture_start(&lane->fixture, cdb, 16, SHEAF_TRANSFER_FROM_TARGET, 24);
}

static void start_beyond(struct lane *lane)
{
	struct model *m = lane->model;
	uint8_t cdb[16] = { roll(m, 2) ? 0x88 : 0x8a };

	sheaf_put_be64(cdb + 2, TASKS * PART_BLOCKS - lane->blocks + 1 + roll(m, 3));
	sheaf_put_be32(cdb + 10, lane->blocks);
	fixture_start(&lane->fixture, cdb, 16,
		      cdb[0] == 0x88 ? SHEAF_TRANSFER_FROM_TARGET : SHEAF_TRANSFER_TO_TARGET,
		      (uint64_t)lane->blocks * m->block_size);
}

static void check_end(struct lane *lane);

static void start(struct lane *lane, unsigned part)
{
	struct model *m = lane->model;
	static const uint8_t sync[16] = { 0x91 };

	lane->kind = (enum kind)roll(m, KINDS);
	lane->blocks = 1 + roll(m, MAX_BLOCKS);
	lane->lba = part * PART_BLOCKS + roll(m, PART_BLOCKS - lane->blocks + 1);
	switch (lane->kind) {
	case READ:
	case FAIL:
		start_read(lane);
		break;
	case WRITE:
		start_write(lane);
		break;
	case SAME:
		start_same(lane);
		break;
	case UNMAP:
		start_unmap(lane);
		break;
	case STATUS:
		start_status(lane);
		break;
	case BEYOND:
		start_beyond(lane);
		break;
	default:
		fixture_start(&lane->fixture, sync, 16, SHEAF_TRANSFER_NONE, 0);
	}
	lane->busy = true;
	fixture_go(&lane->fixture);
	check_end(lane);
}

/*
 * The task's own part is as the model has it: nothing else changes it, and this task is the only
 * one there.
 */
static void check_status_answer(struct lane *lane)
{
	struct model *m = lane->model;
	const uint8_t *d = lane->fixture.data + 8;
	uint64_t own_end = (lane->lba / PART_BLOCKS + 1) * PART_BLOCKS;
	uint64_t end = lane->lba + sheaf_get_be32(d + 8);

	ck_assert_uint_eq(lane->fixture.response.bytes_transferred, 24);
	ck_assert_uint_eq(sheaf_get_be64(d), lane->lba);
	ck_assert(end > lane->lba && end <= TASKS * PART_BLOCKS);
	for (uint64_t lba = lane->lba; lba < end && lba < own_end; lba++)
		ck_assert_int_eq(m->mapped[lba], d[12] == 0);
	if (end < own_end)
		ck_assert_int_eq(m->mapped[end], d[12] != 0);
}

static void check_end(struct lane *lane)
{
	struct model *m = lane->model;
	struct scsi_fixture *f = &lane->fixture;

	if (!lane->busy || f->ended == 0)
		return;
	lane->busy = false;
	ck_assert_uint_eq(f->ended, 1);
	m->ended[lane->kind]++;
	if (lane->kind == BEYOND) {
		ck_assert_uint_eq(fixture_sense(f, NULL), 0x052100);
		return;
	}
	if (lane->kind == FAIL && fixture_sense(f, NULL)) {
		ck_assert_uint_eq(fixture_sense(f, NULL), 0x031100);
		return;
	}
	ck_assert_uint_eq(fixture_sense(f, NULL), 0);
	if (lane->kind == READ || lane->kind == FAIL) {
		ck_assert_uint_eq(f->response.bytes_transferred,
				  (uint64_t)lane->blocks * m->block_size);
		ck_assert_mem_eq(f->data, m->bytes + lane->lba * m->block_size,
				 (uint64_t)lane->blocks * m->block_size);
	}
	if (lane->kind == STATUS)
		check_status_answer(lane);
}

/* Complete one io of the queue; a FAIL task's read fails every other time. */
static void complete_one(struct model *m, struct lane *lanes)
{
	unsigned index = roll(m, m->fake->queued);
	struct sheaf_store_io *io = m->fake->queue[index];
	unsigned owner = 0;

	while (&lanes[owner].fixture.lt.io != io)
		owner++;
	if (lanes[owner].kind == FAIL && io->op == SHEAF_STORE_READ && roll(m, 2))
		m->fake->fail[SHEAF_STORE_READ] = -EIO;
	fake_complete(m->fake, index);
	check_end(&lanes[owner]);
}

static void finish(struct model *m, struct lane *lanes)
{
	while (m->fake->queued)
		complete_one(m, lanes);
	for (unsigned i = 0; i < TASKS; i++) {
		ck_assert(!lanes[i].busy);
		free(lanes[i].fixture.data);
	}
	ck_assert_mem_eq(m->bytes, m->fake->bytes, TASKS * PART_BLOCKS * m->block_size);
	for (unsigned i = 0; i < KINDS; i++)
		ck_assert_uint_gt(m->ended[i], 100);
}

static const uint32_t block_sizes[] = { 512, 4096 };

START_TEST(random_commands_leave_what_the_model_says)
{
	struct model m = { .block_size = block_sizes[_i] };
	uint64_t blocks = TASKS * PART_BLOCKS;
	struct scsi_fixture base;
	struct lane *lanes = calloc(TASKS, sizeof(*lanes));
	const char *given = getenv("SHEAF_SEED");

	m.seed = given ? (unsigned)strtoul(given, NULL, 0) : (unsigned)time(NULL) + (unsigned)_i;
	printf("block size %u: SHEAF_SEED=%u\n", m.block_size, m.seed);
	fflush(stdout);
	fixture_open(&base, blocks * m.block_size, m.block_size, false);
	m.fake = base.fake;
	m.lu = base.lu;
	m.bytes = calloc(blocks, m.block_size);
	m.mapped = calloc(blocks, sizeof(bool));
	for (unsigned i = 0; i < TASKS; i++) {
		lanes[i].model = &m;
		fixture_share(&lanes[i].fixture, &base);
	}
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned i = roll(&m, TASKS);
		if (!lanes[i].busy)
			start(&lanes[i], i);
		else if (m.fake->queued)
			complete_one(&m, lanes);
	}
	finish(&m, lanes);
	free(m.bytes);
	free(m.mapped);
	free(lanes);
	fixture_close(&base);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lu_model");
	TCase *tc = tcase_create("lu_model");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, random_commands_leave_what_the_model_says, 0, 2);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
