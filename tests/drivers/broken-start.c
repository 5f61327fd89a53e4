/* SPDX-License-Identifier: MIT */
/* broken-start.c - start_controller fails */
#define START start_fails
#define OVERRIDES                              \
	static int start_fails(void *controller) \
	{                                        \
		(void)controller;                \
		return -EIO;                     \
	}
#include "broken.h"
