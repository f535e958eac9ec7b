/* An ordered map from 128-bit ids to pointers: a B+tree. Streams keep their blocks in one, and the
 * pending lists of groups and consumers.
 *
 *           +------ branch ------+
 *           |  c0  k1 c1  k2 c2  |         child i holds the ids in [k_i, k_i+1)
 *           +--|------|------|---+
 *        +-----+   +--+---+  +--+---+
 *        | leaf |<->| leaf |<->| leaf |    ids with their values, ascending; leaves are linked both
 * ways
 *        +------+   +------+   +------+
 *
 * A leaf has room for IDMAP_LEAF ids; the only leaf of a small map grows by doubling up to there. A
 * full node is cut in halves, but where the new id is the last of the map a new node is begun
 * instead: ids that come in order fill their leaves. A node that falls to a quarter is joined with
 * a neighbour of the same parent where both fit into three quarters; an empty node is gone.
 *
 * Invariants (idmap_check):
 *  1. ids ascend, over all leaves; the links give the leaves in the tree's order
 *  2. the ids of child i of a branch are in [k_i, k_i+1); all leaves have the same depth
 *  3. no node is empty, but for no node at all; the leaves' ids add up to n
 *
 * Complexity: O(log n) but for next and prev, which are O(1). Values belong to the caller, never
 * NULL. Places hold until the next edit. Thread rule: one owner. */
#ifndef ATRIUM_DS_IDMAP_H
#define ATRIUM_DS_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A stream's id: milliseconds, then a number within them. */
struct id {
    uint64_t ms, seq;
};

#define ID_MIN ((struct id){0, 0})
#define ID_MAX ((struct id){UINT64_MAX, UINT64_MAX})

static inline int id_cmp(struct id a, struct id b)
{
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    return a.seq == b.seq ? 0 : a.seq < b.seq ? -1 : 1;
}

#define IDMAP_LEAF 32

struct idmap_leaf;

struct idmap {
    void *root; /* a leaf where height is 0; NULL: empty */
    unsigned height;
    size_t n;
};

/* An id with its value. leaf is NULL where there is none. */
struct idmap_at {
    struct idmap_leaf *leaf;
    unsigned i;
    struct id id;
    void *value;
};

/* A zeroed struct is an empty map as well. */
static inline void idmap_init(struct idmap *m)
{
    *m = (struct idmap){0};
}

/* Frees the nodes; values stay. O(n). */
void idmap_release(struct idmap *m);

/* NULL where missing. */
void *idmap_get(const struct idmap *m, struct id id);
/* True where the id is new; else its value is replaced. */
bool idmap_put(struct idmap *m, struct id id, void *value);
/* The value taken out, NULL where missing. */
void *idmap_take(struct idmap *m, struct id id);

/* False where there is none. */
bool idmap_first(const struct idmap *m, struct idmap_at *at);
bool idmap_last(const struct idmap *m, struct idmap_at *at);
/* The lowest at or above id, the highest at or below it. */
bool idmap_ge(const struct idmap *m, struct id id, struct idmap_at *at);
bool idmap_le(const struct idmap *m, struct id id, struct idmap_at *at);
bool idmap_next(struct idmap_at *at);
bool idmap_prev(struct idmap_at *at);
/* Another value at a place. */
void idmap_set(struct idmap_at *at, void *value);

/* Bytes of the nodes. O(n / IDMAP_LEAF). */
size_t idmap_mem_bytes(const struct idmap *m);
/* Aborts where an invariant is broken (tests). O(n). */
void idmap_check(const struct idmap *m);

#endif
