/* SPDX-License-Identifier: MIT */
/* scsi_inquiry.c - INQUIRY data and VPD pages as JSON: SPC-4 sections 6.6 and 7.8, SBC-4 clause 6.6 */
#include <stdlib.h>
#include <string.h>

#include <sheaf/scsi.h>

#include "cli/scsi_decode.h"

json_t *sheaf_scsi_decode_inquiry(struct sheaf_scsi_data d)
{
	json_t *o, *descriptors;

	if (!sheaf_scsi_has(d, 0, 5))
		return NULL;
	o = json_object();
	sheaf_json_put(o, "peripheral_qualifier", d.at[0] >> 5);
	sheaf_json_put_named(o, "peripheral_device_type", sheaf_scsi_device_types, d.at[0] & 0x1f);
	sheaf_json_put_bool(o, "rmb", d.at[1] & 0x80);
	sheaf_json_put_named(o, "version", sheaf_scsi_versions, d.at[2]);
	sheaf_json_put_bool(o, "normaca", d.at[3] & 0x20);
	sheaf_json_put_bool(o, "hisup", d.at[3] & 0x10);
	sheaf_json_put(o, "response_data_format", d.at[3] & 0x0f);
	if (sheaf_scsi_has(d, 0, 8)) {
		sheaf_json_put_bool(o, "sccs", d.at[5] & 0x80);
		sheaf_json_put(o, "tpgs", d.at[5] >> 4 & 3);
		sheaf_json_put_bool(o, "3pc", d.at[5] & 0x08);
		sheaf_json_put_bool(o, "protect", d.at[5] & 0x01);
		sheaf_json_put_bool(o, "encserv", d.at[6] & 0x40);
		sheaf_json_put_bool(o, "multip", d.at[6] & 0x10);
		sheaf_json_put_bool(o, "cmdque", d.at[7] & SHEAF_INQUIRY_CMDQUE);
	}
	if (sheaf_scsi_has(d, 0, 36)) {
		sheaf_json_put_text(o, "vendor", sheaf_scsi_part(d, SHEAF_INQUIRY_VENDOR, 8));
		sheaf_json_put_text(o, "product", sheaf_scsi_part(d, SHEAF_INQUIRY_PRODUCT, 16));
		sheaf_json_put_text(o, "revision", sheaf_scsi_part(d, SHEAF_INQUIRY_REVISION, 4));
	}
	descriptors = json_array();
	for (unsigned i = SHEAF_INQUIRY_DESCRIPTORS; i < SHEAF_INQUIRY_DESCRIPTORS + 16; i += 2) {
		uint32_t value = (uint32_t)sheaf_scsi_get(d, i, 2);
		const char *name = sheaf_scsi_name(sheaf_scsi_version_descriptors, value);
		char code[8];

		snprintf(code, sizeof(code), "%04x", value);
		if (value)
			json_array_append_new(descriptors, json_string(name ? name : code));
	}
	json_object_set_new(o, "version_descriptors", descriptors);
	return o;
}

/* VPD pages */

static void supported(json_t *o, struct sheaf_scsi_data d)
{
	json_t *pages = json_array();

	for (uint32_t i = 4; i < d.bytes; i++) {
		const char *name = sheaf_scsi_name(sheaf_scsi_vpd_pages, d.at[i]);
		char code[8];

		snprintf(code, sizeof(code), "%02x", d.at[i]);
		json_array_append_new(pages, json_pack("{s:s, s:s}", "page", code, "name",
						       name ? name : "unknown"));
	}
	json_object_set_new(o, "pages", pages);
}

static void serial(json_t *o, struct sheaf_scsi_data d)
{
	sheaf_json_put_text(o, "unit_serial_number", sheaf_scsi_part(d, 4, d.bytes));
}

static json_t *designator(struct sheaf_scsi_data d)
{
	static const struct sheaf_scsi_name associations[] = {
		{ 0, "logical unit" }, { 1, "target port" }, { 2, "target device" }, { 0, NULL }
	};
	static const struct sheaf_scsi_name types[] = {
		{ 0, "vendor specific" },
		{ 1, "T10 vendor ID based" },
		{ 2, "EUI-64 based" },
		{ 3, "NAA" },
		{ 4, "relative target port identifier" },
		{ 5, "target port group" },
		{ 6, "logical unit group" },
		{ 7, "MD5 logical unit identifier" },
		{ 8, "SCSI name string" },
		{ 9, "protocol specific port identifier" },
		{ 0xa, "UUID" },
		{ 0, NULL },
	};
	struct sheaf_scsi_data id = sheaf_scsi_part(d, 4, (uint32_t)sheaf_scsi_get(d, 3, 1));
	unsigned code_set = (unsigned)sheaf_scsi_get(d, 0, 1) & 15;
	json_t *o = json_object();

	sheaf_json_put_named(o, "association", associations,
			     (uint32_t)sheaf_scsi_get(d, 1, 1) >> 4 & 3);
	sheaf_json_put_named(o, "designator_type", types, (uint32_t)sheaf_scsi_get(d, 1, 1) & 15);
	if (code_set == 2 || code_set == 3)
		sheaf_json_put_text(o, "designator", id);
	else
		sheaf_json_put_hex(o, "designator", id);
	return o;
}

static void identification(json_t *o, struct sheaf_scsi_data d)
{
	json_t *list = json_array();

	for (uint32_t at = 4; sheaf_scsi_has(d, at, 4); at += 4u + d.at[at + 3])
		json_array_append_new(list, designator(sheaf_scsi_part(d, at, 4u + d.at[at + 3])));
	json_object_set_new(o, "designators", list);
}

/* A bit or a few, or a field of whole bytes, of a page: what most pages are made of. */
struct field {
	const char *name;
	uint8_t offset, bytes;
	uint8_t shift, bits; /* bits 0: all of it */
};

static void put_fields(json_t *o, struct sheaf_scsi_data d, const struct field fields[])
{
	for (; fields->name; fields++) {
		uint64_t value = sheaf_scsi_get(d, fields->offset, fields->bytes);

		if (!sheaf_scsi_has(d, fields->offset, fields->bytes))
			continue;
		if (fields->bits)
			value = value >> fields->shift & ((1u << fields->bits) - 1);
		sheaf_json_put(o, fields->name, value);
	}
}

static void extended(json_t *o, struct sheaf_scsi_data d)
{
	static const struct field fields[] = {
		{ "activate_microcode", 4, 1, 6, 2 },
		{ "spt", 4, 1, 3, 3 },
		{ "grd_chk", 4, 1, 2, 1 },
		{ "app_chk", 4, 1, 1, 1 },
		{ "ref_chk", 4, 1, 0, 1 },
		{ "uask_sup", 5, 1, 5, 1 },
		{ "group_sup", 5, 1, 4, 1 },
		{ "prior_sup", 5, 1, 3, 1 },
		{ "headsup", 5, 1, 2, 1 },
		{ "ordsup", 5, 1, 1, 1 },
		{ "simpsup", 5, 1, 0, 1 },
		{ "wu_sup", 6, 1, 3, 1 },
		{ "crd_sup", 6, 1, 2, 1 },
		{ "nv_sup", 6, 1, 1, 1 },
		{ "v_sup", 6, 1, 0, 1 },
		{ "luiclr", 7, 1, 0, 1 },
		{ "r_sup", 8, 1, 4, 1 },
		{ "cbcs", 8, 1, 0, 1 },
		{ "multi_it_nexus_microcode_download", 9, 1, 0, 4 },
		{ "extended_self_test_completion_minutes", 10, 2, 0, 0 },
		{ "poa_sup", 12, 1, 7, 1 },
		{ "hra_sup", 12, 1, 6, 1 },
		{ "vsa_sup", 12, 1, 5, 1 },
		{ "maximum_supported_sense_data_length", 13, 1, 0, 0 },
		{ NULL, 0, 0, 0, 0 },
	};

	put_fields(o, d, fields);
}

static void block_limits(json_t *o, struct sheaf_scsi_data d)
{
	static const struct field fields[] = {
		{ "wsnz", 4, 1, 0, 1 },
		{ "maximum_compare_and_write_length", 5, 1, 0, 0 },
		{ "optimal_transfer_length_granularity", 6, 2, 0, 0 },
		{ "maximum_transfer_length", 8, 4, 0, 0 },
		{ "optimal_transfer_length", 12, 4, 0, 0 },
		{ "maximum_prefetch_length", 16, 4, 0, 0 },
		{ "maximum_unmap_lba_count", 20, 4, 0, 0 },
		{ "maximum_unmap_block_descriptor_count", 24, 4, 0, 0 },
		{ "optimal_unmap_granularity", 28, 4, 0, 0 },
		{ "ugavalid", 32, 1, 7, 1 },
		{ "unmap_granularity_alignment", 32, 4, 0, 31 },
		{ "maximum_write_same_length", 36, 8, 0, 0 },
		{ "maximum_atomic_transfer_length", 44, 4, 0, 0 },
		{ "atomic_alignment", 48, 4, 0, 0 },
		{ "atomic_transfer_length_granularity", 52, 4, 0, 0 },
		{ "maximum_atomic_transfer_length_with_atomic_boundary", 56, 4, 0, 0 },
		{ "maximum_atomic_boundary_size", 60, 4, 0, 0 },
		{ NULL, 0, 0, 0, 0 },
	};

	put_fields(o, d, fields);
}

static void characteristics(json_t *o, struct sheaf_scsi_data d)
{
	static const struct sheaf_scsi_name rates[] = { { 0, "not reported" },
							{ 1, "non-rotating medium" },
							{ 0, NULL } };
	static const struct field fields[] = {
		{ "product_type", 6, 1, 0, 0 }, { "wabereq", 7, 1, 6, 2 },
		{ "wacereq", 7, 1, 4, 2 },	{ "nominal_form_factor", 7, 1, 0, 4 },
		{ "zoned", 8, 1, 4, 2 },	{ "fuab", 8, 1, 1, 1 },
		{ "vbuls", 8, 1, 0, 1 },	{ NULL, 0, 0, 0, 0 },
	};
	uint32_t rate = (uint32_t)sheaf_scsi_get(d, 4, 2);

	if (rate <= 1)
		sheaf_json_put_named(o, "medium_rotation_rate", rates, rate);
	else
		sheaf_json_put(o, "medium_rotation_rate", rate);
	put_fields(o, d, fields);
}

static void provisioning(json_t *o, struct sheaf_scsi_data d)
{
	static const struct sheaf_scsi_name types[] = {
		{ 0, "not known or fully provisioned" },
		{ 1, "resource provisioned" },
		{ 2, "thin provisioned" },
		{ 0, NULL },
	};
	static const struct field fields[] = {
		{ "threshold_exponent", 4, 1, 0, 0 },
		{ "lbpu", 5, 1, 7, 1 },
		{ "lbpws", 5, 1, 6, 1 },
		{ "lbpws10", 5, 1, 5, 1 },
		{ "lbprz", 5, 1, 2, 3 },
		{ "anc_sup", 5, 1, 1, 1 },
		{ "dp", 5, 1, 0, 1 },
		{ "minimum_percentage", 6, 1, 3, 5 },
		{ NULL, 0, 0, 0, 0 },
	};

	put_fields(o, d, fields);
	sheaf_json_put_named(o, "provisioning_type", types, (uint32_t)sheaf_scsi_get(d, 6, 1) & 7);
}

static void referrals(json_t *o, struct sheaf_scsi_data d)
{
	static const struct field fields[] = {
		{ "user_data_segment_size", 8, 4, 0, 0 },
		{ "user_data_segment_multiplier", 12, 4, 0, 0 },
		{ NULL, 0, 0, 0, 0 },
	};

	put_fields(o, d, fields);
}

json_t *sheaf_scsi_decode_vpd(struct sheaf_scsi_data d)
{
	static const struct {
		uint8_t code;
		void (*put)(json_t *o, struct sheaf_scsi_data d);
	} pages[] = {
		{ SHEAF_VPD_SUPPORTED, supported },
		{ SHEAF_VPD_SERIAL, serial },
		{ SHEAF_VPD_IDENTIFICATION, identification },
		{ 0x86, extended },
		{ SHEAF_VPD_BLOCK_LIMITS, block_limits },
		{ SHEAF_VPD_CHARACTERISTICS, characteristics },
		{ SHEAF_VPD_PROVISIONING, provisioning },
		{ 0xb3, referrals },
	};
	bool known = false;
	json_t *o;

	if (!sheaf_scsi_has(d, 0, 4))
		return NULL;
	d = sheaf_scsi_part(d, 0, 4 + (uint32_t)sheaf_scsi_get(d, 2, 2));
	o = json_object();
	sheaf_json_put_page(o, sheaf_scsi_vpd_pages, d.at[1]);
	sheaf_json_put(o, "page_length", sheaf_scsi_get(d, 2, 2));
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (pages[i].code != d.at[1])
			continue;
		pages[i].put(o, d);
		known = true;
	}
	if (!known)
		sheaf_json_put_hex(o, "bytes", d);
	return o;
}
