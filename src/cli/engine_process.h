/* SPDX-License-Identifier: MIT */
/**
 * engine_process.h - the process deployment of an engine: worker loops and controller run in a driver's process
 *
 * As a pool, but that the other ends of the lanes are in another process: host/driver_life.h starts and replaces it, the host's
 * table is that of host/driver_remote.h.
 */
#ifndef SHEAF_ENGINE_PROCESS_H
#define SHEAF_ENGINE_PROCESS_H

#include "cli/engine.h"
#include "host/driver_life.h"

struct sheaf_engine_process {
	struct sheaf_life_options options;
	struct sheaf_life *life;
	struct sheaf_driver_file *files;
};

/** Do @options ask for it? */
bool sheaf_engine_wants_process(const struct sheaf_serve_options *options);
/** Loops in the driver: --workers, or 1. */
unsigned sheaf_engine_process_workers(const struct sheaf_serve_options *options);
/**
 * Start the driver, and fill in what @host_options needs of it. Errors are reported here.
 * Return: 0 or -errno; engine->process is to be freed in any case.
 */
int sheaf_engine_start_process(struct sheaf_engine *engine,
			       struct sheaf_host_options *host_options);
/** After sheaf_host_create(): queues to their loops, lanes to the driver. 0 or -errno. */
int sheaf_engine_connect_process(struct sheaf_engine *engine);
/** The front loops have ended. */
void sheaf_engine_end_process(struct sheaf_engine *engine);
/** After the host and all loops are freed. */
void sheaf_engine_free_process(struct sheaf_engine *engine);

/** What was written to .sheaf/control; @engine: a struct sheaf_engine. 0 or a negative errno. Thread: any. */
int sheaf_engine_control(void *engine, const char *text);

#endif
