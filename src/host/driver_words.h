/* SPDX-License-Identifier: MIT */
/**
 * driver_words.h - a command line in one option, cut into words as a shell cuts simple words
 *
 * Blanks part words; 'as is', "with \" and \\" and a backslash before any character keep it. Nothing is expanded, no shell runs.
 */
#ifndef SHEAF_DRIVER_WORDS_H
#define SHEAF_DRIVER_WORDS_H

#define SHEAF_DRIVER_WORDS_MAX 64

/**
 * sheaf_driver_words_split() - @text into words
 * @ret_words: an array that ends with NULL; sheaf_driver_words_free() takes it.
 * Return: 1..SHEAF_DRIVER_WORDS_MAX words; -EINVAL: none, a quote without its end, or too many; -ENOMEM.
 */
int sheaf_driver_words_split(const char *text, char ***ret_words);
void sheaf_driver_words_free(char **words);

#endif
