/* An order-statistics B+tree: (score, member) pairs in order, with ranks.
 *
 * Items are a double and a 32-bit handle of a record that holds the member's bytes; the owner's `member`
 * function shows them, and it is asked only where scores tie. Leaves hold scores and handles in two arrays
 * and are linked both ways; an inner node holds, for each child, the child's first item, the number of items
 * below it, and the pointer.
 *
 *              inner  | s h | s h | s h |      first item of each child
 *                     | cnt | cnt | cnt |      items below each child
 *                     |  *  |  *  |  *  |
 *       leaf <-> leaf <-> leaf        scores[62], handles[62]: 768 bytes
 *
 * A full node first shares with a sibling that has room and splits only where neither has, so random inserts
 * leave nodes about 85% full; items added in ascending order fill leaves to the brim. A node below half
 * merges with a sibling or takes from it.
 *
 * Invariants (btree_check): items ascend strictly by (score, member bytes); all leaves are equally deep;
 * first items and counts of inner nodes are exact; the leaf list is the order.
 * Complexity: O(log n) for insert, erase, rank, select and seek; O(1) for a step. Bayer and McCreight (1972);
 * the counts are the order statistics of Cormen et al., ch. 14. Thread rule: one owner. */
#ifndef ATRIUM_DS_BTREE_H
#define ATRIUM_DS_BTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define BTREE_LEAF_MAX  62
#define BTREE_INNER_MAX 42

/* The member's bytes of a record. */
typedef struct bytes btree_member(const void *owner, uint32_t handle);

struct btree_leaf {
    struct btree_leaf *prev, *next;
    uint32_t n;
    double score[BTREE_LEAF_MAX];
    uint32_t handle[BTREE_LEAF_MAX];
};

struct btree {
    void *root;      /* a leaf where height is 0; NULL where empty */
    unsigned height; /* inner levels above the leaves */
    size_t count;
    size_t nodes_bytes;
    btree_member *member;
    const void *owner;
};

/* A place between items: items below it come before it. */
struct btree_key {
    double score;
    enum { BTREE_BELOW_ALL, BTREE_MEMBER, BTREE_ABOVE_ALL } kind; /* of the members of that score */
    struct bytes member;                                          /* BTREE_MEMBER */
    bool after; /* BTREE_MEMBER: the place is just after the equal item, not before it */
    bool lex;   /* scores are not looked at: all are taken to be equal */
};

/* An item's position; leaf is NULL past either end. Good until the next insert or erase. */
struct btree_pos {
    struct btree_leaf *leaf;
    uint32_t i;
};

void btree_init(struct btree *t, btree_member *member, const void *owner);
void btree_release(struct btree *t);

/* The item is not there. */
void btree_insert(struct btree *t, double score, uint32_t handle);
/* The item is there, and its record still holds its member. */
void btree_erase(struct btree *t, double score, uint32_t handle);

/* The item `handle` is there; its record is at `by` now. Both can still be read. */
void btree_replace(struct btree *t, double score, uint32_t handle, uint32_t by);

/* The number of items below the key, and the position of the first that is not (pos may be NULL). */
size_t btree_lower(const struct btree *t, const struct btree_key *key, struct btree_pos *pos);
/* The item of that rank, from 0. */
struct btree_pos btree_select(const struct btree *t, size_t rank);

static inline double btree_score(const struct btree_pos *p)
{
    return p->leaf->score[p->i];
}

static inline uint32_t btree_handle(const struct btree_pos *p)
{
    return p->leaf->handle[p->i];
}

void btree_next(struct btree_pos *p);
void btree_prev(struct btree_pos *p);

/* Aborts where an invariant is broken (tests). O(n). */
void btree_check(const struct btree *t);

#endif
