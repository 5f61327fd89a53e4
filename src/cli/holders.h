/* SPDX-License-Identifier: MIT */
/* holders.h - who keeps a mount busy: processes, loop devices and mounts below it, as lines for people. */
#ifndef SHEAF_HOLDERS_H
#define SHEAF_HOLDERS_H

#include "cli/mount_table.h"

/**
 * sheaf_holders_report() - log an error line for each holder of @mount
 * It reads links and tables only, and asks the mount nothing. Return: how many it found.
 */
unsigned sheaf_holders_report(const struct sheaf_mount *mount,
			      const struct sheaf_mount_table *table);

#endif
