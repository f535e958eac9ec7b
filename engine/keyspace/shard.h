/* Shards, their locks, and the gate.
 *
 * The locks of the engine, in the order in which a thread may take them:
 *   1. the gate (passed shared by every command, closed by whole-keyspace ones)
 *   2. shard locks, ascending by shard number
 *   3. an object's own lock (vector sets)
 *   4. pub/sub: channel stripes, then the pattern lock
 *   5. mailbox locks, session registry, configuration, slow log, log buffer: leaves, one at a time
 * A handler takes none of these itself.
 *
 * The gate is a big-reader lock: each thread has a word on a cache line of its own that says "inside";
 * closing sets the gate's flag and waits for every word to fall. Passing costs one exchange and one load. */
#ifndef ATRIUM_KEYSPACE_SHARD_H
#define ATRIUM_KEYSPACE_SHARD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "ds/wheel.h"
#include "keyspace/table.h"

#define SHARD_BITS  8
#define SHARD_COUNT (1 << SHARD_BITS)
#define DB_COUNT    16

/* One database's part of a shard. Owner: the shard's lock; table.count is readable without. */
struct slice {
    struct table table;
    struct wheel deadlines; /* of keys */
    struct wheel inner;     /* of parts inside objects: the next field deadline of a hash */
};

struct interest_table;

struct shard {
    _Alignas(64) pthread_mutex_t lock;
    struct interest_table *interests; /* keys that somebody waits for, NULL: none; interest.h */
    size_t waiting;                   /* blocked commands' links among them */
    struct slice *db[DB_COUNT];       /* made when first written */
    uint64_t expired_keys, expired_fields, evicted_keys; /* statistics; this lock */
};

static inline uint32_t shard_of(uint64_t hash)
{
    return (uint32_t)(hash >> (64 - SHARD_BITS));
}

/* A set of shards, so that each is locked once and in ascending order. */
struct shard_set {
    uint64_t bits[SHARD_COUNT / 64];
};

static inline void shard_set_add(struct shard_set *set, uint32_t shard)
{
    set->bits[shard / 64] |= (uint64_t)1 << (shard % 64);
}

/* Adds what is in `more`; true where that was new. */
static inline bool shard_set_merge(struct shard_set *set, const struct shard_set *more)
{
    uint64_t fresh = 0;
    for (int w = 0; w < SHARD_COUNT / 64; w++) {
        fresh |= more->bits[w] & ~set->bits[w];
        set->bits[w] |= more->bits[w];
    }
    return fresh != 0;
}

/* Calls act for each shard of the set, ascending; `shards` is the keyspace's array. */
typedef void shard_act(struct shard *sh, void *ctx);
void shard_set_each(const struct shard_set *set, struct shard *shards, shard_act *act, void *ctx);
void shard_set_lock(const struct shard_set *set, struct shard *shards);
void shard_set_unlock(const struct shard_set *set, struct shard *shards);

/* ---- the gate ------------------------------------------------------------------------------- */

#define GATE_THREADS_MAX 128

struct gate_word {
    _Alignas(64) _Atomic uint32_t inside;
    _Atomic uint32_t taken; /* 1: some thread owns this word */
};

struct gate {
    _Atomic uint32_t closed;
    pthread_mutex_t lock; /* the closer holds it throughout; passers wait on it */
    struct gate_word word[GATE_THREADS_MAX];
};

void gate_init(struct gate *g);
void gate_release(struct gate *g);
/* A word for the calling thread; aborts above GATE_THREADS_MAX threads. */
struct gate_word *gate_join(struct gate *g);
void gate_leave(struct gate_word *w);

void gate_wait(struct gate *g, struct gate_word *w);

static inline void gate_pass(struct gate *g, struct gate_word *w)
{
    atomic_exchange_explicit(&w->inside, 1, memory_order_seq_cst);
    if (__builtin_expect(atomic_load_explicit(&g->closed, memory_order_seq_cst) != 0, 0))
        gate_wait(g, w);
}

static inline void gate_exit(struct gate_word *w)
{
    atomic_store_explicit(&w->inside, 0, memory_order_release);
}

/* Waits until no other thread is inside; the caller is not inside itself. */
void gate_close(struct gate *g);
void gate_open(struct gate *g);

#endif
