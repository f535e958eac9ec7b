/* Hashes field by field: HSET, HGET and their relatives, counters. Whole hashes are in hash_walk.c,
 * deadlines of fields in hash_ttl.c. */
#include <math.h>

#include "commands/hash_key.h"

/* ---- writing
 * ---------------------------------------------------------------------------------------- */

/* Sets the pairs from argument 2 on; returns how many fields are new, -1 where an error has been
 * answered. */
static int64_t set_pairs(struct exec *x)
{
    struct hash_key k;
    struct hash_write w = hash_write_now(x);
    int64_t created = 0;
    if (x->argc % 2 != 0) {
        hash_wrong_arity(x);
        return -1;
    }
    if (!hash_key_open(x, &k))
        return -1;
    hash_key_make(&k);
    for (int i = 2; i < x->argc; i += 2)
        created += hash_set(k.h, x->argv[i], x->argv[i + 1], &w);
    hash_key_store(x, &k);
    exec_changed(x, 0, EVENT_HASH, "hset");
    return created;
}

static void cmd_hset(struct exec *x)
{
    int64_t created = set_pairs(x);
    if (created >= 0)
        reply_int(x->reply, created);
}

static void cmd_hmset(struct exec *x)
{
    if (set_pairs(x) >= 0)
        reply_ok(x->reply);
}

static void cmd_hsetnx(struct exec *x)
{
    struct hash_key k;
    struct hash_write w = hash_write_now(x);
    if (!hash_key_open(x, &k))
        return;
    if (k.h && hash_exists(k.h, x->argv[2], x->now_ms)) {
        reply_int(x->reply, 0);
        return;
    }
    hash_key_make(&k);
    hash_set(k.h, x->argv[2], x->argv[3], &w);
    hash_key_store(x, &k);
    exec_changed(x, 0, EVENT_HASH, "hset");
    reply_int(x->reply, 1);
}

static void cmd_hdel(struct exec *x)
{
    struct hash_key k;
    int64_t gone = 0;
    if (!hash_key_open(x, &k))
        return;
    for (int i = 2; i < x->argc && k.h; i++)
        gone += hash_del(k.h, x->argv[i], x->now_ms);
    if (gone > 0) {
        hash_key_store(x, &k);
        exec_changed(x, 0, EVENT_HASH, "hdel");
        hash_key_drop_if_empty(x, &k);
    }
    reply_int(x->reply, gone);
}

/* ---- counters
 * --------------------------------------------------------------------------------------- */

static void cmd_hincrby(struct exec *x)
{
    struct hash_key k;
    struct hash_write w = hash_write_now(x);
    int64_t by, v;
    if (!exec_int(x, 3, &by) || !hash_key_open(x, &k))
        return;
    hash_key_make(&k);
    enum hash_incr_result result = hash_incr_by(k.h, x->argv[2], by, &w, &v);
    hash_key_store(x, &k);
    if (result == HASH_INCR_NOT_NUMBER) {
        reply_errorf(x->reply, ERROR_NOT_INTEGER, "hash value is not an integer");
    } else if (result == HASH_INCR_OVERFLOW) {
        reply_error(x->reply, ERROR_OVERFLOW);
    } else {
        exec_changed(x, 0, EVENT_HASH, "hincrby");
        reply_int(x->reply, v);
    }
}

static bool parse_float(struct exec *x, int i, long double *v)
{
    if (!num_parse_long_double(x->argv[i], v)) {
        reply_error(x->reply, ERROR_NOT_FLOAT);
        return false;
    }
    if (isnan(*v) || isinf(*v)) {
        reply_errorf(x->reply, ERROR_OVERFLOW, "value is NaN or Infinity");
        return false;
    }
    return true;
}

static void cmd_hincrbyfloat(struct exec *x)
{
    struct hash_key k;
    struct hash_write w = hash_write_now(x);
    long double by;
    char text[NUM_LONG_DOUBLE_MAX];
    size_t n;
    if (!parse_float(x, 3, &by) || !hash_key_open(x, &k))
        return;
    hash_key_make(&k);
    enum hash_incr_result result = hash_incr_by_float(k.h, x->argv[2], by, &w, text, &n);
    hash_key_store(x, &k);
    if (result == HASH_INCR_NOT_NUMBER) {
        reply_errorf(x->reply, ERROR_NOT_FLOAT, "hash value is not a float");
    } else if (result == HASH_INCR_OVERFLOW) {
        reply_errorf(x->reply, ERROR_OVERFLOW, "increment would produce NaN or Infinity");
    } else {
        exec_changed(x, 0, EVENT_HASH, "hincrbyfloat");
        reply_bulk(x->reply, bytes_of(text, n));
    }
}

/* ---- reading
 * ---------------------------------------------------------------------------------------- */

static void cmd_hget(struct exec *x)
{
    const struct hash *h;
    if (hash_key_read(x, &h))
        hash_reply_field(x, h, x->argv[2]);
}

static void cmd_hmget(struct exec *x)
{
    const struct hash *h;
    if (!hash_key_read(x, &h))
        return;
    reply_array(x->reply, (size_t)(x->argc - 2));
    for (int i = 2; i < x->argc; i++)
        hash_reply_field(x, h, x->argv[i]);
}

static void cmd_hexists(struct exec *x)
{
    const struct hash *h;
    if (hash_key_read(x, &h))
        reply_int(x->reply, h && hash_exists(h, x->argv[2], x->now_ms));
}

static void cmd_hlen(struct exec *x)
{
    const struct hash *h;
    if (hash_key_read(x, &h))
        reply_int(x->reply, h ? (int64_t)hash_length(h, x->now_ms) : 0);
}

static void cmd_hstrlen(struct exec *x)
{
    const struct hash *h;
    struct hash_item item;
    if (!hash_key_read(x, &h))
        return;
    bool there = h && hash_get(h, x->argv[2], x->now_ms, &item);
    reply_int(x->reply, there ? (int64_t)item.value.n : 0);
}

/* ---- rows
 * ------------------------------------------------------------------------------------------- */

const struct command_row hash_commands[] = {
    {"hdel", cmd_hdel, -3, "write,fast", "hash", "@1:0/1:RW+DELETE", "2.0.0", "hash",
     "key field ...", "Deletes fields of a hash, and the hash with its last one."},
    {"hexists", cmd_hexists, 3, "readonly,fast", "hash", "@1:0/1:RO", "2.0.0", "hash", "key field",
     "Tells whether a hash has a field."},
    {"hget", cmd_hget, 3, "readonly,fast", "hash", "@1:0/1:RO+ACCESS", "2.0.0", "hash", "key field",
     "Returns the value of a field."},
    {"hincrby", cmd_hincrby, 4, "write,denyoom,fast", "hash", "@1:0/1:RW+ACCESS+UPDATE", "2.0.0",
     "hash", "key field increment", "Adds to the integer in a field; a missing one counts as 0."},
    {"hincrbyfloat", cmd_hincrbyfloat, 4, "write,denyoom,fast", "hash", "@1:0/1:RW+ACCESS+UPDATE",
     "2.6.0", "hash", "key field increment",
     "Adds to the floating-point number in a field; a missing one counts as 0."},
    {"hlen", cmd_hlen, 2, "readonly,fast", "hash", "@1:0/1:RO", "2.0.0", "hash", "key",
     "Returns the number of fields of a hash."},
    {"hmget", cmd_hmget, -3, "readonly,fast", "hash", "@1:0/1:RO+ACCESS", "2.0.0", "hash",
     "key field ...", "Returns the values of several fields."},
    {"hmset", cmd_hmset, -4, "write,denyoom,fast", "hash", "@1:0/1:RW+UPDATE", "2.0.0", "hash",
     "key field value ...", "Sets several fields; HSET in its older shape."},
    {"hset", cmd_hset, -4, "write,denyoom,fast", "hash", "@1:0/1:RW+UPDATE", "2.0.0", "hash",
     "key field value ...", "Sets fields of a hash; their deadlines end."},
    {"hsetnx", cmd_hsetnx, 4, "write,denyoom,fast", "hash", "@1:0/1:RW+INSERT", "2.0.0", "hash",
     "key field value", "Sets a field if the hash does not have it."},
    {"hstrlen", cmd_hstrlen, 3, "readonly,fast", "hash", "@1:0/1:RO", "3.2.0", "hash", "key field",
     "Returns the length of a field's value."},
    {0},
};
