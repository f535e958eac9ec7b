/* Who waits for a change of a key: transactions that watch it (WATCH) and commands that are blocked on it
 * (BLPOP). Each shard has a table of such keys; it is NULL while there are none, which is all that a write
 * to a key without audience pays.
 *
 * A watch is a flag of its session's, raised by the first change. A wait_link stands in the key's queue, in the
 * order of arrival; what is done with it is commands/wait.h's matter.
 *
 * Complexity: O(1) a look-up, O(watchers) a change. Thread rule: the lock of the key's shard; with the gate
 * closed, nobody's. Memory: nodes and queues are this room's, watches and links their owners'. */
#ifndef ATRIUM_KEYSPACE_INTEREST_H
#define ATRIUM_KEYSPACE_INTEREST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct interest;
struct interest_table;
struct shard;
struct shard_set;
struct waiter;

struct watch {
    _Atomic bool *dirty; /* raised by a change of the key */
    struct interest *on; /* NULL: not linked */
    struct watch *next, *prev;
};

struct wait_link {
    struct waiter *waiter;
    const struct shard_set *shards; /* all that the blocked command has keys in */
    struct interest *on;            /* NULL: not linked */
    struct wait_link *next, *prev;
};

struct interest {
    struct interest *next; /* of the bucket */
    struct shard *shard;
    uint64_t hash;
    struct watch *watches;
    struct wait_link *first, *last; /* blocked commands, the oldest first */
    struct interest *next_ready;    /* on a thread's list of keys that changed */
    bool ready;                     /* it is on one */
    uint8_t db;
    size_t key_len;
    char key[];
};

static inline struct bytes interest_key(const struct interest *in)
{
    return bytes_of(in->key, in->key_len);
}

/* The key's node; NULL where nobody waits for it. The shard's table may be NULL. */
struct interest *interest_find(const struct shard *sh, unsigned db, uint64_t hash,
                               struct bytes key);

/* Puts the watch, or the link at the queue's end; `w` is in no queue before. */
void interest_watch(struct shard *sh, unsigned db, uint64_t hash, struct bytes key,
                    struct watch *w);
void interest_wait(struct shard *sh, unsigned db, uint64_t hash, struct bytes key,
                   struct wait_link *w);
/* Takes it out, where it is in; frees the node with its last watch and link unless it is on a ready list. */
void interest_unwatch(struct watch *w);
void interest_unwait(struct wait_link *w);
/* The shards of all commands that are blocked on keys of this one; now and then one that left is still counted.
 * NULL: there are none. */
const struct shard_set *interest_audience(const struct shard *sh);
/* Called when the node has been taken off its ready list. */
void interest_settle(struct interest *in);

/* Raises the flags of those who watch the key. */
void interest_raise(struct interest *in);

typedef void interest_visit(struct interest *in, void *ctx);
/* Visits every node of the shard; the visitor may not add or remove. */
void interest_each(struct shard *sh, interest_visit *visit, void *ctx);

/* Aborts where the table is not consistent (tests). */
void interest_check(const struct shard *sh);

#endif
