/* SPDX-License-Identifier: MIT */
/* scsi_mode.c - see scsi_mode.h. Sources: SPC-4 section 7.5, SBC-4 clause 6.5. */
#include "cli/scsi_mode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/scsi.h>

#include "base/bits.h"
#include "cli/scsi_decode.h"

const struct sheaf_mode_field sheaf_mode_fields[] = {
	/* Read-Write Error Recovery */
	{ "awre", 0x01, 0, 2, 1, 7, 1 },
	{ "arre", 0x01, 0, 2, 1, 6, 1 },
	{ "tb", 0x01, 0, 2, 1, 5, 1 },
	{ "rc", 0x01, 0, 2, 1, 4, 1 },
	{ "eer", 0x01, 0, 2, 1, 3, 1 },
	{ "per", 0x01, 0, 2, 1, 2, 1 },
	{ "dte", 0x01, 0, 2, 1, 1, 1 },
	{ "dcr", 0x01, 0, 2, 1, 0, 1 },
	{ "read_retry_count", 0x01, 0, 3, 1, 0, 0 },
	{ "lbpere", 0x01, 0, 7, 1, 7, 1 },
	{ "write_retry_count", 0x01, 0, 8, 1, 0, 0 },
	{ "recovery_time_limit", 0x01, 0, 10, 2, 0, 0 },
	/* Caching */
	{ "ic", 0x08, 0, 2, 1, 7, 1 },
	{ "abpf", 0x08, 0, 2, 1, 6, 1 },
	{ "cap", 0x08, 0, 2, 1, 5, 1 },
	{ "disc", 0x08, 0, 2, 1, 4, 1 },
	{ "size", 0x08, 0, 2, 1, 3, 1 },
	{ "wce", 0x08, 0, 2, 1, 2, 1 },
	{ "mf", 0x08, 0, 2, 1, 1, 1 },
	{ "rcd", 0x08, 0, 2, 1, 0, 1 },
	{ "demand_read_retention_priority", 0x08, 0, 3, 1, 4, 4 },
	{ "write_retention_priority", 0x08, 0, 3, 1, 0, 4 },
	{ "disable_pre_fetch_transfer_length", 0x08, 0, 4, 2, 0, 0 },
	{ "minimum_pre_fetch", 0x08, 0, 6, 2, 0, 0 },
	{ "maximum_pre_fetch", 0x08, 0, 8, 2, 0, 0 },
	{ "maximum_pre_fetch_ceiling", 0x08, 0, 10, 2, 0, 0 },
	{ "fsw", 0x08, 0, 12, 1, 7, 1 },
	{ "lbcss", 0x08, 0, 12, 1, 6, 1 },
	{ "dra", 0x08, 0, 12, 1, 5, 1 },
	{ "nv_dis", 0x08, 0, 12, 1, 0, 1 },
	{ "number_of_cache_segments", 0x08, 0, 13, 1, 0, 0 },
	{ "cache_segment_size", 0x08, 0, 14, 2, 0, 0 },
	/* Control */
	{ "tst", 0x0a, 0, 2, 1, 5, 3 },
	{ "tmf_only", 0x0a, 0, 2, 1, 4, 1 },
	{ "dpicz", 0x0a, 0, 2, 1, 3, 1 },
	{ "d_sense", 0x0a, 0, 2, 1, 2, 1 },
	{ "gltsd", 0x0a, 0, 2, 1, 1, 1 },
	{ "rlec", 0x0a, 0, 2, 1, 0, 1 },
	{ "queue_algorithm_modifier", 0x0a, 0, 3, 1, 4, 4 },
	{ "nuar", 0x0a, 0, 3, 1, 3, 1 },
	{ "qerr", 0x0a, 0, 3, 1, 1, 2 },
	{ "rac", 0x0a, 0, 4, 1, 6, 1 },
	{ "ua_intlck_ctrl", 0x0a, 0, 4, 1, 4, 2 },
	{ "swp", 0x0a, 0, 4, 1, 3, 1 },
	{ "ato", 0x0a, 0, 5, 1, 7, 1 },
	{ "tas", 0x0a, 0, 5, 1, 6, 1 },
	{ "atmpe", 0x0a, 0, 5, 1, 5, 1 },
	{ "rwwp", 0x0a, 0, 5, 1, 4, 1 },
	{ "autoload_mode", 0x0a, 0, 5, 1, 0, 3 },
	{ "busy_timeout_period", 0x0a, 0, 8, 2, 0, 0 },
	{ "extended_self_test_completion_time", 0x0a, 0, 10, 2, 0, 0 },
	/* Control Extension */
	{ "tcmos", 0x0a, 1, 4, 1, 2, 1 },
	{ "scsip", 0x0a, 1, 4, 1, 1, 1 },
	{ "ialuae", 0x0a, 1, 4, 1, 0, 1 },
	{ "initial_command_priority", 0x0a, 1, 5, 1, 0, 4 },
	{ "maximum_sense_data_length", 0x0a, 1, 6, 1, 0, 0 },
	/* Power Condition */
	{ "idle_a", 0x1a, 0, 3, 1, 1, 1 },
	{ "standby_z", 0x1a, 0, 3, 1, 0, 1 },
	/* Informational Exceptions Control */
	{ "perf", 0x1c, 0, 2, 1, 7, 1 },
	{ "ebf", 0x1c, 0, 2, 1, 5, 1 },
	{ "ewasc", 0x1c, 0, 2, 1, 4, 1 },
	{ "dexcpt", 0x1c, 0, 2, 1, 3, 1 },
	{ "test", 0x1c, 0, 2, 1, 2, 1 },
	{ "ebackerr", 0x1c, 0, 2, 1, 1, 1 },
	{ "logerr", 0x1c, 0, 2, 1, 0, 1 },
	{ "mrie", 0x1c, 0, 3, 1, 0, 4 },
	{ "interval_timer", 0x1c, 0, 4, 4, 0, 0 },
	{ "report_count", 0x1c, 0, 8, 4, 0, 0 },
	{ NULL, 0, 0, 0, 0, 0, 0 },
};

const struct sheaf_mode_field *sheaf_mode_field_find(const char *name)
{
	for (const struct sheaf_mode_field *f = sheaf_mode_fields; f->name; f++)
		if (strcasecmp(f->name, name) == 0)
			return f;
	return NULL;
}

/* Page 0 format has the length in byte 1, sub_page format (SPF) in bytes 2 and 3. */
static uint32_t page_bytes(struct sheaf_scsi_data page)
{
	return sheaf_scsi_get(page, 0, 1) & 0x40 ? 4 + (uint32_t)sheaf_scsi_get(page, 2, 2)
						 : 2 + (uint32_t)sheaf_scsi_get(page, 1, 1);
}

static uint8_t subpage_of(struct sheaf_scsi_data page)
{
	return page.at[0] & 0x40 ? (uint8_t)sheaf_scsi_get(page, 1, 1) : 0;
}

static json_t *decode_page(struct sheaf_scsi_data page)
{
	uint8_t code = page.at[0] & 0x3f, subpage = subpage_of(page);
	json_t *o = json_object();
	char text[8];
	bool known = false;

	snprintf(text, sizeof(text), subpage ? "%02x,%02x" : "%02x", code, subpage);
	json_object_set_new(o, "page", json_string(text));
	json_object_set_new(
		o, "name",
		json_string(sheaf_scsi_name(sheaf_scsi_mode_pages, (uint32_t)code << 8 | subpage)
				    ? sheaf_scsi_name(sheaf_scsi_mode_pages,
						      (uint32_t)code << 8 | subpage)
				    : "unknown"));
	sheaf_json_put_bool(o, "ps", page.at[0] & 0x80);
	for (const struct sheaf_mode_field *f = sheaf_mode_fields; f->name; f++) {
		uint64_t value = sheaf_scsi_get(page, f->offset, f->bytes);

		if (f->page != code || f->subpage != subpage ||
		    !sheaf_scsi_has(page, f->offset, f->bytes))
			continue;
		known = true;
		sheaf_json_put(o, f->name,
			       f->bits ? value >> f->shift & ((1u << f->bits) - 1) : value);
	}
	if (!known)
		sheaf_json_put_hex(o, "bytes", page);
	return o;
}

/* Mode parameter header, SPC-4 section 7.5.5: where the pages are. @ret_end: as far as the data length says and data are there. */
static bool find_pages(struct sheaf_scsi_data d, bool long_header, uint32_t *ret_begin,
		       uint32_t *ret_end)
{
	uint32_t header = long_header ? SHEAF_MODE_10_HEADER : SHEAF_MODE_6_HEADER;
	uint32_t length = long_header ? 2 + (uint32_t)sheaf_scsi_get(d, 0, 2)
				      : 1 + (uint32_t)sheaf_scsi_get(d, 0, 1);

	if (!sheaf_scsi_has(d, 0, header))
		return false;
	*ret_begin = header +
		     (uint32_t)(long_header ? sheaf_scsi_get(d, 6, 2) : sheaf_scsi_get(d, 3, 1));
	*ret_end = length < d.bytes ? length : d.bytes;
	return *ret_begin <= *ret_end;
}

json_t *sheaf_scsi_decode_mode(struct sheaf_scsi_data d, bool long_header)
{
	uint32_t at, end;
	uint8_t specific;
	json_t *o, *pages;

	if (!find_pages(d, long_header, &at, &end))
		return NULL;
	specific = d.at[long_header ? 3 : 2];
	o = json_object();
	sheaf_json_put(o, "medium_type", d.at[long_header ? 2 : 1]);
	sheaf_json_put_bool(o, "wp", specific & SHEAF_MODE_WP);
	sheaf_json_put_bool(o, "dpofua", specific & SHEAF_MODE_DPOFUA);
	if (at == (long_header ? 8u : 4u) + 8) {
		sheaf_json_put(o, "number_of_logical_blocks", sheaf_scsi_get(d, at - 8, 4));
		sheaf_json_put(o, "logical_block_length", sheaf_scsi_get(d, at - 3, 3));
	} else if (at == 8u + 16 && long_header) {
		sheaf_json_put(o, "number_of_logical_blocks", sheaf_scsi_get(d, at - 16, 8));
		sheaf_json_put(o, "logical_block_length", sheaf_scsi_get(d, at - 4, 4));
	}
	pages = json_array();
	while (at + 2 <= end) {
		struct sheaf_scsi_data page = sheaf_scsi_part(d, at, end - at);

		page = sheaf_scsi_part(page, 0, page_bytes(page));
		json_array_append_new(pages, decode_page(page));
		at += page_bytes(page);
	}
	json_object_set_new(o, "pages", pages);
	return o;
}

int sheaf_mode_select_list(uint8_t *data, uint32_t bytes, const struct sheaf_mode_field *field,
			   uint64_t value)
{
	struct sheaf_scsi_data d = { data, bytes }, page;
	unsigned bits = field->bits ? field->bits : 8u * field->bytes;
	uint32_t at, end;

	if (bits < 64 && value >> bits)
		return -ERANGE;
	if (!find_pages(d, true, &at, &end))
		return -EINVAL;
	page = sheaf_scsi_part(d, at, end - at);
	if (page.bytes < 2 || (page.at[0] & 0x3f) != field->page ||
	    subpage_of(page) != field->subpage || page_bytes(page) > page.bytes ||
	    page_bytes(page) < (uint32_t)field->offset + field->bytes)
		return -EINVAL;
	/* MODE DATA LENGTH, the device's bits and PS are reserved here. */
	memset(data, 0, 4);
	data[at] &= 0x7f;
	for (unsigned i = 0; i < bits; i++) {
		unsigned bit = i + field->shift;
		uint8_t *byte = data + at + field->offset + field->bytes - 1 - bit / 8;

		*byte = (uint8_t)((*byte & ~(1u << bit % 8)) | (unsigned)(value >> i & 1)
								       << bit % 8);
	}
	return (int)(at + page_bytes(page));
}
