/* Eviction: which key goes when memory is short, and its going.
 *
 * The policies and the way are Redis's: a few keys are sampled, the best of them are kept in a pool, over calls, and the
 * best one of the pool goes. Here each thread has its own pool; a sample begins at a shard by chance, and takes the next ones
 * too where it has few keys. One whose lock another thread holds is passed over, so that evicting threads neither wait for one
 * another nor for commands. A key's shard follows from its hash, so a sample of a shard is one of all. volatile-ttl takes a shard's nearest deadline itself, from its
 * timing wheel.
 *
 * Complexity: O(samples) a key. Thread rule: within the gate, without any shard's lock. */
#ifndef ATRIUM_KEYSPACE_EVICT_H
#define ATRIUM_KEYSPACE_EVICT_H

#include "keyspace/access.h"
#include "keyspace/keyspace.h"

/* In the order of maxmemory-policy's words. */
enum evict_policy {
    EVICT_NONE,
    EVICT_ALL_LRU,
    EVICT_ALL_LFU,
    EVICT_ALL_RANDOM,
    EVICT_VOLATILE_LRU,
    EVICT_VOLATILE_LFU,
    EVICT_VOLATILE_RANDOM,
    EVICT_VOLATILE_TTL,
};

static inline bool evict_by_frequency(enum evict_policy policy)
{
    return policy == EVICT_ALL_LFU || policy == EVICT_VOLATILE_LFU;
}

struct evict_rule {
    enum evict_policy policy;
    unsigned samples;
    struct access_rule access;
};

/* Removes one key, and tells of it as of an expired one ("evicted"). False: there is none that may go, or none that could be
 * looked at. What it held is freed by keyspace_reclaim. */
bool keyspace_evict(struct keyspace *ks, const struct evict_rule *rule, uint64_t now_ms);

#endif
