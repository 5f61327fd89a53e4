/* SPDX-License-Identifier: MIT */
/*
 * options.c - see options.h
 *
 * Beside the table: -h and --help are everywhere, `--` ends the options, options and operands may be mixed.
 * What the user typed is named in each error, and the command whose --help says more.
 */
#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/complete.h"

#define NAME_MAX_LENGTH	     64
#define SUGGEST_DISTANCE_MAX 2
/* Help: where the texts begin. */
#define HELP_COLUMN 28

/* clang-format off */
/* What mount(8), fstab and systemd put into any filesystem's options and mean for themselves. */
static const char *const ignored_words[] = {
	"_netdev", "nofail", "fail", "auto", "noauto", "user", "nouser", "users", "nousers", "owner", "noowner",
	"group", "nogroup", "defaults", "rw", "relatime", "norelatime", "strictatime", "nostrictatime",
	"lazytime", "nolazytime", "mand", "nomand", "silent", "loud", "comment", "uhelper", "helper",
	"default_permissions", NULL,
};

/* What libfuse is to know. */
static const char *const fuse_words[] = {
	"fsname", "dev", "nodev", "suid", "nosuid", "exec", "noexec", "sync", "async", "dirsync", "atime",
	"noatime", "diratime", "nodiratime", "nosymfollow", "context", "fscontext", "defcontext",
	"rootcontext", "auto_unmount", NULL,
};
/* clang-format on */

/* Same name, with `-` and `_` alike. */
static bool same_name(const char *a, const char *b, size_t b_length)
{
	size_t i;

	for (i = 0; i < b_length && a[i]; i++)
		if (a[i] != b[i] && !(a[i] == '-' && b[i] == '_') && !(a[i] == '_' && b[i] == '-'))
			return false;
	return i == b_length && !a[i];
}

static bool in_list(const char *const *list, const char *name, size_t length)
{
	for (; *list; list++)
		if (same_name(*list, name, length))
			return true;
	return false;
}

static size_t name_length(const char *word)
{
	return strcspn(word, "=");
}

const struct sheaf_option *sheaf_options_find(const struct sheaf_command_line *line,
					      const char *name, size_t length)
{
	for (const struct sheaf_option *o = line->options; o->kind != SHEAF_OPTION_END; o++)
		if (o->name && same_name(o->name, name, length))
			return o;
	return NULL;
}

const struct sheaf_option *sheaf_options_find_letter(const struct sheaf_command_line *line,
						     char letter)
{
	for (const struct sheaf_option *o = line->options; o->kind != SHEAF_OPTION_END; o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

/* "mount" of "mount [OPTION]... IMAGE... DIR". */
static int command_length(const struct sheaf_command_line *line)
{
	return (int)strcspn(line->usage, " ");
}

#define SEE_HELP	    "; see: sheaf %.*s --help"
#define SEE_HELP_ARGS(line) command_length(line), (line)->usage

static unsigned min_of(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Edit distance with a swap of neighbours as one slip; up to NAME_MAX_LENGTH. */
static unsigned distance(const char *a, size_t a_length, const char *b)
{
	unsigned rows[3][NAME_MAX_LENGTH + 1];
	size_t b_length = strlen(b);

	if (a_length > NAME_MAX_LENGTH || b_length > NAME_MAX_LENGTH)
		return UINT_MAX;
	for (size_t j = 0; j <= b_length; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= a_length; i++) {
		unsigned *now = rows[i % 3], *before = rows[(i - 1) % 3];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= b_length; j++) {
			bool same = same_name((const char[]){ a[i - 1], '\0' }, b + j - 1, 1);

			now[j] = min_of(before[j - 1] + !same, min_of(before[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && !same && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = min_of(now[j], rows[(i - 2) % 3][j - 2] + 1);
		}
	}
	return rows[a_length % 3][b_length];
}

const char *sheaf_suggest(const char *name, size_t length, const char *const *candidates)
{
	unsigned best = SUGGEST_DISTANCE_MAX + 1;
	const char *found = NULL;

	for (; *candidates; candidates++) {
		unsigned d = distance(name, length, *candidates);

		/* Half of a short name typed wrong is another name. */
		if (d < best && d * 2 < strlen(*candidates)) {
			best = d;
			found = *candidates;
		}
	}
	return found;
}

static int report_unknown(const struct sheaf_command_line *line, const char *dashes,
			  const char *name, size_t length)
{
	const char *names[64] = { "help" };
	size_t n = 1;
	const char *suggestion;

	for (const struct sheaf_option *o = line->options; o->kind != SHEAF_OPTION_END && n < 63;
	     o++)
		if (o->name)
			names[n++] = o->name;
	suggestion = sheaf_suggest(name, length, names);
	if (suggestion)
		sheaf_error("%s%.*s: no such option; did you mean %s%s?", dashes, (int)length, name,
			    dashes, suggestion);
	else
		sheaf_error("%s%.*s: no such option" SEE_HELP, dashes, (int)length, name,
			    SEE_HELP_ARGS(line));
	return -EINVAL;
}

int sheaf_parse_size(const char *text, uint64_t *ret_bytes)
{
	static const char units[] = "KMGTP";
	char *end;
	unsigned shift = 0;
	const char *unit;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	uint64_t n = strtoull(text, &end, 10);

	if (errno)
		return -ERANGE;
	if (*end && (unit = strchr(units, toupper((unsigned char)*end)))) {
		shift = 10 * (unsigned)(unit - units + 1);
		end++;
		if (strcmp(end, "iB") == 0)
			end += 2;
	}
	if (*end)
		return -EINVAL;
	if (n > (uint64_t)INT64_MAX >> shift)
		return -ERANGE;
	*ret_bytes = n << shift;
	return 0;
}

static int parse_number(const char *text, int base, int64_t min, int64_t max, int *ret)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	long long n = strtoll(text, &end, base);

	if (*end)
		return -EINVAL;
	if (errno || n < min || n > max)
		return -ERANGE;
	*ret = (int)n;
	return 0;
}

static int parse_hex(const char *text, int64_t min, int64_t max, int *ret)
{
	char *end;

	if (!isxdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	long long n = strtoll(text, &end, 16);

	if (*end)
		return -EINVAL;
	if (errno || n < min || n > max)
		return -ERANGE;
	*ret = (int)n;
	return 0;
}

static int parse_long_number(const char *text, uint64_t *ret)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	unsigned long long n = strtoull(text, &end, hex ? 16 : 10);

	if (*end || (hex && !text[2]))
		return -EINVAL;
	if (errno)
		return -ERANGE;
	*ret = n;
	return 0;
}

static int parse_duration(const char *text, int64_t min, int64_t max, int *ret)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = { { "", 1000 }, { "s", 1000 }, { "ms", 1 }, { "m", 60000 } };
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	long long n = strtoll(text, &end, 10);

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].name) != 0)
			continue;
		if (errno || n > max / units[i].ms || n * units[i].ms < min)
			return -ERANGE;
		*ret = (int)(n * units[i].ms);
		return 0;
	}
	return -EINVAL;
}

static int parse_flag(const char *text, bool *ret)
{
	static const char *const on[] = { "on", "yes", "true", "1" };
	static const char *const off[] = { "off", "no", "false", "0" };

	for (size_t i = 0; i < 4; i++) {
		if (strcmp(text, on[i]) == 0 || strcmp(text, off[i]) == 0) {
			*ret = strcmp(text, on[i]) == 0;
			return 0;
		}
	}
	return -EINVAL;
}

static void list_choices(const struct sheaf_option *o, char *out, size_t size)
{
	size_t n = 0;

	*out = '\0';
	for (const struct sheaf_choice *c = o->choices; c && c->name && n < size; c++)
		n += (size_t)snprintf(out + n, size - n, "%s%s", n ? "|" : "", c->name);
	if (o->choices && o->max > o->min && n < size)
		snprintf(out + n, size - n, "|%s", o->value ? o->value : "N");
}

static int set_number(const struct sheaf_option *o, const char *value, int *ret)
{
	for (const struct sheaf_choice *c = o->choices; c && c->name; c++) {
		if (strcmp(c->name, value) == 0) {
			*ret = c->value;
			return 0;
		}
	}
	return o->choices && o->min == o->max ? -EINVAL
					      : parse_number(value, 10, o->min, o->max, ret);
}

static int set_value(const struct sheaf_option *o, const char *value, void *field)
{
	char *copy;

	switch (o->kind) {
	case SHEAF_OPTION_FLAG:
		return parse_flag(value, field);
	case SHEAF_OPTION_TEXT:
		if (!*value)
			return -EINVAL;
		copy = strdup(value);
		if (!copy)
			return -ENOMEM;
		free(*(char **)field);
		*(char **)field = copy;
		return 0;
	case SHEAF_OPTION_SIZE:
		return sheaf_parse_size(value, field);
	case SHEAF_OPTION_NUMBER:
		return set_number(o, value, field);
	case SHEAF_OPTION_MODE:
		return parse_number(value, 8, 0, 0777, field);
	case SHEAF_OPTION_HEX:
		return parse_hex(value, o->min, o->max, field);
	case SHEAF_OPTION_LONG:
		return parse_long_number(value, field);
	case SHEAF_OPTION_DURATION:
		return parse_duration(value, o->min, o->max, field);
	case SHEAF_OPTION_COUNT:
	case SHEAF_OPTION_END:
		break;
	}
	return -EINVAL;
}

static void report_range(const struct sheaf_option *o, const char *typed, const char *value)
{
	if (o->kind == SHEAF_OPTION_HEX)
		sheaf_error("%s: %s is out of range; from %" PRIx64 "h to %" PRIx64 "h", typed,
			    value, o->min, o->max);
	else if (o->max > o->min)
		sheaf_error("%s: %s is out of range; from %" PRId64 " to %" PRId64 "%s", typed,
			    value, o->min, o->max, o->kind == SHEAF_OPTION_DURATION ? " ms" : "");
	else
		sheaf_error("%s: %s is out of range", typed, value);
}

static void report_value(const struct sheaf_option *o, const char *typed, const char *value,
			 int error)
{
	static const char *const wanted[] = {
		[SHEAF_OPTION_FLAG] = "neither on nor off",
		[SHEAF_OPTION_TEXT] = "not a name",
		[SHEAF_OPTION_SIZE] = "no size; write bytes, or 4K, 512M, 10G, 2T",
		[SHEAF_OPTION_NUMBER] = "not a number",
		[SHEAF_OPTION_MODE] = "no mode; write it in octal, as 0640",
		[SHEAF_OPTION_HEX] = "no hexadecimal number",
		[SHEAF_OPTION_LONG] = "not a number",
		[SHEAF_OPTION_DURATION] = "no time; write seconds, or 500ms, 30s, 2m",
	};
	char choices[256];

	list_choices(o, choices, sizeof(choices));
	if (error == -ENOMEM)
		sheaf_error("out of memory");
	else if (error == -ERANGE)
		report_range(o, typed, value);
	else if (!*value)
		sheaf_error("%s: the value is missing", typed);
	else if (*choices)
		sheaf_error("%s: '%s' is not one of %s", typed, value, choices);
	else
		sheaf_error("%s: '%s' is %s", typed, value, wanted[o->kind]);
}

bool sheaf_options_takes_value(const struct sheaf_option *o)
{
	return o->kind != SHEAF_OPTION_FLAG && o->kind != SHEAF_OPTION_COUNT;
}

/* @typed: as the user wrote the name, for messages. @value: NULL if there was none. */
static int apply(const struct sheaf_option *o, const char *typed, const char *value, void *target)
{
	void *field = (char *)target + o->offset;
	int r;

	if (o->kind == SHEAF_OPTION_COUNT && !value) {
		++*(int *)field;
		return 0;
	}
	if (o->kind == SHEAF_OPTION_COUNT) {
		sheaf_error("%s: takes no value", typed);
		return -EINVAL;
	}
	if (o->kind == SHEAF_OPTION_FLAG && !value) {
		*(bool *)field = true;
		return 0;
	}
	r = value ? set_value(o, value, field) : -EINVAL;
	if (r < 0)
		report_value(o, typed, value ? value : "", r);
	return r == -ENOMEM ? r : r < 0 ? -EINVAL : 0;
}

int sheaf_options_append_word(char **list, const char *word)
{
	size_t old = *list ? strlen(*list) : 0;
	char *longer = realloc(*list, old + 2 * strlen(word) + 2), *p;

	if (!longer)
		return -ENOMEM;
	p = longer + old;
	if (old)
		*p++ = ',';
	for (; *word; word++) {
		if (*word == ',' || *word == '\\')
			*p++ = '\\';
		*p++ = *word;
	}
	*p = '\0';
	*list = longer;
	return 0;
}

char *sheaf_options_next_word(char **list)
{
	char *start = *list, *in = start, *out = start;

	if (!start)
		return NULL;
	for (; *in && *in != ','; in++) {
		if (*in == '\\' && (in[1] == ',' || in[1] == '\\'))
			in++;
		*out++ = *in;
	}
	*list = *in ? in + 1 : NULL;
	*out = '\0';
	return start;
}

/* One word of an -o list: "x" or "x=V". */
static int apply_word(const struct sheaf_command_line *line, char *word, void *target)
{
	size_t length = name_length(word);
	const struct sheaf_option *o = sheaf_options_find(line, word, length);
	char typed[NAME_MAX_LENGTH + 8];

	if (o) {
		snprintf(typed, sizeof(typed), "-o %.*s", (int)length, word);
		return apply(o, typed, word[length] ? word + length + 1 : NULL, target);
	}
	if (line->collect_unknown)
		return sheaf_options_append_word((char **)((char *)target + line->unknown_offset),
						 word);
	if (line->mount_options && in_list(fuse_words, word, length))
		return sheaf_options_append_word(
			(char **)((char *)target + line->fuse_options_offset), word);
	if (line->mount_options &&
	    (strncasecmp(word, "x-", 2) == 0 || in_list(ignored_words, word, length)))
		return 0;
	return report_unknown(line, "-o ", word, length);
}

static int apply_list(const struct sheaf_command_line *line, const char *words, void *target)
{
	CLEANUP_FREE char *copy = strdup(words);
	char *rest = copy, *word;
	int r = copy ? 0 : -ENOMEM;

	while (r == 0 && (word = sheaf_options_next_word(&rest)))
		r = *word ? apply_word(line, word, target) : 0;
	return r;
}

/* One option out of help: "  -r, --read-only        text". */
static void print_option(const struct sheaf_option *o)
{
	char name[160], choices[96];
	int n = 0;

	if (!o->help)
		return;
	list_choices(o, choices, sizeof(choices));
	if (o->letter)
		n = snprintf(name, sizeof(name), "-%c%s", o->letter, o->name ? ", " : "");
	if (o->name)
		n += snprintf(name + n, sizeof(name) - (size_t)n, "%s--%s", o->letter ? "" : "    ",
			      o->name);
	if (sheaf_options_takes_value(o))
		snprintf(name + n, sizeof(name) - (size_t)n, "%s%s", o->name ? "=" : " ",
			 *choices   ? choices
			 : o->value ? o->value
				    : "N");
	else if (o->kind == SHEAF_OPTION_FLAG && o->value)
		snprintf(name + n, sizeof(name) - (size_t)n, "=%s", o->value);
	if (strlen(name) > HELP_COLUMN - 4)
		printf("  %s\n%*s%s\n", name, HELP_COLUMN, "", o->help);
	else
		printf("  %-*s%s\n", HELP_COLUMN - 2, name, o->help);
}

static bool has_list(const struct sheaf_command_line *line)
{
	return line->mount_options || line->collect_unknown;
}

static void print_help(const struct sheaf_command_line *line)
{
	printf("Usage: sheaf %s\n%s\n\n", line->usage, line->summary);
	for (const struct sheaf_option *o = line->options; o->kind != SHEAF_OPTION_END; o++)
		print_option(o);
	if (has_list(line))
		printf("  %-*s%s\n", HELP_COLUMN - 2, "-o WORD[,WORD]...",
		       line->mount_options ? "any of these, as -o x=V; and what fstab has"
					   : "options of the filesystem, or of sheaf mount");
	printf("  %-*s%s\n", HELP_COLUMN - 2, "-h, --help", "this text");
	if (line->epilogue)
		printf("\n%s", line->epilogue);
}

/* State of one parse. */
struct parse {
	const struct sheaf_command_line *line;
	void *target;
	int argc, at;
	char **argv;
};

/* An option that another command is to get: "x" or "x=V" into the list. */
static int pass_on(struct parse *p, const struct sheaf_option *o, const char *typed,
		   const char *value)
{
	CLEANUP_FREE char *word = NULL;

	if (sheaf_options_takes_value(o) && !value) {
		report_value(o, typed, "", -EINVAL);
		return -EINVAL;
	}
	if (asprintf(&word, "%s%s%s", o->name, value ? "=" : "", value ? value : "") < 0)
		return -ENOMEM;
	return sheaf_options_append_word((char **)((char *)p->target + p->line->unknown_offset),
					 word);
}

/* --x, --x=V, --x V; also SHEAF_OPTIONS_HELPED. */
static int parse_long(struct parse *p, char *word)
{
	size_t length = name_length(word + 2);
	const struct sheaf_option *o = sheaf_options_find(p->line, word + 2, length);
	bool passed_on = false;
	char *value = word[2 + length] ? word + 2 + length + 1 : NULL;
	char typed[NAME_MAX_LENGTH + 8];

	if (same_name("help", word + 2, length)) {
		print_help(p->line);
		return SHEAF_OPTIONS_HELPED;
	}
	if (!o && p->line->passed_on) {
		o = sheaf_options_find(p->line->passed_on, word + 2, length);
		passed_on = o != NULL;
	}
	if (!o)
		return report_unknown(p->line, "--", word + 2, length);
	if (sheaf_options_takes_value(o) && !value && p->at < p->argc)
		value = p->argv[p->at++];
	snprintf(typed, sizeof(typed), "--%.*s", (int)length, word + 2);
	return passed_on ? pass_on(p, o, typed, value) : apply(o, typed, value, p->target);
}

/* -o LIST, -oLIST, -s V, -sV, -abc. */
static int parse_letters(struct parse *p, char *word)
{
	for (char *c = word + 1; *c; c++) {
		const struct sheaf_option *o = sheaf_options_find_letter(p->line, *c);
		bool list = has_list(p->line) && *c == 'o';
		char typed[3] = { '-', *c, '\0' };
		char *value = NULL;
		int r;

		if (*c == 'h' && !o) {
			print_help(p->line);
			return SHEAF_OPTIONS_HELPED;
		}
		if (!o && !list)
			return report_unknown(p->line, "-", c, 1);
		if (list || sheaf_options_takes_value(o)) {
			value = c[1] ? c + 1 : p->at < p->argc ? p->argv[p->at++] : NULL;
			if (!value) {
				sheaf_error("%s: the value is missing" SEE_HELP, typed,
					    SEE_HELP_ARGS(p->line));
				return -EINVAL;
			}
		}
		r = list ? apply_list(p->line, value, p->target)
			 : apply(o, typed, value, p->target);
		if (r < 0 || value)
			return r;
	}
	return 0;
}

static int check_operands(const struct sheaf_command_line *line,
			  const struct sheaf_operands *operands)
{
	if (operands->count < line->operands_min) {
		sheaf_error("%.*s: %s is missing" SEE_HELP, SEE_HELP_ARGS(line),
			    line->operand_names[operands->count], SEE_HELP_ARGS(line));
		return -EINVAL;
	}
	if (operands->count > line->operands_max) {
		sheaf_error("%.*s: %s is one too many" SEE_HELP, SEE_HELP_ARGS(line),
			    operands->words[line->operands_max], SEE_HELP_ARGS(line));
		return -EINVAL;
	}
	for (unsigned i = 0; i < operands->count; i++) {
		if (!*operands->words[i]) {
			sheaf_error("%.*s: an empty name" SEE_HELP, SEE_HELP_ARGS(line),
				    SEE_HELP_ARGS(line));
			return -EINVAL;
		}
	}
	return 0;
}

int sheaf_options_parse(const struct sheaf_command_line *line, int argc, char **argv, void *target,
			struct sheaf_operands *ret_operands)
{
	struct parse p = { .line = line, .target = target, .argc = argc, .argv = argv };
	struct sheaf_operands operands = { .words = calloc((size_t)argc + 1, sizeof(char *)) };
	bool only_operands = false;
	int r = operands.words ? 0 : -ENOMEM;

	if (r == 0 && argc > 0 && strcmp(argv[0], SHEAF_COMPLETE_WORD) == 0) {
		sheaf_complete(line, (unsigned)argc - 1, argv + 1);
		r = SHEAF_OPTIONS_HELPED;
	}
	while (r == 0 && p.at < argc) {
		char *word = argv[p.at++];

		if (only_operands || word[0] != '-' || !word[1])
			operands.words[operands.count++] = word;
		else if (strcmp(word, "--") == 0)
			only_operands = true;
		else
			r = word[1] == '-' ? parse_long(&p, word) : parse_letters(&p, word);
	}
	if (r == 0)
		r = check_operands(line, &operands);
	if (r != 0) {
		sheaf_options_free(line, target, &operands);
		return r;
	}
	*ret_operands = operands;
	return SHEAF_OPTIONS_RUN;
}

static void free_text(void *target, size_t offset)
{
	char **text = (char **)((char *)target + offset);

	free(*text);
	*text = NULL;
}

void sheaf_options_free(const struct sheaf_command_line *line, void *target,
			struct sheaf_operands *operands)
{
	for (const struct sheaf_option *o = line->options; o->kind != SHEAF_OPTION_END; o++)
		if (o->kind == SHEAF_OPTION_TEXT)
			free_text(target, o->offset);
	if (line->mount_options)
		free_text(target, line->fuse_options_offset);
	if (line->collect_unknown)
		free_text(target, line->unknown_offset);
	free(operands->words);
	operands->words = NULL;
	operands->count = 0;
}
