/* Work on the whole keyspace: sizes, scans, flushes, active expiry. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "keyspace/internal.h"

static void free_visited(struct entry *e, void *ctx)
{
    (void)ctx;
    if (e->type != TYPE_STRING && type_ops[e->type]->keyspace_word)
        mem_free(*type_ops[e->type]->keyspace_word(entry_object(e)));
    entry_free(e);
}

static void free_array(struct table_array *a)
{
    for (uint32_t b = 0; b < a->n; b++) {
        for (int i = 0; i < TABLE_SLOTS; i++) {
            if (a->bucket[b].slot[i])
                free_visited(a->bucket[b].slot[i], NULL);
        }
    }
}

void slice_free(struct slice *s)
{
    free_array(&s->table.now);
    free_array(&s->table.old);
    table_release(&s->table);
    wheel_release(&s->deadlines);
    wheel_release(&s->inner);
    mem_free(s);
}

void keyspace_reserve(struct keyspace *ks, unsigned db, size_t keys)
{
    size_t each = keys / SHARD_COUNT;
    if (each == 0)
        return;
    for (int i = 0; i < SHARD_COUNT; i++) {
        struct shard *sh = &ks->shards[i];
        pthread_mutex_lock(&sh->lock);
        if (!sh->db[db])
            sh->db[db] = slice_new(clock_wall_ms());
        table_reserve(&sh->db[db]->table, each);
        pthread_mutex_unlock(&sh->lock);
    }
}

static void prefetch(const struct keyref *k, unsigned db,
                     void (*what)(const struct table *t, uint64_t hash))
{
    if (pthread_mutex_trylock(&k->shard->lock) != 0)
        return;
    if (k->shard->db[db])
        what(&k->shard->db[db]->table, k->hash);
    pthread_mutex_unlock(&k->shard->lock);
}

void keyspace_prefetch(const struct keyref *k, unsigned db)
{
    prefetch(k, db, table_prefetch);
}

void keyspace_prefetch_entry(const struct keyref *k, unsigned db)
{
    prefetch(k, db, table_prefetch_entry);
}

size_t keyspace_size(struct keyspace *ks, unsigned db)
{
    size_t n = 0;
    for (int i = 0; i < SHARD_COUNT; i++) {
        struct shard *sh = &ks->shards[i];
        pthread_mutex_lock(&sh->lock);
        if (sh->db[db])
            n += atomic_load_explicit(&sh->db[db]->table.count, memory_order_relaxed);
        pthread_mutex_unlock(&sh->lock);
    }
    return n;
}

/* Nodes of all shards' wheels, of keys or of what is inside. */
static size_t wheel_nodes(struct keyspace *ks, unsigned db, bool inner)
{
    size_t n = 0;
    for (int i = 0; i < SHARD_COUNT; i++) {
        struct shard *sh = &ks->shards[i];
        pthread_mutex_lock(&sh->lock);
        if (sh->db[db])
            n += inner ? sh->db[db]->inner.count : sh->db[db]->deadlines.count;
        pthread_mutex_unlock(&sh->lock);
    }
    return n;
}

size_t keyspace_volatile_size(struct keyspace *ks, unsigned db)
{
    return wheel_nodes(ks, db, false);
}

size_t keyspace_inner_size(struct keyspace *ks, unsigned db)
{
    return wheel_nodes(ks, db, true);
}

/* ---- scanning -------------------------------------------------------------------------------- */

struct scan {
    table_visit *visit;
    void *ctx;
    uint64_t now_ms;
    size_t seen;
};

static void scan_visit(struct entry *e, void *ctx)
{
    struct scan *sc = ctx;
    uint64_t deadline = entry_deadline_ms(e);
    if (deadline && deadline <= sc->now_ms)
        return;
    sc->seen++;
    sc->visit(e, sc->ctx);
}

/* A cursor is the shard's number above 32 bits of position, so 0 is the start of shard 0. Empty buckets
 * count a little, so that a sparse table does not make one call long. */
#define POSITION_BITS     32
#define BUCKETS_PER_COUNT 10

uint64_t keyspace_scan(struct keyspace *ks, unsigned db, uint64_t cursor, size_t count,
                       uint64_t now_ms, table_visit *visit, void *ctx)
{
    uint64_t shard = cursor >> POSITION_BITS, at = cursor & (((uint64_t)1 << POSITION_BITS) - 1);
    struct scan sc = {.visit = visit, .ctx = ctx, .now_ms = now_ms};
    size_t budget = count > SIZE_MAX / BUCKETS_PER_COUNT ? SIZE_MAX : count * BUCKETS_PER_COUNT;
    for (; shard < SHARD_COUNT; shard++, at = 0) {
        struct shard *sh = &ks->shards[shard];
        pthread_mutex_lock(&sh->lock);
        struct slice *s = sh->db[db];
        bool more = s != NULL;
        while (more && sc.seen < count && budget) {
            at = table_scan(&s->table, at, scan_visit, &sc);
            more = at != 0;
            budget--;
        }
        pthread_mutex_unlock(&sh->lock);
        if (more && (sc.seen >= count || !budget))
            return shard << POSITION_BITS | at;
        if (sc.seen >= count && shard + 1 < SHARD_COUNT)
            return (shard + 1) << POSITION_BITS;
    }
    return 0;
}

bool keyspace_random_key(struct keyspace *ks, unsigned db, uint64_t now_ms, struct buf *out)
{
    for (;;) {
        size_t total = keyspace_size(ks, db);
        if (!total)
            return false;
        uint64_t nth = rng_below(total);
        for (int i = 0; i < SHARD_COUNT; i++) {
            struct shard *sh = &ks->shards[i];
            pthread_mutex_lock(&sh->lock);
            struct slice *s = sh->db[db];
            size_t n = s ? atomic_load_explicit(&s->table.count, memory_order_relaxed) : 0;
            if (nth >= n) {
                nth -= n;
                pthread_mutex_unlock(&sh->lock);
                continue;
            }
            struct bytes key = entry_key(table_random(&s->table));
            struct keyref k = {.name = key, .hash = hash_bytes(key), .shard = sh};
            size_t mark = out->n;
            buf_add_bytes(out, key);
            bool alive = keyspace_find_locked(ks, db, &k, now_ms) != NULL;
            pthread_mutex_unlock(&sh->lock);
            if (alive)
                return true;
            out->n = mark;
            break;
        }
    }
}

/* ---- flush and swap -------------------------------------------------------------------------- */

void keyspace_flush_gated(struct keyspace *ks, int db_or_all, bool async)
{
    for (int i = 0; i < SHARD_COUNT; i++) {
        for (int db = 0; db < DB_COUNT; db++) {
            struct slice *s = ks->shards[i].db[db];
            if (!s || (db_or_all >= 0 && db != db_or_all))
                continue;
            ks->shards[i].db[db] = NULL;
            if (async)
                reclaimer_slice(ks->reclaimer, s);
            else
                slice_free(s);
        }
    }
}

void keyspace_swap_gated(struct keyspace *ks, unsigned a, unsigned b)
{
    for (int i = 0; i < SHARD_COUNT; i++) {
        struct slice *t = ks->shards[i].db[a];
        ks->shards[i].db[a] = ks->shards[i].db[b];
        ks->shards[i].db[b] = t;
    }
}

/* ---- active expiry --------------------------------------------------------------------------- */

/* Old buckets of a resize that one visit of a shard moves: about 25 us. */
#define SETTLE_BUCKETS 128

/* Work between two looks at the clock. */
#define EXPIRE_BATCH 16
#define FIELDS_BATCH 32

static size_t expire_key(struct keyspace *ks, struct shard *sh, unsigned db,
                         struct wheel_node *node)
{
    struct bytes key = entry_key(entry_of_deadline_node(node));
    uint64_t hash = hash_bytes(key);
    struct table_pos p = table_find(&sh->db[db]->table, hash, key);
    keyspace_expire_entry(ks, sh, db, &p, hash, "expired");
    return 1;
}

struct part_of {
    struct keyspace *ks;
    unsigned db;
    struct bytes key;
};

static void tell_part(struct bytes part, void *ctx)
{
    const struct part_of *of = ctx;
    if (of->ks->part_expired)
        of->ks->part_expired(of->ks->expired_ctx, of->db, of->key, part);
}

size_t keyspace_expire_inner(struct keyspace *ks, unsigned db, const struct keyref *k,
                             struct table_pos *p, uint64_t now_ms)
{
    struct entry *e = table_at(p);
    struct part_of of = {ks, db, k->name};
    size_t n =
        type_ops[e->type]->expire_some(entry_object(e), now_ms, FIELDS_BATCH, tell_part, &of);
    k->shard->expired_fields += n;
    if (n && ks->expired)
        ks->expired(ks->expired_ctx, db, k->name, "hexpired");
    if (type_ops[e->type]->length(entry_object(e)) == 0) {
        keyspace_expire_entry(ks, k->shard, db, p, k->hash, "del");
        *p = (struct table_pos){0};
    } else {
        keyspace_inner_deadline_locked(ks, db, k, e);
    }
    return n;
}

static size_t expire_fields(struct keyspace *ks, struct shard *sh, unsigned db,
                            struct wheel_node *node, uint64_t now_ms)
{
    const struct inner_node *in = (const struct inner_node *)node;
    struct keyref k = {.name = bytes_of(in->key, in->key_len), .shard = sh};
    k.hash = hash_bytes(k.name);
    struct table_pos p = table_find(&sh->db[db]->table, k.hash, k.name);
    return keyspace_expire_inner(ks, db, &k, &p, now_ms);
}

static size_t expire_slice(struct keyspace *ks, struct shard *sh, unsigned db, uint64_t now_ms,
                           uint64_t until_us)
{
    struct slice *s = sh->db[db];
    size_t done = 0, look_at = EXPIRE_BATCH;
    for (;;) {
        struct wheel_node *node = wheel_pop_due(&s->deadlines, now_ms);
        if (node) {
            done += expire_key(ks, sh, db, node);
        } else {
            node = wheel_pop_due(&s->inner, now_ms);
            if (!node)
                return done;
            done += expire_fields(ks, sh, db, node, now_ms);
        }
        if (done < look_at)
            continue;
        if (clock_mono_us() >= until_us)
            return done;
        look_at = done + EXPIRE_BATCH;
    }
}

size_t keyspace_expire_cycle(struct keyspace *ks, uint64_t slice_us)
{
    size_t done = 0;
    for (int i = 0; i < SHARD_COUNT; i++) {
        struct shard *sh = &ks->shards[i];
        if (pthread_mutex_trylock(&sh->lock) != 0)
            continue;
        uint64_t now_ms = clock_wall_ms(), until_us = clock_mono_us() + slice_us;
        for (unsigned db = 0; db < DB_COUNT; db++) {
            if (!sh->db[db])
                continue;
            done += expire_slice(ks, sh, db, now_ms, until_us);
            table_settle(&sh->db[db]->table, SETTLE_BUCKETS);
        }
        pthread_mutex_unlock(&sh->lock);
        keyspace_reclaim(ks);
    }
    return done;
}

void keyspace_reclaim(struct keyspace *ks)
{
    garbage_flush(ks->reclaimer);
}

struct keyspace_stats keyspace_stats(struct keyspace *ks)
{
    struct keyspace_stats st = {.reclaim_pending = reclaimer_pending(ks->reclaimer)};
    for (int i = 0; i < SHARD_COUNT; i++) {
        struct shard *sh = &ks->shards[i];
        pthread_mutex_lock(&sh->lock);
        st.expired_keys += sh->expired_keys;
        st.expired_fields += sh->expired_fields;
        st.evicted_keys += sh->evicted_keys;
        for (int db = 0; db < DB_COUNT; db++)
            st.table_bytes += sh->db[db] ? table_mem_bytes(&sh->db[db]->table) : 0;
        pthread_mutex_unlock(&sh->lock);
    }
    return st;
}

void keyspace_reset_stats(struct keyspace *ks)
{
    for (int i = 0; i < SHARD_COUNT; i++) {
        struct shard *sh = &ks->shards[i];
        pthread_mutex_lock(&sh->lock);
        sh->expired_keys = sh->expired_fields = sh->evicted_keys = 0;
        pthread_mutex_unlock(&sh->lock);
    }
}

void keyspace_check(struct keyspace *ks)
{
    for (int i = 0; i < SHARD_COUNT; i++) {
        struct shard *sh = &ks->shards[i];
        pthread_mutex_lock(&sh->lock);
        for (int db = 0; db < DB_COUNT; db++) {
            if (!sh->db[db])
                continue;
            table_check(&sh->db[db]->table);
            wheel_check(&sh->db[db]->deadlines);
            wheel_check(&sh->db[db]->inner);
        }
        pthread_mutex_unlock(&sh->lock);
    }
}
