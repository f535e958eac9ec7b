#include "keyspace/evict.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "keyspace/internal.h"

/* ---- the pool -------------------------------------------------------------------------------- */

#define POOL_MAX 16

/* A key is known by its hash. */
struct candidate {
    uint64_t score; /* the higher, the sooner it goes */
    uint64_t hash;
    unsigned db;
};

/* Ascending by score; of this thread, for one policy. */
static _Thread_local struct {
    struct keyspace *ks;
    enum evict_policy policy;
    size_t n;
    struct candidate at[POOL_MAX];
} pool;

static void pool_add(const struct candidate *c)
{
    size_t i = pool.n;
    if (pool.n == POOL_MAX && c->score <= pool.at[0].score)
        return;
    while (i > 0 && pool.at[i - 1].score > c->score)
        i--;
    if (pool.n == POOL_MAX) { /* the worst one goes */
        memmove(pool.at, pool.at + 1, (--i) * sizeof *pool.at);
    } else {
        memmove(pool.at + i + 1, pool.at + i, (pool.n - i) * sizeof *pool.at);
        pool.n++;
    }
    pool.at[i] = *c;
}

static bool in_pool(uint64_t hash, unsigned db)
{
    for (size_t i = 0; i < pool.n; i++) {
        if (pool.at[i].hash == hash && pool.at[i].db == db)
            return true;
    }
    return false;
}

/* ---- sampling -------------------------------------------------------------------------------- */

static bool only_volatile(enum evict_policy policy)
{
    return policy >= EVICT_VOLATILE_LRU;
}

static bool at_random(enum evict_policy policy)
{
    return policy == EVICT_ALL_RANDOM || policy == EVICT_VOLATILE_RANDOM;
}

static uint64_t score_of(const struct entry *e, const struct evict_rule *rule, uint64_t now_ms)
{
    if (rule->policy == EVICT_VOLATILE_TTL)
        return UINT64_MAX - entry_deadline_ms(e);
    if (rule->access.frequency)
        return (uint64_t)(UINT8_MAX - access_frequency(e, now_ms, &rule->access));
    return access_idle_ms(e, now_ms);
}

static struct entry *sample(struct slice *s, const struct evict_rule *rule)
{
    if (!only_volatile(rule->policy))
        return table_random(&s->table);
    struct wheel_node *node = rule->policy == EVICT_VOLATILE_TTL ? wheel_nearest(&s->deadlines)
                                                                 : wheel_random(&s->deadlines);
    return node ? entry_of_deadline_node(node) : NULL;
}

static void consider(const struct entry *e, unsigned db, const struct evict_rule *rule,
                     uint64_t now_ms)
{
    struct candidate c = {score_of(e, rule, now_ms), hash_bytes(entry_key(e)), db};
    if (!in_pool(c.hash, db))
        pool_add(&c);
}

/* ---- a key goes ------------------------------------------------------------------------------ */

static void evict_at(struct keyspace *ks, struct shard *sh, unsigned db, struct table_pos *p,
                     uint64_t hash)
{
    struct entry *e = slice_unlink(sh->db[db], p, hash);
    sh->evicted_keys++;
    if (ks->expired)
        ks->expired(ks->expired_ctx, db, entry_key(e), "evicted");
    garbage_add(e);
}

/* Without the pool: chance decides. */
static bool evict_entry(struct keyspace *ks, struct shard *sh, unsigned db, struct entry *e)
{
    uint64_t hash = hash_bytes(entry_key(e));
    struct table_pos p = table_find(&sh->db[db]->table, hash, entry_key(e));
    if (!p.array)
        return false;
    evict_at(ks, sh, db, &p, hash);
    return true;
}

static bool evict_candidate(struct keyspace *ks, const struct candidate *c, bool only_timed)
{
    struct shard *sh = &ks->shards[shard_of(c->hash)];
    bool gone = false;
    if (pthread_mutex_trylock(&sh->lock) != 0)
        return false;
    struct slice *s = sh->db[c->db];
    if (s) {
        struct table_pos p = table_find_hash(&s->table, c->hash);
        gone = p.array && (!only_timed || entry_deadline_ms(table_at(&p)));
        if (gone)
            evict_at(ks, sh, c->db, &p, c->hash);
    }
    pthread_mutex_unlock(&sh->lock);
    return gone;
}

static size_t keys_of(const struct slice *s, const struct evict_rule *rule)
{
    return only_volatile(rule->policy)
               ? s->deadlines.count
               : atomic_load_explicit(&s->table.count, memory_order_relaxed);
}

/* Samples of one database of a locked shard, as many as are left to take or as it has keys. True: a key has gone already. */
static bool sample_slice(struct keyspace *ks, struct shard *sh, unsigned db,
                         const struct evict_rule *rule, uint64_t now_ms, unsigned *left)
{
    struct slice *s = sh->db[db];
    size_t n = keys_of(s, rule);
    n = rule->policy == EVICT_VOLATILE_TTL && n > 1 ? 1 : n;
    for (size_t i = 0; i < n && *left; i++, --*left) {
        struct entry *e = sample(s, rule);
        if (at_random(rule->policy))
            return evict_entry(ks, sh, db, e);
        consider(e, db, rule, now_ms);
    }
    return false;
}

static bool sample_shard(struct keyspace *ks, struct shard *sh, const struct evict_rule *rule,
                         uint64_t now_ms, unsigned *left)
{
    bool gone = false;
    if (pthread_mutex_trylock(&sh->lock) != 0)
        return false;
    unsigned first = (unsigned)rng_below(DB_COUNT); /* none is always the first to lose a key */
    for (unsigned i = 0; i < DB_COUNT && !gone; i++) {
        unsigned db = (first + i) % DB_COUNT;
        if (sh->db[db] && keys_of(sh->db[db], rule))
            gone = sample_slice(ks, sh, db, rule, now_ms, left);
    }
    pthread_mutex_unlock(&sh->lock);
    return gone;
}

/* The best of the pool that is still there. */
static bool evict_best(struct keyspace *ks, const struct evict_rule *rule)
{
    while (pool.n > 0) {
        if (evict_candidate(ks, &pool.at[--pool.n], only_volatile(rule->policy)))
            return true;
    }
    return false;
}

bool keyspace_evict(struct keyspace *ks, const struct evict_rule *rule, uint64_t now_ms)
{
    unsigned left = rule->samples;
    if (pool.ks != ks || pool.policy != rule->policy) {
        pool.n = 0;
        pool.ks = ks;
        pool.policy = rule->policy;
    }
    uint32_t first = (uint32_t)rng_below(SHARD_COUNT);
    for (uint32_t i = 0; i < SHARD_COUNT; i++) {
        if (sample_shard(ks, &ks->shards[(first + i) % SHARD_COUNT], rule, now_ms, &left))
            return true;
        if (left == 0 && evict_best(ks, rule))
            return true;
        left = left ? left : rule->samples; /* what was in the pool has gone meanwhile */
    }
    return evict_best(ks, rule);
}
