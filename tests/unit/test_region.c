/* SPDX-License-Identifier: MIT */
/* test_region.c - views of one memory, its geometry, its seals, and the guard of slots under AddressSanitizer */
#include "seam/region.h"

#include <check.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "seam/lane.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

#define PAGE 4096u
#define SLOTS 5u
#define BUFFER_BYTES 10000u

static struct sheaf_region region;
static struct sheaf_view host, controller;

static void open_region(void)
{
	const struct sheaf_region_geometry geometry = {
		.slots = SLOTS, .lanes = 2, .buffer_bytes = BUFFER_BYTES
	};

	ck_assert_int_eq(sheaf_region_create(&geometry, &region), 0);
	ck_assert_int_eq(sheaf_view_map(&region, &host), 0);
	ck_assert_int_eq(sheaf_view_map(&region, &controller), 0);
}

static void close_region(void)
{
	sheaf_view_unmap(&controller);
	sheaf_view_unmap(&host);
	sheaf_view_unmap(&host); /* once more is nothing */
	sheaf_region_destroy(&region);
	sheaf_region_destroy(&region);
}

START_TEST(views_are_two_addresses_of_the_same_memory)
{
	ck_assert_ptr_ne(host.base, controller.base);
	for (uint32_t i = 0; i < SLOTS; i++) {
		host.commands[i].task_tag_identifier = 100 + i;
		controller.responses[i].bytes_transferred = 200 + i;
		sheaf_view_buffer(&host, i)[0] = (uint8_t)(i + 1);
		sheaf_view_buffer(&controller, i)[BUFFER_BYTES - 1] = (uint8_t)(i + 51);
	}
	for (uint32_t i = 0; i < SLOTS; i++) {
		ck_assert_uint_eq(controller.commands[i].task_tag_identifier, 100 + i);
		ck_assert_uint_eq(host.responses[i].bytes_transferred, 200 + i);
		ck_assert_uint_eq(sheaf_view_buffer(&controller, i)[0], i + 1);
		ck_assert_uint_eq(sheaf_view_buffer(&host, i)[BUFFER_BYTES - 1], i + 51);
	}
}
END_TEST

START_TEST(released_buffers_are_empty_and_no_others)
{
	struct stat before, after;

	memset(host.data, 7, SLOTS * host.geometry.buffer_stride);
	host.commands[SLOTS - 1].task_tag_identifier = 9;
	ck_assert_int_eq(fstat(region.fd, &before), 0);
	sheaf_region_release(&region, 1, 2);
	ck_assert_int_eq(fstat(region.fd, &after), 0);
	ck_assert_int_eq(before.st_blocks - after.st_blocks,
			 (blkcnt_t)(2 * host.geometry.buffer_stride / 512));
	for (uint32_t i = 0; i < SLOTS; i++) {
		uint8_t *buffer = sheaf_view_buffer(&controller, i);
		uint8_t want = i == 1 || i == 2 ? 0 : 7;

		ck_assert_uint_eq(buffer[0], want);
		ck_assert_uint_eq(buffer[host.geometry.buffer_stride - 1], want);
	}
	ck_assert_uint_eq(controller.commands[SLOTS - 1].task_tag_identifier, 9);
	/* Both views go on with the same new pages. */
	sheaf_view_buffer(&host, 1)[PAGE] = 8;
	ck_assert_uint_eq(sheaf_view_buffer(&controller, 1)[PAGE], 8);
}
END_TEST

START_TEST(parts_do_not_overlap_and_fill_the_file)
{
	const struct sheaf_region_geometry *g = &region.geometry;
	struct stat st;

	ck_assert_uint_eq(g->commands_offset, 0);
	ck_assert_uint_ge(g->responses_offset, SLOTS * sizeof(struct sheaf_task));
	ck_assert_uint_ge(g->lanes_offset,
			  g->responses_offset + SLOTS * sizeof(struct sheaf_response));
	ck_assert_uint_ge(g->lane_stride, sheaf_lane_bytes(SLOTS));
	ck_assert_uint_eq(g->stats_offset, g->lanes_offset + 2 * g->lane_stride);
	ck_assert_ptr_eq(sheaf_view_worker_stats(&host, 1), host.base + g->stats_offset + SHEAF_REGION_STATS_BYTES);
	ck_assert_uint_eq(g->data_offset,
			  g->stats_offset + SHEAF_REGION_WORKERS_MAX * SHEAF_REGION_STATS_BYTES);
	ck_assert_uint_eq(g->buffer_stride, 3 * PAGE); /* 10000 rounded up to pages */
	ck_assert_uint_eq(g->bytes, g->data_offset + SLOTS * g->buffer_stride);
	ck_assert_uint_eq(g->responses_offset % PAGE, 0);
	ck_assert_uint_eq(g->lanes_offset % PAGE, 0);
	ck_assert_uint_eq(g->data_offset % PAGE, 0);
	ck_assert_int_eq(fstat(region.fd, &st), 0);
	ck_assert_uint_eq((uint64_t)st.st_size, g->bytes);
	ck_assert_uint_eq(sheaf_view_buffer_offset(&host, 4), 4 * g->buffer_stride);
	ck_assert_ptr_eq(sheaf_view_buffer(&host, 4),
			 host.base + g->data_offset + 4 * g->buffer_stride);
}
END_TEST

START_TEST(geometry_out_of_range_is_refused)
{
	static const struct sheaf_region_geometry bad[] = {
		{ .slots = 0, .lanes = 1, .buffer_bytes = PAGE },
		{ .slots = SHEAF_SLOTS_MAX + 1, .lanes = 1, .buffer_bytes = PAGE },
		{ .slots = 1, .lanes = 1, .buffer_bytes = 0 },
	};
	const struct sheaf_region_geometry largest = { .slots = SHEAF_SLOTS_MAX, .buffer_bytes = 1 };
	struct sheaf_region r = { .fd = -7 };

	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(sheaf_region_create(&bad[i], &r), -EINVAL);
	ck_assert_int_eq(r.fd, -7); /* untouched on failure */
	ck_assert_int_eq(sheaf_region_create(&largest, &r), 0);
	sheaf_region_destroy(&r);
	ck_assert_int_eq(r.fd, -1);
}
END_TEST

/* A driver process that shrank the file would kill its host with SIGBUS. */
START_TEST(file_is_sealed_against_shrinking_growing_and_other_seals)
{
	ck_assert_int_eq(ftruncate(region.fd, 0), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(ftruncate(region.fd, (off_t)region.geometry.bytes + PAGE), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(fcntl(region.fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_ne(fcntl(region.fd, F_GETFD) & FD_CLOEXEC, 0);
}
END_TEST

START_TEST(slot_that_was_given_is_poisoned_until_it_is_taken)
{
#if defined(__SANITIZE_ADDRESS__)
	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		const void *first[] = { &host.commands[slot], &host.responses[slot],
					sheaf_view_buffer(&host, slot) };
		const size_t bytes[] = { sizeof(struct sheaf_task), sizeof(struct sheaf_response),
					 host.geometry.buffer_stride };

		sheaf_view_give(&host, slot);
		for (unsigned i = 0; i < 3; i++) {
			ck_assert(__asan_address_is_poisoned(first[i]));
			ck_assert(__asan_address_is_poisoned((const char *)first[i] + bytes[i] - 1));
		}
		/* Its neighbours are not, nor is the other side's view. */
		ck_assert(!__asan_address_is_poisoned(&host.commands[(slot + 1) % SLOTS]));
		ck_assert(!__asan_address_is_poisoned(&host.responses[(slot + 1) % SLOTS]));
		ck_assert(!__asan_address_is_poisoned(sheaf_view_buffer(&host, (slot + 1) % SLOTS)));
		ck_assert(!__asan_address_is_poisoned(&controller.commands[slot]));
		sheaf_view_take(&host, slot);
		for (unsigned i = 0; i < 3; i++)
			ck_assert_ptr_null(__asan_region_is_poisoned((void *)(uintptr_t)first[i],
								     bytes[i]));
	}
#else
	printf("# not built with AddressSanitizer: give and take cost nothing, nothing to see\n");
	sheaf_view_give(&host, 0);
	host.commands[0].version = 1;
	sheaf_view_take(&host, 0);
#endif
}
END_TEST

START_TEST(unmapping_leaves_no_poison_behind)
{
#if defined(__SANITIZE_ADDRESS__)
	uint8_t *base = host.base;
	size_t bytes = host.geometry.bytes;

	sheaf_view_give(&host, 0);
	sheaf_view_unmap(&host);
	ck_assert_ptr_null(__asan_region_is_poisoned(base, bytes));
#else
	printf("# not built with AddressSanitizer: nothing to see\n");
#endif
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("region");
	TCase *tc = tcase_create("region");

	tcase_add_checked_fixture(tc, open_region, close_region);
	tcase_add_test(tc, views_are_two_addresses_of_the_same_memory);
	tcase_add_test(tc, released_buffers_are_empty_and_no_others);
	tcase_add_test(tc, parts_do_not_overlap_and_fill_the_file);
	tcase_add_test(tc, geometry_out_of_range_is_refused);
	tcase_add_test(tc, file_is_sealed_against_shrinking_growing_and_other_seals);
	tcase_add_test(tc, slot_that_was_given_is_poisoned_until_it_is_taken);
	tcase_add_test(tc, unmapping_leaves_no_poison_behind);
	suite_add_tcase(suite, tc);

	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed != 0;
}
