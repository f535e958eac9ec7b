/* What is pending in a group: XPENDING tells it, XCLAIM and XAUTOCLAIM give it to another consumer. */
#include "commands/stream_args.h"

static int64_t idle_ms(const struct exec *x, const struct stream_nack *n)
{
    int64_t now = (int64_t)x->now_ms;
    return now > n->delivered_at_ms ? now - n->delivered_at_ms : 0;
}

static bool fail(struct exec *x, const char *text)
{
    reply_errorf(x->reply, ERROR_GENERIC, "%s", text);
    return false;
}

/* ---- XPENDING ----------------------------------------------------------------------------------- */

struct pending_args {
    int64_t min_idle_ms, count;
    struct id low, high;
    int consumer_at; /* 0: all */
};

static bool parse_pending(struct exec *x, struct pending_args *a)
{
    int at = 3;
    *a = (struct pending_args){0};
    if (x->argc < 6 || x->argc > 9)
        return fail(x, "syntax error");
    if (exec_is(x, 3, "IDLE")) {
        if (!exec_int(x, 4, &a->min_idle_ms))
            return false;
        if (x->argc < 8)
            return fail(x, "syntax error");
        at = 5;
    }
    if (!exec_int(x, at + 2, &a->count) || !stream_low_arg(x, at, &a->low) ||
        !stream_high_arg(x, at + 1, &a->high))
        return false;
    a->consumer_at = at + 3 < x->argc ? at + 3 : 0;
    return true;
}

static void reply_summary(struct exec *x, const struct stream_group *g)
{
    struct idmap_at first, last;
    reply_array(x->reply, 4);
    reply_int(x->reply, (int64_t)g->pending.n);
    if (!idmap_first(&g->pending, &first)) {
        reply_null(x->reply);
        reply_null(x->reply);
        reply_null_array(x->reply);
        return;
    }
    idmap_last(&g->pending, &last);
    stream_reply_id(x, first.id);
    stream_reply_id(x, last.id);
    size_t mark = reply_begin(x->reply), n = 0;
    for (size_t i = 0; i < g->consumers.n; i++) {
        const struct stream_consumer *c = stream_consumer_at(g, i);
        char text[NUM_INT_MAX];
        if (c->pending.n == 0)
            continue;
        reply_array(x->reply, 2);
        reply_bulk(x->reply, c->name);
        reply_bulk(x->reply, bytes_of(text, num_format_uint(text, c->pending.n)));
        n++;
    }
    reply_end(x->reply, mark, REPLY_ARRAY, n);
}

static void reply_pending(struct exec *x, const struct idmap *pending, const struct pending_args *a)
{
    struct idmap_at at;
    size_t mark = reply_begin(x->reply);
    int64_t n = 0;
    for (bool there = idmap_ge(pending, a->low, &at);
         there && n < a->count && id_cmp(at.id, a->high) <= 0; there = idmap_next(&at)) {
        const struct stream_nack *nack = at.value;
        if (a->min_idle_ms && (int64_t)x->now_ms - nack->delivered_at_ms < a->min_idle_ms)
            continue;
        reply_array(x->reply, 4);
        stream_reply_id(x, at.id);
        reply_bulk(x->reply, nack->consumer->name);
        reply_int(x->reply, idle_ms(x, nack));
        reply_int(x->reply, (int64_t)nack->deliveries);
        n++;
    }
    reply_end(x->reply, mark, REPLY_ARRAY, (size_t)n);
}

static void cmd_xpending(struct exec *x)
{
    struct pending_args a;
    struct stream *s;
    struct stream_group *g;
    bool summary = x->argc == 3;
    if ((!summary && !parse_pending(x, &a)) || !stream_group_open(x, 0, x->argv[2], &s, &g))
        return;
    if (summary) {
        reply_summary(x, g);
        return;
    }
    const struct stream_consumer *c =
        a.consumer_at ? stream_consumer_find(g, x->argv[a.consumer_at]) : NULL;
    if (a.consumer_at && !c)
        reply_array(x->reply, 0);
    else
        reply_pending(x, c ? &c->pending : &g->pending, &a);
}

/* ---- XCLAIM ------------------------------------------------------------------------------------- */

/* How entries change hands. */
struct claim {
    int64_t min_idle_ms;
    int64_t delivered_at_ms; /* becomes the time of their delivery */
    int64_t deliveries;      /* -1: one more than they have */
    bool force, just_id;
    struct id last_id; /* the group has read up to there */
    struct stream *s;
    struct stream_group *g;
    struct stream_consumer *c;
};

static bool parse_idle(struct exec *x, const char *error, struct claim *m)
{
    *m = (struct claim){.deliveries = -1, .delivered_at_ms = (int64_t)x->now_ms};
    if (!num_parse_int(x->argv[4], &m->min_idle_ms))
        return fail(x, error);
    if (m->min_idle_ms < 0)
        m->min_idle_ms = 0;
    return true;
}

/* A number for XCLAIM's option at argument i. */
static bool claim_number(struct exec *x, int i, const char *option, int64_t *v)
{
    if (num_parse_int(x->argv[i], v))
        return true;
    reply_errorf(x->reply, ERROR_GENERIC, "Invalid %s option argument for XCLAIM", option);
    return false;
}

/* The options of XCLAIM from argument `from` on. */
static bool parse_claim_options(struct exec *x, int from, struct claim *m)
{
    int64_t now = (int64_t)x->now_ms, v;
    for (int i = from; i < x->argc; i++) {
        bool more = i + 1 < x->argc, good = true;
        if (exec_is(x, i, "FORCE")) {
            m->force = true;
        } else if (exec_is(x, i, "JUSTID")) {
            m->just_id = true;
        } else if (more && exec_is(x, i, "IDLE")) {
            good = claim_number(x, ++i, "IDLE", &v);
            m->delivered_at_ms = good && !__builtin_sub_overflow(now, v, &v) ? v : now;
        } else if (more && exec_is(x, i, "TIME")) {
            good = claim_number(x, ++i, "TIME", &m->delivered_at_ms);
        } else if (more && exec_is(x, i, "RETRYCOUNT")) {
            good = claim_number(x, ++i, "RETRYCOUNT", &m->deliveries);
        } else if (more && exec_is(x, i, "LASTID")) {
            good = stream_id_arg(x, ++i, 0, &m->last_id);
        } else {
            reply_errorf(x->reply, ERROR_GENERIC, "Unrecognized XCLAIM option '%.*s'",
                         (int)x->argv[i].n, x->argv[i].p);
            return false;
        }
        if (!good)
            return false;
    }
    if (m->delivered_at_ms < 0 || m->delivered_at_ms > now)
        m->delivered_at_ms = now;
    return true;
}

static void reply_claimed(struct exec *x, const struct claim *m, struct id id)
{
    if (m->just_id)
        stream_reply_id(x, id);
    else
        stream_reply_one(x, m->s, id);
}

/* The entry is the claimant's from now on. */
static void take_over(struct exec *x, const struct claim *m, struct stream_nack *nack)
{
    stream_nack_move(m->g, nack, m->c, m->delivered_at_ms);
    if (m->deliveries >= 0)
        nack->deliveries = (uint64_t)m->deliveries;
    else if (!m->just_id)
        nack->deliveries++;
    m->c->active_at_ms = (int64_t)x->now_ms;
    x->changes++;
}

/* One id of XCLAIM: true where it is claimed, and replied. */
static bool claim_one(struct exec *x, const struct claim *m, struct id id)
{
    struct stream_nack *nack = stream_nack_find(m->g, id);
    if (!stream_has(m->s, id)) {
        x->changes += stream_nack_remove(m->g, id);
        return false;
    }
    if (!nack && !m->force)
        return false;
    if (!nack)
        nack = stream_nack_add(m->g, m->c, id, m->delivered_at_ms, 1);
    else if (m->min_idle_ms && (int64_t)x->now_ms - nack->delivered_at_ms < m->min_idle_ms)
        return false;
    take_over(x, m, nack);
    reply_claimed(x, m, id);
    return true;
}

static void cmd_xclaim(struct exec *x)
{
    struct claim m;
    struct stream *s;
    struct stream_group *g;
    int end = 5;
    struct id id, *ids;
    if (!stream_group_open(x, 0, x->argv[2], &s, &g) ||
        !parse_idle(x, "Invalid min-idle-time argument for XCLAIM", &m))
        return;
    while (end < x->argc && stream_parse_id(x->argv[end], 0, &id))
        end++;
    if (!parse_claim_options(x, end, &m) || !(ids = stream_ids_arg(x, 5, end)))
        return;
    if (id_cmp(m.last_id, g->last_id) > 0)
        stream_group_set(g, m.last_id, g->entries_read);
    m.s = s;
    m.g = g;
    m.c = stream_consumer_open(x, 0, g, x->argv[3]);
    size_t mark = reply_begin(x->reply), n = 0;
    for (int i = 0; i < end - 5; i++)
        n += claim_one(x, &m, ids[i]);
    reply_end(x->reply, mark, REPLY_ARRAY, n);
}

/* ---- XAUTOCLAIM --------------------------------------------------------------------------------- */

/* Pending entries looked at for one that is claimed. */
#define ATTEMPTS 10

static bool parse_auto(struct exec *x, struct claim *m, struct id *from, int64_t *count)
{
    *count = 100;
    if (!parse_idle(x, "Invalid min-idle-time argument for XAUTOCLAIM", m) ||
        !stream_low_arg(x, 5, from))
        return false;
    for (int i = 6; i < x->argc; i++) {
        if (i + 1 < x->argc && exec_is(x, i, "COUNT")) {
            if (!num_parse_int(x->argv[++i], count) || *count < 1 || *count > INT64_MAX / 16)
                return fail(x, "COUNT must be > 0");
        } else if (exec_is(x, i, "JUSTID")) {
            m->just_id = true;
        } else {
            return fail(x, "syntax error");
        }
    }
    return true;
}

/* What a walk met: entries that it claimed, and those that are gone from the stream. */
struct walk {
    struct id *claimed, *gone;
    size_t nclaimed, ngone;
    struct id next; /* where to go on, 0-0 at the end */
};

/* Walks over what is pending from w->next on, until `count` are claimed or found to be gone. */
static void claim_walk(struct exec *x, const struct claim *m, int64_t count, struct walk *w)
{
    struct idmap_at at;
    bool there = idmap_ge(&m->g->pending, w->next, &at);
    for (int64_t attempts = count * ATTEMPTS; there && attempts > 0 && count > 0; attempts--) {
        struct stream_nack *nack = at.value;
        struct id id = at.id;
        if (!stream_has(m->s, id)) {
            stream_nack_remove(m->g, id);
            w->gone[w->ngone++] = id;
            count--;
            x->changes++;
            there = idmap_ge(&m->g->pending, id, &at);
            continue;
        }
        if (!m->min_idle_ms || (int64_t)x->now_ms - nack->delivered_at_ms >= m->min_idle_ms) {
            take_over(x, m, nack);
            w->claimed[w->nclaimed++] = id;
            count--;
        }
        there = idmap_next(&at);
    }
    w->next = there ? at.id : ID_MIN;
}

static void cmd_xautoclaim(struct exec *x)
{
    struct claim m;
    struct walk w = {0};
    int64_t count;
    struct stream *s;
    struct stream_group *g;
    if (!parse_auto(x, &m, &w.next, &count) || !stream_group_open(x, 0, x->argv[2], &s, &g))
        return;
    m.s = s;
    m.g = g;
    m.c = stream_consumer_open(x, 0, g, x->argv[3]);
    size_t room = (uint64_t)count < g->pending.n ? (size_t)count : g->pending.n;
    w.claimed = exec_alloc(x, (room + 1) * sizeof *w.claimed);
    w.gone = exec_alloc(x, (room + 1) * sizeof *w.gone);
    claim_walk(x, &m, count, &w);
    reply_array(x->reply, 3);
    stream_reply_id(x, w.next);
    reply_array(x->reply, w.nclaimed);
    for (size_t i = 0; i < w.nclaimed; i++)
        reply_claimed(x, &m, w.claimed[i]);
    reply_array(x->reply, w.ngone);
    for (size_t i = 0; i < w.ngone; i++)
        stream_reply_id(x, w.gone[i]);
}

const struct command_row stream_pending_commands[] = {
    {"xautoclaim", cmd_xautoclaim, -6, "write,fast", STREAM_ACL, "@1:0/1:RW+DELETE", "6.2.0",
     "stream", "key group consumer min-idle-time start [COUNT count] [JUSTID]",
     "Gives entries that have been pending for long to a consumer, some at a time."},
    {"xclaim", cmd_xclaim, -6, "write,fast", STREAM_ACL, "@1:0/1:RW+UPDATE", "5.0.0", "stream",
     "key group consumer min-idle-time ID ... [IDLE ms] [TIME unix-time-milliseconds] [RETRYCOUNT "
     "count] [FORCE] "
     "[JUSTID] [LASTID lastid]",
     "Gives pending entries to another consumer."},
    {"xpending", cmd_xpending, -3, "readonly", STREAM_ACL, "@1:0/1:RO+ACCESS", "5.0.0", "stream",
     "key group [[IDLE min-idle-time] start end count [consumer]]",
     "Tells what is pending in a group."},
    {0},
};
