/* SPDX-License-Identifier: MIT */
/* log.c - see log.h. The level and the target are the only state of the process here. */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

static atomic_int level_limit = SHEAF_LOG_WARNING;
static atomic_bool use_syslog;

void sheaf_log_set_level(enum sheaf_log_level level)
{
	atomic_store_explicit(&level_limit, (int)level, memory_order_relaxed);
}

void sheaf_log_to_syslog(void)
{
	openlog("sheaf", LOG_PID, LOG_DAEMON);
	atomic_store_explicit(&use_syslog, true, memory_order_relaxed);
}

void sheaf_log(enum sheaf_log_level level, const char *format, ...)
{
	static const char *const prefix[] = { "", "warning: ", "", "debug: " };
	static const int priority[] = { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
	char line[1024];
	va_list args;

	if ((int)level > atomic_load_explicit(&level_limit, memory_order_relaxed))
		return;
	va_start(args, format);
	int n = snprintf(line, sizeof(line), "sheaf: %s", prefix[level]);
	vsnprintf(line + n, sizeof(line) - (size_t)n - 1, format, args);
	va_end(args);
	if (atomic_load_explicit(&use_syslog, memory_order_relaxed)) {
		syslog(priority[level], "%s", line + strlen("sheaf: "));
		return;
	}
	size_t length = strlen(line);
	line[length++] = '\n';
	if (write(STDERR_FILENO, line, length) < 0)
		return; /* nobody left to tell */
}
