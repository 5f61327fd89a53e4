/* SPDX-License-Identifier: MIT */
/*
 * exports.c - keeps in the program what a driver that is loaded into it may call (src/libsheaf.map)
 *
 * The linker takes only those members of an archive that somebody names. tests/integration/test-exports.sh compares with the map.
 */
#include <sheaf/controller.h>
#include <sheaf/disk.h>
#include <sheaf/driver.h>
#include <sheaf/loop.h>
#include <sheaf/target.h>

#define KEEP(function) (void (*)(void)) function

static void (*const functions[])(void) __attribute__((used)) = {
	KEEP(sheaf_bundled_parallel_task_completion),
	KEEP(sheaf_parallel_task_completion),
	KEEP(sheaf_context_loop),
	KEEP(sheaf_driver_error),
	KEEP(sheaf_driver_main),
	KEEP(sheaf_loop_readv),
	KEEP(sheaf_loop_writev),
	KEEP(sheaf_loop_fsync),
	KEEP(sheaf_loop_fallocate),
	KEEP(sheaf_loop_poll_in),
	KEEP(sheaf_loop_timer),
	KEEP(sheaf_loop_call),
	KEEP(sheaf_loop_ready),
	KEEP(sheaf_loop_now),
	KEEP(sheaf_store_io_done),
	KEEP(sheaf_target_create),
	KEEP(sheaf_target_free),
	KEEP(sheaf_target_set_data_area),
	KEEP(sheaf_target_execute),
	KEEP(sheaf_target_abort_task),
	KEEP(sheaf_target_abort_task_set),
	KEEP(sheaf_target_abort_task_set_of),
	KEEP(sheaf_target_clear_task_set),
	KEEP(sheaf_target_clear_aca),
	KEEP(sheaf_target_logical_unit_reset),
	KEEP(sheaf_target_reset),
	KEEP(sheaf_target_nexus_loss),
	KEEP(sheaf_disk_create_over),
	KEEP(sheaf_disk_free),
};
static const void *const tables[] __attribute__((used)) = { &sheaf_disk_ops };
