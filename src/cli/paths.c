/* SPDX-License-Identifier: MIT */
/* paths.c - see paths.h */
#include "cli/paths.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

char *sheaf_path_absolute(const char *path)
{
	char cwd[PATH_MAX] = "";
	char *whole, *in, *out;

	if (*path != '/' && !getcwd(cwd, sizeof(cwd)))
		return NULL;
	if (asprintf(&whole, "%s/%s", cwd, path) < 0)
		return NULL;
	in = out = whole;
	while (*in) {
		size_t slashes = strspn(in, "/");
		size_t part = strcspn(in + slashes, "/");

		if (part && !(part == 1 && in[slashes] == '.')) {
			*out++ = '/';
			memmove(out, in + slashes, part);
			out += part;
		}
		in += slashes + part;
	}
	if (out == whole)
		*out++ = '/';
	*out = '\0';
	return whole;
}

char *sheaf_path_resolved(const char *path)
{
	CLEANUP_FREE char *absolute = sheaf_path_absolute(path);
	char *slash, *result = NULL;

	if (!absolute)
		return NULL;
	slash = strrchr(absolute, '/');
	if (strcmp(slash, "/") == 0 || strcmp(slash, "/..") == 0)
		return realpath(absolute, NULL);
	*slash = '\0';
	CLEANUP_FREE char *parent = realpath(*absolute ? absolute : "/", NULL);

	if (!parent)
		return NULL;
	if (asprintf(&result, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent, slash + 1) < 0)
		return NULL;
	return result;
}

bool sheaf_path_is_below(const char *path, const char *folder)
{
	size_t length = strlen(folder);

	if (length && folder[length - 1] == '/')
		length--;
	return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}
