/* SPDX-License-Identifier: MIT */
/**
 * guarded_copy.h - memcpy() to or from a mapped file, which may have become shorter than its mapping
 *
 * A page that is mapped and cannot be had (the file was cut, its filesystem is full, its memory is broken) is a SIGBUS.
 * During a guarded copy it ends the copy; at any other time it does what it did before the handler was there.
 */
#ifndef SHEAF_GUARDED_COPY_H
#define SHEAF_GUARDED_COPY_H

#include <stdbool.h>
#include <stddef.h>

/** Install the handler, once a process. Thread: any. 0 or -errno. */
int sheaf_guarded_copy_init(void);
/**
 * sheaf_guarded_copy() - memcpy(@to, @from, @length)
 * Thread: any, after sheaf_guarded_copy_init().
 * Return: true; false: a page was not to be had, and what is at @to is part old, part new.
 */
bool sheaf_guarded_copy(void *to, const void *from, size_t length);
/** Read a byte of each @step bytes from @at on, so that the pages round them get mapped. Return: as above. */
bool sheaf_guarded_touch(const void *at, size_t length, size_t step);

#endif
