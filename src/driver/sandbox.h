/* SPDX-License-Identifier: MIT */
/* sandbox.h - what a driver's process gives up by itself, once it has all that it needs */
#ifndef SHEAF_DRIVER_SANDBOX_H
#define SHEAF_DRIVER_SANDBOX_H

#include "seam/channel.h"

/**
 * sheaf_sandbox_enter() - give up what @sandbox says, for this thread and those that it makes
 * SHEAF_SANDBOX_CAPS: the host has dropped all capabilities already, where it started the process; here no_new_privs is set.
 * SHEAF_SANDBOX_SECCOMP: and only system calls that loops, stores and memory need.
 * Return: 0; -EOPNOTSUPP: this build has no libseccomp (reported); -errno, reported.
 */
int sheaf_sandbox_enter(enum sheaf_sandbox sandbox);

#endif
