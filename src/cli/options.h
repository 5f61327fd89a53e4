/* SPDX-License-Identifier: MIT */
/**
 * options.h - command lines by table: one row an option, and it works as --x=V, --x V, -s V and -o x=V
 *
 * A row says where in the command's own struct its value goes. Names are the same everywhere, `-` and `_` too:
 * --block-size=4096 is -o block_size=4096. A command that stands in fstab (mount_options) also takes what mount(8)
 * hands to every filesystem: some of it goes to libfuse, the rest means nothing to us and is taken quietly.
 */
#ifndef SHEAF_OPTIONS_H
#define SHEAF_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sheaf_option_kind {
	SHEAF_OPTION_END,
	SHEAF_OPTION_FLAG,     /* bool; x, x=on, x=off */
	SHEAF_OPTION_TEXT,     /* char *, malloc'ed; not empty */
	SHEAF_OPTION_SIZE,     /* uint64_t bytes; 10G, 512, 4KiB */
	SHEAF_OPTION_NUMBER,   /* int in min..max, or the name of a choice */
	SHEAF_OPTION_MODE,     /* int, octal, 0..0777 */
	SHEAF_OPTION_HEX,      /* int in min..max, hexadecimal: b0, 0xb0 */
	SHEAF_OPTION_LONG,     /* uint64_t; decimal, or 0x and hexadecimal */
	SHEAF_OPTION_DURATION, /* int, ms; 30, 30s, 500ms, 2m */
	SHEAF_OPTION_COUNT,    /* int, one more each time */
};

/** A word that stands for a number. The last row has no name. */
struct sheaf_choice {
	const char *name;
	int value;
};

struct sheaf_option {
	const char *name; /* with '-', without dashes in front */
	char letter;	  /* or 0 */
	enum sheaf_option_kind kind;
	size_t offset; /* of the field in the command's struct */
	int64_t min, max;
	const struct sheaf_choice *choices; /* with min == max == 0: nothing but these */
	const char *value; /* what help calls the value; NULL: made of the choices */
	const char *help;  /* NULL: not shown */
};

struct sheaf_command_line {
	const char *usage; /* "mount [OPTION]... IMAGE... DIR" */
	const char *summary;
	const struct sheaf_option *options;
	unsigned operands_min, operands_max;
	const char *const *operand_names; /* operands_min of them: what is missing */
	/* What the second operand may be, for completion; the last row has no name. Or NULL. */
	const struct sheaf_word {
		const char *name, *help;
	} *second_operands;
	bool mount_options;		  /* take mount(8)'s own words in -o */
	size_t fuse_options_offset;	  /* char *: the words that libfuse is to get */
	/* -o words that no row has go here instead (char *); used with mount_options false. */
	bool collect_unknown;
	size_t unknown_offset;
	/* With collect_unknown: this command's options too, as --x=V, go there as "x=V". Or NULL. */
	const struct sheaf_command_line *passed_on;
	const char *epilogue; /* or NULL */
};

struct sheaf_operands {
	char **words; /* point into argv */
	unsigned count;
};

/* Outcomes of sheaf_options_parse(). */
enum {
	SHEAF_OPTIONS_RUN = 0,
	SHEAF_OPTIONS_HELPED = 1, /* help, or what a shell may complete with, was printed: exit 0 */
};

/**
 * sheaf_options_parse() - a command's arguments into its struct
 * @argv: after the command's name.  @target: the struct, defaults set; its texts are freed by sheaf_options_free().
 * @ret_operands: in order; words is malloc'ed.
 * Return: SHEAF_OPTIONS_RUN; SHEAF_OPTIONS_HELPED; -EINVAL: reported, exit 2; -ENOMEM.
 */
int sheaf_options_parse(const struct sheaf_command_line *line, int argc, char **argv, void *target,
			struct sheaf_operands *ret_operands);
/** Free the texts in @target and the operands. */
void sheaf_options_free(const struct sheaf_command_line *line, void *target,
			struct sheaf_operands *operands);

/** The row of a name, with `-` and `_` alike; NULL if there is none. @length: of @name. */
const struct sheaf_option *sheaf_options_find(const struct sheaf_command_line *line,
					      const char *name, size_t length);
/** The row of a letter; NULL if there is none. */
const struct sheaf_option *sheaf_options_find_letter(const struct sheaf_command_line *line,
						     char letter);
/** Must it have a value? (A flag may.) */
bool sheaf_options_takes_value(const struct sheaf_option *option);
/** Cut the next word off an -o list; a backslash takes a comma (or itself) into the word. NULL at the end. */
char *sheaf_options_next_word(char **list);
/** Append a word to a malloc'ed -o list (or NULL), with the backslashes that it needs. 0 or -ENOMEM. */
int sheaf_options_append_word(char **list, const char *word);

/** "10G" to bytes; 0 or -EINVAL, -ERANGE. */
int sheaf_parse_size(const char *text, uint64_t *ret_bytes);
/** The candidate that is at most two slips away from @name, or NULL. @length: of @name. */
const char *sheaf_suggest(const char *name, size_t length, const char *const *candidates);

#endif
