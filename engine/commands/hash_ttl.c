/* Deadlines of a hash's fields: HEXPIRE, HTTL and their forms, HPERSIST. With values: hash_ex.c. */
#include "commands/hash_fields_arg.h"

/* ---- setting
 * ---------------------------------------------------------------------------------------- */

/* The condition at argument 3, where there is one. */
static enum hash_expire_if parse_condition(const struct exec *x)
{
    static const char *const words[] = {"NX", "XX", "GT", "LT"};
    for (int i = 0; i < 4; i++)
        if (exec_is(x, 3, words[i]))
            return (enum hash_expire_if)(HASH_EXPIRE_NX + i);
    return HASH_EXPIRE_ALWAYS;
}

/* Sets the deadline of each field and answers for each; what happened is told once for all of them.
 */
static void expire_fields(struct exec *x, struct hash_key *k, const struct fields_arg *f,
                          uint64_t when_ms, enum hash_expire_if cond)
{
    bool set = false, deleted = false;
    reply_array(x->reply, (size_t)f->n);
    for (int i = 0; i < f->n; i++) {
        enum hash_expire_result r =
            k->h ? hash_expire(k->h, x->argv[f->first + i], when_ms, cond, x->now_ms)
                 : HASH_EXPIRE_MISSING;
        set |= r == HASH_EXPIRE_SET;
        deleted |= r == HASH_EXPIRE_DELETED;
        reply_int(x->reply, r);
    }
    if (!set && !deleted)
        return;
    hash_key_store(x, k);
    if (deleted)
        exec_changed(x, 0, EVENT_HASH, "hdel");
    if (set)
        exec_changed(x, 0, EVENT_HASH, "hexpire");
    hash_key_drop_if_empty(x, k);
}

static void expire(struct exec *x, enum time_unit unit, bool absolute)
{
    struct hash_key k;
    struct fields_arg f;
    uint64_t when_ms;
    if (!hash_key_open(x, &k) || !hash_parse_when(x, 2, unit, absolute, &when_ms))
        return;
    enum hash_expire_if cond = parse_condition(x);
    if (!fields_arg_parse(x, cond == HASH_EXPIRE_ALWAYS ? 3 : 4,
                          "Parameter `numFields` should be greater than 0", &f))
        return;
    expire_fields(x, &k, &f, when_ms, cond);
}

static void cmd_hexpire(struct exec *x)
{
    expire(x, TIME_SECONDS, false);
}

static void cmd_hpexpire(struct exec *x)
{
    expire(x, TIME_MILLISECONDS, false);
}

static void cmd_hexpireat(struct exec *x)
{
    expire(x, TIME_SECONDS, true);
}

static void cmd_hpexpireat(struct exec *x)
{
    expire(x, TIME_MILLISECONDS, true);
}

static void cmd_hpersist(struct exec *x)
{
    struct hash_key k;
    struct fields_arg f;
    bool done = false;
    if (!hash_key_open(x, &k) || !fields_arg_parse(x, 2, FIELDS_ARG_POSITIVE, &f))
        return;
    reply_array(x->reply, (size_t)f.n);
    for (int i = 0; i < f.n; i++) {
        enum hash_persist_result r =
            k.h ? hash_persist(k.h, x->argv[f.first + i], x->now_ms) : HASH_PERSIST_MISSING;
        done |= r == HASH_PERSIST_DONE;
        reply_int(x->reply, r);
    }
    if (done) {
        hash_key_store(x, &k);
        exec_changed(x, 0, EVENT_HASH, "hpersist");
    }
}

/* ---- reading
 * ---------------------------------------------------------------------------------------- */

/* -2: no such field, -1: no deadline; seconds are rounded up. */
static int64_t told_time(struct exec *x, const struct hash *h, struct bytes field,
                         enum time_unit unit, bool absolute)
{
    struct hash_item item;
    if (!h || !hash_get(h, field, x->now_ms, &item))
        return -2;
    if (item.expire_at_ms == 0)
        return -1;
    uint64_t ms = absolute ? item.expire_at_ms : item.expire_at_ms - x->now_ms;
    return (int64_t)(unit == TIME_SECONDS ? (ms + 999) / 1000 : ms);
}

static void tell_times(struct exec *x, enum time_unit unit, bool absolute)
{
    const struct hash *h;
    struct fields_arg f;
    if (!hash_key_read(x, &h) || !fields_arg_parse(x, 2, FIELDS_ARG_POSITIVE, &f))
        return;
    reply_array(x->reply, (size_t)f.n);
    for (int i = 0; i < f.n; i++)
        reply_int(x->reply, told_time(x, h, x->argv[f.first + i], unit, absolute));
}

static void cmd_httl(struct exec *x)
{
    tell_times(x, TIME_SECONDS, false);
}

static void cmd_hpttl(struct exec *x)
{
    tell_times(x, TIME_MILLISECONDS, false);
}

static void cmd_hexpiretime(struct exec *x)
{
    tell_times(x, TIME_SECONDS, true);
}

static void cmd_hpexpiretime(struct exec *x)
{
    tell_times(x, TIME_MILLISECONDS, true);
}

/* ---- rows
 * ------------------------------------------------------------------------------------------- */

#define CONDITION "[(NX | XX | GT | LT)] "
#define FIELDS    "FIELDS numfields field ..."

const struct command_row hash_ttl_commands[] = {
    {"hexpire", cmd_hexpire, -6, "write,denyoom,fast", "hash", "@1:0/1:RW+UPDATE", "7.4.0", "hash",
     "key seconds " CONDITION FIELDS, "Sets the seconds that fields of a hash have left to live."},
    {"hexpireat", cmd_hexpireat, -6, "write,denyoom,fast", "hash", "@1:0/1:RW+UPDATE", "7.4.0",
     "hash", "key unix-time-seconds " CONDITION FIELDS,
     "Sets the point in time, in Unix seconds, at which fields of a hash expire."},
    {"hexpiretime", cmd_hexpiretime, -5, "readonly,fast", "hash", "@1:0/1:RO+ACCESS", "7.4.0",
     "hash", "key " FIELDS, "Returns the points in time, in Unix seconds, at which fields expire."},
    {"hpersist", cmd_hpersist, -5, "write,fast", "hash", "@1:0/1:RW+UPDATE", "7.4.0", "hash",
     "key " FIELDS, "Lets fields of a hash live without a time limit."},
    {"hpexpire", cmd_hpexpire, -6, "write,denyoom,fast", "hash", "@1:0/1:RW+UPDATE", "7.4.0",
     "hash", "key milliseconds " CONDITION FIELDS,
     "Sets the milliseconds that fields of a hash have left to live."},
    {"hpexpireat", cmd_hpexpireat, -6, "write,denyoom,fast", "hash", "@1:0/1:RW+UPDATE", "7.4.0",
     "hash", "key unix-time-milliseconds " CONDITION FIELDS,
     "Sets the point in time, in Unix milliseconds, at which fields of a hash expire."},
    {"hpexpiretime", cmd_hpexpiretime, -5, "readonly,fast", "hash", "@1:0/1:RO+ACCESS", "7.4.0",
     "hash", "key " FIELDS,
     "Returns the points in time, in Unix milliseconds, at which fields expire."},
    {"hpttl", cmd_hpttl, -5, "readonly,fast", "hash", "@1:0/1:RO+ACCESS", "7.4.0", "hash",
     "key " FIELDS, "Returns the milliseconds that fields of a hash have left to live."},
    {"httl", cmd_httl, -5, "readonly,fast", "hash", "@1:0/1:RO+ACCESS", "7.4.0", "hash",
     "key " FIELDS, "Returns the seconds that fields of a hash have left to live."},
    {0},
};
