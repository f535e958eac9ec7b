/* GET /metrics: what the engine and the doors count, in Prometheus' text format 0.0.4. The engine's
 * own figures are read from its INFO, so that they are those that every door tells. */
#include <inttypes.h>
#include <stdio.h>

#include "http/call.h"
#include "http/metrics.h"
#include "http/resources.h"
#include "http/worker.h"

#define TYPE_METRICS "text/plain; version=0.0.4; charset=utf-8"

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* ---- INFO ------------------------------------------------------------------------------------ */

/* Cuts the first line off *text. */
static bool next_line(struct bytes *text, struct bytes *line)
{
    if (text->n == 0)
        return false;
    const char *end = memchr(text->p, '\n', text->n);
    size_t n = end ? (size_t)(end - text->p) : text->n, skip = end ? n + 1 : n;
    *line = bytes_of(text->p, n && text->p[n - 1] == '\r' ? n - 1 : n);
    *text = bytes_of(text->p + skip, text->n - skip);
    return true;
}

/* "name:value"; false where the line is another. */
static bool is_figure(struct bytes line, const char *name, struct bytes *value)
{
    size_t n = strlen(name);
    if (line.n <= n || memcmp(line.p, name, n) != 0 || line.p[n] != ':')
        return false;
    *value = bytes_of(line.p + n + 1, line.n - n - 1);
    return true;
}

/* The number behind "name=" among "a=1,b=2". */
static bool part_of(struct bytes list, const char *name, struct bytes *value)
{
    size_t n = strlen(name);
    for (size_t i = 0; i + n < list.n; i++) {
        if ((i && list.p[i - 1] != ',') || memcmp(list.p + i, name, n) != 0 || list.p[i + n] != '=')
            continue;
        size_t from = i + n + 1, to = from;
        while (to < list.n && list.p[to] != ',')
            to++;
        *value = bytes_of(list.p + from, to - from);
        return true;
    }
    return false;
}

/* One figure of INFO. Rows of one metric stand together; its first has the help. */
static const struct figure {
    const char *info, *metric, *labels, *type, *help;
} figures[] = {
    {"uptime_in_seconds", "atrium_uptime_seconds", "", "gauge", "Time since the start."},
    {"used_memory", "atrium_memory_used_bytes", "", "gauge", "Bytes that are allocated."},
    {"used_memory_peak", "atrium_memory_peak_bytes", "", "gauge", "The most that was."},
    {"used_memory_rss", "atrium_memory_resident_bytes", "", "gauge", "Resident set."},
    {"maxmemory", "atrium_memory_limit_bytes", "", "gauge", "maxmemory; 0: none."},
    {"expired_keys", "atrium_expired_keys_total", "", "counter", "Keys past their time."},
    {"expired_subkeys", "atrium_expired_fields_total", "", "counter",
     "Fields of hashes past their time."},
    {"evicted_keys", "atrium_evicted_keys_total", "", "counter", "Keys removed for their memory."},
    {"keyspace_hits", "atrium_lookups_total", "{result=\"hit\"}", "counter",
     "Look-ups of keys by reading commands."},
    {"keyspace_misses", "atrium_lookups_total", "{result=\"miss\"}", NULL, NULL},
    {"total_connections_received", "atrium_connections_accepted_total", "", "counter",
     "Connections since the start, all doors."},
    {"rejected_connections", "atrium_connections_rejected_total", "", "counter",
     "Connections refused by maxclients."},
    {"total_net_input_bytes", "atrium_received_bytes_total", "", "counter", "Bytes of requests."},
    {"total_net_output_bytes", "atrium_sent_bytes_total", "", "counter", "Bytes of answers."},
    {"total_error_replies", "atrium_error_replies_total", "", "counter",
     "Commands answered by an error."},
    {"total_messages_published", "atrium_messages_published_total", "", "counter",
     "Messages published to channels."},
    {"client_output_buffer_limit_disconnections", "atrium_slow_clients_closed_total", "", "counter",
     "Clients closed because too much waited for them."},
    {"websocket_messages_dropped", "atrium_websocket_messages_dropped_total", "", "counter",
     "Messages left out for slow WebSockets, which a gap told of."},
    {"blocked_clients", "atrium_blocked_clients", "", "gauge", "Commands that wait for a key."},
    {"rdb_changes_since_last_save", "atrium_changes_since_save", "", "gauge",
     "Changes of keys since the last snapshot."},
    {"rdb_last_save_time", "atrium_last_save_timestamp_seconds", "", "gauge",
     "When the last snapshot was taken, or the program started."},
    {"rdb_saves", "atrium_saves_total", "", "counter", "Snapshots that succeeded."},
    {"rdb_bgsave_in_progress", "atrium_save_running", "", "gauge", "1: a snapshot is written."},
    {"rdb_last_bgsave_time_sec", "atrium_last_save_duration_seconds", "", "gauge",
     "What the last snapshot in the background took; -1: there was none."},
    {"latest_fork_usec", "atrium_last_fork_seconds", "", "gauge", "What the last fork took."},
    {"loading", "atrium_loading", "", "gauge", "1: the data is being loaded."},
    {"aof_current_size", "atrium_log_bytes", "", "gauge", "Bytes of the log of writes."},
    {"aof_rewrites", "atrium_log_rewrites_total", "", "counter", "Rewrites of the log."},
    {"aof_last_rewrite_time_sec", "atrium_last_log_rewrite_duration_seconds", "", "gauge",
     "What the last rewrite took; -1: there was none."},
    {"aof_fsyncs", "atrium_log_fsyncs_total", "", "counter", "Times that the log was synced."},
    {"aof_fsync_usec", "atrium_log_fsync_seconds_total", "", "counter", "What that took."},
};

/* Figures in microseconds are told in seconds. */
static const char *scale_of(const struct figure *f)
{
    return strstr(f->info, "_usec") ? "e-6" : "";
}

static void put_figure(struct buf *out, const struct figure *f, struct bytes info)
{
    struct bytes line, value;
    while (next_line(&info, &line)) {
        if (!is_figure(line, f->info, &value))
            continue;
        if (f->help)
            head(out, f->metric, f->type, f->help);
        buf_printf(out, "%s%s %.*s%s\n", f->metric, f->labels, (int)value.n, value.p, scale_of(f));
        return;
    }
}

/* The lines "<prefix>NAME:a=1,b=2" as one metric with NAME as its label; `scale` behind the number. */
static void put_each(struct buf *out, struct bytes info, const char *prefix, const char *part,
                     const char *label, const char *metric, const char *scale)
{
    size_t n = strlen(prefix);
    struct bytes line, value;
    while (next_line(&info, &line)) {
        const char *colon = line.n ? memchr(line.p, ':', line.n) : NULL;
        if (!colon || line.n < n || memcmp(line.p, prefix, n) != 0)
            continue;
        struct bytes list = bytes_of(colon + 1, line.n - (size_t)(colon - line.p) - 1);
        if (part_of(list, part, &value))
            buf_printf(out, "%s{%s=\"%.*s\"} %.*s%s\n", metric, label, (int)(colon - line.p - n),
                       line.p + n, (int)value.n, value.p, scale);
    }
}

static void put_commands(struct buf *out, struct bytes info)
{
    static const struct {
        const char *metric, *part, *scale, *help;
    } rows[] = {
        {"atrium_commands_total", "calls", "", "Commands that ran, all doors."},
        {"atrium_command_seconds_total", "usec", "e-6", "The time that they took."},
        {"atrium_commands_failed_total", "failed_calls", "", "Those that ended in an error."},
        {"atrium_commands_rejected_total", "rejected_calls", "", "Those that did not run."},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        head(out, rows[i].metric, "counter", rows[i].help);
        put_each(out, info, "cmdstat_", rows[i].part, "command", rows[i].metric, rows[i].scale);
    }
}

static void put_info(struct buf *out, struct bytes info)
{
    head(out, "atrium_build_info", "gauge", "The version.");
    buf_printf(out, "atrium_build_info{version=\"%s\"} 1\n", ATRIUM_VERSION);
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        put_figure(out, &figures[i], info);
    head(out, "atrium_keys", "gauge", "Keys by database.");
    put_each(out, info, "db", "keys", "db", "atrium_keys", "");
    head(out, "atrium_keys_with_ttl", "gauge", "Those with a time to live.");
    put_each(out, info, "db", "expires", "db", "atrium_keys_with_ttl", "");
    put_commands(out, info);
}

/* ---- the doors ------------------------------------------------------------------------------- */

static const char *const door_names[] = {"resp", "memcached", "http", "websocket"};

static size_t connections(struct request *r, enum door door)
{
    const struct metrics *m = r->worker->metrics_all;
    size_t n = 0;
    if (door != DOOR_HTTP)
        return session_count(r->worker->engine, door);
    for (unsigned i = 0; i < m->nworkers; i++)
        n += atomic_load_explicit(&m->workers[i].connections, memory_order_relaxed);
    return n;
}

static void put_latency(struct buf *out, struct engine *e, enum door door)
{
    static const char name[] = "atrium_command_duration_seconds";
    struct engine_latency l = engine_latency(e, door);
    uint64_t sum = 0;
    for (unsigned i = 0; i < ENGINE_LATENCY_BUCKETS; i++) {
        sum += l.buckets[i];
        if (i + 1 < ENGINE_LATENCY_BUCKETS)
            buf_printf(out, "%s_bucket{door=\"%s\",le=\"%.9g\"} %" PRIu64 "\n", name,
                       door_names[door], (double)(UINT64_C(1) << 2 * i) / 1e6, sum);
    }
    buf_printf(out, "%s_bucket{door=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", name, door_names[door],
               sum);
    buf_printf(out, "%s_sum{door=\"%s\"} %.6f\n", name, door_names[door], (double)l.us / 1e6);
    buf_printf(out, "%s_count{door=\"%s\"} %" PRIu64 "\n", name, door_names[door], sum);
}

static void put_doors(struct request *r, struct buf *out)
{
    head(out, "atrium_connections", "gauge", "Connections that are open.");
    for (int d = 0; d < 4; d++)
        buf_printf(out, "atrium_connections{door=\"%s\"} %zu\n", door_names[d],
                   connections(r, (enum door)d));
    head(out, "atrium_command_duration_seconds", "histogram",
         "How long commands took in the engine, by the door that they came by.");
    for (int d = 0; d < 4; d++)
        put_latency(out, r->worker->engine, (enum door)d);
}

/* ---- pub/sub --------------------------------------------------------------------------------- */

static void count_name(struct bytes name, void *context)
{
    (void)name;
    ++*(size_t *)context;
}

static void add_subscriptions(struct session *s, void *context)
{
    uint64_t *sums = context;
    for (int k = 0; k < SUB_KINDS; k++)
        sums[k] += atomic_load_explicit(&s->sub_counts[k], memory_order_relaxed);
}

static void put_pubsub(struct engine *e, struct buf *out)
{
    static const char *const kinds[] = {"channel", "pattern", "shard"};
    uint64_t sums[SUB_KINDS] = {0};
    size_t channels = 0;
    session_each(e, add_subscriptions, sums);
    hub_channels(engine_hub(e), SUB_CHANNEL, NULL, count_name, &channels);
    head(out, "atrium_subscriptions", "gauge", "Subscriptions of all doors.");
    for (int k = 0; k < SUB_KINDS; k++)
        buf_printf(out, "atrium_subscriptions{kind=\"%s\"} %" PRIu64 "\n", kinds[k], sums[k]);
    head(out, "atrium_channels", "gauge", "Channels that have subscribers.");
    buf_printf(out, "atrium_channels %zu\n", channels);
}

/* ---- routes ---------------------------------------------------------------------------------- */

static void put_labels(struct buf *out, unsigned route)
{
    const struct route *row = router_row(route);
    buf_printf(out, "{method=\"%s\",route=\"%s\"", row ? router_method(row->method) : "",
               row ? row->pattern : "");
}

static void put_histogram(struct buf *out, unsigned route, const struct route_sum *sum)
{
    static const char name[] = "atrium_http_request_duration_seconds";
    uint64_t n = 0;
    for (unsigned i = 0; i < METRICS_BUCKETS; i++) {
        n += sum->buckets[i];
        buf_printf(out, "%s_bucket", name);
        put_labels(out, route);
        buf_printf(out, ",le=\"%s\"} %" PRIu64 "\n", metrics_bucket(i), n);
    }
    buf_printf(out, "%s_sum", name);
    put_labels(out, route);
    buf_printf(out, "} %.6f\n%s_count", (double)sum->us / 1e6, name);
    put_labels(out, route);
    buf_printf(out, "} %" PRIu64 "\n", sum->requests);
}

static void put_statuses(struct buf *out, unsigned route, const struct route_sum *sum)
{
    for (unsigned i = 0; i < METRICS_STATUSES; i++) {
        if (!sum->statuses[i])
            continue;
        buf_add_str(out, "atrium_http_requests_total");
        put_labels(out, route);
        buf_printf(out, ",status=\"%s\"} %" PRIu64 "\n", metrics_status(i), sum->statuses[i]);
    }
}

static void put_routes(const struct metrics *m, struct buf *out)
{
    struct route_sum sum;
    head(out, "atrium_http_requests_total", "counter",
         "Requests that were answered, by route; an empty one: no route was found.");
    for (unsigned route = 0; route < m->nroutes; route++) {
        sum = metrics_sum(m, route);
        put_statuses(out, route, &sum);
    }
    head(out, "atrium_http_request_duration_seconds", "histogram",
         "From the request line to the answer's first byte.");
    for (unsigned route = 0; route < m->nroutes; route++) {
        sum = metrics_sum(m, route);
        if (sum.requests)
            put_histogram(out, route, &sum);
    }
}

static void get_metrics(struct request *r)
{
    call_start(r, "INFO");
    call_word(r, "everything");
    const struct reply_node *node = call_run(r);
    if (!node)
        return;
    answer_bytes(r, 200, TYPE_METRICS, BYTES(""));
    put_info(&r->out, call_text(r, node));
    put_doors(r, &r->out);
    put_pubsub(r->worker->engine, &r->out);
    put_routes(r->worker->metrics_all, &r->out);
}

const struct route metrics_routes[] = {
    {METHOD_GET, "/metrics", get_metrics, "getMetrics", ROUTE_RAW},
    {0},
};
