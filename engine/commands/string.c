/* GET and SET, and their relatives. Counters are in counter.c, editing in place in string_edit.c. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "commands/exec.h"
#include "internal.h"

/* ---- reading ---------------------------------------------------------------------------------- */

static void reply_string(struct exec *x, const struct entry *e)
{
    char scratch[NUM_INT_MAX];
    if (e)
        reply_bulk(x->reply, entry_string(e, scratch));
    else
        reply_null(x->reply);
}

static void cmd_get(struct exec *x)
{
    struct entry *e;
    if (exec_read_typed(x, 0, TYPE_STRING, &e))
        reply_string(x, e);
}

static void cmd_mget(struct exec *x)
{
    reply_array(x->reply, x->nkeys);
    for (unsigned k = 0; k < x->nkeys; k++) {
        struct entry *e = exec_read(x, k);
        reply_string(x, e && e->type == TYPE_STRING ? e : NULL);
    }
}

static void cmd_strlen(struct exec *x)
{
    struct entry *e;
    if (exec_read_typed(x, 0, TYPE_STRING, &e))
        reply_int(x->reply, e ? (int64_t)entry_string_length(e) : 0);
}

/* ---- conditions on the present value ------------------------------------------------------------ */

#define DIGEST_LEN 16

/* XXH3 as 16 hexadecimal digits. */
static struct bytes digest_text(struct bytes value, char *to)
{
    uint64_t h = hash_digest(value);
    for (int i = DIGEST_LEN - 1; i >= 0; i--, h >>= 4)
        to[i] = "0123456789abcdef"[h & 15];
    return bytes_of(to, DIGEST_LEN);
}

static void cmd_digest(struct exec *x)
{
    struct entry *e;
    char scratch[NUM_INT_MAX], digest[DIGEST_LEN];
    if (!exec_read_typed(x, 0, TYPE_STRING, &e))
        return;
    if (e)
        reply_bulk(x->reply, digest_text(entry_string(e, scratch), digest));
    else
        reply_null(x->reply);
}

enum { GROUP_CONDITION = 1, GROUP_EXPIRY = 2 };

/* The options that compare with the present value: IFEQ, IFNE, IFDEQ, IFDNE, in this order. */
#define COMPARE_OPTIONS                                                                            \
    {"IFEQ", GROUP_CONDITION, 1, false, 0}, {"IFNE", GROUP_CONDITION, 1, false, 0},                \
        {"IFDEQ", GROUP_CONDITION, 1, false, 0},                                                   \
    {                                                                                              \
        "IFDNE", GROUP_CONDITION, 1, false, 0                                                      \
    }

static const struct option *chosen(const struct option *options, int n)
{
    for (int i = 0; i < n; i++) {
        if (options[i].at)
            return &options[i];
    }
    return NULL;
}

static bool valid_digest(struct exec *x, struct bytes digest)
{
    if (digest.n == DIGEST_LEN)
        return true;
    reply_errorf(x->reply, ERROR_GENERIC, "must be exactly 16 hexadecimal characters");
    return false;
}

static bool equal_nocase(struct bytes a, const char *lower)
{
    for (size_t i = 0; i < a.n; i++) {
        char c = a.p[i] >= 'A' && a.p[i] <= 'F' ? (char)(a.p[i] + 32) : a.p[i];
        if (c != lower[i])
            return false;
    }
    return true;
}

/* Does the value meet the condition? `word` is one of COMPARE_OPTIONS. */
static bool meets(const struct entry *e, const char *word, struct bytes wanted)
{
    char scratch[NUM_INT_MAX], digest[DIGEST_LEN];
    bool by_digest = word[2] == 'D', equal;
    struct bytes value = entry_string(e, scratch);
    if (by_digest) {
        digest_text(value, digest);
        equal = equal_nocase(wanted, digest);
    } else {
        equal = bytes_eq(value, wanted);
    }
    return equal == (strstr(word, "EQ") != NULL);
}

/* ---- SET ---------------------------------------------------------------------------------------- */

enum set_option {
    SET_IFEQ,
    SET_IFNE,
    SET_IFDEQ,
    SET_IFDNE,
    SET_NX,
    SET_XX,
    SET_GET,
    SET_KEEPTTL,
    SET_EX,
    SET_PX,
    SET_EXAT,
    SET_PXAT
};

/* As in Redis a word may be repeated, and the last one counts. */
#define EXPIRY_OPTIONS                                                                             \
    {"EX", GROUP_EXPIRY, 1, true, 0}, {"PX", GROUP_EXPIRY, 1, true, 0},                            \
        {"EXAT", GROUP_EXPIRY, 1, true, 0},                                                        \
    {                                                                                              \
        "PXAT", GROUP_EXPIRY, 1, true, 0                                                           \
    }

/* The deadline that one of EXPIRY_OPTIONS gives, 0 for none; false: the error has been answered. */
static bool chosen_deadline(struct exec *x, const struct option *expiry, uint64_t *deadline_ms)
{
    const struct option *o = chosen(expiry, 4);
    *deadline_ms = 0;
    return !o || exec_deadline(x, o->word, o->at + 1, deadline_ms);
}

/* Whether SET's condition lets it write; a comparison with a value of another type is an error. */
static bool set_allowed(struct exec *x, const struct option *o, const struct entry *e, bool *write)
{
    const struct option *compare = chosen(o, 4);
    *write = !(o[SET_NX].at && e) && !(o[SET_XX].at && !e);
    if (!compare)
        return true;
    if (o[SET_IFDEQ].at || o[SET_IFDNE].at) {
        if (!valid_digest(x, x->argv[compare->at + 1]))
            return false;
    }
    if (e && e->type != TYPE_STRING) {
        reply_error(x->reply, ERROR_WRONGTYPE);
        return false;
    }
    if (e)
        *write = meets(e, compare->word, x->argv[compare->at + 1]);
    else
        *write = o[SET_IFNE].at || o[SET_IFDNE].at;
    return true;
}

static void store_string(struct exec *x, unsigned k, struct bytes value, uint64_t deadline_ms,
                         bool keep_ttl)
{
    if (deadline_ms &&
        deadline_ms <= x->now_ms) { /* a deadline in the past: set and gone at once */
        if (exec_delete(x, k))
            exec_changed(x, k, EVENT_GENERIC, "del");
        return;
    }
    exec_set_string(x, k, value, deadline_ms, keep_ttl);
    exec_changed(x, k, EVENT_STRING, "set");
    if (deadline_ms)
        exec_event(x, k, EVENT_GENERIC, "expire");
}

static void cmd_set(struct exec *x)
{
    struct option o[] = {COMPARE_OPTIONS,
                         {"NX", GROUP_CONDITION, 0, true, 0},
                         {"XX", GROUP_CONDITION, 0, true, 0},
                         {"GET", 0, 0, true, 0},
                         {"KEEPTTL", GROUP_EXPIRY, 0, true, 0},
                         EXPIRY_OPTIONS,
                         {0}};
    uint64_t deadline_ms = 0;
    bool write = true;
    if (x->argc == 3) {
        store_string(x, 0, x->argv[2], 0, false);
        reply_ok(x->reply);
        return;
    }
    if (!exec_options(x, 3, o) || !chosen_deadline(x, &o[SET_EX], &deadline_ms))
        return;
    struct entry *e = exec_peek(x, 0);
    if (o[SET_GET].at && e && e->type != TYPE_STRING) {
        reply_error(x->reply, ERROR_WRONGTYPE);
        return;
    }
    if (!set_allowed(x, o, e, &write))
        return;
    if (o[SET_GET].at)
        reply_string(x, e);
    if (write)
        store_string(x, 0, x->argv[2], deadline_ms, o[SET_KEEPTTL].at != 0);
    if (!o[SET_GET].at) {
        if (write)
            reply_ok(x->reply);
        else
            reply_null(x->reply);
    }
}

static void cmd_setnx(struct exec *x)
{
    bool write = !exec_peek(x, 0);
    if (write)
        store_string(x, 0, x->argv[2], 0, false);
    reply_int(x->reply, write);
}

static void cmd_setex(struct exec *x)
{
    uint64_t deadline_ms;
    const char *unit = x->cmd->row->name[0] == 'p' ? "PX" : "EX";
    if (!exec_deadline(x, unit, 2, &deadline_ms))
        return;
    store_string(x, 0, x->argv[3], deadline_ms, false);
    reply_ok(x->reply);
}

static void cmd_getset(struct exec *x)
{
    struct entry *e;
    if (!exec_read_typed(x, 0, TYPE_STRING, &e))
        return;
    reply_string(x, e);
    store_string(x, 0, x->argv[2], 0, false);
}

static void cmd_getdel(struct exec *x)
{
    struct entry *e;
    if (!exec_read_typed(x, 0, TYPE_STRING, &e))
        return;
    reply_string(x, e);
    if (e) {
        exec_delete(x, 0);
        exec_changed(x, 0, EVENT_GENERIC, "del");
    }
}

static void cmd_getex(struct exec *x)
{
    struct option o[] = {EXPIRY_OPTIONS, {"PERSIST", GROUP_EXPIRY, 0, true, 0}, {0}};
    uint64_t deadline_ms;
    struct entry *e;
    if (!exec_options(x, 2, o) || !exec_read_typed(x, 0, TYPE_STRING, &e))
        return;
    if (!e) { /* before the deadline is looked at: a missing key hides a bad one */
        reply_null(x->reply);
        return;
    }
    if (!chosen_deadline(x, o, &deadline_ms))
        return;
    reply_string(x, e);
    if (deadline_ms && deadline_ms <= x->now_ms) {
        exec_delete(x, 0);
        exec_changed(x, 0, EVENT_GENERIC, "del");
    } else if (deadline_ms) {
        keyspace_set_deadline_locked(x->ks, x->db, &x->keys[0], e, deadline_ms);
        exec_changed(x, 0, EVENT_GENERIC, "expire");
    } else if (o[4].at && entry_deadline_ms(e)) {
        keyspace_set_deadline_locked(x->ks, x->db, &x->keys[0], e, 0);
        exec_changed(x, 0, EVENT_GENERIC, "persist");
    }
}

static void cmd_delex(struct exec *x)
{
    struct option o[] = {COMPARE_OPTIONS, {0}};
    if (x->argc != 2 && x->argc != 4) {
        reply_errorf(x->reply, ERROR_ARITY, "wrong number of arguments for 'delex' command");
        return;
    }
    bool known = x->argc == 2;
    for (int i = 0; i < 4; i++)
        known = known || exec_is(x, 2, o[i].word);
    if (!known) {
        reply_errorf(x->reply, ERROR_SYNTAX, "Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE");
        return;
    }
    if (!exec_options(x, 2, o))
        return;
    const struct option *compare = chosen(o, 4);
    struct entry *e = exec_peek(x, 0);
    if (compare && compare->word[2] == 'D' && !valid_digest(x, x->argv[3]))
        return;
    if (compare && e && e->type != TYPE_STRING) {
        reply_errorf(x->reply, ERROR_GENERIC,
                     "Key should be of string type if conditions are specified");
        return;
    }
    bool gone = e && (!compare || meets(e, compare->word, x->argv[3]));
    if (gone) {
        exec_delete(x, 0);
        exec_changed(x, 0, EVENT_GENERIC, "del");
    }
    reply_int(x->reply, gone);
}

/* ---- several keys --------------------------------------------------------------------------------- */

static void cmd_mset(struct exec *x)
{
    if (x->argc % 2 == 0) {
        reply_errorf(x->reply, ERROR_ARITY, "wrong number of arguments for '%s' command",
                     x->cmd->row->name);
        return;
    }
    bool only_new = x->cmd->row->name[4] == 'n';
    for (unsigned k = 0; only_new && k < x->nkeys; k++) {
        if (exec_peek(x, k)) {
            reply_int(x->reply, 0);
            return;
        }
    }
    for (unsigned k = 0; k < x->nkeys; k++)
        store_string(x, k, x->argv[2 + 2 * k], 0, false);
    if (only_new)
        reply_int(x->reply, 1);
    else
        reply_ok(x->reply);
}

/* MSETEX numkeys key value ... [NX | XX] [expiration] */
static void cmd_msetex(struct exec *x)
{
    struct option o[] = {{"NX", GROUP_CONDITION, 0, false, 0},
                         {"XX", GROUP_CONDITION, 0, false, 0},
                         {"KEEPTTL", GROUP_EXPIRY, 0, false, 0},
                         EXPIRY_OPTIONS,
                         {0}};
    int64_t n;
    uint64_t deadline_ms;
    if (!num_parse_int(x->argv[1], &n) || n <= 0 || n > INT32_MAX) {
        reply_errorf(x->reply, ERROR_GENERIC, "invalid numkeys value");
        return;
    }
    if (n > (x->argc - 2) / 2) {
        reply_errorf(x->reply, ERROR_ARITY, "wrong number of key-value pairs");
        return;
    }
    if (!exec_options(x, 2 + 2 * (int)n, o) || !chosen_deadline(x, &o[3], &deadline_ms))
        return;
    for (unsigned k = 0; (o[0].at || o[1].at) && k < x->nkeys; k++) {
        if (!!exec_peek(x, k) != !!o[1].at) {
            reply_int(x->reply, 0);
            return;
        }
    }
    for (unsigned k = 0; k < x->nkeys; k++)
        store_string(x, k, x->argv[3 + 2 * k], deadline_ms, o[2].at != 0);
    reply_int(x->reply, 1);
}

/* ---- editing in place ----------------------------------------------------------------------------- */

static size_t string_max(const struct exec *x)
{
    return (size_t)config_int(x->engine->config, CONFIG_PROTO_MAX_BULK_LEN);
}

static bool too_long(struct exec *x, size_t n)
{
    if (n <= string_max(x))
        return false;
    reply_error(x->reply, ERROR_TOO_BIG);
    return true;
}

static void cmd_append(struct exec *x)
{
    struct entry *e;
    struct bytes add = x->argv[2];
    if (!exec_peek_typed(x, 0, TYPE_STRING, &e))
        return;
    if (!e) {
        exec_set_string(x, 0, add, 0, false);
        exec_changed(x, 0, EVENT_STRING, "append");
        reply_int(x->reply, (int64_t)add.n);
        return;
    }
    size_t old = entry_string_length(e);
    if (too_long(x, old + add.n))
        return;
    char *data;
    keyspace_edit_locked(x->ks, x->db, &x->keys[0], e, old + add.n, &data);
    if (add.n)
        memcpy(data + old, add.p, add.n);
    exec_changed(x, 0, EVENT_STRING, "append");
    reply_int(x->reply, (int64_t)(old + add.n));
}

static void cmd_setrange(struct exec *x)
{
    int64_t offset;
    struct entry *e;
    struct bytes patch = x->argv[3];
    if (!exec_int_in(x, 2, 0, INT64_MAX, "offset is out of range", &offset) ||
        !exec_peek_typed(x, 0, TYPE_STRING, &e))
        return;
    size_t old = e ? entry_string_length(e) : 0;
    if (patch.n == 0) {
        reply_int(x->reply, (int64_t)old);
        return;
    }
    if ((uint64_t)offset > string_max(x) || too_long(x, (size_t)offset + patch.n)) {
        if (!x->reply->erred)
            reply_error(x->reply, ERROR_TOO_BIG);
        return;
    }
    size_t end = (size_t)offset + patch.n;
    char *data;
    if (!e)
        e = exec_set_string(x, 0, (struct bytes){0}, 0, false);
    keyspace_edit_locked(x->ks, x->db, &x->keys[0], e, end, &data);
    memcpy(data + offset, patch.p, patch.n);
    exec_changed(x, 0, EVENT_STRING, "setrange");
    reply_int(x->reply, (int64_t)(end > old ? end : old));
}

static void cmd_getrange(struct exec *x)
{
    int64_t start, end;
    struct entry *e;
    char scratch[NUM_INT_MAX];
    if (!exec_int(x, 2, &start) || !exec_int(x, 3, &end) || !exec_read_typed(x, 0, TYPE_STRING, &e))
        return;
    struct bytes s = e ? entry_string(e, scratch) : (struct bytes){0};
    int64_t n = (int64_t)s.n;
    if (start < 0 && end < 0 && start > end)
        n = 0;
    start = start < 0 ? (start + n < 0 ? 0 : start + n) : start;
    end = end < 0 ? (end + n < 0 ? 0 : end + n) : end;
    if (end >= n)
        end = n - 1;
    if (start > end || n == 0)
        reply_bulk(x->reply, (struct bytes){0});
    else
        reply_bulk(x->reply, bytes_of(s.p + start, (size_t)(end - start + 1)));
}

/* ---- rows ------------------------------------------------------------------------------------------- */

#define EXPIRATION                                                                                 \
    "EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds"
#define CONDITION "IFEQ value | IFNE value | IFDEQ digest | IFDNE digest"

const struct command_row string_commands[] = {
    {"append", cmd_append, 3, "write,denyoom,fast", "string", "@1:0/1:RW+INSERT", "2.0.0", "string",
     "key value", "Appends to a string; makes the key where it is missing."},
    {"delex", cmd_delex, -2, "write,fast", "string", "@1:0/1:RM+DELETE", "8.4.0", "string",
     "key [(" CONDITION ")]", "Deletes a key if its value, or the value's digest, is as expected."},
    {"digest", cmd_digest, 2, "readonly,fast", "string", "@1:0/1:RO", "8.4.0", "string", "key",
     "Returns the XXH3 digest of a string as 16 hexadecimal digits."},
    {"get", cmd_get, 2, "readonly,fast", "string", "@1:0/1:RO+ACCESS", "1.0.0", "string", "key",
     "Returns the string value of a key."},
    {"getdel", cmd_getdel, 2, "write,fast", "string", "@1:0/1:RW+ACCESS+DELETE", "6.2.0", "string",
     "key", "Returns the string value of a key and deletes the key."},
    {"getex", cmd_getex, -2, "write,fast", "string", "@1:0/1:RW+ACCESS+UPDATE", "6.2.0", "string",
     "key [(" EXPIRATION " | PERSIST)]",
     "Returns the string value of a key and sets or removes its expiration."},
    {"getrange", cmd_getrange, 4, "readonly", "string", "@1:0/1:RO+ACCESS", "2.4.0", "string",
     "key start end", "Returns a part of a string."},
    {"getset", cmd_getset, 3, "write,denyoom,fast", "string", "@1:0/1:RW+ACCESS+UPDATE", "1.0.0",
     "string", "key value", "Sets a string and returns the one that was there."},
    {"mget", cmd_mget, -2, "readonly,fast", "string", "@1:-1/1:RO+ACCESS", "1.0.0", "string",
     "key ...", "Returns the string values of several keys in one step."},
    {"mset", cmd_mset, -3, "write,denyoom", "string", "@1:-1/2:OW+UPDATE", "1.0.1", "string",
     "key value ...", "Sets several strings in one step."},
    {"msetex", cmd_msetex, -4, "write,denyoom", "string", "@1:numkeys*2:OW+UPDATE", "8.4.0",
     "string", "numkeys key value [key value ...] [(NX | XX)] [(" EXPIRATION " | KEEPTTL)]",
     "Sets several strings in one step, with one expiration and condition."},
    {"msetnx", cmd_mset, -3, "write,denyoom", "string", "@1:-1/2:OW+INSERT", "1.0.1", "string",
     "key value ...", "Sets several strings in one step if none of the keys is there."},
    {"psetex", cmd_setex, 4, "write,denyoom", "string", "@1:0/1:OW+UPDATE", "2.6.0", "string",
     "key milliseconds value", "Sets a string with a time to live in milliseconds."},
    {"set", cmd_set, -3, "write,denyoom", "string", "@1:0/1:RW+ACCESS+UPDATE+VARIABLE_FLAGS",
     "1.0.0", "string", "key value [(NX | XX | " CONDITION ")] [GET] [(" EXPIRATION " | KEEPTTL)]",
     "Sets a string, whatever the key held before."},
    {"setex", cmd_setex, 4, "write,denyoom", "string", "@1:0/1:OW+UPDATE", "2.0.0", "string",
     "key seconds value", "Sets a string with a time to live in seconds."},
    {"setnx", cmd_setnx, 3, "write,denyoom,fast", "string", "@1:0/1:OW+INSERT", "1.0.0", "string",
     "key value", "Sets a string if the key is not there."},
    {"setrange", cmd_setrange, 4, "write,denyoom", "string", "@1:0/1:RW+UPDATE", "2.2.0", "string",
     "key offset value", "Overwrites a part of a string; pads with zero bytes."},
    {"strlen", cmd_strlen, 2, "readonly,fast", "string", "@1:0/1:RO", "2.2.0", "string", "key",
     "Returns the length of a string."},
    {"substr", cmd_getrange, 4, "readonly", "string", "@1:0/1:RO+ACCESS", "1.0.0", "string",
     "key start end", "Returns a part of a string; the old name of GETRANGE."},
    {0},
};
