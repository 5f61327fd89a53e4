/* SPDX-License-Identifier: MIT */
/*
 * log_pages.c - LOG SENSE (SPC-4) and its pages: a function each, which puts the page's parameters in ascending order
 *
 * What they tell lives as long as the LU does. A page that is not here is one that this LU does not have: an image has no
 * temperature, and no errors that would be corrected.
 */
#include "scsi/log_pages.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "scsi/lu_impl.h"

/* Of General Statistics and Performance: microseconds. */
#define INTERVAL_NS 1000

/* Room for the value of parameter @code, @length bytes of zeros. */
static uint8_t *add(struct sheaf_log_parameters *p, uint16_t code, uint8_t format, uint8_t length, uint8_t spare[])
{
	uint8_t *at = p->bytes + p->length;

	p->last = code;
	if (code < p->from)
		return spare;
	sheaf_put_be16(at, code);
	at[2] = SHEAF_LOG_TSD | format;
	at[3] = length;
	p->length += SHEAF_LOG_PARAMETER_HEADER + length;
	return at + SHEAF_LOG_PARAMETER_HEADER;
}

static uint8_t *add_list(struct sheaf_log_parameters *p, uint16_t code, uint8_t length, uint8_t spare[])
{
	return add(p, code, SHEAF_LOG_BINARY_LIST, length, spare);
}

/*
 * Logical Block Provisioning, SBC-4 section 6.4.5, in threshold sets. What the image takes is its own; what there is left is
 * everybody's who uses the filesystem.
 */
static void provisioning_page(struct sheaf_lu *lu, struct sheaf_log_parameters *p)
{
	uint64_t set = (uint64_t)lu->block_size << sheaf_lu_threshold_exponent(lu);
	uint64_t used = p->space->used_bytes / set + (p->space->used_bytes % set != 0);
	uint8_t spare[SHEAF_LOG_RESOURCE], *d;

	if (p->space->available_bytes != SHEAF_STORE_SPACE_UNKNOWN) {
		d = add_list(p, SHEAF_LOG_AVAILABLE_RESOURCES, SHEAF_LOG_RESOURCE, spare);
		sheaf_put_be32(d, (uint32_t)sheaf_min64(p->space->available_bytes / set, UINT32_MAX));
		d[SHEAF_LOG_RESOURCE_SCOPE] = SHEAF_LOG_SCOPE_SHARED;
	}
	d = add_list(p, SHEAF_LOG_USED_RESOURCES, SHEAF_LOG_RESOURCE, spare);
	sheaf_put_be32(d, (uint32_t)sheaf_min64(used, UINT32_MAX));
	d[SHEAF_LOG_RESOURCE_SCOPE] = SHEAF_LOG_SCOPE_DEDICATED;
}

/* Start-Stop Cycle Counter, SPC-4: how often it was stopped. How often it may be is not limited. */
static void start_stop_page(struct sheaf_lu *lu, struct sheaf_log_parameters *p)
{
	uint8_t spare[4];

	sheaf_put_be32(add_list(p, SHEAF_LOG_CYCLES_SPECIFIED, 4, spare), UINT32_MAX);
	sheaf_put_be32(add_list(p, SHEAF_LOG_CYCLES, 4, spare), lu->unit.cycles);
}

/* Self-Test Results, SPC-4: 20 parameters, the newest first; those that there are not yet are zeros. */
static void self_test_page(struct sheaf_lu *lu, struct sheaf_log_parameters *p)
{
	uint8_t spare[SHEAF_LOG_SELF_TEST];

	for (unsigned i = 0; i < SHEAF_SELF_TESTS_MAX; i++) {
		uint8_t *d = add_list(p, (uint16_t)(i + 1), SHEAF_LOG_SELF_TEST, spare);
		const struct sheaf_self_test *test = &lu->self_tests.of[i];
		if (i >= lu->self_tests.count)
			continue;
		d[0] = (uint8_t)(test->code << 5 | test->result);
		d[1] = test->number;
		sheaf_put_be16(d + 2, test->hours);
		sheaf_put_be64(d + 4, test->lba);
		d[12] = test->key;
		sheaf_put_be16(d + 13, test->asc);
	}
}

static bool reset_self_tests(struct sheaf_lu *lu)
{
	bool changed = lu->self_tests.count > 0;

	lu->self_tests.count = 0;
	return changed;
}

/*
 * General Statistics and Performance, SPC-4 section 7.3.6. There is no command priority, and so the weighted fields are zero.
 */
static void statistics_page(struct sheaf_lu *lu, struct sheaf_log_parameters *p)
{
	struct sheaf_tally_sums s = { 0 };
	uint8_t spare[SHEAF_LOG_ACCESS], *d;

	if (!p->defaults)
		s = sheaf_tallies_sum(lu->tallies);
	d = add(p, SHEAF_LOG_ACCESS_STATISTICS, SHEAF_LOG_UNBOUNDED_COUNTER, SHEAF_LOG_ACCESS, spare);
	sheaf_put_be64(d + SHEAF_LOG_ACCESS_READS, s.reads);
	sheaf_put_be64(d + SHEAF_LOG_ACCESS_WRITES, s.writes);
	sheaf_put_be64(d + SHEAF_LOG_ACCESS_RECEIVED, s.bytes_received / lu->block_size);
	sheaf_put_be64(d + SHEAF_LOG_ACCESS_TRANSMITTED, s.bytes_transmitted / lu->block_size);
	sheaf_put_be64(d + SHEAF_LOG_ACCESS_READ_INTERVALS, s.read_ns / INTERVAL_NS);
	sheaf_put_be64(d + SHEAF_LOG_ACCESS_WRITE_INTERVALS, s.write_ns / INTERVAL_NS);
	d = add(p, SHEAF_LOG_IDLE_TIME, SHEAF_LOG_UNBOUNDED_COUNTER, 8, spare);
	sheaf_put_be64(d, s.idle_ns / INTERVAL_NS);
	d = add_list(p, SHEAF_LOG_TIME_INTERVAL, 8, spare);
	sheaf_put_be32(d, 6); /* EXPONENT: 10 to the power of -6 seconds */
	sheaf_put_be32(d + 4, 1);
}

static bool reset_statistics(struct sheaf_lu *lu)
{
	static const struct sheaf_tally_sums none;
	struct sheaf_tally_sums before = sheaf_tallies_sum(lu->tallies);

	sheaf_tallies_reset(lu->tallies);
	return memcmp(&before, &none, sizeof(none)) != 0;
}

/* Informational Exceptions, SPC-4: none; no temperature, and no threshold of one. */
static void exceptions_page(struct sheaf_lu *lu, struct sheaf_log_parameters *p)
{
	uint8_t spare[4], *d = add_list(p, SHEAF_LOG_EXCEPTIONS, 4, spare);

	(void)lu;
	d[2] = SHEAF_LOG_NO_TEMPERATURE;
	d[3] = SHEAF_LOG_NO_TEMPERATURE;
}

const struct sheaf_log_page sheaf_log_pages[SHEAF_LOG_PAGES] = {
	{ .code = SHEAF_LOG_PAGE_SUPPORTED },
	{ .code = SHEAF_LOG_PAGE_PROVISIONING, .put = provisioning_page, .needs_space = true },
	{ .code = SHEAF_LOG_PAGE_START_STOP, .put = start_stop_page },
	{ .code = SHEAF_LOG_PAGE_SELF_TEST, .put = self_test_page, .reset = reset_self_tests },
	{ .code = SHEAF_LOG_PAGE_STATISTICS,
	  .put = statistics_page,
	  .counters = true,
	  .reset = reset_statistics },
	{ .code = SHEAF_LOG_PAGE_EXCEPTIONS, .put = exceptions_page },
};

static bool is_there(const struct sheaf_lu *lu, const struct sheaf_log_page *page)
{
	return !page->needs_space || sheaf_lu_threshold_exponent(lu) != 0;
}

const struct sheaf_log_page *sheaf_log_page_find(const struct sheaf_lu *lu, uint8_t code)
{
	for (unsigned i = 0; i < SHEAF_LOG_PAGES; i++)
		if (sheaf_log_pages[i].code == code && is_there(lu, &sheaf_log_pages[i]))
			return &sheaf_log_pages[i];
	return NULL;
}

/* Log page format, SPC-4 section 7.3.2: header, then @length bytes. */
static void reply_page(struct sheaf_lu_task *lt, uint8_t first, uint8_t subpage, const uint8_t *bytes,
		       unsigned length)
{
	uint8_t header[SHEAF_LOG_PAGE_HEADER] = { first, subpage };

	sheaf_put_be16(header + 2, (uint16_t)length);
	sheaf_lu_reply_put(lt, 0, header, sizeof(header));
	sheaf_lu_reply_put(lt, sizeof(header), bytes, length);
	sheaf_lu_reply_end(lt, sizeof(header) + length);
}

/* Supported Log Pages, and with subpage FFh Supported Log Pages and Subpages. */
static void reply_supported(struct sheaf_lu_task *lt, uint8_t subpage)
{
	uint8_t list[2 * (SHEAF_LOG_PAGES + 1)] = { 0 };
	unsigned length = 0;

	for (unsigned i = 0; i < SHEAF_LOG_PAGES; i++) {
		const struct sheaf_log_page *page = &sheaf_log_pages[i];

		if (!is_there(lt->lu, page))
			continue;
		list[length++] = page->code;
		if (subpage)
			list[length++] = 0;
		if (subpage && page->code == SHEAF_LOG_PAGE_SUPPORTED) {
			list[length++] = SHEAF_LOG_PAGE_SUPPORTED;
			list[length++] = SHEAF_LOG_SUBPAGES;
		}
	}
	reply_page(lt, (uint8_t)(SHEAF_LOG_PAGE_SUPPORTED | (subpage ? SHEAF_LOG_PAGE_SPF : 0)), subpage, list,
		   length);
}

static void reply_parameters(struct sheaf_lu_task *lt, const struct sheaf_log_page *page,
			     const struct sheaf_store_space *space)
{
	const uint8_t *cdb = lt->task.command_descriptor_block;
	struct sheaf_log_parameters p = {
		.from = sheaf_get_be16(cdb + SHEAF_CDB_LOG_POINTER),
		.defaults = cdb[SHEAF_CDB_LOG_PAGE] >> 6 == SHEAF_LOG_PC_DEFAULT_CUMULATIVE,
		.space = space,
	};

	pthread_mutex_lock(&lt->lu->lock);
	page->put(lt->lu, &p);
	pthread_mutex_unlock(&lt->lu->lock);
	if (p.from > p.last)
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_LOG_POINTER, 7);
	else
		reply_page(lt, SHEAF_LOG_PAGE_DS | page->code, 0, p.bytes, p.length);
}

static void measured(struct sheaf_store_io *io, int result)
{
	struct sheaf_lu_task *lt = sheaf_lu_task_of_io(io);

	if (result < 0)
		sheaf_lu_end_io_error(lt, result);
	else
		reply_parameters(lt, sheaf_log_page_find(lt->lu, SHEAF_LOG_PAGE_PROVISIONING),
				 (const struct sheaf_store_space *)lt->scratch);
}

/* The filesystem is asked, which may take its time. */
static void measure(struct sheaf_lu_task *lt)
{
	lt->scratch = malloc(sizeof(struct sheaf_store_space));
	if (!lt->scratch) {
		sheaf_lu_end_check(lt, SHEAF_KEY_ABORTED_COMMAND, SHEAF_ASC_INSUFFICIENT_RESOURCES);
		return;
	}
	lt->io.op = SHEAF_STORE_STATUS;
	lt->io.offset = 0;
	lt->io.length = 0;
	lt->io.moved = 0;
	lt->io.fua = false;
	lt->io.data = lt->scratch;
	lt->io.done = measured;
	sheaf_store_measure(lt->lu->store, lt->loop, &lt->io);
}

/** LOG SENSE, SPC-4 section 6.8. */
void sheaf_lu_log_sense(struct sheaf_lu_task *lt)
{
	const uint8_t *cdb = lt->task.command_descriptor_block;
	uint8_t pc = cdb[SHEAF_CDB_LOG_PAGE] >> 6, subpage = cdb[SHEAF_CDB_LOG_SUBPAGE];
	const struct sheaf_log_page *page =
		sheaf_log_page_find(lt->lu, cdb[SHEAF_CDB_LOG_PAGE] & SHEAF_LOG_PAGE_MASK);

	if (!page)
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_LOG_PAGE, 5);
	else if (subpage && (page->put || subpage != SHEAF_LOG_SUBPAGES))
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_LOG_SUBPAGE, 7);
	else if (page->counters && !(pc & SHEAF_LOG_PC_CUMULATIVE))
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_LOG_PAGE, 7); /* thresholds */
	else if (!page->put && sheaf_get_be16(cdb + SHEAF_CDB_LOG_POINTER))
		sheaf_lu_end_bad_field(lt, SHEAF_CDB_LOG_POINTER, 7);
	else if (!page->put)
		reply_supported(lt, subpage);
	else if (page->needs_space)
		measure(lt);
	else
		reply_parameters(lt, page, NULL);
}
