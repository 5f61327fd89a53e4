/* SPDX-License-Identifier: MIT */
/* replay.h - what `sheaf replay` does with a recording: a summary, a line a task, fio's iolog, and the same again elsewhere */
#ifndef SHEAF_REPLAY_H
#define SHEAF_REPLAY_H

#include <stdbool.h>

#include "cli/recording.h"

/** Commands, sizes, latencies, bundles, to standard output. 0 or -ENOMEM; reported. */
int sheaf_replay_summary(const char *name, const struct sheaf_recording *recording);
/** A line a task, to standard output. */
void sheaf_replay_print(const struct sheaf_recording *recording);
/** Write fio's iolog, version 2. 0 or -errno; reported. */
int sheaf_replay_fio(const struct sheaf_recording *recording, const char *path);

struct sheaf_replay_options {
	const char *path; /* an image, a block device, or a disk file of a mount */
	double speed;	  /* 1: as it was, 2: in half the time; 0: as fast as it goes */
	unsigned depth;	  /* at a time; 0: as many as were */
	bool write;	  /* may change it */
	bool direct;	  /* O_DIRECT */
};
#define SHEAF_REPLAY_DEPTH_MAX 1024

/**
 * sheaf_replay_play() - do the tasks of a recording, all of one unit, to a file
 * Prints what was done. Return: 0; -EIO: some failed; -errno: it was not begun. Reported.
 */
int sheaf_replay_play(const struct sheaf_recording *recording, const struct sheaf_replay_options *options);

#endif
