/* Sets of shards, and the gate: see shard.h. */
#include "keyspace/shard.h"

#include <sched.h>
#include <stdlib.h>

#include "base/log.h"

void shard_set_each(const struct shard_set *set, struct shard *shards, shard_act *act, void *ctx)
{
    for (uint32_t w = 0; w < SHARD_COUNT / 64; w++) {
        for (uint64_t bits = set->bits[w]; bits; bits &= bits - 1)
            act(&shards[w * 64 + (uint32_t)__builtin_ctzll(bits)], ctx);
    }
}

static void lock_one(struct shard *sh, void *ctx)
{
    (void)ctx;
    pthread_mutex_lock(&sh->lock);
}

static void unlock_one(struct shard *sh, void *ctx)
{
    (void)ctx;
    pthread_mutex_unlock(&sh->lock);
}

void shard_set_lock(const struct shard_set *set, struct shard *shards)
{
    shard_set_each(set, shards, lock_one, NULL);
}

void shard_set_unlock(const struct shard_set *set, struct shard *shards)
{
    shard_set_each(set, shards, unlock_one, NULL);
}

/* ---- the gate --------------------------------------------------------------------------------- */

void gate_init(struct gate *g)
{
    atomic_init(&g->closed, 0);
    pthread_mutex_init(&g->lock, NULL);
    for (int i = 0; i < GATE_THREADS_MAX; i++) {
        atomic_init(&g->word[i].inside, 0);
        atomic_init(&g->word[i].taken, 0);
    }
}

void gate_release(struct gate *g)
{
    pthread_mutex_destroy(&g->lock);
}

struct gate_word *gate_join(struct gate *g)
{
    for (int i = 0; i < GATE_THREADS_MAX; i++) {
        uint32_t expected = 0;
        if (atomic_compare_exchange_strong(&g->word[i].taken, &expected, 1))
            return &g->word[i];
    }
    log_fatal("more than %d threads execute commands", GATE_THREADS_MAX);
    abort();
}

void gate_leave(struct gate_word *w)
{
    atomic_store(&w->inside, 0);
    atomic_store(&w->taken, 0);
}

/* The caller has said "inside" and then saw the gate closed: it steps back, waits for the closer by its
 * lock, and tries again. */
void gate_wait(struct gate *g, struct gate_word *w)
{
    while (atomic_load_explicit(&g->closed, memory_order_seq_cst)) {
        atomic_store_explicit(&w->inside, 0, memory_order_release);
        pthread_mutex_lock(&g->lock);
        pthread_mutex_unlock(&g->lock);
        atomic_exchange_explicit(&w->inside, 1, memory_order_seq_cst);
    }
}

#define SPINS_BEFORE_YIELD 200

void gate_close(struct gate *g)
{
    pthread_mutex_lock(&g->lock);
    atomic_store_explicit(&g->closed, 1, memory_order_seq_cst);
    for (int i = 0; i < GATE_THREADS_MAX; i++) {
        for (int spins = 0; atomic_load_explicit(&g->word[i].inside, memory_order_seq_cst);
             spins++) {
            if (spins > SPINS_BEFORE_YIELD)
                sched_yield();
        }
    }
}

void gate_open(struct gate *g)
{
    atomic_store_explicit(&g->closed, 0, memory_order_seq_cst);
    pthread_mutex_unlock(&g->lock);
}
