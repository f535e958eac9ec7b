/* The memcached door's commands. They are internal: the door calls them with arguments that it has
 * checked, and they answer in memcached's words (STORED, NOT_FOUND). As rows of the table they are
 * under the same permissions, statistics, limits and events as everything else.
 *
 *     ATR.MC.GET key [CAS]                 null, or an array: flags, the cas unique where asked
 * for, value ATR.MC.GAT key exptime [CAS]         the same, and a new deadline ATR.MC.STORE key
 * mode flags exptime value [unique] ATR.MC.COUNT key (INCR | DECR) delta ATR.MC.DELETE key
 * ATR.MC.TOUCH key exptime      ATR.MC.FLUSH exptime
 *
 * The cas unique is the value's digest: an ETag at the HTTP door, DIGEST in RESP. It names the
 * value, so a value that was changed and changed back is the same one, where memcached counts every
 * store. Values are read and written whatever door they came by; a key of another type than string
 * is refused, but delete and touch,
 * which do not look at the value, take any, and flush_all empties the database with all that is in
 * it. */
#include "commands/memcached.h"

#include "base/hash.h"
#include "commands/effects.h"
#include "commands/exec.h"
#include "commands/wait.h"
#include "internal.h"

/* ---- numbers and times ---------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Splits off sign and digits; false where there are no digits or others follow. */
static bool split_number(struct bytes s, bool *minus, struct bytes *digits)
{
    size_t i = 0, from;
    while (i < s.n && is_blank(s.p[i]))
        i++;
    *minus = i < s.n && s.p[i] == '-';
    if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
        i++;
    for (from = i; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
        ;
    *digits = bytes_of(s.p + from, i - from);
    return digits->n > 0 && (i == s.n || is_blank(s.p[i]));
}

static bool magnitude(struct bytes digits, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < digits.n; i++) {
        uint64_t digit = (uint64_t)(digits.p[i] - '0');
        if (__builtin_mul_overflow(*out, 10, out) || __builtin_add_overflow(*out, digit, out))
            return false;
    }
    return true;
}

bool memcached_uint(struct bytes s, uint64_t *out)
{
    bool minus;
    struct bytes digits;
    return split_number(s, &minus, &digits) && magnitude(digits, out) && !(minus && *out);
}

bool memcached_int(struct bytes s, int64_t *out)
{
    bool minus;
    struct bytes digits;
    uint64_t v;
    if (!split_number(s, &minus, &digits) || !magnitude(digits, &v) || v > INT64_MAX)
        return false;
    *out = minus ? -(int64_t)v : (int64_t)v;
    return true;
}

#define RELATIVE_MAX_S (60 * 60 * 24 * 30)

uint64_t memcached_deadline_ms(int64_t exptime, uint64_t now_ms)
{
    if (exptime == 0)
        return 0;
    if (exptime < 0)
        return 1;
    if (exptime <= RELATIVE_MAX_S)
        return now_ms + (uint64_t)exptime * 1000;
    return exptime > INT64_MAX / 1000 ? INT64_MAX : (uint64_t)exptime * 1000;
}

/* Argument i, an exptime, as a deadline; false: the error has been answered. */
static bool deadline_arg(struct exec *x, int i, uint64_t *deadline_ms)
{
    int64_t exptime;
    if (!exec_int(x, i, &exptime))
        return false;
    *deadline_ms = memcached_deadline_ms(exptime, x->now_ms);
    return true;
}

static void count(struct exec *x, enum engine_counter c)
{
    engine_count(x->engine, c, 1);
}

/* ---- reading -------------------------------------------------------------------------------- */

static void reply_value(struct exec *x, const struct entry *e, bool with_cas)
{
    char scratch[NUM_INT_MAX];
    struct bytes value = entry_string(e, scratch);
    reply_array(x->reply, with_cas ? 3 : 2);
    reply_int(x->reply, entry_client_flags(e));
    if (with_cas)
        reply_int(x->reply, (int64_t)hash_digest(value));
    reply_bulk(x->reply, value);
}

static void cmd_get(struct exec *x)
{
    struct entry *e;
    if (!exec_read_typed(x, 0, TYPE_STRING, &e))
        return;
    count(x, e ? COUNTER_MC_GET_HITS : COUNTER_MC_GET_MISSES);
    if (e)
        reply_value(x, e, x->argc > 2);
    else
        reply_null(x->reply);
}

static void set_deadline(struct exec *x, struct entry *e, uint64_t deadline_ms)
{
    if (deadline_ms && deadline_ms <= x->now_ms) {
        exec_delete(x, 0);
        exec_changed(x, 0, EVENT_GENERIC, "del");
        return;
    }
    keyspace_set_deadline_locked(x->ks, x->db, &x->keys[0], e, deadline_ms);
    exec_changed(x, 0, EVENT_GENERIC, deadline_ms ? "expire" : "persist");
}

static void cmd_gat(struct exec *x)
{
    struct entry *e;
    uint64_t deadline_ms;
    if (!deadline_arg(x, 2, &deadline_ms) || !exec_read_typed(x, 0, TYPE_STRING, &e))
        return;
    count(x, e ? COUNTER_MC_GET_HITS : COUNTER_MC_GET_MISSES);
    count(x, e ? COUNTER_MC_TOUCH_HITS : COUNTER_MC_TOUCH_MISSES);
    if (!e) {
        reply_null(x->reply);
        return;
    }
    reply_value(x, e, x->argc > 3);
    set_deadline(x, e, deadline_ms);
}

static void cmd_touch(struct exec *x)
{
    uint64_t deadline_ms;
    if (!deadline_arg(x, 2, &deadline_ms))
        return;
    struct entry *e = exec_read(x, 0);
    count(x, e ? COUNTER_MC_TOUCH_HITS : COUNTER_MC_TOUCH_MISSES);
    if (e)
        set_deadline(x, e, deadline_ms);
    reply_simple(x->reply, e ? "TOUCHED" : "NOT_FOUND");
}

/* ---- storing -------------------------------------------------------------------------------- */

struct item {
    uint32_t flags;
    uint64_t deadline_ms;
    struct bytes value;
    uint64_t unique; /* cas */
};

/* SET's write with memcached's flags; a deadline that has passed leaves no key. */
static const char *store(struct exec *x, const struct item *item)
{
    if (item->deadline_ms && item->deadline_ms <= x->now_ms) {
        if (exec_delete(x, 0))
            exec_changed(x, 0, EVENT_GENERIC, "del");
        return "STORED";
    }
    struct entry *e = exec_set_string(x, 0, item->value, item->deadline_ms, false);
    keyspace_set_client_flags_locked(x->ks, x->db, &x->keys[0], e, item->flags);
    exec_changed(x, 0, EVENT_STRING, "set");
    if (item->deadline_ms)
        exec_event(x, 0, EVENT_GENERIC, "expire");
    return "STORED";
}

static const char *set(struct exec *x, struct entry *e, const struct item *item)
{
    (void)e;
    return store(x, item);
}

static const char *add(struct exec *x, struct entry *e, const struct item *item)
{
    return e ? "NOT_STORED" : store(x, item);
}

static const char *replace(struct exec *x, struct entry *e, const struct item *item)
{
    return e ? store(x, item) : "NOT_STORED";
}

static const char *cas(struct exec *x, struct entry *e, const struct item *item)
{
    char scratch[NUM_INT_MAX];
    if (!e) {
        count(x, COUNTER_MC_CAS_MISSES);
        return "NOT_FOUND";
    }
    if (hash_digest(entry_string(e, scratch)) != item->unique) {
        count(x, COUNTER_MC_CAS_BADVAL);
        return "EXISTS";
    }
    count(x, COUNTER_MC_CAS_HITS);
    return store(x, item);
}

/* Makes room for the value beside the old one; flags and deadline stay. NULL: it must not be
 * stored. */
static char *widen(struct exec *x, struct entry *e, struct bytes value, size_t *old)
{
    char *data;
    size_t max = (size_t)config_int(engine_config(x->engine), CONFIG_MEMCACHED_MAX_ITEM_SIZE);
    if (!e)
        return NULL;
    *old = entry_string_length(e);
    if (value.n > max || *old > max - value.n)
        return NULL;
    keyspace_edit_locked(x->ks, x->db, &x->keys[0], e, *old + value.n, &data);
    return data;
}

static const char *append(struct exec *x, struct entry *e, const struct item *item)
{
    size_t old;
    char *data = widen(x, e, item->value, &old);
    if (!data)
        return "NOT_STORED";
    if (item->value.n)
        memcpy(data + old, item->value.p, item->value.n);
    exec_changed(x, 0, EVENT_STRING, "append");
    return "STORED";
}

static const char *prepend(struct exec *x, struct entry *e, const struct item *item)
{
    size_t old;
    char *data = widen(x, e, item->value, &old);
    if (!data)
        return "NOT_STORED";
    memmove(data + item->value.n, data, old);
    if (item->value.n)
        memcpy(data, item->value.p, item->value.n);
    exec_changed(x, 0, EVENT_STRING, "prepend");
    return "STORED";
}

typedef const char *store_fn(struct exec *x, struct entry *e, const struct item *item);

static store_fn *store_mode(const struct exec *x, int i)
{
    static const struct {
        const char *word;
        store_fn *fn;
    } modes[] = {{"set", set},       {"add", add},         {"replace", replace},
                 {"append", append}, {"prepend", prepend}, {"cas", cas}};
    for (size_t m = 0; m < sizeof modes / sizeof *modes; m++) {
        if (exec_is(x, i, modes[m].word))
            return modes[m].fn;
    }
    return NULL;
}

static void cmd_store(struct exec *x)
{
    struct entry *e;
    uint64_t flags;
    struct item item = {.value = x->argv[5]};
    store_fn *fn = store_mode(x, 2);
    if (!fn || !num_parse_uint(x->argv[3], &flags) || flags > UINT32_MAX ||
        (x->argc > 6 && !num_parse_uint(x->argv[6], &item.unique))) {
        reply_error(x->reply, ERROR_SYNTAX);
        return;
    }
    item.flags = (uint32_t)flags;
    if (!deadline_arg(x, 4, &item.deadline_ms) || !exec_peek_typed(x, 0, TYPE_STRING, &e))
        return;
    count(x, COUNTER_MC_SETS);
    reply_simple(x->reply, fn(x, e, &item));
}

/* ---- counting ------------------------------------------------------------------------------- */

/* Puts the number in the value's place: as wide as before, with blanks behind, where it has become
 * shorter. */
static void store_count(struct exec *x, struct entry *e, uint64_t v)
{
    char digits[NUM_INT_MAX];
    size_t n = num_format_uint(digits, v), width = entry_string_length(e);
    if (n >= width && v <= INT64_MAX) {
        keyspace_set_int_locked(x->ks, x->db, &x->keys[0], e, (int64_t)v);
        return;
    }
    char *text = exec_alloc(x, width > n ? width : n);
    memcpy(text, digits, n);
    if (width > n)
        memset(text + n, ' ', width - n);
    uint32_t flags = entry_client_flags(e);
    e = exec_edit_string(x, 0, bytes_of(text, width > n ? width : n));
    keyspace_set_client_flags_locked(x->ks, x->db, &x->keys[0], e, flags);
}

static void count_outcome(struct exec *x, bool incr, bool hit)
{
    if (incr)
        count(x, hit ? COUNTER_MC_INCR_HITS : COUNTER_MC_INCR_MISSES);
    else
        count(x, hit ? COUNTER_MC_DECR_HITS : COUNTER_MC_DECR_MISSES);
}

/* incr wraps at 2^64, decr stops at 0. */
static void cmd_count(struct exec *x)
{
    char scratch[NUM_INT_MAX];
    struct entry *e;
    uint64_t v, delta;
    bool incr = exec_is(x, 2, "INCR");
    if (!num_parse_uint(x->argv[3], &delta)) {
        reply_error(x->reply, ERROR_NOT_INTEGER);
        return;
    }
    if (!exec_peek_typed(x, 0, TYPE_STRING, &e))
        return;
    count_outcome(x, incr, e != NULL);
    if (!e) {
        reply_simple(x->reply, "NOT_FOUND");
        return;
    }
    if (!memcached_uint(entry_string(e, scratch), &v)) {
        reply_errorf(x->reply, ERROR_NOT_INTEGER,
                     "cannot increment or decrement non-numeric value");
        return;
    }
    v = incr ? v + delta : v > delta ? v - delta : 0;
    store_count(x, e, v);
    exec_changed(x, 0, EVENT_STRING, incr ? "incrby" : "decrby");
    reply_int(x->reply, (int64_t)v);
}

/* ---- removing ------------------------------------------------------------------------------- */

static void cmd_delete(struct exec *x)
{
    bool there = exec_peek(x, 0) != NULL;
    if (there) {
        exec_delete(x, 0);
        exec_changed(x, 0, EVENT_GENERIC, "del");
    }
    count(x, there ? COUNTER_MC_DELETE_HITS : COUNTER_MC_DELETE_MISSES);
    reply_simple(x->reply, there ? "DELETED" : "NOT_FOUND");
}

/* The last flush_all counts: one without delay takes back one that is still to come. */
static void cmd_flush(struct exec *x)
{
    uint64_t at_ms;
    if (!deadline_arg(x, 1, &at_ms))
        return;
    bool now = at_ms <= x->now_ms;
    atomic_store(&x->engine->memcached_flush_at_ms, now ? 0 : at_ms);
    if (now) {
        wait_touch_db(x->engine, x->db);
        keyspace_flush_gated(x->ks, (int)x->db, true);
        x->changes++;
    }
    count(x, COUNTER_MC_FLUSHES);
    reply_ok(x->reply);
}

void memcached_flush_due(struct engine *e)
{
    uint64_t at_ms = atomic_load_explicit(&e->memcached_flush_at_ms, memory_order_relaxed);
    if (!at_ms || at_ms > clock_wall_ms())
        return;
    gate_close(keyspace_gate(e->ks));
    if (atomic_compare_exchange_strong(&e->memcached_flush_at_ms, &at_ms, 0)) {
        wait_touch_db(e, 0);
        keyspace_flush_gated(e->ks, 0, true);
        effects_flushed(e, 0);
        wait_serve(engine_thread(e));
    }
    gate_open(keyspace_gate(e->ks));
}

/* ---- rows ----------------------------------------------------------------------------------- */

const struct command_row memcached_commands[] = {
    {"atr.mc.count", cmd_count, 4, "write,denyoom,fast,internal", "string",
     "@1:0/1:RW+ACCESS+UPDATE", "0.1.0", "string", "key (INCR | DECR) delta",
     "memcached's incr and decr."},
    {"atr.mc.delete", cmd_delete, 2, "write,fast,internal", "keyspace", "@1:0/1:RM+DELETE", "0.1.0",
     "generic", "key", "memcached's delete."},
    {"atr.mc.flush", cmd_flush, 2, "write,gate,internal", "keyspace,dangerous", "", "0.1.0",
     "server", "exptime", "memcached's flush_all."},
    {"atr.mc.gat", cmd_gat, -3, "write,fast,internal", "string", "@1:0/1:RW+ACCESS+UPDATE", "0.1.0",
     "string", "key exptime [CAS]", "memcached's gat and gats, for one key."},
    {"atr.mc.get", cmd_get, -2, "readonly,fast,internal", "string", "@1:0/1:RO+ACCESS", "0.1.0",
     "string", "key [CAS]", "memcached's get and gets, for one key."},
    {"atr.mc.store", cmd_store, -6, "write,denyoom,internal", "string", "@1:0/1:RW+ACCESS+UPDATE",
     "0.1.0", "string",
     "key (SET | ADD | REPLACE | APPEND | PREPEND | CAS) flags exptime value [unique]",
     "memcached's set, add, replace, append, prepend and cas."},
    {"atr.mc.touch", cmd_touch, 3, "write,fast,internal", "keyspace", "@1:0/1:RW+UPDATE", "0.1.0",
     "generic", "key exptime", "memcached's touch."},
    {0},
};
