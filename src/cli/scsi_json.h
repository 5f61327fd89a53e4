/* SPDX-License-Identifier: MIT */
/**
 * scsi_json.h - for decoders of SCSI data: bytes with an end, and members of a JSON object
 *
 * Data come from a driver: they may be shorter than they say, and say anything. What is beyond their end reads as 0, and a decoder
 * asks sheaf_scsi_has() where that would be taken for a value.
 */
#ifndef SHEAF_SCSI_JSON_H
#define SHEAF_SCSI_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/scsi_names.h"

struct sheaf_scsi_data {
	const uint8_t *at;
	uint32_t bytes;
};

static inline bool sheaf_scsi_has(struct sheaf_scsi_data d, uint32_t offset, uint32_t n)
{
	return offset <= d.bytes && n <= d.bytes - offset;
}

/** Big-endian, @n up to 8 bytes. */
static inline uint64_t sheaf_scsi_get(struct sheaf_scsi_data d, uint32_t offset, unsigned n)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < n; i++)
		value = value << 8 | (sheaf_scsi_has(d, offset + i, 1) ? d.at[offset + i] : 0);
	return value;
}

/** [offset, offset + n), as far as it is there. */
static inline struct sheaf_scsi_data sheaf_scsi_part(struct sheaf_scsi_data d, uint32_t offset,
						     uint32_t n)
{
	uint32_t left = offset < d.bytes ? d.bytes - offset : 0;

	return (struct sheaf_scsi_data){ left ? d.at + offset : d.at, n < left ? n : left };
}

static inline void sheaf_json_put(json_t *o, const char *name, uint64_t value)
{
	json_object_set_new(o, name, json_integer((json_int_t)value));
}

static inline void sheaf_json_put_bool(json_t *o, const char *name, bool value)
{
	json_object_set_new(o, name, json_boolean(value));
}

/** A number that has a name in @names, or none: { value, name }. */
static inline void sheaf_json_put_named(json_t *o, const char *name,
					const struct sheaf_scsi_name names[], uint32_t value)
{
	const char *text = sheaf_scsi_name(names, value);

	json_object_set_new(
		o, name,
		json_pack("{s:i, s:s}", "value", (int)value, "name", text ? text : "unknown"));
}

/** A page's code, in hexadecimal as everybody writes them, and its name. */
static inline void sheaf_json_put_page(json_t *o, const struct sheaf_scsi_name names[],
				       uint8_t code)
{
	const char *name = sheaf_scsi_name(names, code);
	char text[8];

	snprintf(text, sizeof(text), "%02x", code);
	json_object_set_new(o, "page", json_string(text));
	json_object_set_new(o, "name", json_string(name ? name : "unknown"));
}

/* scsi_decode.c */

/** "12 00 24"; malloc'ed, NULL without memory. */
char *sheaf_scsi_hex(const uint8_t *bytes, uint32_t n);
void sheaf_json_put_hex(json_t *o, const char *name, struct sheaf_scsi_data d);
/** ASCII without the blanks and zeros at its ends; what is no character is '.'. */
void sheaf_json_put_text(json_t *o, const char *name, struct sheaf_scsi_data d);

#endif
