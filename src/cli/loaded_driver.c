/* SPDX-License-Identifier: MIT */
/* loaded_driver.c - see loaded_driver.h */
#include "cli/loaded_driver.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/paths.h"
#include "driver/table.h"

#define BLANKS " \t\n"

/* 0: an object that dlopen() may take. */
static int check_file(const char *path)
{
	unsigned char head[18] = { 0 };
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0 || read(fd, head, sizeof(head)) < 0) {
		r = -errno;
		sheaf_error("%s: cannot be read: %s", path, strerror(-r));
		return r;
	}
	if (memcmp(head, "\177ELF", 4) != 0) {
		sheaf_error("%s: is not a driver; a driver is a shared object, built with: cc -shared -fPIC",
			    path);
		return -EINVAL;
	}
	return 0;
}

int sheaf_loaded_driver_find(const char *words, char **ret_words)
{
	size_t length = strcspn(words, BLANKS);
	CLEANUP_FREE char *name = strndup(words, length);
	CLEANUP_FREE char *path = NULL;
	int r;

	if (!name)
		return -ENOMEM;
	if (!length) {
		sheaf_error("a driver's file comes first: --controller=FILE.so, or 'FILE.so WORD...'");
		return -EINVAL;
	}
	if (strchr(name, '/') || access(name, F_OK) == 0) {
		path = sheaf_path_absolute(name);
	} else if (asprintf(&path, "%s/%s", SHEAF_DRIVER_DIR, name) < 0) {
		path = NULL;
	}
	if (!path)
		return -ENOMEM;
	if (access(path, F_OK) < 0) {
		r = -errno;
		if (strchr(name, '/'))
			sheaf_error("%s: %s", name, strerror(-r));
		else
			sheaf_error("%s: no such file here, nor in %s; give its path: ./%s", name,
				    SHEAF_DRIVER_DIR, name);
		return r;
	}
	r = check_file(path);
	if (r == 0 && asprintf(ret_words, "%s%s", path, words + length) < 0)
		r = -ENOMEM;
	return r;
}

static int split(struct sheaf_loaded_driver *loaded, const char *words)
{
	char *save = NULL;

	loaded->text = strdup(words);
	loaded->argv = calloc(strlen(words) / 2 + 2, sizeof(char *));
	if (!loaded->text || !loaded->argv)
		return -ENOMEM;
	for (char *word = strtok_r(loaded->text, BLANKS, &save); word;
	     word = strtok_r(NULL, BLANKS, &save))
		loaded->argv[loaded->argc++] = word;
	return loaded->argc ? 0 : -EINVAL;
}

/* What the driver says of itself. */
static int check_driver(const char *path, const struct sheaf_driver *driver)
{
	const char *missing;

	if (!driver) {
		sheaf_error("%s: %s() returns nothing", path, SHEAF_DRIVER_SYMBOL);
		return -EINVAL;
	}
	if (driver->api != SHEAF_DRIVER_API) {
		sheaf_error("%s: is for version %u of the driver interface, and this sheaf has %u; build it again with the headers of this sheaf",
			    path, driver->api, SHEAF_DRIVER_API);
		return -EINVAL;
	}
	if (!driver->name || !*driver->name || !driver->ops || !driver->create) {
		sheaf_error("%s: its struct sheaf_driver has no %s", path,
			    !driver->name || !*driver->name ? "name" :
			    !driver->ops		    ? "ops" :
							      "create");
		return -EINVAL;
	}
	missing = sheaf_controller_missing_hook(driver->ops);
	if (missing) {
		sheaf_error("%s: its controller table has no %s", path, missing);
		return -EINVAL;
	}
	return 0;
}

int sheaf_loaded_driver_open(struct sheaf_loaded_driver *loaded, const char *words, uint32_t images)
{
	const struct sheaf_driver *(*entry)(void);
	const char *path;
	int r;

	memset(loaded, 0, sizeof(*loaded));
	loaded->images = calloc((size_t)images + 1, sizeof(*loaded->images));
	r = loaded->images ? split(loaded, words) : -ENOMEM;
	if (r < 0)
		return r;
	path = loaded->argv[0];
	loaded->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!loaded->handle) {
		sheaf_error("%s: cannot be loaded: %s", path, dlerror());
		return -ENOEXEC;
	}
	*(void **)&entry = dlsym(loaded->handle, SHEAF_DRIVER_SYMBOL);
	if (!entry) {
		sheaf_error("%s: is not a driver, it has no %s; see SHEAF_DRIVER() in sheaf/driver.h",
			    path, SHEAF_DRIVER_SYMBOL);
		return -ENOEXEC;
	}
	loaded->driver = entry();
	r = check_driver(path, loaded->driver);
	if (r < 0)
		return r;
	sheaf_driver_set_name(loaded->driver->name);
	loaded->ops = *loaded->driver->ops;
	loaded->ops.name = loaded->driver->name;
	return 0;
}

int sheaf_loaded_driver_create(struct sheaf_loaded_driver *loaded, uint32_t slots)
{
	const struct sheaf_driver_start start = {
		.argc = loaded->argc,
		.argv = loaded->argv,
		.images = loaded->images,
		.image_count = loaded->image_count,
		.slots = slots,
	};
	int r = loaded->driver->create(&start, &loaded->controller);

	if (r < 0)
		sheaf_error("%s: driver %s cannot start: %s", loaded->argv[0], loaded->driver->name,
			    strerror(-r));
	loaded->created = r >= 0;
	return r < 0 ? r : 0;
}

void sheaf_loaded_driver_close(struct sheaf_loaded_driver *loaded)
{
	if (loaded->created && loaded->driver->destroy)
		loaded->driver->destroy(loaded->controller);
	for (uint32_t i = 0; i < loaded->image_count; i++)
		close(loaded->images[i].fd);
	free(loaded->images);
	if (loaded->handle)
		dlclose(loaded->handle);
	free(loaded->argv);
	free(loaded->text);
	memset(loaded, 0, sizeof(*loaded));
}
