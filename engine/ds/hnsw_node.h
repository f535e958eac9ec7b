/* The layout of a node of ds/hnsw.h, and what its files share. */
#ifndef ATRIUM_DS_HNSW_NODE_H
#define ATRIUM_DS_HNSW_NODE_H

#include <string.h>

#include "ds/hnsw.h"

/* The links of one level. */
struct hnsw_links {
    uint16_t n;
    uint8_t level; /* on level 0: the node's highest; HNSW_FREE where the node is free */
    uint8_t spare;
    uint32_t id[];
};

#define HNSW_FREE 0xFF

/* What a node with upper levels has instead of its item; the blocks of levels 1 and up follow. */
struct hnsw_upper {
    void *item;
    uint32_t block[];
};

static inline uint8_t *hnsw_node(const struct hnsw *h, uint32_t id)
{
    return h->nodes + id * h->stride;
}

static inline struct hnsw_links *hnsw_base(const struct hnsw *h, uint32_t id)
{
    return (struct hnsw_links *)(void *)(hnsw_node(h, id) + h->links_at);
}

/* The pointer before the links is aligned to 4 only. */
static inline void *hnsw_pointer(const struct hnsw *h, uint32_t id)
{
    void *p;
    memcpy(&p, hnsw_node(h, id) + h->links_at - sizeof p, sizeof p);
    return p;
}

static inline size_t hnsw_block_words(const struct hnsw *h)
{
    return 1 + h->m;
}

static inline struct hnsw_links *hnsw_level_links(const struct hnsw *h, uint32_t id, unsigned level)
{
    if (level == 0)
        return hnsw_base(h, id);
    struct hnsw_upper *upper = hnsw_pointer(h, id);
    return (struct hnsw_links *)(void *)(upper->block + (level - 1) * hnsw_block_words(h));
}

static inline bool hnsw_live(const struct hnsw *h, uint32_t id)
{
    return id < h->used && hnsw_base(h, id)->level != HNSW_FREE;
}

static inline unsigned hnsw_room(const struct hnsw *h, unsigned level)
{
    return level ? h->m : 2 * h->m;
}

/* scale and norm. */
static inline const float *hnsw_floats(const struct hnsw *h, uint32_t id)
{
    return (const float *)(const void *)(hnsw_node(h, id) + h->links_at - sizeof(void *) -
                                         2 * sizeof(float));
}

/* ---- hnsw.c ---------------------------------------------------------------------------------- */

/* A new node without links. */
uint32_t hnsw_node_new(struct hnsw *h, const struct hnsw_query *q, void *item, unsigned level);
void hnsw_node_free(struct hnsw *h, uint32_t id);

/* ---- hnsw_search.c --------------------------------------------------------------------------- */

/* The thread's own memory for distances of a list of nodes. */
struct hnsw_lane {
    const void **at;
    float *distance;
    uint32_t *id;
    size_t cap;
};

struct hnsw_lane *hnsw_lane(size_t n);
/* lane->distance of lane->id[0..n). */
void hnsw_distances(const struct hnsw *h, const struct hnsw_query *q, struct hnsw_lane *lane,
                    size_t n);
/* A node's vector as a query, for as long as `room` (dim bytes, for int8) and the node stay. */
void hnsw_borrow_query(struct hnsw_query *q, const struct hnsw *h, uint32_t id, void *room);
/* The thread's room for a borrowed query: dim bytes. */
void *hnsw_query_room(const struct hnsw *h);

/* ---- hnsw_link.c ----------------------------------------------------------------------------- */

bool hnsw_linked(const struct hnsw *h, unsigned level, uint32_t a, uint32_t b);
void hnsw_link(struct hnsw *h, unsigned level, uint32_t a, uint32_t b);
void hnsw_unlink(struct hnsw *h, unsigned level, uint32_t a, uint32_t b);
/* Keeps of n candidates, nearest first, those that no kept one is nearer to than the query; at most `max` of them stay in
 * near[]. How many. */
size_t hnsw_select(const struct hnsw *h, struct hnsw_near *near, size_t n, size_t max);
/* Drops links of a full node that another way makes up for; true where there is room then. */
bool hnsw_make_room(struct hnsw *h, unsigned level, uint32_t id);
/* Links the members of a broken neighbourhood anew, so that they are connected again. */
void hnsw_mend(struct hnsw *h, unsigned level, const uint32_t *ids, size_t n);

#endif
