/* Hashes as a whole: HGETALL, HKEYS, HVALS, HSCAN, HRANDFIELD. */
#include "commands/cursor.h"
#include "commands/hash_key.h"

/* ---- all fields
 * ------------------------------------------------------------------------------------- */

static void reply_all(struct exec *x, const struct hash *h, bool fields, bool values)
{
    struct hash_iter it;
    struct hash_item item;
    size_t n = h ? hash_length(h, x->now_ms) : 0;
    if (fields && values)
        reply_map(x->reply, n);
    else
        reply_array(x->reply, n);
    if (n == 0)
        return;
    hash_iter_init(&it, h, x->now_ms);
    while (hash_iter_next(&it, &item)) {
        if (fields)
            reply_bulk(x->reply, item.field);
        if (values)
            reply_bulk(x->reply, item.value);
    }
}

static void cmd_hgetall(struct exec *x)
{
    const struct hash *h;
    if (hash_key_read(x, &h))
        reply_all(x, h, true, true);
}

static void cmd_hkeys(struct exec *x)
{
    const struct hash *h;
    if (hash_key_read(x, &h))
        reply_all(x, h, true, false);
}

static void cmd_hvals(struct exec *x)
{
    const struct hash *h;
    if (hash_key_read(x, &h))
        reply_all(x, h, false, true);
}

/* ---- HSCAN
 * ------------------------------------------------------------------------------------------ */

#define DEFAULT_COUNT 10

/* The fields of one step wait here, each part with its length before it: the cursor stands before
 * them in the reply, but is known after them. */
struct step {
    const struct bytes *pattern; /* NULL: every field */
    bool novalues;
    struct buf parts;
    size_t count;
};

static void keep_part(struct step *s, struct bytes part)
{
    buf_add(&s->parts, &part.n, sizeof part.n);
    buf_add_bytes(&s->parts, part);
    s->count++;
}

static void keep_field(const struct hash_item *item, void *ctx)
{
    struct step *s = ctx;
    if (s->pattern && !bytes_glob(*s->pattern, item->field, false))
        return;
    keep_part(s, item->field);
    if (!s->novalues)
        keep_part(s, item->value);
}

static void reply_step(struct reply *r, uint64_t cursor, const struct step *s)
{
    char text[NUM_INT_MAX];
    const char *p = s->parts.p;
    reply_array(r, 2);
    reply_bulk(r, bytes_of(text, num_format_uint(text, cursor)));
    reply_array(r, s->count);
    for (size_t i = 0; i < s->count; i++) {
        size_t n;
        memcpy(&n, p, sizeof n);
        reply_bulk(r, bytes_of(p + sizeof n, n));
        p += sizeof n + n;
    }
}

/* Options may be repeated (the last holds); a wrong one is found in the order of the arguments. */
static bool scan_options(struct exec *x, struct step *s, int64_t *count)
{
    for (int i = 3; i < x->argc; i++) {
        bool pair = i + 1 < x->argc, known = true;
        if (exec_is(x, i, "NOVALUES"))
            s->novalues = true;
        else if (pair && exec_is(x, i, "MATCH"))
            s->pattern = &x->argv[++i];
        else if (!pair || !exec_is(x, i, "COUNT"))
            known = false;
        else if (!exec_int(x, ++i, count))
            return false;
        if (!known || *count < 1) {
            reply_error(x->reply, ERROR_SYNTAX);
            return false;
        }
    }
    if (s->pattern && bytes_eq(*s->pattern, BYTES("*")))
        s->pattern = NULL;
    return true;
}

static void cmd_hscan(struct exec *x)
{
    struct step s = {0};
    const struct hash *h;
    uint64_t cursor;
    int64_t count = DEFAULT_COUNT;
    if (!cursor_parse(x->argv[2], &cursor)) {
        reply_errorf(x->reply, ERROR_GENERIC, "invalid cursor");
        return;
    }
    if (!hash_key_read(x, &h))
        return;
    if (h && !scan_options(x, &s, &count))
        return;
    cursor = h ? hash_scan(h, cursor, (size_t)count, x->now_ms, keep_field, &s) : 0;
    reply_step(x->reply, cursor, &s);
    buf_release(&s.parts);
}

/* ---- HRANDFIELD
 * ------------------------------------------------------------------------------------- */

struct sample {
    struct reply *reply;
    bool values;
};

/* A field and its value are a pair of their own in RESP3, and follow each other in RESP2. */
static void reply_sample(const struct hash_item *item, void *ctx)
{
    const struct sample *s = ctx;
    if (s->values && s->reply->resp > 2)
        reply_array(s->reply, 2);
    reply_bulk(s->reply, item->field);
    if (s->values)
        reply_bulk(s->reply, item->value);
}

static void reply_samples(struct exec *x, const struct hash *h, int64_t count, bool values)
{
    struct sample s = {x->reply, values};
    size_t length = h ? hash_length(h, x->now_ms) : 0;
    size_t n = length == 0 ? 0 : count < 0 ? (size_t)-count : (size_t)count;
    if (count > 0 && n > length)
        n = length;
    reply_array(x->reply, values && x->reply->resp == 2 ? 2 * n : n);
    if (n == 0)
        return;
    if (count < 0)
        hash_random_repeating(h, n, x->now_ms, reply_sample, &s);
    else
        hash_random_distinct(h, n, x->now_ms, reply_sample, &s);
}

static bool parse_sample(struct exec *x, int64_t *count, bool *values)
{
    if (!exec_int_in(x, 2, -INT64_MAX, INT64_MAX,
                     "value is out of range, value must between -9223372036854775807 and "
                     "9223372036854775807",
                     count))
        return false;
    *values = x->argc == 4 && exec_is(x, 3, "WITHVALUES");
    if (x->argc > 4 || (x->argc == 4 && !*values)) {
        reply_error(x->reply, ERROR_SYNTAX);
        return false;
    }
    if (*values && (*count < -INT64_MAX / 2 || *count > INT64_MAX / 2)) {
        reply_error(x->reply, ERROR_OUT_OF_BOUNDS);
        return false;
    }
    return true;
}

static void cmd_hrandfield(struct exec *x)
{
    const struct hash *h;
    struct hash_item item;
    int64_t count;
    bool values;
    if (x->argc > 2) {
        if (parse_sample(x, &count, &values) && hash_key_read(x, &h))
            reply_samples(x, h, count, values);
        return;
    }
    if (!hash_key_read(x, &h))
        return;
    if (h && hash_random(h, x->now_ms, &item))
        reply_bulk(x->reply, item.field);
    else
        reply_null(x->reply);
}

/* ---- rows
 * ------------------------------------------------------------------------------------------- */

const struct command_row hash_walk_commands[] = {
    {"hgetall", cmd_hgetall, 2, "readonly", "hash", "@1:0/1:RO+ACCESS", "2.0.0", "hash", "key",
     "Returns every field of a hash with its value."},
    {"hkeys", cmd_hkeys, 2, "readonly", "hash", "@1:0/1:RO+ACCESS", "2.0.0", "hash", "key",
     "Returns the names of every field of a hash."},
    {"hrandfield", cmd_hrandfield, -2, "readonly", "hash", "@1:0/1:RO+ACCESS", "6.2.0", "hash",
     "key [count [WITHVALUES]]", "Returns fields of a hash at random."},
    {"hscan", cmd_hscan, -3, "readonly", "hash", "@1:0/1:RO+ACCESS", "2.8.0", "hash",
     "key cursor [MATCH pattern] [COUNT count] [NOVALUES]",
     "Iterates over the fields of a hash, a few at a time."},
    {"hvals", cmd_hvals, 2, "readonly", "hash", "@1:0/1:RO+ACCESS", "2.0.0", "hash", "key",
     "Returns every value of a hash."},
    {0},
};
