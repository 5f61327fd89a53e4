/* SPDX-License-Identifier: MIT */
/* scsi_decode.c - see scsi_decode.h. Which answer it is, is told by the CDB; the longer ones have files of their own. */
#include "cli/scsi_decode.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/scsi.h>

#include "base/cleanup.h"
#include "scsi/sense.h"

char *sheaf_scsi_hex(const uint8_t *bytes, uint32_t n)
{
	char *text = malloc(3 * (size_t)n + 1), *at = text;

	if (!text)
		return NULL;
	*at = '\0';
	for (uint32_t i = 0; i < n; i++)
		at += sprintf(at, i ? " %02x" : "%02x", bytes[i]);
	return text;
}

void sheaf_json_put_hex(json_t *o, const char *name, struct sheaf_scsi_data d)
{
	CLEANUP_FREE char *text = sheaf_scsi_hex(d.at, d.bytes);

	json_object_set_new(o, name, json_string(text ? text : ""));
}

void sheaf_json_put_text(json_t *o, const char *name, struct sheaf_scsi_data d)
{
	CLEANUP_FREE char *text = malloc((size_t)d.bytes + 1);
	uint32_t n = 0;

	while (d.bytes && (d.at[d.bytes - 1] == ' ' || d.at[d.bytes - 1] == 0))
		d.bytes--;
	while (d.bytes && d.at[0] == ' ')
		d.at++, d.bytes--;
	for (; text && n < d.bytes; n++)
		text[n] = (char)(d.at[n] < 0x80 && isprint(d.at[n]) ? d.at[n] : '.');
	if (text)
		text[n] = '\0';
	json_object_set_new(o, name, json_string(text ? text : ""));
}

/* A number of 64 bits that is a name, not an amount: JSON's numbers have a sign. */
static void put_hex64(json_t *o, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	json_object_set_new(o, name, json_string(text));
}

/* Sense */

static json_t *decode_field(const struct sheaf_sense *sense)
{
	json_t *o = json_object();

	json_object_set_new(o, "in", json_string(sense->field_in_cdb ? "CDB" : "parameter list"));
	sheaf_json_put(o, "byte", sense->field_byte);
	if (sense->field_bit >= 0)
		sheaf_json_put(o, "bit", (unsigned)sense->field_bit);
	return o;
}

/* Of the sanitize or format that runs: SENSE KEY SPECIFIC is a PROGRESS INDICATION with NOT READY and NO SENSE. */
static int progress_of(const uint8_t *sense, unsigned bytes, const struct sheaf_sense *s)
{
	const uint8_t *specific = NULL;

	if (s->key != SHEAF_KEY_NOT_READY && s->key != SHEAF_KEY_NO_SENSE)
		return -1;
	if ((sense[0] & 0x7e) == SHEAF_SENSE_FIXED_CURRENT && bytes >= SHEAF_SENSE_FIXED_LENGTH)
		specific = sense + SHEAF_SENSE_FIXED_SPECIFIC;
	if ((sense[0] & 0x7e) == SHEAF_SENSE_DESCRIPTOR_CURRENT)
		for (unsigned at = SHEAF_SENSE_DESCRIPTOR_LENGTH; at + 8 <= bytes;
		     at += 2u + sense[at + 1])
			if (sense[at] == SHEAF_SENSE_SPECIFIC_DESCRIPTOR && sense[at + 1] == 6)
				specific = sense + at + 4;
	if (!specific || !(specific[0] & SHEAF_SENSE_SPECIFIC_SKSV))
		return -1;
	return specific[1] << 8 | specific[2];
}

json_t *sheaf_scsi_decode_sense(const uint8_t *sense, unsigned bytes)
{
	struct sheaf_scsi_data d = { sense, bytes };
	struct sheaf_sense s;
	const char *name;
	char code[8];
	json_t *o;
	int progress;

	if (!sheaf_sense_parse(sense, bytes, &s))
		return NULL;
	o = json_object();
	name = sheaf_scsi_asc_name(s.asc);
	json_object_set_new(o, "format",
			    json_string((sense[0] & 0x7f) >= SHEAF_SENSE_DESCRIPTOR_CURRENT
						? "descriptor"
						: "fixed"));
	sheaf_json_put_bool(o, "deferred", s.deferred);
	sheaf_json_put(o, "key", s.key);
	json_object_set_new(o, "key_name", json_string(sheaf_scsi_key_name(s.key)));
	sheaf_json_put(o, "asc", s.asc >> 8);
	sheaf_json_put(o, "ascq", s.asc & 0xff);
	snprintf(code, sizeof(code), "%02x/%02x", s.asc >> 8, s.asc & 0xff);
	json_object_set_new(o, "asc_name", json_string(name ? name : code));
	if (s.information_valid)
		sheaf_json_put(o, "information", s.information);
	if (s.field_valid)
		json_object_set_new(o, "field", decode_field(&s));
	progress = progress_of(sense, bytes, &s);
	if (progress >= 0)
		json_object_set_new(o, "progress_percent", json_real(progress * 100.0 / 65536));
	sheaf_json_put_hex(o, "bytes", d);
	return o;
}

/* SBC-4 */

static json_t *read_capacity_10(struct sheaf_scsi_data d)
{
	json_t *o;

	if (!sheaf_scsi_has(d, 0, 8))
		return NULL;
	o = json_object();
	sheaf_json_put(o, "returned_logical_block_address", sheaf_scsi_get(d, 0, 4));
	sheaf_json_put(o, "logical_block_length", sheaf_scsi_get(d, 4, 4));
	return o;
}

static json_t *read_capacity_16(struct sheaf_scsi_data d)
{
	json_t *o;

	if (!sheaf_scsi_has(d, 0, 12))
		return NULL;
	o = json_object();
	sheaf_json_put(o, "returned_logical_block_address", sheaf_scsi_get(d, 0, 8));
	sheaf_json_put(o, "logical_block_length", sheaf_scsi_get(d, 8, 4));
	sheaf_json_put(o, "bytes", (sheaf_scsi_get(d, 0, 8) + 1) * sheaf_scsi_get(d, 8, 4));
	sheaf_json_put_bool(o, "prot_en", sheaf_scsi_get(d, 12, 1) & 1);
	sheaf_json_put(o, "p_type", sheaf_scsi_get(d, 12, 1) >> 1 & 7);
	sheaf_json_put(o, "logical_blocks_per_physical_block_exponent",
		       sheaf_scsi_get(d, 13, 1) & 15);
	sheaf_json_put_bool(o, "lbpme", sheaf_scsi_get(d, 14, 1) & 0x80);
	sheaf_json_put_bool(o, "lbprz", sheaf_scsi_get(d, 14, 1) & 0x40);
	sheaf_json_put(o, "lowest_aligned_logical_block_address",
		       sheaf_scsi_get(d, 14, 2) & 0x3fff);
	return o;
}

static json_t *lba_status(struct sheaf_scsi_data d)
{
	static const struct sheaf_scsi_name statuses[] = {
		{ 0, "mapped" }, { 1, "deallocated" }, { 2, "anchored" }, { 0, NULL }
	};
	json_t *o, *list = json_array();

	for (uint32_t at = 8; sheaf_scsi_has(d, at, 16) && at - 4 < sheaf_scsi_get(d, 0, 4);
	     at += 16) {
		json_t *row = json_object();

		sheaf_json_put(row, "lba", sheaf_scsi_get(d, at, 8));
		sheaf_json_put(row, "blocks", sheaf_scsi_get(d, at + 8, 4));
		sheaf_json_put_named(row, "provisioning_status", statuses, d.at[at + 12] & 15);
		json_array_append_new(list, row);
	}
	o = json_object();
	json_object_set_new(o, "descriptors", list);
	return o;
}

/* SPC-4 */

static json_t *report_luns(struct sheaf_scsi_data d)
{
	json_t *o, *list;

	if (!sheaf_scsi_has(d, 0, 8))
		return NULL;
	list = json_array();
	for (uint32_t at = 8; sheaf_scsi_has(d, at, 8) && at - 8 < sheaf_scsi_get(d, 0, 4);
	     at += 8) {
		json_t *row = json_object();

		/* SAM-5 section 4.7.7: peripheral device and flat space addressing. */
		if (d.at[at] >> 6 <= 1)
			sheaf_json_put(row, "lun", sheaf_scsi_get(d, at, 2) & 0x3fff);
		sheaf_json_put_hex(row, "bytes", sheaf_scsi_part(d, at, 8));
		json_array_append_new(list, row);
	}
	o = json_object();
	json_object_set_new(o, "luns", list);
	return o;
}

static void put_command(json_t *o, uint8_t opcode, bool actions, uint16_t action)
{
	const char *name = sheaf_scsi_command_name(opcode, action);
	char code[16];

	snprintf(code, sizeof(code), actions ? "%02x,%x" : "%02x", opcode, action);
	json_object_set_new(o, "opcode", json_string(code));
	json_object_set_new(o, "name", json_string(name ? name : "unknown"));
}

static json_t *all_opcodes(struct sheaf_scsi_data d)
{
	json_t *o, *list;

	if (!sheaf_scsi_has(d, 0, 4))
		return NULL;
	list = json_array();
	for (uint32_t at = 4; sheaf_scsi_has(d, at, 8) && at - 4 < sheaf_scsi_get(d, 0, 4);) {
		uint8_t flags = d.at[at + 5];
		json_t *row = json_object();

		put_command(row, d.at[at], flags & SHEAF_RSOC_SERVACTV,
			    (uint16_t)sheaf_scsi_get(d, at + 2, 2));
		sheaf_json_put(row, "cdb_length", sheaf_scsi_get(d, at + 6, 2));
		json_array_append_new(list, row);
		at += 8 + (flags & SHEAF_RSOC_CTDP ? 12 : 0);
	}
	o = json_object();
	json_object_set_new(o, "commands", list);
	return o;
}

static json_t *one_opcode(struct sheaf_scsi_data d)
{
	static const struct sheaf_scsi_name supports[] = {
		{ 0, "not known" },
		{ 1, "not supported" },
		{ 3, "supported as in a standard" },
		{ 5, "supported, vendor specific" },
		{ 0, NULL },
	};
	json_t *o;

	if (!sheaf_scsi_has(d, 0, 4))
		return NULL;
	o = json_object();
	sheaf_json_put_named(o, "support", supports, d.at[1] & 7);
	if ((d.at[1] & 7) == 3) {
		sheaf_json_put(o, "cdb_size", sheaf_scsi_get(d, 2, 2));
		sheaf_json_put_hex(o, "cdb_usage",
				   sheaf_scsi_part(d, 4, (uint32_t)sheaf_scsi_get(d, 2, 2)));
	}
	return o;
}

static json_t *task_management(struct sheaf_scsi_data d)
{
	static const struct {
		const char *name;
		uint8_t byte, bit;
	} bits[] = {
		{ "ats", 0, 7 },  { "atss", 0, 6 },  { "cacas", 0, 5 }, { "ctss", 0, 4 },
		{ "lurs", 0, 3 }, { "qts", 0, 2 },   { "trs", 0, 1 },	{ "qaes", 1, 2 },
		{ "qtss", 1, 1 }, { "itnrs", 1, 0 },
	};
	json_t *o;

	if (!sheaf_scsi_has(d, 0, 2))
		return NULL;
	o = json_object();
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		sheaf_json_put_bool(o, bits[i].name, d.at[bits[i].byte] >> bits[i].bit & 1);
	return o;
}

/* PERSISTENT RESERVE IN, SPC-4 section 6.16 */

static json_t *pr_keys(struct sheaf_scsi_data d, json_t *o)
{
	json_t *list = json_array();

	for (uint32_t at = 8; sheaf_scsi_has(d, at, 8) && at - 8 < sheaf_scsi_get(d, 4, 4);
	     at += 8) {
		char text[24];

		snprintf(text, sizeof(text), "0x%" PRIx64, sheaf_scsi_get(d, at, 8));
		json_array_append_new(list, json_string(text));
	}
	json_object_set_new(o, "keys", list);
	return o;
}

static json_t *pr_reservation(struct sheaf_scsi_data d, json_t *o)
{
	bool held = sheaf_scsi_get(d, 4, 4) >= 16 && sheaf_scsi_has(d, 8, 14);

	sheaf_json_put_bool(o, "reserved", held);
	if (held) {
		put_hex64(o, "key", sheaf_scsi_get(d, 8, 8));
		sheaf_json_put(o, "scope", d.at[21] >> 4);
		sheaf_json_put_named(o, "type", sheaf_scsi_reservation_types, d.at[21] & 15);
	}
	return o;
}

static json_t *pr_capabilities(struct sheaf_scsi_data d)
{
	static const struct {
		const char *name;
		uint8_t byte, bit;
	} bits[] = {
		{ "rlr_c", 2, 7 },    { "crh", 2, 4 },	    { "sip_c", 2, 3 },
		{ "atp_c", 2, 2 },    { "ptpl_c", 2, 0 },   { "tmv", 3, 7 },
		{ "ptpl_a", 3, 0 },   { "wr_ex_ar", 4, 7 }, { "ex_ac_ro", 4, 6 },
		{ "wr_ex_ro", 4, 5 }, { "ex_ac", 4, 3 },    { "wr_ex", 4, 1 },
		{ "ex_ac_ar", 5, 0 },
	};
	json_t *o;

	if (!sheaf_scsi_has(d, 0, 6))
		return NULL;
	o = json_object();
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		sheaf_json_put_bool(o, bits[i].name, d.at[bits[i].byte] >> bits[i].bit & 1);
	sheaf_json_put(o, "allow_commands", d.at[3] >> 4 & 7);
	return o;
}

static json_t *pr_full_status(struct sheaf_scsi_data d, json_t *o)
{
	json_t *list = json_array();

	for (uint32_t at = 8; sheaf_scsi_has(d, at, 24) && at - 8 < sheaf_scsi_get(d, 4, 4);) {
		uint32_t more = (uint32_t)sheaf_scsi_get(d, at + 20, 4);
		json_t *row = json_object();

		put_hex64(row, "key", sheaf_scsi_get(d, at, 8));
		sheaf_json_put_bool(row, "all_tg_pt", d.at[at + 12] & 2);
		sheaf_json_put_bool(row, "r_holder", d.at[at + 12] & 1);
		if (d.at[at + 12] & 1)
			sheaf_json_put_named(row, "type", sheaf_scsi_reservation_types,
					     d.at[at + 13] & 15);
		sheaf_json_put(row, "relative_target_port_identifier",
			       sheaf_scsi_get(d, at + 18, 2));
		sheaf_json_put_hex(row, "transportid", sheaf_scsi_part(d, at + 24, more));
		json_array_append_new(list, row);
		if (more > d.bytes - at - 24)
			break;
		at += 24 + more;
	}
	json_object_set_new(o, "full_status", list);
	return o;
}

static json_t *persistent_reserve_in(const uint8_t *cdb, struct sheaf_scsi_data d)
{
	json_t *o;

	if ((cdb[1] & 0x1f) == 2)
		return pr_capabilities(d);
	if (!sheaf_scsi_has(d, 0, 8))
		return NULL;
	o = json_object();
	sheaf_json_put(o, "prgeneration", sheaf_scsi_get(d, 0, 4));
	switch (cdb[1] & 0x1f) {
	case 0:
		return pr_keys(d, o);
	case 1:
		return pr_reservation(d, o);
	case 3:
		return pr_full_status(d, o);
	default:
		json_decref(o);
		return NULL;
	}
}

json_t *sheaf_scsi_decode(const uint8_t *cdb, struct sheaf_scsi_data d)
{
	uint8_t action = cdb[SHEAF_CDB_SERVICE_ACTION] & 0x1f;

	switch (cdb[0]) {
	case SHEAF_SCSI_INQUIRY:
		return cdb[1] & SHEAF_CDB_INQUIRY_EVPD ? sheaf_scsi_decode_vpd(d)
						       : sheaf_scsi_decode_inquiry(d);
	case SHEAF_SCSI_REQUEST_SENSE:
		return sheaf_scsi_decode_sense(d.at, d.bytes);
	case SHEAF_SCSI_MODE_SENSE_6:
		return sheaf_scsi_decode_mode(d, false);
	case SHEAF_SCSI_MODE_SENSE_10:
		return sheaf_scsi_decode_mode(d, true);
	case 0x4d: /* LOG SENSE */
		return sheaf_scsi_decode_log(d);
	case SHEAF_SCSI_READ_CAPACITY_10:
		return read_capacity_10(d);
	case SHEAF_SCSI_SERVICE_ACTION_IN_16:
		return action == SHEAF_SCSI_SA_READ_CAPACITY_16 ? read_capacity_16(d)
		       : action == SHEAF_SCSI_SA_GET_LBA_STATUS ? lba_status(d)
								: NULL;
	case SHEAF_SCSI_REPORT_LUNS:
		return report_luns(d);
	case SHEAF_SCSI_MAINTENANCE_IN:
		if (action == SHEAF_SCSI_SA_REPORT_SUPPORTED_TMFS)
			return task_management(d);
		if (action != SHEAF_SCSI_SA_REPORT_SUPPORTED_OPCODES)
			return NULL;
		return cdb[SHEAF_CDB_RSOC_OPTIONS] & SHEAF_RSOC_OPTIONS_MASK ? one_opcode(d)
									     : all_opcodes(d);
	case 0x5e:
		return persistent_reserve_in(cdb, d);
	default:
		return NULL;
	}
}
