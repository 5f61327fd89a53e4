/* SPDX-License-Identifier: MIT */
/* recording.c - see recording.h */
#include "cli/recording.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sheaf/task.h>

#include "base/bits.h"
#include "base/cleanup.h"
#include "base/log.h"

/* What a server can have written. */
#define UNITS_MAX      256
#define QUEUES_MAX     64
#define BLOCK_SIZE_MIN 512
#define BLOCK_SIZE_MAX 65536

struct parsing {
	const uint8_t *bytes;
	size_t n, at;
	const char *problem;
};

static int wrong(struct parsing *p, size_t at, const char *problem)
{
	p->at = at;
	p->problem = problem;
	return -EINVAL;
}

static int parse_header(struct parsing *p, struct sheaf_record_header *h)
{
	if (p->n < sizeof(*h))
		return wrong(p, p->n, "too short for a recording");
	memcpy(h, p->bytes, sizeof(*h));
	if (memcmp(h->magic, SHEAF_RECORD_MAGIC, sizeof(h->magic)) != 0)
		return wrong(p, 0, "not a recording of sheaf record");
	h->version = le32toh(h->version);
	h->header_bytes = le32toh(h->header_bytes);
	h->record_bytes = le32toh(h->record_bytes);
	h->unit_count = le32toh(h->unit_count);
	h->monotonic_ns = le64toh(h->monotonic_ns);
	h->realtime_ns = le64toh(h->realtime_ns);
	h->queues = le32toh(h->queues);
	h->lanes = le32toh(h->lanes);
	h->bundle_max = le32toh(h->bundle_max);
	h->flags = le32toh(h->flags);
	if (h->version != SHEAF_RECORD_VERSION)
		return wrong(p, 8, "a recording of a version that this sheaf does not know");
	if (h->record_bytes != sizeof(struct sheaf_record))
		return wrong(p, 16, "records of another size than 64");
	if (h->unit_count < 1 || h->unit_count > UNITS_MAX)
		return wrong(p, 20, "a number of units that cannot be");
	if (h->header_bytes != sizeof(*h) + h->unit_count * sizeof(struct sheaf_record_unit))
		return wrong(p, 12, "a header whose length is not that of its units");
	if (h->header_bytes > p->n)
		return wrong(p, p->n, "cut off in the header");
	if (h->queues < 1 || h->queues > QUEUES_MAX || h->lanes > QUEUES_MAX)
		return wrong(p, 40, "a number of queues that cannot be");
	if (h->bundle_max < 1 || h->bundle_max > SHEAF_BUNDLE_MAX)
		return wrong(p, 48, "a bundle size that cannot be");
	if (h->monotonic_ns > INT64_MAX || h->realtime_ns > INT64_MAX)
		return wrong(p, 24, "a time that cannot be");
	if ((p->n - h->header_bytes) % sizeof(struct sheaf_record))
		return wrong(p, p->n, "cut off in a record");
	return 0;
}

static const struct sheaf_record_unit *find_unit(const struct sheaf_recording *r, uint32_t lun)
{
	for (uint32_t i = 0; i < r->header.unit_count; i++)
		if (r->units[i].lun == lun)
			return &r->units[i];
	return NULL;
}

static int parse_units(struct parsing *p, struct sheaf_recording *r)
{
	r->units = calloc(r->header.unit_count, sizeof(*r->units));
	if (!r->units)
		return -ENOMEM;
	for (uint32_t i = 0; i < r->header.unit_count; i++) {
		size_t at = sizeof(r->header) + i * sizeof(*r->units);
		struct sheaf_record_unit *unit = &r->units[i];

		memcpy(unit, p->bytes + at, sizeof(*unit));
		unit->lun = le32toh(unit->lun);
		unit->block_size = le32toh(unit->block_size);
		unit->blocks = le64toh(unit->blocks);
		unit->flags = le32toh(unit->flags);
		if (find_unit(r, unit->lun) != unit)
			return wrong(p, at, "a unit that is there twice");
		if (unit->block_size < BLOCK_SIZE_MIN || unit->block_size > BLOCK_SIZE_MAX ||
		    unit->block_size & (unit->block_size - 1))
			return wrong(p, at + 4, "a block size that cannot be");
		if (unit->blocks == 0 || unit->blocks > INT64_MAX / unit->block_size)
			return wrong(p, at + 8, "a size of a unit that cannot be");
	}
	return 0;
}

static bool check_record(const struct sheaf_record_header *h, const struct sheaf_record *t)
{
	return t->queue < h->queues && (t->lane == SHEAF_RECORD_FUSED || t->lane < h->lanes) &&
	       t->bundle_size >= 1 && t->bundle_size <= SHEAF_BUNDLE_MAX &&
	       t->bundle_index < t->bundle_size &&
	       (t->cdb_length == 6 || t->cdb_length == 10 || t->cdb_length == 12 ||
		t->cdb_length == 16) &&
	       t->start_ns >= h->monotonic_ns && t->start_ns <= INT64_MAX &&
	       t->latency_ns <= INT64_MAX;
}

/* READ, WRITE, WRITE SAME and their like by the table of commands; UNMAP by its list. */
static void classify(struct sheaf_recorded *task)
{
	const struct sheaf_record *t = &task->record;
	uint64_t lba = 0, blocks = 0;

	if (!task->command || !task->unit)
		return;
	lba = sheaf_cdb_lba(task->command, t->cdb);
	blocks = sheaf_cdb_count(task->command, t->cdb);
	switch (t->cdb[0]) {
	case SHEAF_SCSI_READ_6:
	case SHEAF_SCSI_READ_10:
	case SHEAF_SCSI_READ_12:
	case SHEAF_SCSI_READ_16:
		task->deed = SHEAF_DEED_READ;
		break;
	case SHEAF_SCSI_WRITE_6:
	case SHEAF_SCSI_WRITE_10:
	case SHEAF_SCSI_WRITE_12:
	case SHEAF_SCSI_WRITE_16:
		task->deed = SHEAF_DEED_WRITE;
		task->durable = t->cdb_length > 6 && t->cdb[1] & SHEAF_CDB_RW_FUA;
		break;
	case SHEAF_SCSI_SYNCHRONIZE_CACHE_10:
	case SHEAF_SCSI_SYNCHRONIZE_CACHE_16:
		task->deed = SHEAF_DEED_FLUSH; /* of all, as fdatasync() does */
		return;
	case SHEAF_SCSI_WRITE_SAME_10:
	case SHEAF_SCSI_WRITE_SAME_16:
		if (t->cdb[1] & SHEAF_CDB_WRITE_SAME_UNMAP)
			task->deed = SHEAF_DEED_DISCARD;
		else if (t->cdb_length == 16 && t->cdb[1] & SHEAF_CDB_WRITE_SAME_16_NDOB)
			task->deed = SHEAF_DEED_ZERO;
		break;
	case SHEAF_SCSI_UNMAP:
		/* More than one range is not recorded. */
		if (t->range_count == 1)
			task->deed = SHEAF_DEED_DISCARD;
		lba = t->range_lba;
		blocks = t->range_blocks;
		break;
	default:
		break;
	}
	if (blocks == 0 || !sheaf_range_within(lba, blocks, task->unit->blocks)) {
		task->deed = SHEAF_DEED_NONE;
		return;
	}
	task->offset = lba * task->unit->block_size;
	task->length = blocks * task->unit->block_size;
}

static int parse_task(struct parsing *p, struct sheaf_recording *r, size_t at)
{
	struct sheaf_recorded task = { 0 };
	struct sheaf_record *t = &task.record;
	uint16_t byte;
	int8_t bit;

	memcpy(t, p->bytes + at, sizeof(*t));
	t->lun = le16toh(t->lun);
	t->bundle = le32toh(t->bundle);
	t->start_ns = le64toh(t->start_ns);
	t->latency_ns = le64toh(t->latency_ns);
	t->transferred = le32toh(t->transferred);
	t->range_blocks = le32toh(t->range_blocks);
	t->range_lba = le64toh(t->range_lba);
	switch (t->kind) {
	case SHEAF_RECORD_NOTHING:
		return 0;
	case SHEAF_RECORD_DROPPED:
		r->dropped += t->range_lba;
		return 0;
	case SHEAF_RECORD_TASK:
		break;
	default:
		return wrong(p, at, "a record of a kind that there is not");
	}
	if (!check_record(&r->header, t))
		return wrong(p, at, "a record that cannot be");
	if (sheaf_cdb_find(t->cdb, t->cdb_length, &task.command, &byte, &bit) != SHEAF_CDB_OK)
		task.command = NULL;
	task.unit = find_unit(r, t->lun);
	classify(&task);
	r->tasks[r->count++] = task;
	return 0;
}

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int by_start(const void *left, const void *right)
{
	const struct sheaf_record *a = &((const struct sheaf_recorded *)left)->record;
	const struct sheaf_record *b = &((const struct sheaf_recorded *)right)->record;
	int c = compare(a->start_ns, b->start_ns);

	if (c == 0)
		c = compare(a->queue, b->queue);
	if (c == 0)
		c = compare(a->bundle, b->bundle);
	return c ? c : compare(a->bundle_index, b->bundle_index);
}

int sheaf_recording_parse(const uint8_t *bytes, size_t n, struct sheaf_recording *ret,
			  const char **ret_problem, size_t *ret_at)
{
	struct parsing p = { .bytes = bytes, .n = n };
	struct sheaf_recording r = { 0 };
	int error = parse_header(&p, &r.header);

	if (error == 0)
		error = parse_units(&p, &r);
	if (error == 0) {
		size_t records = (n - r.header.header_bytes) / sizeof(struct sheaf_record);

		r.tasks = calloc(records + 1, sizeof(*r.tasks));
		error = r.tasks ? 0 : -ENOMEM;
	}
	for (size_t at = r.header.header_bytes; error == 0 && at < n;
	     at += sizeof(struct sheaf_record))
		error = parse_task(&p, &r, at);
	if (error < 0) {
		sheaf_recording_free(&r);
		if (error == -EINVAL) {
			*ret_problem = p.problem;
			*ret_at = p.at;
		}
		return error;
	}
	qsort(r.tasks, r.count, sizeof(*r.tasks), by_start);
	*ret = r;
	return 0;
}

int sheaf_recording_load(const char *path, struct sheaf_recording *ret)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	const char *problem;
	struct stat st;
	size_t at = 0;
	void *bytes;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0) {
		r = -errno;
		sheaf_error("%s: %s", path, strerror(-r));
		return r;
	}
	if (!S_ISREG(st.st_mode)) {
		sheaf_error("%s: not a file", path);
		return -EINVAL;
	}
	if (st.st_size == 0) {
		sheaf_error("%s: empty, so not a recording", path);
		return -EINVAL;
	}
	/* Private: who cuts the file meanwhile ends us, and nobody else. */
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED) {
		r = -errno;
		sheaf_error("%s: %s", path, strerror(-r));
		return r;
	}
	r = sheaf_recording_parse(bytes, (size_t)st.st_size, ret, &problem, &at);
	munmap(bytes, (size_t)st.st_size);
	if (r == -EINVAL)
		sheaf_error("%s: %s (byte %zu)", path, problem, at);
	else if (r < 0)
		sheaf_error("%s: %s", path, strerror(-r));
	return r;
}

bool sheaf_recording_keep_unit(struct sheaf_recording *recording, uint32_t lun)
{
	size_t kept = 0;

	if (!find_unit(recording, lun))
		return false;
	for (size_t i = 0; i < recording->count; i++)
		if (recording->tasks[i].record.lun == lun)
			recording->tasks[kept++] = recording->tasks[i];
	recording->count = kept;
	return true;
}

void sheaf_recording_free(struct sheaf_recording *recording)
{
	free(recording->units);
	free(recording->tasks);
	recording->units = NULL;
	recording->tasks = NULL;
}

const char *sheaf_recorded_name(const struct sheaf_recorded *task)
{
	return task->command ? task->command->name : "?";
}

bool sheaf_recorded_good(const struct sheaf_recorded *task)
{
	return task->record.service_response == SHEAF_TASK_COMPLETE &&
	       (task->record.status == SHEAF_STATUS_GOOD ||
		task->record.status == SHEAF_STATUS_CONDITION_MET);
}

static int by_number(const void *left, const void *right)
{
	return compare(*(const uint64_t *)left, *(const uint64_t *)right);
}

unsigned sheaf_recording_depth(const struct sheaf_recording *recording)
{
	CLEANUP_FREE uint64_t *ends = calloc(recording->count + 1, sizeof(*ends));
	unsigned depth = 1;

	if (!ends)
		return 0;
	for (size_t i = 0; i < recording->count; i++)
		ends[i] =
			recording->tasks[i].record.start_ns + recording->tasks[i].record.latency_ns;
	qsort(ends, recording->count, sizeof(*ends), by_number);
	for (size_t i = 0, ended = 0; i < recording->count; i++) {
		while (ends[ended] <= recording->tasks[i].record.start_ns && ended < i)
			ended++;
		if (i + 1 - ended > depth)
			depth = (unsigned)(i + 1 - ended);
	}
	return depth;
}
