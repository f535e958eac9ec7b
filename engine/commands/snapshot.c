#include "commands/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "commands/exec.h"
#include "commands/rdb_settings.h"
#include "internal.h"
#include "persist/snapshot.h"

/* After a save has failed, the next try comes so much later. */
#define RETRY_S 5

static int64_t now_s(void)
{
    return (int64_t)(clock_wall_ms() / 1000);
}

void snapshot_state_init(struct engine *e)
{
    atomic_store(&e->snapshot.saved_at_s, now_s());
    atomic_store(&e->snapshot.took_s, -1);
}

/* dbfilename as a C string in `path`. */
static const char *file_name(const struct engine *e, struct buf *path)
{
    buf_init(path);
    config_string(e->config, CONFIG_DBFILENAME, path);
    buf_add_char(path, '\0');
    return path->p;
}

static struct snapshot_info info_of(const struct engine *e)
{
    return (struct snapshot_info){.program_version = ATRIUM_VERSION,
                                  .now_ms = clock_wall_ms(),
                                  .used_bytes = mem_used_bytes(),
                                  .plain = !config_int(e->config, CONFIG_RDBCOMPRESSION),
                                  .unsummed = !config_int(e->config, CONFIG_RDBCHECKSUM),
                                  .sync_often =
                                      config_int(e->config, CONFIG_RDB_SAVE_INCREMENTAL_FSYNC)};
}

static void saved(struct engine *e, uint64_t changes)
{
    struct snapshot_state *st = &e->snapshot;
    atomic_store(&st->saved_changes, changes);
    atomic_store(&st->saved_at_s, now_s());
    atomic_store(&st->failed, false);
    atomic_fetch_add(&st->saves, 1);
}

/* ---- in this thread --------------------------------------------------------------------------- */

bool snapshot_save_now(struct engine *e, struct buf *error)
{
    struct snapshot_info info = info_of(e);
    struct buf path;
    uint64_t changes = engine_changes(e);
    bool ok = snapshot_write(e->ks, file_name(e, &path), &info, error);
    buf_release(&path);
    if (ok) {
        saved(e, changes);
        log_notice("saved");
    } else {
        log_warning("cannot save %.*s", (int)error->n, error->p);
    }
    return ok;
}

static void cmd_save(struct exec *x)
{
    struct buf error;
    if (child_runs(&x->engine->child, CHILD_SNAPSHOT)) {
        reply_errorf(x->reply, ERROR_GENERIC, "Background save already in progress");
        return;
    }
    buf_init(&error);
    if (snapshot_save_now(x->engine, &error))
        reply_ok(x->reply);
    else
        reply_errorf(x->reply, ERROR_GENERIC, "cannot save %.*s", (int)error.n, error.p);
    buf_release(&error);
}

static void cmd_lastsave(struct exec *x)
{
    reply_int(x->reply, atomic_load(&x->engine->snapshot.saved_at_s));
}

/* ---- in a child ------------------------------------------------------------------------------- */

static void tell_wrote(void *child, uint64_t keys)
{
    child_wrote(child, keys);
}

static void child_main(struct engine *e, const char *path, struct snapshot_info *info)
    __attribute__((noreturn));
static void child_main(struct engine *e, const char *path, struct snapshot_info *info)
{
    struct buf error;
    buf_init(&error);
    info->wrote = tell_wrote;
    info->ctx = &e->child;
    bool ok = snapshot_write(e->ks, path, info, &error);
    if (!ok)
        dprintf(STDERR_FILENO, "cannot save %.*s\n", (int)error.n, error.p);
    child_measure(&e->child);
    _exit(ok ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* The gate is closed, and there is no child. False: errno says why. */
static bool start_child(struct engine *e)
{
    struct snapshot_state *st = &e->snapshot;
    struct snapshot_info info = info_of(e);
    struct buf path;
    const char *name = file_name(e, &path);
    atomic_store(&st->child_changes, engine_changes(e));
    atomic_store(&st->tried_at_s, now_s());
    atomic_store(&st->scheduled, false);
    pid_t child = child_fork(e, CHILD_SNAPSHOT);
    if (child == 0)
        child_main(e, name, &info);
    int failed = errno;
    buf_release(&path);
    if (child < 0) {
        atomic_store(&st->failed, true);
        log_warning("cannot save in the background: fork: %s", strerror(failed));
        errno = failed;
        return false;
    }
    log_notice("saving in the background, process %ld; the fork took %llu us", (long)child,
               (unsigned long long)atomic_load(&e->child.fork_us));
    return true;
}

static void cmd_bgsave(struct exec *x)
{
    struct engine *e = x->engine;
    bool schedule = x->argc == 2 && exec_is(x, 1, "SCHEDULE");
    bool in_transaction = atomic_load(&x->session->queued) >= 0; /* half of one must not be saved */
    if (x->argc > 1 && !schedule) {
        reply_error(x->reply, ERROR_SYNTAX);
    } else if (child_runs(&e->child, CHILD_SNAPSHOT)) {
        reply_errorf(x->reply, ERROR_GENERIC, "Background save already in progress");
    } else if (in_transaction || (schedule && atomic_load(&e->child.pid))) {
        atomic_store(&e->snapshot.scheduled, true);
        reply_simple(x->reply, "Background saving scheduled");
    } else if (atomic_load(&e->child.pid)) {
        reply_errorf(x->reply, ERROR_GENERIC,
                     "Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE "
                     "SCHEDULE in order to schedule a BGSAVE whenever possible.");
    } else if (start_child(e)) {
        reply_simple(x->reply, "Background saving started");
    } else {
        reply_errorf(x->reply, ERROR_GENERIC, "cannot fork: %s", strerror(errno));
    }
}

/* ---- by the timer ----------------------------------------------------------------------------- */

/* What a child that was killed has left. */
static void remove_temporary(struct engine *e, pid_t pid)
{
    struct buf path;
    buf_init(&path);
    config_string(e->config, CONFIG_DBFILENAME, &path);
    snapshot_temporary_name(&path, pid);
    unlink(path.p);
    buf_release(&path);
}

static void reap(struct engine *e)
{
    struct snapshot_state *st = &e->snapshot;
    bool ok;
    if (!child_ended(&e->child, CHILD_SNAPSHOT, &ok))
        return;
    uint64_t took_ms = clock_wall_ms() - atomic_load(&e->child.started_at_ms);
    atomic_store(&st->took_s, (int64_t)(took_ms / 1000));
    if (ok) {
        saved(e, atomic_load(&st->child_changes));
        log_notice("saved in the background, in %llu ms", (unsigned long long)took_ms);
    } else {
        atomic_store(&st->failed, true);
        remove_temporary(e, atomic_load(&e->child.pid));
        log_warning("saving in the background failed");
    }
    child_done(&e->child);
}

static uint64_t unsaved_changes(struct engine *e)
{
    return engine_changes(e) - atomic_load(&e->snapshot.saved_changes);
}

/* Is a save point reached, or has the last try failed a while ago? */
static bool point_reached(struct engine *e)
{
    struct snapshot_state *st = &e->snapshot;
    struct save_point p;
    struct buf text;
    bool reached = false;
    if (config_is_empty(e->config, CONFIG_SAVE))
        return false;
    if (atomic_load(&st->failed)) /* writes may be refused until one succeeds */
        return now_s() - atomic_load(&st->tried_at_s) > RETRY_S;
    int64_t age_s = now_s() - atomic_load(&st->saved_at_s);
    uint64_t changes = unsaved_changes(e);
    buf_init(&text);
    config_string(e->config, CONFIG_SAVE, &text);
    for (struct bytes rest = buf_bytes(&text); !reached && config_next_save_point(&rest, &p);)
        reached = age_s > p.seconds && changes >= (uint64_t)p.changes;
    buf_release(&text);
    if (reached)
        log_notice("%llu changes in %lld seconds", (unsigned long long)changes, (long long)age_s);
    return reached;
}

void snapshot_turn(struct engine *e)
{
    struct gate *g = keyspace_gate(e->ks);
    reap(e);
    if (loading_runs(&e->loading) || atomic_load(&e->child.pid) ||
        !(atomic_load(&e->snapshot.scheduled) || point_reached(e)))
        return;
    gate_close(g);
    if (atomic_load(&e->child.pid) == 0)
        start_child(e);
    gate_open(g);
}

void snapshot_stop(struct engine *e)
{
    if (!child_runs(&e->child, CHILD_SNAPSHOT))
        return;
    pid_t pid = child_kill(&e->child);
    if (pid)
        remove_temporary(e, pid);
}

/* ---- what others ask -------------------------------------------------------------------------- */

bool snapshot_has_points(struct engine *e)
{
    return !config_is_empty(e->config, CONFIG_SAVE);
}

bool snapshot_denies_writes(struct engine *e)
{
    return __builtin_expect(atomic_load_explicit(&e->snapshot.failed, memory_order_relaxed), 0) &&
           snapshot_has_points(e) && config_int(e->config, CONFIG_STOP_WRITES_ON_BGSAVE_ERROR);
}

void snapshot_flushed(struct engine *e)
{
    snapshot_stop(e);
    if (snapshot_has_points(e))
        atomic_store(&e->snapshot.scheduled, true);
}

void snapshot_info_lines(struct engine *e, struct buf *out)
{
    const struct snapshot_state *st = &e->snapshot;
    const struct child *c = &e->child;
    bool on = child_runs(c, CHILD_SNAPSHOT);
    uint64_t age_ms = clock_wall_ms() - atomic_load(&c->started_at_ms);
    buf_printf(out,
               "rdb_changes_since_last_save:%llu\r\nrdb_bgsave_in_progress:%d\r\n"
               "rdb_last_save_time:%lld\r\nrdb_last_bgsave_status:%s\r\n",
               (unsigned long long)unsaved_changes(e), on, (long long)atomic_load(&st->saved_at_s),
               atomic_load(&st->failed) ? "err" : "ok");
    buf_printf(out,
               "rdb_last_bgsave_time_sec:%lld\r\nrdb_current_bgsave_time_sec:%lld\r\n"
               "rdb_saves:%llu\r\nrdb_last_cow_size:%llu\r\n",
               (long long)atomic_load(&st->took_s), on ? (long long)(age_ms / 1000) : -1,
               (unsigned long long)atomic_load(&st->saves),
               (unsigned long long)atomic_load(&c->last_cow_bytes[CHILD_SNAPSHOT]));
    buf_printf(out, "rdb_last_load_keys_expired:%llu\r\nrdb_last_load_keys_loaded:%llu\r\n",
               (unsigned long long)atomic_load(&st->loading.due_keys),
               (unsigned long long)atomic_load(&st->loading.keys));
}

/* ---- at start --------------------------------------------------------------------------------- */

static struct snapshot_progress *loading_of(struct engine *e)
{
    return &e->snapshot.loading;
}

static bool load_snapshot(struct engine *e, struct buf *error)
{
    struct rdb_settings settings = rdb_settings_of(e->config, clock_wall_ms());
    struct snapshot_progress *progress = loading_of(e);
    struct buf path;
    uint64_t began_us = clock_mono_us();
    settings.string_max = SIZE_MAX;
    settings.unsummed = !config_int(e->config, CONFIG_RDBCHECKSUM);
    snapshot_remove_strays(file_name(e, &path));
    enum snapshot_result result = snapshot_load(e->ks, path.p, &settings, progress, error);
    if (result == SNAPSHOT_LOADED)
        log_notice("loaded %llu keys from %s in %.3f seconds",
                   (unsigned long long)atomic_load(&progress->keys), path.p,
                   (double)(clock_mono_us() - began_us) / 1e6);
    buf_release(&path);
    return result == SNAPSHOT_LOADED || result == SNAPSHOT_MISSING;
}

/* A log is more complete than a snapshot. */
bool engine_load(struct engine *e, struct buf *error)
{
    return config_int(e->config, CONFIG_APPENDONLY) ? journal_start(e, load_snapshot, error)
                                                    : load_snapshot(e, error);
}

/* ---- rows ------------------------------------------------------------------------------------- */

const struct command_row snapshot_commands[] = {
    {"bgsave", cmd_bgsave, -1, "no_async_loading,admin,noscript,gate", "", "", "1.0.0", "server",
     "[SCHEDULE]", "Saves all databases to disk in a process of its own."},
    {"lastsave", cmd_lastsave, 1, "loading,stale,fast", "admin,dangerous", "", "1.0.0", "server",
     "", "Returns the Unix time of the last save."},
    {"save", cmd_save, 1, "no_async_loading,admin,noscript,no_multi,gate", "", "", "1.0.0",
     "server", "", "Saves all databases to disk; everybody waits."},
    {0},
};
