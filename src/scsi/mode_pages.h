/* SPDX-License-Identifier: MIT */
/* mode_pages.h - the table of mode pages, for those who report and those who change them. Constant. */
#ifndef SHEAF_MODE_PAGES_H
#define SHEAF_MODE_PAGES_H

#include <stdint.h>

struct sheaf_lu;

/** Longest page, with its header. */
#define SHEAF_MODE_PAGE_MAX 32

/** A field of more than one bit, which a field pointer names by its first one. */
struct sheaf_mode_field {
	uint8_t byte, mask, bytes; /* mask: of its first byte */
};

/**
 * struct sheaf_mode_page - page code, page length and contents as MODE SENSE reports them
 * @offset: where it is in sheaf_modes.current.  @size: bytes with the header.
 * @changeable: bits that MODE SELECT may change; header bytes are 0.
 * @fill: puts what depends on the LU, and cannot be changed, into the page; NULL: nothing does.
 * @fields: those that matter for field pointers; ended by one of no bytes.
 */
struct sheaf_mode_page {
	uint8_t code, subpage;
	uint8_t offset, size;
	uint8_t defaults[SHEAF_MODE_PAGE_MAX];
	uint8_t changeable[SHEAF_MODE_PAGE_MAX];
	void (*fill)(const struct sheaf_lu *lu, uint8_t *page);
	const struct sheaf_mode_field *fields;
};

/** In ascending order of code and subpage; ended by one of size 0. */
extern const struct sheaf_mode_page sheaf_mode_pages[];

#endif
