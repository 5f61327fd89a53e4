/* SPDX-License-Identifier: MIT */
/* driver_words.c - see driver_words.h */
#include "host/driver_words.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* One word from *@text on, unquoted, to @out, which has room for all of the text. False: a quote does not end. */
static bool take_word(const char **text, char *out)
{
	const char *p = *text;
	char quote = 0;

	for (; *p && (quote || !isspace((unsigned char)*p)); p++) {
		if (quote && *p == quote)
			quote = 0;
		else if (!quote && (*p == '\'' || *p == '"'))
			quote = *p;
		else if (*p == '\\' && p[1] &&
			 (!quote || (quote == '"' && (p[1] == '"' || p[1] == '\\'))))
			*out++ = *++p;
		else
			*out++ = *p;
	}
	*out = '\0';
	*text = p;
	return !quote;
}

int sheaf_driver_words_split(const char *text, char ***ret_words)
{
	char **words = calloc(SHEAF_DRIVER_WORDS_MAX + 1, sizeof(char *));
	char *word = malloc(strlen(text) + 1);
	int n = 0, r = words && word ? 0 : -ENOMEM;

	while (r == 0) {
		while (isspace((unsigned char)*text))
			text++;
		if (!*text)
			break;
		if (n == SHEAF_DRIVER_WORDS_MAX || !take_word(&text, word))
			r = -EINVAL;
		else if (!(words[n++] = strdup(word)))
			r = -ENOMEM;
	}
	free(word);
	if (r == 0 && n == 0)
		r = -EINVAL;
	if (r < 0) {
		sheaf_driver_words_free(words);
		return r;
	}
	*ret_words = words;
	return n;
}

void sheaf_driver_words_free(char **words)
{
	for (unsigned i = 0; words && words[i]; i++)
		free(words[i]);
	free(words);
}
