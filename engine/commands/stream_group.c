/* Groups of streams: XGROUP, and the acknowledging of entries. */
#include "commands/stream_args.h"

/* ---- XGROUP ------------------------------------------------------------------------------------- */

struct group_args {
    bool make;
    int64_t entries_read;
};

static bool bad_arguments(struct exec *x)
{
    reply_errorf(x->reply, ERROR_GENERIC,
                 "unknown subcommand or wrong number of arguments for '%.*s'. Try XGROUP HELP.",
                 (int)x->argv[1].n, x->argv[1].p);
    return false;
}

/* Options of CREATE and SETID from argument 5 on. */
static bool parse_group_options(struct exec *x, bool create, struct group_args *a)
{
    *a = (struct group_args){.entries_read = STREAM_UNKNOWN};
    for (int i = 5; i < x->argc; i++) {
        if (create && exec_is(x, i, "MKSTREAM")) {
            a->make = true;
        } else if (i + 1 < x->argc && exec_is(x, i, "ENTRIESREAD")) {
            if (!exec_int(x, ++i, &a->entries_read))
                return false;
            if (a->entries_read < 0 && a->entries_read != STREAM_UNKNOWN) {
                reply_errorf(x->reply, ERROR_GENERIC,
                             "value for ENTRIESREAD must be positive or -1");
                return false;
            }
        } else {
            return bad_arguments(x);
        }
    }
    return true;
}

/* The key's stream; false: the error has been answered, also that it is missing. */
static bool open_stream(struct exec *x, struct stream **s)
{
    if (!stream_write(x, 0, s))
        return false;
    if (!*s)
        reply_errorf(x->reply, ERROR_NO_SUCH_KEY,
                     "The XGROUP subcommand requires the key to exist. Note that for CREATE you "
                     "may want to use the "
                     "MKSTREAM option to create an empty stream automatically.");
    return *s != NULL;
}

static bool open_group(struct exec *x, struct stream **s, struct stream_group **g)
{
    if (!open_stream(x, s))
        return false;
    *g = stream_group_find(*s, x->argv[3]);
    if (!*g)
        reply_errorf(x->reply, ERROR_NOGROUP, "No such consumer group '%.*s' for key name '%.*s'",
                     (int)x->argv[3].n, x->argv[3].p, (int)x->argv[2].n, x->argv[2].p);
    return *g != NULL;
}

/* Argument 4: an id, "$" for the last one, or an end of all ids, which SETID alone takes. */
static bool parse_position(struct exec *x, const struct stream *s, bool ends, struct id *id)
{
    if (exec_is(x, 4, "$")) {
        *id = s ? s->last_id : ID_MIN;
        return true;
    }
    if (ends && (exec_is(x, 4, "-") || exec_is(x, 4, "+"))) {
        *id = exec_is(x, 4, "-") ? ID_MIN : ID_MAX;
        return true;
    }
    return stream_id_arg(x, 4, 0, id);
}

static void cmd_xgroup_create(struct exec *x)
{
    struct group_args a;
    struct stream *s;
    struct id id;
    if (!parse_group_options(x, true, &a) ||
        !(a.make ? stream_write(x, 0, &s) : open_stream(x, &s)) ||
        (x->argc > 8 && !bad_arguments(x)) || !parse_position(x, s, false, &id))
        return;
    if (s && stream_group_find(s, x->argv[3])) {
        reply_error(x->reply, ERROR_BUSYGROUP);
        return;
    }
    if (!s)
        exec_put_object(x, 0, TYPE_STREAM, s = stream_new());
    stream_group_create(s, x->argv[3], id, a.entries_read);
    exec_changed(x, 0, EVENT_STREAM, "xgroup-create");
    reply_ok(x->reply);
}

static void cmd_xgroup_setid(struct exec *x)
{
    struct group_args a;
    struct stream *s;
    struct stream_group *g;
    struct id id;
    if (!parse_group_options(x, false, &a) || !open_group(x, &s, &g) ||
        (x->argc > 7 && !bad_arguments(x)) || !parse_position(x, s, true, &id))
        return;
    stream_group_set(g, id, a.entries_read);
    exec_changed(x, 0, EVENT_STREAM, "xgroup-setid");
    reply_ok(x->reply);
}

static void cmd_xgroup_destroy(struct exec *x)
{
    struct stream *s;
    if (!open_stream(x, &s))
        return;
    bool gone = stream_group_destroy(s, x->argv[3]);
    if (gone)
        exec_changed(x, 0, EVENT_STREAM, "xgroup-destroy");
    reply_int(x->reply, gone);
}

static void cmd_xgroup_createconsumer(struct exec *x)
{
    struct stream *s;
    struct stream_group *g;
    if (!open_group(x, &s, &g))
        return;
    bool made = stream_consumer_create(g, x->argv[4], (int64_t)x->now_ms) != NULL;
    if (made)
        exec_changed(x, 0, EVENT_STREAM, "xgroup-createconsumer");
    reply_int(x->reply, made);
}

static void cmd_xgroup_delconsumer(struct exec *x)
{
    struct stream *s;
    struct stream_group *g;
    if (!open_group(x, &s, &g))
        return;
    struct stream_consumer *c = stream_consumer_find(g, x->argv[4]);
    size_t pending = c ? c->pending.n : 0;
    if (c) {
        stream_consumer_delete(g, c);
        exec_changed(x, 0, EVENT_STREAM, "xgroup-delconsumer");
    }
    reply_int(x->reply, (int64_t)pending);
}

static void cmd_xgroup_help(struct exec *x)
{
    static const char *const lines[] = {
        "XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "CREATE <key> <groupname> <id|$> [option]",
        "    Make a group that reads on after the id. Options are:",
        "    * MKSTREAM",
        "      Make the stream where it is missing.",
        "    * ENTRIESREAD entries_read",
        "      How many entries the group counts as read.",
        "CREATECONSUMER <key> <groupname> <consumer>",
        "    Make a consumer of the group.",
        "DELCONSUMER <key> <groupname> <consumer>",
        "    Remove the consumer with its pending entries.",
        "DESTROY <key> <groupname>",
        "    Remove the group.",
        "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
        "    Let the group read on after that id.",
        "HELP",
        "    Print these lines.",
    };
    reply_lines(x->reply, lines, sizeof lines / sizeof *lines);
}

/* ---- acknowledging ------------------------------------------------------------------------------ */

/* The group at argument 2, NULL where stream or group are missing; false: WRONGTYPE has been answered. */
static bool find_group(struct exec *x, struct stream **s, struct stream_group **g)
{
    if (!stream_write(x, 0, s))
        return false;
    *g = *s ? stream_group_find(*s, x->argv[2]) : NULL;
    return true;
}

static void cmd_xack(struct exec *x)
{
    struct stream *s;
    struct stream_group *g;
    struct id *ids;
    int64_t gone = 0;
    if (!find_group(x, &s, &g))
        return;
    if (!g) {
        reply_int(x->reply, 0);
        return;
    }
    if (!(ids = stream_ids_arg(x, 3, x->argc)))
        return;
    for (int i = 0; i < x->argc - 3; i++)
        gone += stream_nack_remove(g, ids[i]);
    x->changes += gone > 0; /* no change of the stream: neither watchers nor events are told */
    reply_int(x->reply, gone);
}

/* What is not pending of the group is not deleted. */
static void cmd_xackdel(struct exec *x)
{
    struct stream_ids list;
    struct stream *s;
    struct stream_group *g;
    bool acked = false, gone = false;
    if (!find_group(x, &s, &g) || !stream_ids_parse(x, 3, &list))
        return;
    reply_array(x->reply, (size_t)list.n);
    for (int i = 0; i < list.n; i++) {
        int result = -1;
        if (g && stream_nack_remove(g, list.ids[i])) {
            acked = true;
            result = stream_delete_refs(s, list.ids[i], list.refs);
            gone |= result == 1;
            result = result < 0 ? 1 : result; /* the entry was gone before: as good as deleted */
        }
        reply_int(x->reply, result);
    }
    if (gone)
        exec_changed(x, 0, EVENT_STREAM, "xdel");
    else
        x->changes += acked;
}

#define KEY "@2:0/1:RW+"

const struct command_row stream_group_commands[] = {
    {"xack", cmd_xack, -4, "write,fast", STREAM_ACL, "@1:0/1:RW+UPDATE", "5.0.0", "stream",
     "key group ID ...", "Acknowledges entries: they are no longer pending in the group."},
    {"xackdel", cmd_xackdel, -6, "write,fast", STREAM_ACL, "@1:0/1:RW+DELETE", "8.2.0", "stream",
     "key group [(KEEPREF | DELREF | ACKED)] IDS numids id ...",
     "Acknowledges entries and deletes them; tells for each what became of it."},
    {"xgroup", NULL, -2, "", "", "", "5.0.0", "stream", "",
     "A container for commands about groups of streams."},
    {"xgroup|create", cmd_xgroup_create, -5, "write,denyoom", STREAM_ACL, KEY "INSERT", "5.0.0",
     "stream", "key group (id | $) [MKSTREAM] [ENTRIESREAD entriesread]", "Makes a group."},
    {"xgroup|createconsumer", cmd_xgroup_createconsumer, 5, "write,denyoom", STREAM_ACL,
     KEY "INSERT", "6.2.0", "stream", "key group consumer", "Makes a consumer of a group."},
    {"xgroup|delconsumer", cmd_xgroup_delconsumer, 5, "write", STREAM_ACL, KEY "DELETE", "5.0.0",
     "stream", "key group consumer",
     "Removes a consumer; returns how many entries were pending of it."},
    {"xgroup|destroy", cmd_xgroup_destroy, 4, "write", STREAM_ACL, KEY "DELETE", "5.0.0", "stream",
     "key group", "Removes a group."},
    {"xgroup|help", cmd_xgroup_help, 2, "loading,stale", STREAM_ACL, "", "5.0.0", "stream", "",
     "Lists the subcommands."},
    {"xgroup|setid", cmd_xgroup_setid, -5, "write", STREAM_ACL, KEY "UPDATE", "5.0.0", "stream",
     "key group (id | $) [ENTRIESREAD entriesread]", "Sets from where a group reads on."},
    {0},
};
