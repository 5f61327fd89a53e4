/* SPDX-License-Identifier: MIT */
/**
 * log.h - messages for people: what, which file, what to do
 *
 * A message goes to stderr until the process is a daemon, then to syslog. Nothing is logged per task.
 * Thread: any; a message is one write.
 */
#ifndef SHEAF_LOG_H
#define SHEAF_LOG_H

#include <stdbool.h>

enum sheaf_log_level { SHEAF_LOG_ERROR, SHEAF_LOG_WARNING, SHEAF_LOG_INFO, SHEAF_LOG_DEBUG };

/** Messages above @level are dropped; the default is SHEAF_LOG_WARNING. */
void sheaf_log_set_level(enum sheaf_log_level level);
/** From now on to syslog, as a daemon. */
void sheaf_log_to_syslog(void);
void sheaf_log(enum sheaf_log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#define sheaf_error(...) sheaf_log(SHEAF_LOG_ERROR, __VA_ARGS__)
#define sheaf_warning(...) sheaf_log(SHEAF_LOG_WARNING, __VA_ARGS__)
#define sheaf_info(...) sheaf_log(SHEAF_LOG_INFO, __VA_ARGS__)
#define sheaf_debug(...) sheaf_log(SHEAF_LOG_DEBUG, __VA_ARGS__)

#endif
