/* Streams: adding, reading ranges, deleting, trimming. Reading on is in stream_read.c, groups in stream_group.c and
 * stream_pending.c. */
#include "commands/stream_args.h"

#include "internal.h"

/* ---- the arguments of XADD and XTRIM ------------------------------------------------------------ */

struct add_args {
    bool adds; /* XADD: an id ends the options */
    bool trims, given_limit, given_refs, no_make;
    bool any_id, any_seq; /* "*", "5-*" */
    struct id id;
    int id_at;
    int64_t limit;
    struct stream_trim trim;
};

static bool fail(struct exec *x, const char *text)
{
    reply_errorf(x->reply, ERROR_GENERIC, "%s", text);
    return false;
}

/* MAXLEN or MINID at *i with its threshold; *i moves to that. */
static bool parse_threshold(struct exec *x, int *i, struct add_args *a)
{
    int64_t length;
    if (a->trims)
        return fail(x,
                    "syntax error, MAXLEN and MINID options at the same time are not compatible");
    a->trims = true;
    a->trim.by_id = exec_is(x, *i, "MINID");
    bool approx = bytes_eq(x->argv[*i + 1], BYTES("~")),
         exact = bytes_eq(x->argv[*i + 1], BYTES("="));
    if (*i + 2 < x->argc && (approx || exact)) {
        a->trim.approx = approx;
        ++*i;
    }
    ++*i;
    if (a->trim.by_id)
        return stream_id_arg(x, *i, 0, &a->trim.min);
    if (!exec_int(x, *i, &length))
        return false;
    if (length < 0)
        return fail(x, "The MAXLEN argument must be >= 0.");
    a->trim.length = (uint64_t)length;
    return true;
}

/* "*", "5-*" or an id at argument i, which ends XADD's options. */
static bool parse_new_id(struct exec *x, int i, struct add_args *a)
{
    struct bytes s = x->argv[i];
    a->id_at = i;
    a->any_id = bytes_eq(s, BYTES("*"));
    a->any_seq =
        s.n > 2 && s.n < 128 && s.p[s.n - 1] == '*' && memchr(s.p, '-', s.n) == s.p + s.n - 2;
    if (a->any_id)
        return true;
    return stream_parse_id(a->any_seq ? bytes_of(s.p, s.n - 2) : s, 0, &a->id) ||
           fail(x, STREAM_BAD_ID);
}

static bool check_options(struct exec *x, struct add_args *a)
{
    int64_t blocks = (int64_t)stream_limits_of(x).block_entries;
    if (a->limit && !a->trims)
        return fail(x, "syntax error, LIMIT cannot be used without specifying a trimming strategy");
    if (!a->adds && !a->trims)
        return fail(x, "syntax error, XTRIM must be called with a trimming strategy");
    if (a->given_limit && !a->trim.approx)
        return fail(x, "syntax error, LIMIT cannot be used without the special ~ option");
    a->trim.limit = (uint64_t)a->limit;
    if (a->trim.approx && !a->given_limit)
        a->trim.limit = blocks <= 0 ? 10000 : blocks > 10000 ? 1000000 : (uint64_t)blocks * 100;
    return true;
}

static bool parse_options(struct exec *x, struct add_args *a)
{
    for (int i = 2; i < x->argc && a->id_at == 0; i++) {
        bool more = i + 1 < x->argc;
        if (more && (exec_is(x, i, "MAXLEN") || exec_is(x, i, "MINID"))) {
            if (!parse_threshold(x, &i, a))
                return false;
        } else if (more && exec_is(x, i, "LIMIT")) {
            if (!exec_int(x, ++i, &a->limit))
                return false;
            if (a->limit < 0)
                return fail(x, "The LIMIT argument must be >= 0.");
            a->given_limit = true;
        } else if (a->adds && exec_is(x, i, "NOMKSTREAM")) {
            a->no_make = true;
        } else if (stream_refs_arg(x, i, &a->given_refs, &a->trim.refs)) {
            continue;
        } else if (a->adds) {
            if (!parse_new_id(x, i, a))
                return false;
        } else {
            return fail(x, "syntax error");
        }
    }
    return check_options(x, a);
}

/* How much is cut off by "~" depends on the blocks: in the log stands how much it was. */
static void log_trim(struct exec *x, const struct stream *s, const struct add_args *a)
{
    static const char *const words[] = {"KEEPREF", "DELREF", "ACKED"};
    char text[NUM_INT_MAX];
    if (a->trim.refs == STREAM_ACKED) {
        exec_log_state(x, 0);
        return;
    }
    struct bytes argv[] = {BYTES("XTRIM"),
                           x->keys[0].name,
                           BYTES("MAXLEN"),
                           BYTES("="),
                           bytes_of(text, num_format_uint(text, s->length)),
                           bytes_str(words[a->trim.refs])};
    exec_log_as(x, argv, a->trim.refs == STREAM_KEEP_REFS ? 5 : 6);
}

/* ---- XADD --------------------------------------------------------------------------------------- */

/* The new entry's id; false: there is none above the last. */
static bool choose_id(const struct exec *x, const struct stream *s, const struct add_args *a,
                      struct id *id)
{
    *id = a->id;
    if (a->any_id) {
        *id = (struct id){x->now_ms, 0};
        if (x->now_ms <= s->last_id.ms) {
            *id = s->last_id;
            return id_increment(id);
        }
    } else if (a->any_seq && id->ms == s->last_id.ms) {
        id->seq = s->last_id.seq + 1;
        return s->last_id.seq != UINT64_MAX;
    }
    return id_cmp(*id, s->last_id) > 0;
}

static bool parts_fit(const struct exec *x, int from)
{
    size_t bytes = 0;
    for (int i = from; i < x->argc; i++)
        bytes += x->argv[i].n;
    return stream_takes(bytes, (size_t)(x->argc - from) / 2);
}

static bool parse_add(struct exec *x, struct add_args *a)
{
    *a = (struct add_args){.adds = true};
    if (!parse_options(x, a))
        return false;
    int parts = a->id_at ? x->argc - a->id_at - 1 : 0;
    if (parts < 2 || parts % 2 != 0)
        return fail(x, "wrong number of arguments for 'xadd' command");
    if (!a->any_id && !a->any_seq && id_cmp(a->id, ID_MIN) == 0)
        return fail(x, "The ID specified in XADD must be greater than 0-0");
    return parts_fit(x, a->id_at + 1) || fail(x, "Elements are too large to be stored");
}

/* In the log stands the id that was made. What trims by blocks is a step of its own there. */
static void log_add(struct exec *x, const struct add_args *a, struct id id)
{
    bool simple = !a->trims || a->trim.approx;
    if (!exec_logs(x) || (!a->any_id && !a->any_seq && !a->trim.approx))
        return;
    char text[ID_TEXT_MAX];
    int from = simple ? a->id_at : 2, n = x->argc - from + 2;
    struct bytes *argv = exec_alloc(x, (size_t)n * sizeof *argv);
    argv[0] = x->argv[0];
    argv[1] = x->argv[1];
    memcpy(argv + 2, x->argv + from, (size_t)(n - 2) * sizeof *argv);
    argv[a->id_at - from + 2] = bytes_of(text, id_format(text, id));
    exec_log_as(x, argv, n);
}

static void cmd_xadd(struct exec *x)
{
    static const struct stream none;
    struct add_args a;
    struct stream *s;
    struct id id;
    if (!parse_add(x, &a) || !stream_write(x, 0, &s))
        return;
    if (!s && a.no_make) {
        reply_null(x->reply);
        return;
    }
    if (s && id_cmp(s->last_id, ID_MAX) == 0) {
        fail(x, "The stream has exhausted the last possible ID, unable to add more items");
        return;
    }
    if (!choose_id(x, s ? s : &none, &a, &id)) {
        fail(x, "The ID specified in XADD is equal or smaller than the target stream top item");
        return;
    }
    if (!s)
        exec_put_object(x, 0, TYPE_STREAM, s = stream_new());
    stream_append(s, id, x->argv + a.id_at + 1, (size_t)(x->argc - a.id_at - 1) / 2,
                  stream_limits_of(x));
    stream_reply_id(x, id);
    exec_changed(x, 0, EVENT_STREAM, "xadd");
    log_add(x, &a, id);
    if (a.trims && stream_trim(s, &a.trim) > 0) {
        exec_event(x, 0, EVENT_STREAM, "xtrim");
        if (a.trim.approx)
            log_trim(x, s, &a);
    }
}

/* ---- ranges ------------------------------------------------------------------------------------- */

static void cmd_xlen(struct exec *x)
{
    struct stream *s;
    if (stream_read(x, 0, &s))
        reply_int(x->reply, s ? (int64_t)s->length : 0);
}

/* XRANGE and XREVRANGE. */
static void cmd_xrange(struct exec *x)
{
    bool reverse = x->cmd->row->name[1] == 'r' && x->cmd->row->name[2] == 'e';
    struct id low, high;
    int64_t count = -1;
    struct stream *s;
    if (!stream_low_arg(x, reverse ? 3 : 2, &low) || !stream_high_arg(x, reverse ? 2 : 3, &high))
        return;
    for (int i = 4; i < x->argc; i += 2) {
        if (!exec_is(x, i, "COUNT") || i + 1 >= x->argc) {
            reply_error(x->reply, ERROR_SYNTAX);
            return;
        }
        if (!exec_int(x, i + 1, &count))
            return;
        count = count < 0 ? 0 : count;
    }
    if (!stream_read(x, 0, &s))
        return;
    if (!s)
        reply_array(x->reply, 0);
    else if (count == 0)
        reply_null_array(x->reply);
    else
        stream_reply_range(x, s, low, high, reverse, count < 0 ? 0 : (uint64_t)count);
}

/* ---- removing ----------------------------------------------------------------------------------- */

static void cmd_xdel(struct exec *x)
{
    struct stream *s;
    struct id *ids;
    int64_t gone = 0;
    if (!stream_write(x, 0, &s))
        return;
    if (!s) {
        reply_int(x->reply, 0);
        return;
    }
    if (!(ids = stream_ids_arg(x, 2, x->argc)))
        return;
    for (int i = 0; i < x->argc - 2; i++)
        gone += stream_delete(s, ids[i]);
    if (gone)
        exec_changed(x, 0, EVENT_STREAM, "xdel");
    reply_int(x->reply, gone);
}

static void cmd_xdelex(struct exec *x)
{
    struct stream_ids list;
    struct stream *s;
    bool gone = false;
    if (!stream_write(x, 0, &s) || !stream_ids_parse(x, 2, &list))
        return;
    reply_array(x->reply, (size_t)list.n);
    for (int i = 0; i < list.n; i++) {
        int result = s ? stream_delete_refs(s, list.ids[i], list.refs) : -1;
        gone |= result == 1;
        reply_int(x->reply, result);
    }
    if (gone)
        exec_changed(x, 0, EVENT_STREAM, "xdel");
}

static void cmd_xtrim(struct exec *x)
{
    struct add_args a = {0};
    struct stream *s;
    if (!parse_options(x, &a) || !stream_write(x, 0, &s))
        return;
    uint64_t removed = s ? stream_trim(s, &a.trim) : 0;
    if (removed && a.trim.approx)
        log_trim(x, s, &a);
    if (removed)
        exec_changed(x, 0, EVENT_STREAM, "xtrim");
    reply_int(x->reply, (int64_t)removed);
}

/* ---- XSETID ------------------------------------------------------------------------------------- */

struct setid_args {
    struct id last, max_deleted;
    int64_t added; /* -1: not given */
};

static bool parse_setid(struct exec *x, struct setid_args *a)
{
    *a = (struct setid_args){.added = -1};
    if (!stream_id_arg(x, 2, 0, &a->last))
        return false;
    for (int i = 3; i < x->argc; i += 2) {
        bool more = i + 1 < x->argc;
        if (more && exec_is(x, i, "ENTRIESADDED")) {
            if (!exec_int(x, i + 1, &a->added))
                return false;
            if (a->added < 0)
                return fail(x, "entries_added must be positive");
        } else if (more && exec_is(x, i, "MAXDELETEDID")) {
            if (!stream_id_arg(x, i + 1, 0, &a->max_deleted))
                return false;
            if (id_cmp(a->last, a->max_deleted) < 0)
                return fail(
                    x,
                    "The ID specified in XSETID is smaller than the provided max_deleted_entry_id");
        } else {
            return fail(x, "syntax error");
        }
    }
    return true;
}

static bool setid_allowed(struct exec *x, const struct stream *s, const struct setid_args *a)
{
    struct id last;
    if (id_cmp(a->last, s->max_deleted) < 0)
        return fail(x, "The ID specified in XSETID is smaller than current max_deleted_entry_id");
    if (stream_last_entry(s, &last) && id_cmp(a->last, last) < 0)
        return fail(x, "The ID specified in XSETID is smaller than the target stream top item");
    if (a->added >= 0 && s->length > (uint64_t)a->added)
        return fail(
            x, "The entries_added specified in XSETID is smaller than the target stream length");
    return true;
}

static void cmd_xsetid(struct exec *x)
{
    struct setid_args a;
    struct stream *s;
    if (!parse_setid(x, &a) || !stream_write(x, 0, &s))
        return;
    if (!s) {
        reply_error(x->reply, ERROR_NO_SUCH_KEY);
        return;
    }
    if (!setid_allowed(x, s, &a))
        return;
    stream_set_last(s, a.last);
    if (a.added >= 0)
        s->entries_added = (uint64_t)a.added;
    if (id_cmp(a.max_deleted, ID_MIN) != 0)
        s->max_deleted = a.max_deleted;
    exec_changed(x, 0, EVENT_STREAM, "xsetid");
    reply_ok(x->reply);
}

#define TRIM "(MAXLEN | MINID) [(= | ~)] threshold [LIMIT count]"
#define REFS "[(KEEPREF | DELREF | ACKED)]"

const struct command_row stream_commands[] = {
    {"xadd", cmd_xadd, -5, "write,denyoom,fast", STREAM_ACL, "@1:0/1:RW+UPDATE", "5.0.0", "stream",
     "key [NOMKSTREAM] " REFS " [" TRIM "] (* | id) field value ...",
     "Adds an entry to a stream, which is made where it is missing."},
    {"xdel", cmd_xdel, -3, "write,fast", STREAM_ACL, "@1:0/1:RW+DELETE", "5.0.0", "stream",
     "key ID ...", "Deletes entries of a stream; returns how many were there."},
    {"xdelex", cmd_xdelex, -5, "write,fast", STREAM_ACL, "@1:0/1:RW+DELETE", "8.2.0", "stream",
     "key " REFS " IDS numids id ...",
     "Deletes entries, and tells for each what became of it; also what pending entries refer to "
     "them."},
    {"xlen", cmd_xlen, 2, "readonly,fast", STREAM_ACL, "@1:0/1:RO", "5.0.0", "stream", "key",
     "Returns the number of entries of a stream."},
    {"xrange", cmd_xrange, -4, "readonly", STREAM_ACL, "@1:0/1:RO+ACCESS", "5.0.0", "stream",
     "key start end [COUNT count]", "Returns the entries between two ids."},
    {"xrevrange", cmd_xrange, -4, "readonly", STREAM_ACL, "@1:0/1:RO+ACCESS", "5.0.0", "stream",
     "key end start [COUNT count]", "Returns the entries between two ids, the latest first."},
    {"xsetid", cmd_xsetid, -3, "write,denyoom,fast", STREAM_ACL, "@1:0/1:RW+UPDATE", "5.0.0",
     "stream", "key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]",
     "Sets the last id of a stream, and its counters."},
    {"xtrim", cmd_xtrim, -4, "write", STREAM_ACL, "@1:0/1:RW+DELETE", "5.0.0", "stream",
     "key " TRIM " " REFS, "Removes the oldest entries of a stream."},
    {0},
};
