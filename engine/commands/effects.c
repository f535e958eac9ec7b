#include "commands/effects.h"

#include <string.h>

#include "commands/exec.h"
#include "commands/journal.h"
#include "internal.h"
#include "persist/aof.h"
#include "persist/aof_record.h"
#include "persist/rdb_value.h"
#include "types/hash.h"
#include "types/zset.h"

/* ---- records into the log --------------------------------------------------------------------- */

void effects_release(struct effects *f)
{
    buf_release(&f->records);
    buf_release(&f->transaction);
}

#define KEPT_BYTES 65536

static void trim(struct buf *b)
{
    if (b->cap > KEPT_BYTES)
        buf_release(b);
}

void effects_begin(struct engine_thread *th)
{
    struct effects *f = &th->effects;
    buf_clear(&f->transaction);
    f->transaction_n = 0;
    f->wrote = false;
    f->in_transaction = true;
}

/* The transaction's records so far, with a SELECT where the database changes. */
static void add_to_transaction(struct effects *f, unsigned db, struct bytes records, unsigned n)
{
    if (f->transaction_n == 0)
        f->first_db = db;
    else if (f->last_db != db)
        aof_encode_select(&f->transaction, db);
    f->last_db = db;
    f->transaction_n += n;
    buf_add_bytes(&f->transaction, records);
}

/* Records of one step, between MULTI and EXEC where they are several. */
static uint64_t append_step(struct engine *e, unsigned first, unsigned last, struct bytes records,
                            unsigned n)
{
    const struct bytes multi = BYTES("MULTI"), exec = BYTES("EXEC");
    struct buf block;
    if (n == 1)
        return aof_append_block(e->journal.aof, first, last, records);
    buf_init(&block);
    aof_encode(&block, &multi, 1);
    buf_add_bytes(&block, records);
    aof_encode(&block, &exec, 1);
    uint64_t position = aof_append_block(e->journal.aof, first, last, buf_bytes(&block));
    buf_release(&block);
    return position;
}

uint64_t effects_end(struct engine_thread *th)
{
    struct effects *f = &th->effects;
    uint64_t position = 0;
    f->in_transaction = false;
    if (f->transaction_n)
        position = append_step(th->engine, f->first_db, f->last_db, buf_bytes(&f->transaction),
                               f->transaction_n);
    else if (f->wrote)
        position = aof_appended(th->engine->journal.aof);
    trim(&f->transaction);
    return position;
}

static void log_alone(struct engine *e, unsigned db, const struct bytes *argv, int argc)
{
    struct effects *f = &engine_thread(e)->effects;
    struct buf record;
    if (!journal_is_on(&e->journal))
        return;
    if (!f->in_transaction) {
        aof_append(e->journal.aof, db, (struct bytes){0}, argv, argc);
        return;
    }
    buf_init(&record);
    aof_encode(&record, argv, argc);
    add_to_transaction(f, db, buf_bytes(&record), 1);
    buf_release(&record);
}

void effects_key_removed(struct engine *e, unsigned db, struct bytes key)
{
    struct bytes argv[] = {BYTES("DEL"), key};
    log_alone(e, db, argv, 2);
}

void effects_field_removed(struct engine *e, unsigned db, struct bytes key, struct bytes field)
{
    struct bytes argv[] = {BYTES("HDEL"), key, field};
    log_alone(e, db, argv, 3);
}

void effects_flushed(struct engine *e, unsigned db)
{
    struct bytes argv[] = {BYTES("FLUSHDB")};
    log_alone(e, db, argv, 1);
}

/* ---- for handlers ------------------------------------------------------------------------------ */

bool exec_logs(const struct exec *x)
{
    return journal_is_on(&x->engine->journal);
}

void exec_log_as(struct exec *x, const struct bytes *argv, int argc)
{
    if (!exec_logs(x))
        return;
    struct effects *f = &engine_thread(x->engine)->effects;
    aof_encode(&f->records, argv, argc);
    f->n++;
}

static struct bytes number(struct exec *x, uint64_t v)
{
    char *text = exec_alloc(x, NUM_INT_MAX);
    return bytes_of(text, num_format_uint(text, v));
}

static void log_deleted(struct exec *x, unsigned k)
{
    struct bytes argv[] = {BYTES("DEL"), x->keys[k].name};
    exec_log_as(x, argv, 2);
}

/* memcached's flags go before the SET as a note. */
static void log_string(struct exec *x, unsigned k, const struct entry *e)
{
    char scratch[NUM_INT_MAX];
    uint64_t deadline_ms = entry_deadline_ms(e);
    uint32_t flags = entry_client_flags(e);
    struct bytes argv[] = {BYTES("SET"), x->keys[k].name, entry_string(e, scratch), BYTES("PXAT"),
                           number(x, deadline_ms)};
    if (flags)
        buf_printf(&engine_thread(x->engine)->effects.records, "#atrium-flags %u\r\n", flags);
    exec_log_as(x, argv, deadline_ms ? 5 : 3);
}

void exec_log_state(struct exec *x, unsigned k)
{
    const struct entry *e = exec_logs(x) ? exec_peek(x, k) : NULL;
    struct buf dump;
    if (!exec_logs(x)) {
        return;
    } else if (!e) {
        log_deleted(x, k);
    } else if (e->type == TYPE_STRING) {
        log_string(x, k, e);
    } else {
        buf_init(&dump);
        rdb_dump(&dump, e, x->now_ms);
        struct bytes argv[] = {BYTES("RESTORE"), x->keys[k].name,  number(x, entry_deadline_ms(e)),
                               buf_bytes(&dump), BYTES("REPLACE"), BYTES("ABSTTL")};
        exec_log_as(x, argv, 6);
        buf_release(&dump);
    }
}

/* ---- effects of commands ----------------------------------------------------------------------- */

/* The keys as they are now. */
static void states(struct exec *x)
{
    for (unsigned k = 0; k < x->nkeys; k++)
        exec_log_state(x, k);
}

/* Of a command that stores into another key than its first. */
static void state_of_target(struct exec *x)
{
    exec_log_state(x, x->nkeys - 1);
}

static void deleted(struct exec *x)
{
    log_deleted(x, 0);
}

static void deadline(struct exec *x)
{
    const struct entry *e = exec_peek(x, 0);
    uint64_t at_ms = e ? entry_deadline_ms(e) : 0;
    struct bytes argv[] = {at_ms ? BYTES("PEXPIREAT") : BYTES("PERSIST"), x->keys[0].name,
                           number(x, at_ms)};
    if (e)
        exec_log_as(x, argv, at_ms ? 3 : 2);
    else
        log_deleted(x, 0);
}

/* It looks at the clock: done again as of now. */
static void as_of_now(struct exec *x)
{
    struct effects *f = &engine_thread(x->engine)->effects;
    buf_printf(&f->records, "#atrium-time %llu\r\n", (unsigned long long)x->now_ms);
    exec_log_as(x, x->argv, x->argc);
}

/* argv with another name, less `skip` arguments from 1 on and `cut` at the end. */
static void renamed(struct exec *x, struct bytes name, int skip, int cut)
{
    struct bytes *argv = exec_alloc(x, (size_t)x->argc * sizeof *argv);
    int n = x->argc - skip - cut;
    memcpy(argv, x->argv + skip, (size_t)n * sizeof *argv);
    argv[0] = name;
    exec_log_as(x, argv, n);
}

/* BLPOP and its kind: numkeys key ... where of the command that pops the first of several. */
static void first_pop(struct exec *x, struct bytes name, struct bytes where)
{
    int keys = x->argc - 2;
    struct bytes *argv = exec_alloc(x, (size_t)(keys + 3) * sizeof *argv);
    argv[0] = name;
    argv[1] = number(x, (uint64_t)keys);
    memcpy(argv + 2, x->argv + 1, (size_t)keys * sizeof *argv);
    argv[keys + 2] = where;
    exec_log_as(x, argv, keys + 3);
}

static void blpop(struct exec *x)
{
    first_pop(x, BYTES("LMPOP"), BYTES("LEFT"));
}

static void brpop(struct exec *x)
{
    first_pop(x, BYTES("LMPOP"), BYTES("RIGHT"));
}

static void bzpopmin(struct exec *x)
{
    first_pop(x, BYTES("ZMPOP"), BYTES("MIN"));
}

static void bzpopmax(struct exec *x)
{
    first_pop(x, BYTES("ZMPOP"), BYTES("MAX"));
}

static void blmpop(struct exec *x)
{
    renamed(x, BYTES("LMPOP"), 1, 0);
}

static void bzmpop(struct exec *x)
{
    renamed(x, BYTES("ZMPOP"), 1, 0);
}

static void blmove(struct exec *x)
{
    renamed(x, BYTES("LMOVE"), 0, 1);
}

static void brpoplpush(struct exec *x)
{
    renamed(x, BYTES("RPOPLPUSH"), 0, 1);
}

static void flushdb(struct exec *x)
{
    struct bytes argv[] = {BYTES("FLUSHDB")};
    exec_log_as(x, argv, 1);
}

/* ATR.ZPLACE key score member: the score that the member has now. */
static void zplace(struct exec *x)
{
    char text[NUM_DOUBLE_MAX];
    double score = 0;
    size_t rank;
    const struct entry *e = exec_peek(x, 0);
    if (!e || !zset_rank(entry_object(e), x->argv[3], &rank, &score)) {
        exec_log_as(x, x->argv, x->argc);
        return;
    }
    struct bytes argv[] = {BYTES("ZADD"), x->keys[0].name,
                           bytes_of(text, num_format_double(text, score)), x->argv[3]};
    exec_log_as(x, argv, 4);
}

/* ---- of hashes' fields --------------------------------------------------------------------------- */

static const struct hash *hash_now(struct exec *x)
{
    const struct entry *e = exec_peek(x, 0);
    return e && e->type == TYPE_HASH ? entry_object(e) : NULL;
}

/* One field as it is now: gone, or its deadline, and where `valued` its value. */
static void log_field(struct exec *x, const struct hash *h, struct bytes field, bool valued)
{
    struct hash_item item;
    struct bytes key = x->keys[0].name;
    if (!h || !hash_get(h, field, x->now_ms, &item)) {
        struct bytes argv[] = {BYTES("HDEL"), key, field};
        exec_log_as(x, argv, 3);
        return;
    }
    if (valued) {
        struct bytes argv[] = {BYTES("HSET"), key, field, item.value};
        exec_log_as(x, argv, 4);
    }
    if (item.expire_at_ms) {
        struct bytes argv[] = {BYTES("HPEXPIREAT"), key,        number(x, item.expire_at_ms),
                               BYTES("FIELDS"),     BYTES("1"), field};
        exec_log_as(x, argv, 6);
    } else if (!valued) {
        struct bytes argv[] = {BYTES("HPERSIST"), key, BYTES("FIELDS"), BYTES("1"), field};
        exec_log_as(x, argv, 5);
    }
}

/* HINCRBY, HSETNX and their like: field at argument 2. */
static void field_set(struct exec *x)
{
    log_field(x, hash_now(x), x->argv[2], true);
}

/* Without deadlines within the hash it is done again as it was. */
static void field_counted(struct exec *x)
{
    const struct hash *h = hash_now(x);
    if (h && hash_next_expiry_ms(h))
        field_set(x);
    else
        exec_log_as(x, x->argv, x->argc);
}

/* The fields that follow FIELDS numfields; each with its value where `stride` is 2. */
static void listed_fields(struct exec *x, int stride, bool valued)
{
    const struct hash *h = hash_now(x);
    int at = 2;
    while (at < x->argc && !exec_is(x, at, "FIELDS"))
        at++;
    for (at += 2; at < x->argc; at += stride)
        log_field(x, h, x->argv[at], valued);
}

static void field_deadlines(struct exec *x)
{
    listed_fields(x, 1, false);
}

static void hsetex(struct exec *x)
{
    listed_fields(x, 2, true);
}

/* HGETDEL key FIELDS n field ... */
static void hgetdel(struct exec *x)
{
    int n = x->argc - 4;
    struct bytes *argv = exec_alloc(x, (size_t)(n + 2) * sizeof *argv);
    argv[0] = BYTES("HDEL");
    argv[1] = x->argv[1];
    memcpy(argv + 2, x->argv + 4, (size_t)n * sizeof *argv);
    exec_log_as(x, argv, n + 2);
}

/* ---- which is whose ------------------------------------------------------------------------------ */

typedef void effect_fn(struct exec *x);

static const struct {
    const char *name;
    effect_fn *fn;
} effects[] = {
    {"atr.counter", states},
    {"atr.expire", deadline},
    {"atr.mc.count", states},
    {"atr.mc.delete", deleted},
    {"atr.mc.flush", flushdb},
    {"atr.mc.gat", deadline},
    {"atr.mc.marith", states},
    {"atr.mc.mdelete", states},
    {"atr.mc.mgetset", states},
    {"atr.mc.mset", states},
    {"atr.mc.store", states},
    {"atr.mc.touch", deadline},
    {"atr.ratelimit", states},
    {"atr.zplace", zplace},
    {"blmove", blmove},
    {"blmpop", blmpop},
    {"blpop", blpop},
    {"brpop", brpop},
    {"brpoplpush", brpoplpush},
    {"bzmpop", bzmpop},
    {"bzpopmax", bzpopmax},
    {"bzpopmin", bzpopmin},
    {"createconsumer", as_of_now},
    {"delex", deleted},
    {"expire", deadline},
    {"expireat", deadline},
    {"getex", deadline},
    {"hexpire", field_deadlines},
    {"hexpireat", field_deadlines},
    {"hgetdel", hgetdel},
    {"hgetex", field_deadlines},
    {"hincrby", field_counted},
    {"hincrbyfloat", field_set},
    {"hpexpire", field_deadlines},
    {"hpexpireat", field_deadlines},
    {"hsetex", hsetex},
    {"hsetnx", field_set},
    {"incrbyfloat", states},
    {"increx", states},
    {"msetex", states},
    {"pexpire", deadline},
    {"pexpireat", deadline},
    {"psetex", states},
    {"restore", states},
    {"restore-asking", states},
    {"setex", states},
    {"sort", state_of_target},
    {"xautoclaim", as_of_now},
    {"xclaim", as_of_now},
    {"xreadgroup", as_of_now},
};

static effect_fn *effect_of(const struct command *cmd)
{
    const char *name = cmd->row->name, *bar = strchr(name, '|');
    size_t low = 0, high = sizeof effects / sizeof *effects;
    name = bar ? bar + 1 : name;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int order = strcmp(name, effects[mid].name);
        if (order == 0)
            return effects[mid].fn;
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

/* SET with options is told by the key's state, a plain one stands as it is. */
static void collect(struct exec *x, struct effects *f)
{
    bool plain_set = x->argc == 3 && bytes_is(x->argv[0], "set");
    effect_fn *fn = f->n || plain_set ? NULL : effect_of(x->cmd);
    if (!fn && !f->n && x->argc > 3 && strcmp(x->cmd->row->name, "set") == 0)
        fn = states;
    if (fn)
        fn(x);
}

static uint64_t log_command(struct exec *x, struct effects *f)
{
    struct engine *e = x->engine;
    struct buf verbatim;
    collect(x, f);
    if (f->n && !f->in_transaction)
        return append_step(e, x->db, x->db, buf_bytes(&f->records), f->n);
    if (!f->in_transaction)
        return aof_append(e->journal.aof, x->db, (struct bytes){0}, x->argv, x->argc);
    if (f->n) {
        add_to_transaction(f, x->db, buf_bytes(&f->records), f->n);
        return 0;
    }
    buf_init(&verbatim);
    aof_encode(&verbatim, x->argv, x->argc);
    add_to_transaction(f, x->db, buf_bytes(&verbatim), 1);
    buf_release(&verbatim);
    return 0;
}

void effects_run(struct exec *x)
{
    struct effects *f;
    uint32_t logged = CMD_WRITE | CMD_MAY_REPLICATE;
    if (__builtin_expect(!journal_is_on(&x->engine->journal), 1) || !(x->cmd->flags & logged)) {
        x->cmd->row->handler(x);
        return;
    }
    f = &engine_thread(x->engine)->effects;
    buf_clear(&f->records);
    f->n = 0;
    x->cmd->row->handler(x);
    f->wrote |= (x->cmd->flags & CMD_WRITE) != 0;
    if (x->changes)
        x->log_position = log_command(x, f);
    else if (x->cmd->flags & CMD_WRITE) /* what it found may not be on disk yet */
        x->log_position = aof_appended(x->engine->journal.aof);
    trim(&f->records);
}
