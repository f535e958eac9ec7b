/* Values and deadlines of a hash's fields in one step: HGETEX, HSETEX, HGETDEL. */
#include "commands/hash_fields_arg.h"

/* ---- HGETDEL
 * ---------------------------------------------------------------------------------------- */

static void cmd_hgetdel(struct exec *x)
{
    struct hash_key k;
    struct fields_arg f;
    bool deleted = false;
    if (!hash_key_open(x, &k) || !fields_arg_parse(x, 2, FIELDS_ARG_POSITIVE, &f))
        return;
    reply_array(x->reply, (size_t)f.n);
    for (int i = 0; i < f.n; i++) {
        hash_reply_field(x, k.h, x->argv[f.first + i]);
        deleted |= k.h && hash_del(k.h, x->argv[f.first + i], x->now_ms);
    }
    if (!deleted)
        return;
    hash_key_store(x, &k);
    exec_changed(x, 0, EVENT_HASH, "hdel");
    hash_key_drop_if_empty(x, &k);
}

/* ---- HGETEX
 * ----------------------------------------------------------------------------------------- */

enum getex_kind { GETEX_GET, GETEX_EXPIRE, GETEX_PERSIST };

struct getex {
    enum getex_kind kind;
    uint64_t when_ms;
    struct fields_arg fields;
};

static bool parse_getex(struct exec *x, struct getex *g)
{
    enum time_unit unit;
    bool absolute;
    int at = 2;
    g->kind = GETEX_GET;
    if (hash_time_word(x, 2, &unit, &absolute)) {
        g->kind = GETEX_EXPIRE;
        at = 4;
    } else if (exec_is(x, 2, "PERSIST")) {
        g->kind = GETEX_PERSIST;
        at = 3;
    }
    return fields_arg_parse(x, at, FIELDS_ARG_POSITIVE, &g->fields) &&
           (g->kind != GETEX_EXPIRE || hash_parse_when(x, 3, unit, absolute, &g->when_ms));
}

struct happened {
    bool set, persisted, deleted;
};

static void getex_field(struct exec *x, struct hash *h, const struct getex *g, struct bytes field,
                        struct happened *done)
{
    if (g->kind == GETEX_PERSIST) {
        done->persisted |= hash_persist(h, field, x->now_ms) == HASH_PERSIST_DONE;
    } else if (g->kind == GETEX_EXPIRE) {
        enum hash_expire_result r =
            hash_expire(h, field, g->when_ms, HASH_EXPIRE_ALWAYS, x->now_ms);
        done->set |= r == HASH_EXPIRE_SET;
        done->deleted |= r == HASH_EXPIRE_DELETED;
    }
}

static void cmd_hgetex(struct exec *x)
{
    struct hash_key k;
    struct getex g;
    struct happened done = {0};
    if (!hash_key_open(x, &k) || !parse_getex(x, &g))
        return;
    reply_array(x->reply, (size_t)g.fields.n);
    for (int i = 0; i < g.fields.n; i++) {
        struct bytes field = x->argv[g.fields.first + i];
        hash_reply_field(x, k.h, field);
        if (k.h)
            getex_field(x, k.h, &g, field, &done);
    }
    if (!done.set && !done.persisted && !done.deleted)
        return;
    hash_key_store(x, &k);
    exec_changed(x, 0, EVENT_HASH, done.deleted ? "hdel" : done.set ? "hexpire" : "hpersist");
    hash_key_drop_if_empty(x, &k);
}

/* ---- HSETEX
 * ----------------------------------------------------------------------------------------- */

struct setex {
    bool fnx, fxx, keep, timed;
    uint64_t when_ms;
    int first, pairs; /* pairs is 0 until FIELDS is seen */
};

static bool refuse(struct exec *x, const char *text)
{
    reply_errorf(x->reply, ERROR_SYNTAX, "%s", text);
    return false;
}

/* FIELDS numfields field value ... at argument i; nothing may follow. */
static bool parse_pairs(struct exec *x, int i, struct setex *s)
{
    int64_t n;
    if (i + 1 >= x->argc || !num_parse_int(x->argv[i + 1], &n) || n < 1 || n > INT32_MAX)
        return refuse(x, "invalid number of fields");
    if (n * 2 != x->argc - (i + 2)) {
        hash_wrong_arity(x);
        return false;
    }
    s->first = i + 2;
    s->pairs = (int)n;
    return true;
}

/* The option at argument *i, which is moved to its last argument. */
static bool parse_option(struct exec *x, int *i, struct setex *s)
{
    enum time_unit unit;
    bool absolute, keep = exec_is(x, *i, "KEEPTTL"), fnx = exec_is(x, *i, "FNX");
    bool timed = hash_time_word(x, *i, &unit, &absolute);
    if (keep || timed) {
        if (s->keep || s->timed)
            return refuse(x,
                          "Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified");
        s->keep = keep;
        s->timed = timed;
        if (!timed)
            return true;
        ++*i;
        if (*i < x->argc)
            return hash_parse_when(x, *i, unit, absolute, &s->when_ms);
        hash_wrong_arity(x);
        return false;
    }
    if (!fnx && !exec_is(x, *i, "FXX"))
        return refuse(x, "unknown argument");
    if (s->fnx || s->fxx)
        return refuse(x, "Only one of FXX or FNX arguments can be specified");
    s->fnx = fnx;
    s->fxx = !fnx;
    return true;
}

static bool parse_setex(struct exec *x, struct setex *s)
{
    *s = (struct setex){0};
    for (int i = 2; i < x->argc; i++) {
        if (exec_is(x, i, "FIELDS"))
            return parse_pairs(x, i, s);
        if (!parse_option(x, &i, s))
            return false;
    }
    hash_wrong_arity(x);
    return false;
}

static bool condition_holds(const struct exec *x, const struct hash *h, const struct setex *s)
{
    for (int i = 0; i < s->pairs && (s->fnx || s->fxx); i++) {
        bool there = h && hash_exists(h, x->argv[s->first + 2 * i], x->now_ms);
        if (there == s->fnx)
            return false;
    }
    return true;
}

/* A time that has passed already deletes the fields instead of setting them. */
static void delete_pairs(struct exec *x, struct hash_key *k, const struct setex *s)
{
    bool deleted = false;
    for (int i = 0; i < s->pairs && k->h; i++)
        deleted |= hash_del(k->h, x->argv[s->first + 2 * i], x->now_ms);
    if (!deleted)
        return;
    hash_key_store(x, k);
    exec_changed(x, 0, EVENT_HASH, "hdel");
    hash_key_drop_if_empty(x, k);
}

static void set_pairs(struct exec *x, struct hash_key *k, const struct setex *s)
{
    struct hash_write w = hash_write_now(x);
    w.keep_deadline = s->keep;
    w.expire_at_ms = s->when_ms;
    hash_key_make(k);
    for (int i = 0; i < s->pairs; i++)
        hash_set(k->h, x->argv[s->first + 2 * i], x->argv[s->first + 2 * i + 1], &w);
    hash_key_store(x, k);
    exec_changed(x, 0, EVENT_HASH, "hset");
    if (s->timed)
        exec_event(x, 0, EVENT_HASH, "hexpire");
}

static void cmd_hsetex(struct exec *x)
{
    struct hash_key k;
    struct setex s;
    if (!parse_setex(x, &s) || !hash_key_open(x, &k))
        return;
    bool holds = condition_holds(x, k.h, &s);
    if (holds && s.timed && s.when_ms <= x->now_ms)
        delete_pairs(x, &k, &s);
    else if (holds)
        set_pairs(x, &k, &s);
    reply_int(x->reply, holds);
}

/* ---- rows
 * ------------------------------------------------------------------------------------------- */

#define TIME "EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds"

const struct command_row hash_ex_commands[] = {
    {"hgetdel", cmd_hgetdel, -5, "write,fast", "hash", "@1:0/1:RW+DELETE", "8.0.0", "hash",
     "key FIELDS numfields field ...", "Returns the values of fields and deletes them."},
    {"hgetex", cmd_hgetex, -5, "write,fast", "hash", "@1:0/1:RW", "8.0.0", "hash",
     "key [(" TIME " | PERSIST)] FIELDS numfields field ...",
     "Returns the values of fields and sets or removes their deadlines."},
    {"hsetex", cmd_hsetex, -6, "write,denyoom,fast", "hash", "@1:0/1:RW", "8.0.0", "hash",
     "key [(FNX | FXX)] [(" TIME " | KEEPTTL)] FIELDS numfields field value ...",
     "Sets fields of a hash with one deadline and condition."},
    {0},
};
