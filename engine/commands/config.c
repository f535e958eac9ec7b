/* CONFIG: directives read and changed at run time. */
#include <strings.h>

#include "commands/exec.h"
#include "internal.h"

/* ---- GET ----------------------------------------------------------------------------------------------- */

struct listing {
    struct exec *x;
    size_t n;
};

static bool is_pattern(struct bytes s)
{
    return memchr(s.p, '*', s.n) || memchr(s.p, '?', s.n) || memchr(s.p, '[', s.n);
}

/* The first argument that the directive is matched by; NULL where there is none. */
static const struct bytes *matching(const struct exec *x, const char *name)
{
    for (int i = 2; i < x->argc; i++) {
        if (bytes_glob(x->argv[i], bytes_str(name), true))
            return &x->argv[i];
    }
    return NULL;
}

/* A name that was asked for is answered as it was written, as Redis does. */
static void reply_if_matched(const char *name, struct bytes value, void *ctx)
{
    struct listing *l = ctx;
    const struct bytes *asked = matching(l->x, name);
    if (!asked)
        return;
    reply_bulk(l->x->reply, is_pattern(*asked) ? bytes_str(name) : *asked);
    reply_bulk(l->x->reply, value);
    l->n++;
}

static void cmd_config_get(struct exec *x)
{
    struct listing l = {.x = x};
    size_t mark = reply_begin(x->reply);
    config_each(x->engine->config, BYTES("*"), reply_if_matched, &l);
    reply_end(x->reply, mark, REPLY_MAP, l.n);
}

/* ---- SET ----------------------------------------------------------------------------------------------- */

static void reply_set_failed(struct exec *x, int i, const struct buf *error)
{
    const char *why = memchr(error->p, ':', error->n);
    size_t skip = why ? (size_t)(why - error->p) + 2 : 0;
    if (!why)
        reply_errorf(x->reply, ERROR_GENERIC,
                     "Unknown option or number of arguments for CONFIG SET - '%.*s'",
                     (int)x->argv[i].n, x->argv[i].p);
    else
        reply_errorf(x->reply, ERROR_GENERIC,
                     "CONFIG SET failed (possibly related to argument '%.*s') - %.*s",
                     (int)(skip - 2), error->p, (int)(error->n - skip), error->p + skip);
}

static void ignore_value(const char *name, struct bytes value, void *ctx)
{
    (void)name;
    (void)value;
    (*(size_t *)ctx)++;
}

static bool same_name(struct bytes a, struct bytes b)
{
    return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

/* Names are looked at before values: each is known, and stands once. */
static bool check_names(struct exec *x)
{
    for (int i = 2; i < x->argc; i += 2) {
        size_t n = 0;
        if (!is_pattern(x->argv[i]))
            config_each(x->engine->config, x->argv[i], ignore_value, &n);
        if (n == 0) {
            reply_errorf(x->reply, ERROR_GENERIC,
                         "Unknown option or number of arguments for CONFIG SET - '%.*s'",
                         (int)x->argv[i].n, x->argv[i].p);
            return false;
        }
        for (int k = 2; k < i; k += 2) {
            if (same_name(x->argv[k], x->argv[i])) {
                reply_errorf(
                    x->reply, ERROR_GENERIC,
                    "CONFIG SET failed (possibly related to argument '%.*s') - duplicate parameter",
                    (int)x->argv[i].n, x->argv[i].p);
                return false;
            }
        }
    }
    return true;
}

/* Sets every pair, or none: all are checked first. */
static void cmd_config_set(struct exec *x)
{
    struct config *c = x->engine->config;
    struct buf error;
    bool ok = true;
    int i;
    if (x->argc % 2) {
        reply_error(x->reply, ERROR_SYNTAX);
        return;
    }
    if (!check_names(x))
        return;
    buf_init(&error);
    for (i = 2; ok && i < x->argc; i += 2) {
        ok = config_check(c, x->argv[i], x->argv[i + 1], true, &error);
        if (!ok)
            reply_set_failed(x, i, &error);
    }
    for (i = 2; ok && i < x->argc; i += 2)
        config_set(c, x->argv[i], x->argv[i + 1], true, &error);
    if (ok)
        reply_ok(x->reply);
    if (ok)
        journal_config_changed(x->engine);
    buf_release(&error);
}

/* ---- the rest ------------------------------------------------------------------------------------------ */

static void cmd_config_rewrite(struct exec *x)
{
    struct buf error;
    buf_init(&error);
    if (config_rewrite(x->engine->config, &error))
        reply_ok(x->reply);
    else
        reply_errorf(x->reply, ERROR_GENERIC, "%.*s", (int)error.n, error.p);
    buf_release(&error);
}

static void cmd_config_resetstat(struct exec *x)
{
    engine_reset_counters(x->engine);
    command_stats_reset(x->engine);
    keyspace_reset_stats(x->ks);
    reply_ok(x->reply);
}

static void cmd_config_help(struct exec *x)
{
    static const char *const lines[] = {
        "CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "GET <pattern>",
        "    Return parameters matching the glob-like <pattern> and their values.",
        "SET <directive> <value>",
        "    Set the configuration <directive> to <value>.",
        "RESETSTAT",
        "    Reset statistics reported by the INFO command.",
        "REWRITE",
        "    Rewrite the configuration file.",
        "HELP",
        "    Print this help.",
    };
    reply_lines(x->reply, lines, sizeof lines / sizeof *lines);
}

#define ADMIN "admin,noscript,loading,stale"

const struct command_row config_commands[] = {
    {"config", NULL, -2, "", "", "", "2.0.0", "server", "",
     "Container of the configuration commands."},
    {"config|get", cmd_config_get, -3, ADMIN, "", "", "2.0.0", "server", "parameter ...",
     "Returns the values of directives."},
    {"config|help", cmd_config_help, 2, "loading,stale", "", "", "5.0.0", "server", "",
     "Shows help about the subcommands."},
    {"config|resetstat", cmd_config_resetstat, 2, ADMIN ",unlocked", "", "", "2.0.0", "server", "",
     "Sets the statistics to zero."},
    {"config|rewrite", cmd_config_rewrite, 2, ADMIN, "", "", "2.8.0", "server", "",
     "Writes the configuration back to its file."},
    {"config|set", cmd_config_set, -4, ADMIN, "", "", "2.0.0", "server", "parameter value ...",
     "Changes directives while the server runs."},
    {0},
};
