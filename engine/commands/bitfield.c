/* BITFIELD: a string as an array of integers of any width. All arguments are parsed before anything is done. */
#include <string.h>

#include "commands/bits_args.h"
#include "types/bits.h"

enum overflow { WRAP, SATURATE, FAIL };
enum kind { GET, SET, INCRBY };

struct op {
    enum kind kind;
    enum overflow overflow;
    bool is_signed;
    unsigned width;
    uint64_t at;
    int64_t value;
};

/* ---- parsing ---------------------------------------------------------------------------------- */

static bool parse_encoding(struct exec *x, int i, struct op *op)
{
    struct bytes s = x->argv[i];
    int64_t width;
    op->is_signed = s.n && s.p[0] == 'i';
    bool known = op->is_signed || (s.n && s.p[0] == 'u');
    if (known && num_parse_int(bytes_of(s.p + 1, s.n - 1), &width) && width >= 1 &&
        width <= (op->is_signed ? 64 : 63)) {
        op->width = (unsigned)width;
        return true;
    }
    reply_errorf(x->reply, ERROR_GENERIC,
                 "Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported "
                 "but i64 is.");
    return false;
}

static bool parse_overflow(struct exec *x, int i, enum overflow *overflow)
{
    static const char *const words[] = {"WRAP", "SAT", "FAIL"};
    for (int k = 0; k < 3; k++) {
        if (exec_is(x, i, words[k])) {
            *overflow = (enum overflow)k;
            return true;
        }
    }
    reply_errorf(x->reply, ERROR_GENERIC, "Invalid OVERFLOW type specified");
    return false;
}

/* The word at argument i with what belongs to it; returns how many arguments, 0: the error has been answered. */
static int parse_op(struct exec *x, int i, struct op *op)
{
    int left = x->argc - i - 1;
    if (left >= 2 && exec_is(x, i, "GET"))
        op->kind = GET;
    else if (left >= 3 && exec_is(x, i, "SET"))
        op->kind = SET;
    else if (left >= 3 && exec_is(x, i, "INCRBY"))
        op->kind = INCRBY;
    else {
        reply_error(x->reply, ERROR_SYNTAX);
        return 0;
    }
    if (!parse_encoding(x, i + 1, op) || !bits_offset(x, i + 2, op->width, &op->at))
        return 0;
    if (op->kind != GET && !exec_int(x, i + 3, &op->value))
        return 0;
    return op->kind == GET ? 3 : 4;
}

/* Fills ops; returns how many, -1: answered. *end is the bit behind the last one that is written. */
static int parse_all(struct exec *x, struct op *ops, uint64_t *end)
{
    enum overflow overflow = WRAP;
    int n = 0;
    *end = 0;
    for (int i = 2; i < x->argc;) {
        if (i + 1 < x->argc && exec_is(x, i, "OVERFLOW")) {
            if (!parse_overflow(x, i + 1, &overflow))
                return -1;
            i += 2;
            continue;
        }
        ops[n].overflow = overflow;
        int used = parse_op(x, i, &ops[n]);
        if (!used)
            return -1;
        if (ops[n].kind != GET && ops[n].at + ops[n].width > *end)
            *end = ops[n].at + ops[n].width;
        i += used;
        n++;
    }
    return n;
}

/* ---- arithmetic ------------------------------------------------------------------------------- */

static uint64_t mask_of(unsigned width)
{
    return width == 64 ? UINT64_MAX : ((uint64_t)1 << width) - 1;
}

static int64_t extend(uint64_t v, unsigned width)
{
    unsigned unused = 64 - width;
    return (int64_t)(v << unused) >> unused;
}

/* a + b within [least, most], by the op's rule; false: it does not fit and must fail. */
static bool add_within(const struct op *op, __int128 a, __int128 b, uint64_t *out)
{
    __int128 most =
        op->is_signed ? (__int128)(mask_of(op->width) >> 1) : (__int128)mask_of(op->width);
    __int128 least = op->is_signed ? -most - 1 : 0, sum = a + b;
    bool fits = sum >= least && sum <= most;
    if (!fits && op->overflow == FAIL)
        return false;
    if (!fits && op->overflow == SATURATE)
        sum = sum > most ? most : least;
    *out = (uint64_t)sum & mask_of(op->width);
    return true;
}

static int64_t value_of(const struct op *op, uint64_t bits)
{
    return op->is_signed ? extend(bits, op->width) : (int64_t)bits;
}

/* One write; false where it fails by OVERFLOW FAIL. *reply is what it answers. A value for an unsigned field that is
 * negative counts as a large one, as in Redis. */
static bool write_one(const struct op *op, char *data, size_t len, int64_t *reply, bool *changed)
{
    uint64_t old = bits_read(bytes_of(data, len), op->at, op->width), fresh;
    __int128 given =
        op->is_signed || op->kind == INCRBY ? (__int128)op->value : (__int128)(uint64_t)op->value;
    if (!add_within(op, op->kind == INCRBY ? (__int128)value_of(op, old) : 0, given, &fresh))
        return false;
    bits_write(data, op->at, op->width, fresh);
    *changed |= fresh != old;
    *reply = value_of(op, op->kind == INCRBY ? fresh : old);
    return true;
}

/* ---- commands --------------------------------------------------------------------------------- */

static void run_reads(struct exec *x, const struct op *ops, int n)
{
    struct bytes s;
    char scratch[NUM_INT_MAX];
    if (!bits_string(x, 0, &s, scratch))
        return;
    reply_array(x->reply, (size_t)n);
    for (int i = 0; i < n; i++)
        reply_int(x->reply, value_of(&ops[i], bits_read(s, ops[i].at, ops[i].width)));
}

static void run_writes(struct exec *x, const struct op *ops, int n, uint64_t end)
{
    char *data;
    size_t len;
    int64_t v;
    bool grew, changed = false;
    if (!bits_edit(x, (size_t)((end + 7) / 8), &data, &len, &grew))
        return;
    reply_array(x->reply, (size_t)n);
    for (int i = 0; i < n; i++) {
        if (ops[i].kind == GET) {
            reply_int(x->reply,
                      value_of(&ops[i], bits_read(bytes_of(data, len), ops[i].at, ops[i].width)));
        } else if (write_one(&ops[i], data, len, &v, &changed)) {
            reply_int(x->reply, v);
        } else {
            reply_null(x->reply);
        }
    }
    if (changed || grew)
        exec_changed(x, 0, EVENT_STRING, "setbit");
}

static void run(struct exec *x, bool reads_only)
{
    struct op *ops = exec_alloc(x, (size_t)x->argc * sizeof *ops);
    uint64_t end;
    int n = parse_all(x, ops, &end);
    if (n < 0)
        return;
    if (end && reads_only)
        reply_errorf(x->reply, ERROR_GENERIC, "BITFIELD_RO only supports the GET subcommand");
    else if (end)
        run_writes(x, ops, n, end);
    else
        run_reads(x, ops, n);
}

static void cmd_bitfield(struct exec *x)
{
    run(x, false);
}

static void cmd_bitfield_ro(struct exec *x)
{
    run(x, true);
}

const struct command_row bitfield_commands[] = {
    {"bitfield", cmd_bitfield, -2, "write,denyoom", BITS_ACL,
     "@1:0/1:RW+UPDATE+ACCESS+VARIABLE_FLAGS", "3.2.0", BITS_GROUP,
     "key [(GET encoding offset | [OVERFLOW (WRAP | SAT | FAIL)] (SET encoding offset value | "
     "INCRBY encoding offset increment)) ...]",
     "Reads and writes integers of any width within a string."},
    {"bitfield_ro", cmd_bitfield_ro, -2, "readonly,fast", BITS_ACL, "@1:0/1:RO+ACCESS", "6.0.0",
     BITS_GROUP, "key [GET encoding offset ...]", "Reads integers of any width within a string."},
    {0},
};
