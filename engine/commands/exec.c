#include "commands/exec.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "commands/memory_limit.h"
#include "commands/wait.h"
#include "internal.h"

/* ---- looking up ------------------------------------------------------------------------------ */

struct entry *exec_peek(struct exec *x, unsigned k)
{
    return keyspace_find_locked(x->ks, x->db, &x->keys[k], x->now_ms);
}

static void exec_used(const struct exec *x, struct entry *e)
{
    struct access_rule rule = memory_limit_access(x->engine);
    access_touch(e, x->now_ms, &rule);
}

void exec_fetched(const struct exec *x, struct entry *e)
{
    exec_used(x, e);
    e->flags |= ENTRY_FETCHED;
}

struct entry *exec_read(struct exec *x, unsigned k)
{
    struct entry *e = exec_peek(x, k);
    engine_count(x->engine, e ? COUNTER_HITS : COUNTER_MISSES, 1);
    if (e && !x->session->no_touch)
        exec_fetched(x, e);
    if (!e)
        engine_notify(x->engine, x->db, EVENT_KEY_MISS, "keymiss", x->keys[k].name);
    return e;
}

static bool of_type(struct exec *x, const struct entry *e, enum value_type type)
{
    if (!e || e->type == type)
        return true;
    reply_error(x->reply, ERROR_WRONGTYPE);
    return false;
}

bool exec_read_typed(struct exec *x, unsigned k, enum value_type type, struct entry **e)
{
    *e = exec_read(x, k);
    return of_type(x, *e, type);
}

bool exec_peek_typed(struct exec *x, unsigned k, enum value_type type, struct entry **e)
{
    *e = exec_peek(x, k);
    return of_type(x, *e, type);
}

bool exec_read_object(struct exec *x, unsigned k, enum value_type type, void **object)
{
    struct entry *e;
    if (!exec_read_typed(x, k, type, &e))
        return false;
    *object = e ? entry_object(e) : NULL;
    return true;
}

bool exec_peek_object(struct exec *x, unsigned k, enum value_type type, void **object)
{
    struct entry *e;
    if (!exec_peek_typed(x, k, type, &e))
        return false;
    *object = e ? entry_object(e) : NULL;
    return true;
}

/* ---- changing -------------------------------------------------------------------------------- */

void exec_announce_overwritten(struct exec *x, unsigned k, enum value_type before,
                               enum value_type after)
{
    exec_event(x, k, EVENT_OVERWRITTEN, "overwritten");
    if (before != after)
        exec_event(x, k, EVENT_TYPE_CHANGED, "type_changed");
}

void exec_announce(struct exec *x, unsigned db, unsigned k, enum value_type type)
{
    uint32_t asked = (uint32_t)config_int(x->engine->config, CONFIG_NOTIFY_KEYSPACE_EVENTS);
    if (__builtin_expect((asked & (EVENT_NEW | EVENT_OVERWRITTEN | EVENT_TYPE_CHANGED)) == 0, 1))
        return;
    const struct entry *e = keyspace_find_locked(x->ks, db, &x->keys[k], x->now_ms);
    if (e)
        exec_announce_overwritten(x, k, (enum value_type)e->type, type);
    else
        engine_notify(x->engine, db, EVENT_NEW, "new", x->keys[k].name);
}

struct entry *exec_put_object(struct exec *x, unsigned k, enum value_type type, void *object)
{
    exec_announce(x, x->db, k, type);
    struct entry *e = entry_new_object(x->keys[k].name, type, object, 0);
    keyspace_put_locked(x->ks, x->db, &x->keys[k], e, 0);
    return e;
}

struct entry *exec_set_string(struct exec *x, unsigned k, struct bytes value, uint64_t deadline_ms,
                              bool keep_ttl)
{
    exec_announce(x, x->db, k, TYPE_STRING);
    struct entry *e =
        keyspace_set_string_locked(x->ks, x->db, &x->keys[k], value, deadline_ms, keep_ttl);
    exec_used(x, e);
    return e;
}

struct entry *exec_edit_string(struct exec *x, unsigned k, struct bytes value)
{
    struct entry *e = keyspace_set_string_locked(x->ks, x->db, &x->keys[k], value, 0, true);
    exec_used(x, e);
    return e;
}

bool exec_delete(struct exec *x, unsigned k)
{
    return keyspace_delete_locked(x->ks, x->db, &x->keys[k]);
}

bool exec_delete_if_empty(struct exec *x, unsigned k, struct entry *e)
{
    if (type_ops[e->type]->length(entry_object(e)) != 0)
        return false;
    exec_delete(x, k);
    exec_event(x, k, EVENT_GENERIC, "del");
    return true;
}

void exec_event(struct exec *x, unsigned k, enum event_class cls, const char *event)
{
    engine_notify(x->engine, x->db, cls, event, x->keys[k].name);
}

void exec_touched(struct exec *x, unsigned k)
{
    x->changes++;
    if (__builtin_expect(x->keys[k].shard->interests != NULL, 0))
        wait_touch(x, k);
}

void exec_changed(struct exec *x, unsigned k, enum event_class cls, const char *event)
{
    exec_touched(x, k);
    exec_event(x, k, cls, event);
}

/* ---- without the locks ----------------------------------------------------------------------- */

void exec_outside(struct exec *x, exec_outside_fn *work, void *ctx)
{
    if (x->may_step_out) {
        x->outside = work;
        x->outside_ctx = ctx;
    } else if (work(x, ctx)) {
        x->resumed = ctx;
        x->cmd->row->handler(x);
    }
}

/* ---- arguments ------------------------------------------------------------------------------- */

bool exec_is(const struct exec *x, int i, const char *word)
{
    return i < x->argc && bytes_is(x->argv[i], word);
}

bool exec_int(struct exec *x, int i, int64_t *out)
{
    if (num_parse_int(x->argv[i], out))
        return true;
    reply_error(x->reply, ERROR_NOT_INTEGER);
    return false;
}

bool exec_int_in(struct exec *x, int i, int64_t min, int64_t max, const char *error, int64_t *out)
{
    if (!exec_int(x, i, out))
        return false;
    if (*out >= min && *out <= max)
        return true;
    reply_errorf(x->reply, ERROR_OUT_OF_BOUNDS, "%s", error);
    return false;
}

bool exec_double(struct exec *x, int i, double *out)
{
    if (num_parse_double(x->argv[i], out))
        return true;
    reply_error(x->reply, ERROR_NOT_FLOAT);
    return false;
}

void exec_span(int64_t start, int64_t stop, size_t n, size_t *from, size_t *to)
{
    int64_t len = (int64_t)n;
    if (start < 0)
        start = start + len < 0 ? 0 : start + len;
    if (stop < 0)
        stop += len;
    if (stop >= len)
        stop = len - 1;
    *from = *to = 0;
    if (start > stop || start >= len)
        return;
    *from = (size_t)start;
    *to = (size_t)stop + 1;
}

/* Has another word of the group been seen? */
static bool group_taken(const struct option *options, const struct option *o)
{
    if (!o->group)
        return false;
    for (const struct option *p = options; p->word; p++) {
        if (p != o && p->group == o->group && p->at)
            return true;
    }
    return false;
}

bool exec_options_until(struct exec *x, int from, int to, struct option *options)
{
    for (int i = from; i < to; i++) {
        struct option *o = options;
        while (o->word && !bytes_is(x->argv[i], o->word))
            o++;
        if (!o->word || (o->at && !o->repeat) || group_taken(options, o) || i + o->takes >= to) {
            reply_error(x->reply, ERROR_SYNTAX);
            return false;
        }
        o->at = i;
        i += o->takes;
    }
    return true;
}

bool exec_options(struct exec *x, int from, struct option *options)
{
    return exec_options_until(x, from, x->argc, options);
}

static bool bad_deadline(struct exec *x)
{
    const char *name = x->cmd->row->name;
    reply_errorf(x->reply, ERROR_GENERIC, "invalid expire time in '%s' command", name);
    return false;
}

bool exec_deadline(struct exec *x, const char *word, int value_at, uint64_t *deadline_ms)
{
    int64_t v;
    bool seconds = word[0] == 'E', absolute = strlen(word) > 2;
    if (!exec_int(x, value_at, &v))
        return false;
    if (v <= 0 || (seconds && v > INT64_MAX / 1000))
        return bad_deadline(x);
    if (seconds)
        v *= 1000;
    if (!absolute) {
        if (v > INT64_MAX - (int64_t)x->now_ms)
            return bad_deadline(x);
        v += (int64_t)x->now_ms;
    }
    *deadline_ms = (uint64_t)v;
    return true;
}

static bool bad_timeout(struct exec *x, const char *why)
{
    reply_errorf(x->reply, ERROR_GENERIC, "%s", why);
    return false;
}

bool exec_timeout_seconds(struct exec *x, int i, uint64_t *timeout_ms)
{
    double seconds;
    if (!num_parse_double(x->argv[i], &seconds))
        return bad_timeout(x, "timeout is not a float or out of range");
    double ms = ceil(seconds * 1000);
    if (ms < 0)
        return bad_timeout(x, "timeout is negative");
    if (!(ms < (double)(INT64_MAX - (int64_t)x->now_ms)))
        return bad_timeout(x, "timeout is out of range");
    *timeout_ms = (uint64_t)ms;
    return true;
}

bool exec_timeout_ms(struct exec *x, int i, uint64_t *timeout_ms)
{
    int64_t ms;
    if (!num_parse_int(x->argv[i], &ms))
        return bad_timeout(x, "timeout is not an integer or out of range");
    if (ms < 0)
        return bad_timeout(x, "timeout is negative");
    if (ms > INT64_MAX - (int64_t)x->now_ms)
        return bad_timeout(x, "timeout is out of range");
    *timeout_ms = (uint64_t)ms;
    return true;
}

/* ---- lifetime -------------------------------------------------------------------------------- */

struct exec_block {
    struct exec_block *next;
    max_align_t data[];
};

void *exec_alloc(struct exec *x, size_t n)
{
    struct engine_thread *th = engine_thread(x->engine);
    struct exec_block *b = mem_alloc(sizeof *b + n);
    b->next = th->blocks;
    th->blocks = b;
    return b->data;
}

void exec_free_blocks(struct engine_thread *th)
{
    while (th->blocks) {
        struct exec_block *b = th->blocks;
        th->blocks = b->next;
        mem_free(b);
    }
}
