/* ATR.MC.STATS [what [argument ...]]: what memcached's stats answers, as a map. Only figures that the
 * engine really has, under memcached's names; get_hits and its like count the memcached door alone.
 * There are no slabs here: all strings are in class 1, for tools that list keys by `stats cachedump`.
 * Statistics by prefix (`stats detail on`) are not kept. */
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "commands/exec.h"
#include "commands/memcached.h"
#include "internal.h"

#define FIGURE_MAX 64

struct stats {
    struct reply *reply;
    size_t count;
};

static void text(struct stats *s, const char *name, const char *v)
{
    reply_text(s->reply, name);
    reply_text(s->reply, v);
    s->count++;
}

static void number(struct stats *s, const char *name, uint64_t v)
{
    reply_text(s->reply, name);
    reply_int(s->reply, (int64_t)v);
    s->count++;
}

static void seconds(struct stats *s, const char *name, struct timeval t)
{
    char figure[FIGURE_MAX];
    snprintf(figure, sizeof figure, "%lld.%06lld", (long long)t.tv_sec, (long long)t.tv_usec);
    text(s, name, figure);
}

static void process_figures(struct exec *x, struct stats *s)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    number(s, "pid", (uint64_t)getpid());
    number(s, "uptime", (x->now_ms - x->engine->started_at_ms) / 1000);
    number(s, "time", x->now_ms / 1000);
    text(s, "version", ATRIUM_MEMCACHED_VERSION);
    number(s, "pointer_size", 8 * sizeof(void *));
    seconds(s, "rusage_user", usage.ru_utime);
    seconds(s, "rusage_system", usage.ru_stime);
}

static void connection_figures(struct exec *x, struct stats *s)
{
    number(s, "max_connections", (uint64_t)config_int(x->engine->config, CONFIG_MAXCLIENTS));
    number(s, "curr_connections", session_count(x->engine, DOOR_MEMCACHED));
    number(s, "total_connections", engine_counter(x->engine, COUNTER_CONNECTIONS));
    number(s, "rejected_connections", engine_counter(x->engine, COUNTER_REJECTED));
    number(s, "bytes_read", engine_counter(x->engine, COUNTER_BYTES_IN));
    number(s, "bytes_written", engine_counter(x->engine, COUNTER_BYTES_OUT));
}

/* Counters and the sums that memcached shows of some. */
static void command_figures(struct exec *x, struct stats *s)
{
    static const struct {
        const char *name;
        enum engine_counter first, second; /* the sum; the same twice: one alone */
    } figures[] = {
        {"cmd_get", COUNTER_MC_GET_HITS, COUNTER_MC_GET_MISSES},
        {"cmd_set", COUNTER_MC_SETS, COUNTER_MC_SETS},
        {"cmd_flush", COUNTER_MC_FLUSHES, COUNTER_MC_FLUSHES},
        {"cmd_touch", COUNTER_MC_TOUCH_HITS, COUNTER_MC_TOUCH_MISSES},
        {"get_hits", COUNTER_MC_GET_HITS, COUNTER_MC_GET_HITS},
        {"get_misses", COUNTER_MC_GET_MISSES, COUNTER_MC_GET_MISSES},
        {"delete_misses", COUNTER_MC_DELETE_MISSES, COUNTER_MC_DELETE_MISSES},
        {"delete_hits", COUNTER_MC_DELETE_HITS, COUNTER_MC_DELETE_HITS},
        {"incr_misses", COUNTER_MC_INCR_MISSES, COUNTER_MC_INCR_MISSES},
        {"incr_hits", COUNTER_MC_INCR_HITS, COUNTER_MC_INCR_HITS},
        {"decr_misses", COUNTER_MC_DECR_MISSES, COUNTER_MC_DECR_MISSES},
        {"decr_hits", COUNTER_MC_DECR_HITS, COUNTER_MC_DECR_HITS},
        {"cas_misses", COUNTER_MC_CAS_MISSES, COUNTER_MC_CAS_MISSES},
        {"cas_hits", COUNTER_MC_CAS_HITS, COUNTER_MC_CAS_HITS},
        {"cas_badval", COUNTER_MC_CAS_BADVAL, COUNTER_MC_CAS_BADVAL},
        {"touch_hits", COUNTER_MC_TOUCH_HITS, COUNTER_MC_TOUCH_HITS},
        {"touch_misses", COUNTER_MC_TOUCH_MISSES, COUNTER_MC_TOUCH_MISSES},
    };
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        uint64_t v = engine_counter(x->engine, figures[i].first);
        if (figures[i].second != figures[i].first)
            v += engine_counter(x->engine, figures[i].second);
        number(s, figures[i].name, v);
    }
}

static void general(struct exec *x, struct stats *s)
{
    process_figures(x, s);
    connection_figures(x, s);
    command_figures(x, s);
    number(s, "bytes", mem_used_bytes());
    number(s, "curr_items", keyspace_size(x->ks, x->db));
    number(s, "evictions", keyspace_stats(x->ks).evicted_keys);
}

static void settings(struct exec *x, struct stats *s)
{
    const struct config *c = x->engine->config;
    number(s, "maxconns", (uint64_t)config_int(c, CONFIG_MAXCLIENTS));
    number(s, "tcpport", (uint64_t)config_int(c, CONFIG_MEMCACHED_PORT));
    number(s, "udpport", 0);
    number(s, "item_size_max", (uint64_t)config_int(c, CONFIG_MEMCACHED_MAX_ITEM_SIZE));
    text(s, "cas_enabled", "yes");
    text(s, "flush_enabled", config_int(c, CONFIG_MEMCACHED_FLUSH_ENABLED) ? "yes" : "no");
    text(s, "auth_enabled_ascii", config_is_empty(c, CONFIG_REQUIREPASS) ? "no" : "yes");
    text(s, "binding_protocol", "ascii");
}

static void slabs(struct exec *x, struct stats *s)
{
    (void)x;
    number(s, "active_slabs", 0);
    number(s, "total_malloced", 0);
}

static void items(struct exec *x, struct stats *s)
{
    size_t n = keyspace_size(x->ks, x->db);
    if (n)
        number(s, "items:1:number", n);
}

static void nothing(struct exec *x, struct stats *s)
{
    (void)x;
    (void)s;
}

static void sizes(struct exec *x, struct stats *s)
{
    (void)x;
    text(s, "sizes_status", "disabled");
}

typedef void stats_fn(struct exec *x, struct stats *s);

static stats_fn *stats_about(const struct exec *x)
{
    static const struct {
        const char *word;
        stats_fn *fn;
    } about[] = {{"settings", settings}, {"slabs", slabs},      {"items", items},
                 {"conns", nothing},     {"extstore", nothing}, {"sizes", sizes}};
    if (x->argc < 2)
        return general;
    for (size_t i = 0; i < sizeof about / sizeof *about; i++) {
        if (bytes_eq(x->argv[1], bytes_str(about[i].word)))
            return about[i].fn;
    }
    return NULL;
}

static void reset(struct exec *x)
{
    engine_reset_counters(x->engine);
    reply_simple(x->reply, "RESET");
}

/* ---- cachedump ------------------------------------------------------------------------------- */

#define DUMP_BYTES_MAX (2u << 20) /* as memcached has it */
#define DUMP_STEP      64
#define CLASSES        64

struct dump {
    struct buf lines;
    uint64_t left; /* items that may still come */
};

/* Could memcached have it? */
static bool is_plain(struct bytes key)
{
    bool plain = key.n <= MEMCACHED_KEY_MAX;
    for (size_t i = 0; i < key.n && plain; i++)
        plain = (unsigned char)key.p[i] > ' ' && key.p[i] != 127;
    return plain;
}

static void dump_item(struct entry *e, void *ctx)
{
    struct dump *d = ctx;
    bool shown = e->type == TYPE_STRING && is_plain(entry_key(e));
    if (!shown || d->left == 0 || d->lines.n >= DUMP_BYTES_MAX)
        return;
    d->left--;
    buf_add_str(&d->lines, "ITEM ");
    buf_add_bytes(&d->lines, entry_key(e));
    buf_printf(&d->lines, " [%zu b; %llu s]\r\n", entry_string_length(e),
               (unsigned long long)entry_deadline_ms(e) / 1000);
}

static void dump_items(struct exec *x, uint64_t limit)
{
    struct dump d = {.left = limit ? limit : UINT64_MAX};
    uint64_t cursor = 0;
    buf_init(&d.lines);
    do
        cursor = keyspace_scan(x->ks, x->db, cursor, DUMP_STEP, x->now_ms, dump_item, &d);
    while (cursor && d.left && d.lines.n < DUMP_BYTES_MAX);
    buf_add_str(&d.lines, "END");
    reply_bulk(x->reply, buf_bytes(&d.lines));
    buf_release(&d.lines);
}

/* stats cachedump class limit */
static void cachedump(struct exec *x)
{
    uint64_t class, limit;
    if (x->argc < 4)
        reply_errorf(x->reply, ERROR_SYNTAX, "bad command line");
    else if (!memcached_uint(x->argv[2], &class) || !memcached_uint(x->argv[3], &limit))
        reply_errorf(x->reply, ERROR_SYNTAX, "bad command line format");
    else if (class >= CLASSES)
        reply_errorf(x->reply, ERROR_SYNTAX, "Illegal slab id");
    else if (class == 1)
        dump_items(x, limit);
    else
        reply_simple(x->reply, "END");
}

static void detail(struct exec *x)
{
    static const char *const words[] = {"on", "off", "dump"};
    for (size_t i = 0; x->argc > 2 && i < sizeof words / sizeof *words; i++) {
        if (bytes_eq(x->argv[2], bytes_str(words[i]))) {
            reply_error(x->reply, ERROR_UNKNOWN_COMMAND);
            return;
        }
    }
    reply_errorf(x->reply, ERROR_SYNTAX, "usage: stats detail on|off|dump");
}

/* ---- stats ----------------------------------------------------------------------------------- */

/* Those that are no map. */
static bool answer_otherwise(struct exec *x)
{
    static const struct {
        const char *word;
        void (*fn)(struct exec *x);
    } others[] = {{"reset", reset}, {"cachedump", cachedump}, {"detail", detail}};
    for (size_t i = 0; x->argc > 1 && i < sizeof others / sizeof *others; i++) {
        if (bytes_eq(x->argv[1], bytes_str(others[i].word))) {
            others[i].fn(x);
            return true;
        }
    }
    return false;
}

static void cmd_stats(struct exec *x)
{
    struct stats s = {.reply = x->reply};
    if (answer_otherwise(x))
        return;
    stats_fn *fn = stats_about(x);
    if (!fn) {
        reply_error(x->reply, ERROR_UNKNOWN_COMMAND);
        return;
    }
    size_t mark = reply_begin(x->reply);
    fn(x, &s);
    reply_end(x->reply, mark, REPLY_MAP, s.count);
}

const struct command_row memcached_stats_commands[] = {
    {"atr.mc.stats", cmd_stats, -1, "readonly,unlocked,internal", "", "", "0.1.0", "server",
     "[what [argument [argument ...]]]", "memcached's stats."},
    {0},
};
