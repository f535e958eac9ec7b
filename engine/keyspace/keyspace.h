/* The keyspace: databases of keys over shards. What command handlers see of it is commands/exec.h; this is
 * the layer below, in terms of a key reference and a database number.
 *
 * Functions named _locked: the caller holds the lock of k->shard (or has the gate closed). The others take
 * shard locks by themselves, one at a time, and are for whole-keyspace work in slices.
 *
 * A key whose deadline has passed is never returned: a look-up removes it at once (exact expiry), and
 * keyspace_expire_cycle removes the rest in slices of at most 50 us a shard.
 *
 * Entries that a write unlinks are freed by keyspace_reclaim after the locks are released; those costly
 * to free go to the reclaimer thread. */
#ifndef ATRIUM_KEYSPACE_KEYSPACE_H
#define ATRIUM_KEYSPACE_KEYSPACE_H

#include "base/bytes.h"
#include "keyspace/entry.h"
#include "keyspace/shard.h"

struct keyspace;

/* A key of the command at hand, hashed once. */
struct keyref {
    struct bytes name;
    uint64_t hash;
    struct shard *shard;
};

/* Called for each key that expiry removes (also a hash emptied by its fields' deadlines), with the
 * shard's lock held: `event` is "expired" or "hexpired". Used for notifications, log and watchers. */
typedef void keyspace_expired_fn(void *ctx, unsigned db, struct bytes key, const char *event);

struct keyspace *keyspace_new(void);
void keyspace_free(struct keyspace *ks);
/* The same for each part of an object that goes by its own deadline (a hash's field), before the object's "hexpired". */
typedef void keyspace_part_expired_fn(void *ctx, unsigned db, struct bytes key, struct bytes part);
void keyspace_on_expired(struct keyspace *ks, keyspace_expired_fn *fn,
                         keyspace_part_expired_fn *part_fn, void *ctx);
struct gate *keyspace_gate(struct keyspace *ks);
struct keyref keyspace_ref(struct keyspace *ks, struct bytes key);
struct shard *keyspace_shards(struct keyspace *ks); /* SHARD_COUNT of them */

/* ---- one key, its shard's lock held --------------------------------------------------------- */

/* NULL where missing or past its deadline at now_ms (it is removed then). Does not touch the clock. */
struct entry *keyspace_find_locked(struct keyspace *ks, unsigned db, const struct keyref *k,
                                   uint64_t now_ms);
/* Puts `e` (its key equals k->name) in place of what is there; the old entry is unlinked and freed. The
 * deadline node of e is added to the wheel where it has one with when_ms set by deadline_ms > 0; 0: none. */
void keyspace_put_locked(struct keyspace *ks, unsigned db, const struct keyref *k, struct entry *e,
                         uint64_t deadline_ms);
/* SET's path: value and deadline in one look-up. keep_ttl: the old deadline stays. Returns the entry. */
struct entry *keyspace_set_string_locked(struct keyspace *ks, unsigned db, const struct keyref *k,
                                         struct bytes value, uint64_t deadline_ms, bool keep_ttl);
/* The value alone, deadline and client flags kept; `e` is what find returned. */
struct entry *keyspace_set_int_locked(struct keyspace *ks, unsigned db, const struct keyref *k,
                                      struct entry *e, int64_t value);
/* Sets (deadline_ms > 0) or clears (0) the deadline; may move the entry: returns it. */
struct entry *keyspace_set_deadline_locked(struct keyspace *ks, unsigned db, const struct keyref *k,
                                           struct entry *e, uint64_t deadline_ms);
/* Sets memcached's flags word; may move the entry. */
struct entry *keyspace_set_client_flags_locked(struct keyspace *ks, unsigned db,
                                               const struct keyref *k, struct entry *e,
                                               uint32_t flags);
/* String bytes for editing in place (APPEND, SETRANGE), grown to n; may move the entry. */
struct entry *keyspace_edit_locked(struct keyspace *ks, unsigned db, const struct keyref *k,
                                   struct entry *e, size_t n, char **data);
/* Unlinks and frees the key; false where it is not there. */
bool keyspace_delete_locked(struct keyspace *ks, unsigned db, const struct keyref *k);
/* Unlinks and hands the entry over (RENAME, MOVE): its deadline is returned, its node is in no wheel. */
struct entry *keyspace_take_locked(struct keyspace *ks, unsigned db, const struct keyref *k,
                                   uint64_t *deadline_ms);
/* The object's earliest inner deadline changed (hash field TTLs): keeps the `inner` wheel right. Call it
 * after any write that may have changed it; put, take and delete call it themselves. */
void keyspace_inner_deadline_locked(struct keyspace *ks, unsigned db, const struct keyref *k,
                                    struct entry *e);

/* ---- whole keyspace ------------------------------------------------------------------------- */

/* So many keys are about to come to an empty database: a hint. Shards are locked one at a time. */
void keyspace_reserve(struct keyspace *ks, unsigned db, size_t keys);
/* Hints the processor to fetch what a look-up of the key reads first, the table's bucket; and what it reads next, the
 * entry, once the bucket is there. Nothing where the shard's lock is taken. */
void keyspace_prefetch(const struct keyref *k, unsigned db);
void keyspace_prefetch_entry(const struct keyref *k, unsigned db);
/* Number of keys; expired ones that were not removed yet count. O(shards). */
size_t keyspace_size(struct keyspace *ks, unsigned db);
/* Keys with a deadline. */
size_t keyspace_volatile_size(struct keyspace *ks, unsigned db);
/* Keys whose object has deadlines inside (hash fields). */
size_t keyspace_inner_size(struct keyspace *ks, unsigned db);
/* Visits about `count` entries from `cursor` on under their shard's lock; returns the next cursor, 0 at
 * the end. visit may not write. */
uint64_t keyspace_scan(struct keyspace *ks, unsigned db, uint64_t cursor, size_t count,
                       uint64_t now_ms, table_visit *visit, void *ctx);
/* A random key appended to `out`; false where the database is empty. */
bool keyspace_random_key(struct keyspace *ks, unsigned db, uint64_t now_ms, struct buf *out);
/* The gate must be closed by the caller. Old contents are freed by the reclaimer (async) or now. */
void keyspace_flush_gated(struct keyspace *ks, int db_or_all, bool async);
void keyspace_swap_gated(struct keyspace *ks, unsigned a, unsigned b);

/* One round of active expiry over all shards, each for at most slice_us; skips shards whose lock is
 * taken. Returns the number of keys and fields removed. Called by the engine's timer thread. */
size_t keyspace_expire_cycle(struct keyspace *ks, uint64_t slice_us);

/* Has an object freed that is under no key any more: by keyspace_reclaim. Any thread of the engine. */
void keyspace_discard(enum value_type type, void *object);
/* Frees what this thread's commands unlinked; call without locks. Cheap where there is nothing. */
void keyspace_reclaim(struct keyspace *ks);

struct keyspace_stats {
    uint64_t expired_keys, expired_fields, evicted_keys;
    size_t table_bytes, reclaim_pending;
};
struct keyspace_stats keyspace_stats(struct keyspace *ks);
void keyspace_reset_stats(struct keyspace *ks);
/* Checks every shard's tables and wheels (tests). */
void keyspace_check(struct keyspace *ks);

#endif
