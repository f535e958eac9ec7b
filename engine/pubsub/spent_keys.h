/* Idempotency keys of publications: the first answer for each, for ten minutes.
 *
 * Locks: none of its own; the hub's stripe. */
#ifndef ATRIUM_PUBSUB_SPENT_KEYS_H
#define ATRIUM_PUBSUB_SPENT_KEYS_H

#include "pubsub/channels.h"
#include "pubsub/namemap.h"

struct spent_key;

struct spent_keys {
    struct namemap map; /* by the key's length, the key, the channel */
    struct spent_key *oldest, *newest;
    size_t bytes;
};

/* True where the key was used: *first is its answer, or has `conflict` set where the data was another. */
bool spent_keys_find(const struct spent_keys *k, struct bytes channel, struct bytes key,
                     struct bytes data, uint64_t now_ms, struct publication *first);
/* Beyond bytes_max the oldest go. */
void spent_keys_add(struct spent_keys *k, struct bytes channel, struct bytes key, struct bytes data,
                    uint64_t now_ms, struct publication first, size_t bytes_max);
void spent_keys_expire(struct spent_keys *k, uint64_t now_ms);
void spent_keys_release(struct spent_keys *k);

#endif
