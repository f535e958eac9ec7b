/* What the files of the keyspace share: its struct, slices, unlinking, reclaiming. */
#ifndef ATRIUM_KEYSPACE_INTERNAL_H
#define ATRIUM_KEYSPACE_INTERNAL_H

#include "keyspace/keyspace.h"

struct reclaimer;

struct keyspace {
    struct gate gate;
    struct shard shards[SHARD_COUNT];
    keyspace_expired_fn *expired;
    keyspace_part_expired_fn *part_expired;
    void *expired_ctx;
    struct reclaimer *reclaimer;
};

/* The keyspace's node for an object with deadlines inside (a hash with field TTLs): in slice.inner. */
struct inner_node {
    struct wheel_node node; /* first, so that a node is its inner_node */
    size_t key_len;
    char key[];
};

struct slice *slice_new(uint64_t now_ms);
/* Frees the slice with its entries. */
void slice_free(struct slice *s);

/* Takes the entry at `p` out of the table and its nodes out of the wheels; returns it. */
struct entry *slice_unlink(struct slice *s, struct table_pos *p, uint64_t hash);
/* Takes the object's inner node out of the wheel and frees it, where there is one. */
void slice_drop_inner(struct slice *s, struct entry *e);
/* Unlinks an expired key, counts it, and tells. */
void keyspace_expire_entry(struct keyspace *ks, struct shard *sh, unsigned db, struct table_pos *p,
                           uint64_t hash, const char *event);

/* Removes parts that are due from the object at `p`, a batch at most; where that empties it, the key goes too and
 * p->array is NULL. Returns how many parts. */
size_t keyspace_expire_inner(struct keyspace *ks, unsigned db, const struct keyref *k,
                             struct table_pos *p, uint64_t now_ms);

/* An unlinked entry: freed at once where that is cheap, else kept for keyspace_reclaim. */
void garbage_add(struct entry *e);

struct reclaimer *reclaimer_new(void);
/* Waits until all is freed. */
void reclaimer_free(struct reclaimer *r);
/* Hands a slice to the reclaimer's thread. */
void reclaimer_slice(struct reclaimer *r, struct slice *s);
size_t reclaimer_pending(struct reclaimer *r);
/* The calling thread's garbage, freed or handed over. */
void garbage_flush(struct reclaimer *r);

#endif
