/* Deadlines of keys: setting, removing and reading them. A deadline is kept as wall-clock
 * milliseconds. */
#include <stdlib.h>

#include "base/hash.h"
#include "commands/generic.h"

/* EXPIRE, PEXPIRE, EXPIREAT and PEXPIREAT, TTL, PTTL, EXPIRETIME and PEXPIRETIME differ in unit and
 * base. */
enum unit { SECONDS, MILLISECONDS };
enum base { RELATIVE, ABSOLUTE };

/* ---- setting -------------------------------------------------------------------------------- */

struct conditions {
    bool nx, xx, gt, lt;
};

/* Repeats are allowed; which may not stand together is told in Redis's words. */
static bool parse_conditions(struct exec *x, struct conditions *c)
{
    *c = (struct conditions){0};
    for (int i = 3; i < x->argc; i++) {
        bool *flag = exec_is(x, i, "NX")   ? &c->nx
                     : exec_is(x, i, "XX") ? &c->xx
                     : exec_is(x, i, "GT") ? &c->gt
                     : exec_is(x, i, "LT") ? &c->lt
                                           : NULL;
        if (!flag) {
            int len = x->argv[i].n < 512 ? (int)x->argv[i].n : 512;
            reply_errorf(x->reply, ERROR_SYNTAX, "Unsupported option %.*s", len, x->argv[i].p);
            return false;
        }
        *flag = true;
    }
    if (c->nx && (c->xx || c->gt || c->lt)) {
        reply_errorf(x->reply, ERROR_SYNTAX,
                     "NX and XX, GT or LT options at the same time are not compatible");
        return false;
    }
    if (c->gt && c->lt) {
        reply_errorf(x->reply, ERROR_SYNTAX,
                     "GT and LT options at the same time are not compatible");
        return false;
    }
    return true;
}

/* Argument 2 as wall-clock ms; negative ones are allowed and lie in the past. */
static bool parse_when(struct exec *x, enum unit unit, enum base base, int64_t *when_ms)
{
    int64_t v, base_ms = base == RELATIVE ? (int64_t)x->now_ms : 0;
    if (!exec_int(x, 2, &v))
        return false;
    bool fits = unit == MILLISECONDS || (v <= INT64_MAX / 1000 && v >= INT64_MIN / 1000);
    if (fits && unit == SECONDS)
        v *= 1000;
    if (!fits || v > INT64_MAX - base_ms) {
        reply_errorf(x->reply, ERROR_GENERIC, "invalid expire time in '%s' command",
                     x->cmd->row->name);
        return false;
    }
    *when_ms = v + base_ms;
    return true;
}

/* A key without a deadline counts as one that lives for ever. */
static bool met(const struct conditions *c, uint64_t present_ms, int64_t when_ms)
{
    bool later = present_ms && when_ms > (int64_t)present_ms;
    bool sooner = !present_ms || when_ms < (int64_t)present_ms;
    return !(c->nx && present_ms) && !(c->xx && !present_ms) && !(c->gt && !later) &&
           !(c->lt && !sooner);
}

static void expire(struct exec *x, enum unit unit, enum base base)
{
    struct conditions c;
    int64_t when_ms;
    if (!parse_conditions(x, &c) || !parse_when(x, unit, base, &when_ms))
        return;
    struct entry *e = exec_peek(x, 0);
    if (!e || !met(&c, entry_deadline_ms(e), when_ms)) {
        reply_int(x->reply, 0);
        return;
    }
    if (when_ms <= (int64_t)x->now_ms) {
        exec_delete(x, 0);
        exec_changed(x, 0, EVENT_GENERIC, "del");
    } else {
        keyspace_set_deadline_locked(x->ks, x->db, &x->keys[0], e, (uint64_t)when_ms);
        exec_changed(x, 0, EVENT_GENERIC, "expire");
    }
    reply_int(x->reply, 1);
}

static void cmd_expire(struct exec *x)
{
    expire(x, SECONDS, RELATIVE);
}

static void cmd_pexpire(struct exec *x)
{
    expire(x, MILLISECONDS, RELATIVE);
}

static void cmd_expireat(struct exec *x)
{
    expire(x, SECONDS, ABSOLUTE);
}

static void cmd_pexpireat(struct exec *x)
{
    expire(x, MILLISECONDS, ABSOLUTE);
}

static void cmd_persist(struct exec *x)
{
    struct entry *e = exec_peek(x, 0);
    bool had = e && entry_deadline_ms(e);
    if (had) {
        keyspace_set_deadline_locked(x->ks, x->db, &x->keys[0], e, 0);
        exec_changed(x, 0, EVENT_GENERIC, "persist");
    }
    reply_int(x->reply, had);
}

/* ---- ATR.EXPIRE ----------------------------------------------------------------------------- */

/* ATR.EXPIRE key milliseconds [IFDEQ digest]: sets the time that a key has left to live, or with -1
 * lets it live without a limit: 1, or 0 where the key is missing. With IFDEQ only a string of that
 * digest (DIGEST) is touched, and the answer is 0 where it has another. */
static bool has_digest(const struct entry *e, struct bytes digest)
{
    char scratch[NUM_INT_MAX], hex[HASH_DIGEST_HEX + 1] = {0};
    hash_digest_hex(hash_digest(entry_string(e, scratch)), hex);
    return bytes_is(digest, hex);
}

static void cmd_atr_expire(struct exec *x)
{
    struct option o[] = {{.word = "IFDEQ", .takes = 1}, {0}};
    struct entry *e;
    int64_t ttl_ms;
    if (!exec_int_in(x, 2, -1, INT64_MAX - (int64_t)x->now_ms,
                     "invalid expire time in 'atr.expire' command", &ttl_ms) ||
        !exec_options(x, 3, o))
        return;
    if (o[0].at && !exec_peek_typed(x, 0, TYPE_STRING, &e))
        return;
    e = exec_peek(x, 0);
    bool holds = e && (!o[0].at || has_digest(e, x->argv[o[0].at + 1]));
    if (holds && ttl_ms > 0) {
        keyspace_set_deadline_locked(x->ks, x->db, &x->keys[0], e, x->now_ms + (uint64_t)ttl_ms);
        exec_changed(x, 0, EVENT_GENERIC, "expire");
    } else if (holds && ttl_ms == 0) {
        exec_delete(x, 0);
        exec_changed(x, 0, EVENT_GENERIC, "del");
    } else if (holds && entry_deadline_ms(e)) {
        keyspace_set_deadline_locked(x->ks, x->db, &x->keys[0], e, 0);
        exec_changed(x, 0, EVENT_GENERIC, "persist");
    }
    reply_int(x->reply, holds);
}

/* ---- reading -------------------------------------------------------------------------------- */

/* -2: no key, -1: no deadline; seconds are rounded to the nearest. */
static void reply_deadline(struct exec *x, enum unit unit, enum base base)
{
    const struct entry *e = generic_look(x, 0);
    uint64_t deadline_ms = e ? entry_deadline_ms(e) : 0;
    if (!deadline_ms) {
        reply_int(x->reply, e ? -1 : -2);
        return;
    }
    int64_t v = (int64_t)(base == ABSOLUTE ? deadline_ms : deadline_ms - x->now_ms);
    reply_int(x->reply, unit == MILLISECONDS ? v : v / 1000 + (v % 1000 >= 500));
}

static void cmd_ttl(struct exec *x)
{
    reply_deadline(x, SECONDS, RELATIVE);
}

static void cmd_pttl(struct exec *x)
{
    reply_deadline(x, MILLISECONDS, RELATIVE);
}

static void cmd_expiretime(struct exec *x)
{
    reply_deadline(x, SECONDS, ABSOLUTE);
}

static void cmd_pexpiretime(struct exec *x)
{
    reply_deadline(x, MILLISECONDS, ABSOLUTE);
}

/* ---- rows ----------------------------------------------------------------------------------- */

#define CONDITION "[(NX | XX | GT | LT)]"

const struct command_row expire_commands[] = {
    {"atr.expire", cmd_atr_expire, -3, "write,fast", "keyspace", "@1:0/1:RW+UPDATE", "0.1.0",
     "generic", "key milliseconds [IFDEQ digest]",
     "Sets or removes a key's time to live, where its value has the digest."},
    {"expire", cmd_expire, -3, "write,fast", "keyspace", "@1:0/1:RW+UPDATE", "1.0.0", "generic",
     "key seconds " CONDITION, "Sets the seconds that a key has left to live."},
    {"expireat", cmd_expireat, -3, "write,fast", "keyspace", "@1:0/1:RW+UPDATE", "1.2.0", "generic",
     "key unix-time-seconds " CONDITION,
     "Sets the point in time, in Unix seconds, at which a key expires."},
    {"expiretime", cmd_expiretime, 2, "readonly,fast", "keyspace", "@1:0/1:RO+ACCESS", "7.0.0",
     "generic", "key", "Returns the point in time, in Unix seconds, at which a key expires."},
    {"persist", cmd_persist, 2, "write,fast", "keyspace", "@1:0/1:RW+UPDATE", "2.2.0", "generic",
     "key", "Lets a key live without a time limit."},
    {"pexpire", cmd_pexpire, -3, "write,fast", "keyspace", "@1:0/1:RW+UPDATE", "2.6.0", "generic",
     "key milliseconds " CONDITION, "Sets the milliseconds that a key has left to live."},
    {"pexpireat", cmd_pexpireat, -3, "write,fast", "keyspace", "@1:0/1:RW+UPDATE", "2.6.0",
     "generic", "key unix-time-milliseconds " CONDITION,
     "Sets the point in time, in Unix milliseconds, at which a key expires."},
    {"pexpiretime", cmd_pexpiretime, 2, "readonly,fast", "keyspace", "@1:0/1:RO+ACCESS", "7.0.0",
     "generic", "key", "Returns the point in time, in Unix milliseconds, at which a key expires."},
    {"pttl", cmd_pttl, 2, "readonly,fast", "keyspace", "@1:0/1:RO+ACCESS", "2.6.0", "generic",
     "key", "Returns the milliseconds that a key has left to live."},
    {"ttl", cmd_ttl, 2, "readonly,fast", "keyspace", "@1:0/1:RO+ACCESS", "1.0.0", "generic", "key",
     "Returns the seconds that a key has left to live."},
    {0},
};
