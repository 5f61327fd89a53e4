/* SPDX-License-Identifier: MIT */
/* sandbox.c - see sandbox.h */
#include "driver/sandbox.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

#include <sheaf/driver.h>

#include "config.h"

#ifdef HAVE_SECCOMP
#include <seccomp.h>

/* Loops (both back ends), helper threads, stores, memory, time, priorities and the end of a process; nothing that opens or starts. */
static const char *const allowed[] = {
	"io_uring_enter",
	"io_uring_register",
	"io_uring_setup",
	"eventfd2",
	"poll",
	"ppoll",
	"read",
	"write",
	"readv",
	"writev",
	"pread64",
	"pwrite64",
	"preadv",
	"pwritev",
	"preadv2",
	"pwritev2",
	"fsync",
	"fdatasync",
	"fgetxattr",
	"fsetxattr",
	"fremovexattr",
	"sync_file_range",
	"fallocate",
	"fgetxattr",
	"fsetxattr",
	"fremovexattr",
	"lseek",
	"fstat",
	"fstatfs",
	"newfstatat",
	"statx",
	"fcntl",
	"close",
	"recvmsg",
	"sendmsg",
	"ioctl",
	"mmap",
	"munmap",
	"mremap",
	"mprotect",
	"madvise",
	"mincore",
	"brk",
	"futex",
	"rseq",
	"set_robust_list",
	"clone",
	"clone3",
	"exit",
	"exit_group",
	"gettid",
	"getpid",
	"tgkill",
	"prctl",
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"sigaltstack",
	"sched_yield",
	"sched_getaffinity",
	"sched_setscheduler",
	"sched_getscheduler",
	"sched_getparam",
	"clock_gettime",
	"clock_nanosleep",
	"nanosleep",
	"restart_syscall",
	"getrandom",
	"membarrier",
};

static int allow_all(scmp_filter_ctx filter)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		int number = seccomp_syscall_resolve_name(allowed[i]);

		if (number >= 0)
			r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
	}
	return r;
}

static int enter_seccomp(void)
{
	/* EPERM and not a kill: what looks around in /proc, for messages and priorities, goes on without. */
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = filter ? allow_all(filter) : -ENOMEM;

	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	if (r < 0)
		sheaf_driver_error("seccomp: %s", strerror(-r));
	return r;
}
#else
static int enter_seccomp(void)
{
	sheaf_driver_error("--driver-sandbox=seccomp: this driver was built without libseccomp");
	return -EOPNOTSUPP;
}
#endif

int sheaf_sandbox_enter(enum sheaf_sandbox sandbox)
{
	if (sandbox == SHEAF_SANDBOX_NONE)
		return 0;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return sandbox == SHEAF_SANDBOX_SECCOMP ? enter_seccomp() : 0;
}
