/* Snapshots: the whole keyspace as an RDB file that redis-server 7.0 loads, and from such a file.
 *
 *   "REDIS0010", aux fields, then for each database with keys: select, sizes, keys; end, u64 LE crc64
 *   key: [aux client flags] [deadline in ms] type, name, value
 *
 * The version is 12 where a hash has fields with deadlines, as Redis 7.4 writes them. memcached's flags of an item
 * go before its key as an aux field, "atrium-flags", which Redis passes over.
 *
 * A file is written beside its place, synced, renamed, and the folder synced: whatever happens, there is the old
 * snapshot or the new one. A file is loaded in full or not at all: the program does not go on with a part. */
#ifndef ATRIUM_PERSIST_SNAPSHOT_H
#define ATRIUM_PERSIST_SNAPSHOT_H

#include <stdatomic.h>

#include "keyspace/keyspace.h"
#include "persist/rdb_value.h"

struct snapshot_info {
    const char *program_version; /* for the aux fields */
    uint64_t now_ms;             /* keys that are due by then are left out */
    size_t used_bytes;           /* of memory */
    bool plain;                  /* strings are not compressed */
    bool unsummed;               /* there is no checksum */
    bool sync_often;             /* every 4 MiB, so that the end is not one long wait */
    void (*wrote)(
        void *ctx,
        uint64_t keys); /* called now and then with how many more were written; may be NULL */
    void *ctx;
};

/* Writes all keys to `path`. The gate is closed, or this is a child of a fork that was made so. False: `error` says why,
 * and what was at `path` is still there. Bounded memory, but for LZF of a long string. */
bool snapshot_write(struct keyspace *ks, const char *path, const struct snapshot_info *info,
                    struct buf *error);

/* Makes of `path` the name, ended by NUL, under which process `pid` writes it. */
void snapshot_temporary_name(struct buf *path, long pid);

/* Removes what processes that are no more have left under such names. */
void snapshot_remove_strays(const char *path);

enum snapshot_result { SNAPSHOT_LOADED, SNAPSHOT_MISSING, SNAPSHOT_BAD, SNAPSHOT_STOPPED };

/* How far a load is; others may look on, and stop it. */
struct snapshot_progress {
    _Atomic uint64_t total_bytes, loaded_bytes;
    _Atomic uint64_t keys, due_keys; /* added; left out, as their deadlines have passed */
    _Atomic uint64_t writer_bytes;   /* of memory that the writer had in use, as the file says */
    _Atomic bool stop;
};

/* Adds the keys of the file to an empty keyspace, whose keys nobody else touches meanwhile. BAD: `error` names the file,
 * the byte and what is wrong there, and the keys so far are there. Functions and modules' own data are passed over with
 * a warning; a key with a module's value is BAD. Memory is in proportion to the file: at most RDB_MEMORY_FACTOR times its
 * bytes, beside tables of RDB_MEMORY_FIXED. */
enum snapshot_result snapshot_load(struct keyspace *ks, const char *path,
                                   const struct rdb_settings *settings,
                                   struct snapshot_progress *progress, struct buf *error);
/* The same of n bytes; `path` is what `error` names. */
enum snapshot_result snapshot_load_bytes(struct keyspace *ks, const void *p, size_t n,
                                         const char *path, const struct rdb_settings *settings,
                                         struct snapshot_progress *progress, struct buf *error);
/* The same where something else may follow, as the commands of a log of Redis 5 or 6: *used is where that begins. */
enum snapshot_result snapshot_load_head(struct keyspace *ks, const void *p, size_t n,
                                        const char *path, const struct rdb_settings *settings,
                                        struct snapshot_progress *progress, struct buf *error,
                                        size_t *used);
#define RDB_MEMORY_FACTOR 512
#define RDB_MEMORY_FIXED  ((size_t)64 << 20)

#endif
