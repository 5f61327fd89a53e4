/* SPDX-License-Identifier: MIT */
/* broken-abort-answer.c - answers task management with nothing */
#define ABORT no_answer
#define OVERRIDES                                                                                   \
	static enum sheaf_service_response no_answer(void *controller, uint64_t target, uint64_t lun, \
						     uint64_t tag)                                  \
	{                                                                                           \
		(void)controller, (void)target, (void)lun, (void)tag;                               \
		return SHEAF_REQUEST_IN_PROCESS;                                                    \
	}
#include "broken.h"
