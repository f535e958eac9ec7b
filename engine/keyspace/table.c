#include "keyspace/table.h"

#include <assert.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"

#define NONE              ((struct table_pos){0})
#define MIN_BUCKETS       1
#define MAX_FULL_NUM      9 /* grown above 9/10 of the slots */
#define MAX_FULL_DEN      10
#define BUCKETS_PER_WRITE 2

static uint32_t position(uint64_t hash)
{
    return (uint32_t)(hash >> 24);
}

static uint8_t tag_of(uint64_t hash)
{
    uint8_t tag = (uint8_t)hash;
    return tag ? tag : 1;
}

static uint32_t home(const struct table_array *a, uint64_t hash)
{
    return (uint32_t)(((uint64_t)position(hash) * a->n) >> 32);
}

static uint32_t after(const struct table_array *a, uint32_t b)
{
    return b + 1 == a->n ? 0 : b + 1;
}

static struct table_array array_new(uint32_t n)
{
    struct table_array a = {.n = n};
    a.bucket = mem_alloc_pages(n * sizeof *a.bucket);
    return a;
}

static void array_free(struct table_array *a)
{
    mem_free_pages(a->bucket, a->n * sizeof *a->bucket);
    *a = (struct table_array){0};
}

void table_init(struct table *t)
{
    *t = (struct table){0};
}

void table_release(struct table *t)
{
    array_free(&t->now);
    array_free(&t->old);
    table_init(t);
}

static void set_count(struct table *t, size_t n)
{
    atomic_store_explicit(&t->count, n, memory_order_relaxed);
}

static size_t get_count(const struct table *t)
{
    return atomic_load_explicit(&t->count, memory_order_relaxed);
}

/* A bit per slot (at bit 8*slot+7) whose tag equals `tag`; false hits are possible and harmless. */
static uint64_t match_tags(const struct table_bucket *b, uint8_t tag)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    const uint64_t low = 0x0101010101010101u, high = 0x0080808080808080u;
    uint64_t word;
    memcpy(&word, b->tag,
           sizeof word); /* the eighth byte is the overflow count: masked by `high` */
    word ^= low * tag;
    return (word - low) & ~word & high;
#else
    uint64_t hits = 0;
    for (int i = 0; i < TABLE_SLOTS; i++)
        hits |= (uint64_t)(b->tag[i] == tag) << (8 * i + 7);
    return hits;
#endif
}

/* `key` NULL: the hash will do. Always inlined, so that the usual case does not ask. */
static inline __attribute__((always_inline)) struct table_pos
find_in(struct table_array *a, uint64_t hash, const struct bytes *key)
{
    if (!a->bucket)
        return NONE;
    uint8_t tag = tag_of(hash);
    uint32_t at = home(a, hash);
    for (uint32_t steps = 0; steps < a->n; steps++, at = after(a, at)) {
        const struct table_bucket *b = &a->bucket[at];
        for (uint64_t hits = match_tags(b, tag); hits; hits &= hits - 1) {
            uint32_t slot = (uint32_t)__builtin_ctzll(hits) / 8;
            struct entry *e = b->slot[slot];
            if (e && (key ? bytes_eq(entry_key(e), *key) : hash_bytes(entry_key(e)) == hash))
                return (struct table_pos){a, at, slot};
        }
        if (b->overflow == 0)
            break;
    }
    return NONE;
}

struct table_pos table_find(struct table *t, uint64_t hash, struct bytes key)
{
    struct table_pos p = find_in(&t->now, hash, &key);
    return p.array || !t->old.bucket ? p : find_in(&t->old, hash, &key);
}

struct table_pos table_find_hash(struct table *t, uint64_t hash)
{
    struct table_pos p = find_in(&t->now, hash, NULL);
    return p.array || !t->old.bucket ? p : find_in(&t->old, hash, NULL);
}

void table_prefetch(const struct table *t, uint64_t hash)
{
    if (t->now.bucket)
        __builtin_prefetch(&t->now.bucket[home(&t->now, hash)]);
}

void table_prefetch_entry(const struct table *t, uint64_t hash)
{
    if (!t->now.bucket)
        return;
    const struct table_bucket *b = &t->now.bucket[home(&t->now, hash)];
    for (uint64_t hits = match_tags(b, tag_of(hash)); hits; hits &= hits - 1)
        __builtin_prefetch(b->slot[__builtin_ctzll(hits) / 8]);
}

void table_replace(struct table_pos *p, struct entry *e)
{
    p->array->bucket[p->bucket].slot[p->slot] = e;
}

/* ---- placing and taking --------------------------------------------------------------------- */

static int free_slot(const struct table_bucket *b)
{
    for (int i = 0; i < TABLE_SLOTS; i++) {
        if (!b->tag[i])
            return i;
    }
    return -1;
}

/* The array has a free slot somewhere. */
static void place(struct table_array *a, uint64_t hash, struct entry *e)
{
    uint32_t at = home(a, hash);
    for (;;) {
        struct table_bucket *b = &a->bucket[at];
        int slot = free_slot(b);
        if (slot >= 0) {
            b->slot[slot] = e;
            b->tag[slot] = tag_of(hash);
            return;
        }
        if (b->overflow < 255)
            b->overflow++;
        at = after(a, at);
    }
}

/* Empties a slot and takes back the overflow counts on the way from the entry's home. */
static void take(struct table_array *a, uint32_t bucket, uint32_t slot, uint64_t hash)
{
    a->bucket[bucket].slot[slot] = NULL;
    a->bucket[bucket].tag[slot] = 0;
    for (uint32_t at = home(a, hash); at != bucket; at = after(a, at)) {
        if (a->bucket[at].overflow < 255)
            a->bucket[at].overflow--;
    }
}

/* ---- resizing -------------------------------------------------------------------------------- */

static size_t slots_allowed(uint32_t buckets)
{
    return (size_t)buckets * TABLE_SLOTS * MAX_FULL_NUM / MAX_FULL_DEN;
}

static void prefetch_bucket(const struct table_array *a, uint32_t b)
{
    if (b >= a->n)
        return;
    for (int i = 0; i < TABLE_SLOTS; i++)
        __builtin_prefetch(a->bucket[b].slot[i]);
}

/* Moves some old buckets over; ends the resize when none is left. */
static void move_some(struct table *t, uint32_t buckets)
{
    for (; t->old.bucket && buckets; buckets--) {
        struct table_bucket *b = &t->old.bucket[t->moved];
        for (int i = 0; i < TABLE_SLOTS; i++) {
            if (!b->slot[i])
                continue;
            place(&t->now, hash_bytes(entry_key(b->slot[i])), b->slot[i]);
            b->slot[i] = NULL;
            b->tag[i] = 0;
        }
        if (++t->moved == t->old.n) {
            array_free(&t->old);
        }
    }
    if (t->old.bucket) {
        for (uint32_t i = 0; i < BUCKETS_PER_WRITE; i++)
            prefetch_bucket(&t->old, t->moved + i);
    }
}

static void start_resize(struct table *t, uint32_t n)
{
    if (t->old.bucket)
        move_some(t, UINT32_MAX);
    t->old = t->now;
    t->moved = 0;
    t->now = array_new(n);
    if (!t->old.bucket)
        return;
    if (t->old.n <= 8)
        move_some(t, UINT32_MAX);
}

void table_settle(struct table *t, uint32_t buckets)
{
    if (t->old.bucket)
        move_some(t, buckets);
}

/* The least number of buckets that is at least n and fills a size class: 1 2 3 4 5 6 7 8 10 12 14 16 20 ... */
static uint32_t round_up(uint32_t n)
{
    if (n <= 8)
        return n;
    uint32_t step = 1u << (31 - __builtin_clz(n - 1) - 2);
    return (n + step - 1) & ~(step - 1);
}

void table_insert(struct table *t, uint64_t hash, struct entry *e)
{
    if (!t->now.bucket)
        t->now = array_new(MIN_BUCKETS);
    if (t->old.bucket)
        move_some(t, BUCKETS_PER_WRITE);
    if (get_count(t) + 1 > slots_allowed(t->now.n))
        start_resize(t, round_up(t->now.n + 1));
    place(&t->now, hash, e);
    set_count(t, get_count(t) + 1);
}

void table_reserve(struct table *t, size_t n)
{
    if (t->now.bucket || n == 0 || n > UINT32_MAX)
        return;
    t->now = array_new(round_up((uint32_t)(n * MAX_FULL_DEN / (TABLE_SLOTS * MAX_FULL_NUM)) + 1));
}

/* Below a fifth full the table shrinks to about two thirds full. */
static void maybe_shrink(struct table *t)
{
    size_t count = get_count(t);
    if (t->old.bucket || t->now.n <= 8 || count * 5 > (size_t)t->now.n * TABLE_SLOTS)
        return;
    start_resize(t, round_up((uint32_t)(count * 3 / (2 * TABLE_SLOTS)) + MIN_BUCKETS));
}

void table_erase(struct table *t, struct table_pos *p, uint64_t hash)
{
    take(p->array, p->bucket, p->slot, hash);
    set_count(t, get_count(t) - 1);
    if (t->old.bucket)
        move_some(t, BUCKETS_PER_WRITE);
    maybe_shrink(t);
}

/* ---- whole-table work ------------------------------------------------------------------------ */

/* Visits the entries of `a` whose position is in [from, to). */
static void scan_range(const struct table_array *a, uint64_t from, uint64_t to, table_visit *visit,
                       void *ctx)
{
    if (!a->bucket)
        return;
    uint32_t at = (uint32_t)((from * a->n) >> 32), last = (uint32_t)(((to - 1) * a->n) >> 32);
    uint32_t span = last - at + 1;
    for (uint32_t steps = 0; steps < a->n; steps++, at = after(a, at)) {
        const struct table_bucket *b = &a->bucket[at];
        for (int i = 0; i < TABLE_SLOTS; i++) {
            if (!b->slot[i])
                continue;
            uint32_t pos = position(hash_bytes(entry_key(b->slot[i])));
            if (pos >= from && pos < to)
                visit(b->slot[i], ctx);
        }
        if (steps + 1 >= span && b->overflow == 0)
            break;
    }
}

uint64_t table_scan(struct table *t, uint64_t at, table_visit *visit, void *ctx)
{
    const uint64_t end = (uint64_t)1 << 32;
    if (!t->now.bucket || at >= end)
        return 0;
    uint64_t bucket = (at * t->now.n) >> 32;
    uint64_t to = ((bucket + 1) * end + t->now.n - 1) / t->now.n; /* the first of the next bucket */
    if (to > end)
        to = end;
    scan_range(&t->now, at, to, visit, ctx);
    scan_range(&t->old, at, to, visit, ctx);
    return to == end ? 0 : to;
}

/* Every slot is drawn with the same chance, so every entry is. */
struct entry *table_random(struct table *t)
{
    if (get_count(t) == 0)
        return NULL;
    uint64_t slots = ((uint64_t)t->now.n + t->old.n) * TABLE_SLOTS;
    for (;;) {
        uint64_t r = rng_below(slots);
        uint64_t bucket = r / TABLE_SLOTS;
        const struct table_array *a = bucket < t->now.n ? &t->now : &t->old;
        struct entry *e =
            a->bucket[a == &t->now ? bucket : bucket - t->now.n].slot[r % TABLE_SLOTS];
        if (e)
            return e;
    }
}

size_t table_mem_bytes(const struct table *t)
{
    return ((size_t)t->now.n + t->old.n) * sizeof(struct table_bucket);
}

static size_t check_array(struct table *t, struct table_array *a)
{
    size_t count = 0;
    for (uint32_t b = 0; b < a->n; b++) {
        for (int i = 0; i < TABLE_SLOTS; i++) {
            struct entry *e = a->bucket[b].slot[i];
            assert(!!e == !!a->bucket[b].tag[i]);
            if (!e)
                continue;
            uint64_t hash = hash_bytes(entry_key(e));
            struct table_pos p = table_find(t, hash, entry_key(e));
            assert(p.array == a && table_at(&p) == e);
            assert(a->bucket[b].tag[i] == tag_of(hash));
            count++;
        }
    }
    return count;
}

void table_check(struct table *t)
{
    size_t count = check_array(t, &t->now) + check_array(t, &t->old);
    assert(count == get_count(t));
    assert(!t->now.bucket || count <= (size_t)t->now.n * TABLE_SLOTS);
}
