/* Vector sets, as Redis 8's module type "vectorset" version 0 has them:
 *
 *   id of the module type; then parts, each a kind (2 unsigned, 5 string) and what it says:
 *   dim, elements, form | M << 8, flags; with a projection: input dim and the matrix, f32 row by row
 *   for each element: name, attributes (where any has them), the vector, how many numbers follow, and these:
 *     node id, level | version << 24, for each level: links, room for links, the linked ids, and from version 1 on the
 *     worst link; at last norm | range << 32, as the bits of floats
 *   0
 *
 * Written is version 0 of the nodes, without the worst links, which Redis then finds by itself. Links are taken as they
 * stand where they make a sound graph (ds/hnsw.h asks for more than Redis does); else the graph is built anew. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "persist/rdb_value.h"
#include "types/vectorset.h"

enum { PART_END = 0, PART_UNSIGNED = 2, PART_STRING = 5 };
enum { HAS_PROJECTION = 1, HAS_ATTRIBUTES = 2 };

#define LEVEL_BITS   8
#define VERSION_AT   24
#define NEWEST_KNOWN 1

/* Nine letters of 6 bits, and 10 bits of version: 0. */
static uint64_t module_id(void)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint64_t id = 0;
    for (const char *c = "vectorset"; *c; c++)
        id = id << 6 | (uint64_t)(strchr(letters, *c) - letters);
    return id << 10;
}

static unsigned form_number(enum hnsw_form form)
{
    return form == HNSW_F32 ? 0 : form == HNSW_INT8 ? 1 : 2;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void write_unsigned(struct rdb_writer *w, uint64_t v)
{
    rdb_write_length(w, PART_UNSIGNED);
    rdb_write_length(w, v);
}

static void write_string(struct rdb_writer *w, struct bytes s)
{
    rdb_write_length(w, PART_STRING);
    rdb_write_string(w, s);
}

/* In Redis's bytes: int8 signed, bits in words of 8 bytes. */
static void write_vector(struct rdb_writer *w, const struct hnsw *h, uint32_t id)
{
    size_t n = hnsw_stored_bytes(h), whole = h->form == HNSW_BITS ? (n + 7) / 8 * 8 : n;
    uint8_t *raw = mem_calloc(whole);
    memcpy(raw, hnsw_stored(h, id), n);
    for (size_t i = 0; h->form == HNSW_INT8 && i < n; i++)
        raw[i] ^= 0x80;
    write_string(w, bytes_of(raw, whole));
    mem_free(raw);
}

static uint32_t float_bits(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static void write_node(struct rdb_writer *w, const struct hnsw *h, uint32_t id)
{
    const uint32_t *ids;
    unsigned levels = hnsw_level(h, id) + 1;
    size_t numbers = 3 + 2 * (size_t)levels;
    for (unsigned level = 0; level < levels; level++)
        numbers += hnsw_links(h, id, level, &ids);
    write_unsigned(w, numbers);
    write_unsigned(w, id);
    write_unsigned(w, levels - 1);
    for (unsigned level = 0; level < levels; level++) {
        size_t n = hnsw_links(h, id, level, &ids);
        write_unsigned(w, n);
        write_unsigned(w, level ? h->m : 2 * h->m);
        for (size_t i = 0; i < n; i++)
            write_unsigned(w, ids[i]);
    }
    float range = h->form == HNSW_INT8 ? hnsw_scale(h, id) * 127 : 0;
    write_unsigned(w, (uint64_t)float_bits(range) << 32 | float_bits(hnsw_norm(h, id)));
}

void rdb_write_vectorset(struct rdb_writer *w, const struct vectorset *v)
{
    const struct hnsw *h = v->graph;
    bool attributes = v->with_attributes > 0;
    rdb_write_length(w, module_id());
    write_unsigned(w, h->dim);
    write_unsigned(w, h->count);
    write_unsigned(w, form_number(h->form) | h->m << 8);
    write_unsigned(w, (v->projection ? HAS_PROJECTION : 0) | (attributes ? HAS_ATTRIBUTES : 0));
    if (v->projection) {
        write_unsigned(w, v->input_dim);
        write_string(w, bytes_of(v->projection, (size_t)h->dim * v->input_dim * sizeof(float)));
    }
    for (uint32_t id = hnsw_next(h, 0); id != HNSW_NONE; id = hnsw_next(h, id + 1)) {
        const struct vector_element *e = vectorset_element(v, id);
        write_string(w, vector_element_name(e));
        if (attributes)
            write_string(w, vector_element_attributes(e));
        write_vector(w, h, id);
        write_node(w, h, id);
    }
    rdb_write_length(w, PART_END);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* A node's number in the file, and here. */
struct named {
    uint64_t id;
    uint32_t node;
};

struct reading {
    struct rdb_reader *r;
    struct vectorset *v;
    uint64_t flags;
    size_t n;
    struct named *nodes; /* n, in the order of the file */
    struct buf
        links; /* for each node: for each level the number of links, then their ids; all uint64_t */
};

static bool read_unsigned(struct rdb_reader *r, uint64_t max, uint64_t *v)
{
    uint64_t kind;
    return rdb_read_length(r, &kind) && kind == PART_UNSIGNED && rdb_read_length(r, v) && *v <= max;
}

static bool read_string(struct rdb_reader *r, struct rdb_text *t)
{
    uint64_t kind;
    return rdb_read_length(r, &kind) && kind == PART_STRING && rdb_read_text(r, t);
}

/* Stored vectors have the length 1, so their components are at most 1, and rounding. */
#define COMPONENT_MAX 2.0f

/* No NaN is. */
static bool all_within(struct bytes floats, float most)
{
    for (size_t i = 0; i < floats.n; i += sizeof(float)) {
        float f;
        memcpy(&f, floats.p + i, sizeof f);
        if (!(fabsf(f) <= most))
            return false;
    }
    return true;
}

static bool read_projection(struct reading *in)
{
    struct rdb_text matrix;
    uint64_t dim;
    if (!read_unsigned(in->r, HNSW_DIM_MAX, &dim) || dim == 0 || !read_string(in->r, &matrix))
        return false;
    size_t n = (size_t)dim * in->v->graph->dim * sizeof(float);
    bool ok = matrix.s.n == n && all_within(matrix.s, FLT_MAX);
    if (ok) {
        in->v->input_dim = (uint32_t)dim;
        in->v->projection = mem_alloc(n);
        memcpy(in->v->projection, matrix.s.p, n);
    }
    rdb_text_release(&matrix);
    return ok;
}

/* What stands before the elements. Each of these takes 16 bytes and more. */
static bool read_head(struct reading *in)
{
    static const enum hnsw_form forms[] = {HNSW_F32, HNSW_INT8, HNSW_BITS};
    uint64_t dim, n, shape;
    if (!read_unsigned(in->r, HNSW_DIM_MAX, &dim) || dim == 0 ||
        !read_unsigned(in->r, rdb_left(in->r) / 16, &n) || n == 0 ||
        !read_unsigned(in->r, UINT32_MAX, &shape) || !read_unsigned(in->r, 3, &in->flags))
        return false;
    uint64_t form = shape & 0xFF, m = shape >> 8;
    if (form > 2 || m < HNSW_M_MIN || m > HNSW_M_MAX)
        return false;
    in->n = n;
    in->v = vectorset_new((uint32_t)dim, (uint32_t)m, forms[form], 0);
    in->nodes = mem_alloc(n * sizeof *in->nodes);
    return !(in->flags & HAS_PROJECTION) || read_projection(in);
}

/* Links of one level, kept for later. */
static bool read_links(struct reading *in, unsigned version, uint64_t *numbers)
{
    uint64_t n, v;
    if (!read_unsigned(in->r, UINT16_MAX, &n) || !read_unsigned(in->r, UINT32_MAX, &v))
        return false;
    buf_add(&in->links, &n, sizeof n);
    for (uint64_t i = 0; i < n; i++) {
        if (!read_unsigned(in->r, UINT64_MAX, &v))
            return false;
        buf_add(&in->links, &v, sizeof v);
    }
    *numbers += 2 + n + version;
    return version == 0 || read_unsigned(in->r, UINT64_MAX, &v);
}

/* A node's numbers; its level, scale and norm. */
static bool read_node(struct reading *in, size_t i, unsigned *level, float *scale, float *norm)
{
    uint64_t numbers, seen = 3, v;
    if (!read_unsigned(in->r, UINT32_MAX, &numbers) ||
        !read_unsigned(in->r, UINT64_MAX, &in->nodes[i].id) ||
        !read_unsigned(in->r, UINT32_MAX, &v))
        return false;
    unsigned version = (unsigned)(v >> VERSION_AT);
    *level = (unsigned)(v & ((1u << LEVEL_BITS) - 1));
    if (version > NEWEST_KNOWN || *level >= HNSW_LEVELS)
        return false;
    for (unsigned l = 0; l <= *level; l++) {
        if (!read_links(in, version, &seen))
            return false;
    }
    if (!read_unsigned(in->r, UINT64_MAX, &v) || seen != numbers)
        return false;
    uint32_t bits[2] = {(uint32_t)v, (uint32_t)(v >> 32)};
    memcpy(norm, &bits[0], sizeof *norm);
    memcpy(scale, &bits[1], sizeof *scale);
    *scale = in->v->graph->form == HNSW_INT8 ? *scale / 127 : 1;
    return isfinite(*norm) && *scale >= 0 && *scale <= COMPONENT_MAX;
}

static bool take_element(struct reading *in, size_t i, struct bytes name, struct bytes attributes,
                         struct bytes vector)
{
    const struct hnsw *h = in->v->graph;
    size_t bytes = hnsw_stored_bytes(h), whole = h->form == HNSW_BITS ? (bytes + 7) / 8 * 8 : bytes;
    unsigned level;
    float scale, norm;
    if (vector.n != whole || (h->form == HNSW_F32 && !all_within(vector, COMPONENT_MAX)) ||
        !read_node(in, i, &level, &scale, &norm))
        return false;
    uint8_t *stored = mem_alloc(bytes);
    memcpy(stored, vector.p, bytes);
    for (size_t k = 0; h->form == HNSW_INT8 && k < bytes; k++)
        stored[k] ^= 0x80;
    struct hnsw_query q;
    hnsw_query_of_stored(&q, h, stored, scale, norm);
    in->nodes[i].node = (uint32_t)i;
    bool ok = vectorset_restore(in->v, &q, level, name, attributes);
    hnsw_query_release(&q);
    mem_free(stored);
    return ok;
}

static bool read_element(struct reading *in, size_t i)
{
    struct rdb_text name, attributes = {0}, vector;
    if (!read_string(in->r, &name))
        return false;
    bool ok = !(in->flags & HAS_ATTRIBUTES) || read_string(in->r, &attributes);
    if (ok && read_string(in->r, &vector)) {
        ok = take_element(in, i, name.s, attributes.s, vector.s);
        rdb_text_release(&vector);
    } else {
        ok = false;
    }
    rdb_text_release(&name);
    rdb_text_release(&attributes);
    return ok;
}

/* ---- links ----------------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static uint64_t next_number(const char **at)
{
    uint64_t v;
    memcpy(&v, *at, sizeof v);
    *at += sizeof v;
    return v;
}

/* False: they do not make a sound graph. */
static bool link_all(struct reading *in)
{
    struct hnsw *h = in->v->graph;
    const char *at = in->links.p;
    qsort(in->nodes, in->n, sizeof *in->nodes, by_id);
    for (uint32_t id = 0; id < in->n; id++) {
        for (unsigned level = 0; level <= hnsw_level(h, id); level++) {
            for (uint64_t n = next_number(&at); n > 0; n--) {
                struct named key = {.id = next_number(&at)};
                const struct named *to = bsearch(&key, in->nodes, in->n, sizeof key, by_id);
                if (!to || !hnsw_restore_link(h, id, level, to->node))
                    return false;
            }
        }
    }
    return hnsw_restore_end(h);
}

#define BUILD_EF 200

/* The same elements in a graph of our own making. */
static void rebuild(struct reading *in)
{
    struct vectorset *old = in->v;
    const struct hnsw *h = old->graph;
    in->v = vectorset_new(h->dim, h->m, h->form, 0);
    in->v->input_dim = old->input_dim;
    in->v->projection = old->projection;
    old->projection = NULL;
    for (uint32_t id = hnsw_next(h, 0); id != HNSW_NONE; id = hnsw_next(h, id + 1)) {
        const struct vector_element *e = vectorset_element(old, id);
        struct hnsw_query q;
        struct hnsw_plan plan;
        hnsw_query_of_node(&q, h, id);
        hnsw_plan_begin(&plan, in->v->graph);
        vectorset_add(in->v, vector_element_name(e), &q, BUILD_EF, &plan);
        hnsw_query_release(&q);
        if (e->attributes_n)
            vectorset_set_attributes(in->v, vectorset_find(in->v, vector_element_name(e)),
                                     vector_element_attributes(e));
    }
    vectorset_unpin(old);
}

static bool read_all(struct reading *in)
{
    uint64_t end;
    if (!read_head(in))
        return false;
    for (size_t i = 0; i < in->n; i++) {
        if (!read_element(in, i))
            return false;
    }
    if (!rdb_read_length(in->r, &end) || end != PART_END)
        return false;
    if (!link_all(in))
        rebuild(in);
    return true;
}

struct vectorset *rdb_read_vectorset(struct rdb_reader *r)
{
    struct reading in = {.r = r};
    const uint8_t *from = r->at;
    uint64_t id;
    if (!rdb_read_length(r, &id) || id != module_id()) {
        r->at = from; /* another module's: whoever asks can say which */
        return NULL;
    }
    bool ok = read_all(&in);
    mem_free(in.nodes);
    buf_release(&in.links);
    if (!ok && in.v)
        vectorset_unpin(in.v);
    return ok ? in.v : NULL;
}
