/* SPDX-License-Identifier: MIT */
/**
 * commands.h - the subcommands: one file each, cmd_<name>.c
 *
 * Each gets the arguments after its own name, reports its errors, and returns the exit code.
 */
#ifndef SHEAF_COMMANDS_H
#define SHEAF_COMMANDS_H

#include <stdbool.h>

#include "cli/options.h"

enum { SHEAF_EXIT_OK = 0, SHEAF_EXIT_FAILED = 1, SHEAF_EXIT_USAGE = 2 };

int sheaf_cmd_create(int argc, char **argv);
int sheaf_cmd_mount(int argc, char **argv);
int sheaf_cmd_umount(int argc, char **argv);
int sheaf_cmd_stats(int argc, char **argv);
int sheaf_cmd_why(int argc, char **argv);
int sheaf_cmd_top(int argc, char **argv);
int sheaf_cmd_record(int argc, char **argv);
int sheaf_cmd_replay(int argc, char **argv);
int sheaf_cmd_attach(int argc, char **argv);
int sheaf_cmd_detach(int argc, char **argv);
int sheaf_cmd_scsi(int argc, char **argv);
int sheaf_cmd_resize(int argc, char **argv);
int sheaf_cmd_driver(int argc, char **argv);
int sheaf_cmd_bench(int argc, char **argv); /* in src/bench */
int sheaf_cmd_check(int argc, char **argv); /* in src/check */

/** The exit code for an outcome of sheaf_options_parse() that is not SHEAF_OPTIONS_RUN. */
static inline int sheaf_options_exit(int outcome)
{
	return outcome == SHEAF_OPTIONS_HELPED ? SHEAF_EXIT_OK : SHEAF_EXIT_USAGE;
}

/** What `sheaf mount` takes; attach hands on what is in it. */
extern const struct sheaf_command_line sheaf_mount_line;

/** A driver's command line with its program's path made absolute, if it has one. malloc'ed. 0 or -ENOMEM. */
int sheaf_driver_command_absolute(const char *command, char **ret_command);

/** `sheaf umount [--force] DIR`. Return: an exit code. */
int sheaf_umount(const char *dir, bool force);

#endif
