/* The vector set type: elements with a name, a vector and optional attributes, and the graph to find the nearest of them.
 *
 *   graph: ds/hnsw.h; a node's item is its element
 *   names: ds/btree.h, node ids by the bytes of the names: look-up, VRANGE, random picks
 *
 * With a projection (REDUCE) vectors of `input_dim` values come in, and a matrix of fixed random signs and Gaussians makes
 * `graph->dim` of them (Johnson and Lindenstrauss).
 *
 * Searches are long, and run without the shard's lock: who wants that pins the set (vectorset_pin) while holding it, lets
 * go, and reads under `lock` (base/reserve_lock.h), which every write takes besides the shard's. A pinned set outlives its
 * key.
 *
 * Thread rule: reads need the shard's lock or a share of `lock`; writes need the shard's lock, with `lock` reserved or
 * excluded before. Complexity: look-ups O(log n), the rest as in ds/hnsw.h. */
#ifndef ATRIUM_TYPES_VECTORSET_H
#define ATRIUM_TYPES_VECTORSET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/reserve_lock.h"
#include "ds/btree.h"
#include "ds/hnsw.h"

struct vectorset {
    struct hnsw *graph;
    struct btree names;
    size_t with_attributes; /* elements that have any */
    size_t element_bytes;
    uint64_t uid;       /* of this set, in this process */
    uint64_t added;     /* nodes ever made */
    uint32_t input_dim; /* of a projection; 0: none */
    float *projection;  /* graph->dim rows of input_dim */
    struct reserve_lock lock;
    _Atomic unsigned pins;
};

/* An element; the name's bytes, then the attributes'. */
struct vector_element {
    uint32_t name_n, attributes_n; /* 0: no attributes */
    char data[];
};

static inline struct bytes vector_element_name(const struct vector_element *e)
{
    return bytes_of(e->data, e->name_n);
}

static inline struct bytes vector_element_attributes(const struct vector_element *e)
{
    return bytes_of(e->data + e->name_n, e->attributes_n);
}

#define VECTORSET_NAME_MAX (512u << 20)

/* reduce: the input's dimension where dim is what it is projected to, else 0. */
struct vectorset *vectorset_new(uint32_t dim, uint32_t m, enum hnsw_form form, uint32_t reduce);
struct vectorset *vectorset_dup(const struct vectorset *v);
/* Drops a pin; the last one frees. A new set has one pin, the keyspace's. */
void vectorset_unpin(struct vectorset *v);
void vectorset_pin(struct vectorset *v);
size_t vectorset_mem_bytes(const struct vectorset *v);

static inline size_t vectorset_count(const struct vectorset *v)
{
    return v->graph->count;
}

/* "f32", "int8" or "bin". */
const char *vectorset_form_name(enum hnsw_form form);
/* How many values a vector for this set has. */
uint32_t vectorset_input_dim(const struct vectorset *v);
/* The query for values (vectorset_input_dim of them). */
void vectorset_query(struct hnsw_query *q, const struct vectorset *v, const float *values);

/* The node of an element; HNSW_NONE where there is none. */
uint32_t vectorset_find(const struct vectorset *v, struct bytes name);
const struct vector_element *vectorset_element(const struct vectorset *v, uint32_t id);

/* Adds an element, or gives one another vector; its attributes stay. True where it is new. The plan is released. */
bool vectorset_add(struct vectorset *v, struct bytes name, const struct hnsw_query *q, size_t ef,
                   struct hnsw_plan *plan);
bool vectorset_remove(struct vectorset *v, struct bytes name);
/* Empty ones are none. The element is there. */
void vectorset_set_attributes(struct vectorset *v, uint32_t id, struct bytes attributes);

/* Elements in the order of their names: the n-th (n below the count); how many names are below `name`, or with `after`
 * below or equal. */
uint32_t vectorset_at(const struct vectorset *v, size_t n);
size_t vectorset_rank(const struct vectorset *v, struct bytes name, bool after);

/* Puts back what was stored: a node with hnsw_restore, then its name and attributes. False: the name is there already. */
bool vectorset_restore(struct vectorset *v, const struct hnsw_query *q, unsigned level,
                       struct bytes name, struct bytes attributes);

/* Aborts where an invariant is broken (tests). */
void vectorset_check(const struct vectorset *v);

#endif
