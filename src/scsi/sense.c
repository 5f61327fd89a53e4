/* SPDX-License-Identifier: MIT */
/* sense.c - see sense.h. */
#include "scsi/sense.h"

#include <string.h>

#include "base/bits.h"

/* SENSE KEY SPECIFIC with a field pointer, SPC-4 section 4.5.2.4.2: 3 bytes. */
static void build_field_pointer(const struct sheaf_sense *sense, uint8_t *out)
{
	out[0] = SHEAF_SENSE_SPECIFIC_SKSV;
	if (sense->field_in_cdb)
		out[0] |= SHEAF_SENSE_SPECIFIC_CD;
	if (sense->field_bit >= 0)
		out[0] |= (uint8_t)(SHEAF_SENSE_SPECIFIC_BPV | (sense->field_bit & 7));
	sheaf_put_be16(out + 1, sense->field_byte);
}

/* SENSE KEY SPECIFIC with a progress indication, SPC-4 section 4.5.2.4.4: 3 bytes. */
static void build_progress(const struct sheaf_sense *sense, uint8_t *out)
{
	out[0] = SHEAF_SENSE_SPECIFIC_SKSV;
	sheaf_put_be16(out + 1, sense->progress);
}

static void parse_field_pointer(const uint8_t *p, struct sheaf_sense *sense)
{
	if (!(p[0] & SHEAF_SENSE_SPECIFIC_SKSV) || sense->key != SHEAF_KEY_ILLEGAL_REQUEST)
		return;
	sense->field_valid = true;
	sense->field_in_cdb = p[0] & SHEAF_SENSE_SPECIFIC_CD;
	sense->field_bit = (int8_t)(p[0] & SHEAF_SENSE_SPECIFIC_BPV ? p[0] & 7 : -1);
	sense->field_byte = sheaf_get_be16(p + 1);
}

static void parse_specific(const uint8_t *p, struct sheaf_sense *sense)
{
	parse_field_pointer(p, sense);
	if ((p[0] & SHEAF_SENSE_SPECIFIC_SKSV) &&
	    (sense->key == SHEAF_KEY_NO_SENSE || sense->key == SHEAF_KEY_NOT_READY)) {
		sense->progress_valid = true;
		sense->progress = sheaf_get_be16(p + 1);
	}
}

unsigned sheaf_sense_build_fixed(const struct sheaf_sense *sense, uint8_t *out)
{
	memset(out, 0, SHEAF_SENSE_FIXED_LENGTH);
	out[0] = sense->deferred ? SHEAF_SENSE_FIXED_DEFERRED : SHEAF_SENSE_FIXED_CURRENT;
	if (sense->information_valid && sense->information <= UINT32_MAX) {
		out[0] |= SHEAF_SENSE_FIXED_VALID;
		sheaf_put_be32(out + SHEAF_SENSE_FIXED_INFORMATION, (uint32_t)sense->information);
	}
	out[SHEAF_SENSE_FIXED_KEY] = sense->key;
	out[SHEAF_SENSE_FIXED_ADDITIONAL_LENGTH] =
		SHEAF_SENSE_FIXED_LENGTH - SHEAF_SENSE_FIXED_ADDITIONAL_LENGTH - 1;
	if (sense->segment_valid) /* its third and fourth byte */
		sheaf_put_be32(out + SHEAF_SENSE_FIXED_COMMAND_SPECIFIC, sense->segment);
	sheaf_put_be16(out + SHEAF_SENSE_FIXED_ASC, sense->asc);
	if (sense->field_valid)
		build_field_pointer(sense, out + SHEAF_SENSE_FIXED_SPECIFIC);
	else if (sense->progress_valid)
		build_progress(sense, out + SHEAF_SENSE_FIXED_SPECIFIC);
	return SHEAF_SENSE_FIXED_LENGTH;
}

unsigned sheaf_sense_build_descriptor(const struct sheaf_sense *sense, uint8_t *out)
{
	unsigned length = SHEAF_SENSE_DESCRIPTOR_LENGTH;

	memset(out, 0, SHEAF_SENSE_BUILD_MAX);
	out[0] = sense->deferred ? SHEAF_SENSE_DESCRIPTOR_DEFERRED : SHEAF_SENSE_DESCRIPTOR_CURRENT;
	out[SHEAF_SENSE_DESCRIPTOR_KEY] = sense->key;
	sheaf_put_be16(out + SHEAF_SENSE_DESCRIPTOR_ASC, sense->asc);
	if (sense->information_valid) { /* SPC-4 section 4.5.2.2 */
		out[length] = SHEAF_SENSE_INFORMATION_DESCRIPTOR;
		out[length + 1] = 10;
		out[length + 2] = SHEAF_SENSE_FIXED_VALID;
		sheaf_put_be64(out + length + 4, sense->information);
		length += 12;
	}
	if (sense->segment_valid) { /* SPC-4 section 4.5.2.3 */
		out[length] = SHEAF_SENSE_COMMAND_SPECIFIC_DESCRIPTOR;
		out[length + 1] = 10;
		sheaf_put_be64(out + length + 4, sense->segment);
		length += 12;
	}
	if (sense->field_valid || sense->progress_valid) { /* SPC-4 section 4.5.2.4 */
		out[length] = SHEAF_SENSE_SPECIFIC_DESCRIPTOR;
		out[length + 1] = 6;
		if (sense->field_valid)
			build_field_pointer(sense, out + length + 4);
		else
			build_progress(sense, out + length + 4);
		length += 8;
	}
	out[SHEAF_SENSE_DESCRIPTOR_ADDITIONAL_LENGTH] =
		(uint8_t)(length - SHEAF_SENSE_DESCRIPTOR_LENGTH);
	return length;
}

static bool parse_fixed(const uint8_t *data, unsigned length, struct sheaf_sense *sense)
{
	if (length <= SHEAF_SENSE_FIXED_KEY)
		return false;
	sense->key = data[SHEAF_SENSE_FIXED_KEY] & 0x0f;
	/* Bytes past the additional length are not sense data even when they are there. */
	if (length > SHEAF_SENSE_FIXED_ADDITIONAL_LENGTH) {
		unsigned said = SHEAF_SENSE_FIXED_ADDITIONAL_LENGTH + 1u +
				data[SHEAF_SENSE_FIXED_ADDITIONAL_LENGTH];
		if (length > said)
			length = said;
	}
	if ((data[0] & SHEAF_SENSE_FIXED_VALID) && length >= SHEAF_SENSE_FIXED_INFORMATION + 4) {
		sense->information_valid = true;
		sense->information = sheaf_get_be32(data + SHEAF_SENSE_FIXED_INFORMATION);
	}
	if (length > SHEAF_SENSE_FIXED_ASC)
		sense->asc = (uint16_t)(data[SHEAF_SENSE_FIXED_ASC] << 8);
	if (length > SHEAF_SENSE_FIXED_ASCQ)
		sense->asc |= data[SHEAF_SENSE_FIXED_ASCQ];
	if (length >= SHEAF_SENSE_FIXED_SPECIFIC + 3)
		parse_specific(data + SHEAF_SENSE_FIXED_SPECIFIC, sense);
	return true;
}

static bool parse_descriptor(const uint8_t *data, unsigned length, struct sheaf_sense *sense)
{
	unsigned at = SHEAF_SENSE_DESCRIPTOR_LENGTH;

	if (length <= SHEAF_SENSE_DESCRIPTOR_ASCQ)
		return false;
	sense->key = data[SHEAF_SENSE_DESCRIPTOR_KEY] & 0x0f;
	sense->asc = sheaf_get_be16(data + SHEAF_SENSE_DESCRIPTOR_ASC);
	if (length < at)
		return true;
	if (length > at + data[SHEAF_SENSE_DESCRIPTOR_ADDITIONAL_LENGTH])
		length = at + data[SHEAF_SENSE_DESCRIPTOR_ADDITIONAL_LENGTH];
	while (at + 2 <= length && at + 2 + data[at + 1] <= length) {
		const uint8_t *d = data + at;
		if (d[0] == SHEAF_SENSE_INFORMATION_DESCRIPTOR && d[1] == 10 &&
		    (d[2] & SHEAF_SENSE_FIXED_VALID)) {
			sense->information_valid = true;
			sense->information = sheaf_get_be64(d + 4);
		}
		if (d[0] == SHEAF_SENSE_SPECIFIC_DESCRIPTOR && d[1] == 6)
			parse_specific(d + 4, sense);
		at += 2u + d[1];
	}
	return true;
}

bool sheaf_sense_parse(const uint8_t *data, unsigned length, struct sheaf_sense *ret_sense)
{
	struct sheaf_sense sense = { .field_bit = -1 };
	bool valid = false;

	if (length == 0)
		return false;
	uint8_t code = data[0] & SHEAF_SENSE_RESPONSE_CODE_MASK;
	sense.deferred =
		code == SHEAF_SENSE_FIXED_DEFERRED || code == SHEAF_SENSE_DESCRIPTOR_DEFERRED;
	if (code == SHEAF_SENSE_FIXED_CURRENT || code == SHEAF_SENSE_FIXED_DEFERRED)
		valid = parse_fixed(data, length, &sense);
	else if (code == SHEAF_SENSE_DESCRIPTOR_CURRENT || code == SHEAF_SENSE_DESCRIPTOR_DEFERRED)
		valid = parse_descriptor(data, length, &sense);
	if (valid)
		*ret_sense = sense;
	return valid;
}
