/* SPDX-License-Identifier: MIT */
/* sense.h - sense data in both formats, to and from a plain struct. Pure functions. */
#ifndef SHEAF_SENSE_H
#define SHEAF_SENSE_H

#include <stdbool.h>
#include <stdint.h>

#include <sheaf/scsi.h>

/** Longest sense data made here: descriptor format with all descriptors. */
#define SHEAF_SENSE_BUILD_MAX 40

/**
 * struct sheaf_sense - what sense data says
 * @information: with @information_valid; fixed format has 32 bits for it and leaves VALID 0 when it
 *               needs more.
 * @field_byte, @field_bit: with @field_valid: what is wrong in the CDB or parameter list; bit -1:
 * the byte.
 * @progress: with @progress_valid, which goes with NO SENSE and NOT READY: 65536ths that are done.
 */
struct sheaf_sense {
	uint8_t key;  /* enum sheaf_sense_key */
	uint16_t asc; /* enum sheaf_asc: ASC and ASCQ */
	bool deferred;
	bool information_valid;
	uint64_t information;
	bool field_valid;
	bool field_in_cdb;
	int8_t field_bit;
	uint16_t field_byte;
	bool segment_valid; /* written only: which segment of an EXTENDED COPY, in COMMAND-SPECIFIC INFORMATION */
	uint16_t segment;
	bool progress_valid;
	uint16_t progress;
};

/**
 * Write fixed format, SPC-4 section 4.5.3: SHEAF_SENSE_FIXED_LENGTH bytes at @out. Return: that
 * length.
 */
unsigned sheaf_sense_build_fixed(const struct sheaf_sense *sense, uint8_t *out);
/** Write descriptor format, SPC-4 section 4.5.2: 8 to 40 bytes at @out. Return: the length. */
unsigned sheaf_sense_build_descriptor(const struct sheaf_sense *sense, uint8_t *out);
/**
 * sheaf_sense_parse() - read either format; @data comes from outside and is checked
 * Fields that @length cuts off count as absent; a fixed format needs 3 bytes, descriptor format 4.
 * Return: false when it is no sense data; *ret_sense is then untouched.
 */
bool sheaf_sense_parse(const uint8_t *data, unsigned length, struct sheaf_sense *ret_sense);

#endif
