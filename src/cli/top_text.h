/* SPDX-License-Identifier: MIT */
/* top_text.h - the page of `sheaf top` as text, for a terminal of any width and for --batch; and as a line of JSON. */
#ifndef SHEAF_TOP_TEXT_H
#define SHEAF_TOP_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/top_model.h"

#define SHEAF_TOP_WIDTH 80

/* With marks, lines that are to stand out begin with one of these. */
#define SHEAF_TOP_MARK_HEADING '\001'
#define SHEAF_TOP_MARK_TROUBLE '\002'

struct sheaf_top_page {
	const char *dir;
	const char *when; /* time of day */
	unsigned width;	  /* columns; names are cut, numbers are not */
	bool marks;
};

/** "850ns", "12.3us", "1.23ms", "2.00s": at most 7 columns. Return: @out. */
const char *sheaf_top_duration(uint64_t ns, char out[16]);
/** Print what came in an interval. @difference: of sheaf_top_between(). */
void sheaf_top_print(FILE *out, const struct sheaf_top_page *page,
		     const struct sheaf_top *difference);
/** The same as one line of JSON without its newline, malloc'ed; NULL without memory. */
char *sheaf_top_json(const struct sheaf_top_page *page, const struct sheaf_top *difference);

#endif
