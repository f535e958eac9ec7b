/* ATR.COUNTER key by [INITIAL n] [MIN n] [MAX n] [TTL milliseconds [NEW]]
 *
 * What a REST client wants to know of an increment, in one atomic step: a map of
 *   value     after the step; where it was refused, before it
 *   allowed   boolean: false where the sum would pass MIN or MAX, and nothing has changed
 *   created   boolean
 *   ttl_ms    milliseconds left to live, null where there is no deadline
 *
 * INITIAL is what a missing counter starts from, before `by` is added. TTL sets the deadline anew,
 * with NEW only where the counter is created by this step. A sum beyond 64 bits is an error, as for
 * INCRBY. Against INCREX: it tells whether the key is new and how long it lives, and a refusal from
 * an increment by 0. */
#include "commands/exec.h"

enum quota_option { INITIAL, MIN, MAX, TTL, NEW };

struct quota {
    int64_t by, initial, min, max;
    uint64_t deadline_ms;
    bool ttl_if_new;
};

static bool optional_int(struct exec *x, const struct option *o, int64_t *v)
{
    return !o->at || exec_int(x, o->at + 1, v);
}

static bool parse_quota(struct exec *x, struct quota *q)
{
    int64_t ttl_ms;
    struct option o[] = {[INITIAL] = {.word = "INITIAL", .takes = 1},
                         [MIN] = {.word = "MIN", .takes = 1},
                         [MAX] = {.word = "MAX", .takes = 1},
                         [TTL] = {.word = "TTL", .takes = 1},
                         [NEW] = {.word = "NEW"},
                         {0}};
    *q = (struct quota){.min = INT64_MIN, .max = INT64_MAX};
    if (!exec_int(x, 2, &q->by) || !exec_options(x, 3, o) ||
        !optional_int(x, &o[INITIAL], &q->initial) || !optional_int(x, &o[MIN], &q->min) ||
        !optional_int(x, &o[MAX], &q->max))
        return false;
    q->ttl_if_new = o[NEW].at != 0;
    if (q->ttl_if_new && !o[TTL].at) {
        reply_error(x->reply, ERROR_SYNTAX);
        return false;
    }
    if (!o[TTL].at)
        return true;
    if (!exec_int_in(x, o[TTL].at + 1, 1, INT64_MAX - (int64_t)x->now_ms,
                     "invalid expire time in 'atr.counter' command", &ttl_ms))
        return false;
    q->deadline_ms = x->now_ms + (uint64_t)ttl_ms;
    return true;
}

static void reply_counter(struct exec *x, int64_t value, bool allowed, bool created,
                          uint64_t deadline_ms)
{
    struct reply *r = x->reply;
    reply_map(r, 4);
    reply_text(r, "value");
    reply_int(r, value);
    reply_text(r, "allowed");
    reply_bool(r, allowed);
    reply_text(r, "created");
    reply_bool(r, created);
    reply_text(r, "ttl_ms");
    if (deadline_ms)
        reply_int(r, (int64_t)(deadline_ms - x->now_ms));
    else
        reply_null(r);
}

/* Writes the value and, where it is due, the new deadline; returns the deadline that holds then. */
static uint64_t store(struct exec *x, struct entry *e, const struct quota *q, int64_t v)
{
    uint64_t deadline_ms = e ? entry_deadline_ms(e) : 0;
    bool renew = q->deadline_ms && (!e || !q->ttl_if_new);
    if (e) {
        e = keyspace_set_int_locked(x->ks, x->db, &x->keys[0], e, v);
    } else {
        char text[NUM_INT_MAX];
        e = exec_set_string(x, 0, bytes_of(text, num_format_int(text, v)), 0, false);
    }
    exec_changed(x, 0, EVENT_STRING, "incrby");
    if (!renew)
        return deadline_ms;
    keyspace_set_deadline_locked(x->ks, x->db, &x->keys[0], e, q->deadline_ms);
    exec_event(x, 0, EVENT_GENERIC, "expire");
    return q->deadline_ms;
}

static void cmd_atr_counter(struct exec *x)
{
    struct quota q;
    struct entry *e;
    int64_t old, v;
    if (!parse_quota(x, &q) || !exec_peek_typed(x, 0, TYPE_STRING, &e))
        return;
    old = q.initial;
    if (e && !entry_string_int(e, &old)) {
        reply_error(x->reply, ERROR_NOT_INTEGER);
        return;
    }
    if (__builtin_add_overflow(old, q.by, &v)) {
        reply_error(x->reply, ERROR_OVERFLOW);
        return;
    }
    if (v < q.min || v > q.max) {
        reply_counter(x, old, false, false, e ? entry_deadline_ms(e) : 0);
        return;
    }
    uint64_t deadline_ms = store(x, e, &q, v);
    reply_counter(x, v, true, e == NULL, deadline_ms);
}

const struct command_row quota_commands[] = {
    {"atr.counter", cmd_atr_counter, -3, "write,denyoom,fast", "string", "@1:0/1:RW+ACCESS+UPDATE",
     "0.1.0", "string", "key by [INITIAL n] [MIN n] [MAX n] [TTL milliseconds [NEW]]",
     "Adds to a counter within bounds; tells its value, whether it is new, and its time to live."},
    {0},
};
