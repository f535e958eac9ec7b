/* INFO: the figures that an operator, a client library or an exporter reads, under Redis's names.
 * Only what is measured is shown; what this server does not have (replicas, scripts) stands at its
 * true value, 0. */
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "commands/snapshot.h"
#include "commands/exec.h"
#include "commands/memory_figures.h"
#include "commands/session.h"
#include "internal.h"

static unsigned long long count_of(struct exec *x, enum engine_counter c)
{
    return (unsigned long long)engine_counter(x->engine, c);
}

/* ---- sections
 * --------------------------------------------------------------------------------------------- */

static void info_server(struct exec *x, struct buf *out)
{
    struct utsname u;
    uint64_t up_s = (x->now_ms - x->engine->started_at_ms) / 1000;
    uname(&u);
    buf_printf(out, "redis_version:%s\r\natrium_version:%s\r\nredis_mode:standalone\r\n",
               ATRIUM_REDIS_VERSION, ATRIUM_VERSION);
    buf_printf(out, "os:%s %s %s\r\narch_bits:%zu\r\nmultiplexing_api:epoll\r\n", u.sysname,
               u.release, u.machine, sizeof(void *) * 8);
    buf_printf(out, "gcc_version:%d.%d.%d\r\nprocess_id:%ld\r\nrun_id:%s\r\n", __GNUC__,
               __GNUC_MINOR__, __GNUC_PATCHLEVEL__, (long)getpid(), x->engine->run_id);
    buf_printf(out, "tcp_port:%lld\r\nserver_time_usec:%llu\r\nuptime_in_seconds:%llu\r\n",
               (long long)config_int(x->engine->config, CONFIG_PORT),
               (unsigned long long)clock_wall_us(), (unsigned long long)up_s);
    buf_printf(out, "uptime_in_days:%llu\r\nhz:10\r\nconfigured_hz:10\r\n",
               (unsigned long long)up_s / 86400);
}

static void info_clients(struct exec *x, struct buf *out)
{
    struct engine *e = x->engine;
    size_t resp = session_count(e, DOOR_RESP), memcached = session_count(e, DOOR_MEMCACHED);
    size_t web = session_count(e, DOOR_WEBSOCKET);
    buf_printf(out, "connected_clients:%zu\r\nmaxclients:%lld\r\n", resp + memcached + web,
               (long long)config_int(e->config, CONFIG_MAXCLIENTS));
    buf_printf(out, "connected_clients_resp:%zu\r\nconnected_clients_memcached:%zu\r\n", resp,
               memcached);
    buf_printf(out,
               "connected_clients_websocket:%zu\r\nblocked_clients:%llu\r\ntracking_clients:0\r\n",
               web, (unsigned long long)atomic_load(&e->blocked));
}

static void take_value(const char *name, struct bytes value, void *ctx)
{
    (void)name;
    buf_add_bytes(ctx, value);
    buf_add_char(ctx, '\0');
}

/* "1.50M"; Redis has a unit for each size, this one suits all. */
static void put_bytes(struct buf *out, const char *name, size_t bytes)
{
    buf_printf(out, "%s:%zu\r\n%s_human:%.2fM\r\n", name, bytes, name, (double)bytes / 1048576);
}

static double ratio(size_t a, size_t b)
{
    return b ? (double)a / (double)b : 1.0;
}

/* How much larger a is than b, in proportion and in bytes. */
static void put_excess(struct buf *out, const char *ratio_name, const char *bytes_name, size_t a,
                       size_t b)
{
    buf_printf(out, "%s:%.2f\r\n%s:%lld\r\n", ratio_name, ratio(a, b), bytes_name,
               (long long)a - (long long)b);
}

static void put_allocator(struct buf *out, const struct memory_figures *f)
{
    const struct mem_figures *m = &f->allocator;
    buf_printf(out, "allocator_allocated:%zu\r\nallocator_active:%zu\r\nallocator_resident:%zu\r\n",
               m->allocated, m->active, m->resident);
    put_excess(out, "allocator_frag_ratio", "allocator_frag_bytes", m->active, m->allocated);
    put_excess(out, "allocator_rss_ratio", "allocator_rss_bytes", m->resident, m->active);
    put_excess(out, "rss_overhead_ratio", "rss_overhead_bytes", f->resident, m->resident);
    put_excess(out, "mem_fragmentation_ratio", "mem_fragmentation_bytes", f->resident, f->used);
    buf_printf(out, "mem_allocator:%s\r\n", mem_allocator_name());
}

static void put_shares(struct buf *out, const struct memory_figures *f)
{
    size_t net = f->used > f->startup ? f->used - f->startup : 0;
    buf_printf(out, "used_memory_peak_perc:%.2f%%\r\nused_memory_overhead:%zu\r\n",
               ratio(f->used, f->peak) * 100, f->overhead);
    buf_printf(out, "used_memory_startup:%zu\r\nused_memory_dataset:%zu\r\n", f->startup,
               f->dataset);
    buf_printf(out, "used_memory_dataset_perc:%.2f%%\r\nused_memory_tables:%zu\r\n",
               net ? ratio(f->dataset, net) * 100 : 0.0, f->tables);
    buf_printf(out, "mem_clients_normal:%zu\r\nmem_clients_slaves:0\r\nmem_aof_buffer:%zu\r\n",
               f->clients, f->log_buffer);
    buf_printf(out, "mem_not_counted_for_evict:%zu\r\nmem_replication_backlog:0\r\n",
               f->log_buffer);
}

static void info_memory(struct exec *x, struct buf *out)
{
    struct memory_figures f = memory_figures(x->engine);
    struct buf policy;
    buf_init(&policy);
    config_each(x->engine->config, BYTES("maxmemory-policy"), take_value, &policy);
    put_bytes(out, "used_memory", f.used);
    put_bytes(out, "used_memory_rss", f.resident);
    put_bytes(out, "used_memory_peak", f.peak);
    put_shares(out, &f);
    put_bytes(out, "total_system_memory",
              (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE));
    put_bytes(out, "maxmemory", (size_t)config_int(x->engine->config, CONFIG_MAXMEMORY));
    buf_printf(out, "maxmemory_policy:%s\r\n", policy.p);
    put_allocator(out, &f);
    buf_printf(out, "lazyfree_pending_objects:%zu\r\n", keyspace_stats(x->ks).reclaim_pending);
    buf_release(&policy);
}

static void info_persistence(struct exec *x, struct buf *out)
{
    loading_info_lines(x->engine, out);
    child_info_lines(&x->engine->child, out);
    snapshot_info_lines(x->engine, out);
    journal_info_lines(x->engine, out);
    buf_add_str(out, "module_fork_in_progress:0\r\nmodule_fork_last_cow_size:0\r\n");
}

static void put_rates(struct exec *x, struct buf *out)
{
    const struct rates *r = &x->engine->rates;
    buf_printf(out, "instantaneous_ops_per_sec:%llu\r\n",
               (unsigned long long)rates_mean(r, RATE_COMMANDS));
    buf_printf(out, "instantaneous_input_kbps:%.2f\r\ninstantaneous_output_kbps:%.2f\r\n",
               (double)rates_mean(r, RATE_BYTES_IN) / 1024,
               (double)rates_mean(r, RATE_BYTES_OUT) / 1024);
}

static void count_one(struct bytes name, void *ctx)
{
    (void)name;
    ++*(size_t *)ctx;
}

/* Channels that have subscribers. */
static size_t channel_count(struct exec *x, enum sub_kind kind)
{
    size_t n = 0;
    hub_channels(x->engine->hub, kind, NULL, count_one, &n);
    return n;
}

static void info_stats(struct exec *x, struct buf *out)
{
    struct keyspace_stats st = keyspace_stats(x->ks);
    buf_printf(out, "total_connections_received:%llu\r\ntotal_commands_processed:%llu\r\n",
               count_of(x, COUNTER_CONNECTIONS), count_of(x, COUNTER_COMMANDS));
    buf_printf(out, "total_net_input_bytes:%llu\r\ntotal_net_output_bytes:%llu\r\n",
               count_of(x, COUNTER_BYTES_IN), count_of(x, COUNTER_BYTES_OUT));
    put_rates(x, out);
    buf_printf(out, "rejected_connections:%llu\r\nexpired_keys:%llu\r\nexpired_subkeys:%llu\r\n",
               count_of(x, COUNTER_REJECTED), (unsigned long long)st.expired_keys,
               (unsigned long long)st.expired_fields);
    buf_printf(out, "evicted_keys:%llu\r\nkeyspace_hits:%llu\r\nkeyspace_misses:%llu\r\n",
               (unsigned long long)st.evicted_keys, count_of(x, COUNTER_HITS),
               count_of(x, COUNTER_MISSES));
    buf_printf(out,
               "pubsub_channels:%zu\r\npubsubshard_channels:%zu\r\npubsub_patterns:%zu\r\n"
               "total_messages_published:%llu\r\ntotal_error_replies:%llu\r\n",
               channel_count(x, SUB_CHANNEL), channel_count(x, SUB_SHARD),
               hub_pattern_count(x->engine->hub), count_of(x, COUNTER_PUBLISHED),
               count_of(x, COUNTER_ERRORS));
    buf_printf(out,
               "client_output_buffer_limit_disconnections:%llu\r\n"
               "websocket_messages_dropped:%llu\r\n"
               "latest_fork_usec:%llu\r\ntotal_forks:%llu\r\n",
               count_of(x, COUNTER_OUTPUT_LIMIT_CLOSED), count_of(x, COUNTER_MESSAGES_DROPPED),
               (unsigned long long)atomic_load(&x->engine->child.fork_us),
               (unsigned long long)atomic_load(&x->engine->child.forks));
}

static void info_replication(struct exec *x, struct buf *out)
{
    (void)x;
    buf_add_str(out, "role:master\r\nconnected_slaves:0\r\nmaster_repl_offset:0\r\n");
}

static void info_cpu(struct exec *x, struct buf *out)
{
    struct rusage self;
    (void)x;
    getrusage(RUSAGE_SELF, &self);
    buf_printf(out, "used_cpu_sys:%ld.%06ld\r\nused_cpu_user:%ld.%06ld\r\n",
               (long)self.ru_stime.tv_sec, (long)self.ru_stime.tv_usec, (long)self.ru_utime.tv_sec,
               (long)self.ru_utime.tv_usec);
}

static void info_commandstats(struct exec *x, struct buf *out)
{
    for (uint32_t id = 0; id < command_count(); id++) {
        struct command_sum s = command_stats(x->engine, id);
        if (!s.calls && !s.rejected)
            continue;
        buf_printf(out,
                   "cmdstat_%s:calls=%llu,usec=%llu,usec_per_call=%.2f,rejected_calls=%llu,"
                   "failed_calls=%llu\r\n",
                   command_at(id)->row->name, (unsigned long long)s.calls, (unsigned long long)s.us,
                   s.calls ? (double)s.us / (double)s.calls : 0.0, (unsigned long long)s.rejected,
                   (unsigned long long)s.failed);
    }
}

static void info_cluster(struct exec *x, struct buf *out)
{
    (void)x;
    buf_add_str(out, "cluster_enabled:0\r\n");
}

static void info_keyspace(struct exec *x, struct buf *out)
{
    for (unsigned db = 0; db < DB_COUNT; db++) {
        size_t keys = keyspace_size(x->ks, db);
        if (keys)
            buf_printf(out, "db%u:keys=%zu,expires=%zu,avg_ttl=0\r\n", db, keys,
                       keyspace_volatile_size(x->ks, db));
    }
}

/* ---- which sections
 * ----------------------------------------------------------------------------------------- */

static const struct section {
    const char *name, *title;
    void (*write)(struct exec *x, struct buf *out);
    bool on_request; /* not among the default ones */
} sections[] = {
    {"server", "Server", info_server, false},
    {"clients", "Clients", info_clients, false},
    {"memory", "Memory", info_memory, false},
    {"persistence", "Persistence", info_persistence, false},
    {"stats", "Stats", info_stats, false},
    {"replication", "Replication", info_replication, false},
    {"cpu", "CPU", info_cpu, false},
    {"commandstats", "Commandstats", info_commandstats, true},
    {"cluster", "Cluster", info_cluster, false},
    {"keyspace", "Keyspace", info_keyspace, false},
};

static bool wanted(const struct exec *x, const struct section *s)
{
    for (int i = 1; i < x->argc; i++) {
        if (exec_is(x, i, s->name) || exec_is(x, i, "all") || exec_is(x, i, "everything") ||
            (exec_is(x, i, "default") && !s->on_request))
            return true;
    }
    return x->argc == 1 && !s->on_request;
}

static void cmd_info(struct exec *x)
{
    struct buf out;
    buf_init(&out);
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        if (!wanted(x, &sections[i]))
            continue;
        buf_printf(&out, "%s# %s\r\n", out.n ? "\r\n" : "", sections[i].title);
        sections[i].write(x, &out);
    }
    reply_verbatim(x->reply, "txt", buf_bytes(&out));
    buf_release(&out);
}

/* ---- LOLWUT
 * ---------------------------------------------------------------------------------------- */

/* A small pattern, and the version. */
static void cmd_lolwut(struct exec *x)
{
    struct buf out;
    int64_t version; /* there is one picture */
    if (exec_is(x, 1, "VERSION") && x->argc > 2 && !exec_int(x, 2, &version))
        return;
    buf_init(&out);
    for (int row = 0; row < 8; row++) {
        for (int col = 0; col < 32; col++)
            buf_add_char(&out, (row * 7 + col * 3) % 11 < 3 ? '#' : (row + col) % 2 ? '.' : ' ');
        buf_add_char(&out, '\n');
    }
    buf_printf(&out, "\natrium ver. %s\n", ATRIUM_VERSION);
    reply_verbatim(x->reply, "txt", buf_bytes(&out));
    buf_release(&out);
}

const struct command_row info_commands[] = {
    {"info", cmd_info, -1, "loading,stale,unlocked", "dangerous", "", "1.0.0", "server",
     "[section ...]", "Returns figures about the server."},
    {"lolwut", cmd_lolwut, -1, "readonly,fast", "", "", "5.0.0", "server", "[VERSION version]",
     "Shows a picture and the version."},
    {0},
};
