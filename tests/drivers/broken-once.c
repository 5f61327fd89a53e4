/* SPDX-License-Identifier: MIT */
/* broken-once.c - comes up only once */
#define INITIALIZE once
#define OVERRIDES                                                                     \
	static int once(void *controller)                                             \
	{                                                                             \
		int r = initialize_controller(controller);                            \
		return r < 0 || ((struct disk *)controller)->bring_ups == 1 ? r : -EBUSY; \
	}
#include "broken.h"
