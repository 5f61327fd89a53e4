/* SPDX-License-Identifier: MIT */
/**
 * complete.h - what may stand at the end of a command line, for the completion of shells
 *
 * Everything is from the tables that the command lines are parsed by. The scripts in completion/ call
 * `sheaf --complete WORD...` with the words after "sheaf" up to the cursor; the last one, maybe empty, is the one to complete. A
 * candidate is a line: the whole word, and after a tab what it is. A word that ends with '=' is to be followed by a value.
 * Instead of a list of files there is one line, ":files" or ":directories"; the part of the word after the
 * last '=' is then the name's beginning. No mount is asked anything: it might not answer.
 */
#ifndef SHEAF_COMPLETE_H
#define SHEAF_COMPLETE_H

#include "cli/options.h"

/* As the first argument of a command: the rest are words to complete. */
#define SHEAF_COMPLETE_WORD "--complete"

/** Print what may be the last of a command's words. @words: without the command's name; the last one is to be completed. */
void sheaf_complete(const struct sheaf_command_line *line, unsigned count, char **words);
/** Print @word, if the one to complete begins like it. @help: or NULL. */
void sheaf_complete_offer(const char *begun, const char *word, const char *help);

#endif
