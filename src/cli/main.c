/* SPDX-License-Identifier: MIT */
/*
 * main.c - sheaf's subcommands, by table
 *
 * Called as mount.sheaf or mount.fuse.sheaf it is mount(8)'s helper: `mount.sheaf IMAGE DIR [-sfnv] [-N NS] [-o LIST]
 * [-t TYPE]`, so that `mount -t sheaf` and fstab work.
 */
#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/complete.h"
#include "config.h"
#include "loop/loop.h"

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
};

static const struct command commands[] = {
	{ "create", sheaf_cmd_create, "make a disk image" },
	{ "mount", sheaf_cmd_mount, "serve images as disk files below a directory" },
	{ "umount", sheaf_cmd_umount, "flush, unmount, and wait for the server to be gone" },
	{ "stats", sheaf_cmd_stats, "what a mount has done so far" },
	{ "top", sheaf_cmd_top, "what a mount does right now" },
	{ "why", sheaf_cmd_why, "what a mount waits for, and what it did last" },
	{ "bench", sheaf_cmd_bench, "measure here what bundles bring" },
	{ "record", sheaf_cmd_record, "write down each task of a mount" },
	{ "replay", sheaf_cmd_replay, "sum up such a recording, or do the same again elsewhere" },
	{ "scsi", sheaf_cmd_scsi, "send a SCSI command to a disk of a mount" },
	{ "resize", sheaf_cmd_resize, "give a disk another size while it is in use" },
	{ "driver", sheaf_cmd_driver, "another driver for a mount that has one in a process of its own" },
	{ "check", sheaf_cmd_check, "judge a driver before it meets data" },
	{ "attach", sheaf_cmd_attach, "from an image to a mounted filesystem" },
	{ "detach", sheaf_cmd_detach, "and back" },
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *out)
{
	fprintf(out,
		"Usage: sheaf COMMAND [OPTION]...\n"
		"Disk images as files of a FUSE mount, each access a SCSI task in a bundle.\n\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].help);
	fprintf(out, "\n  sheaf COMMAND --help    its options\n"
		     "  sheaf --version         version and features\n\n"
		     "A disk in five lines:\n"
		     "  sheaf create --size 10G disk.img\n"
		     "  mkdir mnt && sheaf mount disk.img mnt\n"
		     "  mkfs.ext4 mnt/disk\n"
		     "  sheaf stats mnt\n"
		     "  sheaf umount mnt\n");
}

static void print_version(void)
{
	const char *reason;
	int io = sheaf_loop_probe(SHEAF_IO_AUTO, &reason);

	printf("sheaf %s\n", PACKAGE_VERSION);
	printf("  libfuse    %s\n", fuse_pkgversion());
#ifdef IO_URING_VERSION_MAJOR
	printf("  liburing   %d.%d\n", IO_URING_VERSION_MAJOR, IO_URING_VERSION_MINOR);
#else
	printf("  liburing   yes\n");
#endif
	printf("  io_uring   %s (%s)\n", io == SHEAF_IO_URING ? "yes" : "no, synchronous calls",
	       reason);
#ifdef HAVE_LIBMOUNT
	printf("  libmount   yes: attach, detach\n");
#else
	printf("  libmount   no: no attach, no detach\n");
#endif
#ifdef HAVE_NCURSES
	printf("  ncurses    yes: top\n");
#else
	printf("  ncurses    no: top with --batch only\n");
#endif
#ifdef HAVE_SECCOMP
	printf("  seccomp    yes: --driver-sandbox=seccomp\n");
#else
	printf("  seccomp    no: no --driver-sandbox=seccomp\n");
#endif
#ifdef SHEAF_HAVE_SDT
	printf("  probes     yes: USDT, provider sheaf\n");
#else
	printf("  probes     no: built without sys/sdt.h\n");
#endif
}

static int run_mount_helper(int argc, char **argv)
{
	char **kept = calloc((size_t)argc + 1, sizeof(char *));
	int n = 0, code;

	if (!kept)
		return SHEAF_EXIT_FAILED;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-f") == 0) { /* fake: all but the mount itself */
			free(kept);
			return SHEAF_EXIT_OK;
		}
		if (strcmp(argv[i], "-t") == 0 || strcmp(argv[i], "-N") == 0)
			i++;
		else if (strcmp(argv[i], "-s") != 0 && strcmp(argv[i], "-n") != 0)
			kept[n++] = argv[i];
	}
	code = sheaf_cmd_mount(n, kept);
	free(kept);
	return code;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(name, commands[i].name) == 0)
			return &commands[i];
	return NULL;
}

/* For completion: what the last of @words may be. */
static int complete(int count, char **words)
{
	static char word[] = SHEAF_COMPLETE_WORD;
	const struct command *command = count > 1 ? find_command(words[0]) : NULL;
	const char *begun = count ? words[0] : "";

	if (command) {
		words[0] = word;
		return command->run(count, words);
	}
	for (size_t i = 0; i < COMMAND_COUNT && count <= 1; i++)
		sheaf_complete_offer(begun, commands[i].name, commands[i].help);
	if (count <= 1 && *begun == '-') {
		sheaf_complete_offer(begun, "--help", "its commands");
		sheaf_complete_offer(begun, "--version", "version and features");
	}
	return SHEAF_EXIT_OK;
}

static int report_unknown(const char *name)
{
	const char *names[COMMAND_COUNT + 1] = { 0 };
	const char *suggestion;

	for (size_t i = 0; i < COMMAND_COUNT; i++)
		names[i] = commands[i].name;
	suggestion = sheaf_suggest(name, strlen(name), names);
	if (suggestion)
		sheaf_error("%s: no such command; did you mean %s?", name, suggestion);
	else
		sheaf_error("%s: no such command; see: sheaf --help", name);
	return SHEAF_EXIT_USAGE;
}

int main(int argc, char **argv)
{
	const char *slash = argc ? strrchr(argv[0], '/') : NULL;
	const char *name = slash ? slash + 1 : argc ? argv[0] : "";
	const struct command *command;

	if (strcmp(name, "mount.sheaf") == 0 || strcmp(name, "mount.fuse.sheaf") == 0)
		return run_mount_helper(argc, argv);
	if (argc < 2) {
		print_help(stderr);
		return SHEAF_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		print_help(stdout);
		return SHEAF_EXIT_OK;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		print_version();
		return SHEAF_EXIT_OK;
	}
	if (strcmp(argv[1], SHEAF_COMPLETE_WORD) == 0)
		return complete(argc - 2, argv + 2);
	command = find_command(argv[1]);
	return command ? command->run(argc - 2, argv + 2) : report_unknown(argv[1]);
}
