/* SPDX-License-Identifier: MIT */
/**
 * test_file_map.c - a mapped image: exact, sparse, and alive when the file is cut
 *
 * Each on a real tmpfs (/dev/shm), first the map alone, then a store over it with a loop. Where there is no map
 * (ThreadSanitizer, no tmpfs) a test passes without a look and says so.
 */
#include "store/file_map.h"
#include "store/file_store.h"
#include "store/guarded_copy.h"

#include <check.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KIB	    UINT64_C(1024)
#define MIB	    (KIB * KIB)
#define IMAGE_BYTES (8 * MIB + 512) /* the last page is not a whole one */
#define SECTOR	    512
#define TURNS_MAX   1000000

static char image[64];
static int fd;
static struct sheaf_file_map *map;
static struct sheaf_store *store;
static uint8_t *bytes;

static void setup(void)
{
	strcpy(image, "/dev/shm/test_file_map.XXXXXX");
	fd = mkstemp(image);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, IMAGE_BYTES), 0);
	bytes = malloc(IMAGE_BYTES);
	ck_assert_ptr_nonnull(bytes);
}

static void teardown(void)
{
	map = sheaf_file_map_free(map);
	store = sheaf_store_free(store);
	free(bytes);
	close(fd);
	unlink(image);
}

static bool open_map(uint64_t offset, uint64_t length, bool writable)
{
	int err = sheaf_file_map_create(fd, offset, length, writable, &map);

	if (err)
		printf("# not looked at: %s\n", strerror(-err));
	return err == 0;
}

static void fill(uint8_t *data, size_t length, unsigned seed)
{
	uint32_t x = seed * 2654435761u + 1;

	for (size_t i = 0; i < length; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		data[i] = (uint8_t)x | 1; /* never zero */
	}
}

static uint64_t blocks(void)
{
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	return (uint64_t)st.st_blocks;
}

/* As the store does it: by a call, and the map learns. */
static void put(uint64_t offset, size_t length, unsigned seed)
{
	uint64_t watched = sheaf_file_map_watch(map);

	fill(bytes, length, seed);
	ck_assert_int_eq(pwrite(fd, bytes, length, (off_t)offset), (ssize_t)length);
	sheaf_file_map_wrote(map, watched, offset, length);
}

static void check_read(uint64_t offset, size_t length, unsigned seed)
{
	uint8_t *want = malloc(length);

	fill(want, length, seed);
	ck_assert(sheaf_file_map_read(map, offset, bytes, length));
	ck_assert_int_eq(memcmp(bytes, want, length), 0);
	free(want);
}

/* --- the map --- */

START_TEST(nothing_is_copied_that_is_not_known_to_be_there)
{
	if (!open_map(0, IMAGE_BYTES, true))
		return;
	ck_assert(!sheaf_file_map_read(map, 0, bytes, SECTOR));
	ck_assert(!sheaf_file_map_write(map, 0, bytes, SECTOR));
	put(64 * KIB, 8 * KIB, 1);
	check_read(64 * KIB, 8 * KIB, 1);
	/* One page more at either end is one too many. */
	ck_assert(!sheaf_file_map_read(map, 60 * KIB, bytes, 8 * KIB));
	ck_assert(!sheaf_file_map_read(map, 64 * KIB, bytes, 8 * KIB + SECTOR));
	ck_assert(!sheaf_file_map_write(map, 60 * KIB, bytes, 8 * KIB));
	ck_assert_uint_eq(blocks(), 16);
}
END_TEST

START_TEST(write_of_a_sector_makes_its_page_known)
{
	if (!open_map(0, IMAGE_BYTES, true))
		return;
	put(IMAGE_BYTES - SECTOR, SECTOR, 2); /* the file's odd end */
	check_read(IMAGE_BYTES - SECTOR, SECTOR, 2);
	put(4 * KIB + SECTOR, SECTOR, 3);
	ck_assert(sheaf_file_map_read(map, 4 * KIB, bytes, 4 * KIB));
	ck_assert_int_eq(bytes[0] | bytes[SECTOR - 1] | bytes[2 * SECTOR], 0);
}
END_TEST

START_TEST(look_finds_what_others_wrote)
{
	fill(bytes, MIB, 4);
	ck_assert_int_eq(pwrite(fd, bytes, MIB, MIB), (ssize_t)MIB);
	if (!open_map(0, IMAGE_BYTES, true))
		return;
	ck_assert(!sheaf_file_map_read(map, MIB, bytes, 4 * KIB));
	sheaf_file_map_look(map, MIB, 4 * KIB);
	check_read(MIB, 64 * KIB, 4); /* its neighbourhood too */
	sheaf_file_map_look(map, MIB, MIB);
	check_read(MIB, MIB, 4);
	ck_assert(!sheaf_file_map_read(map, MIB - 4 * KIB, bytes, 8 * KIB));
}
END_TEST

START_TEST(look_at_holes_makes_none_known_and_none_full)
{
	if (!open_map(0, IMAGE_BYTES, true))
		return;
	for (unsigned i = 0; i < 200; i++) {
		sheaf_file_map_look(map, i * 16 * KIB, 16 * KIB);
		ck_assert(!sheaf_file_map_read(map, i * 16 * KIB, bytes, 4 * KIB));
	}
	ck_assert_uint_eq(blocks(), 0);
	/* However long the pause after those is, it ends. */
	fill(bytes, 4 * KIB, 5);
	ck_assert_int_eq(pwrite(fd, bytes, 4 * KIB, MIB), (ssize_t)(4 * KIB));
	for (unsigned i = 0; i < 40; i++)
		sheaf_file_map_look(map, MIB, 4 * KIB);
	check_read(MIB, 4 * KIB, 5);
}
END_TEST

/* Who may not know is told that all is there. */
START_TEST(look_of_a_stranger_is_not_believed)
{
	int status, other;
	pid_t child;

	if (getuid() != 0) {
		printf("# not looked at: needs root\n");
		return;
	}
	ck_assert_int_eq(fchmod(fd, 0444), 0);
	child = fork();
	if (child == 0) {
		if (setgid(65534) < 0 || setuid(65534) < 0)
			_exit(2);
		other = open(image, O_RDONLY | O_CLOEXEC);
		if (other < 0 || sheaf_file_map_create(other, 0, IMAGE_BYTES, false, &map) < 0)
			_exit(3);
		sheaf_file_map_look(map, MIB, 64 * KIB);
		_exit(sheaf_file_map_read(map, MIB, bytes, 4 * KIB) ? 4 : 0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	if (status == 3 << 8)
		printf("# not looked at: no map\n");
	else
		ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(blocks(), 0);
}
END_TEST

START_TEST(what_is_being_cleared_is_not_known)
{
	uint64_t watched;

	if (!open_map(0, IMAGE_BYTES, true))
		return;
	put(0, MIB, 6);
	sheaf_file_map_clear_begin(map, 64 * KIB, 64 * KIB);
	ck_assert(!sheaf_file_map_read(map, 64 * KIB, bytes, SECTOR));
	check_read(0, 64 * KIB, 6);
	/* Not even what is written or seen meanwhile: the clearing may come after it. */
	put(64 * KIB, 64 * KIB, 7);
	sheaf_file_map_look(map, 64 * KIB, 64 * KIB);
	ck_assert(!sheaf_file_map_read(map, 64 * KIB, bytes, SECTOR));
	sheaf_file_map_clear_begin(map, 0, SECTOR); /* a second one ends first */
	sheaf_file_map_clear_end(map);
	put(64 * KIB, 64 * KIB, 7);
	ck_assert(!sheaf_file_map_read(map, 64 * KIB, bytes, SECTOR));
	sheaf_file_map_clear_end(map);
	put(64 * KIB, 64 * KIB, 7);
	check_read(64 * KIB, 64 * KIB, 7);

	/* A write that a whole clearing went by. */
	watched = sheaf_file_map_watch(map);
	sheaf_file_map_clear_begin(map, 2 * MIB, MIB);
	sheaf_file_map_clear_end(map);
	sheaf_file_map_wrote(map, watched, 2 * MIB, MIB);
	ck_assert(!sheaf_file_map_read(map, 2 * MIB, bytes, SECTOR));
}
END_TEST

/* 0: a read finds it, 1: a write, 2: a long write, by touching */
START_TEST(cut_file_ends_the_copy)
{
	if (!open_map(0, IMAGE_BYTES, true))
		return;
	put(0, 4 * MIB, 8);
	check_read(0, 4 * MIB, 8);
	ck_assert_int_eq(ftruncate(fd, MIB + SECTOR), 0);
	check_read(0, MIB, 8);
	for (unsigned i = 0; i < 3; i++) {
		if (_i == 0)
			ck_assert(!sheaf_file_map_read(map, MIB / 2, bytes, MIB));
		else if (_i == 1)
			ck_assert(!sheaf_file_map_write(map, 2 * MIB + i * SECTOR, bytes, SECTOR));
		else
			ck_assert(!sheaf_file_map_write(map, MIB - 4 * KIB, bytes, 2 * MIB));
		/* From now on the caller's calls find the end, to the byte. */
		ck_assert(!sheaf_file_map_read(map, MIB, bytes, 2 * SECTOR));
		ck_assert(!sheaf_file_map_read(map, 0, bytes, SECTOR));
	}
}
END_TEST

START_TEST(cut_inside_a_page_is_found_at_the_flush)
{
	if (!open_map(0, IMAGE_BYTES, true))
		return;
	put(0, MIB, 9);
	ck_assert_int_eq(sheaf_file_map_settle(map), 0);
	ck_assert_int_eq(ftruncate(fd, SECTOR), 0);
	ck_assert_int_eq(sheaf_file_map_settle(map), 0); /* nothing was written since */
	ck_assert(sheaf_file_map_write(map, SECTOR, bytes, SECTOR));
	ck_assert_int_eq(sheaf_file_map_settle(map), -EIO);
	sheaf_file_map_trim(map);
	ck_assert_int_eq(sheaf_file_map_settle(map), -EIO);
}
END_TEST

START_TEST(settle_sets_the_times)
{
	static const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	struct stat st;

	if (!open_map(0, IMAGE_BYTES, true))
		return;
	put(0, 4 * KIB, 10);
	ck_assert_int_eq(futimens(fd, old), 0);
	ck_assert_int_eq(sheaf_file_map_settle(map), 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_mtime, 1000); /* nothing was written */
	ck_assert(sheaf_file_map_write(map, 0, bytes, SECTOR));
	ck_assert_int_eq(sheaf_file_map_settle(map), 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_gt(st.st_mtime, 1000);
}
END_TEST

static unsigned long resident_shared_kib(void)
{
	FILE *in = fopen("/proc/self/status", "re");
	unsigned long kib = 0;
	char line[128];

	while (in && fgets(line, sizeof(line), in))
		sscanf(line, "RssShmem: %lu", &kib);
	if (in)
		fclose(in);
	return kib;
}

START_TEST(trim_lets_go_of_pages_and_keeps_bytes)
{
	unsigned long before;

	if (!open_map(0, IMAGE_BYTES, true))
		return;
	put(0, 8 * MIB, 11);
	check_read(0, 8 * MIB, 11);
	before = resident_shared_kib();
	ck_assert_uint_ge(before, 8 * KIB);
	sheaf_file_map_trim(map);
	ck_assert_uint_le(resident_shared_kib() + 7 * KIB, before);
	check_read(0, 8 * MIB, 11);
}
END_TEST

START_TEST(part_of_a_file_is_mapped_at_its_place)
{
	uint64_t at = 5 * KIB; /* in the middle of a page */

	fill(bytes, MIB, 12);
	ck_assert_int_eq(pwrite(fd, bytes, MIB, (off_t)at), (ssize_t)MIB);
	if (!open_map(at, MIB, false))
		return;
	sheaf_file_map_look(map, at, MIB);
	check_read(at, MIB, 12);
}
END_TEST

static void touch_cut_page(void)
{
	volatile uint8_t *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 16 * MIB);

	(void)page[0];
}

static void send_bus_error(void)
{
	raise(SIGBUS);
}

static void (*const unguarded[])(void) = { touch_cut_page, send_bus_error };

START_TEST(bus_error_of_others_still_ends_the_process)
{
	pid_t child;
	int status;

	ck_assert_int_eq(sheaf_guarded_copy_init(), 0);
	child = fork();
	if (child == 0) {
		uint8_t byte = 1, copy = 0;

		/* The guard is off again after a copy. */
		if (!sheaf_guarded_copy(&copy, &byte, 1) || copy != 1)
			_exit(0);
		freopen("/dev/null", "w", stderr); /* AddressSanitizer's report */
		unguarded[_i]();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status) ? WTERMSIG(status) == SIGBUS : WEXITSTATUS(status) != 0);
}
END_TEST

/* --- a store over it --- */

struct test_io {
	struct sheaf_store_io io;
	int result;
	int count;
};

static void note_done(struct sheaf_store_io *io, int result)
{
	struct test_io *t = (struct test_io *)io;

	t->result = result;
	t->count++;
}

static int run_io(struct sheaf_loop *loop, enum sheaf_store_op op, uint64_t offset, uint64_t length,
		  void *data)
{
	struct test_io t = { .io = { .op = op,
				     .offset = offset,
				     .length = length,
				     .data = data,
				     .done = note_done } };

	sheaf_store_submit(store, loop, &t.io);
	for (int i = 0; t.count == 0; i++) {
		ck_assert_int_lt(i, TURNS_MAX);
		ck_assert_int_eq(sheaf_loop_turn(loop, true), 0);
	}
	ck_assert_int_eq(t.count, 1);
	return t.result;
}

static struct sheaf_loop *new_loop(int i)
{
	struct sheaf_loop *loop;
	const char *reason;
	int backend = sheaf_loop_probe(i ? SHEAF_IO_SYNC : SHEAF_IO_AUTO, &reason);

	ck_assert_int_eq(sheaf_loop_create((enum sheaf_io_backend)backend, 16, &loop), 0);
	return loop;
}

static void open_store(bool read_only)
{
	const struct sheaf_file_store_options options = { .block_size = SECTOR,
							  .read_only = read_only };

	ck_assert_int_eq(sheaf_file_store_open(image, &options, &store), 0);
	if (!((struct sheaf_file_store *)store)->map)
		printf("# the image is not mapped here\n");
}

static unsigned long seed_of_run(void)
{
	const char *given = getenv("SHEAF_SEED");
	unsigned long seed = given ? strtoul(given, NULL, 0) : (unsigned long)time(NULL) ^ getpid();

	printf("# SHEAF_SEED=%lu\n", seed);
	return seed;
}

/* Each thread has its own sectors, which share pages with the others'. */
struct worker {
	unsigned index, count;
	int backend;
	unsigned seed;
	unsigned steps;
	uint8_t *model; /* of the image; only the own sectors count */
	pthread_t thread;
};

static uint64_t own_sector(const struct worker *w)
{
	uint64_t sectors = IMAGE_BYTES / SECTOR;
	uint64_t sector = (uint64_t)rand_r((unsigned *)&w->seed) % sectors;

	sector -= sector % w->count;
	return sector + w->index < sectors ? sector + w->index : w->index;
}

static void step(struct worker *w, struct sheaf_loop *loop, uint8_t *data)
{
	uint64_t offset, length;
	unsigned what = (unsigned)rand_r(&w->seed) % 100;

	offset = own_sector(w) * SECTOR;
	length = SECTOR;
	if (w->count == 1) {
		uint64_t longest = rand_r(&w->seed) % 8 ? 16 * KIB : MIB;

		length += (uint64_t)rand_r(&w->seed) % longest / SECTOR * SECTOR;
		if (length > IMAGE_BYTES - offset)
			length = IMAGE_BYTES - offset;
	}
	if (what < 45) {
		ck_assert_int_eq(run_io(loop, SHEAF_STORE_READ, offset, length, data), 0);
		ck_assert_int_eq(memcmp(data, w->model + offset, length), 0);
	} else if (what < 90) {
		fill(w->model + offset, length, (unsigned)rand_r(&w->seed));
		memcpy(data, w->model + offset, length);
		ck_assert_int_eq(run_io(loop, SHEAF_STORE_WRITE, offset, length, data), 0);
	} else {
		enum sheaf_store_op op = what < 97 ? SHEAF_STORE_DISCARD : SHEAF_STORE_ZERO;

		memset(w->model + offset, 0, length);
		ck_assert_int_eq(run_io(loop, op, offset, length, NULL), 0);
	}
	if (what == 0)
		sheaf_store_trim(store);
	if (what == 1)
		ck_assert_int_eq(run_io(loop, SHEAF_STORE_FLUSH, 0, 0, NULL), 0);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct sheaf_loop *loop = new_loop(w->backend);
	uint8_t *data = malloc(2 * MIB);

	for (unsigned i = 0; i < w->steps; i++)
		step(w, loop, data);
	/* All of it, once more. */
	for (uint64_t sector = w->index; sector < IMAGE_BYTES / SECTOR; sector += w->count) {
		ck_assert_int_eq(run_io(loop, SHEAF_STORE_READ, sector * SECTOR, SECTOR, data), 0);
		ck_assert_int_eq(memcmp(data, w->model + sector * SECTOR, SECTOR), 0);
	}
	free(data);
	sheaf_loop_free(loop);
	return NULL;
}

static void run_workers(unsigned count, int backend, unsigned steps)
{
	struct worker workers[4];
	unsigned seed = (unsigned)seed_of_run();

	open_store(false);
	for (unsigned i = 0; i < count; i++) {
		workers[i] =
			(struct worker){ i, count, backend, seed + i, steps, calloc(1, IMAGE_BYTES),
					 0 };
		ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (unsigned i = 0; i < count; i++) {
		ck_assert_int_eq(pthread_join(workers[i].thread, NULL), 0);
		free(workers[i].model);
	}
}

START_TEST(bytes_are_exact)
{
	run_workers(1, _i, 4000);
}
END_TEST

START_TEST(two_threads_on_the_same_pages)
{
	run_workers(2, _i, 20000);
}
END_TEST

/* A thread that punches while the other reads and writes the same places: zeros or what was written, and nothing else. */
struct puncher {
	int backend;
	atomic_bool stop;
};

static void *punch(void *arg)
{
	struct puncher *p = arg;
	struct sheaf_loop *loop = new_loop(p->backend);
	unsigned seed = 5;

	while (!atomic_load(&p->stop)) {
		uint64_t at = (uint64_t)rand_r(&seed) % 128 * 4 * KIB;

		ck_assert_int_eq(run_io(loop, SHEAF_STORE_DISCARD, at, 32 * KIB, NULL), 0);
	}
	sheaf_loop_free(loop);
	return NULL;
}

START_TEST(discard_beside_reads_and_writes)
{
	struct puncher p = { .backend = _i };
	struct sheaf_loop *loop = new_loop(_i);
	uint8_t data[4096];
	unsigned seed = 6;
	bool foreign = false;
	pthread_t thread;

	open_store(false);
	ck_assert_int_eq(pthread_create(&thread, NULL, punch, &p), 0);
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t at = (uint64_t)rand_r(&seed) % 128 * 4 * KIB;

		memset(data, (int)(at / (4 * KIB)) + 1, sizeof(data));
		if (i % 2)
			ck_assert_int_eq(run_io(loop, SHEAF_STORE_WRITE, at, 4096, data), 0);
		ck_assert_int_eq(run_io(loop, SHEAF_STORE_READ, at, 4096, data), 0);
		ck_assert(data[0] == 0 || data[0] == at / (4 * KIB) + 1);
		for (unsigned b = 1; b < 4096; b++)
			foreign |= data[b] != 0 && data[b] != at / (4 * KIB) + 1;
	}
	ck_assert(!foreign);
	atomic_store(&p.stop, true);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	/* And when all is quiet, a discard is one. */
	ck_assert_int_eq(run_io(loop, SHEAF_STORE_DISCARD, 0, IMAGE_BYTES, NULL), 0);
	ck_assert_int_eq(run_io(loop, SHEAF_STORE_READ, 0, 8 * MIB, bytes), 0);
	ck_assert_uint_eq(blocks(), 0);
	ck_assert_int_eq(bytes[0], 0);
	ck_assert_int_eq(memcmp(bytes, bytes + 1, 8 * MIB - 1), 0);
	sheaf_loop_free(loop);
}
END_TEST

START_TEST(reads_of_a_sparse_image_take_no_space)
{
	struct sheaf_loop *loop = new_loop(_i);
	unsigned seed = 3;
	uint64_t before;

	fill(bytes, MIB, 13);
	for (uint64_t at = 0; at < 8 * MIB; at += MIB) /* every other half MiB has data */
		ck_assert_int_eq(pwrite(fd, bytes, MIB / 2, (off_t)at), (ssize_t)(MIB / 2));
	before = blocks();
	open_store(false);
	for (unsigned i = 0; i < 5000; i++) {
		uint64_t at = (uint64_t)rand_r(&seed) % (8 * MIB) / SECTOR * SECTOR;
		uint64_t length = (uint64_t)(1 + rand_r(&seed) % 64) * SECTOR;

		if (length > IMAGE_BYTES - at)
			length = IMAGE_BYTES - at;
		ck_assert_int_eq(run_io(loop, SHEAF_STORE_READ, at, length, bytes), 0);
	}
	ck_assert_uint_eq(blocks(), before);
	sheaf_loop_free(loop);
}
END_TEST

START_TEST(cut_image_is_an_io_error)
{
	struct sheaf_loop *loop = new_loop(_i);

	open_store(false);
	fill(bytes, 8 * MIB, 14);
	ck_assert_int_eq(run_io(loop, SHEAF_STORE_WRITE, 0, 8 * MIB, bytes), 0);
	ck_assert_int_eq(run_io(loop, SHEAF_STORE_WRITE, 0, 8 * MIB, bytes), 0);
	ck_assert_int_eq(ftruncate(fd, MIB), 0);
	for (unsigned i = 0; i < 10; i++) {
		ck_assert_int_eq(run_io(loop, SHEAF_STORE_READ, 4 * MIB, 4 * KIB, bytes), -EIO);
		ck_assert_int_eq(run_io(loop, SHEAF_STORE_READ, MIB / 2, MIB, bytes), -EIO);
		ck_assert_int_eq(run_io(loop, SHEAF_STORE_READ, 0, MIB, bytes), 0);
	}
	if (((struct sheaf_file_store *)store)->map) /* writes that may be lost were acknowledged */
		ck_assert_int_eq(run_io(loop, SHEAF_STORE_FLUSH, 0, 0, NULL), -EIO);
	sheaf_loop_free(loop);
}
END_TEST

START_TEST(read_only_image_is_read)
{
	struct sheaf_loop *loop = new_loop(_i);
	uint8_t data[4096];

	fill(bytes, MIB, 15);
	ck_assert_int_eq(pwrite(fd, bytes, MIB, 0), (ssize_t)MIB);
	open_store(true);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(run_io(loop, SHEAF_STORE_READ, 8 * KIB, 4 * KIB, data), 0);
		ck_assert_int_eq(memcmp(data, bytes + 8 * KIB, 4 * KIB), 0);
		ck_assert_int_eq(run_io(loop, SHEAF_STORE_WRITE, 8 * KIB, 4 * KIB, data), -EROFS);
	}
	sheaf_loop_free(loop);
}
END_TEST

static Suite *file_map_suite(void)
{
	const TTest *const map_tests[] = {
		nothing_is_copied_that_is_not_known_to_be_there,
		write_of_a_sector_makes_its_page_known,
		look_finds_what_others_wrote,
		look_at_holes_makes_none_known_and_none_full,
		look_of_a_stranger_is_not_believed,
		what_is_being_cleared_is_not_known,
		cut_inside_a_page_is_found_at_the_flush,
		settle_sets_the_times,
		trim_lets_go_of_pages_and_keeps_bytes,
		part_of_a_file_is_mapped_at_its_place,
	};
	const TTest *const store_tests[] = {
		bytes_are_exact,
		two_threads_on_the_same_pages,
		discard_beside_reads_and_writes,
		reads_of_a_sparse_image_take_no_space,
		cut_image_is_an_io_error,
		read_only_image_is_read,
	};
	Suite *suite = suite_create("file_map");
	TCase *tc = tcase_create("map");

	tcase_add_checked_fixture(tc, setup, teardown);
	for (unsigned i = 0; i < sizeof(map_tests) / sizeof(map_tests[0]); i++)
		tcase_add_test(tc, map_tests[i]);
	tcase_add_loop_test(tc, cut_file_ends_the_copy, 0, 3);
	tcase_add_loop_test(tc, bus_error_of_others_still_ends_the_process, 0,
			    sizeof(unguarded) / sizeof(unguarded[0]));
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
	tc = tcase_create("store");
	tcase_add_checked_fixture(tc, setup, teardown);
	for (unsigned i = 0; i < sizeof(store_tests) / sizeof(store_tests[0]); i++)
		tcase_add_loop_test(tc, store_tests[i], 0, 2);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
	return suite;
}

int main(void)
{
	struct stat st;
	SRunner *runner;
	int failed;

	if (stat("/dev/shm", &st) < 0 || access("/dev/shm", W_OK) < 0) {
		printf("SKIP: no /dev/shm here\n");
		return 77;
	}
	runner = srunner_create(file_map_suite());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
