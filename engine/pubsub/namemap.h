/* A map from names (bytes) to pointers: chained hashing over the engine's table hash. What the hub,
 * a mailbox and a session keep channels in. Small when empty; grows by doubling. No lock of its
 * own. */
#ifndef ATRIUM_PUBSUB_NAMEMAP_H
#define ATRIUM_PUBSUB_NAMEMAP_H

#include "base/bytes.h"

struct name_node {
    struct name_node *next;
    uint64_t hash;
    void *value;
    struct bytes name; /* stored behind the node */
};

struct namemap {
    struct name_node **bucket;
    size_t n, cap; /* cap is 0 or a power of two */
};

struct name_node *namemap_find(const struct namemap *m, struct bytes name);
/* The node of that name, made with a NULL value where it is not there. */
struct name_node *namemap_get(struct namemap *m, struct bytes name);
/* Removes and frees the node; the value is the caller's. */
void namemap_remove(struct namemap *m, struct name_node *node);
/* Frees nodes and buckets. */
void namemap_release(struct namemap *m);
/* Iteration: the first node and the next one, NULL at the end. The map may not change meanwhile,
 * but for the removal of the node that was returned last, after its successor has been taken. */
struct name_node *namemap_first(const struct namemap *m);
struct name_node *namemap_next(const struct namemap *m, const struct name_node *node);

#endif
