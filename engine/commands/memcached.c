/* The memcached door's commands. They are internal: the door calls them with arguments that it has
 * checked, and they answer in memcached's words (STORED, NOT_FOUND). As rows of the table they are
 * under the same permissions, statistics, limits and events as everything else.
 *
 *     ATR.MC.GET key [CAS]            null, or an array: flags, the cas unique where asked for, value
 *     ATR.MC.GAT key exptime [CAS]    the same, and a new deadline
 *     ATR.MC.STORE key mode flags exptime value [unique]
 *     ATR.MC.COUNT key (INCR | DECR) delta
 *     ATR.MC.DELETE key
 *     ATR.MC.TOUCH key exptime
 *     ATR.MC.FLUSH exptime
 *
 * Values are read and written whatever door they came by; a key of another type than string is
 * refused, but delete and touch, which do not look at the value, take any, and flush_all empties the
 * database with all that is in it. */
#include "commands/memcached.h"

#include "commands/effects.h"
#include "commands/exec.h"
#include "commands/memcached_item.h"
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

/* ---- reading -------------------------------------------------------------------------------- */

static void reply_value(struct exec *x, const struct entry *e, bool with_cas)
{
    char scratch[NUM_INT_MAX];
    struct bytes value = entry_string(e, scratch);
    reply_array(x->reply, with_cas ? 3 : 2);
    reply_int(x->reply, entry_client_flags(e));
    if (with_cas)
        reply_int(x->reply, (int64_t)memcached_unique(e));
    reply_bulk(x->reply, value);
}

static void cmd_get(struct exec *x)
{
    struct entry *e;
    if (!exec_read_typed(x, 0, TYPE_STRING, &e))
        return;
    engine_count(x->engine, e ? COUNTER_MC_GET_HITS : COUNTER_MC_GET_MISSES, 1);
    if (e)
        reply_value(x, e, x->argc > 2);
    else
        reply_null(x->reply);
}

static void cmd_gat(struct exec *x)
{
    struct entry *e;
    uint64_t deadline_ms;
    if (!deadline_arg(x, 2, &deadline_ms) || !exec_read_typed(x, 0, TYPE_STRING, &e))
        return;
    engine_count(x->engine, e ? COUNTER_MC_GET_HITS : COUNTER_MC_GET_MISSES, 1);
    engine_count(x->engine, e ? COUNTER_MC_TOUCH_HITS : COUNTER_MC_TOUCH_MISSES, 1);
    if (!e) {
        reply_null(x->reply);
        return;
    }
    reply_value(x, e, x->argc > 3);
    memcached_set_deadline(x, e, deadline_ms);
}

static void cmd_touch(struct exec *x)
{
    uint64_t deadline_ms;
    if (!deadline_arg(x, 2, &deadline_ms))
        return;
    struct entry *e = exec_read(x, 0);
    engine_count(x->engine, e ? COUNTER_MC_TOUCH_HITS : COUNTER_MC_TOUCH_MISSES, 1);
    if (e)
        memcached_set_deadline(x, e, deadline_ms);
    reply_simple(x->reply, e ? "TOUCHED" : "NOT_FOUND");
}

/* ---- storing and counting --------------------------------------------------------------------- */

static bool store_mode(const struct exec *x, int i, enum memcached_mode *mode)
{
    static const char *const words[] = {"set", "add", "replace", "append", "prepend", "cas"};
    for (size_t m = 0; m < sizeof words / sizeof *words; m++) {
        if (exec_is(x, i, words[m])) {
            *mode = (enum memcached_mode)m;
            return true;
        }
    }
    return false;
}

static void cmd_store(struct exec *x)
{
    struct entry *e;
    uint64_t flags;
    struct memcached_item item = {.value = x->argv[5], .has_unique = x->argc > 6};
    if (!store_mode(x, 2, &item.mode) || !num_parse_uint(x->argv[3], &flags) ||
        flags > UINT32_MAX || (x->argc > 6 && !num_parse_uint(x->argv[6], &item.unique))) {
        reply_error(x->reply, ERROR_SYNTAX);
        return;
    }
    item.flags = (uint32_t)flags;
    if (!deadline_arg(x, 4, &item.deadline_ms) || !exec_peek_typed(x, 0, TYPE_STRING, &e))
        return;
    static const char *const outcomes[] = {"STORED", "NOT_STORED", "EXISTS", "NOT_FOUND"};
    reply_simple(x->reply, outcomes[memcached_store(x, e, &item)]);
}

static void cmd_count(struct exec *x)
{
    struct entry *e;
    uint64_t v, delta;
    bool incr = exec_is(x, 2, "INCR");
    if (!num_parse_uint(x->argv[3], &delta)) {
        reply_error(x->reply, ERROR_NOT_INTEGER);
        return;
    }
    if (!exec_peek_typed(x, 0, TYPE_STRING, &e))
        return;
    memcached_counted(x, incr, e != NULL);
    if (!e)
        reply_simple(x->reply, "NOT_FOUND");
    else if (memcached_count(x, e, incr, delta, &v))
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
    engine_count(x->engine, there ? COUNTER_MC_DELETE_HITS : COUNTER_MC_DELETE_MISSES, 1);
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
    engine_count(x->engine, COUNTER_MC_FLUSHES, 1);
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
