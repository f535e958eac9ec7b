#include "ds/handle_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

/* Fill in percent: above FULL it grows, to GROWN; below EMPTY it shrinks, to GROWN. */
#define FULL  87u
#define GROWN 70u
#define EMPTY 25u

static uint8_t tag_of(uint64_t hash)
{
    uint8_t tag = (uint8_t)hash;
    return tag != 0 ? tag : 1;
}

static uint32_t position_of(uint64_t hash)
{
    return (uint32_t)(hash >> 32);
}

static uint32_t home_of(const struct handle_array *a, uint32_t position)
{
    return (uint32_t)(((uint64_t)position * a->n) >> 32);
}

/* The first position whose home is bucket b or later. */
static uint64_t begin_of(const struct handle_array *a, uint64_t b)
{
    return ((b << 32) + a->n - 1) / a->n;
}

static uint32_t next_bucket(const struct handle_array *a, uint32_t b)
{
    return b + 1 == a->n ? 0 : b + 1;
}

static void make_array(struct handle_array *a, uint64_t buckets)
{
    if (buckets >= UINT32_MAX)
        mem_exhausted(buckets * sizeof *a->bucket);
    a->n = (uint32_t)buckets;
    a->bucket = mem_alloc_aligned(64, a->n * sizeof *a->bucket);
    memset(a->bucket, 0, a->n * sizeof *a->bucket);
}

static void free_array(struct handle_array *a)
{
    mem_free(a->bucket);
    *a = (struct handle_array){NULL, 0};
}

static uint64_t buckets_for(size_t count, unsigned percent)
{
    return (uint64_t)count * 100 / (HANDLE_SLOTS * percent) + 1;
}

void handle_table_init(struct handle_table *t, size_t expected, handle_hash *hash_of,
                       handle_equal *equal, const void *owner)
{
    *t = (struct handle_table){.hash_of = hash_of, .equal = equal, .owner = owner};
    make_array(&t->now, buckets_for(expected, FULL - 2));
}

void handle_table_release(struct handle_table *t)
{
    free_array(&t->now);
    free_array(&t->old);
    t->count = 0;
}

/* ---- one array --------------------------------------------------------------------------------
 */

static uint32_t find_in(const struct handle_table *t, const struct handle_array *a, uint64_t hash,
                        const void *key)
{
    uint8_t tag = tag_of(hash);
    uint32_t b = home_of(a, position_of(hash));
    for (uint32_t steps = 0; steps < a->n; steps++, b = next_bucket(a, b)) {
        const struct handle_bucket *k = &a->bucket[b];
        for (unsigned i = 0; i < HANDLE_SLOTS; i++)
            if (k->tag[i] == tag && t->equal(t->owner, k->slot[i], key))
                return k->slot[i];
        if (k->overflow == 0)
            break;
    }
    return 0;
}

static uint32_t *find_handle(const struct handle_array *a, uint64_t hash, uint32_t handle,
                             uint32_t *bucket)
{
    uint32_t b = home_of(a, position_of(hash));
    for (uint32_t steps = 0; steps < a->n; steps++, b = next_bucket(a, b)) {
        struct handle_bucket *k = &a->bucket[b];
        for (unsigned i = 0; i < HANDLE_SLOTS; i++) {
            if (k->tag[i] != 0 && k->slot[i] == handle) {
                *bucket = b;
                return &k->slot[i];
            }
        }
        if (k->overflow == 0)
            break;
    }
    return NULL;
}

/* There is a free slot somewhere. */
static void put_in(struct handle_array *a, uint64_t hash, uint32_t handle)
{
    for (uint32_t b = home_of(a, position_of(hash));; b = next_bucket(a, b)) {
        struct handle_bucket *k = &a->bucket[b];
        for (unsigned i = 0; i < HANDLE_SLOTS; i++) {
            if (k->tag[i] == 0) {
                k->tag[i] = tag_of(hash);
                k->slot[i] = handle;
                return;
            }
        }
        if (k->overflow < UINT8_MAX)
            k->overflow++;
    }
}

static bool take_out(struct handle_array *a, uint64_t hash, uint32_t handle)
{
    uint32_t last, b = a->n > 0 ? home_of(a, position_of(hash)) : 0;
    uint32_t *slot = a->n > 0 ? find_handle(a, hash, handle, &last) : NULL;
    if (slot == NULL)
        return false;
    for (; b != last; b = next_bucket(a, b))
        if (a->bucket[b].overflow < UINT8_MAX)
            a->bucket[b].overflow--;
    a->bucket[last].tag[slot - a->bucket[last].slot] = 0;
    *slot = 0;
    return true;
}

/* ---- resizing ---------------------------------------------------------------------------------
 */

static void move_bucket(struct handle_table *t, struct handle_bucket *k)
{
    for (unsigned i = 0; i < HANDLE_SLOTS; i++) {
        if (k->tag[i] == 0)
            continue;
        put_in(&t->now, t->hash_of(t->owner, k->slot[i]), k->slot[i]);
        k->tag[i] = 0;
        k->slot[i] = 0;
    }
}

/* The old buckets' overflow counts stay as they are until the end: chains are walked through them.
 */
static void move_some(struct handle_table *t, uint32_t n)
{
    for (; n > 0 && t->old.n > 0; n--) {
        move_bucket(t, &t->old.bucket[t->moved++]);
        if (t->moved == t->old.n)
            free_array(&t->old);
    }
}

static void start_resize(struct handle_table *t, uint64_t buckets)
{
    move_some(t, UINT32_MAX);
    t->old = t->now;
    t->moved = 0;
    make_array(&t->now, buckets);
}

static void step(struct handle_table *t)
{
    if (t->old.n > 0)
        move_some(t, 1 + 2 * (t->old.n / t->now.n));
}

static bool above(const struct handle_table *t, size_t count, unsigned percent)
{
    return (uint64_t)count * 100 > (uint64_t)t->now.n * HANDLE_SLOTS * percent;
}

/* ---- the set ----------------------------------------------------------------------------------
 */

uint32_t handle_table_find(const struct handle_table *t, uint64_t hash, const void *key)
{
    uint32_t handle = find_in(t, &t->now, hash, key);
    if (handle == 0 && t->old.n > 0)
        handle = find_in(t, &t->old, hash, key);
    return handle;
}

void handle_table_insert(struct handle_table *t, uint64_t hash, uint32_t handle)
{
    step(t);
    if (above(t, t->count + 1, FULL))
        start_resize(t, buckets_for(t->count + 1, GROWN));
    put_in(&t->now, hash, handle);
    t->count++;
}

void handle_table_replace(struct handle_table *t, uint64_t hash, uint32_t handle, uint32_t by)
{
    uint32_t bucket, *slot = find_handle(&t->now, hash, handle, &bucket);
    if (slot == NULL && t->old.n > 0)
        slot = find_handle(&t->old, hash, handle, &bucket);
    if (slot == NULL)
        abort();
    *slot = by;
}

void handle_table_erase(struct handle_table *t, uint64_t hash, uint32_t handle)
{
    if (!take_out(&t->now, hash, handle) && !take_out(&t->old, hash, handle))
        abort();
    t->count--;
    step(t);
    if (t->old.n == 0 && t->now.n > 4 && !above(t, t->count, EMPTY))
        start_resize(t, buckets_for(t->count, GROWN));
}

/* ---- scan and sample --------------------------------------------------------------------------
 */

struct range {
    uint64_t begin, end; /* positions */
    handle_visit *visit;
    void *ctx;
};

static void visit_bucket(const struct handle_table *t, const struct handle_bucket *k,
                         const struct range *r)
{
    for (unsigned i = 0; i < HANDLE_SLOTS; i++) {
        if (k->tag[i] == 0)
            continue;
        uint32_t position = position_of(t->hash_of(t->owner, k->slot[i]));
        if (position >= r->begin && position < r->end)
            r->visit(k->slot[i], r->ctx);
    }
}

/* The buckets that are home to the range, and those that the last of them overflowed into. */
static void visit_range(const struct handle_table *t, const struct handle_array *a,
                        const struct range *r)
{
    uint32_t b = home_of(a, (uint32_t)r->begin), last = home_of(a, (uint32_t)(r->end - 1));
    for (uint32_t steps = 0; steps < a->n; steps++, b = next_bucket(a, b)) {
        visit_bucket(t, &a->bucket[b], r);
        if (b == last)
            break;
    }
    uint32_t walked = last - home_of(a, (uint32_t)r->begin) + 1;
    while (a->bucket[b].overflow > 0 && walked++ < a->n) {
        b = next_bucket(a, b);
        visit_bucket(t, &a->bucket[b], r);
    }
}

uint64_t handle_table_scan(const struct handle_table *t, uint64_t cursor, handle_visit *visit,
                           void *ctx)
{
    uint64_t all = (uint64_t)1 << 32;
    if (cursor >= all)
        return 0;
    struct range r = {.begin = cursor, .visit = visit, .ctx = ctx};
    r.end = begin_of(&t->now, (uint64_t)home_of(&t->now, (uint32_t)cursor) + 1);
    visit_range(t, &t->now, &r);
    if (t->old.n > 0)
        visit_range(t, &t->old, &r);
    return r.end < all ? r.end : 0;
}

uint64_t handle_table_walk(const struct handle_table *t, uint64_t at, handle_visit *visit,
                           void *ctx)
{
    uint64_t n = (uint64_t)t->now.n + t->old.n;
    if (at >= n)
        return 0;
    const struct handle_bucket *k =
        at < t->now.n ? &t->now.bucket[at] : &t->old.bucket[at - t->now.n];
    for (unsigned i = 0; i < HANDLE_SLOTS; i++)
        if (k->tag[i] != 0)
            visit(k->slot[i], ctx);
    return at + 1 < n ? at + 1 : 0;
}

uint32_t handle_table_random(const struct handle_table *t)
{
    if (t->count == 0)
        return 0;
    uint64_t left = t->old.n > 0 ? t->old.n - t->moved : 0;
    for (;;) {
        uint64_t i = rng_below((t->now.n + left) * HANDLE_SLOTS), b = i / HANDLE_SLOTS;
        const struct handle_bucket *k =
            b < t->now.n ? &t->now.bucket[b] : &t->old.bucket[t->moved + (b - t->now.n)];
        if (k->tag[i % HANDLE_SLOTS] != 0)
            return k->slot[i % HANDLE_SLOTS];
    }
}

/* ---- accounts ---------------------------------------------------------------------------------
 */

size_t handle_table_mem_bytes(const struct handle_table *t)
{
    return ((size_t)t->now.n + t->old.n) * sizeof(struct handle_bucket);
}

static size_t check_array(const struct handle_table *t, const struct handle_array *a)
{
    size_t n = 0;
    for (uint32_t b = 0; b < a->n; b++) {
        for (unsigned i = 0; i < HANDLE_SLOTS; i++) {
            const struct handle_bucket *k = &a->bucket[b];
            if (k->tag[i] == 0)
                continue;
            uint64_t hash = t->hash_of(t->owner, k->slot[i]);
            uint32_t at;
            if (k->tag[i] != tag_of(hash) || find_handle(a, hash, k->slot[i], &at) != &k->slot[i])
                abort();
            n++;
        }
    }
    return n;
}

void handle_table_check(const struct handle_table *t)
{
    if (check_array(t, &t->now) + check_array(t, &t->old) != t->count)
        abort();
    for (uint32_t b = 0; b < t->moved && b < t->old.n; b++)
        for (unsigned i = 0; i < HANDLE_SLOTS; i++)
            if (t->old.bucket[b].tag[i] != 0)
                abort();
}
