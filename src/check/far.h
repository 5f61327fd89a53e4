/* SPDX-License-Identifier: MIT */
/**
 * far.h - a driver that is a program, as `sheaf check` has it: started, killed, started again; one lane to it
 *
 * It is started and spoken to as `sheaf mount --driver=` does it (host/driver_spawn.h, host/driver_remote.h), with one queue, one
 * worker and the lane between them. One that ends by itself is a finding of the rule that is looked at: check_fail().
 */
#ifndef SHEAF_CHECK_FAR_H
#define SHEAF_CHECK_FAR_H

#include <stdbool.h>
#include <stdint.h>

#include "host/driver_image.h"
#include "host/driver_remote.h"
#include "host/driver_spawn.h"
#include "seam/bell.h"
#include "seam/lane.h"

struct check;

struct check_far {
	struct sheaf_driver_process process;
	struct sheaf_remote remote;
	struct sheaf_driver_file *files; /* one an image */
	uint32_t file_count;
	bool asked_to_end; /* STOP was said */
	struct sheaf_lane lane;
	struct sheaf_bell bell;
	int queue_bell, worker_bell; /* rung by the driver, and by us */
};

/** The process, and what it says of itself. */
void check_far_start(struct check *c);
/** Its images, and create(). */
void check_far_create(struct check *c);
/** A lane, its ends, and the loop of the driver runs. The harness is there. */
void check_far_connect(struct check *c);
/** STOP, where it was not said; the process must end, with exit code 0, in the time that a task may take. */
void check_far_stop(struct check *c);
/** SIGKILL, and wait until nothing of it can reach an image any more. */
void check_far_kill(struct check *c);
/** As that, from where nothing can be found any more: a verdict is there. No process is allowed. */
void check_far_put_down(struct check *c);
/** What the lane has goes to the harness; log lines go on. Fails if the process is gone. */
void check_far_take(struct check *c);
/** The loop must not sleep: something is in the lane already. */
bool check_far_may_sleep(struct check *c);
/** The loop's doorbells are gone with it. */
void check_far_disconnect(struct check *c);

#endif
