/* A graph for the nearest neighbours of a vector by cosine: HNSW (Malkov and Yashunin, "Efficient and robust approximate
 * nearest neighbor search using hierarchical navigable small world graphs", 2016), with real deletion.
 *
 * A node is a record of fixed size in one array, under a 4-byte id:
 *
 *   [vector][scale][norm][item or upper][links: n, level, ids]
 *
 * The vector is normalised and in one of three forms (ds/vector.h): f32; int8 by the vector's own range (scale is what one
 * step of 127 is worth); or its signs. `norm` is the length that it had. One node in M has links on upper levels; its
 * item pointer moves into their block. Level 0 has up to 2 M links a node, the others M.
 *
 * Unlike the paper's, all links lead both ways, and each level stays connected: a link is only dropped where a third
 * node is (or becomes) linked to both of its ends, so that a node can leave without a search for who points at it.
 *
 * Invariants (hnsw_check): links lead both ways, to live nodes of that level or higher, none twice, none to itself; every
 * level is connected; the entry is a node of the highest level.
 *
 * Complexity: a search visits about ef * M nodes; an insert is a search and O(M) repairs; a removal O(M^2) distances; memory
 * O(n). Distances are 1 - cos, from 0 to 2.
 *
 * Thread rule: functions that take a const graph may run side by side; the others need it alone. What searches need
 * besides (marks, heaps) belongs to the thread. Ids are reused after a removal. */
#ifndef ATRIUM_DS_HNSW_H
#define ATRIUM_DS_HNSW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hnsw_form { HNSW_F32, HNSW_INT8, HNSW_BITS };

#define HNSW_M_MIN   4
#define HNSW_M_MAX   4096
#define HNSW_DIM_MAX 65536
#define HNSW_LEVELS  24
#define HNSW_NONE    UINT32_MAX

struct hnsw {
    uint32_t dim, m;
    enum hnsw_form form;
    size_t count;
    uint32_t entry; /* HNSW_NONE where empty */
    unsigned top;   /* the entry's level */
    uint64_t removals;
    /* Memory of the nodes. */
    uint8_t *nodes;
    uint32_t cap;             /* nodes that there is room for */
    uint32_t used, free_list; /* ids ever given out; HNSW_NONE ends the list */
    size_t vector_bytes, links_at, stride;
    size_t upper_bytes;
};

/* A vector in the form of its graph, to search for or to insert. */
struct hnsw_query {
    void *data; /* int8: signed */
    float scale, norm;
    int32_t bias; /* int8: what the stored offset of 128 adds to each product */
};

/* A node and its distance. */
struct hnsw_near {
    float distance;
    uint32_t id;
};

struct hnsw *hnsw_new(uint32_t dim, uint32_t m, enum hnsw_form form);
/* Items are not touched. */
void hnsw_free(struct hnsw *h);
/* The same nodes under the same ids, with the same item pointers. O(bytes). */
struct hnsw *hnsw_dup(const struct hnsw *h);
size_t hnsw_mem_bytes(const struct hnsw *h);

/* `values` has dim finite floats. A vector of zeros has norm 0 and is at distance 1 from all. */
void hnsw_query_init(struct hnsw_query *q, const struct hnsw *h, const float *values);
/* The vector of a node, as it is stored. */
void hnsw_query_of_node(struct hnsw_query *q, const struct hnsw *h, uint32_t id);
/* From the stored form (hnsw_stored) with its scale and norm. */
void hnsw_query_of_stored(struct hnsw_query *q, const struct hnsw *h, const void *stored,
                          float scale, float norm);
void hnsw_query_release(struct hnsw_query *q);

/* ---- searching ------------------------------------------------------------------------------- */

struct hnsw_params {
    size_t ef;      /* candidates kept; at least limit is used */
    size_t limit;   /* results wanted */
    float farthest; /* results beyond this distance are left out; 2: all */
    /* Only items that it accepts are results; NULL: all. It is asked about at most accept_max of them. */
    bool (*accept)(void *ctx, void *item);
    void *ctx;
    size_t accept_max;
};

/* The nearest ones, nearest first, into out (room for limit); how many. */
size_t hnsw_search(const struct hnsw *h, const struct hnsw_query *q, const struct hnsw_params *p,
                   struct hnsw_near *out);
/* The same by looking at every node; ef and accept_max play no part. */
size_t hnsw_search_exact(const struct hnsw *h, const struct hnsw_query *q,
                         const struct hnsw_params *p, struct hnsw_near *out);
float hnsw_distance(const struct hnsw *h, const struct hnsw_query *q, uint32_t id);

/* ---- changing -------------------------------------------------------------------------------- */

/* Where a new node will go: found beside searches (hnsw_plan), used by the insert. */
struct hnsw_plan {
    unsigned level; /* of the new node */
    unsigned top;   /* the graph's then */
    bool empty;
    uint64_t removals;
    struct hnsw_near *near[HNSW_LEVELS];
    size_t n[HNSW_LEVELS];
};

/* A plan with a random level for the new node; hnsw_insert can do with it alone. */
void hnsw_plan_begin(struct hnsw_plan *p, const struct hnsw *h);
/* Finds the new node's neighbours. */
void hnsw_plan(struct hnsw_plan *p, const struct hnsw *h, const struct hnsw_query *q, size_t ef);
void hnsw_plan_release(struct hnsw_plan *p);
/* Inserts by a plan that may be older than the graph: what has gone since is left out, and where that is too much a new
 * plan is made. Releases the plan. The node's id. */
uint32_t hnsw_insert(struct hnsw *h, const struct hnsw_query *q, void *item, size_t ef,
                     struct hnsw_plan *p);
void hnsw_remove(struct hnsw *h, uint32_t id);

/* A node with its links as they were stored before, without a search: `level` blocks of links follow by hnsw_restore_link.
 * All ids below the number of nodes are given in ascending order. */
uint32_t hnsw_restore(struct hnsw *h, const struct hnsw_query *q, void *item, unsigned level);
/* One direction; false where the link is not possible (no such node or level, no room, itself, twice). */
bool hnsw_restore_link(struct hnsw *h, uint32_t id, unsigned level, uint32_t to);
/* After the last node: false where an invariant is broken; the graph must be freed then. O(links). */
bool hnsw_restore_end(struct hnsw *h);

/* ---- nodes ----------------------------------------------------------------------------------- */

void *hnsw_item(const struct hnsw *h, uint32_t id);
void hnsw_set_item(struct hnsw *h, uint32_t id, void *item);
unsigned hnsw_level(const struct hnsw *h, uint32_t id);
/* The links of a node on a level up to its own; how many. Good until the next change. */
size_t hnsw_links(const struct hnsw *h, uint32_t id, unsigned level, const uint32_t **ids);
/* The vector's bytes as stored: float[dim], uint8_t[dim] (plus 128), or (dim + 7) / 8 bytes. */
const void *hnsw_stored(const struct hnsw *h, uint32_t id);
size_t hnsw_stored_bytes(const struct hnsw *h);
float hnsw_scale(const struct hnsw *h, uint32_t id);
float hnsw_norm(const struct hnsw *h, uint32_t id);
/* The values back, with the length that they had; signs as -1 and 1. */
void hnsw_values(const struct hnsw *h, uint32_t id, float *values);
/* Live ids: the first one from `from` on, HNSW_NONE at the end. */
uint32_t hnsw_next(const struct hnsw *h, uint32_t from);

/* Aborts where an invariant is broken (tests). O(links). */
void hnsw_check(const struct hnsw *h);
/* Is every level connected, and are all links sound? hnsw_check and hnsw_restore_end ask it. */
bool hnsw_sound(const struct hnsw *h);

#endif
