/* SPDX-License-Identifier: MIT */
/* scsi_mode.h - fields of mode pages by their names in SPC-4 and SBC-4, to show and to change them. Pure functions. */
#ifndef SHEAF_SCSI_MODE_H
#define SHEAF_SCSI_MODE_H

#include <stdbool.h>
#include <stdint.h>

struct sheaf_mode_field {
	const char *name; /* "wce"; NULL: the table's end */
	uint8_t page, subpage;
	uint8_t offset, bytes; /* from the page's first byte */
	uint8_t shift, bits;   /* bits 0: all of it */
};

/** By name, any case; NULL: there is none. */
const struct sheaf_mode_field *sheaf_mode_field_find(const char *name);
/** The fields, one after another. */
extern const struct sheaf_mode_field sheaf_mode_fields[];

/**
 * sheaf_mode_select_list() - make MODE SELECT(10)'s parameter list of what MODE SENSE(10) answered
 * @data, @bytes: the answer, with the current values of the field's page; becomes the list. @value: the field's new one.
 * Return: length of the list; -EINVAL: the page is not in it, or the answer makes no sense; -ERANGE: @value does not fit.
 */
int sheaf_mode_select_list(uint8_t *data, uint32_t bytes, const struct sheaf_mode_field *field,
			   uint64_t value);

#endif
