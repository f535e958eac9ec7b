#include "types/vectorset.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ds/vector.h"
#include "keyspace/entry.h"
#include "types/registry.h"

static _Atomic uint64_t last_uid;

static struct bytes name_of(const void *owner, uint32_t id)
{
    const struct vectorset *v = owner;
    return vector_element_name(hnsw_item(v->graph, id));
}

/* ---- projections ----------------------------------------------------------------------------- */

/* A generator of its own (SplitMix64, Steele et al. 2014): the same matrix for the same dimensions, everywhere. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static double next_unit(uint64_t *state)
{
    return (double)(next_random(state) >> 11) * 0x1p-53;
}

static float *make_projection(uint32_t from, uint32_t to)
{
    uint64_t state = (uint64_t)from << 32 | to;
    float *matrix = mem_alloc((size_t)from * to * sizeof *matrix);
    double scale = 1 / sqrt(to);
    for (size_t i = 0; i < (size_t)from * to; i++) {
        double a = next_unit(&state), b = next_unit(&state);
        matrix[i] = (float)(scale * sqrt(-2 * log(1 - a)) * cos(6.283185307179586 * b));
    }
    return matrix;
}

/* ---- the whole ------------------------------------------------------------------------------- */

struct vectorset *vectorset_new(uint32_t dim, uint32_t m, enum hnsw_form form, uint32_t reduce)
{
    struct vectorset *v = mem_calloc(sizeof *v);
    v->graph = hnsw_new(dim, m, form);
    btree_init(&v->names, name_of, v);
    v->uid = atomic_fetch_add(&last_uid, 1) + 1;
    v->input_dim = reduce;
    v->projection = reduce ? make_projection(reduce, dim) : NULL;
    reserve_lock_init(&v->lock);
    v->pins = 1;
    return v;
}

static struct vector_element *element_new(struct bytes name, struct bytes attributes)
{
    struct vector_element *e = mem_alloc(sizeof *e + name.n + attributes.n);
    e->name_n = (uint32_t)name.n;
    e->attributes_n = (uint32_t)attributes.n;
    if (name.n)
        memcpy(e->data, name.p, name.n);
    if (attributes.n)
        memcpy(e->data + name.n, attributes.p, attributes.n);
    return e;
}

struct vectorset *vectorset_dup(const struct vectorset *v)
{
    struct vectorset *copy =
        vectorset_new(v->graph->dim, v->graph->m, v->graph->form, v->input_dim);
    hnsw_free(copy->graph);
    copy->graph = hnsw_dup(v->graph);
    copy->with_attributes = v->with_attributes;
    copy->element_bytes = v->element_bytes;
    copy->added = v->added;
    for (size_t i = 0; i < vectorset_count(v); i++) {
        uint32_t id = vectorset_at(v, i);
        const struct vector_element *e = vectorset_element(v, id);
        hnsw_set_item(copy->graph, id,
                      element_new(vector_element_name(e), vector_element_attributes(e)));
        btree_insert(&copy->names, 0, id);
    }
    return copy;
}

static void vectorset_free(struct vectorset *v)
{
    for (uint32_t id = hnsw_next(v->graph, 0); id != HNSW_NONE; id = hnsw_next(v->graph, id + 1))
        mem_free(hnsw_item(v->graph, id));
    btree_release(&v->names);
    hnsw_free(v->graph);
    mem_free(v->projection);
    reserve_lock_release(&v->lock);
    mem_free(v);
}

void vectorset_pin(struct vectorset *v)
{
    atomic_fetch_add_explicit(&v->pins, 1, memory_order_relaxed);
}

void vectorset_unpin(struct vectorset *v)
{
    if (atomic_fetch_sub_explicit(&v->pins, 1, memory_order_acq_rel) == 1)
        vectorset_free(v);
}

size_t vectorset_mem_bytes(const struct vectorset *v)
{
    return sizeof *v + hnsw_mem_bytes(v->graph) + v->names.nodes_bytes + v->element_bytes +
           (size_t)v->input_dim * v->graph->dim * sizeof(float);
}

const char *vectorset_form_name(enum hnsw_form form)
{
    return form == HNSW_F32 ? "f32" : form == HNSW_INT8 ? "int8" : "bin";
}

uint32_t vectorset_input_dim(const struct vectorset *v)
{
    return v->projection ? v->input_dim : v->graph->dim;
}

void vectorset_query(struct hnsw_query *q, const struct vectorset *v, const float *values)
{
    uint32_t dim = v->graph->dim;
    if (!v->projection) {
        hnsw_query_init(q, v->graph, values);
        return;
    }
    float *reduced = mem_alloc(dim * sizeof *reduced);
    for (uint32_t row = 0; row < dim; row++) {
        const void *at = v->projection + (size_t)row * v->input_dim;
        vector_kernels->dot_f32(values, &at, 1, v->input_dim, &reduced[row]);
    }
    hnsw_query_init(q, v->graph, reduced);
    mem_free(reduced);
}

/* ---- elements -------------------------------------------------------------------------------- */

const struct vector_element *vectorset_element(const struct vectorset *v, uint32_t id)
{
    return hnsw_item(v->graph, id);
}

uint32_t vectorset_find(const struct vectorset *v, struct bytes name)
{
    struct btree_pos pos;
    btree_lower(&v->names, &(struct btree_key){.kind = BTREE_MEMBER, .member = name}, &pos);
    if (!pos.leaf)
        return HNSW_NONE;
    uint32_t id = btree_handle(&pos);
    return bytes_eq(name_of(v, id), name) ? id : HNSW_NONE;
}

size_t vectorset_rank(const struct vectorset *v, struct bytes name, bool after)
{
    struct btree_key key = {.kind = BTREE_MEMBER, .member = name, .after = after};
    return btree_lower(&v->names, &key, NULL);
}

uint32_t vectorset_at(const struct vectorset *v, size_t n)
{
    struct btree_pos pos = btree_select(&v->names, n);
    return btree_handle(&pos);
}

/* ---- changing -------------------------------------------------------------------------------- */

static void hold(struct vectorset *v, const struct vector_element *e)
{
    v->element_bytes += mem_usable(e);
    v->with_attributes += e->attributes_n > 0;
}

static void let_go(struct vectorset *v, const struct vector_element *e)
{
    v->element_bytes -= mem_usable(e);
    v->with_attributes -= e->attributes_n > 0;
}

bool vectorset_add(struct vectorset *v, struct bytes name, const struct hnsw_query *q, size_t ef,
                   struct hnsw_plan *plan)
{
    uint32_t old = vectorset_find(v, name);
    struct vector_element *e;
    if (old == HNSW_NONE) {
        e = element_new(name, BYTES(""));
        hold(v, e);
    } else {
        e = hnsw_item(v->graph, old);
        btree_erase(&v->names, 0, old);
        hnsw_remove(v->graph, old);
    }
    btree_insert(&v->names, 0, hnsw_insert(v->graph, q, e, ef, plan));
    v->added++;
    return old == HNSW_NONE;
}

bool vectorset_remove(struct vectorset *v, struct bytes name)
{
    uint32_t id = vectorset_find(v, name);
    if (id == HNSW_NONE)
        return false;
    struct vector_element *e = hnsw_item(v->graph, id);
    btree_erase(&v->names, 0, id);
    hnsw_remove(v->graph, id);
    let_go(v, e);
    mem_free(e);
    return true;
}

void vectorset_set_attributes(struct vectorset *v, uint32_t id, struct bytes attributes)
{
    struct vector_element *old = hnsw_item(v->graph, id);
    struct vector_element *e = element_new(vector_element_name(old), attributes);
    let_go(v, old);
    hold(v, e);
    hnsw_set_item(v->graph, id, e);
    mem_free(old);
}

bool vectorset_restore(struct vectorset *v, const struct hnsw_query *q, unsigned level,
                       struct bytes name, struct bytes attributes)
{
    if (vectorset_find(v, name) != HNSW_NONE)
        return false;
    struct vector_element *e = element_new(name, attributes);
    hold(v, e);
    btree_insert(&v->names, 0, hnsw_restore(v->graph, q, e, level));
    v->added++;
    return true;
}

void vectorset_check(const struct vectorset *v)
{
    size_t attributes = 0, bytes = 0;
    hnsw_check(v->graph);
    btree_check(&v->names);
    for (size_t i = 0; i < vectorset_count(v); i++) {
        const struct vector_element *e = vectorset_element(v, vectorset_at(v, i));
        attributes += e->attributes_n > 0;
        bytes += mem_usable(e);
    }
    if (v->names.count == vectorset_count(v) && attributes == v->with_attributes &&
        bytes == v->element_bytes)
        return;
    fprintf(stderr, "vectorset_check: the numbers are wrong\n");
    abort();
}

/* ---- what the keyspace must know --------------------------------------------------------------- */

static void free_object(void *object)
{
    vectorset_unpin(object);
}

static void *dup_object(const void *object)
{
    return vectorset_dup(object);
}

static size_t mem_bytes(const void *object)
{
    return vectorset_mem_bytes(object);
}

static size_t count(const void *object)
{
    return vectorset_count(object);
}

/* What Redis answers for a value of a module. */
static const char *encoding(const void *object)
{
    (void)object;
    return "raw";
}

const struct type_ops vectorset_ops = {
    .name = "vectorset",
    .free = free_object,
    .dup = dup_object,
    .mem_bytes = mem_bytes,
    .free_effort = count,
    .encoding = encoding,
    .length = count,
};
