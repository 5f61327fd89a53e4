/* SPDX-License-Identifier: MIT */
/* broken-reset.c - never returns from a reset */
#define RESET hang
#include <unistd.h>
#define OVERRIDES                                                                              \
	static enum sheaf_service_response hang(void *controller, uint64_t target, uint64_t lun) \
	{                                                                                      \
		(void)controller, (void)target, (void)lun;                                     \
		while (sleep(1) == 0)                                                          \
			;                                                                      \
		return SHEAF_FUNCTION_REJECTED;                                                \
	}
#include "broken.h"
