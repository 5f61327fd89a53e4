/* SPDX-License-Identifier: MIT */
/**
 * port.h - how one side of the seam calls the other on the same loop (the fused deployment)
 *
 * The host has no name of a driver's context and the driver none of a host's queue: each gets the
 * other as a port. Between loops, lanes take the place of ports.
 */
#ifndef SHEAF_PORT_H
#define SHEAF_PORT_H

#include <sheaf/controller.h>
#include <sheaf/task.h>

/** What the controller side offers to a host's queue. */
struct sheaf_request_port {
	void *arg;
	void (*bundle)(void *arg, const uint16_t slots[], uint16_t n);
	enum sheaf_service_response (*single)(void *arg, const struct sheaf_task *task,
					      sheaf_action action);
};

/** What a host's queue offers to the controller side. */
struct sheaf_completion_port {
	void *arg;
	void (*bundle)(void *arg, const uint16_t slots[], uint16_t n);
	void (*single)(void *arg, sheaf_action action, const struct sheaf_response *response);
};

#endif
