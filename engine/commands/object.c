/* What is known about a key: OBJECT, and ATR.KEYINFO, which tells all of it in one step.
 *
 * Differs from Redis on purpose: nothing shares values, so OBJECT REFCOUNT is 1 for small integers
 * too. */
#include "base/hash.h"
#include "commands/memory_limit.h"
#include "internal.h"
#include "commands/generic.h"

/* ---- OBJECT --------------------------------------------------------------------------------- */

/* Neither an access nor counted; a missing key is answered with null. */
static const struct entry *object_or_reply(struct exec *x)
{
    const struct entry *e = exec_peek(x, 0);
    if (!e)
        reply_null(x->reply);
    return e;
}

static void cmd_object_encoding(struct exec *x)
{
    const struct entry *e = object_or_reply(x);
    if (e)
        reply_text(x->reply, entry_encoding_name(e));
}

static void cmd_object_refcount(struct exec *x)
{
    if (object_or_reply(x))
        reply_int(x->reply, 1);
}

static void cmd_object_idletime(struct exec *x)
{
    const struct entry *e = object_or_reply(x);
    if (!e)
        return;
    if (memory_limit_access(x->engine).frequency)
        reply_errorf(x->reply, ERROR_GENERIC,
                     "An LFU maxmemory policy is selected, idle time not tracked. "
                     "Please note that when switching between policies at runtime LRU and LFU "
                     "data will take some time to adjust.");
    else
        reply_int(x->reply, (int64_t)(access_idle_ms(e, x->now_ms) / 1000));
}

static void cmd_object_freq(struct exec *x)
{
    const struct entry *e = object_or_reply(x);
    struct access_rule rule = memory_limit_access(x->engine);
    if (e && rule.frequency)
        reply_int(x->reply, access_frequency(e, x->now_ms, &rule));
    else if (e)
        reply_errorf(x->reply, ERROR_GENERIC,
                     "An LFU maxmemory policy is not selected, access frequency not tracked. "
                     "Please note that when switching between policies at runtime LRU and LFU "
                     "data will take some time to adjust.");
}

static void cmd_object_help(struct exec *x)
{
    static const char *const lines[] = {
        "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "ENCODING <key>",
        "    Name the representation that holds the key's value.",
        "FREQ <key>",
        "    Tell how often the key is used, as a logarithmic counter (LFU policies only).",
        "IDLETIME <key>",
        "    Tell the seconds since the key was last used.",
        "REFCOUNT <key>",
        "    Tell how many references the key's value has.",
        "HELP",
        "    Print these lines.",
    };
    size_t n = sizeof lines / sizeof *lines;
    reply_array(x->reply, n);
    for (size_t i = 0; i < n; i++)
        reply_simple(x->reply, lines[i]);
}

/* ---- ATR.KEYINFO ---------------------------------------------------------------------------- */

/* ATR.KEYINFO key [VALUE]: null where the key is missing, else a map of
 *   type      as TYPE answers
 *   encoding  as OBJECT ENCODING answers
 *   size      bytes of a string, else the number of elements
 *   ttl_ms    milliseconds left to live, null where there is no deadline
 *   memory_bytes
 *   etag      of a string: DIGEST, what SET IFDEQ compares with
 *   value     of a string, where VALUE is asked for
 * With VALUE it counts as a read of the key, without as a question about it. */

static void reply_field_int(struct reply *r, const char *name, uint64_t v)
{
    reply_text(r, name);
    reply_int(r, (int64_t)v);
}

static void reply_field_text(struct reply *r, const char *name, const char *text)
{
    reply_text(r, name);
    reply_text(r, text);
}

static void reply_keyinfo(struct exec *x, const struct entry *e, bool with_value)
{
    struct reply *r = x->reply;
    char scratch[NUM_INT_MAX], etag[HASH_DIGEST_HEX];
    bool is_string = e->type == TYPE_STRING;
    struct bytes value = is_string ? entry_string(e, scratch) : (struct bytes){0};
    uint64_t deadline_ms = entry_deadline_ms(e);
    reply_map(r, 5 + (size_t)is_string + (size_t)(is_string && with_value));
    reply_field_text(r, "type", entry_type_name(e));
    reply_field_text(r, "encoding", entry_encoding_name(e));
    reply_field_int(r, "size", is_string ? value.n : type_ops[e->type]->length(entry_object(e)));
    reply_text(r, "ttl_ms");
    if (deadline_ms)
        reply_int(r, (int64_t)(deadline_ms - x->now_ms));
    else
        reply_null(r);
    reply_field_int(r, "memory_bytes", entry_mem_bytes(e));
    if (!is_string)
        return;
    reply_text(r, "etag");
    hash_digest_hex(hash_digest(value), etag);
    reply_bulk(r, bytes_of(etag, HASH_DIGEST_HEX));
    if (with_value) {
        reply_text(r, "value");
        reply_bulk(r, value);
    }
}

static void cmd_atr_keyinfo(struct exec *x)
{
    struct option options[] = {{.word = "VALUE"}, {0}};
    if (!exec_options(x, 2, options))
        return;
    bool with_value = options[0].at != 0;
    const struct entry *e = with_value ? exec_read(x, 0) : generic_look(x, 0);
    if (e)
        reply_keyinfo(x, e, with_value);
    else
        reply_null(x->reply);
}

/* ---- rows ----------------------------------------------------------------------------------- */

const struct command_row object_commands[] = {
    {"atr.keyinfo", cmd_atr_keyinfo, -2, "readonly,fast", "keyspace", "@1:0/1:RO+ACCESS", "0.1.0",
     "generic", "key [VALUE]",
     "Tells type, encoding, size, time to live, memory and ETag of a key in one step."},
    {"object", NULL, -2, "", "", "", "2.2.3", "generic", "",
     "A container for commands about a key's representation."},
    {"object|encoding", cmd_object_encoding, 3, "readonly", "keyspace", "@2:0/1:RO", "2.2.3",
     "generic", "key", "Names the representation that holds a key's value."},
    {"object|freq", cmd_object_freq, 3, "readonly", "keyspace", "@2:0/1:RO", "4.0.0", "generic",
     "key", "Tells how often a key is used, as a logarithmic counter."},
    {"object|help", cmd_object_help, 2, "loading,stale", "keyspace", "", "6.2.0", "generic", "",
     "Lists the subcommands."},
    {"object|idletime", cmd_object_idletime, 3, "readonly", "keyspace", "@2:0/1:RO", "2.2.3",
     "generic", "key", "Tells the seconds since a key was last used."},
    {"object|refcount", cmd_object_refcount, 3, "readonly", "keyspace", "@2:0/1:RO", "2.2.3",
     "generic", "key", "Tells how many references a key's value has."},
    {0},
};
