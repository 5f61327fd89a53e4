/* SPDX-License-Identifier: MIT */
/* paths.h - names of files that may lie under a FUSE mount which does not answer: no look at the last part. */
#ifndef SHEAF_PATHS_H
#define SHEAF_PATHS_H

#include <stdbool.h>

/** @path from the root, without `//`, `.` and a slash at the end; links and `..` stay. malloc'ed, or NULL. */
char *sheaf_path_absolute(const char *path);
/** As that, and all links resolved but in the last part, which is not looked at. NULL with errno. */
char *sheaf_path_resolved(const char *path);
/** Is @path @folder, or below it? Both absolute. */
bool sheaf_path_is_below(const char *path, const char *folder);

#endif
