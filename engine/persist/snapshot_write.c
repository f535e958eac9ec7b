#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "persist/crc64.h"
#include "persist/snapshot.h"

/* Keys that one call of keyspace_scan visits. */
#define SCAN_KEYS 1024
/* Bytes after which a file is synced that is synced often. */
#define SYNC_BYTES ((size_t)4 << 20)

/* ---- the file -------------------------------------------------------------------------------- */

/* Begins with the writer, so that its flush finds the rest. */
struct file {
    struct rdb_writer w;
    int fd;
    const struct snapshot_info *info;
    size_t unsynced;
    int failed; /* errno of the first failure; what follows is thrown away */
    uint64_t sum;
};

static void write_out(struct rdb_writer *w)
{
    struct file *f = (struct file *)w;
    size_t done = 0;
    if (!f->info->unsummed)
        f->sum = crc64(f->sum, w->out.p, w->out.n);
    while (done < w->out.n && !f->failed) {
        ssize_t n = write(f->fd, w->out.p + done, w->out.n - done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            f->failed = n == 0 ? ENOSPC : errno;
    }
    f->unsynced += done;
    if (f->info->sync_often && f->unsynced >= SYNC_BYTES && !f->failed) {
        f->failed = fdatasync(f->fd) == 0 ? 0 : errno;
        f->unsynced = 0;
    }
    buf_clear(&w->out);
}

static void write_aux(struct rdb_writer *w, const char *name, struct bytes value)
{
    rdb_write_byte(w, RDB_OP_AUX);
    rdb_write_string(w, bytes_str(name));
    rdb_write_string(w, value);
}

static void write_aux_number(struct rdb_writer *w, const char *name, uint64_t value)
{
    char text[NUM_INT_MAX];
    write_aux(w, name, bytes_of(text, num_format_uint(text, value)));
}

/* ---- keys ------------------------------------------------------------------------------------ */

struct writing {
    struct rdb_writer *w;
    uint64_t now_ms, keys;
};

static void write_key(struct entry *e, void *ctx)
{
    struct writing *in = ctx;
    struct rdb_writer *w = in->w;
    uint64_t deadline_ms = entry_deadline_ms(e);
    uint32_t flags = entry_client_flags(e);
    if (e->type == TYPE_HASH && hash_length(entry_object(e), in->now_ms) == 0)
        return;
    if (flags)
        write_aux_number(w, "atrium-flags", flags);
    if (deadline_ms) {
        rdb_write_byte(w, RDB_OP_EXPIRE_MS);
        rdb_write_u64(w, deadline_ms);
    }
    rdb_write_byte(w, rdb_type_of(e));
    rdb_write_string(w, entry_key(e));
    rdb_write_value(w, e, in->now_ms);
    in->keys++;
}

static void tell(struct writing *in, const struct snapshot_info *info)
{
    if (info->wrote)
        info->wrote(info->ctx, in->keys);
    in->keys = 0;
}

static void write_database(struct rdb_writer *w, struct keyspace *ks, unsigned db,
                           const struct snapshot_info *info)
{
    struct writing in = {w, info->now_ms, 0};
    size_t keys = keyspace_size(ks, db);
    uint64_t cursor = 0;
    if (!keys)
        return;
    rdb_write_byte(w, RDB_OP_SELECT);
    rdb_write_length(w, db);
    rdb_write_byte(w, RDB_OP_SIZES);
    rdb_write_length(w, keys);
    rdb_write_length(w, keyspace_volatile_size(ks, db));
    do {
        cursor = keyspace_scan(ks, db, cursor, SCAN_KEYS, info->now_ms, write_key, &in);
        tell(&in, info);
    } while (cursor);
}

static void write_all(struct file *f, struct keyspace *ks, const struct snapshot_info *info)
{
    struct rdb_writer *w = &f->w;
    size_t inner = 0;
    for (unsigned db = 0; db < DB_COUNT; db++)
        inner += keyspace_inner_size(ks, db);
    buf_printf(&w->out, "REDIS%04d", inner ? RDB_VERSION_MAX : RDB_VERSION_PLAIN);
    write_aux(w, "redis-ver", BYTES("7.0.15"));
    write_aux(w, "redis-bits", BYTES("64"));
    write_aux_number(w, "ctime", info->now_ms / 1000);
    write_aux_number(w, "used-mem", info->used_bytes);
    write_aux(w, "atrium-ver", bytes_str(info->program_version));
    for (unsigned db = 0; db < DB_COUNT; db++)
        write_database(w, ks, db, info);
    rdb_write_byte(w, RDB_OP_END);
    write_out(w);
    rdb_write_u64(w, f->sum);
    write_out(w);
}

/* ---- in its place ---------------------------------------------------------------------------- */

static int sync_folder(const char *path)
{
    char *copy = strdup(path);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int failed = fd < 0 || fsync(fd) != 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    free(copy);
    return failed;
}

/* 0, or what went wrong. */
static int write_file(struct keyspace *ks, const char *temporary, const char *path,
                      const struct snapshot_info *info)
{
    struct file f = {.w = {.flush = write_out, .plain = info->plain}, .info = info};
    f.fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (f.fd < 0)
        return errno;
    write_all(&f, ks, info);
    buf_release(&f.w.out);
    if (!f.failed && fsync(f.fd) != 0)
        f.failed = errno;
    if (close(f.fd) != 0 && !f.failed)
        f.failed = errno;
    if (!f.failed && rename(temporary, path) != 0)
        f.failed = errno;
    return f.failed ? f.failed : sync_folder(path);
}

void snapshot_temporary_name(struct buf *path, long pid)
{
    buf_printf(path, ".%ld.temp", pid);
    buf_add_char(path, '\0');
}

/* The process of "NAME.PID.temp", 0: it is no such name. */
static long stray_of(const char *entry, const char *name)
{
    size_t n = strlen(name);
    char *end;
    if (strncmp(entry, name, n) != 0 || entry[n] != '.')
        return 0;
    long pid = strtol(entry + n + 1, &end, 10);
    return pid > 0 && strcmp(end, ".temp") == 0 ? pid : 0;
}

void snapshot_remove_strays(const char *path)
{
    char *copy = strdup(path), *again = strdup(path);
    const char *name = again ? basename(again) : NULL;
    DIR *d = copy && name ? opendir(dirname(copy)) : NULL;
    for (const struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        long pid = stray_of(e->d_name, name);
        bool dead = pid && kill((pid_t)pid, 0) != 0 && errno == ESRCH;
        if (dead && unlinkat(dirfd(d), e->d_name, 0) == 0)
            log_notice("removed %s, which a save that was cut short had left", e->d_name);
    }
    if (d)
        closedir(d);
    free(copy);
    free(again);
}

bool snapshot_write(struct keyspace *ks, const char *path, const struct snapshot_info *info,
                    struct buf *error)
{
    struct buf temporary;
    buf_init(&temporary);
    buf_add_str(&temporary, path);
    snapshot_temporary_name(&temporary, getpid());
    int failed = write_file(ks, temporary.p, path, info);
    if (failed) {
        buf_printf(error, "%s: %s", path, strerror(failed));
        unlink(temporary.p);
    }
    buf_release(&temporary);
    return failed == 0;
}
