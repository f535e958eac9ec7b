#include "types/set_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

#define LENGTH_WIDE    253
#define LENGTH_OUTSIDE 254
#define WIDE_HEAD      5
#define INLINE_MAX     (SLAB_BYTES_MAX - WIDE_HEAD)

/* ---- records -----------------------------------------------------------------------------------
 */

static size_t bytes_for(size_t n)
{
    if (n < LENGTH_WIDE)
        return 1 + n;
    return WIDE_HEAD + (n <= INLINE_MAX ? n : sizeof(char *));
}

static struct bytes member_in(const uint8_t *r)
{
    uint32_t n;
    const char *p = (const char *)r + WIDE_HEAD;
    if (r[0] < LENGTH_WIDE)
        return bytes_of((const char *)r + 1, r[0]);
    memcpy(&n, r + 1, sizeof n);
    if (r[0] == LENGTH_OUTSIDE)
        memcpy(&p, r + WIDE_HEAD, sizeof p);
    return bytes_of(p, n);
}

static size_t bytes_of_record(const uint8_t *r)
{
    return bytes_for(member_in(r).n);
}

static void write_record(uint8_t *r, struct bytes member)
{
    uint32_t n = (uint32_t)member.n;
    if (member.n < LENGTH_WIDE) {
        r[0] = (uint8_t)member.n;
        if (member.n)
            memcpy(r + 1, member.p, member.n);
        return;
    }
    memcpy(r + 1, &n, sizeof n);
    if (member.n <= INLINE_MAX) {
        r[0] = LENGTH_WIDE;
        memcpy(r + WIDE_HEAD, member.p, member.n);
        return;
    }
    char *block = mem_alloc(member.n);
    memcpy(block, member.p, member.n);
    r[0] = LENGTH_OUTSIDE;
    memcpy(r + WIDE_HEAD, &block, sizeof block);
}

struct bytes set_table_member(const struct set_table *t, uint32_t handle)
{
    return member_in(compact_at(&t->records, handle));
}

static uint64_t hash_of(const void *owner, uint32_t handle)
{
    return hash_bytes(set_table_member(owner, handle));
}

static bool same_member(const void *owner, uint32_t handle, const void *key)
{
    return bytes_eq(set_table_member(owner, handle), *(const struct bytes *)key);
}

static void on_moved(void *owner, uint32_t from, uint32_t to)
{
    struct set_table *t = owner;
    handle_table_replace(&t->table, hash_of(t, to), from, to);
}

/* ---- lifetime ----------------------------------------------------------------------------------
 */

struct set_table *set_table_new(size_t expected)
{
    struct set_table *t = mem_calloc(sizeof *t);
    compact_init(&t->records, bytes_of_record, on_moved, t);
    handle_table_init(&t->table, expected, hash_of, same_member, t);
    return t;
}

static void free_outside(uint8_t *r, void *ctx)
{
    struct set_table *t = ctx;
    if (r[0] != LENGTH_OUTSIDE)
        return;
    struct bytes member = member_in(r);
    t->outside_bytes -= member.n;
    mem_free((void *)(uintptr_t)member.p);
}

void set_table_free(struct set_table *t)
{
    if (t->outside_bytes)
        compact_each(&t->records, free_outside, t);
    handle_table_release(&t->table);
    compact_release(&t->records);
    mem_free(t);
}

size_t set_table_mem_bytes(const struct set_table *t)
{
    return sizeof *t + compact_mem_bytes(&t->records) + handle_table_mem_bytes(&t->table) +
           t->outside_bytes;
}

/* ---- members -----------------------------------------------------------------------------------
 */

uint32_t set_table_find(const struct set_table *t, struct bytes member, uint64_t hash)
{
    return handle_table_find(&t->table, hash, &member);
}

void set_table_add(struct set_table *t, struct bytes member, uint64_t hash)
{
    uint32_t handle = compact_alloc(&t->records, bytes_for(member.n));
    write_record(compact_at(&t->records, handle), member);
    if (member.n > INLINE_MAX)
        t->outside_bytes += member.n;
    handle_table_insert(&t->table, hash, handle);
}

/* The record is still looked at while its handle leaves the table. */
void set_table_remove(struct set_table *t, uint32_t handle)
{
    uint8_t *r = compact_at(&t->records, handle);
    struct bytes member = member_in(r);
    bool outside = r[0] == LENGTH_OUTSIDE;
    handle_table_erase(&t->table, hash_bytes(member), handle);
    compact_free(&t->records, handle);
    if (outside) {
        t->outside_bytes -= member.n;
        mem_free((void *)(uintptr_t)member.p);
    }
    compact_tidy(&t->records, 1);
}

static void count_record(uint8_t *r, void *ctx)
{
    (void)r;
    ++*(size_t *)ctx;
}

void set_table_check(const struct set_table *t)
{
    size_t n = 0;
    handle_table_check(&t->table);
    compact_check(&t->records);
    compact_each(&t->records, count_record, &n);
    if (n != set_table_count(t))
        abort();
}
