/* Replaying the log: the base, then each incremental file, command by command. Nothing expires meanwhile, since every
 * command runs as of the beginning of time, or of the time that a note tells: what expired stands in the log as DEL.
 *
 * What a crash or a power cut leaves at the end (half a command, a transaction without its EXEC) is cut off, with a
 * warning; anywhere else it ends the start. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands/dispatch.h"
#include "commands/journal.h"
#include "commands/rdb_settings.h"
#include "commands/session.h"
#include "internal.h"
#include "persist/aof_record.h"
#include "persist/disk.h"
#include "persist/mapped.h"
#include "persist/snapshot.h"

/* Records between two looks at whether it goes on. */
#define TELL_EVERY 1024

struct replay {
    struct engine *e;
    struct session *session;
    struct capture reply;
    struct aof_reader r;
    const char *path;
    bool may_be_cut; /* nothing follows the file's end */
    size_t step_at;  /* where the step at hand begins: its MULTI, or the notes before it */
    bool in_step, in_transaction;
    uint64_t time_ms; /* of a note */
    uint32_t flags;   /* of a note, for the key of the next command */
    struct buf late;  /* struct late, key, ... */
    unsigned db;      /* of the command at hand */
    uint64_t commands;
    struct buf *error;
};

static bool stop(struct replay *p, const char *why)
{
    buf_printf(p->error, "%s: %s at byte %zu", p->path, why, p->r.at);
    return false;
}

/* ---- notes ------------------------------------------------------------------------------------- */

static bool note_number(struct bytes note, const char *word, uint64_t *v)
{
    size_t n = strlen(word);
    return note.n > n && memcmp(note.p, word, n) == 0 &&
           num_parse_uint(bytes_of(note.p + n, note.n - n), v);
}

/* One that nobody is known to write is damage, or of a later version. */
static bool take_note(struct replay *p)
{
    uint64_t v;
    if (p->r.note.n >= 3 && memcmp(p->r.note.p, "TS:", 3) == 0) /* Redis's */
        return true;
    if (note_number(p->r.note, "atrium-time ", &v) && v < UINT64_MAX / 1000)
        p->time_ms = v;
    else if (note_number(p->r.note, "atrium-flags ", &v) && v <= UINT32_MAX)
        p->flags = (uint32_t)v;
    else
        return stop(p, "an unknown note");
    if (!p->in_step)
        p->step_at = p->r.at;
    p->in_step = true;
    return true;
}

/* A key that a transaction is to give flags, when it is over. */
struct late {
    unsigned db;
    uint32_t flags;
    size_t key_len;
};

static void set_flags(struct replay *p, unsigned db, struct bytes name, uint32_t flags)
{
    struct keyspace *ks = p->e->ks;
    struct keyref k = keyspace_ref(ks, name);
    pthread_mutex_lock(&k.shard->lock);
    struct entry *e = keyspace_find_locked(ks, db, &k, 0);
    if (e && e->type == TYPE_STRING)
        keyspace_set_client_flags_locked(ks, db, &k, e, flags);
    pthread_mutex_unlock(&k.shard->lock);
}

static void set_late_flags(struct replay *p)
{
    size_t at = 0;
    while (at < p->late.n) {
        struct late l;
        memcpy(&l, p->late.p + at, sizeof l);
        set_flags(p, l.db, bytes_of(p->late.p + at + sizeof l, l.key_len), l.flags);
        at += sizeof l + l.key_len;
    }
    buf_clear(&p->late);
}

/* After a command. In a transaction it has not run yet, nor has a SELECT before it. */
static void use_flags(struct replay *p)
{
    const struct bytes *argv = p->r.argv;
    uint64_t db;
    if (!p->in_transaction)
        p->db = p->session->db;
    else if (p->r.argc == 2 && bytes_is(argv[0], "SELECT") && num_parse_uint(argv[1], &db))
        p->db = (unsigned)db % DB_COUNT;
    if (p->flags && p->r.argc > 1 && p->in_transaction) {
        struct late l = {p->db, p->flags, argv[1].n};
        buf_add(&p->late, &l, sizeof l);
        buf_add_bytes(&p->late, argv[1]);
    } else if (p->flags && p->r.argc > 1) {
        set_flags(p, p->db, argv[1], p->flags);
    }
    p->flags = 0;
}

/* ---- commands ---------------------------------------------------------------------------------- */

static bool failed_command(struct replay *p)
{
    char why[160] = "a command that fails";
    for (size_t i = 0; i < p->reply.n; i++) {
        if (p->reply.nodes[i].kind != NODE_ERROR)
            continue;
        struct bytes text = capture_text(&p->reply, &p->reply.nodes[i]);
        snprintf(why, sizeof why, "a command that fails (%.*s)", text.n < 100 ? (int)text.n : 100,
                 text.p);
        break;
    }
    return stop(p, why);
}

/* Redis writes no note for XCLAIM, which takes no TIME later than now: that is as good as one. */
static void take_claim_time(struct replay *p)
{
    uint64_t v;
    for (int i = 5; i + 1 < p->r.argc; i++) {
        if (bytes_is(p->r.argv[i], "TIME") && num_parse_uint(p->r.argv[i + 1], &v) &&
            v < UINT64_MAX / 1000 && v > p->time_ms)
            p->time_ms = v;
    }
}

static bool run_command(struct replay *p)
{
    const struct bytes *argv = p->r.argv;
    bool multi = bytes_is(argv[0], "MULTI"), exec = bytes_is(argv[0], "EXEC");
    if (!p->in_step)
        p->step_at = p->r.at;
    if (bytes_is(argv[0], "XCLAIM"))
        take_claim_time(p);
    capture_clear(&p->reply);
    exec_replay(p->session, argv, p->r.argc, &p->reply.base, p->time_ms);
    p->commands++;
    p->in_transaction = multi || (p->in_transaction && !exec);
    if (p->reply.base.erred)
        return failed_command(p);
    use_flags(p);
    if (exec)
        set_late_flags(p);
    p->in_step = p->in_transaction;
    if (!p->in_step)
        p->time_ms = 0;
    return true;
}

/* ---- a file ------------------------------------------------------------------------------------ */

/* The file's end is half of something: cut off where that may be. */
static bool cut(struct replay *p, size_t at)
{
    p->r.at = at;
    if (!p->may_be_cut)
        return stop(p, "the file ends within a command or transaction, and another follows it,");
    if (!config_int(p->e->config, CONFIG_AOF_LOAD_TRUNCATED))
        return stop(p, "the file ends within a command or transaction (aof-load-truncated is no)");
    if (truncate(p->path, (off_t)at) != 0)
        return stop(p, "the file ends within a command or transaction, and cannot be cut");
    log_warning(
        "%s: its last %zu bytes are no whole command or transaction, and are cut off at byte %zu",
        p->path, p->r.n - at, at);
    return true;
}

/* Tells how far it is; true where the load is to end early, without an error. */
static bool is_stopped(struct replay *p)
{
    struct snapshot_progress *progress = &p->e->snapshot.loading;
    atomic_store(&progress->total_bytes, p->r.n);
    atomic_store(&progress->loaded_bytes, p->r.at);
    return atomic_load(&progress->stop);
}

static bool replay_records(struct replay *p)
{
    for (size_t n = 0;; n++) {
        if (n % TELL_EVERY == 0 && is_stopped(p))
            return false;
        switch (aof_read(&p->r)) {
        case AOF_NOTE:
            if (!take_note(p))
                return false;
            break;
        case AOF_COMMAND:
            if (!run_command(p))
                return false;
            break;
        case AOF_END:
            return !p->in_transaction || cut(p, p->step_at);
        case AOF_TORN:
            return cut(p, p->in_step ? p->step_at : p->r.at);
        case AOF_CORRUPT:
            return stop(p, p->r.wrong);
        }
    }
}

/* Replays what stands in the file from byte `from` on. */
static bool replay_file(struct replay *p, const struct mapped *m, size_t from)
{
    aof_reader_init(&p->r, m->p, m->n);
    p->r.next = from;
    p->in_step = p->in_transaction = false;
    p->db = 0;
    buf_clear(&p->late);
    p->session = session_new(p->e, DOOR_RESP, NULL, NULL, NULL, "", "");
    p->session->authenticated = true;
    bool ok = replay_records(p);
    session_free(p->session);
    aof_reader_release(&p->r);
    return ok;
}

/* ---- all files --------------------------------------------------------------------------------- */

/* Behind the snapshot that Redis 5 and 6 began their one log file with, commands follow; *used is where. */
static bool load_base_rdb(struct replay *p, const struct mapped *m, size_t *used)
{
    struct rdb_settings settings = rdb_settings_of(p->e->config, 0); /* nothing is due */
    settings.string_max = SIZE_MAX;
    settings.unsummed = !config_int(p->e->config, CONFIG_RDBCHECKSUM);
    return snapshot_load_head(p->e->ks, m->p, m->n, p->path, &settings, &p->e->snapshot.loading,
                              p->error, used) == SNAPSHOT_LOADED;
}

static bool begins_with_rdb(const struct mapped *m)
{
    return m->n > 5 && memcmp(m->p, "REDIS", 5) == 0;
}

static bool load_one(struct replay *p)
{
    struct mapped m;
    size_t used = 0;
    int failed = mapped_open(&m, p->path);
    if (failed) {
        buf_printf(p->error, "%s: the manifest names it: %s", p->path, strerror(failed));
        return false;
    }
    bool ok = !begins_with_rdb(&m) || load_base_rdb(p, &m, &used);
    if (ok && used < m.n)
        ok = replay_file(p, &m, used);
    mapped_close(&m);
    return ok;
}

/* Do only empty files, or none, follow file i? */
static bool is_last(const struct journal *j, size_t i)
{
    struct buf path;
    struct stat st;
    bool last = true;
    buf_init(&path);
    for (size_t k = i + 1; k < j->manifest.n && last; k++) {
        const struct manifest_file *f = &j->manifest.files[k];
        last = f->type != 'i' || stat(disk_path(&path, j->folder, f->name), &st) != 0 ||
               st.st_size == 0;
    }
    buf_release(&path);
    return last;
}

struct touch {
    uint32_t now_s;
};

/* Commands ran as of the beginning of time: what they made was used just now. */
static void touch(struct entry *e, void *ctx)
{
    const struct touch *t = ctx;
    if (e->access == 0)
        e->access = t->now_s;
}

static void touch_all(struct engine *e)
{
    struct touch t = {(uint32_t)(clock_wall_ms() / 1000)};
    for (unsigned db = 0; db < DB_COUNT; db++) {
        uint64_t cursor = 0;
        do
            cursor = keyspace_scan(e->ks, db, cursor, 1024, 0, touch, &t);
        while (cursor);
    }
}

bool journal_replay(struct engine *e, struct buf *error)
{
    struct journal *j = &e->journal;
    struct replay p = {.e = e, .error = error};
    struct buf path;
    bool ok = true;
    uint64_t began_ms = clock_wall_ms();
    atomic_store(&j->loading, true);
    capture_init(&p.reply);
    buf_init(&path);
    for (size_t i = 0; ok && i < j->manifest.n && j->manifest.files[i].type != 'h'; i++) {
        p.path = disk_path(&path, j->folder, j->manifest.files[i].name);
        p.may_be_cut = is_last(j, i);
        ok = load_one(&p);
    }
    buf_release(&path);
    capture_release(&p.reply);
    buf_release(&p.late);
    touch_all(e);
    atomic_store(&j->loading, false);
    if (ok)
        log_notice("loaded the log of writes, %llu commands, in %llu ms",
                   (unsigned long long)p.commands,
                   (unsigned long long)(clock_wall_ms() - began_ms));
    return ok;
}
