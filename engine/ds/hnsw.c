#include "ds/hnsw.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ds/hnsw_node.h"
#include "ds/vector.h"

#define FIRST_NODES 4
#define GROWTH      16 /* the array grows by one in so many of its nodes */

static size_t stored_bytes(uint32_t dim, enum hnsw_form form)
{
    if (form == HNSW_F32)
        return (size_t)dim * sizeof(float);
    return form == HNSW_INT8 ? dim : ((size_t)dim + 7) / 8;
}

struct hnsw *hnsw_new(uint32_t dim, uint32_t m, enum hnsw_form form)
{
    struct hnsw *h = mem_calloc(sizeof *h);
    *h =
        (struct hnsw){.dim = dim, .m = m, .form = form, .entry = HNSW_NONE, .free_list = HNSW_NONE};
    h->vector_bytes = stored_bytes(dim, form);
    h->links_at = (h->vector_bytes + 3) / 4 * 4 + 2 * sizeof(float) + sizeof(void *);
    h->stride = h->links_at + sizeof(struct hnsw_links) + 2 * (size_t)m * sizeof(uint32_t);
    return h;
}

static void free_upper(struct hnsw *h)
{
    for (uint32_t id = hnsw_next(h, 0); id != HNSW_NONE; id = hnsw_next(h, id + 1)) {
        if (hnsw_base(h, id)->level)
            mem_free(hnsw_pointer(h, id));
    }
}

void hnsw_free(struct hnsw *h)
{
    if (!h)
        return;
    free_upper(h);
    mem_free_pages(h->nodes, h->cap * h->stride);
    mem_free(h);
}

size_t hnsw_mem_bytes(const struct hnsw *h)
{
    return sizeof *h + h->used * h->stride +
           h->upper_bytes; /* what is beyond `used` was never touched */
}

/* ---- nodes ----------------------------------------------------------------------------------- */

/* Small arrays double; large ones grow by little, since that copies nothing. */
static void grow(struct hnsw *h)
{
    bool small = h->cap * h->stride < MEM_PAGES_MIN;
    uint32_t more = small ? h->cap : h->cap / GROWTH;
    uint32_t cap = h->cap + (more < FIRST_NODES ? FIRST_NODES : more);
    h->nodes = mem_grow_pages(h->nodes, h->cap * h->stride, cap * h->stride);
    h->cap = cap;
    mem_huge_pages(h->nodes, cap * h->stride);
}

static uint32_t take_id(struct hnsw *h)
{
    uint32_t id = h->free_list;
    if (id != HNSW_NONE) {
        h->free_list = hnsw_base(h, id)->id[0];
        return id;
    }
    if (h->used == h->cap)
        grow(h);
    return h->used++;
}

static size_t upper_bytes(const struct hnsw *h, unsigned level)
{
    return sizeof(struct hnsw_upper) + level * hnsw_block_words(h) * sizeof(uint32_t);
}

static void set_pointer(struct hnsw *h, uint32_t id, void *p)
{
    memcpy(hnsw_node(h, id) + h->links_at - sizeof p, &p, sizeof p);
}

/* What searches for and what is stored differ for int8 by the sign's bit. */
static void flip_signs(uint8_t *to, const uint8_t *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = from[i] ^ 0x80;
}

static void store_vector(struct hnsw *h, uint32_t id, const struct hnsw_query *q)
{
    uint8_t *node = hnsw_node(h, id);
    if (h->form == HNSW_INT8)
        flip_signs(node, q->data, h->vector_bytes);
    else
        memcpy(node, q->data, h->vector_bytes);
    memcpy(node + h->links_at - sizeof(void *) - 2 * sizeof(float), &q->scale, sizeof(float));
    memcpy(node + h->links_at - sizeof(void *) - sizeof(float), &q->norm, sizeof(float));
}

uint32_t hnsw_node_new(struct hnsw *h, const struct hnsw_query *q, void *item, unsigned level)
{
    uint32_t id = take_id(h);
    store_vector(h, id, q);
    *hnsw_base(h, id) = (struct hnsw_links){.level = (uint8_t)level};
    if (level) {
        size_t bytes = upper_bytes(h, level);
        struct hnsw_upper *upper = mem_calloc(bytes);
        upper->item = item;
        h->upper_bytes += mem_usable(upper);
        item = upper;
    }
    set_pointer(h, id, item);
    h->count++;
    return id;
}

void hnsw_node_free(struct hnsw *h, uint32_t id)
{
    struct hnsw_links *base = hnsw_base(h, id);
    if (base->level) {
        void *upper = hnsw_pointer(h, id);
        h->upper_bytes -= mem_usable(upper);
        mem_free(upper);
    }
    base->level = HNSW_FREE;
    base->n = 0;
    base->id[0] = h->free_list;
    h->free_list = id;
    h->count--;
}

struct hnsw *hnsw_dup(const struct hnsw *h)
{
    struct hnsw *copy = mem_alloc(sizeof *copy);
    *copy = *h;
    copy->cap = h->used;
    copy->nodes = h->used ? mem_alloc_pages(h->used * h->stride) : NULL;
    mem_huge_pages(copy->nodes, h->used * h->stride);
    if (h->used)
        memcpy(copy->nodes, h->nodes, h->used * h->stride);
    copy->upper_bytes = 0;
    for (uint32_t id = hnsw_next(h, 0); id != HNSW_NONE; id = hnsw_next(h, id + 1)) {
        unsigned level = hnsw_base(h, id)->level;
        if (level == 0)
            continue;
        void *upper = mem_alloc(upper_bytes(h, level));
        memcpy(upper, hnsw_pointer(h, id), upper_bytes(h, level));
        copy->upper_bytes += mem_usable(upper);
        set_pointer(copy, id, upper);
    }
    return copy;
}

/* ---- what a node shows ------------------------------------------------------------------------- */

void *hnsw_item(const struct hnsw *h, uint32_t id)
{
    void *p = hnsw_pointer(h, id);
    return hnsw_base(h, id)->level ? ((struct hnsw_upper *)p)->item : p;
}

void hnsw_set_item(struct hnsw *h, uint32_t id, void *item)
{
    if (hnsw_base(h, id)->level)
        ((struct hnsw_upper *)hnsw_pointer(h, id))->item = item;
    else
        set_pointer(h, id, item);
}

unsigned hnsw_level(const struct hnsw *h, uint32_t id)
{
    return hnsw_base(h, id)->level;
}

size_t hnsw_links(const struct hnsw *h, uint32_t id, unsigned level, const uint32_t **ids)
{
    const struct hnsw_links *l = hnsw_level_links(h, id, level);
    *ids = l->id;
    return l->n;
}

const void *hnsw_stored(const struct hnsw *h, uint32_t id)
{
    return hnsw_node(h, id);
}

size_t hnsw_stored_bytes(const struct hnsw *h)
{
    return h->vector_bytes;
}

float hnsw_scale(const struct hnsw *h, uint32_t id)
{
    return hnsw_floats(h, id)[0];
}

float hnsw_norm(const struct hnsw *h, uint32_t id)
{
    return hnsw_floats(h, id)[1];
}

void hnsw_values(const struct hnsw *h, uint32_t id, float *values)
{
    const uint8_t *at = hnsw_node(h, id);
    float scale = hnsw_scale(h, id), norm = hnsw_norm(h, id);
    for (uint32_t i = 0; i < h->dim; i++) {
        if (h->form == HNSW_F32)
            values[i] = ((const float *)(const void *)at)[i] * norm;
        else if (h->form == HNSW_INT8)
            values[i] = (float)((int)at[i] - 128) * scale * norm;
        else
            values[i] = at[i / 8] >> (i % 8) & 1 ? 1 : -1;
    }
}

uint32_t hnsw_next(const struct hnsw *h, uint32_t from)
{
    for (uint32_t id = from; id < h->used; id++) {
        if (hnsw_base(h, id)->level != HNSW_FREE)
            return id;
    }
    return HNSW_NONE;
}

/* ---- queries --------------------------------------------------------------------------------- */

static double length_of(const float *values, uint32_t dim)
{
    double sum = 0;
    for (uint32_t i = 0; i < dim; i++)
        sum += (double)values[i] * (double)values[i];
    return sqrt(sum);
}

/* What a step is worth is set so that the rounded vector has the length 1 again: it is at distance 0 from itself. */
static void quantise(struct hnsw_query *q, const float *values, double by, uint32_t dim)
{
    float range = 0;
    for (uint32_t i = 0; i < dim; i++)
        range = fmaxf(range, fabsf((float)(values[i] * by)));
    q->scale = range / 127;
    int32_t sum = 0;
    int64_t squares = 0;
    for (uint32_t i = 0; i < dim; i++) {
        float step = range > 0 ? roundf((float)(values[i] * by) / q->scale) : 0;
        int8_t byte = (int8_t)fmaxf(-127, fminf(127, step));
        ((int8_t *)q->data)[i] = byte;
        sum += byte;
        squares += byte * byte;
    }
    q->bias = 128 * sum;
    q->scale = squares ? (float)(1 / sqrt((double)squares)) : 0;
}

void hnsw_query_init(struct hnsw_query *q, const struct hnsw *h, const float *values)
{
    double norm = length_of(values, h->dim), by = norm > 0 ? 1 / norm : 0;
    *q = (struct hnsw_query){.data = mem_calloc(h->vector_bytes), .scale = 1, .norm = (float)norm};
    if (h->form == HNSW_INT8) {
        quantise(q, values, by, h->dim);
        return;
    }
    for (uint32_t i = 0; i < h->dim; i++) {
        if (h->form == HNSW_F32)
            ((float *)q->data)[i] = (float)(values[i] * by);
        else if (values[i] > 0)
            ((uint8_t *)q->data)[i / 8] |= (uint8_t)(1u << (i % 8));
    }
}

static int32_t bias_of(const int8_t *data, size_t n)
{
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += data[i];
    return 128 * sum;
}

void hnsw_query_of_stored(struct hnsw_query *q, const struct hnsw *h, const void *stored,
                          float scale, float norm)
{
    *q = (struct hnsw_query){.data = mem_alloc(h->vector_bytes), .scale = scale, .norm = norm};
    if (h->form != HNSW_INT8) {
        memcpy(q->data, stored, h->vector_bytes);
        return;
    }
    flip_signs(q->data, stored, h->vector_bytes);
    q->bias = bias_of(q->data, h->vector_bytes);
}

void hnsw_query_of_node(struct hnsw_query *q, const struct hnsw *h, uint32_t id)
{
    hnsw_query_of_stored(q, h, hnsw_node(h, id), hnsw_scale(h, id), hnsw_norm(h, id));
}

void hnsw_query_release(struct hnsw_query *q)
{
    mem_free(q->data);
    q->data = NULL;
}

void hnsw_borrow_query(struct hnsw_query *q, const struct hnsw *h, uint32_t id, void *room)
{
    *q = (struct hnsw_query){.data = hnsw_node(h, id), .scale = hnsw_scale(h, id)};
    if (h->form != HNSW_INT8)
        return;
    flip_signs(room, hnsw_node(h, id), h->vector_bytes);
    q->data = room;
    q->bias = bias_of(room, h->vector_bytes);
}
