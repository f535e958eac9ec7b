/* DUMP, RESTORE and RESTORE-ASKING: a value as bytes (persist/rdb_value.h) and back.
 *
 * Differs from Redis on purpose: a payload is always checked in full (sanitize-dump-payload yes), and a TTL so large
 * that its end cannot be counted is an error instead of one in the past. */
#include "commands/exec.h"
#include "commands/rdb_settings.h"
#include "internal.h"
#include "persist/rdb_value.h"

static bool nothing_visible(const struct entry *e, uint64_t now_ms)
{
    return e->type == TYPE_HASH && hash_length(entry_object(e), now_ms) == 0;
}

static void cmd_dump(struct exec *x)
{
    const struct entry *e = exec_read(x, 0);
    if (!e || nothing_visible(e, x->now_ms)) {
        reply_null(x->reply);
        return;
    }
    struct buf dump;
    buf_init(&dump);
    rdb_dump(&dump, e, x->now_ms);
    reply_bulk(x->reply, buf_bytes(&dump));
    buf_release(&dump);
}

/* ---- RESTORE --------------------------------------------------------------------------------- */

struct restore {
    bool replace, absolute;
    int64_t idle_s, freq; /* -1: not given */
    uint64_t deadline_ms; /* 0: none */
};

static bool option_number(struct exec *x, int i, int64_t max, const char *error, int64_t *out)
{
    if (!exec_int(x, i, out))
        return false;
    if (*out >= 0 && *out <= max)
        return true;
    reply_errorf(x->reply, ERROR_GENERIC, "%s", error);
    return false;
}

/* Words may be repeated; IDLETIME and FREQ exclude each other. */
static bool restore_options(struct exec *x, struct restore *o)
{
    *o = (struct restore){.idle_s = -1, .freq = -1};
    for (int i = 4; i < x->argc; i++) {
        bool more = i + 1 < x->argc, ok = true;
        if (exec_is(x, i, "REPLACE"))
            o->replace = true;
        else if (exec_is(x, i, "ABSTTL"))
            o->absolute = true;
        else if (exec_is(x, i, "IDLETIME") && more && o->freq < 0)
            ok = option_number(x, ++i, INT64_MAX, "Invalid IDLETIME value, must be >= 0",
                               &o->idle_s);
        else if (exec_is(x, i, "FREQ") && more && o->idle_s < 0)
            ok =
                option_number(x, ++i, 255, "Invalid FREQ value, must be >= 0 and <= 255", &o->freq);
        else {
            reply_error(x->reply, ERROR_SYNTAX);
            return false;
        }
        if (!ok)
            return false;
    }
    return true;
}

static bool restore_deadline(struct exec *x, struct restore *o)
{
    int64_t ttl;
    if (!option_number(x, 2, INT64_MAX, "Invalid TTL value, must be >= 0", &ttl))
        return false;
    if (ttl && !o->absolute && __builtin_add_overflow(ttl, (int64_t)x->now_ms, &ttl)) {
        reply_errorf(x->reply, ERROR_GENERIC, "invalid expire time in '%s' command",
                     x->cmd->row->name);
        return false;
    }
    o->deadline_ms = (uint64_t)ttl;
    return true;
}

struct rdb_settings rdb_settings_of(const struct config *c, uint64_t now_ms)
{
    return (struct rdb_settings){
        .now_ms = now_ms,
        .hash = {(size_t)config_int(c, CONFIG_HASH_MAX_LISTPACK_ENTRIES),
                 (size_t)config_int(c, CONFIG_HASH_MAX_LISTPACK_VALUE)},
        .zset = {(size_t)config_int(c, CONFIG_ZSET_MAX_LISTPACK_ENTRIES),
                 (size_t)config_int(c, CONFIG_ZSET_MAX_LISTPACK_VALUE)},
        .set = {(size_t)config_int(c, CONFIG_SET_MAX_INTSET_ENTRIES),
                (size_t)config_int(c, CONFIG_SET_MAX_LISTPACK_ENTRIES),
                (size_t)config_int(c, CONFIG_SET_MAX_LISTPACK_VALUE)},
        .list_limit = (int)config_int(c, CONFIG_LIST_MAX_LISTPACK_SIZE),
        .string_max = (size_t)config_int(c, CONFIG_PROTO_MAX_BULK_LEN),
    };
}

static bool restore_value(struct exec *x, struct rdb_value *v)
{
    struct rdb_settings settings = rdb_settings_of(x->engine->config, x->now_ms);
    struct bytes inside;
    if (!rdb_dump_open(x->argv[3], &inside)) {
        reply_errorf(x->reply, ERROR_GENERIC, "DUMP payload version or checksum are wrong");
        return false;
    }
    struct rdb_reader r = {(const uint8_t *)inside.p, (const uint8_t *)inside.p + inside.n, 0};
    unsigned type;
    if (rdb_read_byte(&r, &type) && rdb_read_value(&r, type, &settings, v))
        return true;
    reply_errorf(x->reply, ERROR_GENERIC, "Bad data format");
    return false;
}

/* Puts the value under the key; what is freed with `v` then is not the entry's. */
static void restore_put(struct exec *x, const struct restore *o, struct rdb_value *v)
{
    struct entry *e;
    if (v->type == TYPE_STRING)
        e = exec_set_string(x, 0, v->text.s, 0, false);
    else
        e = exec_put_object(x, 0, v->type, v->object);
    v->object = NULL;
    if (o->deadline_ms)
        e = keyspace_set_deadline_locked(x->ks, x->db, &x->keys[0], e, o->deadline_ms);
    uint32_t now_s = (uint32_t)(x->now_ms / 1000);
    e->access = o->idle_s > now_s ? 0 : now_s - (uint32_t)(o->idle_s < 0 ? 0 : o->idle_s);
    if (o->freq >= 0)
        e->freq = (uint8_t)o->freq;
    exec_changed(x, 0, EVENT_GENERIC, "restore");
}

static void cmd_restore(struct exec *x)
{
    struct restore o;
    struct rdb_value v;
    if (!restore_options(x, &o))
        return;
    if (!o.replace && exec_peek(x, 0)) {
        reply_error(x->reply, ERROR_BUSYKEY);
        return;
    }
    if (!restore_deadline(x, &o) || !restore_value(x, &v))
        return;
    bool expired = v.all_due || (o.deadline_ms && o.deadline_ms <= x->now_ms);
    if (!expired)
        restore_put(x, &o, &v);
    else if (exec_delete(x, 0))
        exec_changed(x, 0, EVENT_GENERIC, "del");
    rdb_value_release(&v);
    reply_ok(x->reply);
}

/* ---- rows ------------------------------------------------------------------------------------ */

#define RESTORE_SYNTAX                                                                             \
    "key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]"

const struct command_row dump_commands[] = {
    {"dump", cmd_dump, 2, "readonly", "keyspace", "@1:0/1:RO+ACCESS", "2.6.0", "generic", "key",
     "Answers a key's value as bytes for RESTORE."},
    {"restore", cmd_restore, -4, "write,denyoom", "keyspace,dangerous", "@1:0/1:OW+UPDATE", "2.6.0",
     "generic", RESTORE_SYNTAX, "Makes a key of the bytes that DUMP answered."},
    {"restore-asking", cmd_restore, -4, "write,denyoom,asking", "keyspace,dangerous",
     "@1:0/1:OW+UPDATE", "3.0.0", "server", RESTORE_SYNTAX,
     "RESTORE as a node of a cluster sends it to another."},
    {0},
};
