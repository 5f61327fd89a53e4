/* SPDX-License-Identifier: MIT */
/* judge.c - one rule, in a child; see check.h. The child says its verdict through a pipe; one that ends without has crashed. */
#include "check/check.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

/* In the child. */

__attribute__((noreturn)) static void end(struct check *c, enum check_verdict verdict, bool stuck,
					  const char *format, va_list args)
{
	struct check_judgement j = { .verdict = verdict, .stuck = stuck };

	if (format)
		vsnprintf(j.text, sizeof(j.text), format, args);
	fflush(NULL);
	check_far_put_down(c); /* it writes no image that the next rule looks at */
	/* _exit: threads of the driver may be at work, and a driver that was left in the middle is no leak of ours. */
	_exit(write(c->verdict_fd, &j, sizeof(j)) == sizeof(j) ? 0 : 1);
}

void check_fail(struct check *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	end(c, CHECK_BROKEN, false, format, args);
}

void check_stuck(struct check *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	end(c, CHECK_BROKEN, true, format, args);
}

void check_skip(struct check *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	end(c, CHECK_SKIPPED, false, format, args);
}

__attribute__((noreturn)) static void kept(struct check *c, ...)
{
	va_list args;

	va_start(args, c);
	end(c, CHECK_OK, false, NULL, args);
}

__attribute__((noreturn)) static void run(const struct check_rule *rule,
					  const struct check_options *options, unsigned patience_ms,
					  int fd)
{
	struct check *c = calloc(1, sizeof(*c));

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!c)
		_exit(1);
	c->options = options;
	c->far.process = SHEAF_DRIVER_PROCESS_NONE;
	c->verdict_fd = fd;
	c->patience_ns = (uint64_t)patience_ms * 1000000;
	if (rule->writes && options->read_only)
		check_skip(c, "it writes, and --read-only was given");
	rule->run(c);
	kept(c);
}

/* In the parent. */

static uint64_t now_ms(void)
{
	return sheaf_clock_ns() / 1000000;
}

/* The verdict, or what became of the child instead. */
static void hear(int fd, pid_t pid, unsigned limit_ms, struct check_judgement *ret)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t end_ms = now_ms() + limit_ms;
	bool told = false, late = false;
	int status = 0, r;

	do {
		uint64_t now = now_ms();

		r = poll(&p, 1, now < end_ms ? (int)(end_ms - now) : 0);
	} while (r < 0 && errno == EINTR);
	late = r == 0;
	if (!late)
		told = read(fd, ret, sizeof(*ret)) == sizeof(*ret);
	/* It has ended by itself, or does not matter any more. */
	if (told || late)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (told)
		return;
	ret->verdict = CHECK_BROKEN;
	ret->stuck = late;
	if (late)
		snprintf(ret->text, sizeof(ret->text), "no end within %u ms", limit_ms);
	else if (WIFSIGNALED(status))
		snprintf(ret->text, sizeof(ret->text), "crash: %s", strsignal(WTERMSIG(status)));
	else
		snprintf(ret->text, sizeof(ret->text), "the process was ended, exit code %d",
			 WEXITSTATUS(status));
}

void check_judge(const struct check_rule *rule, const struct check_options *options,
		 unsigned limit_ms, unsigned patience_ms, struct check_judgement *ret)
{
	int fds[2];
	pid_t pid;

	*ret = (struct check_judgement){ .verdict = CHECK_SKIPPED };
	if (pipe(fds) < 0) {
		snprintf(ret->text, sizeof(ret->text), "no pipe: %s", strerror(errno));
		return;
	}
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		run(rule, options, patience_ms, fds[1]);
	}
	close(fds[1]);
	if (pid < 0)
		snprintf(ret->text, sizeof(ret->text), "no process: %s", strerror(errno));
	else
		hear(fds[0], pid, limit_ms, ret);
	close(fds[0]);
}
