/* SPDX-License-Identifier: MIT */
/*
 * file_map.c - see file_map.h
 *
 * Why a bit a page: pages are what a file has or has not, so that a write tells all there is to know without
 * another call, and a sparse image is served as fast as a full one. 32 KiB of bits a GiB, taken as they are used.
 *
 * Why mincore() and not lseek(SEEK_HOLE): lseek looks at every page up to the next hole, seconds for a large
 * image without any, and holds the inode's lock meanwhile. mincore() looks at what it is asked for. It lies (all is there)
 * to who does not own the file and could not write it, and in some sandboxes; is_honest() finds out.
 */
#include "store/file_map.h"

#include "base/bits.h"
#include "base/sanitizer.h"
#include "store/guarded_copy.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORD_BITS 64

/* How much a store may grow and still be copied, all of it: 512 KiB of bits, which are not touched before. */
#define ROOM_BYTES (UINT64_C(16) << 30)

/* What the kernel maps at once where it is there already (fault_around_bytes), and what a look covers at least. */
#define AROUND_BYTES UINT64_C(65536)
/* A look goes no further: 1 MiB of 4 KiB pages, wherever it begins. */
#define LOOK_PAGES_MAX 288
/* Looks that are left out after looks that found nothing; doubled up to this. */
#define PAUSE_MAX 32

/* `clears`: how many go on, in the low half, and how many there have been, in the high one. */
#define CLEARS_RUNNING UINT64_C(0xffffffff)
#define CLEARS_ONE     (UINT64_C(1) << 32)

struct sheaf_file_map {
	int fd;
	bool can_look;
	unsigned page_shift;
	uint8_t *bytes; /* the page of file offset `start` */
	size_t mapped_bytes;
	uint64_t start;	      /* on a page boundary */
	uint64_t mapped_end;  /* what comes after it is not copied */
	_Atomic uint64_t end; /* the store's; W: set_end(), R: any, relaxed but in is_whole() */
	_Atomic uint64_t *present; /* a bit a page */
	/* W: any, rarely; R: any. Sequentially consistent, see invariant 2. */
	_Atomic uint64_t clears;
	/* W, R: any, relaxed: a look too many or too few does not matter. */
	atomic_uint pause, pause_next;
	atomic_bool written; /* W, R: any, relaxed: the file's times are old */
	atomic_bool
		cut; /* W, R: any, relaxed; set once: the file is shorter than it was, so nothing is copied */
};

struct pages {
	uint64_t first, end;
};

static uint64_t page_bytes(const struct sheaf_file_map *map)
{
	return UINT64_C(1) << map->page_shift;
}

/* Pages that the range touches, counted from map->start. */
static struct pages pages_of(const struct sheaf_file_map *map, uint64_t offset, uint64_t length)
{
	assert(offset >= map->start && sheaf_range_within(offset, length, map->mapped_end));
	offset -= map->start;
	return (struct pages){ offset >> map->page_shift,
			       sheaf_round_up(offset + length, page_bytes(map)) >>
				       map->page_shift };
}

/* The bits of @p in @word, which has some. */
static uint64_t word_mask(struct pages p, uint64_t word)
{
	uint64_t base = word * WORD_BITS;
	uint64_t from = p.first > base ? p.first - base : 0;
	uint64_t to = sheaf_min64(p.end - base, WORD_BITS);

	return (~UINT64_C(0) >> (WORD_BITS - (to - from))) << from;
}

static bool all_present(const struct sheaf_file_map *map, struct pages p)
{
	for (uint64_t w = p.first / WORD_BITS; w * WORD_BITS < p.end; w++) {
		uint64_t mask = word_mask(p, w);

		if ((atomic_load_explicit(&map->present[w], memory_order_acquire) & mask) != mask)
			return false;
	}
	return true;
}

static void clear_pages(struct sheaf_file_map *map, struct pages p)
{
	for (uint64_t w = p.first / WORD_BITS; w * WORD_BITS < p.end; w++) {
		uint64_t mask = word_mask(p, w);

		if (atomic_load(&map->present[w]) & mask)
			atomic_fetch_and(&map->present[w], ~mask);
	}
}

/* Invariant 2: either clear_begin() sees the bits, or we see its count. */
static void set_pages(struct sheaf_file_map *map, uint64_t watched, struct pages p)
{
	if (watched & CLEARS_RUNNING)
		return;
	for (uint64_t w = p.first / WORD_BITS; w * WORD_BITS < p.end; w++) {
		uint64_t mask = word_mask(p, w);

		if ((atomic_load(&map->present[w]) & mask) != mask)
			atomic_fetch_or(&map->present[w], mask);
	}
	if (atomic_load(&map->clears) != watched)
		clear_pages(map, p);
}

/* Is the file as long as it was? Once it was not, every access is a system call, which sees the end to the byte. */
static bool is_whole(struct sheaf_file_map *map)
{
	struct stat st;
	uint64_t end;

	do {
		end = atomic_load(&map->end);
		if (fstat(map->fd, &st) < 0)
			break;
		/* If the store has shrunk meanwhile, so may the file: look again. */
		if ((uint64_t)st.st_size < end && atomic_load(&map->end) == end)
			atomic_store_explicit(&map->cut, true, memory_order_relaxed);
	} while (atomic_load(&map->end) != end);
	return !atomic_load_explicit(&map->cut, memory_order_relaxed);
}

/* --- copies --- */

static uint8_t *address_of(const struct sheaf_file_map *map, uint64_t offset)
{
	return map->bytes + (offset - map->start);
}

static bool is_mapped(const struct sheaf_file_map *map, uint64_t offset, uint64_t length)
{
	return sheaf_range_within(offset, length, map->mapped_end);
}

static bool may_copy(const struct sheaf_file_map *map, struct pages p)
{
	return !atomic_load_explicit(&map->cut, memory_order_relaxed) && all_present(map, p);
}

/* A page was not to be had. */
static void tripped(struct sheaf_file_map *map, struct pages p)
{
	clear_pages(map, p);
	(void)is_whole(map);
}

bool sheaf_file_map_read(struct sheaf_file_map *map, uint64_t offset, void *data, size_t length)
{
	struct pages p;

	if (!is_mapped(map, offset, length))
		return false;
	p = pages_of(map, offset, length);
	if (!may_copy(map, p))
		return false;
	if (sheaf_guarded_copy(data, address_of(map, offset), length))
		return true;
	tripped(map, p);
	return false;
}

/*
 * A fault for writing maps its page, a fault for reading all that are there round it, and writable too, since shmem
 * wants no notice of writes. So what is longer than a page is touched first.
 */
static bool touch(const struct sheaf_file_map *map, uint64_t offset, size_t length)
{
	return length <= page_bytes(map) ||
	       sheaf_guarded_touch(address_of(map, offset), length, AROUND_BYTES);
}

bool sheaf_file_map_write(struct sheaf_file_map *map, uint64_t offset, const void *data,
			  size_t length)
{
	struct pages p;

	if (!is_mapped(map, offset, length))
		return false;
	p = pages_of(map, offset, length);
	if (!may_copy(map, p))
		return false;
	if (!touch(map, offset, length) ||
	    !sheaf_guarded_copy(address_of(map, offset), data, length)) {
		tripped(map, p);
		return false;
	}
	if (!atomic_load_explicit(&map->written, memory_order_relaxed))
		atomic_store_explicit(&map->written, true, memory_order_relaxed);
	return true;
}

/* --- what is there --- */

uint64_t sheaf_file_map_watch(const struct sheaf_file_map *map)
{
	return atomic_load(&map->clears);
}

void sheaf_file_map_wrote(struct sheaf_file_map *map, uint64_t watched, uint64_t offset,
			  size_t length)
{
	if (is_mapped(map, offset, length))
		set_pages(map, watched, pages_of(map, offset, length));
}

/* What else is in the neighbourhood comes along, at no further cost. */
static struct pages look_at(const struct sheaf_file_map *map, uint64_t offset, size_t length)
{
	uint64_t around = AROUND_BYTES > page_bytes(map) ? AROUND_BYTES : page_bytes(map);
	uint64_t from = sheaf_round_down(offset - map->start, around);
	uint64_t to = sheaf_round_up(offset - map->start + length, around);
	uint64_t end = atomic_load_explicit(&map->end, memory_order_relaxed);
	struct pages p = pages_of(
		map, map->start + from,
		sheaf_min64(to, sheaf_min64(end, map->mapped_end) - map->start) - from);

	p.end = sheaf_min64(p.end, p.first + LOOK_PAGES_MAX);
	return p;
}

/* True if some are there. */
static bool set_resident(struct sheaf_file_map *map, uint64_t watched, struct pages p,
			 const unsigned char resident[])
{
	bool any = false;

	for (uint64_t page = p.first; page < p.end; page++) {
		struct pages run = { page, page };

		while (run.end < p.end && resident[run.end - p.first] & 1)
			run.end++;
		if (run.end == run.first)
			continue;
		set_pages(map, watched, run);
		any = true;
		page = run.end;
	}
	return any;
}

/* True if a look may be worth its call. */
static bool is_time_to_look(struct sheaf_file_map *map)
{
	unsigned pause = atomic_load_explicit(&map->pause, memory_order_relaxed);

	if (!map->can_look)
		return false;
	if (pause == 0)
		return true;
	atomic_store_explicit(&map->pause, pause - 1, memory_order_relaxed);
	return false;
}

static void found(struct sheaf_file_map *map, bool any)
{
	unsigned pause = atomic_load_explicit(&map->pause_next, memory_order_relaxed);

	atomic_store_explicit(&map->pause, any ? 0 : pause, memory_order_relaxed);
	pause = any ? 1 : pause < PAUSE_MAX ? pause * 2 : PAUSE_MAX;
	atomic_store_explicit(&map->pause_next, pause, memory_order_relaxed);
}

unsigned sheaf_file_map_look(struct sheaf_file_map *map, uint64_t offset, size_t length)
{
	uint64_t watched = sheaf_file_map_watch(map);
	unsigned char resident[LOOK_PAGES_MAX];
	struct pages p;

	if (watched & CLEARS_RUNNING || !is_mapped(map, offset, length) || !is_time_to_look(map))
		return 0;
	p = look_at(map, offset, length);
	if (mincore(map->bytes + (p.first << map->page_shift), (p.end - p.first) << map->page_shift,
		    resident) == 0)
		found(map, set_resident(map, watched, p, resident));
	return 1;
}

void sheaf_file_map_clear_begin(struct sheaf_file_map *map, uint64_t offset, uint64_t length)
{
	uint64_t end = sheaf_min64(offset + length, map->mapped_end);

	atomic_fetch_add(&map->clears, CLEARS_ONE + 1);
	if (offset < end)
		clear_pages(map, pages_of(map, offset, end - offset));
}

void sheaf_file_map_clear_end(struct sheaf_file_map *map)
{
	uint64_t before = atomic_fetch_sub(&map->clears, 1);

	assert(before & CLEARS_RUNNING);
	(void)before;
}

/* --- now and then --- */

void sheaf_file_map_set_end(struct sheaf_file_map *map, uint64_t end)
{
	uint64_t before = atomic_exchange(&map->end, end);

	assert(end > map->start);
	/* The pages go with the file's end; that there are such again is to be learnt anew. */
	if (end < before) {
		sheaf_file_map_clear_begin(map, end, before - end);
		sheaf_file_map_clear_end(map);
	}
}

int sheaf_file_map_settle(struct sheaf_file_map *map)
{
	if (!atomic_exchange_explicit(&map->written, false, memory_order_relaxed))
		return 0;
	(void)futimens(map->fd, NULL);
	if (is_whole(map))
		return 0;
	/* Say so again, whoever asks. */
	atomic_store_explicit(&map->written, true, memory_order_relaxed);
	return -EIO;
}

void sheaf_file_map_trim(struct sheaf_file_map *map)
{
	(void)sheaf_file_map_settle(map);
	(void)madvise(map->bytes, map->mapped_bytes, MADV_DONTNEED);
}

/* --- making one --- */

#ifndef SHEAF_TSAN

/* A page past the file's end cannot be there. */
static bool is_honest(int fd, size_t page)
{
	unsigned char resident = 1;
	struct stat st;
	void *past;

	if (fstat(fd, &st) < 0)
		return false;
	past = mmap(NULL, page, PROT_READ, MAP_SHARED, fd,
		    (off_t)sheaf_round_up((uint64_t)st.st_size, page));
	if (past == MAP_FAILED)
		return false;
	if (mincore(past, page, &resident) < 0)
		resident = 1;
	munmap(past, page);
	return !(resident & 1);
}

static int map_bytes(struct sheaf_file_map *map, uint64_t bytes, bool writable)
{
	uint64_t words = (bytes >> map->page_shift) / WORD_BITS + 1;
	void *mapped;

	if (bytes > SIZE_MAX / 2)
		return -ENOMEM;
	map->present = calloc(words, sizeof(*map->present));
	if (!map->present)
		return -ENOMEM;
	mapped = mmap(NULL, bytes, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, map->fd,
		      (off_t)map->start);
	if (mapped == MAP_FAILED) {
		int err = -errno;

		free(map->present);
		map->present = NULL;
		return err;
	}
	map->bytes = mapped;
	map->mapped_bytes = bytes;
	map->mapped_end = map->start + bytes;
	(void)madvise(mapped, bytes, MADV_DONTDUMP); /* a core is of us, not of the image */
	return 0;
}

/* With room to grow, if there is that much address space. */
static int map_file(struct sheaf_file_map *map, bool writable)
{
	uint64_t bytes = sheaf_round_up(map->end - map->start, page_bytes(map));

	if (bytes < SIZE_MAX / 4 && map_bytes(map, bytes + ROOM_BYTES, writable) == 0)
		return 0;
	return map_bytes(map, bytes, writable);
}

int sheaf_file_map_create(int fd, uint64_t offset, uint64_t bytes, bool writable,
			  struct sheaf_file_map **ret_map)
{
	long page = sysconf(_SC_PAGESIZE);
	struct sheaf_file_map *map;
	int err = sheaf_guarded_copy_init();

	if (err)
		return err;
	map = calloc(1, sizeof(*map));
	if (!map)
		return -ENOMEM;
	map->fd = fd;
	map->page_shift = (unsigned)__builtin_ctzl((unsigned long)page);
	map->start = sheaf_round_down(offset, (uint64_t)page);
	atomic_init(&map->end, offset + bytes);
	atomic_init(&map->pause_next, 1);
	err = map_file(map, writable);
	if (err) {
		sheaf_file_map_free(map);
		return err;
	}
	map->can_look = is_honest(fd, (size_t)page);
	*ret_map = map;
	return 0;
}

#else

/* Writes of two guests' threads to one place are theirs to order; a system call is not looked at, a copy would be. */
int sheaf_file_map_create(int fd, uint64_t offset, uint64_t bytes, bool writable,
			  struct sheaf_file_map **ret_map)
{
	(void)fd, (void)offset, (void)bytes, (void)writable, (void)ret_map;
	return -EOPNOTSUPP;
}

#endif

struct sheaf_file_map *sheaf_file_map_free(struct sheaf_file_map *map)
{
	if (!map)
		return NULL;
	if (map->bytes) {
		(void)sheaf_file_map_settle(map);
		munmap(map->bytes, map->mapped_bytes);
	}
	free(map->present);
	free(map);
	return NULL;
}
