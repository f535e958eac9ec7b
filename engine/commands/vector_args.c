#include "commands/vector_args.h"

#include <math.h>

void vector_refuse(struct exec *x, const char *text)
{
    reply_errorf(x->reply, ERROR_GENERIC, "%s", text);
}

/* ---- vectors --------------------------------------------------------------------------------- */

static bool from_blob(struct exec *x, int at, struct vector_arg *v)
{
    if (at >= x->argc || x->argv[at].n % sizeof(float) || x->argv[at].n == 0 ||
        x->argv[at].n / sizeof(float) > HNSW_DIM_MAX)
        return false;
    v->dim = (uint32_t)(x->argv[at].n / sizeof(float));
    v->end = at + 1;
    float *values = exec_alloc(x, x->argv[at].n);
    memcpy(values, x->argv[at].p, x->argv[at].n);
    v->values = values;
    for (uint32_t i = 0; i < v->dim; i++) {
        if (!isfinite(values[i]))
            return false;
    }
    return true;
}

static bool number(struct exec *x, int at, float *value)
{
    double d;
    if (at >= x->argc || !num_parse_double(x->argv[at], &d) || !isfinite((float)d))
        return false;
    *value = (float)d;
    return true;
}

/* `dim` numbers from argument `at` on. */
static bool from_numbers(struct exec *x, int at, uint32_t dim, struct vector_arg *v)
{
    float *values = exec_alloc(x, dim * sizeof *values);
    for (uint32_t i = 0; i < dim; i++) {
        if (!number(x, at + (int)i, &values[i]))
            return false;
    }
    v->values = values;
    v->dim = dim;
    v->end = at + (int)dim;
    return true;
}

static bool counted(struct exec *x, int at, struct vector_arg *v)
{
    int64_t n;
    return at < x->argc && num_parse_int(x->argv[at], &n) && n > 0 && n <= HNSW_DIM_MAX &&
           n < x->argc - at && from_numbers(x, at + 1, (uint32_t)n, v);
}

/* Words that are numbers elsewhere, but no values of a vector. */
static bool infinite(const struct exec *x, int at)
{
    double d;
    return at < x->argc && (num_parse_double(x->argv[at], &d) || exec_is(x, at, "nan") ||
                            exec_is(x, at, "-nan"));
}

static bool uncounted(struct exec *x, int at, struct vector_arg *v)
{
    uint32_t n = 0;
    float value;
    while (n < HNSW_DIM_MAX && number(x, at + (int)n, &value))
        n++;
    return n > 0 && !infinite(x, at + (int)n) && from_numbers(x, at, n, v);
}

bool vector_arg(struct exec *x, int at, struct vector_arg *v)
{
    bool good = exec_is(x, at, "FP32")     ? from_blob(x, at + 1, v)
                : exec_is(x, at, "VALUES") ? counted(x, at + 1, v) || uncounted(x, at + 1, v)
                                           : false;
    if (!good)
        vector_refuse(x, "invalid vector specification");
    return good;
}

/* ---- sets ------------------------------------------------------------------------------------ */

bool vector_read(struct exec *x, struct vectorset **v)
{
    void *object;
    if (!exec_read_object(x, 0, TYPE_VECTORSET, &object))
        return false;
    *v = object;
    return true;
}

bool vector_peek(struct exec *x, struct vectorset **v)
{
    void *object;
    if (!exec_peek_object(x, 0, TYPE_VECTORSET, &object))
        return false;
    *v = object;
    return true;
}

bool vector_fits(struct exec *x, const struct vectorset *v, uint32_t dim, bool reduced)
{
    if (dim == vectorset_input_dim(v) || (reduced && dim == v->graph->dim))
        return true;
    if (v->projection)
        reply_errorf(x->reply, ERROR_DIMENSION,
                     "Input dimension mismatch for projection - got %u but projection expects %u",
                     dim, v->input_dim);
    else
        reply_errorf(x->reply, ERROR_DIMENSION, "Vector dimension mismatch - got %u but set has %u",
                     dim, v->graph->dim);
    return false;
}

void vector_unpin(struct vectorset *v)
{
    if (atomic_load_explicit(&v->pins, memory_order_acquire) == 1)
        keyspace_discard(TYPE_VECTORSET, v);
    else
        vectorset_unpin(v);
}

/* ---- writes ---------------------------------------------------------------------------------- */

static bool outside(struct exec *x, void *ctx)
{
    struct vector_write *w = ctx;
    if (w->prepare) {
        if (x->stepped_out)
            reserve_lock_shared(&w->set->lock);
        w->prepare(x, w);
        if (x->stepped_out)
            reserve_lock_unshared(&w->set->lock);
    }
    if (x->stepped_out)
        reserve_lock_reserve(&w->set->lock);
    w->reserved = x->stepped_out;
    return true;
}

void vector_write(struct exec *x, struct vector_write *w, struct vectorset *v,
                  vector_prepare *prepare)
{
    w->set = v;
    w->prepare = prepare;
    vectorset_pin(v);
    exec_outside(x, outside, w);
}

struct vectorset *vector_write_begin(struct exec *x, struct vector_write *w)
{
    const struct entry *e = exec_peek(x, 0);
    if (e && e->type == TYPE_VECTORSET && entry_object(e) == w->set) {
        if (!w->reserved)
            reserve_lock_exclude(&w->set->lock);
        return w->set;
    }
    reserve_lock_unreserve(&w->set->lock); /* only without the locks can it have gone */
    vector_unpin(w->set);
    x->stepped_out = false;
    x->resumed = NULL;
    return NULL;
}

void vector_write_end(struct vector_write *w)
{
    if (w->reserved)
        reserve_lock_unreserve(&w->set->lock);
    else
        reserve_lock_include(&w->set->lock);
    vector_unpin(w->set);
}
