/* SPDX-License-Identifier: MIT */
/* scsi_logs.c - log pages as JSON: SPC-4 section 7.3, SBC-4 clause 6.4. Parameters whose meaning is known have a name, all their bytes. */
#include <string.h>

#include "cli/scsi_decode.h"

#define PARAMETER(page, code) ((uint32_t)(page) << 16 | (code))

/* A parameter that is a number, or text. */
static const struct parameter {
	uint32_t key; /* PARAMETER() */
	const char *name;
	uint8_t offset, bytes; /* bytes 0: text up to its end */
} parameters[] = {
	{ PARAMETER(0x0c, 0x0001), "available_lba_mapping_resource_count", 4, 4 },
	{ PARAMETER(0x0c, 0x0002), "used_lba_mapping_resource_count", 4, 4 },
	{ PARAMETER(0x0c, 0x0003), "available_provisioning_resource_percentage", 4, 2 },
	{ PARAMETER(0x0c, 0x0100), "deduplicated_lba_resource_count", 4, 4 },
	{ PARAMETER(0x0c, 0x0101), "compressed_lba_resource_count", 4, 4 },
	{ PARAMETER(0x0c, 0x0102), "total_efficiency_lba_resource_count", 4, 4 },
	{ PARAMETER(0x0c, 0x0001), "scope", 8, 1 },
	{ PARAMETER(0x0c, 0x0002), "scope", 8, 1 },
	{ PARAMETER(0x0d, 0x0000), "temperature_celsius", 5, 1 },
	{ PARAMETER(0x0d, 0x0001), "reference_temperature_celsius", 5, 1 },
	{ PARAMETER(0x0e, 0x0001), "date_of_manufacture", 4, 0 },
	{ PARAMETER(0x0e, 0x0002), "accounting_date", 4, 0 },
	{ PARAMETER(0x0e, 0x0003), "specified_cycle_count_over_device_lifetime", 4, 4 },
	{ PARAMETER(0x0e, 0x0004), "accumulated_start_stop_cycles", 4, 4 },
	{ PARAMETER(0x0e, 0x0005), "specified_load_unload_count_over_device_lifetime", 4, 4 },
	{ PARAMETER(0x0e, 0x0006), "accumulated_load_unload_cycles", 4, 4 },
	{ PARAMETER(0x11, 0x0001), "percentage_used_endurance_indicator", 7, 1 },
	{ PARAMETER(0x19, 0x0002), "idle_time_intervals", 4, 8 },
	{ PARAMETER(0x19, 0x0003), "time_interval_negative_exponent", 4, 4 },
	{ PARAMETER(0x19, 0x0003), "time_interval_integer", 8, 4 },
	{ PARAMETER(0x2f, 0x0000), "informational_exception_asc", 4, 1 },
	{ 0, NULL, 0, 0 },
};

static void put_statistics(json_t *o, struct sheaf_scsi_data d)
{
	static const char *const names[] = {
		"number_of_read_commands",
		"number_of_write_commands",
		"number_of_logical_blocks_received",
		"number_of_logical_blocks_transmitted",
		"read_command_processing_intervals",
		"write_command_processing_intervals",
		"weighted_number_of_read_commands_plus_write_commands",
		"weighted_read_command_processing_plus_write_command_processing",
	};

	for (uint32_t i = 0; i < 8 && sheaf_scsi_has(d, 4 + 8 * i, 8); i++)
		sheaf_json_put(o, names[i], sheaf_scsi_get(d, 4 + 8 * i, 8));
}

static json_t *decode_parameter(uint8_t page, struct sheaf_scsi_data d)
{
	uint32_t code = (uint32_t)sheaf_scsi_get(d, 0, 2);
	json_t *o = json_object();

	sheaf_json_put(o, "parameter_code", code);
	for (const struct parameter *p = parameters; p->name; p++) {
		if (p->key != PARAMETER(page, code))
			continue;
		if (p->bytes && sheaf_scsi_has(d, p->offset, p->bytes))
			sheaf_json_put(o, p->name, sheaf_scsi_get(d, p->offset, p->bytes));
		else if (!p->bytes)
			sheaf_json_put_text(o, p->name, sheaf_scsi_part(d, p->offset, d.bytes));
	}
	if (page == 0x19 && code == 1)
		put_statistics(o, d);
	if (page == 0x10)
		sheaf_json_put(o, "self_test_results", sheaf_scsi_get(d, 4, 1) & 15);
	sheaf_json_put_hex(o, "bytes", sheaf_scsi_part(d, 4, d.bytes));
	return o;
}

static json_t *list_pages(struct sheaf_scsi_data d, bool subpages)
{
	json_t *list = json_array();

	for (uint32_t at = 4; at < d.bytes; at += subpages ? 2 : 1) {
		const char *name = sheaf_scsi_name(sheaf_scsi_log_pages, d.at[at] & 0x3f);
		char code[8];

		snprintf(code, sizeof(code), subpages ? "%02x,%02x" : "%02x", d.at[at] & 0x3f,
			 (unsigned)sheaf_scsi_get(d, at + 1, 1));
		json_array_append_new(list, json_pack("{s:s, s:s}", "page", code, "name",
						      name ? name : "unknown"));
	}
	return list;
}

json_t *sheaf_scsi_decode_log(struct sheaf_scsi_data d)
{
	uint8_t page, subpage;
	json_t *o, *list;

	if (!sheaf_scsi_has(d, 0, 4))
		return NULL;
	d = sheaf_scsi_part(d, 0, 4 + (uint32_t)sheaf_scsi_get(d, 2, 2));
	page = d.at[0] & 0x3f;
	subpage = d.at[0] & 0x40 ? d.at[1] : 0;
	o = json_object();
	sheaf_json_put_page(o, sheaf_scsi_log_pages, page);
	if (subpage)
		sheaf_json_put(o, "subpage", subpage);
	if (page == 0 || subpage == 0xff) {
		json_object_set_new(o, "pages", list_pages(d, subpage == 0xff));
		return o;
	}
	list = json_array();
	for (uint32_t at = 4; sheaf_scsi_has(d, at, 4); at += 4u + d.at[at + 3])
		json_array_append_new(
			list, decode_parameter(page, sheaf_scsi_part(d, at, 4u + d.at[at + 3])));
	json_object_set_new(o, "parameters", list);
	return o;
}
