/* SPDX-License-Identifier: MIT */
/* complete.c - see complete.h */
#include "cli/complete.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/loop_device.h"
#include "cli/mount_table.h"

#define WORD_MAX 256

void sheaf_complete_offer(const char *begun, const char *word, const char *help)
{
	if (strncmp(word, begun, strlen(begun)) == 0)
		printf("%s%s%s\n", word, help ? "\t" : "", help ? help : "");
}

static bool is_end(const struct sheaf_option *o)
{
	return o->kind == SHEAF_OPTION_END;
}

/* As a command line is parsed: an option of this command, or one that another is to get. @length: of @name. */
static const struct sheaf_option *find_long(const struct sheaf_command_line *line, const char *name,
					    size_t length)
{
	const struct sheaf_option *o = sheaf_options_find(line, name, length);

	return o || !line->passed_on ? o : sheaf_options_find(line->passed_on, name, length);
}

/* What help calls a value that is a file. */
static bool names_file(const char *value)
{
	return strncmp(value, "FILE", 4) == 0 || strcmp(value, "OUT") == 0 ||
	       strcmp(value, "PATH") == 0;
}

/* What may stand after an option's name. @before: what of the word stands before the value. */
static void offer_values(const struct sheaf_option *o, const char *begun, const char *before)
{
	static const struct sheaf_choice on_off[] = { { "on", 1 }, { "off", 0 }, { 0 } };
	const struct sheaf_choice *c = o->kind == SHEAF_OPTION_FLAG ? on_off : o->choices;
	char word[WORD_MAX];

	for (; c && c->name; c++) {
		snprintf(word, sizeof(word), "%s%s", before, c->name);
		sheaf_complete_offer(begun, word, NULL);
	}
	if (o->kind == SHEAF_OPTION_TEXT && o->value && names_file(o->value))
		puts(":files");
	if (o->kind == SHEAF_OPTION_TEXT && o->value && strcmp(o->value, "DIR") == 0)
		puts(":directories");
}

/* --name, or --name= if it must have a value; "-s" where there is no name. */
static void offer_option(const struct sheaf_option *o, const char *begun, const char *before)
{
	char word[WORD_MAX];

	(void)before;
	if (o->name)
		snprintf(word, sizeof(word), "--%s%s", o->name,
			 sheaf_options_takes_value(o) ? "=" : "");
	else
		snprintf(word, sizeof(word), "-%c", o->letter);
	if (o->help)
		sheaf_complete_offer(begun, word, o->help);
}

/* Options of @line, each as offer() shows it; and those that it hands on to another command. */
static void offer_all(const struct sheaf_command_line *line, const char *begun, const char *before,
		      void (*offer)(const struct sheaf_option *o, const char *begun,
				    const char *before))
{
	const struct sheaf_option *o;

	for (o = line->options; !is_end(o); o++)
		offer(o, begun, before);
	for (o = line->passed_on ? line->passed_on->options : NULL; o && !is_end(o); o++)
		if (o->name && !sheaf_options_find(line, o->name, strlen(o->name)))
			offer(o, begun, before);
}

/* The last word of an -o list, which stands behind @before. */
static void offer_word(const struct sheaf_option *o, const char *begun, const char *before)
{
	char text[WORD_MAX];

	if (!o->name)
		return;
	snprintf(text, sizeof(text), "%s%s%s", before, o->name,
		 sheaf_options_takes_value(o) ? "=" : "");
	sheaf_complete_offer(begun, text, o->help);
}

/* The last word of an -o list. */
static void offer_list(const struct sheaf_command_line *line, const char *begun)
{
	const char *comma = strrchr(begun, ','), *word = comma ? comma + 1 : begun;
	const char *value = strchr(word, '=');
	const struct sheaf_option *o;
	char before[WORD_MAX];

	snprintf(before, sizeof(before), "%.*s", (int)((value ? value + 1 : word) - begun), begun);
	o = value ? find_long(line, word, (size_t)(value - word)) : NULL;
	if (o)
		offer_values(o, begun, before);
	else if (!value)
		offer_all(line, begun, before, offer_word);
}

/* A directory by the name that the user began to write: absolute, or from where we are. */
static void offer_directory(const char *begun, const char *path, const char *help)
{
	CLEANUP_FREE char *here = getcwd(NULL, 0);
	size_t length = here ? strlen(here) : 0;

	if (*begun != '/' && length > 1 && strncmp(path, here, length) == 0 && path[length] == '/')
		sheaf_complete_offer(begun, path + length + 1, help);
	else
		sheaf_complete_offer(begun, path, help);
}

/* Where images are served, and where `sheaf attach` mounted what is in them. */
static void offer_mounts(const char *begun)
{
	struct sheaf_mount_table table;

	if (sheaf_mount_table_read(&table) < 0)
		return;
	for (unsigned i = 0; i < table.count; i++) {
		const struct sheaf_mount *mount = &table.mounts[i];

		if (mount->ours)
			offer_directory(begun, mount->mountpoint, mount->source);
		else if (sheaf_loop_server(&table, mount))
			offer_directory(begun, mount->mountpoint, mount->type);
	}
	sheaf_mount_table_free(&table);
}

/* @at: which operand, from 0. */
static void offer_operands(const struct sheaf_command_line *line, unsigned at, const char *begun)
{
	const char *name = NULL;

	if (at >= line->operands_max)
		return;
	if (at < line->operands_min)
		name = line->operand_names[at];
	if (line->second_operands && at > 0) {
		for (const struct sheaf_word *w = line->second_operands; at == 1 && w->name; w++)
			sheaf_complete_offer(begun, w->name, w->help);
		return;
	}
	/* A directory that is to become a mountpoint stands behind the image. */
	if (at == 0 && name && strcmp(name, "DIR") == 0)
		offer_mounts(begun);
	else if (name && strcmp(name, "DIR") == 0 && line->operands_max == line->operands_min)
		puts(":directories");
	else
		puts(":files");
}

/* The option whose value is the word after @word; NULL: none. @ret_list: it is -o. */
static const struct sheaf_option *value_follows(const struct sheaf_command_line *line,
						const char *word, bool *ret_list)
{
	const struct sheaf_option *o;

	*ret_list = false;
	if (word[0] != '-' || !word[1] || strchr(word, '='))
		return NULL;
	if (word[1] == '-') {
		o = find_long(line, word + 2, strlen(word + 2));
		return o && sheaf_options_takes_value(o) ? o : NULL;
	}
	for (const char *c = word + 1; *c; c++) {
		o = sheaf_options_find_letter(line, *c);
		if (!o && *c == 'o')
			*ret_list = !c[1];
		if (!o || sheaf_options_takes_value(o))
			return o && !c[1] ? o : NULL;
	}
	return NULL;
}

static void offer_dashed(const struct sheaf_command_line *line, const char *begun)
{
	const char *value = strchr(begun, '=');
	const struct sheaf_option *o;
	char before[WORD_MAX];

	if (value && begun[1] == '-') {
		o = find_long(line, begun + 2, (size_t)(value - begun - 2));
		snprintf(before, sizeof(before), "%.*s", (int)(value + 1 - begun), begun);
		if (o)
			offer_values(o, begun, before);
		return;
	}
	offer_all(line, begun, "", offer_option);
	if (line->mount_options || line->collect_unknown)
		sheaf_complete_offer(begun, "-o", "options, with commas between");
	sheaf_complete_offer(begun, "--help", "its options");
}

void sheaf_complete(const struct sheaf_command_line *line, unsigned count, char **words)
{
	const char *begun = count ? words[count - 1] : "";
	const struct sheaf_option *pending = NULL;
	bool list = false, only_operands = false;
	unsigned operands = 0;

	for (unsigned i = 0; i + 1 < count; i++) {
		const char *word = words[i];

		if (pending || list) {
			pending = NULL;
			list = false;
		} else if (only_operands || word[0] != '-' || !word[1]) {
			operands++;
		} else if (strcmp(word, "--") == 0) {
			only_operands = true;
		} else {
			pending = value_follows(line, word, &list);
		}
	}
	if (pending)
		offer_values(pending, begun, "");
	else if (list)
		offer_list(line, begun);
	else if (*begun == '-' && !only_operands)
		offer_dashed(line, begun);
	else
		offer_operands(line, operands, begun);
}
