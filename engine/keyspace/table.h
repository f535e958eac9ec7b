/* The table of one shard and database: entries by key hash.
 *
 * Buckets are one cache line: 7 entry pointers, 7 tag bytes (8 bits of the hash each, 0 = free) and a count
 * of entries that wanted this bucket and had to go on (F14's overflow count, Bronson and Shi 2019), so a
 * miss stops at the first bucket that never overflowed. Buckets are ordered by hash: home = (position
 * * buckets) >> 32, position = 32 bits of the hash. Two things follow:
 *  - any number of buckets will do, so the table grows by a quarter to a fifth, to the next size class of the
 *    allocator (four a doubling), wastes nothing of it and stays 72 to 90% full;
 *  - a scan's cursor is a position, which stays good across every resize: no entry that is there for the
 *    whole scan is missed, and none is returned twice but where a shrink moves it.
 *
 * A resize is incremental: each write moves one old bucket, whose entries were prefetched by the write
 * before. While one is under way a look-up reads the new buckets, then the old ones.
 *
 * Invariants (table_check): count = occupied slots of both arrays; an entry is reachable from its home
 * bucket through buckets with an overflow count > 0; its tag is its hash's.
 * Thread rule: the shard's lock; count may be read without it (relaxed). */
#ifndef ATRIUM_KEYSPACE_TABLE_H
#define ATRIUM_KEYSPACE_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keyspace/entry.h"

#define TABLE_SLOTS 7

struct table_bucket {
    struct entry *slot[TABLE_SLOTS];
    uint8_t tag[TABLE_SLOTS];
    uint8_t overflow; /* saturates at 255 and then stays */
};

struct table_array {
    struct table_bucket *bucket;
    uint32_t n;
};

struct table {
    struct table_array now, old; /* old.bucket is NULL where no resize is under way */
    uint32_t moved;              /* old buckets below it are empty */
    _Atomic size_t count;
};

/* Where an entry was found: valid until the next write to the table. */
struct table_pos {
    struct table_array *array; /* NULL: not found */
    uint32_t bucket;
    uint32_t slot;
};

void table_init(struct table *t);
/* Frees the arrays; the entries are the caller's. */
void table_release(struct table *t);

static inline struct entry *table_at(const struct table_pos *p)
{
    return p->array->bucket[p->bucket].slot[p->slot];
}

/* Looks `key` up by its hash. O(1). */
struct table_pos table_find(struct table *t, uint64_t hash, struct bytes key);
/* An entry whose key has this hash: the one that had it, in all likelihood. O(1). */
struct table_pos table_find_hash(struct table *t, uint64_t hash);
/* Adds an entry whose key is not there. */
void table_insert(struct table *t, uint64_t hash, struct entry *e);
/* Makes room for n entries at once, where the table is empty: a hint. */
void table_reserve(struct table *t, size_t n);
/* Puts another entry of the same key in the place. */
void table_replace(struct table_pos *p, struct entry *e);
void table_erase(struct table *t, struct table_pos *p, uint64_t hash);
/* Goes on with a resize that is under way, by up to `buckets` old ones: a table that nobody writes to any more
 * shall not keep both arrays. */
void table_settle(struct table *t, uint32_t buckets);
/* Hints the processor to fetch the bucket of `hash`; and, once that is there, the entries that may be the one. */
void table_prefetch(const struct table *t, uint64_t hash);
void table_prefetch_entry(const struct table *t, uint64_t hash);

/* Calls visit for each entry of the bucket at position `at` and returns the next position, or 0 at the
 * end. visit may not write to the table. */
typedef void table_visit(struct entry *e, void *ctx);
uint64_t table_scan(struct table *t, uint64_t at, table_visit *visit, void *ctx);
/* A random entry, NULL where empty. Fair to within the spread of bucket fill. */
struct entry *table_random(struct table *t);
/* Bytes of the arrays. */
size_t table_mem_bytes(const struct table *t);
void table_check(struct table *t);

#endif
