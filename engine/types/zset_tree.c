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

/* The slab is worth moving from when it has as many chunks, most of them free. */
#define MOVE_CHUNKS_MIN 4
/* Blocks looked at with each write while records move. */
#define MOVE_BLOCKS 16

#define SIDE 0x80000000u

static size_t record_bytes(size_t n)
{
    if (n < LENGTH_WIDE)
        return 9 + n;
    return n <= INLINE_MAX ? 13 + n : 13 + sizeof(char *);
}

static struct slab *slab_of(struct zset_tree *t, uint32_t handle)
{
    return (handle & SIDE) == t->side ? &t->slab : t->old;
}

static char *record_at(const struct zset_tree *t, uint32_t handle)
{
    const struct slab *s = (handle & SIDE) == t->side ? &t->slab : t->old;
    return slab_at(s, handle & ~SIDE);
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

/* ---- lifetime ------------------------------------------------------------------------------------------- */

struct zset_tree *zset_tree_new(size_t expected)
{
    struct zset_tree *t = mem_calloc(sizeof *t);
    slab_init(&t->slab);
    handle_table_init(&t->table, expected, hash_of, same_member, t);
    btree_init(&t->tree, member_of, t);
    return t;
}

static void drop_old(struct zset_tree *t)
{
    if (!t->old)
        return;
    slab_release(t->old);
    mem_free(t->old);
    t->old = NULL;
}

static void free_outside(struct zset_tree *t, uint32_t handle)
{
    const char *r = record_at(t, handle);
    if ((uint8_t)r[0] != LENGTH_OUTSIDE)
        return;
    struct bytes member = record_member(r);
    t->outside_bytes -= member.n;
    mem_free((void *)(uintptr_t)member.p);
}

void zset_tree_free(struct zset_tree *t)
{
    if (t->outside_bytes) {
        for (struct btree_pos p = btree_select(&t->tree, 0); p.leaf; btree_next(&p))
            free_outside(t, btree_handle(&p));
    }
    btree_release(&t->tree);
    handle_table_release(&t->table);
    slab_release(&t->slab);
    drop_old(t);
    mem_free(t);
}

/* ---- moving to a new slab --------------------------------------------------------------------------------- */

static void start_moving(struct zset_tree *t)
{
    t->old = mem_alloc(sizeof *t->old);
    *t->old = t->slab;
    slab_init(&t->slab);
    t->side ^= SIDE;
    t->moved = 1;
}

static void move_record(struct zset_tree *t, uint32_t from)
{
    uint32_t old = from | (t->side ^ SIDE);
    size_t n = record_bytes(zset_tree_member(t, old).n);
    uint32_t handle = slab_alloc(&t->slab, n) | t->side;
    memcpy(record_at(t, handle), record_at(t, old), n);
    handle_table_replace(&t->table, hash_of(t, handle), old, handle);
    btree_replace(&t->tree, zset_tree_score(t, handle), old, handle);
}

/* Takes one block of the old slab, free or not, and gives back the chunk that ends with it. */
static void move_block(struct zset_tree *t)
{
    uint32_t at = t->moved, chunk = at / SLAB_CHUNK_UNITS;
    uint32_t units = slab_free_block(t->old, at);
    if (units == 0) {
        size_t n = record_bytes(record_member(slab_at(t->old, at)).n);
        units = (uint32_t)((n + SLAB_UNIT - 1) / SLAB_UNIT);
        move_record(t, at);
    }
    t->moved += units;
    if (t->moved / SLAB_CHUNK_UNITS != chunk)
        slab_drop_chunk(t->old, chunk);
}

void zset_tree_tidy(struct zset_tree *t, size_t writes)
{
    const struct slab *s = &t->slab;
    if (!t->old && s->chunks >= MOVE_CHUNKS_MIN && s->free_units > s->used_units)
        start_moving(t);
    if (!t->old)
        return;
    for (size_t left = writes + MOVE_BLOCKS; left && t->moved < t->old->top; left--)
        move_block(t);
    if (t->moved >= t->old->top)
        drop_old(t);
}

/* ---- members --------------------------------------------------------------------------------------------- */

uint32_t zset_tree_find(const struct zset_tree *t, struct bytes member)
{
    return handle_table_find(&t->table, hash_bytes(member), &member);
}

void zset_tree_add(struct zset_tree *t, struct bytes member, double score)
{
    uint32_t handle = slab_alloc(&t->slab, record_bytes(member.n)) | t->side;
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

void zset_tree_remove(struct zset_tree *t, uint32_t handle)
{
    size_t n = zset_tree_member(t, handle).n;
    btree_erase(&t->tree, zset_tree_score(t, handle), handle);
    handle_table_erase(&t->table, hash_of(t, handle), handle);
    free_outside(t, handle);
    slab_free(slab_of(t, handle), handle & ~SIDE, record_bytes(n));
}

size_t zset_tree_mem_bytes(const struct zset_tree *t)
{
    return sizeof *t - sizeof t->slab + slab_mem_bytes(&t->slab) +
           (t->old ? slab_mem_bytes(t->old) : 0) + handle_table_mem_bytes(&t->table) +
           t->tree.nodes_bytes + t->outside_bytes;
}

void zset_tree_check(const struct zset_tree *t)
{
    btree_check(&t->tree);
    handle_table_check(&t->table);
    slab_check(&t->slab);
    assert(t->tree.count == handle_table_count(&t->table));
    for (struct btree_pos p = btree_select(&t->tree, 0); p.leaf; btree_next(&p)) {
        assert(zset_tree_score(t, btree_handle(&p)) == btree_score(&p));
        assert(zset_tree_find(t, zset_tree_member(t, btree_handle(&p))) == btree_handle(&p));
        assert((btree_handle(&p) & SIDE) == t->side || (btree_handle(&p) & ~SIDE) >= t->moved);
    }
}
