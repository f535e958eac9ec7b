/* MEMORY: what keys, the program and its allocator take. */
#include "base/mem.h"
#include "commands/exec.h"
#include "commands/memory_figures.h"
#include "internal.h"

static void cmd_memory_usage(struct exec *x)
{
    struct option o[] = {{"SAMPLES", 0, 1, false, 0}, {0}};
    int64_t samples;
    if (!exec_options(x, 3, o) ||
        (o[0].at && !exec_int_in(x, o[0].at + 1, 0, INT64_MAX, "syntax error", &samples)))
        return;
    struct entry *e = exec_peek(x, 0);
    if (e)
        reply_int(x->reply, (int64_t)entry_mem_bytes(e));
    else
        reply_null(x->reply);
}

static void cmd_memory_purge(struct exec *x)
{
    mem_purge();
    reply_ok(x->reply);
}

static void cmd_memory_doctor(struct exec *x)
{
    size_t used = mem_used_bytes(), resident = mem_resident_bytes();
    struct buf out;
    buf_init(&out);
    buf_printf(&out, "%zu bytes are in use and %zu are resident.%s", used, resident,
               used > 64u << 20 && resident > used + used / 2
                   ? " Much of what is resident is free: MEMORY PURGE gives it back."
                   : " Nothing looks wrong.");
    reply_verbatim(x->reply, "txt", buf_bytes(&out));
    buf_release(&out);
}

static void cmd_memory_malloc_stats(struct exec *x)
{
    struct buf out;
    buf_init(&out);
    if (!mem_describe(&out))
        buf_add_str(&out, "Stats not supported for the current allocator");
    reply_verbatim(x->reply, "txt", buf_bytes(&out));
    buf_release(&out);
}

/* ---- STATS -------------------------------------------------------------------------------------
 */

static void reply_figure(struct exec *x, const char *name, size_t v)
{
    reply_text(x->reply, name);
    reply_int(x->reply, (int64_t)v);
}

/* a/b, 0 where there is no b. */
static void reply_ratio(struct exec *x, const char *name, size_t a, size_t b)
{
    reply_text(x->reply, name);
    reply_double(x->reply, b ? (double)a / (double)b : 0);
}

static void reply_percentage(struct exec *x, const char *name, size_t part, size_t whole)
{
    reply_text(x->reply, name);
    reply_double(x->reply, whole ? (double)part * 100 / (double)whole : 0);
}

static void reply_excess(struct exec *x, const char *name, size_t a, size_t b)
{
    reply_text(x->reply, name);
    reply_int(x->reply, (int64_t)a - (int64_t)b);
}

/* What replication, cluster and scripts take is 0: there are none. */
static void reply_absent(struct exec *x)
{
    reply_figure(x, "replication.backlog", 0);
    reply_figure(x, "clients.slaves", 0);
    reply_figure(x, "cluster.links", 0);
    reply_figure(x, "lua.caches", 0);
    reply_figure(x, "functions.caches", 0);
}

static void reply_dataset(struct exec *x, const struct memory_figures *f)
{
    size_t net = f->used > f->startup ? f->used - f->startup : 0;
    reply_figure(x, "startup.allocated", f->startup);
    reply_figure(x, "clients.normal", f->clients);
    reply_figure(x, "aof.buffer", f->log_buffer);
    reply_figure(x, "overhead.hashtable.main", f->tables);
    reply_figure(x, "overhead.total", f->overhead);
    reply_figure(x, "keys.count", f->keys);
    reply_figure(x, "keys.bytes-per-key", f->keys ? net / f->keys : 0);
    reply_figure(x, "dataset.bytes", f->dataset);
    reply_percentage(x, "dataset.percentage", f->dataset, net);
    reply_figure(x, "lazyfree.pending", keyspace_stats(x->ks).reclaim_pending);
}

static void reply_allocator(struct exec *x, const struct memory_figures *f)
{
    const struct mem_figures *m = &f->allocator;
    reply_figure(x, "allocator.allocated", m->allocated);
    reply_figure(x, "allocator.active", m->active);
    reply_figure(x, "allocator.resident", m->resident);
    reply_ratio(x, "allocator-fragmentation.ratio", m->active, m->allocated);
    reply_excess(x, "allocator-fragmentation.bytes", m->active, m->allocated);
    reply_ratio(x, "allocator-rss.ratio", m->resident, m->active);
    reply_excess(x, "allocator-rss.bytes", m->resident, m->active);
    reply_ratio(x, "rss-overhead.ratio", f->resident, m->resident);
    reply_excess(x, "rss-overhead.bytes", f->resident, m->resident);
    reply_ratio(x, "fragmentation", f->resident, f->used);
    reply_excess(x, "fragmentation.bytes", f->resident, f->used);
}

static void cmd_memory_stats(struct exec *x)
{
    struct memory_figures f = memory_figures(x->engine);
    reply_map(x->reply, 29);
    reply_figure(x, "peak.allocated", f.peak);
    reply_figure(x, "total.allocated", f.used);
    reply_percentage(x, "peak.percentage", f.used, f.peak);
    reply_absent(x);
    reply_dataset(x, &f);
    reply_allocator(x, &f);
}

static void cmd_memory_help(struct exec *x)
{
    static const char *const lines[] = {
        "MEMORY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "DOCTOR",
        "    Return memory problems reports.",
        "MALLOC-STATS",
        "    Return internal statistics report from the memory allocator.",
        "PURGE",
        "    Attempt to purge dirty pages for reclamation by the allocator.",
        "STATS",
        "    Return information about the memory usage of the server.",
        "USAGE <key> [SAMPLES <count>]",
        "    Return memory in bytes used by <key> and its value.",
        "HELP",
        "    Print this help.",
    };
    reply_lines(x->reply, lines, sizeof lines / sizeof *lines);
}

const struct command_row memory_commands[] = {
    {"memory", NULL, -2, "", "", "", "4.0.0", "server", "",
     "Container of the commands about memory."},
    {"memory|doctor", cmd_memory_doctor, 2, "", "", "", "4.0.0", "server", "",
     "Says what is wrong with memory use."},
    {"memory|help", cmd_memory_help, 2, "loading,stale", "", "", "4.0.0", "server", "",
     "Shows help about the subcommands."},
    {"memory|malloc-stats", cmd_memory_malloc_stats, 2, "", "", "", "4.0.0", "server", "",
     "Returns the allocator's own report."},
    {"memory|purge", cmd_memory_purge, 2, "", "", "", "4.0.0", "server", "",
     "Gives unused pages back to the system."},
    {"memory|stats", cmd_memory_stats, 2, "unlocked", "", "", "4.0.0", "server", "",
     "Returns figures about memory."},
    {"memory|usage", cmd_memory_usage, -3, "readonly", "", "@2:0/1:RO", "4.0.0", "server",
     "key [SAMPLES count]", "Returns the bytes that a key and its value take."},
    {0},
};
