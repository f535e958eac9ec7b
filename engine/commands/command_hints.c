#include "commands/command_hints.h"

#include <stdbool.h>

/* ---- tips
 * ---------------------------------------------------------------------------------------------------
 */

#define SHARDS "request_policy:all_shards"
#define NODES  "request_policy:all_nodes"
#define MULTI  "request_policy:multi_shard"
#define ALL_OK "response_policy:all_succeeded"
#define ONE_OK "response_policy:one_succeeded"
#define SUM    "response_policy:agg_sum"
#define LEAST  "response_policy:agg_min"
#define EACH   "response_policy:agg_logical_and"
#define OTHER  "response_policy:special"
#define VARIES "nondeterministic_output"
#define ORDER  "nondeterministic_output_order"

static const struct {
    const char *tips, *names;
} tips[] = {
    {VARIES,
     "zrandmember xclaim dump client|info client|list sscan srandmember xinfo|consumers "
     "object|refcount object|freq object|idletime object|encoding zscan time xadd xautoclaim "
     "xpending ttl hscan pttl hrandfield spop lastsave migrate xtrim"},
    {ORDER, "hvals sdiff sinter sunion smembers hgetall hkeys module|list function|list command "
            "command|info command|list command|docs"},
    {SHARDS " " ALL_OK, "flushall flushdb ping memory|purge function|delete function|restore "
                        "function|flush function|load"},
    {NODES " " ALL_OK, "config|set latency|reset script|flush script|load slowlog|reset"},
    {NODES " " SUM " " VARIES, "slowlog|len"},
    {NODES " " VARIES, "slowlog|get"},
    {MULTI " " ALL_OK, "mset"},
    {MULTI " " SUM, "exists del unlink touch"},
    {MULTI " " LEAST, "msetnx"},
    {MULTI, "mget"},
    {SHARDS " " VARIES, "randomkey"},
    {SHARDS " " SUM, "dbsize"},
    {SHARDS " " ORDER, "keys"},
    {SHARDS " " LEAST, "wait waitaof"},
    {SHARDS " " ONE_OK, "function|kill script|kill"},
    {SHARDS " " EACH, "script|exists"},
    {VARIES " request_policy:special", "scan"},
    {VARIES " " SHARDS " " OTHER,
     "memory|stats memory|malloc-stats memory|doctor function|stats info"},
    {VARIES " " NODES " " OTHER,
     "latency|histogram latency|graph latency|latest latency|history latency|doctor"},
};

static bool has_word(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *w = words; *w; w += strspn(w, " ")) {
        size_t len = strcspn(w, " ");
        if (len == n && memcmp(w, word, n) == 0)
            return true;
        w += len;
    }
    return false;
}

const char *command_tips(const char *name)
{
    for (size_t i = 0; i < sizeof tips / sizeof *tips; i++) {
        if (has_word(tips[i].names, name))
            return tips[i].tips;
    }
    return "";
}

/* ---- notes on keys
 * ------------------------------------------------------------------------------------------ */

#define SCRIPT "what the script does with its keys is not known beforehand"

static const struct {
    const char *name;
    unsigned spec;
    const char *note;
} notes[] = {
    {"set", 0, "ACCESS is for the option GET"},
    {"getex", 0, "UPDATE is for the deadline"},
    {"bitfield", 0, "reads and writes, by its subcommands"},
    {"xadd", 0, "UPDATE, as the options may trim"},
    {"pfcount", 0, "RW, as the cached count may be written"},
    {"sort", 1, "the keys of BY and GET are made from the elements"},
    {"sort", 2, "STORE may stand anywhere among the options"},
    {"sort_ro", 1, "the keys of BY and GET are made from the elements"},
    {"eval", 0, SCRIPT},
    {"eval_ro", 0, SCRIPT},
    {"fcall", 0, SCRIPT},
    {"fcall_ro", 0, SCRIPT},
};

const char *command_key_note(const char *name, unsigned spec)
{
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
        if (notes[i].spec == spec && strcmp(notes[i].name, name) == 0)
            return notes[i].note;
    }
    return NULL;
}

/* ---- flags that depend on the arguments
 * ---------------------------------------------------------------------- */

static const char *set_flags(const struct bytes *argv, int argc)
{
    for (int i = 3; i < argc; i++) {
        if (bytes_is(argv[i], "get"))
            return "RW+ACCESS+UPDATE";
    }
    return "OW+UPDATE";
}

/* GET and OVERFLOW alone only read; what is cut short or unknown counts as a write. */
static const char *bitfield_flags(const struct bytes *argv, int argc)
{
    for (int i = 2; i < argc;) {
        int words = bytes_is(argv[i], "get") ? 3 : bytes_is(argv[i], "overflow") ? 2 : 0;
        if (!words || i + words > argc)
            return "RW+ACCESS+UPDATE";
        i += words;
    }
    return "RO+ACCESS";
}

const char *command_flags_of(const char *name, const struct bytes *argv, int argc)
{
    if (strcmp(name, "set") == 0)
        return set_flags(argv, argc);
    if (strcmp(name, "bitfield") == 0)
        return bitfield_flags(argv, argc);
    return NULL;
}

const char *const command_category_order[] = {
    "keyspace", "read",   "write",       "set",       "sortedset",  "list",        "hash",
    "string",   "bitmap", "hyperloglog", "geo",       "stream",     "pubsub",      "admin",
    "fast",     "slow",   "blocking",    "dangerous", "connection", "transaction", "scripting"};
const size_t command_category_count =
    sizeof command_category_order / sizeof *command_category_order;
