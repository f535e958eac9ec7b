/* Reading on from an id: XREAD, and XREADGROUP for a consumer of a group; both may wait. A wait with CLAIM
 * also ends when a pending entry has been idle for long enough: it is tried again at that time. */
#include "commands/stream_args.h"

struct read_args {
    bool for_group, no_ack, claims;
    struct bytes group, consumer;
    uint64_t count;   /* of each stream; 0: all */
    int64_t block_at; /* the argument of BLOCK, 0: does not wait */
    uint64_t block_ms;
    int64_t min_idle_ms; /* CLAIM */
    int streams_at, n;   /* the keys; as many ids follow */
};

/* A stream of the command: where to read it. */
struct source {
    struct stream *s; /* NULL: missing */
    struct stream_group *g;
    struct id after;
    bool fresh; /* ">": what the group has not read */
};

/* ---- arguments ---------------------------------------------------------------------------------- */

static bool fail(struct exec *x, const char *text)
{
    reply_errorf(x->reply, ERROR_GENERIC, "%s", text);
    return false;
}

static bool parse_streams(struct exec *x, int i, struct read_args *a)
{
    a->streams_at = i + 1;
    a->n = (x->argc - a->streams_at) / 2;
    if ((x->argc - a->streams_at) % 2 == 0)
        return true;
    return fail(x,
                a->for_group
                    ? "Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' "
                      "must be specified."
                    : "Unbalanced 'xread' list of streams: for each stream key an ID, '+', or '$' "
                      "must be specified.");
}

static bool parse_count(struct exec *x, int i, struct read_args *a)
{
    int64_t count;
    if (!exec_int(x, i, &count))
        return false;
    a->count = count < 0 ? 0 : (uint64_t)count;
    return true;
}

static bool parse_claim(struct exec *x, int i, struct read_args *a)
{
    if (!a->for_group)
        return fail(x,
                    "The CLAIM option is only supported by XREADGROUP. You called XREAD instead.");
    a->claims = true;
    if (!num_parse_int(x->argv[i], &a->min_idle_ms))
        return fail(x, "min-idle-time is not an integer or out of range");
    return a->min_idle_ms >= 0 || fail(x, "min-idle-time must be a positive integer");
}

/* GROUP name consumer at argument i. */
static bool parse_group(struct exec *x, int i, struct read_args *a)
{
    if (!a->for_group)
        return fail(x,
                    "The GROUP option is only supported by XREADGROUP. You called XREAD instead.");
    a->group = x->argv[i + 1];
    a->consumer = x->argv[i + 2];
    return true;
}

static bool parse_noack(struct exec *x, struct read_args *a)
{
    a->no_ack = true;
    return a->for_group ||
           fail(x, "The NOACK option is only supported by XREADGROUP. You called XREAD instead.");
}

/* The options up to STREAMS. */
static bool parse_options(struct exec *x, struct read_args *a)
{
    for (int i = 1; i < x->argc && a->streams_at == 0; i++) {
        int more = x->argc - i - 1;
        bool good = true;
        if (more >= 1 && exec_is(x, i, "BLOCK")) {
            a->block_at = ++i;
            good = exec_timeout_ms(x, i, &a->block_ms);
        } else if (more >= 1 && exec_is(x, i, "COUNT")) {
            good = parse_count(x, ++i, a);
        } else if (more >= 1 && exec_is(x, i, "STREAMS")) {
            good = parse_streams(x, i, a);
        } else if (more >= 2 && exec_is(x, i, "GROUP")) {
            good = parse_group(x, i, a);
            i += 2;
        } else if (exec_is(x, i, "NOACK")) {
            good = parse_noack(x, a);
        } else if (more >= 1 && exec_is(x, i, "CLAIM")) {
            good = parse_claim(x, ++i, a);
        } else {
            good = fail(x, "syntax error");
        }
        if (!good)
            return false;
    }
    if (a->streams_at == 0)
        return fail(x, "syntax error");
    if (a->for_group && !a->group.p)
        return fail(x, "Missing GROUP option for XREADGROUP");
    /* The keys that were locked are those behind the first STREAMS: a group or consumer of that name hides them. */
    if (x->nkeys != (unsigned)a->n || (a->n && x->keys[0].name.p != x->argv[a->streams_at].p))
        return fail(x, "syntax error");
    return true;
}

static bool find_group(struct exec *x, unsigned k, const struct read_args *a, struct source *src)
{
    src->g = src->s ? stream_group_find(src->s, a->group) : NULL;
    if (src->g)
        return true;
    struct bytes key = x->keys[k].name;
    reply_errorf(x->reply, ERROR_NOGROUP,
                 "No such key '%.*s' or consumer group '%.*s' in XREADGROUP with GROUP option",
                 (int)key.n, key.p, (int)a->group.n, a->group.p);
    return false;
}

/* XREAD's "+": from before the last entry on. */
static struct id before_last(const struct stream *s)
{
    struct id id = ID_MIN;
    if (!s)
        return id;
    if (!stream_last_entry(s, &id))
        return s->last_id;
    id_decrement(&id);
    return id;
}

static bool parse_source_id(struct exec *x, int i, const struct read_args *a, struct source *src)
{
    bool dollar = exec_is(x, i, "$"), plus = exec_is(x, i, "+");
    if (dollar && a->for_group)
        return fail(x, "The $ ID is meaningless in the context of XREADGROUP: you want to read the "
                       "history of this "
                       "consumer by specifying a proper ID, or use the > ID to get new messages. "
                       "The $ ID would "
                       "just return an empty result set.");
    if (plus && a->for_group)
        return fail(x, "The + ID is meaningless in the context of XREADGROUP: you want to read the "
                       "history of this "
                       "consumer by specifying a proper ID, or use the > ID to get new messages. "
                       "The + ID would "
                       "just return an empty result set.");
    if (dollar || plus) {
        src->after = plus ? before_last(src->s) : src->s ? src->s->last_id : ID_MIN;
        return true;
    }
    if (exec_is(x, i, ">")) {
        if (!a->for_group)
            return fail(x, "The > ID can be specified only when calling XREADGROUP using the GROUP "
                           "<group> <consumer> "
                           "option.");
        src->fresh = true;
        return true;
    }
    if (!stream_id_arg(x, i, 0, &src->after))
        return false;
    src->fresh = a->for_group && id_cmp(src->after, ID_MAX) == 0;
    return true;
}

/* NULL: the error has been answered. */
static struct source *open_sources(struct exec *x, const struct read_args *a)
{
    struct source *sources = exec_alloc(x, (size_t)(a->n ? a->n : 1) * sizeof *sources);
    for (int i = 0; i < a->n; i++) {
        struct source *src = &sources[i];
        *src = (struct source){0};
        if (!stream_read(x, (unsigned)i, &src->s) ||
            (a->for_group && !find_group(x, (unsigned)i, a, src)) ||
            !parse_source_id(x, a->streams_at + a->n + i, a, src))
            return NULL;
    }
    return sources;
}

/* ---- a consumer's pending entries ---------------------------------------------------------------- */

/* What is pending of the consumer after an id, delivered once more. */
static void reply_history(struct exec *x, const struct read_args *a, struct source *src,
                          struct stream_consumer *c)
{
    struct idmap_at at;
    struct id from = src->after;
    size_t mark = reply_begin(x->reply);
    uint64_t n = 0;
    bool there = id_increment(&from) && idmap_ge(&c->pending, from, &at);
    for (; there && (a->count == 0 || n < a->count); there = idmap_next(&at), n++) {
        struct stream_nack *nack = at.value;
        if (stream_reply_one(x, src->s, at.id)) {
            stream_nack_move(src->g, nack, c, (int64_t)x->now_ms);
            nack->deliveries++;
        } else {
            reply_array(x->reply, 2);
            stream_reply_id(x, at.id);
            reply_null_array(x->reply);
        }
    }
    reply_end(x->reply, mark, REPLY_ARRAY, n);
}

/* ---- what is new -------------------------------------------------------------------------------- */

/* The entry is the consumer's now, whoever had it. */
static void deliver(struct exec *x, const struct read_args *a, struct source *src,
                    struct stream_consumer *c, struct id id)
{
    stream_group_advance(src->s, src->g, id);
    c->active_at_ms = (int64_t)x->now_ms;
    if (a->no_ack)
        return;
    struct stream_nack *nack = stream_nack_find(src->g, id);
    if (nack) {
        stream_nack_move(src->g, nack, c, (int64_t)x->now_ms);
        nack->deliveries = 1;
    } else {
        stream_nack_add(src->g, c, id, (int64_t)x->now_ms, 1);
    }
}

/* An entry that CLAIM lists: with the time since its last delivery, and how many there were. */
static void reply_claimed(struct exec *x, struct stream_iter *it, int64_t idle_ms,
                          uint64_t deliveries)
{
    reply_array(x->reply, 4);
    stream_reply_id(x, it->entry.id);
    stream_reply_fields(x, it);
    reply_int(x->reply, idle_ms);
    reply_int(x->reply, (int64_t)deliveries);
}

/* Entries that wait for long, the longest first; those that are deleted from the stream stay pending. Returns
 * how many. */
static uint64_t reply_idle(struct exec *x, const struct read_args *a, struct source *src,
                           struct stream_consumer *c)
{
    struct id from = ID_MIN;
    struct stream_nack *nack;
    uint64_t n = 0;
    int64_t now = (int64_t)x->now_ms;
    uint64_t end = src->g->serials; /* what is delivered below has a number from here on */
    while ((a->count == 0 || n < a->count) && (nack = stream_nack_oldest(src->g, &from))) {
        struct stream_iter it;
        int64_t idle = now > nack->delivered_at_ms ? now - nack->delivered_at_ms : 0;
        if (idle < a->min_idle_ms || nack->serial >= end)
            break;
        stream_iter_init(&it, src->s, nack->entry, nack->entry, false);
        if (!stream_iter_next(&it))
            continue;
        reply_claimed(x, &it, idle, nack->deliveries);
        stream_nack_move(src->g, nack, c, now);
        nack->deliveries++;
        c->active_at_ms = now; /* a claim has a consumer. NOLINT(clang-analyzer-core.*) */
        n++;
    }
    return n;
}

/* Entries after an id: for everyone, or for a consumer of the group. */
static void reply_new(struct exec *x, const struct read_args *a, struct source *src,
                      struct stream_consumer *c)
{
    /* Fresh entries are a group's. NOLINTNEXTLINE(clang-analyzer-core.*) */
    struct id from = src->fresh ? src->g->last_id : src->after;
    struct stream_iter it;
    size_t mark = reply_begin(x->reply);
    uint64_t n = src->fresh && a->claims ? reply_idle(x, a, src, c) : 0;
    if (id_increment(&from))
        stream_iter_init(&it, src->s, from, ID_MAX, false);
    else
        stream_iter_init(&it, src->s, ID_MAX, ID_MIN, false);
    for (; (a->count == 0 || n < a->count) && stream_iter_next(&it); n++) {
        if (a->claims)
            reply_claimed(x, &it, 0, 0);
        else
            stream_reply_entry(x, &it);
        if (c)
            deliver(x, a, src, c, it.entry.id);
    }
    reply_end(x->reply, mark, REPLY_ARRAY, n);
}

/* Is there an entry above id? */
static bool has_after(const struct stream *s, struct id id)
{
    struct id last;
    return stream_last_entry(s, &last) && id_cmp(last, id) > 0;
}

/* Is there an entry that CLAIM takes? */
static bool has_idle(struct exec *x, const struct read_args *a, const struct source *src)
{
    struct id from = ID_MIN;
    struct stream_nack *nack;
    while (a->claims && (nack = stream_nack_oldest(src->g, &from))) {
        if ((int64_t)x->now_ms - nack->delivered_at_ms < a->min_idle_ms)
            return false;
        if (stream_has(src->s, nack->entry))
            return true;
    }
    return false;
}

/* Is there something to reply of the stream? A consumer's history always is, if empty. */
static bool is_ready(struct exec *x, const struct read_args *a, const struct source *src)
{
    if (!src->s || !src->g)
        return src->s && has_after(src->s, src->after);
    return !src->fresh || has_after(src->s, src->g->last_id) || has_idle(x, a, src);
}

static void reply_source(struct exec *x, unsigned k, const struct read_args *a, struct source *src,
                         struct stream_consumer *c)
{
    if (x->reply->resp < 3)
        reply_array(x->reply, 2);
    reply_bulk(x->reply, x->keys[k].name);
    if (c && !src->fresh)
        reply_history(x, a, src, c);
    else
        reply_new(x, a, src, c);
    if (c)
        x->changes++; /* no change of the stream: neither watchers nor events are told */
}

/* ---- waiting ------------------------------------------------------------------------------------ */

/* In how many ms the next pending entry can be claimed, 0: never by waiting. */
static uint64_t next_claim_ms(struct exec *x, const struct read_args *a, const struct source *sources)
{
    uint64_t next = 0;
    for (int i = 0; a->claims && i < a->n; i++) {
        struct id from = ID_MIN;
        struct stream_nack *nack = sources[i].g && sources[i].fresh ? stream_nack_oldest(sources[i].g, &from) : NULL;
        while (nack && !stream_has(sources[i].s, nack->entry))
            nack = stream_nack_oldest(sources[i].g, &from);
        if (!nack)
            continue;
        int64_t at_ms, left;
        if (__builtin_add_overflow(nack->delivered_at_ms, a->min_idle_ms, &at_ms))
            continue;
        left = at_ms - (int64_t)x->now_ms;
        uint64_t ms = left > 0 ? (uint64_t)left : 1;
        next = next == 0 || ms < next ? ms : next;
    }
    return next;
}

/* Nothing there: waits, with "$" and "+" as what they are now, or answers that. */
static void wait_for_entries(struct exec *x, const struct read_args *a,
                             const struct source *sources)
{
    struct block b = {.n = (unsigned)a->n,
                      .type = TYPE_STREAM,
                      .on_loss = a->for_group,
                      .timeout_ms = a->block_ms,
                      .retry_ms = next_claim_ms(x, a, sources)};
    if (!a->block_at || !exec_block(x, &b)) {
        reply_null_array(x->reply);
        return;
    }
    for (int i = 0; i < a->n; i++) {
        char text[ID_TEXT_MAX];
        struct id id = sources[i].s ? sources[i].s->last_id : ID_MIN;
        int at = a->streams_at + a->n + i;
        if (exec_is(x, at, "$") || exec_is(x, at, "+"))
            exec_block_arg(x, at, bytes_of(text, id_format(text, id)));
    }
}

static void cmd_xread(struct exec *x)
{
    struct read_args a = {.for_group = x->cmd->row->name[5] == 'g'};
    size_t n = 0, mark = 0;
    struct source *sources;
    if (!parse_options(x, &a) || !(sources = open_sources(x, &a)))
        return;
    for (unsigned i = 0; i < (unsigned)a.n; i++) {
        struct source *src = &sources[i];
        struct stream_consumer *c = src->g ? stream_consumer_open(x, i, src->g, a.consumer) : NULL;
        if (!is_ready(x, &a, src))
            continue;
        if (n++ == 0)
            mark = reply_begin(x->reply);
        reply_source(x, i, &a, src, c);
    }
    if (n)
        reply_end(x->reply, mark, x->reply->resp >= 3 ? REPLY_MAP : REPLY_ARRAY, n);
    else
        wait_for_entries(x, &a, sources);
}

const struct command_row stream_read_commands[] = {
    {"xread", cmd_xread, -4, "readonly,blocking", STREAM_ACL, "kw:STREAMS@1:-1/1/2:RO+ACCESS",
     "5.0.0", "stream", "[COUNT count] [BLOCK milliseconds] STREAMS key ... ID ...",
     "Returns the entries of streams after the given ids; may wait for some."},
    {"xreadgroup", cmd_xread, -7, "write,blocking", STREAM_ACL, "kw:STREAMS@4:-1/1/2:RO+ACCESS",
     "5.0.0", "stream",
     "GROUP group consumer [COUNT count] [BLOCK milliseconds] [CLAIM min-idle-time] [NOACK] "
     "STREAMS key ... ID ...",
     "Returns entries that a group has not read to one of its consumers, or those pending of it; "
     "may wait for some."},
    {0},
};
