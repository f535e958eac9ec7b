#include "types/zset_tree.h"

#include <assert.h>

#include "base/hash.h"
#include "base/mem.h"

/* A record: its length's byte, which is never SLAB_FREE, the score, then one of
 *   length (< 253)  member                             the common form
 *   253             length (4 bytes), member
 *   254             length (4 bytes), block (8 bytes)  the member is in a block of its own */
#define LENGTH_WIDE    253
#define LENGTH_OUTSIDE 254
#define INLINE_MAX     (SLAB_BYTES_MAX - 8 - 5)

static size_t record_bytes(size_t n)
{
    if (n < LENGTH_WIDE)
        return 9 + n;
    return n <= INLINE_MAX ? 13 + n : 13 + sizeof(char *);
}

static char *record_at(const struct zset_tree *t, uint32_t handle)
{
    return (char *)compact_at(&t->records, handle);
}

static void record_write(char *r, struct bytes member, double score)
{
    uint32_t n = (uint32_t)member.n;
    memcpy(r + 1, &score, sizeof score);
    if (member.n < LENGTH_WIDE) {
        r[0] = (char)member.n;
        if (n)
            memcpy(r + 9, member.p, n);
        return;
    }
    memcpy(r + 9, &n, sizeof n);
    if (member.n <= INLINE_MAX) {
        r[0] = (char)LENGTH_WIDE;
        memcpy(r + 13, member.p, n);
        return;
    }
    char *block = mem_alloc(member.n);
    memcpy(block, member.p, member.n);
    r[0] = (char)LENGTH_OUTSIDE;
    memcpy(r + 13, &block, sizeof block);
}

static struct bytes record_member(const char *r)
{
    uint8_t first = (uint8_t)r[0];
    uint32_t n;
    const char *p = r + 13;
    if (first < LENGTH_WIDE)
        return bytes_of(r + 9, first);
    memcpy(&n, r + 9, sizeof n);
    if (first == LENGTH_OUTSIDE)
        memcpy(&p, r + 13, sizeof p);
    return bytes_of(p, n);
}

static size_t bytes_of_record(const uint8_t *r)
{
    return record_bytes(record_member((const char *)r).n);
}

double zset_tree_score(const struct zset_tree *t, uint32_t handle)
{
    double score;
    memcpy(&score, record_at(t, handle) + 1, sizeof score);
    return score;
}

struct bytes zset_tree_member(const struct zset_tree *t, uint32_t handle)
{
    return record_member(record_at(t, handle));
}

static struct bytes member_of(const void *owner, uint32_t handle)
{
    return zset_tree_member(owner, handle);
}

static uint64_t hash_of(const void *owner, uint32_t handle)
{
    return hash_bytes(zset_tree_member(owner, handle));
}

static bool same_member(const void *owner, uint32_t handle, const void *key)
{
    return bytes_eq(zset_tree_member(owner, handle), *(const struct bytes *)key);
}

static void on_moved(void *owner, uint32_t from, uint32_t to)
{
    struct zset_tree *t = owner;
    handle_table_replace(&t->table, hash_of(t, to), from, to);
    btree_replace(&t->tree, zset_tree_score(t, to), from, to);
}

/* ---- lifetime ------------------------------------------------------------------------------------------- */

struct zset_tree *zset_tree_new(size_t expected)
{
    struct zset_tree *t = mem_calloc(sizeof *t);
    compact_init(&t->records, bytes_of_record, on_moved, t);
    handle_table_init(&t->table, expected, hash_of, same_member, t);
    btree_init(&t->tree, member_of, t);
    return t;
}

static void free_outside(uint8_t *r, void *ctx)
{
    struct zset_tree *t = ctx;
    if (r[0] != LENGTH_OUTSIDE)
        return;
    struct bytes member = record_member((const char *)r);
    t->outside_bytes -= member.n;
    mem_free((void *)(uintptr_t)member.p);
}

void zset_tree_free(struct zset_tree *t)
{
    if (t->outside_bytes)
        compact_each(&t->records, free_outside, t);
    btree_release(&t->tree);
    handle_table_release(&t->table);
    compact_release(&t->records);
    mem_free(t);
}

void zset_tree_tidy(struct zset_tree *t, size_t writes)
{
    compact_tidy(&t->records, writes);
}

/* ---- members --------------------------------------------------------------------------------------------- */

uint32_t zset_tree_find(const struct zset_tree *t, struct bytes member)
{
    return handle_table_find(&t->table, hash_bytes(member), &member);
}

void zset_tree_add(struct zset_tree *t, struct bytes member, double score)
{
    uint32_t handle = compact_alloc(&t->records, record_bytes(member.n));
    record_write(record_at(t, handle), member, score);
    if (member.n > INLINE_MAX)
        t->outside_bytes += member.n;
    handle_table_insert(&t->table, hash_bytes(member), handle);
    btree_insert(&t->tree, score, handle);
}

void zset_tree_set_score(struct zset_tree *t, uint32_t handle, double score)
{
    btree_erase(&t->tree, zset_tree_score(t, handle), handle);
    memcpy(record_at(t, handle) + 1, &score, sizeof score);
    btree_insert(&t->tree, score, handle);
}

/* The bytes of a member outside of its record are still there when the record's size is asked for. */
void zset_tree_remove(struct zset_tree *t, uint32_t handle)
{
    uint8_t *r = compact_at(&t->records, handle);
    struct bytes member = record_member((const char *)r);
    bool outside = r[0] == LENGTH_OUTSIDE;
    btree_erase(&t->tree, zset_tree_score(t, handle), handle);
    handle_table_erase(&t->table, hash_of(t, handle), handle);
    compact_free(&t->records, handle);
    if (!outside)
        return;
    t->outside_bytes -= member.n;
    mem_free((void *)(uintptr_t)member.p);
}

size_t zset_tree_mem_bytes(const struct zset_tree *t)
{
    return sizeof *t - sizeof t->records.slab + compact_mem_bytes(&t->records) +
           handle_table_mem_bytes(&t->table) + t->tree.nodes_bytes + t->outside_bytes;
}

void zset_tree_check(const struct zset_tree *t)
{
    btree_check(&t->tree);
    handle_table_check(&t->table);
    compact_check(&t->records);
    assert(t->tree.count == handle_table_count(&t->table));
    for (struct btree_pos p = btree_select(&t->tree, 0); p.leaf; btree_next(&p)) {
        assert(zset_tree_score(t, btree_handle(&p)) == btree_score(&p));
        assert(zset_tree_find(t, zset_tree_member(t, btree_handle(&p))) == btree_handle(&p));
    }
}
