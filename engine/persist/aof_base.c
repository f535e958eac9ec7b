#include "persist/aof_base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/num.h"
#include "persist/aof_record.h"
#include "persist/disk.h"
#include "persist/rdb_value.h"
#include "types/hash.h"

#define FLUSH_BYTES (1024 * 1024)
#define SCAN_KEYS   1024

void aof_base_encode(struct buf *out, const struct entry *e, uint64_t now_ms)
{
    char scratch[NUM_INT_MAX], when[NUM_INT_MAX];
    uint64_t deadline_ms = entry_deadline_ms(e);
    struct bytes at = bytes_of(when, num_format_uint(when, deadline_ms));
    struct buf dump;
    if (e->type == TYPE_STRING) {
        uint32_t flags = entry_client_flags(e);
        struct bytes argv[] = {BYTES("SET"), entry_key(e), entry_string(e, scratch), BYTES("PXAT"),
                               at};
        if (flags)
            buf_printf(out, "#atrium-flags %u\r\n", flags);
        aof_encode(out, argv, deadline_ms ? 5 : 3);
        return;
    }
    buf_init(&dump);
    rdb_dump(&dump, e, now_ms);
    struct bytes argv[] = {BYTES("RESTORE"), entry_key(e),     at,
                           buf_bytes(&dump), BYTES("REPLACE"), BYTES("ABSTTL")};
    aof_encode(out, argv, 6);
    buf_release(&dump);
}

struct base {
    struct buf out;
    int fd, failed;
    uint64_t now_ms;
};

static void flush(struct base *b)
{
    size_t n = b->out.n;
    if (!n || b->failed)
        return;
    aof_encode_sum(&b->out, b->out.p, n);
    b->failed = disk_append(b->fd, b->out.p, b->out.n, NULL);
    buf_clear(&b->out);
}

static void write_key(struct entry *e, void *ctx)
{
    struct base *b = ctx;
    if (e->type == TYPE_HASH && hash_length(entry_object(e), b->now_ms) == 0)
        return;
    aof_base_encode(&b->out, e, b->now_ms);
    if (b->out.n >= FLUSH_BYTES)
        flush(b);
}

static void write_all(struct base *b, struct keyspace *ks)
{
    for (unsigned db = 0; db < DB_COUNT; db++) {
        uint64_t cursor = 0;
        if (keyspace_size(ks, db))
            aof_encode_select(&b->out, db);
        do
            cursor = keyspace_scan(ks, db, cursor, SCAN_KEYS, b->now_ms, write_key, b);
        while (cursor);
    }
    flush(b);
}

static int write_file(struct keyspace *ks, const char *temporary, uint64_t now_ms)
{
    struct base b = {.now_ms = now_ms};
    b.fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (b.fd < 0)
        return errno;
    write_all(&b, ks);
    buf_release(&b.out);
    if (!b.failed && fsync(b.fd) != 0)
        b.failed = errno;
    if (close(b.fd) != 0 && !b.failed)
        b.failed = errno;
    return b.failed;
}

bool aof_base_write(struct keyspace *ks, const char *folder, const char *name, uint64_t now_ms,
                    struct buf *error)
{
    struct buf path, temporary;
    buf_init(&path);
    buf_init(&temporary);
    disk_path(&path, folder, name);
    buf_printf(&temporary, "%s/temp-%s", folder, name);
    buf_add_char(&temporary, '\0');
    int failed = write_file(ks, temporary.p, now_ms);
    if (!failed && rename(temporary.p, path.p) != 0)
        failed = errno;
    if (!failed)
        failed = disk_sync_folder(folder);
    if (failed) {
        unlink(temporary.p);
        buf_printf(error, "%s: %s", path.p, strerror(failed));
    }
    buf_release(&path);
    buf_release(&temporary);
    return !failed;
}
