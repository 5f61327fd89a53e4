/* SPDX-License-Identifier: MIT */
/**
 * test_recording.c - files of `sheaf record`: what is in a sound one, and that none that is not is believed
 */
#include "cli/recording.h"

#include <check.h>

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sheaf/task.h>

#include "base/bits.h"
#include "base/log.h"

#define RECORDS_MAX 64
#define BEGIN_NS    1000000u

/* A file that is being made; sizes as of one unit. */
static struct file {
	struct sheaf_record_header header;
	struct sheaf_record_unit unit;
	struct sheaf_record records[RECORDS_MAX];
} file;
#define HEAD_BYTES offsetof(struct file, records)
static unsigned count;

static void begin_file(void)
{
	memset(&file, 0, sizeof(file));
	count = 0;
	memcpy(file.header.magic, SHEAF_RECORD_MAGIC, 8);
	file.header.version = htole32(SHEAF_RECORD_VERSION);
	file.header.header_bytes = htole32(HEAD_BYTES);
	file.header.record_bytes = htole32(sizeof(struct sheaf_record));
	file.header.unit_count = htole32(1);
	file.header.monotonic_ns = htole64(BEGIN_NS);
	file.header.queues = htole32(2);
	file.header.lanes = htole32(1);
	file.header.bundle_max = htole32(32);
	file.unit.block_size = htole32(512);
	file.unit.blocks = htole64(2048);
}

static struct sheaf_record *add(uint64_t start_ns, const uint8_t *cdb, uint8_t length)
{
	struct sheaf_record *r = &file.records[count++];

	*r = (struct sheaf_record){
		.kind = SHEAF_RECORD_TASK,
		.lane = SHEAF_RECORD_FUSED,
		.bundle_size = 1,
		.cdb_length = length,
		.service_response = SHEAF_TASK_COMPLETE,
		.start_ns = htole64(BEGIN_NS + start_ns),
		.latency_ns = htole64(100),
	};
	memcpy(r->cdb, cdb, length);
	return r;
}

static size_t file_bytes(void)
{
	return HEAD_BYTES + count * sizeof(struct sheaf_record);
}

static struct sheaf_recording got;
static const char *problem;
static size_t problem_at;

static int parse(void)
{
	problem = NULL;
	return sheaf_recording_parse((const uint8_t *)&file, file_bytes(), &got, &problem, &problem_at);
}

static const uint8_t read_5_blocks_at_9[16] = { SHEAF_SCSI_READ_16, [9] = 9, [13] = 5 };

START_TEST(tasks_are_sorted_by_start_and_place)
{
	static const struct {
		uint64_t start;
		uint8_t queue, index;
		uint32_t bundle;
	} rows[] = { { 30, 0, 0, 4 }, { 10, 1, 1, 8 }, { 10, 1, 0, 8 }, { 10, 0, 3, 3 }, { 20, 0, 0, 5 }, { 10, 1, 2, 7 } };
	static const unsigned order[] = { 3, 5, 2, 1, 4, 0 };

	begin_file();
	for (unsigned i = 0; i < 6; i++) {
		struct sheaf_record *r = add(rows[i].start, read_5_blocks_at_9, 16);

		r->queue = rows[i].queue;
		r->bundle = htole32(rows[i].bundle);
		r->bundle_index = rows[i].index;
		r->bundle_size = 4;
		r->transferred = htole32(i);
	}
	ck_assert_int_eq(parse(), 0);
	ck_assert_uint_eq(got.count, 6);
	for (unsigned i = 0; i < 6; i++)
		ck_assert_uint_eq(got.tasks[i].record.transferred, order[i]);
	sheaf_recording_free(&got);
}
END_TEST

/* What a task does, from its CDB: 2048 blocks of 512 bytes. */
static const struct deed_row {
	const char *name;
	uint8_t cdb[16], length;
	enum sheaf_deed deed;
	uint64_t offset, bytes;
	bool durable;
} deeds[] = {
	{ "READ (16)", { 0x88, [9] = 9, [13] = 5 }, 16, SHEAF_DEED_READ, 9 * 512, 5 * 512, false },
	{ "READ (10)", { 0x28, [5] = 9, [8] = 5 }, 10, SHEAF_DEED_READ, 9 * 512, 5 * 512, false },
	{ "READ (6) of 0 is of 256", { 0x08, [3] = 9 }, 6, SHEAF_DEED_READ, 9 * 512, 256 * 512, false },
	{ "READ (16) of nothing", { 0x88, [9] = 9 }, 16, SHEAF_DEED_NONE, 0, 0, false },
	{ "READ (16) to the end", { 0x88, [8] = 7, [9] = 0xff, [13] = 1 }, 16, SHEAF_DEED_READ, 2047 * 512, 512, false },
	{ "READ (16) past the end", { 0x88, [8] = 7, [9] = 0xff, [13] = 2 }, 16, SHEAF_DEED_NONE, 0, 0, false },
	{ "READ (16) far past the end",
	  { 0x88, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 }, 16, SHEAF_DEED_NONE, 0, 0, false },
	{ "WRITE (16)", { 0x8a, [9] = 1, [13] = 1 }, 16, SHEAF_DEED_WRITE, 512, 512, false },
	{ "WRITE (16), FUA", { 0x8a, 0x08, [9] = 1, [13] = 1 }, 16, SHEAF_DEED_WRITE, 512, 512, true },
	{ "SYNCHRONIZE CACHE (10)", { 0x35 }, 10, SHEAF_DEED_FLUSH, 0, 0, false },
	{ "SYNCHRONIZE CACHE (16)", { 0x91 }, 16, SHEAF_DEED_FLUSH, 0, 0, false },
	{ "WRITE SAME (16), NDOB", { 0x93, 0x01, [9] = 2, [13] = 4 }, 16, SHEAF_DEED_ZERO, 1024, 2048, false },
	{ "WRITE SAME (16), UNMAP", { 0x93, 0x08, [9] = 2, [13] = 4 }, 16, SHEAF_DEED_DISCARD, 1024, 2048, false },
	{ "WRITE SAME (16) with data", { 0x93, 0, [9] = 2, [13] = 4 }, 16, SHEAF_DEED_NONE, 1024, 2048, false },
	{ "INQUIRY", { 0x12, [4] = 36 }, 6, SHEAF_DEED_NONE, 0, 0, false },
	{ "no command", { 0xfe }, 16, SHEAF_DEED_NONE, 0, 0, false },
};
#define DEEDS ((int)(sizeof(deeds) / sizeof(deeds[0])))

START_TEST(deed_follows_from_the_cdb)
{
	const struct deed_row *row = &deeds[_i];

	begin_file();
	add(0, row->cdb, row->length);
	ck_assert_int_eq(parse(), 0);
	ck_assert_msg(got.tasks[0].deed == row->deed, "%s: deed %d", row->name, got.tasks[0].deed);
	ck_assert_msg(got.tasks[0].durable == row->durable, "%s", row->name);
	if (row->deed != SHEAF_DEED_NONE) {
		ck_assert_msg(got.tasks[0].offset == row->offset, "%s", row->name);
		ck_assert_msg(got.tasks[0].length == row->bytes, "%s", row->name);
	}
	sheaf_recording_free(&got);
}
END_TEST

START_TEST(unmap_of_one_range_is_a_discard)
{
	static const uint8_t cdb[10] = { SHEAF_SCSI_UNMAP, [8] = 24 };

	for (unsigned ranges = 0; ranges <= 2; ranges++) {
		begin_file();
		struct sheaf_record *r = add(0, cdb, 10);

		r->range_count = (uint8_t)ranges;
		r->range_lba = htole64(3);
		r->range_blocks = htole32(4);
		ck_assert_int_eq(parse(), 0);
		ck_assert_int_eq(got.tasks[0].deed, ranges == 1 ? SHEAF_DEED_DISCARD : SHEAF_DEED_NONE);
		ck_assert_uint_eq(got.tasks[0].offset, 3 * 512);
		ck_assert_uint_eq(got.tasks[0].length, 4 * 512);
		sheaf_recording_free(&got);
	}
}
END_TEST

START_TEST(dropped_tasks_are_counted_and_empty_records_are_not)
{
	begin_file();
	add(0, read_5_blocks_at_9, 16)->kind = SHEAF_RECORD_NOTHING;
	struct sheaf_record *r = add(0, read_5_blocks_at_9, 16);

	r->kind = SHEAF_RECORD_DROPPED;
	r->range_lba = htole64(123);
	add(0, read_5_blocks_at_9, 16);
	ck_assert_int_eq(parse(), 0);
	ck_assert_uint_eq(got.count, 1);
	ck_assert_uint_eq(got.dropped, 123);
	sheaf_recording_free(&got);
}
END_TEST

START_TEST(depth_is_the_most_at_a_time)
{
	static const struct {
		uint64_t start, latency;
	} rows[] = { { 0, 10 }, { 5, 5 }, { 10, 30 }, { 12, 1 }, { 13, 5 }, { 14, 100 }, { 200, 1 } };

	begin_file();
	for (unsigned i = 0; i < 7; i++)
		add(rows[i].start, read_5_blocks_at_9, 16)->latency_ns = htole64(rows[i].latency);
	ck_assert_int_eq(parse(), 0);
	ck_assert_uint_eq(sheaf_recording_depth(&got), 3);
	sheaf_recording_free(&got);
}
END_TEST

START_TEST(unit_can_be_chosen)
{
	begin_file();
	add(0, read_5_blocks_at_9, 16);
	add(0, read_5_blocks_at_9, 16)->lun = htole16(5);
	ck_assert_int_eq(parse(), 0);
	ck_assert_ptr_null(got.tasks[1].unit);
	ck_assert_int_eq(got.tasks[1].deed, SHEAF_DEED_NONE);
	ck_assert(!sheaf_recording_keep_unit(&got, 5));
	ck_assert(sheaf_recording_keep_unit(&got, 0));
	ck_assert_uint_eq(got.count, 1);
	sheaf_recording_free(&got);
}
END_TEST

/* A byte range is set to a byte, and the file is refused. */
#define H(field)  offsetof(struct sheaf_record_header, field)
#define U(field)  (offsetof(struct file, unit) + offsetof(struct sheaf_record_unit, field))
#define R(field)  (HEAD_BYTES + offsetof(struct sheaf_record, field))
static const struct wrong_row {
	const char *name;
	size_t at, n;
	uint8_t value;
} wrongs[] = {
	{ "magic", H(magic), 1, 'x' },		    { "version", H(version), 1, 2 },
	{ "version 0", H(version), 1, 0 },	    { "header too long", H(header_bytes), 1, 97 },
	{ "header of 0", H(header_bytes), 4, 0 },   { "header of 2^32", H(header_bytes), 4, 255 },
	{ "records of 0", H(record_bytes), 4, 0 },  { "records of 128", H(record_bytes), 1, 128 },
	{ "no unit", H(unit_count), 1, 0 },	    { "two units", H(unit_count), 1, 2 },
	{ "2^32 units", H(unit_count), 4, 255 },    { "no queue", H(queues), 4, 0 },
	{ "too many queues", H(queues), 1, 65 },    { "too many lanes", H(lanes), 1, 65 },
	{ "no bundle", H(bundle_max), 1, 0 },	    { "bundles of 33", H(bundle_max), 1, 33 },
	{ "time past all time", H(monotonic_ns), 8, 255 }, { "clock", H(realtime_ns), 8, 255 },
	{ "begin after a task", H(monotonic_ns) + 3, 1, 1 }, { "block of 0", U(block_size), 4, 0 },
	{ "block of 513", U(block_size), 1, 1 },    { "block of 256", U(block_size) + 1, 1, 1 },
	{ "block of 2^31", U(block_size) + 3, 1, 128 }, { "no blocks", U(blocks), 8, 0 },
	{ "too many blocks", U(blocks), 8, 255 },   { "kind", R(kind), 1, 3 },
	{ "queue 2 of 2", R(queue), 1, 2 },	    { "lane 1 of 1", R(lane), 1, 1 },
	{ "bundle of 0", R(bundle_size), 1, 0 },    { "bundle of 33", R(bundle_size), 1, 33 },
	{ "place 1 of 1", R(bundle_index), 1, 1 },  { "CDB of 0", R(cdb_length), 1, 0 },
	{ "CDB of 17", R(cdb_length), 1, 17 },	    { "CDB of 255", R(cdb_length), 1, 255 },
	{ "before the begin", R(start_ns), 8, 0 },  { "start past all time", R(start_ns), 8, 255 },
	{ "latency past all time", R(latency_ns), 8, 255 },
};
#define WRONGS ((int)(sizeof(wrongs) / sizeof(wrongs[0])))

START_TEST(field_that_cannot_be_is_refused)
{
	const struct wrong_row *row = &wrongs[_i];

	begin_file();
	add(5, read_5_blocks_at_9, 16);
	ck_assert_int_eq(parse(), 0);
	sheaf_recording_free(&got);
	memset((uint8_t *)&file + row->at, row->value, row->n);
	ck_assert_msg(parse() == -EINVAL, "%s", row->name);
	ck_assert_ptr_nonnull(problem);
	ck_assert_uint_le(problem_at, file_bytes());
}
END_TEST

START_TEST(file_cut_anywhere_but_between_records_is_refused)
{
	begin_file();
	for (unsigned i = 0; i < 3; i++)
		add(i, read_5_blocks_at_9, 16);
	for (size_t n = 0; n <= file_bytes(); n++) {
		/* Memory of its own, so that a sanitizer sees a step past the end. */
		uint8_t *bytes = malloc(n + 1);
		bool whole = n >= HEAD_BYTES && (n - HEAD_BYTES) % sizeof(struct sheaf_record) == 0;

		memcpy(bytes, &file, n);
		int r = sheaf_recording_parse(bytes, n, &got, &problem, &problem_at);

		ck_assert_msg(r == (whole ? 0 : -EINVAL), "%zu bytes: %d", n, r);
		if (r == 0)
			sheaf_recording_free(&got);
		free(bytes);
	}
}
END_TEST

/* Whatever is taken keeps what everybody else counts on. */
static void check_promises(void)
{
	for (size_t i = 0; i < got.count; i++) {
		const struct sheaf_recorded *t = &got.tasks[i];

		ck_assert(t->record.start_ns >= got.header.monotonic_ns);
		ck_assert(i == 0 || t[-1].record.start_ns <= t->record.start_ns);
		ck_assert(t->record.cdb_length <= SHEAF_CDB_MAX);
		ck_assert(t->record.bundle_size >= 1 && t->record.bundle_size <= SHEAF_BUNDLE_MAX);
		if (t->deed == SHEAF_DEED_NONE || t->deed == SHEAF_DEED_FLUSH)
			continue;
		ck_assert_ptr_nonnull(t->unit);
		ck_assert(t->length > 0);
		ck_assert(sheaf_range_within(t->offset, t->length, t->unit->blocks * t->unit->block_size));
	}
	ck_assert_uint_ge(sheaf_recording_depth(&got), 1);
}

/* Sound files with some bytes changed, and lengths too; SHEAF_SEED repeats a run. */
START_TEST(damaged_files_are_refused_or_sound)
{
	static const uint8_t likely[] = { 0, 1, 2, 6, 10, 16, 32, 33, 64, 127, 128, 255 };
	const char *given = getenv("SHEAF_SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 0) : (unsigned)time(NULL);
	unsigned taken = 0, refused = 0;

	printf("SHEAF_SEED=%u\n", seed);
	srand(seed);
	for (unsigned round = 0; round < 20000; round++) {
		begin_file();
		for (unsigned i = 0; i < 8; i++)
			add((unsigned)rand() % 100, deeds[rand() % DEEDS].cdb, 16);
		size_t n = rand() % 4 ? file_bytes() : (size_t)rand() % (file_bytes() + 1);
		uint8_t *bytes = malloc(n + 1);

		memcpy(bytes, &file, n);
		for (int i = rand() % 4; n && i >= 0; i--)
			bytes[(size_t)rand() % n] = rand() % 2 ? likely[rand() % 12] : (uint8_t)rand();
		if (sheaf_recording_parse(bytes, n, &got, &problem, &problem_at) == 0) {
			check_promises();
			sheaf_recording_free(&got);
			taken++;
		} else {
			ck_assert_uint_le(problem_at, n);
			refused++;
		}
		free(bytes);
	}
	ck_assert_uint_gt(taken, 100);
	ck_assert_uint_gt(refused, 100);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("recording");
	TCase *tc = tcase_create("recording");

	sheaf_log_set_level(SHEAF_LOG_ERROR);
	tcase_add_test(tc, tasks_are_sorted_by_start_and_place);
	tcase_add_loop_test(tc, deed_follows_from_the_cdb, 0, DEEDS);
	tcase_add_test(tc, unmap_of_one_range_is_a_discard);
	tcase_add_test(tc, dropped_tasks_are_counted_and_empty_records_are_not);
	tcase_add_test(tc, depth_is_the_most_at_a_time);
	tcase_add_test(tc, unit_can_be_chosen);
	tcase_add_loop_test(tc, field_that_cannot_be_is_refused, 0, WRONGS);
	tcase_add_test(tc, file_cut_anywhere_but_between_records_is_refused);
	tcase_add_test(tc, damaged_files_are_refused_or_sound);
	suite_add_tcase(suite, tc);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
