#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096

static _Atomic int least_level = LOG_LEVEL_NOTICE;
static _Atomic bool as_json;

static const char *const level_names[] = {"debug", "verbose", "notice", "warning", "fatal"};

void log_set_level(enum log_level least)
{
    atomic_store(&least_level, (int)least);
}

void log_set_json(bool json)
{
    atomic_store(&as_json, json);
}

/* Escapes what JSON strings and terminals must not see raw. */
static size_t escape(char *to, size_t room, const char *from)
{
    size_t n = 0;
    for (; *from && n + 7 < room; from++) {
        unsigned char c = (unsigned char)*from;
        if (c == '"' || c == '\\') {
            to[n++] = '\\';
            to[n++] = (char)c;
        } else if (c < 0x20 || c == 0x7f) {
            n += (size_t)snprintf(to + n, room - n, "\\u%04x", c);
        } else {
            to[n++] = (char)c;
        }
    }
    to[n] = '\0';
    return n;
}

void log_write(enum log_level level, const char *fmt, ...)
{
    if ((int)level < atomic_load_explicit(&least_level, memory_order_relaxed))
        return;
    char text[LINE_MAX_BYTES / 2], safe[LINE_MAX_BYTES - 256], line[LINE_MAX_BYTES], stamp[32];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);

    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);

    const char *format = "%s.%03ldZ %s %s\n";
    if (atomic_load_explicit(&as_json, memory_order_relaxed)) {
        escape(safe, sizeof safe, text);
        format = "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"message\":\"%s\"}\n";
    } else {
        snprintf(safe, sizeof safe, "%s", text);
    }
    int n =
        snprintf(line, sizeof line, format, stamp, now.tv_nsec / 1000000, level_names[level], safe);
    if (n > 0) {
        size_t len = (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
        ssize_t ignored = write(STDERR_FILENO, line, len);
        (void)ignored;
    }
}
