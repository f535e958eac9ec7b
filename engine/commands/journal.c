#include "commands/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands/exec.h"
#include "internal.h"
#include "persist/aof.h"
#include "persist/aof_base.h"
#include "persist/disk.h"
#include "persist/snapshot.h"

#define RETRY_MS 5000 /* after a rewrite has failed */

/* ---- lifetime --------------------------------------------------------------------------------- */

static void on_progress(void *ctx)
{
    engine_log_progress(ctx);
}

void journal_init(struct engine *e)
{
    atomic_store(&e->journal.rewrite_took_s, -1);
}

static char *directive(struct engine *e, enum config_id id)
{
    struct buf text;
    buf_init(&text);
    config_string(e->config, id, &text);
    buf_add_char(&text, '\0');
    return text.p;
}

/* The parts that are made when the log is first used. */
static void prepare(struct engine *e)
{
    struct journal *j = &e->journal;
    if (j->folder)
        return;
    j->folder = directive(e, CONFIG_APPENDDIRNAME);
    j->prefix = directive(e, CONFIG_APPENDFILENAME);
    j->aof = aof_new(on_progress, e);
    aof_set_policy(j->aof, (enum aof_policy)config_int(e->config, CONFIG_APPENDFSYNC));
}

void journal_release(struct engine *e)
{
    struct journal *j = &e->journal;
    atomic_store(&j->on, false);
    if (j->aof)
        aof_free(j->aof);
    manifest_release(&j->manifest);
    buf_release(&j->next_base);
    mem_free(j->folder);
    mem_free(j->prefix);
}

/* ---- files ------------------------------------------------------------------------------------ */

static uint64_t file_bytes(const struct journal *j, const char *name)
{
    struct buf path;
    struct stat st;
    buf_init(&path);
    bool ok = stat(disk_path(&path, j->folder, name), &st) == 0;
    buf_release(&path);
    return ok ? (uint64_t)st.st_size : 0;
}

/* Sums up the manifest's files but the last incremental one. */
static void measure(struct journal *j)
{
    const struct manifest_file *base = manifest_base(&j->manifest);
    const struct manifest_file *last = manifest_last_incr(&j->manifest);
    uint64_t older = 0;
    for (size_t i = 0; i < j->manifest.n; i++) {
        const struct manifest_file *f = &j->manifest.files[i];
        if (f->type == 'i' && f != last)
            older += file_bytes(j, f->name);
    }
    atomic_store(&j->base_bytes, base ? file_bytes(j, base->name) : 0);
    atomic_store(&j->older_bytes, older);
}

static uint64_t present_bytes(struct journal *j)
{
    return j->aof ? aof_stats(j->aof).file_bytes : 0;
}

static uint64_t all_bytes(struct journal *j)
{
    return atomic_load(&j->base_bytes) + atomic_load(&j->older_bytes) + present_bytes(j);
}

/* Opens the last incremental file at its end; -1: errno. */
static int open_last(struct journal *j, int flags, uint64_t *size)
{
    struct buf path;
    struct stat st;
    buf_init(&path);
    disk_path(&path, j->folder, manifest_last_incr(&j->manifest)->name);
    int fd = open(path.p, O_WRONLY | O_APPEND | O_CLOEXEC | flags, 0644);
    if (fd >= 0)
        *size = fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
    buf_release(&path);
    return fd;
}

/* Adds an incremental file to the manifest, and makes both on disk. -1: errno, and nothing has changed but files
 * that no manifest names. */
static int add_incr(struct journal *j, bool save)
{
    struct manifest before = manifest_copy(&j->manifest);
    uint64_t size;
    manifest_add_incr(&j->manifest, j->prefix);
    int fd = open_last(j, O_CREAT | O_TRUNC, &size);
    int failed = fd < 0 ? errno : disk_sync_folder(j->folder);
    if (!failed && save)
        failed = manifest_save(&j->manifest, j->folder, j->prefix);
    if (!failed) {
        manifest_release(&before);
        return fd;
    }
    if (fd >= 0)
        close(fd);
    manifest_release(&j->manifest);
    j->manifest = before;
    errno = failed;
    return -1;
}

static int make_folder(struct journal *j)
{
    if (mkdir(j->folder, 0755) != 0)
        return errno == EEXIST ? 0 : errno;
    return disk_sync_folder(".");
}

/* Deletes what the manifest calls history, and forgets it. */
static void delete_history(struct journal *j)
{
    struct buf path;
    bool any = false;
    buf_init(&path);
    for (size_t i = 0; i < j->manifest.n; i++) {
        if (j->manifest.files[i].type != 'h')
            continue;
        unlink(disk_path(&path, j->folder, j->manifest.files[i].name));
        any = true;
    }
    buf_release(&path);
    manifest_drop_history(&j->manifest);
    if (any)
        manifest_save(&j->manifest, j->folder, j->prefix);
}

/* ---- the base --------------------------------------------------------------------------------- */

static bool as_rdb(const struct engine *e)
{
    return config_int(e->config, CONFIG_AOF_USE_RDB_PREAMBLE);
}

static bool write_base(struct engine *e, const char *name, bool in_child, struct buf *error)
{
    struct journal *j = &e->journal;
    struct snapshot_info info = {.program_version = ATRIUM_VERSION,
                                 .now_ms = clock_wall_ms(),
                                 .used_bytes = in_child ? 0 : mem_used_bytes(),
                                 .plain = !config_int(e->config, CONFIG_RDBCOMPRESSION),
                                 .unsummed = !config_int(e->config, CONFIG_RDBCHECKSUM)};
    struct buf path;
    if (strstr(name, ".base.aof"))
        return aof_base_write(e->ks, j->folder, name, info.now_ms, error);
    buf_init(&path);
    bool ok = snapshot_write(e->ks, disk_path(&path, j->folder, name), &info, error);
    buf_release(&path);
    return ok;
}

/* The base that has been written is the manifest's from here on; the files before it go. */
static int adopt_base(struct journal *j)
{
    struct manifest before = manifest_copy(&j->manifest);
    manifest_set_base(&j->manifest, j->next_base.p, journal_is_on(j));
    int failed = manifest_save(&j->manifest, j->folder, j->prefix);
    if (failed) {
        manifest_release(&j->manifest);
        j->manifest = before;
        return failed;
    }
    manifest_release(&before);
    j->unnamed = false;
    delete_history(j);
    measure(j);
    atomic_store(&j->rewritten_bytes, all_bytes(j));
    return 0;
}

/* ---- at the start ----------------------------------------------------------------------------- */

static bool refuse(struct buf *error, const char *what, int failed)
{
    buf_printf(error, "the log of writes: %s: %s", what, strerror(failed));
    return false;
}

/* A first log: its base is what the keyspace holds. */
static bool begin_first(struct engine *e, struct buf *error)
{
    struct journal *j = &e->journal;
    manifest_next_base(&j->manifest, j->prefix, as_rdb(e), &j->next_base);
    if (!write_base(e, j->next_base.p, false, error))
        return false;
    int fd = add_incr(j, false);
    if (fd < 0)
        return refuse(error, j->folder, errno);
    aof_rotate(j->aof, fd, 0);
    atomic_store(&j->on, true);
    int failed = adopt_base(j);
    return !failed || refuse(error, j->folder, failed);
}

/* Bases that processes which are no more were writing. */
static void remove_strays(struct engine *e)
{
    struct journal *j = &e->journal;
    struct buf path;
    buf_init(&path);
    manifest_next_base(&j->manifest, j->prefix, as_rdb(e), &j->next_base);
    snapshot_remove_strays(disk_path(&path, j->folder, j->next_base.p));
    buf_release(&path);
}

static bool go_on(struct engine *e, struct buf *error)
{
    struct journal *j = &e->journal;
    uint64_t size = 0;
    bool has = manifest_last_incr(&j->manifest) != NULL;
    int fd = has ? open_last(j, O_CREAT, &size) : add_incr(j, true);
    if (fd < 0)
        return refuse(error, j->folder, errno);
    aof_rotate(j->aof, fd, size);
    delete_history(j);
    remove_strays(e);
    measure(j);
    atomic_store(&j->rewritten_bytes,
                 atomic_load(&j->base_bytes) + atomic_load(&j->older_bytes) + size);
    return true;
}

static bool no_strays(struct journal *j, struct buf *error)
{
    struct buf name;
    buf_init(&name);
    bool found = manifest_strays(j->folder, j->prefix, &name);
    if (found)
        buf_printf(error,
                   "the log of writes: %s/%s.manifest is missing, but %.*s is there; write the "
                   "manifest anew, or move the files away",
                   j->folder, j->prefix, (int)name.n, name.p);
    buf_release(&name);
    return !found;
}

/* A log of one file, as Redis wrote it before 7.0, becomes the base. */
static bool adopt_old(struct journal *j, bool *there, struct buf *error)
{
    struct buf path, line;
    *there = access(j->prefix, F_OK) == 0;
    if (!*there)
        return true;
    buf_init(&path);
    buf_init(&line);
    buf_printf(&line, "file %s seq 1 type b\n", j->prefix);
    manifest_parse(&j->manifest, buf_bytes(&line), error);
    int failed = manifest_save(&j->manifest, j->folder, j->prefix);
    if (!failed && rename(j->prefix, disk_path(&path, j->folder, j->prefix)) != 0)
        failed = errno;
    if (!failed)
        failed = disk_sync_folder(j->folder);
    buf_release(&path);
    buf_release(&line);
    return !failed || refuse(error, j->prefix, failed);
}

bool journal_start(struct engine *e, bool (*fallback)(struct engine *e, struct buf *error),
                   struct buf *error)
{
    struct journal *j = &e->journal;
    bool old = false, ok;
    prepare(e);
    int failed = make_folder(j);
    if (failed)
        return refuse(error, j->folder, failed);
    enum manifest_result found = manifest_load(&j->manifest, j->folder, j->prefix, error);
    if (found == MANIFEST_BAD)
        return false;
    if (found == MANIFEST_MISSING && (!no_strays(j, error) || !adopt_old(j, &old, error)))
        return false;
    if (found == MANIFEST_LOADED || old)
        ok = journal_replay(e, error) && go_on(e, error);
    else
        ok = fallback(e, error) && begin_first(e, error);
    atomic_store(&j->on, ok);
    return ok;
}

/* ---- rewriting -------------------------------------------------------------------------------- */

static void rewrite_failed(struct journal *j, const char *why)
{
    log_warning("rewriting the log failed: %s", why);
    atomic_store(&j->rewriting, false);
    atomic_store(&j->rewrite_failed, true);
    j->rewrite_retry_ms = clock_wall_ms() + RETRY_MS;
}

static void child_main(struct engine *e, const char *name) __attribute__((noreturn));
static void child_main(struct engine *e, const char *name)
{
    struct buf error;
    buf_init(&error);
    bool ok = write_base(e, name, true, &error);
    if (!ok)
        dprintf(STDERR_FILENO, "cannot rewrite the log: %.*s\n", (int)error.n, error.p);
    child_measure(&e->child);
    _exit(ok ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* Moves the log to the new file, where there is one, and forks, in one instant for everybody else. */
static pid_t fork_at_rotation(struct engine *e, int fd)
{
    struct journal *j = &e->journal;
    struct gate *g = keyspace_gate(e->ks);
    gate_close(g);
    if (fd >= 0) {
        aof_rotate(j->aof, fd, 0);
        atomic_store(&j->on, true);
    }
    pid_t pid = child_fork(e, CHILD_LOG);
    if (pid == 0)
        child_main(e, j->next_base.p);
    int failed = errno;
    gate_open(g);
    errno = failed;
    return pid;
}

/* What an earlier time has left is known before it is replaced. */
static bool know_files(struct journal *j, struct buf *error)
{
    int failed = make_folder(j);
    if (failed)
        return refuse(error, j->folder, failed);
    return j->manifest.n > 0 ||
           manifest_load(&j->manifest, j->folder, j->prefix, error) != MANIFEST_BAD;
}

/* The new incremental file, -1 where the log is and stays off. False with a line in `error`. */
static bool prepare_rewrite(struct engine *e, bool wanted, int *fd, struct buf *error)
{
    struct journal *j = &e->journal;
    *fd = -1;
    if (!know_files(j, error))
        return false;
    manifest_next_base(&j->manifest, j->prefix, as_rdb(e), &j->next_base);
    if (!wanted)
        return true;
    *fd = add_incr(j, journal_is_on(j) && !j->unnamed);
    if (*fd >= 0 && !journal_is_on(j))
        j->unnamed = true;
    return *fd >= 0 || refuse(error, j->folder, errno);
}

/* There is no child, and the log's last rotation is over. */
static void begin_rewrite(struct engine *e, bool wanted)
{
    struct journal *j = &e->journal;
    struct buf error;
    int fd;
    buf_init(&error);
    prepare(e);
    atomic_store(&j->rewriting, true);
    atomic_store(&j->rewrite_asked, false);
    bool ready = prepare_rewrite(e, wanted, &fd, &error);
    atomic_store(&j->files_failing, ready || !wanted || journal_is_on(j) ? 0 : EIO);
    j->rewrite_began_ms = clock_wall_ms();
    pid_t pid = ready ? fork_at_rotation(e, fd) : -1;
    if (ready && pid < 0)
        refuse(&error, "fork", errno);
    measure(j);
    buf_add_char(&error, '\0');
    if (pid < 0)
        rewrite_failed(j, error.p);
    else
        log_notice("rewriting the log in the background, process %ld; the fork took %llu us",
                   (long)pid, (unsigned long long)atomic_load(&e->child.fork_us));
    buf_release(&error);
}

static void end_rewrite(struct engine *e, bool ok)
{
    struct journal *j = &e->journal;
    uint64_t took_ms = clock_wall_ms() - j->rewrite_began_ms;
    atomic_store(&j->rewrite_took_s, (int64_t)(took_ms / 1000));
    int failed = ok ? adopt_base(j) : 0;
    if (!ok || failed) {
        rewrite_failed(j, ok ? strerror(failed) : "the child's exit tells of an error");
        return;
    }
    atomic_store(&j->rewriting, false);
    atomic_store(&j->rewrite_failed, false);
    atomic_fetch_add(&j->rewrites, 1);
    log_notice("the log is rewritten, in %llu ms", (unsigned long long)took_ms);
}

/* ---- by the timer ----------------------------------------------------------------------------- */

static void switch_off(struct engine *e)
{
    struct journal *j = &e->journal;
    struct gate *g = keyspace_gate(e->ks);
    if (child_runs(&e->child, CHILD_LOG)) {
        child_kill(&e->child);
        atomic_store(&j->rewriting, false);
    }
    gate_close(g);
    atomic_store(&j->on, false);
    gate_open(g);
    aof_close(j->aof);
    log_notice("the log of writes is switched off; its files stay");
}

/* Has the log grown enough since its last rewrite? */
static bool grown(struct engine *e)
{
    struct journal *j = &e->journal;
    uint64_t percent = (uint64_t)config_int(e->config, CONFIG_AUTO_AOF_REWRITE_PERCENTAGE);
    uint64_t bytes = all_bytes(j), before = atomic_load(&j->rewritten_bytes);
    if (!percent || bytes < (uint64_t)config_int(e->config, CONFIG_AUTO_AOF_REWRITE_MIN_SIZE) ||
        bytes <= before)
        return false;
    return (bytes - before) / (before ? before : 1) >= percent / 100 &&
           (double)(bytes - before) * 100 / (double)(before ? before : 1) >= (double)percent;
}

static bool rewrite_due(struct engine *e, bool wanted)
{
    struct journal *j = &e->journal;
    bool pause = clock_wall_ms() < j->rewrite_retry_ms;
    bool begin = wanted && (!journal_is_on(j) || j->unnamed || !manifest_base(&j->manifest));
    return atomic_load(&j->rewrite_asked) || (!pause && (begin || (journal_is_on(j) && grown(e))));
}

void journal_turn(struct engine *e)
{
    struct journal *j = &e->journal;
    bool wanted = config_int(e->config, CONFIG_APPENDONLY), ok;
    if (atomic_load(&j->loading))
        return;
    if (child_ended(&e->child, CHILD_LOG, &ok)) {
        end_rewrite(e, ok);
        child_done(&e->child);
    }
    if (!wanted && journal_is_on(j))
        switch_off(e);
    if (j->aof) {
        aof_set_policy(j->aof, (enum aof_policy)config_int(e->config, CONFIG_APPENDFSYNC));
        aof_kick(j->aof); /* what nobody waits for */
        aof_hold_sync(j->aof, config_int(e->config, CONFIG_NO_APPENDFSYNC_ON_REWRITE) &&
                                  atomic_load(&e->child.pid) != 0);
    }
    if (atomic_load(&e->child.pid) == 0 && (!j->aof || !aof_rotating(j->aof)) &&
        rewrite_due(e, wanted))
        begin_rewrite(e, wanted);
}

bool journal_synced(struct engine *e, uint64_t position)
{
    return journal_is_on(&e->journal) && aof_synced(e->journal.aof) >= position;
}

void journal_request_sync(struct engine *e)
{
    if (journal_is_on(&e->journal))
        aof_request_sync(e->journal.aof);
}

/* ---- for others ------------------------------------------------------------------------------- */

int journal_denies_writes(struct engine *e)
{
    const struct journal *j = &e->journal;
    if (!journal_is_on(j))
        return atomic_load_explicit(&j->files_failing, memory_order_relaxed);
    return aof_failing(j->aof);
}

size_t journal_buffered_bytes(const struct engine *e)
{
    return e->journal.aof ? aof_buffered_bytes(e->journal.aof) : 0;
}

static void cmd_bgrewriteaof(struct exec *x)
{
    struct journal *j = &x->engine->journal;
    bool busy = atomic_load(&x->engine->child.pid) != 0;
    if (atomic_load(&j->rewriting)) {
        reply_errorf(x->reply, ERROR_GENERIC,
                     "Background append only file rewriting already in progress");
        return;
    }
    atomic_store(&j->rewrite_asked, true);
    engine_timer_wake(x->engine);
    reply_simple(x->reply, busy ? "Background append only file rewriting scheduled"
                                : "Background append only file rewriting started");
}

void journal_config_changed(struct engine *e)
{
    engine_timer_wake(e);
}

void journal_info_lines(struct engine *e, struct buf *out)
{
    struct journal *j = &e->journal;
    bool on = journal_is_on(j), asked = atomic_load(&j->rewrite_asked);
    bool runs = child_runs(&e->child, CHILD_LOG), busy = atomic_load(&e->child.pid) && !runs;
    uint64_t for_ms = runs ? clock_wall_ms() - atomic_load(&e->child.started_at_ms) : 0;
    buf_printf(out,
               "aof_enabled:%d\r\naof_rewrite_in_progress:%d\r\naof_rewrite_scheduled:%d\r\n"
               "aof_last_rewrite_time_sec:%lld\r\naof_current_rewrite_time_sec:%lld\r\n",
               on, atomic_load(&j->rewriting) || (asked && !busy), asked && busy,
               (long long)atomic_load(&j->rewrite_took_s),
               runs ? (long long)(for_ms / 1000) : -1LL);
    buf_printf(out,
               "aof_last_bgrewrite_status:%s\r\naof_rewrites:%llu\r\n"
               "aof_rewrites_consecutive_failures:%d\r\naof_last_write_status:%s\r\n"
               "aof_last_cow_size:%llu\r\n",
               atomic_load(&j->rewrite_failed) ? "err" : "ok",
               (unsigned long long)atomic_load(&j->rewrites), atomic_load(&j->rewrite_failed),
               journal_denies_writes(e) ? "err" : "ok",
               (unsigned long long)atomic_load(&e->child.last_cow_bytes[CHILD_LOG]));
    if (!on)
        return;
    struct aof_stats st = aof_stats(j->aof);
    buf_printf(out,
               "aof_current_size:%llu\r\naof_base_size:%llu\r\naof_pending_rewrite:%d\r\n"
               "aof_buffer_length:%llu\r\naof_pending_bio_fsync:%d\r\naof_delayed_fsync:%llu\r\n",
               (unsigned long long)all_bytes(j),
               (unsigned long long)atomic_load(&j->rewritten_bytes), asked,
               (unsigned long long)st.backlog_bytes, aof_synced(j->aof) < aof_appended(j->aof),
               (unsigned long long)st.delayed_syncs);
    buf_printf(out, "aof_fsyncs:%llu\r\naof_fsync_usec:%llu\r\naof_fsync_usec_max:%llu\r\n",
               (unsigned long long)st.syncs, (unsigned long long)st.sync_us,
               (unsigned long long)st.sync_us_max);
}

const struct command_row journal_commands[] = {
    {"bgrewriteaof", cmd_bgrewriteaof, 1, "no_async_loading,admin,noscript", "", "", "1.0.0",
     "server", "", "Rewrites the log of writes in a process of its own."},
    {0},
};
