/* The log: one line an event to stderr, `2026-11-23T04:05:06.789Z level message`, or one JSON object a
 * line (log-format json). A line is written by one write(2), so that threads do not mix. Never log a
 * secret or a value.
 *
 * Thread rule: log_* from any thread; the settings may change at any time (atomics). */
#ifndef ATRIUM_BASE_LOG_H
#define ATRIUM_BASE_LOG_H

#include <stdbool.h>

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_VERBOSE,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_FATAL
};

void log_set_level(enum log_level least);
void log_set_json(bool json);
void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* An event whether or not its level is logged: `text` where lines are text; where they are JSON the
 * members, well-formed and without braces, beside time and level. */
void log_event(const char *text, const char *members);

#define log_debug(...)   log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_verbose(...) log_write(LOG_LEVEL_VERBOSE, __VA_ARGS__)
#define log_notice(...)  log_write(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_fatal(...)   log_write(LOG_LEVEL_FATAL, __VA_ARGS__)

#endif
