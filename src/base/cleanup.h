/* SPDX-License-Identifier: MIT */
/* cleanup.h - what a scope leaves behind on cold paths: variables that free or close themselves. */
#ifndef SHEAF_CLEANUP_H
#define SHEAF_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

static inline void sheaf_cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void sheaf_cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define CLEANUP_FREE __attribute__((cleanup(sheaf_cleanup_free)))
#define CLEANUP_CLOSE __attribute__((cleanup(sheaf_cleanup_close)))

/* Take the value out, so that the scope leaves it alone. */
#define sheaf_steal_fd(fd) \
	({ \
		int steal_ = (fd); \
		(fd) = -1; \
		steal_; \
	})

#endif
