/* SPDX-License-Identifier: MIT */
/* image_lock.h - one owner for an image: the locks that QEMU takes, so that its tools and sheaf see each other */
#ifndef SHEAF_IMAGE_LOCK_H
#define SHEAF_IMAGE_LOCK_H

#include <stdbool.h>

/**
 * sheaf_image_lock() - lock the image that is open as @fd, for as long as this open file description lives
 * @path: for messages.  @write: as a writer, which excludes all; else as a reader, which excludes writers only.
 * Errors are reported here. A filesystem without locks is a warning, not an error.
 * Thread: any. It waits, up to three seconds, only for a lock that no process has: of a server that was killed just now.
 * Return: 0, or -EAGAIN: it is in use, by whom is in the message. The caller then closes @fd.
 */
int sheaf_image_lock(int fd, const char *path, bool write);

#endif
