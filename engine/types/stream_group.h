/* Groups of a stream: who has read how far, and what has been delivered but not acknowledged.
 *
 *   group: last_id, pending (id -> nack), consumers by name
 *   consumer: pending (id -> the same nack)
 *
 * A nack is one entry delivered to one consumer; it is in the group's map and its consumer's. For
 * XREADGROUP CLAIM a group keeps its nacks by the time of their delivery as well, from the first
 * such command on (by_time: time and a running number -> nack); other groups do not pay for it.
 *
 * Invariants (stream_groups_check): names ascend; the consumers' pending maps are disjoint, and
 * together the group's; by_time holds the same nacks, where it is kept.
 *
 * Complexity: O(log(pending)) for a nack, O(log(names)) for a name, but O(names) to add or remove
 * one. Fields are read freely and written by the functions alone. Thread rule: the stream's owner.
 */
#ifndef ATRIUM_TYPES_STREAM_GROUP_H
#define ATRIUM_TYPES_STREAM_GROUP_H

#include "types/stream.h"

#define STREAM_UNKNOWN (-1) /* a counter that is not known */

struct stream_consumer {
    struct bytes name;
    int64_t seen_at_ms;   /* last attempt */
    int64_t active_at_ms; /* last success, -1: never */
    struct idmap pending;
    char text[];
};

struct stream_nack {
    int64_t delivered_at_ms;
    uint64_t deliveries;
    struct stream_consumer *consumer;
    struct id entry;
    uint64_t serial; /* its place in by_time among those of the same time */
};

struct stream_group {
    struct bytes name;
    struct id last_id;
    int64_t entries_read; /* or STREAM_UNKNOWN */
    struct idmap pending;
    struct idmap by_time;
    bool timed; /* by_time is kept */
    uint64_t serials;
    struct stream_names consumers;
    char text[];
};

/* ---- groups -------------------------------------------------------------------------------------
 */

static inline struct stream_group *stream_group_at(const struct stream *s, size_t i)
{
    return s->groups.at[i]; /* i is below their number. NOLINT(clang-analyzer-core.*) */
}

/* NULL where missing. */
struct stream_group *stream_group_find(const struct stream *s, struct bytes name);
/* NULL where there is one of that name. */
struct stream_group *stream_group_create(struct stream *s, struct bytes name, struct id last_id,
                                         int64_t entries_read);
bool stream_group_destroy(struct stream *s, struct bytes name);
void stream_group_set(struct stream_group *g, struct id last_id, int64_t entries_read);
/* The group reads on to `id`, an entry of the stream: last_id and entries_read. */
void stream_group_advance(const struct stream *s, struct stream_group *g, struct id id);
/* Entries that the group has not read, STREAM_UNKNOWN where the counters do not tell. */
int64_t stream_group_lag(const struct stream *s, const struct stream_group *g);

/* ---- consumers ----------------------------------------------------------------------------------
 */

static inline struct stream_consumer *stream_consumer_at(const struct stream_group *g, size_t i)
{
    return g->consumers.at[i]; /* as above. NOLINT(clang-analyzer-core.*) */
}

struct stream_consumer *stream_consumer_find(const struct stream_group *g, struct bytes name);
/* NULL where there is one of that name. */
struct stream_consumer *stream_consumer_create(struct stream_group *g, struct bytes name,
                                               int64_t now_ms);
/* With its pending entries. O(its pending * log). */
void stream_consumer_delete(struct stream_group *g, struct stream_consumer *c);

/* ---- pending entries ----------------------------------------------------------------------------
 */

struct stream_nack *stream_nack_find(const struct stream_group *g, struct id id);
/* The entry is delivered to c for the first time; it is pending of nobody. */
struct stream_nack *stream_nack_add(struct stream_group *g, struct stream_consumer *c, struct id id,
                                    int64_t now_ms, uint64_t deliveries);
/* To another consumer, with another time; deliveries are the caller's. */
void stream_nack_move(struct stream_group *g, struct stream_nack *n, struct stream_consumer *c,
                      int64_t delivered_at_ms);
/* Acknowledged: true where it was pending. */
bool stream_nack_remove(struct stream_group *g, struct id id);
/* The nack that waits longest at or after this place of by_time, NULL at the end; the first call
 * makes by_time: O(pending * log(pending)) once. `from` moves behind the nack. */
struct stream_nack *stream_nack_oldest(struct stream_group *g, struct id *from);

/* ---- references ---------------------------------------------------------------------------------
 */

/* Does any group still need the entry: not read, or not acknowledged? O(groups * log(pending)). */
bool stream_is_needed(const struct stream *s, struct id id);
/* Takes it out of every group's pending entries. */
void stream_drop_refs(struct stream *s, struct id id);

/* ---- for types/stream*.c ------------------------------------------------------------------------
 */

void stream_groups_release(struct stream *s);
void stream_groups_copy(struct stream *to, const struct stream *from);
size_t stream_groups_mem_bytes(const struct stream *s);
void stream_groups_check(const struct stream *s);

#endif
