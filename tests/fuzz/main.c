/* SPDX-License-Identifier: MIT */
/* main.c - runs a harness over each file that is named, and over the files of each folder; see fuzz.h. */
#include "fuzz.h"

#include <dirent.h>
#include <sys/stat.h>

static unsigned inputs;

static int run_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = NULL;
	struct stat st;
	size_t size = 0;

	if (!file || fstat(fileno(file), &st) < 0) {
		perror(path);
		return 1;
	}
	/* Of its own size, so that a read past its end shows. */
	data = malloc(st.st_size ? (size_t)st.st_size : 1);
	if (data)
		size = fread(data, 1, (size_t)st.st_size, file);
	fclose(file);
	if (!data)
		return 1;
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	inputs++;
	return 0;
}

static int run_folder(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char name[4096];
	int code = 0;

	if (!dir) {
		perror(path);
		return 1;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		code |= run_file(name);
	}
	closedir(dir);
	return code;
}

int main(int argc, char **argv)
{
	struct stat st;
	int code = 0;

	for (int i = 1; i < argc; i++)
		code |= stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode) ? run_folder(argv[i]) : run_file(argv[i]);
	printf("%s: %u inputs\n", argv[0], inputs);
	return code || inputs == 0;
}
