#include "commands/memcached_item.h"

#include "base/hash.h"
#include "commands/exec.h"
#include "commands/memcached.h"
#include "internal.h"

/* A stale value's unique is another's: who read it while it was fresh does not replace it unasked. */
#define STALE_UNIQUE 0x9e3779b97f4a7c15u

static void count(struct exec *x, enum engine_counter c)
{
    engine_count(x->engine, c, 1);
}

uint64_t memcached_unique(const struct entry *e)
{
    char scratch[NUM_INT_MAX];
    return hash_digest(entry_string(e, scratch)) ^ (e->flags & ENTRY_STALE ? STALE_UNIQUE : 0);
}

/* ---- storing -------------------------------------------------------------------------------- */

/* SET's write with memcached's flags. */
static enum memcached_outcome put(struct exec *x, const struct memcached_item *item, bool stale)
{
    if (item->deadline_ms && item->deadline_ms <= x->now_ms) {
        if (exec_delete(x, 0))
            exec_changed(x, 0, EVENT_GENERIC, "del");
        return MEMCACHED_STORED;
    }
    struct entry *e = exec_set_string(x, 0, item->value, item->deadline_ms, false);
    e = keyspace_set_client_flags_locked(x->ks, x->db, &x->keys[0], e, item->flags);
    if (stale)
        e->flags |= ENTRY_STALE;
    exec_changed(x, 0, EVENT_STRING, "set");
    if (item->deadline_ms)
        exec_event(x, 0, EVENT_GENERIC, "expire");
    return MEMCACHED_STORED;
}

static enum memcached_outcome cas(struct exec *x, const struct entry *e,
                                  const struct memcached_item *item)
{
    if (!e) {
        count(x, COUNTER_MC_CAS_MISSES);
        return MEMCACHED_NOT_FOUND;
    }
    bool same = memcached_unique(e) == item->unique;
    count(x, same ? COUNTER_MC_CAS_HITS : COUNTER_MC_CAS_BADVAL);
    return same || item->or_stale ? put(x, item, !same) : MEMCACHED_EXISTS;
}

/* Makes room for the value beside the old one; flags and deadline stay. NULL: it must not be
 * stored. */
static char *widen(struct exec *x, struct entry *e, struct bytes value, size_t *old)
{
    char *data;
    size_t max = (size_t)config_int(engine_config(x->engine), CONFIG_MEMCACHED_MAX_ITEM_SIZE);
    *old = entry_string_length(e);
    if (value.n > max || *old > max - value.n)
        return NULL;
    keyspace_edit_locked(x->ks, x->db, &x->keys[0], e, *old + value.n, &data);
    return data;
}

static enum memcached_outcome extend(struct exec *x, struct entry *e,
                                     const struct memcached_item *item)
{
    size_t old;
    bool before = item->mode == MEMCACHED_MODE_PREPEND;
    if (!e)
        return MEMCACHED_NOT_STORED;
    if (item->has_unique && item->unique && memcached_unique(e) != item->unique)
        return MEMCACHED_EXISTS;
    char *data = widen(x, e, item->value, &old);
    if (!data)
        return MEMCACHED_NOT_STORED;
    if (before)
        memmove(data + item->value.n, data, old);
    if (item->value.n)
        memcpy(before ? data : data + old, item->value.p, item->value.n);
    exec_changed(x, 0, EVENT_STRING, before ? "prepend" : "append");
    return MEMCACHED_STORED;
}

enum memcached_outcome memcached_store(struct exec *x, struct entry *e,
                                       const struct memcached_item *item)
{
    count(x, COUNTER_MC_SETS);
    switch (item->mode) {
    case MEMCACHED_MODE_ADD:
        return e ? MEMCACHED_NOT_STORED : put(x, item, false);
    case MEMCACHED_MODE_REPLACE:
        return e ? put(x, item, false) : MEMCACHED_NOT_STORED;
    case MEMCACHED_MODE_APPEND:
    case MEMCACHED_MODE_PREPEND:
        return extend(x, e, item);
    case MEMCACHED_MODE_CAS:
        return cas(x, e, item);
    case MEMCACHED_MODE_SET:
        break;
    }
    return put(x, item, false);
}

/* ---- counting ------------------------------------------------------------------------------- */

static void store_text(struct exec *x, const struct entry *e, const char *digits, size_t n,
                       size_t width)
{
    uint32_t flags = entry_client_flags(e);
    uint8_t marks = n <= width ? e->flags & ENTRY_MARKS : 0; /* it is the same item then */
    char *text = exec_alloc(x, width > n ? width : n);
    memcpy(text, digits, n);
    if (width > n)
        memset(text + n, ' ', width - n);
    struct entry *now = exec_edit_string(x, 0, bytes_of(text, width > n ? width : n));
    now = keyspace_set_client_flags_locked(x->ks, x->db, &x->keys[0], now, flags);
    now->flags |= marks;
}

static void store_count(struct exec *x, struct entry *e, uint64_t v)
{
    char digits[NUM_INT_MAX];
    size_t n = num_format_uint(digits, v), width = entry_string_length(e);
    if (n < width || v > INT64_MAX) {
        store_text(x, e, digits, n, width);
        return;
    }
    uint8_t marks = n == width ? e->flags & ENTRY_MARKS : 0;
    e = keyspace_set_int_locked(x->ks, x->db, &x->keys[0], e, (int64_t)v);
    e->flags |= marks;
}

void memcached_counted(struct exec *x, bool incr, bool hit)
{
    if (incr)
        count(x, hit ? COUNTER_MC_INCR_HITS : COUNTER_MC_INCR_MISSES);
    else
        count(x, hit ? COUNTER_MC_DECR_HITS : COUNTER_MC_DECR_MISSES);
}

bool memcached_count(struct exec *x, struct entry *e, bool incr, uint64_t delta, uint64_t *v)
{
    char scratch[NUM_INT_MAX];
    uint64_t old;
    if (!memcached_uint(entry_string(e, scratch), &old)) {
        reply_errorf(x->reply, ERROR_NOT_INTEGER,
                     "cannot increment or decrement non-numeric value");
        return false;
    }
    *v = incr ? old + delta : old > delta ? old - delta : 0;
    store_count(x, e, *v);
    exec_changed(x, 0, EVENT_STRING, incr ? "incrby" : "decrby");
    return true;
}

/* ---- deadlines ------------------------------------------------------------------------------ */

void memcached_set_deadline(struct exec *x, struct entry *e, uint64_t deadline_ms)
{
    if (deadline_ms && deadline_ms <= x->now_ms) {
        exec_delete(x, 0);
        exec_changed(x, 0, EVENT_GENERIC, "del");
        return;
    }
    keyspace_set_deadline_locked(x->ks, x->db, &x->keys[0], e, deadline_ms);
    exec_changed(x, 0, EVENT_GENERIC, deadline_ms ? "expire" : "persist");
}
