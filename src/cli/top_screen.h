/* SPDX-License-Identifier: MIT */
/* top_screen.h - `sheaf top` on a terminal, with ncurses. */
#ifndef SHEAF_TOP_SCREEN_H
#define SHEAF_TOP_SCREEN_H

#include "cli/watched.h"

#define SHEAF_TOP_INTERVAL_MIN_MS 100
#define SHEAF_TOP_INTERVAL_MAX_MS 60000

/**
 * sheaf_top_screen() - show @watched until the user ends it
 * @interval_ms: between two looks at first; keys change it.
 * The server is asked by a thread of its own, so that keys work whatever becomes of it; @watched must live as long as the process.
 * Return: 0; -ENOTTY: no terminal that can do it; -errno.
 */
int sheaf_top_screen(struct sheaf_watched *watched, int interval_ms);

#endif
