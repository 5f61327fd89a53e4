/* SPDX-License-Identifier: MIT */
/**
 * dd-stamp.c - makes and judges the blocks that examples/dd-stress lets dd write and read
 *
 * A block is 512 bytes and says where it belongs (offset), who wrote it (owner) and when (generation); the rest of it
 * follows from these and the seed, and the last word is a checksum. So each block can be judged by itself.
 *
 * What a block may hold is in the index, a file that is not on the disk, shared by all processes of a run:
 *
 *   1. The disk is cut into chunks; chunk c is owner c % owners's. Only the owner writes or punches there, one thing after
 *      another, each with its own generation, counted up from 1.
 *   2. `issued` is set before the first byte goes to the disk, `acknowledged` when the last call has returned. Both are
 *      in one word, so that nobody sees one without the other.
 *   3. Who reads takes a copy of the entries first (look), reads, and judges with the entries as they are then (check).
 *      A block must be whole, and of the generation A that was acknowledged before, or one of I..J: in flight at the
 *      copy up to issued by now. An acknowledged write that is not seen, an older one that comes back, another
 *      block's content, and two generations in one block are all wrong.
 *   4. Zeros are right where a generation of these was a hole; more than one of these generations in one block where the write,
 *      or the read, may be `torn`: it has an end within the block, or nothing keeps the two apart.
 *   5. With nothing in flight exactly the acknowledged generation is right (prove).
 *
 * Every command is a process of its own, beside many others. Exit status: 0; 1: a block is wrong, each reported;
 * 2: the command line, a file, or a stream that ended too early.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK	     512u
#define STAMP_MAGIC  UINT64_C(0x73686561662d6464) /* "sheaf-dd" */
#define INDEX_MAGIC  UINT64_C(0x7368656166696478) /* "sheafidx" */
#define HOLE	     UINT32_C(0x80000000)
#define REPORTED_MAX 8	/* of one process; the rest are counted */
#define PIECES_MAX   16 /* of a torn block: lines of a cache, or halves */
#define BUFFER	     (256u * 1024)
#define NOBODY	     UINT32_MAX

enum { EXIT_RIGHT = 0, EXIT_WRONG = 1, EXIT_TROUBLE = 2 };

struct stamp {
	uint64_t magic, offset;
	uint32_t owner, generation;
	uint64_t seed;
	uint64_t body[BLOCK / 8 - 5];
	uint64_t sum;
};
_Static_assert(sizeof(struct stamp) == BLOCK, "a stamp is a block");

struct entry {
	_Atomic uint64_t
		state; /* acknowledged; issued << 32. Each a generation, with HOLE. W: owner; R: all */
	_Atomic uint32_t last_hole, last_torn; /* generations issued; W: owner, before state */
};

struct index {
	uint64_t magic, seed, disk_bytes, chunk_bytes;
	uint32_t owners, chunks;
	uint8_t reserved[BLOCK - 40];
	struct entry entries[]; /* one a block */
};
_Static_assert(sizeof(struct index) == BLOCK, "the entries begin at a block");

/* A range of the disk, in bytes. */
struct range {
	uint64_t offset, length;
};

struct view {
	struct index *index;
	uint64_t wrong; /* blocks */
};

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "dd-stamp: %s: %s\n", what, why);
	exit(EXIT_TROUBLE);
}

static uint64_t parse(const char *text)
{
	char *end;

	errno = 0;
	uint64_t n = strtoull(text, &end, 10);

	if (errno || *end || *text < '0' || *text > '9')
		fail(text, "not a number");
	return n;
}

/* --- stamps --- */

static uint64_t sum_of(const struct stamp *stamp)
{
	const uint64_t *words = (const uint64_t *)stamp;
	uint64_t sum = 0;

	for (unsigned i = 0; i < BLOCK / 8 - 1; i++)
		sum = mix(sum + words[i]);
	return sum;
}

static void make_stamp(struct stamp *stamp, uint64_t seed, uint64_t offset, uint32_t owner,
		       uint32_t generation)
{
	uint64_t state = mix(seed + mix(offset + mix((uint64_t)owner << 32 | generation)));

	*stamp = (struct stamp){ .magic = STAMP_MAGIC,
				 .offset = offset,
				 .owner = owner,
				 .generation = generation,
				 .seed = seed };
	for (unsigned i = 0; i < BLOCK / 8 - 5; i++)
		stamp->body[i] = mix(state += UINT64_C(0x9e3779b97f4a7c15));
	stamp->sum = sum_of(stamp);
}

static bool is_zero(const void *bytes, size_t n)
{
	const uint8_t *b = bytes;

	return n == 0 || (b[0] == 0 && memcmp(b, b + 1, n - 1) == 0);
}

/* --- index --- */

static uint64_t index_bytes(uint64_t disk_bytes)
{
	return sizeof(struct index) + disk_bytes / BLOCK * sizeof(struct entry);
}

static void *map(int fd, uint64_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		fail("index", strerror(errno));
	close(fd);
	return memory;
}

static struct view open_index(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat st;
	struct view view = { 0 };

	if (fd < 0 || fstat(fd, &st) < 0)
		fail(path, strerror(errno));
	if (st.st_size < (off_t)sizeof(struct index))
		fail(path, "no index");
	view.index = map(fd, (uint64_t)st.st_size);
	if (view.index->magic != INDEX_MAGIC ||
	    (uint64_t)st.st_size != index_bytes(view.index->disk_bytes))
		fail(path, "no index");
	return view;
}

static uint32_t owner_of(const struct index *index, uint64_t offset)
{
	uint64_t chunk = offset / index->chunk_bytes;

	return chunk < index->chunks ? (uint32_t)(chunk % index->owners) : NOBODY;
}

static struct range parse_range(const struct index *index, const char *offset, const char *length)
{
	struct range range = { parse(offset), parse(length) };

	if (range.length == 0 || range.offset >= index->disk_bytes ||
	    range.length > index->disk_bytes - range.offset)
		fail(offset, "no such range of the disk");
	return range;
}

static uint64_t first_block(struct range range)
{
	return range.offset / BLOCK;
}

static uint64_t end_block(struct range range)
{
	return (range.offset + range.length + BLOCK - 1) / BLOCK;
}

/* --- streams --- */

static void put(const void *bytes, size_t n)
{
	if (fwrite(bytes, 1, n, stdout) != n)
		fail("output", strerror(errno));
}

static void get(void *bytes, size_t n)
{
	if (fread(bytes, 1, n, stdin) != n)
		fail("input", ferror(stdin) ? strerror(errno) : "ended too early");
}

static void expect_end(void)
{
	if (fgetc(stdin) != EOF)
		fail("input", "longer than was asked for");
}

/* --- writing --- */

/* With conv=sparse dd leaves out records of zeros; half of the records are such. @record: bytes; 0: none is. */
static bool is_left_out(const struct index *index, struct range range, uint32_t generation,
			uint64_t record, uint64_t offset)
{
	return record && mix(index->seed + generation + mix((offset - range.offset) / record)) & 1;
}

/* What is about to go to the block @at. */
static void issue(struct entry *entry, uint32_t generation, bool hole, bool torn)
{
	uint64_t acknowledged = (uint32_t)atomic_load(&entry->state);

	if (hole)
		atomic_store(&entry->last_hole, generation);
	if (torn)
		atomic_store(&entry->last_torn, generation);
	atomic_store(&entry->state, acknowledged | (uint64_t)(generation | (hole ? HOLE : 0))
							   << 32);
}

struct writing {
	struct range range;
	uint32_t generation;
	bool hole, torn;
	uint64_t record; /* of conv=sparse, bytes, or 0 */
};

/* OFFSET LENGTH GENERATION [torn] [sparse=BYTES] */
static struct writing parse_writing(const struct index *index, char **words, bool hole)
{
	struct writing w = { .range = parse_range(index, words[0], words[1]),
			     .generation = (uint32_t)parse(words[2]),
			     .hole = hole };

	for (words += 3; *words; words++) {
		if (strcmp(*words, "torn") == 0)
			w.torn = true;
		else if (strncmp(*words, "sparse=", 7) == 0)
			w.record = parse(*words + 7);
		else
			fail(*words, "no such word");
	}
	if (w.range.offset % BLOCK || w.range.length % BLOCK || w.record % BLOCK)
		fail(words[0] ? words[0] : "range", "not a multiple of 512");
	if (w.generation == 0 || w.generation >= HOLE)
		fail("generation", "out of range");
	return w;
}

static void issue_all(struct view *view, const struct writing *w)
{
	uint32_t owner = owner_of(view->index, w->range.offset);

	for (uint64_t b = first_block(w->range); b < end_block(w->range); b++) {
		if (owner == NOBODY || owner_of(view->index, b * BLOCK) != owner)
			fail("range", "not one owner's");
		if (!is_left_out(view->index, w->range, w->generation, w->record, b * BLOCK))
			issue(&view->index->entries[b], w->generation, w->hole, w->torn);
	}
}

/* dd-stamp make INDEX OFFSET LENGTH GENERATION [torn] [sparse=BYTES] > stamped blocks */
static int make(struct view *view, char **words)
{
	const struct writing w = parse_writing(view->index, words, false);
	const uint32_t owner = owner_of(view->index, w.range.offset);
	static const struct stamp zeros;
	struct stamp stamp;

	issue_all(view, &w);
	for (uint64_t b = first_block(w.range); b < end_block(w.range); b++) {
		if (is_left_out(view->index, w.range, w.generation, w.record, b * BLOCK)) {
			put(&zeros, BLOCK);
			continue;
		}
		make_stamp(&stamp, view->index->seed, b * BLOCK, owner, w.generation);
		put(&stamp, BLOCK);
	}
	if (fflush(stdout))
		fail("output", strerror(errno));
	return EXIT_RIGHT;
}

/* dd-stamp hole INDEX OFFSET LENGTH GENERATION [torn]: zeros are about to be there */
static int hole(struct view *view, char **words)
{
	const struct writing w = parse_writing(view->index, words, true);

	issue_all(view, &w);
	return EXIT_RIGHT;
}

/* dd-stamp ack INDEX OFFSET LENGTH GENERATION: all of it is done */
static int ack(struct view *view, char **words)
{
	struct range range = parse_range(view->index, words[0], words[1]);
	uint32_t generation = (uint32_t)parse(words[2]);

	for (uint64_t b = first_block(range); b < end_block(range); b++) {
		struct entry *entry = &view->index->entries[b];
		uint64_t issued = atomic_load(&entry->state) >> 32;

		/* Those that conv=sparse left out are as they were. */
		if ((issued & ~HOLE) == generation)
			atomic_store(&entry->state, issued << 32 | issued);
	}
	return EXIT_RIGHT;
}

/* --- judging --- */

/* What a block may be: generation A, or one of I..J. */
struct allowed {
	uint64_t offset; /* of the block, on the disk */
	uint32_t owner;
	uint32_t acknowledged, in_flight, last; /* A, I, J; without HOLE */
	bool old_is_data, zeros, torn;
};

/* I, when it is not A itself. */
static uint32_t first_in_flight(const struct allowed *a)
{
	return a->in_flight > a->acknowledged ? a->in_flight : a->acknowledged + 1;
}

static bool is_allowed(const struct allowed *a, uint32_t generation)
{
	return (generation == a->acknowledged && a->old_is_data) ||
	       (generation >= first_in_flight(a) && generation <= a->last);
}

static struct allowed allowed_now(const struct index *index, uint64_t block, uint64_t before,
				  bool torn)
{
	const struct entry *entry = &index->entries[block];
	/* J first: what is issued after this load was not read. */
	uint32_t last = (uint32_t)(atomic_load(&entry->state) >> 32);
	uint32_t acknowledged = (uint32_t)before, in_flight = (uint32_t)(before >> 32);
	uint32_t generation = acknowledged & ~HOLE;

	return (struct allowed){
		.offset = block * BLOCK,
		.owner = owner_of(index, block * BLOCK),
		.acknowledged = generation,
		.in_flight = in_flight & ~HOLE,
		.last = last & ~HOLE,
		.old_is_data = generation && !(acknowledged & HOLE),
		.zeros = !generation || acknowledged & HOLE ||
			 atomic_load(&entry->last_hole) > generation,
		.torn = torn || atomic_load(&entry->last_torn) > generation,
	};
}

/* Candidate number @i, made into @stamp; false after the last. */
static bool candidate(const struct index *index, const struct allowed *a, uint64_t i,
		      struct stamp *stamp)
{
	uint32_t generation = a->acknowledged;

	if (i == 0 && a->zeros)
		memset(stamp, 0, sizeof(*stamp));
	if (i == 0 && a->zeros)
		return true;
	i -= a->zeros;
	if (i > 0 || !a->old_is_data) {
		uint32_t from = first_in_flight(a);

		i -= a->old_is_data;
		if (from + i > a->last)
			return false;
		generation = from + (uint32_t)i;
	}
	make_stamp(stamp, index->seed, a->offset, a->owner, generation);
	return true;
}

static size_t same_length(const uint8_t *a, const uint8_t *b, size_t n)
{
	size_t i = 0;

	while (i < n && a[i] == b[i])
		i++;
	return i;
}

/* Bytes @from..@to of a block, in as few pieces as can be, each from a candidate. Return: pieces; PIECES_MAX + 1: no. */
static unsigned pieces_of(const struct index *index, const struct allowed *a, const uint8_t *bytes,
			  size_t from, size_t to)
{
	unsigned pieces = 0;

	while (from < to && pieces <= PIECES_MAX) {
		size_t best = 0;
		struct stamp stamp;

		for (uint64_t i = 0; candidate(index, a, i, &stamp); i++) {
			size_t n = same_length(bytes, (const uint8_t *)&stamp + from, to - from);

			best = n > best ? n : best;
		}
		if (best == 0)
			return PIECES_MAX + 1;
		bytes += best;
		from += best;
		pieces++;
	}
	return from < to ? PIECES_MAX + 1 : pieces;
}

static void say_allowed(const struct allowed *a)
{
	if (a->last > a->acknowledged)
		fprintf(stderr,
			"; acknowledged %" PRIu32 ", in flight %" PRIu32 " to %" PRIu32 "%s\n",
			a->acknowledged, first_in_flight(a), a->last, a->zeros ? ", or zeros" : "");
	else if (a->old_is_data)
		fprintf(stderr, "; acknowledged %" PRIu32 "\n", a->acknowledged);
	else
		fprintf(stderr, "; should be zeros\n");
}

/* A block that is no stamp, word by word: which generation each is from, 0 for zeros, ? for none of this block. */
static void say_words(const struct index *index, const struct allowed *a, const uint8_t *block,
		      size_t from, size_t to)
{
	uint32_t last = a->last > a->acknowledged ? a->last : a->acknowledged;
	static const size_t shared[] = { 0, 1, 3 };
	uint32_t found[BLOCK / 8];
	struct stamp stamp = { 0 };

	memset(found, 0xff, sizeof(found));
	for (uint32_t generation = 0; generation <= last; generation++) {
		if (generation)
			make_stamp(&stamp, index->seed, a->offset, a->owner, generation);
		for (size_t i = 0; i < BLOCK / 8; i++)
			if (memcmp(block + i * 8, (uint8_t *)&stamp + i * 8, 8) == 0)
				found[i] = generation;
	}
	/* Words that all generations share are their neighbour's. */
	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
		if (found[shared[i]] == last && found[2] && found[2] != UINT32_MAX)
			found[shared[i]] = found[2];
	fprintf(stderr, "pieces:");
	for (size_t i = (from + 7) / 8, start = i; i < to / 8; i++) {
		if (i + 1 < to / 8 && found[i + 1] == found[i])
			continue;
		if (found[i] == UINT32_MAX)
			fprintf(stderr, " ?[%zu..%zu)", start * 8, i * 8 + 8);
		else
			fprintf(stderr, " %" PRIu32 "[%zu..%zu)", found[i], start * 8, i * 8 + 8);
		start = i + 1;
	}
}

/* What a wrong block is. @block: bytes @from..@to of it are there. */
static void report(struct view *view, const struct allowed *a, const uint8_t *block, size_t from,
		   size_t to)
{
	struct stamp stamp;
	bool is_stamp;

	if (++view->wrong > REPORTED_MAX)
		return;
	memcpy(&stamp, block, BLOCK);
	is_stamp = to - from == BLOCK && stamp.magic == STAMP_MAGIC && stamp.sum == sum_of(&stamp);
	fprintf(stderr, "dd-stamp: offset %" PRIu64 ", owner %" PRId32 ": ", a->offset,
		(int32_t)a->owner);
	if (is_zero(block + from, to - from))
		fprintf(stderr, "zeros");
	else if (is_stamp && stamp.offset != a->offset)
		fprintf(stderr, "the block of offset %" PRIu64, stamp.offset);
	else if (is_stamp)
		fprintf(stderr, "generation %" PRIu32 " of owner %" PRIu32 ", seed %" PRIu64,
			stamp.generation, stamp.owner, stamp.seed);
	else
		say_words(view->index, a, block, from, to);
	say_allowed(a);
}

/* Bytes @from..@to of a block are in @bytes at @from. */
static void judge(struct view *view, const struct allowed *a, const uint8_t *bytes, size_t from,
		  size_t to)
{
	struct stamp stamp, right;

	if (a->owner == NOBODY || to - from < BLOCK || a->torn) {
		unsigned pieces = pieces_of(view->index, a, bytes + from, from, to);

		if (pieces > (a->torn ? PIECES_MAX : 1))
			report(view, a, bytes, from, to);
		return;
	}
	if (is_zero(bytes, BLOCK)) {
		if (!a->zeros)
			report(view, a, bytes, from, to);
		return;
	}
	memcpy(&stamp, bytes, BLOCK);
	if (is_allowed(a, stamp.generation)) {
		make_stamp(&right, view->index->seed, a->offset, a->owner, stamp.generation);
		if (memcmp(&right, bytes, BLOCK) == 0)
			return;
	}
	report(view, a, bytes, from, to);
}

static int verdict(const struct view *view)
{
	if (view->wrong > REPORTED_MAX)
		fprintf(stderr, "dd-stamp: %" PRIu64 " blocks are wrong\n", view->wrong);
	return view->wrong ? EXIT_WRONG : EXIT_RIGHT;
}

/* dd-stamp look INDEX OFFSET LENGTH > the entries' states now */
static int look(struct view *view, char **words)
{
	struct range range = parse_range(view->index, words[0], words[1]);

	for (uint64_t b = first_block(range); b < end_block(range); b++) {
		uint64_t state = atomic_load(&view->index->entries[b].state);

		put(&state, sizeof(state));
	}
	if (fflush(stdout))
		fail("output", strerror(errno));
	return EXIT_RIGHT;
}

/* dd-stamp check INDEX OFFSET LENGTH [torn] < what look said, then the range's bytes */
static int check(struct view *view, char **words)
{
	struct range range = parse_range(view->index, words[0], words[1]);
	uint64_t first = first_block(range), count = end_block(range) - first;
	uint64_t *before = calloc(count, sizeof(*before));
	uint64_t from = range.offset % BLOCK;
	uint8_t block[BLOCK] = { 0 };

	if (!before)
		fail("check", "out of memory");
	get(before, count * sizeof(*before));
	for (uint64_t i = 0; i < count; i++) {
		uint64_t left = range.offset + range.length - (first + i) * BLOCK;
		uint64_t to = left < BLOCK ? left : BLOCK;

		get(block + from, to - from);

		const struct allowed a =
			allowed_now(view->index, first + i, before[i], words[2] != NULL);

		judge(view, &a, block, from, to);
		from = 0;
	}
	free(before);
	expect_end();
	return verdict(view);
}

/* dd-stamp prove INDEX < the whole disk: nothing is in flight */
static int prove(struct view *view, char **words)
{
	const struct index *index = view->index;
	uint64_t count = index->disk_bytes / BLOCK, stamped = 0, unknown = 0;
	uint8_t block[BLOCK];

	(void)words;
	for (uint64_t b = 0; b < count; b++) {
		uint64_t state = atomic_load(&index->entries[b].state);
		const struct allowed a = allowed_now(index, b, state, false);

		get(block, BLOCK);
		/* Its writer was told of an error. */
		unknown += (uint32_t)state != state >> 32;
		stamped += a.old_is_data;
		if ((uint32_t)state == state >> 32) {
			struct allowed only = a;

			only.torn = false;
			judge(view, &only, block, 0, BLOCK);
		}
	}
	expect_end();
	if (unknown)
		fprintf(stderr,
			"dd-stamp: %" PRIu64 " blocks have a write that was never acknowledged\n",
			unknown);
	printf("%" PRIu64 " blocks, %" PRIu64 " stamped, %" PRIu64 " zeros, %" PRIu64 " wrong\n",
	       count, stamped, count - stamped, view->wrong);
	return unknown ? EXIT_WRONG : verdict(view);
}

/* --- what the proof must find --- */

/* A block as a fault would leave it, in place of the right one. False: this block cannot have that fault. */
static bool spoil(const struct index *index, uint64_t block, const char *kind, uint8_t *out)
{
	uint32_t acknowledged = (uint32_t)atomic_load(&index->entries[block].state);
	uint32_t generation = acknowledged & ~HOLE, owner = owner_of(index, block * BLOCK);
	bool is_data = generation && !(acknowledged & HOLE);
	uint64_t offset = block * BLOCK;
	struct stamp older;

	if (owner == NOBODY)
		return false;
	if (strcmp(kind, "kept") == 0) { /* a hole that never came */
		make_stamp((struct stamp *)out, index->seed, offset, owner,
			   generation ? generation : 1);
		return !is_data;
	}
	make_stamp((struct stamp *)out, index->seed, offset, owner, generation);
	make_stamp(&older, index->seed, offset, owner, generation - 1);
	if (strcmp(kind, "flipped") == 0)
		out[offset / BLOCK % BLOCK] ^= 1;
	else if (strcmp(kind, "lost") == 0)
		memcpy(out, &older, BLOCK);
	else if (strcmp(kind, "moved") == 0)
		make_stamp((struct stamp *)out, index->seed, offset + BLOCK, owner, generation);
	else if (strcmp(kind, "torn") == 0)
		memcpy(out + BLOCK / 2, (uint8_t *)&older + BLOCK / 2, BLOCK / 2);
	else if (strcmp(kind, "zeroed") == 0)
		memset(out, 0, BLOCK);
	else
		fail(kind, "neither flipped, lost, moved, torn, zeroed nor kept");
	return is_data && generation > 1;
}

/* dd-stamp spoil INDEX FILE KIND: one block of FILE, the first that can be from a place that the seed says */
static int spoil_one(struct view *view, char **words)
{
	const struct index *index = view->index;
	uint64_t count = index->disk_bytes / BLOCK, start = mix(index->seed) % count;
	int fd = open(words[0], O_WRONLY | O_CLOEXEC);
	_Alignas(struct stamp) uint8_t block[BLOCK];

	if (fd < 0)
		fail(words[0], strerror(errno));
	for (uint64_t i = 0; i < count; i++) {
		uint64_t b = (start + i) % count;

		if (!spoil(index, b, words[1], block))
			continue;
		if (pwrite(fd, block, BLOCK, (off_t)(b * BLOCK)) != (ssize_t)BLOCK)
			fail(words[0], strerror(errno));
		close(fd);
		printf("%" PRIu64 "\n", b * BLOCK);
		return EXIT_RIGHT;
	}
	close(fd);
	fail(words[1], "no block can have this fault");
	return EXIT_TROUBLE;
}

/* dd-stamp init INDEX DISK-BYTES CHUNK-BYTES CHUNKS OWNERS SEED */
static int init(const char *path, char **words)
{
	const struct index head = { .magic = INDEX_MAGIC,
				    .disk_bytes = parse(words[0]),
				    .chunk_bytes = parse(words[1]),
				    .chunks = (uint32_t)parse(words[2]),
				    .owners = (uint32_t)parse(words[3]),
				    .seed = parse(words[4]) };
	uint64_t bytes = index_bytes(head.disk_bytes);
	int fd;

	if (head.disk_bytes == 0 || head.disk_bytes % BLOCK || head.chunk_bytes == 0 ||
	    head.chunk_bytes % BLOCK || head.owners == 0 ||
	    head.chunks > head.disk_bytes / head.chunk_bytes)
		fail(path, "no such disk");
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0)
		fail(path, strerror(errno));
	memcpy(map(fd, bytes), &head, sizeof(head));
	return EXIT_RIGHT;
}

static const struct command {
	const char *name;
	int (*run)(struct view *view, char **words);
	int words_min, words_max;
} commands[] = {
	{ "make", make, 3, 5 },	      { "hole", hole, 3, 4 },	{ "ack", ack, 3, 3 },
	{ "look", look, 2, 2 },	      { "check", check, 2, 3 }, { "prove", prove, 0, 0 },
	{ "spoil", spoil_one, 2, 2 },
};

int main(int argc, char **argv)
{
	static char in[BUFFER], out[BUFFER];

	setvbuf(stdin, in, _IOFBF, sizeof(in));
	setvbuf(stdout, out, _IOFBF, sizeof(out));
	if (argc == 8 && strcmp(argv[1], "init") == 0)
		return init(argv[2], argv + 3);
	for (size_t i = 0; argc >= 3 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct command *c = &commands[i];

		if (strcmp(argv[1], c->name) == 0 && argc - 3 >= c->words_min &&
		    argc - 3 <= c->words_max) {
			struct view view = open_index(argv[2]);
			int code = c->run(&view, argv + 3);

			return fflush(stdout) ? EXIT_TROUBLE : code;
		}
	}
	fprintf(stderr, "dd-stamp: see the head of examples/dd-stamp.c, and examples/dd-stress, "
			"which calls it\n");
	return EXIT_TROUBLE;
}
