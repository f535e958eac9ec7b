/* ATR.MC.STATS [what]: what memcached's stats answers, as a map. Only figures that the engine
 * really has, under memcached's names; get_hits and its like count the memcached door alone. There
 * are no slabs here, so `stats slabs` and `stats items` have next to nothing to say. */
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "commands/exec.h"
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
    text(s, "version", ATRIUM_VERSION);
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
    text(s, "flush_enabled", "yes");
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
    } about[] = {{"settings", settings},
                 {"slabs", slabs},
                 {"items", items},
                 {"conns", items},
                 {"sizes", sizes}};
    if (x->argc < 2)
        return general;
    for (size_t i = 0; i < sizeof about / sizeof *about; i++) {
        if (bytes_eq(x->argv[1], bytes_str(about[i].word)))
            return about[i].fn;
    }
    return NULL;
}

static void cmd_stats(struct exec *x)
{
    struct stats s = {.reply = x->reply};
    if (x->argc > 1 && bytes_eq(x->argv[1], BYTES("reset"))) {
        engine_reset_counters(x->engine);
        reply_simple(x->reply, "RESET");
        return;
    }
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
     "[what]", "memcached's stats."},
    {0},
};
