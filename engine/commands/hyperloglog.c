/* HyperLogLog: PFADD, PFCOUNT, PFMERGE, PFDEBUG, PFSELFTEST. */
#include "types/hyperloglog.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "commands/exec.h"
#include "internal.h"

/* Key k's value, p NULL where missing; scratch as for entry_string. False: an error has been answered. */
static bool find(struct exec *x, unsigned k, bool read, struct bytes *s, char *scratch)
{
    struct entry *e;
    *s = (struct bytes){0};
    if (!(read ? exec_read_typed : exec_peek_typed)(x, k, TYPE_STRING, &e))
        return false;
    if (!e)
        return true;
    *s = entry_string(e, scratch);
    if (hll_valid(*s))
        return true;
    reply_errorf(x->reply, ERROR_WRONGTYPE, "Key is not a valid HyperLogLog string value.");
    return false;
}

static void reply_corrupt(struct exec *x)
{
    reply_error(x->reply, ERROR_INVALIDOBJ);
}

static size_t sparse_max(const struct exec *x)
{
    return (size_t)config_int(x->engine->config, CONFIG_HLL_SPARSE_MAX_BYTES);
}

static char *edit(struct exec *x, unsigned k)
{
    char *data;
    keyspace_edit_locked(x->ks, x->db, &x->keys[k], exec_peek(x, k), 0, &data);
    return data;
}

/* Puts what was edited on the side; the deadline stays. */
static void put(struct exec *x, const struct buf *b, bool is_new)
{
    struct entry *e =
        is_new ? exec_set_string(x, 0, buf_bytes(b), 0, false) : exec_edit_string(x, 0, buf_bytes(b));
    e->flags |= ENTRY_RAW;
}

/* ---- PFADD ------------------------------------------------------------------------------------ */

static bool add_in_place(struct exec *x)
{
    bool changed = false;
    char *data = edit(x, 0);
    for (int i = 2; i < x->argc; i++)
        changed |= hll_add_dense(data, x->argv[i]);
    if (changed)
        hll_forget_count(data);
    return changed;
}

/* 1: changed, 0: not, -1: the error has been answered. */
static int add_aside(struct exec *x, struct bytes s)
{
    struct buf b;
    int changed = s.p == NULL;
    buf_init(&b);
    if (s.p)
        buf_add_bytes(&b, s);
    else
        hll_new(&b);
    for (int i = 2; i < x->argc && changed >= 0; i++) {
        int one = hll_add(&b, x->argv[i], sparse_max(x));
        changed = one < 0 ? -1 : changed | one;
    }
    if (changed < 0) {
        reply_corrupt(x);
    } else if (changed) {
        hll_forget_count(b.p);
        put(x, &b, s.p == NULL);
    }
    buf_release(&b);
    return changed;
}

static void cmd_pfadd(struct exec *x)
{
    struct bytes s;
    char scratch[NUM_INT_MAX];
    if (!find(x, 0, false, &s, scratch))
        return;
    int changed = s.p && hll_encoding(s) == HLL_DENSE ? add_in_place(x) : add_aside(x, s);
    if (changed < 0)
        return;
    if (changed)
        exec_changed(x, 0, EVENT_STRING, "pfadd");
    reply_int(x->reply, changed);
}

/* ---- PFCOUNT ---------------------------------------------------------------------------------- */

static void count_one(struct exec *x)
{
    struct bytes s;
    char scratch[NUM_INT_MAX];
    uint64_t count = 0;
    if (!find(x, 0, true, &s, scratch))
        return;
    if (s.p && !hll_cached(s, &count)) {
        uint8_t *registers = exec_alloc(x, HLL_REGISTERS);
        memset(registers, 0, HLL_REGISTERS);
        if (!hll_max(registers, s)) {
            reply_corrupt(x);
            return;
        }
        count = hll_estimate(registers);
        hll_cache(edit(x, 0), count);
        x->changes++; /* of the bytes, not of what is counted: nobody is told but the log */
    }
    reply_int(x->reply, (int64_t)count);
}

/* Registers of all keys from `first` on; NULL: an error has been answered. */
static uint8_t *merge_all(struct exec *x, unsigned first, bool read, bool *dense)
{
    uint8_t *registers = exec_alloc(x, HLL_REGISTERS);
    memset(registers, 0, HLL_REGISTERS);
    *dense = false;
    for (unsigned k = first; k < x->nkeys; k++) {
        struct bytes s;
        char scratch[NUM_INT_MAX];
        if (!find(x, k, read, &s, scratch))
            return NULL;
        if (!s.p)
            continue;
        *dense |= hll_encoding(s) == HLL_DENSE;
        if (!hll_max(registers, s)) {
            reply_corrupt(x);
            return NULL;
        }
    }
    return registers;
}

static void cmd_pfcount(struct exec *x)
{
    bool dense;
    if (x->nkeys == 1) {
        count_one(x);
        return;
    }
    const uint8_t *registers = merge_all(x, 0, true, &dense);
    if (registers)
        reply_int(x->reply, (int64_t)hll_estimate(registers));
}

/* ---- PFMERGE ---------------------------------------------------------------------------------- */

static bool raise_all(struct exec *x, struct buf *b, const uint8_t *registers)
{
    for (unsigned i = 0; i < HLL_REGISTERS; i++) {
        if (registers[i] && hll_raise(b, i, registers[i], sparse_max(x)) < 0)
            return false;
    }
    return true;
}

/* PFMERGE destkey [sourcekey ...]: what the destination has counts too. */
static void cmd_pfmerge(struct exec *x)
{
    struct bytes s;
    struct buf b;
    char scratch[NUM_INT_MAX];
    bool dense;
    const uint8_t *registers = merge_all(x, 0, false, &dense);
    if (!registers || !find(x, 0, false, &s, scratch))
        return;
    buf_init(&b);
    if (s.p)
        buf_add_bytes(&b, s);
    else
        hll_new(&b);
    if ((!dense || hll_to_dense(&b)) && raise_all(x, &b, registers)) {
        hll_forget_count(b.p);
        put(x, &b, s.p == NULL);
        exec_changed(x, 0, EVENT_STRING, "pfadd");
        reply_ok(x->reply);
    } else {
        reply_corrupt(x);
    }
    buf_release(&b);
}

/* ---- PFDEBUG and PFSELFTEST ------------------------------------------------------------------- */

static void debug_decode(struct exec *x, struct bytes s)
{
    struct buf text;
    if (hll_encoding(s) != HLL_SPARSE) {
        reply_errorf(x->reply, ERROR_GENERIC, "HLL encoding is not sparse");
        return;
    }
    buf_init(&text);
    if (hll_describe(s, &text))
        reply_bulk(x->reply, buf_bytes(&text));
    else
        reply_corrupt(x);
    buf_release(&text);
}

/* False: the error has been answered. */
static bool make_dense(struct exec *x, struct bytes s)
{
    struct buf b;
    buf_init(&b);
    buf_add_bytes(&b, s);
    bool intact = hll_to_dense(&b);
    if (intact) {
        put(x, &b, false);
        exec_touched(x, 0);
    } else {
        reply_corrupt(x);
    }
    buf_release(&b);
    return intact;
}

/* The registers of a value that becomes dense, as in Redis. */
static void debug_registers(struct exec *x, struct bytes s)
{
    uint8_t *registers = exec_alloc(x, HLL_REGISTERS);
    memset(registers, 0, HLL_REGISTERS);
    hll_max(registers, s);
    if (hll_encoding(s) == HLL_SPARSE && !make_dense(x, s))
        return;
    reply_array(x->reply, HLL_REGISTERS);
    for (unsigned i = 0; i < HLL_REGISTERS; i++)
        reply_int(x->reply, registers[i]);
}

/* PFDEBUG GETREG|DECODE|ENCODING|TODENSE key */
static void cmd_pfdebug(struct exec *x)
{
    struct bytes s;
    char scratch[NUM_INT_MAX];
    if (!find(x, 0, false, &s, scratch))
        return;
    bool sparse = s.p && hll_encoding(s) == HLL_SPARSE;
    if (!s.p)
        reply_errorf(x->reply, ERROR_NO_SUCH_KEY, "The specified key does not exist");
    else if (exec_is(x, 1, "GETREG"))
        debug_registers(x, s);
    else if (exec_is(x, 1, "DECODE"))
        debug_decode(x, s);
    else if (exec_is(x, 1, "ENCODING"))
        reply_simple(x->reply, sparse ? "sparse" : "dense");
    else if (!exec_is(x, 1, "TODENSE"))
        reply_errorf(x->reply, ERROR_GENERIC, "Unknown PFDEBUG subcommand '%.*s'",
                     (int)x->argv[1].n, x->argv[1].p);
    else if (!sparse || make_dense(x, s))
        reply_int(x->reply, sparse);
}

#define SELFTEST_ELEMENTS 100000

/* Adds so many different elements to a sparse and a dense one: both must agree, and be near the truth. */
static bool selftest(struct exec *x)
{
    struct buf sparse, dense;
    uint8_t *registers = exec_alloc(x, HLL_REGISTERS);
    uint64_t seed = rng_below(UINT64_MAX);
    bool good = true;
    buf_init(&sparse);
    buf_init(&dense);
    hll_new(&sparse);
    hll_new(&dense);
    hll_to_dense(&dense);
    for (uint64_t i = 1; good && i <= SELFTEST_ELEMENTS; i++) {
        uint64_t element = seed ^ i;
        struct bytes s = bytes_of((const char *)&element, sizeof element);
        good = hll_add(&sparse, s, sparse_max(x)) >= 0;
        hll_add_dense(dense.p, s);
        if (i % 10000)
            continue;
        memset(registers, 0, HLL_REGISTERS);
        hll_max(registers, buf_bytes(&sparse));
        uint64_t one = hll_estimate(registers);
        memset(registers, 0, HLL_REGISTERS);
        hll_max(registers, buf_bytes(&dense));
        double off = (double)hll_estimate(registers) - (double)i;
        good = one == hll_estimate(registers) && off * off < (double)i * (double)i * 0.0025;
    }
    buf_release(&sparse);
    buf_release(&dense);
    return good;
}

static void cmd_pfselftest(struct exec *x)
{
    if (selftest(x))
        reply_ok(x->reply);
    else
        reply_errorf(x->reply, ERROR_GENERIC, "TESTFAILED estimates are off");
}

#define G "hyperloglog"

const struct command_row hyperloglog_commands[] = {
    {"pfadd", cmd_pfadd, -2, "write,denyoom,fast", G, "@1:0/1:RW+INSERT", "2.8.9", G,
     "key [element ...]", "Counts elements in; answers whether the estimate may have changed."},
    {"pfcount", cmd_pfcount, -2, "readonly,may_replicate", G, "@1:-1/1:RW+ACCESS", "2.8.9", G,
     "key ...", "Estimates how many different elements were counted in."},
    {"pfdebug", cmd_pfdebug, 3, "write,denyoom,admin", G, "@2:0/1:RW+ACCESS", "2.8.9", G,
     "subcommand key", "Shows a HyperLogLog's inside."},
    {"pfmerge", cmd_pfmerge, -2, "write,denyoom", G, "@1:0/1:RW+ACCESS+INSERT ; @2:-1/1:RO+ACCESS",
     "2.8.9", G, "destkey [sourcekey ...]", "Merges HyperLogLogs into one."},
    {"pfselftest", cmd_pfselftest, 1, "admin", G, "", "2.8.9", G, "",
     "Tries the estimator on random elements."},
    {0},
};
