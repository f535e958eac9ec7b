/* ATR.VPROJECT: a picture of a vector set, elements along the two axes on which they differ most.
 *
 * Vectors are taken as they are searched, without their lengths. A set of more than COUNT elements is
 * sampled: other elements each time. The work runs without the key's shard. */
#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "commands/vector_args.h"
#include "ds/principal.h"

#define COUNT_DEFAULT 500
#define COUNT_MAX     5000
#define VALUES_MAX    ((size_t)1 << 20) /* of all vectors in the sample */

struct point {
    struct bytes name, attributes;
};

struct project {
    struct vectorset *set; /* pinned */
    int64_t count;
    bool with_attributes;
    size_t n, total, dim;
    struct point *points;
    float *rows, *xy;
    double share[2];
};

/* ---- the sample ------------------------------------------------------------------------------ */

static struct bytes copy(struct exec *x, struct bytes s)
{
    char *to = exec_alloc(x, s.n);
    if (s.n)
        memcpy(to, s.p, s.n);
    return bytes_of(to, s.n);
}

static void take(struct exec *x, struct project *p, uint32_t id)
{
    const struct vector_element *e = vectorset_element(p->set, id);
    float *row = p->rows + p->n * p->dim;
    double length = 0;
    p->points[p->n] = (struct point){.name = copy(x, vector_element_name(e))};
    if (p->with_attributes)
        p->points[p->n].attributes = copy(x, vector_element_attributes(e));
    hnsw_values(p->set->graph, id, row);
    for (size_t i = 0; i < p->dim; i++)
        length += (double)row[i] * (double)row[i];
    for (size_t i = 0; i < p->dim && length > 0; i++)
        row[i] = (float)((double)row[i] / sqrt(length));
    p->n++;
}

/* Different elements, each choice as likely as another (Knuth's algorithm S). */
static void sample(struct exec *x, struct project *p)
{
    p->dim = p->set->graph->dim;
    p->total = vectorset_count(p->set);
    size_t want = (size_t)p->count, most = VALUES_MAX / p->dim;
    want = want < p->total ? want : p->total;
    want = want < most ? want : most;
    p->points = exec_alloc(x, want * sizeof *p->points);
    p->rows = mem_alloc(want * p->dim * sizeof *p->rows);
    for (size_t i = 0; i < p->total && p->n < want; i++)
        if (rng_below(p->total - i) < want - p->n)
            take(x, p, vectorset_at(p->set, i));
}

/* ---- the command ----------------------------------------------------------------------------- */

static void reply_point(struct exec *x, const struct project *p, size_t i)
{
    reply_array(x->reply, p->with_attributes ? 4 : 3);
    reply_bulk(x->reply, p->points[i].name);
    reply_double(x->reply, (double)p->xy[2 * i]);
    reply_double(x->reply, (double)p->xy[2 * i + 1]);
    if (p->with_attributes && p->points[i].attributes.n)
        reply_bulk(x->reply, p->points[i].attributes);
    else if (p->with_attributes)
        reply_null(x->reply);
}

static void reply_picture(struct exec *x, const struct project *p)
{
    reply_map(x->reply, 3);
    reply_simple(x->reply, "total");
    reply_int(x->reply, (int64_t)p->total);
    reply_simple(x->reply, "variance");
    reply_array(x->reply, 2);
    reply_double(x->reply, p->share[0]);
    reply_double(x->reply, p->share[1]);
    reply_simple(x->reply, "points");
    reply_array(x->reply, p->n);
    for (size_t i = 0; i < p->n; i++)
        reply_point(x, p, i);
}

static bool project_outside(struct exec *x, void *ctx)
{
    struct project *p = ctx;
    if (x->stepped_out)
        reserve_lock_shared(&p->set->lock);
    sample(x, p);
    if (x->stepped_out)
        reserve_lock_unshared(&p->set->lock);
    vector_unpin(p->set);
    p->xy = exec_alloc(x, p->n * 2 * sizeof *p->xy);
    principal_picture(p->rows, p->n, p->dim, p->xy, p->share);
    mem_free(p->rows);
    reply_picture(x, p);
    return false;
}

static bool parse(struct exec *x, struct project *p)
{
    *p = (struct project){.count = COUNT_DEFAULT};
    for (int i = 2; i < x->argc; i++) {
        if (exec_is(x, i, "WITHATTRIBS")) {
            p->with_attributes = true;
        } else if (!exec_is(x, i, "COUNT") || i + 1 == x->argc) {
            reply_error(x->reply, ERROR_SYNTAX);
            return false;
        } else if (!num_parse_int(x->argv[++i], &p->count) || p->count < 1 ||
                   p->count > COUNT_MAX) {
            vector_refuse(x, "invalid COUNT");
            return false;
        }
    }
    return true;
}

static void cmd_atr_vproject(struct exec *x)
{
    struct project *p = exec_alloc(x, sizeof *p);
    if (!parse(x, p) || !vector_read(x, &p->set))
        return;
    if (!p->set) {
        reply_null(x->reply);
        return;
    }
    vectorset_pin(p->set);
    exec_outside(x, project_outside, p);
}

const struct command_row vector_project_commands[] = {
    {"atr.vproject", cmd_atr_vproject, -2, "readonly", VECTOR_ACL, ONE_KEY "RO+ACCESS", "0.1.0",
     VECTOR_GROUP, "key [COUNT count] [WITHATTRIBS]",
     "Places a sample of the elements along the two axes on which they differ most."},
    {0},
};
