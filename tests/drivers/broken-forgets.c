/* SPDX-License-Identifier: MIT */
/* broken-forgets.c - forgets what is written */
#define MEDIUM_WRITE forget
#include <sheaf/medium.h>
static int forget(void *arg, struct sheaf_store_io *io)
{
	(void)arg, (void)io;
	return 0;
}
#include "broken.h"
