#include "tools/rdb_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "persist/crc64.h"
#include "persist/disk.h"
#include "persist/rdb.h"
#include "persist/rdb_write.h"

#define FOOTER_BYTES 10

/* ---- primitives, by the writer of persist/ ---------------------------------------------------- */

static void add_byte(struct rdb_sink *s, unsigned byte)
{
    buf_add_char(&s->out, (char)byte);
}

static void add_length(struct rdb_sink *s, uint64_t n)
{
    struct rdb_writer w = {.out = s->out};
    rdb_write_length(&w, n);
    s->out = w.out;
}

static void add_u64(struct rdb_sink *s, uint64_t v)
{
    struct rdb_writer w = {.out = s->out};
    rdb_write_u64(&w, v);
    s->out = w.out;
}

static void write_out(struct rdb_sink *s)
{
    s->sum = crc64(s->sum, s->out.p, s->out.n);
    if (!s->failed)
        s->failed = disk_append(s->fd, s->out.p, s->out.n, NULL);
    buf_clear(&s->out);
}

/* ---- the file --------------------------------------------------------------------------------- */

int rdb_sink_open(struct rdb_sink *s, const char *path)
{
    *s = (struct rdb_sink){.path = path, .db = -1};
    buf_printf(&s->temporary, "%s.%ld.temp", path, (long)getpid());
    buf_add_char(&s->temporary, '\0');
    s->fd = open(s->temporary.p, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
    if (s->fd < 0) {
        int failed = errno;
        buf_release(&s->temporary);
        return failed;
    }
    buf_printf(&s->out, "REDIS%04d", RDB_VERSION_MAX);
    return 0;
}

void rdb_sink_select(struct rdb_sink *s, int64_t db)
{
    if (db == s->db)
        return;
    s->db = db;
    add_byte(s, RDB_OP_SELECT);
    add_length(s, (uint64_t)db);
}

void rdb_sink_put(struct rdb_sink *s, struct bytes key, uint64_t deadline_ms, struct bytes payload)
{
    if (payload.n <= FOOTER_BYTES)
        return;
    if (deadline_ms) {
        add_byte(s, RDB_OP_EXPIRE_MS);
        add_u64(s, deadline_ms);
    }
    buf_add(&s->out, payload.p, 1);
    add_length(s, key.n);
    buf_add_bytes(&s->out, key);
    buf_add(&s->out, payload.p + 1, payload.n - 1 - FOOTER_BYTES);
    if (s->out.n >= RDB_FLUSH_BYTES)
        write_out(s);
}

static int finish(struct rdb_sink *s)
{
    add_byte(s, RDB_OP_END);
    write_out(s);
    add_u64(s, s->sum);
    write_out(s);
    if (!s->failed && fsync(s->fd) != 0)
        s->failed = errno;
    if (!s->failed && rename(s->temporary.p, s->path) != 0)
        s->failed = errno;
    if (s->failed)
        return s->failed;
    struct buf folder;
    const char *slash = strrchr(s->path, '/');
    buf_init(&folder);
    buf_add(&folder, slash ? s->path : ".", slash ? (size_t)(slash - s->path) + 1 : 1);
    buf_add_char(&folder, '\0');
    s->failed = disk_sync_folder(folder.p);
    buf_release(&folder);
    return s->failed;
}

int rdb_sink_close(struct rdb_sink *s, bool whole)
{
    int failed = whole ? finish(s) : 0;
    if (s->fd >= 0)
        close(s->fd);
    if (!whole || failed)
        unlink(s->temporary.p);
    buf_release(&s->out);
    buf_release(&s->temporary);
    return failed;
}
