/* Iteration over the keys of a database: KEYS, SCAN, RANDOMKEY. They are `unlocked`: the keyspace's
 * own scan takes one shard's lock at a time, so other threads go on in between. */
#include "commands/cursor.h"
#include "commands/exec.h"

/* Keys that KEYS visits at a time under a shard's lock, about. */
#define SLICE_KEYS 128

#define DEFAULT_COUNT 10

struct filter {
    const struct bytes *pattern; /* NULL: every key */
    const struct bytes *type;    /* NULL: every type */
};

static bool passes(const struct filter *f, const struct entry *e)
{
    return (!f->pattern || bytes_glob(*f->pattern, entry_key(e), false)) &&
           (!f->type || bytes_is(*f->type, entry_type_name(e)));
}

static const struct bytes *pattern_arg(const struct bytes *arg)
{
    return bytes_eq(*arg, BYTES("*")) ? NULL : arg;
}

/* ---- KEYS ----------------------------------------------------------------------------------- */

struct key_list {
    struct filter filter;
    struct reply *reply;
    size_t count;
};

static void list_key(struct entry *e, void *ctx)
{
    struct key_list *l = ctx;
    if (!passes(&l->filter, e))
        return;
    reply_bulk(l->reply, entry_key(e));
    l->count++;
}

static void cmd_keys(struct exec *x)
{
    struct key_list l = {.filter.pattern = pattern_arg(&x->argv[1]), .reply = x->reply};
    size_t mark = reply_begin(x->reply);
    uint64_t cursor = 0;
    do
        cursor = keyspace_scan(x->ks, x->db, cursor, SLICE_KEYS, x->now_ms, list_key, &l);
    while (cursor);
    reply_end(x->reply, mark, REPLY_ARRAY, l.count);
}

/* ---- SCAN ----------------------------------------------------------------------------------- */

/* Options may be repeated (the last holds), and a wrong one is found in the order of the arguments.
 */
static bool scan_options(struct exec *x, struct filter *f, int64_t *count)
{
    for (int i = 2; i < x->argc; i += 2) {
        bool known = true;
        if (i + 1 == x->argc)
            known = false;
        else if (exec_is(x, i, "MATCH"))
            f->pattern = pattern_arg(&x->argv[i + 1]);
        else if (exec_is(x, i, "TYPE"))
            f->type = &x->argv[i + 1];
        else if (!exec_is(x, i, "COUNT"))
            known = false;
        else if (!exec_int(x, i + 1, count))
            return false;
        if (!known || *count < 1) {
            reply_error(x->reply, ERROR_SYNTAX);
            return false;
        }
    }
    return true;
}

/* The keys of one step. The cursor stands before them in the reply but is known after them, so they
 * wait here, each with its length before it. */
struct step {
    struct filter filter;
    struct buf keys;
    size_t count;
};

static void keep_key(struct entry *e, void *ctx)
{
    struct step *s = ctx;
    struct bytes key = entry_key(e);
    if (!passes(&s->filter, e))
        return;
    buf_add(&s->keys, &key.n, sizeof key.n);
    buf_add_bytes(&s->keys, key);
    s->count++;
}

static void reply_step(struct reply *r, uint64_t cursor, const struct step *s)
{
    char text[NUM_INT_MAX];
    const char *p = s->keys.p;
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

static void cmd_scan(struct exec *x)
{
    struct step s = {0};
    uint64_t cursor;
    int64_t count = DEFAULT_COUNT;
    if (!cursor_parse(x->argv[1], &cursor)) {
        reply_errorf(x->reply, ERROR_GENERIC, "invalid cursor");
        return;
    }
    if (!scan_options(x, &s.filter, &count))
        return;
    cursor = keyspace_scan(x->ks, x->db, cursor, (size_t)count, x->now_ms, keep_key, &s);
    reply_step(x->reply, cursor, &s);
    buf_release(&s.keys);
}

/* ---- RANDOMKEY ------------------------------------------------------------------------------ */

static void cmd_randomkey(struct exec *x)
{
    struct buf key;
    buf_init(&key);
    if (keyspace_random_key(x->ks, x->db, x->now_ms, &key))
        reply_bulk(x->reply, buf_bytes(&key));
    else
        reply_null(x->reply);
    buf_release(&key);
}

/* ---- rows ----------------------------------------------------------------------------------- */

const struct command_row scan_commands[] = {
    {"keys", cmd_keys, 2, "readonly,unlocked", "keyspace,dangerous", "", "1.0.0", "generic",
     "pattern", "Lists every key that matches a pattern: the whole database is read."},
    {"randomkey", cmd_randomkey, 1, "readonly,touches_arbitrary_keys,unlocked", "keyspace", "",
     "1.0.0", "generic", "", "Returns a key at random."},
    {"scan", cmd_scan, -2, "readonly,touches_arbitrary_keys,unlocked", "keyspace", "", "2.8.0",
     "generic", "cursor [MATCH pattern] [COUNT count] [TYPE type]",
     "Iterates over the keys of a database, a few at a time."},
    {0},
};
