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

static bool is_json(void)
{
    return atomic_load_explicit(&as_json, memory_order_relaxed);
}

/* "2026-11-23T04:05:06.789" */
static void stamp_now(char *to, size_t room)
{
    struct timespec now;
    struct tm tm;
    char second[24];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    strftime(second, sizeof second, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(to, room, "%s.%03ld", second, now.tv_nsec / 1000000);
}

static void write_line(const char *line, size_t room, int n)
{
    if (n <= 0)
        return;
    ssize_t ignored = write(STDERR_FILENO, line, (size_t)n < room ? (size_t)n : room - 1);
    (void)ignored;
}

void log_event(const char *text, const char *members)
{
    char line[LINE_MAX_BYTES], stamp[40];
    stamp_now(stamp, sizeof stamp);
    int n = is_json() ? snprintf(line, sizeof line, "{\"time\":\"%sZ\",\"level\":\"notice\",%s}\n",
                                 stamp, members)
                      : snprintf(line, sizeof line, "%sZ notice %s\n", stamp, text);
    write_line(line, sizeof line, n);
}

void log_write(enum log_level level, const char *fmt, ...)
{
    if ((int)level < atomic_load_explicit(&least_level, memory_order_relaxed))
        return;
    char text[LINE_MAX_BYTES / 2], safe[LINE_MAX_BYTES - 256], line[LINE_MAX_BYTES], stamp[40];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);

    const char *format = "%sZ %s %s\n";
    if (is_json()) {
        escape(safe, sizeof safe, text);
        format = "{\"time\":\"%sZ\",\"level\":\"%s\",\"message\":\"%s\"}\n";
    } else {
        snprintf(safe, sizeof safe, "%s", text);
    }
    stamp_now(stamp, sizeof stamp);
    int n = snprintf(line, sizeof line, format, stamp, level_names[level], safe);
    write_line(line, sizeof line, n);
}
