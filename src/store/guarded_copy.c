/* SPDX-License-Identifier: MIT */
/*
 * guarded_copy.c - see guarded_copy.h
 *
 *   1. The signal belongs to the instruction that touched the page, so it comes on the thread that copies: guard is
 *      thread-local, and the handler leaves by siglongjmp() from where no lock is held.
 *   2. The jump does not restore the signal mask (sigsetjmp(…, 0): no system call a copy); SA_NODEFER keeps
 *      SIGBUS out of the mask. No SA_ONSTACK: nothing is left on a stack that was jumped off.
 *   3. Not ours: the action from before is put back, and the instruction runs into it; what no instruction caused is
 *      raised again.
 */
#include "store/guarded_copy.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

/* W, R: the thread, and its handler. */
static _Thread_local struct {
	volatile sig_atomic_t armed;
	sigjmp_buf leave;
} guard;

/* W: install(), once. */
static struct sigaction action_before;
static int install_error;

static void bus_error(int signal_number, siginfo_t *info, void *context)
{
	(void)context;
	if (guard.armed) {
		guard.armed = 0;
		siglongjmp(guard.leave, 1);
	}
	sigaction(signal_number, &action_before, NULL);
	if (info->si_code <= 0 || info->si_code == BUS_MCEERR_AO)
		raise(signal_number);
}

static void install(void)
{
	struct sigaction action = { .sa_sigaction = bus_error,
				    .sa_flags = SA_SIGINFO | SA_NODEFER };

	sigemptyset(&action.sa_mask);
	if (sigaction(SIGBUS, &action, &action_before) < 0)
		install_error = -errno;
}

int sheaf_guarded_copy_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, install);
	return install_error;
}

bool sheaf_guarded_copy(void *to, const void *from, size_t length)
{
	if (sigsetjmp(guard.leave, 0))
		return false;
	guard.armed = 1;
	atomic_signal_fence(memory_order_seq_cst);
	memcpy(to, from, length);
	atomic_signal_fence(memory_order_seq_cst);
	guard.armed = 0;
	return true;
}

bool sheaf_guarded_touch(const void *at, size_t length, size_t step)
{
	const volatile uint8_t *bytes = at;

	if (sigsetjmp(guard.leave, 0))
		return false;
	guard.armed = 1;
	atomic_signal_fence(memory_order_seq_cst);
	for (size_t i = 0; i < length; i += step)
		(void)bytes[i];
	atomic_signal_fence(memory_order_seq_cst);
	guard.armed = 0;
	return true;
}
