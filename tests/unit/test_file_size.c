/* SPDX-License-Identifier: MIT */
/* test_file_size.c - a file store grows and shrinks with its image, mapped (tmpfs) and not; offsets; what cannot be */
#include "store/store.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

#define MIB	  (UINT64_C(1) << 20)
#define BLOCK	  4096
#define TURNS_MAX 1000000

static const char *const folders[] = { "/dev/shm", "/var/tmp" };
static char image[64];
static int fd;
static struct sheaf_store *store;
static struct sheaf_loop *loop;
static uint8_t data[2 * BLOCK], back[2 * BLOCK];
static bool ended;
static int outcome;

static void begin(unsigned folder, uint64_t image_bytes, uint64_t offset)
{
	struct sheaf_file_store_options options = { .block_size = BLOCK, .offset_bytes = offset };

	snprintf(image, sizeof(image), "%s/test_file_size.XXXXXX", folders[folder]);
	fd = mkstemp(image);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)image_bytes), 0);
	ck_assert_int_eq(sheaf_file_store_open(image, &options, &store), 0);
	ck_assert_int_eq(sheaf_loop_create(SHEAF_IO_SYNC, 16, &loop), 0);
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + 1);
}

static void end(void)
{
	loop = sheaf_loop_free(loop);
	store = sheaf_store_free(store);
	close(fd);
	unlink(image);
}

static void done(struct sheaf_store_io *io, int result)
{
	(void)io;
	ended = true;
	outcome = result;
}

static int run(enum sheaf_store_op op, uint64_t offset, uint64_t length, void *buffer)
{
	struct sheaf_store_io io = { .op = op, .offset = offset, .length = length, .data = buffer, .done = done };

	ended = false;
	sheaf_store_submit(store, loop, &io);
	for (unsigned i = 0; !ended && i < TURNS_MAX; i++)
		ck_assert_int_eq(sheaf_loop_turn(loop, true), 0);
	ck_assert(ended);
	return outcome;
}

static void write_and_check(uint64_t offset)
{
	ck_assert_int_eq(run(SHEAF_STORE_WRITE, offset, sizeof(data), data), 0);
	/* Twice: a mapping copies what it knows to be there. */
	for (int i = 0; i < 2; i++) {
		memset(back, 0, sizeof(back));
		ck_assert_int_eq(run(SHEAF_STORE_READ, offset, sizeof(back), back), 0);
		ck_assert_mem_eq(back, data, sizeof(data));
	}
	memset(back, 0, sizeof(back));
	ck_assert_int_eq(run(SHEAF_STORE_WRITE, offset, sizeof(data), data), 0);
}

static bool all_zero(const uint8_t *bytes, size_t n)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0;
}

static void grow_to(uint64_t bytes)
{
	ck_assert_int_eq(sheaf_file_store_cut_image(store, bytes), 0);
	ck_assert_int_eq(sheaf_store_set_size(store, bytes), 0);
}

static void shrink_to(uint64_t bytes)
{
	ck_assert_int_eq(sheaf_store_set_size(store, bytes), 0);
	ck_assert_int_eq(sheaf_file_store_cut_image(store, bytes), 0);
}

static uint64_t measured(void)
{
	uint64_t bytes = 0;

	ck_assert_int_eq(sheaf_file_store_measure(store, &bytes), 0);
	return bytes;
}

START_TEST(image_grows_and_shrinks_and_grows)
{
	uint64_t offset = _i & 2 ? 3 * BLOCK : 0;
	struct stat st;

	begin(_i & 1, offset + MIB, offset);
	ck_assert_uint_eq(measured(), MIB);
	write_and_check(MIB - sizeof(data));
	grow_to(4 * MIB);
	ck_assert_uint_eq(store->size_bytes, 4 * MIB);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_uint_eq((uint64_t)st.st_size, offset + 4 * MIB);
	ck_assert_uint_lt((uint64_t)st.st_blocks * 512, MIB); /* sparse */
	ck_assert_int_eq(run(SHEAF_STORE_READ, 4 * MIB - sizeof(back), sizeof(back), back), 0);
	ck_assert(all_zero(back, sizeof(back)));
	write_and_check(4 * MIB - sizeof(data));
	write_and_check(MIB - BLOCK); /* over the old end */
	ck_assert_int_eq(run(SHEAF_STORE_FLUSH, 0, 0, NULL), 0);

	shrink_to(MIB);
	ck_assert_uint_eq(measured(), MIB);
	/* Not taken for a cut by somebody else, which no flush would survive. */
	ck_assert_int_eq(run(SHEAF_STORE_WRITE, 0, sizeof(data), data), 0);
	ck_assert_int_eq(run(SHEAF_STORE_WRITE, 0, sizeof(data), data), 0);
	ck_assert_int_eq(run(SHEAF_STORE_FLUSH, 0, 0, NULL), 0);
	ck_assert_int_eq(run(SHEAF_STORE_READ, MIB - BLOCK, BLOCK, back), 0);
	ck_assert_mem_eq(back, data, BLOCK);

	/* What was there is gone. */
	grow_to(4 * MIB);
	for (int i = 0; i < 2; i++) {
		memset(back, 1, sizeof(back));
		ck_assert_int_eq(run(SHEAF_STORE_READ, 4 * MIB - sizeof(back), sizeof(back), back), 0);
		ck_assert(all_zero(back, sizeof(back)));
	}
	write_and_check(4 * MIB - sizeof(data));
	ck_assert_int_eq(run(SHEAF_STORE_DISCARD, 0, 4 * MIB, NULL), 0);
	ck_assert_int_eq(run(SHEAF_STORE_READ, 4 * MIB - sizeof(back), sizeof(back), back), 0);
	ck_assert(all_zero(back, sizeof(back)));
	end();
}
END_TEST

/* More than a mapping has room for: system calls do it. */
START_TEST(image_grows_beyond_its_mapping)
{
	uint64_t large = UINT64_C(40) << 30;

	begin(0, MIB, 0);
	if (sheaf_file_store_cut_image(store, large) < 0) {
		end();
		return;
	}
	ck_assert_int_eq(sheaf_store_set_size(store, large), 0);
	write_and_check(large - sizeof(data));
	write_and_check((UINT64_C(16) << 30) + MIB - BLOCK); /* over the mapping's end */
	write_and_check(0);
	ck_assert_int_eq(run(SHEAF_STORE_DISCARD, 0, large, NULL), 0);
	ck_assert_int_eq(run(SHEAF_STORE_READ, large - sizeof(back), sizeof(back), back), 0);
	ck_assert(all_zero(back, sizeof(back)));
	shrink_to(MIB);
	ck_assert_int_eq(run(SHEAF_STORE_FLUSH, 0, 0, NULL), 0);
	end();
}
END_TEST

START_TEST(image_that_cannot_grow_stays_as_it_is)
{
	const struct rlimit limit = { 2 * MIB, 2 * MIB };

	begin(_i, MIB, 0);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(sheaf_file_store_cut_image(store, 3 * MIB), -EFBIG);
	ck_assert_int_eq(sheaf_file_store_cut_image(store, INT64_MAX), -EFBIG);
	ck_assert_int_eq(sheaf_file_store_cut_image(store, UINT64_MAX), -EFBIG);
	ck_assert_uint_eq(measured(), MIB);
	write_and_check(MIB - sizeof(data));
	ck_assert(!sheaf_file_store_is_device(store));
	end();
}
END_TEST

START_TEST(other_stores_keep_their_size)
{
	ck_assert_int_eq(sheaf_memory_store_create(MIB, &store), 0);
	ck_assert_int_eq(sheaf_store_set_size(store, 2 * MIB), -EOPNOTSUPP);
	ck_assert_uint_eq(store->size_bytes, MIB);
	store = sheaf_store_free(store);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("file_size");
	TCase *tc = tcase_create("file_size");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tc, image_grows_and_shrinks_and_grows, 0, 4);
	tcase_add_test(tc, image_grows_beyond_its_mapping);
	tcase_add_loop_test(tc, image_that_cannot_grow_stays_as_it_is, 0, 2);
	tcase_add_test(tc, other_stores_keep_their_size);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
