#include "commands/slowlog.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "commands/exec.h"
#include "commands/monitor.h"
#include "commands/session.h"
#include "internal.h"

#define ARGS_MAX      32
#define ARG_BYTES_MAX 128

struct slow {
    struct slow *older;
    uint64_t id, at_ms, us;
    struct buf args; /* each: length as size_t, bytes */
    size_t nargs;
    struct buf client_addr, client_name;
};

struct slowlog {
    pthread_mutex_t lock;
    struct slow *newest; /* lock; so are the others */
    size_t n;
    uint64_t next_id;
};

struct slowlog *slowlog_new(void)
{
    struct slowlog *l = mem_calloc(sizeof *l);
    pthread_mutex_init(&l->lock, NULL);
    return l;
}

static void free_slow(struct slow *s)
{
    buf_release(&s->args);
    buf_release(&s->client_addr);
    buf_release(&s->client_name);
    mem_free(s);
}

/* Keeps the newest `max`. */
static void trim(struct slowlog *l, size_t max)
{
    struct slow **at = &l->newest;
    size_t n = 0;
    for (; *at && n < max; n++)
        at = &(*at)->older;
    for (struct slow *s = *at, *older; s; s = older) {
        older = s->older;
        free_slow(s);
    }
    *at = NULL;
    l->n = n;
}

void slowlog_free(struct slowlog *l)
{
    trim(l, 0);
    pthread_mutex_destroy(&l->lock);
    mem_free(l);
}

/* ---- adding ---------------------------------------------------------------------------------------------- */

static void add_arg(struct slow *s, struct bytes arg)
{
    buf_add(&s->args, &arg.n, sizeof arg.n);
    buf_add_bytes(&s->args, arg);
    s->nargs++;
}

static void add_args(struct slow *s, const struct exec *x)
{
    int shown = x->argc > ARGS_MAX ? ARGS_MAX - 1 : x->argc;
    for (int i = 0; i < shown; i++) {
        struct bytes arg = x->argv[i];
        char text[ARG_BYTES_MAX + 64];
        if (command_argument_is_secret(x->cmd, x->argv, i)) {
            arg = BYTES("(redacted)");
        } else if (arg.n > ARG_BYTES_MAX) {
            int n = snprintf(text, sizeof text, "%.*s... (%zu more bytes)", ARG_BYTES_MAX, arg.p,
                             arg.n - ARG_BYTES_MAX);
            arg = bytes_of(text, (size_t)n);
        }
        add_arg(s, arg);
    }
    if (shown < x->argc) {
        char text[64];
        int n = snprintf(text, sizeof text, "... (%d more arguments)", x->argc - shown);
        add_arg(s, bytes_of(text, (size_t)n));
    }
}

void slowlog_add(struct slowlog *l, const struct exec *x, uint64_t us)
{
    struct slow *s = mem_calloc(sizeof *s);
    s->at_ms = x->now_ms;
    s->us = us;
    add_args(s, x);
    buf_add_str(&s->client_addr, x->session->addr);
    buf_add_bytes(&s->client_name, x->session->name);
    pthread_mutex_lock(&l->lock);
    s->id = l->next_id++;
    s->older = l->newest;
    l->newest = s;
    trim(l, (size_t)config_int(x->engine->config, CONFIG_SLOWLOG_MAX_LEN));
    pthread_mutex_unlock(&l->lock);
}

/* ---- commands --------------------------------------------------------------------------------------------- */

static void reply_slow(struct exec *x, const struct slow *s)
{
    const char *p = s->args.p;
    reply_array(x->reply, 6);
    reply_int(x->reply, (int64_t)s->id);
    reply_int(x->reply, (int64_t)(s->at_ms / 1000));
    reply_int(x->reply, (int64_t)s->us);
    reply_array(x->reply, s->nargs);
    for (size_t i = 0; i < s->nargs; i++) {
        size_t n;
        memcpy(&n, p, sizeof n);
        reply_bulk(x->reply, bytes_of(p + sizeof n, n));
        p += sizeof n + n;
    }
    reply_bulk(x->reply, buf_bytes(&s->client_addr));
    reply_bulk(x->reply, buf_bytes(&s->client_name));
}

static void cmd_slowlog_get(struct exec *x)
{
    struct slowlog *l = x->engine->slowlog;
    int64_t count = 10;
    if (x->argc > 3) {
        reply_errorf(
            x->reply, ERROR_ARITY,
            "unknown subcommand or wrong number of arguments for '%.*s'. Try SLOWLOG HELP.",
            (int)x->argv[1].n, x->argv[1].p);
        return;
    }
    if (x->argc == 3 && (!num_parse_int(x->argv[2], &count) || count < -1)) {
        reply_errorf(x->reply, ERROR_GENERIC, "count should be greater than or equal to -1");
        return;
    }
    pthread_mutex_lock(&l->lock);
    size_t n = count < 0 || (uint64_t)count > l->n ? l->n : (size_t)count;
    reply_array(x->reply, n);
    for (const struct slow *s = l->newest; n; s = s->older, n--)
        reply_slow(x, s);
    pthread_mutex_unlock(&l->lock);
}

static void cmd_slowlog_len(struct exec *x)
{
    struct slowlog *l = x->engine->slowlog;
    pthread_mutex_lock(&l->lock);
    reply_int(x->reply, (int64_t)l->n);
    pthread_mutex_unlock(&l->lock);
}

static void cmd_slowlog_reset(struct exec *x)
{
    struct slowlog *l = x->engine->slowlog;
    pthread_mutex_lock(&l->lock);
    trim(l, 0);
    pthread_mutex_unlock(&l->lock);
    reply_ok(x->reply);
}

static void cmd_slowlog_help(struct exec *x)
{
    static const char *const lines[] = {
        "SLOWLOG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "GET [<count>]",
        "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
        "    Entries are made of:",
        "    id, timestamp, time in microseconds, arguments array, client IP and port,",
        "    client name",
        "LEN",
        "    Return the length of the slowlog.",
        "RESET",
        "    Reset the slowlog.",
        "HELP",
        "    Print this help.",
    };
    reply_lines(x->reply, lines, sizeof lines / sizeof *lines);
}

#define F "admin,loading,stale"

const struct command_row slowlog_commands[] = {
    {"slowlog", NULL, -2, "", "", "", "2.2.12", "server", "",
     "Container of the slow log's commands."},
    {"slowlog|get", cmd_slowlog_get, -2, F, "", "", "2.2.12", "server", "[count]",
     "Returns the newest entries of the slow log."},
    {"slowlog|help", cmd_slowlog_help, 2, "loading,stale", "", "", "6.2.0", "server", "",
     "Shows help about the subcommands."},
    {"slowlog|len", cmd_slowlog_len, 2, F, "", "", "2.2.12", "server", "",
     "Counts the entries of the slow log."},
    {"slowlog|reset", cmd_slowlog_reset, 2, F, "", "", "2.2.12", "server", "",
     "Empties the slow log."},
    {0},
};
