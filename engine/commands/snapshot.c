#include "commands/snapshot.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands/rdb_settings.h"
#include "internal.h"
#include "persist/snapshot.h"

/* dbfilename as a C string in `path`. */
static const char *file_name(const struct engine *e, struct buf *path)
{
    buf_init(path);
    config_string(e->config, CONFIG_DBFILENAME, path);
    buf_add_char(path, '\0');
    return path->p;
}

static bool save_file(struct engine *e, const char *path, size_t used_bytes, struct buf *error)
{
    struct snapshot_info info = {ATRIUM_VERSION, clock_wall_ms(), used_bytes};
    return snapshot_write(e->ks, path, &info, error);
}

static void saved(struct engine *e, bool ok)
{
    if (ok)
        atomic_store(&e->saved_at_s, (int64_t)(clock_wall_ms() / 1000));
    atomic_store(&e->save_failed, !ok);
}

/* ---- in this thread --------------------------------------------------------------------------- */

static bool reply_if_saving(struct exec *x)
{
    if (atomic_load(&x->engine->save_child) == 0)
        return false;
    reply_errorf(x->reply, ERROR_GENERIC, "Background save already in progress");
    return true;
}

bool snapshot_save_now(struct exec *x)
{
    struct buf error, path;
    if (reply_if_saving(x))
        return false;
    buf_init(&error);
    bool ok = save_file(x->engine, file_name(x->engine, &path), mem_used_bytes(), &error);
    saved(x->engine, ok);
    if (ok)
        log_notice("saved");
    else
        reply_errorf(x->reply, ERROR_GENERIC, "cannot save %.*s", (int)error.n, error.p);
    buf_release(&error);
    buf_release(&path);
    return ok;
}

static void cmd_save(struct exec *x)
{
    if (snapshot_save_now(x))
        reply_ok(x->reply);
}

static void cmd_lastsave(struct exec *x)
{
    reply_int(x->reply, atomic_load(&x->engine->saved_at_s));
}

/* ---- in a child ------------------------------------------------------------------------------- */

/* Other threads may have held any lock but the keyspace's, whose gate is closed: the child takes no
 * other, and does not log. Sockets are closed, so that clients and ports are the parent's alone. */
static void child_main(struct engine *e, const char *path, size_t used_bytes)
    __attribute__((noreturn));
static void child_main(struct engine *e, const char *path, size_t used_bytes)
{
    struct buf error;
    close_range(STDERR_FILENO + 1, ~0u, 0);
    buf_init(&error);
    bool ok = save_file(e, path, used_bytes, &error);
    if (!ok)
        dprintf(STDERR_FILENO, "cannot save %.*s\n", (int)error.n, error.p);
    _exit(ok ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* The gate is closed, and there is no child. False: errno says why. */
static bool start_child(struct engine *e)
{
    struct buf path;
    const char *name = file_name(e, &path);
    size_t used_bytes = mem_used_bytes();
    pid_t child = fork();
    if (child == 0)
        child_main(e, name, used_bytes);
    int failed = errno;
    buf_release(&path);
    if (child < 0) {
        saved(e, false);
        log_warning("cannot save in the background: %s", strerror(failed));
        errno = failed;
        return false;
    }
    atomic_store(&e->save_child, child);
    log_notice("saving in the background, process %ld", (long)child);
    return true;
}

static void cmd_bgsave(struct exec *x)
{
    struct engine *e = x->engine;
    if (x->argc > 2 || (x->argc == 2 && !exec_is(x, 1, "SCHEDULE"))) {
        reply_error(x->reply, ERROR_SYNTAX);
        return;
    }
    if (reply_if_saving(x))
        return;
    if (atomic_load(&x->session->queued) >= 0) { /* half a transaction must not be saved */
        atomic_store(&e->save_scheduled, true);
        reply_simple(x->reply, "Background saving scheduled");
    } else if (start_child(e)) {
        reply_simple(x->reply, "Background saving started");
    } else {
        reply_errorf(x->reply, ERROR_GENERIC, "cannot save: %s", strerror(errno));
    }
}

static void reap(struct engine *e, pid_t child)
{
    int status;
    if (waitpid(child, &status, WNOHANG) != child)
        return;
    bool ok = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
    saved(e, ok);
    if (ok)
        log_notice("saved in the background");
    else
        log_warning("saving in the background failed");
    atomic_store(&e->save_child, 0);
}

void snapshot_turn(struct engine *e)
{
    struct gate *g = keyspace_gate(e->ks);
    pid_t child = atomic_load(&e->save_child);
    if (child)
        reap(e, child);
    if (!atomic_load(&e->save_scheduled))
        return;
    gate_close(g);
    if (atomic_load(&e->save_child) == 0 && atomic_exchange(&e->save_scheduled, false))
        start_child(e);
    gate_open(g);
}

void snapshot_stop(struct engine *e)
{
    pid_t child = atomic_load(&e->save_child);
    struct buf path;
    if (child == 0)
        return;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    buf_init(&path);
    config_string(e->config, CONFIG_DBFILENAME, &path);
    snapshot_temporary_name(&path, child);
    unlink(path.p);
    buf_release(&path);
}

void snapshot_info_lines(struct engine *e, struct buf *out)
{
    buf_printf(out,
               "rdb_bgsave_in_progress:%d\r\nrdb_last_save_time:%lld\r\n"
               "rdb_last_bgsave_status:%s\r\n",
               atomic_load(&e->save_child) != 0, (long long)atomic_load(&e->saved_at_s),
               atomic_load(&e->save_failed) ? "err" : "ok");
}

/* ---- at start --------------------------------------------------------------------------------- */

bool engine_load(struct engine *e, struct buf *error)
{
    struct rdb_settings settings = rdb_settings_of(e->config, clock_wall_ms());
    struct buf path;
    size_t keys;
    settings.string_max = SIZE_MAX;
    enum snapshot_result result =
        snapshot_load(e->ks, file_name(e, &path), &settings, &keys, error);
    if (result == SNAPSHOT_LOADED)
        log_notice("loaded %zu keys from %s", keys, path.p);
    buf_release(&path);
    return result != SNAPSHOT_BAD;
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
