/* Bitmaps: strings as rows of bits. */
#include <string.h>

#include "commands/bits_args.h"
#include "internal.h"
#include "types/bits.h"

bool bits_offset(struct exec *x, int i, unsigned width, uint64_t *offset)
{
    struct bytes text = x->argv[i];
    bool units = width && text.n && text.p[0] == '#';
    int64_t v;
    if (units)
        text = bytes_of(text.p + 1, text.n - 1);
    uint64_t most = (uint64_t)config_int(x->engine->config, CONFIG_PROTO_MAX_BULK_LEN) * 8;
    bool fits = num_parse_int(text, &v) && v >= 0 &&
                !(units && __builtin_mul_overflow(v, (int64_t)width, &v)) && (uint64_t)v < most;
    if (fits)
        *offset = (uint64_t)v;
    else
        reply_errorf(x->reply, ERROR_OUT_OF_BOUNDS, "bit offset is not an integer or out of range");
    return fits;
}

bool bits_string(struct exec *x, unsigned k, struct bytes *s, char *scratch)
{
    struct entry *e;
    if (!exec_read_typed(x, k, TYPE_STRING, &e))
        return false;
    *s = e ? entry_string(e, scratch) : bytes_of("", 0);
    return true;
}

bool bits_edit(struct exec *x, size_t n, char **data, size_t *len, bool *grew)
{
    struct entry *e;
    if (!exec_peek_typed(x, 0, TYPE_STRING, &e))
        return false;
    size_t old = e ? entry_string_length(e) : 0;
    if (!e)
        e = exec_set_string(x, 0, (struct bytes){0}, 0, false);
    *grew = n > old;
    *len = n > old ? n : old;
    keyspace_edit_locked(x->ks, x->db, &x->keys[0], e, n, data);
    return true;
}

/* ---- one bit ---------------------------------------------------------------------------------- */

static void cmd_setbit(struct exec *x)
{
    uint64_t at;
    int64_t on;
    char *data;
    size_t len;
    bool grew;
    if (!bits_offset(x, 2, 0, &at))
        return;
    if (!num_parse_int(x->argv[3], &on) || (on != 0 && on != 1)) {
        reply_errorf(x->reply, ERROR_OUT_OF_BOUNDS, "bit is not an integer or out of range");
        return;
    }
    if (!bits_edit(x, (size_t)(at / 8 + 1), &data, &len, &grew))
        return;
    bool was = bits_get(bytes_of(data, len), at);
    bits_put(data, at, on);
    if (grew || was != on)
        exec_changed(x, 0, EVENT_STRING, "setbit");
    reply_int(x->reply, was);
}

static void cmd_getbit(struct exec *x)
{
    uint64_t at;
    struct bytes s;
    char scratch[NUM_INT_MAX];
    if (bits_offset(x, 2, 0, &at) && bits_string(x, 0, &s, scratch))
        reply_int(x->reply, bits_get(s, at));
}

/* ---- ranges ----------------------------------------------------------------------------------- */

struct range {
    int64_t start, end;
    bool bits;
};

/* BYTE or BIT at argument i, if there is one. */
static bool parse_unit(struct exec *x, int i, bool *bits)
{
    *bits = exec_is(x, i, "BIT");
    if (i >= x->argc || *bits || exec_is(x, i, "BYTE"))
        return true;
    reply_error(x->reply, ERROR_SYNTAX);
    return false;
}

/* The range as bits [from, to) of n bytes; empty where from == to. */
static void clip(const struct range *r, size_t n, uint64_t *from, uint64_t *to)
{
    int64_t len = (int64_t)(r->bits ? n * 8 : n), start = r->start, end = r->end;
    *from = *to = 0;
    start = start < 0 ? start + len : start;
    end = end < 0 ? end + len : end;
    start = start < 0 ? 0 : start;
    end = end < 0 ? 0 : end;
    end = end >= len ? len - 1 : end;
    if (start > end)
        return;
    *from = (uint64_t)start * (r->bits ? 1 : 8);
    *to = ((uint64_t)end + 1) * (r->bits ? 1 : 8);
}

/* BITCOUNT key [start end [BYTE|BIT]] */
static void cmd_bitcount(struct exec *x)
{
    struct range r = {0, -1, false};
    struct bytes s;
    char scratch[NUM_INT_MAX];
    uint64_t from, to;
    if (x->argc == 3 || x->argc > 5) {
        reply_error(x->reply, ERROR_SYNTAX);
        return;
    }
    if (x->argc > 3 &&
        (!exec_int(x, 2, &r.start) || !exec_int(x, 3, &r.end) || !parse_unit(x, 4, &r.bits)))
        return;
    if (!bits_string(x, 0, &s, scratch))
        return;
    if (r.start < 0 && r.end < 0 && r.start > r.end) { /* also where both lie before the string */
        reply_int(x->reply, 0);
        return;
    }
    clip(&r, s.n, &from, &to);
    reply_int(x->reply, (int64_t)bits_count(s, from, to));
}

/* BITPOS key bit [start [end [BYTE|BIT]]] */
static void cmd_bitpos(struct exec *x)
{
    struct range r = {0, -1, false};
    struct bytes s;
    char scratch[NUM_INT_MAX];
    int64_t on;
    uint64_t from, to;
    if (!exec_int(x, 2, &on))
        return;
    if (on != 0 && on != 1) {
        reply_errorf(x->reply, ERROR_OUT_OF_BOUNDS, "The bit argument must be 1 or 0.");
        return;
    }
    if (x->argc > 6) {
        reply_error(x->reply, ERROR_SYNTAX);
        return;
    }
    if ((x->argc > 3 && !exec_int(x, 3, &r.start)) || (x->argc > 4 && !exec_int(x, 4, &r.end)) ||
        !parse_unit(x, 5, &r.bits) || !bits_string(x, 0, &s, scratch))
        return;
    if (s.n == 0) { /* a key that is missing begins with zeros, an empty string does not */
        reply_int(x->reply, on || exec_peek(x, 0) ? -1 : 0);
        return;
    }
    clip(&r, s.n, &from, &to);
    uint64_t at = bits_find(s, on, from, to);
    if (at < to)
        reply_int(x->reply, (int64_t)at);
    else /* zeros follow a string whose end was not named */
        reply_int(x->reply, from < to && !on && x->argc < 5 ? (int64_t)s.n * 8 : -1);
}

/* ---- BITOP ------------------------------------------------------------------------------------ */

static const struct {
    const char *word;
    size_t least, most; /* sources; most 0: no limit */
} ops[] = {
    [BITS_AND] = {"AND", 1, 0},     [BITS_OR] = {"OR", 1, 0},     [BITS_XOR] = {"XOR", 1, 0},
    [BITS_NOT] = {"NOT", 1, 1},     [BITS_DIFF] = {"DIFF", 2, 0}, [BITS_DIFF1] = {"DIFF1", 2, 0},
    [BITS_ANDOR] = {"ANDOR", 2, 0}, [BITS_ONE] = {"ONE", 1, 0},
};

static bool parse_op(struct exec *x, enum bits_op *op)
{
    size_t i = 0, n = (size_t)x->argc - 3;
    while (i < sizeof ops / sizeof *ops && !exec_is(x, 1, ops[i].word))
        i++;
    if (i == sizeof ops / sizeof *ops) {
        reply_error(x->reply, ERROR_SYNTAX);
        return false;
    }
    *op = (enum bits_op)i;
    if (ops[i].most && n > ops[i].most)
        reply_errorf(x->reply, ERROR_GENERIC, "BITOP NOT must be called with a single source key.");
    else if (n < ops[i].least)
        reply_errorf(x->reply, ERROR_GENERIC,
                     "BITOP %s must be called with at least two source keys.", ops[i].word);
    else
        return true;
    return false;
}

/* The strings of keys 1.. of the command; *longest is set. False: WRONGTYPE has been answered. */
static bool find_sources(struct exec *x, struct bytes *s, size_t *longest)
{
    *longest = 0;
    for (unsigned k = 1; k < x->nkeys; k++) {
        char *scratch = exec_alloc(x, NUM_INT_MAX);
        if (!bits_string(x, k, &s[k - 1], scratch))
            return false;
        *longest = s[k - 1].n > *longest ? s[k - 1].n : *longest;
    }
    return true;
}

static void cmd_bitop(struct exec *x)
{
    enum bits_op op;
    size_t len;
    struct bytes *s = exec_alloc(x, x->nkeys * sizeof *s);
    if (!parse_op(x, &op) || !find_sources(x, s, &len))
        return;
    if (len) {
        char *to = exec_alloc(x, len);
        bits_combine(op, s, x->nkeys - 1, to, len);
        struct entry *e = exec_set_string(x, 0, bytes_of(to, len), 0, false);
        if (e->encoding != ENTRY_INT)
            e->flags |= ENTRY_RAW;
        exec_changed(x, 0, EVENT_STRING, "set");
    } else if (exec_peek(x, 0) && exec_delete(x, 0)) {
        exec_changed(x, 0, EVENT_GENERIC, "del");
    }
    reply_int(x->reply, (int64_t)len);
}

#define ONE_READ "@1:0/1:RO+ACCESS"

const struct command_row bitmap_commands[] = {
    {"bitcount", cmd_bitcount, -2, "readonly", BITS_ACL, ONE_READ, "2.6.0", BITS_GROUP,
     "key [start end [(BYTE | BIT)]]", "Counts the bits that are set."},
    {"bitop", cmd_bitop, -4, "write,denyoom", BITS_ACL, "@2:0/1:OW+UPDATE ; @3:-1/1:RO+ACCESS",
     "2.6.0", BITS_GROUP, "(AND | OR | XOR | NOT | DIFF | DIFF1 | ANDOR | ONE) destkey key ...",
     "Combines strings bit by bit and stores the result."},
    {"bitpos", cmd_bitpos, -3, "readonly", BITS_ACL, ONE_READ, "2.8.7", BITS_GROUP,
     "key bit [start [end [(BYTE | BIT)]]]", "Finds the first bit that is set, or clear."},
    {"getbit", cmd_getbit, 3, "readonly,fast", BITS_ACL, ONE_READ, "2.2.0", BITS_GROUP,
     "key offset", "Answers a bit."},
    {"setbit", cmd_setbit, 4, "write,denyoom", BITS_ACL, "@1:0/1:RW+ACCESS+UPDATE", "2.2.0",
     BITS_GROUP, "key offset value", "Sets or clears a bit and answers what it was."},
    {0},
};
