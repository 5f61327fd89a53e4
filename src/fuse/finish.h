/* SPDX-License-Identifier: MIT */
/* finish.h - what all operations of a request share: its gate and its end. */
#ifndef SHEAF_FINISH_H
#define SHEAF_FINISH_H

#include "fuse/request.h"

/** Once, before a request's first use: make it known to each file's gate. @gates: one a file. */
void sheaf_request_init(struct sheaf_request *request, struct sheaf_request_gate gates[]);
/** Leave the gate if entered, and reply. */
void sheaf_finish(struct sheaf_request *request, int error, const void *body, size_t body_bytes);
/** Leave the gate, if entered, before the end. */
void sheaf_leave_gate(struct sheaf_request *request);
/** Another thread has done its part: request->after_gate() is called on the request's loop. Thread: any. */
void sheaf_request_resume(struct sheaf_request *request);
/** True: the task failed, and the request was finished with the errno of it. */
bool sheaf_failed(struct sheaf_request *request, const struct sheaf_result *result);
/** Enter the file's gate for [from, to), then call @then: now, or on this loop when it is granted. */
void sheaf_enter_gate(struct sheaf_request *request, bool exclusive,
		      void (*then)(struct sheaf_request *request));

#endif
