#include "keyspace/evict.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "keyspace/internal.h"

/* ---- the pool -------------------------------------------------------------------------------- */

#define POOL_MAX 16
#define KEY_MAX  128 /* longer keys are candidates only for as long as their sample is looked at */

struct candidate {
    uint64_t score; /* the higher, the sooner it goes */
    uint64_t hash;
    unsigned db;
    uint8_t key_n;
    char key[KEY_MAX];
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

static void consider(struct entry *e, unsigned db, const struct evict_rule *rule, uint64_t now_ms)
{
    struct bytes key = entry_key(e);
    struct candidate c = {.score = score_of(e, rule, now_ms), .hash = hash_bytes(key), .db = db};
    if (key.n > KEY_MAX || in_pool(c.hash, db))
        return;
    c.key_n = (uint8_t)key.n;
    memcpy(c.key, key.p, key.n);
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

/* Without the pool: the key is too long for it, or chance decides. */
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
        struct table_pos p = table_find(&s->table, c->hash, bytes_of(c->key, c->key_n));
        gone = p.array && (!only_timed || entry_deadline_ms(table_at(&p)));
        if (gone)
            evict_at(ks, sh, c->db, &p, c->hash);
    }
    pthread_mutex_unlock(&sh->lock);
    return gone;
}

/* Samples of one database of a locked shard. True: a key has gone already. */
static bool sample_slice(struct keyspace *ks, struct shard *sh, unsigned db,
                         const struct evict_rule *rule, uint64_t now_ms)
{
    struct slice *s = sh->db[db];
    bool nearest = rule->policy == EVICT_VOLATILE_TTL;
    for (unsigned i = 0; i < (nearest ? 1 : rule->samples); i++) {
        struct entry *e = sample(s, rule);
        if (!e)
            return false;
        if (at_random(rule->policy) || entry_key(e).n > KEY_MAX)
            return evict_entry(ks, sh, db, e);
        consider(e, db, rule, now_ms);
    }
    return false;
}

static bool has_keys(const struct shard *sh, unsigned db, const struct evict_rule *rule)
{
    const struct slice *s = sh->db[db];
    return s && (only_volatile(rule->policy)
                     ? s->deadlines.count > 0
                     : atomic_load_explicit(&s->table.count, memory_order_relaxed) > 0);
}

/* *found: there was something to look at. */
static bool sample_shard(struct keyspace *ks, struct shard *sh, const struct evict_rule *rule,
                         uint64_t now_ms, bool *found)
{
    bool gone = false;
    if (pthread_mutex_trylock(&sh->lock) != 0)
        return false;
    for (unsigned db = 0; db < DB_COUNT && !gone; db++) {
        if (!has_keys(sh, db, rule))
            continue;
        *found = true;
        gone = sample_slice(ks, sh, db, rule, now_ms);
    }
    pthread_mutex_unlock(&sh->lock);
    return gone;
}

bool keyspace_evict(struct keyspace *ks, const struct evict_rule *rule, uint64_t now_ms)
{
    if (pool.ks != ks || pool.policy != rule->policy) {
        pool.n = 0;
        pool.ks = ks;
        pool.policy = rule->policy;
    }
    uint32_t first = (uint32_t)rng_below(SHARD_COUNT);
    for (uint32_t i = 0; i < SHARD_COUNT; i++) {
        bool found = false;
        if (sample_shard(ks, &ks->shards[(first + i) % SHARD_COUNT], rule, now_ms, &found))
            return true;
        while (found && pool.n > 0) {
            const struct candidate *best = &pool.at[--pool.n];
            if (evict_candidate(ks, best, only_volatile(rule->policy)))
                return true;
        }
    }
    return false;
}
