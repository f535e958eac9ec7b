/* The skiplist encoding of a sorted set: records, table, tree. Inside of the type; see types/zset.h. */
#ifndef ATRIUM_TYPES_ZSET_TREE_H
#define ATRIUM_TYPES_ZSET_TREE_H

#include "ds/btree.h"
#include "ds/compact.h"
#include "ds/handle_table.h"

struct zset_tree {
    struct compact records;
    struct handle_table table;
    struct btree tree;
    size_t outside_bytes;
};

/* `expected` members find room in the table without a resize. */
struct zset_tree *zset_tree_new(size_t expected);
void zset_tree_free(struct zset_tree *t);

/* 0 where missing. */
uint32_t zset_tree_find(const struct zset_tree *t, struct bytes member);
/* The member is not there. */
void zset_tree_add(struct zset_tree *t, struct bytes member, double score);
void zset_tree_set_score(struct zset_tree *t, uint32_t handle, double score);
void zset_tree_remove(struct zset_tree *t, uint32_t handle);

/* After so many writes: moves records where it is worth it. Handles are not valid after it.
 * O(writes log n). */
void zset_tree_tidy(struct zset_tree *t, size_t writes);

double zset_tree_score(const struct zset_tree *t, uint32_t handle);
struct bytes zset_tree_member(const struct zset_tree *t, uint32_t handle);
size_t zset_tree_mem_bytes(const struct zset_tree *t);
void zset_tree_check(const struct zset_tree *t);

#endif
