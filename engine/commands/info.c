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

static void info_memory(struct exec *x, struct buf *out)
{
    size_t used = mem_used_bytes(), peak = mem_peak_bytes(), resident = mem_resident_bytes();
    struct keyspace_stats st = keyspace_stats(x->ks);
    int64_t limit = config_int(x->engine->config, CONFIG_MAXMEMORY);
    struct buf policy;
    buf_init(&policy);
    config_each(x->engine->config, BYTES("maxmemory-policy"), take_value, &policy);
    buf_printf(out, "used_memory:%zu\r\nused_memory_human:%.2fM\r\nused_memory_rss:%zu\r\n", used,
               (double)used / 1048576, resident);
    buf_printf(
        out,
        "used_memory_rss_human:%.2fM\r\nused_memory_peak:%zu\r\nused_memory_peak_human:%.2fM\r\n",
        (double)resident / 1048576, peak, (double)peak / 1048576);
    buf_printf(out, "used_memory_tables:%zu\r\nmaxmemory:%lld\r\nmaxmemory_human:%.2fM\r\n",
               st.table_bytes, (long long)limit, (double)limit / 1048576);
    buf_printf(out, "maxmemory_policy:%s\r\nmem_fragmentation_ratio:%.2f\r\nmem_allocator:%s\r\n",
               policy.p, used ? (double)resident / (double)used : 1.0, mem_allocator_name());
    buf_printf(out, "lazyfree_pending_objects:%zu\r\n", st.reclaim_pending);
    buf_release(&policy);
}

/* There is no log of writes. */
static void info_persistence(struct exec *x, struct buf *out)
{
    loading_info_lines(x->engine, out);
    child_info_lines(&x->engine->child, out);
    snapshot_info_lines(x->engine, out);
    journal_info_lines(x->engine, out);
    buf_add_str(out, "module_fork_in_progress:0\r\nmodule_fork_last_cow_size:0\r\n");
}

static void info_stats(struct exec *x, struct buf *out)
{
    struct keyspace_stats st = keyspace_stats(x->ks);
    buf_printf(out, "total_connections_received:%llu\r\ntotal_commands_processed:%llu\r\n",
               count_of(x, COUNTER_CONNECTIONS), count_of(x, COUNTER_COMMANDS));
    buf_printf(out, "total_net_input_bytes:%llu\r\ntotal_net_output_bytes:%llu\r\n",
               count_of(x, COUNTER_BYTES_IN), count_of(x, COUNTER_BYTES_OUT));
    buf_printf(out, "rejected_connections:%llu\r\nexpired_keys:%llu\r\nexpired_subkeys:%llu\r\n",
               count_of(x, COUNTER_REJECTED), (unsigned long long)st.expired_keys,
               (unsigned long long)st.expired_fields);
    buf_printf(out, "evicted_keys:%llu\r\nkeyspace_hits:%llu\r\nkeyspace_misses:%llu\r\n",
               (unsigned long long)st.evicted_keys, count_of(x, COUNTER_HITS),
               count_of(x, COUNTER_MISSES));
    buf_printf(
        out, "pubsub_patterns:%zu\r\ntotal_messages_published:%llu\r\ntotal_error_replies:%llu\r\n",
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
