/* XINFO: what a stream, its groups and its consumers look like. */
#include "commands/stream_args.h"

/* The key's stream; false: the error has been answered, also that it is missing. */
static bool open_stream(struct exec *x, struct stream **s)
{
    if (!stream_read(x, 0, s))
        return false;
    if (!*s)
        reply_error(x->reply, ERROR_NO_SUCH_KEY);
    return *s != NULL;
}

static void field_int(struct exec *x, const char *name, int64_t v)
{
    reply_text(x->reply, name);
    reply_int(x->reply, v);
}

static void field_id(struct exec *x, const char *name, struct id id)
{
    reply_text(x->reply, name);
    stream_reply_id(x, id);
}

/* A counter, null where it is not known. */
static void field_counter(struct exec *x, const char *name, int64_t v)
{
    reply_text(x->reply, name);
    if (v == STREAM_UNKNOWN)
        reply_null(x->reply);
    else
        reply_int(x->reply, v);
}

/* ---- XINFO STREAM ------------------------------------------------------------------------------- */

static void reply_edge(struct exec *x, const char *name, const struct stream *s, bool last)
{
    struct stream_iter it;
    reply_text(x->reply, name);
    stream_iter_init(&it, s, ID_MIN, ID_MAX, last);
    if (stream_iter_next(&it))
        stream_reply_entry(x, &it);
    else
        reply_null(x->reply);
}

/* The fields that both forms have: 7. */
static void reply_common(struct exec *x, const struct stream *s)
{
    field_int(x, "length", (int64_t)s->length);
    field_int(x, "radix-tree-keys", (int64_t)s->nodes.n);
    field_int(x, "radix-tree-nodes", (int64_t)s->nodes.n + 1);
    field_id(x, "last-generated-id", s->last_id);
    field_id(x, "max-deleted-entry-id", s->max_deleted);
    field_int(x, "entries-added", (int64_t)s->entries_added);
    field_id(x, "recorded-first-entry-id", s->first_id);
}

/* One pending entry; with its consumer in a group's list. */
static void reply_nack(struct exec *x, const struct stream_nack *n, bool with_consumer)
{
    reply_array(x->reply, with_consumer ? 4 : 3);
    stream_reply_id(x, n->entry);
    if (with_consumer)
        reply_bulk(x->reply, n->consumer->name);
    reply_int(x->reply, n->delivered_at_ms);
    reply_int(x->reply, (int64_t)n->deliveries);
}

static void reply_nacks(struct exec *x, const struct idmap *pending, uint64_t count,
                        bool with_consumer)
{
    struct idmap_at at;
    size_t n = count && count < pending->n ? (size_t)count : pending->n;
    field_int(x, "pel-count", (int64_t)pending->n);
    reply_text(x->reply, "pending");
    reply_array(x->reply, n);
    for (bool there = idmap_first(pending, &at); there && n > 0; there = idmap_next(&at), n--)
        reply_nack(x, at.value, with_consumer);
}

static void reply_full_group(struct exec *x, const struct stream *s, const struct stream_group *g,
                             uint64_t count)
{
    reply_map(x->reply, 7);
    reply_text(x->reply, "name");
    reply_bulk(x->reply, g->name);
    field_id(x, "last-delivered-id", g->last_id);
    field_counter(x, "entries-read", g->entries_read);
    field_counter(x, "lag", stream_group_lag(s, g));
    reply_nacks(x, &g->pending, count, true);
    reply_text(x->reply, "consumers");
    reply_array(x->reply, g->consumers.n);
    for (size_t i = 0; i < g->consumers.n; i++) {
        const struct stream_consumer *c = stream_consumer_at(g, i);
        reply_map(x->reply, 5);
        reply_text(x->reply, "name");
        reply_bulk(x->reply, c->name);
        field_int(x, "seen-time", c->seen_at_ms);
        field_int(x, "active-time", c->active_at_ms);
        reply_nacks(x, &c->pending, count, false);
    }
}

static void reply_full(struct exec *x, const struct stream *s, uint64_t count)
{
    reply_map(x->reply, 9);
    reply_common(x, s);
    reply_text(x->reply, "entries");
    stream_reply_range(x, s, ID_MIN, ID_MAX, false, count);
    reply_text(x->reply, "groups");
    reply_array(x->reply, s->groups.n);
    for (size_t i = 0; i < s->groups.n; i++)
        reply_full_group(x, s, stream_group_at(s, i), count);
}

/* FULL [COUNT n]; *count 0: all. False: the error has been answered. */
static bool parse_full(struct exec *x, bool *full, int64_t *count)
{
    *count = 10;
    *full = x->argc > 3;
    if (!*full)
        return true;
    if (!exec_is(x, 3, "FULL") || (x->argc != 4 && !(x->argc == 6 && exec_is(x, 4, "COUNT")))) {
        reply_errorf(x->reply, ERROR_GENERIC,
                     "unknown subcommand or wrong number of arguments for '%.*s'. Try XINFO HELP.",
                     (int)x->argv[1].n, x->argv[1].p);
        return false;
    }
    if (x->argc == 6 && !exec_int(x, 5, count))
        return false;
    if (*count < 0)
        *count = 10;
    return true;
}

static void cmd_xinfo_stream(struct exec *x)
{
    bool full;
    int64_t count;
    struct stream *s;
    if (!open_stream(x, &s) || !parse_full(x, &full, &count))
        return;
    if (full) {
        reply_full(x, s, (uint64_t)count);
        return;
    }
    reply_map(x->reply, 10);
    reply_common(x, s);
    field_int(x, "groups", (int64_t)s->groups.n);
    reply_edge(x, "first-entry", s, false);
    reply_edge(x, "last-entry", s, true);
}

/* ---- XINFO GROUPS and CONSUMERS ----------------------------------------------------------------- */

static void cmd_xinfo_groups(struct exec *x)
{
    struct stream *s;
    if (!open_stream(x, &s))
        return;
    reply_array(x->reply, s->groups.n);
    for (size_t i = 0; i < s->groups.n; i++) {
        const struct stream_group *g = stream_group_at(s, i);
        reply_map(x->reply, 6);
        reply_text(x->reply, "name");
        reply_bulk(x->reply, g->name);
        field_int(x, "consumers", (int64_t)g->consumers.n);
        field_int(x, "pending", (int64_t)g->pending.n);
        field_id(x, "last-delivered-id", g->last_id);
        field_counter(x, "entries-read", g->entries_read);
        field_counter(x, "lag", stream_group_lag(s, g));
    }
}

static int64_t since(const struct exec *x, int64_t at_ms)
{
    int64_t now = (int64_t)x->now_ms;
    return at_ms < now ? now - at_ms : 0;
}

static void cmd_xinfo_consumers(struct exec *x)
{
    struct stream *s;
    if (!open_stream(x, &s))
        return;
    const struct stream_group *g = stream_group_find(s, x->argv[3]);
    if (!g) {
        reply_errorf(x->reply, ERROR_NOGROUP, "No such consumer group '%.*s' for key name '%.*s'",
                     (int)x->argv[3].n, x->argv[3].p, (int)x->argv[2].n, x->argv[2].p);
        return;
    }
    reply_array(x->reply, g->consumers.n);
    for (size_t i = 0; i < g->consumers.n; i++) {
        const struct stream_consumer *c = stream_consumer_at(g, i);
        reply_map(x->reply, 4);
        reply_text(x->reply, "name");
        reply_bulk(x->reply, c->name);
        field_int(x, "pending", (int64_t)c->pending.n);
        field_int(x, "idle", since(x, c->seen_at_ms));
        field_int(x, "inactive", c->active_at_ms < 0 ? -1 : since(x, c->active_at_ms));
    }
}

static void cmd_xinfo_help(struct exec *x)
{
    static const char *const lines[] = {
        "XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "CONSUMERS <key> <groupname>",
        "    Tell of the consumers of the group.",
        "GROUPS <key>",
        "    Tell of the stream's groups.",
        "STREAM <key> [FULL [COUNT <count>]]",
        "    Tell of the stream.",
        "HELP",
        "    Print these lines.",
    };
    reply_lines(x->reply, lines, sizeof lines / sizeof *lines);
}

#define KEY "@2:0/1:RO+ACCESS"

const struct command_row stream_info_commands[] = {
    {"xinfo", NULL, -2, "", "", "", "5.0.0", "stream", "",
     "A container for commands that tell of streams."},
    {"xinfo|consumers", cmd_xinfo_consumers, 4, "readonly", STREAM_ACL, KEY, "5.0.0", "stream",
     "key group", "Tells of a group's consumers."},
    {"xinfo|groups", cmd_xinfo_groups, 3, "readonly", STREAM_ACL, KEY, "5.0.0", "stream", "key",
     "Tells of a stream's groups."},
    {"xinfo|help", cmd_xinfo_help, 2, "loading,stale", STREAM_ACL, "", "5.0.0", "stream", "",
     "Lists the subcommands."},
    {"xinfo|stream", cmd_xinfo_stream, -3, "readonly", STREAM_ACL, KEY, "5.0.0", "stream",
     "key [FULL [COUNT count]]", "Tells of a stream, in full with entries and groups."},
    {0},
};
