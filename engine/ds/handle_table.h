/* A hash set of 32-bit handles: the index over records that live elsewhere (a slab).
 *
 * Buckets are one cache line: 12 handles, 12 tag bytes (8 bits of the hash, 0 = free) and a count
 * of handles that wanted this bucket and had to go on (F14's overflow count, Bronson and Shi 2019),
 * so that a miss stops at the first bucket that never overflowed. Buckets are ordered by hash: home
 * = (position * buckets) >> 32, where position is the hash's upper 32 bits. Any number of buckets
 * will do: the table grows by a quarter and stays 70 to 87% full, 6 to 8 bytes a handle. A scan's
 * cursor is a position, good across every resize: a handle that is there for the whole scan is
 * visited exactly once.
 *
 * A resize is incremental: each insert or erase moves a few old buckets; while it is under way a
 * look-up reads the new buckets, then the old ones. The hash of a handle is asked from the owner
 * (hash_of).
 *
 * Invariants (handle_table_check): count = occupied slots of both arrays; a handle is reachable
 * from its home through buckets with an overflow count > 0; its tag is its hash's; old buckets
 * below `moved` are empty. Complexity: O(1); a growth step allocates the new array at once. Handles
 * are not 0. Thread rule: one owner. */
#ifndef ATRIUM_DS_HANDLE_TABLE_H
#define ATRIUM_DS_HANDLE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HANDLE_SLOTS 12

struct handle_bucket {
    uint32_t slot[HANDLE_SLOTS];
    uint8_t tag[HANDLE_SLOTS];
    uint8_t overflow; /* saturates at 255 and then stays */
    uint8_t spare[3];
};

struct handle_array {
    struct handle_bucket *bucket;
    uint32_t n;
};

/* The hash under which the owner's record was inserted. */
typedef uint64_t handle_hash(const void *owner, uint32_t handle);
/* Is this the record of `key`? */
typedef bool handle_equal(const void *owner, uint32_t handle, const void *key);
typedef void handle_visit(uint32_t handle, void *ctx);

struct handle_table {
    struct handle_array now, old; /* old.n is 0 where no resize is under way */
    uint32_t moved;               /* old buckets below it are empty */
    size_t count;
    handle_hash *hash_of;
    handle_equal *equal;
    const void *owner;
};

/* `expected` handles find room without a resize. */
void handle_table_init(struct handle_table *t, size_t expected, handle_hash *hash_of,
                       handle_equal *equal, const void *owner);
void handle_table_release(struct handle_table *t);

static inline size_t handle_table_count(const struct handle_table *t)
{
    return t->count;
}

/* 0 where missing. */
uint32_t handle_table_find(const struct handle_table *t, uint64_t hash, const void *key);
/* The key is not there. The record is in place already. */
void handle_table_insert(struct handle_table *t, uint64_t hash, uint32_t handle);
/* `handle` is there; `by` has the same key. Neither record is looked at. */
void handle_table_replace(struct handle_table *t, uint64_t hash, uint32_t handle, uint32_t by);
/* `handle` is there; its record is still in place. */
void handle_table_erase(struct handle_table *t, uint64_t hash, uint32_t handle);

/* Visits the handles whose position lies in the bucket at `cursor` (0 to begin); the next cursor, 0
 * at the end. visit may not write to the table, nor touch the records' keys. */
uint64_t handle_table_scan(const struct handle_table *t, uint64_t cursor, handle_visit *visit,
                           void *ctx);
/* Visits the handles of the `at`-th bucket (0 to begin); the next bucket, 0 at the end. Cheaper
 * than a scan, since no hash is asked: the records may be gone. No write to the table until the
 * end. */
uint64_t handle_table_walk(const struct handle_table *t, uint64_t at, handle_visit *visit,
                           void *ctx);
/* Any handle, all equally likely; 0 where empty. */
uint32_t handle_table_random(const struct handle_table *t);

size_t handle_table_mem_bytes(const struct handle_table *t);
/* Aborts where an invariant is broken (tests). O(count). */
void handle_table_check(const struct handle_table *t);

#endif
