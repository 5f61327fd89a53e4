/* SPDX-License-Identifier: MIT */
/*
 * cmd_driver.c - sheaf driver: `restart DIR` asks a server for another driver; `disk` is sheaf's own driver's process,
 * which only a server starts
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/served.h"
#include "driver/disk_driver.h"
#include "driver/process.h"

#define WAIT_MS 60000
#define LOOK_MS 20

struct driver_args {
	char *driver;
};

static const struct sheaf_option driver_options[] = {
	{ "driver", 0, SHEAF_OPTION_TEXT, offsetof(struct driver_args, driver), .value = "COMMAND",
	  .help = "from now on this one" },
	{ .kind = SHEAF_OPTION_END },
};
static const char *const driver_operands[] = { "restart", "DIR" };
static const struct sheaf_command_line driver_line = {
	.usage = "driver restart [--driver=COMMAND] DIR",
	.summary = "Replace the driver of a mount (sheaf mount --driver) while it is in use.",
	.options = driver_options,
	.operands_min = 2,
	.operands_max = 2,
	.operand_names = driver_operands,
	.epilogue = "Who uses the disk sees a pause. It returns when the new driver serves.\n",
};

struct seen {
	char name[64];
	long long pid, restarts, last_ms, refused;
};

/* 0, or -errno (reported) when the server cannot be asked. */
static int ask(const char *dir, struct seen *ret)
{
	CLEANUP_FREE char *text = NULL;
	json_t *stats, *driver;
	const char *name;
	int error = 0;

	if (sheaf_served_read(dir, &text, &error) != SHEAF_SERVED_ALIVE) {
		sheaf_error("%s: no mount of sheaf that answers: %s", dir,
			    error ? strerror(error) : "its server is gone or does not answer");
		return -ENOTCONN;
	}
	stats = json_loads(text, 0, NULL);
	driver = json_object_get(stats, "driver");
	name = json_string_value(json_object_get(driver, "name"));
	snprintf(ret->name, sizeof(ret->name), "%s", name ? name : "?");
	ret->pid = json_integer_value(json_object_get(driver, "pid"));
	ret->restarts = json_integer_value(json_object_get(driver, "restarts"));
	ret->last_ms = json_integer_value(json_object_get(driver, "last_restart_ms"));
	ret->refused = json_integer_value(json_object_get(driver, "refused"));
	json_decref(stats);
	return 0;
}

static int send_command(const char *dir, const char *command)
{
	CLEANUP_FREE char *path = NULL, *text = NULL;
	CLEANUP_CLOSE int fd = -1;
	int r = 0;

	if (asprintf(&path, "%s/.sheaf/control", dir) < 0 ||
	    asprintf(&text, "restart%s%s\n", command ? " " : "", command ? command : "") < 0)
		return -ENOMEM;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		r = -errno;
	if (r == -EOPNOTSUPP)
		sheaf_error(
			"%s: its controller runs in the server's process, see sheaf mount --driver",
			dir);
	else if (r == -EBUSY)
		sheaf_error("%s: its driver is being replaced already", dir);
	else if (r == -EINVAL)
		sheaf_error("%s: its driver connects by itself, so it cannot be given another one",
			    dir);
	else if (r < 0)
		sheaf_error("%s: %s", path, strerror(-r));
	return r == -EINVAL ? -EOPNOTSUPP : r; /* no mistake on the command line */
}

static int restart(const char *dir, const char *command)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000 };
	struct seen before, now;
	int r = ask(dir, &before);

	if (r == 0)
		r = send_command(dir, command);
	for (int ms = 0; r == 0 && ms < WAIT_MS; ms += LOOK_MS) {
		nanosleep(&pause, NULL);
		r = ask(dir, &now);
		if (r == 0 && now.restarts > before.restarts && now.pid) {
			if (now.refused > before.refused) {
				sheaf_error("%s: the new driver did not take over, the one before "
					    "serves on; "
					    "the server's log says why",
					    dir);
				return -EIO;
			}
			printf("driver %s: process %lld, after %lld ms\n", now.name, now.pid,
			       now.last_ms);
			return 0;
		}
	}
	if (r == 0)
		sheaf_error("%s: no new driver within %d s; the server's log says why", dir,
			    WAIT_MS / 1000);
	return r < 0 ? r : -ETIMEDOUT;
}

int sheaf_cmd_driver(int argc, char **argv)
{
	struct driver_args args = { 0 };
	struct sheaf_operands operands;
	CLEANUP_FREE char *command = NULL;
	int r;

	if (argc > 0 && strcmp(argv[0], "disk") == 0)
		return sheaf_driver_run(&sheaf_disk_driver, sheaf_disk_driver_resize, argc, argv);
	r = sheaf_options_parse(&driver_line, argc, argv, &args, &operands);
	if (r != SHEAF_OPTIONS_RUN)
		return sheaf_options_exit(r);
	if (strcmp(operands.words[0], "restart") != 0) {
		sheaf_error("driver %s: no such thing; see: sheaf driver --help",
			    operands.words[0]);
		r = -EINVAL;
	}
	if (r == 0 && args.driver)
		r = sheaf_driver_command_absolute(args.driver, &command);
	if (r == 0)
		r = restart(operands.words[1], command);
	sheaf_options_free(&driver_line, &args, &operands);
	return r == 0 ? SHEAF_EXIT_OK : r == -EINVAL ? SHEAF_EXIT_USAGE : SHEAF_EXIT_FAILED;
}
